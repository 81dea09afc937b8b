"""Keywords about what the firmware prints."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class ConsoleKeywords:
    """The consoles of the cores."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["console"])
    def wait_for_console_line(self, core: CoreName, text: str, timeout: timedelta | None = None) -> str:
        """Runs until a core has printed a line that contains ``text``, and returns the line."""
        console = self._context.core(core).console

        def found() -> str | None:
            return next((line.text for line in console.lines if text in line.text), None)

        self._context.wait(lambda: found() is not None, timeout, f"{text!r} on the console of {core}")
        return found() or ""

    @keyword(tags=["console"])
    def console_should_contain(self, core: CoreName, text: str) -> None:
        """Fails if a core has not printed ``text`` so far."""
        if text not in self._context.core(core).console.text:
            raise self._context.failure(f"{text!r} is not on the console of {core}")

    @keyword(tags=["console"])
    def console_should_not_contain(self, core: CoreName, text: str) -> None:
        """Fails if a core has printed ``text``."""
        if text in self._context.core(core).console.text:
            raise self._context.failure(f"{text!r} is on the console of {core}")

    @keyword(tags=["console"])
    def get_console(self, core: CoreName) -> str:
        """Returns everything that a core has printed."""
        return self._context.core(core).console.text

    @keyword(tags=["console"])
    def write_line_to_console(self, core: CoreName, text: str = "", through: str | None = None) -> None:
        """Writes a line, ended by CR, to the firmware of a core; it comes while time passes.

        ``through`` is ``uart`` or ``rtt``; by default the UART, or SEGGER RTT where the image has it and no UART
        listens.
        """
        self._context.core(core).console.write_line(text, through=through)

    @keyword(tags=["console"])
    def write_to_console(self, core: CoreName, text: str, through: str | None = None) -> None:
        """Writes text, without the end of a line, to the firmware of a core as `Write Line To Console` does."""
        self._context.core(core).console.write(text, through=through)
