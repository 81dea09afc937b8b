"""Where the Monitor looks for what is written behind ``@``."""

from __future__ import annotations

from pathlib import Path

from icmsg.errors import MonitorError


class SearchPath:
    """The folders of PATH, the first one first; ``start`` is the folder in which the Monitor was started.

    A path is tried as it is, from the current folder, before PATH.
    """

    def __init__(self, start: Path) -> None:
        self._start = start
        self.folders: list[str] = []
        self.reset()

    @property
    def default(self) -> str:
        """PATH as it is at first."""
        return str(self._start)

    @property
    def text(self) -> str:
        """PATH."""
        return ";".join(self.folders)

    def reset(self) -> None:
        """Go back to the default."""
        self.folders = [str(self._start)]

    def set(self, path: str) -> None:
        """Replace PATH; MonitorError if a part is no folder."""
        self.folders = self._parts(path)

    def prepend(self, path: str) -> None:
        """Put folders in front; MonitorError if a part is no folder."""
        self.folders = [*self._parts(path), *self.folders]

    def new(self, name: str) -> Path:
        """Return the full path of a file that need not exist."""
        return self._start / Path(name).expanduser()

    def find(self, name: str) -> Path | None:
        """Return the full path of a file or folder, or None."""
        for folder in ("", *self.folders):
            found = self._start / folder / Path(name).expanduser()
            if found.exists():
                return found.resolve()
        return None

    def _parts(self, path: str) -> list[str]:
        parts = list(dict.fromkeys(part for part in path.split(";") if part))
        for part in parts:
            if not (self._start / part).is_dir():
                raise MonitorError(f"Entry {part} does not exist or is not a directory.")
        return [part.removeprefix("./") or "." for part in parts]
