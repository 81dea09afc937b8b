"""UARTs as data: where a byte goes and comes from, and which bits say so.

One model (:mod:`icmsg.engines.embedded.models.uart`) is built on each :class:`UartLayout`. What has no meaning here is
storage: it reads as it was written. A byte is sent at once, so every bit that says "there is room" or "it has left" is
set; the receiver's queue has no end, as in Renode's models.

The registers of the nRF5340's UARTE, the console of Zephyr's images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from icmsg.hw.nrf_peripherals import events, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock


class UartState(Enum):
    """UartState that a bit can show."""

    READY = "there is room for a byte, and none is under way"
    RECEIVED = "a byte was received and not read"
    EMPTY = "no byte was received that was not read"


class Bits(NamedTuple):
    """Bits of the register at byte ``offset``: they count as true where all of ``mask`` read as one."""

    offset: int
    mask: int


Term = UartState | Bits


class Live(NamedTuple):
    """Bits that firmware reads as what ``terms`` say: one where all of them hold, else zero."""

    bits: Bits
    terms: tuple[Term, ...]


class UartCommand(NamedTuple):
    """Bits that, where firmware writes ones to all of them, set and clear others."""

    bits: Bits
    sets: tuple[Bits, ...] = ()
    clears: tuple[Bits, ...] = ()


class Interrupt(NamedTuple):
    """Line ``output``, a name or number of Renode's: high while all of ``terms`` hold."""

    output: str | int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UartLayout:
    """Registers of one kind of UART; all offsets are in bytes.

    ``size`` in bytes is what a registration covers that says nothing else. A byte that firmware writes to one of
    ``transmit`` is sent where all of ``transmits_if`` hold; one that it reads from one of ``receive`` is taken from the
    queue, into which bytes come where all of ``receives_if`` hold.

    ``live`` are bits that follow a state; ``counts`` fields (first bit, width) with how many bytes are waiting.
    ``sent``, ``received`` and ``emptied`` are bits that become one when a byte has left, a byte has come, and (to
    zero) when the last one was read. ``commands`` are bits that act when a one is written. A one that is written to a
    key of ``sets`` or ``clears`` sets or clears that bit in its value; ``zero_clears`` are registers in which firmware
    can only write zeros. What it writes to ``constant`` ones is lost. ``flushes`` empty the queue.

    ``windows`` is the distance of Silicon Labs' registers to set, clear and toggle. ``exact``: registers are bytes or
    halfwords, each at its own offset; else words. While ``banked`` holds, the registers ``banked_offsets`` are others,
    which only store (a divisor). ``identifies`` is the register of a 16550 that says which interrupt there is.
    ``quiet`` are outputs that never rise.
    """

    size: int
    transmit: tuple[int, ...]
    receive: tuple[int, ...]
    transmits_if: tuple[Term, ...] = ()
    receives_if: tuple[Term, ...] = ()
    resets: dict[int, int] = field(default_factory=dict)
    live: tuple[Live, ...] = ()
    counts: tuple[tuple[int, int, int], ...] = ()
    sent: tuple[Bits, ...] = ()
    received: tuple[Bits, ...] = ()
    emptied: tuple[Bits, ...] = ()
    commands: tuple[UartCommand, ...] = ()
    flushes: tuple[Bits, ...] = ()
    sets: dict[int, int] = field(default_factory=dict)
    clears: dict[int, int] = field(default_factory=dict)
    zero_clears: tuple[int, ...] = ()
    constant: tuple[int, ...] = ()
    windows: int = 0
    exact: bool = False
    banked: Bits | None = None
    banked_offsets: tuple[int, ...] = ()
    identifies: int | None = None
    interrupts: tuple[Interrupt, ...] = ()
    quiet: tuple[str | int, ...] = ()
    divisor: tuple[int, int] | None = None
    """(offset, multiplier): the bit rate is the clock times ``multiplier``, divided by the register."""


_TASKS = {"STARTRX": 0x000, "STOPRX": 0x004, "STARTTX": 0x008, "STOPTX": 0x00C, "FLUSHRX": 0x02C}
_EVENTS = {
    "CTS": 0x100,
    "NCTS": 0x104,
    "RXDRDY": 0x108,
    "ENDRX": 0x110,
    "TXDRDY": 0x11C,
    "ENDTX": 0x120,
    "ERROR": 0x124,
    "RXTO": 0x144,
    "RXSTARTED": 0x14C,
    "TXSTARTED": 0x150,
    "TXSTOPPED": 0x158,
}
_PIN = (Field("PIN", 0, width=5), Field("PORT", 5), Field("CONNECT", 31, meaning="1 = disconnected"))
_CONFIG = (
    Field("HWFC", 0, meaning="1 = hardware flow control"),
    Field("PARITY", 1, width=3, meaning="0 = none, 7 = even"),
    Field("STOP", 4, meaning="0 = one stop bit, 1 = two"),
    Field("PARITYTYPE", 8, meaning="0 = even, 1 = odd"),
)
ENABLED: Final = 8
"""The value of ENABLE that switches the UARTE on."""
DISCONNECTED: Final = 0xFFFFFFFF
"""The value of PSEL that connects no pin."""
BAUD_HZ: Final = 16_000_000
"""The clock of a bit, which takes 2 ** 32 // BAUDRATE of its cycles: what the manual's table of actual rates says."""
FIFO_BYTES: Final = 5
"""Bytes that the receiver keeps while no buffer is filled: what Zephyr's driver reckons with."""
FLOW_CONTROL: Final = 1 << 0
PARITY: Final = 7 << 1
TWO_STOP_BITS: Final = 1 << 4
"""Bits of CONFIG."""
OVERRUN: Final = 1 << 0
"""The bit of ERRORSRC for a byte that came while the FIFO was full."""
ERRORS: Final = tuple(Field(name, bit) for bit, name in enumerate(("OVERRUN", "PARITY", "FRAMING", "BREAK")))
"""The errors of reception."""

UARTE: Final = RegisterBlock(
    "UARTE",
    (
        *tasks(_TASKS),
        *events(_EVENTS),
        Register(
            "SHORTS",
            0x200,
            fields=(Field("ENDRX_STARTRX", 5), Field("ENDRX_STOPRX", 6)),
            meaning="events that start a task by themselves",
        ),
        *interrupts(_EVENTS),
        Register("ERRORSRC", 0x480, fields=ERRORS, clears="ERRORSRC", meaning="a one clears the error"),
        Register("ENABLE", 0x500, fields=(Field("ENABLE", 0, width=4, meaning="8 = enabled, 0 = disabled"),)),
        *(
            Register(f"PSEL_{pin}", 0x508 + 4 * index, fields=_PIN, reset=DISCONNECTED)
            for index, pin in enumerate(("RTS", "TXD", "CTS", "RXD"))
        ),
        Register("BAUDRATE", 0x524, reset=0x04000000, meaning="0x01D60000 = 115200 Bd, 250000 Bd at reset"),
        Register("RXD_PTR", 0x534, meaning="address of the receive buffer in RAM"),
        Register("RXD_MAXCNT", 0x538, fields=(Field("MAXCNT", 0, width=16),), meaning="its size in bytes"),
        Register("RXD_AMOUNT", 0x53C, access=Access.R, meaning="bytes received since the last start"),
        Register("TXD_PTR", 0x544, meaning="address of the bytes to send in RAM"),
        Register("TXD_MAXCNT", 0x548, fields=(Field("MAXCNT", 0, width=16),), meaning="their number"),
        Register("TXD_AMOUNT", 0x54C, access=Access.R, meaning="bytes sent since the last start"),
        Register("CONFIG", 0x56C, fields=_CONFIG),
    ),
    source="nRF5340 PS, UARTE",
)
