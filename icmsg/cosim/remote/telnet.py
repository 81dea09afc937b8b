"""The Monitor that Renode serves with ``renode -P PORT``, for one client at a time."""

from __future__ import annotations

import codecs
import contextlib
import socket
from typing import TYPE_CHECKING, Final

from icmsg.cosim.remote.terminal import TelnetDecoder, prompt_at_end, read_answer
from icmsg.cosim.remote.transport import check_line
from icmsg.errors import EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

DEFAULT_PORT: Final = 1234
"""Where a Renode without a user interface listens if nobody says otherwise."""
_PATIENCE_S: Final = 60.0
_PIECE: Final = 1 << 16
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Renode sends byte by byte and lets TCP gather them until the last ones are acknowledged: where we delay that, as
systems do, each answer takes 40 ms longer."""


class TelnetMonitor:
    """A transport to the Monitor at ``host`` and ``port``.

    ``patience_s`` is how long, in wall time, the Monitor may be silent before it counts as gone: longer than the
    longest command takes. What a command prints must not have the prompt in it: where the network cuts behind it, it
    counts as the end of the answer. Nothing is answered to its telnet options, because it does not listen to answers.
    Use it as a context manager, or call :meth:`close`.

    Raises:
        EngineError: nobody listens there, or it does not answer as Renode's Monitor does.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, patience_s: float = _PATIENCE_S
    ) -> None:
        self._where = f"{host}:{port}"
        self._patience_s = patience_s
        self._telnet = TelnetDecoder()
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self.prompt = ""
        """The name in the last prompt: ``monitor``, or the selected machine."""
        try:
            self._socket: socket.socket | None = socket.create_connection((host, port), timeout=patience_s)
        except OSError as error:
            raise EngineError(
                f"no Monitor listens on {self._where} ({error}); start Renode with "
                f"`renode --disable-gui -P {port}`, or give the port with which it was started"
            ) from error
        self._open.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._closing_on_error():
            self._greet()

    def execute(self, command: str) -> str:
        """Run one line and return what it prints.

        Raises:
            MonitorError: the Monitor refuses it, or it is not one line.
            EngineError: the Monitor has gone, is silent for too long, or answers something else.
        """
        check_line(command)
        if not command.strip():
            return ""
        with self._closing_on_error():
            self._send(command + "\r")
            text = ""
            while True:
                text += self._receive(f"`{command}`")
                try:
                    answer = read_answer(command, text, self.prompt)
                except ValueError as error:
                    raise EngineError(
                        f"the Monitor at {self._where} answers something else: {error}; "
                        "is somebody else typing into it?"
                    ) from error
                if answer is not None:
                    break
        self.prompt = answer.prompt
        if answer.failed:
            raise MonitorError(answer.text)
        return answer.text

    def close(self) -> None:
        """Hang up; Renode goes on. May be called twice."""
        open_socket, self._socket = self._socket, None
        if open_socket is not None:
            open_socket.close()

    def __enter__(self) -> TelnetMonitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _greet(self) -> None:
        """Begin on an empty line: there may be a banner, or what another client left behind.

        Ctrl-C empties the line; the prompt behind its echo is the one from which on everything is ours.
        """
        self._send("\x03")
        text = ""
        while True:
            text += self._receive("Ctrl-C")
            echo = text.rfind("^C")
            name = prompt_at_end(text[echo + 2 :]) if echo >= 0 else None
            if name is not None:
                self.prompt = name
                return

    def _send(self, text: str) -> None:
        try:
            self._open.sendall(text.encode())
        except OSError as error:
            raise EngineError(f"the Monitor at {self._where} has gone ({error}); did Renode end?") from error

    def _receive(self, what: str) -> str:
        try:
            if _QUICK_ACK is not None:
                self._open.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)  # holds for a while only
            data = self._open.recv(_PIECE)
        except TimeoutError as error:
            raise EngineError(
                f"the Monitor at {self._where} did not answer {what} within {self._patience_s:g} s: it serves one "
                "client at a time, and a command that runs for longer needs a larger patience_s"
            ) from error
        except OSError as error:
            raise EngineError(f"the Monitor at {self._where} has gone ({error}); did Renode end?") from error
        if not data:
            raise EngineError(f"the Monitor at {self._where} hung up at {what}; did Renode end?")
        return self._text.decode(self._telnet.decode(data))

    @property
    def _open(self) -> socket.socket:
        if self._socket is None:
            raise EngineError(f"the connection to the Monitor at {self._where} is closed; make a new one")
        return self._socket

    @contextlib.contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        """Answers cannot be told apart any more after an error, except a refusal."""
        try:
            yield
        except BaseException:
            self.close()
            raise
