"""What is written down of a core that faults, is locked up or never ends an interrupt, in words and events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import fake_process
import pytest
from thumb import firmware

from icmsg.engines.lockstep.records import FAULT_TAKEN, LOCKED_UP, STORM
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.machine.events import EventKind
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_dotnet import FakeRenode

    from icmsg.machine.events import Event

NET = 1
UNDEFINED, NULL_CALL = 1, 18
SHCSR = 0xE000_ED24
LOOPS = "".join(f"{name}: b {name}\n" for name in ("hard_fault", "mem_manage", "usage_fault"))


@pytest.fixture
def machine(renode: FakeRenode) -> Iterator[RenodeMachine]:
    with RenodeMachine() as machine:
        core = machine.core("net")
        core.load(firmware("reset: b reset", core="net"))
        core.start()
        machine.run_for(20 * US)
        yield machine


def write(machine: RenodeMachine, kind: int, value: int, *, cause: int = UNDEFINED, within: int = 0) -> None:
    """Write a record as ``renode/ExceptionWatch.cs`` does, and let the machine take it."""
    block: Any = machine._doorbells._records
    block = block.source  # the fake of the journal
    block.add(machine.now_ns, kind, NET | cause << 4 | within << 9, value)
    machine.take()


def test_a_fault_is_an_event_and_a_line_in_the_words_of_the_embedded_engine(machine: RenodeMachine) -> None:
    seen: list[Event] = []
    machine.events.add_sink(seen.append, (EventKind.FAULT,))
    for _ in range(3):
        write(machine, FAULT_TAKEN, 0x0100_0146)
    write(machine, FAULT_TAKEN, 0x0100_0150, cause=NULL_CALL)
    assert [(event.core, event.a, event.b) for event in seen] == [(NET, 6, 0x0100_0146)] * 3 + [
        (NET, 6, 0x0100_0150)
    ]
    assert [(str(warning).partition(" (")[0], warning.count) for warning in machine.warnings] == [
        ("core net: exception 6: an instruction that this core does not have at 0x01000146", 3),
        ("core net: exception 6: a branch to an address without the Thumb bit at 0x01000150", 1),
    ]
    assert [(fault.core, fault.exception, fault.count) for fault in machine.faults] == [
        ("net", 6, 3),
        ("net", 6, 1),
    ]


@pytest.mark.parametrize(
    ("within", "enabled", "on_the_soc"),
    [
        (3, 0, True),
        (2, 0, True),
        (6, 0, True),
        (6, 1 << 18, False),
        (4, 1 << 18, True),
        (0, 0, False),
        (34, 0, False),
    ],
)
def test_a_lock_up_is_told_from_what_only_renode_does(
    machine: RenodeMachine, within: int, enabled: int, on_the_soc: bool
) -> None:
    core = machine.core("net")
    core.bus.write32(SHCSR, enabled)
    write(machine, FAULT_TAKEN, 0x0100_0146, within=within)
    write(machine, LOCKED_UP, 0x0100_0146, within=within)
    words = "core net is locked up at PC 0x01000146: an instruction that this core does not have, where no"
    assert core.lock_up.startswith(words)
    assert (
        core.lock_up.endswith("; the SoC takes a HardFault there, which Renode does not: --engine embedded")
        != on_the_soc
    )
    assert "where no fault handler can run" in str(machine.warnings[0])
    core.start()
    assert core.lock_up == ""


def test_a_storm_is_a_hang_until_the_core_starts_anew(machine: RenodeMachine) -> None:
    assert machine.hangs(1 * MS) == []
    write(machine, STORM, 16 + 18)
    (hang,) = machine.hangs(1 * MS)
    assert hang.is_storm
    assert re.match(
        r"interrupt storm: core net took interrupt 18 more than 20000 times in a row in \S+: its handler returns",
        hang.text,
    )
    machine.core("net").start()
    machine.run_for(1 * MS)
    assert machine.hangs(1 * MS) == []


# On a real Renode


def boot(machine: RenodeMachine, source: str) -> None:
    core = machine.core("net")
    core.load(firmware(source, core="net"))
    core.start()


def test_a_core_that_cannot_take_a_fault_is_halted_and_others_go_on() -> None:
    with fake_process.real_machine() as machine:
        boot(machine, "reset: udf #0\nhard_fault: udf #1\nusage_fault: udf #1")
        app = machine.core("app")
        app.load(firmware("reset: ldr r0,=0x20000000; again: adds r1,#1; str r1,[r0]; b again"))
        app.start()
        machine.run_for(1 * MS)
        before = app.bus.read32(0x2000_0000)
        machine.run_for(1 * MS)
        assert app.bus.read32(0x2000_0000) > before > 0
        assert machine.core("net").lock_up.endswith("where no fault handler can run (usage_fault)")
        assert [(fault.exception, fault.count) for fault in machine.faults] == [(6, 1), (6, 1)]
        boot_again = machine.core("net")
        boot_again.halt()
        boot(machine, "reset: b reset")
        machine.run_for(1 * MS)
        assert boot_again.lock_up == ""
        assert boot_again.registers["PC"] == 0x0100_0140


def test_a_masked_fault_is_said_to_be_renodes() -> None:
    with fake_process.real_machine() as machine:
        boot(machine, f"reset: cpsid i; udf #0\n{LOOPS}")
        machine.run_for(1 * MS)
        assert machine.core("net").lock_up.endswith("which Renode does not: --engine embedded")


@pytest.mark.parametrize(
    ("source", "exception", "words"),
    [
        ("movs r0,#0; blx r0", 6, "a branch to an address without the Thumb bit"),
        ("udf #0", 6, "an instruction that this core does not have"),
        ("ldr r0,=0xC0000001; blx r0", 4, "execution where there is no code"),
    ],
)
def test_a_fault_is_named(source: str, exception: int, words: str) -> None:
    with fake_process.real_machine() as machine:
        boot(machine, f"reset: {source}\n{LOOPS}")
        machine.run_for(1 * MS)
        assert [(fault.exception, fault.count) for fault in machine.faults] == [(exception, 1)]
        assert machine.warnings[0].what == f"exception {exception}: {words}"
        assert machine.core("net").registers["XPSR"] & 0x1FF == exception
        assert machine.core("net").lock_up == ""


def test_a_loop_of_faults_and_a_storm_of_interrupts_are_seen() -> None:
    with fake_process.real_machine() as machine:
        boot(machine, "reset: udf #0\nhard_fault: bx lr\nusage_fault: bx lr")
        machine.run_for(200 * US)
        assert machine._faults.repeated == 1000
    with fake_process.real_machine() as machine:
        # The line of interrupt 18, which is that of IPC, stays up.
        boot(
            machine,
            "reset: ldr r0,=0x41012000; movs r1,#1; str r1,[r0,#0x304]; ldr r2,=0x41012100; str r1,[r2]\n"
            "ldr r0,=0xE000E100; lsls r1,#18; str r1,[r0]; b stuck\nirq_18: bx lr",
        )
        machine.run_for(3 * MS)
        (hang,) = machine.hangs(1 * MS)
        assert "took interrupt 18 more than 20000 times in a row in irq_18" in hang.text
        assert hang.text.endswith("EVENTS_RECEIVE[0] is still set")
