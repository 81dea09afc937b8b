"""Firmware that prints into memory: its lines are on the core's console, at the time of its slice."""

from __future__ import annotations

from dataclasses import replace

from rig import Rig
from thumb import RAM, firmware

RTT = RAM["app"] + 0x100
PROGRAM = f"""
reset:
 ldr r0, =0x{RTT:08X}
 ldr r1, =0x20000200    @ the ring
 str r1, [r0, #28]
 mov r1, #8
 str r1, [r0, #32]      @ of 8 bytes
 mov r1, #1
 str r1, [r0, #16]
 ldr r1, =0x47474553    @ "SEGG"
 str r1, [r0]
 ldr r1, =0x52205245    @ "ER R"
 str r1, [r0, #4]
 ldr r1, =0x00005454    @ "TT"
 str r1, [r0, #8]
 mov r4, #20            @ twenty characters through eight bytes, in blocking mode
 mov r5, #97
 ldr r3, =0x20000200
 mov r2, #0
more:
 strb r5, [r3, r2]
 add r2, #1
 and r2, #7
full:
 ldr r6, [r0, #40]
 cmp r6, r2
 beq full
 str r2, [r0, #36]
 add r5, #1
 subs r4, #1
 bne more
 wfi
 b stuck
"""


def test_a_firmware_that_waits_for_room_in_its_rtt_buffer_gets_it_and_is_read_whole() -> None:
    with Rig() as rig:
        image = firmware(PROGRAM)
        core = rig.machine.core("app")
        core.load(replace(image, symbols={**image.symbols, "_SEGGER_RTT": RTT}))
        core.start()
        rig.run()
        assert core.console.partial == "abcdefghijklmnopqrst"


def test_the_step_size_of_the_caller_changes_no_trace() -> None:
    traces = set()
    for steps in (1, 7, 100):
        with Rig() as rig:
            image = firmware(PROGRAM)
            core = rig.machine.core("app")
            core.load(replace(image, symbols={**image.symbols, "_SEGGER_RTT": RTT}))
            core.start()
            for _ in range(steps):
                rig.run(20_000 // steps)
            rig.run(20_000 % steps)
            traces.add(core.console.text)
    assert traces == {"abcdefghijklmnopqrst"}
