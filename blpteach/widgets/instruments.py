"""Widget of lesson 07: sums or distances, as a characteristic moves away from the outside good."""
from ..plots.instruments import SETS, SHAPES, TwoSets, prepare
from .live import live, menu, slider

CENTRES = (0.0, 0.75, 1.5)


def two_designs(progress=None):
    """Move the characteristic, and compare what two sets of instruments find in many samples.

    The samples at all positions are made with the widget, which takes some seconds.

    Parameters
    ----------
    progress : bool, optional
        Show how far that has come; by default once it takes more than five seconds.

    Returns
    -------
    ipywidgets.VBox
    """
    prepare(CENTRES, progress)
    controls = {"centre": slider("centre of x", 0.0, CENTRES[0], CENTRES[-1], 0.75, ".2f"),
                "left": menu("left: cost shifters and", SETS, "sums"),
                "right": menu("right: cost shifters and", SETS, "quadratic"),
                "shape": menu("mean utility in x", SHAPES, "straight")}
    rivals = {"left": "sums", "right": "quadratic", "shape": "straight"}
    presets = {"x around zero": {"centre": 0.0, **rivals},
               "x from 0 to 3": {"centre": 1.5, **rivals},
               "with counts": {"centre": 1.5, **rivals, "right": "quadratic and counts"},
               "x² around zero": {"centre": 0.0, **rivals, "shape": "bent"},
               "x² from 0 to 3": {"centre": 1.5, **rivals, "shape": "bent"}}
    return live(TwoSets(), controls, presets)
