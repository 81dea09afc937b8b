"""Intel HEX: what a flash tool writes where, for one core or (merged) for several.

Read here and not by a library: the one that is commonly used keeps a dictionary entry for every byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import FirmwareError
from icmsg.limits import HEX_BYTES, LOADED_BYTES, SEGMENTS, read_file, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DATA: Final = 0
_END: Final = 1
_SEGMENT: Final = 2
_LINEAR: Final = 4
_STARTS: Final = (3, 5)
_SHORTEST: Final = 5
_ADDRESSES: Final = 1 << 32


def read_hex(path: Path) -> list[tuple[int, bytes]]:
    """Return (byte address, bytes) of every contiguous part of the file, in the order of addresses.

    Raises:
        FirmwareError: a line is damaged, two overlap, or the file ends too early; the text says where.
        OSError: the file cannot be read.
    """
    parts: list[tuple[int, bytearray]] = []
    total = 0
    for number, address, data in _records(path):
        total += len(data)
        if total > LOADED_BYTES:
            raise FirmwareError(f"{path}:{number}: loads more than {size_text(LOADED_BYTES)}, the limit")
        if parts and parts[-1][0] + len(parts[-1][1]) == address:
            parts[-1][1].extend(data)
        else:
            parts.append((address, bytearray(data)))
    parts.sort(key=lambda part: part[0])
    joined: list[tuple[int, bytearray]] = []
    for address, part in parts:
        end = joined[-1][0] + len(joined[-1][1]) if joined else -1
        if address < end:
            raise FirmwareError(f"{path}: has two values for 0x{address:08X}; merge the images again")
        if address == end:
            joined[-1][1].extend(part)
        else:
            joined.append((address, part))
    if len(joined) > SEGMENTS:
        raise FirmwareError(f"{path}: has {len(joined)} parts, more than {SEGMENTS}, the limit")
    return [(address, bytes(data)) for address, data in joined]


def _records(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (line, address, bytes) of the data records."""
    base = 0
    for number, line in enumerate(read_file(path, HEX_BYTES).decode("latin-1").splitlines(), 1):
        if not (line := line.strip()):
            continue
        record = _record(line)
        if len(record) < _SHORTEST or len(record) != record[0] + _SHORTEST or sum(record) & 0xFF:
            raise FirmwareError(f"{path}:{number}: not a record of an Intel HEX file, or a damaged one")
        kind, data = record[3], record[4:-1]
        if kind == _DATA:
            address = base + int.from_bytes(record[1:3], "big")
            if address + len(data) > _ADDRESSES:
                raise FirmwareError(f"{path}:{number}: 0x{address:X} is no 32-bit address")
            if data:
                yield number, address, data
        elif kind in (_SEGMENT, _LINEAR) and len(data) == 2:
            base = int.from_bytes(data, "big") << (4 if kind == _SEGMENT else 16)
        elif kind == _END:
            return
        elif kind not in _STARTS:
            raise FirmwareError(f"{path}:{number}: record type {kind} does not exist; is the file damaged?")
    raise FirmwareError(f"{path}: ends without an end record; build or copy it again")


def _record(line: str) -> bytes:
    try:
        return bytes.fromhex(line[1:]) if line.startswith(":") else b""
    except ValueError:
        return b""
