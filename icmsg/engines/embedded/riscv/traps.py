"""Traps of RISC-V cores: their causes, and what is equal in the entry to and return from all of them."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.processor import Handlers, Storm
from icmsg.machine.machine import FIRST_TRAP, fault_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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
