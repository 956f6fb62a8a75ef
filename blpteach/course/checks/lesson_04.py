"""Exercises of lesson 04: gradient, steps, Hansen's test, standard errors, bounds, elasticities."""
from functools import cache, partial

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import chi2

from ...examples import cereal
from ...gmm import concentrate, moment_covariance, sandwich
from ...outcome import Demand, Outcome
from ...outer_loop import Objective
from .exercise import Exercise, Mistake

# What the exercises share ------------------------------------------------------------------------


@cache
def model():
    """The cereals' problem and Nevo's starting values."""
    return cereal()


@cache
def minimum():
    """One-step estimates."""
    problem, start = model()
    return problem.estimate(**start, progress=False)


@cache
def two_step():
    """Two-step estimates."""
    problem, start = model()
    return problem.estimate(start["sigma"], start["pi"], steps=2, progress=False)


@cache
def stopped():
    """Where BFGS stops when it is content with a gradient of 0.5."""
    problem, start = model()
    return problem.estimate(**start, method="BFGS", options={"gtol": 0.5}, progress=False)


def maps():
    """`beta_map` and `moment_map` with first-step weights."""
    return concentrate(model()[0].X1, model()[0].Z, minimum().W)


def objective():
    """q as a function of theta2."""
    return Objective(model()[0].solver(minimum().free), maps()[1])


# 4.2: Hansen's test ------------------------------------------------------------------------------

def p_value(found, parameters, times=1):
    """Of the objective, `times` a factor, as Hansen's J, with 20 moments and so many parameters."""
    return float(chi2.sf(times * found.objective, model()[0].M - parameters))


# 4.4: standard errors ----------------------------------------------------------------------------

def price_se(clusters=None, parameters=slice(None), place=-1, weights=None):
    """Standard error by the sandwich, with S summed within `clusters`, a column of products."""
    found, problem = minimum(), model()[0]
    kind = ("robust",) if clusters is None else ("clustered", problem.products[clusters].to_numpy())
    S = moment_covariance(problem.Z, found.xi, *kind)
    W = found.W if weights is None else weights(S)
    return float(np.sqrt(sandwich(found.G[:, parameters], W, S, problem.N)[place, place]))


# 4.5: bounds -------------------------------------------------------------------------------------

@cache
def bounded():
    """Where a search over sigma >= 0 from Nevo's start ends: theta2 (P,) and the objective."""
    q, start = objective(), minimum().starts[0].theta2
    lower = np.where(minimum().free.columns < model()[0].L, 0, -np.inf)
    found = least_squares(q.residuals, start, q.jacobian, bounds=(lower, np.inf),
                          x_scale="jac", ftol=1e-12, xtol=1e-12)
    return found.x, 2 * found.cost


def price_coefficient(theta2):
    """The one that belongs to theta2."""
    return float((maps()[0] @ objective().at(theta2).utilities.delta)[0])


def without_signs(larger=lambda sigma, zero: abs(sigma)):
    """The minimum with signs of sigma dropped, or `np.maximum` of it and 0; not searched again."""
    theta2 = minimum().theta2.copy()
    theta2[:4] = larger(theta2[:4], 0)
    return [objective().value(theta2), price_coefficient(theta2)]


# 4.6: the error of the mean own elasticity -------------------------------------------------------

def mean_elasticity(parameters, delta=None, concentrated=False, observed=False):
    """At (theta2, beta), delta found anew unless given; beta too, where it is concentrated out.

    With `observed` the slopes are divided by the observed shares instead of the model's.
    """
    problem, theta2, beta = model()[0], parameters[:13], parameters[13:]
    delta = objective().at(theta2).utilities.delta if delta is None else delta
    beta = maps()[0] @ delta if concentrated else beta
    demand = Demand(problem, beta, minimum().free.matrix(theta2), delta, problem.prices)
    outcome = Outcome(demand, problem.blocks, problem.prices)
    to_observed = outcome.shares / problem.shares if observed else 1
    return (outcome.own_elasticities() * to_observed).mean()


@cache
def elasticity_slopes(concentrated=False, fixed=False, observed=False):
    """Central differences (14,) of the mean own elasticity in (theta2, beta)."""
    value = partial(mean_elasticity, delta=minimum().delta if fixed else None,
                    concentrated=concentrated, observed=observed)
    here = np.r_[minimum().theta2, minimum().beta]
    steps = np.diag(1e-5 * np.maximum(1, abs(here)))            # one row for each parameter
    return np.array([(value(here + h) - value(here - h)) / (2 * h.sum()) for h in steps])


def se_of_elasticity(**mistakes):
    """Standard error of the mean own elasticity, its slopes taken right or with a mistake."""
    return delta_method(elasticity_slopes(**mistakes), minimum().covariance)


def delta_method(slopes, covariance):
    """Standard error `sqrt(c'Vc)`."""
    return float(np.sqrt(slopes @ covariance @ slopes))


# Small random cases ------------------------------------------------------------------------------

def small_case(rng):
    """r (4,) and R (4, 2), whose parameters have different units."""
    return {"r": rng.normal(size=4).round(2), "R": (rng.normal(size=(4, 2)) * [3, 0.5]).round(2)}


def shortened(r, R, D, penalty):
    """`-(R'R + penalty D)^-1 R'r`."""
    return -np.linalg.solve(R.T @ R + penalty * D, R.T @ r)


def squares(R):
    """The diagonal of R'R, as a matrix."""
    return np.diag((R**2).sum(0))


EXERCISES = {
    "4.1": Exercise(
        what="a function of (r, R, scale) that returns P numbers, the derivatives of q in eta",
        right=lambda r, R, scale: 2 * scale * (R.T @ r),
        mistakes=(Mistake("This is the gradient in theta2, (4.4). "
                          "In eta the chain rule brings one more factor for each parameter.",
                          lambda r, R, scale: 2 * R.T @ r),
                  Mistake("You divide by `scale`. Since theta2 = scale * eta, a unit of eta moves "
                          "theta2 by `scale` units, so q moves more where `scale` is large.",
                          lambda r, R, scale: 2 * R.T @ r / scale),
                  Mistake("The 2 is missing: q is a sum of squares, "
                          "and the derivative of r² is 2 r times the derivative of r.",
                          lambda r, R, scale: scale * (R.T @ r)),
                  Mistake("The sign is wrong. This points downhill, as a step does; "
                          "the gradient points uphill, `+2 R'r`.",
                          lambda r, R, scale: -2 * scale * (R.T @ r))),
        hints=("Begin with (4.4). What is the derivative of theta2[k] in eta[k]?",
               "The chain rule: dq/deta[k] = dq/dtheta2[k] * dtheta2[k]/deta[k]. "
               "(4.4) is the first factor, the other is given."),
        insight="A gradient has the units of one over a parameter: choose the units and you can "
                "make any element as small as you like, at the same point.",
        inputs=lambda rng: {**small_case(rng),
                            "scale": np.array([10.0, 0.1]) * rng.integers(1, 5, 2)}),
    "4.2": Exercise(
        what="one number between 0 and 1, the p-value",
        right=lambda: p_value(two_step(), 14),
        mistakes=(Mistake("This is the p-value of the one-step objective. That one weights with "
                          "(Z'Z/N)^-1, so it is not distributed as chi-square; use `two_step`.",
                          lambda: p_value(minimum(), 14)),
                  Mistake("You count 13 parameters: beta was estimated too, if not searched for.",
                          lambda: p_value(two_step(), 13)),
                  Mistake("You use 20 degrees of freedom, the number of moments. "
                          "Each parameter that was fitted to them takes one away.",
                          lambda: p_value(two_step(), 0)),
                  Mistake("You use 14 degrees of freedom, the number of parameters. "
                          "What counts is by how many the moments exceed them.",
                          lambda: p_value(two_step(), 6)),
                  Mistake("This is the probability of a smaller J. "
                          "The p-value is that of a larger one: `chi2.sf`, not `chi2.cdf`.",
                          lambda: 1 - p_value(two_step(), 14)),
                  Mistake("This is J itself. The p-value is the probability that a chi-square "
                          "variable is larger than J.",
                          lambda: two_step().objective),
                  Mistake("You multiplied the objective by N. `two_step.objective` is N g'Wg: "
                          "N is in it already.",
                          lambda: p_value(two_step(), 14, model()[0].N)),
                  Mistake("You divided the objective by N, or took it as the mean of something. "
                          "`two_step.objective` is N g'Wg, which is J.",
                          lambda: p_value(two_step(), 14, 1 / model()[0].N))),
        hints=("How many moments are there beyond the parameters, beta included?",
               "`scipy.stats.chi2.sf(J, degrees_of_freedom)` gives the probability of a larger "
               "value. J is `two_step.objective`."),
        insight="A large p-value says that the moments agree with each other, in large samples "
                "and for rows that are independent. It can't say that all are valid."),
    "4.3": Exercise(
        what="a function of (r, R, penalty) that returns the step d, P numbers",
        right=lambda r, R, penalty: shortened(r, R, squares(R), penalty),
        mistakes=(Mistake("This is the bare Gauss-Newton step: the penalty is left out.",
                          lambda r, R, penalty: shortened(r, R, np.zeros((2, 2)), 0)),
                  Mistake("You penalise d'd, each element alike, which makes the step "
                          "depend on the units of the parameters. Penalise `|R_k|² d_k²`: "
                          "put the diagonal of R'R in place of the identity.",
                          lambda r, R, penalty: shortened(r, R, np.eye(2), penalty)),
                  Mistake("The sign is wrong: this step goes uphill.",
                          lambda r, R, penalty: -shortened(r, R, squares(R), penalty)),
                  Mistake("You weight with the length of each column of R; "
                          "the penalty has its square.",
                          lambda r, R, penalty: shortened(r, R, np.sqrt(squares(R)), penalty)),
                  Mistake("The penalty is on the whole of R'R, so that the step is the bare one "
                          "divided by 1 + penalty. Only its diagonal belongs there.",
                          lambda r, R, penalty: shortened(r, R, R.T @ R, penalty)),
                  Mistake("You add `(R**2).sum(0)` to every row of R'R. "
                          "It belongs on the diagonal: `np.diag((R**2).sum(0))`.",
                          lambda r, R, penalty:
                              shortened(r, R, np.tile((R**2).sum(0), (2, 1)), penalty)),
                  Mistake("The penalty counts twice. "
                          "In the first-order condition both terms have a factor 2, which cancels.",
                          lambda r, R, penalty: shortened(r, R, squares(R), 2 * penalty)),
                  Mistake("Half of the penalty is lost. The derivative of `d_k²` is `2 d_k`; "
                          "then both terms have a factor 2, which cancels.",
                          lambda r, R, penalty: shortened(r, R, squares(R), penalty / 2))),
        hints=("Write the sum out for one d_k and set its derivative to zero. "
               "What comes beside R'R?",
               "The first-order condition is (R'R + penalty D) d = -R'r, "
               "where D is diagonal with `(R**2).sum(0)` on it. Solve it with `np.linalg.solve`."),
        insight="With penalty 0 this is Gauss-Newton; with a large one it is a short step "
                "downhill, each parameter in its own units. A trust region moves between the two.",
        inputs=lambda rng: {**small_case(rng), "penalty": float(rng.choice([0.1, 0.5, 2.0]))}),
    "4.4": Exercise(
        what="one number, the standard error of the price coefficient (utils a dollar)",
        right=lambda: price_se("city_ids"),
        mistakes=(Mistake("This is the standard error that takes all rows as independent. Sum the "
                          "moments within cities first: give `moment_covariance` its `clusters`.",
                          lambda: price_se()),
                  Mistake("Clustered, but with theta2 taken as known: "
                          "all 14 columns of G belong in the sandwich.",
                          lambda: price_se("city_ids", slice(13, None))),
                  Mistake("Rows as independent, and theta2 taken as known: "
                          "the naive standard error. Use all columns of G, and cluster by city.",
                          lambda: price_se(None, slice(13, None))),
                  Mistake("You cluster by product. "
                          "The question is about two quarters of one city: `city_ids`.",
                          lambda: price_se("product_ids")),
                  Mistake("You cluster by market, a city in one quarter. "
                          "A city's two quarters belong together: `city_ids`.",
                          lambda: price_se("market_ids")),
                  Mistake("This is the standard error of the first parameter, sigma "
                          "on the constant. G and the covariance have theta2 first and beta last.",
                          lambda: price_se("city_ids", place=0)),
                  Mistake("This takes W = S^-1, as if the moments had been weighted so. "
                          "The search used `W`; keep it in the sandwich.",
                          lambda: price_se("city_ids", weights=lambda S: np.linalg.inv(S)))),
        hints=("Only S changes. Look at the arguments of `blpteach.moment_covariance`: "
               "`kind` and `clusters`.",
               "S from `moment_covariance(problem.Z, estimates.xi, \"clustered\", clusters)` "
               "with the cities as clusters, then `sandwich` with the same G and W. "
               "The price coefficient is last."),
        insight="Most of the rise comes from products that share "
                "a market (by market it would be 18.2), the rest from the city's other quarter: "
                "2,256 rows hold less information than their number says."),
    "4.5": Exercise(
        what="two numbers, [objective, price coefficient]",
        right=lambda: np.array([bounded()[1], price_coefficient(bounded()[0])]),
        mistakes=(Mistake("This is the minimum without bounds: one sigma is negative there. "
                          "Give `least_squares` its `bounds`.",
                          lambda: [minimum().objective, minimum().beta[0]]),
                  Mistake("SciPy's `cost` is half the sum of squares: "
                          "the objective is twice as large.",
                          lambda: [bounded()[1] / 2, price_coefficient(bounded()[0])]),
                  Mistake("The objective is right, "
                          "but the price coefficient is the one of the minimum without bounds. "
                          "Take `beta_map` times the delta of the bounded theta2.",
                          lambda: [bounded()[1], minimum().beta[0]]),
                  Mistake("You took absolute values of sigma at the minimum. "
                          "The other parameters have to be searched again, under the bounds.",
                          without_signs),
                  Mistake("You set the negative sigma to zero at the minimum. "
                          "The other parameters have to be searched again, under the bounds.",
                          lambda: without_signs(np.maximum)),
                  Mistake("The right numbers, in the other order: objective first.",
                          lambda: [price_coefficient(bounded()[0]), bounded()[1]]),
                  Mistake("The search stopped on the way, where the gradient is small "
                          "and no minimum is: the optimizer's stopping rule was too loose. "
                          "Keep the default `gtol`, or use `least_squares` with `x_scale=\"jac\"`.",
                          lambda: [stopped().objective, stopped().beta[0]])),
        hints=("`bounds=(lower, upper)`: "
               "lower is 0 for the first four elements of theta2 and `-np.inf` for the others.",
               "After the search, find delta at `bounded.x`, put it into the order of the table "
               "with `block.index`, and multiply by `beta_map`."),
        insight="A bound that seems harmless keeps the search from the minimum. "
                "What it reports is a constrained optimum, whose gradient is not zero.",
        rtol=2e-3),
    "4.6": Exercise(
        what="one number, the standard error of the mean own elasticity",
        right=se_of_elasticity,
        mistakes=(Mistake("You let beta alone vary, as if theta2 were known.",
                          lambda: (abs(elasticity_slopes()[13])
                                   * float(np.sqrt(minimum().covariance[13, 13])))),
                  Mistake("You keep delta fixed while theta2 moves. "
                          "Shares are data, so delta has to be found anew for each theta2.",
                          lambda: se_of_elasticity(fixed=True)),
                  Mistake("You keep delta fixed while theta2 moves, and divide by the observed "
                          "shares, which the model then no longer gives. "
                          "Shares are data, so delta has to be found anew for each theta2.",
                          lambda: se_of_elasticity(fixed=True, observed=True)),
                  Mistake("You use the variances alone. The estimates are correlated, "
                          "some strongly: c'Vc needs the whole covariance.",
                          lambda: delta_method(elasticity_slopes(),
                                               np.diag(np.diag(minimum().covariance)))),
                  Mistake("You estimate beta anew for each theta2, as `problem.evaluate` does, "
                          "and count its error as well. In the delta method the 14 parameters vary "
                          "on their own: keep beta where theta2 moves.",
                          lambda: se_of_elasticity(concentrated=True)),
                  Mistake("You let beta alone vary, and with the standard error that takes "
                          "theta2 as known. It comes near, since theta2, with beta following it, "
                          "hardly moves the mean elasticity. That had to be found out: use all 14.",
                          lambda: abs(elasticity_slopes()[13]) * price_se(None, slice(13, None))),
                  Mistake("This is how much elasticities differ between products. "
                          "The standard error says how far their mean is from its true value "
                          "because the parameters are estimates.",
                          lambda: minimum().own_elasticities().std()),
                  Mistake("You take the elasticities as a random sample, "
                          "standard deviation over root N. They are computed from 14 estimates, "
                          "and the error of these is what counts.",
                          lambda: minimum().own_elasticities().std() / np.sqrt(model()[0].N)),
                  Mistake("That is theta2's part alone, with beta kept: add its column.",
                          lambda: delta_method(elasticity_slopes()[:13],
                                               minimum().covariance[:13, :13]))),
        hints=("First a function of 14 numbers. At the estimates it gives the mean "
               "of `estimates.own_elasticities()`: check that before you differentiate.",
               "Inside it: delta and mu from `mean_utilities(theta2)`, then the choice "
               "probabilities and alpha = beta + tastes times the row of Gamma for price. "
               "Central differences give c; the answer is the square root of c'Vc."),
        insight="A parameter may be badly determined while what we want to know is not: "
                "the errors of the parameters offset each other in it.",
        rtol=5e-3)}
