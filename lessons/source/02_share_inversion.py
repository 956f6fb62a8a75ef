# %% [markdown]
# # 02. Which mean utilities explain the shares we see?
#
# **From shares back to mean utilities**
#
# *60 minutes. You need: econometrics through IV and GMM; numpy; eigenvalues. Lesson 01 helps: this lesson uses its market shares, its
# buyers and its derivatives. The module of this lesson is `blpteach/inversion.py`, Step 2.*

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
#
# ### One market, and parameters that somebody gives us
#
# Nevo's cereal data are artificial: he distributes them with his guide to the method. His guide also has starting values for the 13 nonlinear
# parameters $\theta_2 = (\Sigma, \Pi)$, which everybody uses. We take them as given. `problem.blocks[0]` stacks the 94 markets, `[0]` is the first of
# them, C01Q1.

# %%
problem, start = cereal()
Gamma = np.hstack([start["sigma"], start["pi"]])         # (K2, L + D): theta2
stack = problem.blocks[0]
market = stack[0]

# %%
S, weights = market.shares, market.weights               # (J,), (I,)
mu = blpteach.taste_deviations(market.X2, market.tastes, Gamma)          # (J, I)
print("J, I =", mu.shape, "  outside share", round(1 - S.sum(), 3))

# %% [markdown]
# - $S_j$ are the **observed** shares. Code: `S`, shape (J,), J = 24 products. $S_0 = 1 - \sum_j S_j$ is the outside good's.
# - $s_j(\delta, \mu)$ are the **model's** shares at mean utilities $\delta$ (`delta`, (J,)): averages of choice probabilities over I = 20 types
#   with weights $w_i$ (`weights`, (I,)). Code: `blpteach.market_shares(delta, mu, weights)`.
#
# We look for the $\delta$ that solves
#
# $$s_j(\delta, \mu) = S_j, \qquad j = 1, \dots, J. \tag{2.6}$$
#
# Count: J unknowns, J equations. That is why $\theta_2$ can be held while $\delta$ is found, market by market.

# %% [markdown]
# ### Why no formula
#
# In the logit all types have the same denominator, $S_j / S_0 = e^{\delta_j}$, and $\delta_j = \log S_j - \log S_0$. Here a share is an average of 20
# fractions with 20 denominators. They don't cancel.
#
# What if we use the logit's $\delta$ anyway?
#
# **Before you run the next cell:** observed inside shares sum to 0.445. Tastes differ now. Will the model's shares, at the logit's $\delta$, sum to
# less or to more?

# %%
logit = np.log(S) - np.log(1 - S.sum())
wrong = blpteach.market_shares(logit, mu, weights)
assert np.isclose(S.sum(), 0.445, atol=1e-3) and np.isclose(wrong.sum(), 0.560, atol=1e-3)
print(f"observed inside shares {S.sum():.3f}, model's at the logit's delta {wrong.sum():.3f}")

# %% [markdown]
# More. Whoever likes cereals now likes them a lot, and $\delta$ must come down. By how much differs by product.

# %% [markdown]
# ### The contraction
#
# Compare the model's share with the observed one. If the model sells too little of $j$, raise $\delta_j$. By how much? In the logit, if all
# other products stayed put and $j$ were small, $\log s_j$ would move one for one with $\delta_j$. So raise it by the gap in logs:
#
# $$\delta_j \leftarrow \delta_j + \log S_j - \log s_j(\delta, \mu). \tag{2.1}$$
#
# This is the iteration of Berry, Levinsohn and Pakes. It takes three lines.

# %%
delta = logit
for n in range(200):
    delta = delta + np.log(S) - np.log(blpteach.market_shares(delta, mu, weights))      # (2.1)

# %%
gap = abs(blpteach.market_shares(delta, mu, weights) - S).max()
moved = abs(delta - logit).max()
assert gap < 1e-14 and np.isclose(moved, 3.27, atol=0.01)
print(f"largest difference between shares {gap:.0e}, largest move from the logit {moved:.2f} utils")

# %% [markdown]
# The model's shares are the observed ones. If (2.1) stands still anywhere, it is there, since it adds nothing only where the shares agree. Why it
# gets there is the subject of the next section.
#
# We won't guess 200 rounds again. The iteration should stop when $\delta$ stops changing. How large is a change? We measure the largest over products, relative to
# $|\delta_j|$ where that exceeds one. The *tolerance* is the change at which we stop: $10^{-13}$, close to the last digit that the machine has.

# %%
def iterate(update, delta, tolerance=1e-13, most=5000):
    changes = []
    while not changes or (changes[-1] > tolerance and len(changes) < most):
        delta, old = update(delta), delta
        changes.append((abs(delta - old) / np.maximum(1, abs(delta))).max())
    return delta, np.array(changes)


def contraction(delta):
    return delta + np.log(S) - np.log(blpteach.market_shares(delta, mu, weights))       # (2.1)


# %% [markdown]
# **Before you run the next cell:** we start at the logit's $\delta$, which is off by up to 3.3 utils. How many iterations until the change is below
# $10^{-13}$?

# %%
delta, plain = iterate(contraction, logit)
assert abs(len(plain) - 84) <= 3
plots.Convergence({"contraction": plain})

# %% [markdown]
# 84 of them, on a straight line. The vertical axis is logarithmic: each iteration multiplies the change by the same number.

# %% [markdown]
# ### How fast, and what decides it
#
# Near the solution the map is linear. Let $e$ be the error in $\delta$ before an iteration. By lesson 01 (1.7),
# $\partial \log s_j / \partial \delta_k = 1\{j = k\} - E[s_{ik} \mid i \text{ buys } j]$, an expectation over the types who buy $j$. Put that into (2.1): the
# ones cancel, and the error after the iteration is $A e$ with
#
# $$A_{jk} = E[\, s_{ik} \mid i \text{ buys } j\,] = \sum_i \frac{w_i\, s_{ij}}{s_j}\, s_{ik}, \qquad
#   \text{rate} = \text{the largest } |\text{eigenvalue}| \text{ of } A. \tag{2.8}$$
#
# The largest absolute eigenvalue is called the spectral radius. After many iterations only its eigenvector is left of the error, and each iteration
# multiplies it by the rate.

# %%
P = blpteach.choice_probabilities(delta, mu)             # (J, I)
B = blpteach.buyers(P, weights)                          # (J, I)  w_i s_ij / s_j
A = B @ P.T                                              # (2.8)  (J, J)
rate = abs(np.linalg.eigvals(A)).max()

# %%
assert np.isclose(rate, 0.7129, atol=2e-4) and np.isclose(plain[60] / plain[59], rate, atol=1e-4)
assert round(np.log(1e-13) / np.log(rate)) == 88
print(f"rate {rate:.4f};  change 61 over change 60: {plain[60] / plain[59]:.4f}")

# %%
histories, rates = {"contraction": plain}, {"contraction": rate}
plots.Convergence(histories, rates, title="Does the rate predict the slope? Yes")

# %% [markdown]
# Theory and iteration agree. So the number of iterations is no accident: to come from a change of one to $10^{-13}$ takes about
# $\log 10^{-13} / \log 0.713 = 88$ of them.
#
# What is the rate, in words? Row $j$ of $A$ sums to $1 - E[s_{i0} \mid i \text{ buys } j]$, the probability that a type who buys $j$
# would buy some inside good if it chose anew. The rate lies between the smallest and the largest row sum. All row sums are below one, and this is why the
# iteration contracts.
#
# A lower bound is $1 - s_0$. A better one is the same probability for the buyers of all inside goods together. With weights that sum to one, and $E$ without a
# condition over all types,
#
# $$1 - s_0 \;\le\; \frac{E[(1 - s_{i0})^2]}{1 - s_0} \;\le\; \text{rate} \;\le\; \max_j \big(1 - E[s_{i0} \mid i \text{ buys } j]\big).$$
#
# The first two differ by the variance of $s_{i0}$ over types. The more tastes differ, the slower.

# %%
s_i0 = 1 - P.sum(0)                                      # (I,)
s_0 = weights @ s_i0
bounds = [1 - s_0, weights @ (1 - s_i0) ** 2 / (1 - s_0), rate, A.sum(1).max()]
assert np.allclose(bounds, [0.4448, 0.6371, 0.7129, 0.8781], atol=2e-4)
pd.Series(bounds, ["1 - s_0", "buyers of any inside good", "rate", "largest row sum"]).round(4)

# %% [markdown]
# ### Ten to twenty iterations?
#
# One reads that the contraction takes 10 to 20 iterations. Count them in all 94 cereal markets. One call inverts the whole stack; its
# `residuals` are the changes, iteration by market. (`method="exp"` is the same map, computed faster. We come to it.)

# %%
def count(block, Gamma):
    """Outside share, rate and iterations of the contraction, by market."""
    mu = blpteach.taste_deviations(block.X2, block.tastes, Gamma)
    found = blpteach.invert_shares(block.shares, mu, block.weights, method="exp", corrected=False)
    P = blpteach.choice_probabilities(found.delta, mu)
    iterations = 1 + (found.residuals > 1e-13).sum(0)
    return 1 - block.shares.sum(1), blpteach.contraction_rate(P, block.weights), iterations


def describe(counts):
    table = pd.DataFrame(dict(zip(("outside share", "rate", "iterations"), counts)))
    return table.agg(["mean", "min", "max"]).round(3)


# %%
cereals = count(stack, Gamma)
assert abs(cereals[2].mean() - 84) < 3 and abs(cereals[2].max() - 153) < 5 and cereals[2].min() > 20
describe(cereals)

# %% [markdown]
# And the automobiles of Berry, Levinsohn and Pakes, at their published parameters? There 89 % of the households buy none of the cars in a year. The
# outside share is large, and $1 - S_0$ is about 0.11.
#
# **Before you run the next cells:** will the automobiles need fewer iterations than the cereals, or more?

# %%
cars, households = blpteach.load_autos()
names = "1 + prices + hpwt + air + mpd + space"
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
assert abs(automobiles[2].mean() - 206) < 6
assert automobiles[1].min() > 0.83 and np.isclose(automobiles[0].mean(), 0.892, atol=2e-3)
plots.HowMany({"cereals": cereals, "automobiles": automobiles})

# %% [markdown]
# > **A common error.** "The contraction takes 10 to 20 iterations." At a tolerance of $10^{-13}$ no market here is in the grey band. The
# > cereals take 84 on average, at worst 153. The automobiles take 206 on average.
#
# The left panel holds the surprise. The outside share of the automobiles is large, and still their rate is above 0.83. Who buys a car in
# this model is a type that likes cars, and such a type would nearly always buy one. What counts is the outside share *of buyers*, and theirs is
# small.

# %% [markdown]
# ### A small change is not a small error
#
# We stop when the change is below a tolerance. What we want is a small error. If errors shrink by the factor `rate`, then
# $e_n = \text{rate} \cdot e_{n-1}$, the change is $e_{n} - e_{n-1}$, and
#
# $$|\text{error}| \approx |\text{change}| \cdot \frac{\text{rate}}{1 - \text{rate}} .$$
#
# **Before you run the next cell:** the rate is 0.713. How much larger than the change is the error?

# %%
rows = {}
for tolerance in (1e-2, 1e-4, 1e-6):
    stopped, changes = iterate(contraction, logit, tolerance)
    error = (abs(stopped - delta) / np.maximum(1, abs(delta))).max()     # relative, as changes are
    rows[f"{tolerance:.0e}"] = changes[-1], error, changes[-1] * rate / (1 - rate)
table = pd.DataFrame(rows, ["last change", "error", "predicted"]).T.rename_axis("tolerance")
assert np.allclose(table["error"], table["predicted"], rtol=0.03)
assert np.allclose([rate / (1 - rate), np.log(0.1) / np.log(rate)], [2.48, 6.80], atol=0.02)
table.map("{:.1e}".format)

# %% [markdown]
# The factor is 2.5. At a rate of 0.99 it is 99, and a tolerance of $10^{-4}$ means an error of $10^{-2}$. Tight tolerances cost little: by the straight line, each further digit takes seven iterations here.

# %% [markdown]
# ### The same map with fewer exponentials
#
# An iteration as written computes $J \times I$ exponentials of $\delta_j + \mu_{ij}$. But $\mu$ does not change. Compute $e^{\mu_{ij}}$ once, and with
#
# $$k_i = \frac{w_i}{1 + \sum_m e^{\delta_m} e^{\mu_{im}}} \qquad\text{the share is}\qquad s_j = e^{\delta_j} \sum_i e^{\mu_{ij}} k_i .$$
#
# In (2.1) the $\delta_j$ then cancels:
#
# $$\delta_j \leftarrow \log S_j - \log \sum_i e^{\mu_{ij}}\, k_i . \tag{2.2}$$

# %%
expmu = np.exp(mu)                                       # (J, I), once


def exp_map(delta):
    k = weights / (1 + np.exp(delta) @ expmu)            # (I,)
    return np.log(S) - np.log(expmu @ k)                 # (2.2)


# %%
assert np.allclose(exp_map(logit), contraction(logit), atol=1e-13)
print("largest difference to (2.1):", f"{abs(exp_map(logit) - contraction(logit)).max():.0e}")

# %% [markdown]
# Two products of a vector and a matrix, and that is all. Each needs $J I$ multiplications.
#
# > **A common error.** "An iteration costs $T J^2 I$ operations." In T markets the contraction costs $T J I$: double the number of products and
# > the time doubles. The next cell makes products eight times as many and measures. $J^2$ would ask for a factor of 64. Squares and
# > cubes of J come with the Jacobian and with solving, which are Newton's (below).

# %%
from timeit import repeat
seconds = {}
for J in (100, 800):
    made_up = np.random.default_rng(0).normal(size=(J, 500))
    update = blpteach.exp_contraction(np.full(J, 0.5 / J), made_up, np.full(500, 1 / 500))
    seconds[J] = min(repeat(lambda: update(np.zeros(J)), number=5, repeat=15))
assert seconds[800] / seconds[100] < 40
print(f"8 times the products: {seconds[800] / seconds[100]:.0f} times the time, here and today")

# %% [markdown]
# ### Where exponentials fail
#
# The price of (2.2): it works with $e^{\delta}$ and $e^{\mu}$ themselves, and a double ends at $e^{709}$.
#
# Suppose a demographic is not net of its mean, and all of $\mu$ is lower by 2,000. Nothing has changed in substance. The solution is $\delta + 2000$.
#
# **Before you run the next cell:** what will the exponentiated iteration say? And the library's default?

# %%
far = mu - 2000
for method in ("exp", "default"):
    found = blpteach.invert_shares(S, far, weights, method=method)
    print(found, "  error:", f"{abs(found.delta - 2000 - delta).max():.0e}")
assert found.converged and np.allclose(found.delta - 2000, delta, atol=1e-9)

# %% [markdown]
# `exp` overflows and reports that it has not converged. The default noticed, and finished with Newton's method in logarithms. There are limits: make the
# tastes themselves 200 times as strong, and hardly any type is in doubt about what it buys.

# %%
hopeless = blpteach.invert_shares(S, 200 * mu, weights)
assert not hopeless.converged
hopeless

# %% [markdown]
# What matters is that it says so. The search of lesson 04 treats such parameters as bad and goes elsewhere.

# %% [markdown]
# ### Listen to the outside good
#
# Why is the contraction slow when buyers are loyal to inside goods? Raise *all* $\delta_j$ by one util. Loyal buyers go on buying inside goods, in the same
# proportions. Inside shares hardly move, so (2.1) sees hardly a gap. The level of $\delta$ is the slow direction.
#
# One share does move: the outside good's. Its logarithm falls by nearly one. Fukasawa (2024) adds it to the map:
#
# $$\delta_j \leftarrow \delta_j + \big(\log S_j - \log s_j(\delta)\big) - \big(\log S_0 - \log s_0(\delta)\big). \tag{2.3}$$
#
# At the solution both brackets are zero, so the fixed point is the same. In the logit $\log s_j - \log s_0 = \delta_j$, the right side is
# $\log S_j - \log S_0$ wherever we start, and one step is exact.
#
# The picture has two products and an outside share of 2 %. Along the solid curve product 1 has its observed share, along the dashed one product 2.

# %%
plots.Valley()

# %% [markdown]
# The two curves are nearly parallel. The contraction walks up the narrow valley in ever smaller steps. The curve of the outside share crosses the valley squarely,
# and with it the corrected map arrives.
#
# In code the correction is one more term. The outside share is the sum of the $k_i$.

# %%
def corrected_map(delta):
    k = weights / (1 + np.exp(delta) @ expmu)
    return np.log(S) - np.log(expmu @ k) - (np.log(1 - S.sum()) - np.log(k.sum()))      # (2.3)


# %% [markdown]
# Its rate is the spectral radius of $A$ less, from every row, what those buy who buy nothing: $A_{jk} - E[s_{ik} \mid i \text{ buys } 0]$.

# %%
delta_c, corrected = iterate(corrected_map, logit)
rate_c = float(blpteach.contraction_rate(P, weights, corrected=True))
assert np.allclose(delta_c, delta, atol=1e-11)
assert abs(len(corrected) - 52) <= 3 and np.isclose(rate_c, 0.5696, atol=2e-4)

# %%
histories["corrected"], rates["corrected"] = corrected, rate_c
plots.Convergence(histories, rates, title="What does the outside good contribute? A better rate")

# %% [markdown]
# ### Two steps and a leap: SQUAREM
#
# A straight line on that axis is a promise. If each change is `rate` times the one before, the rest of the way is a geometric series, and we can jump to its
# end. Let $f$ be the map. Two steps from $\delta$ give a change and a change of the change,
#
# $$r = f(\delta) - \delta, \qquad v = f(f(\delta)) - 2 f(\delta) + \delta .$$
#
# With one product, $v = (\text{rate} - 1)\, r$, so $a = |r| / |v| = 1 / (1 - \text{rate})$, the sum of the series. With many products there are many rates,
# and $a$ is a compromise:
#
# $$\delta \leftarrow \delta + 2 a\, r + a^2 v, \qquad a = \max(1, |r| / |v|). \tag{2.4}$$
#
# With $a = 1$ this is the plain second step, $f(f(\delta))$.

# %%
def squarem(f, delta, tolerance=1e-13):
    changes = []
    while not changes or changes[-1] > tolerance:
        one = f(delta)
        two = f(one)
        changes.append((abs(two - one) / np.maximum(1, abs(two))).max())
        r, v = one - delta, two - 2 * one + delta
        a = max(1, np.sqrt((r @ r) / (v @ v + 1e-300)))
        delta = delta + 2 * a * r + a**2 * v             # (2.4)
    return two, np.array(changes)


# %% [markdown]
# **Before you run the next cell:** an iteration of SQUAREM computes the map twice. The corrected map alone took 52 evaluations. How many will this take?

# %%
delta_s, leaps = squarem(corrected_map, logit)
assert np.allclose(delta_s, delta, atol=1e-11) and abs(2 * len(leaps) - 20) <= 4
histories["SQUAREM"] = leaps
plots.Convergence(histories, rates, title="What do leaps gain? Most of the rest")

# %% [markdown]
# Each triangle is two evaluations. No straight line any more: leaps kill the slow directions one after the other.

# %% [markdown]
# ### Newton
#
# We know all derivatives of log shares. Newton's method solves the linearised equations exactly at each step:
#
# $$\delta \leftarrow \delta + \left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \big(\log S - \log s(\delta)\big). \tag{2.5}$$
#
# The contraction (2.1) is this with the identity in place of the Jacobian.

# %%
def newton(delta, longest=np.inf, rounds=8):
    gaps = []
    for _ in range(rounds):
        P = blpteach.choice_probabilities(delta, mu)
        gap = np.log(S) - np.log(P @ weights)
        gaps.append(abs(gap).max())
        step = np.linalg.solve(blpteach.log_share_jacobian(P, blpteach.buyers(P, weights)), gap)
        delta = delta + step * min(1, longest / abs(step).max())             # (2.5)
    return delta, np.array(gaps)


# %%
delta_n, gaps = newton(logit)
assert np.allclose(delta_n, delta, atol=1e-11) and gaps[4] < 1e-8 and gaps[5] < 1e-13
[f"{gap:.0e}" for gap in gaps]

# %% [markdown]
# Look at the exponents. Each step about doubles the number of correct digits: the error after a step is proportional to the *square* of the error before.
#
# That is so near the solution. Far away the full step is a gamble. Start at $\delta = 8$ for all products, where nearly everybody buys. The Jacobian
# is nearly singular, since a common shift of $\delta$ hardly moves an inside share. Dividing by nearly nothing gives an enormous step.
#
# **Before you run the next cell:** the same start, with full steps, and with steps of at most two utils for any product. Which arrives?

# %%
with np.errstate(all="ignore"):
    _, full = newton(np.full(24, 8.0), rounds=4)
_, clipped = newton(np.full(24, 8.0), longest=2, rounds=13)
assert not np.isfinite(full[1]) and clipped[12] < 1e-13
print("full steps:   ", [f"{gap:.0e}" for gap in full])
print("clipped at 2: ", [f"{gap:.0e}" for gap in clipped[::2]], "(every second)")

# %% [markdown]
# Full steps fall off the edge. Clipped steps walk to the neighbourhood where Newton is quick. The library's Newton does a little more: the limit doubles after a
# success, and a step that increases the largest gap is taken back and tried at a quarter of the length.
#
# A step of Newton costs more than one of the contraction: $J^2 I$ for the Jacobian and $J^3$ for the solve.

# %% [markdown]
# ### One call
#
# The library's functions have a leading axis for markets. Otherwise they are your lines.

# %%
blpteach.show(blpteach.log_contraction)
blpteach.show(blpteach.exp_contraction)

# %% [markdown]
# Two details are new. `top` divides numerator and denominator by each type's largest $e^{\mu}$, so that only very wild tastes overflow. And
# `observed_outside` is $\sum_i w_i - \sum_j S_j$, because the weights of the automobiles sum to 0.154: like is compared with like.

# %%
blpteach.show(blpteach.inversion.squarem)
blpteach.show(blpteach.inversion.by_default)

# %% [markdown]
# `by_default` is what every estimate of this course runs: SQUAREM on the corrected map, then Newton for the markets that are left.
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
found = {name: blpteach.invert_shares(*data, method=method, corrected=corrected)
         for name, (method, corrected) in ways.items()}
exact = found["Newton"].delta                            # (94, 24)
apart = {name: abs(way.delta - exact).max() for name, way in found.items()}

# %%
assert max(apart.values()) < 1e-11 and all(way.converged.all() for way in found.values())
pd.DataFrame({"iterations": {name: way.iterations for name, way in found.items()},
              "difference to Newton": {name: f"{gap:.0e}" for name, gap in apart.items()}})

# %% [markdown]
# They agree to $10^{-11}$. (An iteration of SQUAREM is two of the map.) And on the first market they agree with yours:

# %%
mine = {"contraction": delta, "corrected": delta_c,
        "SQUAREM, corrected": delta_s, "Newton": delta_n}
assert all(np.allclose(found[name].delta[0], yours, atol=1e-11) for name, yours in mine.items())
assert np.allclose(found["contraction"].residuals[:80, 0], plain[:80], rtol=0.01, atol=1e-14)
blpteach.invert_shares(S, mu, weights)

# %% [markdown]
# ### One solution, or none
#
# Could there be two different $\delta$ with the same shares? Suppose there are, $\delta$ and $\delta'$. Along the straight line between them,
# $0 = \log s(\delta) - \log s(\delta') = M (\delta - \delta')$, where $M$ is the average of the Jacobian (1.7) over the line. At every point that Jacobian
# has positive diagonal and negative other elements, and its row $j$ sums to $E[s_{i0} \mid i \text{ buys } j] > 0$. The average has these properties too, and
# such a matrix is invertible. So $\delta = \delta'$.
#
# Uniqueness needs the outside good. Without one, all $\delta$ could be shifted together.

# %%
J_log = blpteach.log_share_jacobian(P, B)                # (J, J)
assert (J_log.sum(1) > 0).all() and (J_log[~np.eye(24, dtype=bool)] < 0).all()
print(f"row sums from {J_log.sum(1).min():.3f} to {J_log.sum(1).max():.3f}")

# %% [markdown]
# Existence is another matter. The logit gives every product and the outside good a positive probability. Shares that are zero, or that leave nothing for the
# outside good, are out of its reach at any $\delta$. The library refuses them, and the message says what to do.

# %%
no_sales = S.copy()
no_sales[3] = 0
for shares in (no_sales, 2.3 * S):
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
# Zeros are a real problem, not a technical one. A product with no sales in a small market *has* a $\delta$; the sample was too small to show it.
# Dropping it selects products that had luck, and adding a small number to its share makes up a $\delta$. Gandhi, Lu and Shi (2023) treat the problem.

# %% [markdown]
# ### How delta moves with the parameters
#
# Lesson 04 searches over $\theta_2$ and needs $\partial \delta / \partial \theta_2$. No derivative of 84 iterations is required. Shares stay put
# while $\theta_2$ moves: $\log s(\delta(\theta_2), \theta_2) = \log S$. Differentiate both sides:
#
# $$\frac{\partial \log s}{\partial \delta}\, \frac{\partial \delta}{\partial \theta_2} + \frac{\partial \log s}{\partial \theta_2} = 0
#   \quad\Longrightarrow\quad
#   \frac{\partial \delta}{\partial \theta_2} = -\left(\frac{\partial \log s}{\partial \delta}\right)^{-1} \frac{\partial \log s}{\partial \theta_2}. \tag{2.7}$$
#
# This is the implicit function theorem. The first factor is (1.7). The second is an expectation over buyers (exercise 1.3): for an element of `Gamma` that
# lets the taste $v_{il}$ of `tastes` act on characteristic $k$,
#
# $$\frac{\partial \log s_j}{\partial \Gamma_{kl}} = E\Big[\, v_{il} \Big(x_{2jk} - \sum_m s_{im}\, x_{2mk}\Big) \,\Big|\, i \text{ buys } j \Big].$$

# %%
free = problem.theta2(start["sigma"], start["pi"])       # which 13 elements of Gamma are searched
x = market.X2[:, free.rows]                              # (J, 13)
v = market.tastes[:, free.columns]                       # (I, 13)
expected_x = (P.T @ market.X2)[:, free.rows]             # (I, 13)  sum_m s_im x_mk
slope = x * (B @ v) - B @ (v * expected_x)               # (J, 13)  d log s / d theta2
jacobian = -np.linalg.solve(J_log, slope)                # (2.7)  (J, 13)
jacobian.shape

# %%
library = blpteach.delta_jacobian(P, B, market.X2, market.tastes, free.rows, free.columns)
assert np.allclose(jacobian, library)
blpteach.show(blpteach.delta_jacobian)

# %% [markdown]
# Here is one column of it: the standard deviation $\sigma$ of the taste for sugar. Every point of a curve is an inversion. The thin black lines have the slopes of (2.7).
#
# **Before you run the next cell:** as tastes for sugar spread out, do the sweet cereals need more mean utility to keep their shares, or less?

# %%
ids = list(problem.products["product_ids"][:24])
shown = [ids.index(name) for name in ("F3B06", "F2B19", "F3B14", "F6B18")]
labels = {f"{ids[j]}: {market.X2[j, 2]:.0f} g sugar": j for j in shown}
plots.Tangents(market, Gamma, 2, 2, labels, np.linspace(-0.5, 0.5, 41),
               "sigma on sugar (utils per gram)", value=0.2)

# %% [markdown]
# Less, since their enthusiasts buy them anyway. A negative $\sigma$ is not the mirror image of a positive one: with 20 nodes the draws are lopsided.

# %% [markdown]
# ### The halved price again
#
# Now we can ask the question of lesson 00 in a model that reproduces the market exactly. F2B19 goes to half its price.
#
# Price enters twice. It is a column of `X1`, so $\delta$ moves by $\beta_{price}$ times the change. And it is a column of `X2`, so each type's
# $\mu_{ij}$ moves as well. At the starting values $\beta_{price} = -28.19$ utils a dollar. (Lesson 03 says where it comes from. Here `evaluate` gives it.)
#
# **Before you run the next cells:** in the logit of lesson 00 all rivals lost 30.1 % of their buyers, and so did the outside good. F2B26 is as sweet as F2B19. F6B18
# has no sugar. Which of these three will lose the largest part now, and which the smallest?

# %%
beta_price = problem.evaluate(**start).beta[0]
k = ids.index("F2B19")
X2_cut, delta_cut = market.X2.copy(), delta.copy()
X2_cut[k, 1] /= 2                                        # column 1 of X2 is price
delta_cut[k] += beta_price * (X2_cut[k, 1] - market.X2[k, 1])
mu_cut = blpteach.taste_deviations(X2_cut, market.tastes, Gamma)
after = blpteach.market_shares(delta_cut, mu_cut, weights)
assert np.isclose(beta_price, -28.19, atol=0.01) and np.isclose(after[k], 0.334, atol=1e-3)
print(f"F2B19: from {S[k]:.3f} to {after[k]:.3f}")

# %%
lost = pd.Series(1 - after / S, ids).drop("F2B19")
lost_outside = 1 - (1 - after.sum()) / (1 - S.sum())
three = pd.Series([lost["F2B26"], lost["F6B18"], lost_outside], ["F2B26", "F6B18", "outside good"])
assert np.allclose(three, [0.350, 0.296, 0.230], atol=2e-3)
three.round(3)

# %%
least = [ids.index(name) for name in lost.nsmallest(5).index]
assert np.allclose([lost.min(), lost.max()], [0.247, 0.354], atol=2e-3)
assert (market.X2[least, 3] == 1).all() and (market.X2[least, 2] <= 4).all()  # mushy, little sugar

# %%
labels = [name if name in ("F2B26", "F6B18") else "" for name in lost.index]
Losses(np.delete(market.X2[:, 2], k), labels, "F2B19", logit=0.301, tastes=lost.to_numpy())

# %% [markdown]
# The outside good loses 23 % of its customers, less than any rival does: types who like cereals buy most of the cereals, and F2B19 wins them from other
# cereals. Rivals lose from 25 to 35 %. F2B19 is sweet and crisp. The five that lose least are mushy and hardly sweet.
#
# It is a step in the right direction, and no more. At the *estimates*, lesson 01 found 52 % for F2B26 and 13 % for F6B18. Inversion makes any tastes
# consistent with the shares. Which tastes are right is another question, and it takes instruments (lesson 03) and a search (lesson 04).

# %% [markdown]
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
# **Rates in every market.** Observed ratio of successive changes against (2.8), both maps.

# %%
P_all = blpteach.choice_probabilities(exact, mu_all)
for name, is_corrected in (("contraction", False), ("corrected", True)):
    residuals = found[name].residuals                    # (iterations, 94)
    late = (residuals > 1e-9).sum(0) - 1                 # the last change above 1e-9, by market
    ratio = residuals[late, np.arange(94)] / residuals[late - 1, np.arange(94)]
    theory = blpteach.contraction_rate(P_all, stack.weights, is_corrected)
    off = abs(ratio - theory)
    assert np.median(off) < 2e-3 and off.max() < 0.1
    print(f"{name}: mean rate {theory.mean():.3f}, median difference {np.median(off):.0e}")

# %% [markdown]
# **Derivatives against finite differences.** Move each of the 13 parameters, invert, compare with (2.7).

# %%
def delta_at(theta2):
    mu = blpteach.taste_deviations(market.X2, market.tastes, free.matrix(theta2))
    return blpteach.invert_shares(S, mu, weights).delta


h = 1e-5 * np.eye(13)
numeric = [(delta_at(free.start + e) - delta_at(free.start - e)) / 2e-5 for e in h]
off = abs(np.column_stack(numeric) - jacobian).max()
assert off < 1e-5 * abs(jacobian).max()
print(f"largest element {abs(jacobian).max():.1f}, largest difference {off:.0e}")

# %% [markdown]
# **Without random tastes it is the logit.** Shrink all tastes towards zero.

# %%
gaps = {scale: abs(blpteach.invert_shares(S, scale * mu, weights).delta - logit).max()
        for scale in (1, 0.1, 0.01, 0)}
assert gaps[0.01] < 0.03 and gaps[0] < 1e-12
pd.Series(gaps, name="largest distance to log S - log S0").rename_axis("mu times").round(4)

# %% [markdown]
# ## Play
#
# A race, in a made-up market of 20 products and 64 types. All start at $\delta = 0$. The horizontal axis counts how often the model's shares are computed,
# so an iteration of SQUAREM counts twice. Newton's computations also need the Jacobian. Dashed lines have the slope that (2.8) predicts. The right panel has the
# score, and beside it the true error in $\delta$ at the stop. An empty bar is a forecast from the rate, for a contraction that we did not wait for.
#
# `sigma` is the standard deviation of two tastes, for the constant and for one characteristic.

# %%
from blpteach.widgets.inversion import made_up_market, race

plots.Race(**made_up_market(), outside_share=0.01, sigma=1.0)

# %% [markdown]
# **Before you move anything:** take the outside share down from 0.5 to 0.0001. Which of the four will notice, and which will hardly do so? Then set the outside share
# to 0.9, so that $1 - S_0$ is 0.1, and sigma to 5. Is the contraction fast now? Does the correction help?

# %%
race()

# %% [markdown]
# - **the logit**: the correction arrives in one step, and the second confirms it.
# - **tiny outside good**: the contraction would need more than a hundred thousand steps. The corrected one needs about thirty.
# - **wild tastes, large outside good**: the rate is 0.86 with an outside share of 0.9. Here the correction hardly helps, because the slow direction is no longer
#   the common level. SQUAREM and Newton do.
# - **loose tolerance**: a change of $10^{-4}$ and an error a hundred times as large. Newton's error is smaller than its tolerance.

# %%
tiny = plots.Race(**made_up_market(), outside_share=1e-4, sigma=1.0)
wild = plots.Race(**made_up_market(), outside_share=0.9, sigma=5.0)
loose = plots.Race(**made_up_market(), outside_share=0.01, sigma=2.0, tolerance=1e-4)
assert 1e5 < tiny.score("contraction", 1) < 4e5 and tiny.score("corrected contraction", 1) < 40
assert np.allclose(list(wild.rates.values()), [0.856, 0.853], atol=2e-3)
errors = {name: abs(way.delta - loose.delta).max() for name, way in loose.found.items()}
assert 0.005 < errors["contraction"] < 0.02 and errors["Newton"] < 1e-4
pd.Series(errors, name="error at a tolerance of 1e-4").map("{:.0e}".format)

# %% [markdown]
# ## Exercises
#
# ### Exercise 2.1 · 5 minutes · easy
#
# A logit market has an outside share of 1 %. What is the rate of the contraction (2.1)? How many iterations take a change of 1 to $10^{-13}$? How large is the error
# when the change is $10^{-6}$? One line for each, no iteration.

# %%
answer = ...

# %% tags=["solution"]
logit_rate = 1 - 0.01                                # all types alike: A_jk = s_k, rows sum to 0.99
answer = logit_rate, np.log(1e-13) / np.log(logit_rate), 1e-6 * logit_rate / (1 - logit_rate)
P_logit = np.full((20, 1), 0.99 / 20)
assert np.isclose(blpteach.contraction_rate(P_logit, np.ones(1)), logit_rate)
assert 2970 < answer[1] < 2990 and np.isclose(answer[2], 9.9e-5)
print(f"rate {answer[0]:.2f}, {answer[1]:.0f} iterations, error {answer[2]:.1e}")

# %% [markdown]
# ### Exercise 2.2 · 10 minutes · medium
#
# Lesson 00 asked what happens if the market is twice as large as assumed: all shares are halved, and the outside good gets the rest. Keep $\mu$. What happens to the
# mean rate and the mean number of iterations over the 94 markets? Predict the direction, then compute both. `count` from above needs a block; `dataclasses.replace` makes
# one with other shares.

# %%
mean_rate, mean_iterations = ..., ...

# %% tags=["solution"]
from dataclasses import replace

larger = count(replace(stack, shares=stack.shares / 2), Gamma)
mean_rate, mean_iterations = larger[1].mean(), larger[2].mean()
assert np.isclose(mean_rate, 0.507, atol=2e-3) and abs(mean_iterations - 47) < 2
# Buyers of j are more likely to buy nothing if they choose anew, so rows of A sum to less.
# An assumption about the market size changes even the speed.
describe(larger)

# %% [markdown]
# ### Exercise 2.3 · 20 minutes · harder
#
# Shares are counted from samples, so they have sampling error, and the inversion passes it on. Derive $\partial \delta / \partial \log S$ from (2.6), in one line. Write it
# as a function `share_error(P, B)` with result (J, J), and check one column by finite differences. Then answer:
#
# 1. One product's observed share rises by 1 %, all others stay. Which $\delta$ rise and which fall?
# 2. A product's share was counted as 10 buyers in a sample of 10,000. What is, roughly, the standard error of its $\delta$? Take product F2B19's diagonal element.

# %%
def share_error(P, B):
    return ...


# %% tags=["solution"]
def share_error(P, B):
    """d delta_j / d log S_k (J, J): differentiate log s(delta) = log S."""
    return np.linalg.inv(blpteach.log_share_jacobian(P, B))


passed_on = share_error(P, B)
more = S * np.exp(1e-6 * np.eye(24)[k])
numeric = (blpteach.invert_shares(more, mu, weights).delta - delta) / 1e-6
assert np.allclose(passed_on[:, k], numeric, atol=1e-4)
# 1. All rise: the other shares stay although a rival improved, and the outside share falls.
assert (passed_on > 0).all()
# 2. The standard error of log S is about 1 / sqrt(10) = 0.32. The diagonal element is above one.
standard_error = passed_on[k, k] / np.sqrt(10)
assert np.isclose(passed_on[k, k], 1.30, atol=0.01) and np.isclose(standard_error, 0.41, atol=0.01)
print(f"passed on {passed_on[k, k]:.2f} times; standard error of delta {standard_error:.2f} utils")

# %% [markdown]
# ## In practice
#
# PyBLP inverts shares too. By default it runs SQUAREM on the plain map. We give it Nevo's model at the same starting values, ask it to stay there, and let it use the plain
# contraction, so that its number of iterations can be compared with ours.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
    print("To run this section: pip install pyblp")

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

# %% [markdown]
# The same $\delta$. PyBLP's counts are a little higher than ours, since its tolerance is absolute and ours is relative where $|\delta|$ exceeds one.
#
# What practice adds. Keep the inner tolerance near $10^{-13}$: a loose one makes $\delta$ a rough function of $\theta_2$, and searches that rely on derivatives go astray
# (Dubé, Fox and Su 2012). Look at whether all markets converged before you believe an objective. And report how zero shares and the market size were handled. No
# inversion, however fast, repairs these.

# %% [markdown]
# ## Further reading
#
# - Berry, S. (1994). Estimating discrete-choice models of product differentiation. *RAND Journal of Economics* 25(2), 242-262. The idea of inverting shares, and when
#   it can be done.
# - Berry, S., Levinsohn, J. and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4), 841-890. The contraction, with its proof in the
#   appendix.
# - Conlon, C. and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND Journal of Economics* 51(4), 1108-1161. Compares
#   contractions, SQUAREM and Newton-type methods on many problems.
# - Fukasawa, T. (2024). Fast and simple inner-loop algorithms of static / dynamic BLP estimations. arXiv 2404.04494. The outside-share term (2.3).
# - Gandhi, A., Lu, Z. and Shi, X. (2023). Estimating demand for differentiated products with zeroes in market share data. *Quantitative Economics* 14(2). What to do
#   where a share is zero.
#
# Also cited: Dubé, J.-P., Fox, J. and Su, C.-L. (2012), *Econometrica* 80(5), 2231-2267, on inner tolerances; Varadhan, R. and Roland, C. (2008), *Scandinavian Journal of
# Statistics* 35(2), 335-353, for SQUAREM.
#
# The next lesson, 03, takes $\delta$ as data and asks what a dollar costs in utils, when prices are not set at random.
