"""Lesson 02's checks: right answers in several forms, and wrong ones, restated here, get the diagnosis that fits."""

import numpy as np
import pytest

import blpteach
from blpteach.course import checks
from blpteach.examples import cereal


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture(scope="module")
def stack():
    """Shares, mu, weights of the cereals at the customary starting values."""
    problem, start = cereal()
    block = problem.blocks[0]
    mu = np.einsum("tjk,kd,tid->tji", block.X2, np.hstack([start["sigma"], start["pi"]]), block.tastes)
    return block.shares, mu, block.weights


def says(number, answer):
    reply = blpteach.check(number, answer)
    assert not reply
    return str(reply)


def softmax(delta, mu):
    """Choice probabilities with the outside good's one in the sum."""
    expV = np.exp(delta[:, None] + mu)
    return expV / (1 + expV.sum(0))


def slopes(P, B):
    """d log s_j / d delta_k, element by element."""
    J = len(P)
    return np.array([[(j == k) - sum(B[j, i] * P[k, i] for i in range(P.shape[1])) for k in range(J)] for j in range(J)])


# 2.1 iterations from a rate

def test_iterations_right():
    def by_counting(rate, error):
        n, change = 0, 1.0
        while change * rate / (1 - rate) > error:
            n, change = n + 1, change * rate
        return n - np.log(error * (1 - rate) / rate / change) / np.log(1 / rate)
    assert blpteach.check("2.1", by_counting)
    assert blpteach.check("2.1", lambda rate, error: (np.log10(error) + np.log10(1 - rate)) / np.log10(rate) - 1)


@pytest.mark.parametrize("answer, fragment", [
    (lambda rate, error: np.log10(error) / np.log10(rate), "You stop when the *change* is as small"),
    (lambda rate, error: np.log(error * rate / (1 - rate)) / np.log(rate), "the wrong way round"),
    (lambda rate, error: 1 + np.log(error * (1 - rate) / rate) / np.log(rate), "one iteration too many"),
    (lambda rate, error: np.log(error * (1 - rate) / rate) / np.log10(rate), "One of the two logarithms has base e"),
    (lambda rate, error: np.log10(error * (1 - rate) / rate) / np.log(rate), "One of the two logarithms has base 10"),
    (lambda rate, error: np.log(error * (1 - rate) / rate) / np.log(1 - rate), "not by `log(1 - rate)`"),
    (lambda rate, error: -np.log(error * (1 - rate) / rate) / np.log(rate), "the sign is wrong"),
    (lambda error: error, "will be called with (rate, error)")])
def test_iterations_wrong(answer, fragment):
    assert fragment in says("2.1", answer)


# 2.2 one step of the corrected map

def right_step(delta, shares, mu, weights):
    s = (softmax(delta, mu) * weights).sum(1)
    return np.array([delta[j] + np.log(shares[j] / s[j]) - np.log((sum(weights) - sum(shares)) / (sum(weights) - sum(s))) for j in range(len(delta))])


def test_corrected_step_right():
    assert blpteach.check("2.2", right_step)
    assert blpteach.check("2.2", lambda d, S, mu, w: blpteach.exp_contraction(S, mu, w)(d))
    assert blpteach.check("2.2", lambda d, S, mu, w: blpteach.log_contraction(S, mu, w, corrected=True)(d))


def plain_step(delta, shares, mu, weights):
    return delta + np.log(shares) - np.log(softmax(delta, mu) @ weights)


@pytest.mark.parametrize("answer, fragment", [
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((1 - S.sum()) / (1 - (softmax(d, mu) @ w).sum())), "Compare the types' parts alone"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((1 - S.sum()) / (w @ (1 - softmax(d, mu).sum(0)))), "You compare unlike things"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((w.sum() - S.sum()) / (1 - (softmax(d, mu) @ w).sum())), "In the model, too"),
    (lambda d, S, mu, w: right_step(d, S, mu, w) + np.log(w.sum()), "Divide both or neither"),
    (lambda d, S, mu, w: right_step(d, S, mu, w) - d, "add the old one"),
    (lambda d, S, mu, w: blpteach.log_contraction(S, mu, w)(d), "the outside good's gap is missing"),
    (lambda d, S, mu, w: d - (right_step(d, S, mu, w) - d), "where the model sells too little"),
    (lambda d, S, mu, w: 2 * plain_step(d, S, mu, w) - right_step(d, S, mu, w), "The outside good's gap has the wrong sign"),
    (lambda d, S, mu, w: d + S - softmax(d, mu) @ w - (w.sum() - S.sum()) + (w.sum() - (softmax(d, mu) @ w).sum()), "differences of their logarithms"),
    (lambda d, S, mu, w: right_step(d, 100 * S, mu, w), "3 of 3 numbers are not finite"),
    (lambda d, S, mu, w: right_step(d, S, mu, w)[:, None] + 0 * w, "has shape (3, 4); expected (3,)")])
def test_corrected_step_wrong(answer, fragment):
    assert fragment in says("2.2", answer)


# 2.3 some never buy

def test_abstainers_right():
    assert blpteach.check("2.3", lambda s0, never: 1 - (s0 - never) / (1 - never))

    def by_eigenvalues(s0, never):
        buy = np.array([0.3, 0.7]) * (1 - s0) / (1 - never)
        return np.linalg.eigvals(np.array([buy, buy])).real.max()
    assert blpteach.check("2.3", by_eigenvalues)


@pytest.mark.parametrize("answer, fragment", [
    (lambda s0, never: 1 - s0, "a logit with the same outside share"), (lambda s0, never: 1 - s0 + never, "not out of the number of consumers"),
    (lambda s0, never: (1 - s0) * (1 - never), "don't multiply"), (lambda s0, never: (1 - s0)**2 / (1 - never), "not over all consumers"),
    (lambda s0, never: (1 - s0) / (1 - never) - never / (1 - never), "subtract those who never buy twice"),
    (lambda s0, never: 1 - (s0 + never), "comes from `1 - never` of them"), (lambda s0, never: 1 - never, "the fraction of consumers who may buy"),
    (lambda s0, never: (s0 - never) / (1 - never), "one minus the right answer")])
def test_abstainers_wrong(answer, fragment):
    assert fragment in says("2.3", answer)


# 2.4 a market twice as large

def rate_by_power(P, w):
    """Spectral radius by repeated multiplication, market by market."""
    A = (P * w[:, None, :]) / (P * w[:, None, :]).sum(-1, keepdims=True) @ P.swapaxes(1, 2)
    x = np.ones(P.shape[:2])
    for _ in range(300):
        y = np.einsum("tjk,tk->tj", A, x)
        x = y / y.max(1, keepdims=True)
    return y.max(1)


def probabilities(delta, mu):
    expV = np.exp(delta[..., None] + mu)
    return expV / (1 + expV.sum(1, keepdims=True))


def test_larger_market_right(stack):
    shares, mu, w = stack
    delta = blpteach.invert_shares(shares / 2, mu, w, method="newton").delta
    answer = rate_by_power(probabilities(delta, mu), w).mean()
    assert np.isclose(answer, 0.507, atol=2e-3) and blpteach.check("2.4", answer) and blpteach.check("2.4", round(answer, 4))


def test_larger_market_wrong(stack):
    shares, mu, w = stack
    old = blpteach.invert_shares(shares, mu, w).delta
    assert "the mean rate at the observed shares" in says("2.4", rate_by_power(probabilities(old, mu), w).mean())
    assert "no common shift gives" in says("2.4", rate_by_power(probabilities(old + np.log(0.5), mu), w).mean())
    assert "only a lower bound" in says("2.4", (shares / 2).sum(1).mean())
    half = blpteach.invert_shares(shares / 2, mu, w).delta
    assert "the rate of the corrected map" in says("2.4", blpteach.contraction_rate(probabilities(half, mu), w, True).mean())
    assert "half the old rate" in says("2.4", rate_by_power(probabilities(old, mu) / 2, w).mean())
    assert "the rate of the first market" in says("2.4", rate_by_power(probabilities(half, mu), w)[0])
    assert "the median over the markets" in says("2.4", np.median(rate_by_power(probabilities(half, mu), w)))
    assert "expected one number. Its mean is the right one" in says("2.4", rate_by_power(probabilities(half, mu), w))


# 2.5 the taste for the constant

def by_matrices(P, B, v):
    direct = np.array([sum(B[j, i] * v[i] * (1 - P[:, i].sum()) for i in range(len(v))) for j in range(len(P))])
    return slopes(P, B), direct


def test_constant_slope_right():
    assert blpteach.check("2.5", lambda P, B, v: -np.linalg.inv(by_matrices(P, B, v)[0]) @ by_matrices(P, B, v)[1])
    assert blpteach.check("2.5", lambda P, B, v: blpteach.delta_jacobian(P, B, np.ones((len(P), 1)), v[:, None], [0], [0])[:, 0])


@pytest.mark.parametrize("answer, fragment", [
    (lambda M, b: b, "what happens while delta stays"), (lambda M, b: np.linalg.solve(M, b), "The minus sign of (2.7)"),
    (lambda M, b: -b, "You left the inverse out"), (lambda M, b: -np.linalg.solve(M.T, b), "the transposed Jacobian"),
    (lambda M, b: -np.linalg.solve(M, b)[:, None], "remove or add the axis"), (lambda M, b: np.linalg.solve(M, b).sum(), "expected shape (3,)")])
def test_constant_slope_wrong(answer, fragment):
    assert fragment in says("2.5", lambda P, B, v: answer(*by_matrices(P, B, v)))


@pytest.mark.parametrize("direct, fragment", [
    (lambda P, B, v: B @ v, "raises the rivals too"), (lambda P, B, v: B @ (v * P.sum(0)), "which is `s_i0` itself"),
    (lambda P, B, v: B @ v - (B @ v) * (B @ P.sum(0)), "The mean of the product"), (lambda P, B, v: 1 - B @ P.sum(0), "The tastes `v_i` are missing")])
def test_constant_slope_other_expectations(direct, fragment):
    assert fragment in says("2.5", lambda P, B, v: -np.linalg.solve(slopes(P, B), direct(P, B, v)))


# 2.6 sampling error

def test_share_error_right():
    def by_series(P, B):
        A, term, total = B @ P.T, np.eye(len(P)), np.eye(len(P))
        for _ in range(5000):
            term = term @ A
            total = total + term
        return total
    assert blpteach.check("2.6", by_series)
    assert blpteach.check("2.6", lambda P, B: np.linalg.solve(slopes(P, B), np.eye(len(P))))


@pytest.mark.parametrize("answer, fragment", [
    (lambda M: M, "the derivative in the other direction"), (lambda M: 1 / M, "the inverse *matrix*"), (lambda M: -np.linalg.inv(M), "A minus too many"),
    (lambda M: 2 * np.eye(len(M)) - M, "the first two terms"), (lambda M: np.diag(1 / np.diag(M)), "inverted the diagonal alone"),
    (lambda M: np.linalg.inv(np.eye(len(M)) - M), "You inverted A."), (lambda M: np.linalg.inv(2 * np.eye(len(M)) - M), "You inverted `I + A`"),
    (lambda M: np.linalg.inv(M.T), "rows and columns are exchanged"), (lambda M: np.diag(np.linalg.inv(M)), "has shape (3,); expected (3, 3)")])
def test_share_error_wrong(answer, fragment):
    assert fragment in says("2.6", lambda P, B: answer(slopes(P, B)))
