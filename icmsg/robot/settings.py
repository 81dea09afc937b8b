"""Values of keyword arguments, and settings that a suite makes when it imports the library.

Values of keyword arguments: times, messages, what a core is called.

Defects of an instance, from the arguments of `Play Core`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError
from robot.utils import timestr_to_secs

from icmsg.config.icbmsg import ZEPHYR_DEFECTS, Defect
from icmsg.engines.choice import ENGINES, VARIABLE
from icmsg.errors import ConfigurationError
from icmsg.files import LOADED_BYTES, read_file
from icmsg.ipc import Happened
from icmsg.timers import S
from icmsg.views.recent import suffixes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.ipc import Detail


class CoreName(str):
    """A core's name: as the platform file calls it, or without a leading ``cpu``; in upper or lower case."""

    __slots__ = ()


RegionName = Literal["tx", "rx"]
"""Region by the name that the core beside it has for it."""
Encoding = Literal["text", "hex", "file"]
"""Notation of a message: text, sent as UTF-8; bytes as ``68 65 6c`` or ``68656c``; the path of a file."""

_SHOWN: Final = 32
_SAID: Final = {
    Happened.SENT: "sends",
    Happened.RECEIVED: "receives",
    Happened.DROPPED: "drops, being unbound,",
}


def nanoseconds(duration: timedelta) -> int:
    """Return a time in nanoseconds."""
    return (duration.days * 86_400 + duration.seconds) * 1_000_000_000 + duration.microseconds * 1_000


def as_timedelta(ns: int) -> timedelta:
    """Return a time in nanoseconds as Robot has times; the part below a microsecond is lost."""
    return timedelta(microseconds=ns // 1_000)


def payload(message: str | bytes, encoding: Encoding = "text") -> bytes:
    """Return the bytes of a message.

    Raises:
        ConfigurationError: no hexadecimal digits, or a file that cannot be read.
    """
    if isinstance(message, bytes):
        return message
    if encoding == "hex":
        try:
            return bytes.fromhex(message)
        except ValueError:
            raise ConfigurationError(
                f"{message!r} is not hexadecimal: use two digits for each byte, as in 68 65 6c"
            ) from None
    if encoding == "file":
        try:
            return read_file(message, LOADED_BYTES)
        except OSError as error:
            raise ConfigurationError(f"{message}: cannot be read: {error.strerror}") from None
    return message.encode()


def happened_words(kind: Happened, detail: Detail) -> str:
    """Return in words what a backend has told its observer."""
    if isinstance(detail, bytes):
        return f"{_SAID[kind]} {shown(detail)}"
    if kind is Happened.STATE:
        return f"becomes {getattr(detail, 'name', detail)}"
    return f"{kind}: {detail!s}" if kind is Happened.ERROR else kind.value


def summary_line(
    title: str, state: str, is_bound: bool, sent: int, got: int, received: Sequence[bytes]
) -> str:
    """Return in one line how a played endpoint stands; ``received`` are messages not expected yet."""
    bound = "bound" if is_bound else "not bound"
    waiting = f", {len(received)} not expected yet: {shown(received[0])}" if received else ""
    return f"{title}: {state}, {bound}; sent {sent}, received {got}{waiting}"


def shown(data: bytes, most: int = _SHOWN) -> str:
    """Return bytes as a failure shows them, ``most`` of them."""
    if len(data) <= most:
        return repr(data)
    return f"{data[:most]!r}… ({len(data)} bytes)"


_ALL: Final = "all"


def defects_of(text: str) -> frozenset[Defect]:
    """Return the defects of a list with commas, or ``all`` that Zephyr's rework has; IcbmsgConfig checks the names."""
    if text == _ALL:
        return ZEPHYR_DEFECTS
    names = [name.strip() for name in text.split(",") if name.strip()]
    return frozenset(names)  # type: ignore[arg-type]  # IcbmsgConfig refuses others


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
