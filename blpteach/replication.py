"""Monte Carlo: an experiment made over and over with new data, and what estimates do on average.

`replicate` runs any function from a seed to numbers, on the cores of this machine or on a cluster;
`summary` compares its numbers with the truth. `JointDesign` is such a function: demand and supply,
simulated and estimated.
"""
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import InputError
from .tables.formula import suggestion
from .problem import Problem
from .progress import Progress
from .simulation import FORMULAS, SUPPLY, Truth, simulate

CRITICAL = 1.959963984540054            # the normal distribution has 95 % within


def replicate(design, replications, seed=0, jobs=None, progress=None):
    """Run an experiment many times.

    Every replication has a seed of its own, spawned from the one given. So results depend
    neither on the number of processes nor on their order, the first ten of a thousand replications
    are the ten of ten, and `design(table["seed"][k])` repeats replication k.

    On a cluster, with `pip install "blpteach[cluster]"` here and on the workers,
    the same call in three lines::

        import joblib; from dask.distributed import Client
        client = Client("scheduler-address:8786")
        with joblib.parallel_config(backend="dask"): table = replicate(design, 1000)

    `Client()` starts processes of this machine. In a script the three stand under
    `if __name__ == "__main__":`, since those processes import the script.

    Parameters
    ----------
    design : function
        From an integer seed to a dict of numbers. By convention a standard error of `name`
        is called `name_se`.
    replications : int
        How often.
    seed : int
        Of the seeds.
    jobs : int, optional
        Processes, -1 for all cores; by default one, or what `joblib.parallel_config` says.
    progress : bool, optional
        Show replications, failures and time left; by default once two seconds have passed.

    Returns
    -------
    DataFrame
        A row for each replication: `seed`, the numbers, and in `error` the text of the error
        of a replication that failed, whose numbers are missing. Failures are warned of.

    Raises
    ------
    InputError
        If design is not a function, or replications is no positive whole number.

    Examples
    --------
    >>> def mean_of_ten(seed):
    ...     x = np.random.default_rng(seed).normal(5, 1, 10)
    ...     return {"mean": x.mean(), "mean_se": x.std(ddof=1) / 10**0.5}
    >>> table = replicate(mean_of_ten, 200)
    >>> summary(table, {"mean": 5}).loc["mean", ["coverage", "failures"]].round(2).to_dict()
    {'coverage': 0.96, 'failures': 0.0}
    """
    import joblib                       # only here: it takes as long to import as blpteach
    check_request(design, replications, jobs)
    run, one = joblib.Parallel(n_jobs=jobs, return_as="generator"), joblib.delayed(attempt)
    waiting, rows = ReplicationProgress(replications, progress), []
    try:
        for row in run(one(design, child) for child in spawn(seed, replications)):
            rows.append(row)
            waiting.count(row)
    finally:
        waiting.finish()
    return as_table(rows)


def summary(table, truth):
    """What estimates do on average: bias, spread, and how often their intervals are right.

    With R estimates b_r of a true value b: bias `mean(b_r) - b` with Monte Carlo standard
    error `sd / sqrt(R)`, root mean squared error `sqrt(mean((b_r - b)^2))`, coverage C,
    the fraction with `|b_r - b| <= 1.96 se_r`, with standard error `sqrt(C (1 - C) / R)`.

    Parameters
    ----------
    table : DataFrame
        From `replicate`.
    truth : dict
        True values by column.

    Returns
    -------
    DataFrame
        A row for each true value: `truth`, `bias`, `bias_se`, `median_bias`, `sd`, `rmse`,
        `coverage`, `coverage_se` (missing without a column `name_se`), `replications` that count,
        and `failures` that don't: an estimate or its standard error is missing or infinite.

    Raises
    ------
    InputError
        For a true value of which there is no estimate.

    Examples
    --------
    >>> table = pd.DataFrame({"b": [0.0, 1.0, 5.0, np.nan], "b_se": [1.0, 1.0, 1.0, np.nan]})
    >>> summary(table, {"b": 1})[["bias", "median_bias", "coverage", "replications", "failures"]]
       bias  median_bias  coverage  replications  failures
    b   1.0          0.0  0.666667             3         1
    """
    for name in truth:
        if name not in table:
            raise InputError(f"summary: the table has no column `{name}`, "
                             f"or every replication failed. {suggestion(name, table)}")
    rows = {name: describe(table[name], table.get(f"{name}_se"), value)
            for name, value in truth.items()}
    counts = {"replications": int, "failures": int}
    return pd.DataFrame.from_dict(rows, orient="index").astype(counts)


def describe(estimates, se, true):
    """One row of the summary, for one parameter."""
    usable = np.isfinite(estimates) if se is None else np.isfinite(estimates) & np.isfinite(se)
    error, R = estimates[usable] - true, usable.sum()
    root = max(R, 1) ** 0.5             # not divided by zero: without replications all is missing
    C = np.nan if se is None else (abs(error) <= CRITICAL * se[usable]).mean()
    return {"truth": true, "bias": error.mean(), "bias_se": error.std() / root,
            "median_bias": error.median(), "sd": error.std(), "rmse": (error**2).mean() ** 0.5,
            "coverage": C, "coverage_se": (C * (1 - C)) ** 0.5 / root,
            "replications": R, "failures": len(usable) - R}


# An experiment -----------------------------------------------------------------------------------

@dataclass(frozen=True)
class JointDesign:
    """Simulate markets and estimate demand and supply; once more with optimal instruments.

    Searches begin at half the true parameters. The standard deviations of random tastes are well
    away from zero, near which estimates are far from normal; price coefficients have a mean 6.7
    standard deviations below zero, so that hardly any seed draws a consumer who likes high prices.

    Attributes
    ----------
    truth : Truth
    T, J, firms, I, x
        As in `simulate`.
    supply : bool
        Whether the cost equation is estimated too.
    optimal : bool
        Whether a second estimation uses the optimal instruments at the first one's parameters.
    instruments : function, optional
        From products to a table of excluded demand instruments; by default those of `simulate`.
    steps : 1 or 2
        Of GMM, in the last estimation.

    Examples
    --------
    >>> small = JointDesign(T=8, J=(4, 6), I=10, optimal=False)
    >>> found = small(seed=1)
    >>> len(small.true_values()), found["converged"]
    (12, 1.0)
    """
    truth: Truth = Truth(pi=0.3)
    T: int = 50
    J: tuple = (6, 12)
    firms: int = 4
    I: int = 50
    x: tuple = (0, 3)
    supply: bool = True
    optimal: bool = True
    instruments: Callable | None = None
    steps: int = 2

    def __call__(self, seed):
        """Estimates and standard errors by name, such as `sigma[x, nodes1]_se`, and `converged`."""
        half = (self.truth.sigma_matrix / 2, self.truth.pi_matrix / 2, self.truth.beta[1] / 2)
        if not self.optimal:
            return numbers(self.estimate(self.problem(seed), *half, self.steps))
        first = self.estimate(self.problem(seed), *half, 1)
        better = first.optimal_instruments().problem
        return numbers(self.estimate(better, first.sigma, first.pi, first.beta[1], self.steps))

    def problem(self, seed):
        """The model with data of its own."""
        products, agents = simulate(self.truth, self.T, self.J, self.firms, self.I, int(seed),
                                    x=self.x, supply_instruments=self.supply)
        names = None
        if self.instruments is not None:
            excluded = self.instruments(products)
            names = list(excluded)
            products = products.drop(columns=names, errors="ignore").join(excluded)
        return Problem(products, agents, **FORMULAS, instruments=names,
                       supply=SUPPLY if self.supply else None)

    def estimate(self, problem, sigma, pi, beta_price, steps):
        """Estimates from these starting values."""
        beta = {"prices": beta_price} if self.supply else None
        return problem.estimate(sigma, pi, beta=beta, steps=steps, progress=False)

    def true_values(self):
        """Truth by the names of the estimates, for `summary`."""
        truth = self.truth
        linear, random = FORMULAS["linear"].split(" + "), FORMULAS["random"].split(" + ")[1:]
        values = {f"beta[{name}]": value for name, value in zip(linear, truth.beta)}
        values |= {f"sigma[{name}, nodes{k}]": value
                   for k, (name, value) in enumerate(zip(random, truth.sigma)) if value}
        if truth.pi:
            values["pi[prices, income]"] = truth.pi
        if self.supply:
            shifters = SUPPLY.split(" + ")
            values |= {f"gamma[{name}]": value for name, value in zip(shifters, truth.gamma)}
        return values


def numbers(estimates):
    """Estimates as a dict of numbers.

    Sigma is a standard deviation, so positive: nodes on both sides are about the same.
    """
    table = estimates.to_frame()
    values = {name: abs(value) if name.startswith("sigma") else value
              for name, value in table["estimate"].items()}
    errors = table["se"].add_suffix("_se").to_dict()
    return {**values, **errors, "converged": float(estimates.converged)}


# Parts -------------------------------------------------------------------------------------------

def spawn(seed, replications):
    """Seeds of the replications, each a whole number below 2^63 that a table holds."""
    children = np.random.SeedSequence(seed).spawn(replications)
    return [int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children]


def attempt(design, seed):
    """One replication as a row; an error is a row too, with its text."""
    try:
        return {"seed": seed, **as_numbers(design(seed)), "error": None}
    except Exception as error:
        return {"seed": seed, "error": f"{type(error).__name__}: {error}"}


def as_numbers(values):
    """What a design returned, as floats by name."""
    if not isinstance(values, dict) or {"seed", "error"} & values.keys():
        raise InputError("design must return a dict of numbers, "
                         f"without `seed` and `error` (the table adds them), not {values!r}.")
    return {name: float(value) for name, value in values.items()}


def as_table(rows):
    """Rows as a table, `error` last; warns where there are errors."""
    table = pd.DataFrame(rows).rename_axis("replication")
    table["error"] = table.pop("error")
    failed = table["error"].dropna()
    if len(failed):
        warnings.warn(f"{len(failed)} of {len(table)} replications failed; "
                      f"column `error` says why. Replication {failed.index[0]}: {failed.iloc[0]}",
                      RuntimeWarning, stacklevel=3)
    return table


def check_request(design, replications, jobs):
    """A function, and whole numbers that make sense."""
    if not callable(design):
        raise InputError("replicate: design must be a function from a seed to a dict of numbers, "
                         f"not {design!r}.")
    if not whole(replications) or replications < 1:
        raise InputError(f"replicate: replications={replications!r} must be a whole number, "
                         "1 or more.")
    if jobs is not None and (not whole(jobs) or jobs == 0):
        raise InputError(f"replicate: jobs={jobs!r} must be a number of processes, "
                         "or -1 for all cores.")


def whole(value):
    """Whether this is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


class ReplicationProgress(Progress):
    """Shows replications done, failures and time left, on one line of stderr.

    Parameters
    ----------
    total : int
        Replications.
    show, stream
        As in `Progress`.
    """

    def __init__(self, total, show=None, stream=None):
        super().__init__(show, stream)
        self.total, self.done, self.failed = total, 0, 0

    def count(self, row):
        """Note one replication and show it when it is time to, the last one in any case."""
        self.done, self.failed = self.done + 1, self.failed + (row["error"] is not None)
        now = time.perf_counter()
        waited = now - self.begin > 2 if self.show is None else self.show
        if waited and (self.lines == 0 or now - self.shown > 0.1 or self.done == self.total):
            self.shown, self.lines = now, self.lines + 1
            left = (now - self.begin) / self.done * (self.total - self.done)
            line = (f"replication {self.done} of {self.total}   {self.failed} failed   "
                    f"about {left:.0f} s left")
            self.stream.write(f"\r{line:<100}")
            self.stream.flush()
