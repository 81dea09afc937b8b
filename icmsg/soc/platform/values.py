"""Values of a platform description, as written: Renode converts them to what a model wants, later.

Two things are equal when they say the same, wherever they stand: places do not count.

The syntax tree of one platform file: what stands in it, before updates of the same name are merged.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from icmsg.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Place:
    """Place in a platform description: a file (as it was named) and a line, counted from 1."""

    file: str
    line: int

    def error(self, message: str) -> PlatformError:
        """Return (not raise) a :class:`~icmsg.errors.PlatformError` that points here."""
        return PlatformError(message, file=self.file, line=self.line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Empty(enum.Enum):
    """The keyword ``empty``: the default of whatever type is wanted."""

    EMPTY = "empty"


EMPTY = Empty.EMPTY


@dataclass(frozen=True, slots=True)
class AddressRange:
    """``<start, end>`` or ``<start, +size>``, in bytes; ``end`` is the first byte behind the range."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind the range."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of another entry (or of ``sysbus`` or ``machine``)."""

    name: str
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class EnumMember:
    """``Type.Member`` (with or without a namespace) or ``.Member``, for which ``type`` is None."""

    type: str | None
    member: str


@dataclass(frozen=True, slots=True)
class Connection:
    """Wire: an output of the entry it stands in, to input ``irq`` of ``destination`` (a GPIO receiver).

    The output is the GPIO property ``source``, or number ``index`` of a numbered output, or, if both are
    None, the model's default output. ``local`` is n of ``destination#n@irq``: one of several receivers in the
    destination.
    """

    source: str | None
    index: int | None
    destination: str
    irq: int
    local: int | None
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class InlineObject:
    """``new Type { … }``: an object without a name.

    ``init`` are Monitor commands to run on it.
    """

    type: str
    attributes: Mapping[str, Value]
    connections: tuple[Connection, ...]
    init: tuple[str, ...]
    place: Place = field(compare=False)


#: A list is a tuple, a dictionary a read-only mapping, a number an int or, with a decimal point, a float.
Value: TypeAlias = (
    "bool | int | float | str | AddressRange | Reference | EnumMember | InlineObject | Empty | "
    "tuple[Value, ...] | Mapping[Value, Value]"
)


def is_property(name: str) -> bool:
    """Return whether an attribute is a property (upper case), not a constructor's parameter (lower case)."""
    return name[0].isupper()


def references(value: Value, *, properties: bool = True) -> Iterator[Reference]:
    """Yield the references in ``value``, also those in lists, dictionaries and inline objects.

    Without ``properties`` only those that must exist when an inline object is constructed.
    """
    if isinstance(value, Reference):
        yield value
        return
    parts: tuple[Value, ...] = ()
    if isinstance(value, tuple):
        parts = value
    elif isinstance(value, InlineObject):
        parts = tuple(
            inner for name, inner in value.attributes.items() if properties or not is_property(name)
        )
    elif isinstance(value, Mapping):
        parts = (*value.keys(), *value.values())
    for part in parts:
        yield from references(part, properties=properties)


#: A GPIO property, a number of a numbered output, or None for the default output.
Output: TypeAlias = "str | int | None"

SectionKind: TypeAlias = Literal["preinit", "init", "reset"]


@dataclass(frozen=True, slots=True)
class Using:
    """``using "path"``."""

    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Attribute:
    """``name: value``; the value is None for ``none``, which takes an earlier value away."""

    name: str
    value: Value | None
    place: Place


@dataclass(frozen=True, slots=True)
class IrqAttribute:
    """Line with ``->``: the outputs it speaks of and where they go now (nowhere for ``-> none``)."""

    outputs: tuple[Output, ...]
    connections: tuple[Connection, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Section:
    """Monitor commands, one text each; ``add`` appends them to those of earlier entries."""

    kind: SectionKind
    add: bool
    lines: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Point:
    """One ``parent value`` behind ``@``; the value is None where there is only a parent."""

    parent: str
    value: Value | None
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry: it declares a name if it has a type, else it updates one.

    ``points`` is None where nothing is said and empty for ``@ none``.
    """

    name: str
    type: str | None
    local: bool
    points: tuple[Point, ...] | None
    alias: str | None
    attributes: tuple[Attribute, ...]
    wires: tuple[IrqAttribute, ...]
    sections: tuple[Section, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class PlatformFile:
    """File: ``file`` is its name as places show it."""

    file: str
    usings: tuple[Using, ...]
    entries: tuple[Entry, ...]
