"""The table of releases, where its sums come from, and what a person has to agree to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import icmsg
from release_rig import Server, arguments, process, refused

from icmsg.engines.renode import install

Capture = pytest.CaptureFixture[str]
HERE = Path(__file__).parent

pytestmark = pytest.mark.usefixtures("own_data")


def test_every_entry_of_the_table_is_complete_and_says_where_its_sum_comes_from() -> None:
    table = install.releases()
    assert {each.version for each in table} >= {"1.16.1", "1.17.0", install.default_version()}
    for each in table:
        assert each.version in each.file
        assert each.url == f"https://github.com/renode/renode/releases/download/v{each.version}/{each.file}"
        assert each.sha256 is None or re.fullmatch("[0-9a-f]{64}", each.sha256)
        assert each.source
        assert not each.verified or each.sha256
    for version in ("1.16.1", "1.17.0"):
        there = {(each.system, each.machine) for each in table if each.version == version}
        assert there == {
            ("linux", "x86_64"),
            ("linux", "aarch64"),
            ("darwin", "aarch64"),
            ("windows", "x86_64"),
        }


def test_a_sum_that_nobody_here_checked_needs_consent_and_says_where_it_comes_from(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "this_machine", lambda: ("linux", "x86_64"))
    text = refused(icmsg(capsys, "renode", "install", "1.17.0"))
    (entry,) = [each for each in install.releases() if each.file == "renode-1.17.0.linux-portable.tar.gz"]
    assert f"nobody of this project has checked the SHA-256 of {entry.file}, {entry.sha256}" in text
    assert entry.source in text
    assert text.endswith("then use --yes")


def test_a_file_without_a_sum_needs_one_even_with_consent(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "this_machine", lambda: ("linux", "aarch64"))
    text = refused(icmsg(capsys, "renode", "install", "1.17.0", "--yes"))
    assert text == (
        "no SHA-256 of renode-1.17.0.linux-arm64-portable.tar.gz is known: give the one that the release page shows, "
        "with --sha256"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            ["1.2.3"],
            "the table has no portable Renode 1.2.3 for linux on x86_64; it has 1.16.1, 1.17.0: choose one",
        ),
        (["newest"], "newest is no version of Renode: use for example 1.16.1"),
        (["1.17.0", "--sha256", "12"], "--sha256 12: use 64 hexadecimal digits"),
        (["1.17.0", "--sha256", "0" * 64], "is not that of renode-1.17.0.linux-portable.tar.gz in the table"),
        (["--from", "/nowhere.tar.gz", "--yes"], "--from /nowhere.tar.gz: there is no such file"),
        (["--prefix", "/no/where/at/all", "--yes"], "/no/where/at does not exist; make it first"),
        (["--url", "ftp://127.0.0.1/x.tar.gz", "--yes"], "is no address of a download"),
    ],
)
def test_a_mistake_is_named_with_its_fix(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, given: list[str], why: str
) -> None:
    monkeypatch.setattr(install, "this_machine", lambda: ("linux", "x86_64"))
    assert why in refused(icmsg(capsys, "renode", "install", *given))


def test_where_nobody_can_answer_consent_is_asked_for(server: Server, place: Path) -> None:
    command = [word for word in arguments(server, place / "r") if word != "--yes"]
    running = process(command)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (2, "")
    assert err.endswith("use --yes where nobody can answer\n")
    assert server.asked == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2), ("no\n", 2), ("", 2)])
def test_a_person_is_asked(
    server: Server, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    class Person:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr(sys, "stdin", Person())
    done = icmsg(capsys, *[word for word in arguments(server, place / "r") if word != "--yes"])
    assert done.code == code
    assert done.err.startswith(f"{server.url()} will be installed in {place / 'r'}. Go on? [y/N] ")
    assert (place / "r").exists() is (code == 0)


def test_the_table_can_be_read(capsys: Capture) -> None:
    printed = icmsg(capsys, "renode", "list")
    assert printed.code == 0
    for each in install.releases():
        assert f"{each.file}, " in printed.out
        assert f"{each.sha256 or 'unknown'}, not checked here: {each.source}\n" in printed.out


@pytest.mark.usefixtures("no_renode")
def test_doctor_offers_it(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert "`icmsg renode install` gets one" in icmsg(capsys, "doctor").out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("there", [True, False], ids=["got", "not got"])
def test_pyrenode3_is_got_from_git_when_asked_for(server: Server, place: Path, there: bool) -> None:
    """From a repository here, which git is told to take for the one that is named, into a folder of its own."""
    repository = place / "antmicro" / "pyrenode3.git"
    (repository / "pyrenode3").mkdir(parents=True)
    (repository / "pyrenode3" / "env.py").write_text("PYRENODE_PATH = None\n")
    (repository / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "pyrenode3"\nversion = "0.0.1"\noptional-dependencies = {all = []}\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["pyrenode3"]\n'
    )
    if there:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "made up"]):
            subprocess.run(["git", *command], cwd=repository, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "icmsg", *arguments(server, place / "r", "", "--pyrenode3")],
        env=os.environ
        | {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{place.as_uri()}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
            "PIP_TARGET": str(place / "site"),
            "PIP_NO_BUILD_ISOLATION": "false",  # as pip has it: no isolation
            "PIP_NO_INDEX": "1",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode == 0) is there, done.stdout + done.stderr
    assert (place / "site" / "pyrenode3" / "env.py").exists() is there
    assert (place / "r" / "renode").exists()
