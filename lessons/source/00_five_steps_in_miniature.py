# %% [markdown]
# # 00. If one cereal halves its price, who loses buyers?
#
# **The five steps in miniature**
#
# *60 minutes, and 55 more for the exercises; what stands under Further can be skipped. You need: econometrics through
# instrumental variables; NumPy. No earlier lesson.*

# %% [markdown]
# ## The question
#
# A supermarket halves the price of one cereal. Which other cereals lose buyers, and how many? Two cereal makers want
# to merge. Which prices rise, and by how much? Both questions ask how demand for *each* product responds to the price
# of *each* product. A model that answers is called a **demand system**.
#
# In this lesson you estimate the simplest that deserves the name, the plain logit. Its five steps are those of Berry,
# Levinsohn and Pakes (BLP), each in its smallest form.
#
# | step | what it does | here | opened in |
# |---|---|---|---|
# | 1 | utility gives market shares | one formula | lesson 01 |
# | 2 | market shares give back mean utility | one logarithm | lesson 02 |
# | 3 | instruments give mean tastes | one regression | lesson 03 |
# | 4 | a search finds how tastes differ | nothing to search | lesson 04 |
# | 5 | elasticities, markups, new prices | a few lines | lesson 05 |
#
# At the end the logit gives an answer about the halved price that no grocer would believe. That failure is the reason
# for the rest of the course. All symbols and words are on one page, [notation](notation.ipynb).

# %% [markdown]
# ## What you will be able to do
#
# - say why the elasticities of many products can't be estimated one by one;
# - turn market shares into mean utilities by hand, and estimate a logit demand with instruments;
# - compute elasticities, markups and the effect of a new price or a merger, and name the assumptions behind each;
# - explain why the logit fixes substitution before it has seen the data, and what the market size has to do with it.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="What do people eat who buy none of these 24 cereals, and how would we count it?"
# ### Step 0. The table
#
# Each row is one cereal in one market. A market is a city in a quarter. The numbers are *artificial*: Nevo distributes
# them with his guide to this method (2000), so that everybody can practise on the same table. They teach the method.
# They say nothing about real cereals.

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
# - `market_ids`: $t$, one of $T = 94$ markets. `C01Q1` is city 1 in quarter 1.
# - `product_ids`: $j$, one of $J = 24$ cereals, the same in every market. `F1B04` is brand 4 of firm 1.
# - `firm_ids`: the maker, one of 1, 2, 3, 4 and 6. There is no firm 5.
# - `shares`: $s_{jt}$, the fraction of the *potential* market that buys $j$. `prices`: $p_{jt}$, in dollars a serving.
# - `sugar` and `mushy`: sugar content per serving, and whether the cereal gets soggy in milk (1) or stays crisp (0).
#
# The potential market is all the servings that people could have eaten. What they eat instead of these 24 cereals, an
# egg or nothing, is the **outside good**. It has number 0, and its share is what is left: $s_{0t} = 1 - \sum_j
# s_{jt}$. Lines with `assert` check the numbers that the text quotes. Skip them as you read.

# %%
from blpteach.plots.miniature import Market
T, J = products["market_ids"].nunique(), products["product_ids"].nunique()
shares, prices = products["shares"].to_numpy(), products["prices"].to_numpy()
outside = 1 - products.groupby("market_ids")["shares"].transform("sum").to_numpy()
assert (T, J, len(products)) == (94, 24, 94 * 24) and abs(outside.mean() - 0.524) < 1e-3
print(f"{T} markets of {J} products, {len(products)} rows; mean outside share {outside.mean():.3f}")
Market(products, market, product)

# %% [markdown]
# **Result.** Half of the servings are none of these cereals. `F2B19`, in vermilion, sells most in this market. It is
# sweet and crisp. We halve its price at the end.

# %% [markdown] minutes=3 ask="How many cross elasticities do 24 products have, and how many observations would you want for each?"
# ### Why not estimate every elasticity?
#
# The direct way would be a regression for each product: its log share on the log prices of all 24 products. The
# coefficients are elasticities. There are $J^2 = 576$ of them, from $T = 94$ markets. Cereals are substitutes, so the
# 552 cross elasticities should be positive. How many of the estimates are negative?

# %%
blpteach.predict("0.1", ...)

# %%
log_shares, log_prices = (products.pivot(index="market_ids", columns="product_ids", values=name)
                          .apply(np.log).to_numpy() for name in ("shares", "prices"))
X = np.column_stack([np.ones(T), log_prices])                   # (T, 1 + J)
coefficients = np.linalg.solve(X.T @ X, X.T @ log_shares)       # (1 + J, J)
cross = coefficients[1:].T[~np.eye(J, dtype=bool)]              # log share j on log price l
variances = ((log_shares - X @ coefficients)**2).sum(0) / (T - 1 - J)       # (J,)
se = np.sqrt(np.outer(variances, np.diag(np.linalg.inv(X.T @ X))[1:]))      # (J, J)
unclear = abs(cross) < 2 * se[~np.eye(J, dtype=bool)]
assert abs((cross < 0).sum() - 255) <= 1 and abs(unclear.sum() - 534) <= 1
print(f"{unclear.sum()} of {cross.size} lie within two standard errors of zero")
blpteach.predicted("0.1", (cross < 0).sum())

# %% [markdown]
# Nearly half. And the regression can say nothing about a product that does not exist yet.
#
# **Result.** The way out is a model of the *consumer*. Products become bundles of characteristics. Consumers have
# tastes for characteristics, and there are few of those. All $J^2$ elasticities follow from a handful of tastes.

# %% [markdown] minutes=6 ask="Two products, mean utilities 1 and 0. What share does the outside good get?"
# ### Step 1. Utility gives market shares
#
# Consumer $i$ in market $t$ gets from product $j$ the utility
#
# $$u_{ijt} = \delta_{jt} + \varepsilon_{ijt}, \qquad u_{i0t} = \varepsilon_{i0t}, \tag{0.1}$$
#
# and takes the product with the largest. The first part, $\delta_{jt}$ (`delta`), is the **mean utility**, common to
# all consumers. The second is the consumer's own whim, drawn anew and independently for each consumer and product,
# from the Gumbel distribution, $\Pr(\varepsilon \le e) = \exp(-e^{-e})$. Two things are normalised: the outside good's
# mean utility is zero, and the scale of $\varepsilon$ is one (its variance is $\pi^2/6$). That scale is the unit, a
# *util*.
#
# Mean utility comes from characteristics:
#
# $$\delta_{jt} = x_{jt}'\beta + \xi_{jt}. \tag{1.1}$$
#
# - $x_{jt}$ (a row of `X1`) holds what we see: a constant, mushiness, *and the price*.
# - $\beta$ (`beta`) holds the tastes. The one for price is `beta_price`, in utils per dollar. It should be negative.
# - $\xi_{jt}$ (`xi`) is what consumers see and we don't: taste, advertising, a good place on the shelf.
#
# How many choose $j$? Fix the consumer's whim for it, $\varepsilon_j = e$. Then $j$ wins if $\varepsilon_m < e +
# \delta_j - \delta_m$ for all other $m$, the outside good with $\delta_0 = 0$ among them. The whims are independent,
# so the probabilities multiply. With the density of $e$, which is $e^{-e}\exp(-e^{-e})$, and $w = e^{-e}$ as the
# variable of integration (these sums include good 0),
#
# $$s_j = \int e^{-e} \exp\Big(-e^{-e} \sum_{m} e^{\delta_m - \delta_j}\Big)\, de = \int_0^\infty \exp\Big(-w \sum_{m} e^{\delta_m - \delta_j}\Big)\, dw = \frac{1}{\sum_{m} e^{\delta_m - \delta_j}}.$$
#
# Multiply above and below by $e^{\delta_j}$. The outside good's $e^0$ is 1. That is the logit:
#
# $$s_{jt} = \frac{e^{\delta_{jt}}}{1 + \sum_m e^{\delta_{mt}}}. \tag{1.3}$$
#
# Its derivatives are $\partial s_j / \partial \delta_j = s_j (1 - s_j)$ and $\partial s_j / \partial \delta_l = -s_j
# s_l$. Price enters $\delta$ with the factor `beta_price`, so
#
# $$\frac{\partial s_j}{\partial p_j} = \beta_{\text{price}}\, s_j (1 - s_j), \qquad \frac{\partial s_j}{\partial p_l} = -\beta_{\text{price}}\, s_j s_l.$$
#
# (An equation keeps the number of the lesson that treats it in full. Those with a zero in front are this lesson's
# own.)

# %% tags=["build"]
def logit_shares(delta):
    """(1.3): market shares (..., J) from mean utilities (..., J)."""
    expV = np.exp(delta)                                        # (..., J)
    return expV / (1 + expV.sum(-1, keepdims=True))             # (..., J)

# %% [markdown]
# Is the formula right? Let 100,000 consumers choose between products of mean utility 1 and 0 and the outside good.
# Each draws three whims and takes the best.

# %% tags=["parameters"]
example, consumers = [1.0, 0.0], 100_000                        # mean utilities, utils

# %%
epsilon = np.random.default_rng(0).gumbel(size=(consumers, 1 + len(example)))
choice = (epsilon + np.array([0.0, *example])).argmax(1)
simulated = np.bincount(choice)[1:] / len(choice)
assert np.allclose(simulated, logit_shares(np.array(example)), atol=0.006)
print("simulated", simulated.round(3), "by (1.3)", logit_shares(np.array(example)).round(3))

# %% [markdown]
# **Result.** The same, up to the noise of the draws. The library's function has types of consumers besides. With one
# type, and taste deviations `mu` of zero, it is yours:

# %%
blpteach.show(blpteach.choice_probabilities)
library = blpteach.market_shares(np.array(example), mu=np.zeros((2, 1)), weights=np.ones(1))
assert np.allclose(library, logit_shares(np.array(example)))

# %% [markdown] minutes=5 ask="Which operation on (1.3) makes the denominator disappear?"
# ### Step 2. Market shares give back mean utility
#
# The data are shares. We need the way back. The outside good's share is $s_{0t} = 1 / (1 + \sum_m e^{\delta_{mt}})$,
# with the same denominator as (1.3). Divide, and it is gone: $s_{jt} / s_{0t} = e^{\delta_{jt}}$. Take logs:
#
# $$\delta_{jt} = \log s_{jt} - \log s_{0t}. \tag{0.2}$$
#
# This is Berry's (1994) inversion. Shares depend on $\xi$ in a tangled way, as every product's $\xi$ enters every
# share. Now $\xi$ is the error term of a *linear* equation, (1.1), and linear equations are what instruments are for.
#
# With tastes that differ there is no such formula. Then $\delta$ is found by iteration: compare the model's shares
# $s(\delta)$ with the observed ones, here $S$, correct $\delta$, repeat. One round of lesson 02 is
#
# $$\delta_j \leftarrow \delta_j + (\log S_j - \log s_j) - (\log S_0 - \log s_0). \tag{2.3}$$
#
# In the logit $\log s_j - \log s_0 = \delta_j$, so one round arrives at (0.2), wherever it starts, and a second finds
# nothing to correct. BLP's own iteration leaves out the second bracket, the correction for the outside good. How many
# rounds does it take, until nothing moves by more than $10^{-13}$?

# %%
blpteach.predict("0.2", ...)

# %%
delta = np.log(shares) - np.log(outside)                        # (0.2)  (N,)
one = (products["market_ids"] == market).to_numpy()             # rows of this market
mu, weights, start = np.zeros((J, 1)), np.ones(1), np.zeros(J)  # one type, no deviation
full, original = (blpteach.invert_shares(shares[one], mu, weights, method="log", start=start,
                                         corrected=corrected) for corrected in (True, False))
assert np.allclose(logit_shares(delta[one]), shares[one])
assert np.allclose([full.delta, original.delta], delta[one])
assert full.iterations <= 3 and 38 <= original.iterations <= 44
print(f"by (2.3): {full.iterations} rounds; inside share {1 - outside[one][0]:.3f}")
blpteach.predicted("0.2", original.iterations)

# %% [markdown]
# Near the solution its error shrinks by the factor $1 - s_0 = 0.445$ a round, and $0.445^{37}$ is about $10^{-13}$.
# (Lesson 02 says where the factor comes from.)
#
# **Result.** In the logit you never need to iterate: (0.2) is the answer.

# %% [markdown] minutes=7 ask="A popular cereal is priced higher for that reason. In which direction does least squares err?"
# ### Step 3. A regression, and why it is not enough
#
# Mean utility is now data, and (1.1) is a regression. Try least squares first.

# %%
X1 = np.column_stack([np.ones(len(products)), products[["mushy", "prices"]]])           # (N, K1)
beta = np.linalg.lstsq(X1, delta, rcond=None)[0]
assert np.allclose(beta, [-2.935, 0.075, -7.480], atol=1e-3)
print("constant, mushy, prices:", beta.round(3))

# %% [markdown]
# The price coefficient has the right sign. Is its size believable? By the derivatives above the own elasticity, $(p_j
# / s_j)\,\partial s_j / \partial p_j$, is $\beta_{\text{price}}\, p_j (1 - s_j)$. A firm that faces an elasticity
# between $-1$ and 0 would gain by raising its price: it would sell less, earn more, and bear less cost. For how many
# of the 2,256 rows is demand that inelastic?

# %%
blpteach.predict("0.3", ...)

# %%
own = beta[-1] * prices * (1 - shares)
assert abs(own.mean() - -0.923) < 1e-3 and abs((own > -1).sum() - 1483) <= 1
print(f"mean own elasticity {own.mean():.3f}")
blpteach.predicted("0.3", (own > -1).sum())

# %% [markdown]
# Two thirds. Either the makers leave money on the table or the coefficient is too small in size. There is a reason to
# suspect the coefficient. Firms see $\xi$. A cereal that people love can ask for a higher price. So price is
# correlated with the error: it is **endogenous**. Least squares looks at expensive cereals that sell well and
# concludes that people hardly mind the price.
#
# Part of $\xi$ belongs to the product, wherever it is sold: its recipe, its name. **Product fixed effects** take that
# part out, and with it mushiness and all else that is the same in all markets. By Frisch, Waugh and Lovell that is the
# same as subtracting from each column the product's own average:
#
# $$\tilde{x}_{jt} = x_{jt} - \bar{x}_j. \tag{3.10}$$

# %% tags=["build"]
def absorb_effects(values, effects):
    """(3.10): columns (N, K) less the averages of their groups, which stand in `effects` (N, 1)."""
    values = pd.DataFrame(values)
    return (values - values.groupby(effects[:, 0]).transform("mean")).to_numpy()    # (N, K)

# %% [markdown]
# Each cereal is now compared only with itself in other markets. Before that, compare cereals with each other: take the
# averages of $\delta$ and of price over the 94 markets, 24 points. Does the line through them rise or fall?

# %%
blpteach.predict("0.4", ..., among=["falls", "rises"])

# %%
from blpteach.plots.miniature import Slopes
effects = products[["product_ids"]].to_numpy()                  # (N, 1)
y = absorb_effects(delta[:, None], effects)[:, 0]               # (N,)
X = absorb_effects(prices[:, None], effects)                    # (N, 1)
beta_price_ls = (X[:, 0] @ y) / (X[:, 0] @ X[:, 0])
picture = Slopes(delta, prices, effects[:, 0], slope=beta_price_ls)
slope = np.polyfit(*picture.means.T, 1)[0]
assert abs(beta_price_ls - -28.950) < 1e-3 and abs(slope - 9.73) < 0.01
display(picture)
blpteach.predicted("0.4", "rises" if slope > 0 else "falls")

# %% [markdown]
# Across products "demand" slopes upward, if anything: that is what one sees if better cereals cost more. Within a
# product the slope is $-28.950$. Plain least squares, $-7.480$, mixes the two.
#
# Within a product there is still a part of $\xi$ that varies over markets, such as a local advertising campaign. For
# that part we need **instruments** $z_{jt}$ (a row of `Z`): things that move prices and have nothing to do with $\xi$.
# The data come with 20 of them. (Nevo does not say how each was made.) The requirement is
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad \text{in the sample} \quad g = Z'\xi / N. \tag{3.1}$$
#
# With 20 moments and one coefficient, not all of $g$ can be zero. The estimate makes $q$ as small as possible, with
# weights $W$:
#
# $$q = N g'Wg. \tag{3.2}$$
#
# As $\xi = y - X\beta$ is linear in $\beta$, the minimum has a formula. With the weights of (3.5) it is two-stage
# least squares:
#
# $$\beta = (X'Z\,W\,Z'X)^{-1} X'Z\,W\,Z'y, \tag{3.3}$$
#
# $$W = (Z'Z / N)^{-1}. \tag{3.5}$$
#
# All columns, $y = \delta$ included, are net of product averages.

# %% tags=["build"]
def weighting_2sls(Z):
    """(3.5): weights (M, M) of the moments."""
    return np.linalg.inv(Z.T @ Z / len(Z))                      # (M, M)


def iv_gmm(y, X, Z, W):
    """(3.3): coefficients (K1,) that minimise the objective (3.2)."""
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (K1,)

# %%
names = [f"demand_instruments{k}" for k in range(20)]
Z = absorb_effects(products[names].to_numpy(), effects)         # (N, M)
beta_price = iv_gmm(y, X, Z, weighting_2sls(Z))[0]
assert abs(beta_price - -30.098) < 1e-3 and abs(beta_price / beta_price_ls - 1.0397) < 1e-4
assert np.allclose(blpteach.iv_gmm(y, X, Z, blpteach.weighting_2sls(Z)), beta_price)
print(f"instruments and product effects: {beta_price:.3f}")

# %% [markdown]
# `blpteach.Problem` reads a table and does all steps. `linear` is the formula of the characteristics with mean tastes,
# `absorb` names the fixed effects. Columns called `demand_instruments...` are found by their names.
# `instruments=["prices"]` makes price its own instrument instead. Then $Z = X$, and (3.3) is least squares.

# %%
logit = blpteach.Problem(products, linear="0 + prices", absorb="product_ids")
estimates = logit.estimate()
by_ls = blpteach.Problem(products, linear="1 + mushy + prices", instruments=["prices"]).estimate()
by_effects = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                              instruments=["prices"]).estimate()
rows = {"least squares": by_ls, "product effects": by_effects, "and instruments": estimates}
table = pd.DataFrame({name: [e.beta[-1], e.beta_se[-1], e.own_elasticities().mean()]
                      for name, e in rows.items()}, ["beta_price", "se", "mean elasticity"]).T
assert np.allclose(table["beta_price"], [beta[-1], beta_price_ls, beta_price], atol=1e-3)
assert abs(table.loc["and instruments", "se"] - 1.019) < 1e-3
table.round(3)

# %% [markdown]
# **Result.** Read the first column downwards. Nearly all of the change comes from the *product effects*. On these
# artificial data the *instruments* move the coefficient by 4 percent. Don't take that as a rule: exercise 0.3 finds
# the reason, and lesson 03 uses real automobiles, where the instruments bite. (Lesson 03 derives the standard errors.
# *Further* asks whether the 20 instruments agree.)

# %% [markdown] minutes=2 ask="Which of the steps so far had to know a parameter before it could begin?"
# ### Step 4. Nothing to search
#
# Where is the outer loop, the search that BLP is known for? Step 2 needed no parameter. So $\delta$ is computed
# *once*, and given $\delta$ the tastes $\beta$ solve a linear system. A search is for parameters that say how strongly
# tastes differ between consumers. They are called $\theta_2$ (`theta2`). Change them and $\delta$ must be found anew,
# then $\beta$, then the moments.
#
# **Result.** The logit has no $\theta_2$: its Step 4 is one evaluation. In lesson 04 the same data have 13 such
# parameters.

# %% [markdown] minutes=4 ask="By (0.3), a cereal doubles its price and keeps its share. What happens to its own elasticity?"
# ### Step 5. Elasticities
#
# The elasticity of product $j$'s share in the price of $l$ is, in every model of this course,
#
# $$e_{jl} = \frac{p_l}{s_j} \frac{\partial s_j}{\partial p_l}. \tag{5.3}$$
#
# With the derivatives of Step 1, market index dropped,
#
# $$e_{jj} = \beta_{\text{price}}\, p_j (1 - s_j), \qquad e_{jl} = -\beta_{\text{price}}\, p_l s_l \quad (l \ne j). \tag{0.3}$$

# %% tags=["build"]
def logit_elasticities(beta_price, prices, shares):
    """(0.3): elasticities (J, J), of the share in row j, in the price of column l."""
    cross = -beta_price * prices * shares                       # (J,) the same in every row
    return np.diag(beta_price * prices) + cross                 # (J, J)

# %% [markdown]
# A table of four products has 12 cross elasticities. How many different numbers?

# %%
blpteach.predict("0.5", ...)

# %% tags=["parameters"]
few = ["F2B19", "F2B26", "F6B18", "F4B02"]                      # the last is the most expensive

# %%
E = logit_elasticities(beta_price, prices[one], shares[one])
assert np.allclose(E, estimates.elasticities("C01Q1"))
table = estimates.elasticities(market).loc[few, few]
display(table.round(3))
off = table.to_numpy()[~np.eye(len(few), dtype=bool)]
assert len(np.unique(off.round(10))) == 4 and estimates.own_elasticities().max() < -1
assert abs(estimates.own_elasticities().mean() - -3.713) < 1e-3
blpteach.predicted("0.5", len(np.unique(off.round(10))))

# %% [markdown]
# Read down a column: how all shares respond to one price.
#
# > **A common error.** A formula that circulates in short explanations of BLP gives the elasticity as $s_l
# > (\delta_{jl} - \sum_m s_m \delta_{ml})$ where $\delta_{jl}$ is no utility but 1 for $j = l$ and 0 otherwise. That
# > is $s_l (1\{j = l\} - s_l)$: on the diagonal, the derivative of the share in *mean utility*. An elasticity in price
# > must have the price and its coefficient in it. A small price change decides between the two.

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
# **Result.** Over all markets the mean own elasticity is $-3.713$, and no row is inelastic any more.

# %% [markdown] minutes=5 ask="What must we assume about how firms set prices before a price can tell us a cost?"
# ### Markups, without cost data
#
# What does a serving cost its maker? Nobody tells us. But a price reveals something, *if we assume how it was set*:
#
# - each serving of $j$ costs its maker $c_j$, however many are made (constant marginal cost);
# - a firm sets the prices of *all* its cereals to maximise their joint profit, $\sum_{l \in f} (p_l - c_l) s_l$ times
#   the market size;
# - it takes the prices of its rivals as given, and so do they: **Bertrand-Nash** competition in prices.
#
# None of this is in the demand estimates. Makers that collude, or a supermarket that sets prices itself, would need
# other conditions.
#
# Then a small change of $p_j$ gains nothing: $s_j + \sum_{l \in f} (\partial s_l / \partial p_j)(p_l - c_l) = 0$.
# There is one such condition for each product of a market. Stacked, they give the margins $\eta = p - c$:
#
# $$\eta = -(H * D')^{-1} s, \tag{5.6}$$
#
# where $D_{jl} = \partial s_j / \partial p_l$ and $H_{jl} = 1$ if $j$ and $l$ have the same owner, else 0. The product
# $*$ is element by element.

# %% tags=["build"]
def margins(shares, jacobian, ownership):
    """(5.6): margins (J,) from shares (J,), the share Jacobian D (J, J) and ownership H (J, J)."""
    return np.linalg.solve(-ownership * jacobian.T, shares)     # (J,)

# %%
ids, firms = (products[name].to_numpy()[one] for name in ("product_ids", "firm_ids"))       # (J,)
jacobian = E * shares[one][:, None] / prices[one]               # D (J, J), from (5.3)
H = (firms[:, None] == firms).astype(float)                     # (J, J)
eta = margins(shares[one], jacobian, H)
assert np.allclose(eta / prices[one], estimates.markups("C01Q1"))
listed = pd.DataFrame({"firm": firms, "price": prices[one], "margin": eta}, ids)
listed.loc[["F1B04", "F1B06", "F2B05", "F2B19", "F6B18"]].round(4)

# %% [markdown]
# Within a firm the margins are equal, although the prices are not. Exercise 0.6 asks why.
#
# `estimates.markups()` gives the margin as a fraction of price, $(p - c)/p$, the **Lerner index**. What does plain
# least squares, with its small price coefficient, imply for it, and for the costs?

# %%
lerner, lerner_ls = estimates.markups(), by_ls.markups()        # (N,)
cents = 100 * pd.Series(lerner * prices).groupby(products["firm_ids"]).mean()
assert np.allclose(cents[[1, 2]], [4.21, 3.96], atol=0.01)
assert abs(lerner.mean() - 0.333) < 1e-3 and abs(lerner_ls.mean() - 1.339) < 1e-3
assert abs((lerner_ls > 1).mean() - 0.816) < 1e-3 and (lerner > 1).sum() <= 2
for name, index in {"instruments": lerner, "least squares": lerner_ls}.items():
    print(f"{name}: mean Lerner index {index.mean():.3f}, "
          f"cost negative in {(index > 1).sum()} of {T * J} rows")

# %% [markdown]
# **Result.** Least squares implies negative costs in 82 percent of the rows. Under these assumptions on pricing its
# coefficient can't be right.

# %% [markdown] minutes=4 ask="Firms 1 and 2 merge. Which entries of H change, and which of D?"
# ### A merger
#
# Firm 1 takes over firm 2. What changes is whose profits count when a price is set: $H$. Demand and costs stay.
#
# Equation (5.6) with the new $H$ gives new margins $\eta'$ at the *old* shares, and new prices $c + \eta'$. The old
# ones were $c + \eta$. So in this one step a price rises by $(\eta' - \eta) / p$, the difference of two Lerner indices
# with the same price below. That is `merged.markups() - estimates.markups()`, where `merged` is the table with the new
# owners. (Its demand is the same: owners are no part of it.)
#
# At the new prices people buy other things, and (5.6) gives yet other margins. The **equilibrium** is where prices and
# margins agree (lesson 05). Before the merger a serving of firm 1 earns 4.21 cents on average, one of firm 2 3.96.
# Whose prices rise more?

# %%
blpteach.predict("0.6", ..., among=["firm 1", "firm 2"])

# %% tags=["parameters"]
buyer, target = 1, 2

# %%
owners, parties = products["firm_ids"].replace({target: buyer}), products["firm_ids"].isin([buyer, target])
merged = blpteach.Problem(products.assign(firm_ids=owners), linear="0 + prices",
                          absorb="product_ids").estimate()
one_step = merged.markups() - estimates.markups()               # (N,) change of price / price
equilibrium = estimates.merger_prices({target: buyer}) / prices - 1
rises = 100 * pd.DataFrame({"one step": one_step, "equilibrium": equilibrium})
by_firm = rises.groupby(products["firm_ids"]).mean()
assert np.allclose(by_firm.loc[1:2], [[9.75, 6.01], [10.97, 7.52]], atol=0.01)
assert np.allclose(rises[parties].mean(), [10.36, 6.76], atol=0.01)
display(by_firm.round(2), rises[parties].mean().round(1).rename("merging firms").to_frame().T)
blpteach.predicted("0.6", f"firm {by_firm.loc[[1, 2], 'equilibrium'].idxmax()}")

# %% [markdown]
# All cereals of one owner earn the same margin, so both firms' margins rise to a common one, and the smaller has
# farther to go. The others' prices follow a little: they get some of the buyers who leave, and a larger firm asks for
# a larger margin.
#
# **Result.** "Compute the new markups and add them to costs", often heard, says 10.4 percent. But as the merged firm
# raises its prices its shares fall, and the margins that suit it fall with them: in equilibrium, 6.8. Ownership
# changes, costs are held, and *all* first-order conditions are solved again. How far can we trust the number? As far
# as the model knows who competes with whom. The halved price tests that.

# %% [markdown] minutes=5 ask="Who would buy F2B19 at half the price, and what do they eat today?"
# ### The halved price
#
# `F2B19` is sweet and crisp. `F2B26`, of the same firm, is its twin: same sugar content, also crisp. `F6B18` has no
# sugar at all. Halve the price of `F2B19` in market `C01Q1` and leave all others. Mean utility rises by
# $-\beta_{\text{price}}\, p_j / 2$, and new shares follow from (1.3). Which loses the larger *fraction* of its buyers,
# the twin, the cereal without sugar, or is there no difference?

# %%
blpteach.predict("0.7", ..., among=["the twin", "without sugar", "no difference"])

# %%
from blpteach.plots.miniature import PriceChange
view = products[one].set_index("product_ids")[["sugar", "mushy", "prices", "shares"]]
cheaper = delta[one].copy()
cheaper[j] -= beta_price * prices[one][j] / 2
view["new"] = logit_shares(cheaper)
view["percent"] = 100 * (view["new"] / view["shares"] - 1)
outside_percent = 100 * ((1 - view["new"].sum()) / (1 - view["shares"].sum()) - 1)
assert np.isclose(view["new"]["F2B19"], 0.371, atol=1e-3) and abs(outside_percent - -30.1) < 0.05
assert np.allclose(view["percent"].drop(product), outside_percent)
PriceChange(estimates, market, product, near="F2B26", far="F6B18", change=-50)

# %%
twin, unsweet = view.loc["F2B26", "percent"], view.loc["F6B18", "percent"]
larger = "the twin" if twin < unsweet else "without sugar"
blpteach.predicted("0.7", "no difference" if np.isclose(twin, unsweet) else larger)

# %% [markdown]
# Every rival loses 30.1 percent of its buyers, and so does the outside good. (That this looks like the price
# coefficient is an accident.) The right panel counts the new buyers of `F2B19`: 62 of 100 come from the outside good,
# because before the change 62 percent of those who did not buy `F2B19` chose it. The reason stands in (1.3). For two
# products $j$ and $k$
#
# $$\frac{s_j}{s_k} = e^{\delta_j - \delta_k}. \tag{0.4}$$
#
# No third product is in it. When `F2B19` takes buyers, it must take them in proportion, so that all other ratios stay.
# This is the **independence of irrelevant alternatives**, IIA. Did the data say that rivals are all alike? Take any
# price coefficient and see.

# %%
for value in (-10, -30, -60):
    trial = delta[one].copy()
    trial[j] -= value * prices[one][j] / 2
    percent = 100 * (logit_shares(trial) / shares[one] - 1)[np.arange(J) != j]
    assert np.ptp(percent) < 1e-9
    print(f"beta_price = {value}: from {percent.min():.2f} to {percent.max():.2f} percent")

# %% [markdown]
# **Result.** The estimate sets the size of the loss. That all lose the same fraction is built in, and no data can
# change it. It is absurd: somebody who now buys `F2B19` would have bought another sweet, crisp cereal. But the logit
# has no consumer who *likes sweet cereals*. What is missing is consumers whose tastes differ, a term $\mu_{ijt}$ in
# (0.1). **The halved price comes back in the next lessons, until the answer is one that you would defend to a
# grocer.**

# %% [markdown] minutes=3 ask="The inversion fits every share exactly. Is that evidence for the model?"
# ## Check it
#
# *Does the method find a truth that we know?* Make an economy of 400 markets with 10 products each. Price is a cost
# shifter `z` plus part of $\xi$: firms that sell something good ask for more. The true price coefficient is $-2$. Then
# forget $\xi$. All we have are prices, shares and `z`.

# %%
rng = np.random.default_rng(1)
z, xi = rng.normal(size=(2, 400, 10))                           # (T, J) each
price = 3 + z + 0.8 * xi
made = pd.DataFrame({"market_ids": np.repeat(np.arange(400), 10), "prices": price.ravel(),
                     "shares": logit_shares(1 - 2 * price + xi).ravel(),
                     "demand_instruments0": z.ravel()})

# %%
found = {"least squares": blpteach.Problem(made, linear="1 + prices", instruments=["prices"]),
         "instruments": blpteach.Problem(made, linear="1 + prices")}
found = {name: problem.estimate() for name, problem in found.items()}
assert abs(found["least squares"].beta[1] + 2 - 0.8 / 1.64) < 0.06
assert abs(found["instruments"].beta[1] - -2.009) < 1e-3
assert abs(found["instruments"].beta_se[1] - 0.016) < 1e-3
assert abs(estimates.shares - shares).max() < 1e-12 and np.allclose(estimates.delta, delta)
pd.DataFrame({name: [e.beta[1], e.beta_se[1]] for name, e in found.items()},
             ["beta_price", "se"]).T.round(3)

# %% [markdown]
# Least squares is too close to zero by about $\mathrm{cov}(p, \xi) / \mathrm{var}(p) = 0.8 / 1.64 = 0.49$. The
# instrument is within one standard error of the truth. (That the model fits every share exactly is no evidence for it:
# $\xi$ takes up the rest, whatever $\beta$ is.)

# %% [markdown] minutes=6 ask="Nobody observes how many breakfasts were possible. Which of our results depend on that number?"
# ## Play
#
# One number in the table is nobody's observation: the size of the market. "All servings that people could have eaten"
# is a judgement. If the market is twice as large as assumed, all shares are half as large, and the outside good gets
# the rest. The next function estimates everything anew. It returns means over markets and products. The **diversion
# ratio** to the outside good is the fraction, of those who leave a product as its price rises a little, that leaves
# cereals altogether. The merger is that of firms 1 and 2, the change in their prices as a fraction.

# %%
def other_market(size):
    """Seven results in a market `size` times as large as the table's."""
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
# Which of the seven will hardly move when the market is twice as large? Think of (0.2): what does halving all shares
# do to $\log s_{jt}$, and to $\log s_{0t}$?

# %% tags=["parameters"]
sizes = (1, 2, 4)                                               # times the market of the table

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
# The price coefficient moves by about one percent: halving shares shifts every $\log s_{jt}$ by the same constant,
# which the product effects absorb. But whatever concerns *who loses buyers to whom* moves a lot. Cross elasticities
# halve with the shares, by (0.3). Diversion to the outside good follows from shares alone (exercise 0.5), and $s_0$
# was assumed. The merger matters less, because the two firms compete with each other less.
#
# Suppose that a competition authority lets a merger pass if equilibrium prices rise by less than 5 percent. Firms 1
# and 2 say that the market is larger than you think. How many times as large must it be for their merger to pass?

# %%
blpteach.predict("0.8", ...)

# %%
near = {size: other_market(size)["merger: equilibrium"] for size in (1.25, 1.3)}
assert near[1.25] > 0.05 > near[1.3] and abs(near[1.3] - 0.048) < 1e-3
print("; ".join(f"market x {size}: {rise:.2%}" for size, rise in near.items()))
blpteach.predicted("0.8", np.interp(-0.05, [-near[1.25], -near[1.3]], [1.25, 1.3]))

# %% [markdown]
# Here is the market twice as large as a picture, and then with sliders. The logit is estimated anew as you move.
# (Click a slider, then use the arrow keys for small steps.)

# %%
from blpteach.plots.miniature import MarketSize
MarketSize(logit, market_size=2)

# %%
from blpteach.widgets.miniature import market_size
market_size(logit)

# %% [markdown]
# **Result.** A market larger by a little more than a quarter is enough. Nobody has observed that it is not, and the
# price coefficient, with its small standard error, does not notice. When you read a paper, look for the sentence on
# market size, and for the results under another one.

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
# two stages and least squares come out close, *whether or not the instruments are valid*. A strong first stage says
# that the instruments move the price. It says nothing about $\xi$. Real first stages are rarely so strong.

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
# By (0.2), $e^{\delta_j} = s_j / s_0$. After the change $e^{\delta_j}$ is multiplied by $g_j = e^{\beta_{\text{price}}
# \Delta p_j}$. Put both into (1.3) and multiply above and below by $s_0$: $s_j^{\text{new}} = s_j g_j / (s_0 + \sum_m
# s_m g_m)$. All products that keep their price have $g_j = 1$ and are divided by the same number. That is IIA once
# more.

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
# From (1.3), $\partial s_0 / \partial p_j = -\beta_{\text{price}}\, s_0 s_j$ and $\partial s_j / \partial p_j =
# \beta_{\text{price}}\, s_j (1 - s_j)$. Minus their ratio is $s_0 / (1 - s_j)$. The price coefficient has dropped out:
# no estimate is left in it, only shares, and these depend on the market size.

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
# that returns the margins (J,) in dollars. It should need neither a loop nor a matrix to invert. Compare it with
# `eta`.

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
# With (1.3), $\partial s_j / \partial p_j = \beta_{\text{price}} s_j (1 - s_j)$ and $\partial s_l / \partial p_j =
# -\beta_{\text{price}} s_l s_j$. Put equal margins $\eta_f$ into the condition: $s_j + \beta_{\text{price}}\, s_j\,
# \eta_f (1 - \sum_{l \in f} s_l) = 0$. Divide by $s_j$. No $j$ is left, so equal margins solve all the firm's
# conditions, with
#
# $$\eta_f = \frac{1}{-\beta_{\text{price}} \left(1 - \sum_{l \in f} s_l\right)}. \tag{0.5}$$
#
# (5.6) has one solution, so this is it. It is a strong statement. Given the price coefficient, the firms' total
# shares, the merging ones' and the rivals', are all that matters for what a merger brings. Which products make up a
# firm's total, twins or opposites, plays no role.

# %% [markdown]
# ## Further
#
# Nothing else rests on this section.

# %% [markdown] minutes=4 ask="Twenty moments, one coefficient. What can be tested, and what can't?"
# ### Do the instruments agree with each other?
#
# Any one of the 20 instruments would give an estimate. If all are valid, all these estimates aim at the same number.
# Nine of them are strong: each explains, alone, more than a tenth of the price variation within a product. All 20
# together gave $-30.098$ with a standard error of 1.019. How far from it are the nine, each used alone?

# %% tags=["parameters"]
strong = 0.1                                                    # R squared of one instrument

# %%
r_squared = np.corrcoef(Z.T, X[:, 0])[-1, :-1]**2               # (M,) of price on each instrument
alone = {k: blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                             instruments=[names[k]]).estimate()
         for k in np.flatnonzero(r_squared > strong)}
singles = pd.DataFrame({k: [e.beta[0], e.beta_se[0]] for k, e in alone.items()}, ["beta_price", "se"])
singles.round(1)

# %%
assert list(alone) == [5, 8, 13, 14, 15, 16, 17, 18, 19]
assert np.allclose(singles.loc["beta_price", [5, 8, 14, 16]], [-20.08, -19.67, -26.33, -32.01], atol=0.01)

# %% [markdown]
# Instruments 5 and 8 say $-20$, the other seven $-26$ to $-32$. With standard errors of 1 to 3 that is much.
#
# The **overidentification test** (Hansen's $J$) judges all 20 at once. It is the objective (3.2) at its minimum, with
# the two-step weights of lesson 03. If the model and all the instruments are right, it is *in large samples*
# distributed as $\chi^2$ with $20 - 1 = 19$ degrees of freedom, whose mean is 19. It takes the 2,256 rows as
# independent. The 24 cereals of a market may share a shock, so the second line takes only the 94 markets as
# independent. (For that line 94 clusters and 20 moments are not a very large sample.)

# %%
from scipy.stats import chi2

two_step = logit.estimate(steps=2)
by_market = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                             clusters="market_ids").estimate(steps=2)
for name, e in {"rows": two_step, "markets": by_market}.items():
    print(f"{name} independent: J = {e.objective:.1f}, p value {chi2.sf(e.objective, df=19):.0e}")

# %%
assert np.allclose([two_step.objective, by_market.objective], [187.5, 64.6], atol=0.1)
assert abs(two_step.own_elasticities().mean() - -3.706) < 1e-3

# %% [markdown]
# **Result.** With related rows allowed for, $J$ is a third of what it was, and it still rejects: the moments
# contradict each other. Some instruments are invalid, or the model is wrong: $J$ can't say which. A standard error
# describes how the estimate varies if the model is right, so keep this $J$ in mind when you read 1.019. The mean own
# elasticity depends little on it: with the two-step weights it is $-3.706$.

# %% [markdown]
# ## In practice
#
# PyBLP, the package of Conlon and Gortmaker, computes the same. `C(product_ids)` is the fixed effect, and `1s` the
# one-step estimator.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
    formula = pyblp.Formulation("0 + prices", absorb="C(product_ids)")
    theirs = pyblp.Problem(formula, products).solve(method="1s")
    assert np.allclose(theirs.compute_elasticities(market_id="C01Q1"), estimates.elasticities("C01Q1"))
    assert np.allclose([theirs.beta.item(), theirs.beta_se.item()], [estimates.beta[0], estimates.beta_se[0]])
    print(f"PyBLP {theirs.beta.item():.3f} ({theirs.beta_se.item():.3f}), "
          f"here {estimates.beta[0]:.3f} ({estimates.beta_se[0]:.3f})")
except ImportError:
    blpteach.stored_output()

# %% [markdown]
# Market size is argued for and varied: Nevo (2001) takes one serving a head and day. Instruments come with a story of
# why they move prices and not tastes; the first stage (exercise 0.3) shows whether they do the former. And the plain
# logit is a first table in a paper, before the model with random tastes that the conclusions rest on.

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
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP.
#   *RAND Journal of Economics* 51(4), 1108-1161. What is done today, and with which tool.
#
# **Next.** Lesson 01 opens Step 1. It gives consumers different tastes, and the halved price gets its first better
# answer.
