"""The syntax tree of one platform file: what stands in it, before updates of the same name are merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from icmsg.soc.platform.values import Connection, Place, Value

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
