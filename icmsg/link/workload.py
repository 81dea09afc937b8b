"""Messages of an exchange, and how long the round trips took."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Literal

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
