"""Registers of cores in the Monitor, by Renode's names and numbers, and what only one architecture has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.csrs import SHOWN, after_reset
from icmsg.engines.embedded.riscv.hart_types import hart_type
from icmsg.errors import MonitorError
from icmsg.hw.exposed import REGISTER, UINT32, UINT64, exposed
from icmsg.machine.riscv_backtrace import REGISTERS
from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.soc.platform import Peripheral


@dataclass(frozen=True, slots=True)
class CpuKind:
    """Kind of a core, in Renode's words.

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
