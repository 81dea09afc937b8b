"""``icmsg compare-engines``: the same exchange on both engines, and where they first differ, times aside.

What each core sent, received and became is compared, core by core and each for itself: which of two things that
happen on their own came first is a matter of time, and the engines keep different times.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from icmsg.cli.arguments import HelpFormatter
from icmsg.cli.engine_options import add_include, included
from icmsg.cli.run_command import add_options, run_exchange
from icmsg.engines.choice import EngineName, choose_engine
from icmsg.engines.lockstep.monitor_text import csharp_files
from icmsg.errors import EngineNotAvailableError
from icmsg.link.link import Link, follow_link
from icmsg.machine.events import Event, EventKind, Packets, RegionChanged
from icmsg.machine.interruption import Interrupted

if TYPE_CHECKING:
    import argparse

    from icmsg.cli.core_options import CoreOptions
    from icmsg.cli.run_command import RunReport
    from icmsg.config.instance import InstanceConfig
    from icmsg.engines.choice import EngineChoice
    from icmsg.machine.events import TxRegion
    from icmsg.machine.machine import Machine

_ENGINES: Final[tuple[EngineName, EngineName]] = ("embedded", "renode")
_BEFORE: Final = 3
_AFTER: Final = 4
_KINDS: Final = {
    EventKind.PACKET_SENT: "sent",
    EventKind.PACKET_RECEIVED: "received",
    EventKind.STATE: "state",
}
_TIME: Final = re.compile(r"\d{2,}:\d{2}:\d{2}\.\d{3}(?:[,.]\d{3})?|(?<=^\[)\d{8,}(?=\])")
"""A time at which firmware says that it prints: Zephyr's log in seconds, as ``00:00:00.000,061``, or in cycles."""
_RESULTS: Final = ("bound", "messages_sent", "messages_received", "bytes_received", "mismatches", "restarts")


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sequences called ``lane`` differ first at ``index`` (from 0); None stands for their end."""

    lane: str
    index: int
    embedded: tuple[str | None, ...]
    """Entries from ``start`` on, up to a few behind the difference."""
    renode: tuple[str | None, ...]
    start: int


@dataclass(slots=True)
class Recording:
    """Sequences of events on one engine by name, such as ``app sent``."""

    lanes: dict[str, list[str]] = field(default_factory=dict)
    _lanes: dict[TxRegion, str] = field(default_factory=dict)
    """Names of the regions that firmware writes."""
    _names: dict[int, str] = field(default_factory=dict)

    def observe(self, machine: Machine, configs: dict[str, InstanceConfig]) -> None:
        """Record from now on; what firmware sends is taken from memory, where the ``configs`` of ICMsg are given."""
        self._names = {core.index: core.name for core in machine.cores.values()}
        machine.events.add_sink(self._on_event, _KINDS)
        if not configs:
            return
        first, second = configs
        link = follow_link(machine, Link(first, second, configs))
        for name in configs:
            core = machine.core(name)
            if core.image is not None:
                self._lanes[link.regions[core.index].region] = f"{name} sent"
        machine.events.add_sink(self._on_news, (EventKind.PACKETS, EventKind.REGION))

    def _on_event(self, event: Event) -> None:
        kind = _KINDS[event.kind]
        text = str(event.a) if kind == "state" else _packet(event.a, event.b)
        self._lane(f"{self._names[event.core]} {kind}").append(text)

    def _on_news(self, event: Event) -> None:
        news = event.news
        if news is None or (lane := self._lanes.get(news.region)) is None:
            return
        if isinstance(news, Packets):
            self._lane(lane).extend(_packet(len(payload), crc32(payload)) for payload in news.payloads)
        elif isinstance(news, RegionChanged) and news.error is not None:
            self._lane(lane).append(f"error: {news.error}")
            del self._lanes[news.region]

    def finish(self, report: RunReport) -> None:
        """Add what the run came to."""
        found = report.as_json()
        self.lanes["result"] = [f"{name} = {found[name]}" for name in _RESULTS]
        for core, lines in found["consoles"].items():
            self.lanes[f"{core} console"] = [without_times(line) for line in lines]

    def _lane(self, name: str) -> list[str]:
        return self.lanes.setdefault(name, [])


def without_times(line: str) -> str:
    """Return a console's line with ``TIME`` for each time that firmware has printed."""
    return _TIME.sub("TIME", line)


def first_difference(embedded: Recording, renode: Recording) -> Difference | None:
    """Return the first difference of the first sequence that differs, or None."""
    for lane in dict.fromkeys((*embedded.lanes, *renode.lanes)):
        one, other = embedded.lanes.get(lane, []), renode.lanes.get(lane, [])
        for index, (left, right) in enumerate(zip_longest(one, other)):
            if left != right:
                start, end = max(0, index - _BEFORE), index + _AFTER
                pairs = list(zip_longest(one[start:end], other[start:end]))
                return Difference(
                    lane, index, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), start
                )
    return None


def add_parser(commands: Any, cores: CoreOptions) -> None:
    """Add ``compare-engines`` to the sub-commands; it has options for ``cores``."""
    parser = commands.add_parser(
        "compare-engines",
        help="run one exchange on both engines and show the first difference",
        description="Runs the same exchange on the embedded engine and on Renode, and compares what each core "
        "sent, received, printed and became, times aside. Exit code 0: equal, 1: different, 2: an engine is missing.",
        formatter_class=HelpFormatter,
    )
    add_include(parser)
    add_options(parser, cores)
    parser.set_defaults(execute=execute)


def _both() -> list[EngineChoice]:
    try:
        return [choose_engine(name) for name in _ENGINES]
    except EngineNotAvailableError as error:  # which offers the other engine
        raise EngineNotAvailableError(
            f"compare-engines needs both engines: {error.__cause__ or error}"
        ) from None


def execute(options: argparse.Namespace) -> int:
    """Run on both engines; 0 if they did the same, 1 if not. A missing engine is an error: 2."""
    choices = _both()  # before anything runs
    csharp_files(included(options))
    for_renode = options.include
    recordings: list[Recording] = []
    reports: list[RunReport] = []
    for choice in choices:
        recording = Recording()
        options.include = for_renode if choice.name == "renode" else None
        report = run_exchange(options, choice, recording.observe)
        if report.interrupted:
            raise Interrupted(report.interrupted)  # half a run compares with nothing
        recording.finish(report)
        recordings.append(recording)
        reports.append(report)
    found = first_difference(*recordings)
    compared = {lane: len(entries) for lane, entries in recordings[0].lanes.items()}
    if options.json:
        sys.stdout.write(json.dumps(_as_json(found, compared, reports), indent=2) + "\n")
    else:
        _render(found, compared, reports)
    return 0 if found is None else 1


def _packet(size: int, checksum: int) -> str:
    return f"{size} bytes, CRC-32 {checksum:08x}"


def _as_json(found: Difference | None, compared: dict[str, int], reports: list[RunReport]) -> dict[str, Any]:
    difference = None
    if found is not None:
        names = ("lane", "index", "start", "embedded", "renode")
        difference = {name: getattr(found, name) for name in names}
    return {
        "equal": found is None,
        "compared": compared,
        "difference": difference,
        "engines": {report.engine.name: report.as_json() for report in reports},
    }


def _render(found: Difference | None, compared: dict[str, int], reports: list[RunReport]) -> None:
    from rich.console import Console  # slow to load; a JSON run does without
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for report in reports:
        for problem in report.result.problems:
            console.print(Text(f"{report.engine.name}: {problem}", "red"), soft_wrap=True)
    if found is None:
        lanes = ", ".join(f"{lane} {number}" for lane, number in compared.items())
        console.print(Text("EQUAL", "bold green"), Text(f"({lanes})"), soft_wrap=True)
        return
    table = Table(title=f"first difference: {found.lane}", title_justify="left", title_style="bold")
    for column in ("#", *_ENGINES):
        table.add_column(column, overflow="fold")
    for offset, (left, right) in enumerate(zip(found.embedded, found.renode, strict=True)):
        style = "bold red" if left != right else "dim"
        cells = [Text("(nothing)" if cell is None else cell, style) for cell in (left, right)]
        table.add_row(str(found.start + offset), *cells)
    console.print(table)
    console.print(Text("DIFFERENT", "bold red"))
