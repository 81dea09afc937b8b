"""``icmsg --print-completion``: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELLS: Final = ("bash", "zsh", "fish")
_FILES: Final = ("DIR", "FILE", "REPL", "WHO")
"""Parts of the placeholders of options that take a path."""
_NO_FILES: Final = ("VERSION", "FORMAT")
"""Placeholders of the arguments without an option that are no path."""


class PrintCompletion(argparse.Action):
    """Option that prints the script of a shell and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *arguments: Any, **_further: Any) -> None:
        """Print the script for the shell that was named."""
        import shtab  # only who asks for a script needs it

        for action in _actions(parser):
            if _takes_a_path(action):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        shell = arguments[1]
        sys.stdout.write(shtab.complete(parser, shell))
        parser.exit(0)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--print-completion`` to the parser of the whole command."""
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a script with which the shell completes this command, and end",
    )


def _takes_a_path(action: argparse.Action) -> bool:
    if action.option_strings:
        return any(part in str(action.metavar) for part in _FILES)
    return action.choices is None and action.metavar not in _NO_FILES


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
