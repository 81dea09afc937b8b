"""Settings that a suite makes once, when it imports the library."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError
from robot.utils import timestr_to_secs

from icmsg.engines.choice import ENGINES, VARIABLE
from icmsg.errors import ConfigurationError
from icmsg.machine.simtime import S
from icmsg.robot.values import nanoseconds
from icmsg.views.recent import suffixes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Engine = Literal["auto", "embedded", "renode", "remote"]

_OF_RENODE_TEST: Final = ("RENODEKEYWORDS", "PORT_NUMBER", "SKIP_RUNNING_SERVER")
"""Variables that renode-test gives to every suite, and nobody else gives together."""


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """Times as given, virtual but for ``stall_timeout``.

    What is wrong with one is said by the first keyword that needs it.

    A conversion by Robot, or an error of the library's constructor, ends in a traceback.
    """

    timeout: timedelta | str
    quiet: timedelta | str
    stall_timeout: timedelta | str = timedelta(0)
    traces: str | None = None
    """None: a page of HTML on the embedded engine, nothing on others, where following a link costs more."""

    @property
    def trace_suffixes(self) -> list[str]:
        """Suffixes of the traces that a failed test leaves beside the text; ConfigurationError if one is none."""
        return suffixes_of("html" if self.traces is None else self.traces)

    def follows_on(self, engine: str) -> bool:
        """Tell whether links are followed for these traces; raises as :attr:`trace_suffixes`."""
        return bool(self.trace_suffixes) and (self.traces is not None or engine == "embedded")

    @property
    def timeout_ns(self) -> int:
        """Nanoseconds; ConfigurationError if it is no time."""
        return _nanoseconds("timeout", self.timeout)

    @property
    def quiet_ns(self) -> int:
        """Nanoseconds; ConfigurationError if it is no time."""
        return _nanoseconds("quiet", self.quiet)

    @property
    def stall_s(self) -> float:
        """Seconds of wall time; ConfigurationError if it is no time."""
        return _nanoseconds("stall_timeout", self.stall_timeout) / S


def _nanoseconds(name: str, given: timedelta | str) -> int:
    try:
        return nanoseconds(
            given if isinstance(given, timedelta) else timedelta(seconds=timestr_to_secs(given))
        )
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"argument {name} of the library is {given!r}: use a time such as 10 ms"
        ) from None


def robot_variables() -> Mapping[str, object]:
    """Return the variables of the suite that runs; none where nothing runs, as for libdoc."""
    try:
        return dict(BuiltIn().get_variables(no_decoration=True))
    except RobotNotRunningError:
        return {}


def under_renode_test(variables: Mapping[str, object]) -> bool:
    """Tell whether Renode's renode-test runs the suite, with the keywords of its Remote library."""
    return all(name in variables for name in _OF_RENODE_TEST)


def chosen_engine(asked: str | None, variables: Mapping[str, object]) -> Engine:
    """Return the engine: remote under renode-test, else what is asked for, the Robot variable, the environment.

    Where nobody says anything it is embedded, so that a suite runs the same whatever is installed beside it.

    Raises:
        ConfigurationError: there is no engine of that name.
    """
    if under_renode_test(variables):
        return "remote"
    for name, where in (
        (asked, "engine"),
        (variables.get(VARIABLE), f"${{{VARIABLE}}}"),
        (os.environ.get(VARIABLE), f"environment variable {VARIABLE}"),
    ):
        if not name:
            continue
        for engine in ENGINES:
            if engine == name:
                return engine
        named = (
            "; the library's arguments are engine, timeout, quiet, stall_timeout and traces"
            if "=" in str(name)
            else ""
        )
        raise ConfigurationError(
            f"{where} is {name!r}: use auto, embedded or renode (under renode-test it is always remote){named}"
        )
    return "embedded"
