"""Widget of lesson 00: a price change in the logit, and the market-size assumption behind it."""
from ..plots.miniature import PriceChange
from .live import live, slider


def price_change(problem, market="C01Q1", product="F2B19", near="F2B26", far="F6B18"):
    """Move the price of one product and the size of the market; the logit is estimated anew each time.

    Parameters
    ----------
    problem : blpteach.Problem
        The cereals' logit with product effects.
    market, product, near, far
        As in `plots.miniature.PriceChange`.

    Returns
    -------
    ipywidgets.VBox
    """
    controls = {"change": slider("change of the price (percent)", -50, -50, 50, 5, "+.0f"),
                "market_size": slider("size of the market (times the table's)", 1, 0.75, 4, 0.05)}
    presets = {"halve the price": {"change": -50, "market_size": 1}, "market twice as large": {"change": -50, "market_size": 2},
               "market four times as large": {"change": -50, "market_size": 4}, "price up by a tenth": {"change": 10, "market_size": 1}}
    return live(PriceChange(problem, market, product, near, far), controls, presets)
