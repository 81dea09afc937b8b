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


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that runs, and the reason for it in words."""

    name: str
    reason: str


def choose_engine(asked: EngineName) -> EngineChoice:
    """Return the engine for what was asked.

    ``auto`` is embedded: the renode engine has only been run over a stand-in for .NET so far, and has to be asked for.

    Raises:
        EngineNotAvailableError: it cannot run here; the text says what to do.
    """
    if asked == "embedded":
        return EngineChoice("embedded", "asked for")
    if asked == "auto":
        return EngineChoice("embedded", "renode has to be asked for in this release")
    try:
        found = _load_renode()
    except EngineNotAvailableError as error:
        raise EngineNotAvailableError(
            f"{error}; or use --engine embedded, which needs nothing but pip"
        ) from error
    return EngineChoice("renode", f"asked for; {found}")


def make_machine(
    choice: EngineChoice,
    platform: str | Path | None = None,
    *,
    quantum_ns: int | None = None,
    latency_ns: int | None = None,
) -> Machine:
    """Make a machine on the chosen engine; times that are None are the engine's own defaults."""
    times = {"quantum_ns": quantum_ns, "latency_ns": latency_ns}
    given = {name: time for name, time in times.items() if time is not None}
    if choice.name == "renode":
        from icmsg.cosim.renode.machine import RenodeMachine

        return RenodeMachine(platform, **given)
    from icmsg.cosim.embedded.machine import EmbeddedMachine

    return EmbeddedMachine(platform, **given)


def _load_renode() -> str:
    from icmsg.cosim.renode.process import load_renode  # most runs do without

    return load_renode().version
