"""Agreement with PyBLP 1.3.0, which runs here where it takes seconds; results that took longer are in tests/reference."""
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.examples import EXAMPLES

pyblp = pytest.importorskip("pyblp")
import pyblp_oracle as oracle  # noqa: E402

STORED = json.loads(Path(__file__).with_name("reference").joinpath("cereal_optima.json").read_text())


def close(ours, theirs, relative):
    """Agreement relative to each number, or to the vector's largest where a number is near zero."""
    theirs = np.asarray(theirs, float)
    np.testing.assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=relative, atol=relative * np.nanmax(np.abs(theirs)))


def same_fit(ours, theirs, relative=1e-8):
    """Everything that both compute at one theta2."""
    close(ours.objective, theirs.objective, relative)
    close(ours.beta, theirs.beta, relative)
    close(ours.beta_se, theirs.beta_se, relative)
    close(ours.delta, theirs.delta, relative)
    close(ours.xi, theirs.xi, relative)


# Logit ---------------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cereal_tables():
    return blpteach.load_cereal()


@pytest.fixture(scope="module")
def auto_tables():
    return blpteach.load_autos()


LOGITS = {"one step": ({"steps": 1}, {"method": "1s"}),
          "two steps": ({"steps": 2}, {"method": "2s"}),
          "not centred": ({"steps": 2, "center": False}, {"method": "2s", "center_moments": False}),
          "unadjusted": ({"steps": 1, "errors": "unadjusted", "weighting": "unadjusted"}, {"method": "1s", "W_type": "unadjusted", "se_type": "unadjusted"}),
          "unadjusted two steps": ({"steps": 2, "errors": "unadjusted", "weighting": "unadjusted"}, {"method": "2s", "W_type": "unadjusted", "se_type": "unadjusted"})}


@pytest.mark.parametrize("case", LOGITS)
def test_cereal_logit_with_product_effects(cereal_tables, case):
    ours, theirs = LOGITS[case]
    problem = blpteach.Problem(cereal_tables[0], linear="0 + prices", absorb="product_ids")
    same_fit(problem.estimate(**ours), oracle.logit(cereal_tables[0], "0 + prices", "C(product_ids)").solve(**theirs))


@pytest.mark.parametrize("steps", [1, 2])
def test_cereal_logit_clustered_by_city(cereal_tables, steps):
    products = cereal_tables[0].assign(clustering_ids=cereal_tables[0]["city_ids"])
    problem = blpteach.Problem(products, linear="0 + prices", absorb="product_ids", clusters="city_ids")
    same_fit(problem.estimate(steps=steps),
             oracle.logit(products, "0 + prices", "C(product_ids)").solve(method=f"{steps}s", W_type="clustered", se_type="clustered"))


def test_cereal_logit_with_two_sets_of_effects(cereal_tables):
    problem = blpteach.Problem(cereal_tables[0], linear="0 + prices", absorb=["product_ids", "market_ids"])
    estimates = problem.estimate()
    same_fit(estimates, oracle.logit(cereal_tables[0], "0 + prices", "C(product_ids) + C(market_ids)").solve(method="1s"))
    assert estimates.beta[0] == pytest.approx(-30.434, abs=5e-4)


def test_cereal_logit_without_instruments(cereal_tables):
    products = cereal_tables[0].drop(columns=[c for c in cereal_tables[0] if c.startswith("demand_instruments")])
    problem = blpteach.Problem(products, linear="0 + prices", absorb="product_ids", instruments=["prices"])
    estimates = problem.estimate()
    assert estimates.beta[0] == pytest.approx(-28.950, abs=5e-4)
    close(estimates.beta_se, oracle.logit(products.assign(demand_instruments0=products["prices"]), "0 + prices", "C(product_ids)").solve(method="1s").beta_se, 1e-8)


def test_auto_logit_by_least_squares(auto_tables):
    products = auto_tables[0][[c for c in auto_tables[0] if "instruments" not in c]]
    formula = "1 + hpwt + air + mpd + space + prices"
    estimates = blpteach.Problem(products, linear=formula, instruments=["prices"]).estimate()
    theirs = oracle.logit(products.assign(demand_instruments0=products["prices"]), formula).solve(method="1s")
    close(estimates.beta, theirs.beta, 1e-8)
    close(estimates.beta_se, theirs.beta_se, 1e-8)
    assert (estimates.own_elasticities() > -1).sum() == 1502


@pytest.mark.parametrize("steps", [1, 2])
def test_auto_logit_with_instruments(auto_tables, steps):
    formula = "1 + hpwt + air + mpd + space + prices"
    estimates = blpteach.Problem(auto_tables[0], linear=formula, clusters="clustering_ids").estimate(steps=steps)
    products = auto_tables[0][[c for c in auto_tables[0] if "supply" not in c]]
    same_fit(estimates, oracle.logit(products, formula).solve(method=f"{steps}s", W_type="clustered", se_type="clustered"))


# Random coefficients at fixed theta2 -----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cereal():
    return EXAMPLES["cereal"]()


@pytest.fixture(scope="module")
def cereal_pyblp(cereal_tables):
    return oracle.cereal(*cereal_tables).solve(oracle.CEREAL_SIGMA, oracle.CEREAL_PI, method="1s", **oracle.STAY, **oracle.TIGHT)


def free_only(matrix):
    """The finite elements, in order."""
    return np.asarray(matrix)[np.isfinite(matrix)]


def test_cereal_at_the_start(cereal, cereal_pyblp):
    here = cereal[0].evaluate(cereal[1]["sigma"], cereal[1]["pi"])
    same_fit(here, cereal_pyblp)
    close(here.gradient, cereal_pyblp.gradient, 1e-8)
    close(free_only(here.sigma_se), free_only(cereal_pyblp.sigma_se), 1e-8)
    close(free_only(here.pi_se), free_only(cereal_pyblp.pi_se), 1e-8)


def test_correlated_tastes_in_pyblps_order(cereal_tables):
    sigma = np.diag([0.5, 2.0, 0.05, 0.3])
    sigma[1, 0], sigma[3, 1], sigma[2, 0] = 0.4, -0.3, 0.02
    problem = blpteach.Problem(*cereal_tables, linear="0 + prices", absorb="product_ids", random="1 + prices + sugar + mushy",
                               demographics="0 + income + income_squared + age + child")
    here = problem.evaluate(sigma, oracle.CEREAL_PI)
    theirs = oracle.cereal(*cereal_tables).solve(sigma, oracle.CEREAL_PI, method="1s", **oracle.STAY, **oracle.TIGHT)
    same_fit(here, theirs)
    close(here.gradient, theirs.gradient, 1e-8)


@pytest.mark.filterwarnings("ignore:Column `weights` of agents:UserWarning")
def test_automobiles_at_the_tutorials_start(auto_tables):
    problem = blpteach.Problem(*auto_tables, linear="1 + hpwt + air + mpd + space", random="1 + prices + hpwt + air + mpd + space",
                               demographics="0 + I(1 / income)", clusters="clustering_ids")
    here = problem.evaluate(oracle.AUTOS_SIGMA[:, [0, 2, 3, 4, 5]], oracle.AUTOS_PI)
    theirs = oracle.autos(*auto_tables).solve(oracle.AUTOS_SIGMA, oracle.AUTOS_PI, method="1s", W_type="clustered", se_type="clustered",
                                              **oracle.STAY, **oracle.TIGHT)
    same_fit(here, theirs)
    close(here.gradient, theirs.gradient, 1e-8)
    close(here.sigma_se[[0, 2, 3, 4, 5], range(5)], np.diag(theirs.sigma_se)[[0, 2, 3, 4, 5]], 1e-8)
    close(np.concatenate([np.diag(e) for e in here.elasticities().values()]), theirs.extract_diagonals(theirs.compute_elasticities()), 1e-7)
    close(here.costs(), theirs.compute_costs(), 1e-7)
    close(here.consumer_surplus(), theirs.compute_consumer_surpluses(), 1e-7)
    close(here.profits(), theirs.compute_profits(), 1e-7)
    close(here.hhi(), theirs.compute_hhi(), 1e-8)
    close(here.aggregate_elasticities(), theirs.compute_aggregate_elasticities(), 1e-7)


def drawn_agents(rule, products):
    """The nodes of one of our rules as a table that PyBLP takes."""
    markets = products["market_ids"].unique()
    nodes, weights = rule.nodes_and_weights(len(markets), 2)
    agents = pd.DataFrame(nodes.reshape(-1, 2), columns=["nodes0", "nodes1"])
    return agents.assign(market_ids=np.repeat(markets, weights.shape[1]), weights=weights.ravel())


@pytest.mark.parametrize("rule", ["gauss_hermite", "halton", "monte_carlo"])
def test_integration_without_agents(cereal_tables, rule):
    """A product rule is PyBLP's own; draws, which are ours, go to the same markets."""
    products, product_rule = cereal_tables[0], rule == "gauss_hermite"
    ours = blpteach.gauss_hermite(5) if product_rule else getattr(blpteach, rule)(30, seed=1)
    theirs = {"integration": pyblp.Integration("product", 5)} if product_rule else \
        {"agent_data": drawn_agents(ours, products)}
    problem = blpteach.Problem(products, linear="0 + prices", absorb="product_ids",
                               random="1 + prices", integration=ours)
    formulas = pyblp.Formulation("0 + prices", absorb="C(product_ids)"), pyblp.Formulation("1 + prices")
    solved = pyblp.Problem(formulas, products, **theirs).solve(np.diag([0.5, 2.0]), method="1s",
                                                               **oracle.STAY, **oracle.TIGHT)
    same_fit(problem.evaluate([0.5, 2.0]), solved)


# The optimum -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("steps", [1, 2])
def test_cereal_optimum(cereal, steps):
    stored = STORED[f"{steps}s"]
    problem, start = cereal
    estimates = problem.estimate(start["sigma"], start["pi"], steps=steps)
    assert estimates.converged and estimates.identified
    assert estimates.objective == pytest.approx(stored["objective"], abs=1e-6)
    for name in ("beta", "beta_se", "sigma", "sigma_se", "pi", "pi_se"):
        theirs = np.array(stored[name], float)
        np.testing.assert_allclose(np.ravel(getattr(estimates, name)), np.ravel(theirs), rtol=1e-3, err_msg=name)


def test_cereal_without_income_squared_on_price(cereal):
    problem, start = cereal
    pi = start["pi"].copy()
    pi[1, 1] = 0
    estimates = problem.estimate(start["sigma"], pi)
    assert estimates.objective == pytest.approx(15.3846491, abs=1e-6)
    np.testing.assert_allclose([estimates.beta[0], estimates.beta_se[0]], [-32.0189757, 2.3036935], rtol=1e-3)


def by_table(problem, theirs, values):
    """PyBLP's values by market, which it sorts, in the order of our table."""
    return pd.Series(np.ravel(values), np.ravel(theirs.problem.unique_market_ids)).loc[problem.market_labels]


# Step 5 at the same theta ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def pair(cereal, cereal_tables):
    """Ours and PyBLP's results at the one-step estimates."""
    problem, _ = cereal
    sigma, pi = np.array(STORED["1s"]["sigma"]), np.array(STORED["1s"]["pi"])
    theirs = oracle.cereal(*cereal_tables).solve(sigma, pi, method="1s", **oracle.STAY, **oracle.TIGHT)
    return problem.evaluate(sigma, pi), theirs


def test_elasticities(pair):
    ours, theirs = pair
    stacked = np.vstack([frame.to_numpy() for frame in ours.elasticities().values()])
    close(stacked, theirs.compute_elasticities(), 1e-7)
    assert ours.own_elasticities().mean() == pytest.approx(-3.6181, abs=5e-5)
    close(ours.elasticities(market="C01Q1"), theirs.compute_elasticities(market_id="C01Q1"), 1e-7)


def test_diversion_ratios(pair):
    ours, theirs = pair
    close(np.vstack([frame.to_numpy() for frame in ours.diversion_ratios().values()]), theirs.compute_diversion_ratios(), 1e-7)


def test_costs_and_markups(pair):
    ours, theirs = pair
    close(ours.costs(), theirs.compute_costs(), 1e-7)
    close(ours.markups(), theirs.compute_markups(), 1e-7)
    assert ours.markups().mean() == pytest.approx(0.3639, abs=5e-5)


def test_merger(pair, cereal_tables):
    ours, theirs = pair
    merged = cereal_tables[0]["firm_ids"].replace(2, 1)
    prices = theirs.compute_prices(firm_ids=merged, costs=theirs.compute_costs(), iteration=pyblp.Iteration("simple", {"atol": 1e-13}))
    after = ours.counterfactual(firm_ids=merged)
    close(after.prices, prices, 1e-7)
    close(after.shares, theirs.compute_shares(prices), 1e-7)
    close(after.consumer_surplus(), by_table(ours.problem, theirs, theirs.compute_consumer_surpluses(prices)), 1e-7)
    close(ours.merger_prices({2: 1}), prices, 1e-7)


def test_consumer_surplus(pair):
    ours, theirs = pair
    close(ours.consumer_surplus(), by_table(ours.problem, theirs, theirs.compute_consumer_surpluses()), 1e-7)


def test_profits_concentration_and_aggregate_elasticities(pair, cereal_tables):
    """PyBLP's index divides by the inside shares, whatever its documentation says; ours does too."""
    ours, theirs = pair
    close(ours.profits(), theirs.compute_profits(), 1e-8)
    close(ours.hhi(), by_table(ours.problem, theirs, theirs.compute_hhi()), 1e-10)
    for factor in (0.1, -0.05):
        close(ours.aggregate_elasticities(factor), by_table(ours.problem, theirs, theirs.compute_aggregate_elasticities(factor)), 1e-8)
    close(ours.aggregate_elasticities(market="C07Q2"), theirs.compute_aggregate_elasticities(market_id="C07Q2"), 1e-8)
    merged = cereal_tables[0]["firm_ids"].replace(2, 1)
    after = ours.counterfactual(firm_ids=merged)
    prices, shares, costs = after.prices, after.shares, theirs.compute_costs()
    close(after.profits(), theirs.compute_profits(prices, shares, costs), 1e-7)
    close(after.hhi(), by_table(ours.problem, theirs, theirs.compute_hhi(merged, shares)), 1e-10)
    close(ours.shares_at(1.1 * ours.prices), theirs.compute_shares(1.1 * ours.prices), 1e-8)


def test_tables_are_pyblps(cereal_tables, auto_tables):
    for ours, theirs in zip((*cereal_tables, *auto_tables), (pyblp.data.NEVO_PRODUCTS_LOCATION, pyblp.data.NEVO_AGENTS_LOCATION,
                                                              pyblp.data.BLP_PRODUCTS_LOCATION, pyblp.data.BLP_AGENTS_LOCATION)):
        pd.testing.assert_frame_equal(ours, pd.read_csv(theirs))
