"""Firmware for tests, assembled from source in the test: a label per exception is all that a program needs.

Instructions stand in lines of their own or behind a semicolon, comments behind an at sign.

The vector table is made from the labels ``reset``, ``nmi``, ``hard_fault``, ``mem_manage``, ``bus_fault``,
``usage_fault``, ``svc``, ``pend_sv``, ``sys_tick`` and ``irq_N``; every exception without one loops at ``stuck``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from keystone import KS_ARCH_ARM, KS_MODE_THUMB, Ks, KsError

from icmsg.machine.image import FirmwareImage, Segment

FLASH: Final = {"app": 0x0000_0000, "net": 0x0100_0000}
RAM: Final = {"app": 0x2000_0000, "net": 0x2100_0000}
STACK: Final = {"app": 0x2001_0000, "net": 0x2100_8000}
SHARED: Final = 0x2007_0000
EXCEPTIONS: Final = {
    "reset": 1,
    "nmi": 2,
    "hard_fault": 3,
    "mem_manage": 4,
    "bus_fault": 5,
    "usage_fault": 6,
    "svc": 11,
    "pend_sv": 14,
    "sys_tick": 15,
}
_VECTORS: Final = 16 + 64

# The assembler knows the names of A-profile only, so these two are put together here (Armv8-M ARM, C2.4).
_SPECIAL: Final = {
    "apsr": 0,
    "xpsr": 3,
    "ipsr": 5,
    "msp": 8,
    "psp": 9,
    "msplim": 10,
    "psplim": 11,
    "primask": 16,
    "basepri": 17,
    "basepri_max": 18,
    "faultmask": 19,
    "control": 20,
}
_MSR: Final = re.compile(r"\bmsr\s+(\w+)\s*,\s*r(\d+)", re.IGNORECASE)
_MRS: Final = re.compile(r"\bmrs\s+r(\d+)\s*,\s*(\w+)", re.IGNORECASE)
_LABEL: Final = re.compile(r"^\s*([A-Za-z_]\w*):", re.MULTILINE)
_COMMENT: Final = re.compile(r"@.*")


def code(source: str, address: int = 0) -> bytes:
    """Return the bytes of ``source`` at ``address``."""
    text = _COMMENT.sub("", source).replace(";", "\n")
    text = _MSR.sub(lambda hit: _halves(0xF380 | int(hit[2]), 0x8800 | _SPECIAL[hit[1].lower()]), text)
    text = _MRS.sub(lambda hit: _halves(0xF3EF, 0x8000 | int(hit[1]) << 8 | _SPECIAL[hit[2].lower()]), text)
    try:
        encoding, _ = Ks(KS_ARCH_ARM, KS_MODE_THUMB).asm(text, address)
    except KsError as error:
        raise ValueError(f"{error} in:\n{text}") from None
    if encoding is None:
        raise ValueError(f"the assembler gives up without a reason at:\n{text}")
    return bytes(encoding)


def _halves(first: int, second: int) -> str:
    return f".short 0x{first:04X}, 0x{second:04X}"


@cache
def firmware(
    source: str, *, core: str = "app", stack: int | None = None, name: str = "test.elf"
) -> FirmwareImage:
    """Return an image for ``core`` with a vector table, the program and a symbol for each of its labels."""
    base = FLASH[core]
    program = _COMMENT.sub("", source).replace(";", "\n") + "\nstuck:\n b stuck\n"
    labels = list(dict.fromkeys(_LABEL.findall(program)))
    handlers = {number: label for label, number in EXCEPTIONS.items() if label in labels}
    handlers |= {16 + int(label[4:]): label for label in labels if re.fullmatch(r"irq_\d+", label)}
    top = STACK[core] if stack is None else stack
    vectors = max(_VECTORS, *(number + 1 for number in handlers))
    table = [f".word {top}", *(f".word {handlers.get(at, 'stuck')} + 1" for at in range(1, vectors))]
    symbols = f".align 2\n.word {', '.join(labels)}\n"
    data = code("\n".join(table) + f"\n{program}\n.ltorg\n{symbols}", base)
    values = [
        int.from_bytes(data[at : at + 4], "little") for at in range(len(data) - 4 * len(labels), len(data), 4)
    ]
    addresses = dict(zip(labels, values, strict=True))
    segment = Segment(base, base, data, executable=True)
    return FirmwareImage(Path(name), (segment,), addresses["reset"] | 1, addresses)
