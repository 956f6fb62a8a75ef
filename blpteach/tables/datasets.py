"""The data that ship with the course: cereals, automobiles, and one economy with known truth.

Every column is described in ``data/README.md``. Columns bear the names that PyBLP gives them.
"""

import json
from pathlib import Path

import pandas as pd


def shipped(folder):
    """Find a folder that ships with the package, in a wheel or in a checkout.

    Parameters
    ----------
    folder : str
        ``"data"`` or ``"lessons"``.

    Returns
    -------
    pathlib.Path
        ``blpteach/_data`` where the package was installed from a wheel, and the ``data`` beside
        the package in a checkout or an editable install.

    Raises
    ------
    FileNotFoundError
        Neither of the two exists.

    Examples
    --------
    >>> shipped("data").joinpath("cereal_products.csv").is_file()
    True
    """
    package = Path(__file__).resolve().parents[1]
    candidates = [package / f"_{folder}", package.parent / folder]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"blpteach ships no {folder}: "
                            f"looked for {' and '.join(map(str, candidates))}")


def load_cereal():
    """Nevo's artificial cereals: 94 markets with 24 products and 20 consumers in each.

    The products have prices, shares, sugar, mushiness and 20 excluded instruments
    (``demand_instruments0`` to ``19``); the agents have 4 columns of draws and 4 demographics.

    Returns
    -------
    products : pandas.DataFrame, (2256, 30)
    agents : pandas.DataFrame, (1880, 12)

    References
    ----------
    Nevo, A. (2000). A practitioner's guide to estimation of random-coefficients logit models of
    demand. *Journal of Economics & Management Strategy*, 9(4), 513-548.

    Examples
    --------
    >>> products, agents = load_cereal()
    >>> products["market_ids"].nunique(), agents["market_ids"].nunique()
    (94, 94)
    """
    return _read("cereal")


def load_autos():
    """Berry, Levinsohn and Pakes's automobiles: United States, 1971 to 1990, 72 to 150 a year.

    The agents carry importance-sampling weights, which sum to 0.154 in each market, not to one.

    Returns
    -------
    products : pandas.DataFrame, (2217, 33)
    agents : pandas.DataFrame, (4000, 8)

    References
    ----------
    Berry, S., Levinsohn, J., and Pakes, A. (1995). Automobile prices in market equilibrium.
    *Econometrica*, 63(4), 841-890.

    Examples
    --------
    >>> products, agents = load_autos()
    >>> products.groupby("market_ids").size().agg(["min", "max"]).tolist()
    [72, 150]
    """
    return _read("autos")


def load_simulated():
    """An economy made by :func:`blpteach.simulate`, whose true parameters are known.

    Choice sets vary over markets, prices are endogenous and solve Bertrand-Nash, and costs have
    shifters: the data on which identification can be seen at work.

    Returns
    -------
    products : pandas.DataFrame
        ``products.attrs["truth"]`` holds the true parameters and the seed.
    agents : pandas.DataFrame
        The same truth in ``agents.attrs["truth"]``.

    Examples
    --------
    >>> products, agents = load_simulated()
    >>> products.attrs["truth"] == agents.attrs["truth"]
    True
    """
    products, agents = _read("simulated")
    truth = json.loads(shipped("data").joinpath("simulated_truth.json").read_text(encoding="utf-8"))
    products.attrs["truth"] = truth
    agents.attrs["truth"] = truth
    return products, agents


def _read(name):
    """Read the two tables of one data set."""
    data = shipped("data")
    return pd.read_csv(data / f"{name}_products.csv"), pd.read_csv(data / f"{name}_agents.csv")
