"""Formulas to arrays: `"1 + prices + sugar"` and a table become a matrix with named columns."""
import ast
import re
from dataclasses import dataclass
from functools import cached_property
from difflib import get_close_matches

import numpy as np
import pandas as pd

from ..errors import InputError, listing
from .columns import plain, reads_as_numbers, shown


@dataclass(frozen=True)
class Design:
    """A matrix made from a formula.

    Attributes
    ----------
    values : array (N, K)
    names : list of K strings
        The constant is called `1`.
    endogenous : bool array (K,)
        Columns whose term has `prices` in it.
    price_slope : array (N, K)
        Derivative of each column in `prices`, row by row.
    price_curved : bool array (K,)
        Columns that are not linear in `prices`, such as `log(prices)`.
    """
    values: np.ndarray
    names: list
    endogenous: np.ndarray
    price_slope: np.ndarray
    price_curved: np.ndarray

    @cached_property
    def moves_with_price(self):
        """Which columns (K,) depend on `prices`."""
        return self.price_slope.any(0)

    @cached_property
    def units(self):
        """By how much each column's coefficient (K,) must change to move utilities by about one."""
        size = np.linalg.norm(self.values, axis=0) / np.sqrt(len(self.values))
        return 1 / np.where(size > 0, size, 1)


def design(formula, table, argument, where):
    """Evaluate a formula on a table.

    Parameters
    ----------
    formula : str or None
        As in formulaic, without a left-hand side; None gives a matrix without columns.
    table : DataFrame
    argument : str
        Which argument of `Problem` this is, for error messages.
    where : Series
        Market of each row, for error messages.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        For a name that the table lacks, a missing or infinite value, shares used as a regressor,
        numbers that are text, dates, text that is no formula.
    """
    if formula is None:
        none = np.empty((len(table), 0))
        return Design(none, [], np.empty(0, bool), none, np.empty(0, bool))
    check_text(formula, argument)
    table = plain(table)
    names = plain_sum(formula, table)
    if names is None:
        return evaluated(formula, table, argument, where)
    return added(names, formula, table, argument, where)


def plain_sum(formula, table):
    """The names in a formula that only adds up numbers, as `0 + prices + sugar` does; else None."""
    names = [term.strip() for term in formula.split("+")]
    constant = [] if names[0] == "0" else ["1"]
    names = names[1:] if names[0] in ("0", "1") else names
    simple = all(name.isidentifier() and name in table and is_number(table[name]) for name in names)
    return constant + names if simple and len(set(names)) == len(names) else None


def is_number(column):
    """Whether a column holds real numbers; true and false count as one and zero."""
    numeric = column.ndim == 1 and pd.api.types.is_numeric_dtype(column)
    return numeric and not pd.api.types.is_complex_dtype(column)


def added(names, formula, table, argument, where):
    """A sum of columns as they stand."""
    values = np.ones((len(table), len(names)))
    for k, name in enumerate(names):
        if name != "1":
            check_variable(name, formula, table, argument, where)
            values[:, k] = table[name].to_numpy(float)
    check_finite(values, names, argument, where)
    prices = np.array([name == "prices" for name in names], bool)            # (K,)
    slope = np.broadcast_to(prices.astype(float), values.shape).copy()       # (N, K)
    return Design(values, names, prices, slope, np.zeros(len(names), bool))


def evaluated(formula, table, argument, where):
    """Any formula, read by formulaic."""
    check_variables(formula, table, argument, where)
    matrix = model_matrix(formula, table, argument)
    values, spec = as_array(matrix), matrix.model_spec
    names = ["1" if name == "Intercept" else name for name in spec.column_names]
    check_finite(values, names, argument, where)
    endogenous = np.zeros(len(names), bool)
    for term, columns in spec.term_indices.items():
        endogenous[columns] = "prices" in spec.term_variables[term]
    slope, curved = np.zeros_like(values), np.zeros(len(names), bool)
    if endogenous.any():
        slope, curved = price_derivative(spec, table, values)
    return Design(values, names, endogenous, slope, curved)


def price_derivative(spec, table, values, near=6e-6):
    """Derivative (N, K) of each column in prices, and which columns (K,) are curved.

    From half to one and a half times the price the slope of a linear column has no error but
    rounding; a curved column gets a central difference. What a transformation has learnt from the
    data, such as the mean in `center(prices)`, stays.
    """
    prices = table["prices"].to_numpy(float)
    unit = np.where(prices == 0, 1, prices)[:, None]            # (N, 1)

    def at(step):
        moved_table = table.assign(prices=prices + step * unit[:, 0])
        return as_array(spec.get_model_matrix(moved_table, context={"np": np}, na_action="ignore"))
    moved = np.arange(len(prices)) % 2 == 0
    if (abs(at(0.25 * moved) - values)[~moved] > 1e-12 * (1 + abs(values[~moved]))).any():
        raise InputError("A formula has a column that depends on the prices of other products, "
                         "such as a mean or a lag of `prices`, so elasticities can't be computed "
                         "from it. For a centred price use center(prices).")
    below, above = at(-0.5), at(0.5)
    slope = (above - below) / unit
    curved = ~(abs(below + above - 2 * values) <= 1e-9 * (abs(below) + abs(above))).all(0)
    if curved.any():
        slope[:, curved] = ((at(near) - at(-near)) / (2 * near * unit))[:, curved]
    return slope, curved


def model_matrix(formula, table, argument):
    """formulaic's model matrix; the package's own words for a formula that can't be read."""
    from formulaic import Formula                               # only here: a sum needs no parser
    try:
        matrix = Formula(formula).get_model_matrix(table, context={"np": np}, na_action="ignore")
    except Exception as error:
        used = [name for name in table if mentions(formula, name) and table[name].ndim == 1]
        texts = [name for name in used if reads_as_numbers(table[name])]
        hint = f" `{texts[0]}` holds numbers as text: take pd.to_numeric of it." if texts else ""
        raise InputError(f"{argument}={formula!r} can't be evaluated: "
                         f"{plain_text(error)}{hint}") from error
    if not hasattr(matrix, "columns"):
        raise InputError(f"{argument}={formula!r} has several parts; "
                         "give one formula, without ~ and |.")
    return matrix


def mentions(formula, name):
    """Whether a formula has the name in it, as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", formula) is not None


def as_array(matrix):
    """Values (N, K) of a model matrix."""
    return np.asarray(matrix, float).reshape(len(matrix), -1)


def plain_text(error):
    """An error's text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error))


# What formulas may say ----------------------------------------------------------------------------

def check_text(formula, argument):
    """A formula is one piece of text."""
    if isinstance(formula, (list, tuple)) and all(isinstance(term, str) for term in formula):
        terms = formula if formula and formula[0] in ("0", "1") else ["0", *formula]
        raise InputError(f"{argument}={formula!r} must be a formula, in one piece of text: "
                         f"{argument}={' + '.join(terms)!r}, with 1 for a constant and 0 for none.")
    if not isinstance(formula, str):
        raise InputError(f"{argument} must be a formula of names of columns, such as '1 + prices + "
                         f"sugar', not {shown(formula)}.")
    if not formula.strip():
        raise InputError(f"{argument}={formula!r} is empty. Leave {argument} out, or write '1' for "
                         "a constant.")


def check_variables(formula, table, argument, where):
    """Every variable of the formula may stand in it, and none alone is text that holds numbers."""
    from formulaic import Formula
    try:
        parsed = Formula(formula)
        terms = [] if hasattr(parsed, "lhs") else parsed
        factors = [factor.expr for term in terms for factor in term.factors]
        inside = set().union(*map(names_in, factors)) & set(table)
        variables = inside | set(parsed.required_variables)
    except Exception as error:
        raise InputError(f"{argument}={formula!r} is not a formula: {plain_text(error)}") from error
    if hasattr(parsed, "lhs"):
        raise InputError(f"{argument}={formula!r} has a left-hand side; "
                         "the left-hand side is always delta. Give what stands right of ~.")
    for name in sorted(variables):
        check_variable(name, formula, table, argument, where)
    for name in [factor for factor in factors if factor in variables]:
        check_kind(name, formula, table, argument)


def names_in(expression):
    """Names in a Python expression; formulaic overlooks those in `poly(x, 2)`."""
    try:
        return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    except SyntaxError:                                         # a name in backquotes
        return set()


def check_variable(name, formula, table, argument, where):
    """A complete column of the table, and not `shares`."""
    which = "agents" if argument == "demographics" else "products"
    if name not in table:
        raise InputError(f"{argument}={formula!r} uses `{name}`, which is not a column of {which}. "
                         f"{suggestion(name, table)}")
    if name == "shares":
        raise InputError(f"{argument}={formula!r} uses `shares` as a regressor. Shares are the "
                         "outcome that the model explains: take them out of the formula.")
    check_complete(table, name, where, which)


def check_kind(name, formula, table, argument):
    """A column that stands alone in a formula is numeric, or its values are categories."""
    which, column = "agents" if argument == "demographics" else "products", table[name]
    if column.dtype.kind in "mM":
        raise InputError(f"{argument}={formula!r} uses `{name}`, which is a date or a time. Make a "
                         f"number of it, such as {which}[{name!r}].dt.year, or write C({name}) if "
                         "its values are categories.")
    if reads_as_numbers(column):
        values = column.dropna()
        odd = values[pd.to_numeric(values.map(str), errors="coerce").isna()]
        first = f", and take out signs and words, as in {odd.iloc[0]!r}, first" if len(odd) else ""
        raise InputError(f"{argument}={formula!r} uses `{name}`, which holds numbers as text "
                         f"({column.dtype}, such as {values.iloc[0]!r}) and would become "
                         f"{values.nunique()} dummies, one for each value. Convert it: "
                         f"{which}[{name!r}] = pd.to_numeric({which}[{name!r}]){first}; or write "
                         f"C({name}) if its values are categories.")


def suggestion(name, table):
    """A remedy for a name that is not there."""
    if name in table.index.names:
        return "It is in the index: put it among the columns with .reset_index()."
    columns = [str(column) for column in table.columns]
    close = get_close_matches(str(name), columns, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"There are: {listing(columns, 12)}."


def check_complete(table, name, where, which="products"):
    """One column of that name, and no missing value in it."""
    if table[name].ndim > 1:
        raise InputError(f"{which} has the column `{name}` twice. Drop or rename one.")
    missing = table[name].isna().to_numpy()
    if missing.any():
        remedy = ("Fill them in, or drop those rows before shares are computed "
                  "(dropping a product later changes the market)." if which == "products" else
                  "Fill them in, or drop those consumer types and let the weights of the others "
                  "sum to one again.")
        raise InputError(f"Column `{name}` of {which} has {missing.sum()} missing value(s), "
                         f"in market(s) {listing(where[missing].unique())}. {remedy}")


def check_finite(values, names, argument, where):
    """No NaN and no infinity in what a formula made, as `log(0)` would."""
    bad = ~np.isfinite(values)
    if bad.any():
        column, rows = names[np.flatnonzero(bad.any(0))[0]], bad.any(1)
        raise InputError(f"{argument}: the column `{column}` is not finite in {rows.sum()} row(s), "
                         f"in market(s) {listing(where[rows].unique())}. "
                         "A logarithm or a quotient of zero is the usual reason.")
