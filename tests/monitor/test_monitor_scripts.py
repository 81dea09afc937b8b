"""The scripts for Renode run on the embedded engine, and what they start exchanges messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.config.nrf5340 import APP
from icmsg.errors import MonitorError
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.monitor import EmbeddedMonitor
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = 1000


def console(monitor: EmbeddedMonitor, core: str) -> list[str]:
    assert monitor.machine is not None
    return [line.text for line in monitor.machine.core(core).console.lines]


@pytest.mark.parametrize("script", ["nrf5340", "firmware-firmware"])
def test_firmware_on_both_cores_exchanges_1000_messages(monitor: EmbeddedMonitor, script: str) -> None:
    assert monitor.execute(f"include @renode/{script}.resc") == ""
    assert monitor.prompt == "(nrf5340)"
    monitor.execute('emulation RunFor "0.04"')
    assert console(monitor, "app")[-1] == "initiator: done 1000 of 1000, 0 mismatches"
    assert console(monitor, "net") == ["echo: up", "echo: bound"]


def test_python_on_the_application_core_exchanges_1000_messages(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/app-python.resc")
    machine = monitor.machine
    assert machine is not None
    received: list[bytes] = []
    app = PlayedInstance(machine, machine.core("app"), APP)
    endpoint = app.instance.register_endpoint(
        EndpointConfig(received=lambda data: received.append(bytes(data)))
    )
    machine.run_until(lambda: endpoint.is_bound, timeout_ns=10 * MS)
    sent = [bytes([number & 0xFF] * (1 + number % 90)) for number in range(MESSAGES)]
    for number, data in enumerate(sent, 1):
        endpoint.send(data)
        machine.run_until(lambda: len(received) == number, timeout_ns=10 * MS)  # noqa: B023 - runs here
    assert received == sent


def test_python_on_the_network_core_echoes_1000_messages(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/net-python.resc")
    machine = monitor.machine
    assert machine is not None
    net = PlayedInstance(machine, machine.core("net"), APP.mirrored())
    endpoint = net.instance.register_endpoint(
        EndpointConfig(received=lambda data: endpoint.send(bytes(data)))
    )
    machine.run_until(lambda: len(console(monitor, "app")) == 3, timeout_ns=100 * MS)
    assert console(monitor, "app")[-1] == "initiator: done 1000 of 1000, 0 mismatches"


def test_python_on_both_cores_bonds_and_exchanges(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/python-python.resc")
    machine = monitor.machine
    assert machine is not None
    received: list[bytes] = []
    app = PlayedInstance(machine, machine.core("app"), APP)
    net = PlayedInstance(machine, machine.core("net"), APP.mirrored())
    ours = app.instance.register_endpoint(EndpointConfig())
    net.instance.register_endpoint(EndpointConfig(received=lambda data: received.append(bytes(data))))
    machine.run_until(lambda: ours.is_bound, timeout_ns=10 * MS)
    for number in range(MESSAGES):
        ours.send(number.to_bytes(2, "little"))
        machine.run_until(lambda: len(received) > number, timeout_ns=10 * MS)  # noqa: B023 - runs here
    assert [int.from_bytes(data, "little") for data in received] == list(range(MESSAGES))


def test_two_runs_of_a_script_have_the_same_trace(monitor: EmbeddedMonitor) -> None:
    hashes = []
    for name in ("first", "second"):
        monitor.execute("mach clear")
        monitor.execute("include @renode/nrf5340.resc")
        monitor.execute('emulation RunFor "0.003"')
        monitor.execute('emulation RunFor "0.004"')
        assert monitor.machine is not None
        hashes.append((name, monitor.machine.trace_sha256()))
        monitor.execute('mach rem "nrf5340"')
    assert hashes[0][1] == hashes[1][1]


def test_a_machine_reset_runs_the_macro_and_the_firmware_again(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/nrf5340.resc")
    monitor.execute('emulation RunFor "0.04"')
    monitor.execute("machine Reset")
    monitor.execute('emulation RunFor "0.04"')
    assert console(monitor, "app").count("initiator: done 1000 of 1000, 0 mismatches") == 2


def test_variables_set_before_the_include_choose_the_firmware(monitor: EmbeddedMonitor) -> None:
    monitor.execute("$netelf=@firmware_stubs/prebuilt/spin-net.elf")
    monitor.execute("include @renode/nrf5340.resc")
    monitor.execute('emulation RunFor "0.001"')
    assert console(monitor, "net") == ["spin: up"]


def test_a_script_that_fails_names_file_and_line(monitor: EmbeddedMonitor) -> None:
    monitor.execute("$netelf=@nowhere.elf")
    with pytest.raises(MonitorError) as error:
        monitor.execute("include @renode/nrf5340.resc")
    text = str(error.value)
    assert "Parameters did not match the signature\nFile does not exist: nowhere.elf" in text
    assert "Parsing line '    sysbus LoadELF $netelf cpu=cpunet' failed." in text
    assert "nrf5340.resc:28" in text


def test_the_shipped_scripts_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedMonitor() as monitor:
        monitor.execute('include @renode/nrf5340.resc; emulation RunFor "0.04"')
        assert console(monitor, "app")[-1] == "initiator: done 1000 of 1000, 0 mismatches"
        text = 'using "platforms/nrf5340.repl"'
        monitor.execute(f"mach create; machine LoadPlatformDescriptionFromString '{text}'")
        assert monitor.execute("cpunet IsHalted") == "False"
        assert f"{tmp_path};" in monitor.execute("path")


def test_a_file_of_the_folder_comes_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "renode").mkdir()
    (tmp_path / "renode" / "nrf5340.resc").write_text('echo "mine"\n')
    with EmbeddedMonitor(tmp_path) as monitor:
        assert monitor.execute("include @renode/nrf5340.resc") == "mine"
