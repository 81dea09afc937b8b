"""``icmsg new``: a project with firmware, devicetree, suites and CI that passes as it stands."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from icmsg import __version__
from icmsg.assets import asset
from icmsg.config.boards import DEFAULT
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

TEMPLATE: Final = "project_template"
STUBS: Final = "firmware_stubs"
LINK: Final = "firmware/link.txt"
"""Names the files of the firmware stubs, a line each, with which the project's firmware is built."""
_FILLED_IN: Final = ("README.md", "requirements.txt")
"""Files with ``@NAME@`` and ``@VERSION@``."""
_LOCAL: Final = "local.mk"


def add_parser(commands: Any) -> None:
    """Add ``new`` to the sub-commands."""
    parser = commands.add_parser(
        "new",
        help="a project of your own: firmware, devicetree, suites, CI",
        description=f"Makes a project with a small firmware for the second core of the {DEFAULT.title}, devicetrees, a "
        "Robot suite, a pytest suite and a file for CI. `make test` there passes as it stands.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where: a new folder, or an empty one")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Make the project, say what to do next, return 0."""
    make_project(options.folder)
    shown = os.fspath(options.folder)
    sys.stdout.write(f"made {shown}: firmware, devicetree, pytest and Robot suites, CI\n")
    sys.stdout.write(f"next: cd {quote(shown)} && make test\n")
    return 0


def make_project(folder: Path) -> None:
    """Make the project in ``folder``, whole or not at all.

    Raises:
        ConfigurationError: something is there already, or there is no place for it; the text names the fix.
        OSError: it cannot be written; nothing is left behind.
    """
    _refuse_what_is_there(folder)
    new = not folder.exists()
    place = folder.parent if new else folder
    if not place.is_dir():
        raise ConfigurationError(
            f"{place} does not exist, so {folder.name} cannot be made in it: mkdir -p {quote(str(place))}"
        )
    staged = Path(tempfile.mkdtemp(prefix=".icmsg-new-", dir=place))
    try:
        _fill(staged, folder.resolve().name)
        if new:
            staged.chmod(0o777 & ~_umask())  # that of mkdtemp is private
            staged.rename(folder)
        else:
            _move_up(staged)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _refuse_what_is_there(folder: Path) -> None:
    if folder.is_dir():
        there = sorted(path.name for path in folder.iterdir())
        if there:
            raise ConfigurationError(
                f"{folder} is not empty (it has {there[0]}): give a folder that does not exist yet, or empty it"
            )
    elif os.path.lexists(folder):
        raise ConfigurationError(f"{folder} is there, and is no folder: give another name, or move it away")


def _fill(place: Path, name: str) -> None:
    """Write the whole project to ``place``, which is empty."""
    shutil.copytree(
        asset(TEMPLATE),
        place,
        dirs_exist_ok=True,
        copy_function=shutil.copyfile,  # an installation may be read-only; that is not to be copied
        ignore=shutil.ignore_patterns("__pycache__", ".zig", Path(LINK).name),
    )
    for file in _FILLED_IN:
        path = place / file
        text = path.read_text(encoding="utf-8").replace("@NAME@", name).replace("@VERSION@", __version__)
        path.write_text(text, encoding="utf-8")
    link = place / "firmware" / "link"
    link.mkdir()
    for name in link_files():
        shutil.copyfile(asset(STUBS) / name, link / Path(name).name)
    (place / _LOCAL).write_text(_local(), encoding="utf-8")


def link_files() -> list[str]:
    """Return the files of the firmware stubs that a project gets."""
    return (asset(TEMPLATE) / LINK).read_text(encoding="utf-8").split()


def _local() -> str:
    """Return what the Makefile includes: the interpreter that runs here, for who has not activated its environment."""
    path = sys.executable.replace("$", "$$").replace("#", "\\#")
    return f"# Made by `icmsg new`; of this machine only.\nMADE_BY := {path}\n"


def _move_up(staged: Path) -> None:
    moved: list[Path] = []
    try:
        for path in sorted(staged.iterdir()):
            moved.append(path.rename(staged.parent / path.name))  # noqa: PERF401 - must know those before a failure
    except BaseException:
        for path in moved:
            path.rename(staged / path.name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
