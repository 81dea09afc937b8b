"""Seam between what happens on a machine and a file that shows it: what a format is told, and of which subject.

A writer is a sink. The tracer (:mod:`icmsg.views.tracer`) listens to the event stream, numbers the messages, finds out
which doorbell and which interrupt belong to which message, and calls one method for each thing that happens, in the
order of the stream. So the same message has the same number in every format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig
from icmsg.link.endpoints.region_view import RELEASES
from icmsg.timers import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from icmsg.config.icbmsg import BlockLayout
    from icmsg.config.instance import Region, RegionLayout
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Core, Machine

    class TraceOutput(Protocol):
        """A file, a pipe or a compressor: all that a writer needs of it."""

        def write(self, data: bytes | bytearray, /) -> object:
            """Take bytes."""

        def flush(self) -> object:
            """Hand on what was taken."""


MAGIC_NUMBER: Final = 0
"""The number of the packet that opens a region: it belongs to bonding, and is no message."""


AT_END: Final = "still in the ring when the trace ended"
"""The reason for which a message was not received that nobody had taken yet."""


@dataclass(slots=True, eq=False)
class Message:
    """Packet from its way into the ring to its end; times are virtual nanoseconds, None = not (yet).

    ``number`` counts from 1 over all directions of a trace, in the order in which the packets were seen, and is
    :data:`MAGIC_NUMBER` for the packet that opens a region. ``index`` is where it lies in the ring, ``block`` in which
    blocks, of which it has ``block_count``. ``endpoint`` is the name, ``own_number`` counts the messages there, and
    ``address`` is the endpoint's number on the wire, where there are several.
    """

    number: int
    direction: TracedDirection
    payload: bytes
    index: int
    sent_ns: int
    title: str
    """The name of the message in every format: ``#17``, ``#17 ep0:5``, or ``magic``."""
    rung_ns: int | None = None
    interrupt_ns: int | None = None
    received_ns: int | None = None
    is_lost: bool = False
    """True if the signal of its doorbell was lost."""
    endpoint: str = ""
    own_number: int = 0
    address: int = 0
    block: int | None = None
    block_count: int = 0

    @property
    def is_magic(self) -> bool:
        """True for the packet that opens a region."""
        return self.number == MAGIC_NUMBER

    @property
    def place(self) -> str:
        """The place where it lies, in words."""
        if self.block is None:
            return f"at index {self.index}"
        last = self.block + self.block_count - 1
        return f"in block {self.block}" if self.block_count <= 1 else f"in blocks {self.block} to {last}"


@dataclass(frozen=True, slots=True)
class Control:
    """A packet by which a backend with several endpoints runs: in ``words``, and as it is on the wire.

    ``is_release`` for one that gives blocks back, which comes with nearly each message.
    """

    words: str
    packet: bytes
    is_release: bool = False


@dataclass(frozen=True, slots=True)
class ReaderStall:
    """A reader that takes nothing: at ``now_ns`` it has left so many messages, the ``first`` one since ``since_ns``.

    ``last`` is the name of the one that it took last, empty where it never took one.
    """

    direction: TracedDirection
    since_ns: int
    now_ns: int
    count: int
    first: str
    last: str

    def __str__(self) -> str:
        waits = (
            f"{self.first} waits" if self.count == 1 else f"{self.count} messages wait, {self.first} first"
        )
        since = f"since {self.last}" if self.last else "and never a message"
        return f"takes nothing for {format_time(self.now_ns - self.since_ns)}, {since}: {waits}"


def full_words(direction: TracedDirection, level: int) -> str:
    """Return what is said of a ring that is almost full."""
    return f"{direction.title} is almost full: {level} of {direction.capacity} {direction.room[1]} in use"


@dataclass(frozen=True, slots=True)
class TraceEnd:
    """End of a trace: what a writer can be told of its machine then, also where it is in another process."""

    now_ns: int
    report: Mapping[str, Any] | None = None
    """The report of a run (what ``icmsg run --json`` prints); not every trace has one.

    Its ``wall_s``, ``versions`` and ``options`` are not those of another run: a file with them has other bytes.
    """
    seen: object = None
    """The result of :meth:`TraceWriter.see_end`; None where the run was killed before."""


class TraceWriter:
    """Base of all formats: takes what happens, and writes nothing about what it has no method for.

    A format overrides what it shows; what nobody overrides costs nothing. Times are virtual nanoseconds; those of two
    cores may go back and forth, by at most the quantum, those of one core do not. Cores are given by their index.
    :meth:`close` ends the file and leaves ``output`` open, for whoever opened it.
    """

    wants_sleep = True
    """True if :meth:`core_changed` is for sleep, too, which comes with nearly each message."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        self.subject = subject
        self.output: Final = output

    def wants(self, name: str) -> bool:
        """Tell whether this has a method of its own of that name."""
        own = getattr(self, name)
        return getattr(own, "__func__", own) is not getattr(TraceWriter, name)

    # Messages

    def sent(self, time_ns: int, message: Message) -> None:
        """Take a packet that its writer has put into the ring."""

    def rang(self, time_ns: int, core: int, channel: int, messages: Sequence[Message]) -> None:
        """Take a doorbell; ``messages`` are those that it announces, none where nothing new lies in the ring."""

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:
        """Take a doorbell's loss, which somebody asked for; ``channels`` is a mask."""

    def interrupt(self, time_ns: int, core: int, number: int, messages: Sequence[Message]) -> None:
        """Take an interrupt line that rose; ``messages`` are those that wait behind it."""

    def interrupt_taken(self, time_ns: int, core: int, number: int) -> None:
        """Take the entry of an interrupt's handler."""

    def interrupt_ended(self, time_ns: int, core: int, number: int) -> None:
        """Take the return of an interrupt's handler."""

    def received(self, time_ns: int, message: Message) -> None:
        """Take a packet that its reader has taken out of the ring."""

    def dropped(self, time_ns: int, message: Message, why: str) -> None:
        """Take a packet that nobody can receive any more: its region began anew, or the trace ends."""

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int, level: int) -> None:
        """Take the indices of a ring that has changed, and how many bytes or blocks are taken (``direction.room``)."""

    def full(self, time_ns: int, direction: TracedDirection, level: int) -> None:
        """Take that a ring is almost full (``direction.almost_full``); again when it has been half empty."""

    def stalled(self, stall: ReaderStall) -> None:
        """Take that a reader has left messages in its ring, when the trace ends."""

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Take a packet of the backend itself, of one with several endpoints."""

    # Cores and instances

    def state(self, time_ns: int, core: int, name: str) -> None:
        """Take the new state of an instance that Python plays."""

    def session(self, time_ns: int, core: int, own: int, acknowledged: int) -> None:
        """Take what a core has published in its handshake word."""

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Take what a core does now: ``runs``, ``sleeps``, ``halted``, ``reset``."""

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:
        """Take a fault exception."""

    def warning(self, time_ns: int, core: int, text: str) -> None:
        """Take an access that nothing models."""

    def region_changed(self, time_ns: int, direction: TracedDirection, text: str) -> None:
        """Take that a region began anew, or cannot be read."""

    def printed(self, time_ns: int, core: int, text: str) -> None:
        """Take a finished line of a core's console."""

    def written(self, time_ns: int, core: int, text: str) -> None:
        """Take what was written to a core's console, with its control characters as ``\\x0d``."""

    def noted(self, time_ns: int, core: int, text: str) -> None:
        """Take what a test did to the machine, such as a fault that it injected."""

    # The end

    def see_end(self) -> object:
        """Return what the file shows of the machine at the end, beside the time: plain values, for :meth:`close`."""
        return None

    def close(self, end: TraceEnd) -> None:
        """Write what is left; nothing is told afterwards."""

    def companions(self, name: str) -> Mapping[str, str]:  # noqa: ARG002 - for those who have some
        """Return the texts of files beside a file of that name, by their suffixes, after the end."""
        return {}


@dataclass(frozen=True, slots=True)
class TracedCore:
    """Core; ``player`` is who had it when the trace began: ``firmware``, ``Python``, or empty for nobody."""

    index: int
    name: str
    player: str = ""


@dataclass(frozen=True, slots=True)
class TracedDirection:
    """Way of a link: ``writer`` puts packets into ``region``, rings ``channel``, and ``reader`` takes them.

    ``number`` counts the directions of a trace from 0. ``rd_idx`` and ``wr_idx`` are those when the trace began.
    ``config`` is that of ``writer``; where it has several endpoints, ``layout`` is that of the ICMsg region inside, and
    None for the rework of ICBMsg, whose counts of messages stand for the indices.
    """

    number: int
    instance: str
    writer: TracedCore
    reader: TracedCore
    region: Region
    layout: RegionLayout | None
    channel: int
    rd_idx: int = 0
    wr_idx: int = 0
    config: InstanceConfig | SeveralConfig | None = None

    @property
    def title(self) -> str:
        """The name of the direction in every format, such as ``app->net``."""
        return f"{self.writer.name}->{self.reader.name}"

    @property
    def blocks(self) -> BlockLayout | None:
        """The blocks of the region, of ICBMsg."""
        return self.config.tx_layout if isinstance(self.config, IcbmsgConfig) else None

    @property
    def wire(self) -> str:
        """The protocol in words."""
        if isinstance(self.config, IcbmsgConfig):
            return f"ICBMsg, {RELEASES[self.config.generation]}"
        if isinstance(self.config, IcmsgMeConfig):
            return f"icmsg_me, {self.config.role}"
        return self.layout.wire if self.layout is not None else ""

    @property
    def room(self) -> tuple[int, str]:
        """The number of which a fill level says how many are taken, and their unit."""
        if (blocks := self.blocks) is not None:
            return blocks.block_count, "blocks"
        return (self.layout.data_length if self.layout is not None else 0), "bytes"

    @property
    def capacity(self) -> int:
        """Blocks, or bytes that fit into the ring: indices that are equal mean empty."""
        room, _ = self.room
        return room if self.blocks is not None else max(0, room - 4)

    @property
    def almost_full(self) -> int:
        """The level from which on the next packet may not fit: nine tenths; of blocks, of which one is enough, all."""
        return self.capacity if self.blocks is not None else self.capacity * 9 // 10

    def level(self, rd_idx: int, wr_idx: int) -> int:
        """Return the bytes in the ring; 0 where the unit is blocks."""
        if self.blocks is not None or self.layout is None:
            return 0
        return (wr_idx - rd_idx) % self.layout.data_length


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """Subject of a trace: the cores of a machine and the directions of its links, as they are when it begins."""

    machine: Machine
    platform: str
    links: Sequence[AnyLink]
    cores: Sequence[TracedCore]
    """Cores by their index in events."""
    directions: Sequence[TracedDirection]
    """The two directions of each link, one link after the other."""
    start_ns: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    """Further facts by name that a reader of the file may want, such as the versions that matter."""
    title: str = ""
    """The name of what is traced, such as a test's."""

    @property
    def names(self) -> list[str]:
        """The names of the cores by index."""
        return [core.name for core in self.cores]


def subject_of(
    machine: Machine,
    links: Sequence[AnyLink],
    about: Mapping[str, str],
    players: Mapping[str, str],
) -> TraceSubject:
    """Return all that is known about a machine now; ``players`` says who will play a core, where that is known."""
    ordered = sorted(machine.cores.values(), key=lambda core: core.index)
    cores = [TracedCore(core.index, core.name, players.get(core.name) or player_of(core)) for core in ordered]
    directions: list[TracedDirection] = []
    for link in links:
        directions += directions_of(machine, link, cores, len(directions))
    platform = machine.description.file.replace("\\", "/").rsplit("/", 1)[-1]
    if platform.startswith("<"):
        platform = "the platform of a script"
    return TraceSubject(machine, platform, tuple(links), cores, directions, machine.now_ns, about)


def directions_of(
    machine: Machine, link: AnyLink, cores: Sequence[TracedCore], first: int
) -> list[TracedDirection]:
    """Return the two directions of a link, numbered from ``first`` on."""
    by_name = {core.name: core for core in cores}
    directions: list[TracedDirection] = []
    for name, config in link.configs.items():
        layout, indices = _indices(machine.core(name), config)
        directions.append(
            TracedDirection(
                first + len(directions),
                config.name,
                by_name[name],
                by_name[link.other(name)],
                config.tx_region,
                layout,
                config.tx_channel,
                *indices,
                config,
            )
        )
    return directions


def _indices(
    core: Core, config: InstanceConfig | SeveralConfig
) -> tuple[RegionLayout | None, tuple[int, int]]:
    """Return the ring of a direction, and rd_idx and wr_idx as they are; of the rework none, and its counts."""
    read32 = core.bus.read32
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        at = config.tx_layout.address + config.tx_layout.begin
        return None, (read32(at + config.tx_layout.queue_size), read32(at))
    ring = config if isinstance(config, InstanceConfig) else config.control
    layout, address = ring.tx_layout, ring.tx_region.address
    return layout, (read32(address + layout.rd_idx_offset), read32(address + layout.wr_idx_offset))


def player_of(core: Core) -> str:
    """Return who plays a core now: ``Python``, the name of its image's file, or an empty text for nobody."""
    if core.is_played:
        return "Python"
    return core.image.path.name if core.image is not None else ""
