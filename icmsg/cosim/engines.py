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
    """Return the engine for what was asked; ``auto`` is renode where it can be loaded, else embedded.

    Raises:
        EngineNotAvailableError: it cannot run here; the text says what to do.
    """
    if asked == "embedded":
        return EngineChoice("embedded", "asked for")
    try:
        found = _load_renode()
    except EngineNotAvailableError as error:
        if asked == "renode":
            raise EngineNotAvailableError(
                f"{error}; or use --engine embedded, which needs nothing but pip"
            ) from error
        return EngineChoice("embedded", f"renode cannot run here: {_first_words(str(error))}")
    return EngineChoice("renode", "asked for" if asked == "renode" else f"found {found}")


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


def _first_words(text: str) -> str:
    return text.partition(": ")[0] if text.startswith(("pyrenode3", "no Renode")) else text
