"""Checks for what Renode refuses when it builds a machine: names, parents, places on the bus, and order of creation.

Whether a type exists and takes its attributes is not checked here, since only an engine knows its models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icmsg.soc.platform.description import (
    Connection,
    InlineObject,
    Place,
    Reference,
    Value,
    is_property,
    references,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from icmsg.errors import PlatformError
    from icmsg.soc.platform.description import Peripheral, Registration


def creation_order(peripherals: Sequence[Peripheral]) -> tuple[str, ...]:
    """Return the names so that each stands behind those which its constructor's arguments refer to.

    Raises :class:`~icmsg.errors.PlatformError` for arguments that refer to each other in a circle.
    """
    return _sorted(
        peripherals,
        _constructor_references,
        "each needs the other to be created first; make one of the references a property (upper case), if "
        "the model has one",
    )


def check_registration_order(peripherals: Sequence[Peripheral]) -> None:
    """Raise :class:`~icmsg.errors.PlatformError` for peripherals that are registered in each other."""
    _sorted(
        peripherals, _parents, "each needs the other to be registered first; register one of them elsewhere"
    )


def _constructor_references(peripheral: Peripheral) -> Iterable[Reference]:
    for name, value in peripheral.attributes.items():
        if not is_property(name):
            yield from references(value, properties=False)


def _parents(peripheral: Peripheral) -> Iterable[Reference]:
    for registration in peripheral.registrations:
        for name in (registration.parent, registration.cpu, registration.cluster):
            if name is not None:
                yield Reference(name, registration.place)


def _sorted(
    peripherals: Sequence[Peripheral], needs: Callable[[Peripheral], Iterable[Reference]], remedy: str
) -> tuple[str, ...]:
    by_name = {peripheral.name: peripheral for peripheral in peripherals}
    done: dict[str, None] = {}
    for peripheral in peripherals:
        _visit(peripheral, by_name, needs, remedy, [], done)
    return tuple(done)


def _visit(
    peripheral: Peripheral,
    by_name: Mapping[str, Peripheral],
    needs: Callable[[Peripheral], Iterable[Reference]],
    remedy: str,
    path: list[str],
    done: dict[str, None],
) -> None:
    if peripheral.name in done:
        return
    path.append(peripheral.name)
    for reference in needs(peripheral):
        if reference.name in path:
            circle = " -> ".join([*path[path.index(reference.name) :], reference.name])
            raise reference.place.error(f"a circle, {circle}: {remedy}")
        if reference.name in by_name:
            _visit(by_name[reference.name], by_name, needs, remedy, path, done)
    path.pop()
    done[peripheral.name] = None


_BUS = "sysbus"
# Renode's models whose size is their own attribute; other sizes only the models know.
_SIZED_TYPES = ("Memory.MappedMemory", "Memory.ArrayMemory", "Python.PythonPeripheral")


def check(peripherals: Sequence[Peripheral], updates: Sequence[Peripheral], existing: Container[str]) -> None:
    """Raise :class:`~icmsg.errors.PlatformError` for what cannot become a machine.

    Those are references, destinations and parents that do not exist, parents that are not registered
    themselves, two children of one parent with one name, and two registrations on the bus at one address for
    the same core.
    """
    by_name = {peripheral.name: peripheral for peripheral in peripherals}
    for peripheral in (*peripherals, *updates):
        for name, place, role in _used_names(peripheral):
            _check_name(name, place, role, by_name, existing)
    for peripheral in peripherals:
        _check_parents(peripheral, by_name)
    _check_siblings(peripherals)
    _check_bus(peripherals)


def _used_names(peripheral: Peripheral) -> Iterator[tuple[str, Place, str]]:
    for value in peripheral.attributes.values():
        yield from _names_in(value)
    for registration in peripheral.registrations:
        yield registration.parent, registration.place, "the parent"
        for name in (registration.cpu, registration.cluster):
            if name is not None:
                yield name, registration.place, "the core or cluster"
        if registration.point is not None:
            yield from _names_in(registration.point)
    for connection in peripheral.connections:
        yield _destination(connection)


def _names_in(value: Value) -> Iterator[tuple[str, Place, str]]:
    for reference in references(value):
        yield reference.name, reference.place, "the reference"
    if isinstance(value, InlineObject):
        for connection in value.connections:
            yield _destination(connection)
        for inner in value.attributes.values():
            if isinstance(inner, InlineObject):
                yield from _names_in(inner)


def _destination(connection: Connection) -> tuple[str, Place, str]:
    return connection.destination, connection.place, "the wire's destination"


def _check_name(
    name: str, place: Place, role: str, by_name: Mapping[str, Peripheral], existing: Container[str]
) -> None:
    target = by_name.get(name)
    if target is None:
        if name not in existing:
            raise place.error(f"{role} '{name}' does not exist; declare '{name}: …' or correct the name")
    elif target.local and target.file != place.file:
        raise place.error(
            f"{role} '{name}' is local to {target.file}; take 'local' away there to use it here"
        )


def _check_parents(peripheral: Peripheral, by_name: Mapping[str, Peripheral]) -> None:
    for registration in peripheral.registrations:
        parent = by_name.get(registration.parent)
        if parent is not None and not parent.registrations:
            raise registration.place.error(
                f"'{peripheral.name}' cannot be registered in '{parent.name}', which is not registered "
                f"itself; write '@ …' for '{parent.name}' ({parent.place})"
            )


def _check_siblings(peripherals: Sequence[Peripheral]) -> None:
    taken: dict[tuple[str, str], Peripheral] = {}
    for peripheral in peripherals:
        name = peripheral.alias or peripheral.name
        for parent in {registration.parent: None for registration in peripheral.registrations}:
            other = taken.setdefault((parent, name), peripheral)
            if other is not peripheral:
                raise peripheral.error(
                    f"'{peripheral.name}' is called \"{name}\" in '{parent}', as '{other.name}' "
                    f"({other.place}) is; choose another alias"
                )


class _Span(NamedTuple):
    start: int
    end: int
    name: str
    registration: Registration


def _check_bus(peripherals: Sequence[Peripheral]) -> None:
    # A registration for one core hides the one for all, so only those for the same cores can conflict.
    spans: dict[tuple[str | None, ...], list[_Span]] = {}
    for peripheral in peripherals:
        for registration in peripheral.registrations:
            if registration.parent == _BUS and registration.address is not None:
                scope = (registration.cpu, registration.cluster, registration.condition)
                start = registration.address
                span = _Span(start, start + _size(peripheral, registration), peripheral.name, registration)
                spans.setdefault(scope, []).append(span)
    for cores, group in spans.items():
        group.sort(key=lambda span: (span.start, span.end))
        longest = group[0]
        for span in group[1:]:
            if span.start < longest.end:
                raise _overlap(longest, span, next(filter(None, cores), None))
            longest = max(longest, span, key=lambda one: one.end)


def _size(peripheral: Peripheral, registration: Registration) -> int:
    if registration.size is not None:
        return registration.size
    size = peripheral.attributes.get("size") if peripheral.type in _SIZED_TYPES else None
    return size if isinstance(size, int) and not registration.offset else 1


def _overlap(first: _Span, second: _Span, scope: str | None) -> PlatformError:
    seen_by = f" for '{scope}'" if scope else ""
    return second.registration.place.error(
        f"'{second.name}' at 0x{second.start:08X} conflicts with '{first.name}', which is registered{seen_by} "
        f"from 0x{first.start:08X} to 0x{first.end - 1:08X} ({first.registration.place}); move one "
        "or let different cores see them with 'cpu:'"
    )
