"""The protocol of every backend: all that whoever runs one relies on, whatever its wire.

:class:`~icmsg.ipc.IcmsgInstance` has exactly one endpoint and is open as long as that is registered. The backends with
several endpoints are :class:`SeveralEndpoints`, too: they open by themselves, or with the first endpoint.

Regions of an instance, as the core that uses them reaches them.

Interrupt handler: acknowledges each pending channel and tells the instance that listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import BlockCheck
from icmsg.hw.mailbox import EdgeMailbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import IntEnum

    from icmsg.config.instance import Region
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Callback
    from icmsg.ipc.context import EndpointConfig
    from icmsg.ipc.state import Observer
    from icmsg.wire.packet_buffer import Payload


class HasRegions(Protocol):
    """The configuration of one side of any backend."""

    @property
    def name(self) -> str:
        """The instance's name in messages."""

    @property
    def tx_region(self) -> Region:
        """The region that this side writes."""

    @property
    def rx_region(self) -> Region:
        """The region that this side reads."""


def check_regions(bus: Bus, config: HasRegions) -> None:
    """Refuse regions that the bus does not have; without an access, which the peer or a test might see.

    Raises :class:`ConfigurationError`.
    """
    if isinstance(bus, BlockCheck):
        _check(bus, config, "tx-region", config.tx_region)
        _check(bus, config, "rx-region", config.rx_region)


def _check(bus: BlockCheck, config: HasRegions, name: str, region: Region) -> None:
    try:
        bus.check_block(region.address, region.size)
    except BusError as error:
        raise ConfigurationError(
            f"{config.name}: the {name} {region} is not memory that this core can reach: {error}"
        ) from error


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


class InterruptHandler:
    """Interrupt handler of a mailbox for any number of instances; call :meth:`handle` when the interrupt
    fires.

    A channel is acknowledged before its instance looks for data, so that no ring in between is lost. Channels
    that nobody listens to are acknowledged, too. An :class:`~icmsg.hw.mailbox.EdgeMailbox` says itself whom to serve.
    """

    __slots__ = ("_mailbox", "_rang", "_rung")

    def __init__(self, mailbox: Mailbox, *instances: Backend) -> None:
        self._mailbox = mailbox
        self._rung = mailbox.interrupted if isinstance(mailbox, EdgeMailbox) else mailbox.pending
        self._rang: dict[int, Callback] = {}
        for instance in instances:
            self.add(instance)

    def add(self, instance: Backend) -> None:
        """Listen for ``instance``; ConfigurationError when another one has its RX channel."""
        channel = instance.config.rx_channel
        if channel in self._rang:
            raise ConfigurationError(
                f"two instances receive on mailbox channel {channel}: "
                f"give {instance.config.name} its own rx_channel"
            )
        self._rang[channel] = instance.mailbox_rang

    def replace(self, instance: Backend) -> None:
        """Listen for ``instance`` instead of the one that had its RX channel, as after a core reset."""
        self._rang[instance.config.rx_channel] = instance.mailbox_rang

    def remove(self, channel: int) -> None:
        """Listen no more on an RX channel, if anybody does."""
        self._rang.pop(channel, None)

    def handle(self, _channel: int = 0) -> None:
        """Serve every pending channel; the argument lets a mailbox call this as its ``on_signal``."""
        mailbox = self._mailbox
        pending = self._rung()
        while pending:
            channel = (pending & -pending).bit_length() - 1
            pending &= pending - 1
            mailbox.acknowledge(channel)
            if channel in self._rang:
                self._rang[channel]()
