"""Base of machines in steps: time, cores by name, and one run at a time.

Core of a machine in steps that somebody else may change, too: by commands typed into Renode's Monitor.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar

from icmsg.engines.lockstep.core_types import read_state, state_questions
from icmsg.engines.lockstep.observed_core import ObservedCore
from icmsg.engines.lockstep.records import (
    CORE_HELD,
    CORE_RELEASED,
    CORE_RESTARTED,
    FELL_ASLEEP,
    INTERRUPT_ENDED,
    INTERRUPT_TAKEN,
    LINE_ROSE,
    RESET_REQUESTED,
    TASK,
    TROUBLES,
    WOKE,
    FirmwareStops,
)
from icmsg.engines.lockstep.stepper import StepClock
from icmsg.errors import ConfigurationError, EngineError
from icmsg.machine.base_machine import BaseMachine
from icmsg.machine.console import Console
from icmsg.machine.events import TIMELINE, EventKind, EventStream
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from icmsg.engines.lockstep.core_types import CoreState
    from icmsg.engines.lockstep.records import Record, StopCommands
    from icmsg.engines.lockstep.stepper import Stepper
    from icmsg.machine.machine import Hang
    from icmsg.soc.soc import Soc


DEFAULT_QUANTUM_NS: Final = 10 * US
DEFAULT_LATENCY_NS: Final = 0
_CONSOLE_NS: Final = 1 * MS
"""The time between two looks at consoles in memory: a full buffer holds firmware up."""

_TIMELINE: Final[Mapping[int, tuple[EventKind, int | None]]] = {
    INTERRUPT_TAKEN: (EventKind.INTERRUPT_TAKEN, None),
    INTERRUPT_ENDED: (EventKind.INTERRUPT_END, None),
    FELL_ASLEEP: (EventKind.SLEEP, 1),
    WOKE: (EventKind.SLEEP, 0),
}
"""Event and its value, None for that of the record, by kind of record."""

CoreT = TypeVar("CoreT", bound=ObservedCore)


class SteppedMachine(BaseMachine[CoreT]):
    """The part of :class:`icmsg.machine.machine.Machine` that does not depend on how Renode is reached.

    Who derives from it makes ``stepper`` and fills ``cores``.
    """

    stepper: Stepper

    def __init__(self, soc: Soc, quantum_ns: int | None, latency_ns: int) -> None:
        if (quantum_ns is not None and quantum_ns <= 0) or latency_ns < 0:
            raise ConfigurationError("the quantum must be > 0 and the latency ≥ 0 nanoseconds")
        super().__init__(soc, EventStream(1_000_000_000))
        self.latency_ns: Final = latency_ns
        self.clock: Final = StepClock()
        self.stops: Final = FirmwareStops(self._stop_commands, partial(setattr, self.clock, "time_ns"))
        self._mailboxes: Final = [core for core in soc.cores.values() if core.mailbox is not None]
        self.uarts: Final = {name: Console() for name in soc.uarts()}
        """Consoles of the UARTs of the platform file, by their names."""
        self._printing: Final = [(name, soc.core_with_uart(name)) for name in self.uarts]

    def hangs(self, within_ns: int) -> list[Hang]:
        """Return the interrupts that never end; nobody sees loops between synchronization points."""
        del within_ns
        return [hang for core in self.cores.values() if core.runs_firmware for hang in core.hangs()]

    # Time

    @property
    def now_ns(self) -> int:
        """The virtual time in nanoseconds; between steps it is that of a synchronization point."""
        return self.clock.time_ns

    def _advance(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        """Let time pass, up to the synchronization point at or after ``ns``."""
        until = self.now_ns + ns
        while True:
            prints_into_memory = [core for core in self.cores.values() if core.console_ways.are_in_memory]
            left = until - self.now_ns
            step = min(left, _CONSOLE_NS) if prints_into_memory else left
            done = self.stepper.run(
                max(step, 0), satisfied, [core for core in self.cores.values() if core.is_played]
            )
            for core in prints_into_memory:
                core.console_ways.poll(self.now_ns)
            if done or step == left:
                return done

    @property
    def is_held(self) -> bool:
        """True while the lockstep holds the emulation: nobody else may let time pass."""
        return self.stepper.is_active

    def let_go(self) -> None:
        """Let the emulation go and pause it, for whoever else wants to let time pass; the next run holds it again.

        Up to 10 ms of virtual time pass.

        Raises:
            EngineError: the machine is closed or runs.
        """
        self.check_open()
        if self._runs:
            raise EngineError("the machine runs; let it go after run_until has returned")
        self.stepper.dispose()

    @property
    def is_driven(self) -> bool:
        """True if time has to pass through this machine: it was run, or Python plays a core."""
        return self.stepper.is_active or any(core.is_played for core in self.cores.values())

    # What somebody else did

    def command(self, line: str) -> str:
        """Run commands that let no time pass, with ``;`` between them, and return what they print."""
        raise NotImplementedError

    def write_to_uart(self, name: str, data: bytes) -> None:
        """Send bytes to a UART by its name in the platform file; they are received at once.

        Raises:
            EngineError: Python plays the core whose console it is, or the machine is closed.
        """
        core = next((each.name for each in self.soc.cores.values() if each.uart == name), None)
        if core is not None:
            self.core(core).console.write(data, through="uart")
            return
        self.check_open()
        for byte in data:
            self.command(f"{name} WriteChar 0x{byte:02X}")

    def loaded_files(self) -> list[str]:
        """Return the paths of the files that Renode has loaded, the last one last; none where it does not tell."""
        raise NotImplementedError

    def catch_up(self) -> None:
        """Take over the time and the events of what somebody else let run, where they do not come with the next run."""

    def attach_cores(self) -> None:
        """Take over the cores as somebody else left them."""
        for core, told in self._ask_cores():
            core.attach(told)
        self._recognize_images()

    def look_at_cores(self, *, loaded: bool) -> None:
        """Take over what somebody else did to cores that Python does not play, perhaps ``loaded`` files, too."""
        for core, told in self._ask_cores():
            loaded = core.look_at(told) or loaded
        if loaded:
            self._recognize_images()

    def _ask_cores(self) -> Iterator[tuple[CoreT, CoreState]]:
        cores = {
            core: state_questions(self.soc.cores[name])
            for name, core in self.cores.items()
            if not core.is_played
        }
        commands = list(chain(*cores.values()))
        printed = self.command("; ".join(commands)) if commands else ""
        answers = [line.strip() for line in printed.splitlines() if line.strip()]
        if len(answers) != len(commands):
            raise EngineError(
                f"`{'; '.join(commands)}` printed {len(answers)} lines instead of {len(commands)}: {printed[:80]!r}"
            )
        left = iter(answers)
        for core, questions in cores.items():
            yield core, read_state(list(islice(left, len(questions))))

    def _recognize_images(self) -> None:
        files = self.loaded_files()
        for core in self.cores.values():
            core.recognize(files)

    # What happened

    def _follow_timeline(self) -> None:
        """Let what cores spend their time with be written down while somebody listens to it."""
        is_followed = [False]

        def look(_: bool) -> None:
            wanted = any(self.events.wants(kind) for kind in TIMELINE)
            if wanted != is_followed[0] and not self._closed:
                is_followed[0] = wanted
                self._want_timeline(wanted)

        for kind in TIMELINE:
            self.events.when_wanted(kind, look)

    def _want_timeline(self, wanted: bool) -> None:
        """Begin or end to write down what cores spend their time with."""
        raise NotImplementedError

    def _stop_commands(self) -> StopCommands:
        """Return how stops of firmware are put; EngineError where they cannot be."""
        raise NotImplementedError

    def emit(self, kind: EventKind, core: int, a: int = 0, b: int = 0) -> None:
        """Put an event into the stream, behind what happened before it. Nothing is told once the machine closes."""
        if not self._closed:
            self.events.emit(self.clock.time_ns, kind, core, a, b)

    def _take_doorbells(self, records: Iterable[Record]) -> None:
        if self._closed:  # time goes on while it closes, and regions do not wait for who follows them
            return
        emit, mailboxes = self.events.emit, self._mailboxes
        for record in records:
            time_ns, kind, source, value = record
            if kind in _TIMELINE:
                event, a = _TIMELINE[kind]
                if source < len(self.cores):
                    self.events.tell_at(time_ns, event, source, value if a is None else a)
                continue
            if kind in (CORE_HELD, CORE_RELEASED, CORE_RESTARTED):
                self._take_power(time_ns, kind)
                continue
            if kind in TROUBLES:
                self._take_trouble(record)
                continue
            if kind == RESET_REQUESTED:
                self._take_reset_request(time_ns, source)
                continue
            core = mailboxes[source]
            if kind == TASK:
                emit(time_ns, EventKind.DOORBELL, core.index, value)
            elif kind == LINE_ROSE and core.port is not None:
                number = core.port.interrupts.get(value, core.port.interrupt)
                emit(time_ns, EventKind.INTERRUPT, core.index, number)
                self.stepper.line_rose(self.cores[core.name], number, time_ns)

    def _take_trouble(self, record: Record) -> None:
        core = next((core for core in self.cores.values() if core.index == record.source & 0xF), None)
        if core is None:
            return
        event = core.troubles.take(record)
        if event is not None:
            kind, exception, pc = event
            self.events.emit(record.time_ns, kind, core.index, exception, pc)

    def _take_power(self, time_ns: int, kind: int) -> None:
        for core in self.cores.values():
            if not core.is_held_by_another:
                continue
            if kind == CORE_HELD:
                core.was_held(time_ns)
            elif kind == CORE_RELEASED:
                core.was_released(time_ns)
            else:
                core.was_restarted(time_ns)

    def _take_reset_request(self, time_ns: int, source: int) -> None:
        asking = list(self.cores.values())[source]
        asking.asked_for_reset(time_ns)
        for core in self.cores.values():
            if core is not asking and core.is_held_by_another:  # FORCEOFF is 1 after its holder's reset
                core.asked_for_hold(time_ns)

    def _take_console(self, records: Iterable[Record]) -> None:
        if self._closed:
            return
        for time_ns, _, source, value in records:
            (uart, core), byte = self._printing[source], bytes((value & 0xFF,))
            self.uarts[uart].feed(byte, time_ns)
            if core is not None:
                self.cores[core].console.feed(byte, time_ns, uart)

    # The end

    def close(self) -> None:
        """Free everything. May be called twice.

        Raises:
            EngineError: the machine runs.
        """
        if self._closed:
            return
        if self._runs:
            raise EngineError(
                "close is not possible while the machine runs; do it after run_until has returned"
            )
        self._closed = True
        self._close()

    def _close(self) -> None:
        raise NotImplementedError
