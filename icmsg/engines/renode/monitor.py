"""Renode's Monitor in this process, and the machine that a script made there."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep import monitor_text
from icmsg.engines.lockstep.machine import DEFAULT_LATENCY_NS
from icmsg.engines.lockstep.monitor_proxy import MonitorProxy
from icmsg.engines.lockstep.monitor_text import is_unfinished, monitor_path
from icmsg.engines.renode import process
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.engines.renode.process import Watchdog
from icmsg.errors import EngineError, MonitorError
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc, shipped_platform_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from icmsg.engines.renode.adapter import MachineApi, RenodeApi


class AttachedMachine(RenodeMachine):
    """The machine ``name`` that a script made from ``platform``, with its cores as they are now.

    Cores execute one after the other from now on; the quantum stays that of the script. What the consoles printed
    before is not known. :meth:`close` leaves the machine in Renode.

    Raises:
        EngineError: the machine was not made from this platform, or another one is open.
        PlatformError: the platform file cannot be read.
    """

    def __init__(
        self,
        name: str,
        platform: str | Path | None = None,
        *,
        latency_ns: int = DEFAULT_LATENCY_NS,
        stall_timeout: float = 0.0,
    ) -> None:
        self._name = name
        super().__init__(platform, latency_ns=latency_ns, stall_timeout=stall_timeout)
        self.attach_cores()

    def _make(self, platform: Path, cpus: list[str]) -> MachineApi:
        self._renode.execute(monitor_text.SERIAL)
        api = self._renode.machine(self._name)
        missing = [cpu for cpu in cpus if not api.has(cpu)]
        if missing:
            raise EngineError(
                f"machine {self._name!r} has no {' and no '.join(missing)}, so it was not made from {platform}; "
                "give the platform file that its script loads"
            )
        return api

    def _unmake(self) -> None:
        """Leave it in Renode."""

    def _stop_cores(self) -> None:
        """Leave them as they are, with none played from outside."""
        with suppress(EngineError):  # the Monitor may have cleared it
            for core in self.cores.values():
                if core.is_played:
                    core.tell_played(False)

    def loaded_files(self) -> list[str]:
        """Return the paths of the files that Renode has loaded."""
        return self._api.loaded_files()

    def catch_up(self) -> None:
        """Take over the time and the events of what somebody else let run."""
        self.take()
        if not self.stepper.is_active:
            self.clock.time_ns = self._api.now_ns()


_ENDS: Final = re.compile(r"^(q|quit)\s*$", re.IGNORECASE)


class _ProcessTransport:
    """Renode in this process, as :class:`icmsg.engines.lockstep.monitor_proxy.MonitorTransport`."""

    is_shared: Final = False

    def __init__(
        self, renode: RenodeApi, platform: Path | None, latency_ns: int, stall_timeout: float
    ) -> None:
        self._renode = renode
        self._platform = platform
        self._latency_ns = latency_ns
        self._stall_timeout = stall_timeout

    @property
    def selected(self) -> str | None:
        return self._renode.selected

    def settle(self, folder: Path) -> None:
        """Tell where files are, as Renode is started in its own folder, and to open no windows."""
        self._renode.monitor(f"path add {monitor_path(folder)}")
        self._renode.log_consoles()

    def run(self, command: str) -> str:
        try:
            if _ENDS.search(command):  # Renode's own would take the Monitor away for the rest of the process
                self._renode.clear()
                return "Renode is quitting"
            printed, error = self._renode.monitor(command)
        except EngineError as failure:
            raise MonitorError(str(failure)) from failure
        if error.strip():
            raise MonitorError(_text(error))
        return _text(printed)

    def attach(self, name: str) -> AttachedMachine | None:
        api = self._renode.machine(name)
        platform = self._platform or shipped_platform_with(api.has)
        if not any(api.has(core.cpu) for core in Soc(load_platform(platform)).cores.values()):
            return None
        if self._renode.is_started:
            raise EngineError("the emulation runs by itself, so Python cannot look at it; `pause` it first")
        return AttachedMachine(name, platform, latency_ns=self._latency_ns, stall_timeout=self._stall_timeout)


class RenodeMonitor(MonitorProxy[AttachedMachine]):
    """The Monitor of the Renode in this process, as ``icmsg.monitor.Monitor``; there is one Renode in a process.

    ``platform`` is the file from which scripts make their machine (default: the shipped one whose cores it has),
    ``latency_ns`` and ``stall_timeout`` those of the machine. ``verbs`` runs what is behind the word ``icmsg``; who
    knows such commands sets it.

    Raises:
        EngineNotAvailableError: Renode cannot be loaded here.
    """

    def __init__(
        self,
        platform: str | Path | None = None,
        *,
        latency_ns: int = DEFAULT_LATENCY_NS,
        stall_timeout: float = 0.0,
    ) -> None:
        path = Path(platform) if platform is not None else None
        self._renode = process.load_renode()
        super().__init__(_ProcessTransport(self._renode, path, latency_ns, stall_timeout))
        self._watchdog = Watchdog(None, stall_s=stall_timeout)
        self._watchdog.start()
        self._typed = ""
        self.verbs: Callable[[Sequence[str]], str] | None = None
        self._log = Path(process.private_folder()) / f"monitor-{id(self):x}.txt"
        self._log_end = 0
        self._renode.show_log_in(self._log)

    @property
    def prompt(self) -> str:
        """``(monitor)``, the name of the selected machine in parentheses, or ``>`` while a text is typed."""
        return ">" if self._typed else super().prompt

    def execute(self, command: str) -> str:
        """Run lines and return what they print, without the last line end.

        A text of several lines, as that of a macro, may come in as many calls.

        Raises:
            MonitorError: Renode refuses a command, or it cannot be run beside the machine that Python uses.
        """
        text, self._typed = self._typed + command, ""
        if is_unfinished(text):
            self._typed = f"{text}\n"
            return ""
        return super().execute(text)

    def _one(self, command: str) -> str:
        word, *words = command.split()
        return self.verbs(words) if word == "icmsg" and self.verbs is not None else super()._one(command)

    def take_log(self) -> list[str]:
        """Return the lines that Renode has logged since the last time, what UARTs printed among them."""
        self._renode.flush_log()
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(self._log_end)
            whole = log.read().rpartition(b"\n")[0]
        self._log_end += len(whole) + bool(whole)
        return whole.decode("utf-8", errors="replace").splitlines()

    def close(self) -> None:
        """Remove every machine; Renode stays in the process. May be called twice."""
        self._detach()
        with suppress(EngineError):
            self._renode.clear()
        self._watchdog.stop()

    def __enter__(self) -> RenodeMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _text(printed: str) -> str:
    return printed.replace("\r\n", "\n").strip("\n").rstrip()
