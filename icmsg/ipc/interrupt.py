"""Interrupt handler: acknowledges each pending channel and tells the instance that listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError
from icmsg.hw.mailbox import EdgeMailbox

if TYPE_CHECKING:
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Backend
    from icmsg.ipc.clock import Callback


class InterruptHandler:
    """Interrupt handler of a mailbox for any number of instances; call :meth:`handle` when the interrupt
    fires.

    A channel is acknowledged before its instance looks for data, so that no ring in between is lost. Channels
    that nobody listens to are acknowledged, too. An :class:`~icmsg.hw.mailbox.EdgeMailbox` says itself whom to serve.
    """

    __slots__ = ("_mailbox", "_rang", "_rung")

    def __init__(self, mailbox: Mailbox, *instances: Backend) -> None:
        self._mailbox = mailbox
        self._rung = mailbox.interrupted if isinstance(mailbox, EdgeMailbox) else mailbox.pending
        self._rang: dict[int, Callback] = {}
        for instance in instances:
            self.add(instance)

    def add(self, instance: Backend) -> None:
        """Listen for ``instance``; ConfigurationError when another one has its RX channel."""
        channel = instance.config.rx_channel
        if channel in self._rang:
            raise ConfigurationError(
                f"two instances receive on mailbox channel {channel}: "
                f"give {instance.config.name} its own rx_channel"
            )
        self._rang[channel] = instance.mailbox_rang

    def replace(self, instance: Backend) -> None:
        """Listen for ``instance`` instead of the one that had its RX channel, as after a core reset."""
        self._rang[instance.config.rx_channel] = instance.mailbox_rang

    def remove(self, channel: int) -> None:
        """Listen no more on an RX channel, if anybody does."""
        self._rang.pop(channel, None)

    def handle(self, _channel: int = 0) -> None:
        """Serve every pending channel; the argument lets a mailbox call this as its ``on_signal``."""
        mailbox = self._mailbox
        pending = self._rung()
        while pending:
            channel = (pending & -pending).bit_length() - 1
            pending &= pending - 1
            mailbox.acknowledge(channel)
            if channel in self._rang:
                self._rang[channel]()
