"""Replications: the same whoever runs them, errors that are seen, a summary restated by hand, coverage, a local cluster."""

import io
import os
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from blpteach import InputError, Problem, Truth, blp_instruments, iv_gmm
from blpteach.replication import JointDesign, ReplicationProgress, replicate, summary

SMALL = JointDesign(T=10, J=(4, 6), I=12)
TRUE_SLOPE = 2.0


def line(seed):
    """A straight line by IV-GMM with one endogenous regressor; the smallest estimator with standard errors."""
    rng = np.random.default_rng(seed)
    z, shock = rng.normal(size=(2, 200))
    x = z + 0.5 * shock
    y = 1 + TRUE_SLOPE * x + shock
    X, Z = np.column_stack([np.ones(200), x]), np.column_stack([np.ones(200), z])
    b = iv_gmm(y, X, Z, np.eye(2))
    bread = np.linalg.inv(Z.T @ X)
    covariance = bread @ (Z.T * (y - X @ b) ** 2) @ Z @ bread.T
    return {"slope": b[1], "slope_se": covariance[1, 1] ** 0.5}


def fragile(seed):
    """Fails for every third seed or so."""
    if seed % 3 == 0:
        raise ZeroDivisionError(f"seed {seed} is a multiple of three")
    return {"value": seed % 1000}


# Replications --------------------------------------------------------------------------------------------------------------

def test_results_do_not_depend_on_jobs():
    one, two = (replicate(line, 12, seed=4, jobs=jobs) for jobs in (1, 2))
    assert_frame_equal(one, two, check_exact=True)
    assert one["slope"].nunique() == 12 and one["error"].isna().all() and list(one) == ["seed", "slope", "slope_se", "error"]


def test_two_processes_do_the_work():
    """Otherwise the test above would say nothing."""
    def process(seed):
        return {"process": os.getpid()}
    found = replicate(process, 20, jobs=2)["process"]
    assert os.getpid() not in set(found) and os.getpid() in set(replicate(process, 2)["process"])


def test_fewer_replications_are_the_first_of_more():
    few, many = (replicate(line, n, seed=1) for n in (3, 8))
    assert_frame_equal(few, many.head(3), check_exact=True)
    assert not set(many["seed"]) & set(replicate(line, 8, seed=2)["seed"])


def test_a_replication_can_be_done_again_from_its_seed():
    table = replicate(line, 5, seed=3)
    assert line(table["seed"][3]) == table.loc[3, ["slope", "slope_se"]].to_dict()
    restated = [int(child.generate_state(1, np.uint64)[0]) // 2 for child in np.random.SeedSequence(3).spawn(5)]
    assert table["seed"].tolist() == restated


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_are_rows_with_their_text(jobs):
    with pytest.warns(RuntimeWarning, match=r"of 20 replications failed.*ZeroDivisionError: seed \d+ is a multiple"):
        table = replicate(fragile, 20, jobs=jobs)
    failed = table["seed"] % 3 == 0
    assert 0 < failed.sum() < 20 and (table["error"].notna() == failed).all() and (table["value"].isna() == failed).all()
    assert table["error"][failed].tolist() == [f"ZeroDivisionError: seed {seed} is a multiple of three" for seed in table["seed"][failed]]
    assert summary(table, {"value": 0}).loc["value", "failures"] == failed.sum()


def test_no_warning_where_nothing_fails():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replicate(line, 3)


@pytest.mark.parametrize("design, says", [(lambda seed: 3.0, "must return a dict of numbers"), (lambda seed: {"seed": 1}, "must return a dict"),
                                          (lambda seed: {"a": "text"}, "could not convert")])
def test_what_is_no_dict_of_numbers_is_an_error_of_the_replication(design, says):
    with pytest.warns(RuntimeWarning, match="2 of 2 replications failed"):
        table = replicate(design, 2)
    assert table["error"].str.contains(says).all()
    with pytest.raises(InputError, match="no column `a`, or every replication failed"):
        summary(table, {"a": 0})


@pytest.mark.parametrize("arguments, says", [((3, 2), "design must be a function"), ((line, 0), "replications=0"), ((line, 2.0), "replications=2.0"),
                                             ((line, True), "replications=True"), ((line, 2, 0, 0), "jobs=0"), ((line, 2, 0, "all"), "jobs='all'")])
def test_refusals(arguments, says):
    with pytest.raises(InputError, match=says):
        replicate(*arguments)


def test_progress_counts_replications_and_failures(capsys):
    with pytest.warns(RuntimeWarning):
        table = replicate(fragile, 20, progress=True)
    shown = capsys.readouterr().err
    assert shown.startswith("\rreplication 1 of 20") and shown.endswith("\n")
    assert f"replication 20 of 20   {table['error'].notna().sum()} failed" in shown
    replicate(line, 3, progress=False)
    assert capsys.readouterr().err == ""


def test_time_left_is_that_of_the_replications_to_come():
    waiting = ReplicationProgress(4, True, io.StringIO())
    waiting.begin -= 30                                         # one replication in 30 s, three to come
    waiting.count({"error": None})
    assert "about 90 s left" in waiting.stream.getvalue()


# Summary -------------------------------------------------------------------------------------------------------------------

def test_summary_by_hand():
    rng = np.random.default_rng(0)
    b, se = rng.normal(3.2, 0.5, 40), rng.uniform(0.2, 0.8, 40)
    b[5], se[7], b[9] = np.nan, np.nan, np.inf
    found = summary(pd.DataFrame({"b": b, "b_se": se, "a": b}), {"b": 3, "a": 3.5})
    kept = [r for r in range(40) if r not in (5, 7, 9)]
    errors = sorted(b[r] - 3 for r in kept)
    bias = sum(errors) / 37
    sd = (sum((e - bias) ** 2 for e in errors) / 36) ** 0.5
    C = sum(b[r] - 1.96 * se[r] <= 3 <= b[r] + 1.96 * se[r] for r in kept) / 37
    expected = [3, bias, sd / 37**0.5, errors[18], sd, (sum(e**2 for e in errors) / 37) ** 0.5, C, (C * (1 - C) / 37) ** 0.5, 37, 3]
    assert_allclose(found.loc["b"].astype(float), expected, rtol=1e-12)
    assert list(found.columns) == ["truth", "bias", "bias_se", "median_bias", "sd", "rmse", "coverage", "coverage_se", "replications", "failures"]
    assert found.loc["a", ["coverage", "coverage_se"]].isna().all() and found.loc["a", "failures"] == 2       # no standard errors


def test_summary_of_nothing_usable_is_missing_not_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summary(pd.DataFrame({"b": [np.nan, np.nan], "b_se": [1.0, 1.0]}), {"b": 1})
    assert found.loc["b", ["bias", "sd", "rmse", "coverage"]].isna().all() and found.loc["b", "failures"] == 2


def test_summary_names_the_column_that_is_missing():
    with pytest.raises(InputError, match="no column `slop`.*Did you mean `slope`"):
        summary(replicate(line, 2), {"slop": 2})


def test_coverage_of_a_linear_estimator():
    """500 replications: coverage within three Monte Carlo standard errors of 95 %, and far from it where the truth is another or intervals are half as wide."""
    table = replicate(line, 500, seed=0)
    found = summary(table, {"slope": TRUE_SLOPE}).loc["slope"]
    assert abs(found["coverage"] - 0.95) < 3 * (0.95 * 0.05 / 500) ** 0.5 and abs(found["bias"]) < 3 * found["bias_se"]
    assert_allclose(found["sd"], table["slope_se"].mean(), rtol=0.1)
    assert summary(table, {"slope": TRUE_SLOPE + 0.1}).loc["slope", "coverage"] < 0.8
    assert summary(table.assign(slope_se=table["slope_se"] / 2), {"slope": TRUE_SLOPE}).loc["slope", "coverage"] < 0.8


# Demand and supply ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("supply", [True, False])
def test_estimates_and_true_values_have_the_same_names(supply):
    design = replace(SMALL, supply=supply, optimal=False)
    found, true = design(7), design.true_values()
    assert {name for name in found if not name.endswith("_se")} - {"converged"} == set(true)
    assert {f"{name}_se" for name in true} <= set(found)
    assert true["sigma[x, nodes1]"] == 1 and true["sigma[group, nodes2]"] == 2 and true["pi[prices, income]"] == 0.3 and true["beta[prices]"] == -2
    assert not supply or [true[f"gamma[{name}]"] for name in ("1", "x", "group", "w0", "w1")] == list(Truth().gamma)


def test_names_of_a_truth_with_every_random_coefficient():
    design = JointDesign(truth=Truth(beta=(1.0, -3.0, 1.5, 0.5), sigma=(0.3, 1.0, 2.0), pi=0.0), T=10, J=(5, 7), I=12, supply=False, optimal=False)
    assert set(design.true_values()) <= set(design(1)) and "pi[prices, income]" not in design.true_values()


def test_a_design_is_its_problem_estimated_from_half_the_truth():
    design = replace(SMALL, optimal=False, steps=1)
    e = design.problem(5).estimate(design.truth.sigma_matrix / 2, design.truth.pi_matrix / 2, beta={"prices": -1.0})
    found = design(5)
    assert found["gamma[w0]"] == e.gamma[3] and found["beta[prices]_se"] == e.beta_se[1] and found["sigma[x, nodes1]"] == abs(e.sigma[1, 1])


def test_optimal_instruments_are_used():
    plain, optimal = (replace(SMALL, T=20, optimal=optimal)(2) for optimal in (False, True))
    assert optimal["sigma[group, nodes2]_se"] < plain["sigma[group, nodes2]_se"]


def test_instruments_of_the_callers_choice():
    def rivals(products):
        return products[["demand_instruments0", "demand_instruments1", "demand_instruments2"]].join(blp_instruments(products, "0 + x"))
    problem = replace(SMALL, supply=False, instruments=rivals).problem(3)
    assert isinstance(problem, Problem) and problem.excluded_names == [f"demand_instruments{k}" for k in range(3)] + ["own(x)", "rivals(x)"]


def test_a_design_that_fails_is_a_row():
    """With such tastes for prices no economy has an equilibrium."""
    with pytest.warns(RuntimeWarning, match="no equilibrium prices"):
        table = replicate(replace(SMALL, truth=Truth(pi=3.0)), 2)
    assert table["error"].str.startswith("InputError: simulate").all()


@pytest.mark.slow
def test_coverage_of_demand_and_supply():
    """100 replications of joint estimation with optimal instruments: no bias worth mentioning, intervals about right."""
    design = JointDesign()
    table = replicate(design, 100, seed=1, jobs=2)
    assert table["error"].isna().all() and table["converged"].mean() >= 0.98
    found = summary(table, design.true_values())
    assert (abs(found["bias"]) < 0.3 * found["sd"] + 3 * found["bias_se"]).all()
    assert found["coverage"].between(0.86, 1).all() and 0.91 < found["coverage"].mean() < 0.98
    assert found.loc["beta[prices]", "sd"] < 0.15 and found.loc["sigma[group, nodes2]", "sd"] < 0.35


# A cluster -----------------------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_the_same_call_runs_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
    import joblib

    def with_process(seed):
        return {**fragile(seed), "process": os.getpid()}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, distributed.Client(cluster) as client:
        with joblib.parallel_config(backend="dask"), pytest.warns(RuntimeWarning, match="replications failed"):
            there = replicate(with_process, 30, seed=5)
            estimates = replicate(SMALL, 4, seed=5)
        workers = set(client.run(os.getpid).values())
    with pytest.warns(RuntimeWarning):
        here = replicate(fragile, 30, seed=5)
    assert set(there.pop("process").dropna()) <= workers and os.getpid() not in workers
    assert_frame_equal(there, here)
    assert_allclose(estimates.drop(columns="error").astype(float), replicate(SMALL, 4, seed=5).drop(columns="error").astype(float), rtol=1e-7)
