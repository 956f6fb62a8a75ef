"""The widget of lesson 05: two firms of one market merge, and one product tries another price."""
from ..examples import cereal
from ..plots.merger import Merger, market_model
from ..problem import Problem
from .live import live, menu, slider


def cereal_models(market="C01Q1"):
    """Two demand models of one cereal market, estimated on all: random coefficients, and the logit.

    Parameters
    ----------
    market : market id

    Returns
    -------
    dict
        From name to `plots.merger.MarketModel`.
    """
    problem, arguments = cereal()
    logit = Problem(problem.products, linear="0 + prices", absorb="product_ids")
    return {"random coefficients": market_model(problem.estimate(**arguments), market),
            "logit": market_model(logit.estimate(), market)}


def merger(market="C01Q1"):
    """Choose who buys whom and what that saves; then move one price along its demand curve.

    Parameters
    ----------
    market : market id

    Returns
    -------
    ipywidgets.VBox
    """
    picture = Merger(cereal_models(market))
    start = picture.values
    firms = [(f"firm {firm}", int(firm)) for firm in sorted(set(picture.firm_ids))]
    controls = {"acquirer": menu("acquirer", firms, start["acquirer"], "160px"),
                "target": menu("target", firms, start["target"], "150px"),
                "demand": menu("demand", list(picture.models), start["demand"], "250px"),
                "product": menu("demand curve of", list(picture.names), start["product"], "210px"),
                "efficiency": slider("their costs fall by (percent)", 0.0, 0.0, 30.0, 0.5, ".1f"),
                "own": slider("its price moves by (percent)", 0.0, -40.0, 60.0, 1.0, ".0f")}
    presets = {"1 buys 2": {},
               "with 15 % of cost saved": {"efficiency": 15.0},
               "small firms: 3 buys 4": {"acquirer": 3, "target": 4},
               "1 buys 2, seen by the logit": {"demand": "logit"},
               "and then 30 % dearer": {"own": 30.0}}
    return live(picture, controls, {text: {**start, **values} for text, values in presets.items()})
