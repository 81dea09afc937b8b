"""A peer of an ICBMsg stub that writes whatever a test wants into shared memory, right or wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from running_stub import MS, board_of, load, other_of

from icmsg.ipc.bonding import MAGIC
from icmsg.ipc.icbmsg import packets
from icmsg.ipc.icbmsg.control import BOUND, DATA, RELEASE_BOUND, RELEASE_DATA
from icmsg.link.endpoints.setup import EndpointStub
from icmsg.link.played_instance import PlayedMailbox
from icmsg.link.workload import Workload
from icmsg.wire.announcements import ControlReader, ControlWriter, SlotQueue, SlotQueueView
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from icmsg.config import IcbmsgConfig
    from icmsg.config.icbmsg import Generation
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.link.preconditions import StubStats

STUB_OF = {"3.6": "-icbmsg", "4.1": "-icbmsg", "rework": "-icbmsg-rework"}
NAMES = ("ep0", "ep1")


def config_of(machine: EmbeddedMachine, core: str, generation: Generation, **changes: Any) -> IcbmsgConfig:
    """Return the board's instance as ``core`` has it; ``changes`` are of the board's first core."""
    board = board_of(machine)
    app = replace(board.icbmsg, generation=generation, **changes)
    return app if core == board.roles[0] else app.mirrored()


def load_stub(
    machine: EmbeddedMachine,
    core: str,
    program: str,
    config: IcbmsgConfig,
    work: Workload | None = None,
    names: tuple[str, ...] = NAMES,
) -> EndpointStub:
    """Load a stub, tell it what to do, and do not start it; ``config`` is its own."""
    found = load(machine, core, program + STUB_OF[config.generation])
    assert found.image is not None
    stub = EndpointStub(found.image, found.bus)
    stub.set_blocks(config)
    stub.set_endpoints(names, work or Workload())
    return stub


def stats_of(stub: EndpointStub) -> StubStats:
    stats = stub.stats()
    assert stats is not None
    return stats


class _Hand:
    def __init__(self, machine: EmbeddedMachine, core: str, config: IcbmsgConfig) -> None:
        self._machine = machine
        self.core = machine.core(core)
        self.config = config
        bus = self.core.bus
        masks = {"tx_channels": 1 << config.tx_channel, "rx_channels": 1 << config.rx_channel}
        self._driver = PlayedMailbox(self.core, **masks).driver
        self._driver.enable(config.rx_channel)
        self.tx = BlockArea(bus, config.tx_layout)
        self.rx = BlockArea(bus, config.rx_layout)

    def ring(self) -> None:
        """Ring, and let the stub do what it does."""
        self._driver.ring(self.config.tx_channel)
        self._machine.run_for(1 * MS)


class ClassicHand(_Hand):
    """The peer of 3.6 to 4.4; it opens at once, and binds both endpoints of a stub that is the initiator."""

    def __init__(self, machine: EmbeddedMachine, core: str, config: IcbmsgConfig) -> None:
        super().__init__(machine, core, config)
        control, bus = config.control, self.core.bus
        self.writer = ControlWriter(bus, control.tx_region.address, control.tx_layout)
        self._reader = ControlReader(bus, control.rx_region.address, control.rx_layout)
        self.writer.tx_init()
        self._reader.rx_init()
        self.writer.write(MAGIC)
        self.ring()

    def send(self, *message: int) -> list[tuple[int, ...]]:
        """Send one control message of any length, and return what came back."""
        self.writer.write(bytes(message))
        self.ring()
        return self.taken()

    def taken(self) -> list[tuple[int, ...]]:
        """Take what the stub has sent."""
        found = [bytes(one) for one in self._reader.read_available()]
        return [tuple(one) for one in found if one != MAGIC]

    def bind(self) -> None:
        """Bind both endpoints, by their places in the stub's table."""
        if self.config.is_initiator:
            for number, name in enumerate(NAMES):
                self.tx.write(number, len(name) + 1, name.encode() + b"\0")
                assert self.send(BOUND, number, number) == [(RELEASE_BOUND, number, number)]
        else:
            asked = self.taken()
            assert [message[:2] for message in asked] == [(BOUND, 0), (BOUND, 1)]
            for _, number, block in asked:
                self.send(RELEASE_BOUND, number, block)

    def echo(self, data: bytes, number: int = 0, block: int = 0) -> None:
        """Send a message that is right, and check that it comes back."""
        self.tx.write(block, len(data), data)
        answers = self.send(DATA, number, block)
        assert answers[0] == (RELEASE_DATA, 0, block)
        kind, back, there = answers[1]
        assert (kind, back, self.rx.read(there)) == (DATA, number, data)
        assert self.send(RELEASE_DATA, 0, there) == []


class ReworkHand(_Hand):
    """The peer of the rework; it has the endpoints of the stub in slots of the same numbers."""

    def __init__(self, machine: EmbeddedMachine, core: str, config: IcbmsgConfig) -> None:
        super().__init__(machine, core, config)
        bus, tx, rx, slots = self.core.bus, config.tx_layout, config.rx_layout, config.slots
        self.queue = SlotQueue(bus, tx.address + tx.begin, slots)
        self.given = SlotQueue(bus, rx.address + rx.begin + rx.queue_size, slots)
        self._arrived = SlotQueueView(bus, rx.address + rx.begin, slots)
        self._returned = SlotQueueView(bus, tx.address + tx.begin + tx.queue_size, slots)
        self.queue.reset()
        self.given.reset()
        self._taken = self._back = 0
        self.control(0, packets.bound_packet(config))

    def put(self, block: int, header: int, data: bytes) -> list[tuple[int, int, bytes]]:
        """Put a message with any header at ``block``, and return what came back: block, endpoint, payload."""
        self.tx.write(block, header, data)
        return self.announce(block)

    def announce(self, entry: int, *, high: bool = False) -> list[tuple[int, int, bytes]]:
        """Put any entry into the queue."""
        self.queue.put(entry, high=high)
        self.ring()
        return self.taken()

    def control(self, block: int, packet: bytes) -> list[tuple[int, int, bytes]]:
        self.tx.write(block, len(packet) | block << 16 | packets.CONTROL << 24, packet)
        return self.announce(block, high=True)

    def taken(self) -> list[tuple[int, int, bytes]]:
        """Take what the stub has sent; it gets its blocks back."""
        new = self._arrived.new(self._taken)
        found = []
        for entry in self._arrived.entries(self._taken, new):
            header, data = self.rx.read_message(entry & 0x7F)
            found.append((entry & 0x7F, header >> 24, data))
            self.given.put(entry & 0x7F)
        self._taken += new
        return found

    def returned(self) -> list[int]:
        """Return the blocks that the stub has given back since the last call."""
        new = self._returned.new(self._back)
        found = self._returned.entries(self._back, new) if new else []
        self._back += new
        return found

    def bind(self) -> None:
        """Bind both endpoints."""
        for slot, name in enumerate(NAMES):
            self.control(1 + slot, packets.endpoint_bound(slot, packets.name_hash(name)))
        self.returned()

    def echo(self, data: bytes, number: int = 0, block: int = 0) -> None:
        """Send a message that is right, and check that it comes back."""
        answers = self.put(block, len(data) | block << 16 | number << 24, data)
        assert [(slot, back) for _, slot, back in answers] == [(number, data)]
        assert block in self.returned()


def start_against_hand(
    machine: EmbeddedMachine, core: str, generation: Generation
) -> tuple[EndpointStub, ClassicHand | ReworkHand]:
    """Start an echo on ``core``, bound to a peer by hand on the other one."""
    other = other_of(machine, core)
    config = config_of(machine, other, generation)
    stub = load_stub(machine, core, "echo", config.mirrored())
    machine.core(core).start()
    machine.run_for(1 * MS)
    hand = (ReworkHand if generation == "rework" else ClassicHand)(machine, other, config)
    hand.bind()
    assert [stub.endpoint_stats(number).bound for number in range(3)] == [1, 1, 0]
    assert stats_of(stub).errors == 0
    return stub, hand
