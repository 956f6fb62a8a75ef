"""Speed, side by side with PyBLP in one run, one thread each: `uv run python tests/benchmark.py`.

A ratio counts, not a time: both columns are measured one after the other on the same machine. Nothing here is a test. It takes about two
minutes, most of them PyBLP's search.
"""
import os

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):          # before numpy is imported
    os.environ[name] = "1"

import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402

import numpy as np  # noqa: E402


def best(function, repetitions):
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def row(what, ours, theirs, unit=1e3):
    """A line of the table; times in milliseconds."""
    print(f"{what:<58}{ours * unit:>12.3f}{theirs * unit:>12.3f}{theirs / ours:>9.1f}", flush=True)


def against_pyblp():
    """Evaluation and estimation of Nevo's model."""
    import pyblp
    import pyblp_oracle as oracle

    import blpteach
    from blpteach.examples import EXAMPLES
    problem, start = EXAMPLES["cereal"]()
    theirs = oracle.cereal(*blpteach.load_cereal())
    print(f"\n{'Nevo cereals (milliseconds)':<58}{'blpteach':>12}{'PyBLP':>12}{'ratio':>9}")

    def evaluate():
        return problem.evaluate(start["sigma"], start["pi"])

    def evaluate_pyblp():
        return theirs.solve(oracle.CEREAL_SIGMA, oracle.CEREAL_PI, method="1s", **oracle.STAY, **oracle.TIGHT)
    evaluate()
    per_solve, evaluations = best(evaluate_pyblp, 3), oracle.count_evaluations(theirs, evaluate_pyblp)
    row("objective with gradient at Nevo's start", best(evaluate, 50), per_solve / evaluations)

    def estimate():
        return problem.estimate(start["sigma"], start["pi"])

    def estimate_pyblp():
        return theirs.solve(oracle.CEREAL_SIGMA, oracle.CEREAL_PI, method="1s", optimization=pyblp.Optimization("bfgs", {"gtol": 1e-5}),
                            check_optimality="gradient", **oracle.TIGHT)
    found = {}

    def both(name, function):
        found[name] = function()
        return found[name].beta_se
    ours = best(lambda: both("blpteach", estimate), 10)
    row("one-step estimation with standard errors (BFGS, 1e-14)", ours, best(lambda: both("PyBLP", estimate_pyblp), 1))
    print(f"    objectives {found['blpteach'].objective:.9f} and {found['PyBLP'].objective.item():.9f}, "
          f"evaluations {found['blpteach'].evaluations} and {found['PyBLP'].objective_evaluations}")


def supply_against_pyblp():
    """Demand and supply of the automobiles: one evaluation with gradient, and the two-step estimation."""
    import pyblp
    import pyblp_oracle as oracle

    from blpteach import load_autos
    from blpteach.examples import supply
    (problem, start), theirs = supply(), oracle.autos_with_supply(*load_autos())
    print(f"\n{'automobiles, demand and supply (milliseconds)':<58}{'blpteach':>12}{'PyBLP':>12}{'ratio':>9}")
    free = problem.free(start["sigma"], start["pi"])
    solve = problem.solver(free)

    def evaluate_pyblp():
        return theirs.solve(oracle.AUTOS_SIGMA, oracle.AUTOS_PI, method="1s", **oracle.AUTOS_OPTIONS, **oracle.STAY, **oracle.TIGHT)
    per_solve, evaluations = best(evaluate_pyblp, 3), oracle.count_evaluations(theirs, evaluate_pyblp)
    row("delta, costs and their Jacobians at the tutorial's start", best(lambda: solve(free.start), 10), per_solve / evaluations)

    def estimate():
        return problem.estimate(**start, progress=False)

    def estimate_pyblp():
        return theirs.solve(oracle.AUTOS_SIGMA, oracle.AUTOS_PI, initial_update=True, optimization=pyblp.Optimization("bfgs", {"gtol": 1e-4}),
                            check_optimality="gradient", **oracle.AUTOS_OPTIONS)
    found = {}

    def both(name, function):
        found[name] = function()
        return found[name].beta_se
    row("two-step estimation with standard errors (BFGS)", best(lambda: both("blpteach", estimate), 2), best(lambda: both("PyBLP", estimate_pyblp), 1))
    print(f"    objectives {found['blpteach'].objective:.6f} and {found['PyBLP'].objective.item():.6f}")


def contraction_forms():
    """The exponentiated map against one reading of the array, and against the log form."""
    import blpteach
    rng = np.random.default_rng(0)
    print(f"\n{'one iteration of the contraction (milliseconds)':<58}{'exp form':>12}{'V.sum()':>12}{'exp/sum':>9}{'log/exp':>9}")
    for T, J, I in ((94, 24, 20), (20, 150, 200), (200, 50, 1000)):
        mu, weights = rng.normal(size=(T, J, I)), np.full((T, I), 1 / I)
        shares = blpteach.market_shares(rng.normal(size=(T, J)) - 3, mu, weights)
        delta = np.log(shares)
        for corrected in (False, True):
            exp_map = blpteach.exp_contraction(shares, mu, weights, corrected)
            log_map = blpteach.log_contraction(shares, mu, weights, corrected)
            repetitions = 200 if mu.size < 1e6 else 10
            exp_time, read = best(lambda: exp_map(delta), repetitions), best(mu.sum, repetitions)
            log_time = best(lambda: log_map(delta), max(repetitions // 10, 3))
            label = f"{T} x {J} x {I}" + (", outside-share corrected" if corrected else "")
            print(f"{label:<58}{1e3 * exp_time:>12.3f}{1e3 * read:>12.3f}{exp_time / read:>9.2f}{log_time / exp_time:>9.1f}", flush=True)


def growth():
    """Time and memory of an evaluation against the number of markets, each size in a process of its own."""
    print(f"\n{'evaluation, 25 products x 100 nodes a market':<58}{'seconds':>12}{'us/market':>12}{'MB':>9}")
    for T in (500, 1000, 2000, 4000):
        output = subprocess.run([sys.executable, __file__, "growth", str(T)], check=True, capture_output=True, text=True).stdout
        seconds, megabytes = map(float, output.split())
        print(f"{f'{T} markets':<58}{seconds:>12.3f}{1e6 * seconds / T:>12.1f}{megabytes:>9.0f}", flush=True)


def growth_of(T):
    """Seconds and peak MB of one evaluation with T markets (inversion, Jacobian, objective, gradient)."""
    import pandas as pd

    import blpteach
    rng = np.random.default_rng(0)
    N = 25 * T
    products = pd.DataFrame({"market_ids": np.repeat(np.arange(T), 25), "prices": rng.uniform(1, 2, N), "x": rng.normal(size=N)})
    products["shares"] = rng.dirichlet(np.ones(26), T)[:, :25].ravel() * 0.9 + 1e-4
    for k in range(4):
        products[f"demand_instruments{k}"] = rng.normal(size=N)
    problem = blpteach.Problem(products, linear="1 + prices + x", random="1 + prices + x", integration=blpteach.halton(100, seed=0))
    seconds = best(lambda: problem.evaluate([0.5, 0.5, 0.5]), 3)
    tracemalloc.start()                                         # numpy reports its arrays to it
    problem.evaluate([0.5, 0.5, 0.5])
    print(seconds, tracemalloc.get_traced_memory()[1] / 2**20)


def imports():
    """Seconds of `import blpteach` and of what it needs, in fresh processes."""
    def fresh(line):
        return best(lambda: subprocess.run([sys.executable, "-c", line], check=True), 7)
    needs = "import numpy, scipy.optimize, pandas"
    base, whole = fresh(needs), fresh(needs + ", blpteach")
    print(f"\n{'import (seconds)':<58}{'blpteach':>12}{'its needs':>12}{'ratio':>9}")
    print(f"{'import blpteach against numpy, scipy.optimize and pandas':<58}{whole:>12.3f}{base:>12.3f}{whole / base:>9.2f}")


def widgets():
    """The widget of each lesson, with what the lesson gives it."""
    from blpteach import Problem
    from blpteach.examples import EXAMPLES
    from blpteach.plots.search import Landscape
    from blpteach.widgets.endogeneity import endogeneity
    from blpteach.widgets.inversion import race
    from blpteach.widgets.merger import merger
    from blpteach.widgets.miniature import market_size
    from blpteach.widgets.search import search
    from blpteach.widgets.tastes import diversion
    problem, start = EXAMPLES["cereal"]()
    yield "00", market_size(Problem(problem.products, linear="0 + prices", absorb="product_ids"))
    yield "01", diversion()
    yield "02", race()
    yield "03", endogeneity()
    twice_mean = np.polyfit(problem.agents["income"], problem.agents["income_squared"], 2)[1]
    yield "04", search(Landscape(problem, problem.estimate(**start), twice_mean))
    yield "05", merger()


def redraws():
    """Milliseconds from a slider's move to the new picture, in the kernel: median and slowest of twenty moves of each slider."""
    print(f"\n{'redraw of a widget (milliseconds)':<58}{'median':>12}{'slowest':>12}")
    for lesson, box in widgets():
        for name, control in box.controls.items():
            times = [move(control) for _ in range(20)]
            print(f"{f'lesson {lesson}: {name}':<58}{1e3 * np.median(times):>12.0f}{1e3 * max(times):>12.0f}", flush=True)


def move(control):
    """Seconds that a move of one control takes: to the next position, or from the last one back to the first."""
    if hasattr(control, "max"):
        position = control.value + control.step
        position = position if position <= control.max else control.min
    else:
        options = [value for _, value in control._options_full]
        position = options[(options.index(control.value) + 1) % len(options)]
    begin = time.perf_counter()
    control.value = position
    return time.perf_counter() - begin


if __name__ == "__main__":
    if sys.argv[1:2] == ["growth"]:
        growth_of(int(sys.argv[2]))
    elif sys.argv[1:2] == ["redraws"]:
        redraws()
    elif sys.argv[1:2] == ["supply"]:
        supply_against_pyblp()
    else:
        against_pyblp()
        supply_against_pyblp()
        contraction_forms()
        growth()
        imports()
        redraws()
