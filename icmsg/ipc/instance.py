"""ICMsg instance, played by Python: a state machine without threads, sleeping or wall clock.

Inputs are the calls of the application, :meth:`IcmsgInstance.mailbox_rang` and the clock; outputs are bus
accesses, rings and callbacks. :mod:`icmsg.ipc` shows two of them bonding. Names are Zephyr's:
``ipc_service_register_endpoint``, ``ipc_service_send``, ``ipc_service_deregister_endpoint``.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError, WireError
from icmsg.ipc.backend import (
    BINDS,
    BOUND,
    DROPPED,
    ERROR,
    RECEIVED,
    RING,
    SENT,
    STATE,
    UNBOUND,
    EndpointConfig,
    LegacyState,
    State,
    check_regions,
    transitions_of,
)
from icmsg.ipc.bonding import Bonding, RepeatedMagic, RingBack, Sessions
from icmsg.ipc.clock import WorkItem
from icmsg.ipc.discriminator import PeerTraces, identify
from icmsg.wire.packet_buffer import LONGEST
from icmsg.wire.pbuf import PbufReader, PbufWriter
from icmsg.wire.spsc import SpscReader, SpscWriter

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.errors import IcmsgError
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import AnyState, Input, Observer
    from icmsg.ipc.clock import Callback, Clock
    from icmsg.wire.packet_buffer import PacketReader, PacketWriter, Payload


class Endpoint:
    """A registered endpoint, made by :meth:`IcmsgInstance.register_endpoint`."""

    __slots__ = ("_send", "config", "instance")

    def __init__(self, instance: IcmsgInstance, config: EndpointConfig) -> None:
        self.instance = instance
        self.config = config
        self._send = instance.send

    @property
    def name(self) -> str:
        """The local name."""
        return self.config.name

    @property
    def is_bound(self) -> bool:
        """True while messages can be sent."""
        return self.instance.is_bound

    def send(self, data: Payload, *, ignore_peer_limit: bool = False) -> int:
        """Send one message of 1…65535 bytes and return its length; see :meth:`IcmsgInstance.send`."""
        return self._send(data, ignore_peer_limit=ignore_peer_limit)

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes; see :meth:`IcmsgInstance.get_tx_buffer_size`."""
        return self.instance.get_tx_buffer_size()

    def deregister(self) -> None:
        """Close the instance; see :meth:`IcmsgInstance.deregister_endpoint`."""
        self.instance.deregister_endpoint()

    def reopen(self) -> None:
        """Start over from any state with these callbacks; see :meth:`IcmsgInstance.reopen`."""
        self.instance.reopen(self.config)


class InstanceContext:
    """Holdings of one instance: two packet buffers, two mailbox channels, a state and the endpoint's callbacks.

    The bonding procedures (:mod:`icmsg.ipc.bonding`) and the instance share it; it knows no procedure itself.
    """

    __slots__ = (
        "_ring",
        "_tx_channel",
        "bus",
        "clock",
        "config",
        "connected",
        "endpoint",
        "epoch",
        "mailbox",
        "observer",
        "reader",
        "rx_work",
        "state",
        "transitions",
        "writer",
    )

    def __init__(
        self, bus: Bus, mailbox: Mailbox, clock: Clock, config: InstanceConfig, receive: Callback
    ) -> None:
        self.bus = bus
        self.mailbox = mailbox
        self.clock = clock
        self.config = config
        self.state: AnyState = State.OFF if config.signalling == "ring-back" else LegacyState.OFF
        self.transitions = transitions_of(config)
        self.connected = False
        self.epoch = 0
        """Counts opens and closes, so that who calls a callback sees whether the callback did one."""
        self.endpoint = EndpointConfig()
        self.observer: Observer | None = None
        self.rx_work = WorkItem(clock, receive)
        self._ring = mailbox.ring
        self._tx_channel = config.tx_channel
        self.writer, self.reader = _packet_buffers(bus, config)

    def take(self, what: Input) -> None:
        """Change the state as the table of this instance says."""
        self.state = state = self.transitions[self.state, what]
        self.connected = what in BINDS
        if self.observer is not None:
            self.observer(STATE, state)

    def ring(self) -> None:
        """Signal the peer."""
        if self.observer is not None:
            self.observer(RING, self._tx_channel)
        self._ring(self._tx_channel)

    def bound(self) -> None:
        """Tell the endpoint that both sides are ready."""
        if self.observer is not None:
            self.observer(BOUND, None)
        if self.endpoint.bound is not None:
            self.endpoint.bound()

    def unbound(self) -> None:
        """Tell the endpoint that the peer is gone."""
        if self.observer is not None:
            self.observer(UNBOUND, None)
        if self.endpoint.unbound is not None:
            self.endpoint.unbound()

    def report(self, error: IcmsgError) -> None:
        """Tell the endpoint what the peer did wrong."""
        if self.observer is not None:
            self.observer(ERROR, error)
        if self.endpoint.error is not None:
            self.endpoint.error(error)


def _packet_buffers(bus: Bus, config: InstanceConfig) -> tuple[PacketWriter, PacketReader]:
    tx, rx = config.tx_region.address, config.rx_region.address
    if config.wire == "spsc_pbuf":
        return SpscWriter(bus, tx, config.tx_layout), SpscReader(bus, rx, config.rx_layout)
    return (
        PbufWriter(bus, tx, config.tx_layout, trust_known_space=config.trust_known_space),
        PbufReader(bus, rx, config.rx_layout),
    )


class IcmsgInstance:
    """The ICMsg backend of one core for one pair of regions.

    ``bus`` and ``mailbox`` are that core's, ``clock`` queues its work; instances share nothing unless they
    are given the same objects. Raises :class:`~icmsg.errors.ConfigurationError` for a configuration that
    cannot work, or has a region that ``bus`` does not reach.

    After :meth:`register_endpoint` call :meth:`mailbox_rang` whenever the RX channel signals, from an
    interrupt handler that has acknowledged the signal (:class:`icmsg.ipc.backend.InterruptHandler` does
    that).
    """

    __slots__ = (
        "_bonding",
        "_context",
        "_peer_limit",
        "_read",
        "_rx_limit",
        "_sessions",
        "_submit",
        "_write",
    )

    def __init__(
        self,
        bus: Bus,
        mailbox: Mailbox,
        clock: Clock,
        config: InstanceConfig,
        *,
        observer: Observer | None = None,
    ) -> None:
        check_regions(bus, config)
        context = self._context = InstanceContext(bus, mailbox, clock, config, self._receive)
        context.observer = observer
        self._bonding = _bonding(context)
        self._sessions = self._bonding if isinstance(self._bonding, Sessions) else None
        self._rx_limit = config.rx_limit
        self._peer_limit = config.peer_rx_limit or LONGEST
        self._write = context.writer.write
        self._read = context.reader.read
        self._submit = context.rx_work.submit

    @property
    def config(self) -> InstanceConfig:
        """The configuration, never changed."""
        return self._context.config

    @property
    def state(self) -> LegacyState | State:
        """The state, with the name and number it has in the release that the configuration selects."""
        return self._context.state

    @property
    def is_bound(self) -> bool:
        """True while messages can be sent."""
        return self._context.connected

    @property
    def session_ids(self) -> tuple[int, int]:
        """The (local, remote) session ids, 0 where there is none."""
        sessions = self._sessions
        return (sessions.local_sid, sessions.remote_sid) if sessions is not None else (0, 0)

    @property
    def observer(self) -> Observer | None:
        """The observer that is told everything that happens, see :data:`icmsg.ipc.backend.Observer`."""
        return self._context.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._context.observer = observer

    def register_endpoint(self, config: EndpointConfig) -> Endpoint:
        """Open the instance with the callbacks of ``config`` and start to bond; returns at once.

        With sessions, registering the endpoint of the same name again re-opens from any state: the peer sees
        a restart (protocol §3.5). Raises :class:`IpcError` with EALREADY for a second endpoint, and without
        sessions for any second registration. The instance is OFF after any other error: :class:`IpcError`
        (EINVAL, ENOMEM) when the peer breaks its index while the magic is being sent, :class:`MailboxError` or
        :class:`BusError` when the hardware refuses.
        """
        context = self._context
        if context.state.value and config.name != context.endpoint.name:
            raise IpcError(
                f'{self.config.name} has the endpoint "{context.endpoint.name}": an instance has exactly one; '
                f'deregister it first, or configure another instance for "{config.name}"',
                errno.EALREADY,
            )
        before, context.endpoint = context.endpoint, config
        try:
            self._bonding.open()
        except IpcError:
            context.endpoint = before
            raise
        return Endpoint(self, config)

    def deregister_endpoint(self) -> None:
        """Close the instance. With sessions the peer becomes unbound, without it is not told.

        Raises :class:`IpcError` with EALREADY when it is off already and the release is ≤ 4.0.
        """
        self._bonding.close()

    def reopen(self, config: EndpointConfig | None = None) -> None:
        """Start over from any state, with the callbacks of ``config`` or those there are.

        With sessions the peer becomes unbound and both bond again as soon as it re-opens, too. Without
        sessions the peer notices nothing: restart it as well, or what lies in the regions is misread
        (protocol §2.3). Raises what :meth:`register_endpoint` raises, except EALREADY.
        """
        context = self._context
        if context.state.value and self._sessions is None:
            self._bonding.close()
        if config is not None:
            context.endpoint = config
        self._bonding.open()

    def reset(self) -> None:
        """Be off as after a reset of this core: memory stays as it is and the peer is not told."""
        self._bonding.reset()

    def mailbox_rang(self) -> None:
        """Tell the instance that its RX channel signalled: it looks into the RX buffer from the work queue.

        Rings merge and may come without cause, as in Zephyr (protocol §4.2).
        """
        self._submit()

    def send(self, data: Payload, *, ignore_peer_limit: bool = False) -> int:
        """Put one message into the TX buffer, ring, and return its length in bytes.

        While DISCONNECTED (≥ 4.1) the message is dropped silently, as Zephyr does; the observer sees it.
        ``ignore_peer_limit`` sends what the configured ``peer_rx_limit`` forbids.

        Raises :class:`IpcError`; nothing was sent then:
            EBUSY not bound; ENODATA empty; ENOMEM no room now, or ever; EMSGSIZE longer than the peer takes;
            EINVAL or EBADMSG longer than a packet (what Zephyr returns, but nothing is truncated and queued);
            EINVAL the peer broke its index.
        """
        context = self._context
        size = data.nbytes if type(data) is memoryview else len(data)
        if not context.connected:
            if context.state is not State.DISCONNECTED:
                raise self._busy()
            if context.observer is not None:
                context.observer(DROPPED, bytes(data))
            return size
        if not size or size > self._peer_limit:
            self._check_size(size, ignore_peer_limit=ignore_peer_limit)
        try:
            self._write(data)
        except WireError as error:
            raise IpcError(f"{context.config.name}: {error}", error.errno) from error
        if context.observer is not None:
            context.observer(SENT, bytes(data))
        context.ring()
        return size

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes that an empty TX buffer and the peer take."""
        return min(self._context.writer.capacity, self._peer_limit)

    def free_space(self) -> int:
        """Return the longest message in bytes that fits now; CorruptRegionError for a broken index."""
        return min(self._context.writer.free_space(), self._peer_limit)

    def identify_peer(self) -> PeerTraces:
        """Look what the peer speaks, and whether the two can bond at all; see :mod:`icmsg.ipc.discriminator`."""
        return identify(self._context.bus, self._context.config)

    def _receive(self) -> None:
        """Do the RX work: one packet per run, then again while more is known to lie there (protocol §4.3)."""
        context = self._context
        if not context.connected:
            self._bonding.signalled()
            return
        sessions = self._sessions
        try:
            data = self._read(self._rx_limit)
        except WireError as error:
            # A peer that restarted leaves anything behind: that is no error of it.
            if sessions is None or not sessions.peer_left():
                context.report(error)
            return
        if sessions is not None and sessions.peer_left():
            return
        if not data:
            return
        if context.observer is not None:
            context.observer(RECEIVED, data)
        try:
            if context.endpoint.received is not None:
                context.endpoint.received(data)
        finally:
            if context.reader.more:
                context.rx_work.submit()

    def _busy(self) -> IpcError:
        state = self._context.state
        fix = "register an endpoint first" if not state.value else "wait for its bound callback"
        return IpcError(f"{self.config.name} is {state.name}: {fix}", errno.EBUSY)

    def _check_size(self, size: int, *, ignore_peer_limit: bool) -> None:
        if not size:
            raise IpcError(
                f"{self.config.name}: an empty message cannot be sent: send at least one byte", errno.ENODATA
            )
        if size <= LONGEST and not ignore_peer_limit:
            raise IpcError(
                f"{self.config.name}: {size} bytes exceed the {self._peer_limit} that the peer takes and "
                f"would block its channel for good: split the message, or enlarge the peer's "
                f"CONFIG_PBUF_RX_READ_BUF_SIZE and peer_rx_limit",
                errno.EMSGSIZE,
            )


def _bonding(context: InstanceContext) -> Bonding:
    if context.config.signalling == "repeat":
        return RepeatedMagic(context)
    return RingBack(context) if context.config.unbound == "disable" else Sessions(context)
