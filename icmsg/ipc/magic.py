"""Bonding by a magic first packet, and the procedure of Zephyr ≤ 4.0 around it (protocol §2.1).

Nothing is acknowledged: a side is bound as soon as it has seen the other's magic. Because a signal can get
lost before the peer listens, Zephyr ≤ 4.0 repeats it until this side is bound.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from icmsg.errors import IpcError, WireError
from icmsg.ipc.clock import MS
from icmsg.ipc.state import Input, LegacyState
from icmsg.ipc.work import WorkItem

if TYPE_CHECKING:
    from icmsg.ipc.clock import Timer
    from icmsg.ipc.link import Link

MAGIC = b"Em1l1K0rn3li4"
MAGIC_END = 4 + (len(MAGIC) + 3 & ~3)
"""Bytes of a region's data that the magic takes: header, magic and padding (protocol §1.2)."""
"""The first packet of magic bonding (protocol §2)."""


class Bonding(Protocol):
    """How an instance opens, binds and closes."""

    def open(self) -> None:
        """Start to bond; IpcError with EALREADY where Zephyr refuses to open twice."""

    def signalled(self) -> None:
        """Do the RX work while no messages flow."""

    def close(self) -> None:
        """Stop; IpcError with EALREADY where Zephyr refuses to close twice."""

    def reset(self) -> None:
        """Be off as after a reset of the core: memory stays, the peer is not told."""


class RepeatedMagic:
    """Zephyr 3.2 to 4.0: OFF, BUSY, READY; implements :class:`Bonding`."""

    __slots__ = ("_exact", "_link", "_notify_work", "_period_ns", "_timer")

    def __init__(self, link: Link) -> None:
        self._link = link
        # Longer magics of a future version are accepted since 3.6 (protocol §2.1).
        self._exact = link.config.wire == "spsc_pbuf"
        self._period_ns = link.config.bond_notify_repeat_to_ms * MS
        self._notify_work = WorkItem(link.clock, self._notify)
        self._timer: Timer | None = None

    def open(self) -> None:
        """Write the magic, listen, and ring from the work queue until bound."""
        link = self._link
        if link.state is not LegacyState.OFF:
            raise already_open(link)
        link.epoch += 1
        link.take(Input.OPEN)
        try:
            link.reader.rx_init()
            write_magic(link)
            link.mailbox.enable(link.config.rx_channel)
        except BaseException:
            self.reset()
            raise
        self._notify_work.submit()

    def signalled(self) -> None:
        """Bind on the magic; anything else is consumed and reported."""
        if self._link.state is LegacyState.BUSY and take_magic(self._link, exact=self._exact):
            bind(self._link)

    def close(self) -> None:
        """Stop listening; shared memory stays and the peer is not told (protocol §2.1)."""
        link = self._link
        if link.state is LegacyState.OFF:
            raise IpcError(f"{link.config.name} is not open: register an endpoint first", errno.EALREADY)
        self.reset()

    def reset(self) -> None:
        """Be off; nothing is told or written."""
        self._notify_work.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        switch_off(self._link)

    def _notify(self) -> None:
        link = self._link
        link.ring()
        if link.state is not LegacyState.READY:
            self._timer = link.clock.call_later(self._period_ns, self._notify)


def write_magic(link: Link) -> None:
    """Empty the TX buffer and send the magic; IpcError when the peer breaks its index in between."""
    link.writer.tx_init()
    try:
        link.writer.write(MAGIC)
    except WireError as error:
        raise IpcError(
            f"{link.config.name}: the magic could not be sent, because the peer wrote its index into the region at "
            f"0x{link.config.tx_region.address:08X} meanwhile: {error}",
            error.errno,
        ) from error


def take_magic(link: Link, *, exact: bool = False) -> bool:
    """Consume one packet; report it and return False unless it is, or starts with, the magic."""
    try:
        packet = link.reader.read(link.config.rx_limit)
    except WireError as error:
        link.report(error)
        return False
    if not packet:
        return False
    if packet == MAGIC or (packet.startswith(MAGIC) and not exact):
        return True
    link.report(
        IpcError(
            f"{link.config.name}: the first packet is not the magic but {packet[:16].hex(' ')} "
            f"({len(packet)} bytes) in the region at 0x{link.config.rx_region.address:08X}: it was dropped; "
            f"does the peer send before it is bound, or restart alone?",
            errno.EINVAL,
        )
    )
    return False


def bind(link: Link, *, ring: bool = False) -> None:
    """Call ``bound``, then enter the next state: Zephyr's order (protocol §2.1), so ``bound`` cannot send."""
    epoch = link.epoch
    try:
        link.bound()
    finally:
        if link.epoch == epoch:
            link.take(Input.MAGIC)
            if ring:
                link.ring()
            if link.reader.more:
                link.rx_work.submit()


def switch_off(link: Link) -> None:
    """Stop listening, forget queued work and be off."""
    link.epoch += 1
    channel = link.config.rx_channel
    link.rx_work.cancel()
    try:
        if link.mailbox.is_enabled(channel):
            link.mailbox.disable(channel)
    finally:
        link.take(Input.CLOSE)


def already_open(link: Link) -> IpcError:
    """Return the error of a second open."""
    return IpcError(
        f"{link.config.name} has an endpoint already and is {link.state.name}: an instance has exactly one; "
        f"deregister it first, or configure another instance",
        errno.EALREADY,
    )
