"""Keywords that look at a link from outside, while firmware runs on both cores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.link.watch import LinkWatch
from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class WatchingKeywords:
    """Messages between two cores, whoever plays them."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._watch: LinkWatch | None = None

    @keyword(tags=["watching"])
    def watch_link(self, initiator: CoreName | None = None, instance: str | None = None) -> None:
        """Starts to watch what the two cores send each other; writes nothing and rings nothing.

        ``initiator`` is the core whose messages the other sends back, by default the one that sends first.
        """
        context = self._context
        first, second = (context.core(name) for name in context.links.link(*context.played).cores)
        starter = context.core(initiator) if initiator is not None else None
        context.links.check_one_endpoint(first.name, instance)
        config = context.links.of(first.name, instance)
        self._watch = LinkWatch(context.machine, first, second, config, starter)

    @keyword(tags=["watching"])
    def wait_for_watched_echoes(self, count: int, timeout: timedelta | None = None) -> None:
        """Runs until the watched link has carried so many echoes; fails if one differs from what was sent."""
        watch = self._watched()

        def satisfied() -> bool:
            watch.look()
            return watch.got >= count or bool(watch.problems)

        self._context.wait(satisfied, timeout, f"echo {count} on the watched link")
        self.watched_link_should_be_intact()

    @keyword(tags=["watching"])
    def watched_link_should_be_intact(self) -> None:
        """Fails if a packet on the watched link was broken, or an echo differed from what was sent."""
        watch = self._watched()
        watch.look()
        if watch.problems:
            raise self._context.failure(f"the watched link is broken: {watch.problems[0]}")

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

    def _watched(self) -> LinkWatch:
        if self._watch is None:
            raise AssertionError("nothing is watched; use `Watch Link` first")
        return self._watch
