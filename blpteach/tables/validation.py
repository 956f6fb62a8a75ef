"""What must hold before anything is estimated.

Every check raises an `InputError` that names the column, the markets and the remedy.
"""
import warnings

import numpy as np
import pandas as pd

from ..errors import InputError, listing
from .columns import check_ids, check_table, shown
from .formula import check_complete, suggestion


def check_products(products):
    """`market_ids`, `shares` and `prices` are there, complete, numeric; no row is there twice."""
    check_table(products, "products", "product and market")
    if len(products) == 0:
        raise InputError("products has no rows.")
    for name in ("market_ids", "shares", "prices"):
        if name not in products:
            indexed = name in products.index.names
            rename = "" if indexed else f" Rename it: products.rename(columns={{...: '{name}'}})."
            raise InputError(f"products has no column `{name}`. "
                             f"{suggestion(name, products)}{rename}")
    check_market_ids(products, "products")
    for name in ("shares", "prices"):
        check_complete(products, name, products["market_ids"])
        check_numeric(products, name, "products")
    check_once(products)


def check_once(products):
    """A product has one row in a market; without `product_ids`, rows alike everywhere are one."""
    if "product_ids" not in products:
        return check_no_copies(products)
    if products["product_ids"].ndim > 1:
        return                                                  # refused where it is used
    check_ids(products["product_ids"], "product_ids", "products")
    named = products.loc[products["product_ids"].notna().to_numpy(), ["market_ids", "product_ids"]]
    again = named[named.duplicated().to_numpy()]
    if len(again):
        market, product = again.iloc[0]
        raise InputError(f"products has {len(again)} row(s) too many, in market(s) "
                         f"{listing(again['market_ids'].unique())}: product `{product}` of "
                         f"`product_ids` stands twice in market {market}. Drop repeated rows, "
                         "products.drop_duplicates(['market_ids', 'product_ids']), or, where they "
                         "are versions of one product, add up their shares; if they are different "
                         "products, give them ids of their own.")


def check_no_copies(products):
    """No row is a copy of another."""
    alike = products[products.duplicated(["market_ids", "shares", "prices"], keep=False).to_numpy()]
    copies = alike[alike.astype(str).duplicated().to_numpy()]
    if len(copies):
        raise InputError(f"products has {len(copies)} row(s) that are the same as another in every "
                         f"column, in market(s) {listing(copies['market_ids'].unique())}. Drop "
                         "them, products.drop_duplicates(), or, if they are different products, "
                         "tell them apart by a column `product_ids`.")


def check_market_ids(table, which):
    """One column `market_ids` without missing values."""
    if table["market_ids"].ndim > 1:
        raise InputError(f"{which} has the column `market_ids` twice. Drop or rename one.")
    rows = np.flatnonzero(table["market_ids"].isna())
    if len(rows):
        raise InputError(f"Column `market_ids` of {which} has {len(rows)} missing value(s), "
                         f"in row(s) {listing(rows)}. Every row needs its market.")
    check_ids(table["market_ids"], "market_ids", which)


def check_numeric(table, name, which):
    """A column of finite numbers."""
    if not pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_complex_dtype(table[name]):
        complex_ = table[name].dtype.kind == "c"
        remedy = "Take its real part" if complex_ else "Convert it with pd.to_numeric"
        raise InputError(f"Column `{name}` of {which} is not numeric (it is {table[name].dtype}). "
                         f"{remedy}.")
    finite = np.isfinite(table[name].to_numpy(float))
    if not finite.all():
        raise InputError(f"Column `{name}` of {which} has missing or infinite values "
                         f"in row(s) {listing(np.flatnonzero(~finite))}. "
                         "Fill them in or drop the rows.")


def check_shares(shares, market_ids):
    """Shares lie between zero and one and leave something for the outside good in every market."""
    bad = shares <= 0
    if bad.any():
        raise InputError(f"Column `shares` is zero or negative for {bad.sum()} product(s), "
                         f"in market(s) {listing(market_ids[bad].unique())}. "
                         "The model gives every product a positive share: "
                         "drop products that nobody bought, or aggregate to longer periods.")
    inside = shares.groupby(market_ids, sort=False, observed=True).sum()
    full = inside[inside >= 1 - 1e-12]
    if len(full):
        raise InputError(f"Column `shares` sums to {full.max():.4g} in market(s) "
                         f"{listing(full.index)} ({len(full)} of {len(inside)} markets leave "
                         "nothing for the outside good, whose share is one minus the sum). "
                         f"{units_of(shares, full.max())}")


def units_of(shares, largest):
    """What shares that sum to as much as `largest` in a market seem to be, and the remedy."""
    divide = ("by the market size, which counts those who bought nothing too, instead of by total "
              "sales.")
    if largest <= 1.5:
        return f"Divide quantities {divide}"
    if largest > 101:                                           # percentages may be rounded
        return f"They look like quantities: divide them {divide}"
    whole = (shares.to_numpy(float) % 1 == 0).all()
    otherwise = f" If they are quantities, divide them {divide}" if whole else ""
    return f"They look like percentages: divide by 100.{otherwise}"


def check_agents(agents, product_markets, columns):
    """Every market has agents, and the columns they need are complete numbers."""
    if "market_ids" not in agents:
        raise InputError(f"agents has no column `market_ids`. {suggestion('market_ids', agents)}")
    check_market_ids(agents, "agents")
    missing = product_markets[~product_markets.isin(agents["market_ids"])]
    if len(missing):
        here, there = product_markets.dtype, agents["market_ids"].dtype
        kinds = "" if here == there else (f" Market ids are {here} in products "
                                          f"and {there} in agents: make them the same.")
        if len(missing) == len(product_markets) and len(agents):
            others = listing(map(repr, agents["market_ids"].unique()))
            kinds += f" agents has {others}; products has {listing(map(repr, missing))}."
        raise InputError(f"agents has no rows for {len(missing)} of the {len(product_markets)} "
                         f"markets in products, such as market(s) {listing(missing)}. "
                         f"Add consumer types there, or drop those markets from products.{kinds}")
    for name in columns:
        if name not in agents:
            raise InputError(f"agents has no column `{name}`. {suggestion(name, agents)}")
        check_complete(agents, name, agents["market_ids"], "agents")
        check_numeric(agents, name, "agents")


def check_weights(weights, agent_markets, shares, market_ids):
    """Integration weights are non-negative and sum to one, or to more than the inside shares.

    Importance-sampling weights needn't sum to one; weights that count people are refused.
    """
    if (weights < 0).any():
        raise InputError("Column `weights` of agents is negative in market(s) "
                         f"{listing(agent_markets[weights < 0].unique())}. A weight is the part of "
                         "the population that a consumer type stands for.")
    total = weights.groupby(agent_markets, observed=True).sum()
    check_no_counts(weights, total, weights.groupby(agent_markets, observed=True).size())
    inside = shares.groupby(market_ids, sort=False, observed=True).sum()
    total = total.reindex(inside.index)
    short = inside.index[total <= inside]
    if len(short):
        raise InputError(f"Column `weights` of agents sums to {total[short[0]]:.4g} "
                         f"in market {short[0]}, where the inside shares sum to "
                         f"{inside[short[0]]:.4g} ({len(short)} such market(s): {listing(short)}). "
                         "The model's shares can't sum to more than the weights do, "
                         "so no mean utilities exist. Weights usually sum to one.")
    odd = abs(total - 1) > 1e-6
    if odd.any():
        warnings.warn(f"Column `weights` of agents sums to between {total.min():.4g} "
                      f"and {total.max():.4g}, not to one, in {odd.sum()} of {len(total)} markets. "
                      "They are used as they are, as importance-sampling weights may be.",
                      stacklevel=6)                             # the line that calls Problem


def check_no_counts(weights, total, types):
    """Weights are not numbers of people: whole, such as one for each type, or one on average.

    Parameters
    ----------
    weights : Series (A,)
    total, types : Series (T,)
        Their sum and number, by market.
    """
    whole = (weights % 1 == 0).all() and (total > 1).any()
    averages_one = (abs(total - types) <= 1e-6 * types).all() and (types > 1).any()
    if whole or averages_one:
        what = "all 1" if (weights == 1).all() else "whole numbers" if whole else "1 on average"
        divisor = "the number of types" if averages_one else "their sum"
        raise InputError(f"Column `weights` of agents: they are {what} and sum to "
                         f"{total.max():.6g} in market {total.idxmax()}, as if they counted "
                         "people. They must be fractions of the market's population: divide them "
                         f"by {divisor} in the market, agents['weights'] /= "
                         "agents.groupby('market_ids')['weights'].transform('sum').")


def check_instruments(products, instruments, endogenous, which="instruments"):
    """Names of the instrument columns: those asked for, or all `demand_instruments*`.

    With `which="supply_instruments"` they are those of costs, by default all of that name.
    """
    example = "a list of columns of products, such as ['w0', 'w1']"
    found = column_names(instruments, which, example)
    prefix = "demand_instruments" if which == "instruments" else which
    if found is None:
        found = [name for name in products.columns if str(name).startswith(prefix)]
    for name in found:
        if name == "shares":
            raise InputError(f"{which}: `shares` can't be an instrument: "
                             "shares are the outcome that the model explains. Take it out.")
        if name == "prices" and which != "instruments":
            raise InputError(f"{which}: `prices` can't be an instrument: "
                             "prices are margin plus cost, and cost holds omega. Take it out.")
        if name not in products:
            raise InputError(f"{which}: products has no column `{name}`. "
                             f"{suggestion(name, products)}")
        check_complete(products, name, products["market_ids"])
        check_numeric(products, name, "products")
    if not found and endogenous and which == "instruments":
        raise InputError("There are no instruments: products has no column demand_instruments0, "
                         "demand_instruments1, ..., and none is named by instruments=[...]. "
                         f"{listing(endogenous)} moves with price, which is correlated with xi. "
                         "Add instruments, or, to treat price as exogenous on purpose, "
                         "instruments=['prices'].")
    return found


def column_names(names, argument, what):
    """A list of names of columns, each once; None where none are given.

    Parameters
    ----------
    names : str, list of names, or None
    argument : str
        Which argument of `Problem` they are.
    what : str
        What the argument must be, with an example.
    """
    if names is None:
        return None
    if isinstance(names, str):
        return [names]
    flat = isinstance(names, np.ndarray) and names.ndim == 1
    if not (flat or isinstance(names, (list, tuple, pd.Index))):
        hint = " Give names, not the columns themselves." if hasattr(names, "shape") else ""
        raise InputError(f"{argument}={shown(names)} must be {what}.{hint}")
    names = list(names)
    for k, name in enumerate(names):
        if isinstance(name, (bool, np.bool_)):
            raise InputError(f"{argument} is a mask of true and false. Give the names it picks: "
                             "products.columns[mask].")
        if isinstance(name, (list, dict, set, np.ndarray, pd.Series)):
            raise InputError(f"{argument}: {shown(name)} is no name of a column. {argument} must "
                             f"be {what}.")
        if name in names[:k]:
            raise InputError(f"{argument}: `{name}` is named twice.")
    return names


def check_new_columns(tables, products, replaced):
    """New instruments take no name of other columns of products; names in `replaced` are free."""
    for name in column_names(tables.columns, "with_instruments", "a table of instruments"):
        if name not in products or name in replaced:
            continue
        if not np.array_equal(tables[name].to_numpy(), products[name].to_numpy()):
            raise InputError(f"with_instruments: products has another column `{name}`, which the "
                             "instrument of that name would overwrite. Rename the instrument: "
                             f"table.rename(columns={{{name!r}: {f'{name} (instrument)'!r}}}).")


def absorbed_columns(names, products):
    """Names of the columns of fixed effects, complete and in the table."""
    what = "a column of products or a list of them, such as 'product_ids'"
    names = column_names(names, "absorb", what) or []
    for name in names:
        check_id_column(products, name, "absorb")
    return names


def check_id_column(products, name, argument):
    """A complete column of ids that an argument names."""
    if name not in products:
        raise InputError(f"{argument}: products has no column `{name}`. "
                         f"{suggestion(name, products)}")
    check_complete(products, name, products["market_ids"])
    check_ids(products[name], name, "products")


def check_clusters(clusters, products):
    """One column of products."""
    if not isinstance(clusters, str):
        name = getattr(clusters, "name", None)
        hint = f" Give its name, clusters={name!r}." if isinstance(name, str) else ""
        raise InputError(f"clusters={shown(clusters)} must be one column of products: the one with "
                         f"the cluster ids.{hint}")
    check_id_column(products, clusters, "clusters")


def check_enough_clusters(clusters, moments, center):
    """Efficient weights invert a covariance whose rank the clusters, less one if centred, bound.

    Parameters
    ----------
    clusters : int array (N,)
    moments : int
        Of all equations.
    center : bool
    """
    count = len(np.unique(clusters))
    if count - bool(center) < moments:
        raise InputError(f"weighting='clustered': {count} clusters don't suffice for the weights "
                         f"of {moments} moments, whose covariance they leave singular. Take "
                         "weighting='robust', one step, or fewer instruments; errors may be "
                         "clustered all the same.")


def check_not_absorbed(before, after, names, what):
    """No column is wiped out by the fixed effects."""
    size, left = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
    for k in np.flatnonzero(left <= 1e-7 * size):
        name = "the constant `1`" if names[k] == "1" else f"`{names[k]}`"
        remedy = (": start the formula with `0 +`." if names[k] == "1" else
                  "; the mean taste for it can be recovered by regressing the estimated fixed "
                  "effects on it." if what == "linear" else ".")
        raise InputError(f"{what}: {name} does not vary within the fixed effects, which absorb it. "
                         f"Take it out{remedy}")


def check_not_collinear(values, names, what):
    """Columns are linearly independent; the error names one and those it is a combination of."""
    size = np.linalg.norm(values, axis=0)
    if (size == 0).any():
        raise InputError(f"{what}: `{names[np.flatnonzero(size == 0)[0]]}` is zero in every row.")
    if values.shape[1] > values.shape[0]:
        raise InputError(f"{what}: there are {values.shape[1]} columns "
                         f"and only {values.shape[0]} observations.")
    scaled = values / size
    R = np.linalg.qr(scaled, mode="r")
    dependent = np.flatnonzero(abs(np.diag(R)) < 1e-9)
    if len(dependent):
        k = dependent[0]
        combination = np.linalg.lstsq(scaled[:, :k], scaled[:, k], rcond=None)[0]
        others = [f"`{names[m]}`" for m in np.flatnonzero(abs(combination) > 1e-6)]
        relation = (f"is the same as {others[0]} up to scale" if len(others) == 1 else
                    f"is a linear combination of {listing(others)}")
        raise InputError(f"{what}: `{names[k]}` {relation}. "
                         "Collinear columns add nothing and make matrices singular: take one out.")


def check_order_condition(instruments, linear, nonlinear):
    """At least as many moments as parameters, of both equations together."""
    M, K, H = len(instruments), len(linear), len(nonlinear)
    if M < K + H:
        raise InputError(f"There are {M} moment(s) for {K + H} parameters "
                         f"({K} linear, {H} nonlinear: {listing(linear + nonlinear, 20)}). "
                         f"Instruments are {listing(instruments, 20)}. "
                         "The nonlinear parameters need instruments too: "
                         f"add at least {K + H - M}, or fix parameters at zero.")


def check_repeated_constant(problem, X2, rows, columns, names):
    """No free taste repeats a mean taste.

    A taste variable that is the same for all types of a market, `v_t`, moves delta by `-x2_k v_t`
    and nothing else. Where that lies in the span of linear and the fixed effects, its coefficient
    and theirs are one parameter, as pi[prices, 1] and beta[prices] are. Lognormal coefficients are
    exempt: there a constant is the location.

    Parameters
    ----------
    problem : Problem
        Its X1 (after absorption), tastes, markets of products and agents, lognormal rows, `demean`.
    X2 : array (N, K2)
    rows, columns : int arrays (H,)
        The free elements of `Gamma = [sigma, pi]`.
    names : list of H strings
    """
    first = np.unique(problem.agent_markets, return_index=True)[1]           # (T,)
    v = problem.tastes[first]                                   # (T, L + D)
    same = abs(problem.tastes - v[problem.agent_markets]).max(0) <= 1e-12 * (1 + abs(v).max(0))
    basis, known = problem.X1, list(problem.X1_names)
    for k, column, name in zip(rows, columns, names):
        if same[column] and k not in problem.lognormal.rows:
            moved = X2[:, k] * v[problem.markets, column]       # (N,)
            check_new_direction(problem.demean(moved), basis, known, name, np.linalg.norm(moved))
            basis, known = np.column_stack([basis, problem.demean(moved)]), [*known, name]


def check_new_direction(moved, basis, known, name, size):
    """What a taste moves, net of fixed effects, is no linear combination of the basis (N, K)."""
    scaled = basis / np.linalg.norm(basis, axis=0)
    combination = np.linalg.lstsq(scaled, moved, rcond=None)[0]
    if np.linalg.norm(moved - scaled @ combination) > 1e-7 * size:
        return
    large = abs(combination) > 1e-6 * size
    involved = listing([f"`{other}`" for other, counts in zip(known, large) if counts])
    why = "which the fixed effects absorb" if size else "and is zero"
    why = f"which the coefficient of {involved} does too" if involved else why
    raise InputError(f"{name} is not identified: its taste variable is the same for all consumer "
                     f"types of a market, so it only shifts mean utilities, {why}. Start {name} at "
                     f"zero, which fixes it{f', or leave out {involved}' if involved else ''}.")


def parameter_matrix(values, rows, columns, name, lower=False):
    """sigma or pi as a float array of the right shape.

    Parameters
    ----------
    values : array, Series or DataFrame, or None for zeros
        Series and tables that have names are put into the order of rows and columns.
    rows, columns : lists of names
        Of the characteristics, and of the nodes or demographics.
    name : str
    lower : bool
        Whether to refuse elements above the diagonal of a square matrix.
    """
    shape = len(rows), len(columns)
    what = f"{listing(rows, 9)} by {listing(columns, 9) or 'nothing'}"
    if values is None:
        return np.zeros(shape)
    values = plain_numbers(in_order(values, rows, columns, name, lower), name, what)
    if lower and values.ndim == 1 and len(values) == shape[0] <= shape[1]:
        values = np.diag(values)                                # a vector means a diagonal
    square = lower and values.shape == (shape[0], shape[0])
    if square and np.isfinite(values).all() and np.triu(values, 1).any():
        raise InputError(f"{name} has elements above its diagonal. "
                         "Only the variance sigma sigma' matters, so it is taken lower-triangular.")
    if square and shape[0] < shape[1]:                          # some nodes are not needed
        values = np.pad(values, ((0, 0), (0, shape[1] - shape[0])))
    if values.shape != shape:
        enough = lower and shape[0] <= shape[1]
        vector = f", or a vector of {shape[0]} for a diagonal" if enough else ""
        raise InputError(f"{name} has shape {values.shape}; "
                         f"it must have shape {shape}, {what}{vector}.")
    if not np.isfinite(values).all():
        row = rows[np.argwhere(~np.isfinite(values))[0][0]]
        raise InputError(f"{name} has a starting value that is not finite, in the row of {row}.")
    return values


def starts(count):
    """How many more starting values."""
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 0:
        raise InputError(f"starts={count!r}: "
                         "how many more starting values is a whole number, not negative.")


def steps(count):
    """One- or two-step GMM."""
    if count not in (1, 2):
        raise InputError(f"steps must be 1 or 2, not {count!r}.")


def price_coefficients(free, X1_names, moves_with_price):
    """Where margins depend on searched price coefficients, these are not all zero at the start."""
    moves = free.Gamma[moves_with_price]
    if len(free.searched) and not free.beta[free.searched].any() and not moves.any():
        raise InputError(f"beta: the starting value of `{X1_names[free.searched[0]]}` is zero, "
                         "and no taste for price is random: nobody minds prices, "
                         "and firms have no optimal ones. "
                         "Start from a negative number, such as -2.0.")


def sigma_bounds(bounds, free, shape):
    """Bounds of theta2 as a dict of `lower` and `upper` (P,); starting values must respect them.

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
        raise InputError(f"sigma_bounds={bounds!r} must be (low, high), "
                         "with None where there is no bound, as in (0, None).") from error
    found = {}
    for name, bound, none in (("lower", low, -np.inf), ("upper", high, np.inf)):
        if np.ndim(bound) and np.shape(bound) != shape:
            raise InputError(f"sigma_bounds: a bound has shape {np.shape(bound)}; "
                             f"give a number, None, or an array of sigma's shape {shape}.")
        matrix = (np.broadcast_to(bound, shape) if np.ndim(bound) else
                  np.where(leading(free, shape), bound, np.nan))
        of_theta2 = np.full(len(free.start), none)
        H = free.columns < free.L
        of_theta2[:len(H)][H] = matrix[free.rows[H], free.columns[H]]
        found[name] = np.where(np.isnan(of_theta2), none, of_theta2)
    if (found["lower"] >= found["upper"]).any():
        raise InputError(f"sigma_bounds={bounds!r}: the lower bound must be below the upper one.")
    outside = np.flatnonzero((free.start < found["lower"]) | (free.start > found["upper"]))
    if len(outside):
        k = outside[0]
        raise InputError(f"sigma_bounds: the starting value {free.start[k]:.6g} of "
                         f"`{free.names[k]}` lies outside its bounds. Start within them.")
    return found


def leading(free, shape):
    """The first free element of each column of sigma, a bool array (K2, L).

    Where sigma is diagonal or triangular, that is its diagonal.
    """
    first, seen = np.zeros(shape, bool), set()
    for row, column in zip(free.rows, free.columns):
        if column < free.L and column not in seen:
            first[row, column] = True
            seen.add(column)
    return first


def in_order(values, rows, columns, name, lower):
    """A Series or table in the order of rows and columns, by its labels; others as they are."""
    if isinstance(values, (pd.Series, pd.DataFrame)):
        values = values.reindex(same_labels(values.index, rows, f"{name}: its rows"))
    if isinstance(values, pd.DataFrame):
        by_row = lower and set(values.columns) == set(rows)     # sigma by characteristics twice
        labels = same_labels(values.columns, rows if by_row else columns, f"{name}: its columns")
        values = values.reindex(columns=labels)
    return values


def same_labels(labels, names, what):
    """The names, if they are the labels in some order; the labels where they are 0, 1, 2, ..."""
    if list(labels) == list(range(len(labels))):
        return labels
    if sorted(labels, key=str) != sorted(names, key=str):
        raise InputError(f"{what} are {listing(labels, 12)}, and must be {listing(names, 12)}, in "
                         "any order; or give an array without names.")
    return names


def plain_numbers(values, name, what):
    """Real numbers as a float array."""
    if np.ma.is_masked(values):
        raise InputError(f"{name} has masked elements. Give numbers: zero is what is not searched.")
    try:
        wrong = {"b": "true and false don't say where to start; zero is what is not searched",
                 "c": "they are complex"}
        if np.asarray(values).dtype.kind in wrong:
            raise TypeError(wrong[np.asarray(values).dtype.kind])
        return np.array(values, float)
    except (TypeError, ValueError) as error:
        reason = "its rows differ in length" if "inhomogeneous" in str(error) else error
        raise InputError(f"{name} must be a matrix of numbers ({what}): {reason}.") from error


# Supply -------------------------------------------------------------------------------------------

def check_no_supply(log_costs, cost_bounds, supply_instruments):
    """Arguments of a supply side without one."""
    arguments = {"log_costs": log_costs, "cost_bounds": cost_bounds,
                 "supply_instruments": supply_instruments}
    given = [name for name, value in arguments.items() if value is not None and value is not False]
    if given:
        raise InputError(f"{given[0]} is given without supply=...: "
                         "the formula of the characteristics of marginal costs.")


def check_firms(products, market_ids):
    """Every product has an owner."""
    if "firm_ids" not in products:
        raise InputError("supply: products has no column `firm_ids`, "
                         f"which says who sets which price. {suggestion('firm_ids', products)}")
    check_complete(products, "firm_ids", market_ids)


def check_supply(X3, formula, prices_matter):
    """Costs depend on no price, and firms have something to gain from a price."""
    if not X3.names:
        raise InputError(f"supply={formula!r} has no columns. Give at least a constant: '1'.")
    if X3.endogenous.any():
        raise InputError(f"supply={formula!r} uses `prices`. "
                         "Costs explain prices, not the other way round: take prices out.")
    if not prices_matter:
        raise InputError("supply: utility does not depend on `prices`, "
                         "so firms have no optimal price; put prices into linear or random.")


def cost_bounds(bounds, log_costs):
    """(low, high) with None where there is none."""
    if bounds is None:
        return None, None
    try:
        low, high = bounds
        numbers = [float(value) for value in (low, high) if value is not None]
    except (TypeError, ValueError) as error:
        raise InputError(f"cost_bounds={bounds!r} must be (low, high), "
                         "with None where there is no bound, as in (0.001, None).") from error
    if np.isnan(numbers).any():
        raise InputError(f"cost_bounds={bounds!r} has a bound that is not a number. "
                         "Use None where there is no bound.")
    if len(numbers) == 2 and not numbers[0] < numbers[1]:
        raise InputError(f"cost_bounds={bounds!r}: the lower bound must be below the upper one.")
    if log_costs and not all(value > 0 for value in numbers):
        raise InputError(f"cost_bounds={bounds!r}: with log_costs bounds must be positive, "
                         "the lower one such as 0.001, for zero has no logarithm.")
    return tuple(None if value is None else float(value) for value in (low, high))


def searched_beta(beta, names, searched, supply):
    """Starting values (Q,) of linear parameters that must be searched, from a dict by column."""
    needed = [names[k] for k in searched]
    if not supply and beta is not None:
        raise InputError("beta gives starting values of linear parameters that are searched, "
                         "and without supply=... none is: they have a formula.")
    if not (beta is None or isinstance(beta, dict)):
        raise InputError(f"beta={beta!r} must be a dict of starting values by column of linear, "
                         "as in {'prices': -2.0}.")
    beta = dict(beta or {})
    unknown = [name for name in beta if name not in needed]
    if unknown:
        others = (f"Those searched, because margins depend on them, are {listing(needed)}."
                  if needed else "No column of linear has prices in it, so none is.")
        raise InputError(f"beta: `{unknown[0]}` is not searched. {others}")
    missing = [name for name in needed if name not in beta]
    if missing:
        raise InputError(f"With a supply side the coefficient of `{missing[0]}` must be searched, "
                         "since margins depend on it: give a starting value, "
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
        raise InputError("log_costs: shares can't be inverted at the given parameters, "
                         "so that there are no costs to take logarithms of. "
                         "Take sigma and pi nearer to zero.")
    bad = ~(solved.costs > 0)
    if bad.any():
        raise InputError("log_costs: at the given parameters margins exceed prices, "
                         "so that marginal costs are not positive, "
                         f"for {bad.sum()} of {len(bad)} products, "
                         f"in market(s) {listing(market_ids[bad].unique())}. "
                         "Demand is too inelastic there: take a price coefficient further from "
                         "zero, or set a bound, cost_bounds=(0.001, None), and the estimates will "
                         "say how many costs are at it.")


def holdings(values, products):
    """A weight between 0 and 1, or a dict of them for pairs of firms that exist."""
    pairs = values if isinstance(values, dict) else {None: values}
    for pair, weight in pairs.items():
        number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
        if not number or not 0 <= weight <= 1:
            raise InputError(f"holdings={values!r}: weights on other firms' profits are numbers "
                             "from 0 (competition) to 1 (joint monopoly).")
        if pair is None:
            continue
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise InputError(f"holdings={values!r}: "
                             "keys are pairs (firm, other firm), as in {(1, 2): 0.3}.")
        if "firm_ids" not in products:
            raise InputError(f"holdings={values!r} needs owners: products has no column "
                             f"`firm_ids`. {suggestion('firm_ids', products)}")
        firms = set(products["firm_ids"])
        unknown = [firm for firm in pair if firm not in firms]
        if unknown:
            raise InputError(f"holdings={values!r}: there is no firm {unknown[0]!r}. "
                             f"Firms are {listing(sorted(firms, key=str), 12)}.")
        if pair[0] == pair[1]:
            raise InputError(f"holdings={values!r}: "
                             f"{pair!r} is one firm, whose own profit has weight 1.")
    return values


def lognormal(coefficients, names):
    """Rows of Gamma (Q,) that are lognormal, and their signs (Q,)."""
    signs = {"lognormal": 1.0, "-lognormal": -1.0}
    if coefficients is not None and not isinstance(coefficients, dict):
        raise InputError(f"coefficients={coefficients!r} must be a dict by column of random, "
                         "as in {'prices': '-lognormal'}.")
    for name, kind in (coefficients or {}).items():
        if name not in names:
            raise InputError(f"coefficients: `{name}` is not a column of random. "
                             f"Those are {listing(names, 12) or 'none'}.")
        if not isinstance(kind, str) or kind not in signs:
            raise InputError(f"coefficients={{{name!r}: {kind!r}}}: choose 'lognormal' "
                             "(never negative) or '-lognormal' (never positive).")
    chosen = coefficients or {}
    rows = [k for k, name in enumerate(names) if name in chosen]
    return np.array(rows, int), np.array([signs[chosen[names[k]]] for k in rows])
