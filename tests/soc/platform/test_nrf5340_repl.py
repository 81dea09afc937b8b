"""The platform that is shipped, against the SoC's addresses and interrupts."""

from __future__ import annotations

from pathlib import Path

import pytest
from looped import for_each

from icmsg.soc.platform import PlatformDescription, Reference, load_platform
from icmsg.soc.soc import Soc
from icmsg.soc.wiring import tags

NRF5340 = Path(__file__).parents[3] / "platforms" / "nrf5340.repl"

# Name and addresses, from the SoC's device description; each one has a page.
STAND_INS = (
    ("ficrapp", 0x00FF0000),
    ("uicrapp", 0x00FF8000),
    ("ficrnet", 0x01FF0000),
    ("uicrnet", 0x01FF8000),
    ("nvmcapp", 0x50039000, 0x40039000),
    ("nvmcnet", 0x41080000),
    ("mutex", 0x50030000, 0x40030000),
    ("dcnfapp", 0x50000000, 0x40000000),
    ("dcnfnet", 0x41000000),
    ("dppicapp", 0x50017000, 0x40017000),
    ("dppicnet", 0x4100F000),
    ("ctrlapapp", 0x50006000, 0x40006000),
    ("ctrlapnet", 0x41006000),
    ("cacheapp", 0x50001000),
    ("spuapp", 0x50003000),
    ("oscapp", 0x50004000, 0x40004000),
    ("trimnet", 0x41203000),
)

# What Zephyr 3.4, 3.7 and 4.1 images were seen to access on their way to main and in it: core, address.
TOUCHED = (
    *(("cpuapp", 0x5002A000 + offset) for offset in (0x000, 0x080, 0x1FC, 0x304, 0x510, 0x590, 0x5CC)),
    *(("cpunet", 0x41012000 + offset) for offset in (0x000, 0x0FC, 0x1AC, 0x30C, 0x510, 0x590)),
    *(("cpuapp", 0x50005000 + offset) for offset in (0x008, 0x104, 0x304, 0x308, 0x414, 0x418, 0x518, 0x614)),
    *(("cpunet", 0x41005000 + offset) for offset in (0x008, 0x104, 0x304, 0x308, 0x414, 0x418, 0x518)),
    *(("cpuapp", 0x50015000 + offset) for offset in (0x000, 0x140, 0x1CC, 0x344, 0x504, 0x540)),
    *(("cpunet", 0x41016000 + offset) for offset in (0x000, 0x140, 0x1C0, 0x344, 0x504, 0x540)),
    *(("cpuapp", 0x50008000 + offset) for offset in (0x008, 0x08C, 0x1A0, 0x500, 0x544)),
    *(("cpunet", 0x41013000 + offset) for offset in (0x008, 0x08C, 0x1A0, 0x500, 0x544)),
    *(("cpunet", 0x4100B000 + offset) for offset in (0x004, 0x080, 0x50C)),
    *(("cpunet", 0x41011000 + offset) for offset in (0x304, 0x504)),
    *(
        ("cpuapp", address)
        for address in (0x50017504, 0x5000D17C, 0x5000D304, 0x50842500 + 0x200, 0x50842800 + 0x200)
    ),
    *(
        ("cpunet", address)
        for address in (0x4100F504, 0x4100A17C, 0x4100A304, 0x418C0500 + 0x200, 0x418C0800 + 0x200)
    ),
    *(("cpuapp", address) for address in (0x50006544, 0x5000654C, 0x00FF0130, 0x00FF0134, 0x00FF0300)),
    *(("cpunet", address) for address in (0x41006544, 0x01FF0130, 0x01FF0134, 0x01FF0300, 0x01FF8000)),
    *(("cpuapp", address) for address in (0x00FF8000, 0x00FF801C, 0x50001500, 0x50003440)),
    *(("cpuapp", 0x50004000 + offset) for offset in (0x6D0, 0x704, 0x904, 0xB00)),
    *(("cpunet", address) for address in (0x41080540, 0x41203120)),
)
# What Renode's and this project's models cover where the file says nothing.
SIZES = {"GPIOPort.NRF52840_GPIO": 0x300, "Miscellaneous.NRF5340_CLOCK": 0x600}


@pytest.fixture(scope="module")
def platform() -> PlatformDescription:
    return load_platform(NRF5340)


def test_it_has_these_peripherals_and_types(platform: PlatformDescription) -> None:
    assert {peripheral.name: peripheral.type for peripheral in platform} == {
        "cpuapp": "CPU.CortexM",
        "cpunet": "CPU.CortexM",
        "nvicapp": "IRQControllers.NVIC",
        "nvicnet": "IRQControllers.NVIC",
        "flashapp": "Memory.MappedMemory",
        "flashnet": "Memory.MappedMemory",
        "ramapp": "Memory.MappedMemory",
        "shared": "Memory.MappedMemory",
        "ramnet": "Memory.MappedMemory",
        "ipcapp": "Miscellaneous.NRF_IPC",
        "ipcnet": "Miscellaneous.NRF_IPC",
        "uartapp": "UART.NRF52840_UART",
        "uartnet": "UART.NRF52840_UART",
        "clockapp": "Miscellaneous.NRF5340_CLOCK",
        "clocknet": "Miscellaneous.NRF5340_CLOCK",
        "resetapp": "Miscellaneous.NRF_RESET",
        **{f"timer{at}{core}": "Timers.NRF52840_Timer" for at in range(3) for core in ("app", "net")},
        "dwtapp": "Miscellaneous.DWT",
        "dwtnet": "Miscellaneous.DWT",
        "rngnet": "Miscellaneous.NRF52840_RNG",
        "tempnet": "Miscellaneous.NRF_TEMP",
        "gpiote1app": "GPIOPort.NRF52840_GPIOTasksEvents",
        "rtc0app": "Timers.NRF_RTC",
        "rtc1app": "Timers.NRF_RTC",
        "rtc0net": "Timers.NRF_RTC",
        "rtc1net": "Timers.NRF_RTC",
        "wdtnet": "Timers.NRF_WDT",
        "gpio0app": "GPIOPort.NRF52840_GPIO",
        "gpio1app": "GPIOPort.NRF52840_GPIO",
        "gpio0net": "GPIOPort.NRF52840_GPIO",
        "gpio1net": "GPIOPort.NRF52840_GPIO",
        "gpioteapp": "GPIOPort.NRF52840_GPIOTasksEvents",
        "gpiotenet": "GPIOPort.NRF52840_GPIOTasksEvents",
        **{name: "Memory.ArrayMemory" for name, *_ in STAND_INS},
    }


@pytest.mark.parametrize(
    ("name", "start", "size"),
    [
        ("flashapp", 0, 1024 * 1024),
        ("flashnet", 0x01000000, 256 * 1024),
        ("ramapp", 0x20000000, 448 * 1024),
        ("shared", 0x20070000, 64 * 1024),
        ("ramnet", 0x21000000, 64 * 1024),
    ],
)
def test_memories_are_where_the_soc_has_them(
    platform: PlatformDescription, name: str, start: int, size: int
) -> None:
    """For everybody, and those of the network core for that core: DMA reads them for no core."""
    found = [(place.parent, place.address, place.cpu) for place in platform[name].registrations]
    own = [("sysbus", start, "cpunet")] if name.endswith("net") else []
    assert found == [("sysbus", start, None), *own]
    assert platform[name].attributes["size"] == size


@for_each(
    ("name", "core", "addresses", "wire"),
    [
        ("nvicapp", "cpuapp", [0xE000E000], (None, "cpuapp", 0)),
        ("nvicnet", "cpunet", [0xE000E000], (None, "cpunet", 0)),
        ("ipcapp", "cpuapp", [0x5002A000, 0x4002A000], ("IRQ", "nvicapp", 42)),
        ("ipcnet", "cpunet", [0x41012000], ("IRQ", "nvicnet", 18)),
        ("uartapp", "cpuapp", [0x50008000, 0x40008000], ("IRQ", "nvicapp", 8)),
        ("uartnet", "cpunet", [0x41013000], ("IRQ", "nvicnet", 19)),
        ("clockapp", "cpuapp", [0x50005000, 0x40005000], ("IRQ", "nvicapp", 5)),
        ("clocknet", "cpunet", [0x41005000], ("IRQ", "nvicnet", 5)),
        ("resetapp", "cpuapp", [0x50005600, 0x40005600], None),
        ("rtc0app", "cpuapp", [0x50014000, 0x40014000], ("IRQ", "nvicapp", 20)),
        ("rtc1app", "cpuapp", [0x50015000, 0x40015000], ("IRQ", "nvicapp", 21)),
        ("rtc0net", "cpunet", [0x41011000], ("IRQ", "nvicnet", 17)),
        ("rtc1net", "cpunet", [0x41016000], ("IRQ", "nvicnet", 22)),
        ("wdtnet", "cpunet", [0x4100B000], ("IRQ", "nvicnet", 11)),
        ("timer0app", "cpuapp", [0x5000F000, 0x4000F000], ("IRQ", "nvicapp", 15)),
        ("timer1app", "cpuapp", [0x50010000, 0x40010000], ("IRQ", "nvicapp", 16)),
        ("timer2app", "cpuapp", [0x50011000, 0x40011000], ("IRQ", "nvicapp", 17)),
        ("timer0net", "cpunet", [0x4100C000], ("IRQ", "nvicnet", 12)),
        ("timer1net", "cpunet", [0x41018000], ("IRQ", "nvicnet", 24)),
        ("timer2net", "cpunet", [0x41019000], ("IRQ", "nvicnet", 25)),
        ("rngnet", "cpunet", [0x41009000], ("IRQ", "nvicnet", 9)),
        ("tempnet", "cpunet", [0x41010000], ("IRQ", "nvicnet", 16)),
        ("dwtapp", "cpuapp", [0xE0001000], None),
        ("dwtnet", "cpunet", [0xE0001000], None),
        ("gpiote1app", "cpuapp", [0x4002F000], ("IRQ", "nvicapp", 47)),
        ("gpio0app", "cpuapp", [0x50842500, 0x40842500], None),
        ("gpio1app", "cpuapp", [0x50842800, 0x40842800], None),
        ("gpio0net", "cpunet", [0x418C0500], None),
        ("gpio1net", "cpunet", [0x418C0800], None),
        ("gpioteapp", "cpuapp", [0x5000D000], ("IRQ", "nvicapp", 13)),
        ("gpiotenet", "cpunet", [0x4100A000], ("IRQ", "nvicnet", 10)),
    ],
)
def test_registers_are_seen_by_their_core_and_wired_to_its_nvic(
    platform: PlatformDescription,
    name: str,
    core: str,
    addresses: list[int],
    wire: tuple[str | None, str, int] | None,
) -> None:
    peripheral = platform[name]
    assert [registration.address for registration in peripheral.registrations] == addresses
    assert {registration.cpu for registration in peripheral.registrations} == {core}
    wires = [(one.source, one.destination, one.irq) for one in peripheral.connections]
    assert wires == ([] if wire is None else [wire])


@for_each(("name", "addresses"), [(name, addresses) for name, *addresses in STAND_INS])
def test_a_stand_in_is_a_page_that_those_see_who_reach_it(
    platform: PlatformDescription, name: str, addresses: list[int]
) -> None:
    places = platform[name].registrations
    assert [(place.parent, place.address, place.cpu) for place in places] == [
        ("sysbus", address, "cpunet" if name.endswith("net") else None) for address in addresses
    ]
    erased = {"initialValue": 0xFF} if name[:4] in ("ficr", "uicr") else {}
    assert platform[name].attributes == {"size": 0x1000, **erased}


@pytest.mark.parametrize("name", ["nvmcapp", "nvmcnet"])
def test_the_flash_controller_is_always_ready(platform: PlatformDescription, name: str) -> None:
    assert platform[name].init == ("WriteDoubleWord 0x400 0x1", "WriteDoubleWord 0x408 0x1")


def test_clock_and_reset_share_a_page_of_the_application_core(platform: PlatformDescription) -> None:
    parts = [
        [(place.address, place.size, place.offset) for place in platform[name].registrations]
        for name in ("clockapp", "resetapp")
    ]
    assert parts == [
        [(0x50005000, None, 0), (0x40005000, None, 0)],
        [(0x50005600, 0xA00, 0x600), (0x40005600, 0xA00, 0x600)],
    ]


def test_the_network_core_is_what_forceoff_and_its_watchdog_act_on(platform: PlatformDescription) -> None:
    reset, wdt = platform["resetapp"], platform["wdtnet"]
    assert reset.attributes == {"network": Reference("cpunet", reset.place)}
    assert wdt.attributes == {"resetController": Reference("resetapp", wdt.place)}


@for_each(("core", "address"), TOUCHED)
def test_something_is_registered_wherever_zephyrs_images_go(
    platform: PlatformDescription, core: str, address: int
) -> None:
    found = [
        peripheral.name
        for peripheral in platform
        for place in peripheral.registrations
        if place.cpu in (None, core)
        and place.address is not None
        and 0 <= address - place.address < (place.size or SIZES.get(peripheral.type, 0x1000))
    ]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("core", "nvic", "number", "fpu"),
    [("app", "nvicapp", 0, {"fpuInterruptNumber": 0}), ("net", "nvicnet", 1, {})],
)
def test_a_core_runs_at_64_mhz_and_takes_one_and_a_half_cycles_an_instruction(
    platform: PlatformDescription, core: str, nvic: str, number: int, fpu: dict[str, int]
) -> None:
    cpu = platform[f"cpu{core}"]
    assert cpu.attributes == {
        "cpuType": "cortex-m33",
        "nvic": Reference(nvic, cpu.place),
        "cpuId": number,
        "PerformanceInMips": 64 * 2 // 3,
        **fpu,
    }
    assert platform[nvic].attributes == {"priorityMask": 0xE0, "systickFrequency": 64_000_000}


def test_the_network_cores_ipc_is_given_the_other(platform: PlatformDescription) -> None:
    assert platform["ipcnet"].attributes == {"peer": Reference("ipcapp", platform["ipcnet"].place)}
    order = platform.creation_order
    assert order.index("ipcapp") < order.index("ipcnet")
    assert platform["uartapp"].attributes == platform["uartnet"].attributes == {"easyDMA": True}


def test_it_keeps_to_what_renode_1_16_1_reads() -> None:
    text = NRF5340.read_text(encoding="utf-8")
    code = "\n".join(line.split("//")[0] for line in text.splitlines())
    assert text.isascii()
    for newer in (
        ": {",
        "; }",
        ";}",
        ",]",
        ", ]",
        "True",
        "False",
    ):  # dictionaries, trailing separators, booleans
        assert newer not in code


# Every base address of the SoC's device description; what the GPIO's page and RESET share is elsewhere.
APP_BASES = (
    *(0x00F00000, 0x00F08000, 0x00FF0000, 0x00FF8000, 0xE0042000, 0xE0080000, 0x4002F000, 0x5000D000),
    *(
        0x50000000 + 0x1000 * at
        for at in (0, 1, 3, 4, 5, 6, *range(0x08, 0x0D), *range(0x0E, 0x12), 0x14, 0x15)
    ),
    *(
        0x50000000 + 0x1000 * at
        for at in (*range(0x17, 0x25), 0x26, 0x28, 0x2A, 0x2B, 0x2D, 0x30, 0x33, 0x34)
    ),
    *(0x50000000 + 0x1000 * at for at in (0x36, 0x37, 0x39, 0x81, 0x842, 0x844, 0x845)),
    *(0x40000000 + 0x1000 * at for at in (0, 4, 5, 6, *range(0x08, 0x0D), *range(0x0E, 0x12), 0x14, 0x15)),
    *(
        0x40000000 + 0x1000 * at
        for at in (*range(0x17, 0x25), 0x26, 0x28, 0x2A, 0x2B, 0x2D, 0x30, 0x33, 0x34)
    ),
    *(0x40000000 + 0x1000 * at for at in (0x36, 0x37, 0x39, 0x81, 0x842)),
)
NET_BASES = (
    *(0x01FF0000, 0x01FF8000, 0xE0042000, 0x40030000, 0x50030000, 0x41080000, 0x41081000, 0x418C0000),
    *(0x41000000 + 0x1000 * at for at in (0, 4, 5, 6, *range(0x08, 0x15), 0x16, *range(0x18, 0x1E))),
)


@pytest.mark.parametrize(("core", "bases"), [("app", APP_BASES), ("net", NET_BASES)])
def test_whatever_the_soc_has_is_a_model_a_stand_in_or_a_tag(
    platform: PlatformDescription, core: str, bases: tuple[int, ...]
) -> None:
    ranges = [found for found in Soc(platform).memory_map() if core in found.cores]
    missing = [
        hex(base)
        for base in bases
        if not any(found.start < base + 0x1000 and base < found.end for found in ranges)
    ]
    assert missing == []


def test_what_is_the_network_cores_alone_is_not_reached_by_the_application_core(
    platform: PlatformDescription,
) -> None:
    for found in Soc(platform).memory_map():
        if found.start >= 0xE0000000:
            continue  # each core has its own debug units at the same addresses
        own = found.start >> 24 in (0x01, 0x21, 0x41) and found.name not in {
            tag.name for tag in tags(platform)
        }
        assert ("app" in found.cores) != own, found
