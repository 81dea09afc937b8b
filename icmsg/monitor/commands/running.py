"""``start``, ``pause``, ``quit``: whether time passes.

Nothing runs in the background here. ``start`` only says that time may pass; it does when a front end lets it
(:meth:`icmsg.monitor.embedded.EmbeddedMonitor.pump`), or Python that uses the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.monitor.command import Command, Form, text
from icmsg.monitor.commands.files import include

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token


def _start(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    if monitor.emulation.is_started:
        monitor.write("Emulation is already started. Ignoring command")
        return
    monitor.write("Starting emulation...")
    monitor.emulation.is_started = True


def _start_script(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    include(monitor, tokens)
    monitor.emulation.is_started = True


def _pause(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Pausing emulation...")
    monitor.emulation.is_started = False


def _quit(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Renode is quitting")
    monitor.emulation.select(None)
    monitor.has_quit = True


COMMANDS: Final = (
    Command(
        "start",
        "starts the emulation.",
        (Form(_start), Form(_start_script, (text,))),
        ("s",),
        details=lambda _monitor: (
            "\nUsage:\nstart - starts the whole emulation\nstart @path - executes the script and starts the emulation"
        ),
    ),
    Command("pause", "pauses the emulation.", (Form(_pause),), ("p",)),
    Command("quit", "quits the emulator.", (Form(_quit),), ("q",)),
)
