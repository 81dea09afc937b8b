"""Keywords about doorbells: rung for nothing, lost, late and doubled."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.robot.values import CoreName, nanoseconds

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class DoorbellKeywords:
    """Faults of the mailbox with which a core rings; they stay over a reset until `Clear Faults`."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["faults"])
    def ring_doorbell(
        self, core: CoreName, channel: int | None = None, count: int = 1, instance: str | None = None
    ) -> None:
        """Rings as ``core`` would, ``count`` times at once, though nothing was sent.

        The mbox channel is that on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        for _ in range(count):
            self._fault(core, f"Signal 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def drop_doorbells(self, core: CoreName, count: int = 1) -> None:
        """Loses the next doorbells that ``core`` rings."""
        self._fault(core, f"DropNext {count}")

    @keyword(tags=["faults"])
    def block_doorbells(
        self, core: CoreName, channel: int | None = None, instance: str | None = None
    ) -> None:
        """Loses every doorbell that ``core`` rings on one mbox channel, until `Clear Faults`.

        It is the channel on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        self._fault(core, f"DropMask 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def delay_doorbells(self, core: CoreName, delay: timedelta) -> None:
        """Lets every doorbell that ``core`` rings arrive later, until `Clear Faults`."""
        self._context.inject(
            core, f"{self._context.mailbox(core)} SignalDelayMicroseconds {nanoseconds(delay) // 1000}"
        )

    @keyword(tags=["faults"])
    def duplicate_doorbells(self, core: CoreName, count: int = 1, delay: timedelta | None = None) -> None:
        """Lets the next doorbells that ``core`` rings arrive twice, the second time after ``delay``."""
        if delay is not None:
            self._context.inject(
                core, f"{self._context.mailbox(core)} DuplicateDelayMicroseconds {nanoseconds(delay) // 1000}"
            )
        self._fault(core, f"DuplicateNext {count}")

    @keyword(tags=["faults"])
    def clear_faults(self, core: CoreName) -> None:
        """Ends the faults of the doorbells that ``core`` rings."""
        self._fault(core, "ClearFaults")

    def _fault(self, core: str, what: str) -> None:
        """Cause a fault of the signals that ``core`` sends."""
        self._context.inject(core, f"{self._context.mailbox(core)} {what}")
