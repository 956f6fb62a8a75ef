# %% [markdown]
# # 03. If better cars cost more, how do we learn what price does?
#
# **GMM with endogenous prices**
#
# *75 minutes, and another 70 for the exercises. You need: econometrics through instrumental variables; NumPy. From
# lesson 00: mean utility, the elasticity of the logit, `Problem`. From lesson 01: $\Sigma$ and $\Pi$ (`sigma`, `pi`),
# which say how tastes differ. From lesson 02: market shares give back mean utility.*

# %% [markdown]
# ## The question
#
# A maker of cars halves the price of one model. How many more does it sell? The answer needs one number, the **price
# coefficient**: by how much utility falls when price rises. It looks like the slope of a regression, and the data
# have prices and sales. Run that regression on the automobiles of Berry, Levinsohn and Pakes, and it says that many
# cars would earn more at a higher price.
#
# Car makers know their business. The regression is wrong, and this lesson is about why and what to do. The tool is
# the generalised method of moments, **GMM**. It is Step 3 of the five, and the module is `blpteach/gmm.py`.

# %% [markdown]
# ## What you will be able to do
#
# - say why price is correlated with the error of a demand equation, and which way that bends the estimate;
# - say what makes an instrument, and check the part that data can check;
# - write the IV-GMM estimator in two lines, and choose its weighting matrix for a reason;
# - remove the linear parameters from the search, which is what makes lesson 04 fast;
# - compute standard errors that allow for heteroskedasticity and for clusters, and test overidentifying restrictions;
# - absorb fixed effects, and say what a model needs besides enough moments.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="For how many of the 2,217 cars does least squares say that demand is inelastic: some, half, most?"
# ### What Steps 1 and 2 leave to do
#
# A row of the table is a model of car in a year. A market is a year in the United States, 1971 to 1990. Sales are
# divided by the number of households: most households buy no new car in a year.

# %%
import numpy as np
import pandas as pd

import blpteach

# %% tags=["parameters"]
year = 1990
top = 3

# %%
products, _ = blpteach.load_autos()
columns = ["clustering_ids", "shares", "prices", "hpwt", "air", "mpd", "space"]
products.query("market_ids == @year").nlargest(top, "shares")[columns].round(4)

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
Inelastic(prices, shares, least_squares=beta_ls[-1])

# %%
cheap = beta_ls[-1] * prices * (1 - shares) > -1
assert prices[cheap].max() < prices[~cheap].min() and abs(prices[cheap].max() - 11.28) < 0.01
print(f"dearest inelastic {prices[cheap].max():.2f}, cheapest elastic {prices[~cheap].min():.2f}")
assert abs(prices.min() - 3.39) < 0.01 and abs(prices.max() - 68.60) < 0.01
print(f"all prices: {prices.min():.2f} to {prices.max():.2f}")

# %% [markdown]
# Two thirds: every car below about 11,300 dollars. There are three ways out. Their makers don't know what they are
# doing. Or the price coefficient is too close to zero. Or one coefficient can't serve all cars. This lesson is about
# the second; lesson 04 takes up the third.

# %% [markdown] minutes=4 ask="On which side of the truth will least squares be, and why?"
# ### Firms see what we don't
#
# Think of two cars with the same numbers in the table. One has a better name. It is more popular, and its maker can
# ask for more. In the data the more expensive of the two sells *better*. Least squares takes that for a taste of
# people who hardly mind the price.
#
# So price is correlated with $\xi$: it is **endogenous**. For a closer look we need data in which $\xi$ can be seen.
# The library makes some: firms that know $\xi$ set the prices that are best for them. With `sigma` and `pi` at zero,
# all consumers have the same tastes, one consumer type (`I=1`) is enough, and the truth is
# $\beta_{\text{price}} = -2$.

# %% tags=["parameters"]
xi_sd = 0.8
made_markets = 80

# %%
alike = blpteach.Truth(sigma=(0, 0, 0), pi=0.0, xi_sd=xi_sd)
economy, _ = blpteach.simulate(alike, T=made_markets, I=1, seed=0)
economy[["market_ids", "x", "group", "w0", "w1", "prices", "shares", "xi"]].head(3).round(3)

# %% [markdown]
# `x` and `group` are observed characteristics. `w0` and `w1` move costs and were drawn independently of $\xi$. `xi` is
# what the econometrician never sees.

# %%
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

# %% tags=["build"]
def net_of(columns, y):
    """Residuals of y, (N,) or (N, m), after a regression on the columns, (N, K)."""
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]     # as y

# %%
made_outside = 1 - economy.groupby("market_ids")["shares"].transform("sum")
made_delta = np.log(economy["shares"] / made_outside).to_numpy()
others = np.column_stack([np.ones(len(economy)), economy[["x", "group"]]])

# %%
p, d = net_of(others, economy["prices"].to_numpy()), net_of(others, made_delta)
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

# %% [markdown] minutes=4 ask="Name something that moves a car's price and that its buyers do not care about."
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
# Let three equal firms find their prices, then change one thing at a time. `quality` is mean utility at a price of
# zero. The library finds the prices at which the formula holds for all firms at once (how: lesson 05). At
# $\beta_{\text{price}} = -2$ a unit of money is worth 2 utils, so quality changes by 2 and cost by 1.
#
# **Before you run the next cells:** own quality up, own cost up, rivals' quality up, one more rival. Which raise the
# price of product 0, which lower it, and which moves it most?

# %% tags=["parameters"]
more_quality = 2
more_cost = 1

# %%
def first_price(quality, costs):
    """Equilibrium price of product 0 when each firm has one product and beta_price is -2."""
    J = len(quality)
    zeros = np.zeros((J, 1))
    found = blpteach.equilibrium_prices(delta=quality, mu=zeros, alpha=zeros - 2,
                                        weights=np.ones(1), prices=np.zeros(J), costs=costs,
                                        ownership=np.eye(J))
    return found.prices[0]

# %%
quality, costs, me = np.full(3, 4.0), np.ones(3), np.array([1, 0, 0])
found = {"as they are": first_price(quality, costs),
         "own quality up": first_price(quality + more_quality * me, costs),
         "own cost up": first_price(quality, costs + more_cost * me),
         "rivals' quality up": first_price(quality + more_quality * (1 - me), costs),
         "a fourth, equal firm": first_price(np.append(quality, 4), np.append(costs, 1))}

# %%
price_of_0 = pd.Series(found, name="price of product 0").to_frame()
price_of_0["change"] = price_of_0 - price_of_0.iloc[0]
assert np.allclose(price_of_0["change"], [0, 0.389, 0.844, -0.137, -0.053], atol=1e-3)
price_of_0.round(3)

# %% [markdown]
# Cost moves price most. Rivals move it too, if less. Both can serve as **instruments**. An instrument is a column $z$
# that satisfies two conditions.
#
# 1. **Relevance.** It is correlated with price, net of the other columns of $X_1$. The data can show that.
# 2. **Validity.** It is not correlated with $\xi$: it has no part in utility itself (**exclusion**), and it was not
#    chosen with $\xi$ in mind (exogeneity). No regression can prove that, since $\xi$ is not observed. It needs a story
#    about who decides what, and when. With more instruments than needed the data can at least contradict it. That is
#    the $J$ test below.
#
# For rivals' characteristics the story is one of timing. Characteristics are chosen years ahead, before the firm
# knows how the public will like the car. Prices are chosen after. That is an assumption, and it gives us instruments
# in any data set.
#
# The columns of $X_1$ other than price are their own instruments, by the same story. Put all of them into one matrix
# `Z` (N, M), with a row $z_{jt}$. The condition and its sample version are
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad g = Z'\xi / N. \tag{3.1}$$
#
# The vector $g$ (`g`, (M,)) holds the **moments**. (The numbers of the equations are those of the module, whose order
# is not always that of the lesson.)

# %% tags=["build"]
def moments(Z, xi):
    """(3.1): averages of instrument times unobservable, (M,)."""
    return Z.T @ xi / len(Z)                                    # (M,)

# %%
made_Z = np.column_stack([economy[["w0", "w1"]], others])       # (N, 5)
g = pd.DataFrame({"with xi": moments(made_Z, xi)}, ["w0", "w1", "1", "x", "group"])
g["standard error"] = (made_Z * xi[:, None]).std(0) / np.sqrt(len(economy))
g["with price"] = moments(made_Z, p)

# %%
assert (abs(g["with xi"]) < 1.3 * g["standard error"]).all()
assert g["with price"].iloc[:2].min() > 0.1
g.round(3)

# %% [markdown]
# In this economy $\xi$ is visible, so we can look. The moments with $\xi$ are not zero: a sample is not the population.
# But none is more than 1.3 standard errors away. With price both cost shifters have moments well away from zero.
# (Price is taken net of the last three rows' columns here, hence the zeros.)

# %% [markdown] minutes=5 ask="The number of a car's rivals: do you expect it to go with a high price or with a low one?"
# ### The instruments of the automobiles
#
# The table has eight excluded instruments, of the kind that BLP introduced: sums of a characteristic over the *other*
# products of the same firm (0 to 3) and over the products of *rivals* (4 to 7). The characteristics are 1, `hpwt`,
# `air` and `mpd`. (This table leaves `space` out. Nothing stops you from adding its two sums.) You can build them
# yourself in two lines.

# %% tags=["parameters"]
characteristic = "hpwt"

# %% tags=["build"]
def blp_sums(x):
    """Sums of x over the firm's other products and over rivals' in the market, (N, 2)."""
    firm = x.groupby([products["market_ids"], products["firm_ids"]]).transform("sum")
    everybody = x.groupby(products["market_ids"]).transform("sum")
    return np.column_stack([firm - x, everybody - firm])        # (N, 2)

# %%
names = [f"demand_instruments{k}" for k in range(8)]
excluded = products[names].to_numpy()                           # (N, 8)
table = products[["hpwt", "air", "mpd"]].assign(one=1.0)[["one", "hpwt", "air", "mpd"]]
assert all(np.allclose(blp_sums(table[x]), excluded[:, [k, k + 4]]) for k, x in enumerate(table))
print("own firm's and rivals' sum, first car:", blp_sums(products[characteristic])[0].round(3))

# %% [markdown]
# Is the relevance condition met? The **first stage** regresses price on all exogenous columns. Its F statistic
# compares the fit with and without the $m$ excluded instruments: by how much the sum of squared residuals falls for
# each of them, over the residual variance of the full regression.

# %% tags=["build"]
def first_stage_F(price, exogenous, excluded):
    """F of the m excluded instruments (N, m): fall in squares / m, over residual variance."""
    m = excluded.shape[1]
    short, full = (net_of(Z, price) for Z in (exogenous, np.column_stack([excluded, exogenous])))
    gain = short @ short - full @ full
    return gain / m / (full @ full / (len(price) - m - exogenous.shape[1]))     # a number

# %%
F = first_stage_F(prices, exogenous, excluded)
assert abs(F - 47.9) < 0.1
print(f"first-stage F of the eight instruments: {F:.1f}")

# %% [markdown]
# The customary warning sign is an F below 10. (The formula and the rule take rows as independent and equally variable.
# They are not, and below we come back to it.) So the instruments move price. Do they move it for the reason we gave?
# The story says: more products of my own, less competition, a higher price. More products of rivals, a lower price.
#
# **Before you run the next cell:** write down the two signs that the story predicts.

# %%
def signs(controls):
    """Correlations of the instruments with price, all net of the controls (N, K): (2, 4)."""
    p, z = net_of(controls, prices), net_of(controls, excluded)
    r = np.corrcoef(z.T, p)[-1, :-1].reshape(2, 4)
    return pd.DataFrame(r, ["own firm's", "rivals'"], ["1", "hpwt", "air", "mpd"])     # (2, 4)

# %%
r = signs(exogenous)
assert np.allclose(r["1"], [-0.189, 0.255], atol=1e-3)
r.round(3)

# %% [markdown]
# Nearly all have the other sign. What else do these sums measure? Ask who has many models, and who asks for more than
# the characteristics explain.

# %%
p_net, z_net = net_of(exogenous, prices), net_of(exogenous, excluded)
who = pd.DataFrame({"other models of the firm": excluded[:, 0], "net price": p_net})
who = who.groupby(products["region"]).mean()
assert np.allclose(who, [[3.21, 4.29], [3.48, -1.75], [21.98, -1.22]], atol=0.01)
who.round(2)

# %% [markdown]
# The American firms have many models. The European firms have few, and those cost 4,300 dollars more than their
# numbers explain. That is *who makes the car*, and it is why the own firm's sums go with low prices. It does not
# explain the rivals' sums. Look at the years.

# %%
years = products["market_ids"].to_numpy()
when = [np.corrcoef(column, years)[0, 1] for column in (excluded[:, 4], p_net)]
assert np.allclose(when, [0.806, 0.113], atol=1e-3)
print(f"correlation with the year: number of rivals {when[0]:.2f}, net price {when[1]:.2f}")

# %% [markdown]
# Over the years choice sets grow, and so does what a car costs beyond its numbers. Now take both out: dummies for the
# region, then for region and year.

# %%
region = pd.get_dummies(products["region"], drop_first=True, dtype=float)
by_region = np.column_stack([exogenous, region])
by_both = np.column_stack([by_region, pd.get_dummies(years, drop_first=True, dtype=float)])
r = pd.concat({"region": signs(by_region), "region and year": signs(by_both)},
              names=["net of", "sum of"])

# %%
assert np.allclose(r.loc["region", "1"], [0.077, 0.191], atol=1e-3)
assert np.allclose(r.loc["region and year"].iloc[0], [0.028, 0.030, 0.116, 0.023], atol=1e-3)
assert np.allclose(r.loc["region and year"].sum(), 0, atol=1e-6)
r.round(3)

# %% [markdown]
# Net of the region the own firm's sums have the sign that the story predicts, and the rivals' do not. Net of region and
# year all eight have. (The two rows are mirror images: within a year, own sum, rivals' sum and the car itself add up
# to a constant.) But what is left is small:

# %%
F_within = first_stage_F(prices, by_both, excluded[:, :4])
assert abs(F_within - 12.7) < 0.1
print(f"F of the own firm's four, given region and year: {F_within:.1f}")

# %% [markdown]
# So the instruments are relevant, and markups are at most the smaller part of why. The larger part is *who* makes the
# car and *when*. And if buyers care who makes the car, or if tastes for new cars change over the years, that is part of
# $\xi$, and validity is in doubt. Keep this in mind. The data will come back to it.

# %% [markdown] minutes=6 ask="In which direction will -0.0886 move, and what happens to the 1,502 inelastic rows?"
# ### The estimator
#
# We want the $\beta$ at which the moments vanish. There are $M = 13$ moments and $K_1 = 6$ parameters. That is
# **overidentified**: in general no $\beta$ makes all 13 zero. GMM makes them small together. With a positive definite
# weighting matrix $W$ (`W`, (M, M)) it minimises
#
# $$q = N\, g'Wg, \qquad g = Z'(\delta - X_1\beta)/N. \tag{3.2}$$
#
# The derivative in $\beta$ is zero where $X_1'Z\,W\,Z'(\delta - X_1\beta) = 0$. Solve for $\beta$:
#
# $$\hat\beta = (X_1'Z\,W\,Z'X_1)^{-1} X_1'Z\,W\,Z'\delta. \tag{3.3}$$

# %% tags=["build"]
def iv_gmm(y, X, Z, W):
    """(3.3): coefficients that make q smallest, (K1,)."""
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (K1,)

# %% [markdown]
# Which $W$? A first choice is
#
# $$W = (Z'Z / N)^{-1}. \tag{3.5}$$
#
# Put it into (3.3) and $Z(Z'Z)^{-1}Z'$ appears, the projection on the instruments. Then (3.3) is a regression of
# $\delta$ on the *fitted values* of $X_1$: two-stage least squares, 2SLS.

# %% tags=["build"]
def weighting_2sls(Z):
    """(3.5): weights of two-stage least squares, (M, M)."""
    return np.linalg.inv(Z.T @ Z / len(Z))                      # (M, M)

# %% [markdown]
# First the economy whose truth we know.
#
# **Before you run the next cells:** the standard error will be about 0.065. Where do you expect the estimate?

# %%
made_X1 = np.column_stack([others, economy["prices"]])
by_cost = iv_gmm(made_delta, made_X1, made_Z, weighting_2sls(made_Z))[-1]
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

# %% tags=["parameters"]
used = [0, 1, 2, 3, 4, 5, 6, 7]                                 # all eight again before you go on

# %%
Z = np.column_stack([excluded[:, used], exogenous])             # (N, M)
W = weighting_2sls(Z)                                           # (3.5)
beta_iv = iv_gmm(delta, X1, Z, W)

# %%
assert abs(beta_iv[-1] - -0.1341) < 1e-4 and abs(inelastic(beta_iv[-1]) - 775) <= 1
Inelastic(prices, shares, least_squares=beta_ls[-1], instruments=beta_iv[-1])

# %% [markdown]
# The coefficient is half as large again, and the number of inelastic rows falls by half. On the artificial cereals of
# lesson 00 instruments moved it by 4 percent. On real prices they bite.
#
# **Before you run the next cell:** price was not the only column of $X_1$. Least squares said of power (`hpwt`) and
# air conditioning that buyers dislike both. Which signs now?

# %%
tastes = ["1", "hpwt", "air", "mpd", "space", "prices"]
both = pd.DataFrame({"least squares": beta_ls, "instruments": beta_iv}, tastes)
assert (both.loc[["hpwt", "air"], "least squares"] < 0).all()
assert (both.loc[["hpwt", "air"], "instruments"] > 0).all()
both.round(3)

# %% [markdown]
# Both signs turn. Power and air conditioning come with a high price, so a price coefficient too close to zero puts
# part of the price on their account. One endogenous column bends all coefficients.
#
# 775 inelastic rows are still too many. One price coefficient for the buyers of the cheapest car (3,400 dollars) and of
# the dearest (68,600) can't be right for both. Instruments can move the one number. They can't make two of it. That is
# a matter of random tastes, which lesson 04 estimates.
#
# Here are the library's lines, and the check that yours agree. What `concentrate` does comes in the section after
# next. (`N` is for lesson 09, where two equations stand one above the other and `Z` has 2N rows.)

# %%
blpteach.show(blpteach.weighting_2sls)
blpteach.show(blpteach.weighting_matrix)
blpteach.show(blpteach.iv_gmm)

# %%
same = (np.allclose(blpteach.weighting_2sls(Z), W),
        np.allclose(blpteach.iv_gmm(delta, X1, Z, W), beta_iv))
assert all(same)
print("the same as the library's:", all(same))

# %% [markdown] minutes=2 ask="Measure one instrument in other units. Which of the two estimates notices?"
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

# %% tags=["parameters"]
column = 7
factor = 1 / 1000

# %%
Z_other = Z.copy()
Z_other[:, column] *= factor
pairs = {"identity": [iv_gmm(delta, X1, z, np.eye(Z.shape[1]))[-1] for z in (Z, Z_other)],
         "(3.5)": [iv_gmm(delta, X1, z, weighting_2sls(z))[-1] for z in (Z, Z_other)]}

# %%
assert np.allclose(pairs["identity"], [-0.1235, 0.1009], atol=1e-3)
assert np.allclose(pairs["(3.5)"], beta_iv[-1])
pd.DataFrame(pairs, ["units of the table", "other units"]).T.round(4)

# %%
from blpteach.plots.endogeneity import Units
Units(delta, X1, Z, names, column=column)

# %% [markdown]
# With identity weights a change of units turns the sign: people like to pay. With (3.5) nothing moves. Why? A change of
# units turns $Z$ into $ZD$ with an invertible matrix $D$. Then $g$ becomes $D'g$, and $(D'Z'ZD/N)^{-1} =
# D^{-1}(Z'Z/N)^{-1}D'^{-1}$. In $g'Wg$ every $D$ cancels.

# %% [markdown] minutes=5 ask="Add 7 + 5 p to delta. What are the new objective and the new price coefficient?"
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

# %% tags=["build"]
def concentrate(X1, Z, W):
    """(3.4): from delta to beta, (K1, N), and to numbers whose squares sum to q, (M, N)."""
    A = np.linalg.cholesky(W).T @ Z.T / np.sqrt(len(Z))         # (M, N)
    AX = A @ X1                                                 # (M, K1)
    beta_map = np.linalg.solve(AX.T @ AX, AX.T @ A)             # (K1, N)
    return beta_map, A - AX @ beta_map                          # (K1, N), (M, N)

# %%
beta_map, moment_map = concentrate(X1, Z, W)
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
# Look at what is *not* in the two matrices: neither $\theta_2$ nor $\delta$. They are computed once for each $W$. From
# then on Step 3 costs two products of a matrix with a vector for each new $\delta$. The inversion of Step 2, which finds
# that $\delta$, is the expensive part. And a change in $\delta$ that is a combination of the columns of $X_1$ does
# nothing to $q$: the best $\beta$ takes it up.
#
# **Before you run the next cell:** add $7 + 5 p$ to $\delta$. What are the new $q$ and the new price coefficient?

# %% tags=["parameters"]
shift = 7
tilt = 5

# %%
moved = delta + shift + tilt * prices
q_moved, beta_moved = ((moment_map @ moved) ** 2).sum(), beta_map @ moved
assert np.isclose(q_moved, q) and np.isclose(beta_moved[-1], beta_iv[-1] + 5)
print(f"q = {q_moved:.3f}; price coefficient {beta_moved[-1]:.4f}")

# %% [markdown]
# The same device draws the objective. Fix the price coefficient, concentrate out the other five tastes, and plot $q$.
# Once with all instruments, once with the own firm's four, once with the rivals' four.
#
# **Before you run the next cells:** if all eight are valid, where should the three curves be lowest?

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
# Parabolas, because $q$ is quadratic in $\beta$. Three sets of instruments, three answers, all more negative than least
# squares. If all moments were valid, the minima would differ by sampling error alone, and $q$ would be small at each.
# For "small" we need a scale. It comes with the efficient weights. (How can the answer of all eight lie outside those
# of its two halves? Exercise 3.6.)

# %% [markdown] minutes=4 ask="Least squares, 2SLS, two-step GMM: which are centred on the truth, and which varies least?"
# ### Which weights are best?
#
# Some moments are measured more precisely than others. They should count more. How precisely? Number the rows
# $n = 1, \dots, N$. Row $n$ contributes $g_n = z_n\xi_n$ to the moments, and the covariance of the contributions
# says how much the moments vary. If rows are independent of each other,
#
# $$S = \frac{1}{N} \sum_n (g_n - g)(g_n - g)', \qquad \mathrm{var}(g) \approx S/N. \tag{3.7}$$
#
# This is robust to **heteroskedasticity**: nothing says that $\xi$ varies equally much everywhere. Hansen (1982)
# showed that, given the instruments, in large samples the most precise estimate comes from
#
# $$W = S^{-1}. \tag{3.6}$$
#
# To compute $S$ we need $\xi$, hence an estimate. So there are two steps: estimate with (3.5), compute $S$, estimate
# again with (3.6). That is **two-step efficient GMM**.

# %% tags=["build"]
def moment_covariance(Z, xi):
    """(3.7): covariance of the contributions of rows that are independent, (M, M)."""
    contributions = Z * xi[:, None]                             # (N, M)
    contributions = contributions - contributions.mean(0)
    return contributions.T @ contributions / len(Z)             # (M, M)

# %% [markdown]
# > **A common error.** "The condition $\mathrm{E}[z\xi] = 0$ is optimal GMM." It is *validity*: with relevant
# > instruments it makes the estimate centre on the truth in large samples, for every positive definite $W$.
# > *Efficiency* is another matter. Given the instruments it is the choice $W = S^{-1}$. Which instruments to use in the
# > first place is a third matter (Chamberlain 1987).
#
# An experiment: 300 samples of 400 observations, truth $-1$. Both instruments are valid and equally relevant. But
# $\xi$ varies more where the first instrument is large.

# %% tags=["parameters"]
samples = 300
uneven = 1.0

# %%
def sample(rng):
    """One sample: y, X, Z. The larger `uneven`, the more xi varies with the first instrument."""
    z, (v, e) = rng.normal(size=(400, 2)), rng.normal(size=(2, 400))
    price = z.sum(1) / 2 + v
    return -price + (v + e) * np.exp(uneven * z[:, 0]) / 2, price[:, None], z

# %%
def three_estimates(y, X, Z):
    """Least squares, 2SLS and two-step GMM, and the minimum of q."""
    one = iv_gmm(y, X, Z, weighting_2sls(Z))
    W2 = np.linalg.inv(moment_covariance(Z, y - X @ one))       # (3.6)
    two = iv_gmm(y, X, Z, W2)
    lowest = blpteach.gmm_objective(moments(Z, y - X @ two), W2, len(y))
    return iv_gmm(y, X, X, np.eye(1))[0], one[0], two[0], lowest

# %% [markdown]
# **Before you run the next cells:** which of the three estimators will be centred on $-1$? Which varies least?

# %%
rng = np.random.default_rng(0)
runs = pd.DataFrame([three_estimates(*sample(rng)) for _ in range(samples)],
                    columns=["least squares", "2SLS", "two-step", "lowest q"])

# %%
mean, sd = runs.mean(), runs.std()
assert abs(mean[["2SLS", "two-step"]] + 1).max() < 0.05 and mean["least squares"] > -0.6
assert sd["least squares"] < sd["two-step"] < 0.85 * sd["2SLS"]
pd.DataFrame({"mean": mean, "standard deviation": sd}).drop("lowest q").round(3)

# %% [markdown]
# Least squares is the most precise of all, and precisely wrong. The other two are valid. Efficient weights make
# two-step GMM more precise than 2SLS, with the same instruments.
#
# The last number of each run is the minimum of $q$ with efficient weights. It has a name, **Hansen's $J$** (`J_stat`;
# not the number of products), and a known scale: if all moments are valid it is, in large samples, distributed as
# $\chi^2$ with $M - K_1$ degrees of freedom. Here that is one, so its mean should be near one, and one sample in
# twenty should exceed 3.84.

# %%
above = (runs["lowest q"] > 3.84).mean()
assert abs(mean["lowest q"] - 1) < 0.3 and above < 0.1
print(f"mean J {mean['lowest q']:.2f}; above 3.84 in {100 * above:.0f} percent of the samples")

# %% [markdown] minutes=5 ask="Efficient weights sharpen the estimate. Will they also bring down the 775 inelastic rows?"
# ### Clusters, and what J says about the automobiles
#
# One more thing before we weight the automobiles. The Ford Taurus of 1989 and that of 1990 are not independent: what
# is not in the table carries over. How much? Average $\xi$ by label and year, and pair each year with the one before.

# %%
xi_iv = delta - X1 @ beta_iv
label_years = products.assign(xi=xi_iv).pivot_table("xi", "clustering_ids", "market_ids")
persistence = label_years.shift(axis=1).stack().corr(label_years.stack())
assert abs(persistence - 0.885) < 5e-3
print(f"correlation of xi with that of the same label a year before: {persistence:.2f}")

# %% tags=["parameters"]
level = "clustering_ids"

# %%
models = pd.factorize(products[level])[0]                       # (N,)
sizes = np.bincount(models)
assert len(sizes) == 999 and (sizes == 1).sum() == 489
print(f"{len(sizes)} clusters of {sizes.mean():.1f} rows on average; {(sizes == 1).sum()} of one")

# %% [markdown]
# The remedy is to sum the contributions *within* each **cluster** $c$ first, here a label:
#
# $$S = \frac{1}{N} \sum_c h_c h_c', \qquad h_c = \sum_{n \in c} (g_n - g).$$
#
# That allows for any dependence within a cluster. Division by $N$, and not by the number of clusters, keeps
# $\mathrm{var}(g) = S/N$. What has to be independent is one cluster from another.

# %% tags=["build"]
def clustered_covariance(Z, xi, clusters):
    """As (3.7), with the contributions summed within clusters first, (M, M)."""
    contributions = Z * xi[:, None]
    contributions = pd.DataFrame(contributions - contributions.mean(0))
    h = contributions.groupby(clusters).sum().to_numpy()        # (clusters, M)
    return h.T @ h / len(Z)                                     # (M, M)

# %% [markdown]
# First the first stage. An F that allows for clusters is the Wald statistic of the $m = 8$ first-stage coefficients,
# divided by $m$.

# %%
def clustered_F(price, z, clusters):
    """Wald statistic of z's coefficients over their number; price, z net of the exogenous."""
    first = np.linalg.lstsq(z, price, rcond=None)[0]            # (m,)
    bread = np.linalg.inv(z.T @ z / len(z))
    variance = bread @ clustered_covariance(z, price - z @ first, clusters) @ bread / len(z)
    return first @ np.linalg.solve(variance, first) / len(first)

# %%
F_clustered = clustered_F(p_net, z_net, models)
assert abs(F_clustered - 15.9) < 0.1
print(f"first-stage F, clustered: {F_clustered:.1f} instead of {F:.1f}")

# %% [markdown]
# A third of what it was. Is it safe? The rule of 10 was made for the first formula, and does not carry over to this
# one. With several instruments and clusters the effective F of Montiel Olea and Pflueger has critical values (see
# Andrews, Stock and Sun). Read 16 as "not obviously weak", no more.
#
# Now the weights.
#
# **Before you run the next cells:** efficient weights should sharpen the estimate. Will they also bring down the 775
# inelastic rows?

# %%
W2 = np.linalg.inv(clustered_covariance(Z, xi_iv, models))      # (3.6)
beta_two = iv_gmm(delta, X1, Z, W2)
J_stat = blpteach.gmm_objective(moments(Z, delta - X1 @ beta_two), W2, N)

# %%
assert abs(beta_two[-1] - -0.1113) < 1e-4 and abs(inelastic(beta_two[-1]) - 1195) <= 1
print(f"two-step: {beta_two[-1]:.4f}, {inelastic(beta_two[-1])} rows inelastic")

# %% [markdown]
# The estimate moves back, and 1,195 rows are inelastic. Has efficiency made things worse? Look at $J$ first.

# %%
from scipy.stats import chi2
critical = chi2(Z.shape[1] - X1.shape[1]).ppf(0.95)
assert abs(critical - 14.07) < 0.01 and abs(J_stat - 119.67) < 0.05
print(f"J = {J_stat:.1f}; if all moments are valid, 95 percent of samples are below {critical:.1f}")

# %% [markdown]
# $J$ rejects, by far. The moments contradict each other, as the parabolas suggested: no $\beta$ satisfies them all.
# "Efficient" assumes that they can be satisfied. When they can't, $W$ decides *which* of the contradicting moments
# win, and the two steps estimate different things. What can be wrong?
#
# - An instrument may be correlated with $\xi$. Remember the signs in the first stage: the sums say who made the car and
#   when, and either may be part of $\xi$. Exercise 3.3 follows one of the trails.
# - The model may be wrong. A logit with one price coefficient leaves to $\xi$ whatever differs between buyers.
#
# $J$ does not say which. It says that we should report both estimates, believe neither beyond its first digit, and
# build a better model.

# %% [markdown] minutes=1 ask="Which matters more for the two-step estimate: centring, or clusters?"
# ### Centred or not, clustered or not
#
# In (3.7) the mean $g$ is subtracted. Some programs leave it in, since $g$ is zero in expectation. With as many
# moments as parameters it is zero at the estimate, and the choice is immaterial. With 13 moments that contradict each
# other it is not.
#
# **Before you run the next cells:** which matters more for the two-step estimate, centring or clusters?

# %% tags=["parameters"]
rounds = 1

# %%
def two_step(**options):
    """The price coefficient with efficient weights; more than one round is iterated GMM."""
    xi = xi_iv
    for _ in range(rounds):
        W = blpteach.weighting_matrix(blpteach.moment_covariance(Z, xi, **options))
        beta = iv_gmm(delta, X1, Z, W)
        xi = delta - X1 @ beta
    return beta[-1]

# %%
kinds = {"robust": {}, "clustered": {"kind": "clustered", "clusters": models}}
choices = pd.DataFrame({name: [two_step(**options), two_step(**options, center=False)]
                        for name, options in kinds.items()}, ["centred", "not centred"])

# %%
assert np.allclose(choices, [[-0.1499, -0.1113], [-0.1481, -0.1140]], atol=1e-4)
choices.round(4)

# %% [markdown]
# Centring moves the third decimal, clusters the second. If all moments were valid, the four would agree up to sampling
# error, since every positive definite $W$ centres on the truth. But robust weights can't be called efficient here:
# $\xi$ persists, so the robust $S$ is not the covariance of these moments, and the minimum of $q$ that goes with it is
# not a $\chi^2$. Clustered weights can, if labels are independent of each other. The library and PyBLP centre by
# default. Here are the library's lines, the second function for one equation or two, and the check that yours agree:

# %%
blpteach.show(blpteach.moment_covariance)
blpteach.show(blpteach.gmm.contribution_covariance)
assert np.allclose(blpteach.moment_covariance(Z, xi_iv), moment_covariance(Z, xi_iv))
assert np.allclose(blpteach.moment_covariance(Z, xi_iv, "clustered", models),
                   clustered_covariance(Z, xi_iv, models))

# %% [markdown] minutes=4 ask="A label has 2.2 rows, and its xi hardly changes. Which standard error is largest?"
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
# With $W = S^{-1}$ it collapses to $(G'S^{-1}G)^{-1}/N$: in large samples, and with valid moments, the smallest that the
# instruments allow.

# %% tags=["build"]
def sandwich(G, W, S, N):
    """(3.9): covariance of the estimates, (K1, K1)."""
    influence = np.linalg.solve(G.T @ W @ G, G.T @ W)           # (K1, M)
    return influence @ S @ influence.T / N                      # (K1, K1)

# %% [markdown]
# We owe the standard error of the estimate by cost shifters, in the economy whose truth is $-2$:

# %%
made_W = weighting_2sls(made_Z)
made_xi = made_delta - made_X1 @ iv_gmm(made_delta, made_X1, made_Z, made_W)
made_G = -made_Z.T @ made_X1 / len(made_Z)                      # (3.8)
variance = sandwich(made_G, made_W, moment_covariance(made_Z, made_xi), len(made_Z))
assert abs(np.sqrt(variance[-1, -1]) - 0.065) < 1e-3
print(f"{by_cost:.3f} with standard error {np.sqrt(variance[-1, -1]):.3f}")

# %% [markdown]
# Four choices of $S$ for the one-step estimate of the automobiles: *unadjusted*, which assumes that $\xi$ is
# independent and varies equally much everywhere; robust; clustered by label; and clustered by something coarser, the
# firm. Are labels independent of each other? We saw that who makes the car is part of the story.
#
# **Before you run the next cells:** in which column is the standard error of the price coefficient largest, and by how
# much?

# %% tags=["parameters"]
coarser = "firm_ids"

# %%
G = -Z.T @ X1 / N                                               # (3.8)
S_of = {"unadjusted": xi_iv.var() * Z.T @ Z / N, "robust": moment_covariance(Z, xi_iv),
        "by label": clustered_covariance(Z, xi_iv, models),
        "by firm": clustered_covariance(Z, xi_iv, pd.factorize(products[coarser])[0])}
se = pd.DataFrame({name: np.sqrt(np.diag(sandwich(G, W, S, N))) for name, S in S_of.items()},
                  tastes)

# %%
assert np.allclose(se.loc["prices"], [0.01075, 0.01149, 0.01665, 0.04662], atol=1e-5)
se.round(4)

# %%
t = abs(beta_iv[-1]) / se.loc["prices"]
assert abs(t["unadjusted"] - 12.5) < 0.1 and abs(t["by firm"] - 2.9) < 0.1
print("estimate over standard error:", t.round(1).to_dict())

# %%
groups = products.assign(xi=xi_iv).groupby(coarser)["xi"]
between = groups.transform("mean").var() / xi_iv.var()
assert groups.ngroups == 26 and abs(between - 0.29) < 0.01
print(f"{groups.ngroups} firms; {100 * between:.0f} percent of the variance of xi is between them")

# %% [markdown]
# Clustering by label raises the standard error of the price coefficient by half. By firm it is nearly three times that
# by label: the name of the maker carries over to all its models. Twice the number of rows with the same $\xi$ is not
# twice the information. The estimate itself is the same in all columns: one step, same $W$.
#
# Which to report? 26 firms of very unequal size are few for a covariance of 13 moments, and with few clusters such
# standard errors are rough and often too small. By label the number is well measured, but its assumption fails. We
# cluster by label, as the table's `clustering_ids` do, and read 0.017 as too small. And all columns take the moments as
# valid, which $J$ denies. Then (3.9) lacks terms that no longer vanish (Hall and Inoue 2003).

# %%
blpteach.show(blpteach.moment_jacobian)
blpteach.show(blpteach.sandwich)

# %% [markdown]
# The library returns NaN where $G$ lacks full rank: then the parameters are not identified. The last line of a printout
# of estimates, which you meet in *Check it*, reports this rank, and by its condition number how nearly it fails (large
# is bad).

# %%
same = [np.allclose(blpteach.moment_jacobian(Z, X1, np.empty((N, 0))), G)]
same += [np.allclose(blpteach.sandwich(G, W, S, N), sandwich(G, W, S, N)) for S in S_of.values()]
assert all(same)
print("the same as the library's:", all(same))

# %% [markdown]
# In lesson 04 $\theta_2$ is estimated as well, and its columns of $G$ must be there even if only $\beta$ is of
# interest. Leaving them out is a common way to get standard errors that are much too small.

# %% [markdown] minutes=3 ask="What happens to the constant, and to an instrument that is the same in all markets?"
# ### Fixed effects without dummies
#
# If some quality belongs to a product in all its markets, a dummy for each product takes it out of $\xi$. With many
# products that is many columns. Frisch, Waugh and Lovell: instead of adding dummies, subtract from every column,
# instruments included, its average within the product. (The tilde again means net of something, now of the dummies.)
#
# $$\tilde{x}_{jt} = x_{jt} - \bar{x}_j. \tag{3.10}$$

# %% tags=["build"]
def demeaned(values, groups):
    """(3.10): columns less their averages within groups, (N, K)."""
    values = pd.DataFrame(values)
    return (values - values.groupby(groups).transform("mean")).to_numpy()      # (N, K)

# %% [markdown]
# The cereals of lesson 00 have 24 products in 94 markets. Do it both ways.

# %% tags=["parameters"]
effect = "product_ids"

# %%
cereal, _ = blpteach.load_cereal()
cereal_outside = 1 - cereal.groupby("market_ids")["shares"].transform("sum")
y = np.log(cereal["shares"] / cereal_outside).to_numpy()
price = cereal[["prices"]].to_numpy()                           # (N, 1)
z = cereal[[f"demand_instruments{k}" for k in range(20)]].to_numpy()

# %%
dummies = pd.get_dummies(cereal[effect]).to_numpy(float)                    # (N, 24)
X, Zd = np.column_stack([price, dummies]), np.column_stack([z, dummies])
by_dummies = iv_gmm(y, X, Zd, weighting_2sls(Zd))[0]
print(f"{X.shape[1]} columns, {Zd.shape[1]} moments: {by_dummies:.3f}")

# %%
dy, dp, dz = (demeaned(v, pd.factorize(cereal[effect])[0]) for v in (y, price, z))
by_demeaning = iv_gmm(dy[:, 0], dp, dz, weighting_2sls(dz))[0]
assert np.isclose(by_dummies, by_demeaning) and abs(by_demeaning - -30.098) < 1e-3
print(f"{dp.shape[1]} column, {dz.shape[1]} moments: {by_demeaning:.3f}")

# %% [markdown]
# Identical. There is a price of admission. Whatever is constant within a product vanishes, the constant first: that is
# why formulas with absorbed effects start with `0 +`. An instrument that is constant within a product vanishes too.
#
# `blpteach.absorb_effects` handles one set of effects by demeaning. For two sets, such as product and market, averages
# have to be subtracted in turn until both sets of averages are zero, and it calls a package for that.

# %%
blpteach.show(blpteach.absorb_effects)
codes = pd.factorize(cereal[effect])[0][:, None]                # (N, 1)
assert np.allclose(blpteach.absorb_effects(z, codes), dz)

# %% [markdown] minutes=4 ask="Can 20 markets tell more about tastes than 80?"
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
# (The truth is $-2$ here as well. Why the estimate misses it is a matter for *Check it*.)
#
# **Before you run the next cells:** now tastes for `x` and `group` may differ, and the taste for price may move with
# income. That makes three parameters more: a zero in `start` stays zero and is not estimated. What should the library
# do?

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
# The order condition is *necessary*. It is not sufficient. Give the model four cost instruments, so that $M = 7$: the
# cost shifters, and the same times the mean income of the market. Then give it all nine. The five others describe
# a product's rivals, three of them how close they are. In both cases we look at the standard errors at the true
# $\theta_2$, over 80 markets.
#
# > **A common error.** "For identification you need at least 50 markets." There is no such rule. BLP's automobiles are 20
# > markets, of 72 to 150 cars each. What identifies is *variation* that the moments can see: choice sets, costs and
# > demographics that differ. Markets are one way to get it. Many products in a market are another. And 94 markets
# > with the same 24 cereals in each say nothing through their choice sets.

# %%
cars, flakes = products.groupby("market_ids").size(), cereal.groupby("market_ids")["product_ids"]
assert (len(cars), cars.min(), cars.max()) == (20, 72, 150)
assert flakes.ngroups == 94 and (flakes.nunique() == 24).all()
print(f"automobiles: {len(cars)} of {cars.min()} to {cars.max()}; cereals: {flakes.ngroups} of 24")

# %% [markdown]
# So the third column keeps all nine instruments and only the first 20 of the 80 markets. The fourth is an economy in
# the shape of the automobiles: 20 markets of 72 to 150 products.
#
# **Before you run the next cells:** rank the four by how well they measure `sigma` on `group`. A cost shifter moves
# prices. Can it tell how much tastes for `group` differ?

# %% tags=["parameters"]
few_instruments = 4
few_markets = 20

# %%
def se_at_truth(products, agents, count):
    """Standard errors at the true theta2 with the first `count` excluded instruments."""
    z = [f"demand_instruments{k}" for k in range(count)]
    problem = blpteach.Problem(products, agents, linear=linear, instruments=z, **random)
    return problem.evaluate(**start).to_frame()["se"]

# %%
first, first_agents = (frame[frame["market_ids"] < few_markets] for frame in (simulated, agents))
wide = blpteach.simulate(T=20, J=(72, 150), firms=20, I=50, seed=1)
cases = {"80, cost only": (simulated, agents, few_instruments),
         "80, all nine": (simulated, agents, 9),
         "20, all nine": (first, first_agents, 9), "20 wide, all nine": (*wide, 9)}
assert [len(case[0]) for case in cases.values()] == [1063, 1063, 272, 2186]
print("rows:", {name: len(case[0]) for name, case in cases.items()})

# %%
se_truth = pd.DataFrame({name: se_at_truth(*case) for name, case in cases.items()})
assert np.allclose(se_truth.loc["sigma[group, nodes2]"], [7.85, 0.48, 1.15, 0.50], atol=0.01)
se_truth.assign(truth=[1, 1.5, 0.5, -2, 1, 2, 0.5]).round(2)

# %% [markdown]
# In the first column the order condition holds and there are 80 markets, and the standard error of `sigma` on `group`
# is four times its true value. Counting was satisfied, the data were not. 20 markets with instruments that see how
# close the rivals are give a seventh of that standard error. And 20 wide markets do as well as 80 narrow ones. They
# hold twice as many rows, so this is no fair race. It shows that rows count as well as markets, and that there is
# nothing special about 50. Which instruments see what is the subject of Gandhi and Houde (2019).

# %% [markdown] minutes=2 ask="The elasticity of the Accord is -1.24. Does halving its price raise revenue?"
# ### The halved price
#
# Honda lowers the price of the Accord in 1990, and no one else moves. If the price falls by a fraction `cut`, mean
# utility rises by $-\beta_{\text{price}}\,p_j$ times the cut.
#
# **Before you run the next cells:** at half the price, for 100 Accords sold before, how many are sold after, by least
# squares and by instruments? The price was 9.29 thousand dollars.

# %% tags=["parameters"]
cut = 0.5
car = "HDACCO90"

# %%
market = products["market_ids"].to_numpy() == 1990
accord = (products["clustering_ids"] == car).to_numpy()[market]
assert accord.sum() == 1
print(f"{market.sum()} cars; price of the Accord {prices[market][accord].item():.2f}")

# %%
def after_cut(beta_price, cut):
    """Sales of all cars of 1990 after the cut, 100 before, (J,)."""
    cheaper = delta[market] - beta_price * cut * prices[market] * accord
    new = blpteach.market_shares(cheaper, np.zeros((market.sum(), 1)), np.ones(1))
    return 100 * new / shares[market]

# %%
by = {"least squares": beta_ls[-1], "2SLS": beta_iv[-1], "two-step": beta_two[-1]}
sold = pd.Series({name: after_cut(slope, cut)[accord].item() for name, slope in by.items()})
assert np.allclose(sold, [150.6, 185.7, 167.1], atol=0.2)
pd.DataFrame({"sold after": sold, "revenue after": sold * (1 - cut)}).round(1)

# %% [markdown]
# Sold before: 100. Revenue before: 100. By least squares 51 more Accords are sold, and a quarter of their revenue is
# lost. By 2SLS it is 86 more and seven percent, by two-step GMM something between.
#
# Now a puzzle. By 2SLS demand for the Accord is elastic. Then a lower price should raise revenue.

# %%
elasticity = beta_iv[-1] * prices[market][accord].item() * (1 - shares[market][accord].item())
revenue = {c: (1 - c) * after_cut(beta_iv[-1], c)[accord].item() for c in (0.1, 0.2, 0.3, 0.5)}
assert abs(elasticity - -1.24) < 0.01 and abs(max(revenue.values()) - 102.4) < 0.3
print(f"elasticity {elasticity:.2f}; revenue by cut:", {c: round(r, 1) for c, r in revenue.items()})
s_half = shares[market][accord].item() * after_cut(beta_iv[-1], 0.5)[accord].item() / 100
at_half = beta_iv[-1] * prices[market][accord].item() / 2 * (1 - s_half)
assert abs(at_half - -0.62) < 0.01
print(f"elasticity at half the price: {at_half:.2f}")

# %% [markdown]
# It does, at first. In the logit the elasticity shrinks with the price. At half the price demand is inelastic: the
# cut overshoots.
#
# And who loses buyers?

# %%
rivals = after_cut(beta_iv[-1], cut)[~accord]
assert np.ptp(rivals) < 1e-9 and abs(rivals[0] - 99.62) < 0.01
print(f"each of the {len(rivals)} rivals keeps {rivals[0]:.2f} percent of its buyers")

# %% [markdown]
# The Toyota and the Porsche alike. Instruments correct *how strongly* people mind the price. *Whom* they would buy
# from instead is a matter of $\mu$, and the logit has none. The answer becomes sensible when random tastes (lesson
# 01) are estimated (lesson 04), with the tools of this lesson.

# %% [markdown] minutes=2 ask="In the shipped economy tastes differ. Will cost shifters find -2 by a logit?"
# ## Check it
#
# *Does the library give the same?* `Problem` builds `X1` and `Z` from a formula and the columns called
# `demand_instruments...`, and the `clusters` make the covariance clustered.

# %%
formula = "1 + hpwt + air + mpd + space + prices"
problem = blpteach.Problem(products, linear=formula, clusters="clustering_ids")
estimates = problem.estimate()
assert np.allclose(estimates.beta, beta_iv) and np.allclose(estimates.beta_se, se["by label"])
estimates

# %%
two = problem.estimate(steps=2)
assert np.allclose(two.beta, beta_two) and np.isclose(two.objective, J_stat)
print(f"two-step {two.beta[-1]:.4f} ({two.beta_se[-1]:.4f}), J = {two.objective:.1f}")

# %% [markdown]
# *Do prices make sense?* Prices and the slope of demand imply costs. For a firm with one product the formula above
# gives $c = p + 1/(\beta_{\text{price}}(1 - s))$. (5.6) adds the firm's other cars. Negative costs are impossible.

# %%
by_ls = blpteach.Problem(products, linear=formula, instruments=["prices"]).estimate()
negative = [(e.costs() < 0).sum() for e in (by_ls, estimates)]
assert np.allclose(negative, [1524, 809], atol=1)
print(f"negative costs: {negative[0]} by least squares, {negative[1]} by instruments")

# %% [markdown]
# (`instruments=["prices"]` makes price its own instrument, which is least squares.) These are a few more than the
# inelastic rows: a firm that owns substitutes has even more reason to raise prices.
#
# *Does the method find a truth?* In the economy where all tastes are alike it did. Now the shipped economy, whose
# consumers differ. The truth is again $-2$, for consumers of mean income.
#
# **Before you run the next cells:** will cost shifters find $-2$ with a logit? Will all nine instruments?

# %%
in_logit = [blpteach.Problem(simulated, linear=linear, instruments=z).estimate().beta[-1]
            for z in (["prices"], ["w0", "w1"], None)]

# %%
assert np.allclose(in_logit, [-0.605, -1.577, -1.027], atol=1e-3)
print("least squares {:.3f}, cost shifters {:.3f}, all nine {:.3f}".format(*in_logit))

# %% [markdown]
# Not one is right. Least squares suffers from both troubles. Instruments cure endogeneity. They do not cure a model
# without differing tastes: then $\xi$ contains what the model leaves out, and the instruments are correlated with
# that. Two sets of instruments that disagree are a sign of it, or of a bad instrument. Here we know which, because we
# made the data. On the automobiles we can't tell.

# %% [markdown] minutes=5 ask="Instruments explain 2 percent of the variance of price. Where does IV centre: on the truth, on least squares, or between?"
# ## Play
#
# How large is the trouble, and when do instruments help? A small economy: utility is $-p + \xi$, and price has two
# parts,
#
# $$p = \sqrt{\text{strength}}\; z + \sqrt{1 - \text{strength}}\; v.$$
#
# The first is a sum of four instruments, the second is not. All of $z$, $v$ and $\xi$ have variance one, so `strength`
# is the fraction of the variance of price that instruments explain. The other parameter is the correlation of $v$ and
# $\xi$. 400 samples of $N$ observations are drawn once, and each gives an estimate of both kinds.

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
# wide, and its interval covers the truth far less often than it says. The F beside it warns of that. *Weak, five times
# the data*: better, and not yet well. The last two in numbers:

# %%
weak = Sampling(correlation=0.7, strength=0.02, N=200)
assert abs(weak.bias("instruments") - 0.30) < 0.06 and abs(np.median(weak.F) - 1.9) < 0.3
assert abs(weak.covers["instruments"].mean() - 0.78) < 0.05
weak.numbers()

# %%
weak.update(N=1000)
assert abs(weak.bias("instruments") - 0.09) < 0.04 and weak.bias("least_squares") > 0.6
assert abs(np.median(weak.F) - 6.0) < 0.4 and abs(weak.covers["instruments"].mean() - 0.89) < 0.04
weak.numbers()

# %% [markdown]
# Five times the sample raises F from 1.9 to 6.0 and takes away most of the bias of IV, 0.30 to 0.09. It is not a cure
# yet: F is still below 10, and the interval covers in 89 percent of samples. How many observations would do?
# Exercise 3.5. For least squares a larger sample does nothing: the bias stays, and the interval around the wrong
# number gets tighter.

# %% [markdown] minutes=1
# ## Exercises
#
# `blpteach.check` says whether an answer is right, and if it isn't, often why. `blpteach.hint("3.1")` gives a hint.

# %% [markdown]
# ### Exercise 3.1 · 5 minutes · easy
#
# How negative would the price coefficient of the logit have to be for *every* row of the automobiles to have elastic
# demand? The answer is one number, in utils per thousand dollars, negative: the largest coefficient with which no
# elasticity lies above $-1$. Which car decides? What would that coefficient say about the most expensive car?

# %% tags=["exercise"]
needed = ...

# %% tags=["solution"]
reach = prices * (1 - shares)                                   # elasticity per util
needed = -1 / reach.min()
cheapest, dearest = products.loc[reach.argmin()], (needed * reach).min()
assert abs(needed - -0.2947) < 5e-4 and abs(dearest - -20.2) < 0.1
print(f"{needed:.4f}; {cheapest['clustering_ids']} at {cheapest['prices']:.2f}; {dearest:.1f}")
assert blpteach.check("3.1", needed)

# %% tags=["check"]
blpteach.check("3.1", needed)

# %% [markdown] tags=["solution"]
# The cheapest car decides. At the most expensive an elasticity of $-20$ would leave its maker a margin of 5 percent. No
# single coefficient is right for both ends. Buyers of expensive cars must mind a thousand dollars less.

# %% [markdown]
# ### Exercise 3.2 · 10 minutes · easy
#
# Back to the cereals. Products differ in quality, and so, perhaps, do markets: in some everybody eats more cereal. Give
# each product *and* each market a fixed effect, and estimate the price coefficient of the logit by one-step GMM with
# (3.5) and the 20 excluded instruments. The answer is one number, in utils per dollar. (All 24 products stand in all 94
# markets. So subtracting in turn is over after one round.)

# %% tags=["exercise"]
beta_price = ...

# %% tags=["solution"]
both_effects = blpteach.Problem(cereal, linear="0 + prices", absorb=["product_ids", "market_ids"])
beta_price = both_effects.estimate().beta[0]
y2, p2, z2 = (demeaned(demeaned(v, cereal["product_ids"]), cereal["market_ids"])
              for v in (y, price, z))                           # the same by hand
assert np.isclose(beta_price, iv_gmm(y2[:, 0], p2, z2, weighting_2sls(z2))[0])
print(f"{beta_price:.3f}")
assert abs(beta_price - -30.434) < 1e-3
assert blpteach.check("3.2", beta_price)

# %% tags=["check"]
blpteach.check("3.2", beta_price)

# %% [markdown]
# ### Exercise 3.3 · 10 minutes · medium
#
# The first stage of the automobiles said that instruments have to do with *who makes the car*. Take that out of $\xi$:
# absorb the firm, `absorb="firm_ids"`. The constant goes, so the formula starts with `0 +`. Estimate by least squares
# (let price be its own instrument), by one-step GMM and by two-step GMM with weights clustered by `clustering_ids`.
# The answer is an array of shape (3,): the three price coefficients in this order. What happens to the coefficients,
# and to $J$?

# %% tags=["exercise"]
firm_effects = ...

# %% tags=["solution"]
within = dict(linear="0 + hpwt + air + mpd + space + prices", absorb="firm_ids",
              clusters="clustering_ids")
own = blpteach.Problem(products, instruments=["prices"], **within)
eight = blpteach.Problem(products, **within)
fits = {"least squares": own.estimate(), "one-step": eight.estimate(),
        "two-step": eight.estimate(steps=2)}
firm_effects = np.array([e.beta[-1] for e in fits.values()])
assert np.allclose(firm_effects, [-0.0675, -0.0815, -0.0886], atol=1e-4)
assert blpteach.check("3.3", firm_effects)

# %% tags=["solution"]
rows = {name: [e.beta[-1], e.beta_se[-1], (e.own_elasticities() > -1).mean()]
        for name, e in fits.items()}
assert (np.array(list(rows.values()))[:, 2] > 0.6).all()
pd.DataFrame(rows, ["price coefficient", "standard error", "inelastic"]).T.round(4)

# %% tags=["solution"]
price_within, z_within = (demeaned(v, products["firm_ids"]) for v in (X1[:, 1:], excluded))
p_within = net_of(price_within[:, :-1], price_within[:, -1])
F_firms = clustered_F(p_within, net_of(price_within[:, :-1], z_within), models)
J_firms = fits["two-step"].objective
assert abs(J_firms - 27.3) < 0.05 and abs(F_firms - 22.4) < 0.1
print(f"J = {J_firms:.1f} (M - K1 is still 7); clustered first-stage F within firms {F_firms:.1f}")

# %% tags=["check"]
blpteach.check("3.3", firm_effects)

# %% [markdown] tags=["solution"]
# $J$ falls from 120 to 27, still above 14.1. Two readings. The makers were the contradiction. Or less is left to
# contradict: the moments see only what varies within a firm. The first-stage F of 22 says that within firms the
# instruments still move price, which speaks for the first. The price coefficients are closer to zero, and most rows are
# inelastic. Instruments still move the estimate in the direction that we expect, but from $-0.068$ to $-0.082$ is
# less than one standard error. A cleaner comparison need not give the answer that one hoped for. What the logit
# lacks, fixed effects can't supply.

# %% [markdown]
# ### Exercise 3.4 · 15 minutes · medium
#
# Write the function that a paper's table needs: *clustered standard errors of 2SLS*. It gets `y` (N,), `X` (N, K),
# `Z` (N, M) and `clusters` (N,), and returns an array of shape (K,): the square roots of the diagonal of (3.9), with
# $W$ from (3.5) and $S$ from the sums of contributions within clusters, divided by $N$. No small-sample factors. Use
# what this lesson built. (Centred or not? For once it is immaterial. Why?)

# %% tags=["exercise"]
def standard_errors(y, X, Z, clusters):
    """Clustered standard errors of two-stage least squares, (K,)."""
    return ...

# %% tags=["solution"]
def standard_errors(y, X, Z, clusters):
    W = weighting_2sls(Z)                                       # (3.5)
    xi = y - X @ iv_gmm(y, X, Z, W)                             # X itself, not its fitted values
    S = clustered_covariance(Z, xi, clusters)                   # (3.7), within clusters
    G = -Z.T @ X / len(Z)                                       # (3.8)
    return np.sqrt(np.diag(sandwich(G, W, S, len(Z))))          # (3.9)

assert np.allclose(standard_errors(delta, X1, Z, models), se["by label"])
assert blpteach.check("3.4", standard_errors)

# %% tags=["check"]
blpteach.check("3.4", standard_errors)

# %% [markdown] tags=["solution"]
# Centring is immaterial, because $\hat\beta$ solves $G'Wg = 0$. What is subtracted from $h_c$, a multiple of $g$, the
# sandwich multiplies by $G'W$. It matters where $S$ is inverted, for the weights of a second step.

# %% [markdown]
# ### Exercise 3.5 · 10 minutes · medium
#
# *How large a sample do weak instruments need?* In the economy of *Play*, write the first stage as $p = Z\gamma + e$
# with $M$ instruments. The numerator of F is $p'Pp/M$, where $P$ projects on the instruments, and the denominator
# estimates the variance of $e$. Show that for large $N$
#
# $$\mathrm{E}[F] \approx 1 + \lambda/M, \qquad
# \lambda = N\,\frac{\text{explained variance}}{\text{unexplained variance}}.$$
#
# Now take $M = 4$ and a `strength` of 0.02. At which $N$ is the mean F equal to 10, by this formula? The answer is one
# number of observations; don't round.

# %% tags=["exercise"]
observations = ...

# %% tags=["solution"]
M, strength = 4, 0.02
observations = M * (10 - 1) * (1 - strength) / strength
assert abs(observations - 1764) < 1e-6
print(f"{observations:.0f} observations")
assert blpteach.check("3.5", observations)

# %% tags=["solution"]
large = Sampling(replications=200, largest=1750, correlation=0.7, strength=strength, N=1750)
assert abs(large.F.mean() - 10) < 1 and abs(large.covers["instruments"].mean() - 0.92) < 0.05
print(f"mean F over 200 samples of 1,750: {large.F.mean():.1f}")
large.numbers()

# %% tags=["check"]
blpteach.check("3.5", observations)

# %% [markdown] tags=["solution"]
# $p'Pp = \gamma'Z'Z\gamma + 2\gamma'Z'e + e'Pe$. The three terms have means $N \times$ explained variance, 0, and $M
# \times$ unexplained variance (the trace of $P$ is $M$). Divide by $M$ times the unexplained variance. The $1$ is what
# F shows when instruments explain nothing. So an F of 2 is half noise. Even at 10 a little bias is left: for one
# endogenous column, IV keeps about a share of $1/\mathrm{E}[F]$ of the bias of least squares.

# %% [markdown]
# ### Exercise 3.6 · 20 minutes · hard
#
# *2SLS as an average.* Use the excluded instruments one at a time. Each gives an estimate $b_m = \tilde
# z_m'\tilde\delta / \tilde z_m'\tilde p$, where the tilde means net of the exogenous columns. Show that the 2SLS
# estimate is $\sum_m \omega_m b_m$ with $\omega_m = \gamma_m \tilde z_m'\tilde p / \sum_k \gamma_k \tilde z_k'\tilde p$,
# where $\gamma$ are the coefficients of the first stage, all instruments together.
#
# Write a function that gets `delta_net` (N,), `price_net` (N,) and `excluded_net` (N, m), and returns an array of shape
# (2, m): the estimates $b$ in the first row, the weights $\omega$ in the second. Then apply it to the automobiles. Are
# all weights positive? And how can the answer of all eight lie outside those of its two halves?

# %% tags=["exercise"]
def one_at_a_time(delta_net, price_net, excluded_net):
    """Estimates with one instrument each, and their weights in 2SLS, (2, m)."""
    return ...

# %% tags=["solution"]
def one_at_a_time(delta_net, price_net, excluded_net):
    zp = excluded_net.T @ price_net                             # (m,)
    first = np.linalg.lstsq(excluded_net, price_net, rcond=None)[0]
    return np.array([excluded_net.T @ delta_net / zp, first * zp / (first @ zp)])

b, omega = one_at_a_time(net_of(exogenous, delta), p_net, z_net)
assert np.isclose(omega.sum(), 1) and np.isclose(omega @ b, beta_iv[-1]) and (omega < 0).sum() == 3
assert blpteach.check("3.6", one_at_a_time)

# %% tags=["solution"]
assert abs(b[4] - -0.2134) < 1e-4 and b[2] > 0
pd.DataFrame({"estimate": b, "weight": omega}, names).round(3)

# %% tags=["solution"]
halves = {"own four": slice(0, 4), "rivals' four": slice(4, 8)}
parts = {name: [omega[k].sum(), omega[k] @ b[k] / omega[k].sum(), profile.minimum(name)]
         for name, k in halves.items()}
assert np.allclose(parts["own four"], [0.589, -0.1336, -0.1676], atol=1e-3)
assert np.allclose(parts["rivals' four"], [0.411, -0.1348, -0.1869], atol=1e-3)
pd.DataFrame(parts, ["weight among eight", "average among eight", "2SLS alone"]).T.round(4)

# %% tags=["check"]
blpteach.check("3.6", one_at_a_time)

# %% [markdown] tags=["solution"]
# The fitted price is $\hat p = \sum_m \gamma_m \tilde z_m$, and 2SLS is $\hat p'\tilde\delta / \hat p'\tilde p$. In the
# numerator write $\tilde z_m'\tilde\delta = b_m\,\tilde z_m'\tilde p$, and it follows. If all instruments were valid,
# all $b_m$ would estimate the same number, and weights would be immaterial. Here they do not estimate the same, and
# three weights are negative.
#
# The eight-instrument estimate *is* an average of two group averages, $-0.1336$ and $-0.1348$, with weights 0.59 and
# 0.41. But these are not what the groups say alone, $-0.168$ and $-0.187$. In the joint first stage every $\gamma_m$ is
# another number, so the weights within a group are others too. 2SLS with all instruments is not an average of 2SLS
# with its halves.

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

# %%
if pyblp:
    theirs = pyblp.Problem(pyblp.Formulation(formula), products)
    for steps, ours in (("1s", estimates), ("2s", two)):
        found = theirs.solve(method=steps, W_type="clustered", se_type="clustered")
        assert np.allclose(found.beta.ravel(), ours.beta)
        assert np.allclose(found.beta_se.ravel(), ours.beta_se)
        print(f"{steps}: PyBLP {found.beta[-1].item():.4f} ({found.beta_se[-1].item():.4f}), "
              f"here {ours.beta[-1]:.4f} ({ours.beta_se[-1]:.4f})")
else:
    blpteach.stored_output()

# %% [markdown]
# What practice adds. A paper shows the logit by least squares and by IV side by side, with the number of inelastic
# products, and the first stage with an F that fits the assumed errors. BLP do the former in their Table III. Their
# least squares is ours, $-0.089$. Their IV is not: $-0.216$, which leaves 22 inelastic products. Their instruments are
# built in another way. That the answer depends so much on the set of instruments is what $J$ told us. With the two
# sums of `space` that our table lacks, the estimate hardly moves:

# %%
Z_space = np.column_stack([Z, blp_sums(products["space"])])
with_space = iv_gmm(delta, X1, Z_space, weighting_2sls(Z_space))[-1]
assert abs(with_space - -0.1357) < 1e-4 and abs(inelastic(-0.216) - 22) <= 1
print(f"with eight sums {beta_iv[-1]:.4f}, with ten {with_space:.4f}")
print(f"at BLP's -0.216, {inelastic(-0.216)} of our rows are inelastic")

# %% [markdown]
# A paper also argues validity in words: who decides what, and when. And it prefers cost shifters where they can be had.
# With many products in a market, rivals move the logit's markup so little that their characteristics are weak
# instruments for price (Armstrong 2016). With 72 cars or more in a year, an F of 48 has to come from elsewhere. We saw
# from where: from who makes the car, and from the year.

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
# - Chamberlain, G. (1987). Asymptotic efficiency in estimation with conditional moment restrictions. *Journal of
#   Econometrics* 34(3), 305-334. Which functions of the exogenous variables are the best instruments.
# - Gandhi, A., and Houde, J.-F. (2019). Measuring substitution patterns in differentiated-products industries. NBER
#   Working Paper 26375. Instruments that see how close a product's rivals are, like the last three of our nine.
# - Hall, A. R., and Inoue, A. (2003). The large sample behaviour of the generalized method of moments estimator in
#   misspecified models. *Journal of Econometrics* 114(2), 361-394. What is left of (3.9) when moments contradict.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP.
#   *RAND Journal of Economics* 51(4), 1108-1161. Weighting, standard errors and fixed effects as they are done today.
#
# **Next.** Lesson 04 opens Step 4. It lets $\delta$ depend on $\theta_2$, keeps the two maps of this lesson fixed,
# and searches.
