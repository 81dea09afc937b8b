"""``Save`` and ``Load``: members of Renode's EmulationManager, which its Monitor takes as commands, too.

A snapshot has what the emulation was made of, and Load does it again (:mod:`icmsg.monitor.journal`): commands, runs and
what was typed, with the files as they were. Runs repeat exactly, which Save tries out before it writes the file, and
Load checks at the end. What is beside the emulation is not in it: ports, pseudo terminals, GDB servers, the log, and
files that are being written.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import asset
from icmsg.errors import IcmsgError, MonitorError
from icmsg.files import confined, inner, placed
from icmsg.hw.exposed import BOOL, FILE, STRING, VOID, exposed
from icmsg.monitor.arguments import NumbersMode
from icmsg.monitor.journal import Snapshot, read_snapshot
from icmsg.monitor.objects.uart import UartObject
from icmsg.monitor.tokens import CWD, ORIGIN, path_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.journal import Entry

_OURS: Final[set[str]] = set()
"""Digests of the snapshots that this process has saved: who loads one has run its Python before."""
_WHY: Final = (
    "Save knows commands, time, and what was typed; what a debugger does, or Python that changes a machine by itself, "
    "is not in a snapshot"
)


class ReachedSave(BaseException):
    """The command Save that a snapshot is of: what was done behind it is not done again."""


class EmulationManager:
    """Renode's object of this name, over one Monitor; ``fresh`` makes another one without a machine."""

    def __init__(self, monitor: Interpreter, fresh: Callable[[], EmulationManager]) -> None:
        self._monitor: Final = monitor
        self._fresh: Final = fresh
        self._saves = 0
        self._wanted: int | None = None
        self.forget: Callable[[], None] = lambda: None
        """Called when everything begins anew: forgets who plays cores."""
        self.end_files: Callable[[], None] = lambda: None
        """Called where a run was done again: ends the traces that it wrote nowhere."""

    @exposed(VOID, path=STRING)
    def save(self, path: str) -> None:
        """Write the emulation as it is into a file."""
        journal = self._monitor.emulation.journal
        self._saves += 1
        if journal.is_repeating:
            if self._saves == self._wanted:
                raise ReachedSave
            return
        self._check_paused("Save")
        if not journal.is_whole:
            raise MonitorError(
                "Error encountered during saving.\nthis machine was made by Python, not by commands, so a snapshot "
                "cannot make it again: make it in the Monitor (include, machine LoadPlatformDescription)"
            )
        *entries, last = journal.entries
        ends = {**last, **journal.files.so_far(), "save": self._saves}
        snapshot = Snapshot(
            [*entries, ends], journal.typed, self.state(), journal.python, journal.files.contents
        )
        other = self._fresh()
        try:
            other.repeat(snapshot, python=True)
            difference = other.difference(snapshot)
        finally:
            other.close()
        if difference:
            raise MonitorError(
                "Error encountered during saving.\nnothing was written, since doing it again comes to another "
                f"{difference}: {_WHY}"
            )
        _OURS.add(snapshot.digest)
        snapshot.write(self._monitor.path.new(path))

    @exposed(VOID, path=FILE, preserve_state=BOOL, python=BOOL)
    def load(self, path: str, preserve_state: bool = False, python: bool = False) -> None:
        """Replace the emulation by the one in a file, paused; ``python`` lets the Python of its scripts run."""
        monitor = self._monitor
        journal = monitor.emulation.journal
        self._check_paused("Load")
        if not journal.is_whole:
            raise MonitorError(
                "the machine of this Monitor was made by Python, and stays: Load in a Monitor of its own"
            )
        snapshot = read_snapshot(Path(path))
        if not journal.is_repeating:
            self._check_python(snapshot, path, allowed=python)
        kept = monitor.emulation.selected_name if preserve_state else None
        session = self._session()
        try:
            self.repeat(
                snapshot, python=monitor.python.is_allowed if journal.is_repeating else bool(snapshot.python)
            )
            self._check_same(snapshot)
        except BaseException:
            self._begin_anew()
            raise
        self._end_load(kept, session)
        if not journal.is_repeating:
            loaded = {"do": "loaded", "machine": kept, **session}
            journal.follow(snapshot, loaded, str(monitor.path.start))
        if kept is not None and kept not in monitor.emulation.machines:
            raise MonitorError("Machine was not found in the snapshot")

    def _check_python(self, snapshot: Snapshot, path: str, *, allowed: bool) -> None:
        if not snapshot.python:
            return
        if not self._monitor.python.is_allowed:
            raise MonitorError(
                f"{path} runs Python of scripts, and this session runs none: it was started with --no-python"
            )
        if not allowed and snapshot.digest not in _OURS:
            raise MonitorError(
                f"{path} runs Python of scripts, which can do anything on this computer, and was not saved in this "
                f"session; it begins with: {snapshot.python[:80]}\n"
                "Say Load @… python=true if you know where it comes from"
            )

    def _check_paused(self, what: str) -> None:
        if any(machine.is_running for machine in self._monitor.emulation.machines.values()):
            raise MonitorError(
                f"{what} is not possible while time passes, as in a hook: pause the emulation there, and {what} then"
            )

    # What it came to

    def state(self) -> dict[str, Any]:
        """Return what tells two states apart: by machine its time, the hash of its run, and its registers."""
        machines = self._monitor.emulation.machines
        return {
            "machines": {
                name: {
                    "time": machine.now_ns,
                    "run": "" if (soc := machine.soc) is None else soc.trace_sha256(),
                    "registers": {}
                    if soc is None
                    else {core.name: core.registers for core in soc.cores.values()},
                    "halted": [] if soc is None else [core.is_halted for core in soc.cores.values()],
                }
                for name, machine in machines.items()
            }
        }

    def difference(self, snapshot: Snapshot) -> str:
        """Return in which respect this emulation is not that of the snapshot; nothing if it is."""
        mine, theirs = self.state()["machines"], snapshot.state["machines"]
        if mine.keys() != theirs.keys():
            return f"set of machines ({', '.join(mine) or 'none'})"
        words = {"time": "time", "run": "run", "registers": "registers", "halted": "halted cores"}
        return next(
            (
                f"{what} of {name}"
                for name, values in mine.items()
                for key, what in words.items()
                if values[key] != theirs[name].get(key)
            ),
            "",
        )

    def _check_same(self, snapshot: Snapshot) -> None:
        if difference := self.difference(snapshot):
            raise MonitorError(
                "This snapshot is incompatible or the emulation's state is corrupted: doing it again comes to another "
                f"{difference}, so nothing is loaded; was it changed, or does its Python depend on the computer?"
            )

    # Doing it again

    def repeat(self, snapshot: Snapshot, *, python: bool) -> None:
        """Do everything again that is in a snapshot, and be silent about it.

        Raises:
            MonitorError: its files lead out of their folder.
        """
        monitor = self._monitor
        journal = monitor.emulation.journal
        with ExitStack() as around:
            around.enter_context(self._outer_files(still_needed=journal.is_repeating))
            around.enter_context(journal.repeating(snapshot.typed, self._send))
            around.enter_context(self._undisturbed(python=python))
            self._begin_anew()
            kept = tempfile.TemporaryDirectory(prefix="icmsg-snapshot-")
            monitor.emulation.kept.append(kept)
            folder = Path(kept.name).resolve()
            self._saves = 0
            here = str(folder)
            for entry in snapshot.entries:
                if entry["do"] == "folder":
                    monitor.path.start = _inside(folder, inner(entry["start"]))
                    monitor.path.start.mkdir(parents=True, exist_ok=True)
                    monitor.path.reset()
                    monitor.variables.restore(CWD, path_token(str(monitor.path.start)))
                    here = entry["here"]
                    continue
                _place(folder, entry, snapshot)
                with confined(folder, [asset("renode").parent], here), self._until(entry):
                    for _ in range(entry.get("times", 1)):
                        with suppress(IcmsgError), journal.ending(entry.get("until")):
                            self._do(entry)
            with confined(folder, (), here):
                self.end_files()
            monitor.emulation.show_consoles()  # what was printed was shown then

    @contextmanager
    def _outer_files(self, *, still_needed: bool) -> Iterator[None]:
        """Keep the files of the snapshot that asked for this one, or of the one before, until that is done."""
        emulation = self._monitor.emulation
        outer, emulation.kept = emulation.kept, []
        try:
            yield
        finally:
            emulation.kept += outer if still_needed else ()
            for folder in () if still_needed else outer:
                folder.cleanup()

    @contextmanager
    def _until(self, entry: Entry) -> Iterator[None]:
        before, self._wanted = self._wanted, entry.get("save")
        try:
            yield
        except ReachedSave:
            pass
        finally:
            self._wanted = before

    def _do(self, entry: Entry) -> None:
        emulation = self._monitor.emulation
        match entry["do"]:
            case "execute":
                self._monitor.run_lines(entry["text"])
            case "advance":
                emulation.advance(entry["ns"], waits=entry["waits"])
            case "run":
                machine = emulation.machines.get(entry["machine"])
                if machine is not None and machine.soc is not None:
                    _run(machine.soc, entry["ns"], entry["turns"])
            case "send":
                self._send(entry)
            case "loaded":
                self._end_load(entry["machine"], entry)

    def _send(self, entry: Entry) -> None:
        machine = self._monitor.emulation.machines.get(entry["machine"])
        device = None if machine is None else machine.devices.get(entry["uart"])
        for part in () if device is None else device.parts:
            if isinstance(part, UartObject):
                part.send(bytes.fromhex(entry["data"]))

    @contextmanager
    def _undisturbed(self, *, python: bool) -> Iterator[None]:
        """Keep everything of the session that is no part of the emulation; nothing is printed or logged inside."""
        monitor = self._monitor
        before = self._session()
        kept = monitor.path.start, monitor.path.folders, [*monitor.history]
        named = {name: monitor.variables.get(name) for name in (CWD, ORIGIN)}
        outside = monitor.told, monitor.after_command, monitor.typed, monitor.python.is_allowed
        monitor.told, monitor.after_command, monitor.typed = _hear, lambda: None, None
        monitor.python.is_allowed = python
        try:
            with monitor.emulation.log.silenced(), monitor.captured(), monitor.python.apart():
                self._set({"usings": ["sysbus."], "numbers": "Hexadecimal", "verbose": False})
                yield
        finally:
            monitor.told, monitor.after_command, monitor.typed, monitor.python.is_allowed = outside
            monitor.path.start, monitor.path.folders, monitor.history[:] = kept
            for name, value in named.items():
                monitor.variables.restore(name, value)
            self._set(before)

    def _session(self) -> dict[str, Any]:
        monitor = self._monitor
        return {
            "usings": [*monitor.emulation.usings],
            "numbers": monitor.numbers.value,
            "verbose": monitor.verbose,
        }

    def _set(self, session: dict[str, Any]) -> None:
        monitor = self._monitor
        monitor.emulation.usings[:] = session["usings"]
        monitor.numbers = NumbersMode(session["numbers"])
        monitor.verbose = session["verbose"]

    def _begin_anew(self) -> None:
        self._monitor.emulation.clear()
        self.forget()
        self._clear_names()

    def _clear_names(self) -> None:
        monitor = self._monitor
        for names in (monitor.variables, monitor.macros, monitor.aliases):
            names.clear()
        monitor.path.reset()

    def _end_load(self, machine: str | None, session: dict[str, Any]) -> None:
        """Be as Renode is behind Load: paused, without a machine that is selected, and without names."""
        emulation = self._monitor.emulation
        emulation.is_started = False
        emulation.select(machine if machine in emulation.machines else None)
        emulation.forget_absent()
        self._clear_names()
        self._set(session)

    def close(self) -> None:
        """Free all machines."""
        self._monitor.emulation.close()


def _run(soc: Any, ns: int, turns: int | None) -> None:
    if turns is None:
        soc.run_for(ns)
        return
    asked = iter(range(1, turns + 1))
    soc.run_until(lambda: next(asked, turns) == turns, timeout_ns=ns)


def _inside(folder: Path, name: str) -> Path:
    found = placed(folder, name)
    if found is None:
        raise MonitorError(
            "The snapshot cannot be loaded as its metadata is corrupted: a name leads out of its folder"
        )
    return found


def _place(folder: Path, entry: Entry, snapshot: Snapshot) -> None:
    """Put the files in place that a command reads, as they were then."""
    try:
        for name in entry.get("folders", ()):
            _inside(folder, name).mkdir(parents=True, exist_ok=True)
        for name, digest in entry.get("files", {}).items():
            path = _inside(folder, name)
            data = snapshot.contents[digest]
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    except OSError as error:
        raise MonitorError(f"a file of the snapshot cannot be put in place: {error.strerror}") from None


def _hear(_line: str) -> None:
    """Take a line that was told before."""
