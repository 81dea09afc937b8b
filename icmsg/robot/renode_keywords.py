"""Renode's own keywords about the Monitor and the emulation, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of RenodeKeywords.cs of Renode 1.16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError
from icmsg.robot.renode_failures import keyword_exception

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class RenodeKeywords:
    """Monitor and emulation."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["renode"])
    def execute_command(self, command: str, machine: str | None = None) -> str:
        """Runs a command of the Monitor and returns what it prints, with the line end behind it.

        ``machine`` is the name of the machine that is selected before.
        """
        try:
            if machine:
                self._context.execute(f'mach set "{machine}"')
            printed = self._context.execute(command)
        except MonitorError as error:
            raise keyword_exception(
                f"There was an error when executing command '{command}': {error}"
            ) from None
        return f"{printed}\n" if printed else ""

    @keyword(tags=["renode"])
    def execute_script(self, path: str) -> str:
        """Runs a script (``.resc``) in the Monitor and returns what it prints."""
        try:
            printed = self._context.execute(f"include {written_path(path)}")
        except MonitorError as error:
            raise keyword_exception(f"Could not execute script: {error}") from None
        return f"{printed}\n" if printed else ""

    @keyword(tags=["renode"])
    def start_emulation(self) -> None:
        """Does nothing: time passes only while a keyword waits. Under renode-test it goes on by itself."""

    @keyword(tags=["renode"])
    def reset_emulation(self) -> None:
        """Frees every machine and tester. It is the setup of a test that has none."""
        self._context.clear()
