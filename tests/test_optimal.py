"""Approximately optimal instruments: against PyBLP, by their definition, and in estimation."""
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import blpteach
from blpteach import Problem, Truth, simulate
from blpteach.examples import supply

import pyblp_oracle as oracle
from economies import differences
from test_supply import MADE, START

TRUTH = Truth()
DEMAND = {name: MADE[name] for name in ("linear", "random", "demographics")}


@pytest.fixture(scope="module")
def tables():
    return simulate(T=40, seed=3)


@pytest.fixture(scope="module")
def found(tables):
    return Problem(*tables, **DEMAND).estimate(START["sigma"], START["pi"])


def same_up_to_scale(ours, theirs, rtol=1e-7):
    """Columns agree, each up to one common factor (the covariance of xi is divided by N or N - 1)."""
    factor = (ours * theirs).sum() / (theirs**2).sum()
    assert_allclose(ours, factor * theirs, rtol=rtol, atol=rtol * abs(theirs).max())
    assert factor == pytest.approx(1, abs=2 / len(ours))


def test_pyblp_agrees_on_the_demand_side(tables, found):
    import pyblp
    theirs = pyblp.Problem((pyblp.Formulation(DEMAND["linear"]), pyblp.Formulation(DEMAND["random"])), tables[0], pyblp.Formulation("0 + income"), tables[1])
    theirs = theirs.solve(found.sigma, found.pi, method="1s", **oracle.STAY, **oracle.TIGHT).compute_optimal_instruments()
    ours = found.optimal_instruments()
    assert_allclose(ours.prices, theirs.expected_prices.ravel(), rtol=1e-9)
    same_up_to_scale(ours.demand.to_numpy()[:, :3], theirs.demand_instruments)


@pytest.mark.slow
def test_pyblp_agrees_on_the_automobiles_with_supply():
    problem, start = supply()
    ours = problem.evaluate(start["sigma"], start["pi"]).optimal_instruments()
    theirs = oracle.autos_with_supply(*blpteach.load_autos()).solve(oracle.AUTOS_SIGMA, oracle.AUTOS_PI, method="1s", **oracle.AUTOS_OPTIONS, **oracle.STAY, **oracle.TIGHT)
    theirs = theirs.compute_optimal_instruments()
    assert_allclose(ours.prices, theirs.expected_prices.ravel(), rtol=1e-8)
    same_up_to_scale(ours.demand.to_numpy(), theirs.demand_instruments)
    same_up_to_scale(ours.supply.to_numpy(), theirs.supply_instruments)


def test_they_are_the_derivatives_of_delta_at_expected_shares(found):
    """Finite differences of the inversion of the expected shares, written with the public functions alone, in one market."""
    ours, problem = found.optimal_instruments(), found.problem
    block = next(block[b] for block in problem.blocks for b in range(len(block.markets)) if block.markets[b] == 0)
    rows = block.index
    X2 = problem.X2[rows].copy()
    X2[:, 0] = ours.prices[rows]                                # 0 + prices + x + group

    def delta(theta2):
        Gamma = np.array([[0, 0, 0, theta2[2]], [0, theta2[0], 0, 0], [0, 0, theta2[1], 0]])
        return blpteach.invert_shares(ours.shares[rows], X2 @ Gamma @ block.tastes.T, block.weights).delta
    expected = differences(delta, found.theta2) / found.xi.var(ddof=1)
    assert_allclose(ours.demand.to_numpy()[rows, :3], expected, rtol=1e-5, atol=1e-6)
    mean = problem.linear.values[rows] @ found.beta + found.beta[1] * (ours.prices - problem.prices)[rows]
    assert_allclose(delta(found.theta2), mean, rtol=1e-9)       # xi is zero there


def test_without_supply_they_identify_exactly(found):
    """As many moments as parameters: the objective is zero, and the estimates are as close to the truth as before or closer."""
    again = found.optimal_instruments().problem.estimate(found.sigma, found.pi)
    assert again.objective < 1e-12 and again.problem.M == len(again.theta2) + again.problem.K1 and again.converged
    assert again.sigma_se[2, 2] < 1.2 * found.sigma_se[2, 2]
    assert abs(again.beta - TRUTH.beta).max() < 4 * again.beta_se.max()


def test_a_second_round_replaces_the_first(found):
    first = found.optimal_instruments().problem.estimate(found.sigma, found.pi)
    ours = first.optimal_instruments()
    assert ours.problem.Z_names == first.problem.Z_names and ours.problem.products.columns.is_unique
    assert_allclose(ours.problem.products[ours.demand.columns], ours.demand)
    fresh = Problem(ours.problem.products, found.problem.arguments["agents"], **DEMAND, instruments=list(ours.demand.columns))
    assert_allclose(ours.problem.Z, fresh.Z)
    second = ours.problem.estimate(found.sigma, found.pi)
    assert second.objective < 1e-12 and abs(second.beta - first.beta).max() < abs(first.beta - found.beta).max() / 2
    assert not np.allclose(ours.demand, found.optimal_instruments().demand, rtol=1e-3)


def test_both_equations_in_a_second_round(tables):
    e = Problem(*tables, **MADE).evaluate(**START)
    again = e.optimal_instruments().problem.evaluate(**START).optimal_instruments().problem
    fresh = Problem(again.products, tables[1], **MADE, instruments=again.excluded_names,
                    supply_instruments=[name for name in again.ZS_names if name not in again.X3_names])
    assert again.products.columns.is_unique and len(again.ZS_names) == len(e.theta2) + again.K3
    assert_allclose(again.Z, fresh.Z), assert_allclose(again.cost_model.ZS, fresh.cost_model.ZS)


def test_other_instruments_of_demand_alone_leave_the_costs_theirs(tables):
    chosen = ["w0", "w1", "demand_instruments4"]
    problem = Problem(*tables, **MADE | {"supply": "1 + x + group"}, supply_instruments=chosen)
    other = problem.with_instruments(problem.products[["demand_instruments0", "demand_instruments1"]])
    assert other.Z_names[:2] == ["demand_instruments0", "demand_instruments1"] and other.M == 5
    assert other.ZS_names[:3] == chosen and other.cost_model is problem.cost_model and problem.M > other.M


def test_rows_need_no_index_of_their_own(tables):
    """Tables that were put together from several have the same row label more than once."""
    products, agents = tables
    e = Problem(products.set_axis(np.arange(len(products)) // 2), agents, **DEMAND).evaluate(START["sigma"], START["pi"])
    ours, theirs = e.optimal_instruments(), Problem(products, agents, **DEMAND).evaluate(START["sigma"], START["pi"]).optimal_instruments()
    assert_allclose(ours.problem.Z, theirs.problem.Z)


def test_weights_are_warned_of_once():
    """The automobiles' weights sum to 0.154, as importance-sampling weights may."""
    with pytest.warns(UserWarning, match="sums to between"):
        problem, _ = supply()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem.with_instruments(problem.products[problem.excluded_names])


def test_expected_prices_may_be_given(found):
    prices = np.linspace(1, 3, found.problem.N)
    ours = found.optimal_instruments(prices=prices)
    assert_allclose(ours.prices, prices), assert_allclose(ours.demand["expected prices"], prices)


def test_absorbed_effects_stay_in_the_mean_utility(tables):
    products, agents = tables
    problem = Problem(products, agents, linear="0 + prices + x + group", absorb="firm_ids", random=DEMAND["random"], demographics=DEMAND["demographics"])
    e = problem.evaluate(START["sigma"], START["pi"])
    ours = e.optimal_instruments(prices=problem.prices)
    explained = e.delta - e.xi                                  # fixed effects included
    shares = [blpteach.market_shares(explained[block.index], e.utility.at(block, problem.prices)[1], block.weights) for block in problem.blocks]
    for block, s in zip(problem.blocks, shares):
        assert_allclose(ours.shares[block.index], s)
    assert ours.problem.evaluate(START["sigma"], START["pi"]).objective < 1e-12 or ours.problem.M == len(e.theta2) + problem.K1


def test_with_supply_both_equations_get_them(tables):
    problem = Problem(*tables, **MADE)
    e = problem.estimate(**START)
    ours = e.optimal_instruments()
    P = len(e.theta2)
    assert ours.demand.shape == ours.supply.shape == (problem.N, P)
    expected_costs = problem.cost_model.X3 @ e.gamma                 # first-order conditions hold at expected prices when unobservables are zero
    counter = e.counterfactual(costs=expected_costs)
    assert abs(counter.prices - ours.prices).max() > 1e-3       # xi is there, but not here
    again = ours.problem.estimate(e.sigma, e.pi, beta={"prices": e.beta[1]})
    assert again.converged and abs(again.beta[1] + 2) < 4 * again.beta_se[1]


def test_what_optimal_instruments_refuse(tables, found):
    curved = Problem(*tables, linear="1 + log(prices) + x", random="0 + x").evaluate([0.5])
    for call, says in ((curved.optimal_instruments, "optimal_instruments: expected prices .* `log.prices.` is not"),
                       (lambda: found.optimal_instruments(prices=np.ones(3)), "prices has shape"),
                       (lambda: found.optimal_instruments(prices=np.full(found.problem.N, np.nan)), "prices has missing or infinite"),
                       (lambda: found.problem.with_instruments(np.ones((found.problem.N, 2))), "demand must be a DataFrame"),
                       (lambda: found.problem.with_instruments(tables[0][["w0"]][::-1]), "in their order"),
                       (lambda: found.problem.with_instruments(tables[0][["w0"]], tables[0][["w1"]][:5]), "supply must be a DataFrame"),
                       (found.problem.evaluate(1e5 * found.sigma, found.pi).optimal_instruments, "shares were not inverted")):
        with pytest.raises(blpteach.InputError, match=says):
            call()
    series = tables[0]["prices"] + 0.5
    assert_allclose(found.optimal_instruments(prices=series).prices, series)
