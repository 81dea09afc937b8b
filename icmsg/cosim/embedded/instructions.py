"""Instructions that matter to the scheduler but that the emulator does not report, found in the code.

A hit in data is harmless: the address is never executed, so its hook never runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# CPSIE i/f: B660…B667. MSR {PRIMASK, BASEPRI, BASEPRI_MAX, FAULTMASK}, Rn: F380|Rn, 8x10…8x13 (Armv8-M ARM, C2.4).
_CPSIE: Final = re.compile(rb"(?=[\x60-\x67]\xb6)")
_MSR_MASK: Final = re.compile(rb"(?=[\x80-\x8f]\xf3[\x10-\x13][\x80-\x8f])")
# MSR {MSPLIM, PSPLIM}, Rn: F380|Rn, 8x0A and 8x0B.
_MSR_LIMIT: Final = re.compile(rb"(?=[\x80-\x8f]\xf3[\x0a\x0b][\x80-\x8f])")
# SEV: BF40, or F3AF 8004.
_SEV: Final = re.compile(rb"(?=\x40\xbf|\xaf\xf3\x04\x80)")

# TT, TTT, TTA, TTAT Rd, Rn: E840|Rn, F000|Rd<<8|A<<7|T<<6.
_MPU_QUERY: Final = re.compile(rb"(?=[\x40-\x4f]\xe8[\x00\x40\x80\xc0][\xf0-\xff])")


def after_unmasking(code: memoryview) -> Iterator[int]:
    """Yield the offset behind every instruction that can lower PRIMASK, BASEPRI or FAULTMASK."""
    for pattern, size in ((_CPSIE, 2), (_MSR_MASK, 4)):
        for offset in _find(pattern, code):
            yield offset + size


def after_stack_limit(code: memoryview) -> Iterator[int]:
    """Yield the offset behind every instruction that changes a stack limit."""
    return (offset + 4 for offset in _find(_MSR_LIMIT, code))


def send_event(code: memoryview) -> Iterator[int]:
    """Yield the offset of every SEV instruction."""
    return _find(_SEV, code)


def mpu_query(code: memoryview) -> Iterator[int]:
    """Yield the offset of every TT instruction and its variants."""
    return _find(_MPU_QUERY, code)


def _find(pattern: re.Pattern[bytes], code: memoryview) -> Iterator[int]:
    return (match.start() for match in pattern.finditer(code) if match.start() % 2 == 0)
