"""Widget of lesson 00: the market size, which nobody observes, and the results that hang on it."""
import ipywidgets as ipw

from ..plots.miniature import LARGEST, MarketSize
from .live import live, slider


def market_size(problem, buyer=1):
    """Move the size of the market; the logit is estimated anew each time. A second slider says which firm is taken over.

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
                "target": ipw.SelectionSlider(options=targets, value=2, description=f"firm {buyer} takes over firm", continuous_update=True,
                                              style={"description_width": "initial"}, layout=ipw.Layout(width="420px"))}
    presets = {"as in the table": {"market_size": 1}, "twice as large": {"market_size": 2}, "four times": {"market_size": 4}}
    return live(MarketSize(problem, buyer), controls, presets)
