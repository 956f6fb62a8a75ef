"""The pictures and the widget of lesson 05 against formulas written anew."""
import numpy as np
import pytest
from scipy.optimize import fsolve

from blpteach.plots.merger import BySugar, CostCloud, DiversionMap, Merger, Paths, signed
from blpteach.widgets.merger import cereal_models, merger


@pytest.fixture(scope="module")
def models():
    return cereal_models("C01Q1")


@pytest.fixture(scope="module")
def box():
    return merger()


def shares_and_jacobian(model, prices):
    """Shares (J,) and `[j, l]` the derivative of share j in price l, type by type."""
    shares, jacobian = 0, 0
    for mu, alpha, weight in zip(model.mu.T, model.alpha.T, model.weights):
        expV = np.exp(model.delta + mu + alpha * (prices - model.prices))
        s = expV / (1 + expV.sum())
        shares, jacobian = shares + weight * s, jacobian + weight * alpha[0] * (np.diag(s) - np.outer(s, s))
    return shares, jacobian


def first_order_conditions(prices, model, firms, costs):
    shares, jacobian = shares_and_jacobian(model, prices)
    return shares + [((prices - costs) * jacobian[:, j])[firms == firms[j]].sum() for j in range(len(prices))]


@pytest.mark.parametrize("demand", ["random coefficients", "logit"])
def test_models_are_in_equilibrium_at_the_observed_prices(models, demand):
    model = models[demand]
    assert abs(first_order_conditions(model.prices, model, model.firm_ids, model.costs)).max() < 1e-12


@pytest.mark.parametrize("demand, efficiency", [("random coefficients", 0.0), ("random coefficients", 12.0), ("logit", 5.0)])
def test_bars_are_the_price_changes_that_solve_the_first_order_conditions(models, demand, efficiency):
    model = models[demand]
    picture = Merger(models)
    picture.update(acquirer=2, target=6, efficiency=efficiency, demand=demand)
    firms = np.where(model.firm_ids == 6, 2, model.firm_ids)
    costs = model.costs * np.where(firms == 2, 1 - efficiency / 100, 1)
    prices = fsolve(first_order_conditions, model.prices, args=(model, firms, costs), xtol=1e-12)
    heights = np.array([bar.get_height() for bar in picture.bars])
    assert heights == pytest.approx(100 * (prices / model.prices - 1), abs=1e-6)


def integral_of_demand(model, start, end):
    """Minus what buyers pay more on the straight way from one price vector to another: the change of their surplus, in cents."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    path = [start + (x + 1) / 2 * (end - start) for x in nodes]
    return -100 * sum(w / 2 * shares_and_jacobian(model, p)[0] @ (end - start) for w, p in zip(weights, path))


def test_numbers_in_the_text_are_those_of_formulas_written_anew(models):
    model, picture = models["random coefficients"], Merger(models, acquirer=1, target=2)
    end = model.prices * (1 + picture.change / 100)
    loss = integral_of_demand(model, model.prices, end)
    assert picture.headline.get_text() == f"Firm 1 buys firm 2: consumers lose {-loss:.3f} cents a possible serving"
    earned = [100 * (p - model.costs) * shares_and_jacobian(model, p)[0] for p in (model.prices, end)]
    gained, merging = earned[1] - earned[0], model.firm_ids < 3
    assert f"merging firms {gained[merging].sum():+.3f}, rivals {gained[~merging].sum():+.3f}" in picture.numbers.get_text()
    assert f"together: {loss + gained.sum():+.3f} cents" in picture.numbers.get_text()


def test_a_firm_that_buys_itself_changes_nothing_without_savings(models):
    picture = Merger(models, acquirer=3, target=3, efficiency=0.0)
    assert abs(picture.change).max() < 1e-6 and "-" not in picture.numbers.get_text()
    assert picture.headline.get_text() == "Firm 3 alone, nothing changed: consumers neither lose nor gain"
    assert not any(frame.get_visible() for frame in picture.frames)


@pytest.mark.parametrize("demand, product, own", [("random coefficients", "F2B19", 25.0), ("logit", "F6B18", -30.0)])
def test_demand_curve_and_what_a_price_of_its_own_does(models, demand, product, own):
    model, j = models[demand], list(models[demand].names).index(product)
    picture = Merger(models, demand=demand, product=product, own=own, efficiency=5.0)
    new = model.prices * (1 + picture.change / 100)
    share, price = (data[20] / 100 for data in picture.curves[1].get_data())
    assert share == pytest.approx(shares_and_jacobian(model, np.where(np.arange(24) == j, price, new))[0][j])
    here = np.where(np.arange(24) == j, new * (1 + own / 100), new)
    s, jacobian = shares_and_jacobian(model, here)
    assert [float(data[0]) for data in picture.dots[2].get_data()] == pytest.approx([100 * s[j], 100 * here[j]])
    owned = np.isin(model.firm_ids, (1, 2)) if model.firm_ids[j] < 3 else model.firm_ids == model.firm_ids[j]
    costs = np.where(model.firm_ids < 3, 0.95, 1) * model.costs
    profits = [100 * ((p - costs) * shares_and_jacobian(model, p)[0])[owned].sum() for p in (new, here)]
    text = picture.reading.get_text()
    assert f"elasticity {here[j] / s[j] * jacobian[j, j]:.2f}" in text
    assert f"consumers {integral_of_demand(model, new, here):+.3f} cents" in text
    assert f"its owner {profits[1] - profits[0]:+.3f} cents" in text and profits[1] < profits[0]


def test_the_shaded_area_is_what_consumers_lose_or_gain(models):
    picture = Merger(models, own=40.0)
    x, y = picture.area.get_xy().T
    area = abs(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2                     # the shoelace formula; percent times cents
    assert f"consumers {-area / 100:+.3f}" in picture.reading.get_text()


def test_what_is_kept_of_a_picture_is_what_a_new_picture_shows(models):
    moved = Merger(models)
    for values in ({"own": 20.0}, {"efficiency": 30.0}, {"acquirer": 3, "target": 4}, {"product": "F1B04", "demand": "logit"}, {"own": 0.0}):
        shown = moved.moved(**values)
        assert shown == Merger(models, **moved.values).png()


def test_frames_enclose_the_diversion_between_the_two_firms(models):
    picture, model = Merger(models, acquirer=2, target=4), models["random coefficients"]
    x, y, width, height = picture.frames[0].get_bbox().bounds
    rows, columns = np.arange(24)[int(y + 0.5):int(y + 0.5 + height)], np.arange(24)[int(x + 0.5):int(x + 0.5 + width)]
    assert set(model.firm_ids[rows]) == {2} and set(model.firm_ids[columns]) == {4}
    shares, jacobian = shares_and_jacobian(model, model.prices)
    shown = np.asarray(picture.image.get_array())
    assert shown[9, 20] == pytest.approx(-100 * jacobian[20, 9] / jacobian[9, 9])


def test_update_keeps_what_is_not_given(models):
    picture = Merger(models, acquirer=3, target=4, efficiency=7.0)
    picture.update(efficiency=2.0)
    assert picture.values == {"acquirer": 3, "target": 4, "efficiency": 2.0, "demand": "random coefficients", "product": "F2B19", "own": 0.0}


def test_bars_stay_within_the_axes_at_the_extremes(models):
    picture = Merger(models)
    for values in ({"efficiency": 30.0}, {"acquirer": 2, "target": 1, "efficiency": 0.0}, {"acquirer": 6, "target": 6}, {"demand": "logit"}):
        picture.update(**values)
        low, high = picture.left.get_ylim()
        assert low < picture.change.min() and picture.change.max() < high


@pytest.mark.parametrize("name, value", [("acquirer", 3), ("target", 4), ("efficiency", 12.5), ("demand", "logit"), ("product", "F6B18"), ("own", 10.0)])
def test_every_control_redraws(box, name, value):
    before = box.image.value
    box.controls[name].value = value
    assert box.image.value != before


def test_presets_and_reset_set_all_values(box):
    buttons = {button.description: button for button in box.children[1].children}
    assert len(buttons) == 6
    for button in buttons.values():
        button.click()
        assert box.picture.values == {name: control.value for name, control in box.controls.items()}
    assert box.picture.values == {"acquirer": 1, "target": 2, "efficiency": 0.0, "demand": "random coefficients", "product": "F2B19", "own": 0.0}


def test_static_pictures_place_their_numbers():
    dots = BySugar([3, 3, 8], [0, 1, 0], ["a", "b", "c"], {"logit": [1.0, 1.0, 1.0], "model": [0.5, 2.0, 3.0]}, "title", "ylabel", notes=["c"])
    dots.update(model=[3.0, 4.0, 5.0])
    crisp, mushy = dots.points["model"]
    assert crisp.get_xydata() == pytest.approx(np.array([[2.9, 3.0], [8.0, 5.0]])) and mushy.get_xydata() == pytest.approx(np.array([[3.1, 4.0]]))
    assert np.allclose(dots.joined.get_segments()[2], [[8, 1], [8, 5]]) and dots.texts[0].xy == (8, 5)
    cloud = CostCloud(np.array([0.1, 0.2]), np.array([-0.01, 0.1]))
    assert cloud.negative.get_xydata() == pytest.approx(np.array([[10.0, -1.0]]))
    paths = Paths([0.1, 0.3, 0.1], [0.1, 0.2, 0.2], "one")
    paths.update(iterations=1)
    assert list(paths.lines[0].get_ydata()) == pytest.approx([10.0, 30.0]) and paths.axes.get_xlim()[1] > 1


def test_diversion_map_shows_the_outside_good_as_a_number():
    ratios = np.array([[0.6, 0.4], [0.3, 0.7]])
    picture = DiversionMap(ratios, ["a", "b"])
    assert [text.get_text() for text in picture.outside] == ["60", "70"]
    assert picture.image.get_array()[0, 1] == pytest.approx(40) and np.ma.getmaskarray(picture.image.get_array())[0, 0]


def test_what_rounds_to_zero_has_no_sign():
    assert [signed(x, 2) for x in (-0.001, 0.0, 0.004, 0.006, -1.0)] == ["0.00", "0.00", "0.00", "+0.01", "-1.00"]
