"""Commands of Renode's Monitor that the embedded engine refuses, and why, and those that have little to do here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import DEFAULT
from icmsg.errors import MonitorError
from icmsg.monitor.command import Command, Form, anything, boolean, integer, text
from icmsg.monitor.tokens import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token

_NO_SNAPSHOTS: Final = (
    "the embedded engine saves when it is told to, since Save does everything again to try it out: use Save @file "
    "where you want to come back to"
)
_AT_AN_ACCESS: Final = (
    "the embedded engine runs no Python of Monitor commands: Renode's is Python 2.7, with objects of .NET. "
    "Use the keywords Watch Region and Wait For Access, sysbus LogPeripheralAccess, or a watchpoint of "
    "GDB (machine StartGdbServer)"
)
_NO_MEDIUM: Final = (
    "the embedded engine has two cores and their messages, and no peripheral for {}; the renode engine has it"
)
NO_SD: Final = _NO_MEDIUM.format("SD cards")
NO_LED: Final = (
    "the embedded engine has testers as Robot keywords alone: use Create LED Tester of icmsg.robot"
)
_TESTER: Final = (
    "the embedded engine has no testers of Renode's in the Monitor: use the keywords of icmsg.robot, such as Create "
    "Terminal Tester"
)

REFUSED: Final = {
    "autoSave": _NO_SNAPSHOTS,
    "reverseExecMode": _NO_SNAPSHOTS,
    "watch": (
        "Watch command can be used on a full-featured terminal only: here time does not pass while a command runs. Use "
        "emulation RunFor and the command in turn, or icmsg watch for messages"
    ),
    "createPlatform": f"the embedded engine has no list of Renode's platforms: include @renode/{DEFAULT.name}.resc",
    "displayImage": "the embedded engine has no window; the renode engine has one where Renode has",
    "resd": "the embedded engine has no sensors that RESD files could feed; the renode engine has them",
}
"""Reasons for which commands of Renode are refused."""

MEMBERS: Final = {
    "SetHookBeforePeripheralRead": _AT_AN_ACCESS,
    "EnableProfiler": (
        "the embedded engine has no profiler of the whole machine: EnableProfilerCollapsedStack of a core counts its "
        "instructions by function"
    ),
    "CreateCANHub": _NO_MEDIUM.format("CAN"),
    "CreateBLEMedium": _NO_MEDIUM.format("radio"),
    "CreateIEEE802_15_4Medium": _NO_MEDIUM.format("radio"),
    "CreateFrameBufferTester": _TESTER,
}
"""Members of Renode's objects."""

UNKNOWN: Final = {"CreateTerminalTester": _TESTER}
"""Members that Renode's Monitor does not have either, though scripts use them."""


def _refuse(name: str, _monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    raise Refusal(REFUSED[name])


def _refused(name: str, description: str, *short: str, bare: bool = True) -> Command:
    """Return a command that is refused; ``bare`` if it means something without arguments."""
    run = partial(_refuse, name)
    forms = (Form(run), Form(run, rest=anything)) if bare else (Form(run, rest=anything),)
    return Command(name, f"{description}; refused: {REFUSED[name]}", forms, short)


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
        f"displays an image; refused: {REFUSED['displayImage']}",
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
