# %% [markdown]
# # 01. Who leaves when a rival gets cheaper? Random tastes and market shares
#
# *60 minutes, and another 55 for the exercises; what stands under Further can be skipped. You need: econometrics through
# IV and GMM; numpy. Lesson 00 helps. The module of this lesson is `blpteach/utility.py`, Step 1.*

# %% [markdown]
# ## The question
#
# A cereal with much sugar is sold at half price. Whose buyers does it win? The logit of lesson 00 has one answer for
# every rival. It is wrong, because all its consumers have the same tastes. Here tastes differ.

# %% [markdown]
# ## What you will be able to do
#
# - Write utility with random tastes as one matrix product.
# - Compute choice probabilities that survive utilities of a thousand, and average them to market shares.
# - Choose integration nodes, and say what error they leave.
# - Say who buys a product, and get all derivatives of shares from that.
# - Predict which random coefficients change substitution.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="Stars wins 23 points of share. What part of its buyers does each rival lose?"
# ### The logit's answer
#
# Our market has six cereals, three with much sugar and three with bran. Shares are fractions of all consumers, prices
# are dollars a box, sugar is in units of 10 grams a serving. 60 % of the consumers buy none of the six: the outside
# good. Stars and Loops are twins: same sugar, same price.

# %%
import numpy as np
import pandas as pd

import blpteach
from blpteach.plots import tastes as plots

names = ["Stars", "Loops", "Pops", "Bran", "Wheat", "Oats"]
shares = np.array([0.10, 0.08, 0.05, 0.08, 0.06, 0.03])
prices = np.array([4.0, 4.0, 3.5, 3.5, 3.0, 3.0])
sugar = np.array([1.2, 1.2, 0.9, 0.5, 0.1, 0.3])
sugary = np.array([1, 1, 1, 0, 0, 0])

# %% [markdown]
# In the logit shares reveal mean utility: $\delta_j = \log s_j - \log s_0$, (0.2). In code `delta`, shape (J,), J = 6.
# (Formulas count from 1, code from 0: product 1 is Stars, row 0.) A dollar off the price raises utility by 0.75: given
# here, estimated in lesson 03. Stars goes from 4 dollars to 2.

# %% tags=["parameters"]
beta_price = -0.75                                       # utils a dollar
new_price = 2.0                                          # of Stars, in dollars

# %% [markdown]
# The share of Stars rises from 10 to 33 percent. You know from lesson 00 that all others lose the same part of their
# buyers, the twin like Wheat, and the outside good too. How many percent, roughly?

# %%
blpteach.predict("1.1", ...)


# %%
def with_outside(shares):
    """Shares with the outside good's at the end, (J + 1,)."""
    return np.append(shares, 1 - shares.sum())


delta_logit = np.log(shares) - np.log(1 - shares.sum())
expV = np.exp(delta_logit + beta_price * (new_price - prices[0]) * np.eye(6)[0])
after_logit = expV / (1 + expV.sum())
lost_logit = 1 - with_outside(after_logit)[1:] / with_outside(shares)[1:]  # parts of their buyers
assert np.isclose(after_logit[0], 0.332, atol=5e-4) and np.allclose(lost_logit, 0.258, atol=5e-4)
display(plots.Losses(10 * sugar[1:], names[1:], "Stars", part=new_price / prices[0],
                     logit=lost_logit[0], outside=lost_logit[0]))
blpteach.predicted("1.1", 100 * lost_logit[0])

# %% [markdown]
# Those who don't buy Stars fall from 90 to 66.8 percent of the consumers, and $1 - 66.8/90 = 25.8$ %. In the logit $s_j / s_k = e^{\delta_j - \delta_k}$, and no third product appears. When Stars improves, the ratio of Loops
# to Wheat can't move. This is the *independence of irrelevant alternatives*, IIA.
#
# **Result.** No data can overturn IIA in the logit, because none of its parameters could. We need consumers who differ:
# those who like sugar buy Stars or Loops, and move if Stars gets cheaper.

# %% [markdown] minutes=2 ask="Everybody has seen an advertisement for Stars. Is its effect in delta, in mu or in epsilon?"
# ### Utility with tastes that differ
#
# Consumer $i$ gets from product $j$, and from the outside good,
#
# $$u_{ij} = \delta_j + \mu_{ij} + \varepsilon_{ij}, \qquad u_{i0} = \varepsilon_{i0}.$$
#
# - $\delta_j$ is what all consumers share.
# - $\mu_{ij}$ is how far consumer $i$ is from that because of tastes. Code: `mu`, shape (J, I), for I types of
#   consumers. Subscripts are written $ij$; arrays have products in rows and types in columns.
# - $\varepsilon_{ij}$ is extreme value (Gumbel), independent over consumers and products, as in the logit. Its scale
#   fixes the unit, the *util*: the standard deviation of $\varepsilon_{ij}$ is $\pi / \sqrt 6 = 1.28$ utils.
#
# The common part is linear in characteristics:
#
# $$\delta_j = x_{1j}'\beta + \xi_j \tag{1.1}$$
#
# with characteristics $x_{1j}$ (`X1`, shape (J, K1); price is one of them), mean tastes $\beta$ (`beta`, (K1,)), and
# $\xi_j$ (`xi`, (J,)), the quality that consumers see and we don't. We make up the other two mean tastes; $\xi$ is the
# residual.

# %%
beta = np.array([0.2, beta_price, 0.8])                  # constant, price, sugar
X1 = np.column_stack([np.ones(6), prices, sugar])        # (J, K1)
xi = delta_logit - X1 @ beta                             # (1.1)
assert np.allclose(blpteach.mean_utility(X1, beta, xi), delta_logit)
pd.DataFrame({"delta": delta_logit, "X1 @ beta": X1 @ beta, "xi": xi}, names).round(2)

# %% [markdown]
# **Result.** What all share is in $\delta$, what separates consumers is in $\mu$.

# %% [markdown] minutes=3 ask="Suppose every product of every market has its own free number mu for each characteristic. How many numbers is that in Nevo's data?"
# ### Tastes: one matrix product
#
# If the taste for sugar alone differs, $\mu_{ij} = x_j \, \sigma \, \nu_i$, with a standard normal draw $\nu_i$ for each
# consumer. With $\sigma = 2$, ten grams of sugar are worth two utils more to a consumer with $\nu_i = 1$ than to one with
# $\nu_i = 0$. That is $2 / 0.75 = 2.67$ dollars, a strong taste.
#
# Let K2 characteristics have random tastes. They are the columns of `X2`, shape (J, K2). Consumers differ in L
# unobserved tastes $\nu_{il}$ (`nodes`, (I, L)), independent standard normal, and in D observed demographics $y_{id}$
# (`demographics`, (I, D)), such as income:
#
# $$\mu_{ij} = \sum_k x_{2jk} \Big( \sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id} \Big). \tag{1.2}$$
#
# Put nodes and demographics side by side, `tastes = [nodes, demographics]`, and the parameters too, `Gamma = [sigma,
# pi]`, shape (K2, L + D). Then both sums are one product. (`.mT` transposes a matrix; of a stack, each matrix.)

# %% tags=["build"]
def taste_deviations(X2, tastes, Gamma):
    """(1.2): how far each type is from mean utility; (J, K2), (I, L + D), (K2, L + D) go in."""
    return X2 @ Gamma @ tastes.mT                        # (J, I)


# %% [markdown]
# Two random coefficients: on the constant, with standard deviation 1 (how much a consumer likes cereals at all), and on
# sugar, with 2. No demographics yet, so `tastes` are the nodes.

# %% tags=["parameters"]
Gamma = np.diag([1.0, 2.0])                              # (K2, L): constant, sugar
types = np.array([[0, -1], [0, 1], [1, 1]])              # (I, L): cereals, sugar

# %%
X2 = np.column_stack([np.ones(6), sugar])                # (J, K2)
type_names = [str(tuple(nu_i)) for nu_i in types.tolist()]
pd.DataFrame(taste_deviations(X2, types, Gamma), names, type_names)

# %% [markdown]
# $\Sigma$ (`sigma`), the matrix of all $\sigma_{kl}$, is diagonal here. In general it is lower-triangular, and the
# covariance of tastes is $\Sigma\Sigma'$.
#
# > **A common error.** Short accounts of BLP write utility as $\delta_{jt} + \sum_k \nu_{ik}\, \mu_{jtk}$, with a number
# > $\mu_{jtk}$ for each product $j$, market $t$ and characteristic $k$. Count the unknowns. Nevo's cereal data have 2,256
# > shares and four characteristics with random coefficients: 9,024 free numbers, and nothing that one market teaches
# > about another. In (1.2) the characteristics are data. The parameters $\theta_2 = (\Sigma, \Pi)$ are the same in all
# > markets: 13 numbers in Nevo's model.
#
# **Result.** Tastes are parameters times data: `X2 @ Gamma @ tastes.mT`.

# %% [markdown] minutes=3 ask="Tastes for price are normal given demographics. Will the 1,880 price coefficients look normal?"
# ### Observed tastes: demographics
#
# A demographic enters as one more column of `tastes`. Nevo's agents are 20 draws from the population of each market.
# (The cereal tables are artificial: Nevo distributes them with his guide to the method.) `income` is log income, net of
# its mean; `income_squared` is the square of log income, and its mean is taken out *after* squaring.

# %%
products, agents = blpteach.load_cereal()
assert (len(products), 4 * len(products)) == (2256, 9024)
print(f"shares: {len(products):,}   free mu_jtk: {4 * len(products):,}")
node_columns = ["nodes0", "nodes1", "nodes2", "nodes3"]
demographic_columns = ["income", "income_squared", "age", "child"]
agents.loc[agents["market_ids"] == "C01Q1", ["nodes1", *demographic_columns]].head(4).round(2)

# %% [markdown]
# Nevo's model has random coefficients on the constant, price, sugar and mushiness, and demographics in all four. Take the
# estimates from lesson 04, where they are found.

# %%
sigma_cereal = np.diag([0.55809, 3.3125, -0.0057836, 0.093414])  # constant, price, sugar, mushy
pi_cereal = np.array([[2.2920, 0, 1.2844, 0],
                      [588.33, -30.192, 0, 11.055],
                      [-0.38495, 0, 0.052234, 0],
                      [0.74837, 0, -1.3534, 0]])
Gamma_cereal = np.hstack([sigma_cereal, pi_cereal])              # (K2, L + D)
tastes_cereal = agents[node_columns + demographic_columns].to_numpy()
assert np.count_nonzero(Gamma_cereal) == 13
print("tastes:", tastes_cereal.shape, "  Gamma:", Gamma_cereal.shape)

# %% [markdown]
# Read the second row of $\Pi$. A consumer's utility changes with price at the rate
# $\alpha_i = \beta_{price} + \sigma_{price} \nu_i + \sum_d \pi_{price, d}\, y_{id}$, here with $\beta_{price} = -62.73$
# utils a dollar. (Prices here are dollars a *serving*, about 0.13.)

# %%
alpha = -62.730 + tastes_cereal @ Gamma_cereal[1]                # (94 * 20,)
assert np.isclose(alpha.mean(), -62.8, atol=0.1) and np.isclose(np.median(alpha), -34.5, atol=0.1)
assert np.isclose(products["prices"].mean(), 0.126, atol=1e-3)
plots.PriceSlopes(alpha)

# %% [markdown]
# **Result.** Tastes for price are normal only given demographics. One long tail, of consumers with low incomes (Further
# takes $\alpha_i$ apart), pulls the mean to $-62.8$; the median is $-34.5$.

# %% [markdown] minutes=4 ask="Two types differ in their taste for cereals of any kind alone. How do their odds of Stars against Wheat differ?"
# ### What one type chooses
#
# Given its tastes, a type is a logit consumer. Its probability of choosing $j$ (`P`, shape (J, I)) is
#
# $$s_{ij} = \frac{e^{\delta_j + \mu_{ij}}}{1 + \sum_m e^{\delta_m + \mu_{im}}}. \tag{1.3}$$
#
# The one is $e^0$, the outside good. Take care with `exp`: a double holds numbers up to about $e^{709}$, and a search
# over parameters tries wild values. Multiply numerator and denominator by $e^{-m_i}$, with $m_i$ the largest utility of
# type $i$, the outside good's zero included. The fraction is the same, and no exponent is positive any more.

# %% tags=["build"]
def choice_probabilities(delta, mu):
    """(1.3): choice probabilities of each type, both parts of the fraction times exp(-top)."""
    V = delta[:, None] + mu
    top = np.maximum(V.max(0), 0)                        # (I,)  the outside good's 0 included
    expV = np.exp(V - top)
    return expV / (np.exp(-top) + expV.sum(0))           # (J, I)


# %% [markdown]
# The same three types, with the logit's $\delta$. The type (0, 1) likes sugar; the type (1, 1) likes sugar and cereals.

# %%
mu = taste_deviations(X2, types, Gamma)
P = choice_probabilities(delta_logit, mu)
odds = P[0] / P[4]
assert np.isclose(odds[1], odds[2])
assert np.allclose(np.exp(-blpteach.inclusive_value(delta_logit, mu)), 1 - P.sum(0))  # (1.4)
pd.DataFrame([*P, odds], [*names, "odds Stars / Wheat"], type_names).round(3)

# %% [markdown]
# The second and the third type differ in how much they like cereals, and have the same odds of Stars against Wheat. Now a $\sigma$ of 700 on sugar, with (1.3) as it stands and with ours, for type (0, 1):

# %%
wild = taste_deviations(X2, types, np.diag([1.0, 700.0]))
with np.errstate(all="ignore"):
    expV = np.exp(delta_logit[:, None] + wild)
    naive = expV / (1 + expV.sum(0))                     # (1.3), as it stands
P = choice_probabilities(delta_logit, wild)
assert np.isnan(naive[0, 1]) and np.isfinite(P).all() and np.allclose(P[:2, 1], [0.556, 0.444], atol=1e-3)
pd.DataFrame({"as it stands": naive[:, 1], "ours": P[:, 1]}, names).round(3)

# %% [markdown]
# Infinity over infinity is `nan`, but the twins share the demand, 0.556 to 0.444.
#
# The *inclusive value* is the expected utility of a type's best choice, up to a constant,
#
# $$\log\Big(1 + \sum_j e^{\delta_j + \mu_{ij}}\Big). \tag{1.4}$$
#
# In the library `inclusive_value`. One over its exponential is the probability of the outside good. Lesson 05 makes
# welfare of it.
#
# **Result.** Each type is a logit. Take the largest utility out before `exp`.

# %% [markdown] minutes=3 ask="Mean utilities stay, and half of the consumers now like sugar less. Do the shares of the sugary cereals fall, stay or rise?"
# ### Market shares: an average over types
#
# Let $s_j(\nu, y)$ be the probability (1.3) of a consumer with tastes $\nu$ and demographics $y$, and $F$ the
# distribution of both. The market share is their average, an integral without closed form. We take finitely many types
# with weights $w_i$ (`weights`, shape (I,)), which sum to one here (the automobiles of lesson 02 have importance weights
# that don't):
#
# $$s_j = \int s_j(\nu, y)\, dF(\nu, y) \approx \sum_i w_i\, s_{ij}. \tag{1.5}$$

# %% tags=["build"]
def market_shares(delta, mu, weights):
    """(1.5): choice probabilities averaged over types, from (J,), (J, I), (I,)."""
    return choice_probabilities(delta, mu) @ weights     # (J,)


# %% [markdown]
# The values of $\nu$ that stand for the whole distribution are its *nodes*. We ask an integration rule of the library
# for 500, in one market and two dimensions.
#
# Hold mean utilities. Half of the consumers now like sugar less than the mean. What does the share of Stars do?

# %%
blpteach.predict("1.2", ..., among=["falls", "stays", "rises"])

# %%
nodes, weights = blpteach.halton(500, seed=0).nodes_and_weights(1, 2)  # (T, I, L), (T, I)
nodes, weights = nodes[0], weights[0]
mu = taste_deviations(X2, nodes, Gamma)                                # (J, I)
average = market_shares(delta_logit, mu, weights)
assert np.allclose(average[[0, 2, 3]], [0.152, 0.050, 0.064], atol=1e-3) and (average[3:] < shares[3:]).all()
display(pd.DataFrame({"no random tastes": shares, "with them": average}, names).round(3))
change = average[0] / shares[0] - 1
blpteach.predicted("1.2", "stays" if abs(change) < 0.01 else "rises" if change > 0 else "falls")

# %% [markdown]
# Stars and Loops sell half as much again. A probability below one half is convex in its own utility: those who like
# sugar raise it more than the others lower it. But that holds for Bran too, and Bran falls from 8 to 6.4 %, while Pops
# stays at 5. Rivals move as well: to a fan of sugar Bran improves, and Stars improves more. What counts is a product's
# sugar *compared with what its buyers would choose otherwise*, as the section on buyers will show.
#
# **Result.** A market share is a weighted average of logits. It is not the share of the average consumer.

# %% [markdown] minutes=7 ask="Four times as many nodes: how much smaller is the error of Monte Carlo, and of Halton?"
# ### Which nodes?
#
# Here are 128 points in two dimensions, by three rules. (A node is the normal quantile of each coordinate.)

# %%
points = plots.Points(size=128, seed=0)
assert list(points.empty.values()) == [6, 0, 0]
points

# %% [markdown]
# - **Monte Carlo**: pseudo-random draws. They clump and leave holes. The error falls like $I^{-1/2}$ in any dimension:
#   four times the nodes halve it.
# - **Scrambled Halton** and **scrambled Sobol**: sequences that fill the square evenly, with a random scrambling.
# - **Gauss-Hermite product**: chosen points with unequal weights, exact for polynomials up to degree $2n - 1$ in each
#   direction; $n^L$ nodes in L dimensions.
#
# The truth here is from 120 x 120 Gauss-Hermite nodes, the error the root mean square over six shares and 12 seeds. On
# logarithmic axes an error of $I^{-1/2}$ is a line of slope $-0.5$. What is the slope of Halton's?

# %%
blpteach.predict("1.3", ...)

# %%
errors = plots.IntegrationErrors(delta_logit, X2, Gamma, seeds=12)
assert abs(errors.slopes["Monte Carlo"] + 0.5) < 0.1 and errors.slopes["scrambled Sobol"] < -1.05
assert abs(errors.slopes["scrambled Halton"] + 0.94) < 0.1
display(errors)
ratio = errors.errors["Monte Carlo"][-1] / errors.errors["scrambled Halton"][-1]
assert 20 < ratio < 45
print(f"Monte Carlo's error with 4,096 nodes: {ratio:.0f} times Halton's")
blpteach.predicted("1.3", errors.slopes["scrambled Halton"])

# %% [markdown]
# > **A common error.** "Halton draws are Monte Carlo", in short accounts of BLP. They are *quasi*-Monte Carlo. Their
# > points are not independent: with 4,096 nodes the error is some thirty times smaller, and formulas that divide a
# > variance by the number of draws don't apply to them.
#
# In theory their error falls like $I^{-1}$, up to powers of $\log I$. Sobol can do better where the integrand is smooth,
# but its size must be a power of two. Halton takes any number, and we stay with it. In two dimensions the product rule
# wins. Then count: 9 points in each direction are 81 nodes in two dimensions and 59,049 in five. The automobiles of
# Berry, Levinsohn and Pakes have five.
#
# So take a product rule for few dimensions; for several, Halton, Sobol or a *sparse grid*, which keeps only part of
# the product (Conlon and Gortmaker 2020, p. 1125; "In practice" counts one). Nevo's 20 draws a market would lie at the
# left end of the picture. We keep them for the published numbers: with them the 20 types *are* the market's population.

# %% [markdown]
# *Nodes are drawn once.* The search of lesson 04 changes $\sigma$ in small steps and compares. If nodes are drawn anew at
# every step, it compares noise with noise. Here is the share of Stars as $\sigma$ rises from 1 to 2, with 200 Monte Carlo draws.

# %%
def share_of_stars(sigma_sugar, draws):
    """The share of Stars at the logit's delta, with equal weights, from a number and (I, 1)."""
    mu = sigma_sugar * np.outer(sugar, draws[:, 0])
    return market_shares(delta_logit, mu, np.full(len(draws), 1 / len(draws)))[0]


drawn = plots.DrawnOnce(share_of_stars, size=200)
jump, rise = abs(np.diff(drawn.anew.get_ydata())).max(), np.ptp(drawn.once.get_ydata())
assert np.isclose(jump, 0.030, atol=3e-3) and np.isclose(rise, 0.035, atol=3e-3)
print(f"largest jump between neighbours: {jump:.3f}   whole rise, drawn once: {rise:.3f}")
drawn

# %% [markdown]
# **Result.** Quasi-random points beat pseudo-random ones. Nodes are drawn once, before the search: one step of noise is
# nearly as large as the whole rise.

# %% [markdown] minutes=3 ask="At the logit's delta the share of Bran came out too low. Will its delta rise?"
# ### Shares are data, so delta moves
#
# When we added random tastes the shares changed, because we held $\delta$. But shares are observed. What must change is
# $\delta$, until the model's shares are the observed ones. That is Step 2, share inversion, and lesson 02 opens it. For
# now it is one call. At the logit's $\delta$ the sugary twins came out too high, and Bran, Wheat and Oats too low. What
# will Bran's $\delta_j$ do?

# %%
blpteach.predict("1.4", ..., among=["falls", "rises"])

# %%
delta = blpteach.invert_shares(shares, mu, weights).delta
assert np.isclose((delta - delta_logit).min(), -0.91, atol=0.02) and (delta < delta_logit).all()
display(pd.DataFrame({"logit": delta_logit, "with random tastes": delta}, names).round(3))
blpteach.predicted("1.4", "falls" if delta[3] < delta_logit[3] else "rises")

# %% [markdown]
# All six fall, the sugary ones by up to 0.9, since their enthusiasts buy them anyway. But Bran falls too. Put only Bran
# back to the logit's value, with all others at the new ones:

# %%
bran = market_shares(np.where(np.array(names) == "Bran", delta_logit, delta), mu, weights)[3]
assert np.isclose(bran, 0.083, atol=1e-3)
print(f"share of Bran: {bran:.3f}, observed {shares[3]:.3f}")

# %% [markdown]
# **Result.** Once the sugary cereals are weaker, Bran's share at the logit's $\delta$ is too high. No $\delta_j$ can be
# found alone.

# %% [markdown] minutes=3 ask="Do the buyers of Wheat like sugar less than the mean consumer? And those who buy nothing?"
# ### Who buys
#
# Pick a box of Stars that was sold. Which type bought it? By Bayes' rule,
#
# $$w_{i|j} = \frac{w_i\, s_{ij}}{s_j}. \tag{1.6}$$
#
# In code `B`, shape (J, I). Each row is a distribution over types. An average with these weights is an expectation over
# the buyers of $j$; we write $E[\,\cdot \mid i \text{ buys } j]$.

# %% tags=["build"]
def buyers(P, weights):
    """(1.6): who buys each product, a distribution over types in each row, from (J, I) and (I,)."""
    B = P * weights
    return B / B.sum(1, keepdims=True)                   # (J, I)


# %%
P = choice_probabilities(delta, mu)
B = buyers(P, weights)
means = B @ nodes                                        # (J, L)
assert (means[:, 0] > 0.2).all() and np.allclose(means[[0, 4], 1], [1.05, -0.33], atol=0.03)
pd.DataFrame(means, names, ["taste for cereals", "taste for sugar"]).round(2)

# %% [markdown]
# The average buyer of Stars likes sugar by more than a standard deviation above the mean, the average buyer of Wheat by a
# third of one below. The twins have the same buyers: no type tells them apart. Now the whole distribution, for random
# tastes in sugar alone.

# %%
plots.Buyers(shares, sugar, {"Stars": 0, "Wheat": 4}, sigma=2.0)

# %% [markdown]
# Those who buy Wheat resemble those who buy nothing.
#
# Now the open question: whose share rises when tastes spread and $\delta$ is held?
#
# $$\frac{\partial \log s_j}{\partial \sigma} = E\Big[\nu_i \Big(x_j - \sum_m s_{im}\, x_m\Big) \,\Big|\, i \text{ buys } j\Big],$$
#
# which exercise 1.6 derives. The sum is the sugar that type $i$ expects to choose. At the logit's $\delta$, for three
# values of $\sigma$:

# %%
def slopes_in_sigma(sigma):
    """The expectation above for each product at the logit's delta, (J,)."""
    P = choice_probabilities(delta_logit, taste_deviations(X2, nodes, np.diag([1.0, sigma])))
    return (buyers(P, weights) * (nodes[:, 1] * (sugar[:, None] - sugar @ P))).sum(1)


along = pd.DataFrame({sigma: slopes_in_sigma(sigma) for sigma in (0.5, 1.0, 2.0)}, names)
assert (along.loc["Stars"] > 0.1).all() and (along.loc["Bran"] < -0.08).all() and (abs(along.loc["Pops"]) < 0.08).all()
assert along.loc["Pops", 0.5] > 0 > along.loc["Pops", 2.0]
along.round(3)

# %% [markdown]
# **Result.** Stars gains, Bran loses, and Pops gains a little, then loses it again.

# %% [markdown] minutes=3 ask="Stars improves and Loops loses buyers. Whose probability of buying Stars says how many: that of all consumers, or of whom?"
# ### All derivatives of shares, from the buyers
#
# Raise $\delta_k$ a little. A type's probability of $j$ moves by $s_{ij}(1\{j = k\} - s_{ik})$, the logit's derivative;
# $1\{j = k\}$ is one for $j = k$ and zero otherwise. Average over types with $w_i$, divide by $s_j$, and the weights
# become $w_{i|j}$:
#
# $$\frac{\partial \log s_j}{\partial \delta_k} = 1\{j = k\} - E[\, s_{ik} \mid i \text{ buys } j\,]. \tag{1.7}$$
#
# In words: when *another* product $k$ improves, $j$ loses buyers to the extent that *those who buy j* were likely to buy
# $k$. Elasticities, diversion and the search for the parameters are built on this sentence.

# %% tags=["build"]
def log_share_jacobian(P, B):
    """(1.7): row j, column k is the derivative of log s_j in delta_k, from (J, I) and (J, I)."""
    return np.eye(len(P)) - B @ P.T                      # (J, J)


# %%
log_slopes = log_share_jacobian(P, B)
assert np.allclose(log_slopes[[1, 4], 0], [-0.248, -0.069], atol=0.004)
step = 1e-5 * np.eye(6)[0]                               # a check: the first column by differences
up, down = (np.log(market_shares(delta + s * step, mu, weights)) for s in (1, -1))
assert np.allclose((up - down) / 2e-5, log_slopes[:, 0], atol=1e-8)
print(f"largest difference from (1.7): {abs((up - down) / 2e-5 - log_slopes[:, 0]).max():.0e}")
pd.DataFrame(log_slopes, names, names).round(3)

# %% [markdown]
# **Result.** Read down the first column. Let the $\delta$ of Stars rise by 0.01: Loops loses 0.25 % of its buyers, Wheat
# 0.07 %. Those who buy Loops buy Stars with probability 0.25, those who buy Wheat with 0.07. In the logit both would lose
# 0.10 %.

# %% [markdown] minutes=3 ask="In a logit with the same gain, every rival loses 17.6 percent. Does Bran lose more or less than that?"
# ### The halved price again
#
# Stars goes to 2 dollars, and its utility rises by 1.5 for everyone, as before. It gains 16 points, not the 23 of the
# logit, because here its fans bought it already. (That is no rule: in Nevo's market below, the cheaper product gains more
# than in its logit.) So we compare with a logit in which Stars gains as much. If the gain is $g$, every other option
# loses $g / (1 - s_1)$ of its buyers there. That is also the average loss in *any* model with this gain.

# %%
def lost_to_stars(Gamma):
    """Parts of their buyers that rivals and outside good lose, and the logit's part, (J + 1,)."""
    mu = taste_deviations(X2, nodes, Gamma)
    delta = blpteach.invert_shares(shares, mu, weights).delta
    delta[0] += beta_price * (new_price - prices[0])
    after = market_shares(delta, mu, weights)
    same = (after[0] - shares[0]) / (1 - shares[0])      # a logit with the same gain of Stars
    return np.append(1 - with_outside(after)[1:] / with_outside(shares)[1:], same)


# %% [markdown]
# In that logit every option loses 17.6 %. Bran has less than half the sugar of Stars. Does it lose less than that, or
# more?

# %%
blpteach.predict("1.5", ..., among=["less", "more"])

# %%
options = [*names[1:], "outside good"]
*lost, same = lost_to_stars(Gamma)
assert np.isclose(with_outside(shares)[1:] @ lost / (1 - shares[0]), same)
assert np.allclose([*lost, same], [0.424, 0.353, 0.254, 0.160, 0.206, 0.118, 0.176], atol=5e-3)
assert np.isclose(same * (1 - shares[0]), 0.16, atol=5e-3)
display(plots.Losses(10 * sugar[1:], names[1:], "Stars", part=new_price / prices[0],
                     logit=same, tastes=lost[:-1], outside=lost[-1]))
blpteach.predicted("1.5", "more" if lost[2] > same else "less")

# %% [markdown]
# Only Wheat and the outside good, which is large, lie below the line. Which of the two standard deviations does it?

# %%
only = {"both": [1, 2], "sugar only": [0, 2]}
table = {name: 100 * lost_to_stars(np.diag(np.array(s, float))) for name, s in only.items()}
assert np.allclose(table["sugar only"][[0, 3]], [41.9, 14.7], atol=0.5)
pd.DataFrame(table, [*options, "logit with the same gain"]).round(1)

# %% [markdown]
# **Result.** The twin loses more than twice the logit's part. The taste for sugar does it: without the taste for cereals
# the numbers hardly move.

# %% [markdown] minutes=6 ask="F2B26 is as sweet as the cheaper F2B19, F6B18 has no sugar. Which loses more than in the logit, and does the outside good?"
# ### The halved price in Nevo's market
#
# Our functions know one market. A stack of T markets has one more axis in front: `delta` (T, J), `mu` (T, J, I),
# `weights` (T, I). Count axes from the right, -1 for types and -2 for products, and the same lines serve both.

# %%
blpteach.show(blpteach.choice_probabilities)
blpteach.show(blpteach.market_shares)

# %% [markdown]
# `keepdims=True` leaves an axis where a maximum or a sum was taken, so that the result still lines up. Nevo's data are a ready-made stack: 94 markets, 24
# products and 20 types in each, sorted by market.

# %%
X2_all = np.column_stack([np.ones(2256), products[["prices", "sugar", "mushy"]]]).reshape(94, 24, 4)
shares_all = products["shares"].to_numpy().reshape(94, 24)
tastes_all = tastes_cereal.reshape(94, 20, 8)
weights_all = agents["weights"].to_numpy().reshape(94, 20)
mu_all = blpteach.taste_deviations(X2_all, tastes_all, Gamma_cereal)
delta_all = blpteach.invert_shares(shares_all, mu_all, weights_all).delta
stack = blpteach.market_shares(delta_all, mu_all, weights_all)  # all 94 markets at once
ours = market_shares(delta_all[0], mu_all[0], weights_all[0])
assert np.allclose(stack, shares_all) and np.allclose(stack[0], ours)
print(f"shares: {stack.shape}; the first market by our functions: {abs(stack[0] - ours).max():.0e} off")

# %% [markdown]
# The library's functions are your lines, written for a stack. Now market C01Q1. Lesson 00 halved the price of F2B19 there, and every rival lost the same. F2B26 has the same sugar, 13,
# and is not mushy either. F6B18 has no sugar. (The unit is presumably grams a serving.) Price has a
# random coefficient here, so a new price changes `X2` as well as `delta`: invert the shares at the old price, put the new
# one into a copy of `X2`, add $-62.73$ times the change to $\delta_j$, and compute shares anew.

# %% tags=["build"]
def shares_at_new_price(Gamma, j, part):
    """Shares (24,) in C01Q1 when the product in row j costs `part` of its price."""
    mu = blpteach.taste_deviations(X2_all[0], tastes_all[0], Gamma)
    delta = blpteach.invert_shares(shares_all[0], mu, weights_all[0]).delta
    X2_new = X2_all[0].copy()
    X2_new[j, 1] *= part                                 # column 1 is price
    delta[j] += -62.730 * (X2_new - X2_all[0])[j, 1]
    mu_new = blpteach.taste_deviations(X2_new, tastes_all[0], Gamma)
    return blpteach.market_shares(delta, mu_new, weights_all[0])  # (J,)


def losses_and_line(Gamma, j, part=0.5):
    """Losses of rivals and outside good, (J,), and the loss in a logit with the same gain."""
    before, after = shares_all[0], shares_at_new_price(Gamma, j, part)
    lost = pd.Series(1 - with_outside(after) / with_outside(before), [*ids, "outside good"])  # (J + 1,)
    return lost.drop(ids[j]), (after[j] - before[j]) / (1 - before[j])


# %% tags=["parameters"]
cheap, watched = "F2B19", ["F2B26", "F6B18"]             # the cheaper one; a twin, and one without sugar

# %%
ids = list(products["product_ids"][:24])
j = ids.index(cheap)
lost_cereal, same = losses_and_line(Gamma_cereal, j)
few = lost_cereal[[*watched, "outside good"]]
assert np.allclose(few, [0.518, 0.127, 0.372], atol=0.005) and np.isclose(same, 0.340, atol=2e-3)
start = shares_all[0, j]
ends = start + np.array([same, 0.301]) * (1 - start)     # here, and with the loss of lesson 00
assert np.allclose(ends, [0.406, 0.371], atol=1e-3) and np.isclose(start, 0.10, atol=0.1)
print(f"{cheap}: from {start:.3f} to {ends[0]:.3f}, in the logit of lesson 00 to {ends[1]:.3f}")
few.round(3)

# %%
rivals = [name for name in ids if name != cheap]
labels = [name if name in watched else "" for name in rivals]
sugar_cereal, mushy = np.delete(X2_all[0], j, axis=0)[:, 2:].T
others = {"hollow": ("mushy", mushy), "part": 0.5}
plots.Losses(sugar_cereal, labels, cheap, logit=same, tastes=lost_cereal[rivals],
             outside=lost_cereal["outside good"], **others)

# %% [markdown]
# **Result.** The sugary twin loses 52 % and the cereal without sugar 13 %. The line is at 34 %, not at lesson 00's 30.1 %,
# because F2B19 wins more buyers here than in the logit. Many come from the outside good: those who buy nothing mind the
# price most. Further says how, and which of the 13 numbers makes the sugary cereals close.

# %% [markdown] minutes=4 ask="Only the taste for cereals of any kind varies. Does the twin lose a larger part to Stars than Wheat does?"
# ### A random coefficient on the constant
#
# Back to the small market, with a random taste for the constant alone, that is, for cereals of any kind. Lower the $\delta$ of Stars a little. Some of its buyers leave. The fraction of them that goes to $k$ is the
# *diversion ratio* from Stars to $k$,
#
# $$D_{1k} = -\frac{\partial s_k / \partial \delta_1}{\partial s_1 / \partial \delta_1},$$
#
# and (1.7) gives both derivatives, since $\partial s_k = s_k\, \partial \log s_k$. In the logit the ratio is
# $s_k / (1 - s_1)$: proportional to share. We report multiples of that. (Lesson 05 has the diversion of a price rise.)

# %% tags=["build"]
def diversion_over_logit(X2, tastes, Gamma):
    """By (1.7): from Stars to each rival and the outside good, over the logit's diversion, (J,)."""
    mu = taste_deviations(X2, tastes, Gamma)
    P = choice_probabilities(blpteach.invert_shares(shares, mu, weights).delta, mu)
    change = shares * log_share_jacobian(P, buyers(P, weights))[:, 0]  # (J,)
    diversion = np.append(-change[1:], change.sum()) / change[0]
    return diversion / (with_outside(shares)[1:] / (1 - shares[0]))  # (J,): rivals, outside good


# %% [markdown]
# Put a standard deviation of 3 on the constant alone. How large is the multiple of the twin Loops, divided by that of
# Wheat?

# %%
blpteach.predict("1.6", ...)

# %% tags=["parameters"]
strength = 3.0                                           # the only standard deviation, in utils
kinds = {"constant": np.ones(6), "dummy 'sugary'": sugary, "sugar": sugar}

# %%
one_taste = nodes[:, :1], np.array([[strength]])
multiples = {name: diversion_over_logit(x[:, None], *one_taste) for name, x in kinds.items()}
constant, group = multiples["constant"], multiples["dummy 'sugary'"]
assert np.ptp(constant[:5]) < 1e-9 and np.allclose(constant[[0, 5]], [1.98, 0.51], atol=0.03)
assert np.ptp(group[:2]) < 1e-9 and np.ptp(group[2:]) < 1e-9 and group[0] > 3 and group[2] < 0.7
assert np.allclose(multiples["sugar"][[0, 3]], [3.83, 0.60], atol=0.03)
display(pd.DataFrame(multiples, options).round(2))
blpteach.predicted("1.6", constant[0] / constant[3])

# %% [markdown]
# > **A common error.** "A random coefficient on the constant gives nests", often heard. With nothing else random, every
# > type that buys a cereal splits its demand over the six in the same proportions, because
# > $s_{ij} / s_{ik} = e^{\delta_j - \delta_k}$ for each type. Every rival has the same multiple, 1.98; the outside good
# > has 0.51. It is one nest that holds all inside goods. Several groups need random coefficients on *group dummies*, or a nesting parameter.
#
# **Result.** With the constant alone IIA holds among inside goods. With a group dummy the two sugary rivals have one
# multiple, and the others have another, together with the outside good. With sugar every rival has its own.

# %% [markdown] minutes=2 ask="Move delta_k a little and compute shares anew: which formula does that test?"
# ## Check it
#
# **Consumers who choose.** Draw tastes and $\varepsilon$ for 200,000 consumers, let each take the best of seven options,
# and count.

# %%
rng = np.random.default_rng(1)
people = rng.standard_normal((200_000, 2))
u = (delta[:, None] + taste_deviations(X2, people, Gamma)).T           # (people, J)
u = np.column_stack([np.zeros(len(u)), u]) + rng.gumbel(size=(len(u), 7))
counted = np.bincount(u.argmax(1), minlength=7)[1:] / len(u)
assert abs(counted - shares).max() < 0.004
pd.DataFrame({"formula": shares, "counted": counted}, names).round(3)

# %% [markdown]
# **Without random tastes it is the logit.** Shrink $\Gamma$ towards zero. The losses of the twin and of Wheat must meet
# at the 25.8 % of the first section.

# %%
rows = {scale: 100 * lost_to_stars(scale * Gamma)[[0, 3]] for scale in (1, 0.5, 0.1, 0.01, 0)}
assert np.allclose(rows[0], 100 * lost_logit[0]) and np.ptp(rows[0.01]) < 0.05
pd.DataFrame(rows, ["Loops loses (%)", "Wheat loses (%)"]).T.rename_axis("Gamma times").round(2)

# %% [markdown] minutes=5 ask="Only the constant varies: what will the five multiples of the rivals be, relative to each other?"
# ## Play
#
# Stars gets cheaper. The bars show where its new buyers come from: blue is a sugary cereal, green one with bran, grey the
# outside good. Above a bar stands its multiple of the logit's answer, the black mark. The large number is the part of its
# buyers that Loops loses, divided by the part that Wheat loses; IIA makes it one. Below it each dot is a type, by its
# probabilities of buying a sugary and a bran cereal. The dashed ray holds the types with the logit's odds.

# %%
from blpteach.widgets.tastes import MARKET, diversion
picture = plots.Diversion(**MARKET, sigma_sugar=3.0)
assert np.isclose(picture.ratio, 4.3, atol=0.1) and multiples["sugar"][0] / multiples["sugar"][3] > 6
picture

# %% [markdown]
# Loops loses 4.3 times the part that Wheat loses. For a tiny change the ratio was 3.83 to 0.60, more than 6: a deep cut
# also wins types who care less for sugar.
#
# In the widget three standard deviations can be moved. Each time the mean utilities are inverted anew, so that shares
# before the cut stay the observed ones. Before you press *constant only*, say what the large number will be, and where
# the dots will lie.

# %%
diversion()

# %% [markdown]
# - **constant only**: ×1.00, five equal multiples, and dots on the ray. Types differ in how much cereal they buy, not in
#   which.
# - **group dummy**: one multiple for the sugary rivals, and one for the bran cereals and the outside good, because no
#   taste separates a bran cereal from buying nothing.
# - **sugar (reset)**: dots on a curve, and every rival has a multiple of its own. Shrink the cut, and the large number
#   grows.

# %% [markdown] minutes=3 ask="Exercise 1.5 needs no computer: who can say the five fractions?"
# ## Exercises
#
# Six, from a line to a derivation. Each has a check that says whether the answer is right or what went wrong; `blpteach.hint("1.1")` gives a hint. All are about the small market, with `delta`, `mu`, `P`, `nodes`, `weights` and
# `B` as they stand in "Who buys": random tastes on the constant and on sugar, `Gamma = diag(1, 2)`, 500 Halton nodes.

# %% [markdown]
# ### Exercise 1.1 · 5 minutes · easy
#
# Which fraction of the buyers of each product likes sugar more than the mean consumer does? One line, with `B` and `nodes`.
#
# The answer: six fractions between 0 and 1, shape (6,), in the order of `names`.

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
answer = B @ (nodes[:, 1] > 0)                           # E[1{nu > 0} | buys j]
assert np.allclose(answer[[0, 4]], [0.91, 0.36], atol=0.02)
print(pd.Series(answer, names).round(2))
assert blpteach.check("1.1", answer)

# %% tags=["check"]
blpteach.check("1.1", answer)

# %% [markdown]
# ### Exercise 1.2 · 8 minutes · easy
#
# Let the taste for sugar alone be random, with a standard deviation of 2 utils for 10 grams, and hold the mean utilities at the logit's, `delta_logit`. What are the six market shares? Use Gauss-Hermite nodes with 20 points:
# `blpteach.gauss_hermite(20).nodes_and_weights(1, 1)` returns nodes, shape (1, 20, 1), and weights, shape (1, 20).
#
# The answer: six shares in *percent* of all consumers, shape (6,), in the order of `names`.

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
points, point_weights = blpteach.gauss_hermite(20).nodes_and_weights(1, 1)
mu_sugar = 2.0 * np.outer(sugar, points[0, :, 0])        # (J, I)
answer = 100 * blpteach.market_shares(delta_logit, mu_sugar, point_weights[0])
assert np.allclose(answer, [15.4, 12.3, 5.0, 6.0, 5.0, 2.3], atol=0.06)
assert blpteach.check("1.2", answer)

# %% tags=["check"]
blpteach.check("1.2", answer)

# %% [markdown]
# ### Exercise 1.3 · 8 minutes · medium
#
# Someone bought *one of several products*, say one of the three bran cereals, and you don't know which. Which type was it? Write a function `who_buys(P, weights, chosen)` with choice probabilities `P` (J, I), `weights` (I,), and `chosen`, a boolean array (J,) that is true for
# the products in question. For one product it is a row of (1.6).
#
# It returns the distribution of types among those who buy a chosen product, shape (I,), which sums to one.

# %% tags=["exercise"]
def who_buys(P, weights, chosen):
    """Distribution of types among the buyers of any chosen product, (I,)."""
    return ...


# %% tags=["solution"]
def who_buys(P, weights, chosen):
    """Distribution of types among the buyers of any chosen product, (I,)."""
    bought = weights * P[chosen].sum(0)                  # (I,)
    return bought / bought.sum()


assert np.allclose(who_buys(P, weights, np.arange(6) == 2), B[2])
bran_buyers = who_buys(P, weights, sugary == 0)
assert np.isclose(bran_buyers @ nodes[:, 1], (shares[3:] @ B[3:]) @ nodes[:, 1] / shares[3:].sum())
assert blpteach.check("1.3", who_buys)

# %% tags=["check"]
blpteach.check("1.3", who_buys)

# %% [markdown]
# ### Exercise 1.4 · 10 minutes · medium
#
# Stars is taken off the shelf. What fraction of its buyers goes to each rival? These are *second choices*. Compute them from shares before and
# after: delete the product from `delta` and `mu`. Then find the same numbers as an expectation over the buyers of Stars, and say why both agree. Compare their sum with that of the diversion ratios for a tiny change.
#
# The answer: five fractions of the buyers of Stars, shape (5,), in the order of `names[1:]`, without the outside good.

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
rest = blpteach.market_shares(delta[1:], mu[1:], weights)
answer = (rest - shares[1:]) / shares[0]
assert np.allclose(answer, (P[1:] / (1 - P[0])) @ B[0])  # E[s_ik / (1 - s_i1) | i buys 1]
tiny = diversion_over_logit(X2, nodes, Gamma)[:5] * shares[1:] / (1 - shares[0])
assert np.isclose(answer[0], 0.301, atol=0.01)
assert np.allclose([answer.sum(), tiny.sum()], [0.651, 0.612], atol=0.01)
assert blpteach.check("1.4", answer)

# %% [markdown] tags=["solution"]
# Both agree because a type that can't buy product 1 any more splits what it bought of it, $s_{i1}$, in proportion to its other probabilities: $s_{i1} s_{ik} / (1 - s_{i1})$ goes to $k$. Averaged with $w_i$ and divided by $s_1$ that is the
# expectation. 65 % go to other cereals, 35 % buy nothing. For a tiny change it is 61 % and 39 %. The buyers on the margin, who leave first, are less fond of sugar than the average buyer.

# %% tags=["check"]
blpteach.check("1.4", answer)

# %% [markdown]
# ### Exercise 1.5 · 6 minutes · medium
#
# A survey asks those who leave Stars after a tiny price rise. 30 % of them buy nothing now, 50 % buy another *sugary* cereal, 20 % one with bran. Suppose that the constant and the dummy `sugary` have random coefficients, nothing else has, and that
# they fit the survey. Which fractions of the leavers go to each of the five rivals? You need `shares`, and no standard deviation.
#
# The answer: five fractions of those who leave Stars, shape (5,), in the order of `names[1:]`.

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"]
near, far = shares[1:3], shares[3:]
answer = np.append(0.5 * near / near.sum(), 0.2 * far / far.sum())
assert np.isclose(answer.sum(), 0.7)
assert blpteach.check("1.5", answer)

# %% [markdown] tags=["solution"]
# Within a group, every type splits its demand in the proportions $e^{\delta_j}$, and these are the proportions of the shares. So diversion within a group is proportional to share, whatever the two standard deviations are. They only move what goes to each group and outside. Two values to see it:

# %% tags=["solution"]
for strengths in ([2.0, 3.0], [3.0, 1.0]):
    to = diversion_over_logit(np.column_stack([np.ones(6), sugary]), nodes, np.diag(strengths))
    assert np.isclose(to[0], to[1]) and np.ptp(to[2:5]) < 1e-9  # one multiple for each group

# %% tags=["check"]
blpteach.check("1.5", answer)

# %% [markdown]
# ### Exercise 1.6 · 20 minutes · hard
#
# How do shares move with a parameter $\gamma_{kl}$ of Gamma, $\delta$ held? Differentiate (1.3) and (1.5), and show that
#
# $$\frac{\partial \log s_j}{\partial \gamma_{kl}} = E\Big[\, v_{il} \Big(x_{2jk} - \sum_m s_{im}\, x_{2mk}\Big) \,\Big|\, i \text{ buys } j \Big],$$
#
# with $v_{il}$ the element of `tastes`. The sum runs over the products; the outside good counts with characteristics of zero. Write it as a function `taste_slope(P, B, X2, tastes, k, l)`, with arguments as in the lesson and
# `k`, `l` counted from 0. Check it by finite differences for the standard deviation on sugar. In words: which products gain when tastes for sugar become more dispersed?
#
# It returns the derivatives of the *log* shares, shape (J,).

# %% tags=["exercise"]
def taste_slope(P, B, X2, tastes, k, l):
    """Derivative of log s_j in Gamma[k, l] with delta held, (J,)."""
    return ...


# %% [markdown] tags=["solution"]
# The utility of $m$ changes with $\gamma_{kl}$ by $x_{2mk} v_{il}$. For one type, (1.3) is a logit, so
# $\partial s_{ij} / \partial \gamma_{kl} = s_{ij} \big(x_{2jk} v_{il} - \sum_m s_{im} x_{2mk} v_{il}\big) = s_{ij}\, v_{il} \big(x_{2jk} - \sum_m s_{im} x_{2mk}\big)$. Average with $w_i$ and divide by $s_j$: the weights become $w_i s_{ij} / s_j = w_{i|j}$, as in (1.7).

# %% tags=["solution"]
def taste_slope(P, B, X2, tastes, k, l):
    """Derivative of log s_j in Gamma[k, l] with delta held, (J,)."""
    v = tastes[:, l]                                     # (I,)
    expected_x = X2[:, k] @ P                            # (I,)  sum_m s_im x_mk
    return X2[:, k] * (B @ v) - B @ (v * expected_x)


def log_shares(Gamma):
    return np.log(market_shares(delta, taste_deviations(X2, nodes, Gamma), weights))


step = np.array([[0, 0], [0, 1e-5]])
found = taste_slope(P, B, X2, nodes, 1, 1)
assert np.allclose(found, (log_shares(Gamma + step) - log_shares(Gamma - step)) / 2e-5, atol=1e-8)
assert (found[:2] > 0.3).all() and 0 < found[2] < 0.1 and found[3] < found[4] < 0
assert blpteach.check("1.6", taste_slope)

# %% [markdown] tags=["solution"]
# Stars and Loops gain, Pops a little: their buyers like sugar, and they have more of it than these buyers' expected choice. Bran, Wheat and Oats lose. Bran loses more than Wheat. Types who dislike sugar leave Bran as well, which has more of it than their expected choice, but not
# Wheat.

# %% tags=["check"]
blpteach.check("1.6", taste_slope)

# %% [markdown]
# ## Further
#
# Nothing else rests on these sections.

# %% [markdown] minutes=2 ask="Is the correlation of the two tastes positive or negative, and how large is the standard deviation of the taste for sugar?"
# ### Correlated tastes
#
# Do those who like cereals like sugar less? Let $\Sigma$ be lower-triangular. The tastes of a consumer are
# $\Sigma \nu_i$. The $\nu_{il}$ are independent with variance one, so the covariance of tastes is $\Sigma \Sigma'$.
#
# Why triangular? $\Sigma\nu_i$ is normal, and its distribution depends on $\Sigma$ through $\Sigma\Sigma'$ alone. Every
# positive definite covariance matrix has exactly one lower-triangular root with a positive diagonal. More free elements
# would be more parameters than there are covariances.

# %% tags=["parameters"]
sigma = np.array([[1.0, 0.0],
                  [-1.2, 1.6]])                          # (K2, L): cereals, sugar

# %%
draws = np.random.default_rng(0).standard_normal((20_000, 2))
simulated = np.cov((draws @ sigma.T).T)
assert np.allclose(simulated, sigma @ sigma.T, atol=0.1)
print("sigma sigma':", sigma @ sigma.T, "simulated:", simulated.round(2), sep="\n")
plots.TasteCloud(draws[:2000], ("cereals", "sugar"), sigma=sigma)

# %% [markdown]
# **Result.** The standard deviation of the taste for sugar is $\sqrt{1.2^2 + 1.6^2} = 2$, the correlation
# $-1.2 / (1 \cdot 2) = -0.6$.

# %% [markdown] minutes=2 ask="What spreads the price coefficients: the unobserved draw, income, or the child?"
# ### Where the tastes for price come from
#
# Log income varies little around a large mean, so its square is nearly a line in it, and the two belong together. Take
# $\alpha_i$ apart: the unobserved draw, income together with its square, and the child. The standard deviations of the
# three parts, and then the mean of $\alpha_i$ by fifths of income, the poorest first:

# %%
columns = {"unobserved": slice(1, 2), "income": slice(4, 6), "child": slice(7, 8)}
together = np.corrcoef(agents["income"], agents["income_squared"])[0, 1]
spread = pd.Series({name: (tastes_cereal[:, k] @ Gamma_cereal[1, k]).std() for name, k in columns.items()})
assert np.isclose(together, 0.995, atol=1e-3) and np.allclose(spread, [3.3, 85.7, 4.7], atol=0.1)
print(f"correlation of income and income_squared: {together:.3f}")
spread.round(1)

# %% tags=["parameters"]
groups = 5                                               # of income, equally large

# %%
fifth = pd.qcut(agents["income"].to_numpy(), groups, labels=range(1, groups + 1))
by_fifth = pd.Series(alpha).groupby(fifth, observed=True).mean()
assert np.allclose(by_fifth, [-177, -50, -31, -24, -32], atol=0.6)
by_fifth.round(0)

# %% [markdown]
# **Result.** At these estimates nearly all heterogeneity in price tastes runs through income, whose distribution is
# observed. Those with low incomes mind the price most: $-177$ in the poorest fifth, between $-50$ and $-24$ in the
# others. (How precisely they are estimated is a question for lesson 04.)

# %% [markdown] minutes=2 ask="With 20 draws a market, how much does a share move if a sigma changes its sign?"
# ### The sign of a standard deviation
#
# One of Nevo's four $\sigma$ is negative, a "standard deviation" of $-0.006$. With the exact integral its sign would not
# matter, because $\nu$ and $-\nu$ have the same distribution. With 20 given draws it does, since they are not symmetric.
# Let $\sigma$ on price become $-3.31$, and hold $\delta$.

# %% tags=["parameters"]
column = 1                                               # of Gamma: nu for price

# %%
flipped = Gamma_cereal * np.where(np.arange(8) == column, -1, 1)
mu_flipped = blpteach.taste_deviations(X2_all, tastes_all, flipped)
moved = 100 * abs(blpteach.market_shares(delta_all, mu_flipped, weights_all) / shares_all - 1)
assert np.isclose(moved.mean(), 8.0, atol=0.2) and moved.max() > 70
print(f"a share moves by {moved.mean():.1f} % on average, at most by {moved.max():.0f} %")

# %% [markdown]
# **Result.** With few nodes a sign is part of the estimate.

# %% [markdown] minutes=3 ask="Set the interaction of sugar and income to zero. What will F2B26 lose, and what F6B18?"
# ### Which taste makes the sugary cereals close?
#
# First, why does the outside good lie above the line in Nevo's market? Ask who buys, and take the mean of $\alpha_i$.

# %%
P_cereal = blpteach.choice_probabilities(delta_all[0], mu_all[0])
of_buyers = pd.Series(blpteach.buyers(P_cereal, weights_all[0]) @ alpha[:20], ids)
nothing = weights_all[0] * (1 - P_cereal.sum(0))
of_others = nothing @ alpha[:20] / nothing.sum()
assert np.allclose([of_buyers.min(), of_buyers.max(), of_others], [-45.7, -27.6, -66.1], atol=0.3)
print(f"mean alpha_i of a cereal's buyers: from {of_buyers.min():.1f} to {of_buyers.max():.1f}")
print(f"of those who buy nothing: {of_others:.1f}")

# %% [markdown]
# Those who buy nothing mind the price more than the buyers of any cereal. Now one is cheap, and they come.
#
# Which taste separates the sugary rivals from the others? The unobserved taste for sugar has a standard deviation of
# 0.006 in these estimates. But $\Pi$ has an element $-0.385$ for sugar and income: consumers with lower incomes like
# sugar more. And they are the ones who mind the price. Set this one number of 13 to zero.

# %% tags=["parameters"]
element = 2, 4                                           # of Gamma: sugar, income

# %%
Gamma_without = Gamma_cereal.copy()
Gamma_without[element] = 0
without, same_without = losses_and_line(Gamma_without, j)
few = without[[*watched, "outside good"]]
assert np.allclose(few, [0.466, 0.427, 0.190], atol=0.005) and (without[rivals] > same_without).all()
assert np.isclose(same_without, 0.278, atol=2e-3)
plots.Losses(sugar_cereal, labels, cheap, logit=same_without, tastes=without[rivals],
             outside=without["outside good"], **others)

# %%
by_kind = without[rivals].groupby(np.where(mushy, "mushy", "crisp")).agg(["min", "max"])
assert np.allclose(by_kind, [[0.427, 0.470], [0.294, 0.481]], atol=0.005)
assert np.isclose(Gamma_cereal[2, 4] * -0.5 * 13, 2.5, atol=0.05)
by_kind.round(3)

# %% [markdown]
# Crisp rivals are alike now, whatever their sugar. Mushy ones still differ, from 29 to 48 %. All rivals lie above the
# line, since tastes for the constant, for price and for mushiness still vary. The outside good has moved most, from 37 to
# 19 %. For a consumer whose log income is 0.5 below the mean the 13 units of sugar in F2B19 were worth
# $0.385 \cdot 0.5 \cdot 13 = 2.5$ utils more than for one with the mean income. Without them half the price brings fewer
# of the poor.
#
# **Result.** An observed demographic can do the work of a random taste: it was income that made the sugary cereals close.

# %% [markdown]
# ## In practice
#
# PyBLP computes the same shares. We give it our small market, our nodes and our parameters, and keep the prices.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

# %%
if pyblp:
    formulas = pyblp.Formulation("1 + prices + sugar"), pyblp.Formulation("1 + sugar")
    table = pd.DataFrame({"market_ids": 0, "firm_ids": range(6), "prices": prices, "sugar": sugar})
    people = {"market_ids": 0, "weights": weights, "nodes0": nodes[:, 0], "nodes1": nodes[:, 1]}
    economy = pyblp.Simulation(formulas, table, beta=beta, sigma=Gamma, xi=delta - X1 @ beta,
                               agent_data=pd.DataFrame(people))
    result = economy.replace_endogenous(np.zeros(6), prices, iteration=pyblp.Iteration("return"))
    gap = abs(result.product_data.shares[:, 0] - shares).max()
    assert gap < 1e-10
    print(f"largest difference between PyBLP's shares and ours: {gap:.0e}")
else:
    blpteach.stored_output()

# %% [markdown]
# In PyBLP a rule is an `Integration`. In five dimensions:

# %%
if pyblp:
    for rule, size in (("product", 9), ("grid", 5), ("grid", 7)):
        w = pyblp.build_integration(pyblp.Integration(rule, size), 5).weights
        print(f"{rule}, {size}: {len(w):,} nodes, {(w < 0).sum():,} with negative weights")
else:
    blpteach.stored_output()

# %% [markdown]
# A sparse grid needs fewer nodes, some with negative weights: a share need no longer be positive.
#
# Double the nodes and look whether the estimates move. Use different points in each market, so that simulation errors
# average out over markets. Report the rule, the number of nodes and the seed.

# %% [markdown]
# ## Further reading
#
# - Nevo, A. (2000). A practitioner's guide to estimation of random-coefficients logit models of demand. *Journal of Economics & Management
#   Strategy* 9(4), 513-548. Equations (1.1) to (1.5) with demographics, and the cereal example.
# - Berry, S., Levinsohn, J. and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4), 841-890. Why tastes must differ, on
#   cars.
# - Train, K. (2009). *Discrete Choice Methods with Simulation*, 2nd edition, Cambridge University Press. Chapter 6 on the mixed logit, chapter 9 on
#   draws, Halton included.
# - Conlon, C. and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP. *RAND Journal of Economics* 51(4),
#   1108-1161. How integration rules compare in estimation, and safe exponentials.
# - Conlon, C. and Mortimer, J. H. (2021). Empirical properties of diversion ratios. *RAND Journal of Economics* 52(4), 693-726. Small price changes, second
#   choices, and what each measures.
#
# The next lesson, 02, opens the call that we borrowed: from shares to mean utilities.
