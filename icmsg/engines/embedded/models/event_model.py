"""Base of the nRF peripherals: events that latch, the interrupt line that follows them, and what they start elsewhere.

An event stays latched until software writes 0; the line is high while a latched event is enabled in INTEN
(nRF5340 PS, "Peripheral interface").
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, on_write
from icmsg.hw.nrf_peripherals import EVENTS_BASE
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock

_PREFIX: Final = "EVENTS_"


class EventModel(RegisterModel):
    """A peripheral of the core in ``slot`` whose table has EVENTS_x and INTEN."""

    def __init__(self, block: RegisterBlock, slot: Slot, *, base: int) -> None:
        super().__init__(block, base=base, core=slot.name)
        self.irq: Final = Line()
        self._slot = slot
        self._latched = 0
        self._inten = self.slot("INTEN")
        for offset in block.once(_events, lambda: _events(block)):
            self._writes[offset] = partial(self._write_event, offset // WORD, _bit(offset))

    def reset(self) -> None:
        """Reset the registers; the line falls."""
        super().reset()
        self._latched = 0
        self._drive()

    def event_bit(self, name: str, index: int = 0) -> int:
        """Return the bit of one event in INTEN, as a mask; what :meth:`generate` takes."""
        return _bit(self.block.offset(f"{_PREFIX}{name}", index))

    def generate(self, event: int) -> None:
        """Latch the event with this bit, and start what it is connected to."""
        word = EVENTS_BASE // WORD + event.bit_length() - 1
        self.words[word] = 1
        self._latched |= event
        self._drive()
        if self._slot.on_event is not None:
            self._slot.on_event(self.base + word * WORD)

    def _write_event(self, word: int, event: int, value: int) -> None:
        self.words[word] = value = value & 1
        self._latched = self._latched | event if value else self._latched & ~event
        self._drive()

    @on_write("INTEN")
    def _enable_interrupts(self, _index: int, _value: int) -> None:
        self._drive()

    def _drive(self) -> None:
        self.irq.set(bool(self._latched & self.words[self._inten]))


def _events(block: RegisterBlock) -> list[int]:
    """Return the offsets of the events."""
    return [offset for offset, register, _ in block.elements() if register.name.startswith(_PREFIX)]


def _bit(offset: int) -> int:
    return 1 << (offset - EVENTS_BASE) // WORD
