"""Lesson 02's pictures say what the formulas say, and its widget redraws."""

import numpy as np
import pytest

from blpteach import invert_shares, market_shares, taste_deviations
from blpteach.examples import cereal
from blpteach.plots.inversion import BESIDE, RUNNERS, TASTES, Convergence, HowMany, Race, Rough, Tangents, Valley
from blpteach.widgets.inversion import made_up_market, race


@pytest.fixture(scope="module")
def picture():
    return Race(**made_up_market())


@pytest.fixture(scope="module")
def box():
    return race()


def by_hand(outside_share, sigma, corrected, steps):
    """Changes of the contraction in log form from delta = 0, one product at a time."""
    m = made_up_market()
    S, mu, w = (1 - outside_share) * m["proportions"], sigma * m["X2"] @ m["nodes"].T, m["weights"]
    delta, changes = np.zeros(len(S)), []
    for _ in range(steps):
        expV = np.exp(delta[:, None] + mu)
        P = expV / (1 + expV.sum(0))
        new = np.array([delta[j] + np.log(S[j]) - np.log(P[j] @ w) for j in range(len(S))])
        if corrected:
            new -= np.log(1 - S.sum()) - np.log(1 - (P @ w).sum())
        changes.append(max(abs(new - delta) / np.maximum(1, abs(new))))
        delta = new
    return np.array(changes)


@pytest.mark.parametrize("outside_share, sigma", [(0.5, 2.0), (0.05, 1.0), (0.9, 4.0)])
@pytest.mark.parametrize("name, corrected", [("log form", False), ("exp form", False), ("corrected", True)])
def test_lines_of_the_race_are_the_changes_of_the_maps(picture, outside_share, sigma, name, corrected):
    picture.update(outside_share=outside_share, sigma=sigma, tolerance=1e-13)
    n, changes = picture.lines[name][0].get_data()
    expected = by_hand(outside_share, sigma, corrected, 20)
    assert np.allclose(changes[:20], expected, rtol=1e-6) and list(n[:3]) == [1, 2, 3]


def test_dashes_of_the_race_have_the_slope_at_which_changes_shrink(picture):
    picture.update(outside_share=0.5, sigma=2.0, tolerance=1e-13, tastes="as drawn")
    for name in ("log form", "corrected"):
        x, y = picture.lines[name][1].get_data()
        slope = (np.log(y[1]) - np.log(y[0])) / (x[1] - x[0])
        changes = picture.found[name][1]
        assert np.isclose(np.exp(slope), changes[-10] / changes[-11], rtol=1e-3)
    assert len(picture.lines["Newton"][1].get_xdata()) == 0     # Newton has no rate


@pytest.mark.parametrize("outside_share, sigma, tolerance", [(0.5, 2.0, 1e-13), (0.01, 3.0, 1e-5), (0.9, 5.0, 1e-9)])
def test_score_counts_evaluations_and_errors_are_true(picture, outside_share, sigma, tolerance):
    picture.update(outside_share=outside_share, sigma=sigma, tolerance=tolerance, tastes="as drawn")
    m = picture
    shares = market_shares(m.delta, taste_deviations(m.X2, m.nodes, sigma * np.eye(2)), m.weights)
    assert np.allclose(shares, (1 - outside_share) * m.proportions, rtol=1e-11)
    for (name, _, evaluations, _), bar, text in zip(RUNNERS, m.bars, m.texts):
        delta, changes = m.found[name]
        if changes[-1] <= tolerance:
            assert bar.get_width() == evaluations * len(changes)
            assert text.get_text().endswith(f"{abs(delta - m.delta).max():.0e}")
        else:
            assert text.get_text().startswith("about")
    assert np.allclose(m.limit.get_ydata(), tolerance)


def test_rate_and_prediction_stand_beside_the_picture(picture):
    picture.update(outside_share=0.5, sigma=2.0, tolerance=1e-10, tastes="as drawn")
    m = picture
    P = np.exp(m.delta[:, None] + 2.0 * m.X2 @ m.nodes.T)
    P = P / (1 + P.sum(0))
    A = (P * m.weights) @ P.T / (P @ m.weights)[:, None]
    rate = np.linalg.eigvals(A).real.max()
    expected = np.log(1e-10) / np.log(rate)
    assert f"rate {rate:.4f}, predicted {expected:.0f}" in m.heads[0].get_text() and np.allclose(m.marks.get_xdata()[:2], expected)
    nobody = (1 - P.sum(0)) * m.weights
    corrected = abs(np.linalg.eigvals(A - P @ nobody / nobody.sum())).max()
    assert f"rate {corrected:.4f}" in m.heads[2].get_text() and np.isnan(m.marks.get_xdata()[3:]).all()


def test_forecast_of_a_contraction_that_was_not_waited_for_comes_true(picture):
    picture.update(outside_share=0.01, sigma=1.0, tolerance=1e-13, tastes="as drawn")
    m = made_up_market()
    assert len(picture.found["log form"][1]) == 600 < picture.bars[0].get_width()
    mu = taste_deviations(m["X2"], m["nodes"], np.eye(2))
    waited = invert_shares(0.99 * m["proportions"], mu, m["weights"], method="exp", corrected=False, start=np.zeros(20))
    assert waited.converged and np.isclose(picture.bars[0].get_width(), waited.iterations, rtol=0.03)


@pytest.mark.parametrize("tastes, survivors", [("as drawn", {"log form", "exp form", "corrected", "SQUAREM", "Newton"}),
                                               ("one type +800", {"log form", "corrected", "SQUAREM", "Newton"}), ("all types -800", {"Newton"})])
def test_the_switch_shows_which_form_survives(picture, tastes, survivors):
    picture.update(outside_share=0.5, sigma=2.0, tolerance=1e-13, tastes=tastes)
    assert {name for name, *_ in RUNNERS if picture.finished(name)} == survivors
    told = {name: text.get_text() for (name, *_), text in zip(RUNNERS, picture.texts)}
    assert all(("error" in told[name]) == (name in survivors) and ("not a number" in told[name]) == (name not in survivors) for name in told)
    shares, mu = picture.market()
    m = made_up_market()
    moved = mu - 2.0 * m["X2"] @ m["nodes"].T
    assert np.allclose(moved.min(), min(0, TASTES[tastes][1])) and np.allclose(moved.max(), sum(TASTES[tastes]))
    for name in survivors:
        assert np.allclose(market_shares(picture.found[name][0], mu, m["weights"]), shares, rtol=1e-9)


def test_race_finishes_at_the_ends_of_the_sliders(picture):
    for outside_share in (1e-4, 0.9):
        for sigma in (0.0, 5.0):
            for tolerance in (1e-13, 1e-3):
                picture.update(outside_share=outside_share, sigma=sigma, tolerance=tolerance, tastes="as drawn")
                assert all(picture.finished(name) for name, *_ in RUNNERS[2:])
                assert all(np.isfinite(bar.get_width()) for bar in picture.bars)
    assert len(picture.left.get_title()) == 0 and "0.9" in picture.left.get_title(loc="left")


def test_convergence_dashes_follow_the_rate_and_update_keeps_what_is_not_given():
    changes = 0.3 * 0.5 ** np.arange(40)
    picture = Convergence({"contraction": changes, "SQUAREM": changes[:9]}, {"contraction": 0.5})
    x, y = picture.lines["contraction"][1].get_data()
    assert np.allclose(y, BESIDE * 0.3 * 0.5 ** (x - 1)) and list(picture.lines["SQUAREM"][0].get_xdata()[:2]) == [2, 4]
    picture.update(histories={"SQUAREM": changes[:5]})
    assert len(picture.lines["SQUAREM"][0].get_xdata()) == 5 and np.allclose(picture.lines["contraction"][0].get_ydata(), changes)


def test_how_many_shows_each_market():
    observed, among = np.array([0.5, 0.6]), np.array([0.5, 0.6])
    groups = {"a": (observed, among, np.array([0.7, 0.8]), np.array([80, 130])),
              "b": (np.array([0.9]), np.array([0.3]), np.array([0.87]), np.array([210]))}
    picture = HowMany(groups)
    assert np.allclose(picture.points["a"][0].get_xydata(), [[0.5, 0.7], [0.6, 0.8]]) and len(picture.points["a"][2].get_xdata()) == 0
    assert np.allclose(picture.points["b"][1].get_xydata(), [[0.87, 210]])
    assert np.allclose(picture.points["b"][0].get_xydata(), [[0.3, 0.87]]) and np.allclose(picture.points["b"][2].get_xydata(), [[0.9, 0.87]])


@pytest.mark.parametrize("outside_share", [0.02, 0.5])
def test_valley_ends_where_all_shares_are_observed(outside_share):
    picture = Valley(outside_share=outside_share)
    w, mu, delta = picture.weights, picture.mu, picture.goals[0].get_xydata()[0]
    expV = np.exp(delta[:, None] + mu)
    assert np.allclose((expV / (1 + expV.sum(0))) @ w, (1 - outside_share) * np.array([0.6, 0.4]), rtol=1e-9)
    plain, corrected = (line.get_xydata() for line in picture.paths)
    assert len(plain) == 21 and abs(corrected[-1] - delta).max() < 0.1 * abs(plain[-1] - delta).max()


def test_tangents_touch_and_have_the_slope_of_a_finite_difference():
    problem, start = cereal()
    market, Gamma = problem.blocks[0][0], np.hstack([start["sigma"], start["pi"]])
    picture = Tangents(market, Gamma, 2, 2, {"one": 0, "another": 5}, np.linspace(-0.2, 0.2, 5), "sigma", value=0.1)

    def delta(value):
        moved = Gamma.copy()
        moved[2, 2] = value
        return invert_shares(market.shares, taste_deviations(market.X2, market.tastes, moved), market.weights).delta
    for (tangent, point), j in zip(picture.lines, (0, 5)):
        x, y = tangent.get_data()
        assert np.isclose((y[1] - y[0]) / (x[1] - x[0]), (delta(0.1 + 1e-5) - delta(0.1 - 1e-5))[j] / 2e-5, rtol=1e-5)
        assert np.allclose(point.get_xydata(), [[0.1, delta(0.1)[j]]])


@pytest.mark.parametrize("step", [1, 7, 40])
def test_a_race_on_its_way_shows_what_was_computed_so_far(picture, step):
    picture.update(outside_share=0.5, sigma=2.0, tolerance=1e-13, tastes="as drawn", step=step)
    for (name, _, evaluations, _), bar in zip(RUNNERS, picture.bars):
        counted = evaluations * len(picture.found[name][1])
        shown = picture.lines[name][0].get_xdata()
        assert len(shown) == min(step, counted) // evaluations and bar.get_width() == min(step, counted)
    assert picture.number.get_text() == f"after {step}"
    assert [text.get_text() == "" for text in picture.texts] == [evaluations * len(picture.found[name][1]) > step
                                                                  for name, _, evaluations, _ in RUNNERS]
    picture.update(step=picture.until)
    assert picture.number.get_text() == f"{picture.score('log form'):.0f} against {picture.score('corrected'):.0f}"
    picture.update(step=0)
    assert len(picture.lines["log form"][0].get_xdata()) == picture.score("log form")


@pytest.mark.parametrize("outside_share, tastes, number", [(1e-4, "as drawn", "240,000 against 30"), (0.5, "all types -800", "lost against lost")])
def test_the_large_number_is_the_contraction_against_the_corrected_map(picture, outside_share, tastes, number):
    picture.update(outside_share=outside_share, sigma=1.0, tolerance=1e-13, tastes=tastes)
    assert picture.number.get_text() == number
    assert ("one path" in picture.heads[1].get_text()) == (tastes == "as drawn")


def test_play_runs_from_the_start_to_the_end_of_the_axis(box):
    play = box.controls["step"]
    assert (play.min, play.max, play.value) == (0, box.picture.left.get_xlim()[1], 0)
    whole = box.image.value
    play.value = 12
    assert box.picture.number.get_text() == "after 12" and box.image.value != whole
    play.value = play.max
    assert box.image.value == whole
    play.value = 0


def test_every_control_redraws(box):
    seen = {box.image.value}
    for name, value in {"outside_share": 0.01, "sigma": 4.0, "tolerance": 1e-6, "tastes": "one type +800"}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 5 and box.picture.values == {"outside_share": 0.01, "sigma": 4.0, "tolerance": 1e-6, "tastes": "one type +800"}


def test_presets_set_all_values(box):
    buttons = {button.description: button for button in box.children[1].children}
    usual = 1e-13, "as drawn"
    expected = {"the logit": (0.5, 0.0, *usual), "tiny outside good": (1e-4, 1.0, *usual), "wild tastes, large outside good": (0.9, 5.0, *usual),
                "exp overflows": (0.5, 2.0, 1e-13, "one type +800"), "reset": (0.5, 2.0, *usual)}
    assert list(buttons) == list(expected)
    for text, values in expected.items():
        before = box.image.value
        buttons[text].click()
        assert tuple(box.picture.values.values()) == values and box.image.value != before


def test_a_rough_objective_has_a_line_for_each_tolerance():
    grid = np.linspace(0, 1, 5)
    picture = Rough(grid, {0.1: grid, 1e-13: grid**2}, "sigma")
    assert {limit: line.get_ydata().tolist() for limit, line in picture.lines.items()} == {1e-13: (grid**2).tolist(), 0.1: grid.tolist()}
    assert [text.get_text() for text in picture.axes.get_legend().get_texts()] == ["tolerance 1e-13", "tolerance 0.1"]
    picture.update(lines={0.1: 7 + grid})
    assert picture.lines[0.1].get_ydata().max() == 8 and picture.axes.get_ylim()[1] > 8
