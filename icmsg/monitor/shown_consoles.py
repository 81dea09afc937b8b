"""Consoles whose lines the log has (``showAnalyzer``), and what is new in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.machine.console import Console


def news(consoles: Mapping[str, Console], shown: dict[str, int]) -> list[tuple[int, str, str]]:
    """Return (time, UART, text) of lines that are new since ``shown``, which is brought up to date."""
    found: list[tuple[int, str, str]] = []
    for uart, console in consoles.items():
        lines = console.lines
        before = lines[shown[uart] - 1].time_ns if shown[uart] else 0
        for line in lines[shown[uart] :]:
            stamp = f"virt: {_seconds(line.time_ns)} (+{_seconds(line.time_ns - before)})"
            found.append((line.time_ns, uart, f"[{stamp}] {line.text}"))
            before = line.time_ns
        shown[uart] = len(lines)
    return sorted(found, key=lambda item: item[0])


def _seconds(ns: int) -> str:
    for unit, name in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= unit:
            return f"{ns / unit:.4g}{name}"
    return f"{ns}ns" if ns else "0s"
