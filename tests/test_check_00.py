"""Lesson 00's checks name the mistakes that students make; wrong answers are computed here by other ways than in the checks."""

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.course import checks

products = blpteach.load_cereal()[0]
Z_NAMES = [f"demand_instruments{k}" for k in range(20)]


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture(scope="module")
def columns():
    """delta, price and instruments, and the same net of product averages, by pandas."""
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    raw = products[["prices", *Z_NAMES]].assign(delta=np.log(products["shares"] / outside), logs=np.log(products["shares"]))
    return raw, raw - raw.groupby(products["product_ids"]).transform("mean")


def slope(y, x):
    return float(np.linalg.lstsq(np.asarray(x, float).reshape(len(y), -1), np.asarray(y), rcond=None)[0][-1])


def dummies():
    return pd.get_dummies(products["product_ids"]).to_numpy(float)


def says(number, answer, text):
    reply = blpteach.check(number, answer)
    assert not reply and text in str(reply), str(reply)


def test_0_1_elastic_means_far_from_zero():
    one = products.query("market_ids == 'C01Q1'").set_index("product_ids")
    assert blpteach.check("0.1", one["prices"].idxmax()) and blpteach.check("0.1", "f4b02 ")
    says("0.1", one["prices"].idxmin(), "*least* elastic")
    says("0.1", one["shares"].idxmax(), "largest share")
    says("0.1", np.str_(one["shares"].idxmin()), "smallest share")
    says("0.1", -5.2, "Not yet")
    says("0.1", int(np.argmax(one["prices"].to_numpy())), "`ids[place]`")
    says("0.1", one["sugar"].idxmax(), "the sweetest")
    own = -30.098 * products["prices"] * (1 - products["shares"])
    says("0.1", products["product_ids"][own.idxmin()], "of all markets")


def test_0_2_two_stages_with_dummies_are_right(columns):
    raw, _ = columns
    first = np.column_stack([dummies(), raw[Z_NAMES]])
    fitted = first @ np.linalg.lstsq(first, raw["prices"], rcond=None)[0]
    right = slope(raw["delta"], np.column_stack([dummies(), fitted]))
    assert blpteach.check("0.2", right) and blpteach.check("0.2", pd.Series([right], ["prices"])) and blpteach.check("0.2", -30.098)


def test_0_2_names_what_was_left_out(columns):
    raw, net = columns
    says("0.2", slope(raw["delta"], np.column_stack([dummies(), raw["prices"]])), "Product effects, but price not instrumented")
    says("0.2", -28.950, "price not instrumented")
    says("0.2", slope(raw["delta"], np.column_stack([np.ones(2256), products["mushy"], raw["prices"]])), "Neither product effects nor instruments")
    says("0.2", -7.480, "Neither product effects nor instruments")
    exogenous = np.column_stack([np.ones(2256), products["mushy"]])
    first = np.column_stack([exogenous, raw[Z_NAMES]])
    fitted = first @ np.linalg.lstsq(first, raw["prices"], rcond=None)[0]
    says("0.2", slope(raw["delta"], np.column_stack([exogenous, fitted])), "Instruments, but no product effects")
    first = np.column_stack([np.ones(2256), raw[Z_NAMES]])
    fitted = first @ np.linalg.lstsq(first, raw["prices"], rcond=None)[0]
    says("0.2", slope(raw["delta"], np.column_stack([np.ones(2256), fitted])), "Instruments and a constant, but no product effects")
    first = raw[Z_NAMES].to_numpy()
    fitted = first @ np.linalg.lstsq(first, raw["prices"], rcond=None)[0]
    says("0.2", slope(raw["delta"], fitted), "without a constant. Use `y`")         # and not: "the outside good is missing"


def test_0_2_names_what_went_wrong_between_the_stages(columns):
    raw, net = columns
    Z, x = net[Z_NAMES].to_numpy(), net["prices"].to_numpy()
    fitted = Z @ np.linalg.lstsq(Z, x, rcond=None)[0]
    says("0.2", slope(net["logs"], fitted), "The outside good is missing")
    says("0.2", slope(net["delta"], x - fitted), "*residual* of the first")
    says("0.2", net["delta"] @ fitted / (x @ x), "the denominator the observed one")
    Zx = Z.T @ x
    says("0.2", Zx @ Z.T @ net["delta"] / (Zx @ Zx), "identity matrix")
    says("0.2", blpteach.Problem(products, linear="0 + prices", absorb="product_ids").estimate(steps=2).beta, "two-step GMM")
    says("0.2", 30.098, "the sign is wrong")
    says("0.2", slope(raw["delta"], np.column_stack([np.ones(2256), raw["prices"]])), "a constant and the price")
    says("0.2", net["delta"] @ Z[:, 0] / (x @ Z[:, 0]), "Only the first instrument")
    says("0.2", slope(x, net["delta"]), "regression of the price on `y`")
    says("0.2", blpteach.Problem(products, linear="0 + prices", absorb="product_ids").estimate().beta_se, "standard error")
    says("0.2", net["delta"] * fitted, "expected one number")


def test_0_3_degrees_of_freedom_and_sums_of_squares(columns):
    raw, net = columns
    price, total = net["prices"], net["prices"] @ net["prices"]
    explained = total - np.linalg.lstsq(net[Z_NAMES].to_numpy(), price, rcond=None)[1][0]
    right = (explained / 20) / ((total - explained) / 2212)
    assert blpteach.check("0.3", right) and blpteach.check("0.3", 3364)
    says("0.3", right * 2236 / 2212, "product averages")
    says("0.3", right * 2256 / 2212, "divided by N")
    says("0.3", right * 2232 / 2212, "`N - J`")
    says("0.3", right * 2235 / 2212, "`N - M - 1`")
    says("0.3", right * 20 / 19, "Divided by 19")
    whole = net["delta"] @ net["delta"]
    rest_y = np.linalg.lstsq(net[Z_NAMES].to_numpy(), net["delta"], rcond=None)[1][0]
    says("0.3", ((whole - rest_y) / 20) / (rest_y / 2212), "reduced form")
    says("0.3", 20 * right, "not divided by the number of instruments")
    says("0.3", explained / total, "R squared")
    says("0.3", explained / (total - explained), "ratio of explained to unexplained")
    says("0.3", (total / 20) / ((total - explained) / 2212), "the price itself")
    centred, first = raw["prices"] - raw["prices"].mean(), np.column_stack([np.ones(2256), raw[Z_NAMES]])
    rest = np.linalg.lstsq(first, centred, rcond=None)[1][0]
    says("0.3", ((centred @ centred - rest) / 20) / (rest / 2235), "A constant, but no product effects")


def test_0_4_the_denominator_is_the_exercise():
    def right(s, b, dp):
        odds = s / (1 - s.sum()) * np.exp(b * dp)
        return odds / (1 + odds.sum())
    assert blpteach.check("0.4", right) and blpteach.check("0.4", lambda s, b, dp: list(right(s, b, dp)))
    says("0.4", lambda s, b, dp: s * np.exp(b * dp) / (s * np.exp(b * dp)).sum(), "outside good is left out")
    says("0.4", lambda s, b, dp: s * np.exp(b * dp) / (1 + (s * np.exp(b * dp)).sum()), "counts as 1")
    says("0.4", lambda s, b, dp: s * (1 + b * (dp - (s * dp).sum())), "straight line")
    says("0.4", lambda s, b, dp: s * np.exp(b * dp), "denominator is missing")
    says("0.4", lambda s, b, dp: right(s, b, -dp), "wrong direction")
    says("0.4", lambda s, b, dp: s + b * s * (1 - s) * dp, "its own price alone")
    says("0.4", lambda s, b, dp: s * (1 + b * dp) / (1 - s.sum() + (s * (1 + b * dp)).sum()), "not by `1 +")
    says("0.4", lambda s, b, dp: s / (1 - s.sum()) * np.exp(b * dp), "new odds")
    says("0.4", lambda s, b, dp: s * np.exp(b * dp) / (s.sum() + (s * np.exp(b * dp)).sum()), "old inside share")
    says("0.4", lambda s, b, dp: right(s, 1, dp), "coefficient is missing")
    says("0.4", lambda s, b, dp: right(s, b, dp) - s, "changes of the shares")
    says("0.4", lambda s, b, dp: 1 / (1 + (1 - s.sum()) / s * np.exp(-b * dp)), "as if the others were not there")
    says("0.4", lambda s, b, dp: np.exp(s + b * dp) / (1 + np.exp(s + b * dp).sum()), "`exp(shares)` stands")
    reply = str(blpteach.check("0.4", lambda s, b, dp: s))
    assert reply.startswith("✗") and "change = np.array(" in reply


def test_0_5_who_leaves_and_where_they_can_go():
    assert blpteach.check("0.5", lambda s, size: (size - s.sum()) / (size - s))
    says("0.5", lambda s, size: (1 - s.sum()) / (1 - s), "market size is not used")
    says("0.5", lambda s, size: 0 * s + (size - s.sum()) / size, "outside good's share")
    says("0.5", lambda s, size: (size - s.sum()) / size, "outside good's share, one number")
    says("0.5", lambda s, size: (1 - s.sum()) / (size - s), "as if it shrank too")
    says("0.5", lambda s, size: 1 - (size - s.sum()) / (size - s), "goes to the other inside goods")
    says("0.5", lambda s, size: (size - s.sum()) / size / (1 - s), "in the denominator")
    says("0.5", lambda s, size: (size - s.sum()) / s, "divided by the product's share")
    says("0.5", lambda s, size: s / (size - s), "own share stands above")
    says("0.5", lambda s, size: s / s.sum(), "share of all inside goods")
    says("0.5", lambda s, size: (size - s.sum()) / size * s / size, "`s_0 s_j`")


def test_0_6_whose_shares_count():
    def right(b, s, firms):
        return np.array([-1 / (b * (1 - s[firms == f].sum())) for f in firms])
    assert blpteach.check("0.6", right) and blpteach.check("0.6", lambda b, s, f: pd.Series(right(b, s, f)))
    says("0.6", lambda b, s, f: -1 / (b * (1 - s)), "as if it were alone")
    says("0.6", lambda b, s, f: np.full(len(s), -1 / (b * (1 - s.sum()))), "as if one firm owned them")
    says("0.6", lambda b, s, f: -1 / (b * np.array([s[f == g].sum() for g in f])), "one minus it")
    says("0.6", lambda b, s, f: -1 / (b * (1 - np.array([s[f == g].mean() for g in f]))), "mean share")
    says("0.6", lambda b, s, f: -1 / (b * (1 - np.array([s[f != g].sum() for g in f]))), "rivals' shares")
    says("0.6", lambda b, s, f: -1 / b, "it is one number")
    says("0.6", lambda b, s, f: -1 / (b * (1 + np.array([s[f == g].sum() for g in f]))), "One *plus*")
    says("0.6", lambda b, s, f: -1 / (b * (1 + s - np.array([s[f == g].sum() for g in f]))), "Only the firm's other products")
    says("0.6", lambda b, s, f: np.array([(f == g).sum() for g in f]) / (-b * (1 - s)), "times the number")
    says("0.6", lambda b, s, f: -1 / (b * (1 - s.sum() - np.array([s[f == g].sum() for g in f]))), "Outside share less")
    says("0.6", lambda b, s, f: -right(b, s, f), "sign is wrong")
    says("0.6", lambda b, s, f: 1 / (b**2 * right(b, s, f)), "upside down")
    says("0.6", lambda b, s, f: -1 / (b * (1 - pd.Series(s).groupby(f).sum())), "one for each firm")
