"""Cores in the Monitor: the members of Renode's cores that scripts and people use, and their registers by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.engines.embedded.riscv.csrs import SHOWN, after_reset
from icmsg.engines.embedded.riscv.hart import hart_type
from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, INT32, REGISTER, STRING, TABLE, UINT32, UINT64, VOID, exposed
from icmsg.machine.backtrace import REGISTERS
from icmsg.monitor.arguments import print_list
from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.soc.platform import Peripheral

_HERTZ_PER_MIPS: Final = 1_000_000


class _CoreRegisters:
    """Registers of one core, 0 until firmware was started or they were set."""

    def __init__(self, control: CoreControl, kind: CpuKind) -> None:
        self._control: Final = control
        self._kind: Final = kind

    def _register(self, name: str) -> int:
        return self._kind.values(self._control).get(name, 0)


def _shown(text: str, name: str, engine: str = "", *, is_settable: bool = True) -> property:
    """Return a member of :class:`_CoreRegisters` that is a register; ``engine`` is its name there, if it is another."""

    @exposed(REGISTER, name=name)
    def read(self: _CoreRegisters) -> int:
        return self._register(engine or name)

    def write(self: _CoreRegisters, value: int) -> None:
        self._control.write_register(engine or name, value)

    return property(read, write if is_settable else None, doc=text)


class CpuObject(_CoreRegisters):
    """Core in the Monitor; ``warn`` writes a line into the log.

    ``kind`` is what it is; ``set_mips`` changes its speed, ``started`` notes that the emulation is started.
    """

    def __init__(
        self,
        core: MachineCore,
        control: CoreControl,
        kind: CpuKind,
        number: int,
        warn: Callable[[str], None],
        set_mips: Callable[[int], None],
        started: Callable[[], None],
    ) -> None:
        super().__init__(control, kind)
        self._core: Final = core
        self._number = number
        self._warn = warn
        self._set_mips = set_mips
        self._started = started

    @property
    @exposed(REGISTER, name="PC")
    def pc(self) -> int:
        """The program counter; 0 until time has passed, unless it was set."""
        return self._register("PC")

    @pc.setter
    def pc(self, value: int) -> None:
        self._write("PC", value)

    def _write(self, name: str, value: int) -> None:
        if self._kind.architecture == "arm-m" and name == "PC" and value % 2 == 0:
            self._warn(f"Patching PC 0x{value:X} for Thumb mode.")
        self._control.write_register(name, value)

    sp = _shown("The stack pointer that is in use.", "SP")

    @property
    @exposed(BOOL)
    def is_halted(self) -> bool:
        """True while the core executes nothing; so it is where Python plays it."""
        return self._control.is_halted

    @is_halted.setter
    def is_halted(self, halted: bool) -> None:
        self._control.is_halted = halted

    @property
    @exposed(UINT64)
    def executed_instructions(self) -> int:
        """Instructions since the core was started."""
        return self._core.instructions

    @property
    @exposed(UINT32)
    def performance_in_mips(self) -> int:
        """Millions of instructions per second of virtual time."""
        return self._control.instruction_hz // _HERTZ_PER_MIPS

    @performance_in_mips.setter
    def performance_in_mips(self, mips: int) -> None:
        if mips < 1:
            raise MonitorError("PerformanceInMips is a whole number from 1 on")
        if mips != self.performance_in_mips:
            self._set_mips(mips)

    @property
    @exposed(UINT32)
    def id(self) -> int:
        """The number of the core."""
        return self._number

    @property
    @exposed(STRING)
    def model(self) -> str:
        """The kind of core."""
        return self._kind.model

    @property
    @exposed(STRING)
    def architecture(self) -> str:
        """The architecture."""
        return self._kind.architecture

    @exposed(VOID)
    def reset(self) -> None:
        """Reset the core alone; if it runs, it starts from its vector table."""
        self._control.reset()

    @exposed(UINT64, count=INT32)
    def step(self, count: int = 1) -> int:
        """Execute instructions in mode SingleStep, and return the program counter behind them.

        The emulation is started from then on, as in Renode.
        """
        if self._control.is_halted:
            self._warn("Ignoring stepping on a halted CPU")
        else:
            self._started()
            self._control.step(count)
        return self._register("PC")

    @exposed(REGISTER, register=STRING)
    def get_register(self, register: str) -> int:
        """Return a core register by its name."""
        return self._register(self._kind.engine_name(register))

    @exposed(REGISTER, name="GetRegister", register=INT32)
    def get_register_by_number(self, register: int) -> int:
        """Return a core register by its number."""
        return self._register(self._kind.name_of(register))

    @exposed(VOID, register=STRING, value=REGISTER)
    def set_register(self, register: str, value: int) -> None:
        """Set a core register by its name."""
        self._write(self._kind.engine_name(register), value)

    @exposed(VOID, name="SetRegister", register=INT32, value=REGISTER)
    def set_register_by_number(self, register: int, value: int) -> None:
        """Set a core register by its number."""
        self._write(self._kind.name_of(register), value)

    @exposed(REGISTER, register=INT32)
    def get_register_unsafe(self, register: int) -> int:
        """Return a core register by its number."""
        return self._register(self._kind.name_of(register))

    @exposed(VOID, register=INT32, value=REGISTER)
    def set_register_unsafe(self, register: int, value: int) -> None:
        """Set a core register by its number."""
        self._write(self._kind.name_of(register), value)

    @exposed(UINT64, name="GetRegisterUlong", register=INT32)
    def get_register_number(self, register: int) -> int:
        """Return a core register as a number."""
        return self._register(self._kind.name_of(register))

    @exposed(TABLE)
    def get_registers_values(self) -> list[tuple[str, str, str]]:
        """Return all core registers."""
        values = self._kind.values(self._control)
        rows = [(" Name ", " Index ", " Value ")]
        for name, number in self._kind.numbers.items():
            rows.append((f" {self._kind.known(name)} ", f" {number} ", f" 0x{values.get(name, 0):X} "))
        return rows

    @exposed(STRING)
    def get_registers(self) -> str:
        """Return the names of the core registers."""
        return print_list([self._kind.known(name) for name in self._kind.numbers])


class ArmRegisters(_CoreRegisters):
    """Registers of a Cortex-M beside those of every core."""

    lr = _shown("The link register.", "LR")

    @property
    @exposed(UINT32)
    def x_program_status_register(self) -> int:
        """XPSR; its lowest nine bits are the number of the exception that is handled."""
        return self._register("XPSR")

    @property
    @exposed(UINT32)
    def vector_table_offset(self) -> int:
        """The vector table (VTOR): stack pointer and first instruction come from there."""
        return self._control.vector_table

    @vector_table_offset.setter
    def vector_table_offset(self, address: int) -> None:
        self._control.vector_table = address


class RiscVRegisters(_CoreRegisters):
    """Registers of a RISC-V core beside those of every core."""

    def __init__(self, control: CoreControl, kind: CpuKind, hart: int) -> None:
        super().__init__(control, kind)
        self._hart: Final = hart

    @property
    @exposed(UINT32)
    def hart_id(self) -> int:
        """The number that firmware reads in mhartid."""
        return self._hart

    @property
    @exposed(UINT64)
    def reset_vector(self) -> int:
        """The address of the first instruction after a reset; loading an image sets it."""
        return self._control.vector_table

    @reset_vector.setter
    def reset_vector(self, address: int) -> None:
        self._control.vector_table = address & 0xFFFF_FFFF

    ra = _shown("The return address.", "RA")
    gp = _shown("The global pointer.", "GP")
    tp = _shown("The thread pointer.", "TP")
    fp = _shown("The frame pointer, S0.", "FP", "S0")
    mstatus = _shown("Status: MIE, MPIE, MPP and FS.", "MSTATUS")
    mie = _shown("Interrupts that are enabled.", "MIE")
    mtvec = _shown("Address of the trap handler, and its mode.", "MTVEC")
    mscratch = _shown("Scratch register of the trap handler.", "MSCRATCH")
    mepc = _shown("Address to which a trap returns.", "MEPC")
    mcause = _shown("Cause of the last trap.", "MCAUSE")
    mtval = _shown("Value that goes with the last exception.", "MTVAL")
    misa = _shown("The instructions that the core has.", "MISA", is_settable=False)
    mip = _shown("Interrupts that are pending.", "MIP", is_settable=False)


class ForeignCpu:
    """The core that ``item`` of the platform file describes, which nobody executes: it is halted, and stays so."""

    def __init__(self, item: Peripheral) -> None:
        self.refusal: Final = refusal(item)
        """Text for who wants anything else of it."""

    @property
    @exposed(BOOL)
    def is_halted(self) -> bool:
        """True, always: the core executes nothing."""
        return True

    @is_halted.setter
    def is_halted(self, value: bool) -> None:
        if not value:
            raise MonitorError(self.refusal)


@dataclass(frozen=True, slots=True)
class CpuKind:
    """Kind of a core, with its registers by Renode's names and numbers.

    ``numbers`` are the registers by the engine's names, ``aliases`` Renode's names where they are others.
    ``resets`` are those that are not 0 before it has run; None where all are, the program counter included.
    """

    architecture: str
    model: str
    numbers: Mapping[str, int]
    aliases: Mapping[str, tuple[str, ...]]
    resets: Mapping[str, int] | None = None

    def values(self, control: CoreControl) -> Mapping[str, int]:
        """Return the registers of a core of this kind, as they are or will be when it begins."""
        if self.resets is None:
            return control.registers()
        return {"PC": control.vector_table, **self.resets, **control.registers()}

    def known(self, name: str) -> str:
        """Return all names of a register, by the engine's."""
        return " / ".join(self.aliases.get(name, (name,)))

    def engine_name(self, name: str) -> str:
        """Return the engine's name of a register; MonitorError if there is none of that name."""
        wanted = name.upper()
        for engine in self.numbers:
            if wanted in (alias.upper() for alias in (engine, *self.aliases.get(engine, ()))):
                return engine
        raise MonitorError(f"Wrong register name: {name}")

    def name_of(self, number: int) -> str:
        """Return the engine's name of a register by its number; MonitorError if there is none."""
        for name, known in self.numbers.items():
            if known == number:
                return name
        raise MonitorError(f"Wrong register index: {number}")


_ARM: Final = {
    **{f"R{number}": number for number in range(13)},
    "SP": 13,
    "LR": 14,
    "PC": 15,
    "CONTROL": 18,
    "BASEPRI": 19,
    "XPSR": 25,
    "PRIMASK": 28,
    "FAULTMASK": 30,
}
_ARM_ALIASES: Final = {
    "SP": ("SP", "R13"),
    "LR": ("LR", "R14"),
    "PC": ("PC", "R15"),
    "CONTROL": ("Control",),
    "BASEPRI": ("BasePri",),
    "XPSR": ("CPSR",),
}
_RISCV_ALIASES: Final = {
    **{name: (f"X{number}", name) for number, name in enumerate(REGISTERS)},
    **{name: (name, f"X{number}") for number, name in enumerate(REGISTERS[:5])},
    "S0": ("FP", "X8", "S0"),
}
_FIRST_CSR: Final = 65
"""Number of the CSR 0 among the registers."""


def kind_of(item: Peripheral) -> CpuKind:
    """Return what a core of the platform file is."""
    if item.type == CORTEX_M:
        return CpuKind("arm-m", "cortex-m33", _ARM, _ARM_ALIASES)
    count = 16 if item.type == VPR else 32
    csrs = {name: _FIRST_CSR + number for name, number in SHOWN.items()}
    numbers = {**{name: number for number, name in enumerate(REGISTERS[:count])}, "PC": 32, **csrs}
    model = str(item.attributes.get("cpuType", "rv32emc" if item.type == VPR else ""))
    resets = None if item.type == VPR else after_reset(hart_type(item))
    return CpuKind("riscv", model, numbers, _RISCV_ALIASES, resets)
