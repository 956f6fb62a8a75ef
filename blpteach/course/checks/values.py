"""Which mistake was made in a number, an array, a table or a word."""
import numpy as np
import pandas as pd

CLOSE = 0.02                            # relative: near enough to speak of lost digits
FEW = 2                                 # elements from which a common factor means something


def diagnose(answer, right, mistakes=(), rtol=1e-3, atol=1e-9):
    """Say which mistake was made, or that none was.

    Parameters
    ----------
    answer : object
        The reader's: a number, array, Series, DataFrame, dict, list, tuple or string.
    right : object
        The right one. If it has labels, an answer with the same labels may have them in any order.
    mistakes : iterable of (str, object)
        Known wrong paths: what to say, and their values.
    rtol, atol : float
        How close is right.

    Returns
    -------
    str or None
        None if the answer is right; an empty string if it is wrong and nothing more is known.
    """
    if callable(answer):
        return (f"You gave the function `{getattr(answer, '__name__', 'answer')}` itself. "
                "Call it, and give its result.")
    answer, complaint = aligned(answer, right)
    if complaint:
        return complaint
    found, expected = plain(answer), plain(right)
    if expected.dtype.kind in "US":
        return _words(found, expected, [(says, plain(value)) for says, value in mistakes])
    if found.dtype.kind not in "bifu":
        return f"Your answer holds {_kind(found)}; expected numbers."
    if same(found, expected, rtol, atol):
        return None
    for says, value in mistakes:
        if same(found, plain(aligned(value, right)[0]), rtol, atol):
            return says
    return (_shape(found, expected, rtol, atol) or _missing(found)
            or _transformed(found, expected, rtol, atol) or _partly(found, right, rtol, atol))


def plain(value):
    """The value as an array of floats or of strings; axes of length one stay."""
    if isinstance(value, dict):
        value = list(value.values())
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError:                                          # parts of unequal lengths
        return np.asarray(str(value))
    if array.dtype.kind == "O":
        try:
            return array.astype(float)
        except (TypeError, ValueError):
            return array.astype(str)
    return array.astype(float) if array.dtype.kind in "biu" else array


def aligned(answer, right):
    """Put a labelled answer in the order of the right one: (answer, complaint about labels)."""
    if isinstance(answer, dict):
        answer = pd.Series(answer)
    both_labelled = labelled(answer) and labelled(right)
    for axis in range(min(answer.ndim, right.ndim) if both_labelled else 0):
        if not answer.axes[axis].is_unique:
            continue
        ours, theirs = right.axes[axis], answer.axes[axis]
        if set(ours) == set(theirs):
            answer = answer.reindex(ours, axis=axis)
        elif set(ours) & set(theirs) and not isinstance(theirs, pd.RangeIndex):
            return answer, _labels([label for label in ours if label not in set(theirs)],
                                   [label for label in theirs if label not in set(ours)])
    return answer, None


def labelled(value):
    """Whether it is a Series or a DataFrame."""
    return isinstance(value, (pd.Series, pd.DataFrame))


def same(found, expected, rtol, atol):
    """Whether two arrays have one shape and agree, up to length-one axes and rounding."""
    if found.dtype.kind in "US" or expected.dtype.kind in "US":
        return found.shape == expected.shape and bool((found == expected).all())
    if found.shape != expected.shape and not (found.size == expected.size == 1):
        return False
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    atol = max(atol, rtol * 1e-3 * scale)
    return bool(np.allclose(found.reshape(expected.shape), expected, rtol, atol, equal_nan=True))


def _labels(missing, superfluous):
    parts = []
    if missing:
        parts += [f"no value for {', '.join(map(str, missing[:4]))}"]
    if superfluous:
        names = ", ".join(map(str, superfluous[:4]))
        parts += [f"a value for {names}, which was not asked for"]
    return f"Your answer has {' and '.join(parts)}."


def _words(found, expected, mistakes):
    """Compare words, capitals and spaces aside."""
    tidy = [np.char.lower(np.char.strip(array.astype(str))) for array in (found, expected)]
    if found.size == expected.size == 1:
        tidy = [array.reshape(()) for array in tidy]
    if tidy[0].shape == tidy[1].shape and (tidy[0] == tidy[1]).all():
        return None
    for says, value in mistakes:
        if value.shape == tidy[0].shape and (np.char.lower(value.astype(str)) == tidy[0]).all():
            return says
    if tidy[0].shape != tidy[1].shape:
        return (f"Your answer has {found.size} part{'s' * (found.size != 1)}; "
                f"expected {expected.size}.")
    wrong = np.flatnonzero((tidy[0] != tidy[1]).ravel())
    return f"Part {wrong[0] + 1} of your answer is wrong." if expected.size > 1 else ""


def _kind(array):
    kinds = {"U": "words", "S": "words", "c": "complex numbers"}
    return kinds.get(array.dtype.kind, f"{array.dtype} values")


def _shape(found, expected, rtol, atol):
    """A wrong shape: what it is, what was expected, and how it may have come about."""
    if found.shape == expected.shape or found.size == expected.size == 1:
        return None
    here = f"Your answer has shape {found.shape}; expected {expected.shape}."
    if found.squeeze().shape == expected.squeeze().shape:
        return f"{here} The numbers may be right: remove or add the axis of length one."
    if found.T.shape == expected.shape:
        transposed = same(found.T, expected, rtol, atol)
        return (f"{here} It is the transpose of the right answer." if transposed
                else f"{here} Rows and columns are exchanged.")
    if not expected.shape:
        average = _average(found, expected, rtol, atol)
        more = f" Its {average} is the right one." if average else ""
        return f"Your answer has shape {found.shape}; expected one number.{more}"
    if not found.shape:
        average = _average(expected, found, rtol, atol)
        more = f" You gave the {average} of the right answer." if average else ""
        return f"Your answer is one number; expected shape {expected.shape}.{more}"
    if found.ndim == expected.ndim == 1 and found.size == expected.size + 1:
        return f"{here} One too many: is the outside good among them?"
    if found.ndim == expected.ndim == 1 and found.size == expected.size - 1:
        return f"{here} One too few: was one left out that belongs there?"
    return here


def _average(values, number, rtol, atol):
    """Which of mean and sum of the values the number is, or None."""
    averages = {"mean": values.mean(), "sum": values.sum()}
    named = (name for name in averages if same(np.asarray(averages[name]), number, rtol, atol))
    return next(named, None)


def _missing(found):
    bad = ~np.isfinite(found)
    if not bad.any():
        return None
    what = "Your answer is not finite"
    if found.shape:
        first = _place(np.argwhere(bad)[0])
        what = f"{bad.sum()} of {found.size} numbers are not finite, the first at {first}"
    return f"{what}: a logarithm of zero, a division by zero, or an overflow."


def transformations(expected):
    """Ways to turn the right answer into a wrong one: what to say, and the wrong value."""
    with np.errstate(all="ignore"):
        yield "The size is right and the sign is wrong.", -expected
        yield ("Your answer is 100 times too large: "
               "you seem to give percent for a fraction, or cents for dollars.", 100 * expected)
        yield ("Your answer is 100 times too small: "
               "you seem to give a fraction for percent, or dollars for cents.", expected / 100)
        if expected.ndim == 2 and expected.shape[0] == expected.shape[1]:
            yield "This is the transpose: rows and columns are exchanged.", expected.T
            yield "This is the transpose, with the wrong sign as well.", -expected.T
        yield "This is one minus the right answer: the complement.", 1 - expected
        yield ("This is the reciprocal of the right answer: "
               "numerator and denominator are exchanged.", 1 / expected)
        yield ("This is the square of the right answer: "
               "a variance in place of a standard deviation, perhaps.", expected**2)
        yield ("This is the square root of the right answer: "
               "a standard deviation in place of a variance, perhaps.", np.sqrt(expected))
        yield "This is the exponential of the right answer: take logarithms.", np.exp(expected)
        yield "This is the logarithm of the right answer: take the exponential.", np.log(expected)
        yield "Every size is right, but a sign was lost: no absolute values here.", np.abs(expected)
        if expected.ndim == 1 and expected.size > 2:
            yield "The right numbers in reverse order.", expected[::-1]


def _transformed(found, expected, rtol, atol):
    """A simple transformation of the right answer."""
    for says, wrong in transformations(expected):
        differs = np.isfinite(wrong).all() and not same(wrong, expected, rtol, atol)
        if differs and same(found, wrong, rtol, atol):
            return says
    if expected.size < FEW or np.ptp(expected) <= atol:
        return None
    zero = expected == 0
    ratio = found[~zero] / expected[~zero]
    one_factor = ratio.size >= FEW and np.ptp(ratio) < rtol * abs(ratio.mean())
    if one_factor and (found[zero] == 0).all():
        return (f"Every number is {ratio.mean():.4g} times the right one. "
                "Which factor is missing, or one too many?")
    difference = found - expected
    if np.ptp(difference) < rtol * np.ptp(expected):
        direction, size = "large" if difference.mean() > 0 else "small", abs(difference.mean())
        return f"Every number is too {direction} by the same {size:.4g}."
    if expected.ndim == 1 and same(np.sort(found), np.sort(expected), rtol, atol):
        return "The right numbers in the wrong order."
    return None


def _partly(found, right, rtol, atol):
    """Nearly right, or right in part; the right numbers are not given away."""
    expected = plain(right)
    if same(found, expected, max(CLOSE, 2 * rtol), atol):
        return ("Close, within two percent, but not right. "
                "If you rounded on the way, keep all digits. If not, something small differs: "
                "a tolerance, a weight, a degree of freedom.")
    if not expected.shape or expected.size < FEW:
        return ""
    wrong = ~np.isclose(found, expected, rtol=rtol, atol=atol)
    place = np.argwhere(wrong)[0] if wrong.any() else []
    if not 0 < wrong.sum() < wrong.size:
        return ""
    names = [right.axes[axis][k] for axis, k in enumerate(place)] if labelled(right) else []
    label = f" ({', '.join(map(str, names))})" if names else ""
    return (f"{wrong.size - wrong.sum()} of {wrong.size} numbers are right. The first that is not: "
            f"{_place(place)}{label}.")


def _place(index):
    return f"[{', '.join(str(int(k)) for k in index)}]"
