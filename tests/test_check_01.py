"""Checks of lesson 01: typical wrong answers, computed apart from the course's own, and what they are told."""
import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.course import checks

NAMES = ["Stars", "Loops", "Pops", "Bran", "Wheat", "Oats"]
SHARES = np.array([0.10, 0.08, 0.05, 0.08, 0.06, 0.03])
SUGAR = np.array([1.2, 1.2, 0.9, 0.5, 0.1, 0.3])
DELTA_LOGIT = np.log(SHARES / 0.6)


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()


def plain_probabilities(delta, mu):
    V = np.exp(delta[:, None] + mu)
    return V / (1 + V.sum(0))


@pytest.fixture(scope="module")
def economy():
    """The market of the lesson, by plain exponentials and a damped logarithmic contraction: nodes, weights, mu, delta, P."""
    nodes = blpteach.halton(500, seed=0).draws(500, 2)
    mu, delta = nodes[:, 0] + 2 * np.outer(SUGAR, nodes[:, 1]), DELTA_LOGIT.copy()
    for _ in range(3000):
        delta += np.log(SHARES / plain_probabilities(delta, mu).mean(1))
    return nodes, np.full(500, 1 / 500), mu, delta, plain_probabilities(delta, mu)


def told(number, answer):
    reply = blpteach.check(number, answer)
    assert not reply
    return str(reply)


def right(number, *answers):
    assert all(blpteach.check(number, answer) for answer in answers)


def test_tastes_of_buyers(economy):
    nodes, weights, _, _, P = economy
    fan = nodes[:, 1] > 0
    answer = (P * fan).sum(1) / P.sum(1)
    right("1.1", answer, pd.Series(answer, NAMES)[::-1].reindex(NAMES), list(answer))
    assert "mean taste of the buyers" in told("1.1", (P * nodes[:, 1]).sum(1) / P.sum(1))
    assert "column 0" in told("1.1", (P * (nodes[:, 0] > 0)).sum(1) / P.sum(1))
    assert "other way round" in told("1.1", P[:, fan].mean(1))
    assert "like sugar and buy" in told("1.1", (P * fan).mean(1))
    assert "percent" in told("1.1", 100 * answer)
    assert "complement" in told("1.1", 1 - answer)
    assert "product's own buyers" in told("1.1", [(P[j] * (nodes[:, 1] > (P[j] @ nodes[:, 1]) / P[j].sum())).sum() / P[j].sum() for j in range(6)])
    assert "added up probabilities" in told("1.1", P[:, fan].sum(1))
    assert "*average* buyer" in told("1.1", P @ nodes[:, 1] > 0)


def test_shares_by_gauss_hermite(economy):
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()

    def shares(sigma, weights=weights, nodes=nodes, delta=DELTA_LOGIT):
        return plain_probabilities(delta, sigma * np.outer(SUGAR, nodes)) @ weights
    right("1.2", 100 * shares(2), pd.Series(100 * shares(2), NAMES))
    draws = economy[0][:, 1]
    right("1.2", 100 * shares(2, np.full(500, 1 / 500), draws))                  # another good rule is right too
    assert "equal weights" in told("1.2", 100 * shares(2, np.full(20, 1 / 20)))
    assert "average type" in told("1.2", 100 * np.exp(DELTA_LOGIT) / (1 + np.exp(DELTA_LOGIT).sum()))
    assert "2 for the variance" in told("1.2", 100 * shares(np.sqrt(2)))
    assert "standard deviation is missing" in told("1.2", 100 * shares(1))
    assert "at the logit's, `delta_logit`" in told("1.2", 100 * shares(2, delta=economy[3]))
    assert "constant is random as well" in told("1.2", 100 * plain_probabilities(DELTA_LOGIT, economy[2]).mean(1))
    assert "fraction for percent" in told("1.2", shares(2))
    assert "Sugar is in grams" in told("1.2", 100 * plain_probabilities(DELTA_LOGIT, 2 * np.outer(10 * SUGAR, nodes)) @ weights)
    assert "three types" in told("1.2", 100 * shares(2, np.full(3, 1 / 3), np.array([-1, 0, 1])))
    assert "those who buy a cereal" in told("1.2", 100 * shares(2) / shares(2).sum())
    V = np.exp(DELTA_LOGIT[:, None] + 2 * np.outer(SUGAR, nodes))
    assert "begins with a one" in told("1.2", 100 * (V / V.sum(0)) @ weights)
    assert "same for all products" in told("1.2", 100 * plain_probabilities(DELTA_LOGIT, 2 * np.tile(nodes, (6, 1))) @ weights)
    assert "root of two" in told("1.2", 100 * shares(2, nodes=np.sqrt(2) * nodes))
    assert "outside good" in told("1.2", np.append(100 * shares(2), 100 - 100 * shares(2).sum()))


def test_buyers_of_one_of_several():
    def by_products(P, weights, chosen):
        shares = P @ weights
        B = np.array([weights * row / share for row, share in zip(P, shares)])
        return sum(share * row for share, row, yes in zip(shares, B, chosen) if yes) / shares[chosen].sum()

    def as_series(P, weights, chosen):
        return pd.Series(by_products(P, weights, chosen))
    right("1.3", by_products, as_series)
    assert "weights are forgotten" in told("1.3", lambda P, weights, chosen: P[chosen].sum(0) / P[chosen].sum())
    assert "each product counts the same" in told("1.3", lambda P, weights, chosen: blpteach.buyers(P, weights)[chosen].mean(0))
    assert "sums to the number of products" in told("1.3", lambda P, weights, chosen: blpteach.buyers(P, weights)[chosen].sum(0))
    assert "sums to one" in told("1.3", lambda P, weights, chosen: weights * P[chosen].sum(0))
    assert "*not* chosen" in told("1.3", lambda P, weights, chosen: weights * P[~chosen].sum(0) / (weights @ P[~chosen].sum(0)))
    assert "bought all" in told("1.3", lambda P, weights, chosen: weights * P[chosen].prod(0) / (weights @ P[chosen].prod(0)))
    assert "among all consumers" in told("1.3", lambda P, weights, chosen: weights)
    assert "demand for all products" in told("1.3", lambda P, weights, chosen: weights * P[chosen].sum(0) / (P @ weights).sum())
    assert "largest of the probabilities" in told("1.3", lambda P, weights, chosen: weights * P[chosen].max(0) / (weights @ P[chosen].max(0)))
    assert "probability with which" in told("1.3", lambda P, weights, chosen: P[chosen].sum(0))
    reply = told("1.3", lambda P, weights, chosen: blpteach.buyers(P, weights)[chosen])
    assert "expected (4,)" in reply and "chosen = np.array(" in reply


def test_second_choices(economy):
    _, _, mu, delta, P = economy
    before, after = P.mean(1), plain_probabilities(delta[1:], mu[1:]).mean(1)
    answer = (after - before[1:]) / before[0]
    right("1.4", answer, pd.Series(answer, NAMES[1:]).sort_values()[NAMES[1:]])
    assert "logit's answer" in told("1.4", SHARES[1:] / 0.9)
    step = np.eye(6)[0] * 1e-6
    change = plain_probabilities(delta - step, mu).mean(1) - plain_probabilities(delta + step, mu).mean(1)
    assert "tiny change" in told("1.4", change[1:] / -change[0])
    assert "two expectations apart" in told("1.4", (P[1:] * P[0]).sum(1) / (P[0] * (1 - P[0])).sum())
    assert "buy nothing" in told("1.4", answer / answer.sum())
    assert "other way" in told("1.4", (P[1:] * P[0]).sum(1) / P[1:].sum(1))
    assert "inside the expectation" in told("1.4", (P[1:] * P[0]).sum(1) / P[0].sum())
    assert "all consumers" in told("1.4", (P[1:] / (1 - P[0])).mean(1))
    assert "own share" in told("1.4", after / before[1:] - 1)
    assert "points of share" in told("1.4", after - before[1:])
    assert "shares after the removal, which" in told("1.4", after)
    assert "among those who buy a cereal" in told("1.4", after / after.sum())
    logit_before, logit_after = plain_probabilities(DELTA_LOGIT, mu).mean(1), plain_probabilities(DELTA_LOGIT[1:], mu[1:]).mean(1)
    assert "at the logit's mean utilities" in told("1.4", (logit_after - logit_before[1:]) / logit_before[0])
    assert "different mean utilities" in told("1.4", (logit_after - before[1:]) / before[0])
    assert "mean utility of zero" in told("1.4", (plain_probabilities(np.append(0, delta[1:]), mu).mean(1)[1:] - before[1:]) / before[0])
    second = plain_probabilities(np.append(0, delta[1:]), np.vstack([0 * mu[0], mu[1:]])).mean(1)
    assert "second outside good" in told("1.4", (second[1:] - before[1:]) / before[0])
    assert "all six cereals" in told("1.4", (after - before[1:]) / before.sum())
    assert "One too many" in told("1.4", np.append(answer, 1 - answer.sum()))


def test_diversion_with_a_constant_and_a_dummy():
    answer = [0.5 * 0.08 / 0.13, 0.5 * 0.05 / 0.13, 0.2 * 8 / 17, 0.2 * 6 / 17, 0.2 * 3 / 17]
    right("1.5", answer, np.array(answer), pd.Series(answer, NAMES[1:]))
    assert "constant alone is random" in told("1.5", 0.7 * SHARES[1:] / 0.3)
    assert "ignores the survey" in told("1.5", SHARES[1:] / 0.9)
    assert "split equally" in told("1.5", [0.25, 0.25, 1 / 15, 1 / 15, 1 / 15])
    assert "counted Stars" in told("1.5", [0.5 * 0.08 / 0.23, 0.5 * 0.05 / 0.23, *answer[2:]])
    assert "shares as they stand" in told("1.5", [*0.5 * SHARES[1:3], *0.2 * SHARES[3:]])
    assert "sum to one" in told("1.5", np.array(answer) / 0.7)
    assert "exchanged" in told("1.5", [0.2 * 8 / 13, 0.2 * 5 / 13, 0.5 * 8 / 17, 0.5 * 6 / 17, 0.5 * 3 / 17])
    assert "gave the 30 %" in told("1.5", [*answer[:2], 0.3 * 8 / 17, 0.3 * 6 / 17, 0.3 * 3 / 17])
    assert "all five rivals" in told("1.5", np.append(0.5 * SHARES[1:3], 0.2 * SHARES[3:]) / 0.30)
    assert "get the same" in told("1.5", [0.14] * 5)
    assert "whole of its group" in told("1.5", [0.5, 0.5, 0.2, 0.2, 0.2])


def test_the_survey_holds_for_any_strengths_of_the_two_tastes():
    """The formula of 1.5, against numerical derivatives of shares in a market with both random coefficients."""
    nodes = blpteach.halton(200, seed=1).draws(200, 2)
    mu = 2.5 * nodes[:, 0] + 1.5 * np.outer([1, 1, 1, 0, 0, 0], nodes[:, 1])
    delta, step = DELTA_LOGIT, np.eye(6)[0] * 1e-6
    shares = plain_probabilities(delta, mu).mean(1)
    change = plain_probabilities(delta + step, mu).mean(1) - plain_probabilities(delta - step, mu).mean(1)
    ratio = change / shares
    assert np.isclose(ratio[1], ratio[2]) and np.allclose(ratio[3:], ratio[3]) and not np.isclose(ratio[1], ratio[3])


def test_slope_of_log_shares():
    def by_loops(P, B, X2, tastes, k, l):
        J, I = P.shape
        return np.array([sum(B[j, i] * tastes[i, l] * (X2[j, k] - sum(P[m, i] * X2[m, k] for m in range(J))) for i in range(I)) for j in range(J)])

    right("1.6", by_loops, lambda P, B, X2, tastes, k, l: B @ tastes[:, l] * X2[:, k] - (B * (X2[:, k] @ P)) @ tastes[:, l])
    assert "sum over m is missing" in told("1.6", lambda P, B, X2, tastes, k, l: X2[:, k] * (B * tastes[:, l]).sum(1))
    assert "outside good counts" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(P / P.sum(0), B, X2, tastes, k, l))
    assert "exchanged" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(P, B, X2, tastes, l, k))
    assert "apart" in told("1.6", lambda P, B, X2, tastes, k, l: (B @ tastes[:, l]) * (X2[:, k] - B @ P.T @ X2[:, k]))
    assert "equal weights" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(P, np.full(B.shape, 0.25), X2, tastes, k, l))
    assert "needs `B`" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(P, P, X2, tastes, k, l))
    assert "Only m = j" in told("1.6", lambda P, B, X2, tastes, k, l: (B * (1 - P) * tastes[:, l]).sum(1) * X2[:, k])
    assert "sign is wrong" in told("1.6", lambda P, B, X2, tastes, k, l: -by_loops(P, B, X2, tastes, k, l))
    assert "taste v is missing" in told("1.6", lambda P, B, X2, tastes, k, l: X2[:, k] - B @ (P.T @ X2[:, k]))
    assert "mean taste of the buyers" in told("1.6", lambda P, B, X2, tastes, k, l: B @ tastes[:, l])
    assert "In the sum over m you took `B`" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(B, B, X2, tastes, k, l))
    assert "is added" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(-P, B, X2, tastes, k, l))
    assert "without weights" in told("1.6", lambda P, B, X2, tastes, k, l: by_loops(P, np.ones(B.shape), X2, tastes, k, l))


@pytest.mark.parametrize("number", ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"])
def test_hints_come_in_three_steps_and_none_is_the_solution(number):
    hints = checks.find(number).hints
    assert len(hints) == 3 and not any("weights * P[chosen].sum(0)" in hint or "delta[1:]" in hint for hint in hints)


def test_the_slope_is_the_derivative_of_the_shares():
    """The formula of 1.6, against finite differences."""
    case = checks.find("1.6").inputs(np.random.default_rng(7))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    X2, tastes = case["X2"], case["tastes"]

    def log_shares(gamma):
        P = plain_probabilities(np.array([-0.5, 0.2, 0.1]), X2 @ np.array([[0.4, gamma], [0.0, -0.3]]) @ tastes.T)
        return P, np.log(P @ weights)
    P, _ = log_shares(0.7)
    numeric = (log_shares(0.7 + 1e-6)[1] - log_shares(0.7 - 1e-6)[1]) / 2e-6
    assert np.allclose(checks.find("1.6").right(P, P * weights / (P @ weights)[:, None], X2, tastes, 0, 1), numeric, atol=1e-8)
