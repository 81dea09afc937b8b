"""Layouts of the UARTs that microcontrollers have, by the names of Renode's types.

The bits and offsets are those of the manufacturers' reference manuals, as far as Renode's models have them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.hw.uart_layout import (
    HIDDEN,
    LITEX,
    MIV,
    NS16550,
    NS16550_WIDE,
    PL011,
    SIFIVE,
    Interrupt,
    Some,
    UartCommand,
    UartLayout,
    UartState,
    Value,
    bit,
    irq,
    live,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


_READY, _RECEIVED, _EMPTY = UartState.READY, UartState.RECEIVED, UartState.EMPTY


def _stm32f7() -> UartLayout:
    """STM32F7 and later (RM0385, 31.8): CR1 0x00, BRR 0x0C, RQR 0x18, ISR 0x1C, ICR 0x20, RDR 0x24, TDR 0x28."""
    return UartLayout(
        size=0x400,
        transmit=(0x28,),
        receive=(0x24,),
        transmits_if=(bit(0x00, 0, 3),),
        switch="UE and TE of CR1",
        receives_if=(bit(0x00, 0, 2),),
        resets={0x1C: 0xC0},
        live=(
            live(0x1C, 5, _RECEIVED),
            live(0x1C, 7, _READY),
            live(0x1C, 21, bit(0x00, 3)),
            live(0x1C, 22, bit(0x00, 2)),
        ),
        sent=(bit(0x1C, 6),),
        clears={0x20: 0x1C},
        constant=(0x1C,),
        flushes=(bit(0x18, 3),),
        interrupts=irq("IRQ", *((bit(0x00, number), bit(0x1C, number)) for number in (5, 6, 7))),
        divisor=(0x0C, 1),
    )


def _stm32() -> UartLayout:
    """STM32F1 to F4 (RM0090, 30.6): SR 0x00, DR 0x04, BRR 0x08, CR1 0x0C."""
    return UartLayout(
        size=0x400,
        transmit=(0x04,),
        receive=(0x04,),
        transmits_if=(bit(0x0C, 13, 3),),
        switch="UE and TE of CR1",
        receives_if=(bit(0x0C, 13, 2),),
        resets={0x00: 0xC0},
        live=(live(0x00, 5, _RECEIVED), live(0x00, 7, _READY)),
        sent=(bit(0x00, 6),),
        zero_clears=(0x00,),
        interrupts=irq("IRQ", *((bit(0x0C, number), bit(0x00, number)) for number in (5, 6, 7))),
        divisor=(0x08, 1),
    )


def _lpc() -> UartLayout:
    """USART of a Flexcomm (i.MX RT500 RM): STAT 0x08, FIFOSTAT 0xE04, FIFOTRIG 0xE08, FIFOWR 0xE20, FIFORD 0xE30."""
    level = Interrupt("IRQ", (bit(0xE10, 2), bit(0xE08, 0), _READY))
    full = Interrupt("IRQ", (bit(0xE10, 3), bit(0xE08, 1), _RECEIVED))
    return UartLayout(
        size=0x1000,
        transmit=(0xE20,),
        receive=(0xE30,),
        transmits_if=(Value(0x04, 1 << 6, 0),),
        needs=(Value(0xFF8, 7, 1), bit(0x00, 0), bit(0xE00, 0)),
        switch="PERSEL of PSELID to 1, ENABLE of CFG and ENABLETX of FIFOCFG, and clear TXDIS of CTL",
        live=(
            live(0x08, 3, _READY),
            live(0x08, 4, _READY),
            live(0xE04, 4, _READY),
            live(0xE04, 5, _READY),
            live(0xE04, 6, _RECEIVED),
            live(0xE18, 2, *level.terms),
            live(0xE18, 3, *full.terms),
            live(0xFF8, 4, _READY),
        ),
        counts=((0xE04, 16, 5),),
        flushes=(bit(0xE00, 17),),
        sets={0xE10: 0xE10, 0x0C: 0x0C},
        clears={0xE14: 0xE10, 0x10: 0x0C},
        interrupts=(level, full),
    )


def _lpuart(base: int, size: int = 0x800) -> UartLayout:
    """LPUART (S32K1xx RM, 54.4), the registers from BAUD on at ``base``: STAT +4, CTRL +8, DATA +0xC, FIFO +0x18."""
    stat, ctrl, data, fifo, water = (base + offset for offset in (0x04, 0x08, 0x0C, 0x18, 0x1C))
    return UartLayout(
        size=size,
        transmit=(data,),
        receive=(data,),
        transmits_if=(bit(ctrl, 19),),
        switch="TE of CTRL",
        holds=True,
        receives_if=(bit(ctrl, 18),),
        resets={base: 0x0F000004, fifo: 0x11},
        live=(
            live(stat, 21, _RECEIVED),
            live(stat, 22, _READY),
            live(stat, 23, _READY),
            live(data, 12, _EMPTY),
            live(fifo, 22, _EMPTY),
            live(fifo, 23, _READY),
        ),
        counts=((water, 24, 3),),
        flushes=(bit(fifo, 14),),
        interrupts=irq("IRQ", *((bit(ctrl, number), bit(stat, number)) for number in (21, 22, 23))),
    )


def _flexcomm() -> UartLayout:
    """LPUART of a Flexcomm (i.MX RT700 RM): ISTAT 0xFF4 and PSELID 0xFF8, whose PERSEL selects the UART by 1."""
    uart = _lpuart(0x10, size=0x1000)
    return replace(
        uart,
        mode=Value(0xFF8, 7, 1),
        shared_from=0xFF4,
        lock=bit(0xFF8, 3),
        resets=uart.resets | {0xFF8: 0x0010_3070},
        live=(
            *uart.live,
            live(0xFF4, 0, bit(0x18, 22), _READY),
            live(0xFF4, 0, bit(0x18, 23), _READY),
            live(0xFF4, 1, bit(0x18, 21), _RECEIVED),
        ),
        constant=(0xFF4,),
    )


def _renesas_sci() -> UartLayout:
    """SCI of the RA family (RA6M5 manual, 30.2): SMR 0, SCR 2, TDR 3, SSR 4, RDR 5, FTDRH 0xE, FRDRH 0x10."""
    return UartLayout(
        size=0x100,
        transmit=(0x03, 0x0E, 0x0F),
        receive=(0x05, 0x10, 0x11),
        transmits_if=(bit(0x02, 5),),
        switch="TE of SCR",
        receives_if=(bit(0x02, 4),),
        live=(live(0x04, 2, _READY), live(0x04, 6, _RECEIVED), live(0x04, 7, _READY)),
        zero_clears=(0x04,),
        flushes=(bit(0x14, 1),),
        exact=True,
        interrupts=(
            Interrupt("ReceiveIRQ", (bit(0x02, 6), _RECEIVED)),
            Interrupt("TransmitIRQ", (bit(0x02, 7), _READY)),
            Interrupt("TransmitEndIRQ", (bit(0x02, 2), _READY)),
        ),
        pulses=True,
    )


def _renesas_scifa() -> UartLayout:
    """SCIFA (RZ/G2L manual, 22.2): SCR 4, FTDR 6, FSR 8, FRDR 0xA, FCR 0xC, FDR 0xE."""
    return UartLayout(
        size=0x400,
        transmit=(0x06,),
        receive=(0x0A,),
        transmits_if=(bit(0x04, 5),),
        switch="TE of SCR",
        receives_if=(bit(0x04, 4),),
        live=(live(0x08, 1, _RECEIVED), live(0x08, 5, _READY), live(0x08, 6, _READY)),
        counts=((0x0E, 0, 5),),
        zero_clears=(0x08,),
        flushes=(bit(0x0C, 1),),
        exact=True,
        interrupts=(
            Interrupt(2, (bit(0x04, 6), _RECEIVED)),
            Interrupt(3, (bit(0x04, 7), _READY)),
            Interrupt(4, (bit(0x04, 2), _READY)),
        ),
        quiet=(0, 1),
    )


def _silabs(
    command: int,
    status: int,
    data: tuple[tuple[int, ...], tuple[int, ...]],
    flag: int,
    enable: int,
    *,
    size: int,
    windows: int = 0,
) -> UartLayout:
    """USART and EUSART of Silicon Labs (EFR32xG24 RM): CMD, STATUS, data, IF and IEN at these offsets.

    ``data`` are those where a byte is read and where one is written, RXDATA and TXDATA first.

    ``windows`` is as in :class:`~icmsg.hw.uart_layout.UartLayout`; older ones have IFS and IFC behind IF instead.
    """
    receiver, transmitter = bit(status, 0), bit(status, 1)
    older = not windows
    return UartLayout(
        size=size,
        transmit=data[1],
        receive=data[0],
        transmits_if=(transmitter, Value(0x00 if older else 0x08, 1, 0)),
        needs=() if older else (bit(0x04, 0),),
        switch="TXEN by CMD, and clear SYNC" if older else "EN of EN, TXEN by CMD, and clear SYNC",
        receives_if=(receiver,),
        live=(
            *(live(status, number, _READY) for number in (5, 6, 13)),
            live(status, 7, _RECEIVED),
        ),
        sent=(bit(flag, 0, 1),),
        received=(bit(flag, 2),),
        emptied=(bit(flag, 2),),
        commands=(
            UartCommand(bit(command, 0), sets=(receiver,)),
            UartCommand(bit(command, 1), clears=(receiver,)),
            UartCommand(bit(command, 2), sets=(transmitter, bit(flag, 1))),
            UartCommand(bit(command, 3), clears=(transmitter,)),
        ),
        flushes=(bit(command, 11),),
        sets={flag + 4: flag} if older else {},
        clears={flag + 8: flag} if older else {},
        constant=(status, command),
        windows=windows,
        interrupts=(
            *irq("TransmitIRQ", *((bit(enable, number), bit(flag, number)) for number in (0, 1))),
            *irq("ReceiveIRQ", (bit(enable, 2), bit(flag, 2))),
        ),
    )


def _leuart() -> UartLayout:
    """LEUART (EFM32GG RM, 18.5): CMD 0x04, STATUS 0x08, RXDATA 0x1C, TXDATA 0x28, IF 0x2C, IFC 0x34, IEN 0x38."""
    receiver, transmitter = bit(0x08, 0), bit(0x08, 1)
    return UartLayout(
        size=0x400,
        transmit=(0x28, 0x24),
        receive=(0x1C, 0x18),
        needs=(transmitter,),
        switch="TXEN by CMD",
        live=(live(0x08, 3, _READY), live(0x08, 4, _READY), live(0x08, 5, _RECEIVED)),
        sent=(bit(0x2C, 0, 1),),
        received=(bit(0x2C, 2),),
        emptied=(bit(0x2C, 2),),
        commands=(
            UartCommand(bit(0x04, 0), sets=(receiver,)),
            UartCommand(bit(0x04, 1), clears=(receiver,)),
            UartCommand(bit(0x04, 2), sets=(transmitter,)),
            UartCommand(bit(0x04, 3), clears=(transmitter,)),
        ),
        sets={0x30: 0x2C},
        clears={0x34: 0x2C},
        constant=(0x04, 0x08),
        interrupts=irq("IRQ", *((bit(0x38, number), bit(0x2C, number)) for number in (0, 1, 2))),
    )


def _sam() -> UartLayout:
    """USART of SAM4S and SAM E70 (SAM4S datasheet, 37.7): CR 0, IER 8, IMR 0x10, CSR 0x14, RHR 0x18, THR 0x1C.

    BRGR 0x20 has no clock for a divisor of 0.
    """
    receiver, transmitter = bit(HIDDEN, 0), bit(HIDDEN, 1)
    return UartLayout(
        size=0x200,
        transmit=(0x1C,),
        receive=(0x18,),
        transmits_if=(transmitter, Some(0x20, 0xFFFF)),
        switch="TXEN by CR, and CD of BRGR",
        receives_if=(receiver,),
        live=(live(0x14, 0, _RECEIVED), live(0x14, 1, transmitter, _READY), live(0x14, 9, _READY)),
        commands=(
            UartCommand(bit(0x00, 2), clears=(receiver,)),
            UartCommand(bit(0x00, 3), clears=(transmitter,)),
            UartCommand(bit(0x00, 4), sets=(receiver,)),
            UartCommand(bit(0x00, 5), clears=(receiver,)),
            UartCommand(bit(0x00, 6), sets=(transmitter,)),
            UartCommand(bit(0x00, 7), clears=(transmitter,)),
        ),
        sets={0x08: 0x10},
        clears={0x0C: 0x10},
        constant=(0x00, 0x10, 0x14),
        flushes=(bit(0x00, 2),),
        interrupts=(
            *irq("IRQ", *((bit(0x10, number), bit(0x14, number)) for number in (0, 1))),
            Interrupt("IRQ", (bit(0x10, 9), transmitter)),
        ),
    )


def _nrf_uart() -> UartLayout:
    """UART of the nRF51 and nRF52 without EasyDMA (nRF52840 PS, "UART"): tasks, events, RXD 0x518, TXD 0x51C."""
    rxdrdy, txdrdy, inten = 0x108, 0x11C, 0x300
    enabled, started = bit(0x500, 2), bit(HIDDEN, 0)
    return UartLayout(
        size=0x1000,
        transmit=(0x51C,),
        receive=(0x518,),
        transmits_if=(enabled,),
        switch="ENABLE to 4",
        receives_if=(enabled, started),
        commands=(
            UartCommand(bit(0x000, 0), sets=(started,)),
            UartCommand(bit(0x004, 0), sets=(bit(0x144, 0),), clears=(started,)),
        ),
        sent=(bit(txdrdy, 0),),
        received=(bit(rxdrdy, 0),),
        sets={0x304: inten},
        clears={0x308: inten},
        interrupts=irq("IRQ", (bit(inten, 2), bit(rxdrdy, 0)), (bit(inten, 7), bit(txdrdy, 0))),
    )


NRF_UART: Final = _nrf_uart()
LPUART_WITHOUT_GLOBALS: Final = _lpuart(0x00)
"""An LPUART without VERID, PARAM, GLOBAL and PINCFG (Renode's ``hasGlobalRegisters: false``)."""
_EFR32: Final = _silabs(0x0C, 0x10, ((0x1C, 0x18), (0x34, 0x30)), 0x40, 0x4C, size=0x400)

UARTS: Final[Mapping[str, UartLayout]] = {
    "SCI.RenesasRA6M5_SCI": _renesas_sci(),
    "SCI.RenesasRZG_SCIFA": _renesas_scifa(),
    "UART.EFM32_UART": replace(_EFR32, transmits_if=(), needs=_EFR32.transmits_if),
    "UART.EFR32_USART": _EFR32,
    "UART.EFR32xG2_EUSART_2": _silabs(
        0x38, 0x48, ((0x3C,), (0x44,)), 0x4C, 0x50, size=0x4000, windows=0x1000
    ),
    "UART.EFR32xG2_USART_0": _silabs(
        0x14, 0x18, ((0x24, 0x20), (0x3C, 0x38)), 0x48, 0x4C, size=0x4000, windows=0x1000
    ),
    "UART.LEUART": _leuart(),
    "UART.LPC_USART": _lpc(),
    "UART.LiteX_UART": LITEX,
    "UART.MiV_CoreUART": MIV,
    "UART.NS16550": NS16550,
    "UART.NXP_FLEXCOMM": _flexcomm(),
    "UART.NXP_LPUART": _lpuart(0x10),
    "UART.PL011": PL011,
    "UART.RenesasDA14_UART": NS16550_WIDE,
    "UART.SAM_USART": _sam(),
    "UART.STM32F7_USART": _stm32f7(),
    "UART.STM32_UART": _stm32(),
    "UART.SiFive_UART": SIFIVE,
    "UART.TrivialUart": UartLayout(
        size=4, transmit=(0,), receive=(), receives_if=(bit(4, 0),), quiet=("IRQ",)
    ),
}
"""Layouts by Renode's types."""
