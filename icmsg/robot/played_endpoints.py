"""An instance with several endpoints on a core that Python plays, with what reached each of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.ipc import AtEndpoint, Happened
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.endpoints.peer import EndpointsPeer, PeerEndpoint
from icmsg.robot.sending_back import SendingBack
from icmsg.robot.values import happened_words, summary_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.ipc import Detail
    from icmsg.ipc.icbmsg.buffers import RxBuffer
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.played_instance import PlayedMailbox
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.recorder import EventRecorder


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
