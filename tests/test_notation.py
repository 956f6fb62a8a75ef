"""The table of notation is the one that docstrings and lessons keep to."""

import importlib
import inspect
import re

import pytest

import blpteach
from blpteach.tables.datasets import shipped
from blpteach.course.notation import SYMBOLS, TERMS
from blpteach.course.notebooks import lesson_cells

LESSONS = sorted(path.name[:2] for path in shipped("lessons").glob("[0-9][0-9]_*.ipynb"))
STEPS = ("utility", "inversion", "gmm", "outer_loop", "post_estimation")
PARAMETER = re.compile(r"^(\w+(?:, \w+)*) : (?:int )?arrays? (\(.*?\))", re.MULTILINE)
SHAPES = {name.strip(): symbol.shape for symbol in SYMBOLS for name in symbol.code.split(",") if name and symbol.shape}
FLAT = {"X1": "(N, K1)", "xi": "(N,)", "delta": "(N,)", "jacobian": "(N, H)"}      # Steps 3 and 4, all markets at once


def functions():
    """List the functions and classes of the step modules."""
    for step in STEPS:
        module = importlib.import_module(f"blpteach.{step}")
        yield from (thing for thing in vars(module).values() if getattr(thing, "__module__", "") == module.__name__)


def documented():
    """List (function, parameter, shape) as the docstrings have them."""
    for function in functions():
        for names, shape in PARAMETER.findall(inspect.getdoc(function) or ""):
            yield from ((function.__name__, name.strip(), shape) for name in names.split(","))


def test_docstrings_give_the_shapes_of_the_table():
    checked = [(function, name, shape) for function, name, shape in documented() if name in SHAPES]
    assert len(checked) > 60
    wrong = [f"{function}: {name} {shape}, in the table {SHAPES[name]}" for function, name, shape in checked
             if shape not in (SHAPES[name], FLAT.get(name)) and (function, name) != ("consumer_surplus", "alpha")]
    assert wrong == []


def test_arguments_of_several_functions_are_in_the_table():
    """An array that three or more functions take in one shape has a symbol."""
    users = {}
    for function, name, shape in documented():
        users.setdefault((name, shape), set()).add(function)
    assert [name for (name, _), which in users.items() if len(which) >= 3 and name not in (*SHAPES, "start")] == []   # a start has the shape of its end


def test_no_symbol_and_no_name_is_given_twice():
    names = [name.strip() for symbol in SYMBOLS for name in symbol.code.split(",") if name and symbol.code != "shares"]
    assert len(set(names)) == len(names)
    assert len({symbol.symbol for symbol in SYMBOLS}) == len(SYMBOLS)


@pytest.mark.parametrize("symbol", [symbol for symbol in SYMBOLS if symbol.code], ids=lambda symbol: symbol.code)
def test_the_lesson_named_is_the_first_to_use_the_symbol(symbol):
    name = symbol.code.split(",")[0]
    uses = [lesson for lesson in LESSONS
            if any(re.search(rf"`[^`]*\b{name}\b[^`]*`|^[^#]*\b{name}\b", cell["source"], re.MULTILINE) or symbol.symbol in cell["source"]
                   for cell in lesson_cells(lesson))]
    assert symbol.lesson in uses, uses


def test_words_are_used_in_the_lessons_that_they_name():
    for word, meaning in TERMS.items():
        prose = {lesson: " ".join(cell["source"] for cell in lesson_cells(lesson)).lower().replace("\n", " ").replace("**", "") for lesson in LESSONS}
        lessons = re.search(r"\(([^()]*\d\d[^()]*)\)$", meaning).group(1)
        for lesson in re.findall(r"\d\d", lessons):
            key = word.split(",")[0].lower()
            assert key[:6] in prose[lesson], f"{word!r} is not in lesson {lesson}"


def test_the_tables_render():
    table = blpteach.notation("01")._repr_markdown_().splitlines()
    assert len({line.replace(r"\|", "").count(" | ") for line in table if "---" not in line}) == 1, "a bar in a cell would break the table"
    assert r"w_{i \mid j}" in "\n".join(table) and "alpha" not in repr(blpteach.notation("01"))
    assert len(blpteach.glossary().rows) == len(TERMS)
