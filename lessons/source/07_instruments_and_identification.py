# %% [markdown]
# # 07. Which variation tells us how tastes differ?
#
# **Instruments and identification**
#
# *80 minutes, and another 70 for the exercises. You need: econometrics through instrumental variables and GMM; NumPy. From
# lesson 01: random tastes and $\sigma$. From lesson 03: instruments, the first-stage F, weights. From lesson 04: the
# outer loop and its printout.*

# %% [markdown]
# ## The question
#
# An instrument for price is easy to imagine: something that moves cost. But the model has more parameters than a price
# coefficient. How much do tastes *differ*? If a roomy car becomes dearer, do its buyers go to other roomy cars or to
# any car? That is what $\sigma$ is for, and no cost shifter tells it.
#
# In most papers the instruments for $\sigma$ are made from the table itself: sums of other products' characteristics,
# or counts of neighbours. Which of them work, and when? A common answer is: the newer ones, always. You will let them
# race in two economies that differ in one number. Then you will ask the winners where they had it from.

# %% [markdown]
# ## What you will be able to do
#
# - say which variation in the data moves an estimate of $\sigma$, and where there is none;
# - build the instruments in use, and say what each assumes: sums (BLP), distances (differentiation), prices elsewhere
#   (Hausman), cost shifters;
# - explain why no set is always the best, and what to use when you don't know;
# - test whether rivals or the assumed shape of mean utility identify $\sigma$;
# - compute approximately optimal instruments, and say what a poor first estimate costs;
# - recognise weak identification in a model with many endogenous regressors: conditional F, profiles, conditioning;
# - recover mean tastes that fixed effects have absorbed.

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
# with $\nu_i$ standard normal. The outside good, number 0, has $x = 0$. Remember that. It decides the story of this
# lesson.
#
# **Before you read on:** product 3 has an extreme $x$, and some consumers love it for that. Its share is what it is.
# Does its $\delta$ rise or fall as $\sigma$ grows from zero?
#
# For each $\sigma$ lesson 02 finds the mean utilities $\delta(\sigma)$ that explain the observed shares $S$. At
# $\sigma = 0$ they are the logit's. How do they change? To second order (Salanié and Wolak 2019)
#
# $$\delta_j(\sigma) \approx \log\frac{S_j}{S_0} - \sigma^2 K_j, \qquad K_j = x_j\Big(\frac{x_j}{2} - \sum_l S_l\, x_l\Big).$$
#
# The sum runs over the products of the market; the outside good adds nothing. Two terms. $x_j^2/2$: a product far from
# zero has fans, and fans make sales without mean utility, so $\delta$ falls. $-x_j \sum_l S_l x_l$: fans count for
# less where other products serve them too. To check it, three products of one market:

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

# %% tags=["build"]
def fans(x, shares):
    """K: by how much delta falls with sigma squared in one market, (J,)."""
    return x * (x / 2 - shares @ x)                             # (J,)

# %%
x, S = np.array(x_here), np.array(shares_here)
nodes, weights = blpteach.gauss_hermite(9).nodes_and_weights(1, 1)     # (1, 9, 1), (1, 9)
mu = sigma_here * np.outer(x, nodes[0, :, 0])                   # (J, I)
delta = blpteach.invert_shares(S, mu, weights[0]).delta         # (J,)
logit = np.log(S / (1 - S.sum()))

# %%
both = pd.DataFrame({"x": x, "(logit delta - delta) / sigma^2": (logit - delta) / sigma_here**2,
                     "K": fans(x, S)}, ["product 1", "product 2", "product 3"])
assert np.allclose(both.iloc[:, 1], both["K"], atol=5e-3)
assert np.allclose(both["K"], [-0.1, 0.05, 1.1])
both.round(3)

# %% [markdown]
# Now put $\delta = x_1'\beta + \xi$ on the left and move $\sigma^2 K$ to the right:
#
# $$\log\frac{S_j}{S_0} \approx x_{1j}'\beta + \sigma^2 K_j + \xi_j.$$
#
# **$\sigma^2$ is the slope of a regressor.** And that regressor has shares in it, hence $\xi$. So it is endogenous, as
# price is, and needs instruments of its own: something that moves $K$ and not $\xi$. Where tastes for several
# characteristics differ there is a $K$ for each.
#
# In $\sigma$ itself the slope of $\delta$ is $-2\sigma K$. It vanishes at zero. So a search must not start there, and
# near zero a standard error of $\sigma$ can be enormous.
#
# Beyond small $\sigma$ the same holds at any point. Near an estimate,
#
# $$\delta(\theta_2) \approx \delta(\hat\theta_2) + \frac{\partial\delta}{\partial\theta_2}\,(\theta_2 - \hat\theta_2),$$
#
# and the columns of $\partial\delta/\partial\theta_2$ (N, P) are endogenous regressors. Lesson 04 computes them
# anyway. Identification near an estimate is the first stage of these columns and of price, all together.

# %% [markdown] minutes=4 ask="All 24 cereals stand in all 94 markets. What is the sum of rivals' sugar, net of product effects?"
# ### Choice sets that vary, and choice sets that don't
#
# What moves $K_j$? The product's own $x_j$, through $x_j^2$, if mean utility is linear in $x$. That is a thin reed: it
# identifies tastes by the shape of a function. What economists trust more is $\sum_l S_l x_l$: **who else is in the
# market**. Put the same product beside other rivals, and see whom it loses to.
#
# Do the data have such variation? Here are the markets of three data sets.

# %% tags=["parameters"]
characteristic = "sugar"

# %%
cereal, types = blpteach.load_cereal()
autos, _ = blpteach.load_autos()
made, _ = blpteach.load_simulated()
sizes = {name: table.groupby("market_ids").size().agg(["count", "min", "max"])
         for name, table in {"cereals": cereal, "automobiles": autos, "simulated": made}.items()}
pd.DataFrame(sizes).T.set_axis(["markets", "fewest products", "most"], axis=1)

# %%
assert sizes["automobiles"]["min"] == 72 and sizes["automobiles"]["max"] == 150
rivals_sugar = blpteach.blp_instruments(cereal, f"0 + {characteristic}").iloc[:, 1]
within = rivals_sugar.groupby(cereal["product_ids"]).std().max()
assert within < 1e-9
print(f"rivals' {characteristic}: standard deviation within a product, at most {within:.1f}")

# %% [markdown]
# The automobiles and the simulated markets have choice sets of many sizes. The cereals don't: every cereal has the same
# rivals everywhere. Net of product effects the sum is zero. The library says so if you try:

# %%
try:
    blpteach.Problem(cereal.assign(rivals_sugar=rivals_sugar), linear="0 + prices",
                     absorb="product_ids", instruments=["rivals_sugar"])
except blpteach.InputError as error:
    print(error)

# %% [markdown]
# So what tells tastes apart in the cereals? Two things differ between markets: **who lives there**, and **prices**. If
# markets with more children sell more sugary cereals, net of what the product sells everywhere, children like sugar.
# That identifies $\Pi$. The unobserved $\Sigma$ needs more: the *same* cereal beside rivals that attract more in one
# market than in another. As the rivals are the same, only their prices and the people who like them can make them
# attract more. Both differ little.

# %%
demographics = types.groupby("market_ids")[["income", "age", "child"]].mean()
price_within = cereal.groupby("product_ids")["prices"].std().mean()
assert np.allclose(demographics.std(), [0.289, 0.199, 0.098], atol=1e-3)
assert abs(price_within - 0.0195) < 1e-4
print("standard deviation between markets:", demographics.std().round(2).to_dict())
print(f"price of a product: {price_within:.3f}, at a mean price of {cereal['prices'].mean():.3f}")

# %% [markdown]
# Remember lesson 04: the unobserved tastes for sugar and mushy could not be told from zero there. Now you know where
# to look for the reason.
#
# The rest of the lesson needs an economy with a known truth whose choice sets vary. The library makes one with 4 to 12
# products a market, sold by four firms that know $\xi$ when they set prices. Each product has a characteristic `x`, a
# dummy `group`, and two cost shifters `w0` and `w1` that have nothing to do with $\xi$. The only taste that differs is
# that for `x`, with $\sigma = 1$ (`SIGMA`). We choose where `x` lies: uniform, within 1.5 of a `centre`.

# %%
blpteach.show(plots.truth_around)

# %% [markdown]
# The constants of mean utility (`beta`) and of cost (`gamma`) make up for the centre: both depend on $x$ less the
# centre. So moving the centre moves *nothing* but the products' distance from the outside good.

# %% tags=["build"]
def economy(centre, markets=100):
    """Products (N, ...) and agents (A, ...) with x uniform within 1.5 of the centre; sigma is 1."""
    return blpteach.simulate(plots.truth_around(centre), T=markets, J=(4, 12), I=20, seed=0,
                             x=(centre - 1.5, centre + 1.5))    # two tables

# %%
around_zero, _ = economy(0.0)
positive, _ = economy(1.5)
assert np.allclose(around_zero["xi"], positive["xi"])
assert np.allclose(positive["x"] - around_zero["x"], 1.5)
positive[["market_ids", "firm_ids", "x", "group", "w0", "w1", "prices", "shares"]].head(3).round(3)

# %%
outside = [1 - table.groupby("market_ids")["shares"].sum().mean()
           for table in (around_zero, positive)]
assert np.allclose(outside, [0.577, 0.590], atol=1e-3)
print(f"mean share of the outside good: {outside[0]:.2f} around zero, {outside[1]:.2f} from 0 to 3")

# %% [markdown] minutes=4 ask="Why do rivals' characteristics move a product's price, and why should they not move its xi?"
# ### Sums over the others
#
# Berry, Levinsohn and Pakes use sums of characteristics over the firm's other products and over rivals' products:
#
# $$z^{\text{own}}_{jt} = \sum_{l \ne j,\; f(l) = f(j)} x_{lt}, \qquad z^{\text{rivals}}_{jt} = \sum_{f(l) \ne f(j)} x_{lt}, \tag{7.1}$$
#
# where $f(j)$ is the firm that sells $j$ (`firm_ids`) and sums run within market $t$. With a constant among the
# characteristics the products themselves are counted. They are valid if firms choose characteristics before they know
# $\xi$. They move markups, hence price, and they move $\sum_l S_l x_l$, hence $K$.

# %% tags=["parameters"]
column = "space"

# %% tags=["build"]
def sums(table, name):
    """(7.1): sums of a column over the firm's other products and over rivals', (N, 2)."""
    x = table[name]
    firm = x.groupby([table["market_ids"], table["firm_ids"]]).transform("sum")
    market = x.groupby(table["market_ids"]).transform("sum")
    return np.column_stack([firm - x, market - firm])           # (N, 2)

# %%
library = blpteach.blp_instruments(autos, "1 + hpwt + air + mpd + space")
assert np.allclose(library[[f"own({column})", f"rivals({column})"]], sums(autos, column))
library.head(3).round(2)

# %% [markdown]
# Ten columns from five characteristics. The library's lines:

# %%
blpteach.show(blpteach.blp_instruments)

# %% [markdown] minutes=5 ask="Two cars as far apart as a typical pair: nearer than a standard deviation of the characteristic, or not?"
# ### Distances
#
# Sums say what the rivals are. They don't say how *near* they are to this product. Gandhi and Houde's
# **differentiation instruments** do. With the distance $d_{jlk} = x_{jk} - x_{lk}$ in characteristic $k$,
#
# $$z^{\text{quadratic}}_{jk} = \sum_{l} d_{jlk}^2, \qquad
# z^{\text{local}}_{jk} = \sum_{l \ne j} 1\{|d_{jlk}| < \mathrm{sd}_k\}, \tag{7.2}$$
#
# again over the firm's other products and over rivals separately. *Quadratic* is large where the product is far from
# the others. *Local* counts the neighbours. Who is a neighbour? The standard deviation $\mathrm{sd}_k$ is that of the
# *distances*: all pairs of products of the same market, over all markets together. The distances of a pair
# in both directions count, so their mean is zero.

# %% tags=["parameters"]
named = "hpwt"

# %% tags=["build"]
def distances(x, markets):
    """`d[j, l] = x_j - x_l` for all rows, (N, N), NaN where l is j or in another market."""
    d = x[:, None] - x
    d[(markets[:, None] != markets) | np.eye(len(x), dtype=bool)] = np.nan
    return d                                                    # (N, N)

# %% tags=["build"]
def squared_distances(x, markets, firms):
    """(7.2), quadratic: sum of squared distances to rivals' products, (N,)."""
    rival = firms[:, None] != firms
    return np.nansum(rival * distances(x, markets)**2, axis=1)  # (N,)

# %%
quadratic = blpteach.differentiation_instruments(autos, f"0 + {named}", version="quadratic")
local = blpteach.differentiation_instruments(autos, f"0 + {named}")
keys = [autos[name].to_numpy() for name in (named, "market_ids", "firm_ids")]
assert np.allclose(squared_distances(*keys), quadratic.iloc[:, 1])
quadratic.join(local).head(3).round(3)

# %% [markdown]
# (The firm's own products come first, then rivals'. The counts you program in Exercise 7.3.) How wide is the neighbourhood?

# %%
spread = np.nanstd(distances(*keys[:2]))
ratio = spread / autos.groupby("market_ids")[named].transform(lambda x: x - x.mean()).std()
assert abs(ratio - np.sqrt(2)) < 0.02
print(f"sd of distances over sd of {named} within markets: {ratio:.3f}")

# %% [markdown]
# About $\sqrt 2$: a distance has the variance of two products. The threshold is a convention, not a theorem. PyBLP and this
# library take the distances'. Who takes the characteristic's own standard deviation draws the neighbourhood smaller, and
# gets other instruments: say which.

# %% [markdown] minutes=4 ask="A cereal is advertised on national television. What happens to its price in the other cities?"
# ### Costs, and prices elsewhere
#
# **Cost shifters** (wages, input prices, distance to the plant, exchange rates) are the first choice for price. They
# are hard to find at the level of a product. Hausman's idea: the same product in other cities has the same cost. So
# take its average price elsewhere,
#
# $$z_{jct} = \frac{1}{C - 1} \sum_{c' \ne c} p_{jc't}, \tag{7.3}$$
#
# for product $j$ in city $c$ of $C$ cities at time $t$. You program it in Exercise 7.4; until then
# `blpteach.other_market_prices` does it.
#
# It is valid if prices elsewhere move with $j$'s cost and *not* with $j$'s demand here. A national advertising
# campaign moves demand everywhere, and all prices. Try it: 40 cities, 40 weeks, demand $y = -p + \xi$. The price is cost,
# which all cities share, plus $\xi/2$, plus noise. `national` is the share of the variance of $\xi$ that all cities have in
# common.
#
# **Before you run the next cells:** can the instrument do worse than least squares, which uses none? At which share?

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
rng = np.random.default_rng(0)
medians = {share: np.median([slopes_of(share, rng) for _ in range(repetitions)], axis=0)
           for share in national_shares}
hausman = pd.DataFrame(medians, ["other cities' prices", "least squares"]).T.rename_axis("national")
hausman.round(3)

# %%
assert np.allclose(hausman.iloc[:, 0], [-1, -0.866, -0.757, -0.601], atol=0.02)
assert np.allclose(hausman.iloc[:, 1], -0.655, atol=0.01)

# %% [markdown]
# With local demand shocks the instrument finds $-1$. With shocks that are all national it is worse than no instrument,
# for it keeps the part of price that moves with $\xi$ and averages away the noise. (Exercise 7.5 finds the share from
# which on.) No F statistic shows this. Nevo (2001) says what would break it, a national demand shock or advertising
# coordinated over a region, why he thinks that small for cereals, and what cost proxies by city give instead. That
# argument is the instrument.
#
# And relevance? Try it on the cereals' two quarters:

# %%
elsewhere = blpteach.other_market_prices(cereal, "city_ids", ["product_ids", "quarter"])
by_hausman = blpteach.Problem(cereal.assign(elsewhere=elsewhere), linear="0 + prices",
                              absorb="product_ids", instruments=["elsewhere"]).estimate()
F_hausman = conditional_F(by_hausman).loc["beta[prices]", "F"]
assert abs(F_hausman - 3.66) < 0.02 and abs(by_hausman.beta[0] - -58.26) < 0.05
print(f"F {F_hausman:.2f}, price coefficient {by_hausman.beta[0]:.1f} "
      f"({by_hausman.beta_se[0]:.1f})")

# %% [markdown]
# Net of product effects, an average over 46 cities has little more than two values a product, one a quarter. (What more
# it has is mechanical: leaving out a dear city lowers the average.) That is too little
# to work with. Nevo had 20 quarters, and the 20 instruments that come with these tables are richer than this one.

# %% [markdown] minutes=5 ask="Eight moments, five parameters. Is sigma identified?"
# ### Counting moments is not identification
#
# Now estimate $\sigma$ in the economy around zero. First with cost shifters alone. There are only two, so add their squares
# and their product. Then with the two quadratic instruments in place of the three. Both in two steps, so with
# efficient weights.
#
# **Before you run the next cells:** the first has the more moments. Will it have the smaller standard error of
# $\sigma$?

# %% tags=["parameters"]
here = 0.0
on_a_grid = np.linspace(0, 3, 151)

# %%
products, agents = economy(here)
squares = products.eval("c00 = w0 * w0\nc11 = w1 * w1\nc01 = w0 * w1")[["c00", "c11", "c01"]]
by_sums = blpteach.blp_instruments(products, "0 + x")
by_squares = blpteach.differentiation_instruments(products, "0 + x", version="quadratic")
table = products.join([squares, by_sums, by_squares])

# %% tags=["build"]
def model(table, agents, names, linear="1 + prices + x + group"):
    """Problem (N, M): one random coefficient, on x; instruments: costs and those named."""
    return blpteach.Problem(table, agents, linear=linear, random="0 + x",
                            instruments=["w0", "w1", *names])   # K2 = 1, three columns of nodes

# %%
start = [[0, 0.5, 0]]                           # sigma (1, 3): only nodes1, tastes for x, is used
costs_only = model(table, agents, list(squares)).estimate(start, steps=2)
with_x = model(table, agents, list(by_squares)).estimate(start, steps=2)
two = {"costs only": costs_only, "costs and distances": with_x}
rows = {name: [e.problem.M, e.problem.K1 + 1, e.sigma[0, 1], e.sigma_se[0, 1]]
        for name, e in two.items()}

# %%
assert np.allclose(rows["costs only"], [8, 5, 1.190, 0.804], atol=2e-3)
assert np.allclose(rows["costs and distances"], [7, 5, 0.984, 0.0878], atol=2e-3)
pd.DataFrame(rows, ["moments M", "parameters K1 + P", "sigma", "standard error"]).T.round(3)

# %% [markdown]
# How much do the data say? Lesson 03 drew the objective. Do it for $\sigma$: fix it at a value, estimate all else
# anew,
#
# $$q_k(v) = \min_{\theta:\; \theta_k = v} q(\theta). \tag{7.4}$$
#
# That is the **profile** of the objective. With efficient weights $q_k(v) - q(\hat\theta)$ is, at the true value and in
# large samples, $\chi^2$ with one degree of freedom, if the parameter is well identified. So values where it exceeds
# 3.84 are ruled out, at 5 percent.
#
# **Before you run the next cells:** draw the two curves.

# %%
along = {name: profile(e, "sigma[x, nodes1]", on_a_grid)["objective"] - e.objective
         for name, e in two.items()}
picture = plots.Profiles(on_a_grid, along, "σ", truth=1.0)
picture

# %%
kept = {name: on_a_grid[rise <= 3.84] for name, rise in along.items()}
assert np.allclose(kept["costs only"][[0, -1]], [0, 2.50], atol=0.021)
assert np.allclose(kept["costs and distances"][[0, -1]], [0.82, 1.14], atol=0.021)
print({name: f"{values[0]:.2f} to {values[-1]:.2f}" for name, values in kept.items()})

# %% [markdown]
# > **A common error.** "Price is what is endogenous, so price is what needs instruments", and "with $M \ge K_1 + P$ the
# > model is identified". With costs only there are eight moments for five parameters, and price is instrumented
# > strongly: its F is 206. For $\sigma$ nothing is ruled out between 0 and 2.5. The order condition is necessary. What
# > decides is the rank, and by how much it holds: whether instruments *move* $\partial\delta/\partial\sigma$, and not only
# > together with price.
#
# A flat curve warns of itself. Where identification is weak, $\chi^2$ and standard errors are poor approximations,
# and 0 to 2.5 is no interval of 95 percent. (Tests that hold up there take $q$ with the weights that are efficient at
# the value tested: Stock and Wright, *Econometrica* 2000.) Now the F:

# %%
F_costs = conditional_F(costs_only)
assert np.allclose(F_costs["F"], [206.1, 2.75], rtol=0.01)
F_costs[["F", "conditional_F"]].round(1)

# %% [markdown]
# The table has the first-stage F of both endogenous regressors, price and $\partial\delta/\partial\sigma$ at the estimate. (What
# *conditional* means comes below.) A product's own costs say a lot about its price, and little about who its neighbours
# are.

# %% [markdown] minutes=6 ask="Sums or distances: which will find sigma when x lies around zero, and which when x is positive?"
# ### Sums or distances? A race
#
# One sample proves nothing. Take 80 samples of 20 markets from the economy, and estimate $\sigma$ in each, twice: by sums (7.1), and
# by squared distances (7.2), both beside the two cost shifters, among values from 0 to 3. First with $x$ between $-1.5$
# and $1.5$. (Seed 0. Each race takes two or three seconds.)
#
# Each histogram comes with its median bias, the width of the middle half of the estimates, the share of estimates at an
# end of the range, and the median conditional F of $\sigma$ at its true value.
#
# **Before you run the next cell:** which histogram will be narrower?

# %% tags=["parameters"]
left = "sums"
right = "quadratic"

# %%
race = plots.TwoSets(centre=0.0, left=left, right=right)
race

# %%
numbers = {"x around zero": race.numbers()}
at_zero = numbers["x around zero"]
assert np.allclose(at_zero["quadratic"], [0.01, 0.27, 0, 47.5], rtol=0.05, atol=0.05)
assert np.allclose(at_zero["sums"], [-0.19, 1.52, 0.25, 0.82], rtol=0.05, atol=0.05)
assert (race.found["left"].sigma == 0).mean() > at_zero["sums"][2] / 2

# %% [markdown]
# No contest. One estimate in four by sums is at an end of the range that was searched, most of these at zero: no
# differences in taste, says the computer. Now add 1.5 to every $x$. The products are the same distances apart as before,
# they have the same $\xi$ and the same costs, and they sell about as much.
#
# **Before you run the next cell:** which histogram changes?

# %%
race = plots.TwoSets(centre=1.5, left=left, right=right)
race

# %%
numbers["x from 0 to 3"] = race.numbers()
moved = numbers["x from 0 to 3"]
assert np.allclose(moved["sums"], [-0.065, 0.32, 0.01, 24.7], rtol=0.05, atol=0.05)
assert np.allclose(moved["quadratic"], [-0.10, 0.70, 0.09, 2.5], rtol=0.1, atol=0.05)

# %%
rows = {(design, name): values for design, found in numbers.items()
        for name, values in found.items()}
columns = ["median bias", "middle half spans", "at 0 or 3", "median conditional F"]
pd.DataFrame(rows, columns).T.round(2)

# %% [markdown]
# > **A common error.** "Differentiation instruments are better than BLP's." Around zero they are, by far: the middle half
# > of the estimates is more than five times as narrow. From 0 to 3 it is the sums, by a factor of two, and nearly one
# > estimate in ten by squared distances is at an end of the range.
#
# The distances between products did not change. So the quadratic instruments are the same numbers in both economies.
# What did change?

# %% [markdown] minutes=4 ask="What did adding 1.5 to every x change, if not the distances between products?"
# ### Why: the outside good has a place too
#
# Write $x_j = m + u_j$ with centre $m$. Then $\sigma x_j \nu_i = \sigma m\, \nu_i + \sigma u_j \nu_i$. Moving the centre adds a taste for *any*
# product over none. Lesson 01 called that a random coefficient on the constant. It shows in how the whole
# market grows when products are added. Sums see that: with positive $x$ they count rivals. Distances between products
# don't see the outside good at all.
#
# The two parts of $K_j$ say the same. How much does each vary, net of the other columns of $X_1$?

# %% tags=["build"]
def net_of(columns, y):
    """Residuals of y, (N,) or (N, m), after a regression on the columns, (N, K)."""
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]     # as y

# %% tags=["parameters"]
centres = {"x around zero": 0.0, "x from 0 to 3": 1.5}

# %%
def two_parts(table):
    """x^2 / 2 and x sum_l S_l x_l, net of 1, x, group: (N, 2)."""
    inside = (table["shares"] * table["x"]).groupby(table["market_ids"]).transform("sum")
    exogenous = np.column_stack([np.ones(len(table)), table[["x", "group"]]])
    return net_of(exogenous, np.column_stack([table["x"]**2 / 2, table["x"] * inside]))

# %%
parts = {name: two_parts(economy(centre)[0]) for name, centre in centres.items()}
spreads = pd.DataFrame({name: part.std(0) for name, part in parts.items()},
                       ["own place: x²/2", "the others: x Σ S x"])
assert np.allclose(spreads, [[0.335, 0.335], [0.130, 0.391]], atol=2e-3)
spreads.round(3)

# %% [markdown]
# Around zero, most of what $\sigma$ moves is whether a product is at the edge of the range. From 0 to 3 the larger part is
# how strongly the *others* attract. Now what do the instruments have to do with the two parts? Correlations, net of the
# same columns, with $x$ from 0 to 3:

# %%
exogenous = np.column_stack([np.ones(len(positive)), positive[["x", "group"]]])
from_x = pd.DataFrame(plots.instrument_sets(positive)["sums and quadratic"][:, [3, 5]],
                      columns=["rivals' sum of x", "rivals' squared distances"])
r = np.corrcoef(net_of(exogenous, from_x).T, parts["x from 0 to 3"].T)[:2, 2:]
assert np.allclose(r, [[-0.03, 0.58], [0.62, 0.23]], atol=0.015)
pd.DataFrame(r, from_x.columns, spreads.index).round(2)

# %% [markdown]
# Sums measure the second part and nothing of the first. Squared distances rise with both. (Over all others,
# $\sum_l (x_j - x_l)^2 = (J_t - 1)\, x_j^2 - 2 x_j \sum_{l \ne j} x_l + \sum_{l \ne j} x_l^2$.) With the first they rise at the edges,
# with the second in crowded markets. But in $K$ the two parts stand with opposite signs. So an edge product and a crowded
# market look alike to this instrument, and opposite to $\sigma$. Around zero the second part is small, and the
# confusion with it.
#
# The first stages, drawn: $\partial\delta/\partial\sigma$ at the truth against what each set of instruments predicts.
#
# **Before you run the next cells:** in which two of the four panels will the cloud follow the line?

# %%
def first_stage(centre, name):
    """What the instruments predict of d delta / d sigma at the truth, and what it is, net."""
    products, agents = economy(centre)
    Z = plots.instrument_sets(products)[name]
    here = model(products, agents, []).evaluate([[0, 1.0, 0]])
    Z, slope = (net_of(here.problem.X1[:, [0, 2, 3]], v) for v in (Z, delta_slopes(here)[:, 0]))
    return Z @ np.linalg.lstsq(Z, slope, rcond=None)[0], slope

# %%
seen = plots.Predicted({(design, name): first_stage(centre, name)
                        for design, centre in centres.items() for name in ("sums", "quadratic")})
seen

# %%
assert np.allclose(list(seen.R2.values()), [0.009, 0.507, 0.393, 0.080], atol=3e-3)

# %% [markdown]
# What to use, then, if you don't know? Both. Or counts of neighbours, which change least.

# %%
finalists = {(design, name): [found.spread, np.median(found.F)]
             for design, centre in centres.items()
             for name, found in plots.experiment(centre).items() if name in plots.SETS[2:]}
finalists = pd.DataFrame(finalists, columns[1::2]).T
assert finalists.iloc[:, 0].between(0.2, 0.5).all() and (finalists.iloc[:, 1] > 18).all()
finalists.round(2)

# %% [markdown]
# Together they do well in both economies. The price is more moments, and with many moments a small sample brings a bias of its own.

# %% [markdown] minutes=4 ask="Mean utility bends in x: what would you see in the shares that sigma would also explain?"
# ### Rivals, or the shape of mean utility?
#
# One thing is left to settle. Around zero the squared distances were strong because they measure $x_j^2/2$, the
# product's *own* place. An edge product has fans, so its mean utility is lower than the logit says. But a mean utility
# that bends, with a term in $x^2$, looks the same. Only the other part of $K$, the rivals, could tell the two apart.
# But we *assumed* that mean utility is a straight line in $x$: that is the thin reed from above. How much hangs on it?
#
# So do two things. Take $x^2$ itself as the only instrument beside costs, without a look at any rival. Then let
# mean utility bend: put $x^2$ into $X_1$. (Its true coefficient is zero.)
#
# **Before you run the next cells:** sums won from 0 to 3, distances around zero. Whose standard error will grow when
# $x^2$ is admitted?

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
# > **A common error.** "A strong first stage for $\sigma$ means that substitution identifies it." Around zero
# > $x^2$ alone has a standard error of 0.07 and has seen no rival. Let mean utility bend, and that of distances is five times
# > as large: 0.44 in place of 0.09. There most of what we knew of $\sigma$ came from an assumption. From 0 to 3 sums
# > have 0.11 with $x^2$ and without. There it came from rivals.
#
# So around zero neither set had an easy task: how much rivals attract varies little there. And a straight line is an
# exclusion like any other. (7.5), which comes next, makes full use of it. In a paper, put the squares in and say what
# remains.

# %% [markdown] minutes=5 ask="If the ideal instrument is the derivative of xi itself, why can't we use that derivative?"
# ### The best instruments, nearly
#
# There is a way to have the best of all sets in one column. If $\mathrm{E}[\xi \mid \text{exogenous data}] = 0$, every function of the exogenous data is a valid instrument. Chamberlain (1987)
# showed which ones give the smallest asymptotic variance: the *expected* derivatives of $\xi$ in the parameters, over the
# conditional variance of $\xi$,
#
# $$z_{jt} = \mathrm{E}\Big[\frac{\partial \xi_{jt}}{\partial \theta}\,\Big|\,\text{exogenous data}\Big] \Big/ \mathrm{var}(\xi_{jt}). \tag{7.5}$$
#
# That is the ideal first stage: not some columns that may predict $\partial\delta/\partial\sigma$, but its expectation. The derivative
# itself won't do, since it contains $\xi$. The expectation needs values of $\theta$: take a first estimate. And one
# shortcut: in place of averaging over $\xi$, put $\xi = 0$ and prices at their expected values. Hence *approximately* optimal.
# (The variance is taken as the same for all products, so that dividing by it changes units only. With a cost equation there
# is a column for each equation, and the variance becomes a covariance matrix.)
#
# In code: fitted prices of the first stage into $X_1$; then, block by block, mean utility $x_1'\hat\beta$ without $\xi$, the choice
# probabilities and buyers that go with it, and lesson 02's `delta_jacobian`.

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
quadratic = blpteach.differentiation_instruments(products, "0 + x", version="quadratic")
first = model(products.join(quadratic), agents, list(quadratic)).estimate(start)
best = first.optimal_instruments()
assert np.allclose(best.demand.iloc[:, 0], expected_slopes(first))
best.demand.head(3).round(3)

# %% [markdown]
# The second column stands in for price: its expected value. `best.problem` is the model with these two in place of all
# excluded instruments. There are now as many moments as parameters.
#
# **Before you run the next cells:** the first estimate came from instruments that are weak here. What will the
# objective be, and what the standard error?

# %%
second = best.problem.estimate(first.sigma)
rows = {name: [e.sigma[0, 1], e.sigma_se[0, 1], e.problem.M, round(e.objective, 9)]
        for name, e in {"quadratic": first, "optimal": second}.items()}
assert np.allclose(rows["quadratic"][:2], [1.188, 0.313], atol=2e-3) and second.objective < 1e-12
assert np.allclose(rows["optimal"][:2], [1.047, 0.0839], atol=2e-3)
pd.DataFrame(rows, ["sigma", "standard error", "moments", "objective"]).T.round(3)

# %% [markdown]
# The objective is zero: with five moments and five parameters all moments can vanish. Nothing is left to test, so
# compute $J$ before this step. The standard error is about a quarter of what it was. The model is the same, the data are the same.
#
# How good must the first estimate be? Take the worst case: sums, around zero.

# %%
products, agents = economy(0.0)
only_sums = blpteach.blp_instruments(products, "0 + x")
poor = model(products.join(only_sums), agents, list(only_sums))
weak = poor.estimate(start)
assert np.allclose([weak.sigma[0, 1], weak.sigma_se[0, 1]], [-0.137, 8.15], atol=0.02)
print(f"sigma {weak.sigma[0, 1]:.3f}, standard error {weak.sigma_se[0, 1]:.1f}")

# %% [markdown]
# This estimate knows nothing. But what (7.5) needs is *a value*, not a good one. Make the instruments at four values of
# $\sigma$, right and wrong ones, estimate with each, and once more with instruments made at the new estimate. The truth is 1.
#
# **Before you run the next cells:** what do instruments made at a wrong $\sigma$ cost: bias, or precision?

# %%
def round_from(here, begin=0.5):
    """Estimates with optimal instruments made at `here`; the search begins at sigma = begin."""
    return here.optimal_instruments().problem.estimate([[0, begin, 0]])

# %%
rounds = {}
for value in made_at:
    once = round_from(poor.evaluate([[0, value, 0]]))
    pair = [once, round_from(once)]
    rounds[value] = [x for e in pair for x in (e.sigma[0, 1], e.sigma_se[0, 1])]

# %%
rounds = pd.DataFrame(rounds, ["sigma", "se", "sigma, second round", "se, second round"]).T
assert np.allclose(rounds["sigma"], [0.867, 0.953, 0.965, 0.970], atol=3e-3)
assert np.allclose(rounds.iloc[[0, 2], 1], [0.125, 0.066], atol=1e-3)
assert np.allclose(rounds.iloc[:, 2:], [0.963, 0.066], atol=2e-3)
rounds.rename_axis("instruments made at sigma =").round(3)

# %% [markdown]
# Precision. At any fixed value (7.5) is a function of exogenous data, hence valid. Far from the truth it is no longer
# the *best* function: the standard error is up to nearly twice as large, and says so. The second round repairs it. (At an estimate
# the value depends on the sample, which matters little in large ones.)
#
# So let the computer go on from where it stands, at $-0.137$.
#
# **Before you run the next cell:** tastes $\sigma\nu_i$ with normal $\nu_i$ are the same for $\sigma$ and $-\sigma$. Where can
# five moments in five parameters be zero?

# %%
ends = {begin: round_from(weak, begin) for begin in (round(weak.sigma[0, 1], 3), 0.5)}
roots = {begin: [e.sigma[0, 1], e.sigma_se[0, 1], abs(round(e.objective, 9))]
         for begin, e in ends.items()}
assert np.allclose(list(roots.values()), [[-0.745, 0.082, 0], [1.021, 0.0955, 0]], atol=2e-3)
pd.DataFrame(roots, ["sigma", "standard error", "objective"]).T.rename_axis("search from").round(3)

# %%
after = ends[min(ends)]                                         # the negative root
for _ in range(2):
    after = round_from(after, after.sigma[0, 1])
assert abs(after.sigma[0, 1] - -0.908) < 3e-3
print(f"two rounds later: {after.sigma[0, 1]:.3f} ({after.sigma_se[0, 1]:.3f})")

# %% [markdown]
# Two roots, and the objective is zero at both. With infinitely many types they would be mirror images. With 20 types, which
# don't lie symmetrically, the mirror image is a slightly wrong model: $0.745$ is three of its standard errors from 1, and
# further rounds stay on that side. No test tells, for nothing is left to test.
#
# > **A common error.** "The objective is zero, so this is the minimum." A model with as many moments as parameters has
# > objective zero at *every* root. Start from several values, and say which sign you mean. (PyBLP keeps $\sigma \ge 0$ by
# > default, where its search can.)

# %% [markdown] minutes=5 ask="First-stage F of price in the cereals: 2790. Is the price coefficient well identified?"
# ### Weak in company
#
# With several endogenous regressors each may have a large F of its own, and still the instruments may not tell them
# apart. The **conditional F** of Sanderson and Windmeijer (2016) asks about one regressor *given the others*. Take all
# columns net of the exogenous ones. Regress column $y_k$ on the other endogenous columns $Y$ by 2SLS, which leaves
# $e$. Then ask how much the $m$ excluded instruments explain of $e$:
#
# $$F_k = \frac{e'P_Z\,e \,/\, (m - n + 1)}{e'(I - P_Z)\,e \,/\, df}, \qquad e = y_k - Y\,b_{\text{2SLS}}, \tag{7.6}$$
#
# where $n$ counts endogenous regressors, $P_Z$ projects on the instruments, and $df$ are the residual degrees of freedom. The 2SLS regression uses up $n - 1$ of the
# instruments. (The library has a robust version too, and takes it by default.) You write it yourself in Exercise 7.6.
#
# The cereal model has 14 endogenous regressors: price and 13 columns of $\partial\delta/\partial\theta_2$. Alone, each has
# an F above 20.
#
# **Before you run the next cells:** which parameters will have the smallest conditional F? Think of the valley of
# lesson 04.

# %% tags=["parameters"]
kind = "robust"

# %%
from blpteach.examples import cereal as cereal_example

problem, begin = cereal_example()
estimates = problem.estimate(**begin)
F = conditional_F(estimates, kind)
F[["F", "conditional_F", "conditional_df"]].sort_values("conditional_F").round(1)

# %%
F_price = F.loc["beta[prices]", ["F", "conditional_F"]].astype(float)
assert np.allclose(F_price, [2790, 3.66], rtol=5e-3) and F["F"].min() > 20

# %% [markdown]
# Price has an F of 2,790 alone and of 3.7 in company. The two that share its fate are income and income squared *times
# price*: the valley of lesson 04, where these move together and the price coefficient with them. The conditional F finds it
# without drawing.
#
# > **A common error.** "20 moments for 14 parameters, so it is identified" and "F above 10, so instruments are strong".
# > Both hold here, and the price coefficient has a standard error of 14.8.
#
# A small conditional F says that *some* combination is weak, and doesn't say who suffers. Look back at costs only:
# there price had 2.1 in company too. Yet its coefficient was estimated well. What the costs did not move was the
# other column, and 2SLS on a column that doesn't move fits anything.

# %%
assert np.allclose(F_costs["conditional_F"], [2.07, 1.34], atol=0.02)
assert np.allclose([costs_only.beta[1], costs_only.beta_se[1]], [-1.946, 0.120], atol=2e-3)
print(f"costs only: price coefficient {costs_only.beta[1]:.2f} ({costs_only.beta_se[1]:.2f})")

# %% [markdown]
# Two more dials to read. The **singular values** of the Jacobian of the moments, $W^{1/2}G$ with columns scaled to
# length one, say whether a combination of parameters leaves the moments unmoved; the **condition** is the largest over
# the smallest. And the profile shows what a standard error hides.

# %%
assert abs(estimates.condition - 547) < 3
print("smallest singular values:", estimates.singular_values[-3:].round(4),
      f" condition {estimates.condition:.0f}")

# %%
name, values = "pi[prices, income_squared]", np.array([-60, -45, -30, -15, 0])
valley = profile(estimates, name, values).set_index("value")
assert np.allclose(valley["objective"], [7.035, 5.370, 4.562, 6.669, 15.385], atol=2e-3)
assert np.allclose(valley["beta[prices]"].iloc[[0, -1]], [-91.5, -32.0], atol=0.1)
valley[["objective", "beta[prices]", "pi[prices, income]"]].round(2)

# %% [markdown]
# While one parameter goes from $-60$ to $0$ the price coefficient goes from $-92$ to $-32$. Is the rise of the objective
# on the way large or small? With the weights of one step there is no scale for it. With those of two steps 3.84 is the
# mark (a rough one, where identification is weak):

# %%
efficient = problem.estimate(begin["sigma"], begin["pi"], steps=2)
fine = profile(efficient, name, np.arange(-60, 1, 5)).set_index("value")
fine["rise"] = fine["objective"] - efficient.objective
ends = fine.loc[[-60, -45, -15, -10, 0], ["rise", "beta[prices]"]]
assert np.allclose(ends["rise"], [2.95, 1.11, 1.77, 4.02, 10.56], atol=0.05)
assert np.allclose(ends["beta[prices]"].iloc[[0, 2]], [-92.6, -46.7], atol=0.1)
ends.round(2)

# %% [markdown]
# Zero is far above the mark. All from $-60$ to $-15$ is below it, and with it price coefficients from $-93$
# to $-47$.
#
# The condition number is no F: it takes the sample's derivatives as if they were expected ones. In the economy around
# zero, sums have a condition of 72, which looks harmless, and a conditional F below one.

# %%
weak_F = conditional_F(weak).loc["sigma[x, nodes1]", "conditional_F"]
assert abs(weak.condition - 72.2) < 1 and weak_F < 1
print(f"sums around zero: condition {weak.condition:.0f}, conditional F of sigma {weak_F:.2f}")

# %% [markdown]
# What to do when identification is weak?
#
# 1. *Find the variation.* Better instruments from the same table (7.2), (7.5); more markets; cost data; second choices of consumers.
# 2. *Add equations.* The pricing equations of supply (lesson 09).
# 3. *Ask for less.* Drop what can't be told apart. Without income squared times price the condition falls to 25, the price coefficient to $-32.0$ (2.3).
# 4. *Report what is determined*, such as elasticities, and show the profile for what isn't.

# %%
pi = begin["pi"].copy()
pi[1, 1] = 0
simpler = problem.estimate(begin["sigma"], pi)
by_optimal = estimates.optimal_instruments().problem.estimate(estimates.sigma, estimates.pi)
again = by_optimal.optimal_instruments().problem.estimate(by_optimal.sigma, by_optimal.pi)

# %%
four = {"all 13": estimates, "without income squared": simpler,
        "all 13, optimal": by_optimal, "all 13, second round": again}
rows = {name: [e.beta[0], e.beta_se[0], e.condition] for name, e in four.items()}
assert np.allclose(rows["without income squared"], [-32.02, 2.30, 25.5], atol=0.1)
assert np.allclose(rows["all 13, optimal"][:2], [-31.40, 4.53], atol=0.05)
assert np.allclose(rows["all 13, second round"][:2], [-32.28, 2.73], atol=0.05)
pd.DataFrame(rows, ["price coefficient", "standard error", "condition"]).T.round(2)

# %% [markdown]
# The second row is precise because zero was imposed, and the profile speaks against zero. Asking for less has a price:
# say so.
#
# The last rows have all 13 parameters and optimal instruments: $-31.4$ (4.5) after one round, $-32.3$ (2.7) after two.
# Lesson 04's two Nevos have become three. The data are artificial and their truth isn't published, so nobody can say
# which is right. On real data such a table would be the finding.

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
assert np.allclose(tastes["estimate"], [-2.010, 0.116, 0.499], atol=2e-3)
unweighted = np.linalg.lstsq(X, effects, rcond=None)[0]
assert unweighted[2] < -0.3
tastes.assign(unweighted=unweighted).round(3)

# %% [markdown]
# The last column is least squares. It has another sign for mushy. Both take $d_j = x_j'\theta$ plus an error that has
# nothing to do with $x_j$. (7.8) takes more: that the error is the *estimation* error of $d_j$, with covariance $V$.
#
# **Before you run the next cell:** if that were so, $(d - X\hat\theta)'V^{-1}(d - X\hat\theta)$ would be $\chi^2$ with
# $24 - 3 = 21$ degrees of freedom. How large do you think it is?

# %%
assert abs(tastes.attrs["chi2"] - 1465.7) < 3 and tastes.attrs["df"] == 21
print(f"chi-square {tastes.attrs['chi2']:.0f} on {tastes.attrs['df']} degrees of freedom")

# %% [markdown]
# So there is plenty of unobserved quality in the effects, which no estimation error explains. Then $V^{-1}$ weights by
# the wrong thing, and the standard errors are too small. And 24 products are 24 observations: whether sugar is
# correlated with unobserved quality no instrument in this table can say.

# %% [markdown] minutes=2 ask="Which of these checks would have caught an error in the code of the race?"
# ## Check it
#
# The race inverted shares at 13 values of $\sigma$ and interpolated the moments between them. Does that agree with the
# library's search, sample by sample?

# %% tags=["parameters"]
sample = 0

# %%
products, agents = (table[table["market_ids"] // 20 == sample] for table in economy(1.5, 80 * 20))
by_sums = blpteach.blp_instruments(products, "0 + x")
by_squares = blpteach.differentiation_instruments(products, "0 + x", version="quadratic")
products = products.join([by_sums, by_squares])

# %%
names = {"sums": list(by_sums), "quadratic": list(by_squares)}
compared = pd.DataFrame({name: [model(products, agents, columns).estimate(start).sigma[0, 1],
                                plots.experiment(1.5)[name].sigma[sample]]
                         for name, columns in names.items()}, ["searched", "raced"])
assert np.ptp(compared.to_numpy(), axis=0).max() < 0.01
compared.round(2)

# %% [markdown]
# A profile at zero is the estimate of the model without the parameter: lesson 04's way to fix it.

# %%
assert np.isclose(valley.loc[0, "objective"], simpler.objective, rtol=1e-6)
print(f"{valley.loc[0, 'objective']:.4f} {simpler.objective:.4f}")

# %% [markdown]
# With one endogenous regressor nothing is to be conditioned on, and (7.6) is the F of lesson 03. There it was 47.9 with
# unadjusted errors, and 15.9 clustered. (The library's clustered F has a small-sample factor that lesson 03 left out.)

# %%
logit = blpteach.Problem(autos, linear="1 + hpwt + air + mpd + space + prices",
                         clusters="clustering_ids").estimate()
both_F = {errors: float(conditional_F(logit, errors)["conditional_F"].iloc[0])
          for errors in ("unadjusted", "clustered")}
assert np.allclose(list(both_F.values()), [47.89, 15.77], atol=0.02)
print({errors: round(value, 1) for errors, value in both_F.items()})

# %% [markdown]
# Last, the whole road: instruments, estimates, optimal instruments, estimates again. Are its estimates centred on the truth, and do its 95 percent intervals
# cover the truth in 95 of 100 samples? Only many samples can say. `blpteach.replicate` makes them, each with a seed of its own.

# %%
true = blpteach.Truth()                                     # sigma is 1 on x and 2 on group


def twice(seed):
    """Estimates and standard errors with the optimal instruments, as a dict."""
    tables = blpteach.simulate(seed=seed)                   # 80 markets
    first = blpteach.Problem(*tables, **blpteach.simulation.FORMULAS).estimate(
        true.sigma_matrix / 2, true.pi_matrix / 2, progress=False)
    problem = first.optimal_instruments().problem
    found = problem.estimate(first.sigma, first.pi, progress=False).to_frame()
    return {**abs(found["estimate"]).to_dict(), **found["se"].add_suffix("_se").to_dict()}


# %% [markdown]
# Twelve samples, in about five seconds:

# %%
few = blpteach.replicate(twice, 12, seed=0, progress=False)
truths = {"beta[prices]": 2, "sigma[x, nodes1]": 1, "sigma[group, nodes2]": 2,
          "pi[prices, income]": 0.5}
small = blpteach.summary(few, truths)
assert (abs(small["bias"]) < 4 * small["bias_se"]).all() and small["coverage"].min() >= 0.5
small[["truth", "median_bias", "sd", "coverage"]].round(3)

# %% [markdown]
# (Signs are dropped: that of $\sigma$ says nothing, and the price coefficient is $-2$.) Twelve samples can't tell 95 percent from 85. With 500 samples of the same design and seed,
# which take one to two minutes, this comes out (in two samples no equilibrium was found, and they don't count):
#
# | | truth | median bias | standard deviation | 95 % interval covers |
# |---|---|---|---|---|
# | price coefficient | 2 | -0.005 | 0.077 | 94.4 % |
# | $\sigma$ on x | 1 | 0.005 | 0.072 | 93.4 % |
# | $\sigma$ on group | 2 | -0.003 | 0.195 | 94.0 % |
# | $\pi$, price and income | 0.5 | 0.000 | 0.020 | 94.4 % |
#
# The median bias is below two percent of the truth, and coverage is near 95 percent. (The tests of the library run these
# 500.) In this design, with strong instruments and $\sigma$ away from zero, the usual asymptotics can be trusted.

# %% [markdown] minutes=5 ask="Slide x away from the outside good. Where do the two sets do equally well?"
# ## Play
#
# The race again, with the position of $x$ under your hand. The strip on top shows where the products are and where the
# outside good is. Below it, the estimates of 80 samples by any two sets of instruments. Mean utility may be estimated
# as a straight line in $x$, or with $x^2$ (`bent`).
#
# **Before you run the next cell:** around zero squared distances spanned 0.27, and none of their estimates failed. What
# is left of that with $x^2$ in $X_1$?

# %%
plots.TwoSets(centre=0.0, left="sums", right="quadratic", shape="bent")

# %%
spans = {(centre, shape): [plots.experiment(centre, shape)[name].spread for name in plots.SETS[:2]]
         for centre in (0.0, 1.5) for shape in plots.SHAPES}
assert np.allclose(spans[0.0, "bent"], [1.61, 1.39], atol=0.08)
assert np.allclose(spans[1.5, "bent"], [0.30, 0.89], atol=0.05)
assert abs(plots.experiment(0.0, "bent")["quadratic"].failed - 0.15) < 0.03
pd.DataFrame(spans, plots.SETS[:2]).T.rename_axis(["centre", "shape"]).round(2)

# %% [markdown]
# The winner around zero now spans five times as much, and one estimate in seven is at an end of the range. Sums from 0
# to 3 stay as they were.
#
# **Predict before you slide:** with the straight line, somewhere between 0 and 1.5 sums and squared distances do equally
# well. Where? And what happens to *local*, which counts neighbours, as $x$ moves away?
#
# Making the widget takes about five seconds: 80 samples at each of five positions, with either shape.

# %%
from blpteach.widgets.instruments import two_designs

two_designs()

# %% [markdown]
# - *x around zero* and *x from 0 to 3* are the two races above. *x² around zero* and *x² from 0 to 3* run them again with
#   $x^2$ in mean utility.
# - *both together* sets sums alone against sums and squared distances.
# - Between 0.5 and 1 sums and squared distances change places.
# - Slide on to 2. Squared distances fail, and their median is off by half. Local instruments hardly notice: how many
#   neighbours a product has depends on whether it is at the edge *and* on how many products there are.

# %%
near_by = [[plots.experiment(centre)[name].spread for name in plots.SETS[:2]] for centre in (0.5, 1)]
assert near_by[0][0] > 2 * near_by[0][1] and near_by[1][0] < near_by[1][1]
far = plots.experiment(2.0)
assert abs(far["quadratic"].median_bias - -0.48) < 0.05 and abs(far["local"].median_bias) < 0.08
print({name: round(found.median_bias, 2) for name, found in far.items()})

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
K1, P, own_instruments = 4, 6, 3                                # 1, x, group instrument themselves
needed = K1 + P - own_instruments
M = own_instruments + 6 + 2                                     # two sums of three, two costs
counts = np.array([needed, M - K1 - P])
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
# And the same optimal instruments. (It reads nodes from `nodes0` on, one column for each random coefficient. The
# cell takes about two seconds.)

# %%
def in_pyblp(estimates, agents):
    """The same model there, at the same sigma, and with its optimal instruments."""
    excluded = {f"demand_instruments{k}": estimates.problem.Z[:, k] for k in range(4)}
    columns = ["market_ids", "shares", "prices", "x", "group"]
    table = estimates.problem.products[columns].assign(**excluded)
    types = agents[["market_ids", "weights"]].assign(nodes0=agents["nodes1"])
    formulas = pyblp.Formulation("1 + prices + x + group"), pyblp.Formulation("0 + x")
    model = pyblp.Problem(formulas, table, agent_data=types)
    sigma = [[estimates.sigma[0, 1]]]
    at = model.solve(sigma, method="1s", optimization=pyblp.Optimization("return"))
    optimal = at.compute_optimal_instruments()
    return optimal, optimal.to_problem().solve(sigma, method="1s")

# %%
if pyblp:
    optimal, found = in_pyblp(first, economy(shifted)[1])
    assert np.ptp(best.demand.iloc[:, 0] / optimal.demand_instruments[:, 0]) < 1e-5
    assert np.allclose(optimal.expected_prices.ravel(), best.prices)
    theirs = np.array([found.sigma.item(), found.sigma_se.item()])
    ours = np.array([second.sigma[0, 1], second.sigma_se[0, 1]])
    assert np.allclose(theirs, ours, rtol=1e-4)
    print("sigma and its standard error: PyBLP", theirs.round(4), " here", ours.round(4))
else:
    blpteach.stored_output()

# %% [markdown]
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
# **Next.** Lesson 08 asks how sure the estimates are: simulation error, small samples, and intervals.
