"""What must hold in any market, whatever the units, the order and how types are written."""
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
from drawn import many, markets, numbers, regressions, written_otherwise
from economies import differences, naive_shares
from hypothesis import given
from numpy.testing import assert_allclose

from blpteach import (buyers, choice_probabilities, consumer_surplus, contraction_rate,
                      delta_jacobian, diversion_ratios, elasticities, equilibrium_prices,
                      inclusive_value, invert_shares, iv_gmm, log_contraction, log_share_jacobian,
                      margin_jacobian, margins, market_shares, moment_covariance, moment_jacobian,
                      price_coefficients, sandwich, share_jacobian, taste_deviations,
                      weighting_2sls, weighting_matrix)

METHODS = [("default", True), ("log", True), ("log", False), ("exp", True), ("exp", False),
           ("squarem", True), ("squarem", False), ("newton", True)]
parts, kinds = numbers(0, 1), st.sampled_from(["robust", "unadjusted", "clustered"])


# Step 1: shares -----------------------------------------------------------------------------------

@many
@given(markets())
def test_shares_follow_their_products_and_forget_the_order_of_types(e):
    o, i = e.order, e.types
    assert_allclose(market_shares(e.delta[o], e.mu[o], e.weights), e.shares[o], rtol=1e-13)
    assert_allclose(market_shares(e.delta, e.mu[:, i], e.weights[i]), e.shares, rtol=1e-13)
    assert_allclose(e.shares, naive_shares(e.delta, e.mu, e.weights), rtol=1e-12)


@many
@given(markets(), parts)
def test_split_types_and_types_without_weight_change_no_share(e, part):
    which, weights = written_otherwise(e, part)
    assert_allclose(market_shares(e.delta, e.mu[:, which], weights), e.shares, rtol=1e-13)


@many
@given(markets(), st.sampled_from([-np.inf, -1e4, -60.0]))
def test_a_product_that_nobody_wants_changes_nothing(e, utility):
    delta, mu = np.append(e.delta, utility), np.vstack([e.mu, np.zeros(e.I)])
    shares = np.append(e.shares, 0)
    assert_allclose(market_shares(delta, mu, e.weights), shares, rtol=1e-12, atol=1e-24)
    value = inclusive_value(e.delta, e.mu)
    assert_allclose(inclusive_value(delta, mu), value, rtol=1e-12, atol=1e-15)


@many
@given(markets())
def test_a_better_product_takes_from_all_others_and_from_the_outside_good(e):
    better = market_shares(e.delta + 0.5 * (np.arange(e.J) == 0), e.mu, e.weights)
    assert better[0] > e.shares[0] and (better[1:] < e.shares[1:]).all()
    assert e.shares.sum() < better.sum() < e.weights.sum()


@many
@given(markets())
def test_log_share_jacobian_by_finite_differences(e):
    B = buyers(e.P, e.weights)
    slope = log_share_jacobian(e.P, B)
    numerical = differences(lambda delta: np.log(naive_shares(delta, e.mu, e.weights)), e.delta)
    assert_allclose(slope, numerical, atol=1e-8)
    assert_allclose(slope.sum(1), B @ (1 - e.P.sum(0)), rtol=1e-10)          # who came from outside


# Step 2: inversion --------------------------------------------------------------------------------

@many
@given(markets(), st.sampled_from(METHODS))
def test_every_method_finds_the_delta_that_made_the_shares(e, method):
    found = invert_shares(e.shares, e.mu, e.weights, method=method[0], corrected=method[1])
    assert found.converged
    assert_allclose(found.delta, e.delta, atol=1e-8)


@many
@given(markets(), parts)
def test_inversion_follows_products_and_forgets_how_types_are_written(e, part):
    o, (which, weights) = e.order, written_otherwise(e, part)
    moved = invert_shares(e.shares[o], e.mu[o], e.weights)
    assert_allclose(moved.delta, e.delta[o], atol=1e-9)
    assert_allclose(invert_shares(e.shares, e.mu[:, which], weights).delta, e.delta, atol=1e-9)


@many
@given(markets(), st.integers(0, 7))
def test_what_all_types_like_is_no_reason_for_a_larger_delta(e, product):
    liked = 0.7 * (np.arange(e.J) == product)
    found = invert_shares(e.shares, e.mu + liked[:, None], e.weights)
    assert_allclose(found.delta, e.delta - liked, atol=1e-9)


@many
@given(markets(most_products=5))
def test_delta_jacobian_by_finite_differences(e):
    rows, columns = (index.ravel() for index in np.indices(e.Gamma.shape))

    def delta(theta2):
        mu = taste_deviations(e.X2, e.tastes, theta2.reshape(e.Gamma.shape))
        return invert_shares(e.shares, mu, e.weights).delta
    found = delta_jacobian(e.P, buyers(e.P, e.weights), e.X2, e.tastes, rows, columns)
    assert_allclose(found, differences(delta, e.Gamma.ravel()), atol=1e-6)


@many
@given(markets(), st.booleans())
def test_contraction_rate_is_the_spectral_radius_of_the_map(e, corrected):
    slope = differences(log_contraction(e.shares, e.mu, e.weights, corrected), e.delta)
    rate = contraction_rate(e.P, e.weights, corrected)
    radius = abs(np.linalg.eigvals(slope)).max()
    assert_allclose(rate, radius, atol=1e-5)                    # an eigenvalue may be double
    assert 0 <= rate < 1 and rate <= contraction_rate(e.P, e.weights) + 1e-12


# Step 3: moments ----------------------------------------------------------------------------------

def gmm(y, X, Z, D, kind="robust", clusters=None):
    """Estimates, objective, and covariance of (theta2, beta), from the functions of Step 3."""
    W, N = weighting_2sls(Z), len(Z)
    beta = iv_gmm(y, X, Z, W)
    xi = y - X @ beta
    S = moment_covariance(Z, xi, kind, clusters)
    V = sandwich(moment_jacobian(Z, X, D), W, S, N)
    return SimpleNamespace(beta=beta, q=xi @ Z @ W @ Z.T @ xi / N, V=V, S=S)


def near(found, expected, rtol=1e-7):
    """Agreement relative to the largest element."""
    assert_allclose(found, expected, rtol=rtol, atol=rtol * max(np.max(np.abs(expected)), 1e-3))


@many
@given(regressions(), kinds)
def test_instruments_may_be_mixed_and_measured_in_any_units(r, kind):
    mix = r.rng.normal(size=(r.M, r.M)) + 3 * np.eye(r.M)
    one, other = (gmm(r.y, r.X, Z, r.D, kind, r.clusters) for Z in (r.Z, r.Z @ mix))
    near(other.q, one.q), near(other.beta, one.beta), near(other.V, one.V, 1e-6)


@many
@given(regressions(), kinds)
def test_units_of_regressors_and_of_the_outcome(r, kind):
    one, cents, twice = (gmm(a * r.y, b * r.X, r.Z, a * r.D, kind, r.clusters)
                         for a, b in ((1, 1), (1, 100), (2, 1)))
    units = np.r_[np.ones(r.D.shape[1]), np.full(r.K, 100)]
    near(100 * cents.beta, one.beta), near(cents.V * np.outer(units, units), one.V, 1e-6)
    near(twice.q, 4 * one.q), near(twice.beta, 2 * one.beta), near(twice.S, 4 * one.S)


@many
@given(regressions(), st.sampled_from(["robust", "unadjusted"]))
def test_every_row_twice_doubles_the_objective_and_halves_variances(r, kind):
    rows = r.rng.permutation(np.tile(np.arange(r.N), 2))
    one = gmm(r.y, r.X, r.Z, r.D, kind)
    double = gmm(r.y[rows], r.X[rows], r.Z[rows], r.D[rows], kind)
    near(double.beta, one.beta), near(double.q, 2 * one.q), near(double.V, one.V / 2)


@many
@given(regressions())
def test_rows_of_one_cluster_tell_nothing_new(r):
    rows = np.tile(np.arange(r.N), 2)                           # a row and its copy are a cluster
    double = gmm(r.y[rows], r.X[rows], r.Z[rows], r.D[rows], "clustered", rows)
    near(double.V, gmm(r.y, r.X, r.Z, r.D).V)
    alone = moment_covariance(r.Z, r.xi, "clustered", r.rng.permutation(r.N))
    near(alone, moment_covariance(r.Z, r.xi))
    names = np.array([f"city {9 - c}" for c in r.clusters])
    clustered = moment_covariance(r.Z, r.xi, "clustered", r.clusters)
    near(moment_covariance(r.Z, r.xi, "clustered", names), clustered)


@many
@given(regressions())
def test_efficient_weights_give_the_smallest_variances(r):
    S, G = moment_covariance(r.Z, r.xi), moment_jacobian(r.Z, r.X, r.D)
    efficient, other = (sandwich(G, W, S, r.N) for W in (weighting_matrix(S), weighting_2sls(r.Z)))
    near(efficient, np.linalg.inv(G.T @ np.linalg.inv(S) @ G) / r.N, 1e-6)
    assert np.linalg.eigvalsh(other - efficient).min() > -1e-9 * abs(other).max()


# Step 5: price derivatives ------------------------------------------------------------------------

def shares_at(e, prices, alpha):
    """Shares at other prices, one product and one type at a time."""
    return naive_shares(e.delta, e.mu + alpha * (prices - e.prices)[:, None], e.weights)


@many
@given(markets(any_sign=True))
def test_share_jacobian_by_finite_differences(e):
    for alpha in (e.alpha, e.varying):
        numerical = differences(lambda p: shares_at(e, p, alpha), e.prices)
        assert_allclose(share_jacobian(e.P, e.weights, alpha), numerical, atol=1e-8)


@many
@given(markets(any_sign=True))
def test_cross_price_effects_are_symmetric_where_a_type_has_one_price_coefficient(e):
    jacobian = share_jacobian(e.P, e.weights, e.alpha)
    assert_allclose(jacobian, jacobian.T, atol=1e-15)
    if (e.alpha_i < 0).all():
        own = np.diag(np.diag(jacobian))
        assert (np.diag(own) < 0).all() and (jacobian - own >= 0).all()


@many
@given(markets(), st.sampled_from([100.0, 0.01]))
def test_elasticities_diversion_and_lerner_indices_have_no_unit(e, unit):
    def indices(prices, alpha):
        jacobian = share_jacobian(e.P, e.weights, alpha)
        return [elasticities(jacobian, prices, e.shares), diversion_ratios(e.P, e.weights, alpha),
                margins(e.shares, jacobian, e.ownership) / prices]
    euros, cents = indices(e.prices, e.varying), indices(unit * e.prices, e.varying / unit)
    for one, other in zip(euros, cents):
        assert_allclose(other, one, rtol=1e-9, atol=1e-12)


@many
@given(markets(any_sign=True), parts)
def test_price_effects_follow_products_and_forget_how_types_are_written(e, part):
    def effects(P, weights, alpha, order):
        jacobian = share_jacobian(P, weights, alpha)
        return [jacobian, diversion_ratios(P, weights, alpha),
                elasticities(jacobian, e.prices[order], e.shares[order])]
    same, o, (which, weights) = np.arange(e.J), e.order, written_otherwise(e, part)
    present = effects(e.P, e.weights, e.varying, same)
    rewritten = effects(e.P[:, which], weights, e.varying[:, which], same)
    moved = effects(e.P[o], e.weights, e.varying[o], o)
    for one, other, third in zip(present, rewritten, moved):
        near(other, one, 1e-9), near(third, one[np.ix_(o, o)], 1e-9)


@many
@given(markets())
def test_all_that_leave_go_somewhere(e):
    found = diversion_ratios(e.P, e.weights, e.varying)
    assert_allclose(found.sum(1), 1, rtol=1e-10)
    assert (found > 0).all()                                    # substitutes, each of them


@many
@given(markets(), numbers(-1, 1))
def test_price_coefficients_are_slopes_of_utility(e, beta):
    """Price is the column of X1, and times a number of each product the first of X2."""
    slope = np.linspace(0.5, 1.5, e.J)

    def utility(p):
        X2 = np.column_stack([slope * p, e.X2[:, 1:]])
        return (p * beta)[:, None] + taste_deviations(X2, e.tastes, e.Gamma)
    dX1, dX2 = np.ones((e.J, 1)), np.column_stack([slope, np.zeros((e.J, e.K2 - 1))])
    found = price_coefficients(dX1, np.array([beta]), dX2, e.Gamma, e.tastes)
    rise = utility(e.prices + 1) - utility(e.prices)            # linear, so a whole unit will do
    assert_allclose(found, rise, atol=1e-12)


# Step 5: firms and consumers ----------------------------------------------------------------------

def equilibrium(e, unit=1.0):
    """Bertrand-Nash prices, with prices and costs in another unit."""
    return equilibrium_prices(e.delta, e.mu, e.alpha / unit, e.weights, unit * e.prices,
                              unit * e.costs, e.ownership)


@many
@given(markets(most_products=5))
def test_in_equilibrium_no_firm_gains_from_another_price(e):
    found = equilibrium(e)
    assert found.residual <= 1e-12

    def profits(p):                                             # what each price's setter looks at
        return e.ownership @ ((p - e.costs) * shares_at(e, p, e.alpha))
    assert_allclose(np.diag(differences(profits, found.prices)), 0, atol=1e-8)
    P = choice_probabilities(e.delta, e.mu + e.alpha * (found.prices - e.prices)[:, None])
    eta = margins(P @ e.weights, share_jacobian(P, e.weights, e.alpha), e.ownership)
    assert_allclose(eta, found.prices - e.costs, rtol=1e-7)


@many
@given(markets())
def test_equilibrium_prices_in_other_units_and_in_another_order(e):
    o, prices = e.order, equilibrium(e).prices
    assert_allclose(equilibrium(e, 100).prices, 100 * prices, rtol=1e-8)
    moved = equilibrium_prices(e.delta[o], e.mu[o], e.alpha[o], e.weights, e.prices[o], e.costs[o],
                               e.ownership[np.ix_(o, o)])
    assert_allclose(moved.prices, prices[o], rtol=1e-8)


@many
@given(markets())
def test_a_product_that_nobody_wants_moves_no_price(e):
    ownership = np.pad(e.ownership, (0, 1))
    ownership[-1, -1] = 1
    alpha, mu = np.vstack([e.alpha, e.alpha[:1]]), np.vstack([e.mu, np.zeros(e.I)])
    beside = equilibrium_prices(np.append(e.delta, -60), mu, alpha, e.weights,
                                np.append(e.prices, 1), np.append(e.costs, 1), ownership)
    assert_allclose(beside.prices[:-1], equilibrium(e).prices, rtol=1e-8)


@many
@given(markets(most_products=5))
def test_margin_jacobian_by_finite_differences(e):
    """Two parameters, each of which moves utilities and alpha of every product and type."""
    slopes = list(np.random.default_rng(e.J).normal(size=(2, 2, e.J, e.I)))

    def eta(steps):
        V, alpha = (x + steps[0] * first + steps[1] * second
                    for x, first, second in zip((e.mu, e.varying), *slopes))
        P = choice_probabilities(e.delta, V)
        return margins(e.shares, share_jacobian(P, e.weights, alpha), e.ownership)
    found = margin_jacobian(e.P, e.weights, e.varying, eta(np.zeros(2)), e.ownership, slopes)
    assert found.shape == (e.J, 2)
    near(found, differences(eta, np.zeros(2), 1e-6), 1e-5)


@many
@given(markets(any_sign=True), parts)
def test_surplus_falls_by_the_share_as_a_price_rises(e, part):
    def surplus(p):
        mu = e.mu + e.alpha * (p - e.prices)[:, None]
        return consumer_surplus(e.delta, mu, e.alpha_i, e.weights)
    assert_allclose(differences(surplus, e.prices), -e.shares, atol=1e-8)
    which, weights = written_otherwise(e, part)
    rewritten = consumer_surplus(e.delta, e.mu[:, which], e.alpha_i[which], weights)
    cents = consumer_surplus(e.delta, e.mu, e.alpha_i / 100, e.weights)
    near([rewritten, cents / 100], surplus(e.prices) * np.ones(2), 1e-10)
