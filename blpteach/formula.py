"""Formulas to arrays: `"1 + prices + sugar"` and a table become a matrix with named columns."""
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from .errors import InputError, listing

STEP = 1e-30                                                    # of the complex-step derivative: no rounding error at any size


@dataclass(frozen=True)
class Design:
    """A matrix made from a formula.

    Attributes
    ----------
    values : array (N, K)
    names : list of K strings
        The constant is called `1`.
    price_slope : array (N, K)
        Derivative of each column in `prices`, row by row.
    price_curved : bool array (K,)
        Columns that are not linear in `prices`, such as `log(prices)`.
    """
    values: np.ndarray
    names: list
    price_slope: np.ndarray
    price_curved: np.ndarray

    @property
    def endogenous(self):
        """Columns (K,) that move with price."""
        return (self.price_slope != 0).any(0)


def design(formula, table, argument, where=None):
    """Evaluate a formula on a table.

    Parameters
    ----------
    formula : str or None
        As in formulaic, without a left-hand side; None gives a matrix without columns.
    table : DataFrame
    argument : str
        Which argument of `Problem` this is, for error messages.
    where : Series, optional
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
        return Design(none, [], none, np.empty(0, bool))
    check_variables(formula, table, argument, where)
    if "prices" not in table:
        values, names = model_matrix(formula, table, argument)
        check_finite(values, names, argument, where)
        return Design(values, names, np.zeros_like(values), np.zeros(len(names), bool))
    values, names = model_matrix(formula, table.assign(prices=table["prices"] + STEP * 1j), argument)
    slope = values.imag / STEP
    elsewhere, _ = model_matrix(formula, table.assign(prices=1.5 * table["prices"] + STEP * 1j), argument)
    curved = (abs(elsewhere.imag / STEP - slope) > 1e-9 * (1 + abs(slope))).any(0)
    check_finite(values.real, names, argument, where)
    return Design(values.real.copy(), names, slope, curved)


def model_matrix(formula, table, argument):
    """Values and column names; the package's own words for a formula that can't be read."""
    from formulaic import Formula
    try:
        matrix = Formula(formula).get_model_matrix(table, context={"np": np}, na_action="ignore")
    except Exception as error:
        raise InputError(f"{argument}={formula!r} can't be evaluated: {error}") from error
    names = ["1" if name == "Intercept" else name for name in matrix.columns]
    return np.column_stack([np.asarray(matrix[column]) for column in matrix.columns]) if names else np.empty((len(table), 0)), names


def check_variables(formula, table, argument, where):
    """Every variable of the formula is a complete column of the table, and none is `shares`."""
    from formulaic import Formula
    try:
        parsed = Formula(formula)
        variables = parsed.required_variables
    except Exception as error:
        raise InputError(f"{argument}={formula!r} is not a formula: {error}") from error
    if hasattr(parsed, "lhs"):
        raise InputError(f"{argument}={formula!r} has a left-hand side; the left-hand side is always delta. Give what stands right of ~.")
    for name in sorted(variables):
        if name not in table:
            raise InputError(f"{argument}={formula!r} uses `{name}`, which is not a column of the table. {suggestion(name, table)}")
        if name == "shares":
            raise InputError(f"{argument}={formula!r} uses `shares` as a regressor. Shares are the outcome that the model explains: "
                             "take them out of the formula.")
        check_complete(table, name, where)


def suggestion(name, table):
    """A remedy for a name that is not there."""
    columns = [str(column) for column in table.columns]
    close = get_close_matches(name, columns, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"The table has: {listing(columns, 12)}."


def check_complete(table, name, where):
    """No missing value in a column."""
    missing = table[name].isna().to_numpy()
    if missing.any():
        place = f", in market(s) {listing(where[missing].unique())}" if where is not None else ""
        raise InputError(f"Column `{name}` has {missing.sum()} missing value(s){place}. Fill them in, or drop those rows before "
                         "shares are computed (dropping a product later changes the market).")


def check_finite(values, names, argument, where):
    """No NaN and no infinity in what a formula made, as `log(0)` would."""
    bad = ~np.isfinite(values)
    if bad.any():
        column = names[np.flatnonzero(bad.any(0))[0]]
        place = f", in market(s) {listing(where[bad.any(1)].unique())}" if where is not None else ""
        raise InputError(f"{argument}: the column `{column}` is not finite in {bad.any(1).sum()} row(s){place}. "
                         "A logarithm or a quotient of zero is the usual reason.")
