"""Reading ELF files: what a core can run is taken, everything else is refused with the fix."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from firmware_files import FIRMWARE, RELOCATABLE, elf, vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import stub
from icmsg.errors import FirmwareError
from icmsg.machine.boot import check_addresses
from icmsg.machine.image import FirmwareImage
from icmsg.soc.soc import shipped_soc

TABLE = vectors(0x2000_8000, 0x1_0009) + b"\xfe\xe7"
ECHO = stub("echo", "net").read_bytes()


def test_segments_keep_load_and_run_addresses() -> None:
    image = FirmwareImage.load(stub("echo", "net"))
    for segment in image.segments:
        assert 0x0100_0000 <= segment.load_address < 0x0104_0000
    data = image.segments[-1]
    assert data.run_address == 0x2100_0000, "initialised data is loaded to flash and runs in RAM"
    assert image.symbols["ld_data_load"] == data.load_address
    assert image.vector_table == 0x0100_0000


def test_source_files_are_no_symbols(tmp_path: Path) -> None:
    image = FirmwareImage.load(stub("echo", "app"))
    assert not [name for name in image.symbols if name.endswith(".c")]
    assert image.locate(0x10) == "vectors+0x10"
    assert image.locate(image.symbols["pbuf_read"] & ~1) == "pbuf_read"
    assert image.locate((image.symbols["pbuf_read"] & ~1) + 6) == "pbuf_read+0x6"
    assert image.locate(0x6000_0000) == "0x60000000"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither an ELF nor an Intel HEX file"),
        (b"hello\n", "neither an ELF nor an Intel HEX file"),
        (
            b":10000000000004200901000000000000000000C2\n",
            r"my\.elf:1: not a record of an Intel HEX file, or a damaged one",
        ),
        (b"\x7fELF", "a damaged ELF file"),
        (ECHO[:51], "a damaged ELF file"),
        (ECHO[:60], "a damaged ELF file"),
        (ECHO[: len(ECHO) // 2], "a damaged ELF file"),
        (ECHO[:-1], "a damaged ELF file"),
    ],
    ids=["empty", "text", "hex", "magic only", "no header", "no table", "half", "last byte missing"],
)
def test_files_that_are_no_whole_elf_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "my.elf"
    path.write_bytes(content)
    with pytest.raises(FirmwareError, match=said) as caught:
        FirmwareImage.load(path)
    assert str(path) in str(caught.value)


def test_a_segment_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    path = elf(tmp_path / "cut.elf", [(0x1_0000, TABLE)], entry=0x1_0009, announced=100)
    with pytest.raises(FirmwareError, match="it ends 100 bytes before what it loads at 0x00010000"):
        FirmwareImage.load(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"machine": 3}, "built for x86, 32-bit little-endian; the cores are 32-bit little-endian Arm"),
        ({"machine": 0xFEED}, "built for <unknown>, 32-bit little-endian"),
        ({"big_endian": True}, "built for ARM, 32-bit big-endian"),
    ],
)
def test_other_processors_are_refused(tmp_path: Path, options: dict[str, int], said: str) -> None:
    path = elf(tmp_path / "other.elf", [] if "big_endian" in options else [(0, TABLE)], **options)
    with pytest.raises(FirmwareError, match=said):
        FirmwareImage.load(path)


@pytest.mark.skipif(not Path(sys.executable).is_file(), reason="needs a program of this machine")
def test_a_program_of_this_machine_is_refused() -> None:
    program = Path(sys.executable).resolve()
    if program.read_bytes()[:4] != b"\x7fELF" or os.uname().machine.startswith("arm"):
        pytest.skip("this machine's programs are no foreign ELF files")
    with pytest.raises(FirmwareError, match=r"64-bit little-endian; the cores are 32-bit"):
        FirmwareImage.load(program)


def test_an_object_that_was_not_linked_is_refused(tmp_path: Path) -> None:
    path = elf(tmp_path / "main.o", [], kind=RELOCATABLE)
    with pytest.raises(FirmwareError, match="has nothing to load; is it an object file that was not linked"):
        FirmwareImage.load(path)


def test_what_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(
        FirmwareError, match="no such file; give the path of an ELF file or the name of a firmware"
    ):
        FirmwareImage.load(tmp_path / "none.elf")
    with pytest.raises(FirmwareError, match="cannot be read: Is a directory"):
        FirmwareImage.load(tmp_path)
    with pytest.raises(FirmwareError, match="cannot be read: Not a directory"):
        FirmwareImage.load(FIRMWARE / "foreign.c" / "echo.elf")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = shutil.copy(stub("echo", "net"), tmp_path / "secret.elf")
    Path(path).chmod(0)
    with pytest.raises(FirmwareError, match="cannot be read: Permission denied"):
        FirmwareImage.load(path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose reading fails")
def test_a_file_whose_reading_fails_is_refused() -> None:
    with pytest.raises(FirmwareError, match="cannot be read: Input/output error"):
        FirmwareImage.load("/proc/self/mem")


def test_the_vector_table_is_where_the_entry_point_is_its_second_word(tmp_path: Path) -> None:
    loader = bytes(0x100) + TABLE
    image = FirmwareImage.load(elf(tmp_path / "a.elf", [(0x1_0000, TABLE)], entry=0x1_0008))
    assert image.vector_table == 0x1_0000
    two = elf(tmp_path / "b.elf", [(0x1_0000, TABLE), (0x800, b"config")], entry=0x1_0009)
    with pytest.raises(FirmwareError, match=r"no vector table found \(looked at 0x00000800\)"):
        _ = FirmwareImage.load(two).vector_table
    header = elf(tmp_path / "c.elf", [(0x1_0000, loader)], entry=0x1_0009)
    image = FirmwareImage.load(header)
    named = FirmwareImage(image.path, image.segments, image.entry, {"_vector_table": 0x1_0100})
    assert named.vector_table == 0x1_0100, "behind a boot header a symbol names it"


def test_a_symbol_that_is_not_there_is_named() -> None:
    image = FirmwareImage.load(stub("spin", "net"))
    with pytest.raises(FirmwareError, match="no symbol 'icmsg_params'; was it stripped"):
        image.symbol("icmsg_params")


@settings(
    deadline=None,
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    length=st.one_of(st.just(len(ECHO)), st.integers(0, len(ECHO))),
    changes=st.lists(
        st.tuples(st.one_of(st.integers(0, 200), st.integers(0, len(ECHO) - 1)), st.integers(0, 255)),
        max_size=4,
    ),
)
def test_whatever_happened_to_a_file_it_loads_or_is_refused_by_name(
    tmp_path: Path, length: int, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(ECHO)
    for at, value in changes:
        data[at] = value
    path = tmp_path / "fuzzed.elf"
    path.write_bytes(data[:length])
    said = str(path)
    try:
        image = FirmwareImage.load(path)
        assert image.segments
        assert image.vector_table >= 0
    except FirmwareError as error:
        said = str(error)
    assert str(path) in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["nrfs_init", "ssf_client_send_request", "ironside_se_call"])
def test_an_image_that_waits_for_firmware_which_is_not_public_is_refused(name: str) -> None:
    image = FirmwareImage.load(stub("echo", "app", "nrf54h20"))
    asking = replace(image, symbols={**image.symbols, name: 0x0E09_4101})
    check_addresses(image, "app", shipped_soc("nrf54h20"))
    with pytest.raises(
        FirmwareError, match=f"waits for the secure and the system core of the nRF54H20 .{name}.,"
    ):
        check_addresses(asking, "app", shipped_soc("nrf54h20"))
    elsewhere = FirmwareImage.load(stub("echo", "app", "nrf54l15"))
    check_addresses(
        replace(elsewhere, symbols={**elsewhere.symbols, name: 1}), "app", shipped_soc("nrf54l15")
    )
