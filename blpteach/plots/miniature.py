"""Pictures of lesson 00: a market, endogenous prices, a halved price, and the market's size."""
import numpy as np
from matplotlib.ticker import MultipleLocator

from ..gmm import concentrate, weighting_2sls
from ..inversion import logit_delta
from ..post_estimation import (diversion_ratios, elasticities, equilibrium_prices, margins,
                               ownership_matrix, share_jacobian)
from ..utility import market_shares
from .style import HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture, keep

SMALL = 10.5                            # points, for the ids of products
SPAN = np.array([[-0.09, 0.105],        # dollars and utils, from the centre of a cloud
                 [-5, 4]])              # to the edges of the picture
LARGEST = 4                             # market size, as a multiple of the table's
BLOCKED = 5                             # percent: a merger that raises prices by more is blocked
RESULTS = {"price coefficient": "{:.2f}", "own elasticity": "{:.2f}", "Lerner index": "{:.3f}",
           "diversion to outside": "{:.3f}", "cross elasticity": "{:.3f}",
           "merger: equilibrium": "{:.1%}", "merger: one step, p = c + η": "{:.1%}"}
STABLE = 3                              # of the results hardly depend on the market size


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
        here = products[products["market_ids"] == market]
        self.table = here.sort_values("shares", ascending=False)
        super().__init__(**values)

    def draw(self, figure):
        """Bars for the products and one for the outside good."""
        names = [*self.table["product_ids"], "outside"]
        special = {self.product: HIGHLIGHT, "outside": OUTSIDE}
        colours = [special.get(name, PRODUCT) for name in names]
        self.axes = figure.subplots()
        self.bars = self.axes.bar(names, np.zeros(len(names)), color=colours)
        self.labels = [self.axes.text(k, 0, "", ha="center", va="bottom", fontsize=SMALL)
                       for k in range(len(names))]
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
        self.axes.set_title(f"Who buys what in market {self.market}? "
                            f"{heights[-1]:.0f} of 100 possible servings are none of these cereals",
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
        sums = [np.bincount(codes, column) for column in self.points.T]
        self.means = np.column_stack(sums) / count[:, None]
        self.within = self.points - self.means[codes]
        super().__init__(**values)

    def draw(self, figure):
        """Two clouds, and lines to be moved."""
        left, right = self.axes = figure.subplots(1, 2)
        left.scatter(*self.points.T, s=6, color=RIVAL, alpha=0.35, lw=0)
        left.scatter(*self.means.T, s=55, color=PRODUCT, zorder=3,
                     label="averages of the 24 products")
        left.set(xlabel="price (dollars a serving)", ylabel="mean utility δ (utils)",
                 title="Across products: does price hurt?")
        right.scatter(*self.within.T, s=6, color=RIVAL, alpha=0.35, lw=0)
        right.set(xlabel="price less its average (dollars)", ylabel="δ less its average (utils)",
                  title="Within a product: does price hurt?")
        centre = self.points.mean(0)                            # both panels have the same span
        left.set(xlim=centre[0] + SPAN[0], ylim=centre[1] + SPAN[1])
        right.set(xlim=SPAN[0], ylim=SPAN[1])
        across = np.polyfit(*self.means.T, 1)
        ends = np.array([self.means[:, 0].min(), self.means[:, 0].max()])
        left.plot(ends, np.polyval(across, ends), color=PRODUCT,
                  label=f"line through them: slope {signed(across[0], 2)}")
        left.xaxis.set_major_locator(MultipleLocator(0.05))
        right.xaxis.set_major_locator(MultipleLocator(0.05))
        self.lines = [right.plot([], [], color=colour, ls=style, label=" ")[0]
                      for colour, style in ((TRUTH, "-"), (HIGHLIGHT, "--"))]
        left.legend(loc="lower left")

    def update(self, slope=None, iv_slope=None):
        """Slopes in the right panel, in utils per dollar: of least squares and by instruments.

        A line that was never given is hidden.
        """
        self.slopes = keep(getattr(self, "slopes", {}), slope=slope, iv_slope=iv_slope)
        ends = np.array([-0.03, 0.03])
        names = {"slope": "least squares", "iv_slope": "instruments"}
        for line, (key, name) in zip(self.lines, names.items()):
            line.set_visible(key in self.slopes)
            line.set_data(ends, self.slopes.get(key, 0.0) * ends)
            line.set_label(f"{name}: slope {signed(self.slopes.get(key, 0.0), 2)}")
        self.axes[1].legend(handles=[line for line in self.lines if line.get_visible()],
                            loc="lower left")


class PriceChange(Picture):
    """What a new price of one product does to everyone else in its market, by a logit.

    Parameters
    ----------
    estimates : blpteach.Estimates
        Of a logit with price as the only column of X1.
    market : market id
    product : product id
        Whose price changes.
    near, far : product ids
        A close substitute and a remote one, marked as such.
    """
    size = (12, 4.8)

    def __init__(self, estimates, market, product, near, far, **values):
        problem, self.product = estimates.problem, product
        self.marked = {near: "its twin", far: "no sugar"}
        rows = np.flatnonzero(problem.products["market_ids"] == market)
        sugar = problem.products["sugar"].to_numpy()
        rows = rows[np.argsort(sugar[rows], kind="stable")]
        self.ids, self.sugar = problem.products["product_ids"].to_numpy()[rows], sugar[rows]
        self.delta, self.beta_price = estimates.delta[rows], estimates.beta[0]
        self.price = problem.prices[rows][self.ids == product][0]
        super().__init__(**values)

    def shares(self, change):
        """Shares (J + 1,) when the price changes by `change` percent, the outside good's last."""
        changes = self.price * change / 100 * (self.ids == self.product)
        utility = self.delta + self.beta_price * changes
        inside = market_shares(utility, np.zeros((len(utility), 1)), np.ones(1))
        return np.r_[inside, 1 - inside.sum()]

    def draw(self, figure):
        """Bars by rival in the order of sugar on the left, where buyers come from on the right."""
        self.left, self.right = figure.subplots(1, 2, width_ratios=(3.4, 1))
        self.others = np.flatnonzero(self.ids != self.product)
        names = [f"{self.ids[j]}  ({self.sugar[j]})" for j in self.others] + ["outside good"]
        colours = [self.colour(j) for j in self.others] + [OUTSIDE]
        self.bars = self.left.bar(names, np.zeros(len(names)), color=colours)
        places = list(self.ids[self.others])
        self.notes = [self.left.annotate(text, (places.index(name), 1), ha="center", va="bottom",
                                         fontsize=12) for name, text in self.marked.items()]
        self.left.tick_params(axis="x", rotation=90, labelsize=SMALL)
        self.left.grid(axis="x", visible=False)
        self.left.axhline(0, color=TRUTH, lw=0.8)
        self.all_alike = self.left.text(0.5, 0.04, "", transform=self.left.transAxes, ha="center",
                                        fontsize=13, fontweight="bold")
        self.left.set(ylabel="change in share (percent)", ylim=(-42, 20),
                      xlabel="rivals by sugar content (in parentheses), and the outside good",
                      xlim=(-1.6, len(names) - 0.2))
        self.sources = self.right.bar(["outside\ngood", "rivals"], [0, 0], width=0.6,
                                      color=[OUTSIDE, RIVAL])
        self.counts = [self.right.text(k, 0, "", ha="center", va="bottom", fontsize=13)
                       for k in range(2)]
        self.right.grid(axis="x", visible=False)
        self.right.set(ylim=(0, 100), ylabel="percent of them")

    def colour(self, j):
        """Rivals are light blue; the two that are marked stand out."""
        return dict(zip(self.marked, (SECOND, THIRD))).get(self.ids[j], RIVAL)

    def update(self, change=None):
        """Change of the price in percent."""
        self.change = getattr(self, "change", -50.0) if change is None else change
        old, new = self.shares(0), self.shares(self.change)
        heights = 100 * (new / old - 1)[np.r_[self.others, len(self.ids)]]
        for bar, height in zip(self.bars, heights):
            bar.set_height(height)
        for note in self.notes:
            note.set_y(max(heights[0], 0) + 1)
        self.left.set_title(f"Who loses buyers if the price of {self.product} changes "
                            f"by {signed(self.change, 0)} %?")
        self.all_alike.set_text(f"every one of them: {signed(heights[0], 1)} %")
        self.show_sources(old, new)

    def show_sources(self, old, new):
        """Where those who come to the product come from, or where those who leave it go."""
        losers = np.r_[self.others, len(self.ids)]
        moved = (old - new if self.change else old)[losers]     # old: the limit of a small change
        outside = 100 * moved[-1] / moved.sum()
        for bar, count, height in zip(self.sources, self.counts, (outside, 100 - outside)):
            bar.set_height(height)
            count.set(y=height, text=f"{height:.0f} %")
        self.right.set_title("Buyers lost to" if self.change > 0 else "New buyers from")


class MarketSize(Picture):
    """What the assumed size of the market does to the logit's results, estimated anew at each size.

    Parameters
    ----------
    problem : blpteach.Problem
        A logit with price as the only column of X1; its table has `firm_ids`.
    buyer : firm id
        Who takes over the other firm in the merger.
    """
    size = (12, 5.6)

    def __init__(self, problem, buyer=1, **values):
        self.problem, self.buyer = problem, buyer
        self.firms = problem.products["firm_ids"].to_numpy()
        self.beta_map, _ = concentrate(problem.X1, problem.Z, weighting_2sls(problem.Z))
        self.values = {"market_size": 1.0, "target": 2}
        self.in_the_table = {}                                  # results at size 1, by target
        super().__init__(**values)

    def results(self, market_size, target):
        """The logit estimated at this market size: a value for each of RESULTS."""
        problem, delta = self.problem, np.empty(self.problem.N)
        for block in problem.blocks:
            delta[block.index] = logit_delta(block.shares / market_size, block.weights)
        beta_price = (self.beta_map @ delta)[0]
        merged = np.where(self.firms == target, self.buyer, self.firms)
        parties = np.isin(self.firms, (self.buyer, target))
        parts = [logit_step5(delta[b.index], beta_price, b.shares / market_size,
                             problem.prices[b.index], self.firms[b.index], merged[b.index],
                             b.weights) for b in problem.blocks]
        *stacks, crosses = zip(*parts)
        own, lerner, to_outside, equilibrium, one_step = (scatter(problem, s) for s in stacks)
        values = (beta_price, own.mean(), lerner.mean(), to_outside.mean(),
                  np.concatenate(crosses).mean(),
                  equilibrium[parties].mean(), one_step[parties].mean())
        return dict(zip(RESULTS, values))

    def draw(self, figure):
        """The market above; below the merger's verdict, and results against the table's."""
        grid = figure.add_gridspec(3, 2, height_ratios=(1, 3, 3), width_ratios=(1, 2.1))
        self.top, headline, self.gauge, self.right = (figure.add_subplot(place) for place in
                                                      (grid[0, :], grid[1, 0], grid[2, 0],
                                                       grid[1:, 1]))
        self.draw_market()
        self.draw_headline(headline)
        self.draw_gauge()
        self.draw_results()
        self.moving = [self.assumed, self.rest, self.merging, self.number, self.verdict, self.rise,
                       self.limit, *self.bars, self.same, *self.before, *self.now]

    def draw_market(self):
        """What is observed, and beside it what is assumed."""
        self.observed = self.problem.shares.sum() / self.problem.T
        self.top.barh(0, self.observed, color=PRODUCT)
        self.assumed = self.top.barh(0, 1, left=self.observed, color=OUTSIDE)[0]
        self.top.text(self.observed / 2, 0, "bought", color="white", ha="center", va="center")
        self.rest = self.top.text(0, 0, "", ha="center", va="center")
        self.top.set(yticks=[], xlim=(0, LARGEST), xticks=range(1, LARGEST + 1))
        multiples = [f"{k} times" for k in range(2, LARGEST + 1)]
        self.top.set_xticklabels(["as in the table", *multiples])
        self.top.set_title("The market: what is bought is observed, "
                           "the outside good (grey) is assumed", y=1)
        self.top.spines["left"].set_visible(False)
        self.top.grid(visible=False)

    def draw_headline(self, axes):
        """Who merges, the number that matters, and the verdict on it."""
        axes.set_axis_off()
        text = {"transform": axes.transAxes, "va": "center"}
        self.merging = axes.text(0, 0.92, "", **text)
        self.number = axes.text(0, 0.52, "", fontsize=34, fontweight="bold", **text)
        self.verdict = axes.text(0, 0.1, "", fontsize=18, fontweight="bold", **text)

    def draw_gauge(self):
        """The rise of prices as a bar, and the line at which an authority blocks the merger."""
        axes = self.gauge
        self.rise = axes.barh(0, 0, height=0.5)[0]
        self.limit = axes.axvline(BLOCKED, color=TRUTH, lw=2)
        axes.text(BLOCKED - 0.3, 0.5, "passes", ha="right", va="center", color=PRODUCT)
        axes.text(BLOCKED + 0.3, 0.5, "blocked", va="center", color=HIGHLIGHT)
        axes.set(xlim=(0, 11), ylim=(-0.4, 0.7), yticks=[], xticks=(0, BLOCKED, 10))
        axes.set_xlabel("price rise (percent)", loc="left")
        axes.spines["left"].set_visible(False)

    def draw_results(self):
        """A bar for each result, as a multiple of its value in the table, and both as numbers."""
        places = np.arange(len(RESULTS))[::-1]
        colours = [PRODUCT] * STABLE + [HIGHLIGHT] * (len(RESULTS) - STABLE)
        self.bars = self.right.barh(places, np.ones(len(RESULTS)), color=colours, height=0.62)
        self.same = self.right.axvline(1, color=TRUTH, lw=1.2)
        self.right.set(xlim=(0, 2.95), xticks=(0, 0.5, 1, 2),
                       ylim=(-0.6, len(RESULTS) + 0.3), yticks=[])
        self.right.set_xticklabels(["0", "half", "same", "twice"])
        self.right.set_title("Which results move?", y=1)
        self.right.set_xlabel("compared with the result in the table's market", loc="left")
        for k, name in zip(places, RESULTS):                    # drawn twice as fast as tick labels
            self.right.text(-0.04, k, name, ha="right", va="center")
        self.right.spines["bottom"].set_bounds(0, 2)
        self.before, self.now = (
            [self.right.text(x, k, "", ha="right", va="center", color=colour) for k in places]
            for x, colour in ((2.42, "#555555"), (2.93, TRUTH)))
        for x, text in ((2.42, "table"), (2.93, "now")):
            self.right.text(x, len(RESULTS) - 0.1, text, ha="right", va="center",
                            fontweight="bold")

    def update(self, market_size=None, target=None):
        """Market size as a multiple of the table's; the firm that is taken over."""
        self.values = keep(self.values, market_size=market_size, target=target)
        size, target = self.values["market_size"], self.values["target"]
        if target not in self.in_the_table:
            self.in_the_table[target] = self.results(1.0, target)
        now, before = self.results(size, target), self.in_the_table[target]
        for name, bar, left, right in zip(RESULTS, self.bars, self.before, self.now):
            bar.set_width(now[name] / before[name])
            left.set_text(RESULTS[name].format(before[name]).replace("-", "−"))
            right.set_text(RESULTS[name].format(now[name]).replace("-", "−"))
        self.show_market(size)
        self.show_verdict(100 * now["merger: equilibrium"])

    def show_market(self, size):
        """The observed part stays; the rest is what was assumed."""
        self.assumed.set_width(size - self.observed)
        assumed = 100 * (1 - self.observed / size)
        self.rest.set(x=(self.observed + size) / 2, text=f"{assumed:.0f} %")

    def show_verdict(self, rise):
        """By how many percent the merging firms' prices rise, and what an authority says."""
        blocked = rise > BLOCKED
        colour = HIGHLIGHT if blocked else PRODUCT
        self.merging.set_text(f"Firms {self.buyer} and {self.values['target']} merge. Prices:")
        self.number.set(text=f"{signed(rise, 1)} %", color=colour)
        self.verdict.set(text="blocked" if blocked else "passes", color=colour)
        self.rise.set(width=rise, facecolor=colour)


def logit_step5(delta, beta_price, shares, prices, firms, merged, weights):
    """Step 5 of a logit on a stack of markets: five arrays (..., J), and cross elasticities, flat.

    Own elasticities, Lerner indices, diversion to the outside good, and what a merger
    does to prices, as fractions of them: in the new equilibrium, and after one step `p = c + eta`,
    the margins eta taken with the new owners at the old shares.
    """
    J, P = np.arange(shares.shape[-1]), shares[..., None]
    alpha = np.full(P.shape, beta_price)
    jacobian = share_jacobian(P, weights, alpha)
    H = ownership_matrix(merged)
    before = margins(shares, jacobian, ownership_matrix(firms))
    one_step = (margins(shares, jacobian, H) - before) / prices
    found = equilibrium_prices(delta, np.zeros_like(P), alpha, weights, prices, prices - before, H,
                               tolerance=1e-10)
    E = elasticities(jacobian, prices, shares)                  # (..., J, J)
    to_outside = diversion_ratios(P, weights, alpha)[..., J, J]
    return (E[..., J, J], before / prices, to_outside, found.prices / prices - 1, one_step,
            E[..., J[:, None] != J].ravel())


def scatter(problem, stacks):
    """Values (..., J) of blocks as one array (N,) in the order of the products table."""
    out = np.empty(problem.N)
    for block, stack in zip(problem.blocks, stacks):
        out[block.index] = stack
    return out


def signed(value, digits):
    """A number with its sign, a real minus, and no negative zero."""
    return f"{round(value, digits) + 0:+.{digits}f}".replace("-", "−")
