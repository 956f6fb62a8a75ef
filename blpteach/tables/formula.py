"""Formulas to arrays: `"1 + prices + sugar"` and a table become a matrix with named columns."""
import re
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ..errors import InputError, listing


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
        For a name that the table lacks, a missing or infinite value, shares used as a regressor, text that is no formula.
    """
    if formula is None:
        none = np.empty((len(table), 0))
        return Design(none, [], np.empty(0, bool), none, np.empty(0, bool))
    check_variables(formula, table, argument, where)
    matrix = model_matrix(formula, table, argument)
    values, spec = as_array(matrix), matrix.model_spec
    names = ["1" if name == "Intercept" else name for name in spec.column_names]
    check_finite(values, names, argument, where)
    endogenous = np.zeros(len(names), bool)
    for term, columns in spec.term_indices.items():
        endogenous[columns] = "prices" in spec.term_variables[term]
    slope, curved = price_derivative(spec, table, values) if endogenous.any() else (np.zeros_like(values), np.zeros(len(names), bool))
    return Design(values, names, endogenous, slope, curved)


def price_derivative(spec, table, values, near=6e-6):
    """Derivative (N, K) of each column in prices, and which columns (K,) are curved.

    From half to one and a half times the price the slope of a linear column has no error but rounding; a curved column gets a
    central difference. What a transformation has learnt from the data, such as the mean in `center(prices)`, stays.
    """
    prices = table["prices"].to_numpy(float)
    unit = np.where(prices == 0, 1, prices)[:, None]            # (N, 1)

    def at(step):
        moved_table = table.assign(prices=prices + step * unit[:, 0])
        return as_array(spec.get_model_matrix(moved_table, context={"np": np}, na_action="ignore"))
    moved = np.arange(len(prices)) % 2 == 0
    if (abs(at(0.25 * moved) - values)[~moved] > 1e-12 * (1 + abs(values[~moved]))).any():
        raise InputError("A formula has a column that depends on the prices of other products, such as a mean or a lag of `prices`, so elasticities "
                         "can't be computed from it. For a centred price use center(prices).")
    below, above = at(-0.5), at(0.5)
    slope = (above - below) / unit
    curved = ~(abs(below + above - 2 * values) <= 1e-9 * (abs(below) + abs(above))).all(0)
    if curved.any():
        slope[:, curved] = ((at(near) - at(-near)) / (2 * near * unit))[:, curved]
    return slope, curved


def model_matrix(formula, table, argument):
    """formulaic's model matrix; the package's own words for a formula that can't be read."""
    from formulaic import Formula                               # only here: most of an import of blpteach needs no formulas
    try:
        matrix = Formula(formula).get_model_matrix(table, context={"np": np}, na_action="ignore")
    except Exception as error:
        raise InputError(f"{argument}={formula!r} can't be evaluated: {plain(error)}") from error
    if not hasattr(matrix, "columns"):
        raise InputError(f"{argument}={formula!r} has several parts; give one formula, without ~ and |.")
    return matrix


def as_array(matrix):
    """Values (N, K) of a model matrix."""
    return np.asarray(matrix, float).reshape(len(matrix), -1)


def plain(error):
    """An error's text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error))


def check_variables(formula, table, argument, where):
    """Every variable of the formula is a complete column of the table, and none is `shares`."""
    from formulaic import Formula
    try:
        parsed = Formula(formula)
        variables = parsed.required_variables
    except Exception as error:
        raise InputError(f"{argument}={formula!r} is not a formula: {plain(error)}") from error
    if hasattr(parsed, "lhs"):
        raise InputError(f"{argument}={formula!r} has a left-hand side; the left-hand side is always delta. Give what stands right of ~.")
    which = "agents" if argument == "demographics" else "products"
    for name in sorted(variables):
        if name not in table:
            raise InputError(f"{argument}={formula!r} uses `{name}`, which is not a column of {which}. {suggestion(name, table)}")
        if name == "shares":
            raise InputError(f"{argument}={formula!r} uses `shares` as a regressor. Shares are the outcome that the model explains: "
                             "take them out of the formula.")
        check_complete(table, name, where, which)


def suggestion(name, table):
    """A remedy for a name that is not there."""
    columns = [str(column) for column in table.columns]
    close = get_close_matches(name, columns, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"There are: {listing(columns, 12)}."


def check_complete(table, name, where, which="products"):
    """One column of that name, and no missing value in it."""
    if table[name].ndim > 1:
        raise InputError(f"{which} has the column `{name}` twice. Drop or rename one.")
    missing = table[name].isna().to_numpy()
    if missing.any():
        remedy = ("Fill them in, or drop those rows before shares are computed (dropping a product later changes the market)." if which == "products"
                  else "Fill them in, or drop those consumer types and let the weights of the others sum to one again.")
        raise InputError(f"Column `{name}` of {which} has {missing.sum()} missing value(s), in market(s) {listing(where[missing].unique())}. {remedy}")


def check_finite(values, names, argument, where):
    """No NaN and no infinity in what a formula made, as `log(0)` would."""
    bad = ~np.isfinite(values)
    if bad.any():
        column = names[np.flatnonzero(bad.any(0))[0]]
        raise InputError(f"{argument}: the column `{column}` is not finite in {bad.any(1).sum()} row(s), in market(s) {listing(where[bad.any(1)].unique())}. "
                         "A logarithm or a quotient of zero is the usual reason.")
