"""`icmsg doctor`, `--help` and `--version`: what a person finds out about an installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from command import icmsg, process

import icmsg as package
from icmsg.assets import stub_names

Capture = pytest.CaptureFixture[str]
SOURCES = Path(package.__file__).parent


def rows(text: str) -> dict[str, str]:
    """Return the table's rows: what, and everything said about it."""
    found: dict[str, str] = {}
    what = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        if line.startswith("│") and len(cells) == 3:
            what = cells[0] or what
            found[what] = found.get(what, "") + cells[1] + " " * bool(cells[1]) + cells[2]
    return found


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """An installation that lacks its data files."""
    shutil.copytree(SOURCES, tmp_path / "icmsg", ignore=shutil.ignore_patterns("_data", "__pycache__"))
    return tmp_path


def run_in(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "icmsg", *arguments],
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_whole_installation_is_found(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    found = icmsg(capsys, "doctor")
    assert (found.code, found.err) == (0, "")
    table = rows(found.out)
    assert table["Python"].startswith(f"ok {sys.version.split()[0]} at {sys.executable[:20]}")
    assert table["embedded engine"] == f"ok unicorn {metadata.version('unicorn')}, cores app, net"
    assert table["platform file"].startswith("ok /")
    assert table["firmware stubs"] == f"ok {', '.join(stub_names())}"
    assert re.match("ok runs (embedded|renode): .", table["--engine auto"])


@pytest.mark.usefixtures("no_renode")
def test_what_is_optional_and_missing_is_no_failure(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    found = icmsg(capsys, "doctor")
    table = rows(found.out)
    assert found.code == 0
    assert table["Renode"].startswith("missing only for the renode engine: ")


def test_data_files_that_are_missing_are_a_failure_and_name_the_fix(broken: Path) -> None:
    code, out, err = run_in(broken, "doctor")
    assert (code, err) == (1, "")
    table = rows(out)
    for what in ("embedded engine", "platform file", "firmware stubs"):
        assert table[what].startswith("broken ")
        assert table[what].endswith("is missing from this installation; install the package again")
        assert table[what].count("install the package again") == 1


def test_without_its_data_files_a_run_is_refused_in_one_line(broken: Path) -> None:
    code, out, err = run_in(broken, "run")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"icmsg: error: .* is missing from this installation; install the package again\n", err
    )


@pytest.mark.parametrize("columns", ["40", "80"])
def test_nothing_is_lost_on_a_narrow_terminal(columns: str) -> None:
    found = process("doctor", COLUMNS=columns)
    assert found.code == 0
    assert all(len(line) <= int(columns) for line in found.out.splitlines())
    squeezed = re.sub(
        r"\s", "", "".join(line.split("│")[3] for line in found.out.splitlines() if line.count("│") == 4)
    )
    assert ",".join(stub_names()) in squeezed


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-m", "icmsg", "doctor"],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (found.returncode, found.stderr) == (141, b"")


def test_help_and_version_go_to_stdout(capsys: Capture) -> None:
    version = icmsg(capsys, "--version")
    assert (version.code, version.out) == (0, f"icmsg {package.__version__}\n")
    overview = icmsg(capsys, "--help")
    assert overview.code == 0
    assert {"run", "doctor"} <= set(re.findall(r"^    (\w+)", overview.out, re.MULTILINE))
    options = icmsg(capsys, "run", "--help")
    assert (options.code, options.err) == (0, "")
    contract = ["engine", "app", "net", "unbound", "messages", "size", "seed", "json"]
    assert {f"--{name}" for name in contract} <= set(re.findall(r"--[a-z-]+", options.out))
    assert "(default: 1:100)" in options.out
    assert "(default: 2000)" in options.out
