"""Packets per second of writer and reader alone over a MemoryBus, next to C: ``python benchmarks/codec.py``.

One pair is one write and one read of a packet. The C is the packet buffer of the firmware stubs, called from Python
through cffi; it needs cffi, setuptools and a C compiler, and is left out without them. Of many short runs the
fastest counts: the others were disturbed.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icmsg.config import RegionLayout
from icmsg.hw.memory_bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = 10_000
RUNS = 50
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


def seconds_per_pair(write: Callable[[bytes], object], read: Callable[[], bytes], payload: bytes) -> float:
    """Return the best time of one pair; every payload must come back."""
    write(payload)
    assert read() == payload
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        for _ in range(PAIRS):
            write(payload)
            read()
        best = min(best, time.perf_counter() - start)
    return best / PAIRS


def python_buffer(*, trust: bool) -> tuple[Callable[[bytes], object], Callable[[], bytes]]:
    bus = MemoryBus(bytearray(REGION), base=BASE)
    layout = RegionLayout.pbuf(REGION)
    writer = PbufWriter(bus, BASE, layout, trust_known_space=trust)
    writer.tx_init()
    return writer.write, PbufReader(bus, BASE, layout).read


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


def c_buffer(module: Any) -> tuple[Callable[[bytes], object], Callable[[], bytes]]:
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

    return write, read


def main() -> None:
    kinds = {
        "Python, rd_idx at every write": python_buffer(trust=False),
        "Python, rd_idx when needed": python_buffer(trust=True),
    }
    missing = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            kinds["C of the stubs through cffi"] = c_buffer(load_c(folder))
        except Exception as error:  # cffi missing, no compiler, no headers: the figures of Python stand alone
            missing = f"C is left out: {type(error).__name__}: {error}"
        print(f"Python {sys.version.split()[0]}, best of {RUNS} runs of {PAIRS} write+read pairs")
        print(f"{'':<30} {'bytes':>5} {'pairs/s':>10} {'ns/pair':>8} {'MB/s':>6}")
        for name, (write, read) in kinds.items():
            for size in (16, 100):
                seconds = seconds_per_pair(write, read, bytes(range(size)))
                figures = f"{1 / seconds:>10,.0f} {seconds * 1e9:>8.0f} {size / seconds / 1e6:>6.1f}"
                print(f"{name:<30} {size:>5} {figures}")
    if missing:
        print(missing)


if __name__ == "__main__":
    main()
