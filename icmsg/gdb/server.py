"""Port of the GDB server: at most one client, and bounded buffers in both directions."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.gdb.packets import INTERRUPT, Corrupt, GdbPacketReader, frame
from icmsg.gdb.session import GdbSession
from icmsg.gdb.target import StopReason, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.gdb.registers import RegisterSet

_LAST_PORT: Final = 0xFFFF
_RECEIVED: Final = 0x4000
"""Bytes that are taken from a client at once."""
_BUSY: Final = 0x8000
"""Bytes to be sent from which on nothing more is read from the client."""
_MOST_UNSENT: Final = 0x40_0000
"""Bytes to be sent with which a client that does not read is given up."""


class ClientConnection:
    """A client at the other end of ``peer``."""

    def __init__(self, peer: socket.socket, target: Target, monitor: Callable[[str], str]) -> None:
        peer.setblocking(False)
        with suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer: Final = peer
        self.session: Final = GdbSession(target, monitor, self.send)
        self.is_closed = False
        self._target = target
        self._reader = GdbPacketReader()
        self._unsent = bytearray()
        self._last = b""

    @property
    def wants_to_read(self) -> bool:
        """True while there is room for what the client says."""
        return len(self._unsent) < _BUSY

    @property
    def wants_to_write(self) -> bool:
        """True while something waits to be sent."""
        return bool(self._unsent)

    def send(self, data: bytes) -> None:
        """Send a packet, as far as the client reads."""
        self._last = frame(data)
        self._put(self._last)

    def _put(self, data: bytes) -> None:
        self._unsent += data
        if len(self._unsent) > _MOST_UNSENT:
            self.close()
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the client reads."""
        if self.is_closed or not self._unsent:
            return
        try:
            sent = self.peer.send(self._unsent)
            del self._unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def go_on(self) -> None:
        """Send what waits, and answer what could not be answered before."""
        self.flush()
        if self._reader.kept and not self.is_closed:
            self.work()

    def read(self) -> None:
        """Take what the client has sent, and answer it."""
        try:
            data = self.peer.recv(_RECEIVED)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if data[:1] == b"-" and self.session.acknowledges:
            self._put(self._last)
        self._reader.feed(data)
        self.work()

    def work(self) -> None:
        """Answer what was read, as long as the client takes the answers."""
        session = self.session
        for packet in self._reader.packets():
            if packet is INTERRUPT:
                session.interrupt()
                continue
            if session.acknowledges:
                self._put(b"-" if isinstance(packet, Corrupt) else b"+")
            if isinstance(packet, Corrupt):
                continue
            answer = session.answer(packet)
            if answer is not None:
                self.send(answer)
            if session.has_left:
                self.close()
            if self.is_closed or not self.wants_to_read:
                return

    def close(self) -> None:
        """Let the client go; what it has inserted goes with it."""
        if not self.is_closed:
            self.is_closed = True
            self.session.is_halted = False
            self._target.clear()
            self.peer.close()


class Server:
    """A port at which one client at a time finds ``cores``; ``greeted`` is called when one has come."""

    def __init__(
        self,
        host: str,
        port: int,
        cores: Sequence[MachineCore],
        registers: RegisterSet,
        monitor: Callable[[str], str],
        greeted: Callable[[], None],
    ) -> None:
        self._monitor: Final = monitor
        self._greeted: Final = greeted
        self._target: Final = Target(cores, registers, self._stopped)
        self.cores: Final = self._target.cores
        self.client: ClientConnection | None = None
        if not 0 <= port <= _LAST_PORT:
            raise ConfigurationError(
                f"there is no port {port}; use one up to {_LAST_PORT}, or 0 for any free one"
            )
        try:
            self.listener: Final = socket.create_server((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"a GDB server cannot listen on {host}:{port}: {error.strerror or error}; give it another port"
            ) from None
        self.listener.setblocking(False)
        self.host, self.port = self.listener.getsockname()[:2]

    @property
    def is_halted(self) -> bool:
        """True while a client keeps virtual time from passing."""
        return self.client is not None and self.client.session.is_halted

    def accept(self) -> None:
        """Let a client in; where one is already, it is turned away."""
        try:
            peer, _address = self.listener.accept()
        except OSError:
            return
        if self.client is not None:
            peer.close()
            return
        self.client = ClientConnection(peer, self._target, self._monitor)
        self._greeted()

    def _stopped(self, reason: StopReason) -> None:
        if self.client is not None:
            self.client.session.stop(reason)

    def close(self) -> None:
        """Tell a client that everything has ended, and listen no longer."""
        if self.client is not None and not self.client.is_closed:
            if not self.client.session.is_halted:
                self.client.send(b"W00")
            self.client.close()
        self.client = None
        self.listener.close()
