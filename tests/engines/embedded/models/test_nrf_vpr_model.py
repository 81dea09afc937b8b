"""CPURUN and INITPC: the application core starts and stops the VPR core, here a Cortex-M33 in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nrf54 import VPR, nrf54_rig
from soc import MS, US
from thumb import firmware

from icmsg.engines.embedded.models.nrf_system import NrfVprModel
from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig import Rig

CPURUN, VPRSTATUS, INITPC = VPR + 0x800, VPR + 0x804, VPR + 0x808
TABLE = 0x0100_0000
WAITING, RUNNING, SLEEPING, ERROR = 0, 1, 2, 14
COUNT = "reset: ldr r0, =0x21000000; ldr r1, [r0]; adds r1, #1; str r1, [r0]\nagain: wfi; b again"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with nrf54_rig() as rig:
        yield rig


def write(address: int, value: int) -> str:
    return f" ldr r0, ={address}; ldr r1, ={value}; str r1, [r0]\n"


def wait(microseconds: int) -> str:
    return f" ldr r2, ={microseconds * 64}\nwait{microseconds}: subs r2, #1; bne wait{microseconds}\n"


@pytest.fixture
def story(rig: Rig) -> list[tuple[str, int]]:
    """What happened to the other core, and at which whole microsecond."""
    seen: list[tuple[str, int]] = []
    kinds = (EventKind.CORE_STARTED, EventKind.CORE_HALTED, EventKind.CORE_RESET)

    def look(event: Event) -> None:
        if event.core == 1 and event.kind in kinds:
            seen.append((event.kind.name[5:].lower(), event.time_ns // 1000))

    rig.machine.events.add_sink(look)
    return seen


def test_it_waits_after_a_reset_and_registers_keep_what_is_written(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    assert [bus.read32(at) for at in (CPURUN, VPRSTATUS, INITPC)] == [0, WAITING, 0]
    bus.write32(INITPC, 0x2002_8000)
    bus.write32(CPURUN, 0xFFFF_FFFE)
    assert (bus.read32(CPURUN), bus.read32(INITPC - 0x1000_0000)) == (0, 0x2002_8000)


def test_one_starts_the_image_at_initpc_and_zero_holds_it(rig: Rig, story: list[tuple[str, int]]) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    rig.boot(
        f"reset:{wait(100)}{write(INITPC, TABLE)}{write(CPURUN, 1)}{wait(101)}{write(CPURUN, 0)} b stuck"
    )
    rig.machine.run_for(150 * US)
    assert (net.is_halted, rig.word(core="net"), net.vector_table) == (False, 1, TABLE)
    rig.machine.run_for(MS)
    assert (net.is_halted, net.is_held) == (True, True)
    assert story == [("started", 100), ("halted", 201), ("reset", 201)]


def test_ten_restarts_begin_at_initpc_each_time(rig: Rig) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    bus = rig.machine.core("app").bus
    bus.write32(INITPC, TABLE)
    for number in range(1, 11):
        bus.write32(CPURUN, 1)
        rig.machine.run_for(10 * US)
        assert rig.word(core="net") == number
        bus.write32(CPURUN, 0)
        rig.machine.run_for(10 * US)
        assert rig.word(core="net") == number


def test_a_core_that_runs_is_not_started_again(rig: Rig, story: list[tuple[str, int]]) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    rig.boot(f"reset:{write(INITPC, TABLE)}{write(CPURUN, 1)}{write(CPURUN, 1)} b stuck")
    rig.machine.run_for(MS)
    assert (rig.word(core="net"), [what for what, _ in story]) == (1, ["started"])


def test_the_status_says_what_the_core_does(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    rig.boot("reset: b reset", "net")
    rig.machine.run_for(10 * US)
    assert bus.read32(VPRSTATUS) == RUNNING
    rig.boot(COUNT, "net")
    rig.machine.run_for(10 * US)
    assert bus.read32(VPRSTATUS) == SLEEPING
    rig.boot("reset: udf #0\nhard_fault: udf #0", "net")
    rig.machine.run_for(10 * US)
    assert bus.read32(VPRSTATUS) == ERROR


def test_a_reset_that_firmware_asks_for_holds_the_other_core(rig: Rig) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    reset = "ldr r0, =0xE000ED0C; ldr r1, =0x05FA0004; str r1, [r0]; b stuck"
    once = "ldr r2, =0x20000000; ldr r3, [r2]; adds r4, r3, #1; str r4, [r2]; cmp r3, #0; bne stuck"
    rig.boot(f"reset: {once}\n{write(INITPC, TABLE)}{write(CPURUN, 1)}{wait(100)} {reset}")
    rig.machine.run_for(MS)
    assert (rig.word(), rig.word(core="net"), net.is_held) == (2, 1, True)
    assert rig.machine.core("app").bus.read32(CPURUN) == 0


def test_the_monitor_sees_whether_it_is_held_or_played(rig: Rig) -> None:
    model = rig.machine.models["vprapp"]
    assert isinstance(model, NrfVprModel)
    rig.boot(COUNT, "net")
    assert (model.is_held, model.is_played) == (False, False)
    rig.machine.core("app").bus.write32(CPURUN, 0)
    assert model.is_held is True
    model.is_played = True
    rig.machine.core("app").bus.write32(CPURUN, 1)
    rig.machine.run_for(MS)
    assert (model.is_held, rig.machine.core("net").is_halted) == (False, True)
