"""`import blpteach` brings neither pictures nor notebooks."""
import ast
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

import blpteach

HEAVY = ("matplotlib", "ipywidgets", "jupyter", "jupyterlab", "jupyter_core", "IPython", "notebook",
         "ipykernel", "traitlets", "pyhdfe", "formulaic", "pyblp")
PACKAGE = Path(blpteach.__file__).parent


def modules_after(statement):
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_no_pictures_and_no_notebooks():
    loaded = modules_after("import blpteach")
    assert {"blpteach", "numpy", "pandas", "scipy.optimize"} <= loaded
    assert not [name for name in HEAVY if name in loaded]


def test_an_estimation_loads_no_pictures_and_no_notebooks():
    loaded = modules_after("from blpteach.examples import simulated; p, a = simulated(); e = p.estimate(**a); repr(e); e.markups()")
    assert not [name for name in HEAVY if name in loaded and name != "traitlets"]


def test_formulas_that_compute_something_load_their_parser():
    loaded = modules_after("import blpteach; blpteach.Problem(blpteach.load_simulated()[0], linear='1 + prices + log(x)')")
    assert "formulaic" in loaded                                # the tests above can fail: this is imported on use


STEPS = ["utility", "inversion", "gmm", "outer_loop", "post_estimation"]
AROUND = ["problem", "estimates", "outcome", "simulation", "replication", "identification",
          "optimal", "examples", "cli", "tables", "course", "plots", "widgets"]
FOREIGN = ["pandas", "formulaic", "matplotlib", "ipywidgets", "IPython"]


def source_of(name):
    """File of a module of the package; None for what is no module, such as a function."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def imported(source, package):
    """Absolute names of what a module imports, wherever in it, and of what it takes from there."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def reached(module):
    """What a module imports, what the package's modules among these import, and so on."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        path = source_of(name) if name.startswith("blpteach.") else None
        if path is not None:
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            new = imported(path.read_text(encoding="utf-8"), package) - found
            found, left = found | new, left + list(new)
    return found


def within(name, modules):
    """Whether a name is one of the modules or something in it."""
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


@pytest.mark.parametrize("statement, name", [
    ("import pandas as pd", "pandas"), ("from . import problem", "blpteach.problem"),
    ("from .problem import Problem", "blpteach.problem"),
    ("from . import Problem", "blpteach.Problem"),
    ("from .tables import blocks", "blpteach.tables.blocks"),
    ("from .tables.blocks import Block", "blpteach.tables.blocks"),
    ("import blpteach.plots as p", "blpteach.plots"),
    ("from blpteach import problem", "blpteach.problem"),
    ("def later():\n    from . import plots", "blpteach.plots")])
def test_every_form_of_import_is_seen(statement, name):
    assert name in imported(statement, "blpteach")


def test_imports_from_the_package_above_are_seen():
    assert "blpteach.problem" in imported("from .. import problem", "blpteach.tables")
    assert "blpteach.problem" in imported("from ..problem import Problem", "blpteach.tables")


def test_imports_of_imports_are_seen():
    assert {"pandas", "blpteach.gmm"} <= reached("blpteach.examples")        # through problem
    assert "blpteach.errors" in reached("blpteach.tables.agents")            # one room above


@pytest.mark.parametrize("step", STEPS)
def test_steps_reach_no_later_step_and_no_tables(step):
    later = STEPS[STEPS.index(step) + 1:]
    forbidden = [f"blpteach.{name}" for name in later + AROUND] + FOREIGN
    here = reached(f"blpteach.{step}")
    assert "numpy" in here
    assert not [name for name in here if within(name, forbidden)]
    ours = [name for name in here if within(name, ["blpteach"]) and name.count(".") == 1]
    assert all(source_of(name) for name in ours)                # modules, not names of the package


@pytest.mark.parametrize("name", STEPS + AROUND)
def test_the_rooms_that_the_rule_names_exist(name):
    assert source_of(f"blpteach.{name}") is not None


def test_the_names_of_the_five_steps_are_public():
    for name in ("Problem load_cereal load_autos load_simulated simulate gauss_hermite halton "
                 "sobol monte_carlo market_shares taste_deviations invert_shares InputError").split():
        assert hasattr(blpteach, name)
