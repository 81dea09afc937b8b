"""The protocol of every backend: all that whoever runs one relies on, whatever its wire.

:class:`~icmsg.ipc.IcmsgInstance` has exactly one endpoint and is open as long as that is registered. The backends with
several endpoints are :class:`SeveralEndpoints`, too: they open by themselves, or with the first endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icmsg.ipc.regions import HasRegions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import IntEnum

    from icmsg.ipc.endpoint import EndpointConfig
    from icmsg.ipc.happened import Observer
    from icmsg.wire.packet_buffer import Payload


class BackendConfig(HasRegions, Protocol):
    """Configuration of one side of one instance, whatever the backend."""

    @property
    def tx_channel(self) -> int:
        """The mailbox channel that this side rings."""

    @property
    def rx_channel(self) -> int:
        """The mailbox channel that the peer rings."""


class BackendEndpoint(Protocol):
    """A registered endpoint."""

    @property
    def name(self) -> str:
        """The name with which it was registered."""

    @property
    def is_bound(self) -> bool:
        """True while both sides are ready."""

    def send(self, data: Payload) -> int:
        """Send one message and return its length in bytes; IpcError with Zephyr's errno, nothing was sent then."""

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes."""

    def deregister(self) -> None:
        """Take it away; IpcError where Zephyr refuses that."""

    def reopen(self) -> None:
        """Register it again with its callbacks."""


class Backend(Protocol):
    """Instance of one core: a state machine that ``mailbox_rang`` and the clock drive."""

    @property
    def config(self) -> BackendConfig:
        """The configuration, never changed."""

    @property
    def state(self) -> IntEnum:
        """The state, with Zephyr's name and number; 0 is off."""

    @property
    def is_bound(self) -> bool:
        """True while messages can be sent at every endpoint there is, and there is one."""

    @property
    def observer(self) -> Observer | None:
        """The observer that is told everything that happens."""

    @observer.setter
    def observer(self, observer: Observer | None) -> None: ...

    def register_endpoint(self, config: EndpointConfig) -> BackendEndpoint:
        """Open the instance unless it is open, and start to bind; returns at once."""

    def mailbox_rang(self) -> None:
        """Tell that the RX channel signalled; the work is done from the clock's queue."""

    def reset(self) -> None:
        """Be off as after a reset of this core: memory stays as it is and the peer is not told."""


class SeveralEndpoints(Backend, Protocol):
    """A backend with several endpoints."""

    @property
    def endpoints(self) -> Sequence[BackendEndpoint]:
        """The registered endpoints, in the order of their numbers."""

    def open(self) -> None:
        """Start to bond; IpcError with EALREADY when it is open."""

    def close(self) -> None:
        """Stop; IpcError where Zephyr refuses that."""
