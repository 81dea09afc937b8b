"""What the tests read out of C# source, without a compiler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from icmsg.assets import asset

if TYPE_CHECKING:
    from pathlib import Path

_COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
_ENTRY = re.compile(
    r"^ *(?P<member>\w+) = (?P<offset>0x[0-9A-F]+), // (?P<name>[A-Z0-9_]+)(?:\[(?P<count>\d+)\])?$"
)

NEWER_THAN_7_3 = {
    "file-scoped namespace": r"^\s*namespace [\w.]+;",
    "record": r"\brecord\s+(?:class\s+|struct\s+)?[A-Z]\w*\s*[({:;]",
    "init accessor": r"\binit;",
    "required member": r"\brequired\s+\w",
    "global using": r"\bglobal using\b",
    "using declaration": r"\busing var\b",
    "switch expression": r"\bswitch\s*\{",
    "null-coalescing assignment": r"\?\?=",
    "nullable context": r"#nullable|\w!\.",
    "target-typed new": r"=\s*new\(",
    "pattern with not, and, or": r"\bis not\b|\bis (?:>|<|null or|null and)",
    "property pattern": r"\bis \{",
    "index from the end or range": r"\[\^|\[[\w]*\.\.",
    "static lambda": r"\bstatic \(?\w*\)? ?=>",
    "default interface member": r"\binterface\b[^{]*\{[^}]*\w+\([^)]*\)\s*\{",
    "raw string": r'"""',
    "collection expression": r"=\s*\[",
    "nint": r"\bnu?int\b",
    "primary constructor": r"\b(?:class|struct) \w+\s*\(",
}
"""Constructs of C# 8 and later that a model could be written with by accident: what finds them."""


class RegisterEntry(NamedTuple):
    """One member of ``enum Registers``; ``name`` and ``count`` are those of the comment behind it."""

    member: str
    offset: int
    name: str
    count: int


def models() -> list[Path]:
    """Return the C# files that ship."""
    return sorted(asset("renode").glob("*.cs"))


def code_only(source: str) -> str:
    """Return the source with comments removed and strings emptied."""
    return _COMMENT_OR_STRING.sub(lambda match: "" if match[0][0] == "/" else '""', source)


def register_entries(source: str) -> list[RegisterEntry]:
    """Return the members of ``enum Registers``; every line of it has to have the form of an entry."""
    match = re.search(r"private enum Registers : long\n *\{\n(.*?)\n *\}", source, re.DOTALL)
    assert match is not None
    entries = []
    for line in match[1].splitlines():
        entry = _ENTRY.match(line)
        assert entry is not None, f"not `Name = 0x000, // NAME[count]`: {line}"
        count = int(entry["count"] or 1)
        entries.append(RegisterEntry(entry["member"], int(entry["offset"], 16), entry["name"], count))
    return entries


def newer_constructs(source: str) -> list[str]:
    """Return the names of constructs that Renode's compiler on Mono does not know."""
    code = code_only(source)
    return [
        name
        for name, pattern in NEWER_THAN_7_3.items()
        if re.search(pattern, source if name == "raw string" else code, re.MULTILINE)
    ]
