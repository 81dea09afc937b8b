"""The wheel works alone: built, installed into an empty environment, run from another folder, removed again."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "icmsg"
DATA: Final = {"platforms": "*", "renode": "*", "firmware_stubs/prebuilt": "**/*"}
"""Top-level folders that ship inside the package, and which of their files."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def clean_environment() -> dict[str, str]:
    """Return an environment in which nothing of this checkout is found."""
    private = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in private}


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a package index would get both."""
    folder = tmp_path_factory.mktemp("dist")
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    built = run(sys.executable, "-m", "build", *isolation, "--outdir", folder, ROOT, cwd=folder)
    if built.returncode and not isolation and "hatchling" in built.stdout + built.stderr:
        pytest.skip("hatchling is not installed and cannot be downloaded: pip install hatchling")
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    assert len(list(folder.glob("*.tar.gz"))) == 1
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of an environment that has the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = run(*pip, wheel, cwd=folder)
    if done.returncode:  # without an index: the dependencies are those of this environment
        done = run(*pip, "--no-deps", wheel, cwd=folder)
        assert done.returncode == 0, done.stderr
        own = next(path for path in sys.path if path.endswith("site-packages"))
        (site_packages(programs) / "dependencies.pth").write_text(own)
    return programs


def site_packages(programs: Path) -> Path:
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(programs / "python", "-c", script, cwd=programs).stdout.strip())


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_carries_all_of_the_package_and_nothing_else(wheel: Path) -> None:
    sources = {
        f"icmsg/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    data = {
        f"icmsg/_data/{path.relative_to(ROOT).as_posix()}"
        for folder, pattern in DATA.items()
        for path in (ROOT / folder).glob(pattern)
        if path.is_file()
    }
    names = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert names == sources | data
    for needed in (
        "py.typed",
        "soc/platform/repl.lark",
        "_data/platforms/nrf5340.repl",
        "_data/renode/NRF_IPC.cs",
    ):
        assert f"icmsg/{needed}" in names
    for image in ("echo-app", "initiator-net", "nrf54l15/echo-flpr", "nrf54h20/initiator-rad"):
        assert f"icmsg/_data/firmware_stubs/prebuilt/{image}.elf" in names


def test_every_byte_is_that_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".dist-info/" not in name:
                source = ROOT / (name.removeprefix("icmsg/_data/") if "/_data/" in name else name)
                assert archive.read(name) == source.read_bytes(), name


def test_its_metadata_names_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        (scripts,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        fields = Parser().parsestr(archive.read(metadata).decode())
        assert "icmsg = icmsg.cli.main:main" in archive.read(scripts).decode()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert (fields["Name"], fields["Requires-Python"]) == ("icmsg", ">=3.10")
    plain = [need for need in fields.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert {need.split("=")[0].split(">")[0].strip() for need in plain} >= {
        "lark",
        "pyelftools",
        "rich",
        "unicorn",
    }


def test_installed_it_runs_from_another_folder_as_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import icmsg; print(icmsg.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(site_packages(installed)), where.stderr
    found = run(installed / "icmsg", "run", "--json", "--messages", "20", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    result = json.loads(found.stdout)
    assert (result["bound"], result["messages_received"], result["mismatches"]) == (True, 20, 0)
    here = run(sys.executable, "-m", "icmsg", "run", "--json", "--messages", "20", cwd=ROOT)
    assert json.loads(here.stdout)["trace_sha256"] == result["trace_sha256"]
    assert list(tmp_path.iterdir()) == []


def test_installed_every_stub_and_command_is_there(installed: Path, tmp_path: Path) -> None:
    doctor = run(installed / "icmsg", "doctor", cwd=tmp_path)
    assert (doctor.returncode, doctor.stderr) == (0, "")
    both = run(
        installed / "icmsg", "run", "--app", "initiator", "--net", "echo", "--messages", "20", cwd=tmp_path
    )
    assert both.returncode == 0, both.stderr
    assert "initiator: done 20 of 20, 0 mismatches" in both.stdout
    version = run(installed / "python", "-m", "icmsg", "--version", cwd=tmp_path)
    assert version.stdout.startswith("icmsg ")
    robot = run(installed / "python", "-c", "import icmsg.robot.library", cwd=tmp_path)
    assert robot.returncode == 0, robot.stderr


def test_installed_the_shipped_scripts_are_found_from_another_folder(installed: Path, tmp_path: Path) -> None:
    commands = 'include @renode/nrf5340.resc; emulation RunFor "0.05"; ipcapp SentSignals'
    found = run(installed / "icmsg", "monitor", "--hide-log", "-e", commands, cwd=tmp_path)
    assert (found.returncode, found.stdout.strip(), found.stderr) == (0, "0x00000000000003EA", "")


def test_removed_it_leaves_nothing_behind(installed: Path, tmp_path: Path) -> None:
    """The last one: after it the environment has no icmsg any more."""
    place = site_packages(installed)
    assert (place / "icmsg").exists()
    removed = run(installed / "python", "-m", "pip", "uninstall", "--yes", "--quiet", "icmsg", cwd=tmp_path)
    assert removed.returncode == 0, removed.stderr
    assert list(place.glob("icmsg*")) == []
    assert not list(installed.glob("icmsg*"))
