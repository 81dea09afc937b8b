"""Search path of the Monitor for what is written behind ``@``.

A machine made of any platform file by commands of a Monitor: what ``renode/machine.resc`` does for the nRF5340.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import MonitorError
from icmsg.files import note_found, rooted
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc

if TYPE_CHECKING:
    from collections.abc import Iterator


class SearchPath:
    """The folders of PATH, the first one first.

    ``start`` is the folder in which the Monitor was started, and ``root`` has the scripts and platforms that come with
    it, as Renode's own folder has Renode's. A path is tried from ``start`` before PATH.
    """

    def __init__(self, start: Path, root: Path) -> None:
        self.start = start
        self._root = root
        self.folders: list[str] = []
        self.reset()

    @property
    def default(self) -> str:
        """PATH without the folder in which the Monitor was started."""
        return str(self._root)

    @property
    def text(self) -> str:
        """PATH."""
        return ";".join(self.folders)

    def reset(self) -> None:
        """Go back to the default, with the folder in which the Monitor was started in front."""
        self.folders = list(dict.fromkeys((str(self.start), str(self._root))))

    def set(self, path: str) -> None:
        """Replace PATH; MonitorError if a part is no folder."""
        self.folders = self._parts(path)

    def prepend(self, path: str) -> None:
        """Put folders in front; MonitorError if a part is no folder."""
        self.folders = [*self._parts(path), *self.folders]

    def new(self, name: str) -> Path:
        """Return the full path of a file that need not exist."""
        return self.start / _with_home(name)

    def absolute(self) -> list[Path]:
        """Return the folders in which a path is tried."""
        return [self.start, *(self.start / folder for folder in self.folders)]

    def find(self, name: str) -> Path | None:
        """Return the full path of a file or folder, or None."""
        for folder in self.absolute():
            found = folder / rooted(_with_home(name))
            if found.exists():
                return Path(os.path.abspath(found))  # noqa: PTH100 - a link is the file that was named
        return None

    def _parts(self, path: str) -> list[str]:
        parts = list(dict.fromkeys(part for part in path.split(";") if part))
        for part in parts:
            if not (self.start / rooted(part)).is_dir():
                raise MonitorError(f"Entry {part} does not exist or is not a directory.")
            note_found(self.start / part)
        parts = [rooted(part) for part in parts]
        return [part.removeprefix("./") or "." for part in parts]


def _with_home(name: str) -> str:
    return os.path.expanduser(name)  # noqa: PTH111 - does not fail where nobody says where home is


_SCRIPT: Final = "renode/platform.resc"


def platform_commands(platform: str | Path) -> Iterator[str]:
    """Yield the commands that make a machine of a platform file, with all its cores halted, also after a reset.

    Raises:
        PlatformError: the file cannot be used.
    """
    path = Path(platform).resolve()
    soc = Soc(load_platform(path))
    yield f"$platform={written_path(path)}"
    yield f'$name="{path.stem}"'
    yield f"include {written_path(asset(_SCRIPT).resolve())}"
    halts = "; ".join(f"{core.cpu} IsHalted true" for core in soc.cores.values())
    yield f'macro reset "{halts}"'
    yield "runMacro $reset"
