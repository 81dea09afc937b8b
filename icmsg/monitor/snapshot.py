"""A snapshot as a file: what an emulation was made of, with every file that was read, and what it came to.

It is a zip archive of JSON and of the contents of files; nothing in it is executed when it is read. A snapshot comes
from somewhere: every value is checked, sizes are limited, and names cannot lead out of a folder.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from icmsg import __version__
from icmsg.errors import MonitorError
from icmsg.limits import SNAPSHOT_BYTES, SNAPSHOT_ENTRIES, read_file
from icmsg.outputs import replace_bytes_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icmsg.monitor.journal import Entry

_FORMAT: Final = 1
_KIND: Final = "icmsg snapshot"
_HEAD: Final = "snapshot.json"
_FILES: Final = "files/"
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_RENODE: Final = b"Renode, version "
_RENODE_WITHIN: Final = 1024
_VALUES: Final[dict[str, dict[str, type | tuple[type, ...]]]] = {
    "execute": {"text": str},
    "advance": {"ns": int, "waits": bool},
    "run": {"machine": str, "ns": int, "turns": (int, type(None))},
    "send": {"machine": str, "uart": str, "data": str},
    "folder": {"start": str, "here": str},
    "loaded": {"machine": (str, type(None)), "usings": list, "numbers": str, "verbose": bool},
}
"""Values that each kind of entry has to have."""
_ANY: Final[dict[str, type | tuple[type, ...]]] = {
    "times": int,
    "until": (int, type(None)),
    "save": int,
    "files": dict,
    "folders": list,
}
"""Values that any entry may have."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Record of what was done (``entries``, by turn what was ``typed``), and what each machine came to (``state``).

    ``contents`` has the files by their SHA-256; ``python`` is the first line of the Python that scripts brought.
    """

    entries: list[Entry]
    typed: dict[int, list[Entry]]
    state: dict[str, Any]
    python: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 over all that is done again."""
        text = json.dumps([self.entries, list(self.typed.items())], ensure_ascii=True, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the file, over one that is there, as Renode does; MonitorError if that cannot be."""
        head = {
            "kind": _KIND,
            "format": _FORMAT,
            "version": __version__,
            "python": self.python,
            "state": self.state,
            "typed": {str(turn): entries for turn, entries in self.typed.items()},
            "entries": self.entries,
        }
        used = sorted({digest for entry in self.entries for digest in entry.get("files", {}).values()})
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            text = json.dumps(head, ensure_ascii=True, separators=(",", ":"))
            _add(archive, _HEAD, text.encode())
            for digest in used:
                _add(archive, f"{_FILES}{digest}", self.contents[digest])
        try:
            replace_bytes_file(path, packed.getvalue())
        except OSError as error:
            raise MonitorError(f"{path} cannot be written: {error.strerror}") from None


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIRST_DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def read_snapshot(path: Path) -> Snapshot:
    """Return the snapshot in a file.

    Raises:
        MonitorError: it cannot be read, is none, is damaged, or was made by another version.
    """
    try:
        data = read_file(path, SNAPSHOT_BYTES)
    except OSError as error:
        raise MonitorError(f"{path} cannot be read: {error.strerror}") from None
    if _is_renodes(data):
        raise MonitorError(
            f"{path} is a snapshot of Renode, which only Renode can load: use the renode engine (--engine renode), or "
            "run the script again here and Save"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            contents = _unpacked(archive)
        head = json.loads(contents.pop(_HEAD).decode())
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, OSError):
        raise _none(path, "it is no snapshot, or damaged") from None
    except (ValueError, RecursionError):
        raise _none(path, "its description is damaged") from None
    return _checked(path, head, contents)


def _is_renodes(data: bytes) -> bool:
    start = data[:_RENODE_WITHIN]
    if start[:2] == b"\x1f\x8b":
        try:
            start = zlib.decompressobj(wbits=31).decompress(data[: 64 * 1024], _RENODE_WITHIN)
        except zlib.error:
            return False
    return _RENODE in start


def _unpacked(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Return what is in the archive; ValueError where it is too much, or a file is not what its name says."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > SNAPSHOT_BYTES:
        raise ValueError("too large")
    contents: dict[str, bytes] = {}
    for entry in entries:
        with archive.open(entry) as stream:
            data = stream.read(SNAPSHOT_BYTES)  # a size that is too large by its own account was refused
        name = entry.filename.removeprefix(_FILES)
        if name != _HEAD and hashlib.sha256(data).hexdigest() != name:
            raise ValueError("another file")
        contents[name] = data
    return contents


def _checked(path: Path, head: Any, contents: dict[str, bytes]) -> Snapshot:
    if not isinstance(head, dict) or head.get("kind") != _KIND:
        raise _none(path, "it is an archive of something else")
    if head.get("version") != __version__ or head.get("format") != _FORMAT:
        raise MonitorError(
            "This snapshot is incompatible or the emulation's state is corrupted. Snapshot version: icmsg "
            f"{str(head.get('version'))[:40]}. Your version: icmsg {__version__}\n"
            "Another version may execute the same in another way: load it with that one, or run the script again"
        )
    try:
        typed = {
            int(turn): [_entry(each, contents) for each in entries] for turn, entries in head["typed"].items()
        }
        entries = [_entry(each, contents) for each in head["entries"]]
        state, python = head["state"], head["python"]
        machines = state["machines"]
        fits = isinstance(python, str) and all(isinstance(each, dict) for each in machines.values())
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        fits = False
    if not fits or len(entries) > SNAPSHOT_ENTRIES:
        raise _none(path, "its description is damaged")
    return Snapshot(entries, typed, state, python, contents)


def _entry(entry: Any, contents: Mapping[str, bytes]) -> Entry:
    """Return an entry; ValueError where it is not one."""
    values = _VALUES[entry["do"]]
    for name, value in entry.items():
        kind = values.get(name) or _ANY.get(name)
        if name != "do" and (
            kind is None or not isinstance(value, kind) or (isinstance(value, int) and value < 0)
        ):
            raise ValueError(name)
    if not values.keys() <= entry.keys():
        raise ValueError("incomplete")
    bytes.fromhex(entry.get("data", ""))
    texts = [*entry.get("files", {}), *entry.get("folders", ()), *entry.get("usings", ())]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("no text")
    if any(digest not in contents for digest in entry.get("files", {}).values()):
        raise ValueError("a file is missing")
    return dict(entry)


def _none(path: Path, why: str) -> MonitorError:
    return MonitorError(
        f"{path}: The snapshot cannot be loaded as its metadata is corrupted: {why}; give a file that Save of the "
        "embedded engine has written"
    )
