"""The committed images of firmware/foreign.c are those of the committed source."""

from __future__ import annotations

import importlib.util
import json
import shutil
from typing import TYPE_CHECKING

import pytest
from firmware_files import FIRMWARE, Kind

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def build_script(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("foreign_build", folder / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_images_were_built_from_these_sources() -> None:
    """After a change: python tests/link/firmware/build.py."""
    assert json.loads((FIRMWARE / "manifest.json").read_text()) == build_script(FIRMWARE).hashes()


def test_the_kinds_are_those_of_the_source() -> None:
    source = (FIRMWARE / "foreign.c").read_text()
    listed = source.split("enum kind {")[1].split("};")[0]
    names = [line.split(",")[0].strip() for line in listed.splitlines() if "," in line]
    assert names == [kind.name for kind in Kind]
    assert [kind.value for kind in Kind] == list(range(len(names)))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="needs ziglang 0.13.0")
def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in build_script(FIRMWARE).SOURCES:
        shutil.copy(FIRMWARE / name, tmp_path)
    build_script(tmp_path).build()
    for core in ("app", "net"):
        assert (tmp_path / f"foreign-{core}.elf").read_bytes() == (
            FIRMWARE / f"foreign-{core}.elf"
        ).read_bytes()
