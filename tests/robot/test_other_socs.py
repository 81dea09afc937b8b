"""The suites in robot_tests pass on every SoC unchanged: its name and those of its cores are variables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from icmsg.config.boards import BOARDS, DEFAULT

ROOT = Path(__file__).resolve().parents[2]
FEWER = ("MESSAGES:20", "SIZE_STEP:509", "IDLE_TIME:20 ms")
"""What takes long is shorter than on the default SoC."""
VARIABLES = {
    "nrf54l15": (*FEWER, "SOC:nrf54l15", "SECOND:flpr", "MAILBOX:vevifflpr", "RAM:0x20018000"),
    "nrf54h20": (*FEWER, "SOC:nrf54h20", "SECOND:rad", "MAILBOX:bellrad", "RAM:0x2F0BF000"),
}
LEFT_OUT = {"nrf54l15": "several-channels", "nrf54h20": "dcache-alignment-8"}
"""The VPR rings on one channel only; the radio core's stubs are built for an alignment of 32."""


def test_every_soc_has_its_variables() -> None:
    assert set(VARIABLES) == set(BOARDS) - {DEFAULT.name}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("soc", VARIABLES)
def test_the_suites_pass_unchanged(soc: str, tmp_path: Path) -> None:
    options = [word for variable in VARIABLES[soc] for word in ("--variable", variable)]
    command = [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), "--console", "dotted"]
    done = subprocess.run(
        [*command, *options, "--exclude", LEFT_OUT[soc], "robot_tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "0 failed" in done.stdout
