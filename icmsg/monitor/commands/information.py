"""``help``, ``version``, ``currentTime`` and how things are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import icmsg
from icmsg.errors import closest
from icmsg.monitor.arguments import NumbersMode, print_interval
from icmsg.monitor.command import Command, Form, boolean, one_of, text, word
from icmsg.monitor.log import LogLevel
from icmsg.monitor.tokens import Refusal
from icmsg.monitor.verbs.arguments import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token


def _help(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Available commands:")
    monitor.write(f"{'Name':<18}| Description")
    monitor.write("=" * 80)
    for name in sorted(monitor.commands):
        monitor.write(f"{name:<18}: {monitor.commands[name].description}")
    monitor.write(
        "\nYou can also provide a device name to access its methods.\nUse <TAB> for auto-completion."
        f"\n`{WORD} help` lists the commands for ICMsg."
    )


def _help_for(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(tokens[0].value)
    if name == WORD:
        monitor.run_verb(["help"])
        return
    if name not in monitor.commands:
        raise Refusal(f"No such command: {name}{closest(name, monitor.commands) or '.'}")
    monitor.write(monitor.commands[name].help(monitor))


def _version(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write(f"icmsg, version {icmsg.__version__} (embedded engine)")


def _time(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    # The real time would differ from run to run.
    text = f"Current virtual time: {print_interval(monitor.emulation.now_ns)}"
    monitor.write(text)
    monitor.emulation.log.write(LogLevel.INFO, text)


def _numbers(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.numbers = NumbersMode[str(tokens[0].value)]


def _verbose(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.verbose = bool(tokens[0].value)


def _nothing(_monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    """Do nothing: only a front end has a screen to clear."""


def _python(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.python.execute(str(tokens[0].value))


COMMANDS: Final = (
    Command(
        "help",
        "prints this help message or info about specified command.",
        (Form(_help), Form(_help_for, (word,))),
        ("?", "h"),
    ),
    Command("version", "shows version information.", (Form(_version),)),
    Command("currentTime", "prints out and logs the current emulation virtual time", (Form(_time),)),
    Command(
        "numbersMode",
        "sets the way numbers are displayed.",
        (Form(_numbers, (one_of(*NumbersMode.__members__),)),),
        details=lambda monitor: "\n".join(
            ["", f"Current mode: {monitor.numbers.name}", "", "Options:", *NumbersMode.__members__]
        ),
    ),
    Command(
        "verboseMode",
        "controls the verbosity of the Monitor.",
        (Form(_verbose, (boolean,)),),
        details=lambda monitor: f"Current value: {monitor.verbose}",
    ),
    Command("clear", "clears the screen.", (Form(_nothing),)),
    Command("python", "executes the provided python command.", (Form(_python, (text,)),), ("py",)),
)
