"""Exercises of lesson 04: typical wrong answers, each computed here, get their diagnosis."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares
from scipy.stats import chi2

import blpteach
from blpteach.course import checks
from blpteach.examples import cereal


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()


@pytest.fixture(scope="module")
def problem():
    return cereal()[0]


@pytest.fixture(scope="module")
def estimates():
    problem, start = cereal()
    return problem.estimate(**start, progress=False)


@pytest.fixture(scope="module")
def two_step():
    problem, start = cereal()
    return problem.estimate(start["sigma"], start["pi"], steps=2, progress=False)


def says(exercise, answer, fragment):
    """Whether an answer is called wrong, with this diagnosis."""
    reply = blpteach.check(exercise, answer)
    return reply.kind == "wrong" and fragment in str(reply)


def column_by_column(r, R, scale):
    """The gradient in other units, one parameter at a time."""
    return [2 * sum(r[m] * R[m, k] * scale[k] for m in range(len(r))) for k in range(len(scale))]


def test_gradient_in_other_units():
    assert blpteach.check("4.1", column_by_column)
    assert blpteach.check("4.1", lambda r, R, scale: pd.Series(2 * (R * scale).T @ r))
    assert says("4.1", lambda r, R, scale: np.einsum("m,mk->k", 2 * r, R), "This is the gradient in theta2")
    assert says("4.1", lambda r, R, scale: 2 * r @ (R / scale), "You divide by `scale`")
    assert says("4.1", lambda r, R, scale: r @ (R * scale), "The 2 is missing")
    assert says("4.1", lambda r, R, scale: -2 * r @ (R * scale), "downhill")
    assert says("4.1", lambda r, R, scale: 2 * r @ (R * scale**2), "`scale` twice")
    assert says("4.1", lambda r, R, scale: 2 * r @ R * np.sqrt(scale @ scale), "the length of `scale`")
    assert says("4.1", lambda r, R, scale: 2 * R * scale, "derivatives of r in eta")
    assert says("4.1", lambda r, R: 2 * R.T @ r, "will be called with (r, R, scale)")


def test_hansens_test(estimates, two_step):
    J = two_step.objective
    assert blpteach.check("4.2", chi2.sf(J, 6)) and blpteach.check("4.2", np.array([1 - chi2.cdf(J, 20 - 13 - 1)]))
    assert says("4.2", chi2.sf(estimates.objective, 6), "one-step objective")
    assert says("4.2", chi2.sf(J, 7), "You count 13 parameters")
    assert says("4.2", chi2.sf(J, 20), "20 degrees of freedom")
    assert says("4.2", chi2.sf(J, 14), "14 degrees of freedom")
    assert says("4.2", chi2.cdf(J, 6), "probability of a smaller J")
    assert says("4.2", 100 * chi2.sf(J, 6), "percent")
    assert says("4.2", J, "This is J itself")
    assert says("4.2", chi2.sf(2256 * J, 6), "N g'Wg already") and says("4.2", False, "Whether the test rejects")
    assert says("4.2", chi2.sf(J / 2256, 6), "not to be divided by N") and says("4.2", True, "Whether the test rejects")
    assert says("4.2", chi2.sf(J, 19), "one parameter off, beta") and says("4.2", chi2.sf(J, 13), "13 degrees of freedom")
    assert says("4.2", chi2.sf(J / 2, 6), "You halve the objective")
    assert says("4.2", chi2.pdf(J, 6), "density at J") and says("4.2", 12.5916, "critical value")


def by_regression(weights):
    """The shortened step as a regression with P more rows: `weights(R)` (P,) on the diagonal."""
    def step(r, R, penalty):
        rows = np.sqrt(penalty) * np.diag(weights(R))
        return np.linalg.lstsq(np.vstack([R, rows]), -np.r_[r, np.zeros(len(rows))])[0]
    return step


def test_shortened_step():
    assert blpteach.check("4.3", by_regression(lambda R: np.linalg.norm(R, axis=0)))
    assert says("4.3", by_regression(lambda R: np.ones(R.shape[1])), "depend on the units")
    assert says("4.3", by_regression(lambda R: np.zeros(R.shape[1])), "bare Gauss-Newton step")
    assert says("4.3", by_regression(lambda R: np.sqrt(np.linalg.norm(R, axis=0))), "has its square")
    assert says("4.3", lambda r, R, penalty: -np.linalg.pinv(R) @ r / (1 + penalty), "on the whole of R'R")
    assert says("4.3", lambda r, R, penalty: -by_regression(lambda R: np.linalg.norm(R, axis=0))(r, R, penalty), "uphill")
    assert says("4.3", by_regression(lambda R: np.sqrt(2) * np.linalg.norm(R, axis=0)), "counts twice")
    assert says("4.3", by_regression(lambda R: np.sqrt(1 / 2) * np.linalg.norm(R, axis=0)), "Half of the penalty")
    wrong = {"square the penalty": lambda r, R, penalty: -np.linalg.inv(R.T @ R + penalty**2 * np.diag((R**2).sum(0))) @ R.T @ r,
             "subtract the penalty": lambda r, R, penalty: -np.linalg.inv(R.T @ R - penalty * np.diag((R**2).sum(0))) @ R.T @ r,
             "down the gradient": lambda r, R, penalty: -r @ R,
             "R'R is missing": lambda r, R, penalty: -r @ R / (penalty * np.einsum("mk,mk->k", R, R)),
             "Off the diagonal": lambda r, R, penalty: -r @ R / ((1 + penalty) * np.einsum("mk,mk->k", R, R)),
             "every element of R'R": lambda r, R, penalty: -np.linalg.inv(R.T @ R + penalty) @ R.T @ r,
             "the sum of each column": lambda r, R, penalty: -np.linalg.inv(R.T @ R + penalty * np.diag(R.sum(0)**2)) @ R.T @ r,
             "means of squares": lambda r, R, penalty: -np.linalg.inv(R.T @ R + penalty * np.diag((R**2).mean(0))) @ R.T @ r,
             "bare step times": lambda r, R, penalty: -penalty * np.linalg.pinv(R) @ r}
    assert all(says("4.3", function, fragment) for fragment, function in wrong.items())
    assert says("4.3", lambda r, R, penalty: -np.linalg.inv(R.T @ R + penalty * (R**2).sum(0)) @ R.T @ r, "belongs on the diagonal")


def standard_error(problem, estimates, groups, columns=slice(None), place=-1):
    """From the sandwich written out, with moments summed within groups."""
    contributions = pd.DataFrame(problem.Z * estimates.xi[:, None])
    contributions = (contributions - contributions.mean()).groupby(np.asarray(groups)).sum().to_numpy()
    S, G, W = contributions.T @ contributions / problem.N, estimates.G[:, columns], estimates.W
    bread = np.linalg.inv(G.T @ W @ G)
    return np.sqrt(np.diag(bread @ G.T @ W @ S @ W @ G @ bread / problem.N))[place]


def same_variance(problem, estimates, columns):
    """The price coefficient's, from S = sigma^2 Z'Z/N."""
    Z, G, W = problem.Z, estimates.G[:, columns], estimates.W
    S, bread = estimates.xi.var() * Z.T @ Z / problem.N, np.linalg.inv(G.T @ W @ G)
    return np.sqrt((bread @ G.T @ W @ S @ W @ G @ bread)[-1, -1] / problem.N)


def test_standard_error_by_city(problem, estimates):
    products = problem.products
    right = standard_error(problem, estimates, products["city_ids"])
    assert blpteach.check("4.4", right) and blpteach.check("4.4", np.array([right]))
    assert says("4.4", estimates.beta_se[0], "takes all rows as independent")
    assert says("4.4", standard_error(problem, estimates, products["city_ids"], slice(13, None)), "theta2 taken as known: all 14")
    assert says("4.4", standard_error(problem, estimates, np.arange(problem.N), slice(13, None)), "the naive standard error")
    assert says("4.4", standard_error(problem, estimates, products["product_ids"]), "cluster by product")
    assert says("4.4", standard_error(problem, estimates, products["market_ids"]), "cluster by market")
    assert says("4.4", standard_error(problem, estimates, products["city_ids"], place=0), "sigma on the constant")
    assert says("4.4", right**2, "square") and says("4.4", abs(estimates.beta[0]) / right, "the t value")
    assert says("4.4", standard_error(problem, estimates, products["firm_ids"]), "cluster by firm")
    assert says("4.4", standard_error(problem, estimates, products["market_ids"].str[-2:]), "cluster by quarter")
    assert says("4.4", right * np.sqrt(2256 / 47), "number of cities, 47, where N belongs") and says("4.4", right * np.sqrt(2256), "1/N of (3.9) is missing")
    assert says("4.4", right / np.sqrt(47), "once more") and says("4.4", np.sqrt(2) * estimates.beta_se[0], "by root 2")
    assert says("4.4", standard_error(problem, estimates, products["city_ids"], place=-2), "the very last")
    assert says("4.4", same_variance(problem, estimates, slice(None)), "one variance for all rows")
    assert says("4.4", same_variance(problem, estimates, slice(13, None)), "One variance for all rows, and theta2")
    by_city = blpteach.Problem(products, problem.agents, linear="0 + prices", absorb="product_ids", random="1 + prices + sugar + mushy",
                               demographics="0 + income + income_squared + age + child", clusters="city_ids")
    start = cereal()[1]
    assert says("4.4", by_city.estimate(start["sigma"], start["pi"], steps=2, progress=False).beta_se[0], "two-step GMM")
    assert standard_error(problem, estimates, products["market_ids"]) == pytest.approx(18.2, abs=0.05)     # the insight's number


def test_bounds(problem, estimates):
    free = estimates.free
    beta_map, moment_map = blpteach.concentrate(problem.X1, problem.Z, blpteach.weighting_2sls(problem.Z))

    def r(theta2):
        return moment_map @ blpteach.solve_delta(theta2, free, problem.blocks, problem.N).delta

    def R(theta2):
        return moment_map @ blpteach.solve_delta(theta2, free, problem.blocks, problem.N).jacobian
    lower = np.r_[np.zeros(4), np.full(9, -np.inf)]
    found = least_squares(r, free.start, R, bounds=(lower, np.inf), x_scale="jac", ftol=1e-10)
    beta = (beta_map @ blpteach.solve_delta(found.x, free, problem.blocks, problem.N).delta)[0]
    assert np.allclose([2 * found.cost, beta], [4.7214, -60.17], rtol=1e-3)
    assert blpteach.check("4.5", [2 * found.cost, beta]) and blpteach.check("4.5", (2 * found.cost, beta))
    assert says("4.5", [estimates.objective, estimates.beta[0]], "minimum without bounds")
    assert says("4.5", [found.cost, beta], "half the sum of squares")
    assert says("4.5", [2 * found.cost, estimates.beta[0]], "one of the minimum without bounds")
    assert says("4.5", [beta, 2 * found.cost], "in the other order")
    assert says("4.5", 2 * found.cost, "one number; expected shape (2,)")
    assert says("4.5", [estimates.objective / 2, estimates.beta[0]], "Half of the minimum") and says("4.5", [estimates.objective, beta], "no bounded search")
    at_start = problem.evaluate(*(cereal()[1][name] for name in ("sigma", "pi")))
    assert says("4.5", [at_start.objective, at_start.beta[0]], "nothing was searched") and says("4.5", [2 * found.cost, at_start.beta[0]], "that of the starting")
    assert says("4.5", [np.sqrt(2 * found.cost), beta], "length of r") and says("4.5", [2 * found.cost / 2256, beta], "not divided by it")
    stack = blpteach.solve_delta(found.x, free, problem.blocks, problem.N).delta[problem.blocks[0].index]
    assert says("4.5", [2 * found.cost, (beta_map @ stack.T.reshape(-1))[0]], "order of the table")
    two = problem.estimate(cereal()[1]["sigma"], cereal()[1]["pi"], steps=2, sigma_bounds=(0, None), progress=False)
    assert says("4.5", [two.objective, two.beta[0]], "weights of two-step")
    stopped = problem.estimate(**cereal()[1], method="BFGS", options={"gtol": 0.5}, progress=False)
    assert says("4.5", [stopped.objective, stopped.beta[0]], "stopped on the way")
    signless = problem.evaluate(abs(estimates.sigma), estimates.pi)
    assert says("4.5", [signless.objective, signless.beta[0]], "absolute values of sigma")
    without = problem.evaluate(np.maximum(estimates.sigma, 0), estimates.pi)
    assert says("4.5", [without.objective, without.beta[0]], "set the negative sigma to zero")


def elasticity(problem, Gamma, beta, delta, observed=False):
    """Mean own elasticity from (5.2), market by market; divided by the model's shares or by the observed ones."""
    own = []
    for t in range(problem.T):
        one = problem.blocks[0][t]
        mu, alpha = blpteach.taste_deviations(one.X2, one.tastes, Gamma), beta + one.tastes @ Gamma[1]
        P, p = blpteach.choice_probabilities(delta[one.index], mu), problem.prices[one.index]
        own += list(p * ((P * (1 - P)) @ (one.weights * alpha)) / (one.shares if observed else P @ one.weights))
    return np.mean(own)


def test_error_of_the_mean_elasticity(problem, estimates):
    free, V = estimates.free, estimates.covariance
    beta_map, _ = blpteach.concentrate(problem.X1, problem.Z, blpteach.weighting_2sls(problem.Z))

    def slopes(delta_of, beta_of, observed=False):
        c = np.empty(14)
        for k in range(14):
            step = 1e-4 * np.eye(14)[k] * max(1, abs(np.r_[estimates.theta2, estimates.beta][k]))
            ends = []
            for sign in (1, -1):
                theta2, beta = (np.r_[estimates.theta2, estimates.beta] + sign * step)[:13], estimates.beta[0] + sign * step[13]
                delta = delta_of(theta2)
                ends.append(elasticity(problem, free.unpack(theta2).Gamma, beta_of(delta, beta), delta, observed))
            c[k] = (ends[0] - ends[1]) / (2 * step[k])
        return c

    def anew(theta2):
        return blpteach.solve_delta(theta2, free, problem.blocks, problem.N).delta
    c = slopes(anew, lambda delta, beta: beta)
    assert np.sqrt(c @ V @ c) == pytest.approx(0.125, abs=1e-3)
    assert blpteach.check("4.6", np.sqrt(c @ V @ c))
    assert says("4.6", abs(c[13]) * estimates.beta_se[0], "You let beta alone vary")
    assert says("4.6", np.sqrt((c**2 * np.diag(V)).sum()), "You use the variances alone")
    se, own = np.sqrt(c @ V @ c), abs(estimates.own_elasticities().mean())
    assert says("4.6", c @ V @ c, "square") and says("4.6", 2 * se, "Twice the right number") and says("4.6", 2256 * se, "You sum the elasticities")
    assert says("4.6", -own, "mean own elasticity itself") and says("4.6", se / own, "as a fraction") and says("4.6", 100 * se / own, "in percent of")
    assert says("4.6", own / se, "a t value") and says("4.6", se / np.sqrt(2256), "once more") and says("4.6", estimates.beta_se[0], "the price coefficient's")
    assert says("4.6", own * estimates.beta_se[0] / abs(estimates.beta[0]), "as proportional")
    assert says("4.6", abs(c) @ np.sqrt(np.diag(V)), "as if all estimates erred")
    products = problem.products
    for kind, fragment in (("clustered", "clustered by city"), ("unadjusted", "one variance for all")):
        S = blpteach.moment_covariance(problem.Z, estimates.xi, kind, products["city_ids"].to_numpy() if kind == "clustered" else None)
        assert says("4.6", np.sqrt(c @ blpteach.sandwich(estimates.G, estimates.W, S, problem.N) @ c), fragment)
    fixed = slopes(lambda theta2: estimates.delta, lambda delta, beta: beta)
    assert says("4.6", np.sqrt(fixed @ V @ fixed), "You keep delta fixed")
    fixed = slopes(lambda theta2: estimates.delta, lambda delta, beta: beta, observed=True)
    assert says("4.6", np.sqrt(fixed @ V @ fixed), "divide by the observed shares")
    naive = standard_error(problem, estimates, np.arange(problem.N), slice(13, None))
    assert says("4.6", abs(c[13]) * naive, "That had to be found out")
    own = estimates.own_elasticities()
    assert says("4.6", np.std(own, ddof=1), "differ between products")
    assert says("4.6", np.std(own) / np.sqrt(len(own)), "as a random sample")
    again = slopes(anew, lambda delta, beta: (beta_map @ delta)[0])
    assert says("4.6", np.sqrt(again @ V @ again), "You estimate beta anew")
