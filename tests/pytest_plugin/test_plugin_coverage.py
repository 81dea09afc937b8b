"""``--icmsg-coverage``: the lines of firmware that the tests of a run have reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ECHO = Path(__file__).parents[1] / "views" / "covered" / "echo-net.elf"
SUITE = """
    def test_bond(icmsg_firmware, icmsg_peer):
        icmsg_firmware("net", {image!r})
        icmsg_peer("app").wait_for_bound()

    def test_echo(icmsg_firmware, icmsg_peer):
        icmsg_firmware("net", {image!r})
        peer = icmsg_peer("app")
        peer.wait_for_bound()
        peer.send(b"hello")
        assert peer.receive() == b"hello"
"""


def run(pytester: pytest.Pytester, *options: str, image: str = str(ECHO)) -> pytest.RunResult:
    pytester.makepyfile(SUITE.format(image=image))
    off = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")
    return pytester.runpytest_inprocess(*off, "--icmsg-engine", "embedded", *options)


def test_all_tests_add_to_one_file(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--icmsg-coverage", "firmware.info")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["icmsg coverage: * lines of firmware reached: *firmware.info"])
    text = (pytester.path / "firmware.info").read_text(encoding="utf-8")
    assert "FNDA:1,link_send" in text


def test_firmware_without_lines_is_named_and_fails_nothing(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--icmsg-coverage", "firmware.info", image="echo")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["icmsg coverage: no coverage: echo-net.elf: *build with -g"])
    assert not (pytester.path / "firmware.info").exists()


def test_without_the_option_nothing_is_written_or_said(pytester: pytest.Pytester) -> None:
    result = run(pytester)
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*coverage*")
