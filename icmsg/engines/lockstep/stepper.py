"""Runs a machine step by step: Python's work at a synchronization point, then one wait in the lockstep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from icmsg.machine.simtime import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.engines.lockstep.clock import StepClock
    from icmsg.engines.lockstep.core import SteppedCore

_SLICE_NS: Final = 100 * US
"""The longest step while somebody waits for a condition that no doorbell may announce."""
_LONGEST_NS: Final = 10 * MS


class Lockstep(Protocol):
    """The lockstep: the emulation is held, or advances inside of :meth:`advance`."""

    def advance(self, microseconds: int) -> bool:
        """Let time pass up to the first synchronization point at or after that many whole microseconds.

        Ends earlier, at a synchronization point, when a followed line rises or a doorbell rings. Returns whether
        a followed line is high; at once if one is high already.
        """

    def now_ns(self) -> int:
        """The virtual time."""

    def follow(self, line: object) -> None:
        """Look at ``line`` from now on."""

    def ignore(self, line: object) -> None:
        """Look at ``line`` no longer."""

    def dispose(self) -> None:
        """Let the emulation go and pause; some virtual time passes."""


class Held(Protocol):
    """Memory that Python uses only while the emulation is held."""

    def on_pause(self) -> None:
        """Permit its use: the emulation stands still."""

    def on_resume(self) -> None:
        """The emulation is about to advance."""


class Stepper:
    """Owns the lockstep, which exists from the first step on, and not around loads.

    ``make_lockstep`` makes it for the lines that are followed, ``now_ns`` gives the time while there is none.
    ``step_done`` is called after each step, with the emulation held, and ``tell_stops`` behind it: it calls who waits
    where firmware stands, and says whether one stands. What it raises leaves the emulation there. Where a step is
    dear, as one command of a Monitor, steps may be ``growing`` during a run: a condition that nothing announces is seen
    later then, by up to 10 ms.
    """

    def __init__(
        self,
        clock: StepClock,
        *,
        make_lockstep: Callable[[Sequence[object]], Lockstep],
        now_ns: Callable[[], int],
        shared: Held | None,
        step_done: Callable[[], None],
        tell_stops: Callable[[], bool],
        growing: bool = False,
    ) -> None:
        self._clock = clock
        self._growing = growing
        self._make_lockstep = make_lockstep
        self._now_ns = now_ns
        self._shared = shared
        self._step_done = step_done
        self._tell_stops = tell_stops
        self._stands = False  # in front of an instruction, between two synchronization points
        self._held_ns = 0  # the time of the emulation, which is that of the synchronization point before
        self._lockstep: Lockstep | None = None
        self._followed: list[object] = []
        self._rose = True
        self._reached = 0, 0  # a synchronization point, and the time in front of it that was asked for

    @property
    def is_active(self) -> bool:
        """True while the lockstep exists: nobody else may let time pass."""
        return self._lockstep is not None

    def run(self, ns: int, satisfied: Callable[[], bool] | None, played: Sequence[SteppedCore]) -> bool:
        """Run for ``ns``, or until ``satisfied()``; return whether it was satisfied."""
        clock = self._clock
        point, exact = self._reached
        until = (exact if point == clock.time_ns else clock.time_ns) + ns
        slice_ns = _LONGEST_NS if satisfied is None else _SLICE_NS
        self.leave_stop()
        while True:
            if self._rose:
                self._look(played)
            while clock.run_one():
                if satisfied is not None and satisfied():
                    return True
                if self._rose:
                    self._look(played)
            if satisfied is not None and satisfied():
                return True
            if clock.time_ns >= until:
                self._reached = clock.time_ns, until
                return False
            due = clock.next_ns()
            goal = until if due is None or due > until else due
            self._step(min(goal, clock.time_ns + slice_ns))
            if self._growing and satisfied is not None:
                slice_ns = min(2 * slice_ns, _LONGEST_NS)

    def leave_stop(self) -> None:
        """Go on to the next synchronization point from where firmware stands, if it does.

        In front of what waits for the threads of cores: a halt, a reset.
        """
        if self._stands:
            self._step(self._held_ns + US)

    def line_rose(self, core: SteppedCore, number: int, time_ns: int) -> None:
        """A mailbox raised an interrupt of ``core``."""
        self._rose = True
        core.line_rose(number, time_ns)

    def follow(self, line: object) -> None:
        """End a step when ``line`` rises."""
        self._followed.append(line)
        self._rose = True
        if self._lockstep is not None:
            self._lockstep.follow(line)

    def ignore(self, line: object) -> None:
        """Let steps go on when ``line`` rises."""
        self._followed.remove(line)
        if self._lockstep is not None:
            self._lockstep.ignore(line)

    def dispose(self) -> None:
        """Let the emulation go: up to 10 ms of virtual time pass in which nobody looks at the lines."""
        lockstep, self._lockstep = self._lockstep, None
        if lockstep is None:
            return
        self._resuming()
        self._stands = False
        try:
            lockstep.dispose()
            self._clock.time_ns = self._now_ns()
        finally:
            self._paused()
        self._rose = True
        self._step_done()

    def _look(self, played: Sequence[SteppedCore]) -> None:
        self._rose = False
        for core in played:
            core.look()

    def _step(self, goal_ns: int) -> None:
        while True:
            self._resuming()
            try:
                if self._lockstep is None:
                    self._lockstep = self._make_lockstep(self._followed)
                    self._rose = True
                else:
                    ns = goal_ns - (self._held_ns if self._stands else self._clock.time_ns)
                    self._rose |= self._lockstep.advance(max(-(-ns // US), 1))
                self._clock.time_ns = self._held_ns = self._lockstep.now_ns()
            finally:
                self._paused()
            self._stands = False
            self._step_done()
            self._stands = True  # also after what a handler raises
            self._stands = self._tell_stops()
            if not self._stands:
                return

    def _resuming(self) -> None:
        if self._shared is not None:
            self._shared.on_resume()

    def _paused(self) -> None:
        if self._shared is not None:
            self._shared.on_pause()
