"""Widget of lesson 04: one parameter held, the others estimated anew as a slider moves."""
import ipywidgets as ipw

from ..plots.search import HoldOne
from .live import live, slider


def search(problem, estimates):
    """Hold `pi[prices, income_squared]` and drop instruments; everything else is estimated again at each move.

    Parameters
    ----------
    problem : blpteach.Problem
        The cereals' model.
    estimates : Estimates
        At the minimum.

    Returns
    -------
    ipywidgets.VBox
    """
    picture = HoldOne(problem, estimates)
    dropped = ipw.IntSlider(value=0, min=0, max=6, description="instruments dropped", style={"description_width": "initial"},
                            layout=ipw.Layout(width="420px"))
    best = round(float(picture.best), 1)
    controls = {"curvature": slider("hold π[prices, income²] at", best, -70, 0, 0.1, ".1f"), "dropped": dropped}
    presets = {"true minimum": {"curvature": best, "dropped": 0}, "published (Nevo 2000)": {"curvature": -0.7, "dropped": 0},
               "no income squared": {"curvature": 0.0, "dropped": 0}, "14 instruments, minimum": {"curvature": -69.9, "dropped": 6}}
    return live(picture, controls, presets)
