"""Download of one file: it goes on where it stopped, and counts only once size and sum are right.

What has arrived is ``NAME.part``; a process that is killed leaves that and nothing else. Proxies are those of the
environment, as everywhere in Python (``https_proxy``, ``no_proxy``).

Files of scripts that are somewhere else: ``@https://…``, kept in the user's cache as Renode keeps them.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import re
import shutil
import ssl
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

import platformdirs

from icmsg.errors import EngineNotAvailableError, MonitorError
from icmsg.files import IMAGE_BYTES
from icmsg.files import fetched as fetched_place

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    Progress = Callable[[int, int | None], None]
    """Told how many bytes are there, and how many there will be as far as it is known."""

_CHUNK: Final = 256 * 1024
_SILENCE_S: Final = 30.0
_LARGEST: Final = 1 << 30
"""No release has a tenth of it; a server that sends more is not the one that was meant."""
_REQUESTED_RANGE_NOT_SATISFIABLE: Final = 416
_NETWORK: Final = (
    *(urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError),
    ValueError,  # a host, port or path that no request can have; also of a proxy, or of where a server leads to
)
_LONGEST_REASON: Final = 200
"""Characters of what a server says, which may be anything."""


class Pin(Protocol):
    """File with its place, size in bytes and SHA-256; None where nobody knows."""

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def sha256(self) -> str | None: ...  # noqa: D102


def download(pin: Pin, part: Path, progress: Progress) -> None:
    """Have all of ``pin`` in ``part``, of which a part may be there.

    Raises:
        EngineNotAvailableError: the server cannot be reached or refuses, or what it sent is not what is pinned; the
            text names the fix.
        OSError: the disk is full; what has arrived stays.
    """
    if not _is_download(pin.url):
        raise EngineNotAvailableError(f"{pin.url} is no address of a download: use https://…, or --from FILE")
    if pin.size is None and pin.sha256 is None:
        part.unlink(missing_ok=True)  # nobody could tell whether the rest belongs to it
    there = part.stat().st_size if part.exists() else 0
    if pin.size is None or there < pin.size:
        _check_room(part, (pin.size or 0) - there)
        try:
            _fetch(pin, part, there, progress)
        except _NETWORK as error:
            raise _unreachable(pin, part, error) from error
    verify(pin, part, remove=True)


def _is_download(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def verify(pin: Pin, path: Path, *, remove: bool = False) -> None:
    """Refuse a file that is not what is pinned; with ``remove`` also delete it, since no download can mend it.

    Raises:
        EngineNotAvailableError: size or sum is another one.
    """
    size = path.stat().st_size
    fault = None
    if pin.size is not None and size != pin.size:
        fault = f"has {size} bytes instead of {pin.size}"
    elif pin.sha256 is not None and (found := sha256_of(path)) != pin.sha256:
        fault = f"has the SHA-256 {found} instead of {pin.sha256}"
    if fault is None:
        return
    if remove:
        path.unlink()
        raise EngineNotAvailableError(
            f"{pin.url} {fault}: it is not the file that is meant, and was deleted; try again, or get it elsewhere "
            "and use --from FILE"
        )
    raise EngineNotAvailableError(f"{path} {fault}: it is not {pin.file}; get it from {pin.url}")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(pin: Pin, part: Path, there: int, progress: Progress) -> None:
    request = urllib.request.Request(pin.url, headers={"User-Agent": "icmsg", "Accept-Encoding": "identity"})
    if there:
        request.add_header("Range", f"bytes={there}-")
    try:
        answer = urllib.request.build_opener().open(request, timeout=_SILENCE_S)
    except urllib.error.HTTPError as error:
        error.close()
        if there and error.code == _REQUESTED_RANGE_NOT_SATISFIABLE:  # it is all there, or it is another file
            return
        raise
    with answer:
        starts = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
        if answer.status != http.client.PARTIAL_CONTENT or not starts:
            there = 0  # the server sends all of it
        length = answer.headers.get("Content-Length")
        expected = pin.size or (there + int(length) if length and length.isdigit() else None)
        with part.open("r+b" if there else "wb", buffering=0) as stream:
            stream.seek(there)
            while chunk := answer.read1(_CHUNK):
                there += _write(stream, chunk)
                if there > (pin.size or _LARGEST):
                    break  # verify() says it
                progress(there, expected)
            stream.truncate()
    if expected is not None and there < expected:
        raise http.client.IncompleteRead(b"", expected - there)


def _write(stream: io.FileIO, chunk: bytes) -> int:
    """Write all of it: a disk that is nearly full takes a part."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[stream.write(rest) :]
    return len(chunk)


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise EngineNotAvailableError(
            f"{part.parent} has {free // 1_000_000} MB free, and {needed // 1_000_000} MB are to come: make room, "
            "or use --prefix DIR on another disk"
        )


def _unreachable(pin: Pin, part: Path, error: Exception) -> EngineNotAvailableError:
    if isinstance(error, urllib.error.HTTPError):
        said = f"answers {error.code} {_one_line(error.reason)}"
    elif isinstance(error, http.client.IncompleteRead):
        said = "broke off"
    else:
        reason = getattr(error, "reason", None) or error
        said = f"cannot be reached ({_one_line(str(reason)) or type(error).__name__})"
    there = part.stat().st_size if part.exists() else 0
    rest = f"; {there} bytes are kept, the same command goes on behind them" if there else ""
    return EngineNotAvailableError(
        f"{pin.url} {said}{rest}. Behind a proxy set https_proxy; without a network download it elsewhere "
        "and use --from FILE"
    )


def _one_line(text: str) -> str:
    """Return what another program said as one line without control characters, which a terminal would obey."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_LONGEST_REASON]


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
    if not _is_download(url):
        raise _failed(url, "it is no address")
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
