"""A process with a Renode in it: the fake one, and the real one where it is."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import fake_dotnet
import pytest

from icmsg.cosim.renode import process
from icmsg.cosim.renode.machine import RenodeMachine
from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADAPTER = "icmsg.cosim.renode.adapter"
REQUIRED = "ICMSG_REQUIRE_RENODE"


class _Array:
    """``System.Array``."""

    def __getitem__(self, _type: Any) -> Callable[[list[Any]], list[Any]]:
        return list

    @staticmethod
    def CreateInstance(_type: Any, size: int) -> bytearray:  # noqa: N802 - .NET's name
        return bytearray(size)


def modules(renode: fake_dotnet.FakeRenode, folder: Path) -> dict[str, ModuleType]:
    """Return what pyrenode3 brings into a process."""

    def module(name: str, **members: Any) -> ModuleType:
        made = ModuleType(name)
        made.__dict__.update(members)
        return made

    pyrenode = module("pyrenode3")
    pyrenode.__spec__ = importlib.machinery.ModuleSpec("pyrenode3", None, is_package=True)
    pyrenode.__spec__.submodule_search_locations = [str(folder)]
    core = SimpleNamespace(Instance=SimpleNamespace(VersionString="Renode, version 1.16.1.0 (fake)"))
    made = [
        pyrenode,
        module("pyrenode3.wrappers", Emulation=lambda: renode, Monitor=lambda: renode),
        module("System", Exception=fake_dotnet.DotNetError, Array=_Array(), Byte=object()),
        module("Antmicro"),
        module("Antmicro.Renode"),
        module("Antmicro.Renode.Core", EmulationManager=core),
        module("Antmicro.Renode.Logging", Logger=SimpleNamespace(Flush=renode.flush)),
        module(
            "Antmicro.Renode.Peripherals",
            Miscellaneous=SimpleNamespace(
                Lockstep=fake_dotnet.FakeLockstep,
                DoorbellJournal=fake_dotnet.DoorbellJournal,
                ConsoleCapture=fake_dotnet.ConsoleCapture,
                NRF_IPC=object(),
            ),
        ),
        module("Antmicro.Renode.Peripherals.UART", IUART=object()),
    ]
    return {one.__name__: one for one in made}


@pytest.fixture
def renode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fake_dotnet.FakeRenode]:
    """A process in which Renode can be loaded, and was not yet."""
    renode = fake_dotnet.FakeRenode()
    output = tmp_path / "tree" / "output" / "bin" / "Release"
    output.mkdir(parents=True)
    (output / "Renode.dll").touch()
    for name in [name for name in os.environ if name.startswith("PYRENODE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYRENODE_BUILD_DIR", str(tmp_path / "tree"))
    for name, made in modules(renode, tmp_path).items():
        monkeypatch.setitem(sys.modules, name, made)
    monkeypatch.delitem(sys.modules, ADAPTER, raising=False)
    for name, value in (("renode", None), ("failure", None), ("owner", None), ("temporary", str(tmp_path))):
        monkeypatch.setattr(process._Process, name, value)
    yield renode
    renode.clear()
    sys.modules.pop(ADAPTER, None)
    vars(sys.modules["icmsg.cosim.renode"]).pop("adapter", None)


@pytest.fixture
def machine(renode: fake_dotnet.FakeRenode) -> Iterator[RenodeMachine]:
    """A machine on the fake."""
    with RenodeMachine() as machine:
        yield machine


@pytest.fixture
def real_machine() -> Iterator[RenodeMachine]:
    """A machine on the real Renode; skipped where there is none, unless ICMSG_REQUIRE_RENODE=1."""
    try:
        machine = RenodeMachine()
    except EngineNotAvailableError as error:
        if os.environ.get(REQUIRED) == "1":
            raise
        pytest.skip(f"needs a real Renode: {error}; {REQUIRED}=1 makes this a failure")
    with machine:
        yield machine
