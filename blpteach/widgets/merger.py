"""The widget of lesson 05: two firms of one market merge."""
import ipywidgets as ipw

from ..examples import cereal
from ..plots.merger import Merger, market_model
from ..problem import Problem
from .live import live, slider


def cereal_models(market="C01Q1"):
    """Two demand models of one cereal market, estimated on all markets: with random coefficients, and the logit."""
    problem, arguments = cereal()
    logit = Problem(problem.products, linear="0 + prices", absorb="product_ids")
    return {"random coefficients": market_model(problem.estimate(**arguments), market),
            "logit": market_model(logit.estimate(), market)}


def firm_choice(label, firms, value):
    """A menu of firms."""
    return ipw.Dropdown(options=[(f"firm {firm}", firm) for firm in firms], value=value, description=label, layout=ipw.Layout(width="200px"))


def merger(market="C01Q1"):
    """Choose who buys whom, and by how much the merger lowers the costs of their products.

    Parameters
    ----------
    market : market id

    Returns
    -------
    ipywidgets.VBox
    """
    models = cereal_models(market)
    firms = sorted({int(firm) for firm in models["logit"].firm_ids})
    controls = {"acquirer": firm_choice("acquirer", firms, 1), "target": firm_choice("target", firms, 2),
                "efficiency": slider("their costs fall by (percent)", 0.0, 0.0, 30.0, 0.5, ".1f"),
                "demand": ipw.Dropdown(options=list(models), description="demand", layout=ipw.Layout(width="260px"))}
    no_savings = {"efficiency": 0.0, "demand": "random coefficients"}
    presets = {"1 buys 2": {"acquirer": 1, "target": 2, **no_savings},
               "with 10 % efficiency": {"acquirer": 1, "target": 2, "efficiency": 10.0, "demand": "random coefficients"},
               "small firms merge: 3 buys 4": {"acquirer": 3, "target": 4, **no_savings},
               "1 buys 2, seen by the logit": {"acquirer": 1, "target": 2, "efficiency": 0.0, "demand": "logit"}}
    return live(Merger(models), controls, presets)
