"""Standard errors and biases of the whole estimator: 500 economies, optimal instruments, sigma well away from zero.

It takes one to two minutes on two cores; leave it out with `-m "not slow"`, or run it alone with `pytest tests/test_monte_carlo.py`.
"""

import numpy as np
import pytest

from blpteach import Problem, Truth, replicate, simulate, summary
from blpteach.simulation import FORMULAS

TRUTH = Truth()
TRUE = {"beta[1]": TRUTH.beta[0], "beta[prices]": TRUTH.beta[1], "beta[x]": TRUTH.beta[2], "beta[group]": TRUTH.beta[3],
        "sigma[x, nodes1]": TRUTH.sigma[1], "sigma[group, nodes2]": TRUTH.sigma[2], "pi[prices, income]": TRUTH.pi}


def design(seed):
    """80 markets; estimates with the shipped kind of instruments, and again with the optimal ones that they imply."""
    first = Problem(*simulate(seed=seed), **FORMULAS).estimate(TRUTH.sigma_matrix / 2, TRUTH.pi_matrix / 2, progress=False)
    table = first.optimal_instruments().problem.estimate(first.sigma, first.pi, progress=False).to_frame()
    signs = np.where(table.index.str.startswith("sigma"), np.sign(table["estimate"]), 1)     # the sign of a standard deviation says nothing
    return {**(signs * table["estimate"]).to_dict(), **table["se"].add_suffix("_se").to_dict()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*replication")             # an economy without equilibrium is counted below
def test_bias_and_coverage():
    table = summary(replicate(design, 500, seed=0, jobs=2, progress=False), TRUE)
    assert (table["failures"] <= 5).all() and (table["replications"] >= 495).all()
    assert (abs(table["median_bias"]) < 0.02 * abs(table["truth"])).all(), table
    assert table["coverage"].between(0.92, 0.98).all(), table
