"""Views of the event stream."""

from __future__ import annotations

from icmsg.trace.text import TextTrace, format_event

__all__ = ["TextTrace", "format_event"]
