"""What an estimation found, how sure it is, and whether it is an optimum."""
from functools import cached_property

import numpy as np
import pandas as pd

from . import identification
from .errors import counted as number_of, listing
from .gmm import sandwich
from .market import UtilityOfPrice
from .optimal import optimal_instruments
from .outcome import Outcome
from .outer_loop import distinct, promised_improvement, same_end


class Estimates(Outcome):
    """Estimates with standard errors, a verdict on the optimum, and the methods of Step 5.

    `Problem.estimate` and `Problem.evaluate` make them.

    Parameters
    ----------
    problem : Problem
    free : parameters.Free
    fit : outer_loop.Fit
        The lowest minimum, and the searches that led there.
    errors : str
    center : bool

    Attributes
    ----------
    objective : float
        `N g'Wg` at the estimates; at two steps it is Hansen's J. NaN where shares could not be
        inverted.
    beta, beta_se : arrays (K1,)
        Mean tastes, in the order of `problem.X1_names`.
    sigma, sigma_se : arrays (K2, L)
    pi, pi_se : arrays (K2, D)
        Standard errors are NaN for parameters that were fixed, or that rest at a bound or corner.
    theta2 : array (P,)
        The free elements of sigma and pi, then the Q linear parameters that are searched: with a
        supply side those of columns with prices, without one none. `gradient` (P,) is that of the
        objective in theta2.
    gamma, gamma_se : arrays (K3,)
        Cost parameters, in the order of `problem.X3_names`; empty without a supply side.
    covariance : array (P + K1 + K3 - Q, P + K1 + K3 - Q)
        Of (theta2, beta, gamma), jointly; beta without the Q elements that theta2 holds.
    delta, xi, omega : arrays (N,)
        xi is net of absorbed fixed effects; omega is None without a supply side.
    clipped_costs : bool array (N,)
        Marginal costs outside their bounds.
    W, S : arrays (M, M)
        Weighting matrix used, and covariance of the moments at the estimates; moments of demand
        first, then those of supply.
    errors : str
        Kind of the standard errors: `"robust"`, `"clustered"` or `"unadjusted"`.
    G : array (M, P + K1 + K3 - Q)
        Jacobian of the moments in the parameters, in the order of `covariance`.
    singular_values : array
        Of `W^(1/2) G` with columns scaled to length one, the largest first.
    condition : float
        The first singular value over the last; infinite where that is zero.
    identified : bool
        The moments respond to every direction in the parameters: `condition` is below 1e7.
    converged : bool
        The search ended at an optimum: all shares are inverted, and no Gauss-Newton step promises
        an improvement.
    at_bound : list of str
        Names of the parameters that rest at a bound or corner.
    minima : DataFrame
        The distinct minima that the starting values led to.
    failed_markets : int array
        Numbers of the markets whose shares could not be inverted, in the order of
        `problem.market_labels`.
    searched : bool
        Whether there was a search: True from `Problem.estimate`, False from `Problem.evaluate`.
    free : parameters.Free
        Which parameters theta2 holds, and their starting values.
    concentrated : int array (K1 - Q,)
        Columns of X1 whose parameters theta2 does not hold.
    equations : equations.Equations
        Regressors and instruments of the linear equations.
    solved : outer_loop.MeanUtilities, or with a supply side supply.DemandAndSupply
        delta, and costs, with their derivatives in theta2.
    evaluations : int
        Of the objective, over all steps and starts.
    starts : list of Start
        Each search, in the order of steps and starts: where it began, and where it ended.
    center : bool
        Whether moments are centred in S.
    held : bool array (P,)
        Which elements of theta2 rest at a bound or corner.
    """

    def __init__(self, problem, free, fit, errors, center):
        self.problem, self.free, self.equations = problem, free, problem.equations
        self.starts = fit.starts
        self.W, self.errors, self.center = fit.W, errors, center
        self.theta2, self.held, self.solved = fit.point.theta2, fit.held, fit.point.solved
        self.objective, self.gradient = fit.point.value, fit.point.gradient
        self._r, self._R = fit.point.r, fit.point.R
        self.delta, self.failed_markets = self.solved.delta, self.solved.failed
        self.concentrated, K = free.concentrated, len(free.concentrated)
        Gamma, self.beta = free.unpack(self.theta2).Gamma, free.unpack(self.theta2).beta
        self.beta[self.concentrated], self.gamma = fit.linear[:K], fit.linear[K:]
        self.sigma, self.pi = Gamma[:, :problem.L], Gamma[:, problem.L:]
        super().__init__(UtilityOfPrice(problem, self.beta, Gamma, self.delta))

    @property
    def evaluations(self):
        """Evaluations of the objective, over all steps and starts."""
        return sum(start.evaluations for start in self.starts)

    @property
    def searched(self):
        """Whether there was a search: yes from `Problem.estimate`, no from `Problem.evaluate`."""
        return any(start.searched for start in self.starts)

    # Step 3 at the estimates ----------------------------------------------------------------------

    @property
    def xi(self):
        """Unobserved quality (N,): delta less its mean taste part, after absorption."""
        return self.utility.xi

    @cached_property
    def omega(self):
        """Unobserved cost (N,): costs or their logs less what X3 explains; None without supply."""
        model = self.problem.cost_model
        return None if model is None else self.solved.tilde_costs - model.X3 @ self.gamma

    @cached_property
    def S(self):
        """Covariance of the moments (M, M), those of demand first."""
        left = self.xi if self.omega is None else np.r_[self.xi, self.omega]
        return self.problem.moment_covariance(left, self.errors, self.center)

    @cached_property
    def G(self):
        """Jacobian of the moments (M, P + K1 + K3 - Q) in (theta2, beta, gamma).

        beta is without the Q elements that theta2 holds.
        """
        return self.equations.moment_jacobian(self.solved.jacobian)

    @cached_property
    def covariance(self):
        """Joint covariance of (theta2, beta, gamma), in the order of `G`.

        It is NaN for parameters at a bound or corner; the others' is that of the model in which
        these are fixed where they are.
        """
        counted, whole = self.counted, np.full((self.G.shape[1],) * 2, np.nan)
        G = self.G[:, counted]
        whole[np.ix_(counted, counted)] = sandwich(G, self.W, self.S, self.problem.N)
        return whole

    @property
    def counted(self):
        """Parameters (P + K1 + K3 - Q,) that are not held at a bound or corner."""
        return np.r_[~self.held, np.ones(self.G.shape[1] - len(self.held), bool)]

    @property
    def at_bound(self):
        """Names of the parameters that the minimum leaves at a bound or corner.

        At a corner a taste is zero, with no way down.
        """
        return [name for name, held in zip(self.free.names, self.held) if held]

    @property
    def _se(self):
        return np.sqrt(np.diag(self.covariance))

    @property
    def beta_se(self):
        """Standard errors (K1,), theta2 counted as estimated."""
        P, H, K = len(self.theta2), len(self.free.rows), len(self.concentrated)
        se = np.empty(self.problem.K1)
        se[self.free.searched], se[self.concentrated] = self._se[H:P], self._se[P:P + K]
        return se

    @property
    def gamma_se(self):
        """Standard errors (K3,) of the cost parameters."""
        return self._se[len(self.theta2) + len(self.concentrated):]

    @property
    def clipped_costs(self):
        """Products (N,) whose costs were outside their bounds; all False without a supply side."""
        if self.problem.cost_model is None:
            return np.zeros(self.problem.N, bool)
        return self.solved.clipped

    @property
    def sigma_se(self):
        """Standard errors (K2, L), NaN where fixed."""
        return self._matrix_se()[:, :self.problem.L]

    @property
    def pi_se(self):
        """Standard errors (K2, D), NaN where fixed."""
        return self._matrix_se()[:, self.problem.L:]

    def _matrix_se(self):
        se = np.full(self.free.Gamma.shape, np.nan)
        se[self.free.rows, self.free.columns] = self._se[:len(self.free.rows)]
        return se

    def optimal_instruments(self, prices=None):
        """Approximately optimal instruments at these estimates.

        `.problem` of the result is the problem with them, to be estimated again.

        Parameters
        ----------
        prices : array (N,), optional
            Expected prices, as in `optimal.optimal_instruments`.

        Returns
        -------
        optimal.OptimalInstruments
        """
        return optimal_instruments(self, prices)

    def profile(self, parameter, values):
        """The objective as a function of one parameter, the others searched again.

        See `identification.profile`.

        Parameters
        ----------
        parameter : str
            A nonlinear parameter by its name in `to_frame`, such as `"sigma[prices, nodes1]"`, or a
            searched linear one.
        values : array_like (V,)

        Returns
        -------
        DataFrame
            A row for each value. Columns: `value`, `objective`, `converged`, and the other
            parameters.
        """
        return identification.profile(self, parameter, values)

    def conditional_F(self, errors=None):
        """How strong the instruments are for each parameter that needs some.

        See `identification.conditional_F`.

        Parameters
        ----------
        errors : str, optional
            `"robust"`, `"clustered"` or `"unadjusted"`; by default robust, or clustered where the
            problem has clusters.

        Returns
        -------
        DataFrame
            A row for each parameter. Columns: `F`, `conditional_F`, their degrees of freedom, and
            `errors`.
        """
        return identification.conditional_F(self, errors)

    def absorbed_tastes(self, formula):
        """Mean tastes of characteristics that product effects absorbed.

        See `identification.absorbed_tastes`.

        Parameters
        ----------
        formula : str
            Characteristics that are constant within the fixed effects, as in
            `"1 + sugar + mushy"`.

        Returns
        -------
        DataFrame
            A row for each characteristic. Columns: `estimate`, `se`, `t`; how well they fit is in
            `attrs`.
        """
        return identification.absorbed_tastes(self, formula)

    # Is it an optimum? ----------------------------------------------------------------------------

    @cached_property
    def expected_improvement(self):
        """By how much one more Gauss-Newton step would lower the objective (4.7).

        It is a step in the parameters that are not held.
        """
        R = self._R[:, ~self.held]
        return promised_improvement(self._r, R) if R.shape[1] and np.isfinite(R).all() else 0.0

    @property
    def inverted(self):
        """Whether shares were inverted in all markets."""
        return len(self.failed_markets) == 0

    @property
    def converged(self):
        """Whether this is an optimum, a local one.

        Shares are inverted, and no Gauss-Newton step promises an improvement. One of up to
        `1e-8 (1 + objective)` counts as none.
        """
        return bool(self.inverted and self.expected_improvement <= 1e-8 * (1 + self.objective))

    @cached_property
    def singular_values(self):
        """Of `W^(1/2) G`, with columns scaled to length one (P + K1 + K3 - Q,).

        A small one is a direction that the moments don't see. NaN where shares were not inverted or
        costs have no logarithm.
        """
        root = np.linalg.cholesky(self.W).T @ self.G[:, self.counted]
        if not np.isfinite(root).all():
            return np.full(root.shape[1], np.nan)
        size = np.linalg.norm(root, axis=0)
        return np.linalg.svd(root / np.where(size > 0, size, 1), compute_uv=False)

    @property
    def condition(self):
        """Condition number of the scaled Jacobian of the moments.

        Where it is large, some direction in the parameters hardly moves the moments. Where it is
        small, instruments may still be weak, since the sample's Jacobian is taken for the expected
        one: that is what `conditional_F` is for.
        """
        smallest = self.singular_values[-1]
        return float(self.singular_values[0] / smallest) if smallest > 0 else np.inf

    @property
    def identified(self):
        """Whether the moments respond to every direction, as far as double precision can tell."""
        return bool(np.isfinite(self.condition) and self.condition < 1e7)

    def verdict(self):
        """One sentence for each check of the optimum, and the conclusion first.

        Returns
        -------
        str
        """
        inverted = "yes" if self.inverted else f"NO, not in {self.failed_labels()}"
        lines = [self._conclusion(), f"  shares inverted in all markets: {inverted}"]
        if len(self.theta2):
            lines.append("  one more Gauss-Newton step would lower the objective by "
                         f"{self.expected_improvement:.1e} "
                         f"(gradient norm {np.linalg.norm(self.gradient):.1e})")
        return "\n".join([*lines, *self._identification_lines(), *self._bound_lines(),
                          *self._starts_lines()])

    def _conclusion(self):
        """Whether it is an optimum."""
        if not self.searched:
            return "Evaluated at given parameters, not searched."
        if not self.converged:
            answer = "No."
        elif not self.identified:
            answer = "It can't be told: not identified."
        elif self.clipped_costs.mean() > 0.5:
            answer = "No: most costs are at their bounds, where parameters don't move them."
        elif self.at_bound:
            answer = f"Yes, a local one, with {listing(self.at_bound)} at a corner or bound."
        elif len(self.theta2):
            answer = "Yes, a local one."
        else:
            answer = "Yes, the only one: beta is linear."
        return f"Is this an optimum? {answer}"

    def _identification_lines(self):
        """Whether the moments see every direction, and whether costs say something."""
        weak = "  <- weak: some direction is hardly identified"
        none = "  <- NOT identified: some direction does not move the moments"
        remark = "" if self.condition < 1000 else weak if self.identified else none
        values, clipped = self.singular_values, self.clipped_costs
        rank = int((values > 1e-7 * values[0]).sum())
        lines = [f"  scaled Jacobian of the moments: rank {rank} of {len(values)}, "
                 f"condition {self.condition:.3g}{remark}"]
        if clipped.any():
            advice = "; begin elsewhere, or doubt the conduct" if clipped.mean() > 0.5 else ""
            lines.append(f"  marginal costs of {clipped.sum()} of {self.problem.N} products were "
                         f"set to their bounds  <- these say nothing about costs{advice}")
        return lines

    def _bound_lines(self):
        """What a corner means for standard errors and tests."""
        if not self.at_bound:
            return []
        return [f"  at a corner or bound: {listing(self.at_bound, 20)}. Standard errors are those "
                "of the model in which this is fixed.",
                "  Zero is the boundary of a standard deviation: t = sigma / se near it is no "
                "ordinary test."]

    def _starts_lines(self):
        """How many starting values stand behind the estimates."""
        lines = [f"  a starting value of step {start.step} could not be inverted "
                 f"and was halved {start.halvings} time(s)"
                 for start in self.starts if start.halvings]
        if not self.searched or not len(self.theta2):
            return lines
        first, minima = [start for start in self.starts if start.step == 1], self.minima
        if len(first) == 1:
            return [*lines, "  1 starting value stands behind it: estimate(..., starts=5) tries "
                            "more, and other signs of sigma"]
        same = minima["found"].iloc[0] if len(minima) else "none"
        others = f"; there are {len(minima)} minima, see estimates.minima"
        return [*lines, f"  {same} of {len(first)} starting values ended at the lowest objective"
                        f"{others if len(minima) > 1 else ''}"]

    def failed_labels(self):
        """Market ids of the markets that were not inverted, as text."""
        return listing(self.problem.market_labels[self.failed_markets])

    @cached_property
    def minima(self):
        """The distinct minima that the starting values led to, the lowest first.

        With two steps each minimum of the first is searched again under the second step's weights,
        and these are the objectives here. Ends that are no minima are left out.

        Returns
        -------
        DataFrame
            Columns: `objective`, `found` (how many starting values led there), and all parameters,
            named as in `to_frame`.
        """
        steps = max(start.step for start in self.starts)
        ends = [start for start in self.starts if start.step == steps and start.settled]
        rows = [[end.objective, self._found(end, steps), *self.arranged(end.found, end.linear)]
                for end in distinct(ends)]
        return pd.DataFrame(rows, columns=["objective", "found", *self._names()])

    def _found(self, minimum, steps):
        """How many starting values led to a minimum of the last step."""
        first = [start for start in self.starts if start.step == 1]
        last = [start for start in self.starts if start.step == steps and same_end(start, minimum)]
        origins = last
        if steps == 2:
            origins = [start for start in first
                       if any(np.array_equal(start.found, end.theta2) for end in last)]
        return sum(any(same_end(start, origin) for origin in origins) for start in first)

    # Tables ---------------------------------------------------------------------------------------

    def to_frame(self):
        """Estimates and standard errors, a row for each free parameter.

        Returns
        -------
        DataFrame
            Index: parameter. Columns: `estimate`, `se`, `t`.
        """
        H = len(self.free.rows)
        estimate = np.r_[self.beta, self.theta2[:H], self.gamma]
        se = np.r_[self.beta_se, self._se[:H], self.gamma_se]
        with np.errstate(divide="ignore", invalid="ignore"):    # where se is zero or NaN, t is not
            t = estimate / se
        names = pd.Index(self._names(), name="parameter")
        return pd.DataFrame({"estimate": estimate, "se": se, "t": t}, index=names)

    def _names(self):
        """Names of all parameters: beta, free elements of sigma and pi, gamma."""
        return [*(f"beta[{name}]" for name in self.problem.X1_names),
                *self.free.names[:len(self.free.rows)],
                *(f"gamma[{name}]" for name in self.problem.X3_names)]

    def arranged(self, theta2, linear):
        """All parameters at another theta2, with its concentrated ones, in the order of `to_frame`.

        Parameters
        ----------
        theta2 : array (P,)
        linear : array (K1 - Q + K3,)
            The linear parameters that theta2 does not hold.

        Returns
        -------
        array (K1 + H + K3,)
            beta, the H free elements of sigma and pi, gamma.
        """
        beta, H, K = self.free.unpack(theta2).beta, len(self.free.rows), len(self.concentrated)
        beta[self.concentrated] = linear[:K]
        return np.r_[beta, theta2[:H], linear[K:]]

    def __repr__(self):
        p, steps = self.problem, max(start.step for start in self.starts)
        lines = [f"{'Random-coefficients logit' if p.K2 else 'Logit'}: {p.N} products, "
                 f"{p.T} markets, {len(self.W)} moments; "
                 f"{'two' if steps == 2 else 'one'}-step GMM, {self.errors} standard errors",
                 f"objective {self.objective:.7g} after "
                 f"{number_of(self.evaluations, 'evaluation')}", ""]
        beta, se = (pd.DataFrame({"beta": b}, p.X1_names) for b in (self.beta, self.beta_se))
        lines.append(layout("mean tastes", beta, se))
        if p.K2:
            lines.append(layout("random coefficients", *self._random_frames()))
        if p.K3:
            gamma, se = (pd.DataFrame({"gamma": g}, p.X3_names)
                         for g in (self.gamma, self.gamma_se))
            lines.append(layout("log costs" if p.cost_model.log else "costs", gamma, se))
        return "\n".join([*lines, self.verdict()])

    def _random_frames(self):
        """Gamma, its standard errors and what is fixed at zero, as tables.

        A diagonal sigma stands in one column, and columns of zeros are left out.
        """
        p, free = self.problem, self.free
        fixed = free.Gamma == 0
        fixed[free.rows, free.columns] = False
        columns = [*(f"sigma {name}" for name in p.node_names),
                   *(f"pi {name}" for name in p.demographic_names)]
        frames = [pd.DataFrame(values, p.X2_names, columns)
                  for values in (free.unpack(self.theta2).Gamma, self._matrix_se(), fixed)]
        if p.L == p.K2 and not (self.sigma - np.diag(np.diag(self.sigma))).any():
            frames = [with_diagonal(frame, p.L) for frame in frames]
        used = frames[2].columns[~frames[2].all()]
        return [frame[used] for frame in frames]


def with_diagonal(frame, L):
    """A table whose first L columns, which are square, are their diagonal in one column `sigma`."""
    diagonal = pd.Series(np.diag(frame.iloc[:, :L]), frame.index, name="sigma")
    return pd.concat([diagonal, frame.iloc[:, L:]], axis=1)


def layout(title, estimate, error, fixed=None):
    """A table as text: estimates, and standard errors in parentheses below them.

    Parameters
    ----------
    title : str
    estimate, error : DataFrames
        Of the same rows and columns.
    fixed : DataFrame of bool, optional
        What is fixed at zero and shown as a dot; by default what is missing in `estimate`.

    Returns
    -------
    str
    """
    widths = [max(11, len(column) + 2) for column in estimate.columns]
    fixed = estimate.isna() if fixed is None else fixed

    def row(name, cells):
        return f"{name:<20}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths))

    def below(value, se, dot):
        if dot:
            return ""
        if np.isnan(se):
            return "(corner)" if value == 0 else "(n.a.)"
        return f"({se:.3g})"
    lines = [row(title, estimate.columns)]
    for name in estimate.index:
        values, errors, dots = estimate.loc[name], error.loc[name], fixed.loc[name]
        cells = ["." if dot else f"{value:.5g}" for value, dot in zip(values, dots)]
        lines.append(row(f"  {name}", cells))
        lines.append(row("", [below(*cell) for cell in zip(values, errors, dots)]))
    return "\n".join(lines) + "\n"
