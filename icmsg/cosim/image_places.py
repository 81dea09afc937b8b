"""Whether an image belongs on a core, by the memories of the platform file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icmsg.errors import FirmwareError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.cosim.image import FirmwareImage, Segment


class MemoryPlace(Protocol):
    """A memory of a core: the byte addresses ``start`` up to, but not including, ``end``."""

    @property
    def start(self) -> int:
        """The first address."""

    @property
    def end(self) -> int:
        """The address behind the last one."""

    @property
    def name(self) -> str:
        """What the platform file calls it."""


def check_places(image: FirmwareImage, core: str, memories: Mapping[str, Sequence[MemoryPlace]]) -> None:
    """Check where every part of ``image`` would be loaded on ``core``; ``memories`` are those that each core reaches.

    Raises:
        FirmwareError: a part is outside of the core's memories, or in one that carries another core's name.
    """
    for segment in image.segments:
        _check(image, segment, core, memories)


def _check(
    image: FirmwareImage, segment: Segment, core: str, memories: Mapping[str, Sequence[MemoryPlace]]
) -> None:
    found = _at(segment.load_address, memories[core])
    others = [name for name in memories if name != core]
    if found is None:
        for other in others:
            if (theirs := _at(segment.load_address, memories[other])) is not None:
                raise _linked_for(other, image, segment, theirs)
    if found is None or segment.end > found.end:
        ranges = ", ".join(f"{item.name} 0x{item.start:08X}…0x{item.end - 1:08X}" for item in memories[core])
        raise FirmwareError(
            f"{image.path}: 0x{segment.load_address:08X}…0x{segment.end - 1:08X} is outside the memory "
            f"of core {core} ({ranges}); link it for that core"
        )
    for other in others:
        if found.name.endswith(other) and not found.name.endswith(core):
            raise _linked_for(other, image, segment, found)


def _at(address: int, memories: Sequence[MemoryPlace]) -> MemoryPlace | None:
    return next((memory for memory in memories if memory.start <= address < memory.end), None)


def _linked_for(other: str, image: FirmwareImage, segment: Segment, memory: MemoryPlace) -> FirmwareError:
    return FirmwareError(
        f"{image.path}: loads at 0x{segment.load_address:08X}, which is {memory.name}; it "
        f"was linked for core {other}: load it there (--{other})"
    )
