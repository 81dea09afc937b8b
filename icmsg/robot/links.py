"""How the two cores are linked, for keywords that name a region or an instance of a core which Python may not play."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.nrf5340 import APP
from icmsg.cosim.stub_firmware import StubFirmware
from icmsg.robot.values import OTHER

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.robot.scene import Scene
    from icmsg.robot.values import CoreName

BOARD: Final[dict[CoreName, InstanceConfig]] = {"app": APP, "net": APP.mirrored()}
"""The instance of Zephyr's nRF5340 boards, as each core has it."""


class LinkConfigs:
    """The configurations of the links; those of cores that Python does not play follow from the other core."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def of(self, core: CoreName, instance: str | None = None) -> InstanceConfig:
        """Return an instance as ``core`` has it.

        It is what Python plays there, the mirror of what Python plays on the other core, what a stub has in its
        parameters, or the instance of Zephyr's boards.
        """
        other = OTHER[core]
        if self._plays(core, instance):
            return self._scene.endpoint(core, instance).instance.config
        if self._plays(other, instance):
            return self._scene.endpoint(other, instance).instance.config.mirrored()
        return self._of_stub(core) or BOARD[core]

    def for_new(self, core: CoreName, instance: str) -> InstanceConfig:
        """Return what an instance of that name on ``core`` starts from: the mirror of the other core's."""
        side = self._scene.sides.get(OTHER[core])
        if side is not None and instance in side.instances:
            return side.instances[instance].instance.config.mirrored()
        return replace(BOARD[core], name=instance)

    def _plays(self, core: CoreName, instance: str | None) -> bool:
        side = self._scene.sides.get(core)
        return side is not None and (instance in side.instances if instance else bool(side.instances))

    def _of_stub(self, core: CoreName) -> InstanceConfig | None:
        found = self._scene.core(core)
        if found.image is None or not StubFirmware.is_stub(found.image):
            return None
        return StubFirmware(found.image, found.bus).instance()
