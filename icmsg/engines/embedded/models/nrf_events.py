"""Events of the nRF peripherals, the base of their models; and PPI and EGU of the nRF52, which pass events on.

An event stays latched until software writes 0; the line is high while a latched event is enabled in INTEN
(nRF5340 PS, "Peripheral interface").
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError
from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, on_write
from icmsg.hw.nrf52_peripherals import EGU, EGU_CHANNELS, PPI, PPI_CHANNELS, PPI_FIXED
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


_DEEPEST: Final = 8
_ROUND_US: Final = 1


class NrfPpiModel(RegisterModel):
    """PPI of the core of ``slot``: each event of a peripheral there may start two tasks, at once.

    Where tasks and events go round in circles, every eighth waits a microsecond, so that time passes.
    """

    irq: Line | None = None

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(PPI, base=base, core=slot.name)
        self._slot: Final = slot
        self._fixed: Final[dict[int, list[int]]] = {}
        for number, (event, _) in enumerate(PPI_FIXED, PPI_CHANNELS):
            self._fixed.setdefault(event, []).append(number)
        self._channels: dict[int, list[int]] = self._fixed
        """Channels by the address of their event."""
        self._depth = 0
        slot.on_event = self._happened

    def reset(self) -> None:
        """Reset the registers: no channel is enabled, and those of firmware have no end points."""
        super().reset()
        self._channels = self._fixed

    @on_write("CH_EEP")
    def _connect(self, _index: int, _value: int) -> None:
        found = {event: list(numbers) for event, numbers in self._fixed.items()}
        for number in range(PPI_CHANNELS):
            if event := self.peek("CH_EEP", number):
                found.setdefault(event, []).append(number)
        self._channels = found

    @on_write("TASKS_CHG_EN")
    def _enable_group(self, index: int, value: int) -> None:
        if value & 1:
            self.poke("CHEN", self.peek("CHEN") | self.peek("CHG", index))

    @on_write("TASKS_CHG_DIS")
    def _disable_group(self, index: int, value: int) -> None:
        if value & 1:
            self.poke("CHEN", self.peek("CHEN") & ~self.peek("CHG", index))

    def _happened(self, event: int) -> None:
        """Start what an event at an address is connected to."""
        for number in self._channels.get(event, ()):
            if self.peek("CHEN") >> number & 1:
                task = (
                    self.peek("CH_TEP", number)
                    if number < PPI_CHANNELS
                    else PPI_FIXED[number - PPI_CHANNELS][1]
                )
                for target in (task, self.peek("FORK_TEP", number)):
                    if target:
                        self._start(target)

    def _start(self, task: int) -> None:
        if self._depth >= _DEEPEST:
            self._slot.after_us(_ROUND_US, partial(self._start, task))
            return
        self._depth += 1
        try:
            with suppress(BusError):  # nothing is there: nothing happens
                self._slot.bus.write32(task, 1)
        finally:
            self._depth -= 1


class NrfEguModel(EventModel):
    """EGU of the core of ``slot``, which makes events for the PPI."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(EGU, slot, base=base)
        self._triggered: Final = [self.event_bit("TRIGGERED", index) for index in range(EGU_CHANNELS)]

    @on_write("TASKS_TRIGGER")
    def _trigger(self, index: int, value: int) -> None:
        if value & 1:
            self.generate(self._triggered[index])
