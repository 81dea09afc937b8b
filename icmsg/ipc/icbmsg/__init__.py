"""ICBMsg: several endpoints and messages in blocks, in the three generations of its protocol.

Two instances over one buffer, joined by an in-memory mailbox::

    >>> from icmsg.config import IcbmsgConfig, Region
    >>> from icmsg.hw.bus import MemoryBus
    >>> from icmsg.hw.mailbox import mailbox_pair
    >>> from icmsg.ipc import EndpointConfig, IcbmsgInstance, InterruptHandler, VirtualClock
    >>> bus = MemoryBus(bytearray(0x1000), base=0x2007_0000)
    >>> clock = VirtualClock()
    >>> app_mailbox, net_mailbox = mailbox_pair()
    >>> config = IcbmsgConfig(Region(0x2007_0000, 0x800), Region(0x2007_0800, 0x800), tx_blocks=16, rx_blocks=8)
    >>> app = IcbmsgInstance(bus, app_mailbox, clock, config)
    >>> net = IcbmsgInstance(bus, net_mailbox, clock, config.mirrored())
    >>> app_mailbox.on_signal = InterruptHandler(app_mailbox, app).handle
    >>> net_mailbox.on_signal = InterruptHandler(net_mailbox, net).handle
    >>> ep0 = app.register_endpoint(EndpointConfig("ep0", bound=lambda: print("ep0 bound")))
    >>> ep1 = app.register_endpoint(EndpointConfig("ep1", bound=lambda: print("ep1 bound")))
    >>> _ = net.register_endpoint(EndpointConfig("ep1", received=print))
    >>> clock.settle()
    ep1 bound
    True
    >>> ep1.send(b"hello")
    5
    >>> clock.settle()
    b'hello'
    True
"""

from __future__ import annotations

from icmsg.ipc.icbmsg.classic import IcbmsgInstance
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint, RxBuffer, TxBuffer, Waiter
from icmsg.ipc.icbmsg.rework import IcbmsgReworkInstance
from icmsg.ipc.icbmsg.rework_receiver import ReworkState

__all__ = [
    "EndpointState",
    "IcbmsgEndpoint",
    "IcbmsgInstance",
    "IcbmsgReworkInstance",
    "ReworkState",
    "RxBuffer",
    "TxBuffer",
    "Waiter",
]
