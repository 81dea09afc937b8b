"""The fixtures at work: in this run itself, where nothing has to be made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import platform_file, stub
from icmsg.config.nrf5340 import APP
from icmsg.engines import choice as engines
from icmsg.errors import ConfigurationError, FirmwareError
from icmsg.pytest_plugin import hooks
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.engines.choice import EngineChoice
    from icmsg.machine.machine import Machine
    from icmsg.pytest_plugin.fixtures import LoadFirmware, MakeMachine, OpenPeer


def test_a_peer_bonds_with_a_stub_and_gets_its_message_back(
    icmsg_firmware: LoadFirmware, icmsg_peer: OpenPeer
) -> None:
    icmsg_firmware("net", "echo")
    peer = icmsg_peer("app")
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"


def test_firmware_may_be_a_path_and_may_wait_for_its_start(
    icmsg_machine: Machine, icmsg_firmware: LoadFirmware
) -> None:
    image = icmsg_firmware("net", stub("echo", "net"), start=False)
    assert image.path == stub("echo", "net")
    assert icmsg_machine.core("net").is_halted


def test_firmware_that_is_not_there_is_a_clear_error(icmsg_firmware: LoadFirmware, tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="no such file; give the path of an ELF file"):
        icmsg_firmware("net", tmp_path / "missing.elf")


def test_python_may_play_both_cores_each_as_the_mirror_of_the_other(icmsg_peer: OpenPeer) -> None:
    app, net = icmsg_peer("app"), icmsg_peer("net")
    assert net.config == app.config.mirrored()
    app.wait_for_bound()
    net.wait_for_bound()
    net.send(b"up")
    assert app.receive() == b"up"


def test_an_instance_may_be_given(icmsg_peer: OpenPeer) -> None:
    assert icmsg_peer("net", APP.mirrored()).config.tx_region == APP.rx_region


def test_a_file_in_place_of_an_instance_names_how_it_is_loaded(icmsg_peer: OpenPeer) -> None:
    with pytest.raises(ConfigurationError, match=r"^config 'app\.dts' is no InstanceConfig; .*files=Files"):
        icmsg_peer("app", "app.dts")  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.icmsg(quantum_ns=7_000, platform=platform_file("nrf5340"))
def test_the_marker_says_how_the_machine_is_made(icmsg_machine: Machine) -> None:
    assert icmsg_machine.quantum_ns == 7_000  # type: ignore[attr-defined]  # of every engine, not of the protocol


def test_a_machine_says_which_engine_it_is(icmsg_machine: Machine, icmsg_engine: EngineChoice) -> None:
    assert icmsg_machine.engine == icmsg_engine.name
    assert icmsg_engine.reason


def test_every_machine_of_a_test_starts_at_time_zero_with_halted_cores(
    icmsg_make_machine: MakeMachine,
) -> None:
    machine = icmsg_make_machine()
    assert machine.now_ns == 0
    assert all(core.is_halted for core in machine.cores.values())
    machine.run_for(MS)


def test_the_plugin_knows_the_engines_that_there_are_without_loading_their_module() -> None:
    assert hooks.ENGINES == engines.ENGINES
    assert hooks.VARIABLE == engines.VARIABLE
