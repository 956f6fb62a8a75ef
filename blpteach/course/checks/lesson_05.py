"""Exercises of lesson 05."""
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ...examples import cereal
from ...post_estimation import (consumer_surplus, diversion_ratios, elasticities,
                                equilibrium_prices, margins, ownership_matrix, share_jacobian)
from ...problem import Problem
from ...utility import buyers, choice_probabilities
from .exercise import Exercise, Mistake

# The data of the exercises -----------------------------------------------------------------------

MARKET, PRODUCT, SAVING = "C01Q1", "F2B19", 0.05


@dataclass(frozen=True)
class Markets:
    """Markets with equally many products, at the estimates; or one, without the leading axis."""
    delta: np.ndarray                                           # (..., J)
    mu: np.ndarray                                              # (..., J, I)
    alpha: np.ndarray                                           # (..., J, I)
    weights: np.ndarray                                         # (..., I)
    prices: np.ndarray                                          # (..., J)
    firm: np.ndarray                                            # (..., J)
    beta_price: float

    def P(self, prices=None):
        """Choice probabilities, at the observed or other prices."""
        change = 0 if prices is None else (prices - self.prices)[..., None]
        return choice_probabilities(self.delta, self.mu + self.alpha * change)

    def shares(self):
        """Market shares."""
        return np.vecdot(self.P(), self.weights[..., None, :])

    def jacobian(self):
        """Share Jacobian."""
        return share_jacobian(self.P(), self.weights, self.alpha)

    def elasticities(self):
        """Elasticities of shares (rows) in prices (columns)."""
        return elasticities(self.jacobian(), self.prices, self.shares())

    def margins(self, firm):
        """Margins under other owners, at the observed prices."""
        return margins(self.shares(), self.jacobian(), ownership_matrix(firm))

    def costs(self):
        """Costs under the present owners."""
        return self.prices - self.margins(self.firm)

    def merged(self):
        """Owners after firm 1 has bought firm 2."""
        return np.where(self.firm == 2, 1, self.firm)

    def surplus(self, prices):
        """Consumer surplus in dollars a possible serving, up to a constant."""
        mu = self.mu + self.alpha * (prices - self.prices)[..., None]
        return consumer_surplus(self.delta, mu, self.alpha[..., 0, :], self.weights)


@cache
def all_markets(model="random coefficients"):
    """All 94 markets, under the model of the lesson or the logit."""
    problem, arguments = cereal()
    if model == "logit":
        problem, arguments = Problem(problem.products, linear="0 + prices", absorb="product_ids"), {}
    estimates = problem.estimate(**arguments)
    found = [estimates.market(label) for label in problem.market_labels]
    names = ("delta", "mu", "alpha", "weights", "prices", "firm_ids")
    return Markets(*(np.stack([getattr(m, name) for m in found]) for name in names), estimates.beta[0])


@cache
def one_market(model="random coefficients"):
    """Market C01Q1, the first of the stack."""
    everywhere = vars(all_markets(model))
    return Markets(*(value if name == "beta_price" else value[0]
                     for name, value in everywhere.items()))


def of_product():
    """The place of F2B19, and which products are its siblings."""
    l = 13
    return l, (one_market().firm == 2) & (np.arange(24) != l)


# 5.1: leavers who stay with the firm -------------------------------------------------------------

def of_both(function):
    """A number of the diversion ratios (J, J) of each of the two models."""
    models = (one_market(), one_market("logit"))
    return np.array([function(diversion_ratios(m.P(), m.weights, m.alpha)) for m in models])


def kept(diversion):
    """Of those who leave F2B19, the fraction that goes to its siblings."""
    l, siblings = of_product()
    return diversion[l, siblings].sum()


def kept_without_leaver():
    """For the logit the siblings' shares, as if those who leave F2B19 could come back to it."""
    return np.array([of_both(kept)[0], one_market("logit").shares()[of_product()[1]].sum()])


def kept_by_elasticity():
    """The sum of the siblings' cross elasticities."""
    l, siblings = of_product()
    models = (one_market(), one_market("logit"))
    return np.array([m.elasticities()[siblings, l].sum() for m in models])


def kept_by_ratio(exchanged=False):
    """The sum of the siblings' ratios of cross to own elasticity, without their sizes."""
    l, siblings = of_product()
    models = [one_market().elasticities(), one_market("logit").elasticities()]
    models = [E.T for E in models] if exchanged else models
    return np.array([-E[siblings, l].sum() / E[l, l] for E in models])


def kept_by_derivative():
    """The sum of the siblings' derivatives in the price of F2B19."""
    l, siblings = of_product()
    return np.array([m.jacobian()[siblings, l].sum() for m in (one_market(), one_market("logit"))])


def second_choices():
    """Siblings as the second choice of all buyers; for the logit it is the same as diversion."""
    m, (l, siblings) = one_market(), of_product()
    P = m.P()
    first = buyers(P, m.weights)[l] @ (P[siblings].sum(0) / (1 - P[l]))
    return np.array([first, of_both(kept)[1]])


LEAVERS_KEPT = Exercise(
    what="two fractions, for random coefficients and for the logit, in this order",
    right=lambda: of_both(kept),
    mistakes=(
        Mistake("Row and column are exchanged. In `diversion` the row is left and the column "
                "receives; you added up what `F2B19` gets from its siblings.",
                lambda: of_both(lambda d: d[of_product()[1], of_product()[0]].sum())),
        Mistake("You counted the diagonal. `diversion[l, l]` is the fraction that goes "
                "to the outside good, and `firm == 2` is true for `F2B19` itself: leave it out.",
                lambda: of_both(lambda d: kept(d) + d[13, 13])),
        Mistake("This is everybody who goes to another cereal, of any firm. "
                "Keep the siblings only, the products with `firm == 2`.",
                lambda: of_both(lambda d: 1 - d[13, 13])),
        Mistake("This is the fraction among those who stay with cereals. The question is about all "
                "who leave `F2B19`, those who go to the outside good too.",
                lambda: of_both(lambda d: kept(d) / (1 - d[13, 13]))),
        Mistake("This is the mean over the eight siblings. "
                "The fractions of all of them together are their sum.",
                lambda: of_both(lambda d: kept(d) / 8)),
        Mistake("You added up elasticities. A percent of a small product is few people; "
                "the fractions of leavers are in `diversion`.",
                kept_by_elasticity),
        Mistake("These are ratios of elasticities, cross over own. Diversion is that times the "
                "ratio of sizes, `s_l / s_j`: the second form of (5.4).",
                kept_by_ratio),
        Mistake("These are ratios of elasticities in the row of `F2B19`, how it responds to its "
                "siblings' prices. Its leavers are in `diversion`.",
                lambda: kept_by_ratio(exchanged=True)),
        Mistake("These are derivatives, share per dollar. Divide by minus the own derivative: "
                "what fraction of those who leave?", kept_by_derivative),
        Mistake("This is the fraction that goes to the outside good. "
                "Keep the siblings, the products with `firm == 2`.",
                lambda: of_both(lambda d: d[13, 13])),
        Mistake("These go to products of other firms: `firm != 2`. "
                "Siblings are those of firm 2, without `F2B19`.",
                lambda: of_both(lambda d: d[13, one_market().firm != 2].sum())),
        Mistake("This is firm 1. `F2B19` belongs to firm 2.",
                lambda: of_both(lambda d: d[13, one_market().firm == 1].sum())),
        Mistake("These are the siblings' shares. Which fraction of the *leavers* goes to them?",
                lambda: np.full(2, one_market().shares()[of_product()[1]].sum())),
        Mistake("The second is right. The first is where all buyers would go if `F2B19` were gone; "
                "the question is about those who leave first, `diversion`.",
                second_choices),
        Mistake("The first is right. The second is the logit's: "
                "`logit.diversion_ratios(market).to_numpy()`, the same sum.",
                lambda: np.full(2, of_both(kept)[0])),
        Mistake("This is the mean over all nine products of firm 2. "
                "The question is about the row of `F2B19` alone.",
                lambda: of_both(lambda d: np.mean([d[j, (one_market().firm == 2)
                                                     & (np.arange(24) != j)].sum()
                                                   for j in np.flatnonzero(one_market().firm
                                                                           == 2)]))),
        Mistake("The first is right. For the logit you added up shares, "
                "but those who leave `F2B19` can't go back to it: divide by `1 - shares[l]`.",
                kept_without_leaver)),
    hints=("Where do those who leave `F2B19` go? Find its row in `diversion`.",
           "Choose columns with a mask: products of firm 2, without `F2B19`.",
           "The two numbers are the same sum of two tables. "
           "The logit's ratios are `logit.diversion_ratios(market).to_numpy()`."),
    insight="The fewer leavers a firm's own products catch, the less it gains from raising "
            "a price; random coefficients put this number below the logit's for F2B19.")


# 5.2: the elasticity of a firm -------------------------------------------------------------------

def firm_elasticity(m, matrix=None, raised=None, weighted=True):
    """Percent change of firm 2's servings when the prices `raised` rise by one percent."""
    matrix = m.elasticities() if matrix is None else matrix
    two = m.firm == 2
    rows = matrix[:, two if raised is None else raised].sum(1)[two]
    return np.average(rows, weights=m.shares()[two] if weighted else None)


def own_elasticities(m):
    """Own elasticities of firm 2's products, and their shares."""
    two = m.firm == 2
    return np.diag(m.elasticities())[two], m.shares()[two]


def mean_of_own_elasticities(m):
    """Their mean, weighted by shares."""
    own, shares = own_elasticities(m)
    return np.average(own, weights=shares)


def all_nine_rows(m):
    """The sum of the 81 elasticities among firm 2's products."""
    two = m.firm == 2
    return m.elasticities()[np.ix_(two, two)].sum()


def after_a_whole_percent(m):
    """Percent change of firm 2's servings when its prices are one percent higher, exactly."""
    two = m.firm == 2
    new = m.P(np.where(two, 1.01, 1) * m.prices)[two] @ m.weights
    return 100 * (new.sum() / m.shares()[two].sum() - 1)


def weighted_rows(m, weights):
    """The nine rows' sums, averaged with other weights (J,)."""
    two = m.firm == 2
    return np.average(m.elasticities()[np.ix_(two, two)].sum(1), weights=weights[two])


def firm_elasticity_of_one(m):
    """Percent change of F2B19's servings when all prices of firm 2 rise."""
    return m.elasticities()[13, m.firm == 2].sum()


def with_mean_alpha(m):
    """The same market, with the mean of alpha in place of each type's."""
    return replace(m, alpha=np.full_like(m.alpha, m.weights @ m.alpha[0]))


FIRM_ELASTICITY = Exercise(
    what="one number, in percent for one percent, negative",
    right=lambda: firm_elasticity(one_market()),
    mistakes=(
        Mistake("You took own elasticities only. If all nine prices rise, "
                "each product also gains from the eight others' rise: add the cross elasticities.",
                lambda: mean_of_own_elasticities(one_market())),
        Mistake("This is the plain mean of the nine own elasticities: "
                "cross elasticities and the sizes of the products are missing.",
                lambda: own_elasticities(one_market())[0].mean()),
        Mistake("A mean of percentages is not the percentage of the sum. "
                "Weigh the nine rows by their shares.",
                lambda: firm_elasticity(one_market(), weighted=False)),
        Mistake("You let all 24 prices rise. Only firm 2's do.",
                lambda: firm_elasticity(one_market(), raised=np.ones(24, bool))),
        Mistake("Rows and columns are exchanged: `elasticity[j, l]` is the response of share `j` "
                "to price `l`, so sum over columns `l` first.",
                lambda: firm_elasticity(one_market(), matrix=one_market().elasticities().T)),
        Mistake("You put the mean of alpha in place of the types' alpha. "
                "Those who buy are not the mean type: `E[alpha | buys j]` is what counts.",
                lambda: firm_elasticity(with_mean_alpha(one_market()))),
        Mistake("This is the logit's answer. "
                "Use `elasticity`, the matrix of the random coefficients.",
                lambda: firm_elasticity(one_market("logit"))),
        Mistake("You added up nine percentages of nine numbers. "
                "The percentage of their sum is a mean, weighted by shares.",
                lambda: all_nine_rows(one_market())),
        Mistake("This is the change in points of share. "
                "Divide by the share of firm 2 before the rise.",
                lambda: firm_elasticity(one_market()) * own_elasticities(one_market())[1].sum()),
        Mistake("You raised the prices by a whole percent and computed the shares anew. "
                "To first order means by derivatives: use `elasticity`, or a much smaller rise.",
                lambda: after_a_whole_percent(one_market())),
        Mistake("This is the percentage of `F2B19` alone. The question is about "
                "the servings of all nine products together.",
                lambda: firm_elasticity_of_one(one_market())),
        Mistake("This is the own elasticity of `F2B19`. All nine prices rise, "
                "and the servings of all nine count.",
                lambda: one_market().elasticities()[13, 13]),
        Mistake("You weigh the nine rows by prices. The servings' percentage weighs by servings, "
                "that is, by shares.",
                lambda: weighted_rows(one_market(), one_market().prices)),
        Mistake("You weigh the nine rows by revenue. That is the percentage of sales at old "
                "prices; servings weigh by shares.",
                lambda: weighted_rows(one_market(),
                                      one_market().prices * one_market().shares())),
        Mistake("You average over all 24 products. Whose servings are asked for? Firm 2's.",
                lambda: np.average(one_market().elasticities()[:, one_market().firm == 2].sum(1),
                                   weights=one_market().shares())),
        Mistake("These are the cross elasticities alone. Each product's own price rises too.",
                lambda: (firm_elasticity(one_market())
                         - mean_of_own_elasticities(one_market()))),
        Mistake("You added one: that is the percentage of revenue, which counts the higher price. "
                "The question is about servings.",
                lambda: 1 + firm_elasticity(one_market()))),
    hints=("Nine prices rise at once. Which elements of `elasticity` say what that does to the "
           "share of one product?",
           "When all prices of firm 2 rise by one percent, by how many percent does the share "
           "of product `j` change? Sum one row of `elasticity` over the right columns.",
           "Nine percentages then make one: "
           "weigh each by its share, `np.average(rows, weights=shares[firm == 2])`."),
    insight="A firm faces a less elastic demand than each of its products, because what one "
            "of them loses another partly catches. That is the reason for its larger margins.")


# 5.3: Lerner indices as a function ---------------------------------------------------------------

def small_market(rng):
    """Three or four products, two of one firm; price coefficients differ between products."""
    J, I = rng.integers(3, 5), rng.integers(3, 6)
    V, firm_ids = rng.normal(-0.5, 1, (J, I)), np.array([1, 2, 1, 2])[:J]
    weights = rng.dirichlet(np.ones(I)).round(3)
    weights[0] += 1 - weights.sum()
    P = (np.exp(V) / (1 + np.exp(V).sum(0))).round(3)
    alpha, prices = -rng.uniform(1, 4, (J, I)).round(2), rng.uniform(1, 3, J).round(2)
    return {"P": P, "weights": weights, "alpha": alpha, "prices": prices, "firm_ids": firm_ids}


def lerner(P, weights, alpha, prices, firm_ids):
    """Lerner indices (J,)."""
    D, H = share_jacobian(P, weights, alpha), ownership_matrix(firm_ids)
    return margins(P @ weights, D, H) / prices


def lerner_untransposed(P, weights, alpha, prices, firm_ids):
    """With the Jacobian as it is in place of its transpose."""
    D, H = share_jacobian(P, weights, alpha), ownership_matrix(firm_ids)
    return np.linalg.solve(-H * D, P @ weights) / prices


def lerner_of_mean_type(P, weights, alpha, prices, firm_ids):
    """With the mean of alpha over types in place of alpha."""
    mean = np.broadcast_to((alpha @ weights)[:, None], alpha.shape)
    return lerner(P, weights, mean, prices, firm_ids)


def lerner_without_revenue(P, weights, alpha, prices, firm_ids):
    """Elasticities in place of derivatives, as if every product earned the same."""
    E = elasticities(share_jacobian(P, weights, alpha), prices, P @ weights)
    return np.linalg.solve(-ownership_matrix(firm_ids) * E.T, np.ones(len(prices)))


def lerner_of_plain_shares(P, weights, alpha, prices, firm_ids):
    """With the mean of P over types on the right side, and the right Jacobian."""
    D, H = share_jacobian(P, weights, alpha), ownership_matrix(firm_ids)
    return margins(P.mean(1), D, H) / prices


def lerner_of_elasticities(P, weights, alpha, prices, firm_ids):
    """Elasticities in the matrix and shares on the right side."""
    E = elasticities(share_jacobian(P, weights, alpha), prices, P @ weights)
    return np.linalg.solve(-ownership_matrix(firm_ids) * E.T, P @ weights)


LERNER = Exercise(
    what="a function that returns the Lerner index of each product, (J,), as fractions",
    right=lerner,
    mistakes=(
        Mistake("These are margins in dollars, `p - c`. "
                "The Lerner index is the margin as a fraction of the price: divide by `prices`.",
                lambda P, weights, alpha, prices, firm_ids:
                    lerner(P, weights, alpha, prices, firm_ids) * prices),
        Mistake("You divided the margin by the cost. That is the markup over cost; "
                "the Lerner index divides by the price.",
                lambda P, weights, alpha, prices, firm_ids:
                    1 / (1 / lerner(P, weights, alpha, prices, firm_ids) - 1)),
        Mistake("The Jacobian must be transposed, as in (5.6). The condition of price `j` has "
                "the derivatives of all shares in that one price: column `j` of `D`.",
                lerner_untransposed),
        Mistake("This treats each product as a firm of its own, `-1 /` own elasticity. "
                "Use `ownership_matrix(firm_ids)`.",
                lambda P, weights, alpha, prices, firm_ids:
                    lerner(P, weights, alpha, prices, np.arange(len(prices)))),
        Mistake("This treats all products as one firm's: `ownership` is missing.",
                lambda P, weights, alpha, prices, firm_ids:
                    lerner(P, weights, alpha, prices, np.zeros(len(prices)))),
        Mistake("You replaced alpha by its mean over types. "
                "Types who mind prices buy less, so the mean must be taken with `s_ij` inside.",
                lerner_of_mean_type),
        Mistake("The types' weights are missing: shares are `P @ weights`, "
                "not the plain mean of `P`, and the Jacobian has the same weights.",
                lambda P, weights, alpha, prices, firm_ids:
                    lerner(P, np.full(len(weights), 1 / len(weights)), alpha, prices, firm_ids)),
        Mistake("With elasticities in place of derivatives each condition must be weighted "
                "by revenue, `prices * shares`: products of one firm earn different amounts. "
                "Solve (5.6) with the derivatives.",
                lerner_without_revenue),
        Mistake("These are costs, `prices - margins`. The Lerner index is the margin "
                "as a fraction of the price.",
                lambda P, weights, alpha, prices, firm_ids:
                    prices * (1 - lerner(P, weights, alpha, prices, firm_ids))),
        Mistake("This is cost over price, one minus the Lerner index.",
                lambda P, weights, alpha, prices, firm_ids:
                    1 - lerner(P, weights, alpha, prices, firm_ids)),
        Mistake("The sign is wrong. (5.6) has a minus before the inverse, "
                "and alpha is taken as it is, negative.",
                lambda P, weights, alpha, prices, firm_ids:
                    -lerner(P, weights, alpha, prices, firm_ids)),
        Mistake("You took the plain mean of `P` for shares. Types have weights: `P @ weights`.",
                lerner_of_plain_shares),
        Mistake("You replaced alpha by its plain mean over types. "
                "Types who mind prices buy less, so the mean must be taken with `s_ij` inside.",
                lambda P, weights, alpha, prices, firm_ids:
                    lerner(P, weights, alpha.mean(1, keepdims=True) + 0 * alpha,
                           prices, firm_ids)),
        Mistake("With elasticities in place of derivatives the right side is no longer the shares. "
                "Solve (5.6) with `share_jacobian`, then divide by the price.",
                lerner_of_elasticities),
        Mistake("This is `s_j` over the own derivative, in dollars: each product a firm of its "
                "own, and not yet divided by price.",
                lambda P, weights, alpha, prices, firm_ids:
                    prices * lerner(P, weights, alpha, prices, np.arange(len(prices))))),
    hints=("Three lines: shares, the margins (5.6), and the division by price.",
           "Which matrix says who owns what, and which one how shares move with prices?",
           "`share_jacobian`, `ownership_matrix` and `margins` are at hand; "
           "shares are `P @ weights`. If you solve the system yourself, mind the transpose, "
           "and that the `*` of (5.6) is element by element, not `@`."),
    insight="If each type's alpha is the same for all products, "
            "the Jacobian is symmetric and a forgotten transpose goes unnoticed; "
            "the random cases here have alphas that differ between products.",
    inputs=small_market)


# 5.4: costs that leave all prices as they are ----------------------------------------------------

def compensating(m):
    """The costs asked for."""
    return m.prices - m.margins(m.merged())


def lowered_by_the_rise():
    """Present costs in C01Q1, for firms 1 and 2 minus the rise of their prices by the merger."""
    m = one_market()
    return m.costs() - (new_prices(saving=0.0)[0] - m.prices) * (m.firm <= 2)


def merger_prices():
    """Prices in C01Q1 after the merger, costs as they were."""
    return new_prices(saving=0.0)[0]


def the_same_fall(percent=False):
    """The mean fall of the merging products' costs, in dollars or percent, taken off each."""
    m = one_market()
    fall, merging = m.costs() - compensating(m), m.firm <= 2
    if percent:
        return m.costs() * (1 - (fall / m.costs())[merging].mean() * merging)
    return m.costs() - fall[merging].mean() * merging


COMPENSATING = Exercise(
    what="24 costs, in dollars a serving, in the order of `prices`",
    right=lambda: compensating(one_market()),
    mistakes=(
        Mistake("These are the present costs. You took the old owners, or the new "
                "owners at the new prices, where margins are `new_prices - costs` by construction. "
                "Take the new owners at the old prices.",
                lambda: one_market().costs()),
        Mistake("These are the margins under the new owners. "
                "The costs that make the old prices optimal are `prices` minus these.",
                lambda: one_market().margins(one_market().merged())),
        Mistake("The wrong direction: margins rise under the new owners, "
                "so at the same prices costs must fall by as much.",
                lambda: 2 * one_market().costs() - compensating(one_market())),
        Mistake("This is the fall of each cost in percent. The answer is the costs themselves.",
                lambda: 100 * (1 - compensating(one_market()) / one_market().costs())),
        Mistake("This is by how much each cost must fall, in dollars. "
                "The answer is what is left of the costs.",
                lambda: one_market().costs() - compensating(one_market())),
        Mistake("You lowered costs by as much as prices rise. "
                "Firms pass on less than a whole saving, so that is too little: "
                "ask which margins the new owner wants at the old prices.",
                lowered_by_the_rise),
        Mistake("These are cents. The answer is in dollars a serving, as `prices` are.",
                lambda: 100 * compensating(one_market())),
        Mistake("You made one firm of all five. Only firms 1 and 2 merge.",
                lambda: one_market().prices - one_market().margins(np.ones(24))),
        Mistake("These are the costs that the logit asks for. "
                "Use the shares and derivatives of the random coefficients.",
                lambda: compensating(one_market("logit"))),
        Mistake("You subtract the rise of its price from every cost, the rivals' too. "
                "Only the merging firms' costs fall, and by more than prices would rise.",
                lambda: one_market().costs() - (merger_prices() - one_market().prices)),
        Mistake("You took prices after the merger. All prices are to stay as they are: "
                "subtract the margins from the *old* prices.",
                lambda: merger_prices() - one_market().margins(one_market().merged())),
        Mistake("These are the prices after the merger minus the old margins. The prices are to "
                "stay; the margins are those of the new owners.",
                lambda: merger_prices() - one_market().margins(one_market().firm)),
        Mistake("You let each cost fall by the percentage by which its price would rise. "
                "Firms pass on less than a whole saving, and a percent of cost is less than one "
                "of price.",
                lambda: one_market().costs() * (2 - merger_prices() / one_market().prices)),
        Mistake("These are the prices themselves. Subtract the margins of the new owners.",
                lambda: one_market().prices),
        Mistake("These are costs that are five percent lower, as in another exercise. Here the "
                "fall is to be found, product by product.",
                lambda: 0.95 * one_market().costs()),
        Mistake("Rivals' costs don't change: those of firms 3, 4 and 6 are their present ones, "
                "and not zero.",
                lambda: compensating(one_market()) * (one_market().firm <= 2)),
        Mistake("You changed the costs of firm 2 only. "
                "Both merging firms now count the other's buyers.",
                lambda: np.where(one_market().firm == 2, compensating(one_market()),
                                 one_market().costs())),
        Mistake("You took one fall for all products, the mean. "
                "Each has its own, from its own margin.", the_same_fall),
        Mistake("You took one percentage for all products, the mean. "
                "Each has its own, from its own margin.", lambda: the_same_fall(percent=True)),
        Mistake("You subtracted the old margin and the new one. Only the new one counts.",
                lambda: compensating(one_market()) - one_market().margins(one_market().firm)),
        Mistake("You took the new Lerner index off the old cost. "
                "It is a fraction of the *price*.",
                lambda: (one_market().costs() * compensating(one_market())
                         / one_market().prices))),
    hints=("What does a first-order condition need: prices, shares, derivatives, owners. "
           "Which of these are known before any cost?",
           "At the old prices shares and their derivatives are known. "
           "Which margins would the new owner want there?",
           "`blpteach.margins(shares, jacobian, ...)` with the ownership matrix of the merged "
           "firms; cost is price minus margin."),
    insight="No iteration is needed: all that changes in the first-order conditions "
            "is the ownership matrix, at prices and shares that we observe (Werden 1996).")


# 5.5: the whole merger, with a saving ------------------------------------------------------------

def reduced(m, firms=(1, 2), saving=SAVING):
    """Costs after the products of some firms have become cheaper to make."""
    return m.costs() * np.where(np.isin(m.firm, firms), 1 - saving, 1)


@cache
def new_prices(firms=(1, 2), saving=SAVING, merge=True, of_price=False):
    """Prices after the merger, in all markets; the saving is a fraction of cost, or of price."""
    m = all_markets()
    H = ownership_matrix(m.merged() if merge else m.firm)
    of_these = np.isin(m.firm, firms)
    costs = m.costs() - saving * m.prices * of_these if of_price else reduced(m, firms, saving)
    return equilibrium_prices(m.delta, m.mu, m.alpha, m.weights, m.prices, costs, H).prices


def losses(prices):
    """Change of consumer surplus in each market, in cents a possible serving."""
    m = all_markets()
    return 100 * (m.surplus(prices) - m.surplus(m.prices))


def loss(prices):
    """Its mean over the markets."""
    return losses(prices).mean()


def mean_consumers_loss():
    """The log-sum of delta in place of the types' surplus."""
    m = all_markets()
    changes = (m.beta_price * (new_prices() - m.prices), 0)
    after, before = (np.log1p(np.exp(m.delta + change).sum(-1)) for change in changes)
    return 100 * ((after - before) / -m.beta_price).mean()


def loss_over_mean_alpha():
    """Types' utilities, divided by the mean of alpha."""
    m = all_markets()
    utils = []
    for prices in (m.prices, new_prices()):
        V = m.delta[..., None] + m.mu + m.alpha * (prices - m.prices)[..., None]
        utils.append(np.log1p(np.exp(V).sum(-2)))
    change = np.vecdot(m.weights, utils[1] - utils[0])
    return 100 * (change / -np.vecdot(m.weights, m.alpha[:, 0])).mean()


def basket():
    """What the old basket costs more, as a loss."""
    m = all_markets()
    return -100 * (m.shares() * (new_prices() - m.prices)).sum(-1).mean()


def share_weighted_loss():
    """Markets weighted by their inside shares."""
    return np.average(losses(new_prices()), weights=all_markets().shares().sum(-1))


FIRM_1_OR_WEIGHTED = (                                          # two mistakes with nearly one value
    "Two mistakes lead to this number, to three digits. Either you lowered the costs of firm 1 "
    "only: firm 2's products are its own now, and they save too. Or you weighted markets by what "
    "they buy: each counts once.")


MERGER_WITH_SAVING = Exercise(
    what="one number, in cents a possible serving, negative if consumers lose",
    right=lambda: loss(new_prices()),
    mistakes=(
        Mistake("Costs did not fall: this is the merger without a saving. "
                "Give `counterfactual` the new costs too.",
                lambda: loss(new_prices(saving=0.0))),
        Mistake("You lowered the costs of all products. "
                "Only those of firms 1 and 2 get cheaper to make.",
                lambda: loss(new_prices(firms=(1, 2, 3, 4, 6)))),
        Mistake("You lowered the costs of firm 2 only. The products of both merging firms save.",
                lambda: loss(new_prices(firms=(2,)))),
        Mistake(FIRM_1_OR_WEIGHTED, lambda: loss(new_prices(firms=(1,)))),
        Mistake(FIRM_1_OR_WEIGHTED, share_weighted_loss),
        Mistake("Costs fell, but nobody merged: give `counterfactual` the new owners too.",
                lambda: loss(new_prices(merge=False))),
        Mistake("Margins were recomputed once, at the old prices, and added to the costs. "
                "That is one step of the naive map; the conditions must hold at the new prices.",
                lambda: loss(reduced(all_markets())
                             + all_markets().margins(all_markets().merged()))),
        Mistake("This is the surplus of the mean consumer, the log-sum of `delta`. "
                "That one hardly eats cereals; the surplus is a mean over types.",
                mean_consumers_loss),
        Mistake("You divided by the mean of alpha. "
                "Each type's utils are worth `1 / -alpha_i` dollars: divide before you average.",
                loss_over_mean_alpha),
        Mistake("This is what the old baskets cost more. Buyers who leave lose less than that: "
                "take the difference of surplus.",
                basket),
        Mistake("This is the sum over the 94 markets. "
                "A possible serving stands in one of them: take the mean.",
                lambda: 94 * loss(new_prices())),
        Mistake("These are dollars. The answer is in cents.", lambda: loss(new_prices()) / 100),
        Mistake("This is market C01Q1 alone. The answer is the mean over all 94.",
                lambda: losses(new_prices())[0]),
        Mistake("This is the median over the markets. The answer is the mean.",
                lambda: np.median(losses(new_prices()))),
        Mistake("This is what the saving is worth to consumers, once the firms have merged. "
                "Compare with the surplus before the merger.",
                lambda: loss(new_prices()) - loss(new_prices(saving=0.0))),
        Mistake("You lowered costs by five percent of the *price*. "
                "The saving is five percent of cost.",
                lambda: loss(new_prices(of_price=True))),
        Mistake("You raised costs by five percent. The saving lowers them.",
                lambda: loss(new_prices(saving=-SAVING))),
        Mistake("You divided costs by 1.05. Five percent less is times 0.95.",
                lambda: loss(new_prices(saving=1 - 1 / 1.05))),
        Mistake("You left five percent of the costs. Five percent is what is saved.",
                lambda: loss(new_prices(saving=0.95))),
        Mistake("You divide each market's loss by the share that buys. "
                "The answer is per possible serving: leave it as it is.",
                lambda: (losses(new_prices()) / all_markets().shares().sum(-1)).mean()),
        Mistake("This is the mean level of surplus after the merger. "
                "Only a difference means something: subtract the surplus before it.",
                lambda: 100 * all_markets().surplus(new_prices()).mean()),
        Mistake("This is the change in percent of the level of surplus, which is known up to a "
                "constant only. The answer is in cents.",
                lambda: (losses(new_prices())
                         / all_markets().surplus(all_markets().prices)).mean()),
        Mistake("This is the mean percentage by which prices change. "
                "What do consumers lose by it, in cents?",
                lambda: 100 * (new_prices() / all_markets().prices - 1).mean()),
        Mistake("You divided the sum over markets by the number of products. "
                "There are 94 markets.",
                lambda: losses(new_prices()).sum() / 2256)),
    hints=("Two things change at once, owners and costs. What is the surplus compared with?",
           "`estimates.counterfactual` takes the new owners and new costs, "
           "both for all 2256 products. `all_costs` are the present costs.",
           "`consumer_surplus()` of the counterfactual minus that of `estimates` has one value "
           "a market, in dollars. Multiply costs by 0.95 where `merging` is true."),
    insight="A saving of five percent offsets only part of the harm: "
            "firms pass on less than the whole saving, and the merged firm's new incentive stays.")


# 5.6: who leaves first ---------------------------------------------------------------------------

def with_price_lovers(rng):
    """A small market in which one type likes high prices, and a product."""
    case = small_market(rng)
    case["alpha"][:, 0] = rng.uniform(0.1, 0.5, len(case["alpha"])).round(2)
    j = int(rng.integers(0, len(case["P"])))
    return {"P": case["P"], "weights": case["weights"], "alpha": case["alpha"], "j": j}


def leavers(P, weights, alpha, j):
    """The distribution of types (I,) among those who leave product j at a small price rise."""
    moved = weights * alpha[j] * P[j] * (1 - P[j])
    return moved / moved.sum()


def normalised(values):
    """Values that sum to one."""
    return values / values.sum()


def largest_one(values):
    """Values of which the largest is one."""
    return values / values.max()


FIRST_TO_LEAVE = Exercise(
    what="a function that returns a weight for each type, (I,), which sum to one",
    right=leavers,
    mistakes=(
        Mistake("These are the buyers of `j`, weights `w_i s_ij / s_j`. "
                "Which of them leave depends on `alpha_ij` and on `1 - s_ij` as well.",
                lambda P, weights, alpha, j: buyers(P, weights)[j]),
        Mistake("The factor `alpha_ij` is missing: a price rise moves utility by `alpha_ij dp`, "
                "more for some types than for others.",
                lambda P, weights, alpha, j: normalised(weights * P[j] * (1 - P[j]))),
        Mistake("The factor `1 - s_ij` is missing: "
                "a type that buys `j` almost surely hardly moves.",
                lambda P, weights, alpha, j: normalised(weights * alpha[j] * P[j])),
        Mistake("The types' own weights `w_i` are missing.",
                lambda P, weights, alpha, j: normalised(alpha[j] * P[j] * (1 - P[j]))),
        Mistake("You took the absolute value of alpha. A type with a positive alpha comes, "
                "and its weight must be negative for the sum to be `d s_j / d p_j`.",
                lambda P, weights, alpha, j:
                    normalised(weights * abs(alpha[j]) * P[j] * (1 - P[j]))),
        Mistake("These are the terms of `d s_j / d p_j`. "
                "Divide by their sum, so that they become a distribution.",
                lambda P, weights, alpha, j: weights * alpha[j] * P[j] * (1 - P[j])),
        Mistake("You divided by the share of `j`. The sum is then `d log s_j / d p_j` and not one: "
                "divide by the sum of the terms.",
                lambda P, weights, alpha, j:
                    weights * alpha[j] * P[j] * (1 - P[j]) / (P[j] @ weights)),
        Mistake("These are all types, whether they buy `j` or not. "
                "Who leaves `j` must have bought it: `s_ij` is missing.",
                lambda P, weights, alpha, j: weights),
        Mistake("`s_ij` and `1 - s_ij` are missing: `w_i alpha_ij` counts types who never buy `j`.",
                lambda P, weights, alpha, j: normalised(weights * alpha[j])),
        Mistake("You have `s_ij` squared in place of `s_ij (1 - s_ij)`. "
                "A type that buys `j` almost surely hardly moves.",
                lambda P, weights, alpha, j: normalised(weights * alpha[j] * P[j]**2)),
        Mistake("You divide by `1 - s_ij`. That factor belongs to the second choices; "
                "the weight is multiplied by it.",
                lambda P, weights, alpha, j: normalised(weights * alpha[j] * P[j] / (1 - P[j]))),
        Mistake("You took the mean of alpha over products. The price of `j` alone rises: "
                "`alpha[j]`.",
                lambda P, weights, alpha, j:
                    normalised(weights * alpha.mean(0) * P[j] * (1 - P[j]))),
        Mistake("You divide by the largest weight. The weights sum to one.",
                lambda P, weights, alpha, j: largest_one(leavers(P, weights, alpha, j))),
        Mistake("You have the outside good's probability, `1 - P.sum(0)`, in place of "
                "`1 - P[j]`. Who leaves `j` may go to another product.",
                lambda P, weights, alpha, j:
                    normalised(weights * alpha[j] * P[j] * (1 - P.sum(0))))),
    hints=("By (5.2), what is the derivative of `s_j` in its own price, as a sum over types?",
           "Write (5.4) with (5.2) in numerator and denominator. "
           "Which factor stands in front of `s_il / (1 - s_ij)` once both are sums over types?",
           "The numerator is a sum over types of `w_i alpha_ij s_ij s_il`. Multiply and divide "
           "each term by `1 - s_ij`: what is left in front is, up to scale, the weight."),
    insight="Diversion ratios are the second choices of those who leave first; "
            "a survey that asks all buyers gets another average of the same choices.",
    inputs=with_price_lovers)


EXERCISES = {"5.1": LEAVERS_KEPT, "5.2": FIRM_ELASTICITY, "5.3": LERNER, "5.4": COMPENSATING,
             "5.5": MERGER_WITH_SAVING, "5.6": FIRST_TO_LEAVE}
