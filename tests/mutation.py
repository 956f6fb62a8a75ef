"""Mutation testing: do the tests notice when a line of a step is wrong? Not part of the test run.

    uv run --group mutation python tests/mutation.py gmm            # a module; without a name, all
    uv run --group mutation python tests/mutation.py gmm --again    # survivors, with today's tests

mutmut changes one thing at a time in a copy of the repository (a plus into a minus, an axis, an
argument, a transpose) and runs the module's tests until one fails. Printed are the mutants that no
test noticed, and the fraction that was killed. Settings are in pyproject.toml; tests/README.md says
which survivors change nothing.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIES = Path(tempfile.gettempdir()) / "blpteach-mutants"
# The fast tests that guard a module.
GUARDS = {
    "utility": ["test_utility.py", "test_properties.py"],
    "inversion": ["test_inversion.py", "test_properties.py"],
    "gmm": ["test_gmm.py", "test_properties.py"],
    "outer_loop": ["test_searches.py", "test_outer_loop.py", "test_properties_problem.py"],
    "post_estimation": ["test_post_estimation.py", "test_properties.py"],
    "supply": ["test_supply.py", "test_lognormal.py", "test_properties.py"],
}
OPPOSITE = {"max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum", "sum": "mean"}


def mutate():
    """mutmut's command line, with mutations of arrays besides its own: it runs in the copy."""
    import libcst as cst
    from mutmut.__main__ import cli
    from mutmut.mutation.mutators import mutation_operators

    def attributes(node):                                       # A.T into A, x.max() into x.min()
        if node.attr.value in ("T", "mT"):
            yield node.value
        elif node.attr.value in OPPOSITE:
            yield node.with_changes(attr=cst.Name(OPPOSITE[node.attr.value]))

    def products(node):                                         # A @ B into B @ A
        if isinstance(node.operator, cst.MatrixMultiply):
            yield node.with_changes(left=node.right, right=node.left)
    mutation_operators.extend([(cst.Attribute, attributes), (cst.BinaryOperation, products)])
    cli()


def mutmut(folder, *arguments, **options):
    """Run mutmut in the copy, with one thread."""
    path = os.pathsep.join([str(folder), str(folder / "tests")])
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-c", "import mutation; mutation.mutate()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, text=True, check=True, **options)


def copy(module, folder):
    """What the tests need of the repository, with mutmut told which module and which tests."""
    for name in ("blpteach", "tests", "data"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    tests = [f"tests/{name}" for name in GUARDS[module]]
    settings = ["[tool.mutmut]", f'only_mutate = ["blpteach/{module}.py"]',
                f"pytest_add_cli_args_test_selection = {tests}"]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = text.replace("[tool.mutmut]", "\n".join(settings))
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def results(folder):
    """Status of each mutant by its name."""
    listed = mutmut(folder, "results", "--all", "true", capture_output=True).stdout
    return dict(line.strip().split(": ") for line in listed.splitlines() if ": " in line)


def survivors(status):
    """Names of the mutants that no test noticed; one that never ends is noticed."""
    return [name for name, found in status.items() if found not in ("killed", "timeout")]


def report(module, folder):
    """Print the survivors and the fraction killed."""
    status = results(folder)
    for name in survivors(status):
        print(mutmut(folder, "show", name, capture_output=True).stdout)
    killed = len(status) - len(survivors(status))
    print(f"{module}: {killed} of {len(status)} mutants killed, {killed / len(status):.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(GUARDS)}")
    parser.add_argument("--again", action="store_true", help="what survived, with today's tests")
    options = parser.parse_args()
    for module in options.modules or GUARDS:
        folder = COPIES / module
        if not options.again:
            shutil.rmtree(folder, ignore_errors=True)
        copy(module, folder)
        left = survivors(results(folder)) if options.again else []
        mutmut(folder, "run", "--max-children", "1", *left)
        report(module, folder)


if __name__ == "__main__":
    main()
