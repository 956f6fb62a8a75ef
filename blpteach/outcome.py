"""A set of markets at given prices: Step 5 applied to whole tables.

`Outcome` is what estimates and counterfactuals share. It stacks, calls the functions of `post_estimation`, and puts results back.
"""
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .tables.blocks import make_blocks
from .errors import InputError, listing
from .post_estimation import (consumer_surplus, diversion_ratios, elasticities, equilibrium_prices, margins, ownership_matrix,
                              price_coefficients, share_jacobian)
from .utility import choice_probabilities, market_shares, taste_deviations


@dataclass(frozen=True)
class Demand:
    """Utilities as a function of price, for all products: what doesn't change in a counterfactual.

    Attributes
    ----------
    problem : Problem
    beta : array (K1,)
    Gamma : array (K2, L + D)
    delta, prices : arrays (N,)
        Mean utilities at the observed prices, and these prices.
    """
    problem: object
    beta: np.ndarray
    Gamma: np.ndarray
    delta: np.ndarray
    prices: np.ndarray

    def at(self, block, prices):
        """mu and alpha (..., J, I) of a block when its prices are `prices`; delta stays that of the observed prices."""
        tastes, Gamma = self.problem.lognormal.as_tastes(block.tastes, self.Gamma)
        alpha = price_coefficients(self.problem.linear.price_slope[block.index], self.beta,
                                   self.problem.X2.price_slope[block.index], Gamma, tastes)
        mu = taste_deviations(block.X2, tastes, Gamma)
        return mu + alpha * (prices - self.prices)[block.index][..., None], alpha


class Outcome:
    """Markets at given prices, with everything that Step 5 computes from them.

    Methods take `market=` for one market and give all of them without it. A value for each product comes in the order of the
    products table; a matrix is a DataFrame labelled by `product_ids`, or by the table's index where there are none.

    Attributes
    ----------
    prices, shares : arrays (N,)
        Missing and zero for a product that was dropped.
    demand : Demand
    firm_ids : array (N,) or None
        Who owns what.
    """

    def __init__(self, demand, blocks, prices, firm_ids=None, costs=None):
        self.demand, self._blocks, self.prices = demand, blocks, prices
        self.firm_ids, self._costs = firm_ids, costs

    # Stacks ----------------------------------------------------------------------------------------------------------------

    def _stacks(self, market=None):
        """Blocks, or the one market asked for."""
        if market is None:
            return self._blocks
        labels = self.demand.problem.market_labels
        number = np.flatnonzero(np.asarray(labels) == market)
        if not len(number):
            raise InputError(f"There is no market {market!r}. Markets are {listing(labels)}.")
        for block in self._blocks:
            for b in np.flatnonzero(block.markets == number[0]):
                return [block[b]]
        raise InputError(f"Market {market!r} has no products left.")

    def _choices(self, block):
        """P (..., J, I) and alpha (..., J, I) of a block."""
        mu, alpha = self.demand.at(block, self.prices)
        return choice_probabilities(self.demand.delta[block.index], mu), alpha

    def _by_product(self, function, market, missing=np.nan):
        """`function(block)` (..., J) for all products, in the order of the table; (J,) for one market."""
        if market is not None:
            return function(self._stacks(market)[0])
        out = np.full(self.demand.problem.N, missing)
        for block in self._blocks:
            out[block.index] = function(block)
        return out

    def _matrices(self, function, market):
        """`function(block)` (..., J, J or I) as a DataFrame, or a dict of them by market."""
        if market is not None:
            block = self._stacks(market)[0]
            return self._frame(function(block), block.index)
        frames = {}
        for block in self._blocks:
            for t, matrix, index in zip(block.markets, function(block), block.index):
                frames[t] = self._frame(matrix, index)
        return {self.demand.problem.market_labels[t]: frames[t] for t in sorted(frames)}

    def _frame(self, matrix, index, square=True):
        products = self.demand.problem.products
        labels = products["product_ids"] if "product_ids" in products else products.index.to_series()
        labels = pd.Index(labels.to_numpy()[index], name="product")
        return pd.DataFrame(matrix, labels, labels.rename("of") if square else None)

    # Demand ----------------------------------------------------------------------------------------------------------------

    @property
    def shares(self):
        """Market shares (N,)."""
        return self._by_product(lambda block: self._block_shares(block), None, missing=0.0)

    def _block_shares(self, block):
        mu, _ = self.demand.at(block, self.prices)
        return market_shares(self.demand.delta[block.index], mu, block.weights)

    def price_coefficients(self, market=None):
        """alpha (5.1): a row for each product, a column for each consumer type; types of padding excluded.

        Returns
        -------
        DataFrame (J, I), or a dict of them
        """
        frames = {}
        counts = np.bincount(self.demand.problem.agent_markets)
        for block in self._stacks(market):
            alpha = self._choices(block)[1]
            for t, matrix, index in zip(np.atleast_1d(block.markets), alpha.reshape(-1, *alpha.shape[-2:]), np.atleast_2d(block.index)):
                frames[t] = self._frame(matrix[:, :counts[t]], index, square=False)
        named = {self.demand.problem.market_labels[t]: frames[t] for t in sorted(frames)}
        return named if market is None else named[market]

    def elasticities(self, market=None):
        """Price elasticities (5.3): row j, column l is the percent change of share j as price l rises by one percent.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        DataFrame (J, J), or without a market a dict of them
        """
        def one(block):
            P, alpha = self._choices(block)
            jacobian = share_jacobian(P, block.weights, alpha)
            return elasticities(jacobian, self.prices[block.index], self._block_shares(block))
        return self._matrices(one, market)

    def own_elasticities(self, market=None):
        """Own-price elasticities, one for each product (N,) or (J,)."""
        def one(block):
            P, alpha = self._choices(block)
            own = np.vecdot(P * (1 - P) * alpha, block.weights[..., None, :])
            return own * self.prices[block.index] / self._block_shares(block)
        return self._by_product(one, market)

    def diversion_ratios(self, market=None):
        """Diversion ratios (5.4): row j, column l is the fraction of those leaving j that goes to l; rows sum to one.

        The diagonal holds the fraction that goes to the outside good.

        Returns
        -------
        DataFrame (J, J), or without a market a dict of them
        """
        self._check_prices_matter("nobody leaves when a price rises")

        def one(block):
            P, alpha = self._choices(block)
            return diversion_ratios(P, block.weights, alpha)
        return self._matrices(one, market)

    # Supply ----------------------------------------------------------------------------------------------------------------

    def _ownership(self, block):
        if self.firm_ids is None:
            raise InputError("Step 5: markups need to know who sets which price, and products has no column `firm_ids`. Add it, one id "
                             "for each product.")
        missing = np.flatnonzero(pd.isna(self.firm_ids))
        if len(missing):
            raise InputError(f"Step 5: firm_ids has missing values in row(s) {listing(missing)}: every product needs an owner.")
        self._check_prices_matter("firms have no optimal price")
        return ownership_matrix(self.firm_ids[block.index], self.demand.problem.holdings)

    def _check_prices_matter(self, therefore):
        if not self.demand.problem.prices_matter:
            raise InputError(f"Step 5: utility does not depend on `prices`, so {therefore}; put prices into linear.")

    def _margins(self, block):
        P, alpha = self._choices(block)
        return margins(self._block_shares(block), share_jacobian(P, block.weights, alpha), self._ownership(block))

    def costs(self, market=None):
        """Marginal costs (N,) or (J,), in units of price: those at which nobody would set another price.

        Conduct is Bertrand-Nash unless the problem's `holdings` say otherwise. A counterfactual has the costs it was solved with.
        """
        if self._costs is not None:
            return self._costs.copy() if market is None else self._costs[self._stacks(market)[0].index]
        return self._by_product(lambda block: self.prices[block.index] - self._margins(block), market)

    def markups(self, market=None):
        """Lerner indices `(p - c) / p` (N,) or (J,), under Bertrand-Nash pricing unless `holdings` say otherwise."""
        return self._by_product(lambda block: self._margins(block) / self.prices[block.index], market)

    def counterfactual(self, firm_ids=None, costs=None, drop=None):
        """The new equilibrium after a change of owners, costs or products, everything else held.

        Conduct stays what the problem's `holdings` say, by default Bertrand-Nash. A pair in `holdings` that names a firm which
        a merger dissolved lapses.

        Parameters
        ----------
        firm_ids : array (N,) or dict, optional
            New owners, or which firm becomes which: `{2: 1}`.
        costs : array (N,), optional
            New marginal costs; by default those implied by the present prices.
        drop : bool array (N,), optional
            Products that leave the market.

        Returns
        -------
        Counterfactual

        Raises
        ------
        InputError
            Where utility is curved in price, or does not depend on it; where products have no owner, or a dict names a firm that
            does not exist; for an array of the wrong length or kind, or with missing values; where `drop` leaves nothing; and
            where no equilibrium is found: the message names the markets.
        """
        problem = self.demand.problem
        check_linear_in_price(problem, "Step 5: new prices can be solved for")
        if firm_ids is None:
            self._ownership(self._blocks[0])
        owners = new_owners(self.firm_ids, firm_ids, problem.N)
        new_costs = self.costs() if costs is None else vector(costs, problem.N, "costs")
        dropped = np.isnan(self.prices)                         # what was dropped before stays out
        if drop is not None:
            dropped = dropped | vector(drop, problem.N, "drop", bool)
        if dropped.all():
            raise InputError("Step 5: drop takes every product out; leave at least one.")
        return solve_counterfactual(self.demand, self.prices, owners, new_costs, dropped)

    def merger_prices(self, firm_ids):
        """Prices (N,) after the owners change to `firm_ids`: `counterfactual(firm_ids=firm_ids).prices`."""
        return self.counterfactual(firm_ids=firm_ids).prices

    # Welfare ---------------------------------------------------------------------------------------------------------------

    def consumer_surplus(self, market=None):
        """Consumer surplus per consumer (5.8), in units of price and up to a constant.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        array (T,), or with a market a float
            In the order of `problem.market_labels`. A market that has lost all its products has zero.

        Raises
        ------
        InputError
            Where utility does not depend on price; where a consumer's price coefficient differs between products, or price enters
            through a function; and for a market that does not exist or has no products left.
        """
        problem = self.demand.problem
        self._check_prices_matter("surplus in money needs a price coefficient")
        out = np.zeros(problem.T)                               # a market without products offers the outside good alone
        for block in self._stacks(market):
            mu, alpha = self.demand.at(block, self.prices)
            if (np.ptp(alpha, axis=-2) > 1e-9 * abs(alpha).max()).any() or problem.linear.price_curved.any() or problem.X2.price_curved.any():
                raise InputError("Step 5: this surplus formula needs one price coefficient for each consumer, the same for all products and "
                                 "prices; here price interacts with another characteristic or enters through a function.")
            surplus = consumer_surplus(self.demand.delta[block.index], mu, alpha[..., 0, :], block.weights)
            if market is not None:
                return float(surplus)
            out[block.markets] = surplus
        return out


class Counterfactual(Outcome):
    """A new equilibrium: an `Outcome` at the prices that solve all first-order conditions after a change.

    Attributes
    ----------
    prices, shares : arrays (N,)
        In the order of the products table. A product that was dropped has price NaN and share zero.
    iterations : int
        Of the zeta map (5.7), in the stack of markets that needed most.
    residual : float
        Largest error in a first-order condition, `s + (H * D')(p - c)`, in shares; at most 1e-10.
    """

    def __init__(self, demand, blocks, prices, firm_ids, costs, iterations, residual):
        super().__init__(demand, blocks, prices, firm_ids, costs)
        self.iterations, self.residual = iterations, residual

    def __repr__(self):
        change = 100 * (self.prices / self.demand.prices - 1)
        return (f"Counterfactual in {self.demand.problem.T} markets: prices change by {np.nanmean(change):.3g} percent on average "
                f"({np.nanmin(change):.3g} to {np.nanmax(change):.3g}); first-order conditions hold to {self.residual:.1e}")


def check_linear_in_price(problem, what):
    """Refuse utility that is curved in price, where slopes at the observed prices don't lead to other ones."""
    curved = [n for d in (problem.linear, problem.X2) for n, c in zip(d.names, d.price_curved) if c]
    if curved:
        raise InputError(f"{what} where utility is linear in price; `{curved[0]}` is not.")


def solve_counterfactual(demand, start, firm_ids, costs, dropped):
    """Equilibrium prices without the dropped products; an error names the markets where none was found."""
    problem = demand.problem
    keep = np.flatnonzero(~dropped)
    blocks = problem.blocks if len(keep) == problem.N else [
        remap(block, keep) for block in make_blocks(problem.markets[keep], problem.shares[keep], problem.X2.values[keep],
                                                    problem.agent_markets, problem.tastes, problem.weights)]
    prices, iterations, residual, failed = np.full(problem.N, np.nan), 0, 0.0, []
    for block in blocks:
        mu, alpha = demand.at(block, start)
        p = start[block.index]
        delta = demand.delta[block.index]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):              # a map that diverges is reported below
            found = equilibrium_prices(delta, mu, alpha, block.weights, p, costs[block.index],
                                       ownership_matrix(firm_ids[block.index], problem.holdings))
        prices[block.index] = found.prices
        iterations, residual = max(iterations, found.iterations), max(residual, found.residual.max())
        failed.extend(problem.market_labels[block.markets[~(found.residual <= 1e-10)]])
    if failed:
        raise InputError(f"Step 5: no equilibrium prices were found in market(s) {listing(failed)}: the zeta map did not settle there. "
                         "Consumers who like high prices, or costs far from the present ones, are the usual reasons.")
    return Counterfactual(demand, blocks, prices, firm_ids, costs, iterations, residual)


def remap(block, keep):
    """A block made from the rows `keep` of the table, with its index leading to the whole table."""
    return type(block)(block.markets, keep[block.index], block.shares, block.X2, block.tastes, block.weights)


def new_owners(old, new, N):
    """Firm ids (N,) after a change, given whole or as a dict of which firm becomes which."""
    if new is None:
        return old
    if isinstance(new, dict):
        if old is None:
            raise InputError("Step 5: firm_ids={...} says which firm becomes which, and products has no column `firm_ids`.")
        unknown = [firm for firm in new if firm not in set(old)]
        if unknown:
            raise InputError(f"Step 5: firm_ids={new!r}: there is no firm {unknown[0]!r}. Firms are {listing(pd.unique(old), 12)}.")
        return np.array([new.get(firm, firm) for firm in old], dtype=object)
    return vector(new, N, "firm_ids", None)


def vector(values, N, name, dtype=float):
    """An array of one value for each product."""
    values = np.asarray(values)
    if values.shape != (N,):
        raise InputError(f"Step 5: {name} has shape {values.shape}; it needs one value for each of the {N} products, in the order "
                         "of the table.")
    if dtype is bool and values.dtype != bool:
        raise InputError(f"Step 5: {name} must hold True or False for each of the {N} products, not {values.dtype} values.")
    if dtype is float and values.dtype.kind not in "fiub":
        raise InputError(f"Step 5: {name} must be numbers, one for each product, not {values.dtype} values.")
    if dtype is None and pd.isna(values).any():
        raise InputError(f"Step 5: {name} has missing values in row(s) {listing(np.flatnonzero(pd.isna(values)))}: every product needs an owner.")
    if dtype is float and not np.isfinite(values).all():
        raise InputError(f"Step 5: {name} has missing or infinite values in row(s) {listing(np.flatnonzero(~np.isfinite(values)))}.")
    return values
