"""LDREX and STREX where others write meanwhile: firmware of another core, Python, a peripheral's model.

The monitor of a core is cleared by any write of another observer to the granule (Armv8-M ARM, B8.2: "Exclusive access
instructions and shareable memory regions"), whatever was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from rig import Rig
from thumb import RAM, SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT: Final = "ldr r7, ={0}; {1}: subs r7, #1; bne {1}"
"""Executes 2 instructions for each of {0}."""
EXCLUSIVE: Final = (
    f"reset: ldr r0, ={SHARED}; ldrex r1, [r0]; {WAIT.format(300, 'hold')}; strex r4, r1, [r0]; b stuck"
)
INCREMENT: Final = """
reset:
 ldr r0, =0x{lock:X}
 ldr r4, ={times}
again:
 ldrex r1, [r0]
 adds r1, #1
 strex r2, r1, [r0]
 cmp r2, #0
 bne again
 subs r4, #1
 bne again
 movs r5, #1
 b stuck
"""


@pytest.fixture(params=[8, 110, 500, 100_000], ids="quantum {} ns".format)
def pair(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with Rig(quantum_ns=request.param) as made:
        yield made


def other_core_writes(rig: Rig, offset: int = 0, *stores: str) -> None:
    text = "; ".join(stores or ("str r2, [r0]", "str r1, [r0]"))
    wait = WAIT.format(20, "wait")
    rig.boot(
        f"reset: ldr r0, ={SHARED + offset}; movs r1, #0; movs r2, #5; {wait}; {text}; b stuck", core="net"
    )


def test_a_value_that_another_core_changes_and_restores_fails_strex(rig: Rig) -> None:
    core = rig.boot(EXCLUSIVE)
    other_core_writes(rig)
    rig.run(1000)
    assert core.registers["R4"] == 1


@pytest.mark.parametrize(
    "store", ["str r1, [r0]", "strb r1, [r0, #3]", "strh r1, [r0]", "stm r0!, {r1}", "strd r1, r1, [r0]"]
)
def test_every_kind_of_store_of_the_same_value_fails_strex(rig: Rig, store: str) -> None:
    core = rig.boot(EXCLUSIVE)
    other_core_writes(rig, 0, store)
    rig.run(1000)
    assert core.registers["R4"] == 1


def test_without_a_write_strex_succeeds(pair: Rig) -> None:
    core = pair.boot(EXCLUSIVE)
    other_core_writes(pair, 0, "ldr r1, [r0]", "ldrex r1, [r0]", "clrex")
    pair.run(1000)
    assert core.registers["R4"] == 0


def test_a_write_elsewhere_leaves_the_monitor_alone(rig: Rig) -> None:
    core = rig.boot(EXCLUSIVE)
    other_core_writes(rig, 0x400)
    rig.run(1000)
    assert core.registers["R4"] == 0


def test_a_write_before_ldrex_leaves_the_monitor_alone(rig: Rig) -> None:
    delay = WAIT.format(200, "late")
    core = rig.boot(EXCLUSIVE.replace("ldrex", f"{delay}; ldrex"))
    other_core_writes(rig)
    rig.run(1500)
    assert core.registers["R4"] == 0


def test_each_ldrex_needs_a_write_of_its_own_to_fail(rig: Rig) -> None:
    """Another core that has written once is asked again: what it may write is not remembered past the next LDREX."""
    second = (
        EXCLUSIVE.replace("hold", "again")
        .replace("r4", "r5")
        .removeprefix("reset:")
        .replace("ldrex", "clrex; ldrex")
    )
    core = rig.boot(EXCLUSIVE.replace("b stuck", second))
    twice = f"str r1, [r0]; {WAIT.format(170, 'more')}; str r1, [r0]"
    other_core_writes(rig, 0, twice)
    rig.run(2000)
    assert (core.registers["R4"], core.registers["R5"]) == (1, 1)


@pytest.mark.parametrize("width", [8, 16, 32, "block"])
def test_a_value_that_python_changes_and_restores_fails_strex(rig: Rig, width: int | str) -> None:
    core = rig.boot(EXCLUSIVE)
    bus = rig.machine.core("net").bus

    def write() -> None:
        if width == "block":
            bus.write_block(SHARED, b"\5")
            bus.write_block(SHARED, b"\0")
        else:
            write = getattr(bus, f"write{width}")
            write(SHARED, 5)
            write(SHARED, 0)

    rig.at(100, write)
    rig.run(1000)
    assert core.registers["R4"] == 1


def test_what_python_writes_elsewhere_leaves_the_monitor_alone(rig: Rig) -> None:
    core = rig.boot(EXCLUSIVE)
    rig.at(100, lambda: core.bus.write_block(SHARED + 0x400, b"\5" * 64))
    rig.at(110, lambda: core.bus.write32(SHARED - 4, 5))
    rig.run(1000)
    assert core.registers["R4"] == 0


def test_a_model_that_writes_within_an_access_fails_strex(rig: Rig) -> None:
    """A peripheral with access to memory of its own, in the middle of the slice of the core that started it."""
    text = EXCLUSIVE.replace("strex", f"ldr r2, ={SHARED + 0x800}; str r1, [r2]; strex")
    core = rig.boot(text)
    bus = rig.machine.core("app").bus

    def told(_address: int, _value: int, _pc: object) -> None:
        bus.write32(SHARED, 5)
        bus.write32(SHARED, 0)

    firmware = core.firmware
    assert firmware is not None
    firmware.watch_stores(SHARED + 0x800, SHARED + 0x804, told)
    rig.run(1000)
    assert core.registers["R4"] == 1


def test_firmware_that_loses_its_reservation_to_itself_keeps_it(rig: Rig) -> None:
    """Whether a core's own stores clear its monitor is IMPLEMENTATION DEFINED: here they do not."""
    core = rig.boot(EXCLUSIVE.replace("strex", "str r1, [r0]; str r1, [r0, #4]; strex"))
    rig.run(1000)
    assert core.registers["R4"] == 0


def test_a_reservation_ends_with_the_reset_of_its_core(rig: Rig) -> None:
    core = rig.boot(f"reset: ldr r0, ={SHARED}; movs r1, #7; strex r4, r1, [r0]; ldrex r2, [r0]; b stuck")
    rig.run(200)
    core.reset()
    rig.run(200)
    assert core.registers["R4"] == 1


def test_a_core_that_is_closed_is_not_told_any_more(rig: Rig) -> None:
    core = rig.boot(EXCLUSIVE)
    rig.run(100)
    core.halt()
    other_core_writes(rig)
    rig.run(1000)
    assert rig.machine.core("net").instructions > 40


def test_two_cores_that_count_together_lose_nothing_whatever_the_quantum(pair: Rig) -> None:
    for core in ("app", "net"):
        pair.boot(INCREMENT.format(lock=SHARED, times=700), core=core)
    bus = pair.machine.core("app").bus
    pair.run(30_000)
    assert [pair.machine.core(core).registers["R5"] for core in ("app", "net")] == [1, 1], (
        "both came to an end"
    )
    assert bus.read32(SHARED) == 1400


def test_a_stack_of_nodes_that_two_cores_pop_and_push_keeps_its_nodes(pair: Rig) -> None:
    """The classic victim of an ABA write: head -> next is read between LDREX and STREX."""
    count = 5
    text = f"""
reset:
 ldr r0, ={SHARED}
 ldr r6, =300
again:
 bl pop
 mov r8, r1
 bl pop
 mov r9, r1
 mov r1, r8
 bl push
 mov r1, r9
 bl push
 subs r6, #1
 bne again
 movs r5, #1
 b stuck
pop: ldrex r1, [r0]
 ldr r2, [r1]
 nop
 strex r3, r2, [r0]
 cmp r3, #0
 bne pop
 ldr r2, [r1, #4]
 adds r2, #1
 str r2, [r1, #4]
 bx lr
push: ldrex r2, [r0]
 str r2, [r1]
 strex r3, r1, [r0]
 cmp r3, #0
 bne push
 bx lr
"""
    bus = pair.machine.core("app").bus
    nodes = [SHARED + 0x800 + 0x20 * at for at in range(count)]
    for at, node in enumerate(nodes):
        bus.write32(node, nodes[at + 1] if at + 1 < count else 0)
        bus.write32(node + 4, 0)
    bus.write32(SHARED, nodes[0])
    for core in ("app", "net"):
        pair.boot(text, core=core)
    pair.run(60_000)
    assert [pair.machine.core(core).registers["R5"] for core in ("app", "net")] == [1, 1]
    found, node = [], bus.read32(SHARED)
    while node and len(found) <= count:
        found.append(node)
        node = bus.read32(node)
    assert sorted(found) == nodes
    assert sum(bus.read32(node + 4) for node in nodes) == 1200


def test_reservations_of_private_memory_cost_the_other_core_no_question(rig: Rig) -> None:
    """Memory of one core's own is nothing that the other one could write, or lose its translations of pages for."""
    core = rig.boot(EXCLUSIVE.replace(str(SHARED), str(RAM["app"] + 0x100)))
    other_core_writes(rig)
    rig.run(1000)
    assert core.registers["R4"] == 0
