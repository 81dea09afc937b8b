"""Each Cortex-M has the instructions, faults and registers of its version of the architecture."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from thumb import code

from icmsg.engines.embedded.armv8m.instructions import missing
from icmsg.engines.embedded.armv8m.native import CORES, Version
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import PlatformError
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine_core import MachineCore

_BASELINE: Final = {"cortex-m0", "cortex-m0+", "cortex-m1", "cortex-m23"}
_V6M: Final = _BASELINE - {"cortex-m23"}
_V8M: Final = {"cortex-m23", "cortex-m33"}
_DSP: Final = {"cortex-m33", "cortex-m4", "cortex-m4f", "cortex-m7"}
_RAM: Final = 0x2000_0000
_DONE: Final = 0xD0
PLATFORM: Final = """
cpu: CPU.CortexM @ sysbus
    cpuType: "{cpu}"
    nvic: nvic
{attributes}
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    priorityMask: {mask}
    -> cpu@0

flash: Memory.MappedMemory @ sysbus 0x0
    size: 0x1000

ram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x1000
"""


def machine(cpu: str, *, mask: int = 0xE0, attributes: str = "") -> EmbeddedMachine:
    return EmbeddedMachine(
        parse_platform(PLATFORM.format(cpu=cpu, mask=mask, attributes=attributes), "some.repl")
    )


INSTRUCTIONS: Final = {
    ".short 0xFBB1, 0xF0F2  @ UDIV": {*CORES} - _V6M,
    "movw r0, #0x1234": {*CORES} - _V6M,
    "ldrex r0, [r4]": {*CORES} - _V6M,
    ".short 0xB900  @ CBNZ R0": {*CORES} - _V6M,
    "add.w r0, r1, r2": {*CORES} - _BASELINE,
    "it eq; moveq r0, r1": {*CORES} - _BASELINE,
    "ldr.w r0, [r4, #12]": {*CORES} - _BASELINE,
    "adds r4, #1; ldr r0, [r4]": {*CORES} - _BASELINE,
    ".short 0xFA91, 0xF002  @ SADD16": _DSP,
    "vadd.f32 s0, s1, s2": _DSP,
    "vadd.f64 d0, d1, d2": {"cortex-m7"},
    ".short 0xE844, 0xF000  @ TT": _V8M,
    ".short 0xE8D4, 0x0FAF  @ LDA": _V8M,
    "dsb; dmb; isb; nop; sev; mrs r0, primask; msr primask, r0": {*CORES},
    "ldrsh r3, [r4, r0]; muls r0, r1, r0; rev r0, r1; uxtb r0, r1; stm r4!, {r1, r2}": {*CORES},
}
"""Instructions, and the cores that have them."""


@cache
def program(*sources: str) -> FirmwareImage:
    """Return a program that writes for each source a word: DONE, or the number of the fault that it was."""
    tries = "".join(
        f"""
     ldr r4, =0x20000100; movs r0, #0; movs r1, #7; movs r2, #3
     adr r7, after{number}
     movs r6, #{_DONE}
     {source}
    .align 2
    after{number}:
     ldr r4, =0x{_RAM + 4 * number:X}
     str r6, [r4]
    """
        for number, source in enumerate(sources)
    )
    text = f"""
     b start
     .align 2
     mrs r6, ipsr; mov r5, sp; str r7, [r5, #24]; bx lr
    start:
     {tries}
     b .
     .ltorg
    """
    table = [_RAM + 0x1000, 0x101, *[0x105] * 62]
    data = struct.pack("<64I", *table) + code(text, 0x100)
    return FirmwareImage(Path("test.elf"), (Segment(0, 0, data, executable=True),), 0x101, {})


def started(found: EmbeddedMachine, *sources: str) -> MachineCore:
    core = found.core("cpu")
    core.load(program(*sources))
    core.start()
    core.bus.write32(0xE000_ED24, 7 << 16)  # its own exception for each fault, where there are such
    core.bus.write32(0xE000_ED88, 0xF << 20)
    found.run_for(20_000)
    return core


def test_an_instruction_runs_where_the_core_has_it_and_else_is_a_fault() -> None:
    for cpu in CORES:
        with machine(cpu) as found:
            core = started(found, *INSTRUCTIONS)
            said = [core.bus.read32(_RAM + 4 * number) for number in range(len(INSTRUCTIONS))]
        fault = 3 if cpu in _BASELINE else 6
        assert dict(zip(INSTRUCTIONS, said, strict=True)) == {
            instruction: _DONE if cpu in have else fault for instruction, have in INSTRUCTIONS.items()
        }, cpu


def test_without_the_main_extension_every_fault_is_a_hard_fault_and_no_register_says_why() -> None:
    for cpu in ("cortex-m0+", "cortex-m23", "cortex-m3"):
        with machine(cpu) as found:
            core = started(found, "ldr r0, =0x60000000; ldr r0, [r0]")
            number, status = core.bus.read32(_RAM), core.bus.read32(0xE000_ED28)
        assert (number, bool(status)) == ((3, False) if cpu in _BASELINE else (5, True)), cpu


def test_the_id_registers_tell_the_cores_apart() -> None:
    told = {}
    for cpu in CORES:
        with machine(cpu) as found:
            told[cpu] = [found.core("cpu").bus.read32(0xE000_ED00 + offset) for offset in (0, 0x60, 0x14)]
    assert [f"{told[cpu][0]:X}" for cpu in ("cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m23")] == [
        "410CC200", "412FC231", "410FC241", "411FC272", "411CD200"
    ]  # fmt: skip
    assert told["cortex-m0"][1:] == [0, 0x208]
    assert told["cortex-m4"][1:] == [0x0114_1110, 0x200]
    assert told["cortex-m33"][1:] == [0x0110_1110, 0x201]


@pytest.mark.parametrize("mask", [0xC0, 0xE0, 0xF0, 0xFF, 0x00])
def test_a_priority_has_the_bits_that_the_platform_file_says(mask: int) -> None:
    with machine("cortex-m4", mask=mask) as found:
        bus = found.core("cpu").bus
        bus.write32(0xE000_E400, 0xFFFF_FFFF)
        bus.write32(0xE000_ED20, 0xFFFF_FFFF)
        assert bus.read32(0xE000_E400) == mask * 0x0101_0101
        assert bus.read32(0xE000_ED20) == mask * 0x0101_0001


def test_the_mpu_has_the_regions_that_the_platform_file_says_and_takes_their_number_in_rbar() -> None:
    with machine("cortex-m7", attributes="    numberOfMPURegions: 16\n") as found:
        bus = found.core("cpu").bus
        assert bus.read32(0xE000_ED90) == 16 << 8
        for region in (15, 3):
            bus.write32(0xE000_ED9C, 0x2000_0000 + 0x1000 * region | 1 << 4 | region)
            assert bus.read32(0xE000_ED98) == region
        bus.write32(0xE000_ED98, 15)
        assert bus.read32(0xE000_ED9C) & ~0x1F == 0x2000_F000
    with pytest.raises(PlatformError, match="numberOfMPURegions must be 0…16"):
        machine("cortex-m7", attributes="    numberOfMPURegions: 17\n")


def test_a_core_that_nothing_here_runs_is_refused_with_the_engine_that_does() -> None:
    reason = r"'cortex-m85' has instructions that the embedded engine does not have.*--engine renode"
    with pytest.raises(PlatformError, match=reason):
        machine("cortex-m85")
    with pytest.raises(
        PlatformError, match=r"'cortex-m99' is not modelled .* it runs cortex-m0, .*--engine renode"
    ):
        machine("cortex-m99")


def test_what_baseline_lacks_is_found_behind_any_instruction_before_it() -> None:
    block = memoryview(code("bl . + 4; movs r0, #1; dsb; add.w r0, r1, r2; it eq; moveq r0, r1"))
    assert list(missing(block, Version.V6M)) == [10, 14]
    assert list(missing(block, Version.V7M)) == []
