"""Choice of the engine that runs a machine, and its reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import util
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from icmsg.engines.remote.transport import CONNECT_S, PATIENCE_S
from icmsg.errors import ConfigurationError, EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from icmsg.machine.machine import Machine

EngineName = Literal["auto", "embedded", "renode"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)
REMOTE: Final = "remote"
REMOTE_USE: Final = (
    "a Renode that somebody else started, by commands of its Monitor: `renode -P 1234`, then --renode 127.0.0.1:1234, "
    "or RemoteMachine(TelnetMonitor(port=1234)); the Robot library takes it under renode-test; see docs/renode.md"
)
"""Explanation of the engine ``remote``; it is never chosen by itself, because it needs an address."""
VARIABLE: Final = "ICMSG_ENGINE"
"""Names the engine where nobody else does."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that runs, and the reason for it in words."""

    name: str
    reason: str
    address: tuple[str, int] | None = None
    """Host and port of the Monitor of a remote engine."""
    connect_s: float = CONNECT_S
    """Wall time in which that Monitor has to show its prompt."""
    patience_s: float = PATIENCE_S
    """Wall time that a command of it may take; 0 = any."""


def remote_engine(address: str, **times: float) -> EngineChoice:
    """Return the engine behind ``HOST:PORT`` of a Monitor; nothing is connected yet. ``times`` are those of the choice.

    Raises:
        ConfigurationError: that is no host and port.
    """
    host, colon, port = address.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 1 << 16
    if not colon or not host or not is_port:
        raise ConfigurationError(
            f"--renode {address}: use HOST:PORT, for example 127.0.0.1:1234 for what was started with -P 1234"
        )
    return EngineChoice(REMOTE, f"the Monitor at {address}", (host.strip("[]"), int(port)), **times)


def choose_engine(asked: EngineName) -> EngineChoice:
    """Return the engine for what was asked, loaded if it is Renode.

    ``auto`` is what the variable ICMSG_ENGINE says, else renode where it can be loaded, else embedded; the reason
    says why.

    Raises:
        EngineNotAvailableError: it cannot run here; the text says what to do.
        ConfigurationError: ICMSG_ENGINE names no engine.
    """
    if asked == "auto":
        named = os.environ.get(VARIABLE) or "auto"
        return _named(named, f"{VARIABLE} says so") if named != "auto" else _best()
    return _named(asked, "asked for")


def _named(name: str, why: str) -> EngineChoice:
    if name == "embedded":
        return EngineChoice("embedded", why)
    if name != "renode":
        raise ConfigurationError(f"{VARIABLE}={name}: no such engine; use {', '.join(ENGINES)}")
    try:
        found = _load_renode()
    except EngineNotAvailableError as error:
        raise EngineNotAvailableError(
            f"{error}; or use --engine embedded, which needs nothing but pip"
        ) from error
    return EngineChoice("renode", f"{why}; {found}")


def _best() -> EngineChoice:
    # What most people have not installed is found out without loading anything for it.
    if util.find_spec("pyrenode3") is None:
        return EngineChoice("embedded", "needs only pip; --engine renode needs pyrenode3")
    try:
        return EngineChoice("renode", f"found; {_load_renode()}")
    except EngineNotAvailableError as error:
        return EngineChoice("embedded", f"renode cannot be used: {error}")


def make_machine(
    choice: EngineChoice,
    platform: str | Path | None = None,
    *,
    quantum_ns: int | None = None,
    latency_ns: int | None = None,
    stall_s: float = 0.0,
    include: Sequence[str | Path] = (),
) -> Machine:
    """Make a machine on the chosen engine; times that are None are the engine's own defaults.

    ``stall_s`` is the wall time in one step of Renode that ends the process, 0 = never; other engines come back. Renode
    compiles the C# files ``include`` before, for models of the platform that are neither its own nor ours.

    Raises:
        ConfigurationError: such files for the embedded engine, or one that is not there.
        EngineError: Renode does not compile them, or the machine cannot be made.
    """
    times = {"quantum_ns": quantum_ns, "latency_ns": latency_ns}
    given: dict[str, Any] = {name: time for name, time in times.items() if time is not None}
    if include:
        check_takes_csharp(choice, include)
        given["include"] = include
    if choice.address is not None:
        from icmsg.engines.remote.monitor import TelnetMachine

        host, port = choice.address
        waits = {"connect_s": choice.connect_s, "patience_s": choice.patience_s}
        return TelnetMachine(host, port, platform, waits=waits, **given)
    if choice.name == "renode":
        from icmsg.engines.renode.machine import RenodeMachine

        return RenodeMachine(platform, stall_timeout=stall_s, **given)
    from icmsg.engines.embedded.machine import EmbeddedMachine

    return EmbeddedMachine(platform, **given)


def check_takes_csharp(choice: EngineChoice, include: Sequence[str | Path]) -> None:
    """Raise ConfigurationError if there are C# files for an engine that is not Renode."""
    if include and choice.name == "embedded":
        raise ConfigurationError(
            f"{include[0]} is not included: C# files are models for Renode, and this is the embedded engine "
            f"({choice.reason}); use --engine renode or --renode HOST:PORT, or leave --include away"
        )


def _load_renode() -> str:
    from icmsg.engines.renode.process import load_renode  # most runs do without

    return load_renode().version
