"""Builds the images of this folder from their sources: `python build_harts.py`.

Needs riscv64-unknown-elf-gcc 12.2 (Debian's gcc-riscv64-unknown-elf).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
COMPILER: Final = (
    *("riscv64-unknown-elf-gcc", "-Os", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror"),
    *("-Wl,--build-id=none", "-Wl,-T,hart.ld", "-Wl,--no-warn-rwx-segments", "-mcmodel=medany"),
    "-ffile-prefix-map=.=",
)


class Image(NamedTuple):
    """An image: its source, its base address, what it is built for, and its console (a macro of ``hart.h``)."""

    source: str
    ram: int = 0x8000_0000
    march: str = "rv32imac_zicsr"
    mabi: str = "ilp32"
    console: str = "UART_NS16550"


IMAGES: Final = {
    "floats": Image("floats.c", march="rv32imafc_zicsr", mabi="ilp32f"),
    "harts": Image("harts.c"),
    "hello-litex": Image("hello.c", 0x4000_0000, "rv32im_zicsr", console="UART_LITEX"),
    "hello-miv": Image("hello.c", march="rv32im_zicsr", console="UART_MIV"),
    "hello-ns16550": Image("hello.c"),
    "hello-sifive": Image("hello.c", console="UART_SIFIVE"),
    "litextimer": Image("litextimer.c", 0x4000_0000, "rv32im_zicsr", console="UART_LITEX"),
    "plic": Image("plic.c"),
    "timer": Image("timer.c"),
    "traps": Image("traps.c"),
    "vectored": Image("vectored.c"),
    "vex": Image("vex.c", 0x4000_0000, "rv32im_zicsr", console="UART_LITEX"),
}


STUBS: Final = HERE.parents[3] / "firmware_stubs"
LINKED: Final = {
    name: (*program, "stats.c", "uarte.c", "params.c", "pbuf.c", "icmsg.c", "ipc_mbox.c", "link.c")
    for name, program in {"icmsg-echo": ("echo.c",), "icmsg-initiator": ("initiator.c", "payload.c")}.items()
}
"""Firmware stubs for a hart: their sources in ``firmware_stubs/src``."""
NAMES: Final = (*IMAGES, *LINKED)


def build(name: str, target: Path) -> None:
    """Build one image into ``target``."""
    subprocess.run([*_command(name), "-o", str(target)], cwd=HERE, check=True)


def _command(name: str) -> list[str]:
    if name in LINKED:
        return [
            *(
                "riscv64-unknown-elf-gcc",
                "-march=rv32imac_zicsr",
                "-mabi=ilp32",
                "-std=gnu11",
                "-Os",
                "-ffreestanding",
            ),
            *(
                "-fno-builtin",
                "-nostdlib",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fno-tree-loop-distribute-patterns",
            ),
            *(
                "-ffunction-sections",
                "-fdata-sections",
                '-DSOC_HEADER="icmsg_hart.h"',
                "-I.",
                f"-I{STUBS / 'src'}",
            ),
            *(
                "-Wl,--gc-sections",
                "-Wl,--build-id=none",
                "-Wl,--no-warn-rwx-segments",
                "-Wl,-z,max-page-size=16",
            ),
            *(f"-L{STUBS}", "-Wl,-T,icmsg_hart.ld", "icmsg_hart.c"),
            *(str(STUBS / "src" / source) for source in LINKED[name]),
            "-lgcc",
        ]
    image = IMAGES[name]
    return [
        *COMPILER,
        f"-march={image.march}",
        f"-mabi={image.mabi}",
        f"-D{image.console}",
        f"-Wl,--defsym=RAM={image.ram:#x}",
        *("start.S", image.source),
    ]


if __name__ == "__main__":
    for name in NAMES:
        build(name, HERE / f"{name}.elf")
        (HERE / f"{name}.elf").chmod(0o644)
