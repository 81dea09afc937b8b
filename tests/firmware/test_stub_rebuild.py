"""Anyone who builds the stubs gets the committed bytes."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from native_stub import STUBS

from icmsg.cli.new_command import make_project

if TYPE_CHECKING:
    from pathlib import Path

ZIG = "0.13.0"
TRIO = STUBS.parent / "examples" / "trio"


def zig_version() -> str | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    command = [sys.executable, "-m", "ziglang", "version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(directory), *arguments, f"PYTHON={shlex.quote(sys.executable)}"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A copy of the sources under another path, with no images in it."""
    place, ignored = tmp_path / "another place", shutil.ignore_patterns("obj", "prebuilt", "__pycache__")
    target = place / "firmware_stubs"
    shutil.copytree(STUBS, target, ignore=ignored)
    shutil.copytree(TRIO, place / "examples" / "trio", ignore=ignored)
    return target


def contents(folder: Path) -> dict[Path, bytes]:
    """Return every file below ``folder``, by its path in it."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.mark.slow
@pytest.mark.skipif(zig_version() != ZIG, reason=f"needs ziglang=={ZIG}")
def test_a_build_in_another_place_gives_the_committed_bytes(elsewhere: Path) -> None:
    done = make("-j2", "prebuilt", directory=elsewhere)
    assert done.returncode == 0, done.stderr
    built, committed = contents(elsewhere / "prebuilt"), contents(STUBS / "prebuilt")
    assert built.keys() == committed.keys()
    assert {name for name in built if built[name] != committed[name]} == set()
    done = make("example", directory=elsewhere)
    assert done.returncode == 0, done.stderr
    again = elsewhere.parent / "examples" / "trio" / "prebuilt"
    for committed_file in (TRIO / "prebuilt").iterdir():
        assert (again / committed_file.name).read_bytes() == committed_file.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(zig_version() != ZIG, reason=f"needs ziglang=={ZIG}")
def test_the_firmware_of_a_new_project_builds_to_the_image_that_it_comes_with(tmp_path: Path) -> None:
    project = tmp_path / "nëw project"
    make_project(project)
    image = project / "firmware" / "shout-net.elf"
    shipped = image.read_bytes()
    image.unlink()
    done = make("firmware", directory=project)
    assert done.returncode == 0, done.stderr
    assert image.read_bytes() == shipped


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
def test_gcc_builds_them_without_a_warning(elsewhere: Path) -> None:
    """Every program for a core, and one for the Arm cores of each SoC."""
    for built in (
        ("CORES=nrf5340-app",),
        ("CORES=nrf5340-net nrf54l15-app nrf54h20-app nrf54h20-rad", "PROGRAMS=echo"),
    ):
        done = make("-j2", "CC_KIND=gcc", *built, directory=elsewhere)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_another_zig_is_refused_with_the_fix(elsewhere: Path) -> None:
    done = make("prebuilt", "ZIG_VERSION=0.0.0", directory=elsewhere)
    assert done.returncode != 0
    assert "prebuilt images are built with zig 0.0.0: pip install ziglang==0.0.0" in done.stderr


def test_make_check_needs_no_compiler() -> None:
    done = make("check", "CC_KIND=none", directory=STUBS)
    assert done.returncode == 0, done.stderr


def test_the_image_of_the_example_is_that_of_its_sources() -> None:
    verify = [sys.executable, str(STUBS / "build_manifest.py"), "verify", "--root", str(TRIO)]
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_image_of_ones_own_without_its_files_is_refused_with_the_variables(elsewhere: Path) -> None:
    done = make("own", "CC_KIND=gcc", "HEADER=soc.h", directory=elsewhere)
    assert done.returncode != 0
    assert "give HEADER=soc.h LINKER=core.ld ELF=echo.elf, paths relative to" in done.stderr
