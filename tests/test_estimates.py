"""What an estimation hands out: covariances of mixed kinds, failures in words, copies that survive a file, and what ran."""
import io
import pickle
import re
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import blpteach
from blpteach import InputError, Problem, Truth, simulate
from blpteach.examples import EXAMPLES
from blpteach.progress import time_left
from blpteach.simulation import FORMULAS, SUPPLY

TRUTH = Truth()
START = {"sigma": TRUTH.sigma_matrix, "pi": TRUTH.pi_matrix}


@pytest.fixture(scope="module")
def small():
    return Problem(*simulate(T=30, J=(4, 8), I=30, seed=1), **FORMULAS)


@pytest.fixture(scope="module")
def with_supply():
    return Problem(*simulate(T=20, J=(4, 8), I=30, seed=1, supply_instruments=True), **FORMULAS, supply=SUPPLY)


# Standard errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("steps, weighting", [(1, "robust"), (2, "robust"), (2, "unadjusted")])
@pytest.mark.parametrize("errors", ["robust", "unadjusted"])
def test_standard_errors_are_the_sandwich_of_the_weights_that_were_used(small, steps, weighting, errors):
    """Also where weights and errors are of different kinds: the estimator is what it is, whatever is said of its error."""
    found = small.evaluate(**START, steps=steps, weighting=weighting, errors=errors)
    Z, X, xi, N = small.Z, small.X1, found.xi, small.N
    G = Z.T @ np.column_stack([found.solved.jacobian, -X]) / N
    S = xi.var() * Z.T @ Z / N if errors == "unadjusted" else np.cov((Z * xi[:, None]).T, bias=True)
    A = np.linalg.inv(G.T @ found.W @ G) @ G.T @ found.W
    se = np.sqrt(np.diag(A @ S @ A.T / N))
    assert_allclose(np.r_[found.sigma_se[[1, 2], [1, 2]], found.pi_se[0], found.beta_se], se, rtol=1e-7)


# Failures ------------------------------------------------------------------------------------------------------------------

def test_an_objective_that_could_not_be_computed_is_no_number(small):
    here = small.evaluate(1e6 * TRUTH.sigma_matrix, 1e6 * TRUTH.pi_matrix)
    assert np.isnan(here.objective) and not here.converged and not here.inverted


def test_efficient_weights_at_values_that_cannot_be_inverted(small):
    with pytest.raises(InputError, match="Step 3: efficient weights need unobservables.*initial_update"):
        small.estimate(1e6 * TRUTH.sigma_matrix, 1e6 * TRUTH.pi_matrix, initial_update=True)


def test_evaluation_needs_no_order_condition(small):
    products = small.products
    few = Problem(products, small.arguments["agents"], **FORMULAS, instruments=["demand_instruments0"])
    with pytest.raises(InputError, match="moment"):
        few.estimate(**START)
    assert_allclose(few.evaluate(**START).delta, small.evaluate(**START).delta)


def test_a_price_coefficient_of_zero_is_no_start(with_supply):
    with pytest.raises(InputError, match="beta.*`prices`.*zero"):
        with_supply.estimate(np.diag([0, 1.0, 1.0]), beta={"prices": 0.0})
    problem = Problem(with_supply.products, with_supply.arguments["agents"], **FORMULAS, supply=SUPPLY)
    assert problem.evaluate(**START, beta={"prices": 0.0}).searched is False         # pi moves price coefficients


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_iterations_are_a_positive_whole_number(most):
    with pytest.raises(InputError, match="max_iterations"):
        blpteach.invert_shares(np.array([0.2]), np.zeros((1, 1)), np.ones(1), max_iterations=most)


# Files ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("which", ["small", "with_supply"])
def test_estimates_survive_a_file(which, request):
    problem = request.getfixturevalue(which)
    arguments = START | ({"beta": {"prices": -2.0}} if which == "with_supply" else {})
    found, file = problem.evaluate(**arguments), io.BytesIO()
    joblib.dump(found, file)
    file.seek(0)
    for copy in (pickle.loads(pickle.dumps(found)), joblib.load(file)):
        assert_allclose(copy.beta_se, found.beta_se, rtol=1e-12)
        assert_array_equal(copy.own_elasticities(), found.own_elasticities())
        assert copy.verdict() == found.verdict()


# Progress ------------------------------------------------------------------------------------------------------------------

def test_time_left_is_a_guess_or_none():
    assert "not known" in time_left([1.0, 1.0 - 1e-9, 1.0 - 2e-9], 0.1)     # at this pace it would take centuries
    assert "not known" in time_left([1.0, 2.0, 3.0], 0.1) and "not known" in time_left([1.0], 0.1)
    assert time_left([1e-2, 1e-3, 1e-4], 10.0) == "about 20 s left"          # two more digits


# What runs -----------------------------------------------------------------------------------------------------------------

def functions_of_the_readme(root):
    """The third column of the README's table of steps."""
    rows = re.findall(r"^\| \d\. .*$", root.joinpath("README.md").read_text(encoding="utf-8"), re.M)
    assert len(rows) == 5
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[3])]


def test_the_functions_that_the_readme_names_are_those_that_run(root):
    """In a two-step estimation, its elasticities and a merger; a definition that nothing runs is not in the table."""
    ran = set()

    def note(frame, event, argument):
        if event == "call":
            ran.add(frame.f_code)
    problem, start = EXAMPLES["simulated"]()
    sys.setprofile(note)
    try:
        estimates = problem.estimate(**start | {"steps": 2}, progress=False)
        estimates.elasticities(problem.market_labels[0])
        estimates.counterfactual(firm_ids={1: 0})
    finally:
        sys.setprofile(None)
    names = functions_of_the_readme(root)
    assert len(names) >= 7
    assert [name for name in names if getattr(blpteach, name).__code__ not in ran] == []
    assert blpteach.gmm_objective.__code__ not in ran           # the test can fail: this one is a definition
