"""Progress of a run: firmware that hangs is recognised and named instead of waited for.

What can be proved ends a run, at a virtual time that is the same every time: a core that takes the same fault or
interrupt again and again, and cores none of which can change anything any more before the wait is over. Anything else
ends after some wall time without progress, if that is asked for: a run that gets on never looks at that clock's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import EngineError
from icmsg.machine.machine import fault_name
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.machine.machine import Core, FaultLog, Machine

_EVERY: Final = 8
"""The run is looked at after so many slices."""
_QUIET_NS: Final = 2 * MS
"""Virtual time without progress after which cores may have stopped for good."""
_FINISH_NS: Final = 5 * MS
_FINISHES: Final = 200
_FAULTS: Final = 1000
"""A fault that came so often at one place is a loop."""


def let_finish(machine: Machine, cores: Sequence[Core]) -> None:
    """Let firmware print its last lines: until nothing has come for 5 ms of virtual time, at most a second."""
    before = 0
    for _ in range(_FINISHES):
        printed = sum(len(core.console.text) for core in cores)
        if printed == before:
            return
        before = printed
        machine.run_for(_FINISH_NS)


class Stall(NamedTuple):
    """``seconds`` of wall time without progress end a run; ``clock`` gives the wall time in seconds."""

    seconds: float
    clock: Callable[[], float]


class HangError(EngineError):
    """Firmware hangs; the text says how."""


class StuckError(HangError):
    """No core can change anything any more before the wait is over."""


class ProgressGuard:
    """Raises :class:`HangError` from :meth:`look`.

    ``token()`` changes whenever the run gets on; ``longest_ns`` is the longest wait of the run.
    """

    def __init__(
        self,
        machine: Machine,
        faults: FaultLog,
        token: Callable[[], tuple[object, ...]],
        longest_ns: int,
        stall: Stall | None,
    ) -> None:
        self._machine = machine
        self._faults = faults
        self._token = token
        self._longest_ns = longest_ns
        self._stall = stall
        self._looks = 0
        self._last: tuple[object, ...] | None = None
        self._since_ns = 0
        self._since_s = 0.0

    def look(self) -> None:
        """Call it after every slice; mostly it does nothing.

        Raises:
            HangError: firmware hangs, or there was no progress for too long.
        """
        self._looks += 1
        if self._looks % _EVERY:
            return
        token = self._token()
        if token != self._last:
            self._last, self._since_ns = token, self._machine.now_ns
            self._since_s = self._stall.clock() if self._stall is not None else 0.0
            return
        if self._faults.repeated >= _FAULTS:
            raise HangError(self._fault_loop())
        if self._machine.now_ns - self._since_ns >= _QUIET_NS:
            self._check_hangs()
        if self._stall is not None and self._stall.clock() - self._since_s > self._stall.seconds:
            raise HangError(
                f"no packet, no console line and no new state of the link for {self._stall.seconds:g} s of wall time; "
                "a longer wait: --stall-timeout"
            )

    def _check_hangs(self) -> None:
        hangs = self._machine.hangs(self._longest_ns)
        if hangs:
            kind = HangError if any(hang.is_storm for hang in hangs) else StuckError
            raise kind("; ".join(hang.text for hang in hangs))

    def _fault_loop(self) -> str:
        worst = max(self._faults.records(), key=lambda fault: fault.count)
        return (
            f"core {worst.core} takes {fault_name(worst.exception)} again and again at PC 0x{worst.pc:08X} "
            f"({worst.place})"
        )
