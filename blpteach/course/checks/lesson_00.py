"""Exercises of lesson 00: the cereals' logit from price coefficient to margins."""
from functools import cache

import numpy as np

from ...tables.datasets import load_cereal
from ...gmm import absorb_effects, iv_gmm, weighting_2sls
from ...inversion import logit_delta
from ...post_estimation import diversion_ratios, margins, ownership_matrix, share_jacobian
from ...problem import Problem
from ...utility import market_shares
from .exercise import Exercise, Mistake

MARKET, INSTRUMENTS = "C01Q1", [f"demand_instruments{k}" for k in range(20)]


# The cereals -------------------------------------------------------------------------------------

@cache
def cereal():
    """The products table, with one group `all` beside its own columns."""
    return load_cereal()[0].assign(all=0)


@cache
def logit():
    """Estimates with product effects and instruments."""
    return Problem(cereal(), linear="0 + prices", absorb="product_ids").estimate()


@cache
def columns(*effects):
    """delta (N,), price (N, 1) and instruments (N, 20), net of the averages over the groups
    that are named, one after the other.
    """
    table = cereal()
    values = np.column_stack([logit().delta, table["prices"], table[INSTRUMENTS]])
    for name in effects:                # every product in every market: one round is exact
        values = absorb_effects(values, table[[name]].to_numpy())
    return values[:, 0], values[:, 1:2], values[:, 2:]


def price_coefficient(**changes):
    """The last of beta, with settings of the problem other than the lesson's."""
    return float(Problem(cereal(), **changes).estimate().beta[-1])


def product_of_market(values, pick):
    """The id of the product of market C01Q1 at which values (N,) are extreme."""
    rows = np.flatnonzero(cereal()["market_ids"] == MARKET)
    return str(cereal()["product_ids"].to_numpy()[rows[pick(values[rows])]])


# Two stages --------------------------------------------------------------------------------------

def two_stages(effects=("product_ids",), demean_instruments=True, on="fitted"):
    """The slope of y on the fitted price, or a mistaken version of it."""
    y, X, Z = columns(*effects)
    Z = Z if demean_instruments else cereal()[INSTRUMENTS].to_numpy()
    price = {"observed": X[:, 0], "fitted": Z @ np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]}
    price["residual"] = price["observed"] - price["fitted"]
    return float(price[on] @ y / (price[on] @ price[on]))


def fitted_above_only():
    """The fitted price in the numerator and the observed one in the denominator."""
    return two_stages() * r_squared()   # `fitted @ fitted` is R squared times `X @ X`


def without_outside_good():
    """Two stages on log shares alone."""
    _, X, Z = columns("product_ids")
    log_shares, products = np.log(cereal()[["shares"]]), cereal()[["product_ids"]]
    y = absorb_effects(log_shares.to_numpy(), products.to_numpy())[:, 0]
    return float(iv_gmm(y, X, Z, weighting_2sls(Z))[0])


def identity_weights():
    """(3.3) with the identity for W."""
    y, X, Z = columns("product_ids")
    return float(iv_gmm(y, X, Z, np.eye(Z.shape[1]))[0])


def first_stage_F(effects=("product_ids",), lost=24, per_instrument=True, explained="fitted"):
    """F of the first stage; by default the 24 product averages count as degrees of freedom."""
    _, X, Z = columns(*effects)
    price = X[:, 0]
    fitted = Z @ np.linalg.lstsq(Z, price, rcond=None)[0]
    rest = price - fitted
    above = price @ price if explained == "all" else fitted @ fitted
    return float(above / (20 if per_instrument else 1) / (rest @ rest / (len(price) - lost - 20)))


def r_squared():
    """Of the first stage, within products."""
    _, X, Z = columns("product_ids")
    fitted = Z @ np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]
    return float(fitted @ fitted / (X[:, 0] @ X[:, 0]))


# Functions ---------------------------------------------------------------------------------------

def some_shares(rng):
    """Shares of two to four products, with room for the outside good."""
    return (0.8 * rng.dirichlet(np.ones(rng.integers(3, 6)))[:-1]).round(3) + 0.01


def price_case(rng):
    """A market and a change of its prices."""
    shares, beta_price = some_shares(rng), round(rng.uniform(-40, -10), 1)
    change = rng.uniform(-0.05, 0.05, len(shares)).round(3)
    return {"shares": shares, "beta_price": beta_price, "change": change}


def size_case(rng):
    """A market and its size."""
    return {"shares": some_shares(rng), "market_size": round(rng.uniform(1.2, 4), 1)}


def firm_case(rng):
    """A market and its owners, of which the first has two products."""
    shares, beta_price = some_shares(rng), round(rng.uniform(-40, -10), 1)
    firms = np.r_[1, 1, rng.integers(1, 4, len(shares) - 2)]
    return {"beta_price": beta_price, "shares": shares, "firms": firms}


def normalised(weights, outside):
    """Shares of products with these weights, if the outside good has weight `outside`."""
    return weights / (outside + weights.sum())


def logit_jacobian(beta_price, shares):
    """The share Jacobian (J, J) of a logit."""
    return share_jacobian(shares[:, None], np.ones(1), np.full((len(shares), 1), beta_price))


def new_shares(shares, beta_price, change):
    """Shares (J,) after prices changed."""
    delta = logit_delta(shares, np.ones(1)) + beta_price * change
    return market_shares(delta, np.zeros((len(shares), 1)), np.ones(1))


def to_outside(shares, market_size):
    """Diversion ratios (J,) to the outside good, from the library's matrix."""
    P = (shares / market_size)[:, None]
    return np.diag(diversion_ratios(P, np.ones(1), -np.ones_like(P)))


def firm_margins(beta_price, shares, firms):
    """Margins (J,) by (5.6)."""
    return margins(shares, logit_jacobian(beta_price, shares), ownership_matrix(firms))
    return margins(shares, logit_jacobian(beta_price, shares), ownership_matrix(firms))


def firm_shares(shares, firms):
    """For each product the total share of its firm, (J,)."""
    return ownership_matrix(firms) @ shares


def one_margin_a_firm(beta_price, shares, firms):
    """Margins of the firms, not of the products."""
    first = np.unique(firms, return_index=True)[1]
    return firm_margins(beta_price, shares, firms)[first]


def margins_by_mean_share(beta_price, shares, firms):
    """The firm's mean share in place of its total."""
    mean = firm_shares(shares, firms) / ownership_matrix(firms).sum(1)
    return 1 / (-beta_price * (1 - mean))

EXERCISES = {
    "0.1": Exercise(
        "the id of one product of market C01Q1, a string",
        lambda: product_of_market(logit().own_elasticities(), np.argmin),
        (Mistake("This is the *least* elastic. Own elasticities are negative: "
                 "demand is the more elastic the farther its elasticity is from zero, "
                 "so the most elastic is the smallest number.",
                 lambda: product_of_market(logit().own_elasticities(), np.argmax)),
         Mistake("This is the product with the largest share. A large share moves the own "
                 "elasticity towards zero, by the factor `1 - shares`; the price matters far more.",
                 lambda: product_of_market(cereal()["shares"].to_numpy(), np.argmax)),
         Mistake("This is the product with the smallest share. The factor `1 - shares` is near one "
                 "for all small products; look at what it is multiplied by.",
                 lambda: product_of_market(cereal()["shares"].to_numpy(), np.argmin))),
        ("Own elasticities stand on the diagonal of `E`: `np.diag(E)`. "
         "What sign have they, and which of them is the most elastic?",
         "`argmin` and `argmax` give the place of the smallest and of the largest number, "
         "and `ids[place]` the product. Which of the two is it here?"),
        "In the logit a product is the more elastic the more it costs, whoever buys it: "
        "that is the functional form, not the data."),
    "0.2": Exercise(
        "one number: the price coefficient, in utils per dollar",
        two_stages,
        (Mistake("Product effects, but price not instrumented: this is least squares of `y` "
                 "on the price itself. In the second stage use the fitted price.",
                 lambda: price_coefficient(linear="0 + prices", absorb="product_ids",
                                           instruments=["prices"])),
         Mistake("Neither product effects nor instruments: this is least squares on a constant, "
                 "`mushy` and the price. Use `y`, `X` and `Z`, which are net of product averages.",
                 lambda: price_coefficient(linear="1 + mushy + prices", instruments=["prices"])),
         Mistake("Instruments, but no product effects: this compares different cereals "
                 "with each other. Use `y`, `X` and `Z`, which are net of product averages.",
                 lambda: price_coefficient(linear="1 + mushy + prices")),
         Mistake("Instruments and a constant, but no product effects: "
                 "this compares different cereals with each other. "
                 "Use `y`, `X` and `Z`, which are net of product averages.",
                 lambda: two_stages(("all",))),
         Mistake("`delta`, price and instruments are as they stand in the table, "
                 "without a constant. Use `y`, `X` and `Z`, which are net of product averages.",
                 lambda: two_stages(())),
         Mistake("The price was regressed on instruments that are not net of product averages. "
                 "Use `Z`, not the columns of the table.",
                 lambda: two_stages(demean_instruments=False)),
         Mistake("The second stage uses the *residual* of the first: the part of the price "
                 "that the instruments do not explain. Use the part that they explain.",
                 lambda: two_stages(on="residual")),
         Mistake("The numerator has the fitted price and the denominator the observed one. "
                 "In the second stage the fitted price takes the observed one's place in both.",
                 fitted_above_only),
         Mistake("The outside good is missing: the left side is `log s_j` alone. "
                 "Mean utility is `log s_j - log s_0`, which is in `y`.",
                 without_outside_good),
         Mistake("The weights are the identity matrix. Two-stage least squares weights the moments "
                 "by `(Z'Z / N)^-1`, which does not depend on the units of the instruments.",
                 identity_weights),
         Mistake("Market averages were taken out as well. Only those of the products are to go.",
                 lambda: two_stages(("product_ids", "market_ids"))),
         Mistake("This is the two-step GMM estimate. Asked is two-stage least squares, "
                 "the one-step estimate: the names are easily confused.",
                 lambda: float(logit().problem.estimate(steps=2).beta[0]))),
        ("`np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]` are the coefficients of the first stage. "
         "What is the fitted price?",
         "The fitted price is `Z @ coefficients`. "
         "The second stage is least squares of `y` on this one column, without a constant."),
        "Two regressions give what (3.3) gives in one: "
        "the instruments choose which part of the price is used.",
        rtol=2e-4),                     # two of the mistakes lie within a thousandth of each other
    "0.3": Exercise(
        "one number: the F statistic, with 20 and N - J - 20 degrees of freedom",
        first_stage_F,
        (Mistake("The degrees of freedom are `N - M`: "
                 "the 24 product averages, which were estimated too, are not counted.",
                 lambda: first_stage_F(lost=0)),
         Mistake("The explained sum of squares is not divided by the number of instruments, 20.",
                 lambda: first_stage_F(per_instrument=False)),
         Mistake("Above stands the sum of squares of the price itself. "
                 "It should be that of the fitted price.",
                 lambda: first_stage_F(explained="all")),
         Mistake("Price and instruments are not net of product averages: "
                 "this F also counts how the instruments differ between cereals. Use `X` and `Z`.",
                 lambda: first_stage_F(effects=(), lost=0)),
         Mistake("A constant, but no product effects: this F also counts how price and instruments "
                 "differ between cereals. Use `X` and `Z`.",
                 lambda: first_stage_F(effects=("all",), lost=1)),
         Mistake("This is the R squared of the first stage. "
                 "F divides what is explained by what is not, each per degree of freedom.",
                 r_squared),
         Mistake("This is the ratio of explained to unexplained sum of squares. "
                 "Divide each by its degrees of freedom.",
                 lambda: r_squared() / (1 - r_squared()))),
        ("Split the price in two: fitted values `Z @ coefficients` and the rest. "
         "F is a ratio of their sums of squares, each per degree of freedom.",
         "Above stands the sum of squares of the fitted price, with 20 degrees of freedom; "
         "below that of the rest, with `len(y) - J - 20`."),
        "The instruments explain nearly all of the price, "
        "so the estimate stays near least squares, whether or not they are valid."),
    "0.4": Exercise(
        "a function of (shares, beta_price, change) that returns the new shares (J,)",
        new_shares,
        (Mistake("The outside good is left out: your shares sum to one. "
                 "Its weight in the denominator is its old share, `1 - shares.sum()`.",
                 lambda shares, beta_price, change:
                     normalised(shares * np.exp(beta_price * change), 0)),
         Mistake("In the denominator the outside good counts as 1. That belongs to `exp(delta)`; "
                 "if shares stand above, it counts with its old share, `1 - shares.sum()`.",
                 lambda shares, beta_price, change:
                     normalised(shares * np.exp(beta_price * change), 1)),
         Mistake("This follows the derivatives at the old prices along a straight line. "
                 "The logit is not a straight line: use (1.3) at the new utilities.",
                 lambda shares, beta_price, change:
                     shares + logit_jacobian(beta_price, shares) @ change),
         Mistake("Each product answers to its own price alone, along a straight line: "
                 "this is the own elasticity of (0.3). "
                 "The prices of the others count too, and the logit is not a straight line.",
                 lambda shares, beta_price, change:
                     shares * (1 + beta_price * change * (1 - shares))),
         Mistake("The denominator is missing, or still has the old utilities in it. "
                 "The sum in (1.3) changes when any price does.",
                 lambda shares, beta_price, change: shares * np.exp(beta_price * change)),
         Mistake("The utilities move in the wrong direction: they change by `beta_price * change`, "
                 "and `beta_price` is negative already.",
                 lambda shares, beta_price, change: new_shares(shares, -beta_price, change))),
        ("By (0.2), `exp(delta)` is `shares / (1 - shares.sum())`, the old odds against "
         "the outside good. By which factor does a change of the price multiply it?",
         "In the function, `outside = 1 - shares.sum()`. "
         "Put `shares / outside * np.exp(beta_price * change)` in the place of `exp(delta)` "
         "in (1.3), then multiply above and below by `outside`."),
        "Old shares and one coefficient are enough: "
        "the logit needs to know nothing about a product but how many buy it.",
        price_case),
    "0.5": Exercise(
        "a function of (shares, market_size) that returns one fraction for each product, (J,)",
        to_outside,
        (Mistake("The market size is not used: this is the diversion in the table's market. "
                 "Divide the shares by it first.",
                 lambda shares, market_size: to_outside(shares, 1)),
         Mistake("This is the outside good's share, the same for all products. "
                 "Those who leave product j do not come back to it: divide by what is not j.",
                 lambda shares, market_size: np.full(len(shares), 1 - shares.sum() / market_size)),
         Mistake("This is the outside good's share, one number. "
                 "The answer has one for each product: "
                 "those who leave product j do not come back to it, so divide by what is not j.",
                 lambda shares, market_size: 1 - shares.sum() / market_size),
         Mistake("The outside share was divided by the market size, as if it shrank too. "
                 "In a larger market the inside shares shrink, and the outside good gets the rest.",
                 lambda shares, market_size:
                     (1 - shares.sum()) / market_size / (1 - shares / market_size)),
         Mistake("Shares were multiplied by the market size. "
                 "In a market twice as large they are half as large.",
                 lambda shares, market_size:
                     (1 - market_size * shares.sum()) / (1 - market_size * shares)),
         Mistake("Only the outside share is taken at the new size. "
                 "The product's own share, in the denominator, must be too.",
                 lambda shares, market_size: (1 - shares.sum() / market_size) / (1 - shares)),
         Mistake("This is the fraction of product j's buyers and the outside good's in the market, "
                 "not where those go who leave j. Leavers choose among all but j.",
                 lambda shares, market_size: 1 - (shares.sum() - shares) / market_size)),
        ("Derive `d s_0 / d p_j` and `d s_j / d p_j` from (1.3). What drops out of their ratio?",
         "The coefficient drops out, and so does `s_j` as a factor. "
         "Two shares remain, one above and one below; take both in the new market."),
        "No estimate is left in the formula: the logit's diversion ratios are made of shares, "
        "and shares depend on the assumed market size.",
        size_case),
    "0.6": Exercise(
        "a function of (beta_price, shares, firms) that returns the margins (J,) in dollars",
        firm_margins,
        (Mistake("Each product is priced as if it were alone: you used its own share. "
                 "The firm also counts the buyers who go to its other products, "
                 "so the total share of the firm belongs there.",
                 lambda beta_price, shares, firms:
                     firm_margins(beta_price, shares, np.arange(len(shares)))),
         Mistake("All products are priced as if one firm owned them: the sum goes over all shares. "
                 "It should go over those of the same firm.",
                 lambda beta_price, shares, firms:
                     firm_margins(beta_price, shares, np.ones(len(shares)))),
         Mistake("The firm's share stands where one minus it belongs: "
                 "what counts is the fraction that buys from others or not at all.",
                 lambda beta_price, shares, firms:
                     1 / (-beta_price * firm_shares(shares, firms))),
         Mistake("The right factor, but upside down: you multiply by one minus the firm's share. "
                 "A firm with more buyers to lose to itself asks for a larger margin, "
                 "so divide by it.",
                 lambda beta_price, shares, firms:
                     (1 - firm_shares(shares, firms)) / -beta_price),
         Mistake("The margins are right, one for each firm. The answer has one for each product: "
                 "give every product its firm's, in the order of `shares`.",
                 one_margin_a_firm),
         Mistake("The firm's mean share is used in place of its total share.",
                 margins_by_mean_share),
         Mistake("The rivals' shares are subtracted in place of the firm's own.",
                 lambda beta_price, shares, firms:
                     1 / (-beta_price * (1 - shares.sum() + firm_shares(shares, firms)))),
         Mistake("The factor that depends on the firm's share is missing: "
                 "1 / -beta_price is the margin of a firm with a share of zero.",
                 lambda beta_price, shares, firms: np.full(len(shares), -1 / beta_price))),
        ("Put one margin for all products of the firm into `s_j + sum_l (d s_l / d p_j) eta_l = 0` "
         "and use the derivatives of (1.3). What is left when you divide by `s_j`?",
         "The total share of each product's firm is `(firms[:, None] == firms) @ shares`. "
         "The margin depends on it and on `beta_price` alone."),
        "Which products make up a firm's share plays no role in the logit, "
        "so it can't tell a merger of twins from one of opposites.",
        firm_case),
}
