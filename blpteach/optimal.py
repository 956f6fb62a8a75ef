"""Approximately optimal instruments: how xi moves with the parameters, in expectation.

Chamberlain (1987): given conditional moment restrictions, the best instruments are the expected
derivatives of the unobservables in the parameters, weighted by the inverse of their covariance. The
derivatives depend on xi through prices and shares, so that they are evaluated where both
unobservables are at their mean of zero.
"""
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .errors import InputError
from .outcome import check_linear_in_price, solve_counterfactual
from .tables.beside import one_each
from .utility import market_shares


@dataclass(frozen=True)
class OptimalInstruments:
    """Approximately optimal instruments, and what they were computed from.

    Attributes
    ----------
    demand : DataFrame (N, P), or (N, P + columns of `linear` with prices) without a supply side
        A column for each nonlinear parameter, then the expected value of each endogenous linear
        characteristic.
    supply : DataFrame (N, P) or None
    prices, shares : arrays (N,)
        Expected prices, and shares at these prices when xi is zero.
    problem : Problem
        The estimates' problem with these instruments in place of its own: as many moments as
        parameters without a supply side. The objective is then zero at every root of the moments,
        and there may be several, such as one of either sign of sigma: search from several starting
        values.
    """
    demand: pd.DataFrame
    supply: pd.DataFrame
    prices: np.ndarray
    shares: np.ndarray
    problem: object


def optimal_instruments(estimates, prices=None):
    """Expected derivatives of xi and omega at the estimates, where both are zero (7.5).

    Parameters
    ----------
    estimates : Estimates
    prices : array (N,) or Series, optional
        Expected prices; a Series is matched by its index. By default the equilibrium at mean costs
        with a supply side, and the fitted values of the first stage without.

    Returns
    -------
    OptimalInstruments

    Raises
    ------
    InputError
        Where shares were not inverted, or utility is curved in price; for `prices` that are not one
        finite number for each product, or a Series with another index; where there is no
        equilibrium at mean costs; and where the new instruments are collinear or absorbed by the
        fixed effects.

    Source
    ------
    Berry, Levinsohn and Pakes (1999); Reynaert and Verboven (2014); Conlon and Gortmaker (2020),
    section 4.

    Examples
    --------
    >>> from blpteach import Problem, Truth, simulate
    >>> from blpteach.simulation import FORMULAS
    >>> truth, problem = Truth(), Problem(*simulate(T=3), **FORMULAS)
    >>> estimates = problem.evaluate(truth.sigma_matrix, truth.pi_matrix)
    >>> optimal_instruments(estimates).demand.columns.tolist()
    ['optimal sigma[x, nodes1]', 'optimal sigma[group, nodes2]', 'optimal pi[prices, income]',
     'expected prices']
    """
    problem = estimates.problem
    if not estimates.inverted:
        raise InputError("optimal_instruments: shares were not inverted in all markets, so there "
                         "is no xi. Take parameters nearer to zero.")
    check_linear_in_price(problem, "optimal_instruments: expected prices have expected "
                                   "characteristics")
    xi, omega = estimates.xi, estimates.omega
    utility = replace(estimates.utility, delta=estimates.delta - xi)         # at a xi of zero
    prices = (expected_prices(estimates, utility) if prices is None
              else one_each(prices, problem.products, "optimal_instruments: prices"))
    shares, blocks, X1 = at_expected(utility, prices)
    solved = problem.solver(estimates.free, blocks=blocks, prices=prices, X1=X1)(estimates.theta2)
    jacobian = solved.jacobian.reshape(-1, problem.N, len(estimates.theta2))  # (equations, N, P)
    covariance = np.atleast_2d(np.cov([xi] if omega is None else [xi, omega]))
    weighted = np.tensordot(np.linalg.inv(covariance), jacobian, 1)
    index, names = problem.products.index, [f"optimal {name}" for name in estimates.free.names]
    tables = [pd.DataFrame(values, index, names) for values in weighted]
    concentrated = np.setdiff1d(np.flatnonzero(problem.linear.endogenous), estimates.free.searched)
    expected = pd.DataFrame(X1[:, concentrated], index,
                            [f"expected {problem.X1_names[k]}" for k in concentrated])
    demand = pd.concat([tables[0], expected], axis=1)
    supply = None if omega is None else tables[1]
    return OptimalInstruments(demand, supply, prices, shares,
                              problem.with_instruments(demand, supply))


def expected_prices(estimates, utility):
    """Prices (N,) in expectation: with a supply side the equilibrium at `c = X3 gamma`.

    Without one, the fit of prices on all exogenous variables.
    """
    problem = estimates.problem
    if problem.cost_model is None:
        net = problem.demean(problem.prices)
        return problem.prices - net + problem.Z @ np.linalg.lstsq(problem.Z, net, rcond=None)[0]
    explained = problem.cost_model.X3 @ estimates.gamma
    costs = np.exp(explained) if problem.cost_model.log else explained
    dropped = np.zeros(problem.N, bool)                         # none of them
    return solve_counterfactual(utility, problem.prices, estimates.firm_ids, costs, dropped).prices


def at_expected(utility, prices):
    """Shares (N,) at other prices, blocks with these shares and X2 there, and X1 (N, K1) there."""
    problem = utility.problem
    X1, X2 = utility.characteristics(np.arange(problem.N), prices)
    shares, blocks = np.empty(problem.N), []
    for block in problem.blocks:
        delta, mu, _ = utility.at(block, prices)
        shares[block.index] = market_shares(delta, mu, block.weights)
        blocks.append(replace(block, shares=shares[block.index], X2=X2[block.index]))
    return shares, blocks, X1
