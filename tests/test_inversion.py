"""Step 2: every method finds the same delta, the default on markets of every difficulty, and rates and derivatives are right."""
import warnings

import numpy as np
import pytest
from economies import differences, naive_shares, random_market
from hard_designs import hard_designs
from numpy.testing import assert_allclose

import blpteach
from blpteach import (InputError, buyers, choice_probabilities, contraction_rate, delta_jacobian, exp_contraction, invert_shares,
                      log_contraction, logit_delta, market_shares, taste_deviations)
from blpteach.examples import cereal
from blpteach.inversion import METHODS, Inversion, is_closer, iterate, rounding, solve_or_nan
from blpteach.utility import log_shares

CORRECTED = [("default", True), ("default", False), ("log", True), ("log", False), ("exp", True), ("exp", False), ("squarem", True),
             ("squarem", False), ("newton", True)]


def log_share_error(shares, mu, weights, delta):
    """The largest `|log S - log s(delta)|`: what failing means, whatever a method says of itself."""
    return abs(np.log(shares) - log_shares(delta, mu, weights)).max()


@pytest.fixture(scope="module")
def designs():
    return list(hard_designs())


@pytest.fixture(scope="module")
def cereal_stacks():
    """Blocks of the cereals, and mu at Nevo's customary starting values."""
    problem, start = cereal()
    Gamma = np.hstack([start["sigma"], start["pi"]])
    return [(block, taste_deviations(block.X2, block.tastes, Gamma)) for block in problem.blocks]


@pytest.fixture(scope="module")
def automobile_stacks():
    """Blocks of the automobiles, and mu at the published estimates: 6 characteristics, 5 columns of nodes, income."""
    products, agents = blpteach.load_autos()
    with pytest.warns(UserWarning, match="`weights` of agents sums to .* 0.154"):
        problem = blpteach.Problem(products, agents, linear="1 + prices + hpwt + air + mpd + space",
                                   random="1 + prices + hpwt + air + mpd + space", demographics="0 + I(1 / income)")
    sigma = np.zeros((6, 5))
    sigma[[0, 2, 3, 4, 5], range(5)] = [3.612, 4.628, 1.818, 1.050, 2.056]
    pi = np.array([[0], [-43.501], [0], [0], [0], [0]])
    Gamma = np.hstack([sigma, pi])
    return [(block, taste_deviations(block.X2, block.tastes, Gamma)) for block in problem.blocks]


# All methods, one delta ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method, corrected", CORRECTED)
@pytest.mark.parametrize("data", ["cereal_stacks", "automobile_stacks"])
def test_all_methods_agree(data, method, corrected, request):
    for block, mu in request.getfixturevalue(data):
        if block.shares.shape[1] in (72, 150) or data == "cereal_stacks":    # the smallest and the largest year
            exact = invert_shares(block.shares, mu, block.weights, method="newton")
            found = invert_shares(block.shares, mu, block.weights, method=method, corrected=corrected)
            assert found.converged.all() and found.method == method
            assert_allclose(found.delta, exact.delta, rtol=1e-11, atol=1e-11)


def test_default_inverts_every_year_of_the_automobiles(automobile_stacks):
    assert sum(block.shares.size for block, _ in automobile_stacks) == 2217
    for block, mu in automobile_stacks:
        found = invert_shares(block.shares, mu, block.weights)
        assert found.converged.all()
        assert_allclose(naive_shares(found.delta[0], mu[0], block.weights[0]), block.shares[0], rtol=1e-10)    # loops are slow: one will do


@pytest.mark.parametrize("method", METHODS)
def test_inversion_recovers_the_delta_that_made_the_shares(method):
    e = random_market(0, stack=(2, 3))
    found = invert_shares(market_shares(e.delta, e.mu, e.weights), e.mu, e.weights, method=method)
    assert_allclose(found.delta, e.delta, rtol=1e-10, atol=1e-10)
    assert found.converged.shape == (2, 3) and found.residuals.shape == (found.iterations, 2, 3)


@pytest.mark.parametrize("method", METHODS)
def test_one_market_is_a_slice_of_the_stack(method):
    e = random_market(1, stack=(3,))
    shares = market_shares(e.delta, e.mu, e.weights)
    stack = invert_shares(shares, e.mu, e.weights, method=method)
    for t in range(3):
        one = invert_shares(shares[t], e.mu[t], e.weights[t], method=method)
        assert one.delta.shape == (e.J,) and one.converged.shape == () and bool(one.converged)
        assert_allclose(one.delta, stack.delta[t], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_types_or_shares_common_to_all_markets_broadcast(method):
    e = random_market(2, stack=(3,))
    weights = e.weights[0]
    shares = market_shares(e.delta, e.mu, weights)
    found = invert_shares(shares, e.mu, weights, method=method)
    assert_allclose(found.delta, e.delta, rtol=1e-10, atol=1e-10)
    common = invert_shares(shares[0], e.mu, weights, method=method)          # one vector of shares, three tastes
    assert_allclose(market_shares(common.delta, e.mu, weights), np.tile(shares[0], (3, 1)), rtol=1e-10)


def test_types_common_to_all_markets_broadcast_when_newton_must_help():
    e = random_market(3, stack=(3,))
    shares = market_shares(e.delta, e.mu, e.weights[0])
    found = invert_shares(shares, e.mu, e.weights[0], max_iterations=2)
    assert found.converged.all()
    assert_allclose(found.delta, e.delta, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("corrected", [False, True])
def test_contractions_are_the_equations_one_product_at_a_time(corrected):
    e = random_market(4, weights_sum=0.8)
    shares = market_shares(e.delta + 0.3, e.mu, e.weights)
    s = naive_shares(e.delta, e.mu, e.weights)
    expected = e.delta + np.log(shares) - np.log(s)
    if corrected:                                               # like with like: weights sum to 0.8
        expected = expected - (np.log(0.8 - shares.sum()) - np.log(0.8 - s.sum()))
    assert_allclose(log_contraction(shares, e.mu, e.weights, corrected)(e.delta), expected, rtol=1e-12)
    assert_allclose(exp_contraction(shares, e.mu, e.weights, corrected)(e.delta), expected, rtol=1e-12)


def test_logit_needs_no_iteration():
    shares, weights = np.array([0.2, 0.3, 0.1]), np.array([0.5, 0.5])
    berry = np.log(shares) - np.log(1 - 0.6)
    assert_allclose(logit_delta(shares, weights), berry, rtol=1e-14)
    for method, corrected in CORRECTED:
        assert_allclose(invert_shares(shares, np.zeros((3, 2)), weights, method=method, corrected=corrected).delta, berry, rtol=1e-11)


def test_delta_tends_to_the_logits_as_sigma_goes_to_zero():
    e = random_market(5)
    shares = naive_shares(e.delta, 0 * e.mu, e.weights)
    gaps = [abs(invert_shares(shares, scale * e.mu, e.weights).delta - e.delta).max() for scale in (1e-2, 1e-4, 0)]
    assert 1e-6 < gaps[0] and gaps[1] < 0.02 * gaps[0] and gaps[2] < 1e-13


# Hard markets --------------------------------------------------------------------------------------------------------------

def test_default_never_fails_and_never_claims_falsely_on_hard_designs(designs):
    errors, claims = [], []
    for shares, mu, weights in designs:
        found = invert_shares(shares, mu, weights)
        errors.append(log_share_error(shares, mu, weights, found.delta))
        claims.append(bool(found.converged))
    assert len(errors) == 300
    assert np.flatnonzero(~(np.array(errors) <= 1e-10)).size == 0, "designs where shares are not reproduced"
    assert all(claims)


@pytest.mark.parametrize("method, corrected, most_failures", [("squarem", True, 0), ("newton", True, 0), ("exp", True, 0),
                                                              ("squarem", False, 300), ("exp", False, 300)])
def test_no_method_claims_convergence_falsely_on_hard_designs(method, corrected, most_failures, designs):
    failures, counted = 0, 0
    for shares, mu, weights in designs:
        if mu.size <= 10_000:
            found = invert_shares(shares, mu, weights, method=method, corrected=corrected, max_iterations=300 if not corrected else None)
            right = log_share_error(shares, mu, weights, found.delta) <= 1e-10
            assert right or not found.converged
            counted, failures = counted + 1, failures + (not found.converged)
    assert counted > 100 and failures <= most_failures
    assert corrected or failures > 50                           # the plain maps do fail here: the designs are hard


def test_default_succeeds_where_the_plain_contraction_does():
    plain, default = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        e = random_market(seed, J=int(rng.integers(1, 12)), I=int(rng.integers(2, 60)), weights_sum=rng.choice([1, 0.5]))
        mu = e.mu * rng.uniform(0.2, 3)
        shares = market_shares(3 * e.delta + rng.uniform(-4, 2), mu, e.weights)
        plain.append(bool(invert_shares(shares, mu, e.weights, method="log", corrected=False, max_iterations=1500).converged))
        found = invert_shares(shares, mu, e.weights)
        default.append(bool(found.converged) and log_share_error(shares, mu, e.weights, found.delta) <= 1e-10)
    assert 50 < sum(plain)
    assert not [seed for seed in range(150) if plain[seed] and not default[seed]]


def test_where_the_exponentiated_form_overflows_newton_takes_over():
    e = random_market(6, J=4, I=40)
    mu = e.mu - 2000                                            # delta near 2,000: exp(delta) is not a number of this machine
    delta = e.delta + 2000
    shares = market_shares(delta, mu, e.weights)
    assert not invert_shares(shares, mu, e.weights, method="exp").converged
    with warnings.catch_warnings():
        warnings.simplefilter("error")                          # and it does not mutter about it
        found = invert_shares(shares, mu, e.weights)
    assert found.converged
    assert_allclose(found.delta, delta, rtol=1e-9)


def test_only_the_markets_that_need_newton_get_it():
    e = random_market(7, J=4, I=40, stack=(3,))
    shift = np.array([0, 1500, 0])[:, None]
    shares = market_shares(e.delta, e.mu, e.weights)
    found = invert_shares(shares, e.mu - shift[..., None], e.weights)
    assert found.converged.all()
    assert_allclose(found.delta - shift, e.delta, atol=1e-9)


@pytest.mark.parametrize("scale", [300, 3_000, 30_000, 1e8, 1e15, 1e30])
@pytest.mark.parametrize("method", ["default", "newton"])
def test_wild_tastes_are_inverted_or_reported(scale, method):
    false_claims = []
    for seed in range(20):
        e = random_market(seed, J=3, I=50)
        mu = scale * e.mu
        shares = np.random.default_rng(seed).dirichlet([2, 2, 2, 2])[:3]
        found = invert_shares(shares, mu, e.weights, method=method)
        if found.converged and not log_share_error(shares, mu, e.weights, found.delta) < 1e-6:
            false_claims.append(seed)
    assert not false_claims


def test_a_few_wild_types_among_tame_ones_are_inverted():
    for seed in range(10):
        e = random_market(seed, J=4, I=60)
        mu = e.mu * np.where(np.arange(60) % 10 == 0, 3000, 1)
        shares = market_shares(e.delta, mu, e.weights)
        found = invert_shares(shares, mu, e.weights)
        assert found.converged and log_share_error(shares, mu, e.weights, found.delta) < 1e-9


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", METHODS)
def test_tastes_that_are_not_numbers_are_not_converged(bad, method):
    e = random_market(8, stack=(2,))
    shares = market_shares(e.delta, e.mu, e.weights)
    mu = e.mu.copy()
    mu[1, 0, 0] = bad
    found = invert_shares(shares, mu, e.weights, method=method, max_iterations=100)
    with np.errstate(invalid="ignore"):
        assert not found.converged[1] or log_share_error(shares[1], mu[1], e.weights[1], found.delta[1]) < 1e-9


def test_too_few_iterations_are_not_called_convergence():
    e = random_market(9)
    shares = market_shares(e.delta, 3 * e.mu, e.weights)
    for method in ("log", "exp", "squarem", "newton"):
        found = invert_shares(shares, 3 * e.mu, e.weights, method=method, max_iterations=2)
        assert not found.converged and found.iterations == 2 and "NOT converged" in repr(found)
    one = invert_shares(np.array([0.2, 0.3]), np.zeros((2, 1)), np.ones(1), "newton")
    assert repr(one) == "Inversion of 1 market by newton: converged after 1 iteration"
    two = Inversion(np.zeros((3, 2)), np.array([True, False, False]), 1, None, "squarem")
    assert repr(two) == "Inversion of 3 markets by squarem: 2 markets NOT converged after 1 iteration"


def test_start_is_where_the_iterations_begin():
    e = random_market(10)
    shares = market_shares(e.delta, e.mu, e.weights)
    at_solution = invert_shares(shares, e.mu, e.weights, method="exp", start=e.delta)
    assert at_solution.iterations < 4 < invert_shares(shares, e.mu, e.weights, method="exp").iterations


def test_singular_systems_give_least_squares_and_infinite_ones_nan():
    A = np.array([[[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 4.0]], [[np.nan, 0.0], [0.0, 1.0]]])
    x = solve_or_nan(A, np.array([[2.0, 2.0], [2.0, 4.0], [1.0, 1.0]]))
    assert_allclose(x[:2], [[1, 1], [1, 1]], rtol=1e-12)
    assert np.isnan(x[2]).all()


# What can't be inverted ----------------------------------------------------------------------------------------------------

def test_unknown_method_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InputError, match=r"no inversion method 'bisection'.*default, log, exp, squarem, newton"):
        invert_shares(np.array([0.2]), np.zeros((1, 1)), np.ones(1), method="bisection")


@pytest.mark.parametrize("share", [0.0, -0.1, np.nan])
def test_share_that_is_not_positive_is_refused(share):
    with pytest.raises(InputError, match="Step 2.*share must be positive.*drop"):
        invert_shares(np.array([0.2, share]), np.zeros((2, 1)), np.ones(1))


@pytest.mark.parametrize("total, weights", [(1.0, 1.0), (1.2, 1.0), (0.5, 0.4), (0.5, 0.5)])
def test_shares_that_leave_nothing_outside_are_refused_by_market(total, weights):
    shares = np.array([[0.1, 0.1], [total / 2, total / 2]])
    with pytest.raises(InputError, match=r"Step 2: in market\(s\) 1 the inside shares sum to as much as the weights"):
        invert_shares(shares, np.zeros((2, 2, 1)), np.full((2, 1), weights))


def test_weights_may_sum_to_more_or_less_than_one():
    for total in (0.154, 1.7):
        e = random_market(11, weights_sum=total)
        shares = market_shares(e.delta, e.mu, e.weights)
        for method in METHODS:
            assert_allclose(invert_shares(shares, e.mu, e.weights, method=method).delta, e.delta, rtol=1e-10, atol=1e-10)


# Rates ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("contraction", [log_contraction, exp_contraction])
@pytest.mark.parametrize("seed, weights_sum", [(0, 1.0), (1, 1.0), (2, 0.6), (3, 1.4)])
def test_contraction_rate_is_the_ratio_of_successive_residuals(seed, weights_sum, contraction, corrected):
    e = random_market(seed, J=4, I=30, weights_sum=weights_sum)
    mu = 2 * e.mu
    shares = market_shares(e.delta, mu, e.weights)
    rate = contraction_rate(choice_probabilities(e.delta, mu), e.weights, corrected)
    assert 0 < rate < 1
    _, residuals = iterate(contraction(shares, mu, e.weights, corrected), logit_delta(shares, e.weights), tolerance=1e-10)
    assert_allclose(residuals[-1] / residuals[-2], rate, rtol=5e-3)


def test_correction_makes_the_contraction_faster(cereal_stacks):
    for block, mu in cereal_stacks:
        P = choice_probabilities(invert_shares(block.shares, mu, block.weights).delta, mu)
        assert (contraction_rate(P, block.weights, True) < contraction_rate(P, block.weights, False)).all()


@pytest.mark.parametrize("seed", range(20))
def test_contraction_rate_lies_within_its_bounds(seed):
    e = random_market(seed, J=2 + seed % 5)
    P = choice_probabilities(e.delta, e.mu)
    s_i0 = 1 - P.sum(0)
    s0 = e.weights @ s_i0
    rate = contraction_rate(P, e.weights)
    better = e.weights @ (1 - s_i0) ** 2 / (1 - s0)
    upper = max(1 - (e.weights * P[j]) @ s_i0 / (e.weights @ P[j]) for j in range(e.J))
    assert 1 - s0 <= better <= rate * (1 + 1e-12) and rate <= upper * (1 + 1e-12)
    assert better > 1 - s0 + 1e-6                               # types differ, so the better bound is better


def test_logit_contracts_at_one_less_the_outside_share_and_corrected_at_once():
    P, w = np.array([[0.2], [0.3]]), np.ones(1)
    assert_allclose(contraction_rate(P, w), 0.5, rtol=1e-12)
    assert_allclose(contraction_rate(P, w, corrected=True), 0, atol=1e-12)


# The derivative of delta ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("J, I, weights_sum", [(1, 6, 1.0), (3, 20, 1.0), (7, 11, 0.5)])
def test_delta_jacobian_by_finite_differences_in_unequal_markets(J, I, weights_sum):
    e = random_market(J, J=J, I=I, weights_sum=weights_sum)
    rows, columns = np.nonzero(np.hstack([np.tril(np.ones((3, 3))), np.ones((3, 2))]))      # correlated sigma, full pi
    shares = market_shares(e.delta, e.mu, e.weights)

    def delta(theta2):
        Gamma = np.zeros((3, 5))
        Gamma[rows, columns] = theta2
        return invert_shares(shares, taste_deviations(e.X2, e.tastes, Gamma), e.weights).delta
    P = choice_probabilities(e.delta, e.mu)
    analytic = delta_jacobian(P, buyers(P, e.weights), e.X2, e.tastes, rows, columns)
    assert analytic.shape == (J, len(rows))
    assert_allclose(analytic, differences(delta, e.Gamma[rows, columns]), rtol=1e-6, atol=1e-7)


def test_delta_jacobian_of_a_stack_is_that_of_each_market():
    e = random_market(20, stack=(3,))
    rows, columns = np.array([0, 2, 1]), np.array([0, 1, 4])
    P = choice_probabilities(e.delta, e.mu)
    B = buyers(P, e.weights)
    stack = delta_jacobian(P, B, e.X2, e.tastes, rows, columns)
    for t in range(3):
        assert_allclose(delta_jacobian(P[t], B[t], e.X2[t], e.tastes[t], rows, columns), stack[t], rtol=1e-12)


# Hopeless markets ----------------------------------------------------------------------------------------------------------

def nevo_at(scale):
    """Shares, mu and weights of the cereals at a multiple of Nevo's starting values."""
    problem, start = cereal()
    block = problem.blocks[0]
    mu = blpteach.taste_deviations(block.X2, block.tastes, scale * np.hstack([start["sigma"], start["pi"]]))
    return block.shares, mu, block.weights


@pytest.mark.parametrize("scale", [300, 1000])
def test_hopeless_markets_are_given_up_early(scale, monkeypatch):
    """No delta is found, as it never was; Newton looks at each market a few times, not two hundred."""
    looked, original = [], blpteach.inversion.gap_and_slope

    def counting(shares, mu, weights, delta):
        looked.append(len(shares))
        return original(shares, mu, weights, delta)
    monkeypatch.setattr(blpteach.inversion, "gap_and_slope", counting)
    shares, mu, weights = nevo_at(scale)
    found = invert_shares(shares, mu, weights)
    assert not found.converged.any()
    assert 0 < sum(looked) < 20 * len(shares)


def test_wild_markets_that_have_a_delta_are_not_given_up():
    shares, mu, weights = nevo_at(30)
    found = invert_shares(shares, mu, weights)
    assert found.converged.all()
    assert abs(np.log(shares) - log_shares(found.delta, mu, weights)).max() < 1e-9


def test_a_step_is_good_where_it_leads_downhill_or_lowers_the_largest_gap():
    """One product with half of the market, gaps before and after a step of one: the slope of the hill is s - S."""
    def good(gap, new_gap, step):
        return bool(is_closer(*(np.array([value]) for value in (0.5, gap, new_gap, step))))
    assert good(3.0, -1.1, 1.0) and good(2.0, 1.0, 1.0) and good(-2.0, -1.0, -1.0)
    assert not good(1.0, -3.0, 1.0) and not good(-2.0, -3.0, 1.0)


# One market's iterations are its own, and end where they are told ----------------------------------------------------------

def stacked(seed=30, T=4, scale=(0.0, 1.0, 4.0, 8.0)):
    """Markets that are easy to invert and hard ones, their shares and mu."""
    e = random_market(seed, stack=(T,))
    mu = e.mu * np.array(scale)[:, None, None]
    return market_shares(e.delta, mu, e.weights), mu, e.weights


@pytest.mark.parametrize("method", METHODS)
def test_the_iterations_of_a_market_do_not_depend_on_its_neighbours(method):
    shares, mu, weights = stacked()
    together = invert_shares(shares, mu, weights, method)
    assert together.converged.all() and together.iterations == len(together.residuals)
    for t in range(len(shares)):
        alone = invert_shares(shares[t], mu[t], weights[t], method)
        history = together.residuals[:, t]
        assert_allclose(history[:alone.iterations], alone.residuals, rtol=1e-6, atol=1e-12)
        assert (history[alone.iterations:] <= 1e-13).all()
        if method == "default" and alone.iterations <= 10:      # who is done after ten keeps the last residual
            assert (history[10:] == history[9]).all() and len(history) > 10


def test_rates_of_a_stack_are_those_of_its_markets():
    shares, mu, weights = stacked()
    P = choice_probabilities(invert_shares(shares, mu, weights).delta, mu)
    for corrected in (False, True):
        rates = contraction_rate(P, weights, corrected)
        assert rates.shape == (4,)
        assert_allclose(rates, [contraction_rate(P[t], weights[t], corrected) for t in range(4)], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_stops_at_the_tolerance_it_is_given(method):
    shares, mu, weights = stacked()
    loose, tight = (invert_shares(shares, mu, weights, method, tolerance=tolerance) for tolerance in (1e-4, 1e-13))
    assert loose.converged.all() and loose.iterations < tight.iterations
    assert 1e-12 < loose.residuals[-1].max() <= 1e-4 and (loose.residuals[-2].max() > 1e-4)


@pytest.mark.parametrize("method", ["log", "exp", "squarem"])
def test_every_contraction_is_corrected_or_not_as_asked(method):
    shares, mu, weights = stacked()
    plain, corrected = (invert_shares(shares, mu, weights, method, corrected=corrected) for corrected in (False, True))
    assert corrected.iterations < plain.iterations
    for with_it, alone in ((False, plain), (True, corrected)):
        if method == "squarem":                                 # which is how the default begins
            assert_allclose(invert_shares(shares, mu, weights, corrected=with_it).residuals[:10], alone.residuals[:10], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_tolerance_of_zero_is_met_where_nothing_changes(method):
    """The logit: one step of the corrected map, and then not a digit moves."""
    found = invert_shares(np.array([0.25, 0.25]), np.zeros((2, 1)), np.ones(1), method, tolerance=0.0, max_iterations=50)
    assert found.converged and found.iterations <= 3 and found.residuals[-1] == 0


def test_default_grants_squarem_as_many_iterations_as_it_is_told():
    shares, mu, weights = stacked(scale=(8.0, 8.0, 8.0, 8.0))
    squarem_alone = invert_shares(shares, mu, weights, "squarem")
    assert squarem_alone.iterations > 14                        # more than ten, and more than are granted below
    for most in (4, 12):
        found = invert_shares(shares, mu, weights, max_iterations=most)
        assert found.converged.all()
        assert_allclose(found.residuals[:most], squarem_alone.residuals[:most], rtol=1e-6, atol=1e-12)
        newton_begins = found.residuals[most] / squarem_alone.residuals[most]
        assert (abs(newton_begins - 1) > 1e-3).all()


def test_the_first_residual_of_newton_is_the_full_step():
    shares, delta = np.array([0.6, 0.3]), np.array([3.0, -4.0])
    found = invert_shares(shares, np.zeros((2, 1)), np.ones(1), "newton", start=delta)
    s = market_shares(delta, np.zeros((2, 1)), np.ones(1))
    step = np.linalg.solve(np.eye(2) - s, np.log(shares / s))   # d log s_j / d delta_k = 1{j = k} - s_k
    assert_allclose(found.residuals[0], (abs(step) / np.maximum(1, abs(delta + step))).max(), rtol=1e-9)


def test_a_step_uphill_to_a_larger_gap_is_not_closer():
    shares, step = np.array([1.0]), np.array([1.0])
    slope = np.array([0.1])                                     # s - S at both ends: the hill rises by 0.2 and is no way down
    gap = -np.log1p(slope)
    assert not is_closer(shares, gap, 1.001 * gap, step) and not is_closer(shares, gap, gap, step)
    assert not is_closer(shares, 0 * gap, 0 * gap, step)        # no slope, no smaller gap
    assert is_closer(shares, gap, 0.999 * gap, step) and is_closer(shares, gap, 1.001 * gap, -step)


def test_rounding_grows_with_mu_up_to_a_bound():
    eps = np.finfo(float).eps
    mu = np.array([[[0.0, 0.0]], [[-3.0, 1.0]], [[1e9, 0.0]]])  # three markets of one product
    assert_allclose(rounding(mu), [16 * eps, 64 * eps, 1e-9], rtol=1e-12)


def test_a_regular_system_is_solved_and_not_fitted(monkeypatch):
    monkeypatch.setattr(np.linalg, "pinv", None)
    assert_allclose(solve_or_nan(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 4.0])), [1, 1])
