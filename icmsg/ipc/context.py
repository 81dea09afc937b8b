"""Holdings of one instance: two packet buffers, two mailbox channels, a state and the endpoint's callbacks.

The bonding procedures (:mod:`icmsg.ipc.bonding`, :mod:`icmsg.ipc.bonding`) and the instance share one
:class:`InstanceContext`; it knows no procedure itself.

The endpoint of an instance: what an application registers, and what it gets back.

Names are Zephyr's: ``ipc_service_register_endpoint``, ``ipc_service_send``,
``ipc_service_deregister_endpoint``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.ipc.clock import WorkItem
from icmsg.ipc.state import BINDS, BOUND, ERROR, RING, STATE, UNBOUND, LegacyState, State, transitions_of
from icmsg.wire.pbuf import PbufReader, PbufWriter
from icmsg.wire.spsc import SpscReader, SpscWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.instance import InstanceConfig
    from icmsg.errors import IcmsgError
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Callback, Clock
    from icmsg.ipc.instance import IcmsgInstance
    from icmsg.ipc.state import AnyState, Input, Observer
    from icmsg.wire.packet_buffer import PacketReader, PacketWriter, Payload


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Callbacks of an endpoint; each runs from the clock's queue, never inside a call of the application.

    A callback may call everything of the endpoint. If it raises, the instance stays in order and the error
    reaches whoever runs the clock.
    """

    name: str = ""
    """ICMsg has one endpoint per instance and does not transmit its name; the other backends bind by it."""
    bound: Callable[[], None] | None = None
    """Both sides are ready. In magic mode Zephyr calls it before it sends itself: :meth:`Endpoint.send` still
    raises EBUSY inside, so send the first message from the next piece of work (``clock.call_soon``)."""
    received: Callable[[bytes], None] | None = None
    """One message arrived."""
    error: Callable[[IcmsgError], None] | None = None
    """The peer broke the protocol; the text says what is wrong and where, nothing was consumed."""
    unbound: Callable[[], None] | None = None
    """The peer closed or restarted (sessions only); :meth:`Endpoint.reopen` bonds again, also from inside."""
    prio: int = 0
    """Priority; with more than 0 messages overtake those that wait with them (ICBMsg's rework only)."""


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
    """Memory, mailbox, state and callbacks of one instance."""

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
