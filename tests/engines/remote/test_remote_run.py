"""``icmsg run --renode``: the exchange of the command in a Renode that somebody else started."""

from __future__ import annotations

import socket
from json import loads
from typing import TYPE_CHECKING, Any

import pytest
from telnet_server import TelnetServer
from typed_paths import typed

from icmsg.assets import asset
from icmsg.cli.main import main
from icmsg.engines.choice import REMOTE_USE, make_machine, remote_engine
from icmsg.engines.remote.monitor import TelnetMachine
from icmsg.errors import ConfigurationError, EngineError
from icmsg.monitor.embedded import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def monitor() -> Iterator[EmbeddedMonitor]:
    with EmbeddedMonitor() as monitor:
        yield monitor


@pytest.fixture
def address(monitor: EmbeddedMonitor) -> Iterator[str]:
    with TelnetServer(monitor.execute, prompt=lambda: monitor.prompt.strip("()")) as server:
        yield f"127.0.0.1:{server.port}"


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any]:
    code = main(["run", "--json", *options])
    printed = capsys.readouterr().out
    return code, loads(printed) if printed else None


def test_an_exchange_by_commands_brings_every_byte_back(
    monitor: EmbeddedMonitor, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
    for _ in range(2):  # it hangs up, so the next one can call
        code, found = run(capsys, "--renode", address, "--messages", "10")
        assert code == 0
        assert (found["engine"], found["messages_received"], found["mismatches"]) == ("remote", 10, 0)
        assert found["engine_reason"] == f"the Monitor at {address}"
        assert found["consoles"]["net"][-2:] == ["echo: up", "echo: bound"]


def test_a_second_run_on_the_same_renode_gives_the_figures_and_the_hash_of_the_first(
    monitor: EmbeddedMonitor, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
    same = "--renode", address, "--messages", "10"
    first = run(capsys, *same)[1]
    assert run(capsys, "--renode", address, "--messages", "30", "--size", "90", "--seed", "9")[0] == 0
    monitor.execute("shared WriteDoubleWord 0xF000 0x12345678")  # and somebody else was there, too
    monitor.execute('emulation RunFor "0.0123"')
    second = run(capsys, *same)[1]
    assert second.pop("wall_s") != first.pop("wall_s")
    assert second == first


@pytest.mark.parametrize("json", [True, False])
def test_a_renode_that_goes_away_fails_the_run_with_the_command_at_which_it_did(
    monitor: EmbeddedMonitor, capsys: pytest.CaptureFixture[str], json: bool
) -> None:
    monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
    steps = 0

    def execute(line: str) -> str:
        nonlocal steps
        steps += "RunUntil" in line
        if steps == 5:
            server.hang_up()
        return monitor.execute(line)

    with TelnetServer(execute, prompt=lambda: monitor.prompt.strip("()")) as server:
        options = ["run", "--renode", f"127.0.0.1:{server.port}", "--messages", "10", *["--json"] * json]
        assert main(options) == 1
    printed, words = capsys.readouterr().out, "hung up at `ipcapp RunUntil"
    if json:
        found = loads(printed)
        assert (found["ok"], found["bound"], len(found["problems"])) == (False, False, 1)
        assert words in found["problems"][0]
    else:
        assert words in printed
        assert printed.endswith("FAILED\n")


def test_without_a_machine_the_command_says_what_to_include(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--renode", address]) == 2
    assert "include renode/nrf5340.resc" in capsys.readouterr().err


def test_where_nobody_listens_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["run", "--renode", f"127.0.0.1:{port}"]) == 2
    printed = capsys.readouterr().err
    assert f"no Monitor listens on 127.0.0.1:{port}" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "address", ["1234", "localhost", "localhost:", ":1234", "localhost:http", "localhost:70000"]
)
def test_what_is_no_host_and_port_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="use HOST:PORT, for example 127"):
        remote_engine(address)


def test_an_address_of_version_six_is_taken() -> None:
    assert remote_engine("[::1]:1234").address == ("::1", 1234)


def test_two_engines_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--engine", "embedded", "--renode", "127.0.0.1:1234"]) == 2
    assert "leave --engine embedded away" in capsys.readouterr().err


def test_the_machine_hangs_up_when_it_is_closed_or_cannot_be_made(
    monitor: EmbeddedMonitor, address: str
) -> None:
    with pytest.raises(EngineError, match="no machine of"):
        make_machine(remote_engine(address))
    monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
    for _ in range(2):
        machine = make_machine(remote_engine(address), quantum_ns=20_000, latency_ns=0)
        assert isinstance(machine, TelnetMachine)
        assert machine.engine == "remote"
        machine.close()


def test_the_engine_says_how_it_is_used() -> None:
    assert "--renode 127.0.0.1:1234" in REMOTE_USE
    assert "TelnetMonitor(port=1234)" in REMOTE_USE
