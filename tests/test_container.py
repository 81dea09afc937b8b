"""The image of `make container`: made of what there is, and every command of its page works in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from test_publishing import ROOT, pythons

CONTAINERFILE: Final = (ROOT / "Containerfile").read_text(encoding="utf-8")
BASES: Final = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
IMAGE: Final = "icmsg-test"


def command(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=500, check=False)


@cache
def container_tool() -> str | None:
    """Return podman or docker, if one is here that can run what the image is built from."""
    for tool in filter(shutil.which, ("podman", "docker")):
        if command(tool, "run", "--rm", BASES[-1], "python", "-V").returncode == 0:
            return tool
    return None


def page_lines() -> list[str]:
    """Return the commands of the page about the container."""
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    section = page.partition("### In a container")[2].partition("\n## ")[0]
    return re.findall(r"^podman .*$", section, re.MULTILINE)


def test_the_container_is_made_of_files_that_exist_and_a_python_that_is_named() -> None:
    named = [re.fullmatch(r"\S+/python:(\S+)-slim", base) for base in BASES]
    assert named
    assert {found and found[1] for found in named} <= set(pythons())
    for path in re.findall(r"/source/(\S+)", CONTAINERFILE):
        assert (ROOT / path).is_file(), path


def test_what_is_left_out_of_the_build_is_no_part_of_the_package() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    tracked = command("git", "ls-files").stdout.split()
    if not tracked:
        pytest.skip("no checkout of git")
    assert [
        path
        for path in tracked
        if any(Path(path).match(f"{name}") or path.startswith(f"{name}/") for name in ignored)
    ] == []


def test_the_page_about_the_container_runs_the_command_and_both_kinds_of_suites() -> None:
    said = "\n".join(page_lines())
    for part in ("--rm icmsg\n", "icmsg new project", "-m pytest", "-m robot"):
        assert part in said


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_page_works_in_the_image_and_files_are_the_users(tmp_path: Path) -> None:
    tool = container_tool()
    if tool is None:
        pytest.skip(f"neither podman nor docker can run {BASES[-1]} here")
    built = command(tool, "build", "--file", "Containerfile", "--tag", IMAGE, ".")
    assert built.returncode == 0, built.stdout + built.stderr
    own = f"{tool} run" if tool == "podman" else f"{tool} run --user {os.getuid()}:{os.getgid()}"
    for line in page_lines():
        shown = re.sub(r"\bicmsg\b", IMAGE, line.replace("podman run", own), count=1)
        ran = command("sh", "-c", shown, cwd=tmp_path)
        assert ran.returncode == 0, f"{shown}\n{ran.stdout}{ran.stderr}"
    report = tmp_path / "project" / "results" / "log.html"
    assert report.stat().st_uid == os.getuid()
