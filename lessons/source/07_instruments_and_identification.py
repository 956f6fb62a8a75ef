# %% [markdown]
# # 07. Which variation tells us how tastes differ?
#
# **Instruments and identification**
#
# *60 minutes, and 70 more for the exercises. Further, at the end, can be skipped. You need: econometrics through
# instrumental variables and GMM; NumPy. From lesson 01: random tastes and $\sigma$. From lesson 03: instruments, the
# first-stage F, weights. From lesson 04: the outer loop and its printout.*

# %% [markdown]
# ## The question
#
# An instrument for price is easy to imagine: something that moves cost. But the model has more parameters than a price
# coefficient. How much do tastes *differ*? If a roomy car becomes dearer, do its buyers go to other roomy cars or to
# any car? That is what $\sigma$ is for, and no cost shifter tells it.
#
# In most papers the instruments for $\sigma$ are made from the table itself: sums of other products' characteristics,
# or counts of neighbours. Which of them work, and when? You will let them race in two economies that differ in one
# number.

# %% [markdown]
# ## What you will be able to do
#
# - say which variation in the data moves an estimate of $\sigma$, and where there is none;
# - build the instruments in use, say what each assumes, and why a set that wins in one design fails in another;
# - compute approximately optimal instruments, find *all* roots, and choose one;
# - recognise weak identification in a model with many endogenous regressors.

# %% [markdown]
# ## Build it

# %% [markdown] minutes=4 ask="If fans of an extreme product exist, must its mean utility be higher or lower to explain the same share?"
# ### Sigma is a slope
#
# $\sigma$ stands inside an integral inside an equation that is solved by iteration. To see what identifies it, take
# it out of there. Let one characteristic $x$ have a random coefficient: consumer type $i$ gets from product $j$
#
# $$u_{ij} = \delta_j + \sigma\, x_j\, \nu_i + \varepsilon_{ij}, \qquad u_{i0} = \varepsilon_{i0},$$
#
# with $\nu_i$ standard normal. The outside good, number 0, has $x = 0$. Remember that. For each $\sigma$ lesson 02 finds the mean utilities $\delta(\sigma)$ that explain the observed shares $s$.
#
# Product 3 below has the most extreme $x$, and some consumers love it for that. Its share is what it is. Does its
# $\delta$ rise or fall as $\sigma$ grows from zero?

# %%
import numpy as np
import pandas as pd

import blpteach
from blpteach.identification import absorbed_tastes, conditional_F, delta_slopes, profile
from blpteach.plots import instruments as plots

# %% tags=["parameters"]
x_here = [0.5, 1.0, 2.0]
shares_here = [0.20, 0.15, 0.10]
sigma_here = 0.1

# %%
blpteach.predict("7.1", ..., among=["falls", "rises"])

# %%
x, s = np.array(x_here), np.array(shares_here)
nodes, weights = blpteach.gauss_hermite(9).nodes_and_weights(1, 1)     # (1, 9, 1), (1, 9)
mu = sigma_here * np.outer(x, nodes[0, :, 0])                   # (J, I)
delta = blpteach.invert_shares(s, mu, weights[0]).delta         # (J,)
logit = np.log(s / (1 - s.sum()))                               # delta at sigma = 0
blpteach.predicted("7.1", "rises" if delta[2] > logit[2] else "falls")

# %% [markdown]
# To second order (Salanié and Wolak 2019)
#
# $$\delta_j(\sigma) \approx \log\frac{s_j}{s_0} - \sigma^2 K_j, \qquad K_j = x_j\Big(\frac{x_j}{2} - \sum_l s_l\, x_l\Big).$$
#
# The sum runs over the products of the market; the outside good adds nothing. Two terms. $x_j^2/2$: a product far from
# zero has fans, and fans make sales without mean utility, so $\delta$ falls. $-x_j \sum_l s_l x_l$: fans count for
# less where other products serve them too.

# %% tags=["build"]
def fans(x, shares):
    """K: by how much delta falls with sigma squared in one market, (J,)."""
    return x * (x / 2 - shares @ x)                             # (J,)

# %%
both = pd.DataFrame({"x": x, "(logit delta - delta) / sigma^2": (logit - delta) / sigma_here**2,
                     "K": fans(x, s)}, ["product 1", "product 2", "product 3"])
assert np.allclose(both.iloc[:, 1], both["K"], atol=5e-3) and np.isclose(both["K"].iloc[2], 1.1)
both.round(3)

# %% [markdown]
# Now put $\delta = x_1'\beta + \xi$ on the left and move $\sigma^2 K$ to the right:
#
# $$\log\frac{s_j}{s_0} \approx x_{1j}'\beta + \sigma^2 K_j + \xi_j.$$
#
# **$\sigma^2$ is the slope of a regressor.** That regressor has shares in it, hence $\xi$. So it is endogenous, as
# price is, and needs instruments of its own: something that moves $K$ and not $\xi$.
#
# In $\sigma$ itself the slope of $\delta$ is $-2\sigma K$. It vanishes at zero. So a search must not start there, and
# near zero a standard error of $\sigma$ can be enormous; a $t$ of $\sigma$ against zero, its boundary, is no ordinary
# test.
#
# **Result.** At any $\hat\theta_2$ the columns of $\partial\delta/\partial\theta_2$ of lesson 04 are endogenous regressors. Identification near an estimate is the first stage of these columns and of price, all together.

# %% [markdown] minutes=4 ask="All 24 cereals stand in all 94 markets. What is the sum of rivals' sugar, net of product effects?"
# ### Choice sets that vary, and choice sets that don't
#
# What moves $K_j$? The product's own $x_j$, through $x_j^2$, if mean utility is linear in $x$. That is a thin reed: it
# identifies tastes by the shape of a function. What economists trust more is $\sum_l s_l x_l$: **who else is in the
# market**. Put the same product beside other rivals, and see whom it loses to. Do the data have such variation?

# %%
cereal, types = blpteach.load_cereal()
autos, _ = blpteach.load_autos()
made, _ = blpteach.load_simulated()
sizes = {name: table.groupby("market_ids").size().agg(["count", "min", "max"])
         for name, table in {"cereals": cereal, "automobiles": autos, "simulated": made}.items()}
assert sizes["automobiles"]["min"] == 72 and sizes["automobiles"]["max"] == 150
pd.DataFrame(sizes).T.set_axis(["markets", "fewest products", "most"], axis=1)

# %%
rivals_sugar = blpteach.blp_instruments(cereal, "0 + sugar").iloc[:, 1]
within = rivals_sugar.groupby(cereal["product_ids"]).std().max()
demographics = types.groupby("market_ids")[["income", "age", "child"]].mean()
price_within = cereal.groupby("product_ids")["prices"].std().mean()
assert within < 1e-9 and abs(price_within - 0.0195) < 1e-4
assert np.allclose(demographics.std(), [0.289, 0.199, 0.098], atol=1e-3)
print(f"rivals' sugar: standard deviation within a product, at most {within:.1f}")
print("standard deviation between markets:", demographics.std().round(2).to_dict())
print(f"price of a product: {price_within:.3f}, at a mean price of {cereal['prices'].mean():.3f}")

# %% [markdown]
# The automobiles and the simulated markets have choice sets of many sizes. The cereals don't: every cereal has the same
# rivals everywhere, so net of product effects the sum is zero. What tells tastes apart there? Two things differ between
# markets: **who lives there**, and **prices**. If markets with more children sell more sugary cereals, net of what the
# product sells everywhere, children like sugar. That identifies $\Pi$. The unobserved $\Sigma$ needs more: the *same*
# cereal beside rivals that attract more in one market than in another, and only prices and people can make them so.
# Both differ little.
#
# The rest of the lesson needs an economy with a known truth whose choice sets vary: 4 to 12 products a market, sold by
# four firms that know $\xi$ when they set prices. Each product has a characteristic `x`, a dummy `group`, and two cost
# shifters `w0` and `w1` that have nothing to do with $\xi$. The only taste that differs is that for `x`, with
# $\sigma = 1$. We choose where `x` lies: uniform, within 1.5 of a `centre`. Mean utility and cost depend on $x$ less the
# centre. So moving the centre moves *nothing* but the products' distance from the outside good.

# %% tags=["build"]
def economy(centre, markets=100):
    """Products (N, ...) and agents (A, ...) with x uniform within 1.5 of the centre; sigma is 1."""
    return blpteach.simulate(plots.truth_around(centre), T=markets, J=(4, 12), I=20, seed=0,
                             x=(centre - 1.5, centre + 1.5))    # two tables

# %%
around_zero, _ = economy(0.0)
positive, _ = economy(1.5)
outside = [1 - table.groupby("market_ids")["shares"].sum().mean()
           for table in (around_zero, positive)]
assert np.allclose(around_zero["xi"], positive["xi"]) and np.allclose(outside, [0.577, 0.590], atol=1e-3)
assert np.allclose(positive["x"] - around_zero["x"], 1.5)
print(f"mean share of the outside good: {outside[0]:.2f} around zero, {outside[1]:.2f} from 0 to 3")
positive[["market_ids", "firm_ids", "x", "group", "w0", "w1", "prices", "shares"]].head(3).round(3)

# %% [markdown]
# **Result.** Rivals identify $\Sigma$ only where choice sets vary. In the cereals they don't.

# %% [markdown] minutes=8 ask="Two cars as far apart as a typical pair: nearer than a standard deviation of the characteristic, or not?"
# ### Sums over the others, and distances
#
# Berry, Levinsohn and Pakes use sums of characteristics over the firm's other products and over rivals' products:
#
# $$z^{\text{own}}_{jt} = \sum_{l \ne j,\; f(l) = f(j)} x_{lt}, \qquad z^{\text{rivals}}_{jt} = \sum_{f(l) \ne f(j)} x_{lt}, \tag{7.1}$$
#
# where $f(j)$ is the firm that sells $j$ (`firm_ids`) and sums run within market $t$. With a constant among the
# characteristics the products themselves are counted. They are valid if firms choose characteristics before they know
# $\xi$. They move markups, hence price, and they move $\sum_l s_l x_l$, hence $K$.

# %% tags=["build"]
def sums(table, name):
    """(7.1): sums of a column over the firm's other products and over rivals', (N, 2)."""
    x = table[name]
    firm = x.groupby([table["market_ids"], table["firm_ids"]]).transform("sum")
    market = x.groupby(table["market_ids"]).transform("sum")
    return np.column_stack([firm - x, market - firm])           # (N, 2)

# %%
library = blpteach.blp_instruments(autos, "1 + hpwt + air + mpd + space")
assert np.allclose(library[["own(space)", "rivals(space)"]], sums(autos, "space"))
library.head(3).round(2)

# %% [markdown]
# Ten columns from five characteristics. Sums say what the rivals are. They don't say how *near* they are to this
# product. Gandhi and Houde's **differentiation instruments** do. With $d_{jlk} = x_{jk} - x_{lk}$ the distance in
# characteristic $k$,
#
# $$z^{\text{quadratic}}_{jk} = \sum_{l} d_{jlk}^2, \qquad
# z^{\text{local}}_{jk} = \sum_{l \ne j} 1\{|d_{jlk}| < \mathrm{sd}_k\}, \tag{7.2}$$
#
# again over the firm's other products and over rivals separately. *Quadratic* is large where the product is far from
# the others. *Local* counts the neighbours. The standard deviation $\mathrm{sd}_k$ is that of the *distances*: all
# ordered pairs of products of the same market, over all markets together.

# %% tags=["build"]
def distances(x, markets):
    """`d[j, l] = x_j - x_l` for all rows, (N, N), NaN where l is j or in another market."""
    d = x[:, None] - x
    d[(markets[:, None] != markets) | np.eye(len(x), dtype=bool)] = np.nan
    return d                                                    # (N, N)


def squared_distances(x, markets, firms):
    """(7.2), quadratic: sum of squared distances to rivals' products, (N,)."""
    rival = firms[:, None] != firms
    return np.nansum(rival * distances(x, markets)**2, axis=1)  # (N,)

# %%
quadratic = blpteach.differentiation_instruments(autos, "0 + hpwt", version="quadratic")
local = blpteach.differentiation_instruments(autos, "0 + hpwt")
keys = [autos[name].to_numpy() for name in ("hpwt", "market_ids", "firm_ids")]
assert np.allclose(squared_distances(*keys), quadratic.iloc[:, 1])
around_mean = autos.groupby("market_ids")["hpwt"].transform(lambda x: x - x.mean())
ratio = np.nanstd(distances(*keys[:2])) / around_mean.std()
assert abs(ratio - np.sqrt(2)) < 0.02
print(f"sd of distances over sd of hpwt within markets: {ratio:.3f}")
quadratic.join(local).head(3).round(3)

# %% [markdown]
# The ratio is about $\sqrt 2$: a distance has the variance of two products. The threshold is a convention, not a theorem;
# PyBLP and this library take the distances'. You program the counts in Exercise 7.3.
#
# **Result.** Sums say what rivals are, distances say how near they are. Both are functions of characteristics alone, so
# both ask that characteristics are mean-independent of $\xi$.

# %% [markdown] minutes=4 ask="A cereal is advertised on national television. What happens to its price in the other cities?"
# ### Costs, and prices elsewhere
#
# **Cost shifters** (wages, input prices, distance to the plant, exchange rates) are the first choice for price, and hard
# to find at the level of a product. Hausman's idea: the same product in other cities has the same cost. So take its
# average price elsewhere,
#
# $$z_{jct} = \frac{1}{C - 1} \sum_{c' \ne c} p_{jc't}, \tag{7.3}$$
#
# for product $j$ in city $c$ of $C$ cities at time $t$. It is valid if prices elsewhere move with $j$'s cost and *not*
# with $j$'s demand here. A national advertising campaign moves demand everywhere, and all prices. Try it: 40 cities, 40
# weeks, demand $y = -p + \xi$. The price is cost, which all cities share, plus $\xi/2$, plus noise. `national` is the
# share of the variance of $\xi$ that all cities have in common.
#
# With $\xi$ all national: will the instrument be nearer to $-1$ than least squares, or farther from it?

# %% tags=["parameters"]
national_shares = [0, 0.25, 0.5, 1]
repetitions = 100

# %%
def slopes_of(national, rng, C=40, T=40):
    """The slope of demand by Hausman's instrument and by least squares."""
    cost, everywhere, here = rng.normal(size=T), rng.normal(size=T), rng.normal(size=(C, T))
    xi = np.sqrt(national) * everywhere + np.sqrt(1 - national) * here              # (C, T)
    p = cost + 0.5 * xi + 0.5 * rng.normal(size=(C, T))
    z = (p.sum(0) - p) / (C - 1)                                # (7.3)
    p, z, y = (v - v.mean() for v in (p, z, xi - p))
    return (z * y).sum() / (z * p).sum(), (p * y).sum() / (p * p).sum()

# %%
blpteach.predict("7.2", ..., among=["nearer", "farther"])

# %%
rng = np.random.default_rng(0)
medians = {share: np.median([slopes_of(share, rng) for _ in range(repetitions)], axis=0)
           for share in national_shares}
hausman = pd.DataFrame(medians, ["other cities' prices", "least squares"]).T.rename_axis("national")
assert np.allclose(hausman.iloc[:, 0], [-1, -0.866, -0.757, -0.601], atol=0.02)
assert np.allclose(hausman.iloc[:, 1], -0.655, atol=0.01)
display(hausman.round(3))
farther = abs(hausman.loc[1] + 1)
blpteach.predicted("7.2", "farther" if farther.iloc[0] > farther.iloc[1] else "nearer")

# %% [markdown]
# With local demand shocks the instrument finds $-1$. With shocks that are all national it is worse than no instrument,
# for it keeps the part of price that moves with $\xi$ and averages away the noise. No F statistic shows this. Nevo (2001) says what would break it, a national demand shock or advertising
# coordinated over a region, why he thinks that small for cereals, and what cost proxies by city give instead. That
# argument is the instrument.
#
# **Result.** Prices elsewhere are as good as the claim that demand shocks are local, and no statistic tests the claim.

# %% [markdown] minutes=5 ask="Eight moments, five parameters. Is sigma identified?"
# ### Counting moments is not identification
#
# Now estimate $\sigma$ in the economy around zero. First with cost shifters alone: the two, their squares and their
# product. Then with the two quadratic instruments in place of the last three. Both in two steps, so with efficient
# weights. The first has the more moments, eight against seven.
#
# Divide the standard error of $\sigma$ by costs alone by the other. What is the ratio?

# %% tags=["build"]
def model(table, agents, names, linear="1 + prices + x + group"):
    """Problem (N, M): one random coefficient, on x; instruments: costs and those named."""
    return blpteach.Problem(table, agents, linear=linear, random="0 + x",
                            instruments=["w0", "w1", *names])   # K2 = 1, three columns of nodes

# %%
blpteach.predict("7.3", ...)

# %%
products, agents = economy(0.0)
squares = products.eval("c00 = w0 * w0\nc11 = w1 * w1\nc01 = w0 * w1")[["c00", "c11", "c01"]]
by_squares = blpteach.differentiation_instruments(products, "0 + x", version="quadratic")
table = products.join([squares, by_squares])
start = [[0, 0.5, 0]]                           # sigma (1, 3): only nodes1, tastes for x, is used
costs_only = model(table, agents, list(squares)).estimate(start, steps=2)
with_x = model(table, agents, list(by_squares)).estimate(start, steps=2)
two = {"costs only": costs_only, "costs and distances": with_x}

# %%
rows = {name: [e.problem.M, e.problem.K1 + 1, e.sigma[0, 1], e.sigma_se[0, 1]]
        for name, e in two.items()}
assert np.allclose(rows["costs only"], [8, 5, 1.190, 0.804], atol=2e-3)
assert np.allclose(rows["costs and distances"], [7, 5, 0.984, 0.0878], atol=2e-3)
names = ["moments", "parameters", "sigma", "standard error"]
display(pd.DataFrame(rows, names).T.round(3))
blpteach.predicted("7.3", rows["costs only"][3] / rows["costs and distances"][3])

# %% [markdown]
# How much do the data say? Lesson 03 drew the objective. Do it for $\sigma$: fix it at a value, estimate all else
# anew,
#
# $$q_k(v) = \min_{\theta:\; \theta_k = v} q(\theta). \tag{7.4}$$
#
# That is the **profile** of the objective. With efficient weights $q_k(v) - q(\hat\theta)$ is, at the true value and in
# large samples, $\chi^2$ with one degree of freedom, if the parameter is well identified. So values where it exceeds
# 3.84 are ruled out, at 5 percent. (The cell takes about two seconds.)

# %%
on_a_grid = np.linspace(0, 3, 31)
along = {name: profile(e, "sigma[x, nodes1]", on_a_grid)["objective"] - e.objective
         for name, e in two.items()}
plots.Profiles(on_a_grid, along, "σ", truth=1.0)

# %%
kept = {name: on_a_grid[rise <= 3.84] for name, rise in along.items()}
F_costs = conditional_F(costs_only)
assert np.allclose(kept["costs only"][[0, -1]], [0, 2.5])
assert np.allclose(kept["costs and distances"][[0, -1]], [0.9, 1.1])
assert np.allclose(F_costs["F"], [206.1, 2.75], rtol=0.01)
print({name: f"{values[0]:.1f} to {values[-1]:.1f}" for name, values in kept.items()})
F_costs[["F", "conditional_F"]].round(1)

# %% [markdown]
# > **A common error.** "Price is what is endogenous, so price is what needs instruments", often heard, and its textbook
# > companion, the order condition taken for identification. With costs only there are eight moments for five
# > parameters, and price is instrumented strongly: its F is 206. For $\sigma$ nothing is ruled out between 0 and 2.5.
#
# Where identification is weak, $\chi^2$ and standard errors are poor approximations, and 0 to 2.5 is no interval of 95
# percent. (Tests that hold up there take $q$ with the weights that are efficient at the value tested: Stock and Wright
# 2000.) The table has the first-stage F of price and of $\partial\delta/\partial\sigma$; what *conditional* means
# comes below.
#
# **Result.** The order condition is necessary. What decides is whether instruments *move* $\partial\delta/\partial\sigma$,
# and not only together with price. A product's own costs say little about who its neighbours are.

# %% [markdown] minutes=6 ask="Sums or distances: which will find sigma when x lies around zero, and which when x is positive?"
# ### Sums or distances? A race
#
# One sample proves nothing. Take 80 samples of 20 markets from the economy, and estimate $\sigma$ in each, twice: by sums
# (7.1), and by squared distances (7.2), both beside the two cost shifters, among values from 0 to 3. First with $x$
# between $-1.5$ and $1.5$. (Seed 0. Each race takes about two seconds.)
#
# Which histogram will be narrower?

# %%
blpteach.predict("7.4", ..., among=["sums", "quadratic"])

# %%
race = plots.TwoSets(centre=0.0, left="sums", right="quadratic")
display(race)
at_zero = race.numbers()
assert np.allclose(at_zero["quadratic"], [0.01, 0.27, 0, 47.5], rtol=0.05, atol=0.05)
assert np.allclose(at_zero["sums"], [-0.19, 1.52, 0.25, 0.82], rtol=0.05, atol=0.05)
assert (race.found["left"].sigma == 0).mean() > at_zero["sums"][2] / 2
blpteach.predicted("7.4", min(at_zero, key=lambda name: at_zero[name][1]))

# %% [markdown]
# One estimate in four by sums is at an end of the range, most of these at zero: no differences in taste, says the
# computer. Now add 1.5 to every $x$. The products are the same distances apart as before,
# they have the same $\xi$ and the same costs, and they sell about as much. Which histogram will be narrower now?

# %%
blpteach.predict("7.5", ..., among=["sums", "quadratic"])

# %%
race = plots.TwoSets(centre=1.5, left="sums", right="quadratic")
display(race)
moved = race.numbers()
assert np.allclose(moved["sums"], [-0.065, 0.32, 0.01, 24.7], rtol=0.05, atol=0.05)
assert np.allclose(moved["quadratic"], [-0.10, 0.70, 0.09, 2.5], rtol=0.1, atol=0.05)
blpteach.predicted("7.5", min(moved, key=lambda name: moved[name][1]))

# %% [markdown]
# **Result.** Around zero the middle half is more than five times as narrow by squared distances. From 0 to 3 it is
# narrower by sums, by a factor of two. The distances between products did not change, so the quadratic instruments are
# the same numbers in both economies. What did change?

# %% [markdown] minutes=5 ask="What did adding 1.5 to every x change, if not the distances between products?"
# ### Why: the outside good has a place too
#
# Write $x_j = m + u_j$ with centre $m$. Then $\sigma x_j \nu_i = \sigma m\, \nu_i + \sigma u_j \nu_i$. Moving the centre adds
# a taste for *any* product over none. Lesson 01 called that a random coefficient on the constant. It shows in how the
# whole market grows when products are added. Sums see that: with positive $x$ they count rivals. Squared distances
# between products don't see the outside good at all.
#
# What is missing is cheap: how many products the firm and its rivals have. Berry, Levinsohn and Pakes (1995, p. 861)
# have these counts among their instruments, as sums of the constant, and so has Table 2 of Conlon and Gortmaker (2020).
# Add them to the squared distances. The first stages, drawn:
# $\partial\delta/\partial\sigma$ at the truth against what each of three sets predicts, net of the other columns of $X_1$.

# %% tags=["build"]
def net_of(columns, y):
    """Residuals of y, (N,) or (N, m), after a regression on the columns, (N, K)."""
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]     # as y


def first_stages(centre, names):
    """What each set predicts of d delta / d sigma at the truth, and what it is, net, (N,) each."""
    products, agents = economy(centre)
    at_truth, sets = model(products, agents, []).evaluate([[0, 1, 0]]), plots.instrument_sets(products)
    exogenous = at_truth.problem.X1[:, [0, 2, 3]]
    slope = net_of(exogenous, delta_slopes(at_truth)[:, 0])
    Z = {name: net_of(exogenous, sets[name]) for name in names}
    return {name: (slope - net_of(Z[name], slope), slope) for name in names}    # a dict

# %%
centres = {"x around zero": 0.0, "x from 0 to 3": 1.5}
seen = plots.Predicted({(design, name): pair for design, centre in centres.items()
                        for name, pair in first_stages(centre, plots.SETS[:3]).items()})
assert np.allclose(list(seen.R2.values()), [0.009, 0.507, 0.674, 0.393, 0.080, 0.405], atol=3e-3)
seen

# %% [markdown]
# Squared distances measure whether a product is at the edge of the range. That is what $\sigma$ moves around zero. From
# 0 to 3 it moves how strongly the others attract, and there counts do the work. The whole race again:

# %%
every = {(design, name): [found.spread, found.failed, np.median(found.F)]
         for design, centre in centres.items()
         for name, found in plots.experiment(centre).items()}
every = pd.DataFrame(every, ["middle half spans", "at 0 or 3", "median conditional F"]).T
spans = every["middle half spans"].unstack()
assert np.allclose(spans["quadratic and counts"], [0.20, 0.42], atol=0.02)
assert np.allclose(spans["local"], [0.46, 0.43], atol=0.02)
assert np.allclose(spans["sums and quadratic"], [0.27, 0.28], atol=0.02)
every.round(2)

# %% [markdown]
# > **A common error.** "Differentiation instruments always win", and, from those who tried them without counts,
# > "differentiation instruments fail". Both are often heard. Squared distances *alone* miss the outside good: their
# > middle half spans 0.27 around zero and 0.70 from 0 to 3. With counts it spans 0.20 and 0.42. Sums span 1.5 and 0.3.
#
# Conlon and Gortmaker (2020, p. 1138) find differentiation instruments ahead of sums.
#
# **Result.** Use more than one idea: squared distances with counts, local counts, or sums and distances together do
# well in both economies. The price is more moments, and with many moments a small sample brings a bias of its own.
# *Further* asks how much of what they find rests on rivals, and how much on a straight line.

# %% [markdown] minutes=5 ask="If the ideal instrument is the derivative of xi itself, why can't we use that derivative?"
# ### The best instruments, nearly
#
# There is a way to have the best of all sets in one column. If $\mathrm{E}[\xi \mid \text{exogenous data}] = 0$, every
# function of the exogenous data is a valid instrument. Chamberlain (1987) showed which ones give the smallest asymptotic
# variance: the *expected* derivatives of $\xi$ in the parameters, over the conditional variance of $\xi$,
#
# $$z_{jt} = \mathrm{E}\Big[\frac{\partial \xi_{jt}}{\partial \theta}\,\Big|\,\text{exogenous data}\Big] \Big/ \mathrm{var}(\xi_{jt}). \tag{7.5}$$
#
# The derivative itself won't do, since it contains $\xi$. The expectation needs values of $\theta$: take a first
# estimate. And in place of averaging over $\xi$, put $\xi = 0$ and prices at their expected values. Hence
# *approximately* optimal. (The variance is taken as the same for all products, so it changes units only.)
#
# In code: fitted prices of the first stage into $X_1$; then, block by block, mean utility $x_1'\hat\beta$ without $\xi$, the
# choice probabilities and buyers that go with it, and lesson 02's `delta_jacobian`.

# %% tags=["build"]
def expected_slopes(estimates):
    """(7.5): d delta / d sigma at xi = 0 and expected prices, over var(xi), (N,)."""
    problem, found = estimates.problem, np.empty(estimates.problem.N)
    X1 = problem.X1.copy()
    X1[:, 1] = problem.Z @ np.linalg.lstsq(problem.Z, problem.prices, rcond=None)[0]
    for block in problem.blocks:
        mu = blpteach.taste_deviations(block.X2, block.tastes, estimates.sigma)
        P = blpteach.choice_probabilities((X1 @ estimates.beta)[block.index], mu)
        B = blpteach.buyers(P, block.weights)
        found[block.index] = blpteach.delta_jacobian(P, B, block.X2, block.tastes, [0], [1])[..., 0]
    return found / estimates.xi.var(ddof=1)                     # (N,)

# %% tags=["parameters"]
shifted = 1.5
made_at = [0.05, 0.5, 1.0, 2.0]

# %%
products, agents = economy(shifted)
distant = blpteach.differentiation_instruments(products, "0 + x", version="quadratic")
first = model(products.join(distant), agents, list(distant)).estimate(start)
best = first.optimal_instruments()
assert np.allclose(best.demand.iloc[:, 0], expected_slopes(first))
assert np.allclose([first.sigma[0, 1], first.sigma_se[0, 1]], [1.188, 0.313], atol=2e-3)
print(f"first estimate: {first.sigma[0, 1]:.3f} ({first.sigma_se[0, 1]:.3f})")
best.demand.head(3).round(3)

# %% [markdown]
# The second column stands in for price. `best.problem` has these two in place of all excluded instruments, so as many
# moments as parameters. The first estimate came from instruments that are
# weak here, and its standard error is 0.31. What will the standard error be now?

# %%
blpteach.predict("7.6", ...)

# %%
second = best.problem.estimate(first.sigma)
assert second.objective < 1e-12 and second.problem.M == 5
assert np.allclose([second.sigma[0, 1], second.sigma_se[0, 1]], [1.047, 0.0839], atol=2e-3)
print(f"sigma {second.sigma[0, 1]:.3f} ({second.sigma_se[0, 1]:.3f}), "
      f"objective {abs(second.objective):.0e}")
blpteach.predicted("7.6", second.sigma_se[0, 1])

# %% [markdown]
# The objective is zero: with five moments and five parameters all moments can vanish. Nothing is left to test, so
# compute $J$ before this step.
#
# How good must the first estimate be? Take the worst case: sums, around zero. Make the instruments at four values of
# $\sigma$, right and wrong ones, estimate with each, and once more with instruments made at the new estimate.

# %%
products, agents = economy(0.0)
only_sums = blpteach.blp_instruments(products, "0 + x")
poor = model(products.join(only_sums), agents, list(only_sums))
weak, rounds = poor.estimate(start), {}
for value in made_at:
    once = poor.evaluate([[0, value, 0]]).optimal_instruments().problem.estimate(start)
    twice = once.optimal_instruments().problem.estimate(start)
    rounds[value] = [x for e in (once, twice) for x in (e.sigma[0, 1], e.sigma_se[0, 1])]

# %%
rounds = pd.DataFrame(rounds, ["sigma", "se", "sigma, second round", "se, second round"]).T
assert np.allclose([weak.sigma[0, 1], weak.sigma_se[0, 1]], [-0.137, 8.15], atol=0.02)
assert np.allclose(rounds["sigma"], [0.867, 0.953, 0.965, 0.970], atol=3e-3)
assert np.allclose(rounds.iloc[[0, 2], 1], [0.125, 0.066], atol=1e-3)
assert np.allclose(rounds.iloc[:, 2:], [0.963, 0.066], atol=2e-3)
print(f"sums alone: sigma {weak.sigma[0, 1]:.3f}, standard error {weak.sigma_se[0, 1]:.1f}")
rounds.rename_axis("instruments made at sigma =").round(3)

# %% [markdown]
# **Result.** A wrong value costs precision, not validity: at any fixed value (7.5) is a function of exogenous data. Far
# from the truth it is no longer the *best* function, the standard error is up to nearly twice as large and says so. A
# second round repairs it.

# %% [markdown] minutes=5 ask="First-stage F of price in the cereals: 2790. Is the price coefficient well identified?"
# ### Weak in company
#
# With several endogenous regressors each may have a large F of its own, and still the instruments may not tell them
# apart. The **conditional F** of Sanderson and Windmeijer (2016) asks about one regressor *given the others*. Take all
# columns net of the exogenous ones. Regress column $y_k$ on the other endogenous columns $Y$ by 2SLS, which leaves
# $e$. Then ask how much the $m$ excluded instruments explain of $e$:
#
# $$F_k = \frac{\hat e'\hat e \,/\, (m - n + 1)}{(e - \hat e)'(e - \hat e) \,/\, df}, \qquad e = y_k - Y\,b_{\text{2SLS}}, \tag{7.6}$$
#
# where $\hat e$ are the fitted values of $e$ on the instruments, $n$ counts endogenous regressors, and $df$ are the
# residual degrees of freedom. The 2SLS regression uses up $n - 1$ of the instruments. You write it in Exercise 7.6; the
# library takes a robust version by default.
#
# The cereal model has 14 endogenous regressors: price and 13 columns of $\partial\delta/\partial\theta_2$. Alone, each has
# an F above 20, and price one of 2,790. What is the conditional F of price? Think of the valley of lesson 04.

# %%
blpteach.predict("7.7", ...)

# %%
from blpteach.examples import cereal as cereal_example
problem, begin = cereal_example()
estimates = problem.estimate(**begin)
F = conditional_F(estimates)
F_price = F.loc["beta[prices]", ["F", "conditional_F"]].astype(float)
assert np.allclose(F_price, [2790, 3.66], rtol=5e-3) and F["F"].min() > 20
display(F[["F", "conditional_F"]].sort_values("conditional_F").head(6).round(1))
blpteach.predicted("7.7", F_price["conditional_F"])

# %% [markdown]
# The two that share its fate are income and income squared *times price*: the valley of lesson 04, where these move
# together and the price coefficient with them. The conditional F finds it without drawing.
#
# > **A common error.** "F above 10, so instruments are strong." The rule, from Staiger and Stock (1997), is for *one*
# > endogenous regressor. It circulates in applied papers, regressor by regressor. Here it holds for each, and the price
# > coefficient has a standard error of 14.8.
#
# A small conditional F says that *some* combination is weak, and doesn't say who suffers. With costs only, above, price
# had 2.1 in company, yet its coefficient was estimated well. Two more dials. The **condition** of the moments' Jacobian
# is its largest singular value over its smallest, columns scaled to length one. It is no F: it takes the sample's
# derivatives as if they were expected ones.

# %%
weak_F = conditional_F(weak).loc["sigma[x, nodes1]", "conditional_F"]
assert abs(weak.condition - 72.2) < 1 and weak_F < 1 and abs(estimates.condition - 547) < 3
assert abs(F_costs["conditional_F"].iloc[0] - 2.07) < 0.02 and abs(estimates.beta_se[0] - 14.8) < 0.05
assert np.allclose([costs_only.beta[1], costs_only.beta_se[1]], [-1.946, 0.120], atol=2e-3)
pi = begin["pi"] * (np.arange(4) != 1)                          # without income squared
simpler = problem.estimate(begin["sigma"], pi)
assert np.allclose([simpler.beta[0], simpler.beta_se[0], simpler.condition], [-32.02, 2.30, 25.5], atol=0.1)
print(f"costs only: price coefficient {costs_only.beta[1]:.2f} ({costs_only.beta_se[1]:.2f})")
print(f"condition: cereals {estimates.condition:.0f}; sums around zero {weak.condition:.0f}, "
      f"where sigma has a conditional F of {weak_F:.2f}")

# %% [markdown]
# And the profile (7.4) shows what a standard error hides. It needs efficient weights, or 3.84 is no mark, and rows of
# one city are not independent: so two steps, with weights clustered by city (as in exercise 4.4).

# %%
name, values = "pi[prices, income_squared]", np.array([-50, -30, -10, 0])
by_city = blpteach.Problem(problem.products, **{**problem.arguments, "clusters": "city_ids"})
efficient = by_city.estimate(begin["sigma"], begin["pi"], steps=2, progress=False)
valley = profile(efficient, name, values).set_index("value")
valley["rise"] = valley["objective"] - efficient.objective
assert np.allclose([efficient.beta[0], efficient.beta_se[0]], [-51.0, 12.6], atol=0.1)
assert np.allclose(valley["rise"], [3.41, 0.85, 1.76, 6.51], atol=0.05)
assert np.allclose(valley["beta[prices]"].iloc[[0, 2]], [-81.8, -40.3], atol=0.1)
valley[["rise", "beta[prices]"]].round(2)

# %% [markdown]
# Zero is ruled out. All from $-50$ to $-10$ stays below 3.84 (a rough mark, where identification is weak), and with it
# price coefficients from $-82$ to $-40$. What to do when identification is weak?
#
# 1. *Find the variation.* Better instruments from the same table (7.2), (7.5); more markets; second choices.
# 2. *Add equations.* The pricing equations of supply (lesson 09).
# 3. *Ask for less.* Without income squared times price the price coefficient is $-32.0$ (2.3) and the condition 25. But
#    zero was imposed, and the profile speaks against zero. Say so.
# 4. *Report what is determined*, such as elasticities, and show the profile for what isn't.
#
# **Result.** Fourteen strong first stages can be weak together. The conditional F finds it, the profile shows what is left.

# %% [markdown] minutes=4 ask="How many solutions can 14 equations in 14 unknowns have?"
# ### Which root?
#
# Optimal instruments for the cereals, point 1 of the list: 14 moments, 14 parameters. Fourteen nonlinear equations may
# have several solutions, and the objective is zero at *every* one. So search from twelve random starts beside the
# estimate, of either sign of each $\sigma$. (About two seconds.) For each root the table has two things
# to choose by: the objective of the 20 *shipped* instruments there, which the new ones have left out, and the percentage
# of own elasticities above zero.

# %%
optimal = estimates.optimal_instruments().problem
rooted = optimal.estimate(estimates.sigma, estimates.pi, starts=12, seed=0, progress=False)

def at_root(theta2):
    """What a root says: price coefficient, standard error, and two criteria to judge it by."""
    sigma, pi = np.split(rooted.free.unpack(theta2).Gamma, [4], axis=1)
    here = optimal.evaluate(sigma, pi)
    return [here.beta[0], here.beta_se[0], here.objective, problem.evaluate(sigma, pi).objective,
            100 * (here.own_elasticities() > 0).mean()]

# %%
found = [at_root(row) for row in rooted.minima[list(rooted.free.names)].to_numpy()]
columns = ["price coefficient", "se", "objective", "of 20 shipped", "% elasticities > 0"]
roots = pd.DataFrame(found, columns=columns)
roots.insert(0, "found", rooted.minima["found"].to_numpy())
assert np.allclose(roots["price coefficient"], [-31.40, -28.66, -7.52], atol=0.02)
assert np.allclose(roots["of 20 shipped"], [42.0, 70.5, 964], rtol=0.01)
assert abs(roots["se"].iloc[0] - 4.53) < 0.02 and (roots["objective"] < 1e-9).all()
roots.round(2)

# %% [markdown]
# The same call with `starts=24` finds two more, $-56.6$ (10.6) twice and $-14.0$ (31.0) once, with 440 and 1377 in the
# fourth column, 11 and 36 percent in the fifth.
#
# How does one choose? Not by the objective, which is zero at all, nor by how often a search ends there. Only one root is
# near the truth in large samples. There the shipped moments are near zero too, and demand slopes down. Both speak for
# $-31.4$. (None is near the 4.56 that the shipped moments reach at $-62.7$: the two sets of moments disagree.) The
# published comparator is Conlon and Gortmaker (2020), Table 7, "Best Practices": $-27.489$ (4.383), with a scaled
# objective of 0.459. That isn't zero, so theirs is not quite this problem.
#
# **Result.** Lesson 04's two Nevos have become several. The data are artificial and their truth isn't published, so nobody
# can say which is right. On real data report all roots, and how you chose.

# %% [markdown] minutes=2 ask="Which of these checks would have caught an error in the code of the race?"
# ## Check it
#
# The race inverted shares at seven values of $\sigma$ and interpolated the moments between them. Does that agree with the
# library's search, in one of the samples?

# %%
products, agents = (table[table["market_ids"] // 20 == 0] for table in plots.tables(1.5, 80, 20))
sets = {"sums": blpteach.blp_instruments(products, "0 + x"),
        "quadratic": blpteach.differentiation_instruments(products, "0 + x", version="quadratic")}
compared = pd.DataFrame({name: [model(products.join(Z), agents, list(Z)).estimate(start).sigma[0, 1],
                                plots.estimated(1.5, name).sigma[0]]
                         for name, Z in sets.items()}, ["searched", "raced"])
assert np.ptp(compared.to_numpy(), axis=0).max() < 0.01
compared.round(2)

# %% [markdown] minutes=5 ask="Slide x away from the outside good. Where do the two sets do equally well?"
# ## Play
#
# The race again, with the position of $x$ under your hand and any two sets of instruments. (Making the widget takes about
# three seconds. *bent* estimates mean utility with $x^2$, of which *Further* speaks.)

# %%
from blpteach.widgets.instruments import two_designs
two_designs()

# %% [markdown]
# - *x around zero* and *x from 0 to 3* are the two races above. Where between them do the two change places?
# - *with counts*: slide, and counts hold what distances lose.
# - Put *local* on one side and slide. It hardly notices: how many neighbours a product has depends on whether it is at the
#   edge *and* on how many products there are.

# %% [markdown] minutes=1
# ## Exercises
#
# `blpteach.check` says whether an answer is right, and if it isn't, often why. `blpteach.hint("7.1")` gives a hint.

# %% [markdown]
# ### Exercise 7.1 · 5 minutes · easy
#
# Take the car with the largest share in 1990. By hand: what are its two BLP sums (7.1) of
# `hpwt`, first over its firm's other cars, then over rivals' cars? The answer is an array of shape (2,).

# %% tags=["exercise"]
two_sums = ...

# %% tags=["solution"]
market = autos[autos["market_ids"] == 1990]
car = market.loc[market["shares"].idxmax()]
its_firm = market["firm_ids"] == car["firm_ids"]
two_sums = np.array([market.loc[its_firm, "hpwt"].sum() - car["hpwt"],
                     market.loc[~its_firm, "hpwt"].sum()])
assert np.allclose(two_sums, library.loc[car.name, ["own(hpwt)", "rivals(hpwt)"]].astype(float))
assert blpteach.check("7.1", two_sums)

# %% tags=["check"]
blpteach.check("7.1", two_sums)

# %% [markdown]
# ### Exercise 7.2 · 5 minutes · easy
#
# A model has `linear="1 + prices + x + group"` and `random="0 + prices + x + group"` with a free `sigma` for each
# (diagonal), and `demographics="0 + income"` with all three elements of `pi` free. Count. How many *excluded*
# instruments does the order condition ask for at least? And with (7.1) for `1 + x + group` and two cost shifters,
# how many degrees of freedom has Hansen's $J$? The answer is an array of shape (2,).

# %% tags=["exercise"]
counts = ...

# %% tags=["solution"]
K1, nonlinear, own_instruments = 4, 6, 3                        # 1, x, group instrument themselves
needed = K1 + nonlinear - own_instruments
M = own_instruments + 6 + 2                                     # two sums of three, two costs
counts = np.array([needed, M - K1 - nonlinear])
print(counts)
assert blpteach.check("7.2", counts)

# %% tags=["check"]
blpteach.check("7.2", counts)

# %% [markdown]
# ### Exercise 7.3 · 15 minutes · medium
#
# Write local differentiation instruments (7.2) for one characteristic. The function gets `x` (N,), `market_ids` (N,) and
# `firm_ids` (N,), all arrays, and returns an array of shape (N, 2): how many of the firm's *other* products, and how many of rivals',
# lie within one standard deviation of the distances, in the same market. The standard deviation is the one of this lesson, over
# all ordered pairs of different products of one market, all markets together (`np.std`, or the root of the mean square).

# %% tags=["exercise"]
def near(x, market_ids, firm_ids):
    """Neighbours of the own firm and of rivals, (N, 2)."""
    return ...

# %% tags=["solution"]
def near(x, market_ids, firm_ids):
    d = distances(x, market_ids)                                # (N, N), NaN where not compared
    close, same = abs(d) < np.nanstd(d), firm_ids[:, None] == firm_ids
    return np.column_stack([(close & same).sum(1), (close & ~same).sum(1)])

assert np.allclose(near(*keys), local)
assert blpteach.check("7.3", near)

# %% tags=["solution"]
blpteach.show(blpteach.differentiation_instruments)

# %% tags=["check"]
blpteach.check("7.3", near)

# %% [markdown]
# ### Exercise 7.4 · 15 minutes · medium
#
# Write Hausman's instrument (7.3). The function gets `prices`, `product_ids`, `city_ids` and `quarter`, arrays (N,), and
# returns an array (N,): for each row the average price of the same product in the same quarter in all *other* cities.

# %% tags=["exercise"]
def prices_elsewhere(prices, product_ids, city_ids, quarter):
    """Average price of the same product and quarter in the other cities, (N,)."""
    return ...

# %% tags=["solution"]
def prices_elsewhere(prices, product_ids, city_ids, quarter):
    here = (product_ids[:, None] == product_ids) & (quarter[:, None] == quarter)
    others = here & (city_ids[:, None] != city_ids)             # (N, N)
    return others @ prices / others.sum(1)

keys = [cereal[name].to_numpy() for name in ("prices", "product_ids", "city_ids", "quarter")]
elsewhere = blpteach.other_market_prices(cereal, "city_ids", ["product_ids", "quarter"])
assert np.allclose(prices_elsewhere(*keys), elsewhere)
assert blpteach.check("7.4", prices_elsewhere)

# %% tags=["solution"]
blpteach.show(blpteach.other_market_prices)

# %% tags=["check"]
blpteach.check("7.4", prices_elsewhere)

# %% [markdown]
# ### Exercise 7.5 · 10 minutes · medium
#
# Where Hausman's instrument fails, by how much? Price is $p = \text{cost} + a\,\xi + \text{noise}$ with
# $\mathrm{var}(\text{cost}) = 1$ and $\mathrm{var}(\xi) = 1$; a part of that variance, the share `national`, is common
# to all cities, and noise is each city's own, as is the rest of $\xi$. The true slope is $-1$. With very many cities and
# weeks, what slope does the instrument find? Write it as a function of `national` and `a` (numbers) that returns a
# number. (At which share is it no better than least squares, whose limit in the lesson is $-2/3$?)

# %% tags=["exercise"]
def hausman_limit(national, a):
    """Slope that the average price of very many other cities finds, a number."""
    return ...

# %% [markdown] tags=["solution"]
# The average over many other cities is $z = \text{cost} + a\,\xi^{\text{national}}$: what is each city's own has averaged
# out. With $y = -p + \xi$ the instrument finds $-1 + \mathrm{cov}(z, \xi)/\mathrm{cov}(z, p)$, where
# $\mathrm{cov}(z, \xi) = a \cdot \text{national}$ and $\mathrm{cov}(z, p) = 1 + a^2 \cdot \text{national}$. Least squares has
# $-1 + a/(1 + a^2 + 0.25) = -2/3$ at $a = 0.5$. Equal where $0.5\,s/(1 + 0.25\,s) = 1/3$, at $s = 0.8$.

# %% tags=["solution"]
def hausman_limit(national, a):
    return -1 + a * national / (1 + a**2 * national)

assert np.isclose(hausman_limit(0.8, 0.5), -2 / 3)
assert np.allclose([hausman_limit(s, 0.5) for s in hausman.index], hausman.iloc[:, 0], atol=0.03)
assert blpteach.check("7.5", hausman_limit)

# %% tags=["check"]
blpteach.check("7.5", hausman_limit)

# %% [markdown]
# ### Exercise 7.6 · 20 minutes · hard
#
# Write the conditional F (7.6) of one endogenous regressor, with unadjusted errors. The function gets `y` (N,), `others` (N, n - 1), `Z` (N, m), all
# net of the exogenous columns, and `df`, the residual degrees of freedom. It returns one number.

# %% tags=["exercise"]
def F_given_others(y, others, Z, df):
    """Conditional first-stage F of y, a number."""
    return ...

# %% tags=["solution"]
def F_given_others(y, others, Z, df):
    project = lambda v: Z @ np.linalg.lstsq(Z, v, rcond=None)[0]
    b = np.linalg.lstsq(project(others), y, rcond=None)[0]      # 2SLS
    e = y - others @ b                                          # with others itself, not fitted
    fitted = project(e)
    left = e - fitted
    return (fitted @ fitted / (Z.shape[1] - others.shape[1])) / (left @ left / df)

assert blpteach.check("7.6", F_given_others)

# %% tags=["solution"]
columns = [poor.prices, delta_slopes(weak), poor.Z[:, :4]]      # price, slope, four instruments
net = net_of(poor.X1[:, [0, 2, 3]], np.column_stack(columns))
by_hand = F_given_others(net[:, 1], net[:, :1], net[:, 2:], poor.N - 7)
assert np.isclose(by_hand, conditional_F(weak, "unadjusted")["conditional_F"].iloc[1])
print(f"sums around zero, unadjusted: {by_hand:.2f}")

# %% tags=["check"]
blpteach.check("7.6", F_given_others)

# %% [markdown]
# ## Further
#
# Three sections that nothing else rests on.

# %% [markdown] minutes=4 ask="Mean utility bends in x: what would you see in the shares that sigma would also explain?"
# ### Rivals, or the shape of mean utility?
#
# Around zero the squared distances were strong because they measure $x_j^2/2$, the product's *own* place. An edge product
# has fans, so its mean utility is lower than the logit says. But a mean utility that bends, with a term in $x^2$, looks
# the same. Only the other part of $K$, the rivals, could tell the two apart. We *assumed* that mean utility is a
# straight line in $x$: that is the thin reed from above. How much hangs on it?
#
# Do two things. Take $x^2$ itself as the only instrument beside costs, without a look at any rival. Then let mean
# utility bend: put $x^2$ into $X_1$. (Its true coefficient is zero.) Whose standard error will grow, that of distances
# around zero or that of sums from 0 to 3?

# %% tags=["parameters"]
shapes = {"straight": "1 + prices + x + group", "bent": "1 + prices + x + I(x**2) + group"}
winners = {"x around zero": "quadratic", "x from 0 to 3": "sums"}

# %%
def searched(centre, name, linear):
    """Estimate of sigma, its standard error, and its conditional F."""
    products, agents = economy(centre)
    sets = plots.instrument_sets(products)                      # costs in the first two columns
    made = products[["x"]]**2 if name == "x² alone" else pd.DataFrame(sets[name][:, 2:])
    made = made.add_prefix("made")
    found = model(products.join(made), agents, list(made), linear).estimate(start)
    return [found.sigma[0, 1], found.sigma_se[0, 1],
            conditional_F(found).loc["sigma[x, nodes1]", "conditional_F"]]

# %%
tried = {("x around zero", "x² alone", "straight"): searched(0.0, "x² alone", shapes["straight"])}
tried |= {(place, winner, shape): searched(centres[place], winner, linear)
          for place, winner in winners.items() for shape, linear in shapes.items()}
pd.DataFrame(tried, ["sigma", "standard error", "conditional F"]).T.round(3)

# %%
found_se = [row[1] for row in tried.values()]
assert np.allclose(found_se, [0.071, 0.087, 0.442, 0.110, 0.112], atol=2e-3)

# %% [markdown]
# Around zero $x^2$ alone has a standard error of 0.07 and has seen no rival. Let mean utility bend, and that of distances
# is five times as large: 0.44 in place of 0.09. There most of what we knew of $\sigma$ came from an assumption. From 0 to
# 3 sums have 0.11 with $x^2$ and without. There it came from rivals. In 80 samples:

# %%
spans = {(centre, shape): [plots.estimated(centre, name, shape).spread for name in plots.SETS[:3]]
         for centre in (0.0, 1.5) for shape in plots.SHAPES}
pd.DataFrame(spans, plots.SETS[:3]).T.rename_axis(["centre", "shape"]).round(2)

# %%
assert np.allclose(spans[0.0, "bent"], [1.61, 1.39, 0.84], atol=0.08)
assert np.allclose(spans[1.5, "bent"], [0.30, 0.89, 0.48], atol=0.05)
assert abs(plots.estimated(0.0, "quadratic", "bent").failed - 0.15) < 0.03

# %% [markdown]
# **Result.** The winner around zero now spans five times as much, and one estimate in seven is at an end of the range; with
# counts it spans four times as much. Sums from 0 to 3 stay as they were. A strong first stage for $\sigma$ doesn't mean
# that substitution identifies it: a straight line is an exclusion like any other, and (7.5) makes full use of it. In a
# paper, put the squares in and say what remains.

# %% [markdown] minutes=3 ask="Product effects absorb sugar. How do you get the mean taste for sugar back?"
# ### Tastes inside fixed effects
#
# The cereal model absorbs product effects. So the mean tastes for sugar and mushy, which never change within a
# product, are not among the estimates. They are inside the effects. First recover those: the effect of product $j$ is
# the mean over its $n_j$ rows of
#
# $$d_j = \frac{1}{n_j} \sum_t (\delta_{jt} - x_{1,jt}'\hat\beta), \tag{7.7}$$
#
# with a covariance $V$ (J, J) that knows that $\hat\beta$ and $\hat\theta_2$ are estimated. Then regress the effects on the
# characteristics, weighting by what is known precisely (**minimum distance**, Chamberlain 1982; Nevo 2000):
#
# $$\hat\theta = (X'V^{-1}X)^{-1} X'V^{-1} d, \qquad \mathrm{var}(\hat\theta) = (X'V^{-1}X)^{-1}. \tag{7.8}$$

# %% tags=["parameters"]
inside = "1 + sugar + mushy"

# %% tags=["build"]
def minimum_distance(d, V, X):
    """(7.8): estimates (K,) and their covariance (K, K)."""
    weights = np.linalg.inv(V)
    covariance = np.linalg.inv(X.T @ weights @ X)
    return covariance @ X.T @ weights @ d, covariance           # (K,), (K, K)

# %%
effects, V = blpteach.identification.fixed_effects(estimates)   # (24,), (24, 24)
by_product = cereal.drop_duplicates("product_ids").set_index("product_ids").loc[effects.index]
X = np.column_stack([np.ones(24), by_product[["sugar", "mushy"]]])
theta, covariance = minimum_distance(effects.to_numpy(), V.to_numpy(), X)

# %%
tastes = absorbed_tastes(estimates, inside)
assert np.allclose(tastes["estimate"], theta)
assert np.allclose(tastes["se"], np.sqrt(np.diag(covariance)))

# %%
unweighted = np.linalg.lstsq(X, effects, rcond=None)[0]
assert np.allclose(tastes["estimate"], [-2.010, 0.116, 0.499], atol=2e-3) and unweighted[2] < -0.3
tastes.assign(unweighted=unweighted).round(3)

# %% [markdown]
# The last column is least squares. It has another sign for mushy. Both take $d_j = x_j'\theta$ plus an error that has
# nothing to do with $x_j$. (7.8) takes more: that the error is the *estimation* error of $d_j$, with covariance $V$.
#
# Nevo (2000) prints $-1.841$ (0.258), $0.148$ (0.258) and $0.788$ (0.013). Are these standard errors plausible? Do the
# same at his parameters, as lesson 04 has them:

# %%
sigma_2000 = np.diag([0.377, 1.848, -0.004, 0.081])
pi_2000 = np.array([[3.089, 0, 1.186, 0], [16.598, -0.659, 0, 11.625],
                    [-0.193, 0, 0.029, 0], [1.468, 0, -1.514, 0]])

# %%
there = absorbed_tastes(problem.evaluate(sigma_2000, pi_2000), inside)
assert np.allclose(there["se"], [0.257, 0.013, 0.203], atol=2e-3)
assert np.allclose(there["estimate"], [-1.840, 0.145, 0.822], atol=2e-3)

# %%
printed = {"printed": [-1.841, 0.148, 0.788], "se, printed": [0.258, 0.258, 0.013],
           "at his parameters": there["estimate"], "se": there["se"]}
pd.DataFrame(printed, there.index).round(3)

# %% [markdown]
# At his parameters the standard errors come out as 0.257, 0.013 and 0.203. His second and third, 0.258 and 0.013, look
# like our first and second, *shifted by a row*. That is an inference; the estimates themselves are near his. Compute
# again what you cite.
#
# If the errors were estimation error alone, $(d - X\hat\theta)'V^{-1}(d - X\hat\theta)$ would be $\chi^2$ with $24 - 3 = 21$
# degrees of freedom.

# %%
assert abs(tastes.attrs["chi2"] - 1465.7) < 3 and tastes.attrs["df"] == 21
print(f"chi-square {tastes.attrs['chi2']:.0f} on {tastes.attrs['df']} degrees of freedom")

# %% [markdown]
# **Result.** There is plenty of unobserved quality in the effects, which no estimation error explains. So $V^{-1}$ weights
# by the wrong thing, and the standard errors are too small. And 24 products are 24 observations: whether sugar is
# correlated with unobserved quality no instrument in this table can say.

# %% [markdown] minutes=2 ask="How many samples would tell 95 percent from 85?"
# ### Do the intervals cover?
#
# The whole road: instruments, estimates, optimal instruments, estimates again. Are its estimates centred on the truth, and
# do its 95 percent intervals cover the truth in 95 of 100 samples? Only many samples can say. `blpteach.replicate` makes
# them, each with a seed of its own.

# %%
true = blpteach.Truth()                                     # sigma is 1 on x and 2 on group


def both_steps(seed):
    """Estimates and standard errors with the optimal instruments, as a dict."""
    tables = blpteach.simulate(seed=seed)                   # 80 markets
    first = blpteach.Problem(*tables, **blpteach.simulation.FORMULAS).estimate(
        true.sigma_matrix / 2, true.pi_matrix / 2, progress=False)
    problem = first.optimal_instruments().problem
    found = problem.estimate(first.sigma, first.pi, progress=False).to_frame()
    return {**abs(found["estimate"]).to_dict(), **found["se"].add_suffix("_se").to_dict()}

# %% tags=["parameters"]
truths = {"beta[prices]": 2, "sigma[x, nodes1]": 1, "sigma[group, nodes2]": 2,
          "pi[prices, income]": 0.5}

# %%
few = blpteach.replicate(both_steps, 2, seed=0, progress=False)
assert all((abs(few[name] - truth) < 4 * few[f"{name}_se"]).all() for name, truth in truths.items())
few[list(truths)].round(3)

# %% [markdown]
# (Signs are dropped: that of $\sigma$ says little here, and the price coefficient is $-2$.) Two samples, and each estimate
# is within four standard errors of the truth; they can't tell 95 percent from 85. With `replicate(both_steps, 500,
# seed=0)`, which takes one to two minutes, this comes out (in two samples no equilibrium was found, and they don't count):
#
# | | truth | median bias | standard deviation | 95 % interval covers |
# |---|---|---|---|---|
# | price coefficient | 2 | -0.005 | 0.077 | 94.4 % |
# | $\sigma$ on x | 1 | 0.005 | 0.072 | 93.4 % |
# | $\sigma$ on group | 2 | -0.003 | 0.195 | 94.0 % |
# | $\pi$, price and income | 0.5 | 0.000 | 0.020 | 94.4 % |
#
# **Result.** The median bias is below two percent of the truth, and coverage is near 95 percent. (The tests of the library
# run these 500.) In this design, with strong instruments and $\sigma$ away from zero, the usual asymptotics can be trusted.

# %% [markdown]
# ## In practice
#
# PyBLP builds the same instruments.

# %%
try:
    import pyblp
    pyblp.options.verbose = False
except ImportError:
    pyblp = None

# %%
if pyblp:
    cars = "0 + hpwt + air + mpd + space"
    formula = pyblp.Formulation(cars)
    pairs = [(pyblp.build_blp_instruments(formula, autos), blpteach.blp_instruments(autos, cars))]
    pairs += [(pyblp.build_differentiation_instruments(formula, autos, version=version),
               blpteach.differentiation_instruments(autos, cars, version=version))
              for version in ("local", "quadratic")]
    assert all(np.allclose(theirs, ours) for theirs, ours in pairs)
    print("sums, local, quadratic: same columns,", [theirs.shape[1] for theirs, _ in pairs])
else:
    blpteach.stored_output()

# %% [markdown]
# That the optimal instruments agree too is a test of this package.
#
# What practice adds. A paper says where its instruments come from, one by one, and shows a first stage for the columns of
# $\partial\delta/\partial\theta_2$ as well as for price. It starts from a set that is known to work, adds differentiation
# instruments in *expected* prices where price has a random coefficient (fitted values of a first stage, never prices themselves), and takes one or two rounds of optimal instruments. With many
# characteristics the interacted versions multiply fast, and collinear columns do harm; one keeps a few, or their
# principal components. If identification stays weak, the paper says so, and reports what is determined.

# %% [markdown]
# ## Further reading
#
# - Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium. *Econometrica* 63(4),
#   841-890. Sums of characteristics, and why.
# - Gandhi, A., and Houde, J.-F. (2019). Measuring substitution patterns in differentiated-products industries. NBER
#   Working Paper 26375. Differentiation instruments.
# - Reynaert, M., and Verboven, F. (2014). Improving the performance of random coefficients demand models: the role of
#   optimal instruments. *Journal of Econometrics* 179(1), 83-98. How much (7.5) gains.
# - Berry, S., and Haile, P. (2014). Identification in differentiated products markets using market level data.
#   *Econometrica* 82(5), 1749-1797. What variation identifies demand without functional forms.
# - Sanderson, E., and Windmeijer, F. (2016). A weak instrument F-test in linear IV models with multiple endogenous
#   variables. *Journal of Econometrics* 190(2), 212-221. The conditional F.
# - Salanié, B., and Wolak, F. (2019). Fast, "robust", and approximately correct: estimating mixed demand systems. NBER
#   Working Paper 25726. $\sigma^2$ as a slope.
# - Stock, J., and Wright, J. (2000). GMM with weak identification. *Econometrica* 68(5), 1055-1096. What profiles and standard
#   errors are worth when instruments are weak.
# - Conlon, C., and Gortmaker, J. (2020). Best practices for differentiated products demand estimation with PyBLP.
#   *RAND Journal of Economics* 51(4), 1108-1161. Instruments in practice, with Monte Carlo experiments.
#
# **Next.** Lesson 09 adds the pricing equations of supply.
