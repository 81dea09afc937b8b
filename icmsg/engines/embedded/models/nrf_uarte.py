"""The nRF5340's UARTE as a console.

The nRF54's UARTE as a console: the newer layout, whose end can stop it by a shortcut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.console_uarte import ConsoleUarte, ReceiverNames, UarteNames
from icmsg.hw.model import on_write
from icmsg.hw.nrf54_peripherals import FRAME_TIMEOUT, UARTE54L
from icmsg.hw.uart_layout import UARTE

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


_DPPI_ENABLE: Final = 1 << 31
_SENDS: Final = UarteNames("TXD_PTR", "TXD_MAXCNT", "TXD_AMOUNT", "TXSTARTED", "ENDTX")
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


_END_STOPS: Final = 1 << 18
_PAUSE_STOPS: Final = 1 << 29
_SENDS_54: Final = UarteNames("DMA_TX_PTR", "DMA_TX_MAXCNT", "DMA_TX_AMOUNT", "DMA_TX_READY", "DMA_TX_END")
_RECEIVES_54: Final = ReceiverNames(
    "DMA_RX_PTR",
    "DMA_RX_MAXCNT",
    "DMA_RX_AMOUNT",
    "DMA_RX_READY",
    "DMA_RX_END",
    end_starts=1 << 5,
    end_stops=1 << 6,
)


class Nrf54lUarteModel(ConsoleUarte):
    """UARTE, owned by the core of ``slot``; of its shortcuts it has all but those of DMA_RX_MATCH."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(UARTE54L, slot, base=base, names=_SENDS_54, receives=_RECEIVES_54)
        self._timed_out = self.event_bit("FRAMETIMEOUT")

    @on_write("TASKS_DMA_TX_START")
    def _start(self, _index: int, value: int) -> None:
        if self.start_sending(value) and self.peek("SHORTS") & _END_STOPS:
            self.stop_sending()

    @on_write("TASKS_DMA_TX_STOP")
    def _stop(self, _index: int, value: int) -> None:
        self.stop_sending(value)

    @on_write("TASKS_DMA_RX_START")
    def _start_receiver(self, _index: int, value: int) -> None:
        self.receiver.start(value)

    @on_write("TASKS_DMA_RX_STOP")
    def _stop_receiver(self, _index: int, value: int) -> None:
        self.receiver.stop(value)

    @on_write("TASKS_FLUSHRX")
    def _flush_receiver(self, _index: int, value: int) -> None:
        self.receiver.flush(value)

    def _pause_bits(self) -> int:
        return self.peek("FRAMETIMEOUT") if self.peek("CONFIG") & FRAME_TIMEOUT else 0

    def _paused(self) -> None:
        self.generate(self._timed_out)
        if self.peek("SHORTS") & _PAUSE_STOPS:
            self.receiver.stop()
