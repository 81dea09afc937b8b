"""Console of a core: the text that it prints on its UART."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ConsoleSink = Callable[[bytes, int], None]

_ESCAPE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence of a terminal (ECMA-48): Zephyr's log colours its lines with them."""

_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""C0 and C1 without the tab, DEL, and what turns the direction of a line."""


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """Finished line without its line end; ``time_ns`` is the virtual time of the line end."""

    time_ns: int
    text: str


class Console:
    """Bytes as they come, lines as they end (CR, LF or both).

    Control sequences of a terminal are left out, as Renode's terminal testers do; invalid UTF-8 is shown, not dropped.
    """

    def __init__(self) -> None:
        self.lines: list[ConsoleLine] = []
        self._partial = bytearray()
        self._sinks: tuple[ConsoleSink, ...] = ()

    def add_sink(self, sink: ConsoleSink) -> Callable[[], None]:
        """Call ``sink`` with all bytes from now on and their time; the function returned removes it again."""
        self._sinks = (*self._sinks, sink)

        def remove() -> None:
            self._sinks = tuple(other for other in self._sinks if other is not sink)

        return remove

    def feed(self, data: bytes, time_ns: int) -> None:
        """Add bytes that were sent at virtual time ``time_ns``."""
        for sink in self._sinks:
            sink(data, time_ns)
        self._partial += data
        while (end := self._partial.find(b"\n")) >= 0:
            line = bytes(self._partial[:end]).rstrip(b"\r")
            del self._partial[: end + 1]
            self.lines.append(ConsoleLine(time_ns, _text(line)))

    @property
    def partial(self) -> str:
        """The text after the last line end."""
        return _text(self._partial)

    @property
    def text(self) -> str:
        """Everything, with ``\\n`` between the lines."""
        return "\n".join([*(line.text for line in self.lines), self.partial])

    def __repr__(self) -> str:
        if not self.lines and not self._partial:
            return "<Console: nothing>"
        last = self.partial or self.lines[-1].text
        count = len(self.lines) + bool(self._partial)
        return f"<Console: {count} line{'s' * (count != 1)}, the last {last!r}>"


def printable(text: str) -> str:
    """Return ``text`` with every character that a terminal would act on as ``\\x1b``; a tab stays."""
    return _CONTROL.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else f"\\u{ord(found[0]):04x}", text
    )


def printable_lines(text: str) -> str:
    """Return several lines, each :func:`printable`; CR LF ends one, too."""
    return "\n".join(printable(line.removesuffix("\r")) for line in text.split("\n"))


def _text(line: bytes | bytearray) -> str:
    return printable(_ESCAPE.sub(b"", line).decode("utf-8", "backslashreplace"))
