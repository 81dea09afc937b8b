"""Suites of Renode's own repository that pass whole, where RENODE_CHECKOUT is a checkout of its release 1.16.1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from robot.api import ExecutionResult

SUITES: Final = (
    "example",
    "network-logging/network-logging",
    "unit-tests/arm-ge-flag",
    "unit-tests/emulation-environment",
    "unit-tests/file-paths",
    "unit-tests/grammar-number-separator",
    "unit-tests/host-uart",
    "unit-tests/memory-invalidation",
    "unit-tests/page-access-via-io",
    "unit-tests/pause-without-sleep",
    "unit-tests/peripheral-hooks",
    "unit-tests/platform_descriptions",
    "unit-tests/riscv-extensions",
    "unit-tests/riscv-isa-string",
    "unit-tests/sysbus-tag",
    "unit-tests/tb_overwrite",
)


@pytest.mark.skipif("RENODE_CHECKOUT" not in os.environ, reason="RENODE_CHECKOUT names no checkout of Renode")
@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_of_renode_passes_whole(suite: str, tmp_path: Path) -> None:
    if suite.startswith("network-logging"):
        pytest.importorskip("telnetlib3", reason="the suite needs telnetlib3")
    command = [sys.executable, "-m", "icmsg.robot", "--log", "NONE", "--report", "NONE"]
    done = subprocess.run(
        [*command, "--outputdir", str(tmp_path), f"tests/{suite}.robot"],
        capture_output=True,
        text=True,
        cwd=Path(os.environ["RENODE_CHECKOUT"]),
        timeout=280,
        check=False,
    )
    tests = list(ExecutionResult(str(tmp_path / "output.xml")).suite.all_tests)
    assert tests, done.stdout + done.stderr
    assert not [(test.name, test.message) for test in tests if not test.passed]
