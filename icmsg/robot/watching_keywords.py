"""Keywords that look at a link from outside, while firmware runs on both cores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from icmsg.config.instance import InstanceConfig
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.watch import EndpointWatch
from icmsg.link.watch import LinkWatch
from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.link.echo_pairs import EchoPairs
    from icmsg.robot.context import KeywordContext


class WatchingKeywords:
    """Messages between two cores, whoever plays them."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._watch: LinkWatch | EndpointWatch | None = None

    @keyword(tags=["watching"])
    def watch_link(
        self,
        initiator: CoreName | None = None,
        instance: str | None = None,
        endpoints: str | None = None,
        backend: Literal["icmsg", "icbmsg", "icbmsg-rework", "icmsg-me"] | None = None,
        release: str | None = None,
    ) -> None:
        """Starts to watch what the two cores send each other; writes nothing and rings nothing.

        ``initiator`` is the core whose messages the other sends back, by default the one that sends first, of several
        endpoints at each. Those of ICBMsg and icmsg_me are watched one by one: the ``endpoints`` of these names, by
        default those that Python plays, or those of a stub. Of firmware of yours say the ``backend``, and for ICBMsg
        the ``release`` of Zephyr.

        | Watch Link | app | | | # ICMsg |
        | Watch Link | app | endpoints=ep0,ep1 | | # played by Python, or stubs |
        | Watch Link | app | endpoints=ep0,ep1 | backend=icbmsg | # firmware of yours |
        """
        context = self._context
        first, second = (context.core(name) for name in context.links.link(*context.played).cores)
        config, peer = (context.links.whole(core.name, instance) for core in (first, second))
        if backend not in (None, "icmsg"):
            config = context.links.several_for_new(
                first.name, instance or "ipc0", backend, (endpoints or "").split(","), {}, release
            )
            peer = config.mirrored()
        starter = context.core(initiator) if initiator is not None else None
        if isinstance(config, InstanceConfig):
            if endpoints is not None:
                raise ConfigurationError(
                    f"endpoints={endpoints}: ICMsg has one endpoint, without a name; give backend=, too"
                )
            self._watch = LinkWatch(context.machine, first, second, config, starter)
            return
        names = context.links.endpoints(instance) if endpoints is None else endpoints.split(",")
        if not names:
            raise ConfigurationError("Watch Link: which endpoints? give endpoints= with their names")
        self._watch = EndpointWatch(
            context.machine,
            first,
            second,
            config,
            names,
            peer_config=None if isinstance(peer, InstanceConfig) else peer,
            initiator=None if starter is None else starter.name,
        )

    @keyword(tags=["watching"])
    def wait_for_watched_echoes(
        self, count: int, timeout: timedelta | None = None, endpoint: str | None = None
    ) -> None:
        """Runs until the watched link has carried so many echoes; fails if one differs from what was sent.

        Of several endpoints each one must have carried so many, or the one of this name.
        """
        watch = self._watched()
        counted = self._pairs(watch, endpoint)

        def satisfied() -> bool:
            watch.look()
            return all(pairs.got >= count for pairs in counted.values()) or bool(watch.problems)

        where = f" at endpoint {endpoint}" if endpoint is not None else ""
        self._context.wait(satisfied, timeout, f"echo {count} on the watched link{where}")
        self.watched_link_should_be_intact()
        for name, pairs in counted.items():
            logger.info(f"{name or 'the link'}: {pairs.sent} messages, {pairs.got} echoes")

    @keyword(tags=["watching"])
    def get_watched_echo_count(self, endpoint: str | None = None) -> int:
        """Returns how many echoes the watched link has carried, or one of its endpoints."""
        watch = self._watched()
        watch.look()
        return sum(pairs.got for pairs in self._pairs(watch, endpoint).values())

    @keyword(tags=["watching"])
    def watched_link_should_be_intact(self) -> None:
        """Fails if a packet on the watched link was broken, or an echo differed from what was sent."""
        watch = self._watched()
        watch.look()
        if watch.problems:
            raise self._context.failure(f"the watched link is broken: {watch.problems[0]}")

    @staticmethod
    def _pairs(watch: LinkWatch | EndpointWatch, endpoint: str | None) -> Mapping[str, EchoPairs]:
        """Return what is counted, by endpoint; AssertionError, naming those there are, where there is none."""
        if isinstance(watch, LinkWatch):
            if endpoint is not None:
                raise AssertionError(f"endpoint={endpoint}: ICMsg has one endpoint, without a name")
            return {"": watch}
        if endpoint is None:
            return watch.endpoints
        if endpoint not in watch.endpoints:
            raise AssertionError(
                f"endpoint {endpoint} is not watched; use endpoint= with one of {', '.join(watch.endpoints)}"
            )
        return {endpoint: watch.endpoints[endpoint]}

    @keyword(tags=["watching"])
    def get_doorbell_count(self, core: CoreName, channel: int | None = None) -> int:
        """Returns how often a core has rung in this test, on one mbox channel or on all of them."""
        _ = self._context.machine
        rings = self._context.recorder.rings
        return sum(count for (name, on), count in rings.items() if name == core and channel in (None, on))

    @keyword(tags=["watching"])
    def wait_for_doorbell(
        self, core: CoreName, channel: int | None = None, timeout: timedelta | None = None
    ) -> None:
        """Runs until a core rings, on this mbox channel or on any, from now on."""
        before = self.get_doorbell_count(core, channel)
        where = f" on mbox channel {channel}" if channel is not None else ""
        self._context.wait(
            lambda: self.get_doorbell_count(core, channel) > before, timeout, f"a doorbell of {core}{where}"
        )

    def _watched(self) -> LinkWatch | EndpointWatch:
        if self._watch is None:
            raise AssertionError("nothing is watched; use `Watch Link` first")
        return self._watch
