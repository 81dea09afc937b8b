"""Unpacker of release archives: nothing is written outside of the folder that was asked for."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES: Final = (".tar.gz", ".tgz", ".tar.xz", ".zip")
_LARGEST: Final = 4 << 30
"""Bytes of all files together; a release has a tenth of it."""
_MOST: Final = 100_000
"""Number of members."""
_NONE: Final = "it is no release of Renode"


def check_kind(name: str) -> None:
    """Refuse an archive that cannot be unpacked, by its name: before it is downloaded.

    Raises:
        EngineNotAvailableError: it is of another kind; the text says what to do by hand.
    """
    if name.endswith(SUFFIXES):
        return
    by_hand = f"use one of {', '.join(SUFFIXES)}"
    if name.endswith(".dmg"):
        by_hand = (
            "copy Renode.app out of it, and set PYRENODE_BIN (up to 1.16.1) or PYRENODE_PATH to what is in it"
        )
    raise EngineNotAvailableError(f"{name} cannot be unpacked here: {by_hand}")


def unpack(archive: Path, name: str, folder: Path) -> None:
    """Unpack into ``folder``, which is empty; ``name`` is the archive's own name, which says its kind.

    Raises:
        EngineNotAvailableError: a broken archive, or one with a member that lies outside.
        OSError: it cannot be written.
    """
    try:
        (_unpack_zip if name.endswith(".zip") else _unpack_tar)(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise EngineNotAvailableError(f"{name} is a broken archive ({error}): get it again") from error


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as stream:
        for member in _checked(stream):
            if member.isreg():
                member.mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
            else:
                member.mode = 0o755
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            if hasattr(tarfile, "data_filter"):
                stream.extract(member, folder, set_attrs=not member.issym(), filter="data")
            else:
                stream.extract(member, folder, set_attrs=not member.issym())


def _checked(stream: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    total = 0
    links: set[PurePosixPath] = set()
    for number, member in enumerate(stream):
        path = PurePosixPath(member.name)
        _check_name(member.name)
        if links & set(path.parents):
            raise EngineNotAvailableError(f"{member.name!r} in the archive lies behind a link: {_NONE}")
        if member.issym():
            _check_link(member.name, path.parent, member.linkname)
            links.add(path)
        elif member.islnk():
            _check_link(member.name, PurePosixPath(), member.linkname)
        elif not (member.isreg() or member.isdir()):
            raise EngineNotAvailableError(f"{member.name} in the archive is a device or a pipe: {_NONE}")
        total += member.size
        _check_amount(number, total)
        yield member


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as stream:
        _check_amount(len(stream.infolist()), sum(member.file_size for member in stream.infolist()))
        for member in stream.infolist():
            _check_name(member.filename)
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise EngineNotAvailableError(
                    f"{member.filename} in the archive is a link, which Renode's zip files do not have: {_NONE}"
                )
            target = folder / member.filename
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with stream.open(member) as source, target.open("xb") as sink:
                shutil.copyfileobj(source, sink)
            if mode & stat.S_IXUSR:
                target.chmod(0o755)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise EngineNotAvailableError(f"{name!r} in the archive lies outside of its folder: {_NONE}")


def _check_link(name: str, start: PurePosixPath, target: str) -> None:
    """Refuse a link that leaves the folder: its way up is at the beginning, and no longer than the way down to it."""
    parts = PurePosixPath(target).parts
    up = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    if PurePosixPath(target).is_absolute() or ".." in parts[up:] or up > len(start.parts):
        raise EngineNotAvailableError(
            f"{name!r} in the archive is a link to {target!r}, outside of its folder: {_NONE}"
        )


def _check_amount(members: int, size: int) -> None:
    if members > _MOST or size > _LARGEST:
        raise EngineNotAvailableError(f"the archive unpacks to more than any release of Renode has: {_NONE}")


def single_folder(folder: Path) -> Path:
    """Return the one folder that an archive was packed as, else ``folder`` itself."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink() else folder
