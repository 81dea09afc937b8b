"""Loads and stores: several registers at once, unaligned, where nothing is, exclusive; and code that changes."""

from __future__ import annotations

from typing import Final

import pytest
from rig import ENABLE_IRQS, Rig
from thumb import RAM, SHARED, code

SEND_CNF, RECEIVE_CNF = 0x5002_A510, 0x5002_A590
GPMEM: Final = 0x5002_A610
WIDE: Final = {
    "LDRD": "ldrd r2, r3, [r0]; strd r2, r3, [r1]",
    "LDM": "ldm r0, {r2, r3}; stm r1, {r2, r3}",
    "LDR with writeback": "ldr r2, [r0], #4; ldr r3, [r0]; str r2, [r1], #4; str r3, [r1]",
    "VLDR of a double word": "vldr d0, [r0]; vstr d0, [r1]",
    "VLDM": "vldm r0, {s0, s1}; vstm r1, {s0, s1}",
    "halfwords": "ldrh r2, [r0]; ldrh r3, [r0, #4]; ldrh r4, [r0, #2]; ldrh r5, [r0, #6]\n"
    " strh r2, [r1]; strh r3, [r1, #4]; strh r4, [r1, #2]; strh r5, [r1, #6]",
    "bytes": "\n".join(f"ldrb r2, [r0, #{at}]; strb r2, [r1, #{at}]" for at in range(8)),
}


@pytest.mark.parametrize("how", WIDE)
def test_every_kind_of_access_reaches_registers_word_by_word(rig: Rig, how: str) -> None:
    data = (0x1122_3344, 0xAABB_CCDD)
    ram = RAM["app"] + 0x200
    for source, target in ((GPMEM, ram), (ram, GPMEM), (GPMEM, RAM["app"] + 0x400 - 4)):
        wait = "ldr r6, =0x20000100; wait: ldr r7, [r6]; cmp r7, #0; beq wait"
        core = rig.boot(f"reset: ldr r0, ={source}; ldr r1, ={target}; {wait}\n {WIDE[how]}; b stuck")
        for at, value in enumerate(data):
            core.bus.write32(source + 4 * at, value)
        core.bus.write32(0x2000_0100, 1)
        rig.run(300)
        assert tuple(core.bus.read32(target + 4 * at) for at in range(2)) == data
    assert not rig.machine.warnings


def test_a_store_of_several_registers_has_the_side_effects_of_each(rig: Rig) -> None:
    """INTENSET and INTENCLR in one STRD: both are windows on INTEN."""
    core = rig.boot(
        "reset: ldr r0, =0x5002A300; movs r1, #0xF0; str r1, [r0]; movs r1, #0x0F; movs r2, #0x11; "
        "strd r1, r2, [r0, #4]; b stuck"
    )
    rig.run(100)
    assert core.bus.read32(0x5002_A300) == 0xEE


@pytest.mark.parametrize("place", [0x200, 0x3FE, 0xFFE])
def test_unaligned_words_cross_pages(rig: Rig, place: int) -> None:
    for offset in range(4):
        address = RAM["app"] + place + offset - 2
        core = rig.boot(
            f"reset: ldr r0, ={address}; ldr r1, =0x44332211; str r1, [r0]; ldr r2, [r0]; ldrh r3, [r0, #1]; b stuck"
        )
        rig.run(100)
        assert core.bus.read_block(address, 4) == bytes.fromhex("11223344")
        assert (core.registers["R2"], core.registers["R3"]) == (0x4433_2211, 0x3322)


def test_ram_ends_where_it_ends(rig: Rig) -> None:
    """The last word of application RAM and the first of the shared memory touch; a store may cross."""
    core = rig.boot(f"reset: ldr r0, ={SHARED - 2}; ldr r1, =0x44332211; str r1, [r0]; ldr r2, [r0]; b stuck")
    rig.run(100)
    assert core.bus.read_block(SHARED - 2, 4) == bytes.fromhex("11223344")
    assert core.registers["R2"] == 0x4433_2211


# Where nothing models what the SoC has

MISSING: Final = {
    "a peripheral that nothing models": (0x5002_1000, "of PWM0, which nothing models"),
    "a register that the peripheral does not have": (0x5002_A7FC, "refused"),
    "a debug unit": (0xE000_0000, "of ITM, which nothing models"),
}


@pytest.mark.parametrize("what", MISSING)
@pytest.mark.parametrize("load", ["ldr", "ldrh", "ldrb"])
def test_a_load_that_nothing_models_reads_zero_and_is_told_with_its_place(
    rig: Rig, what: str, load: str
) -> None:
    address, words = MISSING[what]
    core = rig.boot(f"reset: ldr r0, ={address}; mvn r1, #0; here: {load} r1, [r0]; movs r2, #1; b stuck")
    rig.run(100)
    assert (core.registers["R1"], core.registers["R2"]) == (0, 1)
    (warning,) = rig.machine.warnings
    assert core.image is not None
    assert (warning.core, warning.address, warning.pc) == ("app", address, core.image.symbol("here"))
    assert warning.place == "here"
    assert words in warning.what
    assert "read" in warning.what
    assert f"0x{address:08X}" in str(warning)


@pytest.mark.parametrize("what", MISSING)
@pytest.mark.parametrize("store", ["str", "strh", "strb"])
def test_a_store_that_nothing_models_is_ignored_and_told(rig: Rig, what: str, store: str) -> None:
    address, words = MISSING[what]
    core = rig.boot(
        f"reset: ldr r0, ={address}; mvn r1, #0; nop; here: {store} r1, [r0]; movs r2, #1; b stuck"
    )
    rig.run(100)
    assert core.registers["R2"] == 1
    (warning,) = rig.machine.warnings
    assert core.image is not None
    assert (warning.address, warning.pc, warning.place) == (address, core.image.symbol("here"), "here")
    assert words in warning.what
    assert "write" in warning.what


def test_a_write_to_a_read_only_register_says_so(rig: Rig) -> None:
    rig.boot("reset: ldr r0, =0x5002A30C; str r0, [r0]; b stuck")
    rig.run(100)
    (warning,) = rig.machine.warnings
    assert "IPC.INTPEND is read-only" in warning.what


def test_a_loop_over_such_a_peripheral_is_told_once_per_address_and_kind(rig: Rig) -> None:
    rig.boot("reset: ldr r0, =0x50021000; again: ldr r1, [r0]; str r1, [r0]; ldr r1, [r0, #4]; b again")
    rig.run(2000)
    assert len(rig.machine.warnings) == 3


# Exclusive access


def test_strex_fails_behind_an_exception_and_works_behind_a_new_ldrex(rig: Rig) -> None:
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0x20000100; ldrex r1, [r0]; ldr r2, =0xE000E200; movs r3, #8; str r3, [r2]\n"
        " nop; adds r1, #1; strex r4, r1, [r0]; ldrex r1, [r0]; adds r1, #1; strex r5, r1, [r0]; b stuck\n"
        "irq_3: bx lr"
    )
    rig.run(100)
    assert (core.registers["R4"], core.registers["R5"]) == (1, 0)
    assert core.bus.read32(0x2000_0100) == 1


def test_an_exclusive_sequence_sees_a_value_that_went_and_came_back(rig: Rig) -> None:
    """A handler that writes A, B, A behind LDREX: comparing values would not notice."""
    core = rig.boot(
        f"reset: {ENABLE_IRQS} ldr r0, =0x20000100; ldrex r1, [r0]; ldr r2, =0xE000E200; movs r3, #8; str r3, [r2]\n"
        " nop; movs r1, #77; strex r4, r1, [r0]; b stuck\n"
        "irq_3: ldr r0, =0x20000100; movs r1, #5; str r1, [r0]; movs r1, #0; str r1, [r0]; bx lr"
    )
    rig.run(100)
    assert core.registers["R4"] == 1
    assert core.bus.read32(0x2000_0100) == 0


def test_a_counter_that_thread_and_handlers_share_loses_nothing(rig: Rig) -> None:
    increment = "{label}: ldrex r1, [r0]; adds r1, #1; strex r2, r1, [r0]; cmp r2, #0; bne {label}"
    rig.boot(
        f"reset: ldr r3, =0xE000E010; movs r1, #58; str r1, [r3, #4]; str r1, [r3, #8]; movs r1, #7; str r1, [r3]\n"
        f" ldr r0, =0x20000100; ldr r4, =3000; again: {increment.format(label='thread')}; subs r4, #1; bne again\n"
        " movs r1, #0; str r1, [r3]; movs r1, #1; str r1, [r0, #8]; b stuck\n"
        f"sys_tick: ldr r0, =0x20000100; {increment.format(label='handler')}\n"
        " ldr r1, [r0, #4]; adds r1, #1; str r1, [r0, #4]; bx lr"
    )
    rig.run(60_000)
    total, handled, done = rig.words(3, 0x100)
    assert done == 1
    assert handled > 300
    assert total == 3000 + handled


def test_two_cores_share_a_lock_and_lose_nothing(rig: Rig) -> None:
    source = f"""
reset:
 ldr r0, ={SHARED}
 ldr r4, =1500
again:
lock: ldrex r1, [r0]
 cmp r1, #0
 bne lock
 movs r1, #1
 strex r2, r1, [r0]
 cmp r2, #0
 bne lock
 dmb sy
 ldr r1, [r0, #4]
 nop
 adds r1, #1
 str r1, [r0, #4]
 dmb sy
 movs r1, #0
 str r1, [r0]
 subs r4, #1
 bne again
 ldr r1, [r0, #8]
 adds r1, #1
 str r1, [r0, #8]
done: wfi
 b done
"""
    for core in ("app", "net"):
        rig.boot(source, core=core)
    bus = rig.machine.core("app").bus
    rig.machine.run_until(lambda: bus.read32(SHARED + 8) == 2, timeout_ns=100_000_000)
    assert bus.read32(SHARED + 4) == 3000


# Code that changes


def test_firmware_that_rewrites_the_next_instruction_runs_the_new_one(rig: Rig) -> None:
    (new,) = (int.from_bytes(code("adds r4, #16"), "little"),)
    core = rig.boot(
        f"""
reset:
 movs r4, #0
 movs r5, #3
again:
 bl patched
 ldr r0, =patched
 ldr r1, ={new}
 strh r1, [r0]
 dsb sy
 isb
 subs r5, #1
 bne again
 b stuck
.align 2
patched:
 adds r4, #1
 bx lr
"""
    )
    rig.run(300)
    assert core.registers["R4"] == 1 + 16 + 16


@pytest.mark.parametrize("where", [RAM["app"] + 0x2000, SHARED + 0x100])
def test_a_function_in_ram_can_be_replaced_by_firmware_and_by_the_host(rig: Rig, where: int) -> None:
    """The data beside the code, in the same page, is written all the time."""
    core = rig.boot(
        f"reset: movs r4, #0; ldr r0, ={where}; ldr r6, ={where + 0x80}; ldr r1, =0x47703401; str r1, [r0]\n"
        " again: adds r1, r0, #1; blx r1; str r4, [r6]; cmp r4, #50; bne again\n"
        " ldr r1, =0x47703464; str r1, [r0]; dsb sy; isb; adds r1, r0, #1; blx r1; wait: adds r1, r0, #1; "
        "blx r1; b wait"
    )
    rig.run(2000)
    assert (core.registers["R4"] - 50) % 100 == 0
    assert core.registers["R4"] > 300
    core.bus.write_block(where, code("movs r4, #7; bx lr"))
    rig.run(200)
    assert core.registers["R4"] == 7
    core.bus.write8(where, 9)
    rig.run(200)
    assert core.registers["R4"] == 9
    core.bus.write16(where, 0x240B)
    rig.run(200)
    assert core.registers["R4"] == 11
    core.bus.write32(where, 0x4770_240D)
    rig.run(200)
    assert core.registers["R4"] == 13


def test_the_host_changes_flash_while_the_core_runs_it(rig: Rig) -> None:
    core = rig.boot("reset: movs r4, #0\nhere: adds r4, #1; b here")
    rig.run(500)
    assert core.image is not None
    core.bus.write_block(core.image.symbol("here"), code("movs r4, #0"))
    rig.run(500)
    assert core.registers["R4"] == 0


def test_the_other_core_s_bus_changes_code_as_well(rig: Rig) -> None:
    core = rig.boot(
        f"reset: movs r4, #0; ldr r0, ={SHARED}; ldr r1, =0x47703401; str r1, [r0]; adds r0, #1\nagain: blx r0; b again"
    )
    rig.run(500)
    rig.machine.core("net").bus.write32(SHARED, 0x4770_2400)
    rig.run(500)
    assert core.registers["R4"] == 0


def test_code_at_the_end_of_memory_runs_into_a_fault(rig: Rig) -> None:
    end = 0x2008_0000
    core = rig.boot(
        f"reset: ldr r0, ={end - 4}; ldr r1, =0xBF00BF00; str r1, [r0]; adds r0, #1; "
        "bx r0\nhard_fault: ldr r4, [sp, #24]; b stuck"
    )
    rig.run(100)
    assert core.registers["R4"] == end
