"""The nRF5340's UARTE as a console: sends by EasyDMA, at once; receives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.models.event_model import EventModel
from icmsg.errors import BusError
from icmsg.hw.model import on_write
from icmsg.hw.nrf_uarte import ENABLED, UARTE

if TYPE_CHECKING:
    from icmsg.cosim.embedded.slot import Slot

_DPPI_ENABLE: Final = 1 << 31


class NrfUarteModel(EventModel):
    """One UARTE, owned by the core of ``slot``, whose memory it reads.

    Of the DPPI it knows one connection, that of its own ENDTX to its own STOPTX by a common channel, because
    Zephyr's driver waits for what follows from it (TXSTOPPED); the channel counts as enabled.
    """

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(UARTE, slot, base=base)
        self._started, self._ended, self._stopped = (
            self.event_bit(name) for name in ("TXSTARTED", "ENDTX", "TXSTOPPED")
        )

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
        self.generate(self._started)
        self.generate(self._ended)
        published = self.peek("PUBLISH_ENDTX")
        if published & _DPPI_ENABLE and published == self.peek("SUBSCRIBE_STOPTX"):
            self.generate(self._stopped)

    @on_write("TASKS_STOPTX")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self.generate(self._stopped)

    @on_write("TASKS_STARTRX")
    def _start_receiver(self, _index: int, value: int) -> None:
        if value & 1 and self.peek("ENABLE") == ENABLED:
            self.generate(self.event_bit("RXSTARTED"))

    @on_write("TASKS_STOPRX")
    def _stop_receiver(self, _index: int, value: int) -> None:
        if value & 1:
            self.generate(self.event_bit("RXTO"))
