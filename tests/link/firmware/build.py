"""Rebuild the images of foreign.c and planted.c: ``python build.py``, with pip's ziglang 0.13.0 installed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("foreign.c", "planted.c", "foreign.ld", "build.py")
MANIFEST = HERE / "manifest.json"
CORES = {"app": (0x0000_0000, 0x2000_0000, ()), "net": (0x0100_0000, 0x2100_0000, ("-DCORE_NET",))}
IMAGES = (("foreign", "app"), ("foreign", "net"), ("planted", "net"))
FLAGS = (
    "-target thumb-freestanding-eabi -mcpu=cortex_m33-dsp -std=c11 -O2 -g0 -ffreestanding -fno-builtin "
    "-fno-unroll-loops -Wall -Wextra -Werror -Wno-parentheses -nostdlib "
    "-Wl,--gc-sections -Wl,--entry=Reset_Handler -Wl,-z,max-page-size=16"
)


def hashes() -> dict[str, str]:
    """Return the SHA-256 of every source."""
    return {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in SOURCES}


def build() -> None:
    """Write all images and the hashes of what they were made from."""
    with tempfile.TemporaryDirectory() as cache:
        caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        for name, core in IMAGES:
            flash, ram, defines = CORES[core]
            script = Path(cache) / f"{core}.ld"
            text = (HERE / "foreign.ld").read_text()
            script.write_text(text.replace("FLASH_ORIGIN", hex(flash)).replace("RAM_ORIGIN", hex(ram)))
            command = [sys.executable, "-m", "ziglang", "cc", *FLAGS.split(), *defines, f"{name}.c"]
            command += [f"-Wl,-T,{script}", "-o", f"{name}-{core}.elf"]
            subprocess.run(command, cwd=HERE, env=os.environ | caches, check=True)
            (HERE / f"{name}-{core}.elf").chmod(0o644)
    MANIFEST.write_text(json.dumps(hashes(), indent=2) + "\n")


if __name__ == "__main__":
    build()
