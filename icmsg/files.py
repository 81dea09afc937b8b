"""Files that users name: limits of their size, the one way to open, read and write them, and what was read.

What is read can be noted where a run is to be repeated, and confined to one folder while it is; both are off unless
somebody asks for it. What is noted is the contents under the name by which a file was read, so a file that was built
again since is both. While reading is confined, nothing outside the folder is read, and nothing is written anywhere.

A limit is far above what real files need; what is beyond it is a mistake, or made to do harm. The table is in
docs/configuration.md. Where a user said that a file is written, nothing is overwritten, and nothing is written through
a link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIB: Final = 1024 * 1024

DEVICETREE_BYTES: Final = 4 * MIB
"""Devicetree with everything that it includes; a build's zephyr.dts has 0.1 to 0.6 MiB."""
KCONFIG_BYTES: Final = 2 * MIB
LINE_CHARACTERS: Final = 16 * 1024
"""Length of one line of Kconfig."""
PLATFORM_BYTES: Final = 1 * MIB
SCRIPT_BYTES: Final = 1 * MIB
BUILD_FILE_BYTES: Final = 1 * MIB
"""``domains.yaml``, ``build_info.yml``, ``version.h``."""
IMAGE_BYTES: Final = 64 * MIB
"""Image file, with its debug information; no larger file is read."""
HEX_BYTES: Final = 16 * MIB
LOADED_BYTES: Final = 32 * MIB
"""All that one image loads."""
SEGMENTS: Final = 1024
"""Parts of one image."""
SYMBOLS: Final = 200_000

SNAPSHOT_BYTES: Final = 256 * MIB
"""Size of a snapshot of the Monitor, packed and unpacked."""
SNAPSHOT_ENTRIES: Final = 1_000_000
"""Commands and runs in a snapshot."""

INCLUDE_DEPTH: Final = 32
INCLUDES: Final = 500
"""Files that one devicetree or platform file takes in, each one as often as it is named."""
NESTING: Final = 64
"""Nodes in nodes, parentheses in parentheses."""
STATEMENT_BYTES: Final = 32 * 1024
"""Property or node head of a devicetree, with the comments before it."""
LABELS: Final = 200
"""Colons in one statement of a devicetree, which labels end with."""
INSTANCES: Final = 64
"""ICMsg nodes of one devicetree."""
DIGITS: Final = 40
"""Length of one number."""

WEB: Final = "_web"
"""Folder of files that were fetched, which lie in another place for each user."""


class NotedFiles:
    """Files that were read: ``contents`` by SHA-256, and the names of those since the last :meth:`take`."""

    def __init__(self) -> None:
        self.contents: Final[dict[str, bytes]] = {}
        self._names: dict[str, str] = {}
        self._folders: set[str] = set()
        self._renamed: Final[dict[str, str]] = {}

    def note(self, path: str | os.PathLike[str], data: bytes) -> None:
        """Note a file that was read."""
        full = _full(path)
        digest = hashlib.sha256(data).hexdigest()
        self.contents.setdefault(digest, data)
        self._names[self._renamed.get(full, inner(full))] = digest

    def note_found(self, path: str | os.PathLike[str]) -> None:
        """Note a file or folder that has to be there; of a file also what is in it, which may be known already."""
        place = Path(path)
        if place.is_dir():
            self._folders.add(inner(_full(path)))
        elif place.is_file() and place.stat().st_size <= IMAGE_BYTES:
            self.note(path, place.read_bytes())

    def rename(self, path: str | os.PathLike[str], name: str) -> None:
        """Note the file ``path`` under another name."""
        self._renamed[_full(path)] = name

    def take(self) -> dict[str, Any]:
        """Return ``files``, the SHA-256 by name, and ``folders`` since the last time; names are relative."""
        taken = self.so_far()
        self._names, self._folders = {}, set()
        return taken

    def so_far(self) -> dict[str, Any]:
        """Return the same, and go on."""
        noted = ("files", dict(self._names)), ("folders", sorted(self._folders))
        return {name: value for name, value in noted if value}


class _Confinement:
    def __init__(self, root: Path, also: Sequence[Path], here: str) -> None:
        self.here: Final = here
        self.root: Final = Path(os.path.realpath(root))
        self.also: Final = tuple(Path(os.path.realpath(folder)) for folder in also)

    def has(self, path: str) -> bool:
        return any(PurePath(path).is_relative_to(folder) for folder in (self.root, *self.also))


_NOTED: Final[ContextVar[NotedFiles | None]] = ContextVar("noted", default=None)
_CONFINED: Final[ContextVar[_Confinement | None]] = ContextVar("confined", default=None)


@contextmanager
def noting(files: NotedFiles) -> Iterator[None]:
    """Note in ``files`` what is read inside."""
    before = _NOTED.set(files)
    try:
        yield
    finally:
        _NOTED.reset(before)


@contextmanager
def confined(root: Path, also: Sequence[Path], here: str) -> Iterator[None]:
    """Read nothing but what is in ``root`` or one of the folders ``also``, and write nothing, inside.

    ``here`` is the folder that was the current one.
    """
    before = _CONFINED.set(_Confinement(root, also, here))
    noted = _NOTED.set(None)
    try:
        yield
    finally:
        _NOTED.reset(noted)
        _CONFINED.reset(before)


def is_confined() -> bool:
    """Tell whether nothing may be written."""
    return _CONFINED.get() is not None


def check(path: str | os.PathLike[str]) -> None:
    """Raise FileNotFoundError for a file that may not be read."""
    confinement = _CONFINED.get()
    if confinement is not None and not confinement.has(os.path.realpath(path)):
        raise FileNotFoundError(errno.ENOENT, "it is not in the snapshot", os.fspath(path))


def note(path: str | os.PathLike[str], data: bytes) -> None:
    """Note a file that was read, if somebody asked for that."""
    if (files := _NOTED.get()) is not None:
        files.note(path, data)


def note_found(path: str | os.PathLike[str]) -> None:
    """Note a file or folder that was found, if somebody asked for that."""
    if (files := _NOTED.get()) is not None:
        files.note_found(path)


def fetched(place: Path) -> Path:
    """Return where a file that is kept at ``place`` is for who reads it."""
    name = f"{WEB}/{place.name}"
    if (files := _NOTED.get()) is not None:
        files.rename(place, name)
    confinement = _CONFINED.get()
    return place if confinement is None else confinement.root / name


def rooted(name: str) -> str:
    """Return a path that a user wrote as it is meant: while reading is confined, a full path is one in that folder."""
    confinement = _CONFINED.get()
    if confinement is None or not Path(name).is_absolute() or PurePath(name).is_relative_to(confinement.root):
        return name
    inside = confinement.root / inner(name)
    return name if confinement.has(os.path.realpath(name)) and not inside.exists() else str(inside)


def rooted_here(name: str) -> str:
    """Return such a path, where a relative one begins in the current folder."""
    confinement = _CONFINED.get()
    return name if confinement is None else rooted(os.path.normpath(Path(confinement.here) / name))


def _full(path: str | os.PathLike[str]) -> str:
    return os.path.normpath(Path.cwd() / path)


def inner(full: str) -> str:
    """Return a full path as a relative one, with the drive of Windows as a folder."""
    path = PurePath(full)
    drive = "".join(each for each in path.drive if each.isalnum())
    return "/".join([*([drive] if drive else []), *path.parts[1:]])


def placed(root: Path, name: str) -> Path | None:
    """Return the path of a noted name in ``root``; None for one that would lead out of it."""
    parts = PurePath(name).parts
    if not parts or PurePath(name).is_absolute() or ".." in parts or "\0" in name or ":" in name:
        return None
    return root.joinpath(*parts)


_KINDS: Final = (
    (stat.S_ISDIR, "Is a directory"),
    (stat.S_ISFIFO, "it is a pipe (FIFO), and only files are read"),
    (stat.S_ISCHR, "it is a device, and only files are read"),
    (stat.S_ISBLK, "it is a device, and only files are read"),
    (stat.S_ISSOCK, "it is a socket, and only files are read"),
)


def read_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the bytes of the file ``path``; nothing but a file is opened, so this never waits.

    Raises:
        OSError: it cannot be read, is no file, or has more than ``limit`` bytes; ``strerror`` says it in words.
    """
    try:
        check(path)
        _check_kind(Path(path).stat().st_mode, path)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:  # a zero byte in the name
        raise OSError(errno.EINVAL, "its name has a zero byte", os.fspath(path)) from None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        _check_kind(found.st_mode, path)
        data = b"" if found.st_size > limit else stream.read(limit + 1)
    if found.st_size > limit or len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {size_text(limit)}, the limit", os.fspath(path))
    note(path, data)
    return data


def size_text(size: int) -> str:
    """Return a number of bytes for a person.

    >>> size_text(2 * MIB), size_text(100)
    ('2 MiB', '100 bytes')
    """
    return f"{size // MIB} MiB" if size >= MIB and not size % MIB else f"{size} bytes"


def _check_kind(mode: int, path: str | os.PathLike[str]) -> None:
    for is_kind, words in _KINDS:
        if is_kind(mode):
            code = errno.EISDIR if is_kind is stat.S_ISDIR else errno.EINVAL
            raise OSError(code, words, os.fspath(path))


_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def create_file(path: Path) -> tuple[TextIO, Path | None]:
    """Open a new file for text; return it, and where a file of that name was moved to.

    That is ``PATH.1``, or the next number that is free, as Renode's ``logFile`` does. A link is moved, not followed.

    Raises:
        OSError: it cannot be created, or something that is no file has its name; ``strerror`` says it in words.
    """
    if is_confined():
        return open(os.devnull, "w", encoding="utf-8"), None  # noqa: PTH123 - the caller closes it
    moved = _move_away(path)
    return os.fdopen(os.open(path, _NEW, 0o666), "w", encoding="utf-8"), moved


def create_bytes_file(path: Path) -> tuple[BinaryIO, Path | None]:
    """Open a new file for bytes, as :func:`create_file` opens one for text; raises as it."""
    if is_confined():
        return open(os.devnull, "wb"), None  # noqa: PTH123 - the caller closes it
    moved = _move_away(path)
    return os.fdopen(os.open(path, _NEW, 0o666), "wb"), moved


def _move_away(path: Path) -> Path | None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
        raise OSError(errno.EEXIST, "it is there, and is no file", os.fspath(path))
    moved = path.with_name(f"{path.name}.{_last_number(path) + 1}")
    path.rename(moved)
    return moved


def _last_number(path: Path) -> int:
    numbered = re.compile(rf"{re.escape(path.name)}\.(\d{{1,9}})")
    found = (numbered.fullmatch(each.name) for each in path.parent.iterdir())
    return max((int(each[1]) for each in found if each is not None), default=0)


def replace_file(path: Path, text: str) -> None:
    """Write a file that is ours as a whole, with its folder if need be; a link in its place is replaced.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    replace_bytes_file(path, text.replace("\n", os.linesep).encode())


def replace_bytes_file(path: Path, data: bytes) -> None:
    """Write one of bytes, as :func:`replace_file` writes one of text; raises as it."""
    if is_confined():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name[:100]}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, _NEW | getattr(os, "O_BINARY", 0), 0o666), "wb") as stream:
            stream.write(data)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def create_stream(path: Path) -> BinaryIO:
    """Open a file of ours for bytes that come bit by bit, with its folder if need be; a link in its place is replaced.

    A named pipe is written to as it is, so that somebody can read along.

    Raises:
        OSError: it cannot be created, or something that is neither file nor pipe has its name.
    """
    if is_confined():
        return open(os.devnull, "wb")  # noqa: PTH123 - the caller closes it
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISFIFO(kind):
            return path.open("wb")
        if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
            raise OSError(errno.EEXIST, "it is there, and is no file", os.fspath(path))
        path.unlink()
    return os.fdopen(os.open(path, _NEW, 0o666), "wb")
