"""What must hold in any problem, demand alone or with supply."""
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from drawn import MODEL, PI, SIGMA, SUPPLY, designs, few, make_tables
from economies import differences
from hypothesis import given
from numpy.testing import assert_allclose

from blpteach import Problem, Truth, simulate
from blpteach.simulation import FORMULAS

both_sides = pytest.mark.parametrize("supply", [{}, SUPPLY], ids=["demand", "supply"])
one_or_two = st.sampled_from([1, 2])


def evaluate(products, agents, supply, unit=1.0, **options):
    """The model at SIGMA and PI, with prices in another unit."""
    units, beta = np.array([[1], [1 / unit], [1]]), {"prices": -2 / unit} if supply else None
    problem = Problem(products, agents, **MODEL, **supply)
    return problem.evaluate(SIGMA * units, PI * units, beta=beta, **options)


def value(estimates, name):
    """An attribute, or the result of a method, as an array."""
    found = getattr(estimates, name)
    return np.asarray(found() if callable(found) else found)


def same(found, expected, names, rtol=1e-7):
    """Attributes or results of methods agree, relative to the largest element of each."""
    for name in names.split():
        one, other = value(found, name), value(expected, name)
        atol = rtol * np.max(np.abs(other), initial=1e-9)
        assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=name)


def twice(table):
    """Each market and its copy."""
    return pd.concat([table, table.assign(market_ids=table["market_ids"] + 100)], ignore_index=True)


@both_sides
@few
@given(design=designs, steps=one_or_two)
def test_prices_in_cents(supply, design, steps):
    products, agents, _ = make_tables(design)
    euros = evaluate(products, agents, supply, steps=steps)
    products["prices"] *= 100
    cents = evaluate(products, agents, supply, 100, steps=steps)
    same(cents, euros, "objective delta xi shares own_elasticities markups")
    for name in ("elasticities", "diversion_ratios"):
        frames = zip(getattr(cents, name)().values(), getattr(euros, name)().values(), strict=True)
        assert all(np.allclose(one, other, rtol=1e-7, atol=1e-9) for one, other in frames)
    assert_allclose(cents.beta * [1, 100, 1], euros.beta, rtol=1e-6, atol=1e-8)
    assert_allclose(cents.beta_se * [1, 100, 1], euros.beta_se, rtol=1e-5)
    for name in ("costs", "consumer_surplus"):
        assert_allclose(value(cents, name), 100 * value(euros, name), rtol=1e-7)


@both_sides
@few
@given(design=designs)
def test_units_of_the_instruments(supply, design):
    products, agents, rng = make_tables(design)
    instruments = [name for name in products if "instruments" in name]
    units = {name: products[name] * 10 ** rng.uniform(-3, 3) for name in instruments}
    one = evaluate(products, agents, supply)
    other = evaluate(products.assign(**units), agents, supply)
    same(other, one, "objective gradient beta beta_se gamma gamma_se xi expected_improvement")


@both_sides
@few
@given(design=designs)
def test_order_of_rows_and_names_of_markets(supply, design):
    products, agents, rng = make_tables(design)
    names = {t: f"city {rng.integers(10**9)}" for t in products["market_ids"].unique()}
    order, types = rng.permutation(len(products)), rng.permutation(len(agents))

    def moved(table, rows):
        named = table.assign(market_ids=table["market_ids"].map(names))
        return named.iloc[rows].reset_index(drop=True)
    one = evaluate(products, agents, supply)
    other = evaluate(moved(products, order), moved(agents, types), supply)
    same(other, one, "objective gradient beta beta_se gamma gamma_se")
    for name in ("delta", "xi", "own_elasticities", "costs"):
        assert_allclose(value(other, name), value(one, name)[order], rtol=1e-7, atol=1e-9)
    surplus = dict(zip(other.problem.market_labels, value(other, "consumer_surplus")))
    found = [surplus[names[t]] for t in one.problem.market_labels]
    assert_allclose(found, value(one, "consumer_surplus"), rtol=1e-7)


@both_sides
@few
@given(design=designs, steps=one_or_two)
def test_all_markets_twice_halve_variances_and_double_the_objective(supply, design, steps):
    products, agents, _ = make_tables(design)
    one = evaluate(products, agents, supply, steps=steps)
    double = evaluate(twice(products), twice(agents), supply, steps=steps)
    same(double, one, "beta gamma W S G")
    assert_allclose(double.objective, 2 * one.objective, rtol=1e-6, atol=1e-7)
    assert_allclose(double.gradient, 2 * one.gradient, rtol=1e-6, atol=1e-7)
    V = one.covariance / 2
    assert_allclose(double.covariance, V, rtol=1e-5, atol=1e-7 * abs(V).max())
    assert_allclose(double.delta, np.tile(one.delta, 2), atol=1e-10)


def test_a_search_ends_at_the_same_estimates_with_all_markets_twice():
    tables, truth = simulate(T=12, J=(3, 8), I=20, seed=2), Truth()
    start = truth.sigma_matrix / 2, truth.pi_matrix / 2
    one, double = (Problem(*both, **FORMULAS).estimate(*start, steps=2)
                   for both in (tables, map(twice, tables)))
    assert one.converged and double.converged
    same(double, one, "theta2 beta", rtol=1e-4)
    assert_allclose(double.objective, 2 * one.objective, rtol=1e-6)
    assert_allclose(np.r_[double.beta_se, double.sigma_se[1, 1]] * np.sqrt(2),
                    np.r_[one.beta_se, one.sigma_se[1, 1]], rtol=1e-3)


@both_sides
@few
@given(design=designs)
def test_split_agents_and_agents_without_weight_change_nothing(supply, design):
    products, agents, rng = make_tables(design)
    part = rng.uniform(0, 1, len(agents))
    weights = [agents["weights"] * part, agents["weights"] * (1 - part), 0 * part]
    more = pd.concat([agents.assign(weights=w) for w in weights], ignore_index=True)
    same(evaluate(products, more, supply), evaluate(products, agents, supply),
         "objective gradient delta xi beta beta_se gamma own_elasticities costs consumer_surplus")


@both_sides
@few
@given(design=designs)
def test_gradient_by_finite_differences(supply, design):
    products, agents, _ = make_tables(design)
    problem = Problem(products, agents, **MODEL, **supply)

    def at(theta2):
        sigma, pi = np.zeros((3, 3)), np.zeros((3, 1))
        sigma[[0, 2], 0], pi[1, 0] = theta2[:2], theta2[2]
        return problem.evaluate(sigma, pi, beta={"prices": theta2[3]} if supply else None)
    theta2 = np.array([0.5, 0.3, 0.2, -2.2] if supply else [0.5, 0.3, 0.2])
    found, numerical = at(theta2).gradient, differences(lambda here: at(here).objective, theta2)
    assert_allclose(found, numerical, rtol=1e-4, atol=1e-5 * abs(found).max() + 1e-7)
