"""The ICMsg backend: bonding, endpoints and messages, without engine or registers.

Two instances over one buffer, joined by an in-memory mailbox::

    >>> from icmsg.config import InstanceConfig, Region
    >>> from icmsg.hw.bus import MemoryBus
    >>> from icmsg.hw.mailbox import mailbox_pair
    >>> from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock
    >>> bus = MemoryBus(bytearray(0x1000), base=0x2007_0000)
    >>> clock = VirtualClock()
    >>> app_mailbox, net_mailbox = mailbox_pair()
    >>> config = InstanceConfig(Region(0x2007_0000, 0x800), Region(0x2007_0800, 0x800))
    >>> app = IcmsgInstance(bus, app_mailbox, clock, config)
    >>> net = IcmsgInstance(bus, net_mailbox, clock, config.mirrored())
    >>> app_mailbox.on_signal = InterruptHandler(app_mailbox, app).handle
    >>> net_mailbox.on_signal = InterruptHandler(net_mailbox, net).handle
    >>> ep = app.register_endpoint(EndpointConfig(bound=lambda: print("app bound")))
    >>> _ = net.register_endpoint(EndpointConfig(received=print))
    >>> clock.settle()
    app bound
    True
    >>> ep.send(b"hello")
    5
    >>> clock.settle()
    b'hello'
    True

The peer may be anything that keeps to the protocol over the same bytes: firmware on an emulated core,
Zephyr's own C code on the host, or a test. Only three things join it: the buffer behind the bus,
``mailbox.ring`` (the peer's interrupt) and :meth:`IcmsgInstance.mailbox_rang` (this side's interrupt).
"""

from __future__ import annotations

from icmsg.ipc.backend import (
    AtEndpoint,
    Backend,
    BackendConfig,
    BackendEndpoint,
    Detail,
    EndpointConfig,
    Happened,
    InterruptHandler,
    LegacyState,
    Observer,
    SeveralEndpoints,
    State,
)
from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.clock import Clock, SendQueue, Timer, VirtualClock
from icmsg.ipc.discriminator import PeerTraces, identify
from icmsg.ipc.icbmsg import (
    EndpointState,
    IcbmsgEndpoint,
    IcbmsgInstance,
    IcbmsgReworkInstance,
    ReworkState,
    RxBuffer,
    TxBuffer,
    Waiter,
)
from icmsg.ipc.icmsg_me import IcmsgMeEndpoint, IcmsgMeInstance
from icmsg.ipc.instance import Endpoint, IcmsgInstance
from icmsg.ipc.recognise import RegionWriter, backend_for, recognise

__all__ = [
    "MAGIC",
    "AtEndpoint",
    "Backend",
    "BackendConfig",
    "BackendEndpoint",
    "Clock",
    "Detail",
    "Endpoint",
    "EndpointConfig",
    "EndpointState",
    "Happened",
    "IcbmsgEndpoint",
    "IcbmsgInstance",
    "IcbmsgReworkInstance",
    "IcmsgInstance",
    "IcmsgMeEndpoint",
    "IcmsgMeInstance",
    "InterruptHandler",
    "LegacyState",
    "Observer",
    "PeerTraces",
    "RegionWriter",
    "ReworkState",
    "RxBuffer",
    "SendQueue",
    "SeveralEndpoints",
    "State",
    "Timer",
    "TxBuffer",
    "VirtualClock",
    "Waiter",
    "backend_for",
    "identify",
    "recognise",
]
