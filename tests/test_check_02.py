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


def by_formula(rate, error):
    return (np.log10(error) + np.log10(1 - rate)) / np.log10(rate) - 1


@pytest.mark.parametrize("answer, fragment", [
    (lambda rate, error: np.log10(error) / np.log10(rate), "You stop when the *change* is as small"),
    (lambda rate, error: np.log(error * rate / (1 - rate)) / np.log(rate), "the wrong way round"),
    (lambda rate, error: 1 + np.log(error * (1 - rate) / rate) / np.log(rate), "one iteration too many"),
    (lambda rate, error: np.log(error * (1 - rate) / rate) / np.log10(rate), "One of the two logarithms has base e"),
    (lambda rate, error: np.log10(error * (1 - rate) / rate) / np.log(rate), "One of the two logarithms has base 10"),
    (lambda rate, error: np.log(error * (1 - rate) / rate) / np.log(1 - rate), "not by `log(1 - rate)`"),
    (lambda rate, error: -np.log(error * (1 - rate) / rate) / np.log(rate), "the sign is wrong"),
    (lambda rate, error: np.ceil(by_formula(rate, error)), "You rounded."), (lambda rate, error: round(by_formula(rate, error)), "nearest whole number"),
    (lambda rate, error: int(by_formula(rate, error)), "You rounded down"), (lambda rate, error: error / rate * (1 - rate), "the change that means this error"),
    (lambda rate, error: by_formula(rate, error) - 1, "one iteration too few"), (lambda rate, error: np.log(error / rate) / np.log(rate), "to be the change times `rate`"),
    (lambda rate, error: np.log(error * (1 - rate) / rate) / rate, "divide by its logarithm"), (lambda rate, error: np.log(error * (1 - rate) / rate**2), "not a difference"),
    (lambda rate, error: np.log(error) * (1 - rate) / (rate * np.log(rate)), "closes too early"), (lambda rate, error: error * (1 - rate) / rate**2, "You divide a change by `rate`"),
    (lambda rate, error: (1 - error / rate * (1 - rate)) / (1 - rate), "the same *factor*"),
    (lambda rate, error: rate * error / (1 - rate), "where the formula has the change"), (lambda rate, error: by_formula(rate, error) * np.log(rate)**2, "multiply the two logarithms"),
    (lambda rate, error: by_formula(rate, error) / np.log(2), "base 2"),
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
    (lambda d, S, mu, w: plain_step(d, S, mu, w / w.sum()) - np.log((1 - S.sum()) / (1 - (softmax(d, mu) @ w / w.sum()).sum())), "divided the weights by their sum"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log(w.sum() - S.sum()), "you subtract `log S_0`"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) + np.log(w @ (1 - softmax(d, mu).sum(0))), "you add the model's `log s_0`"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((w.sum() - S.sum()) / (1 - softmax(d, mu).sum(0)).mean()), "outside share is a plain mean"),
    (lambda d, S, mu, w: right_step(d, S, mu, w) + np.log((softmax(d, mu) @ w) / softmax(d, mu).mean(1)), "inside shares are plain means"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((1 - w.sum()) / (w @ (1 - softmax(d, mu).sum(0)))), "households that are no types"),
    (lambda d, S, mu, w: plain_step(d, S / S.sum(), mu, w / w.sum()), "leaves no outside good"),
    (lambda d, S, mu, w: blpteach.invert_shares(S, mu, w, method="newton").delta, "the fixed point itself"),
    (lambda d, S, mu, w: np.log(S / (sum(w) - sum(S))), "where iterations begin"), (lambda d, S, mu, w: np.log(S / (1 - sum(S))), "counts those who are no types"),
    (lambda d, S, mu, w: right_step(d, S, mu, w) + 2 * np.log((softmax(d, mu) @ w) / S), "The inside goods' gap has the wrong sign"),
    (lambda d, S, mu, w: d + (right_step(d, S, mu, w) - d) * np.log10(np.e), "logarithms with base 10"),
    (lambda d, S, mu, w: d + S / (softmax(d, mu) @ w) - (w.sum() - S.sum()) / (w @ (1 - softmax(d, mu).sum(0))), "You add ratios of shares"),
    (lambda d, S, mu, w: d * S / (softmax(d, mu) @ w), "You multiply delta by"),
    (lambda d, S, mu, w: plain_step(d, S, mu, w) - np.log((1 - S.sum() / w.sum()) / (1 - (softmax(d, mu) @ w).sum())), "one of all households"),
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
    (lambda s0, never: ((1 - s0) / (1 - never))**2, "You squared the right number"), (lambda s0, never: s0, "This is the outside share"),
    (lambda s0, never: never / s0, "comes from those who never buy"), (lambda s0, never: (s0 - never) / s0, "comes from those who may buy"),
    (lambda s0, never: (1 - s0) / never, "divide by those who never buy"), (lambda s0, never: (1 - s0) / (1 + never), "fewer than all consumers"),
    (lambda s0, never: 1 - s0 * never, "You multiply `s0` and `never`"), (lambda s0, never: 1 - s0 + s0 * never, "Scale the inside share"),
    (lambda s0, never: s0 - never, "who may buy and don't"), (lambda s0, never: 1 - (1 - never) * (s0 - never), "You multiply by `1 - never`"),
    (lambda s0, never: 1 - s0 / (1 - never), "Dividing `s0` by `1 - never` comes to the same"),
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
    half_rates = rate_by_power(probabilities(half, mu), w)
    assert "the largest rate" in says("2.4", half_rates.max()) and "the smallest rate" in says("2.4", half_rates.min())
    assert "the logit's delta of the halved" in says("2.4", rate_by_power(probabilities(np.log(shares / (2 - shares.sum(1, keepdims=True))), mu), w).mean())
    assert "the rate of the last market" in says("2.4", half_rates[-1])
    assert "You halved delta" in says("2.4", rate_by_power(probabilities(old / 2, mu), w).mean())
    inside = shares.sum(1, keepdims=True)
    assert "You halved the outside share" in says("2.4", rate_by_power(probabilities(blpteach.invert_shares(shares / inside * (1 + inside) / 2, mu, w).delta, mu), w).mean())
    assert "halved the shares twice" in says("2.4", rate_by_power(probabilities(blpteach.invert_shares(shares / 4, mu, w).delta, mu), w).mean())
    assert "at the observed shares. Halve the shares, invert" in says("2.4", inside.mean())
    buys = probabilities(half, mu).sum(1)
    assert "the floor under the rate" in says("2.4", ((w * buys**2).sum(1) / (w * buys).sum(1)).mean())
    B = probabilities(half, mu) * w[:, None, :]
    assert "the largest row sum" in says("2.4", (B / B.sum(-1, keepdims=True) * buys[:, None, :]).sum(-1).max(1).mean())
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
    (lambda M, b: -np.linalg.solve(np.eye(3) - M, b), "You solve with A"), (lambda M, b: -np.linalg.solve(2 * np.eye(3) - M, b), "You solve with `I + A`"),
    (lambda M, b: -M @ b, "You multiply with the Jacobian"), (lambda M, b: -b / np.diag(M), "You divide by the diagonal"),
    (lambda M, b: -np.linalg.solve(M, b)[:, None], "remove or add the axis"), (lambda M, b: np.linalg.solve(M, b).sum(), "expected shape (3,)")])
def test_constant_slope_wrong(answer, fragment):
    assert fragment in says("2.5", lambda P, B, v: answer(*by_matrices(P, B, v)))


@pytest.mark.parametrize("direct, fragment", [
    (lambda P, B, v: B @ v, "raises the rivals too"), (lambda P, B, v: B @ (v * P.sum(0)), "which is `s_i0` itself"),
    (lambda P, B, v: (B * v * (1 - P)).sum(1), "Only m = j"), (lambda P, B, v: P @ (v * (1 - P.sum(0))), "You average with `P`"),
    (lambda P, B, v: np.full(3, np.mean(v * (1 - P.sum(0)))), "over all types alike"), (lambda P, B, v: B @ (v * v * (1 - P.sum(0))), "You squared the tastes"),
    (lambda P, B, v: (B @ v) * (1 - P.sum(1)), "summed the probabilities over types"),
    (lambda P, B, v: np.full(3, sum(v * (1 - P.sum(0)))), "You sum over all types"), (lambda P, B, v: np.mean(v) * (B @ (1 - P.sum(0))), "multiplied by their mean after"),
    (lambda P, B, v: B @ v - (B @ v) * (B @ P.sum(0)), "The mean of the product"), (lambda P, B, v: 1 - B @ P.sum(0), "The tastes `v_i` are missing")])
def test_constant_slope_other_expectations(direct, fragment):
    assert fragment in says("2.5", lambda P, B, v: -np.linalg.solve(slopes(P, B), direct(P, B, v)))


# 2.6 sampling error

def market_shares(P, B):
    """s_j from w_i s_ij / s_j and s_ij, with weights that sum to one."""
    return np.array([1 / sum(B[j] / P[j]) for j in range(len(P))])


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
    (lambda M: np.eye(len(M)) - M, "This is A."), (lambda M: np.eye(len(M)), "This is the identity"),
    (lambda M: np.linalg.inv(M) @ np.linalg.inv(M).T, "This is a variance"),
    (lambda M: np.linalg.inv(M.T), "rows and columns are exchanged"), (lambda M: np.diag(np.linalg.inv(M)), "has shape (3,); expected (3, 3)")])
def test_share_error_wrong(answer, fragment):
    assert fragment in says("2.6", lambda P, B: answer(slopes(P, B)))


@pytest.mark.parametrize("answer, fragment", [
    (lambda P, B: np.linalg.inv(np.eye(3) - B @ B.T), "You have `B @ B.T`"), (lambda P, B: np.linalg.inv(np.eye(3) - P @ P.T), "You have `P @ P.T`"),
    (lambda P, B: np.linalg.inv(slopes(P, B)) / market_shares(P, B), "in the share S_k itself"),
    (lambda P, B: np.linalg.inv(slopes(P, B)) @ np.diag(market_shares(P, B)), "You multiplied by the shares")])
def test_share_error_with_another_matrix(answer, fragment):
    assert fragment in says("2.6", answer)


def test_hints_come_in_three_steps():
    assert all(len(exercise.hints) == 3 for exercise in checks.exercises(2).values())
