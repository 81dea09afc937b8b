"""Machines in a Renode elsewhere: attached to, held, let go; what the contract of every engine does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import renode_monitor
from exchanges import exchange_on
from remote_machines import NO_BLOCKS, NO_EXTENSIONS, on_a_real_renode
from renode_monitor import RenodeMonitor, with_machine
from riscv_beside import write_platform
from thumb import RAM, firmware
from typed_paths import typed

from icmsg.assets import asset, stub
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import ConfigurationError, EngineError, MonitorError, VirtualTimeoutError
from icmsg.link.workload import Workload
from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from pathlib import Path

SHARED = 0x2007_0000
PAIRINGS = [
    ("python", "echo"),
    ("echo", "python"),
    ("python", "initiator"),
    ("initiator", "python"),
    ("initiator", "echo"),
    ("python", "python"),
]


# Exchanges


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_every_pairing_brings_every_byte_back(app: str, net: str) -> None:
    with RemoteMachine(with_machine()) as machine:
        result = exchange_on(machine, app, net, Workload(messages=30, size_min=5, size_max=150, seed=3)).run()
    assert result.problems == ()
    assert (result.ok, result.messages_received, result.mismatches) == (True, 30, 0)
    for name, who in (("app", app), ("net", net)):
        assert result.consoles[name][:2] == ([f"{who}: up", f"{who}: bound"] if who != "python" else [])


@pytest.mark.parametrize("missing", [NO_BLOCKS, NO_EXTENSIONS], ids=["no blocks", "no extensions"])
@pytest.mark.parametrize(("app", "net"), [("python", "echo"), ("python", "python")])
def test_a_renode_with_fewer_files_takes_longer_but_loses_nothing(
    missing: frozenset[str], app: str, net: str
) -> None:
    with RemoteMachine(with_machine(missing=missing)) as machine:
        result = exchange_on(machine, app, net, Workload(messages=10, size_max=200)).run()
    assert (result.problems, result.messages_received, result.mismatches) == ((), 10, 0)


def test_the_same_run_has_the_same_trace() -> None:
    traces = set()
    for _ in range(2):
        with RemoteMachine(with_machine()) as machine:
            traces.add(exchange_on(machine, "python", "echo", Workload(messages=10)).run().trace_sha256)
    assert len(traces) == 1


@pytest.mark.parametrize("missing", [frozenset(), NO_EXTENSIONS], ids=["lockstep", "slices"])
def test_booted_anew_a_machine_does_what_it_did_first(missing: frozenset[str]) -> None:
    monitor = with_machine(missing=missing)
    found = set()
    for messages in (5, 3, 5):
        with RemoteMachine(monitor) as machine:
            machine.boot_anew()
            assert (machine.now_ns, machine.events.count) == (0, 0)
            result = exchange_on(machine, "python", "echo", Workload(messages=messages)).run()
        assert result.ok
        found.add((messages, result.virtual_s, result.bond_virtual_us, result.trace_sha256))
    assert len(found) == 2


@pytest.mark.parametrize(
    "said", ["", "Tried to load assembly 'X.Mine' that has been already loaded. Aborting"]
)
def test_csharp_files_are_compiled_by_the_renode_there_before_anything_else(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "Mine.cs"
    model.touch()
    monitor = with_machine()
    run, sent = monitor.execute, []

    def execute(line: str) -> str:
        sent.append(line)
        if line != f"include @{model}":
            return run(line)
        if said:
            raise MonitorError(said)
        return ""

    monkeypatch.setattr(monitor, "execute", execute)
    with RemoteMachine(monitor, include=[model]) as machine:
        machine.run_for(10_000)
    assert sent[0] == f"include @{model}"


def test_a_csharp_file_that_the_renode_there_does_not_compile_is_an_error_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "Slip.cs"
    model.touch()
    monitor = with_machine()

    def refuse(line: str) -> str:
        raise MonitorError(f"There were compilation errors:\n{line}(1,2): error CS1525: Unexpected symbol")

    monkeypatch.setattr(monitor, "execute", refuse)
    with pytest.raises(EngineError, match=r"Renode refuses `include @.*Slip\.cs`: .*error CS1525"):
        RemoteMachine(monitor, include=[model])
    with pytest.raises(ConfigurationError, match="no such file"):
        RemoteMachine(monitor, include=[tmp_path / "none.cs"])


def test_a_riscv_core_beside_ours_is_left_as_it_is(tmp_path: Path) -> None:
    platform = write_platform(tmp_path)
    monitor = with_machine(platform=platform)
    with RemoteMachine(monitor, platform) as machine:
        machine.boot_anew()
        assert not [
            command
            for line in monitor.lines
            for command in line.split("; ")
            if "cpurv" in command and command not in ("cpurv IsHalted", "cpurv PC")
        ]
        assert not [line for line in monitor.lines if "ramrv" in line]
        with pytest.raises(EngineError, match=r"core rv is a CPU\.RiscV32.*cpurv IsHalted false"):
            machine.core("rv").load(stub("echo", "net"))
        result = exchange_on(machine, "python", "echo", Workload(messages=5)).run()
    assert (result.problems, result.messages_received) == ((), 5)


def test_a_machine_that_runs_is_not_booted_anew() -> None:
    with RemoteMachine(with_machine()) as machine:
        machine.run_for(1_000)
        with pytest.raises(EngineError, match="before the machine runs"):
            machine.boot_anew()


def test_a_message_costs_few_commands() -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        run = exchange_on(machine, "python", "echo", Workload(messages=100))
        before = len(monitor.lines)
        result = run.run()
        used = len(monitor.lines) - before
    assert result.ok
    assert used < 600, f"{used} lines for 100 echoes"
    assert max(map(len, monitor.lines)) < 5000


def test_waiting_for_nothing_costs_few_commands_and_what_rings_is_seen_at_once() -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        before = len(monitor.lines)
        with pytest.raises(VirtualTimeoutError):
            machine.run_until(lambda: False, timeout_ns=1_000_000_000)
        assert len(monitor.lines) - before < 150
        seen: list[Event] = []
        machine.events.add_sink(seen.append)
        machine.core("app").bus.write32(0x5002_A510, 1)
        machine.core("net").bus.write32(0x4101_2594, 1)
        machine.clock.call_later(30_000_000, lambda: machine.core("app").bus.write32(0x5002_A000, 1))
        machine.run_until(lambda: bool(seen), timeout_ns=100_000_000)
        assert seen[0].kind is EventKind.DOORBELL
        assert machine.now_ns - seen[0].time_ns <= 10_000


def test_doorbells_of_python_and_of_firmware_are_in_the_stream_once() -> None:
    seen: list[Event] = []
    with RemoteMachine(with_machine()) as machine:
        machine.events.add_sink(seen.append)
        exchange_on(machine, "python", "echo", Workload(messages=5)).run()
    rings = [event.core for event in seen if event.kind is EventKind.DOORBELL]
    sent = [event for event in seen if event.kind is EventKind.PACKET_SENT]
    assert len(sent) == 5
    assert 6 <= rings.count(0) <= 8, "the magic, its answer, five messages"
    assert rings.count(1) >= 6
    ended = [event.time_ns for event in seen if event.core == 0 and event.kind is EventKind.INTERRUPT]
    assert ended == sorted(ended)


# Attaching


def test_cores_are_taken_over_as_the_script_left_them() -> None:
    monitor = with_machine()
    monitor.execute(f"sysbus LoadELF {typed(stub('echo', 'net'))} cpu=cpunet")
    monitor.execute("cpunet Reset")
    monitor.execute("cpunet VectorTableOffset 0x01000000")
    monitor.execute("cpunet IsHalted false")
    with RemoteMachine(monitor) as machine:
        assert machine.core("app").is_halted
        assert not machine.core("net").is_halted
        image = machine.core("net").image
        assert image is not None
        assert "icmsg_stats" in image.symbols
        assert machine.core("app").image is None
        machine.run_for(1_000_000)
        assert [line.text for line in machine.core("net").console.lines] == ["echo: up"]
        machine.core("net").start()
        machine.run_for(1_000_000)
        assert [line.text for line in machine.core("net").console.lines] == ["echo: up"] * 2


def test_an_emulation_that_is_started_is_paused() -> None:
    monitor = with_machine()
    monitor.started = True
    with RemoteMachine(monitor) as machine:
        assert not monitor.started
        machine.let_go()
        monitor.started = True
        machine.run_for(10_000)
        assert not monitor.started


@pytest.mark.parametrize("missing", [frozenset(), NO_EXTENSIONS], ids=["lockstep", "slices"])
def test_time_that_others_let_pass_is_seen(missing: frozenset[str]) -> None:
    monitor = with_machine(missing=missing)
    with RemoteMachine(monitor) as machine:
        machine.run_for(20_000)
        machine.let_go()
        before = machine.now_ns
        monitor.execute('emulation RunFor "0.5"')
        machine.run_for(20_000)
        assert machine.now_ns >= before + 500_000_000 + 20_000


def test_a_machine_that_was_left_held_can_be_attached_to_again() -> None:
    monitor = with_machine()
    RemoteMachine(monitor).run_for(10_000)
    with RemoteMachine(monitor) as machine:
        machine.run_for(10_000)


def test_the_monitor_s_commands_are_included_where_they_are_missing() -> None:
    monitor = RenodeMonitor()
    other = with_machine()
    monitor.renode = other.renode
    with RemoteMachine(monitor) as machine:
        assert machine.capabilities.blocks
    assert f"include {monitor_path(asset('renode') / 'icmsg_monitor.py')}" in monitor.lines


def test_without_a_machine_the_error_says_what_to_include() -> None:
    with pytest.raises(
        EngineError, match=r"No such command or device: cpuapp\).*include renode/nrf5340\.resc.*mach set"
    ):
        RemoteMachine(RenodeMonitor())


@pytest.mark.parametrize("times", [{"quantum_ns": 0}, {"latency_ns": -1}])
def test_times_that_cannot_be_are_refused(times: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="the quantum must be > 0"):
        RemoteMachine(with_machine(), **times)


def test_the_quantum_is_the_script_s_unless_it_is_given() -> None:
    monitor = with_machine(quantum_ns=50_000)
    RemoteMachine(monitor).close()
    assert monitor.machine.quantum_ns == 50_000
    RemoteMachine(monitor, quantum_ns=20_000).close()
    assert monitor.machine.quantum_ns == 20_000


# Held and let go


def test_what_lets_time_pass_beside_the_lockstep_is_refused() -> None:
    with RemoteMachine(with_machine()) as machine:
        machine.run_for(10_000)
        with pytest.raises(EngineError, match="mixes both times"):
            machine.execute("start")
        machine.let_go()
        machine.execute('emulation RunFor "0.001"')


def test_nothing_waits_when_a_run_has_ended() -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        app = machine.core("app").bus
        machine.clock.call_soon(lambda: app.write_block(SHARED, b"what Python wrote in a handler"))
        machine.run_for(0)
        assert monitor.machine.soc.core("net").bus.read_block(SHARED, 4) == b"what"
        app.write32(SHARED, 0x600D_F00D)
        assert monitor.machine.soc.core("net").bus.read32(SHARED) == 0x600D_F00D


def test_what_others_write_between_runs_is_read() -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        app, seen = machine.core("app").bus, []
        for value in (1, 2, 3):
            monitor.machine.soc.core("net").bus.write32(SHARED, value)
            machine.clock.call_soon(lambda: seen.append(app.read32(SHARED)))
            machine.run_for(10_000)
            seen.append(app.read32(SHARED))
        assert seen == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("where", [RAM["net"] + 0x100, SHARED + 60, SHARED + 64])
def test_what_firmware_writes_is_seen_in_every_step_as_it_is(where: int) -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        net = machine.core("net")
        app = net.bus if where == RAM["net"] + 0x100 else machine.core("app").bus
        net.load(
            firmware(
                f"reset: ldr r0, ={where}; again: ldr r1, [r0]; adds r1, #1; str r1, [r0]; b again",
                core="net",
            )
        )
        net.start()
        true, seen = monitor.machine.soc.core("net").bus, []

        def look() -> None:
            block = app.read_block(where - 8, 24)
            seen.append(app.read32(where))
            assert seen[-1] == true.read32(where)
            assert block == true.read_block(where - 8, 24)
            app.write32(where + 4, seen[-1])
            assert app.read_block(where + 4, 4) == seen[-1].to_bytes(4, "little")
            machine.clock.call_later(10_000, look)

        look()
        machine.run_for(300_000)
        assert len(seen) > 20
        assert sorted(set(seen)) == seen


def test_an_access_that_waited_and_is_refused_is_named() -> None:
    class Refusing(RenodeMonitor):
        def _on_sysbus(self, arguments: list[str]) -> str:
            if arguments[0] == "WriteDoubleWord":
                raise renode_monitor.DotNetError("No such address")
            return super()._on_sysbus(arguments)

    monitor = Refusing()
    monitor.renode = with_machine().renode
    with RemoteMachine(monitor) as machine:
        machine.clock.call_soon(lambda: machine.core("app").bus.write32(SHARED, 7))
        with pytest.raises(
            EngineError, match=r"refuses a part of `sysbus WriteDoubleWord 0x20070000 0x7.*No such address"
        ):
            machine.run_for(10_000)


def test_closing_leaves_the_emulation_as_it_is_and_nothing_of_ours() -> None:
    monitor = with_machine()
    machine = RemoteMachine(monitor)
    machine.run_for(10_000)
    machine.core("app").bus.write32(SHARED, 5)
    machine.close()
    assert monitor.machine.lockstep is None
    assert monitor.doorbells is None
    assert monitor.machine.soc.core("app").bus.read32(SHARED) == 5
    assert monitor.renode.cleared == 0


def test_warnings_of_before_are_not_ours() -> None:
    monitor = with_machine()
    complaint = "ReadDoubleWord from non existing peripheral at 0x1234."
    complaint = f"12:00:00.0000 [WARNING] sysbus: [cpunet: 0x{{:X}}] {complaint}\r\n\r"
    monitor.log.append(complaint.format(0x100))
    with RemoteMachine(monitor) as machine:
        assert machine.warnings == []
        monitor.log.append(complaint.replace("1234", "5678").format(0x200))
        assert [(warning.core, warning.address, warning.pc) for warning in machine.warnings] == [
            ("net", 0x5678, 0x200)
        ]


def test_lost_records_are_an_error() -> None:
    monitor = with_machine()
    with RemoteMachine(monitor) as machine:
        machine.run_for(10_000)
        assert monitor.doorbells is not None
        memoryview(monitor.doorbells._memory).cast("B")[:8].cast("I")[1] = 7
        with pytest.raises(EngineError, match="7 records were lost"):
            machine.run_for(10_000)


def test_a_monitor_that_refuses_says_so_in_its_own_words() -> None:
    with (
        RemoteMachine(with_machine()) as machine,
        pytest.raises(MonitorError, match="No such command or device: foo"),
    ):
        machine.execute("foo")


def test_a_real_renode_outlives_sessions_that_broke_off_and_were_cleared() -> None:
    for _ in range(5):
        machine = on_a_real_renode()
        machine.run_for(1_000_000)
        machine._monitor.close()
    on_a_real_renode().close()
