"""Widget of lesson 07: sums or distances, as a characteristic moves away from the outside good."""
from ..plots.instruments import SETS, SHAPES, TwoSets, experiments
from .live import live, menu, slider

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
    controls = {"centre": slider("centre of x", 0.0, CENTRES[0], CENTRES[-1], 0.5, ".1f"),
                "left": menu("left: cost shifters and", SETS, "sums"),
                "right": menu("right: cost shifters and", SETS, "quadratic"),
                "shape": menu("mean utility in x", SHAPES, "straight")}
    rivals = {"left": "sums", "right": "quadratic", "shape": "straight"}
    presets = {"x around zero": {"centre": 0.0, **rivals},
               "x from 0 to 3": {"centre": 1.5, **rivals},
               "both together": {"centre": 1.5, **rivals, "right": "sums and quadratic"},
               "x² around zero": {"centre": 0.0, **rivals, "shape": "bent"},
               "x² from 0 to 3": {"centre": 1.5, **rivals, "shape": "bent"}}
    return live(TwoSets(), controls, presets)
