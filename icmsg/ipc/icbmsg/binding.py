"""Binding of endpoints by name, classic generations (ICBMsg protocol §4).

The initiator numbers its endpoints in the order of their registration and sends each name; the follower answers as
soon as an endpoint of that name is registered. All of it is one piece of work that is queued, as Zephyr's own work
queue for it.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from icmsg.errors import IpcError
from icmsg.ipc.clock import WorkItem
from icmsg.ipc.icbmsg.control import DATA
from icmsg.ipc.icbmsg.endpoint import EndpointState
from icmsg.wire.control_packets import packet_of

if TYPE_CHECKING:
    from icmsg.ipc.clock import Clock, Timer
    from icmsg.ipc.icbmsg.classic_receiver import ClassicReceiver
    from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint

_WAIT_NS: Final = 1_000_000_000
"""Nanoseconds for which Zephyr's HCI driver waits for its endpoint."""


class Binding:
    """Binding of the endpoints of ``instance``."""

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
