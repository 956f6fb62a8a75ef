"""Supply: what prices say about costs, and what costs say about demand.

Firms set prices, so the margins of Step 5 give marginal costs, and costs have characteristics and
an unobservable of their own: `c = X3 gamma + omega`, or the same in logs. Both unobservables are
orthogonal to instruments, and both depend on theta2: delta through Step 2, costs through the
margins. Leading axes `...` are markets.
"""
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .lognormal import NONE
from .outer_loop import MeanUtilities, solve_delta
from .post_estimation import margins, price_coefficients, share_jacobian
from .utility import choice_probabilities, log_probability_slopes, taste_deviations


# One market, or a stack ---------------------------------------------------------------------------

def margin_jacobian(P, weights, alpha, eta, ownership, slopes, setters=None, jacobian=None):
    """How margins move with parameters while shares stay put (9.3).

    `d eta = -(H * D')^-1 (H * dD') eta` follows from `(H * D') eta = -s` (5.6), whose right side
    are data. `dD` is total: theta2 moves alpha and, with delta adjusting, every choice probability.

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    weights : array (..., I)
    alpha : array (..., J, I)
        From `post_estimation.price_coefficients`.
    eta : array (..., J)
        From `post_estimation.margins`.
    ownership : array (..., J, J)
        H, from `post_estimation.ownership_matrix`.
    slopes : iterable of (array (..., J, I), array (..., J, I))
        For each parameter the total derivatives of utilities V and of alpha.
    setters : (array (..., J, F), array (..., F, J)), optional
        From `by_firm`: what a firm owns is then summed once, not for each of its products.
    jacobian : array (..., J, J), optional
        D, if it is there already.

    Returns
    -------
    array (..., J, H)
        One column for each parameter.

    Source
    ------
    Conlon and Gortmaker (2020); in PyBLP's notation `Delta = -(H * D')`.

    Examples
    --------
    >>> P, one = np.array([[0.2]]), np.ones((1, 1))             # logit: eta = -1 / (alpha (1 - s))
    >>> margin_jacobian(P, np.ones(1), -2 * one, np.array([0.625]), one, [(0 * one, one)])
    array([[0.3125]])
    """
    belongs, rows = by_firm(ownership) if setters is None else setters
    own, owned_eta = np.diagonal(ownership, axis1=-2, axis2=-1) * eta, rows * eta[..., None, :]
    wP = weights[..., None, :] * P
    # With D = diag(a 1) - P a', (H * D') eta is the sum of a * beside over types.
    a = wP * alpha                                              # (..., J, I)
    beside = own[..., None] - belongs @ (owned_eta @ P)         # (..., J, I)
    a_beside, wP_beside = a * beside, wP * beside
    moved = []
    for dV, dalpha in slopes:                                   # dP = P * spread,
        spread = log_probability_slopes(P, dV)                  # da = wP * dalpha + a * spread
        here = np.vecdot(a_beside, spread) + (np.vecdot(wP_beside, dalpha) if dalpha.any() else 0)
        around = np.vecdot(a, belongs @ (owned_eta @ (P * spread)))
        moved.append(here - around)                             # (H * dD') eta  (..., J)
    D = share_jacobian(P, weights, alpha) if jacobian is None else jacobian
    return -np.linalg.solve(ownership * D.mT, np.stack(moved, -1))           # (..., J, H)


def by_firm(ownership):
    """An ownership matrix as a product (9.4): who belongs to which firm, times what it owns.

    Parameters
    ----------
    ownership : array (..., J, J)
        H. Products with the same row count as one firm's.

    Returns
    -------
    belongs : array (..., J, F)
        One where product j is the firm's, else zero.
    rows : array (..., F, J)
        Each firm's row of H; zeros fill up where a market has fewer firms than another.

    Examples
    --------
    >>> belongs, rows = by_firm(np.array([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]))
    >>> rows.shape, (belongs @ rows).tolist()
    ((2, 3), [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    """
    J = ownership.shape[-1]
    found = [np.unique(H, axis=0, return_inverse=True) for H in ownership.reshape(-1, J, J)]
    F = max(len(rows) for rows, _ in found)
    rows = np.stack([np.pad(rows, ((0, F - len(rows)), (0, 0))) for rows, _ in found])
    belongs = np.stack([np.ravel(firm)[:, None] == np.arange(F) for _, firm in found]).astype(float)
    return belongs.reshape(*ownership.shape[:-1], F), rows.reshape(*ownership.shape[:-2], F, J)


# All markets --------------------------------------------------------------------------------------

@dataclass(frozen=True)
class CostModel:
    """How marginal costs depend on characteristics.

    Attributes
    ----------
    X3 : array (N, K3)
    ZS : array (N, MS)
        Instruments of the cost equation, X3 included.
    log : bool
        Whether `log c`, not c, is linear in X3.
    bounds : (float or None, float or None)
        Costs outside are set to the bound, and counted.
    """
    X3: np.ndarray
    ZS: np.ndarray
    log: bool
    bounds: tuple

    def transform(self, costs):
        """What the cost equation explains (9.2): c within bounds, or its logarithm.

        Parameters
        ----------
        costs : array (N,)

        Returns
        -------
        values : array (N,)
            `c~`; NaN where a cost has no logarithm.
        slope : array (N,)
            Its derivative in c, zero where a cost was outside the bounds.
        clipped : bool array (N,)
            Which costs were.
        """
        low, high = self.bounds
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        clipped = (costs < low) | (costs > high)
        values = np.clip(costs, low, high)
        slope = np.ones_like(values)
        if self.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                values, slope = np.log(values), 1 / values
        return np.where(np.isfinite(values), values, np.nan), np.where(clipped, 0, slope), clipped


@dataclass(frozen=True)
class Pricing:
    """How prices enter utility, and who sets them.

    Attributes
    ----------
    prices : array (N,)
    X1 : array (N, K1)
    X1_slope, X2_slope : arrays (N, K1), (N, K2)
        Derivatives of characteristics in price.
    ownership : list of arrays (B, J, J)
        One for each block of markets.
    """
    prices: np.ndarray
    X1: np.ndarray
    X1_slope: np.ndarray
    X2_slope: np.ndarray
    ownership: list

    @cached_property
    def setters(self):
        """Who sets which prices: `by_firm` of each block's ownership."""
        return [by_firm(H) for H in self.ownership]


@dataclass(frozen=True)
class DemandAndSupply:
    """delta and costs of all products, and how they move with theta2.

    Attributes
    ----------
    mean_utilities : outer_loop.MeanUtilities
        delta, its Jacobian in the elements of Gamma, and the markets that could not be inverted.
    net_delta, net_delta_jacobian : arrays (N,), (N, P)
        delta less what the searched linear parameters explain.
    costs, tilde_costs, tilde_costs_jacobian : arrays (N,), (N,), (N, P)
        Marginal costs, and what the cost equation explains: costs within bounds, or their logs.
    clipped : bool array (N,)
        Costs outside their bounds.
    """
    mean_utilities: MeanUtilities
    net_delta: np.ndarray
    net_delta_jacobian: np.ndarray
    costs: np.ndarray
    tilde_costs: np.ndarray
    tilde_costs_jacobian: np.ndarray
    clipped: np.ndarray

    @property
    def delta(self):
        """Mean utilities (N,)."""
        return self.mean_utilities.delta

    @property
    def failed(self):
        """Numbers of the markets whose shares could not be inverted."""
        return self.mean_utilities.failed

    @cached_property
    def values(self):
        """What the two linear equations explain, one above the other (2N,)."""
        return np.r_[self.net_delta, self.tilde_costs]

    @cached_property
    def jacobian(self):
        """Its derivative (2N, P)."""
        return np.vstack([self.net_delta_jacobian, self.tilde_costs_jacobian])

    @property
    def usable(self):
        """Whether shares were inverted in all markets, and what the equations explain is finite."""
        return self.mean_utilities.usable and bool(np.isfinite(self.values).all())


def solve_demand_and_supply(theta2, free, blocks, pricing, model, lognormal=NONE):
    """Steps 1 and 2 and the first-order conditions in all markets.

    They give delta, costs `p - eta` (9.1), and their Jacobians.

    Parameters
    ----------
    theta2 : array (P,)
        Free elements of Gamma, then the linear parameters that are searched.
    free : parameters.Free
    blocks : list of Block
    pricing : Pricing
    model : CostModel
    lognormal : Lognormal, optional
        Which coefficients are lognormal.

    Returns
    -------
    DemandAndSupply

    Examples
    --------
    >>> from blpteach import Problem, Truth, simulate
    >>> from blpteach.simulation import FORMULAS, SUPPLY
    >>> products, agents = simulate(T=3)
    >>> problem, truth = Problem(products, agents, **FORMULAS, supply=SUPPLY), Truth()
    >>> free = problem.free(truth.sigma_matrix, truth.pi_matrix, {"prices": truth.beta[1]})
    >>> found = problem.solver(free)(free.start)                # calls this function
    >>> bool(abs(found.costs - products["costs"]).max() < 1e-9)              # the costs behind p
    True
    """
    found = solve_delta(theta2, free, blocks, len(pricing.prices), lognormal)
    eta, eta_jacobian = solve_margins(theta2, free, blocks, pricing, found, lognormal)
    costs, beta = pricing.prices - eta, free.unpack(theta2).beta
    tilde_costs, slope, clipped = model.transform(costs)
    net_jacobian = np.hstack([found.jacobian, -pricing.X1[:, free.searched]])            # (N, P)
    return DemandAndSupply(found, found.delta - pricing.X1 @ beta, net_jacobian,
                           costs, tilde_costs, -slope[:, None] * eta_jacobian, clipped)


def solve_margins(theta2, free, blocks, pricing, mean_utilities, lognormal=NONE):
    """Margins in all markets (5.6), and how they move with theta2 (9.3).

    Parameters
    ----------
    theta2, free, blocks, pricing, lognormal
        As in `solve_demand_and_supply`.
    mean_utilities : outer_loop.MeanUtilities

    Returns
    -------
    eta : array (N,)
        NaN where shares could not be inverted, or no margins solve the first-order conditions.
    jacobian : array (N, P)
    """
    parameters, delta = free.unpack(theta2), mean_utilities.delta
    eta, jacobian = np.full(len(delta), np.nan), np.full((len(delta), len(theta2)), np.nan)
    if not mean_utilities.usable:
        return eta, jacobian
    for block, H, setters in zip(blocks, pricing.ownership, pricing.setters):
        tastes, Gamma = lognormal.as_tastes(block.tastes, parameters.Gamma)
        X1_slope, X2_slope = pricing.X1_slope[block.index], pricing.X2_slope[block.index]
        mu = taste_deviations(block.X2, tastes, Gamma)          # (B, J, I)
        P = choice_probabilities(delta[block.index], mu)        # (B, J, I)
        alpha = price_coefficients(X1_slope, parameters.beta, X2_slope, Gamma, tastes)   # (B, J, I)
        D = share_jacobian(P, block.weights, alpha)
        v = lognormal.slopes(block.tastes, parameters.Gamma, free.rows, free.columns)    # (B, I, H)
        delta_slope = mean_utilities.jacobian[block.index]      # (B, J, H)
        slopes = utility_slopes(block.X2, v, delta_slope, free, X1_slope, X2_slope)
        try:
            eta[block.index] = margins(block.shares, D, H)
            jacobian[block.index] = margin_jacobian(P, block.weights, alpha, eta[block.index], H,
                                                    slopes, setters, D)
        except np.linalg.LinAlgError:                           # no price moves shares: NaN stays
            return eta, jacobian
    return eta, jacobian


def utility_slopes(X2, v, delta_slope, free, X1_slope, X2_slope):
    """Total derivatives of utilities and of alpha in each parameter, shares held.

    Parameters
    ----------
    X2 : array (..., J, K2)
    v : array (..., I, H)
        The taste of each element of Gamma.
    delta_slope : array (..., J, H)
        How delta moves with them.
    free : parameters.Free
    X1_slope, X2_slope : arrays (..., J, K1), (..., J, K2)
        Derivatives of characteristics in price.

    Yields
    ------
    dV, dalpha : arrays (..., J, I)
        For each element of Gamma, then each linear parameter that is searched. The second may
        have a last axis of 1.
    """
    one = np.ones(v.shape[:-1])
    for h, k in enumerate(free.rows):
        x_and_slope = np.stack([X2[..., k], delta_slope[..., h]], -1)        # (..., J, 2)
        dV = x_and_slope @ np.stack([v[..., h], one], -2)       # x_k v_h + d delta  (..., J, I)
        slope = X2_slope[..., k, None]                          # (..., J, 1)
        yield dV, slope * v[..., None, :, h] if slope.any() else slope
    for k in free.searched:
        still = np.zeros(X2.shape[:-1] + v.shape[-2:-1])        # (..., J, I)
        yield still, still + X1_slope[..., k, None]
