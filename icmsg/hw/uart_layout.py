"""UARTs as data: where a byte goes and comes from, which bits say so, and the layouts of known ones.

Known are Nordic's UARTE, the console of Zephyr's images on the nRF5340, and the blocks that many manufacturers build
in, such as the 16550 and Arm's PL011.

One model (:mod:`icmsg.engines.embedded.models.uart`) is built on each :class:`UartLayout`. What has no meaning here is
storage: it reads as it was written. A byte is sent at once, so every bit that says "there is room" or "it has left" is
set; the receiver's queue has no end, as in Renode's models.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple

from icmsg.hw.nrf_peripherals import events, interrupts, tasks
from icmsg.hw.registers import Access, Field, Register, RegisterBlock


class UartState(Enum):
    """State of a UART that a bit can show."""

    READY = "there is room for a byte, and none is under way or held"
    RECEIVED = "a byte was received and not read"
    EMPTY = "no byte was received that was not read"


HIDDEN: Final = 0x1_0000
"""Offset of state that firmware changes by commands, and sees in no register."""


class Bits(NamedTuple):
    """Bits of the register at byte ``offset``: they count as true where all of ``mask`` read as one."""

    offset: int
    mask: int


class Value(NamedTuple):
    """Bits ``mask`` of the register at byte ``offset``: they count as true where they read as ``value``."""

    offset: int
    mask: int
    value: int


class Some(NamedTuple):
    """Bits of the register at byte ``offset``: they count as true where any of ``mask`` reads as one."""

    offset: int
    mask: int


Term = UartState | Bits | Value | Some


class Live(NamedTuple):
    """Bits that firmware reads as what ``terms`` say: one where all of them hold, else zero.

    Of several for the same bits one has to hold.
    """

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
    ``transmit`` is sent where all of ``transmits_if`` hold; else it is lost, or the first one waits where the UART
    ``holds`` it. ``needs`` is what the manual wants besides and Renode's models do not: without it the byte is sent,
    with a warning. ``switch`` names what makes both true. A byte that firmware reads from one of ``receive`` is taken
    from the queue, into which bytes come where all of ``receives_if`` hold.

    ``mode`` selects the UART in a block that can be something else: where it does not hold, all registers but the ones
    from ``shared_from`` on read 0, and what is written is lost. ``lock`` is a bit that makes its own register constant.

    ``live`` are bits that follow a state; ``counts`` fields (first bit, width) with how many bytes are waiting.
    ``sent``, ``received`` and ``emptied`` are bits that become one when a byte has left, a byte has come, and (to
    zero) when the last one was read. ``commands`` are bits that act when a one is written. A one that is written to a
    key of ``sets`` or ``clears`` sets or clears that bit in its value; ``zero_clears`` are registers in which firmware
    can only write zeros. What it writes to ``constant`` ones is lost. ``flushes`` empty the queue.

    ``windows`` is the distance of Silicon Labs' registers to set, clear and toggle. ``exact``: registers are bytes or
    halfwords, each at its own offset; else words. While ``banked`` holds, the registers ``banked_offsets`` are others,
    which only store (a divisor). ``identifies`` is the register of a 16550 that says which interrupt there is.
    ``quiet`` are outputs that never rise. ``pulses``: the lines fall and rise anew whenever something has happened and
    their terms still hold, for a controller that latches edges.
    """

    size: int
    transmit: tuple[int, ...]
    receive: tuple[int, ...]
    transmits_if: tuple[Term, ...] = ()
    needs: tuple[Term, ...] = ()
    switch: str = ""
    holds: bool = False
    mode: Value | None = None
    shared_from: int = 0
    lock: Bits | None = None
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
    pulses: bool = False
    divisor: tuple[int, int] | None = None
    """(offset, multiplier): the bit rate is the clock times ``multiplier``, divided by the register."""


def bit(offset: int, *numbers: int) -> Bits:
    """Return bits of a register by their numbers."""
    return Bits(offset, sum(1 << number for number in numbers))


def live(offset: int, number: int, *terms: Term) -> Live:
    """Return bit ``number`` of a register as one that follows ``terms``."""
    return Live(bit(offset, number), terms)


def irq(output: str | int, *pairs: tuple[Bits, Bits]) -> tuple[Interrupt, ...]:
    """Return the causes of a line, each a bit that enables and a bit that says so."""
    return tuple(Interrupt(output, pair) for pair in pairs)


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


_READY, _RECEIVED, _EMPTY = UartState.READY, UartState.RECEIVED, UartState.EMPTY


def _ns16550(stride: int, size: int, transmits: str | int = "IRQ") -> UartLayout:
    """16550, its registers ``stride`` bytes apart: IER 1, IIR and FCR 2, LCR 3, LSR 5; USR is DesignWare's."""
    ier, iir, lcr, lsr = (stride * number for number in (1, 2, 3, 5))
    received = Interrupt(transmits, (bit(ier, 0), _RECEIVED))
    ready = Interrupt(transmits, (bit(ier, 1), _READY))
    extension = stride == 4
    return UartLayout(
        size=size,
        transmit=(0,),
        receive=(0,),
        live=(
            live(lsr, 0, _RECEIVED),
            live(lsr, 5, _READY),
            live(lsr, 6, _READY),
            *((live(0x7C, 1, _READY), live(0x7C, 2, _READY), live(0x7C, 3, _RECEIVED)) if extension else ()),
        ),
        counts=((0x84, 0, 8),) if extension else (),
        flushes=(bit(iir, 1),),
        constant=(lsr,),
        exact=stride == 1,
        banked=bit(lcr, 7),
        banked_offsets=(0, ier),
        identifies=iir,
        interrupts=(received, ready),
    )


def _pl011() -> UartLayout:
    """PrimeCell UART (DDI 0183): DR 0, FR 0x18, CR 0x30, IMSC 0x38, RIS 0x3C, MIS 0x40, ICR 0x44, IDs from 0xFE0 on.

    TXRIS is one from the reset on, as in Renode, so that drivers that only wait for the interrupt begin.
    """
    identification = (0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
    return UartLayout(
        size=0x1000,
        transmit=(0x00,),
        receive=(0x00,),
        transmits_if=(bit(0x30, 0, 8),),
        switch="UARTEN and TXE of CR",
        receives_if=(bit(0x30, 0, 9),),
        resets={0x30: 0x300, 0x34: 0x12, 0x3C: 0x20}
        | {0xFE0 + 4 * number: value for number, value in enumerate(identification)},
        live=(
            live(0x18, 4, _EMPTY),
            live(0x18, 6, _RECEIVED),
            live(0x18, 7, _READY),
            live(0x3C, 4, _RECEIVED),
            *(live(0x40, number, bit(0x3C, number), bit(0x38, number)) for number in (4, 5)),
        ),
        sent=(bit(0x3C, 5),),
        clears={0x44: 0x3C},
        constant=(0x18, 0x3C, 0x40),
        interrupts=irq("IRQ", *((bit(0x38, number), bit(0x3C, number)) for number in (4, 5))),
    )


NS16550: Final = _ns16550(1, 0x100)
NS16550_WIDE: Final = _ns16550(4, 0x100)
"""A 16550 whose registers are words (Renode's ``wideRegisters: true``)."""
PL011: Final = _pl011()
PL011_SBSA: Final = replace(PL011, resets=PL011.resets | {0x2C: 0x70, 0x30: 0x301})
"""A PL011 that is on after a reset (Renode's ``sbsa: true``)."""


def _sifive() -> UartLayout:
    """UART of SiFive (FE310-G002 manual, 18): txdata 0, rxdata 4, txctrl 8, rxctrl 0xC, ie 0x10, ip 0x14.

    The watermark interrupts are those of one free place and one byte that waits, as drivers set them.
    """
    return UartLayout(
        size=0x100,
        transmit=(0x00,),
        receive=(0x04,),
        transmits_if=(bit(0x08, 0),),
        receives_if=(bit(0x0C, 0),),
        resets={0x18: 0xFFFF},
        live=(live(0x04, 31, _EMPTY), live(0x14, 0, bit(0x08, 16)), live(0x14, 1, _RECEIVED)),
        constant=(0x14,),
        interrupts=irq("IRQ", *((bit(0x10, number), bit(0x14, number)) for number in (0, 1))),
    )


def _litex() -> UartLayout:
    """UART of LiteX (a word apart): rxtx 0, txfull 4, rxempty 8, ev_pending 0x10, ev_enable 0x14."""
    return UartLayout(
        size=0x100,
        transmit=(0x00,),
        receive=(0x00,),
        live=(live(0x08, 0, _EMPTY),),
        sent=(bit(0x10, 0),),
        received=(bit(0x10, 1),),
        resets={0x10: 1},
        clears={0x10: 0x10},
        constant=(0x04, 0x08),
        interrupts=irq("IRQ", *((bit(0x14, number), bit(0x10, number)) for number in (0, 1))),
    )


SIFIVE: Final = _sifive()
LITEX: Final = _litex()
MIV: Final = UartLayout(
    size=0x18,
    transmit=(0x00,),
    receive=(0x04,),
    live=(live(0x10, 0, _READY), live(0x10, 1, _RECEIVED)),
    constant=(0x10,),
    quiet=("IRQ",),
)
"""Mi-V's CoreUART: TxData 0, RxData 4, Status 0x10."""
