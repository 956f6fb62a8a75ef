# %% [markdown]
# # 03. If better cars cost more, how do we learn what price does?
#
# **GMM with endogenous prices**
#
# *70 minutes. You need: econometrics through instrumental variables; NumPy. From lesson 00: mean utility, and the
# elasticity of the logit. From lesson 02: market shares give back mean utility.*

# %% [markdown]
# ## The question
#
# A maker of cars halves the price of one model. How many more does it sell? The answer needs one number, the **price
# coefficient**: by how much utility falls when price rises. It looks like the slope of a regression, and the data
# have prices and sales. Run that regression on the automobiles of Berry, Levinsohn and Pakes, and it says that two
# thirds of all models would earn more at a higher price.
#
# Car makers know their business. The regression is wrong, and this lesson is about why and what to do. The tool is
# the generalised method of moments, **GMM**. It is Step 3 of the five, and the module is `blpteach/gmm.py`.

# %% [markdown]
# ## What you will be able to do
#
# - say why price is correlated with the error of a demand equation, and which way that bends the estimate;
# - say what makes an instrument, and check the part that data can check;
# - write the IV-GMM estimator in three lines, and choose its weighting matrix for a reason;
# - remove the linear parameters from the search, which is what makes lesson 04 fast;
# - compute standard errors that allow for heteroskedasticity and for clusters, and test overidentifying restrictions;
# - absorb fixed effects, and count the moments that a model needs.

# %% [markdown]
# ## Build it
#
# ### What Steps 1 and 2 leave to do
#
# A row of the table is a model of car in a year. A market is a year in the United States, 1971 to 1990. Sales are
# divided by the number of households: most households buy no new car in a year.

# %%
import numpy as np
import pandas as pd

import blpteach

# %%
products, _ = blpteach.load_autos()
columns = ["clustering_ids", "shares", "prices", "hpwt", "air", "mpd", "space"]
products.query("market_ids == 1990").nlargest(3, "shares")[columns].round(4)

# %% [markdown]
# - `prices`: $p_{jt}$, in thousands of 1983 dollars.
# - `hpwt`: horsepower per 10 pounds of weight. `air`: 1 if air conditioning is standard.
# - `mpd`: tens of miles for a dollar of petrol. `space`: length times width, in 10,000 square inches.
# - `clustering_ids`: the model in one version, the same label in all years of that version. The first row is the Honda
#   Accord that came out in 1990.
#
# Steps 1 and 2 end with the mean utility $\delta_{jt}$ (`delta`). Without random tastes it is the logit's,
# $\delta_{jt} = \log s_{jt} - \log s_{0t}$. It could come from any model of lesson 02, and what follows would be the
# same.

# %%
shares, prices = products["shares"].to_numpy(), products["prices"].to_numpy()
outside = 1 - products.groupby("market_ids")["shares"].transform("sum").to_numpy()
delta = np.log(shares) - np.log(outside)                        # (N,)

# %%
N = len(delta)
assert N == 2217 and abs(outside.mean() - 0.89) < 0.02
print(f"N = {N}; outside share {outside.mean():.2f}; delta {delta.min():.1f} to {delta.max():.1f}")

# %% [markdown]
# Given $\delta$, the rest is linear:
#
# $$\delta_{jt} = x_{jt}'\beta + \xi_{jt}. \tag{1.1}$$
#
# - $x_{jt}$ is a row of `X1` (N, K1). Price is one of its columns, here the last.
# - $\beta$ (`beta`, (K1,)) are the mean tastes. The one for price is `beta_price`, in utils per thousand dollars.
# - $\xi_{jt}$ (`xi`, (N,)) is what makes a car popular and is not in the table: looks, reliability, a good name.
#
# All arrays of this lesson are flat: the rows of all markets in one column.

# %%
exogenous = np.column_stack([np.ones(N), products[["hpwt", "air", "mpd", "space"]]])
X1 = np.column_stack([exogenous, prices])                       # (N, K1), K1 = 6

# %% [markdown]
# First, least squares.

# %%
beta_ls = np.linalg.lstsq(X1, delta, rcond=None)[0]             # (K1,)
assert abs(beta_ls[-1] - -0.0886) < 1e-4
print("1, hpwt, air, mpd, space, prices:", beta_ls.round(4))

# %% [markdown]
# The sign is right. Is the size? Who knows how many utils a thousand dollars are worth. Translate it. The own
# elasticity of the logit is $\beta_{\text{price}}\, p_{jt} (1 - s_{jt})$.
#
# If it lies between $-1$ and 0, demand is **inelastic**. A price one percent higher loses less than one percent of
# sales. Revenue goes up, fewer cars have to be built, and some of the lost buyers take another car of the same firm.
# A firm that maximises profit does not stop at such a price.
#
# **Before you run the next cells:** for how many of the 2,217 rows is demand inelastic?

# %%
def inelastic(beta_price):
    """How many rows have an own elasticity above -1."""
    return (beta_price * prices * (1 - shares) > -1).sum()

# %%
from blpteach.plots.endogeneity import Inelastic
assert abs(inelastic(beta_ls[-1]) - 1502) <= 1
Inelastic(prices, shares, rows=["least_squares"], least_squares=beta_ls[-1])

# %% [markdown]
# Two thirds, and with them all the cheap cars. Either their makers don't know what they do, or the price coefficient
# is too close to zero.
#
# ### Firms see what we don't
#
# Think of two cars with the same numbers in the table. One has a better name. It is more popular, and its maker can
# ask for more. In the data the more expensive of the two sells *better*. Least squares takes that for a taste of
# people who hardly mind the price.
#
# So price is correlated with $\xi$: it is **endogenous**. For a closer look we need data in which $\xi$ can be seen.
# The library makes some: firms that know $\xi$ set the prices that are best for them. With `sigma` and `pi` at zero,
# all consumers have the same tastes, and the truth is $\beta_{\text{price}} = -2$.

# %%
alike = blpteach.Truth(sigma=(0, 0, 0), pi=0.0)
economy, _ = blpteach.simulate(alike, T=80, I=1, seed=0)
correlation = np.corrcoef(economy["prices"], economy["xi"])[0, 1]
assert abs(correlation - 0.38) < 0.01
print(f"{len(economy)} products; correlation of price and xi: {correlation:.2f}")

# %% [markdown]
# Let a tilde mean: net of the other columns of $X_1$, the residual of a regression on them. Then the least squares
# coefficient of price is $\tilde p'\delta / \tilde p'\tilde p$. Put in (1.1):
#
# $$\hat\beta_{\text{price}} = \beta_{\text{price}} + \frac{\tilde p'\xi}{\tilde p'\tilde p}.$$
#
# **Before you run the next cells:** what is the sign of the last term? On which side of $-2$ will least squares be?

# %%
def net_of(columns, y):
    """Residuals of y after a regression on the columns."""
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]

# %%
made_outside = 1 - economy.groupby("market_ids")["shares"].transform("sum")
made_delta = np.log(economy["shares"] / made_outside).to_numpy()
others = np.column_stack([np.ones(len(economy)), economy[["x", "group"]]])

# %%
p, d = net_of(others, economy["prices"]), net_of(others, made_delta)
xi = economy["xi"].to_numpy()
slope, bias = p @ d / (p @ p), p @ xi / (p @ p)
assert np.isclose(slope, -2 + bias) and abs(slope - -1.163) < 1e-3
print(f"truth -2, least squares {slope:.3f}, bias {bias:+.3f}")

# %%
from blpteach.plots.endogeneity import PriceAndQuality
PriceAndQuality(p, xi, d, least_squares=slope, truth=-2.0)

# %% [markdown]
# Each dot is a product. On the left, dear products are better than they look in the table. On the right, that tilts
# the cloud. More data would not help: the line through a tilted cloud is tilted, however many dots there are.

# %% [markdown]
# ### What moves price and not quality?
#
# We need a part of price that has nothing to do with $\xi$. To find one, ask how the price came about. A firm with
# one product sets it where a higher price would gain nothing. With the logit's slope that is
#
# $$p_{jt} = c_{jt} + \frac{1}{-\beta_{\text{price}} (1 - s_{jt})}.$$
#
# The first term is marginal cost, the second the markup. (The formula for firms with many products is (5.6).) Three
# things move the price:
#
# - the product's own quality, through $s_{jt}$. That is the trouble.
# - its cost $c_{jt}$: wages, steel, exchange rates. **Cost shifters.**
# - the rivals, through $s_{jt}$ again: the more and the better they are, the smaller my share and my markup.
#
# Let three equal firms find their prices, then change one thing at a time.

# %%
def first_price(quality, costs):
    """Equilibrium price of product 0 when each firm has one product and beta_price is -2."""
    J = len(quality)
    one_type, zeros = np.ones(1), np.zeros((J, 1))
    return blpteach.equilibrium_prices(quality, zeros, zeros - 2, one_type, np.zeros(J), costs,
                                       ownership=np.eye(J)).prices[0]

# %%
quality, costs, me = np.full(3, 4.0), np.ones(3), np.array([1, 0, 0])
found = {"as they are": first_price(quality, costs),
         "own quality up by 1": first_price(quality + me, costs),
         "own cost up by 1": first_price(quality, costs + me),
         "rivals' quality up by 1": first_price(quality + 1 - me, costs),
         "a fourth, equal firm": first_price(np.append(quality, 4), np.append(costs, 1))}

# %%
price_of_0 = pd.Series(found, name="price of product 0").to_frame()
price_of_0["change"] = price_of_0 - price_of_0.iloc[0]
assert np.allclose(price_of_0["change"], [0, 0.163, 0.844, -0.081, -0.053], atol=1e-3)
price_of_0.round(3)

# %% [markdown]
# Cost moves price most. Rivals move it too, if less. Both can serve as **instruments**. An instrument is a column $z$
# that satisfies two conditions.
#
# 1. **Relevance.** It is correlated with price, net of the other columns of $X_1$. The data can show that.
# 2. **Exclusion** (validity). It is not correlated with $\xi$. No regression can show that, since $\xi$ is not
#    observed. It needs a story about who decides what, and when.
#
# For rivals' characteristics the story is one of timing. Characteristics are chosen years ahead, before the firm
# knows how the public will like the car. Prices are chosen after. That is an assumption, and it gives us instruments
# in any data set.
#
# The columns of $X_1$ other than price are their own instruments. Put all of them into one matrix `Z` (N, M), with a
# row $z_{jt}$. The condition and its sample version are
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad g = Z'\xi / N. \tag{3.1}$$
#
# The vector $g$ (`g`, (M,)) holds the **moments**.

# %%
def moments(Z, xi):
    return Z.T @ xi / len(Z)                                    # (3.1)

# %%
made_Z = np.column_stack([economy[["w0", "w1"]], others])       # (N, 5)
g = pd.DataFrame({"with xi": moments(made_Z, xi), "with price": moments(made_Z, p)},
                 ["w0", "w1", "1", "x", "group"])
assert abs(g["with xi"]).max() < 0.05 and g["with price"].iloc[:2].min() > 0.1
g.round(3)

# %% [markdown]
# In this economy $\xi$ is visible, so we can look. The moments with $\xi$ are small but not zero: a sample is not the
# population. How much is small? The moment of the constant is the mean of 1,063 draws with standard deviation 0.8, so
# its standard error is $0.8/\sqrt{1063} = 0.025$. The others are of that size too. With price both cost shifters have
# moments well away from zero. (Price is taken net of the last three rows' columns here, hence the zeros.)
#
# ### The instruments of the automobiles
#
# The table has eight excluded instruments. They are BLP's: sums of a characteristic over the *other* products of the
# same firm (0 to 3) and over the products of *rivals* (4 to 7). The characteristics are 1, `hpwt`, `air` and `mpd`.
# You can build them yourself in two lines.

# %%
def blp_sums(x):
    """Sums of x over the firm's other products and over rivals' products in the market (N, 2)."""
    firm = x.groupby([products["market_ids"], products["firm_ids"]]).transform("sum")
    return np.column_stack([firm - x, x.groupby(products["market_ids"]).transform("sum") - firm])

# %%
names = [f"demand_instruments{k}" for k in range(8)]
excluded = products[names].to_numpy()                           # (N, 8)
sums = blp_sums(products["hpwt"])
assert np.allclose(sums, excluded[:, [1, 5]])
print("hpwt of the firm's other products and of rivals, first car:", sums[0].round(3))

# %% [markdown]
# Is the relevance condition met? The **first stage** regresses price on all exogenous columns. Its F statistic
# compares the fit with and without the excluded instruments.

# %%
def first_stage_F(price, exogenous, excluded):
    m = excluded.shape[1]
    short, full = (net_of(Z, price) for Z in (exogenous, np.column_stack([excluded, exogenous])))
    gain = short @ short - full @ full
    return gain / m / (full @ full / (len(price) - m - exogenous.shape[1]))

# %%
F = first_stage_F(prices, exogenous, excluded)
assert abs(F - 47.9) < 0.1
print(f"first-stage F of the eight instruments: {F:.1f}")

# %% [markdown]
# The customary warning sign is an F below 10. (This formula takes rows as independent. They are not, and below we
# come back to it.) So the instruments move price. Do they move it for the reason we gave? The story says: more
# products of my own, less competition, a higher price. More products of rivals, a lower price.
#
# **Before you run the next cell:** write down the two signs that the story predicts.

# %%
p_net, z_net = net_of(exogenous, prices), net_of(exogenous, excluded)
r = np.array([np.corrcoef(z, p_net)[0, 1] for z in z_net.T]).reshape(2, 4)
assert np.allclose(r[:, 0], [-0.189, 0.255], atol=1e-3)
pd.DataFrame(r, ["own firm's", "rivals'"], ["1", "hpwt", "air", "mpd"]).round(3)

# %% [markdown]
# Nearly all have the other sign. What else do these sums measure? Ask who has many models, and who asks for more than
# the characteristics explain.

# %%
who = pd.DataFrame({"other models of the firm": excluded[:, 0], "net price": p_net})
who = who.groupby(products["region"]).mean()
assert np.allclose(who, [[3.21, 4.29], [3.48, -1.75], [21.98, -1.22]], atol=0.01)
who.round(2)

# %% [markdown]
# The American firms have many models and the European firms few, which cost 4,300 dollars more than their numbers
# explain. The sums say *who makes the car*. The instruments are relevant, but markups are not all that is behind it.
# And if buyers care who makes the car, it is part of $\xi$, and exclusion is in doubt. Keep this in mind. The data
# will come back to it.

# %% [markdown]
# ### The estimator
#
# We want the $\beta$ at which the moments vanish. There are $M = 13$ moments and $K_1 = 6$ parameters. That is
# **overidentified**: no $\beta$ makes all 13 zero. GMM makes them small together. With a positive definite weighting
# matrix $W$ (`W`, (M, M)) it minimises
#
# $$q = N\, g'Wg, \qquad g = Z'(\delta - X_1\beta)/N. \tag{3.2}$$
#
# The derivative in $\beta$ is zero where $X_1'Z\,W\,Z'(\delta - X_1\beta) = 0$. Solve for $\beta$:
#
# $$\hat\beta = (X_1'Z\,W\,Z'X_1)^{-1} X_1'Z\,W\,Z'\delta. \tag{3.3}$$

# %%
def iv_gmm(y, X, Z, W):
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (3.3)

# %% [markdown]
# Which $W$? A first choice is
#
# $$W = (Z'Z / N)^{-1}. \tag{3.5}$$
#
# Put it into (3.3) and $Z(Z'Z)^{-1}Z'$ appears, the projection on the instruments. Then (3.3) is a regression of
# $\delta$ on the *fitted values* of $X_1$: two-stage least squares, 2SLS. First the economy whose truth we know.
#
# **Before you run the next cells:** the standard error will be about 0.065. Where do you expect the estimate?

# %%
made_X1 = np.column_stack([others, economy["prices"]])
made_W = np.linalg.inv(made_Z.T @ made_Z / len(made_Z))         # (3.5)

# %%
by_cost = iv_gmm(made_delta, made_X1, made_Z, made_W)[-1]
assert abs(by_cost - -1.926) < 1e-3
PriceAndQuality(p, xi, d, least_squares=slope, truth=-2.0, instruments=by_cost)

# %% [markdown]
# From $-1.16$ to $-1.93$: a bit more than one standard error from the truth. The cloud is the same. The line no
# longer follows it, because only price differences that come from cost are used.
#
# Now the automobiles.
#
# **Before you run the next cells:** in which direction will $-0.0886$ move, and what happens to the 1,502 inelastic
# rows?

# %%
Z = np.column_stack([excluded, exogenous])                      # (N, M)
W = np.linalg.inv(Z.T @ Z / N)                                  # (3.5)
beta_iv = iv_gmm(delta, X1, Z, W)

# %%
assert abs(beta_iv[-1] - -0.1341) < 1e-4 and abs(inelastic(beta_iv[-1]) - 775) <= 1
Inelastic(prices, shares, least_squares=beta_ls[-1], instruments=beta_iv[-1])

# %% [markdown]
# The coefficient is half as large again, and the number of inelastic rows falls by half. On the artificial cereals of
# lesson 00 instruments moved it by 4 percent. On real prices they bite.
#
# But 775 are still too many. One price coefficient for buyers of a Beetle at 4,600 dollars and of a Porsche at 60,000
# can't be right for both. That is a matter of random tastes (lessons 04 and 09), and no instrument repairs it.
#
# Here are the library's lines, and the check that yours agree. What `concentrate` does comes in the section after
# next.

# %%
blpteach.show(blpteach.weighting_2sls)
blpteach.show(blpteach.iv_gmm)
assert np.allclose(blpteach.weighting_2sls(Z), W)
assert np.allclose(blpteach.iv_gmm(delta, X1, Z, W), beta_iv)

# %% [markdown]
# ### Units should not matter
#
# > **A common error.** "In the first step, use the identity matrix as $W$." With $W = I$ the objective adds up
# > squared moments in their own units: cars squared, horsepower squared, miles squared. Change a unit and you change
# > the weights.
#
# Instrument 7 is the rivals' sum of `mpd`, in tens of miles per dollar. Someone may as well count in ten thousands of
# miles. That divides the column by 1,000.
#
# **Before you run the next cells:** nothing of substance has changed. Which of the two estimates below will know
# that?

# %%
Z_other = Z.copy()
Z_other[:, 7] /= 1000
pairs = {"identity": [iv_gmm(delta, X1, z, np.eye(13))[-1] for z in (Z, Z_other)],
         "(3.5)": [iv_gmm(delta, X1, z, blpteach.weighting_2sls(z))[-1] for z in (Z, Z_other)]}

# %%
assert np.allclose(pairs["identity"], [-0.1235, 0.1009], atol=1e-3)
assert np.allclose(pairs["(3.5)"], beta_iv[-1])
pd.DataFrame(pairs, ["tens of miles", "ten thousands of miles"]).T.round(4)

# %%
from blpteach.plots.endogeneity import Units
Units(delta, X1, Z, names, column=7)

# %% [markdown]
# With identity weights a change of units turns the sign: people like to pay. With (3.5) nothing moves. Why? If $Z$
# becomes $ZD$, then $g$ becomes $D'g$, and $(D'Z'ZD/N)^{-1} = D^{-1}(Z'Z/N)^{-1}D'^{-1}$. In $g'Wg$ every $D$
# cancels.

# %% [markdown]
# ### Take beta out of the search
#
# Lesson 04 searches over the nonlinear parameters $\theta_2$. For each trial value Step 2 gives another $\delta$, and
# for each $\delta$ we need the best $\beta$ and the $q$ that belongs to it. Do that once and for all.
#
# Write $W = LL'$ (Cholesky) and $A = L'Z'/\sqrt{N}$. Then $q$ is a sum of $M$ squares,
#
# $$q = |A(\delta - X_1\beta)|^2,$$
#
# and minimising it is ordinary least squares of $A\delta$ on $AX_1$, with 13 "observations". What least squares
# leaves is a projection. With $P_A = AX_1(X_1'A'AX_1)^{-1}X_1'A'$ and the **residual maker** $I - P_A$,
#
# $$\hat\beta = \underbrace{(X_1'A'AX_1)^{-1}X_1'A'A}_{\text{beta map}}\,\delta, \qquad
# q = |\underbrace{(I - P_A)A}_{\text{moment map}}\,\delta|^2. \tag{3.4}$$
#
# In code they are `beta_map` (K1, N) and `moment_map` (M, N).

# %%
def maps(X1, Z, W):
    A = np.linalg.cholesky(W).T @ Z.T / np.sqrt(len(Z))         # (M, N)
    AX = A @ X1                                                 # (M, K1)
    beta_map = np.linalg.solve(AX.T @ AX, AX.T @ A)             # (K1, N)
    return beta_map, A - AX @ beta_map                          # (3.4)  moment_map (M, N)

# %%
beta_map, moment_map = maps(X1, Z, W)
q = ((moment_map @ delta) ** 2).sum()
assert np.allclose(beta_map @ delta, beta_iv) and abs(q - 302.551) < 1e-3
assert np.isclose(q, blpteach.gmm_objective(moments(Z, delta - X1 @ beta_iv), W, N))
print(f"moment_map {moment_map.shape}; q = {q:.3f}, by (3.4) and by (3.2)")

# %% [markdown]
# The library takes the projection from a QR decomposition, $AX_1 = QR$, so that $P_A = QQ'$. It is the same
# projection, and it loses fewer digits than $X_1'A'AX_1$ does.

# %%
blpteach.show(blpteach.concentrate)
library = blpteach.concentrate(X1, Z, W)
assert np.allclose(library[0], beta_map) and np.allclose(library[1], moment_map)

# %% [markdown]
# Look at what is *not* in the two matrices: neither $\theta_2$ nor $\delta$. They are computed once. From then on, a
# new $\theta_2$ costs two products of a small matrix with a vector. And a change in $\delta$ that is a combination of
# the columns of $X_1$ does nothing to $q$: the best $\beta$ takes it up.
#
# **Before you run the next cell:** add $7 + 5 p$ to $\delta$. What are the new $q$ and the new price coefficient?

# %%
moved = delta + 7 + 5 * prices
q_moved, beta_moved = ((moment_map @ moved) ** 2).sum(), beta_map @ moved
assert np.isclose(q_moved, q) and np.isclose(beta_moved[-1], beta_iv[-1] + 5)
print(f"q = {q_moved:.3f}; price coefficient {beta_moved[-1]:.4f}")

# %% [markdown]
# The same device draws the objective. Fix the price coefficient, concentrate out the other five tastes, and plot $q$.
# Once with all instruments, once with the own firm's four, once with the rivals' four.

# %%
from blpteach.plots.endogeneity import Profile
sets = {"all eight": excluded, "own four": excluded[:, :4], "rivals' four": excluded[:, 4:]}
profile = Profile(delta, exogenous, prices, sets, beta_price=beta_ls[-1])
profile

# %%
lowest = [profile.minimum(name) for name in sets]
assert np.allclose(lowest, [-0.1341, -0.1676, -0.1869], atol=1e-4)
print("minima:", np.round(lowest, 4))

# %% [markdown]
# Parabolas, because $q$ is quadratic in $\beta$. Three sets of instruments, three answers, all below least squares.
# If all moments were valid, the minima would differ by sampling error alone, and $q$ would be small at each. For
# "small" we need a scale. It comes with the efficient weights. (How can the answer of all eight lie outside those of
# its two halves? Exercise 3.3.)

# %% [markdown]
# ### Which weights are best?
#
# Some moments are measured more precisely than others. They should count more. How precisely, the covariance of the
# contributions $g_n = z_n\xi_n$ tells:
#
# $$S = \frac{1}{N} \sum_n (g_n - g)(g_n - g)'. \tag{3.7}$$
#
# This is robust to **heteroskedasticity**: nothing says that $\xi$ varies equally much everywhere. Hansen (1982)
# showed that, given the instruments, in large samples the most precise estimate comes from
#
# $$W = S^{-1}. \tag{3.6}$$
#
# To compute $S$ we need $\xi$, hence an estimate. So there are two steps: estimate with (3.5), compute $S$, estimate
# again with (3.6). That is **two-step efficient GMM**.

# %%
def covariance(Z, xi, clusters=None):
    contributions = Z * xi[:, None]                             # (N, M)
    contributions = contributions - contributions.mean(0)
    if clusters is not None:                                    # sums within clusters
        contributions = pd.DataFrame(contributions).groupby(clusters).sum().to_numpy()
    return contributions.T @ contributions / len(Z)             # (3.7)

# %% [markdown]
# > **A common error.** "The condition $\mathrm{E}[z\xi] = 0$ is optimal GMM." It is *validity*: it makes the estimate
# > centre on the truth in large samples, for every positive definite $W$. *Efficiency* is another matter. Given the instruments it is
# > the choice $W = S^{-1}$. Which instruments to use in the first place is a third matter (lesson 12).
#
# An experiment: 300 samples of 400 observations, truth $-1$. Both instruments are valid and equally relevant. But
# $\xi$ varies more where the first instrument is large.

# %%
def sample(rng):
    z, (v, e) = rng.normal(size=(400, 2)), rng.normal(size=(2, 400))
    price = z.sum(1) / 2 + v
    return -price + (v + e) * np.exp(z[:, 0]) / 2, price[:, None], z    # y, X, Z

# %%
def three_estimates(y, X, Z):
    """Least squares, 2SLS and two-step GMM, and J."""
    one = iv_gmm(y, X, Z, blpteach.weighting_2sls(Z))
    W2 = np.linalg.inv(covariance(Z, y - X @ one))              # (3.6)
    two = iv_gmm(y, X, Z, W2)
    J = blpteach.gmm_objective(moments(Z, y - X @ two), W2, len(y))
    return iv_gmm(y, X, X, np.eye(1))[0], one[0], two[0], J

# %% [markdown]
# **Before you run the next cells:** which of the three estimators will be centred on $-1$? Which varies least?

# %%
rng = np.random.default_rng(0)
runs = pd.DataFrame([three_estimates(*sample(rng)) for _ in range(300)],
                    columns=["least squares", "2SLS", "two-step", "J"])

# %%
mean, sd = runs.mean(), runs.std()
assert abs(mean[["2SLS", "two-step"]] + 1).max() < 0.05 and mean["least squares"] > -0.6
assert sd["two-step"] < 0.85 * sd["2SLS"]
pd.DataFrame({"mean": mean, "standard deviation": sd}).drop("J").round(3)

# %% [markdown]
# Least squares is the most precise of all, and precisely wrong. The other two are valid. Efficient weights make the
# second estimate noticeably more precise, with the same instruments.
#
# The last number of each run is the minimum of $q$ with efficient weights. It has a name, **Hansen's J**, and a known
# scale: if all moments are valid it is, in large samples, distributed as $\chi^2$ with $M - K_1$ degrees of freedom.
# Here that is one, so its mean should be near one, and one sample in twenty should exceed 3.84.

# %%
above = (runs["J"] > 3.84).mean()
assert abs(mean["J"] - 1) < 0.3 and above < 0.1
print(f"mean J {mean['J']:.2f}; above 3.84 in {100 * above:.0f} percent of the samples")

# %% [markdown]
# ### Clusters, and what J says about the automobiles
#
# One more thing before we weight the automobiles. The Ford Taurus of 1989 and that of 1990 are not independent: what
# is not in the table carries over.

# %%
xi_iv = delta - X1 @ beta_iv
table = products[["market_ids", "clustering_ids"]].assign(xi=xi_iv)
assert (table["clustering_ids"] == "FDTAUR86").sum() > 2
before = table.sort_values("market_ids").groupby("clustering_ids")["xi"].shift()
persistence = before.corr(table["xi"])
assert abs(persistence - 0.852) < 2e-3
print(f"correlation of a model's xi with its own in the year before: {persistence:.2f}")

# %% [markdown]
# Summing the contributions *within* each model first, as `clusters` does, allows for any such dependence. What has to
# be independent is one model from another.

# %%
models = pd.factorize(products["clustering_ids"])[0]            # (N,)
assert models.max() + 1 == 999
print(f"{models.max() + 1} models, {N / (models.max() + 1):.1f} years each on average")

# %% [markdown]
# First the first stage: is its F still safe? An F that allows for clusters is the Wald statistic of the $m = 8$
# coefficients $\pi$, divided by $m$.

# %%
def clustered_F(price, z, clusters):
    pi = np.linalg.lstsq(z, price, rcond=None)[0]               # (m,)
    bread = np.linalg.inv(z.T @ z / len(z))
    variance = bread @ covariance(z, price - z @ pi, clusters) @ bread / len(z)
    return pi @ np.linalg.solve(variance, pi) / len(pi)

# %%
F_clustered = clustered_F(p_net, z_net, models)
assert abs(F_clustered - 15.9) < 0.1
print(f"first-stage F, clustered by model: {F_clustered:.1f} instead of {F:.1f}")

# %% [markdown]
# A third of what it was, and above 10. Now the weights.
#
# **Before you run the next cells:** efficient weights should sharpen the estimate. Will they also bring down the 775
# inelastic rows?

# %%
W2 = np.linalg.inv(covariance(Z, xi_iv, models))                # (3.6)
beta_two = iv_gmm(delta, X1, Z, W2)
J = blpteach.gmm_objective(moments(Z, delta - X1 @ beta_two), W2, N)

# %%
assert abs(beta_two[-1] - -0.1113) < 1e-4 and abs(inelastic(beta_two[-1]) - 1195) <= 1
print(f"two-step: {beta_two[-1]:.4f}, {inelastic(beta_two[-1])} rows inelastic")

# %% [markdown]
# The estimate moves back, and 1,195 rows are inelastic. Has efficiency made things worse? Look at $J$ first.

# %%
from scipy.stats import chi2
critical = chi2(13 - 6).ppf(0.95)
assert abs(critical - 14.07) < 0.01 and abs(J - 119.67) < 0.05
print(f"J = {J:.1f}; with valid moments it stays below {critical:.1f} in 95 percent of samples")

# %% [markdown]
# $J$ rejects, by far. The moments contradict each other, as the parabolas showed: no $\beta$ satisfies them all.
# "Efficient" assumes that they can be satisfied. When they can't, $W$ decides *which* of the contradicting moments
# win, and the two steps estimate different things. What can be wrong?
#
# - An instrument may be correlated with $\xi$. Remember the signs in the first stage: a firm's range of models may
#   say something about its name. Exercise 3.2 follows this trail.
# - The model may be wrong. A logit with one price coefficient leaves to $\xi$ whatever differs between buyers.
#
# $J$ does not say which. It says that we should report both estimates, believe neither to the third digit, and build
# a better model.
#
# ### Centred or not
#
# In (3.7) the mean $g$ is subtracted. Some programs leave it in, since $g$ is zero in expectation. With as many
# moments as parameters it is zero at the estimate, and the choice is immaterial. With 13 moments that contradict each
# other it is not.

# %%
def two_step(**options):
    S = blpteach.moment_covariance(Z, xi_iv, **options)
    return iv_gmm(delta, X1, Z, blpteach.weighting_matrix(S))[-1]

# %%
kinds = {"robust": {}, "clustered": {"kind": "clustered", "clusters": models}}
choices = pd.DataFrame({name: [two_step(**options), two_step(**options, center=False)]
                        for name, options in kinds.items()}, ["centred", "not centred"])

# %%
assert np.allclose(choices, [[-0.1499, -0.1113], [-0.1481, -0.1140]], atol=1e-4)
choices.round(4)

# %% [markdown]
# Four defensible weights, four estimates between $-0.11$ and $-0.15$. The library and PyBLP centre by default. Here
# are the library's lines, and the check that yours agree:

# %%
blpteach.show(blpteach.moment_covariance)
assert np.allclose(blpteach.moment_covariance(Z, xi_iv), covariance(Z, xi_iv))
assert np.allclose(blpteach.moment_covariance(Z, xi_iv, "clustered", models),
                   covariance(Z, xi_iv, models))

# %% [markdown]
# ### Standard errors
#
# How do moments move with parameters? Let $G$ be their Jacobian. In general it has columns for $\theta_2$ too:
#
# $$G = Z'\left[\frac{\partial \xi}{\partial \theta_2},\; -X_1\right] / N. \tag{3.8}$$
#
# The logit has no $\theta_2$, so $G = -Z'X_1/N$, of shape (M, K1). An error in the moments of covariance $S/N$ passes
# through (3.3) to $\hat\beta$. The result is the **sandwich**
#
# $$\mathrm{var}(\hat\beta) = (G'WG)^{-1}\,G'W\,S\,W G\,(G'WG)^{-1} / N. \tag{3.9}$$
#
# With $W = S^{-1}$ it collapses to $(G'S^{-1}G)^{-1}/N$, the smallest that the instruments allow.

# %%
def sandwich(G, W, S, N):
    influence = np.linalg.solve(G.T @ W @ G, G.T @ W)           # (K1, M)
    return influence @ S @ influence.T / N                      # (3.9)

# %% [markdown]
# We owe the standard error of the estimate by cost shifters, in the economy whose truth is $-2$:

# %%
made_xi = made_delta - made_X1 @ iv_gmm(made_delta, made_X1, made_Z, made_W)
made_G = -made_Z.T @ made_X1 / len(made_Z)                      # (3.8)
variance = sandwich(made_G, made_W, covariance(made_Z, made_xi), len(made_Z))
made_se = np.sqrt(np.diag(variance))
assert abs(made_se[-1] - 0.065) < 1e-3
print(f"{by_cost:.3f} with standard error {made_se[-1]:.3f}")

# %% [markdown]
# Three choices of $S$ for the one-step estimate: robust, clustered, and *unadjusted*, which assumes that $\xi$ is
# independent and varies equally much everywhere.
#
# **Before you run the next cells:** a model is in the table for 2.2 years on average, and its $\xi$ hardly changes.
# Which column is largest?

# %%
G = -Z.T @ X1 / N                                               # (3.8)
S_of = {"unadjusted": xi_iv.var() * Z.T @ Z / N, "robust": covariance(Z, xi_iv),
        "clustered": covariance(Z, xi_iv, models)}
se = pd.DataFrame({name: np.sqrt(np.diag(sandwich(G, W, S, N))) for name, S in S_of.items()},
                  ["1", "hpwt", "air", "mpd", "space", "prices"])

# %%
assert np.allclose(se.loc["prices"], [0.01075, 0.01149, 0.01665], atol=1e-5)
se.round(4)

# %% [markdown]
# Clustering raises the standard error of the price coefficient by about half. Twice the number of rows with the same
# $\xi$ is not twice the information. The estimate itself is the same in all columns: one step, same $W$.

# %%
blpteach.show(blpteach.moment_jacobian)
blpteach.show(blpteach.sandwich)

# %%
assert np.allclose(blpteach.moment_jacobian(Z, X1, np.empty((N, 0))), G)
assert all(np.allclose(blpteach.sandwich(G, W, S, N), sandwich(G, W, S, N)) for S in S_of.values())

# %% [markdown]
# In lesson 04 $\theta_2$ is estimated as well, and its columns of $G$ must be there even if only $\beta$ is of
# interest. Leaving them out is a common way to get standard errors that are much too small.

# %% [markdown]
# ### Fixed effects without dummies
#
# If some quality belongs to a product in all its markets, a dummy for each product takes it out of $\xi$. With many
# products that is many columns. Frisch, Waugh and Lovell: instead of adding dummies, subtract from every column,
# instruments included, its average within the product.
#
# $$\tilde{x}_{jt} = x_{jt} - \bar{x}_j. \tag{3.10}$$
#
# The cereals of lesson 00 have 24 products in 94 markets. Do it both ways.

# %%
cereal, _ = blpteach.load_cereal()
cereal_outside = 1 - cereal.groupby("market_ids")["shares"].transform("sum")
y = np.log(cereal["shares"] / cereal_outside).to_numpy()
price = cereal[["prices"]].to_numpy()                           # (N, 1)
z = cereal[[f"demand_instruments{k}" for k in range(20)]].to_numpy()

# %%
dummies = pd.get_dummies(cereal["product_ids"]).to_numpy(float)             # (N, 24)
X, Zd = np.column_stack([price, dummies]), np.column_stack([z, dummies])
by_dummies = iv_gmm(y, X, Zd, blpteach.weighting_2sls(Zd))[0]
print(f"25 columns, 44 moments: {by_dummies:.3f}")

# %%
effects = pd.factorize(cereal["product_ids"])[0][:, None]       # (N, 1) codes
dy, dp, dz = (blpteach.absorb_effects(v, effects) for v in (y[:, None], price, z))

# %%
by_demeaning = iv_gmm(dy[:, 0], dp, dz, blpteach.weighting_2sls(dz))[0]
assert np.isclose(by_dummies, by_demeaning) and abs(by_demeaning - -30.098) < 1e-3
print(f"1 column, 20 moments: {by_demeaning:.3f}")

# %% [markdown]
# Identical. `blpteach.absorb_effects` handles one set of effects by demeaning. For two sets, such as product and
# market, averages have to be subtracted in turn until nothing is left, and it calls a package for that.

# %%
blpteach.show(blpteach.absorb_effects)

# %% [markdown]
# ### How many instruments does a model need?
#
# At least as many moments as parameters. With $K_1$ linear parameters and $\dim\theta_2$ nonlinear ones, after
# absorption,
#
# $$M \ge K_1 + \dim\theta_2.$$
#
# > **A common error.** "Only price is endogenous, so only price needs an instrument." That is right for the logit.
# > The parameters $\theta_2$ say how tastes differ. They are parameters, and each needs a moment that moves with it.
#
# Take the economy that ships with the course, in which tastes do differ. One cost shifter is enough for a logit:

# %%
simulated, agents = blpteach.load_simulated()
linear = "1 + x + group + prices"
logit = blpteach.Problem(simulated, linear=linear, instruments=["w0"])
assert logit.M == logit.K1 == 4
logit.estimate().to_frame().round(3)

# %% [markdown]
# **Before you run the next cells:** now tastes for `x` and `group` may differ, and the taste for price may move with
# income. That makes three parameters more. What should the library do?

# %%
random = {"random": "0 + prices + x + group", "demographics": "0 + income"}
start = {"sigma": [0, 1, 2], "pi": [[0.5], [0], [0]]}

# %%
problem = blpteach.Problem(simulated, agents, linear=linear, instruments=["w0"], **random)
try:
    problem.estimate(**start)
except blpteach.InputError as error:
    message = str(error)
assert "4 moment(s) for 7 parameters" in message and "at least 3" in message
print(message)

# %% [markdown]
# The order condition is *necessary*. It is not sufficient. Give it four cost instruments, so that $M = 7$: the cost
# shifters, and the same times the mean income of the market. Then give it all nine. In both cases we look at the
# standard errors at the true $\theta_2$.
#
# **Before you run the next cells:** a cost shifter moves prices. Can it tell how much tastes for `x` differ?

# %%
def se_at_truth(count):
    z = [f"demand_instruments{k}" for k in range(count)]
    problem = blpteach.Problem(simulated, agents, linear=linear, instruments=z, **random)
    return problem.evaluate(**start).to_frame()["se"].rename(f"M = {problem.M}")

# %%
se_truth = pd.concat([se_at_truth(4), se_at_truth(9)], axis=1)
assert se_truth.iloc[5, 0] > 3 * 2 and se_truth.iloc[5, 1] < 0.6
se_truth.assign(truth=[1, 1.5, 0.5, -2, 1, 2, 0.5]).round(2)

# %% [markdown]
# With $M = 7$ the condition holds, and the standard error of `sigma` on `group` is several times its true value.
# Counting was satisfied, the data were not. The five further instruments measure how close the rivals are, and that
# is what tells about differing tastes. Lesson 07 says why.

# %% [markdown]
# ### The halved price
#
# Honda halves the price of the Accord in 1990, and no one else moves. Mean utility rises by
# $-\beta_{\text{price}}\,p_j/2$.
#
# **Before you run the next cells:** for 100 Accords sold before, how many are sold after, by least squares and by
# instruments? The price was 9.29 thousand dollars.

# %%
market = products["market_ids"].to_numpy() == 1990
accord = (products["clustering_ids"] == "HDACCO90").to_numpy()[market]
assert accord.sum() == 1
print(f"{market.sum()} cars; price of the Accord {prices[market][accord].item():.2f}")

# %%
def after_halving(beta_price):
    cheaper = delta[market] - beta_price * prices[market] / 2 * accord
    new = blpteach.market_shares(cheaper, np.zeros((market.sum(), 1)), np.ones(1))
    return 100 * new / shares[market]                           # (J,) sales, 100 before

# %%
found = {"least squares": beta_ls, "instruments": beta_iv, "two-step": beta_two}
sold = pd.Series({name: after_halving(beta[-1])[accord].item() for name, beta in found.items()})
assert np.allclose(sold, [150.6, 185.7, 167.1], atol=0.2)
pd.DataFrame({"sold after": sold, "revenue after": sold / 2}).round(1)

# %% [markdown]
# Sold before: 100. Revenue before: 100. By least squares Honda sells 51 more and loses a quarter of its revenue. By
# instruments it sells 86 more and loses seven percent.
#
# And who loses buyers?

# %%
rivals = after_halving(beta_iv[-1])[~accord]
assert np.ptp(rivals) < 1e-9 and abs(rivals[0] - 99.62) < 0.01
print(f"each of the {len(rivals)} rivals keeps {rivals[0]:.2f} percent of its buyers")

# %% [markdown]
# The Toyota and the Porsche alike. Instruments correct *how strongly* people mind the price. *Whom* they would buy
# from instead is a matter of $\mu$, and the logit has none. The answer becomes sensible when random tastes (lesson
# 01) are estimated (lesson 04), with the tools of this lesson.

# %% [markdown]
# ## Check it
#
# *Does the library give the same?* `Problem` builds `X1` and `Z` from a formula and the columns called
# `demand_instruments...`, and the `clusters` make the covariance clustered.

# %%
formula = "1 + hpwt + air + mpd + space + prices"
problem = blpteach.Problem(products, linear=formula, clusters="clustering_ids")
estimates = problem.estimate()
assert np.allclose(estimates.beta, beta_iv) and np.allclose(estimates.beta_se, se["clustered"])
estimates

# %%
two = problem.estimate(steps=2)
assert np.allclose(two.beta, beta_two) and np.isclose(two.objective, J)
print(f"two-step {two.beta[-1]:.4f} ({two.beta_se[-1]:.4f}), J = {two.objective:.1f}")

# %% [markdown]
# *Do prices make sense?* From the first-order conditions of *all* of a firm's products, (5.6), comes the cost of each
# car. Negative costs are impossible.

# %%
by_ls = blpteach.Problem(products, linear=formula, instruments=["prices"]).estimate()
negative = [(e.costs() < 0).sum() for e in (by_ls, estimates)]
assert np.allclose(negative, [1524, 809], atol=1)
print(f"negative costs: {negative[0]} by least squares, {negative[1]} by instruments")

# %% [markdown]
# A few more than the inelastic rows: a firm that owns substitutes has even more reason to raise prices.
#
# *Does the method find a truth?* In the economy where all tastes are alike it did. Does it in the shipped economy,
# whose consumers differ? The truth is again $-2$ for consumers of mean income.

# %%
in_logit = [blpteach.Problem(simulated, linear=linear, instruments=z).estimate().beta[-1]
            for z in (["prices"], ["w0", "w1"], None)]

# %%
assert np.allclose(in_logit, [-0.605, -1.577, -1.027], atol=1e-3)
print("least squares {:.3f}, cost shifters {:.3f}, all nine {:.3f}".format(*in_logit))

# %% [markdown]
# Not one is right. Least squares suffers from both troubles. Instruments cure endogeneity. They do not cure a model
# without differing tastes: then $\xi$ contains what the model leaves out, and the instruments are correlated with
# that. Two sets of instruments that disagree are the sign of it. We saw the same on the automobiles.

# %% [markdown]
# ## Play
#
# How large is the trouble, and when do instruments help? A small economy: utility is $-p + \xi$, and price has two
# parts,
#
# $$p = \sqrt{\text{strength}}\; z + \sqrt{1 - \text{strength}}\; v.$$
#
# The first comes from four instruments, the second does not. `strength` is the fraction of the variance of price that
# instruments explain. The other parameter is the correlation of $v$ and $\xi$. 400 samples are drawn once, and each
# gives an estimate of both kinds.

# %%
from blpteach.plots.endogeneity import Sampling
picture = Sampling(correlation=0.7, strength=0.3, N=200)
medians = {name: np.median(b) for name, b in picture.estimates.items()}
assert abs(medians["least_squares"] - -0.41) < 0.03 and abs(medians["instruments"] - -1) < 0.06
assert picture.covers["least_squares"].mean() < 0.01
picture

# %% [markdown]
# Least squares centres on $-1 + 0.7\sqrt{1 - 0.3} = -0.41$, tightly. Its 95 percent interval covers the truth in no
# sample.
#
# **Before you move anything:**
#
# 1. Set the correlation to zero. Which estimator would you rather have?
# 2. Instruments explain 2 percent of the variance instead of 30. Where does IV centre: on the truth, on
#    least squares, or between?
# 3. Does a larger sample help IV in that case? Does it help least squares?

# %%
from blpteach.widgets.endogeneity import endogeneity
endogeneity()

# %% [markdown]
# What to see. *Exogenous price*: both centre on the truth, and least squares is the more precise. An instrument that
# is not needed costs precision. *Weak instruments*: IV is centred between the truth and least squares, its spread is
# wide, and its interval covers the truth far less often than it says. The F beside it warns of that. First in
# numbers, then with five times as many observations:

# %%
weak = Sampling(correlation=0.7, strength=0.02, N=200)
assert -0.9 < np.median(weak.estimates["instruments"]) < -0.5 and np.median(weak.F) < 3
assert weak.covers["instruments"].mean() < 0.87
print(weak.numbers("instruments"))

# %%
weak.update(N=1000)
bias = {name: np.median(b) + 1 for name, b in weak.estimates.items()}
assert abs(bias["instruments"]) < 0.15 and bias["least_squares"] > 0.6
print(f"N = 1000: median bias of IV {bias['instruments']:+.2f}, of LS {bias['least_squares']:+.2f}")

# %% [markdown]
# A larger sample raises F and cures IV. It does not cure least squares.

# %% [markdown]
# ## Exercises
#
# ### Exercise 3.1 · 5 minutes · easy
#
# How negative would the price coefficient of the logit have to be for *every* row to have elastic demand? Which car
# decides? What would that coefficient say about the most expensive car?

# %%
needed = ...

# %% tags=["solution"]
needed = -1 / (prices * (1 - shares)).min()
cheapest = products.loc[(prices * (1 - shares)).argmin()]
dearest = (needed * prices * (1 - shares)).min()
assert abs(needed - -0.2947) < 5e-4 and abs(dearest - -20.2) < 0.1
print(f"{needed:.4f}; {cheapest['clustering_ids']} at {cheapest['prices']:.2f}; {dearest:.1f}")

# %% [markdown]
# An elasticity of $-20$ would leave the maker of the most expensive car a margin of 5 percent. No single coefficient
# is right for both ends. Buyers of expensive cars must mind a thousand dollars less.
#
# ### Exercise 3.2 · 10 minutes · medium
#
# The signs of the first stage suggested that instruments have to do with *who makes the car*. Put that out of $\xi$:
# absorb `firm_ids` (start the formula with `0 +`). Estimate by least squares and by one-step and two-step GMM,
# clustered. What happens to the price coefficient, and to $J$?

# %%
firm_effects = ...

# %% tags=["solution"]
def with_firms(steps=1, instruments=None):
    problem = blpteach.Problem(products, linear="0 + hpwt + air + mpd + space + prices",
                               absorb="firm_ids", instruments=instruments,
                               clusters="clustering_ids")
    return problem.estimate(steps=steps)

least_squares, one_step, two_steps = with_firms(1, ["prices"]), with_firms(1), with_firms(2)
found = {"least squares": least_squares, "one-step": one_step, "two-step": two_steps}
firm_effects = pd.DataFrame({name: e.to_frame().loc["beta[prices]"] for name, e in found.items()}).T
assert np.allclose(firm_effects["estimate"], [-0.0675, -0.0815, -0.0886], atol=1e-4)
assert abs(two_steps.objective - 27.3) < 0.05 and (two_steps.own_elasticities() > -1).mean() > 0.6
print(f"J = {two_steps.objective:.1f}")
firm_effects.round(4)

# %% [markdown]
# $J$ falls from 120 to 27. Much of the contradiction was between makers, as suspected. But 27 is still above 14.1.
# And the price coefficients are closer to zero, with most rows inelastic. Instruments still move the estimate in the
# direction that we expect, by less. A cleaner comparison need not give the answer that one hoped for. What the logit
# lacks, fixed effects can't supply.
#
# ### Exercise 3.3 · 20 minutes · harder
#
# *2SLS as an average.* Use the excluded instruments one at a time. Each gives an estimate $b_m = \tilde
# z_m'\tilde\delta / \tilde z_m'\tilde p$, where the tilde means net of the exogenous columns. Show that the 2SLS
# estimate is $\sum_m \omega_m b_m$ with $\omega_m = \pi_m \tilde z_m'\tilde p / \sum_k \pi_k \tilde z_k'\tilde p$,
# where $\pi$ are the coefficients of the first stage. Write a function that returns $b$ and $\omega$. Are all weights
# positive?

# %%
def one_at_a_time(delta_net, price_net, excluded_net):
    return ..., ...

# %% tags=["solution"]
def one_at_a_time(delta_net, price_net, excluded_net):
    zp = excluded_net.T @ price_net                             # (m,)
    pi = np.linalg.lstsq(excluded_net, price_net, rcond=None)[0]
    return excluded_net.T @ delta_net / zp, pi * zp / (pi @ zp)

b, omega = one_at_a_time(net_of(exogenous, delta), p_net, z_net)
assert np.isclose(omega.sum(), 1) and np.isclose(omega @ b, beta_iv[-1]) and (omega < 0).sum() == 3
assert abs(b[4] - -0.2134) < 1e-4 and b[2] > 0
pd.DataFrame({"estimate": b, "weight": omega}, names).round(3)

# %% [markdown]
# The fitted price is $\hat p = \sum_m \pi_m \tilde z_m$, and 2SLS is $\hat p'\tilde\delta / \hat p'\tilde p$. In the
# numerator write $\tilde z_m'\tilde\delta = b_m\,\tilde z_m'\tilde p$, and it follows. If all instruments were valid,
# all $b_m$ would estimate the same number, and weights would be immaterial. Here they do not, three weights are
# negative, and so the average may lie above seven of its eight parts. This is what $J$ rejects.

# %% [markdown]
# ## In practice
#
# PyBLP does the same. `W_type` and `se_type` choose the covariances, `1s` and `2s` the steps. Clusters are read from the
# column `clustering_ids`.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None
    print("PyBLP is not installed here. In a terminal: pip install pyblp")

# %%
if pyblp:
    theirs = pyblp.Problem(pyblp.Formulation(formula), products)
    for steps, ours in (("1s", estimates), ("2s", two)):
        found = theirs.solve(method=steps, W_type="clustered", se_type="clustered")
        assert np.allclose(found.beta.ravel(), ours.beta)
        assert np.allclose(found.beta_se.ravel(), ours.beta_se)
        print(f"{steps}: PyBLP {found.beta[-1].item():.4f} ({found.beta_se[-1].item():.4f}), "
              f"here {ours.beta[-1]:.4f} ({ours.beta_se[-1]:.4f})")

# %% [markdown]
# What practice adds. A paper shows the logit by least squares and by IV side by side, with the number of inelastic
# products, as BLP do in their Table III, and the first stage with an F that fits the assumed errors. It argues
# exclusion in words: who decides what, and when. And it prefers cost shifters where they can be had. With many
# products in a market, rivals move the logit's markup so little that their characteristics are weak instruments for
# price (Armstrong 2016).

# %% [markdown]
# ## Further reading
#
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4),
#   841-890. The instruments of this lesson, argued for. Table III has the logit with and without them.
# - Hansen, L. P. (1982). Large sample properties of generalized method of moments estimators. *Econometrica* 50(4),
#   1029-1054. The estimator, the efficient weights and the J test.
# - Armstrong, T. B. (2016). Large market asymptotics for differentiated product demand estimators with economic
#   models of supply. *Econometrica* 84(5), 1961-1980. When characteristics of rivals are weak instruments for price.
# - Andrews, I., Stock, J. H., and Sun, L. (2019). Weak instruments in instrumental variables regression: theory and
#   practice. *Annual Review of Economics* 11, 727-753. Which F to report when errors are not independent, and what to
#   do when it is small.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP.
#   *RAND Journal of Economics* 51(4), 1108-1161. Weighting, standard errors and fixed effects as they are done today.
#
# **Next.** Lesson 04 opens Step 4. It lets $\delta$ depend on $\theta_2$, keeps the two maps of this lesson fixed,
# and searches.
