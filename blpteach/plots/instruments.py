"""Pictures of lesson 07: what the data say of a taste, and what instruments find in samples."""
import time
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..gmm import concentrate, weighting_2sls
from ..identification import first_stages
from ..instruments import blp_instruments, differentiation_instruments
from ..problem import Problem
from ..progress import Progress
from ..simulation import Truth, simulate
from .style import FOURTH, HIGHLIGHT, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture, keep

SETS = ("sums", "quadratic", "quadratic and counts", "local", "sums and quadratic")
COLOURS = dict(zip(SETS, (PRODUCT, HIGHLIGHT, FOURTH, SECOND, THIRD)))
HATCHES = dict(zip(SETS, ("", "///", "\\\\\\", "...", "xx")))
SIGMA = 1.0                             # the true standard deviation of tastes for x
GRID = np.linspace(0, 3, 7)             # where shares are inverted
FINE = np.linspace(0, 3, 301)           # where the objective is compared
SHAPES = ("straight", "bent")           # of mean utility in x: without and with x squared in X1
HALF_WIDTH = 1.5                        # of the range of x
FAILURE = 1.0                           # a middle half as wide as the truth says nothing of it


# An experiment with many samples -----------------------------------------------------------------

def truth_around(centre):
    """Tastes and costs of `x - centre`: wherever x lies, utilities and costs are the same."""
    beta, gamma = (3.25 - 1.5 * centre, -2.0, 1.5, 0.5), (1.6 - 0.4 * centre, 0.4, 0.3, 0.5, 0.4)
    return Truth(beta=beta, sigma=(0.0, SIGMA, 0.0), pi=0.0, gamma=gamma)


@dataclass(frozen=True)
class Sample:
    """One sample: columns of X1 and Z by set, shares inverted at all of GRID.

    Attributes
    ----------
    X1 : array (N, 4)
        1, prices, x, group.
    excluded : dict
        From the name of a set to its instruments (N, m), two cost shifters first.
    delta, slopes : arrays (7, N)
        Mean utility and its derivative in sigma at each value of GRID.
    """
    X1: np.ndarray
    excluded: dict
    delta: np.ndarray
    slopes: np.ndarray

    def objective(self, name, shape="straight"):
        """q (301,) at each value of FINE; moments follow cubics between the values of GRID."""
        exogenous = self.exogenous(shape)
        X, Z = (np.column_stack([first, exogenous])
                for first in (self.X1[:, 1], self.excluded[name]))
        _, moment_map = concentrate(X, Z, weighting_2sls(Z))
        return (cubic(self.delta @ moment_map.T, self.slopes @ moment_map.T) ** 2).sum(1)

    def exogenous(self, shape="straight"):
        """1, x, group (N, 3), and x squared where mean utility may bend (N, 4)."""
        straight = self.X1[:, [0, 2, 3]]
        return straight if shape == "straight" else np.column_stack([straight, straight[:, 1] ** 2])

    def relevance(self, name, shape="straight"):
        """Conditional F of sigma at its true value."""
        Q = np.linalg.qr(self.exogenous(shape))[0]
        endogenous = np.column_stack([self.X1[:, 1], self.slopes[GRID == SIGMA][0]])
        Y, Z = (values - Q @ (Q.T @ values) for values in (endogenous, self.excluded[name]))
        return first_stages(Y, Z, len(Y) - Z.shape[1] - Q.shape[1])["conditional_F"][1]


def cubic(r, R):
    """Hermite interpolation of r (7, M) with slopes R (7, M) from GRID to FINE: (301, M)."""
    h = GRID[1] - GRID[0]
    k = np.minimum((FINE / h).astype(int), len(GRID) - 2)
    u = ((FINE - GRID[k]) / h)[:, None]
    return ((2 * u**3 - 3 * u**2 + 1) * r[k] + u * (1 - u) ** 2 * h * R[k]
            + u**2 * (3 - 2 * u) * r[k + 1] + u**2 * (u - 1) * h * R[k + 1])


@dataclass(frozen=True)
class Found:
    """What one set of instruments finds in R samples.

    Attributes
    ----------
    sigma : array (R,)
        Estimates, in [0, 3].
    F : array (R,)
        Conditional F of sigma at its true value.
    """
    sigma: np.ndarray
    F: np.ndarray

    @property
    def median_bias(self):
        """Median estimate less the truth."""
        return float(np.median(self.sigma) - SIGMA)

    @property
    def spread(self):
        """Width of the middle half."""
        return float(np.subtract(*np.quantile(self.sigma, [0.75, 0.25])))

    @property
    def failed(self):
        """Fraction of estimates at an end of the range."""
        return float(((self.sigma == FINE[0]) | (self.sigma == FINE[-1])).mean())


@cache
def tables(centre, count=80, T=20, J=(4, 12), firms=4, I=20, seed=0):
    """Products and agents of many samples of T markets, with x uniform within 1.5 of the centre."""
    return simulate(truth_around(centre), T=count * T, J=J, firms=firms, I=I, seed=seed,
                    x=(centre - HALF_WIDTH, centre + HALF_WIDTH))


@cache
def samples(centre, count=80, T=20, **design):
    """The samples, in equilibrium; the same draws at every centre."""
    products, agents = tables(centre, count, T, **design)
    problem = Problem(products, agents, linear="1 + prices + x + group", random="0 + x",
                      instruments=["w0", "w1"])
    solve, sets = problem.solver(problem.free([[0, SIGMA, 0]])), instrument_sets(products)
    solved = [solve(np.array([sigma])) for sigma in GRID]
    delta = np.array([s.delta for s in solved])
    slopes = np.array([s.jacobian[:, 0] for s in solved])
    ends = np.searchsorted(problem.markets, T * np.arange(count + 1))
    return [Sample(problem.X1[a:b], {name: Z[a:b] for name, Z in sets.items()},
                   delta[:, a:b], slopes[:, a:b]) for a, b in zip(ends, ends[1:])]


def instrument_sets(products):
    """Two cost shifters and instruments from x: a dict of arrays (N, m)."""
    costs = products[["w0", "w1"]].to_numpy()
    made = {"sums": blp_instruments(products, "0 + x"),
            "quadratic": differentiation_instruments(products, "0 + x", version="quadratic"),
            "local": differentiation_instruments(products, "0 + x")}
    counts = blp_instruments(products, "1")                     # of the firm's others, of rivals'
    made["quadratic and counts"] = made["quadratic"].join(counts)
    made["sums and quadratic"] = made["sums"].join(made["quadratic"])
    return {name: np.column_stack([costs, made[name]]) for name in SETS}


def experiment(centre, shape="straight", **design):
    """Estimates of all samples by each set of instruments: a dict of `Found`."""
    return {name: estimated(centre, name, shape, **design) for name in SETS}


def estimated(centre, name, shape="straight", **design):
    """Estimates of all samples by one set of instruments: `Found`.

    The true mean utility is straight in x.
    """
    return remembered(float(centre), name, shape, tuple(design.items()))


@cache
def remembered(centre, name, shape, design):
    """What `estimated` returns, computed once for each design."""
    made = samples(centre, **dict(design))
    return Found(np.array([FINE[s.objective(name, shape).argmin()] for s in made]),
                 np.array([s.relevance(name, shape) for s in made]))


def prepare(centres, progress=None):
    """Make the samples at each centre; after five seconds it shows progress."""
    waiting = Waiting(progress)
    for number, centre in enumerate(centres):
        samples(float(centre))
        waiting.tell(f"{number + 1} of {len(centres)} positions of the characteristic")
    waiting.finish()


class Waiting(Progress):
    """Says how far a computation has come, once it has taken five seconds."""

    def tell(self, text):
        """Show a line when it is time to."""
        if self.show or (self.show is None and time.perf_counter() - self.begin > 5):
            self.lines += 1
            self.stream.write(f"\r{text:<80}")
            self.stream.flush()


# Pictures ----------------------------------------------------------------------------------------

class TwoSets(Picture):
    """Estimates of a taste by two sets of instruments, as x moves away from the outside good.

    Parameters
    ----------
    centre : float
        Of the range of x; its width is 3, and the outside good stands at zero.
    left, right : str
        Sets of instruments, of `SETS`.
    shape : str
        Of mean utility in x as it is estimated, of `SHAPES`; the true one is straight.
    """
    size = (11.5, 5.6)

    def __init__(self, **values):
        self.edges = np.linspace(0, 3, 31)
        self.values = {"centre": 0.0, "left": "sums", "right": "quadratic", "shape": "straight"}
        super().__init__(**values)

    def draw(self, figure):
        """A strip that shows where x lies, and two histograms with numbers in them."""
        grid = figure.add_gridspec(2, 2, height_ratios=(0.62, 3.4))
        self.draw_strip(figure.add_subplot(grid[0, :]))
        self.axes = {"left": figure.add_subplot(grid[1, 0])}
        self.axes["right"] = figure.add_subplot(grid[1, 1], sharey=self.axes["left"])
        self.steps, self.texts, self.names, truths = {}, {}, {}, []
        for side, axes in self.axes.items():
            self.steps[side] = axes.stairs(np.zeros(30), self.edges, fill=True, alpha=0.75,
                                           ec="white", lw=0)
            truths.append(axes.axvline(SIGMA, color=TRUTH, ls=":"))
            axes.text(SIGMA + 0.04, 41.5, "truth", va="top")
            axes.set(xlim=(0, 3), xticks=(0, 1, 2, 3), xlabel="estimated σ",
                     ylim=(0, 42), yticks=(0, 10, 20, 30, 40))
            axes.grid(False)
            self.names[side] = axes.set_title(" ")
            self.texts[side] = axes.text(0.98, 0.86, "", transform=axes.transAxes, ha="right",
                                         va="top", linespacing=1.5)
        self.axes["right"].tick_params(labelleft=False)
        self.axes["left"].set_ylabel("samples (percent)")
        self.moving = [self.bar, self.outside, self.bar_name, self.title, *truths]
        self.moving += [*self.steps.values(), *self.texts.values(), *self.names.values()]

    def draw_strip(self, strip):
        """The outside good at zero and a bar for the range of x."""
        self.bar, = strip.plot([], [], color=RIVAL, lw=9, solid_capstyle="butt")
        self.outside, = strip.plot(0, 0, "s", color=TRUTH, ms=8)
        strip.text(0, 0.35, "outside good", ha="center")
        self.bar_name = strip.text(0, 0.35, "", ha="center", color=PRODUCT)
        strip.set(xlim=(-2, 4), ylim=(-0.4, 1.1), yticks=[], xlabel="characteristic x")
        strip.grid(False)
        strip.spines["left"].set_visible(False)
        self.title = strip.set_title(" ")

    def update(self, centre=None, left=None, right=None, shape=None):
        """Where x is centred, the instruments on either side, and the shape of mean utility."""
        self.values = keep(self.values, centre=centre, left=left, right=right, shape=shape)
        centre = float(self.values["centre"])
        self.found = {side: estimated(centre, self.values[side], self.values["shape"])
                      for side in self.axes}
        ends = [centre - HALF_WIDTH, centre + HALF_WIDTH]
        self.bar.set_data(ends, [0, 0])
        self.bar_name.set_text(f"products: {ends[0]:.1f} to {ends[1]:.1f}")
        self.bar_name.set_x(max(centre, 1.15))
        for side in self.axes:
            self.show(side, self.values[side], self.found[side])
        self.title.set_text("Which instruments find σ? " + self.finding())

    def show(self, side, name, found):
        """One histogram and its numbers."""
        counts = np.histogram(np.minimum(found.sigma, 2.999), self.edges)[0]
        self.steps[side].set_data(100 * counts / len(found.sigma))
        self.steps[side].set(facecolor=COLOURS[name], hatch=HATCHES[name])
        squared = ", with x²" if self.values["shape"] == "bent" else ""
        self.names[side].set_text(f"{name}, and cost shifters{squared}")
        self.texts[side].set_text(f"median bias {found.median_bias:+.2f}\n"
                                  f"middle half spans {found.spread:.2f}\n"
                                  f"at 0 or 3: {100 * found.failed:.0f} %\n"
                                  f"median conditional F {np.median(found.F):.1f}")

    def finding(self):
        """Which set has the narrower histogram."""
        spreads = {side: self.found[side].spread for side in self.axes}
        best = min(spreads, key=spreads.get)
        other = "right" if best == "left" else "left"
        if spreads[best] > FAILURE:
            return "Here neither does"
        if spreads[other] < 1.2 * spreads[best]:
            return "Here both do about equally well"
        return (f"Here {self.values[best]}: "
                f"the middle half is {spreads[other] / spreads[best]:.1f} times as narrow")

    def numbers(self):
        """The numbers in the picture, as rows of a table."""
        return {self.values[side]: [found.median_bias, found.spread, found.failed,
                                    float(np.median(found.F))]
                for side, found in self.found.items()}


class Predicted(Picture):
    """What instruments predict of a regressor, against what it is: a panel for each pair.

    Parameters
    ----------
    panels : dict
        From (row, column) labels to (predicted, actual), arrays (N,), net of the exogenous
        characteristics.
    """
    size = (11, 7.4)

    def __init__(self, panels, **values):
        self.panels = panels
        self.rows, self.columns = (list(dict.fromkeys(key[k] for key in panels)) for k in (0, 1))
        super().__init__(**values)

    def draw(self, figure):
        """A cloud a panel, the 45-degree line, and the R2."""
        all_axes = figure.subplots(len(self.rows), len(self.columns), squeeze=False)
        self.axes = {(row, column): all_axes[r, c] for r, row in enumerate(self.rows)
                     for c, column in enumerate(self.columns)}
        self.clouds, self.texts = {}, {}
        for key, axes in self.axes.items():
            colour = COLOURS.get(key[1], PRODUCT)
            self.clouds[key], = axes.plot([], [], ".", color=colour, ms=4, alpha=0.5)
            axes.axline((0, 0), slope=1, color=TRUTH, lw=1, ls=":")
            self.texts[key] = axes.text(0.03, 0.97, "", transform=axes.transAxes, va="top",
                                        weight="bold")
        for row in self.rows:
            self.axes[row, self.columns[0]].set_ylabel(f"{row}\n∂δ/∂σ, net")
        for column in self.columns:
            self.axes[self.rows[-1], column].set_xlabel(f"predicted by {column}")
        self.axes[self.rows[0], self.columns[0]].set_title("Which instruments see what σ moves?")

    def update(self, panels=None):
        """Other pairs for the same panels."""
        self.panels = self.panels if panels is None else panels
        self.R2 = {}
        for key, (predicted, actual) in self.panels.items():
            self.clouds[key].set_data(predicted, actual)
            self.R2[key] = 1 - ((actual - predicted) ** 2).sum() / (actual**2).sum()
            self.texts[key].set_text(f"R² = {self.R2[key]:.2f}")
            reach = 1.05 * abs(actual).max()
            self.axes[key].set(xlim=(-reach, reach), ylim=(-reach, reach))


class Profiles(Picture):
    """The objective along one parameter, above its minimum, by instruments; what is within 3.84.

    Parameters
    ----------
    values : array (V,)
        Of the parameter.
    curves : dict
        From a label to the rise of the objective above its minimum, array (V,).
    parameter : str
        For the axis.
    truth : float, optional
    """
    size = (10.5, 4.6)

    def __init__(self, values, curves, parameter="σ", truth=None, **moved):
        self.x, self.curves = np.asarray(values, float), curves
        self.parameter, self.truth = parameter, truth
        super().__init__(**moved)

    def draw(self, figure):
        """A line for each set, the critical value, the truth, and a band for what is within."""
        self.axes = figure.subplots()
        styles = zip(self.curves, (HIGHLIGHT, PRODUCT, SECOND, FOURTH), ("--", "-", "-.", ":"))
        self.lines, self.bars = {}, {}
        for name, colour, style in styles:
            self.lines[name], = self.axes.plot([], [], style, color=colour, label=name)
        for name, line in self.lines.items():
            self.bars[name], = self.axes.plot([], [], color=line.get_color(), lw=7, alpha=0.5,
                                              solid_capstyle="butt")
        self.critical = self.axes.axhline(3.84, color=TRUTH, lw=1)
        self.critical_name = self.axes.text(self.x[0], 3.84, " 3.84", va="bottom")
        if self.truth is not None:
            self.axes.axvline(self.truth, color=TRUTH, ls=":", label="truth")
        self.axes.set(xlabel=self.parameter, xlim=self.x[[0, -1]],
                      ylabel="objective above its minimum", ylim=(-1.6, 16))
        self.axes.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
        self.axes.set_title("Which values can the data rule out? "
                            "Those where a curve is above the line")

    def update(self, critical=None):
        """The rise that rules a value out."""
        self.level = getattr(self, "level", 3.84) if critical is None else critical
        self.critical.set_ydata([self.level] * 2)
        self.critical_name.set(y=self.level, text=f" {self.level:.2f}")
        for number, (name, rise) in enumerate(self.curves.items()):
            self.lines[name].set_data(self.x, rise)
            within = np.where(rise <= self.level, self.x, np.nan)
            self.bars[name].set_data(within, np.full(len(self.x), -0.5 - 0.7 * number))
