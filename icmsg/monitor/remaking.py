"""A machine of the Monitor made out of all its descriptions, again whenever there is one more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.embedded.clocks import begins_halted
from icmsg.soc.platform import Reference, parse_platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.soc.platform import PlatformDescription


def describe(
    sources: Sequence[tuple[str, str]], folders: Sequence[Path], removed: set[str]
) -> PlatformDescription | None:
    """Return the description in all sources, each a file or a text; None for the shipped one, which is known."""
    if (
        len(sources) == 1
        and not removed
        and sources[0][0]
        and Path(sources[0][0]).samefile(platform_file(DEFAULT.name))
    ):
        return None
    used = "".join(f'using "{file}"\n' for file, _ in sources if file)
    texts = "\n".join(text for file, text in sources if not file)
    description = parse_platform(f"{used}{texts}\n", "<LoadPlatformDescription>", search_path=folders)
    return replace(
        description,
        peripherals=tuple(item for item in description if item.name not in removed),
        creation_order=tuple(name for name in description.creation_order if name not in removed),
    )


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
        new.memories[name].bytes[:] = memory.bytes
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
