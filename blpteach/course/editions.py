"""One lesson, three editions: for the student, for a lecture, and with everything.

A shipped lesson is the solutions edition. Its cells say by their tags and metadata what
the others make of them:

- tag `solution`: solves an exercise; in the solutions edition only;
- tag `build`: defines functions that the lesson builds; blank in the lecture edition;
- tag `parameters`: the settings of a section;
- assertions guard the text; the student's and the lecture edition are without, since they tell
  what comes out;
- metadata `minutes` and `ask`, at the head of a section: how long it takes in a lecture,
  and a question for the room.
"""
import ast
import copy

import blpteach

from ..errors import counted
from .notebooks import defined

EDITIONS = ("student", "lecture", "solutions")
HIDDEN = {"jupyter": {"source_hidden": True}}   # collapsed in JupyterLab; one keystroke runs it
STYLE = "import blpteach\n\nblpteach.lecture_style()"


def make_edition(notebook, edition, lesson):
    """Derive an edition of a lesson.

    Parameters
    ----------
    notebook : dict
        The shipped notebook, as JSON has it.
    edition : {"student", "lecture", "solutions"}
    lesson : str
        The two digits of the lesson, such as ``"02"``.

    Returns
    -------
    dict
        A new notebook. Those for the student and the lecture have no outputs and no
        assertions: what comes out is to be predicted first.
    """
    notebook = copy.deepcopy(notebook)
    if edition == "solutions":
        return notebook
    cells = [silent(cell) for cell in notebook["cells"] if "solution" not in tags(cell)]
    cells = [cell for cell in cells if text(cell)]
    notebook["cells"] = cells if edition == "student" else for_lecture(cells, lesson)
    return notebook


def for_lecture(cells, lesson):
    """Blank what is built, add catch-up cells and collapsed notes.

    Parameters
    ----------
    cells : list of dict
    lesson : str

    Returns
    -------
    list of dict
    """
    made = []
    for cell in cells:
        note = section_note(cell)
        if note:
            heading, _, rest = text(cell).partition("\n")
            made += [new_cell(cell, "heading", "markdown", heading),
                     new_cell(cell, "note", "markdown", note, HIDDEN)]
            made += [{**cell, "source": rest.strip("\n")}] if rest.strip() else []
        elif "build" in tags(cell):
            finished = catch_up(text(cell), lesson)
            made += [{**cell, "source": blank(text(cell))},
                     new_cell(cell, "catch-up", "code", finished, HIDDEN)]
        else:
            made.append(cell)
    first_code = next((k for k, cell in enumerate(made) if cell["cell_type"] == "code"), len(made))
    if made:
        made.insert(first_code, new_cell(made[0], "style", "code", STYLE))
    return made


def blank(source):
    """Empty the functions that a cell defines; signature, docstring and a shape hint stay.

    Parameters
    ----------
    source : str

    Returns
    -------
    str
    """
    lines, statements = source.splitlines(), ast.parse(source).body
    for node in reversed([node for node in statements if isinstance(node, ast.FunctionDef)]):
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        body = lines[first.lineno - 1:node.end_lineno]
        lines[first.lineno - 1:node.end_lineno] = [f"    ...{shape_hint(body)}"]
    return "\n".join(lines)


def shape_hint(body):
    """The last comment of a body, which says what shape or equation its result has.

    Parameters
    ----------
    body : list of str

    Returns
    -------
    str
        The comment with two spaces before it, or an empty string.
    """
    comments = [line.split("#", 1)[1].strip() for line in body if "#" in line]
    return f"  # {comments[-1]}" if comments else ""


def catch_up(source, lesson):
    """The line that brings the finished functions, from the library or else from the lesson.

    Parameters
    ----------
    source : str
    lesson : str

    Returns
    -------
    str
    """
    names = defined(source)
    public = [name for name in names if hasattr(blpteach, name)]
    lines = [f"from blpteach import {', '.join(public)}"] if public else []
    lines += [f"{name} = blpteach.finished(\"{lesson}\", \"{name}\")"
              for name in names if name not in public]
    return "\n".join(lines)


def section_note(cell):
    """What a lecturer wants to know of a section: its minutes, and a question for the room.

    Parameters
    ----------
    cell : dict

    Returns
    -------
    str or None
    """
    metadata = cell["metadata"]
    if "minutes" not in metadata:
        return None
    ask = f"Ask the room: {metadata['ask']}" if metadata.get("ask") else "No question here."
    minutes = counted(metadata["minutes"], "minute")
    return f"<details><summary>{minutes}</summary>\n\n{ask}\n\n</details>"


def without_assertions(source):
    """Remove the assertions of a cell: they tell what comes out, and a lecturer changes it.

    Parameters
    ----------
    source : str

    Returns
    -------
    str
    """
    lines, tree = source.splitlines(), ast.parse(source)
    bodies = [getattr(node, branch, []) for node in ast.walk(tree) for branch in ("body", "orelse")]
    for body in [body for body in bodies if isinstance(body, list)]:
        asserts = [node for node in body if isinstance(node, ast.Assert)]
        for node in asserts:
            lines[node.lineno - 1:node.end_lineno] = [None] * (node.end_lineno - node.lineno + 1)
        if asserts and len(asserts) == len(body) and body is not tree.body:
            lines[asserts[0].lineno - 1] = " " * asserts[0].col_offset + "pass"
    return "\n".join(line for line in lines if line is not None).strip("\n")


def new_cell(beside, kind, cell_type, source, metadata=None):
    """A cell that only an edition has, with an id made from that of the cell beside it.

    Parameters
    ----------
    beside : dict
    kind : str
        Its tag.
    cell_type, source : str
    metadata : dict, optional

    Returns
    -------
    dict
    """
    cell = {"cell_type": cell_type, "id": f"{beside['id']}-{kind}",
            "metadata": {"tags": [kind], **(metadata or {})}, "source": source}
    return {**cell, "outputs": [], "execution_count": None} if cell_type == "code" else cell


def silent(cell):
    """The cell as if never run, and without assertions."""
    if cell["cell_type"] != "code":
        return cell
    source = without_assertions(text(cell))
    return {**cell, "source": source, "outputs": [], "execution_count": None}


def text(cell):
    """The source of a cell as one string."""
    return "".join(cell["source"])


def tags(cell):
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])
