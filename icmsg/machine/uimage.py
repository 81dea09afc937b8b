"""Images of U-Boot in their old form: a header of 64 bytes, then the data (``include/image.h`` of U-Boot)."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from icmsg.errors import FirmwareError
from icmsg.limits import LOADED_BYTES

_MAGIC: Final = 0x27051956
_HEADER: Final = struct.Struct(">7I4B32s")
_NONE, _GZIP = 0, 1
_BUFFERS: Final = 0x1F
"""``wbits`` of zlib that mean gzip."""


def read_uimage(image: bytes) -> tuple[int, int, bytes]:
    """Return entry, load address and data of an image.

    Raises:
        FirmwareError: it is none, a sum is wrong, or it is packed in a way that is not known here.
    """
    if len(image) < _HEADER.size or image[:4] != _MAGIC.to_bytes(4, "big"):
        raise FirmwareError("this is no image of U-Boot (it does not begin with 27 05 19 56)")
    _, header_sum, _, size, load, entry, data_sum, _, _, _, packed, _ = _HEADER.unpack_from(image)
    blank = image[:4] + bytes(4) + image[8 : _HEADER.size]
    if zlib.crc32(blank) != header_sum:
        raise FirmwareError("the sum of the header is wrong: the file is damaged")
    data = image[_HEADER.size : _HEADER.size + size]
    if len(data) != size or zlib.crc32(data) != data_sum:
        raise FirmwareError("the sum of the data is wrong: the file is damaged or cut")
    if packed == _GZIP:
        try:
            unpack = zlib.decompressobj(_BUFFERS)
            data = unpack.decompress(data, LOADED_BYTES)
        except zlib.error as error:
            raise FirmwareError(f"its data cannot be unpacked: {error}") from None
        if unpack.unconsumed_tail:
            raise FirmwareError(f"its data is more than {LOADED_BYTES} bytes unpacked")
    elif packed != _NONE:
        raise FirmwareError("its data is packed with something else than gzip: unpack it, and use LoadBinary")
    return entry, load, data
