"""Pictures of lesson 09: implied costs, the objective in the price coefficient, and conduct."""
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..examples import AUTOMOBILE_OPTIMUM, automobile_parameters, supply
from ..post_estimation import margins, ownership_matrix, share_jacobian
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, TRUTH, Picture, keep


def estimated_cars():
    """The automobiles evaluated where the lesson's search ends, for who can't wait for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Column `weights` of agents sums")
        problem, _ = supply()
    return problem.evaluate(**automobile_parameters(*AUTOMOBILE_OPTIMUM))


# Costs -------------------------------------------------------------------------------------------

class TwoDemands(Picture):
    """Implied margin over price under two demand models, one panel each; above 1 no cost is left.

    Parameters
    ----------
    prices : array (N,)
        In thousands of dollars.
    costs : dict
        From the name of a model to costs (N,).
    """
    size = (11.5, 4.4)

    def __init__(self, prices, costs, **values):
        self.prices = np.asarray(prices)
        self.costs = {name: np.asarray(c) for name, c in costs.items()}
        super().__init__(**values)

    def draw(self, figure):
        """A cloud in each panel, and what is impossible above one."""
        self.panels = figure.subplots(1, len(self.costs), sharex=True, sharey=True)
        self.clouds = {}
        for axes, name in zip(self.panels, self.costs):
            axes.axhspan(1, 3, color=HIGHLIGHT, alpha=0.12, lw=0)
            axes.axhline(1, color=OUTSIDE, lw=1.2)
            axes.text(66, 1.06, "cost below zero", color=HIGHLIGHT, ha="right", fontsize=11)
            positive, = axes.plot([], [], "o", ms=3.5, color=PRODUCT, mew=0, alpha=0.5)
            negative, = axes.plot([], [], "v", ms=4.5, color=HIGHLIGHT, mew=0, alpha=0.6)
            self.clouds[name] = positive, negative
            axes.set(xscale="log", xlabel="price (1000 dollars)", xlim=(3, 70), ylim=(0, 2.5))
            axes.set_xticks([4, 6, 10, 20, 40], [4, 6, 10, 20, 40])
            axes.minorticks_off()
        self.panels[0].set_ylabel("margin / price")

    def update(self, **costs):
        """New costs (N,) of the models named."""
        self.costs.update(costs)
        for axes, (name, c) in zip(self.panels, self.costs.items()):
            for dots, chosen in zip(self.clouds[name], (c >= 0, c < 0)):
                dots.set_data(self.prices[chosen], (1 - c / self.prices)[chosen])
            axes.set_title(f"{name}:\n{(c < 0).sum()} of {len(c)} costs below zero",
                           loc="left", fontsize=12)


# The searches ------------------------------------------------------------------------------------

class PriceProfile(Picture):
    """The objective of a logit in its price coefficient above, the costs at their bound below.

    Parameters
    ----------
    beta_price, objective, at_bound : arrays (G,)
        A grid, the objective, and how many of N costs are at the bound.
    N : int
    """
    size = (10, 5.2)

    def __init__(self, beta_price, objective, at_bound, N, **values):
        self.grid, self.objective = np.asarray(beta_price), np.asarray(objective)
        self.at_bound, self.N, self.marked = np.asarray(at_bound), N, {}
        super().__init__(**values)

    def draw(self, figure):
        """Two panels with one axis of price coefficients."""
        self.axes, self.below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
        self.axes.semilogy(self.grid, self.objective, "o-", color=PRODUCT, ms=3.5)
        self.below.fill_between(self.grid, 100 * self.at_bound / self.N, color=HIGHLIGHT,
                                alpha=0.6, lw=0)
        low, high = self.objective.min(), self.objective.max()
        self.axes.set(ylabel="objective q", ylim=(0.7 * low, 1.6 * high))
        self.axes.set_yticks([500, 1000, 2000, 4000], [500, 1000, 2000, 4000])
        self.axes.minorticks_off()
        self.below.set(xlabel="price coefficient (utils per 1000 dollars)",
                       xlim=(self.grid.min(), 0), ylabel="at bound\n(percent)", ylim=(0, 105))
        self.axes.set_title("Which valley is real? The deepest one has no costs left to explain")
        self.lines = {}

    def update(self, **marked):
        """Price coefficients to mark, by a name for the legend."""
        self.marked.update(marked)
        looks = ((TRUTH, ":"), (SECOND, "--"), (FOURTH, "-."))
        for (name, value), (colour, style) in zip(self.marked.items(), looks):
            if name not in self.lines:
                self.lines[name] = self.axes.axvline(value, color=colour, ls=style)
            self.lines[name].set_xdata([value] * 2)
            self.lines[name].set_label(f"{name.replace('_', ' ')}: {value:.3f}")
        if self.lines:
            self.axes.legend(loc="upper left", fontsize=11)


class Race(Picture):
    """How far above the minimum each search is, the best point so far.

    Parameters
    ----------
    paths : dict
        From the name of a search to the objective at each evaluation.
    minimum : float
    """
    size = (9.5, 4.0)

    def __init__(self, paths, minimum, **values):
        self.paths = {name: np.asarray(path) for name, path in paths.items()}
        self.minimum = minimum
        super().__init__(**values)

    def draw(self, figure):
        """A line for each search."""
        self.axes = figure.subplots()
        looks = zip(self.paths, ((PRODUCT, "o-"), (HIGHLIGHT, "s--"), (SECOND, "^-.")))
        self.lines = {name: self.axes.semilogy([], [], style, color=colour, ms=5, label=name)[0]
                      for name, (colour, style) in looks}
        self.axes.set(xlabel="evaluations of the objective", ylabel="q above its minimum",
                      title="Which search gets to the bottom, from two percent away?")

    def update(self, evaluations=None):
        """Show so many evaluations, or all."""
        for name, path in self.paths.items():
            best = np.maximum(np.minimum.accumulate(path)[:evaluations] - self.minimum, 1e-9)
            self.lines[name].set_data(np.arange(1, len(best) + 1), best)
        self.axes.relim()
        self.axes.autoscale_view()
        self.axes.legend(loc="lower left")


# Conduct -----------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Year:
    """One market: what margins need, and how its cars are grouped."""
    shares: np.ndarray                                          # (J,)
    jacobian: np.ndarray                                        # (J, J)
    prices: np.ndarray                                          # (J,)
    firm_ids: np.ndarray                                        # (J,)
    groups: dict                                                # from "price", "size", ... to (J,)

    def margins(self, holdings, scale):
        """Margins (J,) of Bertrand-Nash with holdings in other firms (5.6), times a scale."""
        H = ownership_matrix(self.firm_ids, holdings)
        return scale * margins(self.shares, self.jacobian, H)


def years(estimates):
    """Every market of the automobiles at the estimates, by its year."""
    table, found = estimates.problem.products, {}
    for year in sorted(estimates.problem.market_labels):
        m = estimates.market(year)
        jacobian = share_jacobian(m.P, m.weights, m.alpha)
        found[int(year)] = Year(m.shares, jacobian, m.prices, m.firm_ids,
                                groups(table.iloc[m.rows]))
    return found


SIZES = ("smallest", "small", "middle", "large", "largest")
PRICES = ("cheapest", "cheap", "middle", "dear", "dearest")


def groups(table):
    """Labels of one year's cars: the four largest makers and the rest; fifths of size and price."""
    sold = table.groupby("firm_ids")["shares"].sum().nlargest(4).index
    region = table.drop_duplicates("firm_ids").set_index("firm_ids")["region"]
    names = {firm: f"firm {firm}\n({region[firm]})" for firm in sold}
    maker = table["firm_ids"].map(lambda firm: names.get(firm, "others"))
    size, price = (pd.qcut(table[name].rank(method="first"), 5, labels=labels)
                   for name, labels in (("space", SIZES), ("prices", PRICES)))
    return {"price": np.asarray(price), "size": np.asarray(size), "firm": maker.to_numpy()}


def in_order(by, labels):
    """The five labels from left to right; firms by their number, the others last."""
    if by != "firm":
        return {"price": PRICES, "size": SIZES}[by]
    firms = sorted(set(labels) - {"others"}, key=lambda label: int(label.split()[1]))
    return [*firms, "others"]


class Conduct(Picture):
    """What one year's prices say about costs, by how firms are thought to compete.

    On the left the margin of every car as a fraction of its price, above one where the car
    would cost less than nothing; on the right mean price of a group, divided into cost and margin.
    What never moves is drawn once and kept.

    Parameters
    ----------
    estimates : Estimates, optional
        Of the automobiles; without them, those of the lesson.
    """
    size = (11.2, 4.9)
    BARS = 5

    def __init__(self, estimates=None, **values):
        self.years = years(estimates or estimated_cars())
        self.values = {"scale": 1.0, "holdings": 0.0, "year": 1990, "by": "price"}
        super().__init__(**values)

    def draw(self, figure):
        """A cloud, bars, and texts that are moved later."""
        figure.set_layout_engine("none")
        self.left = figure.add_axes((0.075, 0.13, 0.41, 0.62))
        self.right = figure.add_axes((0.56, 0.13, 0.425, 0.62))
        self.headline = figure.text(0.012, 0.975, "", va="top", color=HIGHLIGHT, fontsize=13.5,
                                    fontweight="bold")
        self.reading = figure.text(0.012, 0.9, "", va="top", fontsize=11.5)
        self.draw_cloud()
        self.draw_bars()
        self.moving = [self.headline, self.reading, self.cloud, self.negative,
                       *self.margin_bars, *self.cost_bars, self.zero, self.price_marks,
                       *self.names]

    def draw_cloud(self):
        """Margins as fractions of prices, the impossible ones on a coloured ground."""
        self.left.axhspan(1, 3, color=HIGHLIGHT, alpha=0.12, lw=0)
        self.left.text(65, 2.12, "cost below zero", color=HIGHLIGHT, ha="right", va="top",
                       fontsize=11)
        style = {"mew": 0, "alpha": 0.75}
        self.cloud, = self.left.plot([], [], "o", ms=5, color=PRODUCT, **style)
        self.negative, = self.left.plot([], [], "v", ms=6, color=HIGHLIGHT, **style)
        self.left.set(xscale="log", xlim=(3, 70), xlabel="price (1000 dollars)",
                      ylim=(-0.05, 2.2), ylabel="margin / price")
        self.left.set_xticks([4, 6, 10, 20, 40], [4, 6, 10, 20, 40])
        self.left.minorticks_off()
        self.left.set_title("Margin of each car", loc="left", fontsize=12)

    def draw_bars(self):
        """For each group a bar to its cost, one from there to its price, and a mark there."""
        places, nothing = np.arange(self.BARS), np.zeros(self.BARS)
        self.margin_bars = self.right.bar(places, nothing, 0.75, color=RIVAL, alpha=0.55,
                                          hatch="//", ec="white", lw=0, label="margin")
        self.cost_bars = self.right.bar(places, nothing, 0.42, color=PRODUCT, label="implied cost")
        self.price_marks, = self.right.plot([], [], "_", color=TRUTH, ms=34, mew=2.2,
                                            label="price")
        self.zero = self.right.axhline(0, color=TRUTH, lw=0.8)
        self.right.set(ylabel="mean (1000 dollars)", ylim=(-9, 36),
                       xlim=(-0.6, self.BARS - 0.4), xticks=[])
        below = {"ha": "center", "va": "top", "fontsize": 9.5,
                 "transform": self.right.get_xaxis_transform()}
        self.names = [self.right.text(k, -0.02, "", **below) for k in places]
        self.right.legend(loc="upper left", ncols=3, fontsize=10.5, handlelength=1.4,
                          columnspacing=1.1, borderaxespad=0.1, markerscale=0.5)
        self.right.set_title("What prices are made of", loc="left", fontsize=12)

    def update(self, scale=None, holdings=None, year=None, by=None):
        """Margins times `scale`; the weight `holdings` on rivals' profits; which year; groups."""
        self.values = keep(self.values, scale=scale, holdings=holdings, year=year, by=by)
        market = self.years[self.values["year"]]
        self.eta = market.margins(self.values["holdings"], self.values["scale"])
        self.costs, self.below = market.prices - self.eta, self.eta > market.prices
        self.negative_share = self.below.mean()
        for dots, chosen in ((self.cloud, ~self.below), (self.negative, self.below)):
            dots.set_data(market.prices[chosen], np.minimum(self.eta / market.prices, 2.15)[chosen])
        self.update_bars(market)
        self.headline.set_text(f"{self.conduct()}: {self.below.sum()} of {len(self.costs)} costs "
                               f"are negative ({100 * self.negative_share:.0f} %)")
        self.reading.set_text(
            f"{self.values['year']}: mean price {1000 * market.prices.mean():,.0f} dollars, "
            f"cost {1000 * self.costs.mean():,.0f}, margin {1000 * self.eta.mean():,.0f}; "
            f"margin / price {(self.eta / market.prices).mean():.2f} on average")

    def update_bars(self, market):
        """Means of the five groups."""
        labels = market.groups[self.values["by"]]
        cars = pd.DataFrame({"price": market.prices, "cost": self.costs, "margin": self.eta})
        means = cars.groupby(labels).mean()
        self.table = means.loc[list(in_order(self.values["by"], labels))]
        bars = zip(self.cost_bars, self.margin_bars, self.names, self.table.iterrows())
        for cost_bar, margin_bar, text, (name, row) in bars:
            cost_bar.set(height=row["cost"], color=HIGHLIGHT if row["cost"] < 0 else PRODUCT)
            margin_bar.set(y=row["cost"], height=row["margin"])
            text.set_text(name)
        self.price_marks.set_data(range(self.BARS), self.table["price"].to_numpy())

    def conduct(self):
        """What the two numbers mean, in words."""
        scale, holdings = self.values["scale"], self.values["holdings"]
        if scale == 0:
            return "Perfect competition"
        named = {0: "Bertrand-Nash", 1: "Joint monopoly"}
        name = named.get(holdings, f"Weight {holdings:.2f} on rivals")
        return name if scale == 1 else f"{name}, margins × {scale:.2f}"
