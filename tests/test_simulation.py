"""Simulated markets: the model's shares at the true utilities, Bertrand-Nash prices, endogeneity that bites, and a seed that holds."""
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from economies import naive_probabilities
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from blpteach import InputError, Problem, Truth, simulate
from blpteach.simulation import FORMULAS, LOG_COSTS, SUPPLY


@pytest.fixture(scope="module")
def tables():
    return simulate(T=30, J=(4, 8), I=30, seed=1)


def utilities(p, a, truth, prices):
    """V (J, I) of one market, product by product and type by type."""
    V = np.empty((len(p), len(a)))
    for j, (_, row) in enumerate(p.iterrows()):
        for i, (_, who) in enumerate(a.iterrows()):
            alpha = truth.beta[1] + truth.pi * who["income"] + truth.sigma[0] * who["nodes0"]
            V[j, i] = truth.beta[0] + alpha * prices[j] + (truth.beta[2] + truth.sigma[1] * who["nodes1"]) * row["x"] \
                + (truth.beta[3] + truth.sigma[2] * who["nodes2"]) * row["group"] + row["xi"]
    return V


@pytest.mark.parametrize("truth", [Truth(), Truth(beta=(2.0, -3.0, 1.0, 0.2), sigma=(0.3, 0.5, 1.0), pi=0.2)])
def test_shares_and_prices_are_those_of_the_model(truth):
    products, agents = simulate(truth, T=4, J=(3, 5), I=12, seed=3)
    for t in range(4):
        p, a = products[products["market_ids"] == t], agents[agents["market_ids"] == t]
        price, cost, firm = (p[name].to_numpy() for name in ("prices", "costs", "firm_ids"))
        V, w = utilities(p, a, truth, price), a["weights"].to_numpy()
        P = naive_probabilities(np.zeros(len(p)), V)
        assert_allclose(P @ w, p["shares"], rtol=1e-10)
        alpha = truth.beta[1] + truth.pi * a["income"].to_numpy() + truth.sigma[0] * a["nodes0"].to_numpy()
        for j in range(len(p)):
            condition = p["shares"].iloc[j] + sum((price[m] - cost[m]) * sum(w * alpha * P[m] * ((m == j) - P[j]))
                                                  for m in range(len(p)) if firm[m] == firm[j])
            assert abs(condition) < 1e-10


def test_costs_are_the_shifters_and_omega(tables):
    products, truth = tables[0], Truth()
    shifters = np.column_stack([np.ones(len(products)), products[["x", "group", "w0", "w1"]]])
    omega = products["costs"] - shifters @ truth.gamma
    assert_allclose(omega.std(), truth.omega_sd, rtol=0.2)
    assert_allclose(products["xi"].std(), truth.xi_sd, rtol=0.2)
    assert_allclose(np.corrcoef(omega, products["xi"])[0, 1], truth.correlation, atol=0.15)


def test_choice_sets_vary_and_prices_are_endogenous(tables):
    products, _ = tables
    sizes = products.groupby("market_ids").size()
    assert sizes.min() >= 4 and sizes.max() <= 8 and sizes.nunique() > 2
    assert products["prices"].corr(products["xi"]) > 0.1
    for shifter in ("w0", "w1"):
        assert abs(products[shifter].corr(products["xi"])) < 0.15 and products[shifter].corr(products["prices"]) > 0.2
    ols = Problem(products, linear=FORMULAS["linear"], instruments=["prices"]).estimate()
    iv = Problem(products, linear=FORMULAS["linear"]).estimate()
    assert iv.beta[1] < ols.beta[1] - 0.1                       # ignoring endogeneity makes demand look less elastic


def test_tables_are_what_problem_takes(tables):
    products, agents = tables
    problem = Problem(products, agents, **FORMULAS)
    truth = Truth()
    here = problem.evaluate(truth.sigma_matrix, truth.pi_matrix)
    assert here.inverted
    X1 = np.column_stack([np.ones(len(products)), products[["prices", "x", "group"]]])
    assert_allclose(here.delta - X1 @ truth.beta, products["xi"], atol=1e-8)


def test_seed_reproduces_and_differs():
    one, again, other = (simulate(T=5, I=10, seed=s) for s in (4, 4, 5))
    for k in range(2):
        assert_frame_equal(one[k], again[k])
    assert len(one[0]) != len(other[0]) or not np.allclose(one[0]["prices"], other[0]["prices"])


def test_truth_is_recorded_and_enough_to_make_the_tables_again():
    truth = Truth(pi=0.3)
    products, agents = simulate(truth, T=5, J=(3, 6), firms=2, I=10, seed=6)
    kept = dict(products.attrs["truth"])
    assert kept == agents.attrs["truth"] and kept["pi"] == 0.3
    sizes = {name: kept.pop(name) for name in ("T", "J", "firms", "I", "seed")}
    assert_frame_equal(simulate(Truth(**kept), **sizes)[0], products)


def test_sizes_are_those_asked_for():
    products, agents = simulate(T=7, J=(2, 4), firms=3, I=11, seed=0)
    assert products["market_ids"].nunique() == 7 and len(agents) == 77
    assert products["firm_ids"].isin(range(3)).all()
    assert products.groupby("market_ids").size().between(2, 4).all()
    assert_allclose(agents.groupby("market_ids")["weights"].sum(), 1, rtol=1e-12)
    assert not products.duplicated(["market_ids", "product_ids"]).any()


def test_instruments_restated_one_product_at_a_time(tables):
    products, agents = tables
    income = agents.groupby("market_ids")["income"].mean()
    for t in (0, 7):
        p = products[products["market_ids"] == t].reset_index(drop=True)
        for j in range(len(p)):
            me, others = p.loc[j], p
            rivals, group = others[others["firm_ids"] != me["firm_ids"]], others[others["group"] == me["group"]]
            expected = [me["w0"], me["w1"], income[t] * me["w0"], income[t] * me["w1"], rivals["x"].sum(), rivals["group"].sum(),
                        ((others["x"] - me["x"]) ** 2).sum(), len(group), ((group["x"] - me["x"]) ** 2).sum()]
            assert_allclose(me[[f"demand_instruments{k}" for k in range(9)]].astype(float), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", [3, 13, 16, 31])
def test_an_economy_without_an_equilibrium_is_an_error_or_has_one(seed):
    """With these seeds a consumer likes high prices (alpha > 0), and prices once ran to thousands, or below zero, unnoticed."""
    try:
        products, _ = simulate(seed=seed, I=50)
    except InputError as error:
        assert "equilibrium" in str(error)
    else:
        assert products["prices"].between(0, 50).all()
        assert products.groupby("market_ids")["shares"].sum().max() < 0.999


def test_columns_are_numbers_without_holes(tables):
    for table in tables:
        assert np.isfinite(table.to_numpy(float)).all()
        assert isinstance(table.index, pd.RangeIndex)


# What is asked for beside the default ---------------------------------------------------------------------------------------

ALL = {"x": (-1.5, 1.5), "log_costs": True, "holdings": 0.4, "supply_instruments": True}


@pytest.mark.parametrize("asked", [{"x": (-1.5, 1.5)}, {"log_costs": True}, {"holdings": 0.4}, {"holdings": {(0, 1): 0.5}}, ALL,
                                   {"owners": lambda products: products["product_ids"] // 2},
                                   {"owners": lambda products: np.array(["a", "b"])[products["firm_ids"] % 2]}])
def test_prices_solve_the_first_order_conditions_of_these_owners(asked):
    """`sum_l H_jl (p_l - c_l) d s_l / d p_j + s_j = 0`, product by product and type by type."""
    truth = LOG_COSTS if "log_costs" in asked else Truth()
    products, agents = simulate(truth, T=3, J=(3, 5), I=12, seed=3, **asked)
    holdings = asked.get("holdings", 0)
    for t in range(3):
        p, a = products[products["market_ids"] == t], agents[agents["market_ids"] == t]
        price, cost, firm = (p[name].to_numpy() for name in ("prices", "costs", "firm_ids"))
        P, w = naive_probabilities(np.zeros(len(p)), utilities(p, a, truth, price)), a["weights"].to_numpy()
        alpha = truth.beta[1] + truth.pi * a["income"].to_numpy()
        for j in range(len(p)):
            condition = p["shares"].iloc[j]
            for m in range(len(p)):
                weight = 1 if firm[m] == firm[j] else holdings.get((firm[j], firm[m]), 0) if isinstance(holdings, dict) else holdings
                condition += weight * (price[m] - cost[m]) * sum(w * alpha * P[m] * ((m == j) - P[j]))
            assert abs(condition) < 1e-10


def test_what_is_not_asked_for_stays(tables):
    """Supply instruments are added and move nothing; the range of x moves x; log costs are those of the same draws."""
    sizes = {"T": 30, "J": (4, 8), "I": 30, "seed": 1}
    drawn = ["market_ids", "firm_ids", "group", "w0", "w1", "xi", "product_ids"]
    with_supply, agents = simulate(**sizes, supply_instruments=True)
    assert_frame_equal(with_supply[tables[0].columns], tables[0], check_exact=True)
    assert_frame_equal(agents, tables[1], check_exact=True)
    centred, _ = simulate(**sizes, x=(-1.5, 1.5))
    assert_frame_equal(centred[drawn], tables[0][drawn], check_exact=True)
    assert_allclose(centred["x"], tables[0]["x"] - 1.5, atol=1e-12)
    logs, _ = simulate(Truth(gamma=(0.1,) * 5), **sizes, log_costs=True)
    levels, _ = simulate(Truth(gamma=(0.1,) * 5), **sizes)
    assert_allclose(np.log(logs["costs"]), levels["costs"], rtol=1e-12)
    merged, _ = simulate(**sizes, owners=lambda products: products["firm_ids"].replace(1, 0))
    assert_frame_equal(merged[drawn[2:]], tables[0][drawn[2:]], check_exact=True)
    assert set(merged["firm_ids"]) == {0, 2, 3}
    bought = tables[0]["firm_ids"].isin([0, 1])
    assert (merged["prices"] - tables[0]["prices"])[bought].mean() > 0.01


def test_owners_may_be_ids(tables):
    ids = tables[0]["product_ids"].to_numpy() % 3
    one, other = (simulate(T=30, J=(4, 8), I=30, seed=1, owners=owners) for owners in (ids, lambda products: products["product_ids"] % 3))
    assert_frame_equal(one[0], other[0]), assert_allclose(one[0]["firm_ids"], ids)


def test_owners_in_a_series_are_matched_by_its_index(tables):
    products = tables[0]
    sorted_ids = products.sort_values("x")["product_ids"] % 3   # as a function that sorts may return them
    one, other = (simulate(T=30, J=(4, 8), I=30, seed=1, owners=owners) for owners in (sorted_ids, products["product_ids"] % 3))
    assert_frame_equal(one[0], other[0])
    with pytest.raises(InputError, match="simulate: owners is a Series whose index is not that of products"):
        simulate(T=30, J=(4, 8), I=30, seed=1, owners=sorted_ids.set_axis(sorted_ids.index + 1))


def test_a_function_of_owners_sees_a_copy_without_prices():
    seen = []

    def owners(products):
        seen.extend(products.columns)
        products["x"] = 0.0
        return products["firm_ids"]
    products, _ = simulate(T=4, J=(3, 4), I=10, owners=owners)
    assert_frame_equal(products, simulate(T=4, J=(3, 4), I=10)[0])
    assert {"x", "group", "firm_ids"} <= set(seen) and "prices" not in seen


def test_supply_instruments_restated_one_product_at_a_time():
    products, agents = simulate(T=12, J=(3, 7), I=10, seed=2, supply_instruments=True)
    income = agents.groupby("market_ids")["income"].mean()
    for _, me in products.iterrows():
        there = products[products["market_ids"] == me["market_ids"]]
        rivals = there[there["firm_ids"] != me["firm_ids"]]
        own = there[(there["firm_ids"] == me["firm_ids"]) & (there["product_ids"] != me["product_ids"])]
        expected = [own["x"].sum(), own["group"].sum(), len(rivals), rivals["x"].sum(), rivals["group"].sum(), income[me["market_ids"]]]
        assert_allclose(me[[f"supply_instruments{k}" for k in range(6)]].astype(float), expected, rtol=1e-10, atol=1e-12)
    assert "supply_instruments6" not in products


def test_supply_instruments_move_margins_and_not_omega():
    """Each is uncorrelated with omega within four standard errors; together they explain margins."""
    products, _ = simulate(T=200, seed=0, I=30, supply_instruments=True, truth=Truth(pi=0.3))
    shifters = np.column_stack([np.ones(len(products)), products[["x", "group", "w0", "w1"]]])
    omega, margins = products["costs"] - shifters @ Truth().gamma, products["prices"] - products["costs"]
    ZS = products.filter(like="supply_instruments")
    assert (abs(ZS.corrwith(omega)) < 4 / len(products)**0.5).all()
    without, with_them = (np.var(X @ np.linalg.lstsq(X, margins, rcond=None)[0]) for X in (shifters, np.column_stack([shifters, ZS])))
    assert with_them > without + 0.2 * np.var(margins)


@pytest.mark.parametrize("J, owners, demand, supply", [((6, 6), lambda p: p.index, range(9), [3, 4, 5]), ((4, 8), lambda p: p.index, range(9), [2, 3, 4, 5]),
                                                       ((4, 8), lambda p: 0 * p.index, [0, 1, 2, 3, 6, 7, 8], [0, 1, 5])])
def test_instruments_that_never_vary_are_left_out(J, owners, demand, supply):
    """Single-product firms have no other products, a monopolist has no rivals; the model takes what is left."""
    products, agents = simulate(T=10, J=J, I=10, seed=2, owners=owners, supply_instruments=True)
    assert list(products.filter(like="demand_instruments")) == [f"demand_instruments{k}" for k in demand]
    assert list(products.filter(like="supply_instruments")) == [f"supply_instruments{k}" for k in supply]
    assert len(Problem(products, agents, **FORMULAS, supply=SUPPLY).ZS_names) == len(supply) + 5


@pytest.mark.parametrize("log_costs, truth", [(False, Truth(pi=0.3)), (True, replace(LOG_COSTS, pi=0.3))])
def test_joint_estimation_recovers_the_truth(log_costs, truth):
    products, agents = simulate(truth, T=60, I=40, seed=5, log_costs=log_costs, supply_instruments=True)
    problem = Problem(products, agents, **FORMULAS, supply=SUPPLY, log_costs=log_costs)
    here = problem.evaluate(truth.sigma_matrix, truth.pi_matrix, beta={"prices": truth.beta[1]})
    assert_allclose(here.costs(), products["costs"], rtol=1e-9)
    found = problem.estimate(truth.sigma_matrix / 2, truth.pi_matrix / 2, beta={"prices": -1.5}, progress=False)
    assert found.converged
    for estimate, se, true in ((found.beta, found.beta_se, truth.beta), (found.gamma, found.gamma_se, truth.gamma),
                               (np.diag(found.sigma)[1:], np.diag(found.sigma_se)[1:], truth.sigma[1:]), (found.pi[0], found.pi_se[0], [truth.pi])):
        assert (abs(estimate - true) < 3.5 * se).all() and (se < 0.5).all()


def test_what_was_asked_for_is_recorded_and_enough_to_make_the_tables_again():
    products, agents = simulate(LOG_COSTS, T=5, J=(3, 6), I=10, seed=6, **ALL)
    kept = dict(agents.attrs["truth"])
    arguments = {name: kept.pop(name) for name in ("T", "J", "firms", "I", "seed", "x", "log_costs", "holdings")}
    assert_frame_equal(simulate(Truth(**kept), **arguments, supply_instruments=True)[0], products)
    assert not {"x", "log_costs", "holdings"} & set(simulate(T=3, I=5)[0].attrs["truth"])


def test_log_costs_have_a_truth_of_their_own():
    logs, levels = (simulate(T=20, I=10, seed=1, log_costs=log) for log in (True, False))
    assert logs[0].attrs["truth"]["gamma"] == LOG_COSTS.gamma
    assert_allclose(logs[0]["costs"].mean(), levels[0]["costs"].mean(), rtol=0.25)


@pytest.mark.parametrize("asked, says", [({"x": (3, 0)}, "lowest, highest"), ({"x": 3}, "lowest, highest"), ({"x": (0, np.inf)}, "lowest, highest"),
                                         ({"owners": [1, 2]}, "owners must be .* found 2"), ({"owners": lambda p: p["x"].where(p["x"] > 1)}, "missing"),
                                         ({"holdings": 2.0}, "from 0"), ({"holdings": {(0, 9): 0.5}}, "no firm 9")])
def test_refusals(asked, says):
    with pytest.raises(InputError, match=says):
        simulate(T=5, J=(3, 4), I=10, **asked)


@pytest.mark.parametrize("arguments, says", [({"T": 0}, "T must be whole and positive; found 0"), ({"T": 2.5}, "found 2.5"), ({"J": 5}, "J=5 must be"),
                                             ({"J": (5, 3)}, r"must be \(fewest, most\)"), ({"J": (0, 3)}, "J must be"), ({"firms": 0}, "firms must be"),
                                             ({"I": "a"}, "I must be"), ({"truth": 1}, "must be a Truth")])
def test_sizes_are_whole_and_positive(arguments, says):
    with pytest.raises(InputError, match=says):
        simulate(**arguments)
