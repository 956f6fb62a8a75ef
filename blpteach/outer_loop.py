"""Step 4. The outer loop: search over the nonlinear parameters theta2.

For each theta2 the inner steps give delta (Step 2) and the best beta (Step 3), so the objective is a function of theta2 alone:
`q(theta2) = |r|^2` with `r = moment_map @ delta(theta2)`. Its Jacobian is analytic, and a sum of squares asks for Gauss-Newton.
"""
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import least_squares, minimize

from .gmm import concentrate, iv_gmm, weighting_2sls, weighting_matrix
from .inversion import delta_jacobian, invert_shares
from .lognormal import NONE
from .progress import Progress
from .utility import buyers, choice_probabilities, taste_deviations

BAD = 1e10                                                      # objective where shares can't be inverted


# delta as a function of theta2 ---------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Theta2:
    """Which elements of `Gamma = [sigma, pi]` are searched; the others stay what they are (usually zero).

    Attributes
    ----------
    Gamma : array (K2, L + D)
        Starting values.
    rows, columns : int arrays (H,)
        The free elements.
    searched : int array (Q,)
        Columns of X1 whose coefficients can't be concentrated out: with a supply side those that move with price. P = H + Q.
    searched_start : array (Q,)
        Their starting values.
    """
    Gamma: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    searched: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    searched_start: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def start(self):
        """Starting values (P,): free elements of Gamma, then searched linear parameters."""
        return np.r_[self.Gamma[self.rows, self.columns], self.searched_start]

    def matrix(self, theta2):
        """Gamma (K2, L + D) with theta2 (P,) in its free places."""
        Gamma = self.Gamma.copy()
        Gamma[self.rows, self.columns] = theta2[:len(self.rows)]
        return Gamma

    def linear(self, theta2, K1):
        """The searched linear parameters at their places in beta (K1,), zeros elsewhere."""
        beta = np.zeros(K1)
        beta[self.searched] = theta2[len(self.rows):]
        return beta

    def concentrated(self, K1):
        """Columns of X1 whose parameters are concentrated out, not searched."""
        return np.setdiff1d(np.arange(K1), self.searched)


@dataclass(frozen=True)
class MeanUtilities:
    """delta (N,) in the order of the products table, its Jacobian (N, P), and which markets (T,) could not be inverted."""
    delta: np.ndarray
    jacobian: np.ndarray
    failed: np.ndarray

    @property
    def values(self):
        """What the linear equation explains: delta (N,)."""
        return self.delta

    @property
    def usable(self):
        return not len(self.failed)                             # failed holds numbers of markets, and 0 is one of them


def solve_delta(theta2, free, blocks, N, lognormal=NONE):
    """Steps 1 and 2 in all markets (4.1): `delta(theta2)` and `d delta / d theta2`.

    Parameters
    ----------
    theta2 : array (P,)
    free : Theta2
    blocks : list of Block
    N : int
        Products in all markets.
    lognormal : Lognormal, optional
        Which coefficients are lognormal.

    Returns
    -------
    MeanUtilities

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["cereal"]()
    >>> free = problem.theta2(start["sigma"], start["pi"])
    >>> solve_delta(free.start, free, problem.blocks, problem.N).jacobian.shape
    (2256, 13)
    """
    Gamma = free.matrix(theta2)
    delta, jacobian, failed = np.empty(N), np.full((N, len(theta2)), np.nan), []         # NaN stays where inversion fails
    for block in blocks:
        mu = taste_deviations(block.X2, *lognormal.as_tastes(block.tastes, Gamma))       # (B, J, I)
        inversion = invert_shares(block.shares, mu, block.weights)
        delta[block.index] = inversion.delta
        failed.extend(block.markets[~inversion.converged])
        if not failed and len(theta2):
            P = choice_probabilities(inversion.delta, mu)
            B, v = buyers(P, block.weights), lognormal.slopes(block.tastes, Gamma, free.rows, free.columns)
            jacobian[block.index] = delta_jacobian(P, B, block.X2, v, free.rows, np.arange(len(free.rows)))
    return MeanUtilities(delta, jacobian, np.array(failed, int))


# The concentrated objective ------------------------------------------------------------------------------------------------

class Objective:
    """q as a function of theta2, with memory of the last point and a count of evaluations.

    Parameters
    ----------
    solve : function
        From theta2 (P,) to `MeanUtilities`, or with a supply side to `supply.DemandAndSupply`.
    moment_map : array (M, N)
        From `gmm.concentrate`; with a supply side (M, 2N).
    progress : Progress, optional
    scale : array (P, P), optional
        Units of theta2 in which the curvature is about the identity. `quasi_newton` leaves here what it has learnt: the other
        starts of a step begin from it, and so does the next step, whose weights are others. Without it a search begins from the
        Gauss-Newton curvature.
    """

    def __init__(self, solve, moment_map, progress=None, scale=None):
        self.solve, self.moment_map, self.progress, self.scale = solve, moment_map, progress or Progress(False), scale
        self.evaluations, self.theta2 = 0, None

    def at(self, theta2):
        """Evaluate at theta2 (P,), unless that was the last point."""
        if self.theta2 is None or not np.array_equal(theta2, self.theta2):
            self.theta2 = np.array(theta2)
            with np.errstate(over="ignore", invalid="ignore"):  # a theta2 so wild that mu overflows fails below, and is reported
                self.utilities = self.solve(self.theta2)
            self.evaluations += 1
            self.r = self.moment_map @ self.utilities.values    # (M,)
            self.R = self.moment_map @ self.utilities.jacobian  # (M, P)
            self.usable = self.utilities.usable and bool(np.isfinite(self.R).all())
            self.progress.report(self.evaluations, self.value(theta2), np.linalg.norm(self.gradient(theta2)))
        return self

    def residuals(self, theta2):
        """r (4.2); NaN where shares can't be inverted, which makes a trust region shrink."""
        here = self.at(theta2)
        return here.r if here.usable else np.full_like(here.r, np.nan)

    def jacobian(self, theta2):
        """`d r / d theta2` (4.3), the delta Jacobian through the same projection."""
        return self.at(theta2).R

    def value(self, theta2):
        """`q = r'r` (4.2)."""
        here = self.at(theta2)
        return here.r @ here.r if here.usable else BAD

    def gradient(self, theta2):
        """`d q / d theta2 = 2 R'r` (4.4)."""
        here = self.at(theta2)
        return 2 * here.R.T @ here.r if here.usable else np.zeros(len(theta2))


# Searches ------------------------------------------------------------------------------------------------------------------

def gauss_newton(objective, start, patience=100, restarts=4, **options):
    """Minimise the sum of squares by Gauss-Newton steps in a trust region (4.5): `step = -(R'R)^-1 R'r` where the region allows.

    Gauss-Newton is slow only on the way to a minimum with large residuals. Mostly that is a poor local one, so a search that is not
    done after `patience` evaluations begins again from half its starting values, where tastes differ less. Where all attempts are
    slow, the best minimum has large residuals too, and `quasi_newton` goes on from the lowest point.

    Parameters
    ----------
    objective : Objective
    start : array (P,)
    patience, restarts : int
        Evaluations of one attempt, and how often to begin again.
    options
        Passed to `scipy.optimize.least_squares`.

    Returns
    -------
    theta2 : array (P,)
    message : str

    Source
    ------
    Nocedal and Wright (2006), chapter 10.

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["cereal"]()
    >>> problem.estimate(**start).starts[0].message             # the default search of `Problem.estimate`
    '`ftol` termination condition is satisfied.'
    """
    ends = []
    for restart in range(restarts + 1):
        ends.append(trust_region(objective, start / 2**restart, **{"max_nfev": patience, **options}))
        if ends[-1].status > 0 or "max_nfev" in options:
            break
    best = min(ends, key=lambda end: end.cost)
    theta2, message = best.x, best.message
    if best.status == 0 and "max_nfev" not in options:
        theta2, message = quasi_newton(objective, best.x, gtol=1e-6)
        message += " BFGS went on from the lowest point of Gauss-Newton."
    return theta2, message + (f" Begun again from half the starting values {restart} time(s)." if restart else "")


def trust_region(objective, start, **options):
    """`scipy.optimize.least_squares` on r with its analytic Jacobian; NaN residuals make the region shrink."""
    options = {"x_scale": "jac", "xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-10, **options}
    return least_squares(objective.residuals, start, objective.jacobian, method="trf", **options)


def quasi_newton(objective, start, **options):
    """Minimise q by BFGS from the Gauss-Newton curvature `2 R'R` (4.8), for minima with large residuals.

    Where the moments can't be made small, as with many instruments that contradict each other, the part of the second derivative
    that Gauss-Newton leaves out is not small either, and its steps converge slowly. BFGS learns that part on the way.

    Parameters
    ----------
    objective : Objective
    start : array (P,)
    options
        Of SciPy's BFGS.

    Returns
    -------
    theta2 : array (P,)
    message : str

    Source
    ------
    Nocedal and Wright (2006), chapters 6 and 10.3.

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["simulated"]()
    >>> problem.estimate(**start, method="quasi-newton").converged
    True
    """
    if objective.scale is None:
        _, d, Vt = np.linalg.svd(objective.jacobian(start), full_matrices=False)
        objective.scale = Vt.T / np.where(d > 1e-8 * d[0], np.sqrt(2) * d, 1)            # (P, P)  there 2 R'R is the identity
    scale = objective.scale
    found = minimize(lambda z: objective.value(start + scale @ z), np.zeros(len(start)), method="BFGS",
                     jac=lambda z: scale.T @ objective.gradient(start + scale @ z), options={"gtol": 1e-4, "c2": 0.5, **options})
    objective.scale = scale @ np.linalg.cholesky((found.hess_inv + found.hess_inv.T) / 2)
    return start + scale @ found.x, str(found.message)


def minimize_by(method):
    """A search by any `method` of `scipy.optimize.minimize`, with the same signature as `gauss_newton`.

    Methods that take no gradient don't get one.
    """
    gradient_free = method.lower() in ("nelder-mead", "powell", "cobyla", "cobyqa")

    def search(objective, start, **options):
        jac = None if gradient_free else objective.gradient
        found = minimize(objective.value, start, jac=jac, method=method, options=options)
        return found.x, str(found.message)
    return search


def promised_improvement(r, R):
    """By how much one more Gauss-Newton step would lower the objective (4.7), `r'R(R'R)^-1 R'r`: small whatever the units of theta2."""
    size = np.linalg.norm(R, axis=0)
    U, d, _ = np.linalg.svd(R / np.where(size > 0, size, 1), full_matrices=False)
    return float(((U[:, d > 1e-10].T @ r) ** 2).sum())


def invertible_start(objective, start, most=60):
    """Halve starting values until shares can be inverted there.

    Returns
    -------
    start : array (P,)
    halvings : int
    """
    for halvings in range(most):
        if objective.at(start).usable:
            return start, halvings
        start = start / 2
    return start, most


def stay(objective, start):
    """The search that does not move."""
    return start, "evaluated, not searched"


def random_starts(free, count, seed):
    """Starting values (count, P) around the given ones: each parameter uniform between -1 and 2 times its value."""
    return free.start * np.random.default_rng(seed).uniform(-1, 2, (count, len(free.start)))


@dataclass(frozen=True)
class Start:
    """One search: GMM step, start as given, halvings of it, objective reached, evaluations, and the method's last word."""
    step: int
    theta2: np.ndarray
    halvings: int
    objective: float
    evaluations: int
    message: str


# Estimation ----------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Fit:
    """What the steps ended with: theta2, the last objective (its r, R and utilities), beta, W, and all searches."""
    theta2: np.ndarray
    objective: Objective
    beta: np.ndarray
    W: np.ndarray
    starts: list


def search_once(search, objective, start, step, options):
    """One search from an invertible start; the objective's memory is left at its end."""
    before = objective.evaluations
    begin, halvings = (start, 0) if search is stay else invertible_start(objective, start)
    theta2, message = (search(objective, begin, **options) if len(start) and objective.at(begin).usable else (begin, "nothing to search"))
    value = objective.value(theta2)
    return theta2, Start(step, start, halvings, value, objective.evaluations - before, message)


def gmm_steps(X, Z, N, solve, start, steps, update, initial_update=False, extra_starts=(), search=gauss_newton, options=None, progress=None):
    """One-step or two-step GMM (4.6): search with `W = (Z'Z/N)^-1`, then again with `W = S^-1` at what was found.

    Parameters
    ----------
    X : array (N, K1)
    Z : array (N, M)
        Both after absorption of fixed effects. With a supply side those of both equations, block-diagonal, with 2N rows.
    N : int
        Products in all markets.
    solve : function
        From theta2 to what the linear equations explain, as in `Objective`.
    start : array (P,)
    steps : int
    update : function
        From the unobservables (N,) or (2N,) to S (M, M), the covariance of the moments.
    initial_update : bool
        Whether the first step's weights already are S^-1, at the starting values.
    extra_starts : list of arrays (P,)
        More starting values for the first step.
    search : function
        `gauss_newton`, `quasi_newton`, `minimize_by(method)`, or `stay`, which evaluates and does not search.
    options : dict, optional
        For the search.
    progress : Progress, optional

    Returns
    -------
    Fit
    """
    W, theta2, starts = weighting_2sls(Z, N), start, []
    solve, progress = remembering(solve), progress or Progress(False)
    if initial_update:
        W = weighting_matrix(update(unobservables(X, Z, W, solve(start).values)))
    for step in range(1, steps + 1):
        if step > 1:
            W = weighting_matrix(update(unobservables(X, Z, W, objective.utilities.values)))
        beta_map, moment_map = concentrate(X, Z, W, N)
        objective = Objective(solve, moment_map, progress, objective.scale if step > 1 else None)
        candidates, chosen, ends = [theta2, *(extra_starts if step == 1 else ())], {}, []
        if step > 1 and search is gauss_newton:
            chosen = {"restarts": 0}                            # an estimate is no start to begin again from half of
        for number, candidate in enumerate(candidates, 1):
            progress.start(f"step {step} of {steps}, start {number} of {len(candidates)}: ")
            end, record = search_once(search, objective, candidate, step, chosen | (options or {}))
            ends.append((record.objective, number, end))
            starts.append(record)
        theta2 = min(ends)[2]
        beta = beta_map @ objective.at(theta2).utilities.values
    progress.finish()
    return Fit(theta2, objective, beta, W, starts)


def remembering(solve):
    """`solve` with a memory of its last point: a step begins where the one before ended."""
    last = {"theta2": None}

    def remembered(theta2):
        if not np.array_equal(theta2, last["theta2"]):
            last.update(solved=solve(theta2), theta2=np.array(theta2))
        return last["solved"]
    return remembered


def unobservables(X, Z, W, values):
    """What is left of `values` after the linear parameters (3.3): xi, or with a supply side xi above omega."""
    return values - X @ iv_gmm(values, X, Z, W)
