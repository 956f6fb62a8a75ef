"""Lesson 00's pictures say what the formulas say, and its widget redraws."""

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.plots.miniature import RESULTS, Market, MarketSize, PriceChange, Slopes
from blpteach.widgets.miniature import market_size


@pytest.fixture(scope="module")
def logit():
    return blpteach.Problem(blpteach.load_cereal()[0], linear="0 + prices", absorb="product_ids")


@pytest.fixture(scope="module")
def picture(logit):
    return PriceChange(logit.estimate(), "C01Q1", "F2B19", near="F2B26", far="F6B18")


@pytest.fixture(scope="module")
def sized(logit):
    return MarketSize(logit)


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
    assert [line.get_visible() for line in picture.lines] == [True, False]
    picture.update(iv_slope=-3.0)
    assert all(line.get_visible() for line in picture.lines)
    slopes = [np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in picture.lines]
    assert np.allclose(slopes, [-2, -3])
    first = ids == np.sort(ids)[0]
    assert np.allclose(picture.means[0], [logit.prices[first].mean(), delta[first].mean()])


@pytest.mark.parametrize("change", [-50, -20, 10, 50])
def test_bars_follow_the_logit_formula(logit, picture, change):
    """With x = exp(beta_price * change of price), the logit multiplies every other share by 1 / (1 + s_j (x - 1))."""
    picture.update(change=change)
    market = logit.products.query("market_ids == 'C01Q1'")
    row = market.query("product_ids == 'F2B19'").iloc[0]
    x = np.exp(logit.estimate().beta[0] * row["prices"] * change / 100)
    others = 100 * (1 / (1 + row["shares"] * (x - 1)) - 1)
    assert np.allclose(heights(picture.bars), others) and f"{abs(others):.1f} %" in picture.all_alike.get_text()
    to_outside = 100 * (1 - market["shares"].sum()) / (1 - row["shares"])
    assert np.allclose(heights(picture.sources), [to_outside, 100 - to_outside])


def test_no_change_changes_nothing(picture):
    picture.update(change=0)
    assert np.allclose(heights(picture.bars), 0) and "+0.0 %" in picture.all_alike.get_text()
    assert np.isclose(heights(picture.sources).sum(), 100) and heights(picture.sources)[0] > 50


def expected(problem, size, target):
    """The picture's results by the formulas of the logit, and by the library's merger on a table of its own."""
    table = problem.products.assign(shares=problem.products["shares"] / size)
    estimates = blpteach.Problem(table, linear="0 + prices", absorb="product_ids").estimate()
    beta, s, p = estimates.beta[0], table["shares"], table["prices"]
    outside = 1 - s.groupby(table["market_ids"]).transform("sum")
    owned, joint = (s.groupby([table["market_ids"], table["firm_ids"].replace({target: owner})]).transform("sum") for owner in (target, 1))
    parties = table["firm_ids"].isin([1, target])
    eta, new = 1 / (-beta * (1 - owned)), 1 / (-beta * (1 - joint))
    rise = pd.Series(estimates.merger_prices({target: 1}), s.index) / p - 1
    values = (beta, (beta * p * (1 - s)).mean(), (eta / p).mean(), (outside / (1 - s)).mean(), -(beta * p * s).mean(),
              rise[parties].mean(), ((new - eta) / p)[parties].mean())
    return dict(zip(RESULTS, values))


@pytest.mark.parametrize("size, target", [(1.0, 2), (2.0, 2), (0.75, 6), (4.0, 4)])
def test_bars_are_results_at_this_market_size_against_those_at_the_tables(logit, sized, size, target):
    sized.update(market_size=size, target=target)
    now, before = expected(logit, size, target), expected(logit, 1.0, target)
    widths = [bar.get_width() for bar in sized.bars]
    assert np.allclose(widths, [now[name] / before[name] for name in RESULTS], rtol=1e-5)
    for name, left, right in zip(RESULTS, sized.before, sized.now):
        assert [text.get_text() for text in (left, right)] == [RESULTS[name].format(values[name]).replace("-", "−") for values in (before, now)]
    rise = 100 * now["merger: equilibrium"]
    assert sized.number.get_text() == f"+{rise:.1f} %" and np.isclose(sized.rise.get_width(), rise, rtol=1e-5)
    assert sized.verdict.get_text() == ("blocked" if rise > 5 else "passes") and f"1 and {target}" in sized.merging.get_text()
    assert np.isclose(sized.assumed.get_width(), size - logit.products.groupby("market_ids")["shares"].sum().mean())


def test_the_price_coefficient_stays_and_the_merger_shrinks(sized):
    small, large = sized.results(1.0, 2), sized.results(2.0, 2)
    assert abs(large["price coefficient"] / small["price coefficient"] - 1) < 0.02
    assert (round(small["merger: one step, p = c + η"], 3), round(large["merger: one step, p = c + η"], 3)) == (0.104, 0.035)
    assert (round(small["diversion to outside"], 2), round(large["diversion to outside"], 2)) == (0.53, 0.77)


def test_bars_fit_at_both_ends_of_the_slider(sized):
    for size in (0.75, 4.0):
        for target in (2, 3, 4, 6):
            sized.update(market_size=size, target=target)
            assert sized.rise.get_width() < sized.gauge.get_xlim()[1]
            assert 0 < min(bar.get_width() for bar in sized.bars) and max(bar.get_width() for bar in sized.bars) <= 2


def test_every_control_and_preset_redraws(logit):
    box = market_size(logit)
    seen = {box.image.value}
    for name, value in {"market_size": 2.5, "target": 6}.items():
        box.controls[name].value = value
        seen.add(box.image.value)
    assert len(seen) == 3
    box.controls["target"].value = 2
    assert [text for text, _ in box.controls["target"]._options_full] == ["firm 2", "firm 3", "firm 4", "firm 6"]
    buttons = {button.description: button for button in box.children[1].children}
    for text, size in {"twice as large": 2, "four times": 4, "as in the table (reset)": 1}.items():
        before = box.image.value
        buttons[text].click()
        assert box.controls["market_size"].value == box.picture.values["market_size"] == size and box.picture.values["target"] == 2
        assert box.image.value != before
    assert len(buttons) == 3
    box.controls["target"].value = 3
    buttons["as in the table (reset)"].click()
    assert box.controls["target"].value == 2


def test_without_a_problem_the_widget_takes_the_lessons_logit(logit):
    assert market_size().picture.in_the_table == market_size(logit).picture.in_the_table
