"""The searches of Step 4 on a small curve fit without a market, where every step can be checked."""
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import least_squares

from blpteach.outer_loop import (BAD, ENOUGH, Objective, Start, curvature_units, distinct, gauss_newton, gauss_newton_while_quick, minimize_by,
                                 promised_improvement, quasi_newton, same_end, stay)

TIMES = np.linspace(0, 2, 15)
GRADIENT_FREE = ("nelder-mead", "powell", "cobyla", "cobyqa")


@dataclass
class Solved:
    """What `Objective` asks of a model."""
    values: np.ndarray
    jacobian: np.ndarray
    usable: bool = True


def curve(theta2, data):
    """`a exp(-b t) + c` less the data, and its derivatives; there is none for b above 20."""
    a, b, c = theta2
    decay = np.exp(-b * TIMES)
    jacobian = np.column_stack([decay, -a * TIMES * decay, np.ones_like(TIMES)])
    return Solved(a * decay + c - data, jacobian, bool(b <= 20))


def objective_for(size):
    """A fit whose residuals at the minimum are `size` times a wave: without it Gauss-Newton is Newton's method at the end."""
    data = 2 * np.exp(-1.5 * TIMES) + 0.5 + size * np.sin(9 * TIMES)
    return Objective(lambda theta2: curve(theta2, data), np.eye(len(TIMES))), data


def lowest(data, start):
    found = least_squares(lambda theta2: curve(theta2, data).values, start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return found.x, 2 * found.cost


START = [1.0, 1.0, 0.0]
SEARCHES = [(gauss_newton, {}), (gauss_newton_while_quick, {}), (quasi_newton, {}), (minimize_by("BFGS"), {"gtol": 1e-8})]


@pytest.mark.parametrize("search, options", SEARCHES)
@pytest.mark.parametrize("size", [0.01, 0.3])
def test_searches_end_at_the_minimum_and_say_so(search, options, size):
    objective, data = objective_for(size)
    theta2, message = search(objective, START, **options)
    expected, value = lowest(data, START)
    assert_allclose(objective.at(theta2).value, value, rtol=1e-7, atol=1e-9)
    assert_allclose(theta2, expected, rtol=2e-3)
    assert objective.at(theta2).settled and len(message) > 15 and "None" not in message


def test_quasi_newton_needs_few_evaluations_and_begins_from_integers():
    for size, most in ((0.01, 14), (0.3, 16)):                  # finite differences would take four times as many
        objective, _ = objective_for(size)
        quasi_newton(objective, [1, 1, 0])
        assert objective.evaluations <= most


def test_quasi_newton_does_not_depend_on_the_units_of_parameters():
    objective, data = objective_for(0.3)
    plain, _ = quasi_newton(objective, START)
    unit = np.array([1e2, 1e-2, 10])

    def solve(theta2):
        there = curve(theta2 * unit, data)
        return Solved(there.values, there.jacobian * unit)
    other = Objective(solve, np.eye(len(TIMES)))
    found, _ = quasi_newton(other, START / unit)
    assert_allclose(found * unit, plain, rtol=1e-5)
    assert abs(other.evaluations - objective.evaluations) <= 1


def test_quasi_newton_passes_options_on_and_stops_where_told():
    objective, _ = objective_for(0.3)
    theta2, message = quasi_newton(objective, START, maxiter=1)
    assert message == "Maximum number of iterations has been exceeded." and objective.evaluations <= 4
    assert objective.at(theta2).value < objective.value(START) and not objective.at(theta2).settled


@pytest.mark.parametrize("step, iterations, options, rounds, calls", [
    (0.1, 3, {}, 4, 4), (0.1, 0, {}, 4, 1), (0.1, 3, {"maxiter": 3}, 4, 1), (1.0, 3, {}, 9, 3)])
def test_quasi_newton_begins_again_where_a_step_promises_more(monkeypatch, step, iterations, options, rounds, calls):
    """A BFGS that goes a part of the Gauss-Newton way begins again until nothing more is promised, but not after no iteration."""
    seen = []

    def minimize(value, z, method, jac, options):
        seen.append(options)
        assert method == "BFGS" and (z == 0).all()
        gradient = jac(z)                                       # in units in which 2 R'R is the identity
        assert_allclose(value(z + 1e-6 * gradient) - value(z - 1e-6 * gradient), 2e-6 * gradient @ gradient, rtol=1e-4)
        return type("Found", (), {"x": -step * gradient, "nit": iterations, "message": "a part of the way"})
    monkeypatch.setattr("blpteach.outer_loop.minimize", minimize)
    objective, _ = objective_for(0.001)
    theta2, message = quasi_newton(objective, START, rounds=rounds, **options)
    assert len(seen) == calls and message == "a part of the way"
    assert objective.at(theta2).settled is (step == 1.0) and objective.at(theta2).value < objective.value(np.array(START))
    first = seen[0]
    assert_allclose(first["gtol"]**2, ENOUGH / 100 * (1 + objective.value(np.array(START))), rtol=1e-12)
    assert first["c2"] == 0.5 and first.get("maxiter") == options.get("maxiter")


def test_quasi_newton_stays_at_a_minimum():
    objective, data = objective_for(0.3)
    best, _ = lowest(data, START)
    theta2, _ = quasi_newton(objective, best)
    assert_allclose(theta2, best, rtol=1e-6) and objective.evaluations <= 3


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1e3, 1, 1e-2)])
def test_in_its_units_the_curvature_is_the_identity(sizes):
    R = np.random.default_rng(0).normal(size=(9, 3)) * sizes
    scale = curvature_units(R)
    assert_allclose(scale.T @ (2 * R.T @ R) @ scale, np.eye(3), atol=1e-10)


def test_flat_directions_get_bounded_units():
    nearly = np.array([[1.0, 0.9999], [0.0, np.sqrt(1 - 0.9999**2)]])        # squared singular values 1.9999 and 0.0001
    scale = curvature_units(nearly)
    assert_allclose(np.linalg.eigvalsh(scale.T @ (2 * nearly.T @ nearly) @ scale), [0.0001 / 0.019999, 1], rtol=1e-9)
    assert_allclose(abs(curvature_units(np.array([[3.0, 0.0], [0.0, 0.0]]))),            # a column of zeros
                    np.diag([1 / (3 * np.sqrt(2)), 1 / (0.1 * np.sqrt(2) * 3e-6)]), rtol=1e-12, atol=1e-12)
    assert_allclose(abs(curvature_units(np.zeros((4, 2)))), np.eye(2), atol=1e-12)
    assert curvature_units(np.array([[2.0, 0.0, 0.0]])).shape[0] == 3        # fewer moments than parameters


@pytest.mark.parametrize("method", [*GRADIENT_FREE, "Nelder-Mead", "BFGS", "CG"])
def test_a_method_of_scipy_gets_the_gradient_if_it_has_a_use_for_it(monkeypatch, method):
    seen = {}

    class Found:
        x, message = np.array(START), "found"

    def minimize(function, start, **arguments):
        seen.update(arguments, function=function, start=start)
        return Found
    monkeypatch.setattr("blpteach.outer_loop.minimize", minimize)
    objective, _ = objective_for(0.3)
    theta2, message = minimize_by(method)(objective, START, maxiter=7)
    assert theta2 is Found.x and message == "found" and seen["start"] is START
    assert seen["method"] == method and seen["options"] == {"maxiter": 7} and seen["function"] == objective.value
    assert seen["jac"] == (None if method.lower() in GRADIENT_FREE else objective.gradient)


def test_gauss_newton_while_quick_leaves_a_slow_search():
    slow, _ = objective_for(3.0)
    theta2, _ = gauss_newton_while_quick(slow, START, patience=2)
    assert slow.evaluations <= 8 and not slow.at(theta2).settled
    quick, _ = objective_for(0.01)
    gauss_newton_while_quick(quick, START, most=3)
    assert quick.evaluations <= 7


def test_stay_describes_where_it_is():
    objective, data = objective_for(0.3)
    start = np.array(START)
    here = stay(objective, start)
    assert here.theta2 is start and here.found is start and not here.held.any() and here.held.shape == (3,)
    assert (here.halvings, here.evaluations, here.message, here.searched) == (0, 1, "evaluated, not searched", False)
    assert here.objective == objective.value(start) and here.settled is False
    assert stay(objective, lowest(data, START)[0]).settled is True


def test_held_parameters_stay_and_the_others_are_searched():
    objective, data = objective_for(0.3)
    held = np.array([False, True, False])
    rest = objective.holding(held, [5.0, 1.5, 5.0])
    theta2, _ = gauss_newton(rest, [1, 0])
    X = np.column_stack([np.exp(-1.5 * TIMES), np.ones_like(TIMES)])
    assert_allclose(theta2, np.linalg.lstsq(X, data)[0], rtol=1e-8)
    assert_allclose(rest.among(theta2), [theta2[0], 1.5, theta2[1]])
    there, whole = rest.at(theta2), objective.at(rest.among(theta2))
    assert there.theta2.dtype == float and len(there.theta2) == 2 and there.solved is whole.solved and there.value == whole.value
    assert_allclose(there.R, whole.R[:, [0, 2]]) and rest.evaluations == objective.evaluations > 2
    assert objective.holding(np.zeros(3, bool), START) is objective and objective.among(START) is START


def test_where_there_is_no_value_searches_are_told_a_bad_one():
    objective, _ = objective_for(0.3)
    wild = np.array([1.0, 30.0, 0.0])
    assert objective.value(wild) == BAD and np.isnan(objective.residuals(wild)).all() and (objective.gradient(wild) == 0).all()
    assert np.isnan(objective.at(wild).value) and np.isnan(objective.at(wild).promised) and not objective.at(wild).settled


def test_a_promise_is_the_fall_of_the_linearised_objective():
    rng = np.random.default_rng(1)
    r, R = rng.normal(size=9), rng.normal(size=(9, 3)) * [1e4, 1, 1e-3]
    step = np.linalg.lstsq(R, -r)[0]
    assert_allclose(promised_improvement(r, R), r @ r - (r + R @ step) @ (r + R @ step), rtol=1e-9)
    assert_allclose(promised_improvement(r, np.column_stack([R, R[:, 0], 0 * r])), promised_improvement(r, R), rtol=1e-9)
    objective, data = objective_for(0.3)
    at_best = objective.at(lowest(data, START)[0])
    assert at_best.promised < ENOUGH * (1 + at_best.value)


def end(found, objective=2.0, linear=(1.0, -30.0)):
    return Start(None, np.array(found, float), None, 0, objective, True, 1, "", linear=np.array(linear))


@pytest.mark.parametrize("other, same", [
    (end([-1, 100]), True), (end([1, -100]), True),             # up to signs
    (end([1.0009, 100]), True), (end([1.02, 100]), False), (end([1, 100.09]), True), (end([1, 101]), False),
    (end([1, 100], objective=2 + 2.5e-6), True), (end([1, 100], objective=2 + 4e-6), False),
    (end([1, 100], linear=(1.0, 30.0)), False), (end([1, 100], linear=(1.003, -30.0)), True), (end([1, 100], linear=(1.02, -30.0)), False),
    (end([1.002, 100], linear=(1.0, -29.0)), False)])
def test_ends_are_the_same_up_to_signs_and_small_differences(other, same):
    assert same_end(other, end([1, 100])) is same


def test_small_parameters_are_compared_by_the_size_of_the_largest():
    assert same_end(end([1e-9, 100]), end([0, 100])) and not same_end(end([0.05, 100]), end([0, 100]))
    assert same_end(end([], linear=()), end([], linear=()))
    assert same_end(end([0, 0]), end([0, 0])) and not same_end(end([1e-3, 0]), end([0, 0]))


def test_distinct_ends_come_lowest_first_and_those_without_a_value_last():
    lost, high, low, twin = end([9, 9], np.nan), end([1, 2], 3.0), end([3, 4], 1.0), end([-3, 4], 1.0)
    assert distinct([lost, high, low, twin]) == [low, high]
    assert distinct([lost, lost]) == [lost]
