"""Widget of lesson 07: sums or distances, as a characteristic moves away from the outside good."""
import ipywidgets as ipw

from ..plots.instruments import SETS, SHAPES, TwoSets, experiments
from .live import live

CENTRES = (0.0, 0.5, 1.0, 1.5, 2.0)


def two_designs(progress=None):
    """Move the characteristic, and compare what two sets of instruments find in many samples.

    The samples at all positions are estimated when the widget is made, which takes some seconds.

    Parameters
    ----------
    progress : bool, optional
        Show how far that has come; by default once it takes more than five seconds.

    Returns
    -------
    ipywidgets.VBox
    """
    experiments(CENTRES, progress)
    wide = {"style": {"description_width": "initial"}, "layout": ipw.Layout(width="420px")}
    controls = {"centre": ipw.FloatSlider(value=0.0, min=CENTRES[0], max=CENTRES[-1], step=0.5, readout_format=".1f", description="centre of x", **wide),
                "left": ipw.Dropdown(options=SETS, value="sums", description="left: cost shifters and", **wide),
                "right": ipw.Dropdown(options=SETS, value="quadratic", description="right: cost shifters and", **wide),
                "shape": ipw.Dropdown(options=SHAPES, value="straight", description="mean utility in x", **wide)}
    rivals = {"left": "sums", "right": "quadratic", "shape": "straight"}
    presets = {"x around zero": {"centre": 0.0, **rivals}, "x from 0 to 3": {"centre": 1.5, **rivals},
               "both together": {"centre": 1.5, **rivals, "right": "sums and quadratic"},
               "x² around zero": {"centre": 0.0, **rivals, "shape": "bent"}, "x² from 0 to 3": {"centre": 1.5, **rivals, "shape": "bent"}}
    return live(TwoSets(), controls, presets)
