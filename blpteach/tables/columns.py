"""What a table is: a pandas DataFrame whose columns are what they seem, whoever wrote them."""
import numpy as np
import pandas as pd

from ..errors import InputError

SIGNS = r"[\s,$€£%]"                                            # people write them around numbers


# Tables -------------------------------------------------------------------------------------------

def check_table(table, which, row):
    """A pandas DataFrame with one level of column names; the error says how to make one.

    Parameters
    ----------
    table : anything
    which : str
        `"products"` or `"agents"`.
    row : str
        What a row stands for.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{which} must be a pandas DataFrame with a row for each {row}, not "
                         f"{kind(table)}.{conversion(table, which)}")
    if table.columns.nlevels > 1:
        raise InputError(f"{which} has column names of {table.columns.nlevels} levels. Give each "
                         f"column one name: {which}.columns = ['_'.join(map(str, names)) for names "
                         f"in {which}.columns].")


def kind(value):
    """The type of a value with its library: `a polars DataFrame`, `a dict`."""
    library = type(value).__module__.split(".")[0]
    return f"a {'' if library in ('builtins', 'pathlib') else library + ' '}{type(value).__name__}"


def conversion(table, which):
    """How to make a DataFrame of something else."""
    if isinstance(table, str) or hasattr(table, "__fspath__"):
        return f" Read the file first: pd.read_csv({str(table)!r})."
    method = next((name for name in ("to_pandas", "toPandas") if hasattr(table, name)), None)
    if method is not None:
        return f" Convert it: {which}.{method}()."
    return "" if table is None else f" Make one: pd.DataFrame({which})."


def plain(table):
    """The table with text of Arrow and of pandas' nullable kind as Python's; no unused categories.

    Other columns are left alone, and so is the table where there is nothing to change.
    """
    changed = {name: plain_column(table[name]) for name, dtype in table.dtypes.items()
               if needs_change(dtype) and table[name].ndim == 1}
    return table.assign(**changed) if changed else table


def needs_change(dtype):
    """Whether `plain` changes a column of this type; numbers of all libraries are read as is."""
    if isinstance(dtype, pd.StringDtype):
        return dtype.na_value is pd.NA
    if isinstance(dtype, pd.ArrowDtype):
        return dtype.kind not in "iuf"
    return isinstance(dtype, pd.CategoricalDtype)


def plain_column(column):
    """One column of `plain`."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype(float)                             # decimals
    complete = not column.isna().any()
    return column.astype(getattr(column.dtype, "numpy_dtype", object) if complete else object)


def shown(value):
    """A value in an error message: arrays and tables by type and shape."""
    has_shape = hasattr(value, "shape") and np.ndim(value)
    return f"{kind(value)} of shape {np.shape(value)}" if has_shape else repr(value)


# Columns ------------------------------------------------------------------------------------------

def reads_as_numbers(column):
    """Whether a column of text holds numbers: most of its distinct values are."""
    if not (pd.api.types.is_object_dtype(column) or isinstance(column.dtype, pd.StringDtype)):
        return False
    distinct = pd.Series(column.dropna().unique(), dtype=object)
    if distinct.map(lambda value: isinstance(value, (bool, np.bool_))).any():
        return False
    text = distinct.map(str).str.replace(SIGNS, "", regex=True)
    return bool(pd.to_numeric(text, errors="coerce").notna().mean() > 0.5)


def check_ids(column, name, which):
    """Ids are single values: numbers, text, dates."""
    if pd.api.types.is_object_dtype(column):
        nested = column.map(lambda value: isinstance(value, (list, dict, set, np.ndarray)))
        if nested.any():
            raise InputError(f"Column `{name}` of {which} holds {kind(column[nested].iloc[0])} in "
                             f"{nested.sum()} row(s). Ids must be single values: numbers, text or "
                             "dates.")
