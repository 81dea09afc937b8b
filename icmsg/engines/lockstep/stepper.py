"""Runs a machine step by step: Python's work at a synchronization point, then one wait in the lockstep.

The clock of machines in steps: what Python wants to do at which virtual time.

The emulation stands still only at synchronization points, in Renode one quantum apart. A callback runs at the first
one at or after its time, and that is the time it sees.

Machine as a core needs it, and the stepper that lets time pass.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.ipc.clock import check_delay
from icmsg.timers import MS, RUNAWAY, US, Timers, runaway

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.engines.lockstep.core import SteppedCore
    from icmsg.engines.lockstep.records import FirmwareStops
    from icmsg.machine.events import EventKind, EventStream
    from icmsg.soc.soc import Soc, Wire
    from icmsg.timers import Action, ScheduledTimer


class StepClock:
    """Virtual time as :class:`icmsg.ipc.clock.Clock`; whoever runs the machine sets ``time_ns``."""

    def __init__(self) -> None:
        self.time_ns = 0
        self._ready: deque[Action] = deque()
        self._timers = Timers()
        self._ran = 0
        self._ran_at = -1

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self.time_ns

    def call_soon(self, callback: Action) -> None:
        """Call at the end of the current Python step, at the same virtual time, first in, first out."""
        self._ready.append(callback)

    def call_later(self, delay_ns: int, callback: Action) -> ScheduledTimer:
        """Call at the first synchronization point at least ``delay_ns`` from now."""
        check_delay(delay_ns)
        return self.call_at(self.time_ns + delay_ns, callback)

    def call_at(self, time_ns: int, callback: Action) -> ScheduledTimer:
        """Call at the first synchronization point at or after ``time_ns``."""
        return self._timers.at(time_ns, callback)

    def next_ns(self) -> int | None:
        """Return when the next timer is due, or None."""
        return self._timers.earliest()

    def run_one(self) -> bool:
        """Run the next callback that is due now; False if there is none.

        Raises:
            EngineError: callbacks call each other without end, and no time passes.
        """
        if self._ready:
            callback = self._ready.popleft()
        else:
            timer = self._timers.take_due(self.time_ns)
            if timer is None:
                return False
            callback = timer.run
        if self._ran_at != self.time_ns:
            self._ran, self._ran_at = 0, self.time_ns
        self._ran += 1
        if self._ran > RUNAWAY:
            raise runaway()
        callback()
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._timers.clear()


class CoreStepper(Protocol):
    """Stepper that lets time pass; used by cores between the steps."""

    @property
    def is_active(self) -> bool:
        """True while the emulation is under way, so that Renode neither loads nor saves."""

    def follow(self, line: object) -> None:
        """End a step when ``line`` rises."""

    def ignore(self, line: object) -> None:
        """Let steps go on when ``line`` rises."""

    def leave_stop(self) -> None:
        """Go on to the next synchronization point from where firmware stands, if it does."""

    def dispose(self) -> None:
        """Let the emulation go, and pause it."""


class CoreMachine(Protocol):
    """Machine as a core needs it."""

    @property
    def clock(self) -> StepClock:
        """Virtual time, and what Python wants to do."""

    @property
    def soc(self) -> Soc:
        """The SoC that the platform file says."""

    @property
    def now_ns(self) -> int:
        """The virtual time in nanoseconds."""

    @property
    def events(self) -> EventStream:
        """The events of this machine."""

    @property
    def latency_ns(self) -> int:
        """The least time from a rising line to Python's handler."""

    @property
    def cores(self) -> Mapping[str, SteppedCore]:
        """All cores by name."""

    @property
    def stepper(self) -> CoreStepper:
        """The stepper that lets time pass."""

    @property
    def stops(self) -> FirmwareStops:
        """Handlers where firmware comes to an address or touches memory."""

    def run_until(self, predicate: Callable[[], bool], *, timeout_ns: int, what: str = ...) -> None:
        """Run until ``predicate()`` is true; VirtualTimeoutError after a virtual time."""

    def check_open(self) -> None:
        """Raise EngineError if the machine is closed."""

    def emit(self, kind: EventKind, core: int, a: int = 0, b: int = 0) -> None:
        """Put an event into the stream, behind what happened before it."""

    def take(self) -> None:
        """Take over what happened meanwhile."""

    def command(self, line: str) -> str:
        """Run a Monitor command that lets no time pass, and return what it prints."""

    def line(self, wire: Wire) -> object:
        """Return the interrupt line of a peripheral's output."""

    def is_set(self, line: object) -> bool:
        """Return the level of a line."""


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
                    if self._lockstep.advance(
                        max(-(-ns // US), 1)
                    ):  # lines that rose meanwhile say so themselves
                        self._rose = True
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
