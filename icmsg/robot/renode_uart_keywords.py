"""Renode's own keywords about UARTs, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of UartKeywords.cs and TestersProvider.cs of Renode 1.16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from icmsg.errors import EngineError
from icmsg.robot.context import Keywords
from icmsg.robot.terminal_tester import UartTester, uarts_of
from icmsg.robot.testers import Testers, keyword_exception, tester_failed, unregister

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext
    from icmsg.robot.terminal_tester import Match, UartPort

_DEFAULT_TIMEOUT: Final = 8.0
_ENDS: Final = ("TreatLineFeedAsEndLine", "TreatCarriageReturnAsEndLine")


class RenodeUartKeywords(Keywords):
    """Terminal testers by number; timeouts are seconds of virtual time."""

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
        self._timeout = _DEFAULT_TIMEOUT
        self._testers: Final[Testers[UartPort, UartTester]] = Testers(
            context, lambda name, machine: uarts_of(context, name, machine)
        )
        self._wait_for_echo = True
        self._match_next_line = False

    @keyword(tags=["renode"])
    def set_default_uart_timeout(self, timeout: float) -> None:
        """Sets the timeout of testers that are created without one; it is 8 s at first."""
        self._timeout = timeout

    @keyword(tags=["renode"])
    def create_terminal_tester(
        self,
        uart: str,
        timeout: float | None = None,
        machine: str | None = None,
        endLineOption: str | None = None,
        defaultPauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        defaultWaitForEcho: bool | None = None,
        defaultMatchNextLine: bool | None = None,
        binaryMode: bool = False,
    ) -> int:
        """Makes a tester of what a UART prints from now on, and returns its number.

        ``uart`` is its name in the Monitor, such as ``sysbus.uartapp``. The defaults are those of all testers. Lines
        end at a line feed; with ``endLineOption=TreatCarriageReturnAsEndLine`` they end at a carriage return.
        With ``binaryMode`` there are no lines: use `Wait For Bytes On Uart`.
        """
        if endLineOption not in (None, "", *_ENDS):
            raise keyword_exception(f"endLineOption is {endLineOption}: use {' or '.join(_ENDS)}")
        self._wait_for_echo = defaultWaitForEcho is not False
        self._match_next_line = bool(defaultMatchNextLine)
        limit_ns = _nanoseconds(self._timeout if timeout is None else timeout)

        def make(port: UartPort, owner: Machine) -> UartTester:
            return UartTester(
                self._context,
                owner,
                port,
                limit_ns,
                carriage_return=endLineOption == _ENDS[1],
                binary=binaryMode,
            )

        return self._testers.create(uart, machine, make)

    @keyword(tags=["renode"])
    def set_default_tester(self, id: int | str | None) -> None:  # noqa: A002 - Renode's name
        """Makes a tester the one that is meant where no number is given; ``null`` is none of them."""
        if isinstance(id, str) and id != "null":
            if not id.isdecimal():
                raise keyword_exception(f"{id} is no number of a tester, and not null")
            id = int(id)  # noqa: A001 - Renode's name
        self._testers.make_default(None if isinstance(id, str) else id)

    @keyword(tags=["renode"])
    def wait_for_line_on_uart(
        self,
        content: str,
        timeout: float | None = None,
        testerId: int | None = None,
        treatAsRegex: bool = False,
        includeUnfinishedLine: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        matchNextLine: bool | None = None,
    ) -> DotDict:
        """Runs until a line contains ``content``; returns it with ``Line``, ``Timestamp`` (in ms) and ``Groups``."""
        next_line = self._match_next_line if matchNextLine is None else matchNextLine
        return self._found(
            testerId,
            lambda tester: tester.wait_for(
                content,
                _limit(timeout),
                regex=treatAsRegex,
                unfinished=includeUnfinishedLine,
                next_line=next_line,
            ),
        )

    @keyword(tags=["renode"])
    def wait_for_lines_on_uart(
        self,
        content: list[str],
        timeout: float | None = None,
        testerId: int | None = None,
        treatAsRegex: bool = False,
        includeUnfinishedLine: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        matchFromNextLine: bool | None = None,
    ) -> DotDict:
        """Runs until consecutive lines contain ``content``; returns the last of them."""
        next_line = self._match_next_line if matchFromNextLine is None else matchFromNextLine
        return self._found(
            testerId,
            lambda tester: tester.wait_for_lines(
                content,
                _limit(timeout),
                regex=treatAsRegex,
                unfinished=includeUnfinishedLine,
                next_line=next_line,
            ),
        )

    @keyword(tags=["renode"])
    def wait_for_prompt_on_uart(
        self,
        prompt: str,
        testerId: int | None = None,
        timeout: float | None = None,
        treatAsRegex: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> DotDict:
        """Runs until a line, ended or not, contains ``prompt``."""
        return self._found(
            testerId,
            lambda tester: tester.wait_for(
                prompt,
                _limit(timeout),
                regex=treatAsRegex,
                unfinished=True,
                next_line=self._match_next_line,
            ),
        )

    @keyword(tags=["renode"])
    def wait_for_next_line_on_uart(
        self,
        timeout: float | None = None,
        testerId: int | None = None,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> DotDict:
        """Runs until there is another line, and returns it."""
        return self._found(testerId, lambda tester: tester.next_line(_limit(timeout)))

    @keyword(tags=["renode"])
    def wait_for_bytes_on_uart(
        self,
        content: str,
        timeout: float | None = None,
        testerId: int | None = None,
        treatAsRegex: bool = False,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
        matchStart: bool = False,
    ) -> DotDict:
        """Runs until a tester in binary mode has these bytes, given as ``0d 0a`` or as a regular expression.

        Returns them with ``Content``, ``Timestamp`` (in ms) and ``Groups``. With ``matchStart`` nothing may come
        before them.
        """
        if not treatAsRegex:
            try:
                bytes.fromhex(content)
            except ValueError:
                raise keyword_exception(f"{content!r} are no bytes; use two digits for each: 0d 0a") from None
        found = self._found(
            testerId,
            lambda tester: tester.wait_for_bytes(
                content, _limit(timeout), regex=treatAsRegex, at_start=matchStart
            ),
            binary=True,
        )
        groups = [group.encode("latin-1") for group in found.Groups]
        return DotDict(Content=found.Line.encode("latin-1"), Timestamp=found.Timestamp, Groups=groups)

    @keyword(tags=["renode"])
    def should_not_be_on_uart(
        self,
        content: str,
        timeout: float | None = None,
        testerId: int | None = None,
        treatAsRegex: bool = False,
        includeUnfinishedLine: bool = False,
    ) -> None:
        """Lets time pass; fails if a line contains ``content``."""
        found = self._testers.find(testerId).wait_for(
            content, _limit(timeout), regex=treatAsRegex, unfinished=includeUnfinishedLine
        )
        if found is not None:
            raise tester_failed(f"Unexpected entry has been found on UART#:\n{found.line}")

    @keyword(tags=["renode"])
    def test_if_uart_is_idle(
        self,
        timeout: float,
        testerId: int | None = None,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Lets time pass; fails if anything is printed."""
        tester = self._testers.find(testerId)
        if not tester.is_idle(_nanoseconds(timeout)):
            raise self._failed(tester)

    @keyword(tags=["renode"])
    def write_line_to_uart(
        self,
        content: str = "",
        testerId: int | None = None,
        waitForEcho: bool | None = None,
        pauseEmulation: bool | None = None,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Writes a line to a UART and waits until it is printed, unless ``waitForEcho`` is false."""
        tester = self._write(testerId, f"{content}\r")
        wait = self._wait_for_echo if waitForEcho is None else waitForEcho
        if wait and tester.wait_for(content, unfinished=True) is None:
            raise self._failed(tester)

    @keyword(tags=["renode"])
    def write_to_uart(self, content: str, testerId: int | None = None) -> None:
        """Writes text to a UART, without the end of a line; the bytes come while time passes."""
        self._write(testerId, content)

    @keyword(tags=["renode"])
    def write_char_on_uart(self, c: str, testerId: int | None = None) -> None:
        """Writes one character to a UART."""
        if len(c) != 1:
            raise keyword_exception(f"{c!r} is not one character; use `Write To Uart`")
        self._write(testerId, c)

    @keyword(tags=["renode"])
    def send_key_to_uart(self, c: int, testerId: int | None = None) -> None:
        """Writes one byte to a UART, given as a number such as ``0xD``."""
        if c not in range(256):
            raise keyword_exception(f"{c} is no byte; use 0x00 to 0xFF")
        self._write(testerId, bytes((c,)))

    @keyword(tags=["renode"])
    def write_char_delay(self, delay: float, testerId: int | None = None) -> None:
        """Lets so many seconds of virtual time pass before each character that is written from now on."""
        self._testers.find(testerId).write_delay_ns = _nanoseconds(delay)

    def _write(self, number: int | None, content: bytes | str) -> UartTester:
        tester = self._testers.find(number)
        try:
            tester.write(content.encode() if isinstance(content, str) else content)
        except EngineError as error:
            raise keyword_exception(str(error)) from None
        return tester

    @keyword(tags=["renode"])
    def register_failing_uart_string(
        self, pattern: str, treatAsRegex: bool = False, testerId: int | None = None
    ) -> None:
        """Lets every wait of a tester fail as soon as a line contains ``pattern``."""
        self._testers.find(testerId).failing.append((pattern, treatAsRegex))

    @keyword(tags=["renode"])
    def unregister_failing_uart_string(
        self, pattern: str, treatAsRegex: bool = False, testerId: int | None = None
    ) -> None:
        """Ends what `Register Failing Uart String` began with the same arguments."""
        unregister(self._testers.find(testerId).failing, pattern, regex=treatAsRegex)

    @keyword(tags=["renode"])
    def get_terminal_tester_report(self, testerId: int | None = None) -> str:
        """Returns what a tester has matched and passed over."""
        return self._testers.find(testerId).report()

    @keyword(tags=["renode"])
    def clear_terminal_tester_report(self, testerId: int | None = None) -> None:
        """Forgets the report of a tester and every line so far."""
        self._testers.find(testerId).clear_report()

    def _found(
        self, number: int | None, test: Callable[[UartTester], Match | None], *, binary: bool = False
    ) -> DotDict:
        tester = self._testers.find(number)
        if tester.binary is not binary:
            raise AssertionError(
                f"InvalidOperationException: Attempt to wait for {'bytes' if binary else 'text'} on a tester "
                f"configured in {'binary' if tester.binary else 'text'} mode. "
                f"Please set binaryMode={not tester.binary} when creating the tester."
            )
        found = test(tester)
        if found is None:
            raise self._failed(tester)
        if found.is_failing:
            raise tester_failed(f"Test failing entry has been found on UART:\n{found.line}")
        logger.info(f"{tester.port}: {found.line!r} at {found.timestamp_ms:g} ms of virtual time")
        return DotDict(
            Line=found.line, Timestamp=found.timestamp_ms, Groups=list(found.groups), IsFailingString=False
        )

    def _failed(self, tester: UartTester) -> AssertionError:
        explained = self._context.failure(f"Full report:\n{tester.report()}\n")
        return tester_failed(str(explained))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _limit(seconds: float | None) -> int | None:
    return None if seconds is None else _nanoseconds(seconds)
