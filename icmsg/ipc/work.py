"""A piece of work that is queued at most once, like Zephyr's ``k_work``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.ipc.clock import Callback, Clock


class WorkItem:
    """Runs ``callback`` from the clock's queue.

    Submitting what is queued already changes nothing; while it runs it can be submitted anew
    (``k_work_submit``).
    """

    __slots__ = ("_call_soon", "_callback", "_cancelled", "_queued")

    def __init__(self, clock: Clock, callback: Callback) -> None:
        self._call_soon = clock.call_soon
        self._callback = callback
        self._queued = False
        self._cancelled = 0

    @property
    def is_queued(self) -> bool:
        """True from :meth:`submit` until it runs."""
        return self._queued

    def submit(self) -> None:
        """Queue the work unless it is queued."""
        if not self._queued:
            self._queued = True
            self._call_soon(self._run)

    def cancel(self) -> None:
        """Take the work out of the queue."""
        if self._queued:
            self._queued = False
            self._cancelled += 1

    def _run(self) -> None:
        # The queue keeps its order, so the cancelled entries come out before any that was queued later.
        if self._cancelled:
            self._cancelled -= 1
            return
        self._queued = False
        self._callback()
