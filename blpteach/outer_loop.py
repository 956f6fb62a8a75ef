"""Step 4. The outer loop: search over the nonlinear parameters theta2.

For each theta2 the inner steps give delta (Step 2) and the best beta (Step 3), so the objective is
a function of theta2 alone: `q(theta2) = |r|^2` with `r = moment_map @ delta(theta2)`. Its Jacobian
is analytic, and a sum of squares asks for Gauss-Newton.
"""
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares, minimize

from .errors import InputError
from .gmm import weighting_matrix
from .inversion import delta_jacobian, invert_shares
from .lognormal import NONE
from .progress import Progress
from .utility import buyers, choice_probabilities, taste_deviations

BAD = 1e10                              # what a search is told where shares can't be inverted
ENOUGH = 1e-8                           # an improvement of so much times (1 + q) counts as none


# delta as a function of theta2 --------------------------------------------------------------------

@dataclass(frozen=True)
class MeanUtilities:
    """What Step 2 finds in all markets.

    Attributes
    ----------
    delta : array (N,)
        In the order of the products table.
    jacobian : array (N, H)
        In the free elements of Gamma; NaN where shares can't be inverted.
    failed : int array
        Numbers of the markets that could not be inverted.
    """
    delta: np.ndarray
    jacobian: np.ndarray
    failed: np.ndarray

    @property
    def values(self):
        """What the linear equation explains: delta (N,)."""
        return self.delta

    @property
    def usable(self):
        """Whether shares were inverted in all markets."""
        return not len(self.failed)                             # market numbers, which may be 0


def solve_delta(theta2, free, blocks, N, lognormal=NONE):
    """Steps 1 and 2 in all markets (4.1): `delta(theta2)` and `d delta / d theta2`.

    Parameters
    ----------
    theta2 : array (P,)
    free : parameters.Free
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
    >>> free = problem.free(start["sigma"], start["pi"])
    >>> solve_delta(free.start, free, problem.blocks, problem.N).jacobian.shape
    (2256, 13)
    """
    Gamma, H = free.unpack(theta2).Gamma, len(free.rows)
    delta, jacobian, failed = np.empty(N), np.full((N, H), np.nan), []
    for block in blocks:
        mu = taste_deviations(block.X2, *lognormal.as_tastes(block.tastes, Gamma))       # (B, J, I)
        inversion = invert_shares(block.shares, mu, block.weights)
        delta[block.index] = inversion.delta
        failed.extend(block.markets[~inversion.converged])
        if H and not failed:
            P = choice_probabilities(inversion.delta, mu)
            v = lognormal.slopes(block.tastes, Gamma, free.rows, free.columns)           # (B, I, H)
            jacobian[block.index] = delta_jacobian(P, buyers(P, block.weights), block.X2, v,
                                                   free.rows, np.arange(H))
    return MeanUtilities(delta, jacobian, np.array(failed, int))


# The concentrated objective -----------------------------------------------------------------------

@dataclass(frozen=True)
class Point:
    """The objective at one theta2.

    Attributes
    ----------
    theta2 : array (P,)
    solved : MeanUtilities, or with a supply side supply.DemandAndSupply
    r : array (M,)
        With `q = r'r` (4.2).
    R : array (M, P)
        `d r / d theta2` (4.3), the Jacobian of delta through the same projection.
    """
    theta2: np.ndarray
    solved: object
    r: np.ndarray
    R: np.ndarray

    @property
    def usable(self):
        """Whether shares were inverted, and all derivatives exist."""
        return bool(self.solved.usable and np.isfinite(self.R).all())

    @property
    def value(self):
        """`q = r'r` (4.2); NaN where shares can't be inverted."""
        return float(self.r @ self.r) if self.solved.usable else np.nan

    @property
    def gradient(self):
        """`d q / d theta2 = 2 R'r` (4.4), (P,)."""
        return 2 * self.R.T @ self.r

    @property
    def promised(self):
        """By how much one more Gauss-Newton step would lower q (4.7); NaN where there is none."""
        return promised_improvement(self.r, self.R) if self.usable else np.nan

    @property
    def settled(self):
        """Whether no Gauss-Newton step promises an improvement."""
        return bool(self.promised <= ENOUGH * (1 + self.value))


def promised_improvement(r, R):
    """`r'R(R'R)^-1 R'r` (4.7): small at an optimum, whatever the units of theta2.

    Parameters
    ----------
    r : array (M,)
    R : array (M, P)

    Returns
    -------
    float
    """
    size = np.linalg.norm(R, axis=0)
    U, d, _ = np.linalg.svd(R / np.where(size > 0, size, 1), full_matrices=False)
    return float(((U[:, d > 1e-10].T @ r) ** 2).sum())


class Objective:
    """q as a function of theta2, which counts its evaluations and remembers the last one.

    Parameters
    ----------
    solve : function
        From theta2 (P,) to `MeanUtilities`, or with a supply side to `supply.DemandAndSupply`.
    moment_map : array (M, N)
        From `gmm.concentrate`, with a supply side from `equations.Equations.concentrate`.
    progress : Progress, optional

    Attributes
    ----------
    evaluations : int
    """

    def __init__(self, solve, moment_map, progress=None):
        self.solve, self.moment_map, self.progress = solve, moment_map, progress or Progress(False)
        self.evaluations, self._last = 0, None

    def at(self, theta2):
        """The `Point` at theta2 (P,), which is evaluated unless it was the last one."""
        if self._last is None or not np.array_equal(theta2, self._last.theta2):
            theta2 = np.array(theta2, float)
            with np.errstate(over="ignore", invalid="ignore"):  # a wild theta2 fails in words below
                solved = self.solve(theta2)
                self._last = Point(theta2, solved, self.moment_map @ solved.values,
                                   self.moment_map @ solved.jacobian)
            self.evaluations += 1
            steepness = np.linalg.norm(self._last.gradient)
            self.progress.report(self.evaluations, self._last.value, steepness)
        return self._last

    def holding(self, held, theta2):
        """q as a function of the others: parameters `held` (P,) stay what they are in theta2."""
        if not np.any(held):
            return self
        return Held(self, np.asarray(held, bool), np.array(theta2, float))

    def among(self, others):
        """theta2 (P,) with the parameters that are not held at their places: here, all."""
        return others

    # What the optimizers of SciPy ask for

    def residuals(self, theta2):
        """r (4.2); NaN where shares can't be inverted, which makes a trust region shrink."""
        here = self.at(theta2)
        return here.r if here.usable else np.full_like(here.r, np.nan)

    def jacobian(self, theta2):
        """R (4.3)."""
        return self.at(theta2).R

    def value(self, theta2):
        """q (4.2), a bad number where shares can't be inverted."""
        here = self.at(theta2)
        return here.value if here.usable else BAD

    def gradient(self, theta2):
        """`d q / d theta2` (4.4), zeros where shares can't be inverted."""
        here = self.at(theta2)
        return here.gradient if here.usable else np.zeros(len(here.theta2))


class Held(Objective):
    """q as a function of some parameters while others are held.

    Evaluations are those of the whole objective.
    """

    def __init__(self, whole, held, theta2):
        self.whole, self.held, self.theta2 = whole, held, theta2

    def at(self, others):
        """The `Point` at the parameters that are not held."""
        there = self.whole.at(self.among(others))
        return Point(np.array(others, float), there.solved, there.r, there.R[:, ~self.held])

    def among(self, others):
        """theta2 (P,) with the others at their places."""
        theta2 = self.theta2.copy()
        theta2[~self.held] = others
        return theta2

    @property
    def evaluations(self):
        """Evaluations of the whole objective."""
        return self.whole.evaluations


# Searches -----------------------------------------------------------------------------------------

def gauss_newton(objective, start, **options):
    """Gauss-Newton steps in a trust region (4.5): `step = -(R'R)^-1 R'r` where the region allows.

    Parameters
    ----------
    objective : Objective
    start : array (P,)
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
    >>> problem.estimate(**start, method="gauss-newton").starts[0].message
    '`ftol` termination condition is satisfied.'
    """
    options = {"x_scale": "jac", "xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-10, **options}
    found = least_squares(objective.residuals, start, objective.jacobian, method="trf", **options)
    return found.x, str(found.message)


def gauss_newton_while_quick(objective, start, patience=5, most=40):
    """Gauss-Newton while `patience` evaluations divide what one more step promises (4.7) by ten.

    Where residuals are small it converges quadratically. Where they are not, it crawls, and
    `quasi_newton` does better.

    Parameters
    ----------
    objective : Objective
    start : array (P,)
    patience, most : int
        Evaluations between two looks, and altogether.

    Returns
    -------
    theta2 : array (P,)
    message : str
    """
    theta2, promised, before = start, np.inf, objective.evaluations
    while objective.evaluations - before < most:
        # One evaluation more, for the first is at the point where the last search ended.
        theta2, message = gauss_newton(objective, theta2, max_nfev=patience + 1)
        last, promised = promised, objective.at(theta2).promised
        if promised <= 1e-4 * ENOUGH or not promised <= last / 10:
            break
    return theta2, message


def quasi_newton(objective, start, rounds=5, **options):
    """BFGS from the Gauss-Newton curvature `2 R'R` (4.8), for minima with large residuals.

    Where the moments can't be made small, as with many instruments that contradict each other, the
    part of the second derivative that Gauss-Newton leaves out is not small either, and its steps
    converge slowly. BFGS learns that part on the way. Where it stops though (4.7) promises more,
    it begins again from there.

    Parameters
    ----------
    objective : Objective
    start : array (P,)
    rounds : int
        How often it may begin.
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
    theta2 = np.array(start, float)
    for _ in range(rounds):
        begin, scale = theta2, curvature_units(objective.at(theta2).R)
        gtol = np.sqrt(ENOUGH / 100 * (1 + objective.value(begin)))  # there q falls by about gtol^2
        found = minimize(lambda z: objective.value(begin + scale @ z), np.zeros(len(begin)),
                         jac=lambda z: scale.T @ objective.gradient(begin + scale @ z),
                         method="BFGS", options={"gtol": gtol, "c2": 0.5, **options})
        theta2 = begin + scale @ found.x
        if found.nit == 0 or objective.at(theta2).settled or "maxiter" in options:
            break
    return theta2, str(found.message)


def curvature_units(R):
    """Units (P, P) of theta2 that make the curvature `2 R'R` the identity, where it is not flat."""
    size = np.linalg.norm(R, axis=0)
    size = np.maximum(size, 1e-6 * size.max(initial=0)) + (size.max(initial=0) == 0)
    _, d, Vt = np.linalg.svd(R / size, full_matrices=False)
    return Vt.T / (np.sqrt(2) * np.maximum(d, 0.1 * d[0]) + (d[0] == 0)) / size[:, None]


def minimize_by(method):
    """A search by any `method` of `scipy.optimize.minimize`.

    It has the signature of `gauss_newton`. Methods that take no gradient don't get one.

    Parameters
    ----------
    method : str

    Returns
    -------
    function
    """
    gradient_free = method.lower() in ("nelder-mead", "powell", "cobyla", "cobyqa")

    def search(objective, start, **options):
        jac = None if gradient_free else objective.gradient
        found = minimize(objective.value, start, jac=jac, method=method, options=options)
        return found.x, str(found.message)
    return search


# Estimation ---------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Start:
    """One search: where it began and where it ended.

    Attributes
    ----------
    theta2, found : arrays (P,)
        Starting values as given, and what was found.
    held : bool array (P,)
        Parameters that rest at a bound, or at a corner: zero, with no way down on either side.
    halvings : int
        How often the starting values were halved until shares could be inverted.
    objective : float
        NaN where shares could not be inverted.
    settled : bool
        Whether no Gauss-Newton step in the parameters that are not held promises an improvement.
    evaluations : int
    message : str
        The method's last word.
    step : int
        Of GMM.
    linear : array (K,)
        Linear parameters there, of all equations.
    searched : bool
        False where theta2 was to stay what it is.
    """
    theta2: np.ndarray
    found: np.ndarray
    held: np.ndarray
    halvings: int
    objective: float
    settled: bool
    evaluations: int
    message: str
    step: int = 1
    linear: np.ndarray = None
    searched: bool = True


def stay(objective, start):
    """The search that does not move."""
    here, held = objective.at(start), np.zeros(len(start), bool)
    return Start(start, start, held, 0, here.value, here.settled, 1, "evaluated, not searched",
                 searched=False)


@dataclass(frozen=True)
class Fit:
    """What the steps of GMM ended with.

    Attributes
    ----------
    point : Point
        The objective at the estimates.
    linear : array (K,)
        Linear parameters of all equations.
    W : array (M, M)
        Weights of the last step.
    starts : list of Start
        All searches of all steps.
    held : bool array (P,)
        Parameters at a bound or corner.
    """
    point: Point
    linear: np.ndarray
    W: np.ndarray
    starts: list
    held: np.ndarray


def gmm_steps(equations, solve, starts, search, steps=1, covariance=None, initial_update=False,
              progress=None):
    """One-step or two-step GMM (4.6).

    Search with `W = (Z'Z/N)^-1`, then again with `W = S^-1` at what was found. All starting values
    compete in the first step. The second searches from each distinct minimum of the first, so that
    they compete under the same weights.

    Parameters
    ----------
    equations : equations.Equations
    solve : function
        From theta2 (P,) to what the equations explain, as in `Objective`.
    starts : list of arrays (P,)
    search : function
        From an `Objective` and a start to a `Start`.
    steps : int
    covariance : function, optional
        From the unobservables of all equations to S (M, M), the covariance of the moments.
    initial_update : bool
        Whether the first step's weights already are S^-1, at the first start.
    progress : Progress, optional

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        With `initial_update`, where shares can't be inverted at the first start.
    """
    W, beta_map, moment_map = equations.first_step
    progress, ends = progress or Progress(False), []
    if initial_update:
        W = efficient_weights(equations, W, solve(starts[0]), covariance)
        beta_map, moment_map = equations.concentrate(W)
    for step in range(1, steps + 1):
        objective, found = Objective(solve, moment_map, progress), []
        for number, start in enumerate(starts, 1):
            progress.start(f"step {step} of {steps}, start {number} of {len(starts)}: ")
            end = search(objective, start)
            linear = beta_map @ objective.at(end.found).solved.values
            found.append(replace(end, step=step, linear=linear))
        ends += found
        best = distinct(found)
        point = objective.at(best[0].found)
        if step == steps or not point.usable:                   # without xi there is no S
            break
        W = efficient_weights(equations, W, point.solved, covariance)
        starts = [end.found for end in best]
        beta_map, moment_map = equations.concentrate(W)
    progress.finish()
    return Fit(point, best[0].linear, W, ends, best[0].held)


def efficient_weights(equations, W, solved, covariance):
    """S^-1 (3.6) at what was solved, the linear parameters estimated with W."""
    if not solved.usable:
        raise InputError("Step 3: efficient weights need unobservables, and at the starting values "
                         "shares can't be inverted. Take sigma and pi nearer to zero, or leave "
                         "initial_update out.")
    return weighting_matrix(covariance(equations.unobservables(solved.values, W)))


def distinct(ends, close=1e-3):
    """Ends that differ, the lowest first; where none has a value, the first.

    Two ends are the same where the objective and all parameters agree, up to the sign of a
    parameter that is zero in the middle of its distribution: of a sigma, whose nodes lie on both
    sides.
    """
    usable = sorted((end for end in ends if np.isfinite(end.objective)),
                    key=lambda end: end.objective)
    kept = []
    for end in usable or ends[:1]:
        if not any(same_end(end, other, close) for other in kept):
            kept.append(end)
    return kept


def same_end(one, other, close=1e-3):
    """Whether two searches ended at the same point.

    Signs are of no account where the objective and the linear parameters are the same.
    """
    def agree(a, b):
        return np.allclose(a, b, rtol=close, atol=close * max(abs(b).max(initial=0), 1e-12) / 10)
    return bool(abs(one.objective - other.objective) <= 1e-6 * (1 + abs(other.objective))
                and agree(one.linear, other.linear) and agree(abs(one.found), abs(other.found)))
