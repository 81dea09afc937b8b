"""A backend played by Python on a core: that core's mailbox driver, its interrupt, and the backend, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar, overload
from zlib import crc32

from icmsg.config import InstanceConfig
from icmsg.ipc import AtEndpoint, Backend, IcmsgInstance, InterruptHandler, ReworkState, backend_for
from icmsg.ipc.state import RECEIVED, RING, SENT, STATE
from icmsg.link.preconditions import check_regions
from icmsg.machine.events import ENDPOINT_SHIFT, REWORK_STATES, EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config import IcbmsgConfig, IcmsgMeConfig
    from icmsg.ipc import Detail, Happened, Observer, SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine

BackendT = TypeVar("BackendT", bound=Backend)

_PACKET_SENT: Final = EventKind.PACKET_SENT
_PACKET_RECEIVED: Final = EventKind.PACKET_RECEIVED


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
        self.driver: Final = port.kind.driver(
            core.bus, port.base, tx_base=port.tx_base, tx_channels=tx, rx_channels=rx
        )
        self.handler: Final = InterruptHandler(self.driver)
        for interrupt in port.interrupts.values():
            core.on_interrupt(interrupt, self.handler.handle)


class PlayedInstance(Generic[BackendT]):
    """Instance on ``core``, which Python plays; everything goes through that core's registers and memory.

    ``instance`` is the backend, of the kind that ``config`` says. What it does is put into the machine's event stream,
    and ``observer`` is told. Where
    a core has several instances they share one ``mailbox``; None makes one with the two channels of this instance.

    Raises:
        EngineError: firmware runs on that core.
        ConfigurationError: the configuration cannot work, or another instance of the mailbox has its RX channel.
    """

    @overload
    def __init__(
        self: PlayedInstance[IcmsgInstance],
        machine: Machine,
        core: Core,
        config: InstanceConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: PlayedInstance[SeveralEndpoints],
        machine: Machine,
        core: Core,
        config: IcbmsgConfig | IcmsgMeConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None: ...
    def __init__(
        self,
        machine: Machine,
        core: Core,
        config: InstanceConfig | IcbmsgConfig | IcmsgMeConfig,
        mailbox: PlayedMailbox | None = None,
        observer: Observer | None = None,
    ) -> None:
        check_regions(machine, core, config)
        mailbox = mailbox or PlayedMailbox(
            core, tx_channels=1 << config.tx_channel, rx_channels=1 << config.rx_channel
        )
        self._core = core
        self._observer = observer
        self._places: dict[str, int] = {}
        self.mailbox: Final = mailbox.driver
        observe = self._observe if isinstance(config, InstanceConfig) else self._observe_endpoint
        made = backend_for(core.bus, self.mailbox, machine.clock, config, observer=observe)
        self.instance: Final[BackendT] = made  # type: ignore[assignment]  # as the overloads say
        mailbox.handler.add(made)
        _played_on(machine)[core.name, config.tx_region.address] = made

    def _observe(self, kind: Happened, detail: Detail) -> None:
        if isinstance(detail, bytes):
            if kind is SENT:
                self._core.emit(_PACKET_SENT, len(detail), crc32(detail))
            elif kind is RECEIVED:
                self._core.emit(_PACKET_RECEIVED, len(detail), crc32(detail))
        elif kind is STATE and isinstance(detail, int):
            offset = REWORK_STATES if isinstance(detail, ReworkState) else 0
            self._core.emit(EventKind.STATE, detail + offset)
        if self._observer is not None:
            self._observer(kind, detail)

    def _observe_endpoint(self, kind: Happened, detail: Detail) -> None:
        if (
            (kind is SENT or kind is RECEIVED)
            and isinstance(detail, AtEndpoint)
            and isinstance(data := detail.detail, bytes)
        ):
            packet = _PACKET_SENT if kind is SENT else _PACKET_RECEIVED
            place = self._places.get(detail.endpoint) or self._place(detail.endpoint)
            self._core.emit(packet, place | len(data), crc32(data))
            if self._observer is not None:
                self._observer(kind, detail)
        elif kind is not RING or self._observer is not None:
            self._observe(kind, detail)

    def _place(self, endpoint: str) -> int:
        """Return the endpoint's part of an event: its number from 1, in the order in which they spoke first."""
        place = self._places[endpoint] = len(self._places) + 1 << ENDPOINT_SHIFT
        return place


def played_backends(machine: Machine, configs: Mapping[str, SeveralConfig]) -> dict[str, SeveralEndpoints]:
    """Return the backends with several endpoints that Python plays on a link, by core."""
    found = _played_on(machine)
    return {
        core: backend  # type: ignore[misc]  # those of such a configuration
        for core, config in configs.items()
        if (backend := found.get((core, config.tx_region.address))) is not None
        and not isinstance(backend, IcmsgInstance)
    }


def _played_on(machine: Machine) -> dict[tuple[str, int], Backend]:
    """Return the backend that was made last for each core and tx-region of a machine."""
    found = machine.events.kept.setdefault(PlayedInstance, {})
    assert isinstance(found, dict)
    return found
