"""Renode's commands of the Monitor, a module for each subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.monitor.commands import elsewhere, files, information, logging, machines, running, variables

if TYPE_CHECKING:
    from icmsg.monitor.command import Command

COMMANDS: Final[tuple[Command, ...]] = (
    *elsewhere.COMMANDS,
    *files.COMMANDS,
    *information.COMMANDS,
    *logging.COMMANDS,
    *machines.COMMANDS,
    *running.COMMANDS,
    *variables.COMMANDS,
)
"""Commands of the Monitor, those of every module."""
