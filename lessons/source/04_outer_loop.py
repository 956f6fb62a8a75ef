# %% [markdown]
# # 04. How do you find thirteen parameters at once? The outer loop
#
# *75 minutes, and as many for the exercises. You need: econometrics through instrumental variables and GMM; NumPy. It leans on lesson 01 (taste deviations and
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
# - Assemble the BLP objective from Steps 1 to 3, in a few lines.
# - Derive its gradient and check it.
# - Search by Gauss-Newton, and say why it suits this problem better than BFGS or Nelder-Mead.
# - Tell an optimum from a place where a search stopped, and a good optimum from a poor one.
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

# %% [markdown] minutes=3 ask="One of the thirteen parameters starts near 16, another near 0.02. Would you search over both with one step length?"
# ### Thirteen parameters
#
# A consumer of type $i$ in market $t$ gets utility $\delta_{jt} + \mu_{ijt} + \varepsilon_{ijt}$ from product $j$. All consumers share the mean
# utility $\delta_{jt}$. The taste deviation is
#
# $$\mu_{ijt} = \sum_k x_{2,jtk} \Big(\sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id}\Big). \tag{1.2}$$
#
# - $x_{2,jt}$ (`X2`) holds the characteristics for which tastes differ: a constant, price, sugar, mushy.
# - $\nu_i$ are four draws from the standard normal (the nodes), one for each characteristic.
# - $y_i$ are demographics: log income, the square of log income, log age, and whether the person is a child, each less its mean.
# - $\sigma$ and $\pi$ are the **nonlinear parameters**, together $\theta_2$ (`theta2`).
#
# Each market has its own 20 types, of equal weight. The index $t$ of $\nu$ and $y$ is left out.
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
# `problem.free(...)` returns an object, `free`, that remembers where the free elements stand. `free.start` is the vector $\theta_2$, shape (13,), and
# `free.unpack(theta2).Gamma` puts a vector back into its places.

# %%
free = problem.free(start["sigma"], start["pi"])
names = free.names
assert len(free.start) == 13 and np.allclose(free.unpack(free.start).Gamma[1, 4:], start["pi"][1])
pd.Series(free.start, names)

# %% [markdown] minutes=5 ask="Where in the objective is beta, the mean taste for price?"
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
# (The letter $S$ stands for shares in this equation, as in lesson 02. From the standard errors on it is the covariance of the moments, as in lesson 03.)
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
# There are 20 moments for 13 + 1 parameters: the order condition of lesson 03 holds with six to spare. (Nevo does not say how each of his instruments was made.)
#
# All 94 markets have 24 products, so they form one stack, `problem.blocks[0]`. Its `index` (T, J) says which row of the table each
# product is. How far should the inversion go?

# %% tags=["parameters"]
inner_tolerance = 1e-13

# %%
block = problem.blocks[0]
block.index.shape, block.shares.shape

# %% [markdown]
# Now the objective. Step 1 is `taste_deviations(X2, tastes, Gamma)`, with the first two from `block`. Step 2 is
# `invert_shares(shares, mu, weights, tolerance=...)`, whose result has a `.delta`. It comes as a stack (T, J), and `moment_map` wants the order of the table:
# `flat[block.index] = delta` puts it there.

# %% tags=["build"]
def mean_utilities(theta2, tolerance=1e-13):
    """(4.1): delta (T, J) that explains the shares at theta2 (13,), and mu (T, J, I)."""
    mu = blpteach.taste_deviations(block.X2, block.tastes, free.unpack(theta2).Gamma)  # (1.2)
    inversion = blpteach.invert_shares(block.shares, mu, block.weights, tolerance=tolerance)
    return inversion.delta, mu                                  # (T, J), (T, J, I)

# %% tags=["build"]
def objective(theta2, tolerance=1e-13):
    """(4.2): q = r'r with r = moment_map @ delta, a number; delta is (N,)."""
    delta, flat = mean_utilities(theta2, tolerance)[0], np.empty(problem.N)
    flat[block.index] = delta                                   # (N,), in the table's order
    r = moment_map @ flat                                       # (M,)
    return r @ r                                                # one number

# %%
at_start = objective(free.start, inner_tolerance)
assert abs(at_start - 29.353343) < 1e-5
print(f"objective at Nevo's starting values: {at_start:.6g}")

# %% [markdown]
# Is that the number that the library computes? `problem.evaluate` does what an estimation does, without a search.

# %%
library = problem.evaluate(start["sigma"], start["pi"])
assert np.isclose(library.objective, at_start)
print(f"the library's: {library.objective:.6g}, with a price coefficient of {library.beta[0]:.2f}")

# %% [markdown]
# This is how the library does Steps 1 and 2 for all blocks. It also computes the Jacobian, to which we come now. (In it `P` holds the choice probabilities and `B` the
# buyers, as in lessons 01 and 02. `lognormal` says which coefficients are lognormal rather than normal. Here none is: `as_tastes` returns what it is given, and `slopes` the tastes that belong to each parameter.)

# %%
blpteach.show(blpteach.solve_delta)

# %% [markdown] minutes=4 ask="A parameter pushes a product's share up. What must that product's delta do?"
# ### The slope
#
# A search wants to know which way is down. In (4.2) only $\delta$ depends on $\theta_2$, so the derivative of $r$ goes through the same matrix:
#
# $$R = \frac{\partial r}{\partial \theta_2} = \mathtt{moment\_map}\;\frac{\partial \delta}{\partial \theta_2} \qquad (M \times 13), \tag{4.3}$$
#
# and the gradient of the sum of squares is
#
# $$\frac{\partial q}{\partial \theta_2} = 2 R'r. \tag{4.4}$$
#
# The derivative of $\delta$ comes from lesson 02, equation (2.7). Shares are data and can't move. If a larger $\theta_2$ pushes a share up, $\delta$ must come down
# to hold it. The library's `delta_jacobian` computes that for all parameters at once.

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

# %%
r, R = residuals(free.start)
gradient = 2 * R.T @ r                                          # (4.4)  (13,)
assert np.allclose(gradient, library.gradient)
print(f"norm of the gradient: {np.linalg.norm(gradient):.1f}")

# %% [markdown]
# Never trust a derivative that you have not checked. Move each parameter a little to both sides, divide by the distance, and compare.

# %% tags=["parameters"]
small = 1e-5

# %%
def central_difference(k):
    step = small * max(1, abs(free.start[k])) * np.eye(13)[k]   # parameter k moves alone
    return (objective(free.start + step) - objective(free.start - step)) / (2 * step[k])

# %%
numeric = [central_difference(k) for k in range(13)]
assert np.allclose(numeric, gradient, rtol=1e-4, atol=1e-4)
pd.DataFrame({"analytic": gradient, "differences": numeric}, names).round(3)

# %% [markdown]
# Look at the sizes. The slope in $\sigma$ on sugar is in the hundreds, that in $\pi$ on price and income less than one. The units of the parameters
# differ that much. Remember this: it decides the story of the two Nevos below.

# %% [markdown] minutes=5 ask="How many rounds until four decimals stand still, and does every round go down?"
# ### Gauss-Newton
#
# The objective is a sum of squares, and the Jacobian of what is squared is known. That is all that a **Gauss-Newton** step needs. Pretend that $r$ is linear,
# $r(\theta_2 + d) \approx r + R\,d$. Which $d$ makes it smallest? A regression of $-r$ on $R$:
#
# $$d = -(R'R)^{-1} R'r. \tag{4.5}$$
#
# Three things to know about this step.
#
# - It neglects something. The Hessian of $q$ is $2R'R + 2\sum_m r_m \nabla^2 r_m$, and (4.5) is Newton's step without the second term. That term is small where the residuals $r$ are small.
# - The neglect costs no accuracy. The step is zero exactly where $R'r = 0$, that is, where the gradient is zero. Only the way there changes.
# - It does not depend on the units of the parameters. Measure them in other units, so that $R$ becomes $R D$ with $D$ diagonal, and $d$ becomes $D^{-1} d$: the same point. A
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
# **Before you run the next cell:** thirteen parameters, a start where $q$ is 29.35. How many rounds until four decimals stand still? Does each round
# go down?

# %%
theta2, bare = bare_gauss_newton(free.start, rounds)
assert bare[1] > bare[0] and np.ptp(bare[5:]) < 1e-4 and abs(bare[-1] - 4.5615142) < 1e-5
pd.Series(bare, name="objective").round(4).to_frame().T

# %% [markdown]
# The first step overshoots and goes *up*, since $r$ is not linear. After that the search drops, and after five rounds four decimals stand still. A step that overshoots could
# also land where nothing can be computed. So practical versions accept a step only if it improves, and shorten it otherwise: a **trust region**. SciPy has one:
# `least_squares(r, start, R, x_scale="jac")`, where `r` and `R` are functions of $\theta_2$, and tolerances `ftol`, `xtol` and `gtol` say when to stop.

# %% tags=["build"]
def by_trust_region(theta2):
    """(4.5) in a trust region: theta2 (13,) at the end, and the objective at each evaluation."""
    path = []

    def r_only(theta2):
        r, _ = residuals(theta2)
        path.append(r @ r)
        return r
    found = least_squares(r_only, theta2, lambda theta2: residuals(theta2)[1],
                          x_scale="jac", ftol=1e-12, xtol=1e-12, gtol=1e-10)
    return found.x, path                                        # (13,), one number an evaluation

# %%
best, trusted = by_trust_region(free.start)
assert abs(min(trusted) - 4.5615142) < 1e-6
print(f"{min(trusted):.6g} after {len(trusted)} evaluations")

# %% [markdown]
# `x_scale="jac"` measures each parameter by what it does to $r$, so that units don't matter to the size of the region either. The library's search is the same call. Here it is. (Where
# residuals stay large it crawls. The library notices, and BFGS goes on from the curvature $2R'R$. Here it isn't needed.)

# %%
blpteach.show(blpteach.gauss_newton)

# %%
estimates = problem.estimate(**start)
assert np.isclose(estimates.objective, min(trusted))
assert np.allclose(estimates.theta2, best, rtol=1e-3)
print(f"{estimates.objective:.6g} after {estimates.evaluations} evaluations")

# %% [markdown] minutes=3 ask="How would you convince a referee that a search has ended at a minimum?"
# ### What came out
#
# A result prints everything that you need to judge it. Read it from the bottom.

# %%
assert abs(estimates.objective - 4.5615142) < 1e-6
assert np.allclose([estimates.beta[0], estimates.beta_se[0]], [-62.730, 14.803], atol=2e-2)
estimates

# %% [markdown]
# *The verdict* asks what one more Gauss-Newton step would bring, if $r$ were linear. Put (4.5) into $|r + R\,d|^2$: the objective would fall by
#
# $$r'R\,(R'R)^{-1}R'r, \tag{4.7}$$
#
# the explained sum of squares of the regression in (4.5). This **predicted improvement** has the units of $q$, whatever the units of $\theta_2$, and it is zero where the gradient is zero. So a value near zero says that the
# search has ended at a stationary point. That it went down all the way speaks for a minimum, and *Check it* below tries its neighbours. That no lower minimum exists nobody can prove, so the verdict says "a local one". The line
# about rank and condition is explained under *What do these data identify?*
#
# *The random coefficients.* Standard errors stand in parentheses, a dot is a parameter fixed at zero. The unobserved tastes for sugar and
# mushy can't be told from zero. Children mind the price less than adults (11.1). Income enters the price taste through two large numbers of opposite sign, 588 and $-30.2$. We take them apart below.
#
# *Mean tastes.* `beta[prices]` is $-62.73$. Since demographics have mean zero, this is close to the mean of all consumers' price coefficients.
#
# (4.7) in code, and then all 13 with their standard errors, as a table:

# %%
promised = [r @ R @ np.linalg.lstsq(R, r)[0] for r, R in map(residuals, (free.start, best))]
assert abs(promised[0] - 27.2) < 0.1 and promised[1] < 1e-8
print("predicted improvement: {:.1f} at the start, {:.0e} at the end".format(*promised))

# %%
assert np.allclose(estimates.theta2, [0.55809, 3.31249, -0.00578, 0.09341, 2.2920, 1.2844, 588.325,
                                      -30.192, 11.055, -0.38495, 0.05223, 0.74837, -1.35339],
                   rtol=2e-3, atol=1e-5)
estimates.to_frame().round(3)

# %% [markdown] minutes=4 ask="How far has Nelder-Mead lowered 29.35 after 300 evaluations?"
# ### Other searches
#
# **BFGS** is a common choice. It uses the gradient, but not that the objective is a sum of squares. It learns the curvature
# along the way, from differences of gradients. **Nelder-Mead** uses only values of $q$: it moves a simplex of 14 points through 13 dimensions.
#
# Below, Nelder-Mead is allowed 300 evaluations. That takes about two seconds.

# %% tags=["parameters"]
allowed = 300

# %% tags=["build"]
def q_and_gradient(theta2, tolerance=1e-13):
    """(4.2), (4.4): q, a number, and its gradient (13,)."""
    r, R = residuals(theta2, tolerance)
    return r @ r, 2 * R.T @ r                                   # one number, (13,)

# %% [markdown]
# To draw the searches we keep each value that a function returned:

# %%
def recorded(function, path):
    def recording(theta2):
        result = function(theta2)
        path.append(result[0] if isinstance(result, tuple) else result)
        return result
    return recording

# %% [markdown]
# **Before you run the cells:** how far has Nelder-Mead lowered 29.35 after 300 evaluations?

# %%
bfgs, simplex = [], []
minimize(recorded(q_and_gradient, bfgs), free.start, jac=True, method="BFGS")
print(f"BFGS: {min(bfgs):.4f} after {len(bfgs)} evaluations")

# %%
minimize(recorded(objective, simplex), free.start, method="Nelder-Mead",
         options={"maxfev": allowed})
left = (min(simplex) - estimates.objective) / (at_start - estimates.objective)
print(f"Nelder-Mead: {min(simplex):.1f} after {len(simplex)} evaluations; "
      f"{100 * left:.0f} percent of the way down is still to go")

# %%
assert abs(min(bfgs) - 4.5615142) < 1e-4 and 0.3 < left < 0.8
plots.Searches(estimates.objective, paths={"Gauss-Newton, bare": bare, "Gauss-Newton": trusted,
                                           "BFGS": bfgs, "Nelder-Mead": simplex})

# %% [markdown]
# "There" means within 0.1 percent of the minimum, the dotted line; dots are evaluations that did not improve. Gauss-Newton, bare or in a trust region, is there after a few evaluations, BFGS after several times as many. Look at BFGS between
# 20 and 30 evaluations, where it rests a little below 15. Keep that number in mind.
#
# > **A common error.** Advice that circulates says to use "a derivative-free method, e.g. Newton-Raphson". Newton's method is made of derivatives:
# > the gradient and the Hessian. And derivative-free search is the one to avoid here. The derivatives are exact and cost little. With them the minimum is
# > 13 evaluations away, all digits included. Without them, 300 evaluations leave about half of the way down to go. (Left alone, Nelder-Mead does arrive, after several thousand.)

# %% [markdown] minutes=4 ask="BFGS and Gauss-Newton begin at the same far place. Will they end at the same one?"
# ### Starting values
#
# A search finds a minimum near its start. Is it the lowest? Nobody can be sure, but one can try other starts. `starts=20` draws twenty more: each $\sigma$ of
# either sign, and all parameters up to twice their given values. (This takes about two seconds.)

# %% tags=["parameters"]
more, far_seed, wild = 20, 0, 100

# %% [markdown]
# **Before you run the next cell:** in most of these starts some $\sigma$ has the other sign. How many different minima will the searches find?

# %%
several = problem.estimate(**start, starts=more, seed=0, progress=False)
ends = np.array([begun.objective for begun in several.starts])
assert len(ends) == 21 and np.allclose(ends, 4.5615142, atol=1e-5)
print(several.verdict())

# %% [markdown]
# One, and the last line of the verdict says so. (`several.minima` would list them.) But does that speak for the objective or for the search? Take a start farther out: each parameter between $-1$ and 2 times its value *at the minimum*, which
# for income and income squared is far away from Nevo's values. Let both BFGS and Gauss-Newton begin there.
#
# **Before you run the next cells:** from Nevo's values both reached 4.5615. Will they again?

# %%
far = estimates.theta2 * np.random.default_rng(far_seed).uniform(-1, 2, 13)
by_bfgs = []
stuck = minimize(recorded(q_and_gradient, by_bfgs), far, jac=True, method="BFGS")
end, by_newton = by_trust_region(far)
print(f"BFGS {stuck.fun:.5g}, Gauss-Newton {min(by_newton):.5g}")

# %%
assert abs(stuck.fun - 35.3005) < 1e-3 and abs(min(by_newton) - 4.5615142) < 1e-5
assert by_newton[0] > 50_000 and by_newton[1] < 300
plots.Searches(estimates.objective, "From a far start: BFGS ends at another minimum",
               paths={"Gauss-Newton": by_newton, "BFGS": by_bfgs})

# %% [markdown]
# BFGS has come to rest at 35.3. Did it stop too early? Ask (4.7), and ask what would be reported there.

# %%
poor = free.unpack(stuck.x).Gamma
poor = problem.evaluate(poor[:, :problem.L], poor[:, problem.L:])
assert poor.expected_improvement < 1e-8 and abs(poor.own_elasticities().mean() - -3.268) < 5e-3
print(f"predicted improvement {poor.expected_improvement:.0e}, price coefficient "
      f"{poor.beta[0]:.2f}, mean own elasticity {poor.own_elasticities().mean():.3f}")

# %% [markdown]
# The search is not to blame for stopping. It has gone down all the way, and no improvement is in sight. Is this a minimum of its own? Then a search that begins beside it comes back to it, Gauss-Newton too.

# %%
beside = min(by_trust_region(1.05 * stuck.x)[1])
assert objective(1.05 * stuck.x) > stuck.fun + 0.1 and abs(beside - 35.3005) < 1e-2
print(f"Gauss-Newton, begun five percent away: {beside:.5g}")

# %% [markdown]
# It does: this is a **local minimum**, and a poor one. No derivative at the place itself can tell that there is a lower one; only a lower objective from another start can. That is why one tries several.
# From the far start Gauss-Newton passed it by: its first step is long (in the picture, from 50,000 to below 300), and it came down elsewhere. No guarantee goes with that. Report the number of starts all the same.
#
# What if a start is absurd? At a hundred times Nevo's values utilities run into the thousands, and no inversion finds $\delta$. The library halves such a
# start until shares can be inverted, and says so. (About two seconds.)

# %%
absurd = problem.estimate(wild * start["sigma"], wild * start["pi"], progress=False)
assert np.isclose(absurd.objective, 4.5615142, atol=1e-5) and absurd.starts[0].halvings >= 1
print(absurd.verdict())

# %% [markdown]
# And the signs of $\sigma$? The normal distribution is symmetric, so $\sigma$ and $-\sigma$ should describe the same tastes. Many programs therefore look only at $\sigma \ge 0$.
#
# **Before you run the next cell:** flip the sign of one $\sigma$ at the minimum and leave the rest. What happens to $q$?

# %%
def flipped(k):
    return objective(estimates.theta2 * np.where(np.arange(13) == k, -1, 1))

# %%
at_flipped = pd.Series({name: flipped(k) for k, name in enumerate(names[:4])}, name="objective")
assert np.allclose(at_flipped, [105.37, 49.94, 5.739, 5.494], rtol=2e-3)
at_flipped.round(2)

# %% [markdown]
# A lot. Each market has 20 draws, and 20 draws are not symmetric. A sample of types *with* its mirror image would be, this one isn't. So the sign is part of the estimate here.
# And 20 draws are few, if so much depends on which ones they are. Exercise 4.5 looks at what a search over $\sigma \ge 0$ finds.

# %% [markdown] minutes=5 ask="By what factor do the standard errors of the price coefficient differ, with and without counting theta2 as estimated?"
# ### Standard errors
#
# The price coefficient $\hat\beta$ solves a linear equation, given $\hat\delta$. So why not take the standard error of that regression? Because $\hat\delta = \delta(\hat\theta_2)$ was
# estimated together with it. The moments depend on all parameters, through the Jacobian
#
# $$G = \tfrac{1}{N} Z'\,\Big[\frac{\partial \delta}{\partial \theta_2},\; -X_1\Big] \qquad \big(M \times (13 + K_1)\big), \tag{3.8}$$
#
# and the covariance of all estimates, jointly, is the sandwich
#
# $$V = \tfrac{1}{N}\,(G'WG)^{-1}\, G'W S W G\, (G'WG)^{-1}. \tag{3.9}$$
#
# (In lesson 03 (3.8) had $\partial \xi / \partial \theta_2$. Since $\xi = \delta - X_1 \beta$, that is $\partial \delta / \partial \theta_2$ at given $\beta$. `Z` is demeaned, so the product effects in $\delta$ drop out.)
#
# $S$ is the covariance of the moments (3.7), here robust to heteroskedasticity (`"unadjusted"` takes one variance for all rows). Taking $\theta_2$ as known means to drop its columns from $G$.

# %% tags=["parameters"]
kind = "robust"

# %% [markdown]
# **Before you run the next cells:** by what factor do the two standard errors of the price coefficient differ?

# %%
G = estimates.G                                             # (M, 13 + K1)
S = blpteach.moment_covariance(problem.Z, estimates.xi, kind)                   # (3.7)  (M, M)
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
# And 14.80 is not the last word. $S$ takes the rows as independent, though each city stands in the table in two quarters: Exercise 4.4 sums within cities. Nor does any of this count the error that comes from 20 draws.
#
# Is nothing estimated then? Two results stand beside it. First, drop income squared from the price taste.

# %%
pi_linear = start["pi"] * np.array([1, 0, 1, 1])            # no income squared
without = problem.estimate(start["sigma"], pi_linear)
numbers = without.objective, without.beta[0], without.beta_se[0]
assert np.allclose(numbers, [15.385, -32.019, 2.304], atol=3e-3)
print("objective {:.5g}, price coefficient {:.2f} ({:.2f})".format(*numbers))

# %% [markdown]
# The standard error is 2.30. That precision is bought with a restriction: in the table above income squared has a $t$ value of $-2.1$, so the full model rejects it at 5 percent. What it shows is where the 14.80 comes from: from
# the tail that income squared makes, not from price as such.
#
# Second, the mean own-price elasticity.
#
# **Before you run the next cell:** the price coefficients of the two models are $-62.7$ and $-32.0$. How far apart are their mean own elasticities?

# %%
elasticity = {"all 13": estimates, "without income squared": without}
elasticity = {name: found.own_elasticities().mean() for name, found in elasticity.items()}
assert np.allclose(list(elasticity.values()), [-3.618, -3.702], atol=2e-3)
assert abs(estimates.to_frame().loc["pi[prices, income_squared]", "t"] - -2.14) < 0.02
pd.Series(elasticity, name="mean own elasticity").round(3)

# %% [markdown]
# The mean own elasticity hardly cares which of the two we believe. Exercise 4.6 computes its standard error, with all 14 parameters counted as estimated. A parameter may be badly determined while what we want to know is not.

# %% [markdown] minutes=4 ask="Six searches: inner tolerance loose, medium or tight, outer tolerance loose or tight. Which of them stop at 14.9?"
# ### The two Nevos: what was published
#
# Here are the estimates of the guide's table. Put them into the objective.

# %%
sigma_2000 = np.diag([0.377, 1.848, -0.004, 0.081])
pi_2000 = np.array([[3.089, 0, 1.186, 0], [16.598, -0.659, 0, 11.625],
                    [-0.193, 0, 0.029, 0], [1.468, 0, -1.514, 0]])
published = problem.evaluate(sigma_2000, pi_2000)
assert abs(published.objective - 14.90) < 0.01 and abs(published.beta[0] - -32.43) < 0.02
assert abs(published.expected_improvement - 12.64) < 0.05
print(f"objective {published.objective:.5g}, price coefficient {published.beta[0]:.2f} "
      f"({published.beta_se[0]:.2f}); predicted improvement {published.expected_improvement:.2f}")

# %% [markdown]
# The guide reports $-32.433$ with standard error 7.743, and an objective of 14.9. We reproduce all three, up to the rounding of the printed parameters. So data and model are the
# same. But 14.9 is not the minimum, for we have been at 4.56. Nor is it a local one, like 35.3: there the predicted improvement (4.7) was zero, here it is
# 12.64. The published estimate is *a place where a search stopped*.
#
# (A minus stands before the small $\sigma$ on sugar. With a plus the objective would be another one, as with the flipped signs above:)

# %%
with_plus = problem.evaluate(abs(sigma_2000), pi_2000).objective
assert abs(with_plus - 15.390) < 2e-3
print(f"with +0.004: {with_plus:.5g}")

# %% [markdown]
# Can we make a search stop there? BFGS stops when no element of the gradient is larger than its tolerance, `gtol`. The default is $10^{-5}$. Let us be content with 0.5, which sounds small beside the hundreds of the start.

# %% tags=["parameters"]
loose, tight = 0.5, 0.01

# %%
stopped = problem.estimate(**start, method="BFGS", options={"gtol": loose})
assert abs(stopped.objective - 14.891) < 0.02 and abs(stopped.beta[0] - -32.416) < 0.05
print(f"objective {stopped.objective:.5g}, price coefficient {stopped.beta[0]:.2f} "
      f"({stopped.beta_se[0]:.2f})")

# %% [markdown]
# There it is. Look at the standard error in parentheses: it seems healthy. A sandwich can be computed anywhere, and away from a minimum it means nothing. SciPy's message is cheerful, too. The library's verdict is not:

# %%
assert not stopped.converged and abs(stopped.expected_improvement - 12.64) < 0.1
print(stopped.starts[0].message, "\n")
print(stopped.verdict())
print(f"\npredicted improvement (4.7): {stopped.expected_improvement:.2f}")

# %% [markdown]
# The gradient is small: its norm is 0.45. Yet one Gauss-Newton step promises to lower the objective by 12.64. It promises too much, since $14.89 - 12.64$ is below the minimum: (4.7) takes $r$ as linear. As a sign that we are not
# there it is enough. How can both be true? The objective falls along a direction in which
# $\pi$ on price and income changes by hundreds. Per unit of that parameter the slope is tiny. *A small gradient is not a small distance*, unless the parameters have comparable units.

# %% [markdown]
# > **A common error.** "The published estimates differ because the contraction was not run to a tight tolerance." The inner tolerance matters for many things. Here, from $10^{-4}$ down to $10^{-13}$, it changes nothing: the
# > **outer** one does.
#
# **Before you run the next cells:** six searches, with three inner and two outer tolerances. Which of them stop at 14.9?

# %%
def stop_at(inner, outer):
    return minimize(q_and_gradient, free.start, args=(inner,), jac=True, method="BFGS",
                    options={"gtol": outer}).fun

# %%
inner = [1e-4, 1e-9, 1e-13]
stops = {f"outer {outer}": [stop_at(each, outer) for each in inner] for outer in (loose, tight)}
stops = pd.DataFrame(stops, [f"inner {each}" for each in inner])
assert np.allclose(stops.iloc[:, 0], 14.891, atol=0.02)
assert np.allclose(stops.iloc[:, 1], 4.5615, atol=1e-3)
stops.round(3)

# %% [markdown]
# Rows differ in the inner tolerance, columns in the outer one.

# %% [markdown] minutes=4 ask="Does the stopped search stand on a slope or on a floor?"
# ### The valley
#
# What does the search do between 14.9 and 4.56? Follow its steps, and watch two parameters: $\pi$ on price and income, and on price and income squared.
#
# The two columns of data are nearly collinear. Let $m$ be the mean of log income and $y$ log income less $m$. Then $(m + y)^2 = y^2 + 2m\,y + m^2$, and $2m = 18.11$ is so large that the square moves almost as $y$ does. So the useful pair is
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
# The contours of the next picture are heights of the objective with the 11 other parameters and $\beta$ estimated anew at each of 63 points. (This takes a few seconds.) The scale on its upper edge says which price coefficient belongs to a point of the valley's floor.
#
# **Before you run it:** where do you expect the stopped search, on a slope or on a floor?

# %%
landscape = plots.Landscape(problem, estimates, twice_mean)
plots.Valley(landscape, path=np.array(steps), stops={"stopped": stopped.theta2})

# %% [markdown]
# On a floor. The search first falls to the bottom of a long, bent valley. (On its way down it lies higher than the contours say, since the 11 other parameters have not settled: it begins at 29.35, not at 20.) At the bottom the gradient is small, because the walls are
# balanced and the floor is nearly level. A search that is
# content with a small gradient stops. A patient one follows the floor to the star. Along the way the gradient *grows* again, to more than a hundred times what it was at the stop:

# %%
sizes = np.array([abs(q_and_gradient(theta2)[1]).max() for theta2 in steps])
first = np.flatnonzero(sizes < 0.5)[0]
assert sizes[first] < 0.5 and sizes[first:].max() > 100 * sizes[first] and sizes[-1] < 0.01
print(f"largest element of the gradient: {sizes[0]:.0f} at the start, {sizes[first]:.2f} at step "
      f"{first}, then up to {sizes[first:].max():.0f}, {sizes[-1]:.0e} at the end")

# %% [markdown] minutes=5 ask="The mean of alpha over all types is about -62.8. Where is the median?"
# ### Who minds the price?
#
# Now the puzzle. The price coefficient doubles from the stop to the minimum, and the mean own elasticity hardly moves:

# %%
def summary(found):
    return pd.Series({"objective": found.objective, "price coefficient": found.beta[0],
                      "mean own elasticity": found.own_elasticities().mean(),
                      "mean Lerner index": found.markups().mean()})

# %%
table = pd.DataFrame({"stopped": summary(stopped), "minimum": summary(estimates)})
assert np.allclose(table.iloc[2:], [[-3.700, -3.618], [0.360, 0.364]], atol=2e-3)
table.round(3)

# %% [markdown]
# The usual accounts stop at "tolerances and collinearity". Look at the consumers instead. Type $i$ has the price coefficient
#
# $$\alpha_i = \beta_{\text{price}} + \sigma_{\text{price}}\,\nu_i + \sum_d \pi_{\text{price},d}\, y_{id}, \tag{5.1}$$
#
# and `estimates.price_coefficients()` gives it: for each market a table with a row for each product (all equal here) and a column for each of its 20 types.
#
# **Before you run the next cell:** the mean of $\alpha_i$ over all types is about $-62.8$. Where is the median?

# %%
alpha = np.array([frame.iloc[0] for frame in estimates.price_coefficients().values()])     # (T, I)
numbers = alpha.mean(), np.median(alpha), alpha.min()
poorest = np.exp(twice_mean / 2 + income.min())             # log income is m + y
assert np.allclose(numbers, [-62.79, -34.53, -971.3], rtol=2e-3)
assert income.iloc[alpha.argmin()] == income.min() and abs(poorest - 61.5) < 0.1
print("mean {:.1f}, median {:.1f}, lowest {:.0f}".format(*numbers),
      f"at an income of {poorest:.0f} dollars")

# %% [markdown]
# The mean is pulled away by one tail. Who is in it? The type at $-971$ is the poorest, with an income of 61 dollars (the data don't say for which period), and the quadratic in log income is steep there.
# Such a type does not buy cereal at any price near the observed ones. The next picture shows all types, in blue, and the same types weighted by what they *buy*, in vermilion.

# %%
plots.PriceTastes(stopped, estimates, ("Where the search stopped", "At the minimum"))

# %% [markdown]
# There is the answer. Among *purchases* the mean price coefficient is $-30.7$ at the stop and $-31.5$ at the minimum. The two agree about the mean among those who buy, and a product's own elasticity is nearly its price times the mean $\alpha_i$ of *its* buyers. The tail that
# makes $-62.7$ hardly buys: types below a coefficient of $-100$ are one seventh of all types, and they make 0.2 percent of all purchases.

# %% tags=["parameters"]
tail_below = -100

# %%
alphas, types, purchases = plots.price_tastes(estimates)
tail = alphas < tail_below
assert abs(types[tail].sum() - 0.138) < 3e-3 and purchases[tail].sum() < 0.003
print(f"below {tail_below}: {100 * types[tail].sum():.1f} % of types, "
      f"{100 * purchases[tail].sum():.2f} % of purchases")

# %% [markdown]
# They do not agree about everything. How far do those who buy differ from each other?

# %%
def spread(found):
    alphas, _, purchases = plots.price_tastes(found)
    mean = purchases @ alphas
    return mean, np.sqrt(purchases @ (alphas - mean)**2)

# %%
among = pd.DataFrame({"stopped": spread(stopped), "minimum": spread(estimates)},
                     ["mean among purchases", "standard deviation"])
assert np.allclose(among, [[-30.66, -31.48], [4.80, 12.67]], atol=0.05)
among.round(1)

# %% [markdown]
# At the minimum buyers differ more than twice as much. What depends on the mean comes out the same; what depends on the spread, such as who leaves for whom, will not. The halved price below is of that kind.
#
# So which number is right? The minimum is the estimate that the method defines, and 14.9 is not a minimum. But "the price coefficient is $-62.7$" describes a mean over types many of which
# matter little for demand. Report the elasticities, the distribution of $\alpha_i$ and its mean over buyers.

# %% [markdown] minutes=1 ask="What do we know after the first step that we did not know before it?"
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
# The new weights, which are efficient if rows are independent, gain a little. (The objective has other weights now and can't be compared with 4.56. Exercise 4.2 says what it is good for.)

# %% [markdown] minutes=3 ask="If income squared's coefficient rises by one, what must the others do so that the moments hardly notice?"
# ### What do these data identify?
#
# With $W = LL'$, a direction that $L'G$ maps to nearly nothing is one that the moments don't see. Scale its columns to length one, so that units play no role, and take singular values.

# %%
seen = np.linalg.cholesky(W).T @ G                          # L'G  (M, 13 + K1)
lengths = np.linalg.norm(seen, axis=0)
_, values, directions = np.linalg.svd(seen / lengths)       # rows of directions: combinations
values[[0, -2, -1]].round(4)

# %% [markdown]
# The smallest is 547 times smaller than the largest: the condition number that the verdict prints. Which combination of parameters is it? Divide by the lengths to return to the parameters' own units, and let income squared move by one.

# %%
weakest = pd.Series(directions[-1] / lengths, names + ["beta[prices]"])
weakest = weakest / weakest["pi[prices, income_squared]"]
assert np.isclose(values[0] / values[-1], estimates.condition) and 540 < estimates.condition < 555
assert 29 < values[-2] / values[-1] < 33
weakest[abs(weakest) > 0.1].round(2)

# %% [markdown]
# This is the floor of the valley. Let income squared rise by one, income fall by 19 and $\beta$ rise by 1, and the moments hardly notice. The next singular value is 30 times as large, so no other combination is nearly collinear. (Scaling hides a parameter that
# the moments hardly feel at all; standard errors show those.)
#
# Where does the information on tastes come from? In many applications it comes from *choice sets*: when a close substitute disappears, those who bought it reveal where they go. Not here.

# %%
sets = problem.products.groupby("market_ids")["product_ids"].agg(frozenset).nunique()
means = problem.agents.groupby("market_ids")["income"].mean()
by_lottery = income.std() / np.sqrt(20)
assert sets == 1 and np.allclose([means.std(), by_lottery], [0.289, 0.210], atol=2e-3)
assert abs(by_lottery**2 / means.var() - 0.53) < 0.01
print(f"different choice sets: {sets}; market means of log income have standard deviation "
      f"{means.std():.2f}; 20 draws from one population would give {by_lottery:.2f}")

# %% [markdown]
# All 24 products stand in all 94 markets, so choice sets identify nothing about $\sigma$ in these data. What is left are prices and demographics that differ across markets. Half of the variance of the latter ($0.21^2$ of $0.29^2$) is the lottery of 20 draws. Demographics help
# $\pi$: where incomes are high, which products sell better? And $\sigma$? The two on the constant and on price have $t$ values of 3.4 and 2.5, so something informs them. Sugar and mushy come out near zero. How much of this is the model's functional form, and how much these particular
# draws? To find out one estimates again with other draws and other forms.

# %%
t_values = estimates.to_frame()["t"].iloc[1:5]
assert np.allclose(abs(t_values), [3.4, 2.5, 0.4, 0.5], atol=0.06)
t_values.round(1)

# %% [markdown] minutes=3 ask="Which rivals of F2B19 will lose most of their buyers: those with as much sugar, or those with more?"
# ### The halved price
#
# In lesson 00 the price of `F2B19`, a sweet, crisp cereal, was halved in market `C01Q1`. In the logit every rival lost 30.1 percent of its buyers. What does the estimated model say?

# %% tags=["parameters"]
product, market, part_of_price = "F2B19", "C01Q1", 0.5

# %%
one = estimates.market(market)                                  # its arrays by their names
table = problem.products.iloc[one.rows]
ids, sugar, mushy = one.product_ids, table["sugar"].to_numpy(), table["mushy"].to_numpy()
cut = np.where(ids == product, (part_of_price - 1) * one.prices, 0)
print(f"the price of {product} changes by {cut.sum():.4f} dollars")

# %% [markdown]
# A change of the price of $j$ adds $\alpha_i$ times the change to type $i$'s utility from $j$. Then shares follow by Step 1.

# %% tags=["build"]
def losses(found):
    """(1.3), (1.5) before and after: the fraction of its buyers that each product loses, (J,)."""
    m = found.market(market)                                    # alpha (J, I) is (5.1)
    after = blpteach.market_shares(m.delta, m.mu + cut[:, None] * m.alpha, m.weights)
    return 1 - after / m.shares                                 # (J,)

# %% [markdown]
# The logit has one type, with $\mu = 0$. `shares_at` of the library's estimates does the same for all markets:

# %%
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
found = {"logit": logit, "search stopped early": stopped, "minimum": estimates}
answers = {name: losses(estimate) for name, estimate in found.items()}
all_prices = problem.prices.copy()
all_prices[one.rows] += cut
library = estimates.shares_at(all_prices)[one.rows]
assert np.allclose(answers["minimum"], 1 - library / one.shares)

# %% [markdown]
# **Before you run the next cells:** `F2B26` is the twin of `F2B19`: same firm, same 13 grams of sugar, also crisp. `F6B18` has no sugar. `F3B06` is sweeter, with 20 grams, and mushy. Put the three into an order, by the fraction of their buyers that they lose.

# %%
few = pd.DataFrame(answers, ids).loc[["F2B26", "F6B18", "F3B06"]]
assert np.allclose(few, [[0.301, 0.398, 0.518], [0.301, 0.264, 0.127], [0.301, 0.303, 0.562]],
                   atol=3e-3)
(100 * few).round(1)

# %%
words = {"F2B26": "its twin", "F6B18": "no sugar", "F3B06": "sweeter, mushy"}
rivals = ids != product
notes = {k: words[name] for k, name in enumerate(ids[rivals]) if name in words}
assert sorted(answers["minimum"][sugar > 13] > 0.51) == [False] * 3 + [True] * 3
plots.HalvedPrice(sugar[rivals], mushy[rivals], product, sugar[~rivals][0], notes,
                  {name: lost[rivals] for name, lost in answers.items()})

# %% [markdown]
# At the minimum the twin loses half of its buyers, and the cereal without sugar an eighth. But three of the six sweeter cereals lose about as much as the twin or more, two very sweet mushy ones among them. Closeness in sugar is not the whole of it. Look at who eats what:

# %%
B = blpteach.buyers(one.P, one.weights)                         # (J, I)
alpha_of_buyers = pd.Series(B @ one.alpha[0], ids)
assert np.allclose(alpha_of_buyers[["F2B26", "F6B18", "F3B06"]], [-37.8, -31.8, -45.7], atol=0.1)
alpha_of_buyers[["F2B26", "F6B18", "F3B06"]].round(1)

# %%
correlation = np.corrcoef(alpha_of_buyers, sugar)[0, 1]
assert abs(correlation - -0.72) < 0.02
print(f"correlation of sugar with the mean price coefficient of the buyers: {correlation:.2f}")

# %% [markdown]
# In this market those who eat sweet cereals mind the price more, so a cheaper sweet cereal draws them from other sweet ones. A grocer can be given this reason beside the numbers. (And told that these data are artificial.)
#
# And here the stopped search *does* matter. It has the twin lose 40 percent, not 52, and the sweet mushy cereal 30, not 56. The mean elasticity was the same at both points. Substitution between single products is not.
# Whether a stop on the way is good enough depends on the question. Do not rely on it: search to the end.

# %% [markdown] minutes=2 ask="The minimum lies in a narrow valley. In which direction should one step to try whether it is one?"
# ## Check it
#
# *Are the model's shares the data?* At any $\theta_2$ they must be. That is what Step 2 is for.

# %%
gap = abs(estimates.shares - problem.shares).max()
assert gap < 1e-12 and abs(estimates.own_elasticities().mean() - -3.618) < 1e-3
print("largest difference below 1e-12:", gap < 1e-12)

# %% [markdown]
# *Is it a minimum?* Step away from it to both sides: in each of the 13 directions, by a tenth of a standard error, and along the valley's floor, where an improvement would be easiest to miss. No neighbour may be lower.

# %%
width = 0.1 * np.sqrt(np.diag(joint))[:13]
along_floor = width[names.index("pi[prices, income_squared]")] * weakest.to_numpy()[:13]
directions = [*np.diag(width), along_floor]
higher = np.array([[objective(estimates.theta2 + sign * step) for sign in (-1, 1)]
                   for step in directions]) - estimates.objective

# %%
assert higher.min() > 0 and np.allclose(higher[-1], 0.0107, atol=1e-3)
print(f"the neighbours lie higher, by {higher[:-1].min():.3f} to {higher[:-1].max():.0f}; "
      f"those along the floor by {higher[-1].min():.3f}")

# %% [markdown]
# *Does the method find a truth that we know?* The third data set of the course is simulated: 80 markets with different choice sets, strong endogeneity, three nonlinear parameters. Start from half the truth.

# %%
from blpteach.examples import simulated

economy, from_half = simulated()
truth = economy.products.attrs["truth"]
recovered = economy.estimate(**from_half).to_frame()
recovered["truth"] = [*truth["beta"], *truth["sigma"][1:], truth["pi"]]
assert (abs(recovered["estimate"] - recovered["truth"]) < 2 * recovered["se"]).all()
recovered[["truth", "estimate", "se"]].round(3)

# %% [markdown]
# Each estimate lies within two standard errors of the truth.

# %% [markdown] minutes=4 ask="A loose outer tolerance, and a start somewhere else: which price coefficient would you publish?"
# ## Play
#
# The picture shows one search. Left, the valley, with the search from its start (ring) to where it stops (square), and dotted the way that it would have gone on. Right, what would be reported there, beside the same numbers at the minimum, and the histogram of
# $\alpha_i$.

# %%
plots.TwoNevos(landscape)

# %% [markdown]
# In the widget you choose what a researcher chooses: the search, its outer tolerance (it stops when no element of the gradient is larger), and the start. The start is Nevo's, except that $\pi$ on price and income squared begins at the value you set, and income with it, so that the
# slope at average income is Nevo's. The first start, $-1.2$, is Nevo's own.
#
# **Before you move anything:**
#
# - Leave the tolerance at 0.5 and move the start from $-1.2$ to $-40$. Which of the numbers will follow the start, and which will not?
# - Then tighten the tolerance. Which price coefficients will be left?
# - Change to Gauss-Newton, with the loose tolerance. What will it report?
#
# (All 18 searches are run when the widget is made, so the cell takes a few seconds. Then every move shows at once.)

# %%
from blpteach.widgets.search import search

box = search(landscape)
box

# %% [markdown]
# The same as a table. Each row is a start. The first three columns are price coefficients, "Newton" is short for Gauss-Newton, and the last is the mean own elasticity where BFGS with the loose tolerance stops.

# %%
def reported(method, begin, tolerance):
    run = box.picture.run(method, begin)
    return box.picture.report(method, begin, run.stop(tolerance)).numbers

# %%
begins, price, own = box.picture.starts, "price coefficient β", "mean own elasticity"
choices = {"BFGS loose": ("BFGS", 0.5), "BFGS tight": ("BFGS", 1e-5),
           "Newton loose": ("Gauss-Newton", 0.5)}
prices = pd.DataFrame({name: [reported(method, begin, tolerance)[price] for begin in begins]
                       for name, (method, tolerance) in choices.items()}, begins)
prices["elasticity"] = [reported("BFGS", begin, 0.5)[own] for begin in begins]
prices.round(2)

# %%
assert prices["BFGS loose"].iloc[0] > -33 and prices["BFGS loose"].iloc[-1] < -68
assert np.allclose(prices["BFGS tight"], estimates.beta[0], atol=0.01)
assert np.allclose(prices["Newton loose"], estimates.beta[0], atol=0.5)
assert prices["elasticity"].between(-3.72, -3.58).all()

# %% [markdown]
# With the loose tolerance BFGS falls to the floor and stays where it landed. *The start decides*: the nine price coefficients run from $-32$ to $-70$. With a tight tolerance the start is forgotten. Gauss-Newton, which measures in no units, ends within half a unit of
# the minimum under the loose tolerance as well. And the mean own elasticity is $-3.6$ or $-3.7$ whatever you do.

# %% [markdown] minutes=1 ask="Exercise 4.1: measure one parameter in thousandths. What happens to its element of the gradient?"
# ## Exercises

# %% [markdown]
# ### Exercise 4.1 · 5 minutes · easy
#
# A loose tolerance for the gradient depends on units. Measure each parameter in units of its own: $\theta_{2,k} = \mathtt{scale}_k\, \eta_k$. Write a function `gradient_in(r, R, scale)` that returns the derivatives of $q = r'r$ in $\eta$, an array of shape (P,).
# Its arguments are `r` (M,), `R` (M, P), the derivative of $r$ in $\theta_2$, and `scale` (P,).

# %% tags=["exercise"]
def gradient_in(r, R, scale):
    """Derivatives of q in eta, (P,)."""
    return ...

# %% tags=["solution"]
def gradient_in(r, R, scale):
    """Derivatives of q in eta, (P,): (4.4) and the chain rule."""
    return scale * (2 * R.T @ r)

assert blpteach.check("4.1", gradient_in)

# %% tags=["check"]
blpteach.check("4.1", gradient_in)

# %% [markdown]
# ### Exercise 4.2 · 5 minutes · easy
#
# The objective of two-step GMM is Hansen's J statistic. If all moments are valid and rows are independent, it is in large samples distributed $\chi^2$ with as many degrees of freedom as there are moments beyond the number of parameters. Does the test reject?
# Compute the p-value for `two_step` (a number between 0 and 1).

# %% tags=["exercise"]
p_value = ...

# %% tags=["solution"]
from scipy.stats import chi2

p_value = chi2.sf(two_step.objective, problem.M - 14)       # 20 moments, 13 + 1 parameters
assert abs(p_value - 0.409) < 5e-3
print(f"J = {two_step.objective:.2f}, p = {p_value:.2f}: the moments do not contradict each other")
assert blpteach.check("4.2", p_value)

# %% tags=["check"]
blpteach.check("4.2", p_value)

# %% [markdown]
# ### Exercise 4.3 · 15 minutes · medium
#
# A bare Gauss-Newton step can overshoot. Shorten it: find the $d$, shape (P,), that minimises
#
# $$|r + R\,d|^2 + \mathtt{penalty}\, \sum_k |R_k|^2\, d_k^2,$$
#
# where $R_k$ is column $k$ of $R$. (The length of the column stands there so that units don't matter.) Derive $d$ from the first-order condition, and write it as a function `shortened_step(r, R, penalty)` that returns $d$, with `r` (M,), `R` (M, P), `penalty` a number.

# %% tags=["exercise"]
def shortened_step(r, R, penalty):
    """The step d, (P,)."""
    return ...

# %% [markdown] tags=["solution"]
# The derivative in $d$ is $2R'(r + R\,d) + 2\,\mathtt{penalty}\, D\, d$, with $D$ diagonal and $|R_k|^2$ on it. Set it to zero: $d = -(R'R + \mathtt{penalty}\, D)^{-1} R'r$.

# %% tags=["solution"]
def shortened_step(r, R, penalty):
    """The step d, (P,): Levenberg and Marquardt's."""
    D = np.diag((R**2).sum(0))
    return -np.linalg.solve(R.T @ R + penalty * D, R.T @ r)

# %% tags=["solution"]
tried = {penalty: objective(free.start + shortened_step(*residuals(free.start), penalty))
         for penalty in (0, 0.1, 1)}
assert tried[0] > at_start > tried[0.1] > 10
print("objective after one step, by penalty:", pd.Series(tried).round(2).to_dict())
assert blpteach.check("4.3", shortened_step)

# %% tags=["check"]
blpteach.check("4.3", shortened_step)

# %% [markdown]
# ### Exercise 4.4 · 10 minutes · medium
#
# The 94 markets are 47 cities in two quarters. What a city's shoppers like in one quarter they like in the next, so the rows of one city are not independent. Compute the standard error of the price coefficient of `estimates` with the moments summed within cities
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
print(f"by market {se_by_market:.2f}")

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
bounded = least_squares(lambda theta2: residuals(theta2)[0], free.start,
                        lambda theta2: residuals(theta2)[1],
                        bounds=(lower, np.inf), x_scale="jac", ftol=1e-10)

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
# ## In practice
#
# The same model in PyBLP, the package of Conlon and Gortmaker. First the problem, with the same formulas.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

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
    any_sign = np.full((4, 4), -np.inf), np.full((4, 4), np.inf)
    there = theirs.solve(estimates.sigma, estimates.pi, method="1s", sigma_bounds=any_sign,
                         optimization=pyblp.Optimization("return"))
    found = [float(there.objective), float(there.beta[0, 0]), float(there.beta_se[0, 0])]
    ours = [estimates.objective, estimates.beta[0], estimates.beta_se[0]]
    assert np.allclose(found, ours, rtol=1e-4) and abs(there.gradient).max() < 1e-3
    print("PyBLP:    objective {:.6g}, price coefficient {:.5g} ({:.4g})".format(*found))
    print("blpteach: objective {:.6g}, price coefficient {:.5g} ({:.4g})".format(*ours))
else:
    blpteach.stored_output()

# %% [markdown]
# The two agree. Three habits of practice:
#
# - *Bounds.* With an optimizer that knows bounds, PyBLP keeps the diagonal of $\sigma$ at or above zero unless `sigma_bounds` says otherwise. Here $\sigma$ is free unless you say `sigma_bounds=(0, None)`. Exercise 4.5 shows where that ends on these data.
# - *Reports.* State the objective, the gradient norm *in which units*, the predicted improvement or the eigenvalues of the Hessian, the number of starts and how many of them ended lowest. A referee can't check a search that is not described.
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
