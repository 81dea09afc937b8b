"""Cores of every engine: halted, running firmware, played by Python; and what a reset of one does to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from firmware_files import Reception, shell
from machines import IPC, IRQ, MachineUnderTest
from thumb import RAM, SHARED, firmware

from icmsg.assets import stub
from icmsg.errors import BusError, ConfigurationError, EngineError, FirmwareError, VirtualTimeoutError
from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.machine.machine import Core, Machine

CORES: Final = ["app", "net"]
FORCEOFF: Final = 0x5000_5614
WRITTEN_BY_NET: Final = 0x2007_8004
"""wr_idx of the region of the network core's stub."""
COUNT: Final = "reset: ldr r0, =RAM; again: ldr r1, [r0]; adds r1, #1; str r1, [r0]; b again"
RING: Final = """
reset:
 ldr r0, =IPC_BASE + 0x510
 movs r1, #1
 str r1, [r0]
 ldr r0, =IPC_BASE
again:
 str r1, [r0]
 movs r2, #200
pause:
 subs r2, #1
 bne pause
 b again
"""
SLEEP: Final = "reset: ldr r0, =RAM; ldr r1, [r0]; adds r1, #1; str r1, [r0]; sleep: wfi; b sleep"

# Counts its interrupts; every one is answered by a ring of channel 1, which the other core may listen to.
ANSWER: Final = """
reset:
 ldr r0, =IPC_BASE + 0x590
 movs r1, #1
 str r1, [r0]
 ldr r0, =IPC_BASE + 0x510
 movs r1, #2
 str r1, [r0, #4]
 ldr r0, =IPC_BASE + 0x304
 movs r1, #1
 str r1, [r0]
 ldr r0, =0xE000E100 + IRQ_WORD
 ldr r1, =IRQ_BIT
 str r1, [r0]
sleep:
 wfi
 b sleep
irq_IRQ:
 ldr r0, =IPC_BASE + 0x100
 movs r1, #0
 str r1, [r0]
 ldr r0, =RAM
 ldr r1, [r0]
 adds r1, #1
 str r1, [r0]
 ldr r0, =IPC_BASE
 movs r1, #1
 str r1, [r0, #4]
 bx lr
"""


def load(machine: Machine, core: str, source: str) -> Core:
    words = {
        "IRQ_WORD": 4 * (IRQ[core] // 32),
        "IRQ_BIT": 1 << IRQ[core] % 32,
        "irq_IRQ": f"irq_{IRQ[core]}",
        "IPC_BASE": IPC[core],
        "RAM": RAM[core],
    }
    for name, value in words.items():
        source = source.replace(name, str(value))
    found = machine.core(core)
    found.load(firmware(source, core=core))
    return found


def count(machine: Machine, core: str) -> int:
    return machine.core(core).bus.read32(RAM[core])


def other(core: str) -> str:
    return CORES[1 - CORES.index(core)]


def play(machine: Machine, core: str, *, listen: int = 1, channel: int = 1) -> list[int]:
    """Play ``core``: channel ``channel`` in, channel 0 out; the list gets the time of every interrupt."""
    bus = machine.core(core).bus
    bus.write32(IPC[core] + 0x510, 1)
    bus.write32(IPC[core] + 0x590 + 4 * channel, 1 << channel)
    bus.write32(IPC[core] + 0x304, listen << channel)
    times: list[int] = []

    def handler() -> None:
        times.append(machine.clock.now_ns())
        bus.write32(IPC[core] + 0x100 + 4 * channel, 0)

    machine.core(core).on_interrupt(IRQ[core], handler)
    return times


def ring(machine: Machine, core: str) -> None:
    machine.core(core).bus.write32(IPC[core], 1)


# At power-up


def test_both_cores_are_there_and_halted(machine: Machine) -> None:
    assert list(machine.cores) == CORES
    for index, core in enumerate(CORES):
        found = machine.core(core)
        assert (found.name, found.index, found.is_halted, found.image) == (core, index, True, None)
        assert found.mailbox_port.base in (IPC[core], IPC[core] & ~0x1000_0000)
        assert found.mailbox_port.interrupt == IRQ[core]
    assert machine.core("cpunet") is machine.core("net")
    with pytest.raises(ConfigurationError, match="the platform has app, net"):
        machine.core("cm0")


@pytest.mark.parametrize("core", CORES)
def test_a_loaded_core_does_nothing_until_it_is_started(machine: Machine, core: str) -> None:
    load(machine, core, COUNT)
    machine.run_for(100_000)
    assert count(machine, core) == 0
    machine.core(core).start()
    assert not machine.core(core).is_halted
    machine.run_for(100_000)
    assert count(machine, core) > 100


def test_what_is_not_there_cannot_be_started(machine: Machine) -> None:
    with pytest.raises(EngineError, match="no firmware"):
        machine.core("app").start()
    with pytest.raises(FirmwareError, match="no such file"):
        machine.core("app").load("not-there.elf")


# The bus


def test_memory_belongs_to_everybody_and_the_shared_one_is_the_same(machine: Machine) -> None:
    app, net = machine.core("app").bus, machine.core("net").bus
    app.write_block(SHARED + 3, b"doorbell")
    assert net.read_block(SHARED + 3, 8) == b"doorbell"
    net.write32(SHARED + 0x8000, 0x1234_5678)
    assert app.read32(SHARED + 0x8000) == 0x1234_5678


def test_a_block_does_not_reach_into_registers(machine: Machine) -> None:
    bus = machine.core("app").bus
    with pytest.raises(BusError):
        bus.read_block(IPC["app"], 16)
    with pytest.raises(BusError):
        bus.write_block(IPC["app"], bytes(16))


@pytest.mark.parametrize("address", [0x6000_0000, 0x2010_0000])
def test_nothing_answers_where_nothing_is(machine: Machine, address: int) -> None:
    for core in CORES:
        with pytest.raises(BusError) as caught:
            machine.core(core).bus.read32(address)
        assert (caught.value.address, caught.value.core) == (address, core)


# Halt, resume, reset


@pytest.mark.parametrize("core", CORES)
def test_a_halted_core_stands_still_while_the_other_runs_on(machine: Machine, core: str) -> None:
    for name in CORES:
        load(machine, name, COUNT).start()
    machine.run_for(100_000)
    machine.core(core).halt()
    assert machine.core(core).is_halted
    before = {name: count(machine, name) for name in CORES}
    machine.run_for(100_000)
    assert count(machine, core) == before[core]
    assert count(machine, other(core)) > before[other(core)]
    machine.core(core).resume()
    machine.run_for(100_000)
    assert count(machine, core) > before[core]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("source", [COUNT, SLEEP])
def test_a_reset_starts_one_core_again_and_leaves_memory_and_the_other_alone(
    machine: Machine, core: str, source: str
) -> None:
    load(
        machine,
        core,
        "reset: ldr r0, =RAM; ldr r1, [r0, #4]; adds r1, #1; str r1, [r0, #4]; b go\n"
        + source.replace("reset", "go"),
    )
    load(machine, other(core), COUNT).start()
    machine.core(core).start()
    machine.core(core).bus.write32(SHARED, 0x600D_F00D)
    machine.run_for(100_000)
    before = {name: count(machine, name) for name in CORES}
    machine.core(core).reset()
    machine.run_for(100_000)
    bus = machine.core(core).bus
    assert bus.read32(RAM[core] + 4) == 2, "started twice"
    assert count(machine, core) > before[core], "RAM kept what was in it"
    assert bus.read32(SHARED) == 0x600D_F00D
    assert count(machine, other(core)) > before[other(core)]


def test_a_halted_core_that_is_reset_stays_halted_and_starts_anew(machine: Machine) -> None:
    app = load(machine, "app", COUNT)
    app.start()
    machine.run_for(10_000)
    app.halt()
    app.reset()
    before = count(machine, "app")
    machine.run_for(10_000)
    assert count(machine, "app") == before
    app.resume()
    machine.run_for(10_000)
    assert count(machine, "app") > before


def test_starting_again_is_a_reset(machine: Machine) -> None:
    app = load(machine, "app", SLEEP)
    for starts in (1, 2, 3):
        app.start()
        machine.run_for(10_000)
        assert count(machine, "app") == starts


def test_states_are_events(machine: Machine) -> None:
    seen: list[Event] = []
    machine.events.add_sink(seen.append)
    net = load(machine, "net", SLEEP)
    net.start()
    machine.run_for(1000)
    net.halt()
    net.resume()
    net.reset()
    kinds = [event.kind for event in seen if event.core == net.index]
    assert kinds == [
        EventKind.CORE_STARTED,
        EventKind.CORE_HALTED,
        EventKind.CORE_STARTED,
        EventKind.CORE_RESET,
    ]


# Interrupts


@pytest.mark.parametrize("core", CORES)
def test_firmware_and_python_ring_each_other(machine: Machine, engine: MachineUnderTest, core: str) -> None:
    python = other(core)
    load(machine, core, ANSWER).start()
    machine.run_for(10_000)
    times = play(machine, python)
    for rings in range(1, 6):
        started = machine.now_ns
        ring(machine, python)
        machine.run_until(lambda rings=rings: len(times) == rings, timeout_ns=1_000_000 + engine.slack_ns)
        assert started < times[-1] <= started + 100_000 + engine.slack_ns
        assert count(machine, core) == rings
    assert not machine.warnings


def test_two_played_cores_ring_each_other(machine: Machine, engine: MachineUnderTest) -> None:
    app, net = play(machine, "app"), play(machine, "net", channel=0)
    machine.core("net").bus.write32(IPC["net"] + 0x510, 2)
    ring(machine, "app")
    machine.run_for(10_000 + engine.slack_ns)
    assert (len(app), len(net)) == (0, 1)
    ring(machine, "net")
    machine.run_for(10_000 + engine.slack_ns)
    assert (len(app), len(net)) == (1, 1)


def test_a_ring_while_the_firmware_is_halted_is_latched_and_heard_later(machine: Machine) -> None:
    app = load(machine, "app", ANSWER)
    app.start()
    machine.run_for(10_000)
    play(machine, "net")
    app.halt()
    ring(machine, "net")
    machine.run_for(10_000)
    assert app.bus.read32(IPC["app"] + 0x100) == 1
    assert count(machine, "app") == 0
    app.resume()
    machine.run_for(10_000)
    assert count(machine, "app") == 1


def test_a_reset_forgets_what_was_latched(machine: Machine) -> None:
    app = load(machine, "app", "reset: b stuck")
    app.start()
    bus = app.bus
    bus.write32(IPC["app"] + 0x590, 1)
    bus.write32(IPC["app"] + 0x304, 1)
    play(machine, "net")
    ring(machine, "net")
    machine.run_for(10_000)
    assert bus.read32(IPC["app"] + 0x30C) == 1
    app.reset()
    assert bus.read32(IPC["app"] + 0x30C) == 0
    machine.run_for(10_000)
    assert bus.read32(IPC["app"] + 0x100) == 0


def test_a_played_core_cannot_be_started(machine: Machine) -> None:
    play(machine, "net")
    assert not machine.core("net").is_halted
    with pytest.raises(EngineError, match="played by Python"):
        machine.core("net").start()


def test_a_core_that_python_plays_is_not_started_by_the_core_that_lets_it_go(machine: Machine) -> None:
    app, net = machine.core("app"), machine.core("net")
    net.load(stub("echo", "net"))
    play(machine, "net")
    app.bus.write32(FORCEOFF, 0)
    machine.run_for(200_000)
    assert net.is_played
    assert app.bus.read32(WRITTEN_BY_NET) == 0
    net.release()
    for value in (1, 0):
        app.bus.write32(FORCEOFF, value)
        machine.run_for(200_000)
    assert app.bus.read32(WRITTEN_BY_NET) > 0


# Time


@pytest.mark.parametrize("step", [1, 999, 1_000, 1_000_000, 3_600_000_000_000])
def test_time_passes_as_asked(machine: Machine, engine: MachineUnderTest, step: int) -> None:
    if engine.slack_ns and step > 1_000_000_000:
        pytest.skip(f"an hour has too many synchronization points for {engine.name}")
    before = machine.now_ns
    machine.run_for(step)
    assert 0 <= machine.now_ns - before - step < 16 + engine.slack_ns
    assert machine.clock.now_ns() == machine.now_ns


def test_timers_run_in_the_order_of_their_times(machine: Machine) -> None:
    done: list[tuple[str, int]] = []
    clock = machine.clock

    def note(name: str) -> None:
        done.append((name, clock.now_ns()))

    clock.call_later(3_000, lambda: note("third"))
    clock.call_later(
        1_000,
        lambda: (
            note("first"),
            clock.call_soon(lambda: note("soon")),
            clock.call_later(1_000, lambda: note("second")),
        ),
    )
    clock.call_later(2_500, lambda: note("cancelled")).cancel()
    machine.run_for(10_000)
    assert [name for name, _ in done] == ["first", "soon", "second", "third"]
    assert [time // 1_000 for _, time in done] == [1, 1, 2, 3]


def test_waiting_ends_when_the_condition_holds(machine: Machine) -> None:
    done: list[int] = []
    machine.clock.call_later(5_000, lambda: done.append(1))
    machine.run_until(lambda: bool(done), timeout_ns=1_000_000)
    assert machine.now_ns < 10_000
    with pytest.raises(VirtualTimeoutError, match=r"the moon did not happen within 1\.000 ms"):
        machine.run_until(lambda: False, timeout_ns=1_000_000, what="the moon")


# The console


@pytest.mark.parametrize(("core", "base"), [("app", 0x5000_8000), ("app", 0x4000_8000), ("net", 0x4101_3000)])
def test_what_a_core_prints_is_read_line_by_line(
    machine: Machine, engine: MachineUnderTest, core: str, base: int
) -> None:
    if not engine.hears:
        pytest.skip(f"nobody writes down what is printed on {engine.name}")
    bus, text = machine.core(core).bus, "first\r\nsecond ½\nrest".encode()
    bus.write32(base + 0x500, 8)
    bus.write_block(RAM[core] + 0x100, text)
    bus.write32(base + 0x544, RAM[core] + 0x100)
    bus.write32(base + 0x548, len(text))
    machine.run_for(5_000)
    bus.write32(base + 0x008, 1)
    machine.run_for(10_000_000)
    console = machine.core(core).console
    assert [line.text for line in console.lines] == ["first", "second ½"]
    assert console.partial == "rest"
    assert console.text == "first\nsecond ½\nrest"
    assert all(line.time_ns >= 5_000 for line in console.lines)
    assert bus.read32(base + 0x120) == 1, "EVENTS_ENDTX"
    assert bus.read32(base + 0x54C) == len(text), "TXD.AMOUNT"
    assert machine.core(other(core)).console.text == ""


@pytest.mark.parametrize("kind", [Reception.INTERRUPT, Reception.RTT])
def test_firmware_answers_what_is_written_to_its_console(
    machine: Machine, engine: MachineUnderTest, tmp_path: Path, kind: Reception
) -> None:
    if not engine.hears:
        pytest.skip(f"nobody writes down what is printed on {engine.name}")
    core = machine.core("app")
    core.load(shell(tmp_path, kind))
    core.start()
    machine.run_for(1_000_000)
    core.console.write_line("version", through="rtt" if kind is Reception.RTT else "uart")
    machine.run_until(lambda: len(core.console.lines) == 3, timeout_ns=20_000_000)
    assert [line.text for line in core.console.lines] == ["shell: up", "> version", "shell 1"]
    assert [each.data for each in core.console.inputs] == [b"version\r"]
    core.halt()
    core.play()  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match="is played by Python: no firmware reads its console"):
        core.console.write("x")


# Repeatable


def test_the_same_inputs_give_the_same_trace(engine: MachineUnderTest) -> None:
    def run(rings: int) -> str:
        machine = engine.make()
        try:
            load(machine, "net", ANSWER).start()
            times = play(machine, "app")
            machine.run_for(10_000)
            for at in range(rings):
                ring(machine, "app")
                machine.run_for(10_000 + 7 * at + engine.slack_ns)
            assert len(times) == rings
            return machine.trace_sha256()
        finally:
            machine.close()

    assert run(5) == run(5)
    assert run(5) != run(6)


@pytest.mark.parametrize(
    ("core", "address"),
    [("app", 0x0000_F000), ("app", 0x2000_0000), ("app", 0x2007_FFFC), ("net", 0x2100_8000)],
    ids=["flash", "RAM of an image", "RAM of messages", "RAM of one core"],
)
def test_the_trace_covers_all_memories_but_those_behind_a_monitor(
    engine: MachineUnderTest, core: str, address: int
) -> None:
    machine = engine.make()
    try:
        before = machine.trace_sha256()
        bus = machine.core(core).bus
        bus.write32(address, bus.read32(address))
        assert machine.trace_sha256() == before, "nothing has changed"
        bus.write32(address, 0x1234_5678)
        assert (machine.trace_sha256() == before) == engine.name.startswith("remote")
        bus.write32(address, 0)
        assert machine.trace_sha256() == before
    finally:
        machine.close()


def test_the_trace_covers_events_and_no_registers(engine: MachineUnderTest) -> None:
    machine = engine.make()
    try:
        play(machine, "app")
        before = machine.trace_sha256()
        machine.core("app").bus.write32(IPC["app"] + 0x510, 3)  # SEND_CNF, a register
        assert machine.trace_sha256() == before
        ring(machine, "app")
        assert machine.trace_sha256() != before
    finally:
        machine.close()


def test_the_trace_covers_the_instructions_of_cores_but_those_behind_a_monitor(
    engine: MachineUnderTest,
) -> None:
    """A core that writes nothing: only how far it got tells the two runs apart."""

    def run(slices: int) -> tuple[str, str]:
        machine = engine.make()
        try:
            load(machine, "net", "reset: adds r0, #1; b reset").start()
            for _ in range(slices):
                machine.run_for(100_000)
            return machine.trace_sha256(), machine.events.hexdigest()
        finally:
            machine.close()

    (first, events), (second, same_events) = run(1), run(2)
    assert events == same_events
    assert (first == second) == engine.name.startswith("remote")


def test_a_closed_machine_says_so(engine: MachineUnderTest) -> None:
    machine = engine.make()
    bus = machine.core("app").bus
    machine.close()
    machine.close()
    with pytest.raises(EngineError, match="closed"):
        machine.run_for(1)
    with pytest.raises((BusError, EngineError), match="closed"):
        bus.read32(SHARED)


def test_nothing_is_told_once_a_machine_closes(engine: MachineUnderTest) -> None:
    """Who follows a region at each doorbell would read it too late: on some engines time goes on until it is closed."""
    machine = engine.make()
    load(machine, "net", RING).start()
    rings: list[Event] = []
    machine.events.add_sink(rings.append)
    machine.run_for(20_000)
    told = len(rings)
    machine.close()
    assert len(rings) == told
    assert told or not engine.hears


@pytest.mark.parametrize("name", CORES)
def test_a_core_says_where_it_stands_and_who_called_that(machine: Machine, name: str) -> None:
    core = load(machine, name, COUNT)
    assert core.backtrace() == ()
    core.start()
    machine.run_for(20_000)
    first = core.backtrace()[0]
    assert first.address == core.registers["PC"]
    assert not first.perhaps
    assert str(first) == core.locate(first.address)
    assert repr(core).startswith(f"<core {name}: runs ")
    assert repr(machine.core(other(name))) == f"<core {other(name)}: halted>"
