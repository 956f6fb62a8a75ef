"""What must hold before anything is estimated. Every check raises an `InputError` that names the column, the markets and the remedy."""
import warnings

import numpy as np
import pandas as pd

from ..errors import InputError, listing
from .formula import check_complete, suggestion


def check_products(products):
    """Columns `market_ids`, `shares` and `prices` are there, complete and numeric."""
    if not isinstance(products, pd.DataFrame):
        raise InputError(f"products must be a pandas DataFrame with a row for each product and market, not a {type(products).__name__}.")
    if len(products) == 0:
        raise InputError("products has no rows.")
    for name in ("market_ids", "shares", "prices"):
        if name not in products:
            raise InputError(f"products has no column `{name}`. {suggestion(name, products)} Rename it: "
                             f"products.rename(columns={{...: '{name}'}}).")
    check_market_ids(products, "products")
    for name in ("shares", "prices"):
        check_complete(products, name, products["market_ids"])
        check_numeric(products, name, "products")


def check_market_ids(table, which):
    """One column `market_ids` without missing values."""
    if table["market_ids"].ndim > 1:
        raise InputError(f"{which} has the column `market_ids` twice. Drop or rename one.")
    rows = np.flatnonzero(table["market_ids"].isna())
    if len(rows):
        raise InputError(f"Column `market_ids` of {which} has {len(rows)} missing value(s), in row(s) {listing(rows)}. Every row needs its market.")


def check_numeric(table, name, which):
    """A column of finite numbers."""
    if not pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_complex_dtype(table[name]):
        raise InputError(f"Column `{name}` of {which} is not numeric (it is {table[name].dtype}). Convert it with pd.to_numeric.")
    if not np.isfinite(table[name].to_numpy(float)).all():
        raise InputError(f"Column `{name}` of {which} has missing or infinite values in row(s) "
                         f"{listing(np.flatnonzero(~np.isfinite(table[name].to_numpy(float))))}. Fill them in or drop the rows.")


def check_shares(shares, market_ids):
    """Shares lie between zero and one and leave something for the outside good in every market."""
    bad = shares <= 0
    if bad.any():
        raise InputError(f"Column `shares` is zero or negative for {bad.sum()} product(s), in market(s) {listing(market_ids[bad].unique())}. "
                         "The model gives every product a positive share: drop products that nobody bought, or aggregate to longer periods.")
    inside = shares.groupby(market_ids, sort=False, observed=True).sum()
    full = inside[inside >= 1 - 1e-12]
    if len(full):
        percent = "They look like percentages: divide by 100." if full.max() > 1 + 1e-6 and full.max() > 1.5 else \
                  "Divide quantities by the market size, which counts those who bought nothing too, instead of by total sales."
        raise InputError(f"Column `shares` sums to {full.max():.4g} in market(s) {listing(full.index)} ({len(full)} of {len(inside)} markets "
                         f"leave nothing for the outside good, whose share is one minus the sum). {percent}")


def check_agents(agents, product_markets, columns):
    """Every market has agents, and the columns they need are complete numbers."""
    if not isinstance(agents, pd.DataFrame):
        raise InputError(f"agents must be a pandas DataFrame with a row for each consumer type and market, not a {type(agents).__name__}.")
    if "market_ids" not in agents:
        raise InputError(f"agents has no column `market_ids`. {suggestion('market_ids', agents)}")
    check_market_ids(agents, "agents")
    missing = product_markets[~product_markets.isin(agents["market_ids"])]
    if len(missing):
        kinds = "" if agents["market_ids"].dtype == product_markets.dtype else \
                f" Market ids are {product_markets.dtype} in products and {agents['market_ids'].dtype} in agents: make them the same."
        raise InputError(f"agents has no rows for {len(missing)} of the {len(product_markets)} markets in products, such as market(s) "
                         f"{listing(missing)}. Add consumer types there, or drop those markets from products.{kinds}")
    for name in columns:
        if name not in agents:
            raise InputError(f"agents has no column `{name}`. {suggestion(name, agents)}")
        check_complete(agents, name, agents["market_ids"], "agents")
        check_numeric(agents, name, "agents")


def check_weights(weights, agent_markets, shares, market_ids):
    """Integration weights are non-negative and sum to one, or at least to more than the inside shares."""
    if (weights < 0).any():
        raise InputError(f"Column `weights` of agents is negative in market(s) {listing(agent_markets[weights < 0].unique())}.")
    total = weights.groupby(agent_markets, observed=True).sum()
    inside = shares.groupby(market_ids, sort=False, observed=True).sum()
    total = total.reindex(inside.index)
    short = inside.index[total <= inside]
    if len(short):
        raise InputError(f"Column `weights` of agents sums to {total[short[0]]:.4g} in market {short[0]}, where the inside shares sum to "
                         f"{inside[short[0]]:.4g} ({len(short)} such market(s): {listing(short)}). The model's shares can't sum to more than the "
                         "weights do, so no mean utilities exist. Weights usually sum to one.")
    odd = abs(total - 1) > 1e-6
    if odd.any():
        warnings.warn(f"Column `weights` of agents sums to between {total.min():.4g} and {total.max():.4g}, not to one, in {odd.sum()} of "
                      f"{len(total)} markets. They are used as they are, as importance-sampling weights may be.", stacklevel=6)       # the line that calls Problem


def check_instruments(products, instruments, endogenous, which="instruments"):
    """Names of the instrument columns: those asked for, or all `demand_instruments*` (`supply_instruments*`)."""
    if isinstance(instruments, str):
        instruments = [instruments]
    if not (instruments is None or isinstance(instruments, (list, tuple, pd.Index))):
        raise InputError(f"{which}={instruments!r} must be a list of columns of products, such as ['w0', 'w1'].")
    prefix = "demand_instruments" if which == "instruments" else which
    found = [c for c in products.columns if str(c).startswith(prefix)] if instruments is None else list(instruments)
    for name in found:
        if name == "shares":
            raise InputError(f"{which}: `shares` can't be an instrument: shares are the outcome that the model explains. Take it out.")
        if name == "prices" and which != "instruments":
            raise InputError(f"{which}: `prices` can't be an instrument: prices are margin plus cost, and cost holds omega. Take it out.")
        if name not in products:
            raise InputError(f"{which}: products has no column `{name}`. {suggestion(name, products)}")
        check_complete(products, name, products["market_ids"])
        check_numeric(products, name, "products")
    repeated = [name for k, name in enumerate(found) if name in found[:k]]
    if repeated:
        raise InputError(f"{which}: `{repeated[0]}` is named twice.")
    if not found and endogenous and which == "instruments":
        raise InputError("There are no instruments: products has no column demand_instruments0, demand_instruments1, ..., and none is named by "
                         f"instruments=[...]. {listing(endogenous)} moves with price, which is correlated with xi. Add instruments, or, to "
                         "treat price as exogenous on purpose, instruments=['prices'].")
    return found


def check_not_absorbed(before, after, names, what):
    """No column is wiped out by the fixed effects."""
    size, left = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
    for k in np.flatnonzero(left <= 1e-7 * size):
        name = "the constant `1`" if names[k] == "1" else f"`{names[k]}`"
        raise InputError(f"{what}: {name} does not vary within the fixed effects, which absorb it. Take it out"
                         + (": start the formula with `0 +`." if names[k] == "1" else
                            "; the mean taste for it can be recovered by regressing the estimated fixed effects on it."
                            if what == "linear" else "."))


def check_not_collinear(values, names, what):
    """Columns are linearly independent; the error names the column and those it is a combination of."""
    size = np.linalg.norm(values, axis=0)
    if (size == 0).any():
        raise InputError(f"{what}: `{names[np.flatnonzero(size == 0)[0]]}` is zero in every row.")
    if values.shape[1] > values.shape[0]:
        raise InputError(f"{what}: there are {values.shape[1]} columns and only {values.shape[0]} observations.")
    scaled = values / size
    R = np.linalg.qr(scaled, mode="r")
    dependent = np.flatnonzero(abs(np.diag(R)) < 1e-9)
    if len(dependent):
        k = dependent[0]
        combination = np.linalg.lstsq(scaled[:, :k], scaled[:, k], rcond=None)[0]
        others = [f"`{names[m]}`" for m in np.flatnonzero(abs(combination) > 1e-6)]
        relation = f"is the same as {others[0]} up to scale" if len(others) == 1 else f"is a linear combination of {listing(others)}"
        raise InputError(f"{what}: `{names[k]}` {relation}. Collinear columns add nothing and make matrices singular: take one out.")


def check_order_condition(instruments, linear, nonlinear):
    """At least as many moments as parameters, of both equations together."""
    M, K, H = len(instruments), len(linear), len(nonlinear)
    if M < K + H:
        raise InputError(f"There are {M} moment(s) for {K + H} parameters ({K} linear, {H} nonlinear: {listing(linear + nonlinear, 20)}). "
                         f"Instruments are {listing(instruments, 20)}. The nonlinear parameters need instruments too: add at least "
                         f"{K + H - M}, or fix parameters at zero.")


def parameter_matrix(values, rows, columns, name, lower=False):
    """sigma or pi as a float array of the right shape.

    Parameters
    ----------
    values : array, or None for zeros
    rows, columns : lists of names
        Of the characteristics, and of the nodes or demographics.
    name : str
    lower : bool
        Whether to refuse elements above the diagonal of a square matrix.
    """
    shape, what = (len(rows), len(columns)), f"{listing(rows, 9)} by {listing(columns, 9)}"
    if values is None:
        return np.zeros(shape)
    try:
        values = np.array(values, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a matrix of numbers ({what}): {error}") from error
    if lower and values.ndim == 1 and len(values) == shape[0] <= shape[1]:
        values = np.diag(values)                                # a vector means a diagonal
    if lower and values.shape == (shape[0], shape[0]) and np.isfinite(values).all() and np.triu(values, 1).any():
        raise InputError(f"{name} has elements above its diagonal. Only the variance sigma sigma' matters, so it is taken lower-triangular.")
    if lower and values.shape == (shape[0], shape[0]) and shape[0] < shape[1]:
        values = np.pad(values, ((0, 0), (0, shape[1] - shape[0])))          # nodes that are not needed
    if values.shape != shape:
        vector = f", or a vector of {shape[0]} for a diagonal" if lower and shape[0] <= shape[1] else ""
        raise InputError(f"{name} has shape {values.shape}; it must have shape {shape}, {what}{vector}.")
    if not np.isfinite(values).all():
        raise InputError(f"{name} has a starting value that is not finite, in the row of {rows[np.argwhere(~np.isfinite(values))[0][0]]}.")
    return values


def starts(count):
    """How many more starting values."""
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 0:
        raise InputError(f"starts={count!r}: how many more starting values is a whole number, not negative.")


def steps(count):
    """One- or two-step GMM."""
    if count not in (1, 2):
        raise InputError(f"steps must be 1 or 2, not {count!r}.")


def sigma_bounds(bounds, free, shape):
    """Bounds of theta2 as a dict of `lower` and `upper` (P,), and starting values that respect them.

    Parameters
    ----------
    bounds : (low, high) or None
        Numbers or None, for the first free element of each column of sigma; or arrays (K2, L).
    free : parameters.Free
    shape : (int, int)
        Of sigma.
    """
    if bounds is None:
        return {}
    try:
        low, high = (np.nan if bound is None else np.asarray(bound, float) for bound in bounds)
    except (TypeError, ValueError) as error:
        raise InputError(f"sigma_bounds={bounds!r} must be (low, high), with None where there is no bound, as in (0, None).") from error
    found = {}
    for name, bound, none in (("lower", low, -np.inf), ("upper", high, np.inf)):
        if np.ndim(bound) and np.shape(bound) != shape:
            raise InputError(f"sigma_bounds: a bound has shape {np.shape(bound)}; give a number, None, or an array of sigma's shape {shape}.")
        matrix = np.broadcast_to(bound, shape) if np.ndim(bound) else np.where(leading(free, shape), bound, np.nan)
        of_theta2 = np.full(len(free.start), none)
        H = free.columns < free.L
        of_theta2[:len(H)][H] = matrix[free.rows[H], free.columns[H]]
        found[name] = np.where(np.isnan(of_theta2), none, of_theta2)
    if (found["lower"] >= found["upper"]).any():
        raise InputError(f"sigma_bounds={bounds!r}: the lower bound must be below the upper one.")
    outside = np.flatnonzero((free.start < found["lower"]) | (free.start > found["upper"]))
    if len(outside):
        raise InputError(f"sigma_bounds: the starting value {free.start[outside[0]]:.6g} of `{free.names[outside[0]]}` lies outside its bounds. "
                         "Start within them.")
    return found


def leading(free, shape):
    """The first free element of each column of sigma, a bool array (K2, L): the diagonal of a diagonal or triangular sigma."""
    first, seen = np.zeros(shape, bool), set()
    for row, column in zip(free.rows, free.columns):
        if column < free.L and column not in seen:
            first[row, column] = True
            seen.add(column)
    return first


# Supply --------------------------------------------------------------------------------------------------------------------

def check_no_supply(log_costs, cost_bounds, supply_instruments):
    """Arguments of a supply side without one."""
    given = [name for name, value in (("log_costs", log_costs), ("cost_bounds", cost_bounds), ("supply_instruments", supply_instruments))
             if value is not None and value is not False]
    if given:
        raise InputError(f"{given[0]} is given without supply=...: the formula of the characteristics of marginal costs.")


def check_firms(products, market_ids):
    """Every product has an owner."""
    if "firm_ids" not in products:
        raise InputError(f"supply: products has no column `firm_ids`, which says who sets which price. {suggestion('firm_ids', products)}")
    check_complete(products, "firm_ids", market_ids)


def check_supply(X3, formula, prices_matter):
    """Costs depend on no price, and firms have something to gain from a price."""
    if not X3.names:
        raise InputError(f"supply={formula!r} has no columns. Give at least a constant: '1'.")
    if X3.endogenous.any():
        raise InputError(f"supply={formula!r} uses `prices`. Costs explain prices, not the other way round: take prices out.")
    if not prices_matter:
        raise InputError("supply: utility does not depend on `prices`, so firms have no optimal price; put prices into linear or random.")


def cost_bounds(bounds, log_costs):
    """(low, high) with None where there is none."""
    if bounds is None:
        return None, None
    try:
        low, high = bounds
        numbers = [float(value) for value in (low, high) if value is not None]
    except (TypeError, ValueError) as error:
        raise InputError(f"cost_bounds={bounds!r} must be (low, high), with None where there is no bound, as in (0.001, None).") from error
    if np.isnan(numbers).any():
        raise InputError(f"cost_bounds={bounds!r} has a bound that is not a number. Use None where there is no bound.")
    if len(numbers) == 2 and not numbers[0] < numbers[1]:
        raise InputError(f"cost_bounds={bounds!r}: the lower bound must be below the upper one.")
    if log_costs and not all(value > 0 for value in numbers):
        raise InputError(f"cost_bounds={bounds!r}: with log_costs bounds must be positive, the lower one such as 0.001, for zero has no logarithm.")
    return tuple(None if value is None else float(value) for value in (low, high))


def searched_beta(beta, names, searched, supply):
    """Starting values (Q,) of linear parameters that must be searched, from a dict by column."""
    needed = [names[k] for k in searched]
    if not supply and beta is not None:
        raise InputError("beta gives starting values of linear parameters that are searched, and without supply=... none is: they have a formula.")
    if not (beta is None or isinstance(beta, dict)):
        raise InputError(f"beta={beta!r} must be a dict of starting values by column of linear, as in {{'prices': -2.0}}.")
    beta = dict(beta or {})
    unknown = [name for name in beta if name not in needed]
    if unknown:
        raise InputError(f"beta: `{unknown[0]}` is not searched. " + (f"Those searched, because margins depend on them, are {listing(needed)}." if needed else
                         "No column of linear has prices in it, so none is."))
    missing = [name for name in needed if name not in beta]
    if missing:
        raise InputError(f"With a supply side the coefficient of `{missing[0]}` must be searched, since margins depend on it: give a starting value, "
                         f"beta={{'{missing[0]}': -2.0}}.")
    try:
        values = np.array([beta[name] for name in needed], float)
    except (TypeError, ValueError) as error:
        raise InputError(f"beta={beta!r} has a starting value that is not a number.") from error
    if not np.isfinite(values).all():
        raise InputError(f"beta={beta!r} has a starting value that is not finite.")
    return values


def check_costs_at_start(solved, market_ids):
    """At the starting values every marginal cost has a logarithm."""
    if not solved.mean_utilities.usable:
        raise InputError("log_costs: shares can't be inverted at the given parameters, so that there are no costs to take logarithms of. Take "
                         "sigma and pi nearer to zero.")
    bad = ~(solved.costs > 0)
    if bad.any():
        raise InputError(f"log_costs: at the given parameters margins exceed prices, so that marginal costs are not positive, for {bad.sum()} of {len(bad)} "
                         f"products, in market(s) {listing(market_ids[bad].unique())}. Demand is too inelastic there: take a price coefficient further from "
                         "zero, or set a bound, cost_bounds=(0.001, None), and the estimates will say how many costs are at it.")


def holdings(values, products):
    """A weight between 0 and 1, or a dict of them for pairs of firms that exist."""
    pairs = values if isinstance(values, dict) else {None: values}
    for pair, weight in pairs.items():
        if isinstance(weight, (bool, str)) or not isinstance(weight, (int, float, np.number)) or not 0 <= weight <= 1:
            raise InputError(f"holdings={values!r}: weights on other firms' profits are numbers from 0 (competition) to 1 (joint monopoly).")
        if pair is None:
            continue
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise InputError(f"holdings={values!r}: keys are pairs (firm, other firm), as in {{(1, 2): 0.3}}.")
        if "firm_ids" not in products:
            raise InputError(f"holdings={values!r} needs owners: products has no column `firm_ids`. {suggestion('firm_ids', products)}")
        firms = set(products["firm_ids"])
        unknown = [firm for firm in pair if firm not in firms]
        if unknown:
            raise InputError(f"holdings={values!r}: there is no firm {unknown[0]!r}. Firms are {listing(sorted(firms, key=str), 12)}.")
        if pair[0] == pair[1]:
            raise InputError(f"holdings={values!r}: {pair!r} is one firm, whose own profit has weight 1.")
    return values


def lognormal(coefficients, names):
    """Rows of Gamma (Q,) that are lognormal, and their signs (Q,)."""
    signs = {"lognormal": 1.0, "-lognormal": -1.0}
    if coefficients is not None and not isinstance(coefficients, dict):
        raise InputError(f"coefficients={coefficients!r} must be a dict by column of random, as in {{'prices': '-lognormal'}}.")
    for name, kind in (coefficients or {}).items():
        if name not in names:
            raise InputError(f"coefficients: `{name}` is not a column of random. Those are {listing(names, 12) or 'none'}.")
        if not isinstance(kind, str) or kind not in signs:
            raise InputError(f"coefficients={{{name!r}: {kind!r}}}: choose 'lognormal' (never negative) or '-lognormal' (never positive).")
    chosen = coefficients or {}
    return np.array([k for k, name in enumerate(names) if name in chosen], int), np.array([signs[chosen[name]] for name in names if name in chosen])
