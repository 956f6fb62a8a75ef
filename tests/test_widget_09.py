"""Lesson 09's pictures say what the formulas say, and its widget redraws."""

import numpy as np
import pytest

import blpteach
from blpteach.plots.automobiles import PRICES, SIZES, Conduct, PriceProfile, Race, TwoDemands, estimated_cars
from blpteach.widgets.automobiles import conduct


@pytest.fixture(scope="module")
def cars():
    return estimated_cars()


@pytest.fixture(scope="module")
def picture(cars):
    return Conduct(cars)


@pytest.fixture(scope="module")
def box(cars):
    return conduct(cars)


def by_types(cars, year):
    """Shares and share Jacobian of one year, type by type from the tables."""
    products, agents = blpteach.load_autos()
    rows = (products["market_ids"] == year).to_numpy()
    table, types = products[rows], agents[agents["market_ids"] == year]
    x = np.column_stack([np.ones(rows.sum()), table[["hpwt", "air", "mpd", "space"]]]) * np.diag(cars.sigma[[0, 2, 3, 4, 5]])
    shares, D = 0, 0
    for nu, income, weight in zip(types[[f"nodes{k}" for k in range(5)]].to_numpy(), types["income"], types["weights"]):
        alpha = cars.pi[1, 0] / income
        V = np.exp(cars.delta[rows] + x @ nu + alpha * table["prices"].to_numpy())
        s = V / (1 + V.sum())
        shares, D = shares + weight * s, D + weight * alpha * (np.diag(s) - np.outer(s, s))
    return table, shares, D


@pytest.mark.parametrize("year, holdings, scale", [(1990, 0.0, 1.0), (1990, 0.6, 1.0), (1971, 1.0, 1.0), (1980, 0.0, 0.3)])
def test_margins_solve_the_first_order_conditions(cars, picture, year, holdings, scale):
    picture.update(year=year, holdings=holdings, scale=scale)
    table, shares, D = by_types(cars, year)
    firm, eta = table["firm_ids"].to_numpy(), picture.eta / scale
    assert np.allclose(shares, table["shares"], rtol=1e-8)
    left = [sum(eta[l] * D[l, j] * (1 if firm[l] == firm[j] else holdings) for l in range(len(firm))) for j in range(len(firm))]
    assert np.allclose(shares + left, 0, atol=1e-10)
    assert np.allclose(picture.costs, table["prices"] - picture.eta)


@pytest.mark.parametrize("values", [{"year": 1990, "holdings": 1.0, "scale": 1.0}, {"year": 1971, "holdings": 0.95}, {"holdings": 0.5, "scale": 0.4}])
def test_dots_and_numbers_are_those_of_the_costs(picture, values):
    picture.update(**values)
    prices = picture.years[picture.values["year"]].prices
    below = picture.costs < 0
    assert np.allclose(picture.negative.get_xdata(), prices[below]) and np.allclose(picture.cloud.get_ydata(), (1 - picture.costs / prices)[~below])
    assert (picture.negative.get_ydata() > 1).all()
    assert f"{below.sum()} of {len(below)} costs are negative ({100 * below.mean():.0f} %)" in picture.headline.get_text()
    for number in (prices.mean(), picture.costs.mean(), picture.eta.mean()):
        assert f"{1000 * number:,.0f}" in picture.reading.get_text()
    assert f"{(picture.eta / prices).mean():.2f} on average" in picture.reading.get_text()


def test_known_numbers(picture):
    for values, negative in (({"year": 1990, "holdings": 0.0, "scale": 1.0}, 0), ({"holdings": 0.5}, 0), ({"holdings": 1.0}, 72), ({"year": 1971}, 89)):
        picture.update(**values)
        assert picture.below.sum() == negative
    picture.update(scale=0.0)
    assert np.allclose(picture.costs, picture.years[1971].prices) and "Perfect competition" in picture.headline.get_text()


@pytest.mark.parametrize("by", ["price", "size", "firm"])
@pytest.mark.parametrize("holdings", [0.0, 1.0])
def test_bars_are_means_of_groups_and_end_at_the_price(cars, picture, by, holdings):
    picture.update(year=1985, holdings=holdings, scale=1.0, by=by)
    table = cars.problem.products.query("market_ids == 1985")
    cost = picture.costs
    if by == "firm":
        sold = table.groupby("firm_ids")["shares"].sum().sort_values().index[-4:]
        masks = [(table["firm_ids"] == firm).to_numpy() for firm in sorted(sold)] + [~table["firm_ids"].isin(sold).to_numpy()]
    else:
        rank = table["prices" if by == "price" else "space"].rank(method="first").to_numpy()
        edges = 1 + (len(table) - 1) * np.arange(6) / 5
        masks = [(rank <= edges[k + 1]) & ((rank > edges[k]) | (k == 0)) for k in range(5)]
    assert sum(mask.sum() for mask in masks) == len(table)
    for k, mask in enumerate(masks):
        bar, margin = picture.cost_bars[k], picture.margin_bars[k]
        assert bar.get_height() == pytest.approx(cost[mask].mean())
        assert margin.get_y() + margin.get_height() == pytest.approx(table["prices"].to_numpy()[mask].mean())
        assert list(picture.price_marks.get_ydata())[k] == pytest.approx(margin.get_y() + margin.get_height())
    names = [text.get_text() for text in picture.names]
    assert names == list({"price": PRICES, "size": SIZES}.get(by, names)) and len(set(names)) == 5


def test_everything_stays_within_the_axes(picture):
    for year in (1971, 1977, 1984, 1990):
        for holdings, scale in ((0.0, 1.0), (1.0, 1.0), (1.0, 1.2)):
            for by in ("price", "size", "firm"):
                picture.update(year=year, holdings=holdings, scale=scale, by=by)
                low, high = picture.right.get_ylim()
                assert low < min(picture.table["cost"].min(), 0) and picture.table["price"].max() < high - 5
                assert max(picture.cloud.get_ydata().max(initial=0), picture.negative.get_ydata().max(initial=0)) < picture.left.get_ylim()[1]
    picture.update(year=1990, holdings=0.0, scale=1.0, by="price")


@pytest.mark.parametrize("values, words", [({"scale": 0.0, "holdings": 0.5}, "Perfect competition"), ({"scale": 1.0, "holdings": 0.0}, "Bertrand-Nash:"),
                                           ({"holdings": 1.0}, "Joint monopoly:"), ({"holdings": 0.35, "scale": 1.0}, "Weight 0.35 on rivals:"),
                                           ({"scale": 0.5, "holdings": 0.0}, "Bertrand-Nash, margins × 0.50")])
def test_conduct_in_words(picture, values, words):
    picture.update(**values)
    assert picture.headline.get_text().startswith(words)


def test_what_is_kept_of_a_picture_is_what_a_new_picture_shows(cars):
    moved = Conduct(cars)
    for values in ({"holdings": 1.0}, {"by": "firm"}, {"year": 1973}, {"scale": 0.2}, {"holdings": 0.0, "scale": 1.0}):
        assert moved.moved(**values) == Conduct(cars, **moved.values).png()


@pytest.mark.parametrize("name, value", [("scale", 0.5), ("holdings", 0.4), ("year", 1975), ("by", "firm")])
def test_every_control_redraws(box, name, value):
    before = box.image.value
    box.controls[name].value = value
    assert box.image.value != before


def test_presets_and_reset_set_all_values(box):
    buttons = {button.description: button for button in box.children[1].children}
    assert len(buttons) == 6
    for text, (scale, holdings, year) in {"competition": (0, 0, 1990), "Bertrand": (1, 0, 1990), "half-collusion": (1, 0.5, 1990), "monopoly": (1, 1, 1990),
                                          "monopoly in 1971": (1, 1, 1971), "reset": (1, 0, 1990)}.items():
        buttons[text].click()
        assert box.picture.values == {name: control.value for name, control in box.controls.items()} == {"scale": scale, "holdings": holdings, "year": year, "by": "price"}


def test_static_pictures_place_their_numbers():
    two = TwoDemands([4.0, 10.0], {"a": np.array([-1.0, 8.0]), "b": np.array([2.0, 8.0])})
    two.update(b=np.array([-3.0, -2.0]))
    assert [len(two.clouds[name][1].get_xdata()) for name in "ab"] == [1, 2] and "2 of 2" in two.panels[1].get_title(loc="left")
    profile = PriceProfile([-0.3, -0.1], [700.0, 900.0], [0, 50], 100)
    profile.update(demand_alone=-0.2)
    assert list(profile.lines["demand_alone"].get_xdata()) == [-0.2, -0.2] and "demand alone: -0.200" in profile.axes.get_legend().get_texts()[0].get_text()
    race = Race({"one": [5.0, 3.0, 4.0], "two": [5.0, 4.0, 4.5]}, 2.0)
    assert list(race.lines["one"].get_ydata()) == [3.0, 1.0, 1.0]
    race.update(evaluations=2)
    assert list(race.lines["two"].get_xdata()) == [1, 2]
