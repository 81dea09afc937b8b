"""``icmsg monitor --renode``: the Monitor of a Renode elsewhere, with the verbs beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from telnet_server import TelnetServer
from typed_changes import WAYS, by_a_script, halts, machine_of, starts_and_is_looked_at
from typed_paths import typed

from icmsg.assets import asset, stub
from icmsg.cli.main import main
from icmsg.config.boards import BOARDS
from icmsg.engines.remote.monitor import RemoteMonitor, TelnetMonitor
from icmsg.errors import MonitorError
from icmsg.machine.events import EventKind
from icmsg.monitor.embedded import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typed_changes import Way


@pytest.fixture
def renode() -> Iterator[EmbeddedMonitor]:
    with EmbeddedMonitor() as monitor:
        yield monitor


@pytest.fixture
def server(renode: EmbeddedMonitor) -> Iterator[TelnetServer]:
    with TelnetServer(renode.execute, prompt=lambda: renode.prompt.strip("()>") or "monitor") as server:
        yield server


@pytest.fixture
def monitor(server: TelnetServer) -> Iterator[RemoteMonitor]:
    monitor = RemoteMonitor(TelnetMonitor(port=server.port, patience_s=20))
    yield monitor
    monitor.close()


def include(monitor: RemoteMonitor, script: str) -> None:
    monitor.execute(f"include {typed(asset('renode') / script)}")


def test_commands_go_there_and_answers_come_back(monitor: RemoteMonitor) -> None:
    assert monitor.prompt == "(monitor)"
    assert monitor.machine is None
    include(monitor, "machine.resc")
    assert monitor.prompt == "(nrf5340)"
    assert monitor.execute("ipcapp ReadDoubleWord 0x30C; cpuapp IsHalted") == "0x00000000\nTrue"
    assert (
        monitor.execute("sysbus WriteDoubleWord 0x20070000 7\nsysbus ReadDoubleWord 0x20070000")
        == "0x00000007"
    )
    with pytest.raises(MonitorError, match="No such command or device: foo"):
        monitor.execute("foo")


@pytest.mark.parametrize("soc", BOARDS)
def test_which_soc_it_is_its_cores_say(monitor: RemoteMonitor, soc: str) -> None:
    include(monitor, f"{soc}.resc")
    machine = monitor.machine
    assert machine is not None
    assert tuple(machine.cores) == BOARDS[soc].roles


def test_a_text_of_several_lines_is_typed_line_by_line(
    monitor: RemoteMonitor, renode: EmbeddedMonitor
) -> None:
    include(monitor, "machine.resc")
    monitor.execute(
        'macro twice\n"""\n\tsysbus WriteDoubleWord 0x20070000 1\n\tsysbus WriteDoubleWord 0x20070004 2\n"""'
    )
    monitor.execute("runMacro $twice")
    assert renode.execute("sysbus ReadDoubleWord 0x20070004") == "0x00000002"


def test_the_machine_is_attached_to_and_time_is_one(monitor: RemoteMonitor, renode: EmbeddedMonitor) -> None:
    include(monitor, "app-python.resc")
    machine = monitor.machine
    assert machine is not None
    assert machine is monitor.machine
    machine.run_for(1_000_000)
    before = machine.now_ns
    monitor.execute('emulation RunFor "0.002"')
    assert 0 <= machine.now_ns - before - 2_000_000 < 4_000
    monitor.execute("cpunet IsHalted true")
    assert machine.core("net").is_halted
    monitor.execute("start")  # lets it go first
    assert renode.is_started
    before = machine.now_ns
    renode.pump(5_000_000)
    monitor.execute("pause")
    assert machine.now_ns - before >= 5_000_000
    machine.run_for(1_000)


def test_another_script_makes_another_machine(monitor: RemoteMonitor) -> None:
    include(monitor, "machine.resc")
    first = monitor.machine
    monitor.execute('mach rem "nrf5340"')
    assert monitor.prompt == "(monitor)"
    assert monitor.machine is None
    include(monitor, "nrf5340.resc")
    second = monitor.machine
    assert second is not None
    assert second is not first
    assert [second.core(name).is_halted for name in ("app", "net")] == [False, True]  # net waits for FORCEOFF


def test_a_core_that_python_played_is_force_off_s_again_when_it_lets_it_go(monitor: RemoteMonitor) -> None:
    include(monitor, "machine.resc")
    machine = monitor.machine
    assert machine is not None
    machine.core("net").play()
    machine.run_for(1_000)
    assert monitor.execute("resetapp IsNetworkPlayed") == "True"
    machine.close()
    assert monitor.execute("resetapp IsNetworkPlayed") == "False"


STATES = EventKind.CORE_HALTED, EventKind.CORE_STARTED


@WAYS
def test_a_halt_and_its_end_are_seen_and_are_events(monitor: RemoteMonitor, way: Way, tmp_path: Path) -> None:
    include(monitor, "app-python.resc")
    story = halts(monitor, way, tmp_path, STATES)
    assert story == ([] if way is by_a_script else [EventKind.CORE_HALTED, EventKind.CORE_STARTED])


def test_a_core_that_python_starts_is_not_taken_for_halted_before_it_is_let_go(
    monitor: RemoteMonitor,
) -> None:
    include(monitor, "app-python.resc")
    assert starts_and_is_looked_at(monitor) == ["echo: up"]


@pytest.mark.parametrize("mode", ["Hexadecimal", "Decimal", "Both"])
def test_numbers_are_read_in_the_form_that_the_user_has_chosen(monitor: RemoteMonitor, mode: str) -> None:
    include(monitor, "app-python.resc")
    net = machine_of(monitor).core("net")
    monitor.execute(f"numbersMode {mode}; cpunet IsHalted true")
    assert net.is_halted
    assert net._told is not None
    assert net._told.vector_table == 0x0100_0000


class Listened(TelnetMonitor):
    """A transport that keeps the lines which were sent."""

    def __init__(self, port: int) -> None:
        self.lines: list[str] = []
        super().__init__(port=port, patience_s=20)

    def execute(self, command: str) -> str:
        self.lines.append(command)
        return super().execute(command)


@pytest.fixture
def port(server: TelnetServer) -> Iterator[Listened]:
    port = Listened(server.port)
    with port:
        yield port


def test_a_command_costs_one_question_and_the_files_are_asked_for_after_a_change(port: Listened) -> None:
    monitor = RemoteMonitor(port)

    def sent(command: str) -> list[str]:
        port.lines.clear()
        monitor.execute(command)
        return port.lines

    include(monitor, "app-python.resc")
    machine = machine_of(monitor)
    sent("cpuapp SP")
    net = "cpunet IsHalted; cpunet PC; cpunet VectorTableOffset"
    both = f"cpuapp IsHalted; cpuapp PC; cpuapp VectorTableOffset; {net}"
    assert sent("cpuapp SP") == ["cpuapp SP", "currentTime", both]
    halt = "cpunet IsHalted true"
    assert sent(halt) == [halt, "currentTime", both, "sysbus GetLoadedFingerprints"]
    machine.core("app").play()
    assert sent("cpuapp SP") == ["cpuapp SP", "currentTime", net]
    machine.core("net").play()
    assert sent("cpuapp SP") == ["cpuapp SP", "currentTime"]
    monitor.close()


def test_a_new_emulation_is_told_where_relative_paths_begin(port: Listened) -> None:
    monitor = RemoteMonitor(port)
    monitor.execute("version; Clear; version; version")
    told = f"path add {typed(Path.cwd())}"
    assert port.lines == [told, "version", "Clear", told, "version", "version"]
    monitor.close()


@pytest.mark.parametrize("command", ["start", "Clear", "mach clear", "Save @x"])
def test_what_python_would_miss_is_refused_while_it_plays(monitor: RemoteMonitor, command: str) -> None:
    include(monitor, "app-python.resc")
    machine = monitor.machine
    assert machine is not None
    machine.core("app").on_interrupt(42, lambda: None)
    with pytest.raises(MonitorError, match=r"while Python plays core app; icmsg release, or release"):
        monitor.execute(command)
    assert monitor.machine is machine


def test_a_renode_of_others_is_not_ended(monitor: RemoteMonitor, renode: EmbeddedMonitor) -> None:
    with pytest.raises(MonitorError, match="that somebody else started"):
        monitor.execute("quit")
    assert not renode.has_quit


# The command


def test_the_verbs_stand_beside_the_monitor(
    server: TelnetServer, renode: EmbeddedMonitor, capsys: pytest.CaptureFixture[str]
) -> None:
    renode.execute(f"$netelf={typed(stub('echo', 'net'))}")
    renode.execute(f"include {typed(asset('renode') / 'app-python.resc')}")
    commands = [
        "cpunet IsHalted",
        "icmsg bond app",
        'icmsg send "hello"',
        "icmsg recv",
        "icmsg status",
        "quit",
    ]
    options = [word for command in commands for word in ("-e", command)]
    assert main(["monitor", "--renode", f"127.0.0.1:{server.port}", *options]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("False\n")
    assert "hello" in printed
    assert "app->net" in printed.replace("→", "->")
    assert not renode.has_quit


@pytest.mark.parametrize("release", ["icmsg release", "icmsg_release"])
def test_after_the_release_time_is_renodes_own_again(
    server: TelnetServer, renode: EmbeddedMonitor, capsys: pytest.CaptureFixture[str], release: str
) -> None:
    renode.execute(f"include {typed(asset('renode') / 'app-python.resc')}")
    lines = ("icmsg bond app", release, "start; pause", release)
    options = [word for line in lines for word in ("-e", line)]
    assert main(["monitor", "--renode", f"127.0.0.1:{server.port}", *options]) == 0
    printed = capsys.readouterr().out
    assert "app is given back: nothing plays it, it is halted" in printed
    assert printed.endswith("nothing to release: Python plays no core, and holds no emulation\n")


def test_where_nobody_listens_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--renode", "127.0.0.1:1", "-e", "help"]) == 2
    assert "no Monitor listens on 127.0.0.1:1" in capsys.readouterr().err
