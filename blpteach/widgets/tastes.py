"""Widget of lesson 01: three kinds of random taste, and what each does to diversion."""
import numpy as np

from ..plots.tastes import Diversion
from .live import live, slider

# The small market of the lesson: three sugary cereals, three with bran.
MARKET = {"names": ["Stars", "Loops", "Pops", "Bran", "Wheat", "Oats"],
          "shares": np.array([0.10, 0.08, 0.05, 0.08, 0.06, 0.03]),
          "prices": np.array([4.0, 4.0, 3.5, 3.5, 3.0, 3.0]),
          "sugar": np.array([1.2, 1.2, 0.9, 0.5, 0.1, 0.3]),
          "group": np.array([1, 1, 1, 0, 0, 0]), "beta_price": -0.75}


def diversion(**market):
    """Move the standard deviations of three tastes and the price cut; shares are inverted anew.

    Parameters
    ----------
    **market
        Arguments of `plots.tastes.Diversion`; by default the small market of the lesson.

    Returns
    -------
    ipywidgets.VBox
    """
    controls = {"sigma_constant": slider("sigma on the constant", 0, 0, 5, 0.1),
                "sigma_sugar": slider("sigma on sugar (per 10 g)", 3, 0, 5, 0.1),
                "sigma_group": slider("sigma on the dummy 'sugary'", 0, 0, 5, 0.1),
                "cut": slider("price cut (percent)", 50, 5, 75, 5, ".0f")}
    presets = {"logit": taste(), "constant only": taste(constant=3), "group dummy": taste(group=3),
               "sugar (reset)": {**taste(sugar=3), "cut": 50}}
    return live(Diversion(**{**MARKET, **market}), controls, presets)


def taste(constant=0.0, sugar=0.0, group=0.0):
    """A preset: values of the three sliders."""
    return {"sigma_constant": constant, "sigma_sugar": sugar, "sigma_group": group}
