"""The protocol of every backend: its regions and states, what an observer is told, and the handler of its interrupt.

It is all that whoever runs a backend relies on, whatever its wire.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from icmsg.errors import BusError, ConfigurationError, IcmsgError
from icmsg.hw.bus import BlockCheck
from icmsg.hw.mailbox import EdgeMailbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Callback
    from icmsg.wire.packet_buffer import Payload


class HasRegions(Protocol):
    """The regions of one side of any backend, as the core that uses them reaches them."""

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
    """Instance of one core: a state machine that ``mailbox_rang`` and the clock drive.

    :class:`~icmsg.ipc.IcmsgInstance` has exactly one endpoint and is open as long as that is registered. The backends
    with several endpoints are :class:`SeveralEndpoints`, too: they open by themselves, or with the first endpoint.
    """

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


class LegacyState(IntEnum):
    """``enum icmsg_state`` of Zephyr 3.2 to 4.0 (``signalling="repeat"``)."""

    OFF = 0
    BUSY = 1
    READY = 2


class State(IntEnum):
    """``enum icmsg_state`` of Zephyr ≥ 4.1 (``signalling="ring-back"``)."""

    OFF = 0
    INITIALIZING_SID_DISABLED = 1
    INITIALIZING_SID_ENABLED = 2
    INITIALIZING_SID_DETECT = 3
    DISCONNECTED = 4
    CONNECTED_SID_DISABLED = 5
    CONNECTED_SID_ENABLED = 6


AnyState = LegacyState | State


class Input(Enum):
    """The inputs of bonding; everything else leaves the state as it is."""

    OPEN = "the endpoint is registered, or the instance opened again"
    MAGIC = "the peer's magic was taken"
    MAGIC_FIRST = "the first packet there is a magic: the peer knows no sessions"
    ACKNOWLEDGED = "the peer has acknowledged our session id, and we its"
    LEFT = "the peer's session id is another one than the one that was acknowledged"
    CLOSE = "the endpoint is deregistered, or the core was reset"


Transitions = Mapping[tuple[AnyState, Input], AnyState]
"""(state, input): the next state, with Zephyr's names and numbers (protocol §2, §3).

What is not in a table does not happen.
"""

REPEAT: Final[Transitions] = {
    (LegacyState.OFF, Input.OPEN): LegacyState.BUSY,
    (LegacyState.BUSY, Input.MAGIC): LegacyState.READY,
    **{(state, Input.CLOSE): LegacyState.OFF for state in LegacyState},
}
"""Zephyr ≤ 4.0 (protocol §2.1)."""

RING_BACK: Final[Transitions] = {
    (State.OFF, Input.OPEN): State.INITIALIZING_SID_DISABLED,
    (State.INITIALIZING_SID_DISABLED, Input.MAGIC): State.CONNECTED_SID_DISABLED,
    **{(state, Input.CLOSE): State.OFF for state in State},
}
"""Zephyr ≥ 4.1, ``unbound = "disable"`` (protocol §2.2)."""

SESSIONS: Final[Transitions] = {
    **{(state, Input.OPEN): State.INITIALIZING_SID_ENABLED for state in State},
    (State.INITIALIZING_SID_ENABLED, Input.ACKNOWLEDGED): State.CONNECTED_SID_ENABLED,
    (State.CONNECTED_SID_ENABLED, Input.LEFT): State.DISCONNECTED,
    **{(state, Input.CLOSE): State.OFF for state in State},
}
"""``unbound = "enable"``, opened from any state (protocol §3.2 to §3.5)."""

DETECT: Final[Transitions] = {
    **SESSIONS,
    **{(state, Input.OPEN): State.INITIALIZING_SID_DETECT for state in State},
    (State.INITIALIZING_SID_DETECT, Input.ACKNOWLEDGED): State.CONNECTED_SID_ENABLED,
    (State.INITIALIZING_SID_DETECT, Input.MAGIC_FIRST): State.INITIALIZING_SID_DISABLED,
    (State.INITIALIZING_SID_DISABLED, Input.MAGIC): State.CONNECTED_SID_DISABLED,
}
"""``unbound = "detect"``: sessions, or magic with a peer that knows none (protocol §3.6)."""

BINDS: Final = frozenset((Input.MAGIC, Input.ACKNOWLEDGED))
"""The inputs behind which messages flow, until the next one."""


def transitions_of(config: InstanceConfig) -> Transitions:
    """Return the table by which an instance bonds."""
    if config.signalling == "repeat":
        return REPEAT
    return {"disable": RING_BACK, "enable": SESSIONS, "detect": DETECT}[config.unbound]


class Happened(str, enum.Enum):
    """Kind of an event that an observer is told; the comment gives the detail, whose type follows from the kind.

    A kind is also its word, ``Happened.SENT == "sent"``.
    """

    STATE = "state"  # the instance is in another state: a member of its enum of states
    SENT = "sent"  # a message lies in the TX buffer, its ring follows: the payload
    RECEIVED = "received"  # a message was taken, the endpoint's callback follows: the payload
    DROPPED = "dropped"  # a message was to be sent while the peer is gone: the payload
    RING = "ring"  # the instance rings its peer: the mbox channel
    BOUND = "bound"  # both sides are ready, the endpoint's callback follows: None
    UNBOUND = "unbound"  # the peer is gone, the endpoint's callback follows: None
    ERROR = "error"  # the peer did something wrong, the endpoint's callback follows: the exception

    __str__ = str.__str__


# The members by themselves: to look one up in its enum takes longer than to tell it.
STATE, SENT, RECEIVED, DROPPED, RING, BOUND, UNBOUND, ERROR = Happened


class AtEndpoint(NamedTuple):
    """Detail of an event at one of several endpoints."""

    endpoint: str
    """The endpoint's name."""
    detail: bytes | IcmsgError | None
    """The same that a backend with one endpoint tells by itself."""


Detail = IntEnum | bytes | int | IcmsgError | AtEndpoint | None
Observer = Callable[[Happened, Detail], None]
"""Called with everything that an instance does, in order; it may take ``(str, object)`` as well."""
