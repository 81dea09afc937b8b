"""Paths as Renode's Monitor reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.errors import ConfigurationError, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable


def monitor_path(path: Path) -> str:
    """Return the token for an absolute ``path``; EngineError for one that the Monitor cannot read."""
    text = path.resolve().as_posix()
    if any(character in text for character in ";\"'`\n\t"):
        raise EngineError(f"Renode's Monitor cannot read the path {text!r}; move the file to a plainer one")
    return written_path(text)


def written_path(path: str | Path) -> str:
    """Return a path as it is written in a command: behind ``@``, with its spaces escaped."""
    return "@" + str(path).replace(" ", "\\ ")


def csharp_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the C# files that somebody wants Renode to compile.

    Raises:
        ConfigurationError: one of them is not there, or no C# file by its name.
    """
    files = [Path(path) for path in paths]
    for path in files:
        if path.suffix != ".cs":
            raise ConfigurationError(
                f"{path} is not included: Renode compiles C# files, and their names end with .cs"
            )
        if not path.is_file():
            raise ConfigurationError(f"{path} is not included: there is no such file")
    return files
