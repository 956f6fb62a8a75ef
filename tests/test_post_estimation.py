"""Step 5: price derivatives by finite differences, equilibria against first-order conditions, surplus against shares."""
import numpy as np
import pytest
from economies import differences, naive_probabilities, naive_shares, random_market
from numpy.testing import assert_allclose

from blpteach import (InputError, Truth, choice_probabilities, consumer_surplus, diversion_ratios, elasticities, equilibrium_prices, margins,
                      market_shares, ownership_matrix, price_coefficients, share_jacobian, simulate)


def priced_market(seed, stack=(), weights_sum=1.0, positive=False, J=5, I=12, varying=False):
    """A market with prices, price coefficients of each type (some positive, if asked), and three firms.

    If `varying`, alpha differs over products too, so that the share Jacobian is not symmetric and no transpose goes unnoticed.
    """
    e = random_market(seed, J=J, I=I, stack=stack, weights_sum=weights_sum)
    rng = np.random.default_rng(seed + 100)
    e.alpha_i = -rng.uniform(0.5, 3, (*stack, e.I))
    if positive:
        e.alpha_i[..., :3] = rng.uniform(0.1, 0.5, (*stack, 3))
    e.alpha = np.broadcast_to(e.alpha_i[..., None, :], e.mu.shape)
    if varying:
        e.alpha = e.alpha * rng.uniform(0.5, 2, (*stack, e.J))[..., None]
    e.prices = rng.uniform(1, 3, (*stack, e.J))
    e.firms = np.broadcast_to(np.array([0, 0, 1, 2, 1])[:J], (*stack, J))
    e.delta = e.delta - 1
    e.mu = 0.5 * e.mu

    def shares(prices):
        return naive_shares(e.delta, e.mu + e.alpha * (prices - e.prices)[:, None], e.weights)
    e.shares_at = shares
    return e


# Derivatives ---------------------------------------------------------------------------------------------------------------

def test_price_coefficients_by_finite_differences_of_utility():
    e = random_market(0)
    prices, x, beta = np.linspace(1, 2, 5), e.X2[:, 1], np.array([0.3, -2.0, 0.5])

    def utility(p):                                             # price enters X1 alone and with x, and X2 twice
        X1 = np.column_stack([np.ones(5), p, p * x])
        X2 = np.column_stack([np.ones(5), p, np.log(p)])
        return (X1 @ beta)[:, None] + X2 @ e.Gamma @ e.tastes.T
    dX1 = np.column_stack([np.zeros(5), np.ones(5), x])
    dX2 = np.column_stack([np.zeros(5), np.ones(5), 1 / prices])
    full = differences(utility, prices)                         # (J, I, J): only the product's own price matters
    assert_allclose(price_coefficients(dX1, beta, dX2, e.Gamma, e.tastes), np.einsum("jij->ji", full), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("weights_sum, positive", [(1.0, False), (0.4, False), (1.0, True)])
def test_share_jacobian_and_elasticities_by_finite_differences(weights_sum, positive):
    e = priced_market(1, weights_sum=weights_sum, positive=positive)
    P = naive_probabilities(e.delta, e.mu)
    jacobian = share_jacobian(P, e.weights, e.alpha)
    assert_allclose(jacobian, differences(e.shares_at, e.prices), atol=1e-9)
    log_log = differences(lambda log_p: np.log(e.shares_at(np.exp(log_p))), np.log(e.prices))
    assert_allclose(elasticities(jacobian, e.prices, e.shares_at(e.prices)), log_log, rtol=1e-6, atol=1e-8)


def test_share_jacobian_where_alpha_differs_over_products():
    e = priced_market(2)
    alpha = -np.random.default_rng(2).uniform(0.5, 3, (e.J, e.I))

    def shares(p):
        return naive_shares(e.delta, e.mu + alpha * (p - e.prices)[:, None], e.weights)
    jacobian = share_jacobian(naive_probabilities(e.delta, e.mu), e.weights, alpha)
    assert_allclose(jacobian, differences(shares, e.prices), atol=1e-9)
    assert abs(jacobian - jacobian.T).max() > 1e-4              # no symmetry here: rows and columns must not be confused


def test_logit_elasticities_are_the_textbooks():
    delta, alpha, p = np.array([0.1, -0.4, 0.3]), -1.7, np.array([1.0, 2.0, 1.5])
    s = np.exp(delta) / (1 + np.exp(delta).sum())
    found = elasticities(share_jacobian(s[:, None], np.ones(1), np.full((3, 1), alpha)), p, s)
    for j in range(3):
        for k in range(3):
            assert_allclose(found[j, k], alpha * p[j] * (1 - s[j]) if j == k else -alpha * p[k] * s[k], rtol=1e-12)


@pytest.mark.parametrize("weights_sum, positive, varying", [(1.0, False, False), (0.4, False, True), (1.0, True, False), (1.0, False, True)])
def test_diversion_is_where_the_lost_customers_go_and_the_outside_good_completes_it(weights_sum, positive, varying):
    e = priced_market(3, weights_sum=weights_sum, positive=positive, varying=varying)
    found = diversion_ratios(naive_probabilities(e.delta, e.mu), e.weights, e.alpha)

    def outside(p):                                             # not as one minus the rest, but as its own logit probability
        V = e.delta[:, None] + e.mu + e.alpha * (p - e.prices)[:, None]
        return sum(e.weights[i] / (1 + np.exp(V[:, i]).sum()) for i in range(e.I))
    ds, ds0 = differences(e.shares_at, e.prices), differences(outside, e.prices)
    for j in range(e.J):
        for k in range(e.J):
            expected = -ds0[j] / ds[j, j] if j == k else -ds[k, j] / ds[j, j]
            assert_allclose(found[j, k], expected, rtol=1e-6)
    assert_allclose(found.sum(1), 1, rtol=1e-12)


def test_logit_diversion_is_proportional_to_share():
    s = np.array([0.1, 0.2, 0.3])
    found = diversion_ratios(s[:, None], np.ones(1), np.full((3, 1), -2.0))
    assert_allclose(found, [[0.4 / 0.9, 0.2 / 0.9, 0.3 / 0.9], [0.1 / 0.8, 0.4 / 0.8, 0.3 / 0.8], [0.1 / 0.7, 0.2 / 0.7, 0.4 / 0.7]], rtol=1e-12)


def test_stacks_are_their_markets():
    e = priced_market(4, stack=(3,))
    P, H = choice_probabilities(e.delta, e.mu), ownership_matrix(e.firms)
    s = market_shares(e.delta, e.mu, e.weights)
    D = share_jacobian(P, e.weights, e.alpha)
    stacked = [D, elasticities(D, e.prices, s), diversion_ratios(P, e.weights, e.alpha), margins(s, D, H),
               consumer_surplus(e.delta, e.mu, e.alpha_i, e.weights),
               equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, 0.5 * e.prices, H).prices]
    for t in range(3):
        d, m, a, w, p = e.delta[t], e.mu[t], e.alpha[t], e.weights[t], e.prices[t]
        Dt = share_jacobian(P[t], w, a)
        single = [Dt, elasticities(Dt, p, s[t]), diversion_ratios(P[t], w, a), margins(s[t], Dt, H[t]),
                  consumer_surplus(d, m, e.alpha_i[t], w), equilibrium_prices(d, m, a, w, p, 0.5 * p, H[t]).prices]
        for one, all_of_them in zip(single, stacked):
            assert_allclose(one, all_of_them[t], rtol=1e-9)
    found = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, 0.5 * e.prices, H)
    assert found.residual.shape == (3,) and (found.residual <= 1e-12).all()


# Firms ---------------------------------------------------------------------------------------------------------------------

def test_ownership_compares_ids_of_any_kind():
    expected = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    for ids in (np.array([5, 7, 5]), np.array(["a", "b", "a"]), np.array(["a", 3, "a"], dtype=object)):
        found = ownership_matrix(ids)
        assert found.dtype == float
        assert_allclose(found, expected)


def test_a_product_without_an_owner_is_refused():
    for holdings in (0.0, 0.5, {(1, 2): 0.3}):
        with pytest.raises(InputError, match="every product needs an owner"):
            ownership_matrix(np.array([1, np.nan, 2]), holdings)


def test_holdings_are_weights_and_are_not_added_to_others():
    found = ownership_matrix(np.array([1, 1, 2]), {(1, 1): 0.9, (2, 1): 0.4})
    assert_allclose(found, [[0.9, 0.9, 0], [0.9, 0.9, 0], [0.4, 0.4, 1]])


@pytest.mark.parametrize("holdings", [0.0, 0.4, 1.0, {(0, 1): 0.3, (2, 3): 1}])
def test_ownership_by_loops(holdings):
    firms = np.array([0, 1, 1, 2, 3])
    H = ownership_matrix(firms, holdings)
    for j, setter in enumerate(firms):
        for l, other in enumerate(firms):
            weight = holdings.get((setter, other), 0) if isinstance(holdings, dict) else holdings
            assert H[j, l] == (1 if setter == other else weight)


def test_single_product_logit_margin():
    for alpha, s in ((-2.0, 0.2), (-0.5, 0.9)):
        D = share_jacobian(np.array([[s]]), np.ones(1), np.full((1, 1), alpha))
        assert_allclose(margins(np.array([s]), D, np.ones((1, 1))), 1 / (-alpha * (1 - s)), rtol=1e-12)


def test_logit_margin_of_a_firm_is_one_for_all_its_products():
    s, alpha, firms = np.array([0.1, 0.2, 0.15, 0.05]), -1.5, np.array([0, 0, 1, 1])
    found = margins(s, share_jacobian(s[:, None], np.ones(1), np.full((4, 1), alpha)), ownership_matrix(firms))
    assert_allclose(found, [1 / (1.5 * 0.7)] * 2 + [1 / (1.5 * 0.8)] * 2, rtol=1e-12)


@pytest.mark.parametrize("varying", [False, True])
def test_margins_make_every_firms_profit_stationary(varying):
    e = priced_market(5, varying=varying)
    P = naive_probabilities(e.delta, e.mu)
    costs = e.prices - margins(e.shares_at(e.prices), share_jacobian(P, e.weights, e.alpha), ownership_matrix(e.firms))
    for j in range(e.J):
        def profit(p, own=e.firms == e.firms[j]):
            return ((p - costs) * e.shares_at(p))[own].sum()
        assert abs(differences(profit, e.prices)[j]) < 1e-8


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("varying", [False, True])
def test_equilibrium_satisfies_the_first_order_conditions(seed, varying):
    e = priced_market(seed, varying=varying)
    costs = np.random.default_rng(seed).uniform(0.2, 1.5, e.J)
    found = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, costs, ownership_matrix(e.firms))
    p = found.prices
    V = e.mu + e.alpha * (p - e.prices)[:, None]
    P, s = naive_probabilities(e.delta, V), e.shares_at(p)
    for j in range(e.J):                                        # s_j + sum over the firm's products of margin times ds_l / dp_j
        condition = s[j]
        for m in range(e.J):
            if e.firms[m] == e.firms[j]:
                condition += (p[m] - costs[m]) * \
                    sum(e.weights[i] * e.alpha[j, i] * P[m, i] * ((m == j) - P[j, i]) for i in range(e.I))
        assert abs(condition) < 1e-10
    assert found.residual < 1e-10 and found.iterations > 1
    higher = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, costs + 0.3, ownership_matrix(e.firms)).prices
    assert varying or (p > costs).all() and (higher > p).all()


@pytest.mark.parametrize("seed", range(4))
def test_equilibrium_under_any_ownership(seed):
    """A setter may discount its own profit too: the diagonal of H need not be one."""
    e = priced_market(seed, varying=True)
    rng = np.random.default_rng(seed)
    costs, H = rng.uniform(0.2, 1.5, e.J), rng.uniform(0, 0.6, (e.J, e.J))
    H[range(e.J), range(e.J)] = rng.uniform(0.5, 1.5, e.J)
    found = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, costs, H)
    slopes = differences(e.shares_at, found.prices)             # [l, j]: of share l in price j
    for j in range(e.J):
        condition = e.shares_at(found.prices)[j] + sum(H[j, m] * (found.prices[m] - costs[m]) * slopes[m, j] for m in range(e.J))
        assert abs(condition) < 1e-9
    assert found.residual < 1e-11
    s, P = e.shares_at(found.prices), naive_probabilities(e.delta, e.mu + e.alpha * (found.prices - e.prices)[:, None])
    assert_allclose(found.prices - margins(s, share_jacobian(P, e.weights, e.alpha), H), costs, rtol=1e-9)


@pytest.mark.parametrize("size", [1e-6, 1e-12])
def test_small_products_are_priced_as_well_as_large_ones(size):
    """Of all people, most may never buy anything: prices are those of the few who may."""
    e = priced_market(8)
    costs, H = 0.4 * e.prices, ownership_matrix(e.firms)
    large, small = (equilibrium_prices(e.delta, e.mu, e.alpha, w, e.prices, costs, H) for w in (e.weights, size * e.weights))
    assert_allclose(small.prices, large.prices, rtol=1e-11)
    assert small.iterations == large.iterations > 5 and small.residual < 1e-11


def test_no_iterations_are_refused():
    e = priced_market(7)
    with pytest.raises(InputError, match="max_iterations=0 must be 1 or more"):
        equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, e.prices, np.eye(e.J), max_iterations=0)


def test_equilibrium_does_not_depend_on_where_the_search_starts():
    e = priced_market(6)
    costs, H = 0.4 * e.prices, ownership_matrix(e.firms)
    one = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, costs, H).prices
    other = e.prices + 1.0                                      # the same economy described at other prices
    V = e.mu + e.alpha * (other - e.prices)[:, None]
    assert_allclose(equilibrium_prices(e.delta, V, e.alpha, e.weights, other, costs, H).prices, one, rtol=1e-9)


def test_too_few_iterations_leave_a_residual():
    e = priced_market(7)
    found = equilibrium_prices(e.delta, e.mu, e.alpha, e.weights, e.prices, 0.2 * e.prices, ownership_matrix(e.firms), max_iterations=2)
    assert found.iterations == 2 and found.residual > 1e-6


def test_two_iterations_are_one_and_another_and_none_is_needed_at_the_equilibrium():
    e = priced_market(7)
    costs, H = 0.2 * e.prices, ownership_matrix(e.firms)

    def search(start, **options):                               # mu is that of the prices it starts from
        mu = e.mu + e.alpha * (start - e.prices)[:, None]
        return equilibrium_prices(e.delta, mu, e.alpha, e.weights, start, costs, H, **options)
    once = search(e.prices, max_iterations=1)
    again, twice = search(once.prices, max_iterations=1), search(e.prices, max_iterations=2)
    assert_allclose(again.prices, twice.prices, rtol=1e-12)
    assert_allclose(again.residual, twice.residual, rtol=1e-9)
    there = search(e.prices)
    assert search(there.prices).iterations == 1 < there.iterations


@pytest.fixture(scope="module")
def economy():
    """The simulated markets with their true utilities, prices, and price coefficients, one market at a time."""
    truth = Truth()
    products, agents = simulate(T=8, J=(4, 9), I=40, seed=1)
    markets = []
    for t in range(8):
        p, a = products[products["market_ids"] == t], agents[agents["market_ids"] == t]
        delta = np.column_stack([np.ones(len(p)), p[["prices", "x", "group"]]]) @ truth.beta + p["xi"].to_numpy()
        alpha_i = truth.beta[1] + truth.pi * a["income"].to_numpy()
        mu = np.outer(p["prices"], truth.pi * a["income"]) + truth.sigma[1] * np.outer(p["x"], a["nodes1"]) \
            + truth.sigma[2] * np.outer(p["group"], a["nodes2"])
        markets.append((p, delta, mu, alpha_i, a["weights"].to_numpy()))
    return markets


def test_costs_of_a_simulated_equilibrium_are_recovered(economy):
    for p, delta, mu, alpha_i, w in economy:
        shares = market_shares(delta, mu, w)
        assert_allclose(shares, p["shares"], rtol=1e-10)
        D = share_jacobian(choice_probabilities(delta, mu), w, np.broadcast_to(alpha_i, mu.shape))
        eta = margins(shares, D, ownership_matrix(p["firm_ids"].to_numpy()))
        assert_allclose(p["prices"] - eta, p["costs"], rtol=1e-10, atol=1e-10)


def test_a_merger_raises_prices_and_lowers_surplus(economy):
    for p, delta, mu, alpha_i, w in economy:
        prices, costs, alpha = p["prices"].to_numpy(), p["costs"].to_numpy(), np.broadcast_to(alpha_i, mu.shape)
        merged = np.where(p["firm_ids"] < 2, 0, p["firm_ids"])
        new = equilibrium_prices(delta, mu, alpha, w, prices, costs, ownership_matrix(merged)).prices
        change = consumer_surplus(delta, mu + alpha * (new - prices)[:, None], alpha_i, w) - consumer_surplus(delta, mu, alpha_i, w)
        assert change <= 1e-12
        merging = p["firm_ids"].isin([0, 1]).to_numpy()
        if len(set(p["firm_ids"][merging])) == 2:
            assert ((new - prices)[merging] > 0).all() and change < -1e-4


# Welfare -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("weights_sum", [1.0, 0.4])
def test_surplus_falls_by_the_share_as_a_price_rises(positive, weights_sum):
    e = priced_market(8, positive=positive, weights_sum=weights_sum)
    assert (e.alpha_i > 0).any() == positive

    def surplus(p):
        return consumer_surplus(e.delta, e.mu + e.alpha * (p - e.prices)[:, None], e.alpha_i, e.weights)
    assert_allclose(differences(surplus, e.prices), -e.shares_at(e.prices), rtol=1e-7)


def test_surplus_is_the_log_sum_in_money_type_by_type():
    e = priced_market(9)
    expected = sum(e.weights[i] / -e.alpha_i[i] * np.log(1 + np.exp(e.delta + e.mu[:, i]).sum()) for i in range(e.I))
    assert_allclose(consumer_surplus(e.delta, e.mu, e.alpha_i, e.weights), expected, rtol=1e-12)


def test_surplus_change_is_the_area_left_of_demand():
    e = priced_market(10, positive=True)
    x, w = np.polynomial.legendre.leggauss(20)
    rise = np.array([0.8, 0, 0, 0, 0])
    area = sum(w[k] / 2 * e.shares_at(e.prices + (x[k] + 1) / 2 * rise)[0] * 0.8 for k in range(20))
    change = consumer_surplus(e.delta, e.mu + e.alpha * rise[:, None], e.alpha_i, e.weights) - \
        consumer_surplus(e.delta, e.mu, e.alpha_i, e.weights)
    assert_allclose(change, -area, rtol=1e-8)
