"""Widget of lesson 00: the market size, which nobody observes, and the results that hang on it."""
from ..plots.miniature import LARGEST, MarketSize
from .live import live, slider, steps


def market_size(problem, buyer=1):
    """Move the size of the market, with the logit estimated anew, and the firm that is taken over.

    Parameters
    ----------
    problem : blpteach.Problem
        The cereals' logit with product effects.
    buyer : firm id
        As in `plots.miniature.MarketSize`.

    Returns
    -------
    ipywidgets.VBox
    """
    targets = [int(firm) for firm in sorted(set(problem.products["firm_ids"])) if firm != buyer]
    controls = {"market_size": slider("market size (times the table's)", 1, 0.75, LARGEST, 0.05),
                "target": steps(f"firm {buyer} takes over firm", targets, 2)}
    presets = {"as in the table": {"market_size": 1},
               "twice as large": {"market_size": 2},
               "four times": {"market_size": 4}}
    return live(MarketSize(problem, buyer), controls, presets)
