"""The memory that an image uses: its segments with what they clear, and Zephyr's heap behind them."""

from __future__ import annotations

import json
from struct import Struct
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.assets import stub
from icmsg.cli.main import main
from icmsg.config.instance import Region
from icmsg.machine.boot import linked_memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ARM, RISCV = 40, 243
_EHDR = Struct("<16sHHIIIIIHHHHHH")
_PHDR = Struct("<IIIIIIII")
_SHDR = Struct("<IIIIIIIIII")
_SYM = Struct("<IIIBBH")

DTS = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>;
    compatible = "mine,board";
    chosen { zephyr,sram = &ram; };
    ram: memory@20000000 { reg = <0x20000000 0x28000>; };
    rx: memory@20018000 { reg = <0x20018000 0x800>; };
    tx: memory@20020000 { reg = <0x20020000 0x800>; };
    mbox: mbox { #mbox-cells = <1>; };
    ipc0: ipc0 {
        compatible = "zephyr,ipc-icmsg"; tx-region = <&tx>; rx-region = <&rx>;
        mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx";
    };
};
"""


def write_elf(
    path: Path,
    segments: Sequence[tuple[int, int, int]],
    symbols: Mapping[str, int] | None = None,
    machine: int = ARM,
) -> Path:
    """Write a 32-bit ELF file with segments (address, bytes in the file, bytes in memory) and symbols."""
    body = bytes(max(size for _, size, _ in segments))
    start = _EHDR.size + _PHDR.size * len(segments)
    headers = b"".join(
        _PHDR.pack(1, start, address, address, size, memory, 6, 4) for address, size, memory in segments
    )
    names, table = b"\0", _SYM.pack(0, 0, 0, 0, 0, 0)
    for name, value in (symbols or {}).items():
        table += _SYM.pack(len(names), value, 0, 1, 0, 1)
        names += name.encode() + b"\0"
    at = start + len(body)
    sections = _SHDR.pack(*[0] * 10)
    sections += _SHDR.pack(0, 2, 0, 0, at, len(table), 2, 1, 4, _SYM.size)
    sections += _SHDR.pack(0, 3, 0, 0, at + len(table), len(names), 0, 0, 1, 0)
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    header = _EHDR.pack(
        ident, 2, machine, 1, 0, _EHDR.size, at + len(table) + len(names), 0,
        _EHDR.size, _PHDR.size, len(segments), _SHDR.size, 3, 2,
    )  # fmt: skip
    path.write_bytes(header + headers + body + table + names + sections)
    return path


def build(folder: Path, image: str = "") -> Path:
    zephyr = folder / "zephyr"
    zephyr.mkdir(parents=True)
    (zephyr / "zephyr.dts").write_text(DTS, encoding="utf-8")
    if image:
        (zephyr / "zephyr.elf").write_bytes(image.encode())
    return zephyr / "zephyr.elf"


def check(capsys: pytest.CaptureFixture[str], folder: Path) -> list[dict[str, Any]]:
    capsys.readouterr()
    main(["check", str(folder), "--release", "4.1", "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    return [finding for finding in found if finding["severity"] != "note"]


@pytest.mark.parametrize("machine", [ARM, RISCV], ids=["Arm", "RISC-V"])
def test_what_is_cleared_counts_as_what_is_loaded(tmp_path: Path, machine: int) -> None:
    path = write_elf(tmp_path / "a.elf", [(0x2000_0000, 8, 0x100), (0x2000_0100, 0, 0x40)], machine=machine)
    found = linked_memory(path)
    assert found is not None
    assert found.regions == (Region(0x2000_0000, 0x100), Region(0x2000_0100, 0x40))
    assert found.heap is None


def test_a_stub_uses_what_its_linker_script_says() -> None:
    found = linked_memory(stub("echo", "app"))
    assert found is not None
    assert any(0x2000_0000 <= region.address < 0x2008_0000 for region in found.regions)


@pytest.mark.parametrize("content", ["", "no ELF", ":00000001FF\n", "\x7fELF"])
def test_a_file_that_is_none_tells_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.elf"
    path.write_text(content, encoding="latin-1")
    assert linked_memory(path) is None
    assert linked_memory(tmp_path / "missing.elf") is None


def test_without_an_elf_file_chosen_ram_is_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for content in ("", "no ELF"):
        build(tmp_path / f"b{content}", content)
        found = check(capsys, tmp_path / f"b{content}")
        assert [(each["severity"], each["code"]) for each in found] == [("warning", "region-in-sram")] * 2


def test_an_image_that_ends_before_the_region_leaves_it_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_elf(build(tmp_path), [(0x2000_0000, 4, 0x1_8000)])
    assert check(capsys, tmp_path) == []


def test_the_image_beside_a_builds_devicetree_counts_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_elf(build(tmp_path), [(0x2000_0000, 4, 0x1_8000)])
    assert check(capsys, tmp_path / "zephyr" / "zephyr.dts") == []


def test_an_image_that_reaches_into_a_region_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_elf(build(tmp_path), [(0x2000_0000, 4, 0x1_8001)])
    (found,) = check(capsys, tmp_path)
    assert (found["severity"], found["code"]) == ("error", "region-in-image")
    assert "rx-region /memory@20018000 0x20018000…0x200187FF is used by the image" in found["message"]
    assert "which has 0x20000000…0x20018000" in found["message"]
    assert "end zephyr,sram at 0x20018000, or move the region out of it" in found["message"]


@pytest.mark.parametrize(
    ("symbols", "warned"),
    [
        ({"_end": 0x2000_4000, "z_malloc_heap": 0x2000_3F00}, 2),
        ({"_end": 0x2001_9000, "z_malloc_heap": 0x2000_3F00}, 1),
        ({"_end": 0x2000_4000, "z_malloc_heap": 0x2000_3F00, "malloc_arena": 0x2000_3000}, 0),
        ({"_end": 0x2000_4000}, 0),
    ],
    ids=["all RAM", "between the regions", "an arena of its own", "no malloc"],
)
def test_zephyrs_heap_takes_the_rest_of_the_ram(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, symbols: dict[str, int], warned: int
) -> None:
    write_elf(build(tmp_path), [(0x2000_0000, 4, 0x4000)], symbols)
    found = check(capsys, tmp_path)
    assert [(each["severity"], each["code"]) for each in found] == [("warning", "region-in-heap")] * warned
    assert all("CONFIG_COMMON_LIBC_MALLOC_ARENA_SIZE" in each["message"] for each in found)
