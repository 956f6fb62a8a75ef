"""Pictures of lesson 04: how searches descend, the valley that some stop in, who minds the price, and the halved price once more."""
import numpy as np
from scipy.interpolate import RectBivariateSpline

from ..gmm import concentrate, weighting_2sls
from ..outcome import Demand, Outcome
from ..outer_loop import Objective, Theta2, gauss_newton
from ..progress import Progress
from ..utility import choice_probabilities
from .style import FOURTH, HIGHLIGHT, OUTSIDE, PRODUCT, RIVAL, SECOND, THIRD, TRUTH, Picture

INCOME, CURVATURE = "pi[prices, income]", "pi[prices, income_squared]"
LOOKS = ((PRODUCT, "o"), (SECOND, "^"), (FOURTH, "s"), (OUTSIDE, ""), (THIRD, "D"))


def number(value, digits=1):
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def say(axes, title):
    """Set the title; its look is given here because a widget's updates run outside the style."""
    axes.set_title(title, loc="left", fontsize=13, pad=10)


def explain(axes, handles=None, loc="upper left", **options):
    """Make the legend anew from the handles' present labels."""
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(handles, [handle.get_label() for handle in handles], loc=loc, fontsize=12, frameon=False, **options)


# Searching while some parameters are held ----------------------------------------------------------------------------------

class Held:
    """Estimation of all parameters but a few, which are held at given values.

    Parameters
    ----------
    problem : blpteach.Problem
    estimates : Estimates
        Whose free parameters are the ones in question.
    names : list of str
        Parameters to hold, as `problem.theta2_names` calls them.
    dropped : int
        Instruments left out, the last ones.
    """

    def __init__(self, problem, estimates, names, dropped=0):
        self.problem, self.free = problem, estimates.free
        labels = problem.theta2_names(self.free)
        self.held = [labels.index(name) for name in names]
        self.kept = np.setdiff1d(np.arange(len(labels)), self.held)
        Z = problem.Z[:, :problem.M - dropped]
        self.beta_map, self.moment_map = concentrate(problem.X1, Z, weighting_2sls(Z))

    def search(self, values, start, tolerance=1e-6):
        """The best theta2 (P,) with the held ones at `values`, and its objective; `start` (P,) is where the others begin."""
        theta2 = start.copy()
        theta2[self.held] = values
        others = Theta2(self.free.matrix(theta2), self.free.rows[self.kept], self.free.columns[self.kept])
        objective = Objective(others, self.problem.blocks, self.moment_map, Progress(False))
        theta2[self.kept], _ = gauss_newton(objective, theta2[self.kept], ftol=tolerance, xtol=tolerance)
        return theta2, objective.value(theta2[self.kept])

    def follow(self, values, start, tolerance=1e-4):
        """Searches along a sequence of held values, each begun where the last two point to."""
        before, found = [], []
        for value in values:
            guess = before[-1] if before else start
            if len(before) > 1:
                step = (value - values[len(before) - 1]) / (values[len(before) - 1] - values[len(before) - 2])
                guess = before[-1] + np.max(step) * (before[-1] - before[-2])
            theta2, objective = self.search(value, guess, tolerance)
            before.append(theta2)
            found.append(objective)
        return np.array(before), np.array(found)

    def profile(self, values, start, middle, tolerance=1e-4):
        """theta2 (V, P) and objective (V,) at each held value, from the one nearest to `middle` outwards."""
        first = abs(np.asarray(values) - middle).argmin()
        down, up = self.follow(values[first::-1], start, tolerance), self.follow(values[first:], start, tolerance)
        return tuple(np.concatenate([low[:0:-1], high]) for low, high in zip(down, up))

    def outcome(self, theta2):
        """What theta2 means: beta (K1,), and an `Outcome` at the observed prices."""
        Gamma = self.free.matrix(theta2)
        others = Theta2(Gamma, self.free.rows, self.free.columns)
        delta = Objective(others, self.problem.blocks, self.moment_map, Progress(False)).at(theta2).utilities.delta
        beta = self.beta_map @ delta
        demand = Demand(self.problem, beta, Gamma, delta, self.problem.prices)
        return beta, Outcome(demand, self.problem.blocks, self.problem.prices)


def price_tastes(outcome):
    """alpha_i of all types, the part of all types that each is, and its part of all purchases (three arrays, one value a type)."""
    demand = outcome._demand
    alphas, types, purchases = [], [], []
    for block in demand.problem.blocks:
        mu, alpha = demand.at(block, demand.prices)
        inside = choice_probabilities(demand.delta[block.index], mu).sum(-2)             # (B, I)
        alphas.append(alpha[:, 0].ravel())
        types.append(block.weights.ravel())
        purchases.append((block.weights * inside).ravel())
    alphas, types, purchases = map(np.concatenate, (alphas, types, purchases))
    return alphas, types / types.sum(), purchases / purchases.sum()


# How searches descend ------------------------------------------------------------------------------------------------------

class Searches(Picture):
    """The lowest objective so far against the evaluations that it took.

    Parameters
    ----------
    paths : dict
        From the name of a search to its objectives, one an evaluation.
    """
    size = (11.5, 4.2)

    def __init__(self, **values):
        self.paths = {}
        super().__init__(**values)

    def draw(self, figure):
        """One line a search, at most five."""
        self.axes = figure.subplots()
        self.lines = [self.axes.plot([], [], color=colour, marker=marker, ms=5)[0] for colour, marker in LOOKS]
        self.axes.set(xscale="log", yscale="log", xlabel="evaluations of the objective", ylabel="lowest objective q so far")
        self.axes.set_yticks([5, 10, 20, 30], ["5", "10", "20", "30"])
        self.axes.set_xticks([1, 3, 10, 30, 100, 300, 1000], ["1", "3", "10", "30", "100", "300", "1000"])
        self.axes.minorticks_off()

    def update(self, paths=None):
        """Lines and their legend, in the order given."""
        self.paths = self.paths if paths is None else paths
        for line, (name, values) in zip(self.lines, self.paths.items()):
            lowest = np.minimum.accumulate(values)
            line.set_data(np.arange(1, len(lowest) + 1), lowest)
            line.set_label(f"{name}: {lowest[-1]:.2f} after {len(lowest)}")
        longest = max((len(values) for values in self.paths.values()), default=1)
        top = max((values[0] for values in self.paths.values()), default=30)
        self.axes.set(xlim=(0.9, 1.3 * longest), ylim=(4.2, 1.15 * top))
        explain(self.axes, self.lines[:len(self.paths)], "upper left", bbox_to_anchor=(1.0, 1.0))
        say(self.axes, "How many evaluations does each search need?")


# The valley ----------------------------------------------------------------------------------------------------------------

class Valley(Picture):
    """The concentrated objective over two price parameters, all others estimated anew at each point.

    The vertical axis is how fast the price coefficient changes with log income at average income, which is
    `pi[prices, income] + twice_mean * pi[prices, income_squared]`: in these coordinates the valley is wide enough to be seen.

    Parameters
    ----------
    problem : blpteach.Problem
    estimates : Estimates
        At the minimum.
    twice_mean : float
        Twice the mean of log income.
    """
    size = (10, 5)
    levels = (5, 6, 8, 10, 12, 15, 20, 30, 50)

    def __init__(self, problem, estimates, twice_mean, **values):
        self.twice_mean, self.names = twice_mean, problem.theta2_names(estimates.free)
        self.columns = [self.names.index(CURVATURE), self.names.index(INCOME)]
        self.best = self.point(estimates.theta2)
        self.grid = self.compute(problem, estimates)
        self.path, self.stops = None, {}
        super().__init__(**values)

    def point(self, theta2):
        """Curvature and slope at average income (..., 2)."""
        curvature, income = np.moveaxis(np.asarray(theta2)[..., self.columns], -1, 0)
        return np.stack([curvature, income + self.twice_mean * curvature], -1)

    def compute(self, problem, estimates, curvatures=np.linspace(-44, 4, 9), offsets=np.linspace(0, 18, 4)):
        """Curvature, slope and objective (three arrays (V, S)): along the valley's floor, then from the floor to both sides."""
        along = Held(problem, estimates, [CURVATURE])
        both = Held(problem, estimates, [CURVATURE, INCOME])
        rows = []
        for theta2, lowest in zip(*along.profile(curvatures, estimates.theta2, self.best[0])):
            curvature, slope = self.point(theta2)
            held = [np.array([[curvature, theta2[self.columns[1]] + sign * offset] for offset in offsets[1:]]) for sign in (-1, 1)]
            sides = [self.march(both, values, theta2) for values in held]
            row = np.r_[sides[0][::-1], lowest, sides[1]]
            rows.append((np.full(row.size, curvature), slope + np.r_[-offsets[:0:-1], offsets], row))
        return refine(*(np.array(part) for part in zip(*rows)))

    def march(self, held, values, theta2):
        """Objectives at held values in equal steps away from theta2, on the valley's floor."""
        before, objectives = [theta2], []
        for value in values:
            guess = before[-1] + (before[-1] - before[-2] if len(before) > 1 else 0)
            found, objective = held.search(value, guess, 1e-3)
            before.append(found)
            objectives.append(objective)
        return objectives

    def draw(self, figure):
        """Contours, the minimum, and a path to be moved."""
        self.axes = axes = figure.subplots()
        contours = axes.contour(*self.grid, levels=self.levels, colors=RIVAL, linewidths=1.3)
        axes.clabel(contours, fmt="%g", fontsize=11, colors=PRODUCT)
        self.line, = axes.plot([], [], color=FOURTH, marker=".", ms=8, lw=1.6, label="steps of the search")
        self.marks = axes.scatter([], [], s=110, color=HIGHLIGHT, marker="s", zorder=4)
        self.texts = [axes.text(0, 0, "", color=HIGHLIGHT, fontsize=12, zorder=5, bbox={"fc": "white", "ec": "none", "pad": 1})
                      for _ in range(2)]
        axes.plot(*self.best, marker="*", ms=19, color=TRUTH, ls="", zorder=4)
        axes.annotate("minimum", self.best, xytext=(12, 8), textcoords="offset points", fontsize=12)
        axes.set(xlabel="π[prices, income²]   (curvature of $\\alpha_i$ in log income)", xlim=(-45, 5), ylim=(-15, 68),
                 ylabel="slope of $\\alpha_i$ in log income,\nat average income")

    def update(self, path=None, stops=None):
        """A search's iterates (n, P), and points to name: a dict from text to theta2 (P,), at most two."""
        self.path = self.path if path is None else path
        self.stops = self.stops if stops is None else stops
        if self.path is not None:
            self.line.set_data(*self.point(self.path).T)
        if self.stops:
            points = self.point(np.array(list(self.stops.values())))
            self.marks.set_offsets(points)
            for text, name, (x, y) in zip(self.texts, self.stops, points):
                text.set(text=name, x=x - 1.2, y=y - 3, ha="right", va="top")
        say(self.axes, "Down to the valley's floor, then along it: the objective with the other 11 parameters at their best")


def refine(x, y, objective, times=12):
    """A finer grid (three arrays): cubic splines in the logarithm of the objective, and in x and y."""
    rows, columns = (np.arange(n, dtype=float) for n in objective.shape)
    finer = [np.linspace(0, n[-1], times * (len(n) - 1) + 1) for n in (rows, columns)]
    return tuple(inverse(RectBivariateSpline(rows, columns, function(values), kx=3, ky=3)(*finer))
                 for values, function, inverse in ((x, np.copy, np.copy), (y, np.copy, np.copy), (objective, np.log, np.exp)))


# Who minds the price -------------------------------------------------------------------------------------------------------

class Tails:
    """On one pair of axes: how the price coefficients of all types are distributed, and those of the types who buy."""
    low, bins = -200, np.arange(-200, 1, 10.0)

    def __init__(self, axes):
        middle = (self.bins[:-1] + self.bins[1:]) / 2
        self.axes, nothing = axes, np.zeros(len(middle))
        self.types = axes.bar(middle, nothing, width=9.4, color=RIVAL)
        self.buyers, = axes.step(np.r_[self.bins, 10], np.zeros(len(self.bins) + 1), where="post", color=HIGHLIGHT, lw=1.8)
        self.types[0].set_hatch("//")
        self.mean = axes.axvline(0, color=PRODUCT, ls="-", lw=2)
        self.median = axes.axvline(0, color=TRUTH, ls=":", lw=2.4)
        self.note = axes.text(self.low + 1, 0, "", fontsize=11, va="bottom")
        axes.set(xlim=(self.low, 0), ylim=(0, 68), ylabel="percent")

    def move(self, alpha, types, purchases):
        """Set heights and lines: a value for each type of alpha, its part of all types and of all purchases."""
        clipped = np.maximum(alpha, self.low + 1)
        heights = [100 * np.histogram(clipped, self.bins, weights=weights)[0] for weights in (types, purchases)]
        for bar, height in zip(self.types, heights[0]):
            bar.set_height(height)
        self.buyers.set_ydata(np.r_[heights[1], 0, 0])
        self.numbers = {"mean": types @ alpha, "median": weighted_median(alpha, types), "of purchases": purchases @ alpha,
                        "lowest": alpha.min(), "below": types[alpha < self.low].sum()}
        self.label(heights[0][0])

    def label(self, lowest_bar):
        """Numbers into the legend, and a note at the bar that holds the tail."""
        mean, median, bought, lowest, below = self.numbers.values()
        self.types[1].set_label("all types")
        self.buyers.set_label(f"purchases: mean {number(bought)}")
        self.mean.set(xdata=[mean] * 2, label=f"all types: mean {number(mean)}")
        self.median.set(xdata=[median] * 2, label=f"all types: median {number(median)}")
        self.note.set(y=lowest_bar + 1, text=f"{number(self.low, 0)} and below;\nlowest {number(lowest, 0)}" if below else "")
        explain(self.axes, [self.types[1], self.mean, self.median, self.buyers])


def weighted_median(values, weights):
    """The value below and above which half of the weight lies; between the two middle ones if they share it equally."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    half = total[-1] / 2
    return values[order][[np.searchsorted(total, half * (1 - 1e-9)), np.searchsorted(total, half * (1 + 1e-9))]].mean()


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
        self.panels[1].axes.set_xlabel("price coefficient $\\alpha_i$ of a consumer type (utils a dollar)")

    def update(self):
        """Both histograms; nothing moves but what the estimates say."""
        for panel, tastes, name in zip(self.panels, self.tastes, self.names):
            panel.move(*tastes)
            say(panel.axes, name)


# The halved price ----------------------------------------------------------------------------------------------------------

class HalvedPrice(Picture):
    """What each rival loses, against its sugar, by several sets of estimates.

    Parameters
    ----------
    sugar : array (R,)
    product : str
        Whose price is halved.
    notes : dict
        From the number of a rival to its name in the picture.
    answers : dict
        From the name of the estimates to the fractions lost (R,); the first is drawn as a dashed line at its mean.
    """
    size = (10, 4.6)

    def __init__(self, sugar, product, notes, answers, **values):
        self.sugar, self.product, self.notes, self.answers = np.asarray(sugar, float), product, notes, answers
        super().__init__(**values)

    def draw(self, figure):
        """A dashed line, and a kind of point for each other set of estimates."""
        first, *others = self.answers
        self.axes = axes = figure.subplots()
        self.line = axes.axhline(0, color=TRUTH, ls="--", lw=1.8, label=first)
        looks = ((SECOND, "^", -0.12), (PRODUCT, "o", 0.12))
        self.points = {name: axes.plot(self.sugar + shift, 0 * self.sugar, marker, color=colour, ms=9, label=name)[0]
                       for name, (colour, marker, shift) in zip(others, looks)}
        self.labels = {j: axes.annotate(name, (self.sugar[j], 0), textcoords="offset points", fontsize=12, **self.beside(j))
                       for j, name in self.notes.items()}
        axes.set(xlabel="sugar of the rival (grams a serving)", ylabel="percent of its buyers that it loses", ylim=(0, 66),
                 xlim=(self.sugar.min() - 0.6, self.sugar.max() + 2))
        explain(axes, ncols=3)

    def beside(self, j):
        """Where a rival's name stands: below the point on the left of the picture, before it on the right."""
        return {"xytext": (-8, -20)} if self.sugar[j] < np.median(self.sugar) else {"xytext": (-10, 2), "ha": "right"}

    def update(self, **answers):
        """New answers by name, for those that change."""
        self.answers.update(answers)
        first, *others = self.answers
        self.line.set_ydata([100 * np.mean(self.answers[first])] * 2)
        for name in others:
            self.points[name].set_ydata(100 * self.answers[name])
        for j, label in self.labels.items():
            label.xy = (self.sugar[j] + 0.12, 100 * self.answers[others[-1]][j])
        lost = 100 * self.answers[others[-1]]
        say(self.axes, f"{self.product} at half price: at the minimum, rivals lose from {lost.min():.0f} to {lost.max():.0f} percent")


# The widget's picture ------------------------------------------------------------------------------------------------------

class HoldOne(Picture):
    """`pi[prices, income_squared]` held at a value, everything else estimated anew.

    Left, the objective with the value at which it is held; right, the price coefficients that follow.

    Parameters
    ----------
    problem : blpteach.Problem
        The cereals' model.
    estimates : Estimates
        At the minimum, where searches begin.
    """
    size = (12, 4.8)
    grid = np.linspace(-70, 0, 15)

    def __init__(self, problem, estimates, **values):
        self.problem, self.estimates, self.profiles = problem, estimates, {}
        self.best = estimates.theta2[problem.theta2_names(estimates.free).index(CURVATURE)]
        self.values = {"curvature": float(self.best), "dropped": 0}
        super().__init__(**values)

    def profile(self, dropped):
        """The searches along the grid, (held, theta2 (V, P), objective (V,)), done once for each number of dropped instruments."""
        if dropped not in self.profiles:
            held = Held(self.problem, self.estimates, [CURVATURE], dropped)
            self.profiles[dropped] = (held, *held.profile(self.grid, self.estimates.theta2, self.best, 1e-3))
        return self.profiles[dropped]

    def estimate(self):
        """Estimate at the present values, from between the two nearest points of the profile."""
        held, path, _ = self.profile(self.values["dropped"])
        curvature = self.values["curvature"]
        near = np.clip(np.searchsorted(self.grid, curvature), 1, len(self.grid) - 1)
        part = (curvature - self.grid[near - 1]) / (self.grid[near] - self.grid[near - 1])
        theta2, self.objective = held.search(curvature, (1 - part) * path[near - 1] + part * path[near])
        self.beta, self.outcome = held.outcome(theta2)
        self.elasticity, self.theta2 = self.outcome.own_elasticities().mean(), theta2

    def draw(self, figure):
        """The profile with a dot, and a histogram."""
        self.left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        self.all, = self.left.plot([], [], color=OUTSIDE, lw=1.6, ls="--", label="all instruments")
        self.curve, = self.left.plot([], [], color=PRODUCT)
        self.dot, = self.left.plot([], [], "o", color=HIGHLIGHT, ms=13)
        self.left.set(xlabel="π[prices, income²], held", ylabel="objective q, all others estimated", xlim=(-72, 2), ylim=(0, 20))
        self.tails = Tails(right)
        right.set_xlabel("price coefficient $\\alpha_i$ of a consumer type (utils a dollar)")

    def update(self, **values):
        """`curvature` is the held parameter, `dropped` the number of instruments left out."""
        self.values.update({name: value for name, value in values.items() if value is not None})
        self.estimate()
        self.all.set_data(self.grid, self.profile(0)[2])
        self.curve.set_data(self.grid, self.profile(self.values["dropped"])[2])
        self.dot.set_data([self.values["curvature"]], [self.objective])
        self.tails.move(*price_tastes(self.outcome))
        self.curve.set_label(f"{self.problem.M - self.values['dropped']} instruments")
        explain(self.left, [self.curve, self.all])
        say(self.left, f"Held at {number(self.values['curvature'])}: objective {self.objective:.2f}")
        say(self.tails.axes, f"Price coefficient {number(self.beta[0])}, mean own elasticity {number(self.elasticity, 2)}")
