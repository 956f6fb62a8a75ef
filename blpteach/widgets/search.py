"""Widget of lesson 04: where a search stops, and what would be reported there."""
import ipywidgets as ipw

from ..plots.search import TwoNevos
from .live import live

TOLERANCES = (10, 3, 1, 0.5, 0.1, 0.01, 1e-5)


def search(landscape):
    """Choose a search, its start and its outer tolerance; see where it stops and what would be reported there.

    All searches are run when the widget is made, which takes a few seconds. After that every move shows at once.

    Parameters
    ----------
    landscape : blpteach.plots.search.Landscape

    Returns
    -------
    ipywidgets.VBox
    """
    starts = {f"{value:g}": value for value in TwoNevos.starts}
    controls = {"search": ipw.ToggleButtons(options=["BFGS", "Gauss-Newton"], style={"button_width": "auto"}),
                "tolerance": steps("outer tolerance", {f"{value:g}": value for value in TOLERANCES}, 0.5),
                "start": steps("start at π[prices, income²] =", starts, TwoNevos.starts[0])}
    loose = {"search": "BFGS", "tolerance": 0.5, "start": -1.2}
    presets = {"published (loose)": loose, "minimum (tight)": {**loose, "tolerance": 1e-5},
               "loose, another start": {**loose, "start": -20}}
    return live(TwoNevos(landscape).prepare(), controls, presets)


def steps(label, options, value):
    """A slider over a few values; focus it and use the arrow keys."""
    return ipw.SelectionSlider(options=list(options.items()), value=value, description=label,
                               style={"description_width": "initial"}, layout=ipw.Layout(width="400px"))
