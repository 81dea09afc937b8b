"""Paths as they are typed into a Monitor: folders of tests may have spaces in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def typed(path: Path | str) -> str:
    """Return ``@`` and the path, escaped; more of the path may be put behind it."""
    return "@" + str(path).replace(" ", "\\ ")
