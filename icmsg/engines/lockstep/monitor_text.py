"""Rules of the Monitor's language that are needed to run its commands beside a machine that Python uses.

The Monitor commands that make and control a machine, and those that are refused beside a lockstep.

The registers of a core, read out of what Renode's Monitor prints.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import ConfigurationError, EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


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


MACHINE: Final = "icmsg"
"""The name of the machine in the Monitor."""
SERIAL: Final = "emulation SetGlobalSerialExecution true"
"""Parallel runs differ each time."""
_SEED: Final = 1

_RUNS_TIME: Final = re.compile(
    r"^\s*(s|start|pause|p)\s*$|\b(RunFor|RunToNearestSyncPoint|StartAll|PauseAll|RunUntilInterrupt|EndLockstep|icmsg_release)\b",
    re.IGNORECASE,
)
_NEEDS_PAUSE: Final = re.compile(
    r"\bLoad(ELF|Binary|HEX|UImage|SymbolsFrom)\b|^\s*(Load|Save)\b|^\s*(emulation\s+)?Clear\s*$",
    re.IGNORECASE,
)


def setup(platform: str, quantum_ns: int, cpus: Sequence[str]) -> Iterator[str]:
    """Yield what makes a machine whose cores are all held; ``platform`` is a path as the Monitor reads it.

    Settings for all machines count only for those that exist, so they come behind the machine.
    """
    yield "using sysbus"
    yield f'mach create "{MACHINE}"'
    yield f"machine LoadPlatformDescription {platform}"
    yield f"emulation SetSeed {_SEED}"
    yield f'emulation SetGlobalQuantum "{seconds(quantum_ns)}"'
    yield SERIAL
    yield "emulation SetGlobalAdvanceImmediately true"
    for cpu in cpus:
        yield f"{cpu} IsHalted true"


def reset(cpu: str, entry: str, address: int | None, own: Sequence[str]) -> Iterator[str]:
    """Yield what resets a core and what belongs to it, and leaves it held; member ``entry`` becomes ``address``.

    Without the core's reset it does not start at the entry of what was loaded; the reset forgets where that is.
    """
    yield f"{cpu} IsHalted true"
    yield f"{cpu} Reset"
    if address is not None:
        yield f"{cpu} {entry} 0x{address:08X}"
    for name in own:
        yield f"{name} Reset"


def check_beside_lockstep(command: str, *, is_held: bool = True) -> None:
    """Refuse what Renode does not refuse while a lockstep exists, and what it refuses with other words.

    Where the emulation is not held (``is_held``), what needs a pause is not refused.

    Raises:
        EngineError: the command lets time pass on its own, or needs a paused emulation.
    """
    for part in command.split(";"):
        if _RUNS_TIME.search(part):
            raise EngineError(
                f"`{part.strip()}` lets time pass beside the machine, which mixes both times; use run_for or run_until"
            )
        if is_held and _NEEDS_PAUSE.search(part):
            raise EngineError(
                f"`{part.strip()}` needs a paused emulation; use load() of a core, or do it before the machine runs"
            )


def seconds(ns: int) -> str:
    """Return a time as the Monitor reads one."""
    # Renode multiplies the fraction as a floating-point number and cuts, so half a nanosecond is added.
    return f"{ns // 1_000_000_000}.{ns % 1_000_000_000:09d}5"


_ROW: Final = re.compile(r"\|\s*(\w+)\s*\|(?:\s*\d+\s*\|)?\s*(0x[0-9A-Fa-f]+)")
_NUMBER: Final = re.compile(r"0x[0-9A-Fa-f]+")


class CoreRegisters:
    """Registers of core ``cpu``; ``command`` runs a command of the Monitor and returns what it prints.

    ``names`` are those that are shown, and Renode's for them.
    """

    def __init__(self, cpu: str, names: Mapping[str, str], command: Callable[[str], str]) -> None:
        self._cpu = cpu
        self._names = names
        self._command = command

    def number(self, member: str) -> int | None:
        """Return what Renode prints for a member of the core; None where that is no number."""
        found = _NUMBER.search(self._command(f"{self._cpu} {member}"))
        return int(found[0], 16) if found is not None else None

    def main(self) -> dict[str, int]:
        """Return those that are shown."""
        found = {name: self.number(member) for name, member in self._names.items()}
        return {name: number for name, number in found.items() if number is not None}

    def all(self) -> dict[str, int]:
        """Return what Renode tells of the registers; those that only a debugger sees are not among them."""
        found: dict[str, int] = {}
        with suppress(EngineError):
            for name, value in _ROW.findall(self._command(f"{self._cpu} GetRegistersValues")):
                found[name.upper()] = int(value, 16)
        return found if {"R4", "SP", "LR", "PC"} <= found.keys() else found | self.main()
