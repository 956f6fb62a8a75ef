"""Step 4: the objective's gradient, the order of parameters, searches, starts, and verdicts that are honest."""
import numpy as np
import pytest
from economies import differences
from numpy.testing import assert_allclose, assert_array_equal

from blpteach import Problem, Truth, concentrate, load_simulated, simulate, weighting_2sls
from blpteach.examples import cereal
from blpteach.corners import invertible_start, random_starts, search_within
from blpteach.outer_loop import MeanUtilities, Objective, gauss_newton, gmm_steps, solve_delta
from blpteach.progress import Progress
from blpteach.simulation import FORMULAS

TRUTH = Truth()


@pytest.fixture(scope="module")
def nevo():
    return cereal()


@pytest.fixture(scope="module")
def simulated():
    return Problem(*load_simulated(), **FORMULAS)


@pytest.fixture(scope="module")
def small():
    return Problem(*simulate(T=8, J=(4, 7), I=10, seed=1), **FORMULAS)


@pytest.fixture(scope="module")
def found(simulated):
    return simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2)


def objective_of(problem, sigma, pi):
    """The concentrated objective with first-step weights, and its start."""
    free = problem.free(sigma, pi)
    moment_map = concentrate(problem.X1, problem.Z, weighting_2sls(problem.Z))[1]
    return Objective(problem.solver(free), moment_map, Progress(False)), free.start


# Parameters ----------------------------------------------------------------------------------------------------------------

def test_a_failure_in_the_first_market_alone_counts():
    """Its number is zero, which is false."""
    utilities = MeanUtilities(np.zeros(2), np.zeros((2, 1)), np.array([0]))
    assert not utilities.usable and MeanUtilities(np.zeros(2), np.zeros((2, 1)), np.array([], int)).usable


def test_theta2_is_the_lower_triangle_of_sigma_by_rows_then_pi_by_rows(nevo):
    problem, _ = nevo
    sigma = np.array([[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0], [7, 8, 9, 10.0]])
    pi = np.arange(11.0, 27).reshape(4, 4)
    free = problem.free(sigma, pi)
    assert_array_equal(free.start, np.arange(1, 27))
    assert free.names[:3] == ["sigma[1, nodes0]", "sigma[prices, nodes0]", "sigma[prices, nodes1]"]
    assert free.names[10:12] == ["pi[1, income]", "pi[1, income_squared]"]
    assert_array_equal(free.unpack(free.start).Gamma, np.hstack([sigma, pi]))


def test_zeros_are_not_parameters_and_stay_zero(simulated):
    sigma, pi = np.array([[0, 0, 0], [0, 0.5, 0], [0, 0.3, 1.0]]), np.array([[0.2], [0], [0.1]])
    free = simulated.free(sigma, pi)
    assert_array_equal(free.start, [0.5, 0.3, 1.0, 0.2, 0.1])
    estimates = simulated.estimate(sigma, pi)
    assert_array_equal(estimates.sigma == 0, sigma == 0)
    assert_array_equal(estimates.pi == 0, pi == 0)
    assert_array_equal(np.isnan(estimates.sigma_se), sigma == 0)
    assert_array_equal(np.isnan(estimates.pi_se), pi == 0)
    assert (estimates.theta2 != free.start).all()


def test_a_vector_sigma_is_a_diagonal(simulated):
    assert_array_equal(simulated.free([0, 1, 2]).Gamma, simulated.free(np.diag([0, 1, 2])).Gamma)


def test_solve_delta_scatters_markets_back_to_the_rows_of_the_table(simulated):
    free = simulated.free(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    utilities = solve_delta(free.start, free, simulated.blocks, simulated.N)
    assert utilities.usable and utilities.jacobian.shape == (simulated.N, 3)
    products = simulated.products
    truth = np.column_stack([np.ones(simulated.N), products[["prices", "x", "group"]]]) @ TRUTH.beta + products["xi"]
    assert_allclose(utilities.delta, truth, rtol=1e-9, atol=1e-9)            # at the true theta2, delta is the true one


# The objective -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("scale", [1.0, 0.3, 1.5])
def test_gradient_by_finite_differences_on_the_cereals(nevo, scale):
    problem, start = nevo
    objective, theta2 = objective_of(problem, scale * start["sigma"], scale * start["pi"])
    analytic = objective.gradient(theta2)
    numerical = differences(objective.value, theta2, 1e-6)
    assert_allclose(analytic, numerical, rtol=1e-4, atol=1e-5 * abs(analytic).max())


@pytest.mark.parametrize("seed", range(3))
def test_gradient_by_finite_differences_with_correlated_tastes(simulated, seed):
    rng = np.random.default_rng(seed)
    sigma = np.tril(rng.uniform(-0.3, 0.3, (3, 3))) + np.diag([0.2, 1, 1.5])
    objective, theta2 = objective_of(simulated, sigma, rng.uniform(-0.5, 0.5, (3, 1)))
    assert len(theta2) == 9
    analytic = objective.gradient(theta2)
    assert_allclose(analytic, differences(objective.value, theta2, 1e-6), rtol=1e-5, atol=1e-6 * abs(analytic).max())
    r_jacobian = differences(objective.residuals, theta2, 1e-6)
    assert_allclose(objective.jacobian(theta2), r_jacobian, rtol=1e-5, atol=1e-6 * abs(r_jacobian).max())


def test_objective_is_the_gmm_formula_at_the_best_beta(simulated):
    here = simulated.evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    Z, X1, N = simulated.Z, simulated.X1, simulated.N
    W = np.linalg.inv(Z.T @ Z / N)
    beta = np.linalg.solve(X1.T @ Z @ W @ Z.T @ X1, X1.T @ Z @ W @ Z.T @ here.delta)
    g = Z.T @ (here.delta - X1 @ beta) / N
    assert_allclose(here.objective, N * g @ W @ g, rtol=1e-9)
    assert_allclose(here.beta, beta, rtol=1e-9)
    assert_allclose(here.xi, here.delta - X1 @ beta, rtol=1e-9, atol=1e-10)


def test_evaluations_are_counted_and_the_last_point_is_remembered(simulated):
    objective, theta2 = objective_of(simulated, TRUTH.sigma_matrix, TRUTH.pi_matrix)
    objective.value(theta2), objective.gradient(theta2), objective.residuals(theta2), objective.jacobian(theta2)
    assert objective.evaluations == 1
    objective.value(theta2 + 0.1)
    assert objective.evaluations == 2


def test_evaluate_does_not_move(nevo):
    problem, start = nevo
    here = problem.evaluate(start["sigma"], start["pi"])
    assert_array_equal(here.sigma, start["sigma"])
    assert_array_equal(here.pi, start["pi"])
    assert_allclose(here.objective, 29.353343, rtol=1e-6)
    assert here.evaluations == 1 and not here.converged and "Evaluated at given parameters" in repr(here)
    objective, theta2 = objective_of(problem, start["sigma"], start["pi"])
    assert_allclose(here.gradient, objective.gradient(theta2), rtol=1e-9)


def test_evaluate_does_not_move_where_shares_cannot_be_inverted_either(small):
    here = small.evaluate(1e6 * TRUTH.sigma_matrix, 1e6 * TRUTH.pi_matrix)
    assert_array_equal(here.sigma, 1e6 * TRUTH.sigma_matrix)
    assert not here.inverted and "NO, not in" in here.verdict()
    assert np.isnan(here.beta_se).all() and "(n.a.)" in repr(here)          # nothing is made up from memory that happened to be there


# Starting values -----------------------------------------------------------------------------------------------------------

def test_a_start_that_cannot_be_inverted_is_halved_and_reported(nevo):
    problem, start = nevo
    estimates = problem.estimate(1e3 * start["sigma"], 1e3 * start["pi"])
    assert estimates.starts[0].halvings > 0
    assert_array_equal(estimates.starts[0].theta2, 1e3 * problem.free(start["sigma"], start["pi"]).start)
    assert f"could not be inverted and was halved {estimates.starts[0].halvings} time(s)" in estimates.verdict()
    assert estimates.converged
    assert_allclose(estimates.objective, 4.5615142, rtol=1e-7)


@pytest.mark.parametrize("factor", [1e30, 1e200])
def test_a_start_beyond_all_reason_ends_in_an_estimate_or_a_report_but_not_a_crash(small, factor):
    estimates = small.estimate(factor * TRUTH.sigma_matrix, factor * TRUTH.pi_matrix)
    assert estimates.converged or "Yes" not in estimates.verdict()
    assert "Is this an optimum?" in repr(estimates)


class Picky:
    """Usable where no parameter exceeds one."""

    def at(self, theta2):
        self.usable = abs(theta2).max() < 1
        return self


def test_invertible_start_halves_until_it_is_usable():
    assert invertible_start(Picky(), np.array([5.0, -2.0]))[1] == 3
    assert_array_equal(invertible_start(Picky(), np.array([5.0, -2.0]))[0], [0.625, -0.25])
    assert invertible_start(Picky(), np.array([0.5]))[1] == 0


def test_another_start_is_halved_towards_the_given_one():
    start, halvings = invertible_start(Picky(), np.array([2.5, 0.0]), nearer=np.array([0.5, 0.5]))
    assert halvings == 3
    assert_allclose(start, [0.75, 0.4375])


def test_where_shares_cannot_be_inverted_the_objective_is_bad_but_a_number(simulated):
    objective, theta2 = objective_of(simulated, TRUTH.sigma_matrix, TRUTH.pi_matrix)
    wild = 1e6 * theta2
    assert objective.value(wild) >= 1e9 and np.isnan(objective.residuals(wild)).all()
    assert not objective.at(wild).solved.usable
    assert np.isfinite(objective.gradient(wild)).all()


def test_several_starts_and_what_they_found(simulated, found):
    """Starts of other signs end at mirrored minima, which lie higher: that the draws tell plus from minus is simulation error."""
    estimates = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, starts=7, seed=1)
    minima, first = estimates.minima, [start for start in estimates.starts if start.step == 1]
    assert len(first) == 8 and minima["found"].sum() == 8 and minima["objective"].is_monotonic_increasing
    assert list(minima.columns) == ["objective", "found", *estimates.to_frame().index]
    assert_allclose([estimates.objective, minima["objective"][0]], found.objective, rtol=1e-8)
    assert_allclose(minima.iloc[0, 2:].to_numpy(float), estimates.to_frame()["estimate"], rtol=1e-8)
    assert len(minima) > 1 and minima["found"][0] < 8
    signs = np.sign(minima[["sigma[x, nodes1]", "sigma[group, nodes2]"]].to_numpy())
    assert len(np.unique(signs, axis=0)) == len(minima)
    assert f"{minima['found'][0]} of 8 starting values ended at the lowest objective; there are {len(minima)} minima" in estimates.verdict()
    again = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, starts=7, seed=1)
    for one, other in zip(estimates.starts, again.starts):
        assert_array_equal(one.theta2, other.theta2)


def test_two_steps_compare_minima_under_the_same_weights(simulated):
    estimates = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, starts=3, seed=1, steps=2)
    second = [start for start in estimates.starts if start.step == 2]
    assert len(second) == len(estimates.minima) > 1 and estimates.minima["found"].sum() == 4
    assert estimates.objective == min(start.objective for start in second)
    assert_allclose(estimates.minima["objective"], sorted(start.objective for start in second))


def test_random_starts_flip_sigma_by_columns_and_no_price_coefficient(simulated):
    sigma = np.array([[0.5, 0, 0], [0.3, 1.0, 0], [0.2, 0, 2.0]])
    free = simulated.free(sigma, [[0.4], [0.1], [0]])
    drawn = random_starts(free, 200, seed=0) / free.start
    names = np.array(free.names)
    first = np.isin(names, ["sigma[prices, nodes0]", "sigma[x, nodes0]", "sigma[group, nodes0]"])
    assert (np.ptp(np.sign(drawn[:, first]), axis=1) == 0).all() and abs(np.sign(drawn[:, first][:, 0]).mean()) < 0.3
    assert (drawn[:, names == "pi[prices, income]"] > 0).all() and (drawn[:, names == "pi[x, income]"] < 0).any()
    bounded = simulated.free(sigma, [[0.4], [0.1], [0]], sigma_bounds=(0, None))
    assert (random_starts(bounded, 50, seed=0)[:, [0, 2, 4]] >= 0).all()


# Searches ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B"])
def test_other_searches_end_at_the_same_minimum(simulated, found, method):
    other = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, method=method)
    assert_allclose(other.objective, found.objective, rtol=1e-7)
    assert_allclose(other.theta2, found.theta2, rtol=1e-3)
    assert other.evaluations > found.evaluations


def test_a_search_without_derivatives_gets_none(simulated, found):
    one = simulated.estimate([0, 0, found.sigma[2, 2] * 0.9], found.pi, method="nelder-mead")
    other = simulated.estimate([0, 0, found.sigma[2, 2] * 0.9], found.pi)
    assert_allclose(one.objective, other.objective, rtol=1e-5)


def test_options_of_a_search_are_those_of_scipy(simulated):
    one = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, method="BFGS", options={"maxiter": 1})
    assert not one.converged and one.evaluations < 10


def test_search_that_is_stopped_early_is_not_called_an_optimum(simulated):
    estimates = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, options={"max_nfev": 2})
    assert not estimates.converged and estimates.verdict().startswith("Is this an optimum? No.")


def test_at_the_minimum_no_small_move_lowers_the_objective(simulated, found):
    assert found.converged and found.identified and found.verdict().startswith("Is this an optimum? Yes")
    objective, _ = objective_of(simulated, found.sigma, found.pi)
    for move in np.vstack([np.eye(3), -np.eye(3), np.ones((1, 3))]):
        assert objective.value(found.theta2 * (1 + 1e-3 * move)) > found.objective
    assert abs(found.gradient).max() < 1e-3


@pytest.mark.parametrize("steps", [1, 2])
def test_a_logit_is_one_evaluation_of_closed_form(steps):
    products, _ = load_simulated()
    logit = Problem(products, linear=FORMULAS["linear"])
    estimates = logit.estimate(steps=steps)
    assert len(estimates.theta2) == 0 and estimates.converged and estimates.evaluations == steps
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    y = np.log(products["shares"] / outside).to_numpy()
    X, Z, N = logit.X1, logit.Z, logit.N
    W = np.linalg.inv(Z.T @ Z / N)

    def fit():
        return np.linalg.solve(X.T @ Z @ W @ Z.T @ X, X.T @ Z @ W @ Z.T @ y)
    beta = fit()
    if steps == 2:
        contributions = Z * (y - X @ beta)[:, None]
        W = np.linalg.inv(np.cov(contributions.T, bias=True))
        beta = fit()
    assert_allclose(estimates.beta, beta, rtol=1e-8)
    g = Z.T @ (y - X @ beta) / N
    assert_allclose(estimates.objective, N * g @ W @ g, rtol=1e-8)
    assert_allclose(estimates.delta, y, rtol=1e-10)
    assert "beta is linear" in estimates.verdict()


def test_two_steps_use_the_efficient_weights_of_the_first(simulated, found):
    two = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, steps=2)
    S = np.cov((simulated.Z * found.xi[:, None]).T, bias=True)
    assert_allclose(two.W, np.linalg.inv(S), rtol=1e-5, atol=1e-6 * abs(two.W).max())
    assert [s.step for s in two.starts] == [1, 2] and two.converged
    uncentred = simulated.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, steps=2, center=False)
    S = (simulated.Z * found.xi[:, None]).T @ (simulated.Z * found.xi[:, None]) / simulated.N
    assert_allclose(uncentred.W, np.linalg.inv(S), rtol=1e-5, atol=1e-6 * abs(uncentred.W).max())


def test_several_starts_compete(simulated, found):
    free = found.free

    def search(objective, start):
        return search_within(objective, start, free, gauss_newton, gauss_newton)
    fit = gmm_steps(simulated.equations, simulated.solver(free), [free.start, found.theta2], search)
    assert len(fit.starts) == 2
    assert_allclose(fit.point.theta2, found.theta2, rtol=1e-6)


# The truth -----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def samples():
    """Estimates and standard errors from data made with six seeds, one-step and two-step in turn."""
    rows = []
    for seed in (1, 2, 4, 5, 6, 7):
        problem = Problem(*simulate(seed=seed, I=50), **FORMULAS)
        estimates = problem.estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, steps=1 + seed % 2)
        assert estimates.converged and estimates.identified, seed
        rows.append(estimates.to_frame())
    return rows


def test_estimates_recover_the_truth_within_three_standard_errors(samples):
    truth = np.array([*TRUTH.beta, *TRUTH.sigma[1:], TRUTH.pi])
    z = np.array([(frame["estimate"].to_numpy() - truth) / frame["se"].to_numpy() for frame in samples])
    assert z.shape == (6, 7) and abs(z).max() < 3
    assert 0.6 < np.sqrt((z**2).mean()) < 1.4                   # the standard errors are neither too small nor too large
    assert (abs(z) < 1.96).mean() > 0.85


def test_standard_errors_are_small_enough_to_say_something(samples):
    for frame in samples:
        assert (abs(frame["t"]) > 2).sum() >= 6


def test_rows_of_the_table_are_named_and_t_is_the_ratio(samples):
    frame = samples[0]
    assert list(frame.index) == ["beta[1]", "beta[prices]", "beta[x]", "beta[group]", "sigma[x, nodes1]", "sigma[group, nodes2]",
                                 "pi[prices, income]"]
    assert_allclose(frame["t"], frame["estimate"] / frame["se"])


# Where parameters are not identified ---------------------------------------------------------------------------------------

def twin_nodes(products, agents):
    """The taste for x twice over: only the sum of two parameters moves anything."""
    sigma = np.array([[0, 0, 0, 0], [0, 0.5, 0, 0.3], [0, 0, 1, 0]])
    return Problem(products, agents.assign(nodes3=agents["nodes1"]), **FORMULAS), sigma, TRUTH.pi_matrix / 2


def collinear_demographics(products, agents):
    formulas = {**FORMULAS, "demographics": "0 + income + euros"}
    return Problem(products, agents.assign(euros=0.92 * agents["income"]), **formulas), TRUTH.sigma_matrix / 2, \
        np.array([[0.2, 0.1], [0, 0], [0, 0]])


def nearly_collinear_demographics(products, agents):
    noise = 1e-9 * np.random.default_rng(0).normal(size=len(agents))
    formulas = {**FORMULAS, "demographics": "0 + income + euros"}
    return Problem(products, agents.assign(euros=0.92 * agents["income"] + noise), **formulas), TRUTH.sigma_matrix / 2, \
        np.array([[0.2, 0.1], [0, 0], [0, 0]])


@pytest.mark.parametrize("model", [twin_nodes, collinear_demographics, nearly_collinear_demographics])
def test_no_yes_where_parameters_are_not_identified(model):
    problem, sigma, pi = model(*load_simulated())
    estimates = problem.estimate(sigma, pi)
    assert not estimates.identified
    assert "Yes" not in estimates.verdict() and "NOT identified" in estimates.verdict()


def test_parameters_without_a_standard_error_are_not_called_fixed():
    problem, sigma, pi = twin_nodes(*load_simulated())
    estimates = problem.estimate(sigma, pi)
    assert np.isnan(estimates.beta_se).all()
    assert "fixed" not in repr(estimates)                       # they were searched, and can't be told


def test_repr_is_a_table_of_estimates_with_standard_errors(found):
    text = repr(found)
    for value, se in zip(found.beta, found.beta_se):
        assert f"{value:.5g}" in text and f"({se:.3g})" in text
    for word in ("objective", "prices", "group", "income", "rank 7 of 7", "shares inverted in all markets: yes"):
        assert word in text
