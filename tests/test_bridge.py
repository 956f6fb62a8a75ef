"""The map from this library to PyBLP and its paper: every name exists, every equation of ours too."""
import re
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace

import pytest

import blpteach
import blpteach.examples
from blpteach.course.bridge import MAP, bridge, our_names, pyblp_names


def test_every_name_of_ours_exists():
    problem, arguments = blpteach.examples.cereal()
    results = blpteach.Problem(problem.products, linear="0 + prices", absorb="product_ids").estimate()
    for name in our_names():
        root = {"problem": problem, "results": results}.get(name.split(".")[0], blpteach)
        assert hasattr(root, name.split(".")[-1]), name


def test_every_name_of_pyblp_exists():
    pyblp = pytest.importorskip("pyblp")
    pyblp.options.verbose = False
    products, _ = blpteach.load_cereal()
    problem = pyblp.Problem(pyblp.Formulation("0 + prices", absorb="C(product_ids)"), products)
    roots = SimpleNamespace(pyblp=pyblp, problem=problem, results=problem.solve())
    for name in pyblp_names():
        try:
            attrgetter(name)(roots)
        except AttributeError:
            pytest.fail(f"PyBLP {pyblp.__version__} has no {name}")


def test_our_equations_are_numbered_in_the_lessons():
    sources = sorted((Path(__file__).parent.parent / "lessons" / "source").glob("*.py"))
    tags = set(re.findall(r"\\tag\{(\d\.\d+)\}", "".join(path.read_text(encoding="utf-8") for path in sources)))
    numbers = {number for row in MAP for number in re.findall(r"\((\d\.\d+)\)", row.equations)}
    assert numbers and numbers <= tags, numbers - tags


def test_the_map_fits_a_page_and_its_table_is_whole():
    table = bridge()
    lines = table._repr_markdown_().splitlines()
    assert 20 <= len(lines) <= 26 and all(line.count(" | ") == 4 for line in lines if "---" not in line)
    assert [row[0] for row in table.rows] == [crossing.what for crossing in MAP]
    for word in ("utility", "inversion", "IV-GMM", "weighting", "standard errors", "gradient", "diversion", "zeta", "surplus", "instruments", "integration"):
        assert word in repr(table)


def test_later_lessons_have_no_name_of_ours_yet():
    assert all(bool(row.ours) != row.what.startswith("later") for row in MAP)
