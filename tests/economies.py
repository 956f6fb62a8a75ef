"""Small economies and numerical derivatives that the unit tests share."""
from types import SimpleNamespace

import numpy as np


def random_market(seed, J=5, I=12, K2=3, D=2, stack=(), weights_sum=1.0):
    """A market, or a stack of them, with correlated tastes, demographics and unequal weights.

    Returns
    -------
    SimpleNamespace
        X2 (..., J, K2), nodes (..., I, K2), demographics (..., I, D), tastes, sigma, pi, Gamma, weights, delta, mu.
    """
    rng = np.random.default_rng(seed)
    e = SimpleNamespace(J=J, I=I, K2=K2, D=D)
    e.X2 = np.concatenate([np.ones((*stack, J, 1)), rng.uniform(0, 2, (*stack, J, K2 - 1))], -1)
    e.nodes, e.demographics = rng.normal(size=(*stack, I, K2)), rng.normal(size=(*stack, I, D))
    e.tastes = np.concatenate([e.nodes, e.demographics], -1)
    e.sigma, e.pi = np.tril(rng.normal(size=(K2, K2))), rng.normal(size=(K2, D))
    e.Gamma = np.hstack([e.sigma, e.pi])
    e.weights = rng.uniform(0.2, 1, (*stack, I))
    e.weights *= weights_sum / e.weights.sum(-1, keepdims=True)
    e.delta = rng.normal(size=(*stack, J))
    e.mu = e.X2 @ e.Gamma @ np.swapaxes(e.tastes, -1, -2)
    return e


def naive_probabilities(delta, mu):
    """The softmax as it stands in the books, one product and one type at a time (J, I)."""
    J, I = mu.shape
    P = np.empty((J, I))
    for i in range(I):
        denominator = 1 + sum(np.exp(delta[m] + mu[m, i]) for m in range(J))
        for j in range(J):
            P[j, i] = np.exp(delta[j] + mu[j, i]) / denominator
    return P


def naive_shares(delta, mu, weights):
    """Shares (J,) of one market, summed over types one at a time."""
    P = naive_probabilities(delta, mu)
    return np.array([sum(weights[i] * P[j, i] for i in range(mu.shape[1])) for j in range(mu.shape[0])])


def differences(function, x, step=1e-5):
    """Central differences of `function` at x (K,): the last axis of the result is x's."""
    columns = []
    for k in range(len(x)):
        h = np.zeros(len(x))
        h[k] = step * max(1, abs(x[k]))
        columns.append((np.asarray(function(x + h)) - np.asarray(function(x - h))) / (2 * h[k]))
    return np.stack(columns, -1)
