"""Exercises of lesson 01: who buys, shares as means over types, second choices, diversion."""
from functools import cache

import numpy as np

from ...tables.integration import gauss_hermite, halton
from ...inversion import invert_shares
from ...utility import (buyers, choice_probabilities, log_share_jacobian, market_shares,
                        taste_deviations)
from .exercise import Exercise, Mistake

# The small market of the lesson: Stars, Loops, Pops, Bran, Wheat, Oats.
SHARES = np.array([0.10, 0.08, 0.05, 0.08, 0.06, 0.03])
SUGAR = np.array([1.2, 1.2, 0.9, 0.5, 0.1, 0.3])
DELTA_LOGIT = np.log(SHARES / (1 - SHARES.sum()))
LOGIT = SHARES[1:] / (1 - SHARES[0])                            # the logit's diversion from Stars


@cache
def market():
    """The market of "Who buys": delta, mu, P, B, nodes and weights."""
    nodes, weights = (array[0] for array in halton(500, seed=0).nodes_and_weights(1, 2))
    mu = taste_deviations(np.column_stack([np.ones(6), SUGAR]), nodes, np.diag([1.0, 2.0]))
    delta = invert_shares(SHARES, mu, weights).delta
    P = choice_probabilities(delta, mu)
    return delta, mu, P, buyers(P, weights), nodes, weights


# 1.1 Buyers' tastes

def fraction_of_fans(column=1):
    """The fraction of each product's buyers with a positive draw in a column of nodes, (6,)."""
    _, _, _, B, nodes, _ = market()
    return B @ (nodes[:, column] > 0)


def mean_taste_of_buyers():
    """Their mean draw, (6,)."""
    _, _, _, B, nodes, _ = market()
    return B @ nodes[:, 1]


def demand_of_fans(per_fan):
    """What the fans buy: per fan, or as a part of all consumers, (6,)."""
    _, _, P, _, nodes, weights = market()
    fans = weights * (nodes[:, 1] > 0)
    return P @ fans / (fans.sum() if per_fan else 1)


def against_their_own_mean():
    """The fraction that lies above the mean of the product's own buyers, (6,)."""
    _, _, _, B, nodes, _ = market()
    return (B * (nodes[:, 1] > (B @ nodes[:, 1])[:, None])).sum(1)


def fans_counted():
    """Probabilities of the fans added up, without weights, (6,)."""
    _, _, P, _, nodes, _ = market()
    return P @ (nodes[:, 1] > 0)


def average_is_a_fan():
    """Whether the average buyer likes sugar more than the mean consumer, (6,)."""
    return mean_taste_of_buyers() > 0


# 1.2 Market shares by Gauss-Hermite, in percent

def percent_shares(sigma=2.0, delta=DELTA_LOGIT, forget_weights=False):
    """Shares at the logit's delta, or another, with a random taste for sugar, in percent, (6,)."""
    nodes, weights = (array[0] for array in gauss_hermite(20).nodes_and_weights(1, 1))
    weights = np.full(20, 1 / 20) if forget_weights else weights
    return 100 * market_shares(delta, sigma * np.outer(SUGAR, nodes[:, 0]), weights)


def inverted_percent_shares():
    """The observed ones: delta was inverted instead of held."""
    return 100 * SHARES


def both_tastes_percent_shares():
    """With the taste for the constant as well."""
    _, mu, _, _, _, weights = market()
    return 100 * market_shares(DELTA_LOGIT, mu, weights)


def percent_shares_in_grams():
    """Sugar in grams, with a standard deviation that is per 10 grams."""
    return percent_shares(20.0)


def percent_shares_of_three_types():
    """The three types of the section on one taste, equally many."""
    return 100 * market_shares(DELTA_LOGIT, 2 * np.outer(SUGAR, [-1, 0, 1]), np.full(3, 1 / 3))


def percent_of_buyers():
    """In percent of those who buy a cereal."""
    return 100 * normalised(percent_shares())


def percent_without_outside_good():
    """The outside good's one is missing in the denominator."""
    nodes, weights = (array[0] for array in gauss_hermite(20).nodes_and_weights(1, 1))
    expV = np.exp(DELTA_LOGIT[:, None] + 2 * np.outer(SUGAR, nodes[:, 0]))
    return 100 * (expV / expV.sum(0)) @ weights


def percent_of_constant_taste():
    """The nodes times the standard deviation alone, without sugar: a taste for the constant."""
    nodes, weights = (array[0] for array in gauss_hermite(20).nodes_and_weights(1, 1))
    return 100 * market_shares(DELTA_LOGIT, 2 * np.outer(np.ones(6), nodes[:, 0]), weights)


# 1.3 Who buys one of several products

def random_purchases(rng):
    """Choice probabilities of 4 types for 3 products, unequal weights, and two of the products."""
    P = rng.dirichlet(np.ones(4), size=4).T[:3]
    chosen = [True, True, False]
    return {"P": P, "weights": rng.dirichlet(np.full(4, 2.0)), "chosen": rng.permutation(chosen)}


def who_buys(P, weights, chosen):
    """Types among the buyers of any chosen product, (I,)."""
    return normalised(weights * P[chosen].sum(0))


def without_weights(P, weights, chosen):
    """As if all types were equally many."""
    return normalised(P[chosen].sum(0))


def mean_of_buyers(P, weights, chosen):
    """Each product's buyers count the same, however many they are."""
    return buyers(P, weights)[chosen].mean(0)


def sum_of_buyers(P, weights, chosen):
    """Rows of (1.6) added up."""
    return buyers(P, weights)[chosen].sum(0)


def purchases(P, weights, chosen):
    """Not divided by the total."""
    return weights * P[chosen].sum(0)


def who_buys_any(P, weights, chosen):
    """All products instead of the chosen."""
    return normalised(weights * P.sum(0))


def who_buys_others(P, weights, chosen):
    """The products that are not chosen."""
    return normalised(weights * P[~np.asarray(chosen)].sum(0))


def who_buys_all(P, weights, chosen):
    """The probability of buying all of them at once."""
    return normalised(weights * P[chosen].prod(0))


def only_weights(P, weights, chosen):
    """As if all types bought alike."""
    return weights


def among_all_buyers(P, weights, chosen):
    """Divided by the demand for all products."""
    return weights * P[chosen].sum(0) / (P @ weights).sum()


def likeliest_product(P, weights, chosen):
    """The largest of the probabilities for the sum."""
    return normalised(weights * P[chosen].max(0))


def normalised(x):
    """Divided by its sum."""
    return x / x.sum()


# 1.4 Second choices

def second_choices(relative_to=SHARES[0]):
    """What rivals gain when Stars is off the shelf, divided by `relative_to`, (5,)."""
    delta, mu, _, _, _, weights = market()
    return (market_shares(delta[1:], mu[1:], weights) - SHARES[1:]) / relative_to


def tiny_diversion():
    """Diversion for a tiny change of delta, (5,)."""
    _, _, P, B, _, _ = market()
    change = SHARES * log_share_jacobian(P, B)[:, 0]
    return -change[1:] / change[0]


def among_cereals():
    """Second choices of those who stay with cereals, (5,)."""
    return normalised(second_choices())


def the_other_way_round():
    """How likely the buyers of each rival are to buy Stars, (5,)."""
    _, _, P, B, _, _ = market()
    return B[1:] @ P[0]


def not_spread_out():
    """What the buyers of Stars bought otherwise, (5,)."""
    _, _, P, B, _, _ = market()
    return P[1:] @ B[0]


def everybodys_choices():
    """The average over all consumers, not over the buyers of Stars, (5,)."""
    _, _, P, _, _, weights = market()
    return (P[1:] / (1 - P[0])) @ weights


def at_the_logits_delta():
    """Second choices with the logit's mean utilities, (5,)."""
    _, mu, _, _, _, weights = market()
    before = market_shares(DELTA_LOGIT, mu, weights)
    return (market_shares(DELTA_LOGIT[1:], mu[1:], weights) - before[1:]) / before[0]


def no_utility():
    """Stars stays, with a mean utility of zero, (5,)."""
    delta, mu, _, _, _, weights = market()
    return (market_shares(np.append(0.0, delta[1:]), mu, weights)[1:] - SHARES[1:]) / SHARES[0]


def as_bad_as_the_outside_good():
    """Stars stays, with a utility of zero for every type, (5,)."""
    delta, mu, _, _, _, weights = market()
    gone = np.arange(6) == 0
    after = market_shares(np.where(gone, 0, delta), np.where(gone[:, None], 0, mu), weights)
    return (after[1:] - SHARES[1:]) / SHARES[0]


def shares_among_cereals():
    """Shares without Stars of those who buy a cereal, (5,)."""
    return normalised(SHARES[1:] + second_choices(1.0))


def two_deltas():
    """The logit's mean utilities after the removal, less observed shares, (5,)."""
    _, mu, _, _, _, weights = market()
    return (market_shares(DELTA_LOGIT[1:], mu[1:], weights) - SHARES[1:]) / SHARES[0]


def without_those_who_buy_nothing():
    """Divided by the share of all cereals, (5,)."""
    return second_choices(SHARES.sum())


# 1.5 Random coefficients on the constant and on a group dummy

def diversion_by_group(sugary=0.5, bran=0.2):
    """Fractions that go to a group, split in proportion to shares, (5,)."""
    return np.append(sugary * normalised(SHARES[1:3]), bran * normalised(SHARES[3:]))


# 1.6 The slope in a parameter of Gamma

def random_tastes(rng):
    """Three products, four types, two characteristics and two columns of tastes."""
    P, weights = rng.dirichlet(np.ones(4), size=4).T[:3], rng.dirichlet(np.full(4, 2.0))
    X2, tastes = rng.normal(size=(3, 2)).round(2), rng.normal(size=(4, 2)).round(2)
    return {"P": P, "B": buyers(P, weights), "X2": X2, "tastes": tastes, "k": 0, "l": 1}


def taste_slope(P, B, X2, tastes, k, l):
    """d log s_j / d Gamma_kl, (J,)."""
    x, v = X2[:, k], tastes[:, l]
    return x * (B @ v) - B @ (v * (x @ P))


def without_expected_x(P, B, X2, tastes, k, l):
    """The characteristic of product j alone."""
    return X2[:, k] * (B @ tastes[:, l])


def inside_goods_only(P, B, X2, tastes, k, l):
    """As if the probabilities of the products summed to one."""
    return taste_slope(P / P.sum(0), B, X2, tastes, k, l)


def averaged_apart(P, B, X2, tastes, k, l):
    """The product of two expectations over buyers for the expectation of the product."""
    x, v = X2[:, k], tastes[:, l]
    return (B @ v) * (x - B @ (x @ P))


def exchanged(P, B, X2, tastes, k, l):
    """k and l in each other's place."""
    return taste_slope(P, B, X2, tastes, l, k)


def equal_buyers(P, B, X2, tastes, k, l):
    """The plain mean over types in place of the buyers."""
    return taste_slope(P, np.full_like(B, 1 / B.shape[1]), X2, tastes, k, l)


def probabilities_for_buyers(P, B, X2, tastes, k, l):
    """Summed with the probabilities in place of the buyers."""
    return taste_slope(P, P, X2, tastes, k, l)


def own_probability_only(P, B, X2, tastes, k, l):
    """Only m = j in the sum over m."""
    return X2[:, k] * ((B * (1 - P)) @ tastes[:, l])


def without_taste(P, B, X2, tastes, k, l):
    """Characteristics without the taste that weighs them."""
    return X2[:, k] - B @ (X2[:, k] @ P)


def taste_alone(P, B, X2, tastes, k, l):
    """The mean taste of the buyers."""
    return B @ tastes[:, l]


def buyers_for_probabilities(P, B, X2, tastes, k, l):
    """The distribution of the buyers in the sum over m, where probabilities belong."""
    x, v = X2[:, k], tastes[:, l]
    return x * (B @ v) - B @ (v * (x @ B))


def expected_x_added(P, B, X2, tastes, k, l):
    """Plus where a minus belongs."""
    x, v = X2[:, k], tastes[:, l]
    return x * (B @ v) + B @ (v * (x @ P))


EXERCISES = {
    "1.1": Exercise(
        what="six fractions between 0 and 1, one a product", right=fraction_of_fans,
        mistakes=(
            Mistake("This is the mean taste of the buyers, in standard deviations. "
                    "The question is for a fraction: "
                    "average the indicator `nodes[:, 1] > 0` instead of `nodes[:, 1]`.",
                    mean_taste_of_buyers),
            Mistake("This is the fraction of buyers who like *cereals* more than the mean: "
                    "column 0 of `nodes` belongs to the constant, column 1 to sugar.",
                    lambda: fraction_of_fans(0)),
            Mistake("This is which fraction of those who like sugar buys each product. The "
                    "question is the other way round: which fraction of the buyers likes sugar.",
                    lambda: demand_of_fans(True)),
            Mistake("This is the part of all consumers who like sugar and buy the product. "
                    "Divide by the product's share, or use `B`, where that is done.",
                    lambda: demand_of_fans(False)),
            Mistake("You compare each buyer with the mean of the product's own buyers. The "
                    "question compares with the mean *consumer*, whose draw is zero.",
                    against_their_own_mean),
            Mistake("You added up probabilities of buying. They are no fractions of the buyers: "
                    "each type has to be weighted by its part among the buyers, as in (1.6).",
                    fans_counted),
            Mistake("This says whether the *average* buyer likes sugar more than the mean "
                    "consumer. The question is which fraction of the buyers does.",
                    average_is_a_fan)),
        hints=("A fraction is the expectation of an indicator, one for a type that counts "
               "and zero for the others. Over whom is the expectation?",
               "Whose draw does the mean consumer have in the column of sugar? "
               "A type counts if its own draw is above that.",
               "An expectation over the buyers of each product is `B @ f`, with `f` (I,) "
               "the value of each type."),
        insight="Nine in ten buyers of the sugary twins like sugar more than the mean consumer, "
                "and about a third of the buyers of Wheat: products select their buyers."),
    "1.2": Exercise(
        what="six market shares in percent, one a product", right=percent_shares, rtol=4e-3,
        mistakes=(
            Mistake("You averaged over the nodes with equal weights. "
                    "Gauss-Hermite nodes have unequal ones: those far out stand for few consumers.",
                    lambda: percent_shares(forget_weights=True)),
            Mistake("These are the shares without random tastes, or after inverting them. "
                    "Hold `delta_logit` and average the probabilities over nodes; "
                    "the probability of the average type is not the average probability.",
                    inverted_percent_shares),
            Mistake("You took `delta`, which was inverted with random tastes. "
                    "The exercise holds the mean utilities at the logit's, `delta_logit`.",
                    lambda: percent_shares(delta=market()[0])),
            Mistake("The standard deviation is missing, or 1 in your formula. "
                    "It is 2: `mu = 2 * sugar * nu`.",
                    lambda: percent_shares(1.0)),
            Mistake("This takes 2 for the variance. It is the standard deviation: "
                    "`mu = 2 * sugar * nu`.",
                    lambda: percent_shares(np.sqrt(2))),
            Mistake("This takes 4 for the standard deviation, the square of the right one: "
                    "`mu = 2 * sugar * nu`.",
                    lambda: percent_shares(4.0)),
            Mistake("Here the taste for the constant is random as well. "
                    "The exercise has one random taste, for sugar.",
                    both_tastes_percent_shares),
            Mistake("Sugar is in grams here, and the standard deviation of 2 is for 10 grams. "
                    "Take `sugar` as it stands.",
                    percent_shares_in_grams),
            Mistake("This averages over three types, -1, 0 and 1, equally many. They stood for "
                    "tastes to show them. Take the 20 nodes of the rule, and its weights.",
                    percent_shares_of_three_types),
            Mistake("These are percent of those who buy a cereal. "
                    "The question is for percent of all consumers.",
                    percent_of_buyers),
            Mistake("The outside good is missing: the denominator of (1.3) begins with a one.",
                    percent_without_outside_good),
            Mistake("Here the taste is for the constant: `mu` is the same for all products. "
                    "The draw has to be multiplied by each product's sugar.",
                    percent_of_constant_taste),
            Mistake("The nodes are multiplied by the root of two. That is for nodes of the weight "
                    "exp(-x^2); those of `blpteach.gauss_hermite` are for the standard normal.",
                    lambda: percent_shares(2 * np.sqrt(2)))),
        hints=("Which rows and columns has `mu` now? One random taste, 20 types.",
               "`mu` is an outer product, shape (6, 20), of a characteristic and a draw, times the "
               "standard deviation.",
               "Average the probabilities with the 20 weights of the rule, which are not equal. "
               "`blpteach.market_shares` does both, and gives fractions."),
        insight="Sugar alone nearly does what both tastes did: with the mean utilities held, "
                "the twins sell half as much again, and the bran cereals lose."),
    "1.3": Exercise(
        what="a function with the distribution of types, shape (I,), that sums to one",
        right=who_buys, inputs=random_purchases,
        mistakes=(
            Mistake("The weights are forgotten: "
                    "of two types with the same probability, the larger one has more buyers. "
                    "Multiply the probabilities by `weights` before you divide by the total.",
                    without_weights),
            Mistake("You average the buyers of the single products, so that each product "
                    "counts the same. A product with many buyers must count more: "
                    "add probabilities first and normalise once.",
                    mean_of_buyers),
            Mistake("You add rows of (1.6). Each sums to one, so your result sums to the number "
                    "of products. And each product counts the same, however many buy it: "
                    "add probabilities first and normalise once.",
                    sum_of_buyers),
            Mistake("This is how many of all consumers are of each type *and* buy. "
                    "Divide by the total, so that it sums to one.",
                    purchases),
            Mistake("This is for the buyers of any product at all: "
                    "use the rows of `P` for which `chosen` is true.",
                    who_buys_any),
            Mistake("This is for the products that are *not* chosen. `P[chosen]` has the rows "
                    "for which `chosen` is true.",
                    who_buys_others),
            Mistake("You multiplied the probabilities, as if a consumer bought all the chosen "
                    "products. It buys one of them: the probabilities add up.",
                    who_buys_all),
            Mistake("These are the weights of the types among all consumers. "
                    "Those who are likely to buy have more weight among the buyers.",
                    only_weights),
            Mistake("You divided by the demand for all products. "
                    "The distribution is over the buyers of the chosen ones alone.",
                    among_all_buyers),
            Mistake("You took the largest of the probabilities. A consumer may buy any of the "
                    "chosen products: the probabilities add up.",
                    likeliest_product),
            Mistake("This is the probability with which each type buys a chosen product. "
                    "Multiply by `weights`, and divide by the total.",
                    lambda P, weights, chosen: P[chosen].sum(0))),
        hints=("Which probability does a type have of buying any of the chosen products? "
               "The products exclude each other.",
               "Bayes' rule: the type's weight times that probability, divided by something.",
               "By what do you divide, so that the result sums to one? For one product (1.6) "
               "divides by its share."),
        insight="Products add up before Bayes' rule is applied, not after it. "
                "The same function gives the customers of a firm."),
    "1.4": Exercise(
        what="five fractions of the buyers of Stars, one a rival", right=second_choices,
        mistakes=(
            Mistake("This is the logit's answer, proportional to share. "
                    "Here every type splits in proportion to its *own* probabilities.",
                    lambda: LOGIT),
            Mistake("This is the diversion ratio for a tiny change, which is also E[s_ik | buys 1] "
                    "/ (1 - E[s_i1 | buys 1]), two expectations apart. When Stars disappears "
                    "all its buyers must choose anew, not only those who were about to leave: "
                    "the fraction stands inside one expectation.",
                    tiny_diversion),
            Mistake("These sum to one: they are fractions of those who buy another cereal now. "
                    "The question is for fractions of all who bought Stars, "
                    "and some of them buy nothing.",
                    among_cereals),
            Mistake("This is how likely the buyers of each rival are to buy Stars. "
                    "The question goes the other way, from Stars to the rivals: "
                    "average over the buyers of Stars, `B[0]`.",
                    the_other_way_round),
            Mistake("This is what the buyers of Stars would buy with their probabilities as they "
                    "are, E[s_ik | buys 1]. Without Stars a type's other probabilities grow by 1 / "
                    "(1 - s_i1), inside the expectation.",
                    not_spread_out),
            Mistake("These are the shares after the removal, which are also the mean of "
                    "s_ik / (1 - s_i1) over all consumers. The question is what the rivals gain, "
                    "as fractions of the buyers of Stars: subtract the shares before and divide "
                    "by the share of Stars, or average over those buyers with `B[0]`.",
                    everybodys_choices),
            Mistake("You divided each rival's gain by the rival's own share. The question "
                    "is for fractions of the buyers of Stars: divide by the share of Stars.",
                    lambda: second_choices(SHARES[1:])),
            Mistake("These are the gains in points of share. "
                    "As fractions of the buyers of Stars they are to be divided by its share.",
                    lambda: second_choices(1.0)),
            Mistake("These are second choices at the logit's mean utilities, `delta_logit`. "
                    "With random tastes the mean utilities are `delta`.",
                    at_the_logits_delta),
            Mistake("You gave Stars a mean utility of zero. It is then a product that still "
                    "sells. Delete its row from `delta` and `mu`.",
                    no_utility),
            Mistake("You gave Stars a utility of zero for everybody: it is then a second outside "
                    "good, and still sells. Delete its row from `delta` and `mu`.",
                    as_bad_as_the_outside_good),
            Mistake("You divided by the share of all six cereals. "
                    "Only the buyers of Stars have to choose anew: divide by its share.",
                    without_those_who_buy_nothing),
            Mistake("These are the shares after the removal, among those who buy a cereal. The "
                    "question is what the rivals *gain*, as fractions of the buyers of Stars.",
                    shares_among_cereals),
            Mistake("Before and after have different mean utilities here, `delta_logit` and those "
                    "of the observed shares. Hold `delta` in both.",
                    two_deltas)),
        hints=("Mean utilities of the rivals stay: do not invert again. "
               "Which rows of `delta` and `mu` are left?",
               "How much larger is each rival's share without Stars? "
               "And as a fraction of how many?",
               "For the second way: in which proportions does type i divide its purchases of Stars "
               "among the rest? Average that over the buyers of Stars, `B[0]`."),
        insight="Two thirds stay with cereals, where the logit says one third, "
                "and the twin alone catches three in ten: second choices show who resembles whom."),
    "1.5": Exercise(
        what="five fractions of those who leave Stars, one a rival, with the sum 0.7",
        right=diversion_by_group,
        mistakes=(
            Mistake("You split the 70 % over all five rivals in proportion to share. "
                    "That holds if the constant alone is random. With the dummy, it holds within "
                    "each group only: first split between the groups as the survey says.",
                    lambda: 0.7 * normalised(SHARES[1:])),
            Mistake("This is the logit's answer: it ignores the survey.", lambda: LOGIT),
            Mistake("Within a group you split equally. A type splits in the proportions "
                    "of exp(delta), which are those of the shares.",
                    lambda: np.array([0.25, 0.25, 0.2 / 3, 0.2 / 3, 0.2 / 3])),
            Mistake("You counted Stars among the sugary cereals that its leavers can go to: "
                    "divide by the shares of Loops and Pops alone.",
                    lambda: np.append(0.5 * SHARES[1:3] / SHARES[:3].sum(),
                                      0.2 * normalised(SHARES[3:]))),
            Mistake("You multiplied by the shares as they stand. Within a group the parts must sum "
                    "to one: divide each share by the sum of the rivals' shares in its group.",
                    lambda: np.append(0.5 * SHARES[1:3], 0.2 * SHARES[3:])),
            Mistake("These fractions sum to one: they are of those who stay with cereals. "
                    "The question is for fractions of all who leave Stars.",
                    lambda: diversion_by_group() / 0.7),
            Mistake("The two groups are exchanged: 50 % go to sugary cereals, Loops and Pops, "
                    "and 20 % to those with bran.",
                    lambda: diversion_by_group(0.2, 0.5)),
            Mistake("You gave the 30 % to the bran cereals. They are those who buy nothing; "
                    "20 % go to bran.",
                    lambda: diversion_by_group(0.5, 0.3)),
            Mistake("You divided each share by the sum of all five rivals. Within a group the "
                    "parts must sum to one: divide by the shares of the rivals in that group.",
                    lambda: np.append(0.5 * SHARES[1:3], 0.2 * SHARES[3:]) / SHARES[1:].sum()),
            Mistake("All five rivals get the same here. Stars' leavers go to sugary cereals first, "
                    "and within a group in proportion to share.",
                    lambda: np.full(5, 0.7 / 5)),
            Mistake("You gave each rival the whole of its group's part. "
                    "The rivals of a group share it.",
                    lambda: np.array([0.5, 0.5, 0.2, 0.2, 0.2]))),
        hints=("Take one type. In which proportions does it split its purchases among the sugary "
               "cereals? Does its taste for the group matter for that?",
               "Within a group every type splits in proportion to exp(delta), so all of them do. "
               "What does that say of the observed shares?",
               "Each group has a total from the survey. Two rivals share one total, three the "
               "other."),
        insight="A constant and one dummy make two nests, with the outside good apart. "
                "Inside a nest diversion stays proportional to share."),
    "1.6": Exercise(
        what="a function with the derivatives of the log shares, shape (J,)",
        right=taste_slope, inputs=random_tastes,
        mistakes=(
            Mistake("The sum over m is missing: a product gains only if it has more "
                    "of the characteristic than what its buyers would choose otherwise.",
                    without_expected_x),
            Mistake("You scaled the probabilities to sum to one over the products. "
                    "The outside good counts too, with a characteristic of zero: use `P` as it is.",
                    inside_goods_only),
            Mistake("You averaged tastes and characteristics apart. The product stands inside the "
                    "expectation: the expectation of a product is not the product of expectations.",
                    averaged_apart),
            Mistake("`k` and `l` are exchanged: `k` is the characteristic, a column of `X2`; "
                    "`l` is the taste, a column of `tastes`.",
                    exchanged),
            Mistake("You summed with `P` where the expectation over the buyers of j needs `B`: "
                    "probabilities of buying don't sum to one over types, "
                    "and the weights of the types are missing.",
                    probabilities_for_buyers),
            Mistake("Only m = j stands in your sum over m. A change in tastes moves the utility "
                    "of every product, so the sum runs over all of them.",
                    own_probability_only),
            Mistake("You averaged over all types with equal weights. "
                    "The expectation is over the buyers of j: use the rows of `B`.",
                    equal_buyers),
            Mistake("The taste v is missing: a characteristic counts for a type "
                    "by as much as it likes it.",
                    without_taste),
            Mistake("This is the mean taste of the buyers. "
                    "The characteristics that the taste is for are missing.",
                    taste_alone),
            Mistake("In the sum over m you took `B`. What type i expects to choose has its "
                    "probabilities in it, `P`; `B` is for the expectation outside.",
                    buyers_for_probabilities),
            Mistake("The sum over m is added. It is subtracted: what counts is the characteristic "
                    "*less* what the type would choose otherwise.",
                    expected_x_added),
            Mistake("You added up over the types without weights. "
                    "The expectation is over the buyers of j: use the rows of `B`.",
                    lambda P, B, X2, tastes, k, l: taste_slope(P, np.ones_like(B), X2, tastes,
                                                               k, l))),
        hints=("Differentiate (1.3) for one type first: it is a logit, "
               "and the utility of product m moves by x_mk times v.",
               "Each type's expected characteristic is a sum over products, shape (I,), with its "
               "own probabilities; the outside good adds zero.",
               "Averaging with the types' weights and dividing by the share makes an expectation "
               "over buyers: `B @ f` if f is one number a type. The x of product j stays outside."),
        insight="More dispersed tastes for sugar help a product whose "
                "enthusiasts find less sugar elsewhere: here the twins. Bran and even Wheat lose. "
                "Lesson 02 makes d(delta)/d(theta2) of this slope."),
}
