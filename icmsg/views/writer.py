"""Seam between what happens on a machine and a file that shows it: what a format has to write, and is told.

A writer is a sink. The tracer (:mod:`icmsg.views.tracer`) listens to the event stream, numbers the messages, finds out
which doorbell and which interrupt belong to which message, and calls one method for each thing that happens, in the
order of the stream. So the same message has the same number in every format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from icmsg.config.instance import Region
    from icmsg.config.layout import RegionLayout
    from icmsg.link.link import Link
    from icmsg.machine.events import Event
    from icmsg.machine.machine import Machine

    class TraceOutput(Protocol):
        """A file, a pipe or a compressor: all that a writer needs of it."""

        def write(self, data: bytes | bytearray, /) -> object:
            """Take bytes."""

        def flush(self) -> object:
            """Hand on what was taken."""


MAGIC_NUMBER: Final = 0
"""The number of the packet that opens a region: it belongs to bonding, and is no message."""


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
    """

    number: int
    instance: str
    writer: TracedCore
    reader: TracedCore
    region: Region
    layout: RegionLayout
    channel: int
    rd_idx: int = 0
    wr_idx: int = 0

    @property
    def title(self) -> str:
        """The name of the direction in every format, such as ``app->net``."""
        return f"{self.writer.name}->{self.reader.name}"


@dataclass(slots=True, eq=False)
class Message:
    """Packet from its way into the ring to its end; times are virtual nanoseconds, None = not (yet).

    ``number`` counts from 1 over all directions of a trace, in the order in which the packets were seen, and is
    :data:`MAGIC_NUMBER` for the packet that opens a region. ``index`` is where it lies in the ring.
    """

    number: int
    direction: TracedDirection
    payload: bytes
    index: int
    sent_ns: int
    rung_ns: int | None = None
    interrupt_ns: int | None = None
    received_ns: int | None = None
    title: str = field(init=False)
    """The name of the message in every format: ``#17``, or ``magic``."""

    def __post_init__(self) -> None:
        self.title = f"#{self.number}" if self.number else "magic"

    @property
    def is_magic(self) -> bool:
        """True for the packet that opens a region."""
        return self.number == MAGIC_NUMBER


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """All that is known about a machine when its trace begins."""

    machine: Machine
    platform: str
    links: Sequence[Link]
    cores: Sequence[TracedCore]
    """Cores by their index in events."""
    directions: Sequence[TracedDirection]
    """The two directions of each link, one link after the other."""
    start_ns: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    """Further facts by name that a reader of the file may want, such as the versions that matter."""

    @property
    def names(self) -> list[str]:
        """The names of the cores by index."""
        return [core.name for core in self.cores]


class TraceWriter:
    """Base of all formats: takes what happens, and writes nothing about what it has no method for.

    A format overrides what it shows; what nobody overrides costs nothing. Times are virtual nanoseconds; those of two
    cores may go back and forth, by at most the quantum, those of one core do not. Cores are given by their index.
    :meth:`close` ends the file and leaves ``output`` open, for whoever opened it.
    """

    wants_sleep = True
    """True if :meth:`core_changed` is for sleep, too, which comes with nearly each message."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        self.subject: Final = subject
        self.output: Final = output

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

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int) -> None:
        """Take the indices of a ring that has changed."""

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

    def event(self, event: Event) -> None:
        """Take an event as it is in the stream, before what it means; for a format that shows events themselves."""

    # The end

    def conclude(self, report: Mapping[str, Any]) -> None:
        """Take the report of a run (what ``icmsg run --json`` prints), before the end; not every trace has one.

        Its ``wall_s``, ``versions`` and ``options`` are not those of another run: a file with them has other bytes.
        """

    def close(self) -> None:
        """Write what is left; nothing is told afterwards."""

    def companions(self, name: str) -> Mapping[str, str]:  # noqa: ARG002 - for those who have some
        """Return the texts of files beside a file of that name, by their suffixes, after the end."""
        return {}
