"""`icmsg renode install`: a Renode that is what was pinned, whole and where it is found; or nothing, and the fix."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command import icmsg
from release_rig import FILES, TOP, Server, arguments, link, names, process, refused, sha256, tar, zipped

from icmsg.engines.renode import install
from icmsg.engines.renode.install import STAGING
from icmsg.engines.renode.locate import find_renode

Capture = pytest.CaptureFixture[str]
HERE = Path(__file__).parent

pytestmark = pytest.mark.usefixtures("own_data")


# It is installed


def test_it_is_whole_and_found_without_a_variable(server: Server, place: Path, capsys: Capture) -> None:
    done = icmsg(capsys, *arguments(server, place / "r"))
    assert done.code == 0, done.err
    assert names(place / "r") == {*FILES, "icmsg-renode.json"}
    for name, content in FILES.items():
        assert (place / "r" / name).read_bytes() == content
    assert os.access(place / "r" / "renode", os.X_OK)
    assert [path.name for path in place.iterdir()] == ["r"]
    found = find_renode({"PATH": ""})
    assert found is not None
    assert (found.path, found.runtime, found.source) == (place / "r", "coreclr", "by icmsg renode install")


def test_without_a_prefix_it_goes_to_the_users_data(server: Server, own_data: Path, capsys: Capture) -> None:
    assert icmsg(capsys, *arguments(server)).code == 0
    assert (own_data / "icmsg" / "renode" / "9.9.9" / "renode").is_file()
    found = find_renode({"PATH": ""})
    assert found is not None
    assert found.path == own_data / "icmsg" / "renode" / "9.9.9"


def test_a_second_time_it_is_there_and_nothing_is_downloaded(
    server: Server, place: Path, capsys: Capture
) -> None:
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    again = icmsg(capsys, *arguments(server, place / "r"))
    assert (again.code, len(server.asked)) == (0, 1)
    assert "Renode 9.9.9 is in" in again.out


def test_the_one_that_was_installed_last_is_taken_and_a_variable_wins(
    server: Server, place: Path, capsys: Capture
) -> None:
    for name in ("one", "two"):
        assert icmsg(capsys, *arguments(server, place / name)).code == 0
    last = find_renode({"PATH": ""})
    assert last is not None
    assert last.path == place / "two"
    named = find_renode({"PATH": "", "PYRENODE_PATH": str(place / "one")})
    assert named is not None
    assert named.path == place / "one"


def test_one_whose_installation_was_killed_at_the_very_end_is_found(
    server: Server, own_data: Path, capsys: Capture
) -> None:
    assert icmsg(capsys, *arguments(server)).code == 0
    (own_data / "icmsg" / "renode" / "installed.json").unlink()
    found = find_renode({"PATH": ""})
    assert found is not None
    assert found.path == own_data / "icmsg" / "renode" / "9.9.9"


def test_one_that_was_removed_is_forgotten(server: Server, place: Path, capsys: Capture) -> None:
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    (place / "r" / "icmsg-renode.json").unlink()
    assert find_renode({"PATH": ""}) is None


def test_from_a_file_nothing_is_downloaded_and_the_file_stays(
    server: Server, place: Path, capsys: Capture
) -> None:
    archive = place / "downloaded by hand.tar.gz"
    archive.write_bytes(server.data)
    assert icmsg(capsys, *arguments(server, place / "r", "", "--from", str(archive))).code == 0
    assert (server.asked, archive.read_bytes()) == ([], server.data)
    assert names(place / "r") == {*FILES, "icmsg-renode.json"}


def test_a_zip_is_unpacked_with_its_rights(server: Server, place: Path, capsys: Capture) -> None:
    server.data = zipped({f"{TOP}/{name}": content for name, content in FILES.items()})
    assert icmsg(capsys, *arguments(server, place / "r", "renode-9.9.9.zip")).code == 0
    assert names(place / "r") == {*FILES, "icmsg-renode.json"}
    assert os.access(place / "r" / "renode", os.X_OK)


def test_links_inside_of_the_archive_are_kept(server: Server, place: Path, capsys: Capture) -> None:
    members = {f"{TOP}/{name}": content for name, content in FILES.items()}
    server.data = tar({**members, f"{TOP}/bin/again": link(f"{TOP}/bin/again", "../renode")})
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    assert (place / "r" / "bin" / "again").resolve() == place / "r" / "renode"


def test_it_says_what_gets_pyrenode3_and_does_not_run_it(
    server: Server, place: Path, capsys: Capture
) -> None:
    done = icmsg(capsys, *arguments(server, place / "r"))
    assert (
        "-m pip install --upgrade 'pyrenode3[all] @ git+https://github.com/antmicro/pyrenode3.git'\n"
        in done.out
    )
    mark = json.loads((place / "r" / "icmsg-renode.json").read_text())
    assert (mark["version"], mark["sha256"], mark["pyrenode3"]) == ("9.9.9", sha256(server.data), "path")


def test_through_the_proxy_of_the_environment(
    server: Server, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.root)
    command = arguments(server, place / "r")
    command[command.index("--url") + 1] = "http://releases.invalid/renode-9.9.9.tar.gz"
    assert icmsg(capsys, *command).code == 0
    assert server.targets == ["http://releases.invalid/renode-9.9.9.tar.gz"]


# It goes on


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    server: Server, place: Path, capsys: Capture
) -> None:
    server.cut = 100_000
    text = refused(icmsg(capsys, *arguments(server, place / "r")))
    assert re.search("broke off; 100000 bytes are kept, the same command goes on behind them", text)
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    assert server.asked == ["", "bytes=100000-"]
    assert [path.name for path in place.iterdir()] == ["r"]


def test_a_server_without_ranges_sends_it_all_again(server: Server, place: Path, capsys: Capture) -> None:
    server.knows_ranges, server.cut = False, 100_000
    refused(icmsg(capsys, *arguments(server, place / "r")))
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0


def test_what_was_kept_of_another_file_is_not_continued(server: Server, place: Path, capsys: Capture) -> None:
    server.cut = 100_000
    refused(icmsg(capsys, *arguments(server, place / "r")))
    server.data = tar({f"{TOP}/{name}": content for name, content in reversed(FILES.items())})
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    assert server.asked == ["", ""]


def test_killed_in_the_download_it_leaves_only_what_arrived(server: Server, place: Path) -> None:
    server.cut, server.held = 100_000, threading.Event()
    running = process(arguments(server, place / "r"))
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in place.glob(f"{STAGING}/*.part")):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.kill()
    running.communicate()
    server.held.set()
    assert [path.name for path in place.iterdir()] == [STAGING]
    left = sorted(path.name for path in (place / STAGING).iterdir())
    assert left == [f"{sha256(server.data)[:12]}-renode-9.9.9.linux-portable.tar.gz.part", "lock"]
    again = process(arguments(server, place / "r"))
    printed = again.communicate(timeout=60)
    assert again.returncode == 0, printed
    assert server.asked[1].startswith("bytes=")
    assert [path.name for path in place.iterdir()] == ["r"]


def test_interrupted_it_says_so_and_keeps_what_arrived(server: Server, place: Path) -> None:
    server.cut, server.held = 100_000, threading.Event()
    running = process(arguments(server, place / "r"))
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in place.glob(f"{STAGING}/*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    printed = running.communicate(timeout=60)
    server.held.set()
    assert (running.returncode, printed) == (130, ("", "icmsg: interrupted\n"))
    assert [path.suffix for path in (place / STAGING).iterdir()] == [".part"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_file_operation_it_is_whole_or_not_there_and_the_next_attempt_mends_it(
    server: Server, place: Path
) -> None:
    command = [sys.executable, str(HERE / "killed_install.py"), server.url(), sha256(server.data), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20, "it was killed at too few places"


# It is refused


def test_another_sum_is_refused_and_nothing_is_kept(server: Server, place: Path, capsys: Capture) -> None:
    command = arguments(server, place / "r")
    command[command.index("--sha256") + 1] = "0" * 64
    text = refused(icmsg(capsys, *command))
    assert f"has the SHA-256 {sha256(server.data)} instead of {'0' * 64}" in text
    assert text.endswith("get it elsewhere and use --from FILE")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_is_refused(
    server: Server, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, difference: int
) -> None:
    size = len(server.data) + difference
    pinned = install.PortableRelease(
        "9.9.9",
        *install.this_machine(),
        "r.tar.gz",
        size,
        sha256(server.data),
        True,
        "",
        "path",
        server.url(),
    )
    monkeypatch.setattr(install, "releases", lambda: (pinned,))
    text = refused(icmsg(capsys, "renode", "install", "9.9.9", "--yes", "--prefix", place / "r"))
    assert "bytes instead of" in text or "broke off" in text
    assert not (place / "r").exists()


def test_a_file_that_is_another_one_is_refused_and_left_alone(
    server: Server, place: Path, capsys: Capture
) -> None:
    archive = place / "r.tar.gz"
    archive.write_bytes(b"something else")
    text = refused(icmsg(capsys, *arguments(server, place / "r", "", "--from", str(archive))))
    assert f"{archive} has the SHA-256" in text
    assert [path.name for path in place.iterdir()] == ["r.tar.gz"]


def test_without_a_network_it_says_what_to_do(place: Path, capsys: Capture) -> None:
    with Server() as gone:
        command = arguments(gone, place / "r")
    text = refused(icmsg(capsys, *command))
    assert re.search("cannot be reached .*without a network download it elsewhere and use --from FILE", text)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_of_the_server_is_named(server: Server, place: Path, capsys: Capture, status: int) -> None:
    server.status = status
    assert f"answers {status} " in refused(icmsg(capsys, *arguments(server, place / "r")))
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://[::1/r.tar.gz", "http://a..b/r.tar.gz", f"http://{'a' * 64}/r.tar.gz", "ROOT/ü.tar.gz"]
)
def test_an_address_that_no_request_can_have_is_said(
    server: Server, place: Path, capsys: Capture, url: str
) -> None:
    command = arguments(server, place / "r")
    command[command.index("--url") + 1] = url.replace("ROOT", server.root)
    assert re.search("is no address of a download|cannot be reached", refused(icmsg(capsys, *command)))
    assert list(place.iterdir()) == []


def test_whatever_a_server_says_is_one_short_line_that_no_terminal_obeys(
    server: Server, place: Path, capsys: Capture
) -> None:
    leads_astray = b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"
    for raw in (
        b"\x1b[31m\0\xff" * 200,
        b"HTTP/1.1 404 \x1b]0;mine\x07\r\n\r\n",
        leads_astray,
        leads_astray.replace(b"http://[", b"/"),
    ):
        server.raw = raw
        text = refused(icmsg(capsys, *arguments(server, place / "r")))
        assert text.isprintable()
        assert len(text) < 500
    assert list(place.iterdir()) == []


def test_one_that_cannot_be_put_into_the_list_is_there_and_that_is_said(
    server: Server, place: Path, own_data: Path, capsys: Capture
) -> None:
    own_data.write_text("no folder")
    text = refused(icmsg(capsys, *arguments(server, place / "r")))
    assert f"Renode is in {place / 'r'}, but not in the list by which it is found (Not a directory: " in text
    own_data.unlink()
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    assert len(server.asked) == 1


@pytest.mark.parametrize("limit", [50_000, 280_000], ids=["early", "late"])
def test_a_full_disk_in_the_download_keeps_what_arrived(
    server: Server, place: Path, capsys: Capture, limit: int
) -> None:
    running = process(arguments(server, place / "r"), largest_file=limit)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (2, "")
    assert re.fullmatch("icmsg: error: .*the disk is full: make room, .*\n", err)
    assert [path.suffix for path in (place / STAGING).iterdir()] == [".part"]
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    assert server.asked[1] == f"bytes={limit}-"


def test_a_full_disk_while_unpacking_leaves_nothing(server: Server, place: Path) -> None:
    members = {f"{TOP}/{name}": content for name, content in FILES.items()}
    server.data = tar({**members, f"{TOP}/zeros": bytes(2_000_000)})
    archive = place / "r.tar.gz"
    archive.write_bytes(server.data)
    running = process(arguments(server, place / "r", "", "--from", str(archive)), largest_file=1_000_000)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "the disk is full: make room" in err
    assert [path.name for path in place.iterdir()] == ["r.tar.gz"]


def test_too_little_room_is_said_before_anything_is_sent(
    server: Server, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = install.PortableRelease(
        "9.9.9",
        *install.this_machine(),
        "r.tar.gz",
        10**18,
        sha256(server.data),
        True,
        "",
        "path",
        server.url(),
    )
    monkeypatch.setattr(install, "releases", lambda: (pinned,))
    text = refused(icmsg(capsys, "renode", "install", "9.9.9", "--yes", "--prefix", place / "r"))
    assert re.search(r"has \d+ MB free, and 1000000000000 MB are to come: make room", text)
    assert server.asked == []


@pytest.mark.parametrize("what", ["folder", "file", "another release"])
def test_what_somebody_has_there_is_left_as_it_is(
    server: Server, place: Path, capsys: Capture, what: str
) -> None:
    if what == "another release":
        assert icmsg(capsys, *arguments(server, place / "r")).code == 0
    elif what == "file":
        (place / "r").write_text("mine")
    else:
        (place / "r").mkdir()
        (place / "r" / "mine.txt").write_text("mine")
    before = names(place)
    command = arguments(server, place / "r")
    command[2] = "9.9.8" if what == "another release" else "9.9.9"
    assert "use another --prefix" in refused(icmsg(capsys, *command))
    assert names(place) == before


def test_an_empty_folder_is_used(server: Server, place: Path, capsys: Capture) -> None:
    (place / "r").mkdir()
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0


def test_two_at_a_time_are_refused(server: Server, place: Path, capsys: Capture) -> None:
    (place / STAGING).mkdir()
    with (place / STAGING / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another `icmsg renode install` is at work" in refused(
            icmsg(capsys, *arguments(server, place / "r"))
        )
    assert server.asked == []
    assert icmsg(capsys, *arguments(server, place / "r")).code == 0
