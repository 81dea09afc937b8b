"""Whether a run gets on, in wall time: firmware that hangs is recognised and named instead of waited for.

Nothing here decides what happens in a run that gets on, so results stay repeatable. What can be proved ends a run at
once: a core that takes the same fault or interrupt again and again, and cores none of which can change anything any
more before the wait is over. Everything else ends after ``stall_s`` seconds without progress, if that is asked for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.machine import FaultLog, Machine

_EVERY: Final = 8
"""The clock is looked at after so many looks."""
_SURE_S: Final = 0.5
"""What is proved must have stayed so for this long."""
_PATIENT_S: Final = 3.0
"""Cores that are stuck are given up only when the wait takes long: a short one ends at its virtual time, as ever."""
_FAULTS: Final = 1000
"""A fault that came so often at one place is a loop."""


class HangError(EngineError):
    """Firmware hangs; the text says how."""


class StuckError(HangError):
    """No core can change anything any more before the wait is over."""


class ProgressGuard:
    """Raises :class:`HangError` from :meth:`look`; ``token()`` changes whenever the run gets on."""

    def __init__(
        self,
        machine: Machine,
        faults: FaultLog,
        token: Callable[[], tuple[object, ...]],
        stall_s: float | None,
    ) -> None:
        self._machine = machine
        self._faults = faults
        self._token = token
        self._stall_s = stall_s
        self._looks = 0
        self._last: tuple[object, ...] | None = None
        self._since = 0.0
        self._hangs_since: float | None = None

    def look(self) -> None:
        """Call it after every slice; mostly it does nothing.

        Raises:
            HangError: firmware hangs, or there was no progress for too long.
        """
        self._looks += 1
        if self._looks % _EVERY:
            return
        now = time.monotonic()
        token = self._token()
        if token != self._last:
            self._last, self._since, self._hangs_since = token, now, None
            return
        if self._faults.repeated >= _FAULTS:
            raise HangError(self._fault_loop())
        hangs = self._machine.hangs() if now - self._since > _SURE_S else []
        if not hangs:
            self._hangs_since = None
        elif self._hangs_since is None:
            self._hangs_since = now
        elif now - self._hangs_since > _SURE_S:
            if any(hang.startswith("interrupt storm") for hang in hangs):
                raise HangError("; ".join(hangs))
            if now - self._since > _PATIENT_S:
                raise StuckError("; ".join(hangs))
        if self._stall_s is not None and now - self._since > self._stall_s:
            raise HangError(
                f"no packet, no console line and no new state of the link for {self._stall_s:g} s of wall time; "
                "a longer wait: --stall-timeout"
            )

    def _fault_loop(self) -> str:
        worst = max(self._faults.records(), key=lambda fault: fault.count)
        return (
            f"core {worst.core} takes fault exception {worst.exception} again and again at PC 0x{worst.pc:08X} "
            f"({worst.place})"
        )
