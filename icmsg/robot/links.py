"""Link of the two cores, for keywords that name a region or an instance of a core which Python may not play."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icmsg.cosim.link import default_link
from icmsg.cosim.stub_firmware import StubFirmware

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.link import Link
    from icmsg.robot.scene import Scene


class LinkConfigs:
    """The configurations of the links; those of cores that Python does not play follow from the other core."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def link(self, *cores: str) -> Link:
        """Return the SoC's default link, or one of these cores; the instance is that of the board."""
        return default_link(self._scene.machine.soc, cores)

    def other(self, core: str) -> str:
        """Return the core at the other end of the link of ``core``."""
        return self.link(core).other(core)

    def of(self, core: str, instance: str | None = None) -> InstanceConfig:
        """Return an instance as ``core`` has it.

        It is what Python plays there, the mirror of what Python plays on the other core, what a stub has in its
        parameters, or the instance of Zephyr's boards.
        """
        other = self.other(core)
        if self._plays(core, instance):
            return self._scene.endpoint(core, instance).instance.config
        if self._plays(other, instance):
            return self._scene.endpoint(other, instance).instance.config.mirrored()
        return self._of_stub(core) or self.link(core).configs[core]

    def for_new(self, core: str, instance: str) -> InstanceConfig:
        """Return what an instance of that name on ``core`` starts from: the mirror of the other core's."""
        side = self._scene.sides.get(self.other(core))
        if side is not None and instance in side.instances:
            return side.instances[instance].instance.config.mirrored()
        return replace(self.link(core).configs[core], name=instance)

    def _plays(self, core: str, instance: str | None) -> bool:
        side = self._scene.sides.get(core)
        return side is not None and (instance in side.instances if instance else bool(side.instances))

    def _of_stub(self, core: str) -> InstanceConfig | None:
        found = self._scene.core(core)
        if found.image is None or not StubFirmware.is_stub(found.image):
            return None
        return StubFirmware(found.image, found.bus).instance()
