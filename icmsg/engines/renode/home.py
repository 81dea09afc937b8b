"""Home of the Renodes that ``icmsg renode install`` installed: where they are, the newest first.

Each lies in a folder of its own, by default below the user's data folder, and carries a mark. A list beside the default
ones names them all, since a user may want one elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import platformdirs

from icmsg.outputs import replace_file

MARK: Final = "icmsg-renode.json"
"""File in an installed folder: version, archive and sum."""
_LIST: Final = "installed.json"
_MOST: Final = 100


def home() -> Path:
    """Return the folder that has the default ones; ``XDG_DATA_HOME`` moves it on Linux."""
    return platformdirs.user_data_path("icmsg") / "renode"


def mark_of(prefix: Path) -> dict[str, Any] | None:
    """Return what was installed in a folder; None if nothing was, or not by us."""
    found: dict[str, Any] | None = _read(prefix / MARK, dict)
    return found


def installed_prefixes() -> list[Path]:
    """Return the folders that are still there, the one that was installed last first.

    A default one that is not in the list was installed by who was killed before the last step.
    """
    listed = [name for name in _read(home() / _LIST, list) or [] if isinstance(name, str)]
    unlisted = [str(path.parent) for path in sorted(home().glob(f"*/{MARK}"))]
    newest_first = dict.fromkeys([*reversed(listed[-_MOST:]), *reversed(unlisted)])
    return [path for path in map(Path, newest_first) if mark_of(path) is not None]


def remember(prefix: Path) -> None:
    """Put a folder at the end of the list.

    Raises:
        OSError: the list cannot be written.
    """
    others = [str(path) for path in reversed(installed_prefixes()) if path != prefix]
    replace_file(home() / _LIST, json.dumps([*others, str(prefix)], indent=2) + "\n")


def _read(path: Path, kind: type) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, kind) else None
