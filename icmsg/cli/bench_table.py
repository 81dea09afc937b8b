"""Table that ``icmsg bench`` shows to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from icmsg.cli.output import CommandConsole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


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
    for row in _rows(bench):
        table.add_row(*row)
    (console or CommandConsole()).print(table)


def _rows(bench: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
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
