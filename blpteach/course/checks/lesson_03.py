"""Exercises of lesson 03."""
from functools import cache

import numpy as np

from ...tables.datasets import load_autos, load_cereal
from ...gmm import (absorb_effects, iv_gmm, moment_covariance, moment_jacobian, sandwich,
                    weighting_2sls)
from ...problem import Problem
from .exercise import Exercise, Mistake


# 3.1 The coefficient that makes every row elastic

@cache
def reach():
    """Elasticity per util of price coefficient, `p (1 - s)` (N,), of the automobiles' logit."""
    products = load_autos()[0]
    return products["prices"].to_numpy() * (1 - products["shares"].to_numpy())


# 3.2 The cereals with product and market effects

@cache
def cereal_slope(absorb=("product_ids", "market_ids"), instrumented=True, steps=1):
    """The price coefficient of the cereals' logit; without instruments price is its own."""
    problem = Problem(load_cereal()[0], absorb=list(absorb) or None,
                      linear="0 + prices" if absorb else "1 + prices",
                      instruments=None if instrumented else ["prices"])
    return problem.estimate(steps=steps).beta[-1]


@cache
def cereal_by_hand(*effects):
    """The slope with delta and price net of both effects, the instruments net of some only."""
    products = load_cereal()[0]
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    delta_and_price = np.column_stack([np.log(products["shares"] / outside), products["prices"]])
    y, price = net_of_each(delta_and_price, products, ("product_ids", "market_ids")).T
    instruments = products[[f"demand_instruments{k}" for k in range(20)]].to_numpy()
    Z = net_of_each(instruments, products, effects)
    return iv_gmm(y, price[:, None], Z, weighting_2sls(Z))[0]


def net_of_each(values, products, effects):
    """Values less their averages by one effect after the other;
    that is both at once where every product stands in every market.
    """
    for effect in effects:
        values = absorb_effects(values, products[[effect]].to_numpy())
    return values


# 3.3 The automobiles with firm effects

@cache
def autos_slope(absorb="firm_ids", instrumented=True, steps=1, clusters="clustering_ids",
                column=-1):
    """The price coefficient of the automobiles' logit, or that of another column."""
    problem = Problem(load_autos()[0], absorb=absorb, clusters=clusters,
                      linear=f"{0 if absorb else 1} + hpwt + air + mpd + space + prices",
                      instruments=None if instrumented else ["prices"])
    return problem.estimate(steps=steps).beta[column]


def three_slopes(**options):
    """Least squares, one-step, two-step (3,)."""
    return np.array([autos_slope(instrumented=False, **options),
                     autos_slope(**options),
                     autos_slope(steps=2, **options)])


# 3.4 Clustered standard errors of 2SLS

def small_sample(rng):
    """Twelve rows in six clusters, price endogenous, three excluded instruments."""
    N = 12
    z, v = rng.normal(size=(N, 3)), rng.normal(size=N)
    clusters = np.repeat(np.arange(6), 2)
    xi = rng.normal(size=6)[clusters] + 0.5 * rng.normal(size=N) + 0.5 * v
    price = 3 + z.sum(1) + v
    X, Z = np.column_stack([np.ones(N), price]), np.column_stack([np.ones(N), z])
    return {"y": 1 - price + xi, "X": X, "Z": Z, "clusters": clusters}


def standard_errors(y, X, Z, clusters, kind="clustered", weights=weighting_2sls,
                    residual_columns=None, least_squares=False):
    """Standard errors (K,) by (3.5), (3.7), (3.8) and (3.9), or with one step taken wrongly."""
    Z, W, N = (X, weighting_2sls(X), len(X)) if least_squares else (Z, weights(Z), len(Z))
    columns = X if residual_columns is None else residual_columns(X, Z)
    S = moment_covariance(Z, y - columns @ iv_gmm(y, X, Z, W), kind, clusters)
    return roots(sandwich(jacobian(X, Z), W, S, N))


def jacobian(X, Z):
    """The Jacobian of the moments of a linear model, (M, K)."""
    return moment_jacobian(Z, X, np.empty((len(X), 0)))


def roots(covariance):
    """Square roots of a diagonal (K,)."""
    return np.sqrt(np.diag(covariance))


def fitted_values(X, Z):
    """X projected on the instruments, (N, K)."""
    return Z @ np.linalg.lstsq(Z, X, rcond=None)[0]


def contributions_covariance(y, X, Z, clusters):
    """S (M, M) of the 2SLS residuals, clustered."""
    return moment_covariance(Z, y - X @ iv_gmm(y, X, Z, weighting_2sls(Z)), "clustered", clusters)


def undivided(y, X, Z, clusters):
    """The last division by N forgotten."""
    return np.sqrt(len(y)) * standard_errors(y, X, Z, clusters)


def moments_undivided(y, X, Z, clusters):
    """The Jacobian of sums in place of averages."""
    return standard_errors(y, X, Z, clusters) / len(y)


def by_clusters(y, X, Z, clusters):
    """S divided by the number of clusters."""
    return standard_errors(y, X, Z, clusters) * np.sqrt(len(y) / len(np.unique(clusters)))


def weights_for_covariance(y, X, Z, clusters):
    """W where S belongs."""
    W = weighting_2sls(Z)
    return roots(sandwich(jacobian(X, Z), W, W, len(Z)))


def corrected(y, X, Z, clusters):
    """With the factor for few clusters and few rows that some programs print."""
    N, K, C = *X.shape, len(np.unique(clusters))
    return standard_errors(y, X, Z, clusters) * np.sqrt(C / (C - 1) * (N - 1) / (N - K))


def few_clusters(y, X, Z, clusters):
    """With the factor for few clusters alone."""
    C = len(np.unique(clusters))
    return standard_errors(y, X, Z, clusters) * np.sqrt(C / (C - 1))


def averaged(y, X, Z, clusters):
    """Contributions averaged within clusters, where their sums belong;
    the small samples have two rows in each cluster.
    """
    return standard_errors(y, X, Z, clusters) / (len(y) / len(np.unique(clusters)))


def classical_degrees(y, X, Z, clusters):
    """Classical, with N - K in place of N."""
    N, K = X.shape
    return standard_errors(y, X, Z, clusters, kind="unadjusted") * np.sqrt(N / (N - K))


def collapsed(y, X, Z, clusters):
    """The formula for efficient weights, `(G'S^-1 G)^-1 / N`."""
    G, S = jacobian(X, Z), contributions_covariance(y, X, Z, clusters)
    return roots(np.linalg.inv(G.T @ np.linalg.solve(S, G)) / len(Z))


def two_step(y, X, Z, clusters):
    """Standard errors of two-step GMM."""
    W = np.linalg.inv(contributions_covariance(y, X, Z, clusters))
    S = moment_covariance(Z, y - X @ iv_gmm(y, X, Z, W), "clustered", clusters)
    return roots(sandwich(jacobian(X, Z), W, S, len(Z)))


# 3.5 Observations until the mean F is ten

def observations(F=10, noise=1, M=4, ratio=0.02 / 0.98):
    """N at which `noise + N ratio / M` is F."""
    return M * (F - noise) / ratio


# 3.6 2SLS as an average

def small_first_stage(rng):
    """Net mean utility, price and three instruments of eight rows."""
    z, v, e = rng.normal(size=(8, 3)), rng.normal(size=8), rng.normal(size=8)
    price = z @ [1.0, 0.8, -0.6] + v
    return {"delta_net": -price + v + 0.5 * e, "price_net": price, "excluded_net": z}


def parts(delta_net, price_net, excluded_net):
    """Instrument times delta, instrument times price, and first-stage coefficients, each (m,)."""
    first = np.linalg.lstsq(excluded_net, price_net, rcond=None)[0]
    return excluded_net.T @ delta_net, excluded_net.T @ price_net, first


def one_at_a_time(delta_net, price_net, excluded_net):
    """Estimates with one instrument each, and their weights in 2SLS, (2, m)."""
    zd, zp, first = parts(delta_net, price_net, excluded_net)
    return np.array([zd / zp, first * zp / (first @ zp)])


def weighted_by(weights):
    """The same with other weights, a function of (zp, first, squared lengths of Z's columns)."""
    def mistaken(delta_net, price_net, excluded_net):
        zd, zp, first = parts(delta_net, price_net, excluded_net)
        return np.array([zd / zp, weights(zp, first, (excluded_net**2).sum(0))])
    return mistaken


def reduced_forms(delta_net, price_net, excluded_net):
    """Regressions of delta on each instrument where the estimates belong."""
    slopes = excluded_net.T @ delta_net / (excluded_net**2).sum(0)
    return np.array([slopes, one_at_a_time(delta_net, price_net, excluded_net)[1]])


def upside_down(delta_net, price_net, excluded_net):
    """Price over delta in the first row."""
    b, weights = one_at_a_time(delta_net, price_net, excluded_net)
    return np.array([1 / b, weights])


def joint_ratios(delta_net, price_net, excluded_net):
    """Reduced form over first stage, both with all instruments, in the first row."""
    both = np.column_stack([delta_net, price_net])
    reduced, first = np.linalg.lstsq(excluded_net, both, rcond=None)[0].T
    return np.array([reduced / first, one_at_a_time(delta_net, price_net, excluded_net)[1]])


EXERCISES = {
    "3.1": Exercise(
        "one number, the price coefficient in utils per thousand dollars, negative",
        lambda: -1 / reach().min(),
        (Mistake("With this coefficient only the dearest car has elastic demand. "
                 "Elasticities are smallest where the price is: the cheapest car decides.",
                 lambda: -1 / reach().max()),
         Mistake("This makes the *average* elasticity -1. Most rows, the cheaper ones, "
                 "are still inelastic. Look at the smallest `prices * (1 - shares)`.",
                 lambda: -1 / reach().mean()),
         Mistake("This makes the median row unit elastic, so half of the rows are still inelastic. "
                 "Every row is asked for.",
                 lambda: -1 / np.median(reach())),
         Mistake("This is the smallest `prices * (1 - shares)` with a minus. "
                 "The coefficient times that number should be -1: divide -1 by it.",
                 lambda: -reach().min())),
        ("The elasticity of a row is `beta_price * prices * (1 - shares)`. "
         "Which row is the last to reach -1 as the coefficient falls?",
         "Set the elasticity of the row with the smallest `prices * (1 - shares)` to -1 and solve "
         "for `beta_price`."),
        "The cheapest car decides, and then the dearest has an elasticity of -20: "
        "one coefficient can't serve both."),
    "3.2": Exercise(
        "one number, the price coefficient in utils per dollar",
        cereal_slope,
        (Mistake("Product and market effects, but price is not instrumented: "
                 "the effects take out what is constant in a product or a market, "
                 "and price still moves with the rest of xi. Use the 20 excluded instruments.",
                 lambda: cereal_slope(instrumented=False)),
         Mistake("Product effects, but price not instrumented, and no market effects. "
                 "Use the 20 instruments, and take out the averages within markets too.",
                 lambda: cereal_slope(("product_ids",), instrumented=False)),
         Mistake("This has product effects alone. Give the markets effects of their own too.",
                 lambda: cereal_slope(("product_ids",))),
         Mistake("This has market effects alone. Give the products effects of their own too.",
                 lambda: cereal_slope(("market_ids",))),
         Mistake("The instruments keep their differences between markets. Instruments included: "
                 "subtract the averages within markets from them too.",
                 lambda: cereal_by_hand("product_ids")),
         Mistake("The instruments are as they stand in the table. "
                 "Subtract both averages from them too, as from delta and price.",
                 lambda: cereal_by_hand()),
         Mistake("This is the two-step estimate. One-step with (3.5) is asked for.",
                 lambda: cereal_slope(steps=2)),
         Mistake("No effects at all: quality that belongs to a product is still in xi.",
                 lambda: cereal_slope(()))),
        ("`absorb` takes a list of columns. By hand: subtract averages within products from `y`, "
         "price and instruments, then averages within markets from what is left.",
         "`blpteach.Problem(cereal, linear=\"0 + prices\", absorb=[\"product_ids\", ...])`, "
         "and then `estimate()`."),
        "Between -30.1 and -30.4 lies what markets have in common. On these artificial cereals "
        "effects and instruments move little; on the automobiles much."),
    "3.3": Exercise(
        "3 price coefficients in utils per thousand dollars: least squares, one-step, two-step",
        three_slopes,
        (Mistake("These are the estimates without firm effects: "
                 "what belongs to the maker is still in xi. Absorb `firm_ids`.",
                 lambda: three_slopes(absorb=None)),
         Mistake("Firm effects, but price is not instrumented in any of the three: "
                 "only least squares takes `instruments=[\"prices\"]`. "
                 "For the other two leave the argument out, and the table's eight are used.",
                 lambda: np.repeat(autos_slope(instrumented=False), 3)),
         Mistake("Only the first has firm effects. Absorb `firm_ids` in all three.",
                 lambda: np.array([autos_slope(instrumented=False), autos_slope(None),
                                   autos_slope(None, steps=2)])),
         Mistake("These are the coefficients of power, the first column of the formula. "
                 "Price is the last: `beta[-1]`.",
                 lambda: three_slopes(column=0)),
         Mistake("The third is the one-step estimate again. "
                 "`estimate(steps=2)` weights by the inverse of S.",
                 lambda: np.array([autos_slope(instrumented=False), autos_slope(), autos_slope()])),
         Mistake("The weights of the second step are robust, not clustered, "
                 "so the third number is another. Give `clusters=\"clustering_ids\"`.",
                 lambda: three_slopes(clusters=None)),
         Mistake("Here the second step is clustered by firm. "
                 "The weights are to be clustered by `clustering_ids`; the firm is absorbed.",
                 lambda: three_slopes(clusters="firm_ids")),
         Mistake("These absorb the region of the maker, not the firm.",
                 lambda: three_slopes(absorb="region"))),
        ("Three calls of `estimate`, on two problems: one with `instruments=[\"prices\"]`, "
         "one with the table's eight. Both absorb `firm_ids`.",
         "The formula is `\"0 + hpwt + air + mpd + space + prices\"`; "
         "the price coefficient is `estimate(...).beta[-1]`; the third has `steps=2`."),
        "Who makes the car was much of what the instruments contradicted each other about; "
        "the logit's other faults remain."),
    "3.4": Exercise(
        "a function of (y, X, Z, clusters) that returns the standard errors, an array (K,)",
        standard_errors,
        (Mistake("Robust, not clustered: rows of one cluster count as independent. "
                 "Sum the contributions within clusters before you multiply.",
                 lambda y, X, Z, clusters: standard_errors(y, X, Z, clusters, kind="robust")),
         Mistake("Classical standard errors: they take xi as independent and equally variable "
                 "everywhere. S is the covariance of the contributions, summed within clusters.",
                 lambda y, X, Z, clusters: standard_errors(y, X, Z, clusters, kind="unadjusted")),
         Mistake("Classical standard errors: they take xi as independent and equally variable "
                 "everywhere. S is the covariance of the contributions, summed within clusters. "
                 "(And N - K is a small-sample factor.)",
                 classical_degrees),
         Mistake("Right up to a small-sample factor, "
                 "`C / (C - 1) * (N - 1) / (N - K)` with C clusters. None is asked for.",
                 corrected),
         Mistake("Right up to a small-sample factor, `C / (C - 1)` with C clusters. "
                 "None is asked for.",
                 few_clusters),
         Mistake("The contributions are averaged within clusters. "
                 "Sum them: a cluster of many rows moves g more than one of few.",
                 averaged),
         Mistake("The division by N at the end of (3.9) is missing: "
                 "this is the spread of the square root of N times the estimate.",
                 undivided),
         Mistake("The moments are averages: `G = -Z'X / N`. Here the division by N is forgotten "
                 "in G, and the standard errors are N times too small.",
                 moments_undivided),
         Mistake("S is divided by the number of clusters. "
                 "Divide by N, the number of rows, as g is: then var(g) = S/N.",
                 by_clusters),
         Mistake("W stands where S belongs. W is how you weighted, S is how much the moments vary; "
                 "the bread has W, the filling is S.",
                 weights_for_covariance),
         Mistake("`Z'Z / N` in place of its inverse: the weights of (3.5) are `(Z'Z/N)^-1`.",
                 lambda y, X, Z, clusters:
                     standard_errors(y, X, Z, clusters, weights=lambda Z: Z.T @ Z / len(Z))),
         Mistake("The weights are the identity. 2SLS has `(Z'Z/N)^-1`, (3.5).",
                 lambda y, X, Z, clusters:
                     standard_errors(y, X, Z, clusters, weights=lambda Z: np.eye(Z.shape[1]))),
         Mistake("xi is taken from the fitted values of X. Fitted values are a device to get beta; "
                 "the unobservable is `y - X @ beta`, with X itself.",
                 lambda y, X, Z, clusters:
                     standard_errors(y, X, Z, clusters, residual_columns=fitted_values)),
         Mistake("This is `(G'S^-1 G)^-1 / N`, which holds for efficient weights only. "
                 "The estimate is 2SLS, so the sandwich does not collapse.",
                 collapsed),
         Mistake("These are the standard errors of two-step GMM. The estimate is to be 2SLS.",
                 two_step),
         Mistake("These belong to least squares: X in place of the instruments.",
                 lambda y, X, Z, clusters: standard_errors(y, X, Z, clusters, least_squares=True))),
        ("Five lines: W by (3.5), xi from the 2SLS estimate, S from `clustered_covariance`, "
         "G by (3.8), and the sandwich (3.9).",
         "The variance is `sandwich(-Z.T @ X / N, W, S, N)` "
         "with `S = clustered_covariance(Z, y - X @ iv_gmm(y, X, Z, W), clusters)`. "
         "What is asked for is on its diagonal, under the root."),
        "W is how you weighted, S is how much the moments vary. The sandwich is right for any W; "
        "the choice `W = S^-1` makes it smallest.",
        inputs=small_sample),
    "3.5": Exercise(
        "one number of observations, not rounded",
        observations,
        (Mistake("The one is forgotten: F has mean 1 even if instruments explain nothing. "
                 "Solve `1 + lambda/M = 10`.",
                 lambda: observations(noise=0)),
         Mistake("`strength` is the explained part of the *whole* variance of price. The "
                 "concentration parameter compares it with the unexplained part, `1 - strength`.",
                 lambda: observations(ratio=0.02)),
         Mistake("The M is forgotten: "
                 "F is per instrument, so the concentration parameter has to be M times as large.",
                 lambda: observations(M=1)),
         Mistake("The M and the one are forgotten: F is `1 + lambda/M`.",
                 lambda: observations(M=1, noise=0)),
         Mistake("This is lambda. Each observation adds explained over unexplained variance to it: "
                 "divide by that.",
                 lambda: observations(M=4, ratio=1)),
         Mistake("Explained over unexplained variance is upside down.",
                 lambda: observations(ratio=0.98 / 0.02))),
        ("Explained variance is 0.02, unexplained 0.98. "
         "Solve `1 + lambda/M = 10` for lambda first.",
         "lambda is 36. It grows by 0.02/0.98 with each observation."),
        "A strength of 0.02 needs 1,764 observations for an F that a strength of 0.3 has "
        "with fewer than a hundred.",
        rtol=5e-4),
    "3.6": Exercise(
        "a function of (delta_net, price_net, excluded_net) that returns an array (2, m): "
        "estimates, then weights",
        one_at_a_time,
        (Mistake("The weights are the first-stage coefficients over their sum. "
                 "An instrument counts by what it adds to the fitted price: multiply by `z'p`.",
                 weighted_by(lambda zp, first, zz: first / first.sum())),
         Mistake("The weights are `z'p` over its sum. "
                 "Multiply by the coefficients of the first stage.",
                 weighted_by(lambda zp, first, zz: zp / zp.sum())),
         Mistake("The weights don't sum to one: divide by the sum of the products.",
                 weighted_by(lambda zp, first, zz: first * zp)),
         Mistake("The first stage is run with one instrument at a time. In 2SLS all instruments "
                 "share one first stage: regress price on all of them together.",
                 weighted_by(lambda zp, first, zz: zp**2 / zz / (zp**2 / zz).sum())),
         Mistake("The first row holds reduced forms, regressions of delta on an instrument. "
                 "Divide `z'delta` by `z'p`, not by `z'z`.",
                 reduced_forms),
         Mistake("The first row is upside down: `z'delta` over `z'p`.", upside_down),
         Mistake("The first row divides coefficients of regressions on all instruments together. "
                 "One at a time is asked for: `z'delta` over `z'p`.",
                 joint_ratios),
         Mistake("The two rows are exchanged: estimates first, weights second.",
                 lambda delta_net, price_net, excluded_net:
                     one_at_a_time(delta_net, price_net, excluded_net)[::-1])),
        ("`excluded_net.T @ price_net` is `z'p` for all instruments at once. "
         "The coefficients of the first stage come from one regression on all instruments.",
         "Write 2SLS as `p_hat'delta / p_hat'p` with `p_hat = excluded_net @ first`. "
         "Each instrument's part of the denominator, over the whole, is its weight."),
        "2SLS is an average of estimates with weights that sum to one and need not be positive: "
        "where instruments disagree, it may lie outside all of them.",
        inputs=small_first_stage),
}
