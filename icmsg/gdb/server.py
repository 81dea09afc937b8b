"""All GDB servers of one machine, and the port of each.

Port of the GDB server: at most one client, and bounded buffers in both directions.

All GDB servers of one machine: they are looked at between slices, and time stands while a client is halted.
"""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, MonitorError
from icmsg.gdb.session import INTERRUPT, Corrupt, GdbPacketReader, GdbSession, frame
from icmsg.gdb.target import REGISTERS, StopReason, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.gdb.target import RegisterSet


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


LOOPBACK: Final = "127.0.0.1"
_LOOK_S: Final = 0.1
"""Seconds after which a wait looks whether it shall end."""
_EVERY: Final = 32
"""Slices and actions between two looks at the sockets."""


class Halted(Exception):  # noqa: N818 - the state of a core in GDB's terms
    """A client is halted, and who lets time pass does not want to wait for it."""


class Debugger:
    """GDB servers for the cores of ``machine``; ``monitor(text)`` executes what ``monitor`` in GDB is followed by.

    Where it ``waits``, time that shall pass stands still until all clients have continued. Else :class:`Halted` is
    raised out of whatever lets it pass, which may try again later.
    """

    def __init__(
        self,
        machine: EmbeddedMachine,
        monitor: Callable[[str], str] | None = None,
        *,
        waits: bool = True,
    ) -> None:
        self.servers: Final[list[Server]] = []
        self.waits = waits
        self._machine: Final = machine
        self._monitor: Final = monitor or _no_monitor
        self._countdown = 0
        self._expects: set[Server] = set()
        self._comes: Callable[[], bool] = lambda: True

    def listen(
        self,
        port: int,
        cores: Iterable[str] = (),
        *,
        host: str = LOOPBACK,
        greeted: Callable[[], None] = lambda: None,
    ) -> Server:
        """Listen on ``port`` (0: any free one) for a client that debugs ``cores`` (default: all of them).

        ``greeted`` is called when one has come.

        Raises:
            ConfigurationError: the port cannot be used, or the cores are not all of one architecture.
        """
        machine = self._machine
        names = [machine.core(name).name for name in cores] or list(machine.cores)
        sets = {REGISTERS[machine.soc.cores[name].kind] for name in names}
        if len(sets) != 1:
            raise ConfigurationError(
                f"cores {', '.join(names)} are not of one architecture, and GDB knows one at a time: "
                "start a server for each, and name its core"
            )
        found = [machine.core(name) for name in names]
        server = Server(host, port, found, sets.pop(), self._monitor, greeted)
        self.servers.append(server)
        machine.scheduler.between = self.between
        return server

    @property
    def is_halted(self) -> bool:
        """True while a client keeps virtual time from passing."""
        return any(server.is_halted for server in self.servers)

    def between(self) -> None:
        """Look at the clients now and then, and let no time pass while one of them is halted."""
        self._countdown -= 1
        if self._countdown < 0:
            self._countdown = _EVERY
            self.serve(0)
        while self.is_halted or self._expects:
            if not self.waits:
                raise Halted
            if self._machine.scheduler.is_interrupted:
                return
            self.serve(_LOOK_S)
            if self._expects and not self._comes():
                self._expects.clear()

    def expect_clients(self, comes: Callable[[], bool] = lambda: True) -> None:
        """Let no time pass before each server has had a client, as long as ``comes()``."""
        self._expects, self._comes = set(self.servers), comes

    def serve(self, seconds: float) -> None:
        """Answer what clients say, who may come and go; wait that long for something."""
        with selectors.DefaultSelector() as selector:
            for server in self.servers:
                selector.register(server.listener, selectors.EVENT_READ, server)
                client = server.client
                if client is not None and (events := _events(client)):
                    selector.register(client.peer, events, client)
            if not selector.get_map():
                return
            ready = [(key.data, events) for key, events in selector.select(seconds)]
        for found, events in ready:
            if isinstance(found, Server):
                found.accept()
                self._expects.discard(found)
                continue
            if events & selectors.EVENT_WRITE:
                found.go_on()
            if events & selectors.EVENT_READ and not found.is_closed:
                found.read()
        for server in self.servers:
            if server.client is not None and server.client.is_closed:
                server.client = None

    def stop(self) -> None:
        """Let all clients go, and listen no longer."""
        for server in self.servers:
            server.close()
        self.servers.clear()
        self._expects.clear()
        self._machine.scheduler.between = None


def _events(client: ClientConnection) -> int:
    reads = selectors.EVENT_READ if client.wants_to_read else 0
    return reads | (selectors.EVENT_WRITE if client.wants_to_write else 0)


def _no_monitor(_command: str) -> str:
    raise MonitorError("there is no Monitor here")
