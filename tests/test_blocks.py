"""Markets as stacks: every product and agent in its place, padding that changes nothing, bounded size."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from blpteach.tables.blocks import BLOCK_ELEMENTS, make_blocks, rows_by_market


def tables(seed=0, T=9, most_products=5, most_agents=7):
    """Rows in random order, markets of unequal size in products and agents."""
    rng = np.random.default_rng(seed)
    markets = rng.permutation(np.repeat(np.arange(T), rng.integers(1, most_products + 1, T)))
    agents = rng.permutation(np.repeat(np.arange(T), rng.integers(1, most_agents + 1, T)))
    return markets, rng.uniform(size=len(markets)), rng.normal(size=(len(markets), 2)), agents, rng.normal(size=(len(agents), 3)), \
        rng.uniform(0.1, 1, len(agents))


@pytest.mark.parametrize("size", [1, 60, BLOCK_ELEMENTS])
@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_in_its_place_once(seed, size):
    markets, shares, X2, agents, tastes, weights = tables(seed)
    blocks = make_blocks(markets, shares, X2, agents, tastes, weights, size)
    assert_array_equal(np.sort(np.concatenate([block.index.ravel() for block in blocks])), np.arange(len(markets)))
    assert_array_equal(np.sort(np.concatenate([block.markets for block in blocks])), np.arange(9))
    for block in blocks:
        assert_array_equal(block.shares, shares[block.index])
        assert_array_equal(block.X2, X2[block.index])
        for b, t in enumerate(block.markets):
            assert (markets[block.index[b]] == t).all()
            real = block.weights[b] > 0
            assert_array_equal(block.tastes[b][real], tastes[agents == t])
            assert_array_equal(block.weights[b][real], weights[agents == t])
            assert (block.tastes[b][~real] == tastes[agents == t][-1]).all()     # the last type repeated: finite, without weight


def test_values_stack_and_scatter_back():
    markets, shares, *rest = tables(3)
    out = np.full(len(markets), np.nan)
    for block in make_blocks(markets, shares, *rest):
        out[block.index] = 2 * block.shares
    assert_allclose(out, 2 * shares)


def test_padding_is_exact():
    markets, shares, X2, agents, tastes, weights = tables(4)
    for block in make_blocks(markets, shares, X2, agents, tastes, weights):
        for b, t in enumerate(block.markets):
            assert_allclose(block.weights[b] @ block.tastes[b], weights[agents == t] @ tastes[agents == t], rtol=1e-13)


@pytest.mark.parametrize("size", [1, 40, 200])
def test_blocks_are_bounded_but_hold_one_market_at_least(size):
    blocks = make_blocks(*tables(5), size)
    for block in blocks:
        assert block.index.size * block.weights.shape[1] <= size or len(block.markets) == 1
    assert size > 1 or len(blocks) == 9


def test_default_blocks_fit_the_cache():
    rng = np.random.default_rng(0)
    markets, agents = np.repeat(np.arange(300), 20), np.repeat(np.arange(300), 100)
    blocks = make_blocks(markets, rng.uniform(size=6000), rng.normal(size=(6000, 1)), agents, rng.normal(size=(30000, 1)), np.ones(30000))
    sizes = [block.index.size * block.weights.shape[1] for block in blocks]
    assert max(sizes) <= BLOCK_ELEMENTS and sizes[0] > BLOCK_ELEMENTS / 2 and sum(len(block.markets) for block in blocks) == 300


def test_one_market_of_a_block_has_no_leading_axis():
    blocks = make_blocks(*tables(6))
    block = max(blocks, key=lambda block: len(block.markets))
    one = block[1]
    assert (one.index.ndim, one.shares.ndim, one.X2.ndim, one.tastes.ndim, one.weights.ndim) == (1, 1, 2, 2, 1)
    assert_array_equal(one.shares, block.shares[1])
    assert one.markets == block.markets[1]


@pytest.mark.parametrize("lost", [[0], [4], [8], [0, 1, 2, 8]])
def test_a_market_may_have_lost_its_products(lost):
    markets, shares, X2, agents, tastes, weights = tables(7)
    keep = ~np.isin(markets, lost)
    blocks = make_blocks(markets[keep], shares[keep], X2[keep], agents, tastes, weights)
    assert_array_equal(np.sort(np.concatenate([block.markets for block in blocks])), np.setdiff1d(np.arange(9), lost))
    assert sum(block.index.size for block in blocks) == keep.sum()


def test_all_markets_may_have_lost_their_products():
    _, _, _, agents, tastes, weights = tables(8)
    assert make_blocks(np.empty(0, int), np.empty(0), np.empty((0, 2)), agents, tastes, weights) == []


def test_rows_by_market_keeps_the_order_of_the_table():
    rows = rows_by_market(np.array([2, 0, 2, 0, 3]))
    assert [list(r) for r in rows] == [[1, 3], [], [0, 2], [4]]
    assert rows_by_market(np.empty(0, int)) == []
