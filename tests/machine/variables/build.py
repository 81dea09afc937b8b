"""Rebuild the images of variables.c: ``python build.py``.

Needs arm-none-eabi-gcc 12.2 (Debian's gcc-arm-none-eabi), and clang 18 in ziglang 0.13.0.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ["start.c", "variables.c", "other.c"]
COMMON = (
    "-std=gnu11 -ffreestanding -fno-builtin -fno-lto -Wall -Wno-unused-variable -ffunction-sections -fdata-sections "
    "-nostdlib -Wl,--gc-sections -Wl,-z,max-page-size=16 -Wl,--entry={entry} -Wl,-T,{script} "
    "-ffile-prefix-map={here}=/home/user/variables"
)
GCC = (
    "arm-none-eabi-gcc -mcpu=cortex-m33 -mthumb -mfloat-abi=soft -fno-tree-loop-distribute-patterns "
    "-Wl,--build-id=none -Wl,--no-warn-rwx-segments"
)
ARM = "-target thumb-freestanding-eabi -mcpu=cortex_m33-dsp"
VPR = "-target riscv32-freestanding -mcpu=generic_rv32+e+m+c -mabi=ilp32e"
PLACES = {"arm": (0, 0x2000_0000, "start"), "vpr": (0x2002_8000, 0x2002_C000, "reset")}
VARIANTS = {
    "gcc-dwarf2-O0": (GCC, "-O0 -gdwarf-2 -gstrict-dwarf", "arm"),
    "gcc-dwarf3-O2": (GCC, "-O2 -gdwarf-3 -gstrict-dwarf", "arm"),
    "gcc-dwarf4-types": (GCC, "-O2 -gdwarf-4 -fdebug-types-section", "arm"),
    "gcc-dwarf5-compressed": (GCC, "-Os -gdwarf-5 -gz", "arm"),
    "gcc-plain": (GCC, "-O2 -g0", "arm"),
    "clang-dwarf4-O0": (ARM, "-O0 -gdwarf-4", "arm"),
    "clang-dwarf5-O2": (ARM, "-O2 -gdwarf-5", "arm"),
    "clang-dwarf5-vpr": (VPR, "-O1 -gdwarf-5", "vpr"),
    "stripped": (GCC, "-O2 -g0 -s", "arm"),
}


def build() -> None:
    """Write an image for each variant."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (compiler, options, core) in VARIANTS.items():
            flash, ram, entry = PLACES[core]
            script = Path(folder) / "variables.ld"
            text = (HERE / "variables.ld").read_text()
            script.write_text(text.replace("= flash", f"= {flash:#x}").replace("= ram", f"= {ram:#x}"))
            command = compiler if compiler.startswith("arm") else f"{sys.executable} -m ziglang cc {compiler}"
            flags = COMMON.format(here=HERE, script=script, entry=entry).split()
            subprocess.run(
                [*command.split(), *flags, *options.split(), *SOURCES, "-o", f"{name}.elf"],
                cwd=HERE,
                check=True,
                env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder},
            )
            (HERE / f"{name}.elf").chmod(0o644)


if __name__ == "__main__":
    build()
