"""Pictures of lesson 04: how searches descend, the valley they stop in, who minds the price."""

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import minimize

from ..gmm import concentrate, weighting_2sls
from ..market import UtilityOfPrice
from ..outcome import Outcome
from ..outer_loop import Objective, gauss_newton
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture

INCOME, CURVATURE = "pi[prices, income]", "pi[prices, income_squared]"
LOOKS = {"Gauss-Newton, bare": (PRODUCT, "o"), "Gauss-Newton": (SECOND, "^"),
         "BFGS": (FOURTH, "s"), "Nelder-Mead": (OUTSIDE, "")}
COLOURS = {"BFGS": FOURTH, "Gauss-Newton": SECOND}
WHITE = {"fc": "white", "ec": "none", "pad": 1}


def number(value, digits=1):
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def say(axes, title):
    """Set the title; its look is given here because a widget's updates run outside the style."""
    axes.set_title(title, loc="left", fontsize=13, pad=10)


def explain(axes, handles, loc="upper left", **options):
    """Make the legend anew from the handles' present labels."""
    labels = [handle.get_label() for handle in handles]
    axes.legend(handles, labels, loc=loc, fontsize=12, frameon=False, **options)


# Searching while some parameters are held --------------------------------------------------------

class Held:
    """Estimation of all parameters but a few, which are held at given values.

    Parameters
    ----------
    problem : blpteach.Problem
    estimates : Estimates
        Whose free parameters are the ones in question.
    names : list of str
        Parameters to hold, as `estimates.free.names` calls them; none by default.
    """

    def __init__(self, problem, estimates, names=()):
        self.problem, self.free = problem, estimates.free
        labels = self.free.names
        self.held = [labels.index(name) for name in names]
        self.kept = np.setdiff1d(np.arange(len(labels)), self.held)
        W = weighting_2sls(problem.Z)
        self.beta_map, self.moment_map = concentrate(problem.X1, problem.Z, W)

    def search(self, values, start, tolerance=1e-6):
        """The best theta2 (P,) with the held ones at `values`, and its objective.

        The others begin where they are in `start` (P,).
        """
        theta2 = start.copy()
        theta2[self.held] = values
        whole = Objective(self.problem.solver(self.free), self.moment_map)
        rest = whole.holding(~np.isin(np.arange(len(theta2)), self.kept), theta2)
        others, _ = gauss_newton(rest, theta2[self.kept], ftol=tolerance, xtol=tolerance)
        return rest.among(others), rest.value(others)

    def follow(self, values, start, tolerance=1e-4):
        """theta2 (V, P) and objective (V,) along a sequence of held values.

        Each is searched from where the last two point to.
        """
        before, found = [], []
        for k, value in enumerate(values):
            guess = start if k == 0 else before[-1]
            if k > 1:
                step = np.max((value - values[k - 1]) / (values[k - 1] - values[k - 2]))
                guess = before[-1] + step * (before[-1] - before[-2])
            theta2, objective = self.search(value, guess, tolerance)
            before.append(theta2)
            found.append(objective)
        return np.array(before), np.array(found)

    def profile(self, values, start, middle, tolerance=1e-4):
        """theta2 (V, P) and objective (V,) at each held value, from `middle` outwards."""
        first = abs(np.asarray(values) - middle).argmin()
        down = self.follow(values[first::-1], start, tolerance)
        up = self.follow(values[first:], start, tolerance)
        return tuple(np.concatenate([low[:0:-1], high]) for low, high in zip(down, up))

    def at(self, theta2):
        """The objective at theta2 (P,), evaluated, all parameters counting as free."""
        return Objective(self.problem.solver(self.free), self.moment_map).at(theta2)

    def beta(self, theta2):
        """The price coefficient that belongs to theta2 (P,)."""
        return float((self.beta_map @ self.at(theta2).solved.delta)[0])


class Landscape:
    """The objective over two price parameters, all others estimated anew at each point.

    It shows the valley that searches descend into. The second coordinate is how fast the price
    coefficient changes with log income at average income,
    `pi[prices, income] + twice_mean * pi[prices, income_squared]`:
    in these coordinates the valley is wide enough to be seen.

    Parameters
    ----------
    problem : blpteach.Problem
    estimates : Estimates
        At the minimum.
    twice_mean : float
        Twice the mean of log income.

    Attributes
    ----------
    grid : three arrays
        Curvature, slope and objective.
    floor : two arrays (V,)
        Curvature and price coefficient along the valley's floor.
    best : array (2,)
        The minimum.
    """
    curvatures, offsets = np.linspace(-44, 4, 9), np.linspace(0, 18, 4)

    def __init__(self, problem, estimates, twice_mean):
        self.problem, self.estimates, self.twice_mean = problem, estimates, twice_mean
        labels = estimates.free.names
        self.columns = [labels.index(CURVATURE), labels.index(INCOME)]
        self.best = self.point(estimates.theta2)
        along = Held(problem, estimates, [CURVATURE])
        path, lowest = along.profile(self.curvatures, estimates.theta2, self.best[0])
        self.floor = self.curvatures, np.array([along.beta(theta2) for theta2 in path])
        self.grid = refine(*self.across(path, lowest))

    def point(self, theta2):
        """Curvature and slope at average income (..., 2) of theta2 (..., P)."""
        curvature, income = np.moveaxis(np.asarray(theta2)[..., self.columns], -1, 0)
        return np.stack([curvature, income + self.twice_mean * curvature], -1)

    def at_curvature(self, theta2, curvature):
        """theta2 (P,) with another curvature and the same slope at average income."""
        theta2 = theta2.copy()
        theta2[self.columns[1]] += self.twice_mean * (theta2[self.columns[0]] - curvature)
        theta2[self.columns[0]] = curvature
        return theta2

    def across(self, path, lowest):
        """Curvature, slope and objective, three arrays (V, S): from the floor to both sides."""
        both = Held(self.problem, self.estimates, [CURVATURE, INCOME])
        slopes = np.r_[-self.offsets[:0:-1], self.offsets]
        rows = []
        for theta2, middle in zip(path, lowest):
            curvature, slope = self.point(theta2)
            left, right = (march(both, theta2, self.columns, sign * self.offsets[1:])
                           for sign in (-1, 1))
            objectives = np.r_[left[::-1], middle, right]
            rows.append((np.full(slopes.size, curvature), slope + slopes, objectives))
        return (np.array(part) for part in zip(*rows))


def march(held, theta2, columns, offsets):
    """Objectives as income's coefficient leaves theta2, on the valley's floor, in equal steps."""
    before, objectives = [theta2], []
    for offset in offsets:
        guess = before[-1] + (before[-1] - before[-2] if len(before) > 1 else 0)
        found, objective = held.search(theta2[columns] + [0, offset], guess, 1e-3)
        before.append(found)
        objectives.append(objective)
    return objectives


def refine(x, y, objective, times=12):
    """A finer grid (three arrays): cubic splines in x, y and the logarithm of the objective."""
    rows, columns = (np.arange(n, dtype=float) for n in objective.shape)
    finer = [np.linspace(0, n[-1], times * (len(n) - 1) + 1) for n in (rows, columns)]
    x, y, logs = (RectBivariateSpline(rows, columns, values, kx=3, ky=3)(*finer)
                  for values in (x, y, np.log(objective)))
    return x, y, np.exp(logs)


# How searches descend ----------------------------------------------------------------------------

class Searches(Picture):
    """The lowest objective so far against the evaluations it took; dots did not improve it.

    Parameters
    ----------
    paths : dict
        From the name of a search to its objectives, one an evaluation; at most four.
    goal : float
        The minimum: the legend says when a search was within 0.1 percent of it.
    title : str
    """
    size = (11.5, 4.2)

    def __init__(self, goal, title="How many evaluations does each search need?", **values):
        self.goal, self.title, self.paths = goal, title, {}
        super().__init__(**values)

    def draw(self, figure):
        """A line and dots for each search."""
        self.axes = axes = figure.subplots()
        axes.axhline(self.goal, color=TRUTH, lw=1, ls=":")
        self.lines = [axes.plot([], [], ms=5)[0] for _ in range(4)]
        self.dots = [axes.plot([], [], ".", ms=5, alpha=0.6)[0] for _ in range(4)]
        axes.set(xscale="log", xlabel="evaluations of the objective",
                 yscale="log", ylabel="lowest objective q so far")
        heights = [5, 10, 20, 50, 100, 1000, 10000, 100000]
        counts = [1, 3, 10, 30, 100, 300, 1000]
        axes.set_yticks(heights, [f"{height:,}" for height in heights])
        axes.set_xticks(counts, counts)
        axes.minorticks_off()

    def update(self, paths=None):
        """Lines and their legend, in the order given."""
        self.paths = self.paths if paths is None else paths
        for line, dots, (name, values) in zip(self.lines, self.dots, self.paths.items()):
            values, count = np.asarray(values), np.arange(1, len(values) + 1)
            lowest = np.minimum.accumulate(values)
            worse = values > lowest
            colour, marker = LOOKS.get(name, (THIRD, "D"))
            line.set(data=(count, lowest), color=colour, marker=marker)
            dots.set(data=(count[worse], values[worse]), color=colour)
            line.set_label(f"{name}: {self.arrival(lowest)}")
        first = max((values[0] for values in self.paths.values()), default=30)
        longest = max((len(values) for values in self.paths.values()), default=1)
        self.axes.set(xlim=(0.9, 1.3 * longest), ylim=(0.92 * self.goal, 3 * first))
        explain(self.axes, self.lines[:len(self.paths)], bbox_to_anchor=(1.0, 1.0))
        say(self.axes, self.title)

    def arrival(self, lowest):
        """When a search was there, or where it was at the end."""
        there = np.flatnonzero(lowest <= 1.001 * self.goal)
        if there.size:
            return f"there after {there[0] + 1}"
        return f"{lowest[-1]:.1f} after {len(lowest)}"


# What a loose inversion does to the objective -----------------------------------------------------

class Rough(Picture):
    """The objective along one parameter, with loose inversions and with a tight one.

    Parameters
    ----------
    cases : dict
        From a loose inner tolerance to three arrays (n,): values of the parameter, the objective
        with that tolerance, and the objective with a tight one. Two at most.
    name : str
        The parameter's.
    """
    size = (11, 4)

    def __init__(self, cases, name, **values):
        self.cases, self.name = cases, name
        super().__init__(**values)

    def draw(self, figure):
        """A panel for each loose tolerance."""
        self.lines = {}
        for axes, tolerance in zip(figure.subplots(1, len(self.cases), squeeze=False)[0],
                                   self.cases):
            x, loose, tight = self.cases[tolerance]
            smooth, = axes.plot(x, tight, color=TRUTH, lw=1.8, ls="--", label="inner 1e-13")
            jumping, = axes.plot(x, loose, ".", color=HIGHLIGHT, ms=7, label=f"inner {tolerance:g}")
            axes.set(xlabel=self.name, ylabel="objective q")
            axes.ticklabel_format(useOffset=False)
            explain(axes, [jumping, smooth], loc="upper center")
            say(axes, f"Inner tolerance {tolerance:g}")
            self.lines[tolerance] = jumping, smooth

    def update(self):
        """Nothing moves."""


# The valley --------------------------------------------------------------------------------------

def draw_valley(axes, landscape):
    """Contours, the minimum, and on the upper edge the price coefficient along the floor."""
    levels = (5, 6, 8, 10, 12, 15, 20, 30, 50)
    contours = axes.contour(*landscape.grid, levels=levels, colors=RIVAL, linewidths=1.3)
    beside = ((-37.5, 46), (-42, 48), (-42, 42), (-40, 36), (-24, 19), (-11.5, 6), (-3, 21),
              (3.4, 17), (2, -10))
    axes.clabel(contours, fmt="%g", fontsize=11, colors=PRODUCT, manual=beside)
    axes.plot(*landscape.best, marker="*", ms=19, color=TRUTH, ls="", zorder=4)
    axes.annotate("minimum", landscape.best, xytext=(12, 8), textcoords="offset points",
                  fontsize=12)
    axes.set(xlabel="π[prices, income²]   (curvature of α in log income)", xlim=(-45, 5),
             ylabel="slope of α in log income,\nat average income", ylim=(-15, 68))
    curvature, beta = landscape.floor
    upper = axes.secondary_xaxis("top")
    prices, falling = np.array([-70, -60, -50, -40, -35]), curvature < 0    # later it bends back
    places = np.interp(prices, beta[falling], curvature[falling])
    upper.set_xticks(places, [number(price, 0) for price in prices], fontsize=11)
    upper.set_xlabel("price coefficient on the valley's floor", fontsize=11)


class Valley(Picture):
    """The landscape, the path of a search over it, and where that search would have stopped.

    Parameters
    ----------
    landscape : Landscape
    path : array (n, P)
        A search's iterates, from its start.
    stops : dict
        From text to theta2 (P,), at most two points to name.
    """
    size = (10, 5.6)

    def __init__(self, landscape, **values):
        self.landscape, self.path, self.stops = landscape, None, {}
        super().__init__(**values)

    def draw(self, figure):
        """Contours, and a path and names to be moved."""
        self.axes = axes = figure.subplots()
        draw_valley(axes, self.landscape)
        self.line, = axes.plot([], [], color=FOURTH, marker=".", ms=8, lw=1.6)
        self.start, = axes.plot([], [], "o", color=FOURTH, mfc="white", ms=9, mew=2, zorder=4)
        self.marks = axes.scatter([], [], s=110, color=HIGHLIGHT, marker="s", zorder=5)
        style = {"fontsize": 12, "zorder": 5, "bbox": WHITE, "ha": "right", "va": "top"}
        self.texts = [axes.text(0, 0, "", color=HIGHLIGHT, **style) for _ in range(2)]
        self.begun = axes.text(0, 0, "start", color=FOURTH, visible=False, **style)

    def update(self, path=None, stops=None):
        """Move path, start and named points."""
        self.path = self.path if path is None else path
        self.stops = self.stops if stops is None else stops
        if self.path is not None:
            points = self.landscape.point(self.path)
            self.line.set_data(*points.T)
            self.start.set_data(*points[:1].T)
            self.begun.set(x=points[0, 0] - 1.2, y=points[0, 1] - 2, visible=True)
        if self.stops:
            points = self.landscape.point(np.array(list(self.stops.values())))
            self.marks.set_offsets(points)
            for text, name, (x, y) in zip(self.texts, self.stops, points):
                text.set(text=name, x=x - 1.2, y=y)
        say(self.axes, "The search falls to the valley's floor, then follows it")


# Who minds the price -----------------------------------------------------------------------------

def price_tastes(outcome):
    """alpha_i of all types, the part of all types that each is, and its part of all purchases.

    Three arrays, one value a type.
    """
    markets = [outcome.market(label) for label in outcome.problem.market_labels]
    alphas = np.concatenate([m.alpha[0] for m in markets])
    types = np.concatenate([m.weights for m in markets])
    purchases = np.concatenate([m.weights * m.P.sum(0) for m in markets])
    return alphas, types / types.sum(), purchases / purchases.sum()


def weighted_median(values, weights):
    """The value that halves the weight; between the two middle ones if they share it equally."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    middle = np.searchsorted(total, total[-1] / 2 * np.array([1 - 1e-9, 1 + 1e-9]))
    return values[order][middle].mean()


class Tails:
    """On one pair of axes: the price coefficients of all types, and of the types who buy.

    Parameters
    ----------
    axes : matplotlib Axes
    """
    low, bins = -200, np.arange(-200, 1, 10.0)

    def __init__(self, axes):
        middle = (self.bins[:-1] + self.bins[1:]) / 2
        self.axes, nothing = axes, np.zeros(len(middle))
        self.types = axes.bar(middle, nothing, width=9.4, color=RIVAL)
        self.buyers, = axes.step(np.r_[self.bins, 10], np.zeros(len(self.bins) + 1), where="post",
                                 color=HIGHLIGHT, lw=1.8)
        self.types[0].set_hatch("//")
        self.mean = axes.axvline(0, color=PRODUCT, ls="-", lw=2)
        self.median = axes.axvline(0, color=TRUTH, ls=":", lw=2.4)
        self.note = axes.text(self.low + 1, 0, "", fontsize=11, va="bottom")
        axes.set(xlim=(self.low, 0), ylim=(0, 68), ylabel="percent")
        self.keys = [self.types[1], self.mean, self.median, self.buyers]

    @property
    def moving(self):
        """The artists that `move` changes."""
        return [*self.types, self.buyers, self.mean, self.median, self.note]

    def move(self, alpha, types, purchases):
        """Set heights and lines: for each type alpha, its part of all types and of purchases."""
        clipped = np.maximum(alpha, self.low + 1)
        heights = [100 * np.histogram(clipped, self.bins, weights=weights)[0]
                   for weights in (types, purchases)]
        for bar, height in zip(self.types, heights[0]):
            bar.set_height(height)
        self.buyers.set_ydata(np.r_[heights[1], 0, 0])
        self.numbers = {"mean": types @ alpha, "median": weighted_median(alpha, types),
                        "of purchases": purchases @ alpha,
                        "lowest": alpha.min(), "below": types[alpha < self.low].sum()}
        self.mean.set_xdata([self.numbers["mean"]] * 2)
        self.median.set_xdata([self.numbers["median"]] * 2)
        below = f"{number(self.low, 0)} and below;\nlowest {number(self.numbers['lowest'], 0)}"
        self.note.set(y=heights[0][0] + 1, text=below if self.numbers["below"] else "")

    def explain(self, words):
        """The legend: what is drawn, with `words` for types, mean, median and purchases."""
        for key, text in zip(self.keys, words):
            key.set_label(text)
        explain(self.axes, self.keys)


class PriceTastes(Picture):
    """Histograms of price coefficients for two sets of estimates, one below the other.

    Parameters
    ----------
    upper, lower : Estimates
    names : (str, str)
    """
    size = (10, 6)

    def __init__(self, upper, lower, names, **values):
        self.tastes, self.names = [price_tastes(estimates) for estimates in (upper, lower)], names
        super().__init__(**values)

    def draw(self, figure):
        """Two panels of the same axes."""
        self.panels = [Tails(axes) for axes in figure.subplots(2, 1, sharex=True)]
        self.panels[1].axes.set_xlabel("price coefficient α of a consumer type (utils a dollar)")

    def update(self):
        """Both histograms; nothing moves but what the estimates say."""
        for panel, tastes, name in zip(self.panels, self.tastes, self.names):
            panel.move(*tastes)
            mean, median, bought = (number(panel.numbers[key])
                                    for key in ("mean", "median", "of purchases"))
            panel.explain(("all types", f"all types: mean {mean}", f"all types: median {median}",
                           f"purchases: mean {bought}"))
            say(panel.axes, name)


# The halved price --------------------------------------------------------------------------------

class HalvedPrice(Picture):
    """What each rival loses, against its sugar, by several sets of estimates.

    Open points are mushy cereals.

    Parameters
    ----------
    sugar, mushy : arrays (R,)
    product, own_sugar : str, float
        Whose price is halved, and its sugar.
    notes : dict
        From the number of a rival to its name in the picture.
    answers : dict
        From the name of the estimates to the fractions lost (R,);
        the first is drawn as a dashed line at its mean.
    """
    size = (10, 4.8)

    def __init__(self, sugar, mushy, product, own_sugar, notes, answers, **values):
        self.sugar, self.mushy = np.asarray(sugar, float), np.asarray(mushy, bool)
        self.product, self.own_sugar = product, own_sugar
        self.notes, self.answers = notes, answers
        super().__init__(**values)

    def draw(self, figure):
        """A dashed line, and points for each other set of estimates."""
        first, *others = self.answers
        self.axes = axes = figure.subplots()
        self.line = axes.axhline(0, color=TRUTH, ls="--", lw=1.8, label=first)
        own = axes.axvline(self.own_sugar, color=HIGHLIGHT, lw=1.4, ls=":",
                           label=f"sugar of {self.product}")
        looks = ((SECOND, "^", -0.15), (PRODUCT, "o", 0.15))
        self.points = {name: self.pair(name, *look) for name, look in zip(others, looks)}
        self.labels = {j: axes.annotate(name, (self.sugar[j], 0), textcoords="offset points",
                                        fontsize=12, **self.beside(j))
                       for j, name in self.notes.items()}
        axes.set(xlabel="sugar of the rival (grams a serving); open points: mushy",
                 ylabel="percent of its buyers that it loses", ylim=(0, 76),
                 xlim=(self.sugar.min() - 0.6, self.sugar.max() + 1),
                 xticks=range(0, int(self.sugar.max()) + 1, 2))
        explain(axes, [self.line, *(crisp for crisp, _ in self.points.values()), own], ncols=2)

    def pair(self, name, colour, marker, shift):
        """Full points for crisp cereals and open ones for mushy ones."""
        style = {"marker": marker, "ls": "", "color": colour, "mew": 1.8, "ms": 9, "label": name}
        return [self.axes.plot(self.sugar[rows] + shift, 0 * self.sugar[rows], mfc=face, **style)[0]
                for rows, face in ((~self.mushy, colour), (self.mushy, "none"))]

    def beside(self, j):
        """Where a rival's name stands: below its point if that is left, else before it."""
        if self.sugar[j] < np.median(self.sugar):
            return {"xytext": (-8, -20)}
        return {"xytext": (-10, 2), "ha": "right"}

    def update(self, **answers):
        """New answers by name, for those that change."""
        self.answers.update(answers)
        first, *others = self.answers
        self.line.set_ydata([100 * np.mean(self.answers[first])] * 2)
        for name in others:
            for points, rows in zip(self.points[name], (~self.mushy, self.mushy)):
                points.set_ydata(100 * self.answers[name][rows])
        lost = 100 * self.answers[others[-1]]
        for j, label in self.labels.items():
            label.xy = (self.sugar[j] + 0.15, lost[j])
        extremes = f"from {lost.min():.0f} to {lost.max():.0f} percent"
        say(self.axes, f"{self.product} at a lower price: at the minimum, rivals lose {extremes}")


# The widget's picture: where a search stops ------------------------------------------------------

class Recorder(Objective):
    """An objective that remembers its value and its largest slope wherever it was evaluated."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.seen, self.accepted = {}, []

    def at(self, theta2):
        """As `Objective.at`."""
        here = super().at(theta2)
        if here.usable:
            self.seen[here.theta2.tobytes()] = here.r @ here.r, abs(2 * here.R.T @ here.r).max()
        return here

    def jacobian(self, theta2):
        """As `Objective.jacobian`; a trust region asks for it where it has accepted a step."""
        self.accepted.append(np.array(theta2))
        return super().jacobian(theta2)


class Run:
    """One search to its end. Where would it have stopped, had it been told to be content with less?

    Parameters
    ----------
    landscape : Landscape
    method : {"BFGS", "Gauss-Newton"}
    begin : array (P,)
        theta2 where it begins.

    Attributes
    ----------
    path : array (n, P)
        Start and accepted steps.
    objectives, slopes : arrays (n,)
        q, and the largest element of its gradient.
    """

    def __init__(self, landscape, method, begin):
        whole = Held(landscape.problem, landscape.estimates)
        solve = landscape.problem.solver(landscape.estimates.free)
        objective = Recorder(solve, whole.moment_map)
        if method == "BFGS":
            objective.accepted.append(begin)
            minimize(objective.value, begin, jac=objective.gradient, method="BFGS",
                     callback=lambda theta2: objective.accepted.append(theta2.copy()))
        else:
            gauss_newton(objective, begin)
        self.path = np.array(objective.accepted)
        seen = [objective.seen[theta2.tobytes()] for theta2 in self.path]
        self.objectives, self.slopes = np.array(seen).T

    def stop(self, tolerance):
        """The step (from 0) from which all slopes are within the tolerance, or else the last."""
        last = len(self.slopes) - 1
        return int(np.r_[np.flatnonzero(self.slopes <= tolerance), last][0])


class Report:
    """What theta2 says: the rows of numbers that the picture shows, and who minds the price.

    Parameters
    ----------
    landscape : Landscape
    theta2 : array (P,)
    """
    digits = {"objective q": 2, "improvement predicted": 2, "price coefficient β": 1,
              "median of α, all types": 1, "mean of α, purchases": 1, "mean own elasticity": 2}

    def __init__(self, landscape, theta2):
        whole = Held(landscape.problem, landscape.estimates)
        here = whole.at(theta2)
        beta, Q = whole.beta_map @ here.solved.delta, np.linalg.qr(here.R)[0]
        Gamma = whole.free.unpack(theta2).Gamma
        outcome = Outcome(UtilityOfPrice(landscape.problem, beta, Gamma, here.solved.delta))
        self.tastes = alpha, types, purchases = price_tastes(outcome)
        values = (here.r @ here.r, ((Q.T @ here.r) ** 2).sum(), beta[0],
                  weighted_median(alpha, types), purchases @ alpha,
                  outcome.own_elasticities().mean())
        self.numbers = dict(zip(self.digits, map(float, values)))

    def rows(self):
        """The numbers as texts."""
        return [number(value, self.digits[name]) for name, value in self.numbers.items()]


class TwoNevos(Picture):
    """Where a search stops, and what would be reported there.

    Left, its path through the valley. Right, the numbers there and at the minimum,
    and who minds the price.

    Parameters
    ----------
    landscape : Landscape
    search : {"BFGS", "Gauss-Newton"}
    start : float
        `pi[prices, income_squared]` where the search begins;
        the other parameters are Nevo's starting values.
    tolerance : float
        The search stops where no element of the gradient is larger.
    """
    size = (12.5, 5.6)
    starts = (-1.2, -10, -20, -30, -40)

    def __init__(self, landscape, **values):
        self.landscape, self.runs, self.reports = landscape, {}, {}
        self.values = {"search": "BFGS", "start": self.starts[0], "tolerance": 0.5}
        super().__init__(**values)

    def run(self, method, start):
        """A search from a start, run once."""
        if (method, start) not in self.runs:
            begin = self.landscape.at_curvature(self.landscape.estimates.starts[0].theta2, start)
            self.runs[method, start] = Run(self.landscape, method, begin)
        return self.runs[method, start]

    def draw(self, figure):
        """The valley, a table, a histogram."""
        left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
        self.left = left.subplots()
        draw_valley(self.left, self.landscape)
        self.rest, = self.left.plot([], [], color=OUTSIDE, lw=1.4, ls=":")
        self.line, = self.left.plot([], [], marker=".", ms=8, lw=1.8)
        self.begun, = self.left.plot([], [], "o", mfc="white", ms=10, mew=2)
        self.mark, = self.left.plot([], [], "s", color=HIGHLIGHT, ms=11)
        self.title = self.left.set_title("", loc="left", fontsize=13, pad=10)
        table, below = right.subplots(2, 1, height_ratios=(1, 1.25))
        self.draw_table(table)
        self.tails = Tails(below)
        self.tails.explain(("all types", "their mean", "their median", "purchases"))
        below.set_xlabel("price coefficient α of a type (utils a dollar)")
        self.moving = [self.rest, self.line, self.begun, self.mark, self.title,
                       *self.cells, *self.tails.moving]

    def draw_table(self, axes):
        """Names of the numbers, those at the minimum, and cells for those at the stop."""
        axes.axis("off")
        rows = np.linspace(0.8, 0.02, len(Report.digits))
        minimum = Report(self.landscape, self.landscape.estimates.theta2)
        style = {"fontsize": 12, "transform": axes.transAxes, "va": "center"}
        for x, text, colour in ((0.76, "at the stop", HIGHLIGHT), (1, "minimum", TRUTH)):
            axes.text(x, 0.97, text, color=colour, ha="right", **style)
        for y, name, value in zip(rows, Report.digits, minimum.rows()):
            axes.text(0, y, name, **style)
            axes.text(1, y, value, ha="right", **style)
        larger = {**style, "fontsize": 13}
        self.cells = [axes.text(0.76, y, "", color=HIGHLIGHT, ha="right", **larger) for y in rows]

    def update(self, **values):
        """Stop the search `search` from `start` at the outer `tolerance`."""
        self.values.update(values)
        method, start, tolerance = (self.values[name] for name in ("search", "start", "tolerance"))
        run = self.run(method, start)
        self.step = run.stop(tolerance)
        points = self.landscape.point(run.path)
        self.rest.set_data(*points[self.step:].T)
        self.line.set_data(*points[:self.step + 1].T)
        self.begun.set_data(*points[:1].T)
        self.mark.set_data(*points[self.step:self.step + 1].T)
        self.line.set_color(COLOURS[method])
        self.begun.set_color(COLOURS[method])
        self.tell(self.report(method, start, self.step))
        self.title.set_text(f"{method}, content with a gradient of {tolerance:g}: "
                            f"stops after {self.step} steps")

    def report(self, method, start, step):
        """What would be reported at a step, computed once."""
        key = (method, start, step)
        if key not in self.reports:
            self.reports[key] = Report(self.landscape, self.run(method, start).path[step])
        return self.reports[key]

    def tell(self, report):
        """Numbers and histogram."""
        self.numbers = report.numbers
        for cell, text in zip(self.cells, report.rows()):
            cell.set_text(text)
        self.tails.move(*report.tastes)
