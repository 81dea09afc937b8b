"""Any program gives the same result in any slices and under any interrupts: generated ones are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from rig import ENABLE_IRQS, Rig

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine_core import MachineCore

LOW: Final = st.integers(0, 7).map("r{}".format)
OFFSET: Final = st.integers(0, 15).map(lambda at: 4 * at)
CONDITIONS: Final = [("eq", "ne"), ("cs", "cc"), ("mi", "pl"), ("hi", "ls"), ("ge", "lt"), ("gt", "le")]
SETTING: Final = """
adds {0}, {1}, {2}
subs {0}, {1}, {2}
eors {0}, {1}
muls {0}, {1}
lsrs {0}, {1}, #3
cmp {0}, {1}
tst {0}, {1}
adcs {0}, {1}
rsbs {0}, {1}, #0
""".strip().splitlines()
QUIET: Final = """
add{c} {0}, {1}, {2}
mov{c} {0}, {1}
ldr{c} {0}, [r8, #{o}]
str{c} {0}, [r8, #{o}]
strb{c} {0}, [r8, #{o}]
ldrh{c} {0}, [r8, #{o}]
eor{c} {0}, {1}, {2}, ror #5
umull{c} {0}, r12, {1}, {2}
rev{c} {0}, {1}
clz{c} {0}, {1}
ldrd{c} {0}, r12, [r8, #{o}]
strd{c} {0}, {1}, [r8, #{o}]
ldr{c} {0}, [r9, #{o}]
str{c} {0}, [r9]
bfi{c} {0}, {1}, #3, #7
""".strip().splitlines()
WHOLE: Final = """
push {{{0}}}; adds {0}, #1; pop {{{0}}}
bl leaf
cpsid i; adds {0}, #1; cpsie i
mov r12, #0x20; msr basepri, r12; adds {0}, #3; mov r12, #0; msr basepri, r12; mov r12, {0}
vmov s1, {0}; vadd.f32 s0, s0, s1; vmov {1}, s0
svc #1
mrs {0}, ipsr
isb
push {{r0-r3, lr}}; pop {{r0-r3, lr}}
cmp {0}, {1}; bne @@; adds {2}, #5; @@: adds {2}, #1
ldrex {0}, [r8]; clrex
""".strip().splitlines()
"""Replaced in the program: @@ by a label of its own; in an instruction: {c} a condition, {o} an offset."""


@st.composite
def instruction(draw: st.DrawFn, templates: list[str], condition: str = "") -> str:
    registers = draw(st.permutations(range(8)))[:3]
    text = draw(st.sampled_from(templates))
    return text.format(*(f"r{number}" for number in registers), c=condition, o=draw(OFFSET))


@st.composite
def it_block(draw: st.DrawFn) -> str:
    condition, opposite = draw(st.sampled_from(CONDITIONS))
    rest = draw(st.lists(st.booleans(), max_size=3))
    conditions = [condition, *(condition if same else opposite for same in rest)]
    letters = "".join("t" if same else "e" for same in rest)
    return "; ".join([f"it{letters} {condition}", *(draw(instruction(QUIET, other)) for other in conditions)])


PIECES: Final = st.one_of(
    instruction(SETTING),
    instruction([text.replace("{c}", "") for text in QUIET]),
    it_block(),
    instruction(WHOLE),
)


def program(pieces: list[str]) -> str:
    body = "\n".join(piece.replace("@@", f"skip{at}") for at, piece in enumerate(pieces))
    return f"""
reset:
{ENABLE_IRQS}
 ldr r8, =0x20000100
 ldr r9, =0x5002A610
 mov r10, #12
 vmov.f32 s0, #1.0
 movs r0, #1
 movs r1, #2
 movs r2, #3
 movs r3, #5
 movs r4, #7
 movs r5, #11
 movs r6, #13
 movs r7, #17
 mov r12, r0
again:
{body}
 b next
.ltorg
next:
 subs r10, #1
 bne again
 movs r10, #1
 str r10, [r8, #-4]
stay: b stay
leaf:
 tst r0, #1
 itt eq
 addeq r1, r1, #1
 bxeq lr
 eor r1, r1, r0
 bx lr
svc:
 ldr r1, [sp]
 adds r1, #3
 str r1, [sp]
 movs r2, #0
 movs r3, #0
 cmp r2, #0
 bx lr
irq_3:
 ldr r0, =0x20000300
 ldr r1, [r0]
 adds r1, #1
 str r1, [r0]
 vmov s1, r1
 vmov s0, r1
 movs r2, #0
 movs r3, #0
 mov r12, r2
 cmp r2, #1
 bx lr
"""


def outcome(core: MachineCore) -> tuple[list[int], bytes, int]:
    registers = core.registers
    return (
        [registers[f"R{number}"] for number in range(13)],
        core.bus.read_block(0x2000_0100, 0x60),
        registers["XPSR"],
    )


def run(rig: Rig, source: str, interrupts: list[int]) -> tuple[list[int], bytes, int]:
    core = rig.boot(source)
    for instruction_count in interrupts:
        rig.at(instruction_count, lambda: rig.pend(3))
    rig.machine.run_until(lambda: core.bus.read32(0x2000_00FC) == 1, timeout_ns=2_000_000, what="the end")
    rig.run(3000)
    assert core.bus.read32(0x2000_0300) <= len(interrupts)
    return outcome(core)


@settings(deadline=None, max_examples=examples(30))
@given(
    pieces=st.lists(PIECES, min_size=3, max_size=25),
    interrupts=st.lists(st.integers(20, 2500), max_size=60),
    quantum_ns=st.sampled_from([1, 24, 100, 700]),
)
def test_slices_and_interrupts_change_nothing(
    pieces: list[str], interrupts: list[int], quantum_ns: int
) -> None:
    source = program(pieces)
    with Rig(quantum_ns=100_000) as rig:
        expected = run(rig, source, [])
    with Rig(quantum_ns=quantum_ns) as rig:
        assert run(rig, source, []) == expected
        assert run(rig, source, interrupts) == expected
