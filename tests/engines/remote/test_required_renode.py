"""Where the tests of a Renode behind a port get one, and what they say where there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from remote_machines import ADDRESS, on_a_real_renode

if TYPE_CHECKING:
    from pathlib import Path

REMEDY = (
    rf"needs a real Renode: none was found that can be started, and {ADDRESS} names none; `icmsg renode inst"
)


@pytest.fixture
def nowhere(no_renode: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ADDRESS, "ICMSG_REQUIRE_RENODE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_renode_a_test_is_skipped_with_the_remedy(nowhere: None) -> None:
    with pytest.raises(
        pytest.skip.Exception, match=f"{REMEDY}.*; ICMSG_REQUIRE_RENODE=1 makes this a failure"
    ):
        on_a_real_renode()


def test_a_test_that_must_not_be_skipped_fails_with_the_remedy(
    nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICMSG_REQUIRE_RENODE", "1")
    with pytest.raises(pytest.fail.Exception, match=REMEDY):
        on_a_real_renode()


_KILLED = """
import os, signal, sys
from remote_machines import _own_renode
print(_own_renode(__import__("pathlib").Path(sys.argv[1])), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
_LAUNCHER = """#!/bin/sh
# A launcher of a build tree: a script whose child is Renode.
"{python}" -c '
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("-P") + 1])))
while True:
    client = server.accept()[0]
    client.sendall(b"(monitor) ")
    while data := client.recv(100):
        client.sendall(b"^C\\r\\n(monitor) ")
' "$@"
"""


def test_a_renode_of_the_tests_ends_with_their_process_however_that_ends(tmp_path: Path) -> None:
    launcher = tmp_path / "renode"
    launcher.write_text(_LAUNCHER.format(python=sys.executable), encoding="utf-8")
    launcher.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, str(launcher)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr
    end = time.monotonic() + 30
    while (listens := _listens(int(ended.stdout))) and time.monotonic() < end:
        time.sleep(0.05)
    assert not listens
    assert not list(tmp_path.glob("icmsg-renode-*"))


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
