"""Lesson 04's pictures say what estimations say, and its widget estimates anew at each move."""

import numpy as np
import pytest

import blpteach
from blpteach.examples import cereal
from blpteach.plots import search as plots
from blpteach.widgets.search import search

COLUMN = 7  # of theta2: pi[prices, income_squared]


@pytest.fixture(scope="module")
def problem():
    return cereal()[0]


@pytest.fixture(scope="module")
def estimates():
    problem, start = cereal()
    return problem.estimate(**start)


@pytest.fixture(scope="module")
def picture(problem, estimates):
    return plots.HoldOne(problem, estimates)


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def test_nothing_held_away_from_the_minimum_is_the_minimum(picture, estimates):
    picture.update(curvature=estimates.theta2[COLUMN], dropped=0)
    assert np.isclose(picture.objective, estimates.objective, atol=1e-5)
    assert np.allclose(picture.theta2, estimates.theta2, rtol=0.02, atol=1e-3)
    assert np.isclose(picture.elasticity, estimates.own_elasticities().mean(), atol=1e-4)
    assert picture.dot.get_data()[1][0] == picture.objective


def test_held_at_zero_is_the_model_without_income_squared(picture, problem):
    start = cereal()[1]
    without = problem.estimate(start["sigma"], start["pi"] * np.array([1, 0, 1, 1]))
    picture.update(curvature=0.0, dropped=0)
    assert np.isclose(picture.objective, without.objective, atol=1e-3)
    assert np.isclose(picture.beta[0], without.beta[0], atol=0.05)


def test_dropped_instruments_are_left_out(picture, problem, estimates):
    kept = [f"demand_instruments{k}" for k in range(17)]
    fewer = blpteach.Problem(problem.products, problem.agents, instruments=kept,
                             **{name: problem.formulas[name] for name in ("linear", "random", "demographics", "absorb")})
    found = fewer.estimate(estimates.sigma, estimates.pi, progress=False)
    picture.update(curvature=found.theta2[COLUMN], dropped=3)
    assert np.isclose(picture.objective, found.objective, atol=1e-4)
    assert np.isclose(picture.beta[0], found.beta[0], atol=0.2)
    assert "17 instruments" in [text.get_text() for text in picture.left.get_legend().get_texts()]


def test_the_curve_lies_above_the_minimum_and_the_dot_on_the_curve(picture, estimates):
    picture.update(curvature=-20.0, dropped=0)
    held, curve = picture.curve.get_data()
    assert min(curve) >= estimates.objective
    assert np.isclose(picture.objective, curve[list(held).index(-20.0)], atol=5e-3)


def test_histograms_are_those_of_types_and_of_purchases(problem, estimates):
    alpha = np.array([frame.iloc[0] for frame in estimates.price_coefficients().values()]).ravel()
    picture = plots.PriceTastes(estimates, estimates, ("one", "the same"))
    for panel in picture.panels:
        counted = [np.mean((alpha >= low) & (alpha < low + 10)) for low in panel.bins[1:-1]]
        assert np.allclose(heights(panel.types), 100 * np.r_[np.mean(alpha < panel.bins[1]), counted])
        assert np.isclose(panel.median.get_xdata()[0], np.median(alpha))
        assert np.isclose(panel.mean.get_xdata()[0], alpha.mean())
        assert np.isclose(panel.buyers.get_ydata()[:-2].sum(), 100)
    inside = np.empty_like(alpha)
    block = problem.blocks[0]
    mu = blpteach.taste_deviations(block.X2, block.tastes, np.hstack([estimates.sigma, estimates.pi]))
    inside = 1 - np.exp(-blpteach.inclusive_value(estimates.delta[block.index], mu)).ravel()
    assert np.isclose(picture.panels[0].numbers["of purchases"], (inside * alpha).sum() / inside.sum())


def test_weighted_median_is_the_median_for_equal_weights():
    for size in (7, 8):
        values = np.random.default_rng(size).normal(size=size)
        assert np.isclose(plots.weighted_median(values, np.full(size, 1 / size)), np.median(values))
    assert plots.weighted_median(np.array([3.0, 1.0, 2.0]), np.array([0.8, 0.1, 0.1])) == 3


def test_searches_show_the_lowest_so_far():
    picture = plots.Searches(paths={"a": [30.0, 40.0, 10.0], "b": [30.0, 20.0]})
    assert np.allclose(picture.lines[0].get_ydata(), [30, 30, 10]) and np.allclose(picture.lines[1].get_xdata(), [1, 2])
    picture.update(paths={"a": [25.0]})
    assert np.allclose(picture.lines[0].get_ydata(), [25])


def test_halved_price_moves_its_points():
    answers = {"logit": np.full(3, 0.3), "early": np.array([0.1, 0.3, 0.4]), "minimum": np.array([0.1, 0.3, 0.5])}
    picture = plots.HalvedPrice([0, 5, 10], "A", {2: "twin"}, answers)
    assert np.allclose(picture.line.get_ydata(), 30) and np.allclose(picture.points["minimum"].get_ydata(), [10, 30, 50])
    picture.update(minimum=np.array([0.2, 0.3, 0.6]))
    assert np.allclose(picture.points["minimum"].get_ydata(), [20, 30, 60]) and "60 percent" in picture.axes.get_title(loc="left")


@pytest.mark.slow
def test_the_valley_is_lowest_at_the_minimum(problem, estimates):
    picture = plots.Valley(problem, estimates, 18.1139)
    curvature, slope, objective = picture.grid
    lowest = np.unravel_index(objective.argmin(), objective.shape)
    assert estimates.objective - 0.02 < objective[lowest] < estimates.objective + 0.05
    assert abs(curvature[lowest] - estimates.theta2[COLUMN]) < 2
    start = cereal()[1]
    path = np.array([problem.theta2(start["sigma"], start["pi"]).start, estimates.theta2])
    picture.update(path=path, stops={"here": path[0]})
    assert np.allclose(picture.line.get_data()[0], path[:, COLUMN])
    assert np.allclose(picture.marks.get_offsets()[0], [path[0, COLUMN], path[0, COLUMN - 1] + 18.1139 * path[0, COLUMN]])


def test_every_control_and_preset_redraws(problem, estimates):
    box = search(problem, estimates)
    seen = {box.image.value}
    for name, value in {"curvature": -30.1, "dropped": 1}.items():              # one press of the right arrow each
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 3
    for button in box.children[1].children:
        before = box.image.value
        button.click()
        assert {name: control.value for name, control in box.controls.items()} == box.picture.values
        assert (box.image.value != before) == (button.description != "reset" or box.picture.values["dropped"] == 0)
    assert box.picture.values == {"curvature": -30.2, "dropped": 0}
