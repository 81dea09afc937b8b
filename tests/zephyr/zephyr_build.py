"""Build folders as ``west build`` leaves them, with images that print something and then sleep."""

from __future__ import annotations

from pathlib import Path

from config_files import text
from firmware_files import elf
from thumb import RAM, firmware

ROOT = Path(__file__).resolve().parents[2]
PASSED = "PROJECT EXECUTION SUCCESSFUL"
FAILED = "PROJECT EXECUTION FAILED"
_UARTE = {"app": 0x5000_8000, "net": 0x4101_3000}
_FORCEOFF = 0x5000_5614
_PRINT = """
reset:
 ldr r0, =0x{uarte:08X}
 movs r1, #8
 str r1, [r0, #0x500]
 ldr r1, =0x{text:08X}
 str r1, [r0, #0x544]
 movw r1, #{length}
 str r1, [r0, #0x548]
 movs r1, #1
 str r1, [r0, #8]
 {then}
sleep:
 wfi
 b sleep
"""
_RELEASE = f"ldr r0, =0x{_FORCEOFF:08X}; movs r1, #0; str r1, [r0]"


def printing(path: Path, core: str, *lines: str, release: bool = False) -> Path:
    """Write an image for ``core`` that prints ``lines``; ``release``: and lets the network core run."""
    printed = "".join(f"{line}\r\n" for line in lines).encode()
    source = _PRINT.format(
        uarte=_UARTE[core], text=RAM[core], length=len(printed), then=_RELEASE if release else "nop"
    )
    image = firmware(source, core=core)
    segment = image.segments[0]
    return elf(path, [(segment.load_address, segment.data), (RAM[core], printed)], entry=image.entry)


def image_folder(folder: Path, core: str, *, icmsg: bool = True) -> Path:
    """Make the folder of an image for ``core``; return where its zephyr.elf belongs."""
    zephyr = folder / "zephyr"
    zephyr.mkdir(parents=True)
    (zephyr / "zephyr.dts").write_text(text("zephyr", core), encoding="utf-8")
    options = [f'BOARD_QUALIFIERS="nrf5340/cpu{core}"', f"SOC_NRF5340_CPU{core.upper()}=y"]
    options += ["IPC_SERVICE_BACKEND_ICMSG=y"] * icmsg
    (zephyr / ".config").write_text("".join(f"CONFIG_{option}\n" for option in options), encoding="utf-8")
    return zephyr / "zephyr.elf"


def sysbuild(folder: Path, default: str, **cores: str) -> Path:
    """Make a folder of sysbuild with one image for each of ``cores``, none of which has its zephyr.elf yet."""
    for name, core in cores.items():
        image_folder(folder / name, core)
    domains = "".join(f"  - name: {name}\n    build_dir: {folder / name}\n" for name in cores)
    (folder / "domains.yaml").write_text(
        f"default: {default}\nbuild_dir: {folder}\ndomains:\n{domains}", encoding="utf-8"
    )
    return folder
