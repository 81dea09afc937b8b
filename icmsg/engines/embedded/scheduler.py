"""Scheduler of the cores: one virtual time over all of them, and firmware that hangs for good.

Scheduler of the cores: one virtual time over all of them and everything Python does.

The rules that make a run repeatable, whatever steps the caller takes:

* The core that is furthest behind runs next, and never more than one quantum ahead of another core that runs.
  While cores signal each other the quantum is a tight one, so that an answer is not seen before its question.
* An action of Python (an interrupt handler, a timer) runs at its tick, when every core has come that far; no core
  runs past it.
* A caller's time limit shortens no slice: a core that runs may get one quantum ahead of the caller as well. (Where
  an instruction of an IT block is the last one of a slice, the emulator does not say whether it was executed; the
  count may be off by one there, so where slices end must not depend on the caller.)

Firmware that hangs for good, recognised from the state of the cores between slices.

An interrupt storm is a handler that is entered again at each of its returns, so that no other code runs any more. A
core is stuck when it comes back to the same few register states over and over while memory stays as it is, no event
happens, the other cores sleep or are stuck as well, and nothing is due before long: then nothing will ever change.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.machine.machine import STORM_TIMES, Hang, storm_of
from icmsg.timers import NEVER, RUNAWAY, Action, ScheduledTimer, Timers, runaway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.processor import Processor
    from icmsg.machine.interruption import HeldSignals


_TIGHT_US: Final = 1
_TIGHT_FOR_US: Final = 100
"""The quantum is tight for this long after a signal from core to core."""
_SLICE_LIMIT_US: Final = 10_000
"""A slice holds the interpreter lock, so it must end now and then for the sake of Ctrl-C, whatever the quantum."""


class Scheduler:
    """Runs the cores in ``cores`` and the actions in ``timers``; times are ticks."""

    def __init__(self, *, ticks_per_us: int, quantum: int) -> None:
        self.cores: list[Processor] = []
        self.timers: Final = Timers()
        self.soon: Final[deque[Action]] = deque()
        self.now = 0
        """Every core has run at least this far."""
        self._ticks_per_us: Final = ticks_per_us
        self._tight_for = _TIGHT_FOR_US * ticks_per_us
        self._tight_until = 0
        self.set_quantum(quantum)
        self._counted = self._counted_at = 0
        self._current: Processor | None = None
        self._attended: Processor | None = None
        self._held: HeldSignals | None = None
        self._left: Processor | None = None  # the core whose slice was left at a stop
        self._is_told = False  # whether that stop was told
        self._stood = 0  # the exact tick of the last stop at which a run ended
        self._runs = False
        self.between: Callable[[], None] | None = None
        """Called between slices and actions, as often as ``satisfied`` is asked; nothing runs until it returns."""
        self.stopped: Callable[[Processor], None] = _ignore
        """Called with a core that has left its slice at a stop; what runs here is at that core's exact tick."""

    def set_quantum(self, quantum: int) -> None:
        """Let no core get further ahead than ``quantum`` ticks; not while one runs."""
        self.quantum = quantum
        self._tight = min(quantum, _TIGHT_US * self._ticks_per_us)
        self._slice_limit = min(quantum, _SLICE_LIMIT_US * self._ticks_per_us)

    def time(self) -> int:
        """Return the tick of what runs: exact in a core's peripheral access, else :attr:`now`.

        Between two runs it is never before a stop at which one ended, of whose core it is the exact tick.
        """
        current = self._current
        if current is not None:
            return current.now()
        return self.now if self._runs else max(self.now, self._stood)

    def at(self, time: int, action: Action) -> ScheduledTimer:
        """Run ``action`` at tick ``time``, when every core has come that far."""
        current = self._current
        if current is not None:
            current.limit(time)
        return self.timers.at(time, action)

    def at_core(self, core: Processor, time: int, action: Action) -> None:
        """Run ``action`` when ``core`` has come to tick ``time``; a sleeping core is looked at then."""
        core.timers.at(time, action)
        current = self._current
        if current is core:
            core.limit(time)
        elif current is not None:
            self._tight_until = time + self._tight_for
            current.limit(time + self._tight)

    def call_soon(self, action: Action) -> None:
        """Run ``action`` behind the Python step that runs, or behind the access that runs, at the same tick."""
        if self._current is None:
            self.soon.append(action)
        else:
            self.at(self._current.now(), action)

    @property
    def in_slice(self) -> str | None:
        """The name of the core that is in the middle of an instruction, if one is."""
        current = self._current
        return current.name if current is not None and current.running else None

    def attend(self, core: Processor) -> None:
        """An exception of ``core`` may have become takeable: look at it now, or directly after its instruction."""
        if core.running:
            core.look()
        elif core.asleep and core is not self._attended:
            self.at_core(core, self.time(), _nothing)

    def drain(self) -> None:
        """Run what was put off to the end of a Python step, first in, first out."""
        soon = self.soon
        while soon:
            self._count()
            soon.popleft()()

    def run(
        self, until: int, satisfied: Callable[[], bool] | None = None, held: HeldSignals | None = None
    ) -> bool:
        """Run to tick ``until``, or until ``satisfied``; return whether it was.

        ``satisfied`` is asked at first, and after every slice and every action. There the signals that are ``held``
        are released: everything is as if the caller had asked for no more time.

        Raises:
            CoreFault: a core was reset whose image cannot start.
        """
        self._runs = True
        try:
            return self._run(until, satisfied, held)
        finally:
            self._runs = False

    def _run(self, until: int, satisfied: Callable[[], bool] | None, held: HeldSignals | None) -> bool:
        self.drain()
        self._held = held
        if self._left is not None:
            self._finish_slice(self._left)
        pending = held.pending if held is not None else None
        while satisfied is None or not satisfied():
            if self.between is not None:
                self.between()  # first: it does not wait where a signal does
            if pending and held is not None:
                held.release()
            core, ready = self._furthest_behind()
            action = self.timers.next
            if action <= ready:
                if action > until:
                    break
                self.now = action if action > self.now else self.now
                self._count()
                self.timers.run_due(action)
                self.drain()
            elif ready >= until or core is None:
                break
            else:
                if ready > self.now:
                    self.now = ready
                self._run_core(core, ready, action)
        else:
            return True
        if until > self.now:
            self.now = until
        return satisfied is not None and satisfied()

    @property
    def is_interrupted(self) -> bool:
        """True if a signal waits for the end of what runs."""
        return self._held is not None and bool(self._held.pending)

    def _count(self) -> None:
        """Count an action of Python; so many of them at one tick never end."""
        if self._counted_at != self.now:
            self._counted, self._counted_at = 0, self.now
        self._counted += 1
        if self._counted > RUNAWAY:
            self._counted = 0
            raise runaway()

    def _furthest_behind(self) -> tuple[Processor | None, int]:
        chosen, earliest = None, NEVER
        for core in self.cores:
            ready = core.timers.next if core.asleep else core.time
            if ready < earliest:
                chosen, earliest = core, ready
        return chosen, earliest

    def _run_core(self, core: Processor, ready: int, action: int) -> None:
        """Let what is due at tick ``ready`` reach ``core``, and run it unless it sleeps on."""
        was_asleep = core.asleep
        if was_asleep:
            core.wake(ready)
        if core.timers.next <= core.time:
            self._attended = core
            try:
                core.timers.run_due(core.time)
            finally:
                self._attended = None
        nvic = core.nvic
        if core.asleep or nvic.pending & nvic.enabled:
            core.take_interrupts()
        if core.asleep:
            return
        if was_asleep and core.slept is not None:
            core.slept(False)
        # The core is the one furthest behind, so a quantum from here is no more than that from any other one.
        horizon = min(core.timers.next, action, core.time + self._slice_limit)
        if core.time < self._tight_until:
            for other in self.cores:
                if other is not core:
                    ready = other.timers.next if other.asleep else other.time
                    horizon = min(horizon, ready + self._tight)
        self._current = core
        try:
            core.run_to(horizon)
        finally:
            self._current = None
        if core.stop is not None:
            self._is_told = False
            self._finish_slice(core)
        else:
            self._ended(core)

    def _finish_slice(self, core: Processor) -> None:
        """Run the rest of a slice that was left at a stop; when an exception ends that, it goes on in the next run."""
        self._left, self._current = core, core
        stood = self._stood
        try:
            while core.stop is not None and core in self.cores:
                if not self._is_told:
                    self._is_told = True
                    stood = core.now()
                    self.stopped(core)
                if self.between is not None:
                    self.between()
                if core in self.cores:
                    self._is_told = False
                    core.go_on()
            self._left = None
        finally:
            self._current = None
            if self._left is not None:
                self._stood = stood
        self._ended(core)

    @staticmethod
    def _ended(core: Processor) -> None:
        """Tell who listens that a slice of ``core`` has ended."""
        if core.asleep and core.slept is not None:
            core.slept(True)
        if core.after_slice is not None:
            core.after_slice()


def _ignore(_core: Processor) -> None:
    """Do nothing: nobody asked for a stop."""


def _nothing() -> None:
    """Do nothing: being looked at is all that is wanted."""


_FEW: Final = STORM_TIMES // 10
"""Number of events above which something happens meanwhile: a peer that rings fast is no storm."""
_SAMPLES: Final = 48
_STATES: Final = 32
"""Different register states among the samples, at most; a loop has as many as instructions."""
_SAMPLED_NS: Final = 20_000_000
"""Virtual time between samples, at least: a counter that firmware waits for moves on meanwhile."""


class HangGuard:
    """Looks at a machine whenever it is asked."""

    def __init__(self, machine: EmbeddedMachine) -> None:
        self._machine = machine
        self._states: dict[str, set[tuple[int, ...]]] = {}
        self._pcs: dict[str, set[int]] = {}
        self._samples = 0
        self._events = -1
        self._memory = 0
        self._since_ns = 0

    def hangs(self, within_ns: int) -> list[Hang]:
        """Return the cores that hang for good, as :meth:`EmbeddedMachine.hangs`."""
        return [*self._storms(), *self._stuck(within_ns)]

    def _storms(self) -> Iterator[Hang]:
        for core in self._machine.cores.values():
            firmware = core.firmware
            if firmware is None or core.is_halted:
                continue
            storm = firmware.storm
            if storm.times >= STORM_TIMES and self._machine.events.count - storm.events < max(
                _FEW, storm.times // 10
            ):
                times = storm.times // STORM_TIMES * STORM_TIMES
                yield storm_of(core, storm.name, storm.interrupt, storm.handler, times)

    def _stuck(self, within_ns: int) -> list[Hang]:
        machine = self._machine
        running = [
            core
            for core in machine.cores.values()
            if core.firmware is not None and not core.is_halted and not core.firmware.asleep
        ]
        if not running or self._is_due(within_ns) or machine.events.count != self._events:
            self._restart()
            return []
        if not self._samples:
            self._memory, self._since_ns = self._checksum(), machine.now_ns
        self._samples += 1
        for core in running:
            states = self._states.setdefault(core.name, set())
            states.add(tuple(core.registers.values()))
            self._pcs.setdefault(core.name, set()).add(core.registers["PC"])
            if len(states) > _STATES:
                self._restart()
                return []
        if self._samples < _SAMPLES or machine.now_ns - self._since_ns < _SAMPLED_NS:
            return []
        if self._checksum() != self._memory:
            self._restart()
            return []
        return [Hang(core.name, self._words(core), is_storm=False) for core in running]

    def _words(self, core: MachineCore) -> str:
        pc = core.registers["PC"]
        place = core.locate(pc).partition("+")[0]
        polled = sorted(set(self._polled(core)))
        what = (
            f"polls {' and '.join(polled)}, which never changes" if polled else "is in a loop that never ends"
        )
        return (
            f"busy loop: core {core.name} {what} (PC 0x{pc:08X}, {place}): it changes nothing, "
            "and nobody else has anything to do"
        )

    def _polled(self, core: MachineCore) -> Iterator[str]:
        """Yield the peripheral registers that the loop reads."""
        if core.firmware is not None:
            for address in core.firmware.polled(self._pcs[core.name], core.bus):
                yield f"0x{address:08X}{self._peripheral(address)}"

    def _peripheral(self, address: int) -> str:
        for item in self._machine.description:
            for place in item.registrations:
                if place.address is not None and place.address <= address < place.address + (
                    place.size or 0x1000
                ):
                    return f" ({item.name}+0x{address - place.address:X})"
        return ""

    def _is_due(self, within_ns: int) -> bool:
        machine = self._machine
        limit = machine.now_ns + within_ns
        lines = [
            machine.timers,
            *(core.firmware.timers for core in machine.cores.values() if core.firmware),
        ]
        return any(machine.when_ns(line.next) < limit for line in lines)

    def _checksum(self) -> int:
        value = 0
        for memory in self._machine.memories.values():
            value = zlib.crc32(memory.bytes, value)
        return value

    def _restart(self) -> None:
        self._states.clear()
        self._pcs.clear()
        self._samples = 0
        self._events = self._machine.events.count
