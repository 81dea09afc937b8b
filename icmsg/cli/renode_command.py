"""``icmsg renode``: gets a portable Renode that is pinned by its sum, and says what loads it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import ConfigurationError, EngineNotAvailableError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from icmsg.engines.renode.download import Progress
    from icmsg.engines.renode.install import PortableRelease

_MB: Final = 1_000_000


def add_parser(commands: Any) -> None:
    """Add ``renode`` to the sub-commands."""
    parser = commands.add_parser("renode", help="get Renode, pinned by size and SHA-256")
    actions = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
    install = actions.add_parser(
        "install",
        help="install a portable release",
        description="Downloads an official portable release of Renode, checks size and SHA-256, and unpacks it into a "
        "folder of its own, where the renode engine finds it.",
    )
    install.add_argument(
        "version", metavar="VERSION", nargs="?", help="default: the one this project was run with"
    )
    install.add_argument(
        "--from", dest="archive", metavar="FILE", type=Path, help="an archive that is here already"
    )
    install.add_argument(
        "--yes", action="store_true", help="go on without asking, and with a sum nobody here checked"
    )
    install.add_argument(
        "--prefix", metavar="DIR", type=Path, help="where to; default: in the user's data folder"
    )
    install.add_argument(
        "--url", metavar="URL", help="another place of the same file, or a release not in the table"
    )
    install.add_argument("--sha256", metavar="SUM", help="the sum, where the table has none")
    install.add_argument(
        "--pyrenode3", action="store_true", help="also run the pip command that gets pyrenode3 from git"
    )
    install.set_defaults(execute=execute_install)
    listing = actions.add_parser("list", help="the table of releases: sizes, sums, where they come from")
    listing.set_defaults(execute=execute_list)


def execute_list(_options: argparse.Namespace) -> int:
    """Print the table, and what is installed; return 0."""
    from icmsg.engines.renode.install import releases
    from icmsg.engines.renode.locate import installed_prefixes

    for each in releases():
        checked = "checked here" if each.verified else "not checked here"
        size = f"{each.size} bytes" if each.size else "size unknown"
        sys.stdout.write(f"{each.version} {each.system} {each.machine}: {each.file}, {size}\n")
        sys.stdout.write(f"    SHA-256 {each.sha256 or 'unknown'}, {checked}: {each.source}\n")
    for prefix in installed_prefixes():
        sys.stdout.write(f"installed: {prefix}\n")
    return 0


def execute_install(options: argparse.Namespace) -> int:
    """Install, say what is still missing, return 0."""
    from icmsg.engines.renode import install
    from icmsg.engines.renode.install import choose
    from icmsg.engines.renode.locate import home

    release = choose(options.version, url=options.url).pinned(options.sha256, options.url)
    prefix = _prefix(options.prefix, home() / release.version)
    if options.archive is not None and not options.archive.is_file():
        raise ConfigurationError(
            f"--from {options.archive}: there is no such file; get it from {release.url}"
        )
    if install.installed(release, prefix) is None:
        _agree(release, prefix, options)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with _shown(release) as progress:
        found = install.install(release, prefix, options.archive, progress)
    sys.stdout.write(f"Renode {release.version} is in {found}\n")
    return _pyrenode(release, install_it=options.pyrenode3)


def _prefix(given: Path | None, default: Path) -> Path:
    if given is None:
        return default
    prefix = given.expanduser().absolute()
    if not prefix.parent.is_dir():
        raise ConfigurationError(f"--prefix {given}: {prefix.parent} does not exist; make it first")
    return prefix


def _agree(release: PortableRelease, prefix: Path, options: argparse.Namespace) -> None:
    """Refuse what has no sum or nobody agreed to."""
    if release.sha256 is None:
        raise EngineNotAvailableError(
            f"no SHA-256 of {release.file} is known: give the one that the release page shows, with --sha256"
        )
    if options.yes:
        return
    if not release.verified and options.sha256 is None:
        raise EngineNotAvailableError(
            f"nobody of this project has checked the SHA-256 of {release.file}, {release.sha256}; "
            f"it is {release.source}. Compare it with the release page, then use --yes"
        )
    size = f", {release.size // _MB} MB" if release.size else ""
    what = options.archive or f"{release.url}{size}"
    if not sys.stdin.isatty():
        raise EngineNotAvailableError(
            f"{what} would be installed in {prefix}: use --yes where nobody can answer"
        )
    sys.stderr.write(f"{what} will be installed in {prefix}. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise EngineNotAvailableError("nothing was installed, as you said")


@contextmanager
def _shown(release: PortableRelease) -> Iterator[Progress]:
    """Yield who is told how far the download is; only a terminal shows it."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    from icmsg.cli.render import CommandConsole

    output = CommandConsole(stderr=True)
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=output, transient=True, disable=not output.is_terminal) as bar:
        task = bar.add_task(release.file, total=release.size)

        def progress(there: int, expected: int | None) -> None:
            bar.update(task, completed=there, total=expected)

        yield progress


def _pyrenode(release: PortableRelease, *, install_it: bool) -> int:
    from icmsg.engines.renode.locate import PYRENODE, find_pyrenode

    there = find_pyrenode()
    if there is not None and there.generation == release.pyrenode3:
        sys.stdout.write(f"pyrenode3 is in {there}\n")
        return 0
    command = [sys.executable, "-m", "pip", "install", "--upgrade", PYRENODE[release.pyrenode3]]
    if install_it:
        return subprocess.run(command, check=False).returncode
    from shlex import join

    why = "is missing" if there is None else f"in {there.folder} does not load this release"
    sys.stdout.write(f"pyrenode3 {why}; this gets it, and so does --pyrenode3:\n    {join(command)}\n")
    return 0
