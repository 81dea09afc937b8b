"""Commands on their way to a Monitor: as few lines as possible, counted, and their answers read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.engines.remote.transport import cut, plain, words
from icmsg.errors import EngineError, MonitorError

if TYPE_CHECKING:
    from icmsg.engines.remote.transport import Transport

_NUMBER: Final = re.compile(r"\s*(?:0x(?P<hex>[0-9A-Fa-f]{1,16})|(?P<decimal>[0-9]{1,20}))\b")
_LONGEST: Final = 4000
"""Characters of a line; a Monitor behind telnet echoes each of them."""


class BatchedMonitor:
    """Monitor whose lines are as few as possible.

    While ``joins`` is set, commands that answer nothing wait and go with the next one that does, on one line: in the
    order in which they were given, and before any virtual time passes. Only who knows that nobody else looks at the
    machine meanwhile may set it. ``lines`` counts what was sent.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: list[str] = []
        self._length = 0
        self._joins = False
        self.lines = 0

    @property
    def joins(self) -> bool:
        """True while commands without an answer wait."""
        return self._joins

    @joins.setter
    def joins(self, joins: bool) -> None:
        self._joins = joins
        if not joins:
            self.flush()

    def do(self, command: str) -> None:
        """Run a command that prints nothing.

        Raises:
            MonitorError: it is refused. For one that waited an EngineError comes later, from what it was sent with.
        """
        if self._length + len(command) > _LONGEST:
            self.flush()
        if self._joins:
            self._waiting.append(command)
            self._length += len(command) + 2
        else:
            self._send([command])

    def ask(self, *commands: str, answers: int | None = None) -> list[str]:
        """Run commands on one line and return the lines that they print, one each unless ``answers`` says how many.

        Raises:
            MonitorError: one is refused.
            EngineError: another number of lines was printed, or something that waited is refused.
        """
        expected = len(commands) if answers is None else answers
        printed = self._send(commands)
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        if len(lines) != expected:
            raise EngineError(
                f"`{'; '.join(commands)}` printed {len(lines)} lines instead of {expected}: {cut(printed)!r}"
            )
        return lines

    def number(self, command: str) -> int:
        """Run a command that prints one number."""
        return number(self.ask(command)[0])

    def execute(self, command: str) -> str:
        """Run anything and return what it prints; what waited goes before it."""
        self.flush()
        return self._send([command])

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self._send([])

    def _send(self, commands: tuple[str, ...] | list[str]) -> str:
        waited, self._waiting, self._length = self._waiting, [], 0
        line = "; ".join([*waited, *commands])
        self.lines += 1
        try:
            return plain(self._transport.execute(line))
        except MonitorError as error:
            if waited:
                raise EngineError(f"the Monitor refuses a part of `{line}`: {words(error)}") from error
            raise MonitorError(plain(str(error))) from error


def number(text: str) -> int:
    """Return a number in any of the Monitor's forms: ``0x0000000A``, ``10`` and ``0xA (10)``.

    Raises:
        EngineError: there is none.
    """
    found = _NUMBER.match(text)
    if found is None:
        raise EngineError(f"the Monitor printed {cut(text)!r} where a number was expected")
    return int(found["hex"], 16) if found["hex"] is not None else int(found["decimal"])
