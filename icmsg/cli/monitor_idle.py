"""Time that passes while no command is there: on a started emulation, no faster than a clock on the wall."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError
from icmsg.machine.simtime import MS, S

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cli.monitor_session import MonitorSession

_SLICE_NS: Final = 5 * MS
_LOOK_S: Final = 0.01


class Idle:
    """Wall time that ``session`` keeps pace with; ``complain`` takes what goes wrong meanwhile."""

    def __init__(self, session: MonitorSession, complain: Callable[[str], None]) -> None:
        self._session: Final = session
        self._complain: Final = complain
        self._reached_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin now: what a command took is not made up for."""
        self._reached_s = time.monotonic()

    def step(self) -> None:
        """Answer debuggers and terminals, and let as much time pass as has on the wall, or wait a little."""
        session = self._session
        session.attend()
        now = time.monotonic()
        behind_ns = round((now - self._reached_s) * S)
        if not session.is_started or behind_ns < MS:
            self._reached_s = self._reached_s if session.is_started else now
            time.sleep(_LOOK_S)
            return
        # What the engine cannot keep up with is let go, not made up for.
        self._reached_s = (
            now if behind_ns > 20 * _SLICE_NS else self._reached_s + min(behind_ns, _SLICE_NS) / S
        )
        try:
            session.pump(min(behind_ns, _SLICE_NS))
        except IcmsgError as error:
            self._complain(str(error))
