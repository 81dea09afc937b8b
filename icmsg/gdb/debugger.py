"""All GDB servers of one machine: they are looked at between slices, and time stands while a client is halted."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, MonitorError
from icmsg.gdb.registers import REGISTERS
from icmsg.gdb.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.gdb.server import ClientConnection

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
        kinds = {machine.soc.cores[name].kind for name in names}
        if len(kinds) != 1:
            raise ConfigurationError(
                f"cores {', '.join(names)} are not of one architecture, and GDB knows one at a time: "
                "start a server for each, and name its core"
            )
        found = [machine.core(name) for name in names]
        server = Server(host, port, found, REGISTERS[kinds.pop()], self._monitor, greeted)
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
