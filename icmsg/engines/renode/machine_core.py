"""Core of a machine on Renode in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.engines.lockstep.observed_core import ObservedCore
from icmsg.engines.renode.bus import RenodeBus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from icmsg.engines.renode.api import MachineApi, RenodeApi
    from icmsg.engines.renode.machine import RenodeMachine
    from icmsg.machine.image import FirmwareImage
    from icmsg.soc.soc import SocCore


class RenodeCore(ObservedCore):
    """A core whose memory and registers are used through bound .NET members.

    Its state is changed by Monitor commands, about a millisecond each, which do not keep the interpreter locked.
    """

    def __init__(self, machine: RenodeMachine, api: MachineApi, renode: RenodeApi, place: SocCore) -> None:
        self._api = api
        self._shared = machine.shared
        bus = RenodeBus(api, place, machine.shared, rang=machine.take, failure=renode.failure)
        super().__init__(machine, place, bus)

    def load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Load an image into memory, as :meth:`SteppedCore.load`."""
        image = super().load(firmware)
        self._shared.execute(self._place, image)
        return image

    def recognize(self, files: Iterable[str]) -> None:
        """Find this core's image among files that somebody else loaded, as :meth:`ObservedCore.recognize`."""
        super().recognize(files)
        if self.image is not None:
            self._shared.execute(self._place, self.image)

    @property
    def instructions(self) -> int:
        """Instructions executed by firmware."""
        return self._api.instructions(self._place.cpu)
