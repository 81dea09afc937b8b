"""Interrupts in the Monitor: lines that are driven from outside, exceptions that are made pending, levels.

Levels of numbered outputs, as the models in ``renode/`` have them that a core from outside looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, INT32, STRING, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.hw.line import Line


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
    """Inputs of the interrupt controller of the core that the engine calls ``core``."""

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
    """Exceptions of a core with an NVIC."""

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
    """Outputs of these ``numbers``; ``is_high(number)`` is the level of one."""

    def __init__(self, numbers: Container[int], is_high: Callable[[int], bool]) -> None:
        self._numbers: Final = numbers
        self._is_high: Final = is_high

    @exposed(BOOL, number=INT32)
    def is_output_set(self, number: int) -> bool:
        """Return whether an output is high."""
        if number not in self._numbers:
            raise MonitorError(f"The given key '{number}' was not present in the dictionary.")
        return self._is_high(number)
