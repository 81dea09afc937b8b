"""Watches a link with several endpoints from outside: pairs what one side sends with what comes back, at each one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.link.endpoints.followed import follow_endpoints
from icmsg.link.workload import EchoPairs
from icmsg.machine.events import EndpointMessage, Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.errors import IcmsgError
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine


class WatchedEndpoint(EchoPairs):
    """Messages and echoes of one endpoint; ``initiator`` is the core that sends first there, None until one does."""

    def __init__(
        self, initiator: str | None, limit: int | None, answer: Callable[[bytes], bytes] | None
    ) -> None:
        super().__init__(limit, answer)
        self.initiator = initiator


class EndpointWatch:
    """Counts messages and echoes between ``first`` (``config`` as this core has it) and ``second``, by endpoint.

    The core whose message comes first at an endpoint is the one that initiates there, unless ``initiator`` names it for
    all. Of an initiator without end ``limit`` messages are counted at each. Neither core has run yet. Call :meth:`look`
    in the condition of ``run_until``, which is asked after every slice.
    """

    def __init__(
        self,
        machine: Machine,
        first: Core,
        second: Core,
        config: SeveralConfig,
        names: Sequence[str],
        *,
        peer_config: SeveralConfig | None = None,
        initiator: str | None = None,
        limit: int | None = None,
        answer: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.endpoints: Final = {name: WatchedEndpoint(initiator, limit, answer) for name in names}
        self.total = 0
        """Messages of both sides, at all endpoints."""
        self.others: Final[set[str]] = set()
        """Endpoints at which messages were seen that nobody asked for, by name or number."""
        self._cores: Final = {core.index: core.name for core in (first, second)}
        self._followed: Final = follow_endpoints(machine, first, second, config, names, peer_config)
        machine.events.add_sink(self._on_message, (EventKind.ENDPOINT_MESSAGE,))
        machine.events.add_sink(self._on_reset, (EventKind.CORE_RESET,))

    def look(self) -> None:
        """Look for what no doorbell has announced yet."""
        self._followed.look()

    def bound_ns(self, name: str) -> int | None:
        """Return the virtual time since when both sides have the endpoint; None while they have not."""
        return self._followed.bound_ns.get(name)

    @property
    def problems(self) -> list[str]:
        """The first thing that makes no sense in memory, then the first difference of each endpoint."""
        found: list[IcmsgError | str] = [*self._followed.problems[:1]]
        for name, endpoint in self.endpoints.items():
            if endpoint.first_difference is not None:
                found.append(f"endpoint {name}: {endpoint.first_difference}")
        return [str(one) for one in found]

    def _on_message(self, event: Event) -> None:
        news = event.news
        if event.core not in self._cores or not isinstance(news, EndpointMessage):
            return
        self.total += 1
        endpoint = self.endpoints.get(news.endpoint)
        if endpoint is None:
            self.others.add(news.endpoint)
            return
        core = self._cores[event.core]
        if endpoint.initiator is None:
            endpoint.initiator = core
        take = endpoint.message if core == endpoint.initiator else endpoint.echo
        take(news.payload, event.time_ns)

    def _on_reset(self, event: Event) -> None:
        if event.core in self._cores:
            for endpoint in self.endpoints.values():
                endpoint.give_up()
