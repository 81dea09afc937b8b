"""Nordic's VPR: RV32E M C with a CLIC and hardware stacking, as its slot knows it, as it runs, and its traps."""

from __future__ import annotations

import enum
from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from icmsg.engines.embedded.emulator.sliced_core import LockUp
from icmsg.engines.embedded.memory import AddressSpace, IoRange
from icmsg.engines.embedded.riscv.core import RiscVCore
from icmsg.engines.embedded.riscv.instructions import CsrUnit
from icmsg.engines.embedded.riscv.native import NativeRiscV
from icmsg.engines.embedded.riscv.traps import INTERRUPT, WORDS, Code, RiscVTraps
from icmsg.engines.embedded.riscv.vpr_registers import (
    CLIC_BASE,
    CLIC_BYTES,
    FIRST_CODE,
    INTERRUPTS,
    MCAUSE,
    MEPC,
    MINTSTATUS,
    MINTTHRESH,
    MSTATUS,
    MTVAL,
    Clic,
    ClicRegisters,
    Csrs,
)
from icmsg.machine.machine import FIRST_TRAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.emulator.native import NativeCore
    from icmsg.engines.embedded.slot import Slot
    from icmsg.timers import Timers

_REGISTERS: Final = 16
WINDOW: Final = 0xF001_0000
"""The byte address at which the core's bus has the CSRs of devices; its own loads and stores do not reach it."""
WINDOW_BYTES: Final = 0x1_0000


class Vpr:
    """A VPR core: ``hart`` is its mhartid, ``bus_width`` 32 or 64 bits.

    With ``wfi_needs_mie`` one that sleeps with mstatus.MIE = 0 is never woken, as on the nRF54H20 (erratum 93); the
    VPR of the nRF54L series wakes (Zephyr, pull requests 86840 and 107766).
    """

    interrupts: Final = INTERRUPTS

    def __init__(self, *, hart: int, wfi_needs_mie: bool = False, bus_width: int = 32) -> None:
        self._hart = hart
        self._wfi_needs_mie = wfi_needs_mie
        self._bus_width = bus_width

    def make_controller(self) -> Clic:
        """Return a CLIC."""
        return Clic()

    def make_registers(
        self,
        slot: Slot,
        space: AddressSpace,
        *,
        timer_hz: int,  # noqa: ARG002 - it has none
        restart: Callable[[], None],  # noqa: ARG002 - and cannot reset itself
    ) -> ClicRegisters:
        """Return the registers of the CLIC."""
        assert isinstance(slot.nvic, Clic)
        registers = ClicRegisters(slot.nvic, name=slot.name)
        space.add(IoRange(CLIC_BASE, CLIC_BASE + CLIC_BYTES, registers, "CLIC"))
        return registers

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> VprCore:
        """Return a core that runs firmware."""
        assert isinstance(slot.nvic, Clic)
        registers = slot.control
        assert isinstance(registers, ClicRegisters)
        return VprCore(
            name=slot.name,
            space=slot.space,
            clic=slot.nvic,
            entry=lambda: registers.vector_table,
            hart=self._hart,
            wfi_needs_mie=self._wfi_needs_mie,
            bus_width=self._bus_width,
            timers=slot.timers,
            ticks_per_instruction=slot.ticks_per_instruction,
            warn=warn,
            fault=fault,
            events=events,
        )


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


class VprCode(enum.IntEnum):
    """Exception code in mcause that only a VPR has (MDK: VPRCSR_MCAUSE)."""

    MISALIGNED_STACKING = 0x18
    STACKING = 0x19
    VECTOR = 0x1A
    MISALIGNED_UNSTACKING = 0x1B
    UNSTACKING = 0x1C
    EXCEPTION_STACKING = 0x1F


_WORDS: Final = {
    **WORDS,
    VprCode.MISALIGNED_STACKING: "an interrupt with a stack pointer that is no multiple of 4",
    VprCode.STACKING: "an interrupt's frame that is not in memory",
    VprCode.VECTOR: "an interrupt's vector that is not in memory (mtvt)",
    VprCode.MISALIGNED_UNSTACKING: "an mret with a stack pointer that is no multiple of 4",
    VprCode.UNSTACKING: "an mret with a stack that is not in memory",
    VprCode.EXCEPTION_STACKING: "an exception whose frame cannot be stacked",
}
_INTERRUPT_FRAME: Final = Struct("<12I")
_EXCEPTION_FRAME: Final = Struct("<2I")
_LEVEL_SHIFT: Final = 16
_LEVEL: Final = 0xFF
_MINHV: Final = 1 << 30
_MASK: Final = 0xFFFF_FFFF
_ALIGNED: Final = 4


class FrameOrder(NamedTuple):
    """The order on the stack, from the lowest address on, that goes with a width of the core's bus."""

    registers: tuple[str, ...]
    """Ten registers; mcause and mepc follow."""
    cause_first: bool


ORDERS: Final = {
    32: FrameOrder(("X1", "X7", "X6", "X5", "X15", "X14", "X13", "X12", "X11", "X10"), cause_first=True),
    64: FrameOrder(("X7", "X1", "X5", "X6", "X14", "X15", "X12", "X13", "X10", "X11"), cause_first=False),
}


class TrapFlow(RiscVTraps):
    """Enters and leaves for one VPR; the arguments are those of :class:`RiscVTraps` besides.

    The rules, and where they are from:

    * An interrupt pushes twelve words, an exception mcause and mepc alone; the stack pointer is aligned to eight bytes
      before, and bit 0 of the stacked mepc says that this took four more (Zephyr: soc_isr_stacking.h).
    * mcause and mstatus are written as in the CLIC draft: MPIL is the level that is left, MPIE the MIE, and MIE is
      cleared.
    * An interrupt goes to the address that mtvt's table has for it, an exception to mtvec.
    * ``mret`` pops the frame that the interrupt bit of mcause says: Zephyr resumes a thread that an interrupt has
      stopped from an ECALL, and the other way round, and makes its choice by that bit. It takes the level from the
      stacked mcause and MIE from mstatus. Afterwards mcause is the stacked one, its interrupt bit set if an interrupt's
      handler goes on.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        clic: Clic,
        csrs: Csrs,
        *,
        bus_width: int,
        warn: Callable[[str, int, int], None],
        tell: Callable[[int, int], None],
        events: Callable[[], int],
        executed: Callable[[], int],
    ) -> None:
        super().__init__(warn=warn, tell=tell, events=events, executed=executed, words=_WORDS)
        self._space: Final = space
        self._clic: Final = clic
        self._csrs: Final = csrs
        order = ORDERS[bus_width]
        self._cause_first: Final = order.cause_first
        self._whole = native.registers(*order.registers, "SP", "PC")
        self._place = native.registers("SP", "PC")

    def would_take(self) -> bool:
        """Return whether an interrupt may be taken now."""
        return self._csrs.mie and self._first() is not None

    def waits(self) -> bool:
        """Return whether an interrupt would be taken but for mstatus.MIE."""
        return self._first() is not None

    def _first(self) -> tuple[int, int] | None:
        first = self._clic.most_urgent()
        csrs = self._csrs
        return None if first is None or first[1] <= max(csrs.level, csrs.threshold) else first

    def take(self) -> bool:
        """Enter the most urgent interrupt, if it may be taken now; return whether a handler runs."""
        if not self._csrs.mie or (first := self._first()) is None:
            return False
        number, level = first
        self._count(number)
        self._enter(number, level)
        return True

    def _enter(self, number: int, level: int) -> None:
        csrs = self._csrs
        *registers, sp, pc = self._whole.read()
        padding = sp & _ALIGNED
        frame = (sp - padding - _INTERRUPT_FRAME.size) & _MASK
        stack = self._space.memory_at(frame)
        if sp & 3:
            self.fault(VprCode.MISALIGNED_STACKING, sp, pc, f"interrupt {number}")
        elif stack is None or frame + _INTERRUPT_FRAME.size > stack.end:
            self.fault(VprCode.STACKING, frame, pc, f"interrupt {number}")
        elif (vector := self._word(address := csrs.vectors + 4 * (FIRST_CODE + number))) is None:
            self.fault(VprCode.VECTOR, address, pc, f"interrupt {number}", extra=_MINHV)
        else:
            self._note(INTERRUPT | FIRST_CODE + number, pc, 0)
            last = self._ordered(csrs.mcause(), pc | bool(padding))
            _INTERRUPT_FRAME.pack_into(stack.memory.bytes, frame - stack.start, *registers, *last)
            csrs.level = level
            self._clic.begin(number)
            self._place.write(frame, vector & ~1)

    def call(self, at: int) -> None:
        """Enter the exception of the ``ecall`` at an address; LockUp as :meth:`trap`."""
        self.trap(Code.ECALL, 0, at, "an ecall")

    def trap(self, code: int, value: int, pc: int, text: str, *, extra: int = 0) -> None:
        """Enter an exception, which ``text`` explains.

        Raises:
            LockUp: its frame cannot be stacked, or it is that of its handler's first instruction.
        """
        csrs = self._csrs
        if self._traps_itself(pc, csrs.handler):
            raise LockUp(text, pc)
        sp, _ = self._place.read()
        padding = sp & _ALIGNED
        frame = (sp - padding - _EXCEPTION_FRAME.size) & _MASK
        stack = self._space.memory_at(frame)
        if sp & 3 or stack is None:
            code = VprCode.EXCEPTION_STACKING
            self._tell(FIRST_TRAP + code, pc)
            raise LockUp(f"{text}, and {_WORDS[code]} (stack pointer 0x{sp:08X})", pc)
        self._note(code | extra, pc, value)
        last = self._ordered(csrs.mcause(), pc | bool(padding))
        _EXCEPTION_FRAME.pack_into(stack.memory.bytes, frame - stack.start, *last)
        self._place.write(frame, csrs.handler)

    def _note(self, cause: int, pc: int, value: int) -> None:
        csrs = self._csrs
        csrs.cause = cause | csrs.level << _LEVEL_SHIFT
        csrs.epc, csrs.value = pc, value
        csrs.mpie, csrs.mie = csrs.mie, False

    def leave(self, at: int) -> bool:
        """Execute the ``mret`` at an address; return whether the core sleeps again where a handler has returned to.

        Raises:
            LockUp: its frame is not in memory, and the exception that this is cannot be entered.
        """
        csrs = self._csrs
        of_interrupt = bool(csrs.cause & INTERRUPT)
        layout = _INTERRUPT_FRAME if of_interrupt else _EXCEPTION_FRAME
        sp, _ = self._place.read()
        stack = self._space.memory_at(sp)
        if sp & 3:
            self.fault(VprCode.MISALIGNED_UNSTACKING, sp, at)
            return False
        if stack is None or sp + layout.size > stack.end:
            self.fault(VprCode.UNSTACKING, sp, at)
            return False
        *registers, first, second = layout.unpack_from(stack.memory.bytes, sp - stack.start)
        cause, epc = self._ordered(first, second)
        after = (sp + layout.size + (_ALIGNED if epc & 1 else 0)) & _MASK
        csrs.level = cause >> _LEVEL_SHIFT & _LEVEL
        csrs.mie = csrs.mpie
        csrs.write_mcause(cause & ~INTERRUPT | (INTERRUPT if csrs.level else 0))
        csrs.mpie = True
        if of_interrupt:
            self._clic.finish()
            self._whole.write(*registers, after, epc & ~1)
            self._returned_at = self._executed()
        else:
            self._place.write(after, epc & ~1)
        return csrs.returns_to_sleep and not csrs.level and not self.would_take()

    def _ordered(self, first: int, second: int) -> tuple[int, int]:
        """Return mcause and mepc in the order of the stack, or the two words of the stack in that order."""
        return (first, second) if self._cause_first else (second, first)

    def handler_of(self, interrupt: int) -> int:
        """Return the byte address that mtvt's table has for an interrupt; 0 where it is not in memory."""
        return (self._word(self._csrs.vectors + 4 * (FIRST_CODE + interrupt)) or 0) & ~1

    def _word(self, address: int) -> int | None:
        found = self._space.memory_at(address & _MASK)
        return None if found is None else found.memory.words[(address - found.start) >> 2]
