# %% [markdown]
# # 09. What do car prices say about costs?
#
# **Supply, and the automobiles of Berry, Levinsohn and Pakes**
#
# *60 minutes, and 80 more for the exercises. Further, at the end, can be skipped. You need: econometrics through GMM;
# NumPy. From lesson 01: random tastes. From lesson 03: moments, weights, `concentrate`. From lesson 04: the search over
# $\theta_2$. From lesson 05: margins.*

# %% [markdown]
# ## The question
#
# What does it cost to make one more Honda? Its maker knows and won't say. But the maker has set a price, and a price that
# is best for its owner gives something away: the more buyers mind the price, the nearer it must be to cost. Who knows
# demand can read costs off prices.
#
# Then turn it around. Costs should have something to do with cars: weight, power, equipment. If a demand model implies
# costs that don't, or costs below zero, then demand is wrong, or our idea of how firms compete. So costs can help to
# estimate demand. This is the second half of BLP, on their data. The code is `blpteach/supply.py`, with
# `blpteach/equations.py`.

# %% [markdown]
# ## What you will be able to do
#
# - turn prices and estimated demand into marginal costs, and say what that assumes;
# - write a cost equation, say why it needs instruments, and stack it under the demand equation;
# - say which parameters the supply side forces you to search, and what a bound on costs can do to an estimate;
# - estimate demand and supply together, and say what that buys and what it costs;
# - keep a scoreboard: what of a famous paper can be reproduced, what can't, and why.

# %%
import warnings

import numpy as np
import pandas as pd

import blpteach
from blpteach.plots.automobiles import PriceProfile, Race, TwoDemands

# %% [markdown]
# ## Build it

# %% [markdown] minutes=4 ask="200 consumer types have weights that sum to 0.154. What do the other 85 percent of households do?"
# ### Twenty years of cars
#
# The table has 2,217 rows: models of cars in the United States, 1971 to 1990. A market is a year. Prices are in thousands
# of 1983 dollars. `hpwt` is horsepower per ten pounds of weight, `air` is 1 if air conditioning is standard, `mpd` is tens
# of miles for a dollar of petrol and `mpg` for a gallon, `space` is length times width in 10,000 square inches. `trend` is
# the year less 1971.
#
# The model is that of PyBLP's tutorial. Tastes for five characteristics are random. Price is divided by income:
#
# $$u_{ijt} = \delta_{jt} + \sum_k x_{jtk}\,\sigma_k \nu_{ik} + \pi\,\frac{p_{jt}}{y_i} + \varepsilon_{ijt}.$$
#
# So $\alpha_{ij} = \partial u_{ij}/\partial p_j = \pi / y_i$, with $y_i$ the income, in thousands of 1983 dollars like the
# price. The rich mind a thousand dollars less. Price is *not* a column of $X_1$. It stands in $X_2$ alone, and has income
# where the others have draws: `sigma` has six rows, one for each column of $X_2$, and five columns, one for each column of
# nodes.
#
# The agents are 200 consumer types, with incomes of the year. BLP drew many consumers and kept those who are likely to buy
# a car, because one household in ten buys. That is **importance sampling**. Each kept type gets a small weight, which
# corrects for being kept.

# %%
products, agents = blpteach.load_autos()
demand = {"linear": "1 + hpwt + air + mpd + space", "clusters": "clustering_ids",
          "random": "1 + prices + hpwt + air + mpd + space", "demographics": "0 + I(1 / income)"}
columns = ["clustering_ids", "firm_ids", "prices", "shares", "hpwt", "air", "mpg", "space", "trend"]
products.query("market_ids == 1990").nlargest(3, "shares")[columns].round(4)

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    alone = blpteach.Problem(products, agents, **demand)
total = agents.groupby("market_ids")["weights"].sum()
inside = products.groupby("market_ids")["shares"].sum()
assert np.allclose(total, 0.154, atol=2e-4) and inside.max() < total.min() and alone.M == 13
print(f"weights sum to {total.min():.3f}; inside shares sum to at most {inside.max():.3f}")
print(said[0].message)
warnings.filterwarnings("ignore", "Column `weights` of agents")  # we know

# %% [markdown]
# The weights sum to 0.154 in every market, and the library uses them as they are, $s_j = \sum_i w_i s_{ij}$. The mass of
# 0.846 that is left out buys nothing, at any price. That is legal, and PyBLP does the same. It must be intended, hence the
# warning. There are 13 moments: five columns of $X_1$ and eight sums of characteristics over the firm's other cars and
# over rivals' cars, as in lesson 03.
#
# We need values of the nonlinear parameters to begin with. PyBLP's tutorial begins with the estimates of Berry, Levinsohn
# and Pakes' Table IV, and so do we. (Their 43.501 stands before another price term, $\log(y_i - p_j)$. For prices that are
# small beside income this is nearly $\log y_i - p_j/y_i$, hence $-43.501$ for $\pi$.)

# %% tags=["parameters"]
deviations = [3.612, 4.628, 1.818, 1.050, 2.056]                # of 1, hpwt, air, mpd, space
price_over_income = -43.501                                     # utils per year's income

# %%
random_rows = [0, 2, 3, 4, 5]                                   # X2 is 1, prices, hpwt, ...
sigma, pi = np.zeros((6, 5)), np.zeros((6, 1))
sigma[random_rows, range(5)] = deviations
pi[1] = price_over_income

# %% [markdown] minutes=5 ask="A single-product firm has an elasticity of -0.8. What is its marginal cost?"
# ### Costs from first-order conditions
#
# In lesson 05 a firm chose its prices so that a little more on one of them gains nothing, all its cars counted. With $H$
# for who owns what and $D$ for the share Jacobian, margins are $\eta = -(H * D')^{-1} s$, equation (5.6). Costs are what is
# left:
#
# $$c_{jt} = p_{jt} - \eta_{jt}. \tag{9.1}$$

# %% tags=["build"]
def implied_costs(prices, shares, jacobian, ownership):
    """(9.1): costs at which these prices are the best ones, (J,)."""
    eta = np.linalg.solve(-ownership * jacobian.T, shares)      # (5.6)
    return prices - eta                                         # (J,)

# %% tags=["parameters"]
year = 1990

# %%
at_start = alone.evaluate(sigma, pi)
one = at_start.market(year)
P, alpha, price, firm = one.P, one.alpha, one.prices, one.firm_ids
D, H = blpteach.share_jacobian(P, one.weights, alpha), blpteach.ownership_matrix(firm)
costs = implied_costs(price, one.shares, D, H)
assert np.allclose(costs, at_start.costs(year)) and len(costs) == 131
print(f"{year}: mean price {price.mean():.2f}, margin {(price - costs).mean():.2f}, "
      f"cost {costs.mean():.2f} thousand dollars")

# %% [markdown]
# Where can it go wrong? Take a firm with one car. Then $\eta_j / p_j = -1/e_{jj}$, with $e_{jj}$ the own elasticity, and
# (9.1) is
#
# $$c_j = p_j\left(1 + \frac{1}{e_{jj}}\right).$$
#
# With $e_{jj}$ between $-1$ and 0 the bracket is *negative*. Nobody who has a positive cost sells where demand is
# inelastic: a higher price would bring more revenue from fewer cars. With more cars to its name a firm wants an even higher
# margin. The logit of lesson 03, by instruments, has 775 inelastic cars of 2,217. How many negative costs will it have?

# %%
blpteach.predict("9.1", ...)

# %%
linear = "1 + hpwt + air + mpd + space + prices"
by_iv = blpteach.Problem(products, linear=linear, clusters="clustering_ids").estimate()
two = {"logit by instruments": by_iv.costs(), "random coefficients": at_start.costs()}
TwoDemands(products["prices"], two)

# %%
inelastic, own = by_iv.own_elasticities() > -1, at_start.own_elasticities()
negative = [int((c < 0).sum()) for c in two.values()]
logit_margins = 1000 * (by_iv.prices - by_iv.costs())
assert abs(negative[0] - 809) <= 1 and negative[1] == 0 and abs(inelastic.sum() - 775) <= 1
assert (two["logit by instruments"][inelastic] < 0).all() and own.max() < -1.5
assert abs(logit_margins.min() - 7458) < 5 and abs(logit_margins.max() - 7969) < 5
print(f"the logit's margins: {logit_margins.min():.0f} to {logit_margins.max():.0f} dollars")
blpteach.predicted("9.1", negative[0])

# %% [markdown]
# **Result.** All 775 inelastic cars are among the 809; the other 34 have siblings. In the model with income no elasticity is
# above $-1.5$, and every cost is positive. The logit wants nearly the same margin in dollars for every car, and cheap cars
# can't pay for it. With $\alpha_i = \pi/y_i$ those who buy cheap cars mind the price more.

# %% [markdown] minutes=5 ask="Given theta2, the characteristics of costs are exogenous. What could instruments be needed for?"
# ### The cost equation
#
# Costs have characteristics and an unobservable of their own,
#
# $$\tilde c_{jt} = x_{3jt}'\gamma + \omega_{jt}, \qquad \tilde c = \log c \;\text{ or }\; c. \tag{9.2}$$
#
# - $x_{3jt}$ is a row of `X3` (N, K3). Here: 1, log `hpwt`, `air`, log `mpg`, log `space`, `trend`.
# - $\gamma$ (`gamma`, (K3,)) are the cost parameters.
# - $\omega_{jt}$ (`omega`, (N,)) is what makes a car expensive to build and isn't in the table.
#
# In logs a characteristic changes costs by a percentage, and costs stay positive. That is what BLP do, and so do we.
#
# Two assumptions hide in (9.2). A car's characteristics were decided before $\omega$ was known, so that
# $\mathrm{E}[x_{3jt}\,\omega_{jt}] = 0$ and the columns of $X_3$ are their own instruments. And one more car costs the same
# however many are made. If costs depended on output, output would need an instrument of its own.

# %% tags=["parameters"]
X3_formula = "1 + log(hpwt) + air + log(mpg) + log(space) + trend"
lowest = 0.001                                                  # a dollar

# %%
supply = {"supply": X3_formula, "log_costs": True, "cost_bounds": (lowest, None)}
problem = blpteach.Problem(products, agents, **demand, **supply)
first = problem.evaluate(sigma, pi)
X3, ZS, N = problem.cost_model.X3, problem.cost_model.ZS, problem.N
tilde_costs = np.log(first.costs())                             # (N,)
gamma_ls = np.linalg.lstsq(X3, tilde_costs, rcond=None)[0]
gamma_iv = blpteach.iv_gmm(tilde_costs, X3, ZS, blpteach.weighting_2sls(ZS))
assert np.allclose(gamma_ls, gamma_iv) and np.allclose(gamma_iv, first.gamma)
print(f"X3 {X3.shape}, ZS {ZS.shape}; costs at the bound: {first.clipped_costs.sum()}")
pd.DataFrame({"gamma": gamma_ls}, problem.X3_names).T.round(3)

# %% [markdown]
# Least squares on implied costs. A car with ten percent more power for its weight costs five percent more to make. Of two
# cars of the same size and power the one that goes further on a gallon is cheaper: it is the lighter, plainer one. And `air`
# stands for much more than an air conditioner (exercise 9.2). 2SLS gives the same numbers, digit for digit: $X_3$ is among
# its own instruments, so the fitted values of $X_3$ are $X_3$.
#
# To learn about $\theta_2$ from $\mathrm{E}[z_{Sjt}\,\omega_{jt}] = 0$ we need more. What helps is what moves margins and
# not costs. The shipped table has 12 such columns, so that $z_S$ has 18 (`ZS`, (N, MS)):
#
# - eleven sums of cost characteristics over the firm's other cars and over rivals'. Close rivals press the margin, siblings
#   raise it, and neither is a part of this car.
# - `mpd`. Given `mpg` it is the price of petrol. Drivers mind it, so it moves demand. The factory doesn't.
#
# That they have no part in costs is an assumption. It fails where a firm with many models builds each more cheaply, or where
# dear petrol makes steel dear. Take demand alone, and then add the cost equation with $Z_S = X_3$ only. Will the standard
# error of $\pi$ fall, rise, or stay? (A second or two.)

# %%
blpteach.predict("9.2", ..., among=["falls", "rises", "stays"])

# %%
bare = blpteach.Problem(products, agents, **demand, **supply, supply_instruments=[])
cases = {"demand alone": alone.evaluate(sigma, pi), "and costs, X3 only": bare.evaluate(sigma, pi),
         "and costs, all 18": first}
rows = {name: [e.objective, e.pi_se[1, 0]] for name, e in cases.items()}
display(pd.DataFrame(rows, ["objective", "standard error of pi"]).T.round(4))
q, se = np.array(list(rows.values())).T
assert np.isclose(q[0], q[1]) and np.isclose(se[0], se[1]) and se[2] < 0.95 * se[0]
blpteach.predicted("9.2", "stays" if np.isclose(se[0], se[1]) else "falls" if se[1] < se[0] else "rises")

# %% [markdown]
# > **A common error.** "The characteristics of costs are exogenous, so the cost equation needs no instruments", often
# > heard. *Given* costs that is right. But costs are prices less margins, and margins depend on $\theta_2$. With $X_3$
# > alone, $\gamma$ sets all moments to zero for every $\theta_2$, and the bare equation adds nothing, to the last digit.
#
# **Result.** The cost equation teaches demand something through its *excluded* instruments only. (These are standard errors
# at given parameters, with first-step weights.)

# %% [markdown] minutes=4 ask="One estimator, two equations. What must the matrix of regressors look like?"
# ### Two equations, one estimator
#
# Put one equation above the other:
#
# $$\begin{pmatrix}\delta\\ \tilde c\end{pmatrix} = \begin{pmatrix}X_1 & 0\\ 0 & X_3\end{pmatrix}
# \begin{pmatrix}\beta\\ \gamma\end{pmatrix} + \begin{pmatrix}\xi\\ \omega\end{pmatrix}, \qquad
# g = \frac{1}{N}\begin{pmatrix}Z & 0\\ 0 & Z_S\end{pmatrix}'\begin{pmatrix}\xi\\ \omega\end{pmatrix}.$$
#
# That is a linear equation with regressors and instruments, and everything of lesson 03 applies. One thing to watch: there
# are 2N rows, but moments are still averages over N products. So weights (3.5) are half of what `weighting_2sls` gives for
# the stack, and $q$ is twice.

# %% tags=["build"]
def stacked(A, B):
    """Each equation with columns of its own: block-diagonal, (2N, K1 + K3)."""
    top = np.hstack([A, np.zeros((len(A), B.shape[1]))])
    bottom = np.hstack([np.zeros((len(B), A.shape[1])), B])
    return np.vstack([top, bottom])                             # (2N, K1 + K3)

# %%
X, Z = stacked(problem.X1, X3), stacked(problem.Z, ZS)
values = np.r_[first.delta, tilde_costs]                        # (2N,)
W = blpteach.weighting_2sls(Z) / 2                              # (3.5), of both equations
coefficient_map, moment_map = blpteach.concentrate(X, Z, W)
q = 2 * ((moment_map @ values) ** 2).sum()
link = np.corrcoef(first.xi, first.omega)[0, 1]
assert np.isclose(q, first.objective) and np.allclose(W[:13, 13:], 0) and abs(link) > 0.1
assert np.allclose(coefficient_map @ values, np.r_[first.beta, first.gamma])
print(f"X {X.shape}, Z {Z.shape}, W {W.shape}; q = {q:.3f}, the library's {first.objective:.3f}")
print(f"correlation of xi and omega {link:.2f}")

# %% [markdown]
# **Result.** The two equations talk to each other in two places. The first is $\theta_2$: both unobservables depend on it.
# The second is $W$. With (3.5) it is block-diagonal, and $q$ is the sum of two objectives. With $W = S^{-1}$ it is not:
# $\xi$ and $\omega$ are correlated. (A car with leather seats, say, is popular and expensive to make, and leather is not in
# the table.)

# %% [markdown] minutes=5 ask="Price is a column of X1. Why can the linear step no longer find its coefficient?"
# ### What has to be searched now, and a trap
#
# `concentrate` finds $\beta$ and $\gamma$ without a search, because $\delta$ and $\tilde c$ don't depend on them. For a price
# coefficient in $X_1$ that fails: margins depend on it, hence $\tilde c$. It must be searched, with $\theta_2$. In the
# automobiles' model price is in $X_2$ only, and $\pi$ is searched anyway. In the logit there is nothing else to search, so we
# can draw the joint objective. (A second or two.)
#
# Demand alone said $-0.134$, with 809 negative costs. Negative costs have no logarithm, so they are set to the bound, a
# dollar. Where nearly all costs are positive, will the lowest point of the joint objective be nearer to zero than $-0.134$,
# or farther from it?

# %% tags=["parameters"]
grid = np.r_[-0.5:-0.3:0.05, -0.3:-0.14:0.02, -0.14:-0.02:0.015, -0.019, -0.015]

# %%
blpteach.predict("9.3", ..., among=["nearer", "farther"])

# %%
with_supply = blpteach.Problem(products, linear=linear, clusters="clustering_ids", **supply)
profile = [with_supply.evaluate(beta={"prices": b}) for b in grid]
q_of = np.array([e.objective for e in profile])
at_bound = np.array([e.clipped_costs.sum() for e in profile])

# %%
PriceProfile(grid, q_of, at_bound, N, demand_alone=by_iv.beta[-1])

# %%
real = np.where(at_bound < 0.1 * N, q_of, np.inf).argmin()      # most costs positive
fake = q_of.argmin()
for k in real, fake:
    g = ZS.T @ profile[k].omega / N                             # (18,)
    of_supply = N * g @ np.linalg.solve(ZS.T @ ZS / N, g)
    print(f"at {grid[k]:.3f}: q = {q_of[k]:.0f}, of which supply {of_supply:.0f}; "
          f"{at_bound[k]} of {N} costs at the bound")
assert abs(grid[real] - -0.25) < 0.02 and at_bound[real] < 20 and abs(q_of[real] - 652) < 3
assert at_bound[fake] > 2200 and q_of[fake] < q_of[real] - 150 and abs(by_iv.beta[-1] - -0.134) < 5e-4
blpteach.predicted("9.3", "nearer" if abs(grid[real]) < 0.134 else "farther")

# %% [markdown]
# Three valleys. In the left one, near $-0.25$, nearly all costs are positive: costs want demand to be more elastic than the
# demand moments alone do. In the middle one most costs are at the bound. The last, at the right end, is the deepest, and
# there practically all costs are at the bound. Then $\log c$ is a constant, the constant in $X_3$ explains it perfectly, and
# the supply moments vanish. The bound has thrown the data away, and the objective rewards it.
#
# **Result.** Without a bound the library refuses such parameters. With one it counts, and the count belongs in the paper.

# %% [markdown] minutes=5 ask="31 moments, 17 parameters. If all moments are valid, how large should the two-step objective be?"
# ### Demand and supply together
#
# The search needs derivatives of both equations. Those of margins are in *Further*; the library has them. So: two-step GMM on
# 31 moments, with weights clustered by model of car. `initial_update` takes $S$ at the starting values already for the first
# step, as PyBLP's tutorial does. That is more than a detail: (3.5) protects against the units of instruments, and not
# against those of the two unobservables. With it a util of $\xi$ and a unit of log cost count alike. The cell takes a few
# seconds, and a line below it shows progress.
#
# 31 moments and 17 parameters leave 14 degrees of freedom. If all moments are valid, $J$ is near 14. What do you expect?

# %% tags=["parameters"]
steps = 2
initial_update = True

# %%
blpteach.predict("9.4", ...)

# %%
from IPython.display import clear_output
estimates = problem.estimate(sigma, pi, steps=steps, initial_update=initial_update)
clear_output()                                                  # the line of progress
assert estimates.converged and abs(estimates.objective - 497.336) < 0.01
blpteach.predicted("9.4", estimates.objective)

# %%
own, t = estimates.own_elasticities(), estimates.to_frame()["t"].to_numpy()[5:10]
margin = products["prices"] - estimates.costs()
assert abs(own.mean() - -3.92763) < 1e-4 and (estimates.costs() < 0).sum() == 0
assert (abs(t[[0, 3]]) < 1).all() and abs(t[1]) > 2 and abs(estimates.pi_se[1, 0] - 9.22) < 0.1
print(f"mean own elasticity {own.mean():.4f}; mean margin {margin.mean():.3f} thousand dollars; "
      f"mean margin over price {estimates.markups().mean():.3f}; none of the costs is negative")
estimates.to_frame().round(3)

# %% [markdown]
# The elasticity hardly moved from the start, $-3.92$. The coefficient of price has a standard error of a fifth of it. The
# standard deviations of tastes are known less well. Those of the constant and of `mpd` are within one standard error of
# zero (a boundary, so no test).
#
# If all moments were valid, 95 percent of such $J$ would be below 23.7. So moments contradict each other, as in lesson 03,
# and by far. Some of the exclusions are wrong, or the model is. $J$ does not say which. One suspect: the sums over the
# firm's other cars say who makes a car, and makers may differ in $\xi$ and $\omega$. Efficient weights decide *which*
# moments win. Compare the cost parameters, by least squares on the same costs and by the joint estimate:

# %%
from scipy.stats import chi2
by_ls = np.linalg.lstsq(X3, np.log(estimates.costs()), rcond=None)[0]
both = {"least squares": by_ls, "two-step GMM": estimates.gamma, "se": estimates.gamma_se}
both = pd.DataFrame(both, problem.X3_names)
assert abs(chi2(31 - 17).ppf(0.95) - 23.68) < 0.01 and estimates.objective > 20 * 23.68
assert np.allclose(both.loc["log(hpwt)"], [0.538, 0.897, 0.072], atol=2e-3)
both.T.round(3)

# %% [markdown]
# **Result.** If all moments were valid, the two rows would differ by sampling error. The coefficient of power goes from 0.54
# to 0.90, with a standard error of 0.07. Report both, and $J$ with them.

# %% [markdown] minutes=3 ask="Is sigma on air conditioning 4 or minus 4? Does it matter?"
# ### Which minimum?
#
# The search began with all $\sigma$ positive, as the tutorial does, and PyBLP keeps them so by its bounds. The normal
# distribution is symmetric. In expectation $\sigma$ and $-\sigma$ are the same model. But the integral here is a sum over 200
# draws a year. Under the same weights, begin at the estimate with the sign of $\sigma$ on `air` flipped, and search again
# (a few seconds). Will the objective end higher than 497.3, at the same value, or lower?

# %%
blpteach.predict("9.5", ..., among=["higher", "the same", "lower"])

# %%
from blpteach.outer_loop import Objective, quasi_newton
_, last_map = estimates.equations.concentrate(estimates.W)      # the weights of the second step
objective = Objective(problem.solver(estimates.free), last_map)
flipped = estimates.theta2 * [1, 1, -1, 1, 1, 1]                # sigma air, the third
other, _ = quasi_newton(objective, flipped)
lower = objective.value(other)
assert abs(lower - 456.4) < 0.1 and abs(other[[2, 5]] - [-6.35, -45.4]).max() < 0.1
print(f"objective {lower:.1f}, sigma on air {other[2]:.2f}, pi {other[5]:.2f}")
change = lower - estimates.objective
blpteach.predicted("9.5", "the same" if abs(change) < 0.1 else "lower" if change < 0 else "higher")

# %% [markdown]
# **Result.** It ends 41 lower. The sign alone can't be a fact about tastes. The objective tells plus from minus because 200
# draws are not symmetric: this is **simulation error**, made visible. So "the minimum" is a claim about all starts and all
# signs. Ours is the lowest known with $\sigma \ge 0$, and lower points exist without that restriction. The price term hardly
# moves here.

# %% [markdown] minutes=4 ask="The same cars, demand alone: how sure will it be of the price coefficient?"
# ### What joint estimation buys
#
# What would demand alone have said, without a word on how firms compete? And how much hangs on the weights? We estimate
# demand alone, in one step, and both equations in one step with (3.5). (A few seconds.) The joint estimate has $\pi = -44.8$
# with a standard error of 9.2. What will demand alone say for $\pi$?

# %%
blpteach.predict("9.6", ...)

# %%
only_demand = alone.estimate(sigma, pi, progress=False)
other_weights = problem.estimate(sigma, pi, progress=False)
three = {"demand alone": only_demand, "joint, (3.5)": other_weights, "joint, two steps": estimates}
rows = {name: [e.pi[1, 0], e.pi_se[1, 0], e.own_elasticities().mean(), (e.costs() < 0).sum()]
        for name, e in three.items()}
three = pd.DataFrame(rows, ["pi", "se", "mean elasticity", "negative costs"]).T
assert np.allclose(three["pi"], [-15.05, -27.66, -44.84], atol=0.1)
assert np.allclose(three["se"], [24.7, 4.16, 9.22], rtol=0.02)
display(three.round(2))
blpteach.predicted("9.6", only_demand.pi[1, 0])

# %% [markdown]
# Demand alone can't tell: zero and $-44.8$ are both well within two standard errors. It is the supply side that says how
# much the buyers of these cars mind the price. It can, because (9.1) turns every value of $\pi$ into costs, and most values
# give costs that fit $X_3$ and $Z_S$ badly. That is what joint estimation buys.
#
# **Result.** It costs something. The coefficient of *demand* now rests on a statement about *firms*: if they don't set
# prices as Bertrand and Nash say, $\pi$ is wrong with the costs (see *Check it*). And it rests on moments that $J$ has
# rejected: the two joint rows, which in large samples with valid moments would be the same, are 17 apart.

# %% [markdown] minutes=5 ask="Which would you expect to reproduce exactly: a regression, an IV estimate, or a full structural model?"
# ### A scoreboard
#
# A famous paper is a test for a course and the course is a test for the paper. BLP (1995) report in Table III an OLS logit,
# an IV logit and a hedonic regression, and in Table IV the full model. What of it do the shipped data reproduce? First the
# two least squares. In the hedonic regression, log price on the columns of `X3`, the published constant is 1.882 and ours
# 2.793, while all other numbers agree. The gap is 71 times the trend: theirs is, as good as certainly, the year of the
# century.

# %%
log_price = np.log(products["prices"])
X_hedonic = np.column_stack([X3[:, :-1], products["market_ids"] - 1900])
hedonic, with_trend = (np.linalg.lstsq(X, log_price, rcond=None)[0] for X in (X_hedonic, X3))
assert abs((with_trend[0] - 1.882) / with_trend[-1] - 71) < 0.2 and abs(with_trend[0] - 2.793) < 1e-3
published = [1.882, 0.520, 0.680, -0.471, 0.125, 0.013]
assert (abs(hedonic - published) < 6e-4).all()
pd.DataFrame({"published": published, "here": hedonic}, problem.X3_names).T.round(3)

# %%
names = ["1", "hpwt", "air", "mpd", "space", "prices"]
outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
X_logit = np.column_stack([np.ones(N), products[names[1:]]])
b = np.linalg.lstsq(X_logit, np.log(products["shares"] / outside), rcond=None)[0]
published = [-10.068, -0.121, -0.035, 0.263, 2.341, -0.089]
assert np.allclose(b, [-10.072, -0.124, -0.034, 0.265, 2.342, -0.0886], atol=1e-3)
pd.DataFrame({"published": published, "here": b}, names).T.round(3)

# %% [markdown]
# The hedonic regression is exact. It would be odd if prices, `hpwt`, `air`, `mpg`, `space` or the years were not those of the
# paper. The logit uses two more columns, shares and `mpd`: if its third decimals differ, these are the first suspects. (The
# shipped tables come from the code of a later paper, BLP 1999.)
#
# Then the IV logit, published as $-0.216$ (0.123). The shipped instruments lack the sums of `space`. BLP (1995, pp. 861-862)
# describe ten sums, of the five characteristics over the firm's other cars and over rivals'. Make them:

# %%
ten = blpteach.blp_instruments(products, "1 + hpwt + air + mpd + space")
shipped = products.filter(like="demand_instruments").columns
by_sums = {name: blpteach.Problem(products.drop(columns=shipped).join(ten[chosen]), linear=linear,
                                  instruments=list(chosen), clusters="clustering_ids").estimate()
           for name, chosen in {"all ten": ten.columns, "rivals' five": ten.columns[5:]}.items()}
rows = {name: [e.beta[-1], e.beta_se[-1]] for name, e in by_sums.items()}
se = np.r_[estimates.sigma_se[random_rows, range(5)], estimates.pi_se[1, 0]]
assert abs((estimates.theta2 - [*deviations, price_over_income]) / se).max() < 1.5
assert np.allclose(list(rows.values()), [[-0.1357, 0.0167], [-0.2029, 0.0248]], atol=2e-4)
pd.DataFrame(rows, ["price", "se"]).T.round(4)

# %%
full, none = f"{estimates.pi[1, 0]:.2f}", "no sigma"
board = pd.DataFrame([
    ["hedonic regression", "all", "all", none, "exactly"],
    ["OLS logit, price", "-0.089", f"{b[-1]:.4f}", none, "nearly: third decimals differ"],
    ["IV logit, price", "-0.216", f"{by_sums['all ten'].beta[-1]:.3f}", none, "no: unexplained"],
    ["Table IV, price term", "-43.501", full, "printed positive", "near; another price term"],
    ["tutorial, objective", "497.336", f"{estimates.objective:.3f}", "sigma >= 0", "yes"],
    ["tutorial, elasticity", "-3.92763", f"{own.mean():.5f}", "sigma >= 0", "yes"],
    ["the same, air flipped", "", f"{lower:.1f}", "none: air negative", "not in the tutorial"]],
    columns=["what", "there", "here", "signs", "reproduced?"]).set_index("what")
board

# %% [markdown]
# Why not all?
#
# - *The IV logit.* The very ten sums that the paper describes give $-0.136$ (0.017), rivals' five alone $-0.203$ (0.025). Since
#   the moments contradict each other, every set of them has its own answer. The published number is unexplained.
# - *Table IV.* Its six numbers are where our search began; none is more than one and a half of our standard errors away. That
#   is not a replication: the standard errors are large, and BLP have $\alpha \log(y_i - p_j)$ where we have $\pi\,p_j/y_i$.
#
# **Result.** What *is* reproducible is the tutorial's estimate, by two programs, under the restriction $\sigma \ge 0$. That
# is less than a replication, and it is worth saying so.

# %% [markdown] minutes=4 ask="Firms cared for each other's profits all along. Are true costs higher or lower than (9.1) says?"
# ### Costs are a conclusion about conduct
#
# $H$ was an assumption. If firms put a weight on their rivals' profits, the *same* prices hide larger margins and lower
# costs. `ownership_matrix(firm_ids, holdings)` takes that weight: 0 is Bertrand-Nash, 1 a joint monopoly, numbers between
# are common owners or partial collusion. At the other end are firms that take prices as given, with margins of zero.

# %% tags=["parameters"]
weights_on_rivals = [0, 0.25, 0.5, 0.75, 0.9, 1]

# %%
one = estimates.market(year)
P, alpha, price, firm = one.P, one.alpha, one.prices, one.firm_ids
D = blpteach.share_jacobian(P, one.weights, alpha)
implied = {w: implied_costs(price, one.shares, D, blpteach.ownership_matrix(firm, w))
           for w in weights_on_rivals}
costs = implied[0]                                              # Bertrand-Nash
rows = {w: [c.mean(), (1 - c / price).mean(), (c < 0).sum()] for w, c in implied.items()}
assert (implied[0.75] > 0).all() and rows[1][2] == 72 and abs(rows[0][0] - 9.665) < 2e-3
table = pd.DataFrame(rows, ["mean cost", "mean margin over price", "costs below zero"]).T
table.rename_axis("weight").round(3)

# %% [markdown]
# With joint monopoly more than half of the 131 cars of 1990 would cost less than nothing. So *this demand* and *that conduct*
# can't both be right. Up to a weight of three quarters all costs are positive, and the prices don't object.
#
# **Result.** Prices alone tell little about conduct: for every conduct there is a set of costs that fits them exactly.

# %% [markdown] minutes=5 ask="How would you test code that infers costs, if nobody ever sees a cost?"
# ## Check it
#
# *Does the method find a truth?* The simulated economy has costs that we know, and its prices solve Bertrand-Nash. Implied
# costs at the true parameters must be the true ones.

# %%
made, made_agents = blpteach.load_simulated()
rivals = [f"demand_instruments{k}" for k in range(4, 9)]        # how close the rivals are
model = {"linear": "1 + prices + x + group", "random": "0 + prices + x + group",
         "demographics": "0 + income", "instruments": rivals}
cost_side = {"supply": "1 + x + group + w0 + w1", "supply_instruments": rivals}
joint = blpteach.Problem(made, made_agents, **model, **cost_side)
at_truth = joint.evaluate([0, 1, 2], [[0.5], [0], [0]], beta={"prices": -2.0})
miss = abs(at_truth.costs() - made["costs"]).max()
assert miss < 1e-8
print(f"largest difference from the true costs: {miss:.0e}")

# %% [markdown]
# *Does joint estimation find the parameters, and what does it rest on?* Price is in $X_1$ here, so its coefficient is
# searched; the truth is $-2$. As for the automobiles, let demand have what its rivals are like as instruments, five columns,
# and no cost shifters. Compare demand alone; demand alone *with* the cost shifters `w0` and `w1`; both equations; and both
# under a wrong idea of conduct, one owner of everything. All begin at the truth. (Two seconds.)
#
# Where will the price coefficient go, if we wrongly believe in one owner?

# %%
blpteach.predict("9.7", ...)

# %%
start = {"sigma": [0, 1, 2], "pi": [[0.5], [0], [0]], "steps": 2, "progress": False}
given = {**start, "beta": {"prices": -2}}
shifted = {**model, "instruments": [*rivals, "w0", "w1"]}
one_owner = blpteach.Problem(made, made_agents, **model, **cost_side, holdings=1.0)
cases = {"demand alone": blpteach.Problem(made, made_agents, **model).estimate(**start),
         "demand alone, shifters": blpteach.Problem(made, made_agents, **shifted).estimate(**start),
         "joint, Bertrand-Nash": joint.estimate(**given), "joint, one owner": one_owner.estimate(**given)}

# %%
rows = {name: [*e.to_frame().loc["beta[prices]", ["estimate", "se"]], e.objective,
               len(e.S) - len(e.to_frame())] for name, e in cases.items()}
believing = pd.DataFrame(rows, ["price coefficient", "se", "J", "degrees of freedom"]).T
assert np.allclose(believing["price coefficient"], [-1.85, -1.88, -1.80, -5.10], atol=0.03)
assert np.allclose(believing["se"].iloc[:3], [0.86, 0.11, 0.23], atol=0.02) and believing["J"].iloc[3] > 30
display(believing.round(2))
blpteach.predicted("9.7", believing["price coefficient"].iloc[3])

# %% [markdown]
# - *What it buys.* The standard error falls from 0.86 to 0.23. But demand alone with the shifters has 0.11, half of the joint
#   estimate's, and asks nothing about conduct. What looked like the gift of the supply side was mostly the cost shifters.
#   Where you have them, give them to demand first. The automobiles have none.
# - *What it costs.* With the wrong conduct the price coefficient of *demand* is $-5.1$. Margins of one owner would be larger
#   than the cost equation can bear, so the estimate makes demand more elastic. Demand alone never heard of firms.
# - *What warns.* $J$ is far above its degrees of freedom in the wrong row. It says that something is wrong, and not what. In
#   the automobiles $J$ rejects anyway, so there it can't warn us of conduct.

# %% [markdown] minutes=4 ask="Half-collusion or competition: which will the negative costs rule out?"
# ## Play
#
# One year's prices, and what they say about costs, by how firms are thought to compete. On the left every car's margin as a
# fraction of its price: above 1 its cost would be below zero. On the right mean prices of five groups, divided into cost
# and margin. Before you move anything: under joint monopoly, which cars get negative costs first, cheap or dear ones? Do
# negative costs rule out half-collusion? Is 1971 different from 1990?

# %%
from blpteach.widgets.automobiles import conduct
conduct(estimates)

# %% [markdown]
# *Competition*: cost is price. *Half-collusion*: no cost is negative, so this test can't rule it out. *Monopoly*: the cheap
# cars go first. One owner of all cars asks a margin above the whole price of a cheap one: whoever leaves it may buy a dearer
# car, on which he earns more. *Monopoly in 1971*: nearly all.

# %%
early = estimates.market(1971)
everyone = blpteach.ownership_matrix(early.firm_ids, 1.0)
slopes_1971 = blpteach.share_jacobian(early.P, early.weights, early.alpha)
below = (implied_costs(early.prices, early.shares, slopes_1971, everyone) < 0).sum()
assert (implied[0.5] > 0).all() and below == 89 and len(early.prices) == 92
print(f"monopoly in 1971: {below} of {len(early.prices)} costs below zero")

# %% [markdown] minutes=1
# ## Exercises
#
# `blpteach.check` says whether an answer is right, and if it isn't, often why. `blpteach.hint("9.1")` gives a hint. All
# exercises take demand as estimated above, `estimates`.

# %% [markdown]
# ### Exercise 9.1 · 5 minutes · easy
#
# What does it cost to make the Honda Accord of 1990 (`clustering_ids` is `HDACCO90`), under Bertrand-Nash with the firms as
# they are? The answer is one number, in 1983 *dollars*.

# %% tags=["exercise"]
accord = ...

# %% tags=["solution"]
row = (products["clustering_ids"] == "HDACCO90") & (products["market_ids"] == 1990)
accord = 1000 * estimates.costs()[row].item()
assert abs(accord - 6566) < 5
print(f"{accord:.0f} dollars of a price of {1000 * products.loc[row, 'prices'].item():.0f}")
assert blpteach.check("9.1", accord)

# %% tags=["check"]
blpteach.check("9.1", accord)

# %% [markdown]
# ### Exercise 9.2 · 10 minutes · easy
#
# Regress log costs and log prices on `X3` by least squares, each on its own. By how many *percent* does standard air
# conditioning raise the cost of a car, and by how many its price, all other columns of `X3` held? The answer is an array of
# shape (2,): percent of cost, percent of price. (A log difference of 0.7 is not 70 percent.)

# %% tags=["exercise"]
air = ...

# %% tags=["solution"]
logs = np.column_stack([np.log(estimates.costs()), log_price])
g_air = np.linalg.lstsq(X3, logs, rcond=None)[0][2]
air = 100 * (np.exp(g_air) - 1)
assert np.allclose(air, [100.7, 97.3], atol=0.5)
print(f"cost {air[0]:.1f} percent, price {air[1]:.1f} percent")
assert blpteach.check("9.2", air)

# %% tags=["check"]
blpteach.check("9.2", air)

# %% [markdown] tags=["solution"]
# A car with air conditioning as standard costs twice as much to make. No air conditioner does. `air` marks luxury cars, and
# the coefficient is about all that comes with it.

# %% [markdown]
# ### Exercise 9.3 · 10 minutes · medium
#
# BLP take logs of costs. What if costs themselves were linear in `X3`? Regress `estimates.costs()` on `X3` by least
# squares, and log costs on `X3` as well. By how many *dollars* does air conditioning raise the cost of a car, by each of the
# two? In the linear equation that is its coefficient. In the log equation take the mean of
# $\hat c_j\,(1 - e^{-\gamma_{air}})$ over cars that have it, with $\hat c_j$ the fitted cost $e^{x_{3j}'\gamma}$. The
# answer is an array of shape (2,), in dollars: linear, log.

# %% tags=["exercise"]
dollars = ...

# %% tags=["solution"]
linear_fit = np.linalg.lstsq(X3, estimates.costs(), rcond=None)[0]
log_fit = np.linalg.lstsq(X3, np.log(estimates.costs()), rcond=None)[0]
has_air = X3[:, 2] == 1
removed = np.exp(X3 @ log_fit) * (1 - np.exp(-log_fit[2]))
dollars = 1000 * np.array([linear_fit[2], removed[has_air].mean()])
assert np.allclose(dollars, [7228, 6849], atol=10)
print("linear {:.0f} dollars, log {:.0f} dollars".format(*dollars))
assert blpteach.check("9.3", dollars)

# %% tags=["check"]
blpteach.check("9.3", dollars)

# %% [markdown] tags=["solution"]
# Near each other for the cars that have it. They differ where it counts: the linear equation adds the same dollars to a
# small car as to a large one.

# %% [markdown]
# ### Exercise 9.4 · 15 minutes · medium
#
# Some firms own a piece of others. Write `costs_with_stakes(P, weights, alpha, prices, firm_ids, stakes)`: marginal costs
# (J,) when firm $f$ counts a dollar that firm $g$ earns as `stakes[f, g]` dollars, and its own as one. `P` and `alpha` are
# (J, I), `weights` (I,), `prices` (J,), `firm_ids` (J,) are whole numbers from 0, and `stakes` (F, F) has *any* numbers on
# its diagonal, which you must not use. It is not symmetric: who owns whom matters. Shares are `P @ weights`.

# %% tags=["exercise"]
def costs_with_stakes(P, weights, alpha, prices, firm_ids, stakes):
    """Marginal costs (J,) with partial ownership."""
    return ...

# %% tags=["solution"]
def costs_with_stakes(P, weights, alpha, prices, firm_ids, stakes):
    same = firm_ids[:, None] == firm_ids[None, :]
    H = np.where(same, 1.0, stakes[firm_ids[:, None], firm_ids[None, :]])      # [setter, other]
    D = blpteach.share_jacobian(P, weights, alpha)
    return implied_costs(prices, P @ weights, D, H)

codes = pd.factorize(firm, sort=True)[0]
halves = np.full((20, 20), 0.5)
assert np.allclose(costs_with_stakes(P, one.weights, alpha, price, codes, halves), implied[0.5])
assert blpteach.check("9.4", costs_with_stakes)

# %% tags=["check"]
blpteach.check("9.4", costs_with_stakes)

# %% [markdown]
# ### Exercise 9.5 · 20 minutes · hard
#
# What would the firms of 1990 gain if two of them, 18 and 19, the largest, priced as one? Costs stay as they are under the
# present owners, and all firms find new prices. Compute the *change of the profits of 18 and 19 together*, in dollars per
# household (a price is in thousands of dollars, a share is per household), before fixed costs.
# `blpteach.equilibrium_prices` solves; a weight of one between the two firms is
# `ownership_matrix(firm, {(18, 19): 1, (19, 18): 1})`.

# %% tags=["exercise"]
gain = ...

# %% tags=["solution"]
together = blpteach.ownership_matrix(firm, {(18, 19): 1, (19, 18): 1})
new = blpteach.equilibrium_prices(one.delta, one.mu, alpha, one.weights, price, costs, together)
mu_new = one.mu + alpha * (new.prices - price)[:, None]
bought = blpteach.market_shares(one.delta, mu_new, one.weights)
theirs = np.isin(firm, [18, 19])
gain = 1000 * ((new.prices - costs) * bought - (price - costs) * one.shares)[theirs].sum()
rise = 100 * (new.prices / price - 1)[theirs].mean()
print(f"{gain:.2f} dollars per household; their prices rise by {rise:.1f} percent")
assert blpteach.check("9.5", gain)

# %% tags=["solution"]
more = blpteach.margins(one.shares, D, together) - (price - costs)
naive_gain = 1000 * (more * one.shares)[theirs].sum()
print(f"new markups on the old sales: {naive_gain:.2f}")

# %% tags=["check"]
blpteach.check("9.5", gain)

# %% [markdown]
# ## Further
#
# Three sections that nothing else rests on, and exercise 9.6, which needs the first.

# %% [markdown] minutes=6 ask="Tastes for size become more diverse, and delta adjusts so that all shares stay. Do margins rise or fall?"
# ### How margins move with theta2
#
# The search needs derivatives of both equations. For $\delta$ we have them from lesson 04. For costs we need
# $\partial\eta/\partial\theta_2$. Start from the first-order conditions, with observed shares on the right:
#
# $$(H * D')\,\eta = -s.$$
#
# Shares are data. So if $\theta_2$ moves, the product on the left must not, and $(H * dD')\,\eta + (H * D')\,d\eta = 0$.
# Hence
#
# $$d\eta = -(H * D')^{-1}\,(H * dD')\,\eta. \tag{9.3}$$
#
# What is $dD$? With $a_{ij} = w_i\,\alpha_{ij}\,s_{ij}$ the Jacobian is
# $D_{jl} = \mathbf 1\{j = l\}\sum_i a_{ij} - \sum_i s_{ij}\,a_{il}$, and $\theta_2$ moves it in two ways:
#
# - through $\alpha$, if the parameter belongs to price;
# - through every choice probability. Utility moves by $dV_{ij} = d\delta_j + x_{jk}\nu_{ik}$ (for $\pi$ the last part is
#   $p_j/y_i$): the taste itself, *and* $\delta$, which adjusts so that shares stay. A probability moves by
#   $ds_{ij} = s_{ij}\,(dV_{ij} - \sum_m s_{im}\,dV_{im})$.
#
# So $da_{ij} = w_i\,(d\alpha_{ij}\,s_{ij} + \alpha_{ij}\,ds_{ij})$, and $dD$ is the product rule, line by line:

# %% tags=["build"]
def margin_jacobian(P, weights, alpha, eta, ownership, slopes):
    """(9.3): how margins move, (J, H); `slopes` yields (dV, dalpha), (J, I), by parameter."""
    a, moved = weights * alpha * P, []                          # (J, I)
    for dV, dalpha in slopes:
        dP = P * (dV - (P * dV).sum(0))
        da = weights * (dalpha * P + alpha * dP)
        dD = np.diag(da.sum(1)) - dP @ a.T - P @ da.T           # (J, J)
        moved.append((ownership * dD.T) @ eta)
    D = np.diag(a.sum(1)) - P @ a.T
    return -np.linalg.solve(ownership * D.T, np.stack(moved, -1))           # (J, H)

# %% [markdown]
# The six parameters belong to these rows of $X_2$ and these columns of tastes (five of nodes, then one over income). Take
# 1990 at the starting values:

# %% tags=["parameters"]
moved_parameter, h = 5, 1e-5                                    # which of the six; relative step

# %%
one_start = at_start.market(year)
P0, alpha0 = one_start.P, one_start.alpha

# %%
rows_of, columns_of = [0, 2, 3, 4, 5, 1], np.arange(6)
names_of = ["sigma 1", "sigma hpwt", "sigma air", "sigma mpd", "sigma space", "pi"]
B = blpteach.buyers(P0, one_start.weights)
d_delta = blpteach.delta_jacobian(P0, B, one_start.X2, one_start.tastes, rows_of, columns_of)  # (J, 6)

# %%
def slopes_of():
    """For each parameter how V and alpha move, with delta adjusting; only pi moves alpha."""
    for h, (k, column) in enumerate(zip(rows_of, columns_of)):
        taste = one_start.tastes[:, column]                         # (I,)
        dV = d_delta[:, [h]] + one_start.X2[:, [k]] * taste
        yield dV, np.broadcast_to(taste * (k == 1), P0.shape)

# %%
eta = at_start.prices[one_start.rows] - at_start.costs(year)
d_eta = margin_jacobian(P0, one_start.weights, alpha0, eta, H, slopes_of())       # (131, 6)
theta2 = np.r_[deviations, price_over_income]
margin_moves = (d_eta / eta[:, None]).mean(0) * theta2 * 10     # percent, for a tenth more

# %% [markdown]
# And who buys moves too. The distribution of buyers $w_{i|j} = w_i s_{ij}/s_j$ changes with $ds_{ij}$, since $s_j$ stays.
# How much does the mean of one over income among buyers change? Those with a high one mind prices most.

# %%
per_income = one_start.tastes[:, 5]                                 # (I,) one over income
d_buyers = [B * (dV - (P0 * dV).sum(0)) for dV, _ in slopes_of()]            # (J, I) each
mean_now = (B @ per_income).mean()
buyers_move = np.array([(dB @ per_income).mean() for dB in d_buyers]) / mean_now * theta2 * 10

# %% [markdown]
# A third number tells whether who buys is what matters. Give all types the same $\alpha$, and move probabilities as before.
# Then only substitution between cars is left.

# %%
alike = np.full(P0.shape, alpha0.mean())
eta_alike = blpteach.margins(one_start.shares, blpteach.share_jacobian(P0, one_start.weights, alike), H)
steady = [(dV, 0 * dalpha) for dV, dalpha in slopes_of()]
alike_moves = margin_jacobian(P0, one_start.weights, alike, eta_alike, H, steady)
alike_moves = (alike_moves / eta_alike[:, None]).mean(0) * theta2 * 10

# %% [markdown]
# Each parameter grows by a tenth of itself. If people mind prices ten percent more, do margins fall by ten percent? And if
# tastes for size become more diverse, do margins rise or fall?

# %%
moves = pd.DataFrame({"margin": margin_moves, "buyers' 1/income": buyers_move,
                      "margin, same alpha": alike_moves}, names_of)
moves.round(2)

# %%
assert (moves["margin"] < 0).all() and (moves.iloc[:5, 1] > 0).all()
assert np.allclose(moves.iloc[5], [-3.92, -5.16, 0.28], atol=0.02) and abs(alike_moves).max() < 0.3

# %% [markdown]
# In percent. The last row first: people mind prices ten percent more. If the same people went on buying, margins would fall
# by ten percent. They fall by four, because those who buy are now richer: their mean of one over income falls by five.
#
# The rows above: more diverse tastes make margins *fall*. Who buys is then decided by tastes more, and by income less. So
# buyers are poorer, and mind the price more. The last column confirms it. If all minded the price alike, no margin would
# move by more than 0.3 percent.
#
# A derivative is believed when a finite difference agrees. Invert the shares again at $\theta_2$ a little up and a little
# down:

# %%
def margins_at(theta2):
    """Margins of the year (J,) at other parameters: inversion and all."""
    Gamma = np.zeros((6, 6))
    Gamma[rows_of, columns_of] = theta2
    mu = blpteach.taste_deviations(one_start.X2, one_start.tastes, Gamma)
    delta = blpteach.invert_shares(one_start.shares, mu, one_start.weights).delta
    P = blpteach.choice_probabilities(delta, mu)
    alpha = np.broadcast_to(one_start.tastes @ Gamma[1], P0.shape)
    return blpteach.margins(one_start.shares, blpteach.share_jacobian(P, one_start.weights, alpha), H)

# %%
def error_of(m):
    """Largest difference of column m of (9.3) from a finite difference, over the largest entry."""
    step = h * theta2 * (np.arange(6) == m)
    change = margins_at(theta2 + step) - margins_at(theta2 - step)
    return abs(change / (2 * step[m]) - d_eta[:, m]).max() / abs(d_eta[:, m]).max()

# %%
assert max(error_of(m) for m in range(6)) < 1e-4
print(f"{names_of[moved_parameter]}: relative error {error_of(moved_parameter):.0e}")

# %%
still = [(dV - d_delta[:, [h]], dalpha) for h, (dV, dalpha) in enumerate(slopes_of())]
wrong = margin_jacobian(P0, one_start.weights, alpha0, eta, H, still)
held_moves = (wrong / eta[:, None]).mean(0) * theta2 * 10
assert abs(held_moves - margin_moves).min() > 0.2 and held_moves[-1] > 5
moves[["margin"]].assign(delta_held=held_moves).round(2)

# %% [markdown]
# Who forgets that $\delta$ adjusts gets another number for every parameter, and for $\pi$ even the wrong sign: with $\delta$
# held, people buy less, so the slopes in $D$ shrink, while the shares on the right of the condition are still those of the
# data.
#
# Costs have the derivative $\partial\tilde c/\partial\theta_2 = -\partial\eta/\partial\theta_2$, in logs divided by $c$, and
# zero at a bound. The library does the same without forming $dD$, which saves work for each parameter. It also uses that
# all cars of a firm have the same row of $H$,
#
# $$H = \mathtt{belongs}\;\mathtt{rows}, \tag{9.4}$$
#
# with `belongs` (J, F) who belongs to which firm, and `rows` (F, J) what the firm owns. So sums over what a firm owns are made
# once for the firm:

# %%
from blpteach import supply as step
blpteach.show(step.margin_jacobian)

# %%
assert np.allclose(step.margin_jacobian(P0, one_start.weights, alpha0, eta, H, slopes_of()), d_eta)

# %% [markdown]
# **Result.** Margins move through who buys more than through substitution, and (9.3) needs $\delta$ to adjust.

# %% [markdown]
# ### Exercise 9.6 · 20 minutes · hard
#
# How does the *log cost* of each product move with a standard deviation $\sigma_k$ of tastes for a characteristic `x` (J,)
# that is not price, with nodes `nu` (I,), when $\delta$ adjusts by `d_delta` (J,)? Write
# `log_cost_slope(P, weights, alpha, prices, ownership, x, nu, d_delta)`, which returns (J,). Alpha does not depend on
# $\sigma_k$. Margins, their derivative (9.3) and costs are yours to compute; shares are `P @ weights`. The function
# `margin_jacobian` above may be used.

# %% tags=["exercise"]
def log_cost_slope(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Derivative of log costs in sigma_k, (J,)."""
    return ...

# %% tags=["solution"]
def log_cost_slope(P, weights, alpha, prices, ownership, x, nu, d_delta):
    D = blpteach.share_jacobian(P, weights, alpha)
    eta = blpteach.margins(P @ weights, D, ownership)
    dV = d_delta[:, None] + x[:, None] * nu                     # (J, I)
    d_eta = margin_jacobian(P, weights, alpha, eta, ownership, [(dV, 0 * alpha)])[:, 0]
    return -d_eta / (prices - eta)

assert blpteach.check("9.6", log_cost_slope)

# %% tags=["check"]
blpteach.check("9.6", log_cost_slope)

# %% [markdown] minutes=4 ask="Gauss-Newton leaves out part of the second derivative. When is that part small?"
# ### Why the search is not Gauss-Newton
#
# In lesson 04 $q = r'r$ with a Jacobian $R$, and Gauss-Newton takes $2R'R$ for the second derivative. The true one is
#
# $$\nabla^2 q = 2R'R + 2\sum_m r_m \nabla^2 r_m.$$
#
# At a good fit the residuals $r_m$ are small, and the second term with them. Here $r'r = 497$. Measure: the eigenvalues of
# $(2R'R)^{-1}\nabla^2 q$ say how much larger the curvature is than Gauss-Newton thinks, direction by direction. At 1 it is
# right. (A second or two.)

# %%
minimum = estimates.theta2
R = objective.at(minimum).R                                     # (31, 6)
step_of = np.diag(1e-4 * abs(minimum))

# %%
up = np.array([objective.gradient(minimum + d) for d in step_of])                       # (6, 6)
hessian = (up - objective.gradient(minimum)) / np.diag(step_of)[:, None]
ratio = np.sort(np.linalg.eigvals(np.linalg.solve(2 * R.T @ R, hessian)).real)
assert ratio[-1] > 100 and (ratio > 1.05).all()
print("true curvature over Gauss-Newton's:", ratio.round(1))

# %% [markdown]
# In one direction the true curvature is some 470 times what Gauss-Newton takes it for, so its step is 470 times too long.
# Where a ratio exceeds 2 the pure method runs away from the minimum. A trust region shortens its steps, and then it creeps.
# **Quasi-Newton** begins with the same $2R'R$ and learns the rest from the gradients it sees on its way.
#
# Both begin two percent away from the minimum, and have 14 evaluations. This is what `quasi_newton(objective, 1.02 * minimum,
# maxiter=14)` and `gauss_newton(objective, 1.02 * minimum, max_nfev=14)` of `blpteach.outer_loop` evaluated, computed once
# and kept:

# %% tags=["parameters"]
paths = {"quasi-Newton": [497.6045, 669.7965, 497.5972, 497.583, 497.5347, 497.4757, 497.3661,
                          497.6949, 497.3438, 497.3495, 497.3365, 497.3359, 497.3359, 497.3359],
         "Gauss-Newton": [497.6045, 1276.7777, 574.1051, 500.8845, 497.5665, 497.4891, 497.4636,
                          497.4428, 497.4265, 497.4135, 497.4028, 497.3938, 497.3861, 497.3796]}

# %%
above = {name: min(path) - estimates.objective for name, path in paths.items()}
assert above["quasi-Newton"] < 1e-3 and above["Gauss-Newton"] > 0.04
assert abs(objective.value(1.02 * minimum) - 497.6045) < 0.01
Race(paths, estimates.objective)

# %% [markdown]
# **Result.** `Problem.estimate` takes quasi-Newton where there is a supply side, and Gauss-Newton where there is none. That is
# a rule of thumb. Where demand alone fits badly, as with these cars, Gauss-Newton creeps as well. When its promises hardly
# shrink any more, quasi-Newton goes on from where it is.

# %% [markdown] minutes=4 ask="All firms of 1990 become one. Is today's markup of a monopolist what it will ask?"
# ### Other conduct, estimated and predicted
#
# In the table of conduct one thing doesn't fit together. Its demand was estimated jointly with costs, under Bertrand-Nash,
# and then other conduct is laid over it. Who believes in half-collusion estimates again under half-collusion:
# `blpteach.Problem(products, agents, **demand, **supply, holdings=0.5)`, and then `estimate(sigma, pi, steps=2,
# initial_update=True)` as above. That takes some seconds, so these are its six numbers, and what they imply:

# %% tags=["parameters"]
theta_half = [2.622, 3.431, 4.794, 0.387, 2.189, -48.770]       # pi has a standard error of 6.4

# %%
believed = blpteach.Problem(products, agents, **demand, **supply, holdings=0.5)
sigma_half = np.zeros((6, 5))
sigma_half[random_rows, range(5)] = theta_half[:5]
half = believed.evaluate(sigma_half, [[0], [theta_half[5]], [0], [0], [0], [0]])
assert abs(half.markups(1990).mean() - 0.451) < 2e-3
print(f"mean margin over price in 1990 {half.markups(1990).mean():.2f}, "
      f"Bertrand-Nash {estimates.markups(1990).mean():.2f}")

# %% [markdown]
# Demand has moved too, from $-44.8$: less than a standard error, and in the direction that keeps costs up.
#
# That was inference: prices stay, and costs are what they must have been. The other question is a prediction: costs stay,
# conduct changes, and prices move.
#
# > **A common error.** "For a merger or other conduct, recompute the markups and add them to costs", often heard. The
# > markups of (5.6) belong to the shares and slopes at *today's* prices. At new prices both are others. Hold costs, change
# > $H$, and solve all first-order conditions again (lesson 05).
#
# By how much do prices rise if all firms of 1990 become one, at Bertrand-Nash costs? The short cut says 75 percent.

# %%
monopoly = blpteach.ownership_matrix(firm, 1.0)
short_cut = costs + blpteach.margins(one.shares, D, monopoly)
found = blpteach.equilibrium_prices(one.delta, one.mu, alpha, one.weights, price, costs, monopoly)
risen = [100 * (p / price - 1).mean() for p in (short_cut, found.prices)]
assert abs(risen[0] - 75.5) < 0.5 and abs(risen[1] - 228.6) < 1.5 and found.residual < 1e-11
print(f"short cut {risen[0]:.0f} percent, equilibrium {risen[1]:.0f} percent")

# %%
mu_monopoly = one.mu + alpha * (found.prices - price)[:, None]   # price is no column of X1
for when, mu_then in ("before", one.mu), ("after", mu_monopoly):
    P_then = blpteach.choice_probabilities(one.delta, mu_then)
    buying = one.weights * P_then.sum(0)                        # (I,) who makes the purchases
    buying /= buying.sum()
    top = (np.sort(buying)[::-1].cumsum() < 0.9).sum() + 1
    print(f"{when}: mean alpha of buyers {buying @ alpha[0]:.2f}; "
          f"90 percent of cars go to {top} of 200 types")
    assert abs(buying @ alpha[0] - {"before": -0.49, "after": -0.19}[when]) < 0.01

# %% [markdown]
# **Result.** The short cut goes a third of the way. As prices rise, those who mind them leave. Those who stay mind a thousand
# dollars less than half as much, and the monopolist goes on. As a forecast the number is not to be believed either: prices
# three times as high are far outside the data. It says what the model says.

# %% [markdown]
# ## In practice
#
# The same in PyBLP. A supply side is a third `Formulation` and `costs_type`. A whole search would take too long here, so we
# evaluate both at our estimates, with first-step weights. (A few seconds. PyBLP, too, remarks on the weights.)

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

# %%
ours = problem.evaluate(estimates.sigma, estimates.pi)
six = np.zeros((6, 6))
six[random_rows, random_rows] = estimates.theta2[:5]
if pyblp:
    formulas = (demand["linear"], demand["random"], X3_formula)
    cars = pyblp.Problem(tuple(map(pyblp.Formulation, formulas)), products,
                         pyblp.Formulation(demand["demographics"]), agents, costs_type="log")

# %%
stay = {"method": "1s", "costs_bounds": (lowest, None), "se_type": "clustered"}
if pyblp:
    stay |= {"optimization": pyblp.Optimization("return"), "check_optimality": "gradient",
             "iteration": pyblp.Iteration("squarem", {"atol": 1e-14})}
    theirs = cars.solve(six, estimates.pi, **stay)
    pairs = {"objective": (theirs.objective.item(), ours.objective),
             "gamma on air": (theirs.gamma[2, 0], ours.gamma[2]),
             "its standard error": (theirs.gamma_se[2, 0], ours.gamma_se[2])}

# %%
if pyblp:
    for name, (a, b) in pairs.items():
        assert np.isclose(a, b, rtol=1e-6)
        print(f"{name}: PyBLP {a:.5g}, here {b:.5g}")
else:
    blpteach.stored_output()

# %% [markdown]
# The whole search is compared in a test of this package: from the same start PyBLP's two steps end at the objective 497.336
# with a mean own elasticity of $-3.92763$. Parameters agree to a tenth of a percent, standard errors to one.
#
# What practice adds. Today most papers estimate demand alone, take margins from (9.1) afterwards, and regress costs on what
# shifts them. That keeps the conduct assumption out of the demand estimates, at a price in precision. Who estimates jointly
# reports both, reports $J$, reports how many costs were at a bound, and shows results under another conduct. And many check
# implied costs or margins against what accountants or engineers say.

# %% [markdown]
# ## Further reading
#
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4), 841-890.
#   The model and the tables of the scoreboard.
# - Berry, S., Levinsohn, J., and Pakes, A. (1999). Voluntary export restraints on automobiles: evaluating a trade policy.
#   *American Economic Review* 89(3), 400-430. Where the shipped tables come from, and a use of estimated costs.
# - Andrews, I., Gentzkow, M., and Shapiro, J. (2017). Measuring the sensitivity of parameter estimates to estimation
#   moments. *Quarterly Journal of Economics* 132(4), 1553-1592. They distribute the data, and ask which moments an answer
#   comes from.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND
#   Journal of Economics* 51(4), 1108-1161. What supply moments add, in simulations.
# - O'Brien, D. P., and Salop, S. C. (2000). Competitive effects of partial ownership: financial interest and corporate
#   control. *Antitrust Law Journal* 67(3), 559-614. Weights on rivals' profits, and where they come from.
#
# **Next.** Exercise 9.5 is a merger with costs held. Then take a table of your own.
