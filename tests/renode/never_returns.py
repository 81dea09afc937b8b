"""``icmsg run --engine renode`` on a fake of Renode in which a step of the emulation never comes back.

The first argument is a folder for the fake, the rest are options of the command.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import fake_dotnet
import fake_process
import pytest

from icmsg.cli.main import main
from icmsg.cosim.renode import watchdog


def never(_lockstep: fake_dotnet.FakeLockstep, _microseconds: int) -> bool:
    sys.stdout.write("hangs\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let it be ignored
patch = pytest.MonkeyPatch()
fake_process.install(patch, Path(sys.argv[1]))
patch.setattr(fake_dotnet.FakeLockstep, "Advance", never)
patch.setattr(watchdog, "PATIENCE_S", 0.3)
sys.exit(main(["run", "--engine", "renode", *sys.argv[2:]]))
