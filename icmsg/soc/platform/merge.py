"""Merger of the entries of all files: one peripheral for each name.

An entry with a type declares its name; others, wherever they stand, update it: attributes, registrations and
wires replace earlier ones of the same name or output, and ``none`` takes them away. What output ``->``
without a name means only the model knows, so here it is an output of its own.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from icmsg.soc.platform.description import Peripheral, Registration
from icmsg.soc.platform.registration import read_registration
from icmsg.soc.platform.values import Connection, Place, Value, is_property

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icmsg.soc.platform.nodes import Entry, Output, PlatformFile


def merge(
    files: Sequence[PlatformFile], existing: Mapping[str, str]
) -> tuple[list[Peripheral], list[Peripheral]]:
    """Return the peripherals that ``files`` declare, in order, and their updates of ``existing`` ones.

    ``existing`` maps names to types.
    Raises :class:`~icmsg.errors.PlatformError` for a name that is declared twice, nowhere, or only for
    another file, and for an entry that says something twice or nothing at all.
    """
    entries = [entry for file in files for entry in file.entries]
    heads = _declarations(entries, existing)
    groups: dict[str, list[Entry]] = {name: [] for name in heads}
    updates: dict[str, list[Entry]] = {}
    for entry in entries:
        _check_entry(entry)
        if entry.name in heads:
            _check_visible(entry, heads[entry.name])
            groups[entry.name].append(entry)
        elif entry.name in existing:
            _check_update(entry)
            updates.setdefault(entry.name, []).append(entry)
        else:
            raise entry.place.error(
                f"'{entry.name}' has no type, here or elsewhere; write '{entry.name}: Namespace.Type @ …' "
                "once, or correct the name"
            )
    return (
        [_merge_entries(group, heads[name], heads[name].type or "") for name, group in groups.items()],
        [_merge_entries(group, group[0], existing[name]) for name, group in updates.items()],
    )


def _declarations(entries: Iterable[Entry], existing: Mapping[str, str]) -> dict[str, Entry]:
    heads: dict[str, Entry] = {}
    for entry in entries:
        if entry.type is None:
            continue
        if entry.name in existing:
            raise entry.place.error(
                f"'{entry.name}' exists already as {existing[entry.name]}; write '{entry.name}:' without a "
                "type to update it, or choose another name"
            )
        if entry.name in heads:
            earlier = heads[entry.name].place
            if earlier == entry.place:
                raise entry.place.error(
                    f"'{entry.name}' is declared twice, because its file is used twice; let only one file "
                    "use it"
                )
            raise entry.place.error(
                f"'{entry.name}' is declared already at {earlier}; write '{entry.name}:' without a type to "
                "update it, or choose another name"
            )
        heads[entry.name] = entry
    return heads


def _check_visible(entry: Entry, head: Entry) -> None:
    if head.local and head.place.file != entry.place.file:
        raise entry.place.error(
            f"'{entry.name}' is local to {head.place.file}; take 'local' away there, or choose another name "
            "here"
        )


def _check_update(entry: Entry) -> None:
    for attribute in entry.attributes:
        if not is_property(attribute.name):
            raise attribute.place.error(
                f"'{attribute.name}' is lower case, so a constructor's argument, but '{entry.name}' is not "
                "created here; only properties (upper case) can be set"
            )


def _check_entry(entry: Entry) -> None:
    if (
        entry.type is None
        and entry.points is None
        and not (entry.attributes or entry.wires or entry.sections)
    ):
        raise entry.place.error(
            f"the entry '{entry.name}' says nothing; give it a type or an attribute, or remove it"
        )
    if entry.alias is not None and not entry.points:
        raise entry.place.error(
            f"'{entry.name}' has the alias \"{entry.alias}\" but is not registered; write '@ parent' before "
            "'as'"
        )
    names: dict[str, Place] = {}
    for name, place in (
        *((attribute.name, attribute.place) for attribute in entry.attributes),
        *((f"{section.kind}:", section.place) for section in entry.sections),
        *((_output_name(output), wire.place) for wire in entry.wires for output in wire.outputs),
    ):
        if name in names:
            raise place.error(f"'{name}' stands already at {names[name]} in this entry; keep one of the two")
        names[name] = place


def _output_name(output: Output) -> str:
    return f"{'' if output is None else output} ->".strip()


def _merge_entries(entries: Iterable[Entry], head: Entry, type_name: str) -> Peripheral:
    attributes: dict[str, Value] = {}
    places: dict[str, Place] = {}
    wires: dict[Output, list[Connection]] = {}
    sections: dict[str, tuple[str, ...]] = {}
    registrations: tuple[Registration, ...] = ()
    alias: str | None = None
    for entry in entries:
        for attribute in entry.attributes:
            places[attribute.name] = attribute.place
            if attribute.value is None:
                attributes.pop(attribute.name, None)
            else:
                attributes[attribute.name] = attribute.value
        for wire in entry.wires:
            for output in wire.outputs:
                wires[output] = [
                    connection for connection in wire.connections if _output(connection) == output
                ]
        for section in entry.sections:
            places[section.kind] = section.place
            earlier = sections.get(section.kind, ()) if section.add else ()
            sections[section.kind] = earlier + section.lines
        if entry.points is not None:
            registrations = tuple(read_registration(point) for point in entry.points)
            alias = entry.alias
    return Peripheral(
        name=head.name,
        type=type_name,
        attributes=MappingProxyType(attributes),
        registrations=registrations,
        connections=tuple(connection for connections in wires.values() for connection in connections),
        preinit=sections.get("preinit", ()),
        init=sections.get("init", ()),
        reset=sections.get("reset", ()),
        alias=alias,
        local=head.local,
        place=head.place,
        attribute_places=MappingProxyType(places),
    )


def _output(connection: Connection) -> Output:
    return connection.index if connection.source is None else connection.source
