"""The examples in the docstrings print what they say, without matplotlib and ipywidgets, and public functions have one."""
import inspect
import subprocess
import sys

import blpteach

RUN = """
import doctest, importlib, pkgutil, sys
for name in ("matplotlib", "ipywidgets", "IPython"):
    sys.modules[name] = None                                    # importing it is an error from here on
import blpteach
attempted = 0
for module in pkgutil.walk_packages(blpteach.__path__, "blpteach."):
    if module.name.startswith(("blpteach.plots", "blpteach.widgets", "blpteach.course.lecture")):
        continue
    result = doctest.testmod(importlib.import_module(module.name), optionflags=doctest.NORMALIZE_WHITESPACE)
    attempted += result.attempted
    if result.failed:
        sys.exit(f"{module.name}: {result.failed} example(s) failed")
print(attempted)
"""


def test_examples_print_what_they_say():
    run = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert int(run.stdout.split()[-1]) > 40


def test_public_names_have_a_docstring_with_an_example():
    without = []
    for name in vars(blpteach):
        thing = getattr(blpteach, name)
        if not name.startswith("_") and getattr(thing, "__module__", "").startswith("blpteach") and inspect.isfunction(thing):
            if ">>>" not in (inspect.getdoc(thing) or ""):
                without.append(name)
    assert not without
