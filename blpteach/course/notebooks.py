"""What the shipped notebooks lend to the one that is open: stored outputs, finished functions."""
import ast
import json
from functools import cache

from ..tables.datasets import shipped
from ..errors import InputError


@cache
def lesson_cells(lesson):
    """The cells of a shipped lesson, solutions and outputs included.

    Parameters
    ----------
    lesson : str
        Its two digits, such as ``"02"``.

    Returns
    -------
    list of dict
        As in the notebook file, with `source` as one string.
    """
    paths = sorted(shipped("lessons").glob(f"{lesson}_*.ipynb"))
    if not paths:
        raise InputError(f"no lesson {lesson!r}: give its two digits, as in \"02\"")
    cells = json.loads(paths[0].read_text(encoding="utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def stored_output():
    """Show what the cell that calls this printed when the lesson was made.

    For cells that need PyBLP where it is not installed. The cell is found by its text
    in the shipped lessons. One that was changed has no stored output, and a line says so.

    Raises
    ------
    InputError
        Outside a notebook.

    Examples
    --------
    In a notebook, at the end of a cell that needs a package:

    >>> if pyblp:                                               # doctest: +SKIP
    ...     print(pyblp.__version__)
    ... else:
    ...     blpteach.stored_output()
    """
    from IPython.display import publish_display_data

    source = notebook_names("stored_output")["In"][-1].strip()
    paths = sorted(shipped("lessons").glob("[0-9][0-9]_*.ipynb"))
    cells = [cell for path in paths for cell in lesson_cells(path.name[:2])]
    outputs = [cell["outputs"] for cell in cells
               if cell["cell_type"] == "code" and cell["source"].strip() == source]
    if not outputs:
        print("PyBLP is not installed here, and this cell was changed, "
              "so that there is no stored output. To run it: pip install pyblp")
        return
    if outputs[0]:
        print("(stored output; to run this cell: pip install pyblp)")
    for output in outputs[0]:
        if output["output_type"] == "stream":
            print("".join(output["text"]), end="")
        elif "data" in output:
            publish_display_data({kind: "".join(content) if isinstance(content, list) else content
                                  for kind, content in output["data"].items()})


def finished(lesson, name):
    """The finished version of a function that a lesson builds, made in the notebook that asks.

    Such a function may use what the notebook has defined before, as the one on the page does.

    Parameters
    ----------
    lesson : str
        The lesson's two digits, such as ``"02"``.
    name : str
        The function.

    Returns
    -------
    function

    Raises
    ------
    InputError
        The lesson builds no function of that name.

    Examples
    --------
    >>> import blpteach
    >>> logit_shares = blpteach.finished("00", "logit_shares")  # doctest: +SKIP
    """
    sources = [cell["source"] for cell in lesson_cells(lesson) if builds(cell, name)]
    if not sources:
        raise InputError(f"lesson {lesson} builds no function {name!r}")
    namespace = notebook_names("finished")
    exec(compile(sources[0], f"<lesson {lesson}: {name}>", "exec"), namespace)
    return namespace[name]


def notebook_names(caller):
    """The variables of the notebook that asks."""
    from IPython import get_ipython
    if get_ipython() is None:
        raise InputError(f"{caller} works in a notebook: it uses the cells and variables there")
    return get_ipython().user_ns


def builds(cell, name):
    """Whether a cell of a lesson defines the function, and is no solution of an exercise.

    Parameters
    ----------
    cell : dict
    name : str

    Returns
    -------
    bool
    """
    return "build" in cell["metadata"].get("tags", []) and name in defined(cell["source"])


def defined(source):
    """The functions that a cell defines.

    Parameters
    ----------
    source : str

    Returns
    -------
    list of str
    """
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
