"""The command line: open the lessons, copy them, or print the estimates of an example."""

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .course.editions import EDITIONS
from .examples import EXAMPLES
from .course.working_copy import copy_lessons

DEFAULT_FOLDER = "blpteach-lessons"
SETTINGS = Path(__file__).parent / "course" / "jupyter"         # JupyterLab's, for the lessons


def main(argv=None):
    """Run one command; without one, ``lab``.

    Parameters
    ----------
    argv : list of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version")):
        argv.insert(0, "lab")
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if rest and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return _COMMANDS[options.command](options, rest)
    except FileExistsError as error:
        parser.exit(2, f"blpteach: {error}\n")


def lab(options, rest):
    """Copy the lessons, then open JupyterLab on the first of them.

    JupyterLab runs in this process, so that it and its kernels are those of the environment that
    blpteach is installed in, activated or not. Two of its extensions are off: the question about
    news, which covers a corner of the first page, and the toolbar of a cell, which covers titles.
    """
    report = copy_lessons(options.dir, options.edition)
    print(report, flush=True)
    from jupyterlab.labapp import LabApp

    others = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join([str(SETTINGS), *filter(None, [others])])
    os.chdir(report.folder)
    LabApp.launch_instance(argv=lab_arguments(report.folder, rest))
    return 0


def lab_arguments(folder, rest):
    """Build JupyterLab's arguments: ours, unless the reader said otherwise, then the reader's.

    Parameters
    ----------
    folder : pathlib.Path
        The working copy, which becomes JupyterLab's root.
    rest : list of str
        Options meant for Jupyter, passed through unchanged.

    Returns
    -------
    list of str
    """
    lessons = sorted(folder.glob("00_*.ipynb"))
    ours = {"--ServerApp.root_dir": str(folder)}
    if lessons:
        ours["--LabApp.default_url"] = f"/lab/tree/{lessons[0].name}"
    given = {argument.split("=")[0] for argument in rest}
    return [f"{name}={value}" for name, value in ours.items() if name not in given] + rest


def new(options, rest):
    """Copy the lessons, and no more."""
    print(copy_lessons(options.folder, options.edition))
    return 0


def estimate(options, rest):
    """Print the estimates of one example on stdout, with progress on stderr."""
    problem, arguments = EXAMPLES[options.example]()
    estimates = problem.estimate(**arguments, progress=True)
    print(json.dumps(to_json(estimates), indent=1, allow_nan=False) if options.json else estimates)
    return 0


def to_json(estimates):
    """Put the numbers of an estimate into what JSON can hold: NaN and infinity become null.

    Parameters
    ----------
    estimates : blpteach.Estimates

    Returns
    -------
    dict
        The attributes of the estimates by name, and under ``"names"`` what the rows and columns of
        `beta`, `sigma`, `pi` and `gamma` stand for.
    """
    problem = estimates.problem
    labels = {"linear": problem.X1_names, "random": problem.X2_names, "nodes": problem.node_names,
              "demographics": problem.demographic_names, "supply": problem.X3_names}
    names = ("objective", "converged", "evaluations",
             "beta", "beta_se", "sigma", "sigma_se", "pi", "pi_se", "gamma", "gamma_se")
    numbers = {name: _plain(getattr(estimates, name)) for name in names}
    return {"names": {axis: list(entries) for axis, entries in labels.items()}, **numbers}


def _plain(value):
    """Turn an array into nested lists, and what is not finite into None."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    if np.ndim(value) > 0:
        return [_plain(entry) for entry in np.asarray(value)]
    number = np.asarray(value).item()
    return number if np.isfinite(number) else None


def _parser():
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        prog="blpteach", allow_abbrev=False,
        description="BLP demand estimation in five readable steps. "
                    "Without a command: blpteach lab.")
    parser.add_argument("--version", action="version", version=f"blpteach {version('blpteach')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "lab", allow_abbrev=False, help="open the lessons in JupyterLab (the default)",
        description="Make or update your copy of the lessons, never overwriting what you changed, "
                    "and open it in JupyterLab. Every other option goes to JupyterLab, "
                    "for example --no-browser or --port 8890.")
    command.add_argument("--dir", default=DEFAULT_FOLDER,
                         help=f"your copy (default: {DEFAULT_FOLDER})")
    _add_edition(command)
    command = commands.add_parser("new", allow_abbrev=False, help="only copy the lessons")
    command.add_argument("folder", metavar="DIR", help="where to; what you changed there is kept")
    _add_edition(command)
    command = commands.add_parser("estimate", allow_abbrev=False,
                                  help="estimate an example and print the table")
    command.add_argument("example", choices=list(EXAMPLES))
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _add_edition(command):
    """Let a command choose the edition."""
    command.add_argument("--edition", choices=EDITIONS,
                         help="student: exercises without solutions (the default for a new copy); "
                              "lecture: for live coding, the functions that a lesson builds "
                              "are blank; solutions: everything")


_COMMANDS = {"lab": lab, "new": new, "estimate": estimate}
