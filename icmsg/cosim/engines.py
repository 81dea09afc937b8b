"""Which engine runs a machine, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.cosim.machine import Machine

EngineName = Literal["auto", "embedded", "renode"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)

_NO_RENODE: Final = "this release has no renode engine yet"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that runs, and the reason for it in words."""

    name: str
    reason: str


def choose_engine(asked: EngineName) -> EngineChoice:
    """Return the engine for what was asked.

    Raises:
        EngineNotAvailableError: it cannot run here; the text says what to do.
    """
    if asked == "renode":
        raise EngineNotAvailableError(f"{_NO_RENODE}; use --engine embedded, which needs nothing but pip")
    if asked == "auto":
        return EngineChoice("embedded", _NO_RENODE)
    return EngineChoice("embedded", "asked for")


def make_machine(
    choice: EngineChoice,
    platform: str | Path | None = None,
    *,
    quantum_ns: int | None = None,
    latency_ns: int | None = None,
) -> Machine:
    """Make a machine on the chosen engine; times that are None are the engine's own defaults."""
    from icmsg.cosim.embedded.machine import DEFAULT_LATENCY_NS, DEFAULT_QUANTUM_NS, EmbeddedMachine

    assert choice.name == "embedded"
    return EmbeddedMachine(
        platform,
        quantum_ns=DEFAULT_QUANTUM_NS if quantum_ns is None else quantum_ns,
        latency_ns=DEFAULT_LATENCY_NS if latency_ns is None else latency_ns,
    )
