"""Record of what happened on a machine, kept as text that can be read beside a failed test."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.machine.events import TIMELINE, Event, EventKind
from icmsg.machine.region_news import Packets
from icmsg.machine.simtime import format_time
from icmsg.robot.values import shown
from icmsg.views.text import event_words, format_event, format_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.machine.machine import Machine

_KEPT: Final = 20_000
"""Lines of the trace; of a longer one the last are kept."""
_POWER: Final = {
    EventKind.CORE_STARTED: "started",
    EventKind.CORE_HALTED: "halted",
    EventKind.CORE_RESET: "reset",
    EventKind.FAULT: "took a fault",
}
_TOLD_BY_INSTANCES: Final = {EventKind.STATE, EventKind.PACKET_SENT, EventKind.PACKET_RECEIVED}
"""An instance says the same with its name and the bytes."""
_HEARD: Final = tuple(set(EventKind) - _TOLD_BY_INSTANCES - TIMELINE)


@dataclass(frozen=True, slots=True)
class Moment:
    """Deed of a person, or what befell a core."""

    time_ns: int
    text: str

    def __str__(self) -> str:
        return f"{self.text} at {format_time(self.time_ns)}"


class EventRecorder:
    """Listens to one machine at a time; what it has heard stays when that machine is closed."""

    def __init__(self) -> None:
        self._lines: deque[Event | tuple[int, str, str]] = deque(maxlen=_KEPT)
        self._total = 0
        self._names: list[str] = []
        self._machine: Machine | None = None
        self._stop: Callable[[], None] | None = None
        self.rings: Final[Counter[tuple[str, int]]] = Counter()
        """Doorbells by core and mbox channel."""
        self.last_ring: Final[dict[str, int]] = {}
        self.power: Final[dict[str, list[Moment]]] = {}
        """Changes of each core: started, halted, reset."""
        self.injected: Final[list[Moment]] = []
        """The faults that the test caused."""

    def listen(self, machine: Machine) -> None:
        """Hear everything that happens on ``machine`` from now on, and nothing else."""
        self.stop()
        self._names = [core.name for core in sorted(machine.cores.values(), key=lambda core: core.index)]
        self._machine = machine
        self._stop = machine.events.add_sink(self._on_event, _HEARD)

    def stop(self) -> None:
        """Hear nothing more."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def clear(self) -> None:
        """Forget everything; what is listened to stays."""
        self._lines.clear()
        self._total = 0
        for kept in (self.rings, self.last_ring, self.power, self.injected):
            kept.clear()

    def note(self, time_ns: int, core: str, text: str) -> None:
        """Add a line."""
        self._total += 1
        self._lines.append((time_ns, core, text))

    def inject(self, time_ns: int, core: str, text: str) -> None:
        """Add a line about a fault that the test causes, and remember it for the report."""
        self.note(time_ns, core, f"INJECTED {text}")
        self.injected.append(Moment(time_ns, text))

    def __len__(self) -> int:
        return len(self._lines)

    def lines(self) -> Iterator[str]:
        """Yield the trace: virtual time, core, what happened."""
        if self._total > len(self._lines):
            yield f"… {self._total - len(self._lines)} earlier lines were not kept"
        for line in self._lines:
            yield format_event(line, self._names) if isinstance(line, Event) else format_line(*line)

    def _on_event(self, event: Event) -> None:
        kind = event.kind
        core = self._names[event.core]
        if event.news is not None:
            self._note_news(event, core)
            return
        if kind is EventKind.DOORBELL:
            self.rings[core, event.a] += 1
            self.last_ring[core] = event.time_ns
        elif kind in _POWER:
            self.power.setdefault(core, []).append(Moment(event.time_ns, _POWER[kind]))
        self._total += 1
        self._lines.append(event)

    def _note_news(self, event: Event, core: str) -> None:
        news = event.news
        if not isinstance(news, Packets):
            self.note(event.time_ns, core, event_words(event))
        elif self._machine is not None and not self._machine.core(core).is_played:
            for payload in news.payloads:
                self.note(event.time_ns, core, f"{news.region.instance} sends {shown(payload)}")
