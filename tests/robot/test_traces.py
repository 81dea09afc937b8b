"""A failed test leaves its trace in the output folder, linked from the log; one that passes leaves none."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from robot.api import ExecutionResult
from robot_runs import SETTINGS, run_suite, run_test

if TYPE_CHECKING:
    from pathlib import Path

FAILING = ("Create Machine", "Play Core    app", "Wait For Bound    app    timeout=1 ms")
TRACE = "icmsg-traces/Suite.Test.txt"


def test_a_failed_test_leaves_its_trace_and_the_log_links_it(tmp_path: Path) -> None:
    assert not run_test(tmp_path, *FAILING).passed
    lines = (tmp_path / TRACE).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# Suite.Test"
    assert lines[1].split("µs")[1].split() == ["app", "ipc0", "becomes", "INITIALIZING_SID_DISABLED"]
    assert lines[2].split("µs")[1].split() == ["app", "rings", "mbox", "channel", "0"]
    assert f'href="{TRACE}"' in (tmp_path / "output.xml").read_text(encoding="utf-8").replace("&lt;", "<")


def test_a_test_that_passes_leaves_none(tmp_path: Path) -> None:
    assert run_test(tmp_path, "Create Machine", "Play Core    app").passed
    assert not (tmp_path / TRACE).exists()


def test_a_failure_of_another_library_leaves_the_trace_too(tmp_path: Path) -> None:
    assert not run_test(tmp_path, "Create Machine", "Play Core    app", "Should Be Equal    1    2").passed
    assert (tmp_path / TRACE).exists()


def test_with_a_teardown_of_its_own_the_message_names_the_file(tmp_path: Path) -> None:
    steps = "".join(f"    {step}\n" for step in (*FAILING, "[Teardown]    No Operation"))
    (outcome,) = run_suite(tmp_path, f"Test\n{steps}")
    assert outcome.message.endswith(f"(trace: {tmp_path / TRACE})")


@pytest.mark.parametrize("teardown", ["", "    [Teardown]    No Operation\n"])
def test_a_trace_that_cannot_be_written_hides_no_failure(teardown: str, tmp_path: Path) -> None:
    (tmp_path / "icmsg-traces").touch()
    steps = "".join(f"    {step}\n" for step in FAILING)
    (outcome,) = run_suite(tmp_path, f"Test\n{steps}{teardown}")
    assert outcome.message.startswith("bound on app did not happen within 1.000 ms")
    assert "teardown failed" not in outcome.message
    everything = (tmp_path / "output.xml").read_text(encoding="utf-8")
    assert f"trace {tmp_path / TRACE} cannot be written: " in everything


def test_an_expected_error_leaves_none(tmp_path: Path) -> None:
    expected = f"Run Keyword And Expect Error    *    {FAILING[-1]}"
    assert run_test(tmp_path, *FAILING[:-1], expected).passed
    assert not (tmp_path / TRACE).exists()


def test_a_fault_of_the_test_is_in_the_trace(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Drop Doorbells    app    3", "Save Trace    mine")
    assert outcome.passed
    text = (tmp_path / "icmsg-traces" / "mine.txt").read_text(encoding="utf-8")
    assert "app  INJECTED ipcapp DropNext 3" in text


def test_every_test_has_a_trace_of_its_own(tmp_path: Path) -> None:
    steps = "".join(f"    {step}\n" for step in FAILING)
    run_suite(tmp_path, f"First\n{steps}Second\n{steps}")
    first, second = (
        (tmp_path / "icmsg-traces" / f"Suite.{name}.txt").read_text() for name in ("First", "Second")
    )
    assert first.splitlines()[1:] == second.splitlines()[1:]


def test_a_test_without_setup_starts_without_a_machine(tmp_path: Path) -> None:
    text = "First\n    Create Machine\nSecond\n    Play Core    app\n"
    first, second = run_suite(tmp_path, text)
    assert first.passed
    assert second.message.startswith("there is no machine")


def test_a_test_with_setup_and_teardown_of_its_own_keeps_the_machine(tmp_path: Path) -> None:
    settings = SETTINGS.replace("\n\n", "\nTest Setup    No Operation\nTest Teardown    No Operation\n\n", 1)
    text = "First\n    Create Machine\nSecond\n    Play Core    app\n"
    assert all(outcome.passed for outcome in run_suite(tmp_path, text, settings=settings))


@pytest.mark.slow
def test_the_log_that_pabot_merges_has_diagnosis_links_and_page_of_a_failure(tmp_path: Path) -> None:
    failing = SETTINGS + "Test\n" + "".join(f"    {step}\n" for step in FAILING)
    (tmp_path / "bad.robot").write_text(failing, encoding="utf-8")
    (tmp_path / "good.robot").write_text(SETTINGS + "Test\n    Create Machine\n", encoding="utf-8")
    (tmp_path / "robot.args").write_text("--variable GIVEN:1\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pabot.pabot",
        "--command",
        sys.executable,
        "-m",
        "robot",
        "--end-command",
    ]
    command += ["--no-pabotlib", "--processes", "2", "--outputdir", "out ü", "--argumentfile", "robot.args"]
    done = subprocess.run(
        [*command, "bad.robot", "good.robot"], cwd=tmp_path, capture_output=True, check=False, timeout=100
    )
    assert done.returncode == 1, done
    out = tmp_path / "out ü"
    assert (out / "log.html").is_file()
    result = ExecutionResult(str(out / "output.xml"))
    assert (result.statistics.total.passed, result.statistics.total.failed) == (1, 1)
    (message,) = [test.message for test in result.suite.all_tests if not test.passed]
    assert "app→net (tx-region of app" in message
    text = html.unescape((out / "output.xml").read_text(encoding="utf-8"))
    links = re.findall(r'href="(pabot_results/.+?)"', text)
    assert [link.rpartition(".")[2] for link in links] == ["txt", "html"]
    for link in links:
        assert "INITIALIZING_SID_DISABLED" in (out / unquote(link)).read_text(encoding="utf-8")
    assert text.count("<details>") == 2, "the trace is in the log as well, wherever that is moved"
    (page,) = re.findall(r'srcdoc="(.+?)"', text, re.DOTALL)
    assert html.unescape(page) == (out / unquote(links[1])).read_text(encoding="utf-8")


def test_a_report_for_a_browser_is_saved_and_linked_from_the_log(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=html")
    steps = (*FAILING[:2], "Drop Doorbells    app    3", "Save Trace    mine.html", FAILING[2])
    (outcome,) = run_suite(tmp_path, "Test\n" + "".join(f"    {step}\n" for step in steps), settings=settings)
    assert not outcome.passed
    log = (tmp_path / "output.xml").read_text(encoding="utf-8").replace("&lt;", "<")
    for name in ("icmsg-traces/mine.html", "icmsg-traces/Suite.Test.html"):
        assert "test: INJECTED ipcapp DropNext 3" in (tmp_path / name).read_text(encoding="utf-8")
    assert 'href="icmsg-traces/mine.html"' in log


ASKS = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=pftrace pcapng", 1)
STEPS = (
    "Create Machine",
    "Run Firmware    net    echo",
    "Play Core    app",
    "Wait For Bound    app",
    "Send Message    app    hello",
)


def suite_of(*steps: str) -> str:
    return "Test\n" + "".join(f"    {step}\n" for step in steps)


def test_a_failed_test_leaves_the_traces_that_the_suite_asks_for_and_the_log_links_them(
    tmp_path: Path,
) -> None:
    (outcome,) = run_suite(tmp_path, suite_of(*STEPS, "Expect Message    app    other"), settings=ASKS)
    assert not outcome.passed
    names = {path.name for path in (tmp_path / "icmsg-traces").iterdir()}
    assert names == {"Suite.Test.txt", "Suite.Test.pftrace", "Suite.Test.pcapng"}
    assert b"hello" in (tmp_path / "icmsg-traces" / "Suite.Test.pcapng").read_bytes()
    log = html.unescape((tmp_path / "output.xml").read_text(encoding="utf-8"))
    assert 'href="icmsg-traces/Suite.Test.pftrace"' in log


def test_a_suffix_says_what_save_trace_saves(tmp_path: Path) -> None:
    text = suite_of(*STEPS, "Expect Message    app    hello", "Save Trace    mine.vcd")
    (outcome,) = run_suite(tmp_path, text, settings=ASKS)
    assert outcome.passed, outcome.message
    assert (tmp_path / "icmsg-traces" / "mine.vcd").read_text().startswith("$comment icmsg")
    assert (tmp_path / "icmsg-traces" / "mine.gtkw").exists()


def test_a_fault_of_the_test_is_in_such_a_trace_too(tmp_path: Path) -> None:
    text = suite_of("Create Machine", "Drop Doorbells    app    3", "Save Trace    mine.pcapng")
    (outcome,) = run_suite(tmp_path, text, settings=ASKS)
    assert outcome.passed, outcome.message
    assert b"INJECTED ipcapp DropNext 3" in (tmp_path / "icmsg-traces" / "mine.pcapng").read_bytes()


def test_save_trace_says_what_a_suite_has_to_ask_for(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=", 1)
    text = suite_of("Create Machine", "Save Trace    mine.pftrace")
    (outcome,) = run_suite(tmp_path, text, settings=settings)
    assert "give the library traces=pftrace" in outcome.message


def test_a_suffix_of_no_format_is_said_by_the_first_keyword(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=pcap", 1)
    (outcome,) = run_suite(tmp_path, suite_of("Create Machine", "Get Engine"), settings=settings)
    assert ".pcap: the suffix says which format, and this is none; use one of .txt" in outcome.message
