"""Rebuild the images of places.c: ``python build.py``, with arm-none-eabi-gcc 12.2 (Debian's gcc-arm-none-eabi)."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = (
    "-std=gnu11 -ffreestanding -fno-builtin -mcpu=cortex-m33 -mthumb -mfloat-abi=softfp -mfpu=fpv5-sp-d16 -Wall "
    "-fno-tree-loop-distribute-patterns -nostdlib -T places.ld -ffile-prefix-map={here}=/home/user/places "
    "-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-z,max-page-size=16 -lgcc"
)
VARIANTS = {
    "dwarf5-Os": "-Os -gdwarf-5",
    "dwarf4-O2": "-O2 -gdwarf-4",
    "dwarf5-O0": "-O0 -gdwarf-5",
    "plain-Os": "-Os -g0",
    "plain-O2": "-O2 -g0",
    "plain-O0": "-O0 -g0",
    "stripped": "-Os -g0 -s",
}


def build() -> None:
    """Write an image for each variant."""
    for name, options in VARIANTS.items():
        flags = FLAGS.format(here=HERE).split()
        command = ["arm-none-eabi-gcc", *options.split(), *flags, "places.c", "-o", f"{name}.elf"]
        subprocess.run(command, cwd=HERE, check=True)
        (HERE / f"{name}.elf").chmod(0o644)


if __name__ == "__main__":
    build()
