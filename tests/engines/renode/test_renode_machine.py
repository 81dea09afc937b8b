"""What a machine on Renode promises, over the fake .NET members: time, cores, memory, refusals."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import fake_dotnet
import pytest

from icmsg.assets import platform_file, stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.choice import choose_engine, make_machine
from icmsg.engines.lockstep.records import RESET_REQUESTED, Record
from icmsg.engines.renode import process
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import (
    BusError,
    ConfigurationError,
    EngineError,
    EngineNotAvailableError,
    FirmwareError,
    VirtualTimeoutError,
)
from icmsg.hw.mailboxes.nrf_ipc import NrfIpc
from icmsg.machine.events import EventKind
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from fake_dotnet import FakeRenode

SHARED = 0x2007_0000
NOTHING = 0x6000_0000


def drivers(machine: RenodeMachine) -> tuple[NrfIpc, NrfIpc]:
    """Return the mailboxes of both cores: app rings on channel 0, net on channel 1."""
    app, net = machine.core("app"), machine.core("net")
    return (
        NrfIpc(app.bus, app.mailbox_port.base, tx_channels=1, rx_channels=2),
        NrfIpc(net.bus, net.mailbox_port.base, tx_channels=2, rx_channels=1),
    )


class TestMaking:
    def test_settings_come_behind_the_machine_and_runs_are_serial(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        words = [command.split(" @")[0] for command in renode.commands]
        assert words[0] == "include"
        assert words.index('mach create "icmsg"') < words.index("machine LoadPlatformDescription")
        assert words.index("machine LoadPlatformDescription") < words.index("emulation SetSeed 1")
        assert renode.settings["SetGlobalSerialExecution"] == "true"
        assert renode.settings["SetGlobalAdvanceImmediately"] == "true"
        assert renode.settings["SetGlobalQuantum"] == '"0.0000100005"'
        assert {"NRF_IPC.cs", "Lockstep.cs", "DoorbellJournal.cs", "ConsoleCapture.cs"} <= set(
            renode.compiled
        )

    @pytest.mark.parametrize("ns", [1, 999, 10_000, 30_000, 123_457, 1_000_000_000])
    def test_a_quantum_survives_renodes_conversion(self, renode: FakeRenode, ns: int) -> None:
        with RenodeMachine(quantum_ns=ns):
            text = renode.settings["SetGlobalQuantum"].strip('"')
            whole, _, fraction = text.partition(".")
            assert int(whole) * 1_000_000_000 + int(float(f"0.{fraction}") * 1e9) == ns

    def test_there_is_one_machine_at_a_time(self, renode: FakeRenode) -> None:
        with RenodeMachine() as first, pytest.raises(EngineError, match=r"close\(\) the other first"):
            RenodeMachine()
        assert renode.cleared == 1
        first.close()
        with RenodeMachine():
            assert renode.commands.count(next(c for c in renode.commands if c.startswith("include"))) == 1

    def test_a_platform_that_renode_refuses_leaves_room_for_another(
        self, renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(platform: str) -> None:
            raise fake_dotnet.DotNetError("Error E11: Could not resolve type: 'Miscellaneous.X'.")

        monkeypatch.setattr(fake_dotnet, "FakeMachine", refuse)
        with pytest.raises(EngineError, match=r"Renode refuses `machine LoadPlatform.*` *: Error E11"):
            RenodeMachine()
        monkeypatch.undo()
        assert process._Process.owner is None

    def test_times_that_cannot_be_are_refused(self, renode: FakeRenode) -> None:
        for wrong in ({"quantum_ns": 0}, {"latency_ns": -1}):
            with pytest.raises(ConfigurationError, match="the quantum must be > 0"):
                RenodeMachine(**wrong)

    def test_a_path_that_the_monitor_cannot_read_is_refused(self, renode: FakeRenode, tmp_path: Path) -> None:
        platform = tmp_path / "a;b.repl"
        platform.write_text(platform_file("nrf5340").read_text())
        with pytest.raises(EngineError, match="cannot read the path"):
            RenodeMachine(platform)


class TestLoadingTheProcess:
    def test_auto_takes_renode_where_it_loads_and_says_so(
        self, renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ICMSG_ENGINE", raising=False)
        assert choose_engine("auto").reason == "found; Renode, version 1.16.1.0 (fake)"
        choice = choose_engine("renode")
        assert (choice.name, choice.reason) == ("renode", "asked for; Renode, version 1.16.1.0 (fake)")
        machine = make_machine(choose_engine("auto"), quantum_ns=20 * US)
        assert isinstance(machine, RenodeMachine)
        assert machine.quantum_ns == 20 * US
        machine.close()

    def test_auto_says_what_does_not_fit(self, renode: FakeRenode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ICMSG_ENGINE", raising=False)
        monkeypatch.setenv("PYRENODE_BUILD_DIR", "nowhere")
        choice = choose_engine("auto")
        assert choice.name == "embedded"
        assert choice.reason.startswith("renode cannot be used: PYRENODE_BUILD_DIR=nowhere is no Renode")

    def test_the_variables_are_there_for_the_import_and_gone_after_it(self, renode: FakeRenode) -> None:
        process.load_renode()
        assert "PYRENODE_RUNTIME" not in os.environ
        assert os.environ["PYRENODE_BUILD_DIR"].endswith("tree")

    def test_a_warning_of_the_runtime_stays_one_where_warnings_are_errors(
        self, renode: FakeRenode, tmp_path: Path
    ) -> None:
        with (tmp_path / "wrappers.py").open("a") as wrappers:
            wrappers.write(
                "import warnings\n"
                "warnings.warn_explicit('Mono is old', UserWarning, 'mono.py', 1, 'clr_loader.mono')\n"
            )
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("error")
            process.load_renode()
        assert [str(one.message) for one in seen] == ["Mono is old"]

    def test_a_failed_import_says_what_was_tried_and_is_not_repeated(
        self, renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.modules["pyrenode3"], "__path__", [], raising=False)
        with pytest.raises(
            EngineNotAvailableError, match=r"Renode does not load \(ModuleNotFoundError.*\); it is"
        ):
            process.load_renode()
        with pytest.raises(EngineNotAvailableError, match="a second attempt needs a new process"):
            process.load_renode()
        monkeypatch.delenv("ICMSG_ENGINE", raising=False)
        assert choose_engine("auto").name == "embedded"
        assert (
            "renode cannot be used: Renode does not load (ModuleNotFoundError" in choose_engine("auto").reason
        )
        with pytest.raises(EngineNotAvailableError, match="or use --engine embedded"):
            choose_engine("renode")

    def test_renode_gets_a_temporary_folder_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(process._Process, "temporary", None)
        for name in ("TMPDIR", "TMP", "TEMP"):
            monkeypatch.setenv(name, str(tmp_path))
        folder = process.private_folder()
        assert os.environ["TMPDIR"] == os.environ["TMP"] == folder != str(tmp_path)
        assert process.private_folder() == folder
        Path(folder).rmdir()


class TestTime:
    def test_waits_end_at_synchronization_points_and_do_not_add_up(self, machine: RenodeMachine) -> None:
        machine.run_for(10 * US)
        assert machine.now_ns == 10 * US
        for _ in range(10):
            machine.run_for(3 * US)
        assert machine.now_ns == 40 * US
        machine.run_for(0)
        assert machine.now_ns == 40 * US

    def test_timers_run_in_order_at_the_first_point_behind_their_time(self, machine: RenodeMachine) -> None:
        seen: list[tuple[str, int]] = []
        clock = machine.clock
        for name, delay in (("b", 25 * US), ("a", 5 * US), ("c", 25 * US), ("gone", 7 * US)):
            timer = clock.call_later(delay, lambda name=name: seen.append((name, machine.now_ns)))
            if name == "gone":
                timer.cancel()
        clock.call_soon(lambda: seen.append(("soon", machine.now_ns)))
        machine.run_for(100 * US)
        assert seen == [("soon", 0), ("a", 10 * US), ("b", 30 * US), ("c", 30 * US)]

    def test_a_condition_that_stays_false_ends_with_its_name(self, machine: RenodeMachine) -> None:
        with pytest.raises(VirtualTimeoutError, match=r"the door did not happen within 1\.000 ms"):
            machine.run_until(lambda: False, timeout_ns=1 * MS, what="the door")
        assert machine.now_ns == 1 * MS

    def test_a_handler_cannot_run_the_machine(self, machine: RenodeMachine) -> None:
        machine.clock.call_soon(lambda: machine.run_for(1))
        with pytest.raises(EngineError, match="the machine runs already"):
            machine.run_for(10 * US)
        machine.run_for(10 * US)

    @pytest.mark.parametrize("ns", [-1, 1.5, "1"])
    def test_only_whole_nanoseconds_pass(self, machine: RenodeMachine, ns: int) -> None:
        with pytest.raises(ConfigurationError, match="whole number of nanoseconds"):
            machine.run_for(ns)

    def test_an_emulation_that_fails_is_an_error_and_can_be_closed(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        machine.run_for(10 * US)
        assert renode.current is not None
        assert renode.current.lockstep is not None
        renode.current.lockstep.failure = "stack overflow"
        with pytest.raises(EngineError, match=r"Renode stopped: The emulation failed .*stack overflow"):
            machine.run_for(10 * US)
        machine.close()


class TestPlaying:
    def test_a_doorbell_reaches_its_handler_one_quantum_later(self, machine: RenodeMachine) -> None:
        app, net = drivers(machine)
        net.enable(0)
        times: list[int] = []

        def handler() -> None:
            times.append(machine.now_ns)
            net.acknowledge(0)

        machine.core("net").on_interrupt(machine.core("net").mailbox_port.interrupt, handler)
        machine.run_for(100 * US)
        app.ring(0)
        machine.run_for(100 * US)
        assert times == [110 * US]

    def test_a_line_that_is_high_already_counts_as_rising(self, machine: RenodeMachine) -> None:
        app, net = drivers(machine)
        net.enable(0)
        app.ring(0)
        taken: list[int] = []
        core = machine.core("net")
        core.on_interrupt(core.mailbox_port.interrupt, lambda: (taken.append(1), net.acknowledge(0))[0])
        machine.run_for(50 * US)
        assert taken == [1]

    def test_a_handler_that_does_not_acknowledge_is_found_out(self, machine: RenodeMachine) -> None:
        app, net = drivers(machine)
        net.enable(0)
        core = machine.core("net")
        core.on_interrupt(core.mailbox_port.interrupt, lambda: None)
        app.ring(0)
        with pytest.raises(EngineError, match="handled 1000 times and is still high"):
            machine.run_for(100 * MS)

    def test_an_error_of_a_handler_reaches_the_caller_and_the_machine_goes_on(
        self, machine: RenodeMachine
    ) -> None:
        app, net = drivers(machine)
        net.enable(0)
        calls: list[int] = []

        def handler() -> None:
            calls.append(machine.now_ns)
            net.acknowledge(0)
            if len(calls) == 1:
                raise ValueError("mine")

        core = machine.core("net")
        core.on_interrupt(core.mailbox_port.interrupt, handler)
        app.ring(0)
        with pytest.raises(ValueError, match="mine"):
            machine.run_for(50 * US)
        app.ring(0)
        machine.run_for(50 * US)
        assert len(calls) == 2

    def test_after_release_nobody_is_called(self, machine: RenodeMachine) -> None:
        app, net = drivers(machine)
        net.enable(0)
        core = machine.core("net")
        core.on_interrupt(core.mailbox_port.interrupt, lambda: pytest.fail("called"))
        app.ring(0)
        core.release()
        machine.run_for(50 * US)
        assert core.is_halted

    def test_an_interrupt_that_nothing_raises_is_refused(self, machine: RenodeMachine) -> None:
        with pytest.raises(EngineError, match="nothing in the platform raises interrupt 99 of core app"):
            machine.core("app").on_interrupt(99, lambda: None)


class TestMemory:
    def test_python_and_the_bus_share_memory_without_copies(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        app, net = machine.core("app").bus, machine.core("net").bus
        app.write32(SHARED, 0x1234_5678)
        assert net.read_block(SHARED, 4) == bytes.fromhex("78563412")
        assert renode.current is not None
        assert renode.current.soc.core("net").bus.read32(SHARED) == 0x1234_5678

    def test_what_nothing_answers_is_an_error_although_renode_says_zero(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        bus = machine.core("app").bus
        assert renode.current is not None
        assert renode.current.bus.ReadDoubleWord(NOTHING, renode.current.objects["cpuapp"]) == 0
        for access in (
            lambda: bus.read32(NOTHING),
            lambda: bus.write8(NOTHING, 1),
            lambda: bus.read_block(NOTHING, 4),
            lambda: bus.read32(0x4101_2000),  # the other core's mailbox
        ):
            with pytest.raises(BusError, match="no memory or peripheral is there"):
                access()

    def test_a_block_stays_out_of_registers(self, machine: RenodeMachine) -> None:
        bus = machine.core("app").bus
        with pytest.raises(BusError, match="cannot reach into the registers of ipcapp"):
            bus.read_block(0x5002_A000, 8)
        assert bus.read_block(SHARED - 4, 8) == bytes(8)

    def test_the_mailbox_answers_at_both_of_its_addresses(self, machine: RenodeMachine) -> None:
        bus = machine.core("app").bus
        bus.write32(0x5002_A000 + 0x510, 0x5)
        assert bus.read32(0x4002_A000 + 0x510) == 0x5
        bus.write32(0x4002_A000 + 0x590, 0x1)
        assert bus.read32(0x5002_A000 + 0x590) == 0x1

    def test_shared_memory_refuses_use_while_the_cores_run_and_after_close(
        self, machine: RenodeMachine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        bus = machine.core("app").bus
        assert bus.read32(SHARED) == 0
        run = fake_dotnet.FakeMachine.run_quantum

        def look(fake: fake_dotnet.FakeMachine) -> None:
            with pytest.raises(EngineError) as caught:
                bus.read32(SHARED)
            seen.append(str(caught.value))
            run(fake)

        monkeypatch.setattr(fake_dotnet.FakeMachine, "run_quantum", look)
        machine.run_for(30 * US)
        assert seen
        assert set(seen) == {
            "shared memory shared is in use by the cores: use it between the steps of the machine"
        }
        assert bus.read32(SHARED) == 0
        place = machine.core("app")._place.at(SHARED)
        unused = machine.core("app")._place.at(SHARED - 4)
        assert place is not None
        assert unused is not None
        kept = machine.shared.near(place, SHARED)
        assert kept is not None
        machine.close()
        with pytest.raises(EngineError, match="shared memory shared is gone"):
            _ = kept.bus
        with pytest.raises(EngineError, match="shared memory ramapp is gone"):
            machine.shared.near(unused, SHARED - 4)
        with pytest.raises(BusError, match="the machine is closed"):
            bus.read32(SHARED)

    def test_an_address_of_zero_is_never_used(
        self, renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fake_dotnet.Memory, "TouchSegment", lambda self, number: None)
        with (
            RenodeMachine() as machine,
            pytest.raises(EngineError, match="Renode gives no address for memory shared"),
        ):
            machine.core("app").bus.read32(SHARED)


class TestCommands:
    @pytest.mark.parametrize(
        "command",
        [
            'emulation RunFor "1"',
            "start",
            "emulation RunToNearestSyncPoint",
            "ipcapp RunUntilInterrupt 100",
            "version; start",
        ],
    )
    def test_nobody_else_lets_time_pass(self, machine: RenodeMachine, command: str) -> None:
        machine.run_for(10 * US)
        with pytest.raises(EngineError, match="lets time pass beside the machine"):
            machine.execute(command)

    @pytest.mark.parametrize("command", ["sysbus LoadELF @x.elf cpu=cpunet", "Save @x", "Load @x", "Clear"])
    def test_what_needs_a_pause_is_refused_while_the_lockstep_holds(
        self, machine: RenodeMachine, command: str
    ) -> None:
        machine.run_for(10 * US)
        with pytest.raises(EngineError, match="needs a paused emulation"):
            machine.execute(command)

    def test_errors_of_the_monitor_become_exceptions(self, machine: RenodeMachine) -> None:
        with pytest.raises(
            EngineError, match="Renode refuses `nothing Here`: No such command or device: nothing"
        ):
            machine.execute("nothing Here")
        assert machine.execute("cpunet PC") == "0x0"


class TestCores:
    def start(self, machine: RenodeMachine) -> None:
        core = machine.core("net")
        core.load(stub("echo", "net"))
        core.start()
        machine.run_until(lambda: bool(core.console.lines), timeout_ns=10 * MS, what="the first line")

    def test_firmware_starts_prints_and_starts_again_after_a_reset(self, machine: RenodeMachine) -> None:
        self.start(machine)
        core = machine.core("net")
        assert core.console.lines[0].text == "echo: up"
        assert 0 < core.console.lines[0].time_ns <= machine.now_ns
        assert core.registers["PC"] != 0
        assert core.instructions > 100
        core.reset()
        machine.run_until(lambda: len(core.console.lines) == 2, timeout_ns=10 * MS, what="the line again")
        assert [line.text for line in core.console.lines] == ["echo: up"] * 2

    def test_a_reset_holds_the_core_up_to_the_next_point_and_resets_what_is_its_own(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        self.start(machine)
        del renode.commands[:]
        core = machine.core("net")
        core.reset()
        issued = list(renode.commands)
        assert issued[:2] == ["cpunet IsHalted true", "cpunet Reset"]
        assert {"ipcnet Reset", "nvicnet Reset", "uartnet Reset"} <= set(issued)
        assert "ipcapp Reset" not in issued
        assert "cpunet IsHalted false" not in issued
        machine.run_for(10 * US)
        assert renode.commands[-1] == "cpunet IsHalted false"

    def test_a_halted_core_executes_nothing_until_it_goes_on(self, machine: RenodeMachine) -> None:
        self.start(machine)
        core = machine.core("net")
        core.halt()
        before = core.instructions
        machine.run_for(1 * MS)
        assert (core.is_halted, core.instructions) == (True, before)
        core.resume()
        assert not core.is_halted
        core.reset()
        machine.run_for(1 * MS)
        assert core.instructions > before

    def test_loading_after_a_run_takes_the_lockstep_away_and_keeps_the_others_still(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        self.start(machine)
        net, app = machine.core("net"), machine.core("app")
        before, time = net.instructions, machine.now_ns
        app.load(stub("initiator", "app"))
        assert time < machine.now_ns <= time + 10 * MS
        assert net.instructions == before
        app.start()
        machine.run_until(lambda: bool(app.console.lines), timeout_ns=10 * MS, what="the app's line")
        assert app.console.lines[0].text == "initiator: up"

    def test_an_image_of_the_other_core_is_refused(self, machine: RenodeMachine) -> None:
        with pytest.raises(FirmwareError, match=r"it was linked for core net: load it there \(--net\)"):
            machine.core("app").load(stub("echo", "net"))

    def test_cores_in_use_are_not_taken(self, machine: RenodeMachine) -> None:
        app, net = machine.core("app"), machine.core("net")
        with pytest.raises(EngineError, match="has no firmware"):
            net.start()
        net.load(stub("echo", "net"))
        net.start()
        with pytest.raises(EngineError, match="core net runs firmware; halt it"):
            net.play()
        with pytest.raises(EngineError, match="core net is in use; halt it"):
            net.load(stub("echo", "net"))
        app.play()
        with pytest.raises(EngineError, match="core app is played by Python"):
            app.start()
        with pytest.raises(ConfigurationError, match="no core 'dsp'; the platform has app, net"):
            machine.core("dsp")

    def test_what_happens_to_a_core_is_in_the_stream(self, machine: RenodeMachine) -> None:
        kinds: list[EventKind] = []
        machine.events.add_sink(
            lambda event: kinds.append(event.kind) if event.kind.name.startswith("CORE") else None
        )
        self.start(machine)
        core = machine.core("net")
        core.halt()
        core.resume()
        core.reset()
        assert kinds == [
            EventKind.CORE_STARTED,
            EventKind.CORE_HALTED,
            EventKind.CORE_STARTED,
            EventKind.CORE_RESET,
        ]


class TestWhatHappened:
    def test_the_hash_covers_shared_memory(self, machine: RenodeMachine) -> None:
        before = machine.trace_sha256()
        machine.core("app").bus.write32(APP.tx_region.address, 1)
        assert machine.trace_sha256() != before
        machine.core("app").bus.write32(APP.tx_region.address, 0)
        assert machine.trace_sha256() == before

    def test_warnings_are_read_from_the_log(self, machine: RenodeMachine) -> None:
        lines = [
            "16:22:01.1 [WARNING] sysbus: [cpunet: 0x1A4] (tag: 'X') "
            "ReadDoubleWord from non existing peripheral at 0x41080000.",
            "16:22:01.1 [WARNING] sysbus: [cpunet: 0x1B4] ReadDoubleWord from non existing peripheral at 0x41080000.",
            "16:22:01.2 [ERROR] cpuapp: CPU abort [PC=0xDEAD]: Trying to execute code outside RAM",
            "16:22:01.3 [INFO] uartnet: something else",
        ]
        machine._renode.flush_log = lambda: None  # type: ignore[method-assign]  # the fake would write its own
        machine._log.write_text("\n".join(lines))
        assert [str(warning) for warning in machine.warnings] == [
            "core net: ReadDoubleWord from non existing peripheral at 0x41080000 (PC 0x000001A4, 0x000001A4)",
            "core app: CPU abort at 0x0000DEAD (PC 0x0000DEAD, 0x0000DEAD)",
        ]

    def test_a_storm_of_doorbells_without_a_step_is_taken_all_the_same(self, machine: RenodeMachine) -> None:
        app, _ = drivers(machine)
        for _ in range(20_000):
            app.ring(0)
        assert machine.events.count >= 20_000

    def test_a_closed_machine_says_so(self, machine: RenodeMachine) -> None:
        machine.close()
        machine.close()
        for use in (lambda: machine.run_for(1), machine.trace_sha256, machine.core("net").play):
            with pytest.raises(EngineError, match="this machine is closed"):
                use()


FORCEOFF = 0x50005614


class TestHeldByFirmware:
    """A core that firmware of another core holds in reset, with the events of the embedded engine."""

    @pytest.fixture
    def story(self, machine: RenodeMachine) -> list[EventKind]:
        core = machine.core("net")
        core.load(stub("echo", "net"))
        core.wait_for_release()
        kinds: list[EventKind] = []
        wanted = EventKind.CORE_STARTED, EventKind.CORE_HALTED, EventKind.CORE_RESET
        machine.events.add_sink(
            lambda event: kinds.append(event.kind) if event.core == core.index else None, wanted
        )
        machine.run_for(100 * US)
        return kinds

    def test_release_hold_and_release_are_events(
        self, machine: RenodeMachine, story: list[EventKind]
    ) -> None:
        core, bus = machine.core("net"), machine.core("app").bus
        bus.write32(FORCEOFF, 0)
        machine.run_for(100 * US)
        assert story == [EventKind.CORE_STARTED]
        assert not core.is_halted
        bus.write32(FORCEOFF, 1)
        machine.run_for(100 * US)
        assert story[1:] == [EventKind.CORE_HALTED, EventKind.CORE_RESET]
        assert core.is_halted
        bus.write32(FORCEOFF, 0)
        machine.run_for(100 * US)
        assert story[3:] == [EventKind.CORE_STARTED]
        assert not core.is_halted
        assert [line.text for line in core.console.lines] == ["echo: up"] * 2

    def test_the_instruction_counter_never_falls_back(
        self, machine: RenodeMachine, story: list[EventKind]
    ) -> None:
        core, bus = machine.core("net"), machine.core("app").bus
        counts = []
        for value in (0, 1, 0):
            bus.write32(FORCEOFF, value)
            machine.run_for(200 * US)
            counts.append(core.instructions)
        assert 100 < counts[0] <= counts[1] < counts[2]

    def test_a_core_that_is_held_is_held_once(self, machine: RenodeMachine, story: list[EventKind]) -> None:
        machine.core("app").bus.write32(FORCEOFF, 1)
        machine.run_for(100 * US)
        assert story == []

    def test_firmware_that_resets_its_core_resets_it_and_puts_the_other_into_reset(
        self, renode: FakeRenode, machine: RenodeMachine
    ) -> None:
        app, net = machine.core("app"), machine.core("net")
        for core, name in ((app, "app"), (net, "net")):
            core.load(stub("echo", name))
            core.start()
        machine.run_for(200 * US)
        happened: list[tuple[EventKind, int]] = []
        wanted = EventKind.CORE_STARTED, EventKind.CORE_HALTED, EventKind.CORE_RESET
        machine.events.add_sink(lambda event: happened.append((event.kind, event.core)), wanted)
        del renode.commands[:]
        machine._take_doorbells([Record(machine.now_ns, RESET_REQUESTED, app.index, 0)])
        assert happened == [(EventKind.CORE_RESET, 0), (EventKind.CORE_HALTED, 1), (EventKind.CORE_RESET, 1)]
        machine.run_for(200 * US)
        assert "resetapp NetworkVectorTable 0x01000000" in renode.commands
        assert happened[3:] == [(EventKind.CORE_STARTED, 1)]  # the stub on app writes 0 to FORCEOFF
        assert not app.is_halted
        assert not net.is_halted
        assert [line.text for line in app.console.lines].count("echo: up") == 2
        assert [line.text for line in net.console.lines].count("echo: up") == 2
