"""What comes beside the products table: arrays by their order, Series by their index."""
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
        For a table, another number of values, an index that is not that of products, and values
        that are missing or of another kind.

    Examples
    --------
    >>> products = pd.DataFrame({"prices": [1.0, 2.0]}, index=["a", "b"])
    >>> one_each(pd.Series([4.0, 3.0], index=["b", "a"]), products, "costs")
    array([3., 4.])
    """
    values = as_array(values)
    if values.shape != (len(products),):
        rows = ". For rows 3 and 4 give np.isin(np.arange(N), [3, 4])" if kind is bool else ""
        raise InputError(f"{name} has shape {values.shape}; it needs one value for each of the "
                         f"{len(products)} products, in the order of the table{rows}.")
    if isinstance(values, pd.Series):
        values = in_order(values, products.index, name)
    return READERS[kind](pd.Series(values), name, needed)       # what a mask hides is missing


def as_array(values):
    """Arrays and Series as they are; a list keeps its elements: text and what is missing differ."""
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
    raise InputError(f"{name} is a Series whose index is not that of products: it has {strangers}, "
                     f"where products have {listing(index, 3)}. A Series is matched by its index; "
                     "if its values are in the order of the table, give them without one: "
                     ".to_numpy().")


def numbers(values, name, needed):
    """Finite numbers as floats."""
    values = values.infer_objects()
    boolean, complex_ = pd.api.types.is_bool_dtype(values), pd.api.types.is_complex_dtype(values)
    if boolean or complex_ or not pd.api.types.is_numeric_dtype(values):
        raise InputError(f"{name} must be numbers, one for each product, not {values.dtype} "
                         "values.")
    values = values.to_numpy(float, na_value=np.nan)
    return complete(values, ~np.isfinite(values) & needed, name, "missing or infinite values")


def truth_values(values, name, needed):
    """True or False, whatever holds them."""
    if pd.api.types.infer_dtype(values, skipna=False) != "boolean":
        raise InputError(f"{name} must hold True or False for each of the {len(values)} products, "
                         f"not {values.infer_objects().dtype} values.")
    return values.to_numpy(bool)


def ids(values, name, needed):
    """Ids of any kind."""
    found = values.infer_objects().to_numpy()
    return complete(found, values.isna() & needed, name, "missing values")


def complete(values, missing, name, what):
    """The values, if none is missing."""
    if missing.any():
        raise InputError(f"{name} has {what} in row(s) {listing(np.flatnonzero(missing))}: every "
                         "product needs one.")
    return values


READERS = {float: numbers, bool: truth_values, object: ids}


# What a counterfactual is given -------------------------------------------------------------------

def check_owners(firm_ids):
    """Every product has an owner."""
    if firm_ids is None:
        raise InputError("Step 5: markups and concentration need to know who sets which price, and "
                         "products has no column `firm_ids`. Add it, one id for each product.")
    missing = np.flatnonzero(pd.isna(firm_ids))
    if len(missing):
        raise InputError(f"Step 5: firm_ids has missing values in row(s) {listing(missing)}: every "
                         "product needs an owner.")


def new_owners(old, new, problem):
    """Firm ids (N,) after a change, given whole or as a dict of which firm becomes which."""
    owners = old
    if isinstance(new, dict):
        owners = renamed(old, new)
    elif new is not None:
        owners = one_each(new, problem.products, "Step 5: firm_ids", object)
        check_names_stay(problem.holdings, old, owners)
    check_owners(owners)
    return owners


def renamed(old, new):
    """Firm ids (N,) in which each firm named by the dict has become another; all at once."""
    if old is None:
        raise InputError("Step 5: firm_ids={...} says which firm becomes which, and products has "
                         "no column `firm_ids`.")
    unknown = [firm for firm in new if firm not in set(old)]
    if unknown:
        raise InputError(f"Step 5: firm_ids={new!r}: there is no firm {unknown[0]!r}. Firms are "
                         f"{listing(pd.unique(old), 12)}.")
    unfit = [firm for firm in new.values() if not pd.api.types.is_hashable(firm)]
    if unfit:
        raise InputError(f"Step 5: firm_ids={new!r}: {unfit[0]!r} is no firm id.")
    return np.fromiter([new.get(firm, firm) for firm in old], object, len(old))


def check_names_stay(holdings, old, new):
    """Pairs in holdings would lapse, all of them unnoticed, if the firms were given new names."""
    firms = {firm for pair in holdings for firm in pair} if isinstance(holdings, dict) else set()
    gone, strangers = firms - set(new), set(new) - set(() if old is None else old)
    if gone and strangers:
        lost, found = min(gone, key=str), listing(sorted(strangers, key=str))
        raise InputError(f"Step 5: holdings={holdings!r} name firm {lost!r}, which firm_ids no "
                         f"longer has, while it has {found}, which products has not. Keep the "
                         "names of the present firms.")


def read_costs(costs, problem, needed):
    """New marginal costs (N,), in units of price."""
    values = one_each(costs, problem.products, "Step 5: costs", needed=needed)
    half, highest = np.median(values[needed]), problem.prices.max()
    if half > 10 * highest > 0:
        raise InputError(f"Step 5: half of the costs are {half:.4g} or more, and the highest price "
                         f"is {highest:.4g}. Costs must be in the units of `prices`.")
    return values
