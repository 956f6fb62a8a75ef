"""Step 5 on whole tables: every method market by market, labels, counterfactuals against fresh computations."""
import pickle
import warnings
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from economies import differences
from numpy.testing import assert_allclose, assert_array_equal

from blpteach import (InputError, Problem, Truth, choice_probabilities, equilibrium_prices, load_cereal, margins,
                      ownership_matrix, price_coefficients, share_jacobian, simulate, taste_deviations)
from blpteach.examples import cereal, simulated
from blpteach.outcome import Outcome
from blpteach.simulation import FORMULAS

TRUTH = Truth()


@pytest.fixture(scope="module")
def economy():
    """Unequal markets, unequal numbers of agents, rows in random order with an index of their own, text labels."""
    products, agents = simulate(T=8, J=(3, 6), I=12, seed=4)
    agents = agents[(agents["market_ids"] != 2) | (agents.groupby("market_ids").cumcount() < 6)]         # market 2 has half the types
    agents = agents.assign(weights=1 / agents.groupby("market_ids")["weights"].transform("size"))
    for table in (products, agents):
        table["market_ids"] = table["market_ids"].map("m{}".format)
    products["product_ids"] = "p" + products["product_ids"].astype(str)
    products = products.sample(frac=1, random_state=0).set_axis(np.arange(len(products)) * 3 + 100)
    return products, agents.sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def here(economy):
    return Problem(*economy, **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)


@pytest.fixture(scope="module")
def merged_ids(here):
    firms = here.problem.products["firm_ids"].to_numpy()
    return np.where(firms == 2, 1, firms)


def pieces(here, market):
    """delta, mu, alpha, weights of one market from the tables, with its rows."""
    problem = here.problem
    products, agents = problem.products, problem.agents
    rows = np.flatnonzero(products["market_ids"] == market)
    p, a = products.iloc[rows], agents[agents["market_ids"] == market]
    delta = here.delta[rows]
    mu = np.outer(p["prices"], here.pi[0, 0] * a["income"]) + here.sigma[1, 1] * np.outer(p["x"], a["nodes1"]) \
        + here.sigma[2, 2] * np.outer(p["group"], a["nodes2"])
    alpha = np.tile(here.beta[1] + here.pi[0, 0] * a["income"].to_numpy(), (len(p), 1))
    return rows, delta, mu, alpha, a["weights"].to_numpy()


MATRICES = ["elasticities", "diversion_ratios", "price_coefficients"]
VECTORS = ["own_elasticities", "costs", "markups", "profits"]


# One market and all of them ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", MATRICES)
def test_matrices_of_one_market_are_those_of_all(here, method):
    everything = getattr(here, method)()
    assert list(everything) == list(here.problem.market_labels)
    for market in here.problem.market_labels:
        pd.testing.assert_frame_equal(getattr(here, method)(market=market), everything[market])


@pytest.mark.parametrize("method", VECTORS)
def test_vectors_of_one_market_are_those_of_all_in_the_order_of_the_table(here, method):
    everything = getattr(here, method)()
    assert everything.shape == (here.problem.N,)
    for market in here.problem.market_labels:
        rows = np.flatnonzero(here.problem.products["market_ids"] == market)
        assert_allclose(getattr(here, method)(market=market), everything[rows], rtol=1e-12)


BY_MARKET = ["consumer_surplus", "hhi", "aggregate_elasticities"]


@pytest.mark.parametrize("method", BY_MARKET)
def test_numbers_of_one_market_are_those_of_all_under_its_name(here, method):
    everything = getattr(here, method)()
    assert isinstance(everything, pd.Series) and everything.index.name == "market_ids" and everything.name == method
    assert list(everything.index) == list(here.problem.market_labels)
    for market in here.problem.market_labels:
        one = getattr(here, method)(market=market)
        assert isinstance(one, float)
        assert_allclose(one, everything[market], rtol=1e-12)


@pytest.mark.parametrize("market", ["m2", "m5"])
def test_methods_restated_from_the_tables(here, market):
    rows, delta, mu, alpha, w = pieces(here, market)
    products = here.problem.products.iloc[rows]
    P, p = choice_probabilities(delta, mu), products["prices"].to_numpy()
    s = P @ w
    D = np.array([[sum(w * alpha[k] * P[j] * ((j == k) - P[k])) for k in range(len(p))] for j in range(len(p))])
    assert_allclose(here.shares[rows], s, rtol=1e-10)
    assert_allclose(here.elasticities(market), D * p / s[:, None], rtol=1e-9)
    assert_allclose(here.own_elasticities(market), np.diag(D) * p / s, rtol=1e-9)
    H = (products["firm_ids"].to_numpy()[:, None] == products["firm_ids"].to_numpy()).astype(float)
    eta = np.linalg.solve(-H * D.T, s)
    assert_allclose(here.costs(market), p - eta, rtol=1e-9)
    assert_allclose(here.markups(market), eta / p, rtol=1e-9)
    diversion = here.diversion_ratios(market).to_numpy()
    s0 = 1 / (1 + np.exp(delta[:, None] + mu).sum(0))
    outside = np.array([-sum(w * alpha[j] * P[j] * s0) for j in range(len(p))])
    for j in range(len(p)):
        for k in range(len(p)):
            assert_allclose(diversion[j, k], -outside[j] / D[j, j] if j == k else -D[k, j] / D[j, j], rtol=1e-9)
    assert_allclose(here.consumer_surplus(market), sum(w * np.log(1 / s0) / -alpha[0]), rtol=1e-9)
    assert_allclose(here.profits(market), eta * s, rtol=1e-9)
    of_firms = [s[products["firm_ids"].to_numpy() == firm].sum() / s.sum() for firm in set(products["firm_ids"])]
    assert_allclose(here.hhi(market), 10_000 * sum(share**2 for share in of_firms), rtol=1e-9)
    dearer = choice_probabilities(delta, mu + alpha * 0.2 * p[:, None]) @ w
    assert_allclose(here.aggregate_elasticities(0.2, market), (dearer.sum() - s.sum()) / 0.2, rtol=1e-7)


def test_price_coefficients_have_a_column_for_each_type_and_none_for_padding(here):
    for market in here.problem.market_labels:
        _, _, _, alpha, _ = pieces(here, market)
        frame = here.price_coefficients(market)
        assert frame.shape == alpha.shape, market
        assert_allclose(np.sort(frame.to_numpy()), np.sort(alpha), rtol=1e-10)


def test_columns_of_price_coefficients_are_types_even_where_there_are_as_many_as_products(economy):
    products, agents = economy
    J = (products["market_ids"] == "m5").sum()
    agents = agents[(agents["market_ids"] != "m5") | (agents.groupby("market_ids").cumcount() < J)]
    agents = agents.assign(weights=1 / agents.groupby("market_ids")["weights"].transform("size"))
    frame = Problem(products, agents, **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix).price_coefficients("m5")
    assert frame.shape == (J, J) and list(frame.columns) == list(range(J))
    assert list(frame.index) == list(products.loc[products["market_ids"] == "m5", "product_ids"])


def test_frames_are_labelled_by_product(here):
    products = here.problem.products
    for method in ("elasticities", "diversion_ratios"):
        frame = getattr(here, method)("m3")
        labels = list(products.loc[products["market_ids"] == "m3", "product_ids"])
        assert list(frame.index) == labels and list(frame.columns) == labels
        assert (frame.index.name, frame.columns.name) == ("product", "of")


def test_without_product_ids_the_index_of_the_table_labels(economy):
    products = economy[0].drop(columns="product_ids")
    frame = Problem(products, economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix).elasticities("m3")
    labels = list(products.index[products["market_ids"] == "m3"])
    assert list(frame.index) == labels and list(frame.columns) == labels


def test_diagonal_of_the_elasticities_is_the_own_elasticities(here):
    for market, frame in here.elasticities().items():
        assert_allclose(np.diag(frame), here.own_elasticities(market), rtol=1e-12)
        assert (np.diag(frame) < 0).all() and (frame.to_numpy()[~np.eye(len(frame), dtype=bool)] > 0).all()


def test_diversion_rows_sum_to_one(here):
    for frame in here.diversion_ratios().values():
        assert_allclose(frame.sum(axis=1), 1, rtol=1e-12)


def test_surplus_falls_by_the_share_where_some_consumers_like_high_prices():
    problem, start = cereal()
    here = problem.evaluate(start["sigma"], 3 * start["pi"])    # demographics spread the price coefficients beyond zero
    assert max(frame.to_numpy().max() for frame in here.price_coefficients().values()) > 0
    market = problem.market_labels[3]
    rows = np.flatnonzero(problem.market_ids == market)

    def surplus(p):
        prices = problem.prices.copy()
        prices[rows] = p
        return Outcome(here.utility, prices).consumer_surplus(market)
    assert_allclose(differences(surplus, problem.prices[rows], 1e-6), -here.shares[rows], rtol=1e-5)


def test_unknown_market_is_refused_and_some_are_named(here):
    for method in MATRICES + VECTORS + BY_MARKET + ["market"]:
        with pytest.raises(InputError, match="There is no market 'Mars'. Markets are m"):
            getattr(here, method)(market="Mars")


# Market ids, and markets that could not be inverted ---------------------------------------------------------------------------

def test_market_ids_of_another_type_are_told_apart():
    products, agents = simulate(T=4, J=(4, 6), I=10, seed=1)
    years = [table.assign(market_ids=table["market_ids"] + 1990) for table in (products, agents)]
    here = Problem(*years, **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    for same in (1991, np.int64(1991), 1991.0):
        assert_allclose(here.own_elasticities(same), here.own_elasticities()[here.problem.markets == 1])
    with pytest.raises(InputError, match=r"no market '1991'. Markets are 1990, 1991, 1992, 1993. Did you mean 1991\?"):
        here.elasticities("1991")
    for several in ([1990, 1991], np.array([1990]), {1990}):
        with pytest.raises(InputError, match="must be one market id"):
            here.elasticities(several)


def test_markets_may_be_called_by_tuples():
    products, _ = simulate(T=4, J=(4, 6), I=10, seed=1)
    pairs = products.assign(market_ids=pd.Series([("city", t) for t in products["market_ids"]], products.index))
    pairs, plain = (Problem(table, linear=FORMULAS["linear"]).estimate() for table in (pairs, products))
    assert_allclose(pairs.elasticities(("city", 2)), plain.elasticities(2))
    assert list(pairs.consumer_surplus().index) == [("city", t) for t in range(4)]
    assert_allclose(pairs.hhi(("city", 1)), plain.hhi(1))


@pytest.fixture(scope="module")
def torn(economy):
    """Evaluated at parameters at which no market's shares can be inverted."""
    return Problem(*economy, **FORMULAS).evaluate(1e5 * TRUTH.sigma_matrix, TRUTH.pi_matrix)


@pytest.mark.parametrize("method", MATRICES + VECTORS + BY_MARKET)
def test_without_mean_utilities_there_is_no_step_5(torn, method):
    for market, named in ((None, "m5, m6, m4"), ("m7", "m7, so that")):
        with pytest.raises(InputError, match=rf"Step 5: shares were not inverted in market\(s\) {named}"):
            getattr(torn, method)(market=market)


def test_without_mean_utilities_there_is_nothing_at_other_prices(torn):
    costs = np.ones(torn.problem.N)
    for call in (lambda: torn.counterfactual(costs=costs), lambda: torn.shares_at(torn.prices), lambda: torn.shares,
                 lambda: torn.market("m7")):
        with pytest.raises(InputError, match="Step 5: shares were not inverted"):
            call()


# One market, and other prices -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["m2", "m5"])
def test_one_market_by_the_names_of_the_lessons(here, name):
    rows, delta, mu, alpha, w = pieces(here, name)
    m, table = here.market(name), here.problem.products.iloc[rows]
    assert m.market_id == name
    assert_array_equal(m.rows, rows), assert_array_equal(m.product_ids, table["product_ids"])
    assert_array_equal(m.firm_ids, table["firm_ids"])
    X1 = np.column_stack([np.ones(len(rows)), table[["prices", "x", "group"]]])
    for array, expected in ((m.X1, X1), (m.X2, X1[:, 1:]), (m.prices, table["prices"]), (m.shares, table["shares"]), (m.delta, delta),
                            (m.mu, mu), (m.alpha, alpha), (m.weights, w), (m.P @ m.weights, table["shares"]),
                            (m.xi, delta - X1 @ here.beta), (m.dX1, np.tile([0, 1, 0, 0], (len(rows), 1))),
                            (m.dX2, np.tile([1, 0, 0], (len(rows), 1))), (m.Gamma, np.hstack([here.sigma, here.pi])),
                            (m.ownership, table["firm_ids"].to_numpy()[:, None] == table["firm_ids"].to_numpy())):
        assert array.shape == np.shape(expected)
        assert_allclose(array, expected, rtol=1e-9, atol=1e-11)
    assert m.tastes.shape == (len(w), 4)
    assert_allclose(taste_deviations(m.X2, m.tastes, m.Gamma), m.mu, rtol=1e-12)
    assert_allclose(price_coefficients(m.dX1, m.beta, m.dX2, m.Gamma, m.tastes), m.alpha, rtol=1e-12)


def test_arrays_of_a_market_are_copies(here):
    before, m = here.own_elasticities(), here.market("m5")
    for field in fields(m):
        value = getattr(m, field.name)
        if isinstance(value, np.ndarray) and value.dtype == float:
            value[...] = 7
    assert_array_equal(here.own_elasticities(), before), assert_array_equal(here.market("m5").prices, here.prices[m.rows])


def test_every_part_of_utility_moves_with_price(here):
    """delta by X1's slope times beta, mu by X2's times the tastes; nobody's quality moves."""
    prices = here.prices * np.linspace(0.5, 1.5, here.problem.N)
    there = Outcome(here.utility, prices)
    for name in here.problem.market_labels:
        now, then = here.market(name), there.market(name)
        change = prices[now.rows] - now.prices
        assert_allclose(then.delta - now.delta, here.beta[1] * change, rtol=1e-9)
        assert_allclose(then.mu - now.mu, np.outer(change, now.alpha[0] - here.beta[1]), rtol=1e-8, atol=1e-12)
        assert_allclose(then.delta, then.X1 @ then.beta + then.xi, rtol=1e-9)
        assert_allclose(then.X1[:, 1], prices[now.rows]), assert_allclose(then.X2[:, 0], prices[now.rows])
        assert_allclose(then.alpha, now.alpha), assert_allclose(then.xi, now.xi)


def test_a_market_of_a_counterfactual_is_taken_at_its_prices(here):
    drop = (here.problem.products["product_ids"] == "p1").to_numpy()
    without = here.counterfactual(firm_ids={2: 1}, drop=drop)
    m, rows = without.market("m5"), pieces(here, "m5")[0]
    left = rows[~drop[rows]]
    assert_array_equal(m.rows, left), assert_allclose(m.prices, without.prices[left]), assert_allclose(m.shares, without.shares[left])
    assert_array_equal(m.firm_ids, without.firm_ids[left]) and 2 not in m.firm_ids
    eta = margins(m.shares, share_jacobian(m.P, m.weights, m.alpha), m.ownership)
    assert_allclose(m.prices - eta, without.costs("m5"), rtol=1e-9)


def test_a_market_needs_no_owners_until_they_are_asked_for(economy):
    other = Problem(economy[0].drop(columns=["firm_ids", "product_ids"]), economy[1], **FORMULAS)
    m = other.evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix).market("m3")
    assert m.firm_ids is None and list(m.product_ids) == list(economy[0].index[m.rows])
    with pytest.raises(InputError, match="no column `firm_ids`"):
        m.ownership


def test_a_lognormal_coefficient_is_a_taste_of_the_market(economy):
    problem = Problem(*economy, linear="1 + x + group", random="0 + prices + x", demographics="1 + income", coefficients={"prices": "-lognormal"})
    found = problem.evaluate([[0.3, 0, 0], [0, 0.8, 0]], [[0.6, -0.2], [0, 0]])
    m = found.market("m5")
    a = economy[1][economy[1]["market_ids"] == "m5"]
    assert_allclose(m.alpha, np.tile(-np.exp(0.6 - 0.2 * a["income"] + 0.3 * a["nodes0"]), (len(m.rows), 1)), rtol=1e-12)
    assert_allclose(taste_deviations(m.X2, m.tastes, m.Gamma), m.mu, rtol=1e-12)


def test_shares_at_other_prices_hold_everything_else(here):
    prices = here.prices * np.linspace(0.6, 1.4, here.problem.N)
    found = here.shares_at(prices)
    assert found.shape == (here.problem.N,)
    for market in here.problem.market_labels:
        rows, delta, mu, alpha, w = pieces(here, market)
        P = choice_probabilities(delta, mu + alpha * (prices - here.prices)[rows, None])
        assert_allclose(found[rows], P @ w, rtol=1e-9)
    assert_allclose(here.shares_at(here.prices), here.shares, rtol=1e-12)
    assert_allclose(here.shares_at(list(prices)), found, rtol=1e-12)


def test_shares_at_other_prices_after_a_counterfactual(here):
    drop = (here.problem.products["product_ids"] == "p1").to_numpy()
    without = here.counterfactual(drop=drop)
    assert_allclose(without.shares_at(without.prices), without.shares, rtol=1e-12)       # the dropped have no price
    held = without.shares_at(here.prices)
    assert (held[drop] == 0).all() and (held[~drop] > here.shares[~drop]).all()
    with pytest.raises(InputError, match=r"Step 5: prices has missing or infinite values in row\(s\) 0"):
        here.shares_at(np.where(np.arange(here.problem.N) == 0, np.nan, here.prices))


@pytest.mark.parametrize("prices", [1.0, [1.0, 2.0], np.ones((3, 1)), None, "prices"])
def test_prices_of_the_wrong_shape_are_refused(here, prices):
    with pytest.raises(InputError, match="Step 5: prices has shape .*one value for each of the"):
        here.shares_at(prices)


def test_outcomes_can_be_stored(here):
    """Not only their numbers: what they were computed from too."""
    merged = here.counterfactual(firm_ids={2: 1})
    again = pickle.loads(pickle.dumps(merged))
    assert_array_equal(again.prices, merged.prices)
    assert_allclose(again.counterfactual(firm_ids={3: 1}).prices, merged.counterfactual(firm_ids={3: 1}).prices, rtol=1e-12)
    ours = here.optimal_instruments()
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(ours)).demand, ours.demand)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(here.utility)).problem.products, here.problem.products)
    assert_allclose(pickle.loads(pickle.dumps(here.market("m5"))).ownership, here.market("m5").ownership)


# Series have an index -------------------------------------------------------------------------------------------------------

def shuffled(values, here):
    """A Series of these values in another order, under the index of products."""
    return pd.Series(values, here.problem.products.index).sample(frac=1, random_state=3)


def test_series_are_matched_by_their_index(here, merged_ids):
    N, prices = here.problem.N, np.linspace(0.6, 1.4, here.problem.N) * here.prices
    costs, drop = np.linspace(0.8, 1, N) * here.costs(), np.arange(N) % 5 == 0
    expected = here.counterfactual(firm_ids=merged_ids, costs=costs, drop=drop)
    found = here.counterfactual(firm_ids=shuffled(merged_ids, here), costs=shuffled(costs, here), drop=shuffled(drop, here))
    assert_array_equal(found.prices, expected.prices), assert_array_equal(found.costs(), costs)
    assert_array_equal(here.merger_prices(shuffled(merged_ids, here)), here.merger_prices(merged_ids))
    assert_array_equal(here.shares_at(shuffled(prices, here)), here.shares_at(prices))
    ours, theirs = (here.optimal_instruments(prices=p) for p in (shuffled(prices, here), prices))
    pd.testing.assert_frame_equal(ours.demand, theirs.demand)


@pytest.mark.parametrize("call", [lambda here, s: here.counterfactual(costs=s), lambda here, s: here.shares_at(s), lambda here, s: here.optimal_instruments(s),
                                  lambda here, s: here.counterfactual(firm_ids=s), lambda here, s: here.merger_prices(s),
                                  lambda here, s: here.counterfactual(drop=s > s.mean())])
def test_series_of_another_index_and_tables_are_refused(here, call):
    values = pd.Series(here.prices, here.problem.products.index)
    for other in (values.reset_index(drop=True), values.set_axis(values.index + 1), values.set_axis([100] * len(values))):
        with pytest.raises(InputError, match="is a Series whose index is not that of products"):
            call(here, other)
    with pytest.raises(InputError, match=r"has shape \(\d+, 1\)"):
        call(here, values.to_frame())


def test_where_the_tables_index_repeats_itself_only_its_own_order_will_do(economy):
    products = economy[0].set_axis(np.arange(len(economy[0])) // 2)
    here = Problem(products, economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    costs = pd.Series(0.9 * here.costs(), products.index)
    assert_allclose(here.counterfactual(costs=costs).prices, here.counterfactual(costs=costs.to_numpy()).prices)
    with pytest.raises(InputError, match="whose index is not that of products: it has some of them twice"):
        here.counterfactual(costs=costs.sample(frac=1, random_state=0))


@pytest.mark.parametrize("hide", [lambda costs: np.ma.array(costs, mask=np.arange(len(costs)) == 4),
                                  lambda costs: pd.array([None if k == 4 else value for k, value in enumerate(costs)], dtype="Float64")])
def test_what_is_hidden_is_missing(here, hide):
    with pytest.raises(InputError, match=r"costs has missing or infinite values in row\(s\) 4"):
        here.counterfactual(costs=hide(here.costs()))


def test_text_that_is_missing_is_no_firm(economy):
    products = economy[0].assign(firm_ids=economy[0]["firm_ids"].map({0: "A", 1: "B", 2: "C", 3: "D"}))
    other = Problem(products, economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    owners = list(products["firm_ids"])
    owners[4] = np.nan                                          # numpy would make it the firm "nan"
    with pytest.raises(InputError, match=r"firm_ids has missing values in row\(s\) 4"):
        other.counterfactual(firm_ids=owners)


def test_truth_values_in_other_clothes(here):
    drop = np.arange(here.problem.N) % 5 == 0
    expected = here.counterfactual(drop=drop).prices
    for same in (pd.Series(drop, here.problem.products.index, dtype=object), pd.array(drop, dtype="boolean"), list(drop)):
        assert_array_equal(here.counterfactual(drop=same).prices, expected)


# Counterfactuals -----------------------------------------------------------------------------------------------------------

def first_order_conditions(outcome, firms, costs):
    """The largest error of `s + (H * D')(p - c)` over all markets, from the outcome's own prices."""
    worst = 0.0
    for block in outcome._blocks:
        delta, mu, alpha = outcome.utility.at(block, outcome.prices)
        P = choice_probabilities(delta, mu)
        for b in range(len(block.index)):
            rows, w = block.index[b], block.weights[b]
            s = P[b] @ w
            D = np.diag((w * alpha[b] * P[b]).sum(1)) - (w * P[b]) @ (alpha[b] * P[b]).T
            H = np.array([[float(firms[j] == firms[k]) for k in rows] for j in rows])
            worst = max(worst, abs(s + (H * D.T) @ (outcome.prices[rows] - costs[rows])).max())
    return worst


def test_nothing_changed_gives_the_same_prices_and_shares(here):
    same = here.counterfactual()
    assert_allclose(same.prices, here.prices, rtol=1e-10)
    assert_allclose(same.shares, here.problem.shares, rtol=1e-9)
    assert_allclose(same.costs(), here.costs(), rtol=1e-12)
    assert_allclose(same.markups(), here.markups(), rtol=1e-8)
    assert_allclose(same.consumer_surplus(), here.consumer_surplus(), rtol=1e-9)


def test_merger_prices_are_the_counterfactuals_and_solve_every_first_order_condition(here, merged_ids):
    merged = here.counterfactual(firm_ids=merged_ids)
    assert_array_equal(here.merger_prices(merged_ids), merged.prices)
    assert first_order_conditions(merged, merged_ids, here.costs()) < 1e-10
    assert merged.residual < 1e-10
    merging = np.isin(here.problem.products["firm_ids"], [1, 2])
    assert (merged.prices[merging] > here.prices[merging] * (1 - 1e-9)).all() and (merged.prices / here.prices).max() > 1.01
    assert (merged.prices > here.prices * 0.99).all()           # a rival may answer with a slightly lower price
    assert (merged.consumer_surplus() <= here.consumer_surplus() + 1e-12).all()
    assert_allclose(merged.costs(), here.costs(), rtol=1e-12)


def test_a_dict_says_which_firm_becomes_which(here, merged_ids):
    assert_allclose(here.merger_prices({2: 1}), here.merger_prices(merged_ids), rtol=1e-12)
    assert_allclose(here.counterfactual(firm_ids={1: 0, 2: 0, 3: 0}).prices, here.merger_prices(np.zeros(here.problem.N)), rtol=1e-12)
    swapped = here.merger_prices({1: 2, 2: 1})                  # names swap, nothing merges
    assert_allclose(swapped, here.prices, rtol=1e-9)


def test_firm_ids_of_text(economy, here, merged_ids):
    products = economy[0].assign(firm_ids=economy[0]["firm_ids"].map({0: "A", 1: "B", 2: "C", 3: "D"}))
    other = Problem(products, economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    assert_allclose(other.costs(), here.costs(), rtol=1e-12)
    assert_allclose(other.merger_prices({"C": "B"}), here.merger_prices(merged_ids), rtol=1e-12)


def test_methods_of_a_counterfactual_are_taken_at_its_prices(here, merged_ids):
    merged = here.counterfactual(firm_ids=merged_ids)
    market = here.problem.market_ids.iloc[int(np.argmax(merged.prices / here.prices))]
    rows, delta, mu, alpha, w = pieces(here, market)
    moved = mu + alpha * (merged.prices - here.prices)[rows, None]
    P, p = choice_probabilities(delta, moved), merged.prices[rows]
    D = share_jacobian(P, w, alpha)
    assert_allclose(merged.shares[rows], P @ w, rtol=1e-9)
    assert_allclose(merged.elasticities(market), D * p / (P @ w)[:, None], rtol=1e-8)
    eta = margins(P @ w, D, ownership_matrix(merged_ids[rows]))
    assert_allclose(merged.markups(market), eta / p, rtol=1e-8)
    assert_allclose(merged.costs(market), p - eta, rtol=1e-7)     # the first-order conditions hold, so both ways agree
    assert abs(merged.elasticities(market) - here.elasticities(market)).to_numpy().max() > 1e-3


def test_new_costs_are_used_and_kept(here):
    costs = here.costs() * 0.9
    cheaper = here.counterfactual(costs=costs)
    assert_allclose(cheaper.costs(), costs)
    assert first_order_conditions(cheaper, here.problem.products["firm_ids"].to_numpy(), costs) < 1e-10
    assert (cheaper.prices < here.prices).all()


def test_dropping_products_is_a_fresh_computation_without_their_rows(here):
    products = here.problem.products
    drop = (products["product_ids"] == "p1").to_numpy()
    without = here.counterfactual(drop=drop)
    assert np.isnan(without.prices[drop]).all() and (without.shares[drop] == 0).all()
    for market in here.problem.market_labels:
        rows, delta, mu, alpha, w = pieces(here, market)
        keep = ~drop[rows]
        left = rows[keep]
        found = equilibrium_prices(delta[keep], mu[keep], alpha[keep], w, here.prices[left], here.costs()[left],
                                   ownership_matrix(products["firm_ids"].to_numpy()[left]))
        assert_allclose(without.prices[left], found.prices, rtol=1e-8)
        P = choice_probabilities(delta[keep], mu[keep] + alpha[keep] * (found.prices - here.prices[left])[:, None])
        assert_allclose(without.shares[left], P @ w, rtol=1e-8)
        frame = without.elasticities(market)
        assert list(frame.index) == list(products["product_ids"].iloc[left])
        assert_allclose(frame, share_jacobian(P, w, alpha[keep]) * found.prices / (P @ w)[:, None], rtol=1e-7)
        assert_allclose(without.markups(market), 1 - here.costs()[left] / found.prices, rtol=1e-7)
        assert_allclose(without.costs(market), here.costs()[left], rtol=1e-12)
    assert np.isnan(without.markups()[drop]).all() and np.isnan(without.own_elasticities()[drop]).all()
    assert (without.consumer_surplus() <= here.consumer_surplus()).all()


def test_dropping_a_whole_market_leaves_the_others_alone(here):
    gone = (here.problem.products["market_ids"] == "m3").to_numpy()
    without = here.counterfactual(drop=gone)
    assert_allclose(without.prices[~gone], here.prices[~gone], rtol=1e-9)
    assert "m3" not in without.elasticities()
    with pytest.raises(InputError, match="Market 'm3' has no products left"):
        without.elasticities("m3")
    others = here.problem.market_labels != "m3"
    assert_allclose(without.consumer_surplus()[others], here.consumer_surplus()[others], rtol=1e-9)


def test_a_market_without_products_has_a_surplus_of_zero(here):
    gone = (here.problem.products["market_ids"] == "m3").to_numpy()
    empty = here.counterfactual(drop=gone)
    for method, value in (("consumer_surplus", 0.0), ("aggregate_elasticities", 0.0), ("hhi", np.nan)):
        assert_array_equal([getattr(empty, method)()["m3"], getattr(empty, method)(market="m3")], [value, value])
    assert (empty.profits()[gone] == 0).all() and (empty.profits()[~gone] > 0).all()


def test_a_counterfactual_of_a_counterfactual_keeps_what_was_changed(here, merged_ids):
    drop = (here.problem.products["product_ids"] == "p1").to_numpy()
    at_once = here.counterfactual(firm_ids=merged_ids, drop=drop)
    one_by_one = here.counterfactual(drop=drop).counterfactual(firm_ids=merged_ids)
    assert_array_equal(np.isnan(one_by_one.prices), drop)
    assert_allclose(one_by_one.prices[~drop], at_once.prices[~drop], rtol=1e-9)
    back = here.counterfactual(firm_ids=merged_ids).counterfactual(firm_ids=here.problem.products["firm_ids"])
    assert_allclose(back.prices, here.prices, rtol=1e-9)


def test_repr_of_a_counterfactual_says_by_how_much_prices_change(here, merged_ids):
    merged = here.counterfactual(firm_ids=merged_ids)
    change = 100 * (merged.prices / here.prices - 1)
    assert f"prices change by {change.mean():.3g} percent on average" in repr(merged) and "8 markets" in repr(merged)


def test_results_are_copies(here):
    merged = here.counterfactual(costs=here.costs())
    merged.costs()[:] = 0
    assert (merged.costs() != 0).all()


# What is refused -----------------------------------------------------------------------------------------------------------

def test_without_firm_ids_there_are_no_markups(economy):
    other = Problem(economy[0].drop(columns="firm_ids"), economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    for call in (other.markups, other.costs, other.counterfactual, lambda: other.markups("m3")):
        with pytest.raises(InputError, match="Step 5: .*no column `firm_ids`. Add it"):
            call()
    with pytest.raises(InputError, match="which firm becomes which.*no column `firm_ids`"):
        other.counterfactual(firm_ids={1: 2})
    other.elasticities("m3"), other.consumer_surplus()           # demand needs no firms


def test_missing_firm_ids_are_refused_by_name(economy):
    firms = economy[0]["firm_ids"].astype(float).where(economy[0]["product_ids"] != "p1")
    with pytest.raises(InputError, match="firm_ids.*missing"):
        Problem(economy[0].assign(firm_ids=firms), economy[1], **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix).costs()


@pytest.mark.parametrize("arguments, message", [
    ({"firm_ids": {99: 1}}, "there is no firm 99. Firms are .*0"),
    ({"firm_ids": {1: [2]}}, r"\[2\] is no firm id"),
    ({"firm_ids": [1, 2]}, r"firm_ids has shape \(2,\).*one value for each of the .* products"),
    ({"firm_ids": "firm_ids"}, "firm_ids has shape"),
    ({"costs": [1.0]}, r"costs has shape \(1,\)"),
    ({"costs": 1.0}, r"costs has shape \(\)"),
    ({"drop": [3, 4]}, r"drop has shape \(2,\).*For rows 3 and 4 give np.isin"),
])
def test_arguments_of_the_wrong_shape_are_refused(here, arguments, message):
    with pytest.raises(InputError, match=f"Step 5: .*{message}"):
        here.counterfactual(**arguments)


@pytest.mark.parametrize("name, value", [("costs", np.nan), ("costs", np.inf), ("costs", "dear"), ("firm_ids", np.nan), ("firm_ids", None),
                                         ("drop", "no"), ("drop", 0.5), ("drop", None)])
def test_values_that_make_no_sense_are_refused(here, name, value):
    now = {"costs": here.costs(), "firm_ids": here.problem.products["firm_ids"], "drop": [False] * here.problem.N}
    values = list(now[name])
    values[4] = value
    with pytest.raises(InputError, match=f"Step 5: {name}"):
        here.counterfactual(**{name: values})


def test_dropping_everything_is_refused(here):
    with pytest.raises(InputError, match="drop"):
        here.counterfactual(drop=np.ones(here.problem.N, bool))


def test_equilibria_that_are_not_found_are_an_error_that_names_the_markets(here):
    costs = here.costs()
    rows = np.flatnonzero(here.problem.products["market_ids"] == "m5")
    costs[rows] = -1e6                                          # nobody's price settles there
    with warnings.catch_warnings(), pytest.raises(InputError, match=r"Step 5: no equilibrium prices were found in market\(s\) m5"):
        warnings.simplefilter("error")                          # the error says all
        here.counterfactual(costs=costs)


def test_prices_inside_a_function_have_elasticities_but_no_counterfactual_and_no_surplus(economy):
    problem = Problem(*economy, linear="1 + log(prices) + x + group", random="0 + x + group")
    curved = problem.evaluate([0.5, 1.0])
    rows, p = np.flatnonzero(economy[0]["market_ids"] == "m5"), economy[0]["prices"].to_numpy()
    agents = economy[1][economy[1]["market_ids"] == "m5"]
    # restated: d u / d log p is the coefficient, so the own elasticity is beta * E[(1 - s_i) | buyers]
    X2 = economy[0][["x", "group"]].to_numpy()[rows]
    mu = X2 @ np.diag(curved.sigma.diagonal()[:2]) @ agents[["nodes0", "nodes1"]].to_numpy().T
    P, w = choice_probabilities(curved.delta[rows], mu), agents["weights"].to_numpy()
    own = curved.beta[1] * ((1 - P) * P) @ w / (P @ w)
    assert_allclose(curved.own_elasticities("m5"), own, rtol=1e-9)
    with pytest.raises(InputError, match="linear in price; `log.prices.` is not"):
        curved.counterfactual()
    with pytest.raises(InputError, match="one price coefficient for each consumer"):
        curved.consumer_surplus()
    assert p.min() > 0


@pytest.mark.parametrize("term", ["center(prices)", "scale(prices)", "I(prices / 2)", "I(prices - prices.mean())"])
def test_rescaled_prices_give_the_same_elasticities_or_are_refused(economy, term):
    plain = Problem(*economy, linear="1 + prices + x + group", random="0 + x + group").evaluate([0.5, 1.0])
    try:
        other = Problem(*economy, linear=f"1 + {term} + x + group", random="0 + x + group").evaluate([0.5, 1.0])
    except InputError as error:                                 # a term that moves with all prices may be refused, but not got wrong
        assert "prices" in str(error) and term != "I(prices / 2)"
    else:
        assert_allclose(other.elasticities("m5"), plain.elasticities("m5"), rtol=1e-6)


def test_price_times_a_characteristic_has_counterfactuals_but_no_surplus(economy):
    other = Problem(*economy, linear="1 + prices + prices:x + x + group", random="0 + x + group").evaluate([0.5, 1.0])
    merged = other.counterfactual(firm_ids={2: 1})
    assert first_order_conditions(merged, merged.firm_ids, other.costs()) < 1e-10
    with pytest.raises(InputError, match="here price interacts with another characteristic"):
        other.consumer_surplus()


def test_without_price_in_utility_there_are_no_markups(economy):
    problem = Problem(*economy, linear="1 + x + group", random="0 + x + group", instruments=["w0", "w1"])
    here = problem.evaluate([0.5, 1.0])
    with pytest.raises(InputError, match="prices"):
        here.markups()


def test_the_logit_has_all_methods():
    products, _ = load_cereal()
    logit = Problem(products, linear="0 + prices", absorb="product_ids").estimate()
    p, s, beta = products["prices"].to_numpy(), products["shares"].to_numpy(), logit.beta[0]
    assert_allclose(logit.own_elasticities(), beta * p * (1 - s), rtol=1e-10)
    frame = logit.diversion_ratios("C03Q2")
    rows = np.flatnonzero(products["market_ids"] == "C03Q2")
    s = s[rows]
    expected = np.tile(s, (len(s), 1)) / (1 - s[:, None])
    np.fill_diagonal(expected, (1 - s.sum()) / (1 - s))
    assert_allclose(frame, expected, rtol=1e-10)
    assert_allclose(logit.consumer_surplus("C03Q2"), -np.log(1 - s.sum()) / -beta, rtol=1e-10)
    merged = logit.merger_prices({2: 1})
    assert (merged - p).min() > -1e-10 and (merged - p).max() > 0


def test_without_price_in_utility_there_is_no_step_5(economy):
    here = Problem(*economy, linear="1 + x", random="0 + x + group").evaluate([0.5, 1.0])
    for method in MATRICES + VECTORS + ["consumer_surplus", "aggregate_elasticities"]:
        for arguments in ({}, {"market": "m3"}):
            with pytest.raises(InputError, match="Step 5: utility does not depend on `prices`"):
                getattr(here, method)(**arguments)
    for call in (lambda: here.shares_at(here.prices), lambda: here.counterfactual(costs=here.prices, firm_ids={2: 1})):
        with pytest.raises(InputError, match="Step 5: utility does not depend on `prices`"):
            call()
    assert here.hhi("m3") > 0 and here.market("m3").alpha.max() == 0


def test_prices_inside_a_function_have_no_shares_at_other_prices(economy):
    curved = Problem(*economy, linear="1 + log(prices) + x + group", random="0 + x + group").evaluate([0.5, 1.0])
    for call in (lambda: curved.shares_at(curved.prices), curved.aggregate_elasticities):
        with pytest.raises(InputError, match="linear in price; `log.prices.` is not"):
            call()


def test_a_type_that_does_not_mind_prices_has_no_surplus_in_money(economy):
    """Price in `random` alone, and a node of zero: a surplus of infinity once."""
    agents = economy[1].assign(nodes0=economy[1]["nodes0"].where(economy[1].groupby("market_ids").cumcount() > 0, 0.0))
    here = Problem(economy[0], agents, linear="1 + x + group", random="0 + prices + x").evaluate([0.3, 0.5])
    with pytest.raises(InputError, match="a consumer type has a price coefficient of zero"):
        here.consumer_surplus()


@pytest.mark.parametrize("factor", [0.0, 1, 1990, -1.0, np.nan, np.inf, "0.1", True, None, [0.1]])
def test_factors_that_are_no_change_are_refused(here, factor):
    with pytest.raises(InputError, match="Step 5: factor=.* must be the fraction by which prices change.*named by market="):
        here.aggregate_elasticities(factor)


def test_owners_are_complete_after_a_change_too(economy):
    """With given costs and a dict of owners nothing else looks at them: a product of NaN would have had half an owner."""
    firms = economy[0]["firm_ids"].astype(float).where(economy[0]["product_ids"] != "p1")
    here = Problem(economy[0].assign(firm_ids=firms), economy[1], **FORMULAS, holdings=0.5).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    for owners in ({2: 1}, None):
        with pytest.raises(InputError, match="firm_ids has missing values"):
            here.counterfactual(firm_ids=owners, costs=0.8 * here.prices)
    with pytest.raises(InputError, match="firm_ids has missing values"):
        here.hhi()
    with pytest.raises(InputError, match="firm_ids has missing values"):
        Problem(*economy, **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix).counterfactual(firm_ids={2: None})


def test_holdings_do_not_lapse_because_firms_were_renamed(economy):
    here = Problem(*economy, **FORMULAS, holdings={(1, 3): 0.6}).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    renamed = economy[0]["firm_ids"].map({0: "A", 1: "B", 2: "C", 3: "D"})
    with pytest.raises(InputError, match=r"holdings=.* name firm 1, which firm_ids no longer has, while it has A, B, C, D"):
        here.counterfactual(firm_ids=renamed)
    merged = economy[0]["firm_ids"].replace(1, 0)               # firm 1 is dissolved, and its stake with it
    plain = Problem(*economy, **FORMULAS).evaluate(TRUTH.sigma_matrix, TRUTH.pi_matrix)
    assert_allclose(here.counterfactual(firm_ids=merged, costs=here.costs()).prices, plain.counterfactual(firm_ids=merged, costs=here.costs()).prices)
    spun_off = economy[0]["firm_ids"].where(economy[0]["product_ids"] != "p1", 9)        # a new firm beside the old ones
    assert first_order_conditions_with(here.counterfactual(firm_ids=spun_off), {(1, 3): 0.6}) < 1e-10


def first_order_conditions_with(outcome, holdings):
    """The largest error of `s + (H * D')(p - c)` where firms hold stakes in others."""
    worst = 0.0
    for name in outcome.problem.market_labels:
        m, costs = outcome.market(name), outcome.costs(name)
        for j in range(len(m.rows)):
            condition = m.shares[j]
            for k in range(len(m.rows)):
                weight = 1 if m.firm_ids[j] == m.firm_ids[k] else holdings.get((m.firm_ids[j], m.firm_ids[k]), 0)
                condition += weight * (m.prices[k] - costs[k]) * sum(m.weights * m.alpha[j] * m.P[k] * ((k == j) - m.P[j]))
            worst = max(worst, abs(condition))
    return worst


def test_costs_in_another_unit_are_refused(here):
    with pytest.raises(InputError, match="Costs must be in the units of `prices`"):
        here.counterfactual(costs=100 * here.costs())           # cents, where prices are dollars
    with pytest.raises(InputError, match="costs must be numbers.* not bool values"):
        here.counterfactual(costs=here.costs() > 1)
    assert (here.counterfactual(costs=3 * here.costs()).prices > here.prices).mean() > 0.9


def test_what_was_dropped_needs_no_cost(here):
    drop = (here.problem.products["product_ids"] == "p1").to_numpy()
    costs = np.where(drop, np.nan, 0.9 * here.costs())
    assert_allclose(here.counterfactual(costs=costs, drop=drop).prices, here.counterfactual(costs=0.9 * here.costs(), drop=drop).prices)
    with pytest.raises(InputError, match="costs has missing"):
        here.counterfactual(costs=costs)


def test_a_market_is_told_in_two_lines():
    problem, start = simulated()
    text = repr(problem.evaluate(start["sigma"], start["pi"]).market(problem.market_labels[0]))
    assert len(text.splitlines()) == 2 and "consumer types" in text and "delta" in text and "[" not in text
