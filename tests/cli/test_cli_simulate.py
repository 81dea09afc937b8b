"""`icmsg simulate`: the console of a build's firmware, and where it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from command import icmsg
from firmware_files import shell
from zephyr_build import FAILED, PASSED, image_folder, printing, sysbuild

from icmsg.assets import stub

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A sysbuild folder; its application passes its tests and lets the network core run."""
    folder = sysbuild(tmp_path / "bäu d", "app", app="app", remote="net")
    printing(folder / "app/zephyr/zephyr.elf", "app", "START - test_grüß", PASSED, release=True)
    printing(folder / "remote/zephyr/zephyr.elf", "net", "remote is up")
    return folder


def test_the_console_under_test_is_standard_output_and_the_others_are_standard_error(
    capsys: Capture, build: Path
) -> None:
    found = icmsg(capsys, "simulate", build, "--test")
    assert (found.code, found.out.split("\r\n")) == (0, ["START - test_grüß", PASSED, ""])
    assert found.err == "net│ remote is up\n"


def test_the_default_domain_is_under_test_unless_another_is_named(capsys: Capture, build: Path) -> None:
    domains = build / "domains.yaml"
    domains.write_text(domains.read_text(encoding="utf-8").replace("default: app", "default: remote"))
    found = icmsg(capsys, "simulate", build, "--timeout-s", "0.01")
    assert (found.code, found.out) == (0, "remote is up\r\n")
    assert f"app│ {PASSED}" in found.err
    assert icmsg(capsys, "simulate", build, "--console", "app").out.endswith(f"{PASSED}\r\n")


def test_failed_tests_are_a_verdict_only_where_one_is_asked_for(capsys: Capture, build: Path) -> None:
    printing(build / "app/zephyr/zephyr.elf", "app", FAILED)
    assert icmsg(capsys, "simulate", build).code == 0  # as of an emulator: twister reads the console
    found = icmsg(capsys, "simulate", build, "--test")
    assert (found.code, found.err) == (1, "icmsg: the image says PROJECT EXECUTION FAILED\n")


def test_an_image_that_says_nothing_has_not_passed_and_is_told_why(capsys: Capture, build: Path) -> None:
    printing(build / "app/zephyr/zephyr.elf", "app", "no end")
    found = icmsg(capsys, "simulate", build, "--test", "--timeout-s", "0.01")
    assert (found.code, found.out) == (1, "no end\r\n")
    assert "core app did not say PROJECT EXECUTION … within 10.000 ms of virtual time" in found.err
    assert "the network core is held in reset" in found.err


def test_the_core_without_an_image_is_python_where_there_is_icmsg_else_off(
    capsys: Capture, tmp_path: Path
) -> None:
    net = image_folder(tmp_path / "net", "net")
    net.write_bytes(stub("echo", "net").read_bytes())
    kconfig = net.with_name(".config")
    found = icmsg(capsys, "simulate", tmp_path / "net", "--timeout-s", "0.01")
    assert (found.code, found.out, found.err) == (0, "echo: up\r\necho: bound\r\n", "")
    kconfig.write_text(kconfig.read_text().replace("CONFIG_IPC_SERVICE_BACKEND_ICMSG=y\n", ""))
    found = icmsg(capsys, "simulate", tmp_path / "net", "--timeout-s", "0.01")
    assert (found.code, found.out) == (0, "echo: up\r\n")
    assert found.err == "core app is off: the build has no image for it, and no ICMsg\n"


@pytest.mark.parametrize("backend", ["icmsg", "icbmsg"])
def test_python_sends_every_message_back(capsys: Capture, backend: str) -> None:
    options = ("--app", "initiator", "--net", "python", "--backend", backend, "--timeout-s", "0.05")
    assert "initiator: done 1000 of 1000, 0 mismatches\r\n" in icmsg(capsys, "simulate", *options).out


def test_what_cannot_be_simulated_is_said(capsys: Capture, build: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (
            ("--app", "python", "--net", "python"),
            "there is no firmware to run: give the folder of a build, or --app",
        ),
        (
            (build, "--net", "off", "--console", "net"),
            "--console net: no firmware runs there, so it prints nothing",
        ),
        ((tmp_path / "gone",), "no such folder"),
        ((build, "--timeout-s", "0"), "argument --timeout-s"),
    ):
        found = icmsg(capsys, "simulate", *arguments)
        assert (found.code, found.out) == (2, "")
        assert said in found.err


def started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "icmsg", "simulate", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    )


def test_lines_come_at_once_and_sigterm_ends_it_without_a_traceback(build: Path) -> None:
    printing(build / "app/zephyr/zephyr.elf", "app", "waits for ever")
    with started(build) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"waits for ever\r\n"
        asked = time.monotonic()
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=20)
        took_s = time.monotonic() - asked
    assert (run.returncode, err) == (143, b"icmsg: interrupted\n")
    assert took_s < 10  # half a second on a computer with nothing else to do


def test_what_comes_through_a_pipe_is_typed_into_the_console(tmp_path: Path) -> None:
    with started("--app", shell(tmp_path), "--net", "off") as run:
        assert run.stdin is not None
        assert run.stdout is not None
        assert run.stdout.readline() == b"shell: up\r\n"
        run.stdin.write(b"version\r")
        run.stdin.flush()
        assert [run.stdout.readline() for _ in range(2)] == [b"> version\r\n", b"shell 1\r\n"]
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=20)
