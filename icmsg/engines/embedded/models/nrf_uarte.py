"""The nRF5340's UARTE as a console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.console_uarte import ConsoleUarte, UarteNames
from icmsg.engines.embedded.models.uarte_receiver import ReceiverNames
from icmsg.hw.model import on_write
from icmsg.hw.nrf_uarte import UARTE

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_DPPI_ENABLE: Final = 1 << 31
_SENDS: Final = UarteNames("TASKS_STARTTX", "TXD_PTR", "TXD_MAXCNT", "TXD_AMOUNT", "TXSTARTED", "ENDTX")
_RECEIVES: Final = ReceiverNames(
    "RXD_PTR", "RXD_MAXCNT", "RXD_AMOUNT", "RXSTARTED", "ENDRX", end_starts=1 << 5, end_stops=1 << 6
)


class NrfUarteModel(ConsoleUarte):
    """UARTE, owned by the core of ``slot``.

    Of the DPPI it knows one connection, that of its own ENDTX to its own STOPTX by a common channel, because
    Zephyr's driver waits for what follows from it (TXSTOPPED); the channel counts as enabled.
    """

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(UARTE, slot, base=base, names=_SENDS, receives=_RECEIVES)

    @on_write("TASKS_STARTTX")
    def _start(self, _index: int, value: int) -> None:
        published = self.peek("PUBLISH_ENDTX")
        connected = published & _DPPI_ENABLE and published == self.peek("SUBSCRIBE_STOPTX")
        if self.start_sending(value) and connected:
            self.stop_sending()

    @on_write("TASKS_STOPTX")
    def _stop(self, _index: int, value: int) -> None:
        self.stop_sending(value)

    @on_write("TASKS_STARTRX")
    def _start_receiver(self, _index: int, value: int) -> None:
        self.receiver.start(value)

    @on_write("TASKS_STOPRX")
    def _stop_receiver(self, _index: int, value: int) -> None:
        self.receiver.stop(value)

    @on_write("TASKS_FLUSHRX")
    def _flush_receiver(self, _index: int, value: int) -> None:
        self.receiver.flush(value)
