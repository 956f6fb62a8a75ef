"""Predictions: a guess made before the cell that answers it, and shown beside the answer."""
from math import isclose, isfinite
from numbers import Real

from ..errors import InputError, listing
from .checks import unanswered
from .checks.reply import Reply

guesses = {}                            # by number, in this kernel
CLOSE = 0.1                             # so much off, relative to the answer, is a good guess


def predict(number, guess, among=None):
    """Keep a guess, for `predicted` to show beside the answer.

    Parameters
    ----------
    number : str
        Of the prediction in its lesson, such as ``"1.4"``.
    guess : number or str
        Dots in place of a guess are asked about once more.
    among : list of str, optional
        The answers to choose from.

    Returns
    -------
    Reply

    Raises
    ------
    InputError
        The guess is no number and no text, or none of those to choose from.

    Examples
    --------
    >>> import blpteach
    >>> blpteach.predict("1.4", 25)
    → Prediction 1.4. Kept: 25. Run on to see.
    >>> blpteach.predicted("1.4", 30.25)
    → Prediction 1.4. You said 25; it is 30.25. Your guess is too small by 17 percent.
    """
    if unanswered(guess):
        guesses.pop(number, None)
        choice = f" Choose one of {listing(among, 9)}." if among else ""
        return reply("open", number, "No guess yet: put it in place of the dots, and run this cell "
                                     f"before you go on.{choice}")
    if among is not None:
        guess = str(guess).strip().lower()
    fits = guess in among if among is not None else isinstance(guess, str) or is_number(guess)
    if not fits:
        wanted = f"one of {listing(among, 9)}, in quotation marks" if among else "a number"
        raise InputError(f"Prediction {number}: the guess {guess!r} is not {wanted}.")
    guesses[number] = guess
    return reply("hint", number, f"Kept: {shown(guess)}. Run on to see.")


def predicted(number, result):
    """Show what was guessed beside what came out.

    Parameters
    ----------
    number : str
        That of `predict`.
    result : number or str

    Returns
    -------
    Reply
        True if the guess was right: the same word, or a number at most a tenth off.

    Examples
    --------
    >>> import blpteach
    >>> blpteach.predict("1.5", "rises", among=["falls", "rises"])
    → Prediction 1.5. Kept: rises. Run on to see.
    >>> bool(blpteach.predicted("1.5", "rises"))
    True
    """
    if number not in guesses:
        return reply("open", number, f"It is {shown(result)}. You made no guess.")
    guess = guesses[number]
    said = f"You said {shown(guess)}; it is {shown(result)}."
    if isinstance(guess, str) or isinstance(result, str):
        return reply("right" if guess == result else "hint", number, said)
    close = isclose(guess, result, rel_tol=CLOSE)
    return reply("right" if close else "hint", number, said + distance(guess, result, close))


def distance(guess, result, close):
    """How far a guess is from the result, in words."""
    if guess == result:
        return ""
    if close:
        return " A good guess."
    if guess * result <= 0:
        return " The sign is another one." if guess * result < 0 else ""
    off, factor = guess / result - 1, max(guess / result, result / guess)
    far = "large" if off > 0 else "small"
    by = f"by a factor of {factor:.2g}" if factor >= 2 else f"by {100 * abs(off):.2g} percent"
    return f" Your guess is too {far} {by}."


def is_number(guess):
    """Whether it is a finite real number."""
    return isinstance(guess, Real) and not isinstance(guess, bool) and isfinite(guess)


def shown(value):
    """A number with four digits; text as it is."""
    return value if isinstance(value, str) else f"{float(value):.4g}"


def reply(kind, number, text):
    """A `Reply` about a prediction."""
    return Reply(kind, number, (text,), what="Prediction")
