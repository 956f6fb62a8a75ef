"""Pictures of lesson 01: who loses buyers, how tastes vary, integrals, buyers, and diversion."""
import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy.stats import norm

from ..tables.integration import gauss_hermite, halton, monte_carlo, sobol
from ..inversion import invert_shares
from ..utility import buyers, choice_probabilities, market_shares, taste_deviations
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, TRUTH, Picture, keep


class Losses(Picture):
    """The part of its buyers that each rival loses when a product gets cheaper, against its sugar.

    The dashed line is a logit in which the product gains as much: every rival,
    and the outside good, loses the same part. It is also the average of the losses shown,
    each weighted by its share, if the outside good is among them.

    Parameters
    ----------
    sugar : array (R,)
        Sugar of each rival.
    names : list of str
        Labels of the rivals; an empty one is not written.
    product : str
        The product that became cheaper.
    unit : str
        Of sugar.
    part : float
        The new price as a part of the old.
    hollow : (str, array (R,)), optional
        A name and which rivals it fits: their points are hollow.
    """
    size = (9.5, 4.2)

    def __init__(self, sugar, names, product, unit="grams in a serving", hollow=None, part=0.5,
                 **values):
        self.sugar, self.names = np.asarray(sugar, float), names
        self.product, self.unit = product, unit
        direction = "cheaper" if part < 1 else "dearer"
        self.event = (f"{product} at half price" if part == 0.5
                      else f"{product} {abs(100 * (1 - part)):.0f} % {direction}")
        self.kind, self.hollow = hollow or ("", np.zeros(len(self.sugar)))
        self.hollow = np.asarray(self.hollow, bool)
        super().__init__(**values)

    def draw(self, figure):
        """A line at the logit's answer, a point for each rival, a square for the outside good."""
        self.axes = axes = figure.subplots()
        self.line = axes.axhline(0, color=TRUTH, ls="--")
        x, hollow = self.sugar, self.sugar[self.hollow]
        self.points, = axes.plot(x, 0 * x, "o", color=PRODUCT, ms=10)
        self.rings, = axes.plot(hollow, 0 * hollow, "o", color="white", ms=5)
        self.square, = axes.plot([-0.11 * x.max()], [np.nan], "s", color=OUTSIDE, ms=10)
        named, self.marks = [bool(name) for name in self.names], None
        if not all(named):
            self.marks, = axes.plot(x, 0 * x, "o", color=HIGHLIGHT, ms=11, markevery=named)
        self.labels = [axes.annotate(name, (at, 0), xytext=(9, 7), textcoords="offset points")
                       for at, name in zip(x, self.names)]
        axes.set(xlabel=f"sugar of the rival ({self.unit})", ylabel="buyers lost", ylim=(0, 0.85),
                 xticks=MaxNLocator(8, integer=True).tick_values(0, self.sugar.max()))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))

    def update(self, logit=None, tastes=None, outside=None):
        """Fractions of their buyers that are lost.

        Parameters
        ----------
        logit : float, optional
            By every rival, in a logit with the same gain.
        tastes : array (R,), optional
            By each rival, with random tastes; without it, the logit's.
        outside : float, optional
            By the outside good; it is not shown without.
        """
        if logit is not None:
            self.logit = logit
        heights = np.full(len(self.sugar), self.logit) if tastes is None else np.asarray(tastes)
        self.line.set_ydata([self.logit] * 2)
        self.line.set_label("logit" if tastes is None else "logit with the same gain")
        self.points.set_ydata(heights)
        self.rings.set_ydata(heights[self.hollow])
        if self.marks:
            self.marks.set_ydata(heights)
        hollow = f" (hollow: {self.kind})" if self.kind else ""
        self.points.set_label("each rival" if tastes is None else f"with random tastes{hollow}")
        self.show_outside(outside)
        for label, x, height in zip(self.labels, self.sugar, heights):
            self.place(label, x, height)
        least, most = 100 * heights.min(), 100 * heights.max()
        finding = (f"every rival loses {100 * self.logit:.0f} %" if np.ptp(heights) < 1e-6
                   else f"rivals lose from {least:.0f} to {most:.0f} % of their buyers")
        self.axes.set_title(f"{self.event}: {finding}", loc="left")
        self.axes.legend(loc="upper left")

    def show_outside(self, loss):
        """The outside good's square, left of zero, or no room for it."""
        self.square.set_ydata([np.nan if loss is None else loss])
        self.square.set_label(None if loss is None else "outside good")
        left = -0.02 if loss is None else -0.16
        self.axes.set_xlim(left * self.sugar.max(), 1.15 * self.sugar.max())

    def place(self, label, x, height):
        """Where a rival's name has room: to its right; above left if there are many points."""
        label.xy = (x, height)
        above = height >= self.logit - 1e-9
        label.set(position=(9, 7 if above else -16), ha="left")
        if self.marks:
            label.set(position=(-9, 7) if above else (6, 12), ha="right" if above else "left")


class TasteCloud(Picture):
    """Tastes of simulated consumers for two characteristics; the ellipse holds 95 % of them.

    Parameters
    ----------
    nodes : array (n, 2)
        Independent standard normal draws.
    names : (str, str)
        The two characteristics.
    """
    size = (6.4, 4.6)

    def __init__(self, nodes, names, **values):
        self.nodes, self.names = nodes, names
        angle = np.linspace(0, 2 * np.pi, 181)
        unit_circle = np.column_stack([np.cos(angle), np.sin(angle)])
        self.circle = np.sqrt(-2 * np.log(0.05)) * unit_circle
        super().__init__(**values)

    def draw(self, figure):
        """Points and an ellipse."""
        self.axes = axes = figure.subplots()
        self.points, = axes.plot([], [], ".", color=RIVAL, ms=4, alpha=0.5)
        self.ellipse, = axes.plot([], [], color=PRODUCT, label="95 % of consumers")
        axes.set(xlabel=f"taste for {self.names[0]}, less the mean (utils)",
                 ylabel=f"taste for {self.names[1]}, less the mean (utils)",
                 xlim=(-7, 7), ylim=(-7, 7))
        axes.legend(loc="upper right")

    def update(self, sigma=None):
        """Lower-triangular sigma (2, 2)."""
        self.sigma = np.eye(2) if sigma is None else sigma
        self.points.set_data(*(self.nodes @ self.sigma.T).T)
        self.ellipse.set_data(*(self.circle @ self.sigma.T).T)
        cov = self.sigma @ self.sigma.T
        correlation = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
        self.axes.set_title(f"Correlation of the two tastes: {correlation:+.2f}", loc="left")


class PriceSlopes(Picture):
    """How consumer types' utility falls with price.

    Parameters
    ----------
    alpha : array (n,)
        Price coefficients, in utils per dollar.
    """
    size = (9.5, 3.6)

    def __init__(self, alpha, **values):
        self.alpha = np.ravel(alpha)
        super().__init__(**values)

    def draw(self, figure):
        """A histogram with mean and median."""
        self.axes = axes = figure.subplots()
        self.edges = np.arange(-500, 1, 10)
        left = self.edges[:-1]
        self.bars = axes.bar(left, 0 * left, width=10, align="edge", color=RIVAL)
        self.mean = axes.axvline(0, color=HIGHLIGHT)
        self.median = axes.axvline(0, color=TRUTH, ls="--")
        axes.set(xlabel="price coefficient of a type (utils per dollar)",
                 ylabel="consumer types", xlim=(-500, 5))

    def update(self, alpha=None):
        """Price coefficients, in utils per dollar."""
        self.alpha = self.alpha if alpha is None else np.ravel(alpha)
        counts = np.histogram(self.alpha, self.edges)[0]
        mean, median = self.alpha.mean(), np.median(self.alpha)
        for bar, count in zip(self.bars, counts):
            bar.set_height(count)
        for line, value, name in ((self.mean, mean, "mean"), (self.median, median, "median")):
            line.set_xdata([value] * 2)
            line.set_label(f"{name} {value:.1f}")
        self.axes.set_ylim(0, 1.08 * counts.max())
        self.axes.set_title(f"A few of {len(self.alpha):,} consumer types "
                            "mind the price far more than most", loc="left")
        beyond = f"{(self.alpha < -500).sum()} types are left of -500"
        self.axes.legend(loc="upper left", title=beyond, alignment="left")


RULES = (("Monte Carlo", monte_carlo, "o-", HIGHLIGHT),
         ("scrambled Halton", halton, "s-", PRODUCT),
         ("scrambled Sobol", sobol, "^-", SECOND))


class Points(Picture):
    """The first points of a draw rule in two dimensions, as probabilities in the unit square.

    The square is cut into 8 x 8 small ones, and those without a point are counted and shaded.

    Parameters
    ----------
    size : int
        Points, a power of two.
    """
    size = (10.5, 4.1)
    cells = 8

    def __init__(self, size=128, **values):
        self.count, self.empty = size, {}
        super().__init__(**values)

    def draw(self, figure):
        """A square for each rule."""
        self.panels = figure.subplots(1, len(RULES))
        edges = np.linspace(0, 1, self.cells + 1)
        self.dots, self.shades = {}, {}
        for axes, (name, _, _, colour) in zip(self.panels, RULES):
            grey = np.zeros((self.cells, self.cells))
            self.shades[name] = axes.imshow(grey, extent=(0, 1, 0, 1), origin="lower",
                                            cmap="Greys", vmin=0, vmax=4)
            self.dots[name], = axes.plot([], [], "o", color=colour, ms=4)
            axes.set(xlim=(0, 1), ylim=(0, 1), xticks=edges, yticks=edges, aspect="equal",
                     xticklabels=[], yticklabels=[])
            axes.grid(True, color="#cccccc", lw=0.6)
        self.panels[0].set_ylabel("second dimension")
        for axes in self.panels:
            axes.set_xlabel("first dimension")

    def update(self, seed=0):
        """Seed of the draws, and of the scrambling."""
        for axes, (name, rule, *_) in zip(self.panels, RULES):
            x, y = norm.cdf(rule(self.count, seed=seed).draws(self.count, 2)).T
            self.dots[name].set_data(x, y)
            filled = np.histogram2d(y, x, self.cells, [[0, 1], [0, 1]])[0]
            self.shades[name].set_data(filled == 0)
            self.empty[name] = int((filled == 0).sum())
            axes.set_title(f"{name}: {self.empty[name]} of {self.cells**2} empty", fontsize=12)


class IntegrationErrors(Picture):
    """Error of simulated market shares against the number of nodes, rule by rule.

    Parameters
    ----------
    delta : array (J,)
    X2 : array (J, 2)
    Gamma : array (2, 2)
    seeds : int
        Repetitions of each draw rule.
    """
    size = (9.5, 4.8)

    def __init__(self, delta, X2, Gamma, seeds=12, **values):
        self.delta, self.X2, self.Gamma, self.seeds = delta, X2, Gamma, seeds
        self.sizes = 2 ** np.arange(4, 13)
        self.points = np.array([3, 4, 5, 7, 9, 12, 16, 24, 32, 48, 64])
        super().__init__(**values)

    def shares(self, rule):
        """Market shares (J,) by one rule."""
        nodes, weights = rule.nodes_and_weights(1, self.X2.shape[1])
        mu = taste_deviations(self.X2, nodes[0], self.Gamma)
        return market_shares(self.delta, mu, weights[0])

    def error(self, rules):
        """Root mean squared error over products and rules."""
        return np.sqrt(np.mean([(self.shares(rule) - self.exact) ** 2 for rule in rules]))

    def compute(self):
        """Errors of each rule by number of nodes, and the slopes of their logarithms."""
        self.exact = self.shares(gauss_hermite(120))
        self.errors, self.slopes = {}, {}
        for name, rule, *_ in RULES:
            errors = [self.error([rule(n, seed=seed) for seed in range(self.seeds)])
                      for n in self.sizes]
            self.errors[name] = np.array(errors)
            self.slopes[name] = np.polyfit(np.log(self.sizes), np.log(errors), 1)[0]
        self.errors["Gauss-Hermite"] = np.array([self.error([gauss_hermite(q)])
                                                 for q in self.points])

    def draw(self, figure):
        """A line for each rule on logarithmic axes."""
        self.axes = axes = figure.subplots()
        sizes, grids = self.sizes, self.points**2
        self.lines = {name: axes.loglog(sizes, 1 + 0 * sizes, style, color=colour)[0]
                      for name, _, style, colour in RULES}
        self.lines["Gauss-Hermite"], = axes.loglog(grids, 1 + 0 * grids, "D-", color=FOURTH)
        axes.set(xlabel="number of nodes", ylabel="error of a market share",
                 ylim=(1e-10, 0.1), xlim=(8, 6000),
                 title="How many nodes for how small an error? It depends on the rule")

    def update(self, scale=None):
        """All of Gamma times `scale`."""
        if scale is not None:
            self.Gamma = scale * self.Gamma
        self.compute()
        for name, line in self.lines.items():
            line.set_ydata(self.errors[name])
            line.set_label(f"{name}: slope {self.slopes[name]:.2f}" if name in self.slopes
                           else "Gauss-Hermite product: no fixed slope")
        self.axes.legend(loc="lower left")


class DrawnOnce(Picture):
    """A market share as sigma moves: with nodes drawn once, and drawn anew at every value.

    Parameters
    ----------
    share : function
        From sigma and nodes (I, 1) to the share.
    size : int
        Draws.
    """
    size = (9.5, 3.6)

    def __init__(self, share, size=200, **values):
        self.share, self.count = share, size
        self.sigmas = np.linspace(1, 2, 51)
        super().__init__(**values)

    def draw(self, figure):
        """Two lines."""
        self.axes = axes = figure.subplots()
        self.anew, = axes.plot(self.sigmas, 0 * self.sigmas, "o-", color=HIGHLIGHT, lw=1, ms=4,
                               label="drawn anew at every sigma")
        self.once, = axes.plot(self.sigmas, 0 * self.sigmas, color=PRODUCT, label="drawn once")
        axes.set(xlabel="sigma on sugar (utils per 10 grams)", ylabel="share of Stars",
                 title="What would a search over sigma see?")
        axes.legend(loc="upper left")

    def update(self, seed=0):
        """Seed of the nodes that are drawn once, and of the first of the others."""
        nodes = [monte_carlo(self.count, seed=seed + k).draws(self.count, 1)
                 for k in range(len(self.sigmas))]
        self.once.set_ydata([self.share(sigma, nodes[0]) for sigma in self.sigmas])
        self.anew.set_ydata([self.share(sigma, fresh) for sigma, fresh in zip(self.sigmas, nodes)])
        self.axes.relim()
        self.axes.autoscale_view(scalex=False)


class Buyers(Picture):
    """Density of one taste among everyone, the buyers of two products, and who buys nothing.

    Parameters
    ----------
    shares : array (J,)
        Observed shares; delta is inverted anew for each sigma.
    x : array (J,)
        The characteristic.
    products : dict
        From label to position, two products.
    name : str
        Of the characteristic, for the axis.
    """
    size = (9.5, 4.3)

    def __init__(self, shares, x, products, name="sugar", **values):
        self.shares, self.x, self.products, self.name = shares, x, products, name
        self.nu = np.linspace(-4, 4, 161)
        self.weights = norm.pdf(self.nu) / norm.pdf(self.nu).sum()
        super().__init__(**values)

    def draw(self, figure):
        """Lines."""
        self.axes = axes = figure.subplots()
        axes.plot(self.nu, norm.pdf(self.nu), color=TRUTH, ls="--", lw=1.6, label="all consumers")
        self.lines = {label: axes.plot(self.nu, 0 * self.nu, color=colour)[0]
                      for label, colour in zip(self.products, (HIGHLIGHT, PRODUCT))}
        self.nothing, = axes.plot(self.nu, 0 * self.nu, color=OUTSIDE, ls="-.")
        axes.set(xlabel=f"taste for {self.name}, nu (standard deviations)",
                 ylabel="density", ylim=(0, 0.98), xlim=(-3.5, 3.9))

    def update(self, sigma=None):
        """Standard deviation of the taste, in utils per unit of x."""
        self.sigma = 2.0 if sigma is None else sigma
        mu = self.sigma * np.outer(self.x, self.nu)
        P = choice_probabilities(invert_shares(self.shares, mu, self.weights).delta, mu)
        B, step = buyers(P, self.weights), self.nu[1] - self.nu[0]
        outside = self.weights * (1 - P.sum(0))
        crowds = [(line, B[self.products[label]], f"buyers of {label}")
                  for label, line in self.lines.items()]
        crowds += [(self.nothing, outside / outside.sum(), "buy nothing")]
        for line, density, label in crowds:
            line.set_ydata(density / step)
            line.set_label(f"{label}: mean {density @ self.nu:+.2f}")
        first, second = self.products
        finding = f"Buyers of {first} and buyers of {second} are different crowds"
        self.axes.set_title(finding if self.sigma else "With sigma = 0 all crowds are alike",
                            loc="left")
        self.axes.legend(loc="upper right")


class Diversion(Picture):
    """Where the new buyers of a cheaper product come from, whether IIA holds, and the types behind.

    The number compares two rivals: the part of its buyers that the second product loses over
    the part that the least sugary one loses. Independence of irrelevant alternatives makes it one.

    Parameters
    ----------
    names : list of str
    shares, prices, sugar, group : arrays (J,)
        `group` is a dummy. The product that becomes cheaper is the first.
    beta_price : float
        Utils per unit of price, the same for all.
    size : int
        Consumer types, scrambled Halton.
    """
    size = (11.5, 4.8)

    def __init__(self, names, shares, prices, sugar, group, beta_price, size=500, **values):
        self.names, self.shares, self.prices = names, shares, prices
        self.group, self.beta_price = group, beta_price
        self.sugar, self.far = sugar, int(np.argmin(sugar))
        self.X2 = np.column_stack([np.ones(len(shares)), sugar, group])
        nodes, weights = halton(size, seed=0).nodes_and_weights(1, 3)
        self.nodes, self.weights = nodes[0], weights[0]
        self.values = {"sigma_constant": 0.0, "sigma_sugar": 3.0, "sigma_group": 0.0, "cut": 50}
        super().__init__(**values)

    def outcome(self):
        """Choice probabilities (J, I) before the cut, and the shares (J,) after it."""
        v = self.values
        sigma = np.diag([v["sigma_constant"], v["sigma_sugar"], v["sigma_group"]])
        mu = taste_deviations(self.X2, self.nodes, sigma)
        delta = invert_shares(self.shares, mu, self.weights).delta
        cheaper = delta.copy()
        cheaper[0] -= self.beta_price * self.prices[0] * v["cut"] / 100
        return choice_probabilities(delta, mu), market_shares(cheaper, mu, self.weights)

    def draw(self, figure):
        """Bars with the logit's markers on the left; the number above the types on the right."""
        grid = figure.add_gridspec(2, 2, width_ratios=(1.9, 1), height_ratios=(1, 2.6))
        self.left, number, self.right = (figure.add_subplot(place) for place in
                                         (grid[:, 0], grid[0, 1], grid[1, 1]))
        self.draw_bars()
        self.draw_number(number)
        self.draw_types(self.right)
        self.moving = [*self.bars, self.marks, *self.texts, self.key, self.types,
                       self.number, self.verdict, self.title]

    def draw_bars(self):
        """A bar for each rival and the outside good, with the logit's mark on it."""
        labels = [f"{name}\n{10 * x:.0f} g" for name, x in zip(self.names[1:], self.sugar[1:])]
        labels += ["outside\ngood"]
        colours = [PRODUCT if member else SECOND for member in self.group[1:]] + [OUTSIDE]
        self.bars = self.left.bar(labels, np.zeros(len(labels)), color=colours, width=0.62)
        self.logit = np.append(self.shares[1:], 1 - self.shares.sum()) / (1 - self.shares[0])
        self.marks, = self.left.plot(range(len(labels)), self.logit, "_", color=TRUTH, ms=44,
                                     mew=2.5, label="the logit's answer")
        self.texts = [self.left.text(k, 0, "", ha="center", va="bottom")
                      for k in range(len(labels))]
        self.left.set(ylim=(0, 0.8), yticks=np.arange(0, 0.9, 0.2),
                      ylabel=f"part of the new buyers of {self.names[0]}")
        self.left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        self.left.grid(axis="x", visible=False)
        self.title = self.left.set_title(" ")
        groups = [Patch(color=PRODUCT, label="sugary"), Patch(color=SECOND, label="bran")]
        self.key = self.left.legend(handles=[*groups, self.marks], loc="upper left", ncols=3,
                                    markerscale=0.45, columnspacing=1.2, handlelength=1.4)

    def draw_number(self, axes):
        """The number that matters, and what it is."""
        axes.set_axis_off()
        self.number = axes.text(0, 0.5, "", fontsize=22, fontweight="bold", va="center",
                                transform=axes.transAxes)
        self.verdict = axes.text(0.5, 0.5, "", fontsize=11, va="center", linespacing=1.35,
                                 transform=axes.transAxes)

    def draw_types(self, axes):
        """Every type is a dot, and the ray holds the types with the logit's odds."""
        a, b = self.shares[self.group == 1].sum(), self.shares[self.group == 0].sum()
        far = 1 / (a + b)
        axes.plot([0, a * far], [0, b * far], color=TRUTH, lw=1.2, ls="--")
        axes.text(a * far + 0.03, b * far, "the logit's odds", fontsize=10, va="center")
        axes.plot([0, 1], [1, 0], color=OUTSIDE, lw=1.2)
        axes.text(0.25, 0.78, "always buys a cereal", fontsize=10, color="#666666")
        self.types, = axes.plot([], [], "o", color=FOURTH, ms=5.5, alpha=0.35, mew=0)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1),
                 xlabel="buys a sugary cereal", ylabel="buys a bran cereal")
        axes.set_title("Each dot: a type's probabilities", fontsize=12)

    def update(self, sigma_constant=None, sigma_sugar=None, sigma_group=None, cut=None):
        """Standard deviations of the three tastes, and the price cut in percent."""
        self.values = keep(self.values, sigma_constant=sigma_constant, sigma_sugar=sigma_sugar,
                           sigma_group=sigma_group, cut=cut)
        P, after = self.outcome()
        lost = np.append((self.shares - after)[1:], after.sum() - self.shares.sum())
        self.diversion = lost / (after[0] - self.shares[0])
        self.multiples = self.diversion / self.logit
        for bar, text, height, logit, multiple in zip(self.bars, self.texts, self.diversion,
                                                      self.logit, self.multiples):
            bar.set_height(height)
            text.set(y=max(height, logit) + 0.012, text=f"×{multiple:.2f}")
        self.types.set_data(P[self.group == 1].sum(0), P[self.group == 0].sum(0))
        self.say()

    def say(self):
        """The number, its verdict on IIA, and the finding above the bars."""
        self.ratio = self.multiples[0] / self.multiples[self.far - 1]
        holds = np.ptp(self.multiples[:-1]) < 1e-6
        near, far = self.names[1], self.names[self.far]
        digits = 2 if self.ratio < 10 else 1 if self.ratio < 100 else 0
        self.number.set(text=f"×{self.ratio:.{digits}f}", color=TRUTH if holds else HIGHLIGHT)
        self.verdict.set_text(f"part lost by {near}\nover {far}'s part\nlogit: ×1.00")
        cut = f"{self.names[0]} {self.values['cut']:.0f} % cheaper"
        self.title.set_text(f"{cut}: {self.finding()}")

    def finding(self):
        """What the multiples say of IIA, in words."""
        inside = self.multiples[:-1]
        if np.ptp(self.multiples) < 1e-6:
            return "all lose the same part of their buyers"
        if np.ptp(inside) < 1e-6:
            return "inside goods lose the same part, the outside good less"
        if len(set(inside.round(6))) == len(inside):
            return "IIA is broken: each rival loses a different part"
        return "IIA is broken, but holds within a group"
