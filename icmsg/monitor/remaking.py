"""A machine of the Monitor made out of all its descriptions, again whenever there is one more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.embedded.clocks import begins_halted
from icmsg.engines.embedded.models.dummy_sensor import DummySensor
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel
from icmsg.errors import MonitorError, PlatformError
from icmsg.soc.platform import Reference
from icmsg.soc.platform.load import describe as platform_description
from icmsg.soc.platform.load import with_used
from icmsg.soc.platform.parser import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.platform.values import PlatformFile

_NAME: Final = "<LoadPlatformDescription>"
_LASTING: Final[tuple[type[Any], ...]] = (ArrayMemoryModel, DummySensor)
"""Models whose contents last."""


class DescriptionSource(NamedTuple):
    """Part of what a machine is made of: the description in ``file``, that in ``text``, or a peripheral less."""

    text: str = ""
    file: str = ""
    without: str = ""


def describe(sources: Sequence[DescriptionSource], folders: Sequence[Path]) -> PlatformDescription | None:
    """Return the description in all sources; None for the shipped one, which is known.

    Raises:
        PlatformError: there is something wrong with one.
        MonitorError: there is something wrong with its syntax.
    """
    first = sources[0].file if len(sources) == 1 else ""
    if first and Path(first).samefile(platform_file(DEFAULT.name)):
        return None
    files: list[PlatformFile] = []
    try:
        for source in sources:
            if source.without:
                files = [_without(file, source.without) for file in files]
            else:
                text = f'using "{source.file}"' if source.file else source.text
                files += with_used(parse(text, _NAME), folders)
    except PlatformError as error:
        if not error.syntax:
            raise
        raise MonitorError(f"{error.syntax}\n{error}") from None
    return platform_description(_NAME, files)


def _without(file: PlatformFile, name: str) -> PlatformFile:
    return replace(file, entries=tuple(entry for entry in file.entries if entry.name != name))


def needed_by(description: PlatformDescription, name: str) -> list[str]:
    """Return the peripherals that refer to another one: as an attribute, by a wire, or by their place."""
    found: list[str] = []
    for item in description:
        values = [value.name for value in item.attributes.values() if isinstance(value, Reference)]
        values += [wire.destination for wire in item.connections]
        values += [place.cpu for place in item.registrations if place.cpu]
        values += [place.parent for place in item.registrations]
        if item.name != name and name in values:
            found.append(item.name)
    return found


def take_over(
    new: EmbeddedMachine,
    new_controls: Mapping[str, CoreControl],
    old: EmbeddedMachine,
    old_controls: Mapping[str, CoreControl],
) -> None:
    """Bring over what was done to a machine before it was made again with more in it."""
    for name, memory in old.memories.items():
        if name in new.memories and new.memories[name].size == memory.size:
            new.memories[name].bytes[:] = memory.bytes
    for name, model in old.models.items():
        again: Any = new.models.get(name)
        if isinstance(model, _LASTING) and type(again) is type(model):
            again.take_over(model)
    for tag in old.tags:
        if tag not in new.tags:
            new.add_tag(tag)
    for name, control in old_controls.items():
        new.cores[name].image = old.cores[name].image
        new_controls[name].vector_table = control.vector_table
        new_controls[name].is_halted = control.is_halted
        new_controls[name].single_step = control.single_step
        for register, value in control.registers().items():
            new_controls[name].write_register(register, value)


def starts_halted(machine: EmbeddedMachine, core: str) -> bool:
    """Return whether the platform file says that a core executes nothing until somebody lets it."""
    return begins_halted(machine.description[machine.soc.cores[core].cpu])
