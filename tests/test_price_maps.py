"""Equilibrium prices on 1,500 random mixed-logit economies: the zeta map arrives in all, the naive map is counted beside it."""

import numpy as np
import pytest

import blpteach
from blpteach.post_estimation import equilibrium_prices, margins, ownership_matrix, share_jacobian

DESIGNS, MARKETS = 30, 50


def economy(seed):
    """50 markets of one size: 2 to 30 products, 1 to 5 firms, heterogeneous negative price coefficients, outside shares from tiny to large."""
    rng = np.random.default_rng(seed)
    J, I, firms = rng.integers(2, 31), rng.integers(10, 60), rng.integers(1, 6)
    alpha_i = -np.exp(rng.normal(0, rng.uniform(0.1, 1), (MARKETS, I)))
    x = rng.normal(size=(MARKETS, J, 2))
    mu = x @ (rng.uniform(0, 2) * rng.normal(size=(MARKETS, 2, I)))
    delta = rng.normal(rng.uniform(-3, 4), 1, (MARKETS, J))     # at a price of zero
    costs = rng.uniform(0.5, 3, (MARKETS, J))
    weights = rng.dirichlet(np.ones(I), MARKETS)
    alpha = np.broadcast_to(alpha_i[:, None, :], mu.shape)
    return delta, mu, alpha, weights, costs, ownership_matrix(rng.integers(0, firms, (MARKETS, J)))


def first_order_conditions(delta, mu, alpha, weights, costs, ownership, prices):
    """`s + (H * D')(p - c)`, restated (markets,): the largest in a market."""
    P = blpteach.choice_probabilities(delta, mu + alpha * prices[..., None])
    D = share_jacobian(P, weights, alpha)
    shares = (P * weights[:, None, :]).sum(-1)
    return abs(shares + ((ownership * D.mT) @ (prices - costs)[..., None])[..., 0]).max(-1)


def naive(delta, mu, alpha, weights, costs, ownership, rounds=1000):
    """`p <- c + eta(p)` as it stands in many accounts."""
    prices = costs
    for _ in range(rounds):
        P = blpteach.choice_probabilities(delta, mu + alpha * prices[..., None])
        shares = (P * weights[:, None, :]).sum(-1)
        with np.errstate(all="ignore"):
            try:
                prices = costs + margins(shares, share_jacobian(P, weights, alpha), ownership)
            except np.linalg.LinAlgError:
                return np.full_like(costs, np.nan)
    return prices


@pytest.fixture(scope="module")
def solved():
    economies = [economy(seed) for seed in range(DESIGNS)]
    return economies, [equilibrium_prices(d, mu, a, w, np.zeros_like(c), c, H) for d, mu, a, w, c, H in economies]


@pytest.mark.slow
def test_the_default_map_arrives_in_all(solved):
    economies, found = solved
    conditions = np.concatenate([first_order_conditions(*e, f.prices) for e, f in zip(economies, found)])
    assert conditions.size == 1500 and conditions.max() < 1e-10


@pytest.mark.slow
def test_costs_come_back(solved):
    """Costs from the first-order conditions at equilibrium prices are those that made the prices."""
    for (delta, mu, alpha, weights, costs, H), f in zip(*solved):
        P = blpteach.choice_probabilities(delta, mu + alpha * f.prices[..., None])
        shares = (P * weights[:, None, :]).sum(-1)
        implied = f.prices - margins(shares, share_jacobian(P, weights, alpha), H)
        assert abs(implied - costs).max() < 1e-9


@pytest.mark.slow
def test_the_naive_map_fails_in_some(solved):
    economies, _ = solved
    failed = sum((~(first_order_conditions(*e, naive(*e, rounds=300)) < 1e-10)).sum() for e in economies)
    print(f"the naive map fails in {failed} of 1,500")
    assert 0 < failed < 1500
