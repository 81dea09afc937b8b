"""Ctrl-C while an emulated core runs.

Python raises KeyboardInterrupt wherever it happens to be. In a peripheral's model, which native code has called, it
would be lost and the run would go on. So while a machine runs it is only noted, and raised between two slices.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class CtrlC:
    """A context in which Ctrl-C is noted; :meth:`check` raises the KeyboardInterrupt, and so does the end.

    Where it could not have been raised at all (another thread, a handler of somebody else) nothing is changed.
    """

    def __init__(self) -> None:
        self._pressed = False
        self._noting = False

    def __enter__(self) -> CtrlC:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._note)
            self._noting = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._noting:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._noting = False
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

    def never(self) -> bool:
        """Return False, for a condition that only Ctrl-C ends: then raise as :meth:`check`."""
        self.check()
        return False

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._pressed = True
