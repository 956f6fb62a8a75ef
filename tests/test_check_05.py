"""Exercises of lesson 05: typical wrong answers, computed here anew, get the diagnosis that is theirs."""
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.course import checks
from blpteach.examples import cereal
from blpteach.outcome import Outcome

MARKET = "C01Q1"


@pytest.fixture(autouse=True)
def fresh():
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture(scope="module")
def lesson():
    """Estimates, the logit's, and the tables of one market."""
    problem, arguments = cereal()
    estimates = problem.estimate(**arguments)
    logit = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
    rows = (problem.products["market_ids"] == MARKET).to_numpy()
    table = problem.products[rows]
    return SimpleNamespace(problem=problem, estimates=estimates, logit=logit, rows=rows, names=table["product_ids"].to_numpy(),
                           firm=table["firm_ids"].to_numpy(), p=table["prices"].to_numpy(), s=table["shares"].to_numpy(),
                           D=estimates.diversion_ratios(MARKET), E=estimates.elasticities(MARKET))


def reply(number, answer):
    return str(blpteach.check(number, answer))


# 5.1

def siblings_of(lesson):
    return [name for name in lesson.names if name.startswith("F2") and name != "F2B19"]


def test_leavers_kept(lesson):
    siblings, logit = siblings_of(lesson), lesson.logit.diversion_ratios(MARKET)
    right = [table.loc["F2B19", siblings].sum() for table in (lesson.D, logit)]
    assert blpteach.check("5.1", right) and blpteach.check("5.1", tuple(right)) and blpteach.check("5.1", np.array(right))
    column = [table.loc[siblings, "F2B19"].sum() for table in (lesson.D, logit)]
    assert "Row and column are exchanged" in reply("5.1", column)
    diagonal = [table.loc["F2B19", [*siblings, "F2B19"]].sum() for table in (lesson.D, logit)]
    assert "You counted the diagonal" in reply("5.1", diagonal)
    others = [table.loc["F2B19"].drop("F2B19").sum() for table in (lesson.D, logit)]
    assert "goes to another cereal, of any firm" in reply("5.1", others)
    assert "among those who stay with cereals" in reply("5.1", [kept / stay for kept, stay in zip(right, others)])
    assert "mean over the eight siblings" in reply("5.1", [table.loc["F2B19", siblings].mean() for table in (lesson.D, logit)])
    assert "added up elasticities" in reply("5.1", [e.loc[siblings, "F2B19"].sum() for e in (lesson.E, lesson.logit.elasticities(MARKET))])
    assert "percent" in reply("5.1", 100 * np.array(right))
    tables = [e.loc[siblings, "F2B19"].sum() / -e.loc["F2B19", "F2B19"] for e in (lesson.E, lesson.logit.elasticities(MARKET))]
    assert "cross over own" in reply("5.1", tables)
    assert "outside good" in reply("5.1", [table.loc["F2B19", "F2B19"] for table in (lesson.D, logit)])
    firms = {name: lesson.firm[list(lesson.names).index(name)] for name in lesson.names}
    for answer, says in (([name for name in lesson.names if firms[name] != 2], "of other firms"), ([name for name in lesson.names if firms[name] == 1], "This is firm 1")):
        assert says in reply("5.1", [table.loc["F2B19", answer].sum() for table in (lesson.D, logit)])
    assert "the logit's" in reply("5.1", [right[0], right[0]])
    assert "can't go back to it" in reply("5.1", [right[0], sum(lesson.s[list(lesson.names).index(name)] for name in siblings)])


# 5.2

def test_elasticity_of_a_firm(lesson):
    two, E = lesson.firm == 2, lesson.E.to_numpy()
    s = lesson.s[two]
    assert blpteach.check("5.2", (E[np.ix_(two, two)].sum(1) * s).sum() / s.sum())
    h, problem = 1e-5, lesson.problem
    moved = problem.prices * np.where(lesson.rows & (problem.products["firm_ids"] == 2), 1 + h, 1)
    after = lesson.estimates.shares_at(moved)[lesson.rows]      # a finite difference
    assert blpteach.check("5.2", (after[two].sum() / s.sum() - 1) / h)
    far = lesson.estimates.shares_at(np.where(moved > problem.prices, 1.01, 1) * problem.prices)[lesson.rows]
    assert "by a whole percent" in reply("5.2", 100 * (far[two].sum() / s.sum() - 1))
    assert "added up nine percentages" in reply("5.2", sum(sum(row[two]) for row in E[two]))
    assert "points of share" in reply("5.2", (E[np.ix_(two, two)].sum(1) * s).sum())
    assert "own elasticities only" in reply("5.2", (np.diag(E)[two] * s).sum() / s.sum())
    assert "plain mean of the nine own" in reply("5.2", lesson.estimates.own_elasticities(MARKET)[two].mean())
    assert "mean of percentages" in reply("5.2", E[np.ix_(two, two)].sum(1).mean())
    assert "let all 24 prices rise" in reply("5.2", (E[two].sum(1) * s).sum() / s.sum())
    assert "Rows and columns are exchanged" in reply("5.2", (E[np.ix_(two, two)].sum(0) * s).sum() / s.sum())
    logit = lesson.logit.elasticities(MARKET).to_numpy()
    assert "This is the logit's answer" in reply("5.2", (logit[np.ix_(two, two)].sum(1) * s).sum() / s.sum())
    nine = E[np.ix_(two, two)].sum(1)
    j = list(lesson.names).index("F2B19")
    assert "of `F2B19` alone" in reply("5.2", E[j, two].sum()) and "own elasticity of `F2B19`" in reply("5.2", E[j, j])
    assert "by prices" in reply("5.2", np.average(nine, weights=lesson.p[two])) and "by revenue" in reply("5.2", np.average(nine, weights=(lesson.p * lesson.s)[two]))
    assert "all 24 products" in reply("5.2", np.average(E[:, two].sum(1), weights=lesson.s)) and "You added one" in reply("5.2", 1 + (nine * s).sum() / s.sum())
    assert "cross elasticities alone" in reply("5.2", ((nine - np.diag(E)[two]) * s).sum() / s.sum())
    assert "sign is wrong" in reply("5.2", -(E[np.ix_(two, two)].sum(1) * s).sum() / s.sum())


def test_elasticity_with_the_mean_alpha(lesson):
    alpha = lesson.estimates.price_coefficients(MARKET).to_numpy()[0].mean()             # the types have equal weights
    P = probabilities(lesson)
    two = lesson.firm == 2
    change = sum((np.diag(s) - np.outer(s, s)) @ (alpha * lesson.p * two) for s in P.T) / P.shape[1]
    assert "mean of alpha in place of the types'" in reply("5.2", change[two].sum() / lesson.s[two].sum())


def probabilities(lesson):
    """P (24, 20) of the market, from its tables."""
    problem, estimates = lesson.problem, lesson.estimates
    agents = problem.agents[problem.agents["market_ids"] == MARKET]
    X2 = np.column_stack([np.ones(24), problem.products.loc[lesson.rows, ["prices", "sugar", "mushy"]]])
    nodes = agents[[f"nodes{k}" for k in range(4)]].to_numpy()
    persons = agents[["income", "income_squared", "age", "child"]].to_numpy()
    assert np.allclose(agents["weights"], 1 / len(agents))
    V = estimates.delta[lesson.rows][:, None] + X2 @ (estimates.sigma @ nodes.T + estimates.pi @ persons.T)
    return np.exp(V) / (1 + np.exp(V).sum(0))


# 5.3

def loops(P, weights, alpha, firm_ids, transpose=True, own_only=False, right=None):
    """Margins, with sums written as loops."""
    J = len(P)
    D = np.array([[sum(w * a[l] * s[j] * ((j == l) - s[l]) for w, a, s in zip(weights, alpha.T, P.T)) for l in range(J)] for j in range(J)])
    H = np.eye(J) if own_only else np.array([[float(f == g) for g in firm_ids] for f in firm_ids])
    return np.linalg.inv(-H * (D.T if transpose else D)) @ (P @ weights if right is None else right)


def without_revenue(P, weights, alpha, prices, firm_ids):
    """The conditions in elasticities, with every product's revenue taken as one."""
    s = P @ weights
    D = blpteach.share_jacobian(P, weights, alpha)
    conditions = [[-float(f == g) * D[l, j] * prices[j] / s[l] for l, g in enumerate(firm_ids)] for j, f in enumerate(firm_ids)]
    return np.linalg.solve(conditions, np.ones(len(s)))


def test_lerner_indices():
    assert blpteach.check("5.3", lambda P, weights, alpha, prices, firm_ids: loops(P, weights, alpha, firm_ids) / prices)
    assert blpteach.check("5.3", lambda P, w, a, p, f: pd.Series(loops(P, w, a, f) / p))
    assert "margins in dollars" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, f))
    assert "must be transposed" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, f, transpose=False) / p)
    assert "a firm of its own" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, f, own_only=True) / p)
    assert "divided the margin by the cost" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, f) / (p - loops(P, w, a, f)))
    assert "all products as one firm's" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, 0 * f) / p)
    assert "mean over types" in reply("5.3", lambda P, w, a, p, f: loops(P, w, (a @ w)[:, None] + 0 * a, f) / p)
    assert "weights are missing" in reply("5.3", lambda P, w, a, p, f: loops(P, 0 * w + 1 / len(w), a, f) / p)
    assert "weighted by revenue" in reply("5.3", without_revenue)
    assert "These are costs" in reply("5.3", lambda P, w, a, p, f: p - loops(P, w, a, f)) and "cost over price" in reply("5.3", lambda P, w, a, p, f: 1 - loops(P, w, a, f) / p)
    assert "plain mean of `P`" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a, f, right=P.mean(1)) / p)
    assert "plain mean over types" in reply("5.3", lambda P, w, a, p, f: loops(P, w, a.mean(1)[:, None] + 0 * a, f) / p)
    assert "The sign is wrong" in reply("5.3", lambda P, w, a, p, f: -loops(P, w, a, f) / p)
    matrix_product = reply("5.3", lambda P, w, a, p, f: np.linalg.inv(blpteach.ownership_matrix(f) @ blpteach.share_jacobian(P, w, a).T) @ (P @ w))
    assert "element by element" in matrix_product              # whether it stops or returns huge numbers
    assert "give percent" in reply("5.3", lambda P, w, a, p, f: 100 * loops(P, w, a, f) / p)


# 5.4

def test_compensating_costs(lesson):
    P, a = probabilities(lesson), lesson.estimates.price_coefficients(MARKET).to_numpy()
    w = np.full(P.shape[1], 1 / P.shape[1])
    merged = np.where(lesson.firm == 2, 1, lesson.firm)
    new, old = loops(P, w, a, merged), loops(P, w, a, lesson.firm)
    assert blpteach.check("5.4", lesson.p - new) and blpteach.check("5.4", pd.Series(lesson.p - new, lesson.names))
    assert "the present costs" in reply("5.4", lesson.estimates.costs(MARKET))
    assert "These are cents" in reply("5.4", 100 * (lesson.p - new))
    assert "what is left of the costs" in reply("5.4", new - old)
    rise = lesson.estimates.counterfactual(firm_ids={2: 1}).prices[lesson.rows] - lesson.p
    assert "pass on less than a whole saving" in reply("5.4", lesson.p - old - np.where(merged == 1, rise, 0))
    assert "These are the margins" in reply("5.4", new)
    assert "wrong direction" in reply("5.4", lesson.p - old + (new - old))
    assert "fall of each cost in percent" in reply("5.4", 100 * (new - old) / (lesson.p - old))
    assert "one firm of all five" in reply("5.4", lesson.p - loops(P, w, a, np.ones(24)))
    costs, new_price = lesson.p - old, lesson.p + rise
    merging = merged == 1
    for answer, says in ((costs - rise, "the rivals' too"), (new_price - new, "subtract the margins from the *old* prices"), (new_price - old, "minus the old margins"),
                         (costs * (1 - rise / lesson.p), "by the percentage by which"), (lesson.p, "prices themselves"), (0.95 * costs, "five percent lower"),
                         (np.where(merging, lesson.p - new, 0), "and not zero"), (np.where(lesson.firm == 2, lesson.p - new, costs), "of firm 2 only"),
                         (costs - (new - old)[merging].mean() * merging, "one fall for all"), (costs - costs * ((new - old) / costs)[merging].mean() * merging, "one percentage"),
                         (lesson.p - new - old, "the old margin and the new"), (costs * (1 - new / lesson.p), "fraction of the *price*")):
        assert says in reply("5.4", answer)
    assert "expected (24,)" in reply("5.4", (lesson.p - new)[merged == 1])


# 5.5

def test_merger_with_a_saving(lesson):
    problem, estimates = lesson.problem, lesson.estimates
    merging = problem.products["firm_ids"].isin([1, 2]).to_numpy()
    costs, before = estimates.costs(), estimates.consumer_surplus()

    def cents(**arguments):
        return 100 * (estimates.counterfactual(**arguments).consumer_surplus() - before).mean()
    saved = np.where(merging, 0.95, 1) * costs
    right = cents(firm_ids={2: 1}, costs=saved)
    assert blpteach.check("5.5", right) and blpteach.check("5.5", pd.Series([right]))
    assert "merger without a saving" in reply("5.5", cents(firm_ids={2: 1}))
    assert "costs of all products" in reply("5.5", cents(firm_ids={2: 1}, costs=0.95 * costs))
    assert "costs of firm 2 only" in reply("5.5", cents(firm_ids={2: 1}, costs=np.where(problem.products["firm_ids"] == 2, 0.95, 1) * costs))
    assert "nobody merged" in reply("5.5", cents(costs=saved))
    assert "sum over the 94 markets" in reply("5.5", 94 * right)
    assert "sign is wrong" in reply("5.5", -right) and "These are dollars" in reply("5.5", right / 100)


def test_merger_with_a_saving_of_another_kind(lesson):
    problem, estimates = lesson.problem, lesson.estimates
    firm = problem.products["firm_ids"].to_numpy()
    costs, before = estimates.costs(), estimates.consumer_surplus()
    after = estimates.counterfactual(firm_ids={2: 1}, costs=np.where(firm <= 2, 0.95, 1) * costs).consumer_surplus()
    cents = 100 * (after - before)
    assert "market C01Q1 alone" in reply("5.5", cents[MARKET])
    assert "This is the median" in reply("5.5", np.median(cents))
    assert "what the saving is worth" in reply("5.5", 100 * (after - estimates.counterfactual(firm_ids={2: 1}).consumer_surplus()).mean())
    bought = pd.Series(problem.shares).groupby(problem.products["market_ids"].to_numpy()).sum()[cents.index]
    assert "weighted markets by what" in reply("5.5", np.average(cents, weights=bought)) and "share that buys" in reply("5.5", (cents / bought).mean())
    assert "number of products" in reply("5.5", cents.sum() / 2256) and "mean level" in reply("5.5", 100 * after.mean()) and "percent of the level" in reply("5.5", (cents / before).mean())
    for saved, says in ((0.05 * problem.prices * (firm <= 2), "percent of the *price*"), (0.05 * costs * (firm == 1), "firm 1 only"), (-0.05 * costs * (firm <= 2), "You raised costs"),
                        (costs / 21 * (firm <= 2), "by 1.05"), (0.95 * costs * (firm <= 2), "left five percent")):
        other = estimates.counterfactual(firm_ids={2: 1}, costs=costs - saved).consumer_surplus()
        assert says in reply("5.5", 100 * (other - before).mean())


def test_merger_with_a_wrong_price_or_a_wrong_consumer(lesson):
    problem, estimates = lesson.problem, lesson.estimates
    merging = problem.products["firm_ids"].isin([1, 2]).to_numpy()
    saved = np.where(merging, 0.95, 1) * estimates.costs()
    new = estimates.counterfactual(firm_ids={2: 1}, costs=saved).prices
    owners = Outcome(estimates.utility, firm_ids=problem.products["firm_ids"].replace(2, 1).to_numpy())
    once = saved + (problem.prices - owners.costs())
    priced_once = Outcome(estimates.utility, once)
    assert "Margins were recomputed once" in reply("5.5", 100 * (priced_once.consumer_surplus() - estimates.consumer_surplus()).mean())
    by_market = problem.products["market_ids"].to_numpy()

    def log_sum(delta):
        return pd.Series(np.exp(delta)).groupby(by_market).sum().pipe(np.log1p)
    utils = log_sum(estimates.delta + estimates.beta[0] * (new - problem.prices)) - log_sum(estimates.delta)
    assert "surplus of the mean consumer" in reply("5.5", 100 * utils.mean() / -estimates.beta[0])
    baskets = pd.Series(problem.shares * (problem.prices - new)).groupby(by_market).sum()
    assert "old baskets cost more" in reply("5.5", 100 * baskets.mean())


# 5.6

def test_first_to_leave():
    def right(P, weights, alpha, j):
        terms = [w * a * s * (1 - s) for w, a, s in zip(weights, alpha[j], P[j])]
        return [term / sum(terms) for term in terms]
    assert blpteach.check("5.6", right) and blpteach.check("5.6", lambda P, w, a, j: np.array(right(P, w, a, j)))
    assert "These are the buyers" in reply("5.6", lambda P, w, a, j: w * P[j] / (P[j] @ w))
    assert "absolute value of alpha" in reply("5.6", lambda P, w, a, j: right(P, w, abs(a), j))
    assert "`alpha_ij` is missing" in reply("5.6", lambda P, w, a, j: right(P, w, 1 + 0 * a, j))
    assert "own weights `w_i` are missing" in reply("5.6", lambda P, w, a, j: right(P, 1 + 0 * w, a, j))
    assert "`1 - s_ij` is missing" in reply("5.6", lambda P, w, a, j: w * a[j] * P[j] / (w * a[j] * P[j]).sum())
    assert "divided by the share of" in reply("5.6", lambda P, w, a, j: w * a[j] * P[j] * (1 - P[j]) / (P[j] @ w))
    def share(values):
        return values / values.sum()
    assert "all types" in reply("5.6", lambda P, w, a, j: w) and "never buy `j`" in reply("5.6", lambda P, w, a, j: share(w * a[j]))
    assert "squared" in reply("5.6", lambda P, w, a, j: share(w * a[j] * P[j] * P[j])) and "You divide by `1 - s_ij`" in reply("5.6", lambda P, w, a, j: share(w * a[j] * P[j] / (1 - P[j])))
    assert "mean of alpha over products" in reply("5.6", lambda P, w, a, j: share(w * a.mean(0) * P[j] * (1 - P[j])))
    assert "1 - P.sum(0)" in reply("5.6", lambda P, w, a, j: share(w * a[j] * P[j] * (1 - P.sum(0))))
    assert "largest weight" in reply("5.6", lambda P, w, a, j: right(P, w, a, j) / max(right(P, w, a, j)))
    assert "Divide by their sum" in reply("5.6", lambda P, w, a, j: w * a[j] * P[j] * (1 - P[j]))


def test_leavers_make_diversion_an_average_of_second_choices(lesson):
    P, a = probabilities(lesson), lesson.estimates.price_coefficients(MARKET).to_numpy()
    j, weights = 13, np.full(P.shape[1], 1 / P.shape[1])
    first = checks.find("5.6").right(P, weights, a, j)
    choices = P @ (first / (1 - P[j]))
    choices[j] = ((1 - P.sum(0)) / (1 - P[j])) @ first
    assert choices == pytest.approx(lesson.D.to_numpy()[j])
