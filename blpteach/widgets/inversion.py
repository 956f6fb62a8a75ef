"""Widget of lesson 02: five inversions of one market race each other."""
import ipywidgets as ipw
import numpy as np

from ..tables.integration import halton
from ..plots.inversion import TASTES, Race
from .live import live, menu, slider, steps

OUTSIDE_SHARES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05,
                  0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TOLERANCES = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
TICK = 120                              # milliseconds, between two computations of the race


def made_up_market(J=20, I=64, seed=2):
    """Arguments of `plots.inversion.Race`: uneven shares, tastes for a constant and one column.

    Parameters
    ----------
    J, I : int
        Products and types.
    seed : int
        Of shares and characteristics.

    Returns
    -------
    dict
    """
    rng = np.random.default_rng(seed)
    X2 = np.column_stack([np.ones(J), rng.normal(size=J)])
    nodes, weights = halton(I, seed=0).nodes_and_weights(1, 2)
    proportions = rng.dirichlet(np.full(J, 2.0))
    return {"proportions": proportions, "X2": X2, "nodes": nodes[0], "weights": weights[0]}


def race(**market):
    """Move the outside share, sigma and the tolerance; let `exp` leave the range of numbers.

    The play button shows the race computation by computation; stopping it shows the end.

    Parameters
    ----------
    **market
        Arguments of `plots.inversion.Race`; by default a made-up market of 20
        products and 64 types.

    Returns
    -------
    ipywidgets.VBox
    """
    controls = {"step": ipw.Play(min=0, max=Race.until, value=0, interval=TICK,
                                 show_repeat=False),
                "outside_share": steps("outside share", OUTSIDE_SHARES, 0.5),
                "sigma": slider("sigma (utils)", 2, 0, 5, 0.1, ".1f"),
                "tolerance": steps("tolerance (change in delta)", TOLERANCES, 1e-13),
                "tastes": menu("tastes", list(TASTES), "as drawn")}
    presets = {"the logit": setting(0.5, 0.0),
               "tiny outside good": setting(1e-4, 1.0),
               "wild tastes, large outside good": setting(0.9, 5.0),
               "exp overflows": setting(0.5, 2.0, tastes="one type +800")}
    return live(Race(**{**made_up_market(), **market}), controls, presets)


def setting(outside_share, sigma, tolerance=1e-13, tastes="as drawn"):
    """A preset: values of the controls."""
    return {"outside_share": outside_share, "sigma": sigma,
            "tolerance": tolerance, "tastes": tastes}
