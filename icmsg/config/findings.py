"""Findings of a check: the fault, its place, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from icmsg.config.source_location import SourceLocation

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
