"""Files of firmware beside ELF (Intel HEX, U-Boot's image), and checks of an ELF file for the VPR.

Intel HEX: what a flash tool writes where, for one core or (merged) for several.

Read here and not by a library: the one that is commonly used keeps a dictionary entry for every byte.

Images of U-Boot in their old form: a header of 64 bytes, then the data (``include/image.h`` of U-Boot).

Checks of an ELF file for the VPR, Nordic's RISC-V core: what it was built for, and what is not there.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import FirmwareError
from icmsg.files import HEX_BYTES, LOADED_BYTES, SEGMENTS, read_file, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elftools.elf.elffile import ELFFile


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


_MAGIC: Final = 0x27051956
_HEADER: Final = struct.Struct(">7I4B32s")
_NONE, _GZIP = 0, 1
_BUFFERS: Final = 0x1F
"""``wbits`` of zlib that mean gzip."""


def read_uimage(image: bytes) -> tuple[int, int, bytes]:
    """Return entry, load address and data of an image.

    Raises:
        FirmwareError: it is none, a sum is wrong, or it is packed in a way that is not known here.
    """
    if len(image) < _HEADER.size or image[:4] != _MAGIC.to_bytes(4, "big"):
        raise FirmwareError("this is no image of U-Boot (it does not begin with 27 05 19 56)")
    _, header_sum, _, size, load, entry, data_sum, _, _, _, packed, _ = _HEADER.unpack_from(image)
    blank = image[:4] + bytes(4) + image[8 : _HEADER.size]
    if zlib.crc32(blank) != header_sum:
        raise FirmwareError("the sum of the header is wrong: the file is damaged")
    data = image[_HEADER.size : _HEADER.size + size]
    if len(data) != size or zlib.crc32(data) != data_sum:
        raise FirmwareError("the sum of the data is wrong: the file is damaged or cut")
    if packed == _GZIP:
        try:
            unpack = zlib.decompressobj(_BUFFERS)
            data = unpack.decompress(data, LOADED_BYTES)
        except zlib.error as error:
            raise FirmwareError(f"its data cannot be unpacked: {error}") from None
        if unpack.unconsumed_tail:
            raise FirmwareError(f"its data is more than {LOADED_BYTES} bytes unpacked")
    elif packed != _NONE:
        raise FirmwareError("its data is packed with something else than gzip: unpack it, and use LoadBinary")
    return entry, load, data


_RVE: Final = 0x8
_FLOAT_ABI: Final = 0x6
"""Bits of e_flags (RISC-V ELF psABI, "File Header")."""
_SECTION: Final = ".riscv.attributes"
_ARCHITECTURE: Final = re.compile(rb"\x05(rv\d+[a-z0-9_]*)\0")
"""Tag_RISCV_arch (RISC-V ELF psABI, "Attributes"): its number, and a text that a zero ends."""
_KNOWN: Final = frozenset(["e", "m", "a", "c", "zicsr", "zifencei", "zmmul", "zca", "zaamo", "zalrsc"])
_EXTENSION: Final = re.compile(r"([zsx][a-z]+?(?=\d|_|$)|[a-z])(?:\d+p\d+)?_?")
_BASE: Final = re.compile(r"rv(\d+)([a-z])(?:\d+p\d+)?_?")
_MARCH: Final = "-march=rv32emc_zicsr -mabi=ilp32e"


class RiscVBuild(NamedTuple):
    """Build of a RISC-V file: the base instruction set and the extensions that its attributes name.

    ``base`` is empty where none do. ``is_rve`` is what the file's header says about the registers, ``floats`` whether
    arguments are passed in floating-point registers.
    """

    base: str
    extensions: tuple[str, ...]
    is_rve: bool
    floats: bool

    @classmethod
    def of(cls, elf: ELFFile) -> RiscVBuild:
        """Read it from a file."""
        base, extensions = _built_for(elf)
        flags = elf["e_flags"]
        return cls(base, tuple(extensions), bool(flags & _RVE), bool(flags & _FLOAT_ABI))


def check_for_vpr(path: Path, build: RiscVBuild) -> None:
    """Check that a VPR can run what a file was built for.

    Raises:
        FirmwareError: it uses the registers x16 to x31, or an extension that the engine does not have.
    """
    if build.base == "i" or not build.is_rve:
        raise FirmwareError(
            f"{path}: built for RV32I, with 32 registers; the VPR has the 16 of RV32E: build it with "
            f"CONFIG_RISCV_ISA_RV32E=y, or {_MARCH}"
        )
    if build.floats:
        raise FirmwareError(
            f"{path}: passes arguments in floating-point registers, which the VPR does not have: build it with "
            f"CONFIG_FPU=n, or {_MARCH}"
        )
    foreign = [name for name in build.extensions if name not in _KNOWN]
    if foreign:
        kconfig = ", ".join(f"CONFIG_RISCV_ISA_EXT_{name.upper()}=n" for name in foreign)
        raise FirmwareError(
            f"{path}: uses {', '.join(map(str.capitalize, foreign))}, instructions that the embedded engine does not "
            f"execute (it runs RV32E M C and Zicsr): build it with {kconfig}, or {_MARCH}"
        )


def _built_for(elf: ELFFile) -> tuple[str, list[str]]:
    """Return the base instruction set, and the extensions, that the file's attributes name; empty where none do."""
    section = elf.get_section_by_name(_SECTION)
    # Not by pyelftools: it loses its way where a number lies before the text, as in files of the GNU assembler.
    found = None if section is None else _ARCHITECTURE.search(section.data())
    text = "" if found is None else found[1].decode("ascii")
    base = _BASE.match(text)
    if base is None:
        return "", []
    return base[2], _EXTENSION.findall(text, base.end())
