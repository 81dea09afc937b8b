"""Advance of virtual time on a Renode that is reached by commands: held by the lockstep, or in slices of RunFor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep.commands import seconds
from icmsg.engines.remote.transport import cut, words
from icmsg.errors import EngineError, MonitorError
from icmsg.machine.simtime import US, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.remote.batched_monitor import BatchedMonitor
    from icmsg.engines.remote.irq_lines import IrqLines
    from icmsg.engines.remote.memory import RemoteMemory
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
