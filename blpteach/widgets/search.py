"""Widget of lesson 04: where a search stops, and what would be reported there."""
import ipywidgets as ipw

from ..plots.search import TwoNevos
from .live import live, steps

TOLERANCES = (10, 3, 1, 0.5, 0.1, 0.01, 1e-5)


def search(landscape):
    """Choose a search, its start and its tolerance; see where it stops and what it would report.

    A search is run when it is first asked for, in a fraction of a second; after that it is kept.

    Parameters
    ----------
    landscape : blpteach.plots.search.Landscape

    Returns
    -------
    ipywidgets.VBox
    """
    starts, width = TwoNevos.starts, "400px"
    controls = {"search": ipw.ToggleButtons(options=["BFGS", "Gauss-Newton"],
                                            style={"button_width": "auto"}),
                "tolerance": steps("outer tolerance", TOLERANCES, 0.5, width),
                "start": steps("start at π[prices, income²] =", starts, starts[0], width)}
    loose = {"search": "BFGS", "tolerance": 0.5, "start": -1.2}
    presets = {"published (loose)": loose, "minimum (tight)": {**loose, "tolerance": 1e-5},
               "loose, another start": {**loose, "start": -20}}
    return live(TwoNevos(landscape), controls, presets)
