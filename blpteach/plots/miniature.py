"""Pictures of lesson 00: a market, why price is endogenous, and what a halved price does in the logit."""
import numpy as np
from matplotlib.ticker import MultipleLocator

from ..gmm import concentrate, weighting_2sls
from ..inversion import logit_delta
from ..utility import market_shares
from .style import HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture

SMALL = 10.5                                                    # points, for the ids of products


class Market(Picture):
    """Shares of one market, largest first, with the outside good.

    Parameters
    ----------
    products : DataFrame
    market : market id
    product : product id
        The one that the lesson follows, in the highlight colour.
    """
    size = (11, 3.9)

    def __init__(self, products, market, product, **values):
        self.market, self.product = market, product
        self.table = products[products["market_ids"] == market].sort_values("shares", ascending=False)
        super().__init__(**values)

    def draw(self, figure):
        """Bars for the products and one for the outside good."""
        names = [*self.table["product_ids"], "outside"]
        colours = [HIGHLIGHT if name == self.product else OUTSIDE if name == "outside" else PRODUCT for name in names]
        self.axes = figure.subplots()
        self.bars = self.axes.bar(names, np.zeros(len(names)), color=colours)
        self.labels = [self.axes.text(k, 0, "", ha="center", va="bottom", fontsize=SMALL) for k in range(len(names))]
        self.axes.tick_params(axis="x", rotation=90, labelsize=SMALL)
        self.axes.grid(axis="x", visible=False)
        self.axes.set(ylabel="share (percent of servings)", xlim=(-0.8, len(names) - 0.2))

    def update(self, market_size=None):
        """Shares if the market is `market_size` times as large as the table assumes."""
        self.market_size = getattr(self, "market_size", 1.0) if market_size is None else market_size
        shares = self.table["shares"].to_numpy() / self.market_size
        heights = 100 * np.r_[shares, 1 - shares.sum()]
        for bar, label, height in zip(self.bars, self.labels, heights):
            bar.set_height(height)
            label.set(y=height, text=f"{height:.1f}")
        self.axes.set_ylim(0, 1.12 * heights.max())
        self.axes.set_title(f"Who buys what in market {self.market}? {heights[-1]:.0f} of 100 possible servings are none of these cereals",
                            loc="left")


class Slopes(Picture):
    """Price against mean utility, across products on the left and within a product on the right.

    Parameters
    ----------
    delta, prices : arrays (N,)
    product_ids : array (N,)
    """
    size = (11, 4.3)

    def __init__(self, delta, prices, product_ids, **values):
        codes = np.unique(product_ids, return_inverse=True)[1]
        count = np.bincount(codes)
        self.points = np.column_stack([prices, delta])          # (N, 2)
        self.means = np.column_stack([np.bincount(codes, column) / count for column in self.points.T])
        self.within = self.points - self.means[codes]
        super().__init__(**values)

    def draw(self, figure):
        """Two clouds, and lines to be moved."""
        left, right = self.axes = figure.subplots(1, 2)
        left.scatter(*self.points.T, s=6, color=RIVAL, alpha=0.35, lw=0)
        left.scatter(*self.means.T, s=55, color=PRODUCT, zorder=3, label="averages of the 24 products")
        left.set(xlabel="price (dollars a serving)", ylabel="mean utility δ (utils)", title="Across products, the expensive are not liked less")
        right.scatter(*self.within.T, s=6, color=RIVAL, alpha=0.35, lw=0)
        right.set(xlabel="price less the product's average (dollars)", ylabel="δ less the product's average (utils)",
                  title="Within a product, a higher price sells less")
        across = np.polyfit(*self.means.T, 1)
        ends = np.array([self.means[:, 0].min(), self.means[:, 0].max()])
        left.plot(ends, np.polyval(across, ends), color=HIGHLIGHT, label=f"slope across them: {across[0]:+.2f}")
        left.xaxis.set_major_locator(MultipleLocator(0.05))
        self.lines = [right.plot([], [], color=colour, ls=style, label=" ")[0] for colour, style in ((TRUTH, "-"), (HIGHLIGHT, "--"))]
        left.legend(loc="lower left")

    def update(self, slope=None, iv_slope=None):
        """Lines through the origin of the right panel: least squares and instruments, in utils per dollar."""
        given = {"slope": slope, "iv_slope": iv_slope}
        self.slopes = {**getattr(self, "slopes", {"slope": 0.0, "iv_slope": 0.0}), **{k: v for k, v in given.items() if v is not None}}
        ends = np.array([-0.03, 0.03])
        for line, slope, name in zip(self.lines, self.slopes.values(), ("least squares", "instruments")):
            line.set_data(ends, slope * ends)
            line.set_label(f"{name}: {slope:.2f}")
        self.axes[1].legend(loc="lower left")


class PriceChange(Picture):
    """What a new price of one product does to everyone else in its market, by the logit estimated on all markets.

    Parameters
    ----------
    problem : blpteach.Problem
        A logit with price as the only column of X1.
    market : market id
    product : product id
        Whose price changes.
    near, far : product ids
        A close substitute and a remote one, marked as such.
    """
    size = (12, 4.8)

    def __init__(self, problem, market, product, near, far, **values):
        self.problem, self.product, self.marked = problem, product, {near: "its twin", far: "no sugar"}
        self.beta_map, _ = concentrate(problem.X1, problem.Z, weighting_2sls(problem.Z))
        rows = np.flatnonzero(problem.products["market_ids"] == market)
        sugar = problem.products["sugar"].to_numpy()
        self.rows = rows[np.argsort(sugar[rows], kind="stable")]
        self.ids, self.sugar = problem.products["product_ids"].to_numpy()[self.rows], sugar[self.rows]
        self.price = problem.prices[self.rows][self.ids == product][0]
        self.values = {"change": -50.0, "market_size": 1.0}
        super().__init__(**values)

    def logit(self, market_size):
        """delta (N,) and the price coefficient if the market is `market_size` times as large."""
        delta = np.empty(self.problem.N)
        for block in self.problem.blocks:
            delta[block.index] = logit_delta(block.shares / market_size, block.weights)
        return delta, (self.beta_map @ delta)[0]

    def outcome(self):
        """The price coefficient, shares before and after (J + 1,), the outside good's last, and the mean own elasticity."""
        delta, beta_price = self.logit(self.values["market_size"])
        shares = self.problem.shares / self.values["market_size"]
        old, delta = shares[self.rows], delta[self.rows]
        delta = delta + beta_price * self.price * self.values["change"] / 100 * (self.ids == self.product)
        new = market_shares(delta, np.zeros((len(delta), 1)), np.ones(1))
        own = (beta_price * self.problem.prices * (1 - shares)).mean()
        return beta_price, np.r_[old, 1 - old.sum()], np.r_[new, 1 - new.sum()], own

    def draw(self, figure):
        """Bars by rival in the order of sugar on the left, and where buyers come from on the right."""
        self.left, self.right = figure.subplots(1, 2, width_ratios=(3.4, 1))
        self.others = np.flatnonzero(self.ids != self.product)
        names = [f"{self.ids[j]}  ({self.sugar[j]})" for j in self.others] + ["outside good"]
        self.bars = self.left.bar(names, np.zeros(len(names)), color=[self.colour(j) for j in self.others] + [OUTSIDE])
        self.notes = [self.left.annotate(text, (list(self.ids[self.others]).index(name), 1), ha="center", va="bottom", fontsize=12)
                      for name, text in self.marked.items()]
        self.left.tick_params(axis="x", rotation=90, labelsize=SMALL)
        self.left.grid(axis="x", visible=False)
        self.left.axhline(0, color=TRUTH, lw=0.8)
        self.left.set(ylabel="change in share (percent)", xlabel="rivals by sugar content, and the outside good",
                      ylim=(-42, 20), xlim=(-1.6, len(names) - 0.2))
        self.sources = self.right.bar(["outside\ngood", "rivals"], [0, 0], color=[OUTSIDE, RIVAL], width=0.6)
        self.counts = [self.right.text(k, 0, "", ha="center", va="bottom", fontsize=13) for k in range(2)]
        self.right.grid(axis="x", visible=False)
        self.right.set(ylim=(0, 100), ylabel="percent of them")
        self.message = self.right.set_xlabel("price coefficient\nmean own elasticity", labelpad=8)

    def colour(self, j):
        """Rivals are light blue; the two that are marked stand out."""
        return dict(zip(self.marked, (SECOND, THIRD))).get(self.ids[j], RIVAL)

    def update(self, change=None, market_size=None):
        """Change of the price in percent; market size as a multiple of the one in the table."""
        given = {"change": change, "market_size": market_size}
        self.values.update({name: value for name, value in given.items() if value is not None})
        beta_price, old, new, own = self.outcome()
        heights = 100 * (new / old - 1)[np.r_[self.others, len(self.ids)]]
        for bar, height in zip(self.bars, heights):
            bar.set_height(height)
        for note in self.notes:
            note.set_y(max(heights[0], 0) + 1)
        self.left.set_title(f"The price of {self.product} changes by {self.values['change']:+.0f} %: "
                            f"every rival changes by {heights[0].round(1) + 0:+.1f} %", loc="left")
        self.show_sources(old, new)
        self.message.set_text(f"price coefficient {beta_price:.2f}\nmean own elasticity {own:.2f}")

    def show_sources(self, old, new):
        """Where those who come to the product come from, or where those who leave it go."""
        moved = (old - new)[np.r_[self.others, len(self.ids)]]
        moved = moved if self.values["change"] else old[np.r_[self.others, len(self.ids)]]    # the limit of a small change
        outside = 100 * moved[-1] / moved.sum()
        for bar, count, height in zip(self.sources, self.counts, (outside, 100 - outside)):
            bar.set_height(height)
            count.set(y=height, text=f"{height:.0f} %")
        self.right.set_title("It loses buyers to" if self.values["change"] > 0 else "New buyers come from", loc="left")
