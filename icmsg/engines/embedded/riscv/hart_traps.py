"""Entry to and return from the traps of a hart (RISC-V privileged architecture, "Trap-Return Instructions")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.emulator.sliced_core import LockUp
from icmsg.engines.embedded.riscv.csrs import MACHINE
from icmsg.engines.embedded.riscv.traps import INTERRUPT, Code, RiscVTraps

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.riscv.csrs import HartCsrs
    from icmsg.engines.embedded.riscv.local_interrupts import LocalInterrupts

_VECTORED: Final = 1
_MRET: Final = 0x3020_0073


class HartTraps(RiscVTraps):
    """Enters and leaves for one hart; the other arguments are those of :class:`RiscVTraps`."""

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
