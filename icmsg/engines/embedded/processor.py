"""The seam between a core's place on the SoC and the processor in it: what every architecture brings."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from icmsg.hw.model import IoModel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.bus import Bus
    from icmsg.timers import Timers


def ignore() -> None:
    """Do nothing: what happens where nobody listens."""


class Storm(NamedTuple):
    """An interrupt or exception that is entered again at each of its returns.

    ``name`` is what a person calls it, ``interrupt`` the number of the external interrupt (None: it is none),
    ``handler`` the byte address of its code, ``times`` how often it came in a row, and ``events`` how many events there
    had been when that began.
    """

    name: str
    interrupt: int | None
    handler: int
    times: int
    events: int


class StopKind(Enum):
    """Reason for which a slice was left before its end."""

    REACHED = "reached"
    """The next instruction is one of :meth:`Processor.break_at`."""
    STEPPED = "stepped"
    """One instruction was executed, as :meth:`Processor.step_once` wants it."""
    LOADED = "loaded"
    STORED = "stored"
    """The last instruction has made an access that somebody watches."""


class Stop(NamedTuple):
    """A slice that was left before its end; ``address`` is that of the instruction, or of the access."""

    kind: StopKind
    address: int


class InterruptController(Protocol):
    """Controller that the lines of a core's peripherals are wired to."""

    changed: Callable[[], None]
    """Called when an interrupt may have become takeable."""
    ended: Callable[[int], None] | None
    """Called with an external interrupt whose handler has returned; None where nobody listens."""
    began: Callable[[int], None] | None
    """Called with an external interrupt whose handler is entered; None where nobody listens."""
    entered: list[Callable[[int], None]]
    left: list[Callable[[int], None]]
    """Called with the number of every exception (of a CLIC: interrupt) whose handler is entered, or has returned."""
    pending: int
    enabled: int
    """Masks: where they share a bit, there is something to take, or to look at."""

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive an external interrupt, and return what :meth:`offers` says of it then."""

    def latch_edges(self, interrupt: int) -> None:
        """Let an external interrupt become pending where its line rises, and only there."""

    def offers(self, interrupt: int) -> bool:
        """Return whether Python that plays the core sees this interrupt: its line is high, and passes.

        An NVIC passes all, since nobody has set it up there. ``changed`` is called where the answer may have changed
        without a change of a line.
        """

    def reset(self) -> None:
        """Put everything but the lines into the reset state."""


class Handlers:
    """Base of interrupt controllers: those who hear of handlers, as :class:`InterruptController` says."""

    __slots__ = ("began", "changed", "ended", "entered", "left")

    def __init__(self) -> None:
        self.changed: Callable[[], None] = ignore
        self.ended: Callable[[int], None] | None = None
        self.began: Callable[[int], None] | None = None
        self.entered: list[Callable[[int], None]] = []
        self.left: list[Callable[[int], None]] = []


class SystemRegisters(IoModel, Protocol):
    """The processor's own registers on the bus."""

    vector_table: int
    """The byte address of the vector table."""

    def set_speed(self, times: int) -> None:
        """Let the processor's timers follow a clock that is so many times as fast as after a reset."""


class Processor(Protocol):
    """A core with an instruction stream; times are ticks.

    ``time`` is the tick up to which it has run; it is behind what :meth:`now` says only while a slice runs.
    """

    ticks_per_instruction: int
    time: int
    asleep: bool
    instructions: int
    lock_up: tuple[str, int] | None
    """Reason and PC of a lock-up, until the reset: it sleeps then, and nothing wakes it."""
    after_slice: Callable[[], None] | None
    """Called where a slice has ended; where they end does not depend on the caller."""
    slept: Callable[[bool], None] | None
    """Called with True where it falls asleep, with False where it wakes; None where nobody listens."""
    stop: Stop | None
    """Reason for which the slice was left before its end, which :meth:`go_on` goes to."""

    @property
    def name(self) -> str:
        """The core's name."""

    @property
    def timers(self) -> Timers:
        """The timers of this core."""

    @property
    def nvic(self) -> InterruptController:
        """The interrupt controller."""

    @property
    def running(self) -> bool:
        """True while it is in the middle of an instruction."""

    @property
    def storm(self) -> Storm:
        """The interrupt that came most often in a row."""

    def now(self) -> int:
        """Return the tick of the instruction that runs."""

    def pc(self) -> int:
        """Return the program counter; in an access, that of the instruction that makes it."""

    def executed(self) -> int:
        """Return how many instructions were executed, exact within an access."""

    def reset(self, time: int, *, stack: int | None = None, entry: int | None = None) -> None:
        """Begin at the reset vector at tick ``time``; CoreFault if that is no code."""

    def run_to(self, until: int) -> None:
        """Run a slice to tick ``until``, or to what ends it before."""

    def go_on(self) -> None:
        """Run the rest of a slice that was left at a :attr:`stop`, in which nothing is different for that."""

    def break_at(self, addresses: Collection[int]) -> None:
        """Leave slices directly before the instructions at these addresses alone; everything else costs nothing."""

    def step_once(self) -> None:
        """Leave the slice directly behind the next instruction; an IT block counts as one."""

    def watch_accesses(self, begin: int, end: int, kind: StopKind) -> Callable[[], None]:
        """Leave slices directly behind a load or store that touches ``begin``…``end`` - 1; the result ends that.

        Meanwhile firmware is slower.
        """

    def limit(self, time: int) -> None:
        """Do not run past a tick, from within a slice."""

    def retime(self) -> None:
        """Do not run past the next timer, which has changed."""

    def look(self) -> None:
        """End the slice behind this instruction if an interrupt can be taken."""

    def wake(self, time: int) -> None:
        """Come to tick ``time`` while asleep."""

    def take_interrupts(self) -> None:
        """Enter the handlers of what is pending, or wake up."""

    def set_rate(self, ticks_per_instruction: int) -> None:
        """Let an instruction take so long, behind the one that runs."""

    def signal_event(self) -> None:
        """Set the event register, which ends a wait for an event."""

    def read_registers(self) -> dict[str, int]:
        """Return the core registers by name, ``PC`` and ``SP`` among them."""

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Set core registers by name."""

    def watch_stores(
        self,
        begin: int,
        end: int,
        told: Callable[[int, int, Callable[[], int]], None],
        *,
        loads: bool = False,
        width: int = 0,
    ) -> Callable[[], None]:
        """Call ``told(address, value, pc)`` before each store to a range; the function returned ends that.

        ``pc`` is a function. ``loads``: before each load instead, with the value 0. ``width``: only at those of so many
        bytes.
        """

    def watch_blocks(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Call ``told(address)`` wherever a run of instructions begins, at each jump; the function returned ends that.

        Registers are those before the first instruction, but for the program counter.
        """

    def watch_runs(self, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Do as :meth:`watch_blocks`, and call ``told(address, bytes)``; one that ends early has fewer bytes."""

    def watch_translations(self, told: Callable[[int, int], None]) -> Callable[[], None]:
        """Call ``told(address, size)`` where a run of instructions comes for the first time, and now and then again.

        ``size`` is in bytes. What runs is not slower for that. The function returned ends that.
        """

    def polled(self, pcs: Collection[int], bus: Bus) -> Iterator[int]:
        """Yield the addresses of peripheral registers that a loop reads which was seen at ``pcs``."""

    def close(self) -> None:
        """Free everything."""


class Architecture(Protocol):
    """Factory of the parts of a core."""

    @property
    def interrupts(self) -> int:
        """The number of external interrupts."""

    def make_controller(self) -> InterruptController:
        """Return the interrupt controller of a core."""

    def make_registers(
        self, slot: Slot, space: AddressSpace, *, timer_hz: int, restart: Callable[[], None]
    ) -> SystemRegisters:
        """Return the processor's own registers, in their place in ``space``.

        ``timer_hz`` is the rate of its timer; ``restart`` is called when firmware asks for a reset.
        """

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> Processor:
        """Return what executes firmware in ``slot``.

        ``warn(what, address, pc)`` is told about accesses that nothing models, ``fault(exception, pc)`` about fault
        exceptions; ``events()`` is how many events there were.
        """
