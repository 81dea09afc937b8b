"""Suites of the keywords and forms of Renode's own suites pass here, and under the renode-test of a real Renode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from robot.api import ExecutionResult

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "renode_header.robot"
SUITES: Final = sorted(Path(__file__).with_name("renode_suites").glob("*.robot"))


def results(path: Path) -> dict[str, tuple[str, str]]:
    tests = ExecutionResult(str(path)).suite.all_tests
    return {f"{test.parent.name}: {test.name}": (test.status, test.message) for test in tests}


def failed(found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: outcome for name, outcome in found.items() if outcome[0] != "PASS"}


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_suites_without_a_header_pass_on_the_embedded_engine(suite: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "icmsg.robot", "--log", "NONE", "--report", "NONE"]
    done = subprocess.run(
        [*command, "--outputdir", str(tmp_path), str(suite)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=280,
        check=False,
    )
    found = results(tmp_path / "output.xml")
    assert found, done.stdout + done.stderr
    assert not failed(found)


def test_passing_keywords_log_what_they_saw(tmp_path: Path) -> None:
    suite = tmp_path / "seen.robot"
    suite.write_text(
        "*** Test Cases ***\nTest\n    Execute Python    print 'this'\n    Execute Python    40 + 2\n"
    )
    command = [sys.executable, "-m", "icmsg.robot", "--log", "NONE", "--report", "NONE"]
    subprocess.run([*command, "--outputdir", str(tmp_path), str(suite)], capture_output=True, check=True)
    steps = ExecutionResult(str(tmp_path / "output.xml")).suite.tests[0].body
    assert [message.message for step in steps for message in step.body] == [
        "printed: this",
        "print 'this': ''",
        "40 + 2: 42",
    ]


@pytest.mark.skipif(
    "RENODE_TEST" not in os.environ, reason="RENODE_TEST names no renode-test of a real Renode"
)
def test_the_same_suites_pass_under_renode_test(tmp_path: Path) -> None:
    done = subprocess.run(
        [os.environ["RENODE_TEST"], "-r", str(tmp_path), *map(str, [*SUITES, EXAMPLE])],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    found = results(tmp_path / "robot_output.xml")
    assert len(found) >= 51, done.stdout[-2000:]
    assert not failed(found)
