"""Keywords that look at a link from outside: what lies in its regions, and what passes while firmware runs.

What nobody should write is written here, too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from icmsg.config.instance import InstanceConfig
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.link import EndpointWatch
from icmsg.link.watch import LinkWatch
from icmsg.robot.context import Keywords
from icmsg.robot.settings import CoreName, Encoding, RegionName, payload, shown
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.instance import Region, RegionLayout
    from icmsg.link.workload import EchoPairs
    from icmsg.robot.context import KeywordContext


class RegionKeywords(Keywords):
    """Regions are called ``tx`` and ``rx`` as the core has them that is named before."""

    @keyword(tags=["regions"])
    def get_region(
        self, core: CoreName, region: RegionName, instance: str | None = None
    ) -> dict[str, object]:
        """Returns a region decoded: ``rd_idx``, ``wr_idx``, ``used``, ``data_length``, ``pending``, ``problem``.

        ``pending`` is the list of packets that wait, ``problem`` says in words what is wrong with them, or is None.
        """
        view = self._view(core, region, instance)
        return {
            "rd_idx": view.rd_idx,
            "wr_idx": view.wr_idx,
            "used": view.used,
            "data_length": view.data_length,
            "pending": list(view.pending),
            "problem": view.problem,
        }

    @keyword(tags=["regions"])
    def region_should_have(
        self,
        core: CoreName,
        region: RegionName,
        *,
        rd_idx: int | None = None,
        wr_idx: int | None = None,
        used: int | None = None,
        pending: int | None = None,
        problem: str | None = None,
        instance: str | None = None,
    ) -> None:
        """Fails unless a region has these indices, bytes in use, pending packets, or this in its problem's text.

        | Region Should Have | app | tx | pending=1 | |
        | Region Should Have | net | rx | rd_idx=20 | wr_idx=20 |
        """
        view = self._view(core, region, instance)
        found = {
            "rd_idx": view.rd_idx,
            "wr_idx": view.wr_idx,
            "used": view.used,
            "pending": len(view.pending),
        }
        expected = {"rd_idx": rd_idx, "wr_idx": wr_idx, "used": used, "pending": pending}
        wrong = [
            f"{name} is {found[name]}, expected {value}"
            for name, value in expected.items()
            if value is not None and found[name] != value
        ]
        if problem is not None and problem not in (view.problem or ""):
            wrong.append(f"its problem is {view.problem or 'nothing'}, expected {problem!r}")
        if wrong:
            raise self._context.failure(f"{region}-region of {core}: {'; '.join(wrong)}")

    @keyword(tags=["regions"])
    def region_should_be_empty(self, core: CoreName, region: RegionName, instance: str | None = None) -> None:
        """Fails if packets wait in a region, or something in it is wrong."""
        view = self._view(core, region, instance)
        if view.used or view.problem:
            raise self._context.failure(f"{region}-region of {core} is not empty: {view}")

    @keyword(tags=["regions"])
    def read_region(
        self,
        core: CoreName,
        region: RegionName,
        offset: int = 0,
        size: int | None = None,
        instance: str | None = None,
    ) -> bytes:
        """Returns bytes of a region, by default all of it; ``offset`` counts from its first byte."""
        whole = self._whole(core, region, instance)
        return self._context.core(core).bus.read_block(
            whole.address + offset, whole.size - offset if size is None else size
        )

    @keyword(tags=["regions"])
    def region_bytes_should_be(
        self,
        core: CoreName,
        region: RegionName,
        offset: int,
        expected: str | bytes,
        encoding: Encoding = "hex",
        instance: str | None = None,
    ) -> None:
        """Fails unless these bytes lie at ``offset`` in a region."""
        data = payload(expected, encoding)
        found = self.read_region(core, region, offset, len(data), instance)
        if found != data:
            raise self._context.failure(
                f"at offset {offset} of {region}-region of {core} lies {found.hex(' ')}, expected {data.hex(' ')}"
            )

    @keyword(tags=["regions", "faults"])
    def write_region(
        self,
        core: CoreName,
        region: RegionName,
        offset: int,
        data: str | bytes,
        encoding: Encoding = "hex",
        instance: str | None = None,
    ) -> None:
        """Writes raw bytes into a region, past every protocol."""
        whole = self._whole(core, region, instance)
        raw = payload(data, encoding)
        if not 0 <= offset <= whole.size - len(raw):
            raise ConfigurationError(
                f"{len(raw)} bytes at offset {offset}: the region has {whole.size} bytes"
            )
        self._write(
            core, whole.address + offset, raw, f"{shown(raw)} at offset {offset} of {region}-region of {core}"
        )

    @keyword(tags=["regions", "faults"])
    def clear_regions(self, core: CoreName, instance: str | None = None) -> None:
        """Writes zeros into both regions of an instance, as after power-up."""
        for region, whole in zip(("tx", "rx"), self._context.links.regions(core, instance), strict=True):
            self._write(core, whole.address, bytes(whole.size), f"zeros all over {region}-region of {core}")

    @keyword(tags=["regions", "faults"])
    def set_region_index(
        self,
        core: CoreName,
        region: RegionName,
        index: Literal["rd_idx", "wr_idx"],
        value: int,
        instance: str | None = None,
    ) -> None:
        """Overwrites an index of a region."""
        address, layout = self._place(core, region, instance)
        offset = layout.rd_idx_offset if index == "rd_idx" else layout.wr_idx_offset
        raw = (value & 0xFFFF_FFFF).to_bytes(4, "little")
        self._write(core, address + offset, raw, f"{index} = 0x{value:X} in {region}-region of {core}")

    @keyword(tags=["regions", "faults"])
    def corrupt_length(
        self, core: CoreName, region: RegionName, length: int, instance: str | None = None
    ) -> None:
        """Overwrites the length in the header of the packet that will be read next from a region."""
        view = self._view(core, region, instance)
        if not view.used:
            raise AssertionError(
                f"no packet waits in {region}-region of {core}: send one while its reader is halted, "
                "or drop its doorbell"
            )
        address, layout = self._place(core, region, instance)
        raw = (length & 0xFFFF).to_bytes(2, "big")
        what = f"length {length} of the packet at index {view.rd_idx} in {region}-region of {core}"
        self._write(core, address + layout.data_offset + view.rd_idx, raw, what)

    @keyword(tags=["faults"])
    def write_memory(
        self, core: CoreName, address: int, data: str | bytes, encoding: Encoding = "hex"
    ) -> None:
        """Writes raw bytes into the address space of a core."""
        raw = payload(data, encoding)
        self._write(core, address, raw, f"{shown(raw)} at 0x{address:08X}")

    @keyword(tags=["regions"])
    def read_memory(self, core: CoreName, address: int, size: int) -> bytes:
        """Returns bytes of the address space of a core."""
        return self._context.core(core).bus.read_block(address, size)

    def _write(self, core: CoreName, address: int, raw: bytes, what: str) -> None:
        self._context.core(core).bus.write_block(address, raw)
        self._context.recorder.inject(self._context.machine.now_ns, core, f"wrote {what}")

    def _view(self, core: CoreName, region: RegionName, instance: str | None) -> RegionView:
        address, layout = self._place(core, region, instance)
        return inspect_region(self._context.core(core).bus, address, layout)

    def _whole(self, core: CoreName, region: RegionName, instance: str | None) -> Region:
        tx, rx = self._context.links.regions(core, instance)
        return tx if region == "tx" else rx

    def _place(self, core: CoreName, region: RegionName, instance: str | None) -> tuple[int, RegionLayout]:
        config = self._context.links.of(core, instance)
        if region == "tx":
            return config.tx_region.address, config.tx_layout
        return config.rx_region.address, config.rx_layout


class WatchingKeywords(Keywords):
    """Messages between two cores, whoever plays them."""

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
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
