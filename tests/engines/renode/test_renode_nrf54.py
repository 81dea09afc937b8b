"""nRF54L15 and nRF54H20 on the Renode engine: over the fake .NET members, and on a real Renode where there is one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import fake_process
import pytest
from riscv import BASE, STACK, firmware
from test_vpr_stress import COUNT, DONE, RESULTS, WORK, undisturbed

from icmsg.assets import platform_file, stub
from icmsg.config.boards import BOARDS
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import EngineError
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.boot import start_firmware
from icmsg.machine.events import EventKind
from icmsg.machine.image import FirmwareImage
from icmsg.timers import MS, US

CPURUN: Final = 0x5004_C800
INITPC: Final = 0x5004_C808
CLICINT: Final = 0xF000_1000
TASKS_TRIGGER: Final = 0x5004_C000
GRTC: Final = 0x500E_2000
MODE: Final = 0x510
ON: Final = 2
ENABLED: Final = 1 << 8
PAIRINGS: Final = [
    ("python", "python"),
    ("python", "echo"),
    ("echo", "python"),
    ("initiator", "python"),
    ("initiator", "echo"),
    ("echo", "initiator"),
]
Maker = Callable[..., AbstractContextManager[RenodeMachine]]


@contextmanager
def on_the_fake(soc: str, **given: int) -> Iterator[RenodeMachine]:
    """A machine over the fake, in a process that forgets it."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="icmsg-test") as folder:
        renode = fake_process.install(patch, Path(folder))
        try:
            with RenodeMachine(platform_file(soc), **given) as machine:
                yield machine
        finally:
            fake_process.uninstall(renode)


def on_renode(soc: str, **given: int) -> AbstractContextManager[RenodeMachine]:
    """A machine on a real Renode."""
    return fake_process.real_machine(platform_file(soc), **given)


on_both = pytest.mark.parametrize("make", [on_the_fake, on_renode])
on_each_soc = pytest.mark.parametrize("soc", ["nrf54l15", "nrf54h20"])


def image(who: str, soc: str, core: str) -> FirmwareImage | None:
    return None if who == "python" else FirmwareImage.load(stub(who, core, soc))


@on_both
@on_each_soc
@pytest.mark.parametrize("who", PAIRINGS)
def test_every_pairing_brings_every_byte_back(make: Maker, soc: str, who: tuple[str, str]) -> None:
    board = BOARDS[soc]
    images = {core: image(played_by, soc, core) for core, played_by in zip(board.roles, who, strict=True)}
    with make(soc) as machine:
        result = Exchange(machine, images, board.instance, Workload(messages=40, size_max=60, seed=3)).run()
    assert result.problems == ()
    assert (result.messages_sent, result.messages_received, result.mismatches) == (40, 40, 0)


@on_both
@pytest.mark.parametrize("soc", BOARDS)
def test_a_core_that_was_let_go_waits_again_for_the_firmware_that_starts_after_it(
    make: Maker, soc: str
) -> None:
    first, second = BOARDS[soc].roles
    with make(soc) as machine:
        for name, who in ((first, "initiator"), (second, "echo")):
            machine.core(name).load(stub(who, name, soc))
        for name in (second, first):  # no time passes in between
            start_firmware(machine, [name])
        lines = machine.core(first).console.lines
        machine.run_until(lambda: "initiator: bound" in [line.text for line in lines], timeout_ns=5 * MS)


@on_both
def test_the_flpr_starts_over_and_over_as_the_application_core_says(make: Maker) -> None:
    """Ten times, with another image the second time, each bound anew."""
    with make("nrf54l15") as machine:
        app, flpr = machine.core("app"), machine.core("flpr")
        app.play()
        happened: list[EventKind] = []
        machine.events.add_sink(
            lambda event: happened.append(event.kind), (EventKind.CORE_STARTED, EventKind.CORE_RESET)
        )
        for turn in range(10):
            app.bus.write32(CPURUN, 0)
            machine.run_for(100 * US)
            flpr.load(stub("initiator" if turn == 1 else "echo", "flpr", "nrf54l15"))
            app.bus.write32(INITPC, BASE)
            app.bus.write32(CPURUN, 1)
            machine.run_for(500 * US)
            assert not flpr.is_halted
        printed = [line.text for line in flpr.console.lines if line.text.endswith(": up")]
    assert printed == ["echo: up", "initiator: up"] + ["echo: up"] * 8
    assert happened.count(EventKind.CORE_STARTED) == 10


@on_both
def test_a_task_that_came_before_its_interrupt_was_enabled_is_delivered_then(make: Maker) -> None:
    with make("nrf54l15") as machine:
        app, flpr = machine.core("app"), machine.core("flpr")
        app.play()
        heard: list[int] = []

        def hear() -> None:
            heard.append(machine.now_ns)
            flpr.bus.write32(0xF001_7E08, 1 << 21)

        flpr.on_interrupt(21, hear)
        app.bus.write32(TASKS_TRIGGER + 4 * 21, 1)
        machine.run_for(100 * US)
        assert heard == []
        register = CLICINT + 4 * 21
        flpr.bus.write32(register, flpr.bus.read32(register) | ENABLED)
        machine.run_for(100 * US)
        app.bus.write32(TASKS_TRIGGER + 4 * 21, 1)
        machine.run_for(100 * US)
    assert len(heard) == 2


@on_both
def test_an_event_that_its_sender_takes_back_at_once_interrupts_once(make: Maker) -> None:
    """As firmware does it that has the work-around for erratum 16."""
    with make("nrf54l15") as machine:
        app, flpr = machine.core("app"), machine.core("flpr")
        flpr.play()
        heard: list[int] = []
        app.on_interrupt(76, lambda: heard.append(machine.now_ns))
        app.bus.write32(0x5004_C304, 1 << 20)
        for _ in range(3):
            flpr.bus.write32(0xF001_7E24, 1 << 20)
            flpr.bus.write32(0xF001_7E28, 1 << 20)
            machine.run_for(50 * US)
        assert len(heard) == 3
        flpr.bus.write32(0xF001_7E24, 1 << 20)  # this one stays, and is one interrupt as well
        machine.run_for(MS)
    assert len(heard) == 4


@on_both
def test_the_counter_and_a_compare_of_grtc_are_exact(make: Maker) -> None:
    with make("nrf54l15", quantum_ns=10 * US) as machine:
        app = machine.core("app")
        heard: list[int] = []
        app.on_interrupt(228, lambda: (heard.append(machine.now_ns), app.bus.write32(GRTC + 0x104, 0))[0])
        before, began = app.bus.read32(GRTC + 0x740), machine.now_ns
        app.bus.write32(GRTC + 0x324, 1 << 1)
        app.bus.write32(GRTC + 0x538, 1000)  # CCADD[1], from the counter on
        machine.run_for(5 * MS)
        passed = app.bus.read32(GRTC + 0x740) - before
        assert abs(passed - (machine.now_ns - began) // US) <= 1
    (at,) = heard
    assert 1000 * US <= at - began <= 1030 * US


def test_a_fault_of_the_flpr_is_an_event_with_its_cause() -> None:
    """On a real Renode: the fake writes down no faults."""
    source = f"li sp, {STACK}; la t0, trap; csrw mtvec, t0; nop; ebreak; trap: wfi; j trap"
    with on_renode("nrf54l15") as machine:
        flpr = machine.core("flpr")
        flpr.load(firmware(source.replace("trap:", "\n.align 6\ntrap:")))
        flpr.start()
        faults: list[tuple[int, int]] = []
        machine.events.add_sink(lambda event: faults.append((event.core, event.a)), (EventKind.FAULT,))
        machine.run_for(200 * US)
    assert faults == [(1, 0x103)]


@pytest.mark.parametrize("seed", range(2))
def test_interrupts_of_three_levels_leave_every_register_as_it_was(seed: int) -> None:
    """On a real Renode, against the embedded engine without interrupts."""
    source = random.Random(seed)
    rounds = 1500
    with on_renode("nrf54l15", quantum_ns=US) as machine:
        flpr = machine.core("flpr")
        flpr.load(firmware(WORK.format(rounds=rounds).replace("start:", f"start: li sp, {STACK}")))
        flpr.start()
        for number, level in ((4, 0x3F), (5, 0x7F), (6, 0xFF)):
            flpr.bus.write32(CLICINT + 4 * number, level << 24 | ENABLED)
        while flpr.bus.read32(DONE) != 1:
            number = source.choice((4, 4, 5, 6))
            register = CLICINT + 4 * number
            flpr.bus.write32(register, flpr.bus.read32(register) | 1)
            machine.run_for(source.choice((1, 1, 2, 3)) * US)
        results = [flpr.bus.read32(RESULTS + 4 * at) for at in range(8)]
        counts = [flpr.bus.read32(COUNT + 4 * at) for at in range(3)]
    assert results == undisturbed(rounds)
    assert min(counts) > 50


def test_firmware_of_a_core_that_nobody_runs_here_is_refused_with_the_way(tmp_path: Path) -> None:
    platform = tmp_path / "foreign.repl"
    platform.write_text(
        platform_file("nrf54l15").read_text("utf-8")
        + '\ncpurv: CPU.RiscV32 @ sysbus\n    cpuType: "rv32imac"\n',
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        renode = fake_process.install(patch, tmp_path)
        try:
            with (
                RenodeMachine(platform) as machine,
                pytest.raises(
                    EngineError, match=r"into a CPU.CortexM or CPU.NRF_VPR only; use Renode's commands"
                ),
            ):
                machine.core("rv").load(stub("echo", "flpr", "nrf54l15"))
        finally:
            fake_process.uninstall(renode)


@pytest.mark.parametrize("quantum_us", [1, 2, 3])
def test_who_waits_for_the_event_that_it_has_set_sees_it_though_the_other_core_is_ahead(
    quantum_us: int,
) -> None:
    """The image of the FLPR waits (erratum 16), that of the application core clears; the fake's engine as well."""
    for make in (on_the_fake, on_renode):
        with make("nrf54l15", quantum_ns=quantum_us * US) as machine:
            images = {"app": image("initiator", "nrf54l15", "app"), "flpr": image("echo", "nrf54l15", "flpr")}
            board = BOARDS["nrf54l15"]
            result = Exchange(machine, images, board.instance, Workload(messages=300, seed=1)).run()
        assert result.problems == ()


@on_both
@pytest.mark.parametrize(("order", "mode"), [(("flpr",), ON), (("app", "flpr"), 0), (("flpr", "app"), 0)])
def test_the_counter_is_on_for_the_flpr_where_no_firmware_of_the_application_core_starts_it(
    make: Maker, order: tuple[str, ...], mode: int
) -> None:
    """As firmware asks before it takes a time from it: Zephyr's timers stand where it is off."""
    with make("nrf54l15") as machine:
        for name in order:
            machine.core(name).load(stub("echo", name, "nrf54l15"))
            start_firmware(machine, [name])
        assert machine.core("flpr").bus.read32(GRTC + MODE) == mode
