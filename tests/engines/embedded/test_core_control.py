"""What is done to cores from outside: before they ran, while they run, and while Python plays them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.engines.embedded.core_control import CoreControl
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import BusError, ConfigurationError, EngineError
from icmsg.machine.image import FirmwareImage
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as made:
        yield made


def control(machine: EmbeddedMachine, core: str, *, halted: bool = False) -> tuple[CoreControl, list[str]]:
    told: list[str] = []
    return CoreControl(machine, machine.core(core), halted=halted, tell=told.append), told


def echo(control: CoreControl) -> None:
    control.load(FirmwareImage.load(stub("echo", "net")))


def test_a_core_that_is_not_halted_starts_when_time_passes_and_not_before(machine: EmbeddedMachine) -> None:
    net, told = control(machine, "net")
    echo(net)
    assert (net.is_halted, machine.core("net").is_halted, machine.core("net").firmware) == (False, True, None)
    machine.run_for(100 * US)
    assert machine.core("net").console.text.startswith("echo: up")
    assert (net.is_halted, machine.core("net").is_halted, told) == (False, False, [])


def test_a_core_that_was_halted_again_does_not_start(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    echo(net)
    net.is_halted = True
    machine.run_for(1 * MS)
    assert machine.core("net").instructions == 0
    net.is_halted = False
    machine.run_for(1 * MS)
    assert machine.core("net").instructions > 0


def test_what_python_starts_is_not_started_twice(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    core = machine.core("net")
    core.load(stub("echo", "net"))
    core.start()
    machine.run_for(100 * US)
    machine.run_for(100 * US)
    assert core.console.text.count("echo: up") == 1
    assert not net.is_halted


def test_python_that_plays_a_core_comes_before_its_start(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    echo(net)
    machine.core("net").play()
    machine.run_for(1 * MS)
    assert machine.core("net").firmware is None
    assert net.is_halted


def test_a_core_whose_vector_table_leads_nowhere_stays_halted_and_says_why(machine: EmbeddedMachine) -> None:
    net, told = control(machine, "net")
    net.vector_table = 0x6000_0000
    machine.run_for(1 * US)
    assert net.is_halted
    assert told == [
        "the vector table of core net at 0x60000000 is not in memory; load an image or set the vector table's "
        "address. CPU was halted."
    ]
    echo(net)
    net.is_halted = False
    machine.run_for(100 * US)
    assert machine.core("net").console.text.startswith("echo: up")


def test_an_image_that_is_loaded_over_a_running_one_counts_from_the_next_reset_on(
    machine: EmbeddedMachine,
) -> None:
    net, _ = control(machine, "net")
    echo(net)
    machine.run_for(100 * US)
    net.is_halted = True
    net.load(FirmwareImage.load(stub("spin", "net")))
    net.reset()
    net.is_halted = False
    machine.run_for(100 * US)
    assert [line.text for line in machine.core("net").console.lines] == ["echo: up", "spin: up"]


def test_registers_that_do_not_exist_where_python_plays_are_refused(machine: EmbeddedMachine) -> None:
    app, _ = control(machine, "app", halted=True)
    machine.core("app").play()
    with pytest.raises(EngineError, match="played by Python; it has no registers"):
        app.write_register("PC", 0)
    with pytest.raises(EngineError, match="played by Python; it has no firmware"):
        app.is_halted = False
    assert app.registers() == {}


def test_a_machine_reset_keeps_memory_and_who_plays(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    echo(net)
    played = machine.core("app").play()
    heard: list[int] = []
    machine.core("app").on_interrupt(42, lambda: heard.append(machine.now_ns))
    machine.core("app").bus.write32(0x2007_0000, 5)
    machine.core("app").bus.write32(0x5002_A590, 1)
    machine.run_for(100 * US)
    machine.reset()
    assert machine.core("app").bus.read32(0x2007_0000) == 5
    assert machine.core("app").bus.read32(0x5002_A590) == 0
    assert machine.core("app").play() is played
    assert machine.core("net").firmware is None
    net.power_down(halted=False)
    machine.run_for(100 * US)
    assert machine.core("net").console.text.count("echo: up") == 2


@pytest.mark.parametrize("count", [0, 1, 7, 500])
def test_a_step_is_exact_while_the_other_core_runs(machine: EmbeddedMachine, count: int) -> None:
    net, _ = control(machine, "net")
    app, _ = control(machine, "app")
    net.load(FirmwareImage.load(stub("spin", "net")))
    app.load(FirmwareImage.load(stub("spin", "app")))
    machine.run_for(50 * US)
    before = machine.core("net").instructions, machine.core("app").instructions
    net.step(count)
    assert machine.core("net").instructions - before[0] == count
    if count == 500:
        assert machine.core("app").instructions > before[1]


def test_a_step_of_a_core_that_sleeps_is_its_time(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    echo(net)
    machine.run_for(200 * US)
    firmware = machine.core("net").firmware
    assert firmware is not None
    assert firmware.asleep
    before = machine.core("net").instructions, machine.now_ns
    net.step(420)
    assert (machine.core("net").instructions - before[0], machine.now_ns - before[1]) == (0, 10 * US)


def test_a_negative_step_is_refused(machine: EmbeddedMachine) -> None:
    net, _ = control(machine, "net")
    with pytest.raises(EngineError, match="cannot step -1 instructions"):
        net.step(-1)


def test_the_quantum_changes_what_a_run_does_as_if_it_had_been_so_from_the_beginning() -> None:
    hashes = []
    for given, later in ((10 * US, None), (100 * US, 10 * US)):
        with EmbeddedMachine(quantum_ns=given) as machine:
            if later is not None:
                machine.quantum_ns = later
            for name, firmware in (("app", "initiator"), ("net", "echo")):
                machine.core(name).load(stub(firmware, name))
                machine.core(name).start()
            machine.run_for(2 * MS)
            hashes.append(machine.trace_sha256())
    assert hashes[0] == hashes[1]


def test_a_quantum_that_is_no_time_is_refused(machine: EmbeddedMachine) -> None:
    with pytest.raises(ConfigurationError, match="quantum must be > 0"):
        machine.quantum_ns = 0


def test_nobody_sees_what_belongs_to_a_core(machine: EmbeddedMachine) -> None:
    machine.bus.write32(0x2007_0000, 7)
    assert machine.core("net").bus.read32(0x2007_0000) == 7
    assert machine.bus.read32(0x00FF_0000) == 0xFFFF_FFFF  # a stand-in that all see
    with pytest.raises(BusError, match=r"^32-bit access at 0x5002A510: no memory or peripheral is there"):
        machine.bus.read32(0x5002_A510)


def test_accesses_of_python_have_no_maker(machine: EmbeddedMachine) -> None:
    assert machine.accessing() is None
