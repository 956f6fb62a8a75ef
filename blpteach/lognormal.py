"""Lognormal coefficients, written as tastes: one more column each, and no step knows of them.

A coefficient `s exp(Gamma_k v_i)` with sign s never changes its sign: nobody likes high prices,
and surplus has a mean. Its location is the coefficient of a constant among the demographics.
"""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lognormal:
    """Which rows of Gamma are lognormal, and their signs.

    Attributes
    ----------
    rows : int array (Q,)
    signs : array (Q,)
    """
    rows: np.ndarray
    signs: np.ndarray

    def coefficients(self, tastes, Gamma):
        """Coefficients `s exp(Gamma_k v_i)` (..., I, Q)."""
        return self.signs * np.exp(tastes @ Gamma[self.rows].T)

    def as_tastes(self, tastes, Gamma):
        """Tastes and Gamma that are linear and give the same utilities (4.9).

        Each lognormal coefficient becomes a taste with weight one.

        Parameters
        ----------
        tastes : array (..., I, L + D)
        Gamma : array (K2, L + D)

        Returns
        -------
        tastes : array (..., I, L + D + Q)
        Gamma : array (K2, L + D + Q)

        Examples
        --------
        >>> some = Lognormal(np.array([0]), np.array([-1.0]))
        >>> tastes, Gamma = some.as_tastes(np.array([[0.0], [1.0]]), np.array([[1.0]]))
        >>> (Gamma @ tastes.T).round(3)
        array([[-1.   , -2.718]])
        """
        if not len(self.rows):
            return tastes, Gamma
        linear, weight = Gamma.copy(), np.zeros((len(Gamma), len(self.rows)))
        linear[self.rows], weight[self.rows, range(len(self.rows))] = 0, 1
        wider = np.concatenate([tastes, self.coefficients(tastes, Gamma)], -1)
        return wider, np.hstack([linear, weight])

    def slopes(self, tastes, Gamma, rows, columns):
        """How coefficients move with elements of Gamma: `v_il`, times the coefficient if lognormal.

        Parameters
        ----------
        tastes : array (..., I, L + D)
        Gamma : array (K2, L + D)
        rows, columns : int arrays (H,)

        Returns
        -------
        array (..., I, H)
        """
        v = tastes.take(columns, -1)
        if not len(self.rows):
            return v
        coefficients = self.coefficients(tastes, Gamma)
        for q, row in enumerate(self.rows):
            v[..., rows == row] *= coefficients[..., q, None]
        return v


NONE = Lognormal(np.empty(0, int), np.empty(0))
