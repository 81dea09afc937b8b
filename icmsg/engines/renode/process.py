"""Loads Renode into this process, once: a private temporary folder, the variables, then pyrenode3's import.

The end of a process whose main thread does not come back from Renode.

A core that never reaches a synchronization point in Renode holds the thread that waits for it, and Python handles no
signal meanwhile: only a thread beside can end the process, and only as a whole.

No handler of a signal is installed. While a call into Renode is under way the file descriptor of
``signal.set_wakeup_fd`` is ours, and what arrives is passed on to the one of before, as that of an event loop.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from typing import TYPE_CHECKING, Final

from icmsg.engines.renode.locate import find_setup
from icmsg.errors import EngineError, EngineNotAvailableError
from icmsg.machine.console import printable
from icmsg.timers import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from icmsg.engines.renode.adapter import RenodeApi
    from icmsg.engines.renode.locate import RenodeSetup
    from icmsg.machine.machine import Machine


_VARIABLES: Final = (
    "PYRENODE_PATH",
    "PYRENODE_BIN",
    "PYRENODE_PKG",
    "PYRENODE_BUILD_DIR",
    "PYRENODE_BUILD_OUTPUT",
    "PYRENODE_RUNTIME",
    "PYRENODE_SKIP_LOAD",
)
_TEMPORARY: Final = ("TMPDIR", "TMP", "TEMP")


class _Process:
    """The Renode of this process: there is one, for ever, and one machine at a time."""

    renode: RenodeApi | None = None
    failure: str | None = None
    temporary: str | None = None
    owner: object | None = None


def load_renode() -> RenodeApi:
    """Return the Renode of this process; the first call loads it.

    Raises:
        EngineNotAvailableError: it cannot be loaded here; the text says what to do.
    """
    if _Process.renode is not None:
        return _Process.renode
    if _Process.failure is not None:
        raise EngineNotAvailableError(f"{_Process.failure} (a second attempt needs a new process)")
    setup = find_setup()
    try:
        _Process.renode = _load(setup)
    # pyrenode3 leaves with whatever happened: SystemExit, AttributeError, exceptions of .NET and of clr_loader.
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        _Process.failure = (
            f"Renode does not load ({reason}); it is {setup.renode}, pyrenode3 is {setup.pyrenode}; "
            "see docs/renode.md for combinations that work"
        )
        raise EngineNotAvailableError(_Process.failure) from error
    return _Process.renode


def private_folder() -> str:
    """Return the folder for temporary files of Renode, and make it Renode's at the first call.

    At its start Renode deletes every ``renode-*`` in the temporary folder, also those of others. Python's own
    temporary folder stays what it was; processes started later inherit the private one.
    """
    if _Process.temporary is None:
        _Process.temporary = tempfile.mkdtemp(prefix="icmsg-renode")  # also settles where Python puts its own
        for name in _TEMPORARY:
            os.environ[name] = _Process.temporary
        # Registered before pyrenode3's own clean-up, so run after it.
        atexit.register(shutil.rmtree, _Process.temporary, ignore_errors=True)
    return _Process.temporary


def occupy(owner: object) -> None:
    """Let ``owner`` be the one machine of this process; EngineError while another one is open."""
    if _Process.owner is not None:
        raise EngineError(
            "there is one Renode in a process, with one machine at a time; close() the other first"
        )
    _Process.owner = owner


def vacate(owner: object) -> None:
    """Let another machine be made."""
    if _Process.owner is owner:
        _Process.owner = None


def _load(setup: RenodeSetup) -> RenodeApi:
    private_folder()
    before = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(setup.variables)
        with warnings.catch_warnings():
            # What clr_loader thinks of an older Mono is no error where warnings are, as in many a suite of pytest.
            warnings.filterwarnings("default", module=r"clr_loader\b")
            from icmsg.engines.renode.adapter import RenodeApi  # its import loads Renode

            return RenodeApi()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


PATIENCE_S = 5.0
"""Wall time after a signal in which Renode may still come back."""
_POLL_S: Final = 0.2
_SHOW_CURSOR: Final = "\x1b[?25h"
_ADAPTER: Final = "icmsg.engines.renode.adapter"


class Calls:
    """Calls into Renode that may not come back; ``count`` is odd while one is under way, ``what`` says which.

    One that is ``bounded`` lets a few milliseconds of virtual time pass, and takes seconds at most.
    """

    __slots__ = ("_ours", "bounded", "count", "others", "thread", "what")

    def __init__(self) -> None:
        self.count = 0
        self.what = ""
        self.bounded = False
        self.thread = 0
        self.others = -1
        """The file descriptor to which others want their signals written; -1 for none."""
        self._ours = False

    def begin(self, what: str, *, bounded: bool = False) -> None:
        """Note that a call begins."""
        self.what, self.bounded, self.thread = what, bounded, threading.get_ident()
        if _WatchThread.wakes is not None and self.thread == threading.main_thread().ident:
            self.others = signal.set_wakeup_fd(_WatchThread.wakes[1], warn_on_full_buffer=False)
            self._ours = True
        self.count += 1

    def end(self) -> None:
        """Note that it came back."""
        self.count += 1
        if self._ours:
            self._ours = False
            signal.set_wakeup_fd(self.others)


class _WatchThread:
    """The thread that looks, and for whom."""

    wakes: tuple[int, int] | None = None
    owners: Final[list[Watchdog]] = []
    hints: Final[list[Callable[[], list[str]]]] = []
    reports: Final[list[Callable[[str, int], str]]] = []
    thread: threading.Thread | None = None


CALLS: Final = Calls()
"""The calls of this process: it has one Renode."""
ERRORS: list[int] = [2]
"""File descriptors for the reason: that of whoever has taken stderr away stands last."""


class Watchdog:
    """Watchdog, from :meth:`start` to :meth:`stop` or as a context: ends the process where Renode does not come back.

    That is: ``PATIENCE_S`` seconds of wall time after SIGINT or SIGTERM came during a call (exit code 130 or 143), or
    after ``stall_s`` in one step of the emulation (exit code 1; 0 = never). Time in which the process is stopped does
    not count. The reason goes to stderr. Signals are seen where the main thread calls; whoever handles them still does.
    """

    def __init__(self, machine: Machine | None, *, stall_s: float) -> None:
        self.machine: Final = machine
        self.stall_s: Final = stall_s

    def start(self) -> None:
        """Watch from now on; not on Windows, which has no such signals."""
        if os.name == "nt":
            return
        if _WatchThread.wakes is None:
            _WatchThread.wakes = os.pipe()
            os.set_blocking(_WatchThread.wakes[1], False)
        _WatchThread.owners.append(self)
        if _WatchThread.thread is None:
            _WatchThread.thread = threading.Thread(target=_watch, name="icmsg watchdog", daemon=True)
            _WatchThread.thread.start()

    def stop(self) -> None:
        """Watch no longer. May be called twice."""
        if self not in _WatchThread.owners:
            return
        _WatchThread.owners.remove(self)
        thread = _WatchThread.thread
        if not _WatchThread.owners and thread is not None and _WatchThread.wakes is not None:
            os.write(_WatchThread.wakes[1], b"\0")
            thread.join()
            _WatchThread.thread = None

    def __enter__(self) -> Watchdog:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextlib.contextmanager
def last_words(report: Callable[[str, int], str]) -> Iterator[None]:
    """Write to stdout, where the process is ended, what ``report`` makes of the reason and the signal (0 for none).

    It is called in another thread, and must not ask Renode.
    """
    _WatchThread.reports.append(report)
    try:
        yield
    finally:
        _WatchThread.reports.remove(report)


@contextlib.contextmanager
def hints(more: Callable[[], list[str]]) -> Iterator[None]:
    """Write the lines of ``more`` behind the reason where the process is ended; it must not ask Renode."""
    _WatchThread.hints.append(more)
    try:
        yield
    finally:
        _WatchThread.hints.remove(more)


def _watch() -> None:
    call, in_call_s, before = 0, 0.0, time.monotonic()
    asked, asked_s = 0, 0.0
    while _WatchThread.owners:
        came = list(_signals())
        now = time.monotonic()
        passed, before = min(now - before, 5 * _POLL_S), now  # a process that was stopped did not wait
        if CALLS.count != call:
            call, in_call_s, asked = CALLS.count, 0.0, 0
        else:
            in_call_s, asked_s = in_call_s + passed, asked_s + passed
        if call % 2 == 0:
            continue
        if came and not asked:
            asked, asked_s = came[-1], 0.0
        stalls = [owner.stall_s for owner in list(_WatchThread.owners) if owner.stall_s]
        if asked and asked_s >= PATIENCE_S:
            _end(128 + asked, in_call_s)
        if CALLS.bounded and stalls and in_call_s >= min(stalls):
            _end(1, in_call_s)


def _signals() -> Iterable[int]:
    """Wait a moment, and return the signals that came."""
    assert _WatchThread.wakes is not None
    ready, _, _ = select.select([_WatchThread.wakes[0]], [], [], _POLL_S)
    came = os.read(_WatchThread.wakes[0], 256) if ready else b""
    if came and CALLS.others >= 0:
        with contextlib.suppress(OSError):  # full, or closed meanwhile
            os.write(CALLS.others, came)
    return [number for number in came if number in (signal.SIGINT, signal.SIGTERM)]


def _is_in_renode() -> bool:
    """Return whether the thread of the call stands where Renode is called: a signal can end a call before its end."""
    frame = sys._current_frames().get(CALLS.thread)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_ADAPTER):
            return True
        frame = frame.f_back
    return False


def _end(code: int, seconds: float) -> None:
    """End the process; what is told is known without asking Renode."""
    if not _is_in_renode():
        return
    machines = [owner.machine for owner in _WatchThread.owners if owner.machine is not None]
    where = CALLS.what + (f", at {format_time(machines[-1].now_ns)} of virtual time" if machines else "")
    reason = (
        f"Renode did not come back for {seconds:.0f} s of wall time from {where}: "
        "a core may be locked up (a fault in a fault handler); the embedded engine says where: --engine embedded"
    )
    lines = [f"icmsg: error: {reason}"]
    for name, core in machines[-1].cores.items() if machines else ():
        if core.console.lines:
            lines.append(f"icmsg: {name} printed last: {printable(core.console.lines[-1].text)}")
    try:
        for more in _WatchThread.hints:
            with contextlib.suppress(Exception):  # the end comes first
                lines += more()
        for report in reversed(_WatchThread.reports):
            with contextlib.suppress(Exception):  # the end comes first
                os.write(1, report(reason, code - 128 if code != 1 else 0).encode(errors="backslashreplace"))
        if code != 1:
            lines.append("icmsg: interrupted")
        if os.isatty(ERRORS[-1]):  # a progress bar hides it
            lines[0] = f"{_SHOW_CURSOR}\n{lines[0]}"
        os.write(ERRORS[-1], ("\n".join(lines) + "\n").encode(errors="backslashreplace"))
        shutil.rmtree(private_folder(), ignore_errors=True)
    finally:
        os._exit(code)
