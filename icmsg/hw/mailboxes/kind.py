"""The seam between a kind of mailbox and everybody who uses one: drivers, engines, diagnosis and Monitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from icmsg.hw.mailbox import channels_in
from icmsg.hw.model import IoModel
from icmsg.hw.registers import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.hw.bus import Bus
    from icmsg.hw.line import Line
    from icmsg.hw.mailbox import Mailbox, MailboxState
    from icmsg.hw.registers import RegisterBlock


class MailboxSite(Protocol):
    """The core to which an emulated mailbox belongs, as its model sees it; times are ticks of the machine."""

    @property
    def name(self) -> str:
        """The core's name."""

    def now(self) -> int:
        """Return the tick at which the core is."""

    def rang(self, channel: int) -> None:
        """Tell that the core has rung a channel."""

    def lost(self, channel: int, signals: int) -> None:
        """Tell that a fault took these signals, a mask, from a ring of ``channel``."""

    def deliver(self, time: int, action: Callable[[], None]) -> None:
        """Run ``action`` when the core has come to ``time``."""

    def after_us(self, microseconds: int, action: Callable[[], None]) -> None:
        """Run ``action`` so much later."""


class OneLine(IoModel, Protocol):
    """An emulated mailbox with one interrupt line."""

    @property
    def irq(self) -> Line:
        """Its interrupt line."""


class SeveralLines(IoModel, Protocol):
    """An emulated mailbox with an interrupt line for each of its numbered outputs."""

    @property
    def outputs(self) -> Mapping[int, Line]:
        """Its interrupt lines by the number that the platform file wires."""


MailboxModel = OneLine | SeveralLines


@runtime_checkable
class ManySided(Protocol):
    """A mailbox that several cores reach, and that has to know which of them rings."""

    def seen_from(self, site: MailboxSite) -> IoModel:
        """Return the mailbox as the core at ``site`` reaches it."""


class MailboxDriver(Protocol):
    """A function that makes the driver of a mailbox; masks have one bit for each channel."""

    def __call__(self, bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> Mailbox:
        """Return the driver, the channels connected; ConfigurationError or BusError as the driver says.

        ``base`` is the byte address of the core's own mailbox on ``bus``, ``tx_base`` that of the one in which it
        rings: the same, where the kind does not ring in the peer's.
        """


def first_output(_bus: Bus, _base: int, _channel: int) -> int:
    """Return 0, the output of a mailbox with one interrupt line."""
    return 0


@dataclass(frozen=True, slots=True)
class MailboxKind:
    """Kind of mailbox; ``base`` is the byte address of its registers on its core's bus.

    ``type`` is its type in a platform file. ``registers`` is the table from which driver and model are made. A write of
    1 to ``task`` [channel] rings; where that is a single register, a one in the bit of the channel does. ``pending`` is
    not 0 while its interrupt line is up, and ``enable`` has a bit for each channel that may raise it (where the mailbox
    has several lines, those of the first one).
    """

    type: str
    compatible: tuple[str, ...]
    """The ``compatible`` of its devicetree node; of both where sending and receiving are two nodes."""
    channels: int
    registers: RegisterBlock
    task: str
    pending: str
    enable: str
    driver: MailboxDriver
    read_state: Callable[[Bus, int], MailboxState]
    """(bus, base): what the registers say; BusError where there is none. Reading changes nothing."""
    force_ring: Callable[[Bus, int, int], None]
    """(bus, tx_base, channel): ring, whether or not a driver has connected the channel."""
    model: Callable[[MailboxSite, int, Mapping[str, object]], MailboxModel]
    """(site, base, attributes): the emulated mailbox; ConfigurationError if the attributes do not fit.

    ``attributes`` gives the models that ``peers`` name, and ``numbers``.
    """
    peers: tuple[str, ...] = ()
    """The attributes of the platform file that name other mailboxes."""
    numbers: tuple[str, ...] = ()
    """The attributes that are whole numbers."""
    rings_peer: bool = False
    """True where a core rings in the mailbox of its peer, which it reaches, and its own is rung by others."""
    output: Callable[[Bus, int, int], int] = first_output
    """(bus, base, channel): the output that the channel's event raises."""
    edge: bool = False
    """True where its lines are edges (:class:`icmsg.hw.line.Line`)."""
    size: int = 0x1000
    """Bytes that its registers take on the bus."""

    @property
    def all_channels(self) -> int:
        """The mask of all channels."""
        return (1 << self.channels) - 1

    @property
    def readable(self) -> frozenset[int]:
        """The byte offsets of all registers."""
        return frozenset(offset for offset, _, _ in self.registers.elements())

    @property
    def writable(self) -> frozenset[int]:
        """The byte offsets of the registers that can be written."""
        return frozenset(
            offset for offset, register, _ in self.registers.elements() if Access.W in register.access
        )

    def rung(self, offset: int, value: int) -> list[int]:
        """Return the channels that a write of ``value`` to the register at byte ``offset`` rings."""
        found = self.registers.find(offset)
        if found is None or found[0].name != self.task:
            return []
        if found[0].count == 1:
            return channels_in(value)
        return [found[1]] if value & 1 else []
