"""Files of scripts that are somewhere else: ``@https://…``, kept in the user's cache as Renode keeps them."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import platformdirs

from icmsg.engines.renode.download import download
from icmsg.errors import EngineNotAvailableError, MonitorError
from icmsg.inputs import fetched as fetched_place
from icmsg.limits import IMAGE_BYTES

_PINNED: Final = re.compile(r"-s_(?P<size>[0-9]+)-(?P<sha1>[0-9a-f]{40})(?:\.gz)?$")
"""End of Antmicro's addresses: size and SHA-1 of the file."""


@dataclass(frozen=True, slots=True)
class _Pin:
    file: str
    url: str
    size: int | None
    sha256: str | None = None


def is_address(text: str) -> bool:
    """Tell whether a path is an address of the Web."""
    return text.startswith(("http://", "https://"))


def fetched(url: str) -> Path:
    """Return the file at an address, out of the cache if it is there; one that ends in ``.gz`` is unpacked.

    Raises:
        MonitorError: it cannot be had, is too large, or is not what its address says.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "file"
    folder = Path(platformdirs.user_cache_path("icmsg")) / "downloads"
    place = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name.removesuffix('.gz')}"
    for_reader = fetched_place(place)
    if place.is_file() or for_reader != place:  # one that is not in a snapshot is not fetched for it
        return for_reader
    pinned = _PINNED.search(url)
    part = place.with_name(f"{place.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        download(_Pin(name, url, int(pinned["size"]) if pinned else None), part, _limited)
        _check(part, pinned["sha1"] if pinned else None)
        if url.endswith(".gz"):
            _unpack(part)
        part.replace(place)
    except EngineNotAvailableError as error:
        raise _failed(url, str(error.__cause__ or error)) from None
    except OSError as error:
        raise _failed(url, f"{folder}: {error.strerror or error}") from None
    return for_reader


def _limited(there: int, _expected: int | None) -> None:
    if there > IMAGE_BYTES:
        raise OSError(f"it has more than {IMAGE_BYTES} bytes")


def _check(part: Path, sha1: str | None) -> None:
    if sha1 is not None and hashlib.sha1(part.read_bytes(), usedforsecurity=False).hexdigest() != sha1:
        part.unlink()
        raise OSError("its SHA-1 is not the one in its address; it was deleted")


def _unpack(part: Path) -> None:
    try:
        with gzip.open(part) as packed:
            data = packed.read(IMAGE_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        part.unlink()
        raise OSError(f"it cannot be unpacked: {error}") from None
    if len(data) > IMAGE_BYTES:
        part.unlink()
        raise OSError(f"it has more than {IMAGE_BYTES} bytes unpacked")
    part.write_bytes(data)


def _failed(url: str, why: str) -> MonitorError:
    return MonitorError(
        f"Failed to download {url}, see log for details.\n{why}\nFetch it yourself, and name the file instead: @FILE"
    )
