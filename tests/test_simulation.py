"""Simulated markets: the model's shares at the true utilities, Bertrand-Nash prices, endogeneity that bites, and a seed that holds."""
import numpy as np
import pandas as pd
import pytest
from economies import naive_probabilities
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from blpteach import InputError, Problem, Truth, simulate
from blpteach.simulation import FORMULAS


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
