"""Two sides of one link over shared bytes: each is the stubs' C, called as ``link.c`` calls it, or the Python backend.

Both do their work from one clock's queue, one packet per run, so that any two pairs can be compared step by step.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Literal, Protocol

from native_stub import Icmsg, Region, Session

from icmsg.config import InstanceConfig
from icmsg.config import Region as RegionConfig
from icmsg.errors import IpcError
from icmsg.hw.memory_bus import MemoryBus
from icmsg.hw.memory_mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, State, VirtualClock
from icmsg.ipc.clock import MS
from icmsg.ipc.work import WorkItem

if TYPE_CHECKING:
    from icmsg.ipc.clock import Timer

BASE = 0x2007_0000
CAPACITY = 256
MAGIC_READ, CALL_AGAIN = 1, 1
EBADMSG_OF_ZEPHYR = 77

Mode = Literal["4.0", "disable", "enable", "detect"]
Player = Literal["c", "python"]


class LinkSide(Protocol):
    """What a test does with a side, and what it sees."""

    events: list[tuple[str, bytes]]
    reopens: bool
    """Whether it opens again from inside its unbound callback."""

    @property
    def state(self) -> int: ...

    @property
    def session_ids(self) -> tuple[int, int]: ...

    @property
    def is_bound(self) -> bool: ...

    def open(self) -> None: ...

    def close(self) -> None: ...

    def restart(self) -> None: ...

    def send(self, data: bytes) -> int: ...


class PythonSide:
    """The Python backend."""

    def __init__(self, link: NativeLink, mailbox: MemoryMailbox, config: InstanceConfig) -> None:
        self.events: list[tuple[str, bytes]] = []
        self.reopens = False
        bus = MemoryBus(link.region.bytes, base=BASE)
        self._parts = bus, mailbox, link.clock, config
        self._instance = self._new()
        self._interrupt = InterruptHandler(mailbox, self._instance)
        mailbox.on_signal = self._interrupt.handle

    def _new(self) -> IcmsgInstance:
        return IcmsgInstance(*self._parts, observer=self._observe)

    def _observe(self, kind: str, detail: object) -> None:
        if kind in ("bound", "unbound", "ring", "error"):
            self.events.append((kind, b""))
        elif kind == "received":
            assert isinstance(detail, bytes)
            self.events.append((kind, detail))

    @property
    def state(self) -> int:
        return self._instance.state.value

    @property
    def session_ids(self) -> tuple[int, int]:
        return self._instance.session_ids

    @property
    def is_bound(self) -> bool:
        return self._instance.is_bound

    def open(self) -> None:
        self._instance.register_endpoint(EndpointConfig(unbound=self._unbound))

    def _unbound(self) -> None:
        if self.reopens:
            self.open()

    def close(self) -> None:
        self._instance.deregister_endpoint()

    def restart(self) -> None:
        self._instance.reset()
        self._instance = self._new()
        self._interrupt.replace(self._instance)

    def send(self, data: bytes) -> int:
        try:
            return self._instance.send(data)
        except IpcError as error:
            return -error.errno


class NativeSide:
    """What both kinds of C sides have in common: buffers, mailbox, a work item and the record of events."""

    def __init__(
        self, link: NativeLink, mailbox: MemoryMailbox, config: InstanceConfig, *, sessions: bool
    ) -> None:
        self.events: list[tuple[str, bytes]] = []
        self.reopens = False
        self.icmsg = Icmsg()
        self.lib = link.lib
        self.at_icmsg = ctypes.byref(self.icmsg)
        self.mailbox = mailbox
        self.config = config
        self.clock = link.clock
        self.work = WorkItem(link.clock, self.run)
        self.announced = ctypes.c_uint32()
        self.scratch = ctypes.create_string_buffer(CAPACITY)
        for pbuf, region in ((self.icmsg.tx, config.tx_region), (self.icmsg.rx, config.rx_region)):
            address = link.region.address + region.address - BASE
            result = self.lib.pbuf_init(
                ctypes.byref(pbuf), address, region.size, config.dcache_alignment, sessions
            )
            assert result == 0
        mailbox.on_signal = self._signalled

    def _signalled(self, channel: int) -> None:
        self.mailbox.acknowledge(channel)
        self.work.submit()

    def run(self) -> None:
        raise NotImplementedError

    def listen(self) -> None:
        if not self.mailbox.is_enabled(self.config.rx_channel):
            self.mailbox.enable(self.config.rx_channel)

    def deaf(self) -> None:
        if self.mailbox.is_enabled(self.config.rx_channel):
            self.mailbox.disable(self.config.rx_channel)
        self.work.cancel()

    def ring(self) -> None:
        self.happened("ring")
        self.mailbox.ring(self.config.tx_channel)

    def happened(self, kind: str, data: bytes = b"") -> None:
        self.events.append((kind, data))

    def packets_wait(self) -> bool:
        return int(self.lib.pbuf_read(ctypes.byref(self.icmsg.rx), None, 0)) != 0

    def delivered(self, result: int) -> None:
        """Record what a read returned; go on if there is more."""
        if result < 0:
            self.happened("error")
        elif result:
            self.happened("received", self.scratch.raw[:result])
            if self.packets_wait():
                self.work.submit()

    def sent(self, result: int) -> int:
        if result > 0:
            self.ring()
        return result


class NativeMagic(NativeSide):
    """``icmsg.c``; with ``repeats`` it rings every millisecond until it is bound, as ``link.c`` does."""

    def __init__(
        self, link: NativeLink, mailbox: MemoryMailbox, config: InstanceConfig, *, repeats: bool
    ) -> None:
        super().__init__(link, mailbox, config, sessions=False)
        self._repeats = repeats
        self._timer: Timer | None = None

    session_ids = (0, 0)

    @property
    def state(self) -> int:
        states = (State.OFF, State.INITIALIZING_SID_DISABLED, State.CONNECTED_SID_DISABLED)
        return states[self.icmsg.state].value

    @property
    def is_bound(self) -> bool:
        return self.state == State.CONNECTED_SID_DISABLED

    def open(self) -> None:
        assert self.lib.icmsg_open(self.at_icmsg) == 0
        self.listen()
        self._notify()

    def _notify(self) -> None:
        if not self.is_bound:
            self.ring()
            if self._repeats:
                self._timer = self.clock.call_later(MS, self._notify)

    def run(self) -> None:
        if self.is_bound:
            self.delivered(self.lib.pbuf_read(ctypes.byref(self.icmsg.rx), self.scratch, CAPACITY))
            return
        result = self.lib.icmsg_bond(self.at_icmsg, self.scratch, CAPACITY, ctypes.byref(self.announced))
        if result < 0:
            self.happened("error")
        elif result == MAGIC_READ:
            self.happened("bound")
            self.ring()
            if self.packets_wait():
                self.work.submit()

    def close(self) -> None:
        self.ring()
        self.restart()

    def restart(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.deaf()
        self.icmsg.state = 0

    def send(self, data: bytes) -> int:
        if not self.is_bound:
            return -16
        return self.sent(self.lib.pbuf_write(ctypes.byref(self.icmsg.tx), data, len(data)))


class NativeSessions(NativeSide):
    """``session.c``."""

    def __init__(self, link: NativeLink, mailbox: MemoryMailbox, config: InstanceConfig) -> None:
        super().__init__(link, mailbox, config, sessions=True)
        self.session = Session()
        self._at = ctypes.byref(self.session)
        self.restart()

    @property
    def state(self) -> int:
        return int(self.session.state)

    @property
    def session_ids(self) -> tuple[int, int]:
        return int(self.session.local_sid), int(self.session.remote_sid)

    @property
    def is_bound(self) -> bool:
        return self.state >= State.CONNECTED_SID_DISABLED

    def restart(self) -> None:
        self.deaf()
        self.lib.session_init(self._at, self.at_icmsg, self.config.unbound == "detect")

    def _ring_if_due(self) -> None:
        if self.session.ring:
            self.session.ring = False
            self.ring()

    def open(self) -> None:
        self.lib.session_open(self._at)
        self.listen()
        self._ring_if_due()

    def close(self) -> None:
        self.lib.session_close(self._at)
        self._ring_if_due()
        self.deaf()

    def run(self) -> None:
        if self.is_bound:
            self._read()
            return
        result = self.lib.session_bond(self._at, self.scratch, CAPACITY, ctypes.byref(self.announced))
        if result < 0:
            self.happened("error")
        if self.is_bound:
            self.happened("bound")
        self._ring_if_due()
        again = result == CALL_AGAIN or self.state == State.CONNECTED_SID_ENABLED
        if again or (self.is_bound and self.packets_wait()):
            self.work.submit()

    def read(self) -> int:
        return int(self.lib.session_read(self._at, self.scratch, CAPACITY))

    def _read(self) -> None:
        result = self.read()
        if self.state == State.DISCONNECTED:
            assert result == 0
            self.happened("unbound")
            if self.reopens:
                self.open()
            return
        self.delivered(result)

    def send(self, data: bytes) -> int:
        before = self.state
        result = int(self.lib.session_write(self._at, data, len(data)))
        return result if before == State.DISCONNECTED else self.sent(result)


class NativeLink:
    """Two sides, ``a`` and ``b``; ``a`` writes the lower of two regions of ``size`` bytes."""

    def __init__(
        self,
        lib: ctypes.CDLL,
        players: tuple[Player, Player],
        modes: tuple[Mode, Mode],
        *,
        size: int = 128,
        fill: int = 0,
        alignment: int = 8,
        latch: bool = True,
        repeats: bool = False,
    ) -> None:
        self.lib = lib
        self.region = Region(2 * size, fill)
        self.clock = VirtualClock()
        self._repeats = repeats
        self._size = size
        regions = RegionConfig(BASE, size), RegionConfig(BASE + size, size)
        mailboxes = self._mailboxes = mailbox_pair(latch=latch)
        sides: list[LinkSide] = []
        for number in (0, 1):
            options: dict[str, Any] = {"unbound": modes[number]}
            if modes[number] == "4.0":
                options = {"unbound": "disable", "signalling": "repeat"}
            config = InstanceConfig(
                regions[number],
                regions[1 - number],
                tx_channel=number,
                rx_channel=1 - number,
                dcache_alignment=alignment,
                **options,
            )
            sides.append(self._side(players[number], mailboxes[number], config))
        self.a, self.b = sides

    def _side(self, player: Player, mailbox: MemoryMailbox, config: InstanceConfig) -> LinkSide:
        if player == "python":
            return PythonSide(self, mailbox, config)
        if config.unbound == "disable":
            return NativeMagic(self, mailbox, config, repeats=self._repeats)
        return NativeSessions(self, mailbox, config)

    @property
    def hex(self) -> tuple[str, str]:
        """Both regions; fails if a byte outside was written."""
        text = self.region.hex
        return text[: 2 * self._size], text[2 * self._size :]

    def set_word(self, reader: str, value: int) -> None:
        """Overwrite the handshake word that side ``reader`` reads: the one in its tx region."""
        self.region.poke("ab".index(reader) * self._size + 4, value.to_bytes(4, "little"))

    def ring_without_cause(self, name: str) -> None:
        """Let a doorbell reach side ``name`` that nobody rang."""
        number = "ab".index(name)
        self._mailboxes[number].spurious(1 - number)

    def settle(self) -> None:
        """Run everything that happens within two periods of a repeated ring."""
        self.clock.advance(2 * MS)
