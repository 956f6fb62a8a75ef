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


def place_in_market(values, pick):
    """The place in market C01Q1 at which values (N,) are extreme, as text."""
    return str(float(pick(values[np.flatnonzero(cereal()["market_ids"] == MARKET)])))


def product_of_all(values, pick):
    """The id of the product at which values (N,) are extreme, over all markets."""
    return str(cereal()["product_ids"].to_numpy()[pick(values)])


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


def reduced_form_F():
    """F of the instruments in a regression of y, not of the price."""
    y, _, Z = columns("product_ids")
    fitted = Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    return float(fitted @ fitted / 20 / ((y - fitted) @ (y - fitted) / (len(y) - 44)))


def first_instrument():
    """The estimate with one instrument."""
    y, X, Z = columns("product_ids")
    return float(Z[:, 0] @ y / (Z[:, 0] @ X[:, 0]))


def inverse_regression():
    """The slope of the price on y."""
    y, X, _ = columns("product_ids")
    return float(X[:, 0] @ y / (y @ y))


def r_squared():
    """Of the first stage, within products."""
    _, X, Z = columns("product_ids")
    fitted = Z @ np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]
    return float(fitted @ fitted / (X[:, 0] @ X[:, 0]))


# Functions ---------------------------------------------------------------------------------------

def grown(shares, beta_price, change):
    """Weights `s exp(change of utility)` (J,)."""
    return shares * np.exp(beta_price * change)


def own_odds(shares, beta_price, change):
    """Each product against the outside good, as if the two were alone."""
    odds = grown(shares, beta_price, change) / (1 - shares.sum())
    return odds / (1 + odds)


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


def firm_shares(shares, firms):
    """For each product the total share of its firm, (J,)."""
    return ownership_matrix(firms) @ shares


def one_margin_a_firm(beta_price, shares, firms):
    """Margins of the firms, not of the products."""
    first = np.unique(firms, return_index=True)[1]
    return firm_margins(beta_price, shares, firms)[first]


def margins_by(owned, beta_price):
    """Margins (J,) from what stands in place of the firm's share."""
    return 1 / (-beta_price * (1 - owned))


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
                 lambda: product_of_market(cereal()["shares"].to_numpy(), np.argmin)),
         Mistake("The place is right. The answer is the id at that place: `ids[place]`.",
                 lambda: place_in_market(logit().own_elasticities(), np.argmin)),
         Mistake("The most elastic of all markets. Asked is market C01Q1 alone.",
                 lambda: product_of_all(logit().own_elasticities(), np.argmin)),
         Mistake("This is the sweetest. Sugar is no part of (0.3).",
                 lambda: product_of_market(cereal()["sugar"].to_numpy(), np.argmax))),
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
                 lambda: float(logit().problem.estimate(steps=2).beta[0])),
         Mistake("This is least squares on a constant and the price: neither product effects nor "
                 "instruments. Use `y`, `X` and `Z`, which are net of product averages.",
                 lambda: price_coefficient(linear="1 + prices", instruments=["prices"])),
         Mistake("Only the first instrument is used. The first stage has all 20.",
                 first_instrument),
         Mistake("This is the regression of the price on `y`. "
                 "In the second stage `y` is explained, by the fitted price.",
                 inverse_regression),
         Mistake("This is the standard error. The coefficient is asked for.",
                 lambda: float(logit().beta_se[0]))),
        ("The first stage is a regression of `X[:, 0]` on the 20 columns of `Z`.",
         "`np.linalg.lstsq(Z, X[:, 0], rcond=None)[0]` are its coefficients. "
         "What is the fitted price?",
         "The second stage is a regression on one column, the fitted price. "
         "All columns have mean zero already."),
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
                 lambda: r_squared() / (1 - r_squared())),
         Mistake("The unexplained sum of squares is divided by N. "
                 "Its degrees of freedom are fewer: "
                 "20 instruments and 24 product averages were estimated.",
                 lambda: first_stage_F() * cereal().shape[0] / (cereal().shape[0] - 44)),
         Mistake("The degrees of freedom are `N - J`: the 20 instruments are not counted.",
                 lambda: first_stage_F(lost=4)),
         Mistake("The degrees of freedom are `N - M - 1`, as with one constant. "
                 "There are 24 product averages, which were estimated too.",
                 lambda: first_stage_F(lost=1)),
         Mistake("Divided by 19. No constant is among the 20 instruments: divide by 20.",
                 lambda: first_stage_F() * 20 / 19),
         Mistake("This is the F of the reduced form, delta on the instruments. "
                 "The first stage explains the price.",
                 reduced_form_F)),
        ("Split the price in two: fitted values and the rest.",
         "F is a ratio of their sums of squares, each per degree of freedom.",
         "Above stands the sum of squares of the fitted price, with 20 degrees of freedom; "
         "below that of the rest, with `len(y) - J - 20`."),
        "The instruments explain nearly all of the price, "
        "so the estimate stays near least squares, whether or not they are valid.",
        rtol=2e-4),                     # a degree of freedom is half a thousandth
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
                 lambda shares, beta_price, change: new_shares(shares, -beta_price, change)),
         Mistake("Utility grows by `beta_price * change`, so `exp(delta)` is multiplied by "
                 "`exp(beta_price * change)`, not by `1 + beta_price * change`.",
                 lambda shares, beta_price, change:
                     normalised(shares * (1 + beta_price * change), 1 - shares.sum())),
         Mistake("These are the new odds against the outside good, `exp(delta)`. "
                 "Shares follow by (1.3).",
                 lambda shares, beta_price, change:
                     grown(shares, beta_price, change) / (1 - shares.sum())),
         Mistake("The denominator has the old inside share, `shares.sum()`. "
                 "The outside good's weight is its own old share, `1 - shares.sum()`.",
                 lambda shares, beta_price, change:
                     normalised(grown(shares, beta_price, change), shares.sum())),
         Mistake("The price coefficient is missing: a dollar is worth `beta_price` utils.",
                 lambda shares, beta_price, change: new_shares(shares, 1.0, change)),
         Mistake("These are changes of the shares. The new shares are asked for.",
                 lambda shares, beta_price, change:
                     new_shares(shares, beta_price, change) - shares),
         Mistake("Each product is set against the outside good as if the others were not there. "
                 "All products stand in the denominator of (1.3).",
                 own_odds),
         Mistake("`exp(shares)` stands where `exp(delta)` belongs. By (0.2), `exp(delta)` is "
                 "`shares` over the outside share.",
                 lambda shares, beta_price, change:
                     normalised(np.exp(shares + beta_price * change), 1))),
        ("By (0.2), `exp(delta)` is known from the old shares alone: what is it?",
         "A change of the price adds `beta_price * change` to delta. "
         "By which factor does that multiply `exp(delta)`?",
         "Put the new `exp(delta)` into (1.3), all products in the denominator. "
         "To be rid of fractions multiply above and below by the old outside share."),
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
                 lambda shares, market_size: 1 - (shares.sum() - shares) / market_size),
         Mistake("The outside share is divided by the product's share. Those who leave j choose "
                 "among all but j: divide by `1 - s_j`.",
                 lambda shares, market_size:
                     (1 - shares.sum() / market_size) / (shares / market_size)),
         Mistake("The product's own share stands above. Asked is what the *outside good* gets.",
                 lambda shares, market_size: shares / market_size / (1 - shares / market_size)),
         Mistake("This is the product's share of all inside goods. "
                 "Asked is which fraction of those who leave it goes to the outside good.",
                 lambda shares, market_size: shares / shares.sum()),
         Mistake("This is `s_0 s_j`, the derivative of the outside share up to the coefficient. "
                 "Divide by the derivative of the product's own share.",
                 lambda shares, market_size:
                     (1 - shares.sum() / market_size) * shares / market_size),
         Mistake("This goes to the other inside goods. Asked is the rest, the outside good's part.",
                 lambda shares, market_size: 1 - to_outside(shares, market_size))),
        ("Derive `d s_0 / d p_j` and `d s_j / d p_j` from (1.3), as Step 1 does for two products.",
         "What drops out of their ratio? The coefficient, and one more factor.",
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
                 lambda beta_price, shares, firms: np.full(len(shares), -1 / beta_price)),
         Mistake("The factor that depends on the firm's share is missing, and it is one number: "
                 "the answer has a margin for each product.",
                 lambda beta_price, shares, firms: -1 / beta_price),
         Mistake("One *plus* the firm's share. A larger firm asks for a larger margin: "
                 "subtract its share from one.",
                 lambda beta_price, shares, firms:
                     margins_by(-firm_shares(shares, firms), beta_price)),
         Mistake("Only the firm's other products are counted. "
                 "Its total share has the product's own in it too.",
                 lambda beta_price, shares, firms:
                     margins_by(firm_shares(shares, firms) - shares, beta_price)),
         Mistake("The product's margin alone, times the number of the firm's products. "
                 "What counts is the firm's total share.",
                 lambda beta_price, shares, firms:
                     ownership_matrix(firms).sum(1) * margins_by(shares, beta_price)),
         Mistake("Outside share less the firm's. "
                 "One less the firm's share is the fraction that buys from others "
                 "*or not at all*; the rivals' buyers belong to it.",
                 lambda beta_price, shares, firms:
                     margins_by(shares.sum() + firm_shares(shares, firms), beta_price))),
        ("Put one margin for all products of the firm into `s_j + sum_l (d s_l / d p_j) eta_l = 0` "
         "and use the derivatives of (1.3). What is left when you divide by `s_j`?",
         "One sum over the firm's products is left, and no j.",
         "The total share of each product's firm is `(firms[:, None] == firms) @ shares`. "
         "The margin depends on it and on `beta_price` alone."),
        "Which products make up a firm's share plays no role in the logit, "
        "so it can't tell a merger of twins from one of opposites.",
        firm_case),
}
