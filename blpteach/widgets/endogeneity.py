"""Widget of lesson 03: endogeneity and weak instruments, live."""
import ipywidgets as ipw

from ..plots.endogeneity import Sampling
from .live import WIDE, live, look, slider, steps

STRENGTHS = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05,
             0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)


def endogeneity(**sampling):
    """Move the correlation of price and quality, the instruments' strength and the sample size.

    Parameters
    ----------
    **sampling
        Arguments of `plots.endogeneity.Sampling`, such as `replications`, `M` and `seed`.

    Returns
    -------
    ipywidgets.VBox
    """
    controls = {"correlation": slider("correlation of v and ξ", 0.7, 0, 0.95, 0.05),
                "strength": steps("strength of the instruments", STRENGTHS, 0.3),
                "N": ipw.IntSlider(value=200, min=50, max=1000, step=50,
                                   description="sample size N", **look(WIDE))}
    presets = {"exogenous price": {"correlation": 0, "strength": 0.3, "N": 200},
               "strong instruments (reset)": {"correlation": 0.7, "strength": 0.3, "N": 200},
               "weak instruments": {"correlation": 0.7, "strength": 0.02, "N": 200},
               "weak, five times the data": {"correlation": 0.7, "strength": 0.02, "N": 1000}}
    return live(Sampling(**sampling), controls, presets)
