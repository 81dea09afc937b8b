"""File, compressor or pipe behind a trace: collects small writes, and keeps an error until the run can hear of it."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from icmsg.views.writer import TraceOutput

_BLOCK: Final = 1 << 16
_QUICK: Final = 1
"""Level of compression: the events of a run repeat, so more takes much longer and gives little."""


class Sink:
    """Writes to ``stream`` in blocks, or, if somebody reads along (``live``), whenever a writer has finished a thing.

    Things happen in the middle of an instruction, where nobody could handle an error of the disk: it is kept in
    ``error``, and nothing is written any more.
    """

    __slots__ = ("_buffer", "_closes", "_target", "error", "is_live")

    def __init__(
        self, stream: BinaryIO, *, gzipped: bool = False, live: bool = False, closes: bool = True
    ) -> None:
        self.error: OSError | None = None
        self._buffer = bytearray()
        self.is_live = live
        self._target: TraceOutput = compressed(stream) if gzipped else stream
        self._closes: list[BinaryIO] = [stream] if closes else []
        if gzipped:
            self._closes.insert(0, cast("BinaryIO", self._target))

    def write(self, data: bytes | bytearray) -> None:
        """Take bytes."""
        self._buffer += data
        if len(self._buffer) >= _BLOCK:
            self._hand_on()

    def flush(self) -> None:
        """Hand on what was taken, if somebody reads along."""
        if self.is_live:
            self._hand_on(flush=True)

    def _hand_on(self, *, flush: bool = False) -> None:
        try:
            if self.error is None:
                self._target.write(self._buffer)
                if flush:
                    self._target.flush()
        except OSError as error:
            self.error = error
        self._buffer = bytearray()

    def close(self) -> None:
        """Write the rest and close what was opened for this; raises the first OSError there was."""
        self._hand_on(flush=True)
        try:
            with ExitStack() as stack:
                for stream in reversed(self._closes):
                    stack.callback(stream.close)
        except OSError as error:
            self.error = self.error or error
        if self.error is not None:
            raise self.error


def compressed(stream: TraceOutput) -> gzip.GzipFile:
    """Return a compressor into ``stream`` whose bytes depend on nothing but what it is given."""
    return gzip.GzipFile("", "wb", _QUICK, cast("BinaryIO", stream), mtime=0)
