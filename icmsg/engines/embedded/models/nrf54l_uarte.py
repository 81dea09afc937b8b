"""The nRF54's UARTE as a console: the newer layout, whose end can stop it by a shortcut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.console_uarte import ConsoleUarte, UarteNames
from icmsg.hw.model import on_write
from icmsg.hw.nrf54l_uarte import UARTE54L

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_END_STOPS: Final = 1 << 18
_NAMES: Final = UarteNames(
    "DMA_TX_PTR", "DMA_TX_MAXCNT", "DMA_TX_AMOUNT", "DMA_TX_READY", "DMA_TX_END", "DMA_RX_READY"
)


class Nrf54lUarteModel(ConsoleUarte):
    """UARTE, owned by the core of ``slot``; of its shortcuts it has that of DMA_TX_END to DMA_TX_STOP."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(UARTE54L, slot, base=base, names=_NAMES)

    @on_write("TASKS_DMA_TX_START")
    def _start(self, _index: int, value: int) -> None:
        if self.start_sending(value) and self.peek("SHORTS") & _END_STOPS:
            self.stop_sending()

    @on_write("TASKS_DMA_TX_STOP")
    def _stop(self, _index: int, value: int) -> None:
        self.stop_sending(value)

    @on_write("TASKS_DMA_RX_START")
    def _start_receiver(self, _index: int, value: int) -> None:
        self.start_receiving(value)

    @on_write("TASKS_DMA_RX_STOP")
    def _stop_receiver(self, _index: int, value: int) -> None:
        self.stop_receiving(value)
