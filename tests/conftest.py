"""Fixtures that several test modules share, and how two workers share the suite."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
LONGEST_FIRST = ["test_browser.py", "test_monte_carlo.py", "test_editions.py", "test_packaging.py", "test_search.py", "test_replication.py",
                 "test_identification.py", "04_outer_loop.ipynb", "test_outer_loop.py", "07_instruments_and_identification.ipynb",
                 "09_supply_and_automobiles.ipynb"]

# One thread a process, before NumPy is imported: the threads of two workers would wait for one another.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Let workers share the suite where no file is named; tests of one file, cells of one notebook stay together."""
    option = config.option
    if not hasattr(option, "numprocesses") or hasattr(config, "workerinput") or option.usepdb:
        return                                                  # no pytest-xdist; a worker; a debugger
    if option.numprocesses is None and config.args_source is not config.ArgsSource.ARGS:
        option.numprocesses = WORKERS
    if option.numprocesses and option.dist == "no":
        option.dist, option.loadscopereorder = "loadscope", False


def pytest_collection_modifyitems(config, items):
    """Begin with what takes longest, so that the workers end together."""
    if hasattr(config, "workerinput"):
        place = {name: k for k, name in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def without_pyblp(tmp_path_factory):
    """Environment variables for a process that finds no PyBLP."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "pyblp.py").write_text("raise ImportError('hidden by a test')\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
