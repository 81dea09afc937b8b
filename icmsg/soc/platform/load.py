"""Loader of a platform file with all that it uses: returns its description.

``using "path"``: which file is meant, and in which order files count.

As in Renode, a path that begins with ``./`` or ``../`` is relative to the file it stands in, an absolute one
is itself, and any other is looked for in a search path. Renode has its own folder there; here it is found above the
file: ``platforms/cpus/x.repl`` beside the ``platforms`` in which the file lies.

Merger of the entries of all files: one peripheral for each name.

An entry with a type declares its name; others, wherever they stand, update it: attributes, registrations and
wires replace earlier ones of the same name or output, and ``none`` takes them away. What output ``->``
without a name means only the model knows, so here it is an output of its own.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from icmsg.errors import PlatformError
from icmsg.files import INCLUDE_DEPTH, INCLUDES, PLATFORM_BYTES, rooted
from icmsg.files import read_file as read_user_file
from icmsg.soc.platform.checks import check, check_registration_order, creation_order
from icmsg.soc.platform.description import (
    Connection,
    Peripheral,
    Place,
    PlatformDescription,
    Registration,
    Value,
    is_property,
    read_registration,
)
from icmsg.soc.platform.parser import parse

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from icmsg.soc.platform.description import Entry, Output, PlatformFile, Using


def read_file(path: Path) -> PlatformFile:
    """Return the syntax tree of the file ``path``, UTF-8.

    Raises :class:`~icmsg.errors.PlatformError`, also for a file that cannot be read.
    """
    try:
        text = read_user_file(path, PLATFORM_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise PlatformError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise PlatformError(f"is not UTF-8 (byte {error.start}); save it as UTF-8", file=str(path)) from None
    return parse(text, str(path))


def with_used(root: PlatformFile, search_path: Sequence[Path]) -> list[PlatformFile]:
    """Return ``root`` and all files it uses, directly or not.

    A file comes behind those it uses, so it can change what they say.
    Raises :class:`~icmsg.errors.PlatformError` for a file that is not found, is used twice by one file, or
    uses itself.
    """
    result: list[PlatformFile] = []
    _collect(root, (Path(root.file).resolve(),), search_path, result)
    return result


def _collect(
    file: PlatformFile, users: tuple[Path, ...], search_path: Sequence[Path], result: list[PlatformFile]
) -> None:
    seen: set[Path] = set()
    for using in file.usings:
        path = _find(using, search_path)
        target = path.resolve()
        if target in seen:
            raise using.place.error(f'"{using.path}" is already used by this file; take this line away')
        if target in users:
            raise using.place.error(
                f'"{using.path}" uses this file, directly or not; take one of the two away'
            )
        if len(users) >= INCLUDE_DEPTH or len(result) >= INCLUDES:
            raise using.place.error(
                f'"{using.path}": files may use each other {INCLUDE_DEPTH} deep, and {INCLUDES} in all'
            )
        seen.add(target)
        _collect(read_file(path), (*users, target), search_path, result)
    result.append(file)


def _find(using: Using, search_path: Sequence[Path]) -> Path:
    path = Path(rooted(using.path))
    beside = Path(using.place.file).parent / path
    if path.is_absolute():
        candidates = [path]
    elif using.path.replace("\\", "/").split("/")[0] in (".", ".."):
        candidates = [beside]
    else:
        above = Path(using.place.file).resolve().parents[1:]
        candidates = [directory / path for directory in search_path]
        found = next((folder / path for folder in above if (folder / path).is_file()), None)
        candidates += [found] if found is not None else []
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if beside not in candidates and beside.is_file():
        raise using.place.error(
            f'"{using.path}" is not in the search path; write "./{using.path}" to mean the one beside this '
            "file"
        )
    where = ", ".join(map(str, candidates)) or "an empty search path"
    raise using.place.error(f"Using '{using.path}' does not exist; looked for {where}")


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


#: What every machine has before a platform is loaded, by name, with its type.
EXISTING: Mapping[str, str] = MappingProxyType(
    {"sysbus": "Bus.SystemBus", "machine": "Antmicro.Renode.Core.Machine"}
)

_CURRENT_DIRECTORY = (Path(),)


def load_platform(
    path: str | os.PathLike[str],
    *,
    search_path: Sequence[Path] = _CURRENT_DIRECTORY,
    existing: Mapping[str, str] = EXISTING,
) -> PlatformDescription:
    """Return the description in the file ``path`` and in those it uses.

    ``search_path`` holds the directories for a ``using`` that begins neither with ``./`` nor with ``../``,
    ``existing`` the peripherals that the machine has already (name to type), with :data:`EXISTING`. Raises
    :class:`~icmsg.errors.PlatformError` with file and line.
    """
    root = read_file(Path(path))
    return describe(root.file, with_used(root, search_path), existing)


def parse_platform(
    text: str,
    file: str = "<string>",
    *,
    search_path: Sequence[Path] = _CURRENT_DIRECTORY,
    existing: Mapping[str, str] = EXISTING,
) -> PlatformDescription:
    """Return the description in ``text``; ``file`` is the name that places show.

    What the text uses with ``./`` is looked for beside ``file``. The rest is as for :func:`load_platform`.
    """
    return describe(file, with_used(parse(text, file), search_path), existing)


def describe(
    name: str, files: Sequence[PlatformFile], existing: Mapping[str, str] = EXISTING
) -> PlatformDescription:
    """Return the description called ``name`` in ``files``, each behind those it uses.

    The rest is as for :func:`load_platform`.
    """
    peripherals, updates = merge(files, existing)
    check(peripherals, updates, existing)
    check_registration_order(peripherals)
    return PlatformDescription(name, tuple(peripherals), tuple(updates), creation_order(peripherals))
