"""Instructions that the engine reads itself: those that the emulator does not report, loops that poll, single steps.

Instructions that matter to the scheduler but that the emulator does not report, found in the code.

A hit in data is harmless: the address is never executed, so its hook never runs.

The peripheral registers that a loop reads, from its instructions (Armv8-M Architecture Reference Manual, C2.4).

Single instructions: what is executed where one is asked for. An IT block is executed as a whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.native import Version
from icmsg.engines.embedded.armv8m.traps import it_state

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.hw.bus import Bus


# CPSIE i/f: B660…B667. MSR {PRIMASK, BASEPRI, BASEPRI_MAX, FAULTMASK}, Rn: F380|Rn, 8x10…8x13 (Armv8-M ARM, C2.4).
_CPSIE: Final = re.compile(rb"(?=[\x60-\x67]\xb6)")
_MSR_MASK: Final = re.compile(rb"(?=[\x80-\x8f]\xf3[\x10-\x13][\x80-\x8f])")
# MSR {MSPLIM, PSPLIM}, Rn: F380|Rn, 8x0A and 8x0B.
_MSR_LIMIT: Final = re.compile(rb"(?=[\x80-\x8f]\xf3[\x0a\x0b][\x80-\x8f])")
# MSR {MSP, PSP}, Rn: F380|Rn, 8x08 and 8x09.
_MSR_STACK_POINTER: Final = re.compile(rb"(?=[\x80-\x8f]\xf3[\x08\x09][\x80-\x8f])")
# SEV: BF40, or F3AF 8004.
_SEV: Final = re.compile(rb"(?=\x40\xbf|\xaf\xf3\x04\x80)")

_MPU_QUERY: Final = re.compile(rb"(?=[\x40-\x4f]\xe8[\x00\x40\x80\xc0][\xf0-\xff])")
# The first halfword of what may be an instruction of the FPU or of the DSP extension.
_EXTENSION: Final = re.compile(rb"(?=[\x00-\xff][\xea\xec-\xef\xf3\xfa-\xff])", re.DOTALL)
_FIRST_OF_TWO: Final = 0xE800
"""Halfwords from here on begin an instruction of two."""


def after_unmasking(code: memoryview) -> Iterator[int]:
    """Yield the offset behind every instruction that can lower PRIMASK, BASEPRI or FAULTMASK."""
    for pattern, size in ((_CPSIE, 2), (_MSR_MASK, 4)):
        for offset in _find(pattern, code):
            yield offset + size


def after_stack_limit(code: memoryview) -> Iterator[int]:
    """Yield the offset behind every instruction that changes a stack limit."""
    return (offset + 4 for offset in _find(_MSR_LIMIT, code))


def after_stack_pointer(code: memoryview) -> Iterator[int]:
    """Yield the offset behind every MSR that writes a stack pointer."""
    return (offset + 4 for offset in _find(_MSR_STACK_POINTER, code))


def send_event(code: memoryview) -> Iterator[int]:
    """Yield the offset of every SEV instruction."""
    return _find(_SEV, code)


def mpu_query(block: memoryview) -> Iterator[int]:
    """Yield the offset of every TT instruction and its variants; ``block`` as in :func:`of_extensions`."""
    if next(_find(_MPU_QUERY, block), None) is None:
        return
    for offset, first, second in _of_two(block):  # TT, TTT, TTA, TTAT Rd, Rn: E840|Rn, F000|Rd<<8|A<<7|T<<6
        if first & 0xFFF0 == 0xE840 and second & 0xF03F == 0xF000:
            yield offset


def of_extensions(block: memoryview) -> Iterator[tuple[int, bool]]:
    """Yield offset, and whether it needs the FPU, of the instructions of FPU and DSP extension.

    ``block`` begins with an instruction and holds no data, as what the emulator translates.
    """
    if next(_find(_EXTENSION, block), None) is None:
        return
    for offset, first, second in _of_two(block):
        if is_floating_point(first, second):
            yield offset, True
        elif is_signal_processing(first, second):
            yield offset, False


def missing(block: memoryview, version: Version) -> Iterator[int]:
    """Yield the offset of every instruction that a core of ``version`` does not have; ``block`` as above.

    Those of FPU and DSP extension aside (Armv6-M ARM, A5; Armv8-M ARM, C1.1 and the table of the Baseline).
    """
    offset = 0
    while offset + 2 <= len(block):
        first = block[offset] | block[offset + 1] << 8
        if first < _FIRST_OF_TWO:
            if not _has_short(first, version):
                yield offset
            offset += 2
            continue
        if offset + 4 > len(block):
            return
        if not _has_long(first, block[offset + 2] | block[offset + 3] << 8, version):
            yield offset
        offset += 4


def _has_short(first: int, version: Version) -> bool:
    if version is Version.V6M:  # CBZ, CBNZ; IT
        return first & 0xF500 != 0xB100 and not (first & 0xFF00 == 0xBF00 and first & 0xF)
    if version is Version.V8M_BASELINE:
        return not (first & 0xFF00 == 0xBF00 and first & 0xF)
    return first & 0xFF07 != 0x4704  # BXNS, BLXNS


def _has_long(first: int, second: int, version: Version) -> bool:
    if first & 0xFFF0 == 0xE840 and second & 0xF000 == 0xF000:  # TT and its variants
        return version is Version.V8M_BASELINE
    if first == second == 0xE97F:  # SG
        return version is Version.V8M_BASELINE
    is_release = first & 0xFFE0 == 0xE8C0 and second >> 4 & 0xF in (
        8,
        9,
        0xA,
        0xC,
        0xD,
        0xE,
    )  # LDA, STL, LDAEX…
    if version is Version.V7M:
        return not is_release
    if first & 0xF800 == 0xF000 and second & 0xD000 == 0xD000:  # BL
        return True
    if first & 0xFFE0 == 0xF380 and second & 0xD000 == 0x8000:  # MSR
        return True
    if first & 0xFFE0 == 0xF3E0 and second & 0xD000 == 0x8000:  # MRS
        return True
    if first & 0xFFF0 == 0xF3B0:  # DSB, DMB, ISB; CLREX
        return second & 0xC0 == 0x40 or (version is Version.V8M_BASELINE and second & 0xF0 == 0x20)
    if first & 0xFFF0 == 0xF7F0 and second & 0xF000 == 0xA000:  # UDF
        return True
    if version is Version.V6M:
        return False
    exclusive = first & 0xFFE0 == 0xE840 or (first & 0xFFE0 == 0xE8C0 and second >> 4 & 0xF in (4, 5))
    moves = first & 0xFB70 == 0xF240 and not second & 0x8000  # MOVW, MOVT
    divides = first & 0xFFD0 == 0xFB90
    branches = first & 0xF800 == 0xF000 and second & 0xD000 == 0x9000  # B.W
    return is_release or exclusive or moves or divides or branches


def _of_two(block: memoryview) -> Iterator[tuple[int, int, int]]:
    offset = 0
    while offset + 4 <= len(block):
        first = block[offset] | block[offset + 1] << 8
        if first < _FIRST_OF_TWO:
            offset += 2
            continue
        yield offset, first, block[offset + 2] | block[offset + 3] << 8
        offset += 4


def is_floating_point(first: int, second: int) -> bool:
    """Return whether two halfwords are an instruction of coprocessor 10 or 11, the FPU.

    VLSTM and VLLDM are none: a core without an FPU takes them for NOPs.
    """
    lazy = first & 0xFFE0 == 0xEC20 and second & 0xFF == 0 and second >> 8 == 0x0A
    return first & 0xEC00 == 0xEC00 and second & 0x0E00 == 0x0A00 and not lazy


def is_signal_processing(first: int, second: int) -> bool:
    """Return whether two halfwords are an instruction that only the DSP extension has (Armv8-M ARM, A2.3 and C2.3)."""
    row = first & 0xFFF0
    if row == 0xEAC0:  # PKHBT, PKHTB
        return not second & 0x8010
    if row in (0xF320, 0xF3A0):  # SSAT16, USAT16
        return second & 0xF0F0 == 0
    if (
        0xFA00 <= first < 0xFA60 and second & 0xF080 == 0xF080
    ):  # sums with extended bytes and halfwords, pairs of them
        return row in (0xFA20, 0xFA30) or first & 0xF != 0xF
    if 0xFA80 <= first < 0xFB00 and second & 0xF000 == 0xF000:
        pairs = not second & 0x80  # parallel sums and differences
        saturating = row & 0x70 == 0 and second & 0xC0 == 0x80  # QADD, QSUB, QDADD, QDSUB
        return pairs or saturating or (row == 0xFAA0 and second & 0xF0 == 0x80)  # SEL
    if 0xFB10 <= first < 0xFB80:  # products of halfwords and the upper half of products of words
        return not second & 0xC0
    if row in (0xFBC0, 0xFBD0, 0xFBE0):  # long products of halfwords; UMAAL
        return bool(second & 0xF0)
    return False


def _find(pattern: re.Pattern[bytes], code: memoryview) -> Iterator[int]:
    return (match.start() for match in pattern.finditer(code) if match.start() % 2 == 0)


_LOADS: Final = {0x6800: 2, 0x7800: 0, 0x8800: 1}
"""LDR, LDRB and LDRH with a 5-bit offset, and how far that is shifted."""
_WIDE_LOADS: Final = (0xF8D0, 0xF890, 0xF8B0)
_LONGEST_LOOP: Final = 128
"""Bytes between a branch and its target in a loop that is looked through."""
_PERIPHERALS: Final = 0x4000_0000


def polled(pcs: Collection[int], registers: Mapping[str, int], bus: Bus) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the loop around ``pcs`` reads with an immediate offset."""
    for pc in _loop(pcs, bus):
        first, second = (bus.read16(pc + n) for n in (0, 2))
        shift = _LOADS.get(first & 0xF800)
        if shift is not None:
            base, offset = first >> 3 & 7, (first >> 6 & 0x1F) << shift
        elif first & 0xFFF0 in _WIDE_LOADS:
            base, offset = first & 0xF, second & 0xFFF
        else:
            continue
        name = {13: "SP", 14: "LR", 15: "PC"}.get(base, f"R{base}")
        address = registers[name] + offset & 0xFFFF_FFFF
        if address >= _PERIPHERALS:
            yield address


def _loop(pcs: Collection[int], bus: Bus) -> range:
    """Return the addresses of the loop: slices may end at the same few of its instructions each time."""
    lowest, highest = min(pcs), max(pcs)
    for pc in range(highest, highest + _LONGEST_LOOP, 2):
        word = bus.read16(pc)
        if word & 0xF000 == 0xD000 and word & 0x0F00 < 0x0E00:
            offset = (word & 0xFF ^ 0x80) - 0x80
        elif word & 0xF800 == 0xE000:
            offset = (word & 0x7FF ^ 0x400) - 0x400
        else:
            continue
        target = pc + 4 + 2 * offset
        if highest - _LONGEST_LOOP < target <= lowest:
            return range(target, pc + 2, 2)
    return range(lowest, highest + 2, 2)


_WFI: Final = 0xBF30
_WFI_WIDE: Final = (0xF3AF, 0x8003)
_WIDE: Final = 0xE800
"""The lowest first halfword of an instruction of four bytes."""


def unit(pc: int, xpsr: int, halfword: Callable[[int], int]) -> tuple[int, int | None]:
    """Return how many instructions are executed together from ``pc`` on, at most, and where the next one is.

    Where it is one alone, the address is None.
    """
    code = halfword(pc)
    state, count, at = it_state(xpsr), 0, pc
    if code & 0xFF00 == 0xBF00 and code & 0xF:  # IT
        state, count, at = code & 0xFF, 1, pc + 2
    if not state & 0xF:
        return 1, None
    for _ in range(4 - ((state & -state).bit_length() - 1)):
        at += 4 if halfword(at) >= _WIDE else 2
        count += 1
    return count, at


def sleep_before(address: int, halfword: Callable[[int], int]) -> int | None:
    """Return the address of the WFI directly before an address, if one is there."""
    if halfword(address - 2) == _WFI:
        return address - 2
    if (halfword(address - 4), halfword(address - 2)) == _WFI_WIDE:
        return address - 4
    return None
