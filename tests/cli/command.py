"""The command as a user meets it: in this process for speed, as a process where that matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from icmsg.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        loaded = json.loads(self.out)
        assert isinstance(loaded, dict)
        return loaded


def icmsg(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    """Run the command in this process."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:  # argparse ends so
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return Outcome(code, printed.out, printed.err)


def process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Outcome:
    """Run the command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "icmsg", *map(str, arguments)],
        capture_output=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "80"} | environment,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
