"""Supply: costs from first-order conditions, derivatives, joint estimation, PyBLP's automobiles, and refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag

import blpteach
from blpteach import InputError, Problem, Truth, simulate
from blpteach.examples import AUTOMOBILE_OPTIMUM, automobile_parameters, supply
from blpteach.simulation import FORMULAS
from blpteach.supply import CostModel, margin_jacobian

import pyblp_oracle as oracle
from economies import differences, random_market

TRUTH = Truth()
REFERENCE = json.loads((Path(__file__).parent / "reference" / "autos_optimum.json").read_text(encoding="utf-8"))
ROWS = [0, 2, 3, 4, 5]                                          # characteristics with nodes: sigma is 6 x 5
MADE = {"linear": "1 + prices + x + group", "random": "0 + prices + x + group", "demographics": "0 + income", "supply": "1 + x + group + w0 + w1"}
START = {"sigma": TRUTH.sigma_matrix / 2, "pi": TRUTH.pi_matrix / 2, "beta": {"prices": -1.5}}


@pytest.fixture(scope="module")
def tables():
    return simulate(T=60, seed=3)


@pytest.fixture(scope="module")
def made(tables):
    products, agents = tables
    shifters = products[["w0", "w1"]]
    return Problem(products.assign(**{f"supply_instruments{k}": products[f"demand_instruments{k}"] for k in range(4, 9)}, **shifters), agents, **MADE)


@pytest.fixture(scope="module")
def cars():
    return supply()


# Derivatives ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(4))
def test_margin_jacobian_restated_by_loops(seed):
    """One parameter that moves utilities and alpha in any direction; the share Jacobian is written out type by type."""
    e = random_market(seed, J=4, I=6)
    rng = np.random.default_rng(seed)
    alpha, ownership = -rng.uniform(0.5, 2, (4, 6)), rng.uniform(0, 1, (4, 4)) + np.eye(4)
    dV, dalpha = rng.normal(size=(2, 4, 6))
    shares = blpteach.market_shares(e.delta, e.mu, e.weights)

    def eta(step):
        P = blpteach.choice_probabilities(e.delta, e.mu + step * dV)
        a = alpha + step * dalpha
        D = sum(w * np.diag(a[:, i] * P[:, i]) - w * np.outer(P[:, i], a[:, i] * P[:, i]) for i, w in enumerate(e.weights))
        return np.linalg.solve(-ownership * D.T, shares)        # observed shares stay
    P = blpteach.choice_probabilities(e.delta, e.mu)
    found = margin_jacobian(P, e.weights, alpha, eta(0), ownership, [(dV, dalpha), (0 * dV, dalpha)])
    assert_allclose(found[:, 0], (eta(1e-6) - eta(-1e-6)) / 2e-6, rtol=1e-6, atol=1e-7)
    assert found.shape == (4, 2)


@pytest.mark.parametrize("stack", [(3,), (2, 3)])
def test_margin_jacobian_of_a_stack_is_that_of_each_market(stack):
    """With other owners in each market, so that some have fewer firms than others."""
    e, rng = random_market(5, J=4, I=6, stack=stack), np.random.default_rng(5)
    alpha, eta = -rng.uniform(0.5, 2, e.mu.shape), rng.uniform(0.1, 1, (*stack, 4))
    H = blpteach.ownership_matrix(rng.integers(0, 3, (*stack, 4)), 0.2)
    P, slopes = blpteach.choice_probabilities(e.delta, e.mu), rng.normal(size=(2, 2, *e.mu.shape))
    found = margin_jacobian(P, e.weights, alpha, eta, H, list(slopes))
    assert found.shape == (*stack, 4, 2)
    for t in np.ndindex(*stack):
        here = [(dV[t], dalpha[t]) for dV, dalpha in slopes]
        one = margin_jacobian(P[t], e.weights[t], alpha[t], eta[t], H[t], here)
        assert_allclose(one, found[t], rtol=1e-10)


def test_costs_and_their_derivatives_by_finite_differences(made):
    free = made.free(**START)
    solve, at = made.solver(free), free.start * 1.1
    assert_allclose(solve(at).jacobian, differences(lambda theta2: solve(theta2).values, at), rtol=1e-5, atol=1e-6)
    assert free.names[-1] == "beta[prices]" and len(at) == 4


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("initial_update", [False, True])
def test_gradient_of_the_joint_objective(made, tables, log, initial_update):
    """With the weights of the estimates held, as they are in a search; costs are overidentified."""
    bounds = {"log_costs": True, "cost_bounds": (1.8, 3)} if log else {}
    problem = Problem(made.products, tables[1], **MADE, **bounds)
    found = problem.evaluate(**START, initial_update=initial_update)
    costs = problem.cost_model
    X = block_diag(np.delete(problem.X1, 1, axis=1), costs.X3)  # beta of prices is searched
    A = np.linalg.cholesky(found.W).T @ block_diag(problem.Z, costs.ZS).T
    assert 0.1 < found.clipped_costs.mean() < 0.9 if log else not found.clipped_costs.any()

    def q(theta2):
        sigma, pi, beta = np.diag([0, *theta2[:2]]), [[theta2[2]], [0], [0]], {"prices": theta2[3]}
        here = problem.evaluate(sigma, pi, beta=beta)
        explained = np.log(np.clip(here.costs(), 1.8, 3)) if log else here.costs()
        y = np.r_[here.delta - theta2[3] * problem.prices, explained]
        best = np.linalg.lstsq(A @ X, A @ y, rcond=None)[0]
        return ((A @ (y - X @ best)) ** 2).sum() / problem.N
    theta2 = np.array([*np.diag(START["sigma"])[1:], START["pi"][0, 0], START["beta"]["prices"]])
    assert_allclose(found.objective, q(theta2), rtol=1e-9)
    assert_allclose(found.gradient, differences(q, theta2, 1e-6), rtol=2e-4, atol=1e-3)


def test_updated_weights_are_those_of_the_first_steps_unobservables(made):
    first, updated = made.evaluate(**START), made.evaluate(**START, initial_update=True)
    moments = made.Z * first.xi[:, None], made.cost_model.ZS * first.omega[:, None]
    W = np.linalg.inv(np.cov(np.hstack(moments).T, bias=True))
    assert_allclose(updated.W, W, rtol=1e-6, atol=1e-8 * abs(W).max())
    assert abs(updated.W - first.W).max() > 0.1 * abs(first.W).max()


# Costs ---------------------------------------------------------------------------------------------------------------------

def test_costs_of_a_simulated_equilibrium_are_the_true_ones(made):
    """Prices solve Bertrand-Nash under the true costs, so at the true parameters the first-order conditions give them back."""
    found = made.evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix, beta={"prices": TRUTH.beta[1]})
    assert_allclose(found.costs(), made.products["costs"], rtol=1e-10, atol=1e-10)
    assert_allclose(found.omega + made.cost_model.X3 @ found.gamma, made.products["costs"], rtol=1e-10, atol=1e-10)


def test_bounds_are_counted_and_stop_derivatives():
    """A cost at a bound is not outside."""
    model = CostModel(None, None, True, (0.5, 2.0))
    values, slope, clipped = model.transform(np.array([-1.0, 0.5, 1.0, 2.0, 3.0]))
    assert_allclose(values, np.log([0.5, 0.5, 1, 2, 2])), assert_allclose(slope, [0, 2, 1, 0.5, 0])
    assert clipped.tolist() == [True, False, False, False, True]


@pytest.mark.filterwarnings("error")
def test_costs_without_a_logarithm_are_nan_and_go_without_a_warning():
    values, _, clipped = CostModel(None, None, True, (None, None)).transform(np.array([-1.0, 0.0, 1.0]))
    assert np.isnan(values).tolist() == [True, True, False] and not clipped.any()


def test_costs_without_a_logarithm_are_refused_or_bounded(tables):
    """At a price coefficient near zero margins exceed prices."""
    products, agents = tables
    start = {**START, "beta": {"prices": -0.4}}
    with pytest.raises(InputError, match=r"cost_bounds=\(0.001, None\)"):
        Problem(products, agents, **MADE, log_costs=True).evaluate(**start)
    found = Problem(products, agents, **MADE, log_costs=True, cost_bounds=(0.001, None)).evaluate(**start)
    assert found.clipped_costs.sum() == (found.costs() < 0.001).sum() > 0
    assert f"marginal costs of {found.clipped_costs.sum()} of {len(products)} products were set to their bounds" in repr(found)


# Estimation ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", [3, 5, 6])
def test_the_truth_is_recovered_and_supply_helps(seed):
    """Every parameter is within three standard errors, and costs sharpen the price coefficient."""
    tables = simulate(T=60, seed=seed, supply_instruments=True)
    alone = Problem(*tables, **FORMULAS).estimate(START["sigma"], START["pi"])
    both = Problem(*tables, **MADE).estimate(**START)
    names = [f"beta[{n}]" for n in ("1", "prices", "x", "group")]
    names += ["sigma[x, nodes1]", "sigma[group, nodes2]", "pi[prices, income]"]
    names += [f"gamma[{n}]" for n in ("1", "x", "group", "w0", "w1")]
    truth = pd.Series([*TRUTH.beta, *TRUTH.sigma[1:], TRUTH.pi, *TRUTH.gamma], names)
    frame = both.to_frame()
    assert list(frame.index) == names and both.converged
    assert (abs(frame["estimate"] - truth) < 3 * frame["se"]).all()
    assert (frame["se"] < abs(truth)).all()                     # small enough to say something
    assert both.beta_se[1] < alone.beta_se[1]


def test_moments_and_standard_errors_restated(made):
    """The sandwich of both equations from its definition, with the joint Jacobian by finite differences."""
    found = made.estimate(**START)
    Z, ZS, X1, X3, N = made.Z, made.cost_model.ZS, made.X1, made.cost_model.X3, made.N
    free, K = made.free(**START), made.K1

    def g(parameters):
        theta2, beta, gamma = parameters[:4], np.insert(parameters[4:4 + K - 1], 1, parameters[3]), parameters[4 + K - 1:]
        here = made.solver(free)(theta2)
        return np.r_[Z.T @ (here.delta - X1 @ beta), ZS.T @ (here.tilde_costs - X3 @ gamma)] / N
    point = np.r_[found.theta2, np.delete(found.beta, 1), found.gamma]
    G = differences(g, point)
    contributions = np.hstack([Z * found.xi[:, None], ZS * found.omega[:, None]])
    S = np.cov(contributions.T, bias=True)
    bread = np.linalg.inv(G.T @ found.W @ G)
    covariance = bread @ G.T @ found.W @ S @ found.W @ G @ bread / N
    assert_allclose(found.objective, N * g(point) @ found.W @ g(point), rtol=1e-8)
    assert_allclose(np.r_[found.beta_se[1], np.delete(found.beta_se, 1), found.gamma_se], np.sqrt(np.diag(covariance))[3:], rtol=1e-4)


def test_unadjusted_covariance_has_both_equations(made):
    found = made.evaluate(**START, errors="unadjusted")
    Z = [made.Z, made.cost_model.ZS]
    moments = np.cov(np.stack([found.xi, found.omega]), bias=True)
    for a, rows in enumerate((slice(0, made.M), slice(made.M, None))):
        for b, columns in enumerate((slice(0, made.M), slice(made.M, None))):
            assert_allclose(found.S[rows, columns], moments[a, b] * Z[a].T @ Z[b] / made.N, rtol=1e-10)


def test_supply_moments_alone_cannot_break_the_demand_only_results(made, tables):
    """delta, xi and beta at fixed parameters don't depend on the supply side with first-step weights and a searched price coefficient."""
    alone = Problem(*tables, linear=MADE["linear"], random=MADE["random"], demographics=MADE["demographics"]).evaluate(START["sigma"], START["pi"])
    both = made.evaluate(**{**START, "beta": {"prices": alone.beta[1]}})
    assert_allclose(both.delta, alone.delta, rtol=1e-12), assert_allclose(both.beta, alone.beta, rtol=1e-8)


# PyBLP ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"initial_update": True}, {"initial_update": True, "steps": 2}], ids=["one step", "updated", "two steps"])
def test_automobiles_at_the_tutorials_start(cars, options):
    theirs = oracle.autos_with_supply(*blpteach.load_autos()).solve(
        oracle.AUTOS_SIGMA, oracle.AUTOS_PI, method=f"{options.get('steps', 1)}s", initial_update=options.get("initial_update", False),
        **oracle.AUTOS_OPTIONS, **oracle.STAY, **oracle.TIGHT)
    problem, start = cars
    ours = problem.evaluate(start["sigma"], start["pi"], **options)
    for name in ("objective", "delta", "xi", "omega", "beta", "beta_se", "gamma", "gamma_se", "gradient"):
        expected = np.ravel(getattr(theirs, name))
        assert_allclose(getattr(ours, name), expected.item() if name == "objective" else expected, rtol=1e-7, atol=1e-7 * abs(expected).max(), err_msg=name)
    assert_allclose(ours.sigma_se[ROWS, range(5)], np.diag(theirs.sigma_se)[ROWS], rtol=1e-7)
    assert_allclose(ours.pi_se[1, 0], theirs.pi_se[1, 0], rtol=1e-7)
    assert ours.clipped_costs.sum() == theirs.clipped_costs.sum() == 0
    assert "20 markets, 31 moments" in repr(ours)               # of both equations


@pytest.mark.slow
def test_automobiles_two_step_optimum(cars):
    problem, start = cars
    ours = problem.estimate(**start, progress=False)
    assert ours.objective == pytest.approx(REFERENCE["objective"], rel=1e-6) == pytest.approx(497.336, abs=1e-3)
    for name in ("beta", "gamma"):
        assert_allclose(getattr(ours, name), np.ravel(REFERENCE[name]), rtol=1e-3)
        assert_allclose(getattr(ours, f"{name}_se"), np.ravel(REFERENCE[f"{name}_se"]), rtol=1e-2)
    sigma, sigma_se = np.array(REFERENCE["sigma"], float), np.array(REFERENCE["sigma_se"], float)
    assert_allclose(ours.sigma[ROWS, range(5)], np.diag(sigma)[ROWS], rtol=1e-3)
    assert_allclose(ours.sigma_se[ROWS, range(5)], np.diag(sigma_se)[ROWS], rtol=1e-2)
    assert_allclose(ours.pi[1, 0], REFERENCE["pi"][1][0], rtol=1e-3)
    assert_allclose([ours.own_elasticities().mean(), ours.costs().mean(), ours.markups().mean()],
                    [REFERENCE[f"{name}_mean"] for name in ("own_elasticity", "costs", "markups")], rtol=1e-4)
    stored = automobile_parameters(*AUTOMOBILE_OPTIMUM)
    assert_allclose(stored["sigma"], ours.sigma, rtol=1e-5), assert_allclose(stored["pi"], ours.pi, rtol=1e-5)
    assert ours.converged and abs(ours.own_elasticities().mean() - -3.92763) < 1e-4


# Refusals ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, says", [
    ({"supply": "1 + prices"}, "Costs explain prices"), ({"supply": "0"}, "no columns"), ({"supply": "1 + shares"}, "shares"),
    ({"supply": "1 + w9"}, "w9"), ({"supply": "1 + x + I(2 * x)"}, "same as `x`"), ({"cost_bounds": 3}, "must be (low, high)"),
    ({"cost_bounds": (2, 1)}, "below the upper"), ({"log_costs": True, "cost_bounds": (0, None)}, "must be positive"),
    ({"supply_instruments": ["w7"]}, "supply_instruments: products has no column `w7`"), ({"supply": None, "log_costs": True}, "log_costs is given without supply"),
    ({"cost_bounds": (np.nan, None)}, "not a number"), ({"cost_bounds": ("a", None)}, "must be (low, high)"),
    ({"log_costs": True, "cost_bounds": (None, -1)}, "bounds must be positive"), ({"supply_instruments": 3}, "must be a list of columns"),
    ({"supply_instruments": ["w0", "shares"]}, "supply_instruments: `shares`"), ({"supply_instruments": ["prices"]}, "cost holds omega"),
    ({"supply": None, "supply_instruments": ["w0"]}, "without supply"), ({"linear": "1 + x", "random": "0 + x"}, "no optimal price")])
def test_refusals_of_a_problem(tables, change, says):
    with pytest.raises(InputError) as error:
        Problem(*tables, **{**MADE, **change, **({"demographics": None} if "linear" in change else {})})
    assert says in str(error.value)


def test_owners_are_needed(tables):
    products, agents = tables
    with pytest.raises(InputError, match="firm_ids.*who sets which price"):
        Problem(products.drop(columns="firm_ids"), agents, **MADE)
    with pytest.raises(InputError, match="firm_ids"):
        Problem(products.assign(firm_ids=np.where(products.index == 3, np.nan, products["firm_ids"])), agents, **MADE)


@pytest.mark.parametrize("beta, says", [(None, "give a starting value, beta={'prices': -2.0}"), ({"x": 1.0}, "`x` is not searched"),
                                        ({"prices": np.inf}, "not finite"), ({"prices": "a"}, "not a number"), (-2.0, "must be a dict"), ({"prices": -2.0, "y": 1}, "`y` is not searched")])
def test_refusals_of_starting_values(made, beta, says):
    with pytest.raises(InputError) as error:
        made.estimate(START["sigma"], START["pi"], beta=beta)
    assert says in str(error.value)


def test_moments_of_both_equations_count(tables, made):
    """Fewer demand moments than demand parameters, and yet identified: the price coefficient is in the cost equation too."""
    problem = Problem(made.products, tables[1], **MADE, instruments=["w0", "w1", "demand_instruments4"])
    assert problem.M == 6 and problem.K1 + len(problem.free(**START).rows) == 7
    found = problem.estimate(**START, progress=False)
    assert found.converged and found.identified and abs(found.beta[1] + 2) < 4 * found.beta_se[1]
    few = Problem(*tables, **{**MADE, "supply": "1 + x"}, instruments=["w0"], supply_instruments=["w1"])
    with pytest.raises(InputError) as error:
        few.estimate(**START)
    assert "7 moment(s) for 9 parameters (6 linear, 3 nonlinear: 1, prices, x, group, 1, x, sigma[x, nodes1]" in str(error.value)


def test_holdings_need_owners(tables):
    with pytest.raises(InputError, match="holdings=.* needs owners: products has no column `firm_ids`"):
        Problem(tables[0].drop(columns="firm_ids"), linear="1 + prices", holdings={(1, 2): 0.5})


def test_log_costs_need_a_start_that_can_be_inverted(tables):
    problem = Problem(*tables, **MADE, log_costs=True)
    with pytest.raises(InputError, match="log_costs: shares can't be inverted at the given parameters"):
        problem.estimate(1e5 * START["sigma"], START["pi"], beta=START["beta"], progress=False)


def test_bounds_may_be_numbers_of_any_kind(tables):
    assert Problem(*tables, **MADE, cost_bounds=(np.float32(0.5), "9")).cost_model.bounds == (0.5, 9.0)


def test_beta_without_supply_is_refused(tables):
    problem = Problem(*tables, linear=MADE["linear"], random=MADE["random"], demographics=MADE["demographics"])
    with pytest.raises(InputError, match="without supply"):
        problem.evaluate(START["sigma"], START["pi"], beta={"prices": -2.0})


# Conduct -------------------------------------------------------------------------------------------------------------------

def test_conduct_moves_costs_and_mergers(tables):
    """Joint monopoly is what a merger of all firms would be; more weight on rivals means larger margins and lower implied costs."""
    products, agents = tables
    model = {name: MADE[name] for name in ("linear", "random", "demographics")}
    costs = {w: Problem(products, agents, **model, holdings=w).evaluate(START["sigma"], START["pi"]).costs() for w in (0.0, 0.5, 1.0)}
    assert (costs[1.0] < costs[0.5]).all() and (costs[0.5] < costs[0.0]).all()
    one_firm = Problem(products.assign(firm_ids=0), agents, **model).evaluate(START["sigma"], START["pi"]).costs()
    assert_allclose(costs[1.0], one_firm, rtol=1e-10)
    joint = Problem(products, agents, **model, holdings=1.0).evaluate(START["sigma"], START["pi"])
    assert_allclose(joint.merger_prices({1: 0}), products["prices"], rtol=1e-8)      # they priced jointly before


def test_holdings_count_in_joint_estimation(tables):
    products, agents = tables
    together = Problem(products, agents, **MADE, holdings=1.0).evaluate(**START)
    merged = Problem(products.assign(firm_ids=7), agents, **MADE).evaluate(**START)
    assert_allclose(together.gamma, merged.gamma, rtol=1e-10)


@pytest.mark.parametrize("holdings, says", [(1.5, "from 0"), ("all", "from 0"), ({1: 0.3}, "pairs"), ({(0, 99): 0.3}, "no firm 99"), ({(1, 1): 0.3}, "one firm"),
                                            ({(0, 1): -1}, "from 0"), (np.nan, "from 0")])
def test_refusals_of_holdings(tables, holdings, says):
    with pytest.raises(InputError) as error:
        Problem(*tables, **MADE, holdings=holdings)
    assert says in str(error.value)
