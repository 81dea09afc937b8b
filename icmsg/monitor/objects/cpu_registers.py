"""Registers of cores in the Monitor, by Renode's names and numbers, and what only one architecture has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.csrs import after_reset
from icmsg.engines.embedded.riscv.hart_types import hart_type
from icmsg.errors import MonitorError
from icmsg.hw.exposed import REGISTER, UINT32, UINT64, exposed
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
_X: Final = (
    *("ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0", "S1"),
    *(f"A{number}" for number in range(8)),
    *(f"S{number}" for number in range(2, 12)),
    *(f"T{number}" for number in range(3, 7)),
)
_RISCV_ALIASES: Final = {
    **{name: (f"X{number}", name) for number, name in enumerate(_X)},
    **{name: (name, f"X{number}") for number, name in enumerate(_X[:5])},
    "S0": ("FP", "X8", "S0"),
}
_CSRS: Final = {
    "MSTATUS": 0x300,
    "MISA": 0x301,
    "MIE": 0x304,
    "MTVEC": 0x305,
    "MSCRATCH": 0x340,
    "MEPC": 0x341,
    "MCAUSE": 0x342,
    "MTVAL": 0x343,
    "MIP": 0x344,
}
_FIRST_CSR: Final = 65
"""Number of the CSR 0 among the registers."""


def kind_of(item: Peripheral) -> CpuKind:
    """Return what a core of the platform file is."""
    if item.type == CORTEX_M:
        return CpuKind("arm-m", "cortex-m33", _ARM, _ARM_ALIASES)
    count = 16 if item.type == VPR else 32
    csrs = {name: _FIRST_CSR + number for name, number in _CSRS.items()}
    numbers = {**{name: number for number, name in enumerate(_X[:count])}, "PC": 32, **csrs}
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


class ArmRegisters(_CoreRegisters):
    """Registers of a Cortex-M beside those of every core."""

    @property
    @exposed(REGISTER, name="LR")
    def lr(self) -> int:
        """The link register."""
        return self._register("LR")

    @lr.setter
    def lr(self, value: int) -> None:
        self._control.write_register("LR", value)

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

    @property
    @exposed(REGISTER, name="RA")
    def ra(self) -> int:
        """The return address."""
        return self._register("RA")

    @ra.setter
    def ra(self, value: int) -> None:
        self._control.write_register("RA", value)

    @property
    @exposed(REGISTER, name="GP")
    def gp(self) -> int:
        """The global pointer."""
        return self._register("GP")

    @gp.setter
    def gp(self, value: int) -> None:
        self._control.write_register("GP", value)

    @property
    @exposed(REGISTER, name="TP")
    def tp(self) -> int:
        """The thread pointer."""
        return self._register("TP")

    @tp.setter
    def tp(self, value: int) -> None:
        self._control.write_register("TP", value)

    @property
    @exposed(REGISTER, name="FP")
    def fp(self) -> int:
        """The frame pointer, S0."""
        return self._register("S0")

    @fp.setter
    def fp(self, value: int) -> None:
        self._control.write_register("S0", value)

    @property
    @exposed(REGISTER, name="MSTATUS")
    def mstatus(self) -> int:
        """Status: MIE, MPIE, MPP and FS."""
        return self._register("MSTATUS")

    @mstatus.setter
    def mstatus(self, value: int) -> None:
        self._control.write_register("MSTATUS", value)

    @property
    @exposed(REGISTER, name="MIE")
    def mie(self) -> int:
        """Interrupts that are enabled."""
        return self._register("MIE")

    @mie.setter
    def mie(self, value: int) -> None:
        self._control.write_register("MIE", value)

    @property
    @exposed(REGISTER, name="MTVEC")
    def mtvec(self) -> int:
        """Address of the trap handler, and its mode."""
        return self._register("MTVEC")

    @mtvec.setter
    def mtvec(self, value: int) -> None:
        self._control.write_register("MTVEC", value)

    @property
    @exposed(REGISTER, name="MSCRATCH")
    def mscratch(self) -> int:
        """Scratch register of the trap handler."""
        return self._register("MSCRATCH")

    @mscratch.setter
    def mscratch(self, value: int) -> None:
        self._control.write_register("MSCRATCH", value)

    @property
    @exposed(REGISTER, name="MEPC")
    def mepc(self) -> int:
        """Address to which a trap returns."""
        return self._register("MEPC")

    @mepc.setter
    def mepc(self, value: int) -> None:
        self._control.write_register("MEPC", value)

    @property
    @exposed(REGISTER, name="MCAUSE")
    def mcause(self) -> int:
        """Cause of the last trap."""
        return self._register("MCAUSE")

    @mcause.setter
    def mcause(self, value: int) -> None:
        self._control.write_register("MCAUSE", value)

    @property
    @exposed(REGISTER, name="MTVAL")
    def mtval(self) -> int:
        """Value that goes with the last exception."""
        return self._register("MTVAL")

    @mtval.setter
    def mtval(self, value: int) -> None:
        self._control.write_register("MTVAL", value)

    @property
    @exposed(REGISTER, name="MISA")
    def misa(self) -> int:
        """The instructions that the core has."""
        return self._register("MISA")

    @property
    @exposed(REGISTER, name="MIP")
    def mip(self) -> int:
        """Interrupts that are pending."""
        return self._register("MIP")
