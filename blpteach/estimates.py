"""What an estimation found, how sure it is, and whether it is an optimum."""
from functools import cached_property

import numpy as np
import pandas as pd

from .errors import counted, listing
from .gmm import moment_jacobian, sandwich, weighting_matrix
from .market import UtilityOfPrice
from .outcome import Outcome
from .outer_loop import promised_improvement


class Estimates(Outcome):
    """Estimates with standard errors, a verdict on the optimum, and the methods of Step 5.

    Attributes
    ----------
    objective : float
        `N g'Wg` at the estimates; at two steps it is Hansen's J.
    beta, beta_se : arrays (K1,)
        Mean tastes, in the order of `problem.X1_names`.
    sigma, sigma_se : arrays (K2, L)
    pi, pi_se : arrays (K2, D)
        Standard errors are NaN for parameters that were fixed.
    theta2 : array (P,)
        The free elements of sigma and pi, then the Q linear parameters that are searched: with a supply side those of columns
        with prices, without one none. `gradient` (P,) is that of the objective in theta2.
    gamma, gamma_se : arrays (K3,)
        Cost parameters, in the order of `problem.X3_names`; empty without a supply side.
    covariance : array (P + K1 + K3 - Q, P + K1 + K3 - Q)
        Of (theta2, beta, gamma), jointly; beta without the Q elements that theta2 holds.
    delta, xi, omega : arrays (N,)
        xi is net of absorbed fixed effects; omega is None without a supply side.
    clipped_costs : bool array (N,)
        Marginal costs outside their bounds.
    W, S : arrays (M, M)
        Weighting matrix used, and covariance of the moments at the estimates; moments of demand first, then those of supply.
    errors : str
        Kind of the standard errors: `"robust"`, `"clustered"` or `"unadjusted"`.
    G : array (M, P + K1 + K3 - Q)
        Jacobian of the moments in the parameters, in the order of `covariance`.
    singular_values : array (P + K1 + K3 - Q,)
        Of `W^(1/2) G` with columns scaled to length one, the largest first.
    condition : float
        The first singular value over the last; infinite where that is zero.
    identified : bool
        The moments respond to every direction in the parameters: `condition` is below 1e7.
    converged : bool
        The search ended at an optimum: all shares inverted and no Gauss-Newton step promises an improvement.
    failed_markets : int array
        Numbers of the markets whose shares could not be inverted, in the order of `problem.market_labels`.
    searched : bool
        Whether there was a search: True from `Problem.estimate`, False from `Problem.evaluate`.
    free : outer_loop.Theta2
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
        Each search: its GMM step, its starting values as given, how often they were halved until shares could be inverted, the
        objective where it ended, evaluations, and the method's message.
    """

    def __init__(self, problem, free, equations, fit, errors, covariance, searched):
        self.problem, self.free, self.theta2, self.W, self.starts = problem, free, fit.theta2, fit.W, fit.starts
        self.errors, self.searched, self._moment_covariance, self.equations = errors, searched, covariance, equations
        last = fit.objective
        self.objective, self.gradient = float(last.value(fit.theta2)), last.gradient(fit.theta2)
        self.solved, self._r, self._R = last.utilities, last.r, last.R
        self.delta, self.failed_markets = last.utilities.delta, last.utilities.failed
        self.concentrated, K = free.concentrated(problem.K1), problem.K1 - len(free.searched)
        self.beta, self.gamma = free.linear(fit.theta2, problem.K1), fit.beta[K:]
        self.beta[self.concentrated] = fit.beta[:K]
        self.evaluations = sum(start.evaluations for start in fit.starts)
        Gamma = free.matrix(fit.theta2)
        self.sigma, self.pi = Gamma[:, :problem.L], Gamma[:, problem.L:]
        super().__init__(UtilityOfPrice(problem, self.beta, Gamma, self.delta))

    # Step 3 at the estimates -----------------------------------------------------------------------------------------------

    @property
    def xi(self):
        """Unobserved quality (N,): delta less its mean taste part, after absorption."""
        return self.utility.xi

    @cached_property
    def omega(self):
        """Unobserved cost (N,): costs or log costs less what X3 explains; None without a supply side."""
        return None if self.problem.cost_model is None else self.solved.tilde_costs - self.problem.cost_model.X3 @ self.gamma

    @cached_property
    def S(self):
        """Covariance of the moments (M, M), those of demand first."""
        return self._moment_covariance(self.xi if self.omega is None else np.r_[self.xi, self.omega], self.errors)

    @cached_property
    def G(self):
        """Jacobian of the moments (M, P + K1 + K3 - Q) in (theta2, beta, gamma); beta without the Q that theta2 holds."""
        return moment_jacobian(self.equations.Z, self.equations.X, self.solved.jacobian, self.problem.N)

    @cached_property
    def covariance(self):
        """Joint covariance of (theta2, beta, gamma), in the order of `G`."""
        W = weighting_matrix(self.S) if self.errors == "unadjusted" else self.W
        return sandwich(self.G, W, self.S, self.problem.N)

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
        return np.zeros(self.problem.N, bool) if self.problem.cost_model is None else self.solved.clipped

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
        """Approximately optimal instruments at these estimates; `.problem` is the problem with them, to be estimated again.

        Parameters
        ----------
        prices : array (N,), optional
            Expected prices, as in `optimal.optimal_instruments`.

        Returns
        -------
        optimal.OptimalInstruments
        """
        from .optimal import optimal_instruments
        return optimal_instruments(self, prices)

    def profile(self, parameter, values):
        """The objective as a function of one parameter, the others searched again; see `identification.profile`.

        Parameters
        ----------
        parameter : str
            A nonlinear parameter by its name in `to_frame`, such as `"sigma[prices, nodes1]"`, or a searched linear one.
        values : array_like (V,)

        Returns
        -------
        DataFrame
            A row for each value. Columns: `value`, `objective`, `converged`, and the other parameters.
        """
        from .identification import profile
        return profile(self, parameter, values)

    def conditional_F(self, errors=None):
        """How strong the instruments are for each parameter that needs some; see `identification.conditional_F`.

        Parameters
        ----------
        errors : str, optional
            `"robust"`, `"clustered"` or `"unadjusted"`; by default robust, or clustered where the problem has clusters.

        Returns
        -------
        DataFrame
            A row for each parameter. Columns: `F`, `conditional_F`, their degrees of freedom, and `errors`.
        """
        from .identification import conditional_F
        return conditional_F(self, errors)

    def absorbed_tastes(self, formula):
        """Mean tastes of characteristics that product effects absorbed; see `identification.absorbed_tastes`.

        Parameters
        ----------
        formula : str
            Characteristics that are constant within the fixed effects, such as `"1 + sugar + mushy"`.

        Returns
        -------
        DataFrame
            A row for each characteristic. Columns: `estimate`, `se`, `t`; how well they fit is in `attrs`.
        """
        from .identification import absorbed_tastes
        return absorbed_tastes(self, formula)

    # Is it an optimum? -----------------------------------------------------------------------------------------------------

    @cached_property
    def expected_improvement(self):
        """By how much one more Gauss-Newton step would lower the objective (4.7)."""
        return promised_improvement(self._r, self._R) if len(self.theta2) and np.isfinite(self._R).all() else 0.0

    @property
    def inverted(self):
        """Whether shares were inverted in all markets."""
        return len(self.failed_markets) == 0

    @property
    def converged(self):
        """Whether this is an optimum, a local one: shares are inverted, and no Gauss-Newton step promises an improvement.

        An improvement of up to `1e-8 (1 + objective)` counts as none.
        """
        return bool(self.inverted and self.expected_improvement <= 1e-8 * (1 + self.objective))

    @cached_property
    def singular_values(self):
        """Of `W^(1/2) G`, columns scaled to length one (P + K1 + K3 - Q,): a small one is a direction the moments don't see."""
        root = np.linalg.cholesky(self.W).T @ self.G
        if not np.isfinite(root).all():                         # shares were not inverted, or costs have no logarithm
            return np.full(root.shape[1], np.nan)
        size = np.linalg.norm(root, axis=0)
        return np.linalg.svd(root / np.where(size > 0, size, 1), compute_uv=False)

    @property
    def condition(self):
        """Condition number of the scaled Jacobian of the moments.

        Where it is large, some direction in the parameters hardly moves the moments. Where it is small, instruments may still be weak,
        since the sample's Jacobian is taken for the expected one: that is what `conditional_F` is for.
        """
        smallest = self.singular_values[-1]
        return float(self.singular_values[0] / smallest) if smallest > 0 else np.inf

    @property
    def identified(self):
        """Whether the moments respond to every direction in the parameters, as far as double precision can tell."""
        return bool(np.isfinite(self.condition) and self.condition < 1e7)

    def verdict(self):
        """One sentence for each check of the optimum, and the conclusion first."""
        if not self.searched:
            head = "Evaluated at given parameters, not searched."
        else:
            no = ("No." if not self.converged else "It can't be told: not identified." if not self.identified else
                  "No: most costs are at their bounds, where parameters don't move them." if self.clipped_costs.mean() > 0.5 else "")
            yes = "Yes, a local one." if len(self.theta2) else "Yes, the only one: beta is linear."
            head = "Is this an optimum? " + (no or yes)
        lines = [head, f"  shares inverted in all markets: {'yes' if self.inverted else 'NO, not in ' + self.failed_labels()}"]
        if len(self.theta2):
            lines.append(f"  one more Gauss-Newton step would lower the objective by {self.expected_improvement:.1e} "
                         f"(gradient norm {np.linalg.norm(self.gradient):.1e})")
        weak = "  <- weak: some direction is hardly identified"
        none = "  <- NOT identified: some direction does not move the moments"
        lines.append(f"  scaled Jacobian of the moments: rank {self._rank()} of {len(self.singular_values)}, condition {self.condition:.3g}"
                     + ("" if self.condition < 1000 else weak if self.identified else none))
        if self.clipped_costs.any():
            lines.append(f"  marginal costs of {self.clipped_costs.sum()} of {self.problem.N} products were set to their bounds  "
                         "<- these say nothing about costs" + ("; begin elsewhere, or doubt the conduct" if self.clipped_costs.mean() > 0.5 else ""))
        for start in self.starts:
            if start.halvings:
                lines.append(f"  a starting value of step {start.step} could not be inverted and was halved {start.halvings} time(s)")
            for sentence in start.message.split(". "):
                if "Begun again" in sentence or "BFGS went on" in sentence:
                    lines.append(f"  a search of step {start.step} was slow. {sentence.rstrip('.')}.")
        return "\n".join(lines + self._starts_line())

    def _rank(self):
        return int((self.singular_values > 1e-7 * self.singular_values[0]).sum())

    def failed_labels(self):
        return listing(self.problem.market_labels[self.failed_markets])

    def _starts_line(self):
        first = [start.objective for start in self.starts if start.step == 1]
        if len(first) < 2:
            return []
        same = sum(value <= min(first) + 1e-6 * (1 + min(first)) for value in first)
        return [f"  {same} of {len(first)} starting values ended at the lowest objective of step 1, {min(first):.7g}"]

    # Tables ----------------------------------------------------------------------------------------------------------------

    def to_frame(self):
        """Estimates and standard errors, a row for each free parameter.

        Returns
        -------
        DataFrame
            Index: parameter. Columns: `estimate`, `se`, `t`.
        """
        H, problem = len(self.free.rows), self.problem
        names = [f"beta[{name}]" for name in problem.X1_names] + problem.theta2_names(self.free)[:H] + [f"gamma[{name}]" for name in problem.X3_names]
        estimate, se = np.r_[self.beta, self.theta2[:H], self.gamma], np.r_[self.beta_se, self._se[:H], self.gamma_se]
        with np.errstate(divide="ignore", invalid="ignore"):    # a standard error of zero or NaN gives no t value
            t = estimate / se
        return pd.DataFrame({"estimate": estimate, "se": se, "t": t}, index=pd.Index(names, name="parameter"))

    def __repr__(self):
        p, steps = self.problem, max(start.step for start in self.starts)
        head = [f"{'Random-coefficients logit' if p.K2 else 'Logit'}: {p.N} products, {p.T} markets, {len(self.W)} moments; "
                f"{'two' if steps == 2 else 'one'}-step GMM, {self.errors} standard errors",
                f"objective {self.objective:.7g} after {counted(self.evaluations, 'evaluation')}", ""]
        beta = pd.DataFrame({"beta": self.beta}, p.X1_names), pd.DataFrame({"beta": self.beta_se}, p.X1_names)
        tables = [layout("mean tastes", *beta)] + ([layout("random coefficients", *self._random_frames())] if p.K2 else [])
        if p.K3:
            gamma = pd.DataFrame({"gamma": self.gamma}, p.X3_names), pd.DataFrame({"gamma": self.gamma_se}, p.X3_names)
            tables.append(layout("log costs" if p.cost_model.log else "costs", *gamma))
        return "\n".join(head + tables + [self.verdict()])

    def _random_frames(self):
        """Gamma and its standard errors as tables: sigma in one column where it is diagonal, zero columns left out."""
        p, Gamma, se = self.problem, self.free.matrix(self.theta2), self._matrix_se()
        columns = [f"sigma {name}" for name in p.node_names] + [f"pi {name}" for name in p.demographic_names]
        estimate, error = pd.DataFrame(Gamma, p.X2_names, columns), pd.DataFrame(se, p.X2_names, columns)
        if p.L == p.K2 and not (self.sigma - np.diag(np.diag(self.sigma))).any():
            estimate, error = (pd.concat([pd.Series(np.diag(values), p.X2_names, name="sigma"), frame.drop(columns=columns[:p.L])], axis=1)
                               for frame, values in ((estimate, self.sigma), (error, self.sigma_se)))
        used = estimate.columns[(estimate != 0).any()]
        return estimate[used], error[used]


def layout(title, estimate, error):
    """A table as text: estimates, with standard errors in parentheses below them and a dot for what is fixed at zero."""
    widths = [max(11, len(column) + 2) for column in estimate.columns]

    def row(name, cells):
        return f"{name:<20}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths))
    lines = [row(title, estimate.columns)]
    for name in estimate.index:
        values, errors = estimate.loc[name], error.loc[name]
        lines.append(row(f"  {name}", ["." if value == 0 else f"{value:.5g}" for value in values]))
        lines.append(row("", ["" if value == 0 else "(n.a.)" if np.isnan(se) else f"({se:.3g})" for value, se in zip(values, errors)]))
    return "\n".join(lines) + "\n"
