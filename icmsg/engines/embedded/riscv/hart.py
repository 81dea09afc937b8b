"""Hart that runs firmware: RV32 with the extensions that its type has, machine mode and user mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from icmsg.engines.embedded.riscv.core import RiscVCore
from icmsg.engines.embedded.riscv.csrs import SHOWN, HartCsrs
from icmsg.engines.embedded.riscv.hart_traps import HartTraps
from icmsg.engines.embedded.riscv.instructions import CsrUnit
from icmsg.engines.embedded.riscv.native import NativeRiscV

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.riscv.hart_types import HartType
    from icmsg.engines.embedded.riscv.local_interrupts import LocalInterrupts
    from icmsg.timers import Timers


class Hart(RiscVCore):
    """A hart of the type ``kind``; ``entry()`` is where it begins after a reset.

    ``time()`` is what its register time reads. ``warn(what, address, pc)`` is told about accesses that nothing models,
    ``fault(exception, pc)`` about fault exceptions; ``events()`` is how many events there were. As in Renode, a load
    from where nothing is reads 0, and a store there goes nowhere.
    """

    __slots__ = ("_csr_unit", "_csrs", "_flow", "nops")

    _csrs: HartCsrs
    shown: ClassVar = SHOWN

    def __init__(
        self,
        kind: HartType,
        *,
        name: str,
        space: AddressSpace,
        interrupts: LocalInterrupts,
        entry: Callable[[], int],
        hart: int,
        time: Callable[[], int],
        ticks_per_instruction: int,
        timers: Timers,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> None:
        super().__init__(
            native := NativeRiscV(floating=kind.floating),
            name=name,
            space=space,
            nvic=interrupts,
            entry=entry,
            registers=16 if "e" in kind.letters else 32,
            timers=timers,
            ticks_per_instruction=ticks_per_instruction,
            warn=warn,
        )
        self.nops = kind.nops
        self._csrs = HartCsrs(
            native,
            interrupts,
            hart=hart,
            kind=kind,
            executed=self.executed,
            time=time,
            unmasked=self.look,
            warn=lambda what: warn(f"write of {what}", self._at, self._at),
        )
        self._csr_unit = CsrUnit(native, space, self._csrs, window=None, raise_later=self._raise_later)
        self._flow = HartTraps(
            native, interrupts, self._csrs, warn=warn, tell=fault, events=events, executed=self.executed
        )

    def _reset_csrs(self) -> None:
        self._csrs.reset()

    def _on_bad_load(self, address: int) -> bool:
        self._warn_of("read of 0 where the platform file has nothing", address, self.pc())
        return True

    def _on_lost_store(self, address: int) -> None:
        self._warn_of("write to where the platform file has nothing", address, self.pc())
