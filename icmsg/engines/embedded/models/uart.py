"""UART of a layout that is data (:mod:`icmsg.hw.uart_layout`): sends at once, and receives into a queue."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD
from icmsg.hw.uart_layout import Bits, UartLayout, UartState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.hw.uart_layout import Term
    from icmsg.machine.console import ConsoleSink

_USUAL_BAUD_RATE: Final = 115_200
_MASK: Final = 0xFFFF_FFFF
_SET, _CLEAR, _TOGGLE = 1, 2, 3
_NOTHING_PENDING: Final = 0x01
_DATA_PENDING: Final = 0x04
_ROOM_PENDING: Final = 0x02


class UartModel(SizedModel):
    """UART with the registers of ``layout``; ``clock_hz`` is its clock.

    ``show`` takes what it sends, for the console of its core, and returns the virtual time in nanoseconds.

    What it receives is there at once: nothing is lost, and no baud rate slows it down, as in Renode.
    """

    def __init__(self, layout: UartLayout, show: Callable[[bytes], int], *, clock_hz: int = 0) -> None:
        self._layout: Final = layout
        self._show: Final = show
        self._clock_hz: Final = clock_hz
        self._words: dict[int, int] = dict(layout.resets)
        self._bank: dict[int, int] = {}
        self._queue: Final[deque[int]] = deque()
        self.sinks: Final[list[ConsoleSink]] = []
        """Called with all bytes that are sent, and their virtual time."""
        self.missed: Callable[[int], None] = lambda _count: None
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
        old = self._words.get(register, 0)
        if self._is_banked(register):
            self._bank[register] = value
            return
        if register in layout.transmit and not within:
            self._transmit(value & 0xFF)
            return
        value <<= within
        if window == _SET:
            value |= old
        elif window == _CLEAR:
            value = old & ~value
        elif window == _TOGGLE:
            value ^= old
        elif register not in (*layout.sets, *layout.clears):
            value |= old & ~((1 << 8 * size) - 1 << within)
        self._store(register, value & _MASK, old)
        for command in layout.commands:
            if command.bits.offset == register and value & command.bits.mask == command.bits.mask:
                self._set(command.sets)
                self._clear(command.clears)
        if any(each.offset == register and value & each.mask for each in layout.flushes):
            self._queue.clear()
            self._clear(layout.emptied)
        self._drive()

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
        if (target := layout.sets.get(register)) is not None:
            words[target] = words.get(target, 0) | value
        elif (target := layout.clears.get(register)) is not None:
            words[target] = words.get(target, 0) & ~value
        elif register in layout.zero_clears:
            words[register] = old & value
        elif register not in layout.constant:
            words[register] = value

    # What happens

    def _transmit(self, byte: int) -> None:
        if self._hold(self._layout.transmits_if):
            data = bytes((byte,))
            time_ns = self._show(data)
            for sink in self.sinks:
                sink(data, time_ns)
            self._set(self._layout.sent)
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
        for bits, terms in layout.live:
            if bits.offset == register:
                value = value | bits.mask if self._hold(terms) else value & ~bits.mask
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
        return term is UartState.READY or (term is UartState.RECEIVED) is bool(self._queue)

    def _drive(self) -> None:
        levels = dict.fromkeys(self.named, False)
        for output, terms in self._layout.interrupts:
            levels[output] = levels[output] or self._hold(terms)
        for output, level in levels.items():
            self.named[output].set(level)


class NumberedUart(UartModel):
    """UART whose interrupt lines have numbers."""

    @property
    def outputs(self) -> Mapping[int, Line]:
        """Interrupt lines by number."""
        return {output: line for output, line in self.named.items() if isinstance(output, int)}
