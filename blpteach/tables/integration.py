"""Nodes and weights: how the integral over unobserved tastes becomes a sum over consumer types.

A rule is passed to `Problem(..., integration=rule)`. Draws differ between markets and are drawn
once, when the problem is made. They go to markets in the order in which products has them, and with
demographics to the rows of agents: rows in another order get other draws, and estimates differ by
simulation error. `gauss_hermite`, and nodes in agents, know no order.
"""
import numbers
from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Rule:
    """An integration rule for standard normal tastes.

    Parameters
    ----------
    kind : {"monte_carlo", "halton", "sobol", "gauss_hermite"}
    size : int
        Nodes for each market; of a product rule, points in each dimension.
    seed : int, optional
        Of the draws.
    """
    kind: str
    size: int
    seed: int | None = None

    @property
    def is_product(self):
        """A product rule has its own weights; draws have equal ones."""
        return self.kind == "gauss_hermite"

    def nodes_and_weights(self, markets, dimensions):
        """Nodes (T, I, L) and weights (T, I) for T markets and L dimensions."""
        if self.is_product:
            nodes, weights = hermite_product(self.size, dimensions)
            return np.tile(nodes, (markets, 1, 1)), np.tile(weights, (markets, 1))
        nodes = self.draws(markets * self.size, dimensions).reshape(markets, self.size, dimensions)
        return nodes, np.full((markets, self.size), 1 / self.size)

    def draws(self, n, dimensions):
        """Standard normal draws (n, L)."""
        if self.kind == "monte_carlo":
            return np.random.default_rng(self.seed).standard_normal((n, dimensions))
        from scipy.stats import norm, qmc                       # only here: it doubles import time
        sequence = {"halton": qmc.Halton, "sobol": qmc.Sobol}[self.kind]
        engine = sequence(dimensions, scramble=True, rng=self.seed)
        if self.kind == "sobol":                                # drawn by powers of two
            return norm.ppf(engine.random_base2(int(np.ceil(np.log2(n))))[:n])
        return norm.ppf(engine.random(n))


def hermite_product(points, dimensions):
    """Gauss-Hermite rule for L independent standard normals: nodes (n^L, L), weights (n^L,)."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    nodes, weights = (np.stack(np.meshgrid(*[values] * dimensions, indexing="ij"), -1)
                      for values in (x, w / w.sum()))
    return nodes.reshape(-1, dimensions), weights.reshape(-1, dimensions).prod(1)


def monte_carlo(size, seed=None):
    """Pseudo-random draws: error of order size^(-1/2).

    Parameters
    ----------
    size : int
        Draws for each market.
    seed : int
        Give one: estimates should not change from run to run.

    Returns
    -------
    Rule
        For `Problem(..., integration=rule)`.

    Raises
    ------
    InputError
        If the size is not a positive whole number.

    Examples
    --------
    >>> monte_carlo(100, seed=0).draws(2, 3).shape
    (2, 3)
    """
    return Rule("monte_carlo", positive(size), seed)


def halton(size, seed=None):
    """Scrambled Halton sequence, continued from market to market: quasi-Monte Carlo.

    Parameters
    ----------
    size : int
        Points for each market.
    seed : int
        Of the scrambling.

    Returns
    -------
    Rule
        For `Problem(..., integration=rule)`.

    Raises
    ------
    InputError
        If the size is not a positive whole number.

    Examples
    --------
    >>> bool(abs(halton(512, seed=0).draws(512, 1).mean()) < 0.01)
    True
    """
    return Rule("halton", positive(size), seed)


def sobol(size, seed=None):
    """Scrambled Sobol sequence, continued from market to market.

    Parameters
    ----------
    size : int
        Points for each market, a power of two: only then is each market's set balanced.
    seed : int
        Of the scrambling.

    Returns
    -------
    Rule
        For `Problem(..., integration=rule)`.

    Raises
    ------
    InputError
        If the size is not a power of two.

    Examples
    --------
    >>> bool(abs(sobol(512, seed=0).draws(512, 1).mean()) < 0.01)
    True
    """
    size = positive(size)
    if size & (size - 1):
        raise InputError(f"integration: sobol({size}) is not balanced; "
                         f"its size must be a power of two, such as {1 << size.bit_length()}.")
    return Rule("sobol", size, seed)


def gauss_hermite(points):
    """Product rule: exact for polynomials up to degree 2 points - 1 in each dimension,
    with points^L types.

    Parameters
    ----------
    points : int
        In each dimension.

    Returns
    -------
    Rule
        For `Problem(..., integration=rule)`.

    Raises
    ------
    InputError
        If the number of points is not a positive whole number.

    Examples
    --------
    >>> nodes, weights = hermite_product(3, 1)
    >>> (weights @ nodes**4).round(12)                          # a normal's fourth moment
    array([3.])
    """
    return Rule("gauss_hermite", positive(points))


def positive(size):
    """The size as an int, refused unless it is a positive whole number."""
    number = isinstance(size, numbers.Real) and not isinstance(size, bool)
    if not number or not size >= 1 or size != int(size):
        raise InputError(f"integration: the size must be a positive whole number, not {size!r}.")
    return int(size)
