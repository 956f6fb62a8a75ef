# %% [markdown]
# # 00. If one cereal halves its price, who loses buyers?
#
# **The five steps in miniature**
#
# *60 minutes, and 55 more for the exercises. You need: econometrics through instrumental variables and GMM; NumPy. No
# earlier lesson.*

# %% [markdown]
# ## The question
#
# A supermarket halves the price of one cereal. Which other cereals lose buyers, and how many? Two cereal makers
# want to merge. Which prices rise, and by how much? Both questions ask how demand for *each* product responds to the
# price of *each* product. A model that answers is called a **demand system**.
#
# In this lesson you estimate one, from the table of data to the halved price. It is the simplest that deserves the
# name: the plain logit. Its five steps are those of Berry, Levinsohn and Pakes (BLP), each in its smallest form.
#
# | step | what it does | here | opened in |
# |---|---|---|---|
# | 1 | utility gives market shares | one formula | lesson 01 |
# | 2 | market shares give back mean utility | one logarithm | lesson 02 |
# | 3 | instruments give mean tastes | one regression | lesson 03 |
# | 4 | a search finds how tastes differ | nothing to search | lesson 04 |
# | 5 | elasticities, markups, new prices | a few lines | lesson 05 |
#
# At the end the logit gives an answer about the halved price that no grocer would believe. That failure is the
# reason for the rest of the course. All symbols and words are collected on one page, [notation](notation.ipynb).

# %% [markdown]
# ## What you will be able to do
#
# - say why the elasticities of many products can't be estimated one by one;
# - turn market shares into mean utilities by hand;
# - estimate a logit demand with instruments, by formula and with the library, and say what the instruments changed;
# - compute elasticities, markups and the effect of a new price or a merger, and name the assumptions behind each;
# - explain why the logit fixes substitution before it has seen the data, and what the market size has to do with it.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="What do people eat who buy none of these 24 cereals, and how would we count it?"
# ### Step 0. The table
#
# Each row is one cereal in one market. A market is a city in a quarter. The numbers are *artificial*: Nevo
# distributes them with his guide to this method (2000), so that everybody can practise on the same table. They teach
# the method. They say nothing about real cereals.

# %% tags=["parameters"]
market, product = "C01Q1", "F2B19"

# %%
import numpy as np
import pandas as pd

import blpteach

products, _ = blpteach.load_cereal()
columns = ["market_ids", "product_ids", "firm_ids", "shares", "prices", "sugar", "mushy"]
products[columns].head(4).round(4)

# %% [markdown]
# The columns, with their units:
#
# - `market_ids`: $t$, one of $T = 94$ markets. `C01Q1` is city 1 in quarter 1.
# - `product_ids`: $j$, one of $J = 24$ cereals, the same in every market. `F1B04` is brand 4 of firm 1.
# - `firm_ids`: the maker, one of 1, 2, 3, 4 and 6. There is no firm 5.
# - `shares`: $s_{jt}$, the fraction of the *potential* market that buys $j$.
# - `prices`: $p_{jt}$, in dollars a serving.
# - `sugar` and `mushy`: sugar content per serving (the source gives no unit), and whether the cereal gets soggy in milk
#   (1) or stays crisp (0).
#
# The potential market is all the servings that people could have eaten. What they eat instead of these 24 cereals,
# an egg or nothing, is called the **outside good**. It has number 0, and its share is what is left:
# $s_{0t} = 1 - \sum_j s_{jt}$.
#
# The second table, here `_`, describes the consumers. Lesson 01 uses it. Lines with `assert` check the numbers that
# the text quotes. Skip them as you read.

# %%
T, J = products["market_ids"].nunique(), products["product_ids"].nunique()
shares, prices = products["shares"].to_numpy(), products["prices"].to_numpy()
outside = 1 - products.groupby("market_ids")["shares"].transform("sum").to_numpy()
assert (T, J, len(products)) == (94, 24, 94 * 24) and abs(outside.mean() - 0.524) < 1e-3
print(f"{T} markets of {J} products, {len(products)} rows; mean outside share {outside.mean():.3f}")

# %%
from blpteach.plots.miniature import Market

Market(products, market, product)

# %% [markdown]
# `F2B19`, in vermilion, sells most in this market. It is sweet and crisp. We halve its price at the end.

# %% [markdown] minutes=3 ask="How many cross elasticities do 24 products have, and how many observations would you want for each?"
# ### Why not estimate every elasticity?
#
# The direct way would be a regression for each product: its log share on the log prices of all 24 products. The
# coefficients are elasticities. There are $J^2 = 576$ of them, from $T = 94$ markets.
#
# **Before you run the next cells:** cereals are substitutes, so the 552 cross elasticities should be positive. How many
# of the estimates are negative?

# %% tags=["parameters"]
enough = 2                                                      # standard errors from zero

# %%
log_shares, log_prices = (products.pivot(index="market_ids", columns="product_ids", values=name)
                          .apply(np.log).to_numpy() for name in ("shares", "prices"))
X = np.column_stack([np.ones(T), log_prices])                   # (T, 1 + J)
coefficients = np.linalg.solve(X.T @ X, X.T @ log_shares)       # (1 + J, J)
cross = coefficients[1:].T[~np.eye(J, dtype=bool)]              # log share j on log price l
assert abs((cross < 0).sum() - 255) <= 1
print(f"{(cross < 0).sum()} of {cross.size} cross elasticities are negative")

# %% [markdown]
# Nearly half. The estimates are little more than noise, and their standard errors say so:

# %%
residuals = log_shares - X @ coefficients
variances = (residuals**2).sum(0) / (T - 1 - J)                 # (J,)
se = np.sqrt(np.outer(variances, np.diag(np.linalg.inv(X.T @ X))[1:]))      # (J, J)
unclear = abs(cross) < enough * se[~np.eye(J, dtype=bool)]
assert abs(unclear.sum() - 534) <= 1
print(f"{unclear.sum()} of {cross.size} lie within {enough} standard errors of zero")

# %% [markdown]
# Even without noise they would mislead, because firms set prices with demand in mind (Step 3 comes to that). With the
# hundred car models that BLP studied, over 20 years, the regression could not even be run. And it can say nothing about
# a product that does not exist yet.
#
# The way out is a model of the *consumer*. Products become bundles of characteristics. Consumers have tastes for
# characteristics, and there are few of those. All $J^2$ elasticities then follow from a handful of tastes.

# %% [markdown] minutes=5 ask="Two products, mean utilities 1 and 0. What share does the outside good get?"
# ### Step 1. Utility gives market shares
#
# Consumer $i$ in market $t$ gets from product $j$ the utility
#
# $$u_{ijt} = \delta_{jt} + \varepsilon_{ijt}, \qquad u_{i0t} = \varepsilon_{i0t}, \tag{0.1}$$
#
# and takes the product with the largest. The first part, $\delta_{jt}$ (`delta`), is the **mean utility**, common to
# all consumers. The second is the consumer's own whim: $\varepsilon$ is drawn anew and independently for each
# consumer and product, from the type 1 extreme value distribution, also called Gumbel. Two things are normalised. The
# outside good's mean utility is zero, and the scale of $\varepsilon$ is one (its variance is $\pi^2/6$). That scale
# is the unit, a *util*, in which $\delta$ is measured.
#
# Mean utility comes from characteristics:
#
# $$\delta_{jt} = x_{jt}'\beta + \xi_{jt}. \tag{1.1}$$
#
# - $x_{jt}$ (a row of `X1`) holds what we see: a constant, mushiness, *and the price*. (Sugar is left out to keep three
#   coefficients. Product effects will soon take its place.)
# - $\beta$ (`beta`) holds the tastes. The one for price is `beta_price`, in utils per dollar. It should be negative.
# - $\xi_{jt}$ (`xi`) is what consumers see and we don't: taste, advertising, a good place on the shelf.
#
# For this $\varepsilon$ the probability that product $j$ wins has a closed form, the logit:
#
# $$s_{jt} = \frac{e^{\delta_{jt}}}{1 + \sum_m e^{\delta_{mt}}}. \tag{1.3}$$
#
# The 1 in the denominator is the outside good's $e^0$. (An equation keeps the number of the lesson that treats it in
# full. Those with a zero in front are this lesson's own. Lesson 01 adds to (1.3) a term $\mu_{ijt}$ that makes
# consumers differ in their tastes. Here $\mu = 0$.)

# %% tags=["parameters"]
example = [1.0, 0.0]                                            # mean utilities, utils
consumers = 100_000

# %% tags=["build"]
def logit_shares(delta):
    """(1.3): market shares (..., J) from mean utilities (..., J)."""
    expV = np.exp(delta)                                        # (..., J)
    return expV / (1 + expV.sum(-1, keepdims=True))             # (..., J)

# %%
logit_shares(np.array(example)).round(3)

# %% [markdown]
# Is the formula right? Let 100,000 consumers choose. Each draws three values of $\varepsilon$ (outside good, product
# 1, product 2) and takes the best.
#
# **Before you run the next cell:** product 2 has the same mean utility as the outside good. What share does each get?

# %%
epsilon = np.random.default_rng(0).gumbel(size=(consumers, 1 + len(example)))
choice = (epsilon + np.array([0.0, *example])).argmax(1)
simulated = np.bincount(choice) / len(choice)
assert np.allclose(simulated[1:], logit_shares(np.array(example)), atol=0.006)
simulated.round(3)

# %% [markdown]
# The same, up to the noise of the draws. The library has two functions for this step. They carry types of
# consumers along: `mu` (J, I) holds the taste deviations of $I$ types, `weights` (I,) the *fraction* of consumers of
# each type, and $V = \delta + \mu$ is a type's utility without its whim. With one type and `mu = 0` they are your
# function. Subtracting `top` keeps the exponentials from overflowing.

# %%
blpteach.show(blpteach.choice_probabilities)
blpteach.show(blpteach.market_shares)

# %%
delta = np.array(example)
library = blpteach.market_shares(delta, mu=np.zeros((len(delta), 1)), weights=np.ones(1))
assert np.allclose(library, logit_shares(delta))
library.round(3)

# %% [markdown] minutes=5 ask="Which operation on (1.3) makes the denominator disappear?"
# ### Step 2. Market shares give back mean utility
#
# Equation (1.3) goes from $\delta$ to shares. The data are shares. We need the way back.
#
# In the logit it takes one line. The outside good's share is $s_{0t} = 1 / (1 + \sum_m e^{\delta_{mt}})$, with the
# same denominator as (1.3). Divide, and the denominator is gone: $s_{jt} / s_{0t} = e^{\delta_{jt}}$. Take logs:
#
# $$\delta_{jt} = \log s_{jt} - \log s_{0t}. \tag{0.2}$$
#
# This is Berry's (1994) inversion. Look at what it achieves. Shares depend on $\xi$ in a tangled way, as every
# product's $\xi$ enters every share. Now $\xi$ is the error term of a *linear* equation, (1.1), and linear equations
# are what instruments are for.

# %% tags=["parameters"]
market, start = "C01Q1", 0.0                                    # start: of the iteration, utils

# %%
delta = np.log(shares) - np.log(outside)                        # (0.2)  (N,)
one = (products["market_ids"] == market).to_numpy()             # rows of this market
assert np.allclose(logit_shares(delta[one]), shares[one])
delta[one][:4].round(3)

# %% [markdown]
# With tastes that differ there is no such formula. Then $\delta$ is found by iteration: start anywhere, compare the
# model's shares with the observed ones, correct $\delta$, repeat. Write $S$ for observed shares wherever the model's
# shares $s(\delta)$ stand beside them. One round is
#
# $$\delta_j \leftarrow \delta_j + (\log S_j - \log s_j) - (\log S_0 - \log s_0). \tag{2.3}$$
#
# `blpteach.invert_shares` does such rounds until nothing changes. The method `"log"` is this form. Lesson 02 has faster
# ones.
#
# **Before you run the next cell:** we start from $\delta = 0$. How many rounds will it need in the logit? Put
# $\log s_j - \log s_0 = \delta_j$ into (2.3).

# %%
mu, weights = np.zeros((J, 1)), np.ones(1)                      # one type, no deviation
inversion = blpteach.invert_shares(shares[one], mu, weights, method="log", start=np.full(J, start))
assert np.allclose(inversion.delta, delta[one]) and inversion.iterations <= 3
print(f"{inversion.iterations} rounds; in the last, delta moved by less than 1e-13")

# %% [markdown]
# One round arrives. On the right of (2.3) the old $\delta_j$ drops out, and $\log S_j - \log S_0$ is left: (0.2),
# wherever you start. The second round finds nothing to correct.
#
# BLP's own iteration leaves out the second bracket, the correction for the outside good. **Before you run the next
# cell:** does it need more rounds or fewer?

# %%
original = blpteach.invert_shares(shares[one], mu, weights, method="log", corrected=False,
                                  start=np.full(J, start))
assert np.allclose(original.delta, delta[one]) and 38 <= original.iterations <= 44
print(f"{original.iterations} rounds; inside share {1 - outside[one][0]:.3f}")

# %% [markdown]
# Near the solution its error shrinks by the factor $1 - s_0 = 0.445$ a round, and $0.445^{37}$ is about $10^{-13}$, the
# tolerance. A few more rounds go by before it is near. Lesson 02 says where the factor comes from.
#
# In the logit you never need to iterate: with $\mu = 0$ the answer is your line. The library has that line too, and
# starts its iterations there. (`observed_outside` is `weights.sum() - shares.sum()`, here $1 - \sum_j S_j$.)

# %%
blpteach.show(blpteach.logit_delta)
assert np.allclose(blpteach.logit_delta(shares[one], weights), delta[one])

# %% [markdown] minutes=6 ask="A popular cereal is priced higher for that reason. In which direction does least squares err?"
# ### Step 3. A regression, and why it is not enough
#
# Mean utility is now data, and (1.1) is a regression of $\delta$ on characteristics. Try least squares first, on a
# constant, mushiness and price.

# %% tags=["parameters"]
characteristics = ["mushy", "prices"]                           # price comes last

# %%
X1 = np.column_stack([np.ones(len(products)), products[characteristics]])   # (N, K1)
beta = np.linalg.lstsq(X1, delta, rcond=None)[0]
assert np.allclose(beta, [-2.935, 0.075, -7.480], atol=1e-3)
print("constant,", ", ".join(characteristics) + ":", beta.round(3))

# %% [markdown]
# The price coefficient has the right sign. Is its size believable? Equation (0.3) below turns it into elasticities: the
# own elasticity is `beta_price * prices * (1 - shares)`. A firm that faces an elasticity between $-1$ and 0 would gain
# by raising its price. It would sell less, earn more, and bear less cost.
#
# **Before you run the next cell:** for how many of the 2,256 rows is demand that inelastic?

# %%
own = beta[-1] * prices * (1 - shares)
assert abs(own.mean() - -0.923) < 1e-3 and abs((own > -1).sum() - 1483) <= 1
print(f"mean own elasticity {own.mean():.3f}; inelastic: {(own > -1).sum()} of {own.size}")

# %% [markdown]
# Two thirds. Either the makers leave money on the table or the coefficient is too small in size. There is a reason to
# suspect the coefficient.
#
# Firms see $\xi$. A cereal that people love can ask for a higher price. So price is correlated with the error: it is
# **endogenous**. Least squares looks at expensive cereals that sell well and concludes that people hardly mind
# the price.
#
# Part of $\xi$ belongs to the product, wherever it is sold: its recipe, its name. **Product fixed effects** take out
# that part. With it go the characteristics that are the same in all markets, such as mushiness and sugar. (Their
# tastes can be recovered afterwards, by a regression of the product effects on the characteristics. Nevo does so. For
# elasticities the price coefficient is enough.) By Frisch, Waugh and Lovell, product effects are the same as
# subtracting from each column the product's own average:
#
# $$\tilde{x}_{jt} = x_{jt} - \bar{x}_j. \tag{3.10}$$

# %% tags=["build"]
def absorb_effects(values, effects):
    """(3.10): columns (N, K) less the averages of their groups, which stand in `effects` (N, 1)."""
    values = pd.DataFrame(values)
    return (values - values.groupby(effects[:, 0]).transform("mean")).to_numpy()    # (N, K)

# %% [markdown]
# **Before you run the next cell:** what should happen to $-7.480$ when each cereal is compared only with itself in
# other markets?

# %%
effects = products[["product_ids"]].to_numpy()                  # (N, 1)
y = absorb_effects(delta[:, None], effects)[:, 0]               # (N,)
X = absorb_effects(prices[:, None], effects)                    # (N, 1)
beta_price_ls = (X[:, 0] @ y) / (X[:, 0] @ X[:, 0])
assert abs(beta_price_ls - -28.950) < 1e-3
print(f"least squares with product effects: {beta_price_ls:.3f}")

# %% [markdown]
# Nearly four times as large. Within a product there is still a part of $\xi$ that varies over markets, such as a
# local advertising campaign, and firms may price by it. For that part we need **instruments** $z_{jt}$ (a row of
# `Z`): things that move prices and have nothing to do with $\xi$. The data come with 20 of them. (Nevo does not say
# how each was made. Where good instruments come from is the question of lessons 03 and 07.) The requirement is
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad \text{in the sample} \quad g = Z'\xi / N. \tag{3.1}$$
#
# With 20 moments and one coefficient, not all of $g$ can be zero. The estimate makes it as small as possible: with
# weights $W$ it minimises the objective
#
# $$q = N g'Wg. \tag{3.2}$$
#
# As $\xi = y - X\beta$ is linear in $\beta$, the minimum has a formula:
#
# $$\beta = (X'Z\,W\,Z'X)^{-1} X'Z\,W\,Z'y. \tag{3.3}$$
#
# With the weights
#
# $$W = (Z'Z / N)^{-1} \tag{3.5}$$
#
# this is two-stage least squares. All columns, $y = \delta$ included, are net of product averages.

# %% tags=["build"]
def weighting_2sls(Z):
    """(3.5): weights (M, M) of the moments."""
    return np.linalg.inv(Z.T @ Z / len(Z))                      # (M, M)


def iv_gmm(y, X, Z, W):
    """(3.3): coefficients (K1,) that minimise the objective (3.2)."""
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (K1,)

# %% [markdown]
# **Before you run the next cell:** if firms price by $\xi$ within a product too, on which side of $-28.950$ will the
# estimate be, and how far?

# %%
names = [f"demand_instruments{k}" for k in range(20)]
Z = absorb_effects(products[names].to_numpy(), effects)         # (N, M)
beta_price = iv_gmm(y, X, Z, weighting_2sls(Z))[0]
assert abs(beta_price - -30.098) < 1e-3
print(f"instruments and product effects: {beta_price:.3f}")

# %% [markdown]
# Larger in size, as expected, and by little. Now the same from the library. `concentrate` multiplies out the matrix in
# front of $y$ by a QR decomposition, which loses fewer digits than your inverse. Lesson 03 takes it apart.

# %%
blpteach.show(blpteach.iv_gmm)
assert np.allclose(blpteach.iv_gmm(y, X, Z, blpteach.weighting_2sls(Z)), beta_price)

# %% [markdown]
# `blpteach.Problem` reads a table and does all steps. `linear` is the formula of the characteristics with mean tastes,
# `absorb` names the fixed effects. Columns called `demand_instruments...` are found by their names.

# %%
logit = blpteach.Problem(products, linear="0 + prices", absorb="product_ids")
estimates = logit.estimate()
assert np.allclose(estimates.beta[0], -30.098, atol=1e-3)
assert abs(estimates.beta_se[0] - 1.019) < 1e-3
estimates

# %% [markdown]
# The number in parentheses is the standard error, with one more digit 1.019, robust to heteroskedasticity. (Lesson 03
# derives it.) `objective` is (3.2) at its minimum. The last lines are the library's checks. They become interesting in
# lesson 04.
#
# The two other estimates need one change. Exogenous columns, such as the constant and mushiness, are always their own
# instruments. `instruments=["prices"]` adds the price to them. Then $Z = X$, and (3.3) is least squares.

# %%
by_ls = blpteach.Problem(products, linear="1 + mushy + prices", instruments=["prices"]).estimate()
by_effects = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                              instruments=["prices"]).estimate()
rows = {"least squares": by_ls, "product effects": by_effects, "and instruments": estimates}
table = pd.DataFrame({name: [e.beta[-1], e.beta_se[-1], e.own_elasticities().mean()]
                      for name, e in rows.items()}, ["beta_price", "se", "mean elasticity"]).T
assert np.allclose(table["beta_price"], [beta[-1], beta_price_ls, -30.098], atol=1e-3)
table.round(3)

# %% [markdown]
# Read the first column downwards. Nearly all of the change comes from the *product effects*, hardly any from the
# *instruments*. The next picture shows where the first part comes from. On the left, small dots are the rows of the
# table, and large dots are the averages of one cereal over the 94 markets. Both panels have the same scale, so that
# slopes can be compared.
#
# **Before you run the next cell:** does the line through the 24 averages rise or fall?

# %%
from blpteach.plots.miniature import Slopes

picture = Slopes(delta, prices, effects[:, 0], slope=beta_price_ls, iv_slope=beta_price)
picture

# %%
(slope, _), covariance = np.polyfit(*picture.means.T, 1, cov=True)
moved = beta_price / beta_price_ls - 1
assert abs(slope - 9.73) < 0.01 and abs(covariance[0, 0]**0.5 - 5.20) < 0.01
assert abs(moved - 0.0397) < 1e-3
print(f"across products {slope:+.2f} (standard error {covariance[0, 0]**0.5:.2f})")
print(f"instruments move the price coefficient by {100 * moved:.1f} percent")

# %% [markdown]
# Across products "demand" slopes upward, if anything: that is what one sees if better cereals cost more. Within a
# product it slopes downward. Plain least squares mixes the two. The two lines on the right can hardly be told apart.
#
# So on these artificial data the instruments change little once the product effects are in. Don't take that
# as a rule. Exercise 0.3 finds the reason. Lesson 03 uses real automobiles, where the instruments bite.

# %% [markdown] minutes=4 ask="Twenty moments, one coefficient. What can be tested, and what can't?"
# ### Do the instruments agree with each other?
#
# Any one of the 20 instruments would give an estimate. If all are valid, all these estimates aim at the same number.
# Nine of them are strong: each explains, alone, more than a tenth of the price variation within a product.
#
# **Before you run the next cell:** all 20 together gave $-30.098$ with a standard error of 1.019. How far from it will
# the nine be, each used alone?

# %% tags=["parameters"]
strong = 0.1                                                    # R squared of one instrument

# %%
r_squared = np.corrcoef(Z.T, X[:, 0])[-1, :-1]**2               # (M,) of price on each instrument
alone = {k: blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                             instruments=[names[k]]).estimate()
         for k in np.flatnonzero(r_squared > strong)}
singles = pd.DataFrame({k: [e.beta[0], e.beta_se[0]] for k, e in alone.items()}, ["beta_price", "se"])
assert list(alone) == [5, 8, 13, 14, 15, 16, 17, 18, 19]
assert np.allclose(singles.loc["beta_price", [5, 8, 14, 16]], [-20.08, -19.67, -26.33, -32.01], atol=0.01)
singles.round(1)

# %% [markdown]
# Instruments 5 and 8 say $-20$, the other seven $-26$ to $-32$. With standard errors of 1 to 3 that is much.
#
# The **overidentification test** (Hansen's $J$) judges all 20 at once. It is the objective (3.2) at its minimum, with
# the two-step weights of lesson 03. If the model and all the instruments are right, it is a draw from a $\chi^2$
# distribution with $20 - 1 = 19$ degrees of freedom, whose mean is 19. It takes the 2,256 rows as independent. The 24
# cereals of a market may share a shock, so the second line lets them: only the 94 markets are independent there.
#
# **Before you run the next cell:** will $J$ reject in both lines, and in which is it larger?

# %%
from scipy.stats import chi2

two_step = logit.estimate(steps=2)
by_market = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                             clusters="market_ids").estimate(steps=2)
assert np.allclose([two_step.objective, by_market.objective], [187.5, 64.6], atol=0.1)
for name, e in {"rows": two_step, "markets": by_market}.items():
    print(f"{name} independent: J = {e.objective:.1f}, p value {chi2.sf(e.objective, df=19):.0e}")

# %% [markdown]
# With related rows allowed for, $J$ is a third of what it was, and it still rejects: the moments contradict each other.
# Some instruments are invalid, or the model is wrong: $J$ can't say which. A standard error describes how the estimate
# varies if the model is right, so keep this $J$ in mind when you read 1.019. Lesson 03 explains the test and the
# clusters. What looks wrong with the logit comes soon.

# %% [markdown] minutes=2 ask="Which of the steps so far had to know a parameter before it could begin?"
# ### Step 4. Nothing to search
#
# Where is the outer loop, the search that BLP is known for? Look at what Steps 1 to 3 needed to know.
#
# - Step 2 needed shares. It needed no parameter, because $\mu = 0$. Hence $\delta$ is computed *once*.
# - Given $\delta$, the tastes $\beta$ solve the linear system (3.3). No search there either.
#
# A search is for parameters that enter $\mu$: how strongly tastes differ between consumers. They are called $\theta_2$
# (`theta2`). Change them and $\delta$ must be found anew, then $\beta$, then the moments. The logit has no
# $\theta_2$. Its Step 4 is one evaluation, and one linear solve gives the only minimum.

# %%
assert len(estimates.theta2) == 0 and estimates.evaluations == 1
print(len(estimates.theta2), "parameters,", estimates.evaluations, "evaluation of the objective")

# %% [markdown]
# In lesson 04 the same data have 13 such parameters, and the objective is evaluated until no step improves it.

# %% [markdown] minutes=5 ask="By (0.3), a cereal doubles its price and keeps its share. What happens to its own elasticity?"
# ### Step 5. Elasticities
#
# The elasticity of product $j$'s share in the price of $l$ is, in every model of this course,
#
# $$e_{jl} = \frac{p_l}{s_j} \frac{\partial s_j}{\partial p_l}. \tag{5.3}$$
#
# Differentiate (1.3) to get the logit's, market index dropped:
#
# $$e_{jj} = \beta_{\text{price}}\, p_j (1 - s_j), \qquad e_{jl} = -\beta_{\text{price}}\, p_l s_l
# \quad (l \ne j). \tag{0.3}$$

# %% tags=["parameters"]
product, few = "F2B19", ["F2B19", "F2B26", "F6B18", "F4B02"]    # the last is the most expensive

# %% tags=["build"]
def logit_elasticities(beta_price, prices, shares):
    """(0.3): elasticities (J, J), of the share in row j, in the price of column l."""
    cross = -beta_price * prices * shares                       # (J,) the same in every row
    return np.diag(beta_price * prices) + cross                 # (J, J)

# %% [markdown]
# **Before you run the next cell:** a table of four products has 12 cross elasticities. How many different numbers?

# %%
E = logit_elasticities(beta_price, prices[one], shares[one])
assert np.allclose(E, estimates.elasticities("C01Q1"))
estimates.elasticities(market).loc[few, few].round(3)

# %% [markdown]
# Four. Read down a column: how all shares respond to one price. Remember how the column of `F2B19` looks. We come
# back to it.
#
# > **A common error.** A formula that circulates gives the elasticity as $s_l (\delta_{jl} - \sum_m s_m \delta_{ml})$
# > where $\delta_{jl}$ is no utility but 1 for $j = l$ and 0 otherwise. The sum is $s_l$, so the formula says
# > $s_l (1\{j = l\} - s_l)$. On the diagonal that is the derivative of the share in *mean utility*. An elasticity in
# > price must have the price and its coefficient in it. A small price change decides between the two.

# %%
j = list(products["product_ids"][one]).index(product)
dearer = delta[one].copy()
dearer[j] += beta_price * prices[one][j] * 1e-6                 # price j up by a millionth
numeric = (np.log(logit_shares(dearer)) - np.log(shares[one])) / 1e-6       # (J,) column j
wrong = shares[one][j] * ((np.arange(J) == j) - shares[one][j])
assert np.allclose(numeric, E[:, j], atol=1e-4) and abs(E[j, j] - -3.003) < 1e-3
assert abs(wrong[j] - 0.090) < 1e-3
print(f"own elasticity: derivative {numeric[j]:.3f}, (0.3) {E[j, j]:.3f}, error {wrong[j]:.3f}")

# %% [markdown]
# The erroneous formula even has the wrong sign. Over all markets the mean own elasticity is $-3.713$. With the two-step
# weights it is $-3.706$.

# %%
own = estimates.own_elasticities()                              # (N,)
assert np.allclose([own.mean(), two_step.own_elasticities().mean()], [-3.713, -3.706], atol=1e-3)
assert own.max() < -1
print(f"mean own elasticity {own.mean():.3f}, two-step {two_step.own_elasticities().mean():.3f}; "
      f"inelastic: {(own > -1).sum()}")

# %% [markdown]
# No row is inelastic any more.

# %% [markdown] minutes=5 ask="What must we assume about how firms set prices before a price can tell us a cost?"
# ### Markups, without cost data
#
# What does a serving cost its maker? Nobody tells us. But a price reveals something, *if we assume how it was set*. The
# assumptions:
#
# - each serving of $j$ costs its maker $c_j$, however many are made (constant marginal cost);
# - a firm sets the prices of *all* its cereals to maximise their joint profit, $\sum_{l \in f} (p_l - c_l) s_l$
#   times the market size;
# - it takes the prices of its rivals as given, and so do they: **Bertrand-Nash** competition in prices.
#
# None of this is in the demand estimates. Cereal makers that collude, or a supermarket that sets prices itself, would
# need other conditions.
#
# Under these assumptions a small change of $p_j$ gains nothing:
# $s_j + \sum_{l \in f} (\partial s_l / \partial p_j)(p_l - c_l) = 0$. There is one such condition for
# each product of a market. Stacked, they give the margins $\eta = p - c$:
#
# $$\eta = -(H * D')^{-1} s, \tag{5.6}$$
#
# where $D_{jl} = \partial s_j / \partial p_l$ and $H_{jl} = 1$ if $j$ and $l$ have the same owner, else 0. The product
# $*$ is element by element. Lesson 05 derives it.

# %% tags=["parameters"]
market = "C01Q1"

# %% tags=["build"]
def margins(shares, jacobian, ownership):
    """(5.6): margins (J,) from shares (J,), the share Jacobian D (J, J) and ownership H (J, J)."""
    return np.linalg.solve(-ownership * jacobian.T, shares)     # (J,)

# %%
one = (products["market_ids"] == market).to_numpy()
E = logit_elasticities(beta_price, prices[one], shares[one])
D = E * shares[one][:, None] / prices[one]                      # (J, J) from (5.3)
firms = products["firm_ids"].to_numpy()[one]                    # (J,)
H = (firms[:, None] == firms).astype(float)                     # (J, J)
eta = margins(shares[one], D, H)
assert np.allclose(eta / prices[one], estimates.markups("C01Q1"))

# %%
ids = products["product_ids"].to_numpy()[one]
listed = pd.DataFrame({"firm": firms, "price": prices[one], "margin": eta}, ids)
listed.loc[["F1B04", "F1B06", "F2B05", "F2B19", "F6B18"]].round(4)

# %% [markdown]
# Within a firm the margins are equal, although the prices are not. Exercise 0.6 asks why.
#
# `estimates.markups()` gives the margin as a fraction of price, $(p - c)/p$, the **Lerner index**. **Before you run the
# next cell:** what does plain least squares, with its small price coefficient, imply for it, and for the costs?

# %%
lerner, lerner_ls = estimates.markups(), by_ls.markups()        # (N,)
assert abs(lerner.mean() - 0.333) < 1e-3 and abs(lerner_ls.mean() - 1.339) < 1e-3
assert abs((lerner_ls > 1).mean() - 0.816) < 1e-3 and (lerner > 1).sum() <= 2
for name, index in {"instruments": lerner, "least squares": lerner_ls}.items():
    print(f"{name}: mean Lerner index {index.mean():.3f}, "
          f"cost negative in {(index > 1).sum()} of {T * J} rows")
print(f"price in that one row: {prices[lerner > 1].max():.4f}; lowest of all: {prices.min():.4f}")

# %% [markdown]
# Least squares implies margins above the price itself, hence negative costs, in 82 percent of the rows. Under these
# assumptions on pricing its coefficient can't be right. With product effects and instruments one row of 2,256 is
# left, among the cheapest of all.

# %% [markdown] minutes=4 ask="Firms 1 and 2 merge. Which entries of H change, and which of D?"
# ### A merger
#
# Firm 1 takes over firm 2. What changes is whose profits count when a price is set: $H$. Demand and costs stay.
#
# Equation (5.6) with the new $H$ gives new margins at the *old* shares, and $p = c + \eta$ new prices. That is
# one step. At the new prices people buy other things, so that (5.6) gives yet other margins. The **equilibrium** is
# where prices and margins agree. Lesson 05 finds it. In the library it is one line.
#
# **Before you run the next cell:** whose prices rise more, firm 1's or firm 2's? Do the others' rise or fall? Is one
# step too much or too little?

# %% tags=["parameters"]
buyer, target = 1, 2

# %%
owners = products["firm_ids"].replace({target: buyer})
merged = blpteach.Problem(products.assign(firm_ids=owners), linear="0 + prices",
                          absorb="product_ids").estimate()
one_step = merged.markups() - estimates.markups()               # (N,) change of price / price
equilibrium = estimates.merger_prices({target: buyer}) / prices - 1
rises = 100 * pd.DataFrame({"one step": one_step, "equilibrium": equilibrium})
assert np.allclose(rises.groupby(products["firm_ids"]).mean().loc[1:2],
                   [[9.75, 6.01], [10.97, 7.52]], atol=0.01)
rises.groupby(products["firm_ids"]).mean().round(2)

# %%
parties = products["firm_ids"].isin([buyer, target])
means = rises[parties].mean()
cents = 100 * pd.Series(estimates.markups() * prices).groupby(products["firm_ids"]).mean()
assert np.allclose(means, [10.36, 6.76], atol=0.01)
assert np.allclose(cents[[1, 2]], [4.21, 3.96], atol=0.01)
print(f"merging firms: one step {means.iloc[0]:.1f} percent, equilibrium {means.iloc[1]:.1f}")
print(f"margins before: firm {buyer} {cents[buyer]:.2f} cents, firm {target} {cents[target]:.2f}")

# %% [markdown]
# All cereals of one owner earn the same margin. Firm 1's and firm 2's rise to a common one. Firm 2 had the smaller
# margin, 3.96 cents against 4.21 on average, so its prices rise more. (In `C01Q1` alone it was the other way round.)
# The others follow a little: they get some of the buyers who leave, and a larger firm asks for a larger margin.
#
# > **A common error.** "After a merger, compute the new markups and add them to costs." At the old shares that says
# > 10.4 percent. But as the merged firm raises its prices its share falls, and the margin that suits it falls with
# > it. In the new equilibrium its prices are 6.8 percent higher, not 10.4. A merger changes ownership. Costs are
# > held, and *all* first-order conditions are solved again.
#
# How far can we trust either number? As far as the model knows who competes with whom. The halved price tests that.

# %% [markdown] minutes=5 ask="Who would buy F2B19 at half the price, and what do they eat today?"
# ### The halved price
#
# `F2B19` is sweet and crisp. `F2B26`, of the same firm, is its twin: same sugar content, also crisp. `F6B18` has no
# sugar at all.

# %% tags=["parameters"]
product, twin, unsweet = "F2B19", "F2B26", "F6B18"
change = -0.5                                                   # of its price, as a fraction

# %%
view = products[one].set_index("product_ids")[["sugar", "mushy", "prices", "shares"]]
lowest = products.loc[products["product_ids"] == product, "prices"].min()
assert abs(lowest - 0.0787) < 1e-4
print(f"lowest price of {product} in any market: {lowest:.4f}")
view.loc[[product, twin, unsweet]].round(4)

# %% [markdown]
# Halve the price of `F2B19` in market `C01Q1` and leave all other prices as they are. (The new price, 5.5 cents, was
# never observed for this cereal: the lowest is 7.9. The logit continues its straight line.) Mean utility rises by
# $-\beta_{\text{price}}\, p_j / 2$, and new shares follow from (1.3).
#
# **Before you run the next cell:** the share of `F2B19` goes up. Which loses the larger *fraction* of its buyers, the
# twin or the cereal without sugar? Write down a guess for both.

# %%
cheaper = delta[one].copy()
j = list(ids).index(product)
cheaper[j] += beta_price * prices[one][j] * change
view["new"] = logit_shares(cheaper)
view["percent"] = 100 * (view["new"] / view["shares"] - 1)
assert np.isclose(view["new"]["F2B19"], 0.371, atol=1e-3)
view.loc[[product, twin, unsweet], ["shares", "new", "percent"]].round(4)

# %% [markdown]
# The same percentage, to the last digit. And not only these two:

# %%
from blpteach.plots.miniature import PriceChange

rivals = view["percent"].drop(product)
outside_percent = 100 * ((1 - view["new"].sum()) / (1 - view["shares"].sum()) - 1)
assert np.allclose(rivals, outside_percent) and abs(outside_percent - -30.1) < 0.05
PriceChange(estimates, market, product, near=twin, far=unsweet, change=100 * change)

# %% [markdown]
# Every rival loses 30.1 percent of its buyers, and so does the outside good. (That this looks like the price
# coefficient is an accident.) The right panel counts the new buyers of `F2B19`: 62 of 100 come from the outside good.
# Before the change, 62 percent of those who did not buy `F2B19` chose the outside good. The logit can't say anything
# else.
#
# The reason stands in (1.3). For two products $j$ and $k$
#
# $$\frac{s_j}{s_k} = e^{\delta_j - \delta_k}. \tag{0.4}$$
#
# No third product is in it. When `F2B19` takes buyers, it must take them in proportion, so that all other ratios
# stay. This is the **independence of irrelevant alternatives**, IIA. In the matrix of elasticities it is the column of
# `F2B19`: one number, repeated, except for its own.
#
# It is absurd. Somebody who likes a sweet, crisp cereal and now buys `F2B19` would have bought another sweet, crisp
# cereal. The logit does not know, for it has no consumer who *likes sweet cereals*. All consumers have the same
# $\beta$, and their whims $\varepsilon$ know nothing of sugar.
#
# Did the data say that rivals are all alike? Take any price coefficient and see.

# %%
for value in (-10, -30, -60):
    trial = delta[one].copy()
    trial[j] += value * prices[one][j] * change
    percent = 100 * (logit_shares(trial) / shares[one] - 1)[np.arange(J) != j]
    assert np.ptp(percent) < 1e-9
    print(f"beta_price = {value}: from {percent.min():.2f} to {percent.max():.2f} percent")

# %% [markdown]
# The estimate sets the size of the loss. That all lose the same fraction is built in, and no data can change it.
#
# **The halved price comes back in each of the next lessons, until the answer is one that you would defend to a
# grocer.** What is missing is the term $\mu_{ijt}$: consumers whose tastes differ.

# %% [markdown] minutes=3 ask="The inversion fits every share exactly. Is that evidence for the model?"
# ## Check it
#
# *Is the inversion exact?* Put $\delta$ through (1.3) in all markets. The library's $\delta$ and yours must agree,
# and the model's shares must be the observed ones. This would hold with any $\beta$, because $\xi$ takes up the rest.
# It checks the code, and says nothing about the model's truth.

# %%
assert np.allclose(estimates.delta, delta)
gap = abs(estimates.shares - shares).max()
assert gap < 1e-12
print("model shares and observed shares differ by less than 1e-12")

# %% [markdown]
# *Does the method find a truth that we know?* Make an economy of 400 markets with 10 products each. Price is a cost
# shifter `z` plus part of $\xi$: firms that sell something good ask for more. The true price coefficient is $-2$.

# %% tags=["parameters"]
truth, endogeneity, seed = -2.0, 0.8, 1

# %%
rng = np.random.default_rng(seed)
z, xi = rng.normal(size=(2, 400, 10))                           # (T, J) each
price = 3 + z + endogeneity * xi
made = pd.DataFrame({"market_ids": np.repeat(np.arange(400), 10), "prices": price.ravel(),
                     "shares": logit_shares(1 + truth * price + xi).ravel(),
                     "demand_instruments0": z.ravel()})

# %% [markdown]
# Now forget $\xi$. All we have are prices, shares and `z`.
#
# **Before you run the next cell:** on which side of $-2$ will least squares be?

# %%
found = {"least squares": blpteach.Problem(made, linear="1 + prices", instruments=["prices"]),
         "instruments": blpteach.Problem(made, linear="1 + prices")}
found = {name: problem.estimate() for name, problem in found.items()}
bias = found["least squares"].beta[1] - truth
assert abs(bias - 0.8 / 1.64) < 0.06 and abs(found["instruments"].beta[1] - -2.009) < 1e-3
assert abs(found["instruments"].beta_se[1] - 0.016) < 1e-3
pd.DataFrame({name: [e.beta[1], e.beta_se[1]] for name, e in found.items()},
             ["beta_price", "se"]).T.round(3)

# %% [markdown]
# Least squares is too close to zero by about $\mathrm{cov}(p, \xi) / \mathrm{var}(p) = 0.8 / 1.64 = 0.49$.
# The instrument gives $-2.009$ with a standard error of 0.016: within one of the truth. Here instruments bite,
# because we made prices endogenous. (One sample is an example. Change the seed and look
# again.)

# %% [markdown] minutes=6 ask="Nobody observes how many breakfasts were possible. Which of our results depend on that number?"
# ## Play
#
# One number in the table is nobody's observation: the size of the market. "All servings that people could have
# eaten" is a judgement. If the market is twice as large as assumed, all shares are half as large, and the outside good
# gets the rest. The next function estimates everything anew under another market size.

# %% tags=["parameters"]
sizes = (1, 2, 4)                                               # times the market of the table

# %%
def other_market(size):
    table = products.assign(shares=products["shares"] / size)
    model = blpteach.Problem(table, linear="0 + prices", absorb="product_ids").estimate()
    merged = blpteach.Problem(table.assign(firm_ids=owners), linear="0 + prices",
                              absorb="product_ids").estimate()
    E = np.array(list(model.elasticities().values()))                       # (T, J, J)
    leave = np.array([np.diag(d) for d in model.diversion_ratios().values()])     # (T, J)
    rise = model.merger_prices({target: buyer}) / prices - 1                # (N,)
    return {"price coefficient": model.beta[0], "own elasticity": model.own_elasticities().mean(),
            "Lerner index": model.markups().mean(), "diversion to outside": leave.mean(),
            "cross elasticity": E[:, ~np.eye(J, dtype=bool)].mean(),
            "merger: equilibrium": rise[parties].mean(),
            "merger: one step, p = c + η": (merged.markups() - model.markups())[parties].mean()}

# %% [markdown]
# It returns seven results, each a mean over markets and products:
#
# - the price coefficient, the mean own elasticity and the mean Lerner index;
# - the mean **diversion ratio** to the outside good: of those who leave a product as its price rises a little, the
#   fraction that leaves cereals altogether (the library keeps it on the diagonal of its matrix);
# - the mean cross elasticity, over all pairs of cereals in a market;
# - the merger of firms 1 and 2: the mean change of the prices of their 18 cereals over the 94 markets, as a fraction,
#   in the new equilibrium and after one step.
#
# **Before you run the next cell:** which of the seven will hardly move when the market is twice as large, and which
# a lot? Think of (0.2). What does halving all shares do to $\log s_{jt}$, and to $\log s_{0t}$?

# %%
results = pd.DataFrame({f"market x {size}": other_market(size) for size in sizes})
assert np.allclose(results.loc["price coefficient"], [-30.098, -29.713, -29.595], atol=2e-3)
assert np.allclose(results.loc["own elasticity"], [-3.713, -3.701, -3.704], atol=2e-3)
assert np.allclose(results.loc["Lerner index"], [0.333, 0.307, 0.296], atol=2e-3)
assert np.allclose(results.loc["diversion to outside"], [0.535, 0.770, 0.885], atol=2e-3)
assert np.allclose(results.loc["cross elasticity"], [0.072, 0.035, 0.018], atol=1e-3)
assert np.allclose(results.iloc[5:], [[0.068, 0.029, 0.013], [0.104, 0.035, 0.015]], atol=1e-3)
results.round(3)

# %% [markdown]
# The price coefficient moves by about one percent. Halving shares shifts every $\log s_{jt}$ by the same constant,
# which the product effects absorb. Only $\log s_{0t}$ moves differently from market to market. The own elasticity
# contains $1 - s_j$, which was near one already. The Lerner index falls by 8 percent: a smaller firm wins back fewer
# of the buyers that one of its cereals loses.
#
# Whatever concerns *who loses buyers to whom* moves a lot. Cross elasticities halve with the shares, by (0.3).
# Diversion to the outside good goes from 0.535 to 0.770: in the logit it follows from shares alone (exercise 0.5 asks
# how), and $s_0$ was assumed. The merger matters less, because the two firms compete with each other less: 10.4
# percent become 3.5 in one step, 6.8 become 2.9 in equilibrium.
#
# Here is the market twice as large as a picture. In the bar at its top, the blue part is what was bought, and it is
# data. The grey part is what could have been bought, and it is assumed.

# %%
from blpteach.plots.miniature import MarketSize

MarketSize(logit, market_size=2)

# %% [markdown]
# Now with sliders. The logit is estimated anew as you move. (Click a slider, then use the arrow keys for small steps.)
#
# **Before you move them:** suppose that a competition authority lets a merger pass if equilibrium prices rise by less
# than 5 percent. Firm 1 and firm 2 say that the market is larger than you think. How much larger must it be for their
# merger to pass? And when the second slider chooses another merger, which of the bars keep their length?

# %%
from blpteach.widgets.miniature import market_size

market_size(logit)

# %%
near = {size: other_market(size)["merger: equilibrium"] for size in (1.25, 1.3)}
assert near[1.25] > 0.05 > near[1.3] and abs(near[1.3] - 0.048) < 1e-3
print("; ".join(f"market x {size}: {rise:.2%}" for size, rise in near.items()))

# %% [markdown]
# A market larger by 30 percent is enough. Nobody has observed that it is not, and the price coefficient, with its
# small standard error, does not notice. Choosing another merger moves the two merger bars alone, and whichever merger
# it is, they shrink with the market.
#
# So a result about *who loses buyers to whom* may rest on an assumption about breakfast. When you read a paper, look
# for the sentence on market size, and for the results under another one.

# %% [markdown] minutes=3 ask="Exercise 0.1: look only at prices. Which product is it?"
# ## Exercises
#
# Put your answer in place of the dots, run that cell, then the check below it. A wrong answer is told which mistake it
# looks like. `blpteach.hint("0.1")` gives a hint. The exercises use the names of the lesson (`E`, `y`, `X`, `Z`,
# `shares`, ...) at the settings that it came with.

# %% [markdown]
# ### Exercise 0.1 · 5 minutes · easy
#
# In market `C01Q1`, which product has the most elastic demand? The answer is its id, a string. (The matrix `E` holds
# the elasticities of this market, in the order of `ids`.) Then look up its price, and that of the product with the
# least elastic demand. What elasticity does (0.3) give a cheap cereal, whether people like it or not?

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
answer = ids[np.diag(E).argmin()]
least_elastic = ids[np.diag(E).argmax()]
assert (answer, least_elastic) == (view["prices"].idxmax(), view["prices"].idxmin())
print(f"most elastic: {answer}, the most expensive; least: {least_elastic}, the cheapest")
assert blpteach.check("0.1", answer)

# %% tags=["check"]
blpteach.check("0.1", answer)

# %% [markdown] tags=["solution"]
# With small shares the own elasticity is nearly `beta_price` times price. The most expensive cereal has the most
# elastic demand for that reason alone. One would rather expect buyers of expensive goods to mind the price less. This
# too is the functional form speaking. Random tastes for price can loosen it.

# %% [markdown]
# ### Exercise 0.2 · 10 minutes · medium
#
# Compute the price coefficient as the name "two-stage least squares" says: regress price on the instruments, then
# regress $\delta$ on the *fitted* price. Use `X` (N, 1), `Z` (N, M) and `y` (N,), all net of product averages. No
# constant is needed: why? The answer is one number, in utils per dollar, with its sign.

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
first_stage = np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]        # (M,)
fitted = Z @ first_stage                                        # (N,)
answer = (fitted @ y) / (fitted @ fitted)
assert np.isclose(answer, beta_price)
print(f"two stages {answer:.3f}, formula (3.3) {beta_price:.3f}")
assert blpteach.check("0.2", answer)

# %% tags=["check"]
blpteach.check("0.2", answer)

# %% [markdown] tags=["solution"]
# All columns have mean zero, so a constant would be estimated as zero.

# %% [markdown]
# ### Exercise 0.3 · 5 minutes · easy
#
# How strong is the first stage? Compute the F statistic of the hypothesis that all $M = 20$ instruments have
# coefficient zero in the regression of price (`X`) on `Z`. Errors are taken to be homoskedastic. The degrees of
# freedom are $M$ and $N - J - M$: the $J$ product averages were estimated too. The answer is one number.
#
# Then think: what does its size say about why the instruments moved the estimate so little?

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
fit = Z @ np.linalg.solve(Z.T @ Z, Z.T @ X[:, 0])               # (N,)
unexplained = X[:, 0] - fit
answer = (fit @ fit / 20) / (unexplained @ unexplained / (len(y) - J - 20))
r_squared = 1 - (unexplained @ unexplained) / (X[:, 0] @ X[:, 0])
assert abs(r_squared - 0.968) < 1e-3
print(f"F = {answer:.0f}; R squared of the first stage {r_squared:.3f}")
assert blpteach.check("0.3", answer)

# %% tags=["check"]
blpteach.check("0.3", answer)

# %% [markdown] tags=["solution"]
# The instruments explain 97 percent of the price variation within a product. The fitted price is nearly the price, so
# two stages and least squares come out close, *whether or not the instruments are valid*. A strong first stage says that
# the instruments move the price. It says nothing about $\xi$. Real first stages are rarely so strong.

# %% [markdown]
# ### Exercise 0.4 · 10 minutes · medium
#
# The new shares after a price change can be computed without $\delta$ and without $\xi$. Write a function of
#
# - `shares` (J,): the shares of a market before the change;
# - `beta_price`: one number, utils per dollar;
# - `change` (J,): by how many dollars each price changes;
#
# that returns the shares (J,) after the change. Prices may all change at once. Use (0.2) to replace $e^{\delta_j}$ in
# (1.3).

# %% tags=["exercise"]
def new_shares(shares, beta_price, change):
    """Shares (J,) after the prices changed by `change` (J,) dollars."""
    return ...

# %% tags=["solution"]
def new_shares(shares, beta_price, change):
    outside = 1 - shares.sum()
    grown = shares * np.exp(beta_price * change)                # (J,) s_j exp(change of utility)
    return grown / (outside + grown.sum())                      # (1.3) times s_0 above and below

halved = np.where(ids == "F2B19", -0.5 * prices[one], 0)        # (J,) dollars
after = new_shares(shares[one], beta_price, halved)
assert abs(after[list(ids).index("F2B19")] - 0.371) < 1e-3
assert blpteach.check("0.4", new_shares)

# %% tags=["check"]
blpteach.check("0.4", new_shares)

# %% [markdown] tags=["solution"]
# By (0.2), $e^{\delta_j} = s_j / s_0$. After the change $e^{\delta_j}$ is multiplied by
# $g_j = e^{\beta_{\text{price}} \Delta p_j}$. Put both into (1.3) and multiply above and below by $s_0$:
# $s_j^{\text{new}} = s_j g_j / (s_0 + \sum_m s_m g_m)$. All products that keep their price have $g_j = 1$
# and are divided by the same number. That is IIA once more.

# %% [markdown]
# ### Exercise 0.5 · 10 minutes · medium
#
# Derive from (1.3) which fraction of those who leave product $j$, as its price rises a little, goes to the outside
# good. Then write a function of
#
# - `shares` (J,): the shares of a market at the size that the table assumes;
# - `market_size`: one number, how many times as large the market is taken to be;
#
# that returns this diversion ratio for each product (J,), as a fraction, in the market of the new size.

# %% tags=["exercise"]
def to_outside(shares, market_size):
    """Diversion ratios (J,) to the outside good if the market is `market_size` times as large."""
    return ...

# %% tags=["solution"]
def to_outside(shares, market_size):
    rescaled = shares / market_size                             # (J,)
    return (1 - rescaled.sum()) / (1 - rescaled)                # (J,) s_0 / (1 - s_j)

library_says = np.diag(estimates.diversion_ratios("C01Q1"))     # (J,) at the table's size
assert np.allclose(to_outside(shares[one], 1), library_says)
of_F2B19 = [to_outside(shares[one], size)[list(ids).index("F2B19")] for size in (1, 2, 4)]
print("F2B19 at 1, 2 and 4 times the market:", np.round(of_F2B19, 3))
assert blpteach.check("0.5", to_outside)

# %% tags=["check"]
blpteach.check("0.5", to_outside)

# %% [markdown] tags=["solution"]
# From (1.3), $\partial s_0 / \partial p_j = -\beta_{\text{price}}\, s_0 s_j$ and
# $\partial s_j / \partial p_j = \beta_{\text{price}}\, s_j (1 - s_j)$. Minus their ratio is
# $s_0 / (1 - s_j)$. The price coefficient has dropped out: no estimate is left in it, only shares, and these
# depend on the market size.

# %% [markdown]
# ### Exercise 0.6 · 15 minutes · hard
#
# In the table of margins above, all products of one firm earn the same margin in dollars. Show from (5.6) and (1.3)
# that this is so in the logit, and find the margin of a firm as a formula in its products' shares. (Write the
# first-order condition of one product and try equal margins.) Then write a function of
#
# - `beta_price`: one number, utils per dollar;
# - `shares` (J,): the shares of a market;
# - `firms` (J,): the owner of each product;
#
# that returns the margins (J,) in dollars. It should need neither a loop nor a matrix to invert. Compare it with `eta`.

# %% tags=["exercise"]
def firm_margins(beta_price, shares, firms):
    """Margins (J,) in dollars of products with these owners, in the logit."""
    return ...

# %% tags=["solution"]
def firm_margins(beta_price, shares, firms):
    owned = (firms[:, None] == firms) @ shares                  # (J,) total share of the firm
    return 1 / (-beta_price * (1 - owned))                      # (0.5)

by_formula = firm_margins(beta_price, shares[one], firms)
assert np.allclose(by_formula, eta)
print(pd.Series(by_formula, firms).groupby(level=0).first().round(4).to_dict())
assert blpteach.check("0.6", firm_margins)

# %% tags=["check"]
blpteach.check("0.6", firm_margins)

# %% [markdown] tags=["solution"]
# With (1.3), $\partial s_j / \partial p_j = \beta_{\text{price}} s_j (1 - s_j)$ and
# $\partial s_l / \partial p_j = -\beta_{\text{price}} s_l s_j$. Put equal margins $\eta_f$ into the condition:
# $s_j + \beta_{\text{price}}\, s_j\, \eta_f (1 - \sum_{l \in f} s_l) = 0$. Divide by $s_j$. No $j$ is left, so equal
# margins solve all the firm's conditions, with
#
# $$\eta_f = \frac{1}{-\beta_{\text{price}} \left(1 - \sum_{l \in f} s_l\right)}. \tag{0.5}$$
#
# (5.6) has one solution, so this is it. It is a strong statement. Given the price coefficient, the firms' total shares,
# the merging ones' and the rivals', are all that matters for what a merger brings. Which products make up a firm's
# total, twins or opposites, plays no role.

# %% [markdown]
# ## In practice
#
# PyBLP, the package of Conlon and Gortmaker, computes the same. `C(product_ids)` is the fixed effect, and `1s` the
# one-step estimator.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

# %%
if pyblp:
    formula = pyblp.Formulation("0 + prices", absorb="C(product_ids)")
    theirs = pyblp.Problem(formula, products).solve(method="1s")
    assert np.allclose([theirs.beta.item(), theirs.beta_se.item()],
                       [estimates.beta[0], estimates.beta_se[0]])
    assert np.allclose(theirs.compute_elasticities(market_id="C01Q1"),
                       estimates.elasticities("C01Q1"))
    print(f"PyBLP {theirs.beta.item():.3f} ({theirs.beta_se.item():.3f}), "
          f"here {estimates.beta[0]:.3f} ({estimates.beta_se[0]:.3f})")
else:
    blpteach.stored_output()

# %% [markdown]
# What practice adds. Market size is argued for and varied: Nevo (2001) takes one serving a head and day. Instruments
# come with a story of why they move prices and not tastes. And the plain logit is a first table in a paper. It is run
# because it takes a second and shows whether the instruments move the *price*, before the model with random tastes
# that the conclusions rest on. (Random tastes need instruments of their own: lesson 03.)

# %% [markdown]
# ## Further reading
#
# - Berry, S. (1994). Estimating discrete-choice models of product differentiation. *RAND Journal of Economics* 25(2),
#   242-262. The inversion (0.2), and why it matters.
# - Nevo, A. (2000). A practitioner's guide to estimation of random-coefficients logit models of demand. *Journal of
#   Economics & Management Strategy* 9(4), 513-548. The guide to which these data belong. It goes from this logit to
#   the full model.
# - Nevo, A. (2001). Measuring market power in the ready-to-eat cereal industry. *Econometrica* 69(2), 307-342. The
#   study of real cereals: market size, instruments, and which conduct fits the margins.
# - Train, K. (2009). *Discrete Choice Methods with Simulation*, second edition. Cambridge University Press. Chapter 3
#   derives the logit from the extreme value distribution and discusses IIA at length.
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4),
#   841-890. Table III has the plain logit, with and without instruments, on the automobiles of lesson 03.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND
#   Journal of Economics* 51(4), 1108-1161. What is done today, and with which tool.
#
# **Next.** Lesson 01 opens Step 1. It gives consumers different tastes, and the halved price gets its first better
# answer.
