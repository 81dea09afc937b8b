"""Renode's Monitor: its command language, and what it says about ICMsg."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.monitor.embedded import EmbeddedMonitor

__all__ = ["EmbeddedMonitor"]


def __getattr__(name: str) -> object:
    """Load the engine when it is asked for, not with every module of this package."""
    if name == "EmbeddedMonitor":
        from icmsg.monitor.embedded import EmbeddedMonitor

        return EmbeddedMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
