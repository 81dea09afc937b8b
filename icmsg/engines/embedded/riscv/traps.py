"""Traps of RISC-V cores: their causes, what their entries and returns have in common, and those of a hart."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.emulator.sliced_core import LockUp
from icmsg.engines.embedded.processor import Handlers, Storm
from icmsg.engines.embedded.riscv.csrs import MACHINE
from icmsg.machine.machine import FIRST_TRAP, fault_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.riscv.csrs import HartCsrs


class Code(enum.IntEnum):
    """Exception code in mcause (RISC-V privileged architecture, "Machine Cause Register")."""

    FETCH = 1
    ILLEGAL = 2
    BREAKPOINT = 3
    MISALIGNED_LOAD = 4
    LOAD = 5
    MISALIGNED_STORE = 6
    STORE = 7
    USER_ECALL = 8
    ECALL = 11


INTERRUPT: Final = 1 << 31
"""Bit of mcause: an interrupt, not an exception."""
WORDS: Final[Mapping[int, str]] = {
    Code.FETCH: "a jump to where there is no code",
    Code.ILLEGAL: "an instruction that this core does not have",
    Code.BREAKPOINT: "an ebreak without a debugger",
    Code.MISALIGNED_LOAD: "an atomic load from an address that is no multiple of 4",
    Code.LOAD: "a load from where the SoC has nothing",
    Code.MISALIGNED_STORE: "an atomic access to an address that is no multiple of 4",
    Code.STORE: "a store to where the SoC has nothing",
}


class RiscVHandlers(Handlers):
    """Base of the interrupt controllers of RISC-V cores, whose only handlers with a number are those of interrupts."""

    __slots__ = ()

    def tell_begun(self, interrupt: int) -> None:
        """Tell that the handler of an interrupt is entered."""
        if self.began is not None:
            self.began(interrupt)
        for told in self.entered:
            told(interrupt)

    def tell_ended(self, interrupt: int) -> None:
        """Tell that the handler of an interrupt has returned."""
        if self.ended is not None:
            self.ended(interrupt)
        for told in self.left:
            told(interrupt)


class RiscVTraps(ABC):
    """Enters and leaves for one core.

    ``warn(what, address, pc)`` and ``tell(exception, pc)`` hear of every fault, ``events()`` is how many events there
    were, ``executed()`` how many instructions. ``words`` says what each exception code means.
    """

    def __init__(
        self,
        *,
        warn: Callable[[str, int, int], None],
        tell: Callable[[int, int], None],
        events: Callable[[], int],
        executed: Callable[[], int],
        words: Mapping[int, str] = WORDS,
    ) -> None:
        self.storm = (0, 0, 0)
        """(interrupt, times, number of events before): what was entered that often with no other code between."""
        self._warn: Final = warn
        self._tell: Final = tell
        self._events: Final = events
        self._executed: Final = executed
        self._words: Final = words
        self._returned_at = -1  # number of instructions when a handler returned
        self._trapped_at = -2  # and when an exception's handler was entered

    def reset(self) -> None:
        """Forget what was before a reset of the core."""
        self.storm = (0, 0, 0)
        self._returned_at = self._trapped_at = -2

    @abstractmethod
    def would_take(self) -> bool:
        """Return whether an interrupt may be taken now."""

    @abstractmethod
    def waits(self) -> bool:
        """Return whether an interrupt would be taken but for mstatus.MIE."""

    @abstractmethod
    def take(self) -> bool:
        """Enter the most urgent interrupt, if it may be taken now; return whether a handler runs."""

    @abstractmethod
    def trap(self, code: int, value: int, pc: int, text: str, *, extra: int = 0) -> None:
        """Enter an exception, which ``text`` explains; ``extra`` is what mcause has besides.

        Raises:
            LockUp: its handler cannot run.
        """

    @abstractmethod
    def call(self, at: int) -> None:
        """Enter the exception of the ``ecall`` at an address; LockUp as :meth:`trap`."""

    @abstractmethod
    def leave(self, at: int) -> bool:
        """Execute the ``mret`` at an address; return whether the core sleeps again where a handler has returned to.

        Raises:
            LockUp: it is an exception, and that cannot be entered.
        """

    @abstractmethod
    def handler_of(self, interrupt: int) -> int:
        """Return the byte address of the code that an interrupt enters."""

    def fault(self, code: int, value: int, pc: int, what: str = "", *, extra: int = 0) -> None:
        """Enter the exception of a fault at ``pc``; ``value`` is its mtval, ``what`` goes before its words.

        Raises:
            LockUp: its handler cannot run.
        """
        text = (f"{what}: " if what else "") + self._words[code]
        if code not in (Code.ILLEGAL, Code.BREAKPOINT):
            text += f" (0x{value:08X})"
        self._warn(f"{fault_name(FIRST_TRAP + code)}: {text}", pc, pc)
        self._tell(FIRST_TRAP + code, pc)
        self.trap(code, value, pc, text, extra=extra)

    def described_storm(self) -> Storm:
        """Return the interrupt that came most often in a row."""
        number, times, events = self.storm
        handler = self.handler_of(number) if times else 0
        return Storm(f"interrupt {number}", number if times else None, handler, times, events)

    def _count(self, interrupt: int) -> None:
        """Count an interrupt that is entered where no other code ran since the last one."""
        if self._executed() == self._returned_at:
            _, times, before = self.storm
            self.storm = interrupt, times + 1, before if times else self._events()
        else:
            self.storm = (0, 0, 0)

    def _traps_itself(self, pc: int, handler: int) -> bool:
        """Note an exception at ``pc``; return whether it is that of its own handler's first instruction."""
        executed, before = self._executed(), self._trapped_at
        self._trapped_at = executed
        return pc == handler and executed - before <= 1


SOFTWARE, TIMER, EXTERNAL = 3, 7, 11
INTERRUPTS: Final = 32
_ORDER: Final = (EXTERNAL, SOFTWARE, TIMER)
_MASK: Final = 0xFFFF_FFFF
_DEEPEST: Final = 64
"""Traps of which is remembered what they were: handlers in which others come."""


class LocalInterrupts(RiscVHandlers):
    """Interrupts of a hart: mip and mie, and the lines that its peripherals drive (RISC-V privileged architecture).

    A line n is bit n of mip as long as it is high: 3 is the software interrupt of machine mode, 7 its timer, 11 what a
    PLIC has for it, 16 and above are the platform's own. Of several, the external interrupt comes first, then the
    software and the timer interrupt, then the others, the smallest number first. ``changed`` is called when one may
    have become takeable.
    """

    __slots__ = ("_active", "enabled", "lines", "pending")

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.pending = 0
        """Bits of mip."""
        self.enabled = 0
        """Bits of mie."""
        self._active: deque[int | None] = deque(maxlen=_DEEPEST)

    def reset(self) -> None:
        """Put everything but the input lines into the reset state."""
        self.enabled = 0
        self._active.clear()
        self._update()

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive an input; return whether it is high and passes."""
        self.lines = self.lines & ~(1 << interrupt) | level << interrupt
        self._update()
        return level

    def latch_edges(self, interrupt: int) -> None:
        """Do nothing: every input is a level."""

    def offers(self, interrupt: int) -> bool:
        """Return whether an input is high: where Python plays the core, nobody has set up what passes."""
        return bool(self.lines >> interrupt & 1)

    def enable(self, mask: int) -> None:
        """Set mie."""
        self.enabled = mask & _MASK
        if self.pending & self.enabled:
            self.changed()

    def most_urgent(self) -> int | None:
        """Return the number of the pending enabled interrupt that would be taken first, or None."""
        candidates = self.pending & self.enabled
        if not candidates:
            return None
        first = next((number for number in _ORDER if candidates >> number & 1), None)
        return (candidates & -candidates).bit_length() - 1 if first is None else first

    def begin(self, interrupt: int | None) -> None:
        """Note that the handler of an interrupt, or for None of an exception, is entered."""
        self._active.append(interrupt)
        if interrupt is not None:
            self.tell_begun(interrupt)

    def finish(self) -> None:
        """Note that the handler entered last has returned."""
        interrupt = self._active.pop() if self._active else None
        if interrupt is not None:
            self.tell_ended(interrupt)

    def csrs(self) -> dict[int, tuple[Callable[[], int], Callable[[int], None]]]:
        """Return what reads and writes the registers that the controller has beside mip and mie, by number."""
        return {}

    def _update(self) -> None:
        self._pend(self.lines & _MASK)

    def _pend(self, pending: int) -> None:
        rose = pending & ~self.pending & self.enabled
        self.pending = pending
        if rose:
            self.changed()


class ArrayInterrupts(LocalInterrupts):
    """Interrupts of a hart with a controller of 32 inputs before the external interrupt.

    VexRiscv and Minerva have one, as LiteX builds them: two registers beside the standard ones, of the numbers ``mask``
    and ``levels``, say which are let through, and which are high (VexRiscv, ``ExternalInterruptArrayPlugin``).
    ``others`` are the numbers, in a platform file, of the lines that go beside it.
    """

    __slots__ = ("_levels", "_mask", "_numbers", "_others")

    def __init__(self, mask: int, levels: int, others: Mapping[int, int]) -> None:
        super().__init__()
        self._numbers: Final = mask, levels
        self._others: Final = others
        self._mask = self._levels = 0

    def reset(self) -> None:
        """Let nothing through."""
        self._mask = 0
        super().reset()

    def set_line(self, interrupt: int, level: bool) -> bool:
        """Drive an input; return whether it is high and passes."""
        if interrupt < INTERRUPTS:
            self._levels = self._levels & ~(1 << interrupt) | level << interrupt
        return super().set_line(interrupt, level)

    def csrs(self) -> dict[int, tuple[Callable[[], int], Callable[[int], None]]]:
        """Return what reads and writes the two registers, by number."""
        mask, levels = self._numbers
        return {
            mask: (lambda: self._mask, self._let_through),
            levels: (lambda: self._levels, self._set_levels),
        }

    def _let_through(self, mask: int) -> None:
        self._mask = mask
        self._update()

    def _set_levels(self, levels: int) -> None:
        self._levels = levels
        self._update()

    def _update(self) -> None:
        pending = bool(self._mask & self._levels) << EXTERNAL
        for line, number in self._others.items():
            pending |= (self.lines >> line & 1) << number
        self._pend(pending)


_VECTORED: Final = 1
_MRET: Final = 0x3020_0073


class HartTraps(RiscVTraps):
    """Enters and leaves for one hart (RISC-V privileged architecture, "Trap-Return Instructions").

    The other arguments are those of :class:`RiscVTraps`.
    """

    def __init__(
        self,
        native: NativeCore,
        interrupts: LocalInterrupts,
        csrs: HartCsrs,
        *,
        warn: Callable[[str, int, int], None],
        tell: Callable[[int, int], None],
        events: Callable[[], int],
        executed: Callable[[], int],
    ) -> None:
        super().__init__(warn=warn, tell=tell, events=events, executed=executed)
        self._interrupts: Final = interrupts
        self._csrs: Final = csrs
        self._pc = native.registers("PC")

    def would_take(self) -> bool:
        """Return whether an interrupt may be taken now: in user mode, whatever mstatus.MIE says."""
        csrs = self._csrs
        return (csrs.mie or csrs.privilege != MACHINE) and self.waits()

    def waits(self) -> bool:
        """Return whether an interrupt is pending and enabled."""
        return bool(self._interrupts.pending & self._interrupts.enabled)

    def take(self) -> bool:
        """Enter the most urgent interrupt, if it may be taken now; return whether a handler runs."""
        if not self.would_take() or (number := self._interrupts.most_urgent()) is None:
            return False
        self._count(number)
        self._csrs.enter(INTERRUPT | number, self._pc.first(), 0)
        self._interrupts.begin(number)
        self._pc.put(self.handler_of(number))
        return True

    def handler_of(self, interrupt: int) -> int:
        """Return the byte address that mtvec has for an interrupt."""
        vector = self._csrs.vector
        return (vector & ~3) + (4 * interrupt if vector & _VECTORED else 0)

    def call(self, at: int) -> None:
        """Enter the exception of the ``ecall`` at an address; LockUp as :meth:`trap`."""
        code = Code.ECALL if self._csrs.privilege == MACHINE else Code.USER_ECALL
        self.trap(code, 0, at, "an ecall")

    def trap(self, code: int, value: int, pc: int, text: str, *, extra: int = 0) -> None:
        """Enter an exception, which ``text`` explains.

        Raises:
            LockUp: it is that of its handler's first instruction.
        """
        handler = self._csrs.vector & ~3
        if self._traps_itself(pc, handler):
            raise LockUp(text, pc)
        self._csrs.enter(code | extra, pc, value)
        self._interrupts.begin(None)
        self._pc.put(handler)

    def leave(self, at: int) -> bool:
        """Execute the ``mret`` at an address; return False: no hart falls asleep by that.

        Raises:
            LockUp: user mode must not, and that cannot be told.
        """
        if self._csrs.privilege != MACHINE:
            self.fault(Code.ILLEGAL, _MRET, at, "mret in user mode")
            return False
        self._pc.put(self._csrs.leave())
        self._interrupts.finish()
        self._returned_at = self._executed()
        return False
