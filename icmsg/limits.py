"""Limits of everything that is read from a user's file, and the one way in which such a file is opened.

A limit is far above what real files need; what is beyond it is a mistake, or made to do harm. The table is in
docs/configuration.md.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from icmsg import inputs

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
"""Image file, with its debug information."""
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
        inputs.check(path)
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
    inputs.note(path, data)
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
