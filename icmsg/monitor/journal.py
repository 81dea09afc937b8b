"""Journal of what a Monitor's emulation was made of: everything that came from outside, in its order.

Commands with the files that they read, runs of time, and bytes that were typed. Runs repeat exactly here, so this and
nothing else is what a snapshot keeps (:mod:`icmsg.monitor.snapshot`). What firmware, hooks and models do is not noted:
it happens again.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.inputs import NotedFiles, noting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.monitor.snapshot import Snapshot

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
