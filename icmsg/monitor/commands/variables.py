"""``set``, ``macro``, ``alias``, ``execute``, ``runMacro``, ``require``, ``string``: names for values and commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from icmsg.monitor.command import Command, Form, anything, name, terminator, variable
from icmsg.monitor.tokens import Collection, TypedText

if TYPE_CHECKING:
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token

_Choice = Callable[["Interpreter"], Collection]


def _setter(word: str, noun: str, choose: _Choice) -> Command:
    def assign(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        choose(monitor).set(str(tokens[0].value), tokens[1])

    def ask(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        monitor.typed = TypedText(choose(monitor), str(tokens[0].value), inside=len(tokens) > 1)

    return Command(
        word,
        f"sets {noun}.",
        (Form(ask, (name,)), Form(ask, (name, terminator)), Form(assign, (name, anything))),
        details=lambda _monitor: (
            f'\nYou must provide the name of the {noun}.\n\nUsage:\n\t{word} {noun} "value"\n\n'
            f'\t{word} {noun}\n\t"""\n\t[multiline value]\n\t"""'
        ),
    )


def _executor(word: str, noun: str, choose: _Choice) -> Command:
    def execute(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        if len(tokens) == 1 and tokens[0].kind == "VARIABLE":
            monitor.run_macro(choose(monitor).expand(str(tokens[0].value)))
        else:
            monitor.run_tokens(tokens)

    def known(monitor: Interpreter) -> str:
        lines = [f"\t{full}" for full in choose(monitor).names]
        return "\n".join(["", f"Provide a command or {noun} to execute.", "", f"Available {noun}s:", *lines])

    return Command(
        word,
        f"executes a command or the content of a {noun}.",
        (Form(execute, rest=anything),),
        details=known,
    )


def _require(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.variables.expand(str(tokens[0].value))


def _string(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    values = monitor.expand(tokens)
    monitor.write(f'"{" ".join(str(token.value) for token in values)}"')


COMMANDS: Final = (
    _setter("set", "VARIABLE", lambda monitor: monitor.variables),
    _setter("macro", "MACRO", lambda monitor: monitor.macros),
    _setter("alias", "ALIAS", lambda monitor: monitor.aliases),
    _executor("execute", "VARIABLE", lambda monitor: monitor.variables),
    _executor("runMacro", "MACRO", lambda monitor: monitor.macros),
    Command("require", "verifies the existence of a variable.", (Form(_require, (variable,)),)),
    Command("string", "treat given arguments as a single string.", (Form(_string, rest=anything),), ("str",)),
)
