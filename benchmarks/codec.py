"""Packets per second of writer and reader alone over a MemoryBus, next to C: ``python benchmarks/codec.py``.

One pair is one write and one read of a packet. The C is the packet buffer of the firmware stubs, called from Python
through cffi, and the same machine code through ctypes; both do the same work as Python's: they take a bytes object
and give one back. It needs cffi, setuptools and a C compiler, and is left out without them. Of many short runs the
fastest counts: the others were disturbed. The kinds take turns, so that what disturbs one disturbs all.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from icmsg.config import RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = 800
RUNS = 600
BASE = 0x2007_0000
REGION = 0x800
C_SOURCE = Path(__file__).parents[1] / "firmware_stubs" / "src"
C_DECLARATIONS = """
    struct pbuf { ...; };
    int pbuf_init(struct pbuf *pb, void *region, uint32_t size, uint32_t dcache_alignment, bool sessions);
    void pbuf_tx_init(struct pbuf *pb);
    void pbuf_rx_init(struct pbuf *pb);
    int pbuf_write(struct pbuf *pb, const void *packet, uint32_t n);
    int pbuf_read(struct pbuf *pb, void *buffer, uint32_t capacity);
"""


class Kind(NamedTuple):
    """Writes ``burst`` packets one by one, then reads them all."""

    write: Callable[[bytes], object]
    read: Callable[[], object]
    burst: int = 1


def seconds_of_run(kind: Kind, payload: bytes) -> float:
    """Return the time of one pair, in one run of PAIRS."""
    write, read, burst = kind
    start = time.perf_counter()
    if burst == 1:
        for _ in range(PAIRS):
            write(payload)
            read()
    else:
        for _ in range(PAIRS // burst):
            for _ in range(burst):
                write(payload)
            read()
    return (time.perf_counter() - start) / PAIRS


def check(kind: Kind, payload: bytes) -> None:
    """Every payload must come back."""
    for _ in range(kind.burst):
        kind.write(payload)
    assert kind.read() == (payload if kind.burst == 1 else [payload] * kind.burst)


class AnyBus(MemoryBus):
    """Memory whose accesses all go through the methods of the bus, as on an engine."""


def python_buffer(*, trust: bool = False, burst: int = 1, bus: type[MemoryBus] = MemoryBus) -> Kind:
    memory = bus(bytearray(REGION), base=BASE)
    layout = RegionLayout.pbuf(REGION)
    writer = PbufWriter(memory, BASE, layout, trust_known_space=trust)
    writer.tx_init()
    reader = PbufReader(memory, BASE, layout)
    return Kind(writer.write, reader.read if burst == 1 else reader.read_available, burst)


def load_c(folder: str) -> Any:
    """Build the firmware's pbuf for this host as a cffi module and import it."""
    from cffi import FFI

    builder = FFI()
    builder.cdef(C_DECLARATIONS)
    builder.set_source(
        "icmsg_pbuf_c",
        '#include "pbuf.h"',
        sources=[str(C_SOURCE / "pbuf.c")],
        include_dirs=[str(C_SOURCE)],
        extra_compile_args=["-O2"],
    )
    builder.compile(tmpdir=folder)
    sys.path.insert(0, folder)
    return importlib.import_module("icmsg_pbuf_c")


def c_buffer(module: Any) -> Kind:
    """Return write and read with the same signatures as in Python: bytes in, bytes out."""
    ffi, lib = module.ffi, module.lib
    region = ffi.new("uint32_t[]", REGION // 4)
    writer, reader = ffi.new("struct pbuf *"), ffi.new("struct pbuf *")
    assert lib.pbuf_init(writer, region, REGION, 0, False) == 0
    assert lib.pbuf_init(reader, region, REGION, 0, False) == 0
    lib.pbuf_tx_init(writer)
    lib.pbuf_rx_init(reader)
    buffer = ffi.new("uint8_t[]", REGION)
    view = ffi.buffer(buffer)
    c_write, c_read = lib.pbuf_write, lib.pbuf_read
    owner = region  # as long as the closures live

    def write(data: bytes) -> int:
        return c_write(writer, data, len(data))  # type: ignore[no-any-return]

    def read() -> bytes:
        assert owner
        size = c_read(reader, buffer, REGION)
        return view[:size]  # type: ignore[no-any-return]

    return Kind(write, read)


def ctypes_buffer(module: Any) -> Kind:
    """Return the same functions of the same library, found by ctypes."""
    library = ctypes.CDLL(module.__file__)
    size = module.ffi.sizeof("struct pbuf")
    region = (ctypes.c_uint32 * (REGION // 4))()
    writer, reader = (ctypes.c_uint64 * (size // 8 + 1))(), (ctypes.c_uint64 * (size // 8 + 1))()
    buffer = ctypes.create_string_buffer(REGION)
    c_write, c_read = library.pbuf_write, library.pbuf_read
    c_write.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32)
    c_read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
    for pbuf in (writer, reader):
        assert library.pbuf_init(pbuf, region, REGION, 0, ctypes.c_bool(False)) == 0
    library.pbuf_tx_init(writer)
    library.pbuf_rx_init(reader)
    view = memoryview(buffer)

    def write(data: bytes) -> int:
        return c_write(writer, data, len(data))  # type: ignore[no-any-return]

    def read() -> bytes:
        assert region
        return view[: c_read(reader, buffer, REGION)].tobytes()

    return Kind(write, read)


def main() -> None:
    kinds = {
        "Python, rd_idx at every write": python_buffer(),
        "Python, rd_idx when needed": python_buffer(trust=True),
        "Python, 8 writes, 1 read_available": python_buffer(burst=8),
        "Python, through the bus's methods": python_buffer(bus=AnyBus),
    }
    missing = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            module = load_c(folder)
        except Exception as error:  # cffi missing, no compiler, no headers: the figures of Python stand alone
            missing = f"C is left out: {type(error).__name__}: {error}"
        else:
            kinds["C of the stubs through cffi"] = c_buffer(module)
            kinds["C of the stubs through ctypes"] = ctypes_buffer(module)
        print(f"Python {sys.version.split()[0]}, best of {RUNS} runs of {PAIRS} write+read pairs")
        print(f"{'':<34} {'bytes':>5} {'pairs/s':>10} {'ns/pair':>8} {'MB/s':>6} {'of cffi':>8}")
        for size in (16, 100):
            report(kinds, bytes(range(size)))
    if missing:
        print(missing)


def report(kinds: dict[str, Kind], payload: bytes) -> None:
    best = dict.fromkeys(kinds, float("inf"))
    for kind in kinds.values():
        check(kind, payload)
    for _ in range(RUNS):
        for name, kind in kinds.items():
            best[name] = min(best[name], seconds_of_run(kind, payload))
    reference = best.get("C of the stubs through cffi")
    for name, seconds in best.items():
        size = len(payload)
        figures = f"{1 / seconds:>10,.0f} {seconds * 1e9:>8.0f} {size / seconds / 1e6:>6.1f}"
        ratio = f"{reference / seconds:>8.2f}" if reference else ""
        print(f"{name:<34} {size:>5} {figures} {ratio}")


if __name__ == "__main__":
    main()
