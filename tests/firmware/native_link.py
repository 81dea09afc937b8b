"""Two sides of one link over shared bytes: each is the stubs' C, called as ``link.c`` calls it, or the Python backend.

Both do their work from one clock's queue, one packet per run, so that any two pairs can be compared step by step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from native_side import BASE, NativeMagic, NativeSessions
from native_stub import Region

from icmsg.config import InstanceConfig
from icmsg.config import Region as RegionConfig
from icmsg.errors import IpcError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import MemoryMailbox, mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock
from icmsg.ipc.clock import MS

if TYPE_CHECKING:
    import ctypes

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
