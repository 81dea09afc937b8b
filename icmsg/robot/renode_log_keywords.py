"""Renode's own keywords about its log, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of RenodeKeywords.cs of Renode 1.16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from robot.api.deco import keyword

from icmsg.errors import VirtualTimeoutError
from icmsg.robot.interruption import interrupted
from icmsg.robot.log_tester import LogTester
from icmsg.robot.renode_failures import keyword_exception

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext

_SHOWN: Final = 1000


class RenodeLogKeywords:
    """Log tester; timeouts are seconds of virtual time."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._tester: LogTester | None = None
        self._monitor: object = None
        self._timeout = 0.0

    @keyword(tags=["renode"])
    def create_log_tester(
        self,
        timeout: float,
        defaultPauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        maxLogEntries: int = 1_000_000,
    ) -> None:
        """Makes the tester of what is logged from now on; ``timeout`` is the default of `Wait For Log Entry`."""
        monitor = self._context.monitor
        log = getattr(monitor, "log", None)
        if log is None:
            engine = monitor.machine.engine if monitor.machine is not None else "this"
            raise keyword_exception(
                f"the log of the {engine} engine cannot be tested; run the suite with renode-test"
            )
        self._tester, self._monitor, self._timeout = LogTester(maxLogEntries), monitor, timeout
        log.add_sink(self._tester.add)

    @keyword(tags=["renode"])
    def wait_for_log_entry(
        self,
        pattern: str,
        timeout: float | None = None,
        keep: bool = False,
        treatAsRegex: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        level: str | None = None,
        startEmulation: bool = True,  # noqa: ARG002 - as above
    ) -> str:
        """Runs until an entry contains ``pattern``, and returns it.

        Unless ``keep`` it and those before it are forgotten.
        """
        tester = self._existing()
        found = self._find(tester, pattern, timeout, regex=treatAsRegex, level=level, keep=keep)
        if found is None:
            messages = tester.messages()[-_SHOWN:]
            dropped = (
                f"Warning: Buffered log messages exceeded configured max {tester.most}, some messages were dropped \n"
                if tester.has_dropped
                else ""
            )
            listed = "\n ".join(messages)
            raise keyword_exception(
                f'Expected pattern "{pattern}" did not appear in the log\n {dropped}'
                f"Last {len(messages)} buffered log messages are: \n {listed}"
            )
        return found

    @keyword(tags=["renode"])
    def should_not_be_in_log(
        self,
        pattern: str,
        timeout: float | None = None,
        treatAsRegex: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        level: str | None = None,
    ) -> None:
        """Lets time pass; fails if an entry contains ``pattern``."""
        tester = self._existing()
        found = self._find(tester, pattern, timeout, regex=treatAsRegex, level=level, keep=True)
        if tester.has_dropped:
            raise keyword_exception(
                f"Number of buffered log messages exceeded configured max {tester.most} and some messages were "
                "dropped\nEither increase maxLogEntries in CreateLogTester, or raise the logLevel"
            )
        if found is not None:
            raise keyword_exception(f"Unexpected line detected in the log: {found}")

    @keyword(tags=["renode"])
    def clear_log_tester_history(self) -> None:
        """Forgets every entry so far."""
        self._existing().clear()

    def _find(
        self,
        tester: LogTester,
        pattern: str,
        timeout: float | None,
        *,
        regex: bool,
        level: str | None,
        keep: bool,
    ) -> str | None:
        def find() -> str | None:
            return tester.find(pattern, regex=regex, level=level, keep=True)

        wait_ns = round((self._timeout if timeout is None else timeout) * 1e9)
        machine: Machine | None = self._context.monitor.machine
        if find() is None and wait_ns and machine is not None:
            try:
                machine.run_until(lambda: interrupted() or find() is not None, timeout_ns=wait_ns)
            except VirtualTimeoutError:
                return None
        return tester.find(pattern, regex=regex, level=level, keep=keep)

    def _existing(self) -> LogTester:
        if self._tester is None or self._monitor is not self._context.monitor:
            raise keyword_exception(
                "Log tester is not available. Create it with the `CreateLogTester` keyword"
            )
        return self._tester
