"""A trace that a process of its own writes: what the file costs is paid beside the run, where a processor is free.

```
this process                                       its copy
events -> Moments, many at once -- pickled, a pipe --> Tracer -> TraceWriter -> file
the end, with what a page shows of the machine     --> the same, then the file is closed
the error there was                          <-- another pipe --
```

The copy is made by fork, so it knows all that this process knows when the trace begins; of the machine it is told.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import EngineError, IcmsgError
from icmsg.views.writer import TraceEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PIPE_BYTES: Final = 1 << 20
_SET_PIPE_SIZE: Final = 1031  # F_SETPIPE_SZ of Linux
_ENDERS: Final = (signal.SIGINT, signal.SIGTERM)


def may_be_apart() -> bool:
    """Tell whether a process of its own saves time here: on Linux, with a second processor; a fork has no threads."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


class WriterProcess:
    """Process that takes moments by :meth:`send`; there ``take`` is called with them, and ``end`` at the end.

    ``end`` gets None where this process has gone without an end. Nothing may have been handed to the file before: what
    its buffers hold, both would write.
    """

    def __init__(self, take: Callable[[Sequence[Any]], None], end: Callable[[TraceEnd | None], None]) -> None:
        moments, self._moments = os.pipe()
        self._answer, answer = os.pipe()
        self._is_heard = True
        _enlarge(self._moments)
        with _undisturbed():
            self._process = os.fork()
            if not self._process:
                os.close(self._moments)
                os.close(self._answer)
                _live(moments, answer, take, end)
        os.close(moments)
        os.close(answer)

    def send(self, moments: Sequence[Any]) -> None:
        """Hand on plain values; once nobody takes them, nothing is sent any more, and :meth:`end` says why."""
        self._write(moments)

    def _write(self, what: object) -> None:
        if not self._is_heard:
            return
        rest = memoryview(pickle.dumps(what))
        with _undisturbed():  # half of it would be lost
            try:
                while rest:
                    rest = rest[os.write(self._moments, rest) :]
            except BrokenPipeError:
                self._is_heard = False

    def end(self, end: TraceEnd) -> None:
        """Let the file be ended, and wait for that.

        Raises:
            IcmsgError: what was raised there.
            EngineError: the process is gone, or something else was raised; the text has its traceback.
        """
        self._write(end)
        os.close(self._moments)
        with os.fdopen(self._answer, "rb") as stream:
            answer = stream.read()
        os.waitpid(self._process, 0)
        error = (
            pickle.loads(answer) if answer else EngineError("the process that writes the trace was killed")
        )
        if error is not None:
            raise error


def _live(
    moments: int,
    answer: int,
    take: Callable[[Sequence[Any]], None],
    end: Callable[[TraceEnd | None], None],
) -> None:
    """Take and end, and then be gone: nothing that this process began is ended here."""
    error: IcmsgError | None = None
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)  # the end comes through the pipe
        gc.freeze()  # nothing of it is looked at here, and so nothing copied
        with os.fdopen(moments, "rb", _PIPE_BYTES) as stream:
            told: Sequence[Any] | TraceEnd | None = ()
            while told is not None and not isinstance(told, TraceEnd):
                take(told)
                try:
                    told = pickle.load(stream)
                except (EOFError, pickle.UnpicklingError):
                    told = None  # killed
            end(told)
    except IcmsgError as raised:
        error = raised
    except BaseException:
        error = EngineError(f"the process that writes the trace has failed:\n{traceback.format_exc()}")
    finally:
        try:
            with os.fdopen(answer, "wb") as stream:
                stream.write(pickle.dumps(error))
        finally:
            os._exit(0)


def _enlarge(pipe: int) -> None:
    import fcntl  # not on Windows

    with suppress(OSError):  # more than this user may have: it is only slower
        fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that end a run wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
