"""Port of the nRF5340's GPIO: outputs that can be looked at; nothing drives the inputs but their pulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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

    @on_read("IN")
    def _levels(self, _index: int) -> int:
        outputs = self.peek("DIR")
        pulled = sum(
            1 << pin
            for pin, config in enumerate(self.words[self._first_pin : self._first_pin + PINS])
            if config & _PULL_UP == _PULL_UP
        )
        return self.peek("OUT") & outputs | pulled & ~outputs

    @on_write("DIR")
    def _set_directions(self, _index: int, value: int) -> None:
        for pin in range(PINS):
            config = self.words[self._first_pin + pin] & ~_OUTPUT
            self.words[self._first_pin + pin] = config | value >> pin & 1

    @on_write("PIN_CNF")
    def _configure(self, pin: int, value: int) -> None:
        directions = self.peek("DIR") & ~(1 << pin)
        self.poke("DIR", directions | (value & _OUTPUT) << pin)
