"""RESET.NETWORK.FORCEOFF: the application core stops and starts the network core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from soc import CLOCKS, FORCEOFF, MS, RTCS, US, Block, keep_low_frequency_clocks, low_frequency_clock
from thumb import firmware

from icmsg.machine.boot import describe_held, start_firmware
from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from rig import Rig

COUNT = f"""
reset:
{low_frequency_clock("net")} ldr r0, =0x21000000
 ldr r1, [r0]
 adds r1, #1
 str r1, [r0]
 ldr r0, =0x41016000
 movs r1, #1
 str r1, [r0]
again:
 wfi
 b again
"""


def write(value: int) -> str:
    return f" ldr r0, ={FORCEOFF}; movs r1, #{value}; str r1, [r0]\n"


def wait(microseconds: int) -> str:
    return f" ldr r2, ={microseconds * 64}\nwait{microseconds}: subs r2, #1; bne wait{microseconds}\n"


@pytest.fixture
def story(rig: Rig) -> list[tuple[str, int]]:
    """What happened to the network core, and at which whole microsecond."""
    seen: list[tuple[str, int]] = []

    def look(event: Event) -> None:
        if event.core == 1 and event.kind in (
            EventKind.CORE_STARTED,
            EventKind.CORE_HALTED,
            EventKind.CORE_RESET,
        ):
            seen.append((event.kind.name[5:].lower(), event.time_ns // 1000))

    rig.machine.events.add_sink(look)
    return seen


def test_it_reads_one_after_a_reset_and_then_what_was_written(rig: Rig) -> None:
    bus = rig.machine.core("app").bus
    assert bus.read32(FORCEOFF) == 1
    bus.write32(FORCEOFF, 0xFFFFFFFE)
    assert bus.read32(FORCEOFF) == bus.read32(0x4000_5614) == 0
    bus.write32(0x5000_5618, 1)  # as the workaround for erratum 161 does
    assert rig.machine.warnings == []


def test_a_release_starts_the_image_that_is_loaded(rig: Rig, story: list[tuple[str, int]]) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    rig.boot(f"reset:{wait(100)}{write(0)} b stuck")
    rig.machine.run_for(99 * US)
    assert (net.is_halted, rig.word(core="net")) == (True, 0)
    rig.machine.run_for(100 * US)
    assert (net.is_halted, rig.word(core="net")) == (False, 1)
    assert story == [("started", 100)]


def test_a_release_without_an_image_starts_nothing(rig: Rig, story: list[tuple[str, int]]) -> None:
    rig.boot(f"reset:{write(0)} b stuck")
    rig.machine.run_for(MS)
    assert rig.machine.core("net").is_halted
    assert story == []


def test_a_release_of_a_core_that_runs_changes_nothing(rig: Rig, story: list[tuple[str, int]]) -> None:
    rig.boot(COUNT, core="net")
    rig.boot(f"reset:{wait(100)}{write(0)}{write(0)} b stuck")
    rig.machine.run_for(MS)
    assert rig.word(core="net") == 1
    assert story == [("started", 0)]


def test_hold_stops_the_core_and_resets_what_is_its_own(rig: Rig, story: list[tuple[str, int]]) -> None:
    net = rig.boot(COUNT, core="net")
    own, other = Block(rig, RTCS["net RTC1"]), Block(rig, RTCS["app RTC1"])
    net.bus.write32(0x4101_2510, 1)
    rig.boot(f"reset:{wait(500)}{write(1)} b stuck")
    keep_low_frequency_clocks(rig)
    other[0x000] = 1
    rig.machine.run_for(400 * US)
    assert (own[0x504], net.bus.read32(0x4101_2510)) == (13, 1)
    rig.machine.run_for(MS)
    assert net.is_halted
    assert (own[0x504], net.bus.read32(0x4101_2510), rig.word(core="net")) == (0, 0, 1)
    assert other[0x504] == 45
    assert story == [("started", 0), ("halted", 500), ("reset", 500)]


def test_a_restart_begins_at_the_vector_table_with_the_ram_as_it_was(
    rig: Rig, story: list[tuple[str, int]]
) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    rig.boot(f"reset:{write(0)}{wait(100)}{write(1)}{wait(101)}{write(0)} b stuck")
    rig.machine.run_for(MS)
    assert (net.is_halted, rig.word(core="net")) == (False, 2)
    assert story == [("started", 0), ("halted", 100), ("reset", 100), ("started", 201)]


def test_the_sequence_of_erratum_161_starts_it_twice(rig: Rig) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    rig.boot(f"reset:{write(0)}{wait(5)}{write(1)}{wait(1)}{write(0)} b stuck")
    rig.machine.run_for(MS)
    assert rig.word(core="net") == 2


def test_hold_and_release_in_two_instructions_restart_it(rig: Rig, story: list[tuple[str, int]]) -> None:
    rig.boot(COUNT, core="net")
    rig.boot(
        f"reset:{wait(100)} ldr r0, ={FORCEOFF}; movs r1, #1; movs r2, #0; str r1, [r0]; str r2, [r0]; b stuck"
    )
    rig.machine.run_for(MS)
    assert rig.word(core="net") == 2
    assert [what for what, _ in story] == ["started", "halted", "reset", "started"]


def test_it_works_from_python_at_once(rig: Rig) -> None:
    net = rig.machine.core("net")
    net.load(firmware(COUNT, core="net"))
    bus = rig.machine.core("app").bus
    bus.write32(FORCEOFF, 0)
    assert not net.is_halted
    rig.machine.run_for(10 * US)
    bus.write32(FORCEOFF, 1)
    assert net.is_halted


def test_python_that_plays_the_network_core_is_told(rig: Rig) -> None:
    net = rig.machine.core("net")
    rings: list[int] = []
    net.on_interrupt(18, lambda: rings.append(net.bus.read32(0x4101_230C)) or net.bus.write32(0x4101_2100, 0))
    told: list[bool] = []

    def power(on: bool) -> None:
        told.append(on)
        if on:
            listen()

    def listen() -> None:
        net.bus.write32(0x4101_2590, 1)
        net.bus.write32(0x4101_2304, 1)

    net.on_power(power)
    listen()
    ring = "ldr r4, =0x5002A000; movs r5, #1; str r5, [r4, #0x510]; str r5, [r4]"
    rig.boot(
        f"reset: {ring}{wait(100).replace(' ldr', '; ldr')}{write(1)} {ring}\n{wait(101)}{write(0)} {ring}; b stuck"
    )
    rig.machine.run_for(MS)
    assert told == [False, True]
    assert rings == [1, 1]


def test_a_held_core_that_is_started_by_hand_runs(rig: Rig) -> None:
    net = rig.boot(COUNT, core="net")
    rig.machine.run_for(10 * US)
    bus = rig.machine.core("app").bus
    bus.write32(FORCEOFF, 1)
    net.start()
    rig.machine.run_for(10 * US)
    assert rig.word(core="net") == 2
    bus.write32(FORCEOFF, 1)
    assert net.is_halted


def test_a_reset_of_the_application_core_leaves_the_network_core_alone(rig: Rig) -> None:
    net = rig.boot(COUNT, core="net")
    app = rig.machine.core("app")
    app.bus.write32(FORCEOFF, 0)
    app.reset()
    rig.machine.run_for(10 * US)
    assert app.bus.read32(FORCEOFF) == 1
    assert (net.is_halted, rig.word(core="net")) == (False, 1)


def test_the_clock_of_the_network_core_has_to_be_started_again(rig: Rig) -> None:
    clock = Block(rig, CLOCKS["net"])
    clock[0x008] = 1
    rig.machine.run_for(MS)
    rig.machine.core("app").bus.write32(FORCEOFF, 1)
    rig.machine.core("app").bus.write32(FORCEOFF, 0)
    rig.machine.run_for(MS)
    assert (clock[0x104], clock[0x414], clock[0x418]) == (0, 0, 0)


def test_the_trace_does_not_depend_on_steps() -> None:
    from rig import Rig

    hashes = set()
    for step in (MS, 7_003, 131):
        with Rig() as rig:
            rig.machine.core("net").load(firmware(COUNT, core="net"))
            rig.boot(f"reset:{write(0)}{wait(100)}{write(1)}{wait(101)}{write(0)} b stuck")
            while rig.machine.now_ns < MS:
                rig.machine.run_for(min(step, MS - rig.machine.now_ns))
            hashes.add(rig.machine.events.hexdigest())
    assert len(hashes) == 1


# How firmware is started


RELEASE: Final = f"reset:{write(0)} b stuck"
KEEP: Final = "reset: b reset"


@pytest.mark.parametrize("order", [("app", "net"), ("net", "app"), ("both",)])
def test_with_firmware_on_the_application_core_the_network_core_waits(
    rig: Rig, order: tuple[str, ...]
) -> None:
    machine = rig.machine
    machine.core("net").load(firmware(COUNT, core="net"))
    machine.core("app").load(firmware(f"reset:{wait(100)}{write(0)} b stuck"))
    for which in order:
        start_firmware(machine, ["app", "net"] if which == "both" else [which])
    machine.run_for(99 * US)
    assert (machine.core("net").is_halted, machine.core("net").is_held) == (True, True)
    assert rig.word(core="net") == 0
    machine.run_for(10 * US)
    assert (machine.core("net").is_halted, rig.word(core="net")) == (False, 1)
    assert describe_held(machine) == []


def test_who_is_held_is_said(rig: Rig) -> None:
    machine = rig.machine
    machine.core("net").load(firmware(COUNT, core="net"))
    machine.core("app").load(firmware(KEEP))
    start_firmware(machine, ["app", "net"])
    machine.run_for(MS)
    (line,) = describe_held(machine)
    assert line.startswith(
        "on the SoC the network core is held in reset until RESET.NETWORK.FORCEOFF is cleared: app never wrote 0 to "
        "0x50005614"
    )


def test_a_release_at_once_needs_no_firmware_that_does_it(rig: Rig) -> None:
    machine = rig.machine
    machine.core("net").load(firmware(COUNT, core="net"))
    machine.core("app").load(firmware(KEEP))
    start_firmware(machine, ["app", "net"], release=True)
    machine.run_for(MS)
    assert rig.word(core="net") == 1
    assert machine.core("app").bus.read32(FORCEOFF) == 0
    assert describe_held(machine) == []


def test_where_nobody_runs_the_application_core_the_network_core_starts(rig: Rig) -> None:
    rig.machine.core("net").load(firmware(COUNT, core="net"))
    start_firmware(rig.machine, ["net"])
    rig.machine.run_for(MS)
    assert rig.word(core="net") == 1
    assert describe_held(rig.machine) == []


def test_python_that_plays_the_application_core_lets_it_go(rig: Rig) -> None:
    machine = rig.machine
    machine.core("app").play()
    machine.core("net").load(firmware(COUNT, core="net"))
    start_firmware(machine, ["net"])
    machine.run_for(MS)
    assert (rig.word(core="net"), machine.core("app").bus.read32(FORCEOFF)) == (1, 0)


def test_a_reset_that_firmware_asks_for_holds_the_network_core_again(rig: Rig) -> None:
    """Its second start is that of the application core behind its own reset."""
    machine = rig.machine
    reset = "ldr r0, =0xE000ED0C; ldr r1, =0x05FA0004; str r1, [r0]; b stuck"
    once = f"ldr r2, =0x20000000; ldr r3, [r2]; adds r4, r3, #1; str r4, [r2]; cmp r3, #1; bhs hold;{wait(100)} {reset}"
    machine.core("net").load(firmware(COUNT, core="net"))
    machine.core("app").load(firmware(f"reset:{write(0)} {once}\nhold: b hold"))
    start_firmware(machine, ["app", "net"])
    machine.run_for(MS)
    assert (rig.word(), rig.word(core="net")) == (2, 2)
