"""Pictures of lesson 02: how fast inversions converge, why slowly, delta's slopes, and a race."""
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from ..inversion import (contraction_rate, delta_jacobian, exp_contraction, invert_shares, iterate,
                         log_contraction, newton, squarem)
from ..utility import buyers, choice_probabilities, market_shares, taste_deviations
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, SECOND, THIRD, TRUTH, Picture, keep

LOOKS = {"contraction": (PRODUCT, "o"), "log form": (PRODUCT, "o"), "exp form": (THIRD, "P"),
         "corrected": (SECOND, "s"), "SQUAREM": (FOURTH, "^"), "Newton": (HIGHLIGHT, "D")}
SYMBOLS = {"o": "●", "P": "✚", "s": "■", "^": "▲", "D": "◆"}    # the markers, for labels
FLOOR = 1e-16                           # stands for a change of zero on a log axis
BESIDE = 4                              # a predicted slope is drawn so many times above the path


def history_lines(axes, names):
    """An empty line and an empty dashed line for each method, in the look of its first word."""
    lines = {}
    for name in names:
        colour, marker = LOOKS.get(name) or LOOKS[name.split()[0].rstrip(",")]
        line, = axes.plot([], [], marker + "-", color=colour, ms=4.5, lw=1.6)
        dashes, = axes.plot([], [], "--", color=colour, lw=1.3)
        lines[name] = line, dashes
    return lines


def set_history(lines, changes, rate=None, evaluations=1):
    """Move a method's lines: changes (n,) by evaluations, and a line that falls by `rate`."""
    line, dashes = lines
    n = evaluations * np.arange(1, len(changes) + 1)
    line.set_data(n, np.maximum(changes, FLOOR))
    middle = len(changes) // 2
    shown = rate is not None and 1e-9 < rate < 1 and changes[middle] > FLOOR
    ends = n[[0, -1]]
    slope = (ends, BESIDE * changes[middle] * rate ** (ends - n[middle])) if shown else ([], [])
    dashes.set_data(*slope)


def change_axes(axes, until):
    """Axes of changes against the number of evaluations."""
    axes.set_yscale("log")
    axes.set(xlabel="computations of the model's shares", xlim=(0, until),
             ylabel="largest change in delta", ylim=(1e-15, 1e2))
    axes.set_yticks([1e-15, 1e-10, 1e-5, 1], ["1e-15", "1e-10", "1e-5", "1"])
    axes.minorticks_off()


class Convergence(Picture):
    """Change in delta at each iteration, on a log axis, with the slope that a rate predicts.

    Parameters
    ----------
    histories : dict
        From a method's name, which begins with contraction, corrected, SQUAREM or Newton,
        to changes (n,).
    rates : dict, optional
        From names to contraction rates; their slopes are dashed.
    title : str
    until : int
        End of the horizontal axis.
    tolerance : float
        Where a line is drawn.
    """
    size = (9.5, 4.2)

    def __init__(self, histories, rates=None, title="How fast does the change in delta shrink?",
                 until=100, tolerance=1e-13, **values):
        self.histories, self.rates = histories, rates or {}
        self.title, self.until, self.tolerance = title, until, tolerance
        super().__init__(**values)

    def draw(self, figure):
        """A line and a dashed line for each method, and the tolerance."""
        self.axes = axes = figure.subplots()
        change_axes(axes, self.until)
        axes.axhline(self.tolerance, color=OUTSIDE, lw=1.3)
        axes.text(0.995 * self.until, 1.4 * self.tolerance, "tolerance", color="#666666",
                  ha="right", va="bottom")
        self.lines = history_lines(axes, self.histories)
        axes.set_title(self.title, loc="left")

    def update(self, histories=None, rates=None):
        """New histories or rates under the same names."""
        self.histories = {**self.histories, **(histories or {})}
        self.rates = {**self.rates, **(rates or {})}
        for name, lines in self.lines.items():
            changes, rate = np.asarray(self.histories[name]), self.rates.get(name)
            set_history(lines, changes, rate, 2 if name.startswith("SQUAREM") else 1)
            lines[0].set_label(f"{name}: {len(changes)} iterations")
            lines[1].set_label(None if rate is None else f"beside it: slope of rate {rate:.3f}")
        self.axes.legend(loc="upper right")


class HowMany(Picture):
    """Rates against outside shares, and numbers of iterations against rates, market by market.

    Parameters
    ----------
    groups : dict
        From a label to the observed outside share (T,), the outside share among the types (T,),
        rates (T,) and iterations (T,); two groups.
    tolerance : float
        The change in delta at which the iterations stopped.
    """
    size = (12, 4.6)

    def __init__(self, groups, tolerance=1e-13, **values):
        self.groups, self.tolerance = groups, tolerance
        super().__init__(**values)

    def draw(self, figure):
        """Points for each group, the simple bound, and the iterations that follow from a rate."""
        self.left, self.right = figure.subplots(1, 2)
        self.points = {}
        for label, colour, marker in zip(self.groups, (PRODUCT, HIGHLIGHT), "os"):
            look = {"color": colour, "ms": 6}
            filled = [axes.plot([], [], marker, alpha=0.7, mew=0, label=label, **look)[0]
                      for axes in (self.left, self.right)]
            hollow, = self.left.plot([], [], marker, mfc="none", **look)
            self.points[label] = [*filled, hollow]
        self.points[label][2].set_label(f"{label}, observed")
        self.left.plot([0, 1], [1, 0], "--", color=TRUTH, lw=1.5, label="1 - outside share")
        self.left.set(xlabel="outside share (filled: among the types)", xlim=(0, 1),
                      ylabel="rate of the contraction", ylim=(0, 1),
                      title="Does a large outside share help? Among the types, yes")
        rate = np.linspace(0.2, 0.92, 200)
        self.right.plot(rate, np.log(self.tolerance) / np.log(rate), color=TRUTH, lw=1.5,
                        label=f"log({self.tolerance:g}) / log(rate)")
        self.right.add_patch(Rectangle((0, 10), 1, 10, color=OUTSIDE, alpha=0.45, lw=0))
        self.right.text(0.93, 22, "10 to 20", color="#555555", ha="right", va="bottom")
        self.right.set(xlabel="rate of the contraction", xlim=(0.3, 0.95),
                       ylabel=f"iterations to a change of {self.tolerance:g}", ylim=(0, 280),
                       title="How many? The rate decides")
        for axes in (self.left, self.right):
            axes.legend(loc="lower left" if axes is self.left else "upper left")

    def update(self, groups=None):
        """Other numbers under the same labels."""
        self.groups = {**self.groups, **(groups or {})}
        for label, (observed, among, rates, iterations) in self.groups.items():
            filled, right, hollow = self.points[label]
            filled.set_data(among, rates)
            right.set_data(rates, iterations)
            apart = ~np.isclose(observed, among)
            hollow.set_data(observed[apart], rates[apart])


class Valley(Picture):
    """Two products: where each share is the observed one, and how two maps reach the crossing.

    Parameters
    ----------
    proportions : array (2,)
        How the inside goods divide what is not outside.
    sigma : float
        Standard deviation of the taste for product 1.
    steps : int
        Drawn of each path.
    """
    size = (11.5, 5)

    def __init__(self, proportions=(0.6, 0.4), sigma=2.0, steps=20, **values):
        self.proportions, self.sigma, self.steps = np.array(proportions), sigma, steps
        self.nu = np.linspace(-3, 3, 41)
        self.weights = np.exp(-self.nu**2 / 2) / np.exp(-self.nu**2 / 2).sum()
        self.mu = sigma * np.outer([1, 0], self.nu)
        super().__init__(**values)

    def draw(self, figure):
        """Two panels, one for each map."""
        self.panels = figure.subplots(1, 2, sharex=True, sharey=True)
        self.paths, self.curves = [], [[], []]
        for axes, (colour, marker) in zip(self.panels, (LOOKS["contraction"], LOOKS["corrected"])):
            path, = axes.plot([], [], marker + "-", color=colour, ms=5, lw=1.2, zorder=3)
            self.paths.append(path)
            axes.plot([], [], color=TRUTH, lw=1.6, label="share of 1 as observed")
            axes.plot([], [], color=TRUTH, lw=1.6, ls="--", label="share of 2 as observed")
            axes.set(xlabel="mean utility of product 1 (utils)")
            axes.xaxis.set_major_locator(MultipleLocator(1))
            axes.yaxis.set_major_locator(MultipleLocator(1))
        self.panels[0].legend(loc="upper left")
        self.panels[1].plot([], [], color=OUTSIDE, lw=2.5, ls="-.", label="outside share")
        self.goals = [axes.plot([], [], "*", color=HIGHLIGHT, ms=17, mec="white", zorder=4, ls="",
                                label="solution")[0] for axes in self.panels]
        keys = [found[2:] for found in self.panels[1].get_legend_handles_labels()]
        self.panels[1].legend(*keys, loc="lower right")
        self.panels[0].set_ylabel("mean utility of product 2 (utils)")

    def path(self, corrected):
        """delta (steps + 1, 2) from zero on."""
        update = exp_contraction(self.shares, self.mu, self.weights, corrected)
        path = [np.zeros(2)]
        for _ in range(self.steps):
            path.append(update(path[-1]))
        return np.array(path)

    def draw_curves(self, axes, drawn, low, high):
        """Contours at the observed shares."""
        for contour in drawn:
            contour.remove()
        line = np.linspace(low, high, 70)
        x, y = np.meshgrid(line, line)
        s = market_shares(np.stack([x, y], -1), self.mu, self.weights)
        drawn[:] = [axes.contour(x, y, s[..., j], [self.shares[j]], colors=TRUTH, linewidths=1.6,
                                 linestyles=style)
                    for j, style in enumerate(("-", "--"))]
        if axes is self.panels[1]:
            outside = [1 - self.shares.sum()]
            drawn.append(axes.contour(x, y, 1 - s.sum(-1), outside, colors=OUTSIDE, linewidths=2.5,
                                      linestyles="-."))

    def update(self, outside_share=0.02):
        """Observed share of the outside good."""
        self.shares = (1 - outside_share) * self.proportions
        self.delta = invert_shares(self.shares, self.mu, self.weights).delta
        low, high = min(self.delta.min(), 0) - 1, max(self.delta.max(), 0) + 1
        parts = zip(self.panels, self.paths, self.goals, self.curves, (False, True))
        for axes, line, goal, drawn, corrected in parts:
            path = self.path(corrected)
            line.set_data(*path.T)
            goal.set_data(self.delta[:1], self.delta[1:])
            self.draw_curves(axes, drawn, low, high)
            name = "Corrected" if corrected else "Contraction"
            left = abs(path[-1] - self.delta).max()
            axes.set_title(f"{name}: after {self.steps} steps, {left:.2g} utils to go", loc="left")
            axes.set(xlim=(low, high), ylim=(low, high))


class Tangents(Picture):
    """delta of some products as one nonlinear parameter moves, shares held, with its slopes (2.7).

    Parameters
    ----------
    market : Block
        One market.
    Gamma : array (K2, L + D)
    row, column : int
        Which element of Gamma moves.
    products : dict
        From labels to positions.
    grid : array (V,)
        Values of that element.
    name : str
        Of the parameter, for the axis.
    """
    size = (9.5, 4.2)

    def __init__(self, market, Gamma, row, column, products, grid, name, **values):
        self.market, self.Gamma, self.row, self.column = market, Gamma, row, column
        self.products, self.grid, self.name = products, np.asarray(grid, float), name
        self.paths = np.array([self.solve(value)[0] for value in self.grid])
        super().__init__(**values)

    def solve(self, value):
        """delta (J,) and its slope (J,) at a value of the parameter."""
        m, Gamma = self.market, self.Gamma.copy()
        Gamma[self.row, self.column] = value
        mu = taste_deviations(m.X2, m.tastes, Gamma)
        delta = invert_shares(m.shares, mu, m.weights).delta
        P = choice_probabilities(delta, mu)
        B, element = buyers(P, m.weights), ([self.row], [self.column])
        return delta, delta_jacobian(P, B, m.X2, m.tastes, *element)[:, 0]

    def draw(self, figure):
        """A line, a tangent and a point for each product."""
        self.axes = axes = figure.subplots()
        self.lines = []
        looks = zip((PRODUCT, HIGHLIGHT, SECOND, FOURTH), ("-.", "-", ":", "--"))
        for (label, j), (colour, style) in zip(self.products.items(), looks):
            axes.plot(self.grid, self.paths[:, j], style, color=colour, label=label)
            tangent, = axes.plot([], [], color=TRUTH, lw=1.2)
            point, = axes.plot([], [], "o", color=colour, ms=9)
            self.lines.append((tangent, point))
        axes.set(xlabel=self.name, ylabel="mean utility delta (utils)",
                 title="As this taste spreads, sweet cereals need less mean utility")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))

    def update(self, value=None):
        """Where the tangents touch."""
        value = self.grid.mean() if value is None else value
        delta, slope = self.solve(value)
        x = value + 0.17 * np.ptp(self.grid) * np.array([-1, 1])
        for (tangent, point), j in zip(self.lines, self.products.values()):
            tangent.set_data(x, delta[j] + slope[j] * (x - value))
            point.set_data([value], [delta[j]])


class Rough(Picture):
    """An objective along one parameter, computed with inversions of several tolerances.

    Parameters
    ----------
    grid : array (V,)
        Values of the parameter.
    lines : dict
        From a tolerance to the objective (V,); the last is the exact one.
    name : str
        Of the parameter, for the axis.
    """
    size = (9.5, 4.2)

    def __init__(self, grid, lines, name, **values):
        self.grid, self.lines_of, self.name = np.asarray(grid, float), lines, name
        super().__init__(**values)

    def draw(self, figure):
        """A line for each tolerance, the tightest thick and grey below the others."""
        self.axes = axes = figure.subplots()
        self.lines = {}
        *loose, tight = self.lines_of
        look = {"color": OUTSIDE, "lw": 6, "solid_capstyle": "round"}
        self.lines[tight] = axes.plot([], [], label=f"tolerance {tight:g}", **look)[0]
        for limit, colour, marker in zip(loose, (HIGHLIGHT, PRODUCT, SECOND, FOURTH), "os^D"):
            self.lines[limit], = axes.plot([], [], marker + "-", color=colour, ms=4, lw=1.4,
                                           label=f"tolerance {limit:g}")
        axes.set(xlabel=self.name, ylabel="objective",
                 title="What does a loose inner tolerance do? It makes cliffs")
        axes.legend(loc="upper right")

    def update(self, lines=None):
        """Other values for the same tolerances."""
        self.lines_of = {**self.lines_of, **(lines or {})}
        for limit, line in self.lines.items():
            line.set_data(self.grid, self.lines_of[limit])
        self.axes.relim()
        self.axes.autoscale_view()


# The race: name, what is said of a method without a rate, evaluations of the shares
# in an iteration, cap on iterations.
RUNNERS = (("log form", "", 1, 600), ("exp form", "", 1, 600), ("corrected", "", 1, 300),
           ("SQUAREM", "leaps, no rate", 2, 150), ("Newton", "digits double", 1, 100))
# Utils added to one type's tastes, and to all.
TASTES = {"as drawn": (0, 0), "one type +800": (800, 0), "all types -800": (0, -800)}


def plain_exp(shares, mu, weights):
    """The map (2.2) as it stands in the lesson, `exp(mu)` unscaled: from delta to the next (J,)."""
    expmu = np.exp(mu)
    return lambda delta: np.log(shares) - np.log(expmu @ (weights / (1 + np.exp(delta) @ expmu)))


def rounded(number):
    """A count with two significant digits where it exceeds a thousand."""
    if not np.isfinite(number):
        return "never"
    return f"{float(f'{number:.2g}') if number > 1000 else number:,.0f}"


class Race(Picture):
    """Five inversions of one market of made-up tastes, from delta = 0, at the end or on their way.

    Parameters
    ----------
    proportions : array (J,)
        How the inside goods divide what is not outside.
    X2 : array (J, K2)
    nodes : array (I, K2)
    weights : array (I,)
    """
    size = (11.5, 5.2)
    until = 150

    def __init__(self, proportions, X2, nodes, weights, **values):
        self.proportions, self.X2, self.nodes, self.weights = proportions, X2, nodes, weights
        self.values = {"outside_share": 0.5, "sigma": 2.0, "tolerance": 1e-13, "tastes": "as drawn"}
        self.step, self.solved = 0, None
        super().__init__(**values)

    def draw(self, figure):
        """Paths on the left below the two numbers to compare, the score on the right."""
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1), height_ratios=(1, 5))
        headline, self.left, self.right = (figure.add_subplot(place) for place in
                                           (grid[0, 0], grid[1, 0], grid[:, 1]))
        change_axes(self.left, self.until)
        self.left.set_yticks(10.0 ** np.arange(-15, 2, 5), ["10⁻¹⁵", "10⁻¹⁰", "10⁻⁵", "1"])
        self.lines = history_lines(self.left, [name for name, *_ in RUNNERS])
        self.lines["log form"][0].set(lw=7, alpha=0.35, marker="None")      # lies below exp form
        self.lines["exp form"][0].set(markevery=4, ms=6)
        self.limit = self.left.axhline(1e-13, color=OUTSIDE, lw=1.3)
        self.limit_text = self.left.text(0.995 * self.until, 1, "tolerance", color="#666666",
                                         ha="right", va="bottom")
        self.left.text(0.995 * self.until, 60, "dashes: the slope that the rate predicts",
                       ha="right", va="top")
        self.left.xaxis.set_major_locator(MultipleLocator(25))
        self.title = self.left.set_title(" ")
        self.draw_headline(headline)
        self.draw_score()
        paths = [line for pair in self.lines.values() for line in pair]
        self.moving = [*paths, self.limit, self.limit_text, self.title, self.number, self.verdict,
                       *self.bars, self.marks, *self.heads, *self.texts]

    def draw_headline(self, axes):
        """The numbers that matter, and what they are."""
        axes.set_axis_off()
        self.number = axes.text(0, 0.7, "", fontsize=23, fontweight="bold", va="center",
                                transform=axes.transAxes)
        self.verdict = axes.text(0, 0, "", va="bottom", transform=axes.transAxes)

    def draw_score(self):
        """For each method a line of text, a bar with a mark at the prediction, and words behind."""
        axes, rows = self.right, np.arange(len(RUNNERS))
        self.colours = [lines[0].get_color() for lines in self.lines.values()]
        self.bars = axes.barh(rows + 0.2, np.ones(len(rows)), height=0.34, lw=2,
                              edgecolor=self.colours, color=self.colours)
        self.marks, = axes.plot(np.full(len(rows), np.nan), rows + 0.2, "|", color=TRUTH,
                                ms=20, mew=3)
        self.heads = [axes.text(1.15, row - 0.02, "", va="bottom") for row in rows]
        self.texts = [axes.text(1, row + 0.2, "", va="center") for row in rows]
        axes.set_xscale("log")
        axes.set(xlim=(1, 1e6), xlabel="computations (black: predicted)",
                 ylim=(len(rows) - 0.4, -0.6), yticks=[])
        axes.set_xticks(10.0 ** np.arange(7), ["1", "10", "100", "1,000", "10⁴", "10⁵", "10⁶"])
        axes.minorticks_off()

    def run(self):
        """Solve by each method, and as exactly as Newton's can; rates are those at the solution."""
        v, weights = self.values, self.weights
        if self.solved == v:
            return
        self.solved = v
        shares, mu = self.market()
        near = invert_shares(shares, mu, weights).delta
        self.delta = invert_shares(shares, mu, weights, method="newton", start=near).delta
        P = choice_probabilities(self.delta, mu)
        plain, corrected = (float(contraction_rate(P, weights, c)) for c in (False, True))
        self.rates = {"log form": plain, "exp form": plain, "corrected": corrected}
        zero, tolerance, caps = 0 * shares, v["tolerance"], [cap for *_, cap in RUNNERS]
        with np.errstate(all="ignore"):                         # what overflows is shown as such
            maps = {"log form": log_contraction(shares, mu, weights),
                    "exp form": plain_exp(shares, mu, weights),
                    "corrected": exp_contraction(shares, mu, weights)}
            self.found = {name: iterate(maps[name], zero, tolerance, cap)
                          for name, cap in zip(maps, caps)}
            self.found["SQUAREM"] = squarem(maps["corrected"], zero, tolerance, caps[3])
            self.found["Newton"] = newton(shares, mu, weights, zero, tolerance, caps[4])

    def market(self):
        """Observed shares (J,) and taste deviations (J, I)."""
        one, everybody = TASTES[self.values["tastes"]]
        Gamma = self.values["sigma"] * np.eye(self.X2.shape[1])
        mu = taste_deviations(self.X2, self.nodes, Gamma) + everybody
        mu[:, np.argmax(self.nodes[:, 0])] += one
        return (1 - self.values["outside_share"]) * self.proportions, mu

    def finished(self, name):
        """Whether a method came down to the tolerance; one that overflowed did not."""
        return bool(self.found[name][1][-1] <= self.values["tolerance"])

    def predicted(self, name):
        """Iterations from a change of one to the tolerance by the rate alone, NaN without one."""
        rate = self.rates.get(name, np.nan)
        if not rate < 1:
            return np.nan
        return max(1.0, np.log(self.values["tolerance"]) / np.log(max(rate, 1e-300)))

    def score(self, name, evaluations=1):
        """How often shares are computed until the tolerance, counted or forecast by the rate."""
        changes = self.found[name][1]
        if self.finished(name):
            return evaluations * len(changes)
        left = np.log(self.values["tolerance"] / changes[-1])
        return len(changes) + np.ceil(left / np.log(self.rates.get(name, np.nan)))

    def update(self, outside_share=None, sigma=None, tolerance=None, tastes=None, step=None):
        """A market and a tolerance, and how much of the race is shown.

        Parameters
        ----------
        outside_share : float, optional
            Observed.
        sigma : float, optional
            Of two tastes, in utils.
        tolerance : float, optional
            Of the change in delta.
        tastes : str, optional
            A key of TASTES.
        step : int, optional
            How often shares have been computed so far; 0, or `until`, is the end of the race.
        """
        self.values = keep(self.values, outside_share=outside_share, sigma=sigma,
                           tolerance=tolerance, tastes=tastes)
        self.step = self.step if step is None else step
        self.run()
        for row, (name, what, evaluations, _) in enumerate(RUNNERS):
            changes = np.array(self.found[name][1])
            rate = None if name == "exp form" else self.rates.get(name)
            set_history(self.lines[name], changes[:2 * self.until], rate, evaluations)
            if self.on_its_way:
                self.lines[name][0].set_data(*(part[:self.step // evaluations]
                                               for part in self.lines[name][0].get_data()))
            self.mark(row, name, what, self.score(name, evaluations))
        solved = {name: np.isfinite(self.found[name][0]).all() for name, *_ in RUNNERS}
        self.marks.set_xdata([self.predicted(name) if solved[name] else np.nan for name in solved])
        self.limit.set_ydata([self.values["tolerance"]] * 2)
        self.limit_text.set_y(1.4 * self.values["tolerance"])
        v = self.values
        tastes = "" if v["tastes"] == "as drawn" else f", {v['tastes']}"
        self.title.set_text(f"Outside share {v['outside_share']:.3g}, "
                            f"sigma {v['sigma']:.1f}{tastes}")
        self.say()

    @property
    def on_its_way(self):
        """Whether the race is shown before its end."""
        return 0 < self.step < self.until

    def say(self):
        """The large number: how far the race is, or the contraction's score against the other's."""
        if self.on_its_way:
            self.number.set_text(f"after {self.step}")
            self.verdict.set_text("computations of the model's shares")
            return
        counts = [self.score(name) for name in ("log form", "corrected")]
        self.number.set_text(" against ".join(rounded(count) if np.isfinite(count) else "lost"
                                              for count in counts))
        self.verdict.set_text("contraction against corrected map")

    def mark(self, row, name, what, count):
        """Words and bar of a method: filled if counted, empty if forecast, none if lost."""
        finished, bar, delta = self.finished(name), self.bars[row], self.found[name][0]
        if name == "exp form":
            what = "the same map, one path" if np.isfinite(delta).all() else "out of range"
        elif name in self.rates:
            what = f"rate {self.rates[name]:.4f}, predicted {rounded(self.predicted(name))}"
        self.heads[row].set_text(f"{SYMBOLS[LOOKS[name][1]]} {name}: {what}")
        error = abs(delta - self.delta).max()
        lost = "not solved" if np.isfinite(delta).all() else "lost: a delta that is not a number"
        told = f"{count:,.0f}, error {error:.0e}" if finished else f"about {rounded(count)}"
        known = np.isfinite(count)
        if self.on_its_way and known and count > self.step:
            told, count = "", self.step
        bar.set(width=max(count, 1) if known else 1,
                facecolor=self.colours[row] if finished or not told else "white")
        inside = bool(told) and not finished and known
        behind = 1.25 * (np.nanmax([count, self.predicted(name)]) if finished else 1)
        self.texts[row].set(x=1.3 if inside else behind, text=told if known else lost)
