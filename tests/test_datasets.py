"""The shipped tables: PyBLP's byte for byte, and every column described."""

import re
from pathlib import Path

import pyblp
import pytest
from pandas.testing import assert_frame_equal

from blpteach import load_autos, load_cereal, load_simulated
from blpteach.tables.datasets import shipped
from blpteach.simulation import simulate

ORIGINALS = {"cereal_products": pyblp.data.NEVO_PRODUCTS_LOCATION, "cereal_agents": pyblp.data.NEVO_AGENTS_LOCATION,
             "autos_products": pyblp.data.BLP_PRODUCTS_LOCATION, "autos_agents": pyblp.data.BLP_AGENTS_LOCATION}


def described_columns(table):
    """List the columns that data/README.md describes under the heading of one table, ranges expanded."""
    text = shipped("data").joinpath("README.md").read_text(encoding="utf-8")
    section = text.split(f"### `{table}.csv`", 1)[1].split("\n#", 1)[0]
    names = []
    for cell in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE):
        found = re.findall(r"`(\w+?)`", cell)
        last = re.search(r" to `?(?:nodes)?(\d+)`", cell)
        stem = re.fullmatch(r"(\D+)(\d+)", found[0])
        names += [f"{stem[1]}{k}" for k in range(int(stem[2]), int(last[1]) + 1)] if last else found
    return names


@pytest.mark.parametrize("name", ORIGINALS)
def test_table_is_pyblps_byte_for_byte(name):
    assert (shipped("data") / f"{name}.csv").read_bytes() == Path(ORIGINALS[name]).read_bytes()


@pytest.mark.parametrize("name, load", [("cereal", load_cereal), ("autos", load_autos), ("simulated", load_simulated)])
def test_every_column_is_described(name, load):
    for table, frame in zip(("products", "agents"), load()):
        assert described_columns(f"{name}_{table}") == list(frame.columns)


@pytest.mark.parametrize("load, products_shape, agents_shape", [(load_cereal, (2256, 30), (1880, 12)),
                                                                (load_autos, (2217, 33), (4000, 8))])
def test_shapes_are_those_of_the_docstrings(load, products_shape, agents_shape):
    products, agents = load()
    assert (products.shape, agents.shape) == (products_shape, agents_shape)
    assert not products.isna().any(axis=None) and not agents.isna().any(axis=None)


def test_files_of_the_simulated_economy_are_what_simulate_makes():
    products, agents = load_simulated()
    truth = products.attrs["truth"]
    made = simulate(**{name: tuple(truth[name]) if name == "J" else truth[name] for name in ("T", "J", "firms", "I", "seed")})
    for shipped_table, table in zip((products, agents), made):
        assert_frame_equal(shipped_table, table, rtol=1e-9, check_dtype=False)


def test_truth_of_the_simulated_economy_comes_with_both_tables():
    products, agents = load_simulated()
    assert products.attrs["truth"] and products.attrs["truth"] == agents.attrs["truth"]


def test_a_folder_that_is_not_shipped_is_an_error():
    with pytest.raises(FileNotFoundError, match="ships no recipes"):
        shipped("recipes")
