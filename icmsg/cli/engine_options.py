"""The options that say which engine a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.cosim.engines import ENGINES, choose_engine, remote_engine
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from icmsg.cosim.engines import EngineChoice


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--engine`` and ``--renode``."""
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what emulates the SoC")
    add_include(parser)
    parser.add_argument(
        "--renode", metavar="HOST:PORT", default=None, help="a Renode that was started with `renode -P PORT`"
    )


def add_include(parser: argparse.ArgumentParser) -> None:
    """Add ``--include``."""
    parser.add_argument(
        "--include",
        metavar="FILE.cs",
        action="append",
        default=[],
        help="a model of yours for Renode to compile first; may be given several times",
    )


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
    return remote_engine(options.renode)
