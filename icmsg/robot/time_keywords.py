"""Keywords about virtual time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.machine.simtime import format_time
from icmsg.robot.values import as_timedelta, nanoseconds

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class TimeKeywords:
    """The time of the emulated SoC."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["time"])
    def let_time_pass(self, duration: timedelta) -> None:
        """Runs for a virtual time."""
        self._context.let_pass(duration)

    @keyword(tags=["time"])
    def get_virtual_time(self) -> timedelta:
        """Returns the virtual time since the machine was made."""
        return as_timedelta(self._context.machine.now_ns)

    @keyword(tags=["time"])
    def virtual_time_should_be_at_least(self, time: timedelta) -> None:
        """Fails if less virtual time has passed since the machine was made."""
        now = self._context.machine.now_ns
        if now < nanoseconds(time):
            raise self._context.failure(
                f"only {format_time(now)} have passed, expected {format_time(nanoseconds(time))}"
            )

    @keyword(tags=["time"])
    def virtual_time_should_be_at_most(self, time: timedelta) -> None:
        """Fails if more virtual time has passed since the machine was made."""
        now = self._context.machine.now_ns
        if now > nanoseconds(time):
            raise self._context.failure(
                f"{format_time(now)} have passed, expected no more than {format_time(nanoseconds(time))}"
            )
