"""The options that say which engine a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.cli.arguments import time_ns
from icmsg.engines.choice import ENGINES, choose_engine, remote_engine
from icmsg.engines.remote.transport import CONNECT_S, PATIENCE_S
from icmsg.errors import ConfigurationError
from icmsg.machine.simtime import S

if TYPE_CHECKING:
    import argparse

    from icmsg.engines.choice import EngineChoice


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--engine`` and ``--renode``."""
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what emulates the SoC")
    add_include(parser)
    parser.add_argument(
        "--renode", metavar="HOST:PORT", default=None, help="a Renode that was started with `renode -P PORT`"
    )
    parser.add_argument(
        "--connect-timeout",
        dest="connect_ns",
        type=time_ns(S),
        metavar="S",
        default=f"{CONNECT_S:g}",
        help="wall time in which the Monitor of --renode has to show its prompt",
    )


def add_stall_option(parser: argparse.ArgumentParser, ends: str) -> None:
    """Add ``--stall-timeout``; ``ends`` says what it is that ends something."""
    parser.add_argument(
        "--stall-timeout",
        dest="stall_ns",
        type=time_ns(S, zero=True),
        metavar="S",
        default=f"{PATIENCE_S:g}",
        help=f"wall time {ends}; 0 = never",
    )


def add_include(parser: argparse.ArgumentParser) -> None:
    """Add ``--include``."""
    parser.add_argument(
        "--include",
        metavar="FILE.cs",
        action="append",
        help="a model of yours for Renode to compile first; may be given several times",
    )


def included(options: argparse.Namespace) -> list[str]:
    """Return the C# files that were given."""
    return options.include or []


def chosen_engine(options: argparse.Namespace) -> EngineChoice:
    """Return the engine that the options ask for.

    Raises:
        ConfigurationError: they contradict each other, or there is no host and port.
        EngineNotAvailableError: the engine cannot run here.
    """
    if options.renode is None:
        return choose_engine(options.engine)
    if options.engine != "auto":
        raise ConfigurationError(f"--renode is an engine of its own: leave --engine {options.engine} away")
    return remote_engine(options.renode, connect_s=options.connect_ns / S, patience_s=options.stall_ns / S)
