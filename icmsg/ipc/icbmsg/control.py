"""Control channel of the classic generations: messages of three bytes over an ICMsg instance (ICBMsg protocol §3)."""

from __future__ import annotations

import errno
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError, IpcError, WireError
from icmsg.ipc.bonding import RepeatedMagic, RingBack
from icmsg.ipc.context import EndpointConfig, InstanceContext
from icmsg.wire.control_packets import ControlReader, ControlWriter, packet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.clock import Callback, Clock
    from icmsg.ipc.state import LegacyState, Observer, State


class ControlType(IntEnum):
    """First byte of a control message; the second is an endpoint's number, the third a block."""

    DATA = 0
    """A message for that endpoint begins at that block of the sender."""
    RELEASE_DATA = 1
    """The message at that block of the receiver is done with; the endpoint is 0."""
    BOUND = 2
    """Initiator to follower: that endpoint's name, with a NUL, is at that block."""
    RELEASE_BOUND = 3
    """Follower to initiator: the endpoint is bound, the block with its name free."""


# The members as plain numbers: to compare with an enum takes longer than all the rest.
DATA, RELEASE_DATA, BOUND, RELEASE_BOUND = map(int, ControlType)

_RELEASES: Final = tuple(packet_of(RELEASE_DATA, 0, block) for block in range(256))


class ControlChannel:
    """The ICMsg instance below: it bonds, and carries control messages both ways.

    ``handle`` gets the messages that have arrived, those of three bytes as numbers (little-endian); ``bonded`` is
    called when they flow, ``failed`` gets what the peer did wrong.
    """

    __slots__ = (
        "_bonding",
        "_failed",
        "_handle",
        "_left",
        "_reader",
        "_tx_channel",
        "context",
        "owed",
        "ring",
        "ring_mailbox",
        "signalled",
        "write_packet",
    )

    def __init__(
        self,
        bus: Bus,
        mailbox: Mailbox,
        clock: Clock,
        config: InstanceConfig,
        *,
        handle: Callable[[Iterator[int | bytes]], None],
        bonded: Callback,
        failed: Callable[[IcmsgError], None],
    ) -> None:
        context = InstanceContext(bus, mailbox, clock, config, self._receive)
        # Zephyr calls its bound before it is connected: what sends from there must wait for the work queue.
        context.endpoint = EndpointConfig(name=config.name, bound=bonded, error=failed)
        self._bonding = RepeatedMagic(context) if config.signalling == "repeat" else RingBack(context)
        tx, rx = config.tx_region.address, config.rx_region.address
        context.writer = writer = ControlWriter(bus, tx, config.tx_layout)
        context.reader = self._reader = ControlReader(bus, rx, config.rx_layout)
        self.write_packet = writer.write_packet
        self.context = context
        self._tx_channel = config.tx_channel
        self._handle = handle
        self._failed = failed
        self._left: list[int | bytes] = []
        """Messages that were taken and not handled yet: a callback that raises leaves some, one that resets none."""
        self.owed: deque[bytes] = deque()
        """Releases that could not be sent, because the peer broke its index."""
        self.ring = context.ring
        self.ring_mailbox = mailbox.ring
        self.signalled = context.rx_work.submit

    @property
    def state(self) -> LegacyState | State:
        """The state of the ICMsg instance."""
        return self.context.state

    @property
    def is_bonded(self) -> bool:
        """True while messages flow."""
        return self.context.connected

    def observe(self, observer: Observer | None) -> None:
        """Let ``observer`` be told of states, rings, bonding and errors."""
        self.context.observer = observer

    def open(self) -> None:
        """Start to bond; errors as ``IcmsgInstance.register_endpoint``."""
        self._bonding.open()

    def reset(self) -> None:
        """Be off; nothing is told or written."""
        self._bonding.reset()
        self._left.clear()
        self.owed.clear()

    def write(self, packet: bytes) -> None:
        """Put one packet into the buffer; :meth:`ring` follows.

        Raises :class:`IpcError`, EBUSY while the sides have not bonded, EINVAL when the peer broke its index.
        """
        context = self.context
        if not context.connected:
            raise IpcError(
                f"{context.config.name} is {context.state.name}: the control channel has not bonded, wait for a bound "
                f"callback",
                errno.EBUSY,
            )
        if self.owed:
            self._pay()
        try:
            self.write_packet(packet)
        except WireError as error:
            raise self.failure(error) from error

    def failure(self, error: WireError) -> IpcError:
        """Return the error of a send that the peer's broken index stopped."""
        return IpcError(f"{self.context.config.name}: control channel: {error}", error.errno)

    def give_back(self, block: int, packet: bytes | None = None) -> None:
        """Release the peer's message at ``block``, by RELEASE_DATA or ``packet``.

        It must not get lost: what cannot be sent now is kept, and sent later.
        """
        packet = packet or _RELEASES[block]
        if self.owed:
            self.owed.append(packet)
            self._pay()
            return
        write, ring = self.write_packet, self.ring_mailbox
        try:
            write(packet)
        except WireError as error:
            self.owed.append(packet)
            self.context.report(error)
            return
        if self.context.observer is None:
            ring(self._tx_channel)
        else:
            self.ring()

    def _pay(self) -> None:
        """Send what is owed, as far as that is possible."""
        owed = self.owed
        while owed:
            try:
                self.write_packet(owed[0])
            except WireError:
                return  # it was told when it began
            owed.popleft()
            self.context.ring()

    def _receive(self) -> None:
        """Do the RX work: bond, or handle every message that lies there now."""
        context = self.context
        if not context.connected:
            self._bonding.signalled()
            return
        if self.owed:
            self._pay()
        messages = self._left
        if not messages:
            try:
                messages = self._left = self._reader.take()
            except WireError as error:
                context.report(error)
                return
        waiting = iter(messages)
        handle = self._handle
        try:
            handle(waiting)
        except BaseException:
            messages[:] = waiting  # a callback has raised: the others have their turn all the same
            if messages:
                self.signalled()
            raise
        messages.clear()
        if self._reader.more and context.connected:
            self.signalled()
