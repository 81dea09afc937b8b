"""Uses of a fake of Renode in which a step of the emulation never comes back.

Arguments: a folder for the fake, ``run``, ``library``, ``pytest`` or ``robot``, and what belongs to that.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

import fake_dotnet
import fake_process
import pytest

from icmsg.engines.renode import process

TEST: Final = "def test_hangs(icmsg_machine):\n    icmsg_machine.run_for(1_000_000)\n"
SUITE: Final = """\
*** Settings ***
Library    icmsg.robot.IcmsgLibrary    renode    stall_timeout={stall}

*** Test Cases ***
Hangs
    Create Machine
    Let Time Pass    1 ms
    Let Time Pass    1 ms
"""


def tell() -> None:
    sys.__stdout__.write("hangs\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def never(_lockstep: fake_dotnet.FakeLockstep, _microseconds: int) -> bool:
    threading.Timer(0.2, tell).start()
    # As in .NET, no signal gets through to this thread, and nothing of Python runs in it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    time.sleep(60)
    return False


def use(folder: Path, what: str, options: list[str]) -> int:
    """Make Renode hang in one of the ways in which people use it."""
    if what == "run":
        from icmsg.cli.main import main

        return main(["run", "--engine", "renode", *options])
    if what == "pytest":
        test = folder.parent / "test_hangs.py"
        test.write_text(TEST, encoding="utf-8")
        patch.setattr(sys, "__stdout__", sys.__stderr__)
        return pytest.main(["-q", "-p", "no:cacheprovider", "--icmsg-engine=renode", str(test), *options])
    if what == "robot":
        from robot import run

        suite = folder.parent / "hangs.robot"
        suite.write_text(SUITE.format(stall=options[0]), encoding="utf-8")
        return int(run(str(suite), outputdir=str(folder.parent), console="none"))
    from icmsg.engines.renode.machine import RenodeMachine

    with RenodeMachine(stall_timeout=float(options[0])) as machine:
        machine.run_for(1_000_000)
        machine.run_for(1_000_000)
    return 0


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let it be ignored
patch = pytest.MonkeyPatch()
fake_process.install(patch, Path(sys.argv[1]))
patch.setattr(fake_dotnet.FakeLockstep, "Advance", never)
patch.setattr(process, "PATIENCE_S", 0.3)
sys.exit(use(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
