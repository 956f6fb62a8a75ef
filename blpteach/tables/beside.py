"""Values for each product that come beside the products table: arrays by their order, Series by their index."""
import numpy as np
import pandas as pd

from ..errors import InputError, listing


def one_each(values, products, name, kind=float, needed=True):
    """One value for each product, in the order of the table.

    Parameters
    ----------
    values : array (N,), list or Series
        A Series is matched by its index, whose labels must be those of products, in any order.
    products : DataFrame (N rows)
    name : str
        What the values are, for error messages: `"Step 5: costs"`.
    kind : {float, bool, object}
        Finite numbers, True or False, or ids.
    needed : bool array (N,), optional
        Products whose number or id may not be missing; by default all.

    Returns
    -------
    array (N,)

    Raises
    ------
    InputError
        For a table, another number of values, an index that is not that of products, and values that are missing
        or of another kind.

    Examples
    --------
    >>> products = pd.DataFrame({"prices": [1.0, 2.0]}, index=["a", "b"])
    >>> one_each(pd.Series([4.0, 3.0], index=["b", "a"]), products, "costs")
    array([3., 4.])
    """
    values = as_array(values)
    if values.shape != (len(products),):
        rows = ". For rows 3 and 4 give np.isin(np.arange(N), [3, 4])" if kind is bool else ""
        raise InputError(f"{name} has shape {values.shape}; it needs one value for each of the {len(products)} "
                         f"products, in the order of the table{rows}.")
    if isinstance(values, pd.Series):
        values = in_order(values, products.index, name)
    return READERS[kind](pd.Series(values), name, needed)       # what a mask hides is missing


def as_array(values):
    """Arrays and Series as they are; a list keeps its elements, so that text and what is missing stay apart."""
    if isinstance(values, list):
        return np.fromiter(values, object, len(values))
    return values if isinstance(values, (pd.Series, np.ma.MaskedArray)) else np.asarray(values)


def in_order(values, index, name):
    """A Series in the order of the table's index."""
    if values.index.equals(index):
        return values
    if index.is_unique and values.index.is_unique and index.isin(values.index).all():
        return values.reindex(index)
    strangers = listing(values.index[~values.index.isin(index)], 3) or "some of them twice"
    raise InputError(f"{name} is a Series whose index is not that of products: it has {strangers}, where products "
                     f"have {listing(index, 3)}. A Series is matched by its index; if its values are in the order "
                     "of the table, give them without one: .to_numpy().")


def numbers(values, name, needed):
    """Finite numbers as floats."""
    values = values.infer_objects()
    boolean, complex_ = pd.api.types.is_bool_dtype(values), pd.api.types.is_complex_dtype(values)
    if boolean or complex_ or not pd.api.types.is_numeric_dtype(values):
        raise InputError(f"{name} must be numbers, one for each product, not {values.dtype} values.")
    values = values.to_numpy(float, na_value=np.nan)
    return complete(values, ~np.isfinite(values) & needed, name, "missing or infinite values")


def truth_values(values, name, needed):
    """True or False, whatever holds them."""
    if pd.api.types.infer_dtype(values, skipna=False) != "boolean":
        raise InputError(f"{name} must hold True or False for each of the {len(values)} products, not "
                         f"{values.infer_objects().dtype} values.")
    return values.to_numpy(bool)


def ids(values, name, needed):
    """Ids of any kind."""
    return complete(values.infer_objects().to_numpy(), values.isna() & needed, name, "missing values")


def complete(values, missing, name, what):
    """The values, if none is missing."""
    if missing.any():
        raise InputError(f"{name} has {what} in row(s) {listing(np.flatnonzero(missing))}: every product needs one.")
    return values


READERS = {float: numbers, bool: truth_values, object: ids}
