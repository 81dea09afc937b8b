"""Base of Nordic's UARTEs as a console: sending by EasyDMA, and the receiver.

Base of the UARTEs as a console: sends by EasyDMA, at once, and receives at the baud rate.

Receiver of the UARTEs: bytes come at the baud rate into a FIFO, and EasyDMA takes them to memory.

What happens at a start, an end, a stop and a flush follows the product specification ("UARTE", reception): each start
latches address and size; ENDRX comes when the buffer is full, or before the RXTO of a stop; what came too late for a
stop stays in the FIFO until it is flushed, or the receiver is started again. A flush of an empty FIFO leaves AMOUNT
as it was, which Zephyr's driver expects.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.clocks import Alarm
from icmsg.engines.embedded.models.nrf_events import EventModel
from icmsg.errors import BusError
from icmsg.hw.model import on_write
from icmsg.hw.uart_layout import BAUD_HZ, ENABLED, FIFO_BYTES, FLOW_CONTROL, OVERRUN, PARITY, TWO_STOP_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock
    from icmsg.machine.console import ConsoleSink


class ReceiverNames(NamedTuple):
    """Names of the registers and events that layouts of a UARTE call differently, and shortcuts of the end by bit."""

    pointer: str
    size: str
    amount: str
    started: str
    ended: str
    end_starts: int
    end_stops: int


class UarteReceiver:
    """The receiving half of the UARTE ``model``, whose core is that of ``slot``.

    ``missed(count)`` is told of bytes that nobody took; ``paused()`` where a byte came and then none for as long as
    ``pause_bits()`` says.
    """

    def __init__(
        self,
        model: EventModel,
        slot: Slot,
        names: ReceiverNames,
        *,
        pause_bits: Callable[[], int],
        paused: Callable[[], None],
    ) -> None:
        self._model: Final = model
        self._slot: Final = slot
        self._names: Final = names
        self._started, self._ended, self._ready, self._stopped, self._error = (
            model.event_bit(name) for name in (names.started, names.ended, "RXDRDY", "RXTO", "ERROR")
        )
        self._line: Final[deque[int]] = deque()  # bytes on their way
        self._fifo: Final[deque[int]] = deque()
        self._arrival: Final = Alarm(slot, self._arrive)
        self._pause_bits: Final = pause_bits
        self._pause: Final = Alarm(slot, paused)
        self._due = 0  # the tick at which the next byte has come
        self._waits = False  # the sender waits, since the FIFO is full
        self._on = self._fills = False
        self._at = self._size = self._amount = 0
        self.missed: Callable[[int], None] = slot.missed

    @property
    def is_on(self) -> bool:
        """True from the start of the receiver to its stop."""
        return self._on and self._is_enabled

    @property
    def bit_ticks(self) -> tuple[int, int]:
        """The duration of a bit in ticks, as a fraction."""
        cycles = (1 << 32) // max(self._model.peek("BAUDRATE"), 1)
        return self._slot.ticks_per_second * cycles, BAUD_HZ

    def reset(self) -> None:
        """Stop at once and forget what was received; bytes on their way go on coming."""
        self.switch_off()
        self._arrival.reset()
        self._waits = False
        if self._line:
            self._expect(self._slot.now())

    # The line

    def write(self, data: bytes) -> None:
        """Send bytes to the receiver: one after the other, the first one from now on."""
        idle = not self._line
        self._line.extend(data)
        if idle and self._line:
            self._expect(self._slot.now())

    def _expect(self, start: int) -> None:
        config = self._model.peek("CONFIG")
        bits = 10 + bool(config & PARITY) + bool(config & TWO_STOP_BITS)
        ticks, per = self.bit_ticks
        self._due = start - (-bits * ticks // per)
        self._arrival.set(self._due)

    def _arrive(self) -> None:
        if self.is_on and len(self._fifo) >= FIFO_BYTES and self._model.peek("CONFIG") & FLOW_CONTROL:
            self._waits = True
            return
        byte = self._line.popleft()
        if self._line:
            self._expect(self._due)
        if not self.is_on:
            self.missed(1)
        elif len(self._fifo) >= FIFO_BYTES:
            self._model.poke("ERRORSRC", self._model.peek("ERRORSRC") | OVERRUN)
            self._model.generate(self._error)
            self.missed(1)
        else:
            self._fifo.append(byte)
            self._model.generate(self._ready)
            self._fill()
            self._watch_for_pause()

    def _watch_for_pause(self) -> None:
        if (bits := self._pause_bits()) > 0:
            ticks, per = self.bit_ticks
            self._pause.set(self._slot.now() - (-bits * ticks // per))

    # Tasks

    def start(self, value: int = 1) -> None:
        """Begin to fill the buffer that the registers say, by the task.

        Raises:
            BusError: it does not lie in one memory.
        """
        if not value & 1 or not self._is_enabled:
            return
        model, names = self._model, self._names
        self._latch()
        self._on = True
        model.generate(self._started)
        if self._size:
            self._fills = True
            self._fill()
        else:
            model.poke(names.amount, 0)
            model.generate(self._ended)

    def stop(self, value: int = 1) -> None:
        """End what is being filled, and the receiver, unless a shortcut starts it again; by the task."""
        if not value & 1:
            return
        self._pause.cancel()
        if self._fills:
            self._end()
        if not self._fills:
            self._on = False
            self._model.generate(self._stopped)

    def flush(self, value: int = 1) -> None:
        """Take what is left in the FIFO to the buffer that the registers say, by the task.

        Raises:
            BusError: it does not lie in one memory.
        """
        if not value & 1 or not self._is_enabled:
            return
        if self._fifo:
            self._latch()
            self._model.generate(self._started)
            while self._fifo and self._amount < self._size:
                self._take()
            self._model.poke(self._names.amount, self._amount)
            self._send_on()
        self._model.generate(self._ended)

    def switch_off(self) -> None:
        """Stop without an event, as ENABLE does it."""
        self._on = self._fills = False
        self._fifo.clear()
        self._pause.reset()
        self._send_on()

    # Filling

    @property
    def _is_enabled(self) -> bool:
        return self._model.peek("ENABLE") == ENABLED

    def _latch(self) -> None:
        at = self._model.peek(self._names.pointer)
        size = self._model.peek(self._names.size) & 0xFFFF
        space = self._slot.space
        first, last = (space.memory_at(where) for where in (at, at + max(size, 1) - 1))
        if size and (first is None or first is not last):
            raise BusError(
                f"EasyDMA cannot write {size} byte(s): they do not lie in one memory; correct {self._names.pointer}",
                address=at,
                width=8,
                core=self._slot.name,
            )
        self._at, self._size, self._amount = at, size, 0

    def _take(self) -> None:
        self._slot.bus.write8(self._at + self._amount, self._fifo.popleft())
        self._amount += 1

    def _fill(self) -> None:
        while self._fifo and self._fills:
            self._take()
            if self._amount == self._size:
                self._end()
        self._send_on()

    def _end(self) -> None:
        model = self._model
        self._fills = False
        model.poke(self._names.amount, self._amount)
        model.generate(self._ended)
        shorts = model.peek("SHORTS")
        if shorts & self._names.end_starts:
            self.start()
        elif shorts & self._names.end_stops:
            self.stop()

    def _send_on(self) -> None:
        """Let the sender go on that waits, if there is room."""
        if self._waits and len(self._fifo) < FIFO_BYTES:
            self._waits = False
            self._due = self._slot.now()
            self._arrival.set(self._due)


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
