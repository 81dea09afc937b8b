"""Core registers as GDB numbers and describes them, for each architecture (GDB manual, Standard Target Features)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RegisterSet:
    """Registers of one architecture; ``engine_names`` are the engine's, by GDB's number in :attr:`xml`.

    A name of None is a register that always reads zero.
    """

    xml: bytes
    engine_names: tuple[str | None, ...]
    pc: int
    """The number of the program counter."""

    def pack(self, values: Mapping[str, int]) -> str:
        """Return all registers as ``g`` answers them."""
        return "".join(_hex(values.get(name or "", 0)) for name in self.engine_names)

    def one(self, number: int, values: Mapping[str, int]) -> str:
        """Return one register as ``p`` answers it; IndexError if there is none of that number."""
        return _hex(values.get(self.engine_names[number] or "", 0))

    def unpack(self, text: str) -> dict[str, int]:
        """Return the registers that ``G`` has sent by the engine's names; ValueError where it sent something else."""
        if len(text) != 8 * len(self.engine_names):
            raise ValueError(text)
        values = (value_of(text[at : at + 8]) for at in range(0, len(text), 8))
        return {
            name: value for name, value in zip(self.engine_names, values, strict=True) if name is not None
        }


def _hex(value: int) -> str:
    return (value & 0xFFFF_FFFF).to_bytes(4, "little").hex()


def value_of(text: str) -> int:
    """Return the value of a register in hexadecimal, in the order of the target; ValueError if it is none."""
    data = bytes.fromhex(text)
    if len(data) != 4:
        raise ValueError(text)
    return int.from_bytes(data, "little")


def _describe(architecture: str, features: Mapping[str, tuple[tuple[str, str], ...]]) -> bytes:
    parts = []
    for feature, registers in features.items():
        lines = "".join(f'<reg name="{name}" bitsize="32" type="{kind}"/>' for name, kind in registers)
        parts.append(f'<feature name="{feature}">{lines}</feature>')
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        f"<target><architecture>{architecture}</architecture><osabi>none</osabi>{''.join(parts)}</target>"
    ).encode()


_THUMB: Final = (
    *((f"r{number}", "uint32") for number in range(13)),
    ("sp", "data_ptr"),
    ("lr", "int"),
    ("pc", "code_ptr"),
    ("xpsr", "int"),
)
_THUMB_SYSTEM: Final = (("msp", "data_ptr"), ("psp", "data_ptr"))
_THUMB_MASKS: Final = tuple((name, "int") for name in ("primask", "basepri", "faultmask", "control"))
_RISCV_ABI: Final = (
    "zero",
    "ra",
    "sp",
    "gp",
    "tp",
    "t0",
    "t1",
    "t2",
    "fp",
    "s1",
    "a0",
    "a1",
    "a2",
    "a3",
    "a4",
    "a5",
)
_RISCV_KINDS: Final = {
    "ra": "code_ptr",
    "sp": "data_ptr",
    "gp": "data_ptr",
    "tp": "data_ptr",
    "fp": "data_ptr",
}
_RISCV_CSRS: Final = ("mstatus", "mepc", "mcause", "mtval")

REGISTERS: Final[Mapping[str, RegisterSet]] = {
    CORTEX_M: RegisterSet(
        _describe(
            "arm",
            {
                "org.gnu.gdb.arm.m-profile": _THUMB,
                "org.gnu.gdb.arm.m-system": _THUMB_SYSTEM,
                "icmsg.arm.m-masks": _THUMB_MASKS,
            },
        ),
        tuple(name.upper() for name, _ in (*_THUMB, *_THUMB_SYSTEM, *_THUMB_MASKS)),
        pc=15,
    ),
    VPR: RegisterSet(
        _describe(
            "riscv:rv32",
            {
                "org.gnu.gdb.riscv.cpu": (
                    *((name, _RISCV_KINDS.get(name, "int")) for name in _RISCV_ABI),
                    ("pc", "code_ptr"),
                ),
                "org.gnu.gdb.riscv.csr": tuple((name, "int") for name in _RISCV_CSRS),
            },
        ),
        (None, *(("S0" if name == "fp" else name.upper()) for name in (*_RISCV_ABI[1:], "pc", *_RISCV_CSRS))),
        pc=16,
    ),
}
"""Register sets by the type of the core in a platform file."""
