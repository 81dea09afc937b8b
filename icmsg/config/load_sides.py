"""Loader of the one or two sides of a check: whose files each is, and in which order.

The files tell the cores (:mod:`icmsg.config.soc`), whatever the order in which they are given; what they leave
open follows from the SoC's two roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.build_folder import BuildFiles, build_files, build_sides, is_build
from icmsg.config.devicetree import Devicetree, load_devicetree
from icmsg.config.load import side_of
from icmsg.config.soc import core_of, soc_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.config.boards import Board
    from icmsg.config.icbmsg_layout import Generation
    from icmsg.config.load import Files, Side
    from icmsg.config.release import Release


class SideSettings(NamedTuple):
    """Files and facts that are given for one side, beside its devicetree."""

    kconfig: Files = None
    release: Release | str | None = None
    generation: Generation | None = None
    """Generation of ICBMsg, where the release does not tell it."""


class _Read(NamedTuple):
    files: BuildFiles
    devicetree: Devicetree

    @property
    def board(self) -> Board | None:
        return BOARDS.get(self.files.soc or soc_of(self.devicetree, None) or "")

    @property
    def core(self) -> str | None:
        return self.files.core or core_of(self.devicetree, self.board)


def load_sides(
    paths: Sequence[str],
    settings: Callable[[int, str], SideSettings],
    cores: Sequence[str] = (),
    soc: str | None = None,
) -> list[Side]:
    """Return the sides of one or two files or build folders, or both sides of a folder with several images.

    ``settings`` gives what belongs to a side, by its place (0 or 1) and the name of its core. ``cores`` are those of
    the platform that is meant, those of its link first; without them any core will do, and ``soc`` is the board that is
    meant where the files do not tell.

    Raises:
        ConfigurationError: as for :func:`~icmsg.config.load.load_side`.
    """
    if len(paths) == 1 and is_build(paths[0]):
        found = [_read(files) for files in build_sides(paths).values()]
    else:
        found = [_read(build_files(path, role)) for path, role in zip(paths, DEFAULT.roles, strict=False)]
    boards = [each.board for each in found if each.board is not None]
    expected = cores or (BOARDS[soc] if soc else boards[0] if boards else DEFAULT).roles
    known = [core if not cores or core in cores else None for core in (each.core for each in found)]
    sides = list(zip(_names(known, expected), found, strict=True))
    sides.sort(key=lambda side: expected.index(side[0]) if side[0] in expected else len(expected))
    return [
        side_of(
            read.files, read.devicetree, given.kconfig, given.release, core, soc, generation=given.generation
        )
        for place, (core, read) in enumerate(sides)
        for given in [settings(place, core)]
    ]


def _read(files: BuildFiles) -> _Read:
    return _Read(files, load_devicetree(files.dts))


def _names(known: Sequence[str | None], expected: Sequence[str]) -> list[str]:
    """Return a name for each side: that of its core, else the first of ``expected`` that is free.

    Two files of one core are taken for two sides.
    """
    told = [core if core not in known[:place] else None for place, core in enumerate(known)]
    free = [core for core in expected if core not in told]
    return [core or free.pop(0) for core in told]
