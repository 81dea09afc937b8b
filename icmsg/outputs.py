"""Files that are written where a user said: nothing is overwritten, and nothing is written through a link.

While a run is repeated (:func:`icmsg.inputs.confined`) nothing is written at all.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from icmsg.inputs import is_confined

if TYPE_CHECKING:
    from pathlib import Path

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
