"""The linear equations of Step 3 as one: demand alone, or demand above supply.

With a supply side `delta = X1 beta + xi` and `c~ = X3 gamma + omega` are stacked, block-diagonal in
regressors and instruments, so that the estimator of one equation is the estimator of several. The
stack has E rows for each of N products, and moments are averages over products: that is where E
enters.
"""
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from .gmm import (concentrate, contribution_covariance, iv_gmm, moment_covariance, moment_jacobian,
                  weighting_2sls)


@dataclass(frozen=True)
class Equations:
    """Regressors and instruments of E equations of N products each.

    Attributes
    ----------
    regressors : list of arrays (N, K)
        Of each equation, without the columns whose parameters are searched.
    instruments : list of arrays (N, M)

    Examples
    --------
    >>> from blpteach import Problem, simulate
    >>> from blpteach.simulation import FORMULAS, SUPPLY
    >>> problem = Problem(*simulate(T=3), **FORMULAS, supply=SUPPLY)
    >>> K = problem.K1 - 1 + problem.K3                         # that of prices is searched
    >>> problem.equations.X.shape == (2 * problem.N, K)
    True
    """
    regressors: list
    instruments: list

    @property
    def X(self):
        """All regressors (E N, K)."""
        return self.regressors[0] if len(self.regressors) == 1 else block_diag(*self.regressors)

    @property
    def Z(self):
        """All instruments (E N, M)."""
        return self.instruments[0] if len(self.instruments) == 1 else block_diag(*self.instruments)

    # Step 3 for all equations: averages are over products, not over the rows of the stack ---------

    @cached_property
    def first_step(self):
        """`W = (Z'Z / N)^-1` (M, M), as in `gmm.weighting_2sls`, with its `concentrate(W)`."""
        W = weighting_2sls(self.Z) / len(self.instruments)
        return W, *self.concentrate(W)

    def concentrate(self, W):
        """`beta_map` (K, E N) and `moment_map` (M, E N), as in `gmm.concentrate`."""
        beta_map, moment_map = concentrate(self.X, self.Z, W)
        return beta_map, np.sqrt(len(self.instruments)) * moment_map

    def moment_jacobian(self, jacobian):
        """G (M, P + K), as in `gmm.moment_jacobian`.

        Parameters
        ----------
        jacobian : array (E N, P)
            Of what the equations explain, in theta2.

        Returns
        -------
        array (M, P + K)
        """
        return len(self.instruments) * moment_jacobian(self.Z, self.X, jacobian)

    def unobservables(self, values, W):
        """What the linear parameters leave of `values` (E N,) (3.3): xi, or xi above omega."""
        return values - self.X @ iv_gmm(values, self.X, self.Z, W)

    def moment_covariance(self, unobservables, kind, clusters, center):
        """S (M, M) of all moments (3.7).

        Unadjusted it is `cov(xi, omega)` times the products of instruments.

        Parameters
        ----------
        unobservables : array (E N,)
        kind, clusters, center
            As in `gmm.moment_covariance`.

        Returns
        -------
        array (M, M)
        """
        clusters = clusters if kind == "clustered" else None
        if len(self.instruments) == 1:
            return moment_covariance(self.Z, unobservables, kind, clusters, center)
        left = unobservables.reshape(len(self.instruments), -1)              # (E, N)  xi, omega
        if kind == "unadjusted":
            covariance, N = np.cov(left, bias=True), left.shape[1]
            return np.block([[c * Za.T @ Zb / N for c, Zb in zip(row, self.instruments)]
                             for row, Za in zip(covariance, self.instruments)])
        contributions = np.hstack([Z * u[:, None] for Z, u in zip(self.instruments, left)])
        return contribution_covariance(contributions, kind, clusters, center)
