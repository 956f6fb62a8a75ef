# %% [markdown]
# # 01. Who leaves when a rival gets cheaper? Random tastes and market shares
#
# *90 minutes, and another 55 for the exercises. You need: econometrics through IV and GMM; numpy. Lesson 00 helps: this lesson starts from its last result.
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
# First the smallest market in which all this can be seen, then Nevo's 94.

# %% [markdown] minutes=3 ask="Stars wins 23 points of share. Which part of its buyers does each rival lose?"
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
# $\delta_j = \log s_j - \log s_0$. In code `delta`, shape (J,), with J = 6. (Formulas count from 1, code from 0: product 1 is Stars, row 0.)
#
# A dollar off the price raises utility by 0.75. We take this number as given here; lesson 03 estimates one. Stars goes from 4 dollars to 2.

# %% tags=["parameters"]
beta_price = -0.75                                       # utils a dollar
new_price = 2.0                                          # of Stars, in dollars

# %% [markdown]
# **Before you run the next cells:** the share of Stars rises from 10 to 33 percent. You know from lesson 00 that all others lose the same part of
# their buyers, the twin like Wheat, and the outside good too. Which part, roughly?

# %%
def with_outside(shares):
    """Shares with the outside good's at the end, (J + 1,)."""
    return np.append(shares, 1 - shares.sum())


# %%
delta_logit = np.log(shares) - np.log(1 - shares.sum())
cut = np.array([new_price - prices[0], 0, 0, 0, 0, 0])   # dollars
expV = np.exp(delta_logit + beta_price * cut)
after_logit = expV / (1 + expV.sum())
lost_logit = 1 - with_outside(after_logit)[1:] / with_outside(shares)[1:]  # parts of their buyers
pd.Series(100 * lost_logit, [*names[1:], "outside good"]).round(2)

# %%
assert np.isclose(after_logit[0], 0.332, atol=5e-4) and np.allclose(lost_logit, 0.258, atol=5e-4)
plots.Losses(10 * sugar[1:], names[1:], "Stars", part=new_price / prices[0],
             logit=lost_logit[0], outside=lost_logit[0])

# %% [markdown]
# All lose 25.8 %. (The grey square is the outside good. It stands left of zero so that no cereal hides it.) It must be so: those who don't buy Stars fall from 90 to 66.8 percent of the consumers, and $1 - 66.8/90 = 25.8$ %. The reason stands in the formula. In the
# logit $s_j / s_k = e^{\delta_j - \delta_k}$, and no third product appears. When Stars improves, the ratio of Loops to Wheat can't move, so both lose the same part. This is the
# *independence of irrelevant alternatives*, IIA. No data can overturn it, because no parameter of the logit could.
#
# What would overturn it? Those who like sugar buy Stars or Loops. If Stars gets cheaper, they are the ones who move. So we need consumers
# who differ.

# %% [markdown] minutes=2 ask="Everybody has seen an advertisement for Stars. Is its effect in delta, in mu or in epsilon?"
# ### Utility with tastes that differ
#
# Consumer $i$ gets from product $j$, and from the outside good,
#
# $$u_{ij} = \delta_j + \mu_{ij} + \varepsilon_{ij}, \qquad u_{i0} = \varepsilon_{i0}.$$
#
# - $\delta_j$ is what all consumers share.
# - $\mu_{ij}$ is how far consumer $i$ is from that because of tastes. Code: `mu`, shape (J, I), for I types of consumers. Subscripts are written $ij$; arrays have products
#   in rows and types in columns.
# - $\varepsilon_{ij}$ is extreme value (Gumbel) with scale one, independent over consumers and products, as in the logit. The scale fixes the unit, the *util*: the standard deviation
#   of $\varepsilon_{ij}$ is $\pi / \sqrt 6 = 1.28$ utils.
#
# The common part is linear in characteristics:
#
# $$\delta_j = x_{1j}'\beta + \xi_j \tag{1.1}$$
#
# with characteristics $x_{1j}$ (`X1`, shape (J, K1); price is one of them), mean tastes $\beta$ (`beta`, (K1,)), and $\xi_j$ (`xi`, (J,)),
# the quality that consumers see and we don't. Given $\delta$ and $\beta$, it is the residual. We make up the other two mean tastes too; $\xi$ takes what they leave.

# %% tags=["parameters"]
beta = np.array([0.2, beta_price, 0.8])                  # constant, price, sugar

# %%
X1 = np.column_stack([np.ones(6), prices, sugar])        # (J, K1)
xi = delta_logit - X1 @ beta                             # (1.1)
assert np.allclose(blpteach.mean_utility(X1, beta, xi), delta_logit)
pd.DataFrame({"delta": delta_logit, "X1 @ beta": X1 @ beta, "xi": xi}, names).round(2)

# %% [markdown] minutes=2 ask="How many dollars more are ten grams of sugar worth to the third type than to the second?"
# ### One taste
#
# Let the taste for sugar differ. Consumer $i$ has the draw $\nu_i$, standard normal, and $\sigma$ says how strongly tastes vary:
#
# $$\mu_{ij} = x_j \, \sigma \, \nu_i .$$
#
# Three types are enough to see it: $\nu = -1, 0, 1$.

# %% tags=["parameters"]
sigma_sugar = 2.0                                        # utils for 10 grams
nu = np.array([-1.0, 0.0, 1.0])                          # (I,)

# %%
mu = sigma_sugar * np.outer(sugar, nu)                   # (J, I)
pd.DataFrame(mu, names, ["dislikes sugar", "as the mean", "likes sugar"])

# %% [markdown]
# With $\sigma = 2$, ten grams of sugar are worth two utils more to the third type than to the second. Two utils are the value of $2 / 0.75 = 2.67$ dollars, and more than a
# standard deviation of $\varepsilon$. It is a strong taste.

# %% [markdown] minutes=3 ask="Suppose every product of every market has its own free number mu for each characteristic. How many numbers is that in Nevo's data?"
# ### Several tastes: one matrix product
#
# Now let K2 characteristics have random tastes. They are the columns of `X2`, shape (J, K2). Consumers differ in L unobserved tastes
# $\nu_{il}$ (`nodes`, (I, L)), independent standard normal, and in D observed demographics $y_{id}$ (`demographics`, (I, D)), such as income:
#
# $$\mu_{ij} = \sum_k x_{2jk} \Big( \sum_l \sigma_{kl}\, \nu_{il} + \sum_d \pi_{kd}\, y_{id} \Big). \tag{1.2}$$
#
# Put nodes and demographics side by side, `tastes = [nodes, demographics]`, and the parameters too, `Gamma = [sigma, pi]`, shape (K2, L + D).
# Then both sums are one product, and a line of mathematics is a line of code. (`.mT` transposes a matrix; of a stack, each matrix.)

# %% tags=["build"]
def taste_deviations(X2, tastes, Gamma):
    """(1.2): how far each type is from mean utility; (J, K2), (I, L + D), (K2, L + D) go in."""
    return X2 @ Gamma @ tastes.mT                        # (J, I)


# %% [markdown]
# Two random coefficients: on the constant, with standard deviation 1, and on sugar, with standard deviation 2. The random coefficient on
# the constant says how much a consumer likes cereals at all. No demographics yet, so `tastes` are the nodes. We type three types.

# %% tags=["parameters"]
Gamma = np.diag([1.0, 2.0])                              # (K2, L): constant, sugar
types = np.array([[0, -1], [0, 1], [1, 1]])              # (I, L): cereals, sugar

# %%
X2 = np.column_stack([np.ones(6), sugar])                # (J, K2)
type_names = [str(tuple(nu_i)) for nu_i in types.tolist()]
pd.DataFrame(taste_deviations(X2, types, Gamma), names, type_names)

# %% [markdown]
# > **A common error.** One reads that utility is $\delta_{jt} + \sum_k \nu_{ik}\, \mu_{jtk}$, with one free number $\mu_{jtk}$ for each product
# > $j$, market $t$ and characteristic $k$. Count the unknowns. Nevo's cereal data have 2,256 shares and four characteristics with random
# > coefficients. That utility has 9,024 free numbers: more
# > unknowns than data, and nothing that one market teaches about another. In (1.2) the characteristics are data. The parameters
# > $\theta_2 = (\Sigma, \Pi)$, the matrices of all $\sigma_{kl}$ and $\pi_{kd}$, are the same in all markets: 13 numbers in Nevo's model, as you will count.

# %%
products, agents = blpteach.load_cereal()
free_numbers = 4 * len(products)
assert (len(products), free_numbers) == (2256, 9024)
print(f"shares: {len(products):,}   free mu_jtk: {free_numbers:,}")

# %% [markdown] minutes=2 ask="Is the correlation of the two tastes positive or negative, and how large is the standard deviation of the taste for sugar?"
# ### Correlated tastes
#
# Do those who like cereals like sugar less? Let $\Sigma$ (`sigma`) be lower-triangular. The tastes of a consumer are $\Sigma \nu_i$. The $\nu_{il}$ are
# independent with variance one, so the covariance of tastes is $\Sigma \Sigma'$.
#
# Why triangular? The $\nu_i$ are normal, so $\Sigma\nu_i$ is normal too, and its distribution depends on $\Sigma$ through $\Sigma\Sigma'$ alone. Every positive definite covariance matrix has
# exactly one lower-triangular root with a positive diagonal. More free elements would be more parameters than there are covariances. (That is a statement about the whole
# distribution. A handful of nodes is not symmetric, and then the sign of a column of $\Sigma$ does matter: Nevo's 20 draws below.)

# %% tags=["parameters"]
sigma = np.array([[1.0, 0.0],
                  [-1.2, 1.6]])                          # (K2, L): cereals, sugar

# %% [markdown]
# **Before you run the next cells:** is the correlation of the two tastes positive or negative? What is the standard deviation of the taste for sugar?

# %%
draws = np.random.default_rng(0).standard_normal((20_000, 2))
simulated = np.cov((draws @ sigma.T).T)
assert np.allclose(simulated, sigma @ sigma.T, atol=0.1)
print("sigma sigma':", sigma @ sigma.T, "simulated:", simulated.round(2), sep="\n")

# %%
plots.TasteCloud(draws[:2000], ("cereals", "sugar"), sigma=sigma)

# %% [markdown]
# The standard deviation is $\sqrt{1.2^2 + 1.6^2} = 2$, the correlation $-1.2 / (1 \cdot 2) = -0.6$.

# %% [markdown] minutes=4 ask="Tastes for price are normal given demographics. Will the 1,880 price coefficients look normal?"
# ### Observed tastes: demographics
#
# Incomes and ages are observed, at least their distribution. A demographic enters as one more column of `tastes`. Nevo's agents are 20
# draws from the population of each market. (The cereal tables are artificial: Nevo distributes them with his guide to the method.)

# %% tags=["parameters"]
market = "C01Q1"                                         # city 1, first quarter

# %%
node_columns = ["nodes0", "nodes1", "nodes2", "nodes3"]
demographic_columns = ["income", "income_squared", "age", "child"]
here = agents["market_ids"] == market
agents.loc[here, ["weights", "nodes1", *demographic_columns]].head(4).round(2)

# %% [markdown]
# `income` is log income, net of its mean. `income_squared` is the square of log income, and its mean is taken out *after* squaring: that is why it can be negative, and why
# $0.50$ stands beside $8.33$. Log income varies little around a large mean, so its square is nearly a line in it.

# %%
together = np.corrcoef(agents["income"], agents["income_squared"])[0, 1]
assert np.isclose(together, 0.995, atol=1e-3)
print(f"correlation of income and income_squared: {together:.3f}")

# %% [markdown]
# Nevo's model has random coefficients on the constant, price, sugar and mushiness, and demographics in all four. Take the estimates from lesson 04, where they are found.

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
print("nonzero elements of Gamma:", np.count_nonzero(Gamma_cereal))

# %% [markdown]
# Four numbers in $\Sigma$ and nine in $\Pi$: the 13 parameters announced above. One of the four is negative, a "standard deviation" of $-0.006$. With the exact integral its sign would not
# matter, because $\nu$ and $-\nu$ have the same distribution. With 20 given draws it does, since they are not symmetric. We shall see how much.
#
# Read the second row of $\Pi$. A consumer's utility changes with price at the rate
# $\alpha_i = \beta_{price} + \sigma_{price} \nu_i + \sum_d \pi_{price, d}\, y_{id}$, here with $\beta_{price} = -62.73$ utils a dollar. (Prices here are dollars a *serving*, about 0.13. Ours
# were dollars a *box*. Ten percent of the price are 0.8 utils here and 0.3 utils for a box of Stars.)
#
# **Before you run the next cells:** tastes for price are normal given demographics. Will the 1,880 numbers $\alpha_i$ look normal?

# %%
alpha = -62.730 + tastes_cereal @ Gamma_cereal[1]                      # (94 * 20,)
assert np.isclose(alpha.mean(), -62.8, atol=0.1) and np.isclose(np.median(alpha), -34.5, atol=0.1)
print(f"mean {alpha.mean():.1f}   median {np.median(alpha):.1f}   most sensitive {alpha.min():.0f}")

# %%
plots.PriceSlopes(alpha)

# %% [markdown]
# They don't. Half of the types are above $-34.5$, but one long tail pulls the mean to $-62.8$. Where does the spread come from? Take $\alpha_i$ apart: the
# unobserved draw, income together with its square, and the child. The standard deviations of the three parts are:

# %%
columns = {"unobserved": slice(1, 2), "income": slice(4, 6), "child": slice(7, 8)}
parts = {name: tastes_cereal[:, k] @ Gamma_cereal[1, k] for name, k in columns.items()}
spread = pd.Series({name: part.std() for name, part in parts.items()})
assert np.allclose(spread, [3.3, 85.7, 4.7], atol=0.1)
spread.round(1)

# %% [markdown]
# It is income, nearly all of it. Which way? The mean of $\alpha_i$ by fifths of income, the poorest first:

# %%
fifth = pd.qcut(agents["income"].to_numpy(), 5, labels=range(1, 6))
by_fifth = pd.Series(alpha).groupby(fifth, observed=True).mean()
assert np.allclose(by_fifth, [-177, -50, -31, -24, -32], atol=0.6)
by_fifth.round(0)

# %% [markdown]
# Those with low incomes mind the price most: $-177$ in the poorest fifth, between $-50$ and $-24$ in the others. At these estimates nearly all heterogeneity in price tastes runs through
# income, whose distribution is observed. (How precisely they are estimated is a question for lesson 04.)

# %% [markdown] minutes=2 ask="Two types differ in their taste for cereals of any kind alone. How do their odds of Stars against Wheat differ?"
# ### What one type chooses
#
# Given its tastes, a type is a logit consumer. Its probability of choosing $j$ (`P`, shape (J, I)) is
#
# $$s_{ij} = \frac{e^{\delta_j + \mu_{ij}}}{1 + \sum_m e^{\delta_m + \mu_{im}}}. \tag{1.3}$$
#
# The one in the denominator is $e^0$, the outside good.

# %% tags=["build"]
def naive_probabilities(delta, mu):
    """(1.3), as it stands: choice probabilities of each type, from (J,) and (J, I)."""
    expV = np.exp(delta[:, None] + mu)
    return expV / (1 + expV.sum(0))                      # (J, I)


# %% [markdown]
# The same three types, with the logit's $\delta$. The type (0, 1) likes sugar; the type (1, 1) likes sugar and cereals.

# %% tags=["parameters"]
types = np.array([[0, -1], [0, 1], [1, 1]])              # (I, L): cereals, sugar

# %%
mu = taste_deviations(X2, types, Gamma)
type_names = [str(tuple(nu_i)) for nu_i in types.tolist()]
pd.DataFrame(naive_probabilities(delta_logit, mu), names, type_names).round(3)

# %% [markdown]
# The second and the third type differ in how much they like cereals. Their odds of Stars against Wheat are the same. Remember this for the end.

# %%
odds = naive_probabilities(delta_logit, mu)[0] / naive_probabilities(delta_logit, mu)[4]
assert np.isclose(odds[1], odds[2])
pd.Series(odds, type_names, name="Stars / Wheat").round(3)

# %% [markdown] minutes=2 ask="What is infinity over infinity in floating point, and what should the probability be?"
# ### Why `exp` fails, and the cure
#
# A search over parameters tries wild values. Suppose it tries a $\sigma$ of 700 on sugar. A double holds numbers up to about $e^{709}$.

# %% tags=["parameters"]
wild_sigma = 700.0                                       # on sugar

# %% [markdown]
# **Before you run the next cell:** what will the second type's probabilities be?

# %%
wild = taste_deviations(X2, types, np.diag([1.0, wild_sigma]))
with np.errstate(all="ignore"):
    broken = naive_probabilities(delta_logit, wild)
assert np.isnan(broken[0, 1])
pd.DataFrame(broken, names, type_names).round(3)

# %% [markdown]
# Infinity over infinity: `nan`. The answer itself is harmless. Multiply numerator and denominator of (1.3) by $e^{-m_i}$, with $m_i$ the
# largest utility of type $i$. The fraction is the same, and no exponent is positive any more. The outside good's zero counts among the
# utilities. If it were left out and all products were awful, $e^{-m_i}$ would overflow instead.

# %% tags=["build"]
def choice_probabilities(delta, mu):
    """(1.3): choice probabilities of each type, both parts of the fraction times exp(-top)."""
    V = delta[:, None] + mu
    top = np.maximum(V.max(0), 0)                        # (I,)  the outside good's 0 included
    expV = np.exp(V - top)
    return expV / (np.exp(-top) + expV.sum(0))           # (J, I)


# %%
P = choice_probabilities(delta_logit, wild)
assert np.isfinite(P).all() and np.allclose(P[:2, 1], [0.556, 0.444], atol=1e-3)
assert np.allclose(choice_probabilities(delta_logit, mu), naive_probabilities(delta_logit, mu))
pd.DataFrame(P, names, type_names).round(3)

# %% [markdown]
# The second type shares its demand between the twins, 0.556 to 0.444, as it should: their odds are their $e^{\delta_j}$.
#
# The *inclusive value* is the expected utility of a type's best choice, up to a constant,
#
# $$\log\Big(1 + \sum_j e^{\delta_j + \mu_{ij}}\Big). \tag{1.4}$$
#
# One over its exponential is the probability of the outside good. Lesson 05 makes welfare of it. In the library it takes the largest utility out first, as we did:

# %%
blpteach.show(blpteach.inclusive_value)

# %%
outside = np.exp(-blpteach.inclusive_value(delta_logit, mu))           # (1.4)  (I,)
assert np.allclose(outside, 1 - choice_probabilities(delta_logit, mu).sum(0))
outside.round(3)

# %% [markdown] minutes=3 ask="Mean utilities stay, and half of the consumers now like sugar less. Do the shares of the sugary cereals fall, stay or rise?"
# ### Market shares: an average over types
#
# The population holds many types. The market share is the average of their probabilities. Let $s_j(\nu, y)$ be the probability (1.3) of a consumer with tastes $\nu$ and demographics $y$, and $F$
# the distribution of both. The average is an integral. It has no closed form, so we take finitely many types with weights $w_i$ (`weights`, shape (I,)), which sum to one here (the automobiles of lesson
# 02 have importance weights that don't):
#
# $$s_j = \int s_j(\nu, y)\, dF(\nu, y) \approx \sum_i w_i\, s_{ij}. \tag{1.5}$$

# %% tags=["build"]
def market_shares(delta, mu, weights):
    """(1.5): choice probabilities averaged over types, from (J,), (J, I), (I,)."""
    return choice_probabilities(delta, mu) @ weights     # (J,)


# %% [markdown]
# The values of $\nu$ that stand for the whole distribution are its *nodes*. An integration rule of the library gives nodes and weights for a number of markets and dimensions. We ask for 500 nodes in one market, in two
# dimensions, and take that market's.

# %% tags=["parameters"]
size, seed = 500, 0                                      # Halton points, and their scrambling

# %% [markdown]
# **Before you run the next cell:** mean utilities stay as they are, and half of the consumers now like sugar less than the mean. Do the shares of the sugary cereals fall, stay or rise? And those of the others?

# %%
nodes, weights = blpteach.halton(size, seed=seed).nodes_and_weights(1, 2)  # (T, I, L), (T, I)
nodes, weights = nodes[0], weights[0]
mu = taste_deviations(X2, nodes, Gamma)                                # (J, I)
average = market_shares(delta_logit, mu, weights)
assert np.allclose(average[[0, 3]], [0.152, 0.064], atol=2e-3) and (average[3:] < shares[3:]).all()
assert np.isclose(average.sum(), 0.468, atol=2e-3)
pd.DataFrame({"no random tastes": shares, "with them": average}, names).round(3)

# %% [markdown]
# Stars and Loops sell half as much again. A choice probability below one half is convex in $\mu$: those who like sugar raise a share more than those who dislike it lower it. The shares of Bran, Wheat and Oats fall. Consumers who
# gained a taste for sugar leave them for Stars and Loops. (Altogether the six cereals have 46.8 % now, not 40 %.)

# %% [markdown] minutes=3 ask="Four times as many nodes: how much smaller is the error of Monte Carlo, and of Halton?"
# ### Which nodes?
#
# Four rules for the same integral:
#
# - **Monte Carlo**: independent draws. The error falls like $I^{-1/2}$ in any dimension: four times the nodes halve it.
# - **Scrambled Halton** and **scrambled Sobol**: points that fill the space evenly, with a random scrambling. The error falls nearly like
#   $I^{-1}$, up to powers of $\log I$. Scrambled Sobol can do better where the integrand is smooth.
# - **Gauss-Hermite product**: chosen points with unequal weights, exact for polynomials up to degree $2n - 1$ in each direction. In L dimensions, $n$ points in each direction are $n^L$ nodes.
#
# We know the truth here from 120 x 120 Gauss-Hermite nodes. The error is the root mean square over the six shares and 12 seeds.

# %% tags=["parameters"]
seeds = 12                                               # repetitions of each rule that draws

# %% [markdown]
# **Before you run the next cell:** on logarithmic axes an error of $I^{-1/2}$ is a line of slope $-0.5$. Which slopes do you expect for Halton and for Sobol?

# %%
errors = plots.IntegrationErrors(delta_logit, X2, Gamma, seeds=seeds)
errors

# %%
assert abs(errors.slopes["Monte Carlo"] + 0.5) < 0.1
assert abs(errors.slopes["scrambled Halton"] + 0.94) < 0.1
assert errors.slopes["scrambled Sobol"] < -1.05
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
# Sobol is better still, but its size must be a power of two: `sobol(500)` is refused. Halton takes any number, and we stay with it.
#
# In two dimensions the product rule wins. Then count: 9 points in each direction are 81 nodes in two dimensions and 59,049 in five, for every
# market. The automobiles of Berry, Levinsohn and Pakes have five columns of nodes. Product rules are for few dimensions, Halton or
# Sobol for several.

# %%
pd.Series({L: 9**L for L in range(1, 6)}, name="nodes").rename_axis("dimensions")

# %% [markdown]
# Nevo's 20 draws a market would lie at the left end of the picture. We keep them because the published numbers are for these draws. With them the 20 types *are* the population of
# the market.

# %% [markdown] minutes=2 ask="What would a derivative with respect to sigma be on the jagged line?"
# ### Nodes are drawn once
#
# The outer loop of lesson 04 changes $\sigma$ in small steps and compares. If nodes are drawn anew at every step, it compares noise with noise. Nodes
# are drawn once, before the search, and then belong to the data. Here is the share of Stars as $\sigma$ moves, with 200 Monte Carlo draws.

# %% tags=["parameters"]
draws_each = 200                                         # Monte Carlo draws

# %%
def share_of_stars(sigma_sugar, draws):
    """The share of Stars at the logit's delta, with equal weights, from a number and (I, 1)."""
    mu = sigma_sugar * np.outer(sugar, draws[:, 0])
    return market_shares(delta_logit, mu, np.full(len(draws), 1 / len(draws)))[0]


# %% [markdown]
# **Before you run the next cells:** let $\sigma$ rise from 1 to 2 in 50 steps. With nodes drawn anew, how large is the largest jump from one step to the next, compared with the whole rise of the share?

# %%
drawn = plots.DrawnOnce(share_of_stars, size=draws_each)
drawn

# %%
jump = abs(np.diff(drawn.anew.get_ydata())).max()
rise = np.ptp(drawn.once.get_ydata())
assert np.isclose(jump, 0.030, atol=3e-3) and np.isclose(rise, 0.035, atol=3e-3)
print(f"largest jump between neighbours: {jump:.3f}   whole rise, drawn once: {rise:.3f}")

# %% [markdown]
# One step of noise is nearly as large as the whole rise. The smooth line has an error too, because 200 draws are few. But it has a slope, and a search can follow it.

# %% [markdown] minutes=3 ask="At the logit's delta the share of Bran came out too low. Will its delta rise?"
# ### Shares are data, so delta moves
#
# When we added random tastes the shares changed, because we held $\delta$. But shares are observed. What must change is $\delta$:
# we look for the $\delta$ at which the model's shares are the observed ones. That is Step 2, share inversion, and lesson 02 opens it. For now it is
# one call.

# %% tags=["parameters"]
Gamma = np.diag([1.0, 2.0])                              # (K2, L): constant, sugar

# %% [markdown]
# **Before you run the next cell:** at the logit's $\delta$ the sugary twins came out too high, and Bran, Wheat and Oats too low. Which $\delta_j$ will fall, and which will rise?

# %%
mu = taste_deviations(X2, nodes, Gamma)
delta = blpteach.invert_shares(shares, mu, weights).delta
assert np.allclose(market_shares(delta, mu, weights), shares)
pd.DataFrame({"logit": delta_logit, "with random tastes": delta}, names).round(3)

# %% [markdown]
# All six fall. The sugary ones fall by up to 0.9, since their enthusiasts buy them anyway. But Bran, whose share was too low, falls as well. Put only Bran back to the logit's value, with all
# others at the new ones:

# %%
only_bran = np.where(np.array(names) == "Bran", delta_logit, delta)
bran = market_shares(only_bran, mu, weights)[3]
assert (delta < delta_logit).all() and np.isclose(delta[0] - delta_logit[0], -0.91, atol=0.02)
assert np.isclose(bran, 0.083, atol=1e-3)
print(f"share of Bran: {bran:.3f}, observed {shares[3]:.3f}")

# %% [markdown]
# Once the sugary cereals are weaker, Bran's share at the logit's $\delta$ is too high. No $\delta_j$ can be found alone. That is why Step 2 has a lesson of its own.

# %% [markdown] minutes=2 ask="Which of our lines fail for a stack of markets?"
# ### One function for one market and for all
#
# The functions above know one market. A stack of T markets has one more axis in front: `delta` (T, J), `mu` (T, J, I), `weights` (T, I). Count
# axes from the right, -1 for types and -2 for products, and the same lines serve both. Two details are new. `keepdims=True` leaves an axis of length one where a maximum or a sum was taken, so that the result still lines up with (T, J, I). And `P @ weights` would
# read weights (T, I) as a matrix, so the library multiplies and sums.

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

# %% tags=["parameters"]
t = 0                                                    # the market that we compare

# %%
stack = blpteach.market_shares(delta_all, mu_all, weights_all)  # all 94 markets at once
ours = market_shares(delta_all[t], mu_all[t], weights_all[t])
assert np.allclose(stack, shares_all) and np.allclose(stack[t], ours)
print("shares of 94 markets:", stack.shape, "  shares of one:", ours.shape)
print(f"largest difference: {abs(stack[t] - ours).max():.0e}")

# %% [markdown]
# The library's functions are your lines, written for a stack. With all markets at hand, back to the sign of a standard deviation.
#
# **Before you run the next cell:** $\sigma$ on price becomes $-3.31$ instead of $3.31$, and $\delta$ stays. With the exact integral no share would move. How much do shares move with 20 draws a market?

# %%
flipped = Gamma_cereal * np.where(np.arange(8) == 1, -1, 1)      # column 1 of Gamma: nu for price
mu_flipped = blpteach.taste_deviations(X2_all, tastes_all, flipped)
moved = 100 * abs(blpteach.market_shares(delta_all, mu_flipped, weights_all) / shares_all - 1)
assert np.isclose(moved.mean(), 8.0, atol=0.2) and moved.max() > 70
print(f"a share moves by {moved.mean():.1f} % on average, at most by {moved.max():.0f} %")

# %% [markdown]
# By 8 percent on average. With few nodes a sign is part of the estimate, and lesson 04 keeps it.

# %% [markdown] minutes=3 ask="Do the buyers of Wheat like sugar less than the mean consumer? And those who buy nothing?"
# ### Who buys
#
# Pick a box of Stars that was sold. Which type bought it? Bayes' rule: the type's weight times its probability of buying, divided by the
# total:
#
# $$w_{i|j} = \frac{w_i\, s_{ij}}{s_j}. \tag{1.6}$$
#
# In code `B`, shape (J, I). Each row is a distribution over types. An average with these weights is an expectation over the buyers of $j$; we
# write $E[\,\cdot \mid i \text{ buys } j]$.

# %% tags=["build"]
def buyers(P, weights):
    """(1.6): who buys each product, a distribution over types in each row, from (J, I) and (I,)."""
    B = P * weights
    return B / B.sum(1, keepdims=True)                   # (J, I)


# %%
P = blpteach.choice_probabilities(delta, mu)
B = buyers(P, weights)
assert np.allclose(B, blpteach.buyers(P, weights)) and np.allclose(B.sum(1), 1)
means = B @ nodes                                        # (J, L)
assert (means[:, 0] > 0.2).all() and np.allclose(means[[0, 4], 1], [1.05, -0.33], atol=0.03)
pd.DataFrame(means, names, ["taste for cereals", "taste for sugar"]).round(2)

# %% [markdown]
# The average buyer of each product likes cereals more than the mean consumer, who has zeros in both columns. The taste for sugar separates the products. The average buyer of Stars
# is more than a standard deviation above the mean consumer, the average buyer of Wheat a third of one below. The twins have the same buyers: no type tells them apart.
#
# Now the whole distribution, for random tastes in sugar alone.

# %% tags=["parameters"]
pair = {"Stars": 0, "Wheat": 4}                          # two products, by name and row
sigma_sugar = 2.0

# %% [markdown]
# **Before you run the next cell:** draw four densities of the taste for sugar on paper: of all consumers, of those who buy Stars, of those who buy Wheat, and of those who buy nothing.

# %%
plots.Buyers(shares, sugar, pair, sigma=sigma_sugar)

# %% [markdown]
# Those who buy Wheat resemble those who buy nothing. Wheat has a gram of sugar, the outside good none, so for a taste for sugar they are nearly the same good.

# %% [markdown] minutes=3 ask="Stars improves and Loops loses buyers. Whose probability of buying Stars says how many: that of all consumers, or of whom?"
# ### All derivatives of shares, from the buyers
#
# Raise $\delta_k$ a little. A type's probability of $j$ moves by $s_{ij}(1\{j = k\} - s_{ik})$, the logit's derivative; $1\{j = k\}$ is one for $j = k$ and zero
# otherwise. Average over types with
# $w_i$, divide by $s_j$, and the weights become $w_{i|j}$:
#
# $$\frac{\partial \log s_j}{\partial \delta_k} = 1\{j = k\} - E[\, s_{ik} \mid i \text{ buys } j\,]. \tag{1.7}$$
#
# In words: when *another* product $k$ improves, $j$ loses buyers to the extent that *those who buy j* were likely to buy $k$. This sentence is the economics of
# substitution. Elasticities, diversion and the search for the parameters are built on it.

# %% tags=["build"]
def log_share_jacobian(P, B):
    """(1.7): row j, column k is the derivative of log s_j in delta_k, from (J, I) and (J, I)."""
    return np.eye(len(P)) - B @ P.T                      # (J, J)


# %%
log_slopes = log_share_jacobian(P, B)
assert np.allclose(log_slopes, blpteach.log_share_jacobian(P, B))
pd.DataFrame(log_slopes, names, names).round(3)

# %% [markdown]
# Read down the first column: Stars improves. The losses of Loops and Wheat, in percent of their buyers:

# %% tags=["parameters"]
improvement = 0.01                                       # of the delta of Stars, in utils

# %%
lost_part = -improvement * log_slopes[[1, 4], 0]
assert np.allclose(100 * lost_part, [0.248, 0.069], atol=0.004)
print("Loops {:.2f} %, Wheat {:.2f} %".format(*100 * lost_part))
print(f"logit, both: {100 * improvement * shares[0]:.2f} %")

# %% [markdown]
# In the logit both would lose 0.10 %, the share of Stars times 0.01. Those who buy Loops buy Stars with probability 0.25, those who buy Wheat with 0.07.

# %% [markdown] minutes=3 ask="In a logit with the same gain, every rival loses 17.6 percent. Does Bran lose more or less than that?"
# ### The halved price again
#
# Stars goes to 2 dollars. Tastes for price don't differ in our small market, so the utility of Stars rises by 1.5 for everyone, as before.

# %% tags=["parameters"]
new_price = 2.0                                          # of Stars, in dollars

# %% [markdown]
# How do we compare with the logit? With random tastes Stars wins fewer buyers: its fans bought it already. So the 25.8 % from above, a logit in which Stars wins 23 points, is no fair
# measure of *from whom* Stars wins. We compare with a logit in which Stars gains as much. If the gain is $g$, every other option, the outside good included, loses $g / (1 - s_1)$ of its buyers there.
# That is also the average loss in *any* model with this gain, since what Stars gains the others lose. In all pictures of this kind the dashed line is this logit.

# %%
def lost_to_stars(Gamma):
    """Parts of their buyers that rivals and outside good lose, and the logit's part, (J + 1,)."""
    mu = blpteach.taste_deviations(X2, nodes, Gamma)
    delta = blpteach.invert_shares(shares, mu, weights).delta
    delta[0] += beta_price * (new_price - prices[0])
    after = blpteach.market_shares(delta, mu, weights)
    same = (after[0] - shares[0]) / (1 - shares[0])      # a logit with the same gain of Stars
    return np.append(1 - with_outside(after)[1:] / with_outside(shares)[1:], same)


# %% [markdown]
# **Before you run the next cells:** Stars gains 16 points, and the line is at 17.6 %. Who will lie above the line, and who below? Where is Bran, where the outside good?

# %%
options = [*names[1:], "outside good"]
*lost, same = lost_to_stars(Gamma)
average_loss = with_outside(shares)[1:] @ lost / (1 - shares[0])
assert np.isclose(average_loss, same) and np.isclose(same, 0.176, atol=2e-3)
print(f"average loss, by share: {100 * average_loss:.1f} %   the line: {100 * same:.1f} %")
pd.Series(100 * np.array(lost), options).round(1)

# %%
assert np.allclose(np.array(lost), [0.424, 0.353, 0.254, 0.160, 0.206, 0.118], atol=5e-3)
plots.Losses(10 * sugar[1:], names[1:], "Stars", part=new_price / prices[0],
             logit=same, tastes=lost[:-1], outside=lost[-1])

# %% [markdown]
# The twin loses more than twice the line, and the loss falls with the distance in sugar. Even Bran and Oats lie above the line. Only Wheat and above all the outside good lie below. The outside good is large, and it balances
# the account.
#
# Two parameters are at work, the standard deviations on the constant and on sugar. Which of them does it?

# %%
only = {"both": [1, 2], "sugar only": [0, 2], "constant only": [1, 0]}
table = {name: 100 * lost_to_stars(np.diag(np.array(s, float))) for name, s in only.items()}
assert np.allclose(table["sugar only"][[0, 3]], [41.9, 14.7], atol=0.5)
assert np.allclose(table["constant only"][:5], table["constant only"][0])
assert np.isclose(table["constant only"][0], 29.4, atol=0.3)
pd.DataFrame(table, [*options, "logit with the same gain"]).round(1)

# %% [markdown]
# The taste for sugar does it. Without the taste for cereals the numbers hardly move. On its own, the taste for cereals spares the outside good and moves all rivals alike. The
# section on the constant says why.

# %% [markdown] minutes=4 ask="F2B26 is as sweet as the cheaper F2B19, F6B18 has no sugar. Which loses more than in the logit, and does the outside good?"
# ### The halved price in Nevo's market
#
# Market C01Q1 with the parameters above. Lesson 00 halved the price of F2B19 there, and every rival lost the same. F2B26
# has the same sugar, 13, and is not mushy either. F6B18 has no sugar. (The source gives no unit; it is grams a serving, presumably.) Here the price has a random coefficient too, so a new price changes
# `X2` as well as `delta`.
#
# The function takes four steps. Invert the shares at the old price. Put the new price into a copy of `X2`. Add $-62.73$ times the change of price to $\delta_j$. Compute $\mu$ and the shares anew.

# %% tags=["parameters"]
cheap = "F2B19"
part = 0.5                                               # the new price, as a part of the old
watched = ["F2B26", "F6B18"]                             # a twin, and one without sugar

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


# %% [markdown]
# **Before you run the next cells:** F2B19 goes from 10 to 41 percent of the market. Rank four losses: F2B26, F6B18, the outside good, and a logit with the same gain.

# %%
ids = list(products["product_ids"][:24])
j = ids.index(cheap)
rivals = [name for name in ids if name != cheap]


def losses_and_line(Gamma):
    """Losses of rivals and outside good, labelled, and the loss in a logit with the same gain."""
    before, after = shares_all[0], shares_at_new_price(Gamma, j, part)
    lost = pd.Series(1 - with_outside(after) / with_outside(before), [*ids, "outside good"])
    return lost.drop(cheap), (after[j] - before[j]) / (1 - before[j])


# %%
lost_cereal, same = losses_and_line(Gamma_cereal)
few = lost_cereal.reindex([*watched, "outside good"])
assert np.allclose(few, [0.518, 0.127, 0.372], atol=0.005) and np.isclose(same, 0.340, atol=2e-3)
start = shares_all[0, j]
ends = start + np.array([same, 0.301]) * (1 - start)     # here, and with the line of lesson 00
assert np.allclose(ends, [0.406, 0.371], atol=1e-3)
print(f"{cheap}: from {start:.3f} to {ends[0]:.3f}   logit with the same gain: {same:.3f}")
few.round(3)

# %%
labels = [name if name in watched else "" for name in rivals]
sugar_cereal, mushy = np.delete(X2_all[0], j, axis=0)[:, 2:].T
others = {"hollow": ("mushy", mushy), "part": part, "outside": lost_cereal["outside good"]}
plots.Losses(sugar_cereal, labels, cheap, logit=same, tastes=lost_cereal[rivals], **others)

# %% [markdown]
# The sugary twin loses 52 % and the cereal without sugar 13 %. (The line is at 34 %, not at lesson 00's 30.1 %, because F2B19 wins more buyers here: it ends at 40.6 %, not 37.1 %.) Why is the outside good above the line? Ask who buys,
# and take the mean of $\alpha_i$.

# %%
P_cereal = blpteach.choice_probabilities(delta_all[0], mu_all[0])
of_buyers = pd.Series(blpteach.buyers(P_cereal, weights_all[0]) @ alpha[:20], ids)
nothing = weights_all[0] * (1 - P_cereal.sum(0))
of_others = nothing @ alpha[:20] / nothing.sum()
price = pd.Series(X2_all[0, :, 1], ids)
assert np.allclose([of_buyers.min(), of_buyers.max(), of_others], [-45.7, -27.6, -66.1], atol=0.3)
assert "F2B28" in price.nlargest(2) and np.isclose(price["F2B28"], 0.175, atol=5e-4)
print(f"mean alpha_i of a cereal's buyers: from {of_buyers.min():.1f} to {of_buyers.max():.1f}")
print(f"of buyers of F2B28, at {price['F2B28']:.3f} dollars: {of_buyers['F2B28']:.1f}")
print(f"of those who buy nothing: {of_others:.1f}")

# %% [markdown]
# Those who buy nothing mind the price more than the buyers of any cereal. Now one is cheap, and they come. The hollow point at 16 is F2B28, at 0.175 dollars one of the two dearest: its buyers mind a price less than most.
#
# Which taste separates the sugary rivals from the others? The unobserved taste for sugar has a standard deviation of 0.006 in these estimates, near zero. But $\Pi$ has an element
# $-0.385$ for sugar and income: consumers with lower incomes like sugar more. And they are the ones who mind the price.
#
# **Before you run the next cells:** set this one number of 13 to zero. What will F2B26 lose, and what F6B18? Will the outside good stay above the line?

# %%
Gamma_without = Gamma_cereal.copy()
Gamma_without[2, 4] = 0                                  # sugar, income
without, same_without = losses_and_line(Gamma_without)
few = without.reindex([*watched, "outside good"])
assert np.allclose(few, [0.466, 0.427, 0.190], atol=0.005)
assert np.isclose(same_without, 0.278, atol=2e-3)
few.round(3)

# %%
others["outside"] = without["outside good"]
plots.Losses(sugar_cereal, labels, cheap, logit=same_without, tastes=without[rivals], **others)

# %%
by_kind = without[rivals].groupby(np.where(mushy, "mushy", "crisp")).agg(["min", "max"])
assert np.allclose(by_kind, [[0.427, 0.470], [0.294, 0.481]], atol=0.005)
assert (without[rivals] > same_without).all()
assert np.isclose(Gamma_cereal[2, 4] * -0.5 * 13, 2.5, atol=0.05)
by_kind.round(3)

# %% [markdown]
# Crisp rivals are alike now, whatever their sugar. Mushy ones still differ, from 29 to 48 %. The logit is not back: all rivals lie above the line, and the outside good loses far less than any of them, since tastes for
# the constant, for price and for mushiness still vary.
#
# The outside good has moved most, from 37 to 19 %. Those who buy nothing mind the price, so their incomes tend to be low. For a consumer whose log income is 0.5 below the mean the 13 units of sugar in F2B19 were worth
# $0.385 \cdot 0.5 \cdot 13 = 2.5$ utils more than for one with the mean income. Without them half the price brings fewer of the poor.
#
# An observed demographic can do the work of a random taste: it was income that made the sugary cereals close.

# %% [markdown] minutes=4 ask="Only the taste for cereals of any kind varies. Does the twin lose a larger part to Stars than Wheat does?"
# ### A random coefficient on the constant
#
# Products with more sugar are closer substitutes if the taste for sugar varies. What if only the taste for the constant varies, that is, the taste
# for cereals of any kind?
#
# Lower the $\delta$ of Stars a little. Some of its buyers leave. The fraction of them that goes to $k$ is the *diversion ratio* from Stars to $k$,
#
# $$-\frac{\partial s_k / \partial \delta_1}{\partial s_1 / \partial \delta_1},$$
#
# and (1.7) gives both derivatives, since $\partial s_k = s_k\, \partial \log s_k$. What doesn't go to a rival goes to the outside good. In the logit the ratio is $s_k / (1 - s_1)$: proportional to share. (Lesson 00 raised a
# price instead. Here that is the same, since all mind the price alike. Lesson 05 has the general case.)
#
# The function inverts the shares, multiplies them by the first column of (1.7), which gives all $\partial s_k / \partial \delta_1$, and divides. The outside good's derivative is minus the sum of the six.
# Finally it divides by the logit's diversion.

# %% tags=["parameters"]
strength = 3.0                                           # the only standard deviation, in utils

# %% tags=["build"]
def diversion_over_logit(X2, tastes, Gamma):
    """By (1.7): from Stars to each rival and the outside good, over the logit's diversion, (J,)."""
    mu = blpteach.taste_deviations(X2, tastes, Gamma)
    P = blpteach.choice_probabilities(blpteach.invert_shares(shares, mu, weights).delta, mu)
    change = shares * blpteach.log_share_jacobian(P, blpteach.buyers(P, weights))[:, 0]  # (J,)
    diversion = np.append(-change[1:], change.sum()) / change[0]
    return diversion / (with_outside(shares)[1:] / (1 - shares[0]))  # (J,): rivals, outside good


# %% [markdown]
# **Before you run the next cell:** Stars is sugary. With a standard deviation of 3 on the constant alone, does Loops get a larger multiple than Wheat?

# %%
kinds = {"constant": np.ones(6), "dummy 'sugary'": sugary, "sugar": sugar}
one_taste = nodes[:, :1], np.array([[strength]])
multiples = {name: diversion_over_logit(x[:, None], *one_taste) for name, x in kinds.items()}
pd.DataFrame(multiples, options).round(2)

# %% [markdown]
# > **A common error.** "A random coefficient on the constant gives nests." With nothing else random, every type that buys a cereal
# > splits its demand over the six in the same proportions, because $s_{ij} / s_{ik} = e^{\delta_j - \delta_k}$ for each type. More of those who leave Stars stay
# > with cereals than in the logit, by the same multiple for every rival, 1.98; the outside good gets 0.51 of what it gets there. Among inside goods diversion stays proportional to share. It is one
# > nest that holds all inside goods. Several groups need random coefficients on *group dummies*, or a nesting parameter.

# %%
constant, group = multiples["constant"], multiples["dummy 'sugary'"]
assert np.ptp(constant[:5]) < 1e-9 and np.allclose(constant[[0, 5]], [1.98, 0.51], atol=0.03)
assert np.ptp(group[:2]) < 1e-9 and np.ptp(group[2:]) < 1e-9 and group[0] > 3 and group[2] < 0.7
assert np.allclose(multiples["sugar"][[0, 3]], [3.83, 0.60], atol=0.03)
print(f"constant only, largest difference between rivals' multiples: {np.ptp(constant[:5]):.0e}")

# %% [markdown]
# With a group dummy the two sugary rivals have one multiple, and the three others have another, together with the outside good. With sugar every rival has its own.

# %% [markdown] minutes=2 ask="Which of these four tests could fail if (1.7) were wrong?"
# ## Check it
#
# **The library's functions are ours.** Both on the small market.

# %%
assert np.allclose(taste_deviations(X2, nodes, Gamma), blpteach.taste_deviations(X2, nodes, Gamma))
assert np.allclose(choice_probabilities(delta, mu), blpteach.choice_probabilities(delta, mu))
assert np.allclose(market_shares(delta, mu, weights), blpteach.market_shares(delta, mu, weights))
gap = abs(market_shares(delta, mu, weights) - blpteach.market_shares(delta, mu, weights)).max()
print(f"largest difference of shares: {gap:.0e}")

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
assert np.allclose(numeric, log_slopes, atol=1e-8)
print(f"largest difference: {abs(numeric - log_slopes).max():.0e}")

# %% [markdown]
# **Without random tastes it is the logit.** Shrink $\Gamma$, which is $\Sigma$ here, towards zero. The losses of the twin and of Wheat from the halved price must meet at the 25.8 % of the first section.

# %%
rows = {scale: 100 * lost_to_stars(scale * Gamma)[[0, 3]] for scale in (1, 0.5, 0.1, 0.01, 0)}
assert np.allclose(rows[0], 100 * lost_logit[0]) and np.ptp(rows[0.01]) < 0.05
pd.DataFrame(rows, ["Loops loses (%)", "Wheat loses (%)"]).T.rename_axis("Gamma times").round(2)

# %% [markdown] minutes=5 ask="Only the constant varies: what will the five multiples of the rivals be, relative to each other?"
# ## Play
#
# Stars gets cheaper. The bars show where its new buyers come from: blue is a sugary cereal, green one with bran, grey the outside good. Black marks are the logit's answer, and the number above a bar is its
# multiple of that. The large number is the part of its buyers that the twin Loops loses, divided by the part that Wheat loses. IIA makes it one. Below it each dot is a type, by its probabilities of buying
# a sugary and a bran cereal before the price cut. The dashed ray holds the types with the logit's odds between the two groups.
#
# **Before you run the next cell:** with a standard deviation of 3 on sugar alone, and a tiny change, the multiples of Loops and Wheat were 3.83 and 0.60 in the section on the constant, a ratio of more than 6. Now the price is halved. Will the large number be larger or
# smaller than that?

# %%
from blpteach.widgets.tastes import MARKET, diversion

plots.Diversion(**MARKET, sigma_sugar=3.0)

# %% [markdown]
# IIA is broken: Loops loses 4.3 times the part that Wheat loses. The number is smaller than 6, because a deep cut also wins types who care less for sugar. The dots leave the ray. Types who are likely to buy a sugary cereal are not those who are likely to buy bran.
#
# In the widget three standard deviations can be moved: on the constant, on sugar, on the dummy *sugary*. Each time the mean utilities are inverted anew, so that
# shares before the cut stay the observed ones. Otherwise a slider would move the shares too, and we couldn't tell one effect from the other.
#
# **Before you move anything:** you will press *constant only*: sugar at zero, the constant at 3. What will the large number be? What will the six numbers above the bars be, relative to each other? Where will the dots lie?
# And with *group dummy*: what do the three bran cereals and the outside good have in common?

# %%
diversion()

# %% [markdown]
# - **constant only**: ×1.00, five equal multiples, and dots on the ray. Types differ in how much cereal they buy, not in which. (The multiples are less than the 1.98 above, which was for a tiny change.)
# - **group dummy**: one multiple for the sugary rivals. Bran cereals and the outside good share another, because no taste separates a bran cereal
#   from buying nothing.
# - **sugar (reset)**: dots on a curve. Every rival has a multiple of its own, larger the closer its sugar is to that of Stars.
# - Put the constant on top of the dummy. The outside good falls behind, and the bran cereals recover.
# - Shrink the price cut with tastes held. The large number grows. A small cut wins consumers who resemble the present buyers most.

# %%
picture = plots.Diversion(**MARKET)
assert np.isclose(picture.ratio, 4.3, atol=0.1)
picture.update(sigma_constant=3.0, sigma_sugar=0.0)
assert np.isclose(picture.ratio, 1) and picture.multiples[0] < constant[0]
print(f"constant only: Loops' part over Wheat's {picture.ratio:.6f}")

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
# ## In practice
#
# PyBLP computes the same shares. We give it our small market, our nodes and our parameters, and ask for the shares at the given prices.

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

# %%
if pyblp:
    stay = pyblp.Iteration("return")                     # keep the given prices
    unused = np.zeros(6)                                 # costs would be for new prices
    result = economy.replace_endogenous(costs=unused, prices=prices, iteration=stay)
    gap = abs(result.product_data.shares[:, 0] - shares).max()
    assert gap < 1e-10
    print(f"largest difference between PyBLP's shares and ours: {gap:.0e}")
else:
    blpteach.stored_output()

# %% [markdown]
# It has the same product rule too. In PyBLP a rule is an `Integration`. Nodes come in another order; we sort the rows of nodes and weights.

# %%
if pyblp:
    theirs = pyblp.build_integration(pyblp.Integration("product", 9), 2)
    our_nodes, our_weights = blpteach.gauss_hermite(9).nodes_and_weights(1, 2)
    ours = sorted(np.column_stack([our_nodes[0], our_weights[0]]).round(9).tolist())
    their_rows = sorted(np.column_stack([theirs.nodes, theirs.weights]).round(9).tolist())
    assert np.allclose(ours, their_rows, atol=1e-8)
    print("Gauss-Hermite nodes and weights agree:", len(ours), "nodes")
else:
    blpteach.stored_output()

# %% [markdown]
# What practice adds. Choose the rule by the dimension, then double the nodes and look whether the estimates move.
# With few dimensions use a product rule, with many scrambled Halton or Sobol points, and different points in each market, so that simulation errors average out over markets instead of repeating. Report the rule, the number
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
