"""What a page says is printed against what is printed: equal but for times, hashes and what the page leaves out.

On a page ``…`` stands for any text in a line, and alone for any number of lines. Virtual times and the trace hash
are the same on every machine, but they change with every change of a model or a stub, which is no news to a reader.
"""

from __future__ import annotations

import re

_VARIES = (
    (re.compile(r"-?\d+(\.\d+)? ?(ns|µs|ms|s)\b"), "<time>"),
    (re.compile(r"\[\d+\.\d{9}\]"), "[<time>]"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{4,}"), "<time>"),
    (re.compile(r'("(?:\w*virtual_us|virtual_s|wall_s|min|median|p99|max)": )[\d.e+-]+'), r"\1<time>"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "<hash>"),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"─+"), "─"),
)


def matches(written: str, printed: str) -> bool:
    """Tell whether ``printed`` is what the page says."""
    pattern = "".join(
        "(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in _stable(written)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _stable(printed))) is not None


def _stable(text: str) -> list[str]:
    for pattern, replacement in _VARIES:
        text = pattern.sub(replacement, text)
    return [line.rstrip() for line in text.strip().splitlines()]
