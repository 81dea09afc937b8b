"""The GDB server over sockets: both cores of an exchange, which ends as one that nobody debugged."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from debugged_exchange import debugged, stub_image
from rsp_client import Client, talking

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.gdb import Debugger, Halted

if TYPE_CHECKING:
    from collections.abc import Iterator

APP, NET = stub_image("initiator", "app"), stub_image("echo", "net")
LINK_SEND = APP.symbol("link_send") & ~1
PBUF_WRITE = APP.symbol("pbuf_write") & ~1
NET_WRITE = NET.symbol("pbuf_write") & ~1
PC, LR, SP = 15, 14, 13


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return debugged(None).trace_sha256


def test_stops_on_both_cores_a_look_at_the_message_steps_and_the_hash_is_that_of_a_run_alone(
    undisturbed: str,
) -> None:
    def talk(client: Client) -> None:
        assert client.ask("?") == "T05thread:1;"
        assert client.register(PC) == APP.symbol("Reset_Handler") & ~1
        for address in (LINK_SEND, NET_WRITE):
            assert client.ask(f"Z0,{address:x},2") == "OK"
        stops = [client.run() for _ in range(6)]
        assert {"T05thread:1;", "T05thread:2;"} == set(stops)
        while client.run() != "T05thread:1;":
            pass
        assert client.register(PC) == LINK_SEND
        message = client.register(1)
        assert len(client.ask(f"m{message:x},10")) == 32
        # Step out: to where the call returns to.
        back = client.register(LR) & ~1
        assert client.ask(f"Z1,{back:x},2") == "OK"
        assert client.ask(f"z0,{NET_WRITE:x},2") == "OK"
        assert client.run() == "T05thread:1;"
        assert client.register(PC) == back
        at = client.register(PC)
        assert client.run("vCont;s:1;c") == "T05thread:1;"
        assert client.register(PC) in (at + 2, at + 4)
        assert client.ask(f"z1,{back:x},2") == "OK"
        assert client.ask(f"z0,{LINK_SEND:x},2") == "OK"
        assert client.run() == "W00"

    assert debugged(talk).trace_sha256 == undisturbed


def test_a_thousand_steps_of_both_cores_change_nothing(undisturbed: str) -> None:
    def talk(client: Client) -> None:
        client.ask("?")
        for _ in range(700):
            assert client.run("vCont;s:1;c") == "T05thread:1;"
        client.ask(f"Z0,{NET_WRITE:x},2")
        assert client.run() == "T05thread:2;"
        for _ in range(300):
            assert client.run("vCont;s:2;c") == "T05thread:2;"
        client.ask(f"z0,{NET_WRITE:x},2")
        assert client.run() == "W00"

    assert debugged(talk).trace_sha256 == undisturbed


def test_a_watchpoint_stops_behind_the_store_and_says_where(undisturbed: str) -> None:
    wr_idx = 0x2007_0004

    def talk(client: Client) -> None:
        client.ask("qSupported:swbreak+;hwbreak+")
        client.ask(f"Z2,{wr_idx:x},4")
        values = []
        for _ in range(4):
            assert client.run() == f"T05thread:1;watch:{wr_idx:x};"
            values.append(int.from_bytes(bytes.fromhex(client.ask(f"m{wr_idx:x},4")), "little"))
        assert values == sorted(set(values)), "each stop shows the value that was stored"
        client.ask(f"z2,{wr_idx:x},4")
        assert client.run() == "W00"

    assert debugged(talk).trace_sha256 == undisturbed


def test_ctrl_c_stops_a_run_that_would_go_on(undisturbed: str) -> None:
    def talk(client: Client) -> None:
        client.send("c")
        client.interrupt()
        reply = client.receive()
        assert reply.startswith("T02thread:") or reply == "W00"
        if reply != "W00":
            assert client.run("c") == "W00"

    assert debugged(talk).trace_sha256 == undisturbed


def test_time_and_python_stand_while_a_client_is_halted() -> None:
    with EmbeddedMachine() as machine:
        core = machine.core("net")
        core.load(NET)
        core.start()
        python: list[int] = []

        def tick() -> None:
            python.append(machine.now_ns)
            machine.clock.call_later(1000, tick)

        machine.clock.call_later(1000, tick)
        debugger = Debugger(machine, waits=False)
        server = debugger.listen(0)
        client = Client(server.port)
        debugger.serve(1)
        before = machine.now_ns
        for _ in range(3):
            with pytest.raises(Halted):
                machine.run_for(1_000_000)
        assert (machine.now_ns, python) == (before, [])
        client.send("c")
        debugger.serve(1)
        machine.run_for(10_000)
        assert len(python) == 10
        client.close()
        debugger.stop()


def test_a_client_that_goes_away_resumes_everything(undisturbed: str) -> None:
    def talk(client: Client) -> None:
        client.ask(f"Z0,{LINK_SEND:x},2")
        assert client.run() == "T05thread:1;"

    assert debugged(talk).trace_sha256 == undisturbed


def test_detach_and_kill_resume_too(undisturbed: str) -> None:
    def detach(client: Client) -> None:
        assert client.ask("D") == "OK"

    def kill(client: Client) -> None:
        client.send("k")
        with pytest.raises(ConnectionError):
            client.receive()

    assert debugged(detach).trace_sha256 == undisturbed
    assert debugged(kill).trace_sha256 == undisturbed


def test_registers_and_memory_are_written_as_they_are_read() -> None:
    def talk(client: Client) -> None:
        everything = client.ask("g")
        assert client.ask(f"G{everything}") == "OK"
        assert client.ask("P4=78563412") == "OK"
        assert client.register(4) == 0x1234_5678
        assert client.ask("M20000800,4:01020304") == "OK"
        assert client.ask(b"X20000804,3:\x7d\x03#") == "OK"
        assert client.ask("m20000800,7") == "010203047d0323"
        assert client.ask("m50000,4") != ""
        assert client.ask("m60000000,4") == "E0e"
        assert client.ask("M60000000,1:00") == "E0e"
        assert client.ask("m20000800") == "E16"
        assert client.ask("p99") == "E16"
        assert len(client.ask("me000ed00,4")) == 8
        client.ask("P4=00000000")
        client.send("D")

    assert debugged(talk).ok


def test_the_cores_are_threads_and_say_what_they_do() -> None:
    def talk(client: Client) -> None:
        assert client.ask("qfThreadInfo") == "m1,2"
        assert client.ask("qsThreadInfo") == "l"
        told = bytes.fromhex(client.ask("qThreadExtraInfo,1")).decode()
        assert told == "core app initiator-app.elf: runs"
        assert client.ask("Hg2") == "OK"
        assert client.ask("qC") == "QC2"
        assert client.ask("Hg3") == "E01"
        assert client.ask("T2") == "OK"
        assert client.ask("T9") == "E01"
        client.send("D")

    assert debugged(talk).ok


@pytest.mark.parametrize(("soc", "core", "count"), [("nrf5340", "app", 23), ("nrf54l15", "flpr", 21)])
def test_the_target_description_has_as_many_registers_as_are_sent(soc: str, core: str, count: int) -> None:
    with EmbeddedMachine(platform_file(soc)) as machine:
        debugger = Debugger(machine)
        server = debugger.listen(0, [core])

        def talk(client: Client) -> None:
            text, more = "", "m"
            while more == "m":
                answer = client.ask(f"qXfer:features:read:target.xml:{len(text):x},100")
                more, text = answer[0], text + answer[1:]
            names = [register.get("name") for register in ET.fromstring(text).iter("reg")]
            assert len(names) == len(set(names)) == count
            assert len(client.ask("g")) == 8 * count
            assert client.ask("qXfer:features:read:other.xml:0,100") == "E00"
            client.send("D")

        with talking(server.port, talk):
            debugger.expect_clients()
            machine.run_for(1000)
        debugger.stop()


def test_cores_of_two_architectures_need_two_servers() -> None:
    with (
        EmbeddedMachine(platform_file("nrf54l15")) as machine,
        pytest.raises(
            ConfigurationError, match=r"app, flpr are not of one architecture.*start a server for each"
        ),
    ):
        Debugger(machine).listen(0)


def test_it_listens_on_loopback_alone_unless_told_otherwise() -> None:
    with EmbeddedMachine() as machine:
        debugger = Debugger(machine)
        assert debugger.listen(0).listener.getsockname()[0] == "127.0.0.1"
        assert debugger.listen(0, host="0.0.0.0").listener.getsockname()[0] == "0.0.0.0"
        debugger.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_or_impossible_is_refused_with_the_reason(taken: int) -> None:
    with EmbeddedMachine() as machine:
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{taken}: Address already in use"):
            Debugger(machine).listen(taken)
        with pytest.raises(ConfigurationError, match="there is no port 70000"):
            Debugger(machine).listen(70_000)


def test_a_second_client_is_turned_away() -> None:
    def talk(client: Client) -> None:
        client.ask("?")
        second = Client(client.peer.getpeername()[1])
        with pytest.raises(ConnectionError):
            second.ask("?")
        second.close()
        assert client.run() == "W00"

    assert debugged(talk).ok


def test_monitor_commands_go_to_the_monitor_and_refusals_are_shown() -> None:
    given: list[str] = []

    def monitor(command: str) -> str:
        given.append(command)
        return "x" * 5000

    def talk(client: Client) -> None:
        text, answer = "", client.ask(f"qRcmd,{b'cpuapp PC'.hex()}")
        while answer != "OK":
            assert answer[0] == "O"
            text, answer = text + bytes.fromhex(answer[1:]).decode(), client.receive()
        assert text == "x" * 5000 + "\n"
        assert client.ask("qRcmd,zz") == "E16"
        client.send("D")

    assert debugged(talk, monitor=monitor).ok
    assert given == ["cpuapp PC"]
