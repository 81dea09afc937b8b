"""UARTs of layouts that are data (:mod:`icmsg.hw.uart_layout`), and the UARTEs of the nRF5340 and of the nRF54."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.models.console_uarte import ConsoleUarte, ReceiverNames, UarteNames
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel, on_write
from icmsg.hw.nrf54_peripherals import FRAME_TIMEOUT, UARTE54L
from icmsg.hw.registers import WORD
from icmsg.hw.uart_layout import UARTE, Bits, Some, UartLayout, UartState, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.uart_layout import Live, Term
    from icmsg.machine.console import ConsoleSink

_USUAL_BAUD_RATE: Final = 115_200
_MASK: Final = 0xFFFF_FFFF
_SET, _CLEAR, _TOGGLE = 1, 2, 3
_NOTHING_PENDING: Final = 0x01
_DATA_PENDING: Final = 0x04
_ROOM_PENDING: Final = 0x02


class UartModel(SizedModel):
    """UART with the registers of ``layout``; ``clock_hz`` is its clock. It sends at once, and receives into a queue.

    ``show`` takes what it sends, for the console of its core, and who sends it; it returns the virtual time in
    nanoseconds.

    What it receives is there at once: nothing is lost, and no baud rate slows it down, as in Renode.
    """

    def __init__(
        self, layout: UartLayout, show: Callable[[bytes, object], int], *, clock_hz: int = 0
    ) -> None:
        self._layout: Final = layout
        self._show: Final = show
        self._clock_hz: Final = clock_hz
        self._words: dict[int, int] = dict(layout.resets)
        self._bank: dict[int, int] = {}
        self._queue: Final[deque[int]] = deque()
        self._held: int | None = None
        self._live: Final[dict[int, list[Live]]] = {}
        for each in layout.live:
            self._live.setdefault(each.bits.offset, []).append(each)
        self.warn: Callable[[str, int, str], None] = lambda _what, _offset, _why: None
        """Called with read or write, offset and reason, where firmware uses what is off."""
        self.sinks: Final[list[ConsoleSink]] = []
        """Called with all bytes that are sent, and their virtual time."""
        self.missed: Callable[[int], None] = lambda _count: None
        """Told how many bytes came while the receiver was off."""
        self.named: Final[Mapping[str | int, Line]] = {
            output: Line() for output in (*(each.output for each in layout.interrupts), *layout.quiet)
        }
        """Interrupt lines by the name or number of the output."""
        self._drive()

    @property
    def irq(self) -> Line:
        """The interrupt line; the first one where there are several."""
        return next(iter(self.named.values()))

    @property
    def receiver(self) -> UartModel:
        """Receiver of the bytes that are sent to firmware: the UART itself."""
        return self

    @property
    def is_on(self) -> bool:
        """True while firmware has the receiver on."""
        return self._hold(self._layout.receives_if)

    @property
    def baud_rate(self) -> int:
        """Bits a second, as far as it is known; else the usual ones."""
        divisor = self._layout.divisor
        value = 0 if divisor is None else self._words.get(divisor[0], 0)
        return _USUAL_BAUD_RATE if divisor is None or not value else self._clock_hz * divisor[1] // value

    def reset(self) -> None:
        """Put all registers into their reset state; what was received is lost."""
        self._words = dict(self._layout.resets)
        self._bank.clear()
        self._queue.clear()
        self._held = None
        self._drive()

    def write(self, data: bytes) -> None:
        """Send bytes to firmware; where the receiver is off they are missed."""
        for byte in data:
            if self.is_on:
                self._queue.append(byte)
                self._set(self._layout.received)
            else:
                self.missed(1)
        self._drive()

    # The bus

    def _read(self, offset: int, _size: int) -> int:
        """Read a register, from the byte ``offset`` on."""
        register, within = self._register(offset % (self._layout.windows or _MASK))
        if self._is_elsewhere("read", register):
            return 0
        if self._is_banked(register):
            return self._bank.get(register, 0) >> within
        if register in self._layout.receive and not within and self._queue:
            return self._take()
        if register == self._layout.identifies:
            return self._identification() >> within
        return self._value(register) >> within

    def _write(self, offset: int, size: int, value: int) -> None:
        """Write a register, or a part of it."""
        layout = self._layout
        window, offset = divmod(offset, layout.windows or _MASK)
        register, within = self._register(offset)
        if self._is_elsewhere("write", register):
            return
        if self._is_banked(register):
            self._bank[register] = value
            return
        if register in layout.transmit and not within:
            self._transmit(register, value & 0xFF)
            return
        old = self._words.get(register, 0)
        value = self._written(register, old, value << within, (1 << 8 * size) - 1 << within, window)
        self._store(register, value & _MASK, old)
        self._act(register, value)
        self._drive(pulse=self._words.get(register, 0) != old)

    def _written(self, register: int, old: int, value: int, mask: int, window: int) -> int:
        """Return what a register gets where ``value`` is written to the bits ``mask`` of it, through a window."""
        if window == _SET:
            return old | value
        if window == _CLEAR:
            return old & ~value
        if window == _TOGGLE:
            return old ^ value
        return value if register in (*self._layout.sets, *self._layout.clears) else value | old & ~mask

    def _act(self, register: int, value: int) -> None:
        """Do what follows from bits that were written."""
        layout = self._layout
        for command in layout.commands:
            if command.bits.offset == register and value & command.bits.mask == command.bits.mask:
                self._set(command.sets)
                self._clear(command.clears)
        if any(each.offset == register and value & each.mask for each in layout.flushes):
            self._queue.clear()
            self._clear(layout.emptied)
        if self._held is not None and self._hold(layout.transmits_if):
            held, self._held = self._held, None
            self._transmit(register, held)

    def _is_elsewhere(self, what: str, register: int) -> bool:
        """Return whether the block is no UART now, and the register one of the UART."""
        mode = self._layout.mode
        if mode is None or register >= self._layout.shared_from or self._holds(mode):
            return False
        selected = self._words.get(mode.offset, 0) & mode.mask
        result = "it reads 0" if what == "read" else "nothing happens"
        self.warn(
            what,
            register,
            f"which is no UART: the register at offset 0x{mode.offset:X} selects mode {selected}, a UART is "
            f"{mode.value}; {result}",
        )
        return True

    def _register(self, offset: int) -> tuple[int, int]:
        """Return the register in which a byte lies, and the number of the byte's first bit in it."""
        if self._layout.exact:
            return offset, 0
        return offset & -WORD, 8 * (offset % WORD)

    def _is_banked(self, register: int) -> bool:
        banked = self._layout.banked
        return banked is not None and register in self._layout.banked_offsets and self._hold((banked,))

    def _store(self, register: int, value: int, old: int) -> None:
        layout, words = self._layout, self._words
        if layout.lock is not None and register == layout.lock.offset and old & layout.lock.mask:
            return
        if (target := layout.sets.get(register)) is not None:
            words[target] = words.get(target, 0) | value
        elif (target := layout.clears.get(register)) is not None:
            words[target] = words.get(target, 0) & ~value
        elif register in layout.zero_clears:
            words[register] = old & value
        elif register not in layout.constant:
            words[register] = value

    # What happens

    def _transmit(self, register: int, byte: int) -> None:
        layout = self._layout
        if not self._hold(layout.transmits_if):
            if layout.holds and self._held is None:
                self._held, lot = byte, "waits"
                self._drive()
            else:
                lot = "is lost"
            self.warn("write", register, f"whose transmitter is off: the byte {lot}; set {layout.switch}")
            return
        if not self._hold(layout.needs):
            why = "whose transmitter is off: Renode sends the byte nevertheless, the SoC does not"
            self.warn("write", register, f"{why}; set {layout.switch}")
        data = bytes((byte,))
        time_ns = self._show(data, self)
        for sink in self.sinks:
            sink(data, time_ns)
        self._set(layout.sent)
        self._drive()

    def _take(self) -> int:
        byte = self._queue.popleft()
        if self._queue:
            self._set(self._layout.received)
        else:
            self._clear(self._layout.emptied)
        self._drive()
        return byte

    def _set(self, bits: Iterable[Bits]) -> None:
        for offset, mask in bits:
            self._words[offset] = self._words.get(offset, 0) | mask

    def _clear(self, bits: Iterable[Bits]) -> None:
        for offset, mask in bits:
            self._words[offset] = self._words.get(offset, 0) & ~mask

    def _value(self, register: int) -> int:
        layout = self._layout
        value = self._words.get(layout.clears.get(register, register), 0)
        live = self._live.get(register, ())
        for bits, _ in live:
            value &= ~bits.mask
        for bits, terms in live:
            if self._hold(terms):
                value |= bits.mask
        for offset, first, width in layout.counts:
            if offset == register:
                value |= min(len(self._queue), (1 << width) - 1) << first
        return value

    def _identification(self) -> int:
        """Return IIR of a 16550: what it was received for counts more than room for another byte."""
        for interrupt, number in zip(self._layout.interrupts, (_DATA_PENDING, _ROOM_PENDING), strict=True):
            if self._hold(interrupt.terms):
                return number
        return _NOTHING_PENDING

    def _hold(self, terms: Iterable[Term]) -> bool:
        return all(self._holds(term) for term in terms)

    def _holds(self, term: Term) -> bool:
        if isinstance(term, Bits):
            return self._value(term.offset) & term.mask == term.mask
        if isinstance(term, Value):
            return self._value(term.offset) & term.mask == term.value
        if isinstance(term, Some):
            return bool(self._value(term.offset) & term.mask)
        if term is UartState.READY:
            return self._held is None
        return (term is UartState.RECEIVED) is bool(self._queue)

    def _drive(self, *, pulse: bool = True) -> None:
        levels = dict.fromkeys(self.named, False)
        for output, terms in self._layout.interrupts:
            levels[output] = levels[output] or self._hold(terms)
        for output, level in levels.items():
            if pulse and level and self._layout.pulses:
                self.named[output].set(False)
            self.named[output].set(level)


class NumberedUart(UartModel):
    """UART whose interrupt lines have numbers."""

    @property
    def outputs(self) -> Mapping[int, Line]:
        """Interrupt lines by number."""
        return {output: line for output, line in self.named.items() if isinstance(output, int)}


_DPPI_ENABLE: Final = 1 << 31
_SENDS: Final = UarteNames("TASKS_STARTTX", "TXD_PTR", "TXD_MAXCNT", "TXD_AMOUNT", "TXSTARTED", "ENDTX")
_RECEIVES: Final = ReceiverNames(
    "RXD_PTR", "RXD_MAXCNT", "RXD_AMOUNT", "RXSTARTED", "ENDRX", end_starts=1 << 5, end_stops=1 << 6
)


class NrfUarteModel(ConsoleUarte):
    """The nRF5340's UARTE as a console, owned by the core of ``slot``.

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
_SENDS_54: Final = UarteNames(
    "TASKS_DMA_TX_START", "DMA_TX_PTR", "DMA_TX_MAXCNT", "DMA_TX_AMOUNT", "DMA_TX_READY", "DMA_TX_END"
)
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
    """The nRF54's UARTE as a console, owned by the core of ``slot``: the newer layout, whose end can stop it.

    Of its shortcuts it has all but those of DMA_RX_MATCH.
    """

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
