"""Ctrl-C and the timeout of a test while a keyword runs.

Robot raises them out of the handler of a signal, wherever Python happens to be. In a peripheral's model, which native
code has called, they would be lost and the test would go on. So they are noted, and handled between two slices of a
core and at the end of the keyword. Signals belong to the process, and so does what is noted here.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGALRM")
_pending: Final[dict[int, Callable[[int, FrameType | None], Any]]] = {}


def interrupted() -> bool:
    """Return False, or raise what Robot raises at a signal that has come; for a condition that is asked often."""
    while _pending:
        number, handler = _pending.popitem()
        handler(number, None)
    return False


class Interruptions:
    """A context in which signals that Python handles are noted, if this is the thread that gets them."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)  # Windows has no SIGALRM
                handler = signal.getsignal(number) if number is not None else None
                if number is not None and callable(handler) and not isinstance(handler, signal.Handlers):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        if kind is None:
            interrupted()

    def _note(self, number: int, frame: FrameType | None) -> None:
        handler = self._handlers[number]
        if number in _pending:
            handler(number, frame)  # somebody is in earnest
        else:
            _pending[number] = handler
