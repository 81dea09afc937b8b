"""Instances on a core that Python plays: its mailbox, and what reached each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.ipc import Happened
from icmsg.link.peer import Peer
from icmsg.link.played_instance import PlayedMailbox
from icmsg.robot.played_endpoints import PlayedEndpoints, PlayedOneOfSeveral
from icmsg.robot.sending_back import SendingBack
from icmsg.robot.values import happened_words, summary_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.config.instance import InstanceConfig
    from icmsg.ipc import Detail
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.recorder import EventRecorder


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
