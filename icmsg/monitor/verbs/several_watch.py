"""Lines of ``icmsg watch`` about a backend with several endpoints: control messages with what they announce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import BusError
from icmsg.ipc import MAGIC
from icmsg.link.endpoints.region_view import message_words, queued_words, view_direction
from icmsg.link.link import Link
from icmsg.monitor.verbs.words import packet_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.events import Event
    from icmsg.machine.machine import Machine
    from icmsg.machine.region_news import Packets


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
