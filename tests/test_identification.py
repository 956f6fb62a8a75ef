"""Relevance of instruments, profiles of the objective, and tastes in fixed effects: restated, by brute force, and by recovery."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag
from scipy.optimize import minimize
from scipy.stats import chi2, f as f_distribution

import blpteach
from blpteach import InputError, Problem, Truth, simulate
from blpteach.examples import EXAMPLES
from blpteach.identification import absorbed_tastes, conditional_F, first_stages, fixed_effects, minimum_distance, profile

TRUTH = Truth()
NEVO_SIGMA = np.diag([0.377, 1.848, -0.004, 0.081])             # the guide's printed table
NEVO_PI = np.array([[3.089, 0, 1.186, 0], [16.598, -0.659, 0, 11.625], [-0.193, 0, 0.029, 0], [1.468, 0, -1.514, 0]])
MADE = {"linear": "1 + prices + x + group", "random": "0 + prices + x + group", "demographics": "0 + income"}
SUPPLY = {"supply": "1 + x + group + w0 + w1", "supply_instruments": ["demand_instruments4", "demand_instruments5"]}
START = {"sigma": TRUTH.sigma_matrix / 2, "pi": TRUTH.pi_matrix / 2}


@pytest.fixture(scope="module")
def cereal():
    problem, start = EXAMPLES["cereal"]()
    return problem.estimate(**start)


@pytest.fixture(scope="module")
def tables():
    return simulate(T=40, seed=3)


@pytest.fixture(scope="module")
def made(tables):
    return Problem(*tables, **MADE).estimate(**START, steps=2)


@pytest.fixture(scope="module")
def made_with_supply(tables):
    return Problem(*tables, **MADE, **SUPPLY).estimate(**START, beta={"prices": -1.5}, steps=2)


# Conditional F -------------------------------------------------------------------------------------------------------------

def reduced_form(seed, strength, N=300, M=6, spread=None):
    """Two regressors and M instruments; the second's first stage leaves that of the first by `strength`."""
    rng = np.random.default_rng(seed)
    Z, noise = rng.normal(size=(N, M)), rng.normal(size=(N, 2)) @ [[1, 0.6], [0, 0.8]]
    if spread is not None:
        noise *= np.exp(spread * Z[:, :1])
    first = 0.7 * np.ones(M)
    return np.column_stack([Z @ first, Z @ (1.5 * first + strength * rng.normal(size=M))]) + noise, Z


def residual(values, on):
    return values - on @ np.linalg.lstsq(on, values, rcond=None)[0]


def sanderson_windmeijer(Y, Z, j, residual_df):
    """By its definition, with projection matrices: 2SLS of x_j on the others, then the F of its residual on the instruments."""
    P = Z @ np.linalg.inv(Z.T @ Z) @ Z.T
    x, others = Y[:, j], np.delete(Y, j, 1)
    e = x - others @ np.linalg.solve(others.T @ P @ others, others.T @ P @ x)
    return (e @ P @ e / (Z.shape[1] - others.shape[1])) / (e @ (e - P @ e) / residual_df)


def robust_sanderson_windmeijer(Y, Z, j, residual_df, clusters=None):
    """The same with sums of outer products as variances, in instruments swept clean of the others' fitted values."""
    (N, n), M = Y.shape, Z.shape[1]
    x, others = Y[:, j], np.delete(Y, j, 1)
    fitted = others - residual(others, Z)
    e = x - others @ np.linalg.lstsq(fitted, x, rcond=None)[0]
    R = residual(Z[:, n - 1:], fitted) if n > 1 else Z          # (N, M - n + 1)
    scores = R * residual(e, Z)[:, None]
    clusters = np.arange(N) if clusters is None else clusters
    sums = [scores[clusters == c].sum(0) for c in np.unique(clusters)]
    G = len(sums)
    factor = N / residual_df if G == N else G / (G - 1) * (N - 1) / residual_df
    return R.T @ e @ np.linalg.inv(factor * sum(np.outer(s, s) for s in sums)) @ (R.T @ e) / (M - n + 1)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_conditional_F_by_its_definition(n):
    rng = np.random.default_rng(n)
    Z = rng.normal(size=(120, 7))
    Y = Z @ rng.normal(size=(7, n)) + 3 * rng.normal(size=(120, n))
    clusters = rng.integers(0, 25, 120)
    found = {kind: first_stages(Y, Z, 110, kind, clusters) for kind in ("unadjusted", "robust", "clustered")}
    for j in range(n):
        assert_allclose(found["unadjusted"]["conditional_F"][j], sanderson_windmeijer(Y, Z, j, 110), rtol=1e-10)
        assert_allclose(found["robust"]["conditional_F"][j], robust_sanderson_windmeijer(Y, Z, j, 110), rtol=1e-10)
        assert_allclose(found["clustered"]["conditional_F"][j], robust_sanderson_windmeijer(Y, Z, j, 110, clusters), rtol=1e-10)
        alone = Y[:, [j]]
        assert_allclose(found["unadjusted"]["F"][j], sanderson_windmeijer(alone, Z, 0, 110), rtol=1e-10)
        assert_allclose(found["clustered"]["F"][j], robust_sanderson_windmeijer(alone, Z, 0, 110, clusters), rtol=1e-10)
    for one in found.values():
        assert (one["conditional_df"] == 7 - n + 1).all() and (one["df"] == 7).all()
        assert np.allclose(one["F"], one["conditional_F"]) == (n == 1)
    assert found["robust"]["residual_df"][0] == 110 and found["clustered"]["residual_df"][0] == len(np.unique(clusters)) - 1


def test_units_and_the_choice_of_instruments_do_not_matter():
    Y, Z = reduced_form(0, 0.3)
    mixed = Z @ np.random.default_rng(1).normal(size=(6, 6))
    for kind in ("unadjusted", "robust"):
        found, expected = first_stages(Y * [1e-6, 1e5], mixed, 290, kind), first_stages(Y, Z, 290, kind)
        assert_allclose(found["conditional_F"], expected["conditional_F"], rtol=1e-7)


def test_a_weak_design_has_small_numbers_and_a_strong_one_large():
    """Both regressors are moved strongly; only the conditional F sees that they are moved alike."""
    weak, strong = (first_stages(*reduced_form(2, strength), 294, "robust") for strength in (0.0, 1.0))
    assert weak["F"].min() > 50 and strong["F"].min() > 50
    assert weak["conditional_F"].max() < 3 and strong["conditional_F"].min() > 30


@pytest.mark.parametrize("kind, spread", [("unadjusted", None), ("robust", 0.3)])
def test_size_where_first_stages_are_proportional(kind, spread):
    """Under the null the statistic is F on M - 1 degrees of freedom, not on M: 5 percent are above the critical value."""
    samples = [reduced_form(seed, 0.0, N=1000, spread=spread) for seed in range(400)]
    F = np.array([first_stages(*sample, 994, kind)["conditional_F"] for sample in samples])
    assert abs((F > f_distribution.isf(0.05, 5, 994)).mean(0) - 0.05).max() < 0.035
    assert abs(F.mean(0) - 1).max() < 0.12


def test_a_regressor_among_the_instruments_has_no_first_stage_error(tables):
    products, _ = tables
    found = conditional_F(Problem(products, linear="1 + prices + x", instruments=["prices", "w0"]).estimate())
    assert np.isinf(found.loc["beta[prices]", ["F", "conditional_F"]].astype(float)).all()


def test_of_the_cereals_with_explicit_dummies(cereal):
    """All 24 product dummies as regressors instead of demeaning; the F of prices from two sums of squares."""
    problem, found = cereal.problem, conditional_F(cereal, "unadjusted")
    dummies = pd.get_dummies(problem.products["product_ids"], dtype=float).to_numpy()
    instruments = problem.products[problem.excluded_names].to_numpy()
    Y = np.column_stack([problem.prices, problem.solver(cereal.free)(cereal.theta2).jacobian])
    both, df = np.hstack([instruments, dummies]), 2256 - 44
    restricted, full = ((residual(problem.prices, on)**2).sum() for on in (dummies, both))
    assert_allclose(found.loc["beta[prices]", "F"], (restricted - full) / 20 / (full / df), rtol=1e-7)
    Y, Z = residual(Y / np.linalg.norm(Y, axis=0), dummies), residual(instruments, dummies)
    assert_allclose(found["conditional_F"], [sanderson_windmeijer(Y, Z, j, df) for j in range(14)], rtol=1e-5)
    assert list(found.index) == ["beta[prices]", *cereal.free.names]
    assert set(found.index) <= set(cereal.to_frame().index)
    assert (found["df"] == 20).all() and (found["conditional_df"] == 7).all() and (found["residual_df"] == df).all()


def test_what_the_cereals_say(cereal):
    """Prices are moved a thousand times over, but hardly apart from their interactions with income."""
    found = conditional_F(cereal)
    assert (found["errors"] == "robust").all() and found["F"].min() > 20
    weakest = found["conditional_F"].astype(float).nsmallest(3)
    assert set(weakest.index) == {"beta[prices]", "pi[prices, income]", "pi[prices, income_squared]"} and weakest.max() < 4
    assert_allclose(found.loc["beta[prices]", ["F", "conditional_F"]].astype(float), [2790.05, 3.66], rtol=2e-3)


def test_errors_are_those_of_the_problem_or_those_asked_for():
    problem, _ = EXAMPLES["autos"]()
    estimates = problem.estimate()
    assert (conditional_F(estimates)["errors"] == "clustered").all()
    values = {kind: conditional_F(estimates, kind).iloc[0] for kind in ("clustered", "robust", "unadjusted")}
    assert_allclose([row["F"] for row in values.values()], [15.771, 36.030, 47.891], rtol=1e-3)
    assert values["clustered"]["residual_df"] == 998 and values["robust"]["residual_df"] == 2217 - 5 - 8
    assert all(row["F"] == pytest.approx(row["conditional_F"]) for row in values.values())


def test_two_sets_of_effects_count_their_dummies():
    products, _ = blpteach.load_cereal()
    found = conditional_F(Problem(products, linear="0 + prices", absorb=["product_ids", "market_ids"]).estimate())
    assert found.loc["beta[prices]", "residual_df"] == 2256 - 20 - (24 + 94 - 1)


def test_with_supply_it_is_that_of_the_demand_equation(tables):
    alone = Problem(*tables, **MADE).evaluate(**START)
    both = Problem(*tables, **MADE, **SUPPLY).evaluate(**START, beta={"prices": -1.5})
    pd.testing.assert_frame_equal(conditional_F(both), conditional_F(alone))


def test_refusals_of_conditional_F(tables, cereal):
    products, agents = tables
    with pytest.raises(InputError, match="nothing is endogenous"):
        conditional_F(Problem(products, linear="1 + x").estimate())
    with pytest.raises(InputError, match="choose one of robust"):
        conditional_F(cereal, "white")
    thirds = products.assign(third=products["market_ids"] % 3)
    few = Problem(thirds, linear="1 + prices + x", clusters="third").estimate(errors="robust")
    with pytest.raises(InputError, match="3 clusters don't suffice.*errors='robust'"):
        conditional_F(few)
    with pytest.raises(InputError, match="1 instruments for 2"):
        first_stages(np.eye(5)[:, :2], np.ones((5, 1)), 3)
    with np.errstate(all="ignore"):
        hopeless = cereal.problem.evaluate(1e8 * np.ones(4))
    with pytest.raises(InputError, match="not inverted"):
        conditional_F(hopeless)


# Profiles ------------------------------------------------------------------------------------------------------------------

def test_the_profile_of_the_cereals_is_lowest_at_the_estimate(cereal):
    name, k = "sigma[prices, nodes1]", 1
    center, se = cereal.theta2[k], cereal.sigma_se[1, 1]
    found = profile(cereal, name, center + se * np.array([-2, 0, 1, -1, 2]))
    assert_allclose(found["value"], center + se * np.array([-2, 0, 1, -1, 2]))
    assert found.loc[1, "objective"] == pytest.approx(cereal.objective, rel=1e-10) and found["converged"].all()
    left, right = found.loc[[0, 3, 1], "objective"], found.loc[[1, 2, 4], "objective"]
    assert left.is_monotonic_decreasing and right.is_monotonic_increasing and found["objective"].nunique() == 5
    expected = cereal.to_frame()["estimate"].drop(name)
    assert list(found.columns) == ["value", "objective", "converged", *expected.index]
    assert_allclose(found.loc[1, expected.index].astype(float), expected, rtol=1e-6)


def test_a_profile_at_zero_is_the_estimate_without_the_parameter(cereal):
    """With the parameter fixed at zero the other way: a zero in the starting values."""
    for name, (k, l) in {"sigma[prices, nodes1]": (1, 1), "pi[prices, income_squared]": (1, 1)}.items():
        sigma, pi = cereal.sigma.copy(), cereal.pi.copy()
        (sigma if name.startswith("sigma") else pi)[k, l] = 0
        without = cereal.problem.estimate(sigma, pi)
        found = profile(cereal, name, 0).iloc[0]
        assert found["objective"] == pytest.approx(without.objective, rel=1e-7) and without.objective > 2 * cereal.objective
        expected = without.to_frame()["estimate"]
        assert_allclose(found[expected.index].astype(float), expected, rtol=1e-3, atol=1e-4)


def q_by_hand(estimates, theta2):
    """The objective from its definition: `N g'Wg` at the beta (and gamma) that make it smallest, with the estimates' W."""
    problem, free = estimates.problem, estimates.free
    here = problem.solver(free)(theta2)
    if problem.cost_model is None:
        y, X, Z = here.delta, problem.X1, problem.Z
    else:
        y = np.r_[here.delta - problem.X1[:, free.searched] @ theta2[len(free.rows):], here.tilde_costs]
        parts = [np.delete(problem.X1, free.searched, 1), problem.cost_model.X3], [problem.Z, problem.cost_model.ZS]
        X, Z = (block_diag(*part) for part in parts)
    A = Z.T @ X
    g = Z.T @ (y - X @ np.linalg.solve(A.T @ estimates.W @ A, A.T @ estimates.W @ (Z.T @ y))) / problem.N
    return problem.N * g @ estimates.W @ g


def test_a_profile_does_not_depend_on_its_steps():
    """Far along a curved valley the others have moved much: from where they were, a search ends at another, poor minimum."""
    problem, start = EXAMPLES["cereal"]()
    estimates, name = problem.estimate(**{**start, "steps": 2}), "pi[prices, income_squared]"
    fine = estimates.profile(name, np.arange(-60, 6, 5)).set_index("value")
    coarse = estimates.profile(name, [-45, -15, 0]).set_index("value")
    assert coarse["converged"].all()
    assert_allclose(coarse["objective"], fine["objective"][coarse.index], rtol=1e-6)
    assert_allclose(estimates.profile(name, [0])["objective"], fine["objective"][0], rtol=1e-6)


@pytest.mark.parametrize("supply, name, k", [(False, "sigma[x, nodes1]", 0), (True, "beta[prices]", 3)])
def test_a_profile_by_brute_force(made, made_with_supply, supply, name, k):
    """Nelder and Mead look for the others, from a start of their own."""
    estimates = made_with_supply if supply else made
    value = estimates.theta2[k] * 0.9
    found = profile(estimates, name, [value, estimates.theta2[k]])
    assert found["objective"][1] == pytest.approx(estimates.objective, rel=1e-6)
    begin = np.delete(estimates.theta2, k) * 1.05
    brute = minimize(lambda others: q_by_hand(estimates, np.insert(others, k, value)), begin, method="Nelder-Mead",
                     options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 1000})
    assert brute.success and brute.fun > estimates.objective + 0.01
    assert found["objective"][0] == pytest.approx(brute.fun, rel=1e-5)
    others = [other for other in estimates.free.names if other != name]
    assert_allclose(found.loc[0, others].astype(float), brute.x, rtol=5e-3)


def test_a_profile_has_all_other_parameters_in_order(made_with_supply):
    found = profile(made_with_supply, "pi[prices, income]", made_with_supply.theta2[2])
    expected = made_with_supply.to_frame()["estimate"].drop("pi[prices, income]")
    assert list(found.columns[3:]) == list(expected.index)
    assert_allclose(found.iloc[0, 3:].astype(float), expected, rtol=1e-3)


def test_a_model_with_one_parameter(tables):
    products, agents = tables
    problem = Problem(products, agents, linear="1 + prices + x + group", random="0 + x")
    estimates = problem.estimate([[0, 0.5, 0]])
    found = profile(estimates, "sigma[x, nodes1]", [estimates.theta2[0], estimates.theta2[0] + 0.3])
    assert_allclose(found["objective"], [q_by_hand(estimates, np.array([value])) for value in found["value"]], rtol=1e-8)
    assert found["converged"].all()


@pytest.mark.slow
def test_the_likelihood_ratio_interval_of_the_cereals(cereal):
    """With efficient weights the values within 3.84 of the minimum are near the estimate plus or minus 1.96 standard errors."""
    problem, (_, start) = cereal.problem, EXAMPLES["cereal"]()
    two_step = problem.estimate(start["sigma"], start["pi"], steps=2)
    center, se = two_step.sigma[1, 1], two_step.sigma_se[1, 1]
    found = profile(two_step, "sigma[prices, nodes1]", center + se * np.linspace(-4, 5, 37))
    inside = found["value"][found["objective"] - two_step.objective <= 3.84]
    assert (np.diff(inside.index) == 1).all() and inside.min() < center < inside.max()
    assert_allclose((inside.agg(["min", "max"]) - center) / se, [-1.96, 1.96], atol=1.0)
    assert not np.isclose(inside.max() - center, center - inside.min(), rtol=0.1)        # it is not symmetric


@pytest.mark.slow
def test_the_likelihood_ratio_covers_the_truth():
    """Over simulated samples `q(truth) - q(estimate)` is chi-square with one degree of freedom."""
    ratios = []
    for seed in range(40):
        estimates = Problem(*simulate(T=30, seed=seed), **MADE).estimate(TRUTH.sigma_matrix, TRUTH.pi_matrix, steps=2)
        ratios.append(profile(estimates, "sigma[x, nodes1]", TRUTH.sigma[1])["objective"][0] - estimates.objective)
    assert min(ratios) > -1e-6 and 0.5 < np.mean(ratios) < 2 and np.mean(np.array(ratios) < 3.84) >= 0.85


def test_a_value_without_mean_utilities_is_nan(made):
    with np.errstate(all="ignore"):
        found = profile(made, "sigma[x, nodes1]", [made.theta2[0], 1e9])
    assert found["converged"].tolist() == [True, False]
    numbers = found.drop(columns=["value", "converged"])
    assert np.isfinite(numbers.loc[0]).all() and np.isnan(numbers.loc[1]).all()


@pytest.mark.parametrize("name, values, says", [
    ("sigma[x]", [1], r"no parameter of the estimates. Choose sigma\[x, nodes1\], sigma\[group"),
    ("beta[prices]", [1], "linear and concentrated out"), ("sigma[x, nodes1]", [], "one at least"),
    ("sigma[x, nodes1]", [np.nan], "finite"), ("sigma[x, nodes1]", "wide", "not numbers")])
def test_refusals_of_profile(made, name, values, says):
    with pytest.raises(InputError, match=says):
        profile(made, name, values)


# Absorbed tastes -----------------------------------------------------------------------------------------------------------

TASTES = np.array([-1.0, 0.8, 0.5])                             # of 1, x, y


def panel(seed, T=25, J=8):
    """Products that stand in many markets, three in ten missing here and there; x and y stay, and prices follow xi."""
    rng = np.random.default_rng(seed)
    product = pd.DataFrame({"x": rng.uniform(0, 2, J), "y": rng.normal(size=J)})
    rows = pd.DataFrame({"market_ids": np.repeat(np.arange(T), J), "product_ids": np.tile(np.arange(J), T)})
    rows = rows[rng.uniform(size=len(rows)) < 0.7].sample(frac=1, random_state=seed).reset_index(drop=True)
    rows[["x", "y"]] = product.loc[rows["product_ids"]].to_numpy()
    w = rng.uniform(0, 2, (len(rows), 3))
    xi = 0.5 * np.exp(0.5 * w[:, 0] - 0.5) * rng.normal(size=len(rows))
    rows["prices"] = 1 + 0.3 * rows["x"] + 0.4 * w.sum(1) + 0.5 * xi
    delta = (TASTES[0] - 1.5 * rows["prices"] + rows[["x", "y"]].to_numpy() @ TASTES[1:] + xi).to_numpy()
    nodes, weights = rng.normal(size=(T, 30)), np.full(30, 1 / 30)
    shares, distance = np.empty((2, len(rows)))
    for t, here in rows.groupby("market_ids").indices.items():
        x = rows["x"].to_numpy()[here]
        distance[here] = abs(x[:, None] - x).sum(1)
        shares[here] = blpteach.market_shares(delta[here], np.outer(x, nodes[t]), weights)
    rows["shares"], rows["distance"], rows["firm_ids"] = shares, distance, rows["product_ids"] % 3
    crowd = rows.groupby("market_ids")["x"].transform("sum")
    instruments = np.column_stack([w, w * rows[["x"]].to_numpy(), rows["distance"], crowd])
    for k, column in enumerate(instruments.T):
        rows[f"demand_instruments{k}"] = rows[f"supply_instruments{k}"] = column
    return rows, pd.DataFrame({"market_ids": np.repeat(np.arange(T), 30), "nodes0": nodes.ravel(), "weights": 1 / 30})


def absorbing(products, agents, **options):
    """The model with product effects absorbed."""
    return Problem(products, agents, linear="0 + prices", random="0 + x", absorb="product_ids", **options)


def by_dummies(products, agents, estimate, **options):
    """d and V from the model with a dummy for each product in X1, hence in Z."""
    problem = Problem(products, agents, linear="0 + C(product_ids) + prices", random="0 + x", **options)
    estimates = problem.estimate([0.8], **estimate)
    J, P = products["product_ids"].nunique(), len(estimates.theta2)
    return estimates.beta[:J], estimates.covariance[P:P + J, P:P + J]


CASES = [({}, {}), ({}, {"errors": "unadjusted"}), ({}, {"center": False}), ({"clusters": "market_ids"}, {}),
         ({"supply": "1 + x"}, {"beta": {"prices": -1.0}})]


@pytest.mark.parametrize("options, estimate", CASES, ids=["robust", "unadjusted", "not centred", "clustered", "supply"])
def test_fixed_effects_and_their_covariance_are_those_of_dummies(options, estimate):
    products, agents = panel(0)
    estimates = absorbing(products, agents, **options).estimate([0.8], **estimate)
    assert estimates.converged
    d, V = fixed_effects(estimates)
    expected, covariance = by_dummies(products, agents, estimate, **options)
    order = np.sort(d.index)
    assert_allclose(d[order], expected, rtol=1e-4, atol=1e-5)
    assert_allclose(V.loc[order, order], covariance, rtol=2e-4, atol=1e-4 * abs(covariance).max())
    tastes = absorbed_tastes(estimates, "1 + x + y")
    characteristics = products.groupby("product_ids")[["x", "y"]].first().loc[order]
    X, weights = np.column_stack([np.ones(len(d)), characteristics]), np.linalg.inv(covariance)
    bread = np.linalg.inv(X.T @ weights @ X)
    assert_allclose(tastes["estimate"], bread @ X.T @ weights @ expected, rtol=1e-3)
    assert_allclose(tastes["se"], np.sqrt(np.diag(bread)), rtol=1e-3)
    left = expected - X @ tastes["estimate"]
    assert tastes.attrs["chi2"] == pytest.approx(left @ weights @ left, rel=1e-3) and tastes.attrs["df"] == 5
    assert tastes.attrs["p"] == pytest.approx(chi2.sf(left @ weights @ left, 5), rel=1e-2)
    assert tastes.attrs["R2"] == pytest.approx(1 - left @ left / (8 * expected.var()), rel=1e-3)
    around = expected - weights.sum(0) @ expected / weights.sum()
    assert tastes.attrs["weighted_R2"] == pytest.approx(1 - left @ weights @ left / (around @ weights @ around), rel=1e-3)


def test_the_covariance_of_two_steps_row_by_row():
    """Every row's contribution to d: its own xi over n_j, and what it does to the estimates."""
    products, agents = panel(1)
    problem = absorbing(products, agents)
    estimates = problem.estimate([0.8], steps=2)
    d, V = fixed_effects(estimates)
    G, W, N = estimates.G, estimates.W, problem.N
    influence = -np.linalg.solve(G.T @ W @ G, G.T @ W)
    slopes = np.column_stack([problem.solver(estimates.free)(estimates.theta2).jacobian, -products["prices"]])
    mean_of = pd.DataFrame(slopes).groupby(products["product_ids"]).mean().loc[d.index].to_numpy()
    g, count = problem.Z.T @ estimates.xi / N, products["product_ids"].value_counts()
    expected = np.zeros(V.shape)
    for row, label in enumerate(products["product_ids"]):
        contribution = mean_of @ influence @ (problem.Z[row] * estimates.xi[row] - g) / N
        contribution[d.index.get_loc(label)] += estimates.xi[row] / count[label]
        expected += np.outer(contribution, contribution)
    assert_allclose(V, expected, rtol=1e-7, atol=1e-9)
    rows = products["product_ids"] == d.index[2]
    assert_allclose(d.iloc[2], (estimates.delta - estimates.beta[0] * products["prices"])[rows].mean(), rtol=1e-10)


def test_unadjusted_covariance_with_supply_term_by_term():
    """`A cov(theta) A' + var(xi) / n + A C + C'A'`: xi is correlated with omega, and cost instruments are not demeaned."""
    products, agents = panel(0)
    problem = absorbing(products, agents, supply="1 + x")
    estimates = problem.estimate([0.8], beta={"prices": -1.0}, errors="unadjusted")
    d, V = fixed_effects(estimates)
    E = (products["product_ids"].to_numpy()[:, None] == d.index.to_numpy()).astype(float)
    xi, omega, ZS = estimates.xi, estimates.omega, problem.cost_model.ZS
    slope = problem.solver(estimates.free)(estimates.theta2).mean_utilities.jacobian[:, 0]
    A = E.T @ np.column_stack([slope, -problem.prices, np.zeros((problem.N, 2))]) / E.sum(0)[:, None]
    weights = estimates.W
    influence = -np.linalg.solve(estimates.G.T @ weights @ estimates.G, estimates.G.T @ weights)
    with_mean = np.vstack([np.zeros((problem.M, len(d))), np.cov(xi, omega, bias=True)[0, 1] * ZS.T @ E / E.sum(0) / problem.N])
    C = influence @ with_mean
    expected = A @ estimates.covariance @ A.T + np.diag(xi.var() / E.sum(0)) + A @ C + C.T @ A.T
    assert_allclose(V, expected, rtol=1e-6, atol=1e-8)
    assert abs(A @ C).max() > 1e-3 * abs(expected).max()        # the cross terms are there


@pytest.mark.slow
def test_tastes_are_recovered():
    """Over samples the estimates centre on the truth, intervals cover it, and the distance is chi-square."""
    found, se, chi2s, R = [], [], [], 100
    for seed in range(R):
        estimates = absorbing(*panel(seed, T=150)).estimate([1.0])
        tastes = absorbed_tastes(estimates, "1 + x + y")
        found.append(tastes["estimate"]), se.append(tastes["se"]), chi2s.append(tastes.attrs["chi2"])
    found, se = np.array(found), np.array(se)
    assert (abs(found.mean(0) - TASTES) < 3.5 * found.std(0) / np.sqrt(R) + 0.02).all() and found.std(0).max() < 0.2
    covered = (abs(found - TASTES) < 1.96 * se).mean(0)
    assert (covered > 0.88).all()
    assert_allclose(se.mean(0), found.std(0), rtol=0.25)
    assert abs(np.mean(chi2s) - 5) < 1.2 and np.mean(np.array(chi2s) > chi2.isf(0.05, 5)) < 0.13


def test_what_the_cereals_fixed_effects_say(cereal):
    """At the minimum, and at the parameters of the guide's printed table."""
    minimum = absorbed_tastes(cereal, "1 + sugar + mushy")
    assert list(minimum.index) == ["1", "sugar", "mushy"]
    assert_allclose(minimum["estimate"], [-2.0099, 0.11626, 0.49937], rtol=1e-3)
    assert_allclose(minimum["se"], [0.3270, 0.01604, 0.1986], rtol=1e-3)
    assert minimum.attrs["df"] == 21 and minimum.attrs["chi2"] == pytest.approx(1465.7, rel=1e-3) and minimum.attrs["p"] < 1e-100
    printed = absorbed_tastes(cereal.problem.evaluate(NEVO_SIGMA, NEVO_PI), "1 + sugar + mushy")
    assert_allclose(printed["estimate"], [-1.8404, 0.14464, 0.82217], rtol=1e-3)
    assert_allclose(printed["se"], [0.2569, 0.01292, 0.2034], rtol=1e-3)


def test_as_many_characteristics_as_effects_fit_exactly():
    products, agents = panel(3, J=3)
    estimates = absorbing(products, agents).estimate([0.8])
    found, (d, V) = absorbed_tastes(estimates, "0 + C(product_ids)"), fixed_effects(estimates)
    assert_allclose(found["estimate"], d.sort_index(), rtol=1e-9)
    assert_allclose(found["se"]**2, np.diag(V)[np.argsort(d.index)], rtol=1e-9)
    assert found.attrs["df"] == 0 and found.attrs["chi2"] < 1e-12 and np.isnan(found.attrs["p"])


LONE = {"product_ids": lambda table: table["product_ids"].where(table.index > 0, 99)}
REFUSED = [
    ({"absorb": None}, "no fixed effects"),
    ({"absorb": ["product_ids", "market_ids"]}, "2 sets of fixed effects .product_ids, market_ids."),
    ({"formula": "1 + prices"}, "`prices` varies within `product_ids`"), ({"formula": "1 + x + I(2 * x)"}, "same as `x`"),
    ({"formula": "1 + sugar"}, "not a column of products"), ({"formula": "0"}, "0 characteristics"),
    ({"formula": "1 + x + y + I(x*y) + I(x**2) + I(y**2) + I(x**3) + I(y**3) + I(x**4)"}, "9 characteristics for 8"),
    ({"clusters": "product_ids"}, "rows of one cluster only.*errors='robust'"),
    ({"clusters": "city"}, "not positive definite.*fewer clusters"),
    ({"assign": LONE}, "fixed effect of 99 has one row only.*unadjusted")]


def tastes_of(formula="1 + x", assign=None, errors=None, **options):
    """Absorbed tastes of a logit, with changes."""
    products = panel(4)[0].assign(city=lambda table: table["market_ids"] % 4).assign(**assign or {})
    options = {"absorb": "product_ids", "instruments": ["demand_instruments0", "demand_instruments1"], **options}
    return absorbed_tastes(Problem(products, linear="0 + prices", **options).estimate(errors=errors), formula)


@pytest.mark.parametrize("change, says", REFUSED)
def test_refusals_of_absorbed_tastes(change, says):
    with pytest.raises(InputError, match=says):
        tastes_of(**change)


def test_what_was_refused_works_as_the_message_says():
    for change in ({"assign": LONE, "errors": "unadjusted"}, {"clusters": "product_ids", "errors": "robust"}):
        assert np.isfinite(tastes_of(**change)).all().all()


def test_minimum_distance_is_generalised_least_squares():
    rng = np.random.default_rng(0)
    root, X, d = rng.normal(size=(6, 6)), rng.normal(size=(6, 2)), rng.normal(size=6)
    V = root @ root.T
    theta, covariance, distance = minimum_distance(d, V, X)
    weights = np.linalg.inv(V)
    expected = minimize(lambda t: (d - X @ t) @ weights @ (d - X @ t), np.zeros(2), tol=1e-12)
    assert_allclose(theta, expected.x, rtol=1e-5), assert_allclose(distance, expected.fun, rtol=1e-8)
    assert_allclose(covariance, np.linalg.inv(X.T @ weights @ X), rtol=1e-8)
