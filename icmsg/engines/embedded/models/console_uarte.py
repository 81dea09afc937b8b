"""Base of the UARTEs as a console: sends by EasyDMA, at once; receives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.errors import BusError
from icmsg.hw.nrf_uarte import ENABLED

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock


class UarteNames(NamedTuple):
    """Names of the registers and events that layouts of a UARTE call differently."""

    pointer: str
    size: str
    amount: str
    started: str
    ended: str
    receiving: str


class ConsoleUarte(EventModel):
    """UARTE, owned by the core of ``slot``, whose memory it reads and whose console it is."""

    def __init__(self, block: RegisterBlock, slot: Slot, *, base: int, names: UarteNames) -> None:
        super().__init__(block, slot, base=base)
        self._names = names
        self._started, self._ended, self._stopped, self._receiving, self._received = (
            self.event_bit(name)
            for name in (names.started, names.ended, "TXSTOPPED", names.receiving, "RXTO")
        )

    def start_sending(self, value: int) -> bool:
        """Send everything, by the task that starts it; return whether that happened."""
        if not value & 1 or self.peek("ENABLE") != ENABLED:
            return False
        names = self._names
        count = self.peek(names.size) & 0xFFFF
        try:
            data = self._slot.bus.read_block(self.peek(names.pointer), count)
        except BusError as error:
            raise BusError(
                f"EasyDMA cannot read {count} byte(s): {error.reason}",
                address=error.address,
                width=error.width,
                core=self.core,
            ) from None
        self._slot.print(data)
        self.poke(names.amount, count)
        self.generate(self._started)
        self.generate(self._ended)
        return True

    def stop_sending(self, value: int = 1) -> None:
        """Stop the transmitter, by its task."""
        if value & 1:
            self.generate(self._stopped)

    def start_receiving(self, value: int) -> None:
        """Start the receiver, by its task; nothing comes."""
        if value & 1 and self.peek("ENABLE") == ENABLED:
            self.generate(self._receiving)

    def stop_receiving(self, value: int) -> None:
        """Stop the receiver, by its task."""
        if value & 1:
            self.generate(self._received)
