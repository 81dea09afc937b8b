"""What ends the process where Renode does not come back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from icmsg.engines.renode import process
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.engines.renode.process import CALLS, Watchdog

if TYPE_CHECKING:
    from fake_dotnet import FakeRenode

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")

HANGS = r"icmsg: error: Renode did not come back for \d+ s of wall time from a step of the emulation, at [\d.]+ .s of "


class Ended(NamedTuple):
    code: int
    output: str
    error: str


def use(folder: Path, *arguments: str, number: int | None = None) -> Ended:
    """Run ``never_returns.py``, send it a signal when it hangs, and return how it ended."""
    script = Path(__file__).with_name("never_returns.py")
    renode = folder / "renode"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script), str(renode), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        if number is not None:
            assert child.stdout.readline() == "hangs\n"
            child.send_signal(number)
        output, error = child.communicate(timeout=60)
    assert not renode.exists(), error  # Renode's temporary folder has gone with it
    return Ended(child.returncode, output.removeprefix("hangs\n"), error)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_that_does_not_come_back_from_renode(
    tmp_path: Path, number: signal.Signals
) -> None:
    ended = use(tmp_path, "run", number=number)
    assert ended.code == 128 + number
    assert re.match(HANGS, ended.error)
    assert ended.error.endswith("icmsg: interrupted\n")
    assert ended.output == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "number", "code", "interrupted"), [("0.3", None, 1, None), ("0", signal.SIGINT, 130, "SIGINT")]
)
def test_json_has_the_verdict_also_where_the_process_is_ended(
    tmp_path: Path, limit: str, number: int | None, code: int, interrupted: str | None
) -> None:
    ended = use(tmp_path, "run", "--stall-timeout", limit, "--json", number=number)
    assert ended.code == code
    found = json.loads(ended.output)
    assert (found["ok"], found["bound"], found["interrupted"]) == (False, False, interrupted)
    assert "a core may be locked up (a fault in a fault handler)" in found["problems"][0]
    assert found["problems"][0] in ended.error


@pytest.mark.slow
def test_in_library_use_a_signal_and_the_stall_timeout_end_the_process(tmp_path: Path) -> None:
    ended = use(tmp_path, "library", "0", number=signal.SIGINT)
    assert ended.code == 130
    assert re.match(HANGS, ended.error)
    ended = use(tmp_path, "library", "0.3")
    assert (ended.code, ended.output) == (1, "")
    assert re.match(HANGS, ended.error)


@pytest.mark.slow
@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_pytest_ends_with_the_name_of_the_test(tmp_path: Path, capture: str) -> None:
    ended = use(tmp_path, "pytest", "--icmsg-stall-timeout=0.3", f"--capture={capture}")
    assert ended.code == 1
    assert re.search(HANGS, ended.error)
    assert "icmsg: test test_hangs.py::test_hangs\n" in ended.error


@pytest.mark.slow
def test_robot_ends_with_the_reason(tmp_path: Path) -> None:
    ended = use(tmp_path, "robot", "300 ms")
    assert ended.code == 1
    assert re.search(HANGS, ended.error)


@pytest.mark.slow
def test_calls_that_come_back_are_not_a_stall_and_signals_stay_with_who_handles_them(
    renode: FakeRenode, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(process.os, "_exit", ended.append)
    handled: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: handled.append(number))
    try:
        with RenodeMachine(stall_timeout=2) as machine:
            until = time.monotonic() + 3
            signal.raise_signal(signal.SIGTERM)
            while time.monotonic() < until:
                machine.run_for(1_000)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (ended, handled) == ([], [signal.SIGTERM])
    assert CALLS.count % 2 == 0
    assert signal.set_wakeup_fd(-1) == -1


def test_a_call_that_an_exception_has_ended_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(process.os, "_exit", ended.append)
    with Watchdog(None, stall_s=0.1):
        CALLS.begin("a call that a signal has ended before its end was noted", bounded=True)
        time.sleep(0.6)
        CALLS.end()
    assert ended == []


def test_an_event_loop_gets_the_signals_that_come_while_renode_is_called() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(write)
    try:
        with Watchdog(None, stall_s=0):
            CALLS.begin("a call")
            signal.raise_signal(signal.SIGTERM)
            assert os.read(read, 1) == bytes([signal.SIGTERM])
            CALLS.end()
        assert signal.set_wakeup_fd(-1) == write
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, before)
        os.close(read)
        os.close(write)
