"""Renode's own keywords about its log, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of RenodeKeywords.cs of Renode 1.16.1.

Renode's log tester over the log of a Monitor: the entries since it was made, in the order in which they came.

What it matches follows LogTester.cs of Renode 1.16.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from robot.api import logger
from robot.api.deco import keyword

from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError
from icmsg.files import create_file
from icmsg.robot.context import Keywords
from icmsg.robot.emulation import LocalEmulation
from icmsg.robot.testers import keyword_exception, unregister

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.renode.monitor import RenodeMonitor
    from icmsg.monitor import EmbeddedMonitor
    from icmsg.robot.context import KeywordContext


_LINE: Final = re.compile(r"(?:[\d:.]+ )?\[(\w+)\] (.*)", re.DOTALL)


class LoggedLine(NamedTuple):
    """Line of a log: its level by name, source and text, and all of it as it is in a file."""

    level: str
    message: str
    whole: str


class MonitorLog:
    """Log of a Monitor, line by line, from now on."""

    def __init__(self, monitor: EmbeddedMonitor | RenodeMonitor) -> None:
        self._take: Callable[[], list[str]] | None = getattr(monitor, "take_log", None)
        self.sinks: Final[list[Callable[[LoggedLine], None]]] = []
        """Called with every line."""
        log = getattr(monitor, "log", None)
        if log is not None:
            log.add_sink(lambda entry: self._tell(LoggedLine(entry.level.name, entry.message, str(entry))))
        elif self._take is not None:
            self._take()

    def poll(self) -> None:
        """Tell what was logged since the last time, of an engine that does not do that by itself."""
        for line in self._take() if self._take is not None else ():
            found = _LINE.fullmatch(line)
            self._tell(LoggedLine(found[1], found[2], line) if found else LoggedLine("INFO", line, line))

    def _tell(self, line: LoggedLine) -> None:
        for sink in self.sinks:
            sink(line)


class LogTester:
    """Keeps the last ``most`` entries."""

    def __init__(self, most: int) -> None:
        self.most: Final = most
        self.has_dropped = False
        self.failing: Final[list[tuple[str, bool]]] = []
        """Patterns that must not be logged while something is waited for, and whether each is an expression."""
        self._entries: list[LoggedLine] = []

    def add(self, entry: LoggedLine) -> None:
        """Take an entry of the log; of too many a tenth is dropped, the oldest."""
        if len(self._entries) >= self.most:
            self.has_dropped = True
            del self._entries[: max(1, self.most // 10)]
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()
        self.has_dropped = False

    def messages(self) -> list[str]:
        """Return the entries that are kept."""
        return [entry.message for entry in self._entries]

    def find(self, pattern: str, *, regex: bool, level: str | None = None, keep: bool) -> str | None:
        """Return the first entry that matches; unless ``keep``, it and everything before it is forgotten."""
        matches = _matcher(pattern, regex)
        for index, entry in enumerate(self._entries):
            if (level is None or entry.level.lower() == level.lower()) and matches(entry.message):
                if not keep:
                    del self._entries[: index + 1]
                return entry.message
        return None

    def find_failing(self, *, keep: bool) -> str | None:
        """Return the first entry that must not be logged, as :meth:`find`."""
        for pattern, regex in self.failing:
            found = self.find(pattern, regex=regex, keep=keep)
            if found is not None:
                return found
        return None


def _matcher(pattern: str, regex: bool) -> Callable[[str], bool]:
    if not regex:
        return lambda message: pattern in message
    expression = re.compile(pattern)
    return lambda message: expression.search(message) is not None


_SHOWN: Final = 1000


class RenodeLogKeywords(Keywords):
    """Log tester; timeouts are seconds of virtual time."""

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
        self._log: MonitorLog | None = None
        self._tester: LogTester | None = None
        self._of: MonitorLog | None = None
        self._timeout = 0.0
        self._cached: list[str] | None = None
        if isinstance(context.emulation, LocalEmulation):
            context.emulation.on_monitor = self._begin

    def _begin(self, monitor: EmbeddedMonitor | RenodeMonitor) -> None:
        self._log = MonitorLog(monitor)
        self._log.sinks.append(self._cache)

    def _current(self) -> MonitorLog:
        _ = self._context.monitor
        assert self._log is not None
        return self._log

    @keyword(tags=["renode"])
    def create_log_tester(
        self,
        timeout: float,
        defaultPauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        maxLogEntries: int = 1_000_000,
    ) -> None:
        """Makes the tester of what is logged from now on; ``timeout`` is the default of `Wait For Log Entry`."""
        log = self._current()
        log.poll()
        if self._tester is not None and self._of is log:
            log.sinks.remove(self._tester.add)
        self._tester, self._of, self._timeout = LogTester(maxLogEntries), log, timeout
        log.sinks.append(self._tester.add)

    @keyword(tags=["renode"])
    def wait_for_log_entry(
        self,
        pattern: str,
        timeout: float | None = None,
        keep: bool = False,
        treatAsRegex: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        level: str | None = None,
        startEmulation: bool = True,
    ) -> str:
        """Runs until an entry contains ``pattern``, and returns it.

        Unless ``keep`` it and those before it are forgotten. Without ``startEmulation`` no time passes. Fails at once
        where an entry comes that `Register Failing Log String` has named.
        """
        tester = self._existing()
        if not startEmulation:
            timeout = 0
        self._wait(tester, pattern, timeout, regex=treatAsRegex, level=level)
        failing = tester.find_failing(keep=keep)
        if failing is not None:
            raise AssertionError(
                "InvalidOperationException: Log tester failed!\n\n"
                f"Test failing entry has been found in log:\n{failing}"
            )
        found = tester.find(pattern, regex=treatAsRegex, level=level, keep=keep)
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
        logger.info(f"log: {found}")
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
        """Lets time pass; fails if an entry contains ``pattern``, or one comes that must not."""
        tester = self._existing()
        self._wait(tester, pattern, timeout, regex=treatAsRegex, level=level)
        found = tester.find_failing(keep=True) or tester.find(
            pattern, regex=treatAsRegex, level=level, keep=True
        )
        if tester.has_dropped:
            raise keyword_exception(
                f"Number of buffered log messages exceeded configured max {tester.most} and some messages were "
                "dropped\nEither increase maxLogEntries in CreateLogTester, or raise the logLevel"
            )
        if found is not None:
            raise keyword_exception(f"Unexpected line detected in the log: {found}")

    @keyword(tags=["renode"])
    def register_failing_log_string(self, pattern: str, treatAsRegex: bool = False) -> None:
        """Lets every wait for the log fail as soon as an entry contains ``pattern``."""
        self._existing().failing.append((pattern, treatAsRegex))

    @keyword(tags=["renode"])
    def unregister_failing_log_string(self, pattern: str, treatAsRegex: bool = False) -> None:
        """Ends what `Register Failing Log String` began with the same arguments."""
        unregister(self._existing().failing, pattern, regex=treatAsRegex)

    @keyword(tags=["renode"])
    def clear_log_tester_history(self) -> None:
        """Forgets every entry so far."""
        self._current().poll()
        self._existing().clear()

    @keyword(tags=["renode"])
    def log_to_file(self, filePath: str, flushAfterEveryWrite: bool = False) -> None:  # noqa: ARG002 - it always is
        """Writes the log into a file too from now on."""
        try:
            self._context.execute(f"logFile {written_path(filePath)}")
        except MonitorError as error:
            raise keyword_exception(str(error)) from None

    @keyword(tags=["renode"])
    def enable_logging_to_cache(self) -> None:
        """Keeps the log from now on, over machines and tests, for `Save Cached Log`."""
        if self._cached is None:
            self._cached = []

    @keyword(tags=["renode"])
    def save_cached_log(self, filePath: str) -> None:
        """Writes the log since `Enable Logging To Cache` or `Clear Cached Log` into a file."""
        if self._cached is None:
            raise keyword_exception("Cannot save cached log, cached logging has not been enabled.")
        if self._log is not None:
            self._log.poll()
        try:
            file, _moved = create_file(Path(filePath))
        except OSError as error:
            raise keyword_exception(f"{filePath} cannot be written: {error.strerror}") from None
        with file:
            file.writelines(f"{line}\n" for line in self._cached)

    @keyword(tags=["renode"])
    def clear_cached_log(self) -> None:
        """Forgets what `Enable Logging To Cache` has kept so far."""
        if self._cached is not None:
            self._cached.clear()

    def _cache(self, line: LoggedLine) -> None:
        if self._cached is not None:
            self._cached.append(line.whole)

    def _wait(
        self, tester: LogTester, pattern: str, timeout: float | None, *, regex: bool, level: str | None
    ) -> None:
        log = self._current()

        def is_there() -> bool:
            log.poll()
            return (
                tester.find(pattern, regex=regex, level=level, keep=True) is not None
                or tester.find_failing(keep=True) is not None
            )

        self._context.run_until(is_there, round((self._timeout if timeout is None else timeout) * 1e9))

    def _existing(self) -> LogTester:
        if self._tester is None or self._of is not self._current():
            raise keyword_exception(
                "Log tester is not available. Create it with the `CreateLogTester` keyword"
            )
        return self._tester
