"""Writes cereal_optima.json: PyBLP's one-step and two-step optimum of Nevo's cereals, by its documented BFGS route.

It takes about a minute: `uv run python tests/reference/make_cereal_optima.py`.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pyblp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import blpteach  # noqa: E402
import pyblp_oracle as oracle  # noqa: E402


def listed(matrix):
    """Nested lists, NaN as null."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in np.asarray(matrix)]


def main():
    problem = oracle.cereal(*blpteach.load_cereal())
    results = {}
    for method in ("1s", "2s"):
        found = problem.solve(oracle.CEREAL_SIGMA, oracle.CEREAL_PI, method=method, optimization=pyblp.Optimization("bfgs", {"gtol": 1e-5}),
                              check_optimality="gradient", **oracle.TIGHT)
        results[method] = {"objective": float(found.objective), **{name: listed(getattr(found, name)) for name in
                                                                  ("beta", "beta_se", "sigma", "sigma_se", "pi", "pi_se")}}
    results["made_with"] = {"pyblp": pyblp.__version__, "numpy": np.__version__}
    Path(__file__).with_name("cereal_optima.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
