"""Journal of what a Monitor's emulation was made of, and the snapshot that ``Save`` makes of it.

It has everything that came from outside, in its order: commands with the files that they read, runs of time, and bytes
that were typed. Runs repeat exactly here, so a snapshot keeps this and nothing else. What firmware, hooks and models do
is not noted: it happens again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from icmsg import __version__
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import MonitorError
from icmsg.files import SNAPSHOT_BYTES, SNAPSHOT_ENTRIES, NotedFiles, noting, read_file, replace_bytes_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Entry = dict[str, Any]
"""Entry of a journal, as JSON: ``do`` is ``execute``, ``advance``, ``run``, ``send``, ``folder`` or ``loaded``."""


class Replayed(KeyboardInterrupt):
    """Ctrl-C that ended a command when it was noted, and ends it again."""


class Journal:
    """Entries, and the bytes that came in the middle of a run, by its turn: how often runs have looked outside."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.typed: dict[int, list[Entry]] = {}
        self.files: Final = NotedFiles()
        self.turn = 0
        self.python = ""
        """First line of the Python of scripts that was run; empty if none was."""
        self.is_whole = True
        """False where a machine was made that nobody noted."""
        self.is_repeating = False
        """True while entries are done again, and none is added."""
        self._send: Callable[[Entry], None] = lambda _entry: None
        self._ends_at: int | None = None
        self._depth = 0
        self._looks = False
        self._attends = False

    @contextmanager
    def outside(self, **entry: Any) -> Iterator[None]:
        """Note what comes from outside; what it causes inside is not noted."""
        if self._depth or self.is_repeating:
            yield
            return
        self.entries.append(entry)
        self._depth += 1
        try:
            with noting(self.files):
                yield
        except KeyboardInterrupt:
            entry["until"] = self.turn
            raise
        finally:
            self._depth -= 1
            entry |= self.files.take()
            self._join()

    def _join(self) -> None:
        """Make one entry of two runs that are the same, such as those of a session that waits for a person."""
        if len(self.entries) > 1 and self.entries[-1]["do"] in ("advance", "run"):
            before, last = ({**entry, "times": 1} for entry in self.entries[-2:])
            if before == last and "until" not in last:
                self.entries.pop()
                self.entries[-1]["times"] = self.entries[-1].get("times", 1) + 1

    def began_in(self, folder: str) -> None:
        """Note in which folder paths begin."""
        self.entries.append({"do": "folder", "start": folder, "here": os.getcwd()})  # noqa: PTH109 - as text

    def look(self) -> None:
        """Count a turn; do again what happened there."""
        self.turn += 1
        if self.is_repeating:
            for entry in self.typed.get(self.turn, ()):
                self._send(entry)
            if self._ends_at == self.turn:
                raise Replayed

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Take what comes inside as from outside, though a run is under way."""
        before, self._looks = self._looks, True
        try:
            yield
        finally:
            self._looks = before

    def sent(self, machine: str, uart: str, data: bytes) -> None:
        """Note bytes that were sent to a UART."""
        if self.is_repeating:
            return
        entry = {"do": "send", "machine": machine, "uart": uart, "data": data.hex()}
        if self._looks and not self._attends:
            self.typed.setdefault(self.turn, []).append(entry)
        elif self._looks or not self._depth:
            self.entries.append(entry)

    def ran(self, machine: str, ns: int, turns: int | None) -> None:
        """Note time that passed on a machine; ``turns`` is how often its condition was asked until it was so."""
        if not self._depth and not self.is_repeating:
            self.entries.append({"do": "run", "machine": machine, "ns": ns, "turns": turns})
            self._join()

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Note what persons type inside, while no time passes, and nothing else."""
        self._depth, self._attends = self._depth + 1, True
        try:
            yield
        finally:
            self._depth, self._attends = self._depth - 1, False

    @contextmanager
    def repeating(self, typed: dict[int, list[Entry]], send: Callable[[Entry], None]) -> Iterator[None]:
        """Begin again with the first turn, and add nothing inside; ``send`` sends the bytes of an entry to a UART."""
        before = self.is_repeating, self.typed, self._ends_at, self._send
        self.is_repeating, self.typed, self.turn, self._send = True, typed, 0, send
        try:
            yield
        finally:
            self.is_repeating, self.typed, self._ends_at, self._send = before

    def follow(self, snapshot: Snapshot, loaded: Entry, folder: str) -> None:
        """Go on behind a snapshot that was loaded."""
        current = self.entries[-1]
        self.files.contents.update(snapshot.contents)
        self.python = self.python or snapshot.python
        text = current.get("text", "").strip()
        if "\n" not in text and ";" not in text and text.startswith("Load "):
            self.entries, self.typed = [*snapshot.entries, loaded], dict(snapshot.typed)
            self.began_in(folder)
        else:  # a script goes on behind it, so it is done again as a whole
            self.entries, self.typed = [], {}
            self.began_in(folder)
            self.entries.append(current)

    @contextmanager
    def ending(self, turn: int | None) -> Iterator[None]:
        """End what runs inside where it was ended by Ctrl-C."""
        self._ends_at = turn
        try:
            yield
        except Replayed:
            if turn is None:
                raise
        finally:
            self._ends_at = None


class NotedMachine(EmbeddedMachine):
    """A machine whose runs are noted, whoever lets time pass."""

    @property
    def is_running(self) -> bool:
        """True while time passes."""
        return self._runs

    def note_runs(self, ran: Callable[[int, int | None], None]) -> None:
        """Call ``ran(ns, turns)`` behind every run."""
        self._ran = ran

    def _advance(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        turns = 0

        def counted() -> bool:
            nonlocal turns
            assert satisfied is not None
            turns += 1
            return satisfied()

        ended = False
        try:
            ended = super()._advance(ns, None if satisfied is None else counted)
        except KeyboardInterrupt:
            ended = True
            raise
        finally:
            self._ran(ns, turns if ended else None)
        return ended


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

    As a file it is a zip archive of JSON and of the contents of files; nothing in it is executed when it is read. A
    snapshot comes from somewhere: every value is checked, sizes are limited, and names cannot lead out of a folder.
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
