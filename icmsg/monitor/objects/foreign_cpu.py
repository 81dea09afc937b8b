"""A core in the Monitor that this engine does not execute: it is halted, and stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, exposed

if TYPE_CHECKING:
    from icmsg.soc.platform import Peripheral


class ForeignCpu:
    """The core that ``item`` of the platform file describes."""

    def __init__(self, item: Peripheral) -> None:
        self.refusal: Final = refusal(item)
        """Text for who wants anything else of it."""

    @property
    @exposed(BOOL)
    def is_halted(self) -> bool:
        """True, always: the core executes nothing."""
        return True

    @is_halted.setter
    def is_halted(self, value: bool) -> None:
        if not value:
            raise MonitorError(self.refusal)
