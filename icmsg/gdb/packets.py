"""Packets of the remote serial protocol: ``$data#checksum``, acknowledgements, escapes, and the interrupt byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST: Final = 0x1000
"""Bytes of the largest packet in either direction, escapes included."""
INTERRUPT: Final = b"\x03"
_START, _END, _ESCAPE, _FLIP = b"$", b"#", 0x7D, 0x20
_CHECKSUM: Final = 3
"""Bytes from the end mark on."""
_ESCAPED: Final = frozenset(b"#$}*")


def frame(data: bytes) -> bytes:
    """Return a packet with its escapes and checksum."""
    body = bytearray()
    for byte in data:
        if byte in _ESCAPED:
            body += bytes((_ESCAPE, byte ^ _FLIP))
        else:
            body.append(byte)
    return b"$%s#%02x" % (bytes(body), sum(body) & 0xFF)


class Corrupt(bytes):
    """Contents of a packet whose checksum is wrong."""

    __slots__ = ()


class GdbPacketReader:
    """Packets out of a stream of bytes of which some, or all, may be garbage; it keeps one packet at most."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream."""
        self._bytes += data

    @property
    def kept(self) -> int:
        """The number of bytes that wait."""
        return len(self._bytes)

    def packets(self) -> Iterator[bytes]:
        """Yield what has arrived: packets, corrupt ones, and :data:`INTERRUPT`; acknowledgements are skipped."""
        kept = self._bytes
        while kept:
            if kept[:1] == INTERRUPT:
                del kept[:1]
                yield INTERRUPT
                continue
            if kept[:1] != _START:
                places = [place for mark in (_START, INTERRUPT) if (place := kept.find(mark)) > 0]
                del kept[: min(places, default=len(kept))]
                continue
            end = kept.find(_END, 1, LARGEST + 1)
            if end < 0:
                if len(kept) <= LARGEST:
                    return
                del kept[:1]  # no packet is that large: look for the next one
                continue
            if len(kept) < end + _CHECKSUM:
                return
            body, checksum = bytes(kept[1:end]), bytes(kept[end + 1 : end + _CHECKSUM])
            del kept[: end + _CHECKSUM]
            yield _unescaped(body) if _matches(body, checksum) else Corrupt(body)


def _matches(body: bytes, checksum: bytes) -> bool:
    try:
        return int(checksum, 16) == sum(body) & 0xFF
    except ValueError:
        return False


def _unescaped(body: bytes) -> bytes:
    if _ESCAPE not in body:
        return body
    data = bytearray()
    flip = 0
    for byte in body:
        if byte == _ESCAPE and not flip:
            flip = _FLIP
        else:
            data.append(byte ^ flip)
            flip = 0
    return bytes(data)
