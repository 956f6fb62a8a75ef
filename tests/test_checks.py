"""Checks of the exercises: the replies, the diagnoses that need no knowledge of an exercise, and that every exercise has what it needs."""

import re

import numpy as np
import pandas as pd
import pytest

import blpteach
from blpteach.course import checks
from blpteach.course.checks.exercise import Exercise, Mistake
from blpteach.course.checks.functions import CASES
from blpteach.course.checks.values import diagnose, transformations
from blpteach.course.notebooks import lesson_cells

ALL = [number for lesson in checks.LESSONS for number in checks.exercises(lesson)]
each_exercise = pytest.mark.parametrize("number", ALL)
HEADING = re.compile(r"^### Exercise (\d\.\d) · \d+ minutes · (easy|medium|hard)$", re.MULTILINE)
three = pd.Series([1.0, 2.0, 4.0], list("abc"))


@pytest.fixture(autouse=True)
def fresh():
    """Forget the failures of other tests."""
    checks.failures.clear()
    checks.hints_given.clear()


@pytest.fixture
def made_up(monkeypatch):
    """Two exercises with known answers in place of those of lesson 00."""
    numbers = Exercise("3 numbers", lambda: three, (Mistake("All ones: no weights.", lambda: np.ones(3)),), ("first hint", "second hint"), "So there.")
    function = Exercise("a function", lambda P, weights: P * weights, (Mistake("No weights.", lambda P, weights: P),), ("first", "second"),
                        inputs=lambda rng: {"P": rng.random((2, 3)), "weights": rng.random(3)})
    monkeypatch.setattr(checks, "exercises", lambda lesson: {"0.1": numbers, "0.2": function})
    checks.right_value.cache_clear(), checks.outcomes.cache_clear()
    yield
    checks.right_value.cache_clear(), checks.outcomes.cache_clear()


# The replies

@pytest.mark.parametrize("answer", [[1, 2, 4], np.array([1, 2, 4.0]), three, three[::-1], three.to_dict(), (1, 2.0005, 4)])
def test_a_right_answer_in_any_form(made_up, answer):
    reply = blpteach.check("0.1", answer)
    assert reply and str(reply) == "✓ Exercise 0.1. Right.\nSo there."


@pytest.mark.parametrize("answer", [..., None, (1, ..., 3), [...], {"a": ...}])
def test_dots_get_a_reminder_and_are_no_failure(made_up, answer):
    reply = blpteach.check("0.1", answer)
    assert not reply and reply.kind == "open" and "Not answered yet" in str(reply) and checks.failures == {}


def test_each_failure_brings_another_hint_and_then_the_way_to_a_solution(made_up):
    replies = [str(blpteach.check("0.1", [1, 1, 1])) for _ in range(3)]
    assert all("All ones: no weights." in reply for reply in replies)
    assert ["first hint" in reply for reply in replies] == [True, False, False] and "second hint" in replies[1] and "second hint" in replies[2]
    assert ["blpteach.solution" in reply for reply in replies] == [False, True, True]
    assert blpteach.check("0.1", three) and "first hint" in str(blpteach.check("0.1", 7))


def test_hints_on_request_come_one_by_one(made_up):
    first, second = str(blpteach.hint("0.1")), str(blpteach.hint("0.1"))
    assert "first hint" in first and "second hint" in second and "blpteach.solution" in second


def test_the_box_says_what_the_text_says_and_is_escaped(made_up):
    reply = blpteach.check("0.1", {"a": 1, "<b>": 2})
    box = reply._repr_html_()
    assert "<b>" in str(reply) and "&lt;b&gt;" in box and "<b>" not in box
    plain = re.sub(r"<[^>]+>", "", blpteach.check("0.1", [1, 1, 1])._repr_html_())
    assert "All ones: no weights." in plain and "hint" in plain


def test_an_unknown_number_is_named_with_those_there_are(made_up):
    for number in ("0.9", "9.1", 0.1, "x"):
        with pytest.raises(blpteach.InputError, match=r"no exercise .*0\.1, 0\.2"):
            blpteach.check(number, 1)


# Diagnoses of values

@pytest.mark.parametrize("answer, says", [
    (7.0, "is one number; expected shape (3,)"), (7 / 3, "the mean of the right answer"), ([1, 2, 4, 5], "One too many: is the outside good among them"),
    ([1, 2], "One too few"), ([[1, 2, 4]], "axis of length one"), ([-1, -2, -4], "sign is wrong"), ([100, 200, 400], "you seem to give percent"),
    ([0.01, 0.02, 0.04], "you seem to give a fraction"), ([3, 6, 12], "Every number is 3 times the right one"), ([3, 4, 6], "too large by the same 2"),
    ([4, 2, 1], "reverse order"), ([2, 1, 4], "wrong order"), ([1, 2, 5], "2 of 3 numbers are right. The first that is not: [2] (c)"),
    ([1.01, 2, 4.02], "within two percent"), ([1, np.nan, 4], "1 of 3 numbers are not finite, the first at [1]"), ([1, 0.5, 0.25], "reciprocal"),
    ([1, 4, 16], "square of the right"), (np.sqrt([1, 2, 4]), "square root"), (np.exp([1, 2, 4]), "take logarithms"), (np.log([1, 2, 4]), "take the exponential"),
    ([0, -1, -3], "complement"), ("abc", "holds words"), (np.log, "the function `log` itself"), (three.rename({"c": "d"}), "no value for c and a value for d"),
    ([1, [2, 3]], "holds words")])
def test_general_diagnoses(answer, says):
    assert says in diagnose(answer, three)


def test_matrices_and_words():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert "transpose" in diagnose(matrix.T, matrix) and "transpose, with the wrong sign" in diagnose(-matrix.T, matrix)
    assert "transpose of the right answer" in diagnose(np.ones((2, 3)).T, np.ones((2, 3)))
    assert "a sign was lost" in diagnose([1, 2], np.array([1.0, -2.0]))
    assert diagnose(" Sugar", "sugar") is None and diagnose(["sugar"], "sugar") is None and diagnose("salt", "sugar", [("Not that.", "salt")]) == "Not that."
    assert "Part 2" in diagnose(("a", "c"), ("a", "b")) and "2 parts" in diagnose(("a", "b"), "a")
    assert diagnose(1.0, np.array([1.0])) is None and diagnose(0.1234, 0.12341) is None
    assert diagnose([0.5, 1e-15], np.array([0.5, 0.0])) is None
    assert "Its mean is the right one" in diagnose([1, 3], 2.0)


def test_a_known_mistake_goes_before_a_general_one():
    assert diagnose([-1, -2, -4], three, [("Minus alpha.", -three.to_numpy())]) == "Minus alpha."


# Diagnoses of functions

def bad_return(P, weights): ...


def in_place(P, weights):
    P *= weights
    return P


def stops(P, weights):
    missing = P[7]
    return missing


@pytest.mark.parametrize("function, says", [
    (lambda P, weights: P, "No weights."), (lambda P: P, "will be called with (P, weights)"), (bad_return, "returns nothing"), (in_place, "changes its argument `P` in place"),
    (stops, "stops in line 2: `IndexError"), (3, "expected a function of (P, weights)"), (lambda P, weights: (P * weights).T, "expected (2, 3). It is the transpose"),
    (lambda P, weights: 2 * P * weights, "Every number is 2 times"), (lambda P, weights: P * weights if P[0, 0] < 0.6 else P, "of 5 random cases")])
def test_functions_are_tried_and_the_failing_case_is_shown(made_up, function, says):
    reply = str(blpteach.check("0.2", function))
    assert reply.startswith("✗") and says in reply
    assert ("weights = np.array(" in reply) == (function not in (3,) and "called with" not in says)


def test_right_and_unwritten_functions(made_up):
    assert blpteach.check("0.2", lambda P, weights: weights * P)
    assert blpteach.check("0.2", lambda P, weights: ...).kind == "open"
    assert CASES >= 3


# Every exercise

def test_lessons_and_checks_have_the_same_exercises():
    for lesson in checks.LESSONS:
        prose = "\n".join(cell["source"] for cell in lesson_cells(f"{lesson:02d}") if cell["cell_type"] == "markdown")
        numbers = [number for number, _ in HEADING.findall(prose)]
        assert numbers == [f"{lesson}.{k}" for k in range(1, len(numbers) + 1)] == list(checks.exercises(lesson))
        assert 4 <= len(numbers) <= 6 and len(re.findall(r"^### Exercise", prose, re.MULTILINE)) == len(numbers)
        assert len({level for _, level in HEADING.findall(prose)}) >= 2


@each_exercise
def test_exercise_has_hints_and_an_insight(number):
    known = checks.find(number)
    assert len(known.hints) >= 2 and len(set(known.hints)) == len(known.hints) and known.insight and known.what
    assert len(known.mistakes) >= 2


@each_exercise
def test_the_right_answer_passes_and_dots_do_not(number):
    known = checks.find(number)
    assert blpteach.check(number, known.right if known.inputs else checks.right_value(number))
    stub = (lambda *arguments: ...) if known.inputs else ...
    assert blpteach.check(number, stub).kind == "open"


@each_exercise
def test_each_known_mistake_is_told_from_the_right_answer_and_from_the_others(number):
    known = checks.find(number)
    for mistake in known.mistakes:
        reply = blpteach.check(number, mistake.value if known.inputs else mistake.value())
        assert not reply and mistake.says in str(reply), mistake.says


@each_exercise
def test_the_lesson_solves_it_with_a_checked_solution(number):
    sources = checks.solution_cells(number)
    assert any(f'assert blpteach.check("{number}", ' in source for source in sources)
    assert sources[0] in str(blpteach.solution(number))


def test_transformations_differ_from_what_they_transform():
    matrix = np.array([[0.5, 2.0], [3.0, 4.0]])
    assert all(np.ndim(wrong) == 2 and not np.allclose(wrong, matrix) for _, wrong in transformations(matrix) if (matrix > 0).all() and "lost" not in _)
