"""Where the commands of the pages are run: a folder that looks like the checkout, with ``icmsg`` and ``python``."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from docs_pages import ROOT, Block

if TYPE_CHECKING:
    from pathlib import Path

_SEEN = (
    "Makefile",
    "README.md",
    "docs",
    "examples",
    "firmware_stubs",
    "platforms",
    "renode",
    "robot_tests",
    "tests",
)
_PROGRAMS = {
    "icmsg": "-m icmsg",
    "pabot": "-m pabot.pabot",
    "python": "",
    "python3": "",
    "robot": "-m robot",
}
TIMEOUT_S = 100
_SHELL = set("|&;<>$`*?~(){}\\\n")
"""What a shell gives a meaning to, outside of single quotes."""
_QUOTED = re.compile(r"'[^']*'")
_INTO_A_FILE = re.compile(r"(.*) > ([\w.-]+)")
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "icmsg.cli.check_command",
        "icmsg.cli.monitor_session",
        "icmsg.cli.run_command",
        "icmsg.engines.embedded.machine",
        "icmsg.views",
        "rich.table",
    ]
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what the page says it prints (None = nothing said)."""

    command: str
    printed: str | None


def steps(block: Block) -> list[Step]:
    """Return the commands of a block: after ``$`` in ``console``, every line in ``sh``."""
    if block.language == "sh":
        lines = (line for line in block.text.splitlines() if line and not line.startswith("#"))
        return [Step(line, None) for line in lines]
    found: list[Step] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        found.append(Step(command, printed or None))
    return found


def make_targets(command: str) -> list[str] | None:
    """Return the targets of a ``make`` command, None for any other; variables must be those of the Makefile."""
    words = shlex.split(command, comments=True)
    if words[0] != "make":
        return None
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words[1:]:
        name = word.partition("=")[0]
        assert "=" not in word or f"$({name})" in makefile, f"the Makefile has no variable {name}"
    return [word for word in words[1:] if "=" not in word]


class Scratch:
    """A folder in which a page's relative paths work and whatever a command writes does no harm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / ".programs"
        programs.mkdir()
        for name, arguments in _PROGRAMS.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        for name in _SEEN:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        paths = (str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def run(self, command: str) -> tuple[int, str]:
        """Return exit code and everything printed."""
        into = _INTO_A_FILE.fullmatch(command)
        alone = into[1] if into is not None else command
        words = shlex.split(alone, comments=True)
        if words[0] == "icmsg" and not _SHELL & set(_QUOTED.sub("", alone)):
            return self._fork(words[1:], self.folder / into[2] if into is not None else None)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def _fork(self, arguments: list[str], into: Path | None) -> tuple[int, str]:
        """Do what :meth:`run` does with ``icmsg`` alone, in a process that has the modules already.

        ``into`` is the file that takes its standard output.
        """
        printed = self.folder.with_name(f"{self.folder.name}-printed")
        child = _FORKS.Process(
            target=_command, args=(arguments, self.folder, self._environment, printed, into)
        )
        child.start()
        child.join(TIMEOUT_S)
        if child.exitcode is None:
            child.kill()
            raise TimeoutError(f"icmsg {shlex.join(arguments)}")
        return child.exitcode, printed.read_text(encoding="utf-8")


def _command(
    arguments: list[str], folder: Path, environment: dict[str, str], printed: Path, into: Path | None
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with printed.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    if into is not None:
        with into.open("wb") as file:
            os.dup2(file.fileno(), 1)
    from icmsg.cli.main import main

    sys.exit(main(arguments))
