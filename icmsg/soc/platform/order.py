"""Order in which peripherals can be created and registered, if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.soc.platform.values import Reference, is_property, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icmsg.soc.platform.description import Peripheral


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
