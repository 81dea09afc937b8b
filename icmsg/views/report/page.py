"""Page of the report: its sections, put together from what was collected."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.timers import US, format_time
from icmsg.views.report.diagram import Diagram
from icmsg.views.report.markup import escaped, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from icmsg.views.report.figures import Collected, CoreFigures, Lines

_NONE: Final = "-"
_HERE: Final = Path(__file__).parent
_LEGEND: Final = (
    ("bell", "●", "doorbell rang"),
    ("no-bell", "○", "no doorbell"),
    ("irq", "●", "interrupt rose"),
    ("cross", "✕", "lost, not received, fault"),
    ("ring-key", "⇢", "doorbell for no new packet"),
)


def page(collected: Collected) -> str:
    """Return the whole file; it loads nothing, and runs no script but its own."""
    style, script = (_HERE / name for name in ("report.css", "report.js"))
    look, act = style.read_text(encoding="utf-8"), script.read_text(encoding="utf-8")
    parts, subject = list(_sections(collected)), collected.subject
    kinds = dict.fromkeys("ICBMsg" if each.blocks else "ICMsg" for each in subject.directions)
    heading = escaped(f"{' and '.join(kinds)} on {subject.platform}")
    title = escaped(subject.title) or heading.replace(" on ", ": ", 1)
    heading = f"{escaped(subject.title)}: {heading}" if subject.title else heading
    sections = "".join(
        f'<section id="{name}"><h2>{title}</h2>\n{body}</section>\n' for name, title, body in parts
    )
    links = "".join(f'<a href="#{name}">{title}</a> ' for name, title, _ in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src '{_hash(look)}'; script-src '{_hash(act)}'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>\n'
        f"<style>{look}</style></head>\n<body><header><h1>{heading}</h1><nav>{links}</nav></header>\n"
        f"<main>\n{sections}</main>\n<script>{act}</script></body></html>\n"
    )


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _sections(collected: Collected) -> Iterator[tuple[str, str, str]]:
    bound = _bound(collected) is not None
    found, state = collected.ending.diagnosis[bound]
    yield "summary", "Summary", _summary(collected)
    yield "problems", "Problems", _problems(collected, found, state)
    yield "sequence", "Sequence", _sequence(collected)
    curves = "".join(way.levels.curve(collected.end_ns) for way in collected.ways)
    yield "levels", "Fill level", curves
    yield "doorbells", "Doorbells", _doorbells(collected)
    yield "regions", "Regions at the end", collected.ending.regions
    yield "consoles", "Consoles", _consoles(collected)
    yield "diagnosis", "Diagnosis", _list([*found, *state])


def _list(lines: Iterable[str], look: str = "") -> str:
    own = f' class="{look}"' if look else ""
    return f"<ul{own}>" + "".join(f"<li>{escaped(line)}</li>" for line in lines) + "</ul>\n"


def _bound(collected: Collected) -> int | None:
    """Return after what time the link was bound: what the run measured, else what was seen."""
    if collected.report is None:
        return collected.bound_ns
    measured = collected.report["bond_virtual_us"]
    return None if measured is None else round(measured * US)


def _summary(collected: Collected) -> str:
    report = collected.report
    bound = _bound(collected)
    sent = sum(way.sent for way in collected.ways)
    received = sum(way.received for way in collected.ways)
    lost = sum(sum(core.lost.values()) for core in collected.cores)
    faults = sum(core.faults for core in collected.cores)
    cards = [
        _card("bound", f"after {format_time(bound)}" if bound is not None else "not seen", bad=bound is None),
        _card("messages", f"{received} of {sent} received", bad=received != sent),
        _card(
            "doorbells",
            f"{sum(sum(core.rung.values()) for core in collected.cores)}, {lost} lost",
            bad=lost > 0,
        ),
        _card("faults", str(faults), bad=faults > 0),
        _card("virtual time", format_time(collected.end_ns - collected.subject.start_ns)),
    ]
    if report is not None:
        cards.insert(0, _card("run", "OK" if report["ok"] else "failed", bad=not report["ok"]))
    for way in collected.ways:
        if (trips := way.round_trips).count:
            title = f"{trips.count} round trip{'s' * (trips.count != 1)} of {way.direction.writer.name}"
            note = f"{trips.spread}, {trips.slowest} took longest"
            cards.append(_card(title, f"{format_time(trips.mean)} on average", note=note))
    about = ", ".join(f"{name} {value}" for name, value in collected.subject.about.items())
    return (
        f'<div class="cards">{"".join(cards)}</div>\n'
        + (f'<p class="about">{escaped(about)}</p>\n' if about else "")
        + table(
            (
                "core",
                "played by",
                "state",
                "activity",
                "last at",
                "last thing",
                "interrupts",
                "resets",
                "faults",
            ),
            (_core_cells(core) for core in collected.cores),
            figures=(6, 7, 8),
            name="cores",
        )
        + table(
            (
                "direction",
                "instance",
                "sent",
                "received",
                "lost",
                "waiting",
                "bytes",
                "under way: mean, range",
            ),
            (
                (
                    escaped(way.direction.title),
                    escaped(way.direction.instance),
                    str(way.sent),
                    str(way.received),
                    _if_any(way.dropped),
                    _if_any(way.waiting),
                    str(way.bytes),
                    f"{way.under_way}",
                )
                for way in collected.ways
            ),
            figures=range(2, 7),
            name="directions",
        )
        + _endpoints(collected)
    )


def _endpoints(collected: Collected) -> str:
    """Return the counts of each endpoint, where there are several."""
    rows = [
        (
            escaped(name),
            escaped(way.direction.title),
            escaped(way.direction.instance),
            str(at.sent),
            str(at.received),
            str(at.bytes),
        )
        for way in collected.ways
        for name, at in sorted(way.endpoints.items())
    ]
    head = ("endpoint", "direction", "instance", "sent", "received", "bytes")
    return table(head, rows, figures=range(3, 6), name="endpoints") if rows else ""


def _core_cells(core: CoreFigures) -> tuple[str, ...]:
    return (
        escaped(core.core.name),
        escaped(core.core.player or "nobody"),
        escaped(core.state or _NONE),
        escaped(core.activity or ("plays" if core.core.player == "Python" else _NONE)),
        format_time(core.last[0]) if core.last[0] >= 0 else "never",
        escaped(" ".join(core.last[1:]).rstrip()),
        str(sum(core.interrupts.values())),
        str(core.resets),
        _if_any(core.faults),
    )


def _if_any(count: int) -> str:
    return f'<b class="bad">{count}</b>' if count else "0"


def _card(name: str, value: str, *, bad: bool = False, note: str = "") -> str:
    small = f"<small>{escaped(note)}</small>" if note else ""
    look = "card bad-card" if bad else "card"
    return f'<div class="{look}"><span>{escaped(name)}</span><b>{escaped(value)}</b>{small}</div>'


def _problems(collected: Collected, found: Sequence[str], state: Sequence[str]) -> str:
    """Return what the run says is wrong, or else what the rules find, and what was seen when."""
    said = found if collected.report is None else [str(each) for each in collected.report["problems"]]
    wrong = [line for line in said if line not in state]
    parts = _list(wrong, "bad") if wrong else ""
    if collected.problems:
        rows = (
            (
                f'<a href="#row-{each.serial}">{format_time(each.time_ns)}</a>',
                escaped(each.core),
                escaped(each.text),
            )
            for each in collected.problems
        )
        parts += table(("time", "core", "what"), rows, name="problem-rows")
    more = collected.problem_count - len(collected.problems)
    if more:
        parts += f"<p>… and {more} more</p>\n"
    return parts or "<p>None was seen.</p>\n"


def _sequence(collected: Collected) -> str:
    subject = collected.subject
    linked = frozenset(core for each in subject.directions for core in (each.writer.index, each.reader.index))
    diagram = Diagram(collected.rows, [core.core for core in collected.cores], linked)
    legend = "".join(f'<span><i class="{name}">{mark}</i> {text}</span>' for name, mark, text in _LEGEND)
    folded = (
        f"<p>{diagram.folded} of {collected.rows.count} rows are folded: the first and the last ones are "
        "shown, and those around problems. A trace in another format (.pftrace, .pcapng, .txt) has all of them.</p>\n"
        if diagram.folded
        else ""
    )
    return (
        f'{folded}<p class="legend">{legend}</p>\n<p class="zoom"><button data-zoom="-1">-</button>'
        '<button data-zoom="0">100 %</button><button data-zoom="1">+</button>'
        '<button data-problem="-1">previous problem</button><button data-problem="1">next problem</button></p>\n'
        f'<div class="scroll" tabindex="0"><div class="sheet">{diagram.svg()}</div></div>\n'
    )


def _doorbells(collected: Collected) -> str:
    by_channel = {(way.direction.writer.index, way.direction.channel): way for way in collected.ways}
    rows = []
    for core in collected.cores:
        for channel in sorted(
            {*core.rung, *core.lost, *(key[1] for key in by_channel if key[0] == core.core.index)}
        ):
            way = by_channel.get((core.core.index, channel))
            rows.append(
                (
                    escaped(core.core.name),
                    str(channel),
                    escaped(way.direction.title) if way is not None else "none of the trace",
                    str(core.rung[channel]),
                    str(way.rung - way.rung_for_nothing) if way is not None else _NONE,
                    str(way.rung_for_nothing) if way is not None else _NONE,
                    _if_any(core.lost[channel]),
                )
            )
    head = ("core", "channel", "direction", "rung", "for new packets", "for none", "lost")
    interrupts = (
        (escaped(core.core.name), str(number), str(count))
        for core in collected.cores
        for number, count in sorted(core.interrupts.items())
    )
    return table(head, rows, figures=(1, 3, 4, 5, 6), name="doorbell-rows") + table(
        ("core", "interrupt", "rose"), interrupts, figures=(1, 2), name="interrupt-rows"
    )


def _consoles(collected: Collected) -> str:
    names = collected.subject.names
    parts = [
        f"<h3>{escaped(names[index])}</h3>\n<pre>{_console(lines)}</pre>\n"
        for index, lines in collected.consoles.items()
    ]
    return "".join(parts) or "<p>Nobody printed anything.</p>\n"


def _console(lines: Lines) -> str:
    shown = [f"<i>{format_time(time_ns):>12}</i>  {escaped(text)}" for time_ns, text in lines.first]
    if lines.folded:
        shown.append(f"… {lines.folded} lines …")
    shown += [f"<i>{format_time(time_ns):>12}</i>  {escaped(text)}" for time_ns, text in lines.last]
    return "\n".join(shown)
