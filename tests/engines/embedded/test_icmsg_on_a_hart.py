"""ICMsg between a Cortex-M33 and a hart of RV32, each with firmware or played by Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hart_rig import IMAGES

from icmsg.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM: Final = IMAGES / "beside-arm.repl"
ECHO: Final = str(IMAGES / "icmsg-echo.elf")
INITIATOR: Final = str(IMAGES / "icmsg-initiator.elf")


@pytest.mark.parametrize(
    ("app", "hart", "told"),
    [
        ("initiator", ECHO, ("app│ initiator: done 50 of 50, 0 mismatches", "rv│ echo: bound")),
        ("echo", INITIATOR, ("rv│ initiator: done 50 of 50, 0 mismatches", "app│ echo: bound")),
        ("python", ECHO, ("rv│ echo: bound",)),
        ("initiator", "python", ("app│ initiator: done 50 of 50, 0 mismatches",)),
    ],
    ids=["hart-echoes", "hart-begins", "python-to-hart", "arm-to-python"],
)
def test_fifty_messages_come_back_unchanged(
    app: str, hart: str, told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--platform", str(PLATFORM), "--app", app, "--rv", hart, "--messages", "50"]) == 0
    printed = capsys.readouterr().out
    assert "50 of 50 messages" in printed
    assert "0 mismatches" in printed
    for line in told:
        assert line in printed


def test_firmware_of_the_other_architecture_is_refused_with_the_core_that_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del tmp_path
    assert main(["run", "--platform", str(PLATFORM), "--app", ECHO, "--rv", "python", "--messages", "1"]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "built for a RISC-V core, and core app is an Arm one: load it on that one (--rv)" in said
