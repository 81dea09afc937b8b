"""Command line of ``icmsg``: values of options, mistakes in them, and what a shell needs to complete them.

A mistake is one line on stderr that names the fix.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from icmsg.errors import ConfigurationError, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.config.instance import Region

MISTAKE: Final = 2
"""Exit code of a mistake in what was asked."""

_LONGEST_S: Final = 1_000_000.0
"""The longest time that an option takes."""


_UNKNOWN_COMMAND: Final = re.compile(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)")


def _words(choices: str) -> list[str]:
    return re.findall(r"[\w-]+", choices)


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default of an option where it has one and the text does not say it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, []) or "default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage above it."""

    def error(self, message: str) -> NoReturn:
        """Exit with :data:`MISTAKE`; an option or sub-command that does not exist is compared with those that do."""
        if found := _UNKNOWN_COMMAND.match(message):
            message = f"there is no command {found[1]}{closest(found[1], _words(found[2]))}"
        self.exit(MISTAKE, f"{self.prog.split()[0]}: error: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse here what this parser does not know, so that it is compared with the right options."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and self._has_options:
            option = next((word for word in unknown if word.startswith("-")), unknown[0])
            name = option.partition("=")[0]
            known = [text for action in self._actions for text in action.option_strings]
            cores = self.get_default("cores")
            if cores is not None and cores.mistake:  # which options there are, nobody can know
                self.error(cores.mistake)
            whose = f"; {cores.described}" if cores is not None and cores.is_named else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{closest(name, known)}{whose}")
        return found, unknown

    @property
    def _has_options(self) -> bool:
        """True for the parser of a sub-command, False for the one above them."""
        return " " in self.prog


def time_ns(unit_ns: int, *, zero: bool = False) -> Callable[[str], int]:
    """Return the reader of an option in units of ``unit_ns``; what it returns is whole nanoseconds."""
    least = "≥ 0" if zero else "> 0"

    def read(text: str) -> int:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value * unit_ns <= _LONGEST_S * 1e9 or not (zero or round(value * unit_ns)):
            raise argparse.ArgumentTypeError(
                f"{text!r}: use a number {least} and ≤ {_LONGEST_S * 1e9 / unit_ns:g}"
            )
        return round(value * unit_ns)

    return read


SIZES: Final = "1:100"
"""The sizes of messages where nobody gives any."""


def parse_size(text: str) -> tuple[int, int]:
    """Return (min, max) of ``MIN[:MAX]``; ConfigurationError otherwise."""
    parts = text.split(":")
    try:
        numbers = [int(part, 0) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise ConfigurationError(f"--size {text}: use MIN or MIN:MAX in bytes, for example 16 or 1:100")
    return numbers[0], numbers[-1]


def region_text(region: Region) -> str:
    """Return a region as ``ADDR:SIZE``."""
    return f"0x{region.address:08X}:0x{region.size:X}"


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
