"""Set-up and end of each test: what renode-test does for a suite, where it is not used; and the trace of a failure.

Ctrl-C and the timeout of a test while a keyword runs.

Robot raises them out of the handler of a signal, wherever Python happens to be. In a peripheral's model, which native
code has called, they would be lost and the test would go on. So they are noted, and handled between two slices of a
core and at the end of the keyword. Signals belong to the process, and so does what is noted here.

Suites written for Renode's renode-test: what it gives to every suite, for Robot without it.

``python -m icmsg.robot SUITE…`` runs them; so does Robot or pabot with ``--prerunmodifier icmsg.robot.RenodeSuites``.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from robot.api import SuiteVisitor

from icmsg.errors import ConfigurationError
from icmsg.robot.watching_keywords import write_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from icmsg.robot.context import KeywordContext


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


SETUP: Final = "Reset Emulation"
TEARDOWN: Final = "Close Machine"
_OF_RENODE: Final = "Test Teardown"


class Lifecycle:
    """A listener of Robot for the tests of suites that import the library.

    As renode-test does, a test without setup gets `Reset Emulation`, so that no machine of another test is left. One
    without teardown gets `Close Machine`, and so does one with renode-test's own, which `Close Machine` then runs.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    def start_test(self, test: Any, result: Any) -> None:  # noqa: ARG002 - Robot's signature
        """Begin a new trace; give the test its setup and teardown."""
        self._context.recorder.clear()
        self._context.trace_saved = False
        if not test.setup:
            test.setup.config(name=SETUP)
        if not test.teardown or test.teardown.name == _OF_RENODE:
            test.teardown.config(name=TEARDOWN)

    def end_test(self, test: Any, result: Any) -> None:  # noqa: ARG002 - Robot's signature
        """Save the trace of a failed test whose own teardown has not done it, and name the file in its message."""
        if result.failed and len(self._context.recorder) and not self._context.trace_saved:
            try:
                result.message += f"\n(trace: {write_trace(self._context)})"
            except ConfigurationError as error:
                result.message += f"\n({error})"


RESOURCE: Final = Path(__file__).with_name("renode-keywords.resource")
VARIABLE: Final = "RENODEKEYWORDS"


class RenodeSuites(SuiteVisitor):  # type: ignore[misc]  # robot has no types for it
    """Visitor that gives each suite ``${RENODEKEYWORDS}``, its import, and a Suite Setup and Suite Teardown."""

    def start_suite(self, suite: Any) -> None:
        """Change one suite; what it has itself stays."""
        if not suite.tests:
            return
        path, variable = RESOURCE.as_posix(), f"${{{VARIABLE}}}"
        resource = suite.resource
        if not any(each.name == variable for each in resource.variables):
            resource.variables.create(variable, [path])
        if not {"icmsg.robot.IcmsgLibrary", variable} & {each.name for each in resource.imports}:
            resource.imports.create(type="Resource", name=path)
        if not suite.setup:
            suite.setup.config(name="Setup")
        if not suite.teardown:
            suite.teardown.config(name="Teardown")
