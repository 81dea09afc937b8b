"""`west icmsg` in a workspace that was made for the test, with west as it is installed from the package index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from zephyr_build import PASSED, ROOT, image_folder, printing

from icmsg.assets import stub

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = {
    "manifest": {
        "projects": [
            {
                "name": "icmsg",
                "url": "https://example.invalid/icmsg",
                "path": "modules/icmsg",
                "west-commands": "zephyr/west-commands.yml",
            }
        ]
    }
}


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The folder of an application in a workspace, with a build that bonds with Python."""
    top = tmp_path / "a wörkspace"
    application = top / "application"
    application.mkdir(parents=True)
    shutil.copytree(ROOT / "zephyr", top / "modules/icmsg/zephyr")
    (top / ".west").mkdir()
    (top / ".west/config").write_text("[manifest]\npath = application\nfile = west.yml\n")
    (application / "west.yml").write_text(yaml.safe_dump(MANIFEST))
    image_folder(application / "build", "net").write_bytes(stub("echo", "net").read_bytes())
    return application


def west(*arguments: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "west", *arguments],
        cwd=cwd,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "XDG_CONFIG_HOME": str(cwd), "HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def test_the_commands_work_on_the_folder_of_west_build(application: Path) -> None:
    code, printed = west("icmsg", "run", "--messages", "20", "--size", "1:20", cwd=application)
    assert (code, "20 of 20 messages" in printed) == (0, True), printed
    code, printed = west("icmsg", "test", cwd=application / "build")
    assert (code, "echo: bound" in printed) == (1, True), printed
    assert "did not say PROJECT EXECUTION" in printed
    assert "usage: icmsg simulate" in west("icmsg", "test", "-h", cwd=application)[1]


def test_the_folder_is_where_build_dir_fmt_says_or_it_is_said_what_to_give(application: Path) -> None:
    where = application / "out/nrf5340dk"
    (application / "build").rename(application / "none")
    printing(image_folder(where, "app", icmsg=False), "app", PASSED)
    code, printed = west("icmsg", "test", cwd=application)
    assert (code, "there is no build folder build here" in printed) == (1, True), printed
    west("config", "--local", "build.dir-fmt", "out/{board}/{source_dir}", cwd=application)
    code, printed = west("icmsg", "test", cwd=application)
    assert (code, PASSED in printed) == (0, True), printed
    shutil.copytree(where, where.with_name("other"))
    code, printed = west("icmsg", "test", cwd=application)
    assert (code, "there are 2 build folders" in printed) == (1, True), printed
    assert west("icmsg", "test", "-d", cwd=application)[1].endswith("-d needs the build folder\n")
