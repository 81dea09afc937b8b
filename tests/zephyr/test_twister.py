"""Twister's own report says passed; where a Zephyr tree with its toolchain is given by ZEPHYR_BASE."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from zephyr_build import ROOT

ZEPHYR = Path(os.environ.get("ZEPHYR_BASE") or "/none")
BOARD = "nrf5340dk/nrf5340/cpuapp/icmsg"
LIMIT_S = 1800


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
@pytest.mark.skipif(
    not (ZEPHYR / "scripts/twister").is_file() or shutil.which("icmsg") is None,
    reason="needs a Zephyr tree in ZEPHYR_BASE, its toolchain, and icmsg on the PATH",
)
@pytest.mark.parametrize(
    ("folder", "scenario", "options"),
    [
        ("tests/kernel/fifo/fifo_usage", "kernel.fifo.usage", ()),
        # Zephyr 4.0 to 4.3 enable the network core twice and so never stop it: its pull request 110907.
        (
            "samples/subsys/ipc/ipc_service/icmsg",
            "sample.ipc.icmsg",
            ("-K", "-x=icmsg_CONFIG_SOC_NRF53_CPUNET_ENABLE=n"),
        ),
    ],
    ids=["ztest", "sample"],
)
def test_twister_says_passed(tmp_path: Path, folder: str, scenario: str, options: tuple[str, ...]) -> None:
    command = [sys.executable, ZEPHYR / "scripts/twister", "-p", BOARD, "-T", ZEPHYR / folder, "-s", scenario]
    command += ["-O", tmp_path / "out", *options]
    subprocess.run(
        command,
        env=os.environ | {"EXTRA_ZEPHYR_MODULES": str(ROOT)},
        cwd=tmp_path,
        timeout=LIMIT_S,
        check=False,
    )
    (suite,) = json.loads((tmp_path / "out/twister.json").read_text(encoding="utf-8"))["testsuites"]
    assert (suite["platform"], suite["status"]) == (BOARD, "passed"), suite
