"""``icmsg monitor -P PORT``, and time that passes while a pipe is empty or has ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from icmsg.engines.remote.monitor import TelnetMonitor
from icmsg.errors import EngineError, MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
STARTED: Final = (
    "include @renode/machine.resc\nsysbus LoadELF @firmware_stubs/prebuilt/echo-net.elf cpu=cpunet\n"
    "cpunet IsHalted false\nshowAnalyzer uartnet\nstart\n"
)


def session(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "icmsg", "monitor", *arguments],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", cwd=ROOT,
    )  # fmt: skip


def ends(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = session("-P", "0", "renode/app-python.resc")
    assert process.stdout is not None
    found = re.fullmatch(
        r"Monitor available in telnet mode on port (\d+) of 127.0.0.1\n", process.stdout.readline()
    )
    assert found is not None
    yield process, int(found[1])
    process.kill()
    process.communicate()


def test_clients_of_renodes_port_are_served_one_after_the_other(
    served: tuple[subprocess.Popen[str], int],
) -> None:
    """The client is the one of the remote engine, which was made for Renode's own port."""
    process, port = served
    with TelnetMonitor("127.0.0.1", port, connect_s=60) as client:
        assert client.prompt == "nrf5340"
        assert client.execute("icmsg bond").startswith("app is bound")
        assert client.execute('echo "ä b"') == "ä b"
        with pytest.raises(MonitorError, match="No such command or device: nothing"):
            client.execute("nothing")
        client.execute("start")
        before = client.execute("currentTime")
        time.sleep(0.3)
        assert client.execute("currentTime") != before
    with TelnetMonitor("127.0.0.1", port, connect_s=60) as client:
        assert client.execute("pause") == "Pausing emulation..."
        with pytest.raises(EngineError, match="Renode is quitting"):
            client.execute("quit")
    assert process.wait(timeout=60) == 0


def test_a_port_that_is_taken_or_none_is_said(served: tuple[subprocess.Popen[str], int]) -> None:
    for port, why in ((served[1], "give another port"), (70000, "Port must be between 0 and 65535")):
        process = session("-P", str(port))
        _, said = ends(process)
        assert why in said
        assert process.returncode == 2
        assert "Traceback" not in said


def test_time_passes_behind_start_at_the_end_of_the_input_until_it_is_interrupted() -> None:
    process = session("--console", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(STARTED)
    process.stdin.close()
    process.stdin = None
    for line in process.stdout:
        if "echo: up" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = ends(process)
    assert "the input has ended, and the emulation is started: time passes until Ctrl-C" in said
    assert "Traceback" not in said


def test_time_passes_while_a_pipe_is_empty_and_a_script_that_sleeps_and_quits_ends() -> None:
    process = session(stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(STARTED)
    process.stdin.flush()
    for line in process.stdout:
        if "echo: up" in line:
            break
    process.stdin.write("pause\ncurrentTime\n")
    out, _ = ends(process)
    assert "Current virtual time: 00:00:00.000000000" not in out
    assert process.returncode == 0
    script = session(stdin=subprocess.PIPE)
    out, _ = script.communicate(f"{STARTED}sleep 1.5\ncurrentTime\nquit\n", timeout=60)
    assert "Current virtual time: 00:00:01.500000000" in out
    assert script.returncode == 0


def test_without_python_nothing_of_a_script_is_run() -> None:
    for command in ('python "print 1"', "include @renode/machine.resc; cpunet AddHook 0x1000100 'pass'"):
        process = session("--no-python", "-e", command)
        _, said = ends(process)
        assert "no Python of scripts is run in this session: it was started with --no-python" in said
        assert process.returncode == 1


def test_a_port_and_the_console_exclude_each_other() -> None:
    process = session("-P", "0", "--console")
    _, said = ends(process)
    assert "not allowed with argument" in said
    assert process.returncode == 2
