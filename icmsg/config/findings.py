"""Places in a user's files, and the findings of a check: the fault, its place, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

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


Severity = Literal["error", "warning", "note"]
"""``error``: the sides will not bond, or their memory is not theirs. ``warning``: they may not. ``note``: to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Line of a check's result. ``code`` names the kind, ``node`` the path in the devicetree of ``core``."""

    severity: Severity
    code: str
    core: str
    node: str
    place: SourceLocation
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.node}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {
            "severity": self.severity,
            "code": self.code,
            "core": self.core,
            "node": self.node,
            "file": self.place.file,
            "line": self.place.line,
            "origin": self.place.origin,
            "message": self.message,
        }


def will_bond(findings: list[Finding]) -> bool:
    """Tell whether nothing in ``findings`` keeps the two sides apart."""
    return all(finding.severity != "error" for finding in findings)
