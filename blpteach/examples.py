"""The three examples that the command line, the README and the tests share.

Each function returns a problem and the arguments with which its ``estimate`` is called::

    problem, arguments = EXAMPLES["cereal"]()
    estimates = problem.estimate(**arguments)
"""

import numpy as np

from .datasets import load_autos, load_cereal, load_simulated
from .problem import Problem
from .simulation import FORMULAS, Truth


def cereal():
    """Nevo's cereals, one-step, from his customary starting values: 13 nonlinear parameters.

    Returns
    -------
    problem : blpteach.Problem
    arguments : dict

    Examples
    --------
    >>> problem, arguments = cereal()
    >>> arguments["pi"].shape
    (4, 4)
    """
    products, agents = load_cereal()
    problem = Problem(products, agents, linear="0 + prices", absorb="product_ids",
                      random="1 + prices + sugar + mushy",
                      demographics="0 + income + income_squared + age + child")
    sigma = np.diag([0.3302, 2.4526, 0.0163, 0.2441])
    pi = np.array([[5.4819, 0, 0.2037, 0],
                   [15.8935, -1.2, 0, 2.6342],
                   [-0.2506, 0, 0.0511, 0],
                   [1.265, 0, -0.8091, 0]])
    return problem, {"sigma": sigma, "pi": pi, "steps": 1}


def autos():
    """The automobiles as a plain logit with instruments: two-step, clustered by model.

    Returns
    -------
    problem : blpteach.Problem
    arguments : dict
    """
    products, _ = load_autos()
    problem = Problem(products, linear="1 + hpwt + air + mpd + space + prices", clusters="clustering_ids")
    return problem, {"steps": 2}


def simulated():
    """The economy with known truth, from half the true nonlinear parameters.

    Returns
    -------
    problem : blpteach.Problem
    arguments : dict
    """
    products, agents = load_simulated()
    truth = products.attrs["truth"]
    sigma = np.diag(truth["sigma"]) / 2
    pi = np.array([[truth["pi"]], [0], [0]]) / 2
    return Problem(products, agents, **FORMULAS), {"sigma": sigma, "pi": pi, "steps": 1}


EXAMPLES = {"cereal": cereal, "autos": autos, "simulated": simulated}
