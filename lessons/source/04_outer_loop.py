# %% [markdown]
# # 04. How do you find thirteen parameters at once? The outer loop
#
# *75 minutes. You need: econometrics through instrumental variables and GMM; NumPy. It leans on lesson 01 (taste deviations and
# shares), 02 (share inversion) and 03 (concentrated GMM). The module of this lesson is `blpteach/outer_loop.py`, Step 4; the results
# are described by `blpteach/estimates.py`.*

# %% [markdown]
# ## The question
#
# Nevo's guide to this method (2000) reports estimates of a demand for cereals. The price coefficient is $-32.4$. Many students have
# since run the same model on the same table. Those who let the computer search until it could do no better found $-62.7$.
#
# Both numbers are about the same 2,256 rows, the same model and the same instruments. Which is right, why do they differ, and does it
# matter? To answer you estimate the model yourself: thirteen nonlinear parameters, in a fraction of a second.
#
# The data are *artificial*. Nevo distributes them so that everybody can practise on one table. They say nothing about real cereals.

# %% [markdown]
# ## What you will be able to do
#
# - Assemble the BLP objective from Steps 1 to 3, in eight lines.
# - Derive its gradient and check it.
# - Search by Gauss-Newton, and say why it suits this problem better than BFGS or Nelder-Mead.
# - Tell an optimum from a place where a search stopped.
# - Compute standard errors that count the nonlinear parameters as estimated, and say what goes wrong otherwise.
# - Say which results of a model are well determined even where a parameter is not.

# %%
import numpy as np
import pandas as pd
from scipy.optimize import least_squares, minimize

import blpteach
from blpteach.plots import search as plots

# %% [markdown]
# ## Build it
#
# ### Thirteen parameters
#
# A consumer of type $i$ in market $t$ gets utility $\delta_{jt} + \mu_{ijt} + \varepsilon_{ijt}$ from product $j$. All consumers share the mean
# utility $\delta_{jt}$. The taste deviation is
#
# $$\mu_{ijt} = \sum_k x_{2,jtk} \Big(\sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id}\Big). \tag{1.2}$$
#
# - $x_{2,jt}$ (`X2`) holds the characteristics for which tastes differ: a constant, price, sugar, mushy.
# - $\nu_i$ are four draws from the standard normal (the nodes), one for each characteristic.
# - $y_i$ are demographics: log income, its square, log age, and whether the person is a child, each less its mean.
# - $\sigma$ and $\pi$ are the **nonlinear parameters**, together $\theta_2$ (`theta2`).
#
# In code `Gamma = [sigma, pi]` stand side by side, shape (K2, L + D), and so do `tastes = [nodes, demographics]`. Nevo set some elements of
# $\pi$ to zero. What is zero in the starting values stays zero.

# %%
from blpteach.examples import cereal

problem, start = cereal()
Gamma = np.hstack([start["sigma"], start["pi"]])            # (K2, L + D)
pd.DataFrame(Gamma, problem.X2_names, problem.node_names + problem.demographic_names)

# %% [markdown]
# These are the starting values that Nevo gives. Count the elements that are not zero: four of $\sigma$, nine of $\pi$.
#
# `problem.theta2` remembers where the free elements stand. `free.start` is the vector $\theta_2$, shape (P,) with P = 13, and `free.matrix(theta2)`
# puts a vector back into its places.

# %%
free = problem.theta2(start["sigma"], start["pi"])
names = problem.theta2_names(free)
assert len(free.start) == 13 and np.allclose(free.matrix(free.start)[1, 4:], start["pi"][1])
pd.Series(free.start, names)

# %% [markdown]
# ### From parameters to one number
#
# Where in all this is $\beta$, the mean taste for price? Nowhere, and that is the trick of the method. Pick any $\theta_2$. Then
#
# - Step 1 gives $\mu$, by (1.2).
# - Step 2 gives the only $\delta$ at which the model's shares are the observed ones, $S$:
#
# $$s\big(\delta(\theta_2), \mu(\theta_2)\big) = S. \tag{4.1}$$
#
# - Step 3 gives the best $\beta$ for that $\delta$, by a linear formula.
#
# So the objective is a function of $\theta_2$ alone. Lesson 03 found a fixed matrix, `moment_map` (M, N), that does Step 3 in one product:
# it takes $\delta$ to weighted moments from which $\beta$ is already concentrated out. (A second one, `beta_map`, gives $\beta$ itself.) Call what comes out $r$, shape (M,):
#
# $$r(\theta_2) = \mathtt{moment\_map}\;\delta(\theta_2), \qquad q(\theta_2) = r'r. \tag{4.2}$$
#
# Here is Step 3, done once. `X1` (price) and `Z` (20 instruments) are net of product effects.

# %%
W = blpteach.weighting_2sls(problem.Z)                      # (M, M)
beta_map, moment_map = blpteach.concentrate(problem.X1, problem.Z, W)
assert moment_map.shape == (20, 2256) and beta_map.shape == (1, 2256)
print("moment_map", moment_map.shape, "  beta_map", beta_map.shape)

# %% [markdown]
# All 94 markets have 24 products, so they form one stack, `problem.blocks[0]`. Its `index` (T, J) says which row of the table each
# product is. Now the objective.

# %%
block = problem.blocks[0]

def mean_utilities(theta2, tolerance=1e-13):
    mu = blpteach.taste_deviations(block.X2, block.tastes, free.matrix(theta2))  # (1.2)
    inversion = blpteach.invert_shares(block.shares, mu, block.weights, tolerance=tolerance)
    return inversion.delta, mu                                  # (4.1)  (T, J), (T, J, I)

def objective(theta2):
    delta, flat = mean_utilities(theta2)[0], np.empty(problem.N)
    flat[block.index] = delta                                   # (N,)
    r = moment_map @ flat                                       # (4.2)  (M,)
    return r @ r

# %%
at_start = objective(free.start)
assert abs(at_start - 29.353343) < 1e-5
print(f"objective at Nevo's starting values: {at_start:.6g}")

# %% [markdown]
# Is that the number that the library computes? `problem.evaluate` does what an estimation does, without a search.

# %%
library = problem.evaluate(start["sigma"], start["pi"])
assert np.isclose(library.objective, at_start)
print(f"the library's: {library.objective:.6g}, with a price coefficient of {library.beta[0]:.2f}")

# %% [markdown]
# This is how the library does Steps 1 and 2 for all blocks. It also computes the Jacobian, to which we come now.

# %%
blpteach.show(blpteach.solve_delta)

# %% [markdown]
# ### The slope
#
# A search wants to know which way is down. In (4.2) only $\delta$ depends on $\theta_2$, so the derivative of $r$ goes through the same matrix:
#
# $$R = \frac{\partial r}{\partial \theta_2} = \mathtt{moment\_map}\;\frac{\partial \delta}{\partial \theta_2} \qquad (M \times P), \tag{4.3}$$
#
# and the gradient of the sum of squares is
#
# $$\frac{\partial q}{\partial \theta_2} = 2 R'r. \tag{4.4}$$
#
# The derivative of $\delta$ comes from lesson 02, equation (2.7). Shares are data and can't move. If a larger $\theta_2$ pushes a share up, $\delta$ must come down
# to hold it. The library's `delta_jacobian` computes that for all parameters at once.

# %%
def residuals(theta2, tolerance=1e-13):
    found, mu = mean_utilities(theta2, tolerance)
    P = blpteach.choice_probabilities(found, mu)                # (T, J, I)
    slopes = blpteach.delta_jacobian(P, blpteach.buyers(P, block.weights), block.X2,
                                     block.tastes, free.rows, free.columns)     # (2.7)  (T, J, P)
    delta, jacobian = np.empty(problem.N), np.empty((problem.N, len(theta2)))
    delta[block.index], jacobian[block.index] = found, slopes
    return moment_map @ delta, moment_map @ jacobian            # (4.2), (4.3)

# %% [markdown]
# Never trust a derivative that you have not checked. Move each parameter a little to both sides and compare.

# %%
r, R = residuals(free.start)
gradient = 2 * R.T @ r                                          # (4.4)  (P,)
assert np.allclose(gradient, library.gradient)
print(f"norm of the gradient: {np.linalg.norm(gradient):.1f}")

# %%
h = 1e-5 * np.maximum(1, abs(free.start))
numeric = [(objective(free.start + step) - objective(free.start - step)) / (2 * step.max())
           for step in np.diag(h)]
assert np.allclose(numeric, gradient, rtol=1e-4, atol=1e-4)
pd.DataFrame({"analytic": gradient, "differences": numeric}, names).round(3)

# %% [markdown]
# Look at the sizes. A unit of $\sigma$ on sugar changes $q$ by hundreds, a unit of $\pi$ on price and income by less than one. The units of the parameters
# differ that much. Remember this: it decides the story of the two Nevos below.
#
# ### Gauss-Newton
#
# The objective is a sum of squares, and the Jacobian of what is squared is known. That is all that a **Gauss-Newton** step needs. Pretend that $r$ is linear,
# $r(\theta_2 + d) \approx r + R\,d$. Which $d$ makes it smallest? A regression of $-r$ on $R$:
#
# $$d = -(R'R)^{-1} R'r. \tag{4.5}$$

# %%
def bare_gauss_newton(theta2, rounds):
    path = []
    for _ in range(rounds):
        r, R = residuals(theta2)
        path.append(r @ r)
        theta2 = theta2 - np.linalg.lstsq(R, r)[0]              # (4.5)
    return theta2, path

# %% [markdown]
# **Before you run the next cell:** thirteen parameters, a start where $q$ is 29.35. How many rounds until six digits stand still? Does each round
# go down?

# %%
theta2, bare = bare_gauss_newton(free.start, 12)
assert bare[1] > bare[0] and abs(bare[-1] - 4.5615142) < 1e-5
pd.Series(bare, name="objective").round(4).to_frame().T

# %% [markdown]
# The first step overshoots and goes *up*, since $r$ is not linear. After that the search drops to the minimum in a handful of rounds. A step that overshoots could
# also land where nothing can be computed. So practical versions accept a step only if it improves, and shorten it otherwise: a **trust region**. SciPy has one.

# %%
trusted = []

def r_only(theta2):
    r, _ = residuals(theta2)
    trusted.append(r @ r)
    return r

# %%
by_scipy = least_squares(r_only, free.start, lambda theta2: residuals(theta2)[1],
                         x_scale="jac", ftol=1e-12, xtol=1e-12, gtol=1e-10)
assert abs(2 * by_scipy.cost - 4.5615142) < 1e-6 and np.allclose(by_scipy.x, theta2, rtol=1e-3)
print(f"{2 * by_scipy.cost:.6g} after {len(trusted)} evaluations")

# %% [markdown]
# `x_scale="jac"` measures each parameter by what it does to $r$, so that units don't matter. The library's search is the same call, with one addition: a search that is still not
# done after 100 evaluations begins again nearer to zero.

# %%
blpteach.show(blpteach.outer_loop.trust_region)

# %%
estimates = problem.estimate(**start)
assert np.isclose(estimates.objective, 2 * by_scipy.cost)
assert np.allclose(estimates.theta2, by_scipy.x, rtol=1e-3)
print(f"{estimates.objective:.6g} after {estimates.evaluations} evaluations")

# %% [markdown]
# ### What came out
#
# A result prints everything that you need to judge it. Read it from the bottom.

# %%
assert abs(estimates.objective - 4.5615142) < 1e-6
assert np.allclose([estimates.beta[0], estimates.beta_se[0]], [-62.730, 14.803], atol=2e-2)
estimates

# %% [markdown]
# - *The verdict.* One more Gauss-Newton step would improve the objective by next to nothing. That test has no units: it asks about $q$, not about
#   $\theta_2$. It says "a local one", because no search can prove more.
# - *The random coefficients.* Standard errors stand in parentheses, a dot is a parameter fixed at zero. The unobserved tastes for sugar and
#   mushy can't be told from zero. Children mind the price less than adults (11.1). Income enters the price taste through two large numbers of opposite sign, 588 and $-30.2$. We take them apart below.
# - *Mean tastes.* `beta[prices]` is $-62.73$. Since demographics have mean zero, this is close to the mean of all consumers' price coefficients.
#
# All 13, with their standard errors, as a table:

# %%
known = [0.55809, 3.31249, -0.00578, 0.09341, 2.2920, 1.2844, 588.325, -30.192, 11.055,
         -0.38495, 0.05223, 0.74837, -1.35339]
assert np.allclose(estimates.theta2, known, rtol=2e-3, atol=1e-5)
estimates.to_frame().round(3)

# %% [markdown]
# ### Other searches
#
# **BFGS** is the usual choice in this literature. It uses the gradient, but not that the objective is a sum of squares. It learns the curvature
# along the way, from differences of gradients. **Nelder-Mead** uses only values of $q$: it moves a simplex of 14 points through 13 dimensions.
#
# Below, Nelder-Mead is allowed 300 evaluations. That takes about two seconds.
#
# **Before you run the cells:** how far has Nelder-Mead lowered 29.35 after 300 evaluations?

# %%
def q_and_gradient(theta2, tolerance=1e-13):
    r, R = residuals(theta2, tolerance)
    return r @ r, 2 * R.T @ r                                   # (4.2), (4.4)

def recorded(path):
    def function(theta2):
        value = q_and_gradient(theta2)
        path.append(value[0])
        return value
    return function

# %%
bfgs, simplex = [], []
minimize(recorded(bfgs), free.start, jac=True, method="BFGS")
print(f"BFGS: {min(bfgs):.4f} after {len(bfgs)} evaluations")

# %%
values_only = recorded(simplex)
minimize(lambda theta2: values_only(theta2)[0], free.start, method="Nelder-Mead",
         options={"maxfev": 300})
print(f"Nelder-Mead: {min(simplex):.1f} after {len(simplex)} evaluations")

# %%
assert abs(min(bfgs) - 4.5615142) < 1e-4 and min(simplex) > 12
plots.Searches(paths={"Gauss-Newton, bare": bare, "Gauss-Newton, trust region": trusted,
                      "BFGS": bfgs, "Nelder-Mead": simplex})

# %% [markdown]
# BFGS arrives, with several times as many evaluations. Nelder-Mead is far from the minimum when its allowance is used up.
#
# > **A common error.** Advice that circulates says to use "a derivative-free method, e.g. Newton-Raphson". Newton's method is made of derivatives:
# > the gradient and the Hessian. And derivative-free search is the one to avoid here. The derivatives are exact and cost little. With them the minimum is
# > 13 evaluations away. Without them, 300 evaluations leave about half of the way down to go.

# %%
left = (min(simplex) - estimates.objective) / (at_start - estimates.objective)
assert 0.3 < left < 0.8
print(f"Nelder-Mead: {100 * left:.0f} percent of the way down is still to go")

# %% [markdown]
# ### Starting values
#
# A search finds a minimum near its start. Is it the lowest? Nobody can be sure, but one can try other starts. `starts=5` draws five more, each parameter
# between $-1$ and 2 times its given value. (This takes about a second.)
#
# **Before you run the next cell:** some of these starts have all the wrong signs. How many different minima will the six searches find?

# %%
several = problem.estimate(**start, starts=5, seed=0, progress=False)
ends = np.array([begun.objective for begun in several.starts])
assert np.allclose(ends, 4.5615142, atol=1e-5)
counts = [begun.evaluations for begun in several.starts]
pd.DataFrame({"objective": ends, "evaluations": counts}).round(4)

# %% [markdown]
# One. These data have a well-behaved objective. Other data don't, and then `estimates.verdict()` says how many starts ended lowest.
#
# What if a start is absurd? At a hundred times Nevo's values utilities run into the thousands, and no inversion finds $\delta$. The library halves such a
# start until shares can be inverted, and says so. (About two seconds.)

# %%
wild = problem.estimate(100 * start["sigma"], 100 * start["pi"], progress=False)
assert np.isclose(wild.objective, 4.5615142, atol=1e-5) and wild.starts[0].halvings >= 1
print(wild.verdict())

# %% [markdown]
# And the signs of $\sigma$? The normal distribution is symmetric, so $\sigma$ and $-\sigma$ should describe the same tastes. Many programs therefore look only at $\sigma \ge 0$.
#
# **Before you run the next cell:** flip the sign of one $\sigma$ at the minimum and leave the rest. What happens to $q$?

# %%
flipped = {}
for k, name in enumerate(names[:4]):
    theta2 = estimates.theta2.copy()
    theta2[k] *= -1
    flipped[name] = objective(theta2)
assert np.allclose(list(flipped.values()), [105.37, 49.94, 5.739, 5.494], rtol=2e-3)
pd.Series(flipped, name="objective").round(2)

# %% [markdown]
# A lot. Each market has 20 draws, and 20 draws are not symmetric. A sample of types *with* its mirror image would be, this one isn't. So the sign is part of the estimate here.
# And 20 draws are few, if so much depends on which ones they are. Exercise 4.2 looks at what a search over $\sigma \ge 0$ finds.
#
# ### Standard errors
#
# The price coefficient $\hat\beta$ solves a linear equation, given $\hat\delta$. So why not take the standard error of that regression? Because $\hat\delta = \delta(\hat\theta_2)$ was
# estimated together with it. The moments depend on all parameters, through the Jacobian
#
# $$G = \tfrac{1}{N} Z'\,\Big[\frac{\partial \delta}{\partial \theta_2},\; -X_1\Big] \qquad \big(M \times (P + K_1)\big), \tag{3.8}$$
#
# and the covariance of all estimates, jointly, is the sandwich
#
# $$V = \tfrac{1}{N}\,(G'WG)^{-1}\, G'W S W G\, (G'WG)^{-1}. \tag{3.9}$$
#
# $S$ is the covariance of the moments (3.7). Taking $\theta_2$ as known means to drop its columns from $G$.
#
# **Before you run the next cells:** by what factor do the two standard errors of the price coefficient differ?

# %%
G, S = estimates.G, estimates.S                             # (M, P + K1), (M, M)
joint = blpteach.sandwich(G, W, S, problem.N)               # (3.9)
naive = blpteach.sandwich(G[:, 13:], W, S, problem.N)       # theta2 taken as known
joint.shape, naive.shape

# %%
se, naive_se = np.sqrt(joint[-1, -1]), np.sqrt(naive[-1, -1])
assert np.isclose(se, estimates.beta_se[0])
assert np.allclose([se, naive_se], [14.80, 1.00], atol=0.01)
print(f"joint {se:.2f}, with theta2 taken as known {naive_se:.2f}")

# %% [markdown]
# > **A common error.** "The standard errors of the second stage are those of 2SLS." They would be if $\theta_2$ were known. It was estimated, and the price
# > coefficient leans on it heavily: 14.80 against 1.00, nearly fifteen times as large.
#
# Is nothing estimated then? Two results stand beside it. First, drop income squared from the price taste. The model fits worse, but its price coefficient is sharp:

# %%
pi_linear = start["pi"] * np.array([1, 0, 1, 1])            # no income squared
without = problem.estimate(start["sigma"], pi_linear)
len(without.theta2)

# %%
numbers = without.objective, without.beta[0], without.beta_se[0]
assert np.allclose(numbers, [15.385, -32.019, 2.304], atol=3e-3)
print("objective {:.5g}, price coefficient {:.2f} ({:.2f})".format(*numbers))

# %% [markdown]
# Second, the mean own-price elasticity. It hardly cares which of the two models we believe:

# %%
elasticity = {"all 13": estimates, "without income squared": without}
elasticity = {name: found.own_elasticities().mean() for name, found in elasticity.items()}
assert np.allclose(list(elasticity.values()), [-3.618, -3.702], atol=2e-3)
pd.Series(elasticity, name="mean own elasticity").round(3)

# %% [markdown]
# Exercise 4.3 computes its standard error: about 0.13, or 3.5 percent of the estimate, where the price coefficient's is 24 percent. A parameter may be badly determined
# while what we want to know is not.

# %% [markdown]
# ### The two Nevos: what was published
#
# Here are the estimates of the guide's table. Put them into the objective.

# %%
sigma_2000 = np.diag([0.377, 1.848, -0.004, 0.081])
pi_2000 = np.array([[3.089, 0, 1.186, 0], [16.598, -0.659, 0, 11.625],
                    [-0.193, 0, 0.029, 0], [1.468, 0, -1.514, 0]])
published = problem.evaluate(sigma_2000, pi_2000)
assert abs(published.objective - 14.90) < 0.01 and abs(published.beta[0] - -32.43) < 0.02
print(f"objective {published.objective:.5g}, price coefficient {published.beta[0]:.2f} "
      f"({published.beta_se[0]:.2f})")

# %% [markdown]
# The table says $-32.433$ with standard error 7.743, and an objective of 14.9. We reproduce all three, up to the rounding of the printed parameters. So data and model are the
# same. But 14.9 is no minimum, for we have been at 4.56. The published estimate is *a place where a search stopped*.
#
# Can we make a search stop there? BFGS stops when no element of the gradient is larger than `gtol`. Its default is $10^{-5}$. Let us be content with 0.5, which sounds small beside the hundreds of the start.

# %%
stopped = problem.estimate(**start, method="BFGS", options={"gtol": 0.5})
assert abs(stopped.objective - 14.891) < 0.02 and abs(stopped.beta[0] - -32.416) < 0.05
print(f"objective {stopped.objective:.5g}, price coefficient {stopped.beta[0]:.2f} "
      f"({stopped.beta_se[0]:.2f})")

# %% [markdown]
# There it is. Note the standard error in parentheses: it looks healthy. A sandwich can be computed anywhere, and away from a minimum it means nothing. SciPy's message is cheerful, too. The library's verdict is not:

# %%
assert not stopped.converged and 10 < stopped.expected_improvement < 14
print(stopped.starts[0].message, "\n")
print(stopped.verdict())

# %% [markdown]
# The gradient is small: 0.45. Yet one Gauss-Newton step promises to lower the objective by nearly 13. How can both be true? The objective falls along a direction in which
# $\pi$ on price and income changes by hundreds. Per unit of that parameter the slope is tiny. *A small gradient is not a small distance*, unless the parameters have comparable units.

# %% [markdown]
# > **A common error.** "The published estimates differ because the contraction was not run to a tight tolerance." The inner tolerance matters for many things. Here it changes nothing: the
# > **outer** one does.

# %%
def stop_at(inner, outer):
    return minimize(q_and_gradient, free.start, args=(inner,), jac=True, method="BFGS",
                    options={"gtol": outer}).fun

# %%
inner = [1e-6, 1e-9, 1e-13]
stops = {f"outer {outer}": [stop_at(tight, outer) for tight in inner] for outer in (0.5, 0.01)}
stops = pd.DataFrame(stops, [f"inner {tight}" for tight in inner])
assert np.allclose(stops["outer 0.5"], 14.891, atol=0.02)
assert np.allclose(stops["outer 0.01"], 4.5615, atol=1e-3)
stops.round(3)

# %% [markdown]
# Rows differ in the inner tolerance, columns in the outer one.
#
# ### The valley
#
# What does the search do between 14.9 and 4.56? Follow its steps, and watch two parameters: $\pi$ on price and income, and on price and income squared.
#
# The two columns of data are nearly collinear: income squared is $y^2 + 18.11\,y$ plus a constant, where $y$ is log income less its mean. So the useful pair is
# the *curvature* $\pi_{\text{income}^2}$ and the *slope at average income*, $\pi_{\text{income}} + 18.11\,\pi_{\text{income}^2}$.

# %%
income, squared = problem.agents["income"], problem.agents["income_squared"]
twice_mean = np.polyfit(income, squared, 2)[1]
assert abs(twice_mean - 18.114) < 1e-3 and abs(np.corrcoef(income, squared)[0, 1] - 0.995) < 1e-3
print(f"income_squared = income^2 + {twice_mean:.2f} income + constant")

# %%
steps = [free.start]
minimize(q_and_gradient, free.start, jac=True, method="BFGS",
         callback=lambda theta2: steps.append(theta2.copy()))
assert len(steps) > 30
print(f"{len(steps) - 1} steps of BFGS from the start to the minimum")

# %% [markdown]
# The contours of the next picture are heights of the objective with the 11 other parameters and $\beta$ estimated anew at each of 63 points. (This takes a few seconds.)
#
# **Before you run it:** where do you expect the published point, on a slope or on a floor?

# %%
valley = plots.Valley(problem, estimates, twice_mean)
valley.update(path=np.array(steps), stops={"stopped": stopped.theta2})
valley

# %% [markdown]
# On a floor. The search first falls to the bottom of a long, bent valley. There the gradient is small, because the walls are balanced and the floor is nearly level. A search that is
# content with a small gradient stops. A patient one follows the floor to the star. Along the way the gradient *grows* again, to more than a hundred times what it was at the stop:

# %%
sizes = np.array([abs(q_and_gradient(theta2)[1]).max() for theta2 in steps])
first = np.flatnonzero(sizes < 0.5)[0]
assert sizes[first] < 0.5 and sizes[first:].max() > 50 * sizes[first] and sizes[-1] < 0.01
print(f"largest element of the gradient: {sizes[0]:.0f} at the start, {sizes[first]:.2f} at step "
      f"{first}, then up to {sizes[first:].max():.0f}, {sizes[-1]:.0e} at the end")

# %% [markdown]
# ### Who minds the price?
#
# Now the puzzle. The price coefficient doubles from the stop to the minimum, and the mean own elasticity hardly moves:

# %%
def summary(found):
    return pd.Series({"objective": found.objective, "price coefficient": found.beta[0],
                      "mean own elasticity": found.own_elasticities().mean(),
                      "mean Lerner index": found.markups().mean()})

table = pd.DataFrame({"stopped": summary(stopped), "minimum": summary(estimates)})
assert np.allclose(table.iloc[2:], [[-3.700, -3.618], [0.360, 0.364]], atol=2e-3)
table.round(3)

# %% [markdown]
# The usual accounts stop at "tolerances and collinearity". Look at the consumers instead. Type $i$ has the price coefficient
#
# $$\alpha_i = \beta_{\text{price}} + \sigma_{\text{price}}\,\nu_i + \sum_d \pi_{\text{price},d}\, y_{id}, \tag{5.1}$$
#
# and `estimates.price_coefficients()` gives it: for each market a table with a row for each product (all equal here) and a column for each of 20 types.
#
# **Before you run the next cell:** the mean of $\alpha_i$ over all types is about $-62.8$. Where is the median?

# %%
alpha = np.array([frame.iloc[0] for frame in estimates.price_coefficients().values()])     # (T, I)
numbers = alpha.mean(), np.median(alpha), alpha.min()
assert np.allclose(numbers, [-62.79, -34.53, -971.3], rtol=2e-3)
poorest = np.exp(twice_mean / 2 + income.min())
assert income.iloc[alpha.argmin()] == income.min() and abs(poorest - 61.5) < 0.1
print("mean {:.1f}, median {:.1f}, lowest {:.0f}".format(*numbers),
      f"at an income of {poorest:.0f} dollars")

# %% [markdown]
# The mean is pulled away by one tail. Who is in it? The type at $-971$ is the poorest, with an income of 61 dollars, and the quadratic in log income is steep there.
# Such a type does not buy cereal at any price near the observed ones. The next picture shows all types, in blue, and the same types weighted by what they *buy*, in vermilion.

# %%
plots.PriceTastes(stopped, estimates, ("Where the search stopped", "At the minimum"))

# %% [markdown]
# There is the answer. Among *purchases* the mean price coefficient is $-30.7$ at the stop and $-31.5$ at the minimum. The two estimates agree about those who buy. They disagree
# about those who don't, of whom the shares say nothing. Elasticities are averages over buyers, so they agree as well. One seventh of all types have a coefficient below
# $-100$. They make 0.2 percent of all purchases:

# %%
alphas, types, purchases = plots.price_tastes(estimates)
tail = alphas < -100
assert abs(types[tail].sum() - 0.138) < 3e-3 and purchases[tail].sum() < 0.003
assert abs(purchases @ alphas - -31.48) < 0.05
print(f"below -100: {100 * types[tail].sum():.1f} % of types, "
      f"{100 * purchases[tail].sum():.2f} % of purchases")

# %% [markdown]
# So which number is right? The minimum is the estimate that the method defines, and 14.9 is not a minimum. But "the price coefficient is $-62.7$" describes a mean over types most of which
# matter little for demand. Report the elasticities, the distribution of $\alpha_i$ and its mean over buyers.
#
# Does it never matter where a search stopped? We come to that with the halved price.

# %% [markdown]
# ### Two-step GMM
#
# The search used $W = (Z'Z/N)^{-1}$. With the covariance of the moments at what was found, search again:
#
# $$W_1 = (Z'Z/N)^{-1} \;\to\; \hat\theta_2,\; \hat\xi \;\to\; S \;\to\; W_2 = S^{-1} \;\to\; \hat{\hat\theta}_2. \tag{4.6}$$

# %%
two_step = problem.estimate(start["sigma"], start["pi"], steps=2)
assert abs(two_step.objective - 6.1281) < 5e-3 and abs(two_step.beta[0] - -60.34) < 0.1
print(f"objective {two_step.objective:.5g}, price coefficient {two_step.beta[0]:.2f} "
      f"({two_step.beta_se[0]:.2f}), mean own elasticity {two_step.own_elasticities().mean():.3f}")

# %% [markdown]
# Efficient weights gain a little. (The objective has other weights now and can't be compared with 4.56. Exercise 4.1 says what it is good for.)
#
# ### What do these data identify?
#
# With W = L L', a direction that $L'G$ maps to nearly nothing is one that the moments don't see. Scale its columns to length one, so that units play no role, and take singular values.

# %%
scaled = np.linalg.cholesky(W).T @ G
scaled = scaled / np.linalg.norm(scaled, axis=0)
_, values, directions = np.linalg.svd(scaled)
values[[0, -2, -1]].round(4)

# %%
assert np.isclose(values[0] / values[-1], estimates.condition) and 540 < estimates.condition < 555
assert 29 < values[-2] / values[-1] < 33
weakest = pd.Series(directions[-1], names + ["beta[prices]"])
weakest.loc[abs(weakest).sort_values(ascending=False).index[:3]].round(2)

# %% [markdown]
# The condition number is 547, and the weakest direction is the floor of the valley: income against income squared, with $\beta$ along. The next singular value is 30 times as large. All else is seen well enough.
#
# Where does the information on tastes come from? In many markets it comes from *choice sets*: when a close substitute disappears, those who bought it reveal where they go. Not here.

# %%
sets = problem.products.groupby("market_ids")["product_ids"].agg(frozenset).nunique()
means = problem.agents.groupby("market_ids")["income"].mean()
assert sets == 1 and abs(means.std() - 0.289) < 2e-3
print(f"different choice sets: {sets}; market means of log income have "
      f"standard deviation {means.std():.2f}")

# %% [markdown]
# All 24 products stand in all 94 markets. Choice sets identify nothing about $\sigma$ in these data. What is left are prices and demographics that differ across markets. Demographics help
# $\pi$: where incomes are high, which products sell better? For $\sigma$ there is little to go on, and the $t$ values of 0.4 and 0.5 on sugar and mushy say so. Lesson 07 takes up the question.

# %% [markdown]
# ### The halved price
#
# In lesson 00 the price of `F2B19`, a sweet, crisp cereal, was halved in market `C01Q1`. The logit took 30.1 percent of its buyers from every rival. What does the estimated model say?
# Halving the price of $j$ adds $-\alpha_i\, p_j / 2$ to type $i$'s utility from $j$. Then shares follow by Step 1.

# %%
one = block[0]                                                  # one market
ids, sugar = (problem.products[name].to_numpy()[one.index] for name in ("product_ids", "sugar"))
cut = np.where(ids == "F2B19", -problem.prices[one.index] / 2, 0)           # (J,) dollars

def losses(found):
    Gamma, delta = np.hstack([found.sigma, found.pi]), found.delta[one.index]
    mu = blpteach.taste_deviations(one.X2, one.tastes, Gamma)   # (J, I)
    alpha = found.beta[0] + one.tastes @ Gamma[1]               # (5.1)  (I,)
    after = blpteach.market_shares(delta, mu + cut[:, None] * alpha, one.weights)
    return 1 - after / blpteach.market_shares(delta, mu, one.weights)

# %% [markdown]
# The logit needs no types:

# %%
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
expV = np.exp(logit.delta[one.index] + logit.beta[0] * cut)
lost = 1 - expV / (1 + expV.sum()) / one.shares
answers = {"logit": lost, "search stopped early": losses(stopped), "minimum": losses(estimates)}
few = pd.DataFrame(answers, ids).loc[["F2B26", "F6B18"]]
assert np.allclose(few, [[0.301, 0.398, 0.518], [0.301, 0.264, 0.127]], atol=3e-3)
(100 * few).round(1)

# %% [markdown]
# `F2B26` is the twin of `F2B19`: same firm, same sugar, also crisp. `F6B18` has no sugar. All rivals, by sugar:

# %%
rivals = ids != "F2B19"
others = list(ids[rivals])
notes = {others.index("F2B26"): "its twin", others.index("F6B18"): "no sugar"}
plots.HalvedPrice(sugar[rivals], "F2B19", notes,
                  {name: lost[rivals] for name, lost in answers.items()})

# %% [markdown]
# Now the twin loses half of its buyers, and the cereal without sugar an eighth. Rivals that resemble `F2B19` in sugar lose most. That is an answer to defend before a grocer.
#
# And here the stopped search *does* matter. It has the twin lose 40 percent, not 52. The mean elasticity was the same at both points. Substitution between single products is not.
# Whether a stop on the way is good enough depends on the question. Do not rely on it: search to the end.

# %% [markdown]
# ## Check it
#
# *Are the model's shares the data?* At any $\theta_2$ they must be. That is what Step 2 is for.

# %%
gap = abs(estimates.shares - problem.shares).max()
assert gap < 1e-12 and abs(estimates.own_elasticities().mean() - -3.618) < 1e-3
print("largest difference below 1e-12:", gap < 1e-12)

# %% [markdown]
# *Is it a minimum?* Step away from it in each of the 13 directions, by a tenth of a standard error to both sides. No neighbour may be lower.

# %%
width = 0.1 * np.sqrt(np.diag(joint))[:13]
neighbours = [objective(estimates.theta2 + sign * step)
              for step in np.diag(width) for sign in (-1, 1)]
above = min(neighbours) - estimates.objective
assert above > 0
print(f"the lowest of {len(neighbours)} neighbours lies {above:.1e} above the minimum")

# %% [markdown]
# *Does the method find a truth that we know?* The third data set of the course is simulated: 80 markets with different choice sets, strong endogeneity, three nonlinear parameters. Start from half the truth.

# %%
from blpteach.examples import simulated

economy, from_half = simulated()
truth = economy.products.attrs["truth"]
recovered = economy.estimate(**from_half).to_frame()
recovered["truth"] = [*truth["beta"], *truth["sigma"][1:], truth["pi"]]
assert (abs(recovered["estimate"] - recovered["truth"]) < 2.5 * recovered["se"]).all()
recovered[["truth", "estimate", "se"]].round(3)

# %% [markdown]
# Each estimate lies within two standard errors of the truth.

# %% [markdown]
# ## Play
#
# Hold one parameter, $\pi$ on price and income squared, at a value that you choose. Everything else is estimated anew: twelve nonlinear parameters and $\beta$. To hold a parameter means to take it out
# of the list of free ones and to write its value into `Gamma`. With `Theta2` that is four lines:

# %%
from blpteach.outer_loop import Objective, Theta2, gauss_newton
from blpteach.progress import Progress

held = names.index("pi[prices, income_squared]")
kept = np.arange(13) != held
Gamma = estimates.free.matrix(estimates.theta2)
Gamma[free.rows[held], free.columns[held]] = -15.0
others = Theta2(Gamma, free.rows[kept], free.columns[kept])     # 12 free elements
q_of_others = Objective(others, problem.blocks, moment_map, Progress(False))
best, message = gauss_newton(q_of_others, others.start)

# %%
assert len(best) == 12 and abs(q_of_others.value(best) - 6.6694) < 1e-3
print(f"held at -15, the lowest objective is {q_of_others.value(best):.4f}")

# %% [markdown]
# The picture does this on a grid. Left: the lowest objective for each held value, and a dot where we are. Right: the price coefficients that follow, for all types and for purchases.

# %%
plots.HoldOne(problem, estimates, curvature=-0.7)

# %% [markdown]
# The widget estimates the model again whenever you move. Its second slider drops instruments, the last ones first. With 13 parameters and $\beta$, 14 instruments are the fewest.
#
# **Before you move anything:**
#
# - Move from the published value ($-0.7$) to $-70$. Which of these changes most: the price coefficient, the median of $\alpha_i$, the mean among purchases, the mean own elasticity?
# - Drop six instruments. What happens to the lowest point of the curve, and how well do the remaining instruments tell its place?

# %%
from blpteach.widgets.search import search

search(problem, estimates)

# %% [markdown]
# With fewer instruments the valley's floor becomes so level that its lowest point is anywhere. The price coefficient goes along, beyond $-100$. The mean among purchases stays between $-30$ and $-34$, and the
# mean own elasticity between $-3.5$ and $-3.7$.

# %%
hold, rows = plots.HoldOne(problem, estimates), {}
for curvature, dropped in ((0, 0), (-70, 0), (-70, 6)):
    hold.update(curvature=curvature, dropped=dropped)
    rows[f"held at {curvature}, {20 - dropped} instruments"] = {
        "objective": hold.objective, "price coefficient": hold.beta[0],
        "among purchases": hold.tails.numbers["of purchases"],
        "mean own elasticity": hold.elasticity}
seen = pd.DataFrame(rows).T
assert seen["among purchases"].between(-34, -30).all()
assert seen["mean own elasticity"].between(-3.75, -3.5).all()
seen.round(2)

# %% [markdown]
# ## Exercises
#
# ### Exercise 4.1 · 5 minutes · easy
#
# The objective of two-step GMM is Hansen's J statistic. If all moments are valid, it is distributed $\chi^2$ with as many degrees of freedom as there are moments beyond the number of parameters. There are 20 moments
# and 14 parameters. Does the test reject? Compute the p-value.

# %%
p_value = ...

# %% tags=["solution"]
from scipy.stats import chi2

p_value = chi2.sf(two_step.objective, problem.M - 14)
assert abs(p_value - 0.409) < 5e-3
print(f"J = {two_step.objective:.2f}, p = {p_value:.2f}: the data do not speak against the moments")

# %% [markdown]
# ### Exercise 4.2 · 15 minutes · medium
#
# Search over $\sigma \ge 0$, from Nevo's start. `least_squares` takes `bounds=(lower, upper)`. Where does the search end, with which price coefficient (`beta_map` gives it), and which $\sigma$ sits on its
# bound?

# %%
bounded = ...

# %% tags=["solution"]
lower = np.r_[np.zeros(4), np.full(9, -np.inf)]
bounded = least_squares(lambda theta2: residuals(theta2)[0], free.start,
                        lambda theta2: residuals(theta2)[1],
                        bounds=(lower, np.inf), x_scale="jac", ftol=1e-10)
delta = np.empty(problem.N)
delta[block.index] = mean_utilities(bounded.x)[0]
coefficient = (beta_map @ delta)[0]
assert np.allclose([2 * bounded.cost, coefficient], [4.7214, -60.17], rtol=2e-3)
assert bounded.x[2] < 1e-3
print(f"objective {2 * bounded.cost:.5g}, price coefficient {coefficient:.2f}; "
      f"on its bound: {names[bounded.x[:4].argmin()]}")

# %% [markdown]
# ### Exercise 4.3 · 25 minutes · hard
#
# What is the standard error of the mean own elasticity? Write it as a function of all 14 parameters $(\theta_2, \beta)$, with $\delta$ found anew for each $\theta_2$. Differentiate it numerically to get $c$, and use the delta method:
# the variance is $c' V c$ with the joint covariance (3.9), `estimates.covariance`. The own elasticity is $(p_j / s_j) \sum_i w_i\, \alpha_i\, s_{ij} (1 - s_{ij})$, from (5.2) and (5.3).

# %%
def mean_elasticity(parameters):
    ...

# %% tags=["solution"]
def mean_elasticity(parameters):
    theta2, beta = parameters[:13], parameters[13]
    delta, mu = mean_utilities(theta2)
    P = blpteach.choice_probabilities(delta, mu)                # (T, J, I)
    alpha = beta + block.tastes @ free.matrix(theta2)[1]        # (T, I)
    own = (P * (1 - P) * (block.weights * alpha)[:, None]).sum(-1)              # (T, J)
    return (own * problem.prices[block.index] / block.shares).mean()

# %% tags=["solution"]
here = np.r_[estimates.theta2, estimates.beta]
h = 1e-5 * np.maximum(1, abs(here))
c = [(mean_elasticity(here + step) - mean_elasticity(here - step)) / (2 * step.max())
     for step in np.diag(h)]
se_elasticity = np.sqrt(c @ estimates.covariance @ c)
assert abs(mean_elasticity(here) - -3.618) < 1e-3 and abs(se_elasticity - 0.125) < 2e-3
print(f"mean own elasticity {mean_elasticity(here):.3f} ({se_elasticity:.3f}), or "
      f"{-100 * se_elasticity / mean_elasticity(here):.1f} percent; price coefficient "
      f"{-100 * estimates.beta_se[0] / estimates.beta[0]:.0f} percent")

# %% [markdown]
# ## In practice
#
# The same model in PyBLP, the package of Conlon and Gortmaker. First the problem, with the same formulas.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
    print("PyBLP is not installed here: pip install pyblp")

# %%
if pyblp:
    formulas = [pyblp.Formulation("0 + prices", absorb="C(product_ids)"),
                pyblp.Formulation("1 + prices + sugar + mushy")]
    demographics = pyblp.Formulation("0 + income + income_squared + age + child")
    theirs = pyblp.Problem(formulas, problem.products, demographics, problem.agents)

# %% [markdown]
# A full search takes PyBLP much longer than a cell of this course may run. So we evaluate at our minimum and let PyBLP say what it finds there: objective, price coefficient, its standard error, and the gradient. (A few seconds.)
# In your own work, replace `"return"`, which does not search, by `pyblp.Optimization("bfgs", {"gtol": 1e-5})`.

# %%
if pyblp:
    free_sign = (np.full((4, 4), -np.inf), np.full((4, 4), np.inf))
    there = theirs.solve(estimates.sigma, estimates.pi, method="1s", sigma_bounds=free_sign,
                         optimization=pyblp.Optimization("return"))
    found = [float(there.objective), float(there.beta[0, 0]), float(there.beta_se[0, 0])]
    ours = [estimates.objective, estimates.beta[0], estimates.beta_se[0]]
    assert np.allclose(found, ours, rtol=1e-4)
    assert abs(there.gradient).max() < 1e-3
    print("PyBLP: objective {:.6g}, price coefficient {:.5g} ({:.4g})".format(*found))

# %% [markdown]
# The two agree. Three habits of practice:
#
# - *Bounds.* With an optimizer that knows bounds, PyBLP keeps the diagonal of $\sigma$ at or above zero unless `sigma_bounds` says otherwise. Exercise 4.2 shows where that ends on these data.
# - *Reports.* State the objective, the gradient norm *in which units*, the eigenvalues of the Hessian or the expected improvement, the number of starts and how many of them ended lowest. A referee can't check a search that is not described.
# - *Larger models.* With hundreds of draws and nested or supply-side parameters the objective is no longer evaluated in milliseconds, and one tries fewer starts. Then tight inner tolerances and analytic gradients matter more, not less.

# %% [markdown]
# ## Further reading
#
# - Nevo, A. (2000). A practitioner's guide to estimation of random-coefficients logit models of demand. *Journal of Economics & Management Strategy* 9(4), 513-548. The model, the data and the table of this lesson.
# - Knittel, C., and Metaxoglou, K. (2014). Estimation of random-coefficient demand models: two empiricists' perspective. *Review of Economics and Statistics* 96(1), 34-59. What happens when searches are trusted too early.
# - Dubé, J.-P., Fox, J., and Su, C.-L. (2012). Improving the numerical performance of static and dynamic aggregate discrete choice random coefficients demand estimation. *Econometrica* 80(5), 2231-2267. On inner tolerances, and on another
#   formulation of the search.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND Journal of Economics* 51(4), 1108-1161. What to do about optimizers, starts and tolerances.
# - Nocedal, J., and Wright, S. (2006). *Numerical Optimization*, 2nd edition, Springer. Chapter 10 is on sums of squares.
#
# The next lesson opens Step 5: elasticities, diversion and markups, from the estimates that you have found.
