"""Members of peripherals in the Monitor that every one has: registers, or RAM and flash, by offset, and lines.

``ipcapp ReadDoubleWord 0x510``, ``shared ReadDoubleWord 0``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, MonitorError
from icmsg.hw.exposed import BOOL, BYTES, INT32, INT64, STRING, UINT8, UINT16, UINT32, UINT64, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.memory import Memory
    from icmsg.engines.embedded.memory_groups import MemoryPart
    from icmsg.hw.line import Line
    from icmsg.hw.model import IoModel, WideModel

_NOTHING_THERE: Final = (BusError, IndexError, struct.error)
"""Errors that the models raise where they have no register or byte."""


class RegisterAccess:
    """A peripheral's registers; what nothing answers is 0 and a line in the log, as in Renode."""

    def __init__(self, model: IoModel, warn: Callable[[str], None]) -> None:
        self._model: Final = model
        self._warn = warn

    @exposed(UINT8, offset=INT64)
    def read_byte(self, offset: int) -> int:
        """Read 8 bits."""
        return self._read(self._model.read8, offset)

    @exposed(UINT16, offset=INT64)
    def read_word(self, offset: int) -> int:
        """Read 16 bits."""
        return self._read(self._model.read16, offset)

    @exposed(UINT32, offset=INT64)
    def read_double_word(self, offset: int) -> int:
        """Read 32 bits."""
        return self._read(self._model.read32, offset)

    @exposed(VOID, offset=INT64, value=UINT8)
    def write_byte(self, offset: int, value: int) -> None:
        """Write 8 bits."""
        self._write(self._model.write8, offset, value)

    @exposed(VOID, offset=INT64, value=UINT16)
    def write_word(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self._write(self._model.write16, offset, value)

    @exposed(VOID, offset=INT64, value=UINT32)
    def write_double_word(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self._write(self._model.write32, offset, value)

    @exposed(VOID)
    def reset(self) -> None:
        """Put every register into its reset state."""
        self._model.reset()

    def _read(self, read: Callable[[int], int], offset: int) -> int:
        try:
            return read(_checked(offset))
        except _NOTHING_THERE:
            self._warn(f"Unhandled read from offset 0x{offset & 0xFFFFFFFF:X}.")
            return 0

    def _write(self, write: Callable[[int, int], None], offset: int, value: int) -> None:
        try:
            write(_checked(offset), value)
        except _NOTHING_THERE:
            self._warn(f"Unhandled write to offset 0x{offset & 0xFFFFFFFF:X}, value 0x{value:X}.")


def _checked(offset: int) -> int:
    if offset < 0:
        raise IndexError(offset)
    return offset


class WideRegisterAccess(RegisterAccess):
    """Registers of a peripheral that takes accesses of 64 bits, too."""

    def __init__(self, model: WideModel, warn: Callable[[str], None]) -> None:
        super().__init__(model, warn)
        self._wide: Final = model

    @exposed(UINT64, offset=INT64)
    def read_quad_word(self, offset: int) -> int:
        """Read 64 bits."""
        return self._read(self._wide.read64, offset)

    @exposed(VOID, offset=INT64, value=UINT64)
    def write_quad_word(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        self._write(self._wide.write64, offset, value)


class NvicRegisters(RegisterAccess):
    """The NVIC of a core."""

    def __init__(self, core: MachineCore, warn: Callable[[str], None]) -> None:
        super().__init__(core.system_control, warn)
        self._core: Final = core

    @exposed(VOID)
    def reset(self) -> None:
        """Disable and forget all interrupts; where a line is high, its interrupt pends again."""
        self._core.reset_interrupts()


class MemoryBlock:
    """The peripheral that :class:`RegisterAccess` reads, over a memory; ``changed`` is told what was written."""

    def __init__(self, memory: Memory | MemoryPart, changed: Callable[[int, int], None]) -> None:
        self._memory: Final = memory
        self._changed = changed

    @exposed(BYTES, offset=INT64, count=INT32)
    def read_bytes(self, offset: int, count: int) -> bytes:
        """Read a block."""
        return self._part(offset, count).tobytes()

    @exposed(VOID, offset=INT64, value=BYTES)
    def write_bytes(self, offset: int, value: bytes) -> None:
        """Write a block."""
        self._part(offset, len(value))[:] = value
        self._changed(offset, len(value))

    @exposed(VOID)
    def zero_all(self) -> None:
        """Write zeros everywhere."""
        self.write_bytes(0, bytes(self._memory.size))

    @property
    @exposed(INT64)
    def size(self) -> int:
        """The size in bytes."""
        return self._memory.size

    @property
    @exposed(INT32)
    def segment_count(self) -> int:
        """The number of blocks of host memory."""
        return 1

    @property
    @exposed(UINT32)
    def segment_size(self) -> int:
        """The size of one of them in bytes."""
        return self._memory.size

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._number(offset, 1)

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return self._number(offset, 2)

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return self._number(offset, 4)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        self.write_bytes(offset, value.to_bytes(1, "little"))

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self.write_bytes(offset, value.to_bytes(2, "little"))

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self.write_bytes(offset, value.to_bytes(4, "little"))

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return self._number(offset, 8)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        self.write_bytes(offset, value.to_bytes(8, "little"))

    def reset(self) -> None:
        """Keep the contents."""

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self._part(offset, size), "little")

    def _part(self, offset: int, size: int) -> memoryview:
        if offset < 0 or size < 0 or offset + size > self._memory.size:
            raise BusError(f"{self._memory.name} ends before", address=max(offset, 0), width=8 * size)
        return self._memory.bytes[offset : offset + size]


_FIRST: Final = 16
"""Number of the first exception that is an external interrupt (Armv8-M)."""
_SET_PENDING: Final = 0x200
"""Offset of NVIC_ISPR0 in the system control space."""
_CONTROL_AND_STATE: Final = 0xD04
"""Offset of ICSR there."""
_SYSTEM: Final = {2: 1 << 31, 14: 1 << 28, 15: 1 << 26}
"""Bits of ICSR that set NMI, PendSV and SysTick pending."""
_INTERRUPTS: Final = 480
"""External interrupts that an NVIC has at most."""


class InterruptLines:
    """Inputs of the interrupt controller of the core that the engine calls ``core``, driven from outside."""

    def __init__(self, machine: EmbeddedMachine, core: str) -> None:
        self._machine: Final = machine
        self._core: Final = core

    @exposed(VOID, name="OnGPIO", number=INT32, value=BOOL)
    def on_gpio(self, number: int, value: bool) -> None:
        """Drive the line of an external interrupt, until its peripheral or somebody else drives it."""
        if not 0 <= number < _INTERRUPTS:
            raise MonitorError(f"there is no external interrupt {number}")
        self._machine.set_line(self._core, number, value)


class PendingExceptions:
    """Exceptions of a core with an NVIC that are made pending."""

    def __init__(self, core: MachineCore) -> None:
        self._core: Final = core

    @exposed(VOID, name="SetPendingIRQ", number=INT32)
    def set_pending(self, number: int) -> None:
        """Make an exception pending by its number: external interrupts begin at 16."""
        control = self._core.system_control
        interrupt = number - _FIRST
        if 0 <= interrupt < _INTERRUPTS:
            control.write32(_SET_PENDING + 4 * (interrupt // 32), 1 << interrupt % 32)
        elif number in _SYSTEM:
            control.write32(_CONTROL_AND_STATE, _SYSTEM[number])
        else:
            raise MonitorError(
                f"exception {number} cannot be made pending: use 2 (NMI), 14 (PendSV), 15 (SysTick), or 16 and more "
                "for external interrupts"
            )


class OutputLevel:
    """Level of the interrupt line of a peripheral that has one."""

    def __init__(self, line: Line) -> None:
        self._line: Final = line

    @property
    @exposed(STRING, name="IRQ")
    def irq(self) -> str:
        """The level, as Renode prints it."""
        return f"GPIO: {'set' if self._line.level else 'unset'}"


class NumberedOutputs:
    """Outputs of these ``numbers``, as the models in ``renode/`` have them that a core from outside looks at.

    ``is_high(number)`` is the level of one.
    """

    def __init__(self, numbers: Container[int], is_high: Callable[[int], bool]) -> None:
        self._numbers: Final = numbers
        self._is_high: Final = is_high

    @exposed(BOOL, number=INT32)
    def is_output_set(self, number: int) -> bool:
        """Return whether an output is high."""
        if number not in self._numbers:
            raise MonitorError(f"The given key '{number}' was not present in the dictionary.")
        return self._is_high(number)
