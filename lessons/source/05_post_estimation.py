# %% [markdown]
# # 05. What are the estimates for? Elasticities, diversion, markups and a first merger
#
# *55 minutes, and an hour for the exercises. Further, at the end, can be skipped. You need lesson 01 (choice probabilities, buyers), the idea of lesson 04 (what
# was estimated), NumPy, and the first-order condition of a firm that sets prices. This is Step 5; the code is* `blpteach/post_estimation.py`.

# %% [markdown] minutes=2 ask="Two cereal makers want to merge. Which three numbers would you want to know first?"
# ## The question
#
# Lesson 04 ended with a table of parameters. Nobody wanted the table. A competition authority asks: two cereal makers
# want to merge, what happens to prices, and who pays?
#
# The answer needs no new data and no new estimation. Demand follows from who chooses
# what, and how each consumer's utility moves with price. Margins and
# new prices need three assumptions more, stated where they enter: who owns what, a game in which firms set prices, and a marginal
# cost that is the same at every quantity.
#
# The cereals are the *artificial* data that Nevo distributes with his guide. No statement below is
# about a real firm.

# %% [markdown]
# ## What you will be able to do
#
# - compute elasticities from choice probabilities, and say why the logit's are wrong for substitution;
# - read a table of diversion ratios, with the outside good in it;
# - infer margins and marginal costs from prices and demand alone, and say what that assumes;
# - simulate a merger: change ownership, hold costs, solve every first-order condition again;
# - turn price changes into consumer surplus.

# %%
import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize

import blpteach
from blpteach.examples import cereal
from blpteach.plots.merger import BySugar, CostCloud, DiversionMap, Merger, Paths

# %% [markdown]
# ## Build it

# %% [markdown] minutes=2 ask="Which of these four cereals would you expect to be each other's closest substitutes?"
# ### The estimates, and one market
#
# The model is that of lesson 04: 13 nonlinear parameters, one-step GMM. We look
# at one market, city 1 in quarter 1, and follow one product. `few` are four whose numbers we print.

# %% tags=["parameters"]
market, product = "C01Q1", "F2B19"
few = ["F1B13", "F2B19", "F3B06", "F6B18"]

# %%
problem, start = cereal()
estimates = problem.estimate(**start)
one = estimates.market(market)                                  # its arrays by their names
table = problem.products.iloc[one.rows]
names, firm = one.product_ids, one.firm_ids
l = list(names).index(product)
others = np.arange(24) != l
assert abs(estimates.objective - 4.5615) < 1e-3
table.set_index("product_ids")[["firm_ids", "prices", "shares", "sugar", "mushy"]].loc[few]

# %% [markdown]
# `F2B19` is brand 19 of firm 2, the largest seller here. The firms are 1, 2, 3, 4 and 6, with 9, 9, 2, 3 and 1 products. Prices are dollars a serving, shares fractions of all possible servings.
#
# There are $J = 24$ products and $I = 20$ consumer types. Step 1 gives the choice probabilities $s_{ij}$, `P` (J, I), from mean utilities `delta` (J,) and taste
# deviations `mu` (J, I). Averaged with the types' weights they are the shares of the data: that was Step 2.

# %%
delta, mu, prices, weights = one.delta, one.mu, one.prices, one.weights
P = blpteach.choice_probabilities(delta, mu)                    # (24, 20)
shares = P @ weights
print("largest difference from the observed shares:", f"{abs(shares - table['shares']).max():.0e}")

# %% [markdown] minutes=2 ask="Why is there no single price coefficient in this model?"
# ### How a consumer's utility moves with price
#
# Price enters utility through the mean tastes (a column of $X_1$) and through the random coefficients (a column of
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

# %% tags=["parameters"]
levels = [0, 0.25, 0.5, 0.75, 1]                                # of the distribution over types

# %%
dX1, dX2 = np.ones((24, 1)), np.zeros((24, 4))                  # X1 is prices
dX2[:, 1] = 1                                                   # X2 is 1, prices, sugar, mushy
Gamma = np.hstack([estimates.sigma, estimates.pi])              # (4, 8)
alpha = price_coefficients(dX1, estimates.beta, dX2, Gamma, one.tastes)         # (24, 20)
assert np.allclose(shares, table["shares"], rtol=1e-8) and shares.argmax() == l
assert np.allclose(alpha, one.alpha) and abs(alpha[0].mean() + 52.2) < 0.2
assert -181 < alpha.min() < -179 and -17 < alpha.max() < -15
print("quantiles of alpha:", np.quantile(alpha[0], levels).round(1),
      " mean:", alpha[0].mean().round(1))

# %% [markdown]
# **Result.** Here $\alpha_{ij}$ is the same for all products, $\alpha_i$, and runs from $-180$ to $-16$ over the twenty types of this market. Their mean is $-52$, not the $-62.73$ of `beta`, which belongs to a type whose tastes are all zero. A single
# price coefficient hides all this, and everything below comes from it.

# %% [markdown] minutes=4 ask="The price of one cereal rises. Whose tastes decide how many of its buyers come to me?"
# ### How shares move with prices
#
# A small price rise $dp$ on product $l$ moves its utility for type $i$ by $\alpha_{il}\,dp$. Within a type, choice is a
# logit: one more util for $l$ moves the type's probability of $j$ by $s_{ij}(\mathbf 1\{j = l\} - s_{il})$. Average over types:
#
# $$\frac{\partial s_j}{\partial p_l} = \sum_i w_i\, \alpha_{il}\, s_{ij}\left(\mathbf 1\{j = l\} - s_{il}\right)
#   = s_j\, \mathrm E\left[\alpha_{il}\left(\mathbf 1\{j = l\} - s_{il}\right) \,\middle|\, i \text{ buys } j\right]. \tag{5.2}$$
#
# The second form has lesson 01's buyers of $j$, the distribution $w_{i|j} = w_i s_{ij} / s_j$. Product $j$ gains from a higher price of $l$ if the *types* that buy $j$ are price-sensitive and likely to buy $l$.

# %% tags=["build"]
def share_jacobian(P, weights, alpha):
    """(5.2): derivative of share j in price l, (J, J)."""
    B = blpteach.buyers(P, weights)                             # (J, I) each row sums to one
    own = np.diag((B * alpha).sum(1))                           # E[alpha | buys j] where j = l
    cross = B @ (P * alpha).T                                   # E[alpha s_il | buys j]
    return (P @ weights)[:, None] * (own - cross)               # (J, J)

# %% [markdown]
# A derivative is believed when a finite difference agrees. Move one price up and down, and let `market_shares` answer.

# %%
jacobian = share_jacobian(P, weights, alpha)                    # (24, 24)
step = 1e-6 * (np.arange(24) == l)[:, None]                     # dollars
up, down = [blpteach.market_shares(delta, mu + sign * alpha * step, weights) for sign in (1, -1)]
error = abs((up - down) / 2e-6 - jacobian[:, l]).max()
assert error < 1e-6 and np.allclose(jacobian, blpteach.share_jacobian(P, weights, alpha))
print(f"largest difference {error:.1e}, largest derivative {abs(jacobian[:, l]).max():.2f}")

# %%
blpteach.show(blpteach.share_jacobian)

# %% [markdown]
# **Result.** The Jacobian $D$ (`jacobian`) is right. The library keeps two parts of it
# apart, $\Lambda_j = \sum_i w_i \alpha_{ij} s_{ij}$ and $\mathit{Crossing}_{jl} = \sum_i w_i \alpha_{il} s_{ij} s_{il}$;
# the merger below needs them.

# %% [markdown] minutes=3 ask="What is the unit of an elasticity, and what is its sign on and off the diagonal?"
# ### Elasticities
#
# Derivatives have units: share per dollar. Elasticities have none: the percent change of share $j$ as price $l$ rises by
# one percent,
#
# $$e_{jl} = \frac{p_l}{s_j}\frac{\partial s_j}{\partial p_l} =
#   \begin{cases} \dfrac{p_j}{s_j}\sum_i w_i\, \alpha_{ij}\, s_{ij}(1 - s_{ij}) & j = l \\[1.2ex]
#   -\dfrac{p_l}{s_j}\sum_i w_i\, \alpha_{il}\, s_{ij} s_{il} & j \neq l. \end{cases} \tag{5.3}$$

# %% tags=["build"]
def elasticities(jacobian, prices, shares):
    """(5.3): percent change of share j as price l rises by one percent, (J, J)."""
    return jacobian * prices[None, :] / shares[:, None]         # (J, J)

# %%
elasticity, own = elasticities(jacobian, prices, shares), estimates.own_elasticities(market)
all_own = estimates.own_elasticities()                          # (2256,)
assert np.allclose(np.diag(elasticity), own) and abs(all_own.mean() + 3.6181) < 2e-3
assert np.allclose(elasticity[[13, 5, 23], l], [-3.657, 0.79, 0.15], atol=0.01)
print(f"mean own elasticity of all {problem.N} products: {all_own.mean():.2f}")
pd.DataFrame(elasticity, names, names).loc[few, few].round(3)

# %% [markdown]
# The row says whose share, the column whose price. Go down the column of `F2B19`: if it becomes one percent dearer, it sells 3.66
# percent less, `F1B13` (sugar 14) sells 0.79 percent more, and `F6B18` (no sugar) 0.15 percent.
#
# > **A common error.** Short explanations of BLP that circulate print the elasticity as $s_l\left(\mathbf 1\{j = l\} - \sum_m s_m \mathbf 1\{m = l\}\right)$.
# > No price and no $\alpha$ appear in it. On the diagonal it is
# > $s_l(1 - s_l)$, the derivative of a *logit* share in mean utility, and positive: demand would rise with price.

# %%
wrong = shares[l] * (1 - shares[l])
assert wrong > 0 > elasticity[l, l]
print(f"own elasticity of {product}: the formula {wrong:+.3f}, equation (5.3) {elasticity[l, l]:+.3f}")

# %% [markdown]
# **Result.** Own elasticities are near $-3.6$. Cross elasticities differ by product.

# %% [markdown] minutes=3 ask="In the logit F2B19 becomes dearer. Which product gains most, in percent?"
# ### What the logit would say
#
# Estimate the plain logit on the same data: one price coefficient, no consumer types. `F2B19` becomes dearer. Which rival gains most, in percent?

# %%
blpteach.predict("5.1", ..., among=["the sweetest", "the largest", "none"])

# %%
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
gains = logit.elasticities(market).to_numpy()[others, l]
apart = abs(all_own - logit.own_elasticities()).mean()
print(f"logit: price coefficient {logit.beta[0]:.2f}, mean own elasticity "
      f"{logit.own_elasticities().mean():.2f}; its rivals gain {gains.min():.3f} to {gains.max():.3f}")
print(f"own elasticities of the two models differ by {apart:.2f} on average")
assert abs(logit.beta[0] + 30.098) < 1e-2 and abs(gains.mean() - 0.334) < 1e-3
assert abs(apart - 0.518) < 5e-3 and abs(logit.own_elasticities().mean() + 3.7) < 0.05
largest, sweetest = shares[others].argmax(), table["sugar"].to_numpy()[others].argmax()
blpteach.predicted("5.1", "none" if np.ptp(gains) < 1e-9 else
                   {largest: "the largest", sweetest: "the sweetest"}.get(gains.argmax(), "another"))

# %%
sugar, mushy = table["sugar"].to_numpy(), table["mushy"].to_numpy()
followed = f"{product} ({sugar[l]} grams)"
cross = {"logit": gains, "random coefficients": elasticity[others, l]}
sweet, plain = cross["random coefficients"][sugar[others] >= 10], cross["random coefficients"][sugar[others] <= 4]
assert sweet.min() > 0.45 and sweet.max() < 0.85 and plain.max() < 0.35 and plain.min() > 0.1
BySugar(sugar[others], mushy[others], names[others], cross,
        f"Whose sales rise when {followed} becomes 1 percent dearer?", "percent of its sales",
        notes=["F2B28", "F1B06", "F3B06", "F6B18"])

# %% [markdown]
# With one type, (5.3) off the diagonal is $-p_l \alpha s_l$: the row $j$ has dropped out, and every product gains
# the same 0.33 percent, the sweet twin and the sugarless one. In the estimated model, products with ten grams or more gain 0.5 to 0.8 percent, those with
# four or less 0.1 to 0.3. (Sugar is not all: `F2B28` is mushy and dear, and gains less.)
#
# **Result.** The two models agree on the *average* own elasticity. They
# disagree on substitution, and mergers are about substitution.

# %% [markdown] minutes=5 ask="A hundred buyers leave the sugarless F6B18 because it got dearer. Where are they now?"
# ### Diversion
#
# One percent of a small product is few people. For a merger the question is about people:
# *of those who leave product $j$ because it became dearer, which fraction goes to $l$?*
#
# $$\mathrm{Div}_{jl} = -\frac{\partial s_l / \partial p_j}{\partial s_j / \partial p_j}
#   = -\frac{e_{lj}}{e_{jj}}\,\frac{s_l}{s_j}. \tag{5.4}$$
#
# The second form puts (5.3) in: $\partial s_l / \partial p_j = e_{lj}\, s_l / p_j$, and $p_j$ cancels. Mind the order: row $j$ is left, column $l$ receives. For $l = j$ the formula says nothing, so the
# diagonal is free. The library follows PyBLP and puts there the fraction that goes to the
# *outside good*. (Lesson 01 made $j$ worse by a fall of $\delta_j$, which all types feel alike. A price rise is felt in proportion to
# $\alpha_i$, so the leavers are others.)

# %% tags=["build"]
def diversion_ratios(P, weights, alpha):
    """(5.4): of those who leave j, the fraction that goes to l, (J, J); diagonal: outside good."""
    D = share_jacobian(P, weights, alpha)
    diversion = -D.T / np.diag(D)[:, None]                      # row j: leaves j
    to_outside = -(weights * (1 - P.sum(0)) * alpha * P).sum(1)             # d s_0 / d p_j
    np.fill_diagonal(diversion, -to_outside / np.diag(D))
    return diversion                                            # (J, J)

# %% [markdown]
# Of 100 who leave `F2B19` because it became dearer, how many buy none of the 24?

# %%
blpteach.predict("5.2", ...)

# %%
diversion = diversion_ratios(P, weights, alpha)
assert np.allclose(diversion.sum(1), 1, atol=1e-10)             # everybody who leaves arrives
assert np.allclose(diversion, blpteach.diversion_ratios(P, weights, alpha))
ratio = -elasticity[:, l] / elasticity[l, l]                    # of elasticities alone
assert np.allclose((ratio * shares / shares[l])[others], diversion[l, others])  # (5.4), second form
assert abs(ratio[others].sum() - 2.861) < 0.01 and 33 < 100 * np.diag(diversion).min() < 34.5
assert 65 < 100 * np.diag(diversion).max() < 66.5
print(f"ratios of elasticities, over all rivals of {product}: {ratio[others].sum():.2f}")
blpteach.predicted("5.2", 100 * diversion[l, l])

# %% [markdown]
# > **A common error.** Often heard: "diversion is the ratio of the cross to the own elasticity". It leaves out $s_l / s_j$, the sizes. Over the 23 rivals of `F2B19` these ratios add up to 2.86: nearly three people arrive for each that leaves.

# %%
order = np.argsort(sugar, kind="stable")
to = 100 * diversion[:, 23]                                     # to F6B18
assert to[9] > 5 * to[8] and (sugar[9], sugar[8]) == (1, 14)
DiversionMap(diversion[np.ix_(order, order)], [f"{names[j]}  ({sugar[j]})" for j in order])

# %% [markdown]
# Rows stand in the order of sugar, darker cells get more people. Those who leave a product with little sugar go to `F2B05`, `F2B16` and `F6B18`, those who leave a sweet one to `F2B19`. Under the logit all rows would look alike.
#
# **Result.** Leavers go to their like, and between a third and two thirds of them, the last column, buy no cereal of the 24 at all.

# %% [markdown] minutes=6 ask="Nobody reported a cost. How can prices and demand alone reveal one?"
# ### Who sets which price
#
# So far only consumers acted. Now firms. The ownership matrix $H$ (`ownership`, (J, J)) records what the setter of price $j$ cares about:
#
# $$H_{jl} = \mathbf 1\{j \text{ and } l \text{ belong to one firm}\}. \tag{5.5}$$
#
# Firm $f$ chooses its prices to maximise $\sum_{l \in f} (p_l - c_l)\, s_l(p)$, taking the others' prices as given: the
# *Bertrand-Nash* game. $c_l$ is marginal cost, the same at every quantity. One more
# cent on $p_j$ earns a cent from each buyer of $j$, and moves buyers of all its products. At the optimum the two balance:
#
# $$s_j + \sum_l H_{jl}\, (p_l - c_l)\, \frac{\partial s_l}{\partial p_j} = 0 .$$
#
# These equations, one a product, are linear in the margins $\eta = p - c$. With $*$ for the product of elements,
#
# $$\eta = -\left(H * D'\right)^{-1} s. \tag{5.6}$$
#
# $\eta$ is in dollars. PyBLP and `estimates.markups()` give the name markup to $\eta / p$, the *Lerner index*.

# %% tags=["build"]
def ownership_matrix(firm_ids):
    """(5.5): one where products j and l belong to one firm, (J, J)."""
    return (firm_ids[:, None] == firm_ids[None, :]).astype(float)           # (J, J)


def margins(shares, jacobian, ownership):
    """(5.6): price minus cost at which no firm gains from another price, (J,)."""
    return np.linalg.solve(-ownership * jacobian.T, shares)     # (J,)

# %%
H = ownership_matrix(firm)
eta = margins(shares, jacobian, H)
costs, lerner = prices - eta, eta / prices
assert np.isclose(lerner[23], -1 / elasticity[23, 23])          # one product
assert np.allclose(eta, blpteach.margins(shares, jacobian, H))
supply = pd.DataFrame({"price": prices, "margin": eta, "cost": costs, "lerner": lerner}, names)
supply.loc[few].round(4)

# %% [markdown]
# Nobody reported a cost. A cost is what makes the observed price the best one, *if* demand is
# as estimated and *if* firms play this game.
#
# A firm with one product has $\eta_j / p_j = -1 / e_{jj}$. Firm 2 has nine. Is the Lerner index of `F2B19` above or below $-1 / e_{jj}$?

# %%
blpteach.predict("5.3", ..., among=["above", "below"])

# %% tags=["parameters"]
owners = {"24 firms": np.arange(24), "the five firms": firm, "one firm": np.zeros(24)}

# %%
for name, ids in owners.items():
    index = margins(shares, jacobian, ownership_matrix(ids)) / prices
    print(f"{name:15} mean {index.mean():.3f}, {product} {index[l]:.3f}, F6B18 {index[23]:.3f}")
blpteach.predicted("5.3", "above" if lerner[l] > -1 / elasticity[l, l] else "below")

# %% [markdown]
# A leaver caught by a sibling is not lost, so the firm can ask for more. And the same
# prices imply three different sets of costs: they are conclusions about conduct as much as about
# technology. Here are all markets, with the five firms.

# %%
all_costs, all_lerner = estimates.costs(), estimates.markups()
all_eta = 100 * (problem.prices - all_costs)
slope = np.polyfit(problem.prices, all_costs, 1)[0]
assert abs(all_lerner.mean() - 0.3639) < 1e-3 and (all_costs < 0).sum() == 4
assert abs(slope - 0.967) < 0.01 and abs(all_eta.mean() - 4.34) < 0.03
print(f"mean Lerner index {all_lerner.mean():.4f}, negative costs {(all_costs < 0).sum()}; a cent of "
      f"price goes with {slope:.2f} cents of cost, margins {all_eta.mean():.1f} cents")
CostCloud(problem.prices, all_costs)

# %% [markdown]
# The cloud runs parallel to the line: margins are near 4.3 cents whatever the price, so cheap products have the large Lerner
# indices, and four have negative costs. In the logit it must be so: $\eta = 1 / (-\beta_{price}(1 - s_f))$, with $s_f$ the firm's share, has no price in it.
# It is the functional form more than the data. A serving does not cost less than nothing, so the model is wrong somewhere here; report that, and do not repair it (*Further* looks at the four).
#
# **Result.** Prices, demand and an assumed game give margins and costs: a mean Lerner index of 0.36.

# %% [markdown] minutes=4 ask="Firm 1 buys firm 2. Name one thing that changes and two that we hold."
# ### A merger: what changes, and what is held
#
# Firm 1 buys firm 2. A first merger simulation changes only who owns what. Costs stay at (5.6) under the *old* owners, demand stays, and prices must again solve every first-order condition,
# under the *new* owners. Rivals' conditions are among them.
#
# Equation (5.6) could be iterated, $p \leftarrow c + \eta(p)$; in some markets that cycles (*Further*). Morrow and Skerlos put the same conditions differently. Split
# $D = \mathrm{diag}(\Lambda) - \mathit{Crossing}$. Then $s + (H * D')(p - c) = 0$ becomes, because $H_{jj} = 1$,
# $\Lambda * (p - c) = (H * \mathit{Crossing}')(p - c) - s$. Divide by $\Lambda$, element by element:
#
# $$p \leftarrow c + \zeta(p), \qquad
#   \zeta(p) = \Lambda^{-1} \left[\left(H * \mathit{Crossing}'\right)(p - c) - s\right]. \tag{5.7}$$
#
# The library's `equilibrium_prices` is this map with a stopping rule, and `counterfactual` does it for all markets: owners as a dictionary, who becomes whom.

# %% tags=["parameters"]
who_becomes_whom = {2: 1}

# %%
new_firm = np.where(firm == 2, 1, firm)
H_new = ownership_matrix(new_firm)
found = blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, costs, H_new)
merged = estimates.counterfactual(firm_ids=who_becomes_whom)
new_prices = merged.prices[one.rows]
assert np.allclose(found.prices, new_prices, atol=1e-9)
merged

# %% [markdown]
# *Is it an equilibrium?* Solving first-order conditions is not yet maximising. We ask each firm for better prices: a search over
# all its prices together, from starts at 0.8 and 1.3 times its present ones, with the others' prices held. (About a second.)

# %%
def profit(own, p, owned):
    """Profit in dollars a possible serving if the products `owned` (24,) bool have prices `own`."""
    p = p.copy()
    p[owned] = own
    s = blpteach.market_shares(delta, mu + alpha * (p - prices)[:, None], weights)
    return ((p - costs) * s)[owned].sum()


def best_gain(p, ids):
    """The largest gain that a search finds, over all firms."""
    searches = [(ids == f, factor) for f in np.unique(ids) for factor in (0.8, 1.3)]
    return max(-minimize(lambda own: -1e3 * profit(own, p, owned), factor * p[owned]).fun / 1e3
               - profit(p[owned], p, owned) for owned, factor in searches)


gains = {"new prices, new owners": best_gain(new_prices, new_firm),
         "old prices, new owners": best_gain(prices, new_firm)}
for name, gain in gains.items():
    print(f"{name}: best gain {100 * gain:z.5f} cents")
assert gains["new prices, new owners"] < 1e-9 and gains["old prices, new owners"] > 1e-4

# %% [markdown]
# **Result.** No firm finds anything better at the new prices, and the new owner does at the old ones. That is evidence and not a proof: a search can miss, and another equilibrium may exist.

# %% [markdown] minutes=4 ask="Do the rivals, who did not merge, raise their prices too?"
# ### What the merger does
#
# Both merging firms have nine products. In which of the two do prices rise more, in percent, on average over all markets?

# %%
blpteach.predict("5.4", ..., among=["firm 1", "firm 2"])

# %%
change = 100 * (merged.prices / problem.prices - 1)             # (2256,) percent
all_firms = problem.products["firm_ids"].to_numpy()
merging = np.isin(all_firms, [1, 2])
by_firm = pd.Series(change).groupby(all_firms).agg(["mean", "min", "max"]).rename_axis("firm")
print(by_firm.round(2))
assert abs(change[merging].mean() - 13.35) < 0.05 and abs(change[~merging].mean() - 0.56) < 0.02
assert abs(change.max() - 109.4) < 0.5 and (change[~merging] < 0).sum() == 32
blpteach.predicted("5.4", f"firm {by_firm['mean'].idxmax()}")

# %% [markdown]
# Rivals raise theirs too, by 0.6 percent on average: they get buyers and can charge more. (In 32 of 564 cases they lower them: those who come mind prices more than those whom the rival had.) The largest rise, 109 percent, is a warning: a constant cost and an artificial market allow it.
#
# > **A common error.** "A merger changes the margins: recompute them under the new ownership and add them to costs", a shortcut often heard. Shares and derivatives are then still those of the old prices. As the merged firm raises prices it loses buyers, and a smaller firm wants a smaller margin.

# %%
once = 100 * ((costs + margins(shares, jacobian, H_new)) / prices - 1)[new_firm == 1].mean()
rise = (100 * (new_prices / prices - 1))[new_firm == 1]
assert np.allclose([once, rise.mean()], [12.31, 9.03], atol=0.02)
print(f"our market, merging firms: margins once {once:.1f} %, every condition solved {rise.mean():.1f} %")

# %% [markdown]
# Where does a rise come from? Leavers of firm 1 caught by firm 2 are no longer
# lost, and each is worth the partner's margin. Divide the first-order condition of $j$ by $-\partial s_j / \partial p_j$. What the merger adds is $\sum_l \mathrm{Div}_{jl}\,(p_l - c_l)$, summed over the partner's products: *upward pricing
# pressure*, in dollars. It needs old prices only.

# %%
partner = (H_new - H).astype(bool)                              # (24, 24)
caught = np.where(partner, diversion, 0).sum(1)[new_firm == 1]  # (18,) fractions of leavers
pressure = (np.where(partner, diversion, 0) @ eta / prices)[new_firm == 1]
told = [np.corrcoef(x, rise)[0, 1] for x in (caught, pressure)]
assert np.allclose(told, [0.823, 0.979], atol=0.01)
print("correlation of the rises with diversion {:.2f}, with pricing pressure {:.2f}".format(*told))

# %% [markdown]
# **Result.** Diversion makes a merger dangerous, and the partner's margins say how much: before any simulation they tell
# which prices are at risk.

# %% [markdown] minutes=4 ask="Who loses most from the merger: those who mind prices most, or those who mind them least?"
# ### What consumers lose
#
# A type's expected utility from the best choice is, by (1.4) of lesson 01, $\log(1 + \sum_j e^{V_{ij}})$ with $V_{ij} = \delta_j + \mu_{ij}$, in utils.
# A dollar is worth $-\alpha_i$ utils to type $i$. Divide, and average over types:
#
# $$CS = \sum_i w_i\, \frac{\log\left(1 + \sum_j e^{V_{ij}}\right)}{-\alpha_i}. \tag{5.8}$$
#
# This is in dollars for each possible serving, up to a constant that we never know, so only
# *differences* mean something. It needs $\alpha_i$ that is
# the same for all products and does not change with price.

# %% tags=["build"]
def consumer_surplus(delta, mu, alpha, weights):
    """(5.8): expected value of the best choice, in dollars up to a constant; alpha is (I,)."""
    V = delta[:, None] + mu                                     # (J, I)
    return weights @ (np.log(1 + np.exp(V).sum(0)) / -alpha)    # a number

# %%
def surplus(p, weights=weights):
    """Consumer surplus in our market at prices p (24,)."""
    return consumer_surplus(delta, mu + alpha * (p - prices)[:, None], alpha[0], weights)


slopes = np.array([surplus(prices + h) - surplus(prices - h) for h in 1e-6 * np.eye(24)]) / 2e-6
loss, basket = 100 * (surplus(new_prices) - surplus(prices)), -100 * shares @ (new_prices - prices)
assert abs(slopes + shares).max() < 1e-7 and abs(loss + 0.313) < 5e-3 and basket < loss < 0
print(f"largest difference between dCS/dp_j and -s_j: {abs(slopes + shares).max():.0e}")
print(f"loss {loss:.3f} cents a possible serving; the old basket costs {basket:.3f} more")

# %% [markdown]
# If $p_j$ rises by a little, a buyer of $j$ loses that little and nobody else loses anything: $\partial CS / \partial p_j = -s_j$, which the formula keeps. For a large change buyers leave, and lose less than the old basket's price.
#
# Who pays? Is the correlation over types of what a type loses with its $-\alpha_i$ positive (those who mind prices most lose most) or negative?

# %%
blpteach.predict("5.5", ..., among=["positive", "negative"])

# %%
by_type = np.array([100 * (surplus(prices, w) - surplus(new_prices, w)) for w in np.eye(20)])   # cents
types = pd.DataFrame({"alpha": alpha[0], "buys": P.sum(0), "loses": by_type}).sort_values("alpha")
everywhere = 100 * (merged.consumer_surplus() - estimates.consumer_surplus())           # by market
print(types.iloc[[0, 1, 4, 9, 14, 18, 19]].round(3))
print(f"all markets: mean {everywhere.mean():.3f} cents")
assert np.isclose(-weights @ by_type, loss) and types["loses"].iloc[:2].max() < 1e-3
assert abs(everywhere.mean() + 0.466) < 3e-3
blpteach.predicted("5.5", "positive" if np.corrcoef(by_type, -alpha[0])[0, 1] > 0 else "negative")

# %% [markdown]
# By and large, those who mind prices least buy most cereals, and pay most. The two most price-sensitive types buy none and lose
# nothing.
#
# > **A common error.** Short explanations that circulate print $CS = \sum_t \ln\left(1 + \sum_j e^{\delta_{jt}}\right)$. It leaves out $\mu$, so that all consumers are the mean
# > one; it is in utils, not in money; and it adds markets as if they were of equal size. Divided by $-\beta_{price}$ it is in money, and still wrong.

# %%
after = delta + estimates.beta[0] * (new_prices - prices)
utils = np.log(1 + np.exp(after).sum()) - np.log(1 + np.exp(delta).sum())
money, eats = 100 * utils / -estimates.beta[0], np.exp(delta).sum() / (1 + np.exp(delta).sum())
assert abs(money) < 0.1 * abs(loss) and np.allclose([eats, shares.sum()], [0.0387, 0.4448], atol=1e-3)
print(f"the formula in money {money:.4f} cents, (5.8) {loss:.4f}; the mean consumer buys with "
      f"probability {eats:.3f}, all types {shares.sum():.3f}")

# %% [markdown]
# **Result.** Consumers lose 0.47 cents a possible serving on average over markets. The mean consumer hardly eats cereals, so a formula for that one sees a fifteenth of the loss.

# %% [markdown] minutes=4 ask="Why would a firm halve a price? How low would its cost have to be?"
# ### The halved price, the last time
#
# Lesson 00 halved the price of `F2B19` in the logit, lesson 04 in the estimated model, and both held all other prices. Now they can respond, and we must ask first: why would firm 2 halve a price? In the
# model a price falls because its cost does. How low must the cost go?

# %% tags=["parameters"]
fraction = 0.5                                                  # of the old price

# %%
def prices_if(cost):
    """Equilibrium prices (24,) if our product's cost were another one."""
    new_costs = np.where(np.arange(24) == l, cost, costs)
    return blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, new_costs, H).prices


needed = brentq(lambda cost: prices_if(cost)[l] - fraction * prices[l], -0.1, 2 * costs[l])
print(f"price {100 * prices[l]:.2f} cents, at a cost of zero {100 * prices_if(0)[l]:.2f}; "
      f"for {fraction:g} of the price the cost must be {100 * needed:.2f} cents")
assert abs(100 * needed + 1.3) < 0.1 and prices_if(0)[l] > prices[l] / 2

# %% [markdown]
# Firm 2 would have to be paid about 1.3 cents for
# each serving. That is worth knowing about a thought experiment. We pay the subsidy and look at everybody else. (A *rival* is a product of
# another firm, a *sibling* one of the same firm.)

# %%
def change_if(model, p):
    """Percent change of the shares (24,) of our market at its prices p (24,), by a model."""
    all_prices = problem.prices.copy()
    all_prices[one.rows] = p
    return 100 * (model.shares_at(all_prices)[one.rows] / shares - 1)


half = np.where(np.arange(24) == l, fraction * prices, prices)
answer_prices = prices_if(needed)
answers = {"logit, other prices held": change_if(logit, half)[others],
           "other prices held": change_if(estimates, half)[others],
           "all prices respond": change_if(estimates, answer_prices)[others]}
assert np.ptp(answers["logit, other prices held"]) < 1e-9 and abs(answers["logit, other prices held"][0] + 30.1) < 0.2
assert np.allclose([answers["other prices held"].min(), answers["other prices held"].max()], [-56.2, -10.6], atol=0.5)
siblings = (firm == firm[l])[others]
rise_of = (100 * (answer_prices / prices - 1))[others]
assert rise_of[siblings].min() > rise_of[~siblings].max()
BySugar(sugar[others], mushy[others], names[others], answers,
        f"Who loses when {followed} sells at {100 * fraction:g} percent of its price?",
        "percent of its sales", notes=list(names[others][siblings]))

# %% [markdown]
# The logit takes 30 percent from everyone. The estimated model takes more than half from the closest substitutes and a
# tenth from some with little sugar. The named points, which lose much more once prices respond, are the siblings: with a subsidy on each serving of `F2B19`, firm 2 wants buyers there, and prices its other eight out of
# the way.
#
# **Result.** Who owns the substitutes matters as much as who they are.

# %% [markdown] minutes=1 ask="How would you try to prove that a number of ours is PyBLP's?"
# ## Check it
#
# The methods of the estimates do in all markets what we did by hand in one.

# %%
assert np.allclose(estimates.elasticities(market), elasticity)
assert np.allclose(estimates.diversion_ratios(market), diversion)
assert np.allclose(estimates.costs(market), costs)
by_method = 100 * (merged.consumer_surplus(market) - estimates.consumer_surplus(market))
print(f"surplus by the methods {by_method:.4f} cents, by hand {loss:.4f}")
assert np.isclose(by_method, loss)

# %% [markdown] minutes=4 ask="By how much must the merging firms' costs fall before consumers lose nothing: more or less than the price rise?"
# ## Play
#
# Firm 1 buys firm 2 in market C01Q1; prices rise by 9 percent. By how many percent must the costs of the merging firms fall before consumers lose nothing?

# %%
blpteach.predict("5.6", ...)

# %%
from blpteach.widgets.merger import cereal_models, merger

models = cereal_models("C01Q1")
picture = Merger(models)


def consumers(saving, model):
    """What consumers gain, in cents, if costs fall by so many percent."""
    picture.update(efficiency=saving, demand=model)
    return picture.outcome()[2]


enough = {model: brentq(consumers, 0, 30, args=(model,), xtol=1e-2) for model in models}
assert abs(enough["random coefficients"] - 15) < 1 and abs(enough["logit"] - 11.5) < 1
print({model: round(saving, 1) for model, saving in enough.items()})
blpteach.predicted("5.6", enough["random coefficients"])

# %%
merger()

# %% [markdown]
# More than the price rise, because a firm passes on less than a whole saving, and because the percentage is of cost, which is
# less than price. The logit is kinder to the merger.
#
# Things to try: let 3 buy 4. Is it
# harmless, and which number says so? Choose the same firm twice, with a saving: how much of it does a single
# firm pass on, in cents?

# %% [markdown] minutes=1
# ## Exercises

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
mean_own = np.average(np.diag(elasticity)[two], weights=shares[two])
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
# $\mathrm{Div}_{jl} = \sum_i \lambda_i\, s_{il} / (1 - s_{ij})$: the second choices of those who leave first. Write
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
# ## Further

# %% [markdown] minutes=2 ask="What would it mean that a serving costs less than nothing?"
# ### Costs below zero
#
# Four of 2,256 costs are negative. Two forces lead there.

# %% tags=["parameters"]
where, whose = "C08Q2", 1                                       # a market, and an owner in it

# %%
below = problem.products[["market_ids", "product_ids", "prices"]].assign(
    own_elasticity=all_own, lerner=all_lerner, cost=all_costs)[all_costs < 0]
there = (problem.products["market_ids"] == where) & (problem.products["firm_ids"] == whose)
earned = (problem.prices - all_costs)[there]                    # margins of firm 1; F1B04 is first
assert (earned[1:] > problem.prices[there][0]).sum() == 6 and len(below) == 4
below.round(4)

# %% [markdown]
# In three cases demand is hardly elastic: a firm with one product and
# a positive cost never prices where the elasticity is above $-1$, and these are close to it. The fourth is `F1B04` in C08Q2: six of its eight siblings have margins above its whole price. A buyer who moves from `F1B04` to one of them brings firm 1 more there than `F1B04` could earn, so a higher price of `F1B04` would pay, unless its cost were negative.
#
# **Result.** Either the types who buy these products mind prices more than estimated, or the prices were not set by this game, or
# they are measured wrongly. The more such costs there are, the less any counterfactual can be
# believed. Plain least squares in lesson 00 made them the rule.

# %% [markdown] minutes=4 ask="Compute margins, set prices, compute margins again. Does this end?"
# ### Two maps
#
# Read (5.6) as an instruction, $p \leftarrow c + \eta(p)$: compute margins, set prices, compute margins again. The functions take a leading axis for markets, so we solve all 94 at once: `problem.blocks[0]` is the stack of them, and its
# `index` (94, 24) leads to the table. `demand` collects what depends on prices.

# %% tags=["parameters"]
times = 200                                                     # iterations

# %%
from blpteach.post_estimation import share_jacobian_parts

stack = problem.blocks[0]
mu_all = blpteach.taste_deviations(stack.X2, stack.tastes, Gamma)           # (94, 24, 20)
alpha_all = np.broadcast_to((estimates.beta[0] + stack.tastes @ Gamma[1])[:, None], mu_all.shape)
p_old, delta_all = problem.prices[stack.index], estimates.delta[stack.index]
c, after_owner = all_costs[stack.index], np.where(all_firms == 2, 1, all_firms)[stack.index]
H_all = blpteach.ownership_matrix(after_owner)                  # (94, 24, 24)


def demand(p):
    """Probabilities, shares and their price derivatives in all markets, at prices p (94, 24)."""
    P = blpteach.choice_probabilities(delta_all, mu_all + alpha_all * (p - p_old)[..., None])
    s = np.vecdot(P, stack.weights[:, None, :])                 # (94, 24)
    return P, s, blpteach.share_jacobian(P, stack.weights, alpha_all)

# %% tags=["build"]
def naive(p):
    """(5.6) as an instruction: cost plus the margins at the last prices, (94, 24)."""
    _, s, D = demand(p)
    return c + blpteach.margins(s, D, H_all)                    # (94, 24)


def zeta(p):
    """(5.7): cost plus the bracket divided by Lambda, (94, 24)."""
    P, s, _ = demand(p)
    Lambda, Crossing = share_jacobian_parts(P, stack.weights, alpha_all)
    return c + (np.matvec(H_all * Crossing.mT, p - c) - s) / Lambda         # (94, 24)

# %%
def iterate(step, p, times):
    """All prices on the way, the start included (times + 1, 94, 24)."""
    path = [p]
    for _ in range(times):
        path.append(step(path[-1]))
    return np.array(path)


naive_path, zeta_path = iterate(naive, p_old, times), iterate(zeta, p_old, times)
moving, settled = abs(naive_path[-1] - naive_path[-2]).max(-1) > 1e-6, zeta_path[-1]
print("naive map, still moving:", list(problem.market_labels[stack.markets[moving]]))
assert np.allclose(naive_path[-1], naive_path[-3], atol=1e-6) and moving.sum() == 3
assert np.allclose(settled, zeta_path[-2], atol=1e-9, rtol=0)
assert np.allclose(settled, merged.prices[stack.index], atol=1e-8, rtol=0)

# %% [markdown]
# In three markets the naive map jumps between two points for ever. The logit shows why. There a firm with share $s_f$ wants the margin
# $\eta = 1 / (-\alpha(1 - s_f))$. Let it raise all its prices by a cent. $s_f$ changes at the rate $\alpha s_f (1 - s_f)$, so the
# margin it wants falls by $s_f / (1 - s_f)$ cents. With $s_f$ above one half that is more than the cent: the map overshoots, and overshoots
# back. For the same firm (5.7) reads $\eta \leftarrow s_f\,\eta + 1/(-\alpha)$, whose right side moves by $s_f + \eta\,\alpha s_f(1 - s_f)$, and at the optimum this is $s_f - s_f = 0$.
#
# With types the factor is not zero. As in lesson 02, the factor by which a map shrinks
# a small error is the spectral radius of its Jacobian:

# %%
def shrinkage(step, p, h=1e-6):
    """Spectral radius of a map's Jacobian at p, in each market (94,)."""
    columns = [(step(p + h * e) - step(p - h * e)) / (2 * h) for e in np.eye(24)]
    return abs(np.linalg.eigvals(np.stack(columns, -1))).max(-1)


factor, of_zeta = shrinkage(naive, settled), shrinkage(zeta, settled)
firm_share = (demand(settled)[1] * (after_owner == 1)).sum(1)   # (94,) of the merged firm
print("naive map, in the three markets:", factor[moving].round(2), " elsewhere at most",
      factor[~moving].max().round(2), "\nzeta map, in all markets at most", of_zeta.max().round(2),
      "\nshare of the merged firm in the three markets:", firm_share[moving].round(2))
assert ((factor > 1) == moving).all() and of_zeta.max() < 0.75
assert firm_share[moving].min() > firm_share[~moving].max() and abs(firm_share[moving].min() - 0.47) < 0.01

# %%
t = int(np.flatnonzero(moving)[0])
j = int(abs(naive_path[-1, t] - naive_path[-2, t]).argmax())
Paths(naive_path[:, t, j], zeta_path[:, t, j], f"{names[j]} in {problem.market_labels[stack.markets[t]]}")

# %% [markdown]
# **Result.** The naive map cycles where its factor is above one, which is where the merged firm is largest. The $\zeta$ map settles in all 94 and needs no linear solve. Neither proves that its equilibrium is the only one.

# %% [markdown] minutes=2 ask="A rival that did not merge lowers its price. Did it lose buyers?"
# ### Rivals who lower their prices
#
# In 32 of 564 cases a rival's price falls. In the logit its firm must have lost buyers: there a margin
# depends on the firm's share alone and rises with it. With types it also matters who comes.

# %%
(P_then, s_then, _), (P_now, s_now, _) = demand(p_old), demand(settled)
then, now = [np.vecdot(blpteach.buyers(P, stack.weights), alpha_all) for P in (P_then, P_now)]
for rows, way in (((change < 0) & ~merging, "falls"), ((change >= 0) & ~merging, "rises")):
    cases = rows[stack.index]                                   # (94, 24)
    more, mind_more = (s_now > s_then)[cases].sum(), (now < then)[cases].sum()
    print(f"price {way}: {cases.sum()} cases, share rises in {more}, "
          f"mean alpha of the buyers falls in {mind_more}")
    assert more == cases.sum() and (way == "rises" or mind_more == 32)

# %% [markdown]
# **Result.** No rival's share falls. In all 32 cases its buyers mind prices more than before, so that its demand is more elastic.

# %% [markdown] minutes=3 ask="A type likes high prices. Is a dollar worth a negative number of utils to it?"
# ### Minus alpha, not its absolute value
#
# With normal coefficients nothing guarantees that all $\alpha_i$ are negative. For a type that likes
# high prices (5.8) divides by a *negative* number, and some take $|\alpha_i|$ instead. An economy with two products and three types, one of which has $\alpha_i = +0.5$, tells which version keeps $\partial CS / \partial p_j = -s_j$.

# %% tags=["parameters"]
toy_alpha = np.array([-3.0, -1.0, 0.5])                         # three types
toy_prices = np.array([1.0, 1.5])                               # two products

# %%
def toy(p, worth):
    """Surplus of three equal types with mean utility 1; a dollar is worth `worth` (3,) utils."""
    return consumer_surplus(np.ones(2), np.outer(p, toy_alpha), -worth, np.full(3, 1 / 3))


s1 = blpteach.market_shares(np.ones(2), np.outer(toy_prices, toy_alpha), np.full(3, 1 / 3))[0]
e1 = np.array([1e-6, 0])
slope, absolute = [(toy(toy_prices + e1, worth) - toy(toy_prices - e1, worth)) / 2e-6
                   for worth in (-toy_alpha, abs(toy_alpha))]
assert abs(slope + s1) < 1e-6 and abs(absolute / s1 + 1 / 9) < 0.02
print(f"dCS/dp_1 with minus alpha {slope:+.4f}, with |alpha| {absolute:+.4f}; -s_1 is {-s1:+.4f}")

# %% [markdown]
# With minus alpha, the mean change of surplus is minus what buyers pay more. With $|\alpha_i|$ it is a ninth of that. (For the type with $\alpha_i > 0$ the model contradicts itself: a dollar
# more makes it better off.)
#
# **Result.** Divide by minus alpha. The remedy for the contradiction is a price coefficient that cannot be positive.

# %% [markdown] minutes=2 ask="What is the mean of one over a normal variable?"
# ### Which surplus has no mean
#
# Near zero $1 / \alpha_i$ explodes, and a normal density is positive at
# zero: $\mathrm E[1 / \alpha_i]$ does not exist. Take $\alpha_i \sim N(-3, 1.5^2)$ and one product with $V_i = 1 + \alpha_i p$, whose
# price rises from 1 to 1.1. The *level* of surplus contains $1/\alpha_i$. The *change* does not explode, because
# utility doesn't change either where $\alpha_i$ is near zero.

# %% tags=["parameters"]
mean, spread, seed = -3, 1.5, 5

# %%
draws = np.random.default_rng(seed).normal(mean, spread, 1_000_000)
level = np.log1p(np.exp(1 + draws)) / -draws
price_change = (np.log1p(np.exp(1 + 1.1 * draws)) - np.log1p(np.exp(1 + draws))) / -draws
levels, changes = [values.reshape(100, -1).mean(1) for values in (level, price_change)]
assert np.ptp(levels) > 5 and np.ptp(changes) < 0.01
print(f"means of 100 samples of 10,000 draws: level from {levels.min():.2f} to {levels.max():.2f}, "
      f"change from {changes.min():.4f} to {changes.max():.4f}")

# %% [markdown]
# > **A common error.** Often taken for granted: "with a normal price coefficient, welfare is fine". The level of surplus, the value of a product that
# > enters or leaves, and mean willingness to pay have no mean; what a program prints for them depends on its draws. The mean change
# > for a *price change* exists, and with $-\alpha_i$ it agrees with $\partial CS / \partial p_j = -s_j$. Lognormal price
# > coefficients avoid the trouble.
#
# **Result.** Our cereal model has normal tastes for price too. The loss of 0.313 cents is a price change, and safe.

# %% [markdown] minutes=3 ask="F2B19 is taken off the market. Do its siblings get dearer or cheaper?"
# ### A product leaves
#
# What if `F2B19` is not made dearer but taken off the shelf? `counterfactual(drop=...)` removes it and solves for the others' prices. Between (5.4), the few who leave at the first cent, and the new equilibrium lie two steps: all buyers leave, and then prices respond.

# %% tags=["parameters"]
leaver = "F2B19"

# %%
gone = np.zeros(problem.N, bool)
gone[one.rows[list(names).index(leaver)]] = True                # in our market only
without = estimates.counterfactual(drop=gone)
net = (without.shares[one.rows] - shares)[others] / shares[l]   # (23,)
held = blpteach.choice_probabilities(delta[others], mu[others]) @ weights - shares[others]
columns = {"first to leave (5.4)": diversion[l, others], "gone, old prices": held / shares[l],
           "gone, new prices (net)": net}
leaving = pd.DataFrame({name: np.r_[x, 1 - x.sum()] for name, x in columns.items()},
                       [*names[others], "outside good"])
cheaper = pd.Series(without.prices[one.rows] / prices - 1)[others][(firm == firm[l])[others]]
assert abs(leaving.loc["outside good"].to_numpy() - [0.624, 0.559, 0.49]).max() < 0.01 and cheaper.max() < 0
(100 * leaving).round(1).reindex(["F1B13", "F3B06", "F2B26", "F2B28", "F6B18", "outside good"])

# %% [markdown]
# The first to leave are the price-sensitive, and more of them leave cereals altogether: 62 of 100, against 56 of all buyers. Then firm 2,
# with one product fewer to protect, lowers the prices of the others: the third column is net of people who never bought `F2B19`.
#
# **Result.** A survey that asks customers "what would you buy if it were gone?" gets
# the second column. The first-order conditions need the first. Exercise 5.6 finds out how the two are related.

# %% [markdown] minutes=1 ask="Which of PyBLP's names have you met?"
# ### The map
#
# What it is, the number of its equation and its name in this course, its name in
# PyBLP, and where Conlon and Gortmaker (2020) have it: equations in parentheses, otherwise a section. `problem` and `results` are a `Problem` and what its `estimate`, in PyBLP its `solve`, returns.

# %%
from blpteach.course.bridge import bridge, pyblp_names

bridge()

# %% [markdown]
# Mind three differences of notation. The paper writes $-\alpha p_{jt}$ in (4) and $\alpha_i = \partial u_{ij} / \partial p_j$, a
# negative number, in (26); here $\alpha$ always is the second. Its (6) multiplies the ownership matrix with $\partial s / \partial p$
# untransposed, ours (5.6) with the transpose; they agree where each type's $\alpha_i$ is the same for all products. And its objective (8) is PyBLP's and ours without the factor $N$.

# %% [markdown]
# ## In practice
#
# The same in PyBLP, at the same parameters; `Optimization("return")` does not search. Our $\Sigma$ has a negative element, which PyBLP's default
# bounds forbid. (A few seconds. Where PyBLP is not installed, the cells show what they printed when
# this lesson was made.)

# %%
try:
    import pyblp
except ImportError:
    pyblp = None
if pyblp:
    pyblp.options.verbose = False
    formulas = (pyblp.Formulation("0 + prices", absorb="C(product_ids)"),
                pyblp.Formulation("1 + prices + sugar + mushy"))
    persons = pyblp.Formulation("0 + income + income_squared + age + child")
    their_problem = pyblp.Problem(formulas, problem.products, persons, problem.agents)

# %%
if pyblp:
    free = np.full((4, 4), np.inf)
    theirs = their_problem.solve(
        estimates.sigma, estimates.pi, method="1s", optimization=pyblp.Optimization("return"),
        iteration=pyblp.Iteration("squarem", {"atol": 1e-14}), check_optimality="gradient",
        sigma_bounds=(-free, free))
    their_costs = theirs.compute_costs()
    their_prices = theirs.compute_prices(
        firm_ids=problem.products["firm_ids"].replace(2, 1), costs=their_costs)
    their_loss = theirs.compute_consumer_surpluses(prices=their_prices)
    their_loss = their_loss - theirs.compute_consumer_surpluses()

# %%
if pyblp:
    our_loss = everywhere[theirs.problem.unique_market_ids].to_numpy() / 100    # PyBLP sorts markets
    differences = {
        "elasticities": theirs.compute_elasticities(market_id=market) - elasticity,
        "diversion": theirs.compute_diversion_ratios(market_id=market) - diversion,
        "costs": their_costs.ravel() - all_costs, "new prices": their_prices.ravel() - merged.prices,
        "consumer surplus lost": their_loss.ravel() - our_loss}
    for name, difference in differences.items():
        print(f"{name:22} largest difference {abs(difference).max():.1e}")
    assert max(abs(d).max() for d in differences.values()) < 1e-6
else:
    blpteach.stored_output()

# %% [markdown]
# Names change between versions. So we ask the installed PyBLP for each that the course's map (in *Further*) has.

# %%
if pyblp:
    from operator import attrgetter
    from types import SimpleNamespace
    from blpteach.course.bridge import pyblp_names

    roots = SimpleNamespace(pyblp=pyblp, problem=theirs.problem, results=theirs)
    there = [attrgetter(name)(roots) is not None for name in pyblp_names()]     # or AttributeError
    print(f"all {len(there)} names exist in PyBLP {pyblp.__version__}")
    assert len(there) > 40
else:
    blpteach.stored_output()

# %% [markdown]
# Every number above is a function of estimates and inherits their uncertainty: papers report intervals, for
# instance by drawing parameters from their estimated distribution and repeating this lesson for each draw. Authorities look at
# efficiencies, entry and repositioning, which the simulation holds fixed. And costs rest on Bertrand-Nash
# pricing, so a serious study shows how the answer changes with it, as Nevo (2001) does by comparing margins under the three ownerships of our
# table.

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
