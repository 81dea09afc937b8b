"""Stops of a slice: exactly where they shall be, at the core's own tick, and the run afterwards as without them."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from rig import CPACR, ENABLE_IRQS, HZ, Rig
from test_m33_stress import PARAMS, STRESS
from vpr_rig import VprRig

from icmsg.engines.embedded.processor import StopKind
from icmsg.errors import EngineError, FirmwareError, VirtualTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore

LOOP: Final = """
reset:
 movs r4, #0
again:
 adds r4, #1
 adds r5, #2
here:
 adds r6, #3
 cmp r4, #10
 bne again
 b stuck
"""


def test_a_stop_is_before_the_instruction_at_the_core_s_exact_tick(rig: Rig) -> None:
    core = rig.boot(LOOP)
    begin_ns = rig.machine.now_ns
    seen: list[tuple[int, int, int, int]] = []

    def stop() -> None:
        registers = core.registers
        tick = round((rig.machine.now_ns - begin_ns) * HZ["app"] / 1e9)
        seen.append((registers["R4"], registers["R5"], registers["R6"], tick))

    core.on_reach("here", stop)
    rig.run(500)
    # R4, R5 and R6 count passes; a pass has 5 instructions, the third of which is the one at `here`.
    assert seen == [(n, 2 * n, 3 * (n - 1), 1 + 2 + 5 * (n - 1)) for n in range(1, 11)]


def test_an_address_and_a_name_are_the_same_place_until_their_ends(rig: Rig) -> None:
    core = rig.boot(LOOP)
    hits: list[str] = []
    end_name = core.on_reach("here", lambda: hits.append("name"))
    assert core.image is not None
    end_address = core.on_reach(core.image.symbol("here") | 1, lambda: hits.append("address"))
    with pytest.raises(VirtualTimeoutError):
        rig.machine.run_until(lambda: bool(hits) and (end_name(), False)[1], timeout_ns=20_000)
    assert hits[:2] == ["name", "address"]
    assert hits.count("name") < hits.count("address") or hits.count("name") == 10
    end_address()
    end_address()


def test_a_name_that_is_not_there_is_refused(rig: Rig) -> None:
    with pytest.raises(FirmwareError, match="no symbol 'nowhere'"):
        rig.boot(LOOP).on_reach("nowhere", lambda: None)
    with pytest.raises(FirmwareError, match="load\\(\\) one first"):
        rig.machine.core("net").on_reach("main", lambda: None)


def every_instruction(core: MachineCore, counted: list[int]) -> None:
    """Stop at every halfword of the program: those in the middle of an instruction are never reached."""
    assert core.image is not None
    for segment in core.image.segments:
        if segment.executable:
            for address in range(segment.load_address + 0x140, segment.end, 2):
                core.on_reach(address, lambda address=address: counted.append(address))  # type: ignore[misc]


def stepping(core: MachineCore, counted: list[int]) -> None:
    def step() -> None:
        counted.append(core.registers["PC"])
        core.stops.on_step(step)

    core.stops.on_step(step)


def stopping(core: MachineCore, counted: list[int]) -> None:
    """Do both, and write every register that the core has as it is."""

    def look() -> None:
        counted.append(core.registers["PC"])
        assert core.firmware is not None
        core.firmware.write_registers({"R4": core.registers["R4"]})

    assert core.image is not None
    core.on_reach(core.image.symbols.get("here", core.image.entry), look)
    stepping(core, counted)


PROGRAMS: Final = {
    "loop": LOOP,
    "WFI directly before, by waking and by a jump": "reset:"
    + ENABLE_IRQS
    + """
 movs r4, #0
 b here
again:
 wfi
here:
 adds r4, #1
 tst r4, #1
 bne here
 cmp r4, #12
 bls again
 b stuck
irq_3: adds r7, #1; bx lr
""",
    "WFE and SEV": "reset: movs r4, #0; again: sev; wfe; here: adds r4, #1; cmp r4, #9; bne again; b stuck",
    "IT blocks": """
reset:
 movs r4, #0
 movs r0, #0
again:
 adds r4, #1
 tst r4, #1
here:
 ite eq
 addeq r5, #1
 addne r6, #1
 tst r4, #2
 itttt ne
 ldrne r1, =0x20000100
 strne r4, [r1]
 addne r2, #1
 addne r3, #1
 it eq
 bleq called
 cmp r4, #9
 bne again
 b stuck
called:
 cmp r4, #4
 itt ge
 addge r0, #1
 bxge lr
 bx lr
""",
    "SVC and PendSV": """
reset:
 movs r4, #0
 ldr r1, =0xE000ED04
 mov r2, #0x10000000
again:
 svc 0
 cpsid i
 str r2, [r1]
 adds r4, #1
here:
 cpsie i
 adds r5, #1
 cmp r4, #7
 bne again
 b stuck
svc: adds r6, #1; bx lr
pend_sv: adds r7, #1; bx lr
""",
    "TT": "reset: movs r4, #0; again: .short 0xE840, 0xF100; here: adds r4, #1; cmp r4, #5; bne again; b stuck",
    "exclusive accesses": """
reset:
 ldr r1, =0x20000100
again:
 ldrex r0, [r1]
here:
 adds r0, #1
 strex r2, r0, [r1]
 cmp r2, #0
 bne again
 adds r4, #1
 cmp r4, #5
 bne again
 b stuck
""",
}
STOPPERS: Final = (every_instruction, stepping, stopping)


def outcome(source: str, stopper: Callable[[MachineCore, list[int]], None] | None) -> tuple[str, int]:
    with Rig(quantum_ns=5000) as rig:
        core = rig.boot(source)
        counted: list[int] = []
        if stopper is not None:
            stopper(core, counted)
        for at in range(40):
            rig.at(37 * at, lambda: rig.pend(3))
        rig.run(2000)
        if stopper is not None:
            assert len(counted) > 10
        return rig.machine.trace_sha256(), core.registers["R4"]


@pytest.mark.parametrize("stopper", STOPPERS, ids=lambda stopper: stopper.__name__)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_run_with_stops_is_the_run_without(
    name: str, stopper: Callable[[MachineCore, list[int]], None]
) -> None:
    assert outcome(PROGRAMS[name], stopper) == outcome(PROGRAMS[name], None)


def stressed(stops: bool) -> tuple[str, int]:
    with Rig(quantum_ns=100_000) as rig:
        app = rig.machine.core("app")
        app.bus.write32(PARAMS, 3)
        app.bus.write32(PARAMS + 4, 250)
        app.load(STRESS)
        hits = [0]

        def count() -> None:
            hits[0] += 1

        if stops:
            for address in random.Random(5).sample(range(0x100, 0x1B00, 2), 300):
                app.on_reach(address, count)
        app.start()
        app.bus.write32(CPACR, 0xF0_0000)
        rig.run(20_000)
        return rig.machine.trace_sha256(), hits[0]


def test_compiled_firmware_with_interrupts_does_not_notice_stops_at_300_places() -> None:
    (without, none), (with_stops, many) = stressed(stops=False), stressed(stops=True)
    assert with_stops == without
    assert none == 0
    assert many > 100


def test_stops_outlast_a_reset_and_what_is_loaded_anew(rig: Rig) -> None:
    core = rig.boot(LOOP)
    assert core.image is not None
    hits: list[int] = []
    core.on_reach("here", lambda: hits.append(core.registers["R4"]))
    rig.run(200)
    core.reset()
    rig.run(200)
    assert hits == [*range(1, 11), *range(1, 11)]
    core.halt()
    core.load(core.image)
    core.start()
    rig.run(200)
    assert len(hits) == 30


def test_code_that_is_written_over_at_a_stop_is_executed_as_it_is_then(rig: Rig) -> None:
    core = rig.boot(LOOP)
    assert core.image is not None
    here = core.image.symbol("here")
    hits: list[int] = []

    def patch() -> None:
        hits.append(core.registers["R6"])
        core.bus.write16(here, 0x3601 if len(hits) % 2 else 0x3607)  # adds r6, #1 or #7

    core.on_reach(here, patch)
    rig.run(500)
    assert hits == [0, 1, 8, 9, 16, 17, 24, 25, 32, 33]
    assert core.registers["R6"] == 40


def test_a_handler_that_fails_ends_the_run_and_the_next_one_goes_on() -> None:
    def run(fails: bool) -> str:
        with Rig(quantum_ns=5000) as rig:
            core = rig.boot(LOOP)

            def fail() -> None:
                if fails:
                    raise ZeroDivisionError

            core.on_reach("here", fail)
            begin = rig.machine.now_ns
            while rig.machine.now_ns < begin + 20_000:
                with suppress(ZeroDivisionError):
                    rig.machine.run_for(begin + 20_000 - rig.machine.now_ns)
            return rig.machine.trace_sha256()

    assert run(fails=True) == run(fails=False)


def test_a_handler_may_reset_halt_or_power_down_the_core(rig: Rig) -> None:
    core = rig.boot(LOOP)
    done: list[int] = []

    def act() -> None:
        done.append(core.registers["R4"])
        if len(done) == 3:
            core.reset()
        if len(done) == 5:
            core.halt()
        if len(done) == 8:
            core.power_down()

    core.on_reach("here", act)
    rig.run(200)
    assert done == [1, 2, 3, 1, 2]
    core.resume()
    rig.run(200)
    assert done == [1, 2, 3, 1, 2, 3, 4, 5]
    assert core.firmware is None
    rig.run(200)


def test_handlers_come_and_go_while_the_core_is_powered_down(rig: Rig) -> None:
    core = rig.boot(LOOP)
    hits: list[int] = []
    end_reach = core.on_reach("here", lambda: hits.append(0))
    end_access = core.stops.on_access(0x2000_0000, 0x2000_0004, StopKind.STORED, hits.append)
    rig.run(30)
    assert hits
    core.power_down()
    end_reach()
    end_access()
    core.on_reach("again", lambda: hits.append(1))
    core.stops.on_step(lambda: hits.append(2))
    hits.clear()
    core.start()
    rig.run(200)
    assert hits == [1] * 10


def test_an_address_where_the_core_has_no_memory_disturbs_nothing(rig: Rig) -> None:
    core = rig.boot(LOOP)
    for address in (0, 0x0900_0000, 0x4000_0000, 0xE000_ED00, 0xFFFF_FFFE):
        core.stops.on_reach(address, lambda: pytest.fail("not code"))
        with pytest.raises(EngineError, match=f"cannot stop at 0x{address:08X}"):
            core.on_reach(address, lambda: None)
    rig.run(500)
    assert core.registers["R4"] == 10


WATCHED: Final = """
reset:
 ldr r0, =0x20000200
 movs r1, #1
 str r1, [r0]
 adds r4, #1
 strb r1, [r0, #5]
 adds r4, #1
 ldrh r2, [r0, #6]
 adds r4, #1
 strd r1, r1, [r0, #8]
 adds r4, #1
 ldr r2, [r0, #4]
 adds r4, #1
 b stuck
"""


def test_watched_accesses_stop_directly_behind_themselves(rig: Rig) -> None:
    core = rig.boot(WATCHED)
    seen: list[tuple[str, int, int]] = []
    for kind in (StopKind.STORED, StopKind.LOADED):
        core.stops.on_access(
            0x2000_0205,
            0x2000_020D,
            kind,
            lambda address, kind=kind: seen.append((kind.value, address & 0xFFF, core.registers["R4"])),  # type: ignore[misc]
        )
    rig.run(200)
    assert seen == [("stored", 0x205, 1), ("loaded", 0x206, 2), ("stored", 0x208, 3), ("loaded", 0x205, 4)]


def test_a_watch_changes_nothing_and_ends_when_it_is_told(rig: Rig) -> None:
    def run(watched: bool) -> str:
        with Rig(quantum_ns=5000) as rig:
            core = rig.boot(WATCHED.replace("b stuck", "cmp r4, #250; bls reset; b stuck"))
            hits: list[int] = []
            if watched:
                stop = core.stops.on_access(0x2000_0200, 0x2000_0204, StopKind.STORED, hits.append)
                core.on_reach("reset", lambda: stop() if len(hits) == 7 else None)
            rig.run(5000)
            assert len(hits) == (7 if watched else 0)
            return rig.machine.trace_sha256()

    assert run(watched=True) == run(watched=False)


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize(
    "block",
    [
        "it ne; strne r1, [r0]",
        "itt ne; strne r1, [r0]; addne r4, #1",
        "itett ne; addne r5, #1; streq r1, [r0]; strne r1, [r0]; addne r4, #1",
        "itttt ne; strne r1, [r0]; addne r4, #1; addne.w r4, r4, #1; addne r4, #1",
        "ittt ne; strne r1, [r0]; addne r4, #1; bne over; adds r5, #1; over: nop",
        "itt ne; strne r1, [r0]; blne called",
    ],
)
def test_a_watched_store_in_an_it_block_is_counted_exactly(block: str, flag: int) -> None:
    source = f"""
reset: ldr r0, =0x20000200
 movs r1, #{flag}
again: cmp r1, #0
 {block}
 adds r6, #1
 cmp r6, #40
 bne again
 b stuck
called: bx lr
"""

    def run(watched: bool) -> str:
        with Rig(quantum_ns=5000) as rig:
            core = rig.boot(source)
            if watched:
                core.stops.on_access(0x2000_0200, 0x2000_0204, StopKind.STORED, lambda _at: None)
            rig.run(2000)
            return rig.machine.trace_sha256()

    assert run(watched=True) == run(watched=False)


VPR_PROGRAMS: Final = {
    "loop": "li s0, 0\nagain: addi s0, s0, 1\nhere: addi s1, s1, 2\nli a0, 10\nbne s0, a0, again\nend: j end",
    "counters": """
li a1, 0
csrw mcountinhibit, a1
again: addi s0, s0, 1
here: csrr a0, 0xC00
add s1, s1, a0
li a0, 9
bne s0, a0, again
end: j end""",
    "ecall": """
la a0, trap
csrw mtvec, a0
again: addi s0, s0, 1
ecall
here: li a0, 9
bne s0, a0, again
end: j end
.align 6
trap: addi s1, s1, 1
lw a1, 4(sp)
addi a1, a1, 4
sw a1, 4(sp)
mret""",
}


def vpr_outcome(source: str, stops: bool) -> tuple[str, int]:
    with VprRig(quantum_ns=5000) as rig:
        core = rig.boot(source)
        counted: list[int] = []
        if stops:
            stepping(core, counted)
            assert core.image is not None
            for segment in core.image.segments:
                for address in range(segment.load_address, segment.end, 2):
                    core.on_reach(address, lambda: counted.append(core.registers["PC"]))
        rig.run(500)
        assert bool(counted) == stops
        return rig.machine.trace_sha256(), core.registers["S0"]


@pytest.mark.parametrize("name", VPR_PROGRAMS)
def test_a_vpr_with_stops_runs_as_without(name: str) -> None:
    with_stops, without = vpr_outcome(VPR_PROGRAMS[name], True), vpr_outcome(VPR_PROGRAMS[name], False)
    assert with_stops == without
    assert without[1] in (9, 10)


def test_the_first_address_of_a_memory_disturbs_nothing() -> None:
    source = "start: addi s0, s0, 1\nli a0, 10\nblt s0, a0, start\nend: j end"

    def run(stops: bool) -> str:
        with VprRig(quantum_ns=100) as rig:
            core = rig.boot(source, base=0x2000_0000)
            if stops:
                core.stops.on_reach(0x2000_0000, lambda: pytest.fail("the emulator cannot stop here"))
            rig.run(200)
            return rig.machine.trace_sha256()

    assert run(stops=True) == run(stops=False)


def test_a_vpr_stops_behind_a_wfi_only_when_it_has_woken() -> None:
    with VprRig() as rig:
        core = rig.boot("li s0, 0\nagain: addi s0, s0, 1\nwfi\nhere: addi s1, s1, 1\nj again")
        seen: list[int] = []
        core.on_reach("here", lambda: seen.append(core.registers["S0"]))
        rig.run(100)
        assert core.is_asleep
        assert seen == []
        rig.enable(20)
        rig.pend(20)
        rig.run(50)
        assert seen[:1] == [1]
