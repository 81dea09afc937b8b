"""Views of the event stream."""

from __future__ import annotations

from icmsg.views.recording import TraceFile, trace_to
from icmsg.views.text import TextTrace, format_event

__all__ = ["TextTrace", "TraceFile", "format_event", "trace_to"]
