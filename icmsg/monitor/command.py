"""A command of the Monitor: its name, what it says about itself, and the tokens that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token

Slot = Callable[["Token"], bool]
"""Tells whether a token may stand at a place."""
Run = Callable[["Interpreter", Sequence["Token"]], None]


@dataclass(frozen=True, slots=True)
class Form:
    """Way to write a command: a token for each of ``slots``, then, with ``rest``, one or more such tokens."""

    run: Run
    slots: tuple[Slot, ...] = ()
    rest: Slot | None = None

    def fits(self, tokens: Sequence[Token]) -> bool:
        """Tell whether the tokens behind the command's name have this form."""
        count = len(self.slots)
        if len(tokens) < count + (self.rest is not None) or (self.rest is None and len(tokens) > count):
            return False
        rest = self.rest
        return all(slot(token) for slot, token in zip(self.slots, tokens, strict=False)) and (
            rest is None or all(rest(token) for token in tokens[count:])
        )


@dataclass(frozen=True, slots=True)
class Command:
    """A command; ``details`` writes what ``help`` says beyond the description."""

    name: str
    description: str
    forms: tuple[Form, ...]
    alternatives: tuple[str, ...] = ()
    details: Callable[[Interpreter], str] | None = None

    def help(self, interpreter: Interpreter) -> str:
        """Return what ``help NAME`` prints."""
        short = f" [ {', '.join(self.alternatives)} ]" if self.alternatives else ""
        lines = [f"{self.name}{short}", self.description]
        if self.details is not None:
            lines.append(self.details(interpreter))
        return "\n".join(lines)


def anything(_token: Token) -> bool:
    """Accept any token."""
    return True


def word(token: Token) -> bool:
    """A bare word."""
    return token.kind == "LITERAL"


def variable(token: Token) -> bool:
    """``$name``."""
    return token.kind == "VARIABLE"


def name(token: Token) -> bool:
    """A bare word or ``$name``."""
    return token.kind in ("LITERAL", "VARIABLE")


def text(token: Token) -> bool:
    """A string in quotes or a path."""
    return token.is_text


def integer(token: Token) -> bool:
    """A whole number."""
    return token.is_integer


def boolean(token: Token) -> bool:
    """``true`` or ``false``."""
    return token.kind == "BOOLEAN"


def address_range(token: Token) -> bool:
    """``<0x0, 0x100>`` or ``<0x0 0x100>``."""
    return token.kind in ("ABSOLUTE_RANGE", "RELATIVE_RANGE")


def terminator(token: Token) -> bool:
    """Three quotes."""
    return token.kind == "TERMINATOR"


def one_of(*values: object) -> Slot:
    """Return a slot for one of these words, texts or numbers."""

    def slot(token: Token) -> bool:
        return token.value in values and not isinstance(token.value, bool)

    return slot
