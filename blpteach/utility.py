"""Step 1. Utility and market shares.

Consumer i in market t gets utility u_ijt = delta_jt + mu_ijt + epsilon_ijt from product j and
u_i0t = epsilon_i0t from the outside good; epsilon is extreme value. delta is common to all
consumers, mu is what makes them differ.

Every function takes one market or a stack of markets: leading axes `...` broadcast. J products,
I consumer types, K1 and K2 characteristics, L unobserved tastes (nodes), D demographics.
"""
import numpy as np


def mean_utility(X1, beta, xi):
    """Utility that all consumers share (1.1): `delta_j = x1_j' beta + xi_j`.

    Parameters
    ----------
    X1 : array (..., J, K1)
        Linear characteristics; price is one of the columns.
    beta : array (K1,)
        Mean tastes, in utils per unit of each characteristic.
    xi : array (..., J)
        What consumers see and we don't: unobserved quality, in utils.

    Returns
    -------
    delta : array (..., J)

    Examples
    --------
    >>> X1 = np.array([[1.0, 2.0], [1.0, 4.0]])                 # a constant, and prices
    >>> mean_utility(X1, beta=np.array([3.0, -1.0]), xi=np.array([0.5, 0.0]))
    array([ 1.5, -1. ])
    """
    return X1 @ beta + xi


def taste_deviations(X2, tastes, Gamma):
    """How a type's utility differs from the mean (1.2).

    `mu_ij = sum_k x2_jk (sum_l sigma_kl nu_il + sum_d pi_kd y_id)`. With
    `tastes = [nodes, demographics]` and `Gamma = [sigma, pi]` side by side both sums are one
    product.

    Parameters
    ----------
    X2 : array (..., J, K2)
        Characteristics for which tastes differ.
    tastes : array (..., I, L + D)
        Nodes nu_i and demographics y_i of each type.
    Gamma : array (K2, L + D)
        Nonlinear parameters theta2.

    Returns
    -------
    mu : array (..., J, I)

    Source
    ------
    Nevo (2000), equation 3.

    Examples
    --------
    >>> X2 = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> nodes = np.array([[0.0, -1.0], [0.0, 1.0]])
    >>> taste_deviations(X2, nodes, np.diag([1.0, 2.0]))        # they disagree on product 2 alone
    array([[ 0.,  0.],
           [-2.,  2.]])
    """
    return X2 @ Gamma @ tastes.mT                               # (..., J, I)


def choice_probabilities(delta, mu):
    """Probability that type i buys j (1.3).

    `s_ij = exp(delta_j + mu_ij) / (1 + sum_m exp(delta_m + mu_im))`. The largest utility, the
    outside good's zero included, is subtracted first: no exponential can overflow.

    Parameters
    ----------
    delta : array (..., J)
    mu : array (..., J, I)

    Returns
    -------
    P : array (..., J, I)

    Source
    ------
    McFadden (1974); Berry, Levinsohn and Pakes (1995), section 6.

    Examples
    --------
    >>> choice_probabilities(np.array([0.0, 1000.0]), np.zeros((2, 1)))
    array([[0.],
           [1.]])
    """
    V = delta[..., None] + mu                                   # (..., J, I)
    top = np.maximum(V.max(-2, keepdims=True), 0)               # (..., 1, I)
    expV = np.exp(V - top)
    return expV / (np.exp(-top) + expV.sum(-2, keepdims=True))


def inclusive_value(delta, mu):
    """Expected utility of type i's best choice, up to a constant (1.4).

    `log(1 + sum_j exp(delta_j + mu_ij))`

    Parameters
    ----------
    delta : array (..., J)
    mu : array (..., J, I)

    Returns
    -------
    array (..., I)
        In utils. `exp(-inclusive_value)` is the probability of the outside good.

    Source
    ------
    Small and Rosen (1981).

    Examples
    --------
    >>> np.exp(-inclusive_value(np.zeros(3), np.zeros((3, 1))))
    array([0.25])
    """
    V = delta[..., None] + mu                                   # (..., J, I)
    top = np.maximum(V.max(-2), 0)                              # (..., I)
    return top + np.log(np.exp(-top) + np.exp(V - top[..., None, :]).sum(-2))


def market_shares(delta, mu, weights):
    """Choice probabilities averaged over types (1.5): `s_j = sum_i w_i s_ij`.

    Parameters
    ----------
    delta : array (..., J)
    mu : array (..., J, I)
    weights : array (..., I)
        Integration weights, usually summing to one.

    Returns
    -------
    shares : array (..., J)
        The outside good's share is `1 - shares.sum(-1)`.

    Source
    ------
    Berry, Levinsohn and Pakes (1995), section 6.

    Examples
    --------
    >>> market_shares(np.zeros(3), np.zeros((3, 2)), np.array([0.5, 0.5]))
    array([0.25, 0.25, 0.25])
    """
    return (choice_probabilities(delta, mu) * weights[..., None, :]).sum(-1)


def log_shares(delta, mu, weights):
    """Logarithm of the market shares, never `-inf` where `market_shares` would underflow to zero.

    Parameters
    ----------
    delta, mu, weights
        As in `market_shares`.

    Returns
    -------
    array (..., J)

    Examples
    --------
    >>> log_shares(np.array([-2000.0]), np.zeros((1, 1)), np.ones(1))
    array([-2000.])
    """
    return log_sum_exp(log_weighted_probabilities(delta, mu, weights))


def log_sum_exp(a):
    """`log sum_i exp(a_i)` over the last axis, the largest element taken out first."""
    top = a.max(-1)
    return top + np.log(np.exp(a - top[..., None]).sum(-1))


def log_weighted_probabilities(delta, mu, weights):
    """`log(w_i s_ij)` (..., J, I): a type of weight zero has `-inf`, which log-sums pass over."""
    with np.errstate(divide="ignore"):                          # log 0 = -inf is meant
        logw = np.log(weights)
    return delta[..., None] + mu + (logw - inclusive_value(delta, mu))[..., None, :]


def buyers(P, weights):
    """Who buys product j (1.6): `w_i|j = w_i s_ij / s_j`, for each product a distribution of types.

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    weights : array (..., I)

    Returns
    -------
    B : array (..., J, I)
        Each row sums to one.

    Examples
    --------
    >>> buyers(np.array([[0.1, 0.3]]), np.array([0.5, 0.5]))
    array([[0.25, 0.75]])
    """
    B = P * weights[..., None, :]
    return B / B.sum(-1, keepdims=True)


# How probabilities respond to utilities: one derivative, in three forms ---------------------------

def log_probability_slopes(P, dV):
    """How choice probabilities respond to utilities: `d log s_ij = dV_ij - sum_m s_im dV_im`.

    A product gains as far as its utility rises by more than what the type expects of its choice.
    Every derivative of the model comes from this equation; the two functions below are its averages
    over types, for many changes at once.

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    dV : array (..., J, I), or (..., J, 1) where it is the same for all types
        Change of utilities, in utils.

    Returns
    -------
    array (..., J, I)
        Relative changes of the probabilities.

    Examples
    --------
    >>> dV = np.array([[1.0], [0.0]])                           # product 1 improves
    >>> log_probability_slopes(np.array([[0.25], [0.25]]), dV)
    array([[ 0.75],
           [-0.25]])
    """
    return dV - (P * dV).sum(-2, keepdims=True)


def taste_slopes(P, B, x, v):
    """The same averaged over buyers, where `dV_ij = x_j v_i`, for H changes at once.

    `E[v_i (x_j - sum_m s_im x_m) | i buys j]`

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    B : array (..., J, I)
        Weights of the types in each product's average: `buyers`.
    x : array (..., J, H)
        A characteristic in each column.
    v : array (..., I, H)
        A taste in each column.

    Returns
    -------
    array (..., J, H)

    Examples
    --------
    >>> P = np.array([[0.1, 0.3], [0.2, 0.2]])
    >>> taste_slopes(P, buyers(P, np.full(2, 0.5)), np.ones((2, 1)), np.array([[-1.0], [1.0]]))
    array([[ 0.2],
           [-0.1]])
    """
    return x * (B @ v) - B @ (v * (P.mT @ x))


def own_and_cross_slopes(P, B, a=None):
    """The same where one product's utility rises, k's by `a_ik`.

    `E[a_ik (1{j = k} - s_ik) | i buys j]`

    Parameters
    ----------
    P, B
        As in `taste_slopes`.
    a : array (..., J, I), optional
        `[k, i]` is the change of product k's utility; by default one util.

    Returns
    -------
    own : array (..., J), or 1.0 without `a`
        `E[a_ij | i buys j]`, which counts where j = k.
    cross : array (..., J, J)
        `E[a_ik s_ik | i buys j]`, to be subtracted.

    Examples
    --------
    >>> P = np.array([[0.25], [0.25]])
    >>> own_and_cross_slopes(P, buyers(P, np.ones(1)))
    (1.0, array([[0.25, 0.25],
           [0.25, 0.25]]))
    """
    if a is None:
        return 1.0, B @ P.mT                                    # buyers' weights sum to one
    return (B * a).sum(-1), B @ (P * a).mT


def log_share_jacobian(P, B):
    """Derivatives of log shares in mean utilities (1.7).

    `d log s_j / d delta_k = 1{j = k} - E[s_ik | i buys j]`

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities.
    B : array (..., J, I)
        The buyers of each product.

    Returns
    -------
    array (..., J, J)

    Examples
    --------
    >>> P = np.array([[0.25], [0.25]])
    >>> log_share_jacobian(P, buyers(P, np.ones(1)))
    array([[ 0.75, -0.25],
           [-0.25,  0.75]])
    """
    own, cross = own_and_cross_slopes(P, B)
    return own * np.eye(P.shape[-2]) - cross
