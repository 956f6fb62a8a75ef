# %% [markdown]
# # 02. Which mean utilities explain the shares we see?
#
# **From shares back to mean utilities**
#
# *60 minutes, and 70 more for the exercises; Further, near the end, can be skipped. You need: econometrics through IV and GMM; numpy; eigenvalues.
# Lesson 01 helps: this lesson uses its market shares, its buyers and its derivatives. The module is `blpteach/inversion.py`, Step 2.*

# %% [markdown]
# ## The question
#
# Utility is $\delta_j + \mu_{ij} + \varepsilon_{ij}$. Suppose somebody gives us the tastes, hence $\mu$. The data give us the market shares.
# Which mean utilities $\delta$ make the model's shares equal to the observed ones?
#
# Without random tastes the answer is one logarithm (lesson 00). With them there is no formula. This lesson finds $\delta$ by iteration and makes that
# fast: an estimation asks the question in every market at every trial of the parameters.

# %% [markdown]
# ## What you will be able to do
#
# - Write the BLP contraction in one line, and say why there is one solution.
# - Predict its number of iterations from who buys what.
# - Tell a small change from a small error.
# - Explain three faster ways, and say which to use when.
# - Compute how $\delta$ moves with the parameters.
# - Follow the error of simulated shares into $\delta$ and the moments.

# %%
import warnings

import numpy as np
import pandas as pd

import blpteach
from blpteach.examples import cereal
from blpteach.plots import inversion as plots
from blpteach.plots.tastes import Losses

# %% [markdown]
# ## Build it

# %% [markdown] minutes=4 ask="How many unknowns are there in one market, and how many equations?"
# ### One market, and why there is no formula
#
# Nevo's cereal data are artificial: he distributes them with his guide to the method. We take the 13 nonlinear parameters $\theta_2 = (\Sigma, \Pi)$ as
# given: they are the starting values in PyBLP's tutorial on these data.
#
# A *block* holds the markets with the same number of products, stacked along a first axis. All 94 cereal markets have 24 products, so there is one block,
# `problem.blocks[0]`. Its first market is C01Q1.

# %% tags=["parameters"]
number = 0                                               # which of the 94 markets

# %%
problem, start = cereal()
Gamma = np.hstack([start["sigma"], start["pi"]])         # (K2, L + D): theta2
stack = problem.blocks[0]
market = stack[number]
S, weights = market.shares, market.weights               # (J,), (I,)
mu = blpteach.taste_deviations(market.X2, market.tastes, Gamma)          # (J, I)
print("J, I =", mu.shape, "  outside share", round(1 - S.sum(), 3))

# %% [markdown]
# - $S_j$ are the **observed** shares. Code: `S`, shape (J,), J = 24 products. $S_0 = 1 - \sum_j S_j$ is the outside good's.
# - $s_j(\delta, \mu)$ are the **model's** shares at mean utilities $\delta$ (`delta`, (J,)): averages of choice probabilities $s_{ij}$ over I = 20 types
#   with weights $w_i$ (`weights`, (I,)). Code: `blpteach.market_shares(delta, mu, weights)`.
#
# We look for the $\delta$ that solves
#
# $$s_j(\delta, \mu) = S_j, \qquad j = 1, \dots, J. \tag{2.6}$$
#
# (Equations are numbered as in the library's code, so not in order.)
#
# J unknowns, J equations: $\theta_2$ can be held while $\delta$ is found, market by market. In the logit all types have the same denominator,
# $S_j / S_0 = e^{\delta_j}$, and a logarithm does it. Here a share is an average of 20 fractions with 20 denominators, which don't cancel. What if we use the
# logit's $\delta$ anyway? First with tastes whose mean is taken out, so that they only differ:

# %%
logit = np.log(S) - np.log(1 - S.sum())
spread_alone = mu - (mu @ weights)[:, None]              # tastes without their mean
inside = {"observed": S.sum(),
          "tastes that differ": blpteach.market_shares(logit, spread_alone, weights).sum(),
          "and their mean": blpteach.market_shares(logit, mu, weights).sum()}
assert np.allclose(list(inside.values()), [0.445, 0.521, 0.560], atol=1e-3)
pd.Series(inside, name="inside shares sum to").round(3)

# %% [markdown]
# A small probability gains more from a util up than it loses from a util down, so here spread raises the average. The mean taste, positive in this market,
# does the rest.
#
# **Result.** At the logit's $\delta$ the model sells too much. $\delta$ must come down, by how much differs from product to product.

# %% [markdown] minutes=4 ask="The model sells too little of product j. What do you do with its delta, and by how much?"
# ### The contraction
#
# If the model sells too little of $j$, raise $\delta_j$. By how much? In the logit, if all
# other products stayed put and $j$ were small, $\log s_j$ would move one for one with $\delta_j$. So raise it by the gap in logs:
#
# $$\delta_j \leftarrow \delta_j + \log S_j - \log s_j(\delta, \mu). \tag{2.1}$$
#
# This is the iteration of Berry, Levinsohn and Pakes. It stands still only where the shares agree. We stop when $\delta$ stops changing. How large is a
# change? The largest over products, relative to $|\delta_j|$ where that exceeds one. The *tolerance* is the change at which we stop: $10^{-13}$, three
# digits above the last one that the machine has.

# %% tags=["build"]
def log_contraction(shares, mu, weights):
    """(2.1): a function from delta (J,) to the next delta (J,)."""
    def update(delta):
        return delta + np.log(shares) - np.log(blpteach.market_shares(delta, mu, weights))
    return update                                        # (J,) -> (J,)


def largest_change(new, old):
    """The largest change from old (J,) to new (J,), relative where |delta| exceeds one."""
    return (abs(new - old) / np.maximum(1, abs(new))).max()                  # ()


def iterate(update, delta, tolerance=1e-13, max_iterations=5000):
    """Apply (2.1), or another map, until delta (J,) stops changing; return it and the changes."""
    changes = []
    while len(changes) < max_iterations and (not changes or changes[-1] > tolerance):
        delta, old = update(delta), delta
        changes.append(largest_change(delta, old))
    return delta, np.array(changes)                      # (J,), (iterations,)


# %% [markdown]
# We start at the logit's $\delta$, which is off by up to 3.3 utils. How many iterations until the change is below $10^{-13}$?

# %%
blpteach.predict("2.1", ...)

# %%
contraction = log_contraction(S, mu, weights)
delta, plain = iterate(contraction, logit)
gap = abs(blpteach.market_shares(delta, mu, weights) - S).max()
assert abs(len(plain) - 84) <= 3 and gap < 1e-13
assert np.isclose(abs(delta - logit).max(), 3.27, atol=0.01)
print(f"largest gap between shares {gap:.0e}, largest move {abs(delta - logit).max():.2f} utils")
display(plots.Convergence({"contraction": plain}))
blpteach.predicted("2.1", len(plain))

# %% [markdown]
# **Result.** 84 iterations, soon on a straight line. The vertical axis is logarithmic: each iteration multiplies the change by the same number.

# %% [markdown] minutes=3 ask="Could two different deltas give the same shares?"
# ### One solution
#
# Is there always a solution, and only one? Both answers come from one function, the inclusive values (1.4) of lesson 01 less what the data say:
#
# $$F(\delta) = \sum_i w_i \log\Big(1 + \sum_j e^{\delta_j + \mu_{ij}}\Big) - \sum_j S_j \delta_j .$$
#
# Its derivative in $\delta_j$ is $s_j(\delta, \mu) - S_j$. So (2.6) holds where $F$ is flat.
#
# - *One at most.* The second derivatives of $F$ are those of the shares,
#   $\partial s_j / \partial \delta_k = \sum_i w_i s_{ij} (1\{j = k\} - s_{ik})$, a symmetric matrix. Its diagonal elements are positive and the others
#   negative, and row $j$ sums to $\sum_i w_i s_{ij} s_{i0} > 0$. Such a matrix is positive definite, so $F$ is strictly convex: it is flat at one point at most.
# - *One at least.* Walk far in any direction. The logarithm grows like the largest $\delta_j$, or like zero if all fall. If some $\delta_j$ rises without
#   end, $F$ grows at least at the rate $\sum_i w_i - \sum_j S_j$. If all fall, $-\sum_j S_j \delta_j$ grows. So if every share is positive, and they sum to
#   less than the weights do, $F$ rises in all directions and has a bottom.
#
# Shares that are zero, or leave nothing for the outside good, have no $\delta$: no probability of the model is zero. The library refuses them.

# %%
no_sales = S.copy()
no_sales[3] = 0
for shares in (no_sales, 2.3 * S):                       # the second sums to more than one
    try:
        blpteach.invert_shares(shares, mu, weights)
    except blpteach.InputError as error:
        print(error, "\n")

# %% [markdown]
# Zeros are a problem of economics. A product that nobody in the sample bought has a share in the population; the sample
# was too small to show it. Dropping it selects those that had luck, and adding a small number makes up a $\delta$ (Gandhi, Lu and Shi 2023).
#
# **Result.** With positive shares and an outside good there is exactly one $\delta$.

# %% [markdown] minutes=6 ask="When is the contraction slow: if buyers of a product would rather buy another one, or if they would rather buy nothing?"
# ### How fast, and what decides it
#
# Divide the derivatives above by $s_j$, and with the buyers' weights $w_i s_{ij} / s_j$ they become lesson 01's (1.7):
# $\partial \log s_j / \partial \delta_k = 1\{j = k\} - E[s_{ik} \mid i \text{ buys } j]$. Let $\Delta$ be the error in $\delta$ before an iteration. Put (1.7)
# into (2.1): the ones cancel, and the error after the iteration is $A \Delta$ with
#
# $$A_{jk} = E[\, s_{ik} \mid i \text{ buys } j\,] = \sum_i \frac{w_i\, s_{ij}}{s_j}\, s_{ik}, \qquad
#   \text{rate} = \text{the largest } |\text{eigenvalue}| \text{ of } A. \tag{2.8}$$
#
# This is the *spectral radius* of $A$. In the end only the part of the error along that eigenvector is left, and each iteration multiplies it by the rate.

# %% tags=["build"]
def contraction_rate(P, weights):
    """(2.8): the largest eigenvalue of A_jk = E[s_ik | i buys j], a number, from P (J, I)."""
    A = blpteach.buyers(P, weights) @ P.T                # (J, J)
    return abs(np.linalg.eigvals(A)).max()               # ()


# %%
P = blpteach.choice_probabilities(delta, mu)             # (J, I)
B = blpteach.buyers(P, weights)                          # (J, I)  w_i s_ij / s_j
rate = contraction_rate(P, weights)
seen = plain[-20] / plain[-21]                           # of two changes near the end
print(f"rate {rate:.4f}, seen {seen:.4f}; iterations predicted {np.log(1e-13) / np.log(rate):.0f}")
assert np.isclose(rate, 0.7129, atol=2e-4) and np.isclose(seen, rate, atol=1e-4)
assert round(np.log(1e-13) / np.log(rate)) == 88
histories, rates = {"contraction": plain}, {"contraction": rate}
plots.Convergence(histories, rates, "Does the rate predict the slope? Yes")

# %% [markdown]
# The dashed line, drawn a little above the path, has the slope of the rate. From a change of one to $10^{-13}$ it takes
# $\log 10^{-13} / \log 0.713 = 88$ iterations.
#
# What is the rate, in words? Row $j$ of $A$ sums to $1 - E[s_{i0} \mid i \text{ buys } j]$, the probability that a buyer of $j$
# would buy some inside good if it chose anew. All elements of $A$ are positive, so the largest eigenvalue lies between the smallest and the largest row sum
# (Perron and Frobenius). All row sums are below one, at any $\delta$. By the mean value theorem no iteration moves $\delta$ farther from the
# solution, and on the bounded set that is left the row sums stay away from one: the iteration contracts from anywhere.
#
# These bounds need no eigenvalue, if weights sum to one:
#
# $$1 - s_0 \;\le\; \frac{E[(1 - s_{i0})^2]}{1 - s_0} \;\le\; \text{rate} \;\le\; \max_j \big(1 - E[s_{i0} \mid i \text{ buys } j]\big).$$
#
# The second expression is the probability that a buyer of *any* inside good would buy one again: the mean of the row sums with weights $s_j$. (It is a
# Rayleigh quotient of $A$, which is symmetric once row $j$ is multiplied and column $j$ divided by $\sqrt{s_j}$.) It exceeds $1 - s_0$ by
# $\mathrm{Var}(s_{i0}) / (1 - s_0)$.

# %%
s_i0, A = 1 - P.sum(0), B @ P.T                          # (I,), (J, J)
s_0 = weights @ s_i0
bounds = [1 - s_0, weights @ (1 - s_i0) ** 2 / (1 - s_0), rate, A.sum(1).max()]
assert np.allclose(bounds, [0.4448, 0.6371, 0.7129, 0.8781], atol=2e-4)
assert np.isclose(bounds[1] - bounds[0], (weights @ s_i0**2 - s_0**2) / (1 - s_0))
pd.Series(bounds, ["1 - s_0", "buyers of any inside good", "rate", "largest row sum"]).round(4)

# %% [markdown]
# **Result.** The contraction is slow where those who buy would nearly always buy. The more types differ in *whether they buy at all*, the slower it
# is at a given outside share. Tastes that only decide *which* good to buy leave the rate at $1 - s_0$, the logit's.

# %% [markdown] minutes=4 ask="Nine households of ten buy no car. Is the contraction fast for automobiles?"
# ### Ten to twenty iterations?
#
# Count the iterations in all 94 cereal markets. One call inverts the whole stack; its
# `residuals` are the changes, iteration by market. (`method="exp"` is the same map, computed faster; `corrected=False` switches off a later improvement.)

# %%
def count(block, Gamma):
    """Outside share observed and among the types, rate and iterations, by market: four (B,)."""
    mu = blpteach.taste_deviations(block.X2, block.tastes, Gamma)
    found = blpteach.invert_shares(block.shares, mu, block.weights, method="exp", corrected=False)
    P = blpteach.choice_probabilities(found.delta, mu)
    inside, iterations = block.shares.sum(1), 1 + (found.residuals > 1e-13).sum(0)
    rates = blpteach.contraction_rate(P, block.weights)
    return 1 - inside, 1 - inside / block.weights.sum(1), rates, iterations


def describe(counts):
    names = "outside share", "among the types", "rate", "iterations"
    return pd.DataFrame(dict(zip(names, counts))).agg(["mean", "min", "max"]).round(3)


cereals = count(stack, Gamma)
assert abs(cereals[3].mean() - 84) < 3 and abs(cereals[3].max() - 153) < 5 and cereals[3].min() > 20
describe(cereals)

# %% [markdown]
# And the automobiles of Berry, Levinsohn and Pakes, at their published parameters (with price over income for their $\log(\text{income} -
# \text{price})$, as is customary)? In a year 89 % of the households buy none of the cars. Their 200 types are draws from consumers who are likely to buy one, with
# importance-sampling weights that sum to 0.154. The missing 0.846 buy nothing in this model: they are part of the observed outside share, but of no
# type's choice. Will the automobiles need fewer iterations than the cereals, or more?

# %%
blpteach.predict("2.2", ..., among=["fewer", "more"])

# %%
cars, households = blpteach.load_autos()
names = "1 + prices + hpwt + air + mpd + space"          # power by weight, air, miles per $, size
with warnings.catch_warnings():
    warnings.simplefilter("ignore")                      # weights sum to 0.154: the library remarks
    autos = blpteach.Problem(cars, households, linear=names, random=names,
                             demographics="0 + I(1 / income)")

# %%
Gamma_autos = np.zeros((6, 6))                           # five columns of nodes, one demographic
Gamma_autos[[0, 2, 3, 4, 5], range(5)] = 3.612, 4.628, 1.818, 1.050, 2.056
Gamma_autos[1, 5] = -43.501                              # price over income
years = [count(block, Gamma_autos) for block in autos.blocks]
automobiles = [np.concatenate(column) for column in zip(*years)]
print(describe(automobiles))
blpteach.predicted("2.2", "more" if automobiles[3].mean() > cereals[3].mean() else "fewer")

# %%
assert abs(automobiles[3].mean() - 206) < 6 and automobiles[2].min() > 0.83
assert np.allclose([x.mean() for x in automobiles[:3]], [0.892, 0.300, 0.866], atol=2e-3)
plots.HowMany({"cereals": cereals, "automobiles": automobiles})

# %% [markdown]
# > **A common error.** "The contraction takes 10 to 20 iterations", often heard, and found in short explanations of the method. At a tolerance of $10^{-13}$ no market
# > here is in the grey band. The cereals take 84 on average, at worst 153. The automobiles take 206 on average.
#
# The observed outside share of the automobiles (left, hollow) is large, and still their rate is above 0.83. Compare like with
# like: of the types' mass $\sum_i w_i$ the inside goods get $\sum_j S_j$, so *among the types* the outside share is only 0.30 on average (filled). And
# the types differ in whether they buy. What does a buyer of some car do, choosing anew? In the first year:

# %%
year = autos.blocks[0][0]
mu_year = blpteach.taste_deviations(year.X2, year.tastes, Gamma_autos)
delta_year = blpteach.invert_shares(year.shares, mu_year, year.weights).delta
buys = blpteach.choice_probabilities(delta_year, mu_year).sum(0)         # (I,)  1 - s_i0
again = year.weights @ buys**2 / (year.weights @ buys)   # average over buyers of any car
assert 0.8 < again < 0.9
print(f"would buy some car again with probability {again:.2f}")

# %% [markdown]
# **Result.** What counts is the outside share *of buyers*, and theirs is small.

# %% [markdown] minutes=3 ask="The last change was one millionth. How far away is the solution?"
# ### A small change is not a small error
#
# We stop when the change is below a tolerance. What we want is a small error. If errors shrink by the factor `rate`, then
# $\Delta_n = \text{rate} \cdot \Delta_{n-1}$, the change is $\Delta_{n} - \Delta_{n-1}$, and
#
# $$|\text{error}| \approx |\text{change}| \cdot \frac{\text{rate}}{1 - \text{rate}} .$$

# %% tags=["parameters"]
tolerances = 1e-1, 1e-2, 1e-13                           # of the inversion, the last one tight

# %%
rows = {}
for limit in (1e-2, 1e-4, 1e-6):
    stopped, changes = iterate(contraction, logit, limit)
    rows[limit] = changes[-1], largest_change(stopped, delta), changes[-1] * rate / (1 - rate)
table = pd.DataFrame(rows, ["last change", "error", "predicted"]).T.rename_axis("tolerance")
assert np.allclose(table["error"], table["predicted"], rtol=0.03)
factor, per_digit = rate / (1 - rate), np.log(0.1) / np.log(rate)
assert np.allclose([factor, per_digit], [2.48, 6.80], atol=0.02)
print(f"error over change {factor:.2f}; iterations for a further digit {per_digit:.1f}")
table.map("{:.1e}".format)

# %% [markdown]
# At a rate of 0.99 the factor is 99. Worse, the error is not smooth: as a parameter moves, the slowest market suddenly needs one iteration more, and $\delta$
# jumps. Lesson 04 minimises an objective made of all $\delta$, here a black box. The picture has it along one parameter, at three tolerances of the
# inversion (two seconds).

# %%
estimates = problem.estimate(**start)
_, moment_map = blpteach.concentrate(problem.X1, problem.Z, blpteach.weighting_2sls(problem.Z))


def objective(sigma_price, tolerance):
    """The objective of lesson 04 at its minimum, but for sigma on price: a number."""
    moved = np.hstack([estimates.sigma, estimates.pi])
    moved[1, 1] = sigma_price
    mu = blpteach.taste_deviations(stack.X2, stack.tastes, moved)
    found = blpteach.invert_shares(stack.shares, mu, stack.weights, tolerance=tolerance)
    return ((moment_map @ found.delta.ravel()) ** 2).sum()                   # ()


grid = np.linspace(2.3, 4.3, 41)
lines = {limit: [objective(value, limit) for value in grid] for limit in tolerances}
minimum = {limit: objective(estimates.sigma[1, 1], limit) for limit in (1e-4, 1e-13)}
assert np.allclose(list(minimum.values()), [4.5612, 4.5615], atol=5e-5)
assert np.abs(np.diff(lines[1e-1])).max() > 2 * np.abs(np.diff(lines[1e-13])).max()
print("at the minimum:", *(f"{value:.4f} ({limit:g})" for limit, value in minimum.items()))
plots.Rough(grid, lines, "sigma on price")

# %% [markdown]
# > **A common error.** "While the search is far away, a loose inner tolerance saves time and does no harm." The program that came with Nevo's guide works
# > so: while the parameters still move it allows ten times as much after every 50 iterations. Dubé, Fox and Su (2012) show what it does. Here, at a tolerance of 0.1, the
# > objective has a cliff. At $10^{-4}$ it is 4.5612 where it should be 4.5615, its minimum: lower than it ever is.
#
# **Result.** The error is rate / (1 - rate) times the last change, and it jumps. Tight tolerances cost little: each further digit takes seven iterations here.

# %% [markdown] minutes=4 ask="Every type nearly always buys something. All deltas rise by one util. Which share moves most, in logarithms?"
# ### Listen to the outside good
#
# When is the contraction slow? Where every type nearly always buys. Let the outside share be 2 %, and raise *all* $\delta_j$ by one util.
# Buyers go on buying, inside shares hardly move, so (2.1) sees hardly a gap. The common level of $\delta$ is the slow direction.
#
# One share does move: the outside good's. Formula (1.7) of lesson 01 holds for it too,
# $\partial \log s_0 / \partial \delta_k = -E[s_{ik} \mid i \text{ buys nothing}]$, with weights $w_i s_{i0} / s_0$. One util more for all goods lowers
# $\log s_0$ by $E[1 - s_{i0} \mid i \text{ buys nothing}]$, here nearly one. So $s_0$ says how far the level is off, and Fukasawa (2024) adds it to the map:
#
# $$\delta_j \leftarrow \delta_j + \big(\log S_j - \log s_j(\delta)\big) - \big(\log S_0 - \log s_0(\delta)\big). \tag{2.3}$$
#
# At the solution both brackets are zero, so the fixed point is the same. In the logit $\log s_j - \log s_0 = \delta_j$, and one step is exact.
#
# The picture has two products. Along the solid curve product 1 has its observed share, along the dashed one product 2. They cross at the
# solution, the star. Both maps start at $\delta = 0$ and take 20 steps.

# %% tags=["parameters"]
outside_share = 0.02

# %%
plots.Valley(outside_share=outside_share)

# %% [markdown]
# The contraction walks up the narrow valley in ever smaller steps. The curve of the outside share crosses the valley, and the corrected map arrives.

# %% tags=["build"]
def corrected_contraction(shares, mu, weights):
    """(2.3), for weights that sum to one: a function from delta (J,) to the next delta (J,)."""
    def update(delta):
        s = blpteach.market_shares(delta, mu, weights)                       # (J,)
        gap_0 = np.log(1 - shares.sum()) - np.log(1 - s.sum())               # log S_0 - log s_0
        return delta + np.log(shares) - np.log(s) - gap_0
    return update                                        # (J,) -> (J,)


# %% [markdown]
# The Jacobian of (2.3) is $A_{jk} - E[s_{ik} \mid i \text{ buys nothing}]$, which the library's `contraction_rate` has as an option. In the cereal market the contraction took 84 iterations. How many will the corrected map take?

# %%
blpteach.predict("2.3", ...)

# %%
corrected_map = corrected_contraction(S, mu, weights)
delta_c, corrected = iterate(corrected_map, logit)
rate_c = float(blpteach.contraction_rate(P, weights, corrected=True))
moves = weights @ (s_i0 * (1 - s_i0)) / s_0              # E[1 - s_i0 | i buys nothing]
print(f"one util for all lowers log s_0 by {moves:.2f}; corrected rate {rate_c:.4f}")
blpteach.predicted("2.3", len(corrected))

# %%
assert np.allclose(delta_c, delta, atol=1e-11) and abs(len(corrected) - 52) <= 3
assert np.allclose([rate_c, moves], [0.5696, 0.291], atol=5e-4)
histories["corrected"], rates["corrected"] = corrected, rate_c
plots.Convergence(histories, rates, "What does the outside good contribute? A better rate")

# %% [markdown]
# **Result.** 52 instead of 84. The correction helps, but it is not exact: here a common util lowers $\log s_0$ by 0.29 and not by one, since many of
# those who buy nothing would nearly always buy nothing.

# %% [markdown] minutes=3 ask="Each change is 0.57 times the one before. How long is the whole way that is left?"
# ### Two steps and a leap: SQUAREM
#
# A straight line on that axis is a promise. If each change is `rate` times the one before, the rest of the way is a geometric series, and we can jump to its
# end. Let $f$ be the map. Two steps from $\delta$ give a change and a change of the change,
#
# $$r = f(\delta) - \delta, \qquad v = f(f(\delta)) - 2 f(\delta) + \delta .$$
#
# With one product, $v = (\text{rate} - 1)\, r$. So $a = |r| / |v| = 1 / (1 - \text{rate})$ is the sum of the series, and the whole way is $a\, r$, or
# $2 a\, r + a^2 v$, which is the same since $v = -r / a$. With many products there are many rates, and $a$ is a compromise. Varadhan and Roland (2008)
# recommend the second form:
#
# $$\delta \leftarrow \delta + 2 a\, r + a^2 v, \qquad a = \max(1, |r| / |v|). \tag{2.4}$$

# %% tags=["build"]
def squarem(update, delta, tolerance=1e-13, max_iterations=100):
    """(2.4): two steps of a map and a leap, until delta (J,) stops changing; it and the changes."""
    changes = []
    while len(changes) < max_iterations and (not changes or changes[-1] > tolerance):
        one = update(delta)
        two = update(one)
        changes.append(largest_change(two, one))
        r, v = one - delta, two - 2 * one + delta
        a = max(1, np.sqrt(r @ r / (v @ v + 1e-300)))    # never 0 / 0
        delta = delta + 2 * a * r + a**2 * v
    return two, np.array(changes)                        # (J,), (iterations,)


# %%
delta_s, leaps = squarem(corrected_map, logit)
assert np.allclose(delta_s, delta, atol=1e-11) and abs(2 * len(leaps) - 20) <= 4
histories["SQUAREM"] = leaps
gain = f"What do leaps gain? {2 * len(leaps)} evaluations instead of {len(corrected)}"
plots.Convergence(histories, rates, gain)

# %% [markdown]
# **Result.** 20 evaluations instead of 52; each triangle is two. No straight line any more: each leap shrinks other parts of the error most.

# %% [markdown] minutes=3 ask="Newton doubles the correct digits with each step. How many steps from one digit to thirteen?"
# ### Newton
#
# We know all derivatives of log shares. Newton's method solves the linearised equations at each step:
#
# $$\delta \leftarrow \delta + \left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \big(\log S - \log s(\delta)\big). \tag{2.5}$$
#
# The contraction (2.1) is this with the identity in place of the Jacobian.

# %% tags=["parameters"]
far_away = 8.0                                           # another start, for every product

# %% tags=["build"]
def newton_steps(delta, longest=np.inf, rounds=8):
    """(2.5), steps of at most `longest` utils: delta (J,) and the largest gap before each step."""
    gaps = []
    for _ in range(rounds):
        P = blpteach.choice_probabilities(delta, mu)
        gap = np.log(S) - np.log(P @ weights)
        gaps.append(abs(gap).max())
        step = np.linalg.solve(blpteach.log_share_jacobian(P, blpteach.buyers(P, weights)), gap)
        delta = delta + step * min(1, longest / abs(step).max())
    return delta, np.array(gaps)                         # (J,), (rounds,)


# %% [markdown]
# How many steps of (2.5), from the logit's $\delta$, until the largest gap between log shares is below $10^{-13}$?

# %%
blpteach.predict("2.4", ...)

# %%
delta_n, gaps = newton_steps(logit)
with np.errstate(all="ignore"):
    _, full = newton_steps(np.full(24, far_away), rounds=4)
_, clipped = newton_steps(np.full(24, far_away), longest=2.0, rounds=13)
assert np.allclose(delta_n, delta, atol=1e-11) and gaps[4] < 1e-8 and gaps[5] < 1e-13
assert not np.isfinite(full[1]) and clipped[12] < 1e-13
runs = {"from the logit": gaps, "far away": full, "far away, clipped (every second)": clipped[::2]}
print(*(f"{name}: {' '.join(f'{gap:.0e}' for gap in run)}" for name, run in runs.items()), sep="\n")
blpteach.predicted("2.4", int((gaps > 1e-13).sum()))

# %% [markdown]
# Near the solution each step about doubles the number of correct digits. Far away the full step is a gamble. At $\delta = 8$ for all
# products nearly everybody buys: a common shift of $\delta$ hardly moves an inside share, the Jacobian is nearly singular, and
# dividing by nearly nothing gives an enormous step. Steps of at most two utils for any product arrive.
#
# **Result.** Five steps, if they are clipped far away. But a step costs $J^2 I$ for the Jacobian and $J^3$ for the solve, where the contraction costs $J I$.

# %% [markdown] minutes=2 ask="Which of these ways would you take for 200 products, and which for a market with an outside share of one in a million?"
# ### One call
#
# The library's functions have a leading axis for markets. Otherwise they are your lines. All 94 markets at once, by every method (an iteration of
# SQUAREM is two of the map):

# %%
mu_all = blpteach.taste_deviations(stack.X2, stack.tastes, Gamma)        # (94, 24, 20)
data = stack.shares, mu_all, stack.weights
ways = {"contraction": ("exp", False), "corrected": ("exp", True), "SQUAREM": ("squarem", True),
        "Newton": ("newton", True), "default": ("default", True)}
found = {name: blpteach.invert_shares(*data, method=method, corrected=also)
         for name, (method, also) in ways.items()}
exact = found["Newton"].delta                            # (94, 24)
mine = {"contraction": delta, "corrected": delta_c, "SQUAREM": delta_s, "Newton": delta_n}
assert all(np.allclose(found[name].delta[number], mine[name], atol=1e-11) for name in mine)
assert all(np.allclose(way.delta, exact, atol=1e-11) for way in found.values())
pd.DataFrame({"iterations": {name: way.iterations for name, way in found.items()},
              "converged": {name: way.converged.all() for name, way in found.items()}})

# %% [markdown]
# They agree, with each other and with yours, to $10^{-11}$. **Result.** Which to use when:
#
# - **The plain contraction**: to check another way. It always converges.
# - **SQUAREM on the corrected map**: the default. A leap may overshoot, so look at `converged`. Markets that are left go to Newton.
# - **Newton with clipped steps**: few products, tiny outside shares, extreme $\mu$.

# %% [markdown] minutes=4 ask="Tastes for sugar spread out. Do sweet cereals need more mean utility to keep their shares, or less?"
# ### How delta moves with the parameters
#
# Lesson 04 searches over $\theta_2$ and needs $\partial \delta / \partial \theta_2$. Shares stay put
# while $\theta_2$ moves: $s(\delta(\theta_2), \theta_2) = S$. Differentiate both sides, in levels or, with row $j$ divided by $s_j$, in logarithms:
#
# $$\frac{\partial s}{\partial \delta}\, \frac{\partial \delta}{\partial \theta_2} + \frac{\partial s}{\partial \theta_2} = 0
#   \quad\Longrightarrow\quad
#   \frac{\partial \delta}{\partial \theta_2} = -\left(\frac{\partial s}{\partial \delta}\right)^{-1} \frac{\partial s}{\partial \theta_2}
#   = -\left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \frac{\partial \log s}{\partial \theta_2}. \tag{2.7}$$
#
# The first factor is (1.7) of lesson 01. For the second, let the taste $v_{il}$ of `tastes` act on characteristic $k$
# with strength $\Gamma_{kl}$. The utility of product $m$ then changes by $v_{il}\, x_{2mk}$, and by the logit's derivative a type's probability of $j$ by
# $s_{ij} \big(v_{il} x_{2jk} - \sum_m s_{im} v_{il} x_{2mk}\big)$. Average with $w_i$, divide by $s_j$, and the weights are those of the buyers:
#
# $$\frac{\partial \log s_j}{\partial \Gamma_{kl}} = E\Big[\, v_{il} \Big(x_{2jk} - \sum_m s_{im}\, x_{2mk}\Big) \,\Big|\, i \text{ buys } j \Big].$$
#
# In code, `rows` and `columns` (H,) say for each parameter which $k$ (row of `Gamma`) and which $l$ (column) it joins.

# %% tags=["parameters"]
touch = 0.2                                              # where the tangents are drawn

# %% tags=["build"]
def delta_jacobian(P, B, X2, tastes, rows, columns):
    """(2.7): derivatives of delta in the parameters Gamma[rows, columns], (J, H)."""
    x, v = X2[:, rows], tastes[:, columns]               # (J, H), (I, H)
    expected_x = (P.T @ X2)[:, rows]                     # (I, H)  sum_m s_im x_mk
    slope = x * (B @ v) - B @ (v * expected_x)           # (J, H)  d log s / d theta2
    return -np.linalg.solve(blpteach.log_share_jacobian(P, B), slope)        # (J, H)


# %%
free = problem.free(start["sigma"], start["pi"])         # which 13 elements of Gamma are searched
jacobian = delta_jacobian(P, B, market.X2, market.tastes, free.rows, free.columns)
library = blpteach.delta_jacobian(P, B, market.X2, market.tastes, free.rows, free.columns)
assert np.allclose(jacobian, library)
jacobian.shape

# %% [markdown]
# Here is one parameter, the standard deviation $\sigma$ of the taste for sugar. F6B18 has no sugar. As tastes for sugar spread out, from 0.2 on, does it need
# more mean utility to keep its share, or less?

# %%
blpteach.predict("2.5", ..., among=["less", "more"])

# %%
ids = list(problem.products["product_ids"][:24])
shown = [ids.index(name) for name in ("F3B06", "F2B19", "F3B14", "F6B18")]
labels = {f"{ids[j]}: {market.X2[j, 2]:.0f} g sugar": j for j in shown}
plots.Tangents(market, Gamma, 2, 2, labels, np.linspace(-0.5, 0.5, 41),
               "sigma on sugar (utils per gram)", value=touch)

# %% [markdown]
# The thin black lines touch at 0.2 and have the slopes of (2.7). The sweet cereals need less, since their enthusiasts buy them
# anyway. And F6B18? Two effects on its log share, per unit of $\sigma$:

# %%
def at_sigma(sigma):
    """Choice probabilities and buyers in our market, both (J, I), at a sigma on sugar."""
    spread = Gamma.copy()
    spread[2, 2] = sigma
    mu = blpteach.taste_deviations(market.X2, market.tastes, spread)
    P = blpteach.choice_probabilities(blpteach.invert_shares(S, mu, weights).delta, mu)
    return P, blpteach.buyers(P, weights)


there, sugarless = at_sigma(touch), ids.index("F6B18")
slopes = delta_jacobian(*there, market.X2, market.tastes, [2], [2])[:, 0]    # (J,)
parts = blpteach.log_share_jacobian(*there)[sugarless] * slopes              # (J,)
own, rivals = parts[sugarless], np.delete(parts, sugarless).sum()
assert np.allclose([-own - rivals, rivals], [-0.20, 1.25], atol=0.01)
print(f"spread {-own - rivals:.2f}, rivals' lower delta {rivals:.2f}, its own {own:.2f}: sum 0")
blpteach.predicted("2.5", "less" if slopes[sugarless] < 0 else "more")

# %% [markdown]
# **Result.** Spread alone would cost F6B18 buyers. But its sweet rivals' $\delta$ come down, which would bring it more than it lost, so its own must come
# down too.

# %% [markdown] minutes=3 ask="Four times as many draws: what happens to the error of shares, of delta, and of the squared moments?"
# ### Twenty draws: where their error goes
#
# Each market has 20 types, drawn from its population. Suppose every population were the 1,880 types of all markets
# together, so that we know the truth, and a simulation drew I of them. At the true $\delta$ the simulated shares $s^I$ are off. The inversion undoes this; to
# first order it passes the error on with the inverse Jacobian, as in (2.7):
#
# $$\delta^I - \delta \approx -\left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \big(\log s^I - \log s\big).$$
#
# Then $\delta^I$ goes into the moments of lesson 03, whose squares are the objective. (Two seconds.)

# %%
def delta_by(tastes):
    """delta (94, 24), mu and weights if all consumers are types with tastes (..., I, L + D)."""
    mu = blpteach.taste_deviations(stack.X2, tastes, Gamma)
    equal = np.full(tastes.shape[-2], 1 / tastes.shape[-2])
    return blpteach.invert_shares(stack.shares, mu, equal).delta, mu, equal


population = stack.tastes.reshape(-1, 8)                 # (1880, L + D)
true_delta = delta_by(population)[0]


def simulation_errors(size, seed):
    """Mean squared error of log shares and of delta, and the squared error of the moments."""
    drawn = np.random.default_rng(seed).integers(0, 1880, (94, size))        # types, by market
    found, mu, equal = delta_by(population[drawn])
    shares = blpteach.market_shares(true_delta, mu, equal)
    off = found - true_delta
    return ((np.log(shares / stack.shares) ** 2).mean(), (off**2).mean(),
            ((moment_map @ off.ravel()) ** 2).sum())

# %%
sizes = (20, 80, 320)
squares = np.array([np.mean([simulation_errors(I, seed) for seed in range(4)], 0) for I in sizes])
squares[:, :2] **= 0.5                                   # back to utils
assert np.allclose(squares[:, 0], [0.28, 0.138, 0.067], rtol=0.15)
assert np.allclose(squares[:, 1], [0.63, 0.33, 0.157], rtol=0.15)
assert (squares[:-1, 2] > 2.5 * squares[1:, 2]).all() and 40 < squares[0, 2] < 90
pd.DataFrame(squares, sizes, ["log shares", "delta", "squared moments"]).round(2)

# %% [markdown]
# **Result.** Four times the draws halve the error of shares, and that of $\delta$, which is more than twice as large. The squares that enter the objective fall
# to about a fourth. With 20 draws they are several tens, where the objective at the estimates is 4.6. So either the 20 types *are* the population, as
# replications of Nevo assume, or this error counts.

# %% [markdown] minutes=4 ask="A sweet cereal gets cheaper. Who loses the largest part of its buyers: a sweet rival, one without sugar, or the outside good?"
# ### The halved price again
#
# The question of lesson 00 again, in a model that reproduces Nevo's market. F2B19 goes to half its price.
# Price enters twice. It is a column of `X1`, so $\delta$ moves by $\beta_{price}$ times the change. And it is a column of `X2`, so each type's
# $\mu_{ij}$ moves as well. At the given $\theta_2$, $\beta_{price} = -28.19$ utils a dollar.
#
# F2B26 is as sweet as F2B19. F6B18 has no sugar.

# %% tags=["parameters"]
product, price_factor = "F2B19", 0.5

# %%
beta_price, cheap = problem.evaluate(**start).beta[0], ids.index(product)
X2_cut, delta_cut = market.X2.copy(), delta.copy()
X2_cut[cheap, 1] *= price_factor                               # column 1 of X2 is price
delta_cut[cheap] += beta_price * (X2_cut[cheap, 1] - market.X2[cheap, 1])
mu_cut = blpteach.taste_deviations(X2_cut, market.tastes, Gamma)
after = blpteach.market_shares(delta_cut, mu_cut, weights)
lost = pd.Series(1 - after / S, ids).drop(product)
lost["outside good"] = 1 - (1 - after.sum()) / (1 - S.sum())
lost_logit = 1 - (1 - after[cheap]) / (1 - S[cheap])     # in a logit in which F2B19 gains as many
lost[["F2B26", "F6B18", "outside good"]].round(3)

# %%
assert np.allclose(lost[["F2B26", "F6B18", "outside good"]], [0.350, 0.296, 0.230], atol=2e-3)
assert np.isclose(beta_price, -28.19, atol=0.01) and np.isclose(lost_logit, 0.260, atol=2e-3)
others = np.arange(24) != cheap
labels = [name if name in ("F2B26", "F6B18") else "" for name in lost.index[:-1]]
Losses(market.X2[others, 2], labels, product, hollow=("mushy", market.X2[others, 3]),
       logit=lost_logit, tastes=lost.to_numpy()[:-1], outside=lost["outside good"])

# %% [markdown]
# In a logit in which F2B19 gains as many buyers, everybody loses 26.0 %. Here the outside good loses 23 %: types who like cereals buy most of
# them, and F2B19 wins those from other cereals.
#
# **Result.** The twin loses 35 %, the cereal without sugar 30 %: a step in the right direction, and no more. Inversion makes any tastes consistent with the
# shares. Which tastes are right takes instruments (lesson 03) and a search (lesson 04), which asks this question once more.

# %% [markdown] minutes=2 ask="We know the right answer in one case. Which?"
# ## Check it
#
# **A delta that we know.** Draw $\delta$, compute shares, forget $\delta$, invert.

# %%
truth = np.random.default_rng(0).normal(-3, 1, stack.shares.shape)       # (94, 24)
made = blpteach.market_shares(truth, mu_all, stack.weights)
error = abs(blpteach.invert_shares(made, mu_all, stack.weights).delta - truth).max()
assert error < 1e-10
print(f"largest error in {truth.size:,} mean utilities: {error:.0e}")

# %% [markdown]
# **Derivatives against finite differences.** Move each of the 13 parameters, invert, compare with (2.7).

# %%
def delta_at(theta2):
    mu = blpteach.taste_deviations(market.X2, market.tastes, free.unpack(theta2).Gamma)
    return blpteach.invert_shares(S, mu, weights).delta


steps = 1e-5 * np.eye(13)
numeric = [(delta_at(free.start + h) - delta_at(free.start - h)) / 2e-5 for h in steps]
off = abs(np.column_stack(numeric) - jacobian).max()
assert off < 1e-5 * abs(jacobian).max()
print(f"largest element {abs(jacobian).max():.1f}, largest difference {off:.0e}")

# %% [markdown] minutes=5 ask="The outside share goes from one half to one in ten thousand. Which method suffers most, and which least?"
# ## Play
#
# A race, in a made-up market of 20 products and 64 types, with $\delta = 0$ at the start for all.
#
# On the left is the path of each method. The horizontal axis counts how often the model's shares are computed, so an iteration of SQUAREM counts twice.
# The contraction runs in two forms: (2.1) in logarithms, and with $e^{\mu}$ computed once (see Further). They are
# one map, so their paths overlap. On the right is the score: the rate, the number predicted, $\log(\text{tolerance}) / \log(\text{rate})$ (black), the
# number counted (bar), and the error left in $\delta$. An empty bar was not waited for.
#
# `sigma` is the standard deviation of two tastes, for the constant and for one characteristic. `tastes` lets $e^{\mu}$ leave the range of numbers, which
# ends at $e^{709}$: one type 800 utils higher, or all types 800 lower.

# %%
from blpteach.widgets.inversion import made_up_market, race

tiny = plots.Race(**made_up_market(), outside_share=1e-4, sigma=1.0)
wild = plots.Race(**made_up_market(), outside_share=0.9, sigma=5.0)
assert 1e5 < tiny.score("log form") < 4e5 and tiny.score("corrected") < 40
assert np.allclose([wild.rates["log form"], wild.rates["corrected"]], [0.856, 0.853], atol=2e-3)
plots.Race(**made_up_market(), outside_share=0.01, sigma=1.0)

# %% [markdown]
# Take the outside share from 0.5 to 0.0001. Which methods will notice? Then set it to 0.9 and sigma to 5. Does the correction help now?

# %%
race()

# %% [markdown]
# - **the logit**: the corrected map arrives in one step, and the second confirms it.
# - **tiny outside good**: the contraction would need more than a hundred thousand steps, the corrected map about thirty.
# - **wild tastes, large outside good**: the rate is 0.86 with an outside share of 0.9. The correction hardly helps, because the slow direction is no
#   longer the common level. SQUAREM and Newton do.
# - **exp overflows**: the exp form is lost at once. With all types 800 lower, shares are zero at the start, and only
#   Newton, in logarithms throughout, arrives.

# %% [markdown] minutes=2
# ## Exercises
#
# Each has a stub, and a cell that checks your answer. It says which mistake was made, if it knows it. `blpteach.hint("2.1")` gives a hint.

# %% [markdown]
# ### Exercise 2.1 · 5 minutes · easy
#
# The first change of a contraction is 1, and each further change is `rate` times the one before. After how many further iterations $n$ is the *error* in
# $\delta$ down to `error`? Use $|\text{error}| \approx |\text{change}| \cdot \text{rate} / (1 - \text{rate})$. Write a function of `rate` and `error`, both
# numbers, that returns $n$, a number, not rounded. One line.

# %% tags=["exercise"]
def iterations(rate, error):
    """How many iterations take a change of 1 to one that means this error, a number."""
    return ...


# %% tags=["solution"]
def iterations(rate, error):
    """The change that means this error is error (1 - rate) / rate, after n iterations rate^n."""
    return np.log(error * (1 - rate) / rate) / np.log(rate)


assert abs(iterations(0.713, 1e-13) - iterations(0.713, 1e-12) - 6.8) < 0.02          # per digit
print({rate: f"{iterations(rate, 1e-10):.0f} iterations" for rate in (0.5, 0.713, 0.99)})
assert blpteach.check("2.1", iterations)

# %% tags=["check"]
blpteach.check("2.1", iterations)

# %% [markdown]
# ### Exercise 2.2 · 10 minutes · medium
#
# The weights of the automobiles sum to less than one, so `corrected_contraction` is not for them. Write one step of (2.3) for weights of any sum: from `delta`
# (J,), observed `shares` (J,), `mu` (J, I) and `weights` (I,) to the next delta (J,). What do the types, and only they, leave to the outside good: in the data,
# and in the model?

# %% tags=["exercise"]
def corrected_step(delta, shares, mu, weights):
    """(2.3) for weights of any sum: the next delta, (J,)."""
    return ...


# %% tags=["solution"]
def corrected_step(delta, shares, mu, weights):
    """(2.3), like with like: outside shares among the types."""
    P = blpteach.choice_probabilities(delta, mu)         # (J, I)
    gap = np.log(shares) - np.log(P @ weights)           # (J,)
    gap_0 = np.log(weights.sum() - shares.sum()) - np.log(weights @ (1 - P.sum(0)))
    return delta + gap - gap_0                           # (J,)


car = year.shares, mu_year, year.weights
delta_car, changes = iterate(lambda delta: corrected_step(delta, *car), np.zeros(len(year.shares)))
assert np.allclose(delta_car, delta_year, atol=1e-10) and len(changes) < 120
assert blpteach.check("2.2", corrected_step)

# %% tags=["check"]
blpteach.check("2.2", corrected_step)

# %% [markdown]
# ### Exercise 2.3 · 10 minutes · medium
#
# A fraction `never` of all consumers never buys, whatever $\delta$ is. All others are alike: a logit. The observed outside share is `s0`; those who never buy
# are part of it. Derive the rate of the contraction (2.1): write down $A$ (2.8), and find its largest eigenvalue. Hand in the formula as a function of two
# numbers, `s0` and `never`, that returns a number. (With `never` = 0 it is the rate in the logit.)

# %% tags=["exercise"]
def rate_with_abstainers(s0, never):
    """The contraction's rate, a number between 0 and 1."""
    return ...


# %% [markdown] tags=["solution"]
# Buyers of any $j$ are of the second kind. So every row of $A$ is the same: the choice probabilities of that kind. The inside goods get $1 - s_0$ of all
# consumers, so they get the fraction $(1 - s_0) / (1 - never)$ of that kind. This is the sum of each row. A matrix of equal rows has rank one, and its only
# eigenvalue other than zero is this row sum.

# %% tags=["solution"]
def rate_with_abstainers(s0, never):
    """All rows of A are equal, and sum to the probability that one of the others buys."""
    return (1 - s0) / (1 - never)


two_kinds = np.column_stack([np.zeros(3), np.array([0.1, 0.2, 0.3]) / 0.9])           # (J, I)
by_library = blpteach.contraction_rate(two_kinds, np.array([0.1, 0.9]))
assert np.isclose(by_library, rate_with_abstainers(0.4, 0.1))
print(f"automobiles: {rate_with_abstainers(0.892, 0.846):.2f} instead of {1 - 0.892:.2f}")
assert blpteach.check("2.3", rate_with_abstainers)

# %% tags=["check"]
blpteach.check("2.3", rate_with_abstainers)

# %% [markdown]
# ### Exercise 2.4 · 10 minutes · medium
#
# Lesson 00 asked what happens if the market is twice as large as assumed: all shares are halved, and the outside good gets the rest. Keep $\mu$. What is the
# mean over the 94 cereal markets of the rate of the plain contraction now, a number? Predict the direction first. (It was 0.687.) `stack.shares` is (94, 24),
# `mu_all` is (94, 24, 20).

# %% tags=["exercise"]
mean_rate = ...

# %% tags=["solution"]
half = blpteach.invert_shares(stack.shares / 2, mu_all, stack.weights).delta          # (94, 24)
P_half = blpteach.choice_probabilities(half, mu_all)
mean_rate = blpteach.contraction_rate(P_half, stack.weights).mean()
# Buyers of j are more likely to buy nothing if they choose anew, so rows of A sum to less.
assert np.isclose(mean_rate, 0.507, atol=2e-3)
print(f"mean rate {mean_rate:.3f}")
assert blpteach.check("2.4", mean_rate)

# %% tags=["check"]
blpteach.check("2.4", mean_rate)

# %% [markdown]
# ### Exercise 2.5 · 15 minutes · medium
#
# Let $\sigma_0$ be the standard deviation of the taste for the constant, with nodes $v_i$. Here $x_{2j} = 1$ for all $j$. Simplify $\partial \log s_j /
# \partial \sigma_0$, the expectation below (2.7), until only $v_i$ and $s_{i0}$ are left in the expectation, and write $\partial \delta / \partial \sigma_0$ as a
# function of `P` (J, I), `B` (J, I) and `v` (I,) that returns (J,). Do not use `delta_jacobian`.

# %% tags=["exercise"]
def constant_slope(P, B, v):
    """d delta / d sigma_0 with shares held, (J,), in utils per unit of sigma_0."""
    return ...


# %% [markdown] tags=["solution"]
# With $x = 1$ the bracket is $1 - \sum_m s_{im} = s_{i0}$. So $\partial \log s_j / \partial \sigma_0 = E[v_i s_{i0} \mid i \text{ buys } j]$.

# %% tags=["solution"]
def constant_slope(P, B, v):
    """-(d log s / d delta)^-1 E[v_i s_i0 | i buys j]."""
    return -np.linalg.solve(blpteach.log_share_jacobian(P, B), B @ (v * (1 - P.sum(0))))


slope = constant_slope(P, B, market.tastes[:, 0])
assert np.allclose(slope, blpteach.delta_jacobian(P, B, market.X2, market.tastes, [0], [0])[:, 0])
assert blpteach.check("2.5", constant_slope)

# %% tags=["check"]
blpteach.check("2.5", constant_slope)

# %% [markdown]
# ### Exercise 2.6 · 20 minutes · hard
#
# Shares are counted from samples, so they have sampling error, and the inversion passes it on. Derive $\partial \delta / \partial \log S$ from (2.6), in one
# line. Write it as a function of `P` (J, I) and `B` (J, I) with result (J, J): element $[j, k]$ is $\partial \delta_j / \partial \log S_k$. Then answer for
# yourself:
#
# 1. One product's observed share rises by 1 %, all other inside shares stay. Which $\delta$ rise and which fall?
# 2. F2B19's share, 0.10, was counted as 10 buyers in a sample of 100. Take all other inside shares as known. By the delta method, what is the standard error
#    of its $\delta$?

# %% tags=["exercise"]
def share_error(P, B):
    """d delta_j / d log S_k, (J, J)."""
    return ...


# %% tags=["solution"]
def share_error(P, B):
    """Differentiate log s(delta) = log S: the inverse of (1.7)."""
    return np.linalg.inv(blpteach.log_share_jacobian(P, B))


passed_on, F2B19 = share_error(P, B), list(problem.products["product_ids"][:24]).index("F2B19")
more = S * np.exp(1e-6 * np.eye(24)[F2B19])
numeric = (blpteach.invert_shares(more, mu, weights).delta - delta) / 1e-6
assert np.allclose(passed_on[:, F2B19], numeric, atol=1e-4)
assert (passed_on > 0).all()                             # 1. all rise: see below
assert blpteach.check("2.6", share_error)

# %% [markdown] tags=["solution"]
# 1. All rise. The other shares stay although a rival improved, and the outside share falls.
# 2. The standard error of a share $S$ from $n$ persons is $\sqrt{S (1 - S) / n}$, that of $\log S$ is $\sqrt{(1 - S) / (S n)}$, here $\sqrt{0.9 / 10} = 0.30$.

# %% tags=["solution"]
element = passed_on[F2B19, F2B19]
standard_error = element * np.sqrt(0.9 / 10)
assert np.isclose(element, 1.30, atol=0.01) and np.isclose(standard_error, 0.39, atol=0.01)
print(f"passed on {element:.2f} times; standard error of delta {standard_error:.2f} utils")

# %% tags=["check"]
blpteach.check("2.6", share_error)

# %% [markdown]
# ## Further
#
# Each part can be skipped; nothing rests on it.

# %% [markdown] minutes=4 ask="Which exponentials does an iteration of the contraction compute that it computed before?"
# ### Exponentials: fewer of them, and too large ones
#
# An iteration as written computes $J \times I$ exponentials of $\delta_j + \mu_{ij}$. But $\mu$ does not change. Compute $e^{\mu_{ij}}$ once, and with
#
# $$c_i = \frac{w_i}{1 + \sum_m e^{\delta_m} e^{\mu_{im}}} \qquad\text{the share is}\qquad s_j = e^{\delta_j} \sum_i e^{\mu_{ij}} c_i .$$
#
# In (2.1) the $\delta_j$ then cancels:
#
# $$\delta_j \leftarrow \log S_j - \log \sum_i e^{\mu_{ij}}\, c_i . \tag{2.2}$$

# %% tags=["build"]
def exp_map(delta, expmu):
    """(2.2): from delta (J,) to the next, with our market's S, weights; expmu = exp(mu), (J, I)."""
    c = weights / (1 + np.exp(delta) @ expmu)            # (I,)
    return np.log(S) - np.log(expmu @ c)                 # (J,)


# %%
apart = abs(exp_map(logit, np.exp(mu)) - contraction(logit)).max()
assert apart < 1e-13
print(f"largest difference to (2.1): {apart:.0e}")

# %% [markdown]
# An iteration is two products of a matrix and a vector, with $J$ exponentials and $J$ logarithms. The correction (2.3) costs nothing more: the model's outside share is the sum of the
# $c_i$. Does it pay? Conlon and Gortmaker (2020, p. 1122) report little benefit. Here are all 94 cereal markets by the plain contraction:

# %% tags=["parameters"]
one_type, everybody = 800, -2000                         # utils added to mu of one type, of all

# %%
from timeit import repeat


def seconds(run):
    """The shortest of three runs."""
    return min(repeat(run, number=1, repeat=3))


forms = {form: seconds(lambda: blpteach.invert_shares(*data, method=form, corrected=False))
         for form in ("log", "exp")}
assert forms["log"] > 3 * forms["exp"]
pd.Series(forms, name="seconds, here and today").round(3)

# %% [markdown]
# It pays where exponentials are what an iteration consists of, as in this library, whose other work is two small products. Where each iteration carries other costs
# of its own, a tenth of a small part is little.
#
# > **A common error.** "An iteration costs $T J^2 I$ operations", found in short explanations too. In T markets the contraction costs $T J I$: double the number of products and
# > the time doubles. The next cell makes products eight times as many and measures. $J^2$ would ask for a factor of 64. Squares and
# > cubes of J come with the Jacobian and with solving, which are Newton's.

# %%
times = {}
for products in (100, 800):
    made_up = np.random.default_rng(0).normal(size=(products, 500))
    even = np.full(products, 0.5 / products), made_up, np.full(500, 1 / 500)
    update, zeros = blpteach.exp_contraction(*even), np.zeros(products)
    times[products] = min(repeat(lambda: update(zeros), number=5, repeat=15))
assert times[800] / times[100] < 40
print(f"8 times the products: {times[800] / times[100]:.0f} times the time, here and today")

# %% [markdown]
# The price of (2.2): it works with $e^{\delta}$ and $e^{\mu}$ themselves. A number in double precision ends at $e^{709}$ above; beyond that is
# infinity. It ends at $e^{-745}$ below; beyond that is zero. A search that tries wild parameters gets there. Two cases:
#
# - **Overflow.** One type likes every cereal by 800 utils more. This type always buys, and that is all: its probabilities are numbers between 0 and 1.
# - **Underflow.** A demographic that acts on the constant is not net of its mean, and every $\mu_{ij}$ is lower by 2,000. Nothing has changed in substance. The
#   solution is $\delta + 2000$.

# %%
far_out, low = mu.copy(), mu + everybody
far_out[:, 0] += one_type
with np.errstate(all="ignore"):
    print("overflow: ", exp_map(logit, np.exp(far_out))[:3])
    print("underflow:", exp_map(logit, np.exp(low))[:3])

# %% [markdown]
# Overflow: $e^{\mu} = \infty$, its weight $c_i$ is 0, and infinity times zero is not a number. Underflow: every $e^{\mu}$ is 0, the logarithm of 0 is minus
# infinity, and $\delta$ jumps to plus infinity. The library's `exp` divides numerator and denominator of each type
# by the type's largest $e^{\mu_{ij}}$, or by the outside good's 1 if that is larger.

# %%
cases, methods = {"one type + 800": far_out, "all - 2000": low}, ["log", "exp", "newton", "default"]
survives = {(case, way): bool(blpteach.invert_shares(S, tastes, weights, method=way).converged)
            for case, tastes in cases.items() for way in methods}
assert list(survives.values()) == 4 * [True] + [False, False, True, True]
pd.Series(survives, name="converged").unstack()[methods]

# %% [markdown]
# Newton's method in the library computes $\log s_j$ without ever computing $s_j$, and the default hands over to it what the exponentials could not solve.
# There are limits: make the tastes 200 times as strong, and hardly any type is in doubt about what it buys. Then what matters is that an inversion says so.
# The search of lesson 04 treats such parameters as bad and goes elsewhere.

# %%
hopeless = blpteach.invert_shares(S, 200 * mu, weights)
assert not hopeless.converged
hopeless

# %% [markdown] minutes=2 ask="The rows of a matrix sum to one. Which eigenvalue does it have?"
# ### Why the corrected map never loses
#
# Let $A$ have a row and a column more, for the outside good. This larger matrix has an eigenvalue 1, since its rows
# sum to one, and subtracting one row from the others removes exactly that eigenvalue. So the corrected rate is its *second* largest eigenvalue. And when a
# row and a column are added to a symmetric matrix, the second largest eigenvalue of the new one is at most the largest of the old (interlacing). The old
# one's is the rate of (2.1).
#
# And far away? Write down the errors before an iteration, with a 0 for the outside good. At any $\delta$ the rows of the larger matrix are positive and sum
# to one. So it replaces each error by an average of all, which brings the largest and the smallest closer together, and then all are shifted so that the
# outside good's is 0 again. The range of the errors shrinks in every iteration: the corrected map, too, converges from anywhere.

# %%
outside = weights * s_i0 / s_0                           # who buys nothing, (I,)
larger = np.vstack([B, outside]) @ np.vstack([P, s_i0]).T                    # (J + 1, J + 1)
eigenvalues = np.sort(np.linalg.eigvals(larger).real)[::-1]
assert np.allclose(eigenvalues[:2], [1, rate_c])
P_all = blpteach.choice_probabilities(exact, mu_all)
theory = [blpteach.contraction_rate(P_all, stack.weights, also) for also in (True, False)]
assert (theory[0] <= theory[1]).all()
eigenvalues[:3].round(4)

# %% [markdown] minutes=3 ask="Twice the leap once, or the leap twice: which shrinks an error more?"
# ### Two forms of the leap, and what the default does
#
# The part of the error that the map would multiply by an eigenvalue $\lambda$ is multiplied by $1 - a (1 - \lambda)$ if the leap is $a\, r$, and by the
# square of that if it is $2 a\, r + a^2 v$: *squared* extrapolation. And Conlon and Gortmaker's equation (22) has $v'r / v'v$ for our $|r| / |v|$,
# up to the sign: both are lengths that Varadhan and Roland discuss. Count evaluations of the corrected map in all combinations:

# %% tags=["parameters"]
most = 500                                               # evaluations until we give up

# %%
def evaluations(length, squared):
    """Evaluations of the corrected map, a number, with a step length and one of two forms."""
    point, changes = logit, [1.0]
    while changes[-1] > 1e-13 and len(changes) < most:
        one = corrected_map(point)
        two = corrected_map(one)
        changes.append(largest_change(two, one))
        r, v = one - point, two - 2 * one + point
        a = max(1, length(r, v))
        point = point + (2 * a * r + a**2 * v if squared else a * r)
    assert np.allclose(two, delta, atol=1e-11)
    return 2 * len(changes[1:])


lengths = {"|r| / |v|": lambda r, v: np.sqrt(r @ r / (v @ v + 1e-300)),
           "v'r / v'v": lambda r, v: -(v @ r) / (v @ v + 1e-300)}
counts = pd.DataFrame({"single": [evaluations(length, False) for length in lengths.values()],
                       "squared": [evaluations(length, True) for length in lengths.values()]},
                      lengths)
counts

# %%
assert (counts["squared"] < 26).all() and (counts["single"] > 2 * counts["squared"]).all()

# %% [markdown]
# The form matters: single leaps need about as many evaluations as no leap at all (52). The length hardly does. These lines run in every estimate:

# %%
blpteach.show(blpteach.exp_contraction)
blpteach.show(blpteach.inversion.squarem)

# %% [markdown]
# `k` is the $c_i$ of (2.2). `vecmat`, `matvec`, `vecdot` are products with vectors for stacks of markets. `top` is the largest $\mu_{ij}$ of a type, the outside good's 0 included;
# numerator and denominator are divided by its exponential. `observed_outside` is $\sum_i w_i - \sum_j S_j$, like with like.

# %%
blpteach.show(blpteach.inversion.by_default)
blpteach.show(blpteach.inversion.go_on)

# %% [markdown]
# SQUAREM runs on the corrected map, then Newton for the markets that are left. `limits` caps SQUAREM's
# iterations, by default at 100. `wild` marks markets with some $|\mu_{ij}|$ of 500 or more, whose exponentials are not to be trusted. After ten iterations
# SQUAREM goes on only in the markets that are left, and `go_on` adds their later changes to the record; the other markets keep their last change.

# %% [markdown]
# ## In practice
#
# PyBLP inverts shares too, by default with SQUAREM on the plain map. We give it Nevo's model at the same $\theta_2$, ask it to stay there, and let it
# use the plain contraction, so that its iterations can be compared with ours.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
    products, agents = blpteach.load_cereal()
    X1 = pyblp.Formulation("0 + prices", absorb="C(product_ids)")
    X2 = pyblp.Formulation("1 + prices + sugar + mushy")
    y = pyblp.Formulation("0 + income + income_squared + age + child")
    theirs = pyblp.Problem((X1, X2), products, y, agents)
except ImportError:
    pyblp = None

# %%
if pyblp:
    stay = pyblp.Optimization("return")                  # evaluate at the start, don't search
    plainly = pyblp.Iteration("simple", {"atol": 1e-13})
    there = theirs.solve(start["sigma"], start["pi"], method="1s", optimization=stay,
                         iteration=plainly, check_optimality="gradient")
    ours = problem.evaluate(**start).delta
    difference, counts = abs(there.delta[:, 0] - ours).max(), there.fp_iterations[:, 0]
    assert difference < 1e-10 and abs(counts.mean() - 88) < 5
    print(f"largest difference in delta {difference:.0e}")
    print(f"PyBLP's iterations: mean {counts.mean():.0f}, at most {counts.max()}")
else:
    blpteach.stored_output()

# %% [markdown]
# The same $\delta$. PyBLP's counts are a little higher than ours, since its tolerance is absolute and ours is relative where $|\delta|$ exceeds one.
#
# In practice, keep the inner tolerance near $10^{-13}$. Look at whether all markets converged before you believe an objective. Report how zero
# shares and the market size were handled: no inversion repairs these.

# %% [markdown]
# ## Further reading
#
# - Berry, S. (1994). Estimating discrete-choice models of product differentiation. *RAND Journal of Economics* 25(2), 242-262. The idea of inverting shares,
#   and when it can be done.
# - Berry, S., Levinsohn, J. and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4), 841-890. The contraction, with its proof in
#   the appendix.
# - Conlon, C. and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND Journal of Economics* 51(4),
#   1108-1161. Compares contractions, SQUAREM and Newton-type methods on many problems.
# - Fukasawa, T. (2024). Fast and simple inner-loop algorithms of static / dynamic BLP estimations. arXiv 2404.04494. The outside-share term (2.3).
# - Gandhi, A., Lu, Z. and Shi, X. (2023). Estimating demand for differentiated products with zeroes in market share data. *Quantitative Economics* 14(2),
#   381-418. What to do where a share is zero.
#
# Also cited: Dubé, J.-P., Fox, J. and Su, C.-L. (2012), *Econometrica* 80(5), 2231-2267, on inner tolerances; Varadhan, R. and Roland, C. (2008),
# *Scandinavian Journal of Statistics* 35(2), 335-353, for SQUAREM.
#
# The next lesson, 03, takes $\delta$ as data and asks what a dollar costs in utils, when prices are not set at random.
