"""``include`` and ``path``: scripts and platform files, and where they are looked for."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.engines.renode.download import fetched, is_address
from icmsg.errors import MonitorError
from icmsg.limits import SCRIPT_BYTES, read_file
from icmsg.monitor.command import Command, Form, one_of, text
from icmsg.monitor.log import LogLevel
from icmsg.monitor.tokens import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token

_CLASS: Final = re.compile(
    r"^\s*public\s+(?:static\s+|sealed\s+|abstract\s+|partial\s+)*class\s+(\w+)", re.MULTILINE
)
_MONITOR_COMMANDS: Final = "icmsg_monitor.py"


def include(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    """Run a script, make what a platform file describes, or accept a model that the engine has."""
    names = [str(token.value) for token in tokens]
    paths = [fetched(name) if is_address(name) else Path(name) for name in names]
    suffixes = {path.suffix for path in paths}
    if len(suffixes) > 1:
        first, second = paths[0].suffix, next(path.suffix for path in paths if path.suffix != paths[0].suffix)
        raise Refusal(f"All file extensions must match (saw {first} and {second})!")
    if len(paths) > 1 and suffixes != {".cs"}:
        raise Refusal("Inclusion of muliple files in currently only supported for *.cs!")
    for path in paths:
        _include_one(monitor, path)


def _include_one(monitor: Interpreter, written: Path) -> None:
    path = written if written.is_absolute() else monitor.path.find(str(written))
    if path is None or not path.is_file():
        raise MonitorError(f"File does not exist: {written}")
    if path.suffix == ".cs":
        _accept_model(monitor, path)
    elif path.suffix == ".py":
        _accept_python(monitor, path)
    elif path.suffix == ".repl":
        if monitor.emulation.selected is None:
            monitor.emulation.select(monitor.emulation.create())
        machine = monitor.emulation.selected
        assert machine is not None
        machine.load("", str(path))
    else:
        monitor.run_script(path)


def _accept_model(monitor: Interpreter, path: Path) -> None:
    known = _shipped_classes()
    try:
        source = read_file(path, SCRIPT_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    classes = _CLASS.findall(source)
    unknown = [name for name in classes if name not in known]
    if unknown or not classes:
        what = ", ".join(unknown) or "what it contains"
        raise Refusal(
            f"{path}: the embedded engine compiles no C#, and has no model of its own for {what}; "
            "run this script with the renode engine (--engine renode)"
        )
    monitor.emulation.log.write(
        LogLevel.DEBUG,
        f"{path.name}: the embedded engine has its own {', '.join(classes)}; the file is not compiled",
    )


@cache  # the files come with the package
def _shipped_classes() -> set[str]:
    """Return the classes in the shipped files for Renode: the engine has a counterpart of each."""
    found: set[str] = set()
    for file in asset("renode").glob("*.cs"):
        found.update(_CLASS.findall(file.read_text(encoding="utf-8")))
    return found


def _accept_python(monitor: Interpreter, path: Path) -> None:
    if path.name != _MONITOR_COMMANDS:
        monitor.python.include(path)
        return
    monitor.emulation.log.write(LogLevel.DEBUG, f"{path.name}: the Monitor has these commands itself")


def _reset_path(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.path.reset()
    _print_path(monitor)


def _change_path(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    value = str(tokens[1].value)
    if tokens[0].value == "set":
        monitor.path.set(value)
    else:
        monitor.path.prepend(value)
    _print_path(monitor)


def _print_path(monitor: Interpreter, _tokens: Sequence[Token] = ()) -> None:
    monitor.write(f"Current 'PATH' value is: {monitor.path.text}")


def _path_details(monitor: Interpreter) -> str:
    return (
        f"\nCurrent 'PATH' value is: {monitor.path.text}\nDefault 'PATH' value is: {monitor.path.default}\n\n"
        "You can use following commands:\n'path set @path'\tto set 'PATH' to the given value\n"
        "'path add @path'\tto prepend the given value to 'PATH'\n"
        "'path reset'\t\tto reset 'PATH' to it's default value"
    )


COMMANDS: Final = (
    Command(
        "include",
        "loads a Monitor script, Python code, platform file or a plugin class.",
        (Form(include, rest=text),),
        ("i",),
        details=lambda _monitor: (
            "\nTo load script(s) you have to provide one (or more) existing file name(s).\n\n"
            "Supported file formats:\n*.cs   - plugin file(s) whose classes the embedded engine has itself\n"
            "*.py   - Python, whose functions mc_name are commands from then on\n"
            "*.repl - platform description file\nother  - monitor script"
        ),
    ),
    Command(
        "path",
        "allows modification of internal 'PATH' variable.",
        (
            Form(_reset_path, (one_of("reset"),)),
            Form(_change_path, (one_of("set", "add"), text)),
            Form(_print_path),
        ),
        details=_path_details,
    ),
)
