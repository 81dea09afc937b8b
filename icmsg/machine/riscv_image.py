"""Checks of an ELF file for the VPR, Nordic's RISC-V core: what it was built for, and what is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import FirmwareError

if TYPE_CHECKING:
    from pathlib import Path

    from elftools.elf.elffile import ELFFile

_RVE: Final = 0x8
_FLOAT_ABI: Final = 0x6
"""Bits of e_flags (RISC-V ELF psABI, "File Header")."""
_SECTION: Final = ".riscv.attributes"
_ARCHITECTURE: Final = re.compile(rb"\x05(rv\d+[a-z0-9_]*)\0")
"""Tag_RISCV_arch (RISC-V ELF psABI, "Attributes"): its number, and a text that a zero ends."""
_KNOWN: Final = frozenset(["e", "m", "a", "c", "zicsr", "zifencei", "zmmul", "zca", "zaamo", "zalrsc"])
_EXTENSION: Final = re.compile(r"([zsx][a-z]+?(?=\d|_|$)|[a-z])(?:\d+p\d+)?_?")
_BASE: Final = re.compile(r"rv(\d+)([a-z])(?:\d+p\d+)?_?")
_MARCH: Final = "-march=rv32emc_zicsr -mabi=ilp32e"


def check_riscv(path: Path, elf: ELFFile) -> None:
    """Check that the engine can run what the file was built for.

    Raises:
        FirmwareError: it uses the registers x16 to x31, or an extension that the engine does not have.
    """
    base, extensions = _built_for(elf)
    if base == "i" or not elf["e_flags"] & _RVE:
        raise FirmwareError(
            f"{path}: built for RV32I, with 32 registers; the VPR has the 16 of RV32E: build it with "
            f"CONFIG_RISCV_ISA_RV32E=y, or {_MARCH}"
        )
    if elf["e_flags"] & _FLOAT_ABI:
        raise FirmwareError(
            f"{path}: passes arguments in floating-point registers, which the VPR does not have: build it with "
            f"CONFIG_FPU=n, or {_MARCH}"
        )
    foreign = [name for name in extensions if name not in _KNOWN]
    if foreign:
        kconfig = ", ".join(f"CONFIG_RISCV_ISA_EXT_{name.upper()}=n" for name in foreign)
        raise FirmwareError(
            f"{path}: uses {', '.join(map(str.capitalize, foreign))}, instructions that the embedded engine does not "
            f"execute (it runs RV32E M C and Zicsr): build it with {kconfig}, or {_MARCH}"
        )


def _built_for(elf: ELFFile) -> tuple[str, list[str]]:
    """Return the base instruction set, and the extensions, that the file's attributes name; empty where none do."""
    section = elf.get_section_by_name(_SECTION)
    # Not by pyelftools: it loses its way where a number lies before the text, as in files of the GNU assembler.
    found = None if section is None else _ARCHITECTURE.search(section.data())
    text = "" if found is None else found[1].decode("ascii")
    base = _BASE.match(text)
    if base is None:
        return "", []
    return base[2], _EXTENSION.findall(text, base.end())
