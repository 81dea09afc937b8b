"""Where the output goes: terminals of any width, pipes that close, disks that are full, encodings that cannot."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import process
from firmware_files import Kind, foreign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals and signals")

COMMAND = (sys.executable, "-m", "icmsg", "run", "--messages", "20")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(
    command: Sequence[str], columns: int = 80, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run with stdout and stderr on a terminal; return the exit code and all that was written."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    }
    child = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=clean | {"TERM": "xterm-256color"} | dict(environment or {}),
    )
    os.close(follower)
    written = b""
    try:
        while block := os.read(leader, 65536):
            written += block
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(leader)
    return child.wait(timeout=60), written.decode()


def visible(text: str) -> list[str]:
    """Return the lines without colours, movements and what was overwritten."""
    lines = ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return [line.rsplit("\r", 1)[-1].rstrip() for line in lines]


def test_on_a_terminal_the_summary_has_colours_and_the_progress_bar_is_gone_at_the_end() -> None:
    code, written = on_terminal(COMMAND)
    assert code == 0
    assert COLOUR.search(written)
    lines = [line for line in visible(written) if line]
    assert lines[-1] == "OK"
    assert "20 of 20 messages" in written
    assert "\x1b[?25h" in written, "the cursor is shown again"


@pytest.mark.slow
def test_a_long_run_shows_progress_on_a_terminal() -> None:
    code, written = on_terminal((*COMMAND[:-1], "8000"))
    assert code == 0
    done = [int(count) for count in re.findall(r"(\d+)/8000", ESCAPE.sub("", written))]
    assert done == sorted(done)
    assert len(set(done)) > 1


def test_no_color_is_respected() -> None:
    code, written = on_terminal(COMMAND, environment={"NO_COLOR": "1"})
    assert code == 0
    assert not COLOUR.search(written)


def test_a_dumb_terminal_gets_no_escapes() -> None:
    code, written = on_terminal(COMMAND, environment={"TERM": "dumb"})
    assert code == 0
    assert not ESCAPE.search(written)
    assert visible(written)[-2:] == ["OK", ""]


def test_into_a_pipe_goes_plain_text_without_progress() -> None:
    found = process("run", "--messages", "20")
    assert (found.code, found.err) == (0, "")
    assert "\x1b" not in found.out
    assert "\r" not in found.out


@pytest.mark.parametrize("columns", [20, 40])
def test_nothing_is_lost_on_a_narrow_terminal(columns: int) -> None:
    code, written = on_terminal(COMMAND, columns)
    assert code == 0
    lines = visible(written)
    table = [line for line in lines if line[:1] in "┌│└"]
    assert table
    assert all(len(line) <= columns for line in table)
    cells = "".join(line.split("│")[2].strip() + " " for line in table if line.count("│") == 3)
    words = re.sub(r"\s", "", cells)
    for said in ("app=python,net=echo", "20of20messages", "0mismatches", "virtualin"):
        assert said in words


def test_explanations_are_wrapped_between_words_on_a_terminal_and_whole_elsewhere(tmp_path: Path) -> None:
    """Elsewhere they are lines to copy and to search for."""
    wrong = foreign(tmp_path, "net", Kind.WR_BEYOND)
    code, written = on_terminal((*COMMAND, "--window", "1", "--net", str(wrong)), 60)
    assert code == 1
    assert visible(written)[-2] == "FAILED"
    explained = [line for line in visible(written) if not line.startswith(("┌", "│", "└"))]
    assert all(len(line) <= 60 for line in explained)
    assert "wr_idx 0x000007FC is beyond the 2040 data bytes" in " ".join(line.strip() for line in explained)
    piped = process("run", "--messages", "20", "--window", "1", "--net", wrong, COLUMNS="40")
    assert any(line.startswith("net→app") and line.endswith("data bytes") for line in piped.out.splitlines())


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_a_reader_that_goes_away_is_no_traceback(form: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run([*COMMAND, *form], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert found.stderr == b""
    assert found.returncode == 141


def test_only_the_first_line_is_wanted() -> None:
    shell = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} | head -1"], capture_output=True, timeout=60, check=False
    )
    assert shell.stderr == b""
    assert shell.stdout.strip() == b"ICMsg exchange"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_a_full_disk_is_one_line(form: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [*COMMAND, *form], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert found.stderr.decode() == "icmsg: error: No space left on device: standard output\n"
    assert found.returncode == 2


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_closed_output_is_no_traceback(form: str) -> None:
    shell = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} {form} >&-"], capture_output=True, timeout=60, check=False
    )
    assert (shell.returncode, shell.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_that_lacks_characters_shows_their_codes(tmp_path: Path, encoding: str) -> None:
    wrong = foreign(tmp_path, "net", Kind.WR_BEYOND)
    found = subprocess.run(
        [*COMMAND, "--net", str(wrong)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (1, b"")
    text = found.stdout.decode(encoding)
    assert "net\\u2192app (rx-region of app, 0x20078000)" in text
    assert text.rstrip().endswith("FAILED")


def processor_time_s(pid: int) -> float:
    """Seconds that a process has computed, for itself and in the kernel."""
    after_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_the_name[11]) + int(after_the_name[12])) / os.sysconf("SC_CLK_TCK")


def interrupt(
    command: Sequence[str], pause_s: float, number: signal.Signals = signal.SIGINT
) -> tuple[int, str, str]:
    """Press Ctrl-C, or send another signal, ``pause_s`` of processor time after the emulator was loaded.

    Returns code, stdout, stderr. Processor time, so that a busy machine does not interrupt what has not begun.
    """
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        maps = Path(f"/proc/{child.pid}/maps")
        while child.poll() is None and "libunicorn" not in maps.read_text():
            time.sleep(0.01)
        loaded_s = processor_time_s(child.pid)
        while child.poll() is None and processor_time_s(child.pid) < loaded_s + pause_s:
            time.sleep(0.01)
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    finally:
        child.kill()
    return child.returncode, out, err


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "pause_s", [0.1, *(pytest.param(pause_s, marks=pytest.mark.slow) for pause_s in (0.0, 0.13, 0.31, 0.47))]
)
def test_ctrl_c_ends_a_long_run_at_once_and_says_so(pause_s: float) -> None:
    """It comes while emulated code runs, in Python's models of peripherals, or in between."""
    endless = (*COMMAND[:-1], "4000000", "--app", "initiator", "--window", "3")
    code, out, err = interrupt(endless, pause_s)
    assert (code, err) == (130, "icmsg: interrupted\n")
    assert "interrupted by SIGINT" in out
    assert out.endswith("FAILED\n")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_ctrl_c_ends_the_wait_for_firmware_that_spins() -> None:
    spinning = (*COMMAND, "--net", "spin", "--bond-timeout-ms", "1e6", "--signalling", "repeat", "--json")
    code, out, err = interrupt(spinning, 0.4)
    assert (code, err) == (130, "icmsg: interrupted\n")
    assert (json.loads(out)["interrupted"], json.loads(out)["problems"][0]) == (
        "SIGINT",
        "interrupted by SIGINT",
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_sigterm_gives_the_report_and_its_own_exit_code() -> None:
    endless = (*COMMAND[:-1], "4000000", "--json")
    code, out, err = interrupt(endless, 0.4, signal.SIGTERM)
    assert (code, err) == (143, "icmsg: interrupted\n")
    run = json.loads(out)
    assert (run["interrupted"], run["ok"], run["bound"]) == ("SIGTERM", False, True)
    assert 0 < run["messages_received"] < 4000000


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_sigint_that_was_ignored_at_the_start_stays_ignored() -> None:
    """As under `nohup … &`."""
    command = (*COMMAND[:-1], "3000", "--json")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code, out, err = interrupt(command, 0.1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, err, json.loads(out)["ok"]) == (0, "", True)


def test_a_run_without_progress_ends_after_the_wall_time_that_was_asked_for() -> None:
    found = process(
        "run", "--net", "spin", "--bond-timeout-ms", "1e6", "--signalling", "repeat", "--stall-timeout", "1"
    )
    assert (found.code, found.err) == (1, "")
    assert "no packet, no console line and no new state of the link for 1 s of wall time" in found.out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_ctrl_c_under_a_progress_bar_gives_the_cursor_back() -> None:
    script = """
import os, signal, sys, threading
import rich.progress
from icmsg.cli.main import main
begin = rich.progress.Progress.start
def start(self):
    begin(self)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
rich.progress.Progress.start = start
sys.exit(main(["run", "--messages", "4000000"]))
"""
    code, written = on_terminal((sys.executable, "-c", script))
    assert code == 130
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert [line for line in visible(written) if line][-2:] == ["FAILED", "icmsg: interrupted"]
