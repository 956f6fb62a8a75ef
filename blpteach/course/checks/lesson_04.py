"""Exercises of lesson 04: gradient, steps, Hansen's test, standard errors, bounds, elasticities."""
from functools import cache, partial

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import chi2

from ...examples import cereal
from ...gmm import concentrate, moment_covariance, sandwich
from ...market import UtilityOfPrice
from ...outcome import Outcome
from ...outer_loop import Objective
from ...problem import Problem
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

def price_se(clusters=None, parameters=slice(None), place=-1, weights=None, kind="robust"):
    """Standard error by the sandwich, S summed within `clusters`, a column of products or its name.

    Without clusters S is of the given `kind`.
    """
    found, problem = minimum(), model()[0]
    groups = problem.products[clusters] if isinstance(clusters, str) else clusters
    how = (kind,) if groups is None else ("clustered", groups.to_numpy())
    S = moment_covariance(problem.Z, found.xi, *how)
    W = found.W if weights is None else weights(S)
    return float(np.sqrt(sandwich(found.G[:, parameters], W, S, problem.N)[place, place]))


@cache
def two_step_by_city():
    """Standard error of the price coefficient in two-step GMM with weights by city."""
    problem, start = model()
    by_city = Problem(problem.products, problem.agents, linear="0 + prices", absorb="product_ids",
                      random="1 + prices + sugar + mushy", clusters="city_ids",
                      demographics="0 + income + income_squared + age + child")
    again = by_city.estimate(start["sigma"], start["pi"], steps=2, progress=False)
    return float(again.beta_se[0])


# 4.5: bounds -------------------------------------------------------------------------------------

@cache
def bounded():
    """Where a search over sigma >= 0 from Nevo's start ends: theta2 (P,) and the objective."""
    q, start = objective(), minimum().starts[0].theta2
    lower = np.where(minimum().free.columns < model()[0].L, 0, -np.inf)
    found = least_squares(q.residuals, start, q.jacobian, bounds=(lower, np.inf),
                          x_scale="jac", ftol=1e-12, xtol=1e-12)
    return found.x, 2 * found.cost


def price_coefficient(theta2, as_stacked=False):
    """The one that belongs to theta2; wrong if delta is taken product by product."""
    delta = objective().at(theta2).solved.delta
    if as_stacked:
        delta = delta[model()[0].blocks[0].index].T.ravel()
    return float((maps()[0] @ delta)[0])


@cache
def bounded_two_step():
    """Objective and price coefficient of two-step GMM over sigma >= 0."""
    problem, start = model()
    found = problem.estimate(start["sigma"], start["pi"], steps=2, sigma_bounds=(0, None),
                             progress=False)
    return [found.objective, found.beta[0]]


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
    delta = objective().at(theta2).solved.delta if delta is None else delta
    beta = maps()[0] @ delta if concentrated else beta
    outcome = Outcome(UtilityOfPrice(problem, beta, minimum().free.unpack(theta2).Gamma, delta))
    return (outcome.own_elasticities() * (outcome.shares / problem.shares if observed else 1)).mean()


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


def covariance(kind):
    """Of all 14 estimates; `"clustered"` by city."""
    found, problem = minimum(), model()[0]
    clusters = problem.products["city_ids"].to_numpy() if kind == "clustered" else None
    S = moment_covariance(problem.Z, found.xi, kind, clusters)
    return sandwich(found.G, found.W, S, problem.N)


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
        what="a function of (r, R, scale) that returns K numbers, the derivatives of q in eta",
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
                          lambda r, R, scale: -2 * scale * (R.T @ r)),
                  Mistake("You multiply by `scale` twice. theta2[k] = scale[k] * eta[k] "
                          "brings the factor in once.",
                          lambda r, R, scale: 2 * scale**2 * (R.T @ r)),
                  Mistake("You multiply all elements by one number, the length of `scale`. "
                          "Each parameter has a factor of its own.",
                          lambda r, R, scale: 2 * np.linalg.norm(scale) * (R.T @ r)),
                  Mistake("These are the derivatives of r in eta, two for each moment, times 2. "
                          "Those of q = r'r are their products with r, summed over moments.",
                          lambda r, R, scale: 2 * R * scale)),
        hints=("Begin with (4.4), the gradient in theta2.",
               "What is the derivative of theta2[k] in eta[k]?",
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
                  Mistake("This is 0, or False. Whether the test rejects follows from the p-value; "
                          "give that, a probability. If you computed it: `two_step.objective` is "
                          "N g'Wg already, and N times as much is too large for any chi-square.",
                          lambda: p_value(two_step(), 14, model()[0].N)),
                  Mistake("This is 1, or True. Whether the test rejects follows from the p-value; "
                          "give that, a probability. If you computed it: `two_step.objective` is "
                          "N g'Wg, which is J. It is not to be divided by N.",
                          lambda: p_value(two_step(), 14, 1 / model()[0].N)),
                  Mistake("You take one parameter off, beta. The 13 that were searched for "
                          "take away degrees of freedom too.",
                          lambda: p_value(two_step(), 1)),
                  Mistake("You use 13 degrees of freedom, the number of elements of theta2. "
                          "What counts is by how many the moments exceed the parameters.",
                          lambda: p_value(two_step(), 7)),
                  Mistake("You halve the objective. `two_step.objective` is r'r, not `cost`, "
                          "and r'r is J.",
                          lambda: p_value(two_step(), 14, 0.5)),
                  Mistake("This is the density at J. The p-value is the area to the right "
                          "of it: `chi2.sf`, not `chi2.pdf`.",
                          lambda: float(chi2.pdf(two_step().objective, 6))),
                  Mistake("This is the critical value at 5 percent. J is compared with it; "
                          "the p-value is the probability of more than J.",
                          lambda: float(chi2.ppf(0.95, 6)))),
        hints=("J is `two_step.objective`. Which distribution does it have, if the moments "
               "are valid?",
               "How many moments are there beyond the parameters, beta included?",
               "`scipy.stats.chi2.sf(value, degrees_of_freedom)` gives the probability of a "
               "larger value."),
        insight="A large p-value says that the moments agree with each other, in large samples "
                "and for rows that are independent. It can't say that all are valid."),
    "4.3": Exercise(
        what="a function of (r, R, penalty) that returns the step d, K numbers",
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
                          lambda r, R, penalty: shortened(r, R, squares(R), penalty / 2)),
                  Mistake("You square the penalty. It stands in the sum as it is.",
                          lambda r, R, penalty: shortened(r, R, squares(R), penalty**2)),
                  Mistake("You subtract the penalty's term from R'R. A penalty makes the matrix "
                          "larger, and the step shorter: add it.",
                          lambda r, R, penalty: shortened(r, R, squares(R), -penalty)),
                  Mistake("This goes straight down the gradient. The term |r + R d|² "
                          "brings R'R to the left side.",
                          lambda r, R, penalty: -R.T @ r),
                  Mistake("R'R is missing: you divide by the penalty's term alone. "
                          "Both terms of the sum depend on d.",
                          lambda r, R, penalty: -R.T @ r / (penalty * (R**2).sum(0))),
                  Mistake("Off the diagonal R'R got lost: the columns of R are not orthogonal. "
                          "Keep the whole of R'R, and add to its diagonal.",
                          lambda r, R, penalty: -R.T @ r / ((1 + penalty) * (R**2).sum(0))),
                  Mistake("You add the penalty to every element of R'R. "
                          "It belongs on the diagonal, times `(R**2).sum(0)`.",
                          lambda r, R, penalty: shortened(r, R, np.ones((2, 2)), penalty)),
                  Mistake("You square the sum of each column: `R.sum(0)**2`. "
                          "The penalty has the sum of squares, `(R**2).sum(0)`.",
                          lambda r, R, penalty: shortened(r, R, np.diag(R.sum(0)**2), penalty)),
                  Mistake("You take means of squares over the moments. The penalty has sums.",
                          lambda r, R, penalty: shortened(r, R, squares(R) / len(r), penalty)),
                  Mistake("This is the bare step times the penalty. The penalty does not shorten "
                          "a step after it is found: it stands inside the sum.",
                          lambda r, R, penalty: penalty * shortened(r, R, squares(R), 0)),
                  Mistake("This is the step over 1 + penalty, each column of R taken alone. "
                          "Solve for all elements of d together.",
                          lambda r, R, penalty: -(R.T @ r) / (R**2).sum(0) / (1 + penalty)**2)),
        hints=("Write the sum out for one d_k and set its derivative to zero.",
               "What comes beside R'R, and does it touch what is off the diagonal?",
               "The first-order condition is a linear system: (R'R plus a diagonal matrix) times "
               "d is -R'r. `np.diag` makes the matrix, `np.linalg.solve` solves."),
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
                          lambda: price_se("city_ids", weights=lambda S: np.linalg.inv(S))),
                  Mistake("This takes one variance for all rows, \"unadjusted\", and no clusters. "
                          "Sum the moments within cities: kind \"clustered\".",
                          lambda: price_se(kind="unadjusted")),
                  Mistake("One variance for all rows, and theta2 taken as known. "
                          "Use all columns of G, and cluster by city.",
                          lambda: price_se(None, slice(13, None), kind="unadjusted")),
                  Mistake("You divide by the number of cities, 47, where N belongs. (3.9) divides "
                          "by N, and so does S: the moments are means over rows.",
                          lambda: price_se("city_ids") * np.sqrt(model()[0].N / 47)),
                  Mistake("The factor 1/N of (3.9) is missing.",
                          lambda: price_se("city_ids") * np.sqrt(model()[0].N)),
                  Mistake("You divide by the root of the number of cities once more. "
                          "The sandwich has 1/N in it; nothing is left to divide by.",
                          lambda: price_se("city_ids") / np.sqrt(47)),
                  Mistake("You cluster by firm. What is not independent are rows of one city.",
                          lambda: price_se("firm_ids")),
                  Mistake("You cluster by quarter, two clusters with 47 cities in each. "
                          "It is the city whose rows belong together.",
                          lambda: price_se(model()[0].products["market_ids"].str[-2:])),
                  Mistake("You multiply the standard error of independent rows by root 2, as if "
                          "the two quarters were copies. Let the data say: sum the moments "
                          "within cities.",
                          lambda: np.sqrt(2) * price_se()),
                  Mistake("This is the standard error of the last of theta2. "
                          "G and the covariance have beta after it: the very last.",
                          lambda: price_se("city_ids", place=-2)),
                  Mistake("These are other estimates, those of two-step GMM with weights by city. "
                          "Keep `estimates`, and change S alone.", two_step_by_city),
                  Mistake("This is the t value. The standard error is what it divides by.",
                          lambda: abs(minimum().beta[0]) / price_se("city_ids"))),
        hints=("Which of the matrices in (3.9) knows about independence? Change that one alone.",
               "Look at the arguments of `blpteach.moment_covariance`: `kind` and `clusters`.",
               "`kind` is \"clustered\" and `clusters` the column of cities as an array. "
               "Then `sandwich` as in the lesson, with all columns of G; "
               "the price coefficient is last."),
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
                          lambda: [stopped().objective, stopped().beta[0]]),
                  Mistake("Half of the minimum without bounds, and its price coefficient: give "
                          "`least_squares` its `bounds`, and double SciPy's `cost`.",
                          lambda: [minimum().objective / 2, minimum().beta[0]]),
                  Mistake("The price coefficient is right. The objective is that of the minimum "
                          "without bounds, which no bounded search can reach.",
                          lambda: [minimum().objective, price_coefficient(bounded()[0])]),
                  Mistake("The objective is right, the price coefficient that of the starting "
                          "values. Take `beta_map` times the delta of `bounded.x`.",
                          lambda: [bounded()[1], price_coefficient(minimum().starts[0].theta2)]),
                  Mistake("These are the starting values' numbers: nothing was searched.",
                          lambda: [objective().value(minimum().starts[0].theta2),
                                   price_coefficient(minimum().starts[0].theta2)]),
                  Mistake("The search is right. You gave the length of r; "
                          "the objective is its square, r'r.",
                          lambda: [np.sqrt(bounded()[1]), price_coefficient(bounded()[0])]),
                  Mistake("The search is right. The objective is r'r as it is: "
                          "N g'Wg has N in it and is not divided by it.",
                          lambda: [bounded()[1] / model()[0].N, price_coefficient(bounded()[0])]),
                  Mistake("The objective is right. `beta_map` wants delta in the order of the "
                          "table: put the stack there with `block.index` first.",
                          lambda: [bounded()[1], price_coefficient(bounded()[0], True)]),
                  Mistake("You searched with the weights of two-step GMM. "
                          "Keep those of `residuals`, the first step's.", bounded_two_step)),
        hints=("Which of the 13 elements must not be negative?",
               "`bounds=(lower, upper)`: "
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
                                               minimum().covariance[:13, :13])),
                  Mistake("The slopes are right. You use a covariance clustered by city; the "
                          "exercise asks for (3.9), rows independent: `estimates.covariance`.",
                          lambda: delta_method(elasticity_slopes(), covariance("clustered"))),
                  Mistake("The slopes are right. You use a covariance with one variance for all "
                          "rows; `estimates.covariance` is the robust one.",
                          lambda: delta_method(elasticity_slopes(), covariance("unadjusted"))),
                  Mistake("Twice the right number: a central difference divides by 2 h, "
                          "the way from one side to the other.",
                          lambda: 2 * se_of_elasticity()),
                  Mistake("This is the mean own elasticity itself. How far may it be from the "
                          "true one, because 14 parameters are estimates?",
                          lambda: minimum().own_elasticities().mean()),
                  Mistake("This is the price coefficient's standard error. The elasticity is "
                          "another function of all 14 parameters: differentiate it.",
                          lambda: float(minimum().beta_se[0])),
                  Mistake("You take the elasticity as proportional to the price coefficient. "
                          "Then theta2 would play no part, and it does.",
                          lambda: float(abs(minimum().own_elasticities().mean()
                                            * minimum().beta_se[0] / minimum().beta[0]))),
                  Mistake("This is the error as a fraction of the elasticity. "
                          "Give the standard error itself.",
                          lambda: se_of_elasticity() / abs(minimum().own_elasticities().mean())),
                  Mistake("This is the error in percent of the elasticity. "
                          "Give the standard error itself.",
                          lambda: (100 * se_of_elasticity()
                                   / abs(minimum().own_elasticities().mean()))),
                  Mistake("This is a t value: the elasticity over its standard error, "
                          "or the inverse of what is asked.",
                          lambda: abs(minimum().own_elasticities().mean()) / se_of_elasticity()),
                  Mistake("You sum the elasticities over all rows. The question is about "
                          "their mean.",
                          lambda: model()[0].N * se_of_elasticity()),
                  Mistake("You divide by root N once more. The covariance is that of the "
                          "estimates: it has 1/N in it.",
                          lambda: se_of_elasticity() / np.sqrt(model()[0].N)),
                  Mistake("You add up |c| times standard errors, as if all estimates erred "
                          "together and the same way. The variance is c'Vc.",
                          lambda: float(abs(elasticity_slopes())
                                        @ np.sqrt(np.diag(minimum().covariance))))),
        hints=("First a function of 14 numbers. At the estimates it gives the mean "
               "of `estimates.own_elasticities()`: check that before you differentiate.",
               "Central differences give c, 14 numbers. For each theta2 delta has to be "
               "found anew.",
               "Inside it: delta and mu from `mean_utilities(theta2)`, then the choice "
               "probabilities and alpha = beta + tastes times the row of Gamma for price. "
               "Central differences give c; the answer is the square root of c'Vc."),
        insight="A parameter may be badly determined while what we want to know is not: "
                "the errors of the parameters offset each other in it.",
        rtol=2e-3)}
