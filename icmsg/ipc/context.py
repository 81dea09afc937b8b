"""Holdings of one instance: two packet buffers, two mailbox channels, a state and the endpoint's callbacks.

The bonding procedures (:mod:`icmsg.ipc.magic`, :mod:`icmsg.ipc.session`) and the instance share one
:class:`InstanceContext`; it knows no procedure itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.ipc.clock import WorkItem
from icmsg.ipc.endpoint import EndpointConfig
from icmsg.ipc.happened import BOUND, ERROR, RING, STATE, UNBOUND
from icmsg.ipc.state import BINDS, LegacyState, State, transitions_of
from icmsg.wire.pbuf_reader import PbufReader
from icmsg.wire.pbuf_writer import PbufWriter
from icmsg.wire.spsc_reader import SpscReader
from icmsg.wire.spsc_writer import SpscWriter

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.errors import IcmsgError
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Callback, Clock
    from icmsg.ipc.happened import Observer
    from icmsg.ipc.state import AnyState, Input
    from icmsg.wire.packet_buffer import PacketReader, PacketWriter


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
