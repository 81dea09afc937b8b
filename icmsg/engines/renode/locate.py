"""Finds Renode and pyrenode3, and says what fits together; nothing is loaded here.

What fits is known for two generations of pyrenode3, told apart by the variables that its ``env.py`` knows:

- the *classic* one (up to commit dde4a47): ``PYRENODE_BIN``, ``PYRENODE_PKG``, ``PYRENODE_BUILD_DIR``,
  ``PYRENODE_BUILD_OUTPUT``, ``PYRENODE_RUNTIME``; Mono and .NET, no portable folder of 1.17;
- the *path* one (after 2026-06-18): ``PYRENODE_PATH``; .NET only.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from icmsg.engines.renode.layouts import Layout, RenodeFound, Runtime, identify
from icmsg.errors import EngineNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTALLED: Final = Path("/opt/renode")
"""Folder that Renode's Linux packages install to; the classic pyrenode3 looks nowhere else."""
TESTED_COMMIT: Final = "dde4a47"
"""The pyrenode3 of the combination that was seen to work."""
GET_PYRENODE: Final = (
    f"pip install 'pyrenode3[all] @ git+https://github.com/antmicro/pyrenode3.git@{TESTED_COMMIT}'"
)
GET_NEWER: Final = "pip install -U 'pyrenode3[all] @ git+https://github.com/antmicro/pyrenode3.git'"
GET_RENODE: Final = (
    "install Renode 1.16.1 or newer (https://github.com/renode/renode/releases) so that `renode` is on PATH, "
    "or set PYRENODE_BIN, PYRENODE_PKG, PYRENODE_BUILD_DIR or PYRENODE_PATH; see docs/renode.md"
)

Generation = Literal["classic", "path"]
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
    """Return the Renode that the variables name, else the one on PATH, else the installed one.

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
