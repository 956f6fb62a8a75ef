"""Widget of lesson 00: the market size, which nobody observes, and the results that hang on it."""
from ..plots.miniature import LARGEST, MarketSize
from ..problem import Problem
from ..tables.datasets import load_cereal
from .live import live, menu, slider


def market_size(problem=None, buyer=1):
    """Move the size of the market, with the logit estimated anew, and the firm that is taken over.

    Parameters
    ----------
    problem : blpteach.Problem, optional
        By default the lesson's: the cereals' logit with product effects.
    buyer : firm id
        As in `plots.miniature.MarketSize`.

    Returns
    -------
    ipywidgets.VBox
    """
    if problem is None:
        problem = Problem(load_cereal()[0], linear="0 + prices", absorb="product_ids")
    firms = sorted(set(problem.products["firm_ids"]) - {buyer})
    targets = [(f"firm {firm}", int(firm)) for firm in firms]
    controls = {"market_size": slider("market size (times the table's)", 1, 0.75, LARGEST, 0.05),
                "target": menu(f"firm {buyer} takes over", targets, 2, "230px")}
    presets = {"as in the table (reset)": {"market_size": 1, "target": 2},
               "twice as large": {"market_size": 2},
               "four times": {"market_size": 4}}
    return live(MarketSize(problem, buyer), controls, presets)
