"""Step 1 against explicit loops, at extreme utilities, and for stacks of markets."""
import numpy as np
import pytest
from economies import differences, naive_probabilities, naive_shares, random_market
from numpy.testing import assert_allclose
from scipy.special import logsumexp

from blpteach import (buyers, choice_probabilities, inclusive_value, log_share_jacobian, market_shares, mean_utility,
                      taste_deviations)
from blpteach.utility import log_probability_slopes, log_shares, own_and_cross_slopes, taste_slopes


@pytest.mark.parametrize("seed", range(3))
def test_taste_deviations_are_the_double_sum(seed):
    e = random_market(seed)
    mu = np.zeros((e.J, e.I))
    for j in range(e.J):
        for i in range(e.I):
            for k in range(e.K2):
                taste = sum(e.sigma[k, m] * e.nodes[i, m] for m in range(e.K2))
                taste += sum(e.pi[k, d] * e.demographics[i, d] for d in range(e.D))
                mu[j, i] += e.X2[j, k] * taste
    assert_allclose(taste_deviations(e.X2, e.tastes, e.Gamma), mu, rtol=1e-13)


def test_correlated_tastes_have_covariance_sigma_sigma_transposed():
    sigma = np.array([[1.0, 0.0], [0.8, 0.5]])
    nodes = np.random.default_rng(0).normal(size=(200_000, 2))
    tastes = taste_deviations(np.eye(2), nodes, sigma)          # a product for each characteristic: mu is the taste itself
    assert_allclose(np.cov(tastes), [[1, 0.8], [0.8, 0.8**2 + 0.5**2]], atol=0.02)


def test_fewer_nodes_than_characteristics():
    X2, nodes, sigma = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0], [-2.0]]), np.array([[0.5], [0.0], [2.0]])
    assert_allclose(taste_deviations(X2, nodes, sigma), [[1 * 0.5 + 3 * 2, -2 * (0.5 + 6)]])


def test_mean_utility_one_product_at_a_time():
    rng = np.random.default_rng(1)
    X1, beta, xi = rng.normal(size=(2, 4, 3)), rng.normal(size=3), rng.normal(size=(2, 4))
    delta = [[sum(X1[t, j, k] * beta[k] for k in range(3)) + xi[t, j] for j in range(4)] for t in range(2)]
    assert_allclose(mean_utility(X1, beta, xi), delta, rtol=1e-13)


@pytest.mark.parametrize("weights_sum", [1.0, 0.154, 1.7])
def test_shares_are_the_naive_softmax(weights_sum):
    e = random_market(4, weights_sum=weights_sum)
    assert_allclose(choice_probabilities(e.delta, e.mu), naive_probabilities(e.delta, e.mu), rtol=1e-13)
    assert_allclose(market_shares(e.delta, e.mu, e.weights), naive_shares(e.delta, e.mu, e.weights), rtol=1e-13)
    assert_allclose(log_shares(e.delta, e.mu, e.weights), np.log(naive_shares(e.delta, e.mu, e.weights)), rtol=1e-12)


def test_inclusive_value_is_the_log_sum_and_gives_the_outside_good():
    e = random_market(5)
    value = [np.log(1 + sum(np.exp(e.delta[j] + e.mu[j, i]) for j in range(e.J))) for i in range(e.I)]
    assert_allclose(inclusive_value(e.delta, e.mu), value, rtol=1e-13)
    assert_allclose(np.exp(-inclusive_value(e.delta, e.mu)), 1 - naive_probabilities(e.delta, e.mu).sum(0), rtol=1e-12)


@pytest.mark.parametrize("level", [1e4, -1e4, 700.0, -700.0, 750.0, -750.0])
def test_no_overflow_at_extreme_utilities(level):
    e = random_market(6)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        P = choice_probabilities(e.delta + level, e.mu)
        value = inclusive_value(e.delta + level, e.mu)
        logs = log_shares(e.delta + level, e.mu, e.weights)
    inside = np.exp(e.delta[:, None] + e.mu)
    expected = inside / inside.sum(0) if level > 0 else np.exp(max(level, -1e300)) * inside
    assert_allclose(P, expected, rtol=1e-11, atol=1e-300)
    assert_allclose(value, level + np.log(inside.sum(0)) if level > 0 else np.zeros(e.I), atol=1e-11)
    assert_allclose(logs, np.log((expected if level > 0 else inside) @ e.weights) + min(level, 0), rtol=1e-11)


def test_products_types_and_markets_thousands_of_utils_apart():
    """What is taken out of an exponential is each type's and each product's own largest element."""
    rng = np.random.default_rng(1)
    V = rng.choice([-2000.0, -900, 0, 900, 2000], (3, 4, 6)) + rng.normal(size=(3, 4, 6))
    weights, delta = rng.dirichlet(np.ones(6), 3), np.zeros((3, 4))
    value = logsumexp(np.concatenate([V, np.zeros((3, 1, 6))], 1), axis=1)   # (markets, I)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        P, found = choice_probabilities(delta, V), inclusive_value(delta, V)
        logs = log_shares(delta, V, weights)
    logP = V - value[:, None]
    assert_allclose(P, np.exp(logP), rtol=1e-11, atol=1e-300)
    assert_allclose(found, value, atol=1e-11)
    assert_allclose(logs, logsumexp(logP, b=weights[:, None], axis=-1), atol=1e-11)


@pytest.mark.filterwarnings("error")
def test_a_type_without_weight_changes_nothing_and_goes_without_a_warning():
    e = random_market(7)
    mu, weights = np.hstack([e.mu, e.mu[:, :1] + 5]), np.append(e.weights, 0.0)
    shares = market_shares(e.delta, e.mu, e.weights)
    assert_allclose(market_shares(e.delta, mu, weights), shares, rtol=1e-15)
    assert_allclose(log_shares(e.delta, mu, weights), np.log(shares), rtol=1e-14)


@pytest.mark.parametrize("stack", [(3,), (2, 3)])
def test_one_market_is_a_slice_of_the_stack(stack):
    e = random_market(8, stack=stack)
    P, s = choice_probabilities(e.delta, e.mu), market_shares(e.delta, e.mu, e.weights)
    B = buyers(P, e.weights)
    logs, value, slope = log_shares(e.delta, e.mu, e.weights), inclusive_value(e.delta, e.mu), log_share_jacobian(P, B)
    for t in np.ndindex(*stack):
        d, m, w = e.delta[t], e.mu[t], e.weights[t]
        assert_allclose(taste_deviations(e.X2[t], e.tastes[t], e.Gamma), m, rtol=1e-13, atol=1e-14)
        assert_allclose(choice_probabilities(d, m), P[t], rtol=1e-14)
        assert_allclose(market_shares(d, m, w), s[t], rtol=1e-14)
        assert_allclose(log_shares(d, m, w), logs[t], rtol=1e-14)
        assert_allclose(inclusive_value(d, m), value[t], rtol=1e-14)
        assert_allclose(buyers(P[t], w), B[t], rtol=1e-14)
        assert_allclose(log_share_jacobian(P[t], B[t]), slope[t], rtol=1e-12, atol=1e-15)


def test_types_shared_by_all_markets_broadcast():
    e = random_market(9, stack=(4,))
    same = market_shares(e.delta, e.mu, np.tile(e.weights[0], (4, 1)))
    assert_allclose(market_shares(e.delta, e.mu, e.weights[0]), same, rtol=1e-15)


def test_buyers_are_bayes_rule():
    e = random_market(10, weights_sum=0.3)
    P = naive_probabilities(e.delta, e.mu)
    B = buyers(P, e.weights)
    for j in range(e.J):
        for i in range(e.I):
            assert_allclose(B[j, i], e.weights[i] * P[j, i] / sum(e.weights[m] * P[j, m] for m in range(e.I)), rtol=1e-13)
    assert_allclose(B.sum(1), 1, rtol=1e-14)


@pytest.mark.parametrize("weights_sum", [1.0, 0.4])
def test_log_share_jacobian_by_finite_differences(weights_sum):
    e = random_market(11, weights_sum=weights_sum)
    P = choice_probabilities(e.delta, e.mu)
    numerical = differences(lambda delta: np.log(naive_shares(delta, e.mu, e.weights)), e.delta)
    assert_allclose(log_share_jacobian(P, buyers(P, e.weights)), numerical, atol=1e-8)


def test_logit_is_the_limit_of_small_sigma():
    e = random_market(12)
    logit = np.exp(e.delta) / (1 + np.exp(e.delta).sum())
    gaps = []
    for scale in (1e-2, 1e-4, 0.0):
        mu = taste_deviations(e.X2, e.tastes, scale * e.Gamma)
        gaps.append(abs(market_shares(e.delta, mu, e.weights) - logit).max())
    assert 1e-6 < gaps[0] < 1e-1 and gaps[1] < 0.02 * gaps[0] and gaps[2] < 1e-15


def test_random_tastes_break_the_independence_of_irrelevant_alternatives():
    e = random_market(13)
    P = choice_probabilities(e.delta, e.mu)
    without = choice_probabilities(e.delta[1:], e.mu[1:]) @ e.weights
    ratios = without / (P @ e.weights)[1:]
    assert np.ptp(ratios) > 1e-3                                # the logit would give one ratio for all
    assert_allclose(choice_probabilities(e.delta[1:], 0 * e.mu[1:])[:, 0] / choice_probabilities(e.delta, 0 * e.mu)[1:, 0],
                    (1 + np.exp(e.delta).sum()) / (1 + np.exp(e.delta[1:]).sum()), rtol=1e-13)


# How probabilities respond -------------------------------------------------------------------------------------------------

def test_the_three_forms_of_the_derivative_are_one():
    """A direction at a time against finite differences, and its averages over buyers against loops."""
    rng = np.random.default_rng(4)
    J, I, H = 5, 7, 3
    delta, mu, weights = rng.normal(size=J), rng.normal(size=(J, I)), rng.dirichlet(np.ones(I))
    P, a, v, x = choice_probabilities(delta, mu), rng.normal(size=(J, I)), rng.normal(size=(I, H)), rng.normal(size=(J, H))
    B, dV, h = buyers(P, weights), rng.normal(size=(J, I)), 1e-6
    up, down = choice_probabilities(delta, mu + h * dV), choice_probabilities(delta, mu - h * dV)
    assert_allclose(log_probability_slopes(P, dV), (np.log(up) - np.log(down)) / (2 * h), rtol=1e-6, atol=1e-8)
    by_taste = [(B * log_probability_slopes(P, np.outer(x[:, k], v[:, k]))).sum(1) for k in range(H)]
    assert_allclose(taste_slopes(P, B, x, v), np.transpose(by_taste), rtol=1e-10, atol=1e-12)
    by_product = [(B * log_probability_slopes(P, np.eye(J)[:, [k]] * a[k])).sum(1) for k in range(J)]
    own, cross = own_and_cross_slopes(P, B, a)
    assert_allclose(np.diag(own) - cross, np.transpose(by_product), rtol=1e-10, atol=1e-12)
    assert_allclose(log_share_jacobian(P, B), np.diag(own_and_cross_slopes(P, B, np.ones((J, I)))[0]) - own_and_cross_slopes(P, B)[1], rtol=1e-12)
