"""Machine as a core needs it, and the stepper that lets time pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.lockstep.clock import StepClock
    from icmsg.engines.lockstep.core import SteppedCore
    from icmsg.engines.lockstep.stops import FirmwareStops
    from icmsg.machine.events import EventKind, EventStream
    from icmsg.soc.soc import Soc, Wire


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
