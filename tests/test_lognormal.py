"""Lognormal coefficients: utilities, derivatives, PyBLP, Step 5 and refusals."""

import numpy as np
import pyblp
import pytest
from numpy.testing import assert_allclose

import blpteach
from blpteach import InputError, Problem, simulate
from blpteach.lognormal import NONE, Lognormal
from blpteach.outcome import Outcome

import pyblp_oracle as oracle
from economies import differences, random_market

MODEL = {"linear": "1 + x + group", "random": "0 + prices + x", "demographics": "1 + income", "coefficients": {"prices": "-lognormal"}}
SIGMA, PI = np.array([[0.3, 0], [0, 0.8]]), np.array([[0.6, -0.2], [0, 0]])


@pytest.fixture(scope="module")
def tables():
    products, agents = simulate(T=30, seed=5)
    return products, agents.drop(columns="nodes2")


@pytest.fixture(scope="module")
def found(tables):
    return Problem(*tables, **MODEL).evaluate(SIGMA, PI)


@pytest.mark.parametrize("stack", [(), (2,)])
def test_as_tastes_restates_the_utilities(stack):
    e = random_market(0, stack=stack)
    some = Lognormal(np.array([0, 2]), np.array([-1.0, 1.0]))
    v = e.tastes @ e.Gamma.T                                    # (..., I, K2)
    coefficients = np.stack([-np.exp(v[..., 0]), v[..., 1], np.exp(v[..., 2])], -1)
    assert_allclose(blpteach.taste_deviations(e.X2, *some.as_tastes(e.tastes, e.Gamma)), e.X2 @ np.swapaxes(coefficients, -1, -2))
    assert NONE.as_tastes(e.tastes, e.Gamma)[0] is e.tastes


def test_slopes_by_finite_differences():
    e = random_market(1)
    some, rows, columns = Lognormal(np.array([1]), np.array([-1.0])), np.array([0, 1, 1, 2]), np.array([0, 0, 3, 2])

    def coefficients(values):
        Gamma = e.Gamma.copy()
        Gamma[rows, columns] = values
        tastes, linear = some.as_tastes(e.tastes, Gamma)
        return tastes @ linear.T                                # (I, K2)
    jacobian = differences(coefficients, e.Gamma[rows, columns])
    found = some.slopes(e.tastes, e.Gamma, rows, columns)
    for h, row in enumerate(rows):
        assert_allclose(found[:, h], jacobian[:, row, h], rtol=1e-7, atol=1e-9)


def test_pyblp_agrees(tables, found):
    products, agents = tables
    theirs = pyblp.Problem((pyblp.Formulation("1 + x + group"), pyblp.Formulation("0 + I(-prices) + x")), products, pyblp.Formulation("1 + income"), agents,
                           rc_types=["log", "linear"])
    theirs = theirs.solve(SIGMA, PI, method="1s", **oracle.STAY, **oracle.TIGHT)
    for name in ("objective", "delta", "beta", "beta_se", "gradient"):
        expected = np.ravel(getattr(theirs, name))
        assert_allclose(getattr(found, name), expected.item() if name == "objective" else expected, rtol=1e-7, atol=1e-7 * abs(expected).max(), err_msg=name)
    elasticities = theirs.compute_elasticities(market_id=3)
    assert_allclose(found.elasticities(3), elasticities, rtol=1e-7, atol=1e-10)


def test_nobody_likes_high_prices_and_surplus_moves_by_minus_shares(found):
    assert max(frame.to_numpy().max() for frame in found.price_coefficients().values()) < 0
    step = 1e-5
    rows = np.flatnonzero(found.problem.markets == 2)
    higher = found.prices.copy()
    higher[rows[0]] += step
    change = (Outcome(found.utility, higher).consumer_surplus(2) - found.consumer_surplus(2)) / step
    assert_allclose(change, -found.problem.shares[rows[0]], rtol=1e-3)


def test_supply_side_has_the_same_delta_and_the_costs_of_step_5(tables, found):
    problem = Problem(*tables, **MODEL, supply="1 + x + group + w0 + w1")
    free = problem.free(SIGMA, PI)
    there = problem.solver(free)(free.start)
    assert_allclose(there.delta, found.delta, rtol=1e-10, atol=1e-10)
    assert_allclose(there.costs, found.costs(), rtol=1e-9)


def test_supply_side_derivatives(tables):
    problem = Problem(*tables, **MODEL, supply="1 + x + group + w0 + w1")
    free = problem.free(SIGMA, PI)
    solve = problem.solver(free)
    assert_allclose(solve(free.start).jacobian, differences(lambda theta2: solve(theta2).values, free.start), rtol=1e-5, atol=1e-6)


def test_estimation_finds_what_made_the_data(tables):
    """Shares made from a lognormal price coefficient with no unobservables are fitted exactly."""
    products, agents = tables
    problem = Problem(products, agents, **MODEL)
    made = products.copy()
    for block in problem.blocks:
        tastes, Gamma = problem.lognormal.as_tastes(block.tastes, np.hstack([SIGMA, PI]))
        delta = problem.linear.values[block.index] @ np.array([1.0, 0.5, 0.3])
        made.iloc[block.index.ravel(), made.columns.get_loc("shares")] = blpteach.market_shares(
            delta, blpteach.taste_deviations(block.X2, tastes, Gamma), block.weights).ravel()
    again = Problem(made, agents, **MODEL).estimate(SIGMA * 0.7, PI * 0.7)
    assert_allclose(again.theta2, [0.3, 0.8, 0.6, -0.2], rtol=1e-4), assert_allclose(again.beta, [1, 0.5, 0.3], rtol=1e-4)


@pytest.mark.parametrize("coefficients, says", [({"w": "lognormal"}, "not a column of random"), ({"prices": "normal"}, "choose 'lognormal'"), ("lognormal", "must be a dict")])
def test_refusals(tables, coefficients, says):
    with pytest.raises(InputError, match=says):
        Problem(*tables, **{**MODEL, "coefficients": coefficients})
