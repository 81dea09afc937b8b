"""What Zephyr's own ICBMsg does, step by step: returns, events, and both regions byte by byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from icbmsg_pair import Pair, Side
from looped import for_each

from icmsg.config import ZEPHYR_DEFECTS, Region
from icmsg.errors import IpcError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "icbmsg-vectors.json").read_text())["vectors"]
BY_ID = {vector["id"]: vector for vector in VECTORS}
GENERATIONS = {"L36": "3.6", "L41": "4.1", "R": "rework"}

CONTROL_LENGTH = 3
"""Zephyr 4.1's send_nocopy and release_rx_buffer return the length of the control message."""


def region(vector: dict[str, Any], name: str) -> Region:
    of = vector[name]
    return Region(int(of["address"], 0), of["size"])


def build(vector: dict[str, Any]) -> Pair:
    generation = GENERATIONS[vector["generation"]]
    layout = vector["layout_a_to_b"]
    options: dict[str, Any] = {}
    if generation == "rework":
        # R14 has the order of pull request 117494.
        defects = ZEPHYR_DEFECTS - {"deaf-start"} if vector["id"] == "R14" else ZEPHYR_DEFECTS
        options = {"slots": layout["slots"], "defects": defects, "rings_back": False}
    a_tx, b_tx = region(vector, "region_a_to_b"), region(vector, "region_b_to_a")
    counts = layout["block_count"], vector["layout_b_to_a"]["block_count"]
    b: dict[str, Any] = {}
    if vector["id"] == "R13":
        b = {"tx_blocks": 3}  # the title says so only in words
    if vector["id"] == "R05":
        options["num_ep"] = 2
    return Pair(
        a_tx=a_tx,
        b_tx=b_tx,
        blocks=counts,
        fill=int(vector["initial_fill"], 16),
        latch="lost" not in str([step["events"] for step in vector["steps"]]),
        dcache_alignment=vector["dcache_alignment"],
        generation=generation,
        signalling="ring-back",  # also of the transcription of 3.6
        refused="leak",
        b=b,
        **options,
    )


def act(pair: Pair, op: str, step: dict[str, Any]) -> object:
    if op == "initial":
        for side in (pair.a, pair.b):
            if side.config.generation == "rework":
                side.instance.init()
        return None
    if match := re.match(r"raw control message ([0-9a-f]+) from A", op):
        pair.a.instance._channel.context.writer.write(bytes.fromhex(match[1]))
        pair.a.instance._channel.ring()
        pair.log.clear()
        return None
    if match := re.match(r"write ([0-9a-f]+) at (0x[0-9a-f]+)", op):
        pair.bus.write_block(int(match[2], 16), bytes.fromhex(match[1]))
        return None
    if op == "A restarts: init and open":
        pair.a.restart()
        pair.a.instance.open()
        return 0
    match = re.fullmatch(r"([ab])\.(\w+)(?:\((.*)\))?", op)
    assert match is not None, op
    side = pair.side(match[1])
    arguments = [part.strip() for part in match[3].split(",")] if match[3] else []
    return ACTIONS[match[2]](side, *arguments)


def get(side: Side, index: str, size: str) -> int:
    side.buffers.append(side.by_index[int(index)].get_tx_buffer(int(size)))
    return 0


def fill(side: Side, buffer: str, data: str) -> None:
    side.buffers[int(buffer)].write(bytes.fromhex(data))


def register(side: Side, name: str, prio: str = "0") -> int:
    known = [endpoint for endpoint in side.by_index.values() if endpoint.name == name]
    if known and side.config.generation != "rework":
        side.instance.register_endpoint(known[0].config)
    else:
        side.register(name, int(prio))
    if side.config.generation == "rework":
        side.instance.tell_bound_endpoints()  # Zephyr does it inside of register_endpoint
    return 0


def hold(side: Side, on: str) -> None:
    side.holds = on == "1"


ACTIONS: dict[str, Any] = {
    "open": lambda side: side.instance.open() or 0,
    "close": lambda side: side.instance.close() or 0,
    "run": lambda side: side.run(),
    "reg": register,
    "dereg": lambda side, index: side.by_index[int(index)].deregister() or 0,
    "rereg": lambda side, index: side.by_index[int(index)].reopen() or 0,
    "send": lambda side, index, data: side.by_index[int(index)].send(bytes.fromhex(data)),
    "get": get,
    "fill": fill,
    "nocopy": lambda side, index, buffer, size: (
        side.by_index[int(index)].send_nocopy(side.buffers[int(buffer)], int(size))
        and (int(size) if side.config.generation == "rework" else CONTROL_LENGTH)
    ),
    "drop": lambda side, index, buffer: (
        side.by_index[int(index)].drop_tx_buffer(side.buffers[int(buffer)]) or 0
    ),
    "hold": hold,
    "release": lambda side, index, buffer: (
        side.by_index[int(index)].release_rx_buffer(side.held[int(buffer)], again=True)
        or (0 if side.config.generation == "rework" else CONTROL_LENGTH)
    ),
}


def replay(vector: dict[str, Any]) -> None:
    pair = build(vector)
    for number, step in enumerate(vector["steps"]):
        op = step["op"]
        where = f"{vector['id']} step {number}: {op}"
        expected = step.get("expect_return")
        if isinstance(expected, int) and expected < 0:
            with pytest.raises(IpcError) as caught:
                act(pair, op, step)
            assert caught.value.errno == -expected, where
        else:
            result = act(pair, op, step)
            assert expected is None or result == expected, where
        if "buffer_offset" in step:
            buffer = pair.side(op[0]).buffers[-1]
            assert buffer.address - pair.side(op[0]).config.tx_region.address == step["buffer_offset"], where
            assert buffer.size == step["len"], where
        events = [event.replace(", lost", "") for event in step["events"]]
        complaints = [event for event in events if event.startswith(("error log", "assert"))]
        assert pair.take() == [event for event in events if event not in complaints], where
        reported = pair.a.take_errors() + pair.b.take_errors()
        # What a call returns as an error is raised and not reported.
        assert bool(reported) == bool(complaints and ".run" in op), f"{where}: {reported}"
        assert pair.a_to_b.hex() == step["region_a_to_b_hex"], where
        assert pair.b_to_a.hex() == step["region_b_to_a_hex"], where
        pair.assert_guards()


@for_each("vector", BY_ID.values(), ids=BY_ID)
def test_every_step_has_zephyrs_returns_events_and_bytes(vector: dict[str, Any]) -> None:
    replay(vector)


def test_all_vectors_are_replayed() -> None:
    assert len(BY_ID) == 22


@for_each("vector", BY_ID.values(), ids=BY_ID)
def test_the_layout_of_both_regions_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    config = build(vector).a.config
    for layout, expected in (
        (config.tx_layout, vector["layout_a_to_b"]),
        (config.rx_layout, vector["layout_b_to_a"]),
    ):
        assert layout.blocks_offset == expected["blocks_offset"]
        assert layout.block_size == expected["block_size"]
        assert layout.longest == expected["max_message"]
    if config.generation == "rework":
        assert config.tx_layout.queue_size == vector["layout_a_to_b"]["consumer_offset"]
    else:
        control = config.control.tx_layout
        assert (control.wr_idx_offset, control.data_offset, control.data_length) == tuple(
            vector["layout_a_to_b"][name] for name in ("wr_idx_offset", "data_offset", "data_len")
        )
        assert config.is_initiator is vector["a_is_initiator"]
        assert config.mirrored().is_initiator is vector["b_is_initiator"]
