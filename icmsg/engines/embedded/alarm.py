"""A moment that moves: what a timer peripheral waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from icmsg.timers import NEVER

if TYPE_CHECKING:
    from icmsg.timers import Action, ScheduledTimer


class Timed(Protocol):
    """A place where time passes: the slot of a core."""

    def now(self) -> int:
        """Return the current tick."""

    def at(self, time: int, action: Action) -> ScheduledTimer:
        """Run ``action`` at tick ``time``."""


class Alarm:
    """Runs ``action`` at the tick that was :meth:`set` last.

    A kernel moves its timeout with every wait, mostly to later. So an entry that comes too early stays in the
    timers and only looks again when its time has come; one that is cancelled and replaced every time would leave
    thousands of dead ones behind, each of which still ends a slice or wakes a sleeping core.
    """

    __slots__ = ("_action", "_due", "_entries", "_where")

    def __init__(self, where: Timed, action: Action) -> None:
        self._where: Final = where
        self._action: Final = action
        self._due = NEVER
        self._entries: list[ScheduledTimer] = []  # the latest first, so the next one to run is the last

    def set(self, time: int) -> None:
        """Run the action at tick ``time``, and at no other."""
        self._due = time
        entries = self._entries
        while entries and entries[-1].action is None:
            entries.pop()  # the timers were cleared
        if not entries or time < entries[-1].time:
            entries.append(self._where.at(time, self._look))

    def cancel(self) -> None:
        """Do not run the action."""
        self._due = NEVER

    def reset(self) -> None:
        """Cancel, and leave nothing in the timers that still looks."""
        self._due = NEVER
        for entry in self._entries:
            entry.cancel()
        self._entries.clear()

    def _look(self) -> None:
        reached = self._entries.pop().time
        if self._due <= reached:
            self._due = NEVER
            self._action()
        elif self._due != NEVER:
            self.set(self._due)
