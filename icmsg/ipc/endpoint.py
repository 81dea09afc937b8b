"""The endpoint of an instance: what an application registers, and what it gets back.

Names are Zephyr's: ``ipc_service_register_endpoint``, ``ipc_service_send``,
``ipc_service_deregister_endpoint``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.errors import IcmsgError
    from icmsg.ipc.instance import IcmsgInstance
    from icmsg.wire.packet_buffer import Payload


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
