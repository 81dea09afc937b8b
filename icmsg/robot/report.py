"""Report of a failure: the link as ``icmsg run`` shows it, everything that the test did to it, and its trace.

The trace is text that can be read beside a failed test, as a file beside Robot's log.
"""

from __future__ import annotations

import html
import os
import re
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from robot.api import logger
from robot.api.deco import keyword

from icmsg.errors import BusError, ConfigurationError, IcmsgError, MonitorError
from icmsg.ipc import MAGIC
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.machine.events import TIMELINE, Event, EventKind, Packets
from icmsg.robot.played_instances import PlayedOneOfSeveral
from icmsg.robot.settings import robot_variables, shown
from icmsg.timers import format_time
from icmsg.views.recording import suffixes
from icmsg.views.text import event_words, format_event, format_line, write_lines
from icmsg.wire.inspect import inspect_region
from icmsg.wire.packet_buffer import HandshakeWord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.context import KeywordContext
    from icmsg.robot.played_instances import Played

FOLDER = "icmsg-traces"
_SHOWN = 500
"""Lines of a trace that are in the log itself."""
_EMBEDDED = 1_000_000
"""Bytes of a page that is in the log itself; what is longer is only linked."""
_PABOT = "PABOTQUEUEINDEX"
_PABOT_FOLDER = "pabot_results"
"""The variable that pabot gives its workers, and the folder in which they have their output folders."""
_UNSAFE = re.compile(r"[^\w.-]+")


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


class TraceKeywords:
    """Keywords that give what happened as text."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["trace"])
    def save_trace(self, name: str | None = None) -> str:
        """Writes the trace of this test into a file in Robot's output folder, links it from the log, returns its path.

        A line for each doorbell, interrupt, packet, change of state and injected fault, with its virtual time. A test
        that fails saves it by itself. A name with the suffix of another format, such as ``mine.pftrace``, gives that:
        see ``traces`` of the library in `Failures`.
        """
        return str(save_trace(self._context, name))


def save_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace, and show it in Robot's log: as a link, and folded, which no merging of logs can break."""
    if name is not None and (suffix := _other_suffix(name)):
        path = _write_recent(context, name.removesuffix(suffix), suffix)
        logger.info(f"trace: {_link(path)}", html=True)
        return path
    path = write_trace(context, name)
    link = " ".join(_link(each) for each in (path, *context.recent_files))
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = f"… {len(lines) - _SHOWN} lines before\n" if len(lines) > _SHOWN else ""
    text = html.escape(cut + "\n".join(lines[-_SHOWN:]))
    logger.info(
        f"trace: {link}{_embedded(context)}<details><summary>what happened</summary><pre>{text}</pre></details>",
        html=True,
    )
    return path


def _embedded(context: KeywordContext) -> str:
    """Return the page of HTML among the files that were saved, folded, so that it goes wherever the log goes."""
    page = next((path for path in context.recent_files if path.suffix == ".html"), None)
    if page is None or page.stat().st_size > _EMBEDDED:
        return ""
    text = html.escape(page.read_text(encoding="utf-8"))
    style = "width: 100%; height: 45em; border: 1px solid #999"
    frame = f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{text}"></iframe>'
    return f"<details><summary>messages, doorbells and cores as a page</summary>{frame}</details>"


def write_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace into a file that is called after the test, and those that the suite asks for beside it.

    ConfigurationError if one cannot be written.
    """
    context.trace_saved = True  # tried, at least
    context.recent_files.clear()
    path = write_lines(_path(name, ".txt"), [f"# {_test()}", *context.recorder.lines()])
    if context.recent is not None:
        context.recent_files.extend(
            _write_recent(context, name, suffix)
            for suffix in context.settings.trace_suffixes
            if suffix != ".txt"
        )
    return path


def _test() -> str:
    variables = robot_variables()
    return f"{variables.get('SUITE_NAME', '')}.{variables.get('TEST_NAME') or 'suite'}"


def _path(name: str | None, suffix: str) -> Path:
    folder = Path(str(robot_variables().get("OUTPUT_DIR") or ".")) / FOLDER
    return folder / f"{_UNSAFE.sub('-', name or _test())}{suffix}"


def _other_suffix(name: str) -> str:
    """Return the suffix of a name that is one of a format, if it is not that of the text."""
    return next((suffix for suffix in suffixes() if suffix != ".txt" and name.endswith(suffix)), "")


def _write_recent(context: KeywordContext, name: str | None, suffix: str) -> Path:
    if context.recent is None:
        raise ConfigurationError(
            f"Save Trace: {suffix} needs what happened from the start, with a link of the SoC: give the library "
            f"traces={suffix.lstrip('.')}"
        )
    return context.recent.save(_path(name, suffix), _test())


def _link(path: Path) -> str:
    return f'<a href="{html.escape(quote(_relative(path)))}">{html.escape(path.name)}</a>'


def _relative(path: Path) -> str:
    """Return the path from where the log will be; under pabot that is the folder that holds those of its workers."""
    folder = robot_variables().get("OUTPUT_DIR")
    if not folder:
        return path.as_posix()
    log = Path(str(folder))
    if _PABOT_FOLDER in log.parts and robot_variables().get(_PABOT) is not None:
        log = log.parents[log.parts[::-1].index(_PABOT_FOLDER)]
    return Path(os.path.relpath(path, log)).as_posix()
