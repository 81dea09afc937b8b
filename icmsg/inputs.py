"""Files that are read: noted where a run is to be repeated, and confined to one folder while it is.

Everything here is off unless somebody asks for it. What is noted is the contents under the name by which a file was
read, so a file that was built again since is both. While reading is confined, nothing outside the folder is read, and
nothing is written anywhere (:mod:`icmsg.outputs`).
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WEB: Final = "_web"
"""Folder of files that were fetched, which lie in another place for each user."""

_MOST: Final = 64 * 1024 * 1024
"""Size of a file beyond which nothing reads it."""


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
        elif place.is_file() and place.stat().st_size <= _MOST:
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
