"""A platform as its description says it: what there is, where it is registered and how it is wired.

Nothing is known here about the models behind the types; an engine maps the types to its models and uses
:meth:`Peripheral.error` to say what it does not model.

Registration behind ``@``, read as a place on the bus.

The three registrations of Renode's bus (``Bus.BusPointRegistration``, ``Bus.BusRangeRegistration``,
``Bus.BusMultiRegistration``) and their arguments are those of its constructors; a plain number or range is
short for the first two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from icmsg.soc.platform.values import AddressRange, InlineObject, Reference, Value, is_property

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.errors import PlatformError
    from icmsg.soc.platform.values import Connection, Place, Point


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
    """Return what ``point`` means.

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
        raise _kind_error(value, name, words)


def _kind_error(value: InlineObject, name: str, words: str) -> PlatformError:
    return value.place.error(f"the argument '{name}' of {value.type} has to be {words}")
