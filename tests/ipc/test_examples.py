"""The examples in the documentation of config, wire and ipc run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import icmsg.config
import icmsg.ipc
import icmsg.wire

MODULES = [
    name
    for package in (icmsg.config, icmsg.wire, icmsg.ipc)
    for name in (
        package.__name__,
        *(f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)),
    )
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0


@pytest.mark.parametrize("name", ["icmsg.wire", "icmsg.ipc", "icmsg.wire.pbuf", "icmsg.wire.pbuf"])
def test_there_is_an_example_where_people_look_for_one(name: str) -> None:
    assert doctest.DocTestFinder().find(importlib.import_module(name), name)[0].examples
