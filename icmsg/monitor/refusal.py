"""Refusal of a command."""

from __future__ import annotations

from icmsg.errors import MonitorError


class Refusal(MonitorError):  # noqa: N818 - what it is, not that it is an error
    """An error that is printed as it is; any other one is printed with the command that it ends."""


class ErrorOfCommand(Refusal):
    """Error of which a command tells that has run."""

    ran = True
