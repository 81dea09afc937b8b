"""Firmware that prints a line over a UART and answers every byte with the same one, for any Cortex-M and any UART.

The registers stand here a second time, as a driver's author reads them in a manual: what the models know of them is
:mod:`icmsg.hw.uarts`.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from thumb import code

from icmsg.machine.image import FirmwareImage, Segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINE: Final = "hello"
_VECTORS: Final = 128
_CODE: Final = 4 * _VECTORS
_HANDLER: Final = _CODE + 4


class Where(NamedTuple):
    """Register at byte ``offset`` of ``width`` bytes; ``bits`` are waited for, or written."""

    offset: int
    bits: int = 0
    width: int = 4


class Uart(NamedTuple):
    """Registers that a driver uses: what is written first, what says that a byte may be sent or has come, and data.

    ``interrupts`` lets a byte that has come interrupt, by the output ``output``; ``clear``
    is written before data is read.
    """

    setup: Sequence[Where]
    room: Where
    send: Where
    there: Where
    receive: Where
    interrupts: Where
    output: str = ""
    clear: Where | None = None


def _silabs(before: Sequence[Where], command: int, status: int, data: tuple[int, int], enable: int) -> Uart:
    return Uart(
        (*before, Where(command, 5)),
        Where(status, 1 << 6),
        Where(data[1]),
        Where(status, 1 << 7),
        Where(data[0]),
        Where(enable, 1 << 2),
        "ReceiveIRQ",
    )


def lpuart(base: int) -> Uart:
    """Return the driver of an LPUART whose register BAUD is at ``base``."""
    return Uart(
        (Where(base + 8, 3 << 18),),
        Where(base + 4, 1 << 23),
        Where(base + 12),
        Where(base + 4, 1 << 21),
        Where(base + 12),
        Where(base + 8, 3 << 18 | 1 << 21),
    )


def _16550(stride: int, width: int) -> Uart:
    ier, lcr, lsr = (stride * number for number in (1, 3, 5))
    return Uart(
        (Where(lcr, 0x83, width), Where(0, 13, width), Where(ier, 0, width), Where(lcr, 3, width)),
        Where(lsr, 0x20, width),
        Where(0, width=width),
        Where(lsr, 0x01, width),
        Where(0, width=width),
        Where(ier, 1, width),
    )


UARTS: Final[Mapping[str, Uart]] = {
    "SCI.RenesasRA6M5_SCI": Uart(
        (Where(2, 0x30, 1),), Where(4, 0x80, 1), Where(3, 0, 1), Where(4, 0x40, 1), Where(5, 0, 1),
        Where(2, 0x70, 1), "ReceiveIRQ",
    ),
    "SCI.RenesasRZG_SCIFA": Uart(
        (Where(12, 4, 2), Where(12, 0, 2), Where(4, 0x30, 2)),
        Where(8, 0x20, 2), Where(6, 0, 1), Where(8, 0x02, 2), Where(10, 0, 1),
        Where(4, 0x70, 2), "2",
    ),
    "UART.EFM32_UART": _silabs((), 0x0C, 0x10, (0x1C, 0x34), 0x4C),
    "UART.EFR32_USART": _silabs((), 0x0C, 0x10, (0x1C, 0x34), 0x4C),
    "UART.EFR32xG2_EUSART_2": _silabs((Where(4, 1),), 0x38, 0x48, (0x3C, 0x44), 0x50),
    "UART.EFR32xG2_USART_0": _silabs((Where(4, 1),), 0x1014, 0x18, (0x24, 0x3C), 0x104C),
    "UART.LEUART": Uart(
        (Where(4, 5),), Where(8, 1 << 4), Where(0x28), Where(8, 1 << 5), Where(0x1C), Where(0x38, 1 << 2)
    ),
    "UART.LPC_USART": Uart(
        (Where(0xFF8, 1), Where(0xE00, 3), Where(0, 1), Where(0xE08, 3)),
        Where(0xE04, 1 << 5), Where(0xE20), Where(0xE04, 1 << 6), Where(0xE30), Where(0xE10, 1 << 3),
    ),
    "UART.NRF52840_UART": Uart(
        (Where(0x500, 4), Where(0x008, 1), Where(0x000, 1), Where(0x11C, 1)),
        Where(0x11C, 1), Where(0x51C), Where(0x108, 1), Where(0x518), Where(0x304, 1 << 2), "",
        Where(0x108),
    ),
    "UART.NS16550": _16550(1, 1),
    "UART.NXP_FLEXCOMM": lpuart(0x10)._replace(setup=(Where(0xFF8, 1), Where(0x18, 3 << 18))),
    "UART.NXP_LPUART": lpuart(0x10),
    "UART.PL011": Uart(
        (Where(0x2C, 0x60), Where(0x30, 0x301)),
        Where(0x18, 1 << 7), Where(0), Where(0x18, 1 << 6), Where(0), Where(0x38, 1 << 4),
    ),
    "UART.RenesasDA14_UART": _16550(4, 4),
    "UART.SAM_USART": Uart(
        (Where(0x20, 27), Where(0, 0x50)), Where(0x14, 2), Where(0x1C), Where(0x14, 1), Where(0x18), Where(0x08, 1)
    ),
    "UART.STM32F7_USART": Uart(
        (Where(0, 0xD),), Where(0x1C, 1 << 7), Where(0x28), Where(0x1C, 1 << 5), Where(0x24), Where(0, 0x2D)
    ),
    "UART.STM32_UART": Uart(
        (Where(0xC, 0x200C),), Where(0, 1 << 7), Where(4), Where(0, 1 << 5), Where(4), Where(0xC, 0x202C)
    ),
}  # fmt: skip
"""Drivers by Renode's types."""


class Sending(NamedTuple):
    """Interrupts in both directions: what lets room for a byte interrupt as well, and what ends that, by ``output``."""

    on: Where
    off: Where
    output: str = ""


def _silabs_sending(enable: int) -> Sending:
    return Sending(Where(enable, 0b110), Where(enable, 0b100), "TransmitIRQ")


SENDING: Final[Mapping[str, Sending]] = {
    "SCI.RenesasRA6M5_SCI": Sending(Where(2, 0xF0, 1), Where(2, 0x70, 1), "TransmitIRQ"),
    "SCI.RenesasRZG_SCIFA": Sending(Where(4, 0xF0, 2), Where(4, 0x70, 2), "3"),
    "UART.EFM32_UART": _silabs_sending(0x4C),
    "UART.EFR32_USART": _silabs_sending(0x4C),
    "UART.EFR32xG2_EUSART_2": _silabs_sending(0x50),
    "UART.EFR32xG2_USART_0": _silabs_sending(0x4C),
    "UART.LEUART": Sending(Where(0x38, 0b110), Where(0x38, 0b100)),
    "UART.LPC_USART": Sending(Where(0xE10, 1 << 2), Where(0xE14, 1 << 2)),
    "UART.NRF52840_UART": Sending(Where(0x304, 1 << 7), Where(0x308, 1 << 7)),
    "UART.NS16550": Sending(Where(1, 3, 1), Where(1, 1, 1)),
    "UART.NXP_FLEXCOMM": Sending(Where(0x18, 3 << 18 | 1 << 21 | 1 << 23), Where(0x18, 3 << 18 | 1 << 21)),
    "UART.NXP_LPUART": Sending(Where(0x18, 3 << 18 | 1 << 21 | 1 << 23), Where(0x18, 3 << 18 | 1 << 21)),
    "UART.PL011": Sending(Where(0x38, 3 << 4), Where(0x38, 1 << 4)),
    "UART.RenesasDA14_UART": Sending(Where(4, 3), Where(4, 1)),
    "UART.SAM_USART": Sending(Where(0x08, 2), Where(0x0C, 2)),
    "UART.STM32F7_USART": Sending(Where(0, 0xAD), Where(0, 0x2D)),
    "UART.STM32_UART": Sending(Where(0xC, 0x20AC), Where(0xC, 0x202C)),
}
"""What the drivers by Renode's types write for it."""


def queued(uart: Uart, sending: Sending, at: int, interrupts: tuple[int, int]) -> FirmwareImage:
    """Return a program that sends only where room for a byte interrupts it, and answers what has come in the same way.

    ``interrupts`` are those of a byte that has come and of room. Its queue lies at 0x20000010, the ends of it before.
    The branch in front of WFI is there for Renode 1.16.1, which sleeps through what the same basic block has raised.
    """
    setup = [*uart.setup, uart.interrupts, sending.on]
    source = f"""
     b start
     .align 2
    handler:
     ldr r4, =0x20000000
     ldr r5, [r4]
     ldr r6, [r4, #4]
     ldr r1, ={at + uart.there.offset}
     ldr r3, ={uart.there.bits}
     {_LOAD[uart.there.width]} r2, [r1]
     tst r2, r3
     beq nothing
     {_write(uart.clear, at) if uart.clear is not None else ""}
     ldr r1, ={at + uart.receive.offset}
     {_LOAD[uart.receive.width]} r0, [r1]
     strb r0, [r6]
     adds r6, #1
     str r6, [r4, #4]
     {_write(sending.on, at)}
    nothing:
     cmp r5, r6
     beq done
     ldr r1, ={at + uart.room.offset}
     ldr r3, ={uart.room.bits}
     {_LOAD[uart.room.width]} r2, [r1]
     tst r2, r3
     beq return
     ldrb r0, [r5]
     adds r5, #1
     str r5, [r4]
     ldr r1, ={at + uart.send.offset}
     {_STORE[uart.send.width]} r0, [r1]
     b return
    done:
     {_write(sending.off, at)}
    return:
     bx lr
    start:
     ldr r4, =0x20000000
     ldr r6, =0x20000010
     str r6, [r4]
     adr r5, text
    next:
     ldrb r0, [r5]
     cmp r0, #0
     beq full
     strb r0, [r6]
     adds r5, #1
     adds r6, #1
     b next
    full:
     str r6, [r4, #4]
     ldr r1, =0xE000E100
     ldr r0, ={1 << interrupts[0] | 1 << interrupts[1]}
     str r0, [r1]
     {"".join(_write(register, at) for register in setup)}
     b sleep
    sleep:
     wfi
     b sleep
     .align 2
    text: .asciz "{LINE}\n"
     .align 2
     .ltorg
    """
    table = [0x2000_2000, *[_CODE | 1] * (_VECTORS - 1)]
    for interrupt in interrupts:
        table[16 + interrupt] = _HANDLER | 1
    data = struct.pack(f"<{_VECTORS}I", *table) + code(source, _CODE)
    return FirmwareImage(Path("test.elf"), (Segment(0, 0, data, executable=True),), _CODE | 1, {})


def blind(uart: Uart, at: int, setup: Sequence[Where]) -> FirmwareImage:
    """Return a program that writes ``setup`` and then a ``!``, and waits for nothing."""
    source = f"""
     {"".join(_write(register, at) for register in setup)}
     {_write(uart.send._replace(bits=ord("!")), at)}
     b .
     .align 2
     .ltorg
    """
    data = struct.pack(f"<{_VECTORS}I", 0x2000_1000, *[_CODE | 1] * (_VECTORS - 1)) + code(source, _CODE)
    return FirmwareImage(Path("test.elf"), (Segment(0, 0, data, executable=True),), _CODE | 1, {})


def image(
    uart: Uart, at: int, *, flash: int = 0, stack: int = 0x2000_1000, interrupt: int | None = None
) -> FirmwareImage:
    """Return the program for the UART at address ``at``; with ``interrupt`` it sleeps, and answers in the handler."""
    listens = [*uart.setup, uart.interrupts] if interrupt is not None else uart.setup
    nvic = f"ldr r1, =0xE000E100\n ldr r0, ={1 << (interrupt or 0)}\n str r0, [r1]"
    source = f"""
     b start
     .align 2
    handler:
     push {{r4, lr}}
     bl take
     bl put
     pop {{r4, pc}}
    start:
     {"".join(_write(register, at) for register in listens)}
     {nvic if interrupt is not None else ""}
     adr r5, text
    next:
     ldrb r0, [r5]
     cmp r0, #0
     beq echo
     adds r5, #1
     bl put
     b next
    echo:
     {"wfi" if interrupt is not None else "bl take; bl put"}
     b echo
    take:
     {_wait(uart.there, at, "empty")}
     {_write(uart.clear, at) if uart.clear is not None else ""}
     ldr r1, ={at + uart.receive.offset}
     {_LOAD[uart.receive.width]} r0, [r1]
     bx lr
    put:
     {_wait(uart.room, at, "full")}
     ldr r1, ={at + uart.send.offset}
     {_STORE[uart.send.width]} r0, [r1]
     bx lr
     .align 2
    text: .asciz "{LINE}\\n"
     .align 2
     .ltorg
    """
    table = [stack, *[flash + _CODE | 1] * (_VECTORS - 1)]
    if interrupt is not None:
        table[16 + interrupt] = flash + _HANDLER | 1
    data = struct.pack(f"<{_VECTORS}I", *table) + code(source, flash + _CODE)
    segment = Segment(flash, flash, data, executable=True)
    return FirmwareImage(Path("test.elf"), (segment,), flash + _CODE | 1, {})


_LOAD: Final = {1: "ldrb", 2: "ldrh", 4: "ldr"}
_STORE: Final = {1: "strb", 2: "strh", 4: "str"}


def _write(register: Where, at: int) -> str:
    return (
        f"ldr r1, ={at + register.offset}\n ldr r0, ={register.bits}\n {_STORE[register.width]} r0, [r1]\n "
    )


def _wait(register: Where, at: int, label: str) -> str:
    return f"""ldr r1, ={at + register.offset}
     ldr r3, ={register.bits}
    {label}:
     {_LOAD[register.width]} r2, [r1]
     tst r2, r3
     beq {label}"""
