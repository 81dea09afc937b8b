"""Fuzz target: a whole instance whose peer, memory and signals come from the fuzzer."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from guarded_memory import BASE, GAP, GuardedMemory, Violation

from icmsg.config import InstanceConfig, Region, RegionLayout
from icmsg.errors import CorruptRegionError, IcmsgError, IpcError, WireError
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import (
    MAGIC,
    EndpointConfig,
    IcmsgInstance,
    InterruptHandler,
    LegacyState,
    State,
    VirtualClock,
)
from icmsg.wire import PbufReader, PbufWriter, SpscReader, SpscWriter

if TYPE_CHECKING:
    from script import Script

MODES: tuple[dict[str, Any], ...] = (
    {"signalling": "repeat"},
    {},
    {"dcache_alignment": 32, "trust_known_space": True},
    {"unbound": "enable", "dcache_alignment": 8},
    {"unbound": "detect", "dcache_alignment": 8},
    {"wire": "spsc_pbuf", "signalling": "repeat"},
    {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32},
    {"unbound": "detect", "dcache_alignment": 16, "rx_limit": 20, "peer_rx_limit": 24},
)
_BOUND = ("READY", "CONNECTED_SID_DISABLED", "CONNECTED_SID_ENABLED")
_TOLD = (*_BOUND, "DISCONNECTED")
_SEND_ERRNOS = frozenset(
    (errno.EBUSY, errno.ENODATA, errno.ENOMEM, errno.EMSGSIZE, errno.EINVAL, errno.EBADMSG)
)
_SIZES = (1, 4, 13, 20, 60, 100, 0, 0x10000)
_LONGEST_QUEUE = 200
_MS = 1_000_000


def chosen_config(script: Script, modes: tuple[dict[str, Any], ...] = MODES) -> InstanceConfig:
    """Let the script choose a mode and the size of both regions, which lie apart from one another."""
    mode = script.choose(modes)
    layout = RegionLayout.spsc_pbuf if mode.get("wire") == "spsc_pbuf" else RegionLayout.pbuf
    smallest = layout(0, mode.get("dcache_alignment", 8)).data_offset + 24
    tx_size, rx_size = (smallest + 4 * (script.byte() % 64) for _ in range(2))
    rx_address = BASE + 2 * GAP + -(-tx_size // GAP) * GAP
    return InstanceConfig(Region(BASE + GAP, tx_size), Region(rx_address, rx_size), **mode)


def guarded_regions(config: InstanceConfig) -> GuardedMemory:
    """Return memory with both regions, of which nothing is allowed yet."""
    return GuardedMemory(config.rx_region.end + GAP - BASE)


def allow_what_belongs_to(memory: GuardedMemory, config: InstanceConfig) -> None:
    """Allow what an instance of ICMsg may access."""
    tx, rx = config.tx_region, config.rx_region
    tx_layout, rx_layout = config.tx_layout, config.rx_layout
    own = [
        (tx.address + tx_layout.rd_idx_offset, 4),
        (tx.address + tx_layout.wr_idx_offset, tx.size - tx_layout.wr_idx_offset),
        (rx.address + rx_layout.rd_idx_offset, 4),
    ]
    if tx_layout.wire == "spsc_pbuf":
        own.append((tx.address, 12))
    if rx_layout.handshake_offset is not None:
        own.append((rx.address + rx_layout.handshake_offset, 4))
    reads = [(rx.address, rx.size), (tx.address + tx_layout.rd_idx_offset, 4), (tx.address + 4, 4)]
    memory.allow(read=reads, write=own)


def peer_writes_to_either(script: Script, memory: GuardedMemory, config: InstanceConfig) -> None:
    """The peer overwrites a field or some bytes in one of the regions, now or within the next call."""
    choice = script.byte()
    region, layout = (
        (config.rx_region, config.rx_layout) if choice & 1 else (config.tx_region, config.tx_layout)
    )
    if choice & 2:
        fields = (layout.rd_idx_offset, layout.wr_idx_offset, layout.data_offset, 4, 0)
        offset, data = fields[(choice >> 3) % len(fields)], script.block(4)
    else:
        data = script.block(choice >> 4)
        offset = script.word() % (region.size - len(data) + 1)
    if choice & 4:
        memory.poke_before(script.byte() % 16, region.address + offset, data)
    else:
        memory.poke(region.address + offset, data)


def play_against_instance(script: Script) -> None:
    """An instance, an application that calls it at any time, and a peer that may do anything."""
    game = _Game(script)
    moves = (
        game.peer_overwrites,
        game.peer_sends,
        game.peer_shakes_hands,
        game.peer_receives,
        game.peer_rings,
        game.work,
        game.time_passes,
        game.send,
        game.application_calls,
    )
    while script:
        move = script.choose(moves)
        move()
        if move != game.peer_overwrites:
            game.check()
    game.recover()


class _Game:
    """One instance under test and both its neighbours."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.config = config = chosen_config(script)
        self.memory = memory = guarded_regions(config)
        allow_what_belongs_to(memory, config)
        self.clock = VirtualClock()
        self.own_end, self.peer_end = mailbox_pair(latch=bool(script.byte() & 1))
        self.instance = IcmsgInstance(memory, self.own_end, self.clock, config, observer=self._observe)
        self.interrupt = InterruptHandler(self.own_end, self.instance)
        self.own_end.on_signal = self.interrupt.handle
        self.reactions = script.byte()
        self.bound = False
        self.calls = 0
        """How often the application called since all work was done; each may leave cancelled work behind."""
        self.callbacks = EndpointConfig(
            bound=self._bound, received=self._received, error=self._error, unbound=self._unbound
        )
        spsc = config.wire == "spsc_pbuf"
        peer = config.mirrored()
        self.peer_writer = (SpscWriter if spsc else PbufWriter)(
            memory.raw, peer.tx_region.address, peer.tx_layout
        )
        self.peer_reader = (SpscReader if spsc else PbufReader)(
            memory.raw, peer.rx_region.address, peer.rx_layout
        )

    # What the instance tells.

    def _observe(self, _kind: str, detail: object) -> None:
        if isinstance(detail, LegacyState | State) and detail.name not in _TOLD:
            self.bound = False  # closed or opened anew by this side: nobody is told

    def _bound(self) -> None:
        if self.bound:
            raise Violation("bound twice")
        self.bound = True
        if self.reactions & 16:
            self._try_to_reopen()
        if self.reactions & 32 and self.instance.state.value:  # opening anew may have failed
            self.instance.deregister_endpoint()

    def _unbound(self) -> None:
        if not self.bound:
            raise Violation("unbound without having been bound")
        self.bound = False
        if self.reactions & 1:
            self._try_to_reopen()

    def _received(self, data: bytes) -> None:
        limit = self.config.rx_limit or self.config.rx_layout.capacity
        if not 0 < len(data) <= limit:
            raise Violation(f"{len(data)} bytes were received")
        if not self.bound:
            raise Violation("a message before bound or after unbound")
        if self.reactions & 2:
            self._try_to_send(data)
        if self.reactions & 4:
            self._try_to_reopen()

    def _error(self, error: IcmsgError) -> None:
        if not isinstance(error, WireError | IpcError) or "0x" not in str(error):
            raise Violation(f"an error that does not say what is wrong where: {error!r}")
        if self.reactions & 8:
            self._try_to_reopen()

    # What can happen.

    def peer_overwrites(self) -> None:
        """Any bytes anywhere, at once or between two accesses of the next call."""
        peer_writes_to_either(self.script, self.memory, self.config)

    def peer_sends(self) -> None:
        """A well-formed packet; or the peer's buffer is initialised, and perhaps the magic sent."""
        choice = self.script.byte()
        if choice & 1:
            self.peer_writer.tx_init()
        try:
            self.peer_writer.write(MAGIC if choice & 2 else self.script.block(1 + choice // 4))
        except WireError:
            return  # full, or the fuzzer broke the index

    def peer_shakes_hands(self) -> None:
        """The handshake word of a peer, with the right acknowledgement or another."""
        choice = self.script.byte()
        local = self.instance.session_ids[0] if choice & 1 else choice >> 2
        sid = choice >> 1
        self.memory.poke(
            self.config.tx_region.address + 4, sid.to_bytes(2, "little") + local.to_bytes(2, "little")
        )

    def peer_receives(self) -> None:
        """Take one packet, or start from the beginning."""
        try:
            if not self.peer_reader.read():
                self.peer_reader.rx_init()
        except WireError:
            self.peer_reader.rx_init()

    def peer_rings(self) -> None:
        """Signal, on the right channel."""
        self.peer_end.ring(self.config.rx_channel)

    def work(self) -> None:
        """Run everything that is due."""
        limit = _LONGEST_QUEUE + 2 * self.calls
        for _ in range(limit):
            if not self.clock.run_one():
                self.calls = 0
                return
            self._check_state()
        raise Violation(f"{limit} pieces of work and no end: a hang")

    def time_passes(self) -> None:
        """Let 0 to 25.5 ms pass."""
        self.clock.advance(self.script.byte() * 100_000)

    def send(self) -> None:
        """Send something, which may be refused."""
        self._try_to_send(self.script.block(self.script.choose(_SIZES)))

    def _try_to_send(self, data: bytes) -> None:
        try:
            self.instance.send(data)
        except IpcError as error:
            if error.errno not in _SEND_ERRNOS:
                raise Violation(f"an errno that is not documented: {error.errno_name}") from error

    def application_calls(self) -> None:
        """Open, close, start over, ask, in any state."""
        choice = self.script.byte() % 7
        instance = self.instance
        self.calls += 1
        try:
            if choice < 2:
                instance.register_endpoint(self.callbacks)
            elif choice == 2:
                instance.deregister_endpoint()
            elif choice == 3:
                instance.reset()
            elif choice == 4:
                instance.identify_peer()
            elif choice == 5:
                _check_free_space(instance)
        except IpcError as error:
            refused_twice = choice <= 2 and error.errno == errno.EALREADY
            if not refused_twice and not self._peer_broke_the_magic(error):
                raise Violation(f"call {choice} was refused: {error}") from error
        if choice == 6:
            self._try_to_reopen()

    def _try_to_reopen(self) -> None:
        try:
            self.instance.reopen(self.callbacks)
        except IpcError as error:
            if not self._peer_broke_the_magic(error):
                raise Violation(f"reopen was refused: {error}") from error

    def _peer_broke_the_magic(self, error: IpcError) -> bool:
        """Tell whether opening may fail like this: the peer wrote its index within the call."""
        return (
            self.memory.disturbed
            and not self.instance.state.value
            and error.errno in (errno.EINVAL, errno.ENOMEM)
        )

    # What must hold.

    def check(self) -> None:
        """Check the state, and that nothing is left of what the peer had in mind for this call."""
        self.memory.begin()
        self._check_state()

    def _check_state(self) -> None:
        instance = self.instance
        if instance.is_bound != (instance.state.name in _BOUND):
            raise Violation(f"is_bound is {instance.is_bound} while {instance.state.name}")
        if self.bound != instance.is_bound:
            raise Violation(f"the last that was told is not what holds: {instance.state.name}")

    def recover(self) -> None:
        """An honest peer opens, this side starts over, and messages arrive in both directions.

        Without sessions both sides start from a reset of the SoC: old bytes would be believed (protocol §2.3).
        """
        config = self.config
        if config.unbound != "enable":
            for region in (config.tx_region, config.rx_region):
                self.memory.poke(region.address, bytes(region.size))
        self.reactions = 0
        peer = IcmsgInstance(self.memory.raw, self.peer_end, self.clock, config.mirrored())
        self.peer_end.on_signal = InterruptHandler(self.peer_end, peer).handle
        arrived: list[bytes] = []
        peer.register_endpoint(EndpointConfig(received=arrived.append))
        self.memory.begin()
        self.instance.reopen(self.callbacks)
        for _ in range(3):
            self.peer_end.ring(config.rx_channel)
            self.own_end.ring(config.tx_channel)
            self.clock.advance(2 * _MS)
        if not (self.instance.is_bound and peer.is_bound):
            raise Violation(f"no way back: {self.instance.state.name} and {peer.state.name}")
        self.instance.send(b"there")
        peer.send(b"back")
        self.clock.advance(2 * _MS)
        if arrived != [b"there"]:
            raise Violation(f"the peer received {arrived}")
        self._check_state()


def _check_free_space(instance: IcmsgInstance) -> None:
    try:
        free = instance.free_space()
    except CorruptRegionError:
        return
    if not 0 <= free <= instance.get_tx_buffer_size():
        raise Violation(f"{free} bytes are free of {instance.get_tx_buffer_size()}")
