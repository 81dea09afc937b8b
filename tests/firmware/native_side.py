"""One side of a link, played by the stubs' C as ``link.c`` calls it, one packet per piece of work."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from native_stub import Icmsg, Session

from icmsg.ipc import State
from icmsg.ipc.clock import MS, WorkItem

if TYPE_CHECKING:
    from native_link import NativeLink

    from icmsg.config import InstanceConfig
    from icmsg.hw.mailbox import MemoryMailbox
    from icmsg.ipc.clock import Timer

BASE = 0x2007_0000
CAPACITY = 256
MAGIC_READ, CALL_AGAIN = 1, 1


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
