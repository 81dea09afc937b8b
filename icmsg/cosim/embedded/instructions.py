"""Instructions that matter to the scheduler but that the emulator does not report, found in the image.

A hit in data is harmless: the address is never executed, so its hook never runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.cosim.image import FirmwareImage

# CPSIE i/f: B660…B667. MSR {PRIMASK, BASEPRI, BASEPRI_MAX, FAULTMASK}, Rn: F380|Rn, 8x10…8x13 (Armv8-M ARM, C2.4).
_UNMASKING: Final = re.compile(rb"(?=[\x60-\x67]\xb6|[\x80-\x8f]\xf3[\x10-\x13][\x80-\x8f])")
_SEND_EVENT: Final = re.compile(rb"(?=\x40\xbf)")


def unmasking(image: FirmwareImage) -> set[int]:
    """Return the addresses of all instructions that can lower PRIMASK, BASEPRI or FAULTMASK."""
    return set(_find(image, _UNMASKING))


def send_event(image: FirmwareImage) -> set[int]:
    """Return the addresses of all SEV instructions."""
    return set(_find(image, _SEND_EVENT))


def _find(image: FirmwareImage, pattern: re.Pattern[bytes]) -> Iterator[int]:
    for segment in image.segments:
        for match in pattern.finditer(segment.data):
            if match.start() % 2 == 0:
                yield segment.load_address + match.start()
                yield segment.run_address + match.start()
