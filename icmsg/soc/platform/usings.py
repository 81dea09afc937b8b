"""``using "path"``: which file is meant, and in which order files count.

As in Renode, a path that begins with ``./`` or ``../`` is relative to the file it stands in, an absolute one
is itself, and any other is looked for in a search path. Renode has its own folder there; here it is found above the
file: ``platforms/cpus/x.repl`` beside the ``platforms`` in which the file lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.errors import PlatformError
from icmsg.inputs import rooted
from icmsg.limits import INCLUDE_DEPTH, INCLUDES, PLATFORM_BYTES
from icmsg.limits import read_file as read_user_file
from icmsg.soc.platform.parser import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.soc.platform.nodes import PlatformFile, Using


def read_file(path: Path) -> PlatformFile:
    """Return the syntax tree of the file ``path``, UTF-8.

    Raises :class:`~icmsg.errors.PlatformError`, also for a file that cannot be read.
    """
    try:
        text = read_user_file(path, PLATFORM_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise PlatformError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise PlatformError(f"is not UTF-8 (byte {error.start}); save it as UTF-8", file=str(path)) from None
    return parse(text, str(path))


def with_used(root: PlatformFile, search_path: Sequence[Path]) -> list[PlatformFile]:
    """Return ``root`` and all files it uses, directly or not.

    A file comes behind those it uses, so it can change what they say.
    Raises :class:`~icmsg.errors.PlatformError` for a file that is not found, is used twice by one file, or
    uses itself.
    """
    result: list[PlatformFile] = []
    _collect(root, (Path(root.file).resolve(),), search_path, result)
    return result


def _collect(
    file: PlatformFile, users: tuple[Path, ...], search_path: Sequence[Path], result: list[PlatformFile]
) -> None:
    seen: set[Path] = set()
    for using in file.usings:
        path = _find(using, search_path)
        target = path.resolve()
        if target in seen:
            raise using.place.error(f'"{using.path}" is already used by this file; take this line away')
        if target in users:
            raise using.place.error(
                f'"{using.path}" uses this file, directly or not; take one of the two away'
            )
        if len(users) >= INCLUDE_DEPTH or len(result) >= INCLUDES:
            raise using.place.error(
                f'"{using.path}": files may use each other {INCLUDE_DEPTH} deep, and {INCLUDES} in all'
            )
        seen.add(target)
        _collect(read_file(path), (*users, target), search_path, result)
    result.append(file)


def _find(using: Using, search_path: Sequence[Path]) -> Path:
    path = Path(rooted(using.path))
    beside = Path(using.place.file).parent / path
    if path.is_absolute():
        candidates = [path]
    elif using.path.replace("\\", "/").split("/")[0] in (".", ".."):
        candidates = [beside]
    else:
        above = Path(using.place.file).resolve().parents[1:]
        candidates = [directory / path for directory in search_path]
        found = next((folder / path for folder in above if (folder / path).is_file()), None)
        candidates += [found] if found is not None else []
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if beside not in candidates and beside.is_file():
        raise using.place.error(
            f'"{using.path}" is not in the search path; write "./{using.path}" to mean the one beside this '
            "file"
        )
    where = ", ".join(map(str, candidates)) or "an empty search path"
    raise using.place.error(f'"{using.path}" does not exist; looked for {where}')
