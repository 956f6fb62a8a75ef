"""The examples that the command line, the README, the lessons' pictures and the tests share.

Each function returns a problem and the arguments with which its ``estimate`` is called::

    problem, arguments = EXAMPLES["cereal"]()
    estimates = problem.estimate(**arguments)
"""

import numpy as np

from .tables.datasets import load_autos, load_cereal, load_simulated
from .problem import Problem
from .simulation import FORMULAS


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
    problem = Problem(products, linear="1 + hpwt + air + mpd + space + prices",
                      clusters="clustering_ids")
    return problem, {"steps": 2}


def supply():
    """The automobiles with random coefficients, price over income and a supply side: two-step.

    Weights are efficient from the start. The specification and its starting values are those
    of PyBLP's tutorial on Berry, Levinsohn and Pakes (1995).

    Returns
    -------
    problem : blpteach.Problem
    arguments : dict
    """
    problem = Problem(*load_autos(), clusters="clustering_ids",
                      linear="1 + hpwt + air + mpd + space",
                      random="1 + prices + hpwt + air + mpd + space",
                      demographics="0 + I(1 / income)",
                      supply="1 + log(hpwt) + air + log(mpg) + log(space) + trend",
                      log_costs=True, cost_bounds=(0.001, None))
    start = automobile_parameters(3.612, 4.628, 1.818, 1.050, 2.056, -43.501)
    return problem, start | {"steps": 2, "initial_update": True}


def automobile_parameters(constant, hpwt, air, mpd, space, price_over_income):
    """sigma (6, 5) and pi (6, 1) of `supply` from their six numbers.

    Parameters
    ----------
    constant, hpwt, air, mpd, space : float
        Standard deviations of the tastes.
    price_over_income : float
        The coefficient of price divided by income: price has income in the place of a node.

    Returns
    -------
    dict
        Arguments `sigma` and `pi` of `estimate` and `evaluate`.

    Examples
    --------
    >>> automobile_parameters(*AUTOMOBILE_OPTIMUM)["pi"].ravel()[:2]
    array([  0.   , -44.843])
    """
    sigma, pi = np.zeros((6, 5)), np.zeros((6, 1))
    sigma[[0, 2, 3, 4, 5], range(5)] = constant, hpwt, air, mpd, space
    pi[1] = price_over_income
    return {"sigma": sigma, "pi": pi}


# Where the search of `supply` ends, for who can't wait.
AUTOMOBILE_OPTIMUM = (2.02535, 6.10035, 3.95553, 0.253511, 1.90847, -44.8430)


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


EXAMPLES = {"cereal": cereal, "autos": autos, "supply": supply, "simulated": simulated}
