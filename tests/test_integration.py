"""Nodes and weights: moments of every rule, exactness, seeds, and what goes with agents."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from blpteach import InputError, Problem, gauss_hermite, halton, monte_carlo, simulate, sobol
from blpteach.tables.integration import hermite_product
from blpteach.simulation import FORMULAS

DRAWS = {"monte_carlo": monte_carlo, "halton": halton, "sobol": sobol}


@pytest.fixture(scope="module")
def tables():
    return simulate(T=6, J=(5, 8), I=16, seed=2)


@pytest.mark.parametrize("kind, tolerance", [("monte_carlo", 0.05), ("halton", 0.01), ("sobol", 0.01)])
def test_draws_are_standard_normal_and_independent(kind, tolerance):
    nodes, weights = DRAWS[kind](1024, seed=3).nodes_and_weights(4, 3)
    assert nodes.shape == (4, 1024, 3) and weights.shape == (4, 1024)
    assert_allclose(weights, 1 / 1024)
    flat = nodes.reshape(-1, 3)
    assert_allclose(flat.mean(0), 0, atol=tolerance)
    assert_allclose(np.cov(flat.T), np.eye(3), atol=2 * tolerance)
    assert_allclose((flat**4).mean(0), 3, atol=15 * tolerance)


@pytest.mark.parametrize("kind", DRAWS)
def test_seeds_reproduce_and_differ(kind):
    rule = DRAWS[kind]
    one, again, other = (rule(64, seed=s).nodes_and_weights(3, 2)[0] for s in (5, 5, 6))
    assert_array_equal(one, again)
    assert abs(one - other).max() > 0.1


@pytest.mark.parametrize("kind", DRAWS)
def test_markets_have_draws_of_their_own(kind):
    nodes = DRAWS[kind](64, seed=1).nodes_and_weights(5, 2)[0]
    assert len({tuple(market[0]) for market in nodes}) == 5
    assert np.isfinite(nodes).all()


def test_halton_and_sobol_integrate_better_than_monte_carlo():
    errors = {}
    for kind, rule in DRAWS.items():
        estimates = [np.exp(0.5 * rule(256, seed=s).draws(256, 2)).prod(1).mean() for s in range(30)]
        errors[kind] = np.sqrt(np.mean((np.array(estimates) - np.exp(0.25)) ** 2))
    assert errors["halton"] < errors["monte_carlo"] / 3 and errors["sobol"] < errors["monte_carlo"] / 3


@pytest.mark.parametrize("points, dimensions", [(1, 1), (2, 3), (5, 2), (7, 1)])
def test_gauss_hermite_is_exact_up_to_its_degree(points, dimensions):
    nodes, weights = gauss_hermite(points).nodes_and_weights(2, dimensions)
    assert nodes.shape == (2, points**dimensions, dimensions)
    assert_array_equal(nodes[0], nodes[1])
    assert_allclose(weights.sum(1), 1, rtol=1e-13)
    for power in range(2 * points):
        moment = 0 if power % 2 else np.prod(np.arange(1, power, 2.0))       # 1 x 3 x 5 x ... x (power - 1)
        assert_allclose(weights[0] @ nodes[0] ** power, np.full(dimensions, moment), rtol=1e-9, atol=1e-9 * max(moment, 1))
    beyond = np.prod(np.arange(1, 2 * points, 2.0))
    assert abs(weights[0] @ nodes[0][:, 0] ** (2 * points) - beyond) > 0.1   # and not one degree further


def test_product_rule_integrates_cross_moments():
    nodes, weights = hermite_product(4, 2)
    assert_allclose(weights @ (nodes[:, 0] ** 2 * nodes[:, 1] ** 4), 3, rtol=1e-12)
    assert_allclose(weights @ (nodes[:, 0] * nodes[:, 1]), 0, atol=1e-13)


@pytest.mark.parametrize("size", [100, 3, 12])
def test_sobol_wants_a_power_of_two(size):
    with pytest.raises(InputError, match=rf"sobol\({size}\).*power of two, such as {1 << size.bit_length()}"):
        sobol(size)


@pytest.mark.parametrize("rule", [monte_carlo, halton, sobol, gauss_hermite])
@pytest.mark.parametrize("size", [0, -4, 2.5, "many", None, np.nan])
def test_sizes_that_are_no_sizes_are_refused(rule, size):
    with pytest.raises(InputError, match="integration: the size must be a positive whole number"):
        rule(size)


@pytest.mark.parametrize("rule, I", [(halton(10, seed=0), 10), (monte_carlo(7, seed=0), 7), (sobol(8, seed=0), 8), (gauss_hermite(3), 9)])
def test_integration_without_agents(tables, rule, I):
    products, _ = tables
    problem = Problem(products, linear="1 + prices + x + group", random="0 + x + group", integration=rule)
    assert problem.L == 2 and len(problem.tastes) == 6 * I and len(problem.weights) == 6 * I
    nodes, weights = rule.nodes_and_weights(6, 2)
    for block in problem.blocks:
        for b, t in enumerate(block.markets):
            assert_array_equal(block.tastes[b], nodes[t])
            assert_array_equal(block.weights[b], weights[t])
    assert problem.evaluate([0.5, 1.0]).inverted


def test_same_seed_same_objective_and_nodes_are_drawn_once(tables):
    products, _ = tables

    def problem(seed):
        return Problem(products, linear="1 + prices + x + group", random="0 + x + group", integration=halton(20, seed=seed))
    one = problem(1)
    assert one.evaluate([0.5, 1.0]).objective == one.evaluate([0.5, 1.0]).objective == problem(1).evaluate([0.5, 1.0]).objective
    assert one.evaluate([0.5, 1.0]).objective != problem(2).evaluate([0.5, 1.0]).objective


def test_without_a_seed_a_problem_still_keeps_its_nodes(tables):
    problem = Problem(tables[0], linear="1 + prices + x + group", random="0 + x + group", integration=monte_carlo(20))
    assert problem.evaluate([0.5, 1.0]).objective == problem.evaluate([0.5, 1.0]).objective


def test_with_demographics_each_row_of_agents_gets_its_own_draw(tables):
    products, agents = tables
    rows = agents.drop(columns=[c for c in agents if c.startswith("nodes")])
    one = Problem(products, rows, **FORMULAS, integration=halton(1, seed=4))
    assert len(one.tastes) == len(agents) and one.L == 3 and one.D == 1
    assert len(np.unique(one.tastes[:, 0])) == len(agents)
    assert_array_equal(one.tastes[:, 3], agents["income"])
    assert_array_equal(one.weights, agents["weights"])
    other = Problem(products, rows, **FORMULAS, integration=halton(999, seed=4))            # the size is of no account
    assert_array_equal(other.tastes, one.tastes)


def test_with_demographics_and_without_weights_agents_count_alike(tables):
    products, agents = tables
    rows = agents.drop(columns="weights").query("market_ids != 2 or index % 2 == 0")
    problem = Problem(products, rows, **FORMULAS, integration=monte_carlo(1, seed=4))
    for block in problem.blocks:
        for b, t in enumerate(block.markets):
            assert_allclose(block.weights[b].sum(), 1, rtol=1e-12)
            assert_allclose(block.weights[b][block.weights[b] > 0], 1 / (8 if t == 2 else 16))


def test_a_product_rule_with_demographics_is_refused_with_the_reason(tables):
    with pytest.raises(InputError, match="product rule can't be combined with demographics.*weights of their own.*halton"):
        Problem(*tables, **FORMULAS, integration=gauss_hermite(3))


@pytest.mark.parametrize("rule", ["halton", halton, 200])
def test_something_that_is_no_rule_is_refused(tables, rule):
    with pytest.raises(InputError, match="integration"):
        Problem(tables[0], linear="1 + prices", random="0 + x", integration=rule)


def test_sizes_may_be_whole_floats_but_not_truth_values():
    assert np.array_equal(sobol(64.0, seed=0).draws(64, 2), sobol(64, seed=0).draws(64, 2))
    with pytest.raises(InputError, match="positive whole number, not True"):
        gauss_hermite(True)
