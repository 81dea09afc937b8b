"""The wheel works alone: built, installed into an empty environment, run from another folder, removed again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Final

import pytest

from icmsg.cli.new_command import link_files

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "icmsg"
DATA: Final = {
    "platforms": "*",
    "renode": "*",
    "firmware_stubs/prebuilt": "**/*",
    "firmware_stubs/src": "*",
    "project_template": "**/*",
    "zephyr": "**/*",
}
"""Top-level folders that ship inside the package, and which of their files."""
LAYOUTS: Final = [f"icmsg/_data/firmware_stubs/{name}" for name in link_files() if name.endswith(".ld")]

pytestmark = pytest.mark.timeout(600)


def clean_environment() -> dict[str, str]:
    """Return an environment in which nothing of this checkout is found."""
    private = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in private}


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=clean_environment() | {"PIP_NO_COMPILE": "1"} | variables,  # nothing runs often enough for it
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build(source: Path, target: Path, **variables: str) -> None:
    """Build both distributions as a package index would get them, the wheel from the sdist."""
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", target, source)
    built = run(*command, cwd=target, SOURCE_DATE_EPOCH="1700000000", **variables)
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    assert (len(list(folder.glob("*.whl"))), len(list(folder.glob("*.tar.gz")))) == (1, 1)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def readme_command(program: str) -> list[str]:
    """Return the command that the README gives to who has no checkout."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Without a checkout")[2].partition("\n## ")[0]
    (line,) = re.findall(rf"^{program} .*$", section, re.MULTILINE)
    return shlex.split(line)


@pytest.fixture(scope="module")
def installed(dist: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of an environment in which the README's command was given."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    command = [programs / "python", "-m", *readme_command("pip")]
    done = run(*command, cwd=folder, PIP_FIND_LINKS=str(dist))
    if done.returncode:  # without an index: the dependencies are those of this environment
        done = run(*command[:-1], "--no-deps", wheel, cwd=folder)
        assert done.returncode == 0, done.stderr
        own = next(path for path in sys.path if path.endswith("site-packages"))
        (site_packages(programs) / "dependencies.pth").write_text(own)
    return programs


def site_packages(programs: Path) -> Path:
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(programs / "python", "-c", script, cwd=programs).stdout.strip())


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile with the programs of this environment, which has what it installs first."""
    programs = Path(sys.executable).parent
    ready = [f"--old-file={programs.parent}/{name}" for name in (".installed", ".installed-dev")]
    return run("make", *ready, *arguments, f"VENV={programs.parent}", cwd=ROOT)


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
        if path.is_file() and not {"__pycache__", ".zig"} & set(path.parts)
    }
    names = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert names == sources | data | set(LAYOUTS)
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


def test_the_sdist_builds_itself_and_the_wheel_again_byte_for_byte(dist: Path, tmp_path: Path) -> None:
    """In another folder, with other times, rights and time zone; the sdist lacks nothing then."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # CPython 3.12 and 3.13 warn without one
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    for path in source.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(path.stat().st_mode & 0o700)
    again = tmp_path / "ägain"
    again.mkdir()
    build(source, again, TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in dist.iterdir())
    for path in dist.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


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
    assert fields.get_all("License-File") == ["LICENSE"]
    assert fields["License-Expression"] == "Apache-2.0"
    assert "zephyr" in fields["Keywords"]
    assert fields["Description-Content-Type"] == "text/markdown"
    named = {
        name
        for name in fields.get_all("Classifier", [])
        if name.startswith("Programming Language :: Python :: 3.")
    }
    assert named == {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)}


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


@pytest.mark.parametrize("program", ["pipx", "uvx"])
def test_without_installing_it_runs_as_the_readme_says(
    dist: Path, installed: Path, tmp_path: Path, program: str
) -> None:
    if (site_packages(installed) / "dependencies.pth").exists():
        pytest.skip("there is no package index")
    folder = str(tmp_path)
    found = run(
        Path(sys.executable).with_name(program),
        *readme_command(program)[1:],
        "--messages",
        "20",
        cwd=tmp_path,
        PIP_FIND_LINKS=str(dist),
        UV_FIND_LINKS=str(dist),
        PIPX_HOME=folder,
        PIPX_SHARED_LIBS=f"{folder}/shared",
        PIPX_BIN_DIR=f"{folder}/bin",
        PIPX_MAN_DIR=f"{folder}/man",
        PIPX_DEFAULT_PYTHON=sys.executable,
        UV_PYTHON=sys.executable,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "20 of 20 messages" in found.stdout
    assert found.stdout.splitlines()[-1] == "OK"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_it_brings_is_listed_with_version_and_license(
    dist: Path, installed: Path, tmp_path: Path
) -> None:
    """The list of `make sbom`, of an environment that is there already."""
    if (site_packages(installed) / "dependencies.pth").exists():
        pytest.skip("there is no package index")
    shutil.copytree(dist, tmp_path / "d")
    done = make("sbom", f"DIST={tmp_path / 'd'}")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads((tmp_path / "d" / "icmsg.cdx.json").read_text(encoding="utf-8"))
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "icmsg")
    components = {
        component["name"].lower().replace("_", "-"): component for component in listed["components"]
    }
    assert {"unicorn", "lark", "rich", "pyelftools", "robotframework"} <= components.keys()
    assert {"pytest", "mypy", "ruff"} & components.keys() == set()
    assert components["unicorn"]["version"] == "2.1.4"
    assert components["lark"]["licenses"]
    assert sorted(path.name for path in (tmp_path / "d").iterdir() if path.name.startswith(".")) == []


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_installed_it_makes_a_project_whose_tests_pass_as_it_stands(installed: Path, tmp_path: Path) -> None:
    """Nothing but the wheel is there: what the project needs beside it, its Makefile installs."""
    made = run(installed / "icmsg", "new", "my prüject", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    # Otherwise pytest leaves its own compilations of the package, which the removal below does not know.
    tested = run("make", "test", cwd=tmp_path / "my prüject", PYTHONDONTWRITEBYTECODE="1")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "WILL BOND" in tested.stdout
    assert re.search(r"^6 passed", tested.stdout, re.MULTILINE)
    assert "3 tests, 3 passed, 0 failed" in tested.stdout


def test_removed_it_leaves_nothing_behind(installed: Path, tmp_path: Path) -> None:
    """The last one: after it the environment has no icmsg any more."""
    place = site_packages(installed)
    assert (place / "icmsg").exists()
    removed = run(installed / "python", "-m", "pip", "uninstall", "--yes", "--quiet", "icmsg", cwd=tmp_path)
    assert removed.returncode == 0, removed.stderr
    assert list(place.glob("icmsg*")) == []
    assert not list(installed.glob("icmsg*"))
