"""Report of a failure: the link as ``icmsg run`` shows it, and everything that the test did to it.

Record of what happened on a machine, kept as text that can be read beside a failed test.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, ConfigurationError, IcmsgError, MonitorError
from icmsg.ipc import MAGIC
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.machine.events import TIMELINE, Event, EventKind, Packets
from icmsg.robot.played_instances import PlayedOneOfSeveral
from icmsg.robot.settings import shown
from icmsg.timers import format_time
from icmsg.views.text import event_words, format_event, format_line
from icmsg.wire.inspect import inspect_region
from icmsg.wire.packet_buffer import HandshakeWord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.context import KeywordContext
    from icmsg.robot.played_instances import Played


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


_FEW: Final = 4
"""Number of things shown of which there can be any number."""
_FEW_BYTES: Final = 12


class StateReport:
    """The state of the machine and its links in lines; reading it changes nothing."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._machine = context.machine

    def lines(self, about: Played | None = None) -> list[str]:
        """Return what a person who knows ICMsg needs; of several instances ``about`` is shown with its regions."""
        endpoints = [each for played in self._context.played.values() for each in played.endpoints]
        if about is None:
            about = next((each for each in endpoints if not each.is_bound), next(iter(endpoints), None))
        begin = (
            f"at {format_time(self._machine.now_ns)} of virtual time on the {self._machine.engine} engine:"
        )
        if not self._has_link():
            return [begin, *self._cores(), *self._places()]
        return [
            begin,
            *self._link(about),
            *self._played(endpoints, about),
            *self._cores(),
            *self._doorbells(),
            *(f"injected by the test: {moment}" for moment in self._context.recorder.injected[-2 * _FEW :]),
        ]

    def _has_link(self) -> bool:
        """Tell whether the SoC has two cores that could ring each other; others run any firmware."""
        try:
            self._context.links.link(*self._context.played)
        except ConfigurationError:
            return False
        return True

    def _places(self) -> Iterator[str]:
        for core in self._machine.cores.values():
            if "PC" in core.registers and not core.is_played:
                address = core.registers["PC"]
                yield f"core {core.name} is at PC 0x{address:08X} ({core.locate(address)})"

    def _link(self, about: Played | None) -> Iterator[str]:
        machine = self._machine
        if about is None:
            first, second = (machine.core(name) for name in self._context.links.link().cores)
            config = self._context.links.of(first.name)
            yield from examine(machine, first, config, second).lines()
        elif isinstance(about, PlayedOneOfSeveral):
            yield from about.examine().lines()
        else:
            core, config = about.core, about.config
            peer = machine.core(self._context.links.other(core.name))
            yield from about.examine().lines()
            yield from self._packets(core, config)
            yield from self._sessions(core, peer, config)

    def _packets(self, core: Core, config: InstanceConfig) -> Iterator[str]:
        for name, region, layout in (
            ("tx-region", config.tx_region, config.tx_layout),
            ("rx-region", config.rx_region, config.rx_layout),
        ):
            try:
                pending = inspect_region(core.bus, region.address, layout).pending
            except BusError:
                continue
            packets = [shown(packet, _FEW_BYTES) for packet in pending if packet != MAGIC]
            if packets:
                more = f", … and {len(packets) - _FEW} more" if len(packets) > _FEW else ""
                yield f"pending in {name} of {core.name}: {', '.join(packets[:_FEW])}{more}"

    def _sessions(self, core: Core, peer: Core, config: InstanceConfig) -> Iterator[str]:
        if config.tx_layout.handshake_offset is None:
            return
        for side, region, layout in (
            (core, config.rx_region, config.rx_layout),
            (peer, config.tx_region, config.tx_layout),
        ):
            session, acknowledged = HandshakeWord(core.bus, region.address, layout).read()
            yield f"session of {side.name}: id {session}, acknowledges {acknowledged} of its peer"

    def _played(self, endpoints: list[Played], about: Played | None) -> Iterator[str]:
        for endpoint in sorted(endpoints, key=lambda each: each is not about):
            yield endpoint.summary()
            told = Counter(map(str, endpoint.errors))
            for text, count in list(told.items())[:_FEW]:
                yield f"{endpoint.core.name} was told{f' {count} times' if count > 1 else ''}: {text}"
            if len(told) > _FEW:
                yield f"{endpoint.core.name} was told {len(told) - _FEW} more errors"

    def _cores(self) -> Iterator[str]:
        for name in self._machine.cores:
            core = self._machine.core(name)
            history = self._context.recorder.power.get(name, [])
            past = "".join(f"; {moment}" for moment in history[-_FEW:])
            yield f"core {name} {self._who(core)}{past}"
            if core.image is None and name not in self._context.played and core.console.text:
                yield f"console of {name}: {' | '.join(line.text for line in core.console.lines[-_FEW:])}"
            if core.console.missed:
                yield (
                    f"console of {name}: {core.console.missed} byte(s) were written while the receiver of its UART "
                    "was off or full, and are lost"
                )

    def _who(self, core: Core) -> str:
        if core.name in self._context.played:
            return "is played by Python"
        what = f" with {core.image.path.name}" if core.image is not None else ""
        return (
            f"is halted{what}"
            if core.is_halted
            else f"runs{f' {core.image.path.name}' if core.image else ''}"
        )

    def _doorbells(self) -> Iterator[str]:
        recorder = self._context.recorder
        for name in self._context.links.link(*self._context.played).cores:
            rings = {channel: count for (core, channel), count in recorder.rings.items() if core == name}
            if rings:
                counts = ", ".join(
                    f"{count} on mbox channel {channel}" for channel, count in sorted(rings.items())
                )
                yield f"doorbells of {name}: {counts}; the last at {format_time(recorder.last_ring[name])}"
            else:
                yield f"doorbells of {name}: none seen"
            try:
                mailbox = self._context.mailbox(name)
                yield f"{mailbox}: {self._context.execute(f'{mailbox} GetStatus').strip()}"
            except (MonitorError, IcmsgError):
                continue  # a mailbox that has no such command
