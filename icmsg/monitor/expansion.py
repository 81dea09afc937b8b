"""Tokens of a line in which variables stand in words: ``$ORIGIN/file``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.monitor.refusal import Refusal
from icmsg.monitor.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.tokens import Token
    from icmsg.monitor.variables import Collection

_DEEPEST: Final = 40


def expanded_tokens(text: str, variables: Collection) -> Sequence[Token]:
    """Return the tokens of ``text``.

    Where no token fits behind a variable, its value is put in and the text is read again, as Renode does it.

    Raises:
        Refusal: no token fits; the text points at the place.
    """
    for _ in range(_DEEPEST):
        tokens, end, problem = tokenize(text)
        if end is None:
            return tokens
        if problem or not tokens or tokens[-1].kind != "VARIABLE":
            lines = ["Could not tokenize here:", text, "^".rjust(end + 1), problem]
            raise Refusal("\n".join(line for line in lines if line))
        try:
            value = variables.value_of(tokens[-1])
        except MonitorError as error:
            raise Refusal(str(error)) from None
        text = f"{' '.join(token.text for token in tokens[:-1])} {value.text}{text[end:]}"
    raise Refusal(f"variables refer to each other in a circle: {text}")
