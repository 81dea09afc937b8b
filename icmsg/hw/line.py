"""Interrupt on its way: the line from a peripheral to controllers, and its state there, which reading leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus


Input = Callable[[int, bool], None]
"""(interrupt number, level)"""


class Line:
    """Edge-filtered level; several inputs may listen (``->`` with ``|`` in the platform file).

    With ``edge`` an interrupt controller latches it where it rises, and only there: one that stays high does not
    interrupt again.
    """

    __slots__ = ("_inputs", "edge", "level")

    def __init__(self, *, edge: bool = False) -> None:
        self._inputs: tuple[tuple[Input, int], ...] = ()
        self.edge = edge
        self.level = False

    def connect(self, receiver: Input, number: int) -> None:
        """Drive input ``number`` of ``receiver`` too."""
        self._inputs = (*self._inputs, (receiver, number))

    def set(self, level: bool) -> None:
        """Drive the line; nothing happens when it already has this level."""
        if level is not self.level:
            self.level = level
            for receiver, number in self._inputs:
                receiver(number, level)


_ISER: Final = 0xE000_E100
_ISPR: Final = 0xE000_E200
_IABR: Final = 0xE000_E300
_IPR: Final = 0xE000_E400
_CLICINT: Final = 0xF000_1000
_FIRST: Final = range(64)
"""The interrupts of a Cortex-M among which enabled ones are looked for: those of the smallest SoCs."""
_TASKS: Final = range(32)
"""VEVIF tasks of a VPR."""


@dataclass(frozen=True, slots=True)
class InterruptState:
    """External interrupt of ``controller``; ``active`` where that says so, else False."""

    controller: str
    number: int
    enabled: bool
    pending: bool
    active: bool
    priority: int
    """Urgency as the controller has it: in an NVIC the smaller one is more urgent, in a CLIC the larger one."""


def read_nvic(bus: Bus, number: int) -> InterruptState:
    """Return the state of an interrupt of a Cortex-M; BusError where the bus reaches no NVIC (Armv8-M ARM, B11)."""
    word, bit = 4 * (number // 32), number % 32
    enabled, pending, active = (bus.read32(base + word) >> bit & 1 for base in (_ISER, _ISPR, _IABR))
    priority = bus.read32(_IPR + (number & ~3)) >> 8 * (number & 3) & 0xFF
    return InterruptState("NVIC", number, bool(enabled), bool(pending), bool(active), priority)


def read_clic(bus: Bus, number: int) -> InterruptState:
    """Return the state of an interrupt of a VPR; BusError where the bus reaches no CLIC (MDK, CLICINT)."""
    value = bus.read32(_CLICINT + 4 * number)
    return InterruptState("CLIC", number, bool(value >> 8 & 1), bool(value & 1), False, value >> 24)


def enabled_in_nvic(bus: Bus) -> list[int]:
    """Return the enabled ones of the first interrupts of a Cortex-M."""
    words = [bus.read32(_ISER + index // 8) for index in _FIRST[::32]]
    return [number for number in _FIRST if words[number // 32] >> number % 32 & 1]


def enabled_in_clic(bus: Bus) -> list[int]:
    """Return the enabled ones of the first interrupts of a VPR."""
    return [number for number in _TASKS if read_clic(bus, number).enabled]
