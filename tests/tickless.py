"""Firmware for the application core that sleeps by its RTC and counts the cycles, as a tickless kernel does."""

from __future__ import annotations

from typing import Final

RTC1: Final = 0x5001_5000
LFCLKALWAYSRUN: Final = 0x5000_5574
LONGEST: Final = 0x7F_FFFF
"""What a tickless kernel asks for at most, so that it can tell the past from the future: half of the counter."""

TICKLESS: Final = f"""
reset: cpsid i
 ldr r0, ={LFCLKALWAYSRUN}
 movs r1, #1
 str r1, [r0]
 ldr r0, ={RTC1}
 ldr r1, =0xE000E100
 ldr r2, =0x200000
 str r2, [r1]  @ ISER0: RTC1
 ldr r2, =0x10000
 ldr r1, =0x304
 str r2, [r0, r1]  @ INTENSET: COMPARE0
 movs r1, #1
 str r1, [r0]  @ TASKS_START
 movs r5, #0  @ cycles since the start
 movs r6, #0  @ the counter when it was last read
 movs r4, #0  @ how often it woke
 ldr r7, =0xFFFFFF
sleep: ldr r2, ={LONGEST}
 adds r2, r6, r2
 ands r2, r7
 ldr r1, =0x540
 str r2, [r0, r1]  @ CC0
 wfi
 movs r2, #0
 ldr r1, =0x140
 str r2, [r0, r1]  @ EVENTS_COMPARE0
 ldr r2, [r0, r1]
 ldr r1, =0xE000E280
 ldr r2, =0x200000
 str r2, [r1]  @ ICPR0
 ldr r1, =0x504
 ldr r3, [r0, r1]  @ COUNTER
 subs r2, r3, r6
 ands r2, r7
 adds r5, r5, r2
 mov r6, r3
 adds r4, r4, #1
 ldr r1, =0x20000000
 str r5, [r1]
 str r4, [r1, #4]
 b sleep
"""
"""The cycles it has counted are at 0x20000000, how often it woke behind that."""
