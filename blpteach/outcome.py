"""A set of markets at given prices: Step 5 applied to whole tables.

`Outcome` is what estimates and counterfactuals share. It stacks, calls the functions of
`post_estimation`, and puts results back.
"""
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from .errors import InputError, listing
from .market import Market
from .post_estimation import (consumer_surplus, diversion_ratios, elasticities, equilibrium_prices,
                              margins, ownership_matrix, share_jacobian)
from .tables.beside import check_owners, new_owners, one_each, read_costs
from .tables.blocks import make_blocks
from .utility import choice_probabilities, market_shares


class Outcome:
    """Markets at given prices, with everything that Step 5 computes from them.

    Methods take `market=` for one market and give all of them without it. A value for each product
    comes in the order of the products table, one for each market as a Series by market id; a matrix
    is a DataFrame labelled by `product_ids`, or by the table's index where there are none.

    Parameters
    ----------
    utility : UtilityOfPrice
    prices, firm_ids : arrays (N,), optional
        By default those of the products table.
    costs : array (N,), optional
        Marginal costs; by default those that the first-order conditions imply.
    blocks : list of Block, optional
        By default all products.

    Attributes
    ----------
    problem : Problem
    utility : UtilityOfPrice
    prices, shares : arrays (N,)
        Missing and zero for a product that was dropped.
    firm_ids : array (N,) or None
        Who owns what.
    failed_markets : int array
        Numbers of the markets whose shares could not be inverted: for these Step 5 has no answer.
    """
    failed_markets = np.empty(0, int)

    def __init__(self, utility, prices=None, firm_ids=None, costs=None, blocks=None):
        self.problem = problem = utility.problem
        self.utility, self._costs = utility, costs
        self._blocks = problem.blocks if blocks is None else blocks
        self.prices = problem.prices if prices is None else prices
        self.firm_ids = problem.firm_ids if firm_ids is None else firm_ids

    # Stacks ---------------------------------------------------------------------------------------

    @cached_property
    def _numbers(self):
        return {label: number for number, label in enumerate(self.problem.market_labels)}

    def _number(self, market):
        """Place of a market among `problem.market_labels`."""
        if not pd.api.types.is_hashable(market):
            raise InputError(f"market={market!r} must be one market id; without market= there are "
                             "all of them.")
        if market not in self._numbers:
            labels = self.problem.market_labels
            alike = [label for label in labels if str(label) == str(market)]
            meant = f" Did you mean {alike[0]!r}?" if alike else ""
            raise InputError(f"There is no market {market!r}. Markets are {listing(labels)}."
                             f"{meant}")
        return self._numbers[market]

    def _stack(self, market):
        """One market as a block without its padding, or None if all its products were dropped."""
        number = self._number(market)
        self._check_inverted([number])
        types = (self.problem.agent_markets == number).sum()
        for block in self._blocks:
            for b in np.flatnonzero(block.markets == number):
                one = block[b]
                return replace(one, index=one.index.copy(), tastes=one.tastes[:types].copy(),
                               weights=one.weights[:types].copy())
        return None

    def _left(self, market):
        """One market that has products left."""
        block = self._stack(market)
        if block is None:
            raise InputError(f"Market {market!r} has no products left.")
        return block

    def _stacks(self):
        """All blocks."""
        self._check_inverted(self.failed_markets)
        return self._blocks

    def _check_inverted(self, numbers):
        failed = sorted(number for number in numbers if number in self.failed_markets)
        if failed:
            names = listing(self.problem.market_labels[failed])
            raise InputError(f"Step 5: shares were not inverted in market(s) {names}, so that "
                             "there are no mean utilities. Take parameters nearer to zero.")

    def _choices(self, block):
        """P (..., J, I) and alpha (..., J, I) of a block."""
        delta, mu, alpha = self.utility.at(block, self.prices)
        return choice_probabilities(delta, mu), alpha

    def _by_product(self, function, market, missing=np.nan):
        """`function(block)` (..., J) for all products, in the table's order, or for one market."""
        if market is not None:
            return function(self._left(market))
        out = np.full(self.problem.N, missing)
        for block in self._stacks():
            out[block.index] = function(block)
        return out

    def _by_market(self, function, market, name, empty):
        """`function(block)` (...) by market id, or for one market; `empty` without products."""
        if market is not None:
            block = self._stack(market)
            return empty if block is None else float(function(block))
        out = np.full(self.problem.T, empty)
        for block in self._stacks():
            out[block.markets] = function(block)
        return pd.Series(out, self.problem.market_labels.rename("market_ids"), name=name)

    def _matrices(self, function, market):
        """`function(block)` (..., J, J) as a DataFrame, or a dict of them by market."""
        if market is not None:
            block = self._left(market)
            return self._frame(function(block), block.index)
        frames = {}
        for block in self._stacks():
            for t, matrix, index in zip(block.markets, function(block), block.index):
                frames[t] = self._frame(matrix, index)
        return {self.problem.market_labels[t]: frames[t] for t in sorted(frames)}

    def _frame(self, matrix, index):
        labels = pd.Index(self._product_ids(index), name="product")
        return pd.DataFrame(matrix, labels, labels.rename("of"))

    def _product_ids(self, index):
        products = self.problem.products
        named = "product_ids" in products
        return (products["product_ids"] if named else products.index).to_numpy()[index]

    def market(self, market):
        """One market at these prices, its arrays under the names of the lessons.

        Parameters
        ----------
        market : market id

        Returns
        -------
        Market

        Raises
        ------
        InputError
            For a market that does not exist, has no products left, or whose shares were not
            inverted.
        """
        block, utility = self._left(market), self.utility
        rows, (tastes, Gamma) = block.index, utility.tastes(block)
        (X1, X2), (dX1, dX2) = utility.characteristics(rows, self.prices), utility.slopes(rows)
        delta, mu, alpha = utility.at(block, self.prices)
        P = choice_probabilities(delta, mu)
        return Market(
            market_id=market, rows=rows, product_ids=self._product_ids(rows),
            firm_ids=None if self.firm_ids is None else self.firm_ids[rows],
            prices=self.prices[rows], shares=P @ block.weights, X1=X1, dX1=dX1, X2=X2, dX2=dX2,
            beta=utility.beta.copy(), Gamma=Gamma.copy(), tastes=tastes, weights=block.weights,
            delta=delta, xi=utility.xi[rows], mu=mu, alpha=alpha, P=P,
            holdings=self.problem.holdings)

    # Demand ---------------------------------------------------------------------------------------

    @property
    def shares(self):
        """Market shares (N,)."""
        return self._by_product(self._block_shares, None, missing=0.0)

    def _block_shares(self, block):
        delta, mu, _ = self.utility.at(block, self.prices)
        return market_shares(delta, mu, block.weights)

    def shares_at(self, prices):
        """Market shares (N,) at other prices, everything else held: firms do not respond.

        Parameters
        ----------
        prices : array (N,) or Series
            Of all products; that of a dropped one is of no account. A Series is matched by its
            index.

        Returns
        -------
        array (N,)
            Zero for a product that was dropped.

        Raises
        ------
        InputError
            Where utility is curved in price, or does not depend on it; and for prices that are not
            one finite number for each product.

        Examples
        --------
        >>> from blpteach import Problem, load_cereal
        >>> logit = Problem(load_cereal()[0], linear="0 + prices", absorb="product_ids").estimate()
        >>> dearer = logit.prices.copy()
        >>> dearer[0] = 1.1 * dearer[0]
        >>> (logit.shares_at(dearer) / logit.shares)[:3].round(3)
        array([0.807, 1.002, 1.002])
        """
        check_linear_in_price(self.problem, "Step 5: shares at other prices are known")
        self._check_prices_matter("shares are the same at all prices")
        sold, products = ~np.isnan(self.prices), self.problem.products
        return self._at(one_each(prices, products, "Step 5: prices", needed=sold)).shares

    def _at(self, prices):
        """The same markets at other prices."""
        there = Outcome(self.utility, prices, self.firm_ids, blocks=self._blocks)
        there.failed_markets = self.failed_markets
        return there

    def price_coefficients(self, market=None):
        """alpha (5.1): a row for each product, a column for each consumer type.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        DataFrame (J, I), or without a market a dict of them
        """
        self._check_prices_matter("there are no price coefficients")
        if market is None:
            left = np.sort(np.concatenate([block.markets for block in self._stacks()]))
            labels = self.problem.market_labels[left]
            return {label: self.price_coefficients(label) for label in labels}
        one = self.market(market)
        return pd.DataFrame(one.alpha, pd.Index(one.product_ids, name="product"))

    def elasticities(self, market=None):
        """Price elasticities (5.3): in row j the percent change of share j as price l rises by one.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        DataFrame (J, J), or without a market a dict of them
        """
        self._check_prices_matter("there are no elasticities")

        def one(block):
            P, alpha = self._choices(block)
            jacobian = share_jacobian(P, block.weights, alpha)
            return elasticities(jacobian, self.prices[block.index], self._block_shares(block))
        return self._matrices(one, market)

    def own_elasticities(self, market=None):
        """Own-price elasticities, one for each product (N,) or (J,)."""
        self._check_prices_matter("there are no elasticities")

        def one(block):
            P, alpha = self._choices(block)
            own = np.vecdot(P * (1 - P) * alpha, block.weights[..., None, :])
            return own * self.prices[block.index] / self._block_shares(block)
        return self._by_product(one, market)

    def aggregate_elasticities(self, factor=0.1, market=None):
        """What all inside goods lose as all prices rise: `sum_j (s_j((1 + f) p) - s_j(p)) / f`.

        In points of share for a price rise of a hundred percent, not in percent of the inside
        share: divide by that for a percentage.

        Parameters
        ----------
        factor : float
            By which fraction all prices rise together.
        market : market id, optional

        Returns
        -------
        Series (T,) by market id, or with a market a float

        Raises
        ------
        InputError
            Where utility is curved in price, or does not depend on it; for a factor that is no
            fraction; and for a market that does not exist.

        Source
        ------
        Conlon and Gortmaker (2020); PyBLP's `compute_aggregate_elasticities`.
        """
        check_linear_in_price(self.problem, "Step 5: aggregate elasticities are known")
        self._check_prices_matter("there are no elasticities")
        check_factor(factor)
        there = self._at((1 + factor) * self.prices)

        def one(block):
            return (there._block_shares(block) - self._block_shares(block)).sum(-1) / factor
        return self._by_market(one, market, "aggregate_elasticities", empty=0.0)

    def diversion_ratios(self, market=None):
        """Diversion ratios (5.4): in row j the fraction of those leaving j that goes to l.

        The diagonal holds the fraction that goes to the outside good; rows sum to one.

        Returns
        -------
        DataFrame (J, J), or without a market a dict of them
        """
        self._check_prices_matter("nobody leaves when a price rises")

        def one(block):
            P, alpha = self._choices(block)
            return diversion_ratios(P, block.weights, alpha)
        return self._matrices(one, market)

    def _check_prices_matter(self, therefore):
        if not self.problem.prices_matter:
            raise InputError(f"Step 5: utility does not depend on `prices`, so {therefore}; put "
                             "prices into linear.")

    # Supply ---------------------------------------------------------------------------------------

    def _block_costs(self, block):
        if self._costs is not None:
            return self._costs[block.index]
        P, alpha = self._choices(block)
        H = ownership_matrix(self.firm_ids[block.index], self.problem.holdings)
        D = share_jacobian(P, block.weights, alpha)
        return self.prices[block.index] - margins(self._block_shares(block), D, H)

    def _check_pricing(self):
        """Somebody sets each price, and has a best one."""
        check_owners(self.firm_ids)
        self._check_prices_matter("firms have no optimal price")

    def costs(self, market=None):
        """Marginal costs (N,) or (J,), in units of price: at these nobody would set another price.

        Conduct is Bertrand-Nash unless the problem's `holdings` say otherwise. A counterfactual has
        the costs it was solved with.
        """
        self._check_pricing()
        if self._costs is not None and market is None:
            return self._costs.copy()                           # those of dropped products too
        return self._by_product(self._block_costs, market)

    def markups(self, market=None):
        """Lerner indices `(p - c) / p` (N,) or (J,), with the costs of `costs`."""
        self._check_pricing()

        def one(block):
            p = self.prices[block.index]
            return (p - self._block_costs(block)) / p
        return self._by_product(one, market)

    def profits(self, market=None):
        """Profits `(p - c) s` from each product (N,) or (J,): in units of price, per consumer.

        Times the market size they are dollars; fixed costs are not known. A product that was
        dropped earns nothing.
        """
        self._check_pricing()

        def one(block):
            return (self.prices[block.index] - self._block_costs(block)) * self._block_shares(block)
        return self._by_product(one, market, missing=0.0)

    def hhi(self, market=None):
        """Herfindahl-Hirschman index: 10,000 times the sum of firms' squared shares of sales.

        Shares are of the inside goods, as in antitrust and in PyBLP: the outside good is no
        competitor here. A monopoly has 10,000.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        Series (T,) by market id, or with a market a float
            NaN for a market that has lost all its products.

        Raises
        ------
        InputError
            Where products have no owner, and for a market that does not exist.

        Source
        ------
        PyBLP's `compute_hhi`.
        """
        check_owners(self.firm_ids)

        def one(block):
            s = self._block_shares(block)                       # (..., J)
            together = np.vecdot(s, np.matvec(ownership_matrix(self.firm_ids[block.index]), s))
            return 10_000 * together / s.sum(-1)**2             # s_j times its firm's share, summed
        return self._by_market(one, market, "hhi", empty=np.nan)

    def counterfactual(self, firm_ids=None, costs=None, drop=None):
        """The new equilibrium after a change of owners, costs or products, everything else held.

        Conduct stays what the problem's `holdings` say, by default Bertrand-Nash. A pair in
        `holdings` that names a firm which a merger dissolved lapses.

        Parameters
        ----------
        firm_ids : array (N,), Series or dict, optional
            New owners, or which firm becomes which: `{2: 1}`.
        costs : array (N,) or Series, optional
            New marginal costs, in units of price; by default those implied by the present prices.
        drop : bool array (N,) or Series, optional
            Products that leave the market.

            Arrays are in the order of the products table; a Series is matched by its index.

        Returns
        -------
        Counterfactual

        Raises
        ------
        InputError
            Where utility is curved in price, or does not depend on it; where products have no
            owner, or a dict names a firm that does not exist; where new owners have new names and
            `holdings` speak of the old ones; for an array of the wrong length or kind, a Series
            with another index, or missing values; for costs that can't be in units of price; where
            `drop` leaves nothing; and where no equilibrium is found: the message names the markets.
        """
        problem = self.problem
        check_linear_in_price(problem, "Step 5: new prices can be solved for")
        self._check_prices_matter("firms have no optimal price")
        self._stacks()
        owners = new_owners(self.firm_ids, firm_ids, problem)
        dropped = np.isnan(self.prices)                         # what was dropped before stays out
        if drop is not None:
            dropped = dropped | one_each(drop, problem.products, "Step 5: drop", bool)
        if dropped.all():
            raise InputError("Step 5: drop takes every product out; leave at least one.")
        new_costs = self.costs() if costs is None else read_costs(costs, problem, ~dropped)
        return solve_counterfactual(self.utility, self.prices, owners, new_costs, dropped)

    def merger_prices(self, firm_ids):
        """Prices (N,) after a change of owners: `counterfactual(firm_ids=firm_ids).prices`."""
        return self.counterfactual(firm_ids=firm_ids).prices

    # Welfare --------------------------------------------------------------------------------------

    def consumer_surplus(self, market=None):
        """Consumer surplus per consumer (5.8), in units of price and up to a constant.

        Parameters
        ----------
        market : market id, optional

        Returns
        -------
        Series (T,) by market id, or with a market a float
            A market that has lost all its products has zero: the outside good alone.

        Raises
        ------
        InputError
            Where utility does not depend on price; where a consumer's price coefficient is zero, or
            differs between products, or price enters through a function; and for a market that does
            not exist.
        """
        self._check_prices_matter("surplus in money needs a price coefficient")
        check_one_alpha(self.problem)

        def one(block):
            delta, mu, alpha = self.utility.at(block, self.prices)
            check_alpha(alpha)
            return consumer_surplus(delta, mu, alpha[..., 0, :], block.weights)
        return self._by_market(one, market, "consumer_surplus", empty=0.0)


class Counterfactual(Outcome):
    """A new equilibrium: an `Outcome` whose prices solve all first-order conditions after a change.

    Attributes
    ----------
    prices, shares : arrays (N,)
        In the order of the products table. A product that was dropped has price NaN and share zero.
    iterations : int
        Of the zeta map (5.7), in the stack of markets that needed most.
    residual : float
        Largest error in a first-order condition, `s + (H * D')(p - c)`, as a fraction of the share;
        at most 1e-10.
    """

    def __init__(self, utility, prices, firm_ids, costs, blocks, iterations, residual):
        super().__init__(utility, prices, firm_ids, costs, blocks)
        self.iterations, self.residual = iterations, residual

    def __repr__(self):
        change = 100 * (self.prices / self.problem.prices - 1)
        mean, low, high = np.nanmean(change), np.nanmin(change), np.nanmax(change)
        return (f"Counterfactual in {self.problem.T} markets: prices change by {mean:.3g} percent "
                f"on average ({low:.3g} to {high:.3g}); first-order conditions hold to "
                f"{self.residual:.1e}")


def solve_counterfactual(utility, start, firm_ids, costs, dropped):
    """Equilibrium prices without the dropped products; an error names the markets without any."""
    problem = utility.problem
    blocks = blocks_without(problem, dropped)
    prices, iterations, residual, failed = np.full(problem.N, np.nan), 0, 0.0, []
    for block in blocks:
        H = ownership_matrix(firm_ids[block.index], problem.holdings)
        delta, mu, alpha = utility.at(block, start)
        with np.errstate(all="ignore"):                         # where it diverges is said below
            found = equilibrium_prices(delta, mu, alpha, block.weights, start[block.index],
                                       costs[block.index], H)
        prices[block.index] = found.prices
        iterations = max(iterations, found.iterations)
        residual = max(residual, found.residual.max())
        failed.extend(problem.market_labels[block.markets[~(found.residual <= 1e-10)]])
    if failed:
        raise InputError("Step 5: no equilibrium prices were found in market(s) "
                         f"{listing(failed)}: the zeta map did not settle there. Consumers who "
                         "like high prices, or costs far from the present ones, are the usual "
                         "reasons.")
    return Counterfactual(utility, prices, firm_ids, costs, blocks, iterations, residual)


def blocks_without(problem, dropped):
    """Blocks of the products that stay, with an index that leads to the whole table."""
    if not dropped.any():
        return problem.blocks
    keep = np.flatnonzero(~dropped)
    blocks = make_blocks(problem.markets[keep], problem.shares[keep], problem.X2[keep],
                         problem.agent_markets, problem.tastes, problem.weights)
    return [replace(block, index=keep[block.index]) for block in blocks]


# What is refused ----------------------------------------------------------------------------------

def check_linear_in_price(problem, what):
    """Refuse utility that is curved in price: slopes at observed prices lead to no other ones."""
    curved = [n for d in (problem.linear, problem.random) for n, c in zip(d.names, d.price_curved) if c]
    if curved:
        raise InputError(f"{what} where utility is linear in price; `{curved[0]}` is not.")


def check_one_alpha(problem):
    """Refuse price that enters through a function: every price has a coefficient of its own."""
    if problem.linear.price_curved.any() or problem.random.price_curved.any():
        raise InputError("Step 5: this surplus formula needs one price coefficient for each "
                         "consumer, the same at all prices; here price enters through a function.")


def check_alpha(alpha):
    """Every type has one price coefficient (..., J, I) for all products, and none has zero."""
    if (np.ptp(alpha, axis=-2) > 1e-9 * abs(alpha).max()).any():
        raise InputError("Step 5: this surplus formula needs one price coefficient for each "
                         "consumer, the same for all products; here price interacts with another "
                         "characteristic.")
    if (alpha == 0).any():
        raise InputError("Step 5: a consumer type has a price coefficient of zero. No sum of money "
                         "makes up for anything to it, so that there is no surplus in money. Put "
                         "prices into linear too.")


def check_factor(factor):
    """A fraction by which prices change, and no market id that has come first by mistake."""
    fraction = isinstance(factor, (float, np.floating)) and np.isfinite(factor)
    if not fraction or factor == 0 or factor <= -1:
        raise InputError(f"Step 5: factor={factor!r} must be the fraction by which prices change, "
                         "such as 0.1 for ten percent. A market is named by market=.")
