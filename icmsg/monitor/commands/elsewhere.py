"""Commands that the embedded engine knows and refuses, and those of Renode that have little to do here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.monitor import elsewhere
from icmsg.monitor.command import Command, Form, anything, boolean, integer, text
from icmsg.monitor.tokens import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token


def _refuse(name: str, _monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    raise Refusal(elsewhere.COMMANDS[name])


def _snapshot(name: str, description: str) -> Command:
    """Return a command that would take the path of a file, and is refused; another argument does not fit."""
    run = partial(_refuse, name)
    forms = (Form(run), Form(run, (text,)), Form(partial(_mismatch, name), rest=anything))
    return Command(name, f"{description}; refused: {elsewhere.COMMANDS[name]}", forms)


def _mismatch(name: str, _monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    raise Refusal(
        f"Parameters did not match the signature\n{name} takes the path of a file, and is refused: "
        f"{elsewhere.COMMANDS[name]}"
    )


def _refused(name: str, description: str, *short: str, bare: bool = True) -> Command:
    """Return a command that is refused; ``bare`` if it means something without arguments."""
    run = partial(_refuse, name)
    forms = (Form(run), Form(run, rest=anything)) if bare else (Form(run, rest=anything),)
    return Command(name, f"{description}; refused: {elsewhere.COMMANDS[name]}", forms, short)


def _display_image(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    if not Path(str(tokens[0].value)).is_file():
        raise MonitorError(f"File does not exist: {tokens[0].value}")
    _refuse("displayImage", monitor, tokens)


def _load_type(_monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = tokens[0].value
    raise MonitorError(
        f"Unable to load the type `{name}`: Given type {name} was not found in any of the known assemblies."
        "\nThe embedded engine has none of .NET; the renode engine has Renode's."
    )


def _history(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    most = int(str(tokens[0].value)) if tokens else len(monitor.history)
    monitor.write("Commands history:\n")
    skipped = max(0, len(monitor.history) - most)
    for number, line in enumerate(monitor.history[skipped:], skipped + 1):
        monitor.write(f" {number}: {line}")


def _privates(_monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    """Do nothing: no object here has members that are hidden."""


COMMANDS: Final = (
    _refused("autoSave", "saves the emulation now and then", bare=False),
    _refused("reverseExecMode", "lets GDB execute backwards", bare=False),
    Command(
        "watch",
        "executes a command periodically, showing output in monitor",
        (Form(partial(_refuse, "watch"), (text, integer)),),
        ("w",),
        details=lambda _monitor: '\nUsage:\nwatch "<command>" <refresh period in ms>',
    ),
    _refused("createPlatform", "creates a platform", "c", bare=False),
    _refused("resd", "introspection for RESD files", bare=False),
    Command(
        "displayImage",
        f"displays an image; refused: {elsewhere.COMMANDS['displayImage']}",
        (Form(_display_image, (text,)),),
    ),
    Command(
        "EnsureTypeIsLoaded", "loads a type of .NET; refused: there is none.", (Form(_load_type, (text,)),)
    ),
    Command("history", "prints the commands of this session.", (Form(_history), Form(_history, (integer,)))),
    Command(
        "allowPrivates",
        "allow private fields and properties manipulation; objects of this engine have none.",
        (Form(_privates, (boolean,)),),
        ("privs",),
    ),
)
