"""Files in asciicast v2 of what a console prints: ``asciinema play FILE`` shows it at the pace of virtual time."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.outputs import create_file

if TYPE_CHECKING:
    from pathlib import Path

_SECOND: Final = 1_000_000_000


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
