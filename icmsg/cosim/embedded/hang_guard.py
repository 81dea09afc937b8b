"""Firmware that hangs for good, recognised from the state of the cores between slices.

An interrupt storm is a handler that is entered again at each of its returns, so that no other code runs any more. A core
is stuck when it comes back to the same few register states over and over while memory stays as it is, no event happens,
the other cores sleep or are stuck as well, and nothing is due before long: then nothing will ever change.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.embedded.machine import EmbeddedMachine
    from icmsg.cosim.embedded.machine_core import MachineCore

STORM: Final = 20_000
"""A handler that was entered so often without any other code between is a storm."""
_FEW: Final = STORM // 10
"""With more events than this meanwhile something happens: a peer that rings fast is no storm."""
_SAMPLES: Final = 48
_STATES: Final = 32
"""Different register states among the samples, at most; a loop has as many as instructions."""
_SAMPLED_NS: Final = 20_000_000
"""Of virtual time, at least: a counter that firmware waits for moves on meanwhile."""
_FAR_NS: Final = 4_000_000_000
"""What is due later than this is after every wait of an exchange."""


class HangGuard:
    """Looks at a machine whenever it is asked."""

    def __init__(self, machine: EmbeddedMachine) -> None:
        self._machine = machine
        self._states: dict[str, set[tuple[int, ...]]] = {}
        self._samples = 0
        self._events = -1
        self._memory = 0
        self._since_ns = 0

    def hangs(self) -> list[str]:
        """Return a line for each core that hangs for good."""
        return [*self._storms(), *self._stuck()]

    def _storms(self) -> Iterator[str]:
        for core in self._machine.cores.values():
            firmware = core.firmware
            if firmware is None or core.is_halted:
                continue
            number, times, events = firmware.storm
            if times >= STORM and self._machine.events.count - events < max(_FEW, times // 10):
                what = f"interrupt {number - 16}" if number >= 16 else f"exception {number}"
                vector = core.bus.read32(core.vector_table + 4 * number)
                handler = core.locate(vector & ~1).partition("+")[0]
                yield (
                    f"interrupt storm: core {core.name} took {what} more than {times // STORM * STORM} times in a row "
                    f"in {handler}: its handler returns without clearing what causes it"
                )

    def _stuck(self) -> list[str]:
        machine = self._machine
        running = [
            core
            for core in machine.cores.values()
            if core.firmware is not None and not core.is_halted and not core.firmware.asleep
        ]
        if not running or self._due_soon() or machine.events.count != self._events:
            self._restart()
            return []
        if not self._samples:
            self._memory, self._since_ns = self._checksum(), machine.now_ns
        self._samples += 1
        for core in running:
            states = self._states.setdefault(core.name, set())
            states.add(tuple(core.registers.values()))
            if len(states) > _STATES:
                self._restart()
                return []
        if self._samples < _SAMPLES or machine.now_ns - self._since_ns < _SAMPLED_NS:
            return []
        if self._checksum() != self._memory:
            self._restart()
            return []
        return [self._words(core) for core in running]

    def _words(self, core: MachineCore) -> str:
        pc = core.registers["PC"]
        place = core.locate(pc).partition("+")[0]
        return (
            f"core {core.name} loops at PC 0x{pc:08X} ({place}) and waits for what never changes: it writes nothing, "
            "and nobody else runs or has anything to do"
        )

    def _due_soon(self) -> bool:
        machine = self._machine
        limit = machine.now_ns + _FAR_NS
        lines = [
            machine.timeline,
            *(core.firmware.timeline for core in machine.cores.values() if core.firmware),
        ]
        return any(machine.when_ns(line.next) < limit for line in lines)

    def _checksum(self) -> int:
        value = 0
        for memory in self._machine.memories.values():
            value = zlib.crc32(memory.bytes, value)
        return value

    def _restart(self) -> None:
        self._states.clear()
        self._samples = 0
        self._events = self._machine.events.count
