"""The editions of the lessons: what each holds, and that all run from top to bottom.

The solutions edition is the notebooks of `lessons/`, which nbval runs by itself; student and lecture editions are made and run here.
"""

import ast
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

import blpteach
from blpteach.tables.datasets import shipped
from blpteach.course.editions import EDITIONS, blank, catch_up, make_edition, without_assertions
from blpteach.course.notebooks import defined, lesson_cells

import browser

LESSONS = sorted(path.name for path in shipped("lessons").glob("[0-9][0-9]_*.ipynb"))
each_lesson = pytest.mark.parametrize("name", LESSONS)


def edition_of(name, edition):
    """Make one edition of a shipped lesson."""
    return make_edition(json.loads((shipped("lessons") / name).read_text(encoding="utf-8")), edition, name[:2])


def code(notebook, tag=None):
    """List the code cells, all or those with a tag."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and (tag is None or tag in cell["metadata"].get("tags", []))]


def text(cell):
    return "".join(cell["source"])


@pytest.fixture(scope="module", params=["lecture"] if browser.find_chromium() else ["student", "lecture"])
def edition(request):
    """An edition that nothing else runs: the student's runs in the browser, where there is one."""
    return request.param


@pytest.fixture(scope="module")
def client(edition, without_pyblp, tmp_path_factory):
    """One kernel for the lessons of an edition, the student's as if PyBLP were not installed."""
    folder = tmp_path_factory.mktemp(edition)
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel(env={**os.environ, **(without_pyblp if edition == "student" else {})}):
        yield client


@pytest.mark.slow
@each_lesson
def test_the_edition_runs_from_top_to_bottom(client, edition, name):
    """Names of the lesson before are forgotten first; nbval runs the solutions edition, each lesson in a kernel of its own."""
    client.nb = nbformat.reads(json.dumps(edition_of(name, edition)), as_version=4)
    client.nb.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    for number, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, number)                       # an error in the cell is raised here
    assert all(cell.execution_count for cell in client.nb.cells if cell.cell_type == "code")


@each_lesson
def test_the_student_has_no_solutions(name):
    whole, student = edition_of(name, "solutions"), edition_of(name, "student")
    prose = "\n".join(map(text, student["cells"]))
    solved = [cell for cell in whole["cells"] if "solution" in cell["metadata"].get("tags", [])]
    assert len(solved) >= 4 and all(text(cell) not in prose for cell in solved)
    stubs = "\n".join(text(cell) for cell in code(student, "exercise"))
    given = set(stubs.splitlines()) | set("\n".join(text(cell) for cell in student["cells"] if "exercise" not in cell["metadata"].get("tags", [])).splitlines())
    lines = [line for cell in solved if cell["cell_type"] == "code" for line in text(cell).splitlines() if len(line.strip()) > 25]
    repeated = [line for line in lines if line in given]
    assert len(repeated) <= 0.1 * len(lines), repeated
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code(student))
    assert not [cell for cell in code(student) if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text(cell))))]
    assert not [cell for cell in student["cells"] if {"note", "catch-up", "style"} & set(cell["metadata"].get("tags", []))]


@each_lesson
def test_every_exercise_has_a_stub_and_a_check(name):
    student = edition_of(name, "student")
    numbers = re.findall(r"^### Exercise (\d\.\d)", "\n".join(map(text, student["cells"])), re.MULTILINE)
    assert len(code(student, "exercise")) >= len(numbers)
    assert [re.fullmatch(r'blpteach\.check\("(\d\.\d)", \w+\)', text(cell)).group(1) for cell in code(student, "check")] == numbers
    for cell in code(student, "exercise"):
        assert "..." in text(cell) and ast.parse(text(cell))


@each_lesson
def test_the_lecture_blanks_what_the_lesson_builds_and_catches_up(name):
    whole, lecture = edition_of(name, "solutions"), edition_of(name, "lecture")
    built = [function for cell in code(whole, "build") for function in defined(text(cell))]
    assert len(built) >= 2
    position = {cell["id"]: k for k, cell in enumerate(lecture["cells"])}
    for cell in code(lecture, "build"):
        functions = ast.parse(text(cell)).body
        assert all(isinstance(node, ast.FunctionDef) for node in functions), "a cell tagged build holds only functions"
        for node in functions:
            docstring = ast.get_docstring(node)
            assert docstring and re.search(r"\(\d\.\d+\)|\([A-Z\d][^)]*,[^)]*\)", docstring), f"{node.name}: no equation and no shape in its docstring"
            assert [type(statement.value) for statement in node.body] == [ast.Constant] * 2 and node.body[1].value.value is Ellipsis
            assert "#" in text(cell), f"{node.name}: no hint at the shape"
        after = lecture["cells"][position[cell["id"]] + 1]
        assert "catch-up" in after["metadata"]["tags"] and after["metadata"]["jupyter"]["source_hidden"]
        assert all(node.name in text(after) for node in functions) and "blpteach" in text(after)
    assert sum(len(defined(text(cell))) for cell in code(lecture, "build")) == len(built)


@each_lesson
def test_the_lecture_has_a_note_at_each_section_and_settings_to_change(name):
    lecture = edition_of(name, "lecture")
    sections = [text(cell).splitlines()[0] for cell in lecture["cells"] if cell["cell_type"] == "markdown" and text(cell).startswith("### ")
                and not text(cell).startswith("### Exercise")]
    notes = [cell for cell in lecture["cells"] if "note" in cell["metadata"].get("tags", [])]
    assert len(notes) >= len(sections) and all(cell["metadata"]["jupyter"]["source_hidden"] for cell in notes)
    assert sum("Ask the room: " in text(cell) for cell in notes) >= len(sections)
    assert 30 <= sum(int(re.match(r"<details><summary>(\d+) minutes?<", text(cell)).group(1)) for cell in notes) <= 75
    for cell in code(lecture, "parameters"):
        assert all(isinstance(node, ast.Assign) for node in ast.parse(text(cell)).body)
    assert len(code(lecture, "parameters")) >= len(sections) // 3
    assert not [cell for cell in code(lecture) if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text(cell))))]
    assert "lecture_style()" in text(code(lecture)[0])


@each_lesson
def test_each_section_has_at_most_one_cell_of_settings(name):
    counts, heading = {}, ""
    for cell in edition_of(name, "solutions")["cells"]:
        if cell["cell_type"] == "markdown" and text(cell).startswith("##"):
            heading = text(cell).splitlines()[0]
        counts[heading] = counts.get(heading, 0) + ("parameters" in cell["metadata"].get("tags", []))
    assert max(counts.values()) == 1, counts


@each_lesson
def test_solutions_are_everything(name):
    assert edition_of(name, "solutions") == json.loads((shipped("lessons") / name).read_text(encoding="utf-8"))
    assert EDITIONS == ("student", "lecture", "solutions")


@each_lesson
def test_every_edition_is_a_valid_notebook(name):
    for edition in EDITIONS:
        notebook = nbformat.from_dict(edition_of(name, edition))
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)


SHARES = '''def market_shares(delta, mu, weights):
    """(1.5): average over types, (J,)."""
    P = probabilities(delta, mu)                         # (J, I)
    return P @ weights                                   # (J,)


def double(x):
    return 2 * x'''


def test_blank_keeps_signature_docstring_and_hint():
    first, second = blank(SHARES).split("\n\n\n")
    assert first.splitlines() == ["def market_shares(delta, mu, weights):", '    """(1.5): average over types, (J,)."""', "    ...  # (J,)"]
    assert second.splitlines() == ["def double(x):", "    ..."]


def test_catch_up_imports_what_the_library_has():
    assert catch_up(SHARES, "01") == 'from blpteach import market_shares\ndouble = blpteach.finished("01", "double")'


def test_assertions_go_and_blocks_stay_valid():
    source = "x = 1\nassert (x\n        == 1)\nfor k in (1, 2):\n    assert k\nif x:\n    assert x\n    y = 2\nassert y\ny"
    assert without_assertions(source) == "x = 1\nfor k in (1, 2):\n    pass\nif x:\n    y = 2\ny"
    assert without_assertions("assert 1") == ""


IN_A_SHELL = """
import sys
sys.modules["pyblp"] = None
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
import blpteach
from blpteach.course.notebooks import lesson_cells
shell = InteractiveShell.instance()
shell.user_ns["pyblp"] = None
shell.user_ns["blpteach"] = blpteach
"""


def in_a_shell(program):
    """Run a program that has an IPython shell; return what it prints."""
    done = subprocess.run([sys.executable, "-c", IN_A_SHELL + program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs_pyblp(cell):
    return cell["cell_type"] == "code" and "blpteach.stored_output()" in cell["source"]


@pytest.fixture(scope="module")
def without_pyblp_shown():
    """What the cells that need PyBLP show without it, by lesson; one process runs them all."""
    shown = in_a_shell(f"""
for name in {LESSONS}:
    print(chr(12) + name)                                       # each lesson on a new page
    for cell in lesson_cells(name[:2]):
        if cell["cell_type"] == "code" and "blpteach.stored_output()" in cell["source"]:
            shell.run_cell(cell["source"], store_history=True).raise_error()
""")
    return dict(page.split("\n", 1) for page in shown.split(chr(12))[1:])


@each_lesson
def test_without_pyblp_the_stored_output_is_shown(without_pyblp_shown, name):
    cells = [cell for cell in lesson_cells(name[:2]) if needs_pyblp(cell)]
    printed = ["".join(output["text"]) for cell in cells for output in cell["outputs"] if output["output_type"] == "stream"]
    assert printed, "no cell with PyBLP prints the agreement"
    assert all(line in without_pyblp_shown[name] for text in printed for line in text.splitlines())


def test_a_changed_cell_has_no_stored_output():
    assert "pip install pyblp" in in_a_shell('shell.run_cell("blpteach.stored_output()  # mine", store_history=True).raise_error()')


def test_finished_functions_run_in_the_notebook_that_asks():
    shown = in_a_shell("""
shell.run_cell('import numpy as np; f = blpteach.finished("00", "logit_shares"); print(f(np.zeros(1)))', store_history=True).raise_error()
try:
    blpteach.finished("00", "nothing")
except blpteach.InputError as error:
    print(error)
try:
    lesson_cells("77")
except blpteach.InputError as error:
    print(error)
""")
    assert "[0.5]" in shown and "builds no function 'nothing'" in shown and "no lesson '77'" in shown


@pytest.mark.parametrize("call", [blpteach.stored_output, lambda: blpteach.finished("00", "logit_shares")])
def test_outside_a_notebook_they_say_so(call):
    with pytest.raises(blpteach.InputError, match="works in a notebook"):
        call()


def test_lecture_style_enlarges_type_and_keeps_the_size_of_pictures():
    from matplotlib import rc_context, rcParams
    import numpy as np
    import pandas as pd
    from blpteach.plots.style import Picture

    class Small(Picture):
        size = (4, 2)

        def draw(self, figure):
            self.text = figure.subplots().set_title("type")

        def update(self):
            pass

    def measure():
        picture = Small()
        return picture.figure.canvas.get_width_height(), picture.text.get_window_extent().height

    with np.printoptions(), pd.option_context("display.precision", 6), rc_context():
        (size, height) = measure()
        shown = blpteach.lecture_style(zoom=1.5, digits=2)
        (same_size, larger) = measure()
        assert same_size == size and larger == pytest.approx(1.5 * height, rel=0.1)
        assert rcParams["font.size"] == 18 and "1.23" in str(np.array([1.2345])) and "1.23\n" in repr(pd.Series([1.2345]))
        assert "font-size" in shown._repr_html_() and "1.5 times" in repr(shown)
        blpteach.lecture_style(zoom=1)
        assert measure() == (size, height)
