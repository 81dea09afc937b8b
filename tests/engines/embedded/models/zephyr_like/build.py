"""Builds app.elf and net.elf: ``python build.py [DIRECTORY]``, with ziglang==0.13.0 (pip install ziglang==0.13.0)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = (
    *("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m33-dsp", "-std=c11", "-O2", "-g0"),
    *("-ffreestanding", "-fno-builtin", "-fno-lto", "-Wall", "-Wextra", "-Werror"),
    *("-nostdlib", "-Wl,--entry=Reset_Handler", "-Wl,-z,max-page-size=16"),
)


def build(directory: Path) -> list[Path]:
    """Build both images into ``directory`` and return their paths."""
    cache = str(directory / "cache")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    images = []
    for core in ("app", "net"):
        image = directory / f"{core}.elf"
        sources = ("startup.c", "drivers.c", f"{core}.c")
        define = ("-DCORE_NET",) if core == "net" else ()
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *define, "-T", f"{core}.ld", "-L."]
        command += [*sources, "-o", str(image)]
        subprocess.run(command, check=True, cwd=HERE, env=environment)
        images.append(image)
    return images


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else HERE)
