"""Intel HEX images: of one core, merged, with the symbols of the ELF file beside them, and damaged."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.assets import stub
from icmsg.config.nrf5340 import core_of_address
from icmsg.errors import FirmwareError
from icmsg.machine.image import FirmwareImage
from icmsg.machine.image_formats import read_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

END = ":00000001FF\n"


def record(kind: int, offset: int, data: bytes) -> str:
    body = bytes([len(data), offset >> 8, offset & 0xFF, kind]) + data
    return f":{(body + bytes([-sum(body) & 0xFF])).hex().upper()}\n"


def hex_text(parts: Iterable[tuple[int, bytes]]) -> str:
    lines = []
    for address, data in parts:
        for start in range(0, len(data), 16):
            place = address + start
            piece = data[start : start + min(16, 0x1_0000 - (place & 0xFFFF))]
            lines += [record(4, 0, (place >> 16).to_bytes(2, "big")), record(0, place & 0xFFFF, piece)]
            if len(piece) < min(16, len(data) - start):
                rest = data[start + len(piece) : start + 16]
                lines += [record(4, 0, ((place >> 16) + 1).to_bytes(2, "big")), record(0, 0, rest)]
    return "".join(lines) + END


def of_stub(name: str, core: str) -> list[tuple[int, bytes]]:
    image = FirmwareImage.load(stub(name, core))
    return [(segment.load_address, segment.data) for segment in image.segments]


@given(st.dictionaries(st.integers(0, 30), st.binary(min_size=1, max_size=0x1_0000 // 8), max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, parts: dict[int, bytes]) -> None:
    path = tmp_path_factory.mktemp("hex") / "a.hex"
    placed = [(number * 0x2_0000 + 0xFFF8, data) for number, data in parts.items()]
    path.write_text(hex_text(placed))
    assert read_hex(path) == sorted(placed)


def test_an_image_of_hex_runs_where_its_elf_does(tmp_path: Path) -> None:
    path = tmp_path / "net.hex"
    path.write_text(hex_text(of_stub("echo", "net")))
    image, elf = FirmwareImage.load(path), FirmwareImage.load(stub("echo", "net"))
    assert (image.vector_table, image.symbols) == (elf.vector_table, {})
    assert not image.is_elf_file
    assert elf.is_elf_file


def test_symbols_are_those_of_the_elf_beside_it_if_it_has_the_same_contents(tmp_path: Path) -> None:
    path, beside = tmp_path / "a.hex", tmp_path / "a.elf"
    path.write_text(hex_text(of_stub("echo", "net")))
    shutil.copy(stub("echo", "net"), beside)
    assert "main" in FirmwareImage.load(path).symbols
    shutil.copy(stub("initiator", "net"), beside)
    assert FirmwareImage.load(path).symbols == {}


def test_a_merged_image_has_a_part_for_each_core(tmp_path: Path) -> None:
    path = tmp_path / "merged.hex"
    path.write_text(hex_text([*of_stub("initiator", "app"), *of_stub("echo", "net")]))
    for core, name in (("app", "initiator"), ("net", "echo")):
        part = FirmwareImage.load(path).part_of(core, core_of_address)
        assert part.vector_table == FirmwareImage.load(stub(name, core)).vector_table
        assert {core_of_address(segment.load_address) for segment in part.segments} == {core}


def test_an_image_of_one_core_is_not_split() -> None:
    image = FirmwareImage.load(stub("echo", "net"))
    assert image.part_of("app", core_of_address) is image


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (":00000001FE\n", "a.hex:1: not a record"),
        (":0\n" + END, "a.hex:1: not a record"),
        (record(0, 0, b"1234"), "a.hex: ends without an end record"),
        (record(0, 0, b"1234") + record(0, 2, b"1234") + END, "a.hex: has two values for 0x00000002"),
        (record(9, 0, b"") + END, "a.hex:1: record type 9 does not exist"),
        (
            record(4, 0, b"\xff\xff") + record(0, 0xFFFE, b"1234") + END,
            "a.hex:2: 0xFFFFFFFE is no 32-bit address",
        ),
        (
            "".join(record(0, 2 * number, b"x") for number in range(2000)) + END,
            "a.hex: has 2000 parts, more than",
        ),
        (END, "a.hex: has nothing to load"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.hex"
    path.write_text(text)
    with pytest.raises(FirmwareError) as caught:
        FirmwareImage.load(path)
    assert said in str(caught.value)
