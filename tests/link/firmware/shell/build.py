"""Rebuild the images of shell.c: ``python build.py``, with pip's ziglang 0.13.0 installed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "foreign.ld"
SOURCES = ("shell.c", "build.py")
MANIFEST = HERE / "manifest.json"
IMAGES = {"nrf5340": (), "nrf54l15": ("-DNRF54L15",)}
FLAGS = (
    "-target thumb-freestanding-eabi -mcpu=cortex_m33-dsp -std=c11 -O2 -g0 -ffreestanding -fno-builtin "
    "-fno-unroll-loops -Wall -Wextra -Werror -nostdlib "
    "-Wl,--gc-sections -Wl,--entry=Reset_Handler -Wl,-z,max-page-size=16"
)


def hashes() -> dict[str, str]:
    """Return the SHA-256 of every source."""
    return {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in SOURCES}


def build() -> None:
    """Write all images, for the application core of each SoC, and the hashes of what they were made from."""
    with tempfile.TemporaryDirectory() as cache:
        caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        script = Path(cache) / "app.ld"
        text = SCRIPT.read_text()
        script.write_text(text.replace("FLASH_ORIGIN", "0x0").replace("RAM_ORIGIN", "0x20000000"))
        for soc, defines in IMAGES.items():
            path = HERE / f"shell-{soc}.elf"
            command = [sys.executable, "-m", "ziglang", "cc", *FLAGS.split(), *defines, "shell.c"]
            command += [f"-Wl,-T,{script}", "-o", str(path)]
            subprocess.run(command, cwd=HERE, env=os.environ | caches, check=True)
            path.chmod(0o644)
    MANIFEST.write_text(json.dumps(hashes(), indent=2) + "\n")


if __name__ == "__main__":
    build()
