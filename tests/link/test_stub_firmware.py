"""The stubs' parameters and counters, against the images themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icmsg.assets import platform_file, stub, stub_names
from icmsg.config.boards import BOARDS
from icmsg.config.instance import Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError, FirmwareError
from icmsg.link.preconditions import ECHO, INITIATOR, PARAMS_SYMBOL, StubFirmware
from icmsg.machine.image import FirmwareImage
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.boards import Board
    from icmsg.engines.embedded.machine_core import MachineCore

CORES = ("app", "net")


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


def load(machine: EmbeddedMachine, core: str, name: str) -> tuple[MachineCore, StubFirmware]:
    found = machine.core(core)
    return found, StubFirmware(found.load(stub(name, core)), found.bus)


def poke(core: MachineCore, offset: int, value: int) -> None:
    assert core.image is not None
    core.bus.write32(core.image.symbols[PARAMS_SYMBOL] + offset, value)


@pytest.mark.parametrize("core", CORES)
def test_echo_and_initiator_are_stubs_and_spin_is_not(core: str) -> None:
    known = {name: StubFirmware.is_stub(FirmwareImage.load(stub(name, core))) for name in stub_names()}
    assert known["echo"]
    assert known["initiator"]
    assert not known["spin"]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("name", "program", "starts"), [("echo", ECHO, False), ("initiator", INITIATOR, True)]
)
def test_who_sends_first_is_known_before_it_runs(
    machine: EmbeddedMachine, core: str, name: str, program: int, starts: bool
) -> None:
    found, firmware = load(machine, core, name)
    assert firmware.starts is starts
    assert firmware.stats() is None, "before its reset code has run there are no counters"
    found.start()
    machine.run_for(MS)
    stats = firmware.stats()
    assert stats is not None
    assert (stats.program, stats.state, stats.trouble()) == (program, 1, None)


@pytest.mark.parametrize("core", CORES)
def test_the_defaults_in_the_images_are_the_instance_of_the_nrf5340(
    machine: EmbeddedMachine, core: str
) -> None:
    """Writing the default instance changes nothing, so all offsets and values agree with the C."""
    found, firmware = load(machine, core, "initiator")
    address = FirmwareImage.load(stub("initiator", core)).symbols[PARAMS_SYMBOL]
    before = found.bus.read_block(address, 128)
    firmware.set_instance(APP if core == "app" else APP.mirrored())
    firmware.set_work(messages=1000, size_min=1, size_max=100, seed=1, window=1)
    assert found.bus.read_block(address, 128) == before
    firmware.set_instance(
        replace(APP, tx_region=Region(0x2007_1000, 64), tx_channel=5, rx_channel=6, dcache_alignment=32)
    )
    firmware.set_work(messages=7, size_min=2, size_max=3, seed=-1, window=4)
    words = [found.bus.read32(address + offset) for offset in range(8, 60, 4)]
    assert words == [0x2007_1000, 64, 0x2007_8000, 0x800, 5, 6, 32, 0, 7, 2, 3, 0xFFFFFFFF, 4]


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_the_images_of_every_soc_have_the_instance_of_its_board(board: Board) -> None:
    with EmbeddedMachine(platform_file(board.name)) as machine:
        for role in board.roles:
            core = machine.core(role)
            firmware = StubFirmware(core.load(stub("echo", role, board.name)), core.bus)
            expected = board.instance if role == "app" else board.instance.mirrored()
            assert replace(firmware.instance(), name=expected.name) == expected


@pytest.mark.parametrize(
    ("name", "core", "soc", "text"),
    [
        (
            "ping",
            "flpr",
            "nrf54l15",
            "'ping' for core flpr; there are echo-app, echo-detect-app, echo-detect-flpr, ",
        ),
        ("echo", "rad", "nrf54l15", "'echo' for core rad; there are echo-app, "),
    ],
)
def test_a_stub_that_there_is_not_is_said(name: str, core: str, soc: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^no firmware stub {text}"):
        stub(name, core, soc)


def test_another_version_of_the_parameters_is_refused(machine: EmbeddedMachine) -> None:
    core = machine.core("net")
    image = core.load(stub("echo", "net"))
    core.bus.write32(image.symbols[PARAMS_SYMBOL] + 4, 99)
    with pytest.raises(
        FirmwareError, match=r"icmsg_params has version 99, this release needs \d+; rebuild the stubs"
    ):
        StubFirmware(image, core.bus)


@pytest.mark.parametrize(
    ("offset", "value", "word"),
    [(8, 0x2007_0002, "tx_region"), (20, 0x1_0000, "rx_size"), (28, 99, "rx_channel"), (56, 0, "window")],
)
def test_a_parameter_that_a_stub_refuses_is_named(
    machine: EmbeddedMachine, offset: int, value: int, word: str
) -> None:
    core, firmware = load(machine, "app", "initiator")
    poke(core, offset, value)
    core.start()
    machine.run_for(MS)
    stats = firmware.stats()
    assert stats is not None
    assert stats.trouble() == f"refuses its parameters: {word} (icmsg_params, offset {offset})"


def test_a_fault_is_told_with_its_place(machine: EmbeddedMachine) -> None:
    core, firmware = load(machine, "net", "echo")
    assert core.image is not None
    at = core.image.symbols["link_bond"] & ~1
    core.bus.write16(at, 0xDE00)  # UDF
    core.start()
    machine.run_for(MS)
    stats = firmware.stats()
    assert stats is not None
    assert stats.trouble() == f"took exception 3 at PC 0x{at:08X} (CFSR 0x00010000)"
