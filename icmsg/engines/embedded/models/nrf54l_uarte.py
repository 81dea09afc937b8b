"""The nRF54's UARTE as a console: the newer layout, whose end can stop it by a shortcut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.console_uarte import ConsoleUarte, UarteNames
from icmsg.engines.embedded.models.uarte_receiver import ReceiverNames
from icmsg.hw.model import on_write
from icmsg.hw.nrf54_peripherals import FRAME_TIMEOUT, UARTE54L

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_END_STOPS: Final = 1 << 18
_PAUSE_STOPS: Final = 1 << 29
_SENDS: Final = UarteNames(
    "TASKS_DMA_TX_START", "DMA_TX_PTR", "DMA_TX_MAXCNT", "DMA_TX_AMOUNT", "DMA_TX_READY", "DMA_TX_END"
)
_RECEIVES: Final = ReceiverNames(
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
        super().__init__(UARTE54L, slot, base=base, names=_SENDS, receives=_RECEIVES)
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
