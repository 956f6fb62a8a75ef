"""Markets as stacks: what the step functions work on.

A block holds markets with equally many products, so that its arrays have no holes. `index` leads to
the rows of the products table: `x[index]` stacks a column (N,) into (B, J), and `out[index] = y`
puts results back. Types are padded with weight zero.
"""
from dataclasses import dataclass

import numpy as np

BLOCK_ELEMENTS = 2**17                                          # 1 MB: mu of a block stays in cache

# A step allocates a handful of arrays of that size and frees them. The C library would hand them
# back to the system each time, and getting them again costs a page fault for every 4 kB. Once an
# array of 8 MB was freed, it keeps what is smaller.
np.empty(8 * BLOCK_ELEMENTS)


@dataclass(frozen=True)
class Block:
    """B markets of J products and I consumer types; `block[b]` is one, without the leading axis.

    Attributes
    ----------
    markets : int array (B,)
        Numbers of the markets, in the order of the products table.
    index : int array (B, J)
        Rows of the products table.
    shares : array (B, J)
    X2 : array (B, J, K2)
    tastes : array (B, I, L + D)
        `[nodes, demographics]`.
    weights : array (B, I)
    """
    markets: np.ndarray
    index: np.ndarray
    shares: np.ndarray
    X2: np.ndarray
    tastes: np.ndarray
    weights: np.ndarray

    def __getitem__(self, b):
        return Block(self.markets[b], self.index[b], self.shares[b], self.X2[b], self.tastes[b],
                     self.weights[b])


def make_blocks(markets, shares, X2, agent_markets, tastes, weights, size=BLOCK_ELEMENTS):
    """Stack products and agents.

    Parameters
    ----------
    markets : int array (N,)
        Number of each product's market, 0 to T - 1.
    shares : array (N,)
    X2 : array (N, K2)
    agent_markets : int array (A,)
        Number of each agent's market.
    tastes : array (A, L + D)
    weights : array (A,)
    size : int
        Most elements (B J I) of a block, one market at least.

    Returns
    -------
    list of Block
    """
    product_rows, agent_rows = rows_by_market(markets), rows_by_market(agent_markets)
    J = np.array([len(rows) for rows in product_rows])
    I = np.array([len(rows) for rows in agent_rows])[:len(J)]
    order = np.lexsort((I, J))
    order = order[J[order] > 0]                                 # a market may have no products left
    blocks = []
    if not len(order):
        return blocks
    for same_J in np.split(order, np.flatnonzero(np.diff(J[order])) + 1):
        at_most = max(1, size // (J[same_J[0]] * I[same_J].max()))
        for chosen in np.split(same_J, range(at_most, len(same_J), at_most)):
            index = np.stack([product_rows[t] for t in chosen])  # (B, J)
            # Where a market has fewer types, its last one is repeated with weight zero: (B, I).
            slot = np.minimum(np.arange(I[chosen].max()), I[chosen, None] - 1)
            agents = np.stack([agent_rows[t][k] for t, k in zip(chosen, slot)])
            real = np.arange(slot.shape[1]) < I[chosen, None]
            blocks.append(Block(chosen, index, shares[index], X2[index], tastes[agents],
                                weights[agents] * real))
    return blocks


def rows_by_market(markets):
    """Row numbers of each market, a list of int arrays."""
    order = np.argsort(markets, kind="stable")
    return np.split(order, np.cumsum(np.bincount(markets))[:-1]) if len(markets) else []
