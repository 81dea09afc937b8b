"""The console that every command prints to."""

from __future__ import annotations

from rich.console import Console


class CommandConsole(Console):
    """Leaves a broken pipe to the command's entry point, which knows its exit code."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is handled right now."""
        raise  # noqa: PLE0704 - called from its except clause
