"""Layouts of the UARTs that many manufacturers build in: the 16550, and Arm's PL011."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from icmsg.hw.uart_layout import Interrupt, UartLayout, UartState, bit, irq, live

_READY, _RECEIVED, _EMPTY = UartState.READY, UartState.RECEIVED, UartState.EMPTY


def _ns16550(stride: int, size: int, transmits: str | int = "IRQ") -> UartLayout:
    """16550, its registers ``stride`` bytes apart: IER 1, IIR and FCR 2, LCR 3, LSR 5; USR is DesignWare's."""
    ier, iir, lcr, lsr = (stride * number for number in (1, 2, 3, 5))
    received = Interrupt(transmits, (bit(ier, 0), _RECEIVED))
    ready = Interrupt(transmits, (bit(ier, 1), _READY))
    extension = stride == 4
    return UartLayout(
        size=size,
        transmit=(0,),
        receive=(0,),
        live=(
            live(lsr, 0, _RECEIVED),
            live(lsr, 5, _READY),
            live(lsr, 6, _READY),
            *((live(0x7C, 1, _READY), live(0x7C, 2, _READY), live(0x7C, 3, _RECEIVED)) if extension else ()),
        ),
        counts=((0x84, 0, 8),) if extension else (),
        flushes=(bit(iir, 1),),
        constant=(lsr,),
        exact=stride == 1,
        banked=bit(lcr, 7),
        banked_offsets=(0, ier),
        identifies=iir,
        interrupts=(received, ready),
    )


def _pl011() -> UartLayout:
    """PrimeCell UART (DDI 0183): DR 0, FR 0x18, CR 0x30, IMSC 0x38, RIS 0x3C, MIS 0x40, ICR 0x44, IDs from 0xFE0 on.

    TXRIS is one from the reset on, as in Renode, so that drivers that only wait for the interrupt begin.
    """
    identification = (0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
    return UartLayout(
        size=0x1000,
        transmit=(0x00,),
        receive=(0x00,),
        transmits_if=(bit(0x30, 0, 8),),
        switch="UARTEN and TXE of CR",
        receives_if=(bit(0x30, 0, 9),),
        resets={0x30: 0x300, 0x34: 0x12, 0x3C: 0x20}
        | {0xFE0 + 4 * number: value for number, value in enumerate(identification)},
        live=(
            live(0x18, 4, _EMPTY),
            live(0x18, 6, _RECEIVED),
            live(0x18, 7, _READY),
            live(0x3C, 4, _RECEIVED),
            *(live(0x40, number, bit(0x3C, number), bit(0x38, number)) for number in (4, 5)),
        ),
        sent=(bit(0x3C, 5),),
        clears={0x44: 0x3C},
        constant=(0x18, 0x3C, 0x40),
        interrupts=irq("IRQ", *((bit(0x38, number), bit(0x3C, number)) for number in (4, 5))),
    )


NS16550: Final = _ns16550(1, 0x100)
NS16550_WIDE: Final = _ns16550(4, 0x100)
"""A 16550 whose registers are words (Renode's ``wideRegisters: true``)."""
PL011: Final = _pl011()
PL011_SBSA: Final = replace(PL011, resets=PL011.resets | {0x2C: 0x70, 0x30: 0x301})
"""A PL011 that is on after a reset (Renode's ``sbsa: true``)."""


def _sifive() -> UartLayout:
    """UART of SiFive (FE310-G002 manual, 18): txdata 0, rxdata 4, txctrl 8, rxctrl 0xC, ie 0x10, ip 0x14.

    The watermark interrupts are those of one free place and one byte that waits, as drivers set them.
    """
    return UartLayout(
        size=0x100,
        transmit=(0x00,),
        receive=(0x04,),
        transmits_if=(bit(0x08, 0),),
        receives_if=(bit(0x0C, 0),),
        resets={0x18: 0xFFFF},
        live=(live(0x04, 31, _EMPTY), live(0x14, 0, bit(0x08, 16)), live(0x14, 1, _RECEIVED)),
        constant=(0x14,),
        interrupts=irq("IRQ", *((bit(0x10, number), bit(0x14, number)) for number in (0, 1))),
    )


def _litex() -> UartLayout:
    """UART of LiteX (a word apart): rxtx 0, txfull 4, rxempty 8, ev_pending 0x10, ev_enable 0x14."""
    return UartLayout(
        size=0x100,
        transmit=(0x00,),
        receive=(0x00,),
        live=(live(0x08, 0, _EMPTY),),
        sent=(bit(0x10, 0),),
        received=(bit(0x10, 1),),
        resets={0x10: 1},
        clears={0x10: 0x10},
        constant=(0x04, 0x08),
        interrupts=irq("IRQ", *((bit(0x14, number), bit(0x10, number)) for number in (0, 1))),
    )


SIFIVE: Final = _sifive()
LITEX: Final = _litex()
MIV: Final = UartLayout(
    size=0x18,
    transmit=(0x00,),
    receive=(0x04,),
    live=(live(0x10, 0, _READY), live(0x10, 1, _RECEIVED)),
    constant=(0x10,),
    quiet=("IRQ",),
)
"""Mi-V's CoreUART: TxData 0, RxData 4, Status 0x10."""
