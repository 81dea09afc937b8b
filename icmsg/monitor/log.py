"""Renode's log: what devices and scripts say beside the answers of the Monitor. Times are virtual.

Consoles whose lines the log has (``showAnalyzer``), and what is new in them.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.files import create_file
from icmsg.machine.events import EventKind
from icmsg.monitor.telnet_port import TelnetPort

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.machine.console import Console
    from icmsg.machine.events import Event


REMEMBERED: Final = 1000
"""Number of entries that ``lastLog`` can go back."""


class LogLevel(enum.IntEnum):
    """Renode's levels."""

    NOISY = -1
    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Line of the log; ``source`` is the device, the machine in front, or nothing."""

    time_ns: int
    level: LogLevel
    source: str
    text: str

    @property
    def message(self) -> str:
        """Source and text as Renode joins them."""
        return f"{self.source}: {self.text}" if self.source else self.text

    def __str__(self) -> str:
        ticks = self.time_ns // 100_000
        seconds = ticks // 10_000
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ticks % 10_000:04}"
        return f"{clock} [{self.level.name}] {self.message}"


LogSink = Callable[[LogEntry], None]


class Log:
    """Keeps the last entries and hands each one to the sinks: the console of a front end, a file."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._entries: deque[LogEntry] = deque(maxlen=REMEMBERED)
        self._sinks: list[LogSink] = []
        self._file: TextIO | None = None
        self._port: TelnetPort | None = None
        self.catch_up: Callable[[], None] = lambda: None
        """Called before an entry is added, so that what happened before it comes first."""
        self._catching_up = self._is_silent = False
        self.level = LogLevel.INFO
        self.levels: Final[dict[tuple[str, str], LogLevel]] = {}
        """Levels of single devices, by machine and device."""

    def write(
        self, level: LogLevel, text: str, source: str = "", time_ns: int | None = None, *, machine: str = ""
    ) -> None:
        """Add an entry, if its level is high enough; ``time_ns`` is now if it is not given."""
        if self._is_silent or level < self._least(machine, source):
            return
        if not self._catching_up:
            self._catching_up = True
            try:
                self.catch_up()
            finally:
                self._catching_up = False
        entry = LogEntry(self._now_ns() if time_ns is None else time_ns, level, source, text)
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(f"{entry}\n")
            self._file.flush()
        if self._port is not None:
            self._port.accept()
            self._port.send(f"{entry}\r\n".encode("ascii", "replace"))
        for sink in self._sinks:
            sink(entry)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Take no entry inside, and keep the file, the port and the levels as they are."""
        before = self._is_silent, self._file, self._port, self.level, dict(self.levels)
        self._is_silent, self._file, self._port = True, None, None
        try:
            yield
        finally:
            self.close()
            self._is_silent, self._file, self._port, self.level, levels = before
            self.levels.clear()
            self.levels.update(levels)

    def _least(self, machine: str, source: str) -> LogLevel:
        """Return the least level of a device's entries that are kept; without a machine it is that of any."""
        fitting = (
            least
            for (whose, device), least in self.levels.items()
            if device == source and machine in ("", whose)
        )
        return next(fitting, self.level)

    def last(self, count: int) -> list[LogEntry]:
        """Return the last entries, the oldest first; MonitorError for more than are kept."""
        if count > REMEMBERED:
            raise MonitorError(f"The number of entries cannot be larger than {REMEMBERED}")
        return list(self._entries)[-count:] if count > 0 else []

    def add_sink(self, sink: LogSink) -> None:
        """Call ``sink`` for every entry from now on."""
        self._sinks.append(sink)

    def to_file(self, path: Path) -> None:
        """Write into a new file too from now on; MonitorError if it cannot be written.

        One of that name is moved to ``PATH.1``, or the next number that is free, as in Renode.
        """
        self._close_file()
        try:
            self._file, moved = create_file(path)
        except OSError as error:
            raise MonitorError(f"{path} cannot be written: {error.strerror}") from None
        if moved is not None:
            self.write(LogLevel.INFO, f"Old file {path} moved to {moved}")

    def to_port(self, port: int) -> None:
        """Send to the client at a port of this computer from now on; MonitorError if it cannot be used."""
        if self._is_silent:
            return
        if self._port is not None:
            self._port.close()
            self._port = None
        self._port = TelnetPort(port, telnet=False, forgets=True)

    def close(self) -> None:
        """Close the file and the port."""
        if self._port is not None:
            self._port.close()
            self._port = None
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class MachineLog:
    """The log ``log`` for what the machine ``name`` and its devices have to say."""

    def __init__(self, log: Log, name: str) -> None:
        self.write: Final = partial(log.write, machine=name)
        """Adds an entry, as :meth:`Log.write`."""


def news(consoles: Mapping[str, Console], shown: dict[str, int]) -> list[tuple[int, str, str]]:
    """Return (time, UART, text) of lines that are new since ``shown``, which is brought up to date."""
    found: list[tuple[int, str, str]] = []
    for uart, console in consoles.items():
        lines = console.lines
        before = lines[shown[uart] - 1].time_ns if shown[uart] else 0
        for line in lines[shown[uart] :]:
            stamp = f"virt: {_seconds(line.time_ns)} (+{_seconds(line.time_ns - before)})"
            found.append((line.time_ns, uart, f"[{stamp}] {line.text}"))
            before = line.time_ns
        shown[uart] = len(lines)
    return sorted(found, key=lambda item: item[0])


def _seconds(ns: int) -> str:
    for unit, name in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= unit:
            return f"{ns / unit:.4g}{name}"
    return f"{ns}ns" if ns else "0s"


def entry_of(event: Event, machine: EmbeddedMachine) -> tuple[LogLevel, str, str, bool] | None:
    """Return level, text and source of an event's entry, and whether it is an access to a tag; None if it has none."""
    cores = machine.soc.cores
    if event.kind is EventKind.SIGNAL_LOST:
        text = f"TASKS_SEND[{event.a}]: channels 0x{event.b:X} are lost, as asked for"
        return LogLevel.INFO, text, list(cores.values())[event.core].mailbox or "", False
    if event.kind is not EventKind.WARNING:
        return None
    core = list(machine.cores)[event.core]
    known = (each for each in machine.warnings[::-1] if each.core == core and each.address == event.a)
    warning = next(known, None)
    what = f"access at 0x{event.a:08X}"
    if warning is not None:
        what = f"{warning.what} at 0x{warning.address:08X} ({warning.place})"
    text = f"[{cores[core].cpu}: 0x{event.b:X}] {what}"
    return LogLevel.WARNING, text, "sysbus", "which nothing models" in what
