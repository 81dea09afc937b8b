"""Location in a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from icmsg.errors import SourceError

_Error = TypeVar("_Error", bound=SourceError)


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """``line`` (from 1) of ``file``; ``origin`` is where a build's zephyr.dts says that it took it from."""

    file: str
    line: int
    origin: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where} (from {self.origin})" if self.origin else where

    def error(self, kind: type[_Error], message: str) -> _Error:
        """Return (not raise) an error of ``kind`` that points here."""
        origin = f" (from {self.origin})" if self.origin else ""
        return kind(message + origin, file=self.file, line=self.line)
