"""The Monitor of a Renode elsewhere, and the machine that somebody made there.

The Monitor that Renode serves with ``renode -P PORT``, for one client at a time.

A machine behind the port of a Monitor, which hangs up when it is closed.
"""

from __future__ import annotations

import contextlib
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from icmsg.engines.lockstep.monitor_proxy import MonitorProxy
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.engines.remote.connection import (
    HungUpError,
    MonitorConnection,
    SilenceError,
    TooMuchError,
    prompt_at_end,
    read_answer,
    shown,
)
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.transport import CONNECT_S, PATIENCE_S, check_line, find_platform
from icmsg.errors import EngineError, MonitorError
from icmsg.machine.console import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType


DEFAULT_PORT: Final = 1234
"""Port on which a Renode without a user interface listens if nobody says otherwise."""
_LONGEST_GREETING: Final = 1 << 20
_LONGEST_ANSWER: Final = 8 << 20
_SHOWN_COMMAND: Final = 120
_AT_ONCE: Final = re.compile(
    r"\s*(?:using sysbus|path add \S+|\w+ (?:IsHalted|PC|VectorTableOffset)|currentTime)\s*"
)
"""Commands with which the work begins, and which take no time on any Renode."""


class TelnetMonitor:
    """A transport to the Monitor at ``host`` and ``port``.

    Times are wall time. ``connect_s`` is how long connection and first prompt may take, ``patience_s`` how long a
    command may take that lets virtual time pass, loads something or prints much; 0 = for ever. An answer has at most
    8 MiB. What a command prints must not have the prompt in it: where the network cuts behind it, it counts as the end
    of the answer. Nothing is answered to its telnet options, because it does not listen to answers.
    Use it as a context manager, or call :meth:`close`.

    Raises:
        EngineError: nobody listens there, or it does not answer as Renode's Monitor does.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        patience_s: float = PATIENCE_S,
        connect_s: float = CONNECT_S,
    ) -> None:
        self._patience_s = patience_s
        self._connect_s = connect_s
        self._cause = ""
        self.prompt = ""
        """The name in the last prompt: ``monitor``, or the selected machine."""
        self._connection = MonitorConnection(host, port, connect_s, _LONGEST_GREETING)
        self._where = self._connection.where
        self._is_open = True
        with self._closing_on_error():
            self._greet()

    def execute(self, command: str) -> str:
        """Run one line and return what it prints.

        Raises:
            MonitorError: the Monitor refuses it, or it is not one line.
            EngineError: the Monitor has gone, is silent for too long, or answers something else.
        """
        check_line(command)
        if not self._is_open:
            cause = f", because {self._cause}" if self._cause else ""
            raise EngineError(
                f"the connection to the Monitor at {self._where} is closed{cause}; make a new one"
            )
        if not command.strip():
            return ""
        limit_s = self._limit_s(command)
        with self._closing_on_error():
            self._connection.begin(limit_s or None, _LONGEST_ANSWER)
            answer = None
            text = ""
            try:
                self._connection.send(command + "\r")
                while answer is None:
                    text += self._connection.receive()
                    answer = read_answer(command, text, self.prompt)
            except (SilenceError, TooMuchError, HungUpError, ValueError) as error:
                raise EngineError(self._no_answer(command, text, limit_s, error)) from None
        self.prompt = answer.prompt
        if answer.failed:
            raise MonitorError(answer.text)
        return answer.text

    def close(self) -> None:
        """Hang up; Renode goes on. May be called twice."""
        self._is_open = False
        self._connection.close()

    def __enter__(self) -> TelnetMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _limit_s(self, command: str) -> float:
        if all(map(_AT_ONCE.fullmatch, command.split(";"))):
            return min(self._connect_s, self._patience_s or self._connect_s)
        return self._patience_s

    def _greet(self) -> None:
        """Begin on an empty line: there may be a banner, or what another client left behind.

        Ctrl-C empties the line; the prompt behind its echo is the one from which on everything is ours.
        """
        text = ""
        try:
            self._connection.send("\x03")
            while True:
                text += self._connection.receive()
                echo = text.rfind("^C")
                name = prompt_at_end(text[echo + 2 :]) if echo >= 0 else None
                if name is not None:
                    self.prompt = name
                    return
        except (SilenceError, TooMuchError, HungUpError) as error:
            raise EngineError(self._no_greeting(text, error)) from None

    def _no_greeting(self, text: str, error: Exception) -> str:
        is_busy = "another client may be connected (the port serves one at a time)"
        if isinstance(error, TooMuchError):
            return f"what listens on {self._where} is no Monitor of Renode: it sends without end, first {shown(text)}"
        if isinstance(error, HungUpError):
            return (
                f"what listens on {self._where} hung up before it showed a prompt ({error}; it sent {shown(text)}): "
                f"Renode has ended, {is_busy}, or it is no Monitor of Renode"
            )
        if text.strip():
            return (
                f"what listens on {self._where} is no Monitor of Renode, or is busy with a script: "
                f"it sent {shown(text)} and no prompt within {self._connect_s:g} s (--connect-timeout)"
            )
        return (
            f"what listens on {self._where} says nothing within {self._connect_s:g} s (--connect-timeout): {is_busy}, "
            "Renode may be busy with a script, or it is no Monitor of Renode"
        )

    def _no_answer(self, command: str, text: str, limit_s: float, error: Exception) -> str:
        name = f"`{printable(command[:_SHOWN_COMMAND])}{'…' if len(command) > _SHOWN_COMMAND else ''}`"
        monitor = f"the Monitor at {self._where}"
        # The echo of what was typed is no answer.
        came = shown(text[len(command) :] if text.startswith(command) else text)
        if isinstance(error, HungUpError):
            if error.still_listens:
                return (
                    f"{monitor} hung up at {name} ({error}; it sent {came}), but somebody listens there still: "
                    "was Renode started again?"
                )
            return (
                f"{monitor} hung up at {name} ({error}; it sent {came}), and nobody listens there any more: "
                "Renode has ended; where it was started, its last lines say why"
            )
        if isinstance(error, TooMuchError):
            return (
                f"{monitor} prints without end at {name}: more than {_LONGEST_ANSWER >> 20} MiB, first {came}"
            )
        if isinstance(error, SilenceError) and str(error):
            return f"{monitor} had not answered {name} yet (it sent {came}) when it was interrupted"
        if isinstance(error, SilenceError):
            return (
                f"{monitor} did not answer {name} within {limit_s:g} s of wall time (it sent {came}), though it is "
                "connected: a core may be locked up (a fault in a fault handler), Renode may be stopped, or the "
                "command takes longer: --stall-timeout, or patience_s"
            )
        return f"{monitor} answers something else: {error}; is somebody else typing into it?"

    @contextlib.contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        """Answers cannot be told apart any more after an error, except a refusal; what is asked later says why."""
        try:
            yield
        except BaseException as error:
            self._cause = self._cause or str(error) or type(error).__name__
            self.close()
            raise


class TelnetMachine(RemoteMachine):
    """The machine that is selected in the Monitor at ``host`` and ``port``; the rest as for RemoteMachine.

    ``waits`` are the times of the TelnetMonitor.

    Raises:
        EngineError: no Monitor answers there, or it has no such machine selected.
    """

    def __init__(
        self,
        host: str,
        port: int,
        platform: str | Path | None = None,
        *,
        waits: Mapping[str, float] | None = None,
        **given: Any,
    ) -> None:
        self._monitor = TelnetMonitor(host, port, **(waits or {}))
        try:
            super().__init__(self._monitor, platform, **given)
        except BaseException:
            self._monitor.close()
            raise

    def _close(self) -> None:
        super()._close()
        self._monitor.close()


class Terminal(Protocol):
    """A transport that knows the prompt, as :class:`icmsg.engines.remote.monitor.TelnetMonitor`."""

    @property
    def prompt(self) -> str:
        """The name in the last prompt."""

    def execute(self, command: str) -> str:
        """Run one line."""

    def close(self) -> None:
        """Hang up."""


class _TerminalTransport:
    """Renode behind a terminal, as :class:`icmsg.engines.lockstep.monitor_proxy.MonitorTransport`."""

    is_shared: Final = True

    def __init__(self, terminal: Terminal, platform: str | Path | None) -> None:
        self._terminal = terminal
        self._platform = platform

    @property
    def selected(self) -> str | None:
        name = self._terminal.prompt
        return name if name != "monitor" else None

    def settle(self, folder: Path) -> None:
        with suppress(MonitorError):  # it may be on another computer
            self.run(f"path add {monitor_path(folder)}")

    def run(self, command: str) -> str:
        lines = command.expandtabs(4).split("\n")  # a text between three quotes is typed line by line
        return "\n".join(filter(None, map(self._terminal.execute, lines)))

    def attach(self, name: str) -> RemoteMachine:
        del name  # the selected one
        return RemoteMachine(self._terminal, self._platform or find_platform(self._terminal))


class RemoteMonitor(MonitorProxy[RemoteMachine]):
    """The Monitor behind ``terminal``; ``platform`` is what machines there are made of.

    By default that is the shipped file whose cores the machine has.
    """

    def __init__(self, terminal: Terminal, platform: str | Path | None = None) -> None:
        super().__init__(_TerminalTransport(terminal, platform))
        self._terminal = terminal

    def close(self) -> None:
        """Let the machine go and hang up; Renode goes on. May be called twice."""
        self._detach()
        self._terminal.close()
