"""Bonding: by a magic first packet (Zephyr ≤ 4.0) and by sessions (Zephyr ≥ 4.1; protocol §2, §3).

By a magic (protocol §2.1) nothing is acknowledged: a side is bound as soon as it has seen the other's magic. Because a
signal can get lost before the peer listens, Zephyr ≤ 4.0 repeats it until this side is bound.

Zephyr ≥ 4.1 has a magic with one ring back, or sessions, or what the peer speaks (protocol §2.2, §3). With sessions
each side publishes a session id and acknowledges the other's, in a handshake word that survives in shared memory. A
side that finds another id than the one it acknowledged knows that its peer left or restarted.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from icmsg.errors import IpcError, WireError
from icmsg.ipc.backend import Input, LegacyState, State
from icmsg.ipc.clock import MS, WorkItem
from icmsg.wire.packet_buffer import HandshakeWord, first_packet_is

if TYPE_CHECKING:
    from icmsg.ipc.clock import Timer
    from icmsg.ipc.instance import InstanceContext


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


_DISCONNECTED = 0  # the session id of nobody


class RingBack:
    """Zephyr ≥ 4.1, ``unbound = "disable"``: magic, one ring at open, one on binding; a ``Bonding``."""

    __slots__ = ("_context",)

    def __init__(self, context: InstanceContext) -> None:
        self._context = context

    def open(self) -> None:
        """Write the magic, listen and ring once; whoever opens last is answered."""
        context = self._context
        if context.state is not State.OFF:
            raise already_open(context)
        context.epoch += 1
        context.take(Input.OPEN)
        try:
            context.reader.rx_init()
            write_magic(context)
            context.mailbox.enable(context.config.rx_channel)
            context.ring()
        except BaseException:
            self.reset()
            raise

    def signalled(self) -> None:
        """Bind on the magic; anything else is consumed and reported."""
        if self._context.state is State.INITIALIZING_SID_DISABLED and take_magic(self._context):
            bind(self._context, ring=True)

    def close(self) -> None:
        """Ring once and stop; closing again only rings (protocol §2.2)."""
        self._context.ring()
        self.reset()

    def reset(self) -> None:
        """Be off; nothing is told or written."""
        switch_off(self._context)


class Sessions(RingBack):
    """Zephyr ≥ 4.1, ``unbound = "enable"`` or ``"detect"``; a ``Bonding``.

    ``local_sid`` and ``remote_sid`` are 16-bit session ids, 0 when there is none.
    """

    __slots__ = ("_initializing", "_own_word", "_peer_word", "local_sid", "remote_sid")

    def __init__(self, context: InstanceContext) -> None:
        super().__init__(context)
        config = context.config
        detect = config.unbound == "detect"
        self._initializing = State.INITIALIZING_SID_DETECT if detect else State.INITIALIZING_SID_ENABLED
        self._own_word = HandshakeWord(context.bus, config.rx_region.address, config.rx_layout)
        self._peer_word = HandshakeWord(context.bus, config.tx_region.address, config.tx_layout)
        self.local_sid = _DISCONNECTED
        self.remote_sid = _DISCONNECTED

    def open(self) -> None:
        """Publish a new session id and ring, from any state; the TX buffer waits for the peer (§3.2)."""
        context = self._context
        listening = context.state is not State.OFF and context.mailbox.is_enabled(context.config.rx_channel)
        context.epoch += 1
        context.take(Input.OPEN)
        try:
            context.reader.rx_init()
            peer_sid, acknowledged = self._peer_word.read()
            self.local_sid = _next_sid(peer_sid, acknowledged)
            self.remote_sid = _DISCONNECTED
            self._own_word.write(self.local_sid, _DISCONNECTED)
            if not listening:
                context.mailbox.enable(context.config.rx_channel)
            context.ring()
        except BaseException:
            self.reset()
            raise

    def signalled(self) -> None:
        """Go on with the handshake; in mode detect fall back to magic for a peer without sessions (§3.6)."""
        context = self._context
        state = context.state
        if state is State.INITIALIZING_SID_DETECT and self._peer_sent_magic():
            self._fall_back()
        elif state is self._initializing:
            self._shake_hands()
        else:
            super().signalled()

    def _peer_sent_magic(self) -> bool:
        config = self._context.config
        return first_packet_is(self._context.bus, config.rx_region.address, config.rx_layout, MAGIC)

    def _fall_back(self) -> None:
        """Answer with the magic; when the peer prevents that, report it and try again with its next ring."""
        context = self._context
        try:
            write_magic(context)
        except IpcError as error:
            context.report(error)
            return
        context.take(Input.MAGIC_FIRST)
        context.ring()
        context.rx_work.submit()

    def _shake_hands(self) -> None:
        """Acknowledge the peer's session id, and bind once the peer acknowledged ours (protocol §3.3)."""
        context = self._context
        requested, acknowledged = self._peer_word.read()
        ring = False
        if requested not in (_DISCONNECTED, self.remote_sid):
            # Safe now: a peer with a new session id does not consume what lies in the buffer.
            context.writer.tx_init()
            self.remote_sid = requested
            self._own_word.write(self.local_sid, requested)
            ring = True
        if acknowledged != self.local_sid or self.remote_sid == _DISCONNECTED:
            if ring:
                context.ring()
            return
        context.take(Input.ACKNOWLEDGED)
        try:
            context.bound()
        finally:
            context.ring()
            context.rx_work.submit()  # the peer's first messages may lie there already

    def peer_left(self) -> bool:
        """End the session when the peer's id is no longer the acknowledged one, and tell so (protocol §3.4).

        Called after each look at the RX buffer.
        """
        context = self._context
        if context.state is not State.CONNECTED_SID_ENABLED or self._peer_word.read()[0] == self.remote_sid:
            return False
        context.take(Input.LEFT)
        context.unbound()
        return True

    def close(self) -> None:
        """Publish session id 0, ring once and stop; the peer becomes unbound (protocol §3.5)."""
        self._own_word.write(_DISCONNECTED, _DISCONNECTED)
        super().close()

    def reset(self) -> None:
        """Be off; nothing is told or written."""
        self.local_sid = self.remote_sid = _DISCONNECTED
        super().reset()


def _next_sid(peer_sid: int, acknowledged: int) -> int:
    """Return the session id after the peer's that is neither 0 nor what the peer last acknowledged (§3.2)."""
    sid = peer_sid
    while True:
        sid = sid + 1 & 0xFFFF
        if sid not in (_DISCONNECTED, acknowledged):
            return sid
