"""Exercises of lesson 07."""
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from ...tables.datasets import load_autos
from ...identification import first_stages
from ...instruments import blp_instruments, differentiation_instruments, other_market_prices
from .exercise import Exercise, Mistake


# 7.1 Sums over the others of one car

@cache
def cars():
    """The automobiles, and the row with the largest share of 1990."""
    products = load_autos()[0]
    return products, products.loc[products["market_ids"] == 1990, "shares"].idxmax()


def two_sums(characteristic="hpwt", one_market=False):
    """Own and rival sums (2,) of that car; all years as one market if asked."""
    products, row = cars()
    table = products.assign(market_ids=0) if one_market else products
    return blp_instruments(table, f"0 + {characteristic}").loc[row].to_numpy()


def with_itself():
    """The car counts among its firm's others."""
    products, row = cars()
    return two_sums() + [products.loc[row, "hpwt"], 0]


def everybody_else():
    """All other cars, those of the firm included, in place of rivals'."""
    own, rivals = two_sums()
    return np.array([own, own + rivals])


def everybody():
    """All cars of the year, itself included, in place of rivals'."""
    products, row = cars()
    return everybody_else() + [0, products.loc[row, "hpwt"]]


def of_all_years():
    """The car with the largest share of all years."""
    products, _ = cars()
    return blp_instruments(products, "0 + hpwt").loc[products["shares"].idxmax()].to_numpy()


def of_the_dearest():
    """The dearest car of the year."""
    products, _ = cars()
    row = products.loc[products["market_ids"] == 1990, "prices"].idxmax()
    return blp_instruments(products, "0 + hpwt").loc[row].to_numpy()


def sums_of(column):
    """Own and rival sums (2,) of something made from the table."""
    products, row = cars()
    return blp_instruments(products.assign(made=column(products)), "0 + made").loc[row].to_numpy()


def averages():
    """Averages in place of sums."""
    return two_sums() / two_sums("I(1 + 0 * hpwt)")


# 7.2 Counting moments

def counts(K1=4, P=6, exogenous=3, excluded=8):
    """Excluded instruments needed, and degrees of freedom of J (2,)."""
    return np.array([K1 + P - exogenous, exogenous + excluded - K1 - P])


# 7.3 Local instruments

def small_markets(rng):
    """Two markets of four and five products, two firms, mixed rows; some are neighbours."""
    order = rng.permutation(9)
    x, market_ids = rng.normal(size=9).round(2), np.repeat([0, 1], (4, 5))[order]
    return {"x": x, "market_ids": market_ids, "firm_ids": rng.integers(0, 2, 9)}


def near(x, market_ids, firm_ids):
    """Neighbours of the own firm and of rivals, (N, 2)."""
    table = pd.DataFrame({"x": x, "market_ids": market_ids, "firm_ids": firm_ids})
    return differentiation_instruments(table, "0 + x").to_numpy()


def distances(x, market_ids):
    """All distances (N, N), and which are of two products of one market (N, N)."""
    return x[:, None] - x, (market_ids[:, None] == market_ids) & ~np.eye(len(x), dtype=bool)


def counted(close, firm_ids, itself=False):
    """Sums of close (N, N) over the own firm and over rivals, (N, 2)."""
    close, same = close | (itself & np.eye(len(close), dtype=bool)), firm_ids[:, None] == firm_ids
    return np.column_stack([(close & same).sum(1), (close & ~same).sum(1)])


def near_by(spread):
    """Neighbours by another standard deviation, a function of (x, market_ids, d, pair)."""
    def mistaken(x, market_ids, firm_ids):
        d, pair = distances(x, market_ids)
        return counted((abs(d) < spread(x, market_ids, d, pair)) & pair, firm_ids)
    return mistaken


def each_market(x, market_ids, d, pair):
    """A standard deviation for each row's own market, (N, 1)."""
    return np.array([[d[(market_ids[:, None] == t) & pair].std()] for t in market_ids])


def with_zeros(x, market_ids, d, pair):
    """Distances of products to themselves counted too."""
    return d[pair | np.eye(len(x), dtype=bool)].std()


def all_rows(x, market_ids, d, pair):
    """Distances between different markets counted too."""
    return d[~np.eye(len(x), dtype=bool)].std()


def of_x_in_markets(x, market_ids, d, pair):
    """Of x about its mean in the market, in place of distances."""
    means = np.array([x[market_ids == t].mean() for t in market_ids])
    return np.sqrt(np.mean((x - means)**2))


def counts_itself(x, market_ids, firm_ids):
    """A product is its own neighbour."""
    d, pair = distances(x, market_ids)
    return counted((abs(d) < d[pair].std()) & pair, firm_ids, itself=True)


def any_market(x, market_ids, firm_ids):
    """Neighbours in all markets."""
    d, pair = distances(x, market_ids)
    return counted((abs(d) < d[pair].std()) & ~np.eye(len(x), dtype=bool), firm_ids)


def signed(x, market_ids, firm_ids):
    """The absolute value forgotten."""
    d, pair = distances(x, market_ids)
    return counted((d < d[pair].std()) & pair, firm_ids)


def far(x, market_ids, firm_ids):
    """Others that are not near."""
    d, pair = distances(x, market_ids)
    return counted((abs(d) >= d[pair].std()) & pair, firm_ids)


def all_with_own(x, market_ids, firm_ids):
    """Everybody near in place of rivals near."""
    own, rivals = near(x, market_ids, firm_ids).T
    return np.column_stack([own, own + rivals])


def squared(x, market_ids, firm_ids):
    """Quadratic instruments."""
    table = pd.DataFrame({"x": x, "market_ids": market_ids, "firm_ids": firm_ids})
    return differentiation_instruments(table, "0 + x", version="quadratic").to_numpy()


# 7.4 Hausman's instrument

def small_panel(rng):
    """Two products in four cities and two quarters, mixed rows; one is missing in one city."""
    cells = [(j, c, q) for j, c, q in product(range(2), range(4), range(2)) if (j, c) != (1, 3)]
    rows = np.array(cells)[rng.permutation(len(cells))]
    prices = rng.uniform(1, 5, len(rows)).round(2)
    return dict(zip(("prices", "product_ids", "city_ids", "quarter"), (prices, *rows.T)))


def prices_elsewhere(prices, product_ids, city_ids, quarter):
    """(7.3) by the library, (N,)."""
    table = pd.DataFrame({"prices": prices, "product_ids": product_ids,
                          "city_ids": city_ids, "quarter": quarter})
    return other_market_prices(table, "city_ids", ["product_ids", "quarter"]).to_numpy()


def averaged_over(which, divide=True):
    """Averages of prices over other rows, a function of the three comparisons (N, N)."""
    def mistaken(prices, product_ids, city_ids, quarter):
        chosen = which(*(ids[:, None] == ids for ids in (product_ids, city_ids, quarter)))
        return chosen @ prices / (chosen.sum(1) if divide else 1)
    return mistaken


def median_elsewhere(prices, product_ids, city_ids, quarter):
    """Medians over the other cities."""
    here = (product_ids[:, None] == product_ids) & (quarter[:, None] == quarter)
    others = here & (city_ids[:, None] != city_ids)
    return np.array([np.median(prices[row]) for row in others])


def divided_by_all(prices, product_ids, city_ids, quarter):
    """The sum over others divided by the number of all."""
    here = (product_ids[:, None] == product_ids) & (quarter[:, None] == quarter)
    return (here & (city_ids[:, None] != city_ids)) @ prices / here.sum(1)


def divided_by_cities(prices, product_ids, city_ids, quarter):
    """The sum over others divided by C - 1, products missing somewhere or not."""
    here = (product_ids[:, None] == product_ids) & (quarter[:, None] == quarter)
    return (here & (city_ids[:, None] != city_ids)) @ prices / (len(np.unique(city_ids)) - 1)


# 7.5 The limit of Hausman's instrument

def small_numbers(rng):
    """A share and a response."""
    return {"national": round(rng.uniform(0.2, 0.9), 2), "a": round(rng.uniform(0.4, 2), 2)}


def hausman_limit(national, a):
    """-1 + cov(z, xi) / cov(z, p) with z = cost + a xi_national."""
    return iv_slope([1, a, 0, 0], national, a)


def iv_slope(z, national, a, y=None):
    """cov(z, y) / cov(z, p); z weighs cost, national xi, local xi and noise of variance 1/4.

    By default y = xi - p.
    """
    variances = np.array([1, national, 1 - national, 0.25])
    p = np.array([1, a, a, 1])
    y = np.array([0, 1, 1, 0]) - p if y is None else y
    return z @ (variances * y) / (z @ (variances * p))


def bias_over_variance(national, a, variance):
    """-1 + cov(z, xi) over something else."""
    return -1 + a * national / variance


# 7.6 Conditional F

def small_first_stage(rng):
    """Two endogenous columns whose first stages are much alike, three instruments, ten rows."""
    Z, noise = rng.normal(size=(10, 3)), rng.normal(size=(10, 2)) @ [[1, 0.5], [0, 1]]
    Y = Z @ np.array([[1, 1], [1, 0.5], [0.2, 1]]) + noise
    return {"y": Y[:, 0].round(2), "others": Y[:, 1:].round(2), "Z": Z.round(2), "df": 7}


def F_given_others(y, others, Z, df):
    """(7.6) by the library."""
    return first_stages(np.column_stack([y, others]), Z, df)["conditional_F"][0]


def F_alone(y, others, Z, df):
    """The ordinary first-stage F."""
    return first_stages(np.column_stack([y, others]), Z, df)["F"][0]


def project(Z, v):
    """Fitted values of a regression on Z."""
    return Z @ np.linalg.lstsq(Z, v, rcond=None)[0]


def F_from(left, y, others, Z, df, instruments=None, noise=None):
    """F of what is left of y, explained over `instruments` (m - n + 1), unexplained over df."""
    explained = project(Z, left)
    unexplained = left - explained if noise is None else noise
    instruments = instruments or Z.shape[1] - others.shape[1]
    return explained @ explained / instruments / (unexplained @ unexplained / df)


def by_2sls(y, others, Z):
    """What 2SLS of y on the others leaves, (N,)."""
    return y - others @ np.linalg.lstsq(project(Z, others), y, rcond=None)[0]


def divided_by_m(y, others, Z, df):
    """The instruments that 2SLS used up are counted."""
    return F_from(by_2sls(y, others, Z), y, others, Z, df, instruments=Z.shape[1])


def one_too_many(y, others, Z, df):
    """m - n in place of m - n + 1."""
    fewer = Z.shape[1] - others.shape[1] - 1
    return F_from(by_2sls(y, others, Z), y, others, Z, df, instruments=fewer)


def by_least_squares(y, others, Z, df):
    """Least squares of y on the others."""
    return F_from(y - others @ np.linalg.lstsq(others, y, rcond=None)[0], y, others, Z, df)


def second_stage_residual(y, others, Z, df):
    """What the second-stage regression leaves: fitted others."""
    fitted = project(Z, others)
    return F_from(y - fitted @ np.linalg.lstsq(fitted, y, rcond=None)[0], y, others, Z, df)


def all_of_e(y, others, Z, df):
    """e'e in the denominator."""
    e = by_2sls(y, others, Z)
    return F_from(e, y, others, Z, df, noise=e)


def r_squared(y, others, Z, df):
    """What Z explains of e, as a fraction."""
    e = by_2sls(y, others, Z)
    return project(Z, e) @ project(Z, e) / (e @ e)


def without_df(y, others, Z, df):
    """The residual sum of squares not divided by df."""
    return F_given_others(y, others, Z, df) / df


EXERCISES = {
    "7.1": Exercise(
        "2 sums of hpwt: over the firm's other cars, and over rivals' cars",
        two_sums,
        (Mistake("The car itself is in the first sum. The firm's *other* products are asked for: "
                 "subtract its own.",
                 with_itself),
         Mistake("The second sum holds the firm's own other cars too. "
                 "Rivals are the cars of *other* firms.",
                 everybody_else),
         Mistake("The second sum holds all cars of the year, the firm's own and this one included. "
                 "Rivals are the cars of other firms.",
                 everybody),
         Mistake("These sums run over all years. A market is one year: "
                 "only cars of 1990 compete with this one.",
                 lambda: two_sums(one_market=True)),
         Mistake("This is the car with the largest share of all years. Take that of 1990.",
                 of_all_years),
         Mistake("These are averages. "
                 "BLP's are sums: how many others there are is part of what they say.",
                 averages),
         Mistake("Both sums hold the car itself, and the second the firm's own other cars too.",
                 lambda: everybody() + [everybody()[1] - everybody_else()[1], 0]),
         Mistake("The first number is the car's own `hpwt`. "
                 "Sum over the *other* cars of its firm.",
                 lambda: np.array([everybody()[1] - everybody_else()[1], two_sums()[1]])),
         Mistake("The first is rivals' sum, the second the firm's. Own firm first.",
                 lambda: two_sums()[::-1]),
         Mistake("This is the dearest car of 1990. Take the one with the largest *share*.",
                 of_the_dearest),
         Mistake("These sums weigh cars by their shares, which hold xi. "
                 "BLP's are sums of characteristics alone.",
                 lambda: sums_of(lambda table: table["hpwt"] * table["shares"])),
         Mistake("These are sums of prices, which are endogenous. Sum `hpwt`.",
                 lambda: sums_of(lambda table: table["prices"])),
         Mistake("These are sums of `space`. Sum `hpwt`.", lambda: two_sums("space")),
         Mistake("These are counts of cars. Sum their `hpwt`.",
                 lambda: two_sums("I(1 + 0 * hpwt)"))),
        ("Take the rows with `market_ids == 1990` first: a market is a year.",
         "The row is `market[\"shares\"].idxmax()`. Compare `firm_ids` with that of this car.",
         "The first is the firm's sum less the car's own `hpwt`; "
         "the second the sum over rows whose `firm_ids` differ."),
        "Within a year the own sum, the rivals' sum and the car itself add up to a constant."),
    "7.2": Exercise(
        "2 whole numbers: excluded instruments needed at least, and degrees of freedom of J",
        counts,
        (Mistake("One excluded instrument is enough for price alone. The six nonlinear parameters "
                 "need moments too. (Or these are the right two, exchanged: needed comes first.)",
                 lambda: counts(P=0)),
         Mistake("You count all moments that are needed. Three of them are there already: "
                 "1, x and group are their own instruments.",
                 lambda: np.array([10, 1])),
         Mistake("The elements of `pi` are parameters too, "
                 "and need moments as those of `sigma` do.",
                 lambda: counts(P=3)),
         Mistake("The elements of `sigma` are parameters too, "
                 "and need moments as those of `pi` do: six in all.",
                 lambda: counts(P=2)),
         Mistake("Price is no instrument for itself. Only 1, x and group are.",
                 lambda: counts(exogenous=4)),
         Mistake("The first is right. J has as many degrees of freedom as there are moments "
                 "in excess of *all* parameters, linear and nonlinear.",
                 lambda: np.array([7, 7])),
         Mistake("The first is right. "
                 "From all eleven moments the linear parameters are to be subtracted too.",
                 lambda: np.array([7, 5])),
         Mistake("The first is right. The eight are the excluded instruments. "
                 "Degrees of freedom are moments less parameters: 1, x and group count among both.",
                 lambda: np.array([7, 8])),
         Mistake("The first is right. (7.1) makes two columns of each characteristic: "
                 "the firm's other products, and rivals'. Six in all.",
                 lambda: counts(excluded=5)),
         Mistake("The first is right. In J three of the six nonlinear parameters are missing: "
                 "`sigma` has three free elements, and `pi` three.",
                 lambda: np.array([7, 4])),
         Mistake("The first is right. The constant counts too: (7.1) of 1 are numbers of products, "
                 "two columns.",
                 lambda: counts(excluded=6)),
         Mistake("The first is right. Eleven is the number of moments. "
                 "Degrees of freedom are moments less parameters.",
                 lambda: np.array([7, 11])),
         Mistake("The second is right. Needed are as many moments as parameters, and of these 1, "
                 "x and group are there already. K1 counts price and the constant too.",
                 lambda: np.array([6, 1]))),
        ("Write down K1, and the number of free elements of `sigma` and of `pi`. "
         "Which columns of X1 are their own instruments?",
         "Moments are excluded instruments *and* the exogenous columns of X1. "
         "There must be at least as many as parameters, K1 linear and six nonlinear ones.",
         "(7.1) makes two columns of each characteristic, the constant included. "
         "J has moments less parameters."),
        "Necessary, and no more: the lesson has eight moments for five parameters, "
        "and a sigma that could be anything."),
    "7.3": Exercise(
        "a function of (x, market_ids, firm_ids) that returns counts, an array (N, 2): "
        "own firm's, then rivals'",
        near,
        (Mistake("The neighbourhood is one standard deviation of x itself. "
                 "It is to be that of the *distances*, which is larger, by about the root of two.",
                 near_by(lambda x, market_ids, d, pair: x.std())),
         Mistake("The neighbourhood is one standard deviation of x within markets. "
                 "It is to be that of the *distances*, larger by about the root of two.",
                 near_by(of_x_in_markets)),
         Mistake("This is the standard deviation of the *absolute* distances. "
                 "Take that of the signed ones, whose mean is zero.",
                 near_by(lambda x, market_ids, d, pair: abs(d[pair]).std())),
         Mistake("The threshold is the variance of the distances. Take its root.",
                 near_by(lambda x, market_ids, d, pair: d[pair].var())),
         Mistake("A product counts as its own neighbour, at distance zero. Leave it out.",
                 counts_itself),
         Mistake("The second column counts all neighbours. Those of the own firm are no rivals.",
                 all_with_own),
         Mistake("Each market has a standard deviation of its own here. "
                 "Pool the pairs of all markets: then a crowded market counts as crowded.",
                 near_by(each_market)),
         Mistake("The standard deviation is over the distances of all rows, "
                 "those of different markets included. Only products of one market are compared.",
                 near_by(all_rows)),
         Mistake("The standard deviation counts the distance of each product to itself, "
                 "which is zero, and comes out too small. Leave the diagonal out of it too.",
                 near_by(with_zeros)),
         Mistake("Products of other markets count as neighbours. "
                 "Only products of the same market compete.",
                 any_market),
         Mistake("The absolute value is missing: products that are far *above* count as near.",
                 signed),
         Mistake("These are the quadratic instruments. Count, do not add up squares.", squared),
         Mistake("The threshold is the root of two times the standard deviation of all x. "
                 "x differs between markets too: take the standard deviation of the distances.",
                 near_by(lambda x, market_ids, d, pair: np.sqrt(2) * x.std())),
         Mistake("These are products that are far. Count those nearer than the standard deviation.",
                 far),
         Mistake("These are fractions. Count, and do not divide.",
                 lambda x, market_ids, firm_ids: near(x, market_ids, firm_ids) / len(x)),
         Mistake("The columns are exchanged: own firm first.",
                 lambda x, market_ids, firm_ids: near(x, market_ids, firm_ids)[:, ::-1])),
        ("Begin with all distances, `x[:, None] - x`, "
         "and a matrix that says which pairs are two different products of one market.",
         "The standard deviation is one number, over all entries of the distances that are such "
         "pairs, in both directions.",
         "`d[pair].std()` is that number. Then count, in each row, "
         "where `abs(d)` is below it, the pair is one, and the firm is the same, or not."),
        "Counts of neighbours see edges of the range and crowded markets, "
        "wherever the outside good is.",
        inputs=small_markets),
    "7.4": Exercise(
        "a function of (prices, product_ids, city_ids, quarter) "
        "that returns average prices, an array (N,)",
        prices_elsewhere,
        (Mistake("The own city is in the average. "
                 "Then the instrument contains the price, and with it the xi of this very row.",
                 averaged_over(lambda product, city, quarter: product & quarter)),
         Mistake("The average runs over all quarters of the other cities. "
                 "The same quarter is asked for: costs change over time.",
                 averaged_over(lambda product, city, quarter: product & ~city)),
         Mistake("The average runs over all products of the other cities. "
                 "The same product is asked for.",
                 averaged_over(lambda product, city, quarter: ~city & quarter)),
         Mistake("Only the row itself is left out: the own city's other quarter is in the average.",
                 averaged_over(lambda product, city, quarter: product & ~(city & quarter))),
         Mistake("These are sums. Where a product stands in fewer cities its sum is smaller, "
                 "with the same prices: divide by how many there are.",
                 averaged_over(lambda product, city, quarter: product & quarter & ~city,
                               divide=False)),
         Mistake("The sum is divided by the number of all cities in the data, less one. "
                 "Where a product is missing in a city, fewer are in the sum.",
                 divided_by_cities),
         Mistake("The sum is divided by the number of all cities that sell the product. "
                 "One of them, the own one, is not in the sum.",
                 divided_by_all),
         Mistake("These are the other cities in the *other* quarter. Take the same quarter.",
                 averaged_over(lambda product, city, quarter: product & ~city & ~quarter)),
         Mistake("The average runs over all rows but this one. Rows that count have the same "
                 "product, the same quarter and another city.",
                 averaged_over(lambda product, city, quarter: ~(product & city & quarter))),
         Mistake("The average runs over everything in the other cities. "
                 "The same product in the same quarter is asked for.",
                 averaged_over(lambda product, city, quarter: ~city)),
         Mistake("These are medians. Take averages.", median_elsewhere),
         Mistake("These are the prices of the product's *own* city in the other quarter. "
                 "Other cities in the same quarter are asked for.",
                 averaged_over(lambda product, city, quarter: product & city & ~quarter))),
        ("Compare every row with every other: `product_ids[:, None] == product_ids` is an (N, N) "
         "matrix of True and False.",
         "Rows that count have the same product, the same quarter and another city: "
         "three comparisons, joined by `&`.",
         "Multiply that matrix by `prices`, and divide by how many rows count in each row. "
         "A product may be missing in some city."),
        "Including the own market is the frequent slip, "
        "and it makes the instrument endogenous by construction.",
        inputs=small_panel),
    "7.5": Exercise(
        "a function of (national, a) that returns one number, the slope",
        hausman_limit,
        (Mistake("This is the limit of least squares. The instrument is an average over very many "
                 "cities: noise and local xi have averaged out of it.",
                 lambda national, a: iv_slope([1, a, a, 1], national, a)),
         Mistake("The sign of the bias: national xi raises price and demand together, "
                 "so the slope comes out nearer to zero than -1.",
                 lambda national, a: -2 - hausman_limit(national, a)),
         Mistake("This is the bias. The slope is -1 plus it.",
                 lambda national, a: 1 + hausman_limit(national, a)),
         Mistake("Here all of xi counts, as if it were national. "
                 "Of the local part nothing is left in the average.",
                 lambda national, a: hausman_limit(1, a)),
         Mistake("The response a is missing in the instrument: "
                 "other cities' prices hold a times the national xi.",
                 lambda national, a: iv_slope([1, 1, 0, 0], national, a)),
         Mistake("The variance of price stands below. For an instrument it is the covariance "
                 "of instrument and price: cost, and a squared times the *national* part.",
                 lambda national, a: bias_over_variance(national, a, 1.25 + a**2)),
         Mistake("The covariance of instrument and price has two parts, and you count cost alone. "
                 "The national xi is in both too.",
                 lambda national, a: bias_over_variance(national, a, 1)),
         Mistake("`national` is a share of the *variance*. "
                 "The covariances hold it as it is, neither its root nor its square.",
                 lambda national, a: -1 + a * np.sqrt(national) / (1 + a**2 * np.sqrt(national))),
         Mistake("This is plus one less the bias: the true slope is *minus* one.",
                 lambda national, a: -hausman_limit(national, a)),
         Mistake("The covariance of instrument and price holds all of xi here. "
                 "Local xi has averaged out of the instrument, so only the national part is left.",
                 lambda national, a: bias_over_variance(national, a, 1 + a**2)),
         Mistake("Noise is each city's own. It has averaged out of the instrument, "
                 "so its variance is not in the covariance of instrument and price.",
                 lambda national, a: bias_over_variance(national, a, 1.25 + a**2 * national)),
         Mistake("`national` is squared here. It is a share of the *variance* already.",
                 lambda national, a: hausman_limit(national**2, a)),
         Mistake("In the covariance of instrument and *xi* the response a is missing: "
                 "the instrument holds a times the national xi.",
                 lambda national, a: bias_over_variance(national, 1, 1 + a**2 * national)),
         Mistake("In the covariance of instrument and xi a stands once, not squared: "
                 "xi itself has no a.",
                 lambda national, a: bias_over_variance(national, a**2, 1 + a**2 * national)),
         Mistake("In the covariance of instrument and price a stands squared: "
                 "once from the instrument, once from price.",
                 lambda national, a: -1 + a * national / (1 + a * national))),
        ("What is left of the average price of very many other cities? "
         "Write z, p and y = xi - p in terms of cost, national xi, local xi and noise.",
         "Noise and local xi average out of z: z = cost + a times the national part of xi.",
         "The slope is -1 plus the covariance of z and xi over that of z and p. "
         "Each is a sum of variances times coefficients."),
        "With a of one half it is as bad as least squares when four fifths of the variance "
        "are national, and worse from there on.",
        inputs=small_numbers),
    "7.6": Exercise(
        "a function of (y, others, Z, df) that returns one number",
        F_given_others,
        (Mistake("This is the ordinary first-stage F. "
                 "It does not ask whether the instruments can tell y from the others.",
                 F_alone),
         Mistake("The explained sum of squares is divided by all m instruments. "
                 "2SLS used up one for each of the others: m - n + 1 are left.",
                 divided_by_m),
         Mistake("The explained sum of squares is divided by m - n, or not at all. "
                 "There are n - 1 others, so m - n + 1 instruments are left.",
                 one_too_many),
         Mistake("This is the ordinary F of y with the degrees of freedom of the conditional one. "
                 "y is to be cleared of the others first.",
                 lambda y, others, Z, df: F_from(y, y, others, Z, df)),
         Mistake("This is an R-squared. The F divides explained by *unexplained*, "
                 "each by its degrees of freedom.",
                 r_squared),
         Mistake("Neither sum of squares is divided by its degrees of freedom.",
                 lambda y, others, Z, df: F_given_others(y, others, Z, df) / df
                     * (Z.shape[1] - others.shape[1])),
         Mistake("y is regressed on the others by least squares. "
                 "It takes 2SLS: they are endogenous too.",
                 by_least_squares),
         Mistake("e is what the second-stage regression leaves, with *fitted* others. "
                 "The b is right, but e is `y - others @ b` with the others themselves.",
                 second_stage_residual),
         Mistake("The denominator has all of e. "
                 "It is to have what the instruments leave of e unexplained.",
                 all_of_e),
         Mistake("The unexplained sum of squares is not divided by its degrees of freedom.",
                 without_df),
         Mistake("The denominator is divided by the number of rows. "
                 "Take `df`: instruments and exogenous columns have been spent.",
                 lambda y, others, Z, df: F_given_others(y, others, Z, df) / df * len(y))),
        ("Three regressions: the others on Z, y on their fitted values, "
         "and what is left of y on Z again.",
         "The first two give b of 2SLS. What is left is `e = y - others @ b`, "
         "with the others themselves, not their fitted values.",
         "Explained are the squared fitted values of e on Z, over m - n + 1, which is "
         "`Z.shape[1] - others.shape[1]`; unexplained the rest, over `df`."),
        "A large F for each and a small one given the others: "
        "that is what weak identification looks like with several parameters.",
        inputs=small_first_stage),
}
