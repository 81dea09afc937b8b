"""A core that Python plays: its mailbox, and the instances on it with what reached them."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.cosim.peer import Peer
from icmsg.cosim.played_instance import PlayedMailbox
from icmsg.cosim.simtime import US
from icmsg.errors import IpcError
from icmsg.ipc import Happened
from icmsg.robot.values import shown

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine
    from icmsg.ipc import Detail
    from icmsg.robot.recorder import Recorder

_LOOK_AGAIN_NS: Final = 10 * US
"""Nobody signals that room was made in the region."""
_SAID: Final = {
    Happened.SENT: "sends",
    Happened.RECEIVED: "receives",
    Happened.DROPPED: "drops, being unbound,",
}


class PlayedEndpoint(Peer):
    """One instance with the endpoint ``ep0``, open from the start; ``received`` are messages not expected yet."""

    def __init__(
        self, machine: Machine, core: Core, config: InstanceConfig, mailbox: PlayedMailbox, recorder: Recorder
    ) -> None:
        self.name: Final = config.name
        self.sent = 0
        self.got = 0
        self.expected_unbounds = 0
        """How many of ``unbound_count`` the test has expected."""
        self.echoes = False
        """Whether messages are sent back instead of kept."""
        self._to_send: Final[deque[bytes]] = deque()
        self._clock = machine.clock
        self._recorder = recorder
        super().__init__(machine, core, config, mailbox=mailbox, observer=self._observe)

    def summary(self) -> str:
        """Return in one line how it stands."""
        state = self.instance.state.name
        bound = "bound" if self.is_bound else "not bound"
        counts = f"sent {self.sent}, received {self.got}"
        waiting = (
            f", {len(self.received)} not expected yet: {shown(self.received[0])}" if self.received else ""
        )
        return f"{self.core.name} plays {self.name}: {state}, {bound}; {counts}{waiting}"

    def take(self, data: bytes) -> None:
        """Keep one message, or send it back."""
        if not self.echoes:
            super().take(data)
            return
        self._to_send.append(data)
        if len(self._to_send) == 1:
            self._send_back()

    def _send_back(self) -> None:
        while self._to_send and self.is_bound:
            try:
                self.endpoint.send(self._to_send[0])
            except IpcError as error:
                if (
                    error.errno == errno.ENOMEM
                    and len(self._to_send[0]) <= self.endpoint.get_tx_buffer_size()
                ):
                    self._clock.call_later(_LOOK_AGAIN_NS, self._send_back)
                    return
                self.errors.append(error)
            self._to_send.popleft()

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if kind is Happened.RING:
            return  # the doorbell itself is an event
        text = f"{kind}: {detail!s}" if kind is Happened.ERROR else kind.value
        if isinstance(detail, bytes):
            self.sent += kind is Happened.SENT
            self.got += kind is Happened.RECEIVED
            text = f"{_SAID[kind]} {shown(detail)}"
        elif kind is Happened.STATE:
            text = f"becomes {getattr(detail, 'name', detail)}"
        self._recorder.note(self._clock.now_ns(), self.core.name, f"{self.name} {text}")


class PlayedSide:
    """The mailbox of a core that Python plays, and its instances by name."""

    def __init__(self, machine: Machine, core: Core, recorder: Recorder) -> None:
        self._machine = machine
        self._core = core
        self._recorder = recorder
        self._mailbox = PlayedMailbox(core)
        self.instances: Final[dict[str, PlayedEndpoint]] = {}

    def open(self, config: InstanceConfig) -> PlayedEndpoint:
        """Open one more instance; ConfigurationError if it cannot work or another one has its RX channel."""
        opened = PlayedEndpoint(self._machine, self._core, config, self._mailbox, self._recorder)
        self.instances[config.name] = opened
        return opened

    def reset(self) -> None:
        """Be off as after a reset of the core: the peer is not told."""
        for endpoint in self.instances.values():
            endpoint.instance.reset()
