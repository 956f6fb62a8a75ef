"""Bounds and corners: parameters that the minimum leaves at a bound, or a taste at zero.

Nodes that lie symmetrically about zero make delta an even function of a column of sigma: it depends
on the column's outer product. So zero is a stationary point, whatever the data say, and where
tastes do not differ it is the minimum. Near it the Jacobian vanishes and Gauss-Newton steps are too
long. What rests there is held, the others are searched without it, and the second derivative tells
whether there is a way down.
"""
import numpy as np

from .outer_loop import ENOUGH, Start

TINY = 1e-6                                                     # of a parameter's unit: nearly zero


def search_within(objective, start, free, first, then):
    """Search from `start`, and hold what rests at a bound or corner (4.10).

    Parameters
    ----------
    objective : outer_loop.Objective
    start : array (P,)
    free : parameters.Free
        With the bounds, and which parameters are a column of sigma.
    first, then : functions
        From an objective and a start to theta2 and a message: a quick search, and the one that goes
        on where the quick one has not settled and nothing rests at a corner.

    Returns
    -------
    outer_loop.Start
    """
    before, begun = objective.evaluations, np.clip(start, free.lower, free.upper)
    nearer = np.zeros(len(start)) if np.array_equal(start, free.start) else free.start
    theta2, halvings = invertible_start(objective, begun, nearer)
    held, search, message = np.zeros(len(start), bool), first, "nothing to search"
    if (abs(theta2) <= TINY * free.unit).any():                 # no search gets away from a corner
        held = columns_at_zero(objective, theta2, free, held, near=TINY)
        theta2 = np.where(held, 0, theta2)
    for _ in range(4 * len(start) + 1 if objective.at(theta2).usable else 0):
        if not held.all():
            rest = objective.holding(held, theta2)
            others, message = search(rest, theta2[~held])
            theta2, hit = up_to_bounds(theta2, rest.among(others), free)
            held = held | hit
            if hit.any():
                continue
        corner = columns_at_zero(objective, theta2, free, held)
        if corner.any():
            theta2, held, search = np.where(corner, 0, theta2), held | corner, then
        elif search is not then and not settled(objective, theta2, held):
            search = then
        else:
            step = way_down(objective, theta2, free, held)
            if not step.any():
                break
            theta2, held, search = theta2 + step, held & (step == 0), first
    value = objective.at(theta2).value
    return Start(start, theta2, held, halvings, value, settled(objective, theta2, held),
                 objective.evaluations - before, message)


def settled(objective, theta2, held):
    """Whether no Gauss-Newton step in the parameters that are not held promises an improvement."""
    return objective.holding(held, theta2).at(theta2[~held]).settled


def invertible_start(objective, start, nearer=0.0, most=60):
    """Halve the way from the starting values to other ones, until shares can be inverted there.

    Parameters
    ----------
    objective : outer_loop.Objective
    start : array (P,)
    nearer : array (P,)
        Where to go: zero for the given starting values, those for others.
    most : int

    Returns
    -------
    start : array (P,)
    halvings : int
    """
    for halvings in range(most):
        if objective.at(start).usable:
            return start, halvings
        start = (start + nearer) / 2
    return start, most


# Bounds -------------------------------------------------------------------------------------------

def up_to_bounds(theta2, found, free):
    """`found`, or the first point on the way there that lies on a bound.

    Parameters
    ----------
    theta2, found : arrays (P,)
        From where, and to where.
    free : parameters.Free

    Returns
    -------
    theta2 : array (P,)
    hit : bool array (P,)
        Which parameters lie on their bounds there.
    """
    limit = np.clip(found, free.lower, free.upper)
    outside = found != limit
    if not outside.any():
        return found, outside
    way = np.where(outside, found - theta2, 1)
    fraction = np.where(outside, (limit - theta2) / np.where(way == 0, 1, way), 1)
    first = fraction.min()
    hit = outside & (fraction <= first)
    return np.where(hit, limit, theta2 + first * (found - theta2)), hit


# Corners ------------------------------------------------------------------------------------------

def columns_at_zero(objective, theta2, free, held, near=0.3):
    """Columns of sigma, as a bool array (P,), that hardly count at theta2.

    With the column at zero, q is flat and no higher than here. A column hardly counts where it
    moves the residuals by less than `near` of their size.
    """
    here, at_zero = objective.at(theta2), np.zeros(len(theta2), bool)
    if not here.usable:
        return at_zero
    for column in np.unique(free.nodes[free.even]):
        of_column = (free.nodes == column) & ~held
        effect = here.R[:, of_column] @ theta2[of_column]
        if of_column.any() and effect @ effect <= near**2 * (1 + here.value):
            zero = objective.at(np.where(of_column, 0, theta2))
            no_higher = zero.value <= here.value + 10 * ENOUGH * (1 + here.value)
            if is_flat(zero, of_column, free) and no_higher:
                at_zero |= of_column
    return at_zero


def is_flat(point, of_column, free):
    """Whether a column's parameters, in their units, don't move the residuals at a point."""
    slopes = point.R[:, of_column] * free.unit[of_column]
    return abs(slopes).max() <= 1e-9 * (1 + np.sqrt(point.value))


def way_down(objective, theta2, free, held):
    """A step (P,) that leaves a bound or corner and lowers q; zeros where there is none."""
    here = objective.at(theta2)
    for k in np.flatnonzero(held & ((theta2 == free.lower) | (theta2 == free.upper))):
        step = from_bound(here, theta2, free, k)
        if step.any():
            return step
    for column in np.unique(free.nodes[held & (theta2 == 0)]):
        of_column = held & (free.nodes == column) & (theta2 == 0)
        if column >= 0 and is_flat(here, of_column, free):
            step = from_corner(objective, theta2, free, of_column)
            if step.any():
                return step
    return np.zeros(len(theta2))


def from_bound(here, theta2, free, k):
    """A Gauss-Newton step (P,) of parameter k off its bound, if q falls that way."""
    step, R = np.zeros(len(theta2)), here.R[:, k]
    if R @ R * free.unit[k]**2 <= 1e-18 * (1 + here.value):
        return step
    move = -(R @ here.r) / (R @ R)
    inside = move > 0 if theta2[k] == free.lower[k] else move < 0
    if inside and (R @ here.r)**2 / (R @ R) > ENOUGH * (1 + here.value):
        step[k] = np.clip(theta2[k] + move, free.lower[k], free.upper[k]) - theta2[k]
    return step


def from_corner(objective, theta2, free, of_column, small=1e-2):
    """A step (P,) along the column's direction of most negative curvature; zeros if none is.

    Near a corner `r(c) = r + sum_ab A_ab c_a c_b / 2`, with A from the Jacobian a small way off. So
    `q = q_0 + sum_ab (r'A_ab) c_a c_b + ...`; along an eigenvector v it is lowest at
    `|c|^2 = -2 r'A_vv / |A_vv|^2`.
    """
    r, places = objective.at(theta2).r, np.flatnonzero(of_column)
    A = np.empty((len(r), len(places), len(places)))
    for b, k in enumerate(places):
        off = theta2.copy()
        off[k] += small * free.unit[k] * (1 if free.upper[k] > 0 else -1)
        A[:, :, b] = objective.at(off).R[:, places] / (off[k] - theta2[k])
    unit = free.unit[places]
    rA = np.einsum("m,mab->ab", r, (A + A.mT) / 2)
    curvature, directions = np.linalg.eigh(rA * unit[:, None] * unit)
    v = unit * directions[:, 0]
    A_vv, step = np.einsum("mab,a,b->m", A, v, v), np.zeros(len(theta2))
    if curvature[0] < 0 and (r @ A_vv)**2 > ENOUGH * (1 + r @ r) * (A_vv @ A_vv):
        c = np.sqrt(-2 * (r @ A_vv) / (A_vv @ A_vv)) * v
        step[places] = c if (theta2[places] + c >= free.lower[places]).all() else -c
    return step


# Starting values ----------------------------------------------------------------------------------

def random_starts(free, count, seed):
    """More starting values around the given ones, of either sign of each column of sigma.

    A column of sigma is multiplied by -1 or 1, unless a bound forbids it, and each of its elements
    by a number between 0.25 and 2. An element of pi is multiplied by a number between -1 and 2,
    what multiplies price by one between 0.25 and 2: a price coefficient of the wrong sign is no
    start.

    Parameters
    ----------
    free : parameters.Free
    count, seed : int

    Returns
    -------
    array (count, P)
    """
    rng, P = np.random.default_rng(seed), len(free.start)
    size = rng.uniform(0.25, 2, (count, P))
    sign = rng.choice([-1.0, 1.0], (count, free.L + 1))         # one for each column of nodes
    either = rng.uniform(-1, 2, (count, P))
    of_sigma, of_others = size * sign[:, free.nodes], np.where(free.on_price, size, either)
    factor = np.where(free.nodes >= 0, of_sigma, of_others)
    factor = np.where(free.lower >= 0, abs(factor), factor)
    return np.clip(factor * free.start, free.lower, free.upper)
