"""A platform as its description says it: values and syntax, what there is, where it is registered and how it is wired.

Nothing is known here about the models behind the types; an engine maps the types to its models and uses
:meth:`Peripheral.error` to say what it does not model. Renode converts values to what a model wants, later. Two things
are equal when they say the same, wherever they stand: places do not count.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

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
    """Syntax tree of one file, before updates of the same name are merged; ``file`` is its name as places show it."""

    file: str
    usings: tuple[Using, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """Place of a peripheral in its parent, most often the bus ``sysbus``.

    ``address`` is a byte address on the bus, or the number of the place in another parent (a pin, a chip
    select). It is None for a parent that needs none, as the bus for a core. ``size`` in bytes is what the
    description says; None leaves it to the model. With ``cpu`` (or ``cluster``, or ``condition``) only that
    core sees it, and ``region`` names the part of the peripheral that answers. ``offset`` is the peripheral's
    offset at ``address``. ``point`` is the value as written where it is none of Renode's bus registrations.
    """

    parent: str
    address: int | None = None
    size: int | None = None
    cpu: str | None = None
    region: str | None = None
    offset: int = 0
    cluster: str | None = None
    condition: str | None = None
    point: Value | None = None
    place: Place = field(compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Peripheral:
    """Peripheral, all its entries merged.

    ``type`` is without Renode's default namespace ``Antmicro.Renode.Peripherals.``, ``alias`` the name that
    it has in the Monitor if that is another one, and ``local`` says that only its own file may refer to it.
    ``preinit``, ``init`` and ``reset`` are Monitor commands. A peripheral without registrations exists, but
    no bus reaches it.
    """

    name: str
    type: str
    attributes: Mapping[str, Value]
    registrations: tuple[Registration, ...]
    connections: tuple[Connection, ...]
    preinit: tuple[str, ...]
    init: tuple[str, ...]
    reset: tuple[str, ...]
    alias: str | None
    local: bool
    place: Place = field(compare=False)
    attribute_places: Mapping[str, Place] = field(compare=False, repr=False)

    @property
    def file(self) -> str:
        """The file of the entry that gives the type."""
        return self.place.file

    @property
    def line(self) -> int:
        """The line of the entry that gives the type, from 1."""
        return self.place.line

    def error(self, message: str, attribute: str | None = None) -> PlatformError:
        """Return (not raise) an error that points at this entry, or at one of its attributes."""
        return self.attribute_places.get(attribute or "", self.place).error(message)


@dataclass(frozen=True, slots=True)
class PlatformDescription:
    """All peripherals of a platform, in the order in which they are declared.

    ``updates`` are entries for what exists before the platform is loaded: ``sysbus``, ``machine``, and what
    an earlier description has registered. They have no constructor's arguments.
    """

    file: str = field(compare=False)
    peripherals: tuple[Peripheral, ...]
    updates: tuple[Peripheral, ...]
    creation_order: tuple[str, ...] = field(compare=False, repr=False)
    """The names of the peripherals, each behind those that its constructor's arguments refer to."""
    _by_name: dict[str, Peripheral] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {peripheral.name: peripheral for peripheral in self.peripherals})

    def __getitem__(self, name: str) -> Peripheral:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Peripheral]:
        return iter(self.peripherals)

    def __len__(self) -> int:
        return len(self.peripherals)


class _Form(NamedTuple):
    required: tuple[str, ...]
    optional: tuple[str, ...]


_SCOPES = ("cpu", "cluster", "condition")
_FORMS = {
    "Bus.BusPointRegistration": (_Form(("address",), ("offset", *_SCOPES)),),
    "Bus.BusRangeRegistration": (
        _Form(("address", "size"), ("offset", *_SCOPES)),
        _Form(("range",), ("offset", *_SCOPES)),
    ),
    "Bus.BusMultiRegistration": (_Form(("address", "size", "region"), _SCOPES),),
}
_KINDS: dict[str, tuple[type, str]] = {
    "address": (int, "a number"),
    "size": (int, "a number"),
    "offset": (int, "a number"),
    "range": (AddressRange, "a range such as <0x1000, +0x100>"),
    "region": (str, 'a text such as "data"'),
    "condition": (str, "a text"),
    "cpu": (Reference, "the name of a core's entry"),
    "cluster": (Reference, "the name of a cluster's entry"),
}


def read_registration(point: Point) -> Registration:
    """Return what ``point``, the registration behind ``@``, means as a place on the bus.

    The three registrations of Renode's bus (``Bus.BusPointRegistration``, ``Bus.BusRangeRegistration``,
    ``Bus.BusMultiRegistration``) and their arguments are those of its constructors; a plain number or range is short
    for the first two.

    Raises :class:`~icmsg.errors.PlatformError` for arguments that no constructor of the registration takes.
    """
    value = point.value
    if value is None:
        return Registration(point.parent, place=point.place)
    if isinstance(value, AddressRange):
        return Registration(point.parent, value.start, value.size, place=point.place)
    if isinstance(value, int) and not isinstance(value, bool):
        return Registration(point.parent, value, place=point.place)
    if isinstance(value, InlineObject) and value.type in _FORMS:
        return _bus_registration(point, value)
    return Registration(point.parent, point=value, place=point.place)


def _bus_registration(point: Point, value: InlineObject) -> Registration:
    given = value.attributes
    for name, argument in given.items():
        _check_argument(value, name, argument)
    if not any(
        set(form.required) <= given.keys() <= {*form.required, *form.optional} for form in _FORMS[value.type]
    ):
        forms = " or ".join(f"{', '.join(form.required)}" for form in _FORMS[value.type])
        raise value.place.error(f"{value.type} has {', '.join(given) or 'no arguments'}; it takes {forms}")
    if len([name for name in _SCOPES if name in given]) > 1:
        raise value.place.error(f"{value.type} can have only one of cpu, cluster and condition")
    arguments = {name: inner.name if isinstance(inner, Reference) else inner for name, inner in given.items()}
    covers = arguments.pop("range", None)
    if isinstance(covers, AddressRange):
        arguments |= {"address": covers.start, "size": covers.size}
    return Registration(point.parent, **arguments, place=point.place)  # type: ignore[arg-type]  # _KINDS was checked


def _check_argument(value: InlineObject, name: str, argument: Value) -> None:
    if is_property(name) and name[0].lower() + name[1:] in _KINDS:
        raise value.place.error(
            f"{value.type} has no property '{name}'; constructor's arguments are lower case: write "
            f"'{name[0].lower() + name[1:]}'"
        )
    forms = _FORMS[value.type]
    known = dict.fromkeys(name for form in forms for name in (*form.required, *form.optional))
    if name not in known:
        raise value.place.error(f"{value.type} has no argument '{name}'; it takes {', '.join(known)}")
    kind, words = _KINDS[name]
    if not isinstance(argument, kind) or isinstance(argument, bool):
        raise value.place.error(f"the argument '{name}' of {value.type} has to be {words}")
