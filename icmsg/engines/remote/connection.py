"""A connection to a port: every answer has a limit of time and of size, and every end of it a cause in words.

Output of Renode's Monitor to a terminal, taken apart: telnet commands, colours, echo, output, prompt.

Read in the sources of Renode 1.16.1 and later (``SocketServerProvider``) and of its shell (AntShell): at connection the
server announces telnet options and does not care about answers. The shell echoes each character, ends the echo with
``\\n\\r``, prints, and then the prompt: ``(monitor) ``, or the name of the selected machine in parentheses. Errors are
written in red, a text with its line end at a time; with ``--plain`` there are no colours.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icmsg.engines.remote.transport import plain
from icmsg.errors import EngineError
from icmsg.machine.console import printable
from icmsg.machine.interruption import is_asked_to_end

if TYPE_CHECKING:
    from collections.abc import Callable


_IAC: Final = b"\xff"
_LONGEST_COMMAND: Final = 4096
_MOST_COMMANDS: Final = 1000
"""Renode announces five options."""
_COMMAND: Final = re.compile(
    rb"\xff(?:[\xfb-\xfe].|\xfa.{0,%d}?\xff\xf0|[^\xfa-\xfe])" % _LONGEST_COMMAND, re.DOTALL
)
"""An option, a subnegotiation up to its end, or anything else of two bytes: a byte 255 is sent twice."""

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])")
_RED_TEXT: Final = re.compile(r"\x1b\[(?:91|;?0?31)m([^\x1b]+\r?\n)\x1b\[0m")
_PROMPT: Final = re.compile(
    r"(?:(?:\A|[\r\n])(?:\x1b\[[\d;]*m)*|\x1b\[[\d;]*m)\((?P<name>[^()\r\n\x1b]+)\) (?:\x1b\[[\d;]*m)*\Z"
)
"""The prompt: on a line of its own, or in a colour of its own, behind output without a line end."""
_LONGEST_PROMPT: Final = 200
_PLAIN_ERRORS: Final = re.compile(
    r"^(?:There was an error executing command '|No such (?:command|variable)"
    r"|Could not (?:find|tokenize|convert|load)\b|Errors during compilation or loading:|Bad parameters for command "
    r"|Command \S+ failed, returning |Failed to download |Machine \S+ not found\."
    r"|No (?:machine selected|device found|accessor specified)|Select active machine first"
    r"|Argument not found for |Accessor )",
    re.MULTILINE,
)
"""Beginnings of texts that Renode writes with ``WriteError``; without colours there is nothing else to go by."""


class TelnetDecoder:
    """Takes telnet commands out of a stream of bytes that comes in any pieces."""

    def __init__(self) -> None:
        self._waiting = b""
        self._commands = 0

    def begin(self) -> None:
        """Let an answer begin, to which a limited number of telnet commands may belong."""
        self._commands = 0

    def decode(self, data: bytes) -> bytes:
        """Return what is text of ``data``, and of what was left over from the last time.

        Raises:
            ValueError: more telnet commands than belong to any answer, or a longer one than there are.
        """
        data, self._waiting = self._waiting + data, b""
        text, at = bytearray(), 0
        while (start := data.find(_IAC, at)) >= 0:
            text += data[at:start]
            found = _COMMAND.match(data, start)
            if found is None:
                self._waiting = data[start:]
                if len(self._waiting) > _LONGEST_COMMAND:
                    raise ValueError("a telnet command does not end")
                return bytes(text)
            at = found.end()
            if found[0] == _IAC * 2:
                text += _IAC
            else:
                self._commands += 1
                if self._commands > _MOST_COMMANDS:
                    raise ValueError("telnet commands without end")
        text += data[at:]
        return bytes(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """Text that was printed, without colours; whether it is an error; the name in the prompt behind it."""

    text: str
    failed: bool
    prompt: str


def without_sequences(text: str) -> str:
    """Return a text without colours and movements of the cursor."""
    return _SEQUENCE.sub("", text)


def prompt_at_end(text: str, known: str = "") -> str | None:
    """Return the name in the prompt with which ``text`` ends, None if it ends with something else.

    The ``known`` one of before needs neither a line nor a colour of its own.
    """
    end = text if len(text) <= _LONGEST_PROMPT else "." + text[-_LONGEST_PROMPT:]
    found = _PROMPT.search(end)
    if found is not None:
        return found["name"]
    return known if known and without_sequences(end).endswith(f"({known}) ") else None


def read_answer(command: str, text: str, known: str = "") -> Answer | None:
    """Take apart what came after ``command`` was sent; None while it does not end with a prompt.

    ``known`` is the name in the prompt of before.

    Raises:
        ValueError: it does not begin with the echo of the command: somebody else types, too.
    """
    name = prompt_at_end(text, known)
    if name is None:
        return None
    start = _end_of_echo(command, text)
    body = text[start : text.rindex(f"({name}) ")]
    printed = plain(without_sequences(body))
    failed = _RED_TEXT.search(body) is not None or _PLAIN_ERRORS.search(printed) is not None
    return Answer(printed, failed, name)


def _end_of_echo(command: str, text: str) -> int:
    """Return where the output begins; the echo may have movements of the cursor in it, as at the end of a line."""
    at = 0
    for character in command:
        while (moved := _SEQUENCE.match(text, at)) is not None:
            at = moved.end()
        if text[at : at + 1] != character:
            raise ValueError(f"{text[:80]!r} does not begin with the echo of {command!r}")
        at += 1
    end = text.find("\n", at)
    if end < 0 or without_sequences(text[at:end]).strip("\r"):
        raise ValueError(f"{text[:80]!r} is not the echo of {command!r} alone")
    return end + 1


_PIECE: Final = 1 << 16
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Renode sends byte by byte and lets TCP gather them until the last ones are acknowledged: where we delay that, as
systems do, each answer takes 40 ms longer."""
_SHOWN: Final = 80
_STILL_THERE_S: Final = 0.3
_LOOK_S: Final = 0.5
_PATIENCE_S: Final = 2.0
"""Wall time after Ctrl-C in which an answer may still come."""


class SilenceError(Exception):
    """An answer was not complete in time, or not before somebody lost patience (Ctrl-C)."""


class TooMuchError(Exception):
    """An answer had more bytes than any of a Monitor has."""


class HungUpError(Exception):
    """The other side ended the connection; ``still_listens`` tells whether somebody listens there all the same."""

    def __init__(self, reason: str, *, still_listens: bool) -> None:
        super().__init__(reason)
        self.still_listens = still_listens


class MonitorConnection:
    """A connection to ``host`` and ``port``; it and the first answer have ``limit_s`` seconds and ``limit_bytes``.

    Raises:
        EngineError: there is no such host, or nobody listens there.
    """

    def __init__(self, host: str, port: int, limit_s: float, limit_bytes: int) -> None:
        self.where: Final = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._telnet = TelnetDecoder()
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._until: float | None = None
        self._left = 0
        self.begin(limit_s, limit_bytes)
        self._addresses = self._resolve(host, port, limit_s)
        self._socket: Final = self._connect(port)
        with contextlib.suppress(OSError):  # a connection that has gone says so at its first use
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def begin(self, limit_s: float | None, limit_bytes: int) -> None:
        """Let an answer begin, which has to be complete within ``limit_s`` (None: whenever) and ``limit_bytes``."""
        self._until = None if limit_s is None else time.monotonic() + limit_s
        self._left = limit_bytes
        self._telnet.begin()

    def send(self, text: str) -> None:
        """Send text; SilenceError if the other side does not take it, HungUpError if it has gone."""
        self._exchange(lambda: self._send(text.encode()))

    def receive(self) -> str:
        """Return some more text of the answer; SilenceError, TooMuchError or HungUpError where there is none."""
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):  # the next call says it
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)  # holds for a while only
        data: bytes = self._exchange(self._receive)
        if not data:
            raise HungUpError("end of the connection", still_listens=self._still_listens())
        self._left -= len(data)
        if self._left < 0:
            raise TooMuchError
        try:
            return self._text.decode(self._telnet.decode(data))
        except ValueError:  # telnet commands without end
            raise TooMuchError from None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _exchange(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except TimeoutError:
            raise SilenceError from None
        except OSError as error:
            raise HungUpError(error.strerror or str(error), still_listens=self._still_listens()) from None

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._rest_s())
        self._socket.sendall(data)

    def _receive(self) -> bytes:
        asked_s = 0.0
        while True:
            rest_s = self._rest_s()
            self._socket.settimeout(_LOOK_S if rest_s is None else min(rest_s, _LOOK_S))
            try:
                return self._socket.recv(_PIECE)
            except TimeoutError:
                asked_s += _LOOK_S * is_asked_to_end()
                if asked_s >= _PATIENCE_S:
                    raise SilenceError("interrupted") from None

    def _rest_s(self) -> float | None:
        if self._until is None:
            return None
        rest_s = self._until - time.monotonic()
        if rest_s <= 0:
            raise TimeoutError
        return rest_s

    def _still_listens(self) -> bool:
        for family, kind, protocol, _, address in self._addresses:
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as other:
                other.settimeout(_STILL_THERE_S)
                other.connect(address)
                return not _is_alone(other)
        return False

    def _resolve(self, host: str, port: int, limit_s: float) -> list[Any]:
        """Return the addresses of a host; a name server that does not answer cannot hold us."""
        found: list[Any] = []
        failure: list[str] = [f"no answer within {limit_s:g} s"]

        def look() -> None:
            try:
                found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except OSError as error:
                failure[:] = [error.strerror or str(error)]
            except ValueError:  # Python's codec for names that are none
                failure[:] = ["that is no name of a host"]

        thread = threading.Thread(target=look, name="icmsg look-up", daemon=True)
        thread.start()
        thread.join(limit_s)
        if not found:
            raise EngineError(
                f"host {printable(host)!r} is not known here ({failure[0]}); give the name or the address of the "
                f"computer that Renode runs on, 127.0.0.1:{port} for this one"
            )
        return found

    def _connect(self, port: int) -> socket.socket:
        reason = ""
        for family, kind, protocol, _, address in self._addresses:
            candidate = socket.socket(family, kind, protocol)
            try:
                candidate.settimeout(self._rest_s())
                candidate.connect(address)
            except OSError as error:
                candidate.close()
                reason = error.strerror or str(error) or "no answer"
                continue
            if _is_alone(candidate):
                candidate.close()
                reason = "Connection refused"
                continue
            return candidate
        raise EngineError(
            f"no Monitor listens on {self.where} ({reason}); start Renode with "
            f"`renode --disable-gui -P {port}`, or give the port with which it was started"
        )


def _is_alone(connected: socket.socket) -> bool:
    """Return whether a socket is connected to itself, as TCP does it now and then with a free port of this computer."""
    try:
        return bool(connected.getsockname() == connected.getpeername())
    except OSError:  # the other end has gone already
        return False


def shown(text: str) -> str:
    """Return the begin of a text that somebody sent, in quotes and safe for a terminal; nothing without text."""
    plain = without_sequences(text[: 4 * _SHOWN]).strip()
    return repr(plain[:_SHOWN] + ("…" if len(plain) > _SHOWN else "")) if plain else "nothing"
