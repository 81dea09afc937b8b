"""Rebuild the stub ``echo`` with debug information: ``python build.py``, with ziglang 0.13.0.

It says where code comes from; what it does is what ``firmware_stubs/prebuilt`` does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STUBS = HERE.parents[2] / "firmware_stubs"
FLAGS = (
    "-std=c11 -O1 -gdwarf-{dwarf} -ffreestanding -fno-builtin -fno-unroll-loops -ffunction-sections -fdata-sections "
    f"-fno-lto -ffile-prefix-map={STUBS}=/home/user/firmware_stubs"
)
IMAGES = {"echo-net.elf": 4, "nrf54l15/echo-flpr.elf": 5}


def build() -> None:
    """Write the images."""
    with tempfile.TemporaryDirectory() as folder:
        for image, dwarf in IMAGES.items():
            made = Path(folder) / image
            subprocess.run(
                [
                    "make",
                    "-C",
                    STUBS,
                    f"PYTHON={sys.executable}",
                    "CC_KIND=zig",
                    f"OUT={folder}",
                    f"FLAGS={FLAGS.format(dwarf=dwarf)}",
                    str(made),
                ],
                check=True,
            )
            shutil.copyfile(made, HERE / made.name)


if __name__ == "__main__":
    build()
