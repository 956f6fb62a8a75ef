"""Bad data and bad arguments: one error, before anything is estimated, that names the column, the market and the remedy.

The second half holds tables that look odd and are right: they must give the same estimates as the plain ones.
"""
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import blpteach
from blpteach import InputError, Problem, Truth, gauss_hermite, halton, simulate
from blpteach.simulation import FORMULAS

TRUTH = Truth()
SIGMA, PI = TRUTH.sigma_matrix, TRUTH.pi_matrix


def fresh():
    """Six markets m0 to m5, each with its own tables: tests may spoil them."""
    products, agents = simulate(T=6, J=(5, 8), I=10, seed=5)
    for table in (products, agents):
        table["market_ids"] = table["market_ids"].map("m{}".format)
    return products, agents


@pytest.fixture
def tables():
    return fresh()


@pytest.fixture(scope="module")
def plain():
    return Problem(*fresh(), **FORMULAS).evaluate(SIGMA, PI)


@pytest.fixture
def nothing_is_estimated(monkeypatch):
    def inverted(*args, **kwargs):
        raise AssertionError("shares were inverted before the input was checked")
    monkeypatch.setattr("blpteach.outer_loop.invert_shares", inverted)


def problem(products, agents, **changes):
    return Problem(products, agents, **{**FORMULAS, **changes})


def logit(products, **changes):
    return Problem(products, **{"linear": FORMULAS["linear"], **changes})


def spoiled(table, column, value, rows=(3,)):
    """A copy with some values replaced."""
    table = table.copy()
    values = table[column].astype(object if isinstance(value, str) else float).to_numpy(copy=True)
    values[list(rows)] = value
    return table.assign(**{column: values})


def market_of(table, row=3):
    return table["market_ids"].iloc[row]


def without(table, *columns):
    return table.drop(columns=list(columns))


CASES = {}


def case(*fragments):
    """Register a call that must be refused, and what the message must say."""
    def register(call):
        CASES[call.__name__] = (call, fragments)
        return call
    return register


# Products: shares, prices, markets -----------------------------------------------------------------------------------------

@case("`shares` sums to", "m0, m1, m2, m3, m4", "6 of 6 markets", "percentages: divide by 100")
def shares_in_percent(p, a):
    problem(p.assign(shares=100 * p["shares"]), a)


@case("sums to 6.263e+04", "look like quantities", "divide them by the market size")
def shares_in_units_sold(p, a):
    problem(p.assign(shares=(1e5 * p["shares"]).round().astype(int)), a)


@case("sums to 20 ", "look like percentages: divide by 100", "if they are quantities, divide them by the market size")
def shares_in_a_few_units_sold(p, a):
    problem(p.assign(shares=np.arange(len(p)) % 4 + 1), a)


@case("`shares` is zero", "1 product", "market(s) m0", "drop products that nobody bought, or aggregate")
def a_share_of_zero(p, a):
    problem(spoiled(p, "shares", 0.0), a)


@case("`shares`", "negative", "market(s) m0")
def a_negative_share(p, a):
    problem(spoiled(p, "shares", -0.1), a)


@case("`shares` sums to 1 in market(s) m2", "1 of 6 markets", "market size")
def shares_that_sum_to_one_in_a_market(p, a):
    total = p.groupby("market_ids")["shares"].transform("sum")
    problem(p.assign(shares=p["shares"] / total.where(p["market_ids"] == "m2", 1)), a)


@case("`shares`", "missing", "m0")
def a_missing_share(p, a):
    problem(spoiled(p, "shares", np.nan), a)


@case("`prices` of products has 1 missing value", "market(s) m0", "drop those rows")
def a_missing_price(p, a):
    problem(spoiled(p, "prices", np.nan), a)


@case("`prices`", "infinite", "row(s) 3")
def an_infinite_price(p, a):
    problem(spoiled(p, "prices", np.inf), a)


@case("`prices`", "products", "not numeric", "pd.to_numeric")
def prices_as_text(p, a):
    problem(p.assign(prices=p["prices"].map("{:.2f} dollars".format)), a)


@case("no column `prices`", "Did you mean `price`", "rename")
def prices_under_another_name(p, a):
    problem(p.rename(columns={"prices": "price"}), a)


@case("no column `prices`", "retail", "rename")
def prices_under_a_name_not_alike(p, a):
    problem(p.rename(columns={"prices": "retail"}), a)


@case("no column `shares`", "rename")
def no_shares(p, a):
    problem(without(p, "shares"), a)


@case("`market_ids` of products has 1 missing value", "row(s) 3", "needs its market")
def a_missing_market_id(p, a):
    problem(p.assign(market_ids=p["market_ids"].where(np.arange(len(p)) != 3)), a)


@case("no column `market_ids`", "Did you mean `market`", "rename")
def market_ids_under_another_name(p, a):
    problem(p.rename(columns={"market_ids": "market"}), a)


@case("`market_ids`", "products", "in the index", ".reset_index()")
def market_ids_in_the_index(p, a):
    problem(p.set_index("market_ids"), a)


@case("`market_ids`", "products", "in the index", ".reset_index()")
def market_ids_in_an_index_of_two_levels(p, a):
    problem(p.set_index(["market_ids", "firm_ids"]), a)


@case("`market_ids`", "agents", "in the index", ".reset_index()")
def market_ids_of_agents_in_the_index(p, a):
    problem(p, a.set_index("market_ids"))


@case("`x`, which is not a column of products", "in the index", ".reset_index()")
def a_characteristic_in_the_index(p, a):
    problem(p.set_index("x"), a)


@case("products has column names of 2 levels", "one name", "'_'.join")
def names_of_two_levels(p, a):
    problem(pd.concat({"a": p}, axis=1), a)


@case("`market_ids` of products holds a list in 41 row(s)", "single values")
def market_ids_that_are_lists(p, a):
    problem(p.assign(market_ids=[[market, 1] for market in p["market_ids"]]), a)


@case("`firm_ids` of products holds a list", "single values")
def fixed_effects_that_are_lists(p, a):
    logit(p.assign(firm_ids=[[firm] for firm in p["firm_ids"]]), linear="0 + prices", absorb="firm_ids")


@case("products must be a pandas DataFrame", "dict", "pd.DataFrame(products)")
def products_that_are_no_table(p, a):
    problem(p.to_dict(), a)


@case("products must be a pandas DataFrame", "list", "pd.DataFrame(products)")
def products_that_are_a_list_of_rows(p, a):
    problem(p.to_dict("records"), a)


@case("products must be a pandas DataFrame", "numpy recarray", "pd.DataFrame(products)")
def products_that_are_records(p, a):
    problem(p.to_records(), a)


@case("products must be a pandas DataFrame", "pd.read_csv('cars.csv')")
def the_name_of_a_file(p, a):
    problem("cars.csv", a)


class Foreign:
    """What a table of another library has in common with those of polars and Arrow."""
    def to_pandas(self):
        return fresh()[0]


@case("products must be a pandas DataFrame", "Foreign", "products.to_pandas()")
def products_of_another_library(p, a):
    problem(Foreign(), a)


@case("agents must be a pandas DataFrame", "Foreign", "agents.to_pandas()")
def agents_of_another_library(p, a):
    problem(p, Foreign())


@case("products", "2 row(s) too many", "product `0`", "twice in market m0", "drop_duplicates(['market_ids', 'product_ids'])", "add up their shares")
def a_product_twice_in_a_market(p, a):
    p = p.assign(shares=p["shares"] / 3)
    problem(pd.concat([p, p[:2].assign(prices=1.0)]), a)


@case("2 row(s) that are the same as another in every column", "market(s) m0", "drop_duplicates()", "product_ids")
def copies_of_rows(p, a):
    p = without(p, "product_ids").assign(shares=p["shares"] / 3)
    problem(pd.concat([p, p[:2]]), a)


@case("`product_ids` of products holds a list", "single values")
def product_ids_that_are_lists(p, a):
    problem(p.assign(product_ids=[[1]] * len(p)), a)


@case("products has no rows")
def products_without_rows(p, a):
    problem(p[:0], a)


@case("`shares`", "twice")
def shares_twice(p, a):
    problem(pd.concat([p, p[["shares"]]], axis=1), a)


@case("`market_ids`", "twice")
def market_ids_twice(p, a):
    problem(pd.concat([p, p[["market_ids"]]], axis=1), a)


@case("`demand_instruments0`", "twice")
def an_instrument_column_twice(p, a):
    problem(pd.concat([p, p[["demand_instruments0"]]], axis=1), a)


@case("`nodes0`", "twice")
def a_column_of_nodes_twice(p, a):
    problem(p, pd.concat([a, a[["nodes0"]]], axis=1))


# Formulas ------------------------------------------------------------------------------------------------------------------

@case("linear", "`shares` as a regressor", "take them out")
def shares_as_a_regressor(p, a):
    logit(p, linear="1 + prices + log(shares)")


@case("random", "`shares` as a regressor", "take them out")
def shares_with_a_random_coefficient(p, a):
    problem(p, a, random="0 + shares")


@case("linear is missing", "formula")
def no_linear_formula(p, a):
    Problem(p, linear=None)


@case("linear", "`sugar`", "not a column of products", "x, group")
def a_characteristic_that_does_not_exist(p, a):
    logit(p, linear="1 + prices + sugar")


@case("demographics", "`incme`", "not a column of agents", "Did you mean `income`")
def a_demographic_that_does_not_exist(p, a):
    problem(p, a, demographics="0 + incme")


@case("`x` of products has 1 missing value", "market(s) m0")
def a_missing_characteristic(p, a):
    problem(spoiled(p, "x", np.nan), a)


@case("linear", "`log(x)` is not finite", "1 row", "market(s) m0", "logarithm")
def the_logarithm_of_zero(p, a):
    problem(spoiled(p, "x", 0.0), a, linear="1 + prices + log(x) + group")


@case("uses `x`", "numbers as text", "41 dummies", "products['x'] = pd.to_numeric(products['x'])", "C(x)")
def a_characteristic_of_numbers_as_text(p, a):
    logit(p.assign(x=p["x"].astype(str)))


@case("uses `x`", "numbers as text (object", "pd.to_numeric")
def a_characteristic_of_numbers_as_objects(p, a):
    logit(p.assign(x=p["x"].astype(object)))


@case("uses `x`", "numbers as text", "such as '$1.66'", "take out signs and words, as in '$1.66'")
def a_characteristic_in_dollars_as_text(p, a):
    logit(p.assign(x=p["x"].map("${:.2f}".format)))


@case("uses `x`", "numbers as text", "take out signs and words, as in 'n/a'")
def numbers_as_text_but_for_one(p, a):
    logit(p.assign(x=p["x"].map("{:.2f}".format).where(np.arange(len(p)) != 3, "n/a")), linear="1 + prices + prices:x")


@case("uses `income`", "numbers as text", "agents['income'] = pd.to_numeric(agents['income'])")
def a_demographic_of_numbers_as_text(p, a):
    problem(p, a.assign(income=a["income"].astype(str)))


@case("can't be evaluated", "`x` holds numbers as text", "pd.to_numeric of it")
def the_logarithm_of_numbers_as_text(p, a):
    logit(p.assign(x=p["x"].astype(str)), linear="1 + prices + log(x)")


@case("uses `x`", "a date or a time", "products['x'].dt.year", "C(x)")
def a_date_as_a_regressor(p, a):
    logit(p.assign(x=pd.Timestamp("2020-01-01") + pd.to_timedelta(p["x"], "D")))


@case("linear", "`shares` as a regressor", "take them out")
def a_polynomial_of_shares(p, a):
    logit(p, linear="1 + prices + poly(shares, 2)")


@case("`x` of products has 1 missing value", "market(s) m0")
def a_polynomial_of_a_missing_characteristic(p, a):
    logit(spoiled(p, "x", np.nan), linear="1 + prices + poly(x, 2)")


@case("linear=['1', 'prices']", "one piece of text", "linear='1 + prices'")
def a_list_of_characteristics(p, a):
    logit(p, linear=["1", "prices"])


@case("random=['prices']", "random='0 + prices'", "1 for a constant and 0 for none")
def a_list_of_random_coefficients(p, a):
    problem(p, a, random=["prices"])


@case("linear must be a formula", "'1 + prices + sugar'", "pandas DataFrame of shape (41, 2)")
def columns_in_place_of_a_formula(p, a):
    logit(p, linear=p[["prices", "x"]])


@case("random='' is empty", "leave random out")
def an_empty_formula(p, a):
    problem(p, a, random="")


@case("linear", "left-hand side")
def a_left_hand_side(p, a):
    logit(p, linear="delta ~ 1 + prices")


@case("linear='1 + prices +'", "not a formula")
def half_a_formula(p, a):
    logit(p, linear="1 + prices +")


@case("linear", "|")
def a_formula_in_two_parts(p, a):
    logit(p, linear="1 + prices | x")


@case("linear='0'", "no columns")
def a_formula_without_columns(p, a):
    logit(p, linear="0")


@case("linear: `twice_x`", "linear combination of `1`, `x`", "take one out")
def collinear_characteristics(p, a):
    logit(p.assign(twice_x=2 * p["x"] + 1), linear="1 + prices + x + twice_x")


# Instruments and fixed effects ---------------------------------------------------------------------------------------------

@case("no instruments", "demand_instruments0", "instruments=[", "price")
def no_instruments(p, a):
    logit(p[[c for c in p if not c.startswith("demand_instruments")]])


@case("no instruments")
def an_empty_list_of_instruments(p, a):
    logit(p, instruments=[])


@case("instruments", "no column `w9`")
def an_instrument_that_does_not_exist(p, a):
    logit(p, instruments=["w0", "w9"])


@case("instruments", "`w0` is named twice")
def an_instrument_named_twice(p, a):
    logit(p, instruments=["w0", "w1", "w0"])


@case("instruments", "`demand_instruments9`", "the same as `demand_instruments0`", "take one out")
def duplicated_instruments(p, a):
    logit(p.assign(demand_instruments9=p["demand_instruments0"]))


@case("instruments", "`demand_instruments9`", "linear combination of `demand_instruments0`, `demand_instruments1`", "take one out")
def collinear_instruments(p, a):
    logit(p.assign(demand_instruments9=p["demand_instruments0"] - 3 * p["demand_instruments1"]))


@case("`demand_instruments0` of products has 1 missing value", "market(s) m0")
def a_missing_instrument(p, a):
    logit(spoiled(p, "demand_instruments0", np.nan))


@case("`demand_instruments0` of products is not numeric")
def an_instrument_of_text(p, a):
    logit(p.assign(demand_instruments0="high"))


@case("instruments is a mask", "products.columns[mask]")
def a_mask_of_instruments(p, a):
    logit(p, instruments=np.array([name.startswith("w") for name in p]))


@case("instruments is a mask", "products.columns[mask]")
def a_list_of_true_and_false(p, a):
    logit(p, instruments=[name.startswith("w") for name in p])


@case("instruments=a pandas Series of shape (41,)", "names, not the columns themselves", "['w0', 'w1']")
def a_column_in_place_of_its_name(p, a):
    logit(p, instruments=p["w0"])


@case("instruments: ['w0', 'w1'] is no name of a column")
def a_list_in_a_list_of_instruments(p, a):
    logit(p, instruments=[["w0", "w1"]])


@case("instruments: products has no column `3`")
def a_number_in_a_list_of_instruments(p, a):
    logit(p, instruments=[3])


@case("instruments", "shares")
def shares_as_an_instrument(p, a):
    logit(p, instruments=["w0", "w1", "shares"])


@case("linear", "`group`", "fixed effects, which absorb it", "Take it out")
def a_characteristic_absorbed_by_the_fixed_effects(p, a):
    logit(p, linear="0 + prices + x + group", absorb="group")


@case("linear", "constant `1`", "absorb", "`0 +`")
def the_constant_absorbed_by_the_fixed_effects(p, a):
    logit(p, absorb="market_ids")


@case("instruments", "`z`", "absorb")
def an_instrument_absorbed_by_the_fixed_effects(p, a):
    logit(p.assign(z=p.groupby("market_ids")["x"].transform("mean")), linear="0 + prices + x", absorb="market_ids",
          instruments=["w0", "w1", "z"])


@case("absorb", "no column `brand`")
def fixed_effects_of_a_column_that_does_not_exist(p, a):
    logit(p, absorb="brand")


@case("absorb=a pandas Series of shape (41,)", "names, not the columns themselves", "'product_ids'")
def a_column_to_absorb_in_place_of_its_name(p, a):
    logit(p, absorb=p["firm_ids"])


@case("absorb: `firm_ids` is named twice")
def fixed_effects_named_twice(p, a):
    logit(p, linear="0 + prices", absorb=["firm_ids", "firm_ids"])


@case("absorb: ['firm_ids'] is no name of a column")
def a_list_in_a_list_of_fixed_effects(p, a):
    logit(p, linear="0 + prices", absorb=[["firm_ids"]])


@case("clusters=a pandas Series of shape (41,) must be one column", "clusters='firm_ids'")
def a_column_of_clusters_in_place_of_its_name(p, a):
    logit(p, clusters=p["firm_ids"])


@case("`firm_ids` of products has 1 missing value", "market(s) m0")
def fixed_effects_with_a_missing_value(p, a):
    logit(spoiled(p, "firm_ids", np.nan), linear="0 + prices", absorb="firm_ids")


@case("clusters", "no column `brand`")
def clusters_of_a_column_that_does_not_exist(p, a):
    logit(p, clusters="brand")


@case("`firm_ids` of products has 1 missing value", "market(s) m0")
def clusters_with_a_missing_value(p, a):
    logit(spoiled(p, "firm_ids", np.nan), clusters="firm_ids")


@case("errors='clustered'", "clusters='column'", "products")
def clustered_errors_without_a_column(p, a):
    logit(p).estimate(errors="clustered")


@case("weighting='clustered'", "clusters='column'", "products")
def clustered_weights_without_a_column(p, a):
    logit(p).estimate(steps=2, weighting="clustered")


@case("weighting='clustered'", "6 clusters don't suffice for the weights of 12 moments", "weighting='robust'")
def two_steps_with_fewer_clusters_than_moments(p, a):
    logit(p, clusters="market_ids").estimate(steps=2)


@case("weighting='clustered'", "6 clusters don't suffice")
def an_initial_update_with_fewer_clusters_than_moments(p, a):
    logit(p, clusters="market_ids").estimate(initial_update=True)


# Agents --------------------------------------------------------------------------------------------------------------------

@case("agents has no rows for 1 of the 6 markets", "m4", "Add consumer types there, or drop those markets from products")
def agents_missing_a_market(p, a):
    problem(p, a[a["market_ids"] != "m4"])


@case("6 of the 6 markets", "int64", "make them the same")
def market_ids_of_another_type(p, a):
    problem(p, a.assign(market_ids=a["market_ids"].str[1:].astype(int)))


@case("agents", "`market_ids`", "missing", "row(s) 3")
def an_agent_without_a_market(p, a):
    problem(p, a.assign(market_ids=a["market_ids"].where(np.arange(len(a)) != 3)))


@case("agents has no column `weights`")
def agents_without_weights(p, a):
    problem(p, without(a, "weights"))


@case("agents has no column `market_ids`")
def agents_without_market_ids(p, a):
    problem(p, without(a, "market_ids"))


@case("neither nodes0, nodes1, ... nor demographics")
def agents_without_anything_that_differs(p, a):
    problem(p, a[["market_ids", "weights"]], demographics=None)


@case("`nodes1`", "agents", "missing", "m0")
def a_missing_node(p, a):
    problem(p, spoiled(a, "nodes1", np.nan))


@case("`income`", "agents", "missing", "m0")
def a_missing_demographic(p, a):
    problem(p, spoiled(a, "income", np.nan))


@case("`weights`", "agents", "missing", "m0")
def a_missing_weight(p, a):
    problem(p, spoiled(a, "weights", np.nan))


@case("`weights` of agents is negative", "m0")
def a_negative_weight(p, a):
    problem(p, spoiled(a, "weights", -0.1))


@case("`weights` of agents: they are all 1 and sum to 10 in market m0", "divide them by the number of types", "transform('sum')")
def a_weight_of_one_for_every_type(p, a):
    problem(p, a.assign(weights=1.0))


@case("`weights` of agents: they are whole numbers and sum to 1033 in market m1", "divide them by their sum")
def weights_that_count_people(p, a):
    problem(p, a.assign(weights=np.arange(len(a)) % 7 + 100))


@case("`weights` of agents: they are 1 on average", "divide them by the number of types")
def weights_of_one_on_average(p, a):
    problem(p, a.assign(weights=np.tile([0.5, 1.5], len(a) // 2)))


@case("6 of the 6 markets", "agents has 'm0 ', 'm1 '", "products has 'm0', 'm1'")
def market_ids_with_blanks(p, a):
    problem(p, a.assign(market_ids=a["market_ids"] + " "))


@case("`weights` of agents sums to", "inside shares sum to", "6 such market(s): m0", "usually sum to one")
def weights_that_sum_to_less_than_the_inside_shares(p, a):
    problem(p, a.assign(weights=a["weights"] / 100))


@case("`nodes0` of agents is not numeric")
def nodes_of_text(p, a):
    problem(p, a.assign(nodes0="many"))


@case("agents must be a pandas DataFrame")
def agents_that_are_no_table(p, a):
    problem(p, a.to_numpy())


@case("random coefficients need consumer types", "agents", "integration=blpteach.halton(200, seed=0)")
def random_coefficients_without_agents(p, a):
    problem(p, None, demographics=None)


@case("Demographics are columns of agents")
def demographics_and_integration_without_agents(p, a):
    problem(p, None, integration=halton(10, seed=0))


@case("demographics", "random=")
def demographics_without_random_coefficients(p, a):
    problem(p, a, random=None)


@case("agents are given", "random=", "leave agents out")
def agents_without_random_coefficients(p, a):
    problem(p, a, random=None, demographics=None)


@case("product rule can't be combined with demographics", "halton")
def a_product_rule_with_demographics(p, a):
    problem(p, a, integration=gauss_hermite(3))


# Arguments of estimate -----------------------------------------------------------------------------------------------------

@case("sigma has shape (2, 2)", "must have shape (3, 3)", "prices, x, group by nodes0, nodes1, nodes2", "vector of 3 for a diagonal")
def sigma_of_the_wrong_shape(p, a):
    problem(p, a).estimate(np.eye(2), PI)


@case("sigma has shape (4,)", "vector of 3 for a diagonal")
def a_vector_sigma_of_the_wrong_length(p, a):
    problem(p, a).estimate(np.ones(4), PI)


@case("pi has shape (3, 2)", "must have shape (3, 1)", "prices, x, group by income")
def pi_of_the_wrong_shape(p, a):
    problem(p, a).estimate(SIGMA, np.ones((3, 2)))


@case("pi has shape (3,)", "must have shape (3, 1)")
def pi_as_a_vector(p, a):
    problem(p, a).estimate(SIGMA, np.ones(3))


@case("sigma must be a matrix of numbers", "rows differ in length")
def sigma_of_rows_that_differ_in_length(p, a):
    problem(p, a).estimate([[0.5], [0, 1], [0, 0, 2]], PI)


@case("sigma", "true and false don't say where to start")
def a_mask_of_what_is_free(p, a):
    problem(p, a).estimate([False, True, True], PI)


@case("pi", "complex")
def complex_starts(p, a):
    problem(p, a).estimate(SIGMA, PI + 0j)


@case("sigma has masked elements")
def masked_starts(p, a):
    problem(p, a).estimate(np.ma.masked_equal(SIGMA, 1), PI)


@case("pi: its rows are price, x, group, and must be prices, x, group, in any order")
def a_table_of_starts_with_a_wrong_name(p, a):
    problem(p, a).estimate(SIGMA, pd.DataFrame(PI, ["price", "x", "group"], ["income"]))


@case("sigma: its columns are nodes0, nodes1, nodes3, and must be nodes0, nodes1, nodes2")
def a_table_of_starts_with_a_wrong_column(p, a):
    problem(p, a).estimate(pd.DataFrame(SIGMA, ["prices", "x", "group"], ["nodes0", "nodes1", "nodes3"]), PI)


@case("sigma must be a matrix of numbers", "prices, x, group by nodes0")
def sigma_of_text(p, a):
    problem(p, a).estimate("diagonal", PI)


@case("sigma", "above its diagonal", "lower-triangular")
def an_upper_triangular_sigma(p, a):
    problem(p, a).estimate(SIGMA + np.triu(np.ones((3, 3)), 1), PI)


@case("sigma", "above its diagonal", "lower-triangular")
def an_upper_triangular_sigma_where_there_are_more_nodes(p, a):
    problem(p, a, random="0 + x + group", demographics=None).estimate(np.ones((2, 2)))


@case("sigma", "not finite", "prices")
def a_start_that_is_nan(p, a):
    problem(p, a).estimate(np.diag([np.nan, 1, 1]), PI)


@case("pi", "not finite", "group")
def a_start_that_is_infinite(p, a):
    problem(p, a).estimate(SIGMA, [[0.5], [0], [np.inf]])


@case("sigma and pi are zero everywhere", "fixed at zero", "not zero", "leave out random")
def starts_of_zero(p, a):
    problem(p, a).estimate(0 * SIGMA, 0 * PI)


@case("sigma and pi are zero everywhere", "fixed at zero")
def no_starts(p, a):
    problem(p, a).estimate()


@case("sigma and pi need random=")
def sigma_for_a_logit(p, a):
    logit(p).estimate(sigma=[1.0])


@case("5 moment(s) for 7 parameters", "4 linear, 3 nonlinear", "sigma[x, nodes1]", "pi[prices, income]", "w0, w1, 1, x, group",
      "add at least 2")
def fewer_moments_than_parameters(p, a):
    problem(p, a, instruments=["w0", "w1"]).estimate(SIGMA, PI)


@case("starts='3'", "whole number")
def starts_as_text(p, a):
    problem(p, a).estimate(SIGMA, PI, starts="3")


@case("instruments=3 must be a list")
def a_number_as_instruments(p, a):
    logit(p, instruments=3)


@case("absorb=3 must be a column")
def a_number_to_absorb(p, a):
    logit(p, absorb=3)


@case("clusters=['firm_ids'] must be one column")
def a_list_of_clusters(p, a):
    logit(p, clusters=["firm_ids"])


@case("coefficients={'prices': ['lognormal']}", "choose 'lognormal'")
def a_list_of_distributions(p, a):
    problem(p, a, random="0 + prices + x", coefficients={"prices": ["lognormal"]})


@case("steps must be 1 or 2", "3")
def three_steps(p, a):
    problem(p, a).estimate(SIGMA, PI, steps=3)


@case("weighting='optimal'", "robust, clustered, unadjusted")
def an_unknown_weighting(p, a):
    problem(p, a).estimate(SIGMA, PI, weighting="optimal")


@case("errors='hac'", "robust, clustered, unadjusted")
def unknown_errors(p, a):
    problem(p, a).estimate(SIGMA, PI, errors="hac")


@case("method", "'newton-raphson'", "gauss-newton")
def an_unknown_method(p, a):
    problem(p, a).estimate(SIGMA, PI, method="newton-raphson")


@case("starts", "-1")
def a_negative_number_of_starts(p, a):
    problem(p, a).estimate(SIGMA, PI, starts=-1)


# Tastes that repeat a mean taste -------------------------------------------------------------------------------------------

CONSTANT = {"linear": "1 + prices + x", "random": "0 + prices", "demographics": "1 + income"}
START = {"sigma": [0.5], "pi": [[0.1, 0.5]]}


@case("pi[prices, 1] is not identified", "the coefficient of `prices` does too", "Start pi[prices, 1] at zero")
def a_constant_that_repeats_a_mean_taste(p, a):
    problem(p, a, **CONSTANT).estimate(**START)


@case("pi[both, 1] is not identified", "the coefficient of `prices`, `x` does too")
def a_constant_that_repeats_two_mean_tastes(p, a):
    problem(p.assign(both=p["prices"] + 2 * p["x"]), a, **{**CONSTANT, "random": "0 + both"}).estimate(**START)


@case("pi[1, level] is not identified", "which the fixed effects absorb")
def a_demographic_of_the_market_beside_market_effects(p, a):
    a = a.assign(level=a.groupby("market_ids")["income"].transform("mean"))
    problem(p, a, linear="0 + prices + x", absorb="market_ids", random="1 + x", demographics="0 + level").estimate([0.5, 0.5], [[0.1], [0]])


@case("pi[prices, two] is not identified", "`pi[prices, 1]` does too")
def two_constants(p, a):
    problem(p, a.assign(two=2.0), **{**CONSTANT, "linear": "1 + x", "demographics": "1 + two"}).estimate(**START)


@case("pi[prices, 1] is not identified")
def a_constant_beside_a_lognormal_coefficient_of_another_column(p, a):
    problem(p, a, **{**CONSTANT, "random": "0 + prices + x"}, coefficients={"x": "lognormal"}).estimate([0.5, 0.5], [[0.1, 0.5], [0.1, 0]])


@case("sigma[x, nodes1] is not identified", "zero")
def nodes_of_zero(p, a):
    problem(p, a.assign(nodes1=0.0)).estimate(SIGMA, PI)


# Other instruments ---------------------------------------------------------------------------------------------------------

def other_instruments(p, a, supply=None, **columns):
    return problem(p, a, supply=supply).with_instruments(p[["w0", "w1"]].assign(**columns))


@case("with_instruments: products has another column `firm_ids`", "overwrite", "Rename the instrument", "table.rename")
def an_instrument_called_firm_ids(p, a):
    other_instruments(p, a, firm_ids=p["x"] ** 2)


@case("with_instruments: products has another column `prices`", "overwrite")
def an_instrument_called_prices(p, a):
    other_instruments(p, a, prices=p["w0"] ** 2)


@case("with_instruments: products has another column `group`", "overwrite")
def an_instrument_called_as_a_characteristic(p, a):
    other_instruments(p, a, group=p["x"] ** 2)


@case("with_instruments: products has another column `w0`", "overwrite")
def an_instrument_called_as_a_cost_shifter(p, a):
    problem(p, a, instruments=["w0", "w1"], supply="1 + x + w0").with_instruments(p[["w1"]].assign(w0=p["w0"] ** 2))


@case("with_instruments: products has another column `w1`", "overwrite")
def an_instrument_called_as_one_of_the_other_equation(p, a):
    here = problem(p, a, instruments=["w0", "w1"], supply="1 + x", supply_instruments=["w0", "w1"])
    here.with_instruments(p[["w0"]].assign(w1=p["w1"] ** 2))


@case("with_instruments: products has another column `w0`", "overwrite")
def an_instrument_called_as_the_clusters(p, a):
    problem(p, a, instruments=["w0", "w1"], clusters="w0").with_instruments(p[["w1"]].assign(w0=p["x"] ** 2))


@case("with_instruments", "demand must be a DataFrame")
def no_other_instruments(p, a):
    problem(p, a).with_instruments(None)


@case("with_instruments: `w0` is named twice")
def other_instruments_named_twice(p, a):
    problem(p, a).with_instruments(pd.concat([p[["w0"]], p[["w0"]]], axis=1))


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_by_name_before_anything_is_estimated(name, tables, nothing_is_estimated):
    call, fragments = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError) as caught:
            call(*tables)
    message = str(caught.value)
    missing = [fragment for fragment in fragments if fragment.lower() not in message.lower()]
    assert not missing, f"the message does not say {missing}: {message}"
    assert "\x1b" not in message                                # no terminal colours of the formula parser


@pytest.mark.parametrize("term", ["I(prices > 3)", "C(prices > 3)", "poly(prices, 2)", "np.abs(prices)", "center(prices)", "np.sqrt(prices)",
                                  "I(prices ** 2)", "prices:x", "np.maximum(prices, 3)", "log(prices)"])
def test_no_function_of_price_is_an_instrument_for_itself(tables, term):
    try:
        names = logit(tables[0], linear=f"1 + {term} + x").Z_names
    except InputError as error:                                 # it may be refused
        assert "prices" in str(error)
    else:                                                       # or endogenous
        assert not [name for name in names if "prices" in name]


def test_there_is_one_error_and_it_is_a_value_error():
    assert issubclass(InputError, ValueError) and blpteach.InputError is InputError


def test_remedy_for_a_hole_in_agents_does_not_speak_of_shares(tables):
    products, agents = tables
    with pytest.raises(InputError) as caught:
        problem(products, spoiled(agents, "income", np.nan))
    assert "shares" not in str(caught.value) and "agents" in str(caught.value)


def test_markups_without_firm_ids_are_refused(tables):
    here = problem(without(tables[0], "firm_ids"), tables[1]).evaluate(SIGMA, PI)
    with pytest.raises(InputError, match="Step 5: markups .* no column `firm_ids`. Add it"):
        here.markups()


# Odd but right -------------------------------------------------------------------------------------------------------------

def test_weights_that_do_not_sum_to_one_work_with_a_warning(tables):
    products, agents = tables
    with pytest.warns(UserWarning, match=r"`weights` of agents sums to between 0.9 and 0.9, not to one, in 6 of 6 markets") as caught:
        here = problem(products, agents.assign(weights=0.9 * agents["weights"])).evaluate(SIGMA, PI)
    assert caught[0].filename == __file__                       # it points at the reader's line
    assert_allclose(here.shares, products["shares"], rtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem(products, agents)


def nullable(p, a):
    return p.convert_dtypes(), a.convert_dtypes()


def float64_prices(p, a):
    return p.astype({"prices": "Float64", "shares": "Float64", "x": "Float64"}), a.astype({"income": "Float64", "weights": "Float64"})


def int64_group(p, a):
    return p.astype({"group": "Int64"}), a


def boolean_group(p, a):
    return p.astype({"group": bool}), a


def nullable_boolean_group(p, a):
    return p.astype({"group": "boolean"}), a


def categorical_ids(p, a):
    return p.astype({"market_ids": "category"}), a.astype({"market_ids": "category"})


def categorical_ids_in_products(p, a):
    return p.astype({"market_ids": "category"}), a


def categorical_ids_in_agents(p, a):
    return p, a.astype({"market_ids": "category"})


def integer_ids(p, a):
    return tuple(table.assign(market_ids=table["market_ids"].str[1:].astype(int) * 7 - 3) for table in (p, a))


def integer_and_float_ids(p, a):
    p, a = integer_ids(p, a)
    return p, a.assign(market_ids=a["market_ids"].astype(float))


def dates(p, a):
    return tuple(table.assign(market_ids=pd.Timestamp("2020-01-01") + pd.to_timedelta(table["market_ids"].str[1:].astype(int), "D"))
                 for table in (p, a))


def shuffled(p, a):
    return p.sample(frac=1, random_state=1), a.sample(frac=1, random_state=2)


def an_index_of_sevens(p, a):
    return p.set_axis([7] * len(p)), a.set_axis([7] * len(a))


def an_index_elsewhere(p, a):
    return p.set_axis(np.arange(len(p))[::-1] * 5 + 1000), a.set_axis(np.arange(len(a)) + 50)


def an_index_of_text(p, a):
    return p.set_axis(p["market_ids"]), a.set_axis(a["market_ids"])


def agents_of_other_markets(p, a):
    return p, pd.concat([a.assign(market_ids="elsewhere"), a])


def an_unrelated_column_twice(p, a):
    return pd.concat([p, p[["w0"]]], axis=1), a


def columns_with_holes_that_nobody_uses(p, a):
    return p.assign(note=np.nan, text="words"), a.assign(note=np.nan)


ODD = [nullable, float64_prices, int64_group, boolean_group, nullable_boolean_group, categorical_ids, categorical_ids_in_products,
       categorical_ids_in_agents, integer_ids, integer_and_float_ids, dates, shuffled, an_index_of_sevens, an_index_elsewhere,
       an_index_of_text, agents_of_other_markets, an_unrelated_column_twice, columns_with_holes_that_nobody_uses]


@pytest.mark.parametrize("change", ODD)
def test_odd_tables_give_the_same_results(change, tables, plain):
    products, agents = change(*tables)
    before = products.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        here = problem(products, agents).evaluate(SIGMA, PI)
    assert here.problem.X1_names == plain.problem.X1_names
    assert_allclose(here.objective, plain.objective, rtol=1e-9)
    assert_allclose(here.beta, plain.beta, rtol=1e-9)
    assert_allclose(here.beta_se, plain.beta_se, rtol=1e-7)
    order = np.searchsorted(np.sort(tables[0]["x"]), products["x"].to_numpy(float))          # x is different for every product
    order = np.argsort(tables[0]["x"].to_numpy())[order]
    assert_allclose(here.costs(), plain.costs()[order], rtol=1e-8)
    assert_allclose(np.sort(here.consumer_surplus()), np.sort(plain.consumer_surplus()), rtol=1e-8)
    pd.testing.assert_frame_equal(products, before)             # the reader's table is left alone


@pytest.mark.parametrize("steps", [1, 2])
def test_estimates_do_not_depend_on_the_order_of_rows(steps):
    products, agents = simulate(T=40, J=(5, 9), I=20, seed=6)
    products["cluster"] = products["market_ids"] // 2
    problem = Problem(products, agents, **FORMULAS, clusters="cluster")
    one = problem.estimate(SIGMA / 2, PI / 2, steps=steps)
    p, a = shuffled(products, agents)
    other = Problem(p, a, **FORMULAS, clusters="cluster").estimate(SIGMA / 2, PI / 2, steps=steps)
    assert one.converged and other.converged
    assert_allclose(other.to_frame(), one.to_frame(), rtol=1e-5)
    order = p.index.to_numpy()
    assert_allclose(other.delta, one.delta[order], rtol=1e-6, atol=1e-6)
    assert_allclose(other.markups(), one.markups()[order], rtol=1e-5)


def test_unused_categories_are_no_markets(tables):
    products, agents = categorical_ids(*tables)
    some = products["market_ids"] != "m1"
    here = problem(products[some], agents).evaluate(SIGMA, PI)
    expected = problem(tables[0][some], tables[1]).evaluate(SIGMA, PI)
    assert here.problem.T == 5
    assert_allclose(here.objective, expected.objective, rtol=1e-9)


@pytest.mark.parametrize("ids", ["category", "object"])
def test_draws_for_agents_without_weights_take_ids_of_any_kind(tables, ids):
    products, agents = tables
    expected = problem(products, without(agents, "weights"), integration=halton(1, seed=0)).evaluate(SIGMA, PI).objective
    here = problem(products.astype({"market_ids": ids}), without(agents, "weights").astype({"market_ids": ids}),
                   integration=halton(1, seed=0))
    assert_allclose(here.evaluate(SIGMA, PI).objective, expected, rtol=1e-12)


def test_group_dummies_beside_a_constant_may_all_have_random_coefficients(tables):
    """Taste shocks for everything, for group 0 and for group 1 are three variances: columns of X2 may be collinear."""
    products, agents = tables
    products["other"] = 1 - products["group"]
    here = problem(products, agents, random="1 + group + other", demographics=None).evaluate([0.5, 0.5, 0.5])
    assert here.inverted and len(here.theta2) == 3


def test_changing_the_table_afterwards_does_not_change_the_problem(tables, plain):
    products, agents = tables
    made = problem(products, agents)
    products["firm_ids"], products["shares"], products["prices"] = 0, 0.01, 1.0
    agents["income"] = 0.0
    here = made.evaluate(SIGMA, PI)
    assert_allclose(here.objective, plain.objective, rtol=1e-12)
    assert_allclose(here.costs(), plain.costs(), rtol=1e-10)


def test_few_clusters_are_enough_for_standard_errors(tables):
    clustered = logit(tables[0], clusters="market_ids")
    assert np.isfinite(clustered.estimate().beta_se).all()
    assert np.isfinite(clustered.estimate(steps=2, weighting="robust").beta_se).all()


def test_as_many_clusters_as_moments_suffice_without_centring(tables):
    few = logit(tables[0], instruments=["w0", "w1", "demand_instruments4"], clusters="market_ids")
    assert few.M == 6 and few.estimate(steps=2, center=False).objective > 0
    with pytest.raises(InputError, match="6 clusters don't suffice for the weights of 6 moments"):
        few.estimate(steps=2)


def test_exogenous_price_on_purpose(tables):
    products, _ = tables
    ols = logit(products, instruments=["prices"]).estimate()
    y = np.log(products["shares"] / (1 - products.groupby("market_ids")["shares"].transform("sum")))
    X = np.column_stack([np.ones(len(products)), products[["prices", "x", "group"]]])
    assert_allclose(ols.beta, np.linalg.lstsq(X, y, rcond=None)[0], rtol=1e-8)
