"""Where a VPR stands, in words: call chains, polled registers, hangs, and a core that sleeps for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from riscv import SHARED
from vpr_rig import PLATFORM, VprRig

from icmsg.link.diagnosis.diagnosis import never_wakes
from icmsg.machine.events import EventKind
from icmsg.machine.machine import fault_name
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICE: Final = """
device: Memory.ArrayMemory @ sysbus 0x40001000
    size: 0x1000
"""
LOOPS: Final = {
    "an address that the loop makes itself": (
        "li a0, 0x40001000; loop: addi a1, a0, 0x100; lw a1, 0(a1); andi a1, a1, 1; beqz a1, loop"
    ),
    "lw and a branch": "li a0, 0x40001000; loop: lw a1, 0x100(a0); addi a2, a2, 1; nop; beqz a1, loop",
    "lbu and a jump": "li a0, 0x40001100; loop: lbu a1, 0(a0); addi a2, a2, 1; j loop",
    # c.lw a3, 0(a1); c.andi a3, 1; c.beqz a3, -4; and with c.j
    "c.lw and c.beqz": "li a1, 0x40001100; loop: .half 0x4194, 0x8A85, 0xDEF5",
    "c.lw and c.j": "li a1, 0x40001100; loop: .half 0x4194, 0x0001, 0xBFF5",
}


@pytest.fixture
def beside() -> Iterator[VprRig]:
    with VprRig(description=parse_platform(PLATFORM + DEVICE, "device.repl")) as made:
        yield made


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("steps", [50, 51, 52])
def test_a_loop_that_polls_names_the_register(beside: VprRig, loop: str, steps: int) -> None:
    beside.boot(f"start: {LOOPS[loop]}; stop: j stop")
    beside.run(steps)
    registers = beside.core.registers
    assert beside.core.locate(registers["PC"]).startswith("loop")
    assert set(beside.firmware.polled([registers["PC"]], beside.core.bus)) == {0x4000_1100}


def test_a_loop_without_end_is_a_hang_that_names_what_it_polls(beside: VprRig) -> None:
    beside.boot(f"start: {LOOPS['lw and a branch'].replace('addi a2, a2, 1', 'nop')}")
    for _ in range(200):
        beside.machine.run_for(1_000_000)
        if hangs := beside.machine.hangs(1_000_000_000):
            break
    assert "busy loop: core flpr polls 0x40001100 (device+0x100), which never changes" in hangs[0].text


def test_a_call_chain_begins_where_the_core_stands_and_names_its_caller(vpr: VprRig) -> None:
    vpr.boot("start: call work; work: nop; hang: j hang")
    vpr.run(50)
    frames = vpr.core.backtrace()
    assert [frame.place for frame in frames] == ["hang", "start+0x4"]
    assert [frame.perhaps for frame in frames] == [False, True]


def test_the_end_of_a_handler_is_told_to_who_listens(vpr: VprRig) -> None:
    ended = []
    vpr.machine.events.add_sink(ended.append, (EventKind.INTERRUPT_END,))
    vpr.boot(
        "start: la t0, vectors; csrw mtvt, t0; csrsi mstatus, 8; hang: j hang; .align 6;"
        "vectors: .space 64; .word 0, one; one: nop; mret"
    )
    vpr.enable(1)
    vpr.pend(1)
    vpr.run(50)
    assert [(event.core, event.a) for event in ended] == [(vpr.core.index, 1)]


@pytest.mark.parametrize(
    ("needs", "setup", "said"),
    [(True, "nop", True), (True, "csrsi mstatus, 8", False), (False, "nop", False)],
)
def test_a_sleep_that_nothing_ends_is_said(needs: bool, setup: str, said: bool) -> None:
    text = PLATFORM.replace("clic: clicflpr", f"clic: clicflpr\n    wfiNeedsMie: {str(needs).lower()}")
    with VprRig(description=parse_platform(text, "vpr.repl")) as vpr:
        vpr.boot(f"start: {setup}; wfi; hang: j hang")
        vpr.run(50)
        facts: Any = SimpleNamespace(
            name="flpr", runs_firmware=True, core=vpr.core, place="PC 0x20028008 (hang)"
        )
        finding = never_wakes(facts, facts)
        assert (finding is not None) is said
        if finding is not None:
            assert finding.text.startswith(
                "core flpr executed WFI with mstatus.MIE clear, at PC 0x20028008 (hang)"
            )


def test_stores_can_be_watched(vpr: VprRig) -> None:
    told: list[tuple[int, int]] = []
    vpr.boot(f"start: li a0, {SHARED}; li a1, 5; sw a1, 8(a0); sw a1, 12(a0); sb a1, 11(a0); stop: j stop")
    end = vpr.core.watch_stores(
        SHARED + 8, SHARED + 12, lambda address, value, _pc: told.append((address, value))
    )
    vpr.run(50)
    assert told == [(SHARED + 8, 5), (SHARED + 11, 5)]
    end()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (3, "fault exception 3"),
        (0x105, "exception 5 (load access fault)"),
        (0x119, "exception 25 (bus fault on stacking)"),
    ],
)
def test_faults_are_named_by_architecture(number: int, words: str) -> None:
    assert fault_name(number) == words
