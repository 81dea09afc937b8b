"""GPIO, what stands in for a peripheral, and pages that several share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from icmsg.engines.embedded.memory import SharedPage
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel
from icmsg.errors import BusError, ConfigurationError

if TYPE_CHECKING:
    from rig import Rig

OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR, PIN_CNF = 0x004, 0x008, 0x00C, 0x010, 0x014, 0x018, 0x01C, 0x200


@pytest.fixture(params=[("app", 0x50842500), ("app", 0x40842800), ("net", 0x418C0500), ("net", 0x418C0800)])
def port(request: pytest.FixtureRequest, rig: Rig) -> Any:
    core, base = request.param

    class Port:
        def __getitem__(self, offset: int) -> int:
            return rig.machine.core(core).bus.read32(base + offset)

        def __setitem__(self, offset: int, value: int) -> None:
            rig.machine.core(core).bus.write32(base + offset, value)

    return Port()


def test_outputs_are_set_cleared_and_read_back(port: Any) -> None:
    port[OUT] = 0xF0
    port[OUTSET] = 0x0F
    port[OUTCLR] = 0x81
    assert port[OUT] == port[OUTSET] == port[OUTCLR] == 0x7E
    assert port[IN] == 0
    port[DIRSET] = 0xFF
    assert port[IN] == 0x7E


def test_a_pins_direction_is_in_two_registers(port: Any) -> None:
    port[PIN_CNF + 4 * 3] = 1
    port[PIN_CNF + 4 * 31] = 1
    assert port[DIR] == 1 << 3 | 1 << 31
    port[DIRCLR] = 1 << 3
    assert (port[PIN_CNF + 4 * 3], port[PIN_CNF + 4 * 31]) == (0, 1)
    port[DIR] = 1
    assert (port[PIN_CNF], port[PIN_CNF + 4 * 31]) == (3, 0)  # the input buffer is off after a reset


def test_an_input_follows_its_pull(port: Any) -> None:
    port[PIN_CNF + 4 * 7] = 3 << 2
    port[PIN_CNF + 4 * 8] = 1 << 2
    assert port[IN] == 1 << 7


def test_ports_are_told_apart(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    bus.write32(0x5084_2504, 1)
    bus.write32(0x5084_2804, 2)
    assert (bus.read32(0x4084_2504), bus.read32(0x4084_2804)) == (1, 2)
    with pytest.raises(BusError, match="no peripheral is there, only gpio0app, gpio1app in the same page"):
        bus.read32(0x5084_2400)


# Stand-ins


@pytest.mark.parametrize("core", ["app", "net"])
def test_a_stand_in_keeps_what_is_written_in_silence(rig: Rig, core: str) -> None:
    page = {"app": 0x5001_7000, "net": 0x4100_F000}[core]
    rig.boot(
        f"reset: ldr r0, ={page}; ldr r1, =0x12345678; str r1, [r0, #0x504]; ldr r2, [r0, #0x504]; b stuck",
        core,
    )
    rig.run(100)
    assert rig.machine.core(core).registers["R2"] == 0x12345678
    assert rig.machine.warnings == []


@pytest.mark.parametrize(
    ("core", "page"), [("app", 0xFF0000), ("app", 0xFF8000), ("net", 0x1FF0000), ("net", 0x1FF8000)]
)
def test_information_pages_are_erased(rig: Rig, core: str, page: int) -> None:
    bus = rig.machine.core(core).bus
    assert {bus.read32(page + at) for at in (0, 0x01C, 0x130, 0x134, 0x300, 0xFFC)} == {0xFFFFFFFF}
    assert (bus.read8(page + 1), bus.read16(page + 2)) == (0xFF, 0xFFFF)


@pytest.mark.parametrize(("core", "page"), [("app", 0x50039000), ("app", 0x40039000), ("net", 0x41080000)])
def test_the_flash_controller_is_ready(rig: Rig, core: str, page: int) -> None:
    bus = rig.machine.core(core).bus
    assert (bus.read32(page + 0x400), bus.read32(page + 0x408), bus.read32(page + 0x404)) == (1, 1, 0)


def test_both_cores_see_the_mutex(rig: Rig) -> None:
    rig.machine.core("app").bus.write32(0x5003_0400, 7)
    assert rig.machine.core("net").bus.read32(0x4003_0400) == 7


def test_an_array_memory_is_little_endian_at_every_width() -> None:
    memory = ArrayMemoryModel(8, 0xA5)
    memory.write32(0, 0x11223344)
    memory.write16(4, 0x5566)
    memory.write8(6, 0x77)
    assert [memory.read8(at) for at in range(8)] == [0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x77, 0xA5]
    assert (memory.read16(2), memory.read32(4)) == (0x1122, 0xA5775566)
    memory.reset()
    assert memory.read32(0) == 0x11223344


@pytest.mark.parametrize(("size", "value"), [(0, 0), (-1, 0), (4, 256), (4, -1)])
def test_an_array_memory_refuses_what_it_cannot_be(size: int, value: int) -> None:
    with pytest.raises(ConfigurationError, match="size must be > 0"):
        ArrayMemoryModel(size, value)


@pytest.mark.parametrize(
    "text", ["ReadDoubleWord 0", "WriteDoubleWord 0", "WriteDoubleWord 6 0", "WriteDoubleWord x 0"]
)
def test_an_array_memory_refuses_a_command_it_does_not_know(text: str) -> None:
    with pytest.raises(ConfigurationError):
        ArrayMemoryModel(8).command(text)


def test_a_shared_page_shifts_and_refuses_overlaps() -> None:
    page = SharedPage(0x5000_5000, "app")
    first, second = ArrayMemoryModel(0x600), ArrayMemoryModel(0x1000)
    page.add(0, 0x600, first, "first", shift=0)
    page.add(0x600, 0x800, second, "second", shift=0x10)
    page.write32(0x604, 0x01020304)
    page.write16(0x5FC, 0x0506)
    page.write8(0x5FF, 7)
    assert (second.read32(0x614), first.read32(0x5FC)) == (0x01020304, 0x07000506)
    assert (page.read32(0x604), page.read16(0x5FC), page.read8(0x5FF)) == (0x01020304, 0x0506, 7)
    with pytest.raises(BusError, match="0x50005800 of core app: no peripheral is there, only first, second"):
        page.read32(0x800)
    with pytest.raises(ConfigurationError, match="app has second from 0x50005600 to 0x500057FF already"):
        page.add(0x7FC, 0x900, first, "third", shift=0)
