"""Whether an image belongs on a core, by the memories of the platform file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.errors import FirmwareError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.cosim.image import FirmwareImage, Segment
    from icmsg.cosim.stepped.places import CorePlaces


def check_places(image: FirmwareImage, core: CorePlaces, cores: Iterable[CorePlaces]) -> None:
    """Check where every part of ``image`` would be loaded.

    Raises:
        FirmwareError: a part is outside of the core's memories, or in one that carries another core's name.
    """
    others = [other for other in cores if other.name != core.name]
    for segment in image.segments:
        _check(image, segment, core, others)


def _check(image: FirmwareImage, segment: Segment, core: CorePlaces, others: list[CorePlaces]) -> None:
    place = core.at(segment.load_address)
    if place is None:
        for other in others:
            if (theirs := other.at(segment.load_address)) is not None and theirs.is_memory:
                raise _linked_for(other.name, image, segment, theirs.name)
    if place is None or not place.is_memory or segment.end > place.end:
        ranges = ", ".join(f"{item.name} 0x{item.start:08X}…0x{item.end - 1:08X}" for item in core.memories())
        raise FirmwareError(
            f"{image.path}: 0x{segment.load_address:08X}…0x{segment.end - 1:08X} is outside the memory "
            f"of core {core.name} ({ranges}); link it for that core"
        )
    for other in others:
        if place.name.endswith(other.name) and not place.name.endswith(core.name):
            raise _linked_for(other.name, image, segment, place.name)


def _linked_for(other: str, image: FirmwareImage, segment: Segment, memory: str) -> FirmwareError:
    return FirmwareError(
        f"{image.path}: loads at 0x{segment.load_address:08X}, which is {memory}; it "
        f"was linked for core {other}: load it there (--{other})"
    )
