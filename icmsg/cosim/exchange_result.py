"""What came out of an exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """What happened; times are virtual microseconds. ``problems`` says why it is not :attr:`ok`, in words."""

    bound: bool
    messages_sent: int
    messages_received: int
    bytes_received: int
    mismatches: int
    bond_virtual_us: float | None
    round_trip_virtual_us: dict[str, float | None]
    virtual_s: float
    trace_sha256: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    """What firmware did that nothing models; an exchange may be ok nevertheless."""
    consoles: dict[str, list[str]]
    bond_only: bool = False
    """Nothing was to be exchanged, so nothing is counted."""

    @property
    def ok(self) -> bool:
        """Whether the cores bonded and every byte came back."""
        return (
            self.bound
            and not self.problems
            and not self.mismatches
            and (self.bond_only or self.messages_received == self.messages_sent > 0)
        )
