"""Values of keyword arguments: times, messages, what a core is called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from icmsg.errors import ConfigurationError
from icmsg.ipc import Happened
from icmsg.limits import LOADED_BYTES, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

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
