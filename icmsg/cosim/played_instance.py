"""ICMsg played by Python on a core: that core's mailbox driver, its interrupt, and the backend, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from icmsg.cosim.events import EventKind
from icmsg.cosim.preconditions import check_regions
from icmsg.ipc import IcmsgInstance, InterruptHandler
from icmsg.ipc.happenings import Received, Sent, StateChanged, in_words

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Core, Machine
    from icmsg.ipc import Happening, Listener, Observer


class PlayedMailbox:
    """The mailbox of ``core``, which Python plays, for any number of instances.

    ``tx_channels`` and ``rx_channels`` are the masks of the devicetree; by default all channels, as in Zephyr's own.

    Raises:
        EngineError: firmware runs on that core.
    """

    def __init__(self, core: Core, *, tx_channels: int | None = None, rx_channels: int | None = None) -> None:
        port = core.mailbox_port
        masks = (port.kind.all_channels if mask is None else mask for mask in (tx_channels, rx_channels))
        tx, rx = masks
        self.driver: Final = port.kind.driver(core.bus, port.base, tx_channels=tx, rx_channels=rx)
        self.handler: Final = InterruptHandler(self.driver)
        core.on_interrupt(port.interrupt, self.handler.handle)


class PlayedInstance:
    """One ICMsg instance on ``core``, which Python plays; everything goes through that core's registers and memory.

    ``instance`` is the backend. What it does is put into the machine's event stream, and ``listener`` is told;
    ``observer`` is told the same in the words of release 0.1. Where a core has several instances they share one
    ``mailbox``; None makes one with the two channels of this instance.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work, or another instance of the mailbox has its RX channel.
    """

    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: InstanceConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
        *,
        listener: Listener | None = None,
    ) -> None:
        check_regions(machine, core, config)
        mailbox = mailbox or PlayedMailbox(
            core, tx_channels=1 << config.tx_channel, rx_channels=1 << config.rx_channel
        )
        self._core = core
        self._observer = observer
        self._listener = listener
        self.mailbox: Final = mailbox.driver
        self.instance: Final = IcmsgInstance(
            core.bus, self.mailbox, machine.clock, config, listener=self._happened
        )
        mailbox.handler.add(self.instance)

    def _happened(self, happening: Happening) -> None:
        match happening:
            case Sent(payload):
                self._core.emit(EventKind.PACKET_SENT, len(payload), crc32(payload))
            case Received(payload):
                self._core.emit(EventKind.PACKET_RECEIVED, len(payload), crc32(payload))
            case StateChanged(state):
                self._core.emit(EventKind.STATE, state)
        if self._listener is not None:
            self._listener(happening)
        if self._observer is not None:
            self._observer(*in_words(happening))
