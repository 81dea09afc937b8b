"""Messages of an exchange, and what came back for each: counted, compared and timed, whoever saw them."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from icmsg.errors import ConfigurationError, IcmsgError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icmsg.link.preconditions import StubStats
    from icmsg.link.watch import LinkWatch


_WORD: Final = 0xFFFFFFFF
"""Largest value of a word of a firmware stub."""
_BURST: Final = 4
_ROUND: Final = 16
"""Messages of a round, of which one burst is sent at once."""
_SEEDS: Final = (1 << 64) - 1

Reply = Literal["same", "next"]
"""The reply to a message: the same one, or the next number."""


@dataclass(frozen=True, slots=True)
class Workload:
    """``messages`` messages of ``size_min``…``size_max`` bytes, at most ``window`` of them under way at once.

    Without a ``window`` one message waits for its echo before the next is sent, but four of every sixteen are sent at
    once: a peer that takes one packet for each doorbell does not keep up with that. No messages at all ask for bonding
    alone; ``any_number``: as many as firmware sends on its own, until it is silent. Sizes and contents follow from
    ``seed``. Where the ``reply`` is the next number, messages are numbers of one byte, as in Zephyr's sample
    multi_endpoint: each goes on from the reply to the one before. Raises ConfigurationError for what cannot be sent.
    """

    messages: int = 1000
    size_min: int = 1
    size_max: int = 100
    seed: int = 1
    window: int | None = None
    any_number: bool = False
    reply: Reply = "same"

    def __post_init__(self) -> None:
        if not 0 <= self.messages <= _WORD:
            raise ConfigurationError(f"{self.messages} messages: send 1…{_WORD}, or 0 to bond only")
        if not 1 <= self.size_min <= self.size_max <= 0xFFFF:
            raise ConfigurationError(
                f"sizes {self.size_min}:{self.size_max}: use MIN:MAX with 1 ≤ MIN ≤ MAX ≤ 65535 bytes"
            )
        if self.reply == "next" and self.size_max > 1:
            raise ConfigurationError(
                f"size {self.size_min}:{self.size_max}: numbers have one byte; leave --size away with --reply next"
            )
        if self.window is not None and not 1 <= self.window <= _WORD:
            raise ConfigurationError(f"window {self.window}: let 1…{_WORD} messages be under way at once")

    def window_at(self, sent: int) -> int:
        """Return how many messages may be under way when ``sent`` have been sent."""
        if self.window is not None or self.reply == "next":
            return self.window or 1
        return _BURST if _BURST <= sent % _ROUND < 2 * _BURST else 1

    def payloads(self) -> Iterator[bytes]:
        """Yield the messages, the same ones every time."""
        if self.reply == "next":
            yield from (bytes((2 * number & 0xFF,)) for number in range(self.messages))
            return
        random = Random(self.seed & _SEEDS)  # Random takes a negative seed for its absolute value
        span = self.size_max - self.size_min + 1
        for _ in range(self.messages):
            yield random.randbytes(self.size_min + int(random.random() * span))

    @property
    def answer(self) -> Callable[[bytes], bytes] | None:
        """The function that makes the reply of a message; None where that is the same one."""
        return next_number if self.reply == "next" else None


def next_number(message: bytes) -> bytes:
    """Return the number behind that in the first byte of a message, 0 behind 255."""
    return bytes((message[0] + 1 & 0xFF,))


def difference(
    number: int, sent: bytes, received: bytes, answer: Callable[[bytes], bytes] | None = None
) -> str:
    """Return in words how reply ``number`` (from 1) differs from what was sent, or from the ``answer`` to that."""
    if answer is not None:
        return (
            f"reply {number} to {sent[:8].hex(' ')} is {received[:8].hex(' ')}, and not {answer(sent).hex()}"
        )
    if len(received) != len(sent):
        return f"echo {number} has {len(received)} bytes, {len(sent)} were sent"
    at = next(
        index for index, (ours, theirs) in enumerate(zip(sent, received, strict=True)) if ours != theirs
    )
    return f"echo {number} differs at byte {at}: 0x{sent[at]:02X} was sent, 0x{received[at]:02X} came back"


def unasked(received: bytes) -> str:
    """Return in words that a message came back which nobody had sent."""
    return f"{len(received)} bytes came that nobody had sent: {received[:16].hex(' ')}"


class RoundTrips:
    """Durations in nanoseconds of virtual time."""

    def __init__(self) -> None:
        self._ns = array("Q")
        self.add = self._ns.append

    def __len__(self) -> int:
        return len(self._ns)

    def extend(self, other: RoundTrips) -> None:
        """Add all durations of ``other``."""
        self._ns.extend(other._ns)

    def summary_us(self) -> dict[str, float | None]:
        """Return min, median, p99 and max in microseconds; None where nothing came back."""
        ordered = sorted(self._ns)
        if not ordered:
            return dict.fromkeys(("min", "median", "p99", "max"))
        last = len(ordered) - 1
        return {
            name: ordered[round(last * part)] / 1000
            for name, part in (("min", 0.0), ("median", 0.5), ("p99", 0.99), ("max", 1.0))
        }


class EchoPairs:
    """Pairs of messages and their echoes, in order; of a sender without end ``limit`` of them are counted.

    With ``answer`` an echo is what that makes of the message.
    """

    def __init__(self, limit: int | None = None, answer: Callable[[bytes], bytes] | None = None) -> None:
        self.lost = 0
        """Messages whose echo a reset has prevented."""
        self.only_plays_back = True
        """True while each message but the first of who initiates is the echo that it had got just before."""
        self.sent = 0
        self.got = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.round_trips: Final = RoundTrips()
        self.first_difference: IcmsgError | None = None
        """Difference of the first message that is no echo."""
        self.last_echo: bytes | None = None
        """Message that was sent back last; None after a reset."""
        self._cut = 0
        self._limit = limit
        self._answer = answer
        self._expected: deque[tuple[bytes, int]] = deque()

    @property
    def are_all_different(self) -> bool:
        """True if none of several echoes equals what was sent, and they are not just cut off."""
        return 1 < self.got == self.mismatches != self._cut

    def message(self, packet: bytes, time_ns: int) -> None:
        """Take a message of who initiates."""
        if self.sent != self._limit:
            if self.sent and packet != self.last_echo:
                self.only_plays_back = False
            self.sent += 1
            self._expected.append((packet, time_ns))

    def echo(self, packet: bytes, time_ns: int) -> None:
        """Take a message of the other side."""
        if self.got == self._limit:
            return
        self.got += 1
        self.last_echo = packet
        self.bytes_received += len(packet)
        if not self._expected:
            self._differs(b"", packet, IcmsgError(unasked(packet)))
            return
        sent, sent_ns = self._expected.popleft()
        if packet != (sent if self._answer is None else self._answer(sent)):
            self._differs(sent, packet, IcmsgError(difference(self.got, sent, packet, self._answer)))
        self.round_trips.add(max(0, time_ns - sent_ns))

    def give_up(self) -> None:
        """Count what is under way as lost: a core was reset."""
        self.lost += len(self._expected)
        self._expected.clear()
        self.last_echo = None

    def _differs(self, sent: bytes, packet: bytes, error: IcmsgError) -> None:
        self.mismatches += 1
        self._cut += bool(sent) and (sent.startswith(packet) or packet.startswith(sent))
        self.first_difference = self.first_difference or error


class Counts(NamedTuple):
    """Counts of whoever sent first, or what was seen of it from outside.

    ``expected`` is None where as many were asked for as firmware sends; ``lost`` were under way at a restart. Where
    they ``are_echoes`` not, neither number follows from the other.
    """

    expected: int | None
    sent: int
    got: int
    bytes_received: int
    mismatches: int
    round_trips: RoundTrips
    lost: int = 0
    are_echoes: bool = True

    @classmethod
    def of_its_own(cls, expected: int | None, watch: LinkWatch) -> Counts:
        """Return what ``watch`` has seen of two cores that both send messages of their own."""
        received = watch.got, watch.bytes_received
        return cls(expected or watch.got, watch.sent, *received, 0, RoundTrips(), are_echoes=False)

    @classmethod
    def of_stub(cls, expected: int, stub: StubStats, watch: LinkWatch) -> Counts:
        """Return what a stub that sends first has counted, with what only ``watch`` sees."""
        mismatches = max(watch.mismatches, stub.mismatches)
        received = stub.received, stub.bytes_received
        return cls(expected, stub.sent, *received, mismatches, watch.round_trips, watch.lost)

    @classmethod
    def of_all(cls, counts: Sequence[Counts]) -> Counts:
        """Return the counts of several endpoints together."""
        trips = RoundTrips()
        for each in counts:
            trips.extend(each.round_trips)
        expected = [each.expected for each in counts]
        known = [number for number in expected if number is not None]
        return cls(
            sum(known) if len(known) == len(expected) else None,
            sum(each.sent for each in counts),
            sum(each.got for each in counts),
            sum(each.bytes_received for each in counts),
            sum(each.mismatches for each in counts),
            trips,
            sum(each.lost for each in counts),
        )
