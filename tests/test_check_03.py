"""The checks of lesson 03 name the mistakes that readers make. Wrong answers are computed here by other formulas than in the checks."""

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
def autos():
    """Prices times what one minus the share leaves, delta, exogenous columns, prices, excluded instruments, and the table."""
    products = blpteach.load_autos()[0]
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    exogenous = products[["hpwt", "air", "mpd", "space"]].to_numpy(float)
    excluded = products[[f"demand_instruments{k}" for k in range(8)]].to_numpy()
    return products, np.log(products["shares"] / outside).to_numpy(), exogenous, products["prices"].to_numpy(), excluded


@pytest.fixture(scope="module")
def cereal():
    """Delta, price and instruments of the cereals with product and market codes."""
    products = blpteach.load_cereal()[0]
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    delta = np.log(products["shares"] / outside).to_numpy()
    return delta, products["prices"].to_numpy(), products[[f"demand_instruments{k}" for k in range(20)]].to_numpy(), products


def residuals(columns, y):
    return y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]


def dummies(*columns):
    return np.column_stack([pd.get_dummies(column).to_numpy(float) for column in columns])


def tsls(y, price, controls, z):
    """The price coefficient by a regression on fitted prices, all net of the controls."""
    y, price, z = (residuals(controls, v) for v in (y, price, z))
    fitted = z @ np.linalg.lstsq(z, price, rcond=None)[0]
    return fitted @ y / (fitted @ price)


def ols(y, price, controls):
    return tsls(y, price, controls, price[:, None])


def says(number, answer, text):
    reply = blpteach.check(number, answer)
    assert not reply and text in str(reply), str(reply)


def test_elastic_demand_everywhere(autos):
    products, *_ = autos
    reach = products["prices"] * (1 - products["shares"])
    assert blpteach.check("3.1", -1 / reach.min()) and blpteach.check("3.1", np.array([-0.294721]))
    says("3.1", -1 / reach.max(), "only the dearest car")
    says("3.1", -1 / reach.mean(), "Most rows")
    assert (reach < reach.mean()).mean() > 0.6                  # what that reply says
    says("3.1", -1 / reach.median(), "median row")
    says("3.1", -reach.min(), "divide")
    says("3.1", 1 / reach.min(), "sign is wrong")
    says("3.1", -1 / products["prices"].min(), "`1 - shares` is missing")
    says("3.1", -1 / (products["prices"] * products["shares"]).min(), "where `1 - shares` belongs")
    says("3.1", -1 / reach.min() / 1000, "utils per dollar")
    says("3.1", -1000 / reach.min(), "A thousand times too large")
    says("3.1", -reach.max() / reach.min(), "elasticity of the dearest car")
    _, delta, exogenous, price, excluded = autos
    controls = np.column_stack([np.ones(len(delta)), exogenous])
    says("3.1", tsls(delta, price, controls, excluded), "the estimate by instruments")
    says("3.1", ols(delta, price, controls), "the least squares estimate")


def test_product_and_market_effects(cereal):
    y, price, z, products = cereal
    product, market = products["product_ids"], products["market_ids"]
    both, one = dummies(product, market), dummies(product)
    right = tsls(y, price, both, z)
    assert abs(right - -30.434) < 1e-3 and blpteach.check("3.2", right) and blpteach.check("3.2", pd.Series([right]))
    for answer, known, text in ((ols(y, price, both), -28.618, "Product and market effects, but price is not instrumented"),
                                (ols(y, price, one), -28.950, "Product effects, but price not instrumented"),
                                (tsls(y, price, one, z), -30.098, "product effects alone"),
                                (tsls(y, price, dummies(market), z), None, "market effects alone"),
                                (tsls(residuals(both, y), residuals(both, price), np.zeros((len(y), 1)), z), None, "as they stand in the table"),
                                (tsls(residuals(both, y), residuals(both, price), np.zeros((len(y), 1)), residuals(one, z)), None, "Instruments included"),
                                (tsls(y, price, np.ones((len(y), 1)), z), None, "No effects at all"),
                                (ols(y, price, np.ones((len(y), 1))), None, "No effects, and price not instrumented"),
                                (ols(y, price, dummies(market)), None, "Market effects alone, and price not instrumented"),
                                (tsls(y, price, dummies(products["firm_ids"], market), z), None, "effects of firms and markets"),
                                (tsls(y, price, dummies(product, products["city_ids"]), z), None, "products and cities"),
                                (tsls(y, price, dummies(product, products["quarter"]), z), None, "products and quarters")):
        assert known is None or abs(answer - known) < 1e-3
        says("3.2", answer, text)


def test_firm_effects(autos):
    products, delta, exogenous, price, excluded = autos
    firm, constant = dummies(products["firm_ids"]), np.ones((len(delta), 1))

    def problem(absorb="firm_ids", clusters="clustering_ids"):
        formula = ("0" if absorb else "1") + " + hpwt + air + mpd + space + prices"
        return blpteach.Problem(products, linear=formula, absorb=absorb, clusters=clusters)

    def slopes(dummy):
        controls = np.column_stack([exogenous, dummy])
        return ols(delta, price, controls), tsls(delta, price, controls, excluded)
    two = problem().estimate(steps=2).beta[-1]
    right = np.array([*slopes(firm), two])
    assert np.allclose(right, [-0.0675, -0.0815, -0.0886], atol=1e-4) and blpteach.check("3.3", right) and blpteach.check("3.3", list(right))
    assert blpteach.check("3.3", pd.Series(right, ["least squares", "one-step", "two-step"]))
    says("3.3", [*slopes(constant), problem(None).estimate(steps=2).beta[-1]], "without firm effects")
    says("3.3", [right[0], slopes(constant)[1], problem(None).estimate(steps=2).beta[-1]], "Only the first has firm effects")
    own = blpteach.Problem(products, linear="0 + hpwt + air + mpd + space + prices", absorb="firm_ids", instruments=["prices"])
    says("3.3", [own.estimate().beta[0], problem().estimate().beta[0], problem().estimate(steps=2).beta[0]], "power")
    says("3.3", [right[0]] * 3, "price is not instrumented in any of the three")
    says("3.3", [*right[:2], right[1]], "one-step estimate again")
    says("3.3", [right[1], right[1], right[2]], "The first is the one-step estimate")
    says("3.3", [slopes(constant)[0], *right[1:]], "has no firm effects; the other two have")
    label = dummies(products["clustering_ids"])
    says("3.3", [*slopes(label), problem("clustering_ids").estimate(steps=2).beta[-1]], "absorb the label")
    fits = [own.estimate(), problem().estimate(), problem().estimate(steps=2)]
    says("3.3", [fits[1].objective * 0, *(e.objective for e in fits[1:])], "objectives")
    says("3.3", [blpteach.Problem(products, linear="0 + hpwt + air + mpd + space + prices", absorb="firm_ids", instruments=["prices"], clusters="clustering_ids").estimate().beta_se[-1],
                 *(e.beta_se[-1] for e in fits[1:])], "standard errors")
    says("3.3", [*right[:2], problem(clusters=None).estimate(steps=2).beta[-1]], "robust, not clustered")
    says("3.3", [*slopes(dummies(products["region"])), problem("region").estimate(steps=2).beta[-1]], "region of the maker")


def sums_within(values, clusters):
    """Sums by cluster, with a matrix of zeros and ones."""
    return (clusters[:, None] == np.unique(clusters)).T.astype(float) @ values


def standard_errors(y, X, Z, clusters, summed=True, weights=np.linalg.inv, scale=1.0, fitted=False):
    """The formula of the exercise from sums, not averages: var = B (sum h h') B' with B = (X'Z V Z'X)^-1 X'Z V."""
    V = weights(Z.T @ Z)
    B = np.linalg.inv(X.T @ Z @ V @ Z.T @ X) @ X.T @ Z @ V
    columns = Z @ np.linalg.inv(Z.T @ Z) @ Z.T @ X if fitted else X
    h = Z * (y - columns @ B @ Z.T @ y)[:, None]
    h = h - h.mean(0)
    h = sums_within(h, clusters) if summed else h
    return np.sqrt(scale * np.diag(B @ h.T @ h @ B.T))


def classical(y, X, Z, clusters):
    fitted = Z @ np.linalg.inv(Z.T @ Z) @ Z.T @ X
    xi = y - X @ np.linalg.inv(fitted.T @ fitted) @ fitted.T @ y
    return np.sqrt(np.var(xi) * np.diag(np.linalg.inv(fitted.T @ fitted)))


def stata(y, X, Z, clusters, rows=True):
    """Clustered, with the small-sample factor of other programs."""
    C, (N, K) = len(np.unique(clusters)), X.shape
    return standard_errors(y, X, Z, clusters, scale=C / (C - 1) * ((N - 1) / (N - K) if rows else 1))


def cluster_means(y, X, Z, clusters):
    """Contributions averaged within clusters, then squared and added."""
    A = np.linalg.inv(X.T @ Z @ np.linalg.inv(Z.T @ Z) @ Z.T @ X) @ X.T @ Z @ np.linalg.inv(Z.T @ Z)
    h = pd.DataFrame(Z * (y - X @ A @ Z.T @ y)[:, None]).groupby(clusters).mean().to_numpy()
    return np.sqrt(np.diag(A @ h.T @ h @ A.T))


def given_residuals(xi, X, Z, clusters):
    """Clustered standard errors with these residuals."""
    A = np.linalg.solve(X.T @ Z @ np.linalg.solve(Z.T @ Z, Z.T @ X), X.T @ Z @ np.linalg.inv(Z.T @ Z))
    h = pd.DataFrame(Z * xi[:, None])
    h = (h - h.mean()).groupby(clusters).sum().to_numpy()
    return np.sqrt(np.diag(A @ h.T @ h @ A.T))


def bread_only(y, X, Z, clusters):
    """W in place of S in the sandwich."""
    N, W = len(y), np.linalg.inv(Z.T @ Z / len(y))
    G = Z.T @ X / N
    A = np.linalg.inv(G.T @ W @ G) @ G.T @ W
    return np.sqrt(np.diag(A @ W @ A.T) / N)


@pytest.mark.parametrize("function, text", [
    (lambda *a: standard_errors(*a, summed=False), "Robust, not clustered"),
    (classical, "Classical standard errors"),
    (lambda y, X, Z, c: classical(y, X, Z, c) * np.sqrt(len(y) / (len(y) - X.shape[1])), "N - K is a small-sample factor"),
    (stata, "`C / (C - 1) * (N - 1) / (N - K)`"),
    (lambda *a: stata(*a, rows=False), "`C / (C - 1)` with"),
    (cluster_means, "averaged within clusters"),
    (lambda y, *a: standard_errors(y, *a, scale=len(y)), "A division by N is missing"),
    (lambda y, *a: standard_errors(y, *a, scale=1 / len(y)**2), "division by N is forgotten in G"),
    (lambda y, X, Z, c: standard_errors(y, X, Z, c, scale=len(y) / len(np.unique(c))), "number of clusters"),
    (bread_only, "W stands where S belongs"),
    (lambda *a: standard_errors(*a, weights=lambda ZZ: ZZ), "in place of its inverse"),
    (lambda *a: standard_errors(*a, weights=lambda ZZ: np.eye(len(ZZ))), "weights are the identity"),
    (lambda *a: standard_errors(*a, fitted=True), "fitted values of X"),
    (lambda y, X, Z, c: standard_errors(y, X, X, c), "belong to least squares"),
    (lambda y, X, Z, c: standard_errors(y, X, Z, c) / np.sqrt(len(y)), "One division by N too many"),
    (lambda y, X, Z, c: given_residuals(y - X @ np.linalg.lstsq(X, y, rcond=None)[0], X, Z, c), "what least squares leaves"),
    (lambda y, X, Z, c: given_residuals(y, X, Z, c), "`y` stands in place of xi"),
    (lambda y, X, Z, c: np.linalg.solve(X.T @ Z @ np.linalg.solve(Z.T @ Z, Z.T @ X), X.T @ Z @ np.linalg.solve(Z.T @ Z, Z.T @ y)), "the estimates, not their"),
    (lambda y, X, Z, c: np.diag(standard_errors(y, X, Z, c)**2), "expected"),
    (lambda *a: standard_errors(*a)**2, "square of the right answer"),
    (lambda y, X, Z, c: standard_errors(y, X, Z, c)[1], "expected")])
def test_wrong_standard_errors(function, text):
    def answer(y, X, Z, clusters):
        return function(y, X, Z, clusters)
    says("3.4", answer, text)


def test_right_standard_errors():
    assert blpteach.check("3.4", standard_errors)
    assert blpteach.check("3.4", lambda y, X, Z, clusters: pd.Series(standard_errors(y, X, Z, clusters)))


def test_observations_for_an_f_of_ten():
    right = 36 * 49                                             # lambda over 0.02/0.98
    assert blpteach.check("3.5", right) and blpteach.check("3.5", 1764.0)
    for answer, text in ((40 * 49, "The one is forgotten"), (36 * 50, "whole"), (9 * 49, "M is forgotten"), (10 * 49, "M and the one are forgotten"),
                         (36 / 49, "upside down"), (36, "This is lambda"), (40 * 50, "The one is forgotten, and the explained"),
                         (9 * 50, "The M is forgotten, and the explained"), (500, "The M and the one are forgotten, and the explained"), (44 * 49, "added where it is to be subtracted"),
                         (1765, "Rounded")):
        says("3.5", answer, text)


def one_at_a_time(delta_net, price_net, excluded_net):
    """Weights by instruments' parts of the fitted price."""
    fitted = excluded_net * np.linalg.solve(excluded_net.T @ excluded_net, excluded_net.T @ price_net)          # (N, m)
    b = [z @ delta_net / (z @ price_net) for z in excluded_net.T]
    return np.array([b, fitted.T @ price_net / (fitted.sum(1) @ price_net)])


def with_weights(weights):
    def mistaken(d, p, Z):
        return np.array([one_at_a_time(d, p, Z)[0], weights(p, Z)])
    return mistaken


def first_stage_alone(p, Z):
    first = np.linalg.inv(Z.T @ Z) @ Z.T @ p
    return first / first.sum()


@pytest.mark.parametrize("function, text", [
    (with_weights(first_stage_alone), "first-stage coefficients over their sum"),
    (with_weights(lambda p, Z: Z.T @ p / (Z.T @ p).sum()), "Multiply by the coefficients of the first stage"),
    (with_weights(lambda p, Z: np.linalg.inv(Z.T @ Z) @ Z.T @ p * (Z.T @ p)), "don't sum to one"),
    (lambda d, p, Z: np.array([Z.T @ d / (Z**2).sum(0), one_at_a_time(d, p, Z)[1]]), "reduced forms"),
    (lambda d, p, Z: np.array([Z.T @ p / (Z.T @ d), one_at_a_time(d, p, Z)[1]]), "upside down"),
    (lambda d, p, Z: np.array([np.linalg.solve(Z.T @ Z, Z.T @ d) / np.linalg.solve(Z.T @ Z, Z.T @ p), one_at_a_time(d, p, Z)[1]]), "One at a time"),
    (with_weights(lambda p, Z: np.full(Z.shape[1], 1 / Z.shape[1])), "weights are equal"),
    (lambda d, p, Z: one_at_a_time(d, p, Z) * [[1], [1]] * np.array([np.ones(Z.shape[1]), one_at_a_time(d, p, Z)[0]]), "estimates times weights"),
    (lambda d, p, Z: np.array([one_at_a_time(d, p, Z)[0], (lambda w: w / w.sum())(np.linalg.solve(Z.T @ Z, Z.T @ p) * (Z.T @ d))]), "`z'delta` where `z'p` belongs"),
    (lambda d, p, Z: one_at_a_time(d, p, Z)[0] @ one_at_a_time(d, p, Z)[1], "the 2SLS estimate itself"),
    (lambda d, p, Z: one_at_a_time(d, p, Z)[[1, 0]], "rows are exchanged"),
    (lambda d, p, Z: one_at_a_time(d, p, Z).T, "It is the transpose")])
def test_wrong_averages(function, text):
    says("3.6", function, text)


def test_right_averages_reproduce_2sls(autos):
    products, delta, exogenous, price, excluded = autos
    assert blpteach.check("3.6", one_at_a_time) and blpteach.check("3.6", lambda d, p, Z: tuple(one_at_a_time(d, p, Z)))
    controls = np.column_stack([np.ones(len(delta)), exogenous])
    b, omega = one_at_a_time(*(residuals(controls, v) for v in (delta, price, excluded)))
    assert np.isclose(omega @ b, tsls(delta, price, controls, excluded))
