"""The default search from many starting values: Nevo's cereals have one good minimum and at least one poor one."""
import numpy as np
import pytest

from blpteach import Problem, simulate
from blpteach.examples import EXAMPLES
from blpteach.simulation import FORMULAS

MINIMUM = 4.5615142


@pytest.fixture(scope="module")
def cereal():
    problem, start = EXAMPLES["cereal"]()
    return problem, problem.free(start["sigma"], start["pi"]), problem.estimate(**start).theta2


def estimate_from(cereal, theta2, **options):
    problem, free, _ = cereal
    Gamma = free.unpack(theta2).Gamma
    return problem.estimate(Gamma[:, :problem.L], Gamma[:, problem.L:], progress=False, **options)


def starting_values(cereal, count, seed):
    """Half of them between -1 and 2 times the optimum, half standard normal."""
    rng, best = np.random.default_rng(seed), cereal[2]
    return [best * rng.uniform(-1, 2, best.size) if k % 2 == 0 else rng.standard_normal(best.size) for k in range(count)]


POOR = 35.3005                                                  # a local minimum


@pytest.mark.slow
def test_two_hundred_random_starts(cereal):
    """All but one end at the lowest minimum known, and that one at the other: the number that the README tells."""
    found = [estimate_from(cereal, start) for start in starting_values(cereal, 200, seed=2)]
    assert all(estimates.converged and np.isfinite(estimates.beta_se).all() for estimates in found)
    ends = np.array([estimates.objective for estimates in found])
    lowest, poor = abs(ends - MINIMUM) <= 1e-6, abs(ends - POOR) <= 1e-3
    assert lowest.sum() == 199 and poor.sum() == 1


def test_from_a_start_that_leads_to_the_poor_minimum_more_starts_find_the_lowest(cereal):
    start = starting_values(cereal, 184, seed=2)[183]
    alone = estimate_from(cereal, start)
    assert alone.objective == pytest.approx(POOR, abs=1e-3) and "1 starting value stands behind it" in alone.verdict()
    several = estimate_from(cereal, start, starts=3)
    assert several.objective == pytest.approx(MINIMUM, abs=1e-6)
    assert list(several.minima["objective"].round(3)) == [4.562, round(alone.objective, 3)]
    assert several.minima["found"].sum() == 4 and "there are 2 minima" in several.verdict()


def test_bfgs_from_there_reports_the_poor_minimum(cereal):
    estimates = estimate_from(cereal, starting_values(cereal, 113, seed=1)[112], method="BFGS")
    assert estimates.objective > 30


def test_where_the_best_minimum_has_large_residuals_bfgs_goes_on():
    """The automobiles' demand alone: instruments contradict each other, J is 156 with 2 degrees of freedom, and Gauss-Newton crawls."""
    whole, start = EXAMPLES["supply"]()
    arguments = {name: whole.arguments[name] for name in ("agents", "linear", "random", "demographics", "clusters")}
    with pytest.warns(UserWarning, match="weights"):
        problem = Problem(whole.products, **arguments)
    estimates = problem.estimate(start["sigma"], start["pi"], steps=2, progress=False)
    assert estimates.converged and estimates.evaluations < 150
    other = problem.estimate(start["sigma"], start["pi"], steps=2, progress=False, method="quasi-newton", options={"gtol": 1e-6})
    assert other.converged and estimates.objective == pytest.approx(other.objective, rel=1e-6)


def test_costs_at_their_bounds_are_no_optimum():
    """With margins of a joint monopoly and demand that is hardly elastic no cost is positive, and nothing moves any more."""
    products, agents = simulate(T=20, seed=3, supply_instruments=True)
    problem = Problem(products.assign(firm_ids=0), agents, **FORMULAS, supply="1 + x + group + w0 + w1", log_costs=True, cost_bounds=(0.001, None))
    estimates = problem.estimate([0, 1, 2], [[1e-3], [0], [0]], beta={"prices": -1e-3}, options={"maxiter": 3}, progress=False)
    assert estimates.clipped_costs.mean() > 0.5
    assert "Is this an optimum? No" in repr(estimates) and "doubt the conduct" in repr(estimates)


def test_a_wild_start_is_halved_and_reported(cereal):
    estimates = estimate_from(cereal, cereal[2] * 1e4)
    assert estimates.starts[0].halvings > 0
    assert "halved" in repr(estimates)
    assert np.isfinite(estimates.objective)
