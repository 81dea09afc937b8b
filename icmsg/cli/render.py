"""Display of a run for a person: a progress bar while it lasts, a summary table at its end.

The console that every command prints to.

Table that ``icmsg bench`` shows to a person.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from icmsg.machine.console import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CommandConsole(Console):
    """Leaves a broken pipe to the command's entry point, which knows its exit code."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is handled right now."""
        raise  # noqa: PLE0704 - called from its except clause


@contextmanager
def progress(total: int) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function to call with (done, total); None where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("echoes", total=total)
        yield lambda done, _total: bar.update(task, completed=done)


def report(run: dict[str, Any], console: Console | None = None, *, stderr: bool = False) -> None:
    """Print the summary of a run, as :meth:`RunReport.as_json` gives it."""
    console = console or CommandConsole(stderr=stderr)
    table = Table(
        title=f"{_title(run)} exchange", title_justify="left", show_header=False, title_style="bold"
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _rows(run):
        table.add_row(label, value)
    console.print(table)
    for name, lines in run["consoles"].items():
        for line in lines:
            console.print(Text(f"{name}│ ", "dim") + Text(line), soft_wrap=True)
    for index, problem in enumerate(run["problems"]):
        _print(console, problem, "bold red" if index == 0 else "red")
    for note in run["notes"]:
        _print(console, note, "dim")
    if run["ok"]:  # else they are among the problems
        for warning in run["warnings"]:
            _print(console, warning, "yellow")
    verdict = Text("OK", "bold green") if run["ok"] else Text("FAILED", "bold red")
    console.print(verdict)


def _print(console: Console, text: str, style: str) -> None:
    """Print a line; on a terminal it is broken between words, elsewhere it stays one line that can be searched."""
    text = printable(text)
    if not console.is_terminal:
        console.print(Text(text, style), soft_wrap=True)
        return
    for line in textwrap.wrap(
        text, max(console.width, 20), break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
    ):
        console.print(Text(line, style), soft_wrap=True)


def _rows(run: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    yield "engine", f"{run['engine']} ({run['engine_reason']})"
    yield "cores", ", ".join(f"{core} = {who}" for core, who in run["cores"].items())
    bond = run["bond_virtual_us"]
    yield "bound", Text(f"after {_time(bond)}", "green") if run["bound"] else Text("no", "bold red")
    if not run["bond_only"]:
        yield "echoes", _echoes(run)
        if run["initiator"]:
            yield "initiator", f"{run['initiator']}: {run['initiator_reason']}"
    if run["messages_unanswered"]:
        played = "python" in run["cores"].values()
        yield "unanswered" if played else "seen", _count(run["messages_unanswered"])
    if run["messages_lost"]:
        yield "lost", f"{_count(run['messages_lost'])} under way at a restart"
    if restarts := {core: number for core, number in run["restarts"].items() if number}:
        yield "restarts", ", ".join(f"{core} {number}" for core, number in restarts.items())
    trips = run["round_trip_virtual_us"]
    if trips["min"] is not None:
        yield "round trip", _distribution(trips)
    if run["round_trip_note"]:
        yield "", run["round_trip_note"]
    for endpoint in run["endpoints"]:
        yield f"endpoint {printable(endpoint['name'])}", _endpoint(endpoint, bond_only=run["bond_only"])
    yield "time", f"{_time(run['virtual_s'] * 1e6)} virtual in {run['wall_s']:.2f} s"
    yield "trace", run["trace_sha256"][:16]


def _title(run: dict[str, Any]) -> str:
    backend = str(run["options"].get("backend", "icmsg"))
    return {"icmsg": "ICMsg", "icbmsg": "ICBMsg", "icbmsg-rework": "ICBMsg (rework)"}.get(backend, backend)


def _endpoint(endpoint: dict[str, Any], *, bond_only: bool) -> Text:
    """Return the line of one of several endpoints."""
    if not endpoint["bound"]:
        return Text("not bound", "bold red")
    bound = Text(f"bound after {_time(endpoint['bond_virtual_us'])}; ", "green")
    if bond_only:
        unanswered = endpoint["messages_unanswered"]
        return Text(
            f"bound after {_time(endpoint['bond_virtual_us'])}; {_count(unanswered)} received", "green"
        )
    trips = endpoint["round_trip_virtual_us"]
    first = f"; {endpoint['initiator']} sends first" if endpoint["initiator"] else ""
    median = f"; round trip {_time(trips['median'])}" if trips["median"] is not None else ""
    return bound + _echoes(endpoint) + Text(first + median)


def _distribution(trips: dict[str, float]) -> str:
    names = ("min", "median", "p99", "max")
    if trips["max"] < 1000:
        return ", ".join(f"{name} {trips[name]:.2f}" for name in names) + " µs (virtual)"
    return ", ".join(f"{name} {_time(trips[name])}" for name in names) + " (virtual)"


def _count(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _echoes(run: dict[str, Any]) -> Text:
    wanted = run["messages_sent"] if run["messages_expected"] is None else run["messages_expected"]
    good = run["messages_received"] == wanted > 0 and not run["mismatches"]
    return Text(
        f"{run['messages_received']} of {wanted} messages, {run['bytes_received']} bytes, "
        f"{run['mismatches']} mismatches",
        "green" if good else "bold red",
    )


def _time(us: float) -> str:
    for limit, factor, unit in ((1e3, 1.0, "µs"), (1e6, 1e3, "ms")):
        if us < limit:
            return f"{us / factor:.2f} {unit}"
    return f"{us / 1e6:.2f} s"


def show(bench: dict[str, Any], console: Console | None = None) -> None:
    """Print the figures, as :meth:`icmsg.cli.bench_command.BenchReport.as_json` gives them."""
    table = Table(
        "what",
        "wall time",
        "virtual",
        title=f"ICMsg echoes, {bench['engine']} ({bench['engine_reason']})",
        title_justify="left",
        title_style="bold",
    )
    for row in _bench_rows(bench):
        table.add_row(*row)
    (console or CommandConsole()).print(table)


def _bench_rows(bench: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for echo in bench["echo"]:
        yield (
            f"{' ↔ '.join(echo[role] for role in bench['cores'])}, window {echo['window']}",
            f"{echo['per_second']:,.0f} /s",
            f"{echo['virtual_us']:.2f} µs each",
        )
    for window, ratio in bench["python_to_firmware"].items():
        yield f"python ↔ echo to initiator ↔ echo, window {window}", f"{ratio:.2f}-fold", ""
    for name, ns in bench["access_ns"].items():
        yield name, f"{ns / 1000:.2f} µs", ""
    if "by_commands" in bench:
        yield "mailbox read by Renode's method alone", f"{bench['bound_call_ns'] / 1000:.2f} µs", ""
        yield "mailbox read32 to that", f"{bench['access_to_bound_call']:.2f}-fold", ""
        commands = bench["by_commands"]
        yield (
            "the same by Monitor commands",
            f"{commands['per_second']:,.1f} /s",
            f"{commands['virtual_us']:.2f} µs each",
        )
        yield "python ↔ echo to that", f"{bench['python_to_commands']:,.0f}-fold", ""
