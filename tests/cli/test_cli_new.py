"""`icmsg new`: a whole project, or nothing at all."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest
from command import icmsg, process

from icmsg import __version__
from icmsg.assets import asset

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
PARTS = (
    ".github/workflows/test.yml", ".gitignore", "Makefile", "README.md", "devicetree/app.dts", "devicetree/net.dts",
    "firmware/Makefile", "firmware/shout-net.elf", "firmware/shout.c", "local.mk", "requirements.txt",
    "robot/shout.robot", "tests/conftest.py", "tests/test_shout.py",
)  # fmt: skip


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["project", "my prüject", "-dash", "dollar $HOME #1"])
def test_a_project_has_all_its_parts_under_any_name(tmp_path: Path, capsys: Capture, name: str) -> None:
    made = icmsg(capsys, "new", tmp_path / name)
    assert (made.code, made.err) == (0, "")
    there = files(tmp_path / name)
    assert set(PARTS) <= there
    assert {path for path in there if not path.startswith("firmware/link/")} == set(PARTS)
    assert (tmp_path / name / "README.md").read_text(encoding="utf-8").startswith(f"# {name}\n")
    assert f">={__version__}\n" in (tmp_path / name / "requirements.txt").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_it_says_to_do_next_can_be_pasted_into_a_shell(tmp_path: Path, capsys: Capture) -> None:
    made = icmsg(capsys, "new", tmp_path / "my 'project'")
    command = next(line for line in made.out.splitlines() if line.startswith("next: "))
    command = command.removeprefix("next: ").replace("make test", "pwd")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path}/my 'project'\n"


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    number = folder.stat().st_ino
    assert icmsg(capsys, "new", folder).code == 0
    assert set(PARTS) <= files(folder)
    assert folder.stat().st_ino == number
    assert not list(folder.glob(".icmsg-new-*"))


def test_the_folder_one_is_in_can_become_a_project(tmp_path: Path) -> None:
    made = process("new", ".", cwd=tmp_path)
    assert (made.code, made.err) == (0, "")
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith(f"# {tmp_path.name}\n")


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    refused = icmsg(capsys, "new", tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"icmsg: error: {tmp_path} is not empty (it has mine.txt): "
        "give a folder that does not exist yet, or empty it\n"
    )
    assert files(tmp_path) == {"mine.txt"}


def test_a_second_time_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert icmsg(capsys, "new", tmp_path / "x").code == 0
    assert icmsg(capsys, "new", tmp_path / "x").code == 2


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_is_no_folder_is_refused_and_left_alone(tmp_path: Path, capsys: Capture, kind: str) -> None:
    path = tmp_path / "x"
    path.write_text("mine") if kind == "file" else path.symlink_to(tmp_path / "nowhere")
    refused = icmsg(capsys, "new", path)
    assert refused.code == 2
    assert (
        refused.err
        == f"icmsg: error: {path} is there, and is no folder: give another name, or move it away\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_folder_above_that_does_not_exist_is_named_with_the_command_that_makes_it(
    tmp_path: Path, capsys: Capture
) -> None:
    refused = icmsg(capsys, "new", tmp_path / "a b" / "x")
    assert refused.code == 2
    assert refused.err.endswith(f"does not exist, so x cannot be made in it: mkdir -p '{tmp_path}/a b'\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", [True, False], ids=["into an empty folder", "a new folder"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, empty: bool) -> None:
    """A file may have 4 KiB, which the image has not."""
    folder = tmp_path / "x"
    if empty:
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "icmsg", "new", str(folder)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert re.match("icmsg: error: .*File too large", done.stderr)
    assert done.stderr.count("\n") == 1
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["x"] * empty


def test_the_rights_are_those_of_any_new_file(tmp_path: Path, capsys: Capture) -> None:
    before = os.umask(0o022)
    try:
        assert icmsg(capsys, "new", tmp_path / "x").code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o755
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "x").rglob("*") if path.is_file()}
    assert modes == {0o644}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_without_icmsg_and_index_the_makefile_says_what_to_do(tmp_path: Path, capsys: Capture) -> None:
    """Beside an interpreter that has not even icmsg, it makes an environment of the project's own."""
    project = tmp_path / "a b"
    assert icmsg(capsys, "new", project).code == 0
    (project / "local.mk").unlink()
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    done = subprocess.run(
        ["make", "test"],
        cwd=project,
        env={
            **os.environ,
            "PATH": f"{bare}/bin{os.pathsep}{os.defpath}",
            "PIP_NO_INDEX": "1",
            "PYTHONPATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "installing requirements.txt for .venv/bin/python\n" in done.stdout
    assert (
        "cannot install them: activate an environment of yours (python3 -m venv .venv; . .venv/bin/"
        in done.stderr
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_finds_the_interpreter_that_made_the_project(tmp_path: Path, capsys: Capture) -> None:
    """Also where no python on the PATH has icmsg, and folders have blanks."""
    assert icmsg(capsys, "new", tmp_path / "a b").code == 0
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "make", "grep", "sed", "expand"):
        (tools / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        ["make", "-n", "pytest"],
        cwd=tmp_path / "a b",
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'"{sys.executable}" -m pytest -q tests' in done.stdout


def test_the_devicetrees_of_the_template_bond(capsys: Capture) -> None:
    folder = asset("project_template") / "devicetree"
    judged = icmsg(capsys, "check", folder / "app.dts", folder / "net.dts")
    assert (judged.code, judged.out.splitlines()[-1]) == (0, "WILL BOND")


def test_every_header_that_its_firmware_includes_is_there(tmp_path: Path, capsys: Capture) -> None:
    """Without a compiler: who adds a header to the stubs learns here that the project needs it, too."""
    assert icmsg(capsys, "new", tmp_path / "project").code == 0
    link = tmp_path / "project" / "firmware" / "link"
    included = {
        name
        for path in link.iterdir()
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    of_another_architecture = {"vpr.h"}
    assert "link.h" in included
    assert included - of_another_architecture <= {path.name for path in link.iterdir()}
