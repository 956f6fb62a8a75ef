"""Predictions: what is kept, what is said beside the answer, and what is no guess."""
import numpy as np
import pytest

import blpteach
from blpteach.course import predictions


@pytest.fixture(autouse=True)
def no_guesses():
    predictions.guesses.clear()


@pytest.mark.parametrize("guess, result, right, words", [
    (25, 30.25, False, "You said 25; it is 30.25. Your guess is too small by 17 percent."),
    (30, 30.25, True, "A good guess."),
    (30.25, np.float64(30.25), True, "You said 30.25; it is 30.25."),
    (200, 30.25, False, "too large by a factor of 6.6"),
    (-25, 30.25, False, "The sign is another one."),
    (-25, -30.25, False, "too small by 17 percent"),
    (-100, -30.25, False, "too large by a factor of 3.3"),
    (0, 3, False, "You said 0; it is 3."),
    (3, 0, False, "You said 3; it is 0."),
    ("rises", "falls", False, "You said rises; it is falls."),
    ("rises", "rises", True, "You said rises; it is rises.")])
def test_a_guess_stands_beside_the_answer(guess, result, right, words):
    assert not blpteach.predict("1.1", guess)
    told = blpteach.predicted("1.1", result)
    assert bool(told) is right and str(told).startswith(f"{'✓' if right else '→'} Prediction 1.1. ")
    assert words in str(told) and "<div" in told._repr_html_() and words in told._repr_html_()


def test_without_a_guess_the_answer_is_told_and_nothing_is_kept():
    blpteach.predict("1.1", 3)
    assert "No guess yet" in str(blpteach.predict("1.1", ...))
    assert str(blpteach.predicted("1.1", 30.25)) == "… Prediction 1.1. It is 30.25. You made no guess."


def test_a_choice_is_named_and_read_in_any_case():
    assert "Choose one of falls, rises." in str(blpteach.predict("1.1", ..., among=["falls", "rises"]))
    blpteach.predict("1.1", " Rises", among=["falls", "rises"])
    assert blpteach.predicted("1.1", "rises")


@pytest.mark.parametrize("guess, among, words", [("up", ["falls", "rises"], "one of falls, rises, in quotation marks"),
                                                 (np.nan, None, "not a number"), (True, None, "not a number"), ([1], None, "not a number")])
def test_what_is_no_guess_is_refused_and_not_kept(guess, among, words):
    with pytest.raises(blpteach.InputError, match=words):
        blpteach.predict("1.1", guess, among)
    assert "You made no guess" in str(blpteach.predicted("1.1", 3))
