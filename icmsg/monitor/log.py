"""Renode's log: what devices and scripts say beside the answers of the Monitor. Times are virtual.

Consoles whose lines the log has (``showAnalyzer``), and what is new in them.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.outputs import create_file
from icmsg.soc.soc import is_uart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.machine.console import Console


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
        self.catch_up: Callable[[], None] = lambda: None
        """Called before an entry is added, so that what happened before it comes first."""
        self._catching_up = False
        self.level = LogLevel.INFO
        self.levels: Final[dict[str, LogLevel]] = {}
        """Levels of single devices."""

    def write(self, level: LogLevel, text: str, source: str = "", time_ns: int | None = None) -> None:
        """Add an entry, if its level is high enough; ``time_ns`` is now if it is not given."""
        if level < self.levels.get(source, self.level):
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
        for sink in self._sinks:
            sink(entry)

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
        self.close()
        try:
            self._file, moved = create_file(path)
        except OSError as error:
            raise MonitorError(f"{path} cannot be written: {error.strerror}") from None
        if moved is not None:
            self.write(LogLevel.INFO, f"Old file {path} moved to {moved}")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def console_of(machine: EmbeddedMachine, uart: str) -> Console | None:
    """Return the console of a UART of the platform: that of the core that owns it, or that reaches it."""
    soc = machine.soc
    if uart not in soc.description or not is_uart(soc.description[uart]):
        return None
    own = (core.name for core in soc.cores.values() if uart in core.uarts)
    reaching = (soc.by_cpu[place.cpu].name for place in soc.description[uart].registrations if place.cpu)
    name = next(iter((*own, *reaching)), None)
    return None if name is None else machine.core(name).console


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
