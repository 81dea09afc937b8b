"""Regions that real instances wrote, at every step of their lives, tell their backend and generation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icbmsg_pair import A_TX, B_TX, Pair

from icmsg.config import BlockLayout, IcmsgMeConfig, InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for
from icmsg.ipc.recognise import RegionWriter, recognise

VECTORS = {
    vector["id"]: vector
    for vector in json.loads(
        (Path(__file__).parents[1] / "vectors/icbmsg-vectors.json").read_text(encoding="utf-8")
    )["vectors"]
}
GENERATIONS = {"L36": "3.6", "L41": "4.1", "R": "rework"}
APP, NET = Region(0x2007_0000, 0x800), Region(0x2007_8000, 0x800)


def region_of(vector: dict[str, Any], way: str, step: int = -1) -> tuple[MemoryBus, Region]:
    place = vector[f"region_{way}"]
    address = int(place["address"], 16)
    memory = bytearray.fromhex(vector["steps"][step][f"region_{way}_hex"])
    base = address & ~3
    return MemoryBus(bytearray(address - base) + memory, base=base), Region(address, place["size"])


def of_icmsg(config: Any, names: tuple[str, ...], message: bytes, count: int = 1) -> MemoryBus:
    """Return the memory of two sides after ``count`` messages each way."""
    bus, clock, ends = MemoryBus(bytearray(0x1_0000), base=APP.address), VirtualClock(), mailbox_pair()
    sides = [backend_for(bus, ends[0], clock, config), backend_for(bus, ends[1], clock, config.mirrored())]
    for end, side in zip(ends, sides, strict=True):
        end.on_signal = InterruptHandler(end, side).handle
    endpoints = [side.register_endpoint(EndpointConfig(name)) for name in names for side in sides]
    clock.settle()
    for _ in range(count):
        for endpoint in endpoints:
            endpoint.send(message)
        clock.settle()
    return bus


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("way", ["a_to_b", "b_to_a"])
def test_every_step_of_every_vector_tells_its_generation_or_nothing_wrong(name: str, way: str) -> None:
    vector = VECTORS[name]
    own, other = ("a_tx_blocks", "a_rx_blocks") if way == "a_to_b" else ("a_rx_blocks", "a_tx_blocks")
    for step in range(len(vector["steps"])):
        bus, region = region_of(vector, way, step)
        for blocks in (None, (vector[own], vector[other])):
            found = recognise(bus, region, blocks)
            if name == "B10" and found.backend == "icmsg":
                continue  # there, packets of other lengths were sent by hand
            assert found.backend in (None, "icbmsg"), step
            if found.backend:
                assert GENERATIONS[vector["generation"]] in found.generations, (step, found)


@pytest.mark.parametrize("generation", ["3.6", "4.1"])
def test_the_layouts_of_36_and_41_are_told_apart_where_they_differ(generation: Any) -> None:
    pair = Pair(generation=generation, dcache_alignment=32, blocks=(5, 7), fill=0xAA)
    pair.a.register("ep0")
    pair.b.register("ep0")
    pair.run()
    found = recognise(pair.bus, A_TX, (5, 7))
    assert (found.generations, found.is_certain, found.dcache_alignment) == ((generation,), True, 32)


def test_a_name_that_lies_beside_the_alignment_can_only_be_41() -> None:
    vector = VECTORS["B02"]
    told = {recognise(*region_of(vector, "a_to_b", step)).generations for step in range(len(vector["steps"]))}
    assert ("4.1",) in told


@pytest.mark.parametrize("generation", ["3.6", "4.1", "rework"])
@pytest.mark.parametrize("alignment", [0, 32])
def test_a_long_history_is_recognised_by_whoever_knows_the_numbers_of_blocks(
    generation: Any, alignment: int
) -> None:
    pair = Pair(generation=generation, dcache_alignment=alignment, blocks=(16, 18))
    ends = [side.register("ep0") for side in (pair.a, pair.b)]

    def shape(a: int, region: Region, blocks: tuple[int, int]) -> tuple[int, int, int]:
        """Return what the alignment decides: two of them may lay out a region alike."""
        layout = BlockLayout.of(
            generation, region.address, region.size, local=blocks[0], remote=blocks[1], dcache_alignment=a
        )
        return layout.queue_size, layout.blocks_offset, layout.block_size

    pair.run()
    for number in range(300):
        for end in ends:
            end.send(bytes([number % 251]) * (1 + number % 90))
        pair.run()
    for region, blocks in ((A_TX, (16, 18)), (B_TX, (18, 16))):
        found = recognise(pair.bus, region, blocks)
        assert found.backend == "icbmsg"
        assert generation in found.generations
        assert found.dcache_alignment is not None
        assert shape(found.dcache_alignment, region, blocks) == shape(alignment, region, blocks)


def test_the_rework_says_how_many_blocks_it_has() -> None:
    vector = VECTORS["R01"]
    found = recognise(*region_of(vector, "a_to_b", 2))
    assert (found.generations, found.is_certain) == (("rework",), True)
    assert found.verdict == "ICBMsg of Zephyr after 4.4, with 4 tx and 4 rx blocks"


@pytest.mark.parametrize("alignment", [0, 8, 32, 128])
@pytest.mark.parametrize("message", [b"hello", b"\x02\x00\x00\x00", b"\x01", bytes(40)])
def test_icmsg_is_not_taken_for_icbmsg(alignment: int, message: bytes) -> None:
    config = InstanceConfig(APP, NET, dcache_alignment=alignment)
    found = recognise(of_icmsg(config, ("ep",), message), APP)
    assert (found.backend, found.dcache_alignment) == ("icmsg", max(alignment, 4))


def test_icmsg_that_sends_control_messages_of_icbmsg_is_not_certain_to_be_that() -> None:
    found = recognise(of_icmsg(InstanceConfig(APP, NET), ("ep",), b"\x02\x00\x00"), APP)
    assert (found.backend, found.is_certain) == ("icbmsg", False)
    assert "or ICMsg whose messages look like its control messages" in found.verdict


def test_both_sides_of_icmsg_me_are_recognised() -> None:
    config = IcmsgMeConfig(InstanceConfig(APP, NET), "initiator")
    bus = of_icmsg(config, ("ep0", "ep1"), b"hello")
    for region in (APP, NET):
        found = recognise(bus, region)
        assert (found.backend, found.is_certain) == ("icmsg_me", False)


def test_what_has_only_bonded_may_be_any_of_them() -> None:
    found = recognise(of_icmsg(InstanceConfig(APP, NET), ("ep",), b"", 0), APP)
    assert (found.backend, found.dcache_alignment) == (None, 4)
    assert "ICMsg, icmsg_me, or ICBMsg of Zephyr 3.6 to 4.4" in found.verdict


@pytest.mark.parametrize(
    "header",
    ["", "100000ff", "110000ff", "100004ff", "10000001"],
    ids=["none", "good", "length", "block", "endpoint"],
)
def test_the_magic_of_the_rework_counts_only_behind_the_header_of_a_control_packet(header: str) -> None:
    memory = bytearray(256)
    packet = bytes.fromhex(header + "ab896745456789ab0400000004000000")
    memory[: len(packet)] = packet
    found = recognise(MemoryBus(memory), Region(0, 256))
    assert found.backend == ("icbmsg" if header == "100000ff" else None)


def test_entries_that_lead_nowhere_are_no_queue_of_the_rework() -> None:
    memory = bytearray(256)
    memory[:9] = bytes.fromhex("010000000000000009")
    assert recognise(MemoryBus(memory), Region(0, 256), (4, 4)).backend is None
    memory[8] = 2
    assert recognise(MemoryBus(memory), Region(0, 256), (4, 4)).backend is None
    memory[48 + 2 * 52 : 48 + 2 * 52 + 4] = bytes.fromhex("05000200")
    found = recognise(MemoryBus(memory), Region(0, 256), (4, 4))
    assert (found.generations, found.is_certain) == (("rework",), False)


@given(st.binary(min_size=16, max_size=300), st.none() | st.tuples(st.integers(0, 300), st.integers(0, 300)))
def test_any_bytes_get_an_answer_and_nothing_is_written(
    memory: bytes, blocks: tuple[int, int] | None
) -> None:
    buffer = bytearray(memory)
    found = recognise(MemoryBus(buffer), Region(0, len(memory) & ~3), blocks)
    assert isinstance(found, RegionWriter)
    assert buffer == memory


@pytest.mark.parametrize("fill", [0, 0xAA, 0xFF])
def test_memory_that_nobody_wrote_has_no_traces(fill: int) -> None:
    found = recognise(MemoryBus(bytearray([fill]) * 0x800), Region(0, 0x800), (16, 18))
    assert found.backend is None
    assert found.verdict.startswith("no traces")
