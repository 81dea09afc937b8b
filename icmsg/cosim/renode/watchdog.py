"""The end of a process whose main thread does not come back from Renode.

A core that is locked up (a fault in a fault handler) never reaches a synchronization point in Renode, and Python
handles no signal meanwhile: only a thread beside can end the process, and only as a whole.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from icmsg.cosim.console import printable
from icmsg.cosim.renode.process import private_folder
from icmsg.cosim.simtime import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from icmsg.cosim.machine import Machine

PATIENCE_S = 5.0
"""Wall time after a signal in which Renode may still come back."""
_POLL_S: Final = 0.2
_SHOW_CURSOR: Final = "\x1b[?25h"


class Calls:
    """Calls into Renode that may not come back; ``count`` is odd while one is under way, ``what`` says which."""

    __slots__ = ("count", "what")

    def __init__(self) -> None:
        self.count = 0
        self.what = ""

    def begin(self, what: str) -> None:
        """Note that a call begins."""
        self.what = what
        self.count += 1

    def end(self) -> None:
        """Note that it came back."""
        self.count += 1


CALLS: Final = Calls()
"""Those of this process: it has one Renode."""


class Watchdog:
    """A context that ends the process where Renode does not come back.

    That is: ``PATIENCE_S`` seconds of wall time after SIGINT or SIGTERM (exit code 130 or 143), or after ``stall_s``
    in one call (exit code 1; 0 = never). The reason goes to stderr. Signals are seen where the context is entered in
    the main thread; whoever handles them otherwise still does.
    """

    def __init__(self, machine: Machine, *, stall_s: float) -> None:
        self._machine = machine
        self._stall_s = stall_s
        self._ended = False
        self._wakes: tuple[int, int] | None = None
        self._before = -1
        self._thread = threading.Thread(target=self._watch, name="icmsg watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        if threading.current_thread() is threading.main_thread():
            self._wakes = os.pipe()
            os.set_blocking(self._wakes[1], False)
            self._before = signal.set_wakeup_fd(self._wakes[1], warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wakes is not None:
            signal.set_wakeup_fd(self._before)
        self._ended = True
        self._thread.join()
        for end in self._wakes or ():
            os.close(end)

    def _watch(self) -> None:
        call, since = 0, time.monotonic()
        asked, asked_at = 0, 0.0
        while not self._ended:
            for number in self._signals():
                asked, asked_at = number, time.monotonic()
            now = time.monotonic()
            if CALLS.count != call:
                call, since = CALLS.count, now
            if call % 2 == 0:
                continue
            if asked and now - max(since, asked_at) >= PATIENCE_S:
                self._end(128 + asked, now - since)
            if self._stall_s and now - since >= self._stall_s:
                self._end(1, now - since)

    def _signals(self) -> Iterable[int]:
        """Wait a moment, and return the signals that came."""
        if self._wakes is None:
            time.sleep(_POLL_S)
            return ()
        ready, _, _ = select.select([self._wakes[0]], [], [], _POLL_S)
        came = os.read(self._wakes[0], 256) if ready else b""
        return [number for number in came if number in (signal.SIGINT, signal.SIGTERM)]

    def _end(self, code: int, seconds: float) -> None:
        """End the process; what is told is known without asking Renode."""
        machine = self._machine
        lines = [
            f"icmsg: error: Renode did not come back for {seconds:.0f} s of wall time from {CALLS.what}, at "
            f"{format_time(machine.now_ns)} of virtual time: a core may be locked up (a fault in a fault handler); "
            "the embedded engine says where: --engine embedded"
        ]
        for name, core in machine.cores.items():
            if core.console.lines:
                lines.append(f"icmsg: {name} printed last: {printable(core.console.lines[-1].text)}")
        if code != 1:
            lines.append("icmsg: interrupted")
        if sys.stderr.isatty():  # a progress bar hides it
            lines[0] = f"{_SHOW_CURSOR}\n{lines[0]}"
        try:
            os.write(2, ("\n".join(lines) + "\n").encode(errors="backslashreplace"))
            shutil.rmtree(private_folder(), ignore_errors=True)
        finally:
            os._exit(code)
