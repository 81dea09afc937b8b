"""Encoding of protocol buffers, as far as a writer of a few messages needs it (protobuf.dev, Encoding).

A library would bring classes for hundreds of messages that are loaded for half a second, and take three times as long
for each event; what is written here is checked against such classes by the tests.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

_VARINT, _FIXED64, _LENGTH = 0, 1, 2
_fixed64: Final = Struct("<Q").pack


def _encode(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


SMALL: Final = [_encode(value) for value in range(1 << 10)]
"""Numbers below :data:`SMALLEST_LONG` as :func:`varint` returns them, for who wants to save the call."""
SMALLEST_LONG: Final = len(SMALL)


def varint(value: int) -> bytes:
    """Return a whole number that is not negative.

    >>> varint(300).hex()
    'ac02'
    """
    return SMALL[value] if value < SMALLEST_LONG else _encode(value)


_PAIRS: Final = [bytes((value & 0x7F | 0x80, value >> 7 | 0x80)) for value in range(1 << 14)]
_LOW: Final = len(_PAIRS) - 1


def long_varint(value: int) -> bytes:
    """Return a number that is mostly a large one, in five bytes or more; leading zeroes mean nothing.

    >>> long_varint(300).hex()
    'ac82808000'
    """
    high = value >> 28
    last = SMALL[high] if high < SMALLEST_LONG else _encode(high)
    return _PAIRS[value & _LOW] + _PAIRS[value >> 14 & _LOW] + last


def tag(field: int, kind: int) -> bytes:
    """Return the key before a field's value."""
    return _encode(field << 3 | kind)


def number(field: int, value: int) -> bytes:
    """Return an integer, boolean or enumerated field."""
    return tag(field, _VARINT) + varint(value)


def fixed64(field: int, value: int) -> bytes:
    """Return a field of type fixed64."""
    return tag(field, _FIXED64) + _fixed64(value)


def data(field: int, value: bytes) -> bytes:
    """Return a field of bytes, or a message inside another one."""
    return tag(field, _LENGTH) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """Return a string field."""
    return data(field, value.encode())
