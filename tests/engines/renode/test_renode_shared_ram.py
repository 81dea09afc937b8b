"""RAM that both cores reach is used without copies, by what it is and never by what it is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import fake_dotnet
import pytest

from icmsg.assets import platform_file
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.machine.image import FirmwareImage, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_dotnet import FakeRenode

SHARED = 0x2007_0000
ONE_RAM = re.compile(r"ramapp: .*?size: 0x70000\n\nshared: .*?size: 0x10000", re.DOTALL)


@pytest.fixture(params=["shared", "another name", "one RAM for everything"])
def machine(
    request: pytest.FixtureRequest, renode: FakeRenode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RenodeMachine]:
    text = platform_file("nrf5340").read_text()
    if request.param == "another name":
        text = text.replace("shared: Memory", "mailbag: Memory")
    elif request.param == "one RAM for everything":
        one = "sram: Memory.MappedMemory @ sysbus 0x20000000\n    size: 0x80000"
        text, count = ONE_RAM.subn(one, text)
        assert count == 1
    platform = tmp_path / "own.repl"
    platform.write_text(text)
    forbid_sysbus(monkeypatch)  # before the machine binds its members
    with RenodeMachine(platform) as machine:
        yield machine


def forbid_sysbus(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise AssertionError("this went through the sysbus")

    for name in ("ReadDoubleWord", "WriteDoubleWord", "ReadBytes", "WriteBytes"):
        monkeypatch.setattr(fake_dotnet.SystemBus, name, refuse)


@pytest.mark.parametrize("address", [0x2000_0000, 0x2006_FFF0, SHARED, 0x2007_FFF0])
def test_it_is_used_without_the_sysbus(machine: RenodeMachine, address: int) -> None:
    app, net = (machine.core(name).bus for name in ("app", "net"))
    app.write32(address, 0x1234_5678)
    assert net.read32(address) == 0x1234_5678
    net.write_block(address + 4, b"four")
    assert app.read_block(address, 8) == b"\x78\x56\x34\x12four"


def test_two_segments_in_turn_are_each_what_they_are(machine: RenodeMachine) -> None:
    bus = machine.core("app").bus
    for turn in range(3):
        for address in (0x2000_0100, 0x2002_0100, SHARED):
            bus.write32(address, address + turn)
    assert [bus.read32(address) for address in (0x2000_0100, 0x2002_0100, SHARED)] == [
        0x2000_0102,
        0x2002_0102,
        SHARED + 2,
    ]


def test_memory_of_one_core_is_behind_the_sysbus(machine: RenodeMachine) -> None:
    with pytest.raises(AssertionError, match="through the sysbus"):
        machine.core("net").bus.read32(0x2100_0000)


def test_a_block_across_two_segments_is_behind_the_sysbus(machine: RenodeMachine) -> None:
    with pytest.raises(AssertionError, match="through the sysbus"):
        machine.core("app").bus.read_block(0x2000_FFFC, 8)


def test_what_an_image_executes_is_written_through_the_sysbus(machine: RenodeMachine) -> None:
    bus = machine.core("app").bus
    assert bus.read32(0x2000_2000) == 0  # mapped before, and the other page after the image is known
    image = FirmwareImage(Path("ram"), (Segment(0, 0x2000_2FF0, bytes(32), executable=True),), 0, {})
    machine.shared.execute(machine.core("app")._place, image)
    for core in ("app", "net"):
        for address in (0x2000_2000, 0x2000_3FFC):
            with pytest.raises(AssertionError, match="through the sysbus"):
                machine.core(core).bus.write32(address, 1)
            with pytest.raises(AssertionError, match="through the sysbus"):
                machine.core(core).bus.write_block(address, b"1234")
            assert machine.core(core).bus.read32(address) == 0
    with pytest.raises(AssertionError, match="through the sysbus"):
        bus.write_block(0x2000_1000, bytes(0x1001))
    bus.write32(0x2000_1FFC, 1)
    bus.write32(0x2000_4000, 1)
