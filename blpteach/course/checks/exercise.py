"""What the course knows of an exercise: its right answer, the wrong paths, and hints."""
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A wrong path and where it leads.

    Parameters
    ----------
    says : str
        Which mistake it is, in a sentence or two for the reader; `code` between backticks.
    value : callable
        Without arguments, to the value that the mistake leads to; where the answer is a function,
        the mistaken function.
    """
    says: str
    value: Callable


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    what : str
        What the answer is, with its shape and units, as in ``"24 fractions, one a product"``.
    right : callable
        Without arguments, to the right value, computed by the library from the data;
        where the answer is a function, a right function.
    mistakes : tuple of Mistake
        Wrong paths with known outcomes, the likely ones first.
    hints : tuple of str
        The first is given with the first wrong answer, the second with the second, and so on.
    insight : str, optional
        What a right answer teaches, in a sentence.
    inputs : callable, optional
        Makes the answer a function: from a NumPy generator to a dict of arguments,
        a small random case.
    rtol, atol : float, optional
        How close a number must be.
    """
    what: str
    right: Callable
    mistakes: tuple = ()
    hints: tuple = ()
    insight: str = ""
    inputs: Callable | None = None
    rtol: float = 1e-3
    atol: float = 1e-9
