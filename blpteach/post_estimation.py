"""Step 5. What estimates are for: elasticities, diversion, markups, mergers and welfare.

All of it follows from choice probabilities and from alpha, how a type's utility moves with price.
Leading axes `...` are markets; J products, I consumer types.
"""
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .utility import choice_probabilities, inclusive_value, own_and_cross_slopes


# Price derivatives --------------------------------------------------------------------------------

def price_coefficients(dX1, beta, dX2, Gamma, tastes):
    """How utility moves with price (5.1): `alpha_ij = d u_ij / d p_j`, through X1 and X2 together.

    Parameters
    ----------
    dX1 : array (..., J, K1)
        Derivative of the linear characteristics in price: one in the column of prices, else zero.
    beta : array (K1,)
        Mean tastes.
    dX2 : array (..., J, K2)
        The same for the characteristics with random coefficients.
    Gamma : array (K2, L + D)
        `[sigma, pi]`.
    tastes : array (..., I, L + D)
        `[nodes, demographics]`.

    Returns
    -------
    alpha : array (..., J, I)
        In utils per unit of price; usually negative, never assumed so.

    Source
    ------
    Berry, Levinsohn and Pakes (1995), section 6, where it is `d mu_ij / d p_j`; Nevo (2000).

    Examples
    --------
    >>> one, nodes = np.ones((1, 1)), np.array([[-1.0], [1.0]])
    >>> price_coefficients(one, np.array([-3.0]), one, one, nodes)
    array([[-4., -2.]])
    """
    return (dX1 @ beta)[..., None] + dX2 @ Gamma @ tastes.mT


def share_jacobian(P, weights, alpha):
    """Price derivatives of shares (5.2).

    `d s_j / d p_l = sum_i w_i alpha_il s_ij (1{j = l} - s_il)`

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    weights : array (..., I)
        Integration weights.
    alpha : array (..., J, I)
        From `price_coefficients`.

    Returns
    -------
    array (..., J, J)
        `[j, l]` is the derivative of share j in price l.

    Source
    ------
    Berry, Levinsohn and Pakes (1995), section 6; Morrow and Skerlos (2011) for its two parts.

    Examples
    --------
    >>> share_jacobian(np.array([[0.2], [0.3]]), np.ones(1), np.full((2, 1), -2.0))
    array([[-0.32,  0.12],
           [ 0.12, -0.42]])
    """
    Lambda, Crossing = share_jacobian_parts(P, weights, alpha)
    return Lambda[..., None] * np.eye(P.shape[-2]) - Crossing


def share_jacobian_parts(P, weights, alpha):
    """The two parts of (5.2), `diag(Lambda) - Crossing`.

    Parameters
    ----------
    P, weights, alpha
        As in `share_jacobian`.

    Returns
    -------
    Lambda : array (..., J)
        `Lambda_j = sum_i w_i alpha_ij s_ij`
    Crossing : array (..., J, J)
        `Crossing_jl = sum_i w_i alpha_il s_ij s_il`
    """
    return own_and_cross_slopes(P, P * weights[..., None, :], alpha)


def elasticities(jacobian, prices, shares):
    """Percent change of share j as price l rises by one percent (5.3): `(p_l / s_j) d s_j / d p_l`.

    Parameters
    ----------
    jacobian : array (..., J, J)
        From `share_jacobian`.
    prices, shares : array (..., J)

    Returns
    -------
    array (..., J, J)

    Source
    ------
    Nevo (2000), page 522.

    Examples
    --------
    >>> jacobian = np.array([[-0.32, 0.12], [0.12, -0.42]])
    >>> elasticities(jacobian, np.array([1.0, 2.0]), np.array([0.2, 0.3]))
    array([[-1.6,  1.2],
           [ 0.4, -2.8]])
    """
    return jacobian * prices[..., None, :] / shares[..., :, None]


def diversion_ratios(P, weights, alpha):
    """Of those who leave product j as its price rises, the fraction that goes to l (5.4).

    `-(d s_l / d p_j) / (d s_j / d p_j)`

    Parameters
    ----------
    P, weights, alpha
        As in `share_jacobian`.

    Returns
    -------
    array (..., J, J)
        `[j, l]` from j to l; the diagonal, which would say nothing, holds the fraction that goes to
        the outside good. It is computed on its own, `sum_i w_i alpha_ij s_ij s_i0`, and rows sum to
        one.

    Source
    ------
    Conlon and Mortimer (2021); the place of the outside good follows PyBLP.

    Examples
    --------
    >>> P = np.array([[0.2], [0.3]])                            # logit: shares / (1 - s_j)
    >>> diversion_ratios(P, np.ones(1), np.full((2, 1), -2.0)).round(4)
    array([[0.625 , 0.375 ],
           [0.2857, 0.7143]])
    """
    jacobian = share_jacobian(P, weights, alpha)
    s_i0 = 1 - P.sum(-2)                                        # (..., I)
    to_outside = -(P * alpha * (weights * s_i0)[..., None, :]).sum(-1)     # (..., J)  d s_0 / d p_j
    own = np.diagonal(jacobian, axis1=-2, axis2=-1)[..., None]  # (..., J, 1)
    J = np.arange(P.shape[-2])
    diversion = -jacobian.mT / own
    diversion[..., J, J] = -to_outside / own[..., 0]
    return diversion


# Firms --------------------------------------------------------------------------------------------

def ownership_matrix(firm_ids, holdings=0.0):
    """Whose profits the setter of a price looks at (5.5).

    `H_jl = 1` where one firm owns j and l, else what is held of l.

    Parameters
    ----------
    firm_ids : array (..., J)
        Owner of each product.
    holdings : float, or dict from (firm, other firm) to float
        Weight that a firm puts on a dollar of another firm's profit: 0 is competition in prices,
        1 joint monopoly, numbers between are common owners or partial collusion. A dict gives
        single pairs, (1, 2) how firm 1 weighs firm 2; all others are 0.

    Returns
    -------
    array (..., J, J)

    Raises
    ------
    InputError
        Where a product has no owner (NaN).

    Source
    ------
    O'Brien and Salop (2000) for partial ownership.

    Examples
    --------
    >>> ownership_matrix(np.array([1, 1, 2]))
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    >>> ownership_matrix(np.array([1, 1, 2]), {(1, 2): 0.3})
    array([[1. , 1. , 0.3],
           [1. , 1. , 0.3],
           [0. , 0. , 1. ]])
    """
    firm_ids = np.asarray(firm_ids)
    if (firm_ids != firm_ids).any():                            # NaN alone differs from itself
        raise InputError("ownership_matrix: firm_ids has missing values (NaN): "
                         "every product needs an owner.")
    setter, other = firm_ids[..., :, None], firm_ids[..., None, :]
    if not isinstance(holdings, dict):
        return np.where(setter == other, 1.0, holdings)
    H = (setter == other).astype(float)
    for (firm, held), weight in holdings.items():
        H = np.where((setter == firm) & (other == held), weight, H)
    return H


def margins(shares, jacobian, ownership):
    """Price minus cost at which no firm gains from another price, Bertrand-Nash (5.6).

    `eta = -(H * D')^-1 s`

    Parameters
    ----------
    shares : array (..., J)
    jacobian : array (..., J, J)
        D, from `share_jacobian`.
    ownership : array (..., J, J)
        H, from `ownership_matrix`.

    Returns
    -------
    eta : array (..., J)
        In units of price. Costs are `prices - eta`, the Lerner index is `eta / prices`.

    Source
    ------
    Berry, Levinsohn and Pakes (1995), equation 3.5; Nevo (2001).

    Examples
    --------
    >>> margins(np.array([0.2]), np.array([[-0.32]]), np.ones((1, 1)))       # 1 / (-alpha (1 - s))
    array([0.625])
    """
    return np.linalg.solve(-ownership * jacobian.mT, shares[..., None])[..., 0]


@dataclass(frozen=True)
class Equilibrium:
    """Prices that solve every firm's first-order condition.

    Attributes
    ----------
    prices : array (..., J)
    residual : array (...)
        Largest `|s + (H * D')(p - c)| / s` of a market's products, one iteration earlier.
    iterations : int
    """
    prices: np.ndarray
    residual: np.ndarray
    iterations: int


def equilibrium_prices(delta, mu, alpha, weights, prices, costs, ownership, tolerance=1e-12,
                       max_iterations=5000):
    """Bertrand-Nash prices by the zeta map (5.7).

    `p <- c + (h * Lambda)^-1 ((H * Crossing') (p - c) - s)`

    It is the first-order condition `s + (H * D')(p - c) = 0` with `D = diag(Lambda) - Crossing`
    (5.2), solved for the part that Lambda multiplies; h, the diagonal of H, is one unless a setter
    discounts its own profit. The more obvious `p <- c + eta(p)` can cycle. Neither says that the
    equilibrium is the only one.

    Parameters
    ----------
    delta : array (..., J)
        Mean utilities at `prices`.
    mu : array (..., J, I)
        Taste deviations at `prices`.
    alpha : array (..., J, I)
        Price coefficients, constant in price.
    weights : array (..., I)
    prices : array (..., J)
        Where delta and mu were taken, and the start of the search.
    costs : array (..., J)
        Marginal costs.
    ownership : array (..., J, J)
    tolerance : float
        On the first-order conditions `s + (H * D')(p - c)`, each as a fraction of its product's
        share: small products count as much as large ones.
    max_iterations : int
        After so many the prices are returned as they are. That they are no equilibrium shows in
        `residual` only: it is above the tolerance, or NaN.

    Returns
    -------
    Equilibrium

    Raises
    ------
    InputError
        If `max_iterations` is less than one.

    Source
    ------
    Morrow and Skerlos (2011).

    Examples
    --------
    >>> zero, one, mu, H = np.zeros(1), np.ones(1), np.zeros((1, 1)), np.ones((1, 1))
    >>> found = equilibrium_prices(zero, mu, np.full((1, 1), -2.0), one, one, zero, H)
    >>> s = choice_probabilities(-2 * (found.prices - 1), mu)[0, 0]
    >>> bool(abs(found.prices[0] - 1 / (2 * (1 - s))) < 1e-10)
    True
    """
    if max_iterations < 1:
        raise InputError(f"equilibrium_prices: max_iterations={max_iterations!r} "
                         "must be 1 or more.")
    p, h = prices, np.diagonal(ownership, axis1=-2, axis2=-1)
    for iteration in range(1, max_iterations + 1):
        P = choice_probabilities(delta, mu + alpha * (p - prices)[..., None])
        Lambda, Crossing = share_jacobian_parts(P, weights, alpha)
        shares = np.vecdot(P, weights[..., None, :])            # (..., J)
        zeta = (np.matvec(ownership * Crossing.mT, p - costs) - shares) / (h * Lambda)
        residual = abs(h * Lambda * (p - costs - zeta) / shares).max(-1)     # (...)
        p = costs + zeta
        if (residual <= tolerance).all():
            break
    return Equilibrium(p, residual, iteration)


# Welfare ------------------------------------------------------------------------------------------

def consumer_surplus(delta, mu, alpha, weights):
    """Expected value of the best choice in money (5.8).

    `CS = sum_i w_i log(1 + sum_j exp(V_ij)) / (-alpha_i)`

    Parameters
    ----------
    delta : array (..., J)
    mu : array (..., J, I)
    alpha : array (..., I)
        Each type's price coefficient, constant over products and in price. Divided by minus alpha,
        not by its absolute value: `d CS / d p_j = -s_j` must hold for a type that likes high prices
        too.
    weights : array (..., I)

    Returns
    -------
    array (...)
        In units of price, per consumer, up to a constant: only differences mean something.

    Source
    ------
    Small and Rosen (1981).

    Examples
    --------
    >>> CS = consumer_surplus(np.zeros(1), np.zeros((1, 1)), np.full(1, -2.0), np.ones(1))
    >>> float(CS.round(4))
    0.3466
    """
    return np.vecdot(weights, inclusive_value(delta, mu) / -alpha)
