# %% [markdown]
# # 02. Which mean utilities explain the shares we see?
#
# **From shares back to mean utilities**
#
# *90 minutes, and about as many for the exercises. You need: econometrics through IV and GMM; numpy; eigenvalues. Lesson 01 helps: this lesson uses
# its market shares, its buyers and its derivatives. The module of this lesson is `blpteach/inversion.py`, Step 2.*

# %% [markdown]
# ## The question
#
# Utility is $\delta_j + \mu_{ij} + \varepsilon_{ij}$. Suppose somebody gives us the tastes, hence $\mu$. The data give us the market shares.
# Which mean utilities $\delta$ make the model's shares equal to the observed ones?
#
# Without random tastes the answer is one logarithm (lesson 00). With them there is no formula. This lesson finds $\delta$ by iteration, measures how fast
# that goes, and makes it faster. An estimation asks the question in every market at every trial of the parameters, so much of its
# work is done here. At the end the halved price comes back, in a model that reproduces the market exactly.

# %% [markdown]
# ## What you will be able to do
#
# - Write the BLP contraction in one line, and say why it has one fixed point.
# - Predict its number of iterations from who buys what.
# - Tell a small change from a small error.
# - Explain four faster ways, and say which to use when.
# - Read the errors of shares that can't be inverted.
# - Compute how $\delta$ moves with the parameters, which the search of lesson 04 needs.

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

# %% [markdown] minutes=2 ask="How many unknowns are there in one market, and how many equations?"
# ### One market, and parameters that somebody gives us
#
# Nevo's cereal data are artificial: he distributes them with his guide to the method. His guide also has starting values for the 13 nonlinear
# parameters $\theta_2 = (\Sigma, \Pi)$, which are customary. We take them as given.
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

# %%
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
# (Equations are numbered as in the library's code, so the numbers don't run in order here.) Count: J unknowns, J equations. That is why $\theta_2$ can be held
# while $\delta$ is found, market by market.

# %% [markdown] minutes=3 ask="Tastes spread out, delta stays. Do more consumers buy cereals, or fewer?"
# ### Why no formula
#
# In the logit all types have the same denominator, $S_j / S_0 = e^{\delta_j}$, and $\delta_j = \log S_j - \log S_0$. Here a share is an average of 20
# fractions with 20 denominators. They don't cancel.
#
# What if we use the logit's $\delta$ anyway?
#
# **Before you run the next cells:** observed inside shares sum to 0.445. Tastes differ now. Will the model's shares, at the logit's $\delta$, sum to
# less or to more?

# %% tags=["parameters"]
strength = 1.0                                           # tastes are so many times as strong

# %%
logit = np.log(S) - np.log(1 - S.sum())
wrong = blpteach.market_shares(logit, strength * mu, weights)
assert np.isclose(S.sum(), 0.445, atol=1e-3) and np.isclose(wrong.sum(), 0.560, atol=1e-3)
print(f"observed inside shares {S.sum():.3f}, model's at the logit's delta {wrong.sum():.3f}")

# %% [markdown]
# More. A small probability gains more from a util up than it loses from a util down, so spread raises its average. (With probabilities above one half it goes
# the other way.) And part of the rise is not spread at all: in this market the tastes of the 20 types don't average to zero. Take their mean out:

# %%
mean_taste = mu @ weights                                # (J,)
centred = blpteach.market_shares(logit, strength * (mu - mean_taste[:, None]), weights)
assert mean_taste.min() > 0 and np.isclose(centred.sum(), 0.521, atol=1e-3)
print(f"mean tastes {mean_taste.min():.2f} to {mean_taste.max():.2f}; inside shares without them {centred.sum():.3f}")

# %% [markdown]
# Two thirds of the rise remain. So $\delta$ must come down, by how much differs from product to product.

# %% [markdown] minutes=4 ask="The model sells too little of product j. What do you do with its delta, and by how much?"
# ### The contraction
#
# Compare the model's share with the observed one. If the model sells too little of $j$, raise $\delta_j$. By how much? In the logit, if all
# other products stayed put and $j$ were small, $\log s_j$ would move one for one with $\delta_j$. So raise it by the gap in logs:
#
# $$\delta_j \leftarrow \delta_j + \log S_j - \log s_j(\delta, \mu). \tag{2.1}$$
#
# This is the iteration of Berry, Levinsohn and Pakes. It takes three lines.

# %% tags=["parameters"]
rounds = 200
tolerance = 1e-13

# %%
delta = logit
for n in range(rounds):
    delta = delta + np.log(S) - np.log(blpteach.market_shares(delta, mu, weights))      # (2.1)

# %%
gap = abs(blpteach.market_shares(delta, mu, weights) - S).max()
moved = abs(delta - logit).max()
assert gap < 1e-14 and np.isclose(moved, 3.27, atol=0.01)
print(f"largest difference between shares {gap:.0e}, largest move from the logit {moved:.2f} utils")

# %% [markdown]
# The model's shares are the observed ones. If (2.1) stands still anywhere, it is there, since it adds nothing only where the shares agree.
#
# We won't guess 200 rounds again. The iteration should stop when $\delta$ stops changing. How large is a change? We measure the largest over products,
# relative to $|\delta_j|$ where that exceeds one. The *tolerance* is the change at which we stop: $10^{-13}$, three digits above the last one that the
# machine has.

# %% tags=["build"]
def log_contraction(shares, mu, weights):
    """(2.1): a function from delta (J,) to the next delta (J,)."""
    def update(delta):
        return delta + np.log(shares) - np.log(blpteach.market_shares(delta, mu, weights))
    return update                                        # (J,) -> (J,)


# %% tags=["build"]
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
# **Before you run the next cell:** we start at the logit's $\delta$, which is off by up to 3.3 utils. How many iterations until the change is below
# $10^{-13}$?

# %%
contraction = log_contraction(S, mu, weights)
delta, plain = iterate(contraction, logit, tolerance)
assert abs(len(plain) - 84) <= 3
plots.Convergence({"contraction": plain}, tolerance=tolerance)

# %% [markdown]
# 84 of them, soon on a straight line. The vertical axis is logarithmic: each iteration multiplies the change by the same number.

# %% [markdown] minutes=6 ask="When is the contraction slow: if buyers of a product would rather buy another one, or if they would rather buy nothing?"
# ### How fast, and what decides it
#
# Near the solution the map is linear. Let $\Delta$ be the error in $\delta$ before an iteration. By lesson 01 (1.7),
# $\partial \log s_j / \partial \delta_k = 1\{j = k\} - E[s_{ik} \mid i \text{ buys } j]$, an expectation over the types who buy $j$. Put that into (2.1): the
# ones cancel, and the error after the iteration is $A \Delta$ with
#
# $$A_{jk} = E[\, s_{ik} \mid i \text{ buys } j\,] = \sum_i \frac{w_i\, s_{ij}}{s_j}\, s_{ik}, \qquad
#   \text{rate} = \text{the largest } |\text{eigenvalue}| \text{ of } A. \tag{2.8}$$
#
# The largest absolute eigenvalue is called the spectral radius. After many iterations only the part of the error along its eigenvector is left, and
# each iteration multiplies that by the rate.
#
# $A$ is not symmetric. Are its eigenvalues real? Yes. $s_j A_{jk} = \sum_i w_i s_{ij} s_{ik}$ is symmetric and positive semidefinite. So with $D$ the
# diagonal matrix of shares, $D^{1/2} A D^{-1/2}$ is a symmetric matrix with the eigenvalues of $A$: they are real, and none is negative. The error does not
# swing from one side to the other.

# %% tags=["parameters"]
late = 20                                                # compare theory so many iterations before the end

# %% tags=["build"]
def contraction_rate(P, weights):
    """(2.8): the largest eigenvalue of A_jk = E[s_ik | i buys j], a number, from P (J, I)."""
    A = blpteach.buyers(P, weights) @ P.T                # (J, J)
    return abs(np.linalg.eigvals(A)).max()               # ()


# %%
P = blpteach.choice_probabilities(delta, mu)             # (J, I)
B = blpteach.buyers(P, weights)                          # (J, I)  w_i s_ij / s_j
A = B @ P.T                                              # (2.8)  (J, J)
rate = contraction_rate(P, weights)

# %%
seen = plain[-late] / plain[-late - 1]
assert np.isclose(rate, 0.7129, atol=2e-4) and np.isclose(seen, rate, atol=1e-4)
assert round(np.log(1e-13) / np.log(rate)) == 88
print(f"rate {rate:.4f}, and {seen:.4f} is seen; iterations predicted {np.log(1e-13) / np.log(rate):.0f}")

# %%
histories, rates = {"contraction": plain}, {"contraction": rate}
plots.Convergence(histories, rates, "Does the rate predict the slope? Yes", tolerance=tolerance)

# %% [markdown]
# The dashed line is drawn a little above the path. They are parallel: theory and iteration agree. So the number of iterations is no accident. To come from a
# change of one to $10^{-13}$ takes about $\log 10^{-13} / \log 0.713 = 88$ of them.
#
# What is the rate, in words? Row $j$ of $A$ sums to $1 - E[s_{i0} \mid i \text{ buys } j]$, the probability that a type who buys $j$
# would buy some inside good if it chose anew. Since all elements of $A$ are positive, the largest eigenvalue lies between the smallest and the largest row sum
# (Perron and Frobenius).
#
# All row sums are below one, and this is why the iteration contracts, not only near the solution. At any $\delta$ the Jacobian of the map is such a matrix.
# By the mean value theorem the largest error after an iteration is at most the error before, times the largest row sum on the way to the solution. So no
# iterate is farther from the solution than the first, and on this bounded set the row sums stay away from one.

# %% [markdown]
# There are bounds that need no eigenvalue. With weights that sum to one, and $E$ without a condition over all types,
#
# $$1 - s_0 \;\le\; \frac{E[(1 - s_{i0})^2]}{1 - s_0} \;\le\; \text{rate} \;\le\; \max_j \big(1 - E[s_{i0} \mid i \text{ buys } j]\big).$$
#
# The last bound is the largest row sum. The second expression is the average of the row sums with weights $s_j$, the probability that a buyer of *any* inside
# good would buy one again. It is a Rayleigh quotient of the symmetric matrix $D^{1/2} A D^{-1/2}$, at the vector with elements $\sqrt{s_j}$, and no Rayleigh
# quotient exceeds the largest eigenvalue. And it exceeds $1 - s_0$ by $\mathrm{Var}(s_{i0}) / (1 - s_0)$.
#
# So at a given outside share, the more types differ in *whether they buy at all*, the higher is this floor under the rate. Tastes that only decide *which*
# inside good to buy leave the rate at $1 - s_0$, the logit's.

# %%
s_i0 = 1 - P.sum(0)                                      # (I,)
s_0 = weights @ s_i0
bounds = [1 - s_0, weights @ (1 - s_i0) ** 2 / (1 - s_0), rate, A.sum(1).max()]
assert np.allclose(bounds, [0.4448, 0.6371, 0.7129, 0.8781], atol=2e-4)
assert np.isclose(bounds[1] - bounds[0], (weights @ s_i0**2 - s_0**2) / (1 - s_0))
pd.Series(bounds, ["1 - s_0", "buyers of any inside good", "rate", "largest row sum"]).round(4)

# %% [markdown] minutes=4 ask="Nine households of ten buy no car. Is the contraction fast for automobiles?"
# ### Ten to twenty iterations?
#
# One reads that the contraction takes 10 to 20 iterations. Count them in all 94 cereal markets. One call inverts the whole stack; its
# `residuals` are the changes, iteration by market. (`method="exp"` is the same map, computed faster, and `corrected=False` switches off an improvement.
# We come to both.)

# %% tags=["parameters"]
tolerance = 1e-13

# %%
def count(block, Gamma):
    """Outside share observed and among the types, rate and iterations, by market: four (B,)."""
    mu = blpteach.taste_deviations(block.X2, block.tastes, Gamma)
    found = blpteach.invert_shares(block.shares, mu, block.weights, method="exp", corrected=False,
                                   tolerance=tolerance)
    P = blpteach.choice_probabilities(found.delta, mu)
    inside, iterations = block.shares.sum(1), 1 + (found.residuals > tolerance).sum(0)
    rates = blpteach.contraction_rate(P, block.weights)
    return 1 - inside, 1 - inside / block.weights.sum(1), rates, iterations


def describe(counts):
    names = "outside share", "among the types", "rate", "iterations"
    return pd.DataFrame(dict(zip(names, counts))).agg(["mean", "min", "max"]).round(3)


# %% [markdown]
# **Before you run the next cell:** the rate of the first market was 0.713. Will any of the 94 need fewer than 20 iterations?

# %%
cereals = count(stack, Gamma)
assert abs(cereals[3].mean() - 84) < 3 and abs(cereals[3].max() - 153) < 5 and cereals[3].min() > 20
describe(cereals)

# %% [markdown]
# And the automobiles of Berry, Levinsohn and Pakes, at their published parameters (with price over income in place of their $\log(\text{income} -
# \text{price})$, as is customary)? In a year 89 % of the households buy none of the cars, so $1 - S_0$ is about 0.11.
#
# One thing is special. Their 200 types are draws from consumers who are likely to buy a car, with importance-sampling weights, and these weights sum to 0.154.
# The missing 0.846 buy nothing in this model: they are part of the observed outside share, but of no type's choice. So compare like with like.
# Of the types' mass $\sum_i w_i$ the inside goods get $\sum_j S_j$, and the outside share *among the types* is $1 - \sum_j S_j / \sum_i w_i$.
#
# **Before you run the next cells:** will the automobiles need fewer iterations than the cereals, or more?

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
describe(automobiles)

# %%
assert abs(automobiles[3].mean() - 206) < 6 and automobiles[2].min() > 0.83
assert np.allclose([x.mean() for x in automobiles[:3]], [0.892, 0.300, 0.866], atol=2e-3)
plots.HowMany({"cereals": cereals, "automobiles": automobiles}, tolerance=tolerance)

# %% [markdown]
# > **A common error.** "The contraction takes 10 to 20 iterations." At a tolerance of $10^{-13}$ no market here is in the grey band. The
# > cereals take 84 on average, at worst 153. The automobiles take 206 on average.
#
# The left panel holds the surprise. The observed outside share of the automobiles (hollow) is large, and still their rate is above 0.83. Two steps explain
# it. Among the types the outside share is only 0.30 on average (filled): the inequality above, with everything divided by $\sum_i w_i$, puts the rate above
# 0.70 on average. And the types differ in whether they buy. What does a buyer of some car do, choosing anew? In the first year:

# %%
year = autos.blocks[0][0]
mu_year = blpteach.taste_deviations(year.X2, year.tastes, Gamma_autos)
delta_year = blpteach.invert_shares(year.shares, mu_year, year.weights).delta
buys = blpteach.choice_probabilities(delta_year, mu_year).sum(0)         # (I,)  1 - s_i0
again = year.weights @ buys**2 / (year.weights @ buys)   # average over buyers of any car
assert 0.8 < again < 0.9
print(f"would buy some car again with probability {again:.2f}")

# %% [markdown]
# What counts is the outside share *of buyers*, and theirs is small.

# %% [markdown] minutes=2 ask="The last change was one millionth. How far away is the solution?"
# ### A small change is not a small error
#
# We stop when the change is below a tolerance. What we want is a small error. If errors shrink by the factor `rate`, then
# $\Delta_n = \text{rate} \cdot \Delta_{n-1}$, the change is $\Delta_{n} - \Delta_{n-1}$, and
#
# $$|\text{error}| \approx |\text{change}| \cdot \frac{\text{rate}}{1 - \text{rate}} .$$
#
# **Before you run the next cells:** the rate is 0.713. How much larger than the change is the error?

# %% tags=["parameters"]
tolerances = 1e-2, 1e-4, 1e-6

# %%
rows = {}
for limit in tolerances:
    stopped, changes = iterate(contraction, logit, limit)
    rows[limit] = changes[-1], largest_change(stopped, delta), changes[-1] * rate / (1 - rate)
table = pd.DataFrame(rows, ["last change", "error", "predicted"]).T.rename_axis("tolerance")
assert np.allclose(table["error"], table["predicted"], rtol=0.03)
table.map("{:.1e}".format)

# %%
factor, per_digit = rate / (1 - rate), np.log(0.1) / np.log(rate)
assert np.allclose([factor, per_digit], [2.48, 6.80], atol=0.02)
print(f"error over change {factor:.2f}; iterations for a further digit {per_digit:.1f}")

# %% [markdown]
# At a rate of 0.99 the factor is 99, and a tolerance of $10^{-4}$ means an error of $10^{-2}$. Tight tolerances cost little: by the straight line, each further
# digit takes seven iterations here.

# %% [markdown] minutes=3 ask="Which exponentials does an iteration of the contraction compute that it computed before?"
# ### The same map with fewer exponentials
#
# An iteration as written computes $J \times I$ exponentials of $\delta_j + \mu_{ij}$. But $\mu$ does not change. Compute $e^{\mu_{ij}}$ once, and with
#
# $$c_i = \frac{w_i}{1 + \sum_m e^{\delta_m} e^{\mu_{im}}} \qquad\text{the share is}\qquad s_j = e^{\delta_j} \sum_i e^{\mu_{ij}} c_i .$$
#
# In (2.1) the $\delta_j$ then cancels:
#
# $$\delta_j \leftarrow \log S_j - \log \sum_i e^{\mu_{ij}}\, c_i . \tag{2.2}$$

# %% tags=["parameters"]
few, many = 100, 800                                     # products, for a measurement of time

# %% tags=["build"]
def exp_map(delta, expmu):
    """(2.2): from delta (J,) to the next, with our market's S, weights; expmu = exp(mu), (J, I)."""
    c = weights / (1 + np.exp(delta) @ expmu)            # (I,)
    return np.log(S) - np.log(expmu @ c)                 # (J,)


# %%
expmu = np.exp(mu)                                       # (J, I), once
apart = abs(exp_map(logit, expmu) - contraction(logit)).max()
assert apart < 1e-13
print(f"largest difference to (2.1): {apart:.0e}")

# %% [markdown]
# An iteration is two products of a matrix and a vector, with $J I$ multiplications each, and $J$ exponentials and logarithms.
#
# > **A common error.** "An iteration costs $T J^2 I$ operations." In T markets the contraction costs $T J I$: double the number of products and
# > the time doubles. The next cell makes products eight times as many and measures. $J^2$ would ask for a factor of 64. Squares and
# > cubes of J come with the Jacobian and with solving, which are Newton's (below).

# %%
from timeit import repeat
seconds = {}
for products in (few, many):
    made_up = np.random.default_rng(0).normal(size=(products, 500))
    even = np.full(products, 0.5 / products), made_up, np.full(500, 1 / 500)
    update = blpteach.exp_contraction(*even)
    start_at = np.zeros(products)
    seconds[products] = min(repeat(lambda: update(start_at), number=5, repeat=15))
assert seconds[many] / seconds[few] < 40
print(f"{many // few} times the products: {seconds[many] / seconds[few]:.0f} times the time, here and today")

# %% [markdown] minutes=3 ask="One consumer likes every cereal by 800 utils more than the others do. What is exp of that?"
# ### Where exponentials fail
#
# The price of (2.2): it works with $e^{\delta}$ and $e^{\mu}$ themselves. A number in double precision ends at $e^{709}$ above; beyond that is
# infinity. It ends at $e^{-745}$ below; beyond that is zero. A search that tries wild parameters gets there. Two cases:
#
# - **Overflow.** One type likes every cereal by 800 utils more. This type always buys, and that is all: its probabilities are numbers between 0 and 1.
# - **Underflow.** A demographic that acts on the constant is not net of its mean, and every $\mu_{ij}$ is lower by 2,000. Nothing has changed in substance. The
#   solution is $\delta + 2000$.
#
# **Before you run the next cells:** which of the two does your `exp_map` survive? And (2.1), in logarithms?

# %% tags=["parameters"]
one_type, everybody = 800, -2000                         # utils added to mu of one type, of all
stronger = 200                                           # tastes are so many times as strong

# %%
far_out, low = mu.copy(), mu + everybody
far_out[:, 0] += one_type
with np.errstate(all="ignore"):
    print("overflow: ", exp_map(logit, np.exp(far_out))[:3])
    print("underflow:", exp_map(logit, np.exp(low))[:3])

# %% [markdown]
# Overflow: $e^{\mu} = \infty$, its weight $c_i$ is 0, and infinity times zero is not a number. Underflow: every $e^{\mu}$ is 0, the logarithm of 0 is minus
# infinity, and $\delta$ jumps to plus infinity. Now the library's ways. In its `exp` numerator and denominator of each type are divided
# by the type's largest $e^{\mu_{ij}}$, or by the outside good's 1 if that is larger.

# %%
survives = {(case, method): bool(blpteach.invert_shares(S, tastes, weights, method=method).converged)
            for case, tastes in (("one type + 800", far_out), ("all - 2000", low))
            for method in ("log", "exp", "newton", "default")}
assert list(survives.values()) == 4 * [True] + [False, False, True, True]
pd.Series(survives, name="converged").unstack()[["log", "exp", "newton", "default"]]

# %%
found = blpteach.invert_shares(S, low, weights)
assert found.converged and np.allclose(found.delta + everybody, delta, atol=1e-9)
found

# %% [markdown]
# The logarithm of a share and the scaled `exp` survive the overflow. They don't survive the underflow: the shares themselves are 0 at the starting values.
# Newton's method in the library computes $\log s_j$ without ever computing $s_j$, and the default hands over to it what the exponentials could not solve. An
# inversion that fails says so.
#
# There are limits: make the tastes themselves 200 times as strong, and hardly any type is in doubt about what it buys.

# %%
hopeless = blpteach.invert_shares(S, stronger * mu, weights)
assert not hopeless.converged
hopeless

# %% [markdown]
# What matters is that it says so. The search of lesson 04 treats such parameters as bad and goes elsewhere.

# %% [markdown] minutes=4 ask="Every type nearly always buys something. All deltas rise by one util. Which share moves most, in logarithms?"
# ### Listen to the outside good
#
# When is the contraction slow? Take a market where every type nearly always buys, so that the outside share is 2 %. Raise *all* $\delta_j$ by one util.
# Buyers go on buying inside goods, in about the same proportions. Inside shares hardly move, so (2.1) sees hardly a gap. The common level of $\delta$ is the
# slow direction.
#
# One share does move: the outside good's. Let $w_i s_{i0} / s_0$ be the weights of those who buy nothing. Then (1.7) holds for the outside good too,
# $\partial \log s_0 / \partial \delta_k = -E[s_{ik} \mid i \text{ buys nothing}]$. One util more for all goods lowers $\log s_0$ by $E[1 - s_{i0} \mid i
# \text{ buys nothing}]$, here nearly one. So $s_0$ says how far the level is off, and Fukasawa (2024) adds it to the map:
#
# $$\delta_j \leftarrow \delta_j + \big(\log S_j - \log s_j(\delta)\big) - \big(\log S_0 - \log s_0(\delta)\big). \tag{2.3}$$
#
# At the solution both brackets are zero, so the fixed point is the same. In the logit $\log s_j - \log s_0 = \delta_j$, the right side is
# $\log S_j - \log S_0$ wherever we start, and one step is exact.
#
# The picture has two products. Along the solid curve product 1 has its observed share, along the dashed one product 2. The star, where they cross, is the
# solution.
#
# **Before you run the next cells:** both maps start at $\delta = 0$ and take 20 steps. How will the two paths look?

# %% tags=["parameters"]
outside_share = 0.02

# %%
plots.Valley(outside_share=outside_share)

# %% [markdown]
# The two curves are nearly parallel. The contraction walks up the narrow valley in ever smaller steps. The curve of the outside share crosses the valley
# squarely, and with it the corrected map arrives.
#
# In code the correction is one more term. The model's outside share is the sum of the $c_i$. The observed one is $\sum_i w_i - \sum_j S_j$, which is $S_0$
# where weights sum to one. For the automobiles it is like with like: what the types leave to the outside good.

# %% tags=["build"]
def exp_contraction(shares, mu, weights, corrected=True):
    """(2.2), and corrected (2.3): a function from delta (J,) to the next delta (J,)."""
    expmu, observed_0 = np.exp(mu), weights.sum() - shares.sum()

    def update(delta):
        c = weights / (1 + np.exp(delta) @ expmu)        # (I,)
        gap_0 = np.log(observed_0) - np.log(c.sum())     # log S_0 - log s_0
        return np.log(shares) - np.log(expmu @ c) - (gap_0 if corrected else 0)
    return update                                        # (J,) -> (J,)


# %% [markdown]
# What does it gain? By the derivative of $\log s_0$, the Jacobian of (2.3) is $A_{jk} - E[s_{ik} \mid i \text{ buys nothing}]$. The outside good's row is
# subtracted from every row.
#
# Can the correction be slower near the solution? No. Let $A$ have a row and a column more, for the outside good. This larger matrix has an eigenvalue 1, since its rows
# sum to one, and subtracting one row from the others removes exactly that eigenvalue. So the corrected rate is its *second* largest eigenvalue. And when a
# row and a column are added to a symmetric matrix, the second largest eigenvalue of the new one is at most the largest of the old (interlacing). The old
# one's is the rate of (2.1).
#
# And far away? Write down the errors before an iteration, with a 0 for the outside good. At any $\delta$ the rows of the larger matrix are positive and sum
# to one. So it replaces each error by an average of all, which brings the largest and the smallest closer together, and then all are shifted so that the
# outside good's is 0 again. The range of the errors shrinks in every iteration: the corrected map, too, converges from anywhere.
#
# The library's `contraction_rate` has an argument `corrected`, which subtracts the row.
#
# **Before you run the next cell:** in the cereal market the contraction took 84 iterations. How many will the corrected map take? And how many in a logit?

# %%
corrected_map = exp_contraction(S, mu, weights)
delta_c, corrected = iterate(corrected_map, logit)
rate_c = float(blpteach.contraction_rate(P, weights, corrected=True))
moves = weights @ (s_i0 * (1 - s_i0)) / s_0              # E[1 - s_i0 | i buys nothing]
assert np.allclose(delta_c, delta, atol=1e-11) and abs(len(corrected) - 52) <= 3
assert np.allclose([rate_c, moves], [0.5696, 0.291], atol=5e-4)
print(f"one util for all lowers log s_0 by {moves:.2f}; corrected rate {rate_c:.4f}")

# %%
histories["corrected"], rates["corrected"] = corrected, rate_c
plots.Convergence(histories, rates, "What does the outside good contribute? A better rate")

# %% [markdown]
# 52 instead of 84; in a logit it would be one, and a second to see that nothing changes. Here a common util lowers $\log s_0$ by 0.29 and not by one: many of
# those who buy nothing would nearly always buy nothing. The correction helps, but it is not exact.

# %% [markdown] minutes=4 ask="Each change is 0.57 times the one before. How long is the whole way that is left?"
# ### Two steps and a leap: SQUAREM
#
# A straight line on that axis is a promise. If each change is `rate` times the one before, the rest of the way is a geometric series, and we can jump to its
# end. Let $f$ be the map. Two steps from $\delta$ give a change and a change of the change,
#
# $$r = f(\delta) - \delta, \qquad v = f(f(\delta)) - 2 f(\delta) + \delta .$$
#
# With one product, $v = (\text{rate} - 1)\, r$. So $a = |r| / |v| = 1 / (1 - \text{rate})$ is the sum of the series, and the whole way is $a\, r$. Since $v =
# -r / a$, this is also $2 a\, r + a^2 v$. With many products there are many rates, and $a$ is a compromise. Then the two forms differ.
# Varadhan and Roland (2008) recommend the second, and we compare them below:
#
# $$\delta \leftarrow \delta + 2 a\, r + a^2 v, \qquad a = \max(1, |r| / |v|). \tag{2.4}$$
#
# The part of the error that the map would multiply by an eigenvalue $\lambda$ is multiplied by $(1 - a (1 - \lambda))^2$: the leap $a\, r$, applied twice,
# hence *squared* extrapolation. With $a = 1$ this is $\lambda^2$, the plain second step.

# %% tags=["parameters"]
tolerance = 1e-13

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


# %% [markdown]
# **Before you run the next cell:** an iteration of SQUAREM computes the map twice. The corrected map alone took 52 evaluations. How many will this take?

# %%
delta_s, leaps = squarem(corrected_map, logit, tolerance)
assert np.allclose(delta_s, delta, atol=1e-11) and abs(2 * len(leaps) - 20) <= 4
histories["SQUAREM"] = leaps
gain = f"What do leaps gain? {2 * len(leaps)} evaluations instead of {len(corrected)}"
plots.Convergence(histories, rates, gain, tolerance=tolerance)

# %% [markdown]
# Each triangle is two evaluations. No straight line any more: each leap uses another $a$, and shrinks other parts of the error most.
#
# **Before you run the next cell:** it takes the first form, $\delta \leftarrow \delta + a\, r$. Will it need fewer than 20 evaluations, or more?

# %%
point, changes = logit, [1.0]
while changes[-1] > tolerance and len(changes) < 500:
    one = corrected_map(point)
    two = corrected_map(one)
    changes.append(largest_change(two, one))
    r, v = one - point, two - 2 * one + point
    point = point + max(1, np.sqrt(r @ r / (v @ v + 1e-300))) * r
single = 2 * len(changes[1:])
assert np.allclose(two, delta, atol=1e-11) and 1.5 * len(corrected) > single > 3 * len(leaps)
print(f"{single} evaluations with single leaps, {2 * len(leaps)} with squared ones")

# %% [markdown]
# More, about as many as with no leap at all.

# %% [markdown] minutes=4 ask="Newton doubles the correct digits with each step. How many steps from one digit to thirteen?"
# ### Newton
#
# We know all derivatives of log shares. Newton's method solves the linearised equations exactly at each step:
#
# $$\delta \leftarrow \delta + \left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \big(\log S - \log s(\delta)\big). \tag{2.5}$$
#
# The contraction (2.1) is this with the identity in place of the Jacobian.

# %% tags=["parameters"]
far_away = 8.0                                           # a bad start, for every product
longest = 2.0                                            # utils, a limit on a step

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
# **Before you run the next cell:** how many steps of (2.5), from the logit's $\delta$, until the largest gap between log shares is below $10^{-13}$?

# %%
delta_n, gaps = newton_steps(logit)
assert np.allclose(delta_n, delta, atol=1e-11) and gaps[4] < 1e-8 and gaps[5] < 1e-13
[f"{gap:.0e}" for gap in gaps]

# %% [markdown]
# Five. Look at the exponents. Each step about doubles the number of correct digits: the error after a step is proportional to the *square* of the error before.
#
# That is so near the solution. Far away the full step is a gamble. Start at $\delta = 8$ for all products, where nearly everybody buys. The Jacobian
# is nearly singular, since a common shift of $\delta$ hardly moves an inside share. Dividing by nearly nothing gives an enormous step.
#
# **Before you run the next cell:** the same start, with full steps, and with steps of at most two utils for any product. Which arrives?

# %%
with np.errstate(all="ignore"):
    _, full = newton_steps(np.full(24, far_away), rounds=4)
_, clipped = newton_steps(np.full(24, far_away), longest, rounds=13)
assert not np.isfinite(full[1]) and clipped[12] < 1e-13
print("full steps:   ", [f"{gap:.0e}" for gap in full])
print("clipped:      ", [f"{gap:.0e}" for gap in clipped[::2]], "(every second)")

# %% [markdown]
# Full steps diverge. Clipped steps walk to the neighbourhood where Newton is quick. The library's Newton does a little more: the limit doubles after a
# success. A step that brings delta no closer is taken back and tried at a quarter of the length, and a market in which that happens too often is given up.
#
# A step of Newton costs more than one of the contraction: $J^2 I$ for the Jacobian and $J^3$ for the solve.

# %% [markdown] minutes=2 ask="Which of these ways would you take for 200 products, and which for a market with an outside share of one in a million?"
# ### One call
#
# The library's functions have a leading axis for markets. Otherwise they are your lines.

# %%
blpteach.show(blpteach.log_contraction)
blpteach.show(blpteach.exp_contraction)

# %% [markdown]
# `k` is your `c`. `vecmat`, `matvec`, `vecdot` are products with vectors for stacks of markets. `top` is the largest $\mu_{ij}$ of a type, the outside good's 0 included;
# numerator and denominator are divided by its exponential, the scaling that survived the overflow. `observed_outside` is $\sum_i w_i - \sum_j S_j$.

# %%
blpteach.show(blpteach.inversion.squarem)
blpteach.show(blpteach.inversion.by_default)
blpteach.show(blpteach.inversion.go_on)

# %% [markdown]
# `by_default` is what every estimate of this course runs: SQUAREM on the corrected map, then Newton for the markets that are left. `limits` caps SQUAREM's
# iterations, by default at 100. `wild` marks markets with some $|\mu_{ij}|$ of 500 or more, whose exponentials are not to be trusted. `LONGEST_LEAP` is a
# million. After ten iterations SQUAREM goes on in the markets that are left alone, and `go_on` hangs what comes later behind the residuals of the others.
#
# All 94 markets at once, then by every method. Iterations are those of the slowest market.

# %%
mu_all = blpteach.taste_deviations(stack.X2, stack.tastes, Gamma)        # (94, 24, 20)
blpteach.invert_shares(stack.shares, mu_all, stack.weights)

# %%
ways = {"contraction": ("exp", False), "corrected": ("exp", True),
        "SQUAREM, plain map": ("squarem", False), "SQUAREM, corrected": ("squarem", True),
        "Newton": ("newton", True), "default": ("default", True)}
data = stack.shares, mu_all, stack.weights
found = {name: blpteach.invert_shares(*data, method=method, corrected=corrected_too)
         for name, (method, corrected_too) in ways.items()}
exact = found["Newton"].delta                            # (94, 24)
differences = {name: abs(way.delta - exact).max() for name, way in found.items()}

# %%
assert max(differences.values()) < 1e-11 and all(way.converged.all() for way in found.values())
pd.DataFrame({"iterations": {name: way.iterations for name, way in found.items()},
              "difference to Newton": {name: f"{gap:.0e}" for name, gap in differences.items()}})

# %% [markdown]
# They agree to $10^{-11}$. (An iteration of SQUAREM is two of the map.) Which to use when:
#
# - **The plain contraction**: where the rate is below about 0.5, or to check another way. It always converges.
# - **The corrected map**: in place of the plain one. It costs one sum more, it always converges, and near the solution it is never slower.
# - **SQUAREM on the corrected map**: the default. There is no guarantee: a leap may overshoot. So look at `converged`.
# - **Newton with clipped steps**: few products, tiny outside shares, extreme $\mu$. Expensive where products are in the hundreds.
#
# On the first market they agree with yours:

# %%
mine = {"contraction": delta, "corrected": delta_c,
        "SQUAREM, corrected": delta_s, "Newton": delta_n}
assert all(np.allclose(found[name].delta[number], yours, atol=1e-11) for name, yours in mine.items())
same = found["contraction"].residuals[:80, number]
assert np.allclose(same, plain[:80], rtol=0.01, atol=1e-14)
blpteach.invert_shares(S, mu, weights)

# %% [markdown] minutes=2 ask="A product was not sold in a market. What is its delta?"
# ### One solution, or none
#
# Could there be two different $\delta$ with the same shares? Suppose there are, $\delta$ and $\delta'$. Along the straight line between them, $0 = \log
# s(\delta) - \log s(\delta') = M (\delta - \delta')$, where $M$ is the average of the Jacobian (1.7) over the line. At every point that Jacobian has positive
# diagonal and negative other elements, and its row $j$ sums to $E[s_{i0} \mid i \text{ buys } j] > 0$. The average has these properties too. So $M$ is
# strictly diagonally dominant, hence invertible, and $\delta = \delta'$.
#
# Uniqueness needs the outside good. Without one, all $\delta$ could be shifted together.

# %% tags=["parameters"]
unsold = 3                                               # a product, to be without sales
blown_up = 2.3                                           # all shares times this

# %%
J_log = blpteach.log_share_jacobian(P, B)                # (J, J)
assert (J_log.sum(1) > 0).all() and (J_log[~np.eye(24, dtype=bool)] < 0).all()
print(f"row sums from {J_log.sum(1).min():.3f} to {J_log.sum(1).max():.3f}")

# %% [markdown]
# And with weights that sum to one, a solution exists whenever all shares and the outside good's are positive (Berry 1994; BLP 1995). But only then. The model
# gives every product and the outside good a positive probability. Shares that are zero, or that leave nothing for the outside good, are out of its reach at
# any $\delta$. (With other weights, as for the automobiles, the shares must sum to less than the weights.)
# The library refuses them. Its message names the cheapest way out, which is not always the best: see below.

# %%
no_sales = S.copy()
no_sales[unsold] = 0
for shares in (no_sales, blown_up * S):
    try:
        blpteach.invert_shares(shares, mu, weights)
    except blpteach.InputError as error:
        print(error, "\n")

# %% [markdown]
# The functions of a step know markets by number; a single one is number 0. `Problem` looks at the whole table before anything is computed, knows names,
# and says more. Here are shares of total sales, which sum to one, in the first market:

# %%
table = problem.products.copy()
first = table["market_ids"] == "C01Q1"
table.loc[first, "shares"] /= table.loc[first, "shares"].sum()
try:
    blpteach.Problem(table, linear="0 + prices", absorb="product_ids")
except blpteach.InputError as error:
    print(error)

# %% [markdown]
# Zeros are a problem of economics, not of programming. In the population a product that nobody in the sample bought has a share and a $\delta$; the sample
# was too small to show them. Dropping it selects products that had luck, and adding a small number to its share makes up a $\delta$. Gandhi, Lu and Shi
# (2023) treat the problem.

# %% [markdown] minutes=4 ask="Tastes for sugar spread out. Do sweet cereals need more mean utility to keep their shares, or less?"
# ### How delta moves with the parameters
#
# Lesson 04 searches over $\theta_2$ and needs $\partial \delta / \partial \theta_2$. No derivative of 84 iterations is required. Shares stay put
# while $\theta_2$ moves: $\log s(\delta(\theta_2), \theta_2) = \log S$. Differentiate both sides:
#
# $$\frac{\partial \log s}{\partial \delta}\, \frac{\partial \delta}{\partial \theta_2} + \frac{\partial \log s}{\partial \theta_2} = 0
#   \quad\Longrightarrow\quad
#   \frac{\partial \delta}{\partial \theta_2} = -\left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \frac{\partial \log s}{\partial \theta_2}. \tag{2.7}$$
#
# This is the implicit function theorem. The first factor is (1.7). The second is an expectation over buyers (exercise 1.6): for an element of `Gamma` that
# lets the taste $v_{il}$ of `tastes` act on characteristic $k$,
#
# $$\frac{\partial \log s_j}{\partial \Gamma_{kl}} = E\Big[\, v_{il} \Big(x_{2jk} - \sum_m s_{im}\, x_{2mk}\Big) \,\Big|\, i \text{ buys } j \Big].$$
#
# In code, `rows` and `columns` (13,) say for each parameter which characteristic $k$ (row of `Gamma`) and which taste $l$ (column) it joins.

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
free = problem.free(start["sigma"], start["pi"])       # which 13 elements of Gamma are searched
jacobian = delta_jacobian(P, B, market.X2, market.tastes, free.rows, free.columns)
library = blpteach.delta_jacobian(P, B, market.X2, market.tastes, free.rows, free.columns)
assert np.allclose(jacobian, library) and jacobian.shape == (24, 13)
blpteach.show(blpteach.delta_jacobian)

# %% [markdown]
# Here is one parameter, the standard deviation $\sigma$ of the taste for sugar, on a path from $-0.5$ to 0.5. Every point of a curve is an inversion. The
# thin black lines touch at 0.2 and have the slopes of (2.7).
#
# **Before you run the next cell:** as tastes for sugar spread out, do the sweet cereals need more mean utility to keep their shares, or less? And F6B18,
# which has no sugar?

# %%
ids = list(problem.products["product_ids"][:24])
shown = [ids.index(name) for name in ("F3B06", "F2B19", "F3B14", "F6B18")]
labels = {f"{ids[j]}: {market.X2[j, 2]:.0f} g sugar": j for j in shown}
row, column = 2, 2                                       # of Gamma: sigma on sugar
plots.Tangents(market, Gamma, row, column, labels, np.linspace(-0.5, 0.5, 41),
               "sigma on sugar (utils per gram)", value=touch)

# %% [markdown]
# Less, since their enthusiasts buy them anyway. Even F6B18 needs less. Spread alone would cost it buyers. But the $\delta$ of its rivals come down, and
# without a change of its own that would bring it more than it lost. The two effects on $\log s_{F6B18}$, per unit of $\sigma$ at 0.2:

# %%
spread = Gamma.copy()
spread[row, column] = touch
mu_touch = blpteach.taste_deviations(market.X2, market.tastes, spread)
P_touch = blpteach.choice_probabilities(blpteach.invert_shares(S, mu_touch, weights).delta, mu_touch)
J_touch = blpteach.log_share_jacobian(P_touch, blpteach.buyers(P_touch, weights))

# %%
slopes = delta_jacobian(P_touch, blpteach.buyers(P_touch, weights), market.X2, market.tastes,
                        [row], [column])[:, 0]           # (J,)
j = ids.index("F6B18")
own = J_touch[j, j] * slopes[j]                          # its own delta
rivals = J_touch[j] @ slopes - own                       # the deltas of its rivals
assert np.allclose([-own - rivals, rivals], [-0.20, 1.25], atol=0.01)
print(f"spread {-own - rivals:.2f}, rivals' lower delta {rivals:.2f}, its own delta {own:.2f}: sum 0")

# %% [markdown]
# A negative $\sigma$ is not the mirror image of a positive one: with 20 nodes the draws are lopsided.

# %% [markdown] minutes=4 ask="A sweet cereal gets cheaper. Who loses the largest part of its buyers: a sweet rival, one without sugar, or the outside good?"
# ### The halved price again
#
# Now we can ask the question of lesson 00 in a model that reproduces the market exactly. F2B19 goes to half its price.
#
# Price enters twice. It is a column of `X1`, so $\delta$ moves by $\beta_{price}$ times the change. And it is a column of `X2`, so each type's
# $\mu_{ij}$ moves as well. At the starting values $\beta_{price} = -28.19$ utils a dollar. (Lesson 03 says where it comes from. Here `evaluate` gives it.)
#
# **Before you run the next cells:** in a logit every rival, and the outside good, loses the same part of its buyers. F2B26 is as sweet as F2B19. F6B18
# has no sugar. Which of these three will lose the largest part now, and which the smallest?

# %% tags=["parameters"]
product = "F2B19"
price_factor = 0.5

# %%
beta_price = problem.evaluate(**start).beta[0]
cheap = ids.index(product)
X2_cut, delta_cut = market.X2.copy(), delta.copy()
X2_cut[cheap, 1] *= price_factor                         # column 1 of X2 is price
delta_cut[cheap] += beta_price * (X2_cut[cheap, 1] - market.X2[cheap, 1])
mu_cut = blpteach.taste_deviations(X2_cut, market.tastes, Gamma)
after = blpteach.market_shares(delta_cut, mu_cut, weights)
assert np.isclose(beta_price, -28.19, atol=0.01) and np.isclose(after[cheap], 0.334, atol=1e-3)
print(f"{product}: from {S[cheap]:.3f} to {after[cheap]:.3f}")

# %%
lost = pd.Series(1 - after / S, ids).drop(product)
lost_outside = 1 - (1 - after.sum()) / (1 - S.sum())
lost_logit = 1 - (1 - after[cheap]) / (1 - S[cheap])     # in a logit in which F2B19 gains as many
parts = {**lost.reindex(["F2B26", "F6B18"]), "outside good": lost_outside, "logit, same gain": lost_logit}
assert np.allclose(list(parts.values()), [0.350, 0.296, 0.230, 0.260], atol=2e-3)
pd.Series(parts).round(3)

# %%
others = np.arange(24) != cheap
sugar, mushy = market.X2[others, 2], market.X2[others, 3]
labels = [name if name in ("F2B26", "F6B18") else "" for name in lost.index]
Losses(sugar, labels, product, hollow=("mushy", mushy), logit=lost_logit, tastes=lost.to_numpy(),
       outside=lost_outside)

# %% [markdown]
# In a logit in which F2B19 gains as many buyers, everybody loses 26.0 % of its own. Here the outside good loses 23 % of its customers, less than any rival
# does: types who like cereals buy most of the cereals, and F2B19 wins them from other cereals. Rivals lose from 25 to 35 %. F2B19 is sweet and crisp. The
# five that lose least are mushy and hardly sweet:

# %%
table = pd.DataFrame({"lost": lost.round(3), "sugar": sugar, "mushy": mushy}).nsmallest(5, "lost")
assert np.allclose([lost.min(), lost.max()], [0.247, 0.354], atol=2e-3)
assert (lost > lost_logit).sum() == 18 and (table["mushy"] == 1).all() and table["sugar"].max() <= 4
table

# %% [markdown]
# It is a step in the right direction, and no more. At the *estimates*, lesson 01 found 52 % for F2B26 and 13 % for F6B18. Inversion makes any tastes
# consistent with the shares. Which tastes are right is another question, and it takes instruments (lesson 03) and a search (lesson 04).

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
# **Rates in every market.** Observed ratio of successive changes against (2.8), both maps. And in no market is the corrected rate larger.

# %%
P_all = blpteach.choice_probabilities(exact, mu_all)
theory = {name: blpteach.contraction_rate(P_all, stack.weights, name == "corrected")
          for name in ("contraction", "corrected")}      # (94,) each
assert (theory["corrected"] <= theory["contraction"]).all()

# %%
for name, rates_all in theory.items():
    residuals = found[name].residuals                    # (iterations, 94)
    last = (residuals > 1e-9).sum(0) - 1                 # the last change above 1e-9, by market
    ratio = residuals[last, np.arange(94)] / residuals[last - 1, np.arange(94)]
    off = abs(ratio - rates_all)
    assert np.median(off) < 2e-3 and off.max() < 0.1
    print(f"{name}: mean rate {rates_all.mean():.3f}, median difference {np.median(off):.0e}")

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

# %% [markdown]
# **Without random tastes it is the logit.** Shrink all tastes towards zero.

# %%
distances = {scale: abs(blpteach.invert_shares(S, scale * mu, weights).delta - logit).max()
             for scale in (1, 0.1, 0.01, 0)}
assert distances[0.01] < 0.03 and distances[0] < 1e-12
pd.Series(distances, name="largest distance to log S - log S0").rename_axis("mu times").round(4)

# %% [markdown] minutes=5 ask="The outside share goes from one half to one in ten thousand. Which method suffers most, and which least?"
# ## Play
#
# A race, in a made-up market of 20 products and 64 types, with $\delta = 0$ at the start for all.
#
# On the left is the path of each method. The horizontal axis counts how often the model's shares are computed, so an iteration of SQUAREM counts twice.
# Newton's computations also need the Jacobian. The contraction runs in two forms: (2.1) in logarithms, and (2.2) as you built it, with $e^{\mu}$. They are
# one map, so one path lies on the other. Beside the paths of the contraction and of the corrected map run dashed lines, whose slope is all that (2.8)
# predicts.
#
# On the right is the score: the rate, the number predicted, $\log(\text{tolerance}) / \log(\text{rate})$ (black), the number counted (bar), and the error
# that is left in $\delta$ at the stop. An empty bar was not waited for; the rate tells about how long it would be. The large number sets the
# contraction's count against that of the corrected map. Press play to watch the race step by step; stop shows its end.
#
# `sigma` is the standard deviation of two tastes, for the constant and for one characteristic. `tastes` lets $e^{\mu}$ leave the range of numbers: one type
# 800 utils higher, or all types 800 lower.

# %%
from blpteach.widgets.inversion import made_up_market, race

plots.Race(**made_up_market(), outside_share=0.01, sigma=1.0)

# %% [markdown]
# **Before you move anything:** take the outside share down from 0.5 to 0.0001. Which of the methods will notice, and which will hardly do so? Then set the
# outside share to 0.9, so that $1 - S_0$ is 0.1, and sigma to 5. Is the contraction fast now? Does the correction help? Last, let one type be 800 utils
# higher: which path disappears?

# %%
race()

# %% [markdown]
# - **the logit**: the corrected map arrives in one step, and the second confirms it.
# - **tiny outside good**: the contraction would need more than a hundred thousand steps. The corrected map needs about thirty.
# - **wild tastes, large outside good**: the rate is 0.86 with an outside share of 0.9. Here the correction hardly helps, because the slow direction is no
#   longer the common level. SQUAREM and Newton do.
# - **exp overflows**: (2.2) is lost at once; the same map in logarithms does not notice, and neither do the scaled exponentials of the corrected map and of
#   SQUAREM. With all types 800 lower, shares themselves are zero at the start, and only Newton, in logarithms throughout, arrives.
# - Take the **tolerance** to $10^{-4}$, with an outside share of 0.01. The contraction stops with an error of $10^{-2}$, a hundred times its last change. The
#   corrected map and SQUAREM are near $10^{-4}$.
# - And why is Newton's error in the static picture, near 1e-12, *larger* than the tolerance? It stops where shares agree to the last digit. At a rate of 0.99 the
#   inverse of the Jacobian magnifies what rounding leaves about $1 / (1 - 0.99) = 100$ times.

# %%
still = plots.Race(**made_up_market(), outside_share=0.01, sigma=1.0)    # the static picture
assert 1e-14 < abs(still.found["Newton"][0] - still.delta).max() < 1e-10
tiny = plots.Race(**made_up_market(), outside_share=1e-4, sigma=1.0)
wild = plots.Race(**made_up_market(), outside_share=0.9, sigma=5.0)
assert 1e5 < tiny.score("log form") < 4e5 and tiny.score("corrected") < 40
assert np.allclose([wild.rates["log form"], wild.rates["corrected"]], [0.856, 0.853], atol=2e-3)
over = plots.Race(**made_up_market(), tastes="one type +800")
under = plots.Race(**made_up_market(), tastes="all types -800")
names = list(over.found)
assert [name for name in names if not over.finished(name)] == ["exp form"]
assert [name for name in names if under.finished(name)] == ["Newton"]

# %%
loose = plots.Race(**made_up_market(), outside_share=0.01, sigma=2.0, tolerance=1e-4)
errors = {name: abs(loose.found[name][0] - loose.delta).max() for name in names}
assert all(loose.finished(name) for name in names)
assert 0.005 < errors["log form"] < 0.02 and 5e-5 < errors["corrected"] < 3e-4
pd.Series(errors, name="error at a tolerance of 1e-4").map("{:.0e}".format)

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
    """The change that means this error is error (1 - rate) / rate; a change is rate^n after n iterations."""
    return np.log(error * (1 - rate) / rate) / np.log(rate)


assert abs(iterations(0.713, 1e-13) - iterations(0.713, 1e-12) - 6.8) < 0.02          # per digit
print({rate: f"{iterations(rate, 1e-10):.0f} iterations" for rate in (0.5, 0.713, 0.99)})
assert blpteach.check("2.1", iterations)

# %% tags=["check"]
blpteach.check("2.1", iterations)

# %% [markdown]
# ### Exercise 2.2 · 10 minutes · medium
#
# The weights of the automobiles sum to less than one. Write one step of the corrected map (2.3) for such a market, in logarithms: from `delta` (J,), observed
# `shares` (J,), `mu` (J, I) and `weights` (I,) to the next delta (J,). Which two numbers are the observed and the model's outside share? Those who are no
# types buy nothing in both.

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
# \partial \sigma_0$ from the section on (2.7) until only $v_i$ and $s_{i0}$ are left in the expectation, and write $\partial \delta / \partial \sigma_0$ as a
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
# ## In practice
#
# PyBLP inverts shares too. By default it runs SQUAREM on the plain map. We give it Nevo's model at the same starting values, ask it to stay there, and let it
# use the plain contraction, so that its number of iterations can be compared with ours.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

# %%
if pyblp:
    products, agents = blpteach.load_cereal()
    X1 = pyblp.Formulation("0 + prices", absorb="C(product_ids)")
    X2 = pyblp.Formulation("1 + prices + sugar + mushy")
    demographics = pyblp.Formulation("0 + income + income_squared + age + child")
    theirs = pyblp.Problem((X1, X2), products, demographics, agents)

# %%
if pyblp:
    stay = pyblp.Optimization("return")                  # evaluate at the start, don't search
    plainly = pyblp.Iteration("simple", {"atol": 1e-13})
    there = theirs.solve(start["sigma"], start["pi"], method="1s", optimization=stay,
                         iteration=plainly, check_optimality="gradient")

# %%
if pyblp:
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
# What practice adds. Keep the inner tolerance near $10^{-13}$: a loose one makes $\delta$ a rough function of $\theta_2$, and searches that rely on
# derivatives go astray (Dubé, Fox and Su 2012). Look at whether all markets converged before you believe an objective. And report how zero shares and the
# market size were handled. No inversion, however fast, repairs these.

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
