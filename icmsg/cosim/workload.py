"""What an exchange sends, and how long the round trips took."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Workload:
    """``messages`` messages of ``size_min``…``size_max`` bytes, at most ``window`` of them under way at once.

    Sizes and contents follow from ``seed``. Raises ConfigurationError for what cannot be sent.
    """

    messages: int = 1000
    size_min: int = 1
    size_max: int = 100
    seed: int = 1
    window: int = 1

    def __post_init__(self) -> None:
        if self.messages < 1:
            raise ConfigurationError(f"{self.messages} messages: send at least 1")
        if not 1 <= self.size_min <= self.size_max <= 0xFFFF:
            raise ConfigurationError(
                f"sizes {self.size_min}:{self.size_max}: use MIN:MAX with 1 ≤ MIN ≤ MAX ≤ 65535 bytes"
            )
        if self.window < 1:
            raise ConfigurationError(f"window {self.window}: at least 1 message must be under way")

    def payloads(self) -> Iterator[bytes]:
        """Yield the messages, the same ones every time."""
        random = Random(self.seed)
        span = self.size_max - self.size_min + 1
        for _ in range(self.messages):
            yield random.randbytes(self.size_min + int(random.random() * span))


class RoundTrips:
    """Durations in nanoseconds of virtual time."""

    def __init__(self) -> None:
        self._ns = array("Q")
        self.add = self._ns.append

    def __len__(self) -> int:
        return len(self._ns)

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
