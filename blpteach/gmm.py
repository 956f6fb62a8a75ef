"""Step 3. GMM: mean tastes from moment conditions, with endogenous prices.

Given delta, `delta = X1 beta + xi` is a linear model in which price is correlated with xi.
Instruments Z are not: E[z_jt xi_jt] = 0. Arrays here are flat: N = all products of all markets,
K1 regressors, M instruments, P nonlinear parameters.
"""
import numpy as np

from .errors import InputError, listing

KINDS = ("robust", "clustered", "unadjusted")


# Moments and the linear estimator -----------------------------------------------------------------

def moments(Z, xi):
    """Average of instrument times unobservable (3.1): `g = Z'xi / N`.

    It is zero in expectation when the instruments are valid.

    Parameters
    ----------
    Z : array (N, M)
        Instruments, the exogenous columns of X1 included.
    xi : array (N,)

    Returns
    -------
    g : array (M,)

    Examples
    --------
    >>> moments(np.array([[1.0, 2.0], [1.0, 4.0]]), np.array([1.0, -1.0]))
    array([ 0., -1.])
    """
    return Z.T @ xi / len(Z)


def gmm_objective(g, W, N):
    """Distance of the moments from zero (3.2): `q = N g'Wg`.

    Parameters
    ----------
    g : array (M,)
        From `moments`.
    W : array (M, M)
        Weighting matrix.
    N : int
        Products in all markets.

    Returns
    -------
    q : float

    Examples
    --------
    >>> float(gmm_objective(np.array([0.1, 0.2]), np.eye(2), 100).round(12))
    5.0
    """
    return N * g @ W @ g


def iv_gmm(y, X, Z, W):
    """Coefficients that minimise `q` for a given y (3.3): `beta = (X'Z W Z'X)^-1 X'Z W Z'y`.

    With `W = weighting_2sls(Z)` this is two-stage least squares; with Z = X it is least squares.

    Parameters
    ----------
    y : array (N,) or (N, P)
    X : array (N, K1)
    Z : array (N, M)
    W : array (M, M)
        Symmetric, positive definite.

    Returns
    -------
    beta : array (K1,) or (K1, P)

    Source
    ------
    Hansen (1982).

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> iv_gmm(np.array([2.0, 4.0, 6.0]), x, x, weighting_2sls(x)).round(12)
    array([2.])
    """
    beta_map, _ = concentrate(X, Z, W)
    return beta_map @ y


def concentrate(X1, Z, W):
    """Two matrices that leave theta2 as the only unknown (3.4).

    They give `beta = beta_map @ delta` and `q = |moment_map @ delta|^2`. With `W = L L'` and
    `A = L'Z' / sqrt(N)`, `q = |A (delta - X1 beta)|^2`. Minimising over beta projects `A delta` off
    the columns of `A X1`. Neither matrix depends on theta2.

    Parameters
    ----------
    X1 : array (N, K1)
    Z : array (N, M)
    W : array (M, M)

    Returns
    -------
    beta_map : array (K1, N)
    moment_map : array (M, N)

    Examples
    --------
    >>> X1, Z = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> beta_map, moment_map = concentrate(X1, Z, weighting_2sls(Z))
    >>> (beta_map @ X1).round(12), abs(moment_map @ X1).max() < 1e-12
    (array([[1.]]), np.True_)
    """
    A = np.linalg.cholesky(W).T @ Z.T / np.sqrt(len(Z))         # (M, N)
    Q, R = np.linalg.qr(A @ X1)                                 # (M, K1), (K1, K1)
    return np.linalg.solve(R, Q.T @ A), A - Q @ (Q.T @ A)


# Weighting matrices -------------------------------------------------------------------------------

def weighting_2sls(Z):
    """First-step weights (3.5): `W = (Z'Z / N)^-1`.

    With these q does not depend on the units of the instruments.

    Parameters
    ----------
    Z : array (N, M)
        Instruments, none a linear combination of the others.

    Returns
    -------
    W : array (M, M)

    Examples
    --------
    >>> weighting_2sls(np.array([[1.0], [3.0]]))
    array([[0.2]])
    """
    return weighting_matrix(Z.T @ Z / len(Z))


def weighting_matrix(S):
    """Efficient weights given the instruments (3.6): `W = S^-1`, exactly symmetric.

    Parameters
    ----------
    S : array (M, M)
        Covariance of the moments, from `moment_covariance`.

    Returns
    -------
    W : array (M, M)

    Source
    ------
    Hansen (1982).

    Examples
    --------
    >>> weighting_matrix(np.diag([2.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    W = np.linalg.inv(S)
    return (W + W.T) / 2


def moment_covariance(Z, xi, kind=None, clusters=None, center=True):
    """Covariance of the moment contributions `g_n = z_n xi_n` (3.7).

    `S = sum_n (g_n - g)(g_n - g)' / N`, with g their mean.

    Parameters
    ----------
    Z : array (N, M)
    xi : array (N,)
    kind : str, optional
        `"robust"` to heteroskedasticity, as above; `"clustered"`: contributions are summed within
        clusters first; `"unadjusted"`: `var(xi) Z'Z / N`. By default clustered where clusters are
        given, else robust. A kind that is named rules: the other two have no use for clusters.
    clusters : array (N,), optional
        Cluster of each product.
    center : bool
        Whether the mean g is subtracted (before summing within clusters). With more instruments
        than parameters g is not zero at the estimate, and leaving it in overstates S. PyBLP centres
        by default too.

    Returns
    -------
    S : array (M, M)
        Without a small-sample factor.

    Raises
    ------
    InputError
        For another kind, for `"clustered"` without clusters, and for clusters that are missing or
        not N.

    Examples
    --------
    >>> Z, xi = np.ones((4, 1)), np.array([1.0, 1.0, -1.0, -1.0])
    >>> pairs = np.array([0, 0, 1, 1])
    >>> moment_covariance(Z, xi), moment_covariance(Z, xi, "clustered", clusters=pairs)
    (array([[1.]]), array([[2.]]))
    """
    kind = kind_of_covariance(kind, clusters, len(Z))
    if kind == "unadjusted":
        return xi.var() * Z.T @ Z / len(Z)
    return contribution_covariance(Z * xi[:, None], kind, clusters, center)


def contribution_covariance(contributions, kind=None, clusters=None, center=True):
    """Covariance of the moment contributions of any number of equations (3.7).

    Parameters
    ----------
    contributions : array (N, M)
        In row n instruments times unobservables of product n, those of all equations side by side.
    kind : str, optional
        `"robust"` or `"clustered"`. There is no `"unadjusted"`: contributions don't tell the
        unobservables from the instruments.
    clusters, center
        As in `moment_covariance`.

    Returns
    -------
    S : array (M, M)

    Raises
    ------
    InputError
        As in `moment_covariance`.

    Examples
    --------
    >>> g = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> contribution_covariance(g, "clustered", clusters=np.array([0, 0, 1, 1]))
    array([[2.]])
    """
    N = len(contributions)
    kind = kind_of_covariance(kind, clusters, N, KINDS[:2])
    if center:
        contributions = contributions - contributions.mean(0)
    if kind == "clustered":
        contributions = sum_within(contributions, clusters)     # (clusters, M)
    return contributions.T @ contributions / N


def kind_of_covariance(kind, clusters, N, kinds=KINDS):
    """The kind that is named; without a name, clustered where there are clusters, else robust."""
    kind = ("robust" if clusters is None else "clustered") if kind is None else kind
    if not isinstance(kind, str) or kind not in kinds:
        raise InputError(f"Step 3: there is no kind of covariance {kind!r} here; choose one of "
                         f"{listing(kinds)}.")
    if kind == "clustered" and clusters is None:
        raise InputError("Step 3: kind='clustered' needs clusters=...: an array with the cluster "
                         "of each product.")
    if kind == "clustered":
        check_clusters(np.asarray(clusters), N)
    return kind


def check_clusters(clusters, N):
    """One cluster for each product."""
    if clusters.shape != (N,):
        raise InputError(f"Step 3: clusters has shape {clusters.shape}; it must have shape ({N},), "
                         "the cluster of each product.")
    if clusters.dtype.kind in "fO" and any(c is None or c != c for c in clusters):
        raise InputError("Step 3: clusters has missing values. Give every product its cluster, or "
                         "a cluster of its own.")


def sum_within(values, groups):
    """Sums of the rows of `values` (N, M) by group, in the order of the sorted groups."""
    codes = np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((codes.max() + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


# Standard errors ----------------------------------------------------------------------------------

def moment_jacobian(Z, X1, xi_jacobian):
    """How the moments move with all parameters (3.8): `G = Z'[d xi / d theta2, -X1] / N`.

    Parameters
    ----------
    Z : array (N, M)
    X1 : array (N, K1)
    xi_jacobian : array (N, P)
        `d delta / d theta2` with beta held fixed.

    Returns
    -------
    G : array (M, P + K1)

    Examples
    --------
    >>> Z, X1 = np.array([[1.0], [1.0]]), np.array([[2.0], [4.0]])
    >>> moment_jacobian(Z, X1, xi_jacobian=np.array([[1.0], [3.0]]))
    array([[ 2., -3.]])
    """
    return Z.T @ np.hstack([xi_jacobian, -X1]) / len(Z)


def sandwich(G, W, S, N):
    """Joint covariance of estimates of (theta2, beta) (3.9): `(G'WG)^-1 G'W S W G (G'WG)^-1 / N`.

    Columns for theta2 belong in G even if only beta is of interest: beta was estimated together
    with theta2, not given it.

    Parameters
    ----------
    G : array (M, P + K1)
    W, S : array (M, M)
        Weights used in estimation; covariance of the moment contributions.
    N : int

    Returns
    -------
    array (P + K1, P + K1)
        Without a small-sample factor. NaN where `G'WG` is singular.

    Source
    ------
    Hansen (1982); Newey and McFadden (1994).

    Examples
    --------
    >>> sandwich(np.array([[2.0]]), np.eye(1), np.array([[8.0]]), 100)
    array([[0.02]])
    """
    root = np.linalg.cholesky(W).T @ G                          # W = LL', root = L'G
    Q, R = np.linalg.qr(root)
    if abs(np.diag(R)).min(initial=np.inf) <= 1e-14 * abs(R).max(initial=0):
        return np.full((G.shape[1],) * 2, np.nan)
    influence = np.linalg.solve(R, Q.T @ np.linalg.cholesky(W).T)            # (G'WG)^-1 G'W
    return influence @ S @ influence.T / N


# Fixed effects ------------------------------------------------------------------------------------

def absorb_effects(values, effects):
    """Residuals of each column after fixed effects (3.10).

    By Frisch, Waugh and Lovell beta is the same as with dummies.

    Parameters
    ----------
    values : array (N, K)
    effects : array (N, E)
        A column of group codes for each set of effects. One set is demeaned here; for more, pyhdfe
        alternates projections.

    Returns
    -------
    array (N, K)

    Examples
    --------
    >>> absorb_effects(np.array([[1.0], [3.0], [10.0]]), np.array([[0], [0], [1]]))
    array([[-1.],
           [ 1.],
           [ 0.]])
    """
    if effects.shape[1] == 1:
        codes = np.unique(effects[:, 0], return_inverse=True)[1]
        return values - (sum_within(values, codes) / np.bincount(codes)[:, None])[codes]
    import pyhdfe                                               # here: most models absorb one set
    return pyhdfe.create(effects, drop_singletons=False).residualize(values)
