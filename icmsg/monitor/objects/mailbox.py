"""Commands that Renode's extensions add to a mailbox: waiting for its interrupt, steps with all records.

Commands that ``renode/LockstepExtensions.cs`` adds to a mailbox: time that passes until its interrupt rises.

Command that ``renode/RemoteExtensions.cs`` adds to a mailbox: a step, and all that happened in it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.core_control import ConsoleModel
from icmsg.engines.lockstep.records import (
    BYTE_SENT,
    FELL_ASLEEP,
    INTERRUPT_ENDED,
    INTERRUPT_TAKEN,
    LINE_ROSE,
    TASK,
    WOKE,
    Record,
    encode,
)
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.hw.exposed import BOOL, STRING, UINT64, VOID, exposed
from icmsg.hw.line import Line
from icmsg.machine.events import TIMELINE, Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.machine.console import ConsoleSink


class MailboxWait:
    """Waits of the mailbox with these interrupt lines."""

    def __init__(self, machine: EmbeddedMachine, lines: Collection[Line]) -> None:
        self._machine: Final = machine
        self._lines: Final = lines

    @exposed(BOOL, microseconds=UINT64)
    def run_until_interrupt(self, microseconds: int) -> bool:
        """Let time pass until an interrupt is high, or so many microseconds; return whether one is."""
        try:
            self._machine.run_until(
                lambda: any(line.level for line in self._lines), timeout_ns=1000 * microseconds
            )
        except VirtualTimeoutError:
            return False
        return True

    @exposed(VOID)
    def end_lockstep(self) -> None:
        """Nothing holds this engine between waits, so nothing has to end."""

    @exposed(STRING)
    def elapsed_nanoseconds(self) -> str:
        """Return the virtual time as a decimal number."""
        return str(self._machine.now_ns)


_CAPACITY: Final = 1 << 16


class StepRecords:
    """Doorbells, interrupts and printed bytes of ``machine``, for somebody who has nothing but commands.

    All mailboxes of a machine share one; ``is_started`` tells whether time passes by itself.
    """

    def __init__(self, machine: EmbeddedMachine, is_started: Callable[[], bool]) -> None:
        self._machine: Final = machine
        self._is_started: Final = is_started
        self._records: list[Record] = []
        self._lost = 0
        self._rang = False
        self._removers: list[Callable[[], None]] = []
        self._stop_timeline: Callable[[], None] = _nothing

    @exposed(VOID, mailboxes=STRING, uarts=STRING)
    def follow(self, mailboxes: str, uarts: str) -> None:
        """Write down what happens from now on; the source of a record is the place of its name."""
        self.unfollow()
        cores = self._machine.soc.cores.values()
        rings = {core.mailbox: core for core in cores if core.mailbox is not None}
        sources = {}
        for source, name in enumerate(mailboxes.split()):
            if name not in rings:
                raise MonitorError(f"{name} is no mailbox")
            sources[rings[name].index] = source
        outputs = {
            (core.index, interrupt): output
            for core in rings.values()
            if core.port is not None
            for output, interrupt in core.port.interrupts.items()
        }
        self._removers.append(self._machine.events.add_sink(partial(self._on_event, sources, outputs)))
        for source, name in enumerate(uarts.split()):
            self._removers.append(self._follow_uart(name, partial(self._on_bytes, source)))

    def _follow_uart(self, name: str, sink: ConsoleSink) -> Callable[[], None]:
        models = self._machine.models
        core = next((each for each in self._machine.soc.cores.values() if each.uart == name), None)
        if core is not None:  # its console has what is printed into memory as well
            others = [models.get(uart) for uart in core.uarts if uart != name]
            return self._machine.core(core.name).console.add_sink(sink, without=others)
        model = models.get(name)
        if not isinstance(model, ConsoleModel):
            raise MonitorError(f"{name} is no IUART")
        model.sinks.append(sink)
        return partial(model.sinks.remove, sink)

    @exposed(VOID, wanted=BOOL)
    def follow_timeline(self, wanted: bool) -> None:
        """Write down, too, when cores sleep, and which interrupt's handler they run."""
        self._stop_timeline()
        self._stop_timeline = _nothing
        if wanted:
            self._stop_timeline = self._machine.events.add_sink(self._on_timeline, tuple(TIMELINE))

    @exposed(VOID)
    def unfollow(self) -> None:
        """Write down nothing any more."""
        for remove in self._removers:
            remove()
        self._removers.clear()
        self.follow_timeline(wanted=False)
        self._records.clear()
        self._lost = 0

    @exposed(STRING)
    def release(self) -> str:
        """Write down nothing any more, and say what was done; this engine holds nothing between two steps."""
        was_followed = bool(self._removers)
        self.unfollow()
        return (
            "the emulation was not held, but followed, which has ended"
            if was_followed
            else "nothing was held"
        )

    @exposed(STRING, microseconds=UINT64, lines=STRING)
    def run_until(self, microseconds: int, lines: str) -> str:
        """Let time pass until a line is high, or a mailbox that is followed rings or is rung, at most so long."""
        if self._is_started():
            raise MonitorError("The emulation runs by itself; pause it before a lockstep is made")
        if not self._removers:
            raise MonitorError(
                "Nobody follows this machine: Release has let it go meanwhile, or there was no Follow"
            )
        found = [self._line(name) for name in lines.split()]
        self._rang = False
        if microseconds:
            with suppress(VirtualTimeoutError):  # that nothing happened is an answer as well
                self._machine.run_until(
                    lambda: self._rang or any(is_high() for is_high in found), timeout_ns=1000 * microseconds
                )
        return self.take_records()

    @exposed(STRING)
    def take_records(self) -> str:
        """Return the time, the number of lost records, and the records since the last time in hexadecimal."""
        digits = encode(self._records).hex().upper()
        lost, self._lost = self._lost, 0
        self._records.clear()
        return f"{self._machine.now_ns} {lost} {digits or '-'}"

    def _line(self, name: str) -> Callable[[], bool]:
        """Return what tells the level of a line."""
        peripheral, _, output = name.partition(".")
        for core in self._machine.soc.cores.values():
            if peripheral == core.nvic and output.isdecimal():
                return partial(self._machine.core(core.name).offers, int(output))
        model = self._machine.models.get(peripheral)
        numbered = {str(number): line for number, line in getattr(model, "outputs", {}).items()}
        line = numbered.get(output) or getattr(model, output.lower(), None)
        if not isinstance(line, Line):
            raise MonitorError(f"{name} is no line; give a peripheral and its output, as in ipcapp.IRQ")
        return lambda: line.level

    def _on_event(self, sources: dict[int, int], outputs: dict[tuple[int, int], int], event: Event) -> None:
        source = sources.get(event.core)
        if source is None:
            return
        if event.kind is EventKind.DOORBELL:
            self._rang = True
            self._add(Record(event.time_ns, TASK, source, event.a))
        elif event.kind is EventKind.INTERRUPT and (event.core, event.a) in outputs:
            self._rang = True
            self._add(Record(event.time_ns, LINE_ROSE, source, outputs[event.core, event.a]))

    def _on_timeline(self, event: Event) -> None:
        if event.kind is EventKind.SLEEP:
            self._add(Record(event.time_ns, FELL_ASLEEP if event.a else WOKE, event.core, 0))
        else:
            kind = INTERRUPT_TAKEN if event.kind is EventKind.INTERRUPT_TAKEN else INTERRUPT_ENDED
            self._add(Record(event.time_ns, kind, event.core, event.a))

    def _on_bytes(self, source: int, data: bytes, time_ns: int) -> None:
        for byte in data:
            self._add(Record(time_ns, BYTE_SENT, source, byte))

    def _add(self, record: Record) -> None:
        if len(self._records) < _CAPACITY:
            self._records.append(record)
        else:
            self._lost += 1


def _nothing() -> None:
    """Do nothing."""
