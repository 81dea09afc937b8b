"""The initiator's messages are what the README says, so that a host can make and check them too."""

from __future__ import annotations

import ctypes

from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

MASK = 0xFFFFFFFF
u32 = st.integers(0, MASK)


class Payload(ctypes.Structure):
    _fields_ = (("seed", ctypes.c_uint32), ("size_min", ctypes.c_uint32), ("sizes", ctypes.c_uint32))


def step(x: int) -> int:
    x ^= x << 13 & MASK
    x ^= x >> 17
    return x ^ x << 5 & MASK


def message(seed: int, size_min: int, size_max: int, n: int) -> bytes:
    """Follow the README, section "The initiator's messages"."""
    x = step((seed + n * 0x9E3779B9 & MASK) or 0x6D2B79F5)
    size = size_min + (x * (size_max - size_min + 1) >> 32)
    words = []
    for _ in range(-(-size // 4)):
        x = step(x)
        words.append(x.to_bytes(4, "little"))
    return b"".join(words)[:size]


def make(stub: ctypes.CDLL, payload: Payload, n: int) -> bytes:
    words = ctypes.create_string_buffer(payload.size_min + payload.sizes + 4)
    size = stub.payload_make(ctypes.byref(payload), n, words)
    return words.raw[:size]


@settings(deadline=None, max_examples=examples(200))
@given(seed=u32, n=u32, size_min=st.integers(1, 300), more=st.integers(0, 300))
def test_a_message_is_what_the_readme_computes(
    stub: ctypes.CDLL, seed: int, n: int, size_min: int, more: int
) -> None:
    made = make(stub, Payload(seed, size_min, more + 1), n)
    assert made == message(seed, size_min, size_min + more, n)
    assert size_min <= len(made) <= size_min + more


def test_the_one_start_value_that_never_changes_is_replaced(stub: ctypes.CDLL) -> None:
    assert make(stub, Payload(-0x9E3779B9 & MASK, 64, 1), 1).strip(b"\0") != b""


@settings(deadline=None, max_examples=examples(300))
@given(seed=u32, n=st.integers(0, 1000), size=st.integers(1, 70), data=st.data())
def test_every_changed_bit_and_every_changed_length_is_noticed(
    stub: ctypes.CDLL, seed: int, n: int, size: int, data: st.DataObject
) -> None:
    payload = Payload(seed, size, 8)
    made = make(stub, payload, n)

    def accepted(echo: bytes) -> bool:
        # What lies behind an echo in the buffer is left over from another message, and must not matter.
        words = ctypes.create_string_buffer(echo + b"\xa5" * 8, len(echo) + 8)
        return bool(stub.payload_is(ctypes.byref(payload), n, words, len(echo)))

    assert accepted(made)
    assert not accepted(made + b"\0")
    assert not accepted(made[:-1])
    bit = data.draw(st.integers(0, 8 * len(made) - 1))
    flipped = bytearray(made)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not accepted(bytes(flipped))
