"""UARTs as data: where a byte goes and comes from, and which bits say so.

One model (:mod:`icmsg.engines.embedded.models.uart`) is built on each :class:`UartLayout`. What has no meaning here is
storage: it reads as it was written. A byte is sent at once, so every bit that says "there is room" or "it has left" is
set; the receiver's queue has no end, as in Renode's models.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


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
