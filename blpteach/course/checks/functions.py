"""Which mistake a function of the reader's makes: it is tried on small random cases."""
import inspect
import traceback

import numpy as np

from .values import diagnose, plain

CASES = 5


def diagnose_function(function, exercise):
    """Try a function beside a right one.

    Parameters
    ----------
    function : callable
        The reader's.
    exercise : Exercise
        With `inputs`: its `right` and the values of its mistakes are functions
        of the same arguments.

    Returns
    -------
    complaint : str or None
        None if all results are right; an empty string if one is wrong and no more is known.
    case : str
        The arguments for which it is wrong, written out; empty where they don't matter.
    """
    cases = [exercise.inputs(np.random.default_rng(seed)) for seed in range(CASES)]
    complaint = _signature(function, cases[0])
    if complaint:
        return complaint, ""
    results = []
    for case in cases:
        result, complaint = attempt(function, case)
        if complaint:
            return complaint, describe(case)
        results.append(result)
    if all(result is Ellipsis for result in results):
        return "...", ""
    if any(result is None for result in results):
        return ("Your function returns nothing: "
                "it lacks a `return`, or its body is still to be written."), describe(cases[0])
    return _first_wrong(results, cases, exercise)


def attempt(function, case):
    """Call a function with copies of the arguments; return its result and a complaint, or None."""
    given = {name: copy(value) for name, value in case.items()}
    try:
        with np.errstate(all="ignore"):
            result = function(*given.values())
    except Exception as error:          # whatever the reader's code raises is the reader's answer
        raised = f"{type(error).__name__}: {error}"
        return None, f"Your function stops{_line(error, function)}: `{raised}`."
    for name, value in case.items():
        if isinstance(value, np.ndarray) and not np.array_equal(given[name], value, equal_nan=True):
            return None, (f"Your function changes its argument `{name}` in place, "
                          "so that the caller's array is another one afterwards. "
                          f"Begin with a copy, `{name}.copy()`, or compute a new array.")
    return result, None


def copy(value):
    """A copy that the reader may spoil."""
    return value.copy() if hasattr(value, "copy") else value


def describe(case):
    """Write the arguments of a case out, so that they can be pasted into a cell."""
    with np.printoptions(precision=3, suppress=True, threshold=60, linewidth=100):
        return "\n".join(f"{name} = {_literal(value)}" for name, value in case.items())


def _literal(value):
    if callable(value):
        return getattr(value, "__name__", "a function")
    return f"np.{value!r}" if isinstance(value, np.ndarray) else repr(value)


def _signature(function, case):
    """Does it take the arguments that it will be given?"""
    if not callable(function):
        return f"You gave {type(function).__name__}; expected a function of ({', '.join(case)})."
    try:
        inspect.signature(function).bind(*case.values())
    except TypeError:
        return (f"Your function takes `{inspect.signature(function)}`; "
                f"it will be called with ({', '.join(case)}), in this order.")
    except ValueError:                                          # a function without a signature
        pass
    return None


def _line(error, function):
    """Name the line of the reader's function at which it stopped."""
    frames = traceback.extract_tb(error.__traceback__)
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    place = (code.co_filename, code.co_name)
    lines = [frame.lineno - code.co_firstlineno + 1 for frame in frames
             if (frame.filename, frame.name) == place]
    return f" in line {lines[-1]}" if lines else ""


def _first_wrong(results, cases, exercise):
    """Diagnose the first case that is wrong; a mistake is named only if it explains all cases."""
    rights = [exercise.right(**case) for case in cases]
    tolerances = {"rtol": exercise.rtol, "atol": exercise.atol}
    wrong = [k for k in range(CASES) if diagnose(results[k], rights[k], **tolerances) is not None]
    if not wrong:
        return None, ""
    for mistake in exercise.mistakes:
        with np.errstate(all="ignore"):
            outcomes = [mistake.value(**case) for case in cases]
        if all(diagnose(*pair, **tolerances) is None for pair in zip(results, outcomes)):
            return mistake.says, describe(cases[wrong[0]])
    complaints = [diagnose(results[k], rights[k], **tolerances) for k in wrong]
    common = complaints[0] if len(wrong) == CASES and len(set(complaints)) == 1 else ""
    k = wrong[0]
    first = complaints[0] if plain(results[k]).shape != plain(rights[k]).shape else common
    right = CASES - len(wrong)
    some = f" It is right in {right} of {CASES} random cases." if right else ""
    return (first + some).strip(), describe(cases[k])
