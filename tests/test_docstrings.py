"""The examples in the docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import blpteach

MODULES = sorted(module.name for module in pkgutil.walk_packages(blpteach.__path__, "blpteach."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
