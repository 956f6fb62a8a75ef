# %% [markdown]
# # 04. How do you find thirteen parameters at once? The outer loop
#
# *60 minutes, and 75 more for the exercises. Further, at the end, can be skipped. You need econometrics through instrumental variables and GMM, NumPy, and lessons
# 01 (taste deviations and shares), 02 (share inversion) and 03 (concentrated GMM). This is Step 4; the code is* `blpteach/outer_loop.py`.

# %% [markdown]
# ## The question
#
# Nevo's guide to this method (2000) reports estimates of a demand for cereals. The price coefficient is $-32.4$. Many students have
# since run the same model on the same table. Those who let the computer search until it could do no better found $-62.7$.
#
# Both are about the same 2,256 rows, model and instruments. Which is right, why do they differ, and does it
# matter? To answer you estimate the model yourself, in a fraction of a second. (The data are *artificial*: Nevo distributes them for practice.)

# %% [markdown]
# ## What you will be able to do
#
# - Assemble the BLP objective from Steps 1 to 3, derive its gradient and check it.
# - Search by Gauss-Newton, and say why it suits this problem better than BFGS or Nelder-Mead.
# - Tell a minimum from a place where a search stopped, and a good minimum from a poor one.
# - Compute standard errors that count the nonlinear parameters as estimated.
# - Say which results are well determined even where a parameter is not.

# %%
import numpy as np
import pandas as pd
from scipy.optimize import least_squares, minimize

import blpteach
from blpteach.examples import cereal
from blpteach.plots import search as plots

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="One of the thirteen parameters starts near 16, another near 0.02. Would you search over both with one step length?"
# ### Thirteen parameters
#
# A consumer of type $i$ in market $t$ gets utility $\delta_{jt} + \mu_{ijt} + \varepsilon_{ijt}$ from product $j$. All share the mean
# utility $\delta_{jt}$. The taste deviation is, from lesson 01,
#
# $$\mu_{ijt} = \sum_k x_{2,jtk} \Big(\sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id}\Big). \tag{1.2}$$
#
# - $x_{2,jt}$ (`X2`): a constant, price, sugar, mushy.
# - $\nu_i$: four draws from the standard normal (the nodes).
# - $y_i$: log income, its square, log age, and whether the person is a child, each less its mean.
# - $\sigma$ and $\pi$ are the **nonlinear parameters**, together $\theta_2$ (`theta2`).
#
# Each market has its own 20 types, of equal weight. In code `Gamma = [sigma, pi]` stand side by side, shape (K2, L + D), and so do
# `tastes = [nodes, demographics]`. What is zero in the starting values stays zero. `free` remembers where the others stand: `free.start` is the
# vector $\theta_2$, shape (13,), and `free.unpack(theta2).Gamma` puts a vector back into its places.

# %%
problem, start = cereal()
free = problem.free(start["sigma"], start["pi"])
names = free.names
Gamma = free.unpack(free.start).Gamma                           # (K2, L + D)
assert len(free.start) == 13 and np.allclose(Gamma[1, 4:], start["pi"][1])
pd.DataFrame(Gamma, problem.X2_names, problem.node_names + problem.demographic_names)

# %% [markdown]
# **Result.** These are the starting values that Nevo gives: four elements of $\sigma$ and nine of $\pi$ are free.

# %% [markdown] minutes=5 ask="Where in the objective is beta, the mean taste for price?"
# ### From parameters to one number
#
# Where in this is $\beta$, the mean taste for price? Nowhere, and that is the trick of the method. Pick any $\theta_2$. Then
#
# - Step 1 gives $\mu$, by (1.2).
# - Step 2 gives the only $\delta$ at which the model's shares, on the left, are those of the data, on the right:
#
# $$s_{jt}\big(\delta_t(\theta_2), \mu_t(\theta_2)\big) = s_{jt}. \tag{4.1}$$
#
# - Step 3 gives the best $\beta$ for that $\delta$, by a linear formula.
#
# So the objective is a function of $\theta_2$ alone. Lesson 03 found a fixed matrix, `moment_map` (M, N), that does Step 3 in one product:
# it takes $\delta$ to weighted moments from which $\beta$ is already concentrated out. (`beta_map` gives $\beta$ itself.) Call what comes out $r$, shape (M,):
#
# $$r(\theta_2) = \mathtt{moment\_map}\;\delta(\theta_2), \qquad q(\theta_2) = r'r. \tag{4.2}$$
#
# There are 20 moments for 13 + 1 parameters. `X1` (price) and `Z` (20 instruments) are net of product effects.

# %%
W = blpteach.weighting_2sls(problem.Z)                      # (M, M)
beta_map, moment_map = blpteach.concentrate(problem.X1, problem.Z, W)
block = problem.blocks[0]                                   # all 94 markets: each has 24 products
print("moment_map", moment_map.shape, "  shares", block.shares.shape)

# %% [markdown]
# Markets stand in one stack, and `block.index` (T, J) says which row of the table each product is. `tolerance` says how far the inversion goes.

# %% tags=["build"]
def mean_utilities(theta2, tolerance=1e-13):
    """(4.1): delta (T, J) that explains the shares at theta2 (13,), and mu (T, J, I)."""
    mu = blpteach.taste_deviations(block.X2, block.tastes, free.unpack(theta2).Gamma)  # (1.2)
    inversion = blpteach.invert_shares(block.shares, mu, block.weights, tolerance=tolerance)
    return inversion.delta, mu                                  # (T, J), (T, J, I)


def objective(theta2, tolerance=1e-13):
    """(4.2): q = r'r with r = moment_map @ delta, a number; delta is (N,)."""
    delta, flat = mean_utilities(theta2, tolerance)[0], np.empty(problem.N)
    flat[block.index] = delta                                   # (N,), in the table's order
    r = moment_map @ flat                                       # (M,)
    return r @ r                                                # one number

# %%
at_start = objective(free.start)
library = problem.evaluate(start["sigma"], start["pi"])
assert abs(at_start - 29.353343) < 1e-5 and np.isclose(library.objective, at_start)
print(f"at Nevo's start: {at_start:.6g}; by the library {library.objective:.6g}")

# %% [markdown]
# **Result.** One function of 13 numbers, made of three steps, is all that a search needs.

# %% [markdown] minutes=4 ask="A parameter pushes a product's share up. What must that product's delta do?"
# ### The slope
#
# Which way is down? In (4.2) only $\delta$ depends on $\theta_2$, so the derivative of $r$ goes through the same matrix:
#
# $$R = \frac{\partial r}{\partial \theta_2} = \mathtt{moment\_map}\;\frac{\partial \delta}{\partial \theta_2} \qquad (M \times 13), \tag{4.3}$$
#
# and the gradient of the sum of squares is
#
# $$\frac{\partial q}{\partial \theta_2} = 2 R'r. \tag{4.4}$$
#
# The derivative of $\delta$ is (2.7) of lesson 02. Shares are data and can't move: if a larger $\theta_2$ pushes a share up, $\delta$ must come down
# to hold it.

# %% tags=["build"]
def residuals(theta2, tolerance=1e-13):
    """(4.2), (4.3): r (M,) and its Jacobian R (M, 13)."""
    found, mu = mean_utilities(theta2, tolerance)
    P = blpteach.choice_probabilities(found, mu)                # (T, J, I)
    slopes = blpteach.delta_jacobian(P, blpteach.buyers(P, block.weights), block.X2,
                                     block.tastes, free.rows, free.columns)     # (2.7)  (T, J, 13)
    delta, jacobian = np.empty(problem.N), np.empty((problem.N, len(theta2)))
    delta[block.index], jacobian[block.index] = found, slopes   # (N,), (N, 13)
    return moment_map @ delta, moment_map @ jacobian            # (M,), (M, 13)


def q_and_gradient(theta2, tolerance=1e-13):
    """(4.2), (4.4): q, a number, and its gradient (13,)."""
    r, R = residuals(theta2, tolerance)
    return r @ r, 2 * R.T @ r                                   # one number, (13,)

# %% [markdown]
# Trust no derivative that you have not checked. Move each parameter a little to both sides, divide by the distance, and compare.

# %%
def central_difference(k, small=1e-5):
    step = small * max(1, abs(free.start[k])) * np.eye(13)[k]   # parameter k moves alone
    return (objective(free.start + step) - objective(free.start - step)) / (2 * step[k])


gradient, numeric = q_and_gradient(free.start)[1], [central_difference(k) for k in range(13)]
assert np.allclose(numeric, gradient, rtol=1e-4, atol=1e-4)
assert np.allclose(gradient, library.gradient) and abs(gradient[2]) > 100 > 1 > abs(gradient[6])
pd.DataFrame({"analytic": gradient, "differences": numeric}, names).round(3)

# %% [markdown]
# **Result.** The gradient is right. Look at its sizes: hundreds for $\sigma$ on sugar, less than one for $\pi$ on price and income. The units of the parameters
# differ that much, and this decides the story of the two Nevos.

# %% [markdown] minutes=5 ask="How many rounds until four decimals stand still, and does every round go down?"
# ### Gauss-Newton
#
# The objective is a sum of squares, and the Jacobian of what is squared is known. A **Gauss-Newton** step pretends that $r$ is linear,
# $r(\theta_2 + d) \approx r + R\,d$. Which $d$ makes it smallest? A regression of $-r$ on $R$:
#
# $$d = -(R'R)^{-1} R'r. \tag{4.5}$$
#
# - It neglects something. The Hessian of $q$ is $2R'R + 2\sum_m r_m \nabla^2 r_m$, and (4.5) is Newton's step without the second term, which is small where the residuals $r$ are.
# - The neglect moves no minimum: where the step is zero, so is the gradient $2R'r$. But it can keep a search from getting there, for where residuals are large, steps may be far too long.
#   Here the true curvature is 0.87 to 1.20 times what $2R'R$ says (*Further* computes it). Lesson 09 meets a factor of 470.
# - It does not depend on units. Measure a parameter in thousandths: its column of $R$ shrinks by a thousand, its element of $d$ grows by a thousand, and the point is the same. A
#   step down the gradient has no such property.

# %% tags=["parameters"]
rounds = 12

# %% tags=["build"]
def bare_gauss_newton(theta2, rounds):
    """(4.5) repeated: the last theta2 (13,), and the objective before each of the rounds."""
    path = []
    for _ in range(rounds):
        r, R = residuals(theta2)
        path.append(r @ r)
        theta2 = theta2 - np.linalg.lstsq(R, r)[0]              # (4.5)
    return theta2, path                                         # (13,), one number a round

# %% [markdown]
# Thirteen parameters, a start where $q$ is 29.35. After how many rounds do four decimals stand still?

# %%
blpteach.predict("4.1", ...)

# %%
theta2, bare = bare_gauss_newton(free.start, rounds)
print("objective before each round:", *np.round(bare, 4))
assert bare[1] > bare[0] and np.ptp(bare[5:]) < 1e-4 < np.ptp(bare[4:])
blpteach.predicted("4.1", int(np.argmax(np.abs(np.subtract(bare, bare[-1])) < 5e-5)))

# %% [markdown]
# The first step overshoots and goes *up*, since $r$ is not linear. A step that overshoots could
# also land where nothing can be computed. So practical versions accept a step only if it improves, and shorten it otherwise: a **trust region**. SciPy's `least_squares` has one, and
# `x_scale="jac"` measures each parameter by what it does to $r$, so that units don't matter to the region's size either. The library's search:

# %%
blpteach.show(blpteach.gauss_newton)

# %%
def by_trust_region(theta2):
    path = []

    def r_only(theta2):
        r, _ = residuals(theta2)
        path.append(r @ r)
        return r
    found = least_squares(r_only, theta2, lambda theta2: residuals(theta2)[1],
                          x_scale="jac", ftol=1e-12, xtol=1e-12, gtol=1e-10)
    return found.x, path                                        # (13,), one number an evaluation


(best, trusted), estimates = by_trust_region(free.start), problem.estimate(**start)
assert abs(min(trusted) - 4.5615142) < 1e-6 and np.isclose(estimates.objective, min(trusted))
assert np.allclose(estimates.theta2, best, rtol=1e-3)
print(f"by hand {min(trusted):.6g} after {len(trusted)} evaluations; "
      f"library {estimates.objective:.6g} after {estimates.evaluations}")

# %% [markdown]
# This is one-step GMM. `steps=2` searches again with the efficient weights of lesson 03:
#
# $$W_1 = (Z'Z/N)^{-1} \;\to\; \hat\theta_2,\; \hat\xi \;\to\; S \;\to\; W_2 = S^{-1} \;\to\; \hat{\hat\theta}_2. \tag{4.6}$$
#
# **Result.** All 13 parameters are found in 13 evaluations, a fraction of a second.

# %% [markdown] minutes=3 ask="How would you convince a referee that a search has ended at a minimum?"
# ### What came out
#
# A result prints all that you need to judge it. Read it from the bottom.

# %%
assert abs(estimates.objective - 4.5615142) < 1e-6 and estimates.evaluations == 13
assert np.allclose([estimates.beta[0], estimates.beta_se[0]], [-62.730, 14.803], atol=2e-2)
assert np.allclose(estimates.theta2, [0.55809, 3.31249, -0.00578, 0.09341, 2.2920, 1.2844, 588.325,
                                      -30.192, 11.055, -0.38495, 0.05223, 0.74837, -1.35339],
                   rtol=2e-3, atol=1e-5)
estimates

# %% [markdown]
# *The verdict* asks what one more Gauss-Newton step would bring, if $r$ were linear. Put (4.5) into $|r + R\,d|^2$: the objective would fall by
#
# $$r'R\,(R'R)^{-1}R'r, \tag{4.7}$$
#
# the explained sum of squares of that regression. This **predicted improvement** has the units of $q$, whatever the units of $\theta_2$. Near zero it says that the
# search has ended at a stationary point. That no lower minimum exists nobody can prove, so the verdict says "a local one".
#
# *The coefficients.* Dots are fixed at zero. Income enters the price taste through two large numbers of opposite sign, 588 and $-30.2$; we take them apart below.
# `beta[prices]` is $-62.73$. Demographics have mean zero, so this is close to the mean of all consumers' price coefficients.

# %%
promised = [r @ R @ np.linalg.lstsq(R, r)[0] for r, R in map(residuals, (free.start, best))]
assert abs(promised[0] - 27.2) < 0.1 and promised[1] < 1e-8
print("predicted improvement: {:.1f} at the start, {:.0e} at the end".format(*promised))

# %% [markdown]
# **Result.** (4.7) is near zero at the end: a stationary point, and the search went down all the way to it.

# %% [markdown] minutes=4 ask="How far has Nelder-Mead lowered 29.35 after 200 evaluations?"
# ### Other searches
#
# **BFGS** is a common choice. It uses the gradient, but not that the objective is a sum of squares: it learns the curvature
# along the way. **Nelder-Mead** uses only values of $q$: it moves a simplex of 14 points through 13 dimensions. It is allowed 200 evaluations. (About a second.)

# %% tags=["parameters"]
allowed = 200

# %% [markdown]
# From 29.35 down to 4.56 is the whole way. After 200 evaluations of Nelder-Mead, how many percent of the way are left?

# %%
blpteach.predict("4.2", ...)

# %%
def recorded(function, path):
    def recording(theta2):
        result = function(theta2)
        path.append(result[0] if isinstance(result, tuple) else result)
        return result
    return recording


bfgs, simplex, steps = [], [], [free.start]
minimize(recorded(q_and_gradient, bfgs), free.start, jac=True, method="BFGS",
         callback=lambda theta2: steps.append(theta2.copy()))
minimize(recorded(objective, simplex), free.start, method="Nelder-Mead",
         options={"maxfev": allowed})
left = (min(simplex) - estimates.objective) / (at_start - estimates.objective)
print(f"BFGS: {min(bfgs):.4f} after {len(bfgs)} evaluations; "
      f"Nelder-Mead: {min(simplex):.1f} after {len(simplex)}")
blpteach.predicted("4.2", 100 * left)

# %%
assert abs(min(bfgs) - 4.5615142) < 1e-4 and 0.55 < left < 0.65 and len(trusted) == 13
plots.Searches(estimates.objective, paths={"Gauss-Newton, bare": bare, "Gauss-Newton": trusted,
                                           "BFGS": bfgs, "Nelder-Mead": simplex})

# %% [markdown]
# "There" means within 0.1 percent of the minimum; dots are evaluations that did not improve. Look at BFGS between
# 20 and 30 evaluations, where it rests a little below 15. Keep that number in mind.
#
# > **A common error.** Often heard: use "a derivative-free method, e.g. Newton-Raphson". Newton's method is made of derivatives,
# > and derivative-free search is the one to avoid here. With exact derivatives the minimum is
# > 13 evaluations away, all digits included. Without them, 200 evaluations leave three fifths of the way to go.
#
# **Result.** Gauss-Newton needs a fraction of BFGS's evaluations; Nelder-Mead has hardly begun.

# %% [markdown] minutes=4 ask="BFGS and Gauss-Newton begin at the same far place. Will they end at the same one?"
# ### Starting values
#
# A search finds a minimum near its start. Is it the lowest? `starts=4` draws four more starts: each $\sigma$ of
# either sign, all parameters up to twice their given values. One more lies farther out: each parameter between $-1$ and 2 times its value *at the minimum*. (About two seconds.)

# %% tags=["parameters"]
more, far_seed = 4, 0

# %%
several = problem.estimate(**start, starts=more, seed=0, progress=False)
ends = [begun.objective for begun in several.starts]
far = estimates.theta2 * np.random.default_rng(far_seed).uniform(-1, 2, 13)
stuck = minimize(q_and_gradient, far, jac=True, method="BFGS")
_, by_newton = by_trust_region(far)
print(f"{len(ends)} starts end between {min(ends):.4f} and {max(ends):.4f}")
print(f"the far one: BFGS {stuck.fun:.5g}, Gauss-Newton {min(by_newton):.5g}")
assert len(ends) == 5 and np.allclose(ends, 4.5615142, atol=1e-5)
assert abs(stuck.fun - 35.3005) < 1e-3 and abs(min(by_newton) - 4.5615142) < 1e-5

# %% [markdown]
# All five agree, but BFGS from the far one rests at 35.3. Did it stop too early? Ask (4.7), and the Hessian, by differences of the gradient.

# %%
def hessian(theta2, small=1e-4):
    """Second derivatives of q (13, 13), each parameter in units of its column of R."""
    unit = np.diag(1 / np.linalg.norm(residuals(theta2)[1], axis=0))
    rise = [q_and_gradient(theta2 + small * e)[1] - q_and_gradient(theta2 - small * e)[1] for e in unit]
    return np.array(rise) @ unit / (2 * small)                  # (13, 13)


poor = problem.evaluate(*np.split(free.unpack(stuck.x).Gamma, [problem.L], axis=1))
curved = np.linalg.eigvalsh(hessian(stuck.x))
assert poor.expected_improvement < 1e-8 and 0 < curved.min() < 1e-3 < 1 < curved.max()
assert abs(poor.own_elasticities().mean() - -3.268) < 5e-3
print(f"predicted improvement {poor.expected_improvement:.0e}, smallest eigenvalue of the Hessian "
      f"{curved.min():.1e},\nmean own elasticity {poor.own_elasticities().mean():.3f}")

# %% [markdown]
# No improvement is in sight, and all eigenvalues are positive: this is a **local minimum**, and a poor one. No derivative at the place itself tells that there is a lower one; only another start can.
#
# And the signs of $\sigma$? The normal distribution is symmetric, so $\sigma$ and $-\sigma$ should describe the same tastes.
# Flip the sign of $\sigma$ on the constant at the minimum, and leave the rest. From 4.56, where does $q$ go?

# %%
blpteach.predict("4.3", ...)

# %%
flipped = pd.Series([objective(best * sign) for sign in 1 - 2 * np.eye(13)[:4]], names[:4])
print(flipped.round(2).to_string())
assert np.allclose(flipped, [105.37, 49.94, 5.739, 5.494], rtol=2e-3)
blpteach.predicted("4.3", flipped.iloc[0])

# %% [markdown]
# Each market has 20 draws, and 20 draws are not symmetric. So the sign is part of the estimate here, and 20 draws are few, if so much depends on which ones they are.
#
# **Result.** Report how many starts you tried and how many ended lowest, and let signs be free where nodes are few.

# %% [markdown] minutes=5 ask="By what factor do the standard errors of the price coefficient differ, with and without counting theta2 as estimated?"
# ### Standard errors
#
# Given $\hat\delta$, the price coefficient solves a linear equation. Why not take the standard error of that regression? Because $\hat\delta = \delta(\hat\theta_2)$ was
# estimated with it. The moments depend on all parameters, through the Jacobian of lesson 03,
#
# $$G = \tfrac{1}{N} Z'\,\Big[\frac{\partial \delta}{\partial \theta_2},\; -X_1\Big] \qquad \big(M \times (13 + K_1)\big), \tag{3.8}$$
#
# and the covariance of all estimates is the sandwich
#
# $$V = \tfrac{1}{N}\,(G'WG)^{-1}\, G'W S W G\, (G'WG)^{-1}, \tag{3.9}$$
#
# where $S$ is the covariance of the moments. Taking $\theta_2$ as known means to drop its columns from $G$. By what factor do the two standard errors of the price coefficient differ?

# %%
blpteach.predict("4.4", ...)

# %%
G = estimates.G                                             # (M, 13 + K1)
S = blpteach.moment_covariance(problem.Z, estimates.xi, "robust")               # (M, M)
joint = blpteach.sandwich(G, W, S, problem.N)               # (3.9)
naive = blpteach.sandwich(G[:, 13:], W, S, problem.N)       # theta2 taken as known
se, naive_se = np.sqrt(joint[-1, -1]), np.sqrt(naive[-1, -1])
print(f"joint {se:.2f}, with theta2 taken as known {naive_se:.2f}")
assert np.isclose(se, estimates.beta_se[0]) and np.allclose([se, naive_se], [14.80, 1.00], atol=0.01)
blpteach.predicted("4.4", se / naive_se)

# %% [markdown]
# > **A common error.** "The second stage is a regression, so use the standard errors of 2SLS", often heard where $\theta_2$ and $\beta$ are taught as two stages. They would be right if $\theta_2$ were known. The joint one is
# > nearly fifteen times as large.
#
# And 14.80 is not the last word. $S$ takes the rows as independent. But the 94 markets are 47 cities in two quarters, and what a city's shoppers like in one quarter they like in the next. Sum the moments within cities:

# %%
by_city = blpteach.Problem(
    problem.products, problem.agents, linear="0 + prices", absorb="product_ids",
    random="1 + prices + sugar + mushy",
    demographics="0 + income + income_squared + age + child", clusters="city_ids").estimate(**start)
t_values = pd.DataFrame({"rows independent": estimates.to_frame()["t"],
                         "within cities": by_city.to_frame()["t"]})
t_values = t_values.loc[["pi[prices, income_squared]", *names[:4]]]
assert np.allclose(t_values.iloc[0], [-2.14, -1.62], atol=0.01)
assert np.allclose(t_values.iloc[1:3], [[3.43, 2.00], [2.47, 1.52]], atol=0.01)
assert abs(t_values.iloc[3:]).to_numpy().max() < 0.6
t_values.round(2)

# %% [markdown]
# Income squared in the price taste, $-2.14$ by rows, is no longer significant at 5 percent. And a $t$ on a $\sigma$ is no ordinary test in any case: zero is the boundary of what a standard deviation can be, and with exact integration
# $\delta$ does not move with $\sigma$ there at all (*Further* shows it). Nor does any of this count the error that comes from 20 draws.
#
# Is nothing estimated then? Drop income squared from the price taste, and compare.

# %%
pi_linear = start["pi"] * np.array([1, 0, 1, 1])            # no income squared
without = problem.estimate(start["sigma"], pi_linear)
two = pd.DataFrame({name: [found.objective, found.beta[0], found.beta_se[0],
                           found.own_elasticities().mean()]
                    for name, found in {"all 13": estimates, "no income squared": without}.items()},
                   ["objective", "price coefficient", "its standard error", "mean own elasticity"])
assert np.allclose(two.iloc[:, 1], [15.385, -32.019, 2.304, -3.702], atol=3e-3)
assert abs(two.iloc[3, 0] - -3.618) < 2e-3
two.round(3)

# %% [markdown]
# The 14.80 comes from the tail that income squared makes, not from price as such. And the mean own elasticity hardly cares which model we believe. Exercise 4.6 finds its standard error.
#
# **Result.** Count all 14 parameters, and cluster. A parameter may be badly determined while what we want to know is not.

# %% [markdown] minutes=4 ask="A gradient of 0.5, where it began in the hundreds: is that the minimum?"
# ### The two Nevos: what was published
#
# Put the estimates of the guide's table into the objective. Nevo (2000, p. 539) prints $\sigma$ on sugar as 0.004 (0.012), positive. We try both signs.

# %%
sigma_2000 = np.diag([0.377, 1.848, 0.004, 0.081])
pi_2000 = np.array([[3.089, 0, 1.186, 0], [16.598, -0.659, 0, 11.625],
                    [-0.193, 0, 0.029, 0], [1.468, 0, -1.514, 0]])
for sign in (1, -1):
    published = problem.evaluate(sigma_2000 * [1, 1, sign, 1], pi_2000)
    print(f"sigma on sugar {sign * 0.004:+}: objective {published.objective:.5g}, price "
          f"coefficient {published.beta[0]:.2f} ({published.beta_se[0]:.2f}), predicted "
          f"improvement {published.expected_improvement:.2f}")
    assert abs(published.objective - {1: 15.390, -1: 14.90}[sign]) < 0.01
assert np.allclose([published.beta[0], published.beta_se[0]], [-32.44, 7.70], atol=0.01)
assert abs(published.expected_improvement - 12.64) < 0.05

# %% [markdown]
# He prints a price coefficient of $-32.433$ (7.743) and an objective of 14.9. With a minus we come as near to all three as printed digits allow; with the printed plus the objective is 15.39. So the minus is *our inference*, and his printed specification is not fully ours: his table counts 7
# degrees of freedom and names brand and time dummies, where we have 6 and brand dummies.
#
# In any case 14.9 is not the minimum, for we have been at 4.56. Nor is it a local one, like 35.3: there (4.7) was zero, here it is
# 12.64. It looks like *a place where a search stopped*. Can we make one stop there? BFGS stops when no element of the gradient is larger than `gtol`, by default $10^{-5}$. Be content with 0.5, which sounds small beside the hundreds of the start.

# %% tags=["parameters"]
loose, tight = 0.5, 1e-5

# %%
stopped = problem.estimate(**start, method="BFGS", options={"gtol": loose})
print(f"objective {stopped.objective:.5g}, price coefficient {stopped.beta[0]:.2f} "
      f"({stopped.beta_se[0]:.2f})\nSciPy: {stopped.starts[0].message}\n\n{stopped.verdict()}")
assert abs(stopped.objective - 14.891) < 0.02 and abs(stopped.beta[0] - -32.416) < 0.05
assert not stopped.converged and abs(stopped.expected_improvement - 12.64) < 0.1

# %% [markdown]
# There it is. The standard error seems healthy: a sandwich can be computed anywhere, and away from a minimum it means nothing. SciPy's message is cheerful, the library's verdict is not.
# How can the gradient be small? The objective falls along a direction in which
# $\pi$ on price and income changes by hundreds. Per unit of that parameter the slope is tiny.
#
# **Result.** *A small gradient is not a small distance*, unless the parameters have comparable units.

# %% [markdown] minutes=3 ask="Make the inversion sloppy and the search patient: what does the search report?"
# ### The inner tolerance
#
# > **A common error.** "The published estimates differ because the contraction was not run to a tight tolerance": often heard. The table below has the number that decides.
#
# Run BFGS with three inner and two outer tolerances, all from Nevo's start. With an inner tolerance of $10^{-4}$ and the tight outer one,
# is the objective that the search reports above or below the minimum that we know? (About two seconds.)

# %%
blpteach.predict("4.5", ..., among=["above", "below"])

# %%
def stop_at(inner, outer):
    return minimize(q_and_gradient, free.start, args=(inner,), jac=True, method="BFGS",
                    options={"gtol": outer})


stops = {(inner, outer): stop_at(inner, outer) for inner in (0.1, 1e-4) for outer in (loose, tight)}
reports = pd.Series({(1e-13, loose): stopped.objective, (1e-13, tight): min(bfgs),       # as above
                     **{key: stop.fun for key, stop in stops.items()}}).unstack()
print(reports.rename_axis("inner").rename_axis("outer", axis=1).to_string(float_format="%.4f"))
print("inner 0.0001, outer tight:", stops[1e-4, tight].message)
assert np.allclose(reports.loc[[1e-4, 1e-13], loose], 14.891, atol=0.002)
assert np.allclose(reports.loc[0.1], 15.504, atol=0.01)
assert abs(reports.loc[1e-4, tight] - 4.5612) < 5e-5 and "precision loss" in stops[1e-4, tight].message
blpteach.predicted("4.5", "below" if reports.loc[1e-4, tight] < estimates.objective else "above")

# %% [markdown]
# The stop at 14.89 is the outer tolerance's doing. But the inner one is not harmless: at $10^{-4}$ the reported objective is *below* the true minimum and SciPy gives up with "precision loss", at 0.1 the search ends at 15.5 whatever the outer tolerance. Look at what it walks on:
# the objective along one parameter, $\pi$ on the constant and income.

# %%
def along(width, tolerance, k=names.index("pi[1, income]")):
    moves = np.linspace(-width, width, 31)
    q = [[objective(best + move * np.eye(13)[k], each) for move in moves] for each in (tolerance, 1e-13)]
    return best[k] + moves, *np.array(q)                        # (31,) each


rough = {0.1: along(0.3, 0.1), 1e-3: along(0.03, 1e-3)}
jumps = [abs(np.diff(loose_q - exact)).max() for _, loose_q, exact in rough.values()]
assert jumps[0] > 0.1 and jumps[1] > 1e-3
plots.Rough(rough, "π[1, income]")

# %% [markdown]
# It jumps where an inversion takes one iteration more or less, and its level is off. The gradient is that of a smooth curve, so near a jump it misleads.
#
# **Result.** A tight inner tolerance makes the objective smooth; a tight outer one makes the search go on. One needs both.

# %% [markdown] minutes=4 ask="Does the stopped search stand on a slope or on a floor?"
# ### The valley
#
# What does BFGS do between 14.9 and 4.56? Watch $\pi$ on price and income, and on price and income squared.
# Let $m$ be the mean of log income and $y$ log income less $m$. Then $(m + y)^2 = y^2 + 2m\,y + m^2$, and $2m = 18.11$ is so large that the square moves almost as $y$ does. So the useful pair is
# the *curvature* $\pi_{\text{income}^2}$ and the *slope at average income*, $\pi_{\text{income}} + 18.11\,\pi_{\text{income}^2}$.
#
# Contours are heights of the objective with the 11 other parameters and $\beta$ estimated anew at each of 35 points. (About two seconds.) The upper edge says which price coefficient belongs to a point of the valley's floor.

# %%
income, squared = problem.agents["income"], problem.agents["income_squared"]
twice_mean = np.polyfit(income, squared, 2)[1]
assert abs(twice_mean - 18.114) < 1e-3 and abs(np.corrcoef(income, squared)[0, 1] - 0.995) < 1e-3
landscape = plots.Landscape(problem, estimates, twice_mean)
plots.Valley(landscape, path=np.array(steps), stops={"stopped": stopped.theta2})

# %%
sizes = np.array([abs(q_and_gradient(theta2)[1]).max() for theta2 in steps])
first = np.flatnonzero(sizes < 0.5)[0]
assert sizes[first] < 0.5 and sizes[first:].max() > 100 * sizes[first] and sizes[-1] < 0.01
print("largest element of the gradient:", *sizes[::5].round(2))

# %% [markdown]
# The search first falls to the floor of a long, bent valley. (On the way the 11 others have not settled, so it lies higher than the contours say.) There the walls are
# balanced and the floor is nearly level: the gradient is small, and a search that is
# content with that stops. A patient one follows the floor to the star, and on its way the gradient *grows* again, a hundredfold.
#
# **Result.** The stop is on a floor that still descends.

# %% [markdown] minutes=5 ask="The mean of alpha over all types is about -62.8. Where is the median?"
# ### Who minds the price?
#
# Now the puzzle. From the stop to the minimum the price coefficient doubles, and the mean own elasticity goes from $-3.70$ to $-3.62$.
# Look at the consumers. Type $i$ has the price coefficient, (5.1) of the next lesson,
#
# $$\alpha_i = \beta_{\text{price}} + \sigma_{\text{price}}\,\nu_i + \sum_d \pi_{\text{price},d}\, y_{id}.$$
#
# The mean of $\alpha_i$ over all types is about $-62.8$. Where is the median?

# %%
blpteach.predict("4.6", ...)

# %%
alphas, types, purchases = plots.price_tastes(estimates)        # a number a type: alpha, and parts
tail = alphas < -100
print(f"below -100: {types[tail].sum():.1%} of types, {purchases[tail].sum():.2%} of purchases")
blpteach.predicted("4.6", np.median(alphas))

# %%
numbers = alphas.mean(), np.median(alphas), alphas.min()
assert np.allclose(numbers, [-62.79, -34.53, -971.3], rtol=2e-3)
assert abs(types[tail].sum() - 0.138) < 3e-3 and purchases[tail].sum() < 0.003
assert abs(np.exp(twice_mean / 2 + income.min()) - 61.5) < 0.1
assert abs(stopped.own_elasticities().mean() - -3.70) < 5e-3
plots.PriceTastes(stopped, estimates, ("Where the search stopped", "At the minimum"))

# %% [markdown]
# The mean is pulled away by one tail: the poorest type, with an income of 61 dollars (the data don't say for which period), has $-971$. Such a type buys no cereal near the observed prices. Types below $-100$ are one seventh of all, and make 0.2 percent of purchases.
#
# Vermilion are the same types weighted by what they *buy*. Among purchases the mean is $-30.7$ at the stop and $-31.5$ at the minimum, and a product's own elasticity is nearly its price times the mean $\alpha_i$ of *its* buyers. That is why it hardly moves.
# How far do buyers differ from each other?

# %%
def spread(found):
    alphas, _, purchases = plots.price_tastes(found)
    mean = purchases @ alphas
    return mean, np.sqrt(purchases @ (alphas - mean)**2)


among = pd.DataFrame({"stopped": spread(stopped), "minimum": spread(estimates)},
                     ["mean among purchases", "standard deviation"])
assert np.allclose(among, [[-30.66, -31.48], [4.80, 12.67]], atol=0.05)
among.round(1)

# %% [markdown]
# **Result.** What depends on the mean among buyers is the same at the stop and at the minimum; what depends on their spread will not be. "The price coefficient is $-62.7$" is a mean over types many of which
# matter little for demand: report elasticities and the distribution of $\alpha_i$.

# %% [markdown] minutes=3 ask="Which rivals of F2B19 will lose most of their buyers: those with as much sugar, or those with more?"
# ### The halved price
#
# Who leaves for whom depends on the spread. In lesson 00 the price of `F2B19`, a sweet, crisp cereal, was halved in market `C01Q1`. In the logit every rival lost 30.1 percent of its buyers. What does the estimated model say?

# %% tags=["parameters"]
product, market, part_of_price = "F2B19", "C01Q1", 0.5

# %% tags=["build"]
def losses(found):
    """(1.3), (1.5) before and after: the fraction of its buyers that each product loses, (J,)."""
    m = found.market(market)                                    # m.alpha (J, I) is (5.1)
    cut = np.where(m.product_ids == product, (part_of_price - 1) * m.prices, 0)         # (J,)
    after = blpteach.market_shares(m.delta, m.mu + cut[:, None] * m.alpha, m.weights)
    return 1 - after / m.shares                                 # (J,)

# %% [markdown]
# `F2B26` is the twin of `F2B19`: same firm, same 13 grams of sugar, also crisp. `F6B18` has no sugar. `F3B06` is sweeter, with 20 grams, and mushy. Which of the three loses the largest fraction of its buyers?

# %%
blpteach.predict("4.7", ..., among=["twin", "no sugar", "sweeter"])

# %%
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
answers = {"logit": losses(logit), "search stopped early": losses(stopped), "minimum": losses(estimates)}
one = estimates.market(market)
three = {"F2B26": "twin", "F6B18": "no sugar", "F3B06": "sweeter"}
few = pd.DataFrame(answers, one.product_ids).loc[list(three)]
print((100 * few).round(1))
blpteach.predicted("4.7", three[few["minimum"].idxmax()])

# %%
rivals, table = one.product_ids != product, problem.products.iloc[one.rows]
notes = {k: three[name] for k, name in enumerate(one.product_ids[rivals]) if name in three}
assert np.allclose(few, [[0.301, 0.398, 0.518], [0.301, 0.264, 0.127], [0.301, 0.303, 0.562]], atol=3e-3)
sugar, mushy = table["sugar"].to_numpy(), table["mushy"].to_numpy()
plots.HalvedPrice(sugar[rivals], mushy[rivals], product, sugar[~rivals][0], notes,
                  {name: lost[rivals] for name, lost in answers.items()})

# %% [markdown]
# At the minimum the twin loses half of its buyers, the cereal without sugar an eighth, and a sweeter mushy one even more than the twin: closeness in sugar is not the whole of it.
#
# **Result.** Here the stopped search *does* matter. It has the twin lose 40 percent, not 52, and the sweet mushy cereal 30, not 56. Search to the end.

# %% [markdown] minutes=2 ask="The data are simulated and the truth is known. How many estimates of seven should lie within two standard errors of it?"
# ## Check it
#
# *Are the model's shares the data?* At any $\theta_2$ they must be. *Is it a minimum?* All eigenvalues of the Hessian must be positive. *Does the method find a truth that we know?* The third data set of the course is simulated: 80 markets with different choice sets, strong endogeneity. Start from half the truth.

# %%
from blpteach.examples import simulated

gap, curvature = abs(estimates.shares - problem.shares).max(), np.linalg.eigvalsh(hessian(best))
print("shares agree:", gap < 1e-12, "  smallest eigenvalue:", curvature.min().round(6))
economy, from_half = simulated()
truth, recovered = economy.products.attrs["truth"], economy.estimate(**from_half).to_frame()
recovered["truth"] = [*truth["beta"], *truth["sigma"][1:], truth["pi"]]
assert gap < 1e-12 and curvature.min() > 1e-6
assert (abs(recovered["estimate"] - recovered["truth"]) < 2 * recovered["se"]).all()
recovered[["truth", "estimate", "se"]].round(3)

# %% [markdown]
# Each estimate lies within two standard errors of the truth.

# %% [markdown] minutes=4 ask="A loose outer tolerance, and a start somewhere else: which price coefficient would you publish?"
# ## Play
#
# You choose the search, its outer tolerance, and the start of $\pi$ on price and income squared (income follows, so that the
# slope at average income is Nevo's). Left, the path through the valley, from its start (ring) to where it stops (square), dotted the way it would have gone on. Right, what would be reported there.
#
# - Leave the tolerance at 0.5 and move the start from $-1.2$ to $-40$. Which numbers follow the start?
# - Tighten the tolerance. Which price coefficients are left?
# - Change to Gauss-Newton, with the loose tolerance.
#
# (A search runs when it is first asked for: a fraction of a second.)

# %%
from blpteach.widgets.search import search

box = search(landscape)
box

# %% [markdown]
# The same as a table: price coefficients by start, and in the last column the mean own elasticity where BFGS with the loose tolerance stops.

# %%
def reported(method, begin, tolerance, number="price coefficient β"):
    step = box.picture.run(method, begin).stop(tolerance)
    return box.picture.report(method, begin, step).numbers[number]


prices = pd.DataFrame({begin: {"BFGS loose": reported("BFGS", begin, 0.5),
                               "BFGS tight": reported("BFGS", begin, 1e-5),
                               "Gauss-Newton loose": reported("Gauss-Newton", begin, 0.5),
                               "elasticity": reported("BFGS", begin, 0.5, "mean own elasticity")}
                       for begin in (-1.2, -40)}).T
assert prices["BFGS loose"].iloc[0] > -33 and prices["BFGS loose"].iloc[-1] < -68
assert np.allclose(prices["BFGS tight"], estimates.beta[0], atol=0.01)
assert np.allclose(prices["Gauss-Newton loose"], estimates.beta[0], atol=0.5)
assert prices["elasticity"].between(-3.72, -3.58).all()
prices.round(2)

# %% [markdown]
# **Result.** With the loose tolerance *the start decides*: price coefficients run from $-32$ to $-70$. With a tight one it is forgotten. Gauss-Newton, which measures in no units, ends within half a unit of
# the minimum under the loose one as well. And the mean own elasticity is $-3.6$ or $-3.7$ whatever you do.

# %% [markdown] minutes=1 ask="Exercise 4.1: measure one parameter in thousandths. What happens to its element of the gradient?"
# ## Exercises

# %% [markdown]
# ### Exercise 4.1 · 5 minutes · easy
#
# A loose tolerance for the gradient depends on units. Measure each parameter in units of its own: $\theta_{2,k} = \mathtt{scale}_k\, \eta_k$. Write a function `gradient_in(r, R, scale)` that returns the derivatives of $q = r'r$ in $\eta$, an array of shape (K,), K the number of parameters.
# Its arguments are `r` (M,), `R` (M, K), the derivative of $r$ in $\theta_2$, and `scale` (K,).

# %% tags=["exercise"]
def gradient_in(r, R, scale):
    """Derivatives of q in eta, (K,)."""
    return ...

# %% tags=["solution"]
def gradient_in(r, R, scale):
    """Derivatives of q in eta, (K,): (4.4) and the chain rule."""
    return scale * (2 * R.T @ r)

assert blpteach.check("4.1", gradient_in)

# %% tags=["check"]
blpteach.check("4.1", gradient_in)

# %% [markdown]
# ### Exercise 4.2 · 5 minutes · easy
#
# The objective of two-step GMM is Hansen's J statistic. If all moments are valid and rows are independent, it is in large samples distributed $\chi^2$ with as many degrees of freedom as there are moments beyond the number of parameters. Does the test reject?
# Compute the p-value of `two_step`, the two-step estimates by (4.6) (a number between 0 and 1).

# %% tags=["exercise"]
two_step = problem.estimate(start["sigma"], start["pi"], steps=2)
p_value = ...

# %% tags=["solution"]
from scipy.stats import chi2

two_step = problem.estimate(start["sigma"], start["pi"], steps=2)
p_value = chi2.sf(two_step.objective, problem.M - 14)       # 20 moments, 13 + 1 parameters
assert abs(p_value - 0.409) < 5e-3
print(f"J = {two_step.objective:.2f}, p = {p_value:.2f}: the moments do not contradict each other")
assert blpteach.check("4.2", p_value)

# %% tags=["check"]
blpteach.check("4.2", p_value)

# %% [markdown]
# ### Exercise 4.3 · 15 minutes · medium
#
# A bare Gauss-Newton step can overshoot. Shorten it: find the $d$, shape (K,), that minimises
#
# $$|r + R\,d|^2 + \mathtt{penalty}\, \sum_k |R_k|^2\, d_k^2,$$
#
# where $R_k$ is column $k$ of $R$. (The length of the column stands there so that units don't matter.) Derive $d$ from the first-order condition, and write it as a function `shortened_step(r, R, penalty)` that returns $d$, with `r` (M,), `R` (M, K), `penalty` a number.

# %% tags=["exercise"]
def shortened_step(r, R, penalty):
    """The step d, (K,)."""
    return ...

# %% [markdown] tags=["solution"]
# The derivative in $d$ is $2R'(r + R\,d) + 2\,\mathtt{penalty}\,\mathtt{squares}\, d$, with `squares` diagonal and $|R_k|^2$ on it. Set it to zero: $d = -(R'R + \mathtt{penalty}\,\mathtt{squares})^{-1} R'r$.

# %% tags=["solution"]
def shortened_step(r, R, penalty):
    """The step d, (K,): Levenberg and Marquardt's."""
    squares = np.diag((R**2).sum(0))
    return -np.linalg.solve(R.T @ R + penalty * squares, R.T @ r)

# %% tags=["solution"]
short_steps = {penalty: shortened_step(*residuals(free.start), penalty) for penalty in (0, 0.1, 1)}
tried = pd.Series({penalty: objective(free.start + step) for penalty, step in short_steps.items()})
assert tried[0] > at_start > tried[0.1] > 10
assert blpteach.check("4.3", shortened_step)

# %% tags=["check"]
blpteach.check("4.3", shortened_step)

# %% [markdown]
# ### Exercise 4.4 · 10 minutes · medium
#
# The $t$ values within cities came from the library. Do it by hand: compute the standard error of the price coefficient of `estimates` with the moments summed within cities
# (`problem.products["city_ids"]`). One number, in utils a dollar.

# %% tags=["exercise"]
se_by_city = ...

# %% tags=["solution"]
cities = problem.products["city_ids"].to_numpy()
S_city = blpteach.moment_covariance(problem.Z, estimates.xi, "clustered", cities)
V_city = blpteach.sandwich(estimates.G, W, S_city, problem.N)
se_by_city = np.sqrt(V_city[-1, -1])                        # beta comes last
assert abs(se_by_city - 20.47) < 0.02 and len(np.unique(cities)) == 47
print(f"by city {se_by_city:.2f}, rows as independent {estimates.beta_se[0]:.2f}")
assert blpteach.check("4.4", se_by_city)

# %% [markdown] tags=["solution"]
# By market, a city in one quarter, it would be 18.2. So more than half of the rise comes from products that share a market, and the rest from the city's other quarter.

# %% tags=["solution"]
markets = problem.products["market_ids"].to_numpy()
S_market = blpteach.moment_covariance(problem.Z, estimates.xi, "clustered", markets)
se_by_market = np.sqrt(blpteach.sandwich(estimates.G, W, S_market, problem.N)[-1, -1])
assert abs(se_by_market - 18.22) < 0.02

# %% tags=["check"]
blpteach.check("4.4", se_by_city)

# %% [markdown]
# ### Exercise 4.5 · 15 minutes · medium
#
# Search over $\sigma \ge 0$ from Nevo's start, the nine elements of $\pi$ free. `least_squares` takes `bounds=(lower, upper)`. Where does the search end? Give `[objective, price coefficient]`; `beta_map` gives the coefficient. (And look: which $\sigma$ sits on its bound?)

# %% tags=["exercise"]
at_bound = ...

# %% tags=["solution"]
lower = np.r_[np.zeros(4), np.full(9, -np.inf)]
bounded = least_squares(lambda theta2: residuals(theta2)[0], free.start, lambda theta2: residuals(
    theta2)[1], bounds=(lower, np.inf), x_scale="jac", ftol=1e-10)

# %% tags=["solution"]
delta = np.empty(problem.N)
delta[block.index] = mean_utilities(bounded.x)[0]
at_bound = [2 * bounded.cost, (beta_map @ delta)[0]]
assert np.allclose(at_bound, [4.7214, -60.17], rtol=2e-3) and bounded.x[2] < 1e-3
print("objective {:.5g}, price coefficient {:.2f}".format(*at_bound),
      f"; on its bound: {names[bounded.x[:4].argmin()]}")
assert blpteach.check("4.5", at_bound)

# %% [markdown] tags=["solution"]
# This is no minimum of the problem without bounds, but the best point that the bound allows. Here it matters little, less than a fifth of a standard error of the price coefficient. One can't know that without having looked on the other side.

# %% tags=["check"]
blpteach.check("4.5", at_bound)

# %% [markdown]
# ### Exercise 4.6 · 25 minutes · hard
#
# What is the standard error of the mean own elasticity? Write the mean own elasticity as a function of all 14 parameters $(\theta_2, \beta)$, with $\delta$ found anew for each $\theta_2$. Differentiate it numerically in each parameter, the others kept, to get $c$, shape (14,), and use the delta method:
# the variance is $c' V c$ with the joint covariance (3.9), `estimates.covariance`. A product's own elasticity is $(p_j / s_j) \sum_i w_i\, \alpha_i\, s_{ij} (1 - s_{ij})$ with the $\alpha_i$ of (5.1), and $\partial s_{ij} / \partial p_j = \alpha_i\, s_{ij}(1 - s_{ij})$ is where it comes from.
# Give the standard error, one number.

# %% tags=["exercise"]
se_elasticity = ...

# %% tags=["solution"]
def mean_elasticity(parameters):
    theta2, beta = parameters[:13], parameters[13]
    delta, mu = mean_utilities(theta2)
    P = blpteach.choice_probabilities(delta, mu)                # (T, J, I)
    alpha = beta + block.tastes @ free.unpack(theta2).Gamma[1]        # (T, I)
    own = (P * (1 - P) * (block.weights * alpha)[:, None]).sum(-1)              # (T, J)
    return (own * problem.prices[block.index] / block.shares).mean()

# %% tags=["solution"]
here = np.r_[estimates.theta2, estimates.beta]
moves = np.diag(1e-5 * np.maximum(1, abs(here)))            # one parameter a row
rise = [mean_elasticity(here + move) - mean_elasticity(here - move) for move in moves]
c = np.array(rise) / (2 * np.diag(moves))
se_elasticity = np.sqrt(c @ estimates.covariance @ c)

# %% tags=["solution"]
in_percent = [100 * se_elasticity / abs(mean_elasticity(here)),
              100 * estimates.beta_se[0] / abs(estimates.beta[0])]
assert abs(mean_elasticity(here) - -3.618) < 1e-3 and abs(se_elasticity - 0.125) < 2e-3
print(f"mean own elasticity {mean_elasticity(here):.3f} ({se_elasticity:.3f}): "
      "{:.1f} percent; the price coefficient's {:.0f} percent".format(*in_percent))
assert blpteach.check("4.6", se_elasticity)

# %% tags=["check"]
blpteach.check("4.6", se_elasticity)

# %% [markdown]
# ## Further

# %% [markdown] minutes=2 ask="What do we know after the first step that we did not know before it?"
# ### Two-step GMM, by rows and by city
#
# (4.6) weights with $S^{-1}$, and $S$ depends on what is taken as independent. The objective has other weights now and can't be compared with 4.56.

# %% tags=["parameters"]
gmm_steps = 2

# %%
twice = {name: found.estimate(start["sigma"], start["pi"], steps=gmm_steps)
         for name, found in {"by row": problem, "by city": by_city.problem}.items()}
rows = {name: [found.objective, found.beta[0], found.beta_se[0], found.own_elasticities().mean()]
        for name, found in twice.items()}
pd.DataFrame(rows, ["objective", "price coefficient", "standard error", "mean elasticity"]).round(2)

# %%
assert np.allclose(rows["by row"][:2], [6.128, -60.34], rtol=2e-3)
assert np.allclose(rows["by city"], [9.103, -51.02, 12.64, -3.651], rtol=2e-3)

# %% [markdown]
# **Result.** By rows little changes. By city the price coefficient moves to $-51.0$ (12.6), within one standard error of $-62.7$. The mean elasticity is $-3.65$.

# %% [markdown] minutes=3 ask="If income squared's coefficient rises by one, what must the others do so that the moments hardly notice?"
# ### What do these data identify?
#
# With $W = LL'$, a direction that $L'G$ maps to nearly nothing is one that the moments don't see. Scale its columns to length one, so that units play no role, and take singular values.

# %% tags=["parameters"]
visible = 0.1

# %%
seen = np.linalg.cholesky(W).T @ G                          # L'G  (M, 13 + K1)
lengths = np.linalg.norm(seen, axis=0)
_, values, directions = np.linalg.svd(seen / lengths)       # rows of directions: combinations
weakest = pd.Series(directions[-1] / lengths, names + ["beta[prices]"])
weakest = weakest / weakest["pi[prices, income_squared]"]
print("largest, last but one and smallest:", values[[0, -2, -1]].round(4))
weakest[abs(weakest) > visible].round(2)

# %%
assert np.isclose(values[0] / values[-1], estimates.condition) and 540 < estimates.condition < 555
assert 29 < values[-2] / values[-1] < 33

# %% [markdown]
# The largest is 547 times the smallest: the condition number that the verdict prints. The combination is the floor of the valley, in the parameters' own units. Let income squared rise by one, income fall by 19 and $\beta$ rise by 1, and the moments hardly notice. The next value is 30 times as large, so no other combination is nearly collinear. (Scaling hides a parameter that
# the moments hardly feel at all; standard errors show those.)
#
# In many applications tastes are learned from *choice sets*: when a close substitute disappears, those who bought it reveal where they go. Not here.

# %%
sets = problem.products.groupby("market_ids")["product_ids"].agg(frozenset).nunique()
means = problem.agents.groupby("market_ids")["income"].mean()
by_lottery = income.std() / np.sqrt(20)
assert sets == 1 and np.allclose([means.std(), by_lottery], [0.289, 0.210], atol=2e-3)
assert abs(by_lottery**2 / means.var() - 0.53) < 0.01
print(f"different choice sets: {sets}; market means of log income have standard deviation "
      f"{means.std():.2f}; 20 draws from one population would give {by_lottery:.2f}")

# %% [markdown]
# **Result.** All 24 products stand in all 94 markets. What is left are prices and demographics that differ across markets, and half of the variance of the latter ($0.21^2$ of $0.29^2$) is the lottery of 20 draws. They help
# $\pi$: where incomes are high, which products sell better? Of the four $\sigma$ those on the constant and on price have $t$ values within cities of 2.0 and 1.5, with the reserve that zero is a boundary; the other two come out near zero. How much of this is functional form, and how much these draws, other draws and other forms would tell.

# %% [markdown] minutes=2 ask="The true curvature is 470 times what Gauss-Newton takes it for. How long is its step?"
# ### Where residuals stay large
#
# The term that (4.5) neglects, seen: the eigenvalues of the Hessian relative to $2R'R$. At one Gauss-Newton is Newton. If one is 470, its step in that direction is 470 times too long, and the trust region must shorten it again and again.

# %%
from scipy.linalg import eigh


def curvature_ratios(theta2):
    R = residuals(theta2)[1]
    R = R / np.linalg.norm(R, axis=0)                           # units as in `hessian`
    return eigh(hessian(theta2), 2 * R.T @ R, eigvals_only=True)


ratios = pd.DataFrame({"minimum": curvature_ratios(best), "at 35.3": curvature_ratios(stuck.x)})
assert np.allclose(ratios.iloc[[0, -1], 0], [0.873, 1.202], atol=3e-3)
assert np.allclose(ratios.iloc[[0, -1], 1], [0.45, 7.65], atol=0.05)
ratios.iloc[[0, -1]].round(2)

# %% [markdown]
# At the poor minimum $q$ is eight times as large, and so is what Gauss-Newton leaves out. There the library lets BFGS go on, in units $z$ in which the curvature that it first believes in is that of Gauss-Newton:
#
# $$\theta_2 = \hat\theta_2 + U z, \qquad U'(2R'R)\,U = I. \tag{4.8}$$
#
# **Result.** Small residuals make Gauss-Newton fast. Large ones make it crawl, and BFGS from its curvature is the way out.

# %% [markdown] minutes=3 ask="With nodes that lie symmetrically about zero, what is the slope of delta in sigma at zero?"
# ### Lognormal tastes, bounds and corners
#
# A coefficient that must keep its sign can be lognormal. It enters as one more taste, of weight one, with $\Gamma_k$ the row of `Gamma` and $v_i$ the type's tastes:
#
# $$\mu_{ijt} = \sum_{k} x_{2,jtk}\, b_{ik}, \qquad b_{ik} = \Gamma_k v_i \;\text{ or }\; \pm\exp(\Gamma_k v_i). \tag{4.9}$$
#
# With symmetric nodes $\delta$ is the same at $\sigma_k$ and $-\sigma_k$, an even function, so
#
# $$\frac{\partial \delta}{\partial \sigma_k} = 0 \quad\text{at } \sigma_k = 0, \tag{4.10}$$
#
# whatever the data say. Give each type a mirror image in its node for price, set that $\sigma$ to zero, and look.

# %% tags=["parameters"]
k = 1                                                           # sigma[prices, nodes1]

# %%
no_taste = free.unpack(np.where(np.arange(13) == k, 0, best)).Gamma
flip = np.where(np.arange(8) == k, -1, 1)
slopes = {}
for name, tastes in {"as drawn": block.tastes,
                     "mirrored": np.concatenate([block.tastes, block.tastes * flip], 1)}.items():
    weights = np.full(tastes.shape[:2], 1 / tastes.shape[1])
    mu = blpteach.taste_deviations(block.X2, tastes, no_taste)
    P = blpteach.choice_probabilities(blpteach.invert_shares(block.shares, mu, weights).delta, mu)
    found = blpteach.delta_jacobian(P, blpteach.buyers(P, weights), block.X2, tastes, free.rows, free.columns)
    slopes[name] = abs(found[..., k]).max()
print("largest slope of delta:", ", ".join(f"{name} {slope:.2g}" for name, slope in slopes.items()))
assert slopes["mirrored"] < 1e-12 < 1e-3 < slopes["as drawn"]

# %% [markdown]
# So the gradient is zero there, and a search that begins at zero stays. The library holds what rests at zero or at a bound, searches the rest, and asks the second derivative for a way down. And since the Jacobian has a column of zeros, (3.9) breaks down at the very value that a $t$ test takes for true.
#
# **Result.** Zero is a corner of its own: no ordinary test there, and no ordinary start.

# %% [markdown]
# ## In practice
#
# The same model in PyBLP, the package of Conlon and Gortmaker, with the same formulas. A full search takes it much longer than a cell of this course may run. So we evaluate at our minimum and let PyBLP say what it finds there.
# In your own work, replace `"return"`, which does not search, by `pyblp.Optimization("bfgs", {"gtol": 1e-5})`. (A few seconds.)

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
if pyblp:
    formulas = [pyblp.Formulation("0 + prices", absorb="C(product_ids)"),
                pyblp.Formulation("1 + prices + sugar + mushy")]
    demographics = pyblp.Formulation("0 + income + income_squared + age + child")
    theirs = pyblp.Problem(formulas, problem.products, demographics, problem.agents)

# %%
if pyblp:
    any_sign = np.full((4, 4), -np.inf), np.full((4, 4), np.inf)
    there = theirs.solve(estimates.sigma, estimates.pi, method="1s", sigma_bounds=any_sign,
                         check_optimality="gradient", optimization=pyblp.Optimization("return"))
    found = [float(there.objective), float(there.beta[0, 0]), float(there.beta_se[0, 0])]
    ours = [estimates.objective, estimates.beta[0], estimates.beta_se[0]]
    assert np.allclose(found, ours, rtol=1e-4) and abs(there.gradient).max() < 1e-3
    print("PyBLP:    objective {:.6g}, price coefficient {:.5g} ({:.4g})".format(*found))
    print("blpteach: objective {:.6g}, price coefficient {:.5g} ({:.4g})".format(*ours))
else:
    blpteach.stored_output()

# %% [markdown]
# The two agree. Two habits of practice:
#
# - *Bounds.* With an optimizer that knows bounds, PyBLP keeps the diagonal of $\sigma$ at or above zero unless `sigma_bounds` says otherwise. Here $\sigma$ is free unless you say `sigma_bounds=(0, None)`.
# - *Reports.* State the objective, the gradient *and in which units*, the predicted improvement or the eigenvalues of the Hessian, the number of starts and how many ended lowest.

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
