"""Values that stand behind a verb: numbers, bytes, times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.machine.simtime import MS, NS, US, S

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIME: Final = re.compile(r"(?:(\d+):(\d\d):)?(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?", re.ASCII)
_UNITS: Final = {"ns": NS, "us": US, "µs": US, "ms": MS, "s": S}


def number(text: str, what: str) -> int:
    """Return a whole number, decimal or ``0x…``."""
    try:
        return int(text, 0)
    except ValueError:
        raise MonitorError(f"{what} {text!r}: use a whole number, such as 12 or 0x0C") from None


def hex_bytes(text: str) -> bytes:
    """Return the bytes of hex digits, two for each, in the order in which they are written."""
    try:
        data = bytes.fromhex(text.removeprefix("hex:").removeprefix("0x"))
    except ValueError:
        data = b""
    if not data:
        raise MonitorError(f"{text!r} are no bytes: use two hex digits for each, such as 0c000000")
    return data


def message(text: str) -> bytes:
    """Return the bytes of ``hex:…`` or ``0x…``, or text in UTF-8; ``text:…`` is text whatever it looks like."""
    if text.startswith(("hex:", "0x")):
        return hex_bytes(text)
    return text.removeprefix("text:").encode()


def time_ns(text: str) -> int:
    """Return the nanoseconds of a virtual time: seconds as in ``emulation RunFor``, or with a unit, as ``5ms``."""
    found = _TIME.fullmatch(text)
    if found is None or (found[1] and found[4]):
        raise MonitorError(
            f'{text!r} is no time: use seconds as in emulation RunFor ("0.01", "00:00:01"), or 10ms'
        )
    hours, minutes, value, unit = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * S
    return whole + round(float(value) * _UNITS[unit or "s"])


def option(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``--name VALUE`` (or ``--name=VALUE``), and that value or None."""
    left: list[str] = []
    value = None
    rest = iter(words)
    for word in rest:
        if word == name:
            value = next(rest, None)
            if value is None:
                raise MonitorError(f"{name} needs a value")
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
        else:
            left.append(word)
    return left, value


def setting(words: Sequence[str], name: str) -> tuple[list[str], str | None]:
    """Return the words without ``name=VALUE``, and that value or None."""
    left = [word for word in words if not word.startswith(f"{name}=")]
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return left, found[-1] if found else None
