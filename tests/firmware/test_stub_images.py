"""The committed images: built from these sources, for these cores, with what a host relies on."""

from __future__ import annotations

import json
import shutil
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from looped import for_each
from native_stub import STUBS
from stub_image import (
    IMAGES,
    MODES,
    PLACES,
    PREBUILT,
    Image,
    Place,
    generation_of,
    image_name,
    mode_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import ModuleType

WITH_PARAMS = [name for name in IMAGES if "spin" not in name]
PARAMS = struct.Struct("<22I")
ENDPOINT = struct.Struct("<32s4I")


def of_each_image(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Loop over the images with these names, for a test of ``(name, place, image)``."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def one(name: str) -> None:
            test(name, PLACES[IMAGES[name]], Image.named(name))

        return for_each("name", names)(one)

    return decorate


# The manifest


def test_the_images_are_those_of_the_sources(build_manifest: ModuleType) -> None:
    assert build_manifest.problems(STUBS) == []


def test_the_manifest_names_every_image_and_only_those(build_manifest: ModuleType) -> None:
    assert sorted(build_manifest.read(STUBS)) == sorted(f"{name}.elf" for name in IMAGES)
    there = {path.relative_to(PREBUILT).as_posix() for path in PREBUILT.rglob("*.elf")}
    assert there == {f"{name}.elf" for name in IMAGES}


def test_every_source_in_the_tree_belongs_to_an_image(build_manifest: ModuleType) -> None:
    used = {source for entry in build_manifest.read(STUBS).values() for source in entry["sources"]}
    there = {f"src/{path.name}" for path in (STUBS / "src").iterdir()} | {
        path.name for path in STUBS.glob("*.ld")
    }
    assert used == there | {"Makefile"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "stubs"
    shutil.copytree(STUBS, target, ignore=shutil.ignore_patterns("obj", "__pycache__"))
    return target


@pytest.mark.parametrize("source", ["src/pbuf.c", "src/params.h", "sections.ld", "Makefile"])
def test_a_changed_source_without_a_rebuild_is_noticed(
    build_manifest: ModuleType, copy: Path, source: str
) -> None:
    with (copy / source).open("a") as file:
        file.write("\n")
    found = build_manifest.problems(copy)
    assert "prebuilt/echo-app.elf is older than its sources: run `make prebuilt`" in found


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("nrf5340-net.ld", {"nrf5340-net"}),
        ("src/startup_vpr.c", {"nrf54l15-flpr"}),
        ("dma.ld", {"nrf54h20-app", "nrf54h20-rad"}),
    ],
)
def test_a_source_of_some_cores_only_concerns_their_images(
    build_manifest: ModuleType, copy: Path, source: str, places: set[str]
) -> None:
    (copy / source).write_text("")
    assert {problem.split()[0] for problem in build_manifest.problems(copy)} == {
        f"prebuilt/{name}.elf" for name, place in IMAGES.items() if place in places
    }


def test_a_changed_missing_or_foreign_image_is_noticed(build_manifest: ModuleType, copy: Path) -> None:
    (copy / "prebuilt" / "echo-app.elf").write_bytes(b"\x7fELF")
    (copy / "prebuilt" / "echo-net.elf").unlink()
    (copy / "prebuilt" / "nrf54l15" / "extra.elf").write_bytes(b"")
    (copy / "src" / "spin.c").unlink()
    assert build_manifest.problems(copy) == [
        "prebuilt/nrf54l15/extra.elf is not in the manifest: run `make prebuilt`, or delete it",
        "prebuilt/echo-app.elf is not the image that was built: run `make prebuilt`",
        "prebuilt/echo-net.elf is missing: run `make prebuilt`",
        *(
            f"src/spin.c, a source of prebuilt/{name}.elf, is missing: run `make prebuilt`"
            for name in sorted(IMAGES)
            if "spin" in name
        ),
    ]


def test_writing_the_manifest_again_changes_nothing(build_manifest: ModuleType, copy: Path) -> None:
    before = (copy / "prebuilt" / "manifest.json").read_text(encoding="utf-8")
    entries = json.loads(before)
    toolchain = {entry["toolchain"] for entry in entries.values()}
    assert toolchain == {"zig 0.13.0"}
    build_manifest.write(copy, [[elf, *entry["sources"]] for elf, entry in entries.items()], toolchain.pop())
    assert (copy / "prebuilt" / "manifest.json").read_text(encoding="utf-8") == before


# The images


@of_each_image(name for name, place in IMAGES.items() if "flpr" not in place)
def test_an_image_for_arm_is_for_a_cortex_m33_without_fpu(name: str, place: Place, image: Image) -> None:
    assert (image.header["e_machine"], image.header["e_type"]) == ("EM_ARM", "ET_EXEC")
    assert image.header["e_flags"] & 0x600 == 0x200, "soft-float ABI: the network core has no FPU"
    attributes = image.sections[".ARM.attributes"][1]
    assert b"cortex-m33" in attributes


@of_each_image(IMAGES)
def test_every_byte_lies_in_its_cores_memory_and_never_in_the_shared_one(
    name: str, place: Place, image: Image
) -> None:
    for segment in image.segments:
        first, size = segment["p_vaddr"], segment["p_memsz"]
        home = next(memory for memory in (place.flash, place.ram, place.dma) if first in memory)
        assert first + size - 1 in home
        if segment["p_filesz"]:
            assert segment["p_paddr"] in place.flash
            assert segment["p_paddr"] + segment["p_filesz"] - 1 in place.flash
            assert home != place.dma
        else:
            assert segment["p_paddr"] == first, "a loader that clears .bss would clear flash"


@of_each_image(IMAGES)
def test_loaded_parts_do_not_overlap(name: str, place: Place, image: Image) -> None:
    parts = sorted((s["p_paddr"], s["p_paddr"] + s["p_filesz"]) for s in image.segments if s["p_filesz"])
    assert all(end <= start for (_, end), (start, _) in pairwise(parts))


def test_both_images_of_a_soc_and_their_regions_fit_beside_each_other() -> None:
    for soc in ("nrf5340", "nrf54l15", "nrf54h20"):
        places = [place for name, place in PLACES.items() if name.startswith(soc)]
        memories = [m for place in places for m in (place.flash, place.ram, place.dma) if m]
        geometry = places[0].geometry
        assert geometry == (*places[1].geometry[2:4], *places[1].geometry[:2], *places[1].geometry[:3:-1])
        memories += [range(geometry[at], geometry[at] + geometry[at + 1]) for at in (0, 2)]
        ordered = sorted(memories, key=lambda memory: memory.start)
        assert all(first.stop <= second.start for first, second in pairwise(ordered))


@of_each_image(name for name, place in IMAGES.items() if "flpr" not in place)
def test_the_vector_table_starts_an_arm_core(name: str, place: Place, image: Image) -> None:
    header, data = image.sections[".vectors"]
    stack, reset, *others = struct.unpack(f"<{len(data) // 4}I", data)
    assert header["sh_addr"] == place.flash.start
    assert stack == place.ram.stop
    assert reset == image.header["e_entry"] == image.symbols["Reset_Handler"][0]
    assert reset % 2 == 1
    assert set(others) == {image.symbols["fault_entry"][0]}, "no interrupt is ever taken"


@of_each_image(IMAGES)
def test_no_image_holds_debug_sections_or_a_path_of_the_machine_it_was_built_on(
    name: str, place: Place, image: Image
) -> None:
    assert not [section for section in image.sections if section.startswith(".debug")]
    assert not [symbol for symbol in image.symbols if "/" in symbol]


@of_each_image(IMAGES)
def test_the_counters_are_an_exported_symbol_in_initialised_ram(
    name: str, place: Place, image: Image
) -> None:
    address, size = image.symbols["icmsg_stats"]
    assert size == 128
    assert address in place.ram
    header, data = image.sections[".data"]
    offset = address - header["sh_addr"]
    assert data[offset : offset + 4] == b"ICST"
    assert struct.unpack_from("<I", data, offset + 4) == (1,)


@of_each_image(WITH_PARAMS)
def test_the_parameters_are_a_section_of_their_own_with_the_documented_defaults(
    name: str, place: Place, image: Image
) -> None:
    header, data = image.sections[".icmsg_params"]
    assert image.symbols["icmsg_params"] == (header["sh_addr"], 128)
    assert header["sh_size"] == 128
    assert header["sh_addr"] in place.flash
    generation = generation_of(name)
    alignment = place.alignment or (0 if mode_of(name) == "disable" else 8)
    if generation and "nrf54l15" in name:
        alignment = 32
    is_second = not IMAGES[name].endswith("-app")
    blocks = (18, 16) if is_second else (16, 18)
    work = (1000, 1, 100, 1, 1)
    mode = MODES.index(mode_of(name))
    assert data[:4] == b"ICMP"
    assert PARAMS.unpack_from(data)[1:] == (
        *(1, *place.geometry, alignment, 0),
        *(*work, 1000, place.timer_hz, mode),
        *(generation, *(blocks if generation else (0, 0)), 16 if generation == 3 else 0),
    )
    assert data[PARAMS.size :].strip(b"\0") == b""


@of_each_image(IMAGES)
def test_images_with_icbmsg_have_two_endpoints_and_room_for_two_more(
    name: str, place: Place, image: Image
) -> None:
    if not generation_of(name):
        assert "icmsg_endpoints" not in image.symbols
        assert "icmsg_endpoint_stats" not in image.symbols
        return
    address, size = image.symbols["icmsg_endpoints"]
    assert (size, address in place.flash) == (4 * ENDPOINT.size, True)
    header, data = image.sections[".text"]
    at = address - header["sh_addr"]
    found = [ENDPOINT.unpack_from(data, at + number * ENDPOINT.size) for number in range(4)]
    assert [(entry[0].rstrip(b"\0"), *entry[1:]) for entry in found] == [
        (b"ep0", 1000, 1, 100, 1),
        (b"ep1", 1000, 1, 100, 0x6C07_8966),
        (b"", 0, 0, 0, 0),
        (b"", 0, 0, 0, 0),
    ]
    address, size = image.symbols["icmsg_endpoint_stats"]
    assert (size, address in place.ram) == (4 * 32, True)


@of_each_image(IMAGES)
def test_only_images_with_sessions_take_commands_in_a_word_that_reset_clears(
    name: str, place: Place, image: Image
) -> None:
    if mode_of(name) == "disable":
        assert "icmsg_command" not in image.symbols
        return
    address, size = image.symbols["icmsg_command"]
    section = image.sections[".bss"][0]
    assert size == 4
    assert address % 4 == 0
    assert section["sh_addr"] <= address < section["sh_addr"] + section["sh_size"]


@of_each_image(IMAGES)
def test_without_sessions_nothing_of_them_is_linked(name: str, place: Place, image: Image) -> None:
    of_sessions = {
        symbol for symbol in image.symbols if symbol.startswith(("session", "command", "first_packet"))
    }
    assert bool(of_sessions) is (mode_of(name) != "disable")


def test_spin_has_no_parameters_because_it_would_ignore_them() -> None:
    for place in PLACES:
        assert "icmsg_params" not in Image.named(image_name("spin", place)).symbols
