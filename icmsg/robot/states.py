"""Renode's keywords Provides and Requires: a state that several tests start from.

Renode saves the emulation, or runs the keywords again. Here they are always run again: two runs are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from robot.api.deco import keyword

from icmsg.robot.renode_failures import keyword_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.robot.context import KeywordContext


class Call(NamedTuple):
    """Keyword with its arguments, as Robot has converted them."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_NOT_REPEATED: Final = {"provides", "requires", "reset_emulation", "close_machine", "save_trace"}


class StateKeywords:
    """Remembers the keywords since the last reset."""

    def __init__(
        self, context: KeywordContext, run: Callable[[str, Sequence[Any], Mapping[str, Any]], Any]
    ) -> None:
        self._context = context
        self._run = run
        self._calls: list[Call] = []
        self._states: dict[str, list[Call]] = {}

    def remember(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Take note of a keyword that has passed."""
        if name in {"reset_emulation", "close_machine"}:
            self._calls.clear()
        elif name not in _NOT_REPEATED:
            self._calls.append(Call(name, tuple(args), dict(kwargs)))

    @keyword(tags=["renode"])
    def provides(
        self,
        state: str,
        type: Literal["Serialization", "Reexecution"] = "Serialization",  # noqa: A002, ARG002 - Renode's name
    ) -> None:
        """Gives a name to the state that the keywords of this test have made; `Requires` makes it again."""
        self._states[state] = list(self._calls)

    @keyword(tags=["renode"])
    def requires(self, state: str) -> None:
        """Makes a state that an earlier test of this suite provides, by running its keywords again."""
        if state not in self._states:
            raise keyword_exception(f"Required state {state} not found.")
        self._context.clear()
        self._calls.clear()
        for call in self._states[state]:
            self._run(call.name, call.args, call.kwargs)
        self._calls = list(self._states[state])
