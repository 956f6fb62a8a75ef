"""Build the lessons: run ``lessons/source/NN_name.py``, keep it as ``lessons/NN_name.ipynb``.

    python lessons/build.py            all lessons, the page of notation and the contents
    python lessons/build.py 02 04      those whose names begin so
    python lessons/build.py --check    run nothing; say where notebook and source differ

A source is a Python file in jupytext's percent format. A cell's tags, and the minutes and the
question for the room at a section's head, stand in its first line, ``# %% tags=["solution"]``,
``# %% [markdown] minutes=5 ask="Why?"``; `blpteach/course/editions.py` says what they mean.
Links to the neighbours are added here. What is kept of a run is normalised, so that building
twice gives the same files: cell ids come from the sources, and no timings, widget states or
addresses in memory remain.
"""

import argparse
import hashlib
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import blpteach

LESSONS = Path(__file__).resolve().parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
INTERACTIVE = "(interactive: run this cell in JupyterLab)"
LARGEST = 1_500_000  # bytes of a notebook, beyond which GitHub shows it slowly or not at all
CELL_TIMEOUT = 300  # seconds
KEPT = ("tags", "minutes", "ask")  # of a cell's metadata
WORDS, CODE_CELLS = 120, 2  # a minute
CONTENTS = ("<!-- contents: made by lessons/build.py -->", "<!-- end of contents -->")
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}


class BuildError(Exception):
    """A lesson that does not run, or whose result should not be kept."""


def main(argv=None):
    """Build or check the lessons that are named; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of lesson names; by default all")
    parser.add_argument("--check", action="store_true",
                        help="compare notebooks with sources, running nothing")
    options = parser.parse_args(argv)
    try:
        sources = find_sources(options.names)
        treat = check if options.check else build
        problems = [line for source in sources for line in treat(source)]
        problems += [] if options.names else pages(options.check)
    except BuildError as error:
        problems = [str(error)]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


def find_sources(names=()):
    """List the sources whose names begin with one of `names`, or all."""
    sources = sorted((LESSONS / "source").glob("[0-9][0-9]_*.py"))
    for name in names:
        if not any(source.stem.startswith(name) for source in sources):
            raise BuildError(f"no source in lessons/source begins with {name!r}")
    return [source for source in sources if not names or source.stem.startswith(tuple(names))]


def notebook_path(source):
    """Name the notebook that is built from `source`."""
    return LESSONS / f"{source.stem}.ipynb"


def build(source):
    """Run one source and write its notebook; nothing is written unless every cell runs."""
    start = time.perf_counter()
    notebook = read_source(source)
    execute(notebook, source.stem)
    normalise(notebook, source.stem)
    text = nbformat.writes(notebook)
    if len(text) > LARGEST:
        raise BuildError(f"{source.stem}: {len(text) / 1e6:.1f} MB; "
                         f"at most {LARGEST / 1e6} are kept. Draw fewer or smaller figures")
    notebook_path(source).write_text(text + "\n", encoding="utf-8")
    print(f"{source.stem}: {len(notebook.cells)} cells, {len(text) / 1e3:.0f} kB, "
          f"{time.perf_counter() - start:.1f} s")
    return []


def pages(only_check=False):
    """Make or check what is not run: the page of notation, and the contents in README.md."""
    wanted = {LESSONS / "notation.ipynb": nbformat.writes(notation_page()) + "\n",
              LESSONS / "README.md": with_contents()}
    stale = [path for path, text in wanted.items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    if only_check:
        return [f"{path.name}: not what lessons/build.py makes" for path in stale]
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    return []


def notation_page():
    """The tables of notation and of words, as a notebook of prose."""
    texts = ["# Notation and glossary\n\nOne symbol, one name, one shape. "
             "Leading dots stand for a market axis, which may be absent: "
             "a function that takes (..., J) serves one market and a stack of markets.\n\n"
             + navigation(None),
             "## Notation\n\n" + blpteach.notation()._repr_markdown_(),
             "## Glossary\n\n" + blpteach.glossary()._repr_markdown_()]
    cells = [nbformat.v4.new_markdown_cell(text, id=f"notation-{number}")
             for number, text in enumerate(texts)]
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def with_contents():
    """README.md with its table of contents made anew from the lessons' sources."""
    text = (LESSONS / "README.md").read_text(encoding="utf-8")
    before, after = text.split(CONTENTS[0])[0], text.split(CONTENTS[1])[1]
    return f"{before}{CONTENTS[0]}\n{contents_table()}\n{CONTENTS[1]}{after}"


def contents_table():
    """A row for each lesson: link, question, minutes of its parts, minutes in a lecture."""
    rows = ["| lesson | the question | core, minutes | in a lecture | exercises | further |",
            "|---|---|---|---|---|---|"]
    exercise = re.compile(r"^### Exercise [\d.]+ · (\d+) minutes", flags=re.MULTILINE)
    for source in find_sources():
        cells = read_source(source).cells
        title = cells[0].source.splitlines()[0].removeprefix("# ")
        number, question = title.split(". ", 1)
        core, further = (minutes(part) for part in parts(cells))
        lecture = sum(cell.metadata.get("minutes", 0) for cell in cells)
        tasks = exercise.findall("\n".join(cell.source for cell in cells))
        rows.append(f"| [{number}]({source.stem}.ipynb) | {question} | {core} | {lecture or ''} | "
                    f"{len(tasks)}, {sum(map(int, tasks))} minutes | {further or ''} |")
    return "\n".join(rows)


def parts(cells):
    """The cells of a lesson's core and those of *Further*; exercises have minutes of their own."""
    found, part = {"core": [], "further": []}, "core"
    for cell in cells:
        heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            part = {"further": "further", "exercises": "exercises", "further reading": "reading"}.get(
                heading[1].strip().lower(), "core")
        found.setdefault(part, []).append(cell)
    return found["core"], found["further"]


def minutes(cells):
    """How long cells take, to the next five minutes: the rule is in README.md."""
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    predictions = sum("blpteach.predict(" in source for source in code)
    exact = len(prose.split()) / WORDS + len(code) / CODE_CELLS + predictions
    return int(-(-exact // 5) * 5)


def navigation(source):
    """Links to the lessons before and after, to the contents and to the notation."""
    sources, links = find_sources(), ["[contents](README.md)"]
    if source:
        links += ["[notation](notation.ipynb)"]
    if source in sources:
        here = sources.index(source)
        before, after = sources[:here][-1:], sources[here + 1:][:1]
        links = [*(f"[← {path.stem[:2]}]({path.stem}.ipynb)" for path in before), *links,
                 *(f"[{path.stem[:2]} →]({path.stem}.ipynb)" for path in after)]
    return " · ".join(links)


def check(source):
    """List where a notebook differs from its source in code, prose or tags."""
    notebook = notebook_path(source)
    if not notebook.exists():
        return [f"{source.stem}: not built yet"]
    written, kept = contents(read_source(source)), contents(nbformat.read(notebook, as_version=4))
    differences = [f"{source.stem}: cell {number} differs from the source"
                   for number, (left, right) in enumerate(zip(written, kept), 1) if left != right]
    if len(written) != len(kept):
        differences.append(f"{source.stem}: {len(kept)} cells in the notebook, "
                           f"{len(written)} in the source")
    return differences


def contents(notebook):
    """List what a cell says: its type, source and metadata."""
    return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


def read_source(source):
    """Read a source in percent format as a notebook without outputs; content names the cells."""
    notebook = jupytext.read(source, fmt="py:percent")
    seen = {}
    for cell in notebook.cells:
        content = f"{source.stem}\n{cell.cell_type}\n{cell.source}"
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata = {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
    for place, name in ((1, "top"), (len(notebook.cells) + 1, "end")):
        links = nbformat.v4.new_markdown_cell(navigation(source), id=f"navigation-{name}",
                                              metadata={"tags": ["navigation"]})
        notebook.cells.insert(place, links)
    notebook.metadata = METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook, name):
    """Run all cells in a fresh kernel of this environment, in the folder of the lessons."""
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, kernel_name="python3",
                            record_timing=False, store_widget_state=False,
                            resources={"metadata": {"path": str(LESSONS)}})
    try:
        client.execute()
    except CellExecutionError as error:
        raise BuildError(f"{name}: {failed_cell(notebook)}\n{error}") from error
    except TimeoutError as error:
        raise BuildError(f"{name}: {failed_cell(notebook)} ran for more than "
                         f"{CELL_TIMEOUT} s") from error


def failed_cell(notebook):
    """Name the cell that a run stopped at: the last that was begun."""
    begun = [number for number, cell in enumerate(notebook.cells, 1)
             if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    number = begun[-1] if begun else 1
    first_line = notebook.cells[number - 1].source.split("\n")[0]
    return f"cell {number} ({first_line})"


def normalise(notebook, name):
    """Remove from the outputs what differs between two runs or two machines."""
    notebook.metadata = METADATA
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        cell.outputs = [normalise_output(output) for output in merge_streams(cell.outputs)]
        found = machine_path(cell.outputs)
        if found:
            raise BuildError(f"{name}: cell {number} prints a path of this machine: {found}")


def normalise_output(output):
    """Normalise one output: no metadata, no addresses, a note in place of a widget."""
    if "metadata" in output:
        output.metadata = {}
    if output.output_type == "stream":
        output.text = overwrite(output.text)
    if WIDGET_VIEW in output.get("data", {}):
        output.data = {"text/plain": INTERACTIVE}
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            output.data[kind] = re.sub(r"\bat 0x[0-9a-fA-F]+", "at 0x...", content)
    return output


def overwrite(text):
    """Do what a terminal does with carriage returns: a line shows what was written on it last."""
    return "\n".join(line.rstrip("\r").split("\r")[-1] for line in text.split("\n"))


def merge_streams(outputs):
    """Join neighbouring pieces of stdout or stderr, whose division depends on timing."""
    merged = []
    for output in outputs:
        if merged and output.output_type == "stream" and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def machine_path(outputs):
    """Find an absolute path of the building machine in the text of outputs, or None."""
    texts = [output.get("text", "") for output in outputs]
    texts += [text for output in outputs for kind, text in output.get("data", {}).items()
              if kind.startswith("text/")]
    places = (LESSONS.parent, Path.home(), Path(sys.prefix))
    here = "|".join(re.escape(str(place)) for place in places)
    machine = rf"({here}|(?<![\w.:/])/(?:home|tmp|Users|usr|opt|var)/)\S*"
    match = re.search(machine, "\n".join(texts))
    return match.group() if match else None


if __name__ == "__main__":
    sys.exit(main())
