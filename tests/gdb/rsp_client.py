"""A client of the remote serial protocol for tests: it talks in a thread while the machine runs in the test's own."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from icmsg.gdb.session import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S: Final = 30


class Client:
    """A connection to a server at ``port`` of this computer."""

    def __init__(self, port: int) -> None:
        self.peer: Final = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._bytes = b""

    def ask(self, packet: str | bytes) -> str:
        """Send a packet and return its answer."""
        self.send(packet)
        return self.receive()

    def send(self, packet: str | bytes) -> None:
        self.peer.sendall(frame(packet.encode() if isinstance(packet, str) else packet))

    def interrupt(self) -> None:
        self.peer.sendall(b"\x03")

    def receive(self) -> str:
        """Return the next packet, acknowledgements left out; an empty text and the end of the stream are different."""
        while True:
            before, start, rest = self._bytes.partition(b"$")
            assert not before.strip(b"+-"), before
            body, end, behind = rest.partition(b"#")
            if start and end and len(behind) >= 2:
                assert int(behind[:2], 16) == sum(body) & 0xFF
                self._bytes = behind[2:]
                return body.decode("latin-1")
            data = self.peer.recv(65536)
            if not data:
                raise ConnectionError("the server has closed")
            self._bytes += data

    def run(self, packet: str = "vCont;c") -> str:
        """Continue, or step, and return the stop reply."""
        return self.ask(packet)

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def close(self) -> None:
        self.peer.close()


@contextmanager
def talking(port: int, talk: Callable[[Client], None]) -> Iterator[None]:
    """Let ``talk`` have a client in a thread until the end of the context; what it raises is raised there."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            client = Client(port)
            try:
                talk(client)
            finally:
                client.close()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the client still waits for an answer"
    if raised:
        raise raised[0]
