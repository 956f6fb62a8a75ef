"""Lesson 03's pictures say what the formulas say, and its widget redraws."""

import base64

import numpy as np
import pytest

import blpteach
from blpteach.plots.endogeneity import COLOURS, TOP, Inelastic, PriceAndQuality, Profile, Sampling, Units
from blpteach.widgets.endogeneity import endogeneity


@pytest.fixture(scope="module")
def autos():
    """The automobiles' logit: its estimates, exogenous columns and excluded instruments."""
    products = blpteach.load_autos()[0]
    problem = blpteach.Problem(products, linear="1 + hpwt + air + mpd + space + prices")
    excluded = products[[f"demand_instruments{k}" for k in range(8)]].to_numpy()
    return problem, problem.estimate(), problem.X1[:, :-1], excluded


@pytest.fixture(scope="module")
def picture():
    return Sampling(replications=50)


def shocks(replications, M=4, seed=0, N=1000):
    """The draws behind `Sampling`, as one sample after another."""
    return np.random.default_rng(seed).standard_normal((replications, N, M + 2))


def regression(y, X, Z):
    """2SLS by two regressions, its homoskedastic standard error, and the first-stage F."""
    fitted = Z @ np.linalg.lstsq(Z, X, rcond=None)[0]
    b = fitted @ y / (fitted @ fitted)
    se = np.sqrt(np.mean((y - b * X) ** 2) / (fitted @ fitted))
    rest = X - fitted
    return b, se, fitted @ fitted / Z.shape[1] / (rest @ rest / (len(y) - Z.shape[1]))


@pytest.mark.parametrize("correlation, strength, N", [(0.7, 0.3, 200), (0.0, 0.3, 50), (0.95, 0.02, 1000), (0.5, 0.9, 350)])
def test_estimates_are_regressions_on_the_drawn_samples(picture, correlation, strength, N):
    """The picture mixes cross products; here every sample is written out and regressed."""
    picture.update(correlation=correlation, strength=strength, N=N)
    for r, sample in enumerate(shocks(50)[:5, :N]):
        Z, v, e = sample[:, :4], sample[:, 4], sample[:, 5]
        p = np.sqrt(strength) * Z.sum(1) / 2 + np.sqrt(1 - strength) * v
        y = -p + correlation * v + np.sqrt(1 - correlation**2) * e
        by_iv, se, F = regression(y, p, Z)
        by_ls = p @ y / (p @ p)
        se_ls = np.sqrt(np.mean((y - by_ls * p) ** 2) / (p @ p))
        assert np.allclose([picture.estimates["instruments"][r], picture.estimates["least_squares"][r]], [by_iv, by_ls])
        assert np.isclose(picture.F[r], F)
        assert picture.covers["instruments"][r] == (abs(by_iv + 1) <= 1.96 * se)
        assert picture.covers["least_squares"][r] == (abs(by_ls + 1) <= 1.96 * se_ls)


def test_histograms_hold_all_samples_and_the_texts_the_numbers(picture):
    for values in ({"correlation": 0.7, "strength": 0.02, "N": 50}, {"correlation": 0.95, "strength": 0.0}, {"strength": 1.0}):
        picture.update(**values)
        for name, b in picture.estimates.items():
            heights, inside = picture.steps[name].get_data().values, (b > -2.4) & (b < 0.4)
            assert np.allclose(heights[2:-2], np.minimum(100 / 50 * np.histogram(b[inside], picture.edges)[0][2:-2], TOP))
            assert np.isclose(heights.sum(), 100) or heights.max() == TOP
            assert f"{np.median(b) + 1:+.2f}".lstrip("+-") == picture.summary(name)["bias"].lstrip("+-")
            assert picture.texts["coverage", name].get_text() == f"{100 * picture.covers[name].mean():.0f} %"
            assert np.isclose(float(picture.texts["spread", name].get_text()), np.percentile(b, 75) - np.percentile(b, 25), atol=0.00501)
    assert picture.number.get_text() == "> 10⁴"                 # strength one: price is the instrument
    picture.update(strength=0.02, N=200)
    assert picture.number.get_text() == f"{np.median(picture.F):.1f}"


def test_axes_stay_and_a_bar_that_is_cut_says_how_high_it_is(picture):
    limits = picture.axes.get_ylim()
    for values in ({"strength": 0.3, "N": 200}, {"strength": 0.001, "N": 1000}, {"strength": 1.0}):
        picture.update(correlation=0.95, **values)
        assert picture.axes.get_ylim() == limits
        for name, b in picture.estimates.items():
            highest = 2 * np.histogram(np.clip(b, -2.499, 0.499), picture.edges)[0].max()
            assert picture.higher[name].get_text() == (f" {highest} %" if highest > TOP else "")


@pytest.mark.parametrize("strength, dangerous", [(0.02, True), (0.3, False)])
def test_an_f_below_ten_is_told_to_be_dangerous(picture, strength, dangerous):
    picture.update(correlation=0.7, strength=strength, N=200)
    assert (np.median(picture.F) < 10) == dangerous == (picture.number.get_color() == COLOURS["least_squares"])
    assert ("dangerous" in picture.verdict.get_text()) == dangerous


def test_an_arrow_leads_from_the_truth_to_each_median(picture):
    picture.update(correlation=0.7, strength=0.02, N=200)
    for name, b in picture.estimates.items():
        assert np.allclose(picture.arrows[name].get_xdata(), [-1, np.median(b)]) and np.allclose(picture.heads[name].get_xdata(), np.median(b))
        assert picture.biases[name].get_text() == f"bias {np.median(b) + 1:+.2f}"
        x = picture.biases[name].get_position()[0]
        assert np.median(b) < x < 0.1                           # the text begins inside the axes


def test_numbers_are_those_beside_the_picture(picture):
    picture.update(correlation=0.7, strength=0.02, N=1000)
    table = picture.numbers()
    assert list(table.index) == ["least squares", "instruments"]
    for row, name in (("least squares", "least_squares"), ("instruments", "instruments")):
        assert [table.loc[row, column] for column in ("spread", "coverage")] == [picture.texts[column, name].get_text() for column in ("spread", "coverage")]
        assert f"bias {table.loc[row, 'bias']}" == picture.biases[name].get_text()
    assert table.loc["instruments", "median F"] == picture.number.get_text()


def test_least_squares_centres_where_theory_says():
    picture = Sampling(correlation=0.6, strength=0.5, N=1000)
    assert abs(np.median(picture.estimates["least_squares"]) - (-1 + 0.6 * np.sqrt(0.5))) < 0.01
    assert abs(np.median(picture.estimates["instruments"]) + 1) < 0.01
    assert "instruments on the truth" in picture.axes.get_title(loc="left")
    assert picture.axes.get_title() == ""                       # titles don't pile up


def test_inelastic_rows_are_counted(autos):
    problem, estimates, *_ = autos
    picture = Inelastic(problem.prices, problem.shares, least_squares=-0.0886393, instruments=-0.1)
    picture.update(instruments=estimates.beta[-1])
    own = estimates.own_elasticities()
    assert picture.inelastic["instruments"] == (own > -1).sum() and abs(picture.inelastic["least_squares"] - 1502) <= 1
    heights = [bar.get_height() for bar in picture.bars["instruments"]]
    assert sum(heights) == len(own) and sum(heights[40:]) == (own > -1).sum()


def test_parabolas_are_the_objective_and_lowest_at_the_estimate(autos):
    problem, estimates, exogenous, excluded = autos
    picture = Profile(estimates.delta, exogenous, problem.prices, {"all": excluded, "own": excluded[:, :4]})
    assert np.isclose(picture.minimum("all"), estimates.beta[-1])
    assert np.isclose(picture.objective("all", estimates.beta[-1])[0], estimates.objective)
    own = blpteach.Problem(problem.products, linear=problem.arguments["linear"], instruments=problem.excluded_names[:4]).estimate()
    assert np.isclose(picture.minimum("own"), own.beta[-1]) and np.isclose(picture.objective("own", own.beta[-1])[0], own.objective)
    other = estimates.delta + 0.2 * problem.prices              # the formula of 2SLS, written out at another price coefficient
    xi = other - exogenous @ np.linalg.lstsq(exogenous, other, rcond=None)[0]
    projected = problem.Z @ np.linalg.lstsq(problem.Z, xi, rcond=None)[0]
    assert np.isclose(picture.objective("all", -0.2)[0], projected @ projected)
    picture.update(beta_price=-0.1)
    assert np.allclose(picture.line.get_xdata(), -0.1)


def test_units_move_the_identity_and_not_two_stage_least_squares(autos):
    problem, estimates, *_ = autos
    picture = Units(estimates.delta, problem.X1, problem.Z, problem.Z_names)
    picture.update(column=7)
    assert np.allclose(picture.lines["2sls"].get_ydata(), estimates.beta[-1])
    identity = picture.lines["identity"].get_ydata()
    assert identity[0] > 0.09 and identity[-1] < -0.12
    Z = problem.Z.copy()
    Z[:, 7] /= 1000
    ZX = Z.T @ problem.X1
    assert np.isclose(identity[0], np.linalg.lstsq(ZX, Z.T @ estimates.delta, rcond=None)[0][-1])       # W = I is least squares on Z'X


def test_lines_have_the_slopes_that_are_given():
    rng = np.random.default_rng(0)
    price, xi = rng.standard_normal((2, 100))
    picture = PriceAndQuality(price, xi, xi - price, truth=-1.0)
    assert len(picture.lines["instruments"].get_xdata()) == 0
    picture.update(instruments=-0.5)
    assert "Do instruments find the slope?" == picture.right.get_title(loc="left")
    slopes = {name: np.diff(picture.lines[name].get_ydata())[0] / np.ptp(price) for name in ("truth", "instruments")}
    assert np.allclose([slopes["truth"], slopes["instruments"]], [-1, -0.5])


def test_every_control_and_preset_redraws():
    box = endogeneity(replications=50)
    start = {"correlation": 0.7, "strength": 0.3, "N": 200}
    seen = {box.image.value}
    for name, value in {"correlation": 0.2, "strength": 0.05, "N": 800}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 4
    presets = [{**start, "correlation": 0}, start, {**start, "strength": 0.02}, {**start, "strength": 0.02, "N": 1000}]
    buttons = box.children[1].children
    assert len(buttons) == len(presets) and buttons[1].description == "strong instruments (reset)"
    for button, values in zip(buttons, presets):
        before = box.image.value
        button.click()
        assert {name: control.value for name, control in box.controls.items()} == values == box.picture.values
        assert box.image.value != before


def test_a_copy_of_the_picture_follows_the_widget_and_nothing_shrinks_below_legibility(monkeypatch):
    """Without a model JupyterLab shows no widget: `tests/browser.py` has no such page, so what is displayed is read here."""
    box, shown = endogeneity(replications=50), []
    monkeypatch.setattr("blpteach.widgets.live.display", lambda output, raw=False: shown.append(output if raw else output.data))
    box._ipython_display_()
    widget, copy = shown
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert base64.b64decode(copy.split("base64,")[1].split('"')[0]) == box.image.value
    assert "not(:has(.widget-image))" in copy and box.image.layout.min_width == "700px"
    assert all(row.layout.flex_flow == "row wrap" for row in box.children[:2])
