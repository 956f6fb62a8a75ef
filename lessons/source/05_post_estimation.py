# %% [markdown]
# # 05. What are the estimates for? Elasticities, diversion, markups and a first merger
#
# *70 minutes. You need: lesson 01 (choice probabilities, buyers), the idea of lesson 04 (what was estimated), numpy, and the
# first-order condition of a firm that sets prices. This is Step 5; the code is* `blpteach/post_estimation.py`.

# %% [markdown]
# ## The question
#
# Lesson 04 ended with a table of parameters. Nobody wanted the table. A competition authority asks: two cereal makers
# want to merge, what happens to prices, and who pays?
#
# The answer needs no new data and no new estimation. Everything follows from two objects that we already have: who chooses
# what, and how each consumer's utility moves with price. This lesson goes from these two to elasticities, to diversion, to
# margins and costs that nobody observed, to the prices after the merger, and to what consumers lose.
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
#
# ### The estimates, and one market
#
# The model is that of lesson 04: Nevo's cereals, 13 nonlinear parameters, one-step GMM. It is estimated anew here.

# %%
problem, arguments = blpteach.examples.cereal()
estimates = problem.estimate(**arguments)
print(f"objective {estimates.objective:.4f}, price coefficient {estimates.beta[0]:.2f}")
assert abs(estimates.objective - 4.5615) < 1e-3

# %% [markdown]
# We look at one market, city 1 in quarter 1. `problem.blocks[0]` is the stack of all 94 markets, `[0]` its first.
# $J = 24$ products, $I = 20$ consumer types. Prices are dollars a serving, shares are fractions of all possible servings.

# %%
stack = problem.blocks[0]
block = stack[0]
table = problem.products.iloc[block.index]
names, firm = table["product_ids"].to_numpy(), table["firm_ids"].to_numpy()
assert problem.market_labels[block.markets] == "C01Q1"
shown = [0, 5, 13, 14, 18, 23]
table[["product_ids", "firm_ids", "prices", "shares", "sugar", "mushy"]].iloc[shown]

# %% [markdown]
# A name says firm and brand: `F2B19` is brand 19 of firm 2. It is the largest seller here, and the one we follow. The
# firms are 1, 2, 3, 4 and 6, with 9, 9, 2, 3 and 1 products. There is no firm 5 in the data.
#
# Two lines of Step 1 give the choice probabilities at the estimates: mean utility $\delta_j$ is `delta` (J,), taste
# deviations $\mu_{ij}$ are `mu` (J, I), probabilities $s_{ij}$ are `P` (J, I), weights $w_i$ are `weights` (I,).

# %%
Gamma = np.hstack([estimates.sigma, estimates.pi])              # (4, 8)
delta, prices, weights = estimates.delta[block.index], problem.prices[block.index], block.weights
mu = blpteach.taste_deviations(block.X2, block.tastes, Gamma)   # (24, 20)
P = blpteach.choice_probabilities(delta, mu)
shares = P @ weights
assert np.allclose(shares, table["shares"], rtol=1e-8)

# %% [markdown]
# The assertion is Step 2: the estimates reproduce the shares of the data exactly.
#
# ### How a consumer's utility moves with price
#
# Price enters utility twice: through the mean tastes (a column of $X_1$) and through the random coefficients (a column of
# $X_2$). Its effect on type $i$'s utility is the sum of both,
#
# $$\alpha_{ij} = \frac{\partial u_{ij}}{\partial p_j}
#   = \frac{\partial x_{1j}'}{\partial p_j}\beta + \frac{\partial x_{2j}'}{\partial p_j}\left(\Sigma\nu_i + \Pi y_i\right).
#   \tag{5.1}$$
#
# Here price stands alone in both, so its derivative is a one in the column of prices and zeros elsewhere, and
# $\alpha_{ij}$ is the same for all products: $\alpha_i$.

# %%
dX1 = np.ones((24, 1))                                          # X1 is prices
dX2 = np.zeros((24, 4))
dX2[:, 1] = 1                                                   # X2 is 1, prices, sugar, mushy
alpha = (dX1 @ estimates.beta)[:, None] + dX2 @ Gamma @ block.tastes.T      # (24, 20)
np.sort(alpha[0]).round(1)

# %%
library = blpteach.price_coefficients(dX1, estimates.beta, dX2, Gamma, block.tastes)
assert np.allclose(alpha, library)
blpteach.show(blpteach.price_coefficients)

# %% [markdown]
# These are the twenty types of this market. The most price-sensitive has a coefficient of -180, the least of -16. A
# single number for "the price coefficient" hides this, and everything below comes from it.

# %%
assert -181 < alpha.min() < -179 and -17 < alpha.max() < -15

# %% [markdown]
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
# Product $j$ gains from a higher price of $l$ if *its own buyers* are price-sensitive and like $l$. Nobody else matters.
# Write it as it stands: `jacobian[j, l]` is the derivative of share $j$ in price $l$.

# %%
def my_share_jacobian(P, weights, alpha):
    B = blpteach.buyers(P, weights)                             # (J, I) each row sums to one
    own = np.diag((B * alpha).sum(1))                           # E[alpha | buys j] where j = l
    cross = B @ (P * alpha).T                                   # E[alpha s_il | buys j]
    return (P @ weights)[:, None] * (own - cross)


jacobian = my_share_jacobian(P, weights, alpha)

# %% [markdown]
# A derivative is believed when a finite difference agrees. Move the price of `F2B19` by a ten-thousandth of a cent
# up and down, and let `market_shares` answer.

# %%
l, h = list(names).index("F2B19"), 1e-6
step = h * (np.arange(24) == l)
up = blpteach.market_shares(delta, mu + alpha * step[:, None], weights)
down = blpteach.market_shares(delta, mu - alpha * step[:, None], weights)

# %%
error = abs((up - down) / (2 * h) - jacobian[:, l]).max()
print(f"largest difference {error:.1e}, largest derivative {abs(jacobian[:, l]).max():.2f}")
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

# %% [markdown]
# ### Elasticities
#
# Derivatives have units, shares a dollar. Elasticities have none: the percent change of share $j$ as price $l$ rises by
# one percent,
#
# $$\varepsilon_{jl} = \frac{p_l}{s_j}\frac{\partial s_j}{\partial p_l} =
#   \begin{cases} \dfrac{p_j}{s_j}\sum_i w_i\, \alpha_{ij}\, s_{ij}(1 - s_{ij}) & j = l \\[1.2ex]
#   -\dfrac{p_l}{s_j}\sum_i w_i\, \alpha_{il}\, s_{ij} s_{il} & j \neq l. \end{cases} \tag{5.3}$$

# %%
elasticity = jacobian * prices[None, :] / shares[:, None]
own = prices / shares * (weights * alpha * P * (1 - P)).sum(1)
assert np.allclose(np.diag(elasticity), own)
assert np.allclose(elasticity, blpteach.elasticities(jacobian, prices, shares))

# %%
pd.DataFrame(elasticity, names, names).iloc[[5, 13, 18, 23], [5, 13, 18, 23]].round(3)

# %% [markdown]
# Read it by rows: the row's share responds to the column's price. If `F2B19` becomes one percent dearer, it sells 3.66
# percent less, `F1B13` (sugar 14) sells 0.79 percent more, and `F6B18` (no sugar) 0.15 percent.

# %%
column = dict(zip(names, elasticity[:, l]))
assert abs(column["F2B19"] + 3.657) < 2e-2
assert abs(column["F1B13"] - 0.79) < 1e-2 and abs(column["F6B18"] - 0.15) < 1e-2

# %% [markdown]
# > **A common error.** Some accounts print the elasticity as $s_l\left(\delta_{jl} - \sum_m s_m \delta_{ml}\right)$, with
# > $\delta_{jl} = \mathbf 1\{j = l\}$. No price and no $\alpha$ appear in it. On the diagonal it is $s_l(1 - s_l)$, the
# > derivative of a *logit* share in mean utility, and positive: demand would rise with price.

# %%
kronecker = np.eye(24)
wrong = shares[None, :] * (kronecker - (shares[:, None] * kronecker).sum(0))
print(f"own elasticity of F2B19: the formula {wrong[l, l]:+.3f}, equation (5.3) {own[l]:+.3f}")
assert wrong[l, l] > 0 > own[l]

# %% [markdown]
# Over all 94 markets, the estimates' own method says:

# %%
print(f"mean own elasticity of {problem.N} products: {estimates.own_elasticities().mean():.4f}")
assert abs(estimates.own_elasticities().mean() + 3.6181) < 2e-3

# %% [markdown]
# ### What the logit would say
#
# Estimate the plain logit on the same data: one price coefficient, no consumer types.
#
# Before you run the next cells: in the logit, `F2B19` becomes dearer. Which product gains most, in percent?

# %%
logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
logit_elasticity = logit.elasticities("C01Q1").to_numpy()
others = np.arange(24) != l
print(f"price coefficient {logit.beta[0]:.3f}, "
      f"mean own elasticity {logit.own_elasticities().mean():.3f}")
print(f"cross elasticities with F2B19's price: {np.ptp(logit_elasticity[others, l]):.1e} apart")
assert abs(logit.beta[0] + 30.098) < 1e-2 and np.ptp(logit_elasticity[others, l]) < 1e-9

# %% [markdown]
# None gains most. With one type, (5.3) off the diagonal is $-p_l \alpha s_l$: the row $j$ has dropped out. Every product gains
# the same percentage, the sweet twin and the sugarless one. The two models agree on own elasticities, about -3.6 and
# -3.7 on average. They disagree on substitution, and mergers are about substitution.

# %%
by_sugar = np.argsort(table["sugar"].to_numpy(), kind="stable")
by_sugar = by_sugar[by_sugar != l]
sweet = [f"{names[j]}  ({table['sugar'].iloc[j]})" for j in by_sugar]

# %%
cross = {"logit": logit_elasticity[by_sugar, l], "random coefficients": elasticity[by_sugar, l]}
ByProduct(sweet, cross, "Whose sales rise when F2B19 (sugar 13) becomes 1 percent dearer?",
          "cross elasticity")

# %% [markdown]
# Products stand in the order of sugar, which is in parentheses. Under random coefficients the sweet products gain, those
# with little sugar hardly do.
#
# ### Diversion
#
# Elasticities compare percentages, and one percent of a small product is few people. For a merger the question is about people:
# *of those who leave product $j$ because it became dearer, which fraction goes to $l$?*
#
# $$\mathcal D_{jl} = -\frac{\partial s_l / \partial p_j}{\partial s_j / \partial p_j}. \tag{5.4}$$
#
# Mind the order: row $j$ is left, column $l$ receives. For $l = j$ the formula gives $-1$ and says nothing, so the
# diagonal is free. The library follows PyBLP and puts there what no other cell holds: the fraction that goes to the
# *outside good*, that buys none of the 24.

# %%
diversion = -jacobian.T / np.diag(jacobian)[:, None]            # (J, J) row j: leaves j
to_outside = -(weights * (1 - P.sum(0)) * alpha * P).sum(1)     # d s_0 / d p_j
np.fill_diagonal(diversion, -to_outside / np.diag(jacobian))
assert np.allclose(diversion, blpteach.diversion_ratios(P, weights, alpha))

# %% [markdown]
# The outside fraction was computed on its own, not as a remainder. So this is a test: everybody who leaves must arrive.

# %%
print("rows sum to", diversion.sum(1).min().round(12), "...", diversion.sum(1).max().round(12))
assert np.allclose(diversion.sum(1), 1, atol=1e-10)

# %% [markdown]
# The picture of these ratios has a row for each product that is left, in the order of sugar, and darker cells where more people
# go. In the logit the leavers of every product spread in proportion to shares. Before you look: in the estimated model, which
# rows will be dark in the column of `F6B18`, which has no sugar?

# %%
order = np.argsort(table["sugar"].to_numpy(), kind="stable")
labels = [f"{names[j]}  ({table['sugar'].iloc[j]})" for j in order]
DiversionMap(diversion[np.ix_(order, order)], labels)

# %% [markdown]
# Two groups appear. Those who leave a product with little sugar go to `F2B05`, `F2B16` and `F6B18`. Those who leave a
# sweet one go to `F2B19`. Under the logit all rows of this picture would look alike.
#
# The last column is as important: between a third and two thirds of the leavers buy no cereal of the 24 at all.

# %%
leavers = dict(zip(names, 100 * np.diag(diversion)))
print(f"to the outside good: {min(leavers.values()):.0f} to {max(leavers.values()):.0f} of 100")

# %%
print(f"from F1B45 (sugar 14) to F6B18: {100 * diversion[8, 23]:.0f}; from F2B05 (sugar 1): "
      f"{100 * diversion[9, 23]:.0f} of 100")
assert 33 < min(leavers.values()) < 34.5 and 65 < max(leavers.values()) < 66.5
assert diversion[9, 23] > 5 * diversion[8, 23]

# %% [markdown]
# ### Who sets which price
#
# So far only consumers acted. Now firms. A firm that owns several products knows that those who leave one of them may go
# to another of its own. The ownership matrix $H$ (`ownership`, (J, J)) records what the setter of price $j$ cares about:
#
# $$H_{jl} = \mathbf 1\{j \text{ and } l \text{ belong to one firm}\}. \tag{5.5}$$

# %%
H = (firm[:, None] == firm[None, :]).astype(float)
assert np.array_equal(H, blpteach.ownership_matrix(firm))
print("products that share an owner with F2B19:", int(H[l].sum()), "of", len(H))

# %% [markdown]
# Firm $f$ chooses its prices to maximise $\sum_{l \in f} (p_l - c_l)\, s_l(p)$, taking the others' prices as given; $c_l$ is marginal
# cost. One more cent on $p_j$ earns a cent from each buyer of $j$, and moves buyers of all its products. At the optimum
# the two balance:
#
# $$s_j + \sum_l H_{jl}\, (p_l - c_l)\, \frac{\partial s_l}{\partial p_j} = 0 .$$
#
# There is one equation for each product. They are linear in the margins $\eta = p - c$, so margins follow by one
# solve. With $D$ for the Jacobian (5.2) and $*$ for the product of elements,
#
# $$\eta = -\left(H * D'\right)^{-1} s. \tag{5.6}$$

# %%
eta = np.linalg.solve(-H * jacobian.T, shares)
costs = prices - eta
lerner = eta / prices
assert np.allclose(eta, blpteach.margins(shares, jacobian, H))

# %%
supply = pd.DataFrame({"price": prices, "margin": eta, "cost": costs, "lerner": lerner}, names)
supply.iloc[[5, 13, 18, 23]].round(4)

# %% [markdown]
# Look at what happened. Nobody reported a cost. A cost is what makes the observed price the best one, *if* demand is
# as estimated and *if* firms play this game. The *Lerner index* $\eta_j / p_j$ is the margin as a fraction of the price.
#
# A firm with one product has $\eta_j / p_j = -1 / \varepsilon_{jj}$. Firm 6 is one; firm 2 has nine products.
#
# Before you run the next cell: is firm 2's Lerner index above or below $-1 / \varepsilon_{jj}$? And what if one firm owned
# everything?

# %%
owners = {"24 firms": np.arange(24), "the five firms": firm, "one firm": np.zeros(24)}
for name, ids in owners.items():
    index = blpteach.margins(shares, jacobian, blpteach.ownership_matrix(ids)) / prices
    print(f"{name:15} mean {index.mean():.3f}, F2B19 {index[l]:.3f}, F6B18 {index[23]:.3f}")
assert np.isclose(lerner[23], -1 / elasticity[23, 23]) and lerner[l] > -1 / elasticity[l, l]

# %% [markdown]
# Above: a leaver caught by a sibling is not lost, so the firm dares more. The table says something else too. The same
# prices imply three different sets of costs. Costs found this way are conclusions about conduct as much as about
# technology; lesson 14 tests conduct.
#
# In all markets, with the five firms:

# %%
all_costs, all_lerner = estimates.costs(), estimates.markups()
print(f"mean Lerner index {all_lerner.mean():.4f}")
print(f"negative costs: {(all_costs < 0).sum()} of {problem.N}")
assert abs(all_lerner.mean() - 0.3639) < 1e-3 and (all_costs < 0).sum() == 4

# %%
CostCloud(problem.prices, all_costs)

# %%
below = problem.products[["market_ids", "product_ids", "prices"]].assign(
    own_elasticity=estimates.own_elasticities(), lerner=all_lerner, cost=all_costs)[all_costs < 0]
below.round(4)

# %% [markdown]
# Four costs are negative. That is impossible, and it should be reported, not repaired. The model says that at any positive
# cost a higher price would have been better. Two forces lead there. In three cases demand is hardly elastic: a firm with one product and
# a positive cost never prices where the elasticity is above -1, and these are close to it. The fourth is `F1B04` in C08Q2. Look at its siblings:

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
# they are measured wrongly. Four of 2256 is few. Where it is a tenth, the demand model or the conduct
# assumption is in doubt, and so is every counterfactual that builds on the costs.
#
# ### A merger: what changes, and what is held
#
# Firm 1 buys firm 2. Three things could change: who owns what, costs, demand. A first merger simulation changes only the
# first. Costs stay at (5.6) under the *old* owners, demand stays, and prices must again solve every first-order condition,
# under the *new* owners. Rivals' conditions are among them.
#
# The functions take a leading axis for markets, so we solve all 94 at once. `demand` collects what depends on prices.

# %%
mu_all = blpteach.taste_deviations(stack.X2, stack.tastes, Gamma)           # (94, 24, 20)
alpha_all = (estimates.beta[0] + stack.tastes @ Gamma[1])[:, None, :]       # (94, 1, 20)
alpha_all = np.broadcast_to(alpha_all, mu_all.shape)
p_old, delta_all = problem.prices[stack.index], estimates.delta[stack.index]
c = all_costs[stack.index]                                      # held
after = problem.products["firm_ids"].replace(2, 1).to_numpy()[stack.index]

# %%
H_new = blpteach.ownership_matrix(after)                        # (94, 24, 24)


# %%
def demand(p):
    """Probabilities, shares and their price derivatives in all markets, at prices p (94, 24)."""
    P = blpteach.choice_probabilities(delta_all, mu_all + alpha_all * (p - p_old)[..., None])
    s = np.vecdot(P, stack.weights[:, None, :])                 # (94, 24)
    return P, s, blpteach.share_jacobian(P, stack.weights, alpha_all)


assert np.allclose(demand(p_old)[1], problem.shares[stack.index])

# %% [markdown]
# ### Two maps
#
# Equation (5.6) holds at the new prices: $p = c + \eta(p)$. Read it as an instruction, $p \leftarrow c + \eta(p)$:
# compute margins, set prices, compute margins again.

# %%
def naive(p):
    _, s, D = demand(p)
    return c + blpteach.margins(s, D, H_new)


def iterate(step, p, times=200):
    path = [p]
    for _ in range(times):
        path.append(step(path[-1]))
    return np.array(path)                                       # (times + 1, 94, 24)


# %% [markdown]
# Before you run the next cell (it takes about a second): from the old prices, in how many of the 94 markets does the map
# settle?

# %%
naive_path = iterate(naive, p_old)
moving = abs(naive_path[-1] - naive_path[-2]).max(-1) > 1e-6    # (94,)
cycling = list(problem.market_labels[stack.markets[moving]])
print("still moving after 200 iterations:", cycling)

# %%
back = np.allclose(naive_path[-1], naive_path[-3], atol=1e-6)
print("and back where they were two iterations ago:", back)
assert cycling == ["C27Q1", "C07Q2", "C08Q2"]

# %% [markdown]
# In three markets it jumps between two points for ever. The logit shows why. There a firm with total share $S$ wants the margin
# $\eta = 1 / (-\alpha(1 - S))$. Let it raise all its prices together. $S$ falls at the rate $-\alpha S (1 - S)$, and so the margin it
# wants falls by $S / (1 - S)$ cents for each cent. With $S$ above one half that is more than the cent: the map overshoots, and overshoots back.
# The merged firm is large. If this is the reason, it should be largest in these three markets. We check it in a moment.
#
# Morrow and Skerlos put the same equations differently. Split $D = \mathrm{diag}(\Lambda) - \mathit{Crossing}$ as above. The
# first-order condition $s + (H * D')(p - c) = 0$ becomes
# $\Lambda * (p - c) = (H * \mathit{Crossing}')(p - c) - s$. Divide by $\Lambda$:
#
# $$p \leftarrow c + \Lambda^{-1} \left[\left(H * \mathit{Crossing}'\right)(p - c) - s\right]. \tag{5.7}$$

# %%
def zeta(p):
    P, s, _ = demand(p)
    Lambda, Crossing = share_jacobian_parts(P, stack.weights, alpha_all)
    return c + (np.matvec(H_new * Crossing.mT, p - c) - s) / Lambda


zeta_path = iterate(zeta, p_old)
print("markets still moving:", int((abs(zeta_path[-1] - zeta_path[-2]).max(-1) > 1e-6).sum()))
assert abs(zeta_path[-1] - zeta_path[-2]).max() < 1e-9

# %% [markdown]
# It settles in all 94, and needs no linear solve. The library's `equilibrium_prices` is this map with a stopping rule.

# %%
found = blpteach.equilibrium_prices(delta_all, mu_all, alpha_all, stack.weights, p_old, c, H_new)
blpteach.show(blpteach.equilibrium_prices)
assert np.allclose(found.prices, zeta_path[-1], atol=1e-9)
assert np.allclose(found.prices[~moving], naive_path[-1][~moving], atol=1e-6)

# %% [markdown]
# Where both settle they agree: it is one set of equations. Where the naive map fails, the merged firm is at its largest:

# %%
firm_one = after == 1
S = (demand(zeta_path[-1])[1] * firm_one).sum(1)                # (94,) share of the merged firm
print("its share in the three markets:", S[moving].round(2))
print("and at most elsewhere:", S[~moving].max().round(2))
assert S[moving].min() > S[~moving].max()

# %%
t = int(np.flatnonzero(moving)[0])
j = int(np.ptp(naive_path[-2:, t], axis=0).argmax())

# %%
where = problem.market_labels[stack.markets[t]]
Paths(naive_path[:, t, j], zeta_path[:, t, j], f"{names[j]} in {where}")

# %% [markdown]
# > **A common error.** "The map $p \leftarrow c + \eta(p)$ finds the new prices." In 3 of 94 cereal markets it cycles. The $\zeta$ map
# > has converged in every one. Neither proves that the equilibrium it finds is the only one.
#
# ### What the merger does
#
# One line of the library does all of this: owners as a dictionary, who becomes whom.

# %%
merged = estimates.counterfactual(firm_ids={2: 1})
change = 100 * (merged.prices / problem.prices - 1)
assert np.allclose(merged.prices[stack.index], found.prices, atol=1e-9)
merged

# %% [markdown]
# Before you run the next cell: both merging firms have nine products. Whose prices rise more? Do rivals, who did not merge,
# change theirs?

# %%
merging = problem.products["firm_ids"].isin([1, 2]).to_numpy()
print(f"mean price change {change.mean():.2f} %: merging {change[merging].mean():.2f} %, "
      f"others {change[~merging].mean():.2f} %")
pd.Series(change).groupby(problem.products["firm_ids"]).agg(["mean", "max"]).round(2)

# %%
assert abs(change.mean() - 10.16) < 0.05
assert abs(change[merging].mean() - 13.35) < 0.05 and abs(change[~merging].mean() - 0.56) < 0.02

# %% [markdown]
# Rivals raise theirs too, a little: with the merging products dearer they get buyers and can charge more. That is why
# every first-order condition must be solved again, and not only those of the merging firms.
#
# > **A common error.** "A merger changes the markups: recompute them under the new ownership and add them to costs." That is
# > the *first step* of the naive map, $c + \eta(p^{old})$: shares and their derivatives are still those of the old prices. It
# > overstates the change here.

# %%
one_shot = 100 * (naive_path[1] / p_old - 1)
print(f"markups once: {one_shot.mean():.2f} %; every condition solved: {change.mean():.2f} %")
assert abs(one_shot.mean() - 13.88) < 0.05

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
new_prices = found.prices[0]
rise = 100 * (new_prices / prices - 1)
print(f"{to_two.mean():.0f} of 100 leavers of firm 1 go to 2; prices {rise[ones].mean():+.1f} %")
print(f"{to_one.mean():.0f} of 100 leavers of firm 2 go to 1; prices {rise[twos].mean():+.1f} %")
assert to_two.mean() > 1.5 * to_one.mean() and rise[ones].mean() > 1.5 * rise[twos].mean()

# %% [markdown]
# Diversion is what makes a merger dangerous. In this market firm 1 catches more through its partner than its partner through it. Over
# all markets it was firm 2 whose prices rose more. Does diversion explain that too? For each market, two differences: by how much
# more firm 1 loses to firm 2 than the reverse, and by how much more it raises its prices.

# %%
D_all = blpteach.diversion_ratios(demand(p_old)[0], stack.weights, alpha_all)
one_to_two = D_all[:, ones][:, :, twos].sum(2).mean(1)          # (94,)
two_to_one = D_all[:, twos][:, :, ones].sum(2).mean(1)
flow = one_to_two - two_to_one

# %%
rises = 100 * (found.prices / p_old - 1)
gap = rises[:, ones].mean(1) - rises[:, twos].mean(1)
print(f"correlation over {len(gap)} markets: {np.corrcoef(flow, gap)[0, 1]:.2f}")
assert np.corrcoef(flow, gap)[0, 1] > 0.9

# %% [markdown]
# The two move together. A look at the diversion ratios, before any simulation, tells which prices are at risk.
#
# ### What consumers lose
#
# A type's expected utility from the best choice is $\log(1 + \sum_j e^{V_{ij}})$ with $V_{ij} = \delta_j + \mu_{ij}$, in utils
# (equation 1.4). A dollar is worth $-\alpha_i$ utils to type $i$. Divide, and average over types:
#
# $$CS = \sum_i w_i\, \frac{\log\left(1 + \sum_j e^{V_{ij}}\right)}{-\alpha_i}. \tag{5.8}$$
#
# This is in dollars for each consumer, here for each possible serving. Multiply by the number of them for a market's total. It needs $\alpha_i$ that is
# the same for all products and does not change with price. And it is defined up to a constant that we never know, so only
# *differences* mean something.

# %%
def surplus(p):
    V = delta[:, None] + mu + alpha * (p - prices)[:, None]     # (24, 20)
    return weights @ (np.log(1 + np.exp(V).sum(0)) / -alpha[0])


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
# > **A common error.** $CS = \sum_t \ln\left(1 + \sum_j e^{\delta_{jt}}\right)$. It leaves out $\mu$, so that all consumers are the mean
# > one; it is in utils, not in money; and it adds markets as if they were of equal size. Dividing by the mean price coefficient
# > repairs the units, and the number is still wrong.

# %%
mean_rise = estimates.beta[0] * (new_prices - prices)
utils = np.log(1 + np.exp(delta + mean_rise).sum()) - np.log(1 + np.exp(delta).sum())
money = 100 * utils / -estimates.beta[0]
print(f"the formula {utils:.4f} utils; in money {money:.4f} cents; (5.8) {loss:.4f} cents")
assert abs(money) < 0.5 * abs(loss)

# %% [markdown]
# ### Minus alpha, not its absolute value
#
# All twenty $\alpha_i$ here are negative. With normal coefficients nothing guarantees that: some types may like
# high prices. For them (5.8) divides by a *negative* number. It looks like an error, and some take $|\alpha_i|$ instead.
#
# Before you run the next cell: an economy with two products and three types, one of which has $\alpha_i = +0.5$. Which
# version keeps $\partial CS / \partial p_j = -s_j$?

# %%
tastes, thirds, p2 = np.array([-3.0, -1.0, 0.5]), np.full(3, 1 / 3), np.array([1.0, 1.5])


def toy(p, money):
    return thirds @ (np.log(1 + np.exp(1 + np.outer(tastes, p)).sum(1)) / money)


s1 = blpteach.market_shares(np.ones(2), np.outer(p2, tastes), thirds)[0]
e1 = np.array([1e-6, 0])
slope, absolute = [(toy(p2 + e1, m) - toy(p2 - e1, m)) / 2e-6 for m in (-tastes, abs(tastes))]
print(f"dCS/dp_1 with minus alpha {slope:+.4f}, with |alpha| {absolute:+.4f}; -s_1 is {-s1:+.4f}")
assert abs(slope + s1) < 1e-6 and absolute > -0.2 * s1

# %% [markdown]
# A type that likes high prices still pays the dollar. With $|\alpha_i|$ it would seem to gain one, and a ninth of the true loss is left.
#
# ### Which surplus has no mean
#
# There is a deeper trouble with normal price coefficients. Near zero, $1 / \alpha_i$ explodes, and a normal density is positive at
# zero: $\mathrm E[1 / \alpha_i]$ does not exist. Take $\alpha_i \sim N(-3, 1.5^2)$ and one product. The *level* of surplus contains $1/\alpha_i$. The *change* for a
# price change does not explode, because utility doesn't change either where $\alpha_i$ is near zero.
#
# Before you run the next cell: more and more draws. Which of the two averages settles?

# %%
draws = np.random.default_rng(5).normal(-3, 1.5, 1_000_000)
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
# > for a *price change* exists, and with $-\alpha_i$ it is the right one. Lognormal price coefficients avoid the trouble.
#
# ### The halved price, the last time
#
# Lesson 00 halved the price of `F2B19` and watched the logit spread the loss over all rivals in proportion. Now we can do it
# properly, and we must ask first: why would firm 2 halve a price? In the model a price falls because its cost does. How low must the cost go?

# %%
def prices_if(cost):
    new_costs = np.where(np.arange(24) == l, cost, costs)
    return blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, new_costs, H).prices


print(f"price {100 * prices[l]:.2f} cents, cost {100 * costs[l]:.2f} cents")
print(f"price at a cost of zero: {100 * prices_if(0)[l]:.2f} cents")

# %%
from scipy.optimize import brentq

needed = brentq(lambda cost: prices_if(cost)[l] - prices[l] / 2, -0.05, costs[l])
print(f"for half the price the cost must be {100 * needed:.2f} cents")
assert needed < 0 and prices_if(0)[l] > prices[l] / 2

# %% [markdown]
# Below zero. Even if `F2B19` cost nothing, firm 2 would not halve its price; it would have to be paid about 1.3 cents for
# each serving. That is worth knowing about a thought experiment. We pay the subsidy and look at everybody else.
#
# Three answers to "who loses?": the logit; the estimated model with all other prices held; the estimated model with
# every firm choosing its prices again. Firm 2 chooses again too, for the eight siblings.

# %%
half = np.where(np.arange(24) == l, prices / 2, prices)
answer_prices = prices_if(needed)

# %%
delta_half = logit.delta[block.index] + logit.beta[0] * (half - prices)
new_shares = {"logit": blpteach.market_shares(delta_half, np.zeros((24, 1)), np.ones(1))}
for name, p in {"other prices held": half, "all prices respond": answer_prices}.items():
    new_shares[name] = blpteach.market_shares(delta, mu + alpha * (p - prices)[:, None], weights)
losses = {name: 100 * (s / shares - 1)[by_sugar] for name, s in new_shares.items()}
for name, lost in losses.items():
    print(f"{name:20} F2B19 sells {new_shares[name][l] / shares[l]:.1f} times as much, "
          f"others {lost.min():.0f} to {lost.max():.0f} %")

# %%
assert np.ptp(losses["logit"]) < 1e-9 and abs(losses["logit"][0] + 30.1) < 0.2
assert abs(losses["other prices held"].min() + 56.2) < 1
assert abs(losses["other prices held"].max() + 10.6) < 0.5

# %%
ByProduct(sweet, losses, "Who loses when F2B19 (sugar 13) halves its price?",
          "change of share (percent)")

# %% [markdown]
# The logit takes 30 percent from everyone. The estimated model takes more than half from the closest substitutes and a
# tenth from some with little sugar. The substitutes lose most, which is what the word means.
#
# Look at the diamonds. Some products lose much more once prices respond. Which ones?

# %%
respond = pd.DataFrame({"price": answer_prices / prices - 1,
                        "share": new_shares["all prices respond"] / shares - 1})[others] * 100

# %%
whose = np.where(firm[others] == 2, "siblings", "rivals")
assert respond["price"][whose == "siblings"].min() > respond["price"][whose == "rivals"].max()
respond.groupby(whose).mean().round(1)

# %% [markdown]
# The siblings. With a subsidy on each serving of `F2B19`, firm 2 wants buyers there, and prices its other eight out of
# the way. Rivals hardly move their prices. Who owns the substitutes matters as much as who they are.
#
# ### A product leaves
#
# The other way to lose a product is to lose it altogether. `counterfactual(drop=...)` removes it and solves for the others' prices.

# %%
gone = np.zeros(problem.N, bool)
gone[block.index[l]] = True                                     # F2B19 in C01Q1
without = estimates.counterfactual(drop=gone)
long_run = (without.shares[block.index] - shares) / shares[l]   # (24,)

# %%
outside = 1 - long_run[others].sum()
print(f"of 100 former buyers: {100 * long_run[firm == 2].clip(0).sum():.0f} to siblings, "
      f"{100 * long_run[firm != 2].sum():.0f} to rivals, {100 * outside:.0f} to the outside good")

# %% [markdown]
# Compare with (5.4), which is about the few who leave at the first cent. Between the two lie two steps: all buyers leave instead of the
# first few, and then prices respond. So the table has a column with the product gone and the old prices held.

# %%
held = np.zeros(24)
held[others] = blpteach.choice_probabilities(delta[others], mu[others]) @ weights - shares[others]
columns = {"first to leave (5.4)": diversion[l], "gone, old prices": held / shares[l],
           "gone, new prices": long_run}
leaving = pd.DataFrame({name: np.r_[x[others], 1 - x[others].sum()] for name, x in columns.items()},
                       [*names[others], "outside good"])
(100 * leaving).round(1).loc[["F1B13", "F3B06", "F2B26", "F2B28", "F6B18", "outside good"]]

# %%
fates = leaving.loc["outside good"].to_numpy()
assert abs(fates - [0.624, 0.559, 0.49]).max() < 0.01

# %% [markdown]
# The first to leave are the price-sensitive, and more of them leave cereals altogether: 62 of 100, against 56 of all buyers. Then firm 2,
# with one product fewer to protect, lowers the prices of the others, and keeps more: 49. A merger authority that
# asks customers "what would you buy if it were gone?" gets the second column. The first-order conditions need the first.

# %% [markdown]
# ## Check it
#
# The methods of the estimates do in all markets what we did by hand in one.

# %%
assert np.allclose(estimates.elasticities("C01Q1"), elasticity)
assert np.allclose(estimates.diversion_ratios("C01Q1"), diversion)
assert np.allclose(estimates.costs("C01Q1"), costs)

# %%
surpluses = [o.consumer_surplus("C01Q1") for o in (estimates, merged)]
assert np.isclose(surpluses[1] - surpluses[0], loss / 100)
print("elasticities, diversion, costs and surplus agree")


# %% [markdown]
# Solving first-order conditions is not yet maximising. Is it really an equilibrium: does no firm gain by moving one
# of its prices, by a little or by much?

# %%
def profit(p, ids):
    s = blpteach.market_shares(delta, mu + alpha * (p - prices)[:, None], weights)
    return np.array([((p - costs) * s)[ids == f].sum() for f in ids])       # of j's owner


def best_gain(p, ids):
    gains = []
    for j in range(24):
        for factor in (0.7, 0.9, 0.99, 1.01, 1.1, 1.5):
            moved = np.where(np.arange(24) == j, factor * p, p)
            gains.append((profit(moved, ids) - profit(p, ids))[j])
    return max(gains)


# %%
before_gain, after_gain = best_gain(prices, firm), best_gain(new_prices, after[0])
unsolved = best_gain(prices, after[0])
print(f"best move at the old prices, old owners: {before_gain:+.1e} dollars a consumer")
print(f"best move at the new prices, new owners: {after_gain:+.1e}")
print(f"best move at the old prices, new owners: {unsolved:+.1e}")
assert before_gain < 0 and after_gain < 0 < unsolved

# %% [markdown]
# No move gains anything, before or after. Under the new owners the old prices can be improved on, which is why they change.

# %% [markdown]
# ## Play
#
# First the static picture: firm 1 buys firm 2 in market C01Q1.

# %%
from blpteach.widgets.merger import cereal_models, merger

Merger(cereal_models("C01Q1"), acquirer=1, target=2)

# %% [markdown]
# On the left each product's price change. On the right the diversion ratios of the market; the frames hold what the
# merger makes internal.
#
# Before you move anything: by how many percent must the merging firms' costs fall before consumers lose nothing? Is it
# more or less than the price rise? Then: does the logit see the merger as more or as less harmful?

# %%
merger()

# %% [markdown]
# Things to try. Let firm 6 buy firm 2 and firm 2 buy firm 6: does it matter who acquires? Let 3 buy 4: is it
# harmless, and which number of the right panel says so? Choose the same firm twice, with a saving: how much of it does a single
# firm pass on?

# %% [markdown]
# ## Exercises
#
# ### Exercise 5.1 · 3 minutes · one line
#
# A firm does not care about leavers whom its own products catch. For `F2B19`: what fraction of its leavers stays with
# firm 2? And in the logit?

# %%
answer = ...    # your line: a number between 0 and 1

# %% tags=["solution"]
kept = diversion[l, (firm == 2) & others].sum()
kept_logit = logit.diversion_ratios("C01Q1").to_numpy()[l, (firm == 2) & others].sum()
print(f"random coefficients {kept:.3f}, logit {kept_logit:.3f}")
assert np.isclose(kept_logit, shares[(firm == 2) & others].sum() / (1 - shares[l]))

# %% [markdown]
# ### Exercise 5.2 · 10 minutes · a few lines
#
# Werden (1996, *Journal of Industrial Economics* 44, 409-413) asked: by how much must the merging firms' costs fall so that no price changes at all? You need no iteration: at the old prices shares and
# derivatives are known, so (5.6) under the *new* owners gives the margins that would make the old prices optimal. Find the
# costs in C01Q1, the mean percentage fall of the merging products' costs, and check with `equilibrium_prices`.

# %%
answer = ...    # the costs (24,) that leave all prices as they are

# %% tags=["solution"]
H_merged = blpteach.ownership_matrix(after[0])
compensating = prices - blpteach.margins(shares, jacobian, H_merged)
fall = 100 * (1 - compensating / costs)
check = blpteach.equilibrium_prices(delta, mu, alpha, weights, prices, compensating, H_merged)
print(f"merging products' costs must fall by {fall[firm <= 2].mean():.1f} % on average")
print(f"if they don't, their prices rise by {rise[firm <= 2].mean():.1f} %")
assert np.allclose(check.prices, prices, atol=1e-9)
assert np.allclose(compensating[firm > 2], costs[firm > 2])
assert fall[firm <= 2].mean() > rise[firm <= 2].mean()

# %% [markdown]
# ### Exercise 5.3 · 20 minutes · a derivation and a function
#
# Remove product $j$ and hold all prices. (a) Show that among its former buyers the fraction that goes to $l$ is
# $\sum_i w_{i|j}\, s_{il} / (1 - s_{ij})$: the *second choices* of those who buy $j$. (b) Show that in the logit this equals (5.4). (c) Write
# `second_choices(P, weights, j)` with the outside good in place $j$, and check it for `F2B19` by taking the product out of `choice_probabilities`.

# %%
def second_choices(P, weights, j):
    return ...                                                  # (J,), the outside good in place j


# %% [markdown] tags=["solution"]
# (a) Without $j$, a type that chose among $1 + \sum_m e^{V_{im}}$ chooses among the rest. Its probability of $l$ becomes
# $e^{V_{il}} / (1 + \sum_{m \neq j} e^{V_{im}}) = s_{il} / (1 - s_{ij})$, a rise of $s_{il} s_{ij} / (1 - s_{ij})$. Average over types
# with $w_i$, divide by $s_j$, and $w_i s_{ij} / s_j$ is $w_{i|j}$.
# (b) With one type (5.4) is $\alpha s_j s_l / (\alpha s_j (1 - s_j)) = s_l / (1 - s_j)$. With many types (5.4) weighs type $i$ by
# $\alpha_i w_i s_{ij}(1 - s_{ij})$, those at the margin, and second choices by $w_i s_{ij}$, all buyers.

# %% tags=["solution"]
def second_choices(P, weights, j):
    B = blpteach.buyers(P, weights)[j]                          # (I,) who buys j
    choices = P @ (B / (1 - P[j]))                              # (J,)
    choices[j] = B @ ((1 - P.sum(0)) / (1 - P[j]))              # the outside good
    return choices


second = second_choices(P, weights, l)
taken_out = blpteach.choice_probabilities(delta[others], mu[others]) @ weights
assert np.allclose(second[others], (taken_out - shares[others]) / shares[l])
assert np.isclose(second.sum(), 1)
print(f"to the outside good: {100 * diversion[l, l]:.0f} % by (5.4), "
      f"{100 * second[l]:.0f} % of second choices")

# %% [markdown]
# ## In practice
#
# The same in PyBLP, at the same parameters. It takes a few seconds, and is skipped where PyBLP is not installed.

# %%
try:
    import pyblp
except ImportError:
    pyblp = None
    print("PyBLP is not installed; `pip install pyblp` gets it. The cells below are skipped.")

# %%
if pyblp:
    pyblp.options.verbose = False
    formulas = (pyblp.Formulation("0 + prices", absorb="C(product_ids)"),
                pyblp.Formulation("1 + prices + sugar + mushy"))
    persons = pyblp.Formulation("0 + income + income_squared + age + child")
    theirs = pyblp.Problem(formulas, problem.products, persons, problem.agents).solve(
        estimates.sigma, estimates.pi, method="1s", optimization=pyblp.Optimization("return"),
        iteration=pyblp.Iteration("squarem", {"atol": 1e-14}), check_optimality="gradient",
        sigma_bounds=(np.full((4, 4), -np.inf), np.full((4, 4), np.inf)))
    print(f"price coefficient {theirs.beta[0, 0]:.4f}, ours {estimates.beta[0]:.4f}")

# %%
if pyblp:
    their_costs = theirs.compute_costs()
    new_ids = problem.products["firm_ids"].replace(2, 1)
    their_prices = theirs.compute_prices(firm_ids=new_ids, costs=their_costs)
    their_loss = theirs.compute_consumer_surpluses(prices=their_prices)
    their_loss = their_loss - theirs.compute_consumer_surpluses()
    our_loss = merged.consumer_surplus() - estimates.consumer_surplus()
    our_loss = pd.Series(our_loss, problem.market_labels)
    our_loss = our_loss[theirs.problem.unique_market_ids].to_numpy()        # PyBLP sorts markets

# %%
if pyblp:
    differences = {
        "elasticities, C01Q1": theirs.compute_elasticities(market_id="C01Q1") - elasticity,
        "diversion, C01Q1": theirs.compute_diversion_ratios(market_id="C01Q1") - diversion,
        "costs": their_costs.ravel() - all_costs,
        "prices after the merger": their_prices.ravel() - merged.prices,
        "consumer surplus lost": their_loss.ravel() - our_loss}
    for name, difference in differences.items():
        print(f"{name:25} largest difference {abs(difference).max():.1e}")
    assert max(abs(d).max() for d in differences.values()) < 1e-6

# %% [markdown]
# Practice adds three things. Every number above is a function of estimates and inherits their uncertainty: papers report intervals, by drawing parameters
# from their estimated distribution and repeating this lesson for each draw (lesson 08). Authorities look at efficiencies, entry and
# repositioning, which the simulation holds fixed (lesson 10). And the costs rest on the assumption of Bertrand-Nash pricing, so a serious
# study shows how the answer changes with it, as Nevo (2001) does by comparing margins under the three ownerships of our table.

# %% [markdown]
# ## Further reading
#
# - Nevo (2000), "A practitioner's guide to estimation of random-coefficients logit models of demand", *Journal of Economics &
#   Management Strategy* 9(4), 513-548. The source of the data and of this lesson's order.
# - Nevo (2001), "Measuring market power in the ready-to-eat cereal industry", *Econometrica* 69(2), 307-342. Margins under
#   different owners, with real cereals: which conduct do observed margins fit?
# - Morrow and Skerlos (2011), "Fixed-point approaches to computing Bertrand-Nash equilibrium prices under mixed-logit demand",
#   *Operations Research* 59(2), 328-345. The $\zeta$ map, and why the naive one may fail.
# - Conlon and Mortimer (2021), "Empirical properties of diversion ratios", *RAND Journal of Economics* 52(4), 693-726. Diversion at the
#   first cent against second choices, as treatment effects.
# - Small and Rosen (1981), "Applied welfare economics with discrete choice models", *Econometrica* 49(1), 105-130. Where (5.8) comes
#   from.
#
# The next lesson, 06, opens the nested logit: another way to let substitution depend on who is like whom, with one
# parameter and no integral.
