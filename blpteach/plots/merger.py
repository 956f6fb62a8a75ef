"""Pictures of lesson 05: who substitutes for whom, what things cost, and what a merger does to one market."""
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Patch, Rectangle

from ..post_estimation import (consumer_surplus, diversion_ratios, equilibrium_prices, margins, ownership_matrix,
                               share_jacobian)
from ..utility import choice_probabilities, market_shares, taste_deviations
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, TRUTH, Picture

SMALL = 10.5                                                    # points, for the ids of products
SHADES = LinearSegmentedColormap.from_list("diversion", ["white", RIVAL, PRODUCT, "#00263a"])
LIMITS = np.array([1, 2, 5, 10, 20, 30, 50, 75])                # percent, for axes that must hold a bar


class ByProduct(Picture):
    """One number for each product, by several computations.

    Parameters
    ----------
    names : list of str (J,)
    series : dict
        From the name of a computation to its values (J,), at most three of them.
    title, ylabel : str
    """
    size = (11, 4.2)
    LOOKS = ((SECOND, "s", 5), (PRODUCT, "o", 8), (FOURTH, "D", 7))

    def __init__(self, names, series, title, ylabel, **values):
        self.names, self.series, self.title, self.ylabel = list(names), dict(series), title, ylabel
        super().__init__(**values)

    def draw(self, figure):
        """A column of markers for each product."""
        self.axes = figure.subplots()
        self.axes.axhline(0, color=TRUTH, lw=0.8)
        self.markers = {name: self.axes.plot([], [], ls="", color=colour, marker=marker, ms=size, label=name)[0]
                        for name, (colour, marker, size) in zip(self.series, self.LOOKS)}
        self.axes.set_xticks(range(len(self.names)), self.names, rotation=90, fontsize=SMALL)
        self.axes.set(xlim=(-0.7, len(self.names) - 0.3), ylabel=self.ylabel, title=self.title)

    def update(self, **series):
        """New values (J,) of the computations named."""
        self.series.update(series)
        for name, values in self.series.items():
            self.markers[name].set_data(range(len(self.names)), values)
        self.axes.relim()
        self.axes.autoscale_view(scalex=False)
        self.axes.legend(loc="best", fontsize=11)


class CostCloud(Picture):
    """Price of every product in every market against the cost that the first-order conditions imply.

    Parameters
    ----------
    prices, costs : arrays (N,)
        In dollars a serving.
    """
    size = (8, 4.2)

    def __init__(self, prices, costs, **values):
        self.prices, self.costs = 100 * prices, 100 * costs
        super().__init__(**values)

    def draw(self, figure):
        """A cloud, what has no positive cost on top of it, and the line at which nothing is earned."""
        self.axes = figure.subplots()
        ends = np.array([self.prices.min(), self.prices.max()])
        self.axes.plot(ends, ends, color=TRUTH, lw=1.2, label="cost = price: no margin")
        self.axes.axhline(0, color=OUTSIDE, lw=1.2)
        self.cloud, = self.axes.plot([], [], "o", ms=3, color=RIVAL, mew=0, alpha=0.6)
        self.negative, = self.axes.plot([], [], "v", ms=10, color=HIGHLIGHT)
        self.axes.set(xlabel="price (cents a serving)", ylabel="implied cost (cents a serving)")

    def update(self):
        """Place the points, and count those below zero."""
        below = self.costs < 0
        self.cloud.set(data=(self.prices[~below], self.costs[~below]), label=f"{(~below).sum()} products with a positive cost")
        self.negative.set(data=(self.prices[below], self.costs[below]), label=f"{below.sum()} with a negative one")
        self.axes.relim()
        self.axes.autoscale_view()
        self.axes.legend(loc="upper left", fontsize=11)
        self.axes.set_title("What must a serving cost, if these prices are an equilibrium?", loc="left")


class Paths(Picture):
    """One price over the iterations of two maps.

    Parameters
    ----------
    naive, zeta : arrays (iterations,)
        In dollars a serving, the start included.
    name : str
        Product and market.
    """
    size = (10, 3.9)

    def __init__(self, naive, zeta, name, **values):
        self.naive, self.zeta, self.name = 100 * np.asarray(naive), 100 * np.asarray(zeta), name
        super().__init__(**values)

    def draw(self, figure):
        """Two lines."""
        self.axes = figure.subplots()
        self.lines = [self.axes.plot([], [], color=HIGHLIGHT, marker="o", ms=4, lw=1.2, label="naive: p ← c + η(p)")[0],
                      self.axes.plot([], [], color=PRODUCT, marker="s", ms=4, label="ζ map")[0]]
        self.axes.set(xlabel="iteration", ylabel="price (cents a serving)",
                      title=f"Which map finds the new price of {self.name}?")

    def update(self, iterations=40):
        """Show so many iterations."""
        for line, path in zip(self.lines, (self.naive, self.zeta)):
            line.set_data(np.arange(len(path))[:iterations + 1], path[:iterations + 1])
        low, high = self.naive.min(), self.naive.max()
        self.axes.set(xlim=(-0.5, iterations + 0.5), ylim=(low - 0.08 * (high - low), high + 0.25 * (high - low)))
        self.axes.legend(loc="upper left", ncols=2)


class DiversionMap(Picture):
    """Diversion ratios of one market as a heat map, with the outside good, off the scale, in a column of numbers.

    Parameters
    ----------
    ratios : array (J, J)
        The diagonal holds the outside good, as in `post_estimation.diversion_ratios`.
    names : list of str (J,)
    title : str, optional
    """
    size = (8.4, 6.8)

    def __init__(self, ratios, names, title="Where do buyers go when a product's price rises?", **values):
        self.ratios, self.names, self.title = np.asarray(ratios), list(names), title
        super().__init__(**values)

    def draw(self, figure):
        """The map."""
        self.axes = figure.subplots()
        columns = [*self.names, "outside"]
        self.image = heat_map(self.axes, len(self.names), len(columns))
        self.axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=SMALL)
        self.axes.set_yticks(range(len(self.names)), self.names, fontsize=SMALL)
        self.outside = [self.axes.text(len(self.names), j, "", ha="center", va="center", color="white", fontsize=SMALL)
                        for j in range(len(self.names))]
        bar = figure.colorbar(self.image, ax=self.axes, pad=0.02, extend="max")
        bar.set_label("of 100 who leave the row's product")
        self.axes.set(title=self.title, ylabel="they leave", xlabel="they go to")

    def update(self, ratios=None):
        """New ratios (J, J)."""
        self.ratios = self.ratios if ratios is None else np.asarray(ratios)
        inside = np.where(np.eye(len(self.ratios), dtype=bool), np.nan, self.ratios)
        self.image.set_data(100 * np.column_stack([inside, np.diagonal(self.ratios)]))
        for text, ratio in zip(self.outside, np.diagonal(self.ratios)):
            text.set_text(f"{100 * ratio:.0f}")


def heat_map(axes, rows, columns):
    """An empty map of diversion ratios in percent; what is missing is grey."""
    axes.grid(visible=False)
    return axes.imshow(np.zeros((rows, columns)), cmap=SHADES.with_extremes(bad="#e0e0e0", over="#00263a"), vmin=0, vmax=25)


def signed(value, digits):
    """A number with its sign; what rounds to zero has none."""
    return f"{value:+.{digits}f}" if abs(value) >= 0.5 * 10**-digits else f"{0:.{digits}f}"


# One market under a merger -------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class MarketModel:
    """What a counterfactual needs to know of one market: arrays as in `equilibrium_prices`, and who is who."""
    names: np.ndarray                                           # (J,)
    firm_ids: np.ndarray                                        # (J,)
    delta: np.ndarray                                           # (J,)
    mu: np.ndarray                                              # (J, I)
    alpha: np.ndarray                                           # (J, I)
    weights: np.ndarray                                         # (I,)
    prices: np.ndarray                                          # (J,)
    costs: np.ndarray                                           # (J,)

    def mu_at(self, prices):
        """mu (J, I) at other prices."""
        return self.mu + self.alpha * (prices - self.prices)[:, None]

    def shares(self, prices):
        """Market shares (J,)."""
        return market_shares(self.delta, self.mu_at(prices), self.weights)

    def surplus(self, prices):
        """Consumer surplus (5.8), in dollars a consumer and up to a constant."""
        return consumer_surplus(self.delta, self.mu_at(prices), self.alpha[0], self.weights)

    def diversion(self):
        """Diversion ratios (J, J) at the observed prices."""
        return diversion_ratios(choice_probabilities(self.delta, self.mu), self.weights, self.alpha)

    def equilibrium(self, firm_ids, costs):
        """New prices (J,)."""
        return equilibrium_prices(self.delta, self.mu, self.alpha, self.weights, self.prices, costs, ownership_matrix(firm_ids)).prices


def market_model(estimates, market):
    """The model of one market at the estimates; costs are those under which its prices are Bertrand-Nash."""
    problem = estimates.problem
    number = list(problem.market_labels).index(market)
    block = next(b[k] for b in problem.blocks for k in np.flatnonzero(b.markets == number))
    mu = taste_deviations(block.X2, block.tastes, np.hstack([estimates.sigma, estimates.pi]))
    table, delta = problem.products.iloc[block.index], estimates.delta[block.index]
    alpha, prices, firm_ids = estimates.price_coefficients(market).to_numpy(), problem.prices[block.index], table["firm_ids"].to_numpy()
    jacobian = share_jacobian(choice_probabilities(delta, mu), block.weights, alpha)
    costs = prices - margins(block.shares, jacobian, ownership_matrix(firm_ids))
    return MarketModel(table["product_ids"].to_numpy(), firm_ids, delta, mu, alpha, block.weights, prices, costs)


class Merger(Picture):
    """A merger in one market: price changes by product, who would catch the leavers, and what consumers lose.

    Parameters
    ----------
    models : dict
        From the name of a demand model to its `MarketModel` of the same market.
    """
    size = (11.6, 4.9)

    def __init__(self, models, **values):
        self.models, self.maps = models, {name: model.diversion() for name, model in models.items()}
        self.values = {"acquirer": 1, "target": 2, "efficiency": 0.0, "demand": next(iter(models))}
        first = self.models[self.values["demand"]]
        self.names, self.firm_ids = first.names, first.firm_ids
        super().__init__(**values)

    def draw(self, figure):
        """Bars on the left, the map on the right with frames for the two firms."""
        self.left, self.right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        self.bars = self.left.bar(range(len(self.names)), np.zeros(len(self.names)))
        self.left.axhline(0, color=TRUTH, lw=0.8)
        self.left.set_xticks([])
        for j, name in enumerate(self.names):                   # texts are drawn in half the time of tick labels
            self.left.text(j, -0.015, name, rotation=90, ha="center", va="top", fontsize=SMALL, transform=self.left.get_xaxis_transform())
        self.left.set(xlim=(-0.7, len(self.names) - 0.3), ylabel="price change (percent)")
        roles = [Patch(color=HIGHLIGHT, label="acquirer"), Patch(facecolor=FOURTH, hatch="///", label="target"), Patch(color=RIVAL, label="rivals")]
        self.left.legend(handles=roles, ncols=3, loc="upper left", fontsize=11)
        self.numbers = self.left.text(0.01, 0.03, "", transform=self.left.transAxes, va="bottom", fontsize=11.5, linespacing=1.35)
        self.left.set_title("What does the merger do to prices?", loc="left")
        self.draw_map()

    def draw_map(self):
        """The map by firm, empty: names of products would take long to draw, and stand on the left."""
        J = len(self.firm_ids)
        self.image = heat_map(self.right, J, J)
        edges = np.r_[0, np.flatnonzero(np.diff(self.firm_ids)) + 1, J]
        for edge in edges[1:-1] - 0.5:
            self.right.axvline(edge, color=OUTSIDE, lw=0.8)
            self.right.axhline(edge, color=OUTSIDE, lw=0.8)
        middles, firms = (edges[:-1] + edges[1:] - 1) / 2, self.firm_ids[edges[:-1]]
        self.right.set_xticks(middles, firms)
        self.right.set_yticks(middles, [f"firm {firm}" for firm in firms])
        self.right.tick_params(length=0)
        self.frames = [self.right.add_patch(Rectangle((0, 0), 1, 1, fill=False, ec=HIGHLIGHT, lw=2.5, clip_on=False)) for _ in range(2)]
        self.right.set_title("Who catches those who leave?", loc="left")
        self.flows = self.right.set_xlabel("they go to\n\n", fontsize=11.5, linespacing=1.35)

    def outcome(self):
        """Prices (J,) after the merger, and in cents a consumer the change of consumer surplus and of each firm's profit."""
        v, model = self.values, self.models[self.values["demand"]]
        merging = np.isin(self.firm_ids, (v["acquirer"], v["target"]))
        costs = model.costs * np.where(merging, 1 - v["efficiency"] / 100, 1)
        prices = model.equilibrium(np.where(self.firm_ids == v["target"], v["acquirer"], self.firm_ids), costs)
        profits = (prices - costs) * model.shares(prices) - (model.prices - model.costs) * model.shares(model.prices)
        return prices, 100 * (model.surplus(prices) - model.surplus(model.prices)), 100 * profits

    def update(self, **values):
        """The merger of `target` into `acquirer` with costs lower by `efficiency` percent, under a `demand` model."""
        self.values.update(values)
        model, merging = self.models[self.values["demand"]], np.isin(self.firm_ids, (self.values["acquirer"], self.values["target"]))
        prices, surplus, profits = self.outcome()
        self.change = 100 * (prices / model.prices - 1)
        means = self.change.mean(), self.change[merging].mean(), self.change[~merging].mean()
        self.move_bars()
        self.numbers.set_text(f"mean price change: {signed(means[0], 2)} %\n"
                              f"  merging products {signed(means[1], 2)} %, rivals {signed(means[2], 2)} %\n"
                              f"consumer surplus: {signed(surplus, 3)} cents a consumer\n"
                              f"profits: merging {signed(profits[merging].sum(), 3)}, rivals {signed(profits[~merging].sum(), 3)}")
        self.move_map()

    def move_bars(self):
        """Heights, and colours by role; the axis has room for legend above and numbers below."""
        acquirer, target = self.values["acquirer"], self.values["target"]
        for bar, height, firm in zip(self.bars, self.change, self.firm_ids):
            bar.set(height=height, hatch="///" if firm == target != acquirer else None,
                    facecolor=HIGHLIGHT if firm == acquirer else FOURTH if firm == target else RIVAL, edgecolor="black", lw=0.4)
        up, down = (LIMITS[np.searchsorted(LIMITS, min(max(extreme, 0), LIMITS[-1]))] for extreme in (self.change.max(), -self.change.min()))
        span = up + down
        self.left.set_ylim(-down - 0.45 * span, up + 0.16 * span)

    def move_map(self):
        """Diversion under the demand model, with the blocks between the two firms framed."""
        acquirer, target = self.values["acquirer"], self.values["target"]
        ratios = self.maps[self.values["demand"]]
        self.image.set_data(100 * np.where(np.eye(len(ratios), dtype=bool), np.nan, ratios))
        rows, columns = (np.flatnonzero(self.firm_ids == firm) for firm in (acquirer, target))
        for frame, down, across in zip(self.frames, (rows, columns), (columns, rows)):
            frame.set_bounds(across[0] - 0.5, down[0] - 0.5, len(across), len(down))
            frame.set_visible(acquirer != target)
        flow = [100 * ratios[np.ix_(a, b)].sum(1).mean() for a, b in ((rows, columns), (columns, rows))]
        lines = [f"of 100 who leave firm {a}'s product, {x:.0f} go to firm {b}" for a, b, x in
                 ((acquirer, target, flow[0]), (target, acquirer, flow[1]))]
        self.flows.set_text("they go to\n" + ("\n".join(lines) if acquirer != target else "no merger: one firm\n"))
