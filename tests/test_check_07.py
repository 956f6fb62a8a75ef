"""The checks of lesson 07 name the mistakes that readers make. Wrong answers are computed here by other formulas than in the checks."""

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.course import checks


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture(scope="module")
def market():
    """The automobiles of 1990, and the row of the most popular."""
    products = blpteach.load_autos()[0]
    here = products[products["market_ids"] == 1990]
    return products, here, here.loc[here["shares"].idxmax()]


def says(exercise, answer, text):
    reply = blpteach.check(exercise, answer)
    assert not reply and text in str(reply), str(reply)


def test_sums_over_the_others(market):
    products, here, car = market
    mine, rest = here[here["firm_ids"] == car["firm_ids"]], here[here["firm_ids"] != car["firm_ids"]]
    own, rivals = mine["hpwt"].sum() - car["hpwt"], rest["hpwt"].sum()
    assert blpteach.check("7.1", [own, rivals]) and blpteach.check("7.1", pd.Series({"own": own, "rivals": rivals}))
    years = products["firm_ids"] == car["firm_ids"]
    for answer, text in (([own + car["hpwt"], rivals], "The car itself is in the first sum"),
                         ([own, here["hpwt"].sum() - car["hpwt"]], "The second sum holds the firm's own other cars too"),
                         ([own, here["hpwt"].sum()], "this one included"),
                         ([products[years]["hpwt"].sum() - car["hpwt"], products[~years]["hpwt"].sum()], "over all years"),
                         (blpteach.blp_instruments(products, "0 + hpwt").loc[products["shares"].idxmax()], "of all years. Take"),
                         ([here[here["firm_ids"] == car["firm_ids"]]["space"].sum() - car["space"], rest["space"].sum()], "sums of `space`"),
                         ([own / (len(mine) - 1), rest["hpwt"].mean()], "These are averages"), ([len(mine) - 1, len(rest)], "counts of cars"),
                         (own, "expected shape (2,)")):
        says("7.1", answer, text)


def test_counting_moments():
    assert blpteach.check("7.2", (7, 1)) and blpteach.check("7.2", np.array([7.0, 1.0]))
    for answer, text in (([1, 7], "for price alone"), ([10, 1], "You count all moments"), ([4, 4], "`pi` are parameters too"), ([6, 2], "Price is no instrument for itself"),
                         ([3, 5], "`sigma` are parameters too"), ([7, 7], "in excess of *all* parameters"), ([7, 5], "linear parameters are to be subtracted"),
                         ([7, 8], "count among both"), ([7, -2], "two columns of each characteristic"), ([7, 4], "three of the six"),
                         ([6, 1], "The second is right")):
        says("7.2", answer, text)


def neighbours(x, market_ids, firm_ids, spread=None, absolute=True, itself=False, within=True):
    """One product at a time; `spread` from the list of distances of all ordered pairs."""
    pairs = np.array([x[j] - x[l] for j in range(len(x)) for l in range(len(x)) if j != l and market_ids[j] == market_ids[l]])
    limit, found = np.sqrt((pairs**2).mean()) if spread is None else spread(x, market_ids), np.zeros((len(x), 2))
    for j in range(len(x)):
        for l in range(len(x)):
            far = abs(x[j] - x[l]) if absolute else x[j] - x[l]
            if (itself or j != l) and (market_ids[j] == market_ids[l] or not within) and far < limit:
                found[j, int(firm_ids[j] != firm_ids[l])] += 1
    return found


def quadratic(x, market_ids, firm_ids):
    found = np.zeros((len(x), 2))
    for j in range(len(x)):
        for l in np.flatnonzero(market_ids == market_ids[j]):
            found[j, int(firm_ids[j] != firm_ids[l])] += (x[j] - x[l]) ** 2
    return found


@pytest.mark.parametrize("options, text", [
    ({"spread": lambda x, t: x.std()}, "standard deviation of x itself"), ({"itself": True}, "its own neighbour"),
    ({"absolute": False}, "absolute value is missing"), ({"within": False}, "Products of other markets"),
    ({"spread": lambda x, t: np.std([abs(x[j] - x[l]) for j in range(len(x)) for l in range(len(x)) if j != l and t[j] == t[l]])}, "*absolute* distances"),
    ({"spread": lambda x, t: np.mean([(x[j] - x[l]) ** 2 for j in range(len(x)) for l in range(len(x)) if j != l and t[j] == t[l]])}, "the variance of the distances"),
    ({"spread": lambda x, t: np.std(x - pd.Series(x).groupby(t).transform("mean"))}, "standard deviation of x within markets"),
    ({"spread": lambda x, t: np.std([a - b for a, s in zip(x, t) for b, r in zip(x, t) if s == r])}, "each product to itself"),
    ({"spread": lambda x, t: np.std(np.subtract.outer(x, x)[~np.eye(len(x), dtype=bool)])}, "those of different markets included")])
def test_wrong_neighbours(options, text):
    says("7.3", lambda x, market_ids, firm_ids: neighbours(x, market_ids, firm_ids, **options), text)


def test_neighbours():
    assert blpteach.check("7.3", neighbours)
    assert blpteach.check("7.3", lambda x, t, f: pd.DataFrame(neighbours(x, t, f), columns=["own", "rivals"]))
    says("7.3", quadratic, "These are the quadratic instruments")
    says("7.3", lambda x, t, f: np.cumsum(neighbours(x, t, f), axis=1), "no rivals")
    says("7.3", lambda x, t, f: neighbours(x, t, f)[:, ::-1], "columns are exchanged")
    says("7.3", lambda x, t, f: neighbours(x, t, f)[:, 1], "expected (9, 2)")


def test_a_spread_for_each_market():
    def each(x, t, f):
        found = np.zeros((len(x), 2))
        for market in (0, 1):
            rows = t == market
            found[rows] = neighbours(x[rows], t[rows], f[rows])
        return found
    says("7.3", each, "standard deviation of its own")


def elsewhere(prices, product_ids, city_ids, quarter, by=("product", "quarter"), own=False, total=False):
    """Row by row with a table."""
    table = pd.DataFrame({"p": prices, "product": product_ids, "city": city_ids, "quarter": quarter})

    def one(row):
        rest = table if own else table[table["city"] != row["city"]]
        for name in by:
            rest = rest[rest[name] == row[name]]
        return rest["p"].sum() if total else rest["p"].mean()
    return table.apply(one, axis=1)


@pytest.mark.parametrize("options, text", [
    ({"own": True}, "own city is in the average"), ({"by": ("product",)}, "runs over all quarters"), ({"by": ("quarter",)}, "runs over all products"),
    ({"total": True}, "These are sums")])
def test_wrong_prices_elsewhere(options, text):
    says("7.4", lambda p, j, c, q: elsewhere(p, j, c, q, **options).to_numpy(), text)


def test_prices_elsewhere():
    assert blpteach.check("7.4", elsewhere) and blpteach.check("7.4", lambda *arguments: elsewhere(*arguments).to_numpy())

    def all_but_this_row(p, j, c, q):
        return [np.mean([p[l] for l in range(len(p)) if j[l] == j[k] and l != k]) for k in range(len(p))]
    says("7.4", all_but_this_row, "Only the row itself is left out")

    def over_all_cities(p, j, c, q):
        return [sum(p[l] for l in range(len(p)) if (j[l], q[l]) == (j[k], q[k]) and c[l] != c[k]) / (len(set(c)) - 1) for k in range(len(p))]
    says("7.4", over_all_cities, "all cities in the data, less one")


@pytest.mark.parametrize("answer, text", [
    (lambda s, a: -1 + a / (1 + a**2 + 0.25), "limit of least squares"), (lambda s, a: -1 - a * s / (1 + a**2 * s), "sign of the bias"),
    (lambda s, a: a * s / (1 + a**2 * s), "This is the bias"), (lambda s, a: -1 + a / (1 + a**2), "as if it were national"),
    (lambda s, a: -1 + s / (1 + a * s), "a is missing in the instrument"), (lambda s, a: -1 + a * s / (1.25 + a**2), "variance of price"),
    (lambda s, a: -1 + a * s, "count cost alone"), (lambda s, a: -1 + a * s**0.5 / (1 + a**2 * s**0.5), "share of the *variance*"),
    (lambda s, a: -1 + a * s / (1 + a * s), "a stands squared")])
def test_wrong_limits_of_hausmans_instrument(answer, text):
    says("7.5", lambda national, a: answer(national, a), text)


def test_limit_of_hausmans_instrument():
    def simulated(national, a, T=400_000):
        cost, everywhere = np.random.default_rng(0).normal(size=(2, T))
        z, xi = cost + a * np.sqrt(national) * everywhere, np.sqrt(national) * everywhere
        return -1 + np.cov(z, xi)[0, 1] / np.cov(z, cost + a * xi)[0, 1]
    exact = -1 + 0.9 / 2.35
    assert abs(simulated(0.6, 1.5) - exact) < 5e-3
    assert blpteach.check("7.5", lambda national, a: -1 / (1 + a**2 * national) * (1 + a**2 * national - a * national))
    says("7.5", lambda share: 1.0, "it will be called with (national, a)")


def conditional(y, others, Z, df, instruments=None, b=None, e=None, denominator=None):
    """By projection matrices."""
    P = Z @ np.linalg.inv(Z.T @ Z) @ Z.T
    b = np.linalg.inv(others.T @ P @ others) @ others.T @ P @ y if b is None else b(y, others, P)
    e = y - others @ b if e is None else e(y, others, P, b)
    unexplained = e @ e - e @ P @ e if denominator is None else denominator(e)
    return e @ P @ e / (Z.shape[1] - others.shape[1] if instruments is None else instruments) / (unexplained / df)


@pytest.mark.parametrize("options, text", [
    ({"instruments": 3}, "divided by all m instruments"), ({"instruments": 1}, "divided by m - n, or"),
    ({"b": lambda y, others, P: np.linalg.inv(others.T @ others) @ others.T @ y}, "by least squares"), ({"denominator": lambda e: e @ e}, "has all of e"),
    ({"e": lambda y, others, P, b: y - P @ others @ b}, "with *fitted* others"), ({"b": lambda y, others, P: np.zeros(1), "instruments": 3}, "ordinary first-stage F")])
def test_wrong_conditional_F(options, text):
    def answer(y, others, Z, df):
        return conditional(y, others, Z, df, **options)
    says("7.6", answer, text)


def test_conditional_F():
    assert blpteach.check("7.6", lambda y, others, Z, df: conditional(y, others, Z, df))
    assert blpteach.check("7.6", lambda y, others, Z, df: np.array([conditional(y, others, Z, df)]))
    says("7.6", lambda y, others, Z, df: conditional(y, others, Z, df) / df, "not divided by its degrees of freedom")
    says("7.6", lambda y, others, Z, df: conditional(y, others, Z, len(y)), "by the number of rows")
    says("7.6", lambda y, others, Z: 1.0, "it will be called with (y, others, Z, df)")


# What forty invented wrong answers showed to be missing

def test_other_sums_of_one_car(market):
    products, here, car = market
    mine, rest = here[here["firm_ids"] == car["firm_ids"]], here[here["firm_ids"] != car["firm_ids"]]
    own, rivals = mine["hpwt"].sum() - car["hpwt"], rest["hpwt"].sum()
    dear = here.loc[here["prices"].idxmax()]
    its = here["firm_ids"] == dear["firm_ids"]
    weighted = [(t["hpwt"] * t["shares"]).sum() - minus for t, minus in ((mine, car["hpwt"] * car["shares"]), (rest, 0))]
    for answer, text in (([own + car["hpwt"], own + rivals + car["hpwt"]], "Both sums hold the car itself"), ([car["hpwt"], rivals], "the car's own `hpwt`"),
                         ([rivals, own], "Own firm first"), ([here["hpwt"][its].sum() - dear["hpwt"], here["hpwt"][~its].sum()], "the dearest car"),
                         (weighted, "weigh cars by their shares"), ([mine["prices"].sum() - car["prices"], rest["prices"].sum()], "sums of prices")):
        says("7.1", answer, text)


def test_other_counts():
    says("7.2", [7, -1], "The constant counts too")
    says("7.2", [7, 11], "Eleven is the number of moments")
    says("7.2", [1, 7], "exchanged")


def test_other_neighbours():
    says("7.3", lambda x, t, f: neighbours(x, t, f, spread=lambda x, t: 2**0.5 * x.std()), "root of two times")
    says("7.3", lambda x, t, f: neighbours(x, t, f, spread=lambda x, t: np.inf) - neighbours(x, t, f), "products that are far")
    says("7.3", lambda x, t, f: neighbours(x, t, f) / 9, "These are fractions")


def test_other_prices_elsewhere():
    def rows(which, average=np.mean):
        return lambda p, j, c, q: [average([p[l] for l in range(len(p)) if which(j[l] == j[k], c[l] == c[k], q[l] == q[k])]) for k in range(len(p))]
    for answer, text in ((rows(lambda j, c, q: j and not c and not q), "in the *other* quarter"), (rows(lambda j, c, q: not (j and c and q)), "all rows but this one"),
                         (rows(lambda j, c, q: not c), "everything in the other cities"), (rows(lambda j, c, q: j and not c and q, np.median), "These are medians")):
        says("7.4", answer, text)


@pytest.mark.parametrize("answer, text", [
    (lambda s, a: 1 - a * s / (1 + a**2 * s), "*minus* one"), (lambda s, a: -1 + a * s / (1 + a**2), "holds all of xi here"),
    (lambda s, a: -1 + a * s / (1.25 + a**2 * s), "Noise is each city's own"), (lambda s, a: -1 + a * s**2 / (1 + a**2 * s**2), "squared here"),
    (lambda s, a: -1 + s / (1 + a**2 * s), "instrument and *xi*"), (lambda s, a: -1 + a**2 * s / (1 + a**2 * s), "a stands once")])
def test_other_limits(answer, text):
    says("7.5", lambda national, a: answer(national, a), text)


def test_other_conditional_F():
    def zero(y, others, P):
        return np.zeros(1)
    says("7.6", lambda y, others, Z, df: conditional(y, others, Z, df, b=zero), "cleared of the others first")
    says("7.6", lambda y, others, Z, df: conditional(y, others, Z, 1, instruments=1), "Neither sum of squares")

    def r_squared(y, others, Z, df):
        F = conditional(y, others, Z, 1, instruments=1)         # explained over unexplained
        return F / (1 + F)
    says("7.6", r_squared, "R-squared")


def test_hints_come_in_three_steps():
    assert all(len(exercise.hints) == 3 for exercise in checks.exercises(7).values())
