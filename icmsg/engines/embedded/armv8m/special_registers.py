"""State of a core for which unicorn has no register number: the stack limits and the exclusive monitor.

Instructions can reach it, so a few of them stand in a page of their own, outside of everything the platform has.
"""

from __future__ import annotations

from ctypes import c_int64
from struct import Struct
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.translator_state import TranslatorState
from icmsg.engines.embedded.memory import PAGE, Memory

if TYPE_CHECKING:
    from icmsg.engines.embedded.emulator.native import NativeCore

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
