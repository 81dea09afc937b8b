"""Bonding by a magic first packet, and the procedure of Zephyr ≤ 4.0 around it (protocol §2.1).

Nothing is acknowledged: a side is bound as soon as it has seen the other's magic. Because a signal can get
lost before the peer listens, Zephyr ≤ 4.0 repeats it until this side is bound.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from icmsg.errors import IpcError, WireError
from icmsg.ipc.clock import MS, WorkItem
from icmsg.ipc.state import Input, LegacyState

if TYPE_CHECKING:
    from icmsg.ipc.clock import Timer
    from icmsg.ipc.context import InstanceContext

MAGIC = b"Em1l1K0rn3li4"
MAGIC_END = 4 + (len(MAGIC) + 3 & ~3)
"""Bytes of a region's data that the magic takes: header, magic and padding (protocol §1.2)."""
"""The first packet of magic bonding (protocol §2)."""


class Bonding(Protocol):
    """Procedure by which an instance opens, binds and closes."""

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

    __slots__ = ("_context", "_exact", "_notify_work", "_period_ns", "_timer")

    def __init__(self, context: InstanceContext) -> None:
        self._context = context
        # Longer magics of a future version are accepted since 3.6 (protocol §2.1).
        self._exact = context.config.wire == "spsc_pbuf"
        self._period_ns = context.config.bond_notify_repeat_to_ms * MS
        self._notify_work = WorkItem(context.clock, self._notify)
        self._timer: Timer | None = None

    def open(self) -> None:
        """Write the magic, listen, and ring from the work queue until bound."""
        context = self._context
        if context.state is not LegacyState.OFF:
            raise already_open(context)
        context.epoch += 1
        context.take(Input.OPEN)
        try:
            context.reader.rx_init()
            write_magic(context)
            context.mailbox.enable(context.config.rx_channel)
        except BaseException:
            self.reset()
            raise
        self._notify_work.submit()

    def signalled(self) -> None:
        """Bind on the magic; anything else is consumed and reported."""
        if self._context.state is LegacyState.BUSY and take_magic(self._context, exact=self._exact):
            bind(self._context)

    def close(self) -> None:
        """Stop listening; shared memory stays and the peer is not told (protocol §2.1)."""
        context = self._context
        if context.state is LegacyState.OFF:
            raise IpcError(f"{context.config.name} is not open: register an endpoint first", errno.EALREADY)
        self.reset()

    def reset(self) -> None:
        """Be off; nothing is told or written."""
        self._notify_work.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        switch_off(self._context)

    def _notify(self) -> None:
        context = self._context
        context.ring()
        if context.state is not LegacyState.READY:
            self._timer = context.clock.call_later(self._period_ns, self._notify)


def write_magic(context: InstanceContext) -> None:
    """Empty the TX buffer and send the magic; IpcError when the peer breaks its index in between."""
    context.writer.tx_init()
    try:
        context.writer.write(MAGIC)
    except WireError as error:
        raise IpcError(
            f"{context.config.name}: the magic could not be sent, because the peer wrote its index into the region at "
            f"0x{context.config.tx_region.address:08X} meanwhile: {error}",
            error.errno,
        ) from error


def take_magic(context: InstanceContext, *, exact: bool = False) -> bool:
    """Consume one packet; report it and return False unless it is, or starts with, the magic."""
    try:
        packet = context.reader.read(context.config.rx_limit)
    except WireError as error:
        context.report(error)
        return False
    if not packet:
        return False
    if packet == MAGIC or (packet.startswith(MAGIC) and not exact):
        return True
    context.report(
        IpcError(
            f"{context.config.name}: the first packet is not the magic but {packet[:16].hex(' ')} "
            f"({len(packet)} bytes) in the region at 0x{context.config.rx_region.address:08X}: it was dropped; "
            f"does the peer send before it is bound, or restart alone?",
            errno.EINVAL,
        )
    )
    return False


def bind(context: InstanceContext, *, ring: bool = False) -> None:
    """Call ``bound``, then enter the next state: Zephyr's order (protocol §2.1), so ``bound`` cannot send."""
    epoch = context.epoch
    try:
        context.bound()
    finally:
        if context.epoch == epoch:
            context.take(Input.MAGIC)
            if ring:
                context.ring()
            if context.reader.more:
                context.rx_work.submit()


def switch_off(context: InstanceContext) -> None:
    """Stop listening, forget queued work and be off."""
    context.epoch += 1
    channel = context.config.rx_channel
    context.rx_work.cancel()
    try:
        if context.mailbox.is_enabled(channel):
            context.mailbox.disable(channel)
    finally:
        context.take(Input.CLOSE)


def already_open(context: InstanceContext) -> IpcError:
    """Return the error of a second open."""
    return IpcError(
        f"{context.config.name} has an endpoint already and is {context.state.name}: an instance has exactly one; "
        f"deregister it first, or configure another instance",
        errno.EALREADY,
    )
