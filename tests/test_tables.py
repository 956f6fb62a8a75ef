"""From tables to arrays: whatever library wrote a table, in whatever order, the estimates are the same."""
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula
from numpy.testing import assert_allclose

from blpteach import InputError, Problem, Truth, absorbed_tastes, invert_shares, simulate
from blpteach.simulation import FORMULAS
from blpteach.tables import columns
from blpteach.tables.formula import design, plain_sum

TRUTH = Truth()
SIGMA, PI = TRUTH.sigma_matrix, TRUTH.pi_matrix


@pytest.fixture(scope="module")
def tables():
    products, agents = simulate(T=8, J=(5, 8), I=10, seed=4)
    products["kind"] = np.where(products["x"] > 1.5, "big", "small")
    products["b"], products["code"] = products["x"] > 2, products["group"] + 3
    return products, agents


@pytest.fixture(scope="module")
def problem(tables):
    return Problem(*tables, **FORMULAS)


# Formulas ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("formula", ["1 + prices + x", "0 + prices", "prices + x + b", "1", "x", "0 + group + prices + w0", " 1+x ", "\n1 +\n x",
                                     "0 + x + code"])
def test_a_sum_of_columns_is_what_the_parser_makes_of_it(tables, formula):
    """And the slope in price is what differences say."""
    products = tables[0]
    expected = Formula(formula).get_model_matrix(products)
    found = design(formula, products, "linear", products["market_ids"])
    assert plain_sum(formula, products) == found.names
    assert found.names == ["1" if name == "Intercept" else name for name in expected.columns]
    assert_allclose(found.values, expected.to_numpy(float), rtol=0)
    dearer = design(formula, products.assign(prices=products["prices"] + 1), "linear", products["market_ids"])
    assert_allclose(found.price_slope, dearer.values - found.values, atol=1e-12)
    assert (found.endogenous == found.price_slope.any(0)).all() and not found.price_curved.any()


@pytest.mark.parametrize("formula", ["1 + kind", "0 + x + log(x)", "1 + x + x", "x - 1", "1 + x:group", "0 + x + 1", "1 + C(group)", "1 + unknown",
                                     "1 + x +", "2 + x", "1 + 1 + x", "~ x"])
def test_what_is_no_sum_of_columns_goes_to_the_parser(tables, formula):
    assert plain_sum(formula, tables[0]) is None


def test_a_formula_without_columns():
    table = pd.DataFrame({"x": [1.0, 2.0]})
    assert design("0", table, "random", table["x"]).values.shape == (2, 0)


def test_sums_of_columns_need_no_parser():
    """The parser takes most of the time of a first problem."""
    run = subprocess.run([sys.executable, "-c", """
import sys, blpteach
from blpteach.simulation import FORMULAS
blpteach.Problem(*blpteach.load_simulated(), **FORMULAS, absorb=None)
products, agents = blpteach.load_cereal()
blpteach.Problem(products, agents, linear="0 + prices", random="1 + prices + sugar", demographics="0 + income", absorb="product_ids")
assert "formulaic" not in sys.modules and "pyhdfe" not in sys.modules
blpteach.Problem(products, linear="1 + log(prices)")
assert "formulaic" in sys.modules
"""], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def same_design(one, other):
    assert one.names == other.names
    assert_allclose(one.values, other.values)


@pytest.mark.parametrize("change", [
    lambda t: t.assign(kind=t["kind"].astype("string")), lambda t: t.assign(kind=t["kind"].astype(object)),
    lambda t: t.assign(kind=pd.Categorical(t["kind"])), lambda t: t.assign(kind=pd.Categorical(t["kind"], ["a", "big", "medium", "small", "z"])),
    lambda t: t.convert_dtypes()])
def test_categories_are_the_same_in_any_kind_of_column(tables, change):
    products = tables[0]
    where = products["market_ids"]
    changed = change(products)
    same_design(design("1 + prices + kind", changed, "linear", where), design("1 + prices + kind", products, "linear", where))
    assert design("1 + prices + kind", changed, "linear", where).names[-1] == "kind[T.small]"


def test_categories_that_look_like_numbers_may_be_told_so(tables):
    products = tables[0]
    text = products.assign(code=products["code"].astype(str))
    with pytest.raises(InputError, match="numbers as text"):
        Problem(text, linear="1 + prices + code")
    for formula, table in (("1 + prices + C(code)", text), ("1 + prices + code", text.astype({"code": "category"}))):
        made = Problem(table, linear=formula)
        assert_allclose(made.X1[:, -1], products["group"])


@pytest.mark.parametrize("values, numbers", [
    (["1", "2.5"], True), (["1,000", "$2", "3 %"], True), ([1.5, 2], True), (["1", "2", "n/a"], True), (["a", "2"], False), (["F1B04"], False),
    ([True, False], False), (["True", "False"], False), (["low", "high"], False), (["1", None, "2"], True)])
def test_text_that_holds_numbers(values, numbers):
    assert columns.reads_as_numbers(pd.Series(values, dtype=object)) is numbers


def test_numbers_and_categories_are_not_text_that_holds_numbers():
    for column in (pd.Series([1.0, 2.0]), pd.Series(["1", "2"]).astype("category"), pd.Series([True, False]), pd.Series([1, 2], dtype="Int64")):
        assert not columns.reads_as_numbers(column)


# Tables of other libraries, and other orders ---------------------------------------------------------------------------

def arrow(table):
    """Every column as Arrow holds it, and market ids as a dictionary."""
    pa = pytest.importorskip("pyarrow")
    ids = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    return table.assign(market_ids=table["market_ids"].map("m{}".format)).convert_dtypes(dtype_backend="pyarrow").astype({"market_ids": ids})


@pytest.mark.parametrize("change", [
    lambda p, a: (p, a[a.columns[::-1]]),
    lambda p, a: (p[p.columns[::-1]], a),
    lambda p, a: (p, a.rename(columns={"nodes0": "nodes8", "nodes1": "nodes9", "nodes2": "nodes10"})[["nodes10", "nodes9", "nodes8", *a.columns[[0, 1, 5]]]]),
    lambda p, a: (p.set_index("market_ids", drop=False), a.set_index("market_ids", drop=False)),
    lambda p, a: tuple(t.assign(market_ids=[(m, "x") for m in t["market_ids"]]) for t in (p, a)),
    lambda p, a: tuple(t.assign(market_ids=t["market_ids"].map("m{}".format).astype("string")) for t in (p, a)),
    lambda p, a: (arrow(p), arrow(a)),
    lambda p, a: (p.assign(product_ids=np.nan), a)],
    ids=["agents' columns reversed", "products' columns reversed", "nodes by number", "ids in the index too", "tuples", "nullable text", "Arrow",
         "no product ids known"])
def test_the_same_tables_in_other_clothes(tables, problem, change):
    expected = problem.evaluate(SIGMA, PI)
    found = Problem(*change(*tables), **FORMULAS).evaluate(SIGMA, PI)
    assert_allclose(found.objective, expected.objective, rtol=1e-9)
    assert_allclose(found.beta, expected.beta, rtol=1e-9)
    assert_allclose(found.markups(), expected.markups(), rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_neither_the_order_of_rows_nor_the_names_of_markets_and_products_matter(seed):
    """With fixed effects, clusters and two steps, estimated from the start."""
    rng = np.random.default_rng(seed)
    products, agents = simulate(T=40, J=(5, 8), I=15, seed=seed + 20)
    products["cluster"] = products["market_ids"] // 2
    names, firms, clusters = rng.permutation(40), rng.permutation(4), rng.permutation(20)
    p = products.assign(market_ids=[f"m{names[t]}" for t in products["market_ids"]], firm_ids=firms[products["firm_ids"]],
                        cluster=pd.Categorical.from_codes(clusters[products["cluster"]], list("zyxwvutsrqponmlkjihg")))
    a = agents.assign(market_ids=[f"m{names[t]}" for t in agents["market_ids"]])
    formulas = {**FORMULAS, "linear": "0 + prices + x + group", "absorb": "firm_ids", "clusters": "cluster"}
    order = rng.permutation(len(p))
    one = Problem(products, agents, **formulas).estimate(SIGMA / 2, PI / 2, steps=2)
    other = Problem(p.iloc[order], a.sample(frac=1, random_state=seed), **formulas).estimate(SIGMA / 2, PI / 2, steps=2)
    assert one.converged and other.converged
    assert_allclose(other.to_frame(), one.to_frame(), rtol=1e-5)
    assert_allclose(other.delta, one.delta[order], rtol=1e-6, atol=1e-6)


def test_names_of_columns_may_come_in_an_array(tables):
    products = tables[0]
    made = Problem(products, linear="0 + prices + x", absorb=np.array(["firm_ids", "group"]), instruments=np.array(["w0", "w1"]))
    plain = Problem(products, linear="0 + prices + x", absorb=["firm_ids", "group"], instruments=["w0", "w1"])
    assert_allclose(made.Z, plain.Z)
    assert_allclose(made.X1, plain.X1)
    with pytest.raises(InputError, match="absorbs 2 sets"):
        absorbed_tastes(made.estimate(), "1")


def test_starting_values_with_names_are_put_in_order(tables, problem):
    expected = problem.evaluate(SIGMA, PI).objective
    names = ["prices", "x", "group"]
    sigma = pd.DataFrame(SIGMA, names, problem.node_names)
    pi = pd.DataFrame(PI, names, ["income"])
    order = ["group", "prices", "x"]
    for s, q in ((sigma.loc[order], pi.loc[order]), (sigma.set_axis(names, axis=1).loc[order, order], PI), (pd.Series(np.diag(SIGMA), names)[order], PI),
                 (pd.DataFrame(SIGMA), pd.DataFrame(PI)), (sigma[["nodes2", "nodes0", "nodes1"]], pi)):
        assert problem.evaluate(s, q).objective == expected


# Tastes that repeat a mean taste -------------------------------------------------------------------------------------------

CONSTANT = {"linear": "1 + prices + x", "random": "0 + prices", "demographics": "1 + income"}


def test_a_constant_taste_moves_delta_as_the_mean_taste_does(tables):
    problem = Problem(*tables, **CONSTANT)
    one, other = (problem.evaluate([0.5], [[shift, 0.5]]) for shift in (0.1, 0.4))
    assert_allclose(other.delta - one.delta, -0.3 * problem.prices, rtol=1e-9)
    assert_allclose(other.objective, one.objective, rtol=1e-9)
    assert_allclose(other.beta - one.beta, [0, -0.3, 0], atol=1e-9)


@pytest.mark.parametrize("changes, pi", [
    ({}, [[0.0, 0.5]]), ({"linear": "1 + x"}, [[-1.0, 0.5]]), ({"demographics": "0 + level"}, [[0.1]]),
    ({"linear": "1 + x", "coefficients": {"prices": "-lognormal"}}, [[0.5, 0.5]])],
    ids=["fixed at zero", "no mean taste beside it", "a level for each market", "the location of a lognormal"])
def test_constants_that_repeat_nothing_are_estimated(tables, changes, pi):
    products, agents = tables
    agents = agents.assign(level=agents.groupby("market_ids")["income"].transform("mean"))
    problem = Problem(products, agents, **{**CONSTANT, **changes})
    assert np.isfinite(problem.estimate([0.5], pi).objective)


# Other instruments ---------------------------------------------------------------------------------------------------------

def test_instruments_replace_those_they_are_named_after(tables):
    products, agents = tables
    problem = Problem(products, agents, **FORMULAS, instruments=["w0", "w1"])
    squares = products[["w0", "w1"]] ** 2
    again = problem.with_instruments(squares)
    assert_allclose(again.products[["w0", "w1"]], squares)
    assert_allclose(again.Z[:, :2], squares)
    assert_allclose(again.with_instruments(products[["w0", "w1"]]).Z, problem.Z)
    assert_allclose(problem.products[["w0", "w1"]], products[["w0", "w1"]])


def test_columns_as_they_are_may_be_instruments(tables):
    products, agents = tables
    other = Problem(products, agents, **FORMULAS).with_instruments(products[["prices", "firm_ids"]])
    assert other.excluded_names == ["prices", "firm_ids"]
    pd.testing.assert_series_equal(other.products["prices"], products["prices"])


# Masks ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("which", range(3))
def test_masked_arrays_are_not_inverted(which):
    arrays = [np.array([0.2, 0.3]), np.zeros((2, 2)), np.full(2, 0.5)]
    unmasked = [np.ma.masked_array(values) for values in arrays]
    assert_allclose(invert_shares(*unmasked).delta, invert_shares(*arrays).delta)
    arrays[which] = np.ma.masked_array(arrays[which], np.indices(arrays[which].shape)[0] == 1)
    with pytest.raises(InputError, match=f"Step 2: {('shares', 'mu', 'weights')[which]} is a masked array with .* masked element"):
        invert_shares(*arrays)
