"""Installation of a portable Renode into a folder of its own: whole, or not at all.

Everything happens in a staging folder beside the target, and a rename ends it. Whoever is killed meanwhile leaves the
staging folder with what was downloaded, from which the next attempt goes on; half an unpacked archive is removed by it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from icmsg.engines.renode.download import download, verify
from icmsg.engines.renode.home import MARK, mark_of, remember
from icmsg.engines.renode.layouts import RenodeFound, identify
from icmsg.engines.renode.unpack import check_kind, single_folder, unpack
from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icmsg.engines.renode.download import Progress
    from icmsg.engines.renode.releases import PortableRelease

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
        remember(prefix)
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
    remember(prefix)
    there = identify(prefix, _SOURCE)
    assert there is not None
    return there


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
