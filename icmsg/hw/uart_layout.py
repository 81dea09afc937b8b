"""UARTs as data: where a byte goes and comes from, and which bits say so.

One model (:mod:`icmsg.engines.embedded.models.uart`) is built on each :class:`UartLayout`. What has no meaning here is
storage: it reads as it was written. A byte is sent at once, so every bit that says "there is room" or "it has left" is
set; the receiver's queue has no end, as in Renode's models.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple


class UartState(Enum):
    """UartState that a bit can show."""

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
