"""``icmsg trace``: files that show what happens, from now until ``icmsg trace off`` or the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.views.recording import trace_to

if TYPE_CHECKING:
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Machine
    from icmsg.views.recording import TraceFile


class TraceFiles:
    """The files that are being written."""

    def __init__(self) -> None:
        self._files: list[TraceFile] = []

    def begin(self, machine: Machine, path: str, link: AnyLink) -> list[str]:
        """Write one more file; ConfigurationError if it has no suffix of a format, or cannot be written."""
        if any(str(file.path) == path for file in self._files):
            return [f"{path} is being written already; icmsg trace off ends it"]
        self._files.append(trace_to(machine, path, (link,)))
        return [f"tracing to {path}; icmsg trace off ends it"]

    def end(self) -> list[str]:
        """End all files, and say what is in each."""
        files, self._files = self._files, []
        lines = []
        for file in files:
            file.close()
            lines.append(f"{file.path}: {file.messages} message{'s' * (file.messages != 1)}")
        return lines or ["no trace is being written: icmsg trace FILE begins one"]
