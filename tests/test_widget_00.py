"""Lesson 00's pictures say what the formulas say, and its widget redraws."""

import numpy as np
import pytest

import blpteach
from blpteach.plots.miniature import Market, PriceChange, Slopes
from blpteach.widgets.miniature import price_change


@pytest.fixture(scope="module")
def logit():
    return blpteach.Problem(blpteach.load_cereal()[0], linear="0 + prices", absorb="product_ids")


@pytest.fixture(scope="module")
def picture(logit):
    return PriceChange(logit, "C01Q1", "F2B19", near="F2B26", far="F6B18")


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def test_market_shows_shares_and_what_is_left(logit):
    picture = Market(logit.products, "C01Q1", "F2B19")
    table = logit.products.query("market_ids == 'C01Q1'")["shares"].sort_values(ascending=False)
    assert np.allclose(heights(picture.bars), 100 * np.r_[table, 1 - table.sum()])
    picture.update(market_size=2)
    assert np.allclose(heights(picture.bars), 100 * np.r_[table / 2, 1 - table.sum() / 2])


def test_slopes_are_those_given_and_means_are_by_product(logit):
    delta = logit.estimate().delta
    ids = logit.products["product_ids"].to_numpy()
    picture = Slopes(delta, logit.prices, ids, slope=-2.0)
    picture.update(iv_slope=-3.0)
    slopes = [np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in picture.lines]
    assert np.allclose(slopes, [-2, -3])
    first = ids == np.sort(ids)[0]
    assert np.allclose(picture.means[0], [logit.prices[first].mean(), delta[first].mean()])


@pytest.mark.parametrize("change, market_size", [(-50, 1.0), (-20, 0.75), (10, 1.0), (50, 4.0)])
def test_bars_follow_the_logit_formula(logit, picture, change, market_size):
    """With x = exp(beta_price * change of price), the logit multiplies every other share by 1 / (1 + s_j (x - 1))."""
    picture.update(change=change, market_size=market_size)
    table = logit.products.assign(shares=logit.products["shares"] / market_size)
    estimates = blpteach.Problem(table, linear="0 + prices", absorb="product_ids").estimate()
    market = table.query("market_ids == 'C01Q1'")
    row = market.query("product_ids == 'F2B19'").iloc[0]
    x = np.exp(estimates.beta[0] * row["prices"] * change / 100)
    assert np.allclose(heights(picture.bars), 100 * (1 / (1 + row["shares"] * (x - 1)) - 1))
    to_outside = 100 * (1 - market["shares"].sum()) / (1 - row["shares"])
    assert np.allclose(heights(picture.sources), [to_outside, 100 - to_outside])
    assert f"{estimates.beta[0]:.2f}" in picture.message.get_text()
    assert f"{estimates.own_elasticities().mean():.2f}" in picture.message.get_text()


def test_no_change_changes_nothing_and_titles_do_not_pile_up(picture):
    picture.update(change=0, market_size=1)
    assert np.allclose(heights(picture.bars), 0) and "+0.0 %" in picture.left.get_title(loc="left")
    assert np.isclose(heights(picture.sources).sum(), 100) and heights(picture.sources)[0] > 50
    assert picture.left.get_title() == picture.right.get_title() == ""          # the centred title stays empty


def test_every_control_and_preset_redraws(logit):
    box = price_change(logit)
    seen = {box.image.value}
    for name, value in {"change": 20, "market_size": 2.5}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 3
    presets = [{"change": -50, "market_size": 1}, {"change": -50, "market_size": 2}, {"change": -50, "market_size": 4},
               {"change": 10, "market_size": 1}, {"change": -50, "market_size": 1}]
    buttons = box.children[1].children
    assert len(buttons) == len(presets)
    for button, values in zip(buttons, presets):
        before = box.image.value
        button.click()
        assert {name: control.value for name, control in box.controls.items()} == values == box.picture.values
        assert box.image.value != before
