"""Renode platform files (``.repl``), read for the engines that are not Renode.

:func:`load_platform` reads a file, :func:`parse_platform` a text; both give a :class:`PlatformDescription`.
What they accept Renode accepts, as far as that can be said without its models: types, and which attributes a
type has, are for the engine to judge. The language is that of Renode 1.16.1 and what later releases added.
"""

from __future__ import annotations

from icmsg.soc.platform.description import (
    EMPTY,
    AddressRange,
    Connection,
    Empty,
    EnumMember,
    InlineObject,
    Peripheral,
    Place,
    PlatformDescription,
    Reference,
    Registration,
    Value,
    is_property,
)
from icmsg.soc.platform.load import EXISTING, load_platform, parse_platform

__all__ = [
    "EMPTY",
    "EXISTING",
    "AddressRange",
    "Connection",
    "Empty",
    "EnumMember",
    "InlineObject",
    "Peripheral",
    "Place",
    "PlatformDescription",
    "Reference",
    "Registration",
    "Value",
    "is_property",
    "load_platform",
    "parse_platform",
]
