"""Loader of a platform file: returns its description."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from icmsg.soc.platform.checks import check
from icmsg.soc.platform.description import PlatformDescription
from icmsg.soc.platform.merge import merge
from icmsg.soc.platform.order import check_registration_order, creation_order
from icmsg.soc.platform.parser import parse
from icmsg.soc.platform.usings import read_file, with_used

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from icmsg.soc.platform.nodes import PlatformFile

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
    return _describe(read_file(Path(path)), search_path, existing)


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
    return _describe(parse(text, file), search_path, existing)


def _describe(
    root: PlatformFile, search_path: Sequence[Path], existing: Mapping[str, str]
) -> PlatformDescription:
    peripherals, updates = merge(with_used(root, search_path), existing)
    check(peripherals, updates, existing)
    check_registration_order(peripherals)
    return PlatformDescription(root.file, tuple(peripherals), tuple(updates), creation_order(peripherals))
