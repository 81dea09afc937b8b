"""A process with a Renode in it: the fake one, and the real one where it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fake_process
import pytest
from release_rig import Server

from icmsg.engines.renode.machine import RenodeMachine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import fake_dotnet


@pytest.fixture
def renode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fake_dotnet.FakeRenode]:
    """A process in which Renode can be loaded, and was not yet."""
    renode = fake_process.install(monkeypatch, tmp_path)
    yield renode
    fake_process.uninstall(renode)


@pytest.fixture
def machine(renode: fake_dotnet.FakeRenode) -> Iterator[RenodeMachine]:
    """A machine on the fake."""
    with RenodeMachine() as machine:
        yield machine


@pytest.fixture
def real_machine() -> Iterator[RenodeMachine]:
    """A machine on the real Renode."""
    with fake_process.real_machine() as machine:
        yield machine


@pytest.fixture
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's data folder, no proxy, and no Renode of a package."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("BIN", "PKG", "PATH", "BUILD_DIR"):
        monkeypatch.delenv(f"PYRENODE_{name}", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("icmsg.engines.renode.locate.INSTALLED", tmp_path / "nowhere")
    return tmp_path / "data"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a prefix may be, with blanks and an umlaut."""
    folder = tmp_path / "a plâce"
    folder.mkdir()
    return folder
