"""The stubs' bonding, run on this machine against Zephyr's memory images."""

from __future__ import annotations

import ctypes
import errno
from typing import Any

import pytest
from native_stub import Icmsg, Region, vectors

EBADMSG_OF_ZEPHYR = 77
BY_ID = {v["id"]: v for v in vectors("icmsg")}
MAGIC = b"Em1l1K0rn3li4"


class Peer:
    """One side of a link over two regions."""

    def __init__(self, stub: ctypes.CDLL, tx: Region, rx: Region, alignment: int = 0) -> None:
        self._lib = stub
        self._regions = tx, rx  # C holds only their addresses
        self.icmsg = Icmsg()
        self._at = ctypes.byref(self.icmsg)
        for pbuf, region in ((self.icmsg.tx, tx), (self.icmsg.rx, rx)):
            result = stub.pbuf_init(ctypes.byref(pbuf), region.address, region.size, alignment, False)
            assert result == 0

    def open(self) -> int:
        return int(self._lib.icmsg_open(self._at))

    def bond(self) -> tuple[int, int]:
        """Return C's result and the announced length."""
        scratch, announced = ctypes.create_string_buffer(256), ctypes.c_uint32()
        result = self._lib.icmsg_bond(self._at, scratch, len(scratch), ctypes.byref(announced))
        return int(result), announced.value

    def send(self, data: bytes) -> int:
        return int(self._lib.pbuf_write(ctypes.byref(self.icmsg.tx), data, len(data)))

    def receive(self) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = self._lib.pbuf_read(ctypes.byref(self.icmsg.rx), buffer, len(buffer))
        return buffer.raw[:length]


def pair(stub: ctypes.CDLL, size: int = 128, alignment: int = 0) -> tuple[Region, Region, Peer, Peer]:
    ab, ba = Region(size), Region(size)
    return ab, ba, Peer(stub, ab, ba, alignment), Peer(stub, ba, ab, alignment)


@pytest.mark.skipif("I01" not in BY_ID, reason="tests/vectors/icmsg-vectors.json is not there")
def test_bonding_leaves_the_bytes_that_zephyr_leaves_at_every_step(stub: ctypes.CDLL) -> None:
    steps = BY_ID["I01"]["steps"]
    ab, ba, a, b = pair(stub, BY_ID["I01"]["region_size"])

    def same_as(step: dict[str, Any]) -> None:
        assert (ab.hex, ba.hex) == (step["region_a_to_b_hex"], step["region_b_to_a_hex"]), step["op"]
        states = {"OFF": 0, "BUSY": 1, "READY": 2}
        assert (a.icmsg.state, b.icmsg.state) == (states[step["a_state"]], states[step["b_state"]])

    def after(event: str) -> dict[str, Any]:
        return next(s for s in steps if s["op"].startswith(event) or [event] in s["b_events"] + s["a_events"])

    same_as(steps[0])
    assert a.open() == 0
    same_as(after("a.open"))
    assert b.open() == 0
    same_as(after("b.open"))
    assert b.bond() == (1, len(MAGIC))
    same_as(next(s for s in steps if ["bound"] in s["b_events"]))
    assert a.bond() == (1, len(MAGIC))
    same_as(next(s for s in steps if ["bound"] in s["a_events"]))
    assert a.send(bytes([1, 2, 3, 4, 5])) == 5
    same_as(after("a.send"))
    assert b.receive() == bytes([1, 2, 3, 4, 5])
    same_as(steps[-1])


@pytest.mark.parametrize("alignment", [0, 4, 8, 32])
def test_data_behind_the_magic_waits_for_the_bond(stub: ctypes.CDLL, alignment: int) -> None:
    _, _, a, b = pair(stub, 128, alignment)
    a.open()
    b.open()
    assert a.bond()[0] == 1
    a.send(b"early")
    assert b.bond()[0] == 1
    assert b.receive() == b"early"


def test_without_a_packet_nothing_is_bound(stub: ctypes.CDLL) -> None:
    _, _, a, _ = pair(stub)
    a.open()
    assert a.bond() == (0, 0)
    assert a.icmsg.state == 1


@pytest.mark.parametrize("packet", [b"x", MAGIC[:-1], b"F" + MAGIC[1:], MAGIC[:-1] + b"5"])
def test_a_wrong_magic_is_consumed_and_a_later_one_still_binds(stub: ctypes.CDLL, packet: bytes) -> None:
    ab, ba, a, b = pair(stub)
    a.open()
    b.open()
    ba_writer = Peer(stub, ba, ab)
    ba_writer.open()
    ba_writer.icmsg.tx.own = 0
    ba_writer.send(packet)
    ba_writer.send(MAGIC)
    assert a.bond() == (-EBADMSG_OF_ZEPHYR, len(packet))
    assert a.icmsg.state == 1
    assert a.bond() == (1, len(MAGIC))


def test_a_longer_packet_that_begins_with_the_magic_binds_as_in_zephyr_since_3_6(stub: ctypes.CDLL) -> None:
    _, ba, a, b = pair(stub)
    a.open()
    b.open()
    b.icmsg.tx.own = 0
    ba.poke(4, bytes(4))
    b.send(MAGIC + b"\x01")
    assert a.bond() == (1, len(MAGIC) + 1)


def test_a_corrupt_index_while_bonding_is_refused_and_bonding_goes_on(stub: ctypes.CDLL) -> None:
    _, ba, a, b = pair(stub)
    a.open()
    b.open()
    ba.poke(4, (0x1000).to_bytes(4, "little"))
    assert a.bond()[0] == -errno.EINVAL
    ba.poke(4, (20).to_bytes(4, "little"))
    assert a.bond()[0] == 1


def test_a_region_without_room_for_the_magic_cannot_be_opened(stub: ctypes.CDLL) -> None:
    _, _, a, _ = pair(stub, 24)
    assert a.open() == -errno.ENOMEM


def test_opening_again_starts_from_scratch(stub: ctypes.CDLL) -> None:
    ab, ba, a, b = pair(stub)
    a.open()
    b.open()
    fresh = ab.hex, ba.hex
    a.bond()
    b.bond()
    a.send(b"old")
    a.open()
    b.open()
    assert (a.icmsg.state, b.icmsg.state) == (1, 1)
    assert (ab.hex[:56], ba.hex[:56]) == (fresh[0][:56], fresh[1][:56])
    assert (a.bond()[0], b.bond()[0]) == (1, 1)
    assert (a.receive(), b.receive()) == (b"", b"")
