"""Completion of the end of a line: commands, devices, members, variables, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.engines.lockstep.monitor_text import written_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.monitor.interpreter import Interpreter

_WITH_MACRO = ("runMacro", "macro")


def complete(monitor: Interpreter, line: str, verbs: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """Return the whole lines that ``line`` can become, sorted; ``verbs`` does it for the words behind ``icmsg``."""
    words = _words(line.rpartition(";")[2].lstrip())
    last = words[-1]
    start = line[: len(line) - len(last)]
    if last.startswith("@"):
        found = _files(monitor, last)
    elif last.startswith("$"):
        collection = monitor.macros if words[0] in _WITH_MACRO else monitor.variables
        found = [f"${name}" for name in collection.short_names()]
    elif len(words) == 1:
        found = monitor.words()
    elif words[0] == "icmsg":
        found = verbs(words[1:])
    else:
        found = _after(monitor, words)
    return sorted({start + word for word in found if word.lower().startswith(last.lower())})


def _words(command: str) -> list[str]:
    """Return the words of a command, an empty one behind a space; a space behind a backslash ends none."""
    words = [""]
    escaped = False
    for character in command:
        if character.isspace() and not escaped:
            words.append("")
        else:
            words[-1] += character
        escaped = character == "\\"
    return [*[word for word in words[:-1] if word], words[-1]]


def _after(monitor: Interpreter, words: list[str]) -> list[str]:
    first = words[0]
    device = monitor.emulation.device(first)
    if first not in monitor.commands and device is not None:
        return list(device.members) if len(words) == 2 else monitor.emulation.device_names()
    if first == "help":
        return list(monitor.commands)
    if first == "mach":
        machines = [f'"{name}"' for name in monitor.emulation.machines]
        return ["add", "clear", "create", "rem", "set"] if len(words) == 2 else machines
    return monitor.emulation.device_names()


def _files(monitor: Interpreter, word: str) -> list[str]:
    written = word[1:].replace("\\ ", " ")
    folder, _, _ = written.rpartition("/")
    prefix = folder + "/" if "/" in written else ""
    found: set[str] = set()
    for base in ("", *monitor.path.folders):
        root = monitor.path.find(base or ".")
        here = (
            root / (prefix or ".") if root is not None and not prefix.startswith("/") else Path(prefix or ".")
        )
        if here.is_dir():
            found |= {f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in here.iterdir()}
    return [written_path(name) for name in found]
