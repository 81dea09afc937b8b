"""ELF files for a VPR: what they were built for, what the engine refuses, and that none gets onto the other core."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import pytest
from riscv import BASE, assemble
from thumb import firmware as thumb_firmware

from icmsg.errors import CoreFault, FirmwareError
from icmsg.machine.image import RISCV, FirmwareImage

_EHDR: Final = Struct("<16s2H5I6H")
_PHDR: Final = Struct("<8I")
_SHDR: Final = Struct("<10I")
_RVC, _RVE, _FLOAT = 1, 8, 2
_NAMES: Final = b"\0.riscv.attributes\0.shstrtab\0"
EMC: Final = "rv32e1p9_m2p0_c2p0_zicsr2p0_zmmul1p0"

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_rig import VprRig


def attributes(architecture: str) -> bytes:
    """A .riscv.attributes section as binutils writes it."""
    value = bytes([5]) + architecture.encode() + b"\0"
    file = bytes([1]) + (5 + len(value)).to_bytes(4, "little") + value
    vendor = b"riscv\0" + file
    return b"A" + (4 + len(vendor)).to_bytes(4, "little") + vendor


def elf(
    path: Path,
    code: bytes,
    *,
    architecture: str | None = EMC,
    flags: int = _RVC | _RVE,
    stored: int = BASE,
    entry: int = BASE,
) -> Path:
    """Write an ELF file of ``code`` that runs at BASE and is stored at ``stored``."""
    section = b"" if architecture is None else attributes(architecture)
    program = _EHDR.size + _PHDR.size
    places = program + len(code), program + len(code) + len(section)
    headers = [
        _SHDR.pack(*[0] * 10),
        _SHDR.pack(1, 0x7000_0003 if section else 1, 0, 0, places[0], len(section), 0, 0, 1, 0),
        _SHDR.pack(19, 3, 0, 0, places[1], len(_NAMES), 0, 0, 1, 0),
    ]
    ident = b"\x7fELF\1\1\1".ljust(16, b"\0")
    start = places[1] + len(_NAMES)
    header = _EHDR.pack(
        ident, 2, 243, 1, entry, _EHDR.size, start, flags, _EHDR.size, _PHDR.size, 1, _SHDR.size, 3, 2
    )
    load = _PHDR.pack(1, program, BASE, stored, len(code), len(code), 5, 4)
    path.write_bytes(header + load + code + section + _NAMES + b"".join(headers))
    return path


CODE: Final = assemble("nop; start: addi a0, zero, 7; stop: j stop")[0]


@pytest.mark.parametrize(
    "architecture",
    [EMC, "rv32e1p9_m2p0_c2p0", "rv32e2p0_m2p0_a2p1_c2p0_zca1p0_zaamo1p0_zalrsc1p0", "rv32emc", None],
)
def test_an_image_begins_at_its_entry_point(vpr: VprRig, tmp_path: Path, architecture: str | None) -> None:
    image = vpr.core.load(elf(tmp_path / "flpr.elf", CODE, architecture=architecture, entry=BASE + 4))
    assert (image.architecture, image.entry, image.vector_table) == (RISCV, BASE + 4, BASE + 4)
    vpr.core.start()
    vpr.run(20)
    assert vpr.core.registers["A0"] == 7


def test_an_image_that_is_stored_elsewhere_is_copied_where_it_runs(vpr: VprRig, tmp_path: Path) -> None:
    vpr.core.load(elf(tmp_path / "flpr.elf", CODE, stored=0x1_0000, entry=BASE + 4))
    assert vpr.core.bus.read_block(0x1_0000, len(CODE)) == CODE
    assert vpr.word(BASE) == 0


@pytest.mark.parametrize(
    ("architecture", "flags", "said"),
    [
        (
            "rv32e1p9_m2p0_c2p0_zba1p0_zbb1p0",
            _RVC | _RVE,
            "uses Zba, Zbb, instructions that the embedded engine does not execute (it runs RV32E M C and Zicsr): "
            "build it with CONFIG_RISCV_ISA_EXT_ZBA=n, CONFIG_RISCV_ISA_EXT_ZBB=n, or -march=rv32emc_zicsr "
            "-mabi=ilp32e",
        ),
        ("rv32e1p9_m2p0_c2p0_zcb1p0", _RVC | _RVE, "uses Zcb, "),
        ("rv32e1p9_m2p0_c2p0_zbc1p0_zbs1p0", _RVC | _RVE, "uses Zbc, Zbs, "),
        ("rv32e1p9_m2p0_f2p2_c2p0", _RVC | _RVE, "CONFIG_RISCV_ISA_EXT_F=n"),
        ("rv32i2p1_m2p0_c2p0", _RVC, "built for RV32I, with 32 registers; the VPR has the 16 of RV32E"),
        (None, _RVC, "build it with CONFIG_RISCV_ISA_RV32E=y, or -march=rv32emc_zicsr -mabi=ilp32e"),
        (EMC, _RVC | _RVE | _FLOAT, "passes arguments in floating-point registers"),
    ],
)
def test_what_the_engine_cannot_run_is_refused_with_the_fix(
    vpr: VprRig, tmp_path: Path, architecture: str | None, flags: int, said: str
) -> None:
    path = elf(tmp_path / "flpr.elf", CODE, architecture=architecture, flags=flags)
    with pytest.raises(FirmwareError) as caught:
        vpr.core.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_damaged_file_is_refused_as_such(tmp_path: Path) -> None:
    path = elf(tmp_path / "flpr.elf", CODE)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FirmwareError, match="a damaged ELF file; build or copy it again"):
        FirmwareImage.load(path)


def test_each_core_refuses_the_other_ones_images(vpr: VprRig, tmp_path: Path) -> None:
    path = elf(tmp_path / "flpr.elf", CODE)
    with pytest.raises(FirmwareError) as caught:
        vpr.machine.core("app").load(path)
    assert str(caught.value) == (
        f"{path}: built for a RISC-V core, and core app is an Arm one: load it on that one (--flpr)"
    )
    with pytest.raises(FirmwareError) as caught:
        vpr.core.load(thumb_firmware("reset: b reset"))
    assert str(caught.value) == (
        "test.elf: built for an Arm core, and core flpr is a RISC-V one: load it on that one (--app)"
    )


def test_a_hex_file_does_not_say_where_it_runs(vpr: VprRig, tmp_path: Path) -> None:
    path = tmp_path / "flpr.hex"
    path.write_text(":020000042002D8\n:048000001300000069\n:00000001FF\n")
    with pytest.raises(FirmwareError, match=r"core flpr needs the \.elf"):
        vpr.core.load(path)


def test_a_core_does_not_begin_where_no_code_can_be(vpr: VprRig, tmp_path: Path) -> None:
    vpr.core.load(elf(tmp_path / "flpr.elf", CODE, entry=0x9000_0000))
    with pytest.raises(CoreFault, match="would begin at 0x90000000, where no code can be"):
        vpr.core.start()
