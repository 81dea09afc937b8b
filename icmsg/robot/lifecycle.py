"""Set-up and end of each test: what renode-test does for a suite, where it is not used; and the trace of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import ConfigurationError
from icmsg.robot.trace_keywords import write_trace

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext

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
