"""Rules of the Monitor's language that are needed to run its commands beside a machine that Python uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import ConfigurationError, EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_TEXT: Final = '"""'
"""Begins and ends a text of several lines, as that of a macro."""
_PARTS: Final = re.compile(r"""(?:\"{3}[\s\S]*?\"{3}|"[^"]*"|'[^']*'|[^;"'])+""")
_NAMES_A_TEXT: Final = re.compile(r"(?:^|\n)\s*(?:macro|alias|set)\s+\w+\s*$")
_RUN_FOR: Final = re.compile(
    r"""^emulation\s+RunFor\s+["']?(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)["']?\s*$""",
    re.IGNORECASE,
)


def split(lines: str) -> Iterator[str]:
    """Yield the single commands of several lines; comments and empty ones are left out.

    Raises:
        MonitorError: a text of several lines does not end.
    """
    for line in _join(lines):
        if not line.lstrip().startswith(("#", ":")):
            yield from (part.strip() for part in _PARTS.findall(line) if part.strip())


def _join(lines: str) -> Iterator[str]:
    """Yield lines; a text that begins on a line of its own belongs to the one before, as in a script."""
    whole: list[str] = []
    is_text = False
    for line in lines.splitlines():
        if not is_text and not line.startswith(_TEXT):
            yield from whole
            whole = []
        whole.append(line)
        if line.count(_TEXT) % 2:
            is_text = not is_text
            if is_text or len(whole) > 1:
                whole = ["\n".join(whole)]
    if is_text:
        raise MonitorError(f"the text that begins with {_TEXT} does not end; close it with {_TEXT}")
    yield from whole


def is_unfinished(lines: str) -> bool:
    """Return whether a text of several lines is still to come, as after ``macro reset`` alone."""
    return lines.count(_TEXT) % 2 == 1 or _NAMES_A_TEXT.search(lines) is not None


def run_for_ns(command: str) -> int | None:
    """Return the nanoseconds of an ``emulation RunFor``, given as seconds or as hh:mm:ss; None for anything else."""
    found = _RUN_FOR.match(command)
    if found is None:
        return None
    whole, _, fraction = found["s"].partition(".")
    seconds = (int(found["h"] or 0) * 60 + int(found["m"] or 0)) * 60 + int(whole)
    return seconds * 1_000_000_000 + int(f"{fraction:0<9}"[:9])


def monitor_path(path: Path) -> str:
    """Return the token for an absolute ``path``; EngineError for one that the Monitor cannot read."""
    text = path.resolve().as_posix()
    if any(character in text for character in ";\"'`\n\t"):
        raise EngineError(f"Renode's Monitor cannot read the path {text!r}; move the file to a plainer one")
    return written_path(text)


def written_path(path: str | Path) -> str:
    """Return a path as it is written in a command: behind ``@``, with its spaces escaped."""
    return "@" + str(path).replace(" ", "\\ ")


def csharp_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the C# files that somebody wants Renode to compile.

    Raises:
        ConfigurationError: one of them is not there, or no C# file by its name.
    """
    files = [Path(path) for path in paths]
    for path in files:
        if path.suffix != ".cs":
            raise ConfigurationError(
                f"{path} is not included: Renode compiles C# files, and their names end with .cs"
            )
        if not path.is_file():
            raise ConfigurationError(f"{path} is not included: there is no such file")
    return files


_ACCESS: Final = re.compile(
    r"\[WARNING\] \S+: \[(?P<cpu>\w+): 0x(?P<pc>[0-9A-F]+)\] (?:\(tag: '[^']*'\) )?"
    r"(?P<what>(?:Read|Write)\w+ (?:from|to) non existing peripheral) at 0x(?P<address>[0-9A-F]+)",
    re.IGNORECASE,
)
_ABORT: Final = re.compile(
    r"\[ERROR\] (?:\S+/)?(?P<cpu>\w+): (?P<what>CPU abort) \[PC=0x(?P<pc>[0-9A-F]+)\]", re.IGNORECASE
)


class Complaint(NamedTuple):
    """Line of the log: ``cpu`` is the core's name in the platform file."""

    cpu: str
    what: str
    address: int
    pc: int


def complaints(text: str) -> Iterator[Complaint]:
    """Yield each different complaint about firmware once, in the order of the log."""
    seen: set[tuple[str, str, int]] = set()
    for line in text.splitlines():
        found = _ACCESS.search(line) or _ABORT.search(line)
        if found is None:
            continue
        pc = int(found["pc"], 16)
        address = int(found.groupdict().get("address") or found["pc"], 16)
        key = found["cpu"], found["what"], address
        if key not in seen:
            seen.add(key)
            yield Complaint(*key, pc)
