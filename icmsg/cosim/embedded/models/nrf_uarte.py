"""The nRF5340's UARTE as a console: sends by EasyDMA, at once; receives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.line import Line
from icmsg.errors import BusError
from icmsg.hw.model import RegisterModel, on_write
from icmsg.hw.nrf_uarte import ENABLED, UARTE

if TYPE_CHECKING:
    from icmsg.cosim.embedded.slot import Slot


class NrfUarteModel(RegisterModel):
    """One UARTE, owned by the core of ``slot``, whose memory it reads."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(UARTE, base=base, core=slot.name)
        self.irq: Final = Line()
        self._slot = slot
        self._bits = {
            name: UARTE.encode("INTEN", **{name: 1}) for name in ("TXSTARTED", "ENDTX", "TXSTOPPED")
        }
        self._latched = 0

    def reset(self) -> None:
        """Reset the registers; the line falls."""
        super().reset()
        self._latched = 0
        self._update()

    @on_write("TASKS_STARTTX")
    def _start(self, _index: int, value: int) -> None:
        if not value & 1 or self.peek("ENABLE") != ENABLED:
            return
        count = self.peek("TXD_MAXCNT") & 0xFFFF
        try:
            data = self._slot.bus.read_block(self.peek("TXD_PTR"), count)
        except BusError as error:
            raise BusError(
                f"EasyDMA cannot read {count} byte(s): {error.reason}",
                address=error.address,
                width=error.width,
                core=self.core,
            ) from None
        self._slot.print(data)
        self.poke("TXD_AMOUNT", count)
        for event in ("TXSTARTED", "ENDTX"):
            self._generate(event)

    @on_write("TASKS_STOPTX")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._generate("TXSTOPPED")

    def _generate(self, event: str) -> None:
        self.poke(f"EVENTS_{event}", 1)
        self._latched |= self._bits[event]
        self._update()

    @on_write("EVENTS_TXSTARTED")
    def _set_txstarted(self, _index: int, value: int) -> None:
        self._set("TXSTARTED", value)

    @on_write("EVENTS_ENDTX")
    def _set_endtx(self, _index: int, value: int) -> None:
        self._set("ENDTX", value)

    @on_write("EVENTS_TXSTOPPED")
    def _set_txstopped(self, _index: int, value: int) -> None:
        self._set("TXSTOPPED", value)

    def _set(self, event: str, value: int) -> None:
        if value & 1:
            self._latched |= self._bits[event]
        else:
            self._latched &= ~self._bits[event]
        self._update()

    @on_write("INTEN")
    def _enable(self, _index: int, _value: int) -> None:
        self._update()

    def _update(self) -> None:
        self.irq.set(bool(self._latched & self.peek("INTEN")))
