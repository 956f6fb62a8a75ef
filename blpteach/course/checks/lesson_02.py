"""Exercises of lesson 02."""
from functools import cache

import numpy as np

from ...examples import cereal
from ...inversion import contraction_rate, invert_shares
from ...utility import buyers, choice_probabilities, log_share_jacobian, taste_deviations
from .exercise import Exercise, Mistake


# Small cases

def a_rate(rng):
    """A contraction rate and an error in delta."""
    return {"rate": round(rng.uniform(0.3, 0.97), 3), "error": float(f"1e-{rng.integers(3, 13)}")}


def a_market(rng):
    """Three products, four types who are not all the consumers, and a delta off the solution."""
    weights = rng.dirichlet(np.full(4, 3.0)) * rng.uniform(0.2, 0.8)
    shares = rng.dirichlet(np.full(3, 3.0)) * weights.sum() * rng.uniform(0.3, 0.8)
    delta, mu = rng.normal(-1, 1, 3), rng.normal(0, 1.5, (3, 4))
    return {"delta": delta, "shares": shares, "mu": mu, "weights": weights}


def abstainers(rng):
    """An outside share, and the smaller part of all consumers who never buy."""
    never = round(rng.uniform(0.1, 0.5), 3)
    return {"s0": round(never + (1 - never) * rng.uniform(0.2, 0.8), 3), "never": never}


def types(rng):
    """Choice probabilities and buyers of three products, four types."""
    P = choice_probabilities(rng.normal(-1, 1, 3), rng.normal(0, 1.5, (3, 4)))
    return {"P": P, "B": buyers(P, rng.dirichlet(np.full(4, 3.0)))}


def types_with_tastes(rng):
    """The same, and the types' nodes."""
    return {**types(rng), "v": rng.normal(size=4)}


# Exercise 2.2: one step of the corrected map

def step(delta, shares, mu, weights, S0=1, s0=lambda P, weights: 1):
    """delta plus the gaps of the inside goods, less that of the outside good, `log S0 - log s0`."""
    P = choice_probabilities(delta, mu)
    return delta + np.log(shares) - np.log(P @ weights) - np.log(S0) + np.log(s0(P, weights))


def of_types(P, weights):
    """What the types leave to the outside good."""
    return weights @ (1 - P.sum(0))


def of_all(P, weights):
    """What all households leave to the outside good."""
    return 1 - weights @ P.sum(0)


def like_with_like(delta, shares, mu, weights):
    """The right step: what the types leave, in the data and in the model."""
    return step(delta, shares, mu, weights, weights.sum() - shares.sum(), of_types)


def all_households(delta, shares, mu, weights):
    """What all households leave, in both."""
    return step(delta, shares, mu, weights, 1 - shares.sum(), of_all)


def mixed(delta, shares, mu, weights):
    """All households in the data, the types in the model."""
    return step(delta, shares, mu, weights, 1 - shares.sum(), of_types)


def mixed_otherwise(delta, shares, mu, weights):
    """The types in the data, all households in the model."""
    return step(delta, shares, mu, weights, weights.sum() - shares.sum(), of_all)


def part_and_mass(delta, shares, mu, weights):
    """A part of the types in the data, their mass in the model."""
    return step(delta, shares, mu, weights, 1 - shares.sum() / weights.sum(), of_types)


def without_delta(delta, shares, mu, weights):
    """The change alone."""
    return like_with_like(delta, shares, mu, weights) - delta


def uncorrected(delta, shares, mu, weights):
    """The plain contraction (2.1)."""
    return step(delta, shares, mu, weights)


def wrong_way(delta, shares, mu, weights):
    """The change with the wrong sign."""
    return 2 * delta - like_with_like(delta, shares, mu, weights)


def correction_added(delta, shares, mu, weights):
    """The gap of the outside good with the wrong sign."""
    return 2 * uncorrected(delta, shares, mu, weights) - like_with_like(delta, shares, mu, weights)


def without_logs(delta, shares, mu, weights):
    """Differences of shares in place of differences of their logarithms."""
    P = choice_probabilities(delta, mu)
    gap_of_outside = weights.sum() - shares.sum() - of_types(P, weights)
    return delta + shares - P @ weights - gap_of_outside


# Exercise 2.4: the cereals in a market twice as large

@cache
def cereal_markets():
    """Observed shares (94, 24), mu (94, 24, 20) and weights (94, 20)
    at the customary starting values.
    """
    problem, start = cereal()
    block = problem.blocks[0]
    Gamma = np.hstack([start["sigma"], start["pi"]])
    return block.shares, taste_deviations(block.X2, block.tastes, Gamma), block.weights


def rates(factor=0.5, corrected=False):
    """The rate in each market if all inside shares are `factor` times the observed ones, (94,)."""
    shares, mu, weights = cereal_markets()
    P = choice_probabilities(invert_shares(factor * shares, mu, weights).delta, mu)
    return contraction_rate(P, weights, corrected)


def mean_rate(factor=0.5, corrected=False):
    """Their mean."""
    return rates(factor, corrected).mean()


def mean_rate_at_the_logits_shift():
    """Mean rate if delta falls by log 2, which in a logit halves the odds of an inside good."""
    shares, mu, weights = cereal_markets()
    P = choice_probabilities(invert_shares(shares, mu, weights).delta - np.log(2), mu)
    return contraction_rate(P, weights).mean()


# Exercise 2.5: the standard deviation of the taste for the constant

def direct_effect(P, B, v):
    """Derivatives of log shares in sigma_0, delta held, (J,)."""
    return B @ (v * (1 - P.sum(0)))


def undone(effect, P, B):
    """The derivatives of delta that undo an effect on log shares (2.7)."""
    return -np.linalg.solve(log_share_jacobian(P, B), effect)


def constant_slope(P, B, v):
    """Derivatives of delta in sigma_0, (J,)."""
    return undone(direct_effect(P, B, v), P, B)


EXERCISES = {
    "2.1": Exercise(
        "a number of iterations, not rounded",
        lambda rate, error: np.log(error * (1 - rate) / rate) / np.log(rate),
        (Mistake("You stop when the *change* is as small as `error`. "
                 "At that moment the error is still `rate / (1 - rate)` times as large.",
                 lambda rate, error: np.log(error) / np.log(rate)),
         Mistake("The factor is the wrong way round: the change must come down "
                 "to `error * (1 - rate) / rate`, and you take `error * rate / (1 - rate)`.",
                 lambda rate, error: np.log(error * rate / (1 - rate)) / np.log(rate)),
         Mistake("Nearly: one iteration too many. Either you take the error "
                 "to be the change times `1 / (1 - rate)`, where it is `rate / (1 - rate)`; "
                 "or you count the first change, which is 1 after no further iteration.",
                 lambda rate, error: np.log(error * (1 - rate)) / np.log(rate)),
         Mistake("One of the two logarithms has base 10 and the other base e. "
                 "Either base will do, but the same one in both.",
                 lambda rate, error: np.log10(error * (1 - rate) / rate) / np.log(rate)),
         Mistake("One of the two logarithms has base e and the other base 10. "
                 "Either base will do, but the same one in both.",
                 lambda rate, error: np.log(error * (1 - rate) / rate) / np.log10(rate)),
         Mistake("Divide by `log(rate)`, not by `log(1 - rate)`: "
                 "each iteration multiplies the change by `rate`.",
                 lambda rate, error: np.log(error * (1 - rate) / rate) / np.log(1 - rate))),
        ("Which change means this error? "
         "Solve `error = change * rate / (1 - rate)` for the change.",
         "After n iterations the change is `rate**n`. "
         "Set it equal to the change that you found and take logarithms."),
        "With a slow contraction you pay twice: each digit takes more iterations, "
        "and the change must become smaller before the error is small.",
        a_rate, rtol=1e-6),

    "2.2": Exercise(
        "the next delta, (J,), in utils", like_with_like,
        (Mistake("You compare `1 - shares.sum()` with `1 -` the model's inside shares. Both "
                 "contain those who are no types and never choose, and their large constant mass "
                 "hides how far the types' own outside share is off. The fixed point is right, "
                 "but the map converges more slowly, if at all. Compare the types' parts alone.",
                 all_households),
         Mistake("You compare unlike things: `1 - shares.sum()` contains those who are no types, "
                 "`sum_i w_i s_i0` does not. This map has another fixed point. Of the types' mass "
                 "the observed shares leave `weights.sum() - shares.sum()` to the outside good.",
                 mixed),
         Mistake("You compare unlike things: the model's `1 -` inside shares contains those "
                 "who are no types, `weights.sum() - shares.sum()` does not. This map has another "
                 "fixed point. In the model, too, take what the types leave: `sum_i w_i s_i0`.",
                 mixed_otherwise),
         Mistake("You compare a fraction of the types with a mass: the observed outside share "
                 "is divided by `weights.sum()`, the model's is not. Divide both or neither.",
                 part_and_mass),
         Mistake("This is the step, the change in delta. The map returns the next delta: "
                 "add the old one.",
                 without_delta),
         Mistake("This is the plain contraction (2.1): the outside good's gap is missing.",
                 uncorrected),
         Mistake("The sign is wrong: where the model sells too little of a product its delta must "
                 "rise, so add `log S_j - log s_j(delta)`.",
                 wrong_way),
         Mistake("The outside good's gap has the wrong sign. Where the model leaves too much "
                 "to it, all deltas must rise: subtract `log S_0 - log s_0`.",
                 correction_added),
         Mistake("You add differences of shares. The map adds differences of their logarithms.",
                 without_logs)),
        ("Begin with the plain step, `delta + log S_j - log s_j`. Then think about what the types, "
         "and only they, leave to the outside good: once in the data, once in the model.",
         "In the model it is `sum_i w_i s_i0`. "
         "In the data it is the types' mass, `weights.sum()`, less what the inside goods got."),
        "Those who are no types choose nothing in the data and in the model, "
        "so they carry no news about delta: compare like with like.",
        a_market, rtol=1e-8),

    "2.3": Exercise(
        "a number between 0 and 1",
        lambda s0, never: (1 - s0) / (1 - never),
        (Mistake("This is the rate of a logit with the same outside share. But who buys is never "
                 "one of those who never buy: the rows of A are averages over buyers.",
                 lambda s0, never: 1 - s0),
         Mistake("You take those who never buy out of the outside share, "
                 "but not out of the number of consumers. `s0 - never` is a part of all consumers; "
                 "you need the part of those who may buy.",
                 lambda s0, never: 1 - (s0 - never)),
         Mistake("Divide by `1 - never`, don't multiply: the inside share of all consumers comes "
                 "from fewer people, who must buy more often.",
                 lambda s0, never: (1 - s0) * (1 - never)),
         Mistake("You subtract those who never buy twice: "
                 "`s0` contains them already, so the inside share of all consumers is `1 - s0`.",
                 lambda s0, never: (1 - s0 - never) / (1 - never)),
         Mistake("`s0` contains those who never buy already, so the inside share of all consumers "
                 "is `1 - s0`. And it comes from `1 - never` of them: divide.",
                 lambda s0, never: 1 - s0 - never),
         Mistake("This is the fraction of consumers who may buy. "
                 "A row of A sums to the probability that one of them does buy.",
                 lambda s0, never: 1 - never),
         Mistake("You computed `E[(1 - s_i0)^2]`. Divide it by the inside share: "
                 "the average is over buyers, not over all consumers.",
                 lambda s0, never: (1 - s0)**2 / (1 - never))),
        ("There are two kinds of types, one with all choice probabilities zero. Who buys j? "
         "Write down row j of A, an average over these buyers.",
         "All rows of A are equal. The only eigenvalue other than zero is the sum of a row: "
         "the probability that a consumer who may buy does."),
        "What counts is the outside share among those who may buy: "
        "a market made larger by people who never buy is no faster to invert.",
        abstainers, rtol=1e-6),

    "2.4": Exercise(
        "a number between 0 and 1, the mean over 94 markets", mean_rate,
        (Mistake("This is the mean rate at the observed shares. Halve the shares, invert again, "
                 "and compute the choice probabilities at the new delta.",
                 lambda: mean_rate(1)),
         Mistake("You lower delta by log 2. In a logit that would halve `S_j / S_0`; "
                 "but the outside share changes too, and with random tastes no common shift gives "
                 "the halved shares. Invert the halved shares.",
                 mean_rate_at_the_logits_shift),
         Mistake("This is the mean of `1 - S_0`, the rate of a logit. With random tastes "
                 "that is only a lower bound: compute the rate from the choice probabilities.",
                 lambda: cereal_markets()[0].sum(1).mean() / 2),
         Mistake("This is half the old rate, as if each type's probabilities were halved. "
                 "They are not: delta falls, and who nearly always bought still often buys. "
                 "Invert the halved shares.",
                 lambda: mean_rate(1) / 2),
         Mistake("This is the rate of the first market. The mean over all 94 is asked for.",
                 lambda: rates()[0]),
         Mistake("This is the median over the markets. The mean is asked for.",
                 lambda: np.median(rates())),
         Mistake("This is the rate of the corrected map. The plain contraction is asked for.",
                 lambda: mean_rate(corrected=True))),
        ("Three steps: halved shares, delta; delta, choice probabilities; "
         "choice probabilities, rate. `invert_shares` takes all 94 markets at once.",
         "`blpteach.invert_shares(stack.shares / 2, mu_all, stack.weights).delta` is the first "
         "step; the last is `blpteach.contraction_rate(P, stack.weights)`, (94,)."),
        "Buyers are now more likely to buy nothing if they choose anew: "
        "an assumption about the size of the market changes even the speed."),

    "2.5": Exercise(
        "derivatives of delta, (J,), in utils per unit of sigma_0", constant_slope,
        (Mistake("This is `d log s / d sigma_0`, what happens while delta stays. "
                 "Delta moves so that the shares stay: solve (2.7).",
                 direct_effect),
         Mistake("The minus sign of (2.7) is missing: "
                 "delta moves against what spread does to the shares.",
                 lambda P, B, v: -constant_slope(P, B, v)),
         Mistake("You left the inverse out: a product's delta also makes up for the deltas "
                 "of its rivals. Solve with `log_share_jacobian`.",
                 lambda P, B, v: -direct_effect(P, B, v)),
         Mistake("You solve with the transposed Jacobian. "
                 "`log_share_jacobian[j, k]` is `d log s_j / d delta_k`, as (2.7) wants it.",
                 lambda P, B, v:
                     -np.linalg.solve(log_share_jacobian(P, B).T, direct_effect(P, B, v))),
         Mistake("You left out the second part of the bracket: a taste for all inside goods raises "
                 "the rivals too. `1 - sum_m s_im` is `s_i0`, so average `v_i s_i0` over buyers.",
                 lambda P, B, v: undone(B @ v, P, B)),
         Mistake("You average `v_i (1 - s_i0)`, but the bracket is `1 - sum_m s_im`, "
                 "which is `s_i0` itself: `1 - P.sum(0)`.",
                 lambda P, B, v: undone(B @ (v * P.sum(0)), P, B)),
         Mistake("You multiply the mean of `v_i` by the mean of `s_i0`. "
                 "The mean of the product is asked for: multiply type by type, then average.",
                 lambda P, B, v: undone((B @ v) * (B @ (1 - P.sum(0))), P, B)),
         Mistake("The tastes `v_i` are missing: this is a common shift of all utilities, "
                 "and every delta falls by one. Average `v_i s_i0` over buyers.",
                 lambda P, B, v: undone(B @ (1 - P.sum(0)), P, B))),
        ("With a characteristic that is 1 for all products, what is `x_j - sum_m s_im x_m`? "
         "It is a number of the type, the same for all products.",
         "It is `s_i0 = 1 - P.sum(0)`. "
         "An expectation over the buyers of each product is `B @` something of shape (I,). "
         "Then `np.linalg.solve` with the Jacobian of log shares, and a minus."),
        "Spread in the taste for the constant works through the types who may still choose "
        "nothing, those with a large s_i0.",
        types_with_tastes, rtol=1e-6),

    "2.6": Exercise(
        "a (J, J) matrix, element [j, k] the derivative of delta_j in log S_k",
        lambda P, B: np.linalg.inv(log_share_jacobian(P, B)),
        (Mistake("This is `d log s / d delta`, the derivative in the other direction. "
                 "Delta as a function of shares has the inverse matrix.",
                 log_share_jacobian),
         Mistake("You took the reciprocal of each element. "
                 "The derivative of an inverse function of many variables is the inverse *matrix*.",
                 lambda P, B: 1 / log_share_jacobian(P, B)),
         Mistake("A minus too many. In (2.7) shares stay and theta2 moves; here "
                 "`log s(delta) = log S` is differentiated in S, which stands on the other side.",
                 lambda P, B: -np.linalg.inv(log_share_jacobian(P, B))),
         Mistake("This is `I + A`, the first two terms of `I + A + A^2 + ...`. "
                 "The inverse of `I - A` is the whole sum.",
                 lambda P, B: np.eye(len(P)) + B @ P.T),
         Mistake("You inverted A. The Jacobian of log shares (1.7) is `I - A`.",
                 lambda P, B: np.linalg.inv(B @ P.T)),
         Mistake("You inverted `I + A`. The Jacobian of log shares (1.7) is `I - A`: "
                 "a rival's delta takes buyers away.",
                 lambda P, B: np.linalg.inv(np.eye(len(P)) + B @ P.T)),
         Mistake("You inverted the diagonal alone, as if the deltas of rivals stood still. "
                 "They move, since their shares are held.",
                 lambda P, B: np.diag(1 / np.diag(log_share_jacobian(P, B))))),
        ("Differentiate both sides of `log s_j(delta) = log S_j` in `log S_k`. "
         "On the right is 1 if j = k, else 0.",
         "The chain rule on the left: `(d log s / d delta) (d delta / d log S) = I`. "
         "The first matrix is (1.7)."),
        "An error in one share moves every delta, its own by more than itself: "
        "the more so, the slower the contraction, since (I - A)^-1 = I + A + A^2 + ...",
        types, rtol=1e-6),
}
