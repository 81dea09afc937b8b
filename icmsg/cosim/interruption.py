"""Ctrl-C and SIGTERM while an emulated core runs.

Python raises KeyboardInterrupt wherever it happens to be. In a peripheral's model, which native code has called, it
would be lost and the run would go on. So while a machine runs it is only noted, and raised between two slices.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class Interrupted(KeyboardInterrupt):
    """A signal that asked for the end; ``number`` is SIGINT or SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class CtrlC:
    """A context in which Ctrl-C is noted; :meth:`check` raises the KeyboardInterrupt, and so does the end.

    With ``terminate`` SIGTERM is noted in the same way. Within another context this one checks that one.
    Where a signal could not have ended the process (another thread, a handler of somebody else, ignored as under
    ``nohup … &``) nothing is changed.
    """

    def __init__(self, *, terminate: bool = False) -> None:
        self._pressed: int | None = None
        self._terminate = terminate
        self._before: dict[int, Any] = {}
        self._outer: CtrlC | None = None

    def __enter__(self) -> CtrlC:
        owner = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        if isinstance(owner, CtrlC):
            self._outer = owner
        elif threading.current_thread() is threading.main_thread():
            self._take(signal.SIGINT, signal.default_int_handler)
            if self._terminate:
                self._take(signal.SIGTERM, signal.SIG_DFL)
        return self

    def _take(self, number: int, default: Any) -> None:
        if signal.getsignal(number) is default or signal.getsignal(number) == default:
            self._before[number] = signal.signal(number, self._note)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()
        if kind is None:
            self.check()
        self._outer = None

    def check(self) -> None:
        """Raise :class:`Interrupted` if Ctrl-C was pressed."""
        if self._outer is not None:
            self._outer.check()
        if self._pressed is not None:
            number, self._pressed = self._pressed, None
            raise Interrupted(number)

    def never(self) -> bool:
        """Return False, for a condition that only Ctrl-C ends: then raise as :meth:`check`."""
        self.check()
        return False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._pressed = number
