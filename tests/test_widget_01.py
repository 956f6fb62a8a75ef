"""Pictures and widget of lesson 01."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from blpteach import invert_shares
from blpteach.course.checks import lesson_01
from blpteach.plots import tastes as plots
from blpteach.widgets.tastes import MARKET, diversion

SHARES, SUGAR, GROUP = MARKET["shares"], MARKET["sugar"], MARKET["group"]
LOGIT = np.append(SHARES[1:], 1 - SHARES.sum()) / (1 - SHARES[0])


def heights(picture):
    return np.array([bar.get_height() for bar in picture.bars])


def marginal_diversion(delta, X2, sigma, nodes, weights):
    """Diversion from the first product by a numerical derivative of plain shares."""
    def shares(delta):
        V = np.exp(delta[:, None] + X2 @ (sigma[:, None] * nodes.T))
        return (V / (1 + V.sum(0))) @ weights
    step = np.zeros(6)
    step[0] = 1e-6
    change = shares(delta + step) - shares(delta - step)
    return np.append(-change[1:], change.sum()) / change[0]


@pytest.fixture(scope="module")
def box():
    return diversion()


@pytest.fixture
def picture():
    return plots.Diversion(**MARKET)


def test_without_random_tastes_bars_stand_at_the_logits_marks(picture):
    picture.update(sigma_constant=0, sigma_sugar=0, sigma_group=0, cut=40)
    assert np.allclose(heights(picture), LOGIT) and picture.number.get_text() == "×1.00"
    assert "all lose the same part" in picture.left.get_title(loc="left")
    x, y = picture.types.get_data()
    assert np.allclose(x, SHARES[:3].sum()) and np.allclose(y, SHARES[3:].sum())


def test_a_taste_for_the_constant_keeps_diversion_proportional_to_share(picture):
    picture.update(sigma_constant=3, sigma_sugar=0, sigma_group=0, cut=50)
    multiples = heights(picture) / LOGIT
    assert np.ptp(multiples[:5]) < 1e-9 and multiples[0] > 1.5 > 1 > multiples[5]
    assert picture.number.get_text() == "×1.00" and "inside goods lose the same part" in picture.left.get_title(loc="left")
    x, y = picture.types.get_data()
    assert np.allclose(y / x, SHARES[3:].sum() / SHARES[:3].sum())


def test_a_taste_for_the_group_gives_two_multiples_and_one_for_sugar_many(picture):
    picture.update(sigma_constant=0, sigma_sugar=0, sigma_group=3, cut=50)
    multiples = heights(picture) / LOGIT
    assert np.ptp(multiples[:2]) < 1e-9 and np.ptp(multiples[2:]) < 1e-9 and multiples[0] > 3 * multiples[2]
    assert "holds within a group" in picture.left.get_title(loc="left")
    picture.update(sigma_sugar=3, sigma_group=0)
    multiples = heights(picture) / LOGIT
    assert (np.diff(multiples[np.argsort(SUGAR[1:])]) > 0.1).all() and "each rival loses a different part" in picture.left.get_title(loc="left")


def test_the_number_is_the_twins_loss_over_that_of_the_least_sugary(picture):
    picture.update(sigma_constant=1, sigma_sugar=2.5, sigma_group=0, cut=50)
    nodes = picture.nodes
    V = picture.X2 @ (np.array([[1], [2.5], [0]]) * nodes.T)
    delta = invert_shares(SHARES, V, picture.weights).delta
    after = np.exp(delta[:, None] + V + 1.5 * np.eye(6)[:, :1])
    after = (after / (1 + after.sum(0))).mean(1)
    lost = 1 - after / SHARES
    assert np.isclose(picture.ratio, lost[1] / lost[4]) and picture.number.get_text() == f"×{lost[1] / lost[4]:.2f}"


def test_bars_are_the_derivative_for_a_small_cut_and_sum_to_one(picture):
    sigma = np.array([1.0, 2.0, 1.5])
    picture.update(sigma_constant=1, sigma_sugar=2, sigma_group=1.5, cut=0.001)
    mu = picture.X2 @ (sigma[:, None] * picture.nodes.T)
    delta = invert_shares(SHARES, mu, picture.weights, method="newton").delta
    expected = marginal_diversion(delta, picture.X2, sigma, picture.nodes, picture.weights)
    assert np.allclose(heights(picture), expected, atol=1e-4) and np.isclose(heights(picture).sum(), 1)


def test_update_keeps_values_that_are_not_given(picture):
    picture.update(sigma_sugar=1.0)
    picture.update(cut=20)
    assert picture.values == {"sigma_constant": 0.0, "sigma_sugar": 1.0, "sigma_group": 0.0, "cut": 20}


@pytest.mark.parametrize("name, value", [("sigma_constant", 4), ("sigma_sugar", 0.5), ("sigma_group", 4), ("cut", 10)])
def test_each_slider_redraws(box, name, value):
    before, old = box.image.value, box.controls[name].value
    box.controls[name].value = value
    assert box.image.value[:4] == b"\x89PNG" and box.image.value != before
    box.controls[name].value = old
    assert box.image.value == before


def test_presets_set_all_sliders_of_tastes_and_reset_all(box):
    buttons = {button.description: button for button in box.children[1].children}
    start = {name: control.value for name, control in box.controls.items()}
    expected = {"logit": (0, 0, 0), "constant only": (3, 0, 0), "group dummy": (0, 0, 3), "sugar (reset)": (0, 3, 0)}
    assert list(buttons) == list(expected)
    images = set()
    for text, values in expected.items():
        buttons[text].click()
        assert tuple(box.controls[name].value for name in ("sigma_constant", "sigma_sugar", "sigma_group")) == values
        images.add(box.image.value)
    assert len(images) == 4
    box.controls["cut"].value = 10
    buttons["sugar (reset)"].click()
    assert {name: control.value for name, control in box.controls.items()} == start


def test_the_legend_names_the_colour_of_each_group(picture):
    key = picture.left.get_legend()
    colours = {text.get_text(): handle.get_facecolor() for text, handle in zip(key.get_texts(), key.legend_handles) if hasattr(handle, "get_facecolor")}
    for bar, member in zip(picture.bars, GROUP[1:]):
        assert bar.get_facecolor() == colours["sugary" if member else "bran"]
    assert key.get_texts()[2].get_text().startswith("the logit")


def test_extreme_sliders_give_finite_bars(box):
    for name, control in box.controls.items():
        control.value = control.max
    assert np.isfinite(heights(box.picture)).all() and np.isclose(heights(box.picture).sum(), 1)
    box.children[1].children[-1].click()


def test_losses_show_what_they_are_given():
    lost = np.array([0.4, 0.3, 0.2, 0.1, 0.15])
    picture = plots.Losses(10 * SUGAR[1:], MARKET["names"][1:], "Stars", logit=0.25)
    assert np.allclose(picture.points.get_ydata(), 0.25) and "every rival loses 25 %" in picture.axes.get_title(loc="left")
    picture.update(tastes=lost)
    assert np.allclose(picture.points.get_ydata(), lost) and np.allclose(picture.line.get_ydata(), 0.25)
    assert np.isnan(picture.square.get_ydata()).all() and picture.axes.get_xlim()[0] > -1


@pytest.mark.parametrize("part, event", [(0.5, "at half price"), (0.75, "25 % cheaper"), (1.2, "20 % dearer")])
def test_losses_name_the_change_of_price(part, event):
    picture = plots.Losses(10 * SUGAR[1:], MARKET["names"][1:], "Stars", part=part, logit=0.25)
    assert picture.axes.get_title(loc="left") == f"Stars {event}: every rival loses 25 %"
    assert [text.get_text() for text in picture.axes.get_legend().get_texts()] == ["logit", "each rival"]


def test_losses_show_the_outside_good_and_hollow_points():
    lost, hollow = np.array([0.4, 0.3, 0.2, 0.1, 0.15]), [True, False, False, True, False]
    picture = plots.Losses(10 * SUGAR[1:], MARKET["names"][1:], "Stars", hollow=("cheap", hollow), logit=0.2, tastes=lost, outside=0.12)
    assert np.allclose(picture.square.get_ydata(), 0.12) and picture.square.get_xdata()[0] > picture.axes.get_xlim()[0]
    assert np.allclose(picture.rings.get_xydata(), [[12, 0.4], [1, 0.1]])
    labels = [text.get_text() for text in picture.axes.get_legend().get_texts()]
    assert labels == ["logit with the same gain", "with random tastes (hollow: cheap)", "outside good"]


def test_the_ellipse_holds_95_percent_of_the_tastes():
    nodes = np.random.default_rng(3).standard_normal((20_000, 2))
    sigma = np.array([[1.0, 0.0], [-1.2, 1.6]])
    picture = plots.TasteCloud(nodes, ("a", "b"), sigma=sigma)
    cloud, rim = (np.column_stack(line.get_data()) for line in (picture.points, picture.ellipse))
    precision = np.linalg.inv(np.array([[1, -1.2], [-1.2, 4]]))
    radius = np.einsum("ij,jk,ik->i", rim, precision, rim)
    assert np.allclose(radius, radius[0])
    assert abs((np.einsum("ij,jk,ik->i", cloud, precision, cloud) < radius[0]).mean() - 0.95) < 0.01


def test_integration_errors_are_measured_against_the_integral():
    delta = np.log(SHARES / (1 - SHARES.sum()))
    X2 = np.column_stack([np.ones(6), SUGAR])
    picture = plots.IntegrationErrors(delta, X2, np.diag([0.0, 2.0]), seeds=2)

    def integrand(nu):
        V = np.exp(delta + 2 * SUGAR * nu)
        return norm.pdf(nu) * V[0] / (1 + V.sum())
    assert np.isclose(picture.exact[0], quad(integrand, -9, 9, epsabs=1e-12)[0], atol=1e-9)
    for name, line in picture.lines.items():
        assert np.array_equal(line.get_ydata(), picture.errors[name])


def test_buyers_are_densities_with_bayes_rule_means():
    picture = plots.Buyers(SHARES, SUGAR, {"Stars": 0, "Wheat": 4}, sigma=2.0)
    nu = picture.nu
    means = [np.trapezoid(line.get_ydata() * nu, nu) for line in (*picture.lines.values(), picture.nothing)]
    areas = [np.trapezoid(line.get_ydata(), nu) for line in (*picture.lines.values(), picture.nothing)]
    assert np.allclose(areas, 1, atol=1e-3) and means[0] > 1 > 0 > means[1] > means[2]
    picture.update(sigma=0.0)
    assert np.allclose(picture.lines["Stars"].get_ydata(), norm.pdf(nu), atol=1e-3)


def test_nodes_drawn_once_give_a_smooth_share():
    delta = np.log(SHARES / (1 - SHARES.sum()))

    def share(sigma, draws):
        V = np.exp(delta[:, None] + sigma * np.outer(SUGAR, draws[:, 0]))
        return (V / (1 + V.sum(0)))[0].mean()
    picture = plots.DrawnOnce(share)
    roughness = [abs(np.diff(line.get_ydata(), 2)).max() for line in (picture.once, picture.anew)]
    assert roughness[0] < 1e-3 < roughness[1]


def test_price_slopes_count_every_type_in_range():
    alpha = np.array([-30.0, -31, -35, -200, -900])
    picture = plots.PriceSlopes(alpha)
    assert heights(picture).sum() == 4 and picture.median.get_xdata()[0] == -35
    assert picture.axes.get_legend().get_title().get_text() == "1 types are left of -500"
    picture.update(alpha=[-10.0, -20.0])
    assert heights(picture).sum() == 2 and picture.mean.get_xdata()[0] == -15


def test_the_market_of_the_widget_is_that_of_the_exercises():
    assert np.array_equal(SHARES, lesson_01.SHARES) and np.array_equal(SUGAR, lesson_01.SUGAR)


def test_points_are_those_of_the_rules_and_empty_squares_are_counted():
    picture = plots.Points(size=128, seed=3)
    assert picture.empty["scrambled Sobol"] == 0 < picture.empty["Monte Carlo"]
    for axes, (name, dots) in zip(picture.panels, picture.dots.items()):
        cells = {tuple(cell) for cell in np.floor(8 * dots.get_xydata()).astype(int)}
        assert len(dots.get_xdata()) == 128 and picture.empty[name] == 64 - len(cells)
        assert axes.get_title(loc="left") == f"{name}: {64 - len(cells)} of 64 empty"
        shaded = {(column, row) for row, column in np.argwhere(picture.shades[name].get_array())}
        assert shaded.isdisjoint(cells) and len(shaded | cells) == 64
    before = picture.png()
    picture.update(seed=4)
    assert picture.png() != before
