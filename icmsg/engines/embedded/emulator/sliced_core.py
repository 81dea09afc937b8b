"""Core that runs firmware in slices of instructions: its time, and what can end a slice."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.emulator.watched_core import Breakpoints, WatchedCore
from icmsg.engines.embedded.processor import Stop, StopKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from ctypes import c_int64, c_uint32

    from icmsg.engines.embedded.emulator.code_pages import CodePages
    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.processor import InterruptController
    from icmsg.timers import Timers

SLEEP: Final = 100
"""Cause of a slice's end: WFI. Causes below are the numbers that unicorn uses."""
_WIDEST: Final = 8
"""Bytes of the widest access."""
_ANYWHERE: Final = (-1, -1)


class LockUp(Exception):  # noqa: N818 - the term of the Arm architecture manual
    """No fault handler can run for what happened at ``pc``, which ``text`` explains: the core stops there."""

    def __init__(self, text: str, pc: int) -> None:
        super().__init__(text, pc)
        self.text = text
        self.pc = pc


class SlicedCore(WatchedCore):
    """A core with an instruction stream, of any architecture, which ``native`` executes.

    ``time`` is the tick up to which the core has run; it is behind what :meth:`now` says only while a slice runs.
    """

    # More attributes than a dictionary shares between instances; without slots each access would be a look-up.
    __slots__ = (
        "_accessed",
        "_breaks",
        "_budget",
        "_cause",
        "_code",
        "_controller",
        "_ended_at_break",
        "_executed",
        "_horizon",
        "_leftover",
        "_lost_store",
        "_native",
        "_next_rate",
        "_raised",
        "_reserved",
        "_running",
        "_single",
        "after_slice",
        "asleep",
        "instructions",
        "lock_up",
        "name",
        "slept",
        "space",
        "stop",
        "ticks_per_instruction",
        "time",
        "timers",
    )

    _code: CodePages
    _reserved: c_int64 | c_uint32
    """The address of the exclusive reservation."""
    _unreserved: int
    """Its value where there is none."""

    def __init__(
        self,
        native: NativeCore,
        *,
        name: str,
        space: AddressSpace,
        nvic: InterruptController,
        timers: Timers,
        ticks_per_instruction: int,
    ) -> None:
        self.name: Final = name
        self.space: Final = space
        self.timers: Final = timers
        self.ticks_per_instruction = self._next_rate = ticks_per_instruction
        self.time = 0
        self.asleep = False
        self.lock_up: tuple[str, int] | None = None
        """Reason and PC of a lock-up, until the core's reset: it sleeps then, and nothing wakes it."""
        self.instructions = 0
        self.after_slice: Callable[[], None] | None = None
        """Called where a slice has ended; where they end does not depend on the caller."""
        self.slept: Callable[[bool], None] | None = None
        self.stop: Stop | None = None
        """Reason for which the slice was left before its end."""
        self._breaks: Breakpoints | None = None  # until somebody asks for the first one
        self._ended_at_break = False  # the last run
        self._single = False  # leave the slice behind the next instruction
        self._accessed: Stop | None = None  # what the last run did that somebody watches
        self._native = native
        self._controller = nvic
        self._executed = native.executed
        self._budget = native.budget
        self._running = False
        self._horizon = 0
        self._cause: int | None = None
        self._raised: BaseException | None = None
        self._leftover: list[Callable[[], None]] = []
        self._lost_store: tuple[int, int] | None = None  # the address and PC of a store that nothing took

    @abstractmethod
    def take_interrupts(self) -> None:
        """Enter the handlers of what is pending, or wake up."""

    @abstractmethod
    def _resume(self) -> int:
        """Prepare a run, and return where it begins."""

    @abstractmethod
    def _end(self, cause: int | None, error: int) -> None:
        """Do what the end of a run asks for: its cause, or unicorn's error code."""

    def _unit(self, _pc: int) -> tuple[int, int | None]:
        """Return how many instructions from ``pc`` on can only be executed together, and the address behind them.

        The address is None where it is one alone.
        """
        return 1, None

    def _is_in_unit(self) -> bool:
        """Return whether the next instruction is in the middle of what can only be executed together."""
        return False

    @abstractmethod
    def _sleep_before(self, address: int) -> int | None:
        """Return the address of the WFI directly before an address, if one is there."""

    @abstractmethod
    def _end_lost_store(self, address: int, pc: int) -> None:
        """Do what the store asks for that the instruction at ``pc`` has made to where nothing is."""

    # Stops

    def break_at(self, addresses: Collection[int]) -> None:
        """Leave slices directly before the instructions at these addresses, and at no others."""
        if self._breaks is None:
            if not addresses:
                return
            self._breaks = Breakpoints(self._code)
        self._breaks.set(addresses, self._sleep_before)
        self.end_slice()

    def step_once(self) -> None:
        """Leave the slice directly behind the next instruction; an IT block counts as one."""
        self._single = True
        self.end_slice()

    def watch_accesses(self, begin: int, end: int, kind: StopKind) -> Callable[[], None]:
        """Leave slices directly behind a load or store that touches ``begin``…``end`` - 1; the result ends that.

        Where the instruction is in an IT block, the rest of the block is executed, too.
        """

        def told(address: int, size: int, _value: int) -> None:
            if address + size > begin and self._accessed is None:
                self._accessed = Stop(kind, max(address, begin))
                self.end_slice()

        hook = self._native.hook_stores if kind is StopKind.STORED else self._native.hook_loads
        remove = hook(max(begin - _WIDEST + 1, 0), end, told)
        self._retranslate()  # what was translated before does not look

        def end_watch() -> None:
            self._now_or_before_the_next_slice(remove)
            self._leftover.append(self._native.forget_all_code)

        return end_watch

    def _must_stop(self) -> bool:
        """Leave the slice if the next instruction is one to stop before."""
        assert self._breaks is not None
        if self._breaks.arrives(pc := self.pc(), self.instructions):
            self._single = False
            self.stop = Stop(StopKind.REACHED, pc)
            return True
        return False

    def _has_stopped(self, before: tuple[int, int]) -> bool:
        """Leave the slice if the last instruction is one to stop behind; ``before`` were PC and instructions."""
        if self._accessed is not None:
            self.stop, self._accessed, self._single = self._accessed, None, False
        elif self._single and before != (self.pc(), self.instructions):
            self._single = False
            # Where it has also come to a breakpoint that is told, and not again.
            at_break = self._breaks is not None and not self.asleep and self._must_stop()
            if not at_break:
                self.stop = Stop(StopKind.STEPPED, self.pc())
        return self.stop is not None

    def close(self) -> None:
        """Free the emulated core; memory may be released after this."""
        self._code.close()
        self._native.close()

    # Time

    def now(self) -> int:
        """Return the core's tick, exact to the instruction in an access of a slice that runs."""
        return self.time + (self._executed.value * self.ticks_per_instruction if self._running else 0)

    def executed(self) -> int:
        """Return how many instructions were executed, the one that makes an access included."""
        return self.instructions + (self._executed.value if self._running else 0)

    def set_rate(self, ticks_per_instruction: int) -> None:
        """Let an instruction take so many ticks from now on, or from behind the one that makes an access."""
        self._next_rate = ticks_per_instruction
        if self._running:
            self.end_slice()
        else:
            self.ticks_per_instruction = ticks_per_instruction

    @property
    def running(self) -> bool:
        """True while a slice runs, that is, while a peripheral access of this core is on the stack."""
        return self._running

    def retime(self) -> None:
        """The timers have changed: do not run past the next one."""
        self.limit(self.timers.next)

    def limit(self, time: int) -> None:
        """Do not run past tick ``time``, or the current instruction if that is later."""
        if time < self._horizon:
            self._horizon = time
        if self._running:
            count = -(-(time - self.time) // self.ticks_per_instruction)
            executed = self._executed.value
            if count < executed:
                count = executed
            if count < self._budget.value:
                self._budget.value = count

    def end_slice(self) -> None:
        """Let the slice that runs end after the current instruction."""
        if self._running:
            # Not emu_stop: it would leave PC on the access, which would then be made again.
            self._budget.value = self._executed.value

    # Running

    def wake(self, time: int) -> None:
        """Bring a sleeping core to tick ``time``; it stays asleep until an interrupt is taken."""
        if time > self.time:
            self.time = time

    def run_to(self, until: int) -> None:
        """Run to tick ``until`` (at least one instruction), to sleep or lock-up, or to an earlier :meth:`limit`."""
        self._horizon = until
        self.stop = None
        if self._leftover:
            self._leftover.pop(0)()
        controller = self._controller
        while True:
            if self._breaks is not None and self._must_stop():
                return
            before = (self.pc(), self.instructions) if self._single else _ANYWHERE
            self._run_slice()
            within = self._ended_at_break and self._is_in_unit()
            if controller.pending & controller.enabled and not within:
                self.take_interrupts()
            if (self._single or self._accessed is not None) and self._has_stopped(before):
                return
            if self.asleep or (self.time >= self._horizon and not within):
                break
        if self._reserved.value != self._unreserved:
            self._code.reserve(self._reserved.value)

    def go_on(self) -> None:
        """Run the rest of a slice that was left at a :attr:`stop`."""
        if self.asleep or (self.time >= self._horizon and not self._is_in_unit()):
            self.stop = None
            if self._reserved.value != self._unreserved:
                self._code.reserve(self._reserved.value)
        else:
            self.run_to(self._horizon)

    def _run_slice(self) -> None:
        """Run to the horizon (at least one instruction), or to WFI, an exception, or an early end."""
        count = -(-(self._horizon - self.time) // self.ticks_per_instruction)
        self._cause = None
        if self._code.shared or self._code.lost:
            self._code.begin()
        start = self._resume()
        one = self._single or (self._breaks is not None and self._breaks.begins_at(start & ~1))
        count = self._prepare_one(start & ~1, count) if one else count
        self._running = True
        error = self._native.run(start, count if count > 0 else 1)
        self._running = False
        executed, cause = self._executed.value, self._cause
        self._ended_at_break = False
        if cause is None and not error:
            if self._breaks is not None and self._breaks.has_ended(self.pc(), executed):
                self._ended_at_break = (
                    True  # the instruction there is not counted, even where an IT block ends there
                )
            elif executed > self._budget.value:
                executed -= 1
            else:
                cause = SLEEP
        if one and self._breaks is not None:
            self._breaks.restore()
        self.time += executed * self.ticks_per_instruction
        self.instructions += executed
        self.ticks_per_instruction = self._next_rate
        try:
            if cause is not None or error:
                self._end(cause, error)
            if self._lost_store is not None:
                (address, pc), self._lost_store = self._lost_store, None
                self._end_lost_store(address, pc)
        except LockUp as problem:
            self._lock_up(problem)
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised

    def _prepare_one(self, pc: int, count: int) -> int:
        """Let the next run execute nothing but the instruction at ``pc``; return how many that are."""
        most, end = self._unit(pc)
        if self._breaks is None and end is not None:
            self._breaks = Breakpoints(self._code)
        if self._breaks is not None:
            self._breaks.pass_over(pc, end)
        return most if end is not None else min(most, count)

    def _lock_up(self, problem: LockUp) -> None:
        self.lock_up = problem.text, problem.pc
        self.asleep = True

    def _halfword(self, address: int) -> int:
        found = self.space.memory_at(address)
        return 0 if found is None else found.memory.halfword(address - found.start)

    # Hooks: unicorn is on the stack, so no exception may leave them

    def _raise_later(self, error: BaseException) -> None:
        self._raised = self._raised or error
        self.end_slice()
