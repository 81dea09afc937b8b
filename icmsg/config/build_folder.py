"""The files that a Zephyr build leaves in its folder: the whole devicetree, and every option of Kconfig."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import os


class BuildFiles(NamedTuple):
    """A devicetree file, and the ``.config`` that belongs to it where that is known."""

    dts: Path
    kconfig: Path | None


def build_files(path: str | os.PathLike[str]) -> BuildFiles:
    """Return ``path`` itself for a file; for a folder what the build put into it, or into its ``zephyr``.

    Raises:
        ConfigurationError: a folder in which no build has run.
    """
    given = Path(path)
    if not given.is_dir():
        return BuildFiles(given, None)
    for folder in (given, given / "zephyr"):
        if (dts := folder / "zephyr.dts").is_file():
            kconfig = folder / ".config"
            return BuildFiles(dts, kconfig if kconfig.is_file() else None)
    raise ConfigurationError(
        f"{given}: there is no zephyr/zephyr.dts in this folder; give the folder of a build (west build -d), "
        "or a devicetree file"
    )
