"""Renode through pyrenode3: with ``adapter_machine.py`` all that touches pythonnet, pyrenode3 and ``Antmicro``.

Its import loads Renode into the process, so only ``process.py`` imports it. Rules both keep (all seen to matter on
Renode 1.16.1): .NET members are bound once, because a wrapper's attribute costs a reflection; properties are not read
while a core runs, because pythonnet keeps the interpreter lock there; nothing of Python is given to .NET as a
callback; microseconds are whole numbers; a memory's segment is touched before its address is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyrenode3.wrappers import Emulation, Monitor

# isort: split
import System  # type: ignore[import-not-found]  # exists once pyrenode3 has loaded a runtime

from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.renode.adapter_machine import AdaptedMachine, words
from icmsg.engines.renode.process import CALLS
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from icmsg.engines.renode.api import MachineApi

_LOG: Final = "icmsg"
"""The name of our log among Renode's, of which `file` belongs to the Monitor's user."""


def _version() -> str:
    """Return Renode's version: it names itself only where it started the process."""
    from Antmicro.Renode.Core import EmulationManager  # type: ignore[import-not-found]  # loaded above

    loaded = {str(one.GetName().Name): one for one in System.AppDomain.CurrentDomain.GetAssemblies()}
    program = loaded.get("Renode")
    named = str(EmulationManager.Instance.VersionString)
    return named or ("Renode" if program is None else f"Renode, version {program.GetName().Version}")


class PyrenodeAdapter:
    """The Renode of this process, as :class:`icmsg.engines.renode.api.RenodeApi`."""

    def __init__(self) -> None:
        self._emulation = Emulation()
        self._monitor = Monitor()
        # What the lines of a script print and what they call an error goes there, not to who included the script.
        self._script = self._monitor.interaction
        self._included: set[Path] = set()
        self.failure: Final[type[Exception]] = System.Exception
        self.version: Final = _version()

    def monitor(self, command: str) -> tuple[str, str]:
        """Run a Monitor command and return what it prints, and what it prints as an error."""
        self._script.Clear()
        CALLS.begin(f"`{command}`")
        try:
            printed, error = self._monitor.execute(command)
        except System.Exception as failure:
            raise EngineError(f"Renode failed at `{command}`: {words(failure)}") from failure
        finally:
            CALLS.end()
        script = self._script
        return f"{printed}{script.GetContents()}", f"{error}{script.GetError()}"

    def execute(self, command: str) -> str:
        """Run a Monitor command; what the Monitor calls an error is raised."""
        printed, error = self.monitor(command)
        if error.strip():
            reason = error.replace(f"There was an error executing command '{command}'", "")
            raise EngineError(f"Renode refuses `{command}`: {' '.join(reason.split())}")
        return printed.strip()

    @property
    def selected(self) -> str | None:
        """The machine that the Monitor has selected, by name."""
        machine = self._monitor.internal.Machine
        return None if machine is None else str(self._emulation.internal[machine])

    @property
    def is_started(self) -> bool:
        """True while the emulation runs by itself."""
        return bool(self._emulation.internal.IsStarted)

    def include(self, files: Sequence[Path]) -> None:
        """Compile those C# files together that were not compiled yet."""
        wanted = [path for path in (file.resolve() for file in files) if path not in self._included]
        if wanted:
            self.execute("include " + " ".join(map(monitor_path, wanted)))
            self._included.update(wanted)

    def log_to(self, path: Path) -> None:
        """Write warnings and errors into a file, beside whatever the user logs to."""
        from Antmicro.Renode.Logging import FileBackend, Logger, LogLevel  # type: ignore[import-not-found]
        from Antmicro.Renode.Utilities import SequencedFilePath  # type: ignore[import-not-found]

        backend = FileBackend(SequencedFilePath(str(path)), True)
        Logger.AddBackend(backend, _LOG, True)
        backend.SetLogLevel(LogLevel.Warning)

    def show_log_in(self, path: Path) -> None:
        """Write everything from Renode's level INFO on into a file, and keep it for `lastLog`."""
        from Antmicro.Renode.Logging import FileBackend, Logger, LogLevel
        from Antmicro.Renode.Logging.Backends import MemoryBackend  # type: ignore[import-not-found]
        from Antmicro.Renode.Utilities import SequencedFilePath

        backend = FileBackend(SequencedFilePath(str(path)), True)
        Logger.AddBackend(backend, f"{_LOG}-monitor", True)
        backend.SetLogLevel(LogLevel.Info)
        Logger.AddBackend(MemoryBackend(), "memory", True)  # the name by which `lastLog` finds it

    def log_consoles(self) -> None:
        """Let `showAnalyzer` of the current emulation log what a UART sends; Renode finds several ways otherwise."""
        from Antmicro.Renode.Analyzers import LoggingUartAnalyzer  # type: ignore[import-not-found]
        from Antmicro.Renode.Peripherals.UART import UARTBackend  # type: ignore[import-not-found]

        self._emulation.internal.BackendManager.SetPreferredAnalyzer(UARTBackend, LoggingUartAnalyzer)

    def flush_log(self) -> None:
        """Let the log be complete up to now."""
        from Antmicro.Renode.Logging import Logger  # loaded by now

        Logger.Flush()

    def machine(self, name: str) -> MachineApi:
        """Return a machine by its name."""
        found = self._emulation.get_mach(name)
        if found is None:
            raise EngineError(f"Renode has no machine {name!r}")
        return AdaptedMachine(found)

    def clear(self) -> None:
        """Remove every machine."""
        CALLS.begin("the removal of the machine")
        try:
            self._emulation.clear()
        finally:
            CALLS.end()
