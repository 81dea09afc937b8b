"""VPR core that runs firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from icmsg.engines.embedded.riscv.core import RiscVCore
from icmsg.engines.embedded.riscv.instructions import CsrUnit
from icmsg.engines.embedded.riscv.native import NativeRiscV
from icmsg.engines.embedded.vpr.csrs import (
    MCAUSE,
    MEPC,
    MINTSTATUS,
    MINTTHRESH,
    MSTATUS,
    MTVAL,
    Csrs,
)
from icmsg.engines.embedded.vpr.trap_flow import TrapFlow

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.vpr.clic import Clic
    from icmsg.timers import Timers

_REGISTERS: Final = 16
WINDOW: Final = 0xF001_0000
"""The byte address at which the core's bus has the CSRs of devices; its own loads and stores do not reach it."""
WINDOW_BYTES: Final = 0x1_0000


class VprCore(RiscVCore):
    """A core with an instruction stream; ``entry()`` is where it begins after a reset.

    ``warn(what, address, pc)`` is told about accesses that nothing models, ``fault(exception, pc)`` about fault
    exceptions; ``events()`` is how many events there were. ``bus_width`` decides about the order of what is stacked.
    """

    __slots__ = ("_csr_unit", "_csrs", "_flow", "_wakes_masked")

    _csrs: Csrs
    shown: ClassVar = {
        "MSTATUS": MSTATUS,
        "MCAUSE": MCAUSE,
        "MEPC": MEPC,
        "MTVAL": MTVAL,
        "MINTSTATUS": MINTSTATUS,
        "MINTTHRESH": MINTTHRESH,
    }
    told_by = "INITPC"

    def __init__(
        self,
        *,
        name: str,
        space: AddressSpace,
        clic: Clic,
        entry: Callable[[], int],
        hart: int,
        ticks_per_instruction: int,
        timers: Timers,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
        wfi_needs_mie: bool = False,
        bus_width: int = 32,
    ) -> None:
        super().__init__(
            native := NativeRiscV(),
            name=name,
            space=space,
            nvic=clic,
            entry=entry,
            registers=_REGISTERS,
            timers=timers,
            ticks_per_instruction=ticks_per_instruction,
            warn=warn,
            hidden=range(WINDOW, WINDOW + WINDOW_BYTES),
        )
        self._wakes_masked = not wfi_needs_mie
        self._csrs = Csrs(hart=hart, executed=self.executed, unmasked=self.look)
        self._csr_unit = CsrUnit(native, space, self._csrs, window=WINDOW, raise_later=self._raise_later)
        self._flow = TrapFlow(
            native,
            space,
            clic,
            self._csrs,
            bus_width=bus_width,
            warn=warn,
            tell=fault,
            events=events,
            executed=self.executed,
        )

    def _reset_csrs(self) -> None:
        self._csrs.reset()

    @property
    def never_wakes(self) -> bool:
        """True while the core sleeps with mstatus.MIE clear, and is one that nothing wakes then."""
        return self.asleep and self.lock_up is None and not (self._wakes_masked or self._csrs.mie)
