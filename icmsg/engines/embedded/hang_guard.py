"""Firmware that hangs for good, recognised from the state of the cores between slices.

An interrupt storm is a handler that is entered again at each of its returns, so that no other code runs any more. A
core is stuck when it comes back to the same few register states over and over while memory stays as it is, no event
happens, the other cores sleep or are stuck as well, and nothing is due before long: then nothing will ever change.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from icmsg.machine.fault_causes import STORM_TIMES, storm_of
from icmsg.machine.machine import Hang

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore

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
