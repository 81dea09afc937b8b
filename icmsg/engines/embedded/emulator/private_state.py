"""Search of unicorn's private state, of which nothing is read that may not be read."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.emulator.native import NativeCore

_POINTERS: Final = 170
"""Words of unicorn's state among which the pointer to the core's is."""
WITHIN: Final = 0x10000
"""Bytes of a core's state that are looked through."""
_PAGE: Final = 4096


def can_read() -> bool:
    """Return whether this system tells safely if an address can be read."""
    return os.name != "nt"


def pointed_to(core: NativeCore) -> Iterator[tuple[int, bytes]]:
    """Yield what pointers in the state of ``core`` point to, with the byte offset of each pointer."""
    words = struct.unpack(f"<{_POINTERS}Q", readable(core.handle, 8 * _POINTERS).ljust(8 * _POINTERS, b"\0"))
    for index, pointer in enumerate(words):
        if pointer >= _PAGE and not pointer % 8 and not pointer >> 56:
            yield 8 * index, readable(pointer, WITHIN)


def readable(address: int, size: int) -> bytes:
    """Return the bytes of this process at ``address``, as many as can be read."""
    found = bytearray()
    ours, theirs = os.pipe()
    try:
        while len(found) < size:
            place = address + len(found)
            count = min(size - len(found), _PAGE - place % _PAGE)
            try:
                # The system looks whether this memory is there, and refuses instead of a crash.
                count = os.write(theirs, (ctypes.c_char * count).from_address(place))
            except OSError:
                break
            found += os.read(ours, count)
    finally:
        os.close(ours)
        os.close(theirs)
    return bytes(found)
