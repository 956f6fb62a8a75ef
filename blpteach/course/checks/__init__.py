"""Checks of the exercises: right, or which mistake was made.

`check` compares an answer with what the library computes from the data and with the outcomes
of known wrong paths; `hint` and `solution` help on request. One module a lesson, `lesson_00`,
`lesson_01`, ..., says what each exercise's right answer and wrong paths are.
"""
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...errors import InputError, listing
from ..notebooks import lesson_cells
from .functions import diagnose_function
from .reply import Reply
from .values import diagnose

MODULES = [module.name for module in iter_modules(__path__) if module.name.startswith("lesson_")]
LESSONS = tuple(sorted(int(name.removeprefix("lesson_")) for name in MODULES))
failures = {}                           # wrong answers so far, by exercise
hints_given = {}                        # on request, by exercise


def check(exercise, answer):
    """Say whether an answer is right or which mistake was made.

    Parameters
    ----------
    exercise : str
        Its number in the lessons, such as ``"2.3"``.
    answer : number, array, Series, DataFrame, str or function
        A labelled answer may have its labels in any order.
        A function is tried on small random cases.

    Returns
    -------
    Reply
        True if the answer is right. It shows itself as a box in a notebook and as text
        in a terminal. Each wrong answer brings another hint.

    Raises
    ------
    InputError
        There is no exercise of that number.

    Examples
    --------
    >>> import blpteach
    >>> print(str(blpteach.check("0.1", ...)).split(",")[0])
    … Exercise 0.1. Not answered yet: put your answer in place of the dots
    """
    known = find(exercise)
    if unanswered(answer):
        return Reply("open", exercise, (_reminder(known),))
    if known.inputs is None:
        right, case = right_value(exercise), ""
        complaint = diagnose(answer, right, outcomes(exercise), known.rtol, known.atol)
    else:
        complaint, case = diagnose_function(answer, known)
    if complaint is None:
        failures.pop(exercise, None)
        return Reply("right", exercise, tuple(line for line in ("Right.", known.insight) if line))
    if complaint == "...":
        return Reply("open", exercise, (_reminder(known),))
    return _wrong(exercise, known, complaint, case)


def hint(exercise):
    """Give the next hint, from the first on.

    Parameters
    ----------
    exercise : str
        Its number in the lessons, such as ``"2.3"``.

    Returns
    -------
    Reply

    Examples
    --------
    >>> import blpteach
    >>> print(str(blpteach.hint("0.1")).split(":")[0])
    → Exercise 0.1. Hint 1 of 2
    """
    hints = find(exercise).hints
    number = hints_given.get(exercise, 0) % len(hints)
    hints_given[exercise] = number + 1
    text = f"Hint {number + 1} of {len(hints)}: {hints[number]}"
    if number + 1 == len(hints):
        text += f" (The last hint: `blpteach.solution(\"{exercise}\")` shows a solution.)"
    return Reply("hint", exercise, (text,))


def solution(exercise):
    """Show a solution, as the solutions edition of the lesson has it.

    Parameters
    ----------
    exercise : str
        Its number in the lessons, such as ``"2.3"``.

    Returns
    -------
    Reply

    Examples
    --------
    >>> import blpteach
    >>> "assert blpteach.check" in str(blpteach.solution("0.1"))
    True
    """
    find(exercise)
    return Reply("hint", exercise, ("A solution:",), "\n\n".join(solution_cells(exercise)))


def solution_cells(exercise):
    """The sources of the cells that solve an exercise, from the shipped notebook.

    Parameters
    ----------
    exercise : str

    Returns
    -------
    list of str
    """
    inside, found = False, []
    for cell in lesson_cells(f"{int(exercise.split('.')[0]):02d}"):
        source = "".join(cell["source"])
        begins_exercise = cell["cell_type"] == "markdown" and "\n### " in "\n" + source
        if begins_exercise or source.startswith("## "):
            inside = f"### Exercise {exercise} " in source
        elif inside and "solution" in cell["metadata"].get("tags", []):
            found.append(source)
    return found


def exercises(lesson):
    """The exercises of a lesson.

    Parameters
    ----------
    lesson : int

    Returns
    -------
    dict
        From number, such as ``"2.3"``, to `Exercise`.
    """
    return import_module(f".lesson_{lesson:02d}", __name__).EXERCISES


def find(exercise):
    """Look an exercise up by its number, or say which numbers there are."""
    lesson = str(exercise).split(".")[0]
    known = exercises(int(lesson)) if lesson.isdigit() and int(lesson) in LESSONS else {}
    if exercise in known:
        return known[exercise]
    numbers = list(known) or [number for k in LESSONS for number in exercises(k)]
    raise InputError(f"no exercise {exercise!r}: there are {listing(numbers, 40)}. "
                     f"The number is a string, as in check(\"{numbers[0]}\", answer)")


@cache
def right_value(exercise):
    """The right answer, computed once."""
    return find(exercise).right()


@cache
def outcomes(exercise):
    """What the known mistakes lead to, computed once: pairs of text and value."""
    return tuple((mistake.says, mistake.value()) for mistake in find(exercise).mistakes)


def unanswered(answer):
    """Whether the dots are still there, alone or in a tuple, list or dict."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    parts = answer if isinstance(answer, (tuple, list)) else [answer]
    return answer is None or any(part is Ellipsis for part in parts)


def _reminder(known):
    if known.inputs is None:
        return ("Not answered yet: put your answer in place of the dots, "
                "run that cell, then this one.")
    return ("Not answered yet: write the body of the function in place of the dots, "
            "run that cell, then this one.")


def _wrong(exercise, known, complaint, case):
    """The reply to a wrong answer: the diagnosis, the failing case, and the next hint."""
    number = failures[exercise] = failures.get(exercise, 0) + 1
    lines = [f"Not yet. {complaint}" if complaint else f"Not yet. Expected: {known.what}."]
    if known.hints:
        lines += [f"Hint: {known.hints[min(number, len(known.hints)) - 1]}"]
    if number >= max(len(known.hints), 2):
        lines += [f"`blpteach.solution(\"{exercise}\")` shows a solution."]
    if case:
        lines += ["It is wrong for these arguments:"]
    return Reply("wrong", exercise, tuple(lines), case)
