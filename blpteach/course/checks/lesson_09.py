"""Exercises of lesson 09."""
import warnings
from functools import cache, partial
from itertools import permutations

import numpy as np

from ...tables.datasets import load_autos
from ...examples import AUTOMOBILE_OPTIMUM, automobile_parameters
from ...post_estimation import equilibrium_prices, margins, ownership_matrix, share_jacobian
from ...problem import Problem
from ...supply import margin_jacobian
from ...utility import market_shares
from .exercise import Exercise, Mistake

# The automobiles at the estimates ----------------------------------------------------------------

YEAR = 1990
AIR_BY_GMM = 0.423                      # gamma on air of the lesson's joint estimate
START = (3.612, 4.628, 1.818, 1.050, 2.056, -43.501)


@cache
def cars():
    """Demand at the lesson's theta2: that is enough for costs, since price is not in X1."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Column `weights` of agents sums")
        problem = Problem(*load_autos(), linear="1 + hpwt + air + mpd + space",
                          random="1 + prices + hpwt + air + mpd + space",
                          demographics="0 + I(1 / income)")
    return problem.evaluate(**automobile_parameters(*AUTOMOBILE_OPTIMUM))


@cache
def logit_costs():
    """Costs (N,) by the logit with instruments."""
    problem = Problem(load_autos()[0], linear="1 + hpwt + air + mpd + space + prices")
    return problem.estimate().costs()


@cache
def costs(kind="firms"):
    """Costs (N,) in thousands of dollars, of the firms as they are or by another `kind`:
    each car a firm (`single`), all cars one firm's (`one firm`), or demand at the `start`.
    """
    if kind == "firms":
        return cars().costs()
    if kind == "start":
        return cars().problem.evaluate(**automobile_parameters(*START)).costs()
    estimates, problem = cars(), cars().problem
    firms = np.arange(problem.N) if kind == "single" else np.zeros(problem.N)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = Problem(problem.products.assign(firm_ids=firms), **problem.arguments)
    return problem.evaluate(estimates.sigma, estimates.pi).costs()


@cache
def year():
    """The market of 1990."""
    return cars().market(YEAR)


# 9.1: the cost of a Honda ------------------------------------------------------------------------

def accord(values):
    """The Honda Accord's of a column (N,), thousands of dollars to dollars."""
    table = cars().problem.products
    here = (table["clustering_ids"] == "HDACCO90") & (table["market_ids"] == YEAR)
    return 1000 * float(np.asarray(values)[here][0])


def accord_of_all_years():
    """Mean cost over the years of the Accord, dollars."""
    labels = cars().problem.products["clustering_ids"]
    return 1000 * costs()[labels.str.startswith("HDACCO").to_numpy()].mean()


ACCORD = Exercise(
    what="one number, in 1983 dollars",
    right=lambda: accord(costs()),
    mistakes=(
        Mistake("This is in thousands of dollars, the unit of `prices`. "
                "The answer is asked in dollars.",
                lambda: accord(costs()) / 1000),
        Mistake("This is the margin, price less cost.", lambda: accord(cars().prices - costs())),
        Mistake("This is the margin, and in thousands of dollars. Asked is the cost, in dollars.",
                lambda: accord(cars().prices - costs()) / 1000),
        Mistake("This is the margin over the price, a fraction. Asked is the cost, in dollars.",
                lambda: accord((cars().prices - costs()) / cars().prices) / 1000),
        Mistake("You added the margin to the price. Cost is the price less the margin.",
                lambda: accord(2 * cars().prices - costs())),
        Mistake("This is the mean over the Accord's years. Take 1990 alone.",
                accord_of_all_years),
        Mistake("This is the price. The cost is what is left of it when the margin is taken away.",
                lambda: accord(cars().prices)),
        Mistake("This is what a firm with the Accord alone would imply, `p (1 + 1/e)`. "
                "Honda has four more cars in 1990, and its margin is larger.",
                lambda: accord(costs("single"))),
        Mistake("These are the costs that a joint monopoly would imply. The firms are as they are.",
                lambda: accord(costs("one firm"))),
        Mistake("This is the logit's cost. Use `estimates`, the joint estimate.",
                lambda: accord(logit_costs())),
        Mistake("This is the cost at the starting values. Use `estimates`, where the search ended.",
                lambda: accord(costs("start"))),
        Mistake("This is the mean over all cars of 1990. Find the row of the Accord.",
                lambda: 1000 * costs()[cars().problem.products["market_ids"] == YEAR].mean())),
    hints=("(9.1) is done for every row: `estimates.costs()`, in the units of `prices`.",
           "Compare two columns of `products`: `clustering_ids` with the car, "
           "`market_ids` with the year.",
           "Find the row with `products[\"clustering_ids\"] == \"HDACCO90\"` in 1990, "
           "and multiply by 1000."),
    insight="No accountant was asked: the number is what makes this price the best one for Honda, "
            "if demand and conduct are right.")


# Regressions on the characteristics of costs -----------------------------------------------------

@cache
def characteristics():
    """X3 (N, 6)."""
    t = cars().problem.products
    return np.column_stack([np.ones(len(t)), np.log(t["hpwt"]), t["air"],
                            np.log(t["mpg"]), np.log(t["space"]), t["trend"]])


def fit(y, X=None):
    """Least squares on X3, or on other columns."""
    return np.linalg.lstsq(characteristics() if X is None else X, y, rcond=None)[0]


def air_in_logs(rows=slice(None), X=None):
    """Coefficients of air in the equations of log cost and of log price."""
    X = characteristics() if X is None else X
    return np.array([fit(np.log(values)[rows], X[rows])[2] for values in (costs(), cars().prices)])


def levels():
    """The characteristics without logs."""
    t = cars().problem.products
    return np.column_stack([np.ones(len(t)), t[["hpwt", "air", "mpg", "space", "trend"]]])


def air_in_dollars():
    """What air adds, in percent of the mean: from equations of costs and prices themselves."""
    return np.array([100 * fit(values)[2] / values.mean() for values in (costs(), cars().prices)])


AIR = Exercise(
    what="two numbers, in percent: of cost, of price",
    right=lambda: 100 * (np.exp(air_in_logs()) - 1),
    mistakes=(
        Mistake("These are log points, 100 times the coefficients. A log difference of g "
                "is `100 * (exp(g) - 1)` percent, and for large g that is much more.",
                lambda: 100 * air_in_logs()),
        Mistake("These are the coefficients, differences in logs. "
                "A log difference of g is `100 * (exp(g) - 1)` percent.",
                air_in_logs),
        Mistake("This is by how much a car *without* air conditioning is cheaper, `1 - exp(-g)`. "
                "Asked is by how much one with it is dearer.",
                lambda: 100 * (1 - np.exp(-air_in_logs()))),
        Mistake("The other columns are not in logs. `X3` has log `hpwt`, "
                "log `mpg` and log `space`; take it from `problem.cost_model.X3`.",
                lambda: 100 * (np.exp(air_in_logs(X=levels())) - 1)),
        Mistake("You divided a difference in dollars by the mean. Regress the logarithms.",
                air_in_dollars),
        Mistake("The trend is missing from your regression. "
                "Air conditioning spread over the years, and so did other costs.",
                lambda: 100 * (np.exp(air_in_logs(X=characteristics()[:, :5])) - 1)),
        Mistake("This is the ratio in percent, `100 exp(g)`. Subtract the 100 that were there.",
                lambda: 100 * np.exp(air_in_logs())),
        Mistake("These are dollars, from equations of costs and prices themselves. "
                "Regress logarithms.",
                lambda: 1000 * np.array([fit(values)[2] for values in (costs(), cars().prices)])),
        Mistake("This is the column of log `hpwt`. `air` is the third column of `X3`.",
                lambda: 100 * (np.exp([fit(np.log(values))[1]
                                       for values in (costs(), cars().prices)]) - 1)),
        Mistake("The first is the joint estimate's gamma, by two-step GMM. "
                "Regress log costs on `X3` by least squares.",
                lambda: 100 * (np.exp([AIR_BY_GMM, air_in_logs()[1]]) - 1)),
        Mistake("Both numbers are of the price. The first is of the cost.",
                lambda: 100 * (np.exp(air_in_logs()[[1, 1]]) - 1)),
        Mistake("Price first, then cost: the order is cost, price.",
                lambda: 100 * (np.exp(air_in_logs()) - 1)[::-1])),
    hints=("Two regressions with the same columns, `X3`, of two logarithms.",
           "Left stand `np.log(estimates.costs())` and `np.log(products[\"prices\"])`. "
           "`air` is the third column.",
           "If log cost rises by g, cost is multiplied by `exp(g)`."),
    insight="The cost equation is a hedonic regression of what margins leave of the price, "
            "so both say nearly the same; "
            "the percentages are those of the luxury that comes with air conditioning.")


def air_dollars(adds=lambda c, g: c * (1 - np.exp(-g)), of=lambda air: air == 1, c=None):
    """Dollars that air adds by the linear and by the log equation.

    The second is a mean over the cars `of`; `adds` takes cost, by default fitted, and g.
    """
    linear, gamma, X = fit(costs()), fit(np.log(costs())), characteristics()
    c = np.exp(X @ gamma) if c is None else c
    return 1000 * np.array([linear[2], adds(c, gamma[2])[of(X[:, 2])].mean()])


def difference_of_means():
    """Mean cost of cars with air less that of others, dollars."""
    has_air = characteristics()[:, 2] == 1
    return 1000 * (costs()[has_air].mean() - costs()[~has_air].mean())


DOLLARS = Exercise(
    what="two numbers, in dollars: by the linear equation, by the log equation",
    right=air_dollars,
    mistakes=(
        Mistake("These are thousands of dollars, the unit of costs. Asked are dollars.",
                lambda: air_dollars() / 1000),
        Mistake("The second is a mean over all cars. "
                "Asked is the mean over cars that have air conditioning.",
                lambda: air_dollars(of=lambda air: air >= 0)),
        Mistake("The second multiplies by `exp(g) - 1` where the fitted cost has the air "
                "conditioning already: what it added is `c (1 - exp(-g))`.",
                lambda: air_dollars(lambda c, g: c * (np.exp(g) - 1))),
        Mistake("The second is what air conditioning would add to cars that lack it. "
                "Asked is what it adds to the cost of those that have it.",
                lambda: air_dollars(lambda c, g: c * (np.exp(g) - 1), of=lambda air: air == 0)),
        Mistake("The second takes the coefficient for a percentage, `g` times the fitted cost. "
                "That holds for small g only.",
                lambda: air_dollars(lambda c, g: c * g)),
        Mistake("The second uses implied costs. "
                "Asked are fitted ones, `exp(X3 @ gamma)`, without omega.",
                lambda: air_dollars(c=costs())),
        Mistake("The second is the difference of two mean costs, with air and without. "
                "The cars with it differ in all other columns too.",
                lambda: np.array([air_dollars()[0], difference_of_means()])),
        Mistake("The second is made of log costs. The fitted cost is `exp(X3 @ gamma)`.",
                lambda: air_dollars(c=characteristics() @ fit(np.log(costs())))),
        Mistake("The second is a percentage. Asked are dollars: "
                "that fraction of each fitted cost, on average.",
                lambda: np.array([air_dollars()[0], (100 * (np.exp(air_in_logs()) - 1))[0]])),
        Mistake("The second is a sum over cars. Take the mean.",
                lambda: air_dollars() * [1, (characteristics()[:, 2] == 1).sum()]),
        Mistake("Linear first, then log.", lambda: air_dollars()[::-1]),
        Mistake("The linear equation is a regression of prices. Regress costs.",
                lambda: np.array([1000 * fit(cars().prices)[2], air_dollars()[1]]))),
    hints=("Two regressions on `X3`. The first number is a coefficient; "
           "the second needs fitted costs, `np.exp(X3 @ gamma)`.",
           "Without air conditioning the fitted cost would be `exp(-gamma_air)` times what it is. "
           "What does that take away?",
           "Choose rows with `X3[:, 2] == 1`. Costs are in thousands of dollars."),
    insight="A log equation says percent, so its dollars depend on the car; "
            "a linear one gives every car the same dollars.")


# 9.4: who owns a piece of whom -------------------------------------------------------------------

def probabilities(rng, J, I):
    """Choice probabilities (J, I) and weights (I,), rounded so that they fit on a screen."""
    V, weights = rng.normal(-0.5, 1, (J, I)), rng.dirichlet(np.ones(I)).round(3)
    weights[0] += 1 - weights.sum()
    return (np.exp(V) / (1 + np.exp(V).sum(0))).round(3), weights


def small_stakes(rng):
    """Three or four products of three firms, and who holds what of whom."""
    J, I = rng.integers(3, 5), rng.integers(3, 6)
    P, weights = probabilities(rng, J, I)
    alpha, prices = -rng.uniform(1, 4, (J, I)).round(2), rng.uniform(2, 5, J).round(2)
    firm_ids, stakes = np.array([1, 0, 2, 1])[:J], rng.uniform(0.05, 0.6, (3, 3)).round(2)
    return {"P": P, "weights": weights, "alpha": alpha, "prices": prices,
            "firm_ids": firm_ids, "stakes": stakes}


def with_stakes(P, weights, alpha, prices, firm_ids, stakes):
    """Costs (J,) if firms hold stakes in others."""
    holdings = {(f, g): stakes[f, g] for f, g in permutations(range(len(stakes)), 2)}
    H = ownership_matrix(firm_ids, holdings)
    return prices - margins(P @ weights, share_jacobian(P, weights, alpha), H)


def by_weights(H):
    """The function with other weights: from firm_ids and stakes to (J, J)."""
    def mistaken(P, weights, alpha, prices, firm_ids, stakes):
        D = share_jacobian(P, weights, alpha)
        return prices - margins(P @ weights, D, H(firm_ids, stakes))
    return mistaken


def of_setter(firm_ids, stakes):
    """stakes by product: [j, l] is what the firm of j holds of that of l."""
    return stakes[firm_ids[:, None], firm_ids[None, :]]


def ones_on_diagonal(firm_ids, stakes):
    """Only a product's own weight is one."""
    same_product = np.eye(len(firm_ids), dtype=bool)
    return np.where(same_product, 1, of_setter(firm_ids, stakes))


def alone_with_rivals(firm_ids, stakes):
    """Ones on the diagonal, stakes in rivals, nothing for a firm's other products."""
    same_firm = firm_ids[:, None] == firm_ids
    return np.where(same_firm, 0, of_setter(firm_ids, stakes)) + np.eye(len(firm_ids))


def plain_shares(P, weights, alpha, prices, firm_ids, stakes):
    """Shares as means over types."""
    H = np.where(firm_ids[:, None] == firm_ids, 1, of_setter(firm_ids, stakes))
    return prices - margins(P.mean(1), share_jacobian(P, weights, alpha), H)


def untransposed(P, weights, alpha, prices, firm_ids, stakes):
    """With D in place of its transpose."""
    H = np.where(firm_ids[:, None] == firm_ids, 1, of_setter(firm_ids, stakes))
    return prices - np.linalg.solve(-H * share_jacobian(P, weights, alpha), P @ weights)


STAKES = Exercise(
    what="a function of (P, weights, alpha, prices, firm_ids, stakes) "
         "that returns costs, an array (J,)",
    right=with_stakes,
    mistakes=(
        Mistake("`stakes` was averaged with its transpose. "
                "What f holds of g and what g holds of f are two numbers; H need not be symmetric.",
                lambda P, weights, alpha, prices, firm_ids, stakes:
                    with_stakes(P, weights, alpha, prices, firm_ids, (stakes + stakes.T) / 2)),
        Mistake("`stakes` is transposed. Row j of H belongs to the setter of price j: "
                "`H[j, l] = stakes[firm of j, firm of l]`.",
                lambda P, weights, alpha, prices, firm_ids, stakes:
                    with_stakes(P, weights, alpha, prices, firm_ids, stakes.T)),
        Mistake("The diagonal of `stakes` stands for a firm's weight on its own cars. "
                "That is one: put ones where both cars belong to one firm.",
                by_weights(of_setter)),
        Mistake("The stakes of the diagonal are added to the ones of a firm's own cars. "
                "Own cars have a weight of one, whatever stands there.",
                by_weights(lambda firm_ids, stakes: of_setter(firm_ids, stakes)
                           + (firm_ids[:, None] == firm_ids))),
        Mistake("A firm's other cars have a weight of zero here. They belong to it: one.",
                by_weights(alone_with_rivals)),
        Mistake("The margins are added to prices. Costs are prices less margins.",
                lambda P, weights, alpha, prices, firm_ids, stakes:
                    2 * prices - with_stakes(P, weights, alpha, prices, firm_ids, stakes)),
        Mistake("Shares are plain means over types. They are `P @ weights`.",
                plain_shares),
        Mistake("Only the diagonal of H is one. "
                "Cars of *one* firm have a weight of one on each other too.",
                by_weights(ones_on_diagonal)),
        Mistake("`stakes` is not used: "
                "these are the costs of firms that own nothing of each other.",
                by_weights(lambda firm_ids, stakes: ownership_matrix(firm_ids))),
        Mistake("Rivals get a weight of one. That is joint monopoly; "
                "a dollar of firm g counts as `stakes[f, g]`.",
                by_weights(lambda firm_ids, stakes: np.ones((len(firm_ids),) * 2))),
        Mistake("The Jacobian must be transposed, as in (5.6): "
                "the condition of price j has the derivatives of all shares in that one price.",
                untransposed),
        Mistake("These are margins. Costs are prices less margins.",
                lambda P, weights, alpha, prices, firm_ids, stakes:
                    prices - with_stakes(P, weights, alpha, prices, firm_ids, stakes))),
    hints=("Make H first: ones where two cars belong to one firm, "
           "and elsewhere the stake of the row's firm in the column's.",
           "`stakes[firm_ids[:, None], firm_ids[None, :]]` spreads stakes over products.",
           "`np.where` puts the ones in, where two cars belong to one firm. "
           "With H, (9.1) is `implied_costs`."),
    insight="A row of H belongs to who sets the price, so a stake of f in g makes f spare g: "
            "at given prices its margins are larger and its costs smaller.",
    inputs=small_stakes)


# 9.6: the derivative of log costs ----------------------------------------------------------------

def small_slope(rng):
    """Three or four products with positive costs, a characteristic, nodes, and how delta moves."""
    J, I = rng.integers(3, 5), rng.integers(3, 6)
    P, weights = probabilities(rng, J, I)
    alpha, firm_ids = -rng.uniform(1, 4, (J, I)).round(2), np.array([1, 2, 1, 2])[:J]
    H = np.where(firm_ids[:, None] == firm_ids, 1.0, rng.uniform(0, 0.3, (J, J)).round(2))
    eta = margins(P @ weights, share_jacobian(P, weights, alpha), H)
    prices, x = (eta + rng.uniform(1, 3, J)).round(2), rng.uniform(0, 2, J).round(2)
    nu, d_delta = rng.normal(size=I).round(2), rng.normal(0, 0.5, J).round(2)
    return {"P": P, "weights": weights, "alpha": alpha, "prices": prices, "ownership": H,
            "x": x, "nu": nu, "d_delta": d_delta}


def slope(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Derivatives of margins, and margins, (J,) each."""
    eta = margins(P @ weights, share_jacobian(P, weights, alpha), ownership)
    dV = np.asarray(d_delta)[:, None] + x[:, None] * nu
    return margin_jacobian(P, weights, alpha, eta, ownership, [(dV, np.zeros_like(P))])[:, 0], eta


def log_cost_slope(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Derivative of log costs (J,)."""
    d_eta, eta = slope(P, weights, alpha, prices, ownership, x, nu, d_delta)
    return -d_eta / (prices - eta)


def scaled(function):
    """The function with another last step: from d_eta, eta and prices."""
    def mistaken(P, weights, alpha, prices, ownership, x, nu, d_delta):
        d_eta, eta = slope(P, weights, alpha, prices, ownership, x, nu, d_delta)
        return function(d_eta, eta, prices)
    return mistaken


def with_alpha(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Alpha given for its derivative."""
    eta = margins(P @ weights, share_jacobian(P, weights, alpha), ownership)
    dV = np.asarray(d_delta)[:, None] + x[:, None] * nu
    return -margin_jacobian(P, weights, alpha, eta, ownership, [(dV, alpha)])[:, 0] / (prices - eta)


def difference(function, P, dP, h=1e-6):
    """The derivative of a function of P in the direction dP."""
    return (function(P + h * dP) - function(P - h * dP)) / (2 * h)


def half_transposed(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """(9.3) with the derivative of D not transposed."""
    _, eta = slope(P, weights, alpha, prices, ownership, x, nu, d_delta)
    dV = d_delta[:, None] + x[:, None] * nu
    D_at = partial(share_jacobian, weights=weights, alpha=alpha)
    dD = difference(D_at, P, P * (dV - (P * dV).sum(0)))
    return np.linalg.solve(ownership * D_at(P).T, (ownership * dD) @ eta) / (prices - eta)


def not_transposed(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Everything with D in place of D'."""
    def eta_at(moved):
        return np.linalg.solve(-ownership * share_jacobian(moved, weights, alpha), P @ weights)
    dV = d_delta[:, None] + x[:, None] * nu
    d_eta = difference(eta_at, P, P * (dV - (P * dV).sum(0)))
    return -d_eta / (prices - eta_at(P))


def rough_probabilities(P, weights, alpha, prices, ownership, x, nu, d_delta):
    """Choice probabilities that move by s dV, the mean over products forgotten."""
    dV = d_delta[:, None] + x[:, None] * nu
    D_at = partial(share_jacobian, weights=weights, alpha=alpha)
    D, dD = D_at(P), difference(D_at, P, P * dV)
    eta = margins(P @ weights, D, ownership)
    return np.linalg.solve(ownership * D.T, (ownership * dD.T) @ eta) / (prices - eta)


SLOPE = Exercise(
    what="a function of (P, weights, alpha, prices, ownership, x, nu, d_delta) "
         "that returns derivatives, an array (J,)",
    right=log_cost_slope,
    mistakes=(
        Mistake("Delta is held. When sigma moves, delta adjusts so that shares stay: "
                "`dV = d_delta + x nu`, with both parts.",
                lambda P, weights, alpha, prices, ownership, x, nu, d_delta:
                    log_cost_slope(P, weights, alpha, prices, ownership, x, nu, 0 * d_delta)),
        Mistake("Only delta moves here; the taste itself, `x nu`, is missing from dV.",
                lambda P, weights, alpha, prices, ownership, x, nu, d_delta:
                    log_cost_slope(P, weights, alpha, prices, ownership, 0 * x, nu, d_delta)),
        Mistake("Alpha does not depend on this sigma: its derivative `dalpha` is zero, not alpha.",
                with_alpha),
        Mistake("This is the derivative of cost, not of log cost: divide by the cost.",
                scaled(lambda d_eta, eta, prices: -d_eta)),
        Mistake("This is the derivative of the margin, with its own sign. "
                "Costs are prices less margins, and a logarithm divides by cost.",
                scaled(lambda d_eta, eta, prices: d_eta)),
        Mistake("This has the wrong sign. A cost falls where its margin rises: "
                "costs are prices *less* margins.",
                scaled(lambda d_eta, eta, prices: d_eta / (prices - eta))),
        Mistake("This is the derivative of log *margins*. Asked is that of log costs.",
                scaled(lambda d_eta, eta, prices: d_eta / eta)),
        Mistake("The derivative of a logarithm divides by the cost. You multiplied.",
                scaled(lambda d_eta, eta, prices: -d_eta * (prices - eta))),
        Mistake("You divided by price plus margin. The cost is price less margin.",
                scaled(lambda d_eta, eta, prices: -d_eta / (prices + eta))),
        Mistake("The taste enters with a minus here. `dV = d_delta + x nu`.",
                lambda P, weights, alpha, prices, ownership, x, nu, d_delta:
                    log_cost_slope(P, weights, alpha, prices, ownership, -x, nu, d_delta)),
        Mistake("Delta enters with a minus here. `d_delta` is how delta moves: add it.",
                lambda P, weights, alpha, prices, ownership, x, nu, d_delta:
                    log_cost_slope(P, weights, alpha, prices, ownership, x, nu, -d_delta)),
        Mistake("You divided by the price. The logarithm is that of cost.",
                scaled(lambda d_eta, eta, prices: -d_eta / prices)),
        Mistake("You divided by the margin. The logarithm is that of cost.",
                scaled(lambda d_eta, eta, prices: -d_eta / eta)),
        Mistake("`dD` must be transposed as D is: `(H * dD') eta`.", half_transposed),
        Mistake("The Jacobian is nowhere transposed. "
                "The conditions have `H * D'`, in the margins and in their derivative.",
                not_transposed),
        Mistake("Probabilities move by `s (dV - sum_k s_k dV_k)`: what makes one product better "
                "takes buyers from the others of the same type. The sum is missing.",
                rough_probabilities)),
    hints=("Three parts: margins, their derivative (9.3), and the chain rule for log c. "
           "Which total derivative dV belongs to sigma_k? What is that of alpha?",
           "Utility moves by the taste and by delta, which adjusts; alpha does not move at all.",
           "`margin_jacobian` takes a list of pairs (dV, dalpha), (J, I) each, here of one pair; "
           "it returns d eta as a column."),
    insight="This column, once for each parameter, "
            "is all that the supply side adds to the derivatives of lesson 04.",
    inputs=small_slope)


# 9.5: two firms price as one ---------------------------------------------------------------------

BOTH = {(18, 19): 1, (19, 18): 1}


def prices_with(holdings):
    """New prices (J,) of 1990."""
    m = year()
    return equilibrium_prices(m.delta, m.mu, m.alpha, m.weights, m.prices, cars().costs(YEAR),
                              ownership_matrix(m.firm_ids, holdings)).prices


def profit(prices, shares=None, whose=(18, 19)):
    """Profits of some firms in dollars per household, at shares that go with the prices or at given ones."""
    m = year()
    if shares is None:
        shares = market_shares(m.delta, m.mu + m.alpha * (prices - m.prices)[:, None], m.weights)
    return 1000 * ((prices - cars().costs(YEAR)) * shares)[np.isin(m.firm_ids, whose)].sum()


def gain(holdings=BOTH, whose=(18, 19)):
    """Change of profits."""
    return profit(prices_with(holdings), whose=whose) - profit(year().prices, whose=whose)


def revenue():
    """Change of the two firms' revenue, dollars per household."""
    m, theirs, new = year(), np.isin(year().firm_ids, (18, 19)), prices_with(BOTH)
    sold = market_shares(m.delta, m.mu + m.alpha * (new - m.prices)[:, None], m.weights)
    return 1000 * (new * sold - m.prices * m.shares)[theirs].sum()


def price_rise():
    """Mean rise of the two firms' prices, percent."""
    rise = prices_with(BOTH) / year().prices - 1
    return 100 * rise[np.isin(year().firm_ids, (18, 19))].mean()


def short_cut():
    """Costs plus the markups that the new owner would want at the old prices."""
    m = year()
    D, H = share_jacobian(m.P, m.weights, m.alpha), ownership_matrix(m.firm_ids, BOTH)
    return cars().costs(YEAR) + margins(m.shares, D, H)


def rivals_asleep():
    """The two firms' profits if nobody else changed a price."""
    m, new = year(), prices_with(BOTH)
    return profit(np.where(np.isin(m.firm_ids, (18, 19)), new, m.prices)) - profit(m.prices)


GAIN = Exercise(
    what="one number, in dollars per household",
    right=gain,
    mistakes=(
        Mistake("You recomputed the markups and left sales as they were. Buyers leave at higher prices; solve all conditions again and take the new shares.",
                lambda: profit(short_cut(), year().shares) - profit(year().prices)),
        Mistake("The prices are old costs plus the markups that belong to the old shares. At new prices the markups are others: use `equilibrium_prices`.",
                lambda: profit(short_cut()) - profit(year().prices)),
        Mistake("New prices with the old shares. At the new prices fewer cars are sold.", lambda: profit(prices_with(BOTH), year().shares) - profit(year().prices)),
        Mistake("This is in thousands of dollars, the unit of prices.", lambda: gain() / 1000),
        Mistake("These are the profits of all firms. Asked are those of 18 and 19.", lambda: gain(whose=np.unique(year().firm_ids))),
        Mistake("Firm 18 counts the profit of 19, but not the other way round. A weight is needed in both directions.", lambda: gain({(18, 19): 1})),
        Mistake("Firm 19 counts the profit of 18, but not the other way round. A weight is needed in both directions.", lambda: gain({(19, 18): 1})),
        Mistake("This is the gain of 18 alone. Add that of 19.", lambda: gain(whose=(18,))),
        Mistake("This is the gain of 19 alone. Add that of 18.", lambda: gain(whose=(19,))),
        Mistake("This is what the rivals gain. Asked are 18 and 19.",
                lambda: gain(whose=np.setdiff1d(year().firm_ids, (18, 19)))),
        Mistake("This is a change of revenue. Profits are after costs.", revenue),
        Mistake("This is the gain in percent of the profit before. Asked are dollars.",
                lambda: 100 * gain() / profit(year().prices)),
        Mistake("This is the gain per car model. Add up over the models.",
                lambda: gain() / np.isin(year().firm_ids, (18, 19)).sum()),
        Mistake("This is the profit before. Asked is by how much it changes.",
                lambda: profit(year().prices)),
        Mistake("This is before less after. A gain is after less before.", lambda: -gain()),
        Mistake("This is by how many percent their prices rise. Asked is the change of profits.",
                price_rise),
        Mistake("All firms price as one here. Only 18 and 19 do.", lambda: gain(1.0)),
        Mistake("The rivals still ask their old prices. Their conditions are solved again too.",
                rivals_asleep),
        Mistake("This is the profit after, not its change: subtract what the two earn now.",
                lambda: profit(prices_with(BOTH)))),
    hints=("Three steps: new ownership, new prices with the old costs, "
           "and new shares at the new prices.",
           "New shares need the new mu, since price stands in X2: add alpha times the change "
           "of price to `one.mu`, then `blpteach.market_shares`.",
           "Profits are margins times shares, before and after; add up over "
           "`np.isin(firm, [18, 19])`. Prices are in thousands of dollars."),
    insight="Recomputed markups on old sales would promise the firms more than they get: "
            "some of the buyers leave.")

EXERCISES = {"9.1": ACCORD, "9.2": AIR, "9.3": DOLLARS, "9.4": STAKES, "9.5": GAIN, "9.6": SLOPE}
