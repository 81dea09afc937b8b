"""The other side of a link for a test: ICMsg on a core that Python plays, with everything it received.

Whoever writes a test wants to wait for something, in virtual time, and to read on failure what the link looks like.

Inbox of an endpoint that a test opens: what it received, and how often it was bound.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.errors import VirtualTimeoutError
from icmsg.ipc import EndpointConfig
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.link import observe_link
from icmsg.link.played_instance import PlayedInstance
from icmsg.timers import S

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.instance import InstanceConfig
    from icmsg.errors import IcmsgError
    from icmsg.ipc import Endpoint, IcmsgInstance, Observer
    from icmsg.link.diagnosis.diagnosis import Diagnosis
    from icmsg.link.played_instance import PlayedMailbox
    from icmsg.machine.machine import Core, Machine


class Inbox:
    """Callbacks of an endpoint, which fill ``received`` and ``errors`` and count ``bound`` and ``unbound``."""

    def __init__(self) -> None:
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


TIMEOUT_NS: Final = 1 * S
"""Duration of a wait that says nothing else; virtual time."""


class Peer(Inbox):
    """Plays ``core`` of ``machine`` by Python and opens its endpoint at once.

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
        super().__init__()
        self.machine: Final = machine
        self.core: Final = core
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

    @property
    def is_bound(self) -> bool:
        """True while messages can be sent."""
        return self.instance.is_bound

    # Waiting

    def wait_for_bound(self, timeout_ns: int = TIMEOUT_NS) -> None:
        """Run until the endpoint is bound; VirtualTimeoutError says what the link looks like."""
        self.wait(lambda: self.is_bound, timeout_ns, f"bound on {self.core.name}")

    def wait_for_unbound(self, timeout_ns: int = TIMEOUT_NS) -> None:
        """Run until the peer has closed or restarted, from now on."""
        before = self.unbound_count
        self.wait(lambda: self.unbound_count > before, timeout_ns, f"unbound on {self.core.name}")

    def receive(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        """Run until a message is there, and take it; VirtualTimeoutError if none comes."""
        self.wait(lambda: bool(self.received), timeout_ns, f"a message for {self.core.name}")
        return self.received.popleft()

    def wait(self, satisfied: Callable[[], bool], timeout_ns: int, what: str) -> None:
        """Run until ``satisfied()``.

        Raises:
            VirtualTimeoutError: with both regions decoded, consoles and errors in the text.
        """
        try:
            self.machine.run_until(satisfied, timeout_ns=timeout_ns, what=what)
        except VirtualTimeoutError as error:
            raise VirtualTimeoutError("\n".join([str(error), *self.describe()])) from None

    # Sending

    def send(self, data: bytes) -> None:
        """Send one message; IpcError as :meth:`icmsg.ipc.IcmsgInstance.send`."""
        self.endpoint.send(data)

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
