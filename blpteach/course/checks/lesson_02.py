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


# Exercise 2.1: iterations

def exact_iterations(rate, error):
    """After how many iterations a change of 1 means this error."""
    return np.log(error * (1 - rate) / rate) / np.log(rate)


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


def inside_gap_reversed(delta, shares, mu, weights):
    """The gaps of the inside goods with the wrong sign, that of the outside good with the right."""
    return like_with_like(delta, shares, mu, weights) - 2 * (
        uncorrected(delta, shares, mu, weights) - delta)


def with_base_ten(delta, shares, mu, weights):
    """Logarithms with base 10."""
    return delta + without_delta(delta, shares, mu, weights) / np.log(10)


def ratios_without_logs(delta, shares, mu, weights):
    """Ratios of shares in place of their logarithms."""
    P = choice_probabilities(delta, mu)
    return (delta + shares / (P @ weights)
            - (weights.sum() - shares.sum()) / of_types(P, weights))


def without_logs(delta, shares, mu, weights):
    """Differences of shares in place of differences of their logarithms."""
    P = choice_probabilities(delta, mu)
    gap_of_outside = weights.sum() - shares.sum() - of_types(P, weights)
    return delta + shares - P @ weights - gap_of_outside


def unweighted_shares(delta, shares, mu, weights):
    """Inside shares of the model as plain means over types."""
    P = choice_probabilities(delta, mu)
    right = like_with_like(delta, shares, mu, weights)
    return right + np.log(P @ weights) - np.log(P.mean(1))


def normalised(delta, shares, mu, weights):
    """The plain step with shares and weights that sum to one."""
    return step(delta, shares / shares.sum(), mu, weights / weights.sum())


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


def rate_at(delta):
    """Mean rate at any delta (94, 24)."""
    _, mu, weights = cereal_markets()
    return contraction_rate(choice_probabilities(delta, mu), weights).mean()


def mean_rate_at_the_logits_delta():
    """Mean rate at the logit's delta of the halved shares."""
    half = cereal_markets()[0] / 2
    return rate_at(np.log(half) - np.log(1 - half.sum(1, keepdims=True)))


def mean_rate_at_half_delta():
    """Mean rate if delta is halved."""
    return rate_at(invert_shares(*cereal_markets()).delta / 2)


def mean_rate_at_half_the_outside_share():
    """Mean rate if the outside share is halved, and the inside shares grow in proportion."""
    shares, mu, weights = cereal_markets()
    inside = shares.sum(1, keepdims=True)
    return rate_at(invert_shares(shares * (1 + inside) / 2 / inside, mu, weights).delta)


def row_sums(summary):
    """The row sums of A at the halved shares, their mean by share or another summary, (94,)."""
    shares, mu, weights = cereal_markets()
    P = choice_probabilities(invert_shares(shares / 2, mu, weights).delta, mu)
    return summary((buyers(P, weights) @ P.mT).sum(2), axis=1, weights=shares)


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


# Exercise 2.6: sampling error

def shares_of(P, B):
    """Market shares (J,): of `B`, w_i s_ij / s_j, over `P`, s_ij, the sum over i is 1 / s_j."""
    return 1 / (B / P).sum(1)


def squared(matrix):
    """A matrix times its transpose."""
    return matrix @ matrix.T


EXERCISES = {
    "2.1": Exercise(
        "a number of iterations, not rounded",
        exact_iterations,
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
                 lambda rate, error: np.log(error * (1 - rate) / rate) / np.log(1 - rate)),
         Mistake("You rounded. Hand in the number as the formula gives it, with its decimals.",
                 lambda rate, error: np.ceil(exact_iterations(rate, error))),
         Mistake("You rounded to the nearest whole number. Leave the decimals.",
                 lambda rate, error: np.round(exact_iterations(rate, error))),
         Mistake("You rounded down. Leave the decimals; and if you did round, it would be up.",
                 lambda rate, error: np.floor(exact_iterations(rate, error))),
         Mistake("This is the change that means this error. "
                 "The question goes on: after how many iterations is a change of 1 down to it?",
                 lambda rate, error: error * (1 - rate) / rate),
         Mistake("Nearly: one iteration too few. The change of 1 stands at n = 0, "
                 "so after n further iterations it is `rate**n`.",
                 lambda rate, error: exact_iterations(rate, error) - 1),
         Mistake("You take the error to be the change times `rate`. "
                 "It is `rate / (1 - rate)` times the change: all later changes add up.",
                 lambda rate, error: np.log(error / rate) / np.log(rate)),
         Mistake("You divide by `rate`. From `change = rate**n` follows "
                 "`log(change) = n log(rate)`: divide by its logarithm.",
                 lambda rate, error: np.log(error * (1 - rate) / rate) / rate),
         Mistake("You subtract `log(rate)`. From `log(change) = n log(rate)` follows a ratio "
                 "of logarithms, not a difference.",
                 lambda rate, error: np.log(error * (1 - rate) / rate) - np.log(rate)),
         Mistake("The logarithm closes too early: it is to be taken of all of "
                 "`error * (1 - rate) / rate`, not of `error` alone.",
                 lambda rate, error: np.log(error) * (1 - rate) / rate / np.log(rate)),
         Mistake("You divide a change by `rate`. Each iteration multiplies it, "
                 "so `rate**n` is the change after n iterations: take logarithms.",
                 lambda rate, error: error * (1 - rate) / rate / rate),
         Mistake("You let the change fall by the same amount each time. It falls by the same "
                 "*factor*: after n iterations it is `rate**n`.",
                 lambda rate, error: (1 - error * (1 - rate) / rate) / (1 - rate)),
         Mistake("You put `error` where the formula has the change. It is the other way: "
                 "`error` is what is wanted. Solve for the change, then count the iterations.",
                 lambda rate, error: error * rate / (1 - rate)),
         Mistake("You multiply the two logarithms. From `n log(rate) = log(change)` "
                 "follows a ratio.",
                 lambda rate, error: np.log(error * (1 - rate) / rate) * np.log(rate)),
         Mistake("One of the two logarithms has base 2 and the other base e. "
                 "Either base will do, but the same one in both.",
                 lambda rate, error: np.log2(error * (1 - rate) / rate) / np.log(rate))),
        ("Two steps. First: at which change is the error in delta as small as asked for?",
         "Solve `error = change * rate / (1 - rate)` for the change. "
         "Second: after n iterations the change is `rate**n`.",
         "Both sides of `rate**n = ...` have a logarithm. What is n, then? "
         "For a rate of 0.5 and an error of 1e-10 about 33 come out."),
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
                 "`sum_i w_i s_i0` does not. (Or you divided the weights by their sum, which "
                 "comes to the same.) This map has another fixed point. Of the types' mass "
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
                 without_logs),
         Mistake("Half of the outside good's gap is missing: you subtract `log S_0`, "
                 "but the model's `log s_0` is to be added.",
                 lambda delta, shares, mu, weights:
                     step(delta, shares, mu, weights, weights.sum() - shares.sum())),
         Mistake("Half of the outside good's gap is missing: you add the model's `log s_0`, "
                 "but the observed `log S_0` is to be subtracted.",
                 lambda delta, shares, mu, weights: step(delta, shares, mu, weights, 1, of_types)),
         Mistake("The model's outside share is a plain mean over types here. "
                 "Types have weights: `weights @ s_i0`.",
                 lambda delta, shares, mu, weights:
                     step(delta, shares, mu, weights, weights.sum() - shares.sum(),
                          lambda P, weights: (1 - P.sum(0)).mean())),
         Mistake("The model's inside shares are plain means over types here. "
                 "Types have weights: `P @ weights`.",
                 unweighted_shares),
         Mistake("You took `1 - weights.sum()` for the observed outside share: those are the "
                 "households that are no types. What do the *types* leave to the outside good?",
                 lambda delta, shares, mu, weights:
                     step(delta, shares, mu, weights, 1 - weights.sum(), of_types)),
         Mistake("You divided shares and weights by their sums, which leaves no outside good in "
                 "the data. Work with both as they are.",
                 normalised),
         Mistake("This is the fixed point itself. One step of the map is asked for.",
                 lambda delta, shares, mu, weights: invert_shares(shares, mu, weights).delta),
         Mistake("This is the logit's delta, where iterations begin. "
                 "Take one step from the `delta` that is given, with the model's shares there.",
                 lambda delta, shares, mu, weights:
                     np.log(shares) - np.log(weights.sum() - shares.sum())),
         Mistake("This is the logit's delta, with an outside share that counts those who are no "
                 "types. Take one step from the `delta` that is given.",
                 lambda delta, shares, mu, weights: np.log(shares) - np.log(1 - shares.sum())),
         Mistake("The inside goods' gap has the wrong sign: where the model sells too little of a "
                 "product, its delta must rise, so add `log S_j - log s_j`. "
                 "The outside good's gap is right.",
                 inside_gap_reversed),
         Mistake("You take logarithms with base 10. The utils of a logit go with base e.",
                 with_base_ten),
         Mistake("You add ratios of shares. The map adds the *logarithms* of the ratios, "
                 "so that nothing moves where they are one.",
                 ratios_without_logs),
         Mistake("You multiply delta by `S_j / s_j`. It is `exp(delta)` that is multiplied; "
                 "in delta the logarithm of that ratio is added, and the outside good's "
                 "subtracted.",
                 lambda delta, shares, mu, weights:
                     delta * shares / (choice_probabilities(delta, mu) @ weights)),
         Mistake("You compare unlike things: the observed outside share is a part of the types, "
                 "the model's is one of all households. In both take what the types leave, "
                 "as a mass.",
                 lambda delta, shares, mu, weights:
                     step(delta, shares, mu, weights, 1 - shares.sum() / weights.sum(), of_all))),
        ("Begin with the plain step, `delta + log S_j - log s_j`. "
         "Then subtract a gap of two logarithms for the outside good.",
         "What do the types, and only they, leave to the outside good? "
         "In the model it is `sum_i w_i s_i0`.",
         "In the data think of the mass that all types have together. The inside goods got "
         "their shares of it; the rest is what you look for."),
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
                 "`s0` contains them already, so the inside share of all consumers is `1 - s0`. "
                 "(Dividing `s0` by `1 - never` comes to the same.)",
                 lambda s0, never: (1 - s0 - never) / (1 - never)),
         Mistake("`s0` contains those who never buy already, so the inside share of all consumers "
                 "is `1 - s0`. And it comes from `1 - never` of them: divide.",
                 lambda s0, never: 1 - s0 - never),
         Mistake("This is the fraction of consumers who may buy. "
                 "A row of A sums to the probability that one of them does buy.",
                 lambda s0, never: 1 - never),
         Mistake("You computed `E[(1 - s_i0)^2]`. Divide it by the inside share: "
                 "the average is over buyers, not over all consumers.",
                 lambda s0, never: (1 - s0)**2 / (1 - never)),
         Mistake("You squared the right number. The probability of buying stands once for the "
                 "buyers' weights, which sum to one, and once for what they would choose.",
                 lambda s0, never: ((1 - s0) / (1 - never))**2),
         Mistake("This is the outside share. "
                 "The rate is about those who buy: how likely are they to buy again?",
                 lambda s0, never: s0),
         Mistake("This is the part of the outside share that comes from those who never buy. "
                 "The rate is about those who buy: how likely are they to buy again?",
                 lambda s0, never: never / s0),
         Mistake("This is the part of the outside share that comes from those who may buy. "
                 "The rate is about the buyers of j: how likely are they to buy again?",
                 lambda s0, never: 1 - never / s0),
         Mistake("You divide by those who never buy. "
                 "The inside shares come from the others, `1 - never` of all consumers.",
                 lambda s0, never: (1 - s0) / never),
         Mistake("You divide by `1 + never`. The inside shares come from fewer than all consumers, "
                 "`1 - never` of them.",
                 lambda s0, never: (1 - s0) / (1 + never)),
         Mistake("You multiply `s0` and `never`. Those who never buy are a part of the outside "
                 "share already: `s0 - never` of all consumers may buy and don't.",
                 lambda s0, never: 1 - s0 * never),
         Mistake("You scale the outside share. Scale the inside share: all of it, `1 - s0` of all "
                 "consumers, comes from the `1 - never` who may buy.",
                 lambda s0, never: 1 - s0 * (1 - never)),
         Mistake("These are the consumers who may buy and don't, as a part of all. The rate is "
                 "about those who do: how likely is one who may buy to do so?",
                 lambda s0, never: s0 - never),
         Mistake("You multiply by `1 - never`. Of those who may buy, the part "
                 "`(s0 - never) / (1 - never)` doesn't: divide.",
                 lambda s0, never: 1 - (s0 - never) * (1 - never))),
        ("There are two kinds of types, one with all choice probabilities zero. Who buys j? "
         "Write down row j of A, an average over these buyers.",
         "All rows of A are equal, so A has rank one. "
         "What is its only eigenvalue other than zero?",
         "It is the sum of a row: the probability that a consumer who may buy does. "
         "All that is sold is sold to those."),
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
         Mistake("This is the rate of the last market. The mean over all 94 is asked for.",
                 lambda: rates()[-1]),
         Mistake("This is the median over the markets. The mean is asked for.",
                 lambda: np.median(rates())),
         Mistake("This is the rate of the corrected map. The plain contraction is asked for.",
                 lambda: mean_rate(corrected=True)),
         Mistake("This is the largest rate of the 94 markets. The mean is asked for.",
                 lambda: rates().max()),
         Mistake("This is the smallest rate of the 94 markets. The mean is asked for.",
                 lambda: rates().min()),
         Mistake("You computed probabilities at the logit's delta of the halved shares. There the "
                 "model's shares are not the halved ones: invert them.",
                 mean_rate_at_the_logits_delta),
         Mistake("You halved delta. Halve the *shares*, and invert them.",
                 mean_rate_at_half_delta),
         Mistake("You halved the outside share. If the market is twice as large, "
                 "the inside shares are halved, and the outside good gets the rest.",
                 mean_rate_at_half_the_outside_share),
         Mistake("You halved the shares twice.", lambda: mean_rate(0.25)),
         Mistake("This is the mean of `1 - S_0` at the observed shares. Halve the shares, invert, "
                 "and compute the rate from the choice probabilities.",
                 lambda: cereal_markets()[0].sum(1).mean()),
         Mistake("This is the floor under the rate, the mean row sum of A. "
                 "The rate is its largest eigenvalue: use `contraction_rate`.",
                 lambda: row_sums(np.average).mean()),
         Mistake("This is the largest row sum of A, an upper bound. "
                 "The rate is its largest eigenvalue: use `contraction_rate`.",
                 lambda: row_sums(lambda sums, axis, weights: sums.max(axis)).mean())),
        ("Will the buyers of j be more likely to buy nothing if they choose anew? "
         "Then look at the rows of A.",
         "Three steps: halved shares, delta; delta, choice probabilities; "
         "choice probabilities, rate. `invert_shares` takes all 94 markets at once.",
         "`mu_all` stays, so the new delta is the only thing that differs from the rates of the "
         "lesson. `contraction_rate` gives one number a market."),
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
                 lambda P, B, v: undone(B @ (1 - P.sum(0)), P, B)),
         Mistake("Only m = j stands in your sum over m. A taste for the constant moves the utility "
                 "of every product, so the bracket is `1 - sum_m s_im`, that is `s_i0`.",
                 lambda P, B, v: undone((B * (1 - P)) @ v, P, B)),
         Mistake("You average with `P`. The expectation is over the buyers of j: use `B`.",
                 lambda P, B, v: undone(P @ (v * (1 - P.sum(0))), P, B)),
         Mistake("You average over all types alike. "
                 "The expectation is over the buyers of j: use the rows of `B`.",
                 lambda P, B, v: undone(np.full(len(P), (v * (1 - P.sum(0))).mean()), P, B)),
         Mistake("You solve with A. The Jacobian of log shares (1.7) is `I - A`.",
                 lambda P, B, v: -np.linalg.solve(B @ P.T, direct_effect(P, B, v))),
         Mistake("You solve with `I + A`. The Jacobian of log shares (1.7) is `I - A`: "
                 "a rival's delta takes buyers away.",
                 lambda P, B, v:
                     -np.linalg.solve(np.eye(len(P)) + B @ P.T, direct_effect(P, B, v))),
         Mistake("You multiply with the Jacobian. (2.7) has its inverse: solve.",
                 lambda P, B, v: -log_share_jacobian(P, B) @ direct_effect(P, B, v)),
         Mistake("You divide by the diagonal of the Jacobian, as if the deltas of rivals "
                 "stood still. They move too: solve with the whole matrix.",
                 lambda P, B, v: -direct_effect(P, B, v) / np.diag(log_share_jacobian(P, B))),
         Mistake("You squared the tastes. The derivative is linear in them: average `v_i s_i0`.",
                 lambda P, B, v: undone(direct_effect(P, B, v**2), P, B)),
         Mistake("You summed the probabilities over types, `P.sum(1)`. "
                 "The sum in the bracket is over products, axis 0: a number for each type.",
                 lambda P, B, v: undone((B @ v) * (1 - P.sum(1)), P, B)),
         Mistake("You sum over all types, without weights. "
                 "The expectation is over the buyers of j: use the rows of `B`.",
                 lambda P, B, v: undone(np.full(len(P), v @ (1 - P.sum(0))), P, B)),
         Mistake("You left the tastes out of the expectation and multiplied by their mean after. "
                 "The mean of the product is asked for: type by type `v_i s_i0`, then average.",
                 lambda P, B, v: v.mean() * undone(B @ (1 - P.sum(0)), P, B))),
        ("With a characteristic that is 1 for all products, what is `x_j - sum_m s_im x_m`? "
         "It is a number of the type, the same for all products.",
         "It is `s_i0`. An expectation over the buyers of each product is `B @` something "
         "of shape (I,).",
         "That is how the log shares would move. (2.7) says which delta undoes it: "
         "there is a Jacobian to solve with, and a sign."),
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
                 lambda P, B: np.diag(1 / np.diag(log_share_jacobian(P, B)))),
         Mistake("This is A. It says what (2.1) makes of an error; the derivative that is asked "
                 "for is the sum of all that follows, `I + A + A^2 + ...`.",
                 lambda P, B: B @ P.T),
         Mistake("This is the identity, the logit's answer if the outside share were held as well. "
                 "Here the inside shares of the rivals are held, and the outside share moves.",
                 lambda P, B: np.eye(len(P))),
         Mistake("You have `B @ B.T` in the Jacobian of log shares (1.7). "
                 "Its A is `B @ P.T`: the buyers of j, and what they would choose.",
                 lambda P, B: np.linalg.inv(np.eye(len(P)) - B @ B.T)),
         Mistake("You have `P @ P.T` in the Jacobian of log shares (1.7). "
                 "Its A is `B @ P.T`: the buyers of j, and what they would choose.",
                 lambda P, B: np.linalg.inv(np.eye(len(P)) - P @ P.T)),
         Mistake("This is a variance, the inverse times its transpose. "
                 "The derivative alone is asked for.",
                 lambda P, B: squared(np.linalg.inv(log_share_jacobian(P, B)))),
         Mistake("This is the derivative in the share S_k itself. In its *logarithm* it is S_k "
                 "times as large: (1.7) is about logarithms already.",
                 lambda P, B: np.linalg.inv(log_share_jacobian(P, B)) / shares_of(P, B)),
         Mistake("You multiplied by the shares. (1.7) is about logarithms of shares already, "
                 "so its inverse is the answer as it stands.",
                 lambda P, B: np.linalg.inv(log_share_jacobian(P, B)) * shares_of(P, B))),
        ("Differentiate both sides of `log s_j(delta) = log S_j` in `log S_k`. "
         "On the right is 1 if j = k, else 0.",
         "On the left stands the chain rule: a product of two matrices. "
         "One of them is (1.7), the other is what you look for.",
         "So their product is the identity. What is one factor in terms of the other?"),
        "An error in one share moves every delta, its own by more than itself: "
        "the more so, the slower the contraction, since (I - A)^-1 = I + A + A^2 + ...",
        types, rtol=1e-6),
}
