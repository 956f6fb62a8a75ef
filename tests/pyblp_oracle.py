"""The same model in PyBLP: what the tests and the benchmark compare with."""
import numpy as np
import pyblp

pyblp.options.verbose = False

CEREAL_SIGMA = np.diag([0.3302, 2.4526, 0.0163, 0.2441])
CEREAL_PI = np.array([[5.4819, 0, 0.2037, 0], [15.8935, -1.2, 0, 2.6342], [-0.2506, 0, 0.0511, 0], [1.265, 0, -0.8091, 0]])
AUTOS_SIGMA = np.diag([3.612, 0, 4.628, 1.818, 1.050, 2.056])
AUTOS_PI = np.array([[0], [-43.501], [0], [0], [0], [0]])

STAY = {"optimization": pyblp.Optimization("return"), "check_optimality": "gradient"}
TIGHT = {"iteration": pyblp.Iteration("squarem", {"atol": 1e-14})}


def logit(products, formula, absorb=None):
    """A plain logit."""
    return pyblp.Problem(pyblp.Formulation(formula, absorb=absorb), products)


def cereal(products, agents):
    """Nevo's model with 13 nonlinear parameters."""
    return pyblp.Problem((pyblp.Formulation("0 + prices", absorb="C(product_ids)"), pyblp.Formulation("1 + prices + sugar + mushy")), products,
                         pyblp.Formulation("0 + income + income_squared + age + child"), agents)


def autos(products, agents):
    """The demand side of PyBLP's automobile tutorial."""
    demand_only = products.drop(columns=[c for c in products if c.startswith("supply_instruments")])
    return pyblp.Problem((pyblp.Formulation("1 + hpwt + air + mpd + space"), pyblp.Formulation("1 + prices + hpwt + air + mpd + space")), demand_only,
                         pyblp.Formulation("0 + I(1 / income)"), agents)


def autos_with_supply(products, agents):
    """PyBLP's automobile tutorial, demand and supply."""
    formulas = ("1 + hpwt + air + mpd + space", "1 + prices + hpwt + air + mpd + space", "1 + log(hpwt) + air + log(mpg) + log(space) + trend")
    return pyblp.Problem(tuple(map(pyblp.Formulation, formulas)), products, pyblp.Formulation("0 + I(1 / income)"), agents, costs_type="log")


AUTOS_OPTIONS = {"costs_bounds": (0.001, None), "W_type": "clustered", "se_type": "clustered"}


def count_evaluations(problem, solve):
    """How often PyBLP computes the objective in one call of `solve`: `return` as a search computes it more than once."""
    original, calls = problem._compute_progress, []
    problem._compute_progress = lambda *arguments, **named: (calls.append(1), original(*arguments, **named))[1]
    try:
        solve()
    finally:
        problem._compute_progress = original
    return len(calls)
