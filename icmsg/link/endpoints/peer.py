"""The other side of a link for a test, with several endpoints, on a core that Python plays.

>>> from icmsg.config.boards import NRF5340
>>> from icmsg.engines.embedded.machine import EmbeddedMachine
>>> machine = EmbeddedMachine()
>>> app = EndpointsPeer(machine, machine.core("app"), NRF5340.icbmsg, ["ep0", "ep1"])
>>> net = EndpointsPeer(machine, machine.core("net"), NRF5340.icbmsg.mirrored(), ["ep0", "ep1"])
>>> app.wait_for_bound()
>>> app.endpoint("ep1").send(b"hello")
>>> net.endpoint("ep1").receive()
b'hello'

Returns of an endpoint: messages that it sent, and what came back of them from a peer that sends back.

>>> returns = Returns()
>>> for number in (1, 2):
...     returns.sent(bytes([number]))
>>> for _ in range(2):
...     returns.received(bytes([2]))
>>> returns.overwritten()
(1, 2)
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.errors import IpcError, VirtualTimeoutError
from icmsg.ipc import AtEndpoint
from icmsg.ipc.backend import RECEIVED, SENT
from icmsg.link.diagnosis.findings import LinkFinding
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.played_instance import TIMEOUT_NS, Inbox, PlayedInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from icmsg.errors import IcmsgError
    from icmsg.ipc import Detail, Happened, Observer, SeveralEndpoints
    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.played_instance import PlayedMailbox
    from icmsg.machine.machine import Core, Machine


_KEPT: Final = 64


class Returns:
    """The last messages of both directions of one endpoint, whose ends are counted from 1."""

    def __init__(self) -> None:
        self._sent: Final[deque[bytes]] = deque(maxlen=_KEPT)
        self._received: Final[deque[bytes]] = deque(maxlen=_KEPT)
        self._sent_count = self._received_count = 0

    def sent(self, data: bytes) -> None:
        """Take one that this side sent."""
        self._sent.append(data)
        self._sent_count += 1

    def received(self, data: bytes) -> None:
        """Take one that came."""
        self._received.append(data)
        self._received_count += 1

    def overwritten(self) -> tuple[int, int] | None:
        """Return (the message that did not come back, the later one that came in its place and once more).

        None where nothing looks so: what came is no echo, or all of it is there.
        """
        if len(set(self._sent)) < len(self._sent):
            return None  # they cannot be told apart
        first = self._sent_count - len(self._sent)
        came = list(self._received)
        offset = self._received_count - len(came)
        for place, data in enumerate(self._sent):
            number = first + place
            if number < offset or number >= self._received_count or data in came:
                continue
            instead = came[number - offset]
            if instead in self._sent and came.count(instead) > 1 and self._sent.index(instead) > place:
                return number + 1, first + self._sent.index(instead) + 1
        return None


class PeerEndpoint(Inbox):
    """Endpoint of ``peer``, registered at once, with everything it received.

    ``received`` and ``errors`` fill up by themselves; nothing is taken out of ``received`` but by :meth:`receive`.
    ``endpoint`` is that of the backend, for buffers without a copy and what else only some have.
    """

    def __init__(self, peer: EndpointsPeer, name: str, prio: int = 0) -> None:
        super().__init__(peer.core, name)
        self.peer: Final = peer
        self.name: Final = name
        self.endpoint = peer.instance.register_endpoint(self.callbacks(name, prio))

    @property
    def instance(self) -> SeveralEndpoints:
        """The backend."""
        return self.peer.instance

    def wait(self, satisfied: Callable[[], bool], timeout_ns: int, what: str) -> None:
        """Run until ``satisfied()``, as the peer's :meth:`~EndpointsPeer.wait`."""
        self.peer.wait(satisfied, timeout_ns, what)

    def close(self) -> None:
        """Deregister it; IpcError where Zephyr refuses that."""
        self.endpoint.deregister()

    def reopen(self) -> None:
        """Register it again; IpcError where Zephyr refuses that."""
        self.endpoint.reopen()

    def examine(self) -> Diagnosis:
        """Return what is wrong with the link, and the state it is in; nothing is changed."""
        return self.peer.examine()

    def __repr__(self) -> str:
        state = "bound" if self.is_bound else "not bound"
        return f"<PeerEndpoint {self.name} of {self.core.name}: {state}, {len(self.received)} received>"


class EndpointsPeer:
    """Plays ``core`` of ``machine`` by Python, opens its instance and registers ``endpoints``, both at once.

    :meth:`endpoint` registers further ones. Several peers on one core share a ``mailbox``; ``observer`` is told what
    the backend does.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work.
        IpcError: the instance cannot be opened, or an endpoint not be registered.
    """

    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: SeveralConfig,
        endpoints: Iterable[str] = (),
        *,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.machine: Final = machine
        self.core: Final = core
        self.config: Final = config
        self._other = next(other for other in machine.cores.values() if other.name != core.name)
        self._observer = observer
        self._returns: dict[str, Returns] = {}
        self.played: Final[PlayedInstance[SeveralEndpoints]] = PlayedInstance(
            machine, core, config, mailbox, self._observed
        )
        self.endpoints: Final[dict[str, PeerEndpoint]] = {}
        """The endpoints by name."""
        _peers_of(machine).append(self)
        self.instance.open()
        for name in endpoints:
            self.endpoint(name)

    def _observed(self, kind: Happened, detail: Detail) -> None:
        if isinstance(detail, AtEndpoint) and isinstance(detail.detail, bytes) and kind in (SENT, RECEIVED):
            returns = self._returns.setdefault(detail.endpoint, Returns())
            (returns.sent if kind is SENT else returns.received)(detail.detail)
        if self._observer is not None:
            self._observer(kind, detail)

    @property
    def instance(self) -> SeveralEndpoints:
        """The backend."""
        return self.played.instance

    def endpoint(self, name: str, *, prio: int = 0) -> PeerEndpoint:
        """Return an endpoint by its name; one that is not there yet is registered."""
        if name not in self.endpoints:
            self.endpoints[name] = self._make(name, prio)
        return self.endpoints[name]

    def _make(self, name: str, prio: int) -> PeerEndpoint:
        """Register an endpoint; who has another kind of endpoints overrides this."""
        return PeerEndpoint(self, name, prio)

    def reopen(self) -> None:
        """Start over with the endpoints there are, as after a restart of this side alone; the peer must, too.

        Raises:
            IpcError: the backend cannot (icmsg_me).
        """
        again = getattr(self.instance, "reopen", None)
        if again is None:
            raise IpcError(f"{self.config.name}: icmsg_me cannot start over: reset both cores", errno.EIO)
        again()

    @property
    def is_bound(self) -> bool:
        """True while there are endpoints and all of them are bound."""
        return self.instance.is_bound

    @property
    def errors(self) -> list[IcmsgError]:
        """The errors of all endpoints; what concerns no single one is there once."""
        found = {id(error): error for each in self.endpoints.values() for error in each.errors}
        return list(found.values())

    def wait_for_bound(self, timeout_ns: int = TIMEOUT_NS) -> None:
        """Run until every endpoint is bound; VirtualTimeoutError says what the link looks like."""
        names = ", ".join(name for name, each in self.endpoints.items() if not each.is_bound)
        self.wait(lambda: self.is_bound, timeout_ns, f"{names} bound on {self.core.name}")

    def wait(self, satisfied: Callable[[], bool], timeout_ns: int, what: str) -> None:
        """Run until ``satisfied()``.

        Raises:
            VirtualTimeoutError: with regions, endpoints and blocks decoded, consoles and errors in the text.
        """
        try:
            self.machine.run_until(satisfied, timeout_ns=timeout_ns, what=what)
        except VirtualTimeoutError as error:
            raise VirtualTimeoutError("\n".join([str(error), *self.describe()])) from None

    def describe(self) -> list[str]:
        """Return lines about this side, both regions and both cores, for a failure message."""
        errors = [f"error on {self.core.name}: {error}" for error in self.errors[-3:]]
        return errors + self.examine().lines()

    def examine(self) -> Diagnosis:
        """Return what is wrong with the link, and the state it is in; nothing is changed."""
        backends = {self.core.name: self.instance}
        for each in _peers_of(self.machine):
            if each.core.name == self._other.name and each.config.tx_region == self.config.rx_region:
                backends[each.core.name] = each.instance
        found = examine_endpoints(self.machine, self.core, self.config, self._other, backends)
        return replace(found, findings=(*self._overwritten(), *found.findings))

    def _overwritten(self) -> Iterator[LinkFinding]:
        """Yield the endpoints at which the peer sent back another message than the one that it had held."""
        for name, returns in self._returns.items():
            if (numbers := returns.overwritten()) is not None:
                first, later = numbers
                yield LinkFinding(
                    "held-overwritten",
                    f"{self._other.name} sent message {later} of {self.core.name} back at endpoint {name} in place of "
                    f"message {first}, and once more: what it held was overwritten by the next message; it must not "
                    "give a buffer back, or read into it, before release_rx_buffer",
                )

    def __repr__(self) -> str:
        names = ", ".join(
            f"{name} {'bound' if each.is_bound else 'not bound'}" for name, each in self.endpoints.items()
        )
        return f"<EndpointsPeer {self.core.name}: {names or 'no endpoints'}, {self.instance.state.name}>"


def _peers_of(machine: Machine) -> list[EndpointsPeer]:
    """Return all peers of a machine, so that a diagnosis knows both sides where Python plays both."""
    found = machine.events.kept.setdefault(EndpointsPeer, [])
    assert isinstance(found, list)
    return found
