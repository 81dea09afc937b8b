"""Console of a core: the text that it prints, the bytes that are written to it, and files of what it prints.

The files have bytes as they are, lines with their virtual time, or asciicast v2.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from icmsg.errors import ConfigurationError, EngineError
from icmsg.files import create_bytes_file, create_file

ConsoleSink = Callable[[bytes, int], None]
WAYS: Final = ("uart", "rtt")
"""Ways to the firmware: the receiver of the core's UART, or down-buffer 0 of SEGGER RTT."""


class ConsoleInput(Protocol):
    """The way from a console to the firmware of its core."""

    def __call__(self, data: bytes, through: str | None) -> int:
        """Send ``data`` through ``uart`` or ``rtt``, None = what the firmware listens to; return the virtual time.

        Raises:
            EngineError: nothing could receive it.
        """


_ESCAPE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence of a terminal (ECMA-48): Zephyr's log colours its lines with them."""

_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""C0 and C1 without the tab, DEL, and what turns the direction of a line."""


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes that were written to a console; ``time_ns`` is the virtual time at which they were sent off."""

    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """Finished line without its line end; ``time_ns`` is the virtual time of the line end."""

    time_ns: int
    text: str


LineSink = Callable[[ConsoleLine], None]


class Console:
    """Bytes as they come, lines as they end (CR, LF or both); those of several UARTs are not mixed within a line.

    Control sequences of a terminal are left out, as Renode's terminal testers do; invalid UTF-8 is shown, not dropped.
    """

    def __init__(self) -> None:
        self.lines: list[ConsoleLine] = []
        self._partial: Final[dict[object, bytearray]] = {}
        self._sinks: tuple[tuple[ConsoleSink, Collection[object]], ...] = ()
        self._line_sinks: tuple[LineSink, ...] = ()
        self._input_sinks: tuple[ConsoleSink, ...] = ()
        self._input: ConsoleInput | None = None
        self.inputs: list[Written] = []
        """Everything that was written to the console, in order."""
        self.missed = 0
        """Bytes that reached the UART while its receiver was off or full, as far as the engine tells: they are lost."""

    def add_sink(self, sink: ConsoleSink, *, without: Collection[object] = ()) -> Callable[[], None]:
        """Call ``sink`` with all bytes from now on and their time, but not those of some sources of :meth:`feed`.

        The function returned removes it again.
        """
        self._sinks = (*self._sinks, (sink, without))

        def remove() -> None:
            self._sinks = tuple(other for other in self._sinks if other[0] is not sink)

        return remove

    def add_line_sink(self, sink: LineSink) -> Callable[[], None]:
        """Call ``sink`` with each line that ends from now on; the function returned removes it again."""
        self._line_sinks = (*self._line_sinks, sink)

        def remove() -> None:
            self._line_sinks = tuple(other for other in self._line_sinks if other is not sink)

        return remove

    def add_input_sink(self, sink: ConsoleSink) -> Callable[[], None]:
        """Call ``sink`` with all that is written to the console from now on, as :meth:`add_sink` does it."""
        self._input_sinks = (*self._input_sinks, sink)

        def remove() -> None:
            self._input_sinks = tuple(other for other in self._input_sinks if other is not sink)

        return remove

    def connect_input(self, way: ConsoleInput) -> None:
        """Let ``way`` take what is written; for the engine."""
        self._input = way

    def write(self, data: bytes | str, *, through: str | None = None) -> None:
        """Send bytes to the firmware, text in UTF-8; they come at the UART's baud rate while time passes.

        ``through`` is ``uart`` or ``rtt``; None is the UART, or RTT where the image has it and no UART listens.

        Raises:
            EngineError: the core has nothing that could receive it.
            ConfigurationError: there is no such way.
        """
        if through is not None and through not in WAYS:
            raise ConfigurationError(f"no way {through!r} to a console; use {' or '.join(WAYS)}")
        if self._input is None:
            raise EngineError("this console cannot be written to: no core of a machine reads it")
        data = data.encode() if isinstance(data, str) else bytes(data)
        time_ns = self._input(data, through)
        self.inputs.append(Written(time_ns, data))
        for sink in self._input_sinks:
            sink(data, time_ns)

    def write_line(self, text: str = "", *, end: str = "\r", through: str | None = None) -> None:
        """Send a line; it ends with CR, as that of a terminal does. Raises as :meth:`write`."""
        self.write(text + end, through=through)

    def feed(self, data: bytes, time_ns: int, source: object = None) -> None:
        """Add bytes that were sent at virtual time ``time_ns`` by ``source``, one of the UARTs of the core."""
        for sink, without in self._sinks:
            if source not in without:
                sink(data, time_ns)
        partial = self._partial.setdefault(source, bytearray())
        partial += data
        while (end := partial.find(b"\n")) >= 0:
            line = ConsoleLine(time_ns, text_of(bytes(partial[:end]).rstrip(b"\r")))
            del partial[: end + 1]
            self.lines.append(line)
            for tell in self._line_sinks:
                tell(line)

    @property
    def partial(self) -> str:
        """The text after the last line end; that of the UART which was the first to print comes first."""
        return "\n".join(text_of(each) for each in self._partial.values() if each)

    @property
    def text(self) -> str:
        """Everything, with ``\\n`` between the lines."""
        return "\n".join([*(line.text for line in self.lines), self.partial])

    def __repr__(self) -> str:
        if not self.lines and not self.partial:
            return "<Console: nothing>"
        last = self.partial or self.lines[-1].text
        count = len(self.lines) + bool(self.partial)
        return f"<Console: {count} line{'s' * (count != 1)}, the last {last!r}>"


def printable(text: str) -> str:
    """Return ``text`` with every character that a terminal would act on as ``\\x1b``; a tab stays."""
    return _CONTROL.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else f"\\u{ord(found[0]):04x}", text
    )


def printable_lines(text: str) -> str:
    """Return several lines, each :func:`printable`; CR LF ends one, too."""
    return "\n".join(printable(line.removesuffix("\r")) for line in text.split("\n"))


def text_of(line: bytes | bytearray) -> str:
    """Return bytes as a line shows them: UTF-8, without control sequences, what is neither as ``\\x80``."""
    return printable(_ESCAPE.sub(b"", line).decode("utf-8", "backslashreplace"))


_SECOND: Final = 1_000_000_000


class ConsoleFile:
    """A new file at ``path``; a file of that name is moved to ``PATH.1`` or the next free number (:attr:`moved`).

    ``virtual_times`` puts the virtual time in seconds at which a line began in front of it, as ``[0.000027523] ``;
    without it the file has exactly the bytes. ``immediate_flush`` lets others read along.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(
        self, path: Path | str, *, virtual_times: bool = False, immediate_flush: bool = False
    ) -> None:
        self.path: Final = Path(path)
        self._times = virtual_times
        self._flush = immediate_flush
        self._at_start = True
        try:
            self._file, self.moved = create_bytes_file(self.path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None

    def write(self, data: bytes, time_ns: int) -> None:
        """Add bytes that were printed at ``time_ns``; after :meth:`close` nothing."""
        if self._file.closed:
            return
        self._file.write(self._stamped(data, time_ns) if self._times else data)
        if self._flush:
            self._file.flush()

    def _stamped(self, data: bytes, time_ns: int) -> bytes:
        stamp = b"[%d.%09d] " % divmod(time_ns, _SECOND)
        stamped = bytearray()
        for line in data.splitlines(keepends=True):
            stamped += stamp + line if self._at_start else line
            self._at_start = line.endswith(b"\n")
        return bytes(stamped)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()


def record_console(console: Console, path: Path | str, *, virtual_times: bool = False) -> Callable[[], None]:
    """Write what ``console`` prints from now on into a new file; the function returned ends that.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    file = ConsoleFile(path, virtual_times=virtual_times)
    remove = console.add_sink(file.write)

    def stop() -> None:
        remove()
        file.close()

    return stop


class AsciinemaFile:
    """A new file at ``path`` for a terminal of ``width`` by ``height`` characters; one of that name is moved.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: Path, title: str, *, width: int, height: int) -> None:
        try:
            self._file, self.moved = create_file(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        header = {"version": 2, "width": width, "height": height, "title": title}
        self._file.write(json.dumps(header) + "\n")

    def write(self, data: bytes, time_ns: int) -> None:
        """Add bytes that were printed at ``time_ns``; after :meth:`close` nothing."""
        text = self._decoder.decode(data)
        if text and not self._file.closed:
            seconds, decimals = divmod(time_ns, _SECOND)
            self._file.write(f'[{seconds}.{decimals:09}, "o", {json.dumps(text)}]\n')

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()
