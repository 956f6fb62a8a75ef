# %% [markdown]
# # 03. If better cars cost more, how do we learn what price does?
#
# **GMM with endogenous prices**
#
# *60 minutes, and another 70 for the exercises; what stands under Further can be skipped. You need: econometrics
# through instrumental variables; NumPy. From lesson 00: mean utility, the elasticity of the logit, `Problem`. From
# lesson 01: $\Sigma$ and $\Pi$, which say how tastes differ. From lesson 02: market shares give back mean utility.*

# %% [markdown]
# ## The question
#
# A maker of cars halves the price of one model. How many more does it sell? The answer needs the **price
# coefficient**: by how much utility falls when price rises. A regression on the automobiles of Berry, Levinsohn and
# Pakes (BLP) gives a coefficient by which many cars would earn more at a higher price.
#
# Car makers know their business. The regression is wrong. This lesson says why, and what to do: the generalised method
# of moments, **GMM**, Step 3 of the five. The module is `blpteach/gmm.py`.

# %% [markdown]
# ## What you will be able to do
#
# - say why price is correlated with the error of a demand equation, and which way that bends the estimate;
# - say what makes an instrument, and check the part that data can check;
# - write the IV-GMM estimator in two lines, and choose its weights for a reason;
# - compute clustered standard errors, and test overidentifying restrictions;
# - take the linear parameters out of the search, and write down the whole algorithm of BLP.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=3 ask="For how many of the 2,217 cars does least squares say that demand is inelastic: some, half, most?"
# ### What Steps 1 and 2 leave to do
#
# A row is a model of car in a year. A market is a year in the United States, 1971 to 1990. Sales are divided by the
# number of households: most buy no new car in a year.

# %%
import numpy as np
import pandas as pd

import blpteach

products, _ = blpteach.load_autos()
columns = ["clustering_ids", "shares", "prices", "hpwt", "air", "mpd", "space"]
products.query("market_ids == 1990").nlargest(3, "shares")[columns].round(4)

# %% [markdown]
# - `prices`: $p_{jt}$, in thousands of 1983 dollars.
# - `hpwt`: horsepower per 10 pounds of weight. `air`: 1 if air conditioning is standard.
# - `mpd`: tens of miles for a dollar of petrol. `space`: length times width, in 10,000 square inches.
# - `clustering_ids`: a label, the same in all years of one version of a model. The first is the Honda Accord of 1990.
#
# Steps 1 and 2 end with the mean utility $\delta_{jt}$ (`delta`). Without random tastes it is $\log s_{jt} - \log
# s_{0t}$, (0.2). With them, what follows would be the same:
#
# $$\delta_{jt} = x_{jt}'\beta + \xi_{jt}. \tag{1.1}$$
#
# - $x_{jt}$ is a row of `X1` (N, K1). Price is its last column.
# - $\beta$ (`beta`, (K1,)) are the mean tastes. The one for price is `beta_price`, in utils per thousand dollars.
# - $\xi_{jt}$ (`xi`, (N,)) makes a car popular and is not in the table: looks, reliability, a good name.

# %%
shares, prices = products["shares"].to_numpy(), products["prices"].to_numpy()
outside = 1 - products.groupby("market_ids")["shares"].transform("sum").to_numpy()
delta, N = np.log(shares) - np.log(outside), len(shares)        # (N,)
exogenous = np.column_stack([np.ones(N), products[["hpwt", "air", "mpd", "space"]]])
X1 = np.column_stack([exogenous, prices])                       # (N, K1), K1 = 6
assert N == 2217 and abs(outside.mean() - 0.89) < 0.02
print(f"N = {N}; outside share {outside.mean():.2f}; delta {delta.min():.1f} to {delta.max():.1f}")

# %% [markdown]
# First, least squares. To judge a coefficient, translate it. The own elasticity of the logit is
# $\beta_{\text{price}}\, p_{jt} (1 - s_{jt})$, (0.3). Between $-1$ and 0, demand is **inelastic**: a price one percent
# higher loses less than one percent of sales. Revenue goes up, and fewer cars have to be built. A firm that maximises
# profit does not stop there.

# %%
def inelastic(beta_price):
    """How many rows have an own elasticity above -1."""
    return (beta_price * prices * (1 - shares) > -1).sum()


beta_ls = np.linalg.lstsq(X1, delta, rcond=None)[0]             # (K1,)
assert abs(beta_ls[-1] - -0.0886) < 1e-4
print("1, hpwt, air, mpd, space, prices:", beta_ls.round(4))

# %% [markdown]
# For how many of the 2,217 rows is demand inelastic?

# %%
blpteach.predict("3.1", ...)

# %%
from blpteach.plots.endogeneity import Inelastic
assert abs(inelastic(beta_ls[-1]) - 1502) <= 1
display(Inelastic(prices, shares, least_squares=beta_ls[-1]))
cheap = beta_ls[-1] * prices * (1 - shares) > -1
assert prices[cheap].max() < prices[~cheap].min() and abs(prices[cheap].max() - 11.28) < 0.01
assert abs(prices.min() - 3.39) < 0.01 and abs(prices.max() - 68.60) < 0.01
print(f"prices {prices.min():.2f} to {prices.max():.2f}; dearest inelastic {prices[cheap].max():.2f}")
blpteach.predicted("3.1", inelastic(beta_ls[-1]))

# %% [markdown]
# **Result.** Two thirds: every car below about 11,300 dollars. Either the price coefficient is too close to zero, or
# one coefficient can't serve all cars. This lesson takes up the first, lesson 04 the second.

# %% [markdown] minutes=4 ask="On which side of the truth will least squares be, and why?"
# ### Firms see what we don't
#
# Of two cars with the same numbers in the table one has a better name. It is more popular, and its maker can ask for
# more. So price is correlated with $\xi$: it is **endogenous**.
#
# Let a tilde mean net of the other columns of $X_1$: the residual of a regression on them. The least squares
# coefficient of price is $\tilde p'\delta / \tilde p'\tilde p$. Put in (1.1):
#
# $$\hat\beta_{\text{price}} = \beta_{\text{price}} + \frac{\tilde p'\xi}{\tilde p'\tilde p}.$$
#
# For the last term we need data in which $\xi$ can be seen. The library makes some: firms that know $\xi$ set their
# best prices, all consumers are of one type, and the truth is $\beta_{\text{price}} = -2$. `x` and `group` are
# observed characteristics. `w0` and `w1` move costs and were drawn independently of $\xi$.

# %% tags=["parameters"]
xi_sd, made_markets = 0.8, 80                                   # how much xi varies, utils

# %%
alike = blpteach.Truth(sigma=(0, 0, 0), pi=0.0, xi_sd=xi_sd)
economy, _ = blpteach.simulate(alike, T=made_markets, I=1, seed=0)
economy[["market_ids", "x", "group", "w0", "w1", "prices", "shares", "xi"]].head(3).round(3)

# %% [markdown]
# On which side of $-2$ will least squares be: closer to zero, or farther from it?

# %%
blpteach.predict("3.2", ..., among=["closer", "farther"])

# %% tags=["build"]
def net_of(columns, y):
    """Residuals of y, (N,) or (N, m), after a regression on the columns, (N, K)."""
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]     # as y

# %%
made_outside = 1 - economy.groupby("market_ids")["shares"].transform("sum")
made_delta = np.log(economy["shares"] / made_outside).to_numpy()
others = np.column_stack([np.ones(len(economy)), economy[["x", "group"]]])
p, d = net_of(others, economy["prices"].to_numpy()), net_of(others, made_delta)
xi = economy["xi"].to_numpy()
slope, bias = p @ d / (p @ p), p @ xi / (p @ p)
assert np.isclose(slope, -2 + bias) and abs(slope - -1.163) < 1e-3
print(f"truth -2, least squares {slope:.3f}, bias {bias:+.3f}")
blpteach.predicted("3.2", "closer" if abs(slope) < 2 else "farther")

# %%
from blpteach.plots.endogeneity import PriceAndQuality
PriceAndQuality(p, xi, d, least_squares=slope, truth=-2.0)

# %% [markdown]
# **Result.** On the left, dear products are better than they look in the table. On the right, that tilts the cloud,
# and least squares takes the tilt for a taste of people who hardly mind the price. More data would not help.

# %% [markdown] minutes=4 ask="Name something that moves a car's price and that its buyers do not care about."
# ### What moves price and not quality?
#
# A firm with one product earns $(p - c)\,s$ per household. At the best price the derivative is zero: $s + (p -
# c)\,\partial s / \partial p = 0$. In the logit $\partial s / \partial p = \beta_{\text{price}}\, s (1 - s)$ (lesson
# 00), so
#
# $$p_{jt} = c_{jt} + \frac{1}{-\beta_{\text{price}} (1 - s_{jt})}.$$
#
# Marginal cost plus a markup. (For firms with many products: (5.6) of lesson 05.) Three things move it:
#
# - the product's own quality, through $s_{jt}$. That is the trouble.
# - its cost $c_{jt}$: wages, steel, exchange rates. **Cost shifters.**
# - its rivals, through $s_{jt}$ again: the more and the better they are, the smaller my share and my markup.
#
# The last two can serve as **instruments**. An instrument is a column $z$ that satisfies two conditions.
#
# 1. **Relevance.** It is correlated with price, net of the other columns of $X_1$. The data can show that.
# 2. **Validity.** It is not correlated with $\xi$: it has no part in utility itself (**exclusion**), and it was not
#    chosen with $\xi$ in mind (exogeneity). No regression can prove that. It needs a story.
#
# For rivals' characteristics the story is one of timing. They are chosen years ahead, before the firm knows how the
# public will like the car; prices after. Formally, $\mathrm{E}[\xi_{jt} \mid \text{all } x \text{ of the market}] =
# 0$. This **mean independence** is more than no correlation: only then may *any function* of the $x$ serve as an
# instrument. (The columns of $X_1$ other than price instrument themselves, by the same story.) Such instruments need
# no new data, but choice sets that vary. Where all products stand in all markets, as with the cereals, the sums over
# rivals do not (lesson 07).
#
# Put all instruments into one matrix `Z` (N, M), with a row $z_{jt}$. The condition and the **moments** `g` (M,) are
#
# $$\mathrm{E}[z_{jt}\,\xi_{jt}] = 0, \qquad g = Z'\xi / N. \tag{3.1}$$
#
# (Equations are numbered as in the module: (3.4) comes last.)

# %% tags=["build"]
def moments(Z, xi):
    """(3.1): averages of instrument times unobservable, (M,)."""
    return Z.T @ xi / len(Z)                                    # (M,)

# %%
made_Z = np.column_stack([economy[["w0", "w1"]], others])       # (N, 5)
g = pd.DataFrame({"with xi": moments(made_Z, xi)}, ["w0", "w1", "1", "x", "group"])
g["standard error"] = (made_Z * xi[:, None]).std(0) / np.sqrt(len(economy))
g["with price, net"] = moments(made_Z, p)
assert (abs(g["with xi"]) < 1.3 * g["standard error"]).all()
assert g["with price, net"].iloc[:2].min() > 0.1
g.round(3)

# %% [markdown]
# **Result.** Here $\xi$ is visible. No moment with $\xi$ is more than 1.3 standard errors from zero, and with price
# both cost shifters have moments well away from it: they are valid, and relevant.

# %% [markdown] minutes=4 ask="The number of a car's rivals: do you expect it to go with a high price or with a low one?"
# ### The instruments of the automobiles
#
# The table has eight excluded instruments, of the kind that BLP introduced: sums of a characteristic over the *other*
# products of the same firm (0 to 3) and over the products of *rivals* (4 to 7). The characteristics are 1, `hpwt`,
# `air` and `mpd`.

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
print("sums of hpwt, own firm's and rivals', first car:", blp_sums(products["hpwt"])[0].round(3))

# %% [markdown]
# Are they relevant? The **first stage** regresses price on all exogenous columns. Its F statistic says by how much the
# sum of squared residuals falls for each of the $m$ excluded instruments, over the residual variance.

# %%
def first_stage_F(price, exogenous, excluded):
    """F of the m excluded instruments (N, m): fall in squares / m, over residual variance."""
    m = excluded.shape[1]
    short, full = (net_of(Z, price) for Z in (exogenous, np.column_stack([excluded, exogenous])))
    gain = short @ short - full @ full
    return gain / m / (full @ full / (len(price) - m - exogenous.shape[1]))     # a number


F = first_stage_F(prices, exogenous, excluded)
assert abs(F - 47.9) < 0.1
print(f"first-stage F of the eight instruments: {F:.1f}")

# %% [markdown]
# The customary warning sign is an F below 10. (Both take rows as independent and equally variable; more below.) So the
# instruments move price. For the reason we gave? The story says: more models of my own, less competition, a higher
# price; more rivals, a lower price. Look at the two counts, instruments 0 and 4, and at whose they are.

# %%
p_net, z_net = net_of(exogenous, prices), net_of(exogenous, excluded)
own_count, rival_count = (np.corrcoef(z_net[:, k], p_net)[0, 1] for k in (0, 4))
assert np.allclose([own_count, rival_count], [-0.189, 0.255], atol=1e-3)
print(f"correlation with net price: own models {own_count:.3f}, rivals' {rival_count:.3f}")
who = pd.DataFrame({"other models of the firm": excluded[:, 0], "net price": p_net})
who = who.groupby(products["region"]).mean()
with_year = np.corrcoef(excluded[:, 4], products["market_ids"])[0, 1]
assert np.allclose(who, [[3.21, 4.29], [3.48, -1.75], [21.98, -1.22]], atol=0.01)
assert abs(with_year - 0.806) < 1e-3
print(f"correlation of the number of rivals with the year: {with_year:.2f}")
who.round(2)

# %% [markdown]
# Both signs are the other way round. The American firms have many models. The European firms have few, and those cost
# 4,300 dollars more than their numbers explain. So the firm's count says *who makes the car*. The number of rivals
# says *when*: it grew over the years.
#
# **Result.** The instruments are relevant, and markups are at most part of why. If buyers care who makes the car, or
# if tastes change over the years, that is part of $\xi$, and validity is in doubt. The data will come back to it.

# %% [markdown] minutes=6 ask="In which direction will -0.0886 move, and what happens to the 1,502 inelastic rows?"
# ### The estimator
#
# There are $M = 13$ moments and $K_1 = 6$ parameters. That is **overidentified**: in general no $\beta$ makes all 13
# zero. GMM makes them small together. With a positive definite weighting matrix $W$ (`W`, (M, M)) it minimises
#
# $$q = N\, g'Wg, \qquad g = Z'(\delta - X_1\beta)/N. \tag{3.2}$$
#
# The derivative in $\beta$ is zero where $X_1'Z\,W\,Z'(\delta - X_1\beta) = 0$. Solve for $\beta$:
#
# $$\hat\beta = (X_1'Z\,W\,Z'X_1)^{-1} X_1'Z\,W\,Z'\delta. \tag{3.3}$$
#
# Which $W$? A first choice is
#
# $$W = (Z'Z / N)^{-1}. \tag{3.5}$$
#
# Put it into (3.3) and $Z(Z'Z)^{-1}Z'$ appears, the projection on the instruments. Then (3.3) is a regression of
# $\delta$ on the *fitted values* of $X_1$: two-stage least squares, 2SLS. If rows are independent and $\xi$ varies
# equally much everywhere, no weights are more precise in large samples (next section). And a change of units of an
# instrument changes nothing, unlike with $W = I$ (*Further*).

# %% tags=["build"]
def weighting_2sls(Z):
    """(3.5): weights of two-stage least squares, (M, M)."""
    return np.linalg.inv(Z.T @ Z / len(Z))                      # (M, M)


def iv_gmm(y, X, Z, W):
    """(3.3): coefficients that make q smallest, (K1,)."""
    ZX, Zy = Z.T @ X, Z.T @ y                                   # (M, K1), (M,)
    return np.linalg.solve(ZX.T @ W @ ZX, ZX.T @ W @ Zy)        # (K1,)

# %% [markdown]
# First the economy whose truth is $-2$.

# %%
made_X1 = np.column_stack([others, economy["prices"]])
by_cost = iv_gmm(made_delta, made_X1, made_Z, weighting_2sls(made_Z))[-1]
assert abs(by_cost - -1.926) < 1e-3
PriceAndQuality(p, xi, d, least_squares=slope, truth=-2.0, instruments=by_cost)

# %% [markdown]
# From $-1.16$ to $-1.93$: only price differences that come from cost are used. Now the automobiles. Least squares left
# 1,502 rows inelastic. How many will instruments leave?

# %%
blpteach.predict("3.3", ...)

# %%
Z = np.column_stack([excluded, exogenous])                      # (N, M)
W = weighting_2sls(Z)                                           # (3.5)
beta_iv = iv_gmm(delta, X1, Z, W)
assert abs(beta_iv[-1] - -0.1341) < 1e-4 and abs(inelastic(beta_iv[-1]) - 775) <= 1
display(Inelastic(prices, shares, least_squares=beta_ls[-1], instruments=beta_iv[-1]))
blpteach.predicted("3.3", inelastic(beta_iv[-1]))

# %% [markdown]
# The coefficient is half as large again, and the number of inelastic rows falls by half. And price was not the only
# column of $X_1$:

# %%
tastes = ["1", "hpwt", "air", "mpd", "space", "prices"]
both = pd.DataFrame({"least squares": beta_ls, "instruments": beta_iv}, tastes)
assert (np.sign(both.loc[["hpwt", "air"]]) == [-1, 1]).all(axis=None)
both.T.round(3)

# %% [markdown]
# By least squares buyers dislike power and air conditioning. By instruments both signs turn. Power and air
# conditioning come with a high price, so a price coefficient too close to zero puts part of the price on their
# account.
#
# **Result.** One endogenous column bends all coefficients. Instruments move the one number for price; they can't make
# two of it, one for the buyers of a car at 3,400 dollars and one for those at 68,600. That takes random tastes.

# %% [markdown] minutes=4 ask="Least squares, 2SLS, two-step GMM: which are centred on the truth, and which varies least?"
# ### Which weights are best?
#
# Moments that are measured more precisely should count more. Hansen (1982) showed that, given the instruments, the
# most precise estimate in large samples comes from
#
# $$W = S^{-1}, \tag{3.6}$$
#
# where $S$ (`S`, (M, M)) says how much the moments vary. Number the rows $n = 1, \dots, N$. Row $n$ contributes $g_n =
# z_n\xi_n$ to the moments. If rows are independent of each other,
#
# $$S = \frac{1}{N} \sum_n (g_n - g)(g_n - g)', \qquad \mathrm{var}(g) \approx S/N. \tag{3.7}$$
#
# This allows for **heteroskedasticity**: $\xi$ may vary more in some places than in others. If it does not, $S$ is
# near $\mathrm{var}(\xi)\, Z'Z/N$, (3.6) is (3.5) up to a factor, and 2SLS is efficient.
#
# $S$ needs $\xi$, hence an estimate. So there are two steps: estimate with (3.5), compute $S$, estimate again with
# (3.6). That is **two-step efficient GMM**.

# %% tags=["build"]
def moment_covariance(Z, xi):
    """(3.7): covariance of the contributions of rows that are independent, (M, M)."""
    contributions = Z * xi[:, None]                             # (N, M)
    contributions = contributions - contributions.mean(0)
    return contributions.T @ contributions / len(Z)             # (M, M)

# %% [markdown]
# > **A common error.** "The condition $\mathrm{E}[z\xi] = 0$ is optimal GMM." You meet it in short accounts of BLP.
# > The condition is *validity*: with relevant instruments the estimate centres on the truth in large samples, for
# > every positive definite $W$. *Efficiency*, given the instruments, is $W = S^{-1}$. Which instruments to use is a
# > third matter (Chamberlain 1987).
#
# An experiment: 300 samples of 400 observations, truth $-1$. Both instruments are valid and equally relevant. $\xi$
# varies more where the first is large.

# %%
def sample(rng):
    """One sample: y, X, Z; xi varies with the first instrument."""
    z, (v, e) = rng.normal(size=(400, 2)), rng.normal(size=(2, 400))
    price = z.sum(1) / 2 + v
    return -price + (v + e) * np.exp(z[:, 0]) / 2, price[:, None], z


def three_estimates(y, X, Z):
    """Least squares, 2SLS and two-step GMM, and the minimum of q."""
    one = iv_gmm(y, X, Z, weighting_2sls(Z))
    W2 = np.linalg.inv(moment_covariance(Z, y - X @ one))       # (3.6)
    two = iv_gmm(y, X, Z, W2)
    lowest = blpteach.gmm_objective(moments(Z, y - X @ two), W2, len(y))
    return iv_gmm(y, X, X, np.eye(1))[0], one[0], two[0], lowest

# %% [markdown]
# Which of the three estimators varies least from sample to sample?

# %%
blpteach.predict("3.4", ..., among=["least squares", "2sls", "two-step"])

# %%
rng = np.random.default_rng(0)
runs = pd.DataFrame([three_estimates(*sample(rng)) for _ in range(300)],
                    columns=["least squares", "2sls", "two-step", "lowest q"])
mean, sd, above = runs.mean(), runs.iloc[:, :3].std(), (runs["lowest q"] > 3.84).mean()
assert abs(mean[["2sls", "two-step"]] + 1).max() < 0.05 and mean["least squares"] > -0.6
assert sd["least squares"] < sd["two-step"] < 0.85 * sd["2sls"]
assert abs(mean["lowest q"] - 1) < 0.3 and above < 0.1
display(pd.DataFrame({"mean": mean, "standard deviation": sd}).round(3))
print(f"lowest q above 3.84 in {100 * above:.0f} percent of the samples")
blpteach.predicted("3.4", sd.idxmin())

# %% [markdown]
# Least squares is the most precise of all, and precisely wrong. The other two centre on the truth.
#
# The minimum of $q$ with efficient weights has a name, **Hansen's $J$** (`J_stat`; not the number of products), and a
# known scale: if all moments are valid it is, in large samples, distributed as $\chi^2$ with $M - K_1$ degrees of
# freedom. Here that is one. So its mean should be near one, and one sample in twenty should exceed 3.84.
#
# **Result.** Efficient weights make the estimate more precise with the same instruments, and give $q$ a scale.

# %% [markdown] minutes=5 ask="Efficient weights sharpen the estimate. Will they also bring down the 775 inelastic rows?"
# ### Clusters, and what J says about the automobiles
#
# The Ford Taurus of 1989 and that of 1990 are not independent: what is not in the table carries over.

# %%
xi_iv = delta - X1 @ beta_iv
label_years = products.assign(xi=xi_iv).pivot_table("xi", "clustering_ids", "market_ids")
persistence = label_years.shift(axis=1).stack().corr(label_years.stack())
models = pd.factorize(products["clustering_ids"])[0]            # (N,)
sizes = np.bincount(models)
assert abs(persistence - 0.885) < 5e-3 and len(sizes) == 999 and (sizes == 1).sum() == 489
print(f"correlation of xi with that of the same label a year before: {persistence:.2f}")
print(f"{len(sizes)} labels of {sizes.mean():.1f} rows on average; {(sizes == 1).sum()} of one")

# %% [markdown]
# The remedy is to sum the contributions *within* each **cluster** $c$ first, here a label:
#
# $$S = \frac{1}{N} \sum_c h_c h_c', \qquad h_c = \sum_{n \in c} (g_n - g).$$
#
# That allows for any dependence within a cluster. Clusters have to be independent of each other. Division by $N$, and
# not by the number of clusters, keeps $\mathrm{var}(g) = S/N$. Likewise the first stage: an F that allows for clusters
# is the Wald statistic of the $m = 8$ coefficients, divided by $m$.

# %% tags=["build"]
def clustered_covariance(Z, xi, clusters):
    """As (3.7), with the contributions summed within clusters first, (M, M)."""
    contributions = Z * xi[:, None]
    contributions = pd.DataFrame(contributions - contributions.mean(0))
    h = contributions.groupby(clusters).sum().to_numpy()        # (clusters, M)
    return h.T @ h / len(Z)                                     # (M, M)

# %%
def clustered_F(price, z, clusters):
    """Wald statistic of z's coefficients over their number; price, z net of the exogenous."""
    first = np.linalg.lstsq(z, price, rcond=None)[0]            # (m,)
    bread = np.linalg.inv(z.T @ z / len(z))
    variance = bread @ clustered_covariance(z, price - z @ first, clusters) @ bread / len(z)
    return first @ np.linalg.solve(variance, first) / len(first)


F_clustered = clustered_F(p_net, z_net, models)
assert abs(F_clustered - 15.9) < 0.1
print(f"first-stage F, clustered: {F_clustered:.1f} instead of {F:.1f}")

# %% [markdown]
# A third of what it was. The rule of 10 was made for the first formula and does not carry over; the effective F of
# Montiel Olea and Pflueger has critical values (see Andrews, Stock and Sun). Read 16 as "not obviously weak", no more.
#
# With clustered two-step weights, does the number of inelastic rows fall from 775 or rise?

# %%
blpteach.predict("3.5", ..., among=["falls", "rises"])

# %%
from scipy.stats import chi2
W2 = np.linalg.inv(clustered_covariance(Z, xi_iv, models))      # (3.6)
beta_two = iv_gmm(delta, X1, Z, W2)
J_stat = blpteach.gmm_objective(moments(Z, delta - X1 @ beta_two), W2, N)
critical = chi2(Z.shape[1] - X1.shape[1]).ppf(0.95)
assert abs(beta_two[-1] - -0.1113) < 1e-4 and abs(inelastic(beta_two[-1]) - 1195) <= 1
assert abs(critical - 14.07) < 0.01 and abs(J_stat - 119.67) < 0.05
print(f"two-step: {beta_two[-1]:.4f}, {inelastic(beta_two[-1])} rows inelastic; J = {J_stat:.1f}")
print(f"if all moments are valid, 95 percent of samples have a J below {critical:.1f}")
blpteach.predicted("3.5", "falls" if inelastic(beta_two[-1]) < inelastic(beta_iv[-1]) else "rises")

# %% [markdown]
# $J$ rejects, by far: the moments contradict each other, and no $\beta$ satisfies them all. "Efficient" assumes that
# they can be satisfied. When they can't, $W$ decides *which* of them win, and the two steps estimate different things.
# What can be wrong?
#
# - An instrument may be correlated with $\xi$. The sums say who made the car and when. Exercise 3.3 follows a trail.
# - The model may be wrong. A logit with one price coefficient leaves to $\xi$ whatever differs between buyers.
#
# **Result.** $J$ rejects and does not say why. Report both estimates, believe neither beyond its first digit, and
# build a better model.

# %% [markdown] minutes=4 ask="A label has 2.2 rows, and its xi hardly changes. Which standard error is largest?"
# ### Standard errors
#
# Let $G$ (`G`) be the Jacobian of the moments. In general it has columns for the nonlinear parameters $\theta_2$ of
# lesson 04 too:
#
# $$G = Z'\left[\frac{\partial \xi}{\partial \theta_2},\; -X_1\right] / N. \tag{3.8}$$
#
# The logit has no $\theta_2$, so $G = -Z'X_1/N$. By (3.3), $\hat\beta - \beta = -(G'WG)^{-1}G'W\,g$ with $g$ at the
# true $\beta$. The covariance of $g$ is $S/N$, and the result is the **sandwich**
#
# $$\mathrm{var}(\hat\beta) = (G'WG)^{-1}\,G'W\,S\,W G\,(G'WG)^{-1} / N. \tag{3.9}$$
#
# With $W = S^{-1}$ it collapses to $(G'S^{-1}G)^{-1}/N$: in large samples, with valid moments, the smallest that the
# instruments allow. When $\theta_2$ is estimated as well, its columns must be there even if only $\beta$ is of
# interest. Without them standard errors are much too small. Where $G$ lacks full rank, *first-order local*
# identification fails: in some direction the parameters can move and the moments, to first order, don't. Then the
# library returns NaN.

# %% tags=["build"]
def sandwich(G, W, S, N):
    """(3.9): covariance of the estimates, (K1, K1)."""
    influence = np.linalg.solve(G.T @ W @ G, G.T @ W)           # (K1, M)
    return influence @ S @ influence.T / N                      # (K1, K1)

# %% [markdown]
# Four choices of $S$ for the one-step estimate of the automobiles: *unadjusted*, which assumes that rows are
# independent and $\xi$ varies equally much everywhere; robust; clustered by label; and clustered by firm, of which
# there are 26. How many times as large as the unadjusted standard error of the price coefficient is the one clustered
# by firm?

# %%
blpteach.predict("3.6", ...)

# %%
G, firms = -Z.T @ X1 / N, pd.factorize(products["firm_ids"])[0]             # (3.8)
S_of = {"unadjusted": xi_iv.var() * Z.T @ Z / N, "robust": moment_covariance(Z, xi_iv),
        "by label": clustered_covariance(Z, xi_iv, models),
        "by firm": clustered_covariance(Z, xi_iv, firms)}
se = pd.DataFrame({name: np.sqrt(np.diag(sandwich(G, W, S, N))) for name, S in S_of.items()},
                  tastes)
assert np.allclose(se.loc["prices"], [0.01075, 0.01149, 0.01665, 0.04662], atol=1e-5)
display(se.round(4))
between = products.assign(xi=xi_iv).groupby(firms)["xi"].transform("mean").var() / xi_iv.var()
assert firms.max() == 25 and abs(between - 0.29) < 0.01
print(f"{100 * between:.0f} percent of the variance of xi is between firms")
blpteach.predicted("3.6", se.loc["prices", "by firm"] / se.loc["prices", "unadjusted"])

# %% [markdown]
# The name of the maker carries over to all its models. Twice the number of rows with the same $\xi$ is not twice the
# information. But 26 firms of very unequal size are few for a covariance of 13 moments, and with few clusters such
# standard errors are rough and often too small. By label the number is well measured, but its assumption fails.
#
# **Result.** We cluster by label, as the table's `clustering_ids` do, and read 0.017 as too small. All columns take
# the moments as valid, which $J$ denies; then (3.9) lacks terms (Hall and Inoue 2003).

# %% [markdown] minutes=5 ask="Add 7 + 5 p to delta. What are the new objective and the new price coefficient?"
# ### Take beta out of the search
#
# Lesson 04 searches over $\theta_2$. For each trial value Step 2 gives another $\delta$, and for each $\delta$ we need
# the best $\beta$ and its $q$. Do that once and for all.
#
# Write $W = LL'$ (Cholesky) and $A = L'Z'/\sqrt{N}$. Then $q = |A(\delta - X_1\beta)|^2$ is a sum of $M$ squares, and
# minimising it is ordinary least squares of $A\delta$ on $AX_1$, with 13 "observations". Take an orthonormal basis,
# $AX_1 = QR$. Least squares leaves what is orthogonal to it:
#
# $$\hat\beta = \underbrace{R^{-1}Q'A}_{\text{beta map}}\,\delta, \qquad
# q = |\underbrace{(I - QQ')A}_{\text{moment map}}\,\delta|^2. \tag{3.4}$$
#
# In code they are `beta_map` (K1, N) and `moment_map` (M, N). It is (3.3) once more, with fewer digits lost.

# %% tags=["build"]
def concentrate(X1, Z, W):
    """(3.4): from delta to beta, (K1, N), and to numbers whose squares sum to q, (M, N)."""
    A = np.linalg.cholesky(W).T @ Z.T / np.sqrt(len(Z))         # (M, N)
    Q, R = np.linalg.qr(A @ X1)                                 # (M, K1), (K1, K1)
    return np.linalg.solve(R, Q.T @ A), A - Q @ (Q.T @ A)       # (K1, N), (M, N)

# %%
beta_map, moment_map = concentrate(X1, Z, W)
q = ((moment_map @ delta) ** 2).sum()
assert np.allclose(beta_map @ delta, beta_iv) and abs(q - 302.551) < 1e-3
assert np.isclose(q, blpteach.gmm_objective(moments(Z, delta - X1 @ beta_iv), W, N))
moved = delta + 7 + 5 * prices
assert np.isclose(((moment_map @ moved) ** 2).sum(), q)
assert np.isclose((beta_map @ moved)[-1], beta_iv[-1] + 5)
print(f"moment_map {moment_map.shape}; q = {q:.3f}, by (3.4) and by (3.2)")

# %% [markdown]
# Neither $\theta_2$ nor $\delta$ is in the two matrices. They are computed once for each $W$. From then on Step 3
# costs two products of a matrix with a vector. Add $7 + 5p$ to $\delta$: the price coefficient rises by 5, and $q$
# stays.
#
# The same device draws the objective. Fix the price coefficient, concentrate out the other tastes, and plot $q$: with
# all instruments, with the own firm's four, with the rivals' four.

# %%
from blpteach.plots.endogeneity import Profile
sets = {"all eight": excluded, "own four": excluded[:, :4], "rivals' four": excluded[:, 4:]}
profile = Profile(delta, exogenous, prices, sets, beta_price=beta_ls[-1])
assert np.allclose([profile.minimum(name) for name in sets], [-0.1341, -0.1676, -0.1869], atol=1e-4)
profile

# %% [markdown]
# Three sets of instruments, three answers: the contradiction that $J$ found. (How can the answer of all eight lie
# outside those of its halves? Exercise 3.6.) Now all the steps are there:
#
# | **the whole algorithm** | by | function | lesson |
# |---|---|---|---|
# | $\theta_2 = (\Sigma, \Pi) \to \mu$ | (1.2) | `taste_deviations` | 01 |
# | $\mu$ and shares $\to \delta$ | the inversion, (2.3) | `invert_shares` | 02 |
# | $\delta \to \beta$ | the beta map of (3.4) | `concentrate` | 03 |
# | $\delta, \beta \to \xi$ | $\delta - X_1\beta$, (1.1) | | 03 |
# | $\xi \to g$ | (3.1) | `moments` | 03 |
# | $g \to q$ | (3.2) | `gmm_objective` | 03 |
# | $q \to$ a better $\theta_2$, and again | a search | `gauss_newton` | 04 |
#
# **Result.** Only $\theta_2$ is searched. The linear parameters $\beta$, which Nevo (2000) calls $\theta_1$, follow.
# Each element of $\theta_2$ is a parameter more and needs a moment that moves with it, so $M \ge K_1 + \dim\theta_2$.
# (That counting is not enough: *Further*.) The library runs these lines:

# %%
blpteach.show(blpteach.concentrate)
blpteach.show(blpteach.moment_covariance)
blpteach.show(blpteach.sandwich)
assert all(np.allclose(*pair) for pair in zip(blpteach.concentrate(X1, Z, W), (beta_map, moment_map)))
assert np.allclose(blpteach.moment_covariance(Z, xi_iv), S_of["robust"])
assert np.allclose(blpteach.moment_covariance(Z, xi_iv, "clustered", models), S_of["by label"])
assert np.allclose(blpteach.sandwich(G, W, S_of["by label"], N), sandwich(G, W, S_of["by label"], N))

# %% [markdown] minutes=2 ask="Which rivals lose the most buyers when the Accord is sold at half price?"
# ### The halved price
#
# Honda halves the price of the Accord of 1990, 9.29 thousand dollars, and no one else moves. Mean utility rises by
# $-\beta_{\text{price}}\,p_j / 2$. For 100 Accords sold before, how many are sold after?

# %%
market = products["market_ids"].to_numpy() == 1990
accord = (products["clustering_ids"] == "HDACCO90").to_numpy()[market]


def after_cut(beta_price, cut=0.5):
    """Sales of all cars of 1990 after the cut, 100 before, (J,)."""
    cheaper = delta[market] - beta_price * cut * prices[market] * accord
    new = blpteach.market_shares(cheaper, np.zeros((market.sum(), 1)), np.ones(1))
    return 100 * new / shares[market]


by = {"least squares": beta_ls[-1], "2SLS": beta_iv[-1], "two-step": beta_two[-1]}
after = pd.DataFrame({name: [after_cut(b)[accord].item(), 0.5 * after_cut(b)[accord].item(),
                             after_cut(b)[~accord].min(), after_cut(b)[~accord].max()]
                      for name, b in by.items()},
                     ["Accords sold", "their revenue", "rivals' sales, from", "to"]).T
assert np.allclose(after.iloc[:, 0], [150.6, 185.7, 167.1], atol=0.2)
assert np.allclose(after.iloc[:, 2], after.iloc[:, 3]) and abs(after.iloc[1, 2] - 99.62) < 0.01
assert abs(prices[market][accord].item() - 9.29) < 0.005 and (~accord).sum() == 130
after.round(2)

# %% [markdown]
# **Result.** By least squares 51 more, by 2SLS 86. Instruments correct *how strongly* people mind the price. *Whom*
# they would buy from instead is a matter of $\mu$, and the logit has none: each of the 130 rivals loses the same 0.4
# percent, Toyota and Porsche alike. Random tastes will change that (lesson 04).

# %% [markdown] minutes=2 ask="In the shipped economy tastes differ. Will cost shifters find -2 by a logit?"
# ## Check it
#
# *Does the library give the same, and do prices make sense?* `Problem` builds `X1` and `Z` from a formula and the
# columns called `demand_instruments...`. Prices and the slope of demand imply costs, by the pricing formula with the
# firm's other cars added. Negative costs are impossible. (`instruments=["prices"]` is least squares.)

# %%
formula = "1 + hpwt + air + mpd + space + prices"
problem = blpteach.Problem(products, linear=formula, clusters="clustering_ids")
estimates, two = problem.estimate(), problem.estimate(steps=2)
by_ls = blpteach.Problem(products, linear=formula, instruments=["prices"]).estimate()
negative = [(e.costs() < 0).sum() for e in (by_ls, estimates)]
assert np.allclose(estimates.beta, beta_iv) and np.allclose(estimates.beta_se, se["by label"])
assert np.allclose(two.beta, beta_two) and np.isclose(two.objective, J_stat)
assert np.allclose(negative, [1524, 809], atol=1)
print(f"two-step {two.beta[-1]:.4f} ({two.beta_se[-1]:.4f}), J = {two.objective:.1f}")
print(f"negative costs: {negative[0]} by least squares, {negative[1]} by instruments")
estimates

# %% [markdown]
# *Does the method find a truth?* Where all tastes are alike it did. In the economy that ships with the course,
# consumers differ. The truth is again $-2$, for consumers of mean income.

# %%
simulated, agents = blpteach.load_simulated()
linear = "1 + x + group + prices"
in_logit = [blpteach.Problem(simulated, linear=linear, instruments=z).estimate().beta[-1]
            for z in (["prices"], ["w0", "w1"], None)]
assert np.allclose(in_logit, [-0.605, -1.577, -1.027], atol=1e-3)
print("least squares {:.3f}, cost shifters {:.3f}, all nine {:.3f}".format(*in_logit))

# %% [markdown]
# Not one is right. Instruments cure endogeneity. They do not cure a model without differing tastes: then $\xi$
# contains what the model leaves out, and the instruments are correlated with that.

# %% [markdown] minutes=5 ask="Instruments explain 2 percent of the variance of price. Where does IV centre: on the truth, on least squares, or between?"
# ## Play
#
# When do instruments help? A small economy: utility is $-p + \xi$, and price has two parts,
#
# $$p = \sqrt{\text{strength}}\; z + \sqrt{1 - \text{strength}}\; v.$$
#
# The first is a sum of four instruments. All of $z$, $v$ and $\xi$ have variance one, so `strength` is the fraction of
# the variance of price that instruments explain. The correlation of $v$ and $\xi$ is 0.7. In 400 samples of 200
# observations with a strength of 0.3, IV centres on the truth, $-1$, and least squares on $-1 + 0.7\sqrt{1 - 0.3} =
# -0.41$. With a strength of 0.02, where does IV centre?

# %%
blpteach.predict("3.7", ..., among=["the truth", "least squares", "between"])

# %%
from blpteach.plots.endogeneity import Sampling
strong = Sampling(correlation=0.7, strength=0.3, N=200)
middle = [np.median(strong.estimates[name]) for name in ("least_squares", "instruments")]
assert np.allclose(middle, [-0.41, -1], atol=[0.03, 0.06])
weak = Sampling(correlation=0.7, strength=0.02, N=200)
assert abs(weak.bias("instruments") - 0.30) < 0.06 and abs(np.median(weak.F) - 1.9) < 0.3
assert abs(weak.covers["instruments"].mean() - 0.78) < 0.05
display(weak)
part = weak.bias("instruments") / weak.bias("least_squares")    # 0: the truth; 1: least squares
blpteach.predicted("3.7", "the truth" if part < 0.1 else "between" if part < 0.9 else "least squares")

# %% [markdown]
# Its interval covers the truth far less often than it says, and the F of 1.9 warns of that. In the widget: with
# *exogenous price*, which estimator would you rather have? Does a larger sample help weak instruments, or least
# squares?

# %%
from blpteach.widgets.endogeneity import endogeneity
endogeneity()

# %%
weak.update(N=1000)
assert abs(weak.bias("instruments") - 0.09) < 0.04 and weak.bias("least_squares") > 0.6
assert abs(np.median(weak.F) - 6.0) < 0.4 and abs(weak.covers["instruments"].mean() - 0.89) < 0.04
weak.numbers()

# %% [markdown]
# **Result.** An instrument that is not needed costs precision. Five times the sample raises the weak F from 1.9 to 6.0
# and takes away most of the bias of IV, 0.30 to 0.09; its interval still covers in 89 percent only. How many
# observations would do? Exercise 3.5. For least squares a larger sample does nothing but tighten the interval around
# the wrong number.

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
assert blpteach.check("3.1", needed)

# %% tags=["solution"]
cheapest, dearest = products.loc[reach.argmin()], (needed * reach).min()
assert abs(needed - -0.2947) < 5e-4 and abs(dearest - -20.2) < 0.1
print(f"{needed:.4f}; {cheapest['clustering_ids']} at {cheapest['prices']:.2f}; {dearest:.1f}")

# %% tags=["check"]
blpteach.check("3.1", needed)

# %% [markdown] tags=["solution"]
# The cheapest car decides. At the most expensive an elasticity of $-20$ would leave its maker a margin of 5 percent.
# No single coefficient is right for both ends. Buyers of expensive cars must mind a thousand dollars less.

# %% [markdown]
# ### Exercise 3.2 · 10 minutes · easy
#
# Back to the cereals of lesson 00, which absorbed product effects by subtracting averages, (3.10). Products differ in
# quality, and so, perhaps, do markets: in some everybody eats more cereal. Give each product *and* each market a fixed
# effect, and estimate the price coefficient of the logit by one-step GMM with (3.5) and the 20 excluded instruments.
# The answer is one number, in utils per dollar. (All 24 products stand in all 94 markets, so one round of subtracting
# averages is enough.)

# %%
cereal, _ = blpteach.load_cereal()
cereal_outside = 1 - cereal.groupby("market_ids")["shares"].transform("sum")
instruments = [f"demand_instruments{k}" for k in range(20)]

# %% tags=["exercise"]
beta_price = ...

# %% tags=["solution"]
both_effects = blpteach.Problem(cereal, linear="0 + prices", absorb=["product_ids", "market_ids"])
beta_price = both_effects.estimate().beta[0]
assert abs(beta_price - -30.434) < 1e-3
assert blpteach.check("3.2", beta_price)

# %% tags=["solution"]
table = cereal.assign(y=np.log(cereal["shares"] / cereal_outside))[["y", "prices", *instruments]]
for ids in ("product_ids", "market_ids"):                       # the same by hand
    table = table - table.groupby(cereal[ids]).transform("mean")
y2, p2, z2 = table["y"].to_numpy(), table[["prices"]].to_numpy(), table[instruments].to_numpy()
assert np.isclose(beta_price, iv_gmm(y2, p2, z2, weighting_2sls(z2))[0])

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

# %% tags=["solution"]
fits = {"least squares": own.estimate(), "one-step": eight.estimate(),
        "two-step": eight.estimate(steps=2)}
firm_effects = np.array([e.beta[-1] for e in fits.values()])
assert blpteach.check("3.3", firm_effects)

# %% tags=["solution"]
assert np.allclose(firm_effects, [-0.0675, -0.0815, -0.0886], atol=1e-4)

# %% tags=["solution"]
rows = {name: [e.beta[-1], e.beta_se[-1], (e.own_elasticities() > -1).mean()]
        for name, e in fits.items()}
assert (np.array(list(rows.values()))[:, 2] > 0.6).all()
pd.DataFrame(rows, ["price coefficient", "standard error", "inelastic"]).T.round(4)

# %% tags=["solution"]
firm_columns = (X1[:, 1:-1], prices, excluded)
x_in, p_in, z_in = (blpteach.absorb_effects(v.reshape(N, -1), firms[:, None]) for v in firm_columns)
F_firms = clustered_F(net_of(x_in, p_in[:, 0]), net_of(x_in, z_in), models)

# %% tags=["solution"]
J_firms = fits["two-step"].objective
assert abs(J_firms - 27.3) < 0.05 and abs(F_firms - 22.4) < 0.1
print(f"J = {J_firms:.1f} (M - K1 is still 7); clustered first-stage F within firms {F_firms:.1f}")

# %% tags=["check"]
blpteach.check("3.3", firm_effects)

# %% [markdown] tags=["solution"]
# $J$ falls from 120 to 27, still above 14.1. Two readings. The makers were the contradiction. Or less is left to
# contradict: the moments see only what varies within a firm. The first-stage F of 22 says that within firms the
# instruments still move price, which speaks for the first. The price coefficients are closer to zero, and most rows
# are inelastic. Instruments still move the estimate in the direction that we expect, but from $-0.068$ to $-0.082$ is
# less than one standard error. A cleaner comparison need not give the answer that one hoped for. What the logit lacks,
# fixed effects can't supply.

# %% [markdown]
# ### Exercise 3.4 · 15 minutes · medium
#
# Write the function that a paper's table needs: *clustered standard errors of 2SLS*. It gets `y` (N,), `X` (N, K), `Z`
# (N, M) and `clusters` (N,), and returns an array of shape (K,): the square roots of the diagonal of (3.9), with $W$
# from (3.5) and $S$ from the sums of contributions within clusters, divided by $N$. No small-sample factors. Use what
# this lesson built. (`clustered_covariance` subtracts $g$. Here it would not matter if it did not. Why?)

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
# with $M$ instruments. The numerator of F is $\hat p'\hat p/M$, where $\hat p$ is the fitted price, and the
# denominator estimates the variance of $e$. Show that for large $N$
#
# $$\mathrm{E}[F] \approx 1 + \lambda/M, \qquad
# \lambda = N\,\frac{\text{explained variance}}{\text{unexplained variance}}.$$
#
# Now take $M = 4$ and a `strength` of 0.02. At which $N$ is the mean F equal to 10, by this formula? The answer is one
# number of observations; don't round.

# %% tags=["parameters"]
M, strength = 4, 0.02

# %% tags=["exercise"]
observations = ...

# %% tags=["solution"]
observations = M * (10 - 1) * (1 - strength) / strength
assert abs(observations - 1764) < 1e-6
assert blpteach.check("3.5", observations)

# %% tags=["solution"]
large = Sampling(replications=200, largest=1750, correlation=0.7, strength=strength, N=1750)
assert abs(large.F.mean() - 10) < 1 and abs(large.covers["instruments"].mean() - 0.92) < 0.05
print(f"mean F over 200 samples of 1,750: {large.F.mean():.1f}")
large.numbers()

# %% tags=["check"]
blpteach.check("3.5", observations)

# %% [markdown] tags=["solution"]
# $\hat p'\hat p = \gamma'Z'Z\gamma + 2\gamma'Z'e + \hat e'\hat e$, where $\hat e$ is the fit of $e$ on the $M$
# instruments. The three terms have means $N \times$ explained variance, 0, and $M \times$ unexplained variance. Divide
# by $M$ times the unexplained variance. The $1$ is what F shows when instruments explain nothing. So an F of 2 is half
# noise. Even at 10 a little bias is left: for one endogenous column, IV keeps about a share of $1/\mathrm{E}[F]$ of
# the bias of least squares.

# %% [markdown]
# ### Exercise 3.6 · 20 minutes · hard
#
# *2SLS as an average.* Use the excluded instruments one at a time. Each gives an estimate $b_m = \tilde
# z_m'\tilde\delta / \tilde z_m'\tilde p$, where the tilde means net of the exogenous columns. Show that the 2SLS
# estimate is $\sum_m \omega_m b_m$ with $\omega_m = \gamma_m \tilde z_m'\tilde p / \sum_k \gamma_k \tilde z_k'\tilde
# p$, where $\gamma$ are the coefficients of the first stage, all instruments together.
#
# Write a function that gets `delta_net` (N,), `price_net` (N,) and `excluded_net` (N, m), and returns an array of
# shape (2, m): the estimates $b$ in the first row, the weights $\omega$ in the second. Then apply it to the
# automobiles. Are all weights positive? And how can the answer of all eight lie outside those of its two halves?

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

# %% tags=["solution"]
assert np.allclose(parts["own four"], [0.589, -0.1336, -0.1676], atol=1e-3)
assert np.allclose(parts["rivals' four"], [0.411, -0.1348, -0.1869], atol=1e-3)
pd.DataFrame(parts, ["weight among eight", "average among eight", "2SLS alone"]).T.round(4)

# %% tags=["check"]
blpteach.check("3.6", one_at_a_time)

# %% [markdown] tags=["solution"]
# The fitted price is $\hat p = \sum_m \gamma_m \tilde z_m$, and 2SLS is $\hat p'\tilde\delta / \hat p'\tilde p$. In
# the numerator write $\tilde z_m'\tilde\delta = b_m\,\tilde z_m'\tilde p$, and it follows. If all instruments were
# valid, all $b_m$ would estimate the same number, and weights would be immaterial. Here they do not estimate the same,
# and three weights are negative.
#
# The eight-instrument estimate *is* an average of two group averages, $-0.1336$ and $-0.1348$, with weights 0.59 and
# 0.41. But these are not what the groups say alone, $-0.168$ and $-0.187$. In the joint first stage every $\gamma_m$
# is another number, so the weights within a group are others too. 2SLS with all instruments is not an average of 2SLS
# with its halves.

# %% [markdown]
# ## Further
#
# Nothing else rests on these sections.

# %% [markdown] minutes=2 ask="What happens to the constant, and to an instrument that is the same in all markets?"
# ### Fixed effects without dummies
#
# If some quality belongs to a product in all its markets, a dummy for each product takes it out of $\xi$. With many
# products that is many columns. Frisch, Waugh and Lovell: instead, subtract from every column, instruments included,
# its average within the product. (The tilde again means net of something, now of the dummies.)
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
y, price = np.log(cereal["shares"] / cereal_outside).to_numpy(), cereal[["prices"]].to_numpy()
z = cereal[[f"demand_instruments{k}" for k in range(20)]].to_numpy()
dummies = pd.get_dummies(cereal[effect]).to_numpy(float)             # (N, 24)
X, Zd = np.column_stack([price, dummies]), np.column_stack([z, dummies])
by_dummies = iv_gmm(y, X, Zd, weighting_2sls(Zd))[0]
dy, dp, dz = (demeaned(v, cereal[effect]) for v in (y, price, z))
by_demeaning = iv_gmm(dy[:, 0], dp, dz, weighting_2sls(dz))[0]
assert np.isclose(by_dummies, by_demeaning) and abs(by_demeaning - -30.098) < 1e-3
print(f"{X.shape[1]} columns: {by_dummies:.3f}; {dp.shape[1]} column: {by_demeaning:.3f}")

# %% [markdown]
# **Result.** Identical. There is a price: whatever is constant within a product vanishes, the constant first, which is
# why formulas with absorbed effects start with `0 +`. An instrument that is constant within a product vanishes too.
# (For two sets of effects, such as product and market, averages are subtracted in turn until none is left.)

# %% [markdown] minutes=2 ask="Own quality, own cost, rivals' quality, one more rival: which moves the price most?"
# ### What moves an equilibrium price?
#
# Let three equal firms find their prices, then change one thing at a time. `quality` is mean utility at a price of
# zero. The library finds the prices at which the pricing formula holds for all firms at once (how: lesson 05). At
# $\beta_{\text{price}} = -2$ a unit of money is worth 2 utils, so quality changes by 2 and cost by 1.

# %% tags=["parameters"]
more_quality, more_cost = 2, 1

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
price_of_0 = pd.Series(found, name="price of product 0").to_frame()
price_of_0["change"] = price_of_0 - price_of_0.iloc[0]
assert np.allclose(price_of_0["change"], [0, 0.389, 0.844, -0.137, -0.053], atol=1e-3)
price_of_0.round(3)

# %% [markdown]
# **Result.** Cost moves price most. Rivals move it too, if less.

# %% [markdown] minutes=2 ask="Net of region and year, what should be left of the correlations?"
# ### Which signs should the first stage have?
#
# The story of markups says: the own firm's sums go with a higher price, the rivals' with a lower one. The counts had
# the other signs. All eight, net of the characteristics, then of dummies for the region too, then of region and year:

# %% tags=["parameters"]
maker = "region"                                                # or "firm_ids"

# %%
def signs(controls):
    """Correlations of the instruments with price, all net of the controls (N, K): (2, 4)."""
    p, z = net_of(controls, prices), net_of(controls, excluded)
    r = np.corrcoef(z.T, p)[-1, :-1].reshape(2, 4)
    return pd.DataFrame(r, ["own firm's", "rivals'"], ["1", "hpwt", "air", "mpd"])     # (2, 4)

# %%
region = pd.get_dummies(products[maker], drop_first=True, dtype=float)
by_region = np.column_stack([exogenous, region])
year = pd.get_dummies(products["market_ids"], drop_first=True, dtype=float)
by_both = np.column_stack([by_region, year])
r = pd.concat({"characteristics": signs(exogenous), "region": signs(by_region),
               "region and year": signs(by_both)}, names=["net of", "sum of"])
assert np.allclose(r.loc["region", "1"], [0.077, 0.191], atol=1e-3)
assert np.allclose(r.loc["region and year"].iloc[0], [0.028, 0.030, 0.116, 0.023], atol=1e-3)
assert np.allclose(r.loc["region and year"].sum(), 0, atol=1e-6)
r.round(3)

# %% [markdown]
# Net of region and year all eight have the sign of the story. (The last two rows are mirror images: within a year, own
# sum, rivals' sum and the car itself add up to a constant.) How much is left of the F for the own firm's four?

# %%
p_both, z_both = net_of(by_both, prices), net_of(by_both, excluded[:, :4])
F_within = [first_stage_F(prices, by_both, excluded[:, :4]),
            *(clustered_F(p_both, z_both, clusters) for clusters in (models, firms))]
print("rows independent {:.1f}, by label {:.1f}, by firm {:.1f}".format(*F_within))

# %%
assert np.allclose(F_within, [12.7, 5.4, 0.5], atol=0.06)

# %% [markdown]
# **Result.** As rows go, 12.7. Clustered by label 5.4, by firm 0.5: for the markup alone these instruments are weak.

# %% [markdown] minutes=2 ask="Measure one instrument in other units. Which of the two estimates notices?"
# ### Units should not matter
#
# > **A common error.** "In the first step, take the identity matrix as $W$." Textbooks offer it as a start (Hamilton
# > 1994, chapter 14), and in large samples it does centre on the truth. But with $W = I$ the objective adds up squared
# > moments in their own units: cars squared, horsepower squared, miles squared. Change a unit and you change the
# > weights.
#
# Instrument 7 is the rivals' sum of `mpd`, in tens of miles per dollar. Count in ten thousands of miles: that divides
# the column by 1,000.

# %% tags=["parameters"]
column, factor = 7, 1 / 1000

# %%
Z_other = Z.copy()
Z_other[:, column] *= factor
pairs = {"identity": [iv_gmm(delta, X1, z, np.eye(Z.shape[1]))[-1] for z in (Z, Z_other)],
         "(3.5)": [iv_gmm(delta, X1, z, weighting_2sls(z))[-1] for z in (Z, Z_other)]}
assert np.allclose(pairs["identity"], [-0.1235, 0.1009], atol=1e-3)
assert np.allclose(pairs["(3.5)"], beta_iv[-1])
pd.DataFrame(pairs, ["units of the table", "other units"]).T.round(4)

# %% [markdown]
# With identity weights a change of units turns the sign: people like to pay. With (3.5) nothing moves. A change of
# units turns $Z$ into $ZC$ with an invertible matrix $C$, hence $g$ into $C'g$ and $(Z'Z/N)^{-1}$ into
# $C^{-1}(Z'Z/N)^{-1}C'^{-1}$. In $g'Wg$ every $C$ cancels. For other factors than 1/1,000:

# %%
from blpteach.plots.endogeneity import Units
Units(delta, X1, Z, names, column=column)

# %% [markdown] minutes=1 ask="Which matters more for the two-step estimate: centring, or clusters?"
# ### Centred or not?
#
# In (3.7) the mean $g$ is subtracted. Some programs leave it in, since $g$ is zero in expectation. With as many
# moments as parameters it is zero at the estimate, and the choice is immaterial. With 13 moments that contradict each
# other it is not. Which matters more for the two-step estimate, centring or clusters?

# %% tags=["parameters"]
rounds = 1                                                      # more is iterated GMM

# %%
def two_step(**options):
    """The price coefficient with efficient weights."""
    xi = xi_iv
    for _ in range(rounds):
        W = blpteach.weighting_matrix(blpteach.moment_covariance(Z, xi, **options))
        beta = iv_gmm(delta, X1, Z, W)
        xi = delta - X1 @ beta
    return beta[-1]


kinds = {"robust": {}, "clustered": {"kind": "clustered", "clusters": models}}
choices = pd.DataFrame({name: [two_step(**options), two_step(**options, center=False)]
                        for name, options in kinds.items()}, ["centred", "not centred"])
assert np.allclose(choices, [[-0.1499, -0.1113], [-0.1481, -0.1140]], atol=1e-4)
choices.round(4)

# %% [markdown]
# **Result.** Centring moves the third decimal, clusters the second. If all moments were valid, the four would agree up
# to sampling error. Robust weights can't be called efficient here: $\xi$ persists, so the robust $S$ is not the
# covariance of these moments. The library and PyBLP centre by default.

# %% [markdown] minutes=3 ask="Can 20 markets tell more about tastes than 80?"
# ### How many instruments does a model need?
#
# At least as many moments as parameters: $M \ge K_1 + \dim\theta_2$, after absorption.
#
# > **A common error.** "Only price is endogenous, so only price needs an instrument." Often heard of BLP, and right
# > for the logit. The parameters $\theta_2$ say how tastes differ. They are parameters, and each needs a moment that
# > moves with it.
#
# Take the shipped economy, in which tastes do differ. One cost shifter is enough for a logit, with $M = K_1 = 4$. Now
# let tastes for `x` and `group` differ, and the taste for price move with income. That makes three parameters more. (A
# zero in `start` stays zero and is not estimated.)

# %%
random = {"random": "0 + prices + x + group", "demographics": "0 + income"}
start = {"sigma": [0, 1, 2], "pi": [[0.5], [0], [0]]}
assert blpteach.Problem(simulated, linear=linear, instruments=["w0"]).M == 4
one_shifter = blpteach.Problem(simulated, agents, linear=linear, instruments=["w0"], **random)
try:
    one_shifter.estimate(**start)
except blpteach.InputError as error:
    message = str(error)
assert "4 moment(s) for 7 parameters" in message and "at least 3" in message
print(message)

# %% [markdown]
# The order condition is *necessary*. It is not sufficient. Give the model four cost instruments, so that $M = 7$: the
# cost shifters, and the same times the mean income of the market. Then give it all nine. The five others describe a
# product's rivals, three of them how close they are. In both cases we look at the standard errors at the true
# $\theta_2$, over 80 markets.
#
# > **A common error.** "For identification you need at least 50 markets." A rule of thumb, often heard. There is no
# > such rule. BLP's automobiles are 20 markets, of 72 to 150 cars each. What identifies is *variation* that the
# > moments can see: choice sets, costs and demographics that differ. And 94 markets with the same 24 cereals in each
# > say nothing through their choice sets.
#
# So the third column keeps all nine instruments and only the first 20 of the 80 markets. The fourth is an economy in
# the shape of the automobiles: 20 markets of 72 to 150 products. A cost shifter moves prices. Can it tell how much
# tastes for `group` differ?

# %% tags=["parameters"]
few_instruments, few_markets = 4, 20

# %%
def se_at_truth(products, agents, count):
    """Standard errors at the true theta2 with the first `count` excluded instruments."""
    z = [f"demand_instruments{k}" for k in range(count)]
    problem = blpteach.Problem(products, agents, linear=linear, instruments=z, **random)
    return problem.evaluate(**start).to_frame()["se"]

# %%
cars, flakes = products.groupby("market_ids").size(), cereal.groupby("market_ids")["product_ids"]
assert (len(cars), cars.min(), cars.max()) == (20, 72, 150)
assert flakes.ngroups == 94 and (flakes.nunique() == 24).all()
first, first_agents = (frame[frame["market_ids"] < few_markets] for frame in (simulated, agents))
wide = blpteach.simulate(T=20, J=(72, 150), firms=20, I=50, seed=1)
cases = {"80, cost only": (simulated, agents, few_instruments), "80, all nine": (simulated, agents, 9),
         "20, all nine": (first, first_agents, 9), "20 wide, all nine": (*wide, 9)}
assert [len(case[0]) for case in cases.values()] == [1063, 1063, 272, 2186]
se_truth = pd.DataFrame({name: se_at_truth(*case) for name, case in cases.items()})
assert np.allclose(se_truth.loc["sigma[group, nodes2]"], [7.85, 0.48, 1.15, 0.50], atol=0.01)
se_truth.assign(truth=[1, 1.5, 0.5, -2, 1, 2, 0.5]).round(2)

# %% [markdown]
# **Result.** In the first column the order condition holds and there are 80 markets, and the standard error of `sigma`
# on `group` is four times its true value. 20 markets with instruments that see how close the rivals are give a seventh
# of that. And 20 wide markets do as well as 80 narrow ones: they hold twice as many rows, so this is no fair race, but
# there is nothing special about 50. Which instruments see what is the subject of Gandhi and Houde (2019).

# %% [markdown]
# ## In practice
#
# PyBLP does the same. It reads clusters from the column `clustering_ids`.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
    theirs = pyblp.Problem(pyblp.Formulation(formula), products)
    for steps, ours in (("1s", estimates), ("2s", two)):
        found = theirs.solve(method=steps, W_type="clustered", se_type="clustered")
        assert np.allclose(found.beta.ravel(), ours.beta)
        assert np.allclose(found.beta_se.ravel(), ours.beta_se)
        print(f"{steps}: PyBLP {found.beta[-1].item():.4f} ({found.beta_se[-1].item():.4f}), "
              f"here {ours.beta[-1]:.4f} ({ours.beta_se[-1]:.4f})")
except ImportError:
    blpteach.stored_output()

# %% [markdown]
# A paper shows the logit by least squares and by IV side by side, with the number of inelastic products, as BLP do in
# their Table III. Their least squares is ours, $-0.089$. Their IV is $-0.216$ (0.123), with 22 inelastic products. The
# instruments that they describe (pp. 861-862) are the sums of all five characteristics, `space` included:

# %%
space = blp_sums(products["space"])                             # (N, 2)
ten = {"all ten": np.column_stack([excluded, space]), "rivals' five": np.column_stack([excluded[:, 4:], space[:, 1]])}
found = {}
for name, columns in ten.items():
    with_space = products.assign(**{f"s{k}": column for k, column in enumerate(columns.T)})
    e = blpteach.Problem(with_space, linear=formula, clusters="clustering_ids",
                         instruments=[f"s{k}" for k in range(columns.shape[1])]).estimate()
    found[name] = [e.beta[-1], e.beta_se[-1], inelastic(e.beta[-1])]
assert np.allclose(found["all ten"][:2], [-0.1357, 0.0167], atol=1e-4) and abs(inelastic(-0.216) - 22) <= 1
assert np.allclose(found["rivals' five"][:2], [-0.2029, 0.0248], atol=1e-4)
pd.DataFrame(found, ["price coefficient", "standard error", "inelastic"]).T.round(4)

# %% [markdown]
# So the published number stays unexplained. The sums over rivals alone come nearer.
#
# Papers prefer cost shifters where they can be had. In a logit with ever more products rivals hardly move the markup,
# and become weak instruments for price (Armstrong 2016). That is an implication of a model of pricing. A first stage
# assumes no such model, so our large F refutes nothing. And where the number of products differs from firm to firm,
# estimates do improve with more products (Conlon and Gortmaker 2020, p. 1142).

# %% [markdown]
# ## Further reading
#
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4),
#   841-890. The instruments of this lesson, argued for. Table III has the logit with and without them.
# - Hansen, L. P. (1982). Large sample properties of generalized method of moments estimators. *Econometrica* 50(4),
#   1029-1054. The estimator, the efficient weights and the J test.
# - Hamilton, J. D. (1994). *Time Series Analysis*. Princeton University Press. Chapter 14 is a textbook's GMM.
# - Armstrong, T. B. (2016). Large market asymptotics for differentiated product demand estimators with economic models
#   of supply. *Econometrica* 84(5), 1961-1980. When characteristics of rivals are weak instruments for price.
# - Andrews, I., Stock, J. H., and Sun, L. (2019). Weak instruments in instrumental variables regression: theory and
#   practice. *Annual Review of Economics* 11, 727-753. Which F to report when errors are not independent, and what to
#   do when it is small.
# - Chamberlain, G. (1987). Asymptotic efficiency in estimation with conditional moment restrictions. *Journal of
#   Econometrics* 34(3), 305-334. Which functions of the exogenous variables are the best instruments.
# - Gandhi, A., and Houde, J.-F. (2019). Measuring substitution patterns in differentiated-products industries. NBER
#   Working Paper 26375. Instruments that see how close a product's rivals are, like three of the nine of the shipped
#   economy.
# - Hall, A. R., and Inoue, A. (2003). The large sample behaviour of the generalized method of moments estimator in
#   misspecified models. *Journal of Econometrics* 114(2), 361-394. What is left of (3.9) when moments contradict.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP.
#   *RAND Journal of Economics* 51(4), 1108-1161. Weighting, standard errors and fixed effects as they are done today.
#
# **Next.** Lesson 04 opens Step 4. It lets $\delta$ depend on $\theta_2$, keeps the two maps of this lesson fixed, and
# searches.
