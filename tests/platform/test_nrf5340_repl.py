"""The platform that is shipped, against the SoC's addresses and interrupts."""

from __future__ import annotations

from pathlib import Path

import pytest

from icmsg.cosim.platform import PlatformDescription, Reference, load_platform

NRF5340 = Path(__file__).parents[2] / "platforms" / "nrf5340.repl"


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
def test_memories_are_where_the_soc_has_them_for_every_core(
    platform: PlatformDescription, name: str, start: int, size: int
) -> None:
    (registration,) = platform[name].registrations
    assert (registration.parent, registration.address, registration.cpu) == ("sysbus", start, None)
    assert platform[name].attributes["size"] == size


@pytest.mark.parametrize(
    ("name", "core", "addresses", "wire"),
    [
        ("nvicapp", "cpuapp", [0xE000E000], (None, "cpuapp", 0)),
        ("nvicnet", "cpunet", [0xE000E000], (None, "cpunet", 0)),
        ("ipcapp", "cpuapp", [0x5002A000, 0x4002A000], ("IRQ", "nvicapp", 42)),
        ("ipcnet", "cpunet", [0x41012000], ("IRQ", "nvicnet", 18)),
        ("uartapp", "cpuapp", [0x50008000, 0x40008000], ("IRQ", "nvicapp", 8)),
        ("uartnet", "cpunet", [0x41013000], ("IRQ", "nvicnet", 19)),
    ],
)
def test_registers_are_seen_by_their_core_and_wired_to_its_nvic(
    platform: PlatformDescription,
    name: str,
    core: str,
    addresses: list[int],
    wire: tuple[str | None, str, int],
) -> None:
    peripheral = platform[name]
    assert [registration.address for registration in peripheral.registrations] == addresses
    assert {registration.cpu for registration in peripheral.registrations} == {core}
    assert [(one.source, one.destination, one.irq) for one in peripheral.connections] == [wire]


@pytest.mark.parametrize(
    ("core", "nvic", "number", "megahertz"), [("app", "nvicapp", 0, 128), ("net", "nvicnet", 1, 64)]
)
def test_a_core_and_its_systick_run_at_one_clock(
    platform: PlatformDescription, core: str, nvic: str, number: int, megahertz: int
) -> None:
    cpu = platform[f"cpu{core}"]
    assert cpu.attributes == {
        "cpuType": "cortex-m33",
        "nvic": Reference(nvic, cpu.place),
        "cpuId": number,
        "PerformanceInMips": megahertz,
    }
    assert platform[nvic].attributes == {"priorityMask": 0xE0, "systickFrequency": megahertz * 1_000_000}


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
