"""The linear equations of Step 3 as one: demand alone, or demand above supply.

With a supply side `delta = X1 beta + xi` and `c~ = X3 gamma + omega` are stacked, block-diagonal in regressors and instruments, so that
the estimator of one equation is the estimator of both.
"""
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from .gmm import contribution_covariance, moment_covariance


@dataclass(frozen=True)
class Equations:
    """Regressors and instruments of one or two equations of N products.

    Attributes
    ----------
    X : array (N, K1) or (2N, K1 + K3)
        Without the columns whose parameters are searched.
    Z : array (N, M) or (2N, MD + MS)
    N : int
    parts : list of arrays (N, M)
        Instruments of each equation.

    Examples
    --------
    >>> from blpteach import Problem, Truth, simulate
    >>> from blpteach.simulation import FORMULAS, SUPPLY
    >>> problem, truth = Problem(*simulate(T=3), **FORMULAS, supply=SUPPLY), Truth()
    >>> equations = Equations.of(problem, problem.theta2(truth.sigma_matrix, truth.pi_matrix, {"prices": -2.0}))
    >>> equations.X.shape == (2 * problem.N, problem.K1 - 1 + problem.K3)    # the coefficient of prices is searched
    True
    """
    X: np.ndarray
    Z: np.ndarray
    N: int
    parts: list

    @classmethod
    def of(cls, problem, free):
        """Those of a problem, with the linear parameters that `free` does not search."""
        X1 = problem.X1[:, free.concentrated(problem.K1)]
        if problem.cost_model is None:
            return cls(X1, problem.Z, problem.N, [problem.Z])
        X3, ZS = problem.cost_model.X3, problem.cost_model.ZS
        return cls(block_diag(X1, X3), block_diag(problem.Z, ZS), problem.N, [problem.Z, ZS])

    def moment_covariance(self, unobservables, kind, clusters, center):
        """S (M, M) of all moments (3.7); unadjusted, `cov(xi, omega)` times the products of instruments.

        Parameters
        ----------
        unobservables : array (N,) or (2N,)
        kind, clusters, center
            As in `gmm.moment_covariance`.

        Returns
        -------
        array (M, M)
        """
        if len(self.parts) == 1:
            return moment_covariance(self.Z, unobservables, kind, clusters, center)
        left = unobservables.reshape(len(self.parts), self.N)   # xi, omega
        if kind == "unadjusted":
            covariance = np.cov(left, bias=True)
            return np.block([[c * Za.T @ Zb / self.N for c, Zb in zip(row, self.parts)] for row, Za in zip(covariance, self.parts)])
        contributions = np.hstack([Z * u[:, None] for Z, u in zip(self.parts, left)])
        return contribution_covariance(contributions, kind, clusters, center)
