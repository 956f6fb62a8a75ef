"""Bounds and corners: minima that leave a taste at zero or a parameter at its bound, and starts of either sign."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import blpteach
from blpteach import Problem, Truth, gauss_hermite, simulate
from blpteach.corners import columns_at_zero, from_corner, up_to_bounds
from blpteach.examples import EXAMPLES
from blpteach.gmm import concentrate, weighting_2sls
from blpteach.outer_loop import Objective, quasi_newton

LOGIT = Truth(sigma=(0.0, 0.0, 0.0), pi=0.0)
LINEAR = "1 + prices + x + group"


def logit_economy(seed, random="0 + x + group"):
    """Markets of a plain logit, and a model of it with symmetric nodes."""
    products, _ = simulate(LOGIT, T=20, J=(4, 8), I=1, seed=seed)
    return Problem(products, linear=LINEAR, random=random, integration=gauss_hermite(3))


@pytest.fixture(scope="module")
def corners():
    """Estimates in eight samples of the logit."""
    return [logit_economy(seed).estimate([0.5, 0.5]) for seed in range(8)]


# Corners -------------------------------------------------------------------------------------------------------------------

def test_about_half_of_the_tastes_of_a_logit_end_at_zero_after_few_evaluations(corners):
    held = np.array([found.held for found in corners])
    assert 0.25 < held.mean() < 0.75
    assert all(found.converged and found.verdict().startswith("Is this an optimum? Yes") for found in corners)
    assert max(found.evaluations for found in corners) <= 40


def test_at_a_corner_nothing_near_is_lower_and_elsewhere_the_gradient_is_zero(corners):
    for seed, found in enumerate(corners):
        assert_array_equal(found.theta2[found.held], 0)
        for k in range(2):
            for step in (0.05, 0.3):
                moved = np.diag(found.sigma).copy()
                moved[k] += step
                assert logit_economy(seed).evaluate(moved).objective >= found.objective * (1 - 1e-10)
        assert_allclose(found.gradient[~found.held], 0, atol=1e-3)


def test_standard_errors_at_a_corner_are_those_of_the_model_without_that_taste(corners):
    seed = next(seed for seed, found in enumerate(corners) if found.held.all())
    logit = Problem(logit_economy(seed).products, linear=LINEAR).estimate()
    found = corners[seed]
    assert_allclose(found.beta, logit.beta, rtol=1e-8)
    assert_allclose(found.beta_se, logit.beta_se, rtol=1e-8)
    assert np.isnan(found.sigma_se).all()
    one = next(number for number, found in enumerate(corners) if found.held.sum() == 1)
    kept = int(np.flatnonzero(~corners[one].held)[0])
    without = logit_economy(one).evaluate(np.where(np.arange(2) == kept, corners[one].theta2, 0))
    assert_allclose(corners[one].beta_se, without.beta_se, rtol=1e-6)
    assert_allclose(corners[one].sigma_se[kept, kept], without.sigma_se[kept, kept], rtol=1e-6)


def test_a_corner_is_called_what_it_is(corners):
    found = next(found for found in corners if found.held.any())
    assert found.at_bound == [name for name, held in zip(found.free.names, found.held) if held]
    assert found.at_bound[0] in found.verdict().splitlines()[0]
    assert "no ordinary test" in found.verdict() and "(corner)" in repr(found)
    inside = next(found for found in corners if not found.held.any())
    assert inside.at_bound == [] and "corner" not in repr(inside)


def test_a_start_as_good_as_zero_is_left_where_there_is_a_way_down(corners):
    seed = next(seed for seed, found in enumerate(corners) if not found.held.all())
    found = logit_economy(seed).estimate([1e-14, 1e-14])
    assert_allclose(found.objective, corners[seed].objective, rtol=1e-8)
    assert_allclose(abs(found.theta2), abs(corners[seed].theta2), rtol=1e-3, atol=1e-6)


def test_only_symmetric_nodes_are_even():
    problem = logit_economy(0)
    assert problem.even_nodes.all()
    drawn = Problem(problem.products, linear=LINEAR, random="0 + x + group", integration=blpteach.halton(60, seed=0))
    assert not drawn.even_nodes.any()
    found = drawn.estimate([0.5, 0.5])
    assert found.at_bound == [] and found.converged


def test_delta_is_an_even_function_of_a_column_of_sigma():
    """The reason for corners, with elements below the diagonal: the whole column changes its sign."""
    problem = logit_economy(1)
    sigma, flipped = np.array([[0.7, 0], [0.4, 0.9]]), np.array([[-0.7, 0], [-0.4, 0.9]])
    assert_allclose(problem.evaluate(sigma).delta, problem.evaluate(flipped).delta, rtol=1e-10)


def test_the_way_down_from_a_corner_lowers_the_objective():
    """From zero in an economy whose tastes do differ, in one column of two elements."""
    products, _ = simulate(Truth(pi=0.0), T=30, I=200, seed=3)
    problem = Problem(products, linear=LINEAR, random="0 + x + group", integration=gauss_hermite(3))
    free = problem.free([[1.0, 0], [1.0, 1.0]])
    moment_map = concentrate(problem.X1, problem.Z, weighting_2sls(problem.Z))[1]
    objective, zero = Objective(problem.solver(free), moment_map), np.zeros(3)
    assert columns_at_zero(objective, zero, free, np.zeros(3, bool)).all()
    step = from_corner(objective, zero, free, free.nodes == 0)
    assert step[:2].any() and step[2] == 0
    assert objective.value(step) < objective.value(zero)
    assert objective.value(1e-2 * step) < objective.value(zero)


# Bounds --------------------------------------------------------------------------------------------------------------------

def test_up_to_bounds_stops_at_the_first_one_on_the_way():
    class Bounds:
        lower, upper = np.array([0.0, 0.0, -np.inf]), np.array([np.inf, 5.0, np.inf])
    stopped, hit = up_to_bounds(np.array([1.0, 4.0, 0.0]), np.array([-1.0, 8.0, 2.0]), Bounds)
    assert_allclose(stopped, [0.5, 5.0, 0.5])
    assert_array_equal(hit, [False, True, False])
    inside, hit = up_to_bounds(np.array([1.0, 4.0, 0.0]), np.array([2.0, 4.0, -9.0]), Bounds)
    assert_allclose(inside, [2, 4, -9])
    assert not hit.any()


def test_nevos_cereals_with_sigma_bounded_at_zero_end_where_pyblp_does():
    """PyBLP's default bounds: 4.7214, price coefficient -60.17, with the taste for sugar at its bound."""
    problem, start = EXAMPLES["cereal"]()
    found = problem.estimate(**start, sigma_bounds=(0, None))
    assert_allclose([found.objective, found.beta[0]], [4.7214, -60.17], rtol=2e-4)
    assert found.at_bound == ["sigma[sugar, nodes2]"] and (np.diag(found.sigma) >= 0).all() and found.converged
    k = found.free.names.index(found.at_bound[0])
    assert found.gradient[k] > 0 and abs(np.delete(found.gradient, k)).max() < 1e-3
    again = problem.estimate(**start, sigma_bounds=(np.zeros((4, 4)), np.full((4, 4), np.inf)))
    assert_allclose(again.objective, found.objective, rtol=1e-9)


def test_bounds_that_do_not_bind_change_nothing():
    problem, start = EXAMPLES["simulated"]()
    free, bounded = problem.estimate(**start), problem.estimate(**start, sigma_bounds=(0, 10))
    assert_allclose(bounded.theta2, free.theta2, rtol=1e-9)
    assert bounded.at_bound == []


@pytest.mark.parametrize("bounds, words", [((1, 0), "lower bound must be below"), (3, "must be .low, high."), ((5, None), "lies outside"),
                                           ((np.zeros(2), None), "shape"), (("a", None), "must be .low, high.")])
def test_bounds_that_are_none(bounds, words):
    problem, start = EXAMPLES["simulated"]()
    with pytest.raises(blpteach.InputError, match=words):
        problem.estimate(**start, sigma_bounds=bounds)


# The tutorials of PyBLP ----------------------------------------------------------------------------------------------------

def cereals_with(integration):
    products, _ = blpteach.load_cereal()
    return Problem(products, linear="0 + prices", absorb="product_ids", random="1 + prices + sugar + mushy", integration=integration)


@pytest.mark.parametrize("sigma, objective", [(np.eye(4), 189.943178), (np.tril(np.ones((4, 4))), 168.847124)])
def test_cereals_with_a_product_rule_end_at_corners(sigma, objective):
    problem = cereals_with(gauss_hermite(5))
    found = problem.estimate(sigma)
    assert_allclose(found.objective, objective, rtol=1e-7)
    assert found.converged and "sigma[mushy, nodes3]" in found.at_bound
    bfgs = problem.estimate(sigma, method="BFGS")
    assert_allclose(bfgs.objective, found.objective, rtol=1e-7)
    assert found.evaluations <= 1.5 * bfgs.evaluations          # both see that there is no way down from the corner


@pytest.mark.slow
def test_two_steps_with_a_product_rule_reach_the_lowest_known_minimum():
    found = cereals_with(gauss_hermite(5)).estimate(np.tril(np.ones((4, 4))), steps=2)
    assert_allclose(found.objective, 159.01943, rtol=1e-6)


def test_automobiles_from_both_signs_of_the_taste_for_air():
    """200 draws tell plus from minus: the flipped start ends lower, under the same weights. That is simulation error."""
    with pytest.warns(UserWarning, match="weights"):
        problem, start = EXAMPLES["supply"]()
    k = 2                                                       # sigma[air, nodes2]
    plus = problem.estimate(**start, progress=False)
    minus = start["sigma"].copy()
    minus[3, k] *= -1
    flipped = problem.estimate(**start | {"sigma": minus}, progress=False)
    assert_allclose(plus.objective, 497.3358, rtol=1e-5)
    assert plus.sigma[3, k] > 0 > flipped.sigma[3, k]
    moment_map = plus.equations.concentrate(plus.W)[1]
    objective = Objective(problem.solver(plus.free), moment_map)
    assert_allclose(objective.value(quasi_newton(objective, flipped.theta2)[0]), 456.355, atol=0.01)
    assert flipped.pi[1, 0] < plus.pi[1, 0] - 3 and flipped.own_elasticities().mean() < -4.2 < plus.own_elasticities().mean()
