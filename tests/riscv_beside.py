"""The shipped platform with a RISC-V core beside the two Arm cores, and a program for it: only Renode runs its type."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from icmsg.assets import platform_file

if TYPE_CHECKING:
    from pathlib import Path

ROM: Final = 0x8000_0000
"""The memory that only the RISC-V core reaches."""
CODE: Final = struct.pack("<5I", 0x200802B7, 0x00000313, 0x00130313, 0xFE62AE23, 0xFF9FF06F)
"""Counts in the word before 0x20080000: lui t0, 0x20080; li t1, 0; loop: addi t1, t1, 1; sw t1, -4(t0); j loop."""
COUNT: Final = 0x2007_FFFC
RISCV: Final = """
cpurv: CPU.RiscV32 @ sysbus
    cpuType: "rv32imacv"
    timeProvider: clint
    hartId: 0

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x70000000
    frequency: 1000000
    [0, 1] -> cpurv@[3, 7]

ramrv: Memory.MappedMemory @ {
        sysbus new Bus.BusPointRegistration { address: 0x80000000; cpu: cpurv }
    }
    size: 0x10000
"""
BEHIND, BEFORE = "behind", "before"
"""Where the core stands in the file, which gives the cores their numbers."""


def write_platform(folder: Path, where: str = BEHIND) -> Path:
    """Write the platform file into ``folder``."""
    shipped = platform_file("nrf5340").read_text(encoding="utf-8")
    path = folder / "riscv-beside.repl"
    path.write_text(RISCV + shipped if where == BEFORE else shipped + RISCV, encoding="utf-8")
    return path
