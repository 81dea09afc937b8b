"""``icmsg watch``: a line for everything that passes, whoever plays the cores.

Lines of ``icmsg watch`` about a backend with several endpoints: control messages with what they announce.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import BusError
from icmsg.hw.mailbox import channels_in
from icmsg.ipc import MAGIC, LegacyState, ReworkState, State
from icmsg.link.diagnosis.findings import session_words
from icmsg.link.endpoints.region_view import message_words, queued_words, view_direction
from icmsg.link.link import Link, follow_link
from icmsg.machine.events import (
    REWORK_STATES,
    EndpointMessage,
    Event,
    EventKind,
    Packets,
    RegionChange,
    SessionPublished,
)
from icmsg.monitor.verbs.status import packet_text
from icmsg.timers import S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.events import RegionChanged
    from icmsg.machine.machine import Machine
    from icmsg.monitor.verbs.settings import LinkSettings


class SeveralNews:
    """News of the link whose instance each core has as in ``configs``, in words.

    The classic generations and icmsg_me are followed as the ICMsg instance that they are; of the rework, whose queues
    nobody else follows, the entries are read that are new at a doorbell.
    """

    def __init__(self, machine: Machine, configs: Mapping[str, SeveralConfig]) -> None:
        self._machine = machine
        self._configs: Final = configs
        self._seen: Final = {core: self._sent_before(core) for core in configs}
        self.link: Final = self._control_link()
        """The ICMsg link below; None for the rework."""

    def _sent_before(self, core: str) -> int:
        """Return how many messages the core has queued before anybody watched (rework)."""
        config = self._configs[core]
        if not isinstance(config, IcbmsgConfig) or config.generation != "rework":
            return 0
        queue = view_direction(self._machine.core(core).bus, config).queue
        return queue.sent if queue is not None and queue.makes_sense else 0

    def _control_link(self) -> Link | None:
        controls = {}
        for core, config in self._configs.items():
            if isinstance(config, IcbmsgConfig) and config.generation == "rework":
                return None
            controls[core] = config.control
        first, second = controls
        return Link(first, second, controls)

    def packets(self, news: Packets) -> list[str]:
        """Return a line for each packet that was put into the control channel, or is one of icmsg_me."""
        writer = news.region.writer
        bus, config = self._machine.core(writer).bus, self._configs[writer]
        there = f"{writer}->{news.region.reader}"
        return [
            f"{there} {packet_text(payload) if payload == MAGIC else message_words(bus, config, payload)}"
            for payload in news.payloads
        ]

    def queued(self, event: Event) -> list[str]:
        """Return a line for each message that the ringing core has queued since the last look (rework)."""
        if self.link is not None:
            return []
        lines = []
        for core, config in self._configs.items():
            found = self._machine.core(core)
            if found.index != event.core or not isinstance(config, IcbmsgConfig):
                continue
            reader = next(name for name in self._configs if name != core)
            try:
                self._seen[core], words = queued_words(found.bus, config, self._seen[core])
            except BusError as error:
                words = [f"cannot be read: {error}"]
            lines += [f"{core}->{reader} {line}" for line in words]
        return lines


_HAPPENED: Final = {
    EventKind.CORE_STARTED: "starts",
    EventKind.CORE_HALTED: "is halted",
    EventKind.CORE_RESET: "is reset",
}

_WATCHED: Final = (
    *_HAPPENED,
    EventKind.DOORBELL,
    EventKind.FAULT,
    EventKind.SIGNAL_LOST,
    EventKind.STATE,
)
_NEWS: Final = (EventKind.PACKETS, EventKind.REGION, EventKind.SESSION)
_NOTHING: Final = "nothing new"
_HELD: Final = 256
"""Lines that wait for a doorbell of who has written; of a core that never rings the last are kept."""


class Watch:
    """Watches one machine until :meth:`stop`; news are written with the doorbell of the core that they are from."""

    def __init__(self, machine: Machine, settings: LinkSettings, output: Callable[[str], None]) -> None:
        self.machine: Final = machine
        self._output = output
        self._names = {core.index: name for name, core in machine.cores.items()}
        self._several = SeveralNews(machine, settings.several_configs) if settings.several.is_on else None
        link = settings.link if self._several is None else self._several.link
        self._link = follow_link(machine, link) if link is not None else None
        followed = self._link.regions.values() if self._link is not None else ()
        self._regions = {one.region for one in followed}
        configs = settings.link.configs if link is None else link.configs
        self._signalling = {name: config.signalling for name, config in configs.items()}
        self._held: dict[int, deque[str]] = {index: deque(maxlen=_HELD) for index in self._names}
        self._sessions: dict[int, str] = {}
        self._idle, self._skipped, self._last_ns = "", 0, 0
        self._removers = (
            machine.events.add_sink(self._happened, _WATCHED),
            machine.events.add_sink(self._hold, _NEWS),
        )

    def stop(self) -> None:
        """Watch no longer."""
        if self._link is not None:
            self._link.stop()
        for remove in self._removers:
            remove()

    def _hold(self, event: Event) -> None:
        news = event.news
        if news is None or isinstance(news, EndpointMessage) or news.region not in self._regions:
            return
        if isinstance(news, SessionPublished):
            reader, writer = news.region.reader, news.region.writer
            self._sessions[event.core] = session_words((event.a, event.b), None, writer, reader)
        else:
            self._held[event.core].extend(_news_lines(news, self._several))

    def _happened(self, event: Event) -> None:
        for line in self._lines(event):
            if line == self._idle:
                self._skipped += 1
                continue
            if self._skipped:
                self._output(f"{stamp(self._last_ns)} {self._idle}, {self._skipped} more until here")
            self._idle, self._skipped = (line if line.endswith(_NOTHING) else ""), 0
            self._output(f"{stamp(event.time_ns)} {line}")
        self._last_ns = event.time_ns

    def _lines(self, event: Event) -> list[str]:
        name = self._names.get(event.core, f"core {event.core}")
        if event.kind is EventKind.DOORBELL:
            queued = self._several.queued(event) if self._several is not None else []
            return self._take(event.core) + queued or [f"{name} rings {event.a}, {_NOTHING}"]
        if event.kind is EventKind.STATE and event.a >= REWORK_STATES:
            return [f"{name} is {ReworkState(event.a - REWORK_STATES).name}"]
        if event.kind is EventKind.STATE:
            states = State if self._signalling.get(name) == "ring-back" else LegacyState
            return [f"{name} is {states(event.a).name}"]
        if event.kind is EventKind.SIGNAL_LOST:
            return [f"{name}'s ring of {' and '.join(map(str, channels_in(event.b)))} is lost"]
        if event.kind is EventKind.FAULT:
            return [f"{name} takes exception {event.a} at PC 0x{event.b:08X}"]
        return [f"{name} {_HAPPENED[event.kind]}"]

    def _take(self, core: int) -> list[str]:
        lines = [*self._held[core]]
        self._held[core].clear()
        session = self._sessions.pop(core, None)
        return lines if session is None else [*lines, session]


def _news_lines(news: Packets | RegionChanged, several: SeveralNews | None) -> list[str]:
    if several is not None and isinstance(news, Packets):
        return several.packets(news)
    there = f"{news.region.writer}->{news.region.reader}"
    if isinstance(news, Packets):
        return [f"{there} {packet_text(payload)}" for payload in news.payloads]
    if news.change is RegionChange.UNREADABLE:
        return [f"cannot decode what {news.region.writer} sent: {news}"]
    return [f"{there} {news}"]


def stamp(time_ns: int) -> str:
    """Return a virtual time in seconds, as every live line begins with it."""
    return f"[{time_ns // S}.{time_ns % S:09d}]"
