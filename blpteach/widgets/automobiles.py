"""The widget of lesson 09: what prices say about costs depends on how firms compete."""
from ..plots.automobiles import Conduct
from .live import live, menu, slider


def conduct(estimates=None):
    """Move conduct from competition to joint monopoly; see which costs a year's prices imply.

    Parameters
    ----------
    estimates : Estimates, optional
        Of the automobiles; without them, those of the lesson.

    Returns
    -------
    ipywidgets.VBox
    """
    picture = Conduct(estimates)
    controls = {"scale": slider("margins times (0: competition)", 1.0, 0.0, 1.2, 0.05),
                "holdings": slider("weight on rivals' profits", 0.0, 0.0, 1.0, 0.05),
                "year": menu("year", list(picture.years), 1990, "130px"),
                "by": menu("bars by", ["price", "size", "firm"], "price", "150px")}
    start = picture.values
    presets = {"competition": {"scale": 0.0},
               "Bertrand": {},
               "half-collusion": {"holdings": 0.5},
               "monopoly": {"holdings": 1.0},
               "monopoly in 1971": {"holdings": 1.0, "year": 1971}}
    return live(picture, controls, {text: {**start, **values} for text, values in presets.items()})
