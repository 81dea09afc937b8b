"""A process with a Renode in it: the fake one, and the real one where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fake_process
import pytest

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
