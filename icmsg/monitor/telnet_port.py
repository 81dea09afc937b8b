"""Port of this computer at which one client at a time reads and writes bytes, as telnet sends them or plain."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from icmsg.engines.remote.connection import TelnetDecoder
from icmsg.errors import MonitorError

LOOPBACK: Final = "127.0.0.1"
_LAST_PORT: Final = 0xFFFF
_AT_ONCE: Final = 4096
_MOST_WAITING: Final = 1 << 16
"""Bytes that are kept for a client that does not read, or that has not come yet."""
_IAC, _WILL = 255, 251
_GREETING: Final = bytes((_IAC, _WILL, 1, _IAC, _WILL, 3))
"""The server echoes, and nobody waits for a line: so a client sends each key (RFC 857, 858)."""


class TelnetPort:
    """Port ``port``, 0 for any free one; with ``telnet`` commands of telnet are understood.

    ``forgets``: what is sent before a client comes is not kept for it.

    Raises:
        MonitorError: the port cannot be used.
    """

    def __init__(self, port: int, *, telnet: bool = True, forgets: bool = False) -> None:
        if not 0 <= port <= _LAST_PORT:
            raise MonitorError("Port must be between 0 and 65535")
        try:
            self._listener: Final = socket.create_server((LOOPBACK, port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise MonitorError(
                f"Unable to create '{LOOPBACK}:{port}' socket: {reason}; give another port"
            ) from None
        self._listener.setblocking(False)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._telnet: Final = telnet
        self._forgets: Final = forgets
        self._peer: socket.socket | None = None
        self._reader = TelnetDecoder()
        self._waiting = bytearray()
        self.lost = 0
        """Bytes that nobody read in time."""

    @property
    def has_client(self) -> bool:
        """True while somebody is connected."""
        return self._peer is not None

    def fileno(self) -> int:
        """Return what ``select`` waits for: the client, or the listener."""
        return (self._peer or self._listener).fileno()

    def accept(self) -> bool:
        """Let a client in, if one waits and none is there; return whether one came."""
        if self._peer is not None:
            return False
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return False
        peer.setblocking(False)
        with suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peer, self._reader = peer, TelnetDecoder()
        if self._forgets:
            self._waiting.clear()
        if self._telnet:
            self._waiting[:0] = _GREETING
        self.flush()
        return True

    def receive(self) -> bytes:
        """Return what the client has sent since the last time; it is let go if it has gone."""
        if self._peer is None:
            return b""
        try:
            received = self._peer.recv(_AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError:
            received = b""
        if not received:
            self._hang_up()
            return b""
        if not self._telnet:
            return received
        try:
            self._reader.begin()
            return self._reader.decode(received)
        except ValueError:  # telnet commands without end
            self._hang_up()
            return b""

    def send(self, data: bytes) -> None:
        """Send bytes, as far as the client reads; the others wait, the last 64 KiB of them."""
        self._waiting += data.replace(b"\xff", b"\xff\xff") if self._telnet else data
        self.flush()
        if (over := len(self._waiting) - _MOST_WAITING) > 0:
            del self._waiting[:over]
            self.lost += over

    def flush(self) -> None:
        """Send what waits."""
        try:
            while self._peer is not None and self._waiting:
                del self._waiting[: self._peer.send(self._waiting[:_AT_ONCE])]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def close(self) -> None:
        """Let the client go, and free the port."""
        self.flush()
        self._hang_up()
        self._listener.close()
