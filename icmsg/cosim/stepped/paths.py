"""Paths as Renode's Monitor reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path


def monitor_path(path: Path) -> str:
    """Return the token for an absolute ``path``; EngineError for one that the Monitor cannot read."""
    text = path.resolve().as_posix()
    if any(character in text for character in ";\"'`\n\t"):
        raise EngineError(f"Renode's Monitor cannot read the path {text!r}; move the file to a plainer one")
    return "@" + text.replace(" ", "\\ ")
