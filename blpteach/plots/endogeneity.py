"""Pictures of lesson 03: endogenous prices, moments, units of instruments, and many samples."""
import numpy as np
import pandas as pd

from ..gmm import concentrate, iv_gmm, weighting_2sls
from .style import HIGHLIGHT, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture, keep

LABELS = {"least_squares": "least squares", "instruments": "instruments", "truth": "truth"}
COLOURS = {"least_squares": HIGHLIGHT, "instruments": PRODUCT, "truth": TRUTH}
STYLES = {"least_squares": "--", "instruments": "-", "truth": ":"}


class PriceAndQuality(Picture):
    """Price against unobserved quality, and against mean utility with lines of demand.

    Parameters
    ----------
    price, xi, delta : arrays (N,)
        Price and mean utility net of the exogenous characteristics; the true xi.
    """
    size = (11.5, 4.4)

    def __init__(self, price, xi, delta, **values):
        self.price, self.xi, self.delta, self.values = price, xi, delta, {}
        super().__init__(**values)

    def draw(self, figure):
        """Two clouds, a fitted line on the left, three movable ones on the right."""
        self.left, self.right = figure.subplots(1, 2)
        ends = np.array([self.price.min(), self.price.max()])
        labels = "unobserved quality ξ (utils)", "mean utility δ, net too (utils)"
        for axes, y, label in zip((self.left, self.right), (self.xi, self.delta), labels):
            axes.plot(self.price, y, ".", color=RIVAL, ms=4, alpha=0.5)
            axes.set(xlabel="price, net of observed characteristics", ylabel=label)
        slope = self.price @ self.xi / (self.price @ self.price)
        self.left.plot(ends, slope * ends, color=HIGHLIGHT, label=f"slope {slope:+.2f}")
        self.left.legend(loc="upper left")
        self.left.set_title("Do firms charge more for what is better?")
        self.lines = {name: self.right.plot([], [], STYLES[name], color=COLOURS[name])[0]
                      for name in LABELS}

    def update(self, least_squares=None, instruments=None, truth=None):
        """Slopes of demand, in utils per unit of price; a line that was never given is hidden."""
        self.values = keep(self.values, least_squares=least_squares, instruments=instruments,
                           truth=truth)
        ends = np.array([self.price.min(), self.price.max()])
        for name, slope in self.values.items():
            self.lines[name].set_data(ends, slope * ends)
            self.lines[name].set_label(f"{LABELS[name]}: {slope:.2f}")
        if self.values:
            self.right.legend(loc="lower left", frameon=True, framealpha=0.85, edgecolor="none")
        found = "instruments" in self.values
        question = "Do instruments find the slope?" if found else "How steep does demand look?"
        self.right.set_title(question, loc="left")


class Inelastic(Picture):
    """Own elasticities in the logit by price coefficient, with the inelastic products counted.

    Parameters
    ----------
    prices, shares : arrays (N,)
    least_squares, instruments : float
        Price coefficients, in utils per thousand dollars; a row for each that is given.
    """

    def __init__(self, prices, shares, **values):
        self.reach, self.rows = prices * (1 - shares), list(values)     # elasticity / beta_price
        self.edges = np.linspace(-5, 0, 51)
        self.values = values
        self.size = (10.5, 1.2 + 1.9 * len(values))
        super().__init__(**values)

    def draw(self, figure):
        """A histogram for each row: blue elastic, vermilion inelastic."""
        all_axes = figure.subplots(len(self.rows), 1, sharex=True, squeeze=False)[:, 0]
        self.axes = dict(zip(self.rows, all_axes))
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        colours = [PRODUCT] * 40 + [HIGHLIGHT] * 10
        self.bars = {name: axes.bar(centres, 0 * centres, 0.1, color=colours)
                     for name, axes in self.axes.items()}
        self.texts = {}
        for name, axes in self.axes.items():
            axes.axvline(-1, color=TRUTH, ls=":")
            axes.set(ylim=(0, 420), xlim=(-5, 0), ylabel="rows")
            self.texts[name] = axes.text(-4.9, 392, "", va="top")
        all_axes[-1].set_xlabel("own-price elasticity (rows beyond -5 are in the leftmost bar)")
        all_axes[0].set_title("Which cars would earn more at a higher price? All those right of -1")

    def update(self, least_squares=None, instruments=None):
        """Price coefficients, in utils per thousand dollars."""
        given = {"least_squares": least_squares, "instruments": instruments}
        self.values = keep(self.values, **{name: given[name] for name in self.rows})
        self.inelastic = {name: int((beta_price * self.reach > -1).sum())
                          for name, beta_price in self.values.items()}
        for name, beta_price in self.values.items():
            counts = np.histogram(np.clip(beta_price * self.reach, -4.99, -0.001), self.edges)[0]
            for bar, count in zip(self.bars[name], counts):
                bar.set_height(count)
            self.texts[name].set_text(f"{LABELS[name]}: {beta_price:.4f}\n"
                                      f"{self.inelastic[name]} of {len(self.reach)} inelastic")


class Profile(Picture):
    """The objective in the price coefficient, other tastes concentrated out, by instruments.

    Parameters
    ----------
    delta : array (N,)
    exogenous : array (N, K1 - 1)
        The columns of X1 other than price.
    price : array (N,)
    sets : dict
        From a label to the excluded instruments (N, m).
    """
    size = (10.5, 4.4)

    def __init__(self, delta, exogenous, price, sets, **values):
        self.grid, self.curves = np.linspace(-0.3, 0, 121), {}
        for name, excluded in sets.items():
            Z = np.column_stack([excluded, exogenous])
            _, moment_map = concentrate(exogenous, Z, weighting_2sls(Z))
            self.curves[name] = moment_map @ np.column_stack([delta, price])     # (M, 2)
        self.beta_price = 0.0
        super().__init__(**values)

    def objective(self, name, beta_price):
        """q by one set of instruments, at one or several price coefficients."""
        r_delta, r_price = self.curves[name].T
        return ((r_delta[:, None] - np.outer(r_price, beta_price)) ** 2).sum(0)

    def minimum(self, name):
        """Where the parabola is lowest."""
        r_delta, r_price = self.curves[name].T
        return r_price @ r_delta / (r_price @ r_price)

    def draw(self, figure):
        """A parabola for each set with a dot at its minimum, and a vertical line to move."""
        self.axes = figure.subplots()
        for name, colour, style in zip(self.curves, (PRODUCT, SECOND, THIRD), ("-", "--", "-.")):
            best = self.minimum(name)
            self.axes.plot(self.grid, self.objective(name, self.grid), style, color=colour,
                           label=f"{name}: lowest at {best:.4f}")
            self.axes.plot(best, self.objective(name, best), "o", color=colour, ms=9)
        self.line = self.axes.axvline(0, color=HIGHLIGHT, ls=":")
        self.axes.set(xlabel="price coefficient (utils per 1000 dollars)", xlim=(-0.3, 0),
                      ylabel="objective q", ylim=(0, 850))
        self.axes.set_title("Which price coefficient do the instruments want? Each set another")

    def update(self, beta_price=None):
        """Where the vertical line stands."""
        self.beta_price = self.beta_price if beta_price is None else beta_price
        self.line.set_xdata([self.beta_price] * 2)
        self.line.set_label(f"least squares: {self.beta_price:.4f}")
        self.axes.legend(loc="upper center")


class Units(Picture):
    """The estimated price coefficient as one instrument changes its units, by two weightings.

    Parameters
    ----------
    delta : array (N,)
    X1 : array (N, K1)
        Price in the last column.
    Z : array (N, M)
    names : list of str
        Of the columns of Z.
    """
    size = (10.5, 4.2)

    def __init__(self, delta, X1, Z, names, **values):
        self.delta, self.X1, self.Z, self.names = delta, X1, Z, names
        self.factors, self.column = np.logspace(-3, 3, 25), 0
        super().__init__(**values)

    def draw(self, figure):
        """Two lines on a logarithmic axis."""
        self.axes = figure.subplots()
        x = self.factors
        identity, = self.axes.semilogx(x, 0 * x, "o--", color=HIGHLIGHT, ms=4, label="W = identity")
        scaled, = self.axes.semilogx(x, 0 * x, "s-", color=PRODUCT, ms=4, label="W = (Z'Z/N)⁻¹")
        self.lines = {"identity": identity, "2sls": scaled}
        self.axes.axhline(0, color=TRUTH, lw=1)
        self.axes.set(ylabel="price coefficient\n(utils per 1000 dollars)", xlim=(8e-4, 1.2e3))
        self.axes.legend(loc="upper right")

    def estimate(self, factor):
        """The price coefficient by both weights, with the column multiplied by `factor`."""
        Z = self.Z.copy()
        Z[:, self.column] *= factor
        weights = (np.eye(Z.shape[1]), weighting_2sls(Z))
        return [iv_gmm(self.delta, self.X1, Z, W)[-1] for W in weights]

    def update(self, column=None):
        """Which instrument changes its units."""
        self.column = self.column if column is None else column
        self.estimates = np.array([self.estimate(factor) for factor in self.factors])    # (25, 2)
        for line, values in zip(self.lines.values(), self.estimates.T):
            line.set_ydata(values)
        self.axes.relim()
        self.axes.autoscale_view(scalex=False)
        self.axes.set_xlabel(f"{self.names[self.column]} is multiplied by")
        self.axes.set_title("With identity weights the estimate depends "
                            "on the units of an instrument", loc="left")


TOP = 40                                # percent of the samples: higher bars end there, and say so
ROOM = 12                               # above them for legend and arrows
STRONG = 10                             # first-stage F below this warns of weak instruments


class Sampling(Picture):
    """Least squares and instruments over many samples of one small economy: `y = -p + xi`.

    `p = sqrt(strength) z + sqrt(1 - strength) v`, where z is the sum
    of M instruments scaled to variance one, and `xi = correlation v + sqrt(1 - correlation^2) e`.
    All shocks are drawn once; the parameters only mix their cross products.

    Parameters
    ----------
    replications : int
    largest : int
        Observations of the largest sample.
    M : int
        Instruments.
    seed : int
    """
    size = (11.5, 4.6)
    beta_price, step = -1.0, 50

    def __init__(self, replications=400, largest=1000, M=4, seed=0, **values):
        self.M, self.edges = M, np.linspace(-2.5, 0.5, 61)
        shape = (replications, largest // self.step, self.step, M + 2)
        shocks = np.random.default_rng(seed).standard_normal(shape)     # Z, v, e in the last axis
        self.products = (shocks.mT @ shocks).cumsum(1)                  # (R, sizes, M + 2, M + 2)
        self.values = {"correlation": 0.7, "strength": 0.3, "N": 200}
        super().__init__(**values)

    def cross_products(self):
        """What the estimators need of each sample: `Z'Z, Z'p, Z'xi, p'p, p'xi, xi'xi` (R, ...)."""
        rho, strength, N = (self.values[name] for name in ("correlation", "strength", "N"))
        C, M = self.products[:, int(N) // self.step - 1], self.M        # (R, M + 2, M + 2)
        z = np.full(M, np.sqrt(strength / M))
        p = np.r_[z, np.sqrt(1 - strength), 0]                          # as mixtures of (Z, v, e)
        xi = np.r_[np.zeros(M), rho, np.sqrt(1 - rho**2)]
        Zp, Zxi = (C @ p)[:, :M], (C @ xi)[:, :M]
        return C[:, :M, :M], Zp, Zxi, C @ p @ p, C @ xi @ p, C @ xi @ xi

    def estimate(self):
        """Estimates (R,) of both kinds, whether their intervals cover the truth, first-stage F."""
        ZZ, Zp, Zxi, pp, pxi, xixi = self.cross_products()
        N, M = self.values["N"], self.M
        first = np.linalg.solve(ZZ, Zp[..., None])[..., 0]      # (R, M)
        pPp = np.vecdot(first, Zp)                              # p'P p with the projection P on Z
        parts = {"least_squares": (pxi / pp, pp),
                 "instruments": (np.vecdot(first, Zxi) / pPp, pPp)}
        self.estimates, self.covers = {}, {}
        for name, (error, variation) in parts.items():
            residual_squares = xixi - 2 * error * pxi + error**2 * pp
            self.estimates[name] = self.beta_price + error
            self.covers[name] = error**2 <= 1.96**2 * residual_squares / N / variation
        self.F = pPp / M / (np.maximum(pp - pPp, 1e-9) / (N - M))

    def draw(self, figure):
        """F and a table, and beside them two histograms with an arrow for each bias."""
        side, self.axes = figure.subplots(1, 2, width_ratios=(1, 2.1))
        empty = np.zeros(len(self.edges) - 1)
        self.steps = {}
        for name, hatch in (("least_squares", "///"), ("instruments", "")):
            self.steps[name] = self.axes.stairs(empty, self.edges, fill=True, fc=COLOURS[name],
                                                alpha=0.65, label=LABELS[name], hatch=hatch,
                                                ec="white", lw=0)
        truth = self.axes.axvline(self.beta_price, color=TRUTH, ls=":", label="truth")
        self.axes.set(xlabel="estimated price coefficient (what lies beyond: outermost bars)",
                      xlim=(self.edges[0], self.edges[-1]), ylim=(0, TOP + ROOM),
                      yticks=range(0, TOP + 1, 10), ylabel="samples (percent)")
        self.higher = {name: self.axes.text(0, TOP, "", va="top", color=COLOURS[name])
                       for name in self.steps}
        key, self.title = self.axes.legend(loc="upper left"), self.axes.set_title(" ")
        self.draw_arrows()
        self.draw_table(side)
        self.moving = [truth, key, self.title, self.number, self.verdict]
        for part in (self.steps, self.higher, self.arrows, self.heads, self.biases, self.texts):
            self.moving += part.values()

    def draw_arrows(self):
        """From the truth to the median estimate, one for each estimator, near the top."""
        self.heights = {"least_squares": 0.95, "instruments": 0.86}
        self.arrows, self.heads, self.biases = {}, {}, {}
        for name, y in self.heights.items():
            look = {"color": COLOURS[name], "transform": self.axes.get_xaxis_transform()}
            self.arrows[name], = self.axes.plot([], [], **look)
            self.heads[name], = self.axes.plot([], [], "o", ms=8, **look)
            self.biases[name] = self.axes.text(0, y, "", va="center", **look)

    def draw_table(self, side):
        """The large F, names of rows and columns, and the texts that `update` fills."""
        side.axis("off")
        columns = {"least_squares": ("least\nsquares", 0.66),
                   "instruments": ("instru-\nments", 1.0)}
        rows = {"spread": ("middle half\nspans", 0.28),
                "coverage": ("95 % interval\ncovers in", 0.08)}
        text, self.texts = {"transform": side.transAxes, "va": "center"}, {}
        for label, y in rows.values():
            side.text(0, y, label, **text)
        for name, (label, x) in columns.items():
            right = {**text, "ha": "right", "color": COLOURS[name]}
            side.text(x, 0.46, label, **right)
            for row, (_, y) in rows.items():
                self.texts[row, name] = side.text(x, y, "", weight="bold", **right)
        side.text(0, 1.0, "median first-stage F", **text)
        self.number = side.text(0, 0.84, "", weight="bold", fontsize=32, **text)
        self.verdict = side.text(0, 0.68, "", **text)

    def update(self, correlation=None, strength=None, N=None):
        """Correlation of v and xi; the instruments' part of the variance of price; sample size."""
        self.values = keep(self.values, correlation=correlation, strength=strength, N=N)
        self.estimate()
        for name, b in self.estimates.items():
            self.count(name, 100 * np.histogram(np.clip(b, -2.499, 0.499), self.edges)[0] / len(b))
            self.point(name)
            for row, value in self.summary(name).items():
                if (row, name) in self.texts:                   # the bias stands at its arrow
                    self.texts[row, name].set_text(value)
        F = np.median(self.F)
        colour = HIGHLIGHT if F < STRONG else PRODUCT
        self.number.set(text=f"{F:.1f}" if F < 1e4 else "> 10⁴", color=colour)
        verdict = "dangerous: below" if F < STRONG else "no alarm: at least"
        self.verdict.set(text=f"{verdict} {STRONG}", color=colour)
        self.title.set_text(self.finding())

    def count(self, name, percent):
        """Draw the bars of one estimator; beside those cut at TOP stands how high they go."""
        highest = np.argmax(percent)
        self.steps[name].set_data(np.minimum(percent, TOP))
        over = np.flatnonzero(percent > TOP)
        self.higher[name].set(text=f" {percent[highest]:.0f} %" if len(over) else "",
                              x=self.edges[over.max(initial=0) + 1])

    def point(self, name):
        """Move the arrow of one estimator to its median."""
        middle = np.clip(np.median(self.estimates[name]), *self.edges[[0, -1]])
        y = self.heights[name]
        self.arrows[name].set_data([self.beta_price, middle], [y, y])
        self.heads[name].set_data([middle], [y])
        self.biases[name].set_text(f"bias {self.bias(name):+.2f}")
        self.biases[name].set_x(max(middle, self.beta_price) + 0.05)

    def bias(self, name):
        """Median estimate less the truth, rounded to two digits, never a negative zero."""
        return round(float(np.median(self.estimates[name]) - self.beta_price), 2) + 0.0

    def summary(self, name):
        """Bias, spread and coverage of one estimator, as texts."""
        spread = np.subtract(*np.quantile(self.estimates[name], [0.75, 0.25]))
        return {"bias": f"{self.bias(name):+.2f}", "spread": f"{spread:.2f}",
                "coverage": f"{100 * self.covers[name].mean():.0f} %"}

    def numbers(self):
        """The numbers beside the picture, as a table."""
        F = ["", f"{np.median(self.F):.1f}"]
        table = pd.DataFrame({LABELS[name]: self.summary(name) for name in self.estimates}).T
        return table.assign(**{"median F": F})

    def finding(self):
        """The title: which estimator is centred on the truth."""
        bias = {name: abs(np.median(b) - self.beta_price) for name, b in self.estimates.items()}
        words = {name: "on the truth" if value < 0.05 else f"off by {value:.2f}"
                 for name, value in bias.items()}
        return f"Least squares {words['least_squares']}, instruments {words['instruments']}"
