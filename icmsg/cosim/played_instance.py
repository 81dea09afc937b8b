"""ICMsg played by Python on a core: that core's mailbox driver, its interrupt, and the backend, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.cosim.events import EventKind
from icmsg.hw.nrf_ipc import NrfIpc
from icmsg.ipc import IcmsgInstance, InterruptHandler

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine


class PlayedInstance:
    """One ICMsg instance on ``core``, which Python plays; everything goes through that core's registers and memory.

    ``instance`` is the backend. What it does is put into the machine's event stream.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work.
    """

    def __init__(self, machine: Machine, core: Core, config: InstanceConfig) -> None:
        port = core.mailbox_port
        self._core = core
        self.mailbox: Final = NrfIpc(
            core.bus, port.base, tx_channels=1 << config.tx_channel, rx_channels=1 << config.rx_channel
        )
        self.instance: Final = IcmsgInstance(
            core.bus, self.mailbox, machine.clock, config, observer=self._observe
        )
        core.on_interrupt(port.interrupt, InterruptHandler(self.mailbox, self.instance).handle)

    def _observe(self, kind: str, detail: object) -> None:
        if isinstance(detail, bytes):
            if kind == "sent":
                self._core.emit(EventKind.PACKET_SENT, len(detail), crc32(detail))
            elif kind == "received":
                self._core.emit(EventKind.PACKET_RECEIVED, len(detail), crc32(detail))
        elif kind == "state" and isinstance(detail, int):
            self._core.emit(EventKind.STATE, detail)
