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


def prices():
    """Prices (N,) of the automobiles, thousands of dollars."""
    return load_autos()[0]["prices"].to_numpy()


# 3.2 The cereals with product and market effects

@cache
def cereal_logit(absorb=("product_ids", "market_ids"), instrumented=True, steps=1):
    """The cereals' logit; without instruments price is its own."""
    problem = Problem(load_cereal()[0], absorb=list(absorb) or None,
                      linear="0 + prices" if absorb else "1 + prices",
                      instruments=None if instrumented else ["prices"])
    return problem.estimate(steps=steps)


def cereal_slope(*absorb_and_more, **options):
    """The price coefficient of `cereal_logit`."""
    return cereal_logit(*absorb_and_more, **options).beta[-1]


@cache
def cereal_by_hand(*effects, weights=weighting_2sls):
    """The slope with delta and price net of both effects, the instruments net of some only."""
    products = load_cereal()[0]
    outside = 1 - products.groupby("market_ids")["shares"].transform("sum")
    delta_and_price = np.column_stack([np.log(products["shares"] / outside), products["prices"]])
    y, price = net_of_each(delta_and_price, products, ("product_ids", "market_ids")).T
    instruments = products[[f"demand_instruments{k}" for k in range(20)]].to_numpy()
    Z = net_of_each(instruments, products, effects)
    return iv_gmm(y, price[:, None], Z, weights(Z))[0]


def net_of_each(values, products, effects):
    """Values less their averages by one effect after the other;
    that is both at once where every product stands in every market.
    """
    for effect in effects:
        values = absorb_effects(values, products[[effect]].to_numpy())
    return values


# 3.3 The automobiles with firm effects

@cache
def autos_logit(absorb="firm_ids", instrumented=True, steps=1, clusters="clustering_ids"):
    """The automobiles' logit; without instruments price is its own."""
    problem = Problem(load_autos()[0], absorb=absorb, clusters=clusters,
                      linear=f"{0 if absorb else 1} + hpwt + air + mpd + space + prices",
                      instruments=None if instrumented else ["prices"])
    return problem.estimate(steps=steps)


def autos_slope(*absorb, column=-1, **options):
    """The price coefficient of `autos_logit`, or that of another column."""
    return autos_logit(*absorb, **options).beta[column]


def three_slopes(of=autos_slope, **options):
    """Least squares, one-step, two-step (3,)."""
    return np.array([of(instrumented=False, **options), of(**options), of(steps=2, **options)])


def autos_se(**options):
    """The standard error of the price coefficient."""
    return autos_logit(**options).beta_se[-1]


def autos_objective(**options):
    """The objective at the estimate."""
    return autos_logit(**options).objective


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
                    residual_columns=None, least_squares=False, residuals=None):
    """Standard errors (K,) by (3.5), (3.7), (3.8) and (3.9), or with one step taken wrongly."""
    Z, W, N = (X, weighting_2sls(X), len(X)) if least_squares else (Z, weights(Z), len(Z))
    columns = X if residual_columns is None else residual_columns(X, Z)
    xi = y - columns @ iv_gmm(y, X, Z, W) if residuals is None else residuals(y, X)
    S = moment_covariance(Z, xi, kind, clusters)
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


def least_squares_residuals(y, X):
    """What least squares leaves of y, (N,)."""
    return y - X @ np.linalg.lstsq(X, y, rcond=None)[0]


def whole_covariance(y, X, Z, clusters):
    """The covariance matrix (K, K)."""
    W, S = weighting_2sls(Z), contributions_covariance(y, X, Z, clusters)
    return sandwich(jacobian(X, Z), W, S, len(Z))


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


def products_of_both(delta_net, price_net, excluded_net):
    """Estimates times weights in the second row."""
    b, weights = one_at_a_time(delta_net, price_net, excluded_net)
    return np.array([b, weights * b])


def by_reduced_form(delta_net, price_net, excluded_net):
    """Weights with `z'delta` where `z'p` belongs."""
    zd, zp, first = parts(delta_net, price_net, excluded_net)
    return np.array([zd / zp, first * zd / (first @ zd)])


def weighted_average(delta_net, price_net, excluded_net):
    """The 2SLS estimate itself, one number."""
    b, weights = one_at_a_time(delta_net, price_net, excluded_net)
    return weights @ b


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
         Mistake("The factor `1 - shares` is missing (or you rounded: give all digits). "
                 "The elasticity is `beta_price * prices * (1 - shares)`. Shares are small here, "
                 "so the number is nearly right; with cereals it would not be.",
                 lambda: -1 / prices().min()),
         Mistake("`shares` stands where `1 - shares` belongs: that is the cross elasticity's "
                 "factor. The own elasticity is `beta_price * prices * (1 - shares)`.",
                 lambda: -1 / (prices() - reach()).min()),
         Mistake("This is in utils per dollar. Prices are in thousands of dollars here, "
                 "and the coefficient is asked for in utils per thousand.",
                 lambda: -1e-3 / reach().min()),
         Mistake("A thousand times too large: the column `prices` is in thousands of dollars "
                 "already, and the coefficient in utils per thousand.",
                 lambda: -1e3 / reach().min()),
         Mistake("This is the elasticity of the dearest car at the right coefficient. "
                 "The coefficient itself is asked for.",
                 lambda: -reach().max() / reach().min()),
         Mistake("This is the estimate by instruments, at which 775 rows are inelastic. "
                 "Asked is the coefficient at which none is: no estimation is needed.",
                 lambda: autos_slope(None)),
         Mistake("This is the least squares estimate, at which 1,502 rows are inelastic. "
                 "Asked is the coefficient at which none is: no estimation is needed.",
                 lambda: autos_slope(None, instrumented=False)),
         Mistake("This is the smallest `prices * (1 - shares)` with a minus. "
                 "The coefficient times that number should be -1: divide -1 by it.",
                 lambda: -reach().min())),
        ("The elasticity of a row is `beta_price * prices * (1 - shares)`. "
         "Which row is the last to reach -1 as the coefficient falls?",
         "The elasticity is the closest to zero where `prices * (1 - shares)` is smallest.",
         "In that row the product of `beta_price` and the smallest `prices * (1 - shares)` is -1. "
         "Solve for `beta_price`, and keep all digits."),
        "The cheapest car decides, and then the dearest has an elasticity of -20: "
        "one coefficient can't serve both.",
        rtol=2e-5),                     # without (1 - s) the number differs by 7e-5
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
                 lambda: cereal_slope(())),
         Mistake("No effects, and price not instrumented: this is least squares on a constant "
                 "and the price. Absorb products and markets, and use the 20 instruments.",
                 lambda: cereal_slope((), instrumented=False)),
         Mistake("Market effects alone, and price not instrumented. "
                 "Absorb the products too, and use the 20 instruments.",
                 lambda: cereal_slope(("market_ids",), instrumented=False)),
         Mistake("These are effects of firms and markets. A firm has several products: "
                 "absorb `product_ids`.",
                 lambda: cereal_slope(("firm_ids", "market_ids"))),
         Mistake("These are effects of products and cities. A market is a city in a quarter: "
                 "absorb `market_ids`.",
                 lambda: cereal_slope(("product_ids", "city_ids"))),
         Mistake("These are effects of products and quarters. A market is a city in a quarter: "
                 "absorb `market_ids`.",
                 lambda: cereal_slope(("product_ids", "quarter"))),
         Mistake("The weights are the identity. One-step GMM with (3.5) has `(Z'Z/N)^-1`.",
                 lambda: cereal_by_hand("product_ids", "market_ids",
                                        weights=lambda Z: np.eye(Z.shape[1]))),
         Mistake("This is the standard error. The coefficient is asked for: `beta`.",
                 lambda: cereal_logit().beta_se[-1]),
         Mistake("This is the mean own elasticity. The coefficient is asked for: `beta`.",
                 lambda: cereal_logit().own_elasticities().mean())),
        ("What is constant within a product or within a market leaves every column: delta, price "
         "and instruments.",
         "`absorb` takes a list of columns. By hand: subtract averages within products, "
         "then averages within markets from what is left.",
         "As in lesson 00, `Problem` with `linear=\"0 + prices\"`, and two columns in `absorb`; "
         "`estimate()` takes one step with (3.5) unless told otherwise."),
        "Between -30.1 and -30.4 lies what markets have in common. On these artificial cereals "
        "effects and instruments move little; on the automobiles much.",
        rtol=1e-4),                     # quarters for markets: within 3e-4 of products alone
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
                 lambda: three_slopes(absorb="region")),
         Mistake("These absorb the label, `clustering_ids`. Errors are clustered by label; "
                 "what is absorbed is the firm.",
                 lambda: three_slopes(absorb="clustering_ids")),
         Mistake("The first, least squares, has no firm effects; the other two have. "
                 "Absorb `firm_ids` in all three.",
                 lambda: np.array([autos_slope(None, instrumented=False), autos_slope(),
                                   autos_slope(steps=2)])),
         Mistake("The first is the one-step estimate. For least squares price is its own "
                 "instrument: `instruments=[\"prices\"]`.",
                 lambda: np.array([autos_slope(), autos_slope(), autos_slope(steps=2)])),
         Mistake("These are standard errors. The coefficients are asked for: `beta[-1]`.",
                 lambda: three_slopes(of=autos_se)),
         Mistake("These are objectives; the third is J. The price coefficients are asked for.",
                 lambda: three_slopes(of=autos_objective))),
        ("Three calls of `estimate`, on two problems: one for least squares, "
         "one with the table's eight instruments. Both absorb `firm_ids`.",
         "In the first problem `instruments=[\"prices\"]` makes price its own instrument. "
         "The other leaves the argument out and has `clusters`.",
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
         Mistake("A division by N is missing, in S or at the end of (3.9). With the one at the end "
                 "missing, this is the spread of the square root of N times the estimate.",
                 undivided),
         Mistake("The moments are averages: `G = -Z'X / N`. Here the division by N is forgotten "
                 "in G, and the standard errors are N times too small.",
                 moments_undivided),
         Mistake("The number of clusters stands where N belongs, in S or at the end of (3.9). "
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
         Mistake("xi is what least squares leaves. The estimate is 2SLS, and S is made of its "
                 "residuals: `y - X @ beta` with beta from `iv_gmm`.",
                 lambda y, X, Z, clusters:
                     standard_errors(y, X, Z, clusters, residuals=least_squares_residuals)),
         Mistake("`y` stands in place of xi. S is made of the residuals, `y - X @ beta`.",
                 lambda y, X, Z, clusters:
                     standard_errors(y, X, Z, clusters, residuals=lambda y, X: y)),
         Mistake("These are the estimates, not their standard errors.",
                 lambda y, X, Z, clusters: iv_gmm(y, X, Z, weighting_2sls(Z))),
         Mistake("This is the whole covariance matrix. "
                 "Standard errors are the square roots of its diagonal.",
                 whole_covariance),
         Mistake("One division by N too many, in S or at the end of (3.9): S is a sum over "
                 "clusters divided by N once, and the variance of the estimate is divided by N.",
                 lambda y, X, Z, clusters: standard_errors(y, X, Z, clusters) / np.sqrt(len(y))),
         Mistake("This is `(G'S^-1 G)^-1 / N`, which holds for efficient weights only. "
                 "The estimate is 2SLS, so the sandwich does not collapse.",
                 collapsed),
         Mistake("These are the standard errors of two-step GMM. The estimate is to be 2SLS.",
                 two_step),
         Mistake("These belong to least squares: X in place of the instruments.",
                 lambda y, X, Z, clusters: standard_errors(y, X, Z, clusters, least_squares=True))),
        ("The order is W, beta, xi, S, G, and then the sandwich (3.9). "
         "The lesson has a function for all but xi and G.",
         "xi is what the 2SLS estimate leaves of `y`. In this linear model G has one block, "
         "and no derivative to take.",
         "S is `clustered_covariance` of `Z` and xi. `sandwich` returns a matrix (K, K); "
         "its diagonal holds variances."),
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
                 lambda: observations(ratio=0.98 / 0.02)),
         Mistake("The one is forgotten, and the explained variance is compared with the whole. "
                 "Solve `1 + lambda/M = 10`, with explained over *unexplained* variance in lambda.",
                 lambda: observations(noise=0, ratio=0.02)),
         Mistake("The M is forgotten, and the explained variance is compared with the whole. "
                 "F is per instrument, and lambda has explained over *unexplained* variance.",
                 lambda: observations(M=1, ratio=0.02)),
         Mistake("The M and the one are forgotten, and the explained variance is compared with the "
                 "whole. Solve `1 + lambda/M = 10`, with explained over *unexplained* variance.",
                 lambda: observations(M=1, noise=0, ratio=0.02)),
         Mistake("The one is added where it is to be subtracted: `lambda/M = 10 - 1`.",
                 lambda: observations(noise=-1)),
         Mistake("Rounded. The formula's answer is asked for, before any rounding.",
                 lambda: 1765.0)),
        ("Solve `1 + lambda/M = 10` for lambda first.",
         "`strength` is the explained part of a variance of one. What is the unexplained part?",
         "Each observation adds the ratio of the two variances to lambda. "
         "How many are needed for the lambda that you found?"),
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
         Mistake("The weights are equal. 2SLS weights an instrument by its part of the fitted "
                 "price's covariance with the price: `gamma_m z_m'p`, over the sum of these.",
                 weighted_by(lambda zp, first, zz: np.full(len(zp), 1 / len(zp)))),
         Mistake("The second row holds estimates times weights. The weights alone are asked for.",
                 products_of_both),
         Mistake("The weights have `z'delta` where `z'p` belongs: "
                 "they depend on the first stage alone.",
                 by_reduced_form),
         Mistake("This is the 2SLS estimate itself. Asked are the single estimates and "
                 "their weights, (2, m).",
                 weighted_average),
         Mistake("The weights are `z'p` squared over `z'z`, not brought to a sum of one, and from "
                 "one instrument at a time. In 2SLS all instruments share one first stage.",
                 weighted_by(lambda zp, first, zz: zp**2 / zz)),
         Mistake("The two rows are exchanged: estimates first, weights second.",
                 lambda delta_net, price_net, excluded_net:
                     one_at_a_time(delta_net, price_net, excluded_net)[::-1])),
        ("`excluded_net.T @ price_net` is `z'p` for all instruments at once.",
         "The first row divides `z'delta` by it. The coefficients of the first stage come from one "
         "regression on all instruments.",
         "Write 2SLS as `p_hat'delta / p_hat'p` with `p_hat = excluded_net @ first`. "
         "Each instrument's part of the denominator, over the whole, is its weight."),
        "2SLS is an average of estimates with weights that sum to one and need not be positive: "
        "where instruments disagree, it may lie outside all of them.",
        inputs=small_first_stage),
}
