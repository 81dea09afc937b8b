"""The Monitor of a Renode in this process, and the machine of a script, over the fake .NET members."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from looped import for_each
from typed_changes import (
    WAYS,
    by_a_macro,
    by_a_script,
    by_an_alias,
    by_itself,
    by_python,
    halts,
    machine_of,
    starts_and_is_looked_at,
)
from typed_paths import typed

from icmsg.assets import asset, stub
from icmsg.config.boards import BOARDS
from icmsg.config.nrf5340 import APP
from icmsg.engines.lockstep.monitor_text import run_for_ns, split
from icmsg.engines.lockstep.records import LOCKED_UP, Record
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.engines.renode.monitor import RenodeMonitor
from icmsg.errors import EngineError, MonitorError
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_dotnet import FakeRenode
    from typed_changes import Way

    from icmsg.engines.renode.monitor import AttachedMachine
    from icmsg.ipc.instance import Endpoint


SCRIPTS = asset("renode")
STATES = EventKind.CORE_HALTED, EventKind.CORE_STARTED


@pytest.fixture
def monitor(renode: FakeRenode) -> Iterator[RenodeMonitor]:
    with RenodeMonitor() as monitor:
        yield monitor


def attach(monitor: RenodeMonitor, script: str) -> AttachedMachine:
    monitor.execute(f"include {typed(SCRIPTS / script)}")
    machine = monitor.machine
    assert machine is not None
    return machine


def play_app(machine: AttachedMachine) -> tuple[Endpoint, list[bytes]]:
    received: list[bytes] = []
    app = PlayedInstance(machine, machine.core("app"), APP)
    endpoint = app.instance.register_endpoint(
        EndpointConfig(received=lambda data: received.append(bytes(data)))
    )
    machine.run_until(lambda: endpoint.is_bound, timeout_ns=10 * MS)
    return endpoint, received


class TestTheMachineOfAScript:
    def test_before_a_script_there_is_none(self, monitor: RenodeMonitor) -> None:
        assert (monitor.machine, monitor.prompt) == (None, "(monitor)")

    def test_its_cores_are_as_the_script_left_them(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        app, net = machine.core("app"), machine.core("net")
        assert (app.is_halted, app.runs_firmware, app.image) == (True, False, None)
        assert (net.is_halted, net.runs_firmware) == (False, True)
        assert net.image is not None
        assert str(net.image.path) == str(stub("echo", "net"))
        assert (monitor.prompt, machine.quantum_ns) == ("(nrf5340)", 10 * US)
        assert monitor.machine is machine

    def test_python_bonds_with_the_firmware_that_the_script_started(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        endpoint, received = play_app(machine)
        endpoint.send(b"hello")
        machine.run_until(lambda: bool(received), timeout_ns=10 * MS)
        assert received == [b"hello"]

    @pytest.mark.parametrize("soc", BOARDS)
    def test_which_soc_it_is_its_cores_say(self, monitor: RenodeMonitor, soc: str) -> None:
        machine = attach(monitor, f"{soc}.resc")
        assert tuple(machine.cores) == BOARDS[soc].roles

    def test_it_stays_when_python_lets_it_go(self, renode: FakeRenode, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        made = renode.current
        machine.close()
        assert renode.current is made is not None
        assert made.followed == 0

    def test_a_core_that_python_played_is_force_off_s_again_when_it_lets_it_go(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        machine = attach(monitor, "net-python.resc")
        machine.core("net").play()
        machine.run_for(1 * MS)
        made = renode.current
        assert made is not None
        net = made.soc.core("net")
        assert net.is_played_elsewhere
        machine.close()
        assert not net.is_played_elsewhere

    def test_a_machine_of_another_platform_is_refused_with_words(
        self, renode: FakeRenode, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.repl"
        other.write_text(
            'cpuapp: CPU.CortexM @ sysbus\n    cpuType: "cortex-m33"\n    nvic: nvicapp\n'
            'cpuradio: CPU.CortexM @ sysbus\n    cpuType: "cortex-m33"\n    nvic: nvicapp\n'
            "nvicapp: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration "
            "{ address: 0xE000E000; cpu: cpuapp }\n    -> cpuapp@0\n"
        )
        with RenodeMonitor(other) as monitor:
            monitor.execute(f"include {typed(SCRIPTS)}/app-python.resc")
            with pytest.raises(EngineError, match="has no cpuradio, so it was not made from"):
                _ = monitor.machine
            assert renode.current is not None

    def test_one_that_runs_by_itself_is_not_looked_at(self, monitor: RenodeMonitor) -> None:
        monitor.execute(f"include {typed(SCRIPTS)}/app-python.resc; start")
        with pytest.raises(EngineError, match="`pause` it first"):
            _ = monitor.machine
        assert monitor.execute("pause") == "Pausing emulation..."
        assert monitor.machine is not None

    def test_there_is_one_renode_in_a_process(self, monitor: RenodeMonitor) -> None:
        attach(monitor, "app-python.resc")
        with pytest.raises(EngineError, match=r"close\(\) the other first"):
            RenodeMachine()
        monitor.execute("Clear")
        with RenodeMachine() as machine:
            assert machine.now_ns == 0


class TestTimeThroughTheMonitor:
    def test_run_for_lets_the_cores_work_that_python_plays(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        endpoint, received = play_app(machine)
        before = machine.now_ns
        endpoint.send(b"hello")
        assert monitor.execute('emulation RunFor "0.0005"') == ""
        assert (received, machine.now_ns - before) == ([b"hello"], 500 * US)

    def test_run_for_is_renodes_own_before_python_does_anything(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        machine = attach(monitor, "nrf5340.resc")
        monitor.execute('emulation RunFor "0.001"')
        assert 'emulation RunFor "0.001"' in renode.commands
        assert machine.now_ns == 1 * MS
        assert machine.core("net").console.lines[0].text == "echo: up"

    @pytest.mark.parametrize(
        "command",
        ["emulation RunToNearestSyncPoint", "pause", "ipcapp RunUntilInterrupt 5", "emulation RunFor $t"],
    )
    def test_what_would_mix_times_is_refused(self, monitor: RenodeMonitor, command: str) -> None:
        play_app(attach(monitor, "app-python.resc"))
        with pytest.raises(MonitorError, match="lets time pass beside the machine"):
            monitor.execute(command)

    def test_what_needs_a_pause_is_refused(self, monitor: RenodeMonitor) -> None:
        play_app(attach(monitor, "app-python.resc"))
        with pytest.raises(MonitorError, match="needs a paused emulation"):
            monitor.execute("sysbus LoadELF @x.elf cpu=cpunet")

    @pytest.mark.parametrize(
        "command", ["start", "Save @x", "Load @x", "include @renode/nrf5340.resc", "mach clear"]
    )
    def test_what_takes_the_machine_away_is_refused_while_python_plays(
        self, renode: FakeRenode, monitor: RenodeMonitor, command: str
    ) -> None:
        machine = attach(monitor, "app-python.resc")
        play_app(machine)
        with pytest.raises(MonitorError, match="takes the machine away while Python plays core app"):
            monitor.execute(command)
        assert command not in renode.commands
        assert monitor.machine is machine

    def test_it_gives_the_machine_back_when_python_plays_nothing(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        machine = attach(monitor, "nrf5340.resc")
        machine.run_for(1 * MS)  # a lockstep: Renode would refuse to save
        monitor.execute("Save @x")
        assert "Save @x" in renode.commands
        again = monitor.machine
        assert again is not None
        assert again is not machine
        assert again.now_ns >= 1 * MS

    @pytest.mark.parametrize("command", ["pause", "emulation RunFor $t"])
    def test_what_lets_time_pass_by_itself_lets_the_machine_go_when_python_plays_nothing(
        self, monitor: RenodeMonitor, command: str
    ) -> None:
        machine = attach(monitor, "app-python.resc")
        machine.run_for(1 * MS)
        monitor.execute("$t=0.002")
        before = machine.now_ns
        monitor.execute(command)
        assert not machine.is_held
        passed = machine.now_ns - before
        assert 0 < passed <= 10 * MS if command == "pause" else 2 * MS < passed <= 12 * MS
        assert monitor.machine is machine
        machine.run_for(1 * MS)

    @pytest.mark.parametrize("end", ["Clear", "quit", "q"])
    def test_the_end_comes_also_while_python_plays(
        self, renode: FakeRenode, monitor: RenodeMonitor, end: str
    ) -> None:
        machine = attach(monitor, "app-python.resc")
        play_app(machine)
        monitor.execute(end)
        assert (renode.current, monitor.machine, monitor.prompt) == (None, None, "(monitor)")
        assert "quit" not in renode.commands  # it would take the Monitor away from the process
        with pytest.raises(EngineError, match="closed"):
            machine.run_for(1)
        assert attach(monitor, "app-python.resc").now_ns == 0


class TestCoresThatTheMonitorChanges:
    @WAYS
    def test_a_halt_and_its_end_are_seen_and_are_events(
        self, monitor: RenodeMonitor, way: Way, tmp_path: Path
    ) -> None:
        attach(monitor, "app-python.resc")
        story = halts(monitor, way, tmp_path, STATES)
        assert story == ([] if way is by_a_script else [EventKind.CORE_HALTED, EventKind.CORE_STARTED])

    def test_so_are_those_by_python(self, monitor: RenodeMonitor, tmp_path: Path) -> None:
        attach(monitor, "app-python.resc")
        assert halts(monitor, by_python, tmp_path, STATES) == [EventKind.CORE_HALTED, EventKind.CORE_STARTED]

    def test_a_core_that_python_starts_is_not_taken_for_halted_before_it_is_let_go(
        self, monitor: RenodeMonitor
    ) -> None:
        attach(monitor, "app-python.resc")
        assert starts_and_is_looked_at(monitor) == ["echo: up"]

    @pytest.mark.parametrize("way", [by_itself, by_a_macro, by_an_alias])
    def test_a_core_that_got_a_program_counter_can_go_on(
        self, monitor: RenodeMonitor, way: Way, tmp_path: Path
    ) -> None:
        app = attach(monitor, "app-python.resc").core("app")
        assert app.registers == {}
        way(monitor, "cpuapp PC 0x00000100", tmp_path)
        assert app.registers["PC"] == 0x100
        way(monitor, "cpuapp PC 0x00000000", tmp_path)
        assert app.registers == {}

    def test_a_firmware_that_was_loaded_by_an_alias_is_known_once_it_runs(
        self, monitor: RenodeMonitor
    ) -> None:
        app = attach(monitor, "app-python.resc").core("app")
        elf = stub("initiator", "app")
        monitor.execute(f'alias work "sysbus LoadELF {typed(elf)} cpu=cpuapp"')
        assert app.image is None
        monitor.execute("work; cpuapp IsHalted false")
        assert app.image is not None
        assert (str(app.image.path), app.is_halted) == (str(elf), False)

    def test_a_vector_table_that_somebody_types_is_where_the_core_starts(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        net = attach(monitor, "app-python.resc").core("net")
        net.bus.write_block(0x2100_8000, net.bus.read_block(0x0100_0000, 0x100))
        monitor.execute('cpunet IsHalted true; alias move "cpunet VectorTableOffset 0x21008000"; move')
        renode.commands.clear()
        net.start()
        assert "cpunet VectorTableOffset 0x21008000" in renode.commands

    def test_one_that_moves_while_the_core_runs_is_the_firmware_s_and_python_starts_the_image(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        net = attach(monitor, "app-python.resc").core("net")
        net.bus.write_block(0x2100_8000, net.bus.read_block(0x0100_0000, 0x100))
        monitor.execute("cpunet VectorTableOffset 0x21008000; cpunet IsHalted true; cpunet PC")
        renode.commands.clear()
        net.start()
        assert "cpunet VectorTableOffset 0x01000000" in renode.commands

    def test_a_core_that_is_locked_up_is_halted_by_nobody(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        machine = attach(monitor, "app-python.resc")
        net = machine.core("net")
        machine._take_doorbells([Record(machine.now_ns, LOCKED_UP, net.index, 0x100)])
        assert renode.current is not None
        renode.current.objects["cpunet"].halt(True)  # as renode/ExceptionWatch.cs does
        monitor.execute("cpunet PC")
        assert net.lock_up != ""
        assert not net.is_halted

    def test_nothing_is_told_to_the_block_that_holds_a_core(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        attach(monitor, "app-python.resc")
        renode.commands.clear()
        monitor.execute("cpunet IsHalted true; cpunet IsHalted false")
        assert not [command for command in renode.commands if "IsNetworkPlayed" in command]

    def test_an_image_that_python_loaded_is_still_the_one_that_it_starts(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        net = attach(monitor, "app-python.resc").core("net")
        moved = Segment(0x2100_8000, 0x2100_8000, net.bus.read_block(0x0100_0000, 0x100), True)
        net.halt()
        net.load(FirmwareImage(Path("moved"), (moved,), 0x0100_0245, {}))
        monitor.execute("cpunet PC; cpunet SP")
        renode.commands.clear()
        net.start()
        assert "cpunet VectorTableOffset 0x21008000" in renode.commands

    def test_a_machine_that_was_closed_is_attached_to_anew(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        machine.close()
        assert monitor.execute("cpunet IsHalted") == "False"
        assert machine_of(monitor) is not machine

    def test_a_machine_that_a_macro_cleared_is_let_go(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        monitor.execute('macro away\n"""\nClear\n"""\nrunMacro $away')
        assert monitor.machine is None
        assert machine.is_closed

    def test_firmware_that_is_loaded_later_is_known(self, monitor: RenodeMonitor) -> None:
        machine = attach(monitor, "app-python.resc")
        elf = stub("initiator", "app")
        monitor.execute(f"sysbus LoadELF {typed(elf)} cpu=cpuapp\ncpuapp VectorTableOffset 0x00000000")
        image = machine.core("app").image
        assert image is not None
        assert str(image.path) == str(elf)


class TestWhatIsPrinted:
    def test_an_error_is_in_renodes_words(self, monitor: RenodeMonitor) -> None:
        with pytest.raises(MonitorError) as error:
            monitor.execute("include @nothere.resc")
        assert str(error.value) == (
            "There was an error executing command 'include @nothere.resc'\nFile does not exist: nothere.resc"
        )

    def test_an_error_inside_a_script_is_seen(self, monitor: RenodeMonitor, tmp_path: Path) -> None:
        script = tmp_path / "wrong.resc"
        script.write_text("using sysbus\ncpuwrong IsHalted true\n")
        with pytest.raises(MonitorError, match="cpuwrong IsHalted true"):
            monitor.execute(f"include {typed(script)}")

    def test_the_first_error_ends_the_lines(self, renode: FakeRenode, monitor: RenodeMonitor) -> None:
        attach(monitor, "app-python.resc")
        with pytest.raises(MonitorError):
            monitor.execute("cpuwrong PC\ncpunet SP")
        assert "cpunet SP" not in renode.commands

    def test_lines_print_one_below_the_other_and_a_macro_is_one_command(
        self, renode: FakeRenode, monitor: RenodeMonitor
    ) -> None:
        attach(monitor, "app-python.resc")
        text = 'cpuapp IsHalted; cpunet IsHalted\n# a comment\nmacro two\n"""\ncpuapp IsHalted\n"""\nrunMacro $two'
        assert monitor.execute(text) == "True\nFalse\nTrue"
        assert 'macro two\n"""\ncpuapp IsHalted\n"""' in renode.commands

    def test_a_macro_may_be_typed_line_by_line(self, monitor: RenodeMonitor) -> None:
        attach(monitor, "app-python.resc")
        prompts = []
        for line in ("macro one", '"""', "cpuapp IsHalted", '"""'):
            assert monitor.execute(line) == ""
            prompts.append(monitor.prompt)
        assert prompts == [">", ">", ">", "(nrf5340)"]
        assert monitor.execute("runMacro $one") == "True"

    def test_relative_paths_are_those_of_the_process_also_after_a_clear(
        self, renode: FakeRenode, monitor: RenodeMonitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "own.resc").write_text("using sysbus\n")
        monkeypatch.chdir(tmp_path)
        monitor.execute("include @own.resc\nClear\ninclude @own.resc")
        assert renode.folders

    def test_the_word_icmsg_goes_to_who_knows_it(self, renode: FakeRenode, monitor: RenodeMonitor) -> None:
        with pytest.raises(MonitorError):
            monitor.execute("icmsg status net")
        monitor.verbs = lambda words: " ".join(words).upper()
        assert monitor.execute("icmsg status net; icmsg") == "STATUS NET"


class TestTheTextOfCommands:
    @for_each(
        ("command", "ns"),
        [
            ('emulation RunFor "0.01"', 10 * MS),
            ("emulation RunFor 1", 1000 * MS),
            ('emulation RunFor "00:01:02.5"', 62_500 * MS),
            ("emulation RunFor '0.0000001'", 100),
            ("emulation RunFor $time", None),
            ("emulation RunToNearestSyncPoint", None),
        ],
    )
    def test_run_for(self, command: str, ns: int | None) -> None:
        assert run_for_ns(command) == ns

    def test_semicolons_in_a_string_do_not_end_a_command(self) -> None:
        assert list(split('log "a;b"; cpuapp PC ;; #no')) == ['log "a;b"', "cpuapp PC", "#no"]

    def test_a_text_that_does_not_end_is_refused(self) -> None:
        with pytest.raises(MonitorError, match="does not end"):
            list(split('macro x\n"""\ncpuapp PC'))
