"""The stubs' C code that needs no hardware, compiled for this machine and called through ctypes."""

from __future__ import annotations

import ctypes
import errno
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
STUBS = TESTS.parent / "firmware_stubs"
VECTORS = TESTS / "vectors" / "icmsg-vectors.json"
SOURCES = ("pbuf.c", "icmsg.c", "first_packet.c", "session.c", "payload.c")
WORD = re.compile(r"^\tuint32_t (\w+)(?:\[(\d+)\])?;", re.MULTILINE)
GUARD = b"\x5a" * 64

# UBSan ends the process at the first undefined operation: these tests are its only clean run.
FLAGS = (
    "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
    "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error",
)  # fmt: skip


def compiler() -> str | None:
    """Return the host's C compiler, or None."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compile_stub(directory: Path) -> ctypes.CDLL:
    """Compile and load the library; its functions take and return what the headers say."""
    cc = compiler()
    assert cc is not None
    library = directory / "stub.so"
    sources = [str(STUBS / "src" / name) for name in SOURCES]
    subprocess.run([cc, *FLAGS, *sources, "-o", str(library)], check=True)
    lib = ctypes.CDLL(str(library))
    u32, pointer = ctypes.c_uint32, ctypes.c_void_p
    for name, result, arguments in (
        ("pbuf_init", ctypes.c_int, [pointer, pointer, u32, u32, ctypes.c_bool]),
        ("pbuf_capacity", u32, [pointer]),
        ("pbuf_tx_init", None, [pointer]),
        ("pbuf_rx_init", None, [pointer]),
        ("pbuf_write", ctypes.c_int, [pointer, pointer, u32]),
        ("pbuf_read", ctypes.c_int, [pointer, pointer, u32]),
        ("icmsg_open", ctypes.c_int, [pointer]),
        ("icmsg_bond", ctypes.c_int, [pointer, pointer, u32, pointer]),
        ("first_packet_is", ctypes.c_bool, [pointer, pointer, u32]),
        ("session_init", None, [pointer, pointer, ctypes.c_bool]),
        ("session_open", None, [pointer]),
        ("session_bond", ctypes.c_int, [pointer, pointer, u32, pointer]),
        ("session_read", ctypes.c_int, [pointer, pointer, u32]),
        ("session_write", ctypes.c_int, [pointer, pointer, u32]),
        ("session_close", None, [pointer]),
        ("payload_make", u32, [pointer, u32, pointer]),
        ("payload_is", ctypes.c_bool, [pointer, u32, pointer, u32]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def vectors(kind: str) -> list[dict[str, Any]]:
    """Return the vectors of one kind; none if the file is not there."""
    if not VECTORS.is_file():
        return []
    return [v for v in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"] if v["kind"] == kind]


def errno_of(name: str) -> int:
    """Return the negative number for ``"-EINVAL"`` and the like."""
    return -int(getattr(errno, name.removeprefix("-")))


def words_of_struct(header: str, struct: str) -> list[tuple[int, str]]:
    """Return offset and name of every word of a struct that a host reads or writes."""
    text = (STUBS / "src" / header).read_text(encoding="utf-8")
    body = text.partition(f"struct {struct} {{")[2].partition("};")[0]
    words, offset = [], 0
    for name, count in WORD.findall(body):
        words.append((offset, name))
        offset += 4 * int(count or 1)
    assert offset == 128
    return words


class Pbuf(ctypes.Structure):
    """``struct pbuf``."""

    _fields_ = (
        ("rd_idx", ctypes.c_void_p),
        ("wr_idx", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_uint32),
        ("own", ctypes.c_uint32),
    )


class Icmsg(ctypes.Structure):
    """``struct icmsg``."""

    _fields_ = (("tx", Pbuf), ("rx", Pbuf), ("state", ctypes.c_int))


class Session(ctypes.Structure):
    """``struct session``."""

    _fields_ = (
        ("ic", ctypes.c_void_p),
        ("own_word", ctypes.c_void_p),
        ("peer_word", ctypes.c_void_p),
        ("local_sid", ctypes.c_uint32),
        ("remote_sid", ctypes.c_uint32),
        ("state", ctypes.c_int),
        ("detect", ctypes.c_bool),
        ("ring", ctypes.c_bool),
    )


class Region:
    """``size`` bytes of memory at a multiple of 64, with guard bytes around it."""

    def __init__(self, size: int, fill: int = 0) -> None:
        self._memory = ctypes.create_string_buffer(size + 2 * len(GUARD) + 64)
        start = ctypes.addressof(self._memory)
        offset = -start % 64 + len(GUARD)
        self.address = start + offset
        self.size = size
        self.bytes = (ctypes.c_ubyte * size).from_buffer(self._memory, offset)
        self._before = (ctypes.c_ubyte * len(GUARD)).from_buffer(self._memory, offset - len(GUARD))
        self._after = (ctypes.c_ubyte * len(GUARD)).from_buffer(self._memory, offset + size)
        self._before[:] = self._after[:] = list(GUARD)
        ctypes.memset(self.address, fill, size)

    def poke(self, offset: int, data: bytes) -> None:
        """Overwrite bytes, as a third party would."""
        ctypes.memmove(self.address + offset, data, len(data))

    @property
    def hex(self) -> str:
        """The contents; fails if a byte outside was written."""
        assert bytes(self._before) == bytes(self._after) == GUARD, "written outside the region"
        return bytes(self.bytes).hex()


class Side:
    """One side's pbuf on a region; ``result`` is what C returned."""

    def __init__(self, lib: ctypes.CDLL, region: Region, alignment: int = 0, sessions: bool = False) -> None:
        self._lib = lib
        self._region = region  # C holds only its address
        self.pbuf = Pbuf()
        self.at = self._at = ctypes.byref(self.pbuf)
        self.result: int = lib.pbuf_init(self._at, region.address, region.size, alignment, sessions)

    def tx_init(self) -> None:
        self._lib.pbuf_tx_init(self._at)

    def rx_init(self) -> None:
        self._lib.pbuf_rx_init(self._at)

    @property
    def capacity(self) -> int:
        return int(self._lib.pbuf_capacity(self._at))

    def write(self, data: bytes) -> int:
        return int(self._lib.pbuf_write(self._at, data, len(data)))

    def peek(self) -> int:
        return int(self._lib.pbuf_read(self._at, None, 0))

    def read(self, capacity: int = 65535) -> tuple[int, bytes]:
        """Return C's result and the bytes it stored; fails if it stored more than it said."""
        buffer = ctypes.create_string_buffer(b"\xee" * (capacity + 16), capacity + 16)
        result = int(self._lib.pbuf_read(self._at, buffer, capacity))
        stored = max(result, 0)
        assert buffer.raw[stored:].strip(b"\xee") == b"", "stored more than it returned"
        return result, buffer.raw[:stored]
