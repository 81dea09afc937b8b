"""The platforms of the nRF54L15 and the nRF54H20 that are shipped, against the SoCs' addresses and interrupts."""

from __future__ import annotations

from pathlib import Path

import pytest
from looped import for_each

from icmsg.config.boards import BOARDS
from icmsg.engines.embedded.clocks import read_rates
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.embedded.model_types import find_model
from icmsg.soc.platform import PlatformDescription, Reference, load_platform
from icmsg.soc.soc import Soc
from icmsg.soc.wiring import tags

PLATFORMS = Path(__file__).parents[3] / "platforms"
NAMES = ("nrf54l15", "nrf54h20")
MHZ = 1_000_000

# From the device descriptions: name in the file, its addresses, its wires.
WIRED = {
    "nrf54l15": (
        ("grtc", (0x500E2000, 0x400E2000), {("clicflpr", 226), ("nvicapp", 227), ("nvicapp", 228)}),
        ("clockapp", (0x5010E000, 0x4010E000), {("nvicapp", 261)}),
        ("uartapp", (0x500C6000, 0x400C6000), {("nvicapp", 198)}),
        ("uartflpr", (0x50104000, 0x40104000), {("clicflpr", 260)}),
        ("vevifapp", (0x5004C000, 0x4004C000), {("nvicapp", 76)}),
        ("vprapp", (0x5004C800, 0x4004C800), set()),
        ("vevifflpr", (0xF0010000,), {("clicflpr", task) for task in range(16, 23)}),
        ("clicflpr", (0xF0000000,), set()),
    ),
    "nrf54h20": (
        ("bellapp", (0x5F09A000, 0x4F09A000), {("nvicapp", line) for line in range(96, 100)}),
        ("bellrad", (0x5F09B000, 0x4F09B000), {("nvicrad", line) for line in range(96, 100)}),
        (
            "grtc",
            (0x5F99C000, 0x4F99C000),
            {("nvicapp", 108), ("nvicapp", 109), ("nvicrad", 108), ("nvicrad", 109)},
        ),
        ("uartapp", (0x5F9D5000, 0x4F9D5000), {("nvicapp", 469)}),
        ("uartrad", (0x5F9C6000, 0x4F9C6000), {("nvicrad", 454)}),
    ),
}
MEMORIES = {
    "nrf54l15": {
        "rram": (0x0000_0000, 1524 * 1024, {"app", "flpr"}),
        "ramapp": (0x2000_0000, 96 * 1024, {"app", "flpr"}),
        "shared": (0x2001_8000, 64 * 1024, {"app", "flpr"}),
        "ramflpr": (0x2002_8000, 96 * 1024, {"app", "flpr"}),
    },
    "nrf54h20": {
        "mram": (0x0E00_0000, 2048 * 1024, {"app", "rad"}),
        "ramapp": (0x2200_0000, 32 * 1024, {"app"}),
        "ramrad": (0x2300_0000, 192 * 1024, {"rad"}),
        "ram0": (0x2F00_0000, 764 * 1024, {"app", "rad"}),
        "shared": (0x2F0B_F000, 4 * 1024, {"app", "rad"}),
        "ram2": (0x2F88_0000, 128 * 1024, {"app", "rad"}),
        "ram3": (0x2FC0_0000, 80 * 1024, {"app", "rad"}),
    },
}
# Every secure page of the nRF54L15's device description, less 0x50000000.
PAGES_L15 = (
    *(0x1C, 0x1D, 0x1E, 0x1F, *range(0x40, 0x49), 0x4A, 0x4B, 0x4C, 0x50, 0x52, 0x53, 0x55),
    *(0x80, 0x82, 0x83, 0x84, 0x85, 0x87, 0x8A, 0x8B, 0xC0, *range(0xC2, 0xD9), 0xDA, 0xDC, 0xDD),
    *(0xE0, 0xE1, 0xE2, 0x100, 0x102, 0x103, 0x104, 0x106, 0x108, 0x109, 0x10A, 0x10C, 0x10E, 0x120, 0x1800),
)
# Those that have no non-secure alias.
SECURE_ONLY = (
    *(0x1C, 0x1D, 0x1E, 0x1F, 0x40, 0x41, 0x45, 0x48, 0x4B, 0x80, 0xC0, 0xDC, 0x100, 0x108),
    0x1800,
)
# What Zephyr's start-up code, drivers and the ICMsg sample touch: by core.
TOUCHED_L15 = {
    "app": (
        *(0x50120000 + offset for offset in (0x440, 0x620, 0x640, 0x71C, 0x800, 0x804, 0x904, 0x600)),
        *(0x500DC000 + offset for offset in (0x500, 0x508, 0x510, 0x518, 0x700)),
        *(0x5005340C, 0x5008A7AC, 0x5010E600, 0x5004B518, 0x5004B5A0, 0xE0082404, 0x50040530),
        *(0x00FFC340, 0x00FFC400, 0x00FFC620, 0x00FFC624, 0x00FFD000),
        *(0x5010E000 + offset for offset in (0x000, 0x010, 0x100, 0x108, 0x304, 0x44C)),
        *(0x500E2000 + offset for offset in (0x060, 0x324, 0x510, 0x528, 0x718, 0x740, 0x744)),
        *(0x500C6000 + offset for offset in (0x050, 0x130, 0x200, 0x500, 0x524, 0x604, 0x73C)),
        *(0x5004C000 + offset for offset in (0x054, 0x150, 0x304, 0x800, 0x808)),
        *(0x5010A080, 0x500D8280, 0x50050480, 0x500DA510, 0x5010C510),
    ),
    "flpr": (
        *(0xF0000000, 0xF0001040, 0xF0017E00, 0xF0017E24),
        *(0x500E2000 + offset for offset in (0x304, 0x528, 0x720, 0x724)),
        *(0x50104000 + offset for offset in (0x050, 0x130, 0x500, 0x604, 0x73C)),
        *(0x500D8280, 0x5010A080),
    ),
}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def platform(name: str) -> PlatformDescription:
    return load_platform(PLATFORMS / f"{name}.repl")


def nrf54l15() -> Soc:
    return Soc(load_platform(PLATFORMS / "nrf54l15.repl"))


def test_memories_are_where_the_soc_has_them_and_the_sample_s_regions_lie_in_a_memory_of_their_own(
    name: str, platform: PlatformDescription
) -> None:
    soc = Soc(platform)
    found: dict[str, tuple[int, int, set[str]]] = {}
    for core in soc.cores.values():
        for place in core.memories():
            found.setdefault(place.name, (place.start, place.end - place.start, set()))[2].add(core.name)
    assert found == MEMORIES[name]
    start, size, _ = found["shared"]
    instance = BOARDS[name].instance
    for region in (instance.tx_region, instance.rx_region):
        assert start <= region.address
        assert region.address + region.size <= start + size


def test_registers_and_wires_are_those_of_the_device_description(
    name: str, platform: PlatformDescription
) -> None:
    for peripheral, addresses, wires in WIRED[name]:
        item = platform[peripheral]
        assert tuple(place.address for place in item.registrations) == addresses
        assert {(wire.destination, wire.irq) for wire in item.connections} == wires


def test_cores_run_five_eighths_of_their_clock_in_coarse_ticks(
    name: str, platform: PlatformDescription
) -> None:
    rates = read_rates(Soc(platform))
    clocks = {"nrf54l15": {"app": 128, "flpr": 128}, "nrf54h20": {"app": 320, "rad": 256}}[name]
    for core, clock in clocks.items():
        assert rates.instruction_hz[core] == clock * 5 // 8 * MHZ <= clock * MHZ * 2 / 3
    assert rates.systick_hz["app"] == clocks["app"] * MHZ
    assert rates.ticks_per_second == {"nrf54l15": 640, "nrf54h20": 6400}[name] * MHZ


def test_each_core_has_its_console(name: str, platform: PlatformDescription) -> None:
    soc = Soc(platform)
    assert {core: soc.cores[core].uart for core in BOARDS[name].roles} == {
        core: f"uart{core}" for core in BOARDS[name].roles
    }


def test_it_keeps_to_what_renode_1_16_1_reads(name: str) -> None:
    text = (PLATFORMS / f"{name}.repl").read_text(encoding="utf-8")
    code = "\n".join(line.split("//")[0] for line in text.splitlines())
    assert text.isascii()
    for newer in (": {", "; }", ";}", ",]", ", ]", "True", "False"):
        assert newer not in code


def test_names_of_the_rest_overlap_nothing_that_answers_for_all(platform: PlatformDescription) -> None:
    for core in Soc(platform).cores:
        own = [
            (found.start, found.end, found.name)
            for found in Soc(platform).memory_map()
            if core in found.cores and found.name not in {tag.name for tag in tags(platform)}
        ]
        for tag in tags(platform):
            hit = [name for start, end, name in own if start < tag.end and tag.start < end]
            assert hit in ([], ["vevifapp", "vprapp"]), tag


def test_the_application_core_starts_the_flpr_by_cpurun_and_initpc() -> None:
    soc = nrf54l15()
    found = soc.force_off
    assert found is not None
    assert (found.holder, found.held, found.register, found.start, found.holds) == (
        "app",
        "flpr",
        0x5004C800,
        0x5004C808,
        0,
    )
    item = soc.description["vprapp"]
    assert item.attributes == {"vpr": Reference("cpuflpr", item.place)}


@for_each(("core", "address"), [(core, at) for core in TOUCHED_L15 for at in TOUCHED_L15[core]])
def test_a_model_or_a_stand_in_is_wherever_zephyrs_images_go(core: str, address: int) -> None:
    soc = nrf54l15()
    named = {tag.name for tag in tags(soc.description)}
    found = [
        part.name
        for part in soc.memory_map()
        if core in part.cores and part.start <= address < part.end and part.name not in named
    ]
    assert len(found) == 1


@pytest.mark.parametrize("core", ["app", "flpr"])
def test_whatever_the_nrf54l15_has_is_a_model_a_stand_in_or_a_tag(core: str) -> None:
    ranges = [found for found in nrf54l15().memory_map() if core in found.cores]
    bases = [0x5000_0000 + 0x1000 * page for page in PAGES_L15]
    bases += [0x4000_0000 + 0x1000 * page for page in PAGES_L15 if page not in SECURE_ONLY]
    missing = [
        hex(base)
        for base in bases
        if not any(found.start < base + 0x1000 and base < found.end for found in ranges)
    ]
    assert missing == []


def test_the_vpr_s_own_registers_are_seen_by_the_vpr_alone() -> None:
    soc = nrf54l15()
    assert soc.cores["flpr"].at(0xF001_7E00) is not None
    assert soc.cores["app"].at(0xF001_7E00) is None
    assert soc.cores["app"].at(0xF000_0000) is None


@pytest.mark.skipif(
    find_model("Miscellaneous.NRF_BELLBOARD") is None or find_model("Miscellaneous.NRF_VEVIF") is None,
    reason="the mailboxes of the nRF54 are not there",
)
def test_the_embedded_engine_brings_it_to_life(name: str, platform: PlatformDescription) -> None:
    with EmbeddedMachine(platform) as machine:
        grtc = platform["grtc"].registrations[0].address
        assert grtc is not None
        machine.run_for(1_000_000)
        for core in machine.cores.values():
            assert core.bus.read32(grtc + 0x720) == 1000
            assert core.bus.read32(grtc - 0x1000_0000 + 0x720) == 1000
        assert machine.warnings == []
