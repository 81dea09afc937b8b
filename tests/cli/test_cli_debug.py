"""``icmsg debug`` and ``icmsg run --gdb``: who is started, with what, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from icmsg.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = """#!{python}
import re, socket, sys, pathlib
words = " ".join(sys.argv[1:])
pathlib.Path({told!r}).write_text(words)
host, port = re.search(r"target remote ([0-9.]+):([0-9]+)", words).groups()
with socket.create_connection((host, int(port))) as peer:
    for packet in (b"$?#3f", b"$D#44"):
        peer.sendall(packet)
        peer.recv(100)
"""


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """A program that says what it was started with, connects and detaches, as GDB would."""
    path = tmp_path / "some-gdb"
    path.write_text(CLIENT.format(python=sys.executable, told=str(tmp_path / "told")), encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_gdb_is_started_with_the_images_and_the_run_ends_as_without_it(
    client: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--app", "initiator", "--net", "echo", "--messages", "20", "--json"]
    traces = [tmp_path / "alone.txt", tmp_path / "debugged.txt"]
    assert main(["run", *options, "--trace", str(traces[0])]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main(["debug", *options, "--trace", str(traces[1]), "--program", str(client)]) == 0
    debugged = json.loads(capsys.readouterr().out)
    assert debugged["trace_sha256"] == alone["trace_sha256"]
    assert len(traces[0].read_bytes().splitlines()) > 20
    assert traces[0].read_bytes() == traces[1].read_bytes()
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert "initiator-app.elf -ex add-symbol-file " in told
    assert "echo-net.elf -ex target remote 127.0.0.1:" in told


@pytest.mark.skipif(os.name == "nt", reason="no program of this name there")
def test_a_gdb_that_ends_before_it_has_connected_is_not_waited_for() -> None:
    assert main(["debug", "--net", "echo", "--messages", "3", "--program", "true"]) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
@pytest.mark.parametrize("connected", [False, True])
def test_ctrl_c_ends_a_run_that_waits_for_a_gdb(connected: bool) -> None:
    command = [sys.executable, "-m", "icmsg", "run", "--gdb", "0", "--messages", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        address = re.search(r"target remote (\S+):(\d+)", run.stderr.readline())
        assert address is not None
        with ExitStack() as stack:
            if connected:
                peer = stack.enter_context(socket.create_connection((address[1], int(address[2]))))
                peer.sendall(b"$?#3f")
                assert peer.recv(100)
            run.send_signal(signal.SIGINT)
            out, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "interrupted by SIGINT" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["debug", "--program", "no-such-gdb"], "no no-such-gdb in the search path: install one"),
        (["run", "--gdb", "0", "--app", "python", "--net", "python"], "Python plays all of them"),
        (["run", "--gdb", "70000"], "there is no port 70000"),
        (
            [
                "debug",
                "--soc",
                "nrf54l15",
                "--app",
                "echo",
                "--flpr",
                "initiator",
                "--program",
                sys.executable,
            ],
            "choose with --core",
        ),
    ],
)
def test_a_mistake_is_named_with_what_to_do(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--messages", "1"]) == 2
    assert text in capsys.readouterr().err
