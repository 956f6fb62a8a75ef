"""Instruments made from other products' characteristics: loops over products, PyBLP's builders, and refusals."""

import numpy as np
import pandas as pd
import pyblp
import pytest

import blpteach
from blpteach import InputError

CARS = "hpwt + air + mpd + space"


@pytest.fixture(scope="module")
def cars():
    return blpteach.load_autos()[0]


@pytest.fixture(scope="module")
def shuffled():
    """Three small markets whose rows are mixed, with firms of text."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"market_ids": rng.permutation(np.repeat(["b", "a", "c"], (5, 4, 1))), "firm_ids": rng.choice(["x", "y"], 10), "u": rng.normal(size=10),
                          "v": rng.integers(0, 3, 10), "prices": rng.uniform(1, 2, 10)}, index=rng.permutation(100)[:10])
    return table


def others(table, row, same_firm):
    """Rows of the same market, of the firm's other products or of rivals."""
    here = table.loc[row]
    rows = table[(table["market_ids"] == here["market_ids"]) & (table.index != row)]
    return rows[(rows["firm_ids"] == here["firm_ids"]) == same_firm]


def test_blp_sums_one_product_at_a_time(shuffled):
    found = blpteach.blp_instruments(shuffled, "1 + u + v")
    assert list(found.columns) == ["own(1)", "own(u)", "own(v)", "rivals(1)", "rivals(u)", "rivals(v)"]
    for row in shuffled.index:
        own, rivals = others(shuffled, row, True), others(shuffled, row, False)
        expected = [len(own), own["u"].sum(), own["v"].sum(), len(rivals), rivals["u"].sum(), rivals["v"].sum()]
        np.testing.assert_allclose(found.loc[row], expected, atol=1e-12)


def all_distances(table, name):
    """Differences of all ordered pairs of products of one market."""
    return np.array([a - b for _, market in table.groupby("market_ids") for k, a in enumerate(market[name]) for m, b in enumerate(market[name]) if k != m])


@pytest.mark.parametrize("interact", [False, True])
def test_local_instruments_one_product_at_a_time(shuffled, interact):
    found = blpteach.differentiation_instruments(shuffled, "0 + u + v", interact=interact)
    spread = {name: all_distances(shuffled, name).std() for name in "uv"}
    for row in shuffled.index:
        expected = []
        for same_firm in (True, False):
            rest, here = others(shuffled, row, same_firm), shuffled.loc[row]
            for near in "uv":
                close = abs(here[near] - rest[near]) < spread[near]
                expected += [(close * (here[name] - rest[name])).sum() for name in "uv"] if interact else [close.sum()]
        np.testing.assert_allclose(found.loc[row], expected, atol=1e-12)


@pytest.mark.parametrize("interact", [False, True])
def test_quadratic_instruments_one_product_at_a_time(shuffled, interact):
    found = blpteach.differentiation_instruments(shuffled, "0 + u + v", version="quadratic", interact=interact)
    pairs = ["uu", "uv", "vv"] if interact else ["uu", "vv"]
    for row in shuffled.index:
        here = shuffled.loc[row]
        expected = [((here[k] - rest[k]) * (here[m] - rest[m])).sum() for rest in (others(shuffled, row, True), others(shuffled, row, False)) for k, m in pairs]
        np.testing.assert_allclose(found.loc[row], expected, atol=1e-12)


def test_pyblps_builders_agree(cars):
    theirs = pyblp.build_blp_instruments(pyblp.Formulation(f"1 + {CARS}"), cars)
    np.testing.assert_allclose(blpteach.blp_instruments(cars, f"1 + {CARS}"), theirs, rtol=1e-10, atol=1e-10)
    for version in ("local", "quadratic"):
        for interact in (False, True):
            theirs = pyblp.build_differentiation_instruments(pyblp.Formulation(f"0 + {CARS}"), cars, version=version, interact=interact)
            ours = blpteach.differentiation_instruments(cars, f"0 + {CARS}", version=version, interact=interact)
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_the_shipped_instruments_are_eight_of_the_ten_sums(cars):
    """The shipped table left out what the sums over space add; each of its columns is one of ours."""
    ours = blpteach.blp_instruments(cars, f"1 + {CARS}").to_numpy()
    for k in range(8):
        assert abs(ours - cars[[f"demand_instruments{k}"]].to_numpy()).max(0).min() < 1e-9


def test_other_market_prices_one_row_at_a_time():
    products = blpteach.load_cereal()[0].assign(city=lambda t: t["market_ids"].str[:3], quarter=lambda t: t["market_ids"].str[3:])
    found = blpteach.other_market_prices(products, "city", ["product_ids", "quarter"])
    for row in (0, 500, 2255):
        here = products.iloc[row]
        rest = products[(products["product_ids"] == here["product_ids"]) & (products["quarter"] == here["quarter"]) & (products["city"] != here["city"])]
        assert found.iloc[row] == pytest.approx(rest["prices"].mean())


def test_instruments_can_be_estimated_with(cars):
    made = blpteach.blp_instruments(cars, f"1 + {CARS}")
    names = [name for name in made if made[name].std() > 0]
    problem = blpteach.Problem(cars.join(made), linear=f"1 + {CARS} + prices", instruments=names)
    assert problem.estimate().beta[-1] < -0.1


@pytest.mark.parametrize("build", [blpteach.blp_instruments, blpteach.differentiation_instruments])
@pytest.mark.parametrize("change, formula, says", [
    (lambda t: t.drop(columns="firm_ids"), "0 + u", "no column `firm_ids`"), (lambda t: t.drop(columns="market_ids"), "0 + u", "no column `market_ids`"),
    (lambda t: t, "0 + w", "`w`"), (lambda t: t, "0 + prices", "Prices respond to xi"), (lambda t: t.assign(u=np.nan), "0 + u", "missing"),
    (lambda t: t.assign(firm_ids=None), "0 + u", "firm_ids"), (lambda t: t, "0 + (", "not a formula"), (lambda t: None, "0 + u", "no column")])
def test_refusals(shuffled, build, change, formula, says):
    with pytest.raises(InputError, match="(?i)" + says.replace("(", r"\(")):
        build(change(shuffled), formula)


def test_refusals_of_one_builder(shuffled):
    with pytest.raises(InputError, match="no two products differ"):
        blpteach.differentiation_instruments(shuffled, "1 + u")
    with pytest.raises(InputError, match="choose 'local' or 'quadratic'"):
        blpteach.differentiation_instruments(shuffled, "0 + u", version="cubic")
    with pytest.raises(InputError, match="has no price at another value of `v`"):
        blpteach.other_market_prices(shuffled.assign(v=1), "v", "firm_ids")
    with pytest.raises(InputError, match="no column `city`"):
        blpteach.other_market_prices(shuffled, "city", "firm_ids")
