from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest
from native_stub import STUBS, compile_stub, compiler

from icmsg.engines.embedded.machine import EmbeddedMachine

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator
    from types import ModuleType


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if compiler() is None:
        pytest.skip("needs a C compiler for this machine")
    return compile_stub(tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def build_manifest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_manifest", STUBS / "build_manifest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine
