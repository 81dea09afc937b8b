"""Entry to and return from a core's exceptions, and what becomes of those it cannot enter (Armv8-M ARM, B3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.exceptions import EntryError, ExceptionUnit, ReturnError
from icmsg.engines.embedded.armv8m.faults import Cause, FaultUnit, explain
from icmsg.engines.embedded.armv8m.nvic import (
    BUS_FAULT,
    HARD_FAULT,
    MEM_MANAGE,
    NMI,
    SVCALL,
    THREAD_PRIORITY,
    USAGE_FAULT,
)
from icmsg.engines.embedded.emulator.sliced_core import LockUp
from icmsg.engines.embedded.processor import Storm
from icmsg.machine.backtrace import exception_name, external_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.armv8m.nvic import Nvic
    from icmsg.engines.embedded.armv8m.system_control import SystemControl
    from icmsg.engines.embedded.emulator.native import NativeCore

_THUMB: Final = 1 << 24
_CONTROL_NPRIV: Final = 1 << 0
_SYNCHRONOUS: Final = (MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SVCALL)
"""Exceptions of an instruction: they stay pending where a fault of their entry runs first."""


class ExceptionFlow:
    """Decides for one core; ``unit`` does the stacking.

    ``warn(what, address, pc)`` and ``tell(exception, pc)`` hear of every fault, ``entered`` of every entry.
    """

    def __init__(
        self,
        native: NativeCore,
        nvic: Nvic,
        control: SystemControl,
        unit: ExceptionUnit,
        *,
        core: str,
        warn: Callable[[str, int, int], None],
        tell: Callable[[int, int], None],
        entered: Callable[[], None],
        events: Callable[[], int],
    ) -> None:
        self.storm = (0, 0, 0)
        """(exception, times, number of events before): what was entered that often with no thread code between."""
        self._events: Final = events
        self._nvic: Final = nvic
        self._control: Final = control
        self._unit: Final = unit
        self._faults: Final = FaultUnit(control, nvic)
        self._core: Final = core
        self._warn: Final = warn
        self._tell: Final = tell
        self._on_entered: Final = entered
        self._masks = native.registers("PRIMASK", "BASEPRI", "FAULTMASK", "CONTROL", "XPSR")
        self._mode = native.registers("IEPSR")
        self._syndrome = native.registers("ESR")
        self._pc = native.registers("PC")

    def take(self) -> bool:
        """Enter the most urgent pending exception, if it may run now.

        Returns whether only PRIMASK holds one back, which ends WFI (B3.12).
        """
        first = self._first()
        if first is None:
            return False
        number, priority = first
        primask, limit = self._masked()
        if priority >= limit:
            return False
        if primask and priority >= 0:
            return True
        self._enter(number)
        return False

    def would_take(self) -> bool:
        """Tell, from within an access, whether an exception may run behind it; True where that cannot be seen."""
        first = self._first()
        if first is None:
            return False
        _, priority = first
        primask, basepri, faultmask, control, _ = self._masks.read()
        if control & _CONTROL_NPRIV and not self._nvic.active:
            return True  # the masks cannot be read there, see _masked
        return priority < self._limit(basepri, faultmask) and not (primask & 1 and priority >= 0)

    def leave(self) -> bool:
        """Return from the exception that runs; return whether none is left and the core sleeps then.

        An exception that may run now is entered without unstacking what it would stack again (tail-chaining).
        """
        nvic = self._nvic
        try:
            nvic.finish(self._unit.returning())
            if nvic.pending & nvic.enabled and self._tail_chain():
                return False
            if not nvic.active:
                self.storm = (0, 0, 0)
            _, thumb = self._unit.leave()
        except ReturnError as problem:
            if problem.number:
                self._chain(problem)
            else:
                self.fault(problem.cause, problem.address)
            return False
        if not thumb:
            self.fault(Cause.INVALID_STATE, 0)
            return False
        return not nvic.active and self._control.sleep_on_exit

    def _first(self) -> tuple[int, int] | None:
        """Return the most urgent pending exception and its priority, if that is more urgent than what runs."""
        nvic = self._nvic
        number = nvic.most_urgent()
        if number is None:
            return None
        priority = nvic.group(nvic.priority[number])
        return (number, priority) if priority < nvic.execution_priority() else None

    def _tail_chain(self) -> bool:
        first = self._first()
        if first is None:
            return False
        number, priority = first
        primask, basepri, faultmask, _, _ = self._masks.read()
        if primask | faultmask or priority >= self._limit(basepri, faultmask):
            return False
        try:
            thumb = self._unit.chain(number, self._control.vector_table)
        except EntryError:
            return False  # the way back and in again says what is wrong
        _, times, before = self.storm
        self.storm = number, times + 1, before if times else self._events()
        self._entered(number, thumb)
        return True

    def call_supervisor(self) -> None:
        """Enter SVCall, or the fault that it is where its priority does not allow it."""
        nvic = self._nvic
        primask, limit = self._masked()
        limit = min(limit, nvic.execution_priority(), 0 if primask else THREAD_PRIORITY)
        if nvic.group(nvic.priority[SVCALL]) < limit:
            self._enter(SVCALL)
        else:
            self.fault(Cause.SVC, 0)

    def fault(self, cause: int | None, detail: int) -> None:
        """Enter the fault exception for ``cause``; ``detail`` is that of ``faults.explain``.

        Raises:
            LockUp: no fault handler can run.
        """
        self._syndrome.write(0)
        self._enter(
            self._choose(cause, explain(cause, detail), address=detail if cause == Cause.DATA else None)
        )

    def fault_late(self, address: int, pc: int) -> None:
        """Pend the bus fault of a store to ``address`` that the instruction at ``pc`` has made."""
        number, text = self._faults.late(address)
        self._warn(f"exception {number}: {text}", pc, pc)
        self._tell(number, pc)

    def ignores_bus_faults(self) -> bool:
        """Return whether a data access that nothing answers is no fault now (CCR.BFHFNMIGN)."""
        return self._faults.are_ignored(self._masked()[1])

    def _masked(self) -> tuple[bool, int]:
        """Return PRIMASK, and the priority that BASEPRI and FAULTMASK impose."""
        primask, basepri, faultmask, control, xpsr = self._masks.read()
        if control & _CONTROL_NPRIV and not self._nvic.active:
            # unicorn answers as MRS would, and unprivileged code reads zero
            self._mode.write(HARD_FAULT | _THUMB)
            primask, basepri, faultmask, _, _ = self._masks.read()
            self._mode.write(xpsr)
        return bool(primask & 1), self._limit(basepri, faultmask)

    def _limit(self, basepri: int, faultmask: int) -> int:
        if faultmask & 1:
            return -1
        basepri &= self._nvic.priority_mask
        return self._nvic.group(basepri) if basepri else THREAD_PRIORITY

    def _enter(self, number: int) -> None:
        try:
            thumb = self._unit.enter(number, self._control.vector_table)
        except EntryError as problem:
            self._derive(number, problem)
            return
        self._entered(number, thumb)

    def _entered(self, number: int, thumb: bool) -> None:
        self._nvic.begin(number)
        self._on_entered()
        if not thumb:
            self.fault(Cause.INVALID_STATE, 0)

    def _chain(self, problem: ReturnError) -> None:
        number = self._choose(problem.cause, explain(problem.cause, problem.address))
        try:
            thumb = self._unit.chain(number, self._control.vector_table)
        except EntryError as worse:
            raise self._lockup(_on_entry(worse, number)) from None
        self._entered(number, thumb)

    def _derive(self, number: int, problem: EntryError) -> None:
        """Enter a fault, because exception ``number`` cannot be entered; the more urgent of the two runs first."""
        text = _on_entry(problem, number)
        if number in (HARD_FAULT, NMI) and problem.cause == Cause.VECTOR:
            raise self._lockup(text)
        nvic = self._nvic
        fault = self._choose(problem.cause, text)
        if problem.cause != Cause.VECTOR and nvic.priority[number] < nvic.priority[fault]:
            nvic.pend(1 << fault)
            fault = number
        elif number in _SYNCHRONOUS and number != fault:
            nvic.pend(1 << number)
        try:
            pushes = problem.cause == Cause.VECTOR
            thumb = self._unit.enter(fault, self._control.vector_table, pushes=pushes)
        except EntryError as worse:
            raise self._lockup(_on_entry(worse, fault)) from None
        self._entered(fault, thumb)

    def described_storm(self, vector: Callable[[int], int]) -> Storm:
        """Return the exception that came most often in a row; ``vector`` gives an entry of the vector table."""
        number, times, events = self.storm
        handler = vector(number) & ~1 if times else 0
        return Storm(exception_name(number), external_interrupt(number), handler, times, events)

    def _choose(self, cause: int | None, text: str, address: int | None = None) -> int:
        primask, limit = self._masked()
        if limit < 0 or self._nvic.execution_priority() < 0:
            raise self._lockup(text)
        pc = self._pc.first() & ~1
        number = self._faults.number(cause, min(limit, 0 if primask else THREAD_PRIORITY), address, pc)
        self._warn(f"exception {number}: {text}", pc, pc)
        self._tell(number, pc)
        return number

    def _lockup(self, text: str) -> LockUp:
        pc = self._pc.first() & ~1
        self._warn(f"exception {HARD_FAULT}: {text}, where no fault handler can run", pc, pc)
        self._tell(HARD_FAULT, pc)
        return LockUp(text, pc)


def _on_entry(problem: EntryError, number: int) -> str:
    return f"{explain(problem.cause, problem.address)} on entry to exception {number}"
