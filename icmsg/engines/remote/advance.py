"""Advance of virtual time on a Renode that is reached by commands: held by the lockstep, or in slices of RunFor.

Reports of Renode with each step: the time, and what was written down meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.monitor_text import seconds
from icmsg.engines.lockstep.records import BYTE_SENT, RECORD_BYTES, decode
from icmsg.engines.remote.transport import cut, words
from icmsg.errors import EngineError, MonitorError
from icmsg.timers import US, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icmsg.engines.lockstep.records import Record
    from icmsg.engines.remote.bus import IrqLines, RemoteMemory
    from icmsg.engines.remote.transport import BatchedMonitor
    from icmsg.soc.soc import Wire


_CURRENT: Final = re.compile(r"virtual time: *([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2})\.([0-9]{1,20})")
_STILL: Final = 100
"""Number of steps one after the other after which the time must have moved on."""
_STARTED: Final = re.compile(r"runs by itself|already started", re.IGNORECASE)


class _Advance:
    """Base of both ways: followed lines, the time, and one line of commands for each step."""

    def __init__(
        self, monitor: BatchedMonitor, irq_lines: IrqLines, memory: RemoteMemory, lines: Iterable[object]
    ) -> None:
        self._monitor = monitor
        self._irq_lines = irq_lines
        self._memory = memory
        self._lines: list[Wire] = list(lines)  # type: ignore[arg-type]  # what the machine's line() returned
        self._now = 0

    def now_ns(self) -> int:
        """Return the virtual time."""
        return self._now

    def follow(self, line: object) -> None:
        """End a step when ``line`` rises."""
        if line not in self._lines:
            self._lines.append(line)  # type: ignore[arg-type]

    def ignore(self, line: object) -> None:
        """Let steps go on when ``line`` rises."""
        if line in self._lines:
            self._lines.remove(line)

    @property
    def _is_any_high(self) -> bool:
        return any(self._irq_lines.is_set(line) for line in self._lines)

    def _ask(self, *commands: str, answers: int) -> list[str]:
        """Run commands that let time pass, and learn with them what Python will want to know then."""
        questions, ahead = self._irq_lines.questions, self._memory.ahead
        everything = *commands, *questions, *ahead
        expected = answers + len(questions) + len(ahead)
        try:
            printed = self._monitor.ask(*everything, answers=expected)
        except MonitorError as error:
            if not _STARTED.search(str(error)):
                raise EngineError(f"Renode stopped: {words(error)}") from error
            self._monitor.execute("pause")
            printed = self._monitor.ask(*everything, answers=expected)
        self._irq_lines.learn(printed[answers : answers + len(questions)])
        self._memory.learn(printed[answers + len(questions) :])
        return printed[:answers]


class LockstepAdvance(_Advance):
    """The lockstep of ``renode/RemoteExtensions.cs``: one line for each step, whatever its length.

    ``took`` gets the time and the records that each step prints.
    """

    def __init__(
        self,
        monitor: BatchedMonitor,
        irq_lines: IrqLines,
        memory: RemoteMemory,
        lines: Iterable[object],
        *,
        mailbox: str,
        took: Callable[[str], int],
    ) -> None:
        super().__init__(monitor, irq_lines, memory, lines)
        self._mailbox = mailbox
        self._took = took
        self._still = 0
        self.advance(0)

    def advance(self, microseconds: int) -> bool:
        """Let time pass; see :class:`icmsg.engines.lockstep.stepper.Lockstep`."""
        names = " ".join(f"{wire.source}.{wire.output}" for wire in self._lines)
        printed = self._ask(f'{self._mailbox} RunUntil {microseconds} "{names}"', answers=1)
        before, self._now = self._now, self._took(printed[0])
        is_high = self._is_any_high
        self._still = self._still + 1 if microseconds and not is_high and self._now <= before else 0
        if self._now < before or self._still > _STILL:
            raise EngineError(
                f"Renode's virtual time does not pass: {self._still} steps after {format_time(before)} it is "
                f"{format_time(self._now)}"
            )
        return is_high

    def dispose(self) -> None:
        """Let the emulation go and pause it: up to 10 ms of virtual time pass."""
        self._monitor.execute(f"{self._mailbox} EndLockstep")


class SliceAdvance(_Advance):
    """``emulation RunFor`` for a quantum at a time, which costs Renode milliseconds each; needs no files of ours.

    ``now_ns`` is the time at which it begins. ``rose`` gets each followed line that rose, and the time at the end of
    its slice.
    """

    def __init__(
        self,
        monitor: BatchedMonitor,
        irq_lines: IrqLines,
        memory: RemoteMemory,
        lines: Iterable[object],
        *,
        quantum_ns: int,
        now_ns: int,
        rose: Callable[[Wire, int], None],
    ) -> None:
        super().__init__(monitor, irq_lines, memory, lines)
        self._quantum = quantum_ns
        self._rose = rose
        self._now = now_ns

    def advance(self, microseconds: int) -> bool:
        """Let time pass; see :class:`icmsg.engines.lockstep.stepper.Lockstep`."""
        if self._is_any_high:
            return True
        until = self._now + microseconds * US
        while self._now < until:
            # Without a line to look at there is no reason to look in between.
            ns = self._quantum if self._lines else -(-(until - self._now) // self._quantum) * self._quantum
            self._ask(f'emulation RunFor "{seconds(ns)}"', answers=0)
            self._now += ns
            high = [wire for wire in self._lines if self._irq_lines.is_set(wire)]
            for wire in high:
                self._rose(wire, self._now)
            if high:
                return True
        return False

    def dispose(self) -> None:
        """Do nothing: the emulation is paused after each slice."""


def current_time(monitor: BatchedMonitor) -> int:
    """Return the virtual time in nanoseconds as the command ``currentTime`` prints it.

    Raises:
        EngineError: it prints something else.
    """
    printed = monitor.execute("currentTime")
    found = _CURRENT.search(printed)
    if found is None:
        raise EngineError(f"currentTime printed {cut(printed)!r}, which has no virtual time")
    hours, minutes, whole, fraction = found.groups()
    return ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 10**9 + int(fraction[:9].ljust(9, "0"))


_ANY: Final[dict[int, int]] = {}
_REPORT: Final = re.compile(
    r"\s*(?P<time>[0-9]{1,18}) +(?P<lost>[0-9]{1,10}) +(?:-|(?P<digits>[0-9A-Fa-f]+))\s*"
)


@dataclass(frozen=True, slots=True)
class StepReport:
    """Virtual time, and the records since the last report in the order of their source."""

    time_ns: int
    doorbells: Sequence[Record]
    console: Sequence[Record]


def read_report(text: str, *, since_ns: int = 0, sources: Mapping[int, int] = _ANY) -> StepReport:
    """Read ``TIME LOST RECORDS``: nanoseconds, a number of records, and hexadecimal digits or ``-``.

    ``renode/RemoteExtensions.cs`` prints it. All times of the report count from ``since_ns`` of Renode's virtual time.
    ``sources`` says by kind of record how many mailboxes, UARTs or cores it may name.

    Raises:
        EngineError: it is something else, or records were lost.
    """
    found = _REPORT.fullmatch(text)
    digits = (found["digits"] or "") if found is not None else ""
    if found is None or len(digits) % (2 * RECORD_BYTES):
        raise EngineError(f"Renode printed {text[:80]!r} where a time and records were expected")
    data, time_ns, missing = bytes.fromhex(digits), int(found["time"]), int(found["lost"])
    if missing:
        raise EngineError(
            f"{missing} records were lost: more happened in one step than there is room for; take shorter steps"
        )
    records = [record._replace(time_ns=record.time_ns - since_ns) for record in decode(data)]
    for record in records:
        if not 0 <= record.time_ns < 1 << 62 or record.source >= sources.get(record.kind, 1 << 16):
            raise EngineError(
                f"Renode printed a record that cannot be ({record}), at {time_ns} ns of its time"
            )
    return StepReport(
        time_ns - since_ns,
        [record for record in records if record.kind != BYTE_SENT],
        [record for record in records if record.kind == BYTE_SENT],
    )
