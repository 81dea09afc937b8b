"""What Zephyr's own pbuf.c does, step by step, byte by byte (tests/vectors/icmsg-vectors.json)."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from icmsg.config import RegionLayout
from icmsg.errors import ConfigurationError, CorruptRegionError, WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

pytestmark = pytest.mark.usefixtures("both_ways")

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "icmsg-vectors.json").read_text())["vectors"]
BY_ID = {vector["id"]: vector for vector in VECTORS}
STEPWISE = [vector for vector in VECTORS if vector["kind"] == "pbuf" and vector["id"].startswith("P")]

BASE = 0x2007_0000
GUARD = 256

# Where this project rejects what Zephyr accepts (``project_behaviour``): the step from which on everything is
# refused with EINVAL while the memory keeps the image of the step before.
REJECTED_FROM = {"P14": 2, "P18": 4, "P20": 4}


class Bench:
    """A writer and a reader on one region with guard bytes on both sides."""

    def __init__(self, size: int, alignment: int, fill: int, *, handshake: bool, trust: bool) -> None:
        self.memory = bytearray(b"\x5c" * (size + 2 * GUARD))
        self.region = memoryview(self.memory)[GUARD : GUARD + size]
        self.region[:] = bytes([fill]) * size
        bus = MemoryBus(self.memory, base=BASE - GUARD)
        self.layout = RegionLayout.pbuf(size, alignment, handshake=handshake)
        self.writer = PbufWriter(bus, BASE, self.layout, trust_known_space=trust)
        self.reader = PbufReader(bus, BASE, self.layout)

    def run(self, step: dict[str, Any]) -> int | bytes:
        match step["op"]:
            case "writer.tx_init":
                self.writer.tx_init()
            case "reader.rx_init":
                self.reader.rx_init()
            case "writer.write":
                assert len(bytes.fromhex(step["data_hex"])) == step["length"]
                return self.writer.write(bytes.fromhex(step["data_hex"]))
            case "reader.read(NULL)":
                return self.reader.peek()
            case "reader.read":
                return self.reader.read(step["capacity"])
            case "poke":
                data = bytes.fromhex(step["data_hex"])
                self.region[step["offset"] : step["offset"] + len(data)] = data
            case other:
                raise AssertionError(f"unknown step {other}")
        return 0

    def assert_guards(self) -> None:
        size = len(self.region)
        assert self.memory[:GUARD] == self.memory[GUARD + size :] == b"\x5c" * GUARD


def test_the_file_holds_the_vectors_that_are_replayed() -> None:
    assert len(STEPWISE) >= 14
    assert {vector["id"] for vector in STEPWISE} >= set(REJECTED_FROM)
    for vector in STEPWISE:
        assert ("project_behaviour" in vector) == (vector["id"] in REJECTED_FROM)


@pytest.mark.parametrize("trust", [False, True], ids=["verify", "trust"])
@pytest.mark.parametrize("vector", STEPWISE, ids=lambda vector: vector["id"])
def test_every_step_leaves_zephyrs_bytes_and_result(vector: dict[str, Any], trust: bool) -> None:
    bench = Bench(
        vector["region_size"],
        vector["dcache_alignment"],
        int(vector["initial_fill"], 16),
        handshake=vector["handshake_word"],
        trust=trust,
    )
    assert bench.layout.wr_idx_offset == vector["wr_idx_offset"]
    assert bench.layout.data_offset == vector["data_offset"]
    assert bench.layout.data_length == vector["data_len"]
    rejected_from = REJECTED_FROM.get(vector["id"], len(vector["steps"]))
    image = ""
    for number, step in enumerate(vector["steps"]):
        if number >= rejected_from:
            with pytest.raises(CorruptRegionError) as caught:
                bench.run(step)
            assert caught.value.errno == errno.EINVAL
        else:
            image = step["memory_after_hex"]
            expected = step["expect_return"]
            if isinstance(expected, str):
                with pytest.raises(WireError) as refused:
                    bench.run(step)
                assert refused.value.errno_name == expected.removeprefix("-")
            elif "expect_data_hex" in step:
                assert bench.run(step) == bytes.fromhex(step["expect_data_hex"])
                assert len(step["expect_data_hex"]) == 2 * expected
            else:
                assert bench.run(step) == expected
        assert bench.region.hex() == image, f"step {number}: {step['op']}"
        bench.assert_guards()


@pytest.mark.parametrize("case", BY_ID["P23"]["steps"], ids=lambda case: "-".join(map(str, case.values())))
def test_a_layout_is_refused_where_zephyrs_init_refuses(case: dict[str, Any]) -> None:
    layout = RegionLayout.pbuf(
        case["region_size"], case["dcache_alignment"], handshake=case.get("handshake", False)
    )
    if "data_len" in case:
        assert layout.wr_idx_offset == case["wr_idx_offset"]
        assert layout.data_offset == case["data_offset"]
        assert layout.data_length == case["data_len"]
    address = BASE + case.get("address_offset", 0)
    bus = MemoryBus(bytearray(0x1000), base=BASE)
    if case["tx_init"] == 0:
        PbufWriter(bus, address, layout).tx_init()
        PbufReader(bus, address, layout).rx_init()
    else:
        for side in (PbufWriter, PbufReader):
            with pytest.raises(ConfigurationError):
                side(bus, address, layout)


@pytest.mark.parametrize("case", BY_ID["P24"]["steps"], ids=lambda case: str(case["region_size"]))
def test_the_largest_payload_fits_and_one_byte_more_does_not(case: dict[str, Any]) -> None:
    size = case["region_size"]
    largest = case["largest_payload"]
    bench = Bench(size, case["dcache_alignment"], 0, handshake=False, trust=False)
    assert bench.layout.data_length == case["data_len"]
    assert bench.writer.capacity == bench.layout.capacity == largest
    bench.writer.tx_init()
    assert bench.writer.free_space() == largest
    with pytest.raises(WireError) as refused:
        bench.writer.write(bytes(largest + 1))
    assert refused.value.errno == (errno.EINVAL if largest == 0xFFFF else errno.ENOMEM)
    payload = bytes(index % 251 for index in range(largest))
    assert bench.writer.write(payload) == largest
    assert bench.reader.read() == payload
