"""Writes the seed corpus, ``python fuzz/seeds.py``: the regions of the test vectors, short sessions, exchanges.

The format of an input is what the targets read; nothing else knows it.
"""

from __future__ import annotations

import json
from pathlib import Path

from bonding import MODES
from reading import ALIGNMENTS, CACHE_LINES
from target import ENDPOINTS, REGION

from icmsg.config import RegionLayout
from icmsg.ipc import MAGIC

CORPUS = Path(__file__).parent / "corpus"
VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "icmsg-vectors.json"

_PBUF, _SPSC, _WRITE, _IDENTIFY, _INSTANCE, _BOTH_WAYS = range(len(REGION))
_CLASSIC, _REWORK, _ICMSG_ME = range(len(ENDPOINTS))

_IDENTIFIED = 64
"""Size of the RX region in the inputs of the discriminator: 36 bytes, and 7 words more."""

# Moves of the instance target, in its order.
_OVERWRITE, _PEER_SENDS, _SHAKE, _PEER_RECEIVES, _RING, _WORK, _TIME, _SEND, _CALL = range(9)
_REGISTER, _DEREGISTER, _IDENTIFY_PEER, _FREE_SPACE, _REOPEN = 0, 2, 4, 5, 6


def main() -> None:
    """Write the corpus anew."""
    groups = {
        "region": {**_from_vectors(), **_writing(), **_sessions(), **_both_ways()},
        "endpoints": {**_blocks(), **_over_icmsg()},
    }
    for group, seeds in groups.items():
        (CORPUS / group).mkdir(parents=True, exist_ok=True)
        for old in (CORPUS / group).iterdir():
            old.unlink()
        for name, data in seeds.items():
            (CORPUS / group / name).write_bytes(data)


def _from_vectors() -> dict[str, bytes]:
    """Return two memories of each packet buffer vector, as inputs of the readers and the discriminator."""
    seeds: dict[str, bytes] = {}
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        dumps = [step["memory_after_hex"] for step in vector["steps"] if step.get("memory_after_hex")]
        if vector["kind"] != "pbuf" or not dumps:
            continue
        spsc = vector["generation"].startswith("v0")
        for name, dump in (("half", dumps[len(dumps) // 2]), ("end", dumps[-1])):
            memory = bytes.fromhex(dump)
            seeds[f"{vector['id']}-{name}-read"] = _reading(memory, vector["dcache_alignment"], spsc=spsc)
            if len(memory) == _IDENTIFIED:
                seeds[f"{vector['id']}-{name}-identify"] = bytes([_IDENTIFY, 1, 0, 7]) + memory
    return seeds


def _reading(memory: bytes, alignment: int, *, spsc: bool) -> bytes:
    """Return reads of ``memory``, and with pbuf a look at it from every other side."""
    if spsc:
        size = len(memory) - RegionLayout.spsc_pbuf(0, alignment).minimum_size
        return bytes([_SPSC, CACHE_LINES.index(alignment), size // 4]) + memory + bytes([2, 0, 0, 0, 1])
    size = len(memory) - RegionLayout.pbuf(0, alignment).minimum_size
    head = bytes([_PBUF, ALIGNMENTS.index(alignment), size // 4])
    return head + memory + bytes([3, 4, 5, 0, 0, 1, 2, 6, len(MAGIC) - 1]) + MAGIC


def _writing() -> dict[str, bytes]:
    """Return writes of several lengths with reads in between, for each writer."""
    write, read, free, poke = 0, 4, 6, 7
    lengths = (1, 5, 8, 10, 11, 3)
    moves = b"".join(bytes([write, 0x55, length, free, read]) for length in lengths * 3)
    broken = bytes([poke, 0b0001_0001]) + (0xFFFF_FFFC).to_bytes(4, "little") + bytes([write, 0x55, 3])
    names = ("pbuf", "pbuf-trusting", "spsc")
    return {
        f"write-{name}": bytes([_WRITE, kind, 0, 20, 0]) + moves + broken for kind, name in enumerate(names)
    }


def _both_ways() -> dict[str, bytes]:
    """Return writes and all ways to read, around the ring, and a broken index at the end."""
    write, read, read_available, look, initialise, peer = 0, 4, 7, 8, 9, 11
    sizes = (0, 3, 15, 4, 12, 7, 1, 30)
    around = b"".join(bytes([write, size, size, write, 0xFF, 2, look, read, 0]) for size in sizes)
    around += bytes([read_available, 0, write, 1, 15, read, 1, read, 2, read_available, 1])
    broken = bytes([peer, 0b0001, 2, 0, 0, 0, read, 0, look, initialise, look, read_available, 0])
    return {
        f"both-ways-{trust}-{alignment}": bytes([_BOTH_WAYS, trust, alignment, 20, 0]) + around + broken
        for trust, alignment in ((0, 0), (1, 0), (0, 3))
    }


def _sessions() -> dict[str, bytes]:
    """Return an exchange in every mode: open, bond, messages both ways, a broken index, close."""
    magic = bytes([_PEER_SENDS, 0b11, _RING, _WORK])
    handshake = bytes([_SHAKE, 0b11, _RING, _WORK, _SHAKE, 0b11, _RING, _WORK])
    messages = b"".join(
        bytes([_PEER_SENDS, 4 * (length - 1)]) + bytes([length] * length) + bytes([_RING, _WORK, _SEND])
        + bytes([length % 6]) + bytes([0xA0 + length] * (1, 4, 13, 20, 60, 100)[length % 6]) + bytes([_PEER_RECEIVES])
        for length in (1, 7, 20)
    )  # fmt: skip
    broken = bytes([_OVERWRITE, 0b0000_1011]) + (0x1_0000).to_bytes(4, "little") + bytes([_RING, _WORK])
    left = bytes([_SHAKE, 0b101, _RING, _WORK])
    calls = bytes(
        [_CALL, _FREE_SPACE, _CALL, _IDENTIFY_PEER, _CALL, _REOPEN, _RING, _WORK, _CALL, _DEREGISTER]
    )
    # The peer's index breaks right before the access with which the magic is sent: when opening, and when
    # mode detect falls back.
    break_index, leave_no_room = (bytes([_OVERWRITE, 0b0110]) + bytes([value, 0, 0, 0]) for value in (3, 4))
    seeds: dict[str, bytes] = {
        "many-reopens": bytes([_INSTANCE, 0, 30, 30, 1, 0]) + bytes([_CALL, _REOPEN]) * 250 + bytes([_WORK])
    }
    for mode in range(len(MODES)):
        bond = handshake if MODES[mode].get("unbound") == "enable" else magic
        for reactions in (0, 2):
            head = bytes([_INSTANCE, mode, 30, 30, 1, reactions, _CALL, _REGISTER, _WORK])
            seeds[f"mode{mode}-{reactions}"] = (
                head + bond + messages + broken + left + calls + bytes([_TIME, 9])
            )
        head = bytes([_INSTANCE, mode, 30, 30, 1, 0])
        signalled = bytes([_CALL, _REGISTER, _WORK, _PEER_SENDS, 0b11, _RING])
        for name, poke in (("broken", break_index), ("no-room", leave_no_room)):
            seeds[f"mode{mode}-{name}-open"] = head + poke + bytes([2, _CALL, _REGISTER, _WORK])
            seeds[f"mode{mode}-{name}-bond"] = head + signalled + poke + bytes([4, _WORK])
    return seeds


# Moves of every game with several endpoints, in its order; behind them its own ones.
_OTHERS, _PEER_RINGS, _RUN, _PASS, _ADD, _SEND_AT, _CALL_OF = range(7)
_BUFFERS, _STARTS, _NAMES, _DATA, _RELEASES = range(7, 12)
_ME_STARTS, _ME_NAMES, _ME_DATA = range(7, 10)


def _blocks() -> dict[str, bytes]:
    """Return an exchange of each layout and role: bind, data both ways, buffers, holding, a damaged block."""
    added = bytes([_ADD, 0, _ADD, 1, _STARTS])
    buffers = bytes([_BUFFERS, 6, 4, 0, _BUFFERS, 9, 4, _BUFFERS, 6, 0, 0, _BUFFERS, 5, 0, _BUFFERS, 2, 6, 0])
    refused = bytes([_SEND_AT, 7, 8, 0, _RUN, _DATA, 3, 1, 0xA5, 1, _RELEASES, 1, _RUN])
    damaged = bytes([_OTHERS, 0b0011_0011, 1]) + (0x1_0000).to_bytes(4, "little") + bytes([_PEER_RINGS, _RUN])
    # The peer takes away what the application is still to be told that it is bound.
    waits = bytes([_CALL_OF, 2, _STARTS, 0, _RUN, _NAMES, 3, 0, 0, _RUN])
    overtakes = bytes([_NAMES, 2, 0, 0, _ADD, 0, _RUN])
    seeds = {"rework-overtaken": bytes([_REWORK, 0, 1, 12, 0, 0, 1, 0]) + waits + overtakes}
    for reactions in (0, 2, 4, 8):
        for observed in (1, 3):
            rest = bytes([observed, reactions])
            ends = bytes(
                [_RELEASES, 1, _RELEASES, 1, _RUN, _PASS, 90, _BUFFERS, 0, 0, _CALL_OF, 3 + 8, 0, _RUN]
            )
            for kind in (0, 1):
                for role in (0, 1):
                    named = (
                        bytes([_RUN, _NAMES, 0, 0, 0, 0, _RUN, _NAMES, 1, 0, 1, 1, _RUN])
                        if role
                        else bytes([_RUN, _NAMES, 0, 1, _RUN, _NAMES, 1, 3, _RUN])
                    )
                    data = b"".join(
                        bytes(
                            [
                                _SEND_AT,
                                7,
                                size,
                                size & 1,
                                _DATA,
                                size & 1,
                                size & 3,
                                0xA5,
                                size,
                                _RELEASES,
                                1,
                                _RUN,
                            ]
                        )
                        for size in range(6)
                    )
                    head = bytes([_CLASSIC, kind, role, 12, 0, 0]) + rest + added
                    seeds[f"classic-{kind}-{role}-{reactions}-{observed}"] = (
                        head + named + data + refused + buffers + damaged + ends
                    )
            named = bytes([0, _RUN, _NAMES, 3, 0, 0, _RUN, _NAMES, 5, 1, 1, _RUN])
            gone = bytes([_NAMES, 2, 0, 0, _RUN, _CALL_OF, 3 + 8, 1, _RUN])
            for choice in (0, 1, 4, 8):
                head = bytes([_REWORK, choice, 1, 12, 0, 0]) + rest + added
                data = b"".join(
                    bytes([_SEND_AT, 7, size, size & 1, _DATA, size & 1, size & 3, 0xA5, size, _RELEASES, 1])
                    for size in range(6)
                )
                seeds[f"rework-{choice}-{reactions}-{observed}"] = (
                    head + named + data + refused + buffers + damaged + gone + ends
                )
    return seeds


def _over_icmsg() -> dict[str, bytes]:
    """Return an exchange of both roles in the modes that icmsg_me has."""
    seeds: dict[str, bytes] = {}
    for mode in range(4):
        for role in (0, 1):
            named = bytes([_ME_NAMES, 1 - role, 1, *(() if role else (0,)), _RUN, _ME_NAMES, 1 - role, 2])
            named += bytes([] if role else [1]) + bytes([_RUN])
            data = b"".join(
                bytes([_SEND_AT, 7, size, size & 1, _RUN, _ME_DATA, size & 1, 0xA5, size])
                for size in range(6)
            )
            head = bytes([_ICMSG_ME, mode, 40, 40, role, 3, 2 * (mode & 1)])
            seeds[f"me-{mode}-{role}"] = head + bytes([_ADD, 0, _ADD, 1, _ME_STARTS, _RUN]) + named + data
    return seeds


if __name__ == "__main__":
    main()
