"""Monitor as all engines offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine


class Monitor(Protocol):
    """Renode's command language over one emulation."""

    @property
    def machine(self) -> Machine | None:
        """The selected machine, or None before one was made."""

    @property
    def prompt(self) -> str:
        """``(monitor)``, or the name of the selected machine in parentheses."""

    def execute(self, command: str) -> str:
        """Run one or more lines and return what they print, without the last line end.

        Raises:
            MonitorError: a command is refused; the text is what the Monitor prints.
        """
