"""Pictures of lesson 05: who substitutes for whom, what things cost, and what a merger does."""
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Patch, Polygon, Rectangle

from ..post_estimation import (consumer_surplus, diversion_ratios, equilibrium_prices,
                               ownership_matrix)
from ..utility import choice_probabilities, market_shares
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, TRUTH, Picture

SMALL = 10.5                                                    # points, for the ids of products
SHADES = LinearSegmentedColormap.from_list("diversion", ["white", RIVAL, PRODUCT, "#00263a"])
LIMITS = np.array([1, 2, 5, 10, 20, 30, 50, 75])        # percent, for axes that must hold a bar


class BySugar(Picture):
    """One number for each rival against its sugar, by several computations, joined by a line.

    Open points are mushy cereals. Products with the same sugar stand side by side.

    Parameters
    ----------
    sugar, mushy : arrays (R,)
    names : list of str (R,)
    series : dict
        From the name of a computation to its values (R,), two or three of them: before and after.
    title, ylabel : str
    notes : list of str
        Names to write beside their points.
    """
    size = (11, 4.6)
    LOOKS = ((OUTSIDE, "s", 5), (PRODUCT, "o", 8), (FOURTH, "D", 7))
    apart = 0.2                                                 # grams, between equal products

    def __init__(self, sugar, mushy, names, series, title, ylabel, notes=(), **values):
        self.sugar, self.mushy = np.asarray(sugar, float), np.asarray(mushy, bool)
        self.names, self.series, self.notes = list(names), dict(series), list(notes)
        self.title, self.ylabel = title, ylabel
        super().__init__(**values)

    def places(self):
        """Where the products stand on the axis (R,): their sugar, moved apart where it is equal."""
        places = self.sugar.copy()
        for grams in np.unique(self.sugar):
            same = np.flatnonzero(self.sugar == grams)
            places[same] += self.apart * (np.arange(len(same)) - (len(same) - 1) / 2)
        return places

    def draw(self, figure):
        """For each product a line from the lowest to the highest value, and a point for each."""
        self.axes = axes = figure.subplots()
        self.x = self.places()
        self.joined = axes.vlines(self.x, 0, 0, color=RIVAL, lw=1.4, zorder=1)
        self.points = {}
        for name, (colour, marker, size) in zip(self.series, self.LOOKS):
            style = {"marker": marker, "ms": size, "ls": "", "color": colour, "label": name}
            self.points[name] = [axes.plot([], [], mfc=face, **style)[0]
                                 for face in (colour, "white")]
        self.texts = [axes.annotate(name, (0, 0), xytext=(6, 0), textcoords="offset points",
                                    fontsize=SMALL, va="center") for name in self.notes]
        axes.set(xlabel="sugar of the rival (grams a serving); open points: mushy",
                 ylabel=self.ylabel, xlim=(-0.8, self.x.max() + 1.6), title=self.title,
                 xticks=range(0, int(self.sugar.max()) + 1, 2))

    def update(self, **series):
        """New values (R,) of the computations named."""
        self.series.update(series)
        values = np.array(list(self.series.values()))
        self.joined.set_segments([[(x, low), (x, high)] for x, low, high
                                  in zip(self.x, values.min(0), values.max(0))])
        for name, numbers in self.series.items():
            for points, rows in zip(self.points[name], (~self.mushy, self.mushy)):
                points.set_data(self.x[rows], np.asarray(numbers)[rows])
        for text, name in zip(self.texts, self.notes):
            place = self.names.index(name)
            text.xy = self.x[place], values[-1, place]
        room = 0.12 * np.ptp(values)
        self.axes.set_ylim(values.min() - room, values.max() + 1.5 * room)
        self.axes.legend(handles=[full for full, _ in self.points.values()], loc="best",
                         fontsize=11)


class CostCloud(Picture):
    """Price of every product in every market against the cost that its condition implies.

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
        """A cloud, what has no positive cost on top, and the line at which nothing is earned."""
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
        self.cloud.set(data=(self.prices[~below], self.costs[~below]),
                       label=f"{(~below).sum()} products with a positive cost")
        self.negative.set(data=(self.prices[below], self.costs[below]),
                          label=f"{below.sum()} with a negative one")
        self.axes.relim()
        self.axes.autoscale_view()
        self.axes.legend(loc="upper left", fontsize=11)
        self.axes.set_title("What must a serving cost, if these prices are an equilibrium?",
                            loc="left")


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
        naive, = self.axes.plot([], [], color=HIGHLIGHT, marker="o", ms=4, lw=1.2,
                                label="naive: p ← c + η(p)")
        zeta, = self.axes.plot([], [], color=PRODUCT, marker="s", ms=4, label="ζ map")
        self.lines = [naive, zeta]
        self.axes.set(xlabel="iteration", ylabel="price (cents a serving)",
                      title=f"Which map finds the new price of {self.name}?")

    def update(self, iterations=40):
        """Show so many iterations."""
        for line, path in zip(self.lines, (self.naive, self.zeta)):
            line.set_data(np.arange(len(path))[:iterations + 1], path[:iterations + 1])
        low, high = self.naive.min(), self.naive.max()
        below, above = 0.08 * (high - low), 0.25 * (high - low)
        self.axes.set(xlim=(-0.5, iterations + 0.5), ylim=(low - below, high + above))
        self.axes.legend(loc="upper left", ncols=2)


class DiversionMap(Picture):
    """Diversion ratios of one market as a heat map; the outside good has a column of numbers.

    Parameters
    ----------
    ratios : array (J, J)
        The diagonal holds the outside good, as in `post_estimation.diversion_ratios`.
    names : list of str (J,)
    title : str, optional
    """
    size = (8.4, 6.8)

    def __init__(self, ratios, names, title="Where do buyers go when a product's price rises?",
                 **values):
        self.ratios, self.names, self.title = np.asarray(ratios), list(names), title
        super().__init__(**values)

    def draw(self, figure):
        """The map."""
        self.axes = figure.subplots()
        columns = [*self.names, "outside"]
        self.image = heat_map(self.axes, len(self.names), len(columns))
        self.axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=SMALL)
        self.axes.set_yticks(range(len(self.names)), self.names, fontsize=SMALL)
        self.outside = [self.axes.text(len(self.names), j, "", ha="center", va="center",
                                       color="white", fontsize=SMALL)
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
    shades = SHADES.with_extremes(bad="#e0e0e0", over="#00263a")
    return axes.imshow(np.zeros((rows, columns)), cmap=shades, vmin=0, vmax=25)


def signed(value, digits):
    """A number with its sign; what rounds to zero has none."""
    return f"{value:+.{digits}f}" if abs(value) >= 0.5 * 10**-digits else f"{0:.{digits}f}"


# One market under a merger -----------------------------------------------------------------------

@dataclass(frozen=True)
class MarketModel:
    """One market for a counterfactual: arrays as in `equilibrium_prices`, and who is who."""
    names: np.ndarray                                           # (J,)
    firm_ids: np.ndarray                                        # (J,)
    delta: np.ndarray                                           # (J,)
    mu: np.ndarray                                              # (J, I)
    alpha: np.ndarray                                           # (J, I)
    weights: np.ndarray                                         # (I,)
    prices: np.ndarray                                          # (J,)
    costs: np.ndarray                                           # (J,)

    def beside_delta(self, prices):
        """What utilities at other prices (..., J) have beside delta: mu + alpha dp (..., J, I)."""
        return self.mu + self.alpha * (prices - self.prices)[..., None]

    def shares(self, prices):
        """Market shares (..., J)."""
        return market_shares(self.delta, self.beside_delta(prices), self.weights)

    def surplus(self, prices):
        """Consumer surplus (5.8), in dollars a possible serving and up to a constant."""
        return consumer_surplus(self.delta, self.beside_delta(prices), self.alpha[0], self.weights)

    def diversion(self):
        """Diversion ratios (J, J) at the observed prices."""
        return diversion_ratios(choice_probabilities(self.delta, self.mu), self.weights, self.alpha)

    def own_elasticity(self, j, prices):
        """Own-price elasticity (5.3) of product j."""
        P = choice_probabilities(self.delta, self.beside_delta(prices))[j]   # (I,)
        return prices[j] * (self.weights * self.alpha[j] * P * (1 - P)).sum() / (self.weights @ P)

    def equilibrium(self, firm_ids, costs):
        """New prices (J,)."""
        H = ownership_matrix(firm_ids)
        return equilibrium_prices(self.delta, self.mu, self.alpha, self.weights, self.prices,
                                  costs, H).prices


def market_model(estimates, market):
    """The model of one market at the estimates; its prices are Bertrand-Nash under its costs."""
    m = estimates.market(market)
    return MarketModel(m.product_ids, m.firm_ids, m.delta, m.mu, m.alpha, m.weights, m.prices,
                       estimates.costs(market))


def with_price(prices, j, own):
    """Prices (n, J): product j has the prices `own` (n,), the others keep theirs (J,)."""
    changed = np.tile(prices, (len(own), 1))
    changed[:, j] = own
    return changed


class Merger(Picture):
    """A merger in one market: prices, who would catch the leavers, and one product's demand.

    What never moves is drawn once and kept, so that a slider redraws bars, curves and numbers only.

    Parameters
    ----------
    models : dict
        From the name of a demand model to its `MarketModel` of the same market.
    """
    size = (11.1, 5.3)
    STEPS = 60                          # prices at which a demand curve is computed

    def __init__(self, models, **values):
        self.models, self.maps = models, {name: model.diversion() for name, model in models.items()}
        first = next(iter(models.values()))
        self.names, self.firm_ids = first.names, first.firm_ids
        largest = first.names[first.shares(first.prices).argmax()]
        self.values = {"acquirer": 1, "target": 2, "efficiency": 0.0, "demand": next(iter(models)),
                       "product": largest, "own": 0.0}
        super().__init__(**values)

    # What is drawn once --------------------------------------------------------------------------

    def draw(self, figure):
        """Bars, the map with frames for the two firms, and the demand curve."""
        figure.set_layout_engine("none")
        places = ((0.07, 0.30, 0.385, 0.56), (0.508, 0.412, 0.214, 0.448),
                  (0.792, 0.30, 0.193, 0.56))                   # room for type at lecture size
        self.left, self.middle, self.right = (figure.add_axes(place) for place in places)
        self.headline = figure.text(0.012, 0.985, "", va="top", color=HIGHLIGHT, fontsize=13,
                                    fontweight="bold")
        self.numbers, self.flows, self.reading = (
            figure.text(x, y, "", va="top", fontsize=11, linespacing=1.25)
            for x, y in ((0.07, 0.155), (0.475, 0.275), (0.765, 0.185)))
        self.draw_bars()
        self.draw_map()
        self.draw_curve()
        self.moving = [*self.bars, self.zero, self.left.yaxis,
                       self.image, *self.edges, *self.frames, *self.middle.spines.values(),
                       *self.curves, self.area, *self.dots, self.right.xaxis, self.right.yaxis,
                       self.title, *self.keys,
                       self.headline, self.numbers, self.flows, self.reading]

    def draw_bars(self):
        """A bar for each product."""
        self.bars = self.left.bar(range(len(self.names)), np.zeros(len(self.names)))
        self.zero = self.left.axhline(0, color=TRUTH, lw=0.8)
        self.left.set_xticks([])
        below = {"rotation": 90, "ha": "center", "va": "top", "fontsize": 9.5,
                 "transform": self.left.get_xaxis_transform()}
        for j, name in enumerate(self.names):                   # drawn faster than tick labels
            self.left.text(j, -0.015, name, **below)
        self.left.set(xlim=(-0.7, len(self.names) - 0.3), ylabel="price change (percent)")
        roles = [Patch(color=HIGHLIGHT, label="acquirer"),
                 Patch(facecolor=FOURTH, hatch="///", label="target"),
                 Patch(color=RIVAL, label="rivals")]
        self.keys = [self.left.legend(handles=roles, ncols=3, loc="upper left", fontsize=11,
                                      borderaxespad=0, handlelength=1.5, columnspacing=1.2)]
        self.left.set_title("What happens to prices?", loc="left")
        self.left.yaxis.set_label_coords(-0.125, 0.5)

    def draw_map(self):
        """The map by firm, empty: products' names stand on the left, and would slow it here."""
        J = len(self.firm_ids)
        self.image = heat_map(self.middle, J, J)
        edges = np.r_[0, np.flatnonzero(np.diff(self.firm_ids)) + 1, J]
        self.edges = [line(edge, color=OUTSIDE, lw=0.8) for edge in edges[1:-1] - 0.5
                      for line in (self.middle.axvline, self.middle.axhline)]
        middles, firms = (edges[:-1] + edges[1:] - 1) / 2, self.firm_ids[edges[:-1]]
        self.middle.set_xticks(middles, firms)
        self.middle.set_yticks(middles, firms)
        self.middle.tick_params(length=0)
        frames = [Rectangle((0, 0), 1, 1, fill=False, ec=HIGHLIGHT, lw=2.5, clip_on=False)
                  for _ in range(2)]
        self.frames = [self.middle.add_patch(frame) for frame in frames]
        self.middle.set(xlabel="they go to firm", ylabel="they leave firm")
        self.middle.set_title("Who catches leavers?", loc="left")

    def draw_curve(self):
        """Two demand curves, three points, and the area that is consumers' loss or gain."""
        self.curves = [self.right.plot([], [], color=OUTSIDE, ls="--", lw=1.5, label="before")[0],
                       self.right.plot([], [], color=PRODUCT, label="after")[0]]
        triangle = Polygon(np.zeros((3, 2)), color=HIGHLIGHT, alpha=0.25, lw=0)
        self.area = self.right.add_patch(triangle)
        looks = ((OUTSIDE, "s", 7), (PRODUCT, "D", 7), (HIGHLIGHT, "o", 9))
        self.dots = [self.right.plot([], [], marker, color=colour, ms=size)[0]
                     for colour, marker, size in looks]
        self.right.set(xlabel="its share (percent)", ylabel="its price (cents)")
        self.keys.append(self.right.legend(loc="upper right", fontsize=11, borderaxespad=0))
        self.title = self.right.set_title(" ")
        self.right.locator_params(nbins=4)

    # What moves ----------------------------------------------------------------------------------

    def outcome(self):
        """Prices and costs (J,) after the merger; changes of surplus and of profits (J,), in cents.

        Cents a possible serving, those of profits by product.
        """
        v, model = self.values, self.models[self.values["demand"]]
        merging = np.isin(self.firm_ids, (v["acquirer"], v["target"]))
        costs = model.costs * np.where(merging, 1 - v["efficiency"] / 100, 1)
        prices = model.equilibrium(self.owners(), costs)
        after = (prices - costs) * model.shares(prices)
        before = (model.prices - model.costs) * model.shares(model.prices)
        surplus = model.surplus(prices) - model.surplus(model.prices)
        return prices, costs, 100 * surplus, 100 * (after - before)

    def deed(self):
        """Who buys whom and what it saves, in words."""
        v = self.values
        saving = f"{v['efficiency']:g} % of cost saved" if v["efficiency"] else ""
        if v["acquirer"] == v["target"]:
            return f"Firm {v['acquirer']} alone, {saving or 'nothing changed'}"
        return f"Firm {v['acquirer']} buys firm {v['target']}" + (f", {saving}" if saving else "")

    def owners(self):
        """Firm ids (J,) after the merger."""
        acquirer, target = self.values["acquirer"], self.values["target"]
        return np.where(self.firm_ids == target, acquirer, self.firm_ids)

    def update(self, **values):
        """The merger of `target` into `acquirer` under a `demand` model.

        Costs are lower by `efficiency` percent. After it `product` leaves its new price
        by `own` percent, alone.
        """
        self.values.update(values)
        acquirer, model = self.values["acquirer"], self.models[self.values["demand"]]
        merging = np.isin(self.firm_ids, (acquirer, self.values["target"]))
        prices, costs, surplus, profits = self.outcome()
        self.change = 100 * (prices / model.prices - 1)
        self.headline.set_text(f"{self.deed()}: consumers {verdict(surplus)}")
        who = "merging firms" if len(set(self.firm_ids[merging])) > 1 else f"firm {acquirer}"
        self.numbers.set_text(
            f"prices: {who} {signed(self.change[merging].mean(), 1)} %, "
            f"rivals {signed(self.change[~merging].mean(), 1)} %\n"
            f"profits (cents): {who} {signed(profits[merging].sum(), 3)}, "
            f"rivals {signed(profits[~merging].sum(), 3)}\n"
            f"consumers and firms together: {signed(surplus + profits.sum(), 3)} cents")
        self.move_bars()
        self.move_map()
        self.move_curve(model, prices, costs)

    def move_bars(self):
        """Heights, and colours by role; the axis has room for the legend above."""
        acquirer, target = self.values["acquirer"], self.values["target"]
        colours = {target: FOURTH, acquirer: HIGHLIGHT}
        for bar, height, firm, name in zip(self.bars, self.change, self.firm_ids, self.names):
            bar.set(height=height, edgecolor="black",
                    hatch="///" if firm == target != acquirer else None,
                    facecolor=colours.get(firm, RIVAL),
                    lw=2 if name == self.values["product"] else 0.4)
        extremes = np.clip([self.change.max(), -self.change.min()], 0, LIMITS[-1])
        up, down = LIMITS[np.searchsorted(LIMITS, extremes)]
        room = 0 if self.change.min() > -0.05 else 0.05 * (up + down)
        self.left.set_ylim(-down - room, up + 0.2 * (up + down))

    def move_map(self):
        """Diversion under the demand model, with the blocks between the two firms framed."""
        acquirer, target = self.values["acquirer"], self.values["target"]
        ratios = self.maps[self.values["demand"]]
        self.image.set_data(100 * np.where(np.eye(len(ratios), dtype=bool), np.nan, ratios))
        rows, columns = (np.flatnonzero(self.firm_ids == firm) for firm in (acquirer, target))
        for frame, down, across in zip(self.frames, (rows, columns), (columns, rows)):
            frame.set_bounds(across[0] - 0.5, down[0] - 0.5, len(across), len(down))
            frame.set_visible(acquirer != target)
        flow = [100 * ratios[np.ix_(a, b)].sum(1).mean()
                for a, b in ((rows, columns), (columns, rows))]
        lines = ["of 100 leavers (darkest: 25)",
                 f"{flow[0]:.0f} go from {acquirer} to {target},",
                 f"{flow[1]:.0f} go from {target} to {acquirer}"]
        if acquirer == target:
            lines[1:] = ["no merger, no frame"]
        self.flows.set_text("\n".join(lines))

    def move_curve(self, model, prices, costs):
        """The product's demand at its rivals' old and new prices, and what its own price does."""
        j, product = list(self.names).index(self.values["product"]), self.values["product"]
        grid = model.prices[j] * np.linspace(0.42, 1.95, self.STEPS)
        for curve, others in zip(self.curves, (model.prices, prices)):
            curve.set_data(100 * model.shares(with_price(others, j, grid))[:, j], 100 * grid)
        own = prices[j] * (1 + self.values["own"] / 100)
        here = with_price(prices, j, np.array([own]))[0]
        for dot, p in zip(self.dots, (model.prices, prices, here)):
            dot.set_data([100 * model.shares(p)[j]], [100 * p[j]])
        between = np.linspace(prices[j], own, 15)
        shares = model.shares(with_price(prices, j, between))[:, j]
        quantities, heights = np.r_[0, shares, 0], np.r_[between[0], between, between[-1]]
        self.area.set_xy(100 * np.column_stack([quantities, heights]))
        self.read(model, j, prices, here, costs)
        lowest = with_price(model.prices, j, grid[:1])
        widest = np.ceil(100 * model.shares(lowest)[0, j] / 5) * 5
        self.right.set(xlim=(0, widest), ylim=(0, 100 * grid[-1]))
        self.title.set_text(f"Demand for {product}")

    def read(self, model, j, prices, here, costs):
        """Numbers at the price of the product's own."""
        owned = self.owners() == self.owners()[j]
        gain = [((p - costs) * model.shares(p))[owned].sum() for p in (prices, here)]
        surplus = 100 * (model.surplus(here) - model.surplus(prices))
        self.reading.set_text(f"at {100 * here[j]:.1f} cents:\n"
                              f"elasticity {model.own_elasticity(j, here):.2f}\n"
                              f"consumers {signed(surplus, 3)} cents\n"
                              f"its owner {signed(100 * (gain[1] - gain[0]), 3)} cents")


def verdict(surplus):
    """What consumers lose or gain, in words."""
    if abs(surplus) < 0.0005:
        return "neither lose nor gain"
    return f"{'lose' if surplus < 0 else 'gain'} {abs(surplus):.3f} cents a possible serving"
