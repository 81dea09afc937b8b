"""Renesas RA's ICU: what firmware links by IELSR interrupts it, and the SCI by interrupts in both directions."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from thumb import code

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import PlatformError
from icmsg.machine.image import FirmwareImage, Segment
from icmsg.soc.platform import parse_platform

if TYPE_CHECKING:
    from icmsg.engines.embedded.models.interrupt_controllers import RenesasIcuModel

SCI, ICU = 0x4011_8000, 0x4000_6000
RXI, TXI = 0x180, 0x181
PENDING: Final = 1 << 16
CHIP: Final = """
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
    IRQ -> cpu@0

cpu: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvic

flash: Memory.MappedMemory @ sysbus 0x0
    size: 0x2000

ram: Memory.MappedMemory @ sysbus 0x20000000
    size: 0x2000

icu: IRQControllers.RenesasRA_ICU @ sysbus 0x40006000
    nvic: nvic
{icu}
sci0: SCI.RenesasRA6M5_SCI @ sysbus 0x40118000
    frequency: 50000000
    enableManchesterMode: false
    enableFIFO: false
    ReceiveIRQ -> icu@{rxi}
    TransmitIRQ -> icu@{txi}
    TransmitEndIRQ -> icu@0x182
"""


def machine(icu: str = "", rxi: int = RXI, txi: int = TXI) -> EmbeddedMachine:
    return EmbeddedMachine(parse_platform(CHIP.format(icu=icu, rxi=rxi, txi=txi), "ra.repl"))


def program(rxi_link: int, txi_link: int) -> FirmwareImage:
    """Return firmware that sends ``hello`` by the transmit interrupt 1 and answers by the receive interrupt 0."""
    source = f"""
     b start
     .align 2
    received:
     ldr r1, ={ICU + 0x300}; ldr r0, ={rxi_link}; str r0, [r1]
     ldr r1, ={SCI}; ldrb r0, [r1, #5]; strb r0, [r1, #3]
     bx lr
     .align 2
    empty:
     ldr r1, ={ICU + 0x304}; ldr r0, ={txi_link}; str r0, [r1]
     ldr r3, =0x20000000; ldr r2, [r3]
     ldrb r0, [r2]
     cmp r0, #0
     beq done
     adds r2, #1; str r2, [r3]
     ldr r1, ={SCI}; strb r0, [r1, #3]
     bx lr
    done:
     ldr r1, ={SCI}; movs r0, #0x70; strb r0, [r1, #2]
     bx lr
    start:
     adr r0, text; ldr r1, =0x20000000; str r0, [r1]
     ldr r1, ={ICU + 0x300}; ldr r0, ={rxi_link}; str r0, [r1]
     ldr r0, ={txi_link}; str r0, [r1, #4]
     ldr r1, =0xE000E100; movs r0, #3; str r0, [r1]
     ldr r1, ={SCI}; movs r0, #0xF0; strb r0, [r1, #2]
    sleep:
     wfi
     b sleep
     .align 2
    text: .asciz "hello"
     .align 2
     .ltorg
    """
    begin = 0x100
    assembled = code(source, begin)
    offset = {name: begin + at for name, at in (("received", 4), ("empty", assembled.find(b"\x70\x47") + 2))}
    at = offset["empty"] + 3 & -4
    table = [0x2000_1000, *[begin | 1] * 63]
    table[16], table[17] = offset["received"] | 1, at | 1
    data = struct.pack("<64I", *table) + assembled
    return FirmwareImage(Path("test.elf"), (Segment(0, 0, data, executable=True),), begin | 1, {})


@pytest.mark.parametrize(
    ("icu", "events", "links"),
    [
        ("", (RXI, TXI), (RXI, TXI)),
        (
            "    eventToInterruptLink: EventToInterruptLinkType.RA2\n    numberOfExternalInterrupts: 8\n"
            "    highestEventNumber: 0xA9\n    numberOfNVICOutputs: 32\n",
            (0x77, 0x78),
            (0x1E, 0x1B),
        ),
    ],
)
def test_firmware_sends_and_answers_by_interrupts_that_it_has_linked(
    icu: str, events: tuple[int, int], links: tuple[int, int]
) -> None:
    with machine(icu, *events) as found:
        assert not found.announcement
        core = found.core("cpu")
        core.load(program(*links))
        core.start()
        found.run_for(100_000)
        assert core.console.text == "hello"
        core.console.write("abc")
        found.run_for(100_000)
        assert core.console.text == "helloabc"
        assert not found.warnings


def icu_of(found: EmbeddedMachine) -> RenesasIcuModel:
    model = found.models["icu"]
    assert hasattr(model, "set_input")
    return model  # type: ignore[return-value]


def test_ir_is_set_by_the_edge_of_a_linked_event_and_cleared_by_a_zero_alone() -> None:
    with machine() as found:
        icu, bus = icu_of(found), found.core("cpu").bus
        pending = partial(bus.read32, 0xE000_E200)
        icu.set_input(0x40, True)
        bus.write32(ICU + 0x300 + 4 * 5, 0x40)
        assert (bus.read32(ICU + 0x314), pending()) == (0x40, 0)
        icu.set_input(0x40, False)
        icu.set_input(0x40, True)
        assert (bus.read32(ICU + 0x314), pending()) == (0x40 | PENDING, 1 << 5)
        bus.write32(ICU + 0x314, 0x40 | PENDING)
        assert bus.read32(ICU + 0x314) == 0x40 | PENDING
        bus.write8(ICU + 0x314, 0x41)
        assert bus.read32(ICU + 0x314) == 0x41 | PENDING
        bus.write32(ICU + 0x314, 0x41)
        assert bus.read16(ICU + 0x316) == 0
        bus.write32(ICU + 0x314, 0x41 | PENDING)
        assert bus.read32(ICU + 0x314) == 0x41


@pytest.mark.parametrize(("mode", "counts"), [(0, (0, 1)), (1, (1, 0)), (2, (1, 1))])
def test_the_edge_of_a_pin_is_the_one_that_irqcr_chooses(mode: int, counts: tuple[int, int]) -> None:
    with machine() as found:
        icu, bus = icu_of(found), found.core("cpu").bus
        bus.write8(ICU + 4 * 2, mode)
        bus.write32(ICU + 0x300, 3)
        seen = []
        for level in (True, False):
            icu.set_input(3, level)
            seen.append(bus.read32(ICU + 0x300) >> 16 & 1)
            bus.write32(ICU + 0x300, 3)
        assert tuple(seen) == counts
        found.reset()
        assert bus.read32(ICU + 0x300) == 0


def test_an_icu_without_a_controller_or_with_too_many_interrupts_is_refused() -> None:
    with pytest.raises(PlatformError, match="numberOfNVICOutputs must be 1…96, not 97"):
        machine("    numberOfNVICOutputs: 97\n")
    text = CHIP.format(icu="", rxi=RXI, txi=TXI).replace("0x40006000\n    nvic: nvic", "0x40006000")
    with pytest.raises(PlatformError, match="icu needs the attribute nvic"):
        EmbeddedMachine(parse_platform(text, "ra.repl"))
