"""Control channel of the classic generations, and the binding of endpoints by name over it (ICBMsg protocol §3, §4)."""

from __future__ import annotations

import errno
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError, IpcError, WireError
from icmsg.ipc.backend import EndpointConfig
from icmsg.ipc.bonding import RepeatedMagic, RingBack
from icmsg.ipc.clock import WorkItem
from icmsg.ipc.icbmsg.endpoint import EndpointState
from icmsg.ipc.instance import InstanceContext
from icmsg.wire.announcements import ControlReader, ControlWriter, packet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import LegacyState, Observer, State
    from icmsg.ipc.clock import Callback, Clock, Timer
    from icmsg.ipc.icbmsg.classic_receiver import ClassicReceiver
    from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint


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
    """The ICMsg instance below: it bonds, and carries control messages of three bytes both ways (ICBMsg protocol §3).

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


_WAIT_NS: Final = 1_000_000_000
"""Nanoseconds for which Zephyr's HCI driver waits for its endpoint."""


class Binding:
    """Binding of the endpoints of ``instance`` by name (ICBMsg protocol §4).

    The initiator numbers its endpoints in the order of their registration and sends each name; the follower answers as
    soon as an endpoint of that name is registered. All of it is one piece of work that is queued, as Zephyr's own work
    queue for it.
    """

    __slots__ = (
        "_blocked",
        "_clock",
        "_instance",
        "_names",
        "_work",
        "by_number",
        "is_initiator",
        "names_sent",
        "short_of_blocks",
        "submit",
    )

    def __init__(self, instance: ClassicReceiver, clock: Clock) -> None:
        self._instance = instance
        self.is_initiator = instance.config.is_initiator
        self.by_number: dict[int, IcbmsgEndpoint] = {}
        """The endpoint that each number stands for on the wire."""
        self._names: dict[int, tuple[int, bytes]] = {}
        """Follower: block and name by number, until an endpoint of that name is registered."""
        self.names_sent: dict[int, IcbmsgEndpoint] = {}
        """Initiator: the endpoint whose name lies in that block, until the follower releases it."""
        self.short_of_blocks = False
        """True while a name waits for room."""
        self._clock = clock
        self._blocked: list[Timer] = []
        """Waits of those who hold the work queue until they expire, with the defect "blocked-binding"."""
        self._work = WorkItem(clock, self._run)
        self.submit = self._work.submit

    def registered(self, endpoint: IcbmsgEndpoint) -> None:
        """Start to bind an endpoint; the initiator numbers it."""
        if self.is_initiator:
            self.number(endpoint, endpoint.index)
        if "blocked-binding" in self._instance.config.defects:
            self._blocked.append(self._clock.call_later(_WAIT_NS, lambda: self._wait_failed(endpoint)))
        self.submit()

    def _wait_failed(self, endpoint: IcbmsgEndpoint) -> None:
        """Tell who waits for an endpoint in the work queue that it was not bound, which lets it be bound now."""
        del self._blocked[0]
        instance = self._instance
        failed = (
            f'{instance.config.name}: binding of endpoint "{endpoint.name}" failed with -{errno.EAGAIN} (EAGAIN): the '
            "wait for it was in the work queue that has to bind it"
        )
        instance.report(IpcError(failed, errno.EAGAIN), endpoint)
        self.submit()

    def number(self, endpoint: IcbmsgEndpoint, number: int) -> None:
        """Let ``number`` stand for ``endpoint``."""
        endpoint.address = number
        endpoint.packets = [
            packet_of(DATA, number, block) for block in range(self._instance.config.tx_blocks)
        ]
        self.by_number[number] = endpoint

    def name_arrived(self, number: int, block: int, name: bytes) -> None:
        """Keep a name that the initiator sent, until an endpoint has it; what cannot be one is refused."""
        instance = self._instance
        where = instance.config.name
        problem = None
        if self.is_initiator:
            problem = (
                "but this side is the initiator, too: its rx blocks lie lower; do both sides see their regions at "
                "addresses in the same order?"
            )
        elif b"\0" not in name:
            problem = "without a NUL in it"
        elif number in self.by_number:
            problem = f'but it is bound to "{self.by_number[number].name}": has the peer started over alone?'
        elif number in self._names:
            problem = "but its name is there already and was not answered"
        if problem is not None:
            text = name.split(b"\0")[0][:32].decode("utf-8", "replace")
            instance.refuse(
                IpcError(
                    f'{where}: received the name "{text}" for endpoint {number}, {problem}', errno.EINVAL
                ),
                block,
            )
            return
        self._names[number] = block, name[: name.index(0)]
        self.submit()

    @property
    def waiting_names(self) -> dict[int, str]:
        """Names by number that the initiator sent, and no endpoint here has."""
        return {number: name.decode("utf-8", "replace") for number, (_, name) in sorted(self._names.items())}

    def blocks_came_back(self) -> None:
        """Try again to send a name for which there was no room."""
        self.short_of_blocks = False
        self.submit()

    def reset(self) -> None:
        """Forget everything."""
        self._work.cancel()
        for timer in self._blocked:
            timer.cancel()
        self._blocked.clear()
        self.by_number.clear()
        self._names.clear()
        self.names_sent.clear()
        self.short_of_blocks = False

    def _run(self) -> None:
        instance = self._instance
        if not instance.is_bonded or self._blocked:
            return
        epoch = instance.epoch
        try:
            if self.is_initiator:
                self._send_names()
            else:
                for number in sorted(self._names):
                    self._match(number)
                    if instance.epoch != epoch:
                        return  # a callback has reset the instance
            for endpoint in instance.all_endpoints:
                if endpoint.owes_bound and endpoint.is_registered:
                    instance.tell_bound(endpoint)
                    if instance.epoch != epoch:
                        return
        except BaseException:
            if instance.epoch == epoch:
                self.submit()  # a callback has raised: the others have their turn all the same
            raise

    def _send_names(self) -> None:
        instance = self._instance
        for endpoint in instance.all_endpoints:
            if endpoint.state is not EndpointState.CONFIGURED or not endpoint.is_registered:
                continue
            try:
                if not instance.bound_message(endpoint):
                    self.short_of_blocks = True
                    return
            except IpcError as error:
                endpoint.state = EndpointState.UNCONFIGURED
                instance.report(error, endpoint)
            else:
                endpoint.state = EndpointState.BOUNDING

    def _match(self, number: int) -> None:
        """Bind the first free endpoint that has the name sent for ``number``."""
        instance = self._instance
        block, name = self._names[number]
        for endpoint in instance.all_endpoints:
            if (
                endpoint.state is EndpointState.CONFIGURED
                and endpoint.is_registered
                and endpoint.encoded_name == name
            ):
                break
        else:
            return
        del self._names[number]
        self.number(endpoint, number)
        endpoint.state = EndpointState.READY
        epoch = instance.epoch
        try:
            instance.tell_bound(endpoint)
        finally:
            if instance.epoch == epoch:
                instance.release_bound(number, block)
