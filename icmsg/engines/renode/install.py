"""Installation of a portable Renode into a folder of its own: whole, or not at all.

Everything happens in a staging folder beside the target, and a rename ends it. Whoever is killed meanwhile leaves the
staging folder with what was downloaded, from which the next attempt goes on; half an unpacked archive is removed by it.

Table of Renode's official portable releases, pinned by size and SHA-256: ``releases.json``.

``verified`` is true only where somebody of this project computed the sum of the file from the release page. Where it is
false ``source`` says where the sum comes from, and an installation takes an explicit consent.

Unpacker of release archives: nothing is written outside of the folder that was asked for.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from icmsg.engines.renode.download import download, verify
from icmsg.engines.renode.locate import MARK, RenodeFound, identify, mark_of, remember
from icmsg.errors import ConfigurationError, EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.engines.renode.download import Progress
    from icmsg.engines.renode.locate import Generation


TABLE: Final = Path(__file__).with_name("releases.json")
_MACHINES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = re.compile(r"\d+(\.\d+){1,3}")


@dataclass(frozen=True, slots=True)
class PortableRelease:
    """One file of a release.

    ``size`` is in bytes, ``sha256`` in hexadecimal; None where nobody knows it. ``pyrenode3`` is the generation that
    loads it, as in :mod:`icmsg.engines.renode.locate`.
    """

    version: str
    system: str
    machine: str
    file: str
    size: int | None
    sha256: str | None
    verified: bool
    source: str
    pyrenode3: Generation
    url: str

    def pinned(self, sha256: str | None, url: str | None) -> PortableRelease:
        """Return the release with the sum and the place that a user gave, who answers for both.

        Raises:
            ConfigurationError: the sum is none, or is another one than that of the table.
        """
        if sha256 is None:
            return replace(self, url=url or self.url)
        sha256 = sha256.lower()
        if not _SHA256.fullmatch(sha256):
            raise ConfigurationError(
                f"--sha256 {sha256}: use 64 hexadecimal digits, as sha256sum prints them"
            )
        if self.sha256 not in (None, sha256):
            raise ConfigurationError(
                f"--sha256 {sha256} is not that of {self.file} in the table, {self.sha256}: leave --sha256 away"
            )
        source = self.source if self.sha256 else "--sha256"
        return replace(self, url=url or self.url, sha256=sha256, source=source)


@cache
def _table() -> Any:
    return json.loads(TABLE.read_text(encoding="utf-8"))


def releases() -> tuple[PortableRelease, ...]:
    """Return the whole table."""
    table = _table()
    return tuple(
        PortableRelease(url=table["url"].format(version=entry["version"], file=entry["file"]), **entry)
        for entry in table["releases"]
    )


def default_version() -> str:
    """Return the version that is installed where none is asked for: the one that this project was run with."""
    return str(_table()["default"])


def this_machine() -> tuple[str, str]:
    """Return system and machine as the table calls them."""
    machine = platform.machine().lower()
    return platform.system().lower(), _MACHINES.get(machine, machine)


def choose(
    version: str | None,
    *,
    known: Sequence[PortableRelease] | None = None,
    url: str | None = None,
    machine: tuple[str, str] | None = None,
) -> PortableRelease:
    """Return the file of ``version`` for this machine; with ``url`` also of a version that the table has not.

    Raises:
        ConfigurationError: there is none, or the version is no version.
    """
    table = releases() if known is None else known
    version = (version or default_version()).removeprefix("v")
    system, processor = machine or this_machine()
    for each in table:
        if (each.version, each.system, each.machine) == (version, system, processor):
            return each
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{version} is no version of Renode: use for example {default_version()}")
    if url is not None:
        file = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        generation: Generation = "classic" if tuple(map(int, version.split("."))) < (1, 17) else "path"
        return PortableRelease(
            version, system, processor, file, None, None, False, "no sum is known", generation, url
        )
    here = sorted({each.version for each in table if (each.system, each.machine) == (system, processor)})
    raise ConfigurationError(
        f"the table has no portable Renode {version} for {system} on {processor}; it has {', '.join(here) or 'none'}: "
        "choose one, or give its --url and --sha256"
    )


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


STAGING: Final = ".icmsg-renode-staging"
"""Folder beside the target."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SOURCE: Final = "by icmsg renode install"


def installed(release: PortableRelease, prefix: Path) -> RenodeFound | None:
    """Return what is in ``prefix`` if it is this release already.

    Raises:
        EngineNotAvailableError: something else is there.
    """
    mark = mark_of(prefix)
    if mark is not None and (mark.get("version"), mark.get("file")) == (release.version, release.file):
        return identify(prefix, _SOURCE)
    if mark is not None:
        raise EngineNotAvailableError(
            f"{prefix} has {mark.get('file')} already: use another --prefix, or remove that folder first"
        )
    if os.path.lexists(prefix) and not (prefix.is_dir() and not any(prefix.iterdir())):
        raise EngineNotAvailableError(
            f"{prefix} is there, and was not made by this command: use another --prefix; it is left as it is"
        )
    return None


def install(release: PortableRelease, prefix: Path, archive: Path | None, progress: Progress) -> RenodeFound:
    """Install ``release`` in ``prefix``, from ``archive`` or from the network; return what is there then.

    Raises:
        EngineNotAvailableError: it cannot be downloaded, is not what is pinned, cannot be unpacked, or is no Renode.
        OSError: a folder cannot be written.
    """
    if (there := installed(release, prefix)) is not None:
        shutil.rmtree(prefix.parent / STAGING, ignore_errors=True)  # of who was killed at the very end
        _remember(prefix)
        return there
    check_kind(release.file)
    with _staging(prefix.parent) as staging:
        unpacked = staging / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            if archive is None:
                archive = staging / f"{(release.sha256 or '')[:12]}-{release.file}.part"
                download(release, archive, progress)
            else:
                verify(release, archive)
            unpacked.mkdir()
            unpack(archive, release.file, unpacked)
            found = single_folder(unpacked)
            if identify(found, _SOURCE) is None:
                raise EngineNotAvailableError(f"{release.file} has no Renode in it: use a portable release")
            _mark(release, found)
            _put(found, prefix)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise EngineNotAvailableError(
                f"{staging} cannot be written, the disk is full: make room, or use --prefix DIR on another disk. "
                "What was downloaded is kept, the same command goes on behind it"
            ) from error
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        shutil.rmtree(staging, ignore_errors=True)
    _remember(prefix)
    there = identify(prefix, _SOURCE)
    assert there is not None
    return there


def _remember(prefix: Path) -> None:
    try:
        remember(prefix)
    except OSError as error:
        raise EngineNotAvailableError(
            f"Renode is in {prefix}, but not in the list by which it is found ({error.strerror}: {error.filename}): "
            "mend that, and give the same command again"
        ) from error


def _mark(release: PortableRelease, folder: Path) -> None:
    told = {
        "version": release.version,
        "file": release.file,
        "sha256": release.sha256,
        "source": release.source,
        "pyrenode3": release.pyrenode3,
    }
    (folder / MARK).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _put(found: Path, prefix: Path) -> None:
    with suppress(FileNotFoundError):
        prefix.rmdir()  # empty, or it would have been refused
    found.rename(prefix)


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Hold the staging folder; nobody else does meanwhile. An empty one is removed."""
    staging = parent / STAGING
    staging.mkdir(exist_ok=True)
    with (staging / "lock").open("w") as lock:
        if not _is_ours(lock.fileno(), staging / "lock"):
            raise EngineNotAvailableError(
                f"another `icmsg renode install` is at work in {parent}: wait for it"
            )
        try:
            yield staging
        finally:
            with suppress(OSError):
                (staging / "lock").unlink()
                staging.rmdir()


def _is_ours(handle: int, path: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: two at a time are not noticed there, the last rename wins nothing
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(handle).st_ino == path.stat().st_ino
    except OSError:
        return False
