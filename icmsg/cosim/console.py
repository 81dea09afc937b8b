"""What a core prints on its UART."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One finished line without its line end; ``time_ns`` is the virtual time of the line end."""

    time_ns: int
    text: str


class Console:
    """Bytes as they come, lines as they end (CR, LF or both); invalid UTF-8 is shown, not dropped."""

    def __init__(self) -> None:
        self.lines: list[ConsoleLine] = []
        self._partial = bytearray()

    def feed(self, data: bytes, time_ns: int) -> None:
        """Add bytes that were sent at virtual time ``time_ns``."""
        self._partial += data
        while (end := self._partial.find(b"\n")) >= 0:
            line = bytes(self._partial[:end]).rstrip(b"\r")
            del self._partial[: end + 1]
            self.lines.append(ConsoleLine(time_ns, line.decode("utf-8", "backslashreplace")))

    @property
    def partial(self) -> str:
        """What was printed after the last line end."""
        return self._partial.decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        """Everything, with ``\\n`` between the lines."""
        return "\n".join([*(line.text for line in self.lines), self.partial])
