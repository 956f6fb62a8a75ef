# %% [markdown]
# # 00. If one cereal halves its price, who loses buyers?
#
# **The five steps in miniature**
#
# *50 minutes. You need: econometrics through instrumental variables and GMM; NumPy. No earlier lesson.*

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
# reason for the rest of the course.

# %% [markdown]
# ## What you will be able to do
#
# - say why the elasticities of many products can't be estimated one by one;
# - turn market shares into mean utilities by hand;
# - estimate a logit demand with instruments, by formula and with the library, and say what the instruments changed;
# - compute elasticities, markups and the effect of a new price;
# - explain why the logit's substitution is wrong whatever the data say, and what the market size has to do with it.

# %% [markdown]
# ## Build it
#
# ### Step 0. The table
#
# Each row is one cereal in one market. A market is a city in a quarter. The numbers are *artificial*: Nevo distributes
# them with his guide to this method (2000), so that everybody can practise on the same table. They teach the method. They
# say nothing about real cereals.

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
# - `shares`: $s_{jt}$, the fraction of the *potential* market that buys $j$.
# - `prices`: $p_{jt}$, in dollars a serving.
# - `sugar` and `mushy`: how sweet it is, and whether it gets soggy in milk (1) or stays crisp (0).
#
# The potential market is all the servings that people could have eaten. What they eat instead of these 24 cereals,
# an egg or nothing, is called the **outside good**. It has number 0, and its share is what is left:
# $s_{0t} = 1 - \sum_j s_{jt}$.

# %%
T, J = products["market_ids"].nunique(), products["product_ids"].nunique()
shares, prices = products["shares"].to_numpy(), products["prices"].to_numpy()
outside = 1 - products.groupby("market_ids")["shares"].transform("sum").to_numpy()
assert (T, J, len(products)) == (94, 24, 94 * 24) and abs(outside.mean() - 0.524) < 1e-3
print(f"{T} markets of {J} products, {len(products)} rows; mean outside share {outside.mean():.3f}")

# %%
from blpteach.plots.miniature import Market

Market(products, "C01Q1", "F2B19")

# %% [markdown]
# `F2B19`, in vermilion, sells most in this market. It is sweet (sugar 13) and crisp. We halve its price at the end.
#
# ### Why not estimate every elasticity?
#
# The direct way would be a regression for each product: its log share on the log prices of all 24 products. The
# coefficients are elasticities. There are $J^2 = 576$ of them, from $T = 94$ markets.
#
# **Before you run the next cell:** cereals are substitutes, so the 552 cross elasticities should be positive. How many
# of the estimates are negative?

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
unclear = abs(cross) < 2 * se[~np.eye(J, dtype=bool)]
assert abs(unclear.sum() - 534) <= 1
print(f"{unclear.sum()} of {cross.size} lie within two standard errors of zero")

# %% [markdown]
# With the hundred car models that BLP studied, over 20 years, the regression could not even be run. And it can say
# nothing about a product that does not exist yet.
#
# The way out is a model of the *consumer*. Products become bundles of characteristics. Consumers have tastes for
# characteristics, and there are few of those. All $J^2$ elasticities then follow from a handful of tastes.

# %% [markdown]
# ### Step 1. Utility gives market shares
#
# Consumer $i$ in market $t$ gets from product $j$ the utility
#
# $$u_{ijt} = \delta_{jt} + \varepsilon_{ijt}, \qquad u_{i0t} = \varepsilon_{i0t}, \tag{0.1}$$
#
# and takes the product with the largest. The first part, $\delta_{jt}$ (`delta`), is the **mean utility**, common
# to all consumers. The second is the consumer's own whim: $\varepsilon$ is drawn anew for each consumer and product
# from the extreme value distribution. The outside good has mean utility zero. That sets the zero of utility.
#
# Mean utility comes from characteristics:
#
# $$\delta_{jt} = x_{jt}'\beta + \xi_{jt}. \tag{1.1}$$
#
# - $x_{jt}$ (a row of `X1`) holds what we see: a constant, mushiness, *and the price*.
# - $\beta$ (`beta`) holds the tastes. The one for price is `beta_price`, in utils per dollar. It should be negative.
# - $\xi_{jt}$ (`xi`) is what consumers see and we don't: taste, advertising, a good place on the shelf.
#
# For this $\varepsilon$ the probability that product $j$ wins has a closed form, the logit:
#
# $$s_{jt} = \frac{e^{\delta_{jt}}}{1 + \sum_m e^{\delta_{mt}}}. \tag{1.3}$$
#
# The 1 in the denominator is the outside good's $e^0$. (Lesson 01 adds a term $\mu_{ijt}$ that makes consumers
# differ in their tastes. Here $\mu = 0$.)

# %%
def logit_shares(delta):
    expV = np.exp(delta)                                        # (..., J)
    return expV / (1 + expV.sum(-1, keepdims=True))             # (1.3)

logit_shares(np.array([1.0, 0.0])).round(3)

# %% [markdown]
# Is the formula right? Let 100,000 consumers choose. Each draws three values of $\varepsilon$ (outside good, product
# 1, product 2) and takes the best.
#
# **Before you run the next cell:** product 2 has the same mean utility as the outside good. What share does each get?

# %%
epsilon = np.random.default_rng(0).gumbel(size=(100_000, 3))
choice = (epsilon + np.array([0.0, 1.0, 0.0])).argmax(1)
simulated = np.bincount(choice) / len(choice)
assert np.allclose(simulated[1:], logit_shares(np.array([1.0, 0.0])), atol=0.006)
simulated.round(3)

# %% [markdown]
# The same, up to the noise of the draws. The library has two functions for this step. They carry the types of
# consumers along: `mu` (J, I) holds their taste deviations and `weights` (I,) says how many there are of each. With
# one type and `mu = 0` they are your function. Subtracting `top` keeps the exponentials from overflowing.

# %%
blpteach.show(blpteach.choice_probabilities)
blpteach.show(blpteach.market_shares)

# %%
delta = np.array([1.0, 0.0])
library = blpteach.market_shares(delta, mu=np.zeros((2, 1)), weights=np.ones(1))
assert np.allclose(library, logit_shares(delta))
library.round(3)

# %% [markdown]
# ### Step 2. Market shares give back mean utility
#
# Equation (1.3) goes from $\delta$ to shares. The data are shares. We need the way back.
#
# In the logit it takes one line. The outside good's share is $s_{0t} = 1 / (1 + \sum_m e^{\delta_{mt}})$, with the
# same denominator as (1.3). Divide, and the denominator is gone: $s_{jt} / s_{0t} = e^{\delta_{jt}}$. Take logs:
#
# $$\delta_{jt} = \log s_{jt} - \log s_{0t}. \tag{0.2}$$
#
# This is Berry's (1994) inversion. Look at what it achieves. Shares depend on $\xi$ in a tangled way, as every product's
# $\xi$ enters every share. Now $\xi$ is the error term of a *linear* equation, (1.1), and linear equations are what
# instruments are for.

# %%
delta = np.log(shares) - np.log(outside)                        # (0.2)  (N,)
one = (products["market_ids"] == "C01Q1").to_numpy()            # the market of the picture
assert np.allclose(logit_shares(delta[one]), shares[one])
delta[one][:4].round(3)

# %% [markdown]
# With tastes that differ there is no such formula. Then $\delta$ is found by iteration: start anywhere, compare the
# model's shares with the observed ones, correct $\delta$, repeat. `blpteach.invert_shares` does that. It solves
#
# $$s(\delta, \mu) = S, \tag{2.6}$$
#
# where $S$ are the observed shares.
#
# **Before you run the next cell:** we start the iteration from $\delta = 0$. How many rounds will it need in the logit?

# %%
inversion = blpteach.invert_shares(shares[one], mu=np.zeros((J, 1)), weights=np.ones(1),
                                   method="log", start=np.zeros(J))
assert np.allclose(inversion.delta, delta[one]) and inversion.iterations <= 3
inversion

# %% [markdown]
# One round arrives. The next finds nothing left to correct. The library's iteration corrects for the outside good, too.
# BLP's own does not, and pays for it even in the logit:

# %%
original = blpteach.invert_shares(shares[one], np.zeros((J, 1)), np.ones(1), method="log",
                                  corrected=False, start=np.zeros(J))
assert np.allclose(original.delta, delta[one]) and 30 < original.iterations < 45
original

# %% [markdown]
# Lesson 02 explains the difference. No lesson has to iterate in the logit, for with $\mu = 0$ the answer is your line. The
# library has it as the place where an iteration starts:

# %%
blpteach.show(blpteach.logit_delta)
assert np.allclose(blpteach.logit_delta(shares[one], np.ones(1)), delta[one])

# %% [markdown]
# ### Step 3. A regression, and why it is not enough
#
# Mean utility is now data, and (1.1) is a regression of $\delta$ on characteristics. Try least squares first, on a
# constant, mushiness and price.

# %%
X1 = np.column_stack([np.ones(len(products)), products["mushy"], prices])   # (N, K1)
beta = np.linalg.lstsq(X1, delta, rcond=None)[0]
assert np.allclose(beta, [-2.935, 0.075, -7.480], atol=1e-3)
print("constant, mushy, price:", beta.round(3))

# %% [markdown]
# The price coefficient has the right sign. Is its size believable? Equation (0.3) below turns it into elasticities: the
# own elasticity is `beta_price * prices * (1 - shares)`. A firm that faces an elasticity between $-1$ and 0 would gain
# by raising its price. It would sell less, earn more, and bear less cost.
#
# **Before you run the next cell:** for how many of the 2,256 rows is demand that inelastic?

# %%
own = beta[2] * prices * (1 - shares)
assert abs(own.mean() - -0.923) < 1e-3 and abs((own > -1).sum() - 1483) <= 1
print(f"mean own elasticity {own.mean():.3f}; inelastic: {(own > -1).sum()} of {own.size}")

# %% [markdown]
# Two thirds. Either cereal makers leave money on the table or the coefficient is wrong. It is wrong, and here is why.
#
# Firms see $\xi$. A cereal that people love can ask for a higher price. So price is correlated with the error: it is
# **endogenous**. Least squares looks at expensive cereals that sell well and concludes that people hardly mind
# the price.
#
# Part of $\xi$ belongs to the product, wherever it is sold: its recipe, its name. **Product fixed effects** take
# out that part. With it go the characteristics that are the same in all markets, such as mushiness and sugar. By Frisch,
# Waugh and Lovell this is the same as subtracting from each column the product's own average:
#
# $$\tilde{x}_{jt} = x_{jt} - \bar{x}_j. \tag{3.10}$$

# %%
def within(columns):
    columns = pd.DataFrame(np.asarray(columns))                 # (N, K)
    return (columns - columns.groupby(products["product_ids"]).transform("mean")).to_numpy()

# %% [markdown]
# **Before you run the next cell:** what should happen to $-7.480$ when each cereal is compared only with itself in other
# markets?

# %%
y, X = within(delta)[:, 0], within(prices)                      # (N,), (N, 1)
beta_price_ls = (X[:, 0] @ y) / (X[:, 0] @ X[:, 0])
assert abs(beta_price_ls - -28.950) < 1e-3
print(f"least squares with product effects: {beta_price_ls:.3f}")

# %% [markdown]
# Nearly four times as large. Within a product there is still a part of $\xi$ that varies over markets, such as a local
# advertising campaign, and firms may price by it. For that part we need **instruments** $z_{jt}$ (a row of `Z`): things
# that move prices and have nothing to do with $\xi$. The data come with 20 of them. (Nevo does not say how each was made.
# Where good instruments come from is the question of lessons 03 and 07.) The requirement is
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad \text{in the sample} \quad g = Z'\xi / N, \tag{3.1}$$
#
# and the estimate makes the moments $g$ as small as possible. With weights $W$ on them it is
#
# $$\beta = (X'Z\,W\,Z'X)^{-1} X'Z\,W\,Z'y. \tag{3.3}$$
#
# With the weights
#
# $$W = (Z'Z / N)^{-1} \tag{3.5}$$
#
# this is two-stage least squares. All columns are net of product averages.

# %%
def iv(y, X, Z):
    W = np.linalg.inv(Z.T @ Z / len(Z))                         # (3.5)  (M, M)
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (3.3)

# %%
Z = within(products[[f"demand_instruments{k}" for k in range(20)]])         # (N, M)
beta_price = iv(y, X, Z)[0]
assert abs(beta_price - -30.098) < 1e-3
print(f"instruments and product effects: {beta_price:.3f}")

# %% [markdown]
# Now the same from the library. `blpteach.iv_gmm` is (3.3). `concentrate` multiplies out the matrix in front of $y$ by a
# QR decomposition, which loses fewer digits than your inverse. Lesson 03 takes it apart.

# %%
blpteach.show(blpteach.iv_gmm)
assert np.allclose(blpteach.iv_gmm(y, X, Z, blpteach.weighting_2sls(Z)), beta_price)

# %% [markdown]
# `blpteach.Problem` reads a table and does all steps. `linear` is the formula of the characteristics with mean tastes,
# `absorb` names the fixed effects. Columns called `demand_instruments...` are found by their names.

# %%
logit = blpteach.Problem(products, linear="0 + prices", absorb="product_ids")
estimates = logit.estimate()
assert np.allclose(estimates.beta, beta_price) and abs(estimates.beta_se[0] - 1.019) < 1e-3
estimates

# %% [markdown]
# The number in parentheses is the standard error, 1.019, robust to heteroskedasticity. (Lesson 03 derives it.)
#
# The two other estimates need one change. A price that is its own instrument is treated as exogenous, and with $Z = X$
# equation (3.3) is least squares.

# %%
by_ls = blpteach.Problem(products, linear="1 + mushy + prices", instruments=["prices"]).estimate()
by_effects = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                              instruments=["prices"]).estimate()
rows = {"least squares": by_ls, "product effects": by_effects, "and instruments": estimates}
table = pd.DataFrame({name: [e.beta[-1], e.beta_se[-1], e.own_elasticities().mean()]
                      for name, e in rows.items()}, ["beta_price", "se", "mean elasticity"]).T
assert np.allclose(table["beta_price"], [beta[2], beta_price_ls, beta_price])
table.round(3)

# %% [markdown]
# Read the first column downwards. Nearly all of the change comes from the *product effects*, hardly any from the
# *instruments*. The picture shows why. On the left each dot is the average of one cereal over the 94 markets.

# %%
from blpteach.plots.miniature import Slopes

Slopes(delta, prices, products["product_ids"].to_numpy(), slope=beta_price_ls, iv_slope=beta_price)

# %% [markdown]
# Across products, "demand" slopes upward, if anything: the better cereals are the more expensive ones. Within a product it slopes downward.
# Plain least squares mixes the two. The two lines on the right can hardly be told apart.

# %%
moved = beta_price / beta_price_ls - 1
assert abs(moved - 0.0397) < 1e-3
print(f"instruments move the price coefficient by {100 * moved:.1f} percent")

# %% [markdown]
# So on these artificial data the instruments change little once the product effects are in. Don't take that
# as a rule. Lesson 03 uses real automobiles, where the instruments bite.
#
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
#
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

# %%
def logit_elasticities(beta_price, prices, shares):
    cross = -beta_price * prices * shares                       # (J,) the same in every row
    return np.diag(beta_price * prices) + cross                 # (J, J) row j, column l: (0.3)

# %%
E = logit_elasticities(beta_price, prices[one], shares[one])
assert np.allclose(E, estimates.elasticities("C01Q1"))
few = ["F2B19", "F2B26", "F6B18", "F4B02"]
estimates.elasticities("C01Q1").loc[few, few].round(3)

# %% [markdown]
# Read down a column: how all shares respond to one price. Remember how the column of `F2B19` looks. We come back
# to it.
#
# > **A common error.** A formula that circulates gives the elasticity as $s_l (\delta_{jl} - \sum_m s_m \delta_{ml})$
# > where $\delta_{jl}$ is no utility but 1 for $j = l$ and 0 otherwise. It has neither the price nor the price coefficient in it.
# > An elasticity must have both. Equation (0.3) is right, and a small price change decides between the two.

# %%
j = list(products["product_ids"][one]).index("F2B19")
dearer = delta[one].copy()
dearer[j] += beta_price * prices[one][j] * 1e-6                 # price j up by a millionth
numeric = (np.log(logit_shares(dearer)) - np.log(shares[one])) / 1e-6       # (J,) column j
wrong = shares[one][j] * ((np.arange(J) == j) - shares[one][j])
assert np.allclose(numeric, E[:, j], atol=1e-4) and abs(E[j, j] - -3.003) < 1e-3
assert abs(wrong[j] - 0.090) < 1e-3
print(f"own elasticity: derivative {numeric[j]:.3f}, (0.3) {E[j, j]:.3f}, error {wrong[j]:.3f}")

# %% [markdown]
# The erroneous formula even has the wrong sign. Over all markets the mean own elasticity is $-3.713$. With the two-step
# weights of lesson 03 it is $-3.706$.

# %%
own = estimates.own_elasticities()                              # (N,)
two_step = logit.estimate(steps=2).own_elasticities()
assert np.allclose([own.mean(), two_step.mean()], [-3.713, -3.706], atol=1e-3) and own.max() < -1
print(f"mean own elasticity {own.mean():.3f}, two-step {two_step.mean():.3f}; "
      f"inelastic: {(own > -1).sum()}")

# %% [markdown]
# No row is inelastic any more.
#
# ### Markups, without cost data
#
# A firm sets the price at which a further increase would lose as much as it brings. If we know demand, that condition
# tells us the cost. For all prices of a market at once, the margins $\eta = p - c$ are
#
# $$\eta = -(H * D')^{-1} s, \tag{5.6}$$
#
# where $D_{jl} = \partial s_j / \partial p_l$ and $H_{jl} = 1$ if $j$ and $l$ have the same owner. The product $*$ is
# element by element. Lesson 05 derives it.

# %%
D = E * shares[one][:, None] / prices[one]                      # (J, J) from (5.3)
firms = products["firm_ids"].to_numpy()[one]
H = (firms[:, None] == firms).astype(float)
eta = np.linalg.solve(-H * D.T, shares[one])                    # (5.6)
assert np.allclose(eta / prices[one], estimates.markups("C01Q1"))
pd.DataFrame({"firm": firms, "price": prices[one], "margin": eta}).iloc[[0, 1, 9, 13]].round(4)

# %% [markdown]
# `estimates.markups()` gives the margin as a fraction of price, the Lerner index. Compare with what plain least squares
# would have us believe: margins above the price itself, hence negative costs.

# %%
lerner, lerner_ls = estimates.markups().mean(), by_ls.markups().mean()
assert abs(lerner - 0.333) < 1e-3 and abs(lerner_ls - 1.339) < 1e-3
print(f"mean Lerner index {lerner:.3f}; by plain least squares {lerner_ls:.3f}")

# %% [markdown]
# And the merger? Give firm 2's cereals to firm 1, hold costs, and solve for the prices at which (5.6) holds again.
# Lesson 10 says how. It is one line:

# %%
change = estimates.merger_prices({2: 1}) / estimates.prices - 1
assert abs(change.mean() - 0.051) < 1e-3
(100 * pd.Series(change, name="percent")).groupby(products["firm_ids"]).mean().round(2)

# %% [markdown]
# The merged firms raise prices, the others hardly. How far can we trust such numbers? As far as the model knows who
# competes with whom. The halved price tests that.

# %% [markdown]
# ### The halved price
#
# `F2B19` is sweet and crisp. `F2B26`, of the same firm, is its twin: same sugar content, also crisp. `F6B18` has no
# sugar at all.

# %%
market = products[one].set_index("product_ids")[["sugar", "mushy", "prices", "shares"]]
market.loc[["F2B19", "F2B26", "F6B18"]].round(4)

# %% [markdown]
# Halve the price of `F2B19` in market `C01Q1` and leave all other prices as they are. Mean utility rises by
# $-\beta_{\text{price}}\, p_j / 2$, and new shares follow from (1.3).
#
# **Before you run the next cell:** the share of `F2B19` goes up. Which loses the larger *fraction* of its buyers, the twin
# or the cereal without sugar? Write down a guess for both.

# %%
cheaper = delta[one].copy()
cheaper[j] -= beta_price * prices[one][j] / 2
market["new"] = logit_shares(cheaper)
market["percent"] = 100 * (market["new"] / market["shares"] - 1)
assert np.isclose(market["new"]["F2B19"], 0.371, atol=1e-3)
market.loc[["F2B19", "F2B26", "F6B18"], ["shares", "new", "percent"]].round(4)

# %% [markdown]
# The same percentage, to the last digit. And not only these two:

# %%
from blpteach.plots.miniature import PriceChange

rivals = market["percent"].drop("F2B19")
outside_percent = 100 * ((1 - market["new"].sum()) / (1 - market["shares"].sum()) - 1)
assert np.allclose(rivals, outside_percent) and abs(outside_percent - -30.1) < 0.05
PriceChange(logit, "C01Q1", "F2B19", near="F2B26", far="F6B18")

# %% [markdown]
# Every rival loses 30.1 percent of its buyers, and so does the outside good. (That this looks like the price
# coefficient is an accident.) The right panel counts the new buyers of `F2B19`: 62 of 100 come from the outside good. The
# reason is arithmetic: before the change, 62 percent of those who did not buy `F2B19` chose the outside good.
#
# The reason stands in (1.3). For two products $j$ and $k$
#
# $$\frac{s_j}{s_k} = e^{\delta_j - \delta_k}. \tag{0.4}$$
#
# No third product is in it. When `F2B19` takes buyers, it must take them in proportion, so that all other ratios
# stay. This is the **independence of irrelevant alternatives**, IIA. In the matrix of elasticities it is the column of
# `F2B19`: one number, repeated.
#
# It is absurd. Somebody who likes a sweet, crisp cereal and now buys `F2B19` would have bought another sweet, crisp
# cereal. The logit does not know, for it has no consumer who *likes sweet cereals*. All consumers have the same $\beta$,
# and their whims $\varepsilon$ know nothing of sugar.
#
# Did the data say that rivals are all alike? Take any price coefficient and see.

# %%
for value in (-10, -30, -60):
    trial = delta[one].copy()
    trial[j] -= value * prices[one][j] / 2
    change = 100 * (logit_shares(trial) / shares[one] - 1)[np.arange(J) != j]
    assert np.ptp(change) < 1e-9
    print(f"beta_price = {value}: from {change.min():.2f} to {change.max():.2f} percent")

# %% [markdown]
# The estimate sets the size of the loss. That all lose the same fraction is built in, and no data can change it.
#
# **The halved price comes back in each of the next lessons, until the answer is one that you would defend to a grocer.** What is
# missing is the term $\mu_{ijt}$: consumers whose tastes differ.

# %% [markdown]
# ## Check it
#
# *Do the estimates reproduce the data?* Put $\delta$ through (1.3) in all markets. The library's table of $\delta$ and yours
# must agree, and the model's shares must be the observed ones.

# %%
assert np.allclose(estimates.delta, delta)
gap = abs(estimates.shares - shares).max()
assert gap < 1e-12
print("largest difference between model shares and observed shares is below 1e-12:", gap < 1e-12)

# %% [markdown]
# *Does the method find a truth that we know?* Make an economy of 400 markets with 10 products each. Price is a cost
# shifter `z` plus part of $\xi$: firms that sell something good ask for more. The true price coefficient is $-2$.

# %%
rng = np.random.default_rng(1)
z, xi = rng.normal(size=(2, 400, 10))                           # (T, J) each
price = 3 + z + 0.8 * xi
true_shares = logit_shares(1 - 2 * price + xi)

# %% [markdown]
# Now forget $\xi$. All we have are prices, shares and `z`.
#
# **Before you run the next cell:** on which side of $-2$ will least squares be?

# %%
made = (np.log(true_shares) - np.log(1 - true_shares.sum(1, keepdims=True))).ravel()
A, B = (np.column_stack([np.ones(made.size), column.ravel()]) for column in (price, z))
by_iv, by_least_squares = iv(made, A, B)[1], iv(made, A, A)[1]
assert abs(by_iv - -2) < 0.06 and abs(by_least_squares - (-2 + 0.8 / 1.64)) < 0.06
print(f"truth -2, least squares {by_least_squares:.3f}, instruments {by_iv:.3f}")

# %% [markdown]
# Least squares is too close to zero by $\mathrm{cov}(p, \xi) / \mathrm{var}(p) = 0.8 / 1.64 = 0.49$. Instruments remove
# it. Here they bite, because we made prices endogenous.

# %% [markdown]
# ## Play
#
# One number in the table is nobody's observation: the size of the market. "All servings that people could have
# eaten" is a judgement. If the market is twice as large as assumed, all shares are half as large, and the outside good
# gets the rest. The next function estimates everything anew under another market size.

# %%
def other_market(size):
    table = products.assign(shares=products["shares"] / size)
    found = blpteach.Problem(table, linear="0 + prices", absorb="product_ids").estimate()
    to_outside = [np.diag(d).mean() for d in found.diversion_ratios().values()]
    return {"beta_price": found.beta[0], "mean own elasticity": found.own_elasticities().mean(),
            "Lerner index": found.markups().mean(), "diversion to outside": np.mean(to_outside)}

# %% [markdown]
# The last row is the mean **diversion ratio** to the outside good: of those who leave a product as its price rises a
# little, the fraction that leaves cereals altogether.
#
# **Before you run the next cell:** which of the four results will hardly move when the market is twice as large, and which
# a lot? Think of (0.2). What does halving all shares do to $\log s_{jt}$, and to $\log s_{0t}$?

# %%
sizes = pd.DataFrame({f"market x {size}": other_market(size) for size in (1, 2, 4)})
assert np.allclose(sizes.loc["beta_price"], [-30.098, -29.713, -29.595], atol=2e-3)
assert np.allclose(sizes.loc["diversion to outside"], [0.535, 0.770, 0.885], atol=2e-3)
sizes.round(3)

# %% [markdown]
# The price coefficient moves by about one percent. Halving shares shifts every $\log s_{jt}$ by the same constant, which
# the product effects absorb. Only $\log s_{0t}$ moves differently from market to market. But diversion to the outside
# good goes from 53 to 77 percent: in the logit it is $s_0 / (1 - s_j)$, and $s_0$ was assumed.
#
# So a result about *who loses buyers to whom* may rest on an assumption about breakfast. When you read a paper, look for
# the sentence on market size, and for the results under another one.
#
# Here is the halved price once more, in a market twice as large. Compare its right panel with the one above.

# %%
PriceChange(logit, "C01Q1", "F2B19", near="F2B26", far="F6B18", market_size=2)

# %% [markdown]
# Now with sliders. The logit is estimated anew as you move.
#
# **Before you move them:** is there a price and a market size at which two rivals lose different percentages? Which slider
# changes the right panel, and which does not?

# %%
from blpteach.widgets.miniature import price_change

price_change(logit)

# %% [markdown]
# ## Exercises
#
# ### Exercise 0.1 · 5 minutes · easy
#
# In market `C01Q1`, which product has the most elastic demand, and which the least? Compute it in one line each (the
# matrix `E` has what you need). Then look up their prices. What does (0.3) say about cheap cereals, whatever they are?

# %%
most_elastic, least_elastic = ..., ...

# %% tags=["solution"]
ids = products["product_ids"].to_numpy()[one]
most_elastic, least_elastic = ids[np.diag(E).argmin()], ids[np.diag(E).argmax()]
assert (most_elastic, least_elastic) == ("F4B02", "F1B04")
assert market["prices"].idxmax() == "F4B02" and market["prices"].idxmin() == "F1B04"
print(f"most elastic: {most_elastic}, the most expensive; least: {least_elastic}, the cheapest")

# %% [markdown]
# With small shares the own elasticity is nearly `beta_price` times price. The most expensive cereal has the most elastic
# demand for that reason alone. One would rather expect buyers of expensive goods to mind the price less. This too is the
# functional form speaking, and random tastes for price repair it.
#
# ### Exercise 0.2 · 10 minutes · medium
#
# Compute `beta_price` as its name says, in two stages: regress price on the instruments (all net of product averages:
# `X`, `Z`, `y`), then regress $\delta$ on the *fitted* price. Also compute the F statistic of the first stage, for
# $M = 20$ instruments and $N - J - M$ degrees of freedom. What does its size say about why the instruments moved so
# little?

# %%
two_stage, F = ..., ...

# %% tags=["solution"]
X = within(prices)
fitted = Z @ np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]
two_stage = (fitted @ y) / (fitted @ fitted)
rest = X[:, 0] - fitted
F = (fitted @ fitted / 20) / (rest @ rest / (len(y) - J - 20))
r_squared = fitted @ fitted / (X[:, 0] @ X[:, 0])
assert np.isclose(two_stage, beta_price) and 3300 < F < 3400 and abs(r_squared - 0.968) < 1e-3
print(f"two stages {two_stage:.3f}; F = {F:.0f}; R squared of the first stage {r_squared:.3f}")

# %% [markdown]
# The instruments explain 97 percent of the price variation within a product. What they leave out is the only part that
# differs between the two estimates, and it is small. On real data nobody sees such a first stage.
#
# ### Exercise 0.3 · 15 minutes · harder
#
# In the table of margins above, all products of one firm earn the same margin in dollars. Show from (5.6) and (1.3) that in the
# logit the margin of firm $f$ is
#
# $$\eta_f = \frac{1}{-\beta_{\text{price}} \left(1 - \sum_{l \in f} s_l\right)}. \tag{0.5}$$
#
# Write a function that computes it for a market, and compare it with `eta`. (Hint: write the first-order condition of one
# product, $s_j + \sum_{l \in f} (\partial s_l / \partial p_j)\, \eta_l = 0$, and try equal margins.)

# %%
def firm_margins(beta_price, shares, firms):
    return ...

# %% tags=["solution"]
def firm_margins(beta_price, shares, firms):
    owned = (firms[:, None] == firms) @ shares                  # (J,) total share of the firm
    return 1 / (-beta_price * (1 - owned))                      # (0.5)

assert np.allclose(firm_margins(beta_price, shares[one], firms), eta)
pd.Series(firm_margins(beta_price, shares[one], firms), firms).groupby(level=0).first().round(4)

# %% [markdown]
# With (1.3), $\partial s_j / \partial p_j = \beta_{\text{price}} s_j (1 - s_j)$ and
# $\partial s_l / \partial p_j = -\beta_{\text{price}} s_l s_j$. Put equal margins $\eta_f$ into the condition:
# $s_j + \beta_{\text{price}}\, s_j\, \eta_f (1 - \sum_{l \in f} s_l) = 0$. Divide by $s_j$. No $j$ is left, so equal
# margins solve all the firm's conditions.
#
# It is a strong statement. Given the price coefficient, what two firms gain by merging depends in the logit on their total
# shares alone. Whether they sell twins or opposites plays no role.

# %% [markdown]
# ## In practice
#
# PyBLP, the package of Conlon and Gortmaker, computes the same. `C(product_ids)` is the fixed effect, and `1s` the one-step
# estimator.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
    print("PyBLP is not installed here. In a terminal: pip install pyblp")

# %%
if pyblp:
    formula = pyblp.Formulation("0 + prices", absorb="C(product_ids)")
    theirs = pyblp.Problem(formula, products).solve(method="1s")
    assert np.allclose([theirs.beta.item(), theirs.beta_se.item()],
                       [estimates.beta[0], estimates.beta_se[0]])
    assert np.allclose(theirs.compute_elasticities(market_id="C01Q1"), E)
    print(f"PyBLP {theirs.beta.item():.3f} ({theirs.beta_se.item():.3f}), "
          f"here {estimates.beta[0]:.3f} ({estimates.beta_se[0]:.3f})")

# %% [markdown]
# What practice adds. Market size is argued for and varied: Nevo takes one serving a head and day. Instruments come with a
# story of why they move prices and not tastes. And the plain logit is a first table in a paper, run because it takes a
# second and shows whether the instruments work, before the model with random tastes that the conclusions rest on.

# %% [markdown]
# ## Further reading
#
# - Berry, S. (1994). Estimating discrete-choice models of product differentiation. *RAND Journal of Economics* 25(2),
#   242-262. The inversion (0.2), and why it matters.
# - Nevo, A. (2000). A practitioner's guide to estimation of random-coefficients logit models of demand. *Journal of Economics
#   & Management Strategy* 9(4), 513-548. The guide to which these data belong. It goes from this logit to the full model.
# - Train, K. (2009). *Discrete Choice Methods with Simulation*, second edition. Cambridge University Press. Chapter 3 derives
#   the logit from the extreme value distribution and discusses IIA at length.
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4), 841-890. Table
#   III has the plain logit, with and without instruments, on the automobiles of lesson 03.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND
#   Journal of Economics* 51(4), 1108-1161. What is done today, and with which tool.
#
# **Next.** Lesson 01 opens Step 1. It gives consumers different tastes, and the halved price gets its first better answer.
