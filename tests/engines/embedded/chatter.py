"""Firmware for both cores that never sleeps for long: random delays, doorbells, SysTick, IT blocks, shared memory.

Run as a program it prints the trace hash of a run, for tests that compare processes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from rig import Rig

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine

IPC: Final = {"app": 0x5002_A000, "net": 0x4101_2000}
IRQ: Final = {"app": 42, "net": 18}
RAM: Final = {"app": 0x2000_0000, "net": 0x2100_0000}
_SHARED: Final = {"app": 0x2007_0000, "net": 0x2007_0100}
_OTHERS: Final = {"app": 0x2007_0100, "net": 0x2007_0000}
_PERIOD: Final = {"app": 1777, "net": 1201}
_CHANNELS: Final = {"app": (0, 1), "net": (1, 0)}

# RAM: +0 rounds, +4 doorbells heard, +8 SysTicks, +12 what was read from the other core, mixed.
_SOURCE: Final = """
reset:
 ldr r0, =IPC_BASE
 add r1, r0, #0x510
 movs r2, #TX_BIT
 str r2, [r1, #TX_OFFSET]
 add r1, r0, #0x590
 movs r2, #RX_BIT
 str r2, [r1, #RX_OFFSET]
 movs r2, #RX_BIT
 ldr r1, =IPC_BASE + 0x304
 str r2, [r1]
 ldr r1, =0xE000E100 + IRQ_WORD
 ldr r2, =IRQ_BIT
 str r2, [r1]
 ldr r1, =0xE000E010
 ldr r2, =PERIOD
 str r2, [r1, #4]
 str r2, [r1, #8]
 movs r2, #7
 str r2, [r1]
 ldr r8, =RAM_BASE
 ldr r9, =OWN
 ldr r10, =OTHER
 ldr r7, =SEED
again:
 bl random
 and r6, r7, #0x7F
delay:
 bl step
 subs r6, #1
 bpl delay
 ldr r1, [r10]
 ldr r2, [r8, #12]
 eor r2, r1, r2, ror #7
 str r2, [r8, #12]
 ldr r1, [r8]
 adds r1, #1
 str r1, [r8]
 str r1, [r9]
 ldr r0, =IPC_BASE + TX_OFFSET
 movs r1, #1
 str r1, [r0]
 tst r7, #0x300
 it eq
 wfieq
 b again
random:
 eor r7, r7, r7, lsl #13
 eor r7, r7, r7, lsr #17
 eor r7, r7, r7, lsl #5
 bx lr
step:
 tst r6, #3
 itt eq
 addeq r5, #1
 bxeq lr
 eor r5, r5, r6
 bx lr
irq_IRQ:
 ldr r0, =IPC_BASE + 0x100 + RX_OFFSET
 movs r1, #0
 str r1, [r0]
 ldr r0, =RAM_BASE
 ldr r1, [r0, #4]
 adds r1, #1
 str r1, [r0, #4]
 bx lr
sys_tick:
 ldr r0, =RAM_BASE
 ldr r1, [r0, #8]
 adds r1, #1
 str r1, [r0, #8]
 cmp r1, #0
 it ne
 bxne lr
 bx lr
"""


def source(core: str, seed: int) -> str:
    tx, rx = _CHANNELS[core]
    words = {
        "IRQ_WORD": 4 * (IRQ[core] // 32),
        "IRQ_BIT": 1 << IRQ[core] % 32,
        "irq_IRQ": f"irq_{IRQ[core]}",
        "IPC_BASE": IPC[core],
        "RAM_BASE": RAM[core],
        "OWN": _SHARED[core],
        "OTHER": _OTHERS[core],
        "PERIOD": _PERIOD[core],
        "SEED": seed,
        "TX_BIT": 1 << tx,
        "TX_OFFSET": 4 * tx,
        "RX_BIT": 1 << rx,
        "RX_OFFSET": 4 * rx,
    }
    text = _SOURCE
    for name, value in words.items():
        text = text.replace(name, str(value))
    return text


def start(rig: Rig, seed: int = 2463534242) -> EmbeddedMachine:
    for core in ("app", "net"):
        rig.boot(source(core, seed), core=core)
    return rig.machine


def counters(rig: Rig, core: str) -> dict[str, int]:
    bus = rig.machine.core(core).bus
    names = ("rounds", "heard", "ticks", "mixed")
    return {name: bus.read32(RAM[core] + 4 * at) for at, name in enumerate(names)}


def main() -> None:
    quantum_ns, duration_ns = int(sys.argv[1]), int(sys.argv[2])
    with Rig(quantum_ns=quantum_ns) as rig:
        start(rig).run_for(duration_ns)
        sys.stdout.write(rig.machine.trace_sha256())


if __name__ == "__main__":
    main()
