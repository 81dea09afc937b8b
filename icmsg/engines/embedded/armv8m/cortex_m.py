"""Cortex-M cores as their versions of the architecture differ: what the one translator of all must be kept from.

Every core runs on unicorn's Cortex-M33, whose instructions include those of all others; a version says which of them a
core does not have, which faults and traps it knows, and what its registers tell of it (Armv6-M, Armv7-M and Armv8-M
ARM; the Technical Reference Manuals of the cores).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Version(IntEnum):
    """Version of the architecture, in the order in which instructions were added."""

    V6M = 0
    V8M_BASELINE = 1
    V7M = 2
    V8M_MAIN = 3

    @property
    def is_baseline(self) -> bool:
        """True if HardFault is the only fault and every unaligned access is one."""
        return self < Version.V7M


_NO_IDS: Final = (0,) * 16
_V7M_IDS: Final = (0x30, 0x200, 0x100000, 0, 0x30, 0, 0x01000000, 0)
_SINGLE: Final = 0x10110021
_DOUBLE: Final = 0x10110221
_V8M_IDS: Final = (
    *(0x00000030, 0x00000210, 0x00200000, 0, 0x00101F40, 0, 0x01000000, 0),
    *(0x01101110, 0x02212000, 0x20232232, 0x01111131, 0x01310132, 0, 0, 0x8000C000),
)


@dataclass(frozen=True, slots=True)
class CortexM:
    """Core: its version, CPUID, and the ID registers from ID_PFR0 to CTR.

    ``fpu`` is MVFR0, which is 0 without FPU; ``mpu_regions`` how many an MPU has where the platform file does not say.
    """

    version: Version
    cpuid: int
    ids: tuple[int, ...]
    has_dsp: bool = False
    fpu: int = 0
    mpu_regions: int = 8


CORTEX_M33: Final = CortexM(Version.V8M_MAIN, 0x410FD214, _V8M_IDS, has_dsp=True, fpu=_SINGLE)
_CORTEX_M4: Final = CortexM(
    Version.V7M,
    0x410FC241,
    (*_V7M_IDS, 0x01141110, 0x02111000, 0x21112231, 0x01111131, 0x01310132, 0, 0, 0x8000C000),
    has_dsp=True,
    fpu=_SINGLE,
)
CORES: Final = {
    "cortex-m0": CortexM(Version.V6M, 0x410CC200, _NO_IDS, mpu_regions=0),
    "cortex-m0+": CortexM(Version.V6M, 0x410CC601, _NO_IDS),
    "cortex-m1": CortexM(Version.V6M, 0x410CC210, _NO_IDS, mpu_regions=0),
    "cortex-m23": CortexM(Version.V8M_BASELINE, 0x411CD200, _V8M_IDS),
    "cortex-m3": CortexM(
        Version.V7M,
        0x412FC231,
        (*_V7M_IDS, 0x01100110, 0x02111000, 0x21112231, 0x01111110, 0x01310102, 0, 0, 0x8000C000),
    ),
    "cortex-m33": CORTEX_M33,
    "cortex-m4": _CORTEX_M4,
    "cortex-m4f": _CORTEX_M4,
    "cortex-m7": CortexM(
        Version.V7M,
        0x411FC272,
        (*_V7M_IDS, 0x01101110, 0x02112000, 0x20232231, 0x01111131, 0x01310132, 0, 0, 0x8303C003),
        has_dsp=True,
        fpu=_DOUBLE,
    ),
}
"""Cores by Renode's ``cpuType``; a cortex-m4 has an FPU there, with and without the f."""
NOT_EXECUTED: Final = ("cortex-m85",)
"""Renode's other values of ``cpuType``: Armv8.1-M, whose vector extension the translator does not have."""
