"""`import blpteach` brings neither pictures nor notebooks."""
import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "ipywidgets", "jupyter", "jupyterlab", "jupyter_core", "IPython", "ipykernel", "traitlets", "pyhdfe", "formulaic",
         "notebook", "pyblp")


def modules_after(statement):
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


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


@pytest.mark.parametrize("step, later", [("utility", ["inversion", "gmm", "outer_loop", "post_estimation"]),
                                         ("inversion", ["gmm", "outer_loop", "post_estimation"]),
                                         ("gmm", ["outer_loop", "post_estimation"]), ("outer_loop", ["post_estimation"]),
                                         ("post_estimation", [])])
def test_steps_import_no_later_step_and_no_tables(step, later):
    import ast
    from importlib.util import find_spec
    from pathlib import Path
    tree = ast.parse(Path(find_spec(f"blpteach.{step}").origin).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for name in later + ["problem", "plots", "widgets", "checks", "outcome", "estimates", "pandas", "formulaic", "matplotlib"]:
        assert name not in imported


def test_the_names_of_the_five_steps_are_public():
    import blpteach
    for name in ("Problem load_cereal load_autos load_simulated simulate gauss_hermite halton sobol monte_carlo market_shares "
                 "taste_deviations invert_shares InputError").split():
        assert hasattr(blpteach, name)
