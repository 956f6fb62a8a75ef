"""Identification: which parameters the data speak of, and what fixed effects have absorbed.

Three looks at estimates. Do the instruments move each parameter's regressor apart from all
the others (`conditional_F`)? How does the objective rise as one parameter leaves its estimate
and the rest adjust (`profile`)? And which mean tastes lie in the fixed effects (`absorbed_tastes`)?
"""
from functools import partial

import numpy as np
import pandas as pd
from scipy.linalg import block_diag, solve_triangular
from scipy.special import chdtrc

from .equations import Equations
from .errors import InputError, listing
from .tables.formula import design
from .gmm import contribution_covariance, sandwich
from .outer_loop import Objective
from .tables.validation import check_not_collinear, column_names


# Relevance of the instruments --------------------------------------------------------------------

def conditional_F(estimates, errors=None):
    """First-stage F of all that must be instrumented (7.6), alone and conditional on the others.

    Near the estimates the model is linear,
    `delta = X1 beta + (d delta / d theta2) (theta2 - theta2_hat) + xi`. Prices and the columns of
    `d delta / d theta2` are its endogenous regressors, for both depend on xi. Each may have a large
    F of its own while a combination of them is hardly moved by the instruments; the conditional F
    of Sanderson and Windmeijer tells. Fixed effects and the exogenous columns of X1 are partialled
    out. With a supply side these are the statistics of the demand equation alone.

    Parameters
    ----------
    estimates : Estimates
    errors : str, optional
        `"robust"`, `"clustered"` or `"unadjusted"`; by default robust, or clustered where
        the problem has clusters. The published critical values (Stock and Yogo's, for n - 1
        instruments fewer) are for unadjusted errors.

    Returns
    -------
    DataFrame
        Index: parameter, as in `to_frame`. Columns: `F` with `df` degrees of freedom in the
        numerator, `conditional_F` with `conditional_df`; `residual_df` in both denominators, the
        clusters less one where errors are clustered; and `errors`, their kind. A conditional F near
        one says that the instruments don't tell this parameter from the others.

    Raises
    ------
    InputError
        Where nothing is endogenous, shares were not inverted, or clusters are too few.

    Source
    ------
    Sanderson and Windmeijer (2016).

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["cereal"]()
    >>> found = conditional_F(problem.estimate(**start)).loc["beta[prices]"]
    >>> found[["F", "conditional_F"]].astype(int).tolist()
    [2790, 3]
    """
    problem = estimates.problem
    errors = problem.kind_of_errors(errors, "errors")
    Y, names = endogenous_regressors(estimates)
    exogenous = problem.X1[:, ~problem.linear.endogenous]
    excluded = problem.Z[:, :len(problem.excluded_names)]
    Q = np.linalg.qr(exogenous)[0]
    Y, Z = (values - Q @ (Q.T @ values) for values in (Y, excluded))
    spent = exogenous.shape[1] + absorbed_degrees(problem.effects) + Z.shape[1]
    found = first_stages(Y, Z, problem.N - spent, errors, problem.clusters)
    return pd.DataFrame(found, pd.Index(names, name="parameter")).assign(errors=errors)


def endogenous_regressors(estimates):
    """Columns of X1 with prices, `d delta / d theta2` (N, n), absorbed, and their parameters."""
    problem, moves = estimates.problem, estimates.problem.linear.endogenous
    slopes = delta_slopes(estimates)                            # (N, H)
    names = [f"beta[{name}]" for name, moved in zip(problem.X1_names, moves) if moved]
    names += estimates.free.names[:slopes.shape[1]]
    if not names:
        raise InputError("conditional_F: nothing is endogenous: `linear` has no column "
                         "with `prices`, and no nonlinear parameter is free. Give random=... "
                         "and starting values, or put `prices` into linear.")
    columns = [problem.X1[:, moves], *(problem.demean(slope) for slope in slopes.T)]
    return np.column_stack(columns), names


def delta_slopes(estimates):
    """`d delta / d theta2` (N, H) in the free elements of Gamma, before absorption."""
    if not estimates.inverted:
        raise InputError(f"Shares were not inverted in market(s) {estimates.failed_labels()}, "
                         "so delta has no derivatives there. Take parameters nearer to zero.")
    alone = estimates.problem.cost_model is None
    demand = estimates.solved if alone else estimates.solved.mean_utilities
    return demand.jacobian[:, :len(estimates.free.rows)]


def absorbed_degrees(effects):
    """How many dummies the fixed effects stand for; for three sets and more an upper bound."""
    if effects is None:
        return 0
    import pyhdfe                                               # only here, as in gmm
    return pyhdfe.create(effects, drop_singletons=False).degrees


def first_stages(Y, Z, residual_df, kind="unadjusted", clusters=None):
    """Ordinary and conditional first-stage F of each column of Y (7.6).

    The conditional F of x_j: two-stage least squares of x_j on the other columns leaves
    `e = x_j - Y_other b`; regress e on the instruments, and divide the sum of squares they explain
    by `M - (n - 1)` instead of M, for b has used n - 1 directions. With Q orthonormal in the space
    of the instruments, orthogonal to the fitted values of the others, that sum is `|Q'e|^2`, and
    its form for robust or clustered errors is `(Q'e)' var(Q'e)^-1 (Q'e)`. As `Q'Y_other = 0`, b
    does not enter `Q'e` itself, only its variance, through the residual `v = e - P_Z e`.

    Parameters
    ----------
    Y : array (N, n)
        Endogenous regressors, exogenous ones partialled out.
    Z : array (N, M)
        Excluded instruments, likewise; M >= n.
    residual_df : int
        N less instruments, exogenous regressors and absorbed effects.
    kind, clusters
        As in `gmm.moment_covariance`.

    Returns
    -------
    dict of arrays (n,)
        Columns of `conditional_F`.

    Examples
    --------
    The sums of squares are 10 on one degree of freedom and 4 on three.

    >>> Z = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    >>> found = first_stages(Z + np.array([[1.0], [1.0], [-1.0], [-1.0]]), Z, 3)
    >>> found["F"], found["conditional_F"]
    (array([7.5]), array([7.5]))
    """
    n, M = Y.shape[1], Z.shape[1]
    if M < n:
        raise InputError(f"conditional_F: {M} instruments for {n} endogenous regressors. "
                         "Give at least as many.")
    Q = np.linalg.qr(Z)[0]                                      # (N, M)
    Y = Y / np.linalg.norm(Y, axis=0)
    F_of = partial(wald_F, residual_df=residual_df, kind=kind, clusters=clusters)
    ordinary, conditional = np.empty((2, n))
    for j in range(n):
        x, others = Y[:, j], np.delete(Y, j, axis=1)
        fitted = Q.T @ others                                   # (M, n - 1)
        e = x - others @ np.linalg.lstsq(fitted, Q.T @ x, rcond=None)[0]
        left = np.linalg.svd(fitted)[0][:, n - 1:]              # (M, M - n + 1)  don't move others
        ordinary[j] = F_of(Q, x, x - Q @ (Q.T @ x))
        conditional[j] = F_of(Q @ left, e, e - Q @ (Q.T @ e))
    denominator = len(np.unique(clusters)) - 1 if kind == "clustered" else residual_df
    return {"F": ordinary, "df": np.full(n, M), "conditional_F": conditional,
            "conditional_df": np.full(n, M - n + 1), "residual_df": np.full(n, denominator)}


def wald_F(Q, e, v, residual_df, kind, clusters):
    """`t' var(t)^-1 t / df` for `t = Q'e`; variances and small-sample factors from v.

    Infinite where v is zero.
    """
    t, (N, df) = Q.T @ e, Q.shape
    if v @ v <= 1e-20 * (e @ e):
        return np.inf
    if kind == "unadjusted":
        return t @ t / df / (v @ v / residual_df)
    groups = len(np.unique(clusters)) if kind == "clustered" else None
    if groups is not None and groups <= df:
        raise InputError(f"conditional_F: {groups} clusters don't suffice for the covariance "
                         f"of {df} first-stage coefficients. Take errors='robust'.")
    factor = N / residual_df if groups is None else groups / (groups - 1) * (N - 1) / residual_df
    V = N * factor * contribution_covariance(Q * v[:, None], kind, clusters, center=False)
    return t @ np.linalg.solve(V, t) / df


# The objective along one parameter ---------------------------------------------------------------

def profile(estimates, parameter, values):
    """The objective along one nonlinear parameter, the others estimated anew at each value (7.4).

    The weighting matrix stays that of the estimates, so the objective at the estimate is
    `estimates.objective`. With efficient weights, as in two-step GMM, `q(value) - q(estimate)` is
    chi-square with one degree of freedom at the true value: the values where it is at most 3.84 are
    a 95 percent interval. It needn't be symmetric, and transforming the parameter doesn't change
    it. That is an asymptotic result for identified parameters: where the objective is flat, take it
    as a warning.

    Parameters
    ----------
    estimates : Estimates
    parameter : str
        A nonlinear parameter by its name in `to_frame`, such as `"sigma[prices, nodes1]"`;
        with a supply side also a searched linear one, such as `"beta[prices]"`.
    values : array_like (V,)
        Solved outward from the estimate. Each search begins from the others at the nearest value
        solved before, or from where the valley's slope there leads them, whichever is lower.

    Returns
    -------
    DataFrame
        A row for each value, in the order given. Columns: `value`, `objective`, `converged`
        (no Gauss-Newton step in the others promises an improvement), and the other parameters,
        named as in `to_frame`. NaN where shares can't be inverted.

    Raises
    ------
    InputError
        For a parameter that is not searched, or values that are not finite.

    Source
    ------
    Newey and West (1987), for the difference of objectives.

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["simulated"]()
    >>> found = profile(problem.estimate(**start), "sigma[x, nodes1]", [0.5, 1.0])
    >>> found.columns[:4].tolist()
    ['value', 'objective', 'converged', 'beta[1]']
    """
    problem, k = estimates.problem, held_parameter(estimates, parameter)
    values = finite_values(values)
    beta_map, moment_map = estimates.equations.concentrate(estimates.W)
    objective = Objective(problem.solver(estimates.free), moment_map)
    solved, rows = {estimates.theta2[k]: estimates.theta2}, {}
    for number in np.argsort(abs(values - estimates.theta2[k]), kind="stable"):
        theta2 = lowest_at(values[number], k, objective, solved, problem.searches())
        here = objective.at(theta2)
        if here.usable:
            solved[values[number]] = theta2
        rest = objective.holding(held(theta2, k), theta2)
        rows[number] = profile_row(estimates, values[number], here, rest, beta_map)
    return pd.DataFrame([rows[number] for number in range(len(values))]).drop(columns=parameter)


def held(theta2, k):
    """Parameter k and no other, as a bool array (P,)."""
    return np.arange(len(theta2)) == k


def lowest_at(value, k, objective, solved, searches):
    """theta2 with parameter k at `value` and the others where the objective is lowest.

    Of the two searches the second goes on where the first has not settled, as in
    `corners.search_within`.
    """
    near = solved[min(solved, key=lambda known: abs(known - value))]
    ahead = near + (value - near[k]) * valley_slope(objective.at(near).R, k)
    still = np.where(held(near, k), value, near)
    start = min((still, ahead), key=objective.value)
    rest = objective.holding(held(near, k), start)
    if len(start) == 1 or not objective.at(start).usable:
        return start
    others = np.delete(start, k)
    for search in searches:
        if not rest.at(others).settled:
            others, _ = search(rest, others)
    return rest.among(others)


def valley_slope(R, k):
    """How theta2 (P,) moves with k on the valley's floor: the others by `-(R_o'R_o)^-1 R_o'R_k`."""
    others = np.arange(R.shape[1]) != k
    slope = np.ones(len(others))
    slope[others] = -np.linalg.lstsq(R[:, others], R[:, k], rcond=None)[0]
    return slope


def profile_row(estimates, value, here, rest, beta_map):
    """One row of `profile`: the objective and all parameters."""
    parameters = estimates.arranged(here.theta2, beta_map @ here.solved.values)
    named = zip(estimates.to_frame().index, np.where(here.usable, parameters, np.nan))
    settled = rest.at(here.theta2[~rest.held]).settled
    return {"value": value, "objective": here.value, "converged": settled, **dict(named)}


def held_parameter(estimates, parameter):
    """Number of a parameter in theta2."""
    names = estimates.free.names
    if parameter not in names:
        known = parameter in estimates.to_frame().index
        kind = "linear and concentrated out" if known else "no parameter of the estimates"
        choice = (f"Choose {listing(names, 20)}." if names
                  else "The model has no nonlinear parameter.")
        raise InputError(f"profile: `{parameter}` is {kind}. {choice}")
    return names.index(parameter)


def finite_values(values):
    """A flat array of finite numbers."""
    try:
        values = np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        raise InputError(f"profile: values={values!r} are not numbers. "
                         "Give values of the parameter, such as np.linspace(0, 1, 11).") from None
    if values.ndim > 1 or not len(values) or not np.isfinite(values).all():
        raise InputError("profile: values must be a list of finite numbers, one at least.")
    return values


# Tastes in the fixed effects ---------------------------------------------------------------------

def absorbed_tastes(estimates, formula):
    """Mean tastes of characteristics that the fixed effects absorbed, by minimum distance (7.8).

    What doesn't vary within a product is in its fixed effect, `d_j = x_j theta + xi_j`. With V the
    covariance of the estimated effects, `theta = (X'V^-1 X)^-1 X'V^-1 d`, whose covariance is
    `(X'V^-1 X)^-1`. These standard errors count the error of d and take xi_j as zero, which the
    chi-square of the fit tests. Where it is far above its degrees of freedom, characteristics don't
    explain the effects and the standard errors are too small. theta also needs xi_j uncorrelated
    with x_j, and there is no instrument that sees to it.

    Parameters
    ----------
    estimates : Estimates
        Of a problem that absorbs one set of fixed effects.
    formula : str
        Characteristics, columns of products that are constant within the fixed effects:
        `"1 + sugar + mushy"`.

    Returns
    -------
    DataFrame
        Index: characteristic. Columns: `estimate`, `se`, `t`.
        In `attrs`: `R2` of the effects (it can be negative, for theta doesn't maximise it),
        `weighted_R2` in the metric of V^-1, `chi2` with `df` degrees of freedom, and its `p` value.

    Raises
    ------
    InputError
        Unless exactly one set of fixed effects is absorbed; for characteristics that vary within
        it, that are collinear, or that outnumber the effects; and where V can't be estimated
        (see `fixed_effects`).

    Source
    ------
    Chamberlain (1982); Nevo (2000, 2001).

    Examples
    --------
    >>> from blpteach.examples import EXAMPLES
    >>> problem, start = EXAMPLES["cereal"]()
    >>> tastes = absorbed_tastes(problem.estimate(**start), "1 + sugar + mushy")
    >>> tastes["estimate"].round(2).tolist()
    [-2.01, 0.12, 0.5]
    """
    d, V = fixed_effects(estimates)
    X, names = effect_characteristics(estimates.problem, formula)
    theta, covariance, chi2 = minimum_distance(d.to_numpy(), V.to_numpy(), X)
    _, _, around_mean = minimum_distance(d.to_numpy(), V.to_numpy(), np.ones((len(d), 1)))
    se, df, left = np.sqrt(np.diag(covariance)), len(d) - len(names), d - X @ theta
    frame = pd.DataFrame({"estimate": theta, "se": se, "t": theta / se},
                         pd.Index(names, name="characteristic"))
    frame.attrs = {"R2": float(1 - left @ left / ((d - d.mean()) ** 2).sum()),
                   "weighted_R2": float(1 - chi2 / around_mean),
                   "chi2": chi2, "df": df, "p": float(chdtrc(df, chi2)) if df else np.nan}
    return frame


def minimum_distance(d, V, X):
    """Parameters nearest to estimates d in their metric (7.8): `(X'V^-1 X)^-1 X'V^-1 d`.

    Parameters
    ----------
    d : array (J,)
    V : array (J, J)
    X : array (J, K)

    Returns
    -------
    theta : array (K,)
    covariance : array (K, K)
        `(X'V^-1 X)^-1`.
    chi2 : float
        `(d - X theta)' V^-1 (d - X theta)`, on J - K degrees of freedom if `d = X theta` up to
        its error.

    Raises
    ------
    InputError
        If V is not positive definite.

    Examples
    --------
    The first of two numbers is more exact and counts double.

    >>> d, V, X = np.array([1.0, 4.0]), np.diag([1.0, 2.0]), np.ones((2, 1))
    >>> theta, covariance, chi2 = minimum_distance(d, V, X)
    >>> theta.round(12), covariance.round(4), round(chi2, 12)
    (array([2.]), array([[0.6667]]), 3.0)
    """
    try:
        L = np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        raise InputError("absorbed_tastes: the covariance of the fixed effects is not positive "
                         "definite. There are fewer clusters than fixed effects, or parameters "
                         "are not identified. Estimate with errors='robust', and "
                         "see estimates.verdict().") from None
    y, A = solve_triangular(L, d, lower=True), solve_triangular(L, X, lower=True)
    Q, R = np.linalg.qr(A)
    theta, inverse = solve_triangular(R, Q.T @ y), solve_triangular(R, np.eye(len(R)))
    return theta, inverse @ inverse.T, float(((y - A @ theta) ** 2).sum())


def fixed_effects(estimates):
    """Absorbed fixed effects and their covariance (7.7).

    `d_j` is the mean of `delta - X1 beta` over the n_j rows of effect j. Were the parameters known,
    d_j would err by the mean of xi over its rows. But delta and beta are estimates, so

        d_hat - d = A (theta_hat - theta) + E'xi / n,    A = E'[d delta / d theta2, -X1] / n,

    where theta = (theta2, beta), E (N, J) are the dummies, n their sums, and X1 is not demeaned.
    Hence

        V = A cov(theta_hat) A' + cov(E'xi / n) + A C + C'A',    C = cov(theta_hat, E'xi / n),

    and C is not zero in general, since theta_hat is a function of the same xi. One sandwich (3.9)
    has all of it: let d be parameters too, with moments `h = E'(delta - X1 beta - E d) / N`. There
    are as many of them as of d, so h = 0 at any theta, and theta_hat and its covariance remain what
    they were. The Jacobian of all moments is

        [ G                                0          ]
        [ E'[d delta / d theta2, -X1] / N  -diag(n) / N ],

    and their covariance (3.7) is that of `[Z, E]` times xi. V is what explicit dummies in X1 and Z
    would give with first-step weights. A supply side only makes theta longer, by gamma, on which d
    does not depend.

    Parameters
    ----------
    estimates : Estimates

    Returns
    -------
    d : Series (J,)
        Indexed by the absorbed column's values.
    V : DataFrame (J, J)
        With the kind of errors of the estimates, without a small-sample factor.

    Raises
    ------
    InputError
        Unless one set of effects is absorbed; and where the sampling error of an effect can't be
        seen, because it has one row, or with clustered errors rows of one cluster only: there the
        residuals sum to zero by construction.

    Examples
    --------
    >>> import blpteach
    >>> products, _ = blpteach.load_cereal()
    >>> problem = blpteach.Problem(products, linear="0 + prices", absorb="product_ids")
    >>> d, V = fixed_effects(problem.estimate())
    >>> d.index.name, V.shape
    ('product_ids', (24, 24))
    """
    problem, codes, labels = estimates.problem, *effect_codes(estimates.problem)
    check_sampling(problem, codes, labels, estimates.errors)
    N, M, J = problem.N, len(estimates.G), len(labels)
    E, n = np.eye(J)[codes], np.bincount(codes)                 # (N, J), (J,)
    X1 = problem.linear.values                                  # (N, K1)
    d = E.T @ (estimates.delta - X1 @ estimates.beta) / n
    slopes = np.hstack([delta_slopes(estimates), -X1[:, estimates.free.searched],
                        -X1[:, estimates.concentrated],
                        np.zeros((N, problem.K3))])             # (N, P + K1 + K3)
    counted = estimates.counted                                 # what rests at a corner is fixed
    G = np.block([[estimates.G[:, counted], np.zeros((M, J))],
                  [E.T @ slopes[:, counted] / N, -np.diag(n / N)]])
    W, S = weights_and_moments(estimates, E)
    V = sandwich(G, W, S, N)[-J:, -J:]
    return pd.Series(d, labels, name="effect"), pd.DataFrame(V, labels, labels)


def weights_and_moments(estimates, E):
    """W and S with a moment for each column of E (N, J) added; their weights don't matter."""
    equations, errors, M = estimates.equations, estimates.errors, len(estimates.S)
    xi, omega = estimates.xi, estimates.omega
    unobservables = np.concatenate([xi, xi] if omega is None else [xi, omega, xi])
    wider = Equations(equations.regressors, [*equations.instruments, E])
    S = wider.moment_covariance(unobservables, errors, estimates.problem.clusters, center=True)
    S[:M, :M] = estimates.S                                     # differs only without centring
    return block_diag(estimates.W, np.eye(E.shape[1])), S


def effect_codes(problem):
    """Number (N,) of each row's fixed effect, and the labels of the effects as an index."""
    names = column_names(problem.arguments["absorb"], "absorb", "a column of products") or []
    if not names:
        raise InputError("absorbed_tastes: the problem absorbs no fixed effects, "
                         "so mean tastes are in beta. Give absorb='product_ids' to Problem.")
    if len(names) > 1:
        raise InputError(f"absorbed_tastes: the problem absorbs {len(names)} sets "
                         f"of fixed effects ({listing(names)}), whose levels can't be told apart. "
                         "Absorb one, and put the others into linear as C(...).")
    codes, labels = pd.factorize(problem.products[names[0]])
    return codes, pd.Index(labels, name=names[0])


def check_sampling(problem, codes, labels, errors):
    """Each effect has two rows at least, and rows of two clusters where errors are clustered."""
    if errors == "unadjusted":
        return
    units = pd.Series(problem.clusters if errors == "clustered" else np.arange(problem.N))
    units = units.groupby(codes).nunique()
    alone = labels[units[units < 2].index]
    if len(alone):
        what = "rows of one cluster only" if errors == "clustered" else "one row only"
        remedy = "robust" if errors == "clustered" else "unadjusted"
        raise InputError(f"absorbed_tastes: the fixed effect of {listing(alone)} has {what}, "
                         "whose residuals sum to zero, so its sampling error can't be estimated. "
                         f"Estimate with errors='{remedy}'.")


def effect_characteristics(problem, formula):
    """Characteristics (J, K) of the fixed effects, and names; refuses what varies within one."""
    codes, labels = effect_codes(problem)
    X = design(formula, problem.products, "formula", problem.market_ids)
    first = np.unique(codes, return_index=True)[1]              # a row of each, in order of labels
    values = X.values[first]
    varies = abs(X.values - values[codes]) > 1e-9 * (1 + abs(X.values))
    for k in np.flatnonzero(varies.any(0)):
        where = listing(labels[np.unique(codes[varies[:, k]])])
        raise InputError(f"absorbed_tastes: `{X.names[k]}` varies within `{labels.name}` "
                         f"({where}), so it was not absorbed. Put it into linear.")
    if not 0 < len(X.names) <= len(labels):
        raise InputError(f"absorbed_tastes: formula={formula!r} "
                         f"has {len(X.names)} characteristics for {len(labels)} fixed effects. "
                         "Give at least one, and no more than there are effects.")
    check_not_collinear(values, X.names, "formula")
    return values, X.names
