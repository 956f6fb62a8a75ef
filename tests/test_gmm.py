"""Step 3 against textbook formulas, explicit loops, dummies, and a Monte Carlo of its standard errors."""
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from blpteach import (InputError, absorb_effects, concentrate, gmm_objective, iv_gmm, moment_covariance, moment_jacobian, moments,
                      sandwich, weighting_2sls, weighting_matrix)
from blpteach.gmm import contribution_covariance


def linear_model(seed, N=200, M=5, K=2):
    """y = X beta + xi with an endogenous first column, heteroskedastic xi, and M instruments (the exogenous column among them)."""
    rng = np.random.default_rng(seed)
    Z = np.column_stack([np.ones(N), rng.normal(size=(N, M - 1)) * np.arange(1, M)])
    xi = rng.normal(size=N) * (0.5 + abs(Z[:, 1]))
    price = Z[:, 1:] @ np.full(M - 1, 0.5) + 0.8 * xi + rng.normal(size=N)
    X = np.column_stack([price, np.ones(N), rng.normal(size=(N, max(K - 2, 0)))])[:, :K]
    return X, Z, xi


def positive_definite(seed, M):
    A = np.random.default_rng(seed).normal(size=(M, M + 3))
    return A @ A.T


# Estimator -----------------------------------------------------------------------------------------------------------------

def test_moments_and_objective_are_sums():
    X, Z, xi = linear_model(0, N=30)
    W = positive_definite(0, 5)
    g = [sum(Z[n, m] * xi[n] for n in range(30)) / 30 for m in range(5)]
    assert_allclose(moments(Z, xi), g, rtol=1e-12)
    q = 30 * sum(g[m] * W[m, k] * g[k] for m in range(5) for k in range(5))
    assert_allclose(gmm_objective(moments(Z, xi), W, 30), q, rtol=1e-12)


def test_iv_gmm_with_2sls_weights_is_two_regressions():
    X, Z, xi = linear_model(1)
    y = X @ [-2.0, 1.0] + xi
    fitted = Z @ np.linalg.lstsq(Z, X, rcond=None)[0]           # the first stage
    second = np.linalg.lstsq(fitted, y, rcond=None)[0]
    assert_allclose(iv_gmm(y, X, Z, weighting_2sls(Z)), second, rtol=1e-9)


def test_iv_gmm_with_the_regressors_as_instruments_is_least_squares():
    X, _, xi = linear_model(2)
    y = X @ [-2.0, 1.0] + xi
    assert_allclose(iv_gmm(y, X, X, weighting_2sls(X)), np.linalg.lstsq(X, y, rcond=None)[0], rtol=1e-10)


def test_just_identified_estimates_do_not_depend_on_the_weights():
    X, Z, xi = linear_model(3, M=2)
    y = X @ [-2.0, 1.0] + xi
    textbook = np.linalg.solve(Z.T @ X, Z.T @ y)
    for W in (np.eye(2), positive_definite(3, 2)):
        assert_allclose(iv_gmm(y, X, Z, W), textbook, rtol=1e-8)


def test_2sls_weights_do_not_depend_on_units_and_the_identity_does():
    X, Z, xi = linear_model(4)
    y, units = X @ [-2.0, 1.0] + xi, np.array([1, 100, 0.01, 5, 1])
    assert_allclose(iv_gmm(y, X, Z * units, weighting_2sls(Z * units)), iv_gmm(y, X, Z, weighting_2sls(Z)), rtol=1e-8)
    assert abs(iv_gmm(y, X, Z * units, np.eye(5)) - iv_gmm(y, X, Z, np.eye(5))).max() > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_concentrated_objective_is_the_minimum_over_beta(seed):
    X, Z, xi = linear_model(seed, N=80, K=3)
    delta, W = X @ [-2.0, 1.0, 0.5] + xi, positive_definite(seed, 5)

    def q(beta):
        g = Z.T @ (delta - X @ beta) / 80
        return 80 * g @ W @ g
    searched = minimize(q, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    XZW = X.T @ Z @ W
    closed = np.linalg.solve(XZW @ Z.T @ X, XZW @ Z.T @ delta)
    beta_map, moment_map = concentrate(X, Z, W)
    assert_allclose(beta_map @ delta, closed, rtol=1e-9)
    assert_allclose(beta_map @ delta, searched.x, rtol=1e-4)
    assert_allclose((moment_map @ delta) @ (moment_map @ delta), q(closed), rtol=1e-10)
    assert q(closed) <= searched.fun * (1 + 1e-12)
    assert_allclose(gmm_objective(moments(Z, delta - X @ closed), W, 80), q(closed), rtol=1e-12)


def test_iv_gmm_of_several_columns_is_each_column():
    X, Z, xi = linear_model(5)
    Y = np.column_stack([xi, X @ [1.0, 2.0], xi**2])
    W = positive_definite(5, 5)
    assert_allclose(iv_gmm(Y, X, Z, W), np.column_stack([iv_gmm(y, X, Z, W) for y in Y.T]), rtol=1e-10, atol=1e-12)


# Covariances ---------------------------------------------------------------------------------------------------------------

def loops_of_moment_covariance(Z, xi, groups, center):
    """S with the contributions added up product by product, then cluster by cluster."""
    N, M = Z.shape
    mean = sum(Z[n] * xi[n] for n in range(N)) / N if center else np.zeros(M)
    S = np.zeros((M, M))
    for cluster in set(groups):
        total = sum(Z[n] * xi[n] - mean for n in range(N) if groups[n] == cluster)
        S += np.outer(total, total)
    return S / N


@pytest.mark.parametrize("center", [True, False])
def test_moment_covariance_is_the_loops(center):
    X, Z, xi = linear_model(6, N=60)
    xi = xi + 0.3                                               # so that centring matters
    clusters = np.random.default_rng(6).integers(0, 9, 60) * 11 - 5          # neither sorted nor 0, 1, 2
    assert_allclose(moment_covariance(Z, xi, center=center), loops_of_moment_covariance(Z, xi, range(60), center), rtol=1e-11)
    assert_allclose(moment_covariance(Z, xi, "clustered", clusters, center), loops_of_moment_covariance(Z, xi, clusters, center),
                    rtol=1e-10)
    assert_allclose(moment_covariance(Z, xi, "clustered", np.arange(60), center), moment_covariance(Z, xi, center=center), rtol=1e-11)


def test_clusters_that_are_given_are_used_unless_a_kind_is_named():
    X, Z, xi = linear_model(6, N=60)
    clusters = np.arange(60) // 5
    contributions = Z * xi[:, None]
    assert_allclose(moment_covariance(Z, xi, clusters=clusters), moment_covariance(Z, xi, "clustered", clusters), rtol=1e-14)
    assert_allclose(contribution_covariance(contributions, clusters=clusters),
                    contribution_covariance(contributions, "clustered", clusters), rtol=1e-14)
    assert_allclose(moment_covariance(Z, xi, "robust", clusters), moment_covariance(Z, xi), rtol=1e-14)
    assert_allclose(moment_covariance(Z, xi, "unadjusted", clusters), moment_covariance(Z, xi, "unadjusted"), rtol=1e-14)


@pytest.mark.parametrize("kind, clusters, says", [
    ("cluster", np.arange(60), "no kind of covariance 'cluster' .* robust, clustered"), (True, np.arange(60), "no kind of covariance True"),
    (np.arange(60), None, "no kind of covariance array"),
    ("clustered", None, "needs clusters="), ("clustered", np.arange(59), r"shape \(59,\); it must have shape \(60,\)"),
    ("clustered", np.arange(60)[:, None], r"shape \(60, 1\)"), (None, np.where(np.arange(60) < 2, np.nan, 1.0), "missing values"),
    (None, np.where(np.arange(60) < 2, None, "a"), "missing values")])
def test_a_covariance_that_cannot_be_what_was_meant_is_refused(kind, clusters, says):
    X, Z, xi = linear_model(6, N=60)
    for call in (lambda: moment_covariance(Z, xi, kind, clusters), lambda: contribution_covariance(Z * xi[:, None], kind, clusters)):
        with pytest.raises(InputError, match="Step 3: .*" + says):
            call()


def test_contributions_have_no_unadjusted_covariance():
    with pytest.raises(InputError, match="'unadjusted' here; choose one of robust, clustered"):
        contribution_covariance(np.ones((4, 1)), "unadjusted")


def test_centring_matters_when_moments_are_not_zero():
    X, Z, xi = linear_model(7)
    g = moments(Z, xi + 1)
    assert_allclose(moment_covariance(Z, xi + 1, center=False) - moment_covariance(Z, xi + 1), np.outer(g, g), rtol=1e-9, atol=1e-10)


def test_contributions_are_centred_unless_said_otherwise():
    contributions = np.random.default_rng(3).normal(size=(30, 4)) + 1
    centred = contribution_covariance(contributions)
    uncentred = contribution_covariance(contributions, center=False)
    assert_allclose(centred, np.cov(contributions.T, bias=True), rtol=1e-12)
    assert_allclose(uncentred, contributions.T @ contributions / 30, rtol=1e-12)


def test_unadjusted_covariance_is_one_variance_times_the_instruments():
    X, Z, xi = linear_model(8, N=60)
    variance = sum((x - xi.mean()) ** 2 for x in xi) / 60
    S = sum(variance * np.outer(z, z) for z in Z) / 60
    assert_allclose(moment_covariance(Z, xi, "unadjusted"), S, rtol=1e-11)


def test_weighting_matrix_inverts_and_is_exactly_symmetric():
    S = positive_definite(9, 6)
    W = weighting_matrix(S)
    assert_allclose(W @ S, np.eye(6), atol=1e-9)
    assert (W == W.T).all()
    Z = linear_model(9)[1]
    assert_allclose(weighting_2sls(Z) @ sum(np.outer(z, z) for z in Z) / len(Z), np.eye(5), atol=1e-10)


# Standard errors -----------------------------------------------------------------------------------------------------------

def test_moment_jacobian_by_differences_of_the_moments():
    X, Z, xi = linear_model(10, N=40)
    D = np.random.default_rng(10).normal(size=(40, 3))          # d delta / d theta2

    def g(parameters):
        return moments(Z, xi + D @ parameters[:3] - X @ parameters[3:])
    numerical = np.column_stack([g(e) - g(0 * e) for e in np.eye(5)])        # linear, so a whole unit will do
    assert_allclose(moment_jacobian(Z, X, D), numerical, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_sandwich_is_the_matrix_formula(seed):
    G = np.random.default_rng(seed).normal(size=(6, 4))
    W, S = positive_definite(seed, 6), positive_definite(seed + 10, 6)
    bread = np.linalg.inv(G.T @ W @ G)
    assert_allclose(sandwich(G, W, S, 250), bread @ G.T @ W @ S @ W @ G @ bread / 250, rtol=1e-8)
    efficient = sandwich(G, np.linalg.inv(S), S, 250)
    assert_allclose(efficient, np.linalg.inv(G.T @ np.linalg.inv(S) @ G) / 250, rtol=1e-8)
    assert (np.diag(efficient) <= np.diag(sandwich(G, W, S, 250))).all()


@pytest.mark.parametrize("unit", [1e-20, 1, 1e10])
def test_sandwich_of_a_singular_model_is_nan_in_any_units(unit):
    """Also where rounding leaves some last digits of a singular matrix."""
    G, one = np.random.default_rng(2).normal(size=(6, 3)), np.eye(6)
    V = sandwich(G, one, one, 10)
    assert_allclose(sandwich(unit * G, one, one, 10) * unit**2, V, rtol=1e-10)
    G[:, 2] = G[:, 0] - G[:, 1] / 3
    for singular in (G, np.ones((6, 3)), np.zeros((6, 3))):
        found = sandwich(unit * singular, one, one, 10)
        assert found.shape == (3, 3) and np.isnan(found).all()


def test_sandwich_without_parameters_is_empty():
    assert sandwich(np.empty((3, 0)), np.eye(3), np.eye(3), 10).shape == (0, 0)


def test_parameters_counted_as_known_make_standard_errors_too_small():
    G, W, S = np.random.default_rng(1).normal(size=(6, 4)), np.eye(6), np.eye(6)
    joint, given = sandwich(G, W, S, 100), sandwich(G[:, 2:], W, S, 100)
    assert (np.diag(joint)[2:] > np.diag(given)).all()


def coverage(kind, replications=300, N=400, clusters=None):
    """How often beta lies within 1.96 standard errors, with heteroskedastic (and, if asked, clustered) xi."""
    hits, beta = 0, np.array([-2.0, 1.0])
    rng = np.random.default_rng(123)
    for _ in range(replications):
        z = rng.normal(size=(N, 2))
        xi = rng.normal(size=N) * z[:, 0] ** 2                  # the variance moves with an instrument
        if clusters is not None:
            z = rng.normal(size=(clusters.max() + 1, 2))[clusters]
            xi = rng.normal(size=N) + rng.normal(size=clusters.max() + 1)[clusters]
        X = np.column_stack([z @ [1, 0.5] + 0.5 * xi + rng.normal(size=N), np.ones(N)])
        Z = np.column_stack([z, np.ones(N)])
        y, W = X @ beta + xi, weighting_2sls(Z)
        estimate = iv_gmm(y, X, Z, W)
        S = moment_covariance(Z, y - X @ estimate, kind, clusters)
        se = np.sqrt(np.diag(sandwich(moment_jacobian(Z, X, np.empty((N, 0))), W, S, N)))
        hits += abs(estimate[0] - beta[0]) < 1.96 * se[0]
    return hits / replications


def test_robust_intervals_cover_and_unadjusted_ones_do_not_under_heteroskedasticity():
    assert 0.91 < coverage("robust") < 0.98
    assert coverage("unadjusted") < 0.85


def test_clustered_intervals_cover_and_robust_ones_do_not_under_clustering():
    clusters = np.arange(400) // 8
    assert 0.90 < coverage("clustered", clusters=clusters) < 0.98
    assert coverage("robust", clusters=clusters) < 0.75


# Fixed effects -------------------------------------------------------------------------------------------------------------

def dummies(codes):
    return (codes[:, None] == np.unique(codes)).astype(float)


def panel(sets):
    """An unbalanced panel with one or two sets of effects, coded by arbitrary integers."""
    rng = np.random.default_rng(sets)
    N = 150
    effects = np.column_stack([rng.integers(0, 7, N) * 3 - 4, rng.integers(0, 5, N)])[:, :sets]
    shift = sum(rng.normal(size=100)[effects[:, e] + 10] for e in range(sets))
    z = rng.normal(size=(N, 3)) + shift[:, None]
    xi = rng.normal(size=N)
    X = np.column_stack([z @ [1, 1, 1] + xi + rng.normal(size=N), z[:, 2]])
    return effects, X, z, X @ [-2.0, 1.0] + 5 * shift + xi


@pytest.mark.parametrize("sets", [1, 2])
def test_absorbed_effects_are_residuals_of_a_regression_on_dummies(sets):
    effects, X, z, y = panel(sets)
    D = np.hstack([dummies(effects[:, e]) for e in range(sets)])
    values = np.column_stack([X, y])
    residuals = values - D @ np.linalg.lstsq(D, values, rcond=None)[0]
    assert_allclose(absorb_effects(values, effects), residuals, atol=1e-7)


@pytest.mark.parametrize("sets", [1, 2])
def test_absorbing_gives_the_same_beta_as_dummies(sets):
    effects, X, z, y = panel(sets)
    D = np.hstack([dummies(effects[:, 0])] + [dummies(effects[:, e])[:, 1:] for e in range(1, sets)])
    Xd, Zd = np.hstack([X, D]), np.hstack([z, D])
    with_dummies = iv_gmm(y, Xd, Zd, weighting_2sls(Zd))[:2]
    Xa, Za = absorb_effects(X, effects), absorb_effects(z, effects)
    ya = absorb_effects(y[:, None], effects)[:, 0]
    assert_allclose(iv_gmm(ya, Xa, Za, weighting_2sls(Za)), with_dummies, rtol=1e-7)
    assert_allclose(iv_gmm(y, Xa, Za, weighting_2sls(Za)), with_dummies, rtol=1e-7)         # y itself need not be demeaned


def test_products_that_stand_alone_in_a_group_stay_and_are_explained_by_it():
    effects, _, values, _ = panel(2)
    effects[0], effects[1, 1] = [1000, 2000], 3000              # alone in both groups, and in one
    found = absorb_effects(values, effects)
    assert found.shape == values.shape
    assert_allclose(found[:2], 0, atol=1e-7)
    D = np.hstack([dummies(effects[:, 0]), dummies(effects[:, 1])])
    assert_allclose(found, values - D @ np.linalg.lstsq(D, values, rcond=None)[0], atol=1e-7)
