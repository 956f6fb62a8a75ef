"""Instruments made from the characteristics of other products: who else is there, how close.

Rivals' characteristics move markups and have nothing to do with a product's own unobserved
quality, if firms chose them before.
"""
from itertools import combinations_with_replacement, product

import numpy as np
import pandas as pd

from .errors import InputError, listing
from .tables.columns import check_ids, conversion, kind
from .tables.formula import check_complete, design, suggestion
from .tables.blocks import rows_by_market
from .tables.validation import check_numeric

VERSIONS = ("local", "quadratic")


def blp_instruments(products, formula):
    """Sums of characteristics over the firm's other products and over rivals' products (7.1).

    Parameters
    ----------
    products : DataFrame
        With `market_ids`, `firm_ids` and what the formula names.
    formula : str
        Exogenous characteristics; with a constant the products themselves are counted.

    Returns
    -------
    DataFrame (N, 2 K)
        Columns `own(x)` for each characteristic, then `rivals(x)`; to be joined to `products`
        and named in `instruments=[...]`.

    Raises
    ------
    InputError
        For missing columns or values, or a formula with prices or shares.

    Source
    ------
    Berry, Levinsohn and Pakes (1995), section 5.1.

    Examples
    --------
    >>> table = pd.DataFrame({"market_ids": 0, "firm_ids": [1, 1, 2], "x": [1.0, 2.0, 4.0]})
    >>> blp_instruments(table, "0 + x")
       own(x)  rivals(x)
    0     2.0        4.0
    1     1.0        4.0
    2     0.0        3.0
    """
    X, names, markets, firms = characteristics(products, formula)
    own, rivals = np.empty_like(X), np.empty_like(X)
    for rows in rows_by_market(markets):
        x, same = X[rows], firms[rows, None] == firms[rows]     # (J, K), (J, J)
        own[rows] = same @ x - x
        rivals[rows] = ~same @ x
    return table(products, [own, rivals], names)


def differentiation_instruments(products, formula, version="local", interact=False):
    """How crowded the neighbourhood of a product is (7.2).

    Sums over others of functions of the distances `d_jlk = x_jk - x_lk`:

    - `"local"`: how many others lie within a standard deviation, `sum_l 1{|d_jlk| < sd_k}`;
      interacted, `sum_l 1{|d_jlk| < sd_k} d_jlm` for all pairs (k, m). The standard deviation
      is that of the distances of all ordered pairs of products of the same market, over all
      markets together.
    - `"quadratic"`: `sum_l d_jlk^2`; interacted, `sum_l d_jlk d_jlm` for all k <= m.

    Sums run over the firm's other products and over rivals' products separately.

    Parameters
    ----------
    products : DataFrame
        With `market_ids`, `firm_ids` and what the formula names.
    formula : str
        Exogenous characteristics, without a constant (`0 + ...`); expected prices may be one
        of them.
    version : {"local", "quadratic"}
    interact : bool

    Returns
    -------
    DataFrame (N, 2 terms)
        Columns `own(...)`, then `rivals(...)`.

    Raises
    ------
    InputError
        For missing columns or values, a constant, a formula with prices or shares,
        or an unknown version.

    Source
    ------
    Gandhi and Houde (2019); signs and the order of columns follow PyBLP.

    Examples
    --------
    >>> table = pd.DataFrame({"market_ids": 0, "firm_ids": [1, 1, 2], "x": [1.0, 2.0, 4.0]})
    >>> differentiation_instruments(table, "0 + x", version="quadratic")
       own(x * x)  rivals(x * x)
    0         1.0            9.0
    1         1.0            4.0
    2         0.0           13.0
    """
    if version not in VERSIONS:
        raise InputError(f"version={version!r}: choose 'local' or 'quadratic'.")
    X, names, markets, firms = characteristics(products, formula)
    if "1" in names:
        raise InputError(f"formula={formula!r} has a constant, in which no two products differ. "
                         "Start it with `0 +`.")
    spread, terms = pairwise_spread(X, markets), terms_of(len(names), version, interact)
    own, rivals = np.empty((2, len(X), len(terms)))
    for rows in rows_by_market(markets):
        d = X[rows, None] - X[rows]                             # (J, J, K)  [j, l] = x_j - x_l
        close = (abs(d) < spread) & ~np.eye(len(rows), dtype=bool)[..., None]
        values = [term_values(term, d, close, version) for term in terms]
        same = firms[rows, None] == firms[rows]
        own[rows] = np.column_stack([(same * value).sum(1) for value in values])
        rivals[rows] = np.column_stack([(~same * value).sum(1) for value in values])
    return table(products, [own, rivals], [term_name(term, names, version) for term in terms])


def other_market_prices(products, across, within):
    """Average price of the same product in other markets (7.3), as Hausman proposed and Nevo used.

    It shifts with costs that markets share. It is valid if demand shocks are not shared:
    no national advertising.

    Parameters
    ----------
    products : DataFrame
        With `prices` and the two columns.
    across : str
        Column whose other values are averaged over, such as the city.
    within : str or list of str
        Columns that must be the same, such as the product and the quarter.

    Returns
    -------
    Series (N,)
        Named `other_market_prices`.

    Raises
    ------
    InputError
        Where a product stands in no other market.

    Source
    ------
    Hausman (1996); Nevo (2001).

    Examples
    --------
    >>> table = pd.DataFrame({"city": [1, 2, 3], "product": "a", "prices": [1.0, 2.0, 6.0]})
    >>> other_market_prices(table, "city", "product").tolist()
    [4.0, 3.5, 1.5]
    """
    within = [within] if isinstance(within, str) else list(within)
    for name in ["prices", across, *within]:
        check_column(products, name)
    check_numeric(products, "prices", "products")
    products = products.rename_axis([None] * products.index.nlevels)   # it may be named as a column
    here = products.groupby([*within, across], observed=True)["prices"].transform("sum")
    here_count = products.groupby([*within, across], observed=True)["prices"].transform("count")
    group = products.groupby(within, observed=True)["prices"]
    others, other_count = group.transform("sum") - here, group.transform("count") - here_count
    alone = other_count == 0
    if alone.any():
        where = listing(products.loc[alone, within[0]].unique(), 5)
        raise InputError(f"other_market_prices: {where} ({alone.sum()} row(s)) has no price "
                         f"at another value of `{across}` within the same {listing(within)}. "
                         "Drop such rows, or group by less.")
    return (others / other_count).rename("other_market_prices")


# Parts -------------------------------------------------------------------------------------------

def characteristics(products, formula):
    """Values (N, K), names, and codes of markets and firms; refuses what can't be an instrument."""
    for name in ("market_ids", "firm_ids"):
        check_column(products, name)
    X = design(formula, products, "formula", products["market_ids"])
    if X.endogenous.any():
        raise InputError(f"formula={formula!r} uses `prices`. Prices respond to xi, "
                         "so sums of them are no instruments: use expected prices, "
                         "such as the fitted values of a first stage, in a column of their own.")
    markets, firms = (pd.factorize(products[name])[0] for name in ("market_ids", "firm_ids"))
    return X.values, X.names, markets, firms


def check_column(products, name):
    """The column is there and complete."""
    if not isinstance(products, pd.DataFrame) or name not in products:
        is_table, how = isinstance(products, pd.DataFrame), conversion(products, "products")
        other = f"It must be a pandas DataFrame, not {kind(products)}.{how}"
        remedy = suggestion(name, products) if is_table else other
        raise InputError(f"products has no column `{name}`. {remedy}")
    where = products["market_ids"] if "market_ids" in products else products[name]
    check_complete(products, name, where)
    check_ids(products[name], name, "products")


def pairwise_spread(X, markets):
    """Standard deviation (K,) of the distances of all ordered pairs of products of one market."""
    squares, pairs = np.zeros(X.shape[1]), 0                    # their mean is zero by symmetry
    for rows in rows_by_market(markets):
        J = len(rows)
        deviations = X[rows] - X[rows].mean(0)
        squares += 2 * J * (deviations**2).sum(0)               # sum over j, l of (x_j - x_l)^2
        pairs += J * (J - 1)
    return np.sqrt(squares / max(pairs, 1))


def terms_of(K, version, interact):
    """Pairs (k, m) of characteristics, one for each instrument; (k, None) without a second."""
    if not interact:
        return [(k, k if version == "quadratic" else None) for k in range(K)]
    if version == "quadratic":
        return list(combinations_with_replacement(range(K), 2))
    return list(product(range(K), repeat=2))


def term_values(term, d, close, version):
    """What is summed over l for one term (J, J)."""
    k, m = term
    if version == "quadratic":
        return d[..., k] * d[..., m]
    return close[..., k] * (1.0 if m is None else d[..., m])


def term_name(term, names, version):
    """`x * z`, `near in x`, or `z near in x`."""
    k, m = term
    if version == "quadratic":
        return f"{names[k]} * {names[m]}"
    return f"near in {names[k]}" if m is None else f"{names[m]} near in {names[k]}"


def table(products, values, names):
    """Own and rival columns as a DataFrame with the index of products."""
    columns = [f"{who}({name})" for who in ("own", "rivals") for name in names]
    return pd.DataFrame(np.hstack(values), products.index, columns)
