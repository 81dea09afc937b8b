"""Makes a process look as if pyrenode3 had loaded a Renode into it: the fake one."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import fake_dotnet
import pytest

from icmsg.engines.renode import process
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import EngineNotAvailableError
from icmsg.pytest_plugin.hooks import not_available

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE = "icmsg.engines.renode"
ADAPTER = "adapter"
"""The module that is imported over the fake."""


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
    pyrenode.__path__ = [str(folder)]
    pyrenode.__dict__["fake"] = renode
    # Renode names its version only where it started the process.
    core = SimpleNamespace(Instance=SimpleNamespace(VersionString=""))
    program = SimpleNamespace(GetName=lambda: SimpleNamespace(Name="Renode", Version="1.16.1.0 (fake)"))
    domain = SimpleNamespace(CurrentDomain=SimpleNamespace(GetAssemblies=lambda: [program]))
    made = [
        pyrenode,
        module("pyrenode3.conversion", interface_to_class=lambda thing: thing),
        module("System", Exception=fake_dotnet.DotNetError, Array=_Array(), Byte=object(), AppDomain=domain),
        module("Antmicro"),
        module("Antmicro.Renode"),
        module("Antmicro.Renode.Core", EmulationManager=core),
        module("Antmicro.Renode.Analyzers", LoggingUartAnalyzer=object()),
        module("Antmicro.Renode.Logging.Backends", MemoryBackend=object),
        module(
            "Antmicro.Renode.Logging",
            Logger=SimpleNamespace(Flush=renode.flush, AddBackend=renode.add_log),
            FileBackend=fake_dotnet.FileBackend,
            LogLevel=SimpleNamespace(Warning="warning", Info="info"),
        ),
        module("Antmicro.Renode.Utilities", SequencedFilePath=str),
        module(
            "Antmicro.Renode.Peripherals",
            Miscellaneous=SimpleNamespace(
                Lockstep=fake_dotnet.FakeLockstep,
                DoorbellJournal=fake_dotnet.DoorbellJournal,
                ConsoleCapture=fake_dotnet.ConsoleCapture,
                TimelineWatch=fake_dotnet.TimelineWatch,
                DoorbellLines=fake_dotnet.DoorbellLines,
                IDoorbell=object(),
            ),
        ),
        module("Antmicro.Renode.Peripherals.UART", IUART=object(), UARTBackend=object()),
    ]
    return {one.__name__: one for one in made}


def install(patch: pytest.MonkeyPatch, folder: Path) -> fake_dotnet.FakeRenode:
    """Let a Renode be found and loaded; ``patch`` and :func:`uninstall` take everything back."""
    renode = fake_dotnet.FakeRenode()
    output = folder / "tree" / "output" / "bin" / "Release"
    output.mkdir(parents=True)
    (output / "Renode.dll").touch()
    for name in [name for name in os.environ if name.startswith("PYRENODE_")]:
        patch.delenv(name)
    patch.setenv("PYRENODE_BUILD_DIR", str(folder / "tree"))
    made = modules(renode, folder)
    patch.setitem(sys.modules, "pyrenode3", made.pop("pyrenode3"))
    for name in (*made, "pyrenode3.wrappers"):  # there only once pyrenode3 has loaded the runtime
        patch.setitem(sys.modules, name, ModuleType(name))
        del sys.modules[name]
    made["pyrenode3"] = sys.modules["pyrenode3"]
    vars(made["pyrenode3"])["runtime"] = made
    (folder / "wrappers.py").write_text(
        "import sys, pyrenode3\nsys.modules.update(pyrenode3.runtime)\n"
        "Emulation = Monitor = lambda: pyrenode3.fake\n"
    )
    patch.delitem(sys.modules, f"{_PACKAGE}.{ADAPTER}", raising=False)
    for name, value in (("renode", None), ("failure", None), ("owner", None), ("temporary", str(folder))):
        patch.setattr(process._Process, name, value)
    return renode


def uninstall(renode: fake_dotnet.FakeRenode) -> None:
    """Forget the adapter that was imported over the fake."""
    renode.clear()
    sys.modules.pop(f"{_PACKAGE}.{ADAPTER}", None)
    vars(sys.modules[_PACKAGE]).pop(ADAPTER, None)


class MachineOnTheFake(RenodeMachine):
    """Brings its own process, and takes it away when it is closed."""

    def __init__(self, platform: Path | None = None, **times: int) -> None:
        self._patch = pytest.MonkeyPatch()
        self._folder = tempfile.TemporaryDirectory(prefix="icmsg-test")
        self._fake = install(self._patch, Path(self._folder.name))
        super().__init__(platform, **times)

    def close(self) -> None:
        super().close()
        uninstall(self._fake)
        self._patch.undo()
        self._folder.cleanup()


def real_machine(platform: Path | None = None, **given: Any) -> RenodeMachine:
    """Return a machine on the real Renode; skips where there is none, fails with ICMSG_REQUIRE_RENODE=1."""
    try:
        return RenodeMachine(platform, **given)
    except EngineNotAvailableError as error:
        not_available(error)
