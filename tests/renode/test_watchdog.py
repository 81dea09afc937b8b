"""What ends the process where Renode does not come back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icmsg.cosim.renode import watchdog
from icmsg.cosim.renode.machine import RenodeMachine
from icmsg.cosim.renode.watchdog import CALLS, Watchdog

if TYPE_CHECKING:
    from fake_dotnet import FakeRenode

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")


def run(folder: Path, *options: str, number: int | None = None) -> tuple[int, str, bool]:
    """Return exit code, stderr, and whether Renode's temporary folder is still there."""
    script = Path(__file__).with_name("never_returns.py")
    command = [sys.executable, "-W", "ignore", str(script), str(folder), *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "hangs\n"
        if number is not None:
            child.send_signal(number)
        _, error = child.communicate(timeout=60)
        return child.returncode, error, folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_that_does_not_come_back_from_renode(
    tmp_path: Path, number: signal.Signals
) -> None:
    code, error, left = run(tmp_path / "renode", number=number)
    assert code == 128 + number
    assert "Renode did not come back for" in error
    assert re.search(r"from a step of the emulation, at [\d.]+ .s of virtual time", error)
    assert error.endswith("icmsg: interrupted\n")
    assert not left


@pytest.mark.slow
def test_the_stall_timeout_ends_a_run_that_does_not_come_back_from_renode(tmp_path: Path) -> None:
    code, error, _ = run(tmp_path / "renode", "--stall-timeout", "0.3", "--json")
    assert code == 1
    assert "a core may be locked up (a fault in a fault handler)" in error
    assert "interrupted" not in error


def test_calls_that_come_back_are_not_a_stall_and_signals_stay_with_who_handles_them(
    renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(watchdog.os, "_exit", ended.append)
    handled: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: handled.append(number))
    try:
        with RenodeMachine() as machine, Watchdog(machine, stall_s=0.2):
            until = time.monotonic() + 0.7
            signal.raise_signal(signal.SIGTERM)
            while time.monotonic() < until:
                machine.run_for(1_000)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (ended, handled) == ([], [signal.SIGTERM])
    assert CALLS.count % 2 == 0
    assert signal.set_wakeup_fd(-1) == -1
