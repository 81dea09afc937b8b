"""Peers that listen where a Monitor of Renode is expected, and behave as badly as they can: each is one function.

A peer gets the connected socket and talks until its other end has gone. ``greets`` does what Renode does first.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Peer = Callable[[socket.socket], None]
    Answer = Callable[[socket.socket, bytes], None]

OPTIONS: Final = bytes([255, 253, 0, 255, 253, 31, 255, 251, 1, 255, 251, 3, 255, 252, 34])
PROMPT: Final = b"\x1b[33m(nrf5340) \x1b[0m"
GIGABYTE: Final = 1 << 30


class HostileServer:
    """One peer behind a free port; ``sent`` is how many bytes went out before the other end had enough."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: Final[int] = self._server.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._clients.append(client)
                with contextlib.suppress(OSError):
                    self._peer(client)

    def stop_listening(self) -> None:
        """Free the port as the end of a process does."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def __enter__(self) -> HostileServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_listening()
        end = time.monotonic() + 10
        while self._thread.is_alive() and time.monotonic() < end:  # until then a client may be accepted
            for client in list(self._clients):
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            self._thread.join(timeout=0.05)
        for client in self._clients:
            client.close()


def waits(client: socket.socket) -> None:
    """Take what comes, until there is an end."""
    while client.recv(4096):
        pass


def says(data: bytes, *, then: Peer = waits) -> Peer:
    """Send something once."""

    def peer(client: socket.socket) -> None:
        client.sendall(data)
        then(client)

    return peer


def floods(piece: bytes, *, start: bytes = b"") -> Peer:
    """Send a gigabyte made of ``piece``."""
    block = piece * max(1, (1 << 16) // len(piece))

    def peer(client: socket.socket) -> None:
        client.sendall(start)
        for _ in range(GIGABYTE // len(block)):
            client.sendall(block)

    return peer


def drips(piece: bytes, *, start: bytes = b"") -> Peer:
    """Send ``piece`` for ever, slowly, so that there is never a silence."""

    def peer(client: socket.socket) -> None:
        client.sendall(start)
        client.settimeout(0.02)
        while True:
            client.sendall(piece)
            with contextlib.suppress(TimeoutError):
                if not client.recv(4096):
                    return

    return peer


def echoes(client: socket.socket) -> None:
    """Send back what comes."""
    while data := client.recv(4096):
        client.sendall(data)


def closes(client: socket.socket) -> None:
    """Hang up."""
    client.close()


def resets(client: socket.socket) -> None:
    """Hang up without a farewell (RST)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def closes_half(client: socket.socket) -> None:
    """Say that nothing more will come, and listen."""
    client.shutdown(socket.SHUT_WR)
    waits(client)


def noise(client: socket.socket) -> None:
    """Send bytes of any value."""
    floods(os.urandom(1 << 16))(client)


def greets(answer: Answer, *, from_line: int = 0, prompt: bytes = PROMPT) -> Peer:
    """Greet as Renode does; the lines from ``from_line`` on go to ``answer``, the others are answered with nothing."""

    def peer(client: socket.socket) -> None:
        client.sendall(OPTIONS + b"\x1b[0m\r\nRenode, version 1.16.1.0\n\r\n\r" + prompt)
        waiting, lines = b"", 0
        while data := client.recv(1 << 16):
            waiting += data
            while (found := re.match(rb"\x03|[^\x03\r]*\r", waiting)) is not None:
                waiting = waiting[found.end() :]
                if found[0] == b"\x03":
                    client.sendall(b"^C\n\r" + prompt)
                    continue
                lines += 1
                if lines > from_line:
                    answer(client, found[0][:-1])
                else:
                    client.sendall(found[0][:-1] + b"\n\r" + prompt)

    return peer


def answers(text: bytes, *, prompt: bytes = PROMPT) -> Answer:
    """Answer every line with ``text``."""
    return lambda client, line: client.sendall(line + b"\n\r" + text + prompt)


def keeps_silent(_client: socket.socket, _line: bytes) -> None:
    """Answer nothing."""


def only(peer: Peer) -> Answer:
    """Answer a line by doing something else for the rest of the connection."""
    return lambda client, _line: peer(client)


def with_echo(make: Callable[[bytes], Peer]) -> Answer:
    """Answer with the echo, and then do something else for the rest of the connection."""
    return lambda client, line: make(line + b"\n\r")(client)
