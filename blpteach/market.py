"""Markets at given prices: utilities as a function of prices, and the arrays of one market."""
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .post_estimation import ownership_matrix, price_coefficients
from .tables.beside import check_owners
from .utility import taste_deviations


@dataclass(frozen=True)
class UtilityOfPrice:
    """Utilities of all products as a function of prices: what doesn't change in a counterfactual.

    Attributes
    ----------
    problem : Problem
    beta : array (K1,)
    Gamma : array (K2, L + D)
    delta : array (N,)
        Mean utilities at the observed prices.
    """
    problem: object
    beta: np.ndarray
    Gamma: np.ndarray
    delta: np.ndarray

    @cached_property
    def xi(self):
        """Unobserved quality (N,), after absorption: the same at all prices."""
        return self.problem.demean(self.delta) - self.problem.X1 @ self.beta

    def slopes(self, index):
        """dX1 (..., J, K1), dX2 (..., J, K2): derivatives of characteristics in price."""
        return self.problem.linear.price_slope[index], self.problem.random.price_slope[index]

    def characteristics(self, index, prices):
        """X1 (..., J, K1), before absorption, and X2 (..., J, K2) at prices (N,) of all."""
        X1, X2 = self.problem.linear.values[index], self.problem.X2[index]
        change = (prices - self.problem.prices)[index][..., None]            # (..., J, 1)
        dX1, dX2 = self.slopes(index)
        return X1 + dX1 * change, X2 + dX2 * change

    def tastes(self, block):
        """Tastes (..., I, L + D) of a block and Gamma; `lognormal.as_tastes` makes them linear."""
        return self.problem.lognormal.as_tastes(block.tastes, self.Gamma)

    def at(self, block, prices):
        """Utilities of a block's products where all products have prices (N,).

        Returns
        -------
        delta : array (..., J)
            It has moved from the observed prices by the slope of X1 in price, times beta.
        mu : array (..., J, I)
            It has moved by the slope of X2, times each type's tastes.
        alpha : array (..., J, I)
            Price coefficients (5.1), the same at all prices.
        """
        (tastes, Gamma), (dX1, dX2) = self.tastes(block), self.slopes(block.index)
        change = (prices - self.problem.prices)[block.index]    # (..., J)
        delta = self.delta[block.index] + (dX1 @ self.beta) * change
        _, X2 = self.characteristics(block.index, prices)
        alpha = price_coefficients(dX1, self.beta, dX2, Gamma, tastes)
        return delta, taste_deviations(X2, tastes, Gamma), alpha


@dataclass(frozen=True)
class Market:
    """One market at given prices: its arrays under the names of the lessons.

    Attributes
    ----------
    market_id : object
    rows : int array (J,)
        Of the products table.
    product_ids, firm_ids : arrays (J,)
        Where the table has no `product_ids`, the labels of its index; where it has no `firm_ids`,
        None.
    prices, shares : arrays (J,)
    X1, dX1 : arrays (J, K1)
        Linear characteristics before absorption, and their derivatives in price.
    X2, dX2 : arrays (J, K2)
    beta : array (K1,)
    Gamma : array (K2, L + D)
    tastes : array (I, L + D)
        `taste_deviations(X2, tastes, Gamma)` is mu. A lognormal coefficient has a column more in
        both; see `lognormal.as_tastes`.
    weights : array (I,)
    delta, xi : arrays (J,)
        delta is `X1 @ beta + xi`, plus the fixed effects where some are absorbed.
    mu, alpha, P : arrays (J, I)
    holdings : float or dict
        Conduct, as in `ownership_matrix`.
    """
    market_id: object
    rows: np.ndarray
    product_ids: np.ndarray
    firm_ids: np.ndarray
    prices: np.ndarray
    shares: np.ndarray
    X1: np.ndarray
    dX1: np.ndarray
    X2: np.ndarray
    dX2: np.ndarray
    beta: np.ndarray
    Gamma: np.ndarray
    tastes: np.ndarray
    weights: np.ndarray
    delta: np.ndarray
    xi: np.ndarray
    mu: np.ndarray
    alpha: np.ndarray
    P: np.ndarray
    holdings: object

    def __repr__(self):
        J, I = self.P.shape
        arrays = [name for name, value in vars(self).items() if isinstance(value, np.ndarray)]
        return f"Market {self.market_id!r}: {J} products, {I} consumer types\n  {', '.join(arrays)}"

    @property
    def ownership(self):
        """H (J, J) (5.5): whose profits the setter of each price looks at."""
        check_owners(self.firm_ids)
        return ownership_matrix(self.firm_ids, self.holdings)
