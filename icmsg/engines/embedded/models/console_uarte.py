"""Base of the UARTEs as a console: sends by EasyDMA, at once, and receives at the baud rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.models.event_model import EventModel
from icmsg.engines.embedded.models.uarte_receiver import ReceiverNames, UarteReceiver
from icmsg.errors import BusError
from icmsg.hw.model import on_write
from icmsg.hw.nrf_uarte import ENABLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock
    from icmsg.machine.console import ConsoleSink


class UarteNames(NamedTuple):
    """Names of the registers and events that layouts of a UARTE call differently; ``task`` starts sending."""

    task: str
    pointer: str
    size: str
    amount: str
    started: str
    ended: str


class ConsoleUarte(EventModel):
    """UARTE, owned by the core of ``slot``, whose memory it uses and whose console it is."""

    def __init__(
        self, block: RegisterBlock, slot: Slot, *, base: int, names: UarteNames, receives: ReceiverNames
    ) -> None:
        super().__init__(block, slot, base=base)
        self._names = names
        self._started, self._ended, self._stopped = (
            self.event_bit(name) for name in (names.started, names.ended, "TXSTOPPED")
        )
        self.warn: Callable[[str, int, str], None] = lambda _what, _offset, _why: None
        """Called with read or write, offset and reason, where firmware uses what is off."""
        self.sinks: Final[list[ConsoleSink]] = []
        """Called with all bytes that are sent, and their virtual time."""
        self.receiver: Final = UarteReceiver(
            self, slot, receives, pause_bits=self._pause_bits, paused=self._paused
        )

    def reset(self) -> None:
        """Reset the registers and the receiver."""
        super().reset()
        self.receiver.reset()

    @property
    def baud_rate(self) -> int:
        """Bits a second, rounded."""
        ticks, per = self.receiver.bit_ticks
        return round(self._slot.ticks_per_second * per / ticks)

    def _pause_bits(self) -> int:
        """Return how many bits without a byte make :meth:`_paused`; 0 where nothing does."""
        return 0

    def _paused(self) -> None:
        """Do what follows from a pause in reception."""

    @on_write("ENABLE")
    def _switch(self, _index: int, value: int) -> None:
        if value != ENABLED:
            self.receiver.switch_off()

    def start_sending(self, value: int) -> bool:
        """Send everything, by the task that starts it; return whether that happened."""
        names = self._names
        if not value & 1:
            return False
        if self.peek("ENABLE") != ENABLED:
            self.warn(
                "write",
                self.block.offset(names.task),
                f"which is off: nothing is sent; set ENABLE to {ENABLED}",
            )
            return False
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
        time_ns = self._slot.print(data, self)
        for sink in self.sinks:
            sink(data, time_ns)
        self.poke(names.amount, count)
        self.generate(self._started)
        self.generate(self._ended)
        return True

    def stop_sending(self, value: int = 1) -> None:
        """Stop the transmitter, by its task."""
        if value & 1:
            self.generate(self._stopped)
