"""State of one interrupt in the NVIC of a Cortex-M; reading it changes nothing (Armv8-M ARM, B11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus

_ISER: Final = 0xE000_E100
_ISPR: Final = 0xE000_E200
_IABR: Final = 0xE000_E300
_IPR: Final = 0xE000_E400


@dataclass(frozen=True, slots=True)
class InterruptState:
    """One external interrupt; ``priority`` as in NVIC_IPR, smaller is more urgent."""

    number: int
    enabled: bool
    pending: bool
    active: bool
    priority: int


def read_interrupt(bus: Bus, number: int) -> InterruptState:
    """Return the state of external interrupt ``number``; BusError where the bus does not reach the controller."""
    word, bit = 4 * (number // 32), number % 32
    enabled, pending, active = (bus.read32(base + word) >> bit & 1 for base in (_ISER, _ISPR, _IABR))
    priority = bus.read32(_IPR + (number & ~3)) >> 8 * (number & 3) & 0xFF
    return InterruptState(number, bool(enabled), bool(pending), bool(active), priority)


def enabled_interrupts(bus: Bus, count: int = 64) -> list[int]:
    """Return the enabled ones of the first ``count`` external interrupts."""
    words = [bus.read32(_ISER + 4 * index) for index in range(count // 32)]
    return [number for number in range(count) if words[number // 32] >> number % 32 & 1]
