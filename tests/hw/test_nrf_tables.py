"""The tables against numbers taken from the nRF5340's device description, not from this package."""

from __future__ import annotations

import pytest

from icmsg.hw.mailboxes.nrf_ipc import IPC
from icmsg.hw.registers import Access, RegisterBlock
from icmsg.hw.uart_layout import UARTE

R, W, RW = Access.R, Access.W, Access.RW
IPC_FACTS = {
    "TASKS_SEND": (0x000, 16, W, 0),
    "SUBSCRIBE_SEND": (0x080, 16, RW, 0),
    "EVENTS_RECEIVE": (0x100, 16, RW, 0),
    "PUBLISH_RECEIVE": (0x180, 16, RW, 0),
    "INTEN": (0x300, 1, RW, 0),
    "INTENSET": (0x304, 1, RW, 0),
    "INTENCLR": (0x308, 1, RW, 0),
    "INTPEND": (0x30C, 1, R, 0),
    "SEND_CNF": (0x510, 16, RW, 0),
    "RECEIVE_CNF": (0x590, 16, RW, 0),
    "GPMEM": (0x610, 2, RW, 0),
}
UARTE_FACTS = {
    "TASKS_STARTRX": (0x000, 1, W, 0),
    "TASKS_STOPRX": (0x004, 1, W, 0),
    "TASKS_STARTTX": (0x008, 1, W, 0),
    "TASKS_STOPTX": (0x00C, 1, W, 0),
    "TASKS_FLUSHRX": (0x02C, 1, W, 0),
    "SUBSCRIBE_STARTRX": (0x080, 1, RW, 0),
    "SUBSCRIBE_STOPRX": (0x084, 1, RW, 0),
    "SUBSCRIBE_STARTTX": (0x088, 1, RW, 0),
    "SUBSCRIBE_STOPTX": (0x08C, 1, RW, 0),
    "SUBSCRIBE_FLUSHRX": (0x0AC, 1, RW, 0),
    "EVENTS_CTS": (0x100, 1, RW, 0),
    "EVENTS_NCTS": (0x104, 1, RW, 0),
    "EVENTS_RXDRDY": (0x108, 1, RW, 0),
    "EVENTS_ENDRX": (0x110, 1, RW, 0),
    "EVENTS_TXDRDY": (0x11C, 1, RW, 0),
    "EVENTS_ENDTX": (0x120, 1, RW, 0),
    "EVENTS_ERROR": (0x124, 1, RW, 0),
    "EVENTS_RXTO": (0x144, 1, RW, 0),
    "EVENTS_RXSTARTED": (0x14C, 1, RW, 0),
    "EVENTS_TXSTARTED": (0x150, 1, RW, 0),
    "EVENTS_TXSTOPPED": (0x158, 1, RW, 0),
    "PUBLISH_CTS": (0x180, 1, RW, 0),
    "PUBLISH_NCTS": (0x184, 1, RW, 0),
    "PUBLISH_RXDRDY": (0x188, 1, RW, 0),
    "PUBLISH_ENDRX": (0x190, 1, RW, 0),
    "PUBLISH_TXDRDY": (0x19C, 1, RW, 0),
    "PUBLISH_ENDTX": (0x1A0, 1, RW, 0),
    "PUBLISH_ERROR": (0x1A4, 1, RW, 0),
    "PUBLISH_RXTO": (0x1C4, 1, RW, 0),
    "PUBLISH_RXSTARTED": (0x1CC, 1, RW, 0),
    "PUBLISH_TXSTARTED": (0x1D0, 1, RW, 0),
    "PUBLISH_TXSTOPPED": (0x1D8, 1, RW, 0),
    "SHORTS": (0x200, 1, RW, 0),
    "INTEN": (0x300, 1, RW, 0),
    "INTENSET": (0x304, 1, RW, 0),
    "INTENCLR": (0x308, 1, RW, 0),
    "ERRORSRC": (0x480, 1, RW, 0),
    "ENABLE": (0x500, 1, RW, 0),
    "PSEL_RTS": (0x508, 1, RW, 0xFFFFFFFF),
    "PSEL_TXD": (0x50C, 1, RW, 0xFFFFFFFF),
    "PSEL_CTS": (0x510, 1, RW, 0xFFFFFFFF),
    "PSEL_RXD": (0x514, 1, RW, 0xFFFFFFFF),
    "BAUDRATE": (0x524, 1, RW, 0x04000000),
    "RXD_PTR": (0x534, 1, RW, 0),
    "RXD_MAXCNT": (0x538, 1, RW, 0),
    "RXD_AMOUNT": (0x53C, 1, R, 0),
    "TXD_PTR": (0x544, 1, RW, 0),
    "TXD_MAXCNT": (0x548, 1, RW, 0),
    "TXD_AMOUNT": (0x54C, 1, R, 0),
    "CONFIG": (0x56C, 1, RW, 0),
}
UARTE_INTERRUPTS = {
    "CTS": 0, "NCTS": 1, "RXDRDY": 2, "ENDRX": 4, "TXDRDY": 7, "ENDTX": 8, "ERROR": 9,
    "RXTO": 17, "RXSTARTED": 19, "TXSTARTED": 20, "TXSTOPPED": 22,
}  # fmt: skip


@pytest.mark.parametrize(("block", "facts"), [(IPC, IPC_FACTS), (UARTE, UARTE_FACTS)], ids=["IPC", "UARTE"])
def test_registers_are_those_of_the_device_description(
    block: RegisterBlock, facts: dict[str, tuple[int, int, Access, int]]
) -> None:
    table = {
        register.name: (register.offset, register.count, register.access, register.reset_value)
        for register in block.registers
    }
    assert table == facts
    assert all(register.stride == 4 and register.width == 32 for register in block.registers)


@pytest.mark.parametrize("register", ["INTEN", "INTENSET", "INTENCLR"])
def test_interrupt_bits_are_those_of_the_device_description(register: str) -> None:
    assert {part.name: part.lsb for part in UARTE.register(register).fields} == UARTE_INTERRUPTS
    channels = {f"RECEIVE{channel}": channel for channel in range(16)}
    assert {part.name: part.lsb for part in IPC.register(register).fields} == channels
    assert IPC.register("INTPEND").fields == IPC.register("INTEN").fields


def test_a_channel_configuration_decodes_into_its_channels() -> None:
    decoded = IPC.decode("SEND_CNF", 0x8001)
    assert {name for name, bit in decoded.items() if bit} == {"CHEN0", "CHEN15"}
    assert IPC.decode("SUBSCRIBE_SEND", 0x8000_0005) == {"CHIDX": 5, "EN": 1}
