"""Files of what a console prints: bytes as they are, lines with their virtual time, or asciicast v2."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.outputs import create_bytes_file, create_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.console import Console


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
