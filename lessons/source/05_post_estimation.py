# %% [markdown]
# # 05. What are the estimates for? Elasticities, diversion, markups and a first merger
#
# *80 minutes, and an hour for the exercises. You need: lesson 01 (choice probabilities, buyers), the idea of lesson 04 (what
# was estimated), numpy, and the first-order condition of a firm that sets prices. This is Step 5; the code is*
# `blpteach/post_estimation.py`.

# %% [markdown] minutes=2 ask="Two cereal makers want to merge. Which three numbers would you want to know first?"
# ## The question
#
# Lesson 04 ended with a table of parameters. Nobody wanted the table. A competition authority asks: two cereal makers
# want to merge, what happens to prices, and who pays?
#
# The answer needs no new data and no new estimation. Demand follows from two objects that we already have: who chooses
# what, and how each consumer's utility moves with price. They give elasticities, diversion and what consumers lose. Margins and
# new prices need three assumptions more, stated where they enter: who owns what, a game in which firms set prices, and a marginal
# cost that is the same at every quantity.
#
# The cereals are the *artificial* data that Nevo distributes with his guide. The methods are real; no statement below is
# about a real firm.

# %% [markdown]
# ## What you will be able to do
#
# - compute own and cross price elasticities from choice probabilities, and say why the logit's are wrong for substitution;
# - read a table of diversion ratios, with the outside good in it;
# - infer margins and marginal costs from prices and demand alone, and say what that assumes;
# - simulate a merger: change ownership, hold costs, solve every first-order condition again;
# - turn price changes into consumer surplus, and know which surplus numbers mean nothing.

# %%
import numpy as np
import pandas as pd

import blpteach
import blpteach.examples
from blpteach.plots.merger import ByProduct, CostCloud, DiversionMap, Merger, Paths

# %% [markdown]
# ## Build it

# %% [markdown] minutes=2 ask="Which of these four cereals would you expect to be each other's closest substitutes?"
# ### The estimates, and one market
#
# The model is that of lesson 04: Nevo's cereals, 13 nonlinear parameters, one-step GMM. It is estimated anew here. Then we look
# at one market, city 1 in quarter 1, and follow one of its products, `product`. `few` are four whose numbers we print.

# %% tags=["parameters"]
market, product = "C01Q1", "F2B19"
few = ["F1B13", "F2B19", "F3B06", "F6B18"]

# %%
problem, arguments = blpteach.examples.cereal()
estimates = problem.estimate(**arguments)
print(f"objective {estimates.objective:.4f}, price coefficient {estimates.beta[0]:.2f}")
assert abs(estimates.objective - 4.5615) < 1e-3

# %% [markdown]
# `estimates.market(market)` holds the arrays of one market under the names of the lessons. $J = 24$ products, $I = 20$ consumer
# types; `rows` leads to the products table. Prices are dollars a serving, shares are fractions of all possible servings.

# %%
one = estimates.market(market)
table = problem.products.iloc[one.rows]

# %%
names, firm = one.product_ids, one.firm_ids
l = list(names).index(product)
others = np.arange(24) != l
table.set_index("product_ids")[["firm_ids", "prices", "shares", "sugar", "mushy"]].loc[few]

# %% [markdown]
# A name says firm and brand: `F2B19` is brand 19 of firm 2. It is the largest seller here, and the one we follow. The
# firms are 1, 2, 3, 4 and 6, with 9, 9, 2, 3 and 1 products. There is no firm 5 in the data.
#
# Two lines of Step 1 give the choice probabilities at the estimates: mean utility $\delta_j$ is `delta` (J,), taste
# deviations $\mu_{ij}$ are `mu` (J, I), probabilities $s_{ij}$ are `P` (J, I), weights $w_i$ are `weights` (I,).

# %%
Gamma = np.hstack([estimates.sigma, estimates.pi])              # (4, 8)
delta, prices, weights = one.delta, one.prices, one.weights
mu = blpteach.taste_deviations(one.X2, one.tastes, Gamma)       # (24, 20)
P = blpteach.choice_probabilities(delta, mu)
shares = P @ weights
print("largest difference from the observed shares:", f"{abs(shares - table['shares']).max():.0e}")
assert np.allclose(shares, table["shares"], rtol=1e-8) and shares.argmax() == l
assert np.allclose(P, one.P)                                    # it has them too

# %% [markdown]
# That is Step 2: the estimates reproduce the shares of the data.

# %% [markdown] minutes=2 ask="Why is there no single price coefficient in this model?"
# ### How a consumer's utility moves with price
#
# Price enters utility twice: through the mean tastes (a column of $X_1$) and through the random coefficients (a column of
# $X_2$). Its effect on type $i$'s utility is the sum of both,
#
# $$\alpha_{ij} = \frac{\partial u_{ij}}{\partial p_j}
#   = \frac{\partial x_{1j}'}{\partial p_j}\beta + \frac{\partial x_{2j}'}{\partial p_j}\left(\Sigma\nu_i + \Pi y_i\right).
#   \tag{5.1}$$
#
# In code, `alpha` (J, I), from the derivatives `dX1` (J, K1) and `dX2` (J, K2) of the characteristics in price.

# %% tags=["build"]
def price_coefficients(dX1, beta, dX2, Gamma, tastes):
    """(5.1): how the utility of type i moves with the price of j, (J, I)."""
    mean = (dX1 @ beta)[:, None]                                # (J, 1)
    return mean + dX2 @ Gamma @ tastes.T                        # (J, I)


# %% [markdown]
# Here price stands alone in both, so its derivative is a one in the column of prices and zeros elsewhere, and
# $\alpha_{ij}$ is the same for all products: $\alpha_i$.

# %% tags=["parameters"]
levels = [0, 0.25, 0.5, 0.75, 1]                                # of the distribution over types

# %%
dX1, dX2 = np.ones((24, 1)), np.zeros((24, 4))                  # X1 is prices
dX2[:, 1] = 1                                                   # X2 is 1, prices, sugar, mushy
alpha = price_coefficients(dX1, estimates.beta, dX2, Gamma, one.tastes) # (24, 20)
print("quantiles of alpha:", np.quantile(alpha[0], levels).round(1),
      " mean:", alpha[0].mean().round(1))

# %%
library = blpteach.price_coefficients(dX1, estimates.beta, dX2, Gamma, one.tastes)
assert np.allclose(alpha, library) and np.allclose(alpha, one.alpha)
blpteach.show(blpteach.price_coefficients)

# %% [markdown]
# The most price-sensitive of the twenty types of this market has a coefficient of -180, the least of -16. Their mean is -52, and
# not the -62.73 above: that is the coefficient of a type whose tastes are all zero, and these twenty are others. A single
# number for "the price coefficient" hides all this, and everything below comes from it.

# %%
assert -181 < alpha.min() < -179 and -17 < alpha.max() < -15 and abs(alpha[0].mean() + 52.2) < 0.2

# %% [markdown] minutes=4 ask="The price of one cereal rises. Whose tastes decide how many of its buyers come to me?"
# ### How shares move with prices
#
# A small price rise $dp$ on product $l$ moves its utility for type $i$ by $\alpha_{il}\,dp$. Within a type, choice is a
# logit: one more util for $l$ moves the type's probability of $j$ by $s_{ij}(\mathbf 1\{j = l\} - s_{il})$. Average over types:
#
# $$\frac{\partial s_j}{\partial p_l} = \sum_i w_i\, \alpha_{il}\, s_{ij}\left(\mathbf 1\{j = l\} - s_{il}\right). \tag{5.2}$$
#
# Lesson 01 gave us the buyers of $j$, the distribution $w_{i|j} = w_i s_{ij} / s_j$. With it the same equation says more:
#
# $$\frac{\partial s_j}{\partial p_l} = s_j\, \mathrm E\left[\alpha_{il}\left(\mathbf 1\{j = l\} - s_{il}\right) \,\middle|\,
#   i \text{ buys } j\right].$$
#
# Product $j$ gains from a higher price of $l$ if the *types* that buy $j$ are price-sensitive and likely to buy $l$. (The person who
# switches to $j$ buys $l$ now. She is of such a type.) Write it as it stands: `jacobian[j, l]` is the derivative of share $j$ in price $l$.

# %% tags=["build"]
def share_jacobian(P, weights, alpha):
    """(5.2): derivative of share j in price l, (J, J)."""
    B = blpteach.buyers(P, weights)                             # (J, I) each row sums to one
    own = np.diag((B * alpha).sum(1))                           # E[alpha | buys j] where j = l
    cross = B @ (P * alpha).T                                   # E[alpha s_il | buys j]
    return (P @ weights)[:, None] * (own - cross)               # (J, J)


# %% [markdown]
# A derivative is believed when a finite difference agrees. Move one price by a ten-thousandth of a cent
# up and down, and let `market_shares` answer.

# %% tags=["parameters"]
dearer, h = "F2B19", 1e-6                                       # dollars

# %%
jacobian = share_jacobian(P, weights, alpha)                    # (24, 24)
step = h * (names == dearer)
up = blpteach.market_shares(delta, mu + alpha * step[:, None], weights)
down = blpteach.market_shares(delta, mu - alpha * step[:, None], weights)

# %%
column = jacobian[:, names == dearer][:, 0]
error = abs((up - down) / (2 * h) - column).max()
print(f"largest difference {error:.1e}, largest derivative {abs(column).max():.2f}")
assert error < 1e-6

# %% [markdown]
# The library's function does the same without dividing by the share and multiplying by it again. It keeps the two parts
# apart, $\Lambda_j = \sum_i w_i \alpha_{ij} s_{ij}$ and $\mathit{Crossing}_{jl} = \sum_i w_i \alpha_{il} s_{ij} s_{il}$;
# the merger below needs them.

# %%
from blpteach.post_estimation import share_jacobian_parts

blpteach.show(blpteach.share_jacobian)
blpteach.show(share_jacobian_parts)
assert np.allclose(jacobian, blpteach.share_jacobian(P, weights, alpha))

# %% [markdown] minutes=4 ask="What is the unit of an elasticity, and what is its sign on and off the diagonal?"
# ### Elasticities
#
# Derivatives have units: share per dollar. Elasticities have none. They are the percent change of share $j$ as price $l$ rises by
# one percent,
#
# $$e_{jl} = \frac{p_l}{s_j}\frac{\partial s_j}{\partial p_l} =
#   \begin{cases} \dfrac{p_j}{s_j}\sum_i w_i\, \alpha_{ij}\, s_{ij}(1 - s_{ij}) & j = l \\[1.2ex]
#   -\dfrac{p_l}{s_j}\sum_i w_i\, \alpha_{il}\, s_{ij} s_{il} & j \neq l. \end{cases} \tag{5.3}$$

# %% tags=["build"]
def elasticities(jacobian, prices, shares):
    """(5.3): percent change of share j as price l rises by one percent, (J, J)."""
    return jacobian * prices[None, :] / shares[:, None]         # (J, J)


# %% tags=["parameters"]
few = ["F1B13", "F2B19", "F3B06", "F6B18"]

# %%
elasticity = elasticities(jacobian, prices, shares)
own = prices / shares * (weights * alpha * P * (1 - P)).sum(1)
assert np.allclose(np.diag(elasticity), own)
assert np.allclose(elasticity, blpteach.elasticities(jacobian, prices, shares))

# %%
pd.DataFrame(elasticity, names, names).loc[few, few].round(3)

# %% [markdown]
# The row says whose share, the column whose price. Go down the column of `F2B19`: if it becomes one percent dearer, it sells 3.66
# percent less, `F1B13` (sugar 14) sells 0.79 percent more, and `F6B18` (no sugar) 0.15 percent.

# %%
column = dict(zip(names, elasticity[:, l]))
assert abs(column["F2B19"] + 3.657) < 2e-2
assert abs(column["F1B13"] - 0.79) < 1e-2 and abs(column["F6B18"] - 0.15) < 1e-2

# %% [markdown]
# > **A common error.** Some accounts print the elasticity as $s_l\left(\mathbf 1\{j = l\} - \sum_m s_m \mathbf 1\{m = l\}\right)$,
# > often with Kronecker's $\delta_{jl}$ for $\mathbf 1\{j = l\}$. No price and no $\alpha$ appear in it. On the diagonal it is
# > $s_l(1 - s_l)$, the derivative of a *logit* share in mean utility, and positive: demand would rise with price.

# %%
kronecker = np.eye(24)
wrong = shares[None, :] * (kronecker - (shares[:, None] * kronecker).sum(0))
print(f"own elasticity of {product}: the formula {wrong[l, l]:+.3f}, equation (5.3) {own[l]:+.3f}")
assert wrong[l, l] > 0 > own[l]

# %% [markdown]
# Over all 94 markets, the estimates' own method says:

# %%
all_own = estimates.own_elasticities()                          # (2256,)
print(f"mean own elasticity of {problem.N} products: {all_own.mean():.4f}")
assert abs(all_own.mean() + 3.6181) < 2e-3

# %% [markdown] minutes=3 ask="In the logit F2B19 becomes dearer. Which product gains most, in percent?"
# ### What the logit would say
#
# Estimate the plain logit on the same data: one price coefficient, no consumer types.
#
# **Before you run the next cells:** in the logit, `F2B19` becomes dearer. Which product gains most, in percent?

# %% tags=["parameters"]
product = "F2B19"                                               # the one that becomes dearer

# %%
l = list(names).index(product)
others = np.arange(24) != l
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
logit_elasticity = logit.elasticities(market).to_numpy()

# %%
print(f"price coefficient {logit.beta[0]:.3f}, "
      f"mean own elasticity {logit.own_elasticities().mean():.3f}")
print(f"cross elasticities with its price: {logit_elasticity[others, l].mean():.3f}, "
      f"{np.ptp(logit_elasticity[others, l]):.1e} apart")
assert abs(logit.beta[0] + 30.098) < 1e-2 and np.ptp(logit_elasticity[others, l]) < 1e-9

# %% [markdown]
# None gains most. With one type, (5.3) off the diagonal is $-p_l \alpha s_l$: the row $j$ has dropped out. Every product gains
# the same 0.33 percent, the sweet twin and the sugarless one.

# %%
gap = abs(all_own - logit.own_elasticities())
print(f"own elasticities of the two models differ by {gap.mean():.2f} on average")
assert abs(gap.mean() - 0.518) < 5e-3 and abs(logit_elasticity[others, l].mean() - 0.334) < 1e-3

# %% [markdown]
# The two models agree on the *average* own elasticity, -3.6 and -3.7. Product by product they differ by half a point. They
# disagree most on substitution, and mergers are about substitution.

# %%
by_sugar = np.argsort(table["sugar"].to_numpy(), kind="stable")
by_sugar = by_sugar[by_sugar != l]
sweet = [f"{names[j]}  ({table['sugar'].iloc[j]})" for j in by_sugar]

# %%
cross = {"logit": logit_elasticity[by_sugar, l], "random coefficients": elasticity[by_sugar, l]}
followed = f"{product} (sugar {table['sugar'].iloc[l]})"
ByProduct(sweet, cross, f"Whose sales rise when {followed} becomes 1 percent dearer?",
          "cross elasticity")

# %%
gains, sugar = elasticity[others, l], table["sugar"].to_numpy()[others]
print(f"ten grams or more: {gains[sugar >= 10].min():.2f} to {gains[sugar >= 10].max():.2f}; "
      f"four or less: {gains[sugar <= 4].min():.2f} to {gains[sugar <= 4].max():.2f}")
assert gains[sugar >= 10].min() > 0.45 and gains[sugar <= 4].max() < 0.35

# %% [markdown]
# Products stand in the order of sugar, which is in parentheses. Those with ten grams or more gain 0.5 to 0.8 percent, those with
# four or less 0.1 to 0.3. Sugar is not all: price, mushiness and the constant move $\mu$ as well. `F2B28` has much sugar and a
# low elasticity. Two more are sweet and mushy:

# %%
look = table.set_index("product_ids")[["sugar", "mushy", "prices"]].assign(cross=elasticity[:, l])
look.loc[["F2B19", "F2B28", "F1B06", "F3B06"]].round(3)

# %% [markdown]
# `F2B28` is mushy and dear, and `F2B19` is neither. `F1B06` and `F3B06` are mushy too, but cheap like `F2B19`, and sweeter still.

# %% [markdown] minutes=4 ask="A hundred buyers leave the sugarless F6B18 because it got dearer. Where are they now?"
# ### Diversion
#
# Elasticities compare percentages, and one percent of a small product is few people. For a merger the question is about people:
# *of those who leave product $j$ because it became dearer, which fraction goes to $l$?*
#
# $$\mathcal D_{jl} = -\frac{\partial s_l / \partial p_j}{\partial s_j / \partial p_j}. \tag{5.4}$$
#
# (Lesson 01 made $j$ worse by a fall of $\delta_j$, which all types feel alike. A price rise is felt by type $i$ in proportion to
# $\alpha_i$, so the leavers are others. In the logit the two agree.)
#
# Mind the order: row $j$ is left, column $l$ receives. For $l = j$ the formula gives $-1$ and says nothing, so the
# diagonal is free. The library follows PyBLP and puts there what no other cell holds: the fraction that goes to the
# *outside good*, that buys none of the 24.

# %% tags=["build"]
def diversion_ratios(P, weights, alpha):
    """(5.4): of those who leave j, the fraction that goes to l, (J, J); diagonal: outside good."""
    D = share_jacobian(P, weights, alpha)
    diversion = -D.T / np.diag(D)[:, None]                      # row j: leaves j
    to_outside = -(weights * (1 - P.sum(0)) * alpha * P).sum(1)             # d s_0 / d p_j
    np.fill_diagonal(diversion, -to_outside / np.diag(D))
    return diversion                                            # (J, J)


# %% [markdown]
# The outside fraction was computed on its own, not as a remainder. So this is a test: everybody who leaves must arrive.

# %%
diversion = diversion_ratios(P, weights, alpha)
print("rows sum to", diversion.sum(1).min().round(12), "...", diversion.sum(1).max().round(12))
assert np.allclose(diversion.sum(1), 1, atol=1e-10)
assert np.allclose(diversion, blpteach.diversion_ratios(P, weights, alpha))

# %% [markdown]
# The picture of these ratios has a row for each product that is left, in the order of sugar, and darker cells where more people
# go. In the logit the leavers of every product spread in proportion to shares.
#
# **Before you run the next cell:** in the estimated model, which rows will be dark in the column of `F6B18`, which has no sugar?

# %%
order = np.argsort(table["sugar"].to_numpy(), kind="stable")
labels = [f"{names[j]}  ({table['sugar'].iloc[j]})" for j in order]
DiversionMap(diversion[np.ix_(order, order)], labels)

# %% [markdown]
# The rows with little sugar. Two groups appear. Those who leave a product with little sugar go to `F2B05`, `F2B16` and `F6B18`.
# Those who leave a sweet one go to `F2B19`. Under the logit all rows of this picture would look alike.
#
# The last column is as important: between a third and two thirds of the leavers buy no cereal of the 24 at all.

# %% tags=["parameters"]
left, reached = ["F1B45", "F2B05"], "F6B18"                     # sugar 14 and 1; none

# %%
to_none = 100 * np.diag(diversion)                              # (24,)
print(f"to the outside good: {to_none.min():.0f} to {to_none.max():.0f} of 100")
to = pd.DataFrame(100 * diversion, names, names)
to.loc[left, [reached]].round(1)

# %%
assert 33 < to_none.min() < 34.5 and 65 < to_none.max() < 66.5
assert to.loc["F2B05", "F6B18"] > 5 * to.loc["F1B45", "F6B18"]

# %% [markdown] minutes=5 ask="Nobody reported a cost. How can prices and demand alone reveal one?"
# ### Who sets which price
#
# So far only consumers acted. Now firms. A firm that owns several products knows that those who leave one of them may go
# to another of its own. The ownership matrix $H$ (`ownership`, (J, J)) records what the setter of price $j$ cares about:
#
# $$H_{jl} = \mathbf 1\{j \text{ and } l \text{ belong to one firm}\}. \tag{5.5}$$

# %% tags=["build"]
def ownership_matrix(firm_ids):
    """(5.5): one where products j and l belong to one firm, (J, J)."""
    return (firm_ids[:, None] == firm_ids[None, :]).astype(float)           # (J, J)


# %%
H = ownership_matrix(firm)
print(f"products that share an owner with {product}:", int(H[l].sum()), "of", len(H))
assert np.array_equal(H, blpteach.ownership_matrix(firm))

# %% [markdown]
# Firm $f$ chooses its prices to maximise $\sum_{l \in f} (p_l - c_l)\, s_l(p)$, taking the others' prices as given. This is the
# *Bertrand-Nash* game: each firm's prices are best given the others'. $c_l$ is marginal cost, the same at every quantity. One more
# cent on $p_j$ earns a cent from each buyer of $j$, and moves buyers of all its products. At the optimum the two balance:
#
# $$s_j + \sum_l H_{jl}\, (p_l - c_l)\, \frac{\partial s_l}{\partial p_j} = 0 .$$
#
# There is one equation for each product. They are linear in the margins $\eta = p - c$, so margins follow by one
# solve. With $D$ for the Jacobian (5.2) and $*$ for the product of elements,
#
# $$\eta = -\left(H * D'\right)^{-1} s. \tag{5.6}$$
#
# $\eta$ is in dollars. Many papers call it the markup. PyBLP and the method `estimates.markups()` give that name to $\eta / p$.

# %% tags=["build"]
def margins(shares, jacobian, ownership):
    """(5.6): price minus cost at which no firm gains from another price, (J,)."""
    return np.linalg.solve(-ownership * jacobian.T, shares)     # (J,)


# %%
eta = margins(shares, jacobian, H)
costs = prices - eta
lerner = eta / prices
assert np.allclose(eta, blpteach.margins(shares, jacobian, H))

# %%
supply = pd.DataFrame({"price": prices, "margin": eta, "cost": costs, "lerner": lerner}, names)
supply.loc[few].round(4)

# %% [markdown]
# Look at what happened. Nobody reported a cost. A cost is what makes the observed price the best one, *if* demand is
# as estimated and *if* firms play this game. The *Lerner index* $\eta_j / p_j$ is the margin as a fraction of the price.
#
# A firm with one product has $\eta_j / p_j = -1 / e_{jj}$. Firm 6 is one; firm 2 has nine products.
#
# **Before you run the next cell:** is firm 2's Lerner index above or below $-1 / e_{jj}$? And what if one firm owned
# everything?

# %% tags=["parameters"]
owners = {"24 firms": np.arange(24), "the five firms": firm, "one firm": np.zeros(24)}

# %%
for name, ids in owners.items():
    index = margins(shares, jacobian, ownership_matrix(ids)) / prices
    print(f"{name:15} mean {index.mean():.3f}, {product} {index[l]:.3f}, F6B18 {index[23]:.3f}")
assert np.isclose(lerner[23], -1 / elasticity[23, 23]) and lerner[l] > -1 / elasticity[l, l]

# %% [markdown]
# Above: a leaver caught by a sibling is not lost, so the firm dares more. The table says something else too. The same
# prices imply three different sets of costs. Costs found this way are conclusions about conduct as much as about
# technology.
#
# In all markets, with the five firms:

# %%
all_costs, all_lerner = estimates.costs(), estimates.markups()
print(f"mean Lerner index {all_lerner.mean():.4f}")
print(f"negative costs: {(all_costs < 0).sum()} of {problem.N}")
assert abs(all_lerner.mean() - 0.3639) < 1e-3 and (all_costs < 0).sum() == 4

# %% [markdown]
# **Before you run the next cell:** prices go from 5 to 23 cents a serving. Do firms earn more on a serving of a dear product?

# %%
CostCloud(problem.prices, all_costs)

# %%
slope = np.polyfit(problem.prices, all_costs, 1)[0]
all_eta = 100 * (problem.prices - all_costs)
print(f"a cent more of price goes with {slope:.2f} cents more of cost; "
      f"margins {all_eta.mean():.1f} cents, standard deviation {all_eta.std():.1f}")
assert abs(slope - 0.967) < 0.01 and abs(all_eta.mean() - 4.34) < 0.03

# %% [markdown]
# Hardly. The cloud runs parallel to the line: margins are near 4.3 cents whatever the price, so cheap products have the large Lerner
# indices. In the logit it must be so, since $\eta = 1 / (-\beta_{price}(1 - S))$, with $S$ the firm's share, has no price in it.
# Most of that survives here. It is the functional form, more than the data, that gives the cheapest products the highest Lerner
# indices, and four of them negative costs:

# %%
below = problem.products[["market_ids", "product_ids", "prices"]].assign(
    own_elasticity=estimates.own_elasticities(), lerner=all_lerner, cost=all_costs)[all_costs < 0]
below.round(4)

# %% [markdown]
# A serving does not cost less than nothing to make. So the model is wrong somewhere here, and that should be reported, not repaired.
# Two forces lead there. In three cases demand is hardly elastic: a firm with one product and
# a positive cost never prices where the elasticity is above -1, and these are close to it. The fourth is `F1B04` in C08Q2. Look at
# its siblings:

# %%
there = (problem.products["market_ids"] == "C08Q2") & (problem.products["firm_ids"] == 1)
earned = (problem.prices - all_costs)[there]                    # margins of firm 1 in C08Q2
price = problem.prices[there][0]                                # F1B04 comes first
print(f"siblings with margins above F1B04's whole price: {(earned[1:] > price).sum()} of 8")
assert (earned[1:] > price).sum() == 6

# %% [markdown]
# Every buyer who is driven from `F1B04` to one of these is worth more there than here at any positive cost.
#
# Either the types who buy these products mind prices more than estimated, or the prices were not set by this game, or
# they are measured wrongly. Four of 2256 is few. The more there are, the less any counterfactual that builds on the costs can be
# believed. Plain least squares in lesson 00 made them the rule.

# %% [markdown] minutes=2 ask="Firm 1 buys firm 2. Name one thing that changes and two that we hold."
# ### A merger: what changes, and what is held
#
# Firm 1 buys firm 2. Three things could change: who owns what, costs, demand. A first merger simulation changes only the
# first. Costs stay at (5.6) under the *old* owners, demand stays, and prices must again solve every first-order condition,
# under the *new* owners. Rivals' conditions are among them.
#
# The functions take a leading axis for markets, so we solve all 94 at once: `problem.blocks[0]` is the stack of them, and its
# `index` (94, 24) leads to the table. `demand` collects what depends on prices.

# %% tags=["parameters"]
acquirer, target = 1, 2

# %%
stack = problem.blocks[0]
place = list(problem.market_labels[stack.markets]).index(market)            # our market in it
mu_all = blpteach.taste_deviations(stack.X2, stack.tastes, Gamma)           # (94, 24, 20)
alpha_all = (estimates.beta[0] + stack.tastes @ Gamma[1])[:, None, :]       # (94, 1, 20)
alpha_all = np.broadcast_to(alpha_all, mu_all.shape)
p_old, delta_all = problem.prices[stack.index], estimates.delta[stack.index]
c = all_costs[stack.index]                                      # held

# %%
all_firms = problem.products["firm_ids"].to_numpy()             # (2256,)
after = np.where(all_firms == target, acquirer, all_firms)[stack.index]     # (94, 24)
H_new = blpteach.ownership_matrix(after)                        # (94, 24, 24)
print("products of the merged firm in each market:", int((after == acquirer).sum(1)[place]))


# %%
def demand(p):
    """Probabilities, shares and their price derivatives in all markets, at prices p (94, 24)."""
    P = blpteach.choice_probabilities(delta_all, mu_all + alpha_all * (p - p_old)[..., None])
    s = np.vecdot(P, stack.weights[:, None, :])                 # (94, 24)
    return P, s, blpteach.share_jacobian(P, stack.weights, alpha_all)


# %%
error = abs(demand(p_old)[1] - problem.shares[stack.index]).max()
print(f"at the old prices it gives the old shares, up to {error:.0e}")
assert error < 1e-9

# %% [markdown] minutes=5 ask="Compute margins, set prices, compute margins again. Does this end?"
# ### Two maps
#
# Equation (5.6) holds at the new prices: $p = c + \eta(p)$. Read it as an instruction, $p \leftarrow c + \eta(p)$:
# compute margins, set prices, compute margins again.

# %% tags=["build"]
def naive(p):
    """(5.6) as an instruction: cost plus the margins at the last prices, (94, 24)."""
    _, s, D = demand(p)
    return c + blpteach.margins(s, D, H_new)                    # (94, 24)


# %% tags=["parameters"]
times = 200                                                     # iterations

# %%
def iterate(step, p, times):
    """All prices on the way, the start included (times + 1, 94, 24)."""
    path = [p]
    for _ in range(times):
        path.append(step(path[-1]))
    return np.array(path)


# %% [markdown]
# **Before you run the next cell** (it takes about a second): from the old prices, in how many of the 94 markets does the map
# settle?

# %%
naive_path = iterate(naive, p_old, times)
moving = abs(naive_path[-1] - naive_path[-2]).max(-1) > 1e-6    # (94,)
cycling = list(problem.market_labels[stack.markets[moving]])
print(f"still moving after {times} iterations:", cycling)

# %%
back = np.allclose(naive_path[-1], naive_path[-3], atol=1e-6)
print("and back where they were two iterations ago:", back)
assert back and cycling == ["C27Q1", "C07Q2", "C08Q2"]

# %% [markdown]
# In three markets it jumps between two points for ever. The logit shows why. There a firm with total share $S$ wants the margin
# $\eta = 1 / (-\alpha(1 - S))$. Let it raise all its prices together by a cent. $S$ changes at the rate $\alpha S (1 - S)$, and so the
# margin it wants falls by $S / (1 - S)$ cents. With $S$ above one half that is more than the cent: the map overshoots, and overshoots
# back.
#
# Morrow and Skerlos put the same equations differently. Split $D = \mathrm{diag}(\Lambda) - \mathit{Crossing}$ as above. The
# first-order condition $s + (H * D')(p - c) = 0$ becomes
# $\Lambda * (p - c) = (H * \mathit{Crossing}')(p - c) - s$, because $H_{jj} = 1$. Divide by $\Lambda$, element by element:
#
# $$p \leftarrow c + \zeta(p), \qquad
#   \zeta(p) = \Lambda^{-1} \left[\left(H * \mathit{Crossing}'\right)(p - c) - s\right]. \tag{5.7}$$

# %% tags=["build"]
def zeta(p):
    """(5.7): cost plus the bracket divided by Lambda, (94, 24)."""
    P, s, _ = demand(p)
    Lambda, Crossing = share_jacobian_parts(P, stack.weights, alpha_all)
    return c + (np.matvec(H_new * Crossing.mT, p - c) - s) / Lambda         # (94, 24)


# %%
zeta_path = iterate(zeta, p_old, times)
settled = zeta_path[-1]                                         # (94, 24)
print("markets still moving:", int((abs(settled - zeta_path[-2]).max(-1) > 1e-6).sum()))
assert abs(settled - zeta_path[-2]).max() < 1e-9

# %% [markdown]
# It settles in all 94, and needs no linear solve. Why? Take the logit firm again. For it (5.7) reads $\eta \leftarrow S\eta + 1/(-\alpha)$.
# If all its prices rise by a cent, the right side moves by $S + \eta\,\alpha S(1 - S)$. At the optimum $\eta = 1/(-\alpha(1 - S))$, so this is
# $S - S = 0$: no overshooting. With types the factor is not zero. As in lesson 02, the factor by which a map shrinks
# a small error is the spectral radius of its Jacobian. Here it is for both maps, by finite differences:

# %%
def shrinkage(step, p, h=1e-6):
    """Spectral radius of a map's Jacobian at p, in each market (94,)."""
    columns = [(step(p + h * e) - step(p - h * e)) / (2 * h) for e in np.eye(24)]
    return abs(np.linalg.eigvals(np.stack(columns, -1))).max(-1)


# %%
factor = shrinkage(naive, settled)                              # (94,)
print("naive map, in the three markets:", factor[moving].round(2),
      " elsewhere at most", factor[~moving].max().round(2))
print("zeta map, in all markets at most", shrinkage(zeta, settled).max().round(2))
assert ((factor > 1) == moving).all() and shrinkage(zeta, settled).max() < 0.75

# %% [markdown]
# The naive map's factor is above one in exactly the three markets where it cycles. The merged firm is at its largest there:

# %%
S = (demand(settled)[1] * (after == acquirer)).sum(1)           # (94,) share of the merged firm
print("its share in the three markets:", S[moving].round(2),
      " elsewhere at most", S[~moving].max().round(2))
assert S[moving].min() > S[~moving].max() and abs(S[moving].min() - 0.47) < 0.01

# %% [markdown]
# One of the three shares is below one half. That border is the logit's; where types differ, a firm is larger among those who
# buy from it than on average.
#
# The library's `equilibrium_prices` is the $\zeta$ map with a stopping rule.

# %%
found = blpteach.equilibrium_prices(delta_all, mu_all, alpha_all, stack.weights, p_old, c, H_new)
blpteach.show(blpteach.equilibrium_prices)
assert np.allclose(found.prices, settled, atol=1e-9)
assert np.allclose(found.prices[~moving], naive_path[-1][~moving], atol=1e-6)

# %% [markdown]
# Where both settle they agree: it is one set of equations. The picture follows one price in the first market where they don't, the
# price that jumps most.

# %%
t = int(np.flatnonzero(moving)[0]) if moving.any() else place
j = int(abs(naive_path[-1, t] - naive_path[-2, t]).argmax())
where = f"{names[j]} in {problem.market_labels[stack.markets[t]]}"
Paths(naive_path[:, t, j], zeta_path[:, t, j], where)

# %% [markdown]
# > **A common error.** "The map $p \leftarrow c + \eta(p)$ finds the new prices." In 3 of 94 cereal markets it cycles. The $\zeta$ map
# > has converged in every one. Neither proves that the equilibrium it finds is the only one.

# %% [markdown] minutes=4 ask="Do the rivals, who did not merge, raise their prices too?"
# ### What the merger does
#
# One line of the library does all of this: owners as a dictionary, who becomes whom.

# %% tags=["parameters"]
who_becomes_whom = {2: 1}

# %%
merged = estimates.counterfactual(firm_ids=who_becomes_whom)
change = 100 * (merged.prices / problem.prices - 1)             # (2256,) percent
assert np.allclose(merged.prices[stack.index], found.prices, atol=1e-9)
merged

# %% [markdown]
# **Before you run the next cell:** both merging firms have nine products. Whose prices rise more? Do rivals, who did not merge,
# change theirs?

# %%
merging = np.isin(all_firms, [*who_becomes_whom, *who_becomes_whom.values()])
print(f"mean price change {change.mean():.2f} %: merging {change[merging].mean():.2f} %, "
      f"others {change[~merging].mean():.2f} %")
pd.Series(change).groupby(all_firms).agg(["mean", "min", "max"]).rename_axis("firm").round(2)

# %%
fell = (change < 0) & ~merging
print(f"rivals' prices fall in {fell.sum()} of {(~merging).sum()} cases")
assert abs(change.mean() - 10.16) < 0.05 and abs(change[merging].mean() - 13.35) < 0.05
assert abs(change[~merging].mean() - 0.56) < 0.02 and fell.sum() == 32

# %% [markdown]
# Rivals raise theirs too, by 0.6 percent on average: they get buyers and can charge more. That is why
# every first-order condition must be solved again, and not only those of the merging firms.
#
# In 32 of 564 cases a rival's price falls. Did its firm lose buyers? In the logit it must have: there a firm's margin,
# $1 / (-\beta_{price}(1 - S))$, depends on its share alone and rises with it. With types it also matters who comes. If they mind prices
# more than those whom the rival had, its demand becomes more elastic.

# %%
(P_then, s_then, _), (P_now, s_now, _) = demand(p_old), demand(found.prices)
then, now = [np.vecdot(blpteach.buyers(P, stack.weights), alpha_all) for P in (P_then, P_now)]
for rows, way in ((fell, "falls"), (~fell & ~merging, "rises")):
    cases = rows[stack.index]                                   # (94, 24)
    more, mind_more = (s_now > s_then)[cases].sum(), (now < then)[cases].sum()
    print(f"price {way}: {cases.sum()} cases, share rises in {more}, "
          f"mean alpha of the buyers falls in {mind_more}")
    assert more == cases.sum() and (way == "rises" or mind_more == 32)

# %% [markdown]
# No rival's share falls. In all 32 cases its buyers mind prices more than before, and elsewhere in fewer than half.
#
# The largest price rise is 109 percent, `F2B16` in C43Q2. A constant cost and an artificial market allow it. Treat it as a warning, and
# not as a forecast.
#
# > **A common error.** "A merger changes the margins: recompute them under the new ownership and add them to costs." That is
# > the *first step* of the naive map, $c + \eta(p^{old})$: shares and their derivatives are still those of the old prices. It
# > overstates the change here.

# %%
one_shot = 100 * (naive_path[1] / p_old - 1)
print(f"margins once: {one_shot.mean():.2f} %; every condition solved: {change.mean():.2f} %")
assert abs(one_shot.mean() - 13.88) < 0.05 and abs(change.max() - 109.4) < 0.5

# %% [markdown]
# The single step sees the merged firm with the share it had at the old prices. As it raises prices it loses buyers, and a smaller
# firm wants a smaller margin: the $S / (1 - S)$ from above.
#
# The size of a price rise has a simple source. What changed for firm 1 is that leavers caught by firm 2 are no longer
# lost. In our market, how many are there?

# %%
ones, twos = np.flatnonzero(firm == 1), np.flatnonzero(firm == 2)
to_two = 100 * diversion[np.ix_(ones, twos)].sum(1)             # from each product of firm 1
to_one = 100 * diversion[np.ix_(twos, ones)].sum(1)

# %%
new_prices = found.prices[place]
rise = 100 * (new_prices / prices - 1)
print(f"{to_two.mean():.0f} of 100 leavers of firm 1 go to 2; prices {rise[ones].mean():+.1f} %")
print(f"{to_one.mean():.0f} of 100 leavers of firm 2 go to 1; prices {rise[twos].mean():+.1f} %")
assert to_two.mean() > 1.5 * to_one.mean() and rise[ones].mean() > 1.5 * rise[twos].mean()

# %% [markdown]
# A leaver caught is worth the partner's margin. Divide the first-order condition of $j$ by $-\partial s_j / \partial p_j$, so that it counts
# for one leaver. What the merger adds to it is $\sum_l \mathcal D_{jl}\,(p_l - c_l)$, summed over the partner's products: *upward pricing
# pressure*, in dollars. It needs old prices only. Does it tell, product by product, which prices will rise most, in percent? We compute it
# for all 1692 products of the two firms, as a fraction of $p_j$, and beside it mere diversion, $\sum_l \mathcal D_{jl}$.

# %%
D_all = blpteach.diversion_ratios(demand(p_old)[0], stack.weights, alpha_all)
partner = H_new - blpteach.ownership_matrix(all_firms[stack.index])         # (94, 24, 24)
caught = (D_all * partner).sum(-1)[after == acquirer]           # (1692,) fractions of leavers
pressure = (np.matvec(D_all * partner, p_old - c) / p_old)[after == acquirer]          # of price

# %%
rises = 100 * (found.prices / p_old - 1)[after == acquirer]
print(f"correlation of the rise with diversion {np.corrcoef(caught, rises)[0, 1]:.2f}, "
      f"with pricing pressure {np.corrcoef(pressure, rises)[0, 1]:.2f}")
assert abs(np.corrcoef(caught, rises)[0, 1] - 0.753) < 0.01
assert abs(np.corrcoef(pressure, rises)[0, 1] - 0.907) < 0.01

# %% [markdown]
# Diversion makes a merger dangerous, and the partner's margins say how much. A look at both, before any simulation, tells rather well
# which prices are at risk.

# %% [markdown] minutes=5 ask="Who loses most from the merger: those who mind prices most, or those who mind them least?"
# ### What consumers lose
#
# A type's expected utility from the best choice is $\log(1 + \sum_j e^{V_{ij}})$ with $V_{ij} = \delta_j + \mu_{ij}$, in utils
# (equation 1.4). A dollar is worth $-\alpha_i$ utils to type $i$. Divide, and average over types:
#
# $$CS = \sum_i w_i\, \frac{\log\left(1 + \sum_j e^{V_{ij}}\right)}{-\alpha_i}. \tag{5.8}$$
#
# This is in dollars for each possible serving. Multiply by the number of them for a market's total. It needs $\alpha_i$ that is
# the same for all products and does not change with price. And it is defined up to a constant that we never know, so only
# *differences* mean something.

# %% tags=["build"]
def consumer_surplus(delta, mu, alpha, weights):
    """(5.8): expected value of the best choice, in dollars up to a constant; alpha is (I,)."""
    V = delta[:, None] + mu                                     # (J, I)
    return weights @ (np.log(1 + np.exp(V).sum(0)) / -alpha)    # a number


# %% tags=["parameters"]
h = 1e-6                                                        # dollars

# %%
def surplus(p):
    """Consumer surplus in our market at prices p (24,)."""
    return consumer_surplus(delta, mu + alpha * (p - prices)[:, None], alpha[0], weights)


# %%
loss = 100 * (surplus(new_prices) - surplus(prices))
print(f"consumer surplus changes by {loss:.3f} cents a possible serving")
print(f"spending was {100 * prices @ shares:.2f} cents a possible serving")
assert np.isclose(surplus(prices), blpteach.consumer_surplus(delta, mu, alpha[0], weights))
assert abs(loss + 0.313) < 5e-3

# %% [markdown]
# The formula must agree with common sense for a small change: if $p_j$ rises by a little, a buyer of $j$ loses that little,
# and nobody else loses anything. So $\partial CS / \partial p_j = -s_j$. A finite difference says whether it does.

# %%
slopes = np.array([surplus(prices + h * e) - surplus(prices - h * e) for e in np.eye(24)]) / (2 * h)
print(f"largest difference between dCS/dp_j and -s_j: {abs(slopes + shares).max():.1e}")
assert abs(slopes + shares).max() < 1e-7

# %% [markdown]
# For a large change, buyers leave, and lose less than if they had stayed. Paying the new prices for the old basket would cost
# more than the loss:

# %%
basket = -100 * shares @ (new_prices - prices)
print(f"old basket at new prices {basket:.3f} cents, loss of surplus {loss:.3f} cents")
assert basket < loss < 0

# %% [markdown]
# Who pays? **Before you run the next cell:** which types lose most, those who mind prices most or those who mind them least?

# %%
V_old, V_new = [delta[:, None] + mu + alpha * (p - prices)[:, None] for p in (prices, new_prices)]
values = [np.log1p(np.exp(V).sum(0)) / -alpha[0] for V in (V_old, V_new)]          # (20,) each
by_type = 100 * (values[1] - values[0])                         # cents
types = pd.DataFrame({"alpha": alpha[0], "buys": P.sum(0), "loses": -by_type}).sort_values("alpha")
types.iloc[[0, 1, 4, 9, 14, 18, 19]].round(3)

# %%
everywhere = 100 * (merged.consumer_surplus() - estimates.consumer_surplus())           # by market
print(f"mean over all markets {everywhere.mean():.3f}, "
      f"from {everywhere.min():.2f} to {everywhere.max():.2f} cents a possible serving")
assert np.isclose(weights @ by_type, loss) and types["loses"].iloc[:2].max() < 1e-3
assert abs(everywhere.mean() + 0.466) < 3e-3

# %% [markdown]
# By and large, those who mind prices least buy most cereals, and pay most. What counts is how much a type buys: the last one minds
# prices least, but buys less than the one above it, and loses less. The two most price-sensitive types buy none and lose
# nothing. Over all markets consumers lose 0.47 cents a possible serving.
#
# > **A common error.** $CS = \sum_t \ln\left(1 + \sum_j e^{\delta_{jt}}\right)$. It leaves out $\mu$, so that all consumers are the mean
# > one; it is in utils, not in money; and it adds markets as if they were of equal size. Dividing by $-\beta_{price}$
# > repairs the units, and the number is still wrong.

# %%
mean_rise = estimates.beta[0] * (new_prices - prices)
utils = np.log(1 + np.exp(delta + mean_rise).sum()) - np.log(1 + np.exp(delta).sum())
money = 100 * utils / -estimates.beta[0]
eats = np.exp(delta).sum() / (1 + np.exp(delta).sum())
print(f"the formula {utils:.4f} utils; in money {money:.4f} cents; (5.8) {loss:.4f} cents")
print(f"the mean consumer buys with probability {eats:.3f}, all types {shares.sum():.3f}")
assert abs(money) < 0.1 * abs(loss)
assert abs(eats - 0.0387) < 1e-3 and abs(shares.sum() - 0.4448) < 1e-3

# %% [markdown]
# It is a fifteenth of the loss. The mean consumer hardly eats cereals: at $\mu = 0$ the 24 products have 4 percent of the servings, in
# the data 44. Whoever buys little loses little.

# %% [markdown] minutes=2 ask="A type likes high prices. Is a dollar worth a negative number of utils to it?"
# ### Minus alpha, not its absolute value
#
# All twenty $\alpha_i$ here are negative. With normal coefficients nothing guarantees that: some types may like
# high prices. For them (5.8) divides by a *negative* number. It looks like an error, and some take $|\alpha_i|$ instead.
#
# **Before you run the next cell:** an economy with two products and three types, one of which has $\alpha_i = +0.5$. Which
# version keeps $\partial CS / \partial p_j = -s_j$?

# %% tags=["parameters"]
toy_alpha = np.array([-3.0, -1.0, 0.5])                         # three types
toy_prices = np.array([1.0, 1.5])                               # two products

# %%
def toy(p, worth):
    """Surplus of three equal types with mean utility 1; a dollar is worth `worth` (3,) utils."""
    return consumer_surplus(np.ones(2), np.outer(p, toy_alpha), -worth, np.full(3, 1 / 3))


# %%
s1 = blpteach.market_shares(np.ones(2), np.outer(toy_prices, toy_alpha), np.full(3, 1 / 3))[0]
e1 = np.array([1e-6, 0])
slope, absolute = [(toy(toy_prices + e1, worth) - toy(toy_prices - e1, worth)) / 2e-6
                   for worth in (-toy_alpha, abs(toy_alpha))]
print(f"dCS/dp_1 with minus alpha {slope:+.4f}, with |alpha| {absolute:+.4f}; -s_1 is {-s1:+.4f}")
assert abs(slope + s1) < 1e-6 and absolute > -0.2 * s1

# %% [markdown]
# With minus alpha. With $|\alpha_i|$ a ninth of the true loss is left. For the type with $\alpha_i > 0$ the model contradicts itself: a dollar
# more makes it better off. $-\alpha_i$ keeps the accounting right, the mean change is what buyers pay more, and $|\alpha_i|$ does not.
# The remedy is a price coefficient that cannot be positive.

# %% [markdown] minutes=2 ask="What is the mean of one over a normal variable?"
# ### Which surplus has no mean
#
# There is a deeper trouble with normal price coefficients. Near zero, $1 / \alpha_i$ explodes, and a normal density is positive at
# zero: $\mathrm E[1 / \alpha_i]$ does not exist. Take $\alpha_i \sim N(-3, 1.5^2)$ and one product with $V_i = 1 + \alpha_i p$, whose
# price rises from 1 to 1.1. The *level* of surplus contains $1/\alpha_i$. The *change* for a price change does not explode, because
# utility doesn't change either where $\alpha_i$ is near zero.
#
# **Before you run the next cell:** more and more draws. Which of the two averages settles?

# %% tags=["parameters"]
mean, spread, seed = -3, 1.5, 5

# %%
draws = np.random.default_rng(seed).normal(mean, spread, 1_000_000)
level = np.log1p(np.exp(1 + draws)) / -draws
price_change = (np.log1p(np.exp(1 + 1.1 * draws)) - np.log1p(np.exp(1 + draws))) / -draws
for n in (1_000, 10_000, 100_000, 1_000_000):
    print(f"{n:>9,} draws: level {level[:n].mean():+8.3f}   change {price_change[:n].mean():+.5f}")

# %%
levels, changes = level.reshape(100, -1).mean(1), price_change.reshape(100, -1).mean(1)
print("means of 100 samples of 10,000 draws")
print(f"level from {levels.min():.2f} to {levels.max():.2f}")
print(f"change from {changes.min():.4f} to {changes.max():.4f}")
assert np.ptp(levels) > 5 and np.ptp(changes) < 0.01

# %% [markdown]
# > **A common error.** "With a normal price coefficient, welfare is fine." The level of surplus, the value of a product that
# > enters or leaves, and mean willingness to pay have no mean; what a program prints for them depends on its draws. The mean change
# > for a *price change* exists, and with $-\alpha_i$ it agrees with $\partial CS / \partial p_j = -s_j$. Lognormal price
# > coefficients avoid the trouble.
#
# Our cereal model has normal tastes for price too. The loss of 0.313 cents is a price change, and safe. "A product leaves" below
# counts servings and gives no surplus.

# %% [markdown] minutes=2 ask="Why would a firm halve a price? How low would its cost have to be?"
# ### The halved price, the last time
#
# Lesson 00 halved the price of `F2B19` and watched the logit spread the loss over all other products in proportion. Lesson 04 did it with
# the estimated model. Both held all other prices. Now they can respond, and we must ask first: why would firm 2 halve a price? In the
# model a price falls because its cost does. How low must the cost go?

# %% tags=["parameters"]
fraction = 0.5                                                  # of the old price

# %%
def prices_if(cost):
    """Equilibrium prices (24,) if our product's cost were another one."""
    new_costs = np.where(np.arange(24) == l, cost, costs)
    return blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, new_costs, H).prices


# %%
print(f"price {100 * prices[l]:.2f} cents, cost {100 * costs[l]:.2f} cents")
print(f"price at a cost of zero: {100 * prices_if(0)[l]:.2f} cents")

# %%
from scipy.optimize import brentq

needed = brentq(lambda cost: prices_if(cost)[l] - fraction * prices[l], -0.1, 2 * costs[l])
print(f"for {fraction:g} of the price the cost must be {100 * needed:.2f} cents")
assert needed < 0 and prices_if(0)[l] > prices[l] / 2

# %% [markdown]
# Below zero. Even if `F2B19` cost nothing, firm 2 would not halve its price; it would have to be paid about 1.3 cents for
# each serving. That is worth knowing about a thought experiment. We pay the subsidy and look at everybody else.
#
# Three answers to "who loses?": the logit with all other prices held; the estimated model with all other prices held; the estimated
# model with every firm choosing its prices again. Firm 2 chooses again too, for the eight siblings. (From here on a *rival* is a product of
# another firm, a *sibling* one of the same firm.) `shares_at(prices)` of estimates is Step 1 at other prices, all else held.

# %%
def shares_if(model, p):
    """Shares (24,) of our market at prices p (24,), by a model; other markets keep their prices."""
    all_prices = problem.prices.copy()
    all_prices[one.rows] = p
    return model.shares_at(all_prices)[one.rows]


# %%
half = np.where(np.arange(24) == l, fraction * prices, prices)
answer_prices = prices_if(needed)
new_shares = {"logit, other prices held": shares_if(logit, half),
              "other prices held": shares_if(estimates, half),
              "all prices respond": shares_if(estimates, answer_prices)}
by_hand = blpteach.market_shares(delta, mu + alpha * (half - prices)[:, None], weights)
assert np.allclose(new_shares["other prices held"], by_hand)

# %%
losses = {name: 100 * (s / shares - 1)[by_sugar] for name, s in new_shares.items()}
for name, lost in losses.items():
    print(f"{name:24} {product} sells {new_shares[name][l] / shares[l]:.1f} times as much, "
          f"others {lost.min():.0f} to {lost.max():.0f} %")

# %%
plain = losses["logit, other prices held"]
assert np.ptp(plain) < 1e-9 and abs(plain[0] + 30.1) < 0.2
assert abs(losses["other prices held"].min() + 56.2) < 1
assert abs(losses["other prices held"].max() + 10.6) < 0.5

# %%
title = f"Who loses when {followed} sells at {100 * fraction:g} percent of its price?"
ByProduct(sweet, losses, title, "change of share (percent)")

# %% [markdown]
# The logit takes 30 percent from everyone. The estimated model takes more than half from the closest substitutes and a
# tenth from some with little sugar. The substitutes lose most, which is what the word means.
#
# Look at the diamonds. Some products lose much more once prices respond. Which ones?

# %%
respond = pd.DataFrame({"price": answer_prices / prices - 1,
                        "share": new_shares["all prices respond"] / shares - 1})[others] * 100
whose = np.where(firm[others] == firm[l], "siblings", "rivals")
assert respond["price"][whose == "siblings"].min() > respond["price"][whose == "rivals"].max()
respond.groupby(whose).mean().round(1)

# %% [markdown]
# The siblings. With a subsidy on each serving of `F2B19`, firm 2 wants buyers there, and prices its other eight out of
# the way. Rivals hardly move their prices. Who owns the substitutes matters as much as who they are.

# %% [markdown] minutes=2 ask="F2B19 is taken off the market. Do its siblings get dearer or cheaper?"
# ### A product leaves
#
# The other way to lose a product is to lose it altogether. `counterfactual(drop=...)` removes it and solves for the others' prices.
#
# **Before you run the next cells:** does firm 2 make the eight siblings dearer or cheaper, once `F2B19` is gone?

# %% tags=["parameters"]
leaver = "F2B19"

# %%
l = list(names).index(leaver)
others = np.arange(24) != l
gone = np.zeros(problem.N, bool)
gone[one.rows[l]] = True                                     # in our market only
without = estimates.counterfactual(drop=gone)

# %%
net = (without.shares[one.rows] - shares)[others] / shares[l]            # (23,)
sibling = (firm == firm[l])[others]
print(f"for every 100 servings that {leaver} sold, "
      f"siblings gain {100 * net[sibling].sum():.0f} net, "
      f"rivals {100 * net[~sibling].sum():.0f}, the outside good {100 * (1 - net.sum()):.0f}")

# %% [markdown]
# Compare with (5.4), which is about the few who leave at the first cent. Between the two lie two steps: all buyers leave instead of the
# first few, and then prices respond. So the table has a column with the product gone and the old prices held.

# %%
held = blpteach.choice_probabilities(delta[others], mu[others]) @ weights - shares[others]
columns = {"first to leave (5.4)": diversion[l, others], "gone, old prices": held / shares[l],
           "gone, new prices (net)": net}
leaving = pd.DataFrame({name: np.r_[x, 1 - x.sum()] for name, x in columns.items()},
                       [*names[others], "outside good"])
(100 * leaving).round(1).reindex(["F1B13", "F3B06", "F2B26", "F2B28", "F6B18", "outside good"])

# %%
cheaper = pd.Series(without.prices[one.rows] / prices - 1)[others][sibling]
print(f"siblings' prices change by {100 * cheaper.min():.1f} to {100 * cheaper.max():.1f} %")
assert abs(leaving.loc["outside good"].to_numpy() - [0.624, 0.559, 0.49]).max() < 0.01
assert cheaper.max() < 0

# %% [markdown]
# The first to leave are the price-sensitive, and more of them leave cereals altogether: 62 of 100, against 56 of all buyers. Then firm 2,
# with one product fewer to protect, lowers the prices of the others. The third column is net: cheaper siblings keep more of the former
# buyers, and also win people who never bought `F2B19`. A merger authority that asks customers "what would you buy if it were gone?" gets
# the second column. The first-order conditions need the first. Exercise 5.6 finds out how the two are related.

# %% [markdown] minutes=1 ask="How would you try to prove that a price vector is no equilibrium?"
# ## Check it
#
# The methods of the estimates do in all markets what we did by hand in one.

# %%
assert np.allclose(estimates.elasticities(market), elasticity)
assert np.allclose(estimates.diversion_ratios(market), diversion)
assert np.allclose(estimates.costs(market), costs)

# %%
before, later = estimates.consumer_surplus(market), merged.consumer_surplus(market)
print(f"surplus by the methods {100 * (later - before):.4f} cents, by hand {loss:.4f}")
assert np.isclose(later - before, loss / 100)


# %% [markdown]
# Solving first-order conditions is not yet maximising. Is it really an equilibrium? We ask each firm for better prices: a search over
# all prices of the firm together, from starts at 0.8, 1.3 and 2 times its present ones, with the others' prices held. It takes two
# seconds or so.

# %%
from scipy.optimize import minimize


def profit(own, p, owned):
    """Profit in dollars a possible serving if the products `owned` (24,) bool have prices `own`."""
    p = p.copy()
    p[owned] = own
    s = blpteach.market_shares(delta, mu + alpha * (p - prices)[:, None], weights)
    return ((p - costs) * s)[owned].sum()


def best_gain(p, ids):
    """The largest gain that a search finds, over all firms."""
    gains = []
    for owned in [ids == f for f in np.unique(ids)]:
        now = profit(p[owned], p, owned)
        for start in (0.8, 1.3, 2.0):
            found_by_search = minimize(lambda own: -1e3 * profit(own, p, owned), start * p[owned])
            gains.append(-found_by_search.fun / 1e3 - now)
    return max(gains)


# %%
new_ids = after[place]
gains = {"old prices, old owners": best_gain(prices, firm),
         "new prices, new owners": best_gain(new_prices, new_ids),
         "old prices, new owners": best_gain(prices, new_ids)}
for name, gain in gains.items():
    print(f"{name}: best gain {100 * gain:z.5f} cents")
assert max(list(gains.values())[:2]) < 1e-9 and gains["old prices, new owners"] > 1e-4

# %% [markdown]
# No firm finds anything better, before or after. It is evidence and not a proof: a search can miss. Under the new owners the old prices can be
# improved on, which is why they change.

# %% [markdown] minutes=5 ask="By how much must the merging firms' costs fall before consumers lose nothing: more or less than the price rise?"
# ## Play
#
# First the static picture: firm 1 buys firm 2 in market C01Q1.

# %%
from blpteach.widgets.merger import cereal_models, merger

models = cereal_models("C01Q1")
Merger(models, acquirer=1, target=2)

# %% [markdown]
# Left: each product's price change. Middle: the diversion ratios of the market, row to column; the frames hold what the
# merger makes internal. Right: the demand curve of one product, before and after the merger, with the other prices where they are then. The
# square is the old price, the diamond the new one, and the circle a price that you choose; the numbers below it say what the step from the
# diamond to the circle does to consumers and to the product's owner. The shaded area is what consumers lose or gain by it.
#
# **Before you move anything:** by how many percent must the merging firms' costs fall before consumers lose nothing? Is it
# more or less than the price rise? Does the logit see the merger as more or as less harmful? And can the circle find a price at which the
# owner gains?

# %%
merger()

# %% [markdown]
# Answers to the first two, by a search over the slider:

# %%
picture = Merger(models)


def consumers(saving, model):
    """What consumers gain, in cents, if costs fall by so many percent."""
    picture.update(efficiency=saving, demand=model)
    return picture.outcome()[2]


# %%
enough = {model: brentq(consumers, 0, 30, args=(model,), xtol=1e-3) for model in models}
for model, saving in enough.items():
    print(f"{model}: {consumers(0, model):.3f} cents without a saving; nothing at {saving:.1f} %")
assert abs(enough["random coefficients"] - 15) < 1 and abs(enough["logit"] - 11.5) < 1

# %% [markdown]
# More than the price rise of 9 percent, because a firm passes on less than a whole saving, and because the percentage is of cost, which is
# less than price. The logit is kinder to the merger. The circle finds nothing: the new prices are an equilibrium.

# %%
picture.update(efficiency=0.0, demand="random coefficients")
_, _, lost, profits = picture.outcome()
mergers, rivals = profits[picture.firm_ids <= 2].sum(), profits[picture.firm_ids > 2].sum()
print(f"cents a possible serving: consumers {lost:.3f}, "
      f"merging firms {mergers:+.3f}, rivals {rivals:+.3f}")
print(f"rivals sold {shares[firm > 2].sum() / shares.sum():.2f} of the cereals")
assert abs(mergers - 0.051) < 2e-3 and abs(rivals - 0.045) < 2e-3
assert abs(shares[firm > 2].sum() / shares.sum() - 0.212) < 5e-3

# %% [markdown]
# Most of what consumers lose is nobody's gain. Rivals gain nearly as much as the firms that merge, although they sell a fifth of the
# cereals: they raise prices little and catch those who flee.
#
# Things to try. Let firm 6 buy firm 2 and firm 2 buy firm 6: does it matter who acquires? Let 3 buy 4: is it
# harmless, and which number of the middle panel says so? Choose the same firm twice, with a saving: how much of it does a single
# firm pass on, in cents? (The percentages have different bases: the price rise is of price, the saving of cost.) Move the circle from one end
# to the other: how does the elasticity change along one demand curve?

# %% [markdown] minutes=1
# ## Exercises
#
# A check says whether an answer is right, and if not, often which mistake was made. `blpteach.hint("5.1")` gives a hint.

# %% [markdown]
# ### Exercise 5.1 · 3 minutes · easy
#
# A firm does not care about leavers whom its own products catch. For `F2B19`: what fraction of its leavers goes to the other eight products of
# firm 2, under random coefficients, and under the logit? The answer is a pair of fractions, in this order.

# %% tags=["exercise"]
answer = ...    # (random coefficients, logit)

# %% tags=["solution"]
siblings = (firm == 2) & others
both = diversion, logit.diversion_ratios(market).to_numpy()
answer = tuple(table[l, siblings].sum() for table in both)
print("random coefficients {:.3f}, logit {:.3f}".format(*answer))
assert np.isclose(answer[1], shares[siblings].sum() / (1 - shares[l]))
assert blpteach.check("5.1", answer)

# %% tags=["check"]
blpteach.check("5.1", answer)

# %% [markdown] tags=["solution"]
# Fewer than in the logit. Those who leave `F2B19` first are price-sensitive, and 62 of 100 leave cereals; and firm 2's other large products
# have little sugar, so few of the sweet-toothed go there.

# %% [markdown]
# ### Exercise 5.2 · 6 minutes · easy
#
# Firm 2 raises all nine of its prices by one percent. By how many percent does the total number of its servings change, to first order, under
# random coefficients in market C01Q1? One number, negative.

# %% tags=["exercise"]
answer = ...    # percent for one percent

# %% tags=["solution"]
two = firm == 2
rows = elasticity[np.ix_(two, two)].sum(1)                      # (9,) each product, all nine prices
answer = np.average(rows, weights=shares[two])
mean_own = np.average(own[two], weights=shares[two])
print(f"the firm {answer:.2f}, its products {mean_own:.2f} on average")
assert abs(answer + 2.996) < 0.01
assert blpteach.check("5.2", answer)

# %% tags=["check"]
blpteach.check("5.2", answer)

# %% [markdown]
# ### Exercise 5.3 · 8 minutes · medium
#
# Write `lerner(P, weights, alpha, prices, firm_ids)`: the Lerner indices (J,), as fractions, at which the prices are best for their owners.
# `P` and `alpha` are (J, I), `weights` (I,), `prices` and `firm_ids` (J,). Here $\alpha_{ij}$ may differ between products, so that the Jacobian
# is not symmetric.

# %% tags=["exercise"]
def lerner(P, weights, alpha, prices, firm_ids):
    """Lerner indices (J,), fractions of price."""
    return ...


# %% tags=["solution"]
def lerner(P, weights, alpha, prices, firm_ids):
    """Lerner indices (J,), fractions of price."""
    D = blpteach.share_jacobian(P, weights, alpha)
    return blpteach.margins(P @ weights, D, blpteach.ownership_matrix(firm_ids)) / prices


assert np.allclose(lerner(P, weights, alpha, prices, firm), eta / prices)
assert blpteach.check("5.3", lerner)

# %% tags=["check"]
blpteach.check("5.3", lerner)

# %% [markdown]
# ### Exercise 5.4 · 10 minutes · medium
#
# Werden (1996, *Journal of Industrial Economics* 44, 409-413) asked: firm 1 buys firm 2; by how much must their costs fall so that no price
# changes at all? You need no iteration: at the old prices shares and derivatives are known, so (5.6) under the *new* owners gives the margins
# that would make the old prices optimal. Find the 24 costs in C01Q1 that leave all prices as they are, in dollars a serving, in the order of
# `prices`. Check with `equilibrium_prices`, and look at the mean percentage fall of the merging products' costs.

# %% tags=["exercise"]
answer = ...    # costs (24,)

# %% tags=["solution"]
new_ids = np.where(firm == 2, 1, firm)
H_merged = blpteach.ownership_matrix(new_ids)
answer = prices - blpteach.margins(shares, jacobian, H_merged)
solved = blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, answer, H_merged)
print(f"largest price change: {abs(solved.prices - prices).max():.0e}")
assert np.allclose(solved.prices, prices, atol=1e-9)

# %% tags=["solution"]
fall = (costs - answer)[firm <= 2]
print(f"costs must fall by {100 * (fall / costs[firm <= 2]).mean():.1f} % of cost, "
      f"or {100 * (fall / prices[firm <= 2]).mean():.1f} % of price")
assert np.allclose(answer[firm > 2], costs[firm > 2])
assert abs(100 * (fall / costs[firm <= 2]).mean() - 18.7) < 0.2
assert abs(100 * (fall / prices[firm <= 2]).mean() - 12.3) < 0.2
assert blpteach.check("5.4", answer)

# %% tags=["check"]
blpteach.check("5.4", answer)

# %% [markdown] tags=["solution"]
# 12.3 percent of the price: more than the price rise of 9.0 percent that they prevent, because firms pass on less than the whole of a saving.

# %% [markdown]
# ### Exercise 5.5 · 12 minutes · medium
#
# Firm 1 buys firm 2 in all markets, and the merger lowers the marginal cost of each of their products by 5 percent. What does consumer surplus
# change by, on average over the 94 markets (each counts once), in cents a possible serving? Negative if consumers lose.

# %% tags=["exercise"]
answer = ...    # cents a possible serving

# %% tags=["solution"]
both_firms = problem.products["firm_ids"].isin([1, 2]).to_numpy()
cheaper_costs = estimates.costs() * np.where(both_firms, 0.95, 1)
efficient = estimates.counterfactual(firm_ids={2: 1}, costs=cheaper_costs)
answer = 100 * (efficient.consumer_surplus() - estimates.consumer_surplus()).mean()
print(f"{answer:.3f} cents; without a saving {everywhere.mean():.3f}")
assert abs(answer + 0.383) < 3e-3
assert blpteach.check("5.5", answer)

# %% tags=["check"]
blpteach.check("5.5", answer)

# %% [markdown]
# ### Exercise 5.6 · 20 minutes · hard
#
# Exercise 1.4 found *second choices* by numbers: if product $j$ is taken off the shelf and prices are held, the fraction
# $\sum_i w_{i|j}\, s_{il} / (1 - s_{ij})$ of its buyers goes to $l$. Show that diversion (5.4) is the same average with other weights,
# $\mathcal D_{jl} = \sum_i \lambda_i\, s_{il} / (1 - s_{ij})$: the second choices of those who leave first. Write
# `leavers(P, weights, alpha, j)`, the weights $\lambda_i$ (I,), which sum to one. `P` and `alpha` are (J, I), `weights` (I,), `j` is a number of
# a row. Nothing says that all alphas are negative. Then find out which of the ingredients of $\lambda_i$ explains that 62 of 100 who leave
# `F2B19` first go to the outside good, and 56 of all its buyers would.

# %% tags=["exercise"]
def leavers(P, weights, alpha, j):
    """Weights of the types among those who leave product j first, (I,), sum one."""
    return ...


# %% [markdown] tags=["solution"]
# By (5.2) numerator and denominator of (5.4) are $\sum_i w_i \alpha_{ij} s_{ij} s_{il}$ and $\sum_i w_i \alpha_{ij} s_{ij} (1 - s_{ij})$.
# Multiply and divide each term of the numerator by $1 - s_{ij}$: it is
# $\sum_i \left[w_i \alpha_{ij} s_{ij} (1 - s_{ij})\right] s_{il} / (1 - s_{ij})$. So $\lambda_i$ is the bracket over its sum. With one type
# $\lambda = 1$, and diversion and second choices are both $s_l / (1 - s_j)$, the logit's.

# %% tags=["solution"]
def leavers(P, weights, alpha, j):
    """Weights of the types among those who leave product j first, (I,), sum one."""
    bracket = weights * alpha[j] * P[j] * (1 - P[j])
    return bracket / bracket.sum()


first = leavers(P, weights, alpha, l)
error = abs((P / (1 - P[l]) @ first - diversion[l])[others]).max()
print(f"largest difference from (5.4): {error:.0e}")
assert error < 1e-10

# %% tags=["solution"]
to_outside = (1 - P.sum(0)) / (1 - P[l])                        # (20,) second choice: none
all_buyers = weights * P[l]
ingredients = {"all buyers": 1, "times 1 - s_ij": 1 - P[l], "times alpha": alpha[l],
               "both": alpha[l] * (1 - P[l])}
found_fractions = [np.average(to_outside, weights=all_buyers * x) for x in ingredients.values()]
print(pd.Series(found_fractions, list(ingredients)).round(3).to_string())
assert np.allclose(found_fractions, [0.559, 0.563, 0.617, 0.624], atol=2e-3)
assert blpteach.check("5.6", leavers)

# %% tags=["check"]
blpteach.check("5.6", leavers)

# %% [markdown] tags=["solution"]
# Alpha does it, nearly alone. The first to leave are the price-sensitive, and they are the ones for whom no cereal is the second choice.

# %% [markdown]
# ## In practice
#
# The same in PyBLP, at the same parameters. It takes a few seconds. Where PyBLP is not installed, the cells show what they printed when
# this lesson was made.

# %%
try:
    import pyblp
except ImportError:
    pyblp = None

# %%
if pyblp:
    pyblp.options.verbose = False
    formulas = (pyblp.Formulation("0 + prices", absorb="C(product_ids)"),
                pyblp.Formulation("1 + prices + sugar + mushy"))
    persons = pyblp.Formulation("0 + income + income_squared + age + child")
    their_problem = pyblp.Problem(formulas, problem.products, persons, problem.agents)

# %% [markdown]
# `Optimization("return")` evaluates at the parameters given and does not search. Our $\Sigma$ has a negative element, which PyBLP's default
# bounds forbid.

# %%
if pyblp:
    free = np.full((4, 4), np.inf)
    theirs = their_problem.solve(
        estimates.sigma, estimates.pi, method="1s", optimization=pyblp.Optimization("return"),
        iteration=pyblp.Iteration("squarem", {"atol": 1e-14}), check_optimality="gradient",
        sigma_bounds=(-free, free))
    print(f"price coefficient {theirs.beta[0, 0]:.4f}, ours {estimates.beta[0]:.4f}")
else:
    blpteach.stored_output()

# %%
if pyblp:
    their_costs = theirs.compute_costs()
    merged_ids = problem.products["firm_ids"].replace(2, 1)
    their_prices = theirs.compute_prices(firm_ids=merged_ids, costs=their_costs)
    their_loss = theirs.compute_consumer_surpluses(prices=their_prices)
    their_loss = their_loss - theirs.compute_consumer_surpluses()
    our_loss = merged.consumer_surplus() - estimates.consumer_surplus()
    our_loss = our_loss[theirs.problem.unique_market_ids].to_numpy()        # PyBLP sorts markets

# %%
if pyblp:
    differences = {
        "elasticities": theirs.compute_elasticities(market_id=market) - elasticity,
        "diversion": theirs.compute_diversion_ratios(market_id=market) - diversion,
        "costs": their_costs.ravel() - all_costs,
        "new prices": their_prices.ravel() - merged.prices,
        "consumer surplus lost": their_loss.ravel() - our_loss}
    for name, difference in differences.items():
        print(f"{name:22} largest difference {abs(difference).max():.1e}")
    assert max(abs(d).max() for d in differences.values()) < 1e-6
else:
    blpteach.stored_output()

# %% [markdown]
# Practice adds three things. Every number above is a function of estimates and inherits their uncertainty: papers report intervals, for
# instance by drawing parameters from their estimated distribution and repeating this lesson for each draw. Authorities look at
# efficiencies, entry and repositioning, which the simulation holds fixed. And the costs rest on the assumption of Bertrand-Nash
# pricing, so a serious study shows how the answer changes with it, as Nevo (2001) does by comparing margins under the three ownerships of our
# table.

# %% [markdown]
# ### The map
#
# Five steps are behind us. Here they are on one page: what it is, the number of its equation and its name in this course, its name in
# PyBLP, and where Conlon and Gortmaker (2020), the paper behind PyBLP, have it: equations in parentheses, otherwise a section, or where
# else to look. In our column `problem` and `results` are a `Problem` and what its `estimate` returns; in PyBLP's they are a
# `Problem` and what its `solve` returns.

# %%
from blpteach.course.bridge import bridge, pyblp_names

bridge()

# %% [markdown]
# Mind three differences of notation. The paper writes $-\alpha p_{jt}$ in (4) and $\alpha_i = \partial u_{ij} / \partial p_j$, a
# negative number, in (26); here $\alpha$ always is the second. Its (6) multiplies the ownership matrix with $\partial s / \partial p$
# untransposed, ours (5.6) with the transpose; they agree where each type's $\alpha_i$ is the same for all products, because then the Jacobian is
# symmetric. And its objective (8) is PyBLP's and ours without the factor $N$.
#
# Names change between versions. So we ask the installed PyBLP for each of those in the table.

# %%
if pyblp:
    from operator import attrgetter
    from types import SimpleNamespace

    roots = SimpleNamespace(pyblp=pyblp, problem=theirs.problem, results=theirs)
    there = [attrgetter(name)(roots) is not None for name in pyblp_names()]     # or AttributeError
    print(f"all {len(there)} names exist in PyBLP {pyblp.__version__}")
    assert len(there) > 40
else:
    blpteach.stored_output()

# %% [markdown]
# ## Further reading
#
# - Nevo (2000), "A practitioner's guide to estimation of random-coefficients logit models of demand", *Journal of Economics &
#   Management Strategy* 9(4), 513-548. The source of the data and of this lesson's order.
# - Nevo (2001), "Measuring market power in the ready-to-eat cereal industry", *Econometrica* 69(2), 307-342. Margins under
#   different owners, with real cereals: which conduct do observed margins fit?
# - Conlon and Gortmaker (2020), "Best practices for differentiated products demand estimation with PyBLP", *RAND Journal of Economics*
#   51(4), 1108-1161. The paper of the map.
# - Morrow and Skerlos (2011), "Fixed-point approaches to computing Bertrand-Nash equilibrium prices under mixed-logit demand",
#   *Operations Research* 59(2), 328-345. The $\zeta$ map, and why the naive one may fail.
# - Conlon and Mortimer (2021), "Empirical properties of diversion ratios", *RAND Journal of Economics* 52(4), 693-726. Diversion at the
#   first cent against second choices, as treatment effects.
# - Small and Rosen (1981), "Applied welfare economics with discrete choice models", *Econometrica* 49(1), 105-130. Where (5.8) comes
#   from.
#
# The five steps end here. What you read in them is what `blpteach.Problem` runs: the next table to take through them is one of your own.
