"""The checks of lesson 09 name the mistakes that readers make. Wrong answers are computed here by other formulas than in the checks."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import fsolve

import blpteach
from blpteach.course import checks
from blpteach.plots.automobiles import estimated_cars


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture(scope="module")
def cars():
    return estimated_cars()


@pytest.fixture(scope="module")
def products():
    return blpteach.load_autos()[0]


@pytest.fixture(scope="module")
def market(cars, products):
    """delta, mu, alpha, weights, prices, shares and firms of 1990, written out from the tables."""
    rows = (products["market_ids"] == 1990).to_numpy()
    table, agents = products[rows], blpteach.load_autos()[1].query("market_ids == 1990")
    x = np.column_stack([np.ones(rows.sum()), table[["hpwt", "air", "mpd", "space"]]])
    nodes = agents[[f"nodes{k}" for k in range(5)]].to_numpy()
    alpha_i = cars.pi[1, 0] / agents["income"].to_numpy()
    mu = x * cars.sigma[[0, 2, 3, 4, 5], range(5)] @ nodes.T + np.outer(table["prices"], alpha_i)
    return {"delta": cars.delta[rows], "mu": mu, "alpha": np.tile(alpha_i, (len(x), 1)), "weights": agents["weights"].to_numpy(),
            "prices": table["prices"].to_numpy(), "shares": table["shares"].to_numpy(), "firm": table["firm_ids"].to_numpy()}


def says(number, answer, text):
    reply = blpteach.check(number, answer)
    assert not reply and text in str(reply), str(reply)


def jacobian(P, weights, alpha):
    """Type by type."""
    return sum(w * (np.diag(a * p) - np.outer(p, a * p)) for p, a, w in zip(P.T, alpha.T, weights))


def accord_row(products):
    return (products["clustering_ids"] == "HDACCO90") & (products["market_ids"] == 1990)


# 9.1 -----------------------------------------------------------------------------------------------------------------------

def test_the_cost_of_an_accord(cars, products, market):
    row = accord_row(products)
    price, here = products.loc[row, "prices"].item(), market["prices"] == products.loc[row, "prices"].item()
    V = np.exp(market["delta"][:, None] + market["mu"])
    P = V / (1 + V.sum(0))
    D = jacobian(P, market["weights"], market["alpha"])
    honda = market["firm"] == 3
    eta = np.linalg.solve(-D[np.ix_(honda, honda)].T, market["shares"][honda])[here[honda]][0]       # firm 3 alone
    right = 1000 * (price - eta)
    assert blpteach.check("9.1", right) and blpteach.check("9.1", pd.Series([right])) and abs(right - 6566) < 2
    says("9.1", right / 1000, "in thousands of dollars")
    says("9.1", 1000 * eta, "This is the margin")
    says("9.1", 1000 * price, "This is the price")
    says("9.1", 1000 * price * (1 + 1 / cars.own_elasticities()[row].item()), "Accord alone")
    monopoly = np.linalg.solve(-D.T, market["shares"])[here][0]
    says("9.1", 1000 * (price - monopoly), "joint monopoly")
    logit = blpteach.Problem(products, linear="1 + hpwt + air + mpd + space + prices").estimate()
    says("9.1", 1000 * logit.costs()[row].item(), "the logit's cost")
    says("9.1", 1000 * cars.costs()[products["market_ids"] == 1990].mean(), "mean over all cars")
    begin = blpteach.examples.automobile_parameters(3.612, 4.628, 1.818, 1.050, 2.056, -43.501)
    says("9.1", 1000 * cars.problem.evaluate(**begin).costs()[row].item(), "at the starting values")


# 9.2 and 9.3 ---------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def X3(products):
    logs = {name: np.log(products[name]) for name in ("hpwt", "mpg", "space")}
    return np.column_stack([np.ones(len(products)), logs["hpwt"], products["air"], logs["mpg"], logs["space"], products["market_ids"]])


def net_coefficient(y, X, k=2):
    """Frisch, Waugh and Lovell: the coefficient of one column from what the others leave of it."""
    others = np.delete(X, k, axis=1)
    x = X[:, k] - others @ np.linalg.lstsq(others, X[:, k], rcond=None)[0]
    return x @ y / (x @ x)


def test_percent_of_air(cars, products, X3):
    g = np.array([net_coefficient(np.log(y), X3) for y in (cars.costs(), products["prices"].to_numpy())])
    right = 100 * np.expm1(g)
    assert blpteach.check("9.2", right) and blpteach.check("9.2", list(right)) and blpteach.check("9.2", pd.Series(right, ["cost", "price"]))
    says("9.2", 100 * g, "log points")
    says("9.2", g, "differences in logs")
    says("9.2", -100 * np.expm1(-g), "without")
    says("9.2", right[::-1], "the order is cost, price")
    says("9.2", 100 * np.expm1([net_coefficient(np.log(y), X3[:, :5]) for y in (cars.costs(), products["prices"].to_numpy())]), "trend is missing")
    levels = np.column_stack([np.ones(len(products)), products[["hpwt", "air", "mpg", "space", "market_ids"]]])
    says("9.2", 100 * np.expm1([net_coefficient(np.log(y), levels) for y in (cars.costs(), products["prices"].to_numpy())]), "not in logs")
    says("9.2", [100 * net_coefficient(y, X3) / y.mean() for y in (cars.costs(), products["prices"].to_numpy())], "Regress the logarithms")
    says("9.2", right / 100, "you seem to give a fraction")


def test_dollars_of_air(cars, products, X3):
    c, g, air = cars.costs(), net_coefficient(np.log(cars.costs()), X3), products["air"] == 1
    fitted = np.exp(X3 @ np.linalg.lstsq(X3, np.log(c), rcond=None)[0])
    without = fitted / np.exp(g)
    linear = 1000 * net_coefficient(c, X3)
    right = np.array([linear, 1000 * (fitted - without)[air].mean()])
    assert blpteach.check("9.3", right) and blpteach.check("9.3", tuple(right))
    says("9.3", right / 1000, "thousands of dollars")
    says("9.3", [linear, 1000 * (fitted - without).mean()], "all cars")
    says("9.3", [linear, 1000 * (fitted * np.exp(g) - fitted)[air].mean()], "has the air conditioning already")
    says("9.3", [linear, 1000 * g * fitted[air].mean()], "small g only")
    says("9.3", [linear, 1000 * (fitted * np.exp(g) - fitted)[~air].mean()], "cars that lack it")
    says("9.3", [linear, 1000 * (c - c / np.exp(g))[air].mean()], "fitted ones")
    says("9.3", [1000 * net_coefficient(products["prices"].to_numpy(), X3), right[1]], "regression of prices")


# 9.4 -----------------------------------------------------------------------------------------------------------------------

def weights_by_loops(firm_ids, stakes, own=True):
    H = np.empty((len(firm_ids),) * 2)
    for j, f in enumerate(firm_ids):
        for l, g in enumerate(firm_ids):
            H[j, l] = 1 if f == g and own else stakes[f, g]
    return H


def costs_by(H, transpose=True):
    """Costs with weights H(firm_ids, stakes), by least squares on the first-order conditions."""
    def function(P, weights, alpha, prices, firm_ids, stakes):
        D, weight = jacobian(P, weights, alpha), H(firm_ids, stakes)
        slope = D.T if transpose else D
        eta = np.linalg.lstsq(weight * slope, -P @ weights, rcond=None)[0]
        return prices - eta
    return function


right_stakes = costs_by(weights_by_loops)


def test_right_costs_with_stakes():
    assert blpteach.check("9.4", right_stakes)
    assert blpteach.check("9.4", lambda *given: pd.Series(right_stakes(*given)))


@pytest.mark.parametrize("function, text", [
    (costs_by(lambda firm, stakes: weights_by_loops(firm, stakes.T)), "`stakes` is transposed"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, (stakes + stakes.T) / 2)), "averaged with its transpose"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, stakes, own=False)), "The diagonal of `stakes` stands"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, stakes, own=False) * (1 - np.eye(len(firm))) + np.eye(len(firm))), "Cars of *one* firm"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, 0 * stakes)), "not used"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, 0 * stakes + 1)), "joint monopoly"),
    (costs_by(weights_by_loops, transpose=False), "Jacobian must be transposed"),
    (lambda P, weights, alpha, prices, *more: prices - right_stakes(P, weights, alpha, prices, *more), "These are margins"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, stakes, own=False) + (firm[:, None] == firm)), "are added to the ones"),
    (costs_by(lambda firm, stakes: weights_by_loops(firm, stakes) - (firm[:, None] == firm) + np.eye(len(firm))), "weight of zero here"),
    (lambda P, weights, alpha, prices, *more: 2 * prices - right_stakes(P, weights, alpha, prices, *more), "added to prices"),
    (lambda *given: -right_stakes(*given), "sign is wrong")])
def test_wrong_costs_with_stakes(function, text):
    says("9.4", function, text)


# 9.6 -----------------------------------------------------------------------------------------------------------------------

def by_difference(last=lambda c, eta, prices: np.log(c), taste=1.0, delta=1.0, transpose=True, price=0.0):
    """The derivative by moving log choice probabilities a little along V, and solving for margins with the shares as they were."""
    def function(P, weights, alpha, prices, ownership, x, nu, d_delta):
        dV, ends = delta * d_delta[:, None] + taste * np.outer(x, nu), []
        for step in (1e-5, -1e-5):
            odds = P / (1 - P.sum(0)) * np.exp(step * dV)
            moved = odds / (1 + odds.sum(0))
            D = jacobian(moved, weights, alpha * np.exp(step * price))
            eta = np.linalg.solve(-ownership * (D.T if transpose else D), P @ weights)
            ends.append(last(prices - eta, eta, prices))
        return (ends[0] - ends[1]) / 2e-5
    return function


def test_right_slopes_of_log_costs():
    assert blpteach.check("9.6", by_difference())


@pytest.mark.parametrize("function, text", [
    (by_difference(delta=0.0), "Delta is held"), (by_difference(taste=0.0), "Only delta moves"), (by_difference(price=1.0), "`dalpha` is zero"), (by_difference(lambda c, eta, prices: c), "not of log cost"),
    (by_difference(lambda c, eta, prices: eta), "derivative of the margin"), (by_difference(lambda c, eta, prices: c / prices), "divided by the price"),
    (by_difference(lambda c, eta, prices: -np.log(eta)), "divided by the margin"), (by_difference(transpose=False), "nowhere transposed"),
    (by_difference(lambda c, eta, prices: -np.log(c)), "wrong sign"), (by_difference(lambda c, eta, prices: np.log(eta)), "derivative of log *margins*"),
    (by_difference(lambda c, eta, prices: c**2 / 2), "You multiplied"), (by_difference(taste=-1.0), "taste enters with a minus"),
    (by_difference(delta=-1.0), "Delta enters with a minus"), (by_difference(lambda c, eta, prices: -np.log(2 * prices - c)), "price plus margin")])
def test_wrong_slopes_of_log_costs(function, text):
    says("9.6", function, text)


# 9.5 -----------------------------------------------------------------------------------------------------------------------

def shares_at(market, prices):
    V = np.exp(market["delta"][:, None] + market["mu"] + market["alpha"] * (prices - market["prices"])[:, None])
    P = V / (1 + V.sum(0))
    return P @ market["weights"], jacobian(P, market["weights"], market["alpha"])


def best_prices(market, firm, costs):
    """Prices that solve the first-order conditions, by a general solver."""
    same = (firm[:, None] == firm).astype(float)

    def conditions(p):
        s, D = shares_at(market, p)
        return (s + (same * D.T) @ (p - costs)) / s
    return fsolve(conditions, market["prices"], xtol=1e-11)


def test_what_two_firms_gain(market):
    firm, price = market["firm"], market["prices"]
    s, D = shares_at(market, price)
    costs = price - np.linalg.solve(-1.0 * (firm[:, None] == firm) * D.T, s)
    merged, two = np.where(firm == 19, 18, firm), np.isin(firm, [18, 19])
    new = best_prices(market, merged, costs)

    def earned(p, shares, which=two):
        return 1000 * ((p - costs) * shares)[which].sum()
    before, after = earned(price, s), earned(new, shares_at(market, new)[0])
    assert blpteach.check("9.5", after - before) and abs(after - before - 8.98) < 0.02
    short_cut = costs + np.linalg.solve(-1.0 * (merged[:, None] == merged) * D.T, s)
    says("9.5", earned(short_cut, s) - before, "left sales as they were")
    says("9.5", earned(short_cut, shares_at(market, short_cut)[0]) - before, "belong to the old shares")
    says("9.5", earned(new, s) - before, "New prices with the old shares")
    says("9.5", after, "profit after, not its change")
    everybody = np.ones(len(firm), bool)
    says("9.5", earned(new, shares_at(market, new)[0], everybody) - earned(price, s, everybody), "profits of all firms")
    asleep = np.where(two, new, price)
    says("9.5", earned(asleep, shares_at(market, asleep)[0]) - before, "still ask their old prices")
    says("9.5", (after - before) / 1000, "thousands of dollars")
    sold, earned_by = shares_at(market, new)[0], {}
    for name, which in (("18 alone", firm == 18), ("19 alone", firm == 19), ("the rivals gain", ~two)):
        earned_by[name] = earned(new, sold, which) - earned(price, s, which)
        says("9.5", earned_by[name], name)
    says("9.5", 1000 * (new * sold - price * s)[two].sum(), "change of revenue")
    says("9.5", 100 * (after - before) / before, "in percent of the profit")
    says("9.5", (after - before) / two.sum(), "per car model")
    says("9.5", before, "the profit before")
    says("9.5", before - after, "less after")
    says("9.5", 100 * (new / price - 1)[two].mean(), "their prices rise")


# What forty invented wrong answers showed to be missing -------------------------------------------------------------------

def test_other_costs_of_an_accord(cars, products):
    row, price, cost = accord_row(products).to_numpy(), products["prices"].to_numpy(), cars.costs()
    own = products["clustering_ids"].str.startswith("HDACCO").to_numpy()
    for answer, text in (((price - cost)[row], "in thousands of dollars. Asked is the cost"), ((1 - cost / price)[row], "margin over the price"),
                         (1000 * (2 * price - cost)[row], "added the margin"), (1000 * cost[own].mean(), "over the Accord's years")):
        says("9.1", np.ravel(answer)[0], text)


def test_other_percents_of_air(cars, products):
    t = products
    X3 = np.column_stack([np.ones(len(t)), np.log(t["hpwt"]), t["air"], np.log(t["mpg"]), np.log(t["space"]), t["trend"]])
    values = np.column_stack([cars.costs(), t["prices"]])
    logs, levels = (np.linalg.lstsq(X3, y, rcond=None)[0] for y in (np.log(values), values))
    percent = 100 * (np.exp(logs) - 1)
    for answer, text in ((percent[2] + 100, "the 100 that were there"), (1000 * levels[2], "These are dollars"), (percent[1], "column of log `hpwt`"),
                         ([52.65, percent[2, 1]], "two-step GMM"), (percent[2, [1, 1]], "Both numbers are of the price")):
        says("9.2", answer, text)
    cost, fitted, air = values[:, 0], np.exp(X3 @ logs[:, 0]), X3[:, 2] == 1
    without = fitted * (1 - np.exp(-logs[2, 0]))
    for second, text in ((1000 * (cost[air].mean() - cost[~air].mean()), "difference of two mean costs"), (percent[2, 0], "is a percentage"),
                         (1000 * without[air].sum(), "sum over cars"), (1000 * ((X3 @ logs[:, 0]) * (1 - np.exp(-logs[2, 0])))[air].mean(), "made of log costs")):
        says("9.3", [1000 * levels[2, 0], second], text)
    says("9.3", [1000 * without[air].mean(), 1000 * levels[2, 0]], "Linear first")


def test_hints_come_in_three_steps():
    assert all(len(exercise.hints) == 3 for exercise in checks.exercises(9).values())
