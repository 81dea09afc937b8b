"""Fuzz targets: ICBMsg of the classic generations and the rework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bonding import allow_what_belongs_to
from guarded_memory import BASE, GAP, GuardedMemory, Violation
from several import NAMES, SIZES, SeveralGame

from icmsg.config import IcbmsgConfig, Region
from icmsg.errors import ConfigurationError, WireError
from icmsg.ipc import MAGIC
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import ControlType
from icmsg.wire import PbufReader, PbufWriter
from icmsg.wire.announcements import HIGH, SlotQueue, SlotQueueView
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Callable

    from script import Script

_BLOCKS = ((4, 4), (2, 7), (9, 3), (1, 1), (16, 16), (32, 5))
_ALIGNMENTS = (0, 4, 8, 32)
_SLOTS = (16, 4, 1, 40)


def play_against_classic(script: Script) -> None:
    """An instance of 3.6 or 4.1, initiator or follower, and a peer that may do anything."""
    generation = "3.6" if script.byte() & 1 else "4.1"
    config = _chosen(script, generation=generation)
    if config is not None:
        _Classic(script, config).play()


def play_against_rework(script: Script) -> None:
    """An instance of the rework, with and without Zephyr's defects, and a peer that may do anything."""
    choice = script.byte()
    defects = frozenset({"silent-loss"} if choice & 1 else ()) | ({"deaf-start"} if choice & 2 else set())
    options = {"deinit": not choice & 4, "slots": _SLOTS[choice >> 3 & 3], "defects": defects}
    config = _chosen(script, generation="rework", **options)
    if config is not None:
        _Rework(script, config).play()


def _chosen(script: Script, **options: Any) -> IcbmsgConfig | None:
    """Let the script choose blocks and regions; None where they are too small, or a message never fits."""
    choice = script.byte()
    size = 256 + 16 * (script.byte() & 63)
    regions = Region(BASE + GAP, size), Region(BASE + 2 * GAP + -(-size // GAP) * GAP, size)
    try:
        config = IcbmsgConfig(
            *(regions if choice & 1 else regions[::-1]),
            *script.choose(_BLOCKS),
            dcache_alignment=script.choose(_ALIGNMENTS),
            num_ep=2 + (choice >> 1 & 3),
            refused="leak" if choice & 8 else "release",
            **options,
        )
    except ConfigurationError:
        return None
    return config if min(config.tx_layout.longest, config.rx_layout.longest) >= 16 else None


class _Blocks(SeveralGame):
    """What both protocols have in common: blocks."""

    def __init__(self, script: Script, config: IcbmsgConfig) -> None:
        end = max(config.tx_region.end, config.rx_region.end)
        memory = GuardedMemory(end + GAP - BASE)
        super().__init__(script, config, memory)
        tx, rx = config.tx_layout, config.rx_layout
        blocks = tx.address + tx.begin + tx.blocks_offset, tx.block_size * tx.block_count
        memory.allow(read=[(rx.address + rx.begin, rx.size), blocks], write=[blocks])
        if config.generation == "rework":  # looks for a bound packet that lies elsewhere
            memory.allow(read=[(config.rx_region.address, config.rx_region.size)])
        self.peer_blocks = BlockArea(memory.raw, rx)

    def moves(self) -> tuple[Callable[[], None], ...]:
        """Return those of every backend, and those of buffers and blocks."""
        return (
            *super().moves(),
            self.buffers_change_hands,
            self.peer_starts,
            self.peer_names,
            self.peer_sends,
            self.peer_releases,
            self.peer_sends_anything,
        )

    def peer_overwrites(self) -> None:
        """A queue, an index, the beginning of a block, or up to 15 bytes anywhere."""
        script, choice = self.script, self.script.byte()
        layout = self.config.rx_layout if choice & 1 else self.config.tx_layout
        if choice & 2:
            block = layout.blocks_offset + script.byte() % layout.block_count * layout.block_size
            fields = (0, 4, 8, layout.dcache_alignment, layout.queue_size, layout.queue_size + 8, block)
            offset, data = layout.begin + fields[(choice >> 3) % len(fields)], script.block(4)
        else:
            data = script.block(choice >> 4)
            offset = script.word() % (layout.region_size - len(data) + 1)
        if choice & 4:
            self.memory.poke_before(script.byte() % 16, layout.address + offset, data)
        else:
            self.memory.poke(layout.address + offset, data)

    def buffers_change_hands(self) -> None:
        """Get, fill, send and drop buffers, wait for them; release what is held."""
        script = self.script
        choice, size = script.byte(), script.choose(SIZES)
        if choice % 4 == 0 and self.held:
            held = self.held.pop(-(choice >> 2 & 1))
            held.read()
            self._try(held.release)
        elif choice % 4 == 1 and self.buffers:
            buffer = self.buffers.pop(0)
            data = bytes(min(size, buffer.size))
            buffer.write(data)
            endpoint = buffer.endpoint
            if choice & 4:
                self._try(lambda: endpoint.drop_tx_buffer(buffer) or True)
            else:
                self._try(lambda: endpoint.send_nocopy(buffer, size if choice & 8 else None))
        elif self.endpoints:
            endpoint = script.choose(tuple(self.endpoints))
            if choice & 4:
                buffer = self._try(lambda: endpoint.get_tx_buffer(size))
                if buffer is not None:
                    self.buffers.append(buffer)
            else:
                self.calls += 20
                timeout = choice * 1000 if choice & 8 else None
                self._try(
                    lambda: endpoint.wait_tx_buffer(size, self.buffers.append, failed=str, timeout_ns=timeout)
                )

    def peer_starts(self) -> None:
        """What says to the instance that its peer is there."""
        raise NotImplementedError

    def peer_names(self) -> None:
        """A name that the peer wants to bind."""
        raise NotImplementedError

    def peer_announces(self, number: int, block: int, payload: bytes) -> bool:
        """Write a message and what announces it; False when there is no room for that."""
        raise NotImplementedError

    def peer_releases(self) -> None:
        """A block comes back that the instance has sent, or one that it has not."""
        raise NotImplementedError

    def peer_sends_anything(self) -> None:
        """Bytes of the fuzzer, well packed."""
        raise NotImplementedError

    def can_receive(self, number: int) -> tuple[str, bool, bool]:
        """Return whose data with that number is, whether nothing else waits, and whether it must arrive."""
        raise NotImplementedError

    def peer_sends(self) -> None:
        """A well-formed message: who is bound gets exactly that, and what is for nobody changes nothing."""
        script, layout = self.script, self.config.rx_layout
        number, block = script.byte() % 6, script.byte() % layout.block_count
        room = layout.block_size * (layout.block_count - block) - 4
        payload = bytes([script.byte()]) * min(script.choose(SIZES), room)
        self.work()
        self.memory.begin()
        name, is_alone, must = self.can_receive(number)
        count, end = len(self.arrived), block + layout.blocks_of(len(payload))
        if any(start < end and block < start + held for start, held in self.backend._held.items()):
            must, name = False, ""
        before = self.states()
        if not self.peer_announces(number, block, payload):
            return
        self.peer_rings()
        self.work()
        arrived = self.arrived[count:]
        if must and (name, payload) not in arrived:
            raise Violation(f"{len(payload)} bytes for {name} have not arrived")
        if is_alone and not name and (arrived or before != self.states()):
            raise Violation(f"a refused message has changed something: {arrived}")

    def states(self) -> object:
        """Return what a refused message must not change."""
        return [(endpoint.name, endpoint.state, endpoint.is_registered) for endpoint in self.endpoints]

    def check(self) -> None:
        """Check endpoints, and that every block of this side that is not free is somebody's."""
        super().check()
        backend = self.backend
        owned = sorted(
            [(buffer.block, buffer.count) for buffer in self.buffers if buffer.count]
            + list(backend.in_flight.items())
        )
        if backend.blocks_in_use != sum(count for _, count in owned):
            raise Violation(f"{backend.blocks_in_use} blocks are in use, these are somebody's: {owned}")
        free = 0
        for block, count in owned:
            if block < free:
                raise Violation(f"blocks belong to two: {owned}")
            free = block + count
        if len(self.held) < backend.blocks_held:
            raise Violation(f"{backend.blocks_held} messages are held, by nobody")


class _Classic(_Blocks):
    """Three bytes over ICMsg."""

    def __init__(self, script: Script, config: IcbmsgConfig) -> None:
        super().__init__(script, config)
        allow_what_belongs_to(self.memory, config.control)
        peer = config.control.mirrored()
        raw = self.memory.raw
        self.writer = PbufWriter(raw, peer.tx_region.address, peer.tx_layout)
        self.reader = PbufReader(raw, peer.rx_region.address, peer.rx_layout)

    def peer_starts(self) -> None:
        """The peer's buffer is initialised, and the magic sent."""
        self.writer.tx_init()
        self._packet(MAGIC)
        self.peer_rings()

    def _packet(self, packet: bytes) -> bool:
        """Write a packet, and take what the instance has sent, so that its buffer never stays full."""
        try:
            for _ in range(40):
                if not self.reader.read():
                    break
        except WireError:
            self.reader.rx_init()
        try:
            self.writer.write(packet)
        except WireError:
            return False
        return True

    def peer_names(self) -> None:
        """The initiator's name, or the follower's answer."""
        script = self.script
        number, choice = script.byte() % 6, script.byte()
        if choice & 1:
            block = choice >> 1
            self._packet(bytes((ControlType.RELEASE_BOUND, number, block % self.config.tx_blocks)))
        else:
            name = script.choose(NAMES).encode() + b"\0"
            block = script.byte() % self.config.rx_blocks
            layout = self.config.rx_layout
            if len(name) <= layout.block_size * (layout.block_count - block) - 4:
                self.peer_blocks.write(block, len(name), name)
                self._packet(bytes((ControlType.BOUND, number, block)))
        self.peer_rings()

    def peer_announces(self, number: int, block: int, payload: bytes) -> bool:
        """Write block and DATA."""
        self.peer_blocks.write(block, len(payload), payload)
        return self._packet(bytes((ControlType.DATA, number, block)))

    def can_receive(self, number: int) -> tuple[str, bool, bool]:
        """Return it; data binds an initiator's endpoint, too."""
        control = self.config.control
        word = self.memory.raw.read32
        rx, layout = control.rx_region.address, control.rx_layout
        is_sound = (
            self.backend.is_bonded
            and not self.backend._channel.owed
            and word(rx + layout.wr_idx_offset) == self.backend._channel._reader._rd == self.writer._wr
        )
        for endpoint in self.endpoints:
            if endpoint.address == number and endpoint.state.name in ("READY", "BOUNDING"):
                return endpoint.name, is_sound, is_sound and endpoint.is_bound
        return "", is_sound, False

    def peer_releases(self) -> None:
        """RELEASE_DATA."""
        choice = self.script.byte()
        mine = list(self.backend.in_flight)
        block = mine[choice % len(mine)] if mine and choice & 1 else choice
        self._packet(bytes((ControlType.RELEASE_DATA, choice >> 6, block)))
        self.peer_rings()

    def peer_sends_anything(self) -> None:
        """A packet of 1 to 8 bytes."""
        self._packet(self.script.block(1 + self.script.byte() % 8))
        self.peer_rings()

    def announced(self) -> object:
        """Return the index of this side's packet buffer."""
        control = self.config.control
        return self.memory.raw.read32(control.tx_region.address + control.tx_layout.wr_idx_offset)


class _Rework(_Blocks):
    """Queues of its own."""

    def __init__(self, script: Script, config: IcbmsgConfig) -> None:
        super().__init__(script, config)
        tx, rx = config.tx_layout, config.rx_layout
        begins = tx.address + tx.begin, rx.address + rx.begin
        queue = tx.queue_size
        self.memory.allow(
            read=[(begins[0] + queue, queue)], write=[(begins[0], queue), (begins[1] + queue, queue)]
        )
        raw = self.memory.raw
        self.produced = SlotQueue(raw, begins[1], config.slots)
        self.consumed = SlotQueue(raw, begins[0] + queue, config.slots)
        self.view = SlotQueueView(raw, begins[0], config.slots)

    def play(self) -> None:
        """Play, and look at the symptoms all the time."""
        super().play()
        self.backend.symptoms()

    def check(self) -> None:
        """Check, and tell the symptoms, whatever they are."""
        super().check()
        self.memory.begin()
        self.backend.symptoms()

    def peer_starts(self) -> None:
        """Counts of 0 and the bound packet, perhaps with other numbers of blocks."""
        choice = self.script.byte()
        self.produced.reset()
        self.consumed.reset()
        config = self.config.mirrored()
        packet = packets.bound_packet(config)
        self._control(choice % 4 if choice & 0x80 else 0, packet if choice & 64 == 0 else packet[:-1] + b"\1")

    def _control(self, block: int, packet: bytes, number: int = packets.CONTROL) -> None:
        layout = self.config.rx_layout
        block %= layout.block_count
        if len(packet) <= layout.block_size * (layout.block_count - block) - 4:
            self.peer_blocks.write(block, len(packet) | block << 16 | number << 24, packet)
            self.produced.put(block, high=True)
        self.peer_rings()

    def peer_names(self) -> None:
        """A hash, or an unbound packet."""
        script, choice = self.script, self.script.byte()
        slot = script.byte() % 6
        hashed = packets.name_hash(script.choose(NAMES))
        unbound = packets.endpoint_unbound(slot)
        self._control(choice >> 1, packets.endpoint_bound(slot, hashed) if choice & 1 else unbound)

    def peer_announces(self, number: int, block: int, payload: bytes) -> bool:
        """Write block and entry."""
        self.peer_blocks.write(block, len(payload) | block << 16 | number << 24, payload)
        self.produced.put(block, high=bool(len(payload) & 1))
        return True

    def can_receive(self, number: int) -> tuple[str, bool, bool]:
        """Return it; an endpoint whose bound callback is still to come is told before."""
        queues = self.backend.queues
        is_sound = (
            self.backend.is_connected
            and queues.received == self.produced.count == self.memory.raw.read32(self.produced.address)
        )
        for endpoint in self.endpoints:
            if endpoint.index == number and endpoint.is_registered:
                return endpoint.name, is_sound, is_sound and endpoint.is_bound
        return "", is_sound, False

    def peer_releases(self) -> None:
        """Entries of the consumer queue."""
        choice = self.script.byte()
        mine = list(self.backend.in_flight)
        self.consumed.put(mine[choice % len(mine)] if mine and choice & 1 else choice & ~HIGH)

    def peer_sends_anything(self) -> None:
        """A control packet of up to 15 bytes, or an entry alone."""
        choice = self.script.byte()
        if choice & 1:
            self._control(choice >> 5, self.script.block(choice >> 1 & 15))
        else:
            self.produced.put(self.script.byte() & ~HIGH, high=bool(choice & 2))
            self.peer_rings()

    def announced(self) -> object:
        """Return the count of this side's messages."""
        return self.memory.raw.read32(self.view.address)
