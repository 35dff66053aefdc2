"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import rheap

MODULES = [
    info.name
    for info in pkgutil.walk_packages(rheap.__path__, "rheap.")
    if info.name not in {"rheap._core", "rheap.__main__"}
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
