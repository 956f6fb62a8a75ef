"""Lesson 07's pictures say what the formulas say, its experiment what the library's search finds, and its widget redraws."""

import numpy as np
import pytest

import blpteach
from blpteach.identification import conditional_F
from blpteach.plots import instruments as plots
from blpteach.widgets.instruments import CENTRES, two_designs

SMALL = {"count": 5, "T": 12, "I": 15, "seed": 3}
COLUMNS = {"sums": ["own(x)", "rivals(x)"], "quadratic": ["own(x * x)", "rivals(x * x)"], "local": ["own(near in x)", "rivals(near in x)"]}
COLUMNS["quadratic and counts"] = [*COLUMNS["quadratic"], "own(1)", "rivals(1)"]
COLUMNS["sums and quadratic"] = COLUMNS["sums"] + COLUMNS["quadratic"]


@pytest.fixture(scope="module")
def picture():
    return plots.TwoSets()


def sample_tables(centre, number):
    """The products and agents of one sample of the small experiment, with all instruments."""
    T = SMALL["T"]
    products, agents = blpteach.simulate(plots.truth_around(centre), T=SMALL["count"] * T, J=(4, 12), firms=4, I=SMALL["I"], seed=SMALL["seed"],
                                         x=(centre - 1.5, centre + 1.5))
    products, agents = (table[table["market_ids"] // T == number] for table in (products, agents))
    made = [blpteach.blp_instruments(products, "1 + x"), blpteach.differentiation_instruments(products, "0 + x")]
    return products.join([*made, blpteach.differentiation_instruments(products, "0 + x", version="quadratic")]), agents


@pytest.mark.parametrize("centre, number", [(0.0, 1), (1.5, 0), (1.5, 4)])
def test_estimates_are_those_of_the_search(centre, number):
    """One sample estimated by `Problem` from a start of its own; local standard deviations are the whole experiment's, so that set is left out."""
    found = plots.experiment(centre, **SMALL)
    products, agents = sample_tables(centre, number)
    for name in ("sums", "quadratic", "quadratic and counts", "sums and quadratic"):
        problem = blpteach.Problem(products, agents, linear="1 + prices + x + group", random="0 + x", instruments=["w0", "w1", *COLUMNS[name]])
        objectives = [problem.evaluate([[0, value, 0]]).objective for value in np.linspace(0.02, 3, 30)]
        best = problem.estimate([[0, np.linspace(0.02, 3, 30)[np.argmin(objectives)], 0]])
        sigma = best.sigma[0, 1] if 0 < best.sigma[0, 1] < 3 else (0 if np.argmin(objectives) == 0 else 3)
        assert abs(found[name].sigma[number] - sigma) < 0.011, name
        at_truth = conditional_F(problem.evaluate([[0, 1.0, 0]]), "unadjusted").loc["sigma[x, nodes1]", "conditional_F"]
        assert np.isclose(found[name].F[number], at_truth, rtol=1e-8)


@pytest.mark.parametrize("name", ["sums", "quadratic"])
def test_estimates_with_squares_are_those_of_the_search(name):
    """The same with x squared among the characteristics."""
    found = plots.experiment(1.5, "bent", **SMALL)
    products, agents = sample_tables(1.5, 4)
    problem = blpteach.Problem(products, agents, linear="1 + prices + x + I(x**2) + group", random="0 + x", instruments=["w0", "w1", *COLUMNS[name]])
    objectives = np.array([problem.evaluate([[0, value, 0]]).objective for value in plots.FINE[2::2]])
    assert abs(found[name].sigma[4] - plots.FINE[2::2][objectives.argmin()]) < 0.025
    at_truth = conditional_F(problem.evaluate([[0, 1.0, 0]]), "unadjusted").loc["sigma[x, nodes1]", "conditional_F"]
    assert np.isclose(found[name].F[4], at_truth, rtol=1e-8)


def test_squares_take_from_distances_around_zero_and_not_from_sums_elsewhere():
    straight, bent = ({place: plots.experiment(place, shape) for place in (0.0, 1.5)} for shape in plots.SHAPES)
    assert bent[0.0]["quadratic"].spread > 2 * straight[0.0]["quadratic"].spread
    assert bent[1.5]["sums"].spread < 1.3 * straight[1.5]["sums"].spread


def test_interpolated_moments_are_those_of_the_inversion():
    sample = plots.samples(1.5, **SMALL)[2]
    products, agents = sample_tables(1.5, 2)
    problem = blpteach.Problem(products, agents, linear="1 + prices + x + group", random="0 + x", instruments=["w0", "w1", *COLUMNS["quadratic"]])
    q = sample.objective("quadratic")
    for number in (10, 63, 137, 150, 288):
        assert np.isclose(q[number], problem.evaluate([[0, plots.FINE[number], 0]]).objective, rtol=2e-3, atol=2e-3)


def test_moving_the_centre_moves_nothing_else():
    """Mean utilities without price, costs, distances and unobservables stay."""
    tables = [blpteach.simulate(plots.truth_around(centre), T=5, seed=1, x=(centre - 1.5, centre + 1.5))[0] for centre in (0.0, 2.0)]
    assert np.allclose(tables[1]["x"] - tables[0]["x"], 2) and np.allclose(tables[0]["xi"], tables[1]["xi"]) and np.allclose(tables[0]["costs"], tables[1]["costs"])
    utility = [np.column_stack([np.ones(len(t)), t["x"]]) @ np.array(plots.truth_around(centre).beta)[[0, 2]] for t, centre in zip(tables, (0.0, 2.0))]
    assert np.allclose(*utility)
    assert np.allclose(plots.instrument_sets(tables[0])["quadratic"], plots.instrument_sets(tables[1])["quadratic"])


def test_histograms_hold_all_samples_and_texts_the_numbers(picture):
    for values in ({"centre": 0.0, "left": "sums", "right": "quadratic"}, {"centre": 2.0, "left": "local"}, {"centre": 1.5, "right": "sums and quadratic"}):
        picture.update(**values)
        for side in ("left", "right"):
            found = plots.experiment(picture.values["centre"])[picture.values[side]]
            heights = picture.steps[side].get_data().values
            inside = found.sigma[found.sigma < 2.95]
            assert np.isclose(heights.sum(), 100)
            assert np.allclose(heights[:-1], 100 / len(found.sigma) * np.histogram(inside, picture.edges)[0][:-1])
            text = picture.texts[side].get_text()
            assert f"median bias {np.median(found.sigma) - 1:+.2f}" in text and f"median conditional F {np.median(found.F):.1f}" in text
            spread = np.percentile(found.sigma, 75) - np.percentile(found.sigma, 25)
            assert f"spans {spread:.2f}" in text and f"at 0 or 3: {100 * np.mean((found.sigma == 0) | (found.sigma == 3)):.0f} %" in text
            assert picture.names[side].get_text().startswith(picture.values[side])
        assert np.allclose(picture.bar.get_xdata(), [picture.values["centre"] - 1.5, picture.values["centre"] + 1.5])


def test_the_roles_are_exchanged():
    """What the lesson says: around zero distances win by far, from 0 to 3 sums do, and both together do well in both places."""
    zero, positive = plots.experiment(0.0), plots.experiment(1.5)
    assert zero["sums"].spread > 4 * zero["quadratic"].spread and positive["quadratic"].spread > 1.8 * positive["sums"].spread
    assert np.median(zero["sums"].F) < 2 < 20 < np.median(zero["quadratic"].F) and np.median(positive["quadratic"].F) < 5 < 20 < np.median(positive["sums"].F)
    assert all(found["sums and quadratic"].spread < 0.4 and found["sums and quadratic"].failed == 0 for found in (zero, positive))
    assert np.allclose([found["quadratic and counts"].spread for found in (zero, positive)], [0.20, 0.42], atol=0.02)


def test_the_title_names_the_narrower(picture):
    picture.update(centre=0.0, left="sums", right="quadratic")
    assert "Here quadratic" in picture.title.get_text()
    picture.update(centre=1.5)
    assert "Here sums" in picture.title.get_text()
    picture.update(right="sums")
    assert "equally well" in picture.title.get_text()
    picture.update(centre=0.0, right="local", shape="bent")
    assert "Here neither does" in picture.title.get_text()
    picture.update(shape="straight")


def test_predictions_are_those_given():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=200)
    panels = {(row, column): (fit * actual, actual) for row, column, fit in (("a", "sums", 1.0), ("a", "local", 0.5), ("b", "sums", 0.0), ("b", "local", 0.8))}
    picture = plots.Predicted(panels)
    assert np.allclose(list(picture.R2.values()), [1, 0.75, 0, 0.96])
    assert np.allclose(picture.clouds["a", "local"].get_xdata(), actual / 2) and picture.texts["b", "local"].get_text() == "R² = 0.96"


def test_values_below_the_line_are_kept():
    values = np.linspace(0, 3, 31)
    picture = plots.Profiles(values, {"flat": (values - 1.0) ** 2, "steep": 100 * (values - 1.0) ** 2}, truth=1.0)
    kept = {name: values[~np.isnan(bar.get_xdata())] for name, bar in picture.bars.items()}
    assert np.allclose(kept["flat"][[0, -1]], [0, 2.9]) and np.allclose(kept["steep"][[0, -1]], [0.9, 1.1])
    picture.update(critical=1.1)
    assert np.allclose(values[~np.isnan(picture.bars["flat"].get_xdata())][[0, -1]], [0, 2.0])


def test_every_control_and_preset_redraws():
    box = two_designs()
    start = {"centre": 0.0, "left": "sums", "right": "quadratic", "shape": "straight"}
    seen = {box.image.value}
    for name, value in {"centre": 0.75, "left": "local", "right": "sums and quadratic", "shape": "bent"}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 5
    presets = [start, {**start, "centre": 1.5}, {**start, "centre": 1.5, "right": "quadratic and counts"},
               {**start, "shape": "bent"}, {**start, "centre": 1.5, "shape": "bent"}, start]
    buttons = box.children[1].children
    assert len(buttons) == len(presets)
    for button, values in zip(buttons, presets):
        before = box.image.value
        button.click()
        assert {name: control.value for name, control in box.controls.items()} == values == box.picture.values
        assert box.image.value != before
    assert set(CENTRES) >= {0.0, 1.5}


def test_progress_is_shown(capsys):
    plots.prepare((0.0,), progress=True)
    assert "1 of 1 positions" in capsys.readouterr().err


@pytest.mark.parametrize("values", [{"centre": 1.5, "left": "local", "right": "sums"}, {"centre": 0.0, "shape": "bent"}])
def test_a_moved_picture_looks_like_a_fresh_one(values):
    picture = plots.TwoSets(centre=1.0)
    picture.png()
    assert picture.moved(**values) == plots.TwoSets(**values).png()
