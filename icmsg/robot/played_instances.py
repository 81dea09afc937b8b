"""Instances and endpoints on a core that Python plays, with what reached each of them.

What an instance of a core is that Python may not play follows from them (:class:`LinkConfigs`).
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import board_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import ConfigurationError, IcmsgError, IpcError
from icmsg.ipc import AtEndpoint, Happened
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.endpoints.instances import changed, several_by_hand
from icmsg.link.endpoints.peer import EndpointsPeer, PeerEndpoint
from icmsg.link.endpoints.setup import EndpointStub
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer, PlayedMailbox
from icmsg.link.preconditions import StubFirmware
from icmsg.robot.settings import happened_words, summary_line
from icmsg.timers import US

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.ipc import BackendEndpoint, Detail
    from icmsg.ipc.clock import Clock
    from icmsg.ipc.icbmsg.endpoint import RxBuffer
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.link import Link
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.context import KeywordContext
    from icmsg.robot.report import EventRecorder


_LOOK_AGAIN_NS: Final = 10 * US
"""Nobody signals that room was made in the region."""


class SendingBack:
    """Queue of the messages that ``endpoint`` sends back, one behind the other, as soon as there is room.

    What is refused for good goes to ``errors``.
    """

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


class LinkConfigs:
    """The configurations of the links, for keywords that name a region or an instance of a core.

    Those of cores that Python does not play follow from the other core.
    """

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    def link(self, *cores: str) -> Link:
        """Return the SoC's default link, or one of these cores; the instance is that of the board."""
        return default_link(self._context.machine.soc, cores)

    def other(self, core: str) -> str:
        """Return the core at the other end of the link of ``core``."""
        return self.link(core).other(core)

    def of(self, core: str, instance: str | None = None) -> InstanceConfig:
        """Return an instance as ``core`` has it.

        It is what Python plays there, the mirror of what Python plays on the other core, what a stub has in its
        parameters, or the instance of Zephyr's boards. Of ICBMsg and icmsg_me it is the ICMsg instance inside.
        """
        other = self.other(core)
        if self._plays(core, instance):
            return _packets_of(self._context.instance(core, instance).config)
        if self._plays(other, instance):
            return _packets_of(self._context.instance(other, instance).config.mirrored())
        return _packets_of(self._of_stub(core) or self.link(core).configs[core])

    def regions(self, core: str, instance: str | None) -> tuple[Region, Region]:
        """Return the whole tx-region and rx-region of an instance, as ``core`` has them."""
        config = self.whole(core, instance)
        return config.tx_region, config.rx_region

    def tx_channel(self, core: str, instance: str | None) -> int:
        """Return the mbox channel that an instance of ``core`` rings."""
        return self.whole(core, instance).tx_channel

    def endpoints(self, instance: str | None) -> list[str]:
        """Return the names of the endpoints of an instance: those that Python plays, or those of a stub."""
        names: dict[str, None] = {}
        for core in self.link(*self._context.played).cores:
            if self._plays(core, instance):
                names.update(
                    (each.endpoint.name, None) for each in self._context.endpoints(core, instance, None)
                )
            found = self._context.core(core)
            if found.image is not None and EndpointStub.is_stub(found.image):
                names.update((name, None) for name in EndpointStub(found.image, found.bus).names if name)
        return list(names)

    def whole(self, core: str, instance: str | None) -> InstanceConfig | SeveralConfig:
        """Return an instance as ``core`` has it, as :meth:`of`, but of ICBMsg and icmsg_me all of it."""
        other = self.other(core)
        if self._plays(core, instance):
            return self._context.instance(core, instance).config
        if self._plays(other, instance):
            return self._context.instance(other, instance).config.mirrored()
        return self._of_stub(core) or self.link(core).configs[core]

    def several_for_new(
        self,
        core: str,
        instance: str,
        backend: str | None,
        endpoints: Sequence[str],
        given: Mapping[str, Any],
        release: str | None,
    ) -> SeveralConfig:
        """Return a new instance with several endpoints: what is ``given``, over the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoints) and backend is None and release is None:
            base = opened.config.mirrored()
        else:
            board = board_of(self._context.machine.soc.cores)
            base = several_by_hand(backend or "icbmsg", board, {"name": instance}, release=release)
            if core != self.link(core).first:
                base = base.mirrored()
        return changed(base, given, len(endpoints))

    def is_several(self, core: str, instance: str) -> bool:
        """Tell whether the instance of that name on the other core has several endpoints."""
        return isinstance(self._of_other(core, instance), PlayedEndpoints)

    def _of_other(self, core: str, instance: str) -> PlayedEndpoint | PlayedEndpoints | None:
        played = self._context.played.get(self.other(core))
        return played.instances.get(instance) if played is not None else None

    def for_new(self, core: str, instance: str) -> InstanceConfig:
        """Return what an instance of that name on ``core`` starts from: the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoint):
            return opened.config.mirrored()
        return replace(self.link(core).configs[core], name=instance)

    def _plays(self, core: str, instance: str | None) -> bool:
        played = self._context.played.get(core)
        return played is not None and (instance in played.instances if instance else bool(played.instances))

    def _of_stub(self, core: str) -> InstanceConfig | IcbmsgConfig | None:
        found = self._context.core(core)
        if found.image is None or not StubFirmware.is_stub(found.image):
            return None
        if EndpointStub.is_stub(found.image):
            return EndpointStub(found.image, found.bus).blocks()
        return StubFirmware(found.image, found.bus).instance()


def _packets_of(config: InstanceConfig | SeveralConfig) -> InstanceConfig:
    """Return the ICMsg instance of any backend; ConfigurationError for the rework, which has none."""
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        raise ConfigurationError(
            f"{config.name}: the regions of the rework hold queues and blocks, no packets: use `Read Region`"
        )
    return config.control if isinstance(config, IcbmsgConfig | IcmsgMeConfig) else config
