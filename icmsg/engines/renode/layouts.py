"""Forms in which Renode comes, told apart by the files in a folder; nothing is executed.

Names changed their meaning between releases: ``linux-portable`` is Mono in 1.16.1 and .NET in 1.17.0, and a .NET
portable is a single file in 1.16.1 and a folder of assemblies since. So the files decide, not the name.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Runtime = Literal["mono", "coreclr"]
"""The values of ``PYRENODE_RUNTIME``."""

BUILD_OUTPUT: Final = "output/bin/Release"
"""Folder of a build tree's binaries, below its root."""
_ARCHIVES: Final = (".pkg.tar.xz", ".pkg.tar.zst", ".tar.gz", ".tar.xz")


class Layout(enum.Enum):
    """Form of an installation; the value is what a person calls it."""

    INSTALLED = "an installed package"
    BUILD = "a build tree"
    ARCHIVE = "a package that is not unpacked"
    SINGLE_FILE = "a portable .NET release in a single file (as 1.16.1)"
    FOLDER = "a portable .NET release in a folder (as 1.17)"
    MONO_PORTABLE = "a portable Mono release (linux-portable of 1.16.1)"


@dataclass(frozen=True, slots=True)
class RenodeFound:
    """A Renode: ``path`` is the folder, or the file of an archive; ``binary`` the launcher where there is one.

    ``source`` says in words how it was found. ``output`` is the folder with the assemblies, below ``path``.
    """

    layout: Layout
    path: Path
    runtime: Runtime
    source: str
    binary: Path | None = None
    output: str | None = None

    def __str__(self) -> str:
        runtime = ".NET" if self.runtime == "coreclr" else "Mono"
        return f"{self.path}: {self.layout.value}, {runtime} ({self.source})"


def identify(path: Path, source: str, *, output: str | None = None) -> RenodeFound | None:
    """Return what is at ``path`` (a launcher, a folder or an archive), or None if it is no Renode.

    ``output`` is the folder with the assemblies below ``path``, where the caller knows it.
    """
    path = Path(os.path.expanduser(path))  # noqa: PTH111 - does not fail where nobody says where home is
    if path.is_file():
        return _file(path, source)
    if not path.is_dir():
        return None
    for below, layout in ((output, Layout.BUILD), (BUILD_OUTPUT, Layout.BUILD), ("bin", Layout.INSTALLED)):
        if below and (runtime := _runtime_in(path / below)):
            if layout is Layout.INSTALLED and _carries_its_runtime(path / below):
                return RenodeFound(Layout.FOLDER, path, runtime, source, _launcher(path), below)
            return RenodeFound(layout, path, runtime, source, _launcher(path), below)
    if runtime := _runtime_in(path):
        layout = Layout.FOLDER if runtime == "coreclr" else Layout.INSTALLED
        return RenodeFound(layout, path, runtime, source, _launcher(path))
    launcher = _launcher(path)
    return _portable(launcher, source) if launcher is not None else None


def _file(path: Path, source: str) -> RenodeFound | None:
    if path.name.endswith(_ARCHIVES):
        runtime: Runtime = "mono" if ".pkg.tar" in path.name else "coreclr"
        return RenodeFound(Layout.ARCHIVE, path, runtime, source)
    resolved = path.resolve()
    for folder in (resolved.parent, resolved.parent.parent):
        for output in (None, BUILD_OUTPUT, "bin"):
            if _runtime_in(folder / output if output else folder):
                return identify(folder, source)
    return _portable(resolved, source)


def _portable(launcher: Path, source: str) -> RenodeFound | None:
    """A launcher without assemblies beside it: they are inside of it."""
    folder = launcher.parent
    if any(folder.glob("*hostfxr*")) or any(folder.glob("*coreclr*")) or launcher.suffix == ".exe":
        return RenodeFound(Layout.SINGLE_FILE, folder, "coreclr", source, launcher)
    if (folder / "platforms").is_dir() or (folder / "scripts").is_dir():
        return RenodeFound(Layout.MONO_PORTABLE, folder, "mono", source, launcher)
    return None


def _runtime_in(folder: Path) -> Runtime | None:
    if (folder / "Renode.dll").is_file():
        return "coreclr"
    # On Windows a .NET launcher is Renode.exe as well, beside Renode.dll.
    return "mono" if (folder / "Renode.exe").is_file() and any(folder.glob("*.dll")) else None


def _carries_its_runtime(folder: Path) -> bool:
    return (folder / "System.Private.CoreLib.dll").is_file()


def _launcher(folder: Path) -> Path | None:
    for name in ("renode", "renode.exe", "Renode.exe"):
        if (folder / name).is_file():
            return folder / name
    return None
