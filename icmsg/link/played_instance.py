"""A backend played by Python on a core: that core's mailbox driver, its interrupt, and the backend, joined.

For a test it also has everything that it received.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar, overload
from zlib import crc32

from icmsg.config import InstanceConfig
from icmsg.errors import VirtualTimeoutError
from icmsg.ipc import (
    AtEndpoint,
    Backend,
    EndpointConfig,
    IcmsgInstance,
    InterruptHandler,
    ReworkState,
    backend_for,
)
from icmsg.ipc.backend import RECEIVED, RING, SENT, STATE
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.diagnosis.observations import observe_link
from icmsg.link.preconditions import check_regions
from icmsg.machine.events import ENDPOINT_SHIFT, REWORK_STATES, EventKind
from icmsg.timers import S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.config import IcbmsgConfig, IcmsgMeConfig
    from icmsg.errors import IcmsgError
    from icmsg.ipc import BackendEndpoint, Detail, Endpoint, Happened, Observer, SeveralEndpoints
    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine

BackendT = TypeVar("BackendT", bound=Backend)

_PACKET_SENT: Final = EventKind.PACKET_SENT
_PACKET_RECEIVED: Final = EventKind.PACKET_RECEIVED


class PlayedMailbox:
    """The mailbox of ``core``, which Python plays, for any number of instances.

    ``tx_channels`` and ``rx_channels`` are the masks of the devicetree; by default all channels, as in Zephyr's own.

    Raises:
        EngineError: firmware runs on that core.
    """

    def __init__(self, core: Core, *, tx_channels: int | None = None, rx_channels: int | None = None) -> None:
        port = core.mailbox_port
        masks = (port.kind.all_channels if mask is None else mask for mask in (tx_channels, rx_channels))
        tx, rx = masks
        self.driver: Final = port.kind.driver(
            core.bus, port.base, tx_base=port.tx_base, tx_channels=tx, rx_channels=rx
        )
        self.handler: Final = InterruptHandler(self.driver)
        for interrupt in port.interrupts.values():
            core.on_interrupt(interrupt, self.handler.handle)


class PlayedInstance(Generic[BackendT]):
    """Instance on ``core``, which Python plays; everything goes through that core's registers and memory.

    ``instance`` is the backend, of the kind that ``config`` says. What it does is put into the machine's event stream,
    and ``observer`` is told. Where a core has several instances they share one ``mailbox``; None makes one with the two
    channels of this instance.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work, or another instance of the mailbox has its RX channel.
    """

    @overload
    def __init__(
        self: PlayedInstance[IcmsgInstance],
        machine: Machine,
        core: Core,
        config: InstanceConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: PlayedInstance[SeveralEndpoints],
        machine: Machine,
        core: Core,
        config: IcbmsgConfig | IcmsgMeConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None: ...
    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: InstanceConfig | IcbmsgConfig | IcmsgMeConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None:
        check_regions(machine, core, config)
        mailbox = mailbox or PlayedMailbox(
            core, tx_channels=1 << config.tx_channel, rx_channels=1 << config.rx_channel
        )
        self._core = core
        self._observer = observer
        self._places: dict[str, int] = {}
        self.mailbox: Final = mailbox.driver
        observe = self._observe if isinstance(config, InstanceConfig) else self._observe_endpoint
        made = backend_for(core.bus, self.mailbox, machine.clock, config, observer=observe)
        self.instance: Final[BackendT] = made  # type: ignore[assignment]  # as the overloads say
        mailbox.handler.add(made)
        _played_on(machine)[core.name, config.tx_region.address] = made

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if isinstance(detail, bytes):
            if kind is SENT:
                self._core.emit(_PACKET_SENT, len(detail), crc32(detail))
            elif kind is RECEIVED:
                self._core.emit(_PACKET_RECEIVED, len(detail), crc32(detail))
        elif kind is STATE and isinstance(detail, int):
            offset = REWORK_STATES if isinstance(detail, ReworkState) else 0
            self._core.emit(EventKind.STATE, detail + offset)
        if self._observer is not None:
            self._observer(kind, detail)

    def _observe_endpoint(self, kind: Happened, detail: Detail) -> None:
        if (
            (kind is SENT or kind is RECEIVED)
            and isinstance(detail, AtEndpoint)
            and isinstance(data := detail.detail, bytes)
        ):
            packet = _PACKET_SENT if kind is SENT else _PACKET_RECEIVED
            place = self._places.get(detail.endpoint) or self._place(detail.endpoint)
            self._core.emit(packet, place | len(data), crc32(data))
            if self._observer is not None:
                self._observer(kind, detail)
        elif kind is not RING or self._observer is not None:
            self._observe(kind, detail)

    def _place(self, endpoint: str) -> int:
        """Return the endpoint's part of an event: its number from 1, in the order in which they spoke first."""
        place = self._places[endpoint] = len(self._places) + 1 << ENDPOINT_SHIFT
        return place


def played_backends(machine: Machine, configs: Mapping[str, SeveralConfig]) -> dict[str, SeveralEndpoints]:
    """Return the backends with several endpoints that Python plays on a link, by core."""
    found = _played_on(machine)
    return {
        core: backend  # type: ignore[misc]  # those of such a configuration
        for core, config in configs.items()
        if (backend := found.get((core, config.tx_region.address))) is not None
        and not isinstance(backend, IcmsgInstance)
    }


def _played_on(machine: Machine) -> dict[tuple[str, int], Backend]:
    """Return the backend that was made last for each core and tx-region of a machine."""
    found = machine.events.kept.setdefault(PlayedInstance, {})
    assert isinstance(found, dict)
    return found


TIMEOUT_NS: Final = 1 * S
"""Duration of a wait that says nothing else; virtual time."""


class Inbox(ABC):
    """Callbacks of a test's endpoint, which fill ``received`` and ``errors`` and count ``bound`` and ``unbound``.

    ``name`` is what waits call it, where there are several.
    """

    endpoint: BackendEndpoint
    """The endpoint, as the backend has it."""

    def __init__(self, core: Core, name: str = "") -> None:
        self.core: Final = core
        self._called = name and f"{name} "
        self.received: Final[deque[bytes]] = deque()
        self.errors: Final[list[IcmsgError]] = []
        self.bound_count = 0
        self.unbound_count = 0

    def take(self, data: bytes) -> None:
        """Keep one message; who does something else with it overrides this."""
        self.received.append(data)

    def callbacks(self, name: str, prio: int = 0) -> EndpointConfig:
        """Return what the backend is given for the endpoint ``name``."""
        return EndpointConfig(
            name=name,
            bound=self._bound,
            received=self.take,
            error=self.errors.append,
            unbound=self._unbound,
            prio=prio,
        )

    def _bound(self) -> None:
        self.bound_count += 1

    def _unbound(self) -> None:
        self.unbound_count += 1

    @property
    def is_bound(self) -> bool:
        """True while messages can be sent."""
        return self.endpoint.is_bound

    def send(self, data: bytes) -> None:
        """Send one message; IpcError as the backend's endpoint."""
        self.endpoint.send(data)

    @abstractmethod
    def wait(self, satisfied: Callable[[], bool], timeout_ns: int, what: str) -> None:
        """Run until ``satisfied()``.

        Raises:
            VirtualTimeoutError: with regions decoded, consoles and errors in the text.
        """

    def wait_for_bound(self, timeout_ns: int = TIMEOUT_NS) -> None:
        """Run until the endpoint is bound; VirtualTimeoutError says what the link looks like."""
        self.wait(lambda: self.is_bound, timeout_ns, f"{self._called}bound on {self.core.name}")

    def wait_for_unbound(self, timeout_ns: int = TIMEOUT_NS) -> None:
        """Run until the peer has closed, restarted, or taken its endpoint away (the rework tells that), from now on."""
        before = self.unbound_count
        what = f"{self._called}unbound on {self.core.name}"
        self.wait(lambda: self.unbound_count > before, timeout_ns, what)

    def receive(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        """Run until a message is there, and take it; VirtualTimeoutError if none comes."""
        at = f"at {self._called}" if self._called else ""
        self.wait(lambda: bool(self.received), timeout_ns, f"a message {at}for {self.core.name}")
        return self.received.popleft()


class Peer(Inbox):
    """Plays ``core`` of ``machine`` by Python and opens its endpoint at once: the other side of a link for a test.

    Whoever writes a test wants to wait for something, in virtual time, and to read on failure what the link looks like.
    ``received`` and ``errors`` fill up by themselves; nothing is taken out of ``received`` but by :meth:`receive`.
    ``bound_count`` and ``unbound_count`` count the callbacks. Several peers on one core share a ``mailbox``;
    ``observer`` is told what the backend does.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work.
        IpcError: the instance cannot be opened.
    """

    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: InstanceConfig,
        *,
        endpoint: str = "ep0",
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(core)
        self.machine: Final = machine
        self.config: Final = config
        self._other = next(other for other in machine.cores.values() if other.name != core.name)
        observe_link(machine, core, self._other, config)
        self.played: Final[PlayedInstance[IcmsgInstance]] = PlayedInstance(
            machine, core, config, mailbox, observer
        )
        self._callbacks: Final = self.callbacks(endpoint)
        self.endpoint: Endpoint = self.instance.register_endpoint(self._callbacks)

    @property
    def instance(self) -> IcmsgInstance:
        """The backend."""
        return self.played.instance

    def wait(self, satisfied: Callable[[], bool], timeout_ns: int, what: str) -> None:
        """Run until ``satisfied()``.

        Raises:
            VirtualTimeoutError: with both regions decoded, consoles and errors in the text.
        """
        try:
            self.machine.run_until(satisfied, timeout_ns=timeout_ns, what=what)
        except VirtualTimeoutError as error:
            raise VirtualTimeoutError("\n".join([str(error), *self.describe()])) from None

    # Starting over

    def reopen(self) -> None:
        """Open the instance again from any state, as after a restart of this side alone."""
        self.instance.reopen(self._callbacks)

    def close(self) -> None:
        """Deregister the endpoint; with sessions the peer becomes unbound."""
        self.instance.deregister_endpoint()

    def __repr__(self) -> str:
        parts = ["bound" if self.is_bound else "not bound", self.instance.state.name]
        parts += [f"{count} {what}" for count, what in self._counts() if count]
        return f"<Peer {self.core.name}: {', '.join(parts)}>"

    def _counts(self) -> tuple[tuple[int, str], ...]:
        waiting, errors = len(self.received), len(self.errors)
        return (
            (waiting, f"message{'s' * (waiting != 1)} received"),
            (errors, f"error{'s' * (errors != 1)}, the last: {self.errors[-1]}" if errors else ""),
        )

    def describe(self) -> list[str]:
        """Return lines about this side, both regions and both cores, for a failure message."""
        instance = self.instance
        lines = [f"{self.core.name} (Python) is {instance.state.name}"]
        local, remote = instance.session_ids
        if local or remote:
            lines[0] += f", session {local}, the peer's is {remote}"
        lines += [f"error on {self.core.name}: {error}" for error in self.errors[-3:]]
        return lines + self.examine().lines()

    def examine(self) -> Diagnosis:
        """Return what is wrong with the link, and the state it is in; nothing is changed."""
        return examine(
            self.machine,
            self.core,
            self.config,
            self._other,
            bound=self.bound_count > 0,
            instances={self.core.name: self.instance},
        )
