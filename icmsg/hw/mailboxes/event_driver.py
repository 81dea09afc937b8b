"""The driver's part that is alike in Nordic's mailboxes of tasks and events: IPC, VEVIF, BELLBOARD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.hw.mailbox import ChannelStates, channels_in

if TYPE_CHECKING:
    from icmsg.hw.block_view import BlockView
    from icmsg.hw.bus import Bus


class EventDriver:
    """A mailbox that rings with tasks of ``other`` and hears events of ``own``, two register blocks on ``bus``.

    ``task`` and ``event`` name their registers, one for each channel; ``group`` is the index of INTENSET, INTENCLR and
    INTPEND. Nothing is accessed before it is used.

    Raises:
        ConfigurationError: a mask with a channel that ``channels``, their number, leaves out.
    """

    __slots__ = (
        "_channels", "_events", "_intenclr", "_intenset", "_intpend", "_read32", "_send", "_states", "_write32",
    )  # fmt: skip

    def __init__(
        self,
        bus: Bus,
        own: BlockView,
        other: BlockView,
        *,
        task: str,
        event: str,
        channels: int,
        tx_channels: int,
        rx_channels: int,
        group: int = 0,
    ) -> None:
        self._channels = channels
        self._states = ChannelStates(channels, tx=tx_channels, rx=rx_channels)
        self._read32 = bus.read32
        self._write32 = bus.write32
        self._intenset = own.address("INTENSET", group)
        self._intenclr = own.address("INTENCLR", group)
        self._intpend = own.address("INTPEND", group)
        self._send = {channel: other.address(task, channel) for channel in channels_in(tx_channels)}
        self._events = {channel: own.address(event, channel) for channel in channels_in(rx_channels)}

    @property
    def channels(self) -> int:
        """Number of channels, counted from 0."""
        return self._channels

    def ring(self, channel: int) -> None:
        """Trigger the task of ``channel``; BusError where it has no wire."""
        address = self._send.get(channel)
        if address is None:
            self._states.check_tx(channel)
        else:
            self._write32(address, 1)

    def pending(self) -> int:
        """Return the enabled channels with a latched event, read from INTPEND."""
        return self._read32(self._intpend) & self._states.enabled

    def acknowledge(self, channel: int) -> None:
        """Clear the event of ``channel``."""
        address = self._events.get(channel)
        if address is None:
            self._states.check_rx(channel)
        else:
            self._write32(address, 0)

    def enable(self, channel: int) -> None:
        """Set the interrupt of ``channel``; an event that is latched already interrupts at once."""
        self._write32(self._intenset, self._states.enable(channel))

    def disable(self, channel: int) -> None:
        """Clear the interrupt of ``channel``; its event goes on being latched."""
        self._write32(self._intenclr, self._states.disable(channel))

    def is_enabled(self, channel: int) -> bool:
        """Tell whether this driver has enabled the interrupt of ``channel``; no bus access."""
        return self._states.is_enabled(channel)
