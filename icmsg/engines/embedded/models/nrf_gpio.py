"""Port of Nordic's GPIO: outputs drive what is on their pins; inputs have what drives them, or their pulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf_peripherals import GPIO, PINS

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_OUTPUT: Final = 1
_PULL_UP: Final = 0b11 << 2


class NrfGpioModel(RegisterModel):
    """Port as the core of ``slot`` sees it; the other core has registers of its own for the same pins."""

    irq: Final = None

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(GPIO, base=base, core=slot.name)
        self._first_pin = self.slot("PIN_CNF")
        self.pins: Final = {pin: Line() for pin in range(PINS)}
        """The pins as this core drives them; one that becomes an input keeps its level here, as in Renode."""
        self._driven = self._inputs = 0

    def set_input(self, pin: int, level: bool) -> None:
        """Drive a pin from outside, from now on."""
        self._driven |= 1 << pin
        self._inputs = self._inputs & ~(1 << pin) | level << pin

    def reset(self) -> None:
        """Reset the registers; what drives pins from outside goes on with it."""
        super().reset()
        for line in self.pins.values():
            line.set(False)

    @on_read("IN")
    def _levels(self, _index: int) -> int:
        outputs = self.peek("DIR")
        pulled = sum(
            1 << pin
            for pin, config in enumerate(self.words[self._first_pin : self._first_pin + PINS])
            if config & _PULL_UP == _PULL_UP
        )
        inputs = self._inputs & self._driven | pulled & ~self._driven
        return self.peek("OUT") & outputs | inputs & ~outputs

    @on_write("OUT")
    def _drive(self, _index: int, value: int) -> None:
        outputs = self.peek("DIR")
        for pin, line in self.pins.items():
            if outputs >> pin & 1:
                line.set(bool(value >> pin & 1))

    @on_write("DIR")
    def _set_directions(self, _index: int, value: int) -> None:
        for pin in range(PINS):
            config = self.words[self._first_pin + pin] & ~_OUTPUT
            self.words[self._first_pin + pin] = config | value >> pin & 1
        self._drive(0, self.peek("OUT"))

    @on_write("PIN_CNF")
    def _configure(self, pin: int, value: int) -> None:
        directions = self.peek("DIR") & ~(1 << pin)
        self.poke("DIR", directions | (value & _OUTPUT) << pin)
        self._drive(0, self.peek("OUT"))
