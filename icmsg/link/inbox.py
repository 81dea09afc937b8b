"""Inbox of an endpoint that a test opens: what it received, and how often it was bound."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.ipc import EndpointConfig

if TYPE_CHECKING:
    from icmsg.errors import IcmsgError


class Inbox:
    """Callbacks of an endpoint, which fill ``received`` and ``errors`` and count ``bound`` and ``unbound``."""

    def __init__(self) -> None:
        self.received: Final[deque[bytes]] = deque()
        self.errors: Final[list[IcmsgError]] = []
        self.bound_count = 0
        self.unbound_count = 0

    def take(self, data: bytes) -> None:
        """Keep one message; who does something else with it overrides this."""
        self.received.append(data)

    def callbacks(self, name: str, prio: int = 0) -> EndpointConfig:
        """Return what the backend is given for the endpoint ``name``."""
        return EndpointConfig(
            name=name,
            bound=self._bound,
            received=self.take,
            error=self.errors.append,
            unbound=self._unbound,
            prio=prio,
        )

    def _bound(self) -> None:
        self.bound_count += 1

    def _unbound(self) -> None:
        self.unbound_count += 1
