"""The registers of the nRF54's UARTE, the console of Zephyr's images there: the newer layout, with DMA registers."""

from __future__ import annotations

from typing import Final

from icmsg.hw.nrf_tasks_events import events, interrupts, tasks
from icmsg.hw.nrf_uarte import DISCONNECTED, ERRORS
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

FRAME_TIMEOUT: Final = 1 << 14
"""The bit of CONFIG that makes a pause in reception an event."""
_MATCHES = 4
_TASKS = {
    "FLUSHRX": 0x01C,
    "DMA_RX_START": 0x028,
    "DMA_RX_STOP": 0x02C,
    "DMA_TX_START": 0x050,
    "DMA_TX_STOP": 0x054,
}
_MATCH_TASKS = {"DMA_RX_ENABLEMATCH": 0x030, "DMA_RX_DISABLEMATCH": 0x040}
_EVENTS = {
    "CTS": 0x100,
    "NCTS": 0x104,
    "TXDRDY": 0x10C,
    "RXDRDY": 0x110,
    "ERROR": 0x114,
    "RXTO": 0x124,
    "TXSTOPPED": 0x130,
    "DMA_RX_END": 0x14C,
    "DMA_RX_READY": 0x150,
    "DMA_RX_BUSERROR": 0x154,
    **{f"DMA_RX_MATCH{index}": 0x158 + 4 * index for index in range(_MATCHES)},
    "DMA_TX_END": 0x168,
    "DMA_TX_READY": 0x16C,
    "DMA_TX_BUSERROR": 0x170,
    "FRAMETIMEOUT": 0x174,
}
_SHORTS = {
    "DMA_RX_END_DMA_RX_START": 5,
    "DMA_RX_END_DMA_RX_STOP": 6,
    "DMA_TX_END_DMA_TX_STOP": 18,
    **{f"DMA_RX_MATCH{at}_DMA_RX_ENABLEMATCH{(at + 1) % _MATCHES}": 21 + at for at in range(_MATCHES)},
    **{f"DMA_RX_MATCH{at}_DMA_RX_DISABLEMATCH{at}": 25 + at for at in range(_MATCHES)},
    "FRAMETIMEOUT_DMA_RX_STOP": 29,
}
_PIN = (Field("PIN", 0, width=5), Field("PORT", 5, width=3), Field("CONNECT", 31, meaning="1 = disconnected"))
_CONFIG = (
    Field("HWFC", 0, meaning="1 = hardware flow control"),
    Field("PARITY", 1, width=3, meaning="0 = none, 7 = even"),
    Field("STOP", 4, meaning="0 = one stop bit, 1 = two"),
    Field("PARITYTYPE", 8, meaning="0 = even, 1 = odd"),
    Field("FRAMESIZE", 9, width=4, meaning="bits of a frame"),
    Field("ENDIAN", 13),
    Field("FRAMETIMEOUT", 14, meaning="1 = a pause in reception is an event"),
)
_RAM = 0x20000000


def _dma(direction: str, offset: int, what: str) -> tuple[Register, ...]:
    return (
        Register(f"DMA_{direction}_PTR", offset + 0x04, reset=_RAM, meaning=f"address in RAM of {what}"),
        Register(f"DMA_{direction}_MAXCNT", offset + 0x08, fields=(Field("MAXCNT", 0, width=16),)),
        Register(
            f"DMA_{direction}_AMOUNT", offset + 0x0C, access=Access.R, meaning="bytes since the last start"
        ),
        Register(f"DMA_{direction}_LIST", offset + 0x14),
        Register(f"DMA_{direction}_TERMINATEONBUSERROR", offset + 0x1C),
        Register(f"DMA_{direction}_BUSERRORADDRESS", offset + 0x20, access=Access.R),
    )


UARTE54L: Final = RegisterBlock(
    "UARTE",
    (
        *tasks(_TASKS),
        *tasks(_MATCH_TASKS, count=_MATCHES),
        *events(_EVENTS),
        Register(
            "SHORTS",
            0x200,
            fields=tuple(Field(name, bit) for name, bit in _SHORTS.items()),
            meaning="events that start a task by themselves",
        ),
        *interrupts(_EVENTS),
        Register("ERRORSRC", 0x480, fields=ERRORS, clears="ERRORSRC", meaning="a one clears the error"),
        Register("ENABLE", 0x500, fields=(Field("ENABLE", 0, width=4, meaning="8 = enabled, 0 = disabled"),)),
        Register("BAUDRATE", 0x524, reset=0x04000000, meaning="0x01D60000 = 115200 Bd, 250000 Bd at reset"),
        Register("CONFIG", 0x56C, reset=0x1000, fields=_CONFIG),
        Register("ADDRESS", 0x574),
        Register("FRAMETIMEOUT", 0x578, reset=0x10, fields=(Field("COUNTERTOP", 0, width=10),)),
        *(
            Register(f"PSEL_{pin}", 0x604 + 4 * index, fields=_PIN, reset=DISCONNECTED)
            for index, pin in enumerate(("TXD", "CTS", "RXD", "RTS"))
        ),
        *_dma("RX", 0x700, "the receive buffer"),
        Register("DMA_RX_MATCH_CONFIG", 0x724),
        Register("DMA_RX_MATCH_CANDIDATE", 0x728, count=_MATCHES),
        *_dma("TX", 0x738, "the bytes to send"),
    ),
    source="nRF54L15 Datasheet, UARTE",
)
