"""The suites in robot_tests run unchanged under another Robot, and as Renode's renode-test would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from robot.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SUITES = sorted((ROOT / "robot_tests").glob("*.robot"))
OLDEST, NEWEST = "6.1", ">6.1"
"""What Renode pins, and anything newer."""
FEWER = ("MESSAGES:20", "SIZE_STEP:1021", "IDLE_TIME:20 ms")

pytestmark = pytest.mark.slow


def environment(*paths: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (*paths, ROOT))),
        "PYTHONIOENCODING": "utf-8",
    }


def run(
    *command: object, paths: tuple[Path, ...] = (), timeout_s: int = 110
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=environment(*paths),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture(scope="session")
def other_robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the Robot that is not installed: 6.1, or the newest one where that is."""
    folder = tmp_path_factory.mktemp("robot")
    wanted = f"robotframework{NEWEST}" if VERSION.startswith(OLDEST) else f"robotframework=={OLDEST}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    done = run(*pip, "--target", folder, wanted)
    if done.returncode:
        pytest.skip(f"pip cannot get {wanted}: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def test_under_the_other_robot(other_robot: Path, tmp_path: Path) -> None:
    version = run(sys.executable, "-m", "robot", "--version", paths=(other_robot,)).stdout
    assert f"Robot Framework {VERSION} " not in version
    options = [word for variable in FEWER for word in ("--variable", variable)]
    command = (
        sys.executable,
        "-m",
        "robot",
        "--outputdir",
        tmp_path,
        "--console",
        "dotted",
        *options,
        "robot_tests",
    )
    done = run(*command, paths=(other_robot,))
    assert done.returncode == 0, done.stdout


@pytest.fixture
def renode() -> Iterator[int]:
    """Yield the port of a stand-in for Renode's Robot server."""
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "robot" / "renode_server.py"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.mark.timeout(300)
def test_as_renode_test_runs_them(renode: int, tmp_path: Path) -> None:
    runner = ROOT / "tests" / "robot" / "renode_test_runner.py"
    done = run(sys.executable, runner, tmp_path, renode, *SUITES, "--", *FEWER, timeout_s=290)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[1].rstrip(":") for line in done.stdout.splitlines()} == {
        path.stem for path in SUITES
    }


def test_renode_1_16_gives_its_library_another_name(renode: int, tmp_path: Path) -> None:
    runner = ROOT / "tests" / "robot" / "renode_test_runner.py"
    suite = next(path for path in SUITES if path.stem == "bonding")
    done = run(
        sys.executable, runner, tmp_path, renode, suite, "--", "REMOTE_LIBRARY:Remote", *FEWER, timeout_s=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_keywords_of_renode_are_those_of_renode_there(renode: int, tmp_path: Path) -> None:
    suite = tmp_path / "names.robot"
    suite.write_text(
        "*** Settings ***\nLibrary    icmsg.robot.IcmsgLibrary\n\n*** Test Cases ***\nTest\n"
        "    ${library}=    Get Library Instance    icmsg.robot.IcmsgLibrary\n"
        "    ${names}=    Evaluate    $library.get_keyword_names()\n"
        "    Should Not Contain    ${names}    execute_command\n"
        "    Should Contain    ${names}    create_machine\n"
        "    Execute Command    version\n",
        encoding="utf-8",
    )
    runner = ROOT / "tests" / "robot" / "renode_test_runner.py"
    done = run(sys.executable, runner, tmp_path, renode, suite)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failure_there_has_its_report_and_trace_and_renode_saves_its_snapshot(
    renode: int, tmp_path: Path
) -> None:
    suite = tmp_path / "fails.robot"
    suite.write_text(
        (ROOT / "examples" / "lost_doorbell.robot").read_text(encoding="utf-8"), encoding="utf-8"
    )
    runner = ROOT / "tests" / "robot" / "renode_test_runner.py"
    done = run(sys.executable, runner, tmp_path, renode, suite)
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert lines[0] == "FAIL fails: A Message Without Its Doorbell"
    assert lines[1].startswith("a message for app did not happen within 10.000 ms of virtual time")
    assert "of virtual time on the remote engine:" in lines[2]
    assert "pending in tx-region of app: b'hello'" in lines
    assert "console of net: echo: up | echo: bound" in lines
    assert any(line.startswith("injected by the test: ipcapp DropNext 1 at ") for line in lines)
    assert not any("teardown" in line for line in lines)
    assert len(list((tmp_path / "icmsg-traces").glob("*.txt"))) == 1


MIXED = """*** Settings ***
Library    icmsg.robot.IcmsgLibrary

*** Variables ***
${STOP}    pause

*** Test Cases ***
Renode's Keywords And Ours Take Turns
    Create Machine
    Run Firmware    net    echo
    Play Core    app
    ${uart}=    Create Terminal Tester    sysbus.uartnet    timeout=1
    Wait For Bound    app    timeout=10 ms
    # The emulation is held for Python here, and Renode would wait for ever.
    Wait For Line On Uart    echo: bound    testerId=${uart}
    # Here it runs by itself, and Python could not look at it.
    Send Message    app    after Renode
    Expect Message    app    after Renode
    Test If Uart Is Idle    0.01
    Execute Command    ${STOP}
    Execute Command    emulation RunFor "0.001"
    Send Message    app    after RunFor
    Expect Message    app    after RunFor
    Start Emulation
    Exchange Messages    app    count=3
    Reset Emulation
    Create Machine    script=app-python
    Play Core    app
    Wait For Bound    app    timeout=10 ms
"""


@pytest.mark.parametrize("which", ["installed", "other"])
def test_keywords_of_renode_and_of_the_library_take_turns(
    which: str, request: pytest.FixtureRequest, renode: int, tmp_path: Path
) -> None:
    suite = tmp_path / "mixed.robot"
    suite.write_text(MIXED, encoding="utf-8")
    runner = ROOT / "tests" / "robot" / "renode_test_runner.py"
    paths = (request.getfixturevalue("other_robot"),) if which == "other" else ()
    done = run(sys.executable, runner, tmp_path, renode, suite, paths=paths)
    assert done.returncode == 0, done.stdout + done.stderr
