"""C and Python agree about every byte: either writes what the other reads, and both leave the same memory."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from native_stub import Region, Side

from icmsg.errors import WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter, RegionLayout

if TYPE_CHECKING:
    import ctypes

BASE = 0x2007_0000
geometry = st.sampled_from([(20, 0), (24, 8), (64, 0), (72, 8), (128, 32), (2048, 0)])
packets = st.lists(st.one_of(st.binary(min_size=1, max_size=70), st.none()), max_size=60)


class PythonSide:
    """Python's writer and reader on a region, with C's results."""

    def __init__(self, region: Region, alignment: int) -> None:
        bus = MemoryBus(region.bytes, base=BASE)
        layout = RegionLayout.pbuf(region.size, dcache_alignment=alignment)
        self._writer = PbufWriter(bus, BASE, layout)
        self._reader = PbufReader(bus, BASE, layout)
        self.tx_init = self._writer.tx_init
        self.rx_init = self._reader.rx_init

    def write(self, data: bytes) -> int:
        try:
            return self._writer.write(data)
        except WireError as error:
            return -error.errno

    def read(self) -> tuple[int, bytes]:
        data = self._reader.read() or b""
        return len(data), bytes(data)


@settings(deadline=None, max_examples=100)
@given(geometry=geometry, script=packets)
def test_all_four_pairs_of_writer_and_reader_give_the_same_results_and_bytes(
    stub: ctypes.CDLL, geometry: tuple[int, int], script: list[bytes | None]
) -> None:
    size, alignment = geometry
    regions = [Region(size, 0xAA) for _ in range(4)]
    pairs: list[tuple[Side | PythonSide, Side | PythonSide]] = [
        (Side(stub, regions[0], alignment), Side(stub, regions[0], alignment)),
        (Side(stub, regions[1], alignment), PythonSide(regions[1], alignment)),
        (PythonSide(regions[2], alignment), Side(stub, regions[2], alignment)),
        (PythonSide(regions[3], alignment), PythonSide(regions[3], alignment)),
    ]
    for writer, reader in pairs:
        writer.tx_init()
        reader.rx_init()
    for packet in script:
        if packet is None:
            results = {reader.read() for _, reader in pairs}
        else:
            results = {(writer.write(packet), b"") for writer, _ in pairs}
        assert len(results) == 1
        assert len({region.hex for region in regions}) == 1


def test_both_refuse_the_same_corrupt_indices_with_the_same_errno(stub: ctypes.CDLL) -> None:
    region = Region(64)
    for index in (1, 2, 3, 56, 60, 0x100, 0xFFFFFFFC, 0xFFFFFFFF):
        for writer in (Side(stub, region), PythonSide(region, 0)):
            writer.tx_init()
            region.poke(0, index.to_bytes(4, "little"))
            assert writer.write(b"x") == -errno.EINVAL
