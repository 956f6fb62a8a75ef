"""The committed notebooks: built from their sources, complete, and in the form that a lesson has.

That every cell runs is nbval's to test; what is here needs no kernel.
"""

import ast
import importlib.util
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
NOTEBOOKS = sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"))
LONGEST_CELL, MEDIAN_CELL = 12, 4  # lines
MACHINE_PATH = re.compile(r"(?<![\w.:/~])/(?:home|root|tmp|Users|usr|opt|var|mnt)/|\b[A-Z]:\\Users")
HEADINGS = ("the question", "what you will be able to do", "build it", "check it", "play", "exercises",
            "further", "in practice", "further reading")
LONGEST_CORE, MOST_PREDICTIONS = 60, 8


def load_build():
    """Import lessons/build.py, which is a script and in no package."""
    specification = importlib.util.spec_from_file_location("lessons_build", LESSONS / "build.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


build = load_build()
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code" and cell.source.strip()]


def headings(path, level):
    """List a notebook's headings of one level, in lower case."""
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    return [line.lower() for line in re.findall(rf"^{'#' * level} +(.*?)\s*$", prose, flags=re.MULTILINE)]


def defines_a_function(cell):
    """Whether a cell's business is to define functions or classes, which may need more lines."""
    lines = [line for line in cell.source.splitlines() if not line.startswith(("%", "!"))]
    return any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.parse("\n".join(lines)).body)


def texts(cell):
    """List what a cell says and prints."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return ([cell.source] + [output.get("text", "") for output in cell.get("outputs", [])]
            + [text for outputs in data for kind, text in outputs.items() if kind.startswith("text/")])


def test_every_source_has_a_notebook_and_every_notebook_a_source():
    assert [path.stem for path in NOTEBOOKS] == [source.stem for source in build.find_sources()]


@pytest.mark.parametrize("source", build.find_sources(), ids=lambda source: source.stem)
def test_source_and_notebook_agree(source):
    assert build.check(source) == []


@each_notebook
def test_notebook_is_valid_with_unique_ids(path):
    notebook = read(path)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@each_notebook
def test_outputs_are_kept_and_none_is_an_error(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"] == []


def test_progress_is_kept_as_a_terminal_shows_it():
    """However the kernel cuts a line that is written again and again, its last state stays."""
    for pieces in (["\rone 1", "\rone 2\n", "\rtwo"], ["\ro", "ne 1\rone 2", "\n\rtwo"], ["\rone 1\rone 2\n\rtwo"]):
        cell = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("stream", name="stderr", text=text) for text in pieces])
        notebook = nbformat.v4.new_notebook(cells=[cell])
        build.normalise(notebook, "made up")
        assert [output.text for output in notebook.cells[0].outputs] == ["one 2\ntwo"]


@each_notebook
def test_source_that_is_shown_is_the_source_of_today(path, capsys):
    """A notebook that was not built again after a change of the library shows lines that no longer run."""
    names = {}
    for cell in code_cells(path):
        shown = []
        for node in ast.walk(ast.parse(re.sub("(?m)^%.*$", "", cell.source))):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and "blpteach" in ast.unparse(node):
                exec(ast.unparse(node), names)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "blpteach.show":
                shown.append(ast.unparse(node))
        for call in shown:
            eval(call, names)
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            assert capsys.readouterr().out in printed, f"{call}: build the lesson again"


@each_notebook
def test_nothing_of_the_building_machine_is_kept(path):
    notebook = read(path)
    assert notebook.metadata == build.METADATA
    assert all(set(cell.metadata) <= set(build.KEPT) for cell in notebook.cells)
    assert [text for cell in notebook.cells for text in texts(cell) if MACHINE_PATH.search(text)] == []
    assert build.WIDGET_VIEW not in path.read_text(encoding="utf-8")
    assert path.stat().st_size < build.LARGEST


@each_notebook
def test_lesson_has_its_headings_in_order(path):
    found = [heading for line in headings(path, 2) for heading in HEADINGS
             if line == heading or line.startswith(heading) and heading != "further"]
    assert found == list(HEADINGS)


@each_notebook
def test_the_core_takes_an_hour_at_most(path):
    assert build.minutes(build.parts(read(path).cells)[0]) <= LONGEST_CORE


@each_notebook
def test_the_first_cell_says_how_long_the_core_takes(path):
    cells = read(path).cells
    assert int(re.search(r"(\d+)\s+minutes", cells[0].source).group(1)) == build.minutes(build.parts(cells)[0])


@each_notebook
def test_predictions_are_made_and_answered_in_order(path):
    """`predict` in a cell of its own, with dots; `predicted` of the same number in one of the next cells, and no other."""
    calls = [re.findall(r'blpteach\.(predict|predicted)\("(\d+\.\d+)"', cell.source) for cell in code_cells(path)]
    made = [(name, number) for cell in calls for name, number in cell]
    numbers = [number for name, number in made if name == "predict"]
    assert 1 <= len(numbers) <= MOST_PREDICTIONS
    assert numbers == [f"{int(path.name[:2])}.{k}" for k in range(1, len(numbers) + 1)]
    assert made == [(name, number) for number in numbers for name in ("predict", "predicted")]
    for cell in code_cells(path):
        if "blpteach.predict(" in cell.source:
            assert "..." in cell.source and len(ast.parse(cell.source).body) == 1
        if "blpteach.predicted(" in cell.source:
            assert "No guess" not in str(cell.outputs) and "You made no guess" in str(cell.outputs)


def test_contents_and_notation_are_up_to_date():
    assert build.pages(only_check=True) == []


@each_notebook
def test_links_lead_to_files_that_are_there(path):
    links = [cell.source for cell in read(path).cells if "navigation" in cell.metadata.get("tags", [])]
    targets = re.findall(r"\]\((.*?)\)", links[0])
    assert len(links) == 2 and links[0] == links[1] and len(targets) >= 3
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert all((LESSONS / target).is_file() for target in re.findall(r"\]\(([^):#]+)\)", prose))


def test_the_syllabus_links_every_lesson():
    text = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in text for path in [*NOTEBOOKS, LESSONS / "notation.ipynb"])


ERRORS = {"00": 1, "01": 3, "02": 2, "03": 4, "04": 2, "05": 4, "07": 2, "09": 2}  # rows of the table of circulating errors that a lesson meets


@each_notebook
def test_common_errors_have_a_box_with_a_number(path):
    boxes = re.findall(r"^> \*\*A common error\.\*\*(?:.*\n?)(?:^>.*\n?)*", "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown"), re.MULTILINE)
    assert len(boxes) >= ERRORS[path.name[:2]]


@each_notebook
def test_lesson_opens_with_its_title_and_minutes(path):
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert len(headings(path, 1)) == 1 and first.source.startswith("# ")
    assert re.search(r"\d+\s+minutes", first.source)


@each_notebook
def test_code_cells_fit_a_projector(path):
    lengths = {cell.source: len(cell.source.splitlines()) for cell in code_cells(path) if not defines_a_function(cell)}
    assert [source for source, length in lengths.items() if length > LONGEST_CELL] == []
    assert median(lengths.values()) <= MEDIAN_CELL


@each_notebook
def test_lesson_has_a_widget_and_a_static_figure(path):
    data = [output.get("data", {}) for cell in code_cells(path) for output in cell.outputs]
    assert any(outputs.get("text/plain") == build.INTERACTIVE for outputs in data)
    assert any("image/png" in outputs for outputs in data)


def test_a_difference_in_code_prose_or_tags_is_found(tmp_path, monkeypatch):
    source = tmp_path / "source" / "01_small.py"
    source.parent.mkdir()
    monkeypatch.setattr(build, "LESSONS", tmp_path)
    written = '# %% [markdown]\n# # Prose\n\n# %% tags=["exercise"]\nx = 1\n'
    source.write_text(written)
    assert build.check(source) == ["01_small: not built yet"]
    nbformat.write(build.read_source(source), tmp_path / "01_small.ipynb")
    assert build.check(source) == []
    for old, new in (("Prose", "Verse"), ("x = 1", "x = 2"), ("exercise", "solution")):
        source.write_text(written.replace(old, new))
        assert len(build.check(source)) == 1
    source.write_text(written + "\n# %%\nx\n")
    assert build.check(source) == ["01_small: cell 4 differs from the source", "01_small: 4 cells in the notebook, 5 in the source"]


def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    source = tmp_path / "source" / "01_small.py"
    source.parent.mkdir()
    monkeypatch.setattr(build, "LESSONS", tmp_path)
    source.write_text("# %% [markdown]\n# # Prose\n\n# %%\nx = 1\n\n# %%\nx / 0\n")
    with pytest.raises(build.BuildError, match=r"01_small: cell 4 \(x / 0\)"):
        build.build(source)
    assert not (tmp_path / "01_small.ipynb").exists()
