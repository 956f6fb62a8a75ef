# %% [markdown]
# # 01. Who leaves when a rival gets cheaper? Random tastes and market shares
#
# *60 minutes. You need: econometrics through IV and GMM; numpy. Lesson 00 helps: this lesson starts from its last result.
# The module of this lesson is `blpteach/utility.py`, Step 1.*

# %% [markdown]
# ## The question
#
# A cereal with much sugar is sold at half price. Whose buyers does it win? The logit of lesson 00 has one answer for every rival,
# alike or not. The answer is wrong, and the reason is that all consumers of the logit have the same tastes. This lesson lets tastes
# differ. It ends with market shares that are an average over consumers, and with an answer that depends on who resembles whom.

# %% [markdown]
# ## What you will be able to do
#
# - Write utility with random tastes, and compute it with one matrix product.
# - Compute choice probabilities that survive utilities of a thousand, and average them to market shares.
# - Choose integration nodes, and say what error they leave.
# - Say who buys a product, and get all derivatives of shares from that.
# - Predict which random coefficients change substitution, and which don't.

# %%
import numpy as np
import pandas as pd

import blpteach
from blpteach.plots import tastes as plots

# %% [markdown]
# ## Build it
#
# ### The logit's answer
#
# Our market has six cereals, three with much sugar and three with bran. It is small enough to type. Shares are fractions of all
# consumers, prices are dollars a box, sugar is in units of 10 grams a serving. 60 % of the consumers buy none of the six: the outside
# good. Stars and Loops are twins: same sugar, same price.

# %%
names = ["Stars", "Loops", "Pops", "Bran", "Wheat", "Oats"]
shares = np.array([0.10, 0.08, 0.05, 0.08, 0.06, 0.03])
prices = np.array([4.0, 4.0, 3.5, 3.5, 3.0, 3.0])
sugar = np.array([1.2, 1.2, 0.9, 0.5, 0.1, 0.3])
sugary = np.array([1, 1, 1, 0, 0, 0])

# %% [markdown]
# In the logit every consumer has the same mean utility $\delta_j$ for product $j$, and shares reveal it:
# $\delta_j = \log s_j - \log s_0$. In code `delta`, shape (J,), with J = 6.
#
# A dollar off the price raises utility by 0.75. We take this number as given here; lesson 03 estimates one. Stars goes from 4 dollars to 2.
#
# *Before you run the next two cells: Loops is a twin of Stars. Wheat has hardly any sugar. Which of them loses the larger part of its buyers?*

# %%
beta_price = -0.75
delta_logit = np.log(shares) - np.log(1 - shares.sum())
cut = np.array([-2.0, 0, 0, 0, 0, 0])                    # dollars
utility = np.exp(delta_logit + beta_price * cut)
after_logit = utility / (1 + utility.sum())
lost_logit = 1 - after_logit[1:] / shares[1:]            # fractions of a rival's buyers
pd.Series(100 * lost_logit, names[1:]).round(2)

# %%
assert np.allclose(lost_logit, 0.258, atol=5e-4)
plots.Losses(10 * sugar[1:], names[1:], "Stars", logit=lost_logit[0])

# %% [markdown]
# Every rival loses 25.8 % of its buyers. The reason stands in the formula. In the logit $s_j / s_k = e^{\delta_j - \delta_k}$, and no
# third product appears. When Stars improves, the ratio of Loops to Wheat can't move, so both lose the same part. This is the
# *independence of irrelevant alternatives*. No data can overturn it, because no parameter of the logit could.
#
# What would overturn it? Those who like sugar buy Stars or Loops. If Stars gets cheaper, they are the ones who move. So we need consumers
# who differ.

# %% [markdown]
# ### Utility with tastes that differ
#
# Consumer $i$ gets from product $j$, and from the outside good,
#
# $$u_{ij} = \delta_j + \mu_{ij} + \varepsilon_{ij}, \qquad u_{i0} = \varepsilon_{i0}.$$
#
# - $\delta_j$ is what all consumers share.
# - $\mu_{ij}$ is how far consumer $i$ is from that because of tastes. Code: `mu`, shape (J, I), for I types of consumers.
# - $\varepsilon_{ij}$ is extreme value, independent over consumers and products, as in the logit.
#
# The common part is linear in characteristics:
#
# $$\delta_j = x_{1j}'\beta + \xi_j \tag{1.1}$$
#
# with characteristics $x_{1j}$ (`X1`, shape (J, K1); price is one of them), mean tastes $\beta$ (`beta`, (K1,)), and $\xi_j$ (`xi`, (J,)),
# the quality that consumers see and we don't. Given $\delta$ and $\beta$, it is the residual.

# %%
X1 = np.column_stack([np.ones(6), prices, sugar])        # (J, K1)
beta = np.array([0.2, beta_price, 0.8])
xi = delta_logit - X1 @ beta                             # (1.1)
assert np.allclose(blpteach.mean_utility(X1, beta, xi), delta_logit)
pd.DataFrame({"delta": delta_logit, "X1 @ beta": X1 @ beta, "xi": xi}, names).round(2)

# %% [markdown]
# ### One taste
#
# Let the taste for sugar differ. Consumer $i$ has the draw $\nu_i$, standard normal, and $\sigma$ says how strongly tastes vary:
#
# $$\mu_{ij} = x_j \, \sigma \, \nu_i .$$
#
# Three types are enough to see it: $\nu = -1, 0, 1$. With $\sigma = 2$, ten grams of sugar are worth two utils more to the third type than to
# the second. Two utils are the value of $2 / 0.75 = 2.67$ dollars.

# %%
nu = np.array([-1.0, 0.0, 1.0])                          # (I,)
mu = 2.0 * np.outer(sugar, nu)                           # (J, I)
pd.DataFrame(mu, names, ["dislikes sugar", "as the mean", "likes sugar"])

# %% [markdown]
# ### Several tastes: one matrix product
#
# Now let K2 characteristics have random tastes. They are the columns of `X2`, shape (J, K2). Consumers differ in L unobserved tastes
# $\nu_{il}$ (`nodes`, (I, L)) and in D observed demographics $y_{id}$ (`demographics`, (I, D)), such as income:
#
# $$\mu_{ij} = \sum_k x_{2jk} \Big( \sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id} \Big). \tag{1.2}$$
#
# Put nodes and demographics side by side, `tastes = [nodes, demographics]`, and the parameters too, `Gamma = [sigma, pi]`, shape (K2, L + D).
# Then both sums are one product, and a line of mathematics is a line of code. (`.mT` transposes a matrix; of a stack, each matrix.)

# %%
def taste_deviations(X2, tastes, Gamma):
    return X2 @ Gamma @ tastes.mT                        # (1.2)  (J, I)


# %% [markdown]
# Two random coefficients: on the constant, with standard deviation 1, and on sugar, with standard deviation 2. The random coefficient on
# the constant says how much a consumer likes cereals at all. No demographics yet, so `tastes` are the nodes. We type three types.

# %%
X2 = np.column_stack([np.ones(6), sugar])                # (J, K2)
Gamma = np.diag([1.0, 2.0])                              # (K2, L)
types = np.array([[0, -1], [0, 1], [1, 1]])              # (I, L): cereals, sugar
pd.DataFrame(taste_deviations(X2, types, Gamma), names, ["(0, -1)", "(0, 1)", "(1, 1)"])

# %% [markdown]
# > **A common error.** One reads that utility is $\delta_{jt} + \sum_k \nu_{ik}\, \mu_{jtk}$, with one free number $\mu_{jtk}$ for each product
# > $j$, market $t$ and characteristic $k$. Count the unknowns. Nevo's cereal data have 2,256 shares and four characteristics with random
# > coefficients. That utility has 9,024 free numbers: more
# > unknowns than data, and nothing that one market teaches about another. In (1.2) the characteristics are data. The parameters
# > $\theta_2 = (\Sigma, \Pi)$, the matrices of all $\sigma_{kl}$ and $\pi_{kd}$, are the same in all markets: 13 numbers in Nevo's model.

# %%
products, agents = blpteach.load_cereal()
free_numbers = 4 * len(products)
assert (len(products), free_numbers) == (2256, 9024)
print(f"shares: {len(products):,}   free mu_jtk: {free_numbers:,}   theta2: 4 + 9 = 13")

# %% [markdown]
# ### Correlated tastes
#
# Do those who like cereals like sugar less? Let `sigma` be lower-triangular. The tastes of a consumer are $\Sigma \nu_i$. The $\nu_{il}$ are
# independent with variance one, so the covariance of tastes is $\Sigma \Sigma'$.
#
# Why triangular? Only $\Sigma\Sigma'$ matters, and every positive definite covariance matrix has exactly one lower-triangular root with a positive
# diagonal. More free elements would be more parameters than there are covariances.
#
# *Before you run the next cell: is the correlation below positive or negative? What is the standard deviation of the taste for sugar?*

# %%
Sigma = np.array([[1.0, 0.0],
                  [-1.2, 1.6]])
draws = np.random.default_rng(0).standard_normal((20_000, 2))
simulated = np.cov((draws @ Sigma.T).T)
assert np.allclose(simulated, Sigma @ Sigma.T, atol=0.1)
print("Sigma Sigma':", Sigma @ Sigma.T, "simulated:", simulated.round(2), sep="\n")

# %%
plots.TasteCloud(draws[:2000], ("cereals", "sugar"), sigma=Sigma)

# %% [markdown]
# The standard deviation is $\sqrt{1.2^2 + 1.6^2} = 2$, the correlation $-1.2 / (1 \cdot 2) = -0.6$.

# %% [markdown]
# ### Observed tastes: demographics
#
# Incomes and ages are observed, at least their distribution. A demographic enters as one more column of `tastes`. Nevo's agents are 20
# draws from the population of each market. (The cereal tables are artificial: Nevo distributes them with his guide to the method.)

# %%
node_columns = ["nodes0", "nodes1", "nodes2", "nodes3"]
demographic_columns = ["income", "income_squared", "age", "child"]
market = agents["market_ids"] == "C01Q1"
agents.loc[market, ["weights", "nodes1", *demographic_columns]].head(4).round(2)

# %% [markdown]
# His model has random coefficients on the constant, price, sugar and mushiness, and demographics in all four. `income` is log income and all
# demographics are net of their means. Take the estimates from lesson 04, where they are found.

# %%
sigma_cereal = np.diag([0.55809, 3.3125, -0.0057836, 0.093414])  # constant, price, sugar, mushy
pi_cereal = np.array([[2.2920, 0, 1.2844, 0],
                      [588.33, -30.192, 0, 11.055],
                      [-0.38495, 0, 0.052234, 0],
                      [0.74837, 0, -1.3534, 0]])
Gamma_cereal = np.hstack([sigma_cereal, pi_cereal])              # (K2, L + D)
tastes_cereal = agents[node_columns + demographic_columns].to_numpy()
tastes_cereal.shape, Gamma_cereal.shape

# %% [markdown]
# Read the second row of $\Pi$. A consumer's utility falls with price at the rate
# $\alpha_i = \beta_{price} + \sigma_{price} \nu_i + \sum_d \pi_{price, d}\, y_{id}$, here with $\beta_{price} = -62.73$ utils a dollar. Income moves it,
# so do children.
#
# *Before you run the next cells: tastes for price are normal given demographics. Will the 1,880 numbers $\alpha_i$ look normal?*

# %%
alpha = -62.730 + tastes_cereal @ Gamma_cereal[1]                      # (94 * 20,)
assert np.isclose(alpha.mean(), -62.8, atol=0.1) and np.isclose(np.median(alpha), -34.5, atol=0.1)
print(f"mean {alpha.mean():.1f}   median {np.median(alpha):.1f}   most sensitive {alpha.min():.0f}")

# %%
plots.PriceSlopes(alpha)

# %% [markdown]
# They don't. Half of the types are above $-34.5$, but one long tail pulls the mean to $-62.8$. Where does the spread come from? Keep the two columns
# of income and drop the rest.

# %%
by_income = tastes_cereal[:, 4:6] @ Gamma_cereal[1, 4:6]
explained = np.corrcoef(alpha, by_income)[0, 1] ** 2
assert explained > 0.98
print(f"squared correlation of alpha_i with its income part: {explained:.3f}")

# %% [markdown]
# It is income, nearly all of it. In this model the heterogeneity that matters for price is observed.

# %% [markdown]
# ### What one type chooses
#
# Given its tastes, a type is a logit consumer. Its probability of choosing $j$ (`P`, shape (J, I)) is
#
# $$s_{ij} = \frac{e^{\delta_j + \mu_{ij}}}{1 + \sum_m e^{\delta_m + \mu_{im}}}. \tag{1.3}$$
#
# The one in the denominator is $e^0$, the outside good.

# %%
def naive_probabilities(delta, mu):
    expV = np.exp(delta[:, None] + mu)                   # (J, I)
    return expV / (1 + expV.sum(0))                      # (1.3)


# %% [markdown]
# The same three types, with the logit's $\delta$. The type (0, 1) likes sugar; the type (1, 1) likes sugar and cereals.

# %%
mu = taste_deviations(X2, types, Gamma)
pd.DataFrame(naive_probabilities(delta_logit, mu), names, ["(0, -1)", "(0, 1)", "(1, 1)"]).round(3)

# %% [markdown]
# ### Why `exp` fails, and the cure
#
# A search over parameters tries wild values. Suppose it tries a $\sigma$ of 700 on sugar. A double holds numbers up to about $e^{709}$.
#
# *Before you run the next cell: what will the second type's probabilities be?*

# %%
wild = taste_deviations(X2, types, np.diag([1.0, 700.0]))
with np.errstate(all="ignore"):
    broken = naive_probabilities(delta_logit, wild)
assert np.isnan(broken[0, 1])
pd.DataFrame(broken, names, ["(0, -1)", "(0, 1)", "(1, 1)"])

# %% [markdown]
# Infinity over infinity: `nan`. The answer itself is harmless. Multiply numerator and denominator of (1.3) by $e^{-m_i}$, with $m_i$ the
# largest utility of type $i$. The fraction is the same, and no exponent is positive any more. The outside good's zero counts among the
# utilities. If it were left out and all products were awful, $e^{-m_i}$ would overflow instead.

# %%
def probabilities(delta, mu):
    V = delta[:, None] + mu                              # (J, I)
    top = np.maximum(V.max(0), 0)                        # (I,)  the outside good's 0 included
    expV = np.exp(V - top)
    return expV / (np.exp(-top) + expV.sum(0))           # (1.3), both parts times exp(-top)


# %%
P = probabilities(delta_logit, wild)
assert np.isfinite(P).all()
assert np.allclose(probabilities(delta_logit, mu), naive_probabilities(delta_logit, mu))
pd.DataFrame(P, names, ["(0, -1)", "(0, 1)", "(1, 1)"]).round(3)

# %% [markdown]
# The second type shares its demand between the twins, 0.556 to 0.444, as it should: their odds are their $e^{\delta_j}$.
#
# The same trick gives the *inclusive value*, the expected utility of a type's best choice up to a constant,
#
# $$\log\Big(1 + \sum_j e^{\delta_j + \mu_{ij}}\Big). \tag{1.4}$$
#
# Its exponential, inverted, is the probability of the outside good. Lesson 11 makes welfare of it.

# %%
outside = np.exp(-blpteach.inclusive_value(delta_logit, mu))           # (1.4)  (I,)
assert np.allclose(outside, 1 - probabilities(delta_logit, mu).sum(0))
outside.round(3)

# %% [markdown]
# ### Market shares: an average over types
#
# The population holds many types. The market share is the average of their probabilities. With a distribution $F$ of tastes,
# observed and unobserved, that is an integral. It has no closed form, so we take finitely many types with weights $w_i$ (`weights`, shape (I,)), which usually sum to one:
#
# $$s_j = \int s_j(\nu, y)\, dF(\nu, y) \approx \sum_i w_i\, s_{ij}. \tag{1.5}$$

# %%
def market_shares(delta, mu, weights):
    return probabilities(delta, mu) @ weights            # (1.5)  (J,)


# %% [markdown]
# The values of $\nu$ that stand for the whole distribution are its *nodes*. An integration rule of the library gives nodes and weights for a number of markets and dimensions. We ask for 500 nodes in one market, in two
# dimensions, and take that market's.

# %%
nodes, weights = blpteach.halton(500, seed=0).nodes_and_weights(1, 2)  # (T, I, L), (T, I)
nodes, weights = nodes[0], weights[0]
mu = taste_deviations(X2, nodes, Gamma)                                # (J, I)
average = market_shares(delta_logit, mu, weights)
pd.DataFrame({"share, no random tastes": shares, "share with them": average}, names).round(3)

# %% [markdown]
# ### Which nodes?
#
# Four rules for the same integral:
#
# - **Monte Carlo**: independent draws. The error falls like $I^{-1/2}$ in any dimension: four times the nodes halve it.
# - **Scrambled Halton** and **scrambled Sobol**: points that fill the space evenly, with a random scrambling. Their error falls nearly like
#   $I^{-1}$, or faster for integrands as smooth as ours.
# - **Gauss-Hermite product**: chosen points with unequal weights, exact for polynomials up to a degree. For smooth functions in one dimension it is
#   hard to beat. In L dimensions, $n$ points in each direction are $n^L$ nodes.
#
# We know the truth here from 120 x 120 Gauss-Hermite nodes. The error is the root mean square over the six shares and 12 seeds.
#
# *Before you run the next cell: on logarithmic axes an error of $I^{-1/2}$ is a line of slope -0.5. Which slope do you expect for Halton?*

# %%
errors = plots.IntegrationErrors(delta_logit, X2, Gamma)
errors

# %%
assert abs(errors.slopes["Monte Carlo"] + 0.5) < 0.1
assert abs(errors.slopes["scrambled Halton"] + 0.94) < 0.1
pd.Series(errors.slopes).round(2)

# %% [markdown]
# > **A common error.** "Halton draws are Monte Carlo." They are *quasi*-Monte Carlo. Their points are not independent, and the slope is -0.94
# > where Monte Carlo's is -0.50. With 4,096 nodes the error is some thirty times smaller. Formulas that divide a variance by the number
# > of draws don't apply to them.

# %%
ratio = errors.errors["Monte Carlo"][-1] / errors.errors["scrambled Halton"][-1]
assert 20 < ratio < 45
print(f"Monte Carlo's error with 4,096 nodes: {ratio:.0f} times Halton's")

# %% [markdown]
# In two dimensions the product rule wins. Then count: 9 points in each direction are 81 nodes in two dimensions and 59,049 in five, for every
# market. The automobiles of Berry, Levinsohn and Pakes have five columns of nodes. Product rules are for few dimensions, Halton or
# Sobol for several.

# %%
pd.Series({L: 9**L for L in range(1, 6)}, name="nodes").rename_axis("dimensions")

# %% [markdown]
# ### Nodes are drawn once
#
# The outer loop of lesson 04 changes $\sigma$ in small steps and compares. If nodes are drawn anew at every step, it compares noise with noise. Nodes
# are drawn once, before the search, and then belong to the data. Here is the share of Stars as $\sigma$ moves, with 200 Monte Carlo draws.

# %%
def share_of_stars(sigma, draws):
    mu = sigma * np.outer(sugar, draws[:, 0])
    return market_shares(delta_logit, mu, np.full(len(draws), 1 / len(draws)))[0]


plots.DrawnOnce(share_of_stars)

# %% [markdown]
# The smooth line has an error too, because 200 draws are few. But it has a slope, and a search can follow it.

# %% [markdown]
# ### Shares are data, so delta moves
#
# When we added random tastes the shares changed, because we held $\delta$. But shares are observed. What must change is $\delta$:
# we look for the $\delta$ at which the model's shares are the observed ones. That is Step 2, share inversion, and lesson 02 opens it. For now it is
# one call.

# %%
delta = blpteach.invert_shares(shares, mu, weights).delta
assert np.allclose(market_shares(delta, mu, weights), shares)
pd.DataFrame({"logit": delta_logit, "with random tastes": delta}, names).round(3)

# %% [markdown]
# The sugary cereals need less mean utility than before. Their enthusiasts buy them anyway.

# %% [markdown]
# ### One function for one market and for all
#
# The functions above know one market. A stack of T markets has one more axis in front: `delta` (T, J), `mu` (T, J, I), `weights` (T, I). Count
# axes from the right, -1 for types and -2 for products, and the same lines serve both. That is how the library writes them:

# %%
blpteach.show(blpteach.taste_deviations)
blpteach.show(blpteach.choice_probabilities)
blpteach.show(blpteach.market_shares)

# %% [markdown]
# In NumPy `...` stands for any number of leading axes and `None` for a new axis of length one. Matrix products work on the last two axes and repeat
# over the rest.
#
# Nevo's data are a ready-made stack: 94 markets, 24 products in each, 20 types in each, and sorted by market.

# %%
X2_all = np.column_stack([np.ones(2256), products[["prices", "sugar", "mushy"]]]).reshape(94, 24, 4)
shares_all = products["shares"].to_numpy().reshape(94, 24)
tastes_all = tastes_cereal.reshape(94, 20, 8)
weights_all = agents["weights"].to_numpy().reshape(94, 20)
mu_all = blpteach.taste_deviations(X2_all, tastes_all, Gamma_cereal)
delta_all = blpteach.invert_shares(shares_all, mu_all, weights_all).delta
mu_all.shape, delta_all.shape

# %%
stack = blpteach.market_shares(delta_all, mu_all, weights_all)  # all 94 markets at once
first = market_shares(delta_all[0], mu_all[0], weights_all[0])  # ours, the first market
assert np.allclose(stack, shares_all) and np.allclose(stack[0], first)
print("shares of 94 markets:", stack.shape, "  shares of the first:", first.shape)

# %% [markdown]
# From here on we use the library's functions. They are the lines that you wrote.

# %% [markdown]
# ### Who buys
#
# Pick a box of Stars that was sold. Which type bought it? Bayes' rule: the type's weight times its probability of buying, divided by the
# total:
#
# $$w_{i|j} = \frac{w_i\, s_{ij}}{s_j}. \tag{1.6}$$
#
# In code `B`, shape (J, I); the library's function is `blpteach.buyers`. Each row is a distribution over types. An average with these weights is an expectation over the buyers of $j$; we
# write $E[\,\cdot \mid i \text{ buys } j]$.

# %%
P = blpteach.choice_probabilities(delta, mu)             # (J, I)
B = P * weights
B = B / B.sum(1, keepdims=True)                          # (1.6)
assert np.allclose(B, blpteach.buyers(P, weights)) and np.allclose(B.sum(1), 1)
pd.DataFrame(B @ nodes, names, ["taste for cereals", "taste for sugar"]).round(2)

# %% [markdown]
# All buyers like cereals more than the mean consumer, who has zeros in both columns. But the taste for sugar separates them. The average buyer of Stars
# is more than a standard deviation above the mean consumer.
#
# The picture shows the whole distribution, for random tastes in sugar alone.

# %%
plots.Buyers(shares, sugar, {"Stars": 0, "Wheat": 4}, sigma=2.0)

# %% [markdown]
# ### All derivatives of shares, from the buyers
#
# Raise $\delta_k$ a little. A type's probability of $j$ moves by $s_{ij}(1\{j = k\} - s_{ik})$, the logit's derivative; $1\{j = k\}$ is one for $j = k$ and zero
# otherwise. Average over types with
# $w_i$, divide by $s_j$, and the weights become $w_{i|j}$:
#
# $$\frac{\partial \log s_j}{\partial \delta_k} = 1\{j = k\} - E[\, s_{ik} \mid i \text{ buys } j\,]. \tag{1.7}$$
#
# In words: when $k$ improves, $j$ loses buyers to the extent that *those who buy j* were likely to buy $k$. This sentence is the economics of
# substitution. Elasticities, diversion and the search for the parameters are built on it.

# %%
slope = np.eye(6) - B @ P.T                              # (1.7)  (J, J)
assert np.allclose(slope, blpteach.log_share_jacobian(P, B))
pd.DataFrame(slope, names, names).round(3)

# %% [markdown]
# Read down the first column: if Stars improves by 0.01, Loops loses 0.25 % of its buyers and Wheat 0.07 %. In the logit both would lose 0.10 %,
# the share of Stars times 0.01.

# %%
assert np.allclose(slope[[1, 4], 0], [-0.248, -0.069], atol=0.004)
100 * 0.01 * slope[[1, 4], 0].round(3)                   # percent, for Loops and Wheat

# %% [markdown]
# ### The halved price again
#
# Stars goes to 2 dollars. Tastes for price don't differ in our small market, so the utility of Stars rises by 1.5 for everyone, as before.
#
# *Before you run the next cell: the logit said 25.8 % for each rival. Who will lose more than that, and who less?*

# %%
after = blpteach.market_shares(delta + beta_price * cut, mu, weights)
lost = 1 - after[1:] / shares[1:]
pd.DataFrame({"logit": 100 * lost_logit, "random tastes": 100 * lost}, names[1:]).round(1)

# %%
assert lost[0] > 0.40 and lost[3] < 0.22
plots.Losses(10 * sugar[1:], names[1:], "Stars", logit=lost_logit[0], tastes=lost)

# %% [markdown]
# The twin loses more, and the loss falls with the distance in sugar. One parameter has done that.
#
# Now Nevo's first market, C01Q1, with the parameters above. Lesson 00 halved the price of F2B19 there, and every rival lost the same. F2B26
# has the same sugar, 13 grams, and is not mushy either. F6B18 has no sugar. Here the price has a random coefficient too, so a new price changes
# `X2` as well as `delta`.

# %%
ids = list(products["product_ids"][:24])
cheap = ids.index("F2B19")


def shares_at_half_price(Gamma):
    """Shares (24,) in C01Q1 when F2B19 costs half."""
    mu = blpteach.taste_deviations(X2_all[0], tastes_all[0], Gamma)
    delta = blpteach.invert_shares(shares_all[0], mu, weights_all[0]).delta
    X2_cut = X2_all[0].copy()
    X2_cut[cheap, 1] /= 2
    delta[cheap] += -62.730 * (X2_cut - X2_all[0])[cheap, 1]
    mu_cut = blpteach.taste_deviations(X2_cut, tastes_all[0], Gamma)
    return blpteach.market_shares(delta, mu_cut, weights_all[0])


# %%
after_cereal = shares_at_half_price(Gamma_cereal)
lost_cereal = pd.Series(1 - after_cereal / shares_all[0], ids)
assert np.allclose(lost_cereal[["F2B26", "F6B18"]], [0.518, 0.127], atol=0.005)
lost_cereal[["F2B26", "F6B18"]].round(3)

# %%
same = 1 - (1 - after_cereal[cheap]) / (1 - shares_all[0, cheap])      # a logit with the same gain
labels = [name if name in ("F2B26", "F6B18") else "" for name in ids if name != "F2B19"]
rivals = np.delete(np.arange(24), cheap)
sugar_cereal, lost_rivals = X2_all[0, rivals, 2], lost_cereal.to_numpy()[rivals]
plots.Losses(sugar_cereal, labels, "F2B19", logit=same, tastes=lost_rivals)

# %% [markdown]
# The dashed line is a logit in which F2B19 gains as many buyers: every rival loses the same part of its own. In the model with
# tastes the sugary rival loses 52 % and the one without sugar 13 %.
#
# Which taste does that? The unobserved taste for sugar has a standard deviation near zero in these estimates. But $\Pi$ has an element
# $-0.385$ for sugar and income: consumers with lower incomes like sugar more. Set this one number to zero.

# %%
Gamma_without = Gamma_cereal.copy()
Gamma_without[2, 4] = 0                                  # sugar, income
without = pd.Series(1 - shares_at_half_price(Gamma_without) / shares_all[0], ids)
assert np.allclose(without[["F2B26", "F6B18"]], [0.466, 0.427], atol=0.005)
without[["F2B26", "F6B18"]].round(3)

# %% [markdown]
# The two losses are nearly the same again. An observed demographic can do the work of a random taste.

# %% [markdown]
# ### A random coefficient on the constant
#
# Products with more sugar are closer substitutes if the taste for sugar varies. What if only the taste for the constant varies, that is, the taste
# for cereals of any kind?
#
# Ask where those go who leave Stars when its $\delta$ falls a little. Of them the fraction that goes to $k$ is the
# *diversion ratio* from Stars to $k$,
#
# $$-\frac{\partial s_k / \partial \delta_1}{\partial s_1 / \partial \delta_1},$$
#
# and (1.7) gives both derivatives, since $\partial s_k = s_k\, \partial \log s_k$. In the logit it is $s_k / (1 - s_1)$: proportional to share.

# %%
def diversion_over_logit(X2, tastes, Gamma):
    """From product 1 to each rival, as a multiple of the logit's diversion."""
    mu = blpteach.taste_deviations(X2, tastes, Gamma)
    P = blpteach.choice_probabilities(blpteach.invert_shares(shares, mu, weights).delta, mu)
    change = shares * blpteach.log_share_jacobian(P, blpteach.buyers(P, weights))[:, 0]
    return -change[1:] / change[0] / (shares[1:] / (1 - shares[0]))


# %% [markdown]
# *Before you run the next cell: Stars is sugary. With a standard deviation of 3 on the constant alone, does Loops get a larger multiple than Wheat?*

# %%
ones, dummy = np.ones((6, 1)), sugary[:, None]
constant = diversion_over_logit(ones, nodes[:, :1], np.array([[3.0]]))
group = diversion_over_logit(dummy, nodes[:, :1], np.array([[3.0]]))
only_sugar = diversion_over_logit(sugar[:, None], nodes[:, :1], np.array([[3.0]]))
table = {"constant": constant, "dummy 'sugary'": group, "sugar": only_sugar}
pd.DataFrame(table, names[1:]).round(2)

# %% [markdown]
# > **A common error.** "A random coefficient on the constant gives nests." With nothing else random, every type that buys a cereal
# > splits its demand over the six in the same proportions, because $s_{ij} / s_{ik} = e^{\delta_j - \delta_k}$ for each type. More of those who leave Stars stay
# > with cereals than in the logit, by the same multiple for every rival, 1.98. Among inside goods diversion stays proportional to share. It is one
# > nest that holds all inside goods. Several groups need random coefficients on *group dummies*, or a nesting parameter (lesson 06).

# %%
assert np.ptp(constant) < 1e-9 and np.isclose(constant[0], 1.98, atol=0.03)
assert np.ptp(group[:2]) < 1e-9 and np.ptp(group[2:]) < 1e-9
assert group[0] > 3 and group[2] < 0.7
print(f"largest difference between multiples, constant only: {np.ptp(constant):.0e}")

# %% [markdown]
# With a group dummy the two sugary rivals have one multiple and the three others another. With sugar every rival has its own.

# %% [markdown]
# ## Check it
#
# **The library's functions are ours.** Both on the small market.

# %%
assert np.allclose(taste_deviations(X2, nodes, Gamma), blpteach.taste_deviations(X2, nodes, Gamma))
assert np.allclose(probabilities(delta, mu), blpteach.choice_probabilities(delta, mu))
assert np.allclose(market_shares(delta, mu, weights), blpteach.market_shares(delta, mu, weights))
print("equal")

# %% [markdown]
# **Consumers who choose.** Formula (1.3) rests on a theorem about extreme values. We can do without it: draw tastes and $\varepsilon$ for 200,000
# consumers, let each take the best of seven options, and count.

# %%
rng = np.random.default_rng(1)
people = rng.standard_normal((200_000, 2))
u = (delta[:, None] + taste_deviations(X2, people, Gamma)).T           # (people, J)
u = np.column_stack([np.zeros(len(u)), u]) + rng.gumbel(size=(len(u), 7))
counted = np.bincount(u.argmax(1), minlength=7)[1:] / len(u)
assert abs(counted - shares).max() < 0.004
pd.DataFrame({"formula": shares, "counted": counted}, names).round(3)

# %% [markdown]
# **Derivatives against finite differences.** Move $\delta_k$ by plus and minus $10^{-5}$ and compare with (1.7).

# %%
h = 1e-5
numeric = np.empty((6, 6))
for k in range(6):
    up, down = (np.log(market_shares(delta + s * h * np.eye(6)[k], mu, weights)) for s in (1, -1))
    numeric[:, k] = (up - down) / (2 * h)
assert np.allclose(numeric, slope, atol=1e-8)
print(f"largest difference: {abs(numeric - slope).max():.0e}")

# %% [markdown]
# **Without random tastes it is the logit.** Shrink all of $\Sigma$ towards zero. The losses of the twin and of Wheat from the halved price must meet at
# 25.8 %.

# %%
rows = {}
for scale in (1, 0.5, 0.1, 0.01, 0):
    small = taste_deviations(X2, nodes, scale * Gamma)
    d = blpteach.invert_shares(shares, small, weights).delta
    new = market_shares(d + beta_price * cut, small, weights)
    rows[scale] = 100 * (1 - new / shares)[[1, 4]]
assert np.allclose(rows[0], 100 * lost_logit[0]) and np.ptp(rows[0.01]) < 0.05
pd.DataFrame(rows, ["Loops loses (%)", "Wheat loses (%)"]).T.rename_axis("Gamma times").round(2)

# %% [markdown]
# ## Play
#
# Stars gets cheaper. The bars show where its new buyers come from; black marks are the logit's prediction, and the number above a bar is its
# multiple of that. On the right each dot is a type, by its probabilities of buying a sugary and a bran cereal before the price cut. The
# dashed ray holds the types with the logit's odds between the two groups.
#
# Three standard deviations can be moved: on the constant, on sugar, on the dummy *sugary*. Each time the mean utilities are inverted anew, so that
# shares before the cut stay the observed ones. Otherwise a slider would move the shares too, and we couldn't tell one effect from the other.
# Lesson 02 shows how the inversion works.

# %%
from blpteach.widgets.tastes import MARKET, diversion

plots.Diversion(**MARKET, sigma_sugar=3.0)

# %% [markdown]
# *Before you move anything: set sugar to zero and the constant to 3. What will the six numbers above the bars be, relative to each other? Where will the dots lie?
# And with the group dummy alone: what do the three bran cereals and the outside good have in common?*

# %%
diversion()

# %% [markdown]
# - **constant only**: five equal multiples, and dots on the ray. (They are less than the 1.98 above, which was for a tiny price cut.) Types differ in how much cereal they buy, not in which.
# - **group dummy**: one multiple for the sugary rivals. Bran cereals and the outside good share another, because no taste separates a bran cereal
#   from buying nothing.
# - **sugar**: dots on a curve. Every rival has a multiple of its own, larger the closer its sugar is to that of Stars.
# - Put the constant on top of the dummy. The outside good falls behind, and the bran cereals recover.
# - Shrink the price cut with tastes held. The multiple of Loops grows. A small cut wins consumers who resemble the present buyers most. A deep cut also wins
#   some who care less for sugar.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1.1 · 5 minutes · easy
#
# Which fraction of the buyers of Stars likes sugar more than the mean consumer does? And of the buyers of Wheat? One line each, with `B` and `nodes` from above.

# %%
answer = ...

# %% tags=["solution"]
answer = B[[0, 4]] @ (nodes[:, 1] > 0)                   # E[1{nu > 0} | buys j]
assert np.allclose(answer, [0.91, 0.36], atol=0.02)
answer.round(2)

# %% [markdown]
# ### Exercise 1.2 · 10 minutes · medium
#
# Stars is taken off the shelf. What fraction of its buyers goes to each rival? These are *second choices*. Compute them from shares before and
# after (delete the product from `delta` and `mu`), and once more as an expectation over the buyers of Stars:
# $E[\, s_{ik} / (1 - s_{i1}) \mid i \text{ buys } 1\,]$. Why are both the same?

# %%
second_choices = ...

# %% tags=["solution"]
rest = blpteach.market_shares(delta[1:], mu[1:], weights)
second_choices = (rest - shares[1:]) / shares[0]
assert np.allclose(second_choices, (P[1:] / (1 - P[0])) @ B[0])
# A type splits what it bought of product 1 in proportion to its other probabilities.
assert np.isclose(second_choices[0], 0.301, atol=0.01)
pd.Series(second_choices, names[1:]).round(3)

# %% [markdown]
# ### Exercise 1.3 · 20 minutes · harder
#
# How do shares move with a parameter $\gamma_{kl}$ of Gamma, $\delta$ held? Differentiate (1.3) and (1.5), and show that
#
# $$\frac{\partial \log s_j}{\partial \gamma_{kl}} = E\Big[\, v_{il} \Big(x_{2jk} - \sum_m s_{im}\, x_{2mk}\Big) \,\Big|\, i \text{ buys } j \Big],$$
#
# with $v_{il}$ the element of `tastes`. Write it as a function `taste_slope(P, B, X2, tastes, k, l)` with result (J,), and check it by finite
# differences for the standard deviation on sugar. In words: which products gain when tastes for sugar become more dispersed?

# %%
def taste_slope(P, B, X2, tastes, k, l):
    return ...


# %% tags=["solution"]
def taste_slope(P, B, X2, tastes, k, l):
    """d log s_j / d Gamma_kl with delta held, (J,)."""
    v = tastes[:, l]                                     # (I,)
    expected_x = X2[:, k] @ P                            # (I,)  sum_m s_im x_mk
    return X2[:, k] * (B @ v) - B @ (v * expected_x)


def log_shares(Gamma):
    return np.log(market_shares(delta, taste_deviations(X2, nodes, Gamma), weights))


step = np.array([[0, 0], [0, 1e-5]])
found = taste_slope(P, B, X2, nodes, 1, 1)
assert np.allclose(found, (log_shares(Gamma + step) - log_shares(Gamma - step)) / 2e-5, atol=1e-8)
# Stars and Loops gain: their buyers like sugar,
# and they have more of it than these buyers' expected choice.
assert (found[:2] > 0.3).all() and (found[3:] < 0).all()
pd.Series(found, names).round(3)

# %% [markdown]
# ## In practice
#
# PyBLP computes the same shares. We give it our small market, our nodes and our parameters, and ask for the shares at the given prices.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
    print("To run this section: pip install pyblp")

# %%
if pyblp:
    formulas = pyblp.Formulation("1 + prices + sugar"), pyblp.Formulation("1 + sugar")
    table = pd.DataFrame({"market_ids": 0, "firm_ids": range(6), "prices": prices, "sugar": sugar})
    people = {"market_ids": 0, "weights": weights, "nodes0": nodes[:, 0], "nodes1": nodes[:, 1]}
    economy = pyblp.Simulation(formulas, table, beta=beta, sigma=Gamma, xi=delta - X1 @ beta,
                               agent_data=pd.DataFrame(people))

# %%
if pyblp:
    stay = pyblp.Iteration("return")                     # keep the given prices
    result = economy.replace_endogenous(costs=np.zeros(6), prices=prices, iteration=stay)
    gap = abs(result.product_data.shares[:, 0] - shares).max()
    assert gap < 1e-10
    print(f"largest difference between PyBLP's shares and ours: {gap:.0e}")

# %% [markdown]
# It has the same product rule too. In PyBLP a rule is an `Integration`.

# %%
if pyblp:
    theirs = pyblp.build_integration(pyblp.Integration("product", 9), 2)
    ours = blpteach.gauss_hermite(9).nodes_and_weights(1, 2)[1][0]
    assert np.allclose(np.sort(theirs.weights[:, 0]), np.sort(ours))
    print("Gauss-Hermite weights agree:", len(ours), "nodes")

# %% [markdown]
# What practice adds. Choose the rule by the dimension, then double the nodes and look whether the estimates move: lesson 08 makes a standard error
# of that. With few dimensions use a product rule, with many scrambled Halton or Sobol points, and different points in each market. Report the rule, the number
# of nodes and the seed, since somebody will want to repeat it.

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
