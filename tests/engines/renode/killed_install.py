"""Kills an installation at each of its file operations in turn, and looks at what is left; ends with 0 if all is well.

Arguments: an address, its SHA-256, an empty folder. Each attempt is a fork, ended by SIGKILL at its Nth file operation.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from icmsg.engines.renode.install import STAGING, PortableRelease, install
from icmsg.engines.renode.locate import identify

EVENTS = {
    "open",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.truncate",
    "os.chmod",
    "os.utime",
    "fcntl.flock",
}


def attempt(release: PortableRelease, prefix: Path, kill_at: int | None) -> int:
    """Return how a fork ended that installs and is killed at an operation: a wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    count = 0

    def count_down(event: str, _arguments: object) -> None:
        nonlocal count
        if event in EVENTS:
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    if kill_at is not None:
        sys.addaudithook(count_down)
    install(release, prefix, None, lambda there, expected: None)
    os._exit(0)


def main(url: str, sha256: str, folder: str) -> int:
    release = PortableRelease(
        "9.9.9", "linux", "x86_64", url.rsplit("/", 1)[1], None, sha256, False, "", "path", url
    )
    place = Path(folder)
    os.environ["XDG_DATA_HOME"] = str(place / "data")
    prefix = place / "there" / "renode"
    whole: set[str] | None = None
    for kill_at in range(1, 1000):
        shutil.rmtree(place / "there", ignore_errors=True)
        prefix.parent.mkdir()
        ended = attempt(release, prefix, kill_at)
        killed = os.WIFSIGNALED(ended)
        left = {path.name for path in prefix.parent.iterdir()}
        assert left <= {STAGING, "renode"}, (kill_at, left)
        if whole is not None and prefix.exists():
            assert names(prefix) == whole, (kill_at, "a part of it was put in place")
        staged = prefix.parent / STAGING
        files = {path.name for path in staged.iterdir()} if staged.exists() else set()
        assert {name for name in files if not name.endswith(".part")} <= {"lock", "unpacked"}, (
            kill_at,
            files,
        )
        assert attempt(release, prefix, None) == 0, (kill_at, "the next attempt failed")
        assert {path.name for path in prefix.parent.iterdir()} == {"renode"}, (
            kill_at,
            "something is left behind",
        )
        assert identify(prefix, "") is not None
        whole = names(prefix)
        if not killed:
            sys.stdout.write(f"{kill_at}\n")
            return 0
    return 1


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
