"""Economies that hypothesis draws: unequal markets, few products or many, ties and zeros."""
import tempfile
from pathlib import Path
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.extra.numpy import arrays

from blpteach import choice_probabilities, market_shares, ownership_matrix, taste_deviations

# The same examples in every run, no clock (machines differ), and nothing left in the repository.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
OPTIONS = {"derandomize": True, "deadline": None, "database": None,
           "suppress_health_check": [HealthCheck.too_slow]}
many, few = settings(max_examples=20, **OPTIONS), settings(max_examples=4, **OPTIONS)

MODEL = {"linear": "1 + prices + x", "random": "1 + prices + x", "demographics": "0 + income"}
SUPPLY = {"supply": "1 + w", "log_costs": True}
SIGMA = np.array([[0.4, 0, 0], [0, 0, 0], [0.2, 0, 0]])
PI = np.array([[0], [0.1], [0]])


def numbers(low, high, shape=None):
    """A float between two others, or an array of them."""
    one = st.floats(low, high, allow_subnormal=False)
    return one if shape is None else arrays(float, shape, elements=one)


@st.composite
def markets(draw, most_products=8, any_sign=False):
    """One market: J products and I types, with tastes, prices, owners and costs.

    `alpha_i` is the price coefficient of each type, `any_sign` lets some like high prices, and
    `varying` is another coefficient for each product. `order` and `types` are permutations.
    """
    J, I = draw(st.integers(1, most_products)), draw(st.integers(1, 10))
    K2, D = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    e = SimpleNamespace(J=J, I=I, K2=K2)
    e.X2, e.tastes = draw(numbers(0, 1, (J, K2))), draw(numbers(-2, 2, (I, K2 + D)))
    e.Gamma, e.delta = draw(numbers(-1, 1, (K2, K2 + D))), draw(numbers(-3, 2, J))
    weights = draw(numbers(0.1, 1, I))
    e.weights = weights / weights.sum() * draw(st.sampled_from([1.0, 0.4, 1.3]))
    e.alpha_i = -draw(numbers(0.5, 3, I))
    if any_sign:
        e.alpha_i = e.alpha_i * draw(arrays(float, I, elements=st.sampled_from([1.0, -1.0])))
    e.alpha = np.tile(e.alpha_i, (J, 1))
    e.varying = e.alpha * draw(numbers(0.5, 2, (J, 1)))
    e.prices, e.costs = draw(numbers(1, 3, J)), draw(numbers(0, 2, J))
    firms = draw(arrays(int, J, elements=st.integers(0, 2)))
    e.ownership = ownership_matrix(firms, draw(st.sampled_from([0.0, 0.3, 1.0])))
    e.order, e.types = draw(st.permutations(range(J))), draw(st.permutations(range(I)))
    e.mu = taste_deviations(e.X2, e.tastes, e.Gamma)
    e.P, e.shares = choice_probabilities(e.delta, e.mu), market_shares(e.delta, e.mu, e.weights)
    return e


def written_otherwise(e, part):
    """Which types of `e` make the same consumers once more, and their weights.

    The first is split in two, with `part` of its weight and the rest; one more has weight zero.
    """
    which = np.r_[0, np.arange(e.I), e.I - 1]
    return which, e.weights[which] * np.r_[part, 1 - part, np.ones(e.I - 1), 0]


@st.composite
def regressions(draw):
    """y = X beta + xi: N rows, M instruments with a constant, K regressors, the last endogenous.

    D stands for d delta / d theta2; there are at most M parameters. `rng` is for more draws.
    """
    M, N, seed = draw(st.integers(2, 5)), draw(st.integers(30, 60)), draw(st.integers(0, 10**6))
    K, rng = draw(st.integers(1, M)), np.random.default_rng(seed)
    r = SimpleNamespace(M=M, N=N, K=K, rng=rng, clusters=rng.integers(0, 12, N))
    r.Z = np.column_stack([np.ones(N), rng.normal(size=(N, M - 1))])
    r.xi = rng.normal(size=N) * (0.5 + abs(r.Z[:, 1]))
    r.X = r.Z[:, :K].copy()
    r.X[:, -1] += (r.xi + rng.normal(size=N)) / 2
    r.y, r.D = r.X @ rng.normal(size=K) + r.xi, rng.normal(size=(N, draw(st.integers(0, M - K))))
    return r


# For each market its products and its consumer types; then the seed of all else.
sizes_and_types = st.tuples(st.integers(1, 8), st.integers(1, 6))
designs = st.tuples(st.lists(sizes_and_types, min_size=16, max_size=18), st.integers(0, 10**6))


def make_tables(design):
    """Products and agents whose shares MODEL makes at SIGMA, PI and a price coefficient of -2.

    Returns
    -------
    products, agents : DataFrames
    rng : Generator
        For more draws.
    """
    (sizes, types), rng = zip(*design[0]), np.random.default_rng(design[1])
    N, A = sum(sizes), sum(types)
    instruments = [f"{side}_instruments{k}" for side, count in (("demand", 4), ("supply", 2))
                   for k in range(count)]
    products = pd.DataFrame(rng.uniform(0, 1, (N, 8)), columns=["x", "w", *instruments])
    products.insert(0, "market_ids", np.repeat(range(len(sizes)), sizes))
    products["firm_ids"], xi = rng.integers(0, 3, N), rng.normal(size=N) / 4
    shifters = products[instruments[:4]].sum(axis=1)
    products["prices"] = 2 + products["w"] / 2 + shifters / 4 + xi / 4
    agents = pd.DataFrame(rng.normal(size=(A, 4)), columns=["nodes0", "nodes1", "nodes2", "income"])
    agents.insert(0, "market_ids", np.repeat(range(len(types)), types))
    weights = rng.uniform(0.5, 1, A)
    agents["weights"] = weights / np.bincount(agents["market_ids"], weights)[agents["market_ids"]]
    return products.assign(shares=shares_of(products, agents, xi)), agents, rng


def shares_of(products, agents, xi):
    """Shares (N,) of the model, market by market."""
    X2 = np.column_stack([np.ones(len(xi)), products[["prices", "x"]]])
    tastes = agents[["nodes0", "nodes1", "nodes2", "income"]].to_numpy()
    Gamma, shares = np.hstack([SIGMA, PI]), np.empty(len(xi))
    for t in products["market_ids"].unique():
        rows, types = products["market_ids"] == t, agents["market_ids"] == t
        mu = taste_deviations(X2[rows], tastes[types], Gamma)
        delta = X2[rows] @ [1, -2, 1] + xi[rows]
        shares[rows] = market_shares(delta, mu, agents.loc[types, "weights"].to_numpy())
    return shares
