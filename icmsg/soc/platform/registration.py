"""Registration behind ``@``, read as a place on the bus.

The three registrations of Renode's bus (``Bus.BusPointRegistration``, ``Bus.BusRangeRegistration``,
``Bus.BusMultiRegistration``) and their arguments are those of its constructors; a plain number or range is
short for the first two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icmsg.soc.platform.description import Registration
from icmsg.soc.platform.values import AddressRange, InlineObject, Reference, Value, is_property

if TYPE_CHECKING:
    from icmsg.errors import PlatformError
    from icmsg.soc.platform.nodes import Point


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
