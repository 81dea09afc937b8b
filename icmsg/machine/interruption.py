"""Ctrl-C, SIGTERM and other signals while an emulated core runs.

Python raises KeyboardInterrupt wherever it happens to be. In a peripheral's model, which native code has called, it
would be lost and the run would go on; between two steps of the engine it would leave one of them undone. So while a
machine runs a signal is only noted, and handled between two slices.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the module signal makes enums: ten times as long, in every run
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

_HELD: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)
)
_PATIENCE: Final = 10


class HeldSignals:
    """A context in which signals that Python handles are noted; :meth:`release` calls their handlers.

    Whatever handler is set then is called: Python's own, which raises KeyboardInterrupt, or somebody else's. One that
    ignores the signal, or is not Python's, stays as it is; so does everything in a thread that gets no signals. A
    signal that comes ten times without a safe point is handled at once: a callback does not return.
    """

    __slots__ = ("_handlers", "pending")

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.pending: Final[dict[int, int]] = {}
        """The signals that have come, and how often."""

    def __enter__(self) -> HeldSignals:
        if threading.get_ident() == threading.main_thread().ident:
            for number in _HELD:
                handler = _signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    _signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            if _signal.getsignal(number) == self._note:  # else a callback has set another one
                _signal.signal(number, handler)
        if self.pending:
            self.release(but=signal.default_int_handler if kind is not None else None)

    def release(self, *, but: object = None) -> None:
        """Call the handlers of the signals that have come, ``but`` one handler: an error ends the run already."""
        while self.pending:
            number, _ = self.pending.popitem()
            if self._handlers[number] is not but:
                self._handlers[number](number, None)

    def _note(self, number: int, frame: FrameType | None) -> None:
        # Without a frame it comes from the safe point of a machine within a callback: that one makes progress.
        self.pending[number] = self.pending.get(number, 0) + (frame is not None)
        if self.pending[number] >= _PATIENCE:
            del self.pending[number]
            self._handlers[number](number, frame)


class Interrupted(KeyboardInterrupt):
    """A signal that asked for the end; ``number`` is SIGINT or SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def is_asked_to_end() -> bool:
    """Return whether Ctrl-C or SIGTERM was noted by a :class:`CtrlC` that has not been checked since."""
    owner = getattr(_signal.getsignal(signal.SIGINT), "__self__", None)
    return isinstance(owner, CtrlC) and owner.is_pressed


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

    @property
    def is_pressed(self) -> bool:
        """True if :meth:`check` would raise."""
        return self._pressed is not None

    def never(self) -> bool:
        """Return False, for a condition that only Ctrl-C ends: then raise as :meth:`check`."""
        self.check()
        return False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._pressed = number
