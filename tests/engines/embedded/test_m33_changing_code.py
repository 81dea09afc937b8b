"""Code that both cores and Python write, patch, copy and call runs as it stands in memory: generated programs.

Six functions stand in a shared memory, across the boundary of two pages, with the data that they use beside them.
The actors take turns, so that an interpreter of a few lines says what has to come out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from rig import ENABLE_IRQS, Rig
from thumb import RAM, SHARED, code

from icmsg.engines.embedded.memory import MappedMemory

if TYPE_CHECKING:
    from collections.abc import Callable

TURN: Final = SHARED
COUNTS: Final = {"app": SHARED + 0x3B0, "net": SHARED + 0x3B4}
FUNCTIONS: Final = 6
UNITS: Final = 4
SIZE: Final = 4 * UNITS + 4
FIRST: Final = SHARED + 0x3C2
"""The first instruction of function 3 lies half in one page, half in the next."""
TEXTS: Final = {
    "add": "adds r7, #{0}; nop",
    "subtract": "subs r7, #{0}; nop",
    "double": "adds r7, r7, r7; nop",
    "open": "cpsie i; cpsid i",
    "unmask": "msr primask, r8",
    "mask": "cpsid i; nop",
    "count": "ldr r3, [r6]; adds r7, r7, r3",
    "query": ".short 0xE846, 0xF300; ",
    "use": "adds r7, r7, r3; nop",
}
"""TT R3, R6 is a query; R8 is zero."""
Unit = tuple[str, int]
Step = tuple[str, int, int, tuple[Unit, ...]]
"""(what, function, another number, units)"""


@st.composite
def units(draw: st.DrawFn) -> Unit:
    return draw(st.sampled_from(sorted(TEXTS))), draw(st.integers(1, 200))


FUNCTION: Final = st.integers(0, FUNCTIONS - 1)
WRITES: Final = st.one_of(
    st.tuples(st.just("write"), FUNCTION, st.just(0), st.tuples(*[units()] * UNITS)),
    st.tuples(st.just("patch"), FUNCTION, st.integers(0, UNITS - 1), st.tuples(units())),
    st.tuples(st.just("copy"), FUNCTION, FUNCTION, st.just(())),
)
STEPS: Final = st.one_of(
    WRITES,
    st.tuples(st.just("call"), FUNCTION, st.just(0), st.just(())),
    st.tuples(st.just("call"), FUNCTION, st.just(0), st.just(())),
    st.tuples(st.just("pend"), st.just(0), st.just(0), st.just(())),
)
TURNS: Final = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["app", "net"]), st.lists(STEPS, min_size=1, max_size=6)),
        st.tuples(st.just("host"), st.lists(WRITES, min_size=1, max_size=3)),
    ),
    min_size=2,
    max_size=10,
)
START: Final = tuple(("write", at, 0, (("add", 1 + at),) * UNITS) for at in range(FUNCTIONS))


def address(function: int, unit: int = 0) -> int:
    return FIRST + SIZE * function + 4 * unit


def encoded(parts: tuple[Unit, ...]) -> bytes:
    return b"".join(code(TEXTS[name].format(number)) for name, number in parts)


@dataclass
class Model:
    """What the programs do: the interpreter."""

    query: dict[str, int]
    functions: list[list[Unit]] = field(default_factory=lambda: [[] for _ in range(FUNCTIONS)])
    sums: dict[str, int] = field(default_factory=lambda: {"app": 0, "net": 0})
    counts: dict[str, int] = field(default_factory=lambda: {"app": 0, "net": 0})
    scratch: dict[str, int] = field(default_factory=lambda: {"app": 0, "net": 0})
    masked: dict[str, bool] = field(default_factory=lambda: {"app": True, "net": True})
    pending: dict[str, bool] = field(default_factory=lambda: {"app": False, "net": False})

    def step(self, core: str, step: Step) -> None:
        what, function, other, parts = step
        if what == "write":
            self.functions[function] = list(parts)
        elif what == "patch":
            self.functions[function][other] = parts[0]
        elif what == "copy":
            self.functions[function] = list(self.functions[other])
        elif what == "pend":
            self.pending[core] = True
            self.interrupt(core)
        else:
            for name, number in self.functions[function]:
                self.unit(core, name, number)

    def unit(self, core: str, name: str, number: int) -> None:
        if name in ("open", "unmask"):
            self.masked[core] = False
            self.interrupt(core)
        if name in ("open", "mask"):
            self.masked[core] = True
        change = {
            "add": number,
            "subtract": -number,
            "double": self.sums[core],
            "count": self.counts[core],
            "use": self.scratch[core],
        }
        if name == "count":
            self.scratch[core] = self.counts[core]
        if name == "query":
            self.scratch[core] = self.query[core]
        self.sums[core] = (self.sums[core] + change.get(name, 0)) & 0xFFFF_FFFF

    def interrupt(self, core: str) -> None:
        if self.pending[core] and not self.masked[core]:
            self.pending[core] = False
            self.counts[core] += 1


def load(register: str, value: int) -> str:
    return f"movw {register}, #{value & 0xFFFF}; movt {register}, #{value >> 16}"


def store(where: int, data: bytes) -> str:
    halves = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    return "\n".join(
        [
            load("r1", where),
            *(f"movw r0, #{half}; strh r0, [r1, #{2 * at}]" for at, half in enumerate(halves)),
        ]
    )


def text(step: Step) -> str:
    what, function, other, parts = step
    if what == "write":
        return store(address(function), encoded(parts) + code("bx lr"))
    if what == "patch":
        return store(address(function, other), encoded(parts))
    if what == "copy":
        lines = [load("r1", address(function)), load("r2", address(other))]
        lines += [f"ldrh r0, [r2, #{at}]; strh r0, [r1, #{at}]" for at in range(0, SIZE, 2)]
        return "\n".join(lines)
    if what == "pend":
        return f"{load('r1', 0xE000EF00)}; movs r0, #3; str r0, [r1]"
    return f"isb; {load('r1', address(function) | 1)}; blx r1"


def program(core: str, turns: list[tuple[str, list[Step]]]) -> str:
    lines = [
        "reset: cpsid i",
        ENABLE_IRQS,
        f"{load('r6', COUNTS[core])}; movs r7, #0; mov r8, r7; {TEXTS['query']}",
        f"{load('r9', RAM[core] + 0x100)}; str r3, [r9]; movs r3, #0; {load('r10', TURN)}",
    ]
    for number, (actor, steps) in enumerate(turns):
        if actor == core:
            lines.append(f"wait{number}: ldr r0, [r10]; movw r1, #{number}; cmp r0, r1; bne wait{number}")
            lines += [text(step) for step in steps]
            lines.append(f"dsb sy; movw r0, #{number + 1}; str r0, [r10]")
    lines.append("str r7, [r9, #4]; b stuck")
    lines.append("irq_3: ldr r0, [r6]; adds r0, #1; str r0, [r6]; bx lr")
    return "\n".join(lines)


def outcome(
    turns: list[tuple[str, list[Step]]], quantum_ns: int
) -> tuple[Model, dict[str, int], dict[str, int]]:
    """Run firmware and interpreter; return the latter, and the sums and counts of the former."""
    with Rig(quantum_ns=quantum_ns) as rig:
        bus = rig.machine.core("app").bus
        bus.write32(TURN, 0)
        for core in ("app", "net"):
            rig.boot(program(core, turns), core=core)
        for number, (actor, steps) in enumerate(turns):
            if actor == "host":
                rig.machine.run_until(lambda at=number: bus.read32(TURN) == at, timeout_ns=10_000_000)  # type: ignore[misc]
                for step in steps:
                    host(bus.read_block, bus.write_block, step)
                bus.write32(TURN, number + 1)
        rig.machine.run_until(lambda: bus.read32(TURN) == len(turns), timeout_ns=10_000_000)
        rig.run(2000)
        model = Model({core: rig.word(0x100, core) for core in COUNTS})
        sums = {core: rig.word(0x104, core) for core in COUNTS}
        counts = {core: bus.read32(where) for core, where in COUNTS.items()}
    for actor, steps in turns:
        for step in steps:
            model.step(actor, step)
    return model, sums, counts


def host(read: Callable[[int, int], bytes], write: Callable[[int, bytes], None], step: Step) -> None:
    what, function, other, parts = step
    if what == "write":
        write(address(function), encoded(parts) + code("bx lr"))
    elif what == "patch":
        write(address(function, other), encoded(parts))
    else:
        write(address(function), read(address(other), SIZE))


def check(turns: list[tuple[str, list[Step]]], quantum_ns: int) -> None:
    model, sums, counts = outcome([("app", list(START)), *turns], quantum_ns)
    assert (sums, counts) == (model.sums, model.counts)


@settings(deadline=None, max_examples=12)
@given(turns=TURNS, quantum_ns=st.sampled_from([100, 1000, 20_000]))
def test_changing_code_runs_as_it_stands_in_memory(
    turns: list[tuple[str, list[Step]]], quantum_ns: int
) -> None:
    check(turns, quantum_ns)


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(150))
@given(turns=TURNS, quantum_ns=st.sampled_from([100, 1000, 20_000]))
def test_changing_code_runs_as_it_stands_in_memory_at_length(
    turns: list[tuple[str, list[Step]]], quantum_ns: int
) -> None:
    check(turns, quantum_ns)


CALL: Final[Step] = ("call", 1, 0, ())
ADDS: Final = (("add", 1), ("add", 2), ("add", 3))


@pytest.mark.parametrize(
    "third",
    [(("query", 39), *ADDS), (("add", 39), ("query", 1), ("open", 1), ("count", 1))],
    ids=["the first instruction", "a later one"],
)
def test_a_core_that_overwrites_the_query_that_comes_next_goes_on_with_what_stands_there_now(
    third: tuple[Unit, ...],
) -> None:
    steps: list[Step] = [
        ("copy", 0, 3, ()),
        ("write", 5, 0, (*ADDS, ("add", 4))),
        ("call", 1, 0, ()),
        ("copy", 0, 0, ()),
        ("copy", 0, 1, ()),
        ("call", 0, 0, ()),
    ]
    check([("host", [("write", 3, 0, third)]), ("app", steps)], 100)


def test_a_core_that_overwrites_a_query_which_it_has_executed_runs_on() -> None:
    query: list[Step] = [("patch", 3, 1, (("query", 1),)), ("call", 3, 0, ())]
    check([("app", [*query, ("patch", 3, 1, (ADDS[0],)), ("call", 3, 0, ())])], 100)


def test_a_core_that_executes_from_a_page_which_it_has_just_changed_does_not_hide_the_change_from_the_other() -> (
    None
):
    changes: list[Step] = [("patch", 0, 0, (ADDS[0],)), ("write", 1, 0, (*ADDS, ADDS[0])), ("call", 0, 0, ())]
    check([("net", [("patch", 0, 0, (ADDS[0],)), CALL]), ("app", changes), ("net", [CALL])], 1000)


def test_the_interpreter_counts_what_an_unmasked_interrupt_does() -> None:
    model = Model({"app": 0, "net": 0})
    for step in (*START, ("write", 0, 0, (("open", 1), ("count", 1), ("add", 5), ("double", 1)))):
        model.step("app", step)
    for step in (("pend", 0, 0, ()), ("call", 0, 0, ())):
        model.step("app", step)
    assert (model.counts["app"], model.sums["app"]) == (1, 12)


REPLACED: Final = f"""
reset: {load("r4", SHARED)}; {load("r0", 0x47702001)}; str r0, [r4]; dsb sy; isb
 adds r5, r4, #1; {load("r1", RAM["app"])}
again: blx r5; str r0, [r1]; b again
"""


def test_a_function_that_the_other_core_replaces_is_the_new_one(rig: Rig) -> None:
    rig.boot(REPLACED)
    rig.run(1000)
    assert rig.word() == 1
    rig.boot(f"reset: {load('r4', SHARED)}; {load('r0', 0x47702002)}; str r0, [r4]; b stuck", core="net")
    rig.run(1000)
    assert rig.word() == 2


def test_a_restarted_core_runs_what_was_written_behind_the_bus(rig: Rig) -> None:
    """Raw memory, which is told to nobody: a reset forgets all code."""
    core = rig.boot("reset: movs r4, #1; b stuck")
    rig.run(100)
    assert core.image is not None
    at = core.image.symbol("reset")
    rig.machine.memories["flashapp"].bytes[at : at + 2] = code("movs r4, #2")
    core.reset()
    rig.run(100)
    assert core.registers["R4"] == 2


def test_a_memory_with_two_addresses_is_one_where_code_changes(rig: Rig) -> None:
    """The second address of a memory, which a store goes through, while the first executes."""
    space = rig.machine.core("app")._slot.space

    space.add(MappedMemory(0x3000_0000, 0x3001_0000, rig.machine.memories["shared"]))
    core = rig.boot(
        f"reset: {load('r4', SHARED)}; {load('r6', 0x3000_0000)}; {load('r0', 0x47702001)}; str r0, [r4]; dsb sy; isb\n"
        f" adds r5, r4, #1; blx r5; mov r7, r0; {load('r0', 0x47702002)}; str r0, [r6]; dsb sy; isb; blx r5; b stuck"
    )
    rig.run(200)
    assert (core.registers["R7"], core.registers["R0"]) == (1, 2)


WRITTEN: Final = {
    "CPSIE": ("cpsie i; cpsid i", 1),
    "MSR PRIMASK": ("msr primask, r8; cpsid i", 1),
    "a stack limit": ("msr psplim, r8; nop", 0),
    "TT": (f"{TEXTS['query']}; mov r7, r3", 0),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_firmware_that_writes_an_instruction_into_a_page_it_runs_from_gets_all_of_it(
    rig: Rig, what: str
) -> None:
    """Within one slice, in a page that was executed before, then overwritten again by something harmless."""
    text, interrupts = WRITTEN[what]
    where = RAM["app"] + 0x1000
    new, old = code(text + "; bx lr"), code("nop; nop; nop; nop; bx lr")
    core = rig.boot(
        f"reset: cpsid i; {ENABLE_IRQS}; movs r7, #0; mov r8, r7; {load('r6', RAM['app'])}; {load('r10', 0xE000EF00)}\n"
        f"{store(where, old)}; isb; {load('r5', where | 1)}; blx r5; {TEXTS['query']}; mov r11, r3; movs r3, #0\n"
        f"{store(where, new)}; isb; movs r0, #3; str r0, [r10]; blx r5; mov r4, r7\n"
        f"movs r7, #0; movs r3, #0; {store(where, old)}; isb; blx r5; b stuck\n"
        "irq_3: ldr r0, [r6]; adds r0, #1; str r0, [r6]; bx lr"
    )
    rig.machine.quantum_ns = 100_000
    rig.run(1000)
    found = core.registers
    assert rig.word() == interrupts
    assert found["R4"] == (found["R11"] if what == "TT" else 0)
    assert found["R7"] == found["R3"] == 0
