"""RISC-V core that runs firmware: its instructions that the emulator leaves alone, sleep, interrupts, faults."""

from __future__ import annotations

from abc import abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from icmsg.engines.embedded.emulator.sliced_core import SLEEP, LockUp, SlicedCore
from icmsg.engines.embedded.emulator.watched_core import map_space
from icmsg.engines.embedded.memory import IoRange
from icmsg.engines.embedded.riscv.instructions import is_csr, polled
from icmsg.engines.embedded.riscv.native import UNRESERVED, RiscVPages
from icmsg.engines.embedded.riscv.traps import Code
from icmsg.errors import CoreFault
from icmsg.machine.backtrace import REGISTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.processor import InterruptController, Storm
    from icmsg.engines.embedded.riscv.instructions import CsrFile, CsrUnit
    from icmsg.engines.embedded.riscv.native import NativeRiscV
    from icmsg.engines.embedded.riscv.traps import RiscVTraps
    from icmsg.hw.bus import Bus
    from icmsg.timers import Timers

_ILLEGAL, _MISALIGNED_LOAD, _MISALIGNED_STORE, _ECALL = 2, 4, 6, 8
"""Exceptions as unicorn numbers them."""
_BAD_LOAD, _MRET, _BREAKPOINT = 101, 102, 103
"""Other causes of a slice's end."""
_MRET_CODE: Final = 0x3020_0073
_WFI_CODE: Final = 0x1050_0073


class RiscVCore(SlicedCore):
    """A core with an instruction stream; ``entry()`` is where it begins after a reset.

    ``registers`` is how many it has, 16 or 32. ``warn(what, address, pc)`` is told about accesses that nothing models.
    What is in ``hidden``, the core's own loads and stores do not reach.
    """

    __slots__ = (
        "_at",
        "_bad_load",
        "_entry",
        "_everything",
        "_names",
        "_pc",
        "_warn_of",
        "_x",
        "nvic",
    )

    _code: RiscVPages
    _unreserved = UNRESERVED
    _csrs: CsrFile
    _csr_unit: CsrUnit
    _flow: RiscVTraps
    _wakes_masked = True
    """True if an interrupt ends a WFI that mstatus.MIE does not let through."""
    shown: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Numbers of the control and status registers that are told with the others, by name."""
    nops: Collection[int] = ()
    """Instructions that do nothing, and that the emulator does not know."""
    told_by: ClassVar = "PC"
    """Name of what firmware, or a person, sets to say where the core begins."""

    def __init__(
        self,
        native: NativeRiscV,
        *,
        name: str,
        space: AddressSpace,
        nvic: InterruptController,
        entry: Callable[[], int],
        registers: int,
        timers: Timers,
        ticks_per_instruction: int,
        warn: Callable[[str, int, int], None],
        hidden: range = range(0),
    ) -> None:
        super().__init__(
            native,
            name=name,
            space=space,
            nvic=nvic,
            timers=timers,
            ticks_per_instruction=ticks_per_instruction,
        )
        self.nvic: Final = nvic
        self._entry: Final = entry
        self._at = 0  # the address of the instruction that ended the run
        self._bad_load = 0  # the address of the load that ended it
        self._pc = native.registers("PC")
        self._everything = native.registers(*(f"X{number}" for number in range(1, 32)), "PC")
        self._x: Final = dict(
            zip(
                (*REGISTERS[1:registers], "PC"),
                (*(f"X{number}" for number in range(1, registers)), "PC"),
                strict=True,
            )
        )
        self._names = native.registers(*self._x.values())
        self._reserved = native.reservation()
        self._warn_of: Final = warn
        self._code = RiscVPages(native, space, clear_monitor=self._clear_monitor, look_again=self.end_slice)
        native.hook_pages(self._code.allows)
        map_space(
            native,
            space,
            None,
            warn=lambda what, address: warn(what, address, self.pc()),
            lost=self._on_lost_store,
            load=self._on_bad_load,
            raise_later=self._raise_later,
            hidden=[item for item in space.ranges if item.start in hidden],
        )
        native.hook_exceptions(self._on_exception)
        native.hook_invalid_instruction(self._on_breakpoint)

    # Time

    def look(self) -> None:
        """Let the slice that runs end after the current instruction, if an interrupt may be taken there."""
        if self._running and self.nvic.pending & self.nvic.enabled and self._flow.would_take():
            self.end_slice()

    # Running

    def reset(self, time: int, *, stack: int | None = None, entry: int | None = None) -> None:
        """Start at ``entry``, or where the image says, at tick ``time``, as after a core reset.

        ``stack`` is the first value of the stack pointer, which firmware sets itself as a rule.

        Raises:
            CoreFault: that is no address of code.
        """
        entry = (self._entry() if entry is None else entry) & ~1
        if self.space.memory_at(entry) is None:
            raise CoreFault(
                f"core {self.name} would begin at 0x{entry:08X}, where no code can be; load an image, or set "
                f"{self.told_by} to the address of its first instruction",
                core=self.name,
                pc=entry,
            )
        self.nvic.reset()
        self._reset_csrs()
        self._flow.reset()
        self.asleep = False
        self.lock_up = None
        if time > self.time:
            self.time = time
        self._code.forget()
        self._clear_monitor()
        self._everything.write(0, stack or 0, *[0] * 29, entry)

    @abstractmethod
    def _reset_csrs(self) -> None:
        """Give every control and status register its reset value."""

    def _clear_monitor(self) -> None:
        self._reserved.value = UNRESERVED

    def _resume(self) -> int:
        return self._pc.first()

    def _end(self, cause: int | None, error: int) -> None:
        flow = self._flow
        if cause == SLEEP:
            self.asleep = not self._code.stops or not self._stop()
        elif cause == _MRET:
            self.asleep = flow.leave(self._at)
        elif cause == _ECALL:
            flow.call(self._at)
        elif cause == _BREAKPOINT:
            flow.fault(Code.BREAKPOINT, self._at, self._at)
        elif cause == _BAD_LOAD:
            flow.fault(Code.LOAD, self._bad_load, self.pc())
        elif cause in (_MISALIGNED_LOAD, _MISALIGNED_STORE):
            base = self._opcode(self._at) >> 15 & 31  # of an atomic instruction: its address is in a register
            flow.fault(Code(cause), self._native.registers(f"X{base}").first(), self._at)
        elif error:
            pc = self.pc()
            flow.fault(Code.FETCH, pc, pc)
        else:
            self._end_illegal()

    def _stop(self) -> bool:
        """Execute the counter instruction before which the run ended; return False if it has ended at a WFI."""
        pc, executed = self.pc(), self._executed.value
        if pc not in self._code.stops or (executed and self._opcode(pc - 4) == _WFI_CODE):
            return False
        code = self._opcode(pc)
        if not is_csr(code):
            self._code.run_on(pc)
        elif executed < self._budget.value:
            self.time += self.ticks_per_instruction
            self.instructions += 1
            if self._csr_unit.execute(code):
                self._pc.write(pc + 4)
            else:
                self._at = pc
                self._end_illegal()
        return True

    def _sleep_before(self, address: int) -> int | None:
        return address - 4 if self._opcode(address - 4) == _WFI_CODE else None

    def _end_illegal(self) -> None:
        code = self._opcode(self._at)
        what = ""
        if code & 3 != 3:
            code &= 0xFFFF
        elif is_csr(code):
            what = self._csr_unit.describe(code)
        self._flow.fault(Code.ILLEGAL, code, self._at, what or f"0x{code:0{4 if code & 3 != 3 else 8}X}")

    def _end_lost_store(self, address: int, pc: int) -> None:
        self._flow.fault(Code.STORE, address, pc)

    def take_interrupts(self) -> None:
        """Enter the handler of the most urgent pending interrupt if it may be taken now, or wake up for it."""
        if self.lock_up is not None:
            return
        try:
            if self._flow.take() or (self.asleep and self._wakes_masked and self._flow.waits()):
                self.asleep = False
        except LockUp as problem:
            self._lock_up(problem)

    def signal_event(self) -> None:
        """Do nothing: the core waits for interrupts alone."""

    @property
    def storm(self) -> Storm:
        """The interrupt that came most often in a row."""
        return self._flow.described_storm()

    def polled(self, pcs: Collection[int], bus: Bus) -> Iterator[int]:
        """Yield the addresses of peripheral registers that the loop around ``pcs`` reads."""
        return polled(pcs, self.read_registers(), bus, self._is_peripheral)

    def _is_peripheral(self, address: int) -> bool:
        return isinstance(self.space.pages.get(address >> 12), IoRange)

    # What a person asks for

    def pc(self) -> int:
        """Return the program counter; in an access, that of the instruction that makes it."""
        return self._pc.first()

    def read_registers(self) -> dict[str, int]:
        """Return the core registers by name, and some of the CSRs."""
        readers = self._csrs.readers
        return {
            **dict(zip(self._x, self._names.read(), strict=True)),
            **{name: readers[number]() for name, number in self.shown.items()},
        }

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Set core registers by the names of the ABI; an instruction must not be under way.

        Raises:
            KeyError: there is no such register, or it can only be read.
        """
        core = {self._x[name]: value for name, value in values.items() if name not in self.shown}
        csrs = [
            (self._csrs.writers[self.shown[name]], value)
            for name, value in values.items()
            if name in self.shown
        ]
        if core:
            self._native.registers(*core).write(*core.values())
        for write, value in csrs:
            write(value)
        if "PC" in values:
            self.asleep = False
            self.lock_up = None

    # Hooks: unicorn is on the stack, so no exception may leave them

    def _on_exception(self, number: int) -> None:
        at = self._at = self._pc.first() - 4
        if number == _ILLEGAL:
            code = self._opcode(at)
            if code == _MRET_CODE:
                number = _MRET
            elif code in self.nops or (is_csr(code) and self._csr_unit.execute(code)):
                return
        self._cause = number
        self._native.stop()

    def _opcode(self, address: int) -> int:
        found = self.space.memory_at(address)
        if found is None:
            return 0
        start = address - found.start
        if not start & 3:
            return found.memory.words[start >> 2]
        return int.from_bytes(found.memory.bytes[start : start + 4], "little")

    def _on_breakpoint(self) -> bool:
        self._at = self._pc.first()
        self._cause = _BREAKPOINT
        self._native.stop()
        return True

    def _on_bad_load(self, address: int) -> bool:
        self._bad_load, self._cause = address, _BAD_LOAD
        return False

    def _on_lost_store(self, address: int) -> None:
        if self._lost_store is None:
            self._lost_store = address, self.pc()
            self.end_slice()
