"""Link of the two cores, for keywords that name a region or an instance of a core which Python may not play."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from icmsg.config.boards import board_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.by_hand import changed, several_by_hand
from icmsg.link.endpoints.stub import EndpointStub
from icmsg.link.link import default_link
from icmsg.link.stub_firmware import StubFirmware
from icmsg.robot.played_endpoints import PlayedEndpoints
from icmsg.robot.played_instances import PlayedEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.link import Link
    from icmsg.robot.context import KeywordContext


class LinkConfigs:
    """The configurations of the links; those of cores that Python does not play follow from the other core."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    def link(self, *cores: str) -> Link:
        """Return the SoC's default link, or one of these cores; the instance is that of the board."""
        return default_link(self._context.machine.soc, cores)

    def other(self, core: str) -> str:
        """Return the core at the other end of the link of ``core``."""
        return self.link(core).other(core)

    def of(self, core: str, instance: str | None = None) -> InstanceConfig:
        """Return an instance as ``core`` has it.

        It is what Python plays there, the mirror of what Python plays on the other core, what a stub has in its
        parameters, or the instance of Zephyr's boards. Of ICBMsg and icmsg_me it is the ICMsg instance inside.
        """
        other = self.other(core)
        if self._plays(core, instance):
            return _packets_of(self._context.instance(core, instance).config)
        if self._plays(other, instance):
            return _packets_of(self._context.instance(other, instance).config.mirrored())
        return _packets_of(self._of_stub(core) or self.link(core).configs[core])

    def regions(self, core: str, instance: str | None) -> tuple[Region, Region]:
        """Return the whole tx-region and rx-region of an instance, as ``core`` has them."""
        config = self.whole(core, instance)
        return config.tx_region, config.rx_region

    def tx_channel(self, core: str, instance: str | None) -> int:
        """Return the mbox channel that an instance of ``core`` rings."""
        return self.whole(core, instance).tx_channel

    def endpoints(self, instance: str | None) -> list[str]:
        """Return the names of the endpoints of an instance: those that Python plays, or those of a stub."""
        names: dict[str, None] = {}
        for core in self.link(*self._context.played).cores:
            if self._plays(core, instance):
                names.update(
                    (each.endpoint.name, None) for each in self._context.endpoints(core, instance, None)
                )
            found = self._context.core(core)
            if found.image is not None and EndpointStub.is_stub(found.image):
                names.update((name, None) for name in EndpointStub(found.image, found.bus).names if name)
        return list(names)

    def whole(self, core: str, instance: str | None) -> InstanceConfig | SeveralConfig:
        """Return an instance as ``core`` has it, as :meth:`of`, but of ICBMsg and icmsg_me all of it."""
        other = self.other(core)
        if self._plays(core, instance):
            return self._context.instance(core, instance).config
        if self._plays(other, instance):
            return self._context.instance(other, instance).config.mirrored()
        return self._of_stub(core) or self.link(core).configs[core]

    def several_for_new(
        self,
        core: str,
        instance: str,
        backend: str | None,
        endpoints: Sequence[str],
        given: Mapping[str, Any],
        release: str | None,
    ) -> SeveralConfig:
        """Return a new instance with several endpoints: what is ``given``, over the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoints) and backend is None and release is None:
            base = opened.config.mirrored()
        else:
            board = board_of(self._context.machine.soc.cores)
            base = several_by_hand(backend or "icbmsg", board, {"name": instance}, release=release)
            if core != self.link(core).first:
                base = base.mirrored()
        return changed(base, given, len(endpoints))

    def is_several(self, core: str, instance: str) -> bool:
        """Tell whether the instance of that name on the other core has several endpoints."""
        return isinstance(self._of_other(core, instance), PlayedEndpoints)

    def _of_other(self, core: str, instance: str) -> PlayedEndpoint | PlayedEndpoints | None:
        played = self._context.played.get(self.other(core))
        return played.instances.get(instance) if played is not None else None

    def for_new(self, core: str, instance: str) -> InstanceConfig:
        """Return what an instance of that name on ``core`` starts from: the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoint):
            return opened.config.mirrored()
        return replace(self.link(core).configs[core], name=instance)

    def _plays(self, core: str, instance: str | None) -> bool:
        played = self._context.played.get(core)
        return played is not None and (instance in played.instances if instance else bool(played.instances))

    def _of_stub(self, core: str) -> InstanceConfig | IcbmsgConfig | None:
        found = self._context.core(core)
        if found.image is None or not StubFirmware.is_stub(found.image):
            return None
        if EndpointStub.is_stub(found.image):
            return EndpointStub(found.image, found.bus).blocks()
        return StubFirmware(found.image, found.bus).instance()


def _packets_of(config: InstanceConfig | SeveralConfig) -> InstanceConfig:
    """Return the ICMsg instance of any backend; ConfigurationError for the rework, which has none."""
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        raise ConfigurationError(
            f"{config.name}: the regions of the rework hold queues and blocks, no packets: use `Read Region`"
        )
    return config.control if isinstance(config, IcbmsgConfig | IcmsgMeConfig) else config
