"""300 markets whose shares are hard to invert.

Outside shares run from 1e-6 to 0.9, standard deviations of tastes up to 5, products from 2 to 200; some shares are tiny, and some
weights don't sum to one. ``for shares, mu, weights in hard_designs():`` gives shapes (J,), (J, I) and (I,).
"""
import numpy as np


def probabilities(delta, mu):
    V = delta[:, None] + mu
    top = np.maximum(V.max(0), 0)
    expV = np.exp(V - top)
    return expV / (np.exp(-top) + expV.sum(0))


def hard_designs(n=300, seed=20240):
    rng = np.random.default_rng(seed)
    for k in range(n):
        J = min(max(int(np.exp(rng.uniform(np.log(2), np.log(201)))), 2), 200)
        I, K = int(rng.choice([50, 200, 500])), int(rng.integers(1, 6))
        s0 = np.exp(rng.uniform(np.log(1e-6), np.log(0.9)))
        x = rng.normal(size=(J, K)) if k % 3 else rng.exponential(1, size=(J, K))
        X2 = np.c_[np.ones(J), x]
        sigma, nodes = rng.uniform(0, 5, K + 1), rng.normal(size=(I, K + 1))
        weights = np.full(I, 1 / I)
        if k % 5 == 4:                                    # importance weights that do not sum to one
            weights = rng.dirichlet(np.ones(I)) * rng.uniform(0.15, 1.5)
        mu = X2 @ (nodes * sigma).T
        if k % 2 == 0:                                    # arbitrary shares, some very small
            shares = np.maximum(rng.dirichlet(np.full(J, rng.choice([0.3, 1, 10]))), 1e-12)
            shares = shares / shares.sum() * (weights.sum() - s0 * min(1, weights.sum()))
        else:                                             # shares of the model, level shifted to the outside share wanted
            delta, low, high = rng.normal(size=J) * rng.uniform(0.5, 3), -400.0, 400.0
            for _ in range(200):
                level = (low + high) / 2
                outside = weights.sum() - (probabilities(delta + level, mu) @ weights).sum()
                low, high = (level, high) if outside > s0 * weights.sum() else (low, level)
            shares = np.maximum(probabilities(delta + level, mu) @ weights, 1e-300)
        yield shares, mu, weights
