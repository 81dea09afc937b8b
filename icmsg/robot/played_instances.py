"""Instances and endpoints on a core that Python plays, with what reached each of them.

Messages that a played endpoint sends back, one behind the other, as soon as there is room.
"""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.errors import IpcError
from icmsg.ipc import AtEndpoint, Happened
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.endpoints.peer import EndpointsPeer, PeerEndpoint
from icmsg.link.peer import Peer
from icmsg.link.played_instance import PlayedMailbox
from icmsg.robot.settings import happened_words, summary_line
from icmsg.timers import US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.config.instance import InstanceConfig
    from icmsg.errors import IcmsgError
    from icmsg.ipc import BackendEndpoint, Detail
    from icmsg.ipc.clock import Clock
    from icmsg.ipc.icbmsg.buffers import RxBuffer
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.report import EventRecorder


_LOOK_AGAIN_NS: Final = 10 * US
"""Nobody signals that room was made in the region."""


class SendingBack:
    """Queue of the messages that ``endpoint`` sends back; what is refused for good goes to ``errors``."""

    def __init__(self, clock: Clock, errors: list[IcmsgError]) -> None:
        self._clock = clock
        self._errors = errors
        self._waiting: Final[deque[bytes]] = deque()

    def add(self, endpoint: BackendEndpoint, data: bytes) -> None:
        """Send one message back, now or when there is room."""
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._send(endpoint)

    def _send(self, endpoint: BackendEndpoint) -> None:
        while self._waiting and endpoint.is_bound:
            try:
                endpoint.send(self._waiting[0])
            except IpcError as error:
                if error.errno == errno.ENOMEM and len(self._waiting[0]) <= endpoint.get_tx_buffer_size():
                    self._clock.call_later(_LOOK_AGAIN_NS, lambda: self._send(endpoint))
                    return
                self._errors.append(error)
            self._waiting.popleft()


class PlayedOneOfSeveral(PeerEndpoint):
    """One of several endpoints; ``received`` are messages not expected yet."""

    def __init__(self, peer: EndpointsPeer, name: str, prio: int = 0) -> None:
        self.sent = 0
        self.got = 0
        self.expected_unbounds = 0
        """The part of ``unbound_count`` that the test has expected."""
        self.echoes = False
        """True while messages are sent back instead of kept."""
        self.holds = False
        """True while messages are held where they are instead of kept."""
        self.held: Final[deque[RxBuffer]] = deque()
        super().__init__(peer, name, prio)
        self._back = SendingBack(peer.machine.clock, self.errors)

    def summary(self) -> str:
        """Return in one line how it stands."""
        state = self.instance.state.name
        title = f"{self.core.name} plays {self.peer.config.name}, endpoint {self.name}"
        return summary_line(title, state, self.is_bound, self.sent, self.got, self.received)

    def take(self, data: bytes) -> None:
        """Keep one message, hold it, or send it back."""
        if self.holds and isinstance(self.endpoint, IcbmsgEndpoint):
            self.held.append(self.endpoint.hold_rx_buffer())
        elif self.echoes:
            self._back.add(self.endpoint, data)
        else:
            super().take(data)

    def send_held_back(self) -> int:
        """Send back what lies now in each buffer that is held, give all of them back, and return how many."""
        count = len(self.held)
        while self.held:
            buffer = self.held.popleft()
            data = buffer.read()
            buffer.release()
            self._back.add(self.endpoint, data)
        return count


class PlayedEndpoints(EndpointsPeer):
    """An instance whose endpoints are :class:`PlayedOneOfSeveral`."""

    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: SeveralConfig,
        endpoints: Iterable[str],
        mailbox: PlayedMailbox,
        recorder: EventRecorder,
    ) -> None:
        self.name: Final = config.name
        self._recorder = recorder
        super().__init__(machine, core, config, endpoints, mailbox=mailbox, observer=self._observe)

    def _make(self, name: str, prio: int) -> PlayedOneOfSeveral:
        return PlayedOneOfSeveral(self, name, prio)

    @property
    def each(self) -> list[PlayedOneOfSeveral]:
        """The endpoints in the order of their registration."""
        return [each for each in self.endpoints.values() if isinstance(each, PlayedOneOfSeveral)]

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if kind is Happened.RING:
            return  # the doorbell itself is an event
        where = self.name
        if isinstance(detail, AtEndpoint):
            where, at = f"{self.name}/{detail.endpoint}", self.endpoints.get(detail.endpoint)
            detail = detail.detail
            if isinstance(at, PlayedOneOfSeveral):
                at.sent += kind is Happened.SENT
                at.got += kind is Happened.RECEIVED
        now = self.machine.clock.now_ns()
        self._recorder.note(now, self.core.name, f"{where} {happened_words(kind, detail)}")


class PlayedEndpoint(Peer):
    """Instance with the endpoint ``ep0``, open from the start; ``received`` are messages not expected yet."""

    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: InstanceConfig,
        mailbox: PlayedMailbox,
        recorder: EventRecorder,
    ) -> None:
        self.name: Final = config.name
        self.sent = 0
        self.got = 0
        self.expected_unbounds = 0
        """The part of ``unbound_count`` that the test has expected."""
        self.echoes = False
        """True while messages are sent back instead of kept."""
        self._recorder = recorder
        super().__init__(machine, core, config, mailbox=mailbox, observer=self._observe)
        self._back = SendingBack(machine.clock, self.errors)

    def summary(self) -> str:
        """Return in one line how it stands."""
        title = f"{self.core.name} plays {self.name}"
        state = self.instance.state.name
        return summary_line(title, state, self.is_bound, self.sent, self.got, self.received)

    def take(self, data: bytes) -> None:
        """Keep one message, or send it back."""
        if self.echoes:
            self._back.add(self.endpoint, data)
        else:
            super().take(data)

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if kind is Happened.RING:
            return  # the doorbell itself is an event
        if isinstance(detail, bytes):
            self.sent += kind is Happened.SENT
            self.got += kind is Happened.RECEIVED
        self._recorder.note(
            self.machine.clock.now_ns(), self.core.name, f"{self.name} {happened_words(kind, detail)}"
        )


Played = PlayedEndpoint | PlayedOneOfSeveral
"""An endpoint that Python plays, the only one of its instance or one of several."""


class PlayedInstances:
    """The mailbox of a core that Python plays, and its instances by name."""

    def __init__(self, machine: Machine, core: Core, recorder: EventRecorder) -> None:
        self._machine = machine
        self._core = core
        self._recorder = recorder
        self._mailbox = PlayedMailbox(core)
        self.instances: Final[dict[str, PlayedEndpoint | PlayedEndpoints]] = {}

    @property
    def endpoints(self) -> list[Played]:
        """The endpoints of all instances."""
        found: list[Played] = []
        for instance in self.instances.values():
            found += instance.each if isinstance(instance, PlayedEndpoints) else [instance]
        return found

    def open(self, config: InstanceConfig) -> PlayedEndpoint:
        """Open one more instance; ConfigurationError if it cannot work or another one has its RX channel."""
        opened = PlayedEndpoint(self._machine, self._core, config, self._mailbox, self._recorder)
        self.instances[config.name] = opened
        return opened

    def open_several(self, config: SeveralConfig, endpoints: Iterable[str]) -> PlayedEndpoints:
        """Open one more instance, with several endpoints; ConfigurationError as :meth:`open`."""
        opened = PlayedEndpoints(self._machine, self._core, config, endpoints, self._mailbox, self._recorder)
        self.instances[config.name] = opened
        return opened

    def reset(self) -> None:
        """Be off as after a reset of the core: the peer is not told."""
        for opened in self.instances.values():
            opened.instance.reset()
