"""Cortex-M cores of unicorn: their versions of the architecture, and the state that has no API there.

The translator believes of a core what fields of its private state say. They only matter while code is translated. So a
core can be without FPU, and code can be translated as for one that is stricter than a Cortex-M33: one without the Main
Extension faults at every unaligned access, one without divide instructions at every division. The fields are found by
value, once per process (:func:`_places`): unicorn's state points to that of the core, which holds the core's registers,
and further on its exclusive monitor, its features and its instruction set attributes.

The stack limits and the exclusive monitor have no register number. Instructions can reach them, so a few of these stand
in a page of their own, outside of everything the platform has.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_int64
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from struct import Struct
from typing import Final, NamedTuple

import unicorn
from unicorn import arm_const

from icmsg.engines.embedded.emulator.native import EXECUTE, Model, NativeCore, PageHandler
from icmsg.engines.embedded.emulator.private_state import WITHIN, can_read, pointed_to, readable
from icmsg.engines.embedded.memory import PAGE, Memory

_UNICORN_CORE: Final = Model(
    unicorn.UC_ARCH_ARM,
    unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS,
    arm_const.UC_CPU_ARM_CORTEX_M33,
    arm_const,
    "UC_ARM_REG_",
    loop=bytes.fromhex("00bffde7"),  # nop; b .-2
    start_bit=1,
)
_THUMB: Final = 1 << 24


class NativeArmCore(NativeCore):
    """A Cortex-M33; bit 0 of where a run begins says Thumb.

    The numbers of its exceptions are 8 = EXC_RETURN, 2 = SVC, and those of :class:`~.faults.Cause`.
    """

    def __init__(self) -> None:
        super().__init__(_UNICORN_CORE)

    def hook_pages(self, handler: PageHandler) -> None:
        """Ask ``handler`` about pages, as every core does."""
        state = self.registers("EPSR")

        def asked(address: int, access: int) -> tuple[int, int]:
            answer = handler(address, access)
            if access != EXECUTE:
                # unicorn has put the state of an IT block into EPSR, where the code that goes on does not expect it.
                state.write(_THUMB)
            return answer

        super().hook_pages(asked)


_FEATURES: Final = 0x74_0902_C2E8  # of unicorn's Cortex-M33
_MAIN_EXTENSION: Final = 1 << 38
_ATTRIBUTES: Final = struct.pack("<5I", 0x01101110, 0x02212000, 0x20232232, 0x01111131, 0x01310132)
"""ID_ISAR0 to ID_ISAR4 of a Cortex-M33."""
_DIVIDE: Final = 0xF << 24  # ID_ISAR0.Divide
_FPU: Final = struct.pack("<3I", 0x10110021, 0x11000011, 0x00000040)
"""MVFR0 to MVFR2 of a Cortex-M33 with FPU."""
_PAGE: Final = 4096
_LOCK: Final = 0x1357_9240
_LOCKED: Final = 0x2468_ACE1
_LDREX: Final = struct.pack("<2H", 0xE851, 0x0F00)  # R0, [R1]
_CLREX: Final = struct.pack("<2H", 0xF3BF, 0x8F2F)
_OPEN: Final = struct.pack("<2Q", _LOCK, _LOCKED)
_MARKS: Final = tuple(0x0123_4560 + 0x0111_1111 * number for number in range(13))


class _Places(NamedTuple):
    """Offsets in bytes: of the pointer to the core's state, and in that of the fields."""

    pointer: int
    features: int
    attributes: int
    fpu: int
    monitor: int


class TranslatorState:
    """The fields of ``native``; :meth:`of` returns None where this build of unicorn keeps them elsewhere."""

    def __init__(self, native: NativeCore, places: _Places) -> None:
        state = ctypes.c_size_t.from_address(native.handle + places.pointer).value
        self._features = ctypes.c_uint64.from_address(state + places.features)
        self._attributes = ctypes.c_uint32.from_address(state + places.attributes)
        self._fpu = ctypes.c_uint32.from_address(state + places.fpu)
        self.reserved: Final = ctypes.c_int64.from_address(state + places.monitor)
        """The address for which LDREX has set the monitor, negative where none is; not while code runs."""
        self._whole: Final = self._features.value, self._attributes.value, self._fpu.value
        self._usual = self._whole

    @classmethod
    def of(cls, native: NativeCore) -> TranslatorState | None:
        """Return the state of ``native``, if this build of unicorn keeps it where it can be found."""
        native.registers("PC").read()  # unicorn makes its core at the first use
        places = _places()
        return None if places is None else cls(native, places)

    def set_fpu(self, mvfr: int) -> None:
        """Let the core have the FPU that MVFR0 says, or none for 0; what was translated before must be forgotten."""
        features, attributes, _ = self._whole
        self._usual = features, attributes, mvfr
        self.be_usual()

    def be_strict(self, *, alignment: bool, division: bool) -> None:
        """Translate accesses so that they fault where they are unaligned, divisions so that they are undefined."""
        features, attributes, _ = self._usual
        self._features.value = features & ~_MAIN_EXTENSION if alignment else features
        self._attributes.value = attributes & ~_DIVIDE if division else attributes

    def be_usual(self) -> None:
        """Translate as for the core that it is; so it must be while code runs."""
        self._features.value, self._attributes.value, self._fpu.value = self._usual


@cache
def _places() -> _Places | None:
    """Find the fields in one core, and check them in another one."""
    if not can_read():
        return None
    core, other = NativeArmCore(), NativeArmCore()
    memory = Memory("monitor", _PAGE)
    try:
        for native in (core, other):
            _lock(native, memory)
            native.registers(*[f"R{number}" for number in range(13)]).write(*_MARKS)
        found = _search(core)
        return found if found is not None and _fits(other, found) else None
    finally:
        core.close()
        other.close()
        memory.close()


def _lock(core: NativeCore, memory: Memory) -> None:
    start = _LOCK & -_PAGE
    core.map_memory(start, _PAGE, memory.pointer)
    memory.bytes[0:8] = _LDREX + _CLREX
    memory.words[(_LOCK - start) >> 2] = _LOCKED
    core.registers("R1").write(_LOCK)
    core.run(start | 1, 1)


def _search(core: NativeCore) -> _Places | None:
    marks = struct.pack("<13I", *_MARKS)
    best: tuple[int, _Places] | None = None
    for offset, state in pointed_to(core):
        registers = state.find(marks)
        features = state.find(struct.pack("<Q", _FEATURES), max(registers, 0))
        attributes = state.find(_ATTRIBUTES, max(features, 0))
        fpu = state.find(_FPU, max(features, 0))
        monitor = state.find(_OPEN, max(registers, 0))
        # Other things may lie a little before the core's state; the pointer to it is the nearest one.
        fields = features, attributes, fpu, monitor
        if min(registers, *fields) >= 0 and (best is None or registers < best[0]):
            best = registers, _Places(offset, *fields)
    return best[1] if best is not None else None


def _fits(core: NativeCore, places: _Places) -> bool:
    pointer = readable(core.handle + places.pointer, 8)
    core.run(_LOCK & -_PAGE | 5, 1)
    state = readable(int.from_bytes(pointer, "little"), WITHIN)
    return (
        state[places.features : places.features + 8] == struct.pack("<Q", _FEATURES)
        and state[places.attributes : places.attributes + len(_ATTRIBUTES)] == _ATTRIBUTES
        and state[places.fpu : places.fpu + len(_FPU)] == _FPU
        and state[places.monitor : places.monitor + 16] == struct.pack("<qQ", -1, _LOCKED)
    )


_PROGRAMS: Final = {
    "clear_monitor": (0xF3BF, 0x8F2F),  # CLREX
    "read_limits": (0xF3EF, 0x800A, 0xF3EF, 0x810B),  # MRS R0, MSPLIM; MRS R1, PSPLIM
    "write_limits": (0xF380, 0x880A, 0xF381, 0x880B),  # MSR MSPLIM, R0; MSR PSPLIM, R1
}
_UNDEFINED: Final = b"\x00\xde"


class SpecialRegisters:
    """Runs single instructions on ``native`` at ``page``; PC, and R0 and R1 for the limits, are lost."""

    def __init__(self, native: NativeCore, page: int) -> None:
        self.page: Final = page
        self._native: Final = native
        self._memory: Final = Memory("instructions", PAGE)
        self._memory.bytes[:] = _UNDEFINED * (PAGE // len(_UNDEFINED))
        self._at: dict[str, int] = {}
        offset = 0
        for name, halves in _PROGRAMS.items():
            self._at[name] = page + offset | 1
            data = Struct(f"<{len(halves)}H").pack(*halves)
            self._memory.bytes[offset : offset + len(data)] = data
            offset += len(data)
        self._results = native.registers("R0", "R1")
        self._clear_monitor = self._at["clear_monitor"]
        translator = TranslatorState.of(native)
        self._sees_monitor = translator is not None
        self.reserved = translator.reserved if translator is not None else c_int64(-1)
        """The address for which LDREX has set the monitor; negative where it is not set, or cannot be seen."""
        native.map_memory(page, PAGE, self._memory.pointer)

    def clear_monitor(self) -> None:
        """Let the next STREX fail, unless a LDREX comes first."""
        if self._sees_monitor:
            self.reserved.value = -1
        else:
            self._native.run(self._clear_monitor, 1)

    def read_limits(self) -> tuple[int, int]:
        """Return (MSPLIM, PSPLIM); the core must be privileged."""
        self._native.run(self._at["read_limits"], 2)
        msplim, psplim = self._results.read()
        return msplim, psplim

    def write_limits(self, msplim: int, psplim: int) -> None:
        """Set the stack limits; the core must be privileged."""
        self._results.write(msplim, psplim)
        self._native.run(self._at["write_limits"], 2)

    def close(self) -> None:
        """Give the page back; the native core must be closed already."""
        self._memory.close()


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

    Every core runs on unicorn's Cortex-M33, whose instructions include those of all others; a version says which of
    them a core does not have, which faults and traps it knows, and what its registers tell of it (Armv6-M, Armv7-M and
    Armv8-M ARM; the Technical Reference Manuals of the cores).

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
