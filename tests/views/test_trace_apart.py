"""A trace that a process of its own writes: the same file, whatever happens to either of the two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from icmsg.views.recording import suffixes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="traces are written apart on Linux, on two processors",
)


ON_ONE_PROCESSOR = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
LITTLE_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"


def start(*options: str | Path, before: str = "pass") -> subprocess.Popen[bytes]:
    """Start ``icmsg run`` as a process in a group of its own, behind a statement."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\nfrom icmsg.cli.main import main\nraise SystemExit(main())", "run"]
        + [str(option) for option in options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that a process has started."""
    try:
        words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [int(word) for word in words]


def writers(process: subprocess.Popen[bytes], number: int = 1) -> list[int]:
    """Wait for the processes that write, and return them."""
    until = time.monotonic() + 30
    while len(found := children(process)) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def is_gone(number: int) -> bool:
    """Wait until a process has ended."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{number}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # nobody waits for it here
        time.sleep(0.01)
    return False


def test_files_have_the_bytes_that_one_process_would_write(tmp_path: Path) -> None:
    folders = tmp_path / "apart", tmp_path / "not apart"
    for folder, before in zip(folders, ("pass", ON_ONE_PROCESSOR), strict=True):
        traces = [word for suffix in suffixes() for word in ("--trace", folder / f"trace{suffix}")]
        process = start("--messages", "300", *traces, before=before)
        if before == "pass":
            writers(process, len(suffixes()))
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted(path.name for path in folders[1].iterdir())
    assert "trace.gtkw" in names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_a_file_is_whole_where_the_run_was_killed(tmp_path: Path) -> None:
    text, page = tmp_path / "t.txt", tmp_path / "t.html"
    process = start("--messages", "1000000", "--trace", text, "--trace", page)
    found = writers(process, 2)
    while not text.stat().st_size:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
    assert all(map(is_gone, found))
    lines = text.read_text().splitlines()
    assert len(lines) > 100
    assert "still in the ring when the trace ended" in lines[-1] or lines[-1].count(" ") > 2
    assert "the run was killed before anybody could look" in page.read_text()
    assert page.read_text().endswith("</html>\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_both_ends_the_run_and_keeps_the_trace(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    process = start("--messages", "1000000", "--trace", path)
    found = writers(process)
    while not path.stat().st_size:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    assert all(map(is_gone, found))
    assert path.read_bytes().endswith(b"\n")


def test_a_writer_that_was_killed_is_an_error_of_the_run(tmp_path: Path) -> None:
    process = start("--messages", "8000", "--trace", tmp_path / "t.txt")
    os.kill(writers(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.decode().splitlines()[-1] == "icmsg: error: the process that writes the trace was killed"


@pytest.mark.parametrize("suffix", [".txt", ".pftrace.gz", ".html"])
def test_a_full_disk_is_said_and_ends_with_2(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    process = start("--messages", "400", "--trace", path, before=LITTLE_ROOM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, (out, err)
    assert f"trace {path} cannot be written: File too large" in err.decode()
    assert "Traceback" not in err.decode()
