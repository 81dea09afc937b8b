"""Firmware with a shell: lines written to its console come back, received in each of the ways that Zephyr has."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import pytest
from firmware_files import FIRMWARE, Reception, shell

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine

if TYPE_CHECKING:
    from pathlib import Path

SOCS = "nrf5340", "nrf54l15"
MS = 1_000_000


def test_the_images_were_built_from_these_sources() -> None:
    """After a change: python tests/link/firmware/shell/build.py."""
    folder = FIRMWARE / "shell"
    spec = importlib.util.spec_from_file_location("build_shell", folder / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads((folder / "manifest.json").read_text()) == module.hashes()


def answers(image: Path, soc: str, lines: list[str], *, steps: int = 1) -> tuple[list[str], int, str]:
    """Return what the console shows at the end, how many bytes were lost, and the trace hash."""
    with EmbeddedMachine(platform_file(soc)) as machine:
        core = machine.core("app")
        core.load(image)
        core.start()
        machine.run_for(1 * MS)
        for line in lines:
            core.console.write_line(line)
        for _ in range(steps):
            machine.run_for(40 * MS // steps)
        assert not machine.warnings
        shown = [line.text for line in core.console.lines] + [core.console.partial]
        assert b"".join(each.data for each in core.console.inputs).decode() == "".join(
            f"{line}\r" for line in lines
        )
        return shown, core.console.missed, machine.trace_sha256()


@pytest.mark.parametrize("soc", SOCS)
@pytest.mark.parametrize("kind", Reception)
def test_a_shell_answers_what_is_written_to_it(tmp_path: Path, soc: str, kind: Reception) -> None:
    lines = ["help", "a line that is longer than a buffer of the receiver", "", "version"]
    shown, missed, _ = answers(shell(tmp_path, kind, soc=soc), soc, lines)
    assert shown == [
        "shell: up",
        "> help",
        "help, version; anything else comes back",
        f"> {lines[1]}",
        f"you said: {lines[1]}",
        "> ",
        "> version",
        "shell 1",
        "> ",
    ]
    assert missed == 0


@pytest.mark.parametrize("kind", Reception)
def test_steps_of_the_caller_change_nothing(tmp_path: Path, kind: Reception) -> None:
    image = shell(tmp_path, kind)
    assert len({str(answers(image, "nrf5340", ["one", "two"], steps=steps)) for steps in (1, 3, 40)}) == 1


@pytest.mark.parametrize(("flow_control", "lost"), [(False, True), (True, False)])
def test_firmware_that_is_too_slow_for_the_baud_rate_loses_bytes_unless_there_is_flow_control(
    tmp_path: Path, flow_control: bool, lost: bool
) -> None:
    image = shell(tmp_path, slow=900, flow_control=flow_control)
    shown, missed, _ = answers(image, "nrf5340", ["0123456789" * 4])
    assert (missed > 0) is lost
    assert (f"you said: {'0123456789' * 4}" in shown) is not lost


def test_the_baud_rate_is_that_of_the_firmware(tmp_path: Path) -> None:
    times = {}
    for name, rate in (("slow", 0x00275000), ("fast", 0x10000000)):
        with EmbeddedMachine(quantum_ns=1000) as machine:
            core = machine.core("app")
            core.load(shell(tmp_path, baudrate=rate))
            core.start()
            machine.run_for(1 * MS)
            core.console.write_line("version")
            machine.run_until(lambda: "shell 1" in core.console.text, timeout_ns=40 * MS)  # noqa: B023
            times[name] = machine.now_ns - 1 * MS
    assert 8 * 10 / 9600 * 1e9 < times["slow"] < 8.2 * 10 / 9600 * 1e9
    assert 8 * 10 / 1e6 * 1e9 <= times["fast"] < 10 * 10 / 1e6 * 1e9


def test_what_is_written_too_early_is_lost_and_said(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        core = machine.core("app")
        core.load(shell(tmp_path))
        core.console.write("early")
        machine.run_for(1 * MS)
        assert core.console.missed == 5
        core.start()
        machine.run_for(1 * MS)
        core.console.write_line("version")
        machine.run_for(2 * MS)
        assert core.console.lines[-1].text == "shell 1"
        assert [(each.time_ns, each.data) for each in core.console.inputs] == [
            (0, b"early"),
            (2 * MS, b"version\r"),
        ]
