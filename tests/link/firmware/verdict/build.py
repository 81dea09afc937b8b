"""Rebuild the images of verdict.c: ``python build.py``, with arm-none-eabi-gcc installed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("verdict.c", "build.py")
MANIFEST = HERE / "manifest.json"
CORES = {"app": (0x0000_0000, 0x2000_0000, ()), "net": (0x0100_0000, 0x2100_0000, ("-DCORE_NET",))}
FLAGS = (
    "-std=gnu11 -Os -g0 -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns -mcpu=cortex-m33+nodsp -mthumb "
    "-mfloat-abi=soft -Wall -Wno-override-init -nostdlib -Wl,--build-id=none -Wl,--no-warn-rwx-segments "
    "-Wl,-z,max-page-size=16"
)
SCRIPT = """
MEMORY {{ FLASH (rx): ORIGIN = {flash}, LENGTH = 256K  RAM (rwx): ORIGIN = {ram}, LENGTH = 64K }}
ENTRY(Reset_Handler)
SECTIONS {{
  .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) }} > FLASH
  .bss (NOLOAD) : {{ ld_bss_start = .; *(.bss*) *(COMMON) . = ALIGN(4); ld_bss_end = .; }} > RAM
  ld_stack_top = ORIGIN(RAM) + LENGTH(RAM);
}}
"""


def hashes() -> dict[str, str]:
    """Return the SHA-256 of every source."""
    return {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in SOURCES}


def build() -> None:
    """Write both images and the hashes of what they were made from."""
    with tempfile.TemporaryDirectory() as folder:
        for core, (flash, ram, defines) in CORES.items():
            script = Path(folder) / f"{core}.ld"
            script.write_text(SCRIPT.format(flash=hex(flash), ram=hex(ram)))
            command = ["arm-none-eabi-gcc", *FLAGS.split(), *defines, "verdict.c", f"-Wl,-T,{script}"]
            subprocess.run([*command, "-o", f"verdict-{core}.elf"], cwd=HERE, check=True)
            (HERE / f"verdict-{core}.elf").chmod(0o644)
    MANIFEST.write_text(json.dumps(hashes(), indent=2) + "\n")


if __name__ == "__main__":
    build()
