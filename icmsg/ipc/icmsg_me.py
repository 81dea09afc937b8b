"""icmsg_me: several endpoints over one ICMsg instance, a byte in front of every packet (ICBMsg protocol §10).

The initiator numbers its endpoints from 1 in the order of their registration and sends each number with the name; the
follower answers the number as soon as it has an endpoint of that name::

    >>> from icmsg.config import IcmsgMeConfig, InstanceConfig, Region
    >>> from icmsg.hw.bus import MemoryBus
    >>> from icmsg.hw.mailbox import mailbox_pair
    >>> from icmsg.ipc import EndpointConfig, IcmsgMeInstance, InterruptHandler, VirtualClock
    >>> bus = MemoryBus(bytearray(0x1000), base=0x2007_0000)
    >>> clock = VirtualClock()
    >>> ends = mailbox_pair()
    >>> control = InstanceConfig(Region(0x2007_0000, 0x800), Region(0x2007_0800, 0x800))
    >>> config = IcmsgMeConfig(control, role="initiator")
    >>> app = IcmsgMeInstance(bus, ends[0], clock, config)
    >>> net = IcmsgMeInstance(bus, ends[1], clock, config.mirrored())
    >>> ends[0].on_signal = InterruptHandler(ends[0], app).handle
    >>> ends[1].on_signal = InterruptHandler(ends[1], net).handle
    >>> ep1 = app.register_endpoint(EndpointConfig("ep1", bound=lambda: print("bound")))
    >>> _ = net.register_endpoint(EndpointConfig("ep1", received=print))
    >>> clock.settle()
    bound
    True
    >>> ep1.send(b"hello")
    5
    >>> clock.settle()
    b'hello'
    True
"""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING

from icmsg.errors import IcmsgError, IpcError
from icmsg.ipc.backend import BOUND, DROPPED, ERROR, RECEIVED, SENT, AtEndpoint, EndpointConfig
from icmsg.ipc.clock import WorkItem
from icmsg.ipc.instance import IcmsgInstance

if TYPE_CHECKING:
    from icmsg.config.icmsg_me import IcmsgMeConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Detail, Happened, LegacyState, Observer, State
    from icmsg.ipc.clock import Clock
    from icmsg.wire.packet_buffer import Payload

_DISCOVERY = 0
"""Number in front of a packet that binds an endpoint."""
_RETRY_NS = 100_000
"""Nanoseconds until what did not fit into the buffer is sent again."""


class IcmsgMeEndpoint:
    """A registered endpoint, made by :meth:`IcmsgMeInstance.register_endpoint`."""

    __slots__ = ("config", "instance", "is_bound", "number")

    def __init__(self, instance: IcmsgMeInstance, config: EndpointConfig) -> None:
        self.instance = instance
        self.config = config
        self.number: int | None = None
        """The byte in front of its packets; None at a follower that does not know it yet."""
        self.is_bound = False
        """True when ``bound`` was called."""

    @property
    def name(self) -> str:
        """The name by which the two sides find each other."""
        return self.config.name

    def send(self, data: Payload) -> int:
        """Send one message, which may be empty, and return its length in bytes.

        Raises :class:`IpcError`; nothing was sent then:
            ENOTCONN a follower's endpoint that has not answered; EBADMSG longer than SEND_BUF_SIZE allows; ENOENT from
            before a reset; EBUSY, ENOMEM, EINVAL as ``IcmsgInstance.send``.
        """
        return self.instance.send(self, data)

    def get_tx_buffer_size(self) -> int:
        """Return the longest message in bytes."""
        return self.instance.config.longest

    def deregister(self) -> None:
        """Raise IpcError with EIO: icmsg_me cannot take an endpoint away."""
        raise IpcError(
            f"{self.instance.config.name}: icmsg_me cannot deregister an endpoint: reset the instance",
            errno.EIO,
        )

    def reopen(self) -> None:
        """Raise IpcError with EIO: icmsg_me cannot register an endpoint again."""
        raise IpcError(
            f"{self.instance.config.name}: icmsg_me cannot register an endpoint again: reset the instance",
            errno.EIO,
        )


class IcmsgMeInstance:
    """The icmsg_me backend of one core, initiator or follower.

    Zephyr's registration blocks until both sides have bonded; here it is sent as soon as they have.
    """

    def __init__(
        self,
        bus: Bus,
        mailbox: Mailbox,
        clock: Clock,
        config: IcmsgMeConfig,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._control = IcmsgInstance(bus, mailbox, clock, config.control, observer=self._observe)
        self.observer = observer
        """The observer that is told everything that happens; what belongs to an endpoint as ``AtEndpoint``."""
        self._is_initiator = config.role == "initiator"
        self._endpoints: list[IcmsgMeEndpoint] = []
        self._by_number: dict[int, IcmsgMeEndpoint] = {}
        self._names: dict[bytes, int] = {}
        """Follower: numbers by name that no endpoint has yet."""
        self._to_send: deque[IcmsgMeEndpoint] = deque()
        """Endpoints whose discovery, or whose answer to one, is to be sent."""
        self._work = WorkItem(clock, self._send_discovery)
        self._epoch = 0
        self.mailbox_rang = self._control.mailbox_rang
        """Tell the instance that its RX channel signalled."""

    @property
    def config(self) -> IcmsgMeConfig:
        """The configuration, never changed."""
        return self._config

    @property
    def state(self) -> LegacyState | State:
        """The state of the ICMsg instance below."""
        return self._control.state

    @property
    def endpoints(self) -> tuple[IcmsgMeEndpoint, ...]:
        """The registered endpoints, in the order of their registration."""
        return tuple(self._endpoints)

    @property
    def is_bound(self) -> bool:
        """True while there are endpoints and all of them are bound."""
        return bool(self._endpoints) and all(endpoint.is_bound for endpoint in self._endpoints)

    @property
    def waiting_names(self) -> dict[int, str]:
        """Names by number that the initiator sent, and no endpoint here has (follower)."""
        return {number: name.decode("utf-8", "replace") for name, number in self._names.items()}

    def open(self) -> None:
        """Start to bond; IpcError with EALREADY when it is open."""
        if self.state.value:
            raise IpcError(
                f"{self._config.name} is open and {self.state.name}: close it first, or go on with register_endpoint",
                errno.EALREADY,
            )
        self._control.register_endpoint(
            EndpointConfig(bound=self._work.submit, received=self._received, error=self._control_failed)
        )

    def close(self) -> None:
        """Stop listening and forget all endpoints. Zephyr has no such thing: shared memory stays, nobody is told."""
        self.reset()

    def reset(self) -> None:
        """Be off as after a reset of this core: memory stays as it is and the peer is not told."""
        self._epoch += 1
        self._control.reset()
        self._work.cancel()
        self._endpoints.clear()
        self._by_number.clear()
        self._names.clear()
        self._to_send.clear()

    def register_endpoint(self, config: EndpointConfig) -> IcmsgMeEndpoint:
        """Open the instance unless it is open, add an endpoint and bind it as soon as both sides have it.

        Raises :class:`IpcError`: ENOMEM for more than ``num_ep`` (at a follower, names that wait for an endpoint
        count); EINVAL for an initiator's name longer than ``ep_name_len``; EAGAIN for a follower's name that is
        registered and not bound; EALREADY for one that is; and what :meth:`open` raises.
        """
        name = self._wire_name(config)
        self._check(config, name)
        if not self.state.value:
            self.open()
        endpoint = IcmsgMeEndpoint(self, config)
        self._endpoints.append(endpoint)
        if self._is_initiator:
            endpoint.number = len(self._endpoints)
        elif (number := self._names.pop(name, None)) is not None:
            endpoint.number = number
        if endpoint.number is not None:
            self._by_number[endpoint.number] = endpoint
            self._to_send.append(endpoint)
            self._work.submit()
        return endpoint

    def send(self, endpoint: IcmsgMeEndpoint, data: Payload) -> int:
        """Send one message; see :meth:`IcmsgMeEndpoint.send`. As in Zephyr an initiator may send before it is bound."""
        payload = memoryview(data).tobytes()
        if endpoint not in self._endpoints:
            raise IpcError(
                f'{self._config.name}: endpoint "{endpoint.name}" is from before a reset: register it again',
                errno.ENOENT,
            )
        if not self._is_initiator and (endpoint.number is None or endpoint in self._to_send):
            raise IpcError(
                f'{self._config.name}: the initiator has no answer for endpoint "{endpoint.name}" yet: wait for its '
                f"bound callback",
                errno.ENOTCONN,
            )
        if len(payload) + 1 >= self._config.send_buf_size:
            raise IpcError(
                f"{self._config.name}: {len(payload)} bytes and the endpoint's number do not stay below the "
                f"{self._config.send_buf_size} of SEND_BUF_SIZE: split the message, or set it and send_buf_size higher",
                errno.EBADMSG,
            )
        self._control.send(bytes((endpoint.number or 0,)) + payload)
        return len(payload)

    def _wire_name(self, config: EndpointConfig) -> bytes:
        name = config.name.encode("utf-8", "surrogateescape")
        return name if self._is_initiator else name[: self._config.ep_name_len - 1]

    def _check(self, config: EndpointConfig, name: bytes) -> None:
        own = self._config.name
        if self._is_initiator and len(name) > self._config.ep_name_len:
            raise IpcError(
                f'{own}: the name "{config.name}" is longer than the {self._config.ep_name_len} of EP_NAME_LEN: use a '
                f"shorter one",
                errno.EINVAL,
            )
        if not name or b"\0" in name:
            raise IpcError(
                f"{own}: {config.name!r} is no name for an endpoint: use another one", errno.EINVAL
            )
        if not self._is_initiator:
            for endpoint in self._endpoints:
                if self._wire_name(endpoint.config) == name:
                    again = (
                        "has an endpoint already"
                        if endpoint.is_bound
                        else "has one that waits for the initiator"
                    )
                    raise IpcError(
                        f'{own}: the name "{config.name}" {again}: use another one',
                        errno.EALREADY if endpoint.is_bound else errno.EAGAIN,
                    )
        used = len(self._endpoints) + (0 if name in self._names else len(self._names))
        if used >= self._config.num_ep:
            raise IpcError(
                f'{own}: no place for endpoint "{config.name}": {used} are in use, names of the peer included; set '
                f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_NUM_EP and num_ep higher",
                errno.ENOMEM,
            )

    def _send_discovery(self) -> None:
        """Send what binds endpoints, as soon as the sides have bonded; what does not fit is sent later."""
        epoch = self._epoch
        while self._to_send and self._control.is_bound:
            endpoint = self._to_send[0]
            packet = bytes((_DISCOVERY, endpoint.number or 0))
            try:
                self._control.send(
                    packet + self._wire_name(endpoint.config) if self._is_initiator else packet
                )
            except IpcError as error:
                if error.errno == errno.ENOMEM:
                    self._clock.call_later(_RETRY_NS, self._work.submit)
                else:
                    self._report(error, endpoint)
                return
            self._to_send.popleft()
            if not self._is_initiator and not endpoint.is_bound:
                if self._to_send:
                    self._work.submit()  # if the callback raises
                self._tell_bound(endpoint)
                if self._epoch != epoch:
                    return

    def _received(self, packet: bytes) -> None:
        number = packet[0]
        if number != _DISCOVERY:
            endpoint = self._by_number.get(number)
            if endpoint is None:
                self._report(self._invalid(f"data for endpoint {number}, which nobody has"))
                return
            self._deliver(endpoint, packet[1:])
        elif len(packet) == 1:
            self._report(self._invalid("a discovery packet of 1 byte"))
        elif self._is_initiator:
            self._answered(packet[1])
        else:
            self._discovered(packet[1], packet[2:])

    def _deliver(self, endpoint: IcmsgMeEndpoint, data: bytes) -> None:
        epoch = self._epoch
        try:
            # A follower is bound by its answer, which may still wait for room in the buffer.
            if not endpoint.is_bound and not self._is_initiator:
                self._tell_bound(endpoint)
        finally:
            if epoch == self._epoch:
                if self.observer is not None:
                    self.observer(RECEIVED, AtEndpoint(endpoint.name, data))
                if endpoint.config.received is not None:
                    endpoint.config.received(data)

    def _answered(self, number: int) -> None:
        """Bind the initiator's endpoint that the follower has answered."""
        endpoint = self._by_number.get(number)
        if endpoint is None or endpoint.is_bound:
            what = "nobody has" if endpoint is None else f'is bound, "{endpoint.name}"'
            self._report(self._invalid(f"the answer for endpoint {number}, which {what}"), endpoint)
            return
        self._tell_bound(endpoint)

    def _discovered(self, number: int, name: bytes) -> None:
        """Bind the follower's endpoint that the initiator has named, or let the name wait for one."""
        kept = name[: self._config.ep_name_len - 1]
        problem = None
        if not 1 <= number <= self._config.num_ep:
            problem = f"there are numbers 1…{self._config.num_ep}; is the initiator's NUM_EP higher?"
        elif number in self._by_number:
            problem = f'it is "{self._by_number[number].name}": has the peer started over alone?'
        elif number in self._names.values() or kept in self._names or not kept:
            problem = "the number or the name is there already, or it is empty"
        if problem is not None:
            text = name.decode("utf-8", "replace")
            self._report(self._invalid(f'the name "{text}" for endpoint {number}: {problem}'))
            return
        for endpoint in self._endpoints:
            if endpoint.number is None and self._wire_name(endpoint.config) == kept:
                endpoint.number = number
                self._by_number[number] = endpoint
                self._to_send.append(endpoint)
                self._work.submit()
                return
        if len(self._endpoints) + len(self._names) >= self._config.num_ep:
            text = kept.decode("utf-8", "replace")
            error = IpcError(
                f'{self._config.name}: no place for the name "{text}" of endpoint {number}: set '
                f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_NUM_EP and num_ep higher",
                errno.ENOMEM,
            )
            self._report(error)
            return
        self._names[kept] = number

    def _tell_bound(self, endpoint: IcmsgMeEndpoint) -> None:
        endpoint.is_bound = True
        if self.observer is not None:
            self.observer(BOUND, AtEndpoint(endpoint.name, None))
        if endpoint.config.bound is not None:
            endpoint.config.bound()

    def _invalid(self, what: str) -> IpcError:
        return IpcError(f"{self._config.name}: received {what}", errno.EINVAL)

    def _report(self, error: IcmsgError, endpoint: IcmsgMeEndpoint | None = None) -> None:
        if self.observer is not None:
            self.observer(ERROR, error if endpoint is None else AtEndpoint(endpoint.name, error))
        self._tell_error(error, endpoint)

    def _control_failed(self, error: IcmsgError) -> None:
        self._tell_error(error, None)

    def _tell_error(self, error: IcmsgError, endpoint: IcmsgMeEndpoint | None) -> None:
        for each in self.endpoints if endpoint is None else (endpoint,):
            if each.config.error is not None:
                each.config.error(error)

    def _observe(self, kind: Happened, detail: Detail) -> None:
        """Pass on what the ICMsg instance tells; its packets are those of endpoints."""
        if self.observer is None or kind is RECEIVED or kind is DROPPED:
            return
        if kind is SENT and isinstance(detail, bytes):
            endpoint = self._by_number.get(detail[0])
            if endpoint is None:
                return  # discovery
            detail = AtEndpoint(endpoint.name, detail[1:])
        self.observer(kind, detail)
