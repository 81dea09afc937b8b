"""``machine StartGdbServer`` in the Monitor, and ``monitor`` commands of a GDB."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from rsp_client import Client, talking

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.gdb.server import Server

ROOT: Final = Path(__file__).parent.parent.parent
PC: Final = 15


@pytest.fixture
def monitor() -> Iterator[EmbeddedMonitor]:
    """A machine whose network core runs the stub `echo`, Python plays the other one."""
    with EmbeddedMonitor(ROOT) as made:
        made.execute("include @renode/app-python.resc")
        yield made


def servers(monitor: EmbeddedMonitor) -> list[Server]:
    selected = monitor.emulation.selected
    assert selected is not None
    assert selected.debugger is not None
    return selected.debugger.servers


def test_run_for_waits_for_the_client_that_has_halted_and_takes_its_monitor_commands(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute('machine StartGdbServer 0 false "cpunet"')
    machine = monitor.machine
    assert machine is not None

    def command(client: Client, text: str) -> str:
        answer, printed = client.ask(f"qRcmd,{text.encode().hex()}"), ""
        while answer != "OK":
            printed += bytes.fromhex(answer[1:]).decode()
            answer = client.receive()
        return printed

    def talk(client: Client) -> None:
        image = machine.core("net").image
        assert image is not None
        main = image.symbol("main") & ~1
        assert client.ask(f"Z0,{main:x},2") == "OK"
        assert client.run() == "T05thread:1;"
        assert client.register(PC) == main
        assert command(client, "cpunet PC") == f"0x{main:x}\n"
        assert re.match(r"Current virtual time", command(client, "currentTime"))
        assert "did you mean" in command(client, "icmsg statu")
        assert "runs already" in command(client, 'emulation RunFor "0.1"')
        assert command(client, "icmsg status").startswith("ipc0:")
        client.ask("D")

    with talking(servers(monitor)[0].port, talk):
        while not servers(monitor)[0].client:
            monitor.attend()
        monitor.execute('emulation RunFor "0.001"')
    assert machine.now_ns == 1_000_000


def test_at_a_prompt_nothing_waits_for_a_halted_client(monitor: EmbeddedMonitor) -> None:
    monitor.execute("machine StartGdbServer 0")
    machine = monitor.machine
    assert machine is not None
    client = Client(servers(monitor)[0].port)
    monitor.attend()
    assert monitor.is_started, "a client starts the emulation, unless autostart is false"
    monitor.pump(1_000_000)
    assert machine.now_ns == 0
    client.send("c")
    for _ in range(100):
        monitor.pump(100_000)
        monitor.attend()
    assert machine.now_ns > 5_000_000
    client.interrupt()
    while not servers(monitor)[0].is_halted:
        monitor.pump(100_000)
        monitor.attend()
    assert client.receive() == "T02thread:1;"
    before = machine.now_ns
    monitor.pump(1_000_000)
    assert machine.now_ns == before
    monitor.execute("machine StopGdbServer")
    monitor.pump(1_000_000)
    assert machine.now_ns == before + 1_000_000
    client.close()


def test_a_reset_by_the_client_at_a_breakpoint_goes_on_from_the_vector_table(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute('machine StartGdbServer 0 false "cpunet"')
    machine = monitor.machine
    assert machine is not None

    def talk(client: Client) -> None:
        image = machine.core("net").image
        assert image is not None
        client.ask(f"Z0,{image.symbol('main') & ~1:x},2")
        for _ in range(3):
            assert client.run() == "T05thread:1;"
            assert client.ask(f"qRcmd,{b'cpunet Reset'.hex()}") == "OK"
            assert client.register(PC) == image.symbol("Reset_Handler") & ~1
        client.ask("D")

    with talking(servers(monitor)[0].port, talk):
        while not servers(monitor)[0].client:
            monitor.attend()
        monitor.execute('emulation RunFor "0.001"')
    assert machine.now_ns == 1_000_000


def test_clearing_the_emulation_lets_the_client_go(monitor: EmbeddedMonitor) -> None:
    monitor.execute("machine StartGdbServer 0")
    client = Client(servers(monitor)[0].port)
    monitor.attend()
    monitor.execute("Clear")
    with pytest.raises(ConnectionError):
        client.receive()
    client.close()


def test_mistakes_are_refused_with_what_to_do(monitor: EmbeddedMonitor) -> None:
    for command, text in {
        'machine StartGdbServer 0 true "cpux"': "No core is called cpux",
        "machine StartGdbServer 99999": "there is no port 99999",
    }.items():
        with pytest.raises(MonitorError, match=text):
            monitor.execute(command)
    with EmbeddedMonitor(ROOT) as empty:
        empty.execute("mach create")
        with pytest.raises(MonitorError, match="load a platform description first"):
            empty.execute("machine StartGdbServer 3333")
        empty.execute("machine LoadPlatformDescription @platforms/nrf54l15.repl")
        with pytest.raises(MonitorError, match="start a server for each"):
            empty.execute("machine StartGdbServer 0")
        empty.execute('machine StartGdbServer 0 true "cpuflpr"')


def test_a_command_that_lets_time_pass_waits_for_a_client_that_has_halted_at_the_prompt(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute("machine StartGdbServer 0")
    machine = monitor.machine
    assert machine is not None
    server = servers(monitor)[0]
    halted = threading.Event()

    def talk(client: Client) -> None:
        client.ask("?")
        assert halted.wait(30)
        client.send("c")
        with suppress(ConnectionError):
            client.receive()

    with talking(server.port, talk):
        while server.client is None:
            monitor.attend()
        monitor.pump(1_000_000)
        assert (server.is_halted, machine.now_ns) == (True, 0)
        halted.set()
        monitor.execute("cpunet Step 20")
        assert machine.now_ns > 0
        monitor.execute("machine StopGdbServer")
