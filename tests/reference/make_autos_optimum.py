"""Writes autos_optimum.json: PyBLP's two-step optimum of its automobile tutorial, demand and supply.

It takes one to three minutes: `uv run python tests/reference/make_autos_optimum.py`.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pyblp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import blpteach  # noqa: E402
import pyblp_oracle as oracle  # noqa: E402
from make_cereal_optima import listed  # noqa: E402


def main():
    found = oracle.autos_with_supply(*blpteach.load_autos()).solve(oracle.AUTOS_SIGMA, oracle.AUTOS_PI, initial_update=True, **oracle.AUTOS_OPTIONS)
    results = {"objective": float(found.objective.item()), **{name: listed(getattr(found, name)) for name in
                                                              ("beta", "beta_se", "gamma", "gamma_se", "sigma", "sigma_se", "pi", "pi_se")}}
    results["own_elasticity_mean"] = float(found.extract_diagonals(found.compute_elasticities()).mean())
    costs = found.compute_costs()
    results["costs_mean"], results["markups_mean"] = float(costs.mean()), float(found.compute_markups(costs=costs).mean())
    results["made_with"] = {"pyblp": pyblp.__version__, "numpy": np.__version__}
    Path(__file__).with_name("autos_optimum.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
