"""A core that Python plays: its mailbox, and the instances on it with what reached them."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.cosim.played_instance import PlayedInstance, PlayedMailbox
from icmsg.cosim.simtime import US
from icmsg.errors import IpcError
from icmsg.ipc import Endpoint, EndpointConfig
from icmsg.robot.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine
    from icmsg.errors import IcmsgError
    from icmsg.ipc import Clock, IcmsgInstance
    from icmsg.robot.recorder import Recorder

_LOOK_AGAIN_NS: Final = 10 * US
"""Nobody signals that room was made in the region."""
_SAID: Final = {"sent": "sends", "received": "receives", "dropped": "drops, being unbound,"}


class PlayedEndpoint:
    """One instance with the endpoint ``ep0``, open from the start; ``received`` are messages not expected yet."""

    def __init__(
        self, machine: Machine, core: Core, config: InstanceConfig, mailbox: PlayedMailbox, recorder: Recorder
    ) -> None:
        self.core: Final = core
        self.name: Final = config.name
        self.received: Final[deque[bytes]] = deque()
        self.errors: Final[list[IcmsgError]] = []
        self.sent = 0
        self.got = 0
        self.bounds = 0
        self.unbounds = 0
        self.expected_unbounds = 0
        """How many of them the test has expected."""
        self._received: Callable[[bytes], None] = self.received.append
        self._clock = machine.clock
        self._recorder = recorder
        self._played: Final = PlayedInstance(machine, core, config, mailbox)
        self._played.instance.observer = self._observe
        self.endpoint: Final[Endpoint] = self.instance.register_endpoint(
            EndpointConfig(
                name="ep0",
                received=self._receive,
                error=self.errors.append,
                unbound=self._unbound,
            )
        )

    @property
    def instance(self) -> IcmsgInstance:
        """The backend."""
        return self._played.instance

    @property
    def is_bound(self) -> bool:
        """Whether messages can be sent."""
        return self.instance.is_bound

    def describe(self) -> str:
        """Return in one line how it stands."""
        state = self.instance.state.name
        bound = "bound" if self.is_bound else "not bound"
        counts = f"sent {self.sent}, received {self.got}"
        waiting = (
            f", {len(self.received)} not expected yet: {shown(self.received[0])}" if self.received else ""
        )
        return f"{self.core.name} plays {self.name}: {state}, {bound}; {counts}{waiting}"

    def echo(self, clock: Clock) -> None:
        """Send back every message from now on, in order; one that finds no room waits for it."""
        waiting: deque[bytes] = deque()

        def send_back() -> None:
            while waiting and self.is_bound:
                try:
                    self.endpoint.send(waiting[0])
                except IpcError as error:
                    if error.errno != errno.ENOMEM or len(waiting[0]) > self.endpoint.get_tx_buffer_size():
                        self.errors.append(error)
                        waiting.popleft()
                    else:
                        clock.call_later(_LOOK_AGAIN_NS, send_back)
                    return
                waiting.popleft()

        def received(data: bytes) -> None:
            waiting.append(data)
            if len(waiting) == 1:
                send_back()

        self._received = received

    def _receive(self, data: bytes) -> None:
        self._received(data)

    def _unbound(self) -> None:
        self.unbounds += 1

    def _observe(self, kind: str, detail: object) -> None:
        self._played.observe(kind, detail)
        text = f"{kind}: {detail}" if kind == "error" else kind
        if isinstance(detail, bytes):
            self.sent += kind == "sent"
            self.got += kind == "received"
            text = f"{_SAID.get(kind, kind)} {shown(detail)}"
        elif kind == "state":
            text = f"becomes {getattr(detail, 'name', detail)}"
        elif kind == "bound":
            self.bounds += 1
        elif kind == "ring":
            return  # the doorbell itself is an event
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
