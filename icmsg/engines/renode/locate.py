"""Finds Renode and pyrenode3, and says what fits together; nothing is loaded here.

What fits is known for two generations of pyrenode3, told apart by the variables that its ``env.py`` knows:

- the *classic* one (up to commit dde4a47): ``PYRENODE_BIN``, ``PYRENODE_PKG``, ``PYRENODE_BUILD_DIR``,
  ``PYRENODE_BUILD_OUTPUT``, ``PYRENODE_RUNTIME``; Mono and .NET, no portable folder of 1.17;
- the *path* one (after 2026-06-18): ``PYRENODE_PATH``; .NET only.

Home of the Renodes that ``icmsg renode install`` installed: where they are, the newest first.

Each lies in a folder of its own, by default below the user's data folder, and carries a mark. A list beside the default
ones names them all, since a user may want one elsewhere.

Forms in which Renode comes, told apart by the files in a folder; nothing is executed.

Names changed their meaning between releases: ``linux-portable`` is Mono in 1.16.1 and .NET in 1.17.0, and a .NET
portable is a single file in 1.16.1 and a folder of assemblies since. So the files decide, not the name.
"""

from __future__ import annotations

import enum
import hashlib
import json
import mmap
import os
import shutil
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import platformdirs

from icmsg.errors import EngineNotAvailableError
from icmsg.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping


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


Runtime = Literal["mono", "coreclr"]
"""The values of ``PYRENODE_RUNTIME``."""

BUILD_OUTPUT: Final = "output/bin/Release"
"""Folder of a build tree's binaries, below its root."""
_BUNDLE: Final = hashlib.sha256(b".net core bundle\n").digest()
"""Mark that .NET's host has in an executable with the assemblies inside (``bundle_marker`` in its sources)."""
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
    if (
        _is_bundle(launcher)
        or any(folder.glob("*hostfxr*"))
        or any(folder.glob("*coreclr*"))
        or launcher.suffix == ".exe"
    ):
        return RenodeFound(Layout.SINGLE_FILE, folder, "coreclr", source, launcher)
    if (folder / "platforms").is_dir() or (folder / "scripts").is_dir():
        return RenodeFound(Layout.MONO_PORTABLE, folder, "mono", source, launcher)
    return None


def _is_bundle(launcher: Path) -> bool:
    try:
        with launcher.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(_BUNDLE) >= 0
    except (OSError, ValueError):  # ValueError: an empty file
        return False


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


Generation = Literal["classic", "path"]

INSTALLED: Final = Path("/opt/renode")
"""Folder that Renode's Linux packages install to; the classic pyrenode3 looks nowhere else."""
TESTED_COMMIT: Final = "dde4a47"
"""The pyrenode3 of the combination that was seen to work."""
_PYRENODE: Final = "pyrenode3[all] @ git+https://github.com/antmicro/pyrenode3.git"
PYRENODE: Final[Mapping[Generation, str]] = {"classic": f"{_PYRENODE}@{TESTED_COMMIT}", "path": _PYRENODE}
"""Requirement of each generation, for pip. Of the newer one no commit was seen to work: the newest is taken."""
GET_PYRENODE: Final = f"pip install '{PYRENODE['classic']}'"
GET_NEWER: Final = f"pip install -U '{PYRENODE['path']}'"
GET_RENODE: Final = (
    "`icmsg renode install` gets one; or install Renode 1.16.1 or newer (https://github.com/renode/renode/releases) "
    "so that `renode` is on PATH, "
    "or set PYRENODE_BIN, PYRENODE_PKG, PYRENODE_BUILD_DIR or PYRENODE_PATH; see docs/renode.md"
)

_OLD_NAMES: Final = ("PYRENODE_BIN", "PYRENODE_PKG", "PYRENODE_BUILD_DIR")
_PATH: Final = "PYRENODE_PATH"


@dataclass(frozen=True, slots=True)
class PyrenodeFound:
    """An installed pyrenode3."""

    folder: Path
    generation: Generation

    def __str__(self) -> str:
        known = "PYRENODE_PATH" if self.generation == "path" else "PYRENODE_BIN, _PKG, _BUILD_DIR"
        return f"{self.folder} (knows {known})"


@dataclass(frozen=True, slots=True)
class RenodeSetup:
    """A Renode and a pyrenode3 that fit; ``variables`` are what pyrenode3 has to find in the environment."""

    renode: RenodeFound
    pyrenode: PyrenodeFound
    variables: Mapping[str, str]


def find_pyrenode() -> PyrenodeFound | None:
    """Return the installed pyrenode3, without importing it: its import loads Renode."""
    spec = util.find_spec("pyrenode3")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    try:
        knows = (folder / "env.py").read_text(encoding="utf-8")
    except OSError:
        knows = ""
    return PyrenodeFound(folder, "path" if _PATH in knows else "classic")


def find_renode(environment: Mapping[str, str] | None = None) -> RenodeFound | None:
    """Return the Renode that the variables name, else that of ``icmsg renode install``, the one on PATH, the package's.

    Raises:
        EngineNotAvailableError: variables that contradict each other, or name something that is no Renode.
    """
    environment = os.environ if environment is None else environment
    named = [name for name in (_PATH, *_OLD_NAMES) if environment.get(name)]
    if len(named) > 1:
        raise EngineNotAvailableError(f"{' and '.join(named)} are set; unset all but one of them")
    if named:
        name = named[0]
        output = environment.get("PYRENODE_BUILD_OUTPUT") or None
        found = identify(Path(environment[name]), name, output=output)
        if found is None:
            raise EngineNotAvailableError(
                f"{name}={environment[name]} is no Renode: it must be {_expected(name)}; correct or unset it"
            )
        return found
    for prefix in installed_prefixes():
        if (found := identify(prefix, "by icmsg renode install")) is not None:
            return found
    on_path = shutil.which("renode", path=environment.get("PATH"))
    found = identify(Path(on_path), "on PATH") if on_path else None
    # A package puts a shell script on PATH that starts what is in /opt.
    return found or identify(INSTALLED, "installed")


def _expected(name: str) -> str:
    return {
        "PYRENODE_BIN": "the launcher `renode` of a portable .NET release",
        "PYRENODE_PKG": "a package file (.pkg.tar.xz, or the .tar.gz of linux-dotnet)",
        "PYRENODE_BUILD_DIR": "a folder with Renode.dll or Renode.exe in output/bin/Release, "
        "or in PYRENODE_BUILD_OUTPUT below it",
        _PATH: "a folder, a launcher, a build tree or an archive of a .NET release",
    }[name]


def find_setup(environment: Mapping[str, str] | None = None) -> RenodeSetup:
    """Return a Renode and a pyrenode3 that fit.

    Raises:
        EngineNotAvailableError: something is missing or does not fit; the text names the fix.
    """
    environment = os.environ if environment is None else environment
    pyrenode = find_pyrenode()
    renode = find_renode(environment)
    if pyrenode is None:
        raise EngineNotAvailableError(f"pyrenode3 is not installed: {GET_PYRENODE}")
    if renode is None:
        raise EngineNotAvailableError(f"no Renode was found: {GET_RENODE}")
    asked = environment.get("PYRENODE_RUNTIME")
    runtime = _runtime(renode, asked) if asked else renode.runtime
    if pyrenode.generation == "path":
        return RenodeSetup(renode, pyrenode, _variables_path(renode))
    if environment.get(_PATH):
        raise EngineNotAvailableError(
            f"PYRENODE_PATH is set, but the pyrenode3 in {pyrenode.folder} does not know it; unset it and use "
            f"PYRENODE_BIN, PYRENODE_PKG or PYRENODE_BUILD_DIR, or get a newer one: {GET_NEWER}"
        )
    return RenodeSetup(renode, pyrenode, _variables_classic(renode, runtime))


def _runtime(renode: RenodeFound, asked: str) -> Runtime:
    if asked != renode.runtime:
        raise EngineNotAvailableError(
            f"PYRENODE_RUNTIME={asked}, but {renode} needs {renode.runtime}; set it to that, or unset it"
        )
    return renode.runtime


def _variables_path(renode: RenodeFound) -> dict[str, str]:
    if renode.runtime == "mono":
        raise EngineNotAvailableError(
            f"{renode} does not fit this pyrenode3, which loads .NET releases only; use a .NET release "
            f"of Renode, or the pyrenode3 that loads Mono: {GET_PYRENODE}"
        )
    path = renode.binary if renode.layout is Layout.SINGLE_FILE and renode.binary else renode.path
    return {_PATH: str(path)}


def _variables_classic(renode: RenodeFound, runtime: Runtime) -> dict[str, str]:
    common: dict[str, str] = {"PYRENODE_RUNTIME": runtime}
    if renode.layout is Layout.FOLDER:
        raise EngineNotAvailableError(
            f"{renode} does not fit the pyrenode3 in use, which loads portable releases in a single file only; "
            f"get a newer one: {GET_NEWER}"
        )
    if renode.layout is Layout.MONO_PORTABLE:
        raise EngineNotAvailableError(
            f"{renode} cannot be loaded into a process; use linux-portable-dotnet of the same release, or a package"
        )
    if renode.layout is Layout.SINGLE_FILE:
        return {**common, "PYRENODE_BIN": str(renode.binary)}
    if renode.layout is Layout.ARCHIVE:
        return {**common, "PYRENODE_PKG": str(renode.path)}
    if renode.layout is Layout.INSTALLED and renode.path == INSTALLED and runtime == "mono":
        return common
    return {**common, "PYRENODE_BUILD_DIR": str(renode.path), "PYRENODE_BUILD_OUTPUT": renode.output or "."}
