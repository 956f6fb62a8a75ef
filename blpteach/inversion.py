"""Step 2. Share inversion: the mean utilities at which the model's shares are the observed ones.

Given theta2, hence mu, there is one delta with `s(delta, mu) = S`. Berry, Levinsohn and Pakes find
it as the fixed point of a contraction. Here are the map in two forms, the outside-share correction,
an acceleration, Newton's method, and how delta moves with theta2. Leading axes `...` are markets.
"""
from dataclasses import dataclass
from functools import partial

import numpy as np

from .errors import InputError, counted, listing
from .utility import (buyers, inclusive_value, log_share_jacobian, log_shares, market_shares,
                      taste_slopes)

TOLERANCE = 1e-13
LONGEST_LEAP = 1e6                                              # of SQUAREM, against dividing by 0
PATIENCE = 40.0                                                 # of Newton, until it gives up


@dataclass(frozen=True)
class Inversion:
    """What a share inversion found.

    Attributes
    ----------
    delta : array (..., J)
        Mean utilities.
    converged : bool array (...)
        By market.
    iterations : int
        Of the slowest market.
    residuals : array (iterations, ...)
        Largest change in delta at each iteration, relative once |delta| exceeds one, by market.
    method : str
    """
    delta: np.ndarray
    converged: np.ndarray
    iterations: int
    residuals: np.ndarray
    method: str

    def __repr__(self):
        markets = np.size(self.converged)
        failed = markets - np.count_nonzero(self.converged)
        state = f"{counted(failed, 'market')} NOT converged" if failed else "converged"
        return (f"Inversion of {counted(markets, 'market')} by {self.method}: "
                f"{state} after {counted(self.iterations, 'iteration')}")


# The object of the step: a map whose fixed point is delta -----------------------------------------

def log_contraction(shares, mu, weights, corrected=False):
    """The BLP contraction (2.1): `delta_j <- delta_j + log S_j - log s_j(delta)`.

    The corrected map (2.3) subtracts the same difference for the outside good,
    `log S_0 - log s_0(delta)`; its fixed point is the same and its rate better.

    Parameters
    ----------
    shares : array (..., J)
        Observed shares S.
    mu : array (..., J, I)
    weights : array (..., I)
    corrected : bool

    Returns
    -------
    function
        From delta (..., J) to the next delta (..., J).

    Source
    ------
    Berry, Levinsohn and Pakes (1995), equation 6.8; for the correction Fukasawa (2024), arXiv
    2404.04494.

    Examples
    --------
    >>> update = log_contraction(np.array([0.2, 0.3]), np.zeros((2, 1)), np.ones(1), corrected=True)
    >>> update(np.zeros(2))                                     # the logit: one step is enough
    array([-0.91629073, -0.51082562])
    """
    target = np.log(shares)
    log_S0 = np.log(observed_outside(shares, weights))

    def update(delta):
        step = target - np.log(market_shares(delta, mu, weights))            # (2.1)
        if corrected:                                           # (2.3)
            s0 = (weights * np.exp(-inclusive_value(delta, mu))).sum(-1, keepdims=True)
            step = step - (log_S0 - np.log(s0))
        return delta + step
    return update


def exp_contraction(shares, mu, weights, corrected=True):
    """The same map with `exp(mu)` computed once (2.2).

    With `k_i = w_i / (1 + sum_m exp(delta_m) exp(mu_im))`, the share is
    `s_j = exp(delta_j) sum_i exp(mu_ij) k_i`, so the next delta is
    `log S_j - log sum_i exp(mu_ij) k_i`. An iteration is two products of a matrix and a vector.
    Both parts of the fraction are scaled by the type's largest `exp(mu)`.

    Parameters
    ----------
    shares, mu, weights, corrected
        As in `log_contraction`. Where |mu| runs into the hundreds the scaled `exp(mu)` may
        underflow, and the map gives infinite values: use Newton's method there.

    Returns
    -------
    function
        From delta (..., J) to the next delta (..., J).

    Source
    ------
    Berry, Levinsohn and Pakes (1995); Brunner, Heiss, Romahn and Weiser (2017) discuss the
    exponentiated form.

    Examples
    --------
    >>> exp_contraction(np.array([0.2, 0.3]), np.zeros((2, 1)), np.ones(1))(np.zeros(2))
    array([-0.91629073, -0.51082562])
    """
    top = np.maximum(mu.max(-2), 0)                             # (..., I)
    expmu, exp0 = np.exp(mu - top[..., None, :]), np.exp(-top)
    target = np.log(shares)
    target_corrected = target - np.log(observed_outside(shares, weights))

    def update(delta):
        k = weights / (exp0 + np.vecmat(np.exp(delta), expmu))  # (..., I)
        log_ratio = np.log(np.matvec(expmu, k))                 # (..., J)  log s_j - delta_j
        if corrected:
            return target_corrected - log_ratio + np.log(np.vecdot(exp0, k))[..., None]
        return target - log_ratio
    return update


def logit_delta(shares, weights):
    """Berry's (1994) inversion: `log S_j - log S_0`.

    It is exact without random tastes, and the starting value with them.

    Parameters
    ----------
    shares : array (..., J)
        Observed shares S, all positive; `invert_shares` checks it, this function doesn't.
    weights : array (..., I)
        Only their sum counts: `S_0 = sum_i w_i - sum_j S_j`.

    Returns
    -------
    delta : array (..., J)

    Examples
    --------
    >>> logit_delta(np.array([0.2, 0.3]), np.ones(1))
    array([-0.91629073, -0.51082562])
    """
    return np.log(shares) - np.log(observed_outside(shares, weights))


def observed_outside(shares, weights):
    """Outside share `sum_i w_i - sum_j S_j` (..., 1), like `sum_i w_i s_i0` for any weights."""
    return weights.sum(-1, keepdims=True) - shares.sum(-1, keepdims=True)


# Ways to the fixed point --------------------------------------------------------------------------

def relative_change(new, old):
    """Largest change in delta by market (...), relative where |delta| exceeds one."""
    return (abs(new - old) / np.maximum(1, abs(new))).max(-1)


def iterate(update, delta, tolerance=TOLERANCE, max_iterations=5000):
    """Apply the map until delta no longer changes.

    Parameters
    ----------
    update : function
        One of the contractions.
    delta : array (..., J)
        Starting value.
    tolerance : float
        On the largest change in delta, relative once |delta| exceeds one.
    max_iterations : int

    Returns
    -------
    delta : array (..., J)
    residuals : list of arrays (...)
        The largest change, by iteration and market.
    """
    residuals = []
    while len(residuals) < max_iterations:
        delta, old = update(delta), delta
        residuals.append(relative_change(delta, old))
        if not (residuals[-1] > tolerance).any():               # NaN will stay NaN
            break
    return delta, residuals


def squarem(update, delta, tolerance=TOLERANCE, max_iterations=100):
    """Two plain steps, then a leap along their difference (2.4).

    With `r = f(delta) - delta` and `v = f(f(delta)) - 2 f(delta) + delta` the leap is
    `delta <- delta + 2 a r + a^2 v`; each market has a step length `a = max(1, |r| / |v|)`.

    Parameters
    ----------
    update, delta, tolerance
        As in `iterate`.
    max_iterations : int
        Of two evaluations of the map each.

    Returns
    -------
    delta, residuals
        As in `iterate`.

    Source
    ------
    Varadhan and Roland (2008), step length S3.
    """
    residuals = []
    while len(residuals) < max_iterations:
        one = update(delta)
        two = update(one)
        residuals.append(relative_change(two, one))
        left = residuals[-1] > tolerance                        # (...)  NaN will stay NaN
        if not left.any():
            return two, residuals
        r, v = one - delta, two - 2 * one + delta
        a = np.sqrt(np.vecdot(r, r) / (np.vecdot(v, v) + 1e-300))            # (...)
        a = np.clip(a, 1, LONGEST_LEAP)[..., None]
        delta = np.where(left[..., None], delta + a * (2 * r + a * v), two)
    return delta, residuals


def newton(shares, mu, weights, delta, tolerance=TOLERANCE, max_iterations=200, first_step=2.0):
    """Newton's method on log shares (2.5).

    `delta <- delta + (d log s / d delta)^-1 (log S - log s(delta))`

    It works in logarithms throughout, so that nothing overflows. From far away the full step
    overshoots, so a step is shortened to a length that doubles after a success and shrinks to a
    quarter after a failure, which is taken back. A failure costs patience, one or as much as the
    largest gap; a market without patience left is given up.

    Parameters
    ----------
    shares, mu, weights
        As in `invert_shares`.
    delta : array (..., J)
        Starting value.
    tolerance : float
        As in `iterate`.
    max_iterations : int
    first_step : float
        Largest element of the first step, in utils.

    Returns
    -------
    delta, residuals
        As in `iterate`; a residual is the largest element of the full step, zero where shares agree
        to the last digit.
    """
    exact, residuals = rounding(mu), []
    longest = np.full(delta.shape[:-1], first_step)             # (...)  step length by market
    patience = np.full(delta.shape[:-1], PATIENCE)              # (...)
    gap, slope = gap_and_slope(shares, mu, weights, delta)
    step = solve_or_nan(slope, gap)
    while len(residuals) < max_iterations:
        change = relative_change(delta + step, delta)           # (...)
        residuals.append(np.where(abs(gap).max(-1) <= exact, 0.0, change))
        left = (residuals[-1] > tolerance) & (patience > 0)     # NaN will stay NaN
        if not left.any():
            break
        short = step * np.minimum(1, longest / abs(step).max(-1))[..., None]
        new_delta, new_gap = delta + short, gap.copy()
        new_gap[left], slope = gap_and_slope(shares[left], mu[left], weights[left], new_delta[left])
        good = left & is_closer(shares, gap, new_gap, short)
        delta = np.where(good[..., None], new_delta, delta)
        gap = np.where(good[..., None], new_gap, gap)
        step[good] = solve_or_nan(slope[good[left]], gap[good])
        longest = longest * np.where(good, 2, 0.25)
        patience = patience - np.where(good, 0, np.maximum(1, abs(gap).max(-1)))
    return delta, residuals


def is_closer(shares, gap, new_gap, step):
    """Whether a step led closer, by market (...): downhill, or to a smaller largest gap.

    The hill is the convex function `sum_i w_i log(1 + sum_j exp(V_ij)) - sum_j S_j delta_j`: its
    slope is `s - S`, so delta is at its bottom. By the trapezoid rule a step leads down where the
    slopes at its two ends do on average.
    """
    slope, new_slope = (shares * np.expm1(-g) for g in (gap, new_gap))       # s - S  (..., J)
    return (np.vecdot(slope + new_slope, step) < 0) | (abs(new_gap).max(-1) < abs(gap).max(-1))


def gap_and_slope(shares, mu, weights, delta):
    """`log S - log s(delta)` (..., J) and the slope `d log s / d delta` (..., J, J), by logs alone.

    A type of weight zero has a logarithm of -inf, which the sum passes over.
    """
    log_P = delta[..., None] + mu - inclusive_value(delta, mu)[..., None, :]   # (..., J, I)
    log_wP = log_P + np.log(weights)[..., None, :]
    top = log_wP.max(-1, keepdims=True)
    B = exp(log_wP - top)
    total = B.sum(-1, keepdims=True)
    return np.log(shares) - (top + np.log(total))[..., 0], log_share_jacobian(exp(log_P), B / total)


def exp(a):
    """The exponential, of -700 at least: what is less is nothing, and slow to compute."""
    return np.exp(np.maximum(a, -700))


def rounding(mu):
    """Differences in log shares (...) that double precision can't resolve at utilities of |mu|."""
    return np.minimum(16 * np.finfo(float).eps * (1 + abs(mu).max((-2, -1))), 1e-9)


def solve_or_nan(A, b):
    """`A^-1 b` (..., J): NaN where A is not finite, least squares where it is singular."""
    finite = np.isfinite(A).all((-2, -1))[..., None]
    A = np.where(finite[..., None], A, np.eye(A.shape[-1]))
    try:
        x = np.linalg.solve(A, b[..., None])[..., 0]
    except np.linalg.LinAlgError:
        x = np.matvec(np.linalg.pinv(A), b)
    return np.where(finite, x, np.nan)


# The function that the estimator calls ------------------------------------------------------------

def invert_shares(shares, mu, weights, method="default", corrected=True, tolerance=TOLERANCE,
                  max_iterations=None, start=None):
    """The delta at which the model's shares equal the observed ones (2.6): `s(delta, mu) = S`.

    Parameters
    ----------
    shares : array (..., J)
        Observed shares, all positive, summing to less than `weights` do.
    mu : array (..., J, I)
        Taste deviations.
    weights : array (..., I)
        Integration weights.
    method : str
        `"log"`: the contraction in log form. `"exp"`: in exponentiated form. `"squarem"`: the
        latter, accelerated. `"newton"`: Newton's method with clipped steps. `"default"`: SQUAREM,
        then Newton for the markets that are left.
    corrected : bool
        Whether the contractions subtract the outside good's difference. Newton has no use for it.
    tolerance : float
        On the largest change in delta, relative once |delta| exceeds one.
    max_iterations : int, optional
        By default 5000 for the plain contractions, 1000 for SQUAREM, 200 for Newton; `"default"`
        grants SQUAREM 100.
    start : array (..., J), optional
        By default the logit's delta.

    Returns
    -------
    Inversion

    Raises
    ------
    InputError
        Where no delta exists: a share is not positive, or the inside shares sum to as much as the
        weights. For masked arrays, an unknown method, and `max_iterations` that is no positive
        whole number.

    Examples
    --------
    >>> invert_shares(np.array([0.2, 0.3]), np.zeros((2, 1)), np.ones(1)).delta
    array([-0.91629073, -0.51082562])
    """
    if method not in METHODS:
        raise InputError(f"Step 2: there is no inversion method {method!r}; "
                         f"choose one of {', '.join(METHODS)}.")
    whole = isinstance(max_iterations, (int, np.integer))
    if max_iterations is not None and not (whole and max_iterations > 0):
        raise InputError(f"Step 2: max_iterations={max_iterations!r} must be a whole number, "
                         "1 or more.")
    check_unmasked(shares, mu, weights)
    shares, mu, weights = same_markets(shares, mu, weights)
    check_invertible(shares, weights)
    start = logit_delta(shares, weights) if start is None else start
    limits = {} if max_iterations is None else {"max_iterations": max_iterations}
    # What is not finite has not converged, and is reported.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        delta, residuals = METHODS[method](shares, mu, weights, start, corrected, tolerance, limits)
        converged = (residuals[-1] <= tolerance) & np.isfinite(delta).all(-1)
        if wild(mu).any():                                      # exp(mu) loses digits: trust shares
            converged &= abs(np.log(shares) - log_shares(delta, mu, weights)).max(-1) <= 1e-9
    return Inversion(delta, converged, len(residuals), np.array(residuals), method)


def check_unmasked(shares, mu, weights):
    """Refuse masked arrays, whose masks would be lost."""
    for name, values in (("shares", shares), ("mu", mu), ("weights", weights)):
        if np.ma.is_masked(values):
            raise InputError(f"Step 2: {name} is a masked array with {np.ma.count_masked(values)} "
                             "masked element(s). Leave masked products out of all arrays, give "
                             "masked types a weight of zero, and invert markets of unequal size "
                             "one by one.")


def same_markets(shares, mu, weights):
    """The three arrays with the same leading axes."""
    leading = np.broadcast_shapes(shares.shape[:-1], mu.shape[:-2], weights.shape[:-1])
    return (np.broadcast_to(shares, leading + shares.shape[-1:]),
            np.broadcast_to(mu, leading + mu.shape[-2:]),
            np.broadcast_to(weights, leading + weights.shape[-1:]))


def wild(mu):
    """Markets (...) in which exp(mu) comes near the ends of double precision; NaN counts."""
    return ~(abs(mu).max((-2, -1)) < 500)


def check_invertible(shares, weights):
    """Refuse shares that no delta can produce."""
    if not (shares > 0).all():
        raise InputError("Step 2: every share must be positive to be inverted. "
                         "Aggregate to longer periods or larger markets; "
                         "dropping products that nobody bought selects on the outcome.")
    outside = observed_outside(shares, weights)[..., 0]
    # What rounding leaves of a sum to one is nothing.
    nothing = ~(outside > 4 * np.finfo(float).eps * weights.sum(-1))
    if nothing.any():
        markets = listing(np.flatnonzero(nothing))
        raise InputError(f"Step 2: in market(s) {markets} the inside shares sum to as much as the "
                         "weights or more, which leaves nothing for the outside good: "
                         "no delta exists.")


# The methods by name. They take the arguments of `invert_shares`, and `limits`: a dict with
# `max_iterations`, or empty. They return delta and residuals, as `iterate` does.

def by_log(shares, mu, weights, start, corrected, tolerance, limits):
    """The contraction in log form."""
    return iterate(log_contraction(shares, mu, weights, corrected), start, tolerance, **limits)


def by_exp(shares, mu, weights, start, corrected, tolerance, limits):
    """The contraction in exponentiated form."""
    return iterate(exp_contraction(shares, mu, weights, corrected), start, tolerance, **limits)


def by_squarem(shares, mu, weights, start, corrected, tolerance, limits):
    """The exponentiated form, accelerated."""
    update = exp_contraction(shares, mu, weights, corrected)
    return squarem(update, start, tolerance, **{"max_iterations": 1000, **limits})


def by_newton(shares, mu, weights, start, corrected, tolerance, limits):
    """Newton's method, for which `corrected` means nothing."""
    return newton(shares, mu, weights, start, tolerance, **limits)


def by_default(shares, mu, weights, start, corrected, tolerance, limits):
    """SQUAREM, and Newton for the markets that it leaves in the end.

    SQUAREM does ten iterations, then as many again in the markets that are left. Newton has the
    last word also where `exp(mu)` is out of range.
    """
    def leap(shares, mu, weights, delta, iterations):
        update = exp_contraction(shares, mu, weights, corrected)
        return squarem(update, delta, tolerance, iterations)
    most = limits.get("max_iterations", 100)
    delta, residuals = leap(shares, mu, weights, start, min(10, most))
    while len(residuals) < most and (left := residuals[-1] > tolerance).any():
        again = partial(leap, iterations=min(len(residuals), most - len(residuals)))
        go_on(again, left, delta, residuals, shares, mu, weights)
    left = ~(residuals[-1] <= tolerance) | wild(mu)             # NaN counts as left
    if left.any():
        delta = np.where(np.isfinite(delta), delta, start)
        go_on(partial(newton, tolerance=tolerance), left, delta, residuals, shares, mu, weights)
    return delta, residuals


def go_on(method, left, delta, residuals, shares, mu, weights):
    """Run `method` in the markets that are left, in place.

    The others keep their delta and their last residual.
    """
    delta[left], rest = method(shares[left], mu[left], weights[left], delta[left])
    for residual in rest:
        residuals.append(np.array(residuals[-1]))               # a copy
        residuals[-1][left] = residual


METHODS = {"default": by_default, "log": by_log, "exp": by_exp, "squarem": by_squarem,
           "newton": by_newton}


# Its derivatives ----------------------------------------------------------------------------------

def delta_jacobian(P, B, X2, tastes, rows, columns):
    """How delta moves with theta2 while shares stay put (2.7).

    `d delta / d theta2 = -(d log s / d delta)^-1 d log s / d theta2`

    In terms of the buyers of j,
    `d log s_j / d Gamma_kl = E[v_il (x_jk - sum_m s_im x_mk) | i buys j]`: a taste for k raises
    product j's share as far as j has more of k than its buyers' expected choice.

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities at the inverted delta.
    B : array (..., J, I)
        Buyers of each product.
    X2 : array (..., J, K2)
    tastes : array (..., I, L + D)
        `[nodes, demographics]`.
    rows, columns : int arrays (H,)
        Which elements of Gamma = [sigma, pi] are parameters.

    Returns
    -------
    array (..., J, H)

    Source
    ------
    Nevo (2000), appendix; the implicit function theorem.

    Examples
    --------
    >>> P = np.array([[0.1, 0.3], [0.2, 0.2]])
    >>> B, x, nodes = buyers(P, np.full(2, 0.5)), np.ones((2, 1)), np.array([[-1.0], [1.0]])
    >>> delta_jacobian(P, B, x, nodes, [0], [0]).round(4)
    array([[-0.25  ],
           [ 0.0625]])
    """
    x, v = X2.take(rows, -1), tastes.take(columns, -1)          # (..., J, H), (..., I, H)
    return -np.linalg.solve(log_share_jacobian(P, B), taste_slopes(P, B, x, v))


def contraction_rate(P, weights, corrected=False):
    """Factor by which an iteration shrinks the error near the solution (2.8).

    It is the spectral radius of the map's Jacobian. Uncorrected, that is
    `A_jk = E[s_ik | i buys j]`; the correction subtracts `E[s_ik | i buys nothing]`.

    Parameters
    ----------
    P : array (..., J, I)
        Choice probabilities at the solution.
    weights : array (..., I)
    corrected : bool

    Returns
    -------
    array (...)

    Examples
    --------
    >>> P = np.array([[0.1, 0.3], [0.2, 0.2]])
    >>> float(contraction_rate(P, np.full(2, 0.5)).round(4))
    0.4266
    """
    A = buyers(P, weights) @ P.mT                               # (..., J, J)
    if corrected:
        outside = weights * (1 - P.sum(-2))                     # (..., I)
        A = A - (np.matvec(P, outside) / outside.sum(-1, keepdims=True))[..., None, :]
    return abs(np.linalg.eigvals(A)).max(-1)
